package vec

import "math"

// Float16ToFloat32 widens IEEE 754 half-precision numbers, given by their bits.
func Float16ToFloat32(dst []float32, src []uint16) {
	src = src[:len(dst)]
	for i := float16ToFloat32Eights(dst, src); i < len(dst); i++ {
		dst[i] = float16ToFloat32(src[i])
	}
}

// Float32ToFloat16 rounds to half precision, halves to even: from 65520 on to
// infinity, below 2^-14 to denormals.
func Float32ToFloat16(dst []uint16, src []float32) {
	src = src[:len(dst)]
	for i := float32ToFloat16Eights(dst, src); i < len(dst); i++ {
		dst[i] = float32ToFloat16(src[i])
	}
}

// Bfloat16ToFloat32 widens bfloat16 numbers, given by their bits.
func Bfloat16ToFloat32(dst []float32, src []uint16) {
	src = src[:len(dst)]
	for i := bfloat16ToFloat32Eights(dst, src); i < len(dst); i++ {
		dst[i] = math.Float32frombits(uint32(src[i]) << 16)
	}
}

// Float32ToBfloat16 rounds to bfloat16, halves to even.
func Float32ToBfloat16(dst []uint16, src []float32) {
	src = src[:len(dst)]
	for i := float32ToBfloat16Eights(dst, src); i < len(dst); i++ {
		dst[i] = float32ToBfloat16(src[i])
	}
}

// Int32ToFloat32 rounds to nearest, halves to even.
func Int32ToFloat32(dst []float32, src []int32) {
	src = src[:len(dst)]
	for i := int32ToFloat32Eights(dst, src); i < len(dst); i++ {
		dst[i] = float32(src[i])
	}
}

// DequantizeUint8 is dst = (src - zero) * scale, ONNX's DequantizeLinear of one
// block.
func DequantizeUint8(dst []float32, src []uint8, scale float32, zero uint8) {
	src = src[:len(dst)]
	for i := dequantizeUint8Eights(dst, src, scale, float32(zero)); i < len(dst); i++ {
		dst[i] = float32(int32(src[i])-int32(zero)) * scale
	}
}

// DequantizeInt8 is dst = (src - zero) * scale, ONNX's DequantizeLinear of one
// block.
func DequantizeInt8(dst []float32, src []int8, scale float32, zero int8) {
	src = src[:len(dst)]
	for i := dequantizeInt8Eights(dst, src, scale, float32(zero)); i < len(dst); i++ {
		dst[i] = float32(int32(src[i])-int32(zero)) * scale
	}
}

// QuantizeUint8 is src/scale, rounded halves to even, plus zero, saturated to
// 0...255: ONNX's QuantizeLinear of one block. NaN becomes 0.
func QuantizeUint8(dst []uint8, src []float32, scale float32, zero uint8) {
	src = src[:len(dst)]
	for i := quantizeUint8Eights(dst, src, scale, float32(zero)); i < len(dst); i++ {
		dst[i] = uint8(quantize(src[i], scale, float32(zero), 0, 255))
	}
}

// QuantizeInt8 is src/scale, rounded halves to even, plus zero, saturated to
// -128...127: ONNX's QuantizeLinear of one block. NaN becomes -128.
func QuantizeInt8(dst []int8, src []float32, scale float32, zero int8) {
	src = src[:len(dst)]
	for i := quantizeInt8Eights(dst, src, scale, float32(zero)); i < len(dst); i++ {
		dst[i] = int8(quantize(src[i], scale, float32(zero), -128, 127))
	}
}

func quantize(x, scale, zero, low, high float32) int32 {
	r := float32(math.RoundToEven(float64(x/scale))) + zero
	if !(r > low) { // and where r is no number
		return int32(low)
	}
	return int32(min(r, high))
}

func float16ToFloat32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, fraction := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch {
	case exponent == 0: // zero or denormal: fraction * 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*(1.0/(1<<24))))
	case exponent == 31 && fraction != 0: // quieten, as the hardware does
		return math.Float32frombits(sign | 0x7fc00000 | fraction<<13)
	case exponent == 31:
		return math.Float32frombits(sign | 0x7f800000)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

func float32ToFloat16(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 16 & 0x8000)
	bits &= 0x7fffffff
	switch {
	case bits > 0x7f800000:
		return sign | 0x7e00 | uint16(bits>>13&0x3ff)
	case bits >= 0x477ff000: // 65520 and more
		return sign | 0x7c00
	case bits >= 0x38800000: // 2^-14 and more
		return sign | uint16((bits-0x38000000+0xfff+bits>>13&1)>>13)
	}
	// Adding 1/2 leaves the multiple of 2^-24, rightly rounded, in the low bits.
	return sign | uint16(math.Float32bits(math.Float32frombits(bits)+0.5)-0x3f000000)
}

func float32ToBfloat16(f float32) uint16 {
	bits := math.Float32bits(f)
	if f != f {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
