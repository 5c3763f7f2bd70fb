package conv

import "unsafe"

// tileFunc multiplies a tile of weights with columns: for each of k steps, which
// are at least 1, a[step*rows+r] times the columns at b + offsets[step] bytes is
// added to row r; the rows go to c, ldc elements apart.
type tileFunc func(k int, offsets *int32, a, b, c *float32, ldc int)

// tileToFunc is a tileFunc that writes to the output: bias and more are added to the
// sums, and they are kept between limits. end is the address of a tileEnd.
type tileToFunc func(k int, offsets *int32, a, b, c *float32, ldc int, end *byte)

// tileEnd is what follows the sums of a tile; the assembly knows its layout.
type tileEnd struct {
	bias      *float32 // one for each row
	res       *float32 // is added, by the strides of the output; nil for nothing
	low, high float32
}

// kernel is the set of functions for one instruction set.
type kernel struct {
	name  string
	rows  int // of the largest tile
	lanes int // of a vector
	// tiles are the functions by vectors of columns and rows, each less one.
	tiles [][]tileFunc
	// tilesTo are the same that write to the output; plain Go has none.
	tilesTo [][]tileToFunc
	// across are functions whose vectors, as many as a tile has, are of weights: b has
	// a column for each row of c, and a the weights of so many channels for each step.
	// They are by columns, less one; plain Go has none.
	across []tileFunc
	// wide takes one row of weights and wideVectors of columns.
	wide        tileFunc
	wideVectors int
	// finish adds bias and, where it is not nil, res to rows of n sums, and keeps
	// them between low and high.
	finish func(f *finishing)
	// copyRows copies rows of n elements.
	copyRows func(dst, src []float32, n, rows, dstStride, srcStride int)
	// depthwise are the kernels for depthwise convolutions by size and stride.
	depthwise map[[2]int]*[depthwiseRows]depthwiseFunc
	// largest and sum are such kernels that take the largest of what each window sees, or
	// the sum, multiplied by what is low in their arguments.
	largest, sum map[[2]int]*[depthwiseRows]depthwiseFunc
}

// finishing is the argument of kernel.finish. Strides are in elements.
type finishing struct {
	dst, src, res        []float32
	n, rows              int
	dstStride, srcStride int
	bias, low, high      float32
}

// check makes sure that assembly stays within the slices.
func (f *finishing) check() {
	_ = f.dst[(f.rows-1)*f.dstStride+f.n-1]
	_ = f.src[(f.rows-1)*f.srcStride+f.n-1]
	if f.res != nil {
		_ = f.res[(f.rows-1)*f.dstStride+f.n-1]
	}
}

// best is the fastest kernel that this machine can run.
var best = kernels()[0]

var plainKernel = &kernel{
	name: "plain Go", rows: 4, lanes: 4,
	tiles:       [][]tileFunc{{plainTile(1), plainTile(2), plainTile(3), plainTile(4)}},
	wide:        plainTile(1),
	wideVectors: 1,
	finish:      plainFinish,
	copyRows:    plainCopyRows,
}

func (k *kernel) cols() int { return k.lanes * len(k.tiles) }

// plainTile makes a tile of four columns, which goes row by row: more sums at once
// were measured to be slower, for lack of registers.
func plainTile(rows int) tileFunc {
	return func(k int, offsets *int32, a, b, c *float32, ldc int) {
		for r := range rows {
			row := (*[4]float32)(unsafe.Add(unsafe.Pointer(c), r*ldc*4))
			*row = plainRow(unsafe.Slice(offsets, k), unsafe.Slice(a, k*rows)[r:], rows, b)
		}
	}
}

// plainRow is one row of a tile. The weights of one step are stride from those of
// the step before.
func plainRow(offsets []int32, a []float32, stride int, b *float32) [4]float32 {
	var s0, s1, s2, s3 float32
	for i, o := range offsets {
		x := (*[4]float32)(unsafe.Add(unsafe.Pointer(b), o))
		v := a[i*stride]
		s0 += v * x[0]
		s1 += v * x[1]
		s2 += v * x[2]
		s3 += v * x[3]
	}
	return [4]float32{s0, s1, s2, s3}
}

func plainFinish(f *finishing) {
	for r := range f.rows {
		dst, src := f.dst[r*f.dstStride:][:f.n], f.src[r*f.srcStride:][:f.n]
		if f.res == nil {
			for i, v := range src {
				dst[i] = min(max(v+f.bias, f.low), f.high)
			}
			continue
		}
		res := f.res[r*f.dstStride:][:f.n]
		for i, v := range src {
			dst[i] = min(max(v+f.bias+res[i], f.low), f.high)
		}
	}
}

func plainCopyRows(dst, src []float32, n, rows, dstStride, srcStride int) {
	for r := range rows {
		copy(dst[r*dstStride:][:n], src[r*srcStride:])
	}
}
