package valuediff

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/wasinn/wasinn/backends"
)

// number is an element: a float or complex as its parts, an integer as its bits.
type number struct {
	re, im  float64
	bits    uint64
	integer bool
	signed  bool
	complex bool
}

func (n number) String() string {
	switch {
	case n.integer && n.signed:
		return fmt.Sprint(int64(n.bits))
	case n.integer:
		return fmt.Sprint(n.bits)
	case n.complex:
		return fmt.Sprint(complex(n.re, n.im))
	}
	return fmt.Sprint(n.re)
}

// distance is how far two integers are from each other.
func (n number) distance(m number) float64 {
	a, b := n.bits, m.bits
	if n.signed {
		a, b = a+1<<63, b+1<<63 // their order, as unsigned numbers
	}
	return float64(max(a, b) - min(a, b))
}

// size is the magnitude of an integer.
func (n number) size() float64 {
	if n.signed {
		return math.Abs(float64(int64(n.bits)))
	}
	return float64(n.bits)
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func isFloat(ty backends.ElementType) bool {
	switch ty {
	case backends.FP16, backends.FP32, backends.FP64, backends.BF16, backends.C64, backends.C128, backends.FP4E2M1,
		backends.FP8E4M3FN, backends.FP8E4M3FNUZ, backends.FP8E5M2, backends.FP8E5M2FNUZ, backends.FP8E8M0:
		return true
	}
	return false
}

// reader returns what reads element i of a tensor's data; nil for types without a size.
func reader(ty backends.ElementType) func(data []byte, i int) number {
	bits := ty.Bits()
	switch {
	case ty == backends.C64:
		return func(b []byte, i int) number {
			return number{re: float64(float32At(b, 2*i)), im: float64(float32At(b, 2*i+1)), complex: true}
		}
	case ty == backends.C128:
		return func(b []byte, i int) number {
			return number{re: float64At(b, 2*i), im: float64At(b, 2*i+1), complex: true}
		}
	case isFloat(ty):
		return func(b []byte, i int) number { return number{re: decode(ty, bitsAt(b, i, bits))} }
	case bits > 0:
		signed := ty == backends.I2 || ty == backends.I4 || ty == backends.I8 || ty == backends.I16 || ty == backends.I32 || ty == backends.I64
		return func(b []byte, i int) number {
			v := bitsAt(b, i, bits)
			if signed {
				v = uint64(int64(v<<(64-bits)) >> (64 - bits))
			}
			return number{bits: v, integer: true, signed: signed}
		}
	}
	return nil
}

func float32At(b []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
}

func float64At(b []byte, i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
}

// bitsAt are the bits of element i, each of the given size. Elements of less
// than a byte are packed from the low bits on.
func bitsAt(b []byte, i, bits int) uint64 {
	switch bits {
	case 64:
		return binary.LittleEndian.Uint64(b[8*i:])
	case 32:
		return uint64(binary.LittleEndian.Uint32(b[4*i:]))
	case 16:
		return uint64(binary.LittleEndian.Uint16(b[2*i:]))
	case 8:
		return uint64(b[i])
	}
	at := i * bits
	return uint64(b[at/8]>>(at%8)) & (1<<bits - 1)
}

// decode is the value of a float's bits.
func decode(ty backends.ElementType, bits uint64) float64 {
	switch ty {
	case backends.FP64:
		return math.Float64frombits(bits)
	case backends.FP32:
		return float64(math.Float32frombits(uint32(bits)))
	case backends.BF16:
		return float64(math.Float32frombits(uint32(bits) << 16))
	case backends.FP8E8M0:
		if bits == 0xff {
			return math.NaN()
		}
		return math.Ldexp(1, int(bits)-127)
	}
	return smallFloats[ty].decode(bits)
}

// smallFloat is how the bits of a float are laid out: a sign, then an exponent,
// then a mantissa.
type smallFloat struct {
	exponent, mantissa int // bits
	bias               int
	// infinities: an exponent of ones is an infinity or NaN, as in IEEE 754.
	infinities bool
	// nan are the bits without the sign that are NaN where there are no
	// infinities; 0 for none.
	nan uint64
	// unsignedZero: the bits of -0 are the only NaN.
	unsignedZero bool
}

// smallFloats are laid out as ONNX says.
//
// See https://onnx.ai/onnx/technical/float8.html and float4.html there.
var smallFloats = map[backends.ElementType]smallFloat{
	backends.FP16:        {exponent: 5, mantissa: 10, bias: 15, infinities: true},
	backends.FP8E4M3FN:   {exponent: 4, mantissa: 3, bias: 7, nan: 0x7f},
	backends.FP8E4M3FNUZ: {exponent: 4, mantissa: 3, bias: 8, unsignedZero: true},
	backends.FP8E5M2:     {exponent: 5, mantissa: 2, bias: 15, infinities: true},
	backends.FP8E5M2FNUZ: {exponent: 5, mantissa: 2, bias: 16, unsignedZero: true},
	backends.FP4E2M1:     {exponent: 2, mantissa: 1, bias: 1},
}

func (f smallFloat) decode(bits uint64) float64 {
	sign := 1.0
	signBit := uint64(1) << (f.exponent + f.mantissa)
	magnitude := bits & (signBit - 1)
	if bits&signBit != 0 {
		sign = -1
		if f.unsignedZero && magnitude == 0 {
			return math.NaN()
		}
	}
	if f.nan != 0 && magnitude == f.nan {
		return math.NaN()
	}
	e, m := int(magnitude>>f.mantissa), float64(magnitude&(1<<f.mantissa-1))
	switch {
	case f.infinities && e == 1<<f.exponent-1 && m == 0:
		return math.Inf(int(sign))
	case f.infinities && e == 1<<f.exponent-1:
		return math.NaN()
	case e == 0: // subnormal
		return sign * math.Ldexp(m, 1-f.bias-f.mantissa)
	}
	return sign * math.Ldexp(m+float64(uint64(1)<<f.mantissa), e-f.bias-f.mantissa)
}
