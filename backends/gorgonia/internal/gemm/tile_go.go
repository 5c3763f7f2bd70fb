package gemm

import "unsafe"

// goRows and goCols are the tile of the plain Go kernel, whose sums fit the
// registers of a machine with 16 or more.
const goRows, goCols = 4, 4

// kernelGo is the kernel that runs everywhere.
var kernelGo = &kernel{
	name: "go", rows: goRows, cols: goCols, width: goCols, kc: 256, nc: 512, direct: 2,
	tiles: [][]func(*tile){{tileGo, tileGo, tileGo, tileGo}},
	dots:  dotsGo,
}

// tileGo is the micro-kernel in plain Go, for up to goRows rows and goCols columns.
func tileGo(t *tile) {
	var acc [goRows][goCols]float32
	if t.rows == goRows && t.cols == goCols {
		productFull(t, &acc)
	} else {
		productPart(t, &acc)
	}
	for r := range uintptr(t.rows) {
		for c := range uintptr(t.cols) {
			t.finish(r, c, acc[r][c])
		}
	}
}

func productFull(t *tile, acc *[goRows][goCols]float32) {
	var (
		c00, c01, c02, c03 float32
		c10, c11, c12, c13 float32
		c20, c21, c22, c23 float32
		c30, c31, c32, c33 float32
	)
	row, step, bStep := t.aRow, t.aStep, t.bStep
	var a, b uintptr
	for range t.k {
		b0, b1, b2, b3 := *float(t.b, b), *float(t.b, b+4), *float(t.b, b+8), *float(t.b, b+12)
		x := *float(t.a, a)
		c00 += x * b0
		c01 += x * b1
		c02 += x * b2
		c03 += x * b3
		x = *float(t.a, a+row)
		c10 += x * b0
		c11 += x * b1
		c12 += x * b2
		c13 += x * b3
		x = *float(t.a, a+2*row)
		c20 += x * b0
		c21 += x * b1
		c22 += x * b2
		c23 += x * b3
		x = *float(t.a, a+3*row)
		c30 += x * b0
		c31 += x * b1
		c32 += x * b2
		c33 += x * b3
		a += step
		b += bStep
	}
	*acc = [goRows][goCols]float32{
		{c00, c01, c02, c03}, {c10, c11, c12, c13}, {c20, c21, c22, c23}, {c30, c31, c32, c33}}
}

func productPart(t *tile, acc *[goRows][goCols]float32) {
	for r := range uintptr(t.rows) {
		for c := range uintptr(t.cols) {
			var sum float32
			a, b := r*t.aRow, c*4
			for range t.k {
				sum += *float(t.a, a) * *float(t.b, b)
				a += t.aStep
				b += t.bStep
			}
			acc[r][c] = sum
		}
	}
}

// finish does what the flags say with the sum of row r and column c, and stores it.
func (t *tile) finish(r, c uintptr, x float32) {
	dst := float(t.c, r*t.cRow+c*4)
	f := t.flags
	if f&flagAlpha != 0 {
		x *= t.alpha
	}
	if f&flagAccumulate != 0 {
		x += *dst
	}
	if f&flagBiasRow != 0 {
		x += *float(t.biasRow, r*4)
	}
	if f&flagBiasCol != 0 {
		x += *float(t.biasCol, c*4)
	}
	if f&flagRes != 0 {
		x += t.beta * *float(t.res, r*t.resRow+c*4)
	}
	if f&flagLo != 0 && x < t.lo {
		x = t.lo
	}
	if f&flagHi != 0 && x > t.hi {
		x = t.hi
	}
	if f&flagLeaky != 0 && x < 0 {
		x *= t.slope
	}
	*dst = x
}

// dotsGo is kernel.dots in plain Go.
func dotsGo(to, rows, x *float32, stride, k uintptr, _ *int32) {
	var s0, s1, s2, s3 float32
	a, b := unsafe.Pointer(rows), unsafe.Pointer(x)
	for i := uintptr(0); i < 4*k; i += 4 {
		y := *float(b, i)
		s0 += *float(a, i) * y
		s1 += *float(a, i+stride) * y
		s2 += *float(a, i+2*stride) * y
		s3 += *float(a, i+3*stride) * y
	}
	*(*[4]float32)(unsafe.Pointer(to)) = [4]float32{s0, s1, s2, s3}
}
