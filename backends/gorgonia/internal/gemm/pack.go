package gemm

import (
	"fmt"
	"unsafe"
)

// PackedA is a left operand in the order in which the kernels read it: for each
// tile of rows, the columns one after the other. It does not change, and may be
// used by several goroutines at once.
type PackedA struct {
	kern *kernel
	m, k int
	data []float32
}

// PackA copies the m by k matrix a, or the transpose of the k by m matrix a where
// transA is true. Rows of a begin lda elements apart.
//
// It panics where a is too short.
func PackA(m, k int, a []float32, lda int, transA bool) *PackedA {
	return packA(best, m, k, a, lda, transA)
}

func packA(kern *kernel, m, k int, a []float32, lda int, transA bool) *PackedA {
	src := A{Data: a, LD: lda, Trans: transA}
	src.check(m, k)
	p := &PackedA{kern: kern, m: m, k: k, data: aligned[float32](m * k)}
	if m == 0 || k == 0 {
		return p
	}
	panels := kern.rowPanels(m)
	for i := range panels {
		first, rows := rowPanel(m, panels, i)
		packAPanel(p.data[first*k:], &src, first, rows, 0, k)
	}
	return p
}

// Bytes says how much memory p keeps.
func (p *PackedA) Bytes() int { return cap(p.data) * 4 }

// packAPanel writes rows rows of a from row i0 and steps k0 to k0+kc, column after column.
func packAPanel(dst []float32, a *A, i0, rows, k0, kc int) {
	if a.Trans {
		for p := range kc {
			copy(dst[p*rows:(p+1)*rows], a.Data[(k0+p)*a.LD+i0:])
		}
		return
	}
	for r := range rows {
		src := a.Data[(i0+r)*a.LD+k0:][:kc]
		out := dst[r : (kc-1)*rows+r+1]
		for p, v := range src {
			out[p*rows] = v
		}
	}
}

// PackedB is a right operand in the order in which the kernels read it: panels of
// as many columns as a tile has, each row after row. It does not change, and may
// be used by several goroutines at once.
type PackedB struct {
	kern *kernel
	k, n int
	data []float32
}

// PackB copies the k by n matrix b, or the transpose of the n by k matrix b where
// transB is true. Rows of b begin ldb elements apart.
//
// It panics where b is too short.
func PackB(k, n int, b []float32, ldb int, transB bool) *PackedB {
	return packB(best, k, n, b, ldb, transB)
}

func packB(kern *kernel, k, n int, b []float32, ldb int, transB bool) *PackedB {
	src := B{Data: b, LD: ldb, Trans: transB}
	src.check(k, n)
	if n == 1 { // a vector, which no kernel wants in panels
		p := &PackedB{kern: kern, k: k, n: n, data: aligned[float32](k)}
		for i := range k {
			if transB {
				p.data[i] = b[i]
			} else {
				p.data[i] = b[i*ldb]
			}
		}
		return p
	}
	panels := kern.colPanels(n)
	p := &PackedB{kern: kern, k: k, n: n, data: aligned[float32](panels * kern.cols * k)}
	if k == 0 {
		return p
	}
	for q := range panels {
		src.packPanel(kern, p.data[q*kern.cols*k:][:kern.cols*k], 0, k, q*kern.cols, min(kern.cols, n-q*kern.cols))
	}
	return p
}

// Bytes says how much memory p keeps.
func (p *PackedB) Bytes() int { return cap(p.data) * 4 }

// A Packer makes a right operand while the product asks for it, piece by piece, as
// a convolution does with the columns of its input.
type Packer interface {
	// PackPanel writes rows k0 to k0+kc and columns j0 to j0+nv of the matrix:
	//
	//	dst[p*nr+j] = B[k0+p][j0+j]    0 <= p < kc, 0 <= j < nv
	//	dst[p*nr+j] = 0                0 <= p < kc, nv <= j < nr
	//
	// dst has kc*nr elements, whose content is undefined before. nr depends on the
	// processor and the shape (32, 16, 4 or 1 at present), j0 is a multiple of it, and nv is less
	// than nr in the last panel only. Several goroutines call it at once.
	PackPanel(dst []float32, k0, kc, j0, nv, nr int)
}

