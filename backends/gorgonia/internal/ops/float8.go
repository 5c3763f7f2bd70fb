package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// minifloat is the format of a floating-point type of eight bits or fewer.
//
// See https://onnx.ai/onnx/technical/float8.html
type minifloat struct {
	exponent, mantissa int // bits
	bias               int
	infinite           bool // whether there is an infinity
	unsignedZero       bool // whether there is no minus zero, and its bits are the only NaN
	noNaN              bool
}

var minifloats = map[tensor.Type]minifloat{
	tensor.F8E4M3FN:   {4, 3, 7, false, false, false},
	tensor.F8E4M3FNUZ: {4, 3, 8, false, true, false},
	tensor.F8E5M2:     {5, 2, 15, true, false, false},
	tensor.F8E5M2FNUZ: {5, 2, 16, false, true, false},
	tensor.F4E2M1:     {2, 1, 1, false, false, true},
}

func (m minifloat) width() int { return 1 + m.exponent + m.mantissa }

// nan are the bits of the positive NaN.
func (m minifloat) nan() uint8 {
	switch {
	case m.unsignedZero:
		return 0x80
	case m.infinite:
		return uint8(1<<(m.width()-1) - 2) // the quiet one
	}
	return uint8(1<<(m.width()-1) - 1)
}

// largest are the bits of the largest finite number.
func (m minifloat) largest() uint8 {
	all := uint8(1<<(m.width()-1) - 1)
	switch {
	case m.infinite:
		return uint8((1<<m.exponent-1)<<m.mantissa) - 1
	case m.unsignedZero || m.noNaN:
		return all
	}
	return all - 1
}

// value is what bits stand for.
func (m minifloat) value(b uint8) float32 {
	negative := b>>(m.width()-1)&1 == 1
	magnitude := b & (1<<(m.width()-1) - 1)
	exponent, mantissa := int(magnitude>>m.mantissa), float64(magnitude&(1<<m.mantissa-1))/float64(int(1)<<m.mantissa)
	var v float64
	switch {
	case m.unsignedZero && b == 0x80:
		return float32(math.NaN())
	case m.infinite && exponent == 1<<m.exponent-1 && mantissa == 0:
		v = math.Inf(1)
	case m.infinite && exponent == 1<<m.exponent-1:
		return float32(math.NaN())
	case !m.infinite && !m.unsignedZero && !m.noNaN && magnitude == 1<<(m.width()-1)-1:
		return float32(math.NaN())
	case exponent == 0:
		v = math.Ldexp(mantissa, 1-m.bias)
	default:
		v = math.Ldexp(1+mantissa, exponent-m.bias)
	}
	if negative {
		v = -v
	}
	return float32(v)
}

// bits rounds a number to the nearest, ties to even. What is too large becomes the
// largest number when saturate is set, else infinite, or not a number where there is no
// infinity.
func (m minifloat) bits(x float32, saturate bool) uint8 {
	signBit := uint8(0)
	if math.Signbit(float64(x)) {
		signBit = 1 << (m.width() - 1)
	}
	switch {
	case x != x && m.noNaN:
		return 1 << (m.width() - 1) // minus zero, as ONNX's reference has it
	case x != x:
		if m.unsignedZero {
			return 0x80
		}
		return m.nan() | signBit
	}
	a := math.Abs(float64(x))
	magnitude, over := m.round(a)
	if over {
		return m.overflow(signBit, saturate)
	}
	if magnitude == 0 && m.unsignedZero {
		return 0
	}
	return magnitude | signBit
}

// round is the magnitude's bits; over when it is beyond the largest.
func (m minifloat) round(a float64) (bits uint8, over bool) {
	if math.IsInf(a, 1) {
		return 0, true
	}
	if a == 0 {
		return 0, false
	}
	exponent := max(math.Ilogb(a), 1-m.bias)
	unit := math.Ldexp(1, exponent-m.mantissa)
	steps := math.RoundToEven(a / unit)
	v := int64(steps) + int64(exponent+m.bias-1)<<m.mantissa // a normal number's leading 1 adds one to the exponent
	if v > int64(m.largest()) {
		return 0, true
	}
	return uint8(v), false
}

func (m minifloat) overflow(signBit uint8, saturate bool) uint8 {
	switch {
	case saturate || m.noNaN:
		return m.largest() | signBit
	case m.infinite:
		return m.largest() + 1 | signBit
	case m.unsignedZero:
		return 0x80
	}
	return m.nan() | signBit
}

// fromFloat8 is the value of bits of an eight-bit type.
func fromFloat8(t tensor.Type, b uint8) float32 { return minifloats[t].value(b) }
