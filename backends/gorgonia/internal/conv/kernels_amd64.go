//go:build !purego

package conv

import (
	"unsafe"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// kernels are those that this machine can run, the fastest first.
func kernels() []*kernel {
	k := []*kernel{plainKernel}
	if vec.HasAVX2() {
		k = append([]*kernel{{name: "AVX2", rows: 6, lanes: 8, tiles: tilesAVX2, tilesTo: tilesToAVX2, across: acrossAVX2, wide: tile1x8AVX2, wideVectors: 8, finish: finishByAVX2, copyRows: copyRowsByAVX2, depthwise: depthwiseAVX2, largest: largestAVX2, sum: sumAVX2}}, k...)
	}
	if vec.HasAVX512() {
		k = append([]*kernel{{name: "AVX-512", rows: 14, lanes: 16, tiles: tilesAVX512, tilesTo: tilesToAVX512, across: acrossAVX512, wide: tile1x8AVX512, wideVectors: 8, finish: finishByAVX512, copyRows: copyRowsByAVX512, depthwise: depthwiseAVX512, largest: largestAVX512, sum: sumAVX512}}, k...)
	}
	return k
}

// Kernels for depthwise convolutions and poolings by size and stride.
var (
	depthwiseAVX2 = map[[2]int]*[depthwiseRows]depthwiseFunc{
		{3, 1}: &depthwise3Stride1AVX2, {3, 2}: &depthwise3Stride2AVX2,
		{5, 1}: &depthwise5Stride1AVX2, {5, 2}: &depthwise5Stride2AVX2,
	}
	depthwiseAVX512 = map[[2]int]*[depthwiseRows]depthwiseFunc{
		{3, 1}: &depthwise3Stride1AVX512, {3, 2}: &depthwise3Stride2AVX512,
		{5, 1}: &depthwise5Stride1AVX512, {5, 2}: &depthwise5Stride2AVX512,
	}
	largestAVX2   = map[[2]int]*[depthwiseRows]depthwiseFunc{{2, 2}: &poolMax2Stride2AVX2, {3, 1}: &poolMax3Stride1AVX2, {3, 2}: &poolMax3Stride2AVX2}
	largestAVX512 = map[[2]int]*[depthwiseRows]depthwiseFunc{{2, 2}: &poolMax2Stride2AVX512, {3, 1}: &poolMax3Stride1AVX512, {3, 2}: &poolMax3Stride2AVX512}
	sumAVX2       = map[[2]int]*[depthwiseRows]depthwiseFunc{{2, 2}: &poolSum2Stride2AVX2, {3, 1}: &poolSum3Stride1AVX2, {3, 2}: &poolSum3Stride2AVX2}
	sumAVX512     = map[[2]int]*[depthwiseRows]depthwiseFunc{{2, 2}: &poolSum2Stride2AVX512, {3, 1}: &poolSum3Stride1AVX512, {3, 2}: &poolSum3Stride2AVX512}
)

func finishByAVX2(f *finishing) {
	f.check()
	dst, src, res := unsafe.SliceData(f.dst), unsafe.SliceData(f.src), unsafe.SliceData(f.res)
	if f.res == nil {
		finishAVX2(dst, src, f.n, f.rows, f.dstStride, f.srcStride, f.bias, f.low, f.high)
	} else {
		finishAddAVX2(dst, src, res, f.n, f.rows, f.dstStride, f.srcStride, f.bias, f.low, f.high)
	}
}

func finishByAVX512(f *finishing) {
	f.check()
	dst, src, res := unsafe.SliceData(f.dst), unsafe.SliceData(f.src), unsafe.SliceData(f.res)
	if f.res == nil {
		finishAVX512(dst, src, f.n, f.rows, f.dstStride, f.srcStride, f.bias, f.low, f.high)
	} else {
		finishAddAVX512(dst, src, res, f.n, f.rows, f.dstStride, f.srcStride, f.bias, f.low, f.high)
	}
}

func copyRowsByAVX2(dst, src []float32, n, rows, dstStride, srcStride int) {
	_, _ = dst[(rows-1)*dstStride+n-1], src[(rows-1)*srcStride+n-1]
	copyRowsAVX2(unsafe.SliceData(dst), unsafe.SliceData(src), n, rows, dstStride, srcStride)
}

func copyRowsByAVX512(dst, src []float32, n, rows, dstStride, srcStride int) {
	_, _ = dst[(rows-1)*dstStride+n-1], src[(rows-1)*srcStride+n-1]
	copyRowsAVX512(unsafe.SliceData(dst), unsafe.SliceData(src), n, rows, dstStride, srcStride)
}

// everySecond takes as many elements 0, 2, 4, ... of src as it can in eights, at
// most len(dst), and returns their number.
func everySecond(dst, src []float32) int {
	n := min(len(dst), len(src)/2) &^ 7
	if n == 0 || !vec.HasAVX2() {
		return 0
	}
	everySecondAVX2(unsafe.SliceData(dst), unsafe.SliceData(src), n)
	return n
}
