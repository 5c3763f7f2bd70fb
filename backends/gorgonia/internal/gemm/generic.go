package gemm

import (
	"unsafe"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
)

// Number is what [GemmOf] multiplies.
type Number interface {
	~float32 | ~float64 | ~int32 | ~int64 | ~uint32 | ~uint64
}

// Matrix is an operand of [GemmOf]: the rows of a matrix, or those of its
// transpose where Trans is true, LD elements apart.
type Matrix[T Number] struct {
	Data  []T
	LD    int
	Trans bool
}

// GemmOf computes dst = alpha * A * B + beta * C in plain Go, for the element types
// that have no kernels: an m by k matrix A, a k by n matrix B, and, unless c is
// nil, an m by n matrix C whose rows begin ldc elements apart, 0 for one row that
// is added to all. Integers wrap. It is about a twentieth as fast as [Gemm].
//
// Rows of dst begin ldd elements apart. With k of 0 the product is 0. dst overlaps
// neither A nor B. GemmOf panics where a slice is too short for the shape.
func GemmOf[T Number](p *pool.Pool, dst []T, ldd, m, n, k int, alpha T, a, b Matrix[T], beta T, c []T, ldc int) {
	checkSize("the result", len(dst), m, n, ldd)
	checkOperand("A", a, m, k)
	checkOperand("B", b, k, n)
	if c != nil && ldc == 0 {
		checkSize("C", len(c), min(m, 1), n, n)
	} else if c != nil {
		checkSize("C", len(c), m, n, ldc)
	}
	if m == 0 || n == 0 {
		return
	}
	j := &genericJob[T]{a: a, b: b, n: n, k: k, width: (n + goCols - 1) / goCols, store: func(i, j int, x T) {
		x *= alpha
		if c != nil {
			x += beta * c[i*ldc+j]
		}
		dst[i*ldd+j] = x
	}}
	j.m = m
	rows := (m + goRows - 1) / goRows
	ops := goRows * goCols * max(k, 1)
	p.For(rows*j.width, grainOps/8/ops, j.tiles)
}

func checkOperand[T Number](name string, x Matrix[T], rows, cols int) {
	if x.Trans {
		name, rows, cols = "the transpose of "+name, cols, rows
	}
	checkSize(name, len(x.Data), rows, cols, x.LD)
}

type genericJob[T Number] struct {
	a, b    Matrix[T]
	m, n, k int
	width   int // tiles in a row
	store   func(i, j int, x T)
}

// tiles computes tiles lo to hi. Tiles below each other share columns of B, so
// that they come one after the other and the columns are copied to one place.
func (j *genericJob[T]) tiles(lo, hi int) {
	height := (j.m + goRows - 1) / goRows
	strip, last := make([]T, j.k*goCols), -1
	for t := lo; t < hi; t++ {
		i0, j0 := t%height*goRows, t/height*goCols
		rows, cols := min(goRows, j.m-i0), min(goCols, j.n-j0)
		if j0 != last {
			j.copyColumns(strip, j0, cols)
			last = j0
		}
		var sums [goRows][goCols]T
		if rows == goRows {
			sums = j.full(i0, strip)
		} else {
			j.partial(&sums, i0, rows, strip)
		}
		for r := range rows {
			for c := range cols {
				j.store(i0+r, j0+c, sums[r][c])
			}
		}
	}
}

// copyColumns copies cols columns of B to rows of goCols. What is in the others
// meets no result that is kept.
func (j *genericJob[T]) copyColumns(strip []T, j0, cols int) {
	row, col := j.b.steps()
	for p := range j.k {
		for c := range cols {
			strip[p*goCols+c] = j.b.Data[p*row+(j0+c)*col]
		}
	}
}

// steps returns the distances in elements between rows and between columns.
func (x *Matrix[T]) steps() (row, col int) {
	if x.Trans {
		return 1, x.LD
	}
	return x.LD, 1
}

func (j *genericJob[T]) partial(sums *[goRows][goCols]T, i0, rows int, strip []T) {
	row, col := j.a.steps()
	for r := range rows {
		for p := range j.k {
			x := j.a.Data[(i0+r)*row+p*col]
			for c, y := range strip[p*goCols:][:goCols] {
				sums[r][c] += x * y
			}
		}
	}
}

// full computes a whole tile, whose sums stay in registers.
func (j *genericJob[T]) full(i0 int, strip []T) [goRows][goCols]T {
	var (
		c00, c01, c02, c03, c10, c11, c12, c13 T
		c20, c21, c22, c23, c30, c31, c32, c33 T
	)
	size := unsafe.Sizeof(c00)
	row, step := j.a.steps()
	aRow, aStep := uintptr(row)*size, uintptr(step)*size
	a := unsafe.Add(unsafe.Pointer(unsafe.SliceData(j.a.Data)), uintptr(i0)*aRow)
	at := func(p unsafe.Pointer, off uintptr) T { return *(*T)(unsafe.Add(p, off)) }
	var ao uintptr
	for len(strip) >= goCols {
		b0, b1, b2, b3 := strip[0], strip[1], strip[2], strip[3]
		x := at(a, ao)
		c00 += x * b0
		c01 += x * b1
		c02 += x * b2
		c03 += x * b3
		x = at(a, ao+aRow)
		c10 += x * b0
		c11 += x * b1
		c12 += x * b2
		c13 += x * b3
		x = at(a, ao+2*aRow)
		c20 += x * b0
		c21 += x * b1
		c22 += x * b2
		c23 += x * b3
		x = at(a, ao+3*aRow)
		c30 += x * b0
		c31 += x * b1
		c32 += x * b2
		c33 += x * b3
		ao += aStep
		strip = strip[goCols:]
	}
	return [goRows][goCols]T{{c00, c01, c02, c03}, {c10, c11, c12, c13}, {c20, c21, c22, c23}, {c30, c31, c32, c33}}
}