// packPanel is PackPanel for any operand that is not packed already.
func (b *B) packPanel(kern *kernel, dst []float32, k0, kc, j0, nv int) {
	nr := kern.cols
	switch {
	case b.Packer != nil:
		b.Packer.PackPanel(dst[:kc*nr:kc*nr], k0, kc, j0, nv, nr)
	case b.Trans:
		kern.packTransposed(dst, b.Data[j0*b.LD+k0:], b.LD, kc, nv)
	default:
		kern.packRows(dst, b.Data[k0*b.LD+j0:], b.LD, kc, nv)
	}
}

// packRows copies kc rows of nv elements to rows of kern.cols.
func (kern *kernel) packRows(dst, src []float32, ld, kc, nv int) {
	nr := kern.cols
	if nv == nr && kern.copyRows != nil {
		dst, src = dst[:kc*nr], src[:(kc-1)*ld+nr]
		kern.copyRows(&dst[0], &src[0], uintptr(ld)*4, uintptr(kc))
		return
	}
	for p := range kc {
		row := dst[p*nr : (p+1)*nr]
		copy(row, src[p*ld:][:nv])
		clear(row[nv:])
	}
}

// packTransposed copies nv rows of kc elements to columns of kc rows of kern.cols.
func (kern *kernel) packTransposed(dst, src []float32, ld, kc, nv int) {
	nr, j := kern.cols, 0
	if kern.transpose8 != nil && kc >= 8 {
		whole := kc &^ 7
		for ; j+8 <= nv; j += 8 {
			to, from := dst[j:][:(whole-1)*nr+8], src[j*ld:][:7*ld+kc]
			kern.transpose8(&to[0], &from[0], uintptr(nr)*4, uintptr(ld)*4, uintptr(whole/8))
			transposeRows(dst, src, nr, ld, j, j+8, whole, kc)
		}
	}
	transposeRows(dst, src, nr, ld, j, nv, 0, kc)
	if nv < nr {
		for p := range kc {
			clear(dst[p*nr+nv : (p+1)*nr])
		}
	}
}

// transposeRows copies elements p0 to p1 of rows j0 to j1, ld apart, to columns of rows nr apart.
func transposeRows(dst, src []float32, nr, ld, j0, j1, p0, p1 int) {
	for j := j0; j < j1; j++ {
		for p, v := range src[j*ld:][p0:p1] {
			dst[(p0+p)*nr+j] = v
		}
	}
}

// alignment of packed data in bytes: one cache line, so that no vector of a panel straddles two.
const alignment = 64

// aligned returns n elements, all 0, at a multiple of a cache line.
func aligned[T any](n int) []T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	s := make([]T, n+alignment/size-1)
	skip := (-int(uintptr(unsafe.Pointer(unsafe.SliceData(s)))) & (alignment - 1)) / size
	return s[skip:][:n]
}

// grown returns s with n elements, whose content is undefined.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return aligned[T](n)
	}
	return s[:n]
}

// checkMatrix panics unless data holds rows rows of cols elements, ld apart.
func checkMatrix(name string, data []float32, rows, cols, ld int) {
	checkSize(name, len(data), rows, cols, ld)
}

// checkSize panics unless size elements hold rows rows of cols elements, ld apart.
func checkSize(name string, size, rows, cols, ld int) {
	if rows < 0 || cols < 0 || ld < 0 {
		panic(fmt.Sprintf("gemm: %s is %d by %d with rows %d apart, which is negative", name, rows, cols, ld))
	}
	if rows == 0 || cols == 0 {
		return
	}
	if rows > 1 && ld < cols {
		panic(fmt.Sprintf("gemm: rows of %s have %d elements and begin %d apart", name, cols, ld))
	}
	if cols > size || rows > 1 && rows-1 > (size-cols)/ld {
		panic(fmt.Sprintf("gemm: %s has %d elements, too few for %d by %d with rows %d apart", name, size, rows, cols, ld))
	}
}
