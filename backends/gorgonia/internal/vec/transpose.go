package vec

import "unsafe"

// Element is a type that Transpose moves: of 1, 2, 4 or 8 bytes, without pointers.
type Element interface {
	~bool | ~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~float32 | ~int64 | ~uint64 | ~float64
}

// Transpose writes column j of src as row j of dst: dst[j*dstStride+i] =
// src[i*srcStride+j] for i < rows and j < cols. Strides count elements, and are not
// below cols (src) and rows (dst). dst and src must not overlap.
func Transpose[T Element](dst []T, dstStride int, src []T, srcStride, rows, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	src = src[:(rows-1)*srcStride+cols]
	dst = dst[:(cols-1)*dstStride+rows]
	i := 0
	if unsafe.Sizeof(src[0]) == 4 {
		i = transposeWords(words(dst), dstStride, words(src), srcStride, rows, cols)
	}
	if i < rows {
		transposeBlocks(dst[i:], dstStride, src[i*srcStride:], srcStride, rows-i, cols)
	}
}

// transposeBlocks goes by blocks, whose lines of both sides stay in the cache.
func transposeBlocks[T Element](dst []T, dstStride int, src []T, srcStride, rows, cols int) {
	const block = 16
	for i0 := 0; i0 < rows; i0 += block {
		n := min(block, rows-i0)
		for j := range cols {
			to := dst[j*dstStride+i0:][:n]
			at := i0*srcStride + j
			for i := range to {
				to[i] = src[at]
				at += srcStride
			}
		}
	}
}

// words are the same elements, of 4 bytes each, as uint32.
func words[T Element](s []T) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// transposeWords does as many whole rows of src as it can by assembly, in eights,
// and returns their number.
func transposeWords(dst []uint32, dstStride int, src []uint32, srcStride, rows, cols int) int {
	if rows < 8 || cols < 8 || !transposeTilesAsm(dst, dstStride, src, srcStride, 0) {
		return 0
	}
	i := 0
	for ; i+8 <= rows; i += 8 {
		from, to := src[i*srcStride:], dst[i:]
		transposeTilesAsm(to, dstStride, from, srcStride, cols/8)
		if rest := cols % 8; rest > 0 {
			j := cols - rest
			transposeBlocks(to[j*dstStride:], dstStride, from[j:], srcStride, 8, rest)
		}
	}
	return i
}
