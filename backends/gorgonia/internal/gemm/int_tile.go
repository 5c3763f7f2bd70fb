package gemm

import "unsafe"

// intTile is the argument of an integer micro-kernel.
type intTile struct {
	k    uintptr        // groups of k, of as many elements as a step takes
	a    unsafe.Pointer // row 0 of A, whose groups of 4 bytes follow each other
	aRow uintptr        // bytes from one row to the next
	b    unsafe.Pointer // a panel of B: a group of each column, for group after group

	c    unsafe.Pointer // element (0, 0) of the result, int32
	cRow uintptr

	// With intCorrect, row0[i]*col0[j] + row1[i]*col1[j] is added.
	row0, col0, row1, col1 unsafe.Pointer

	maskVec unsafe.Pointer // as in tile
	mask    uint32
	flags   uint32

	rows, cols uint32 // read by the plain Go kernel only

	edge [64]int32 // the result of kernels whose tiles are whole, where columns are missing
}

const (
	intAccumulate = 1 << iota // add what the result holds
	intCorrect
	intMasked // fewer columns than the kernel has
)

// intKernel is an integer micro-kernel of all heights. Its operands are groups of
// 4 bytes along k: four bytes, signed of B and of A unsigned, unless signedA is true,
// where quads is, and two int16 otherwise.
type intKernel struct {
	name       string
	rows, cols int
	quads      bool
	signedA    bool
	whole      bool // tiles have cols columns of the result
	tiles      []func(*intTile)
	packQuads  func(to, from *byte, src, quads uintptr, flip uint32, sums *int32) // or nil
}

// group is how many elements one step of k takes.
func (kern *intKernel) group() int {
	if kern.quads {
		return 4
	}
	return 2
}

// size is the bytes of an element in packed operands.
func (kern *intKernel) size() int { return 4 / kern.group() }

var bestInt = intKernels()[0]

// intGo is the integer kernel that runs everywhere.
var intGo = &intKernel{name: "go", rows: goRows, cols: goCols, tiles: []func(*intTile){intTileGo, intTileGo, intTileGo, intTileGo}}

func intTileGo(t *intTile) {
	for r := range uintptr(t.rows) {
		var sums [goCols]int32
		a := (*int16)(unsafe.Add(t.a, r*t.aRow))
		b := (*int16)(t.b)
		for range t.k {
			x, y := unsafe.Slice(a, 2), unsafe.Slice(b, 2*goCols)
			a0, a1 := int32(x[0]), int32(x[1])
			sums[0] += a0*int32(y[0]) + a1*int32(y[1])
			sums[1] += a0*int32(y[2]) + a1*int32(y[3])
			sums[2] += a0*int32(y[4]) + a1*int32(y[5])
			sums[3] += a0*int32(y[6]) + a1*int32(y[7])
			a = (*int16)(unsafe.Add(unsafe.Pointer(a), 4))
			b = (*int16)(unsafe.Add(unsafe.Pointer(b), 4*goCols))
		}
		c := unsafe.Slice((*int32)(unsafe.Add(t.c, r*t.cRow)), t.cols)
		for i := range c {
			if t.flags&intAccumulate != 0 {
				sums[i] += c[i]
			}
			c[i] = sums[i]
		}
	}
}
