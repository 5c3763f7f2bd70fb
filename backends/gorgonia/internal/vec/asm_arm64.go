//go:build !purego

package vec

import "unsafe"

// The functions here do the greater part of their rows, a multiple of eight
// elements, and return how many: none where a test wants plain Go.

func eights(n int) int {
	if level < levelNEON {
		return 0
	}
	return n &^ 7
}

func float16ToFloat32Eights(dst []float32, src []uint16) int {
	n := eights(len(dst))
	if n > 0 {
		float16ToFloat32NEON(unsafe.SliceData(dst), unsafe.SliceData(src), n)
	}
	return n
}

func float32ToFloat16Eights(dst []uint16, src []float32) int {
	n := eights(len(dst))
	if n > 0 {
		float32ToFloat16NEON(unsafe.SliceData(dst), unsafe.SliceData(src), n)
	}
	return n
}

func bfloat16ToFloat32Eights(dst []float32, src []uint16) int {
	n := eights(len(dst))
	if n > 0 {
		bfloat16ToFloat32NEON(unsafe.SliceData(dst), unsafe.SliceData(src), n)
	}
	return n
}

func float32ToBfloat16Eights(dst []uint16, src []float32) int {
	n := eights(len(dst))
	if n > 0 {
		float32ToBfloat16NEON(unsafe.SliceData(dst), unsafe.SliceData(src), n)
	}
	return n
}

func int32ToFloat32Eights(dst []float32, src []int32) int {
	n := eights(len(dst))
	if n > 0 {
		int32ToFloat32NEON(unsafe.SliceData(dst), unsafe.SliceData(src), n)
	}
	return n
}

func dequantizeUint8Eights(dst []float32, src []uint8, scale, zero float32) int {
	n := eights(len(dst))
	if n > 0 {
		dequantizeUint8NEON(unsafe.SliceData(dst), unsafe.SliceData(src), n, scale, zero)
	}
	return n
}

func dequantizeInt8Eights(dst []float32, src []int8, scale, zero float32) int {
	n := eights(len(dst))
	if n > 0 {
		dequantizeInt8NEON(unsafe.SliceData(dst), unsafe.SliceData(src), n, scale, zero)
	}
	return n
}

func quantizeUint8Eights(dst []uint8, src []float32, scale, zero float32) int {
	n := eights(len(dst))
	if n > 0 {
		quantizeUint8NEON(unsafe.SliceData(dst), unsafe.SliceData(src), n, scale, zero, 0, 255)
	}
	return n
}

func quantizeInt8Eights(dst []int8, src []float32, scale, zero float32) int {
	n := eights(len(dst))
	if n > 0 {
		quantizeInt8NEON(unsafe.SliceData(dst), unsafe.SliceData(src), n, scale, zero, -128, 127)
	}
	return n
}

// transposeTilesAsm transposes tiles of 8x8, side by side in src and one above the
// other in dst, and says whether it can.
func transposeTilesAsm(dst []uint32, dstStride int, src []uint32, srcStride, tiles int) bool {
	if level < levelNEON {
		return false
	}
	transposeTilesNEON(unsafe.SliceData(dst), unsafe.SliceData(src), dstStride, srcStride, tiles)
	return true
}
