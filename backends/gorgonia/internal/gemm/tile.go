package gemm

import "unsafe"

// tile is the argument of a micro-kernel: one block of rows and columns small
// enough for its sums to stay in registers, over one block of k.
//
// Strides are in bytes and general, so that one kernel reads packed panels, plain
// matrices and transposed ones alike. The assembly knows the offsets.
type tile struct {
	k     uintptr        // steps, 0 or more
	a     unsafe.Pointer // element (0, 0) of A
	aRow  uintptr        // from one row of A to the next
	aStep uintptr        // from one k to the next
	b     unsafe.Pointer // element (0, 0) of B, whose rows are contiguous
	bStep uintptr        // from one k to the next

	c    unsafe.Pointer // element (0, 0) of the result
	cRow uintptr

	res     unsafe.Pointer // element (0, 0) of what is added beta times
	resRow  uintptr
	biasRow unsafe.Pointer // one value for each row
	biasCol unsafe.Pointer // one value for each column

	maskVec unsafe.Pointer // two AVX2 vectors, all ones in the columns that there are
	mask    uint32         // a bit for each column that there is
	flags   uint32

	alpha, beta, lo, hi, slope float32

	rows, cols uint32 // read by the plain Go kernel; others are made for one height
}

// What a micro-kernel does with its sums besides storing them, in this order.
const (
	flagAccumulate = 1 << iota // after alpha: add what the result holds
	flagAlpha                  // first of all: multiply by alpha
	flagBiasRow
	flagBiasCol
	flagRes // add beta * res
	flagLo  // at least lo
	flagHi  // at most hi
	flagLeaky
	flagMasked // fewer columns than the kernel has
)

// masks holds ones and then zeros; &masks[16-n] are masks for n of 16 columns.
var masks = [32]int32{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}

// setCols says how many columns there are, from 1 to those of kern.
func (t *tile) setCols(kern *kernel, cols int) {
	t.cols = uint32(cols)
	t.mask = uint32(1<<cols - 1)
	t.maskVec = unsafe.Pointer(&masks[max(16-cols, 0)])
	t.flags &^= flagMasked
	if cols < kern.cols {
		t.flags |= flagMasked
	}
}

// addr returns a pointer to s[i]; it is what a slice that may be empty needs, and
// points nowhere in particular for an empty one.
func addr[T any](s []T, i int) unsafe.Pointer {
	var zero T
	return unsafe.Add(unsafe.Pointer(unsafe.SliceData(s)), uintptr(i)*unsafe.Sizeof(zero))
}

func at(s []float32, i int) unsafe.Pointer { return addr(s, i) }

func float(p unsafe.Pointer, off uintptr) *float32 { return (*float32)(unsafe.Add(p, off)) }
