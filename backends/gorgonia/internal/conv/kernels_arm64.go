//go:build !purego

package conv

import "unsafe"

var neonKernel = &kernel{name: "NEON", rows: 6, lanes: 4, tiles: tilesNEON, tilesTo: tilesToNEON, across: acrossNEON, wide: tile1x8NEON, wideVectors: 8,
	finish: finishByNEON, copyRows: copyRowsByNEON,
	depthwise: map[[2]int]*[depthwiseRows]depthwiseFunc{
		{3, 1}: &depthwise3Stride1NEON, {3, 2}: &depthwise3Stride2NEON,
		{5, 1}: &depthwise5Stride1NEON, {5, 2}: &depthwise5Stride2NEON,
	}}

// kernels are those that this machine can run, the fastest first. Every arm64 has NEON.
func kernels() []*kernel { return []*kernel{neonKernel, plainKernel} }

func finishByNEON(f *finishing) {
	f.check()
	dst, src, res := unsafe.SliceData(f.dst), unsafe.SliceData(f.src), unsafe.SliceData(f.res)
	if f.res == nil {
		finishNEON(dst, src, f.n, f.rows, f.dstStride, f.srcStride, f.bias, f.low, f.high)
	} else {
		finishAddNEON(dst, src, res, f.n, f.rows, f.dstStride, f.srcStride, f.bias, f.low, f.high)
	}
}

func copyRowsByNEON(dst, src []float32, n, rows, dstStride, srcStride int) {
	_, _ = dst[(rows-1)*dstStride+n-1], src[(rows-1)*srcStride+n-1]
	copyRowsNEON(unsafe.SliceData(dst), unsafe.SliceData(src), n, rows, dstStride, srcStride)
}

// everySecond takes as many elements 0, 2, 4, ... of src as it can in eights, at
// most len(dst), and returns their number.
func everySecond(dst, src []float32) int {
	n := min(len(dst), len(src)/2) &^ 7
	if n > 0 {
		everySecondNEON(unsafe.SliceData(dst), unsafe.SliceData(src), n)
	}
	return n
}
