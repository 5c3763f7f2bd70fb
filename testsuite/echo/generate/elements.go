package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/wasinn/wasinn/internal/onnxtest"
)

// element is one of wasi-nn's element types.
type element struct {
	name string
	onnx onnxtest.DataType
	// pool are values that tell the type apart from others: its extremes,
	// signs, and for floats infinities and the smallest steps. Each is exact
	// in the type. NaN is where no conversion of WebAssembly's stands between
	// the text and the bits, since that may change its sign.
	pool []string
	// encode appends a value, or says that the type cannot hold it.
	encode func(b []byte, text string) ([]byte, error)
}

var (
	f16 = element{"f16", onnxtest.Float16, []string{
		"1", "-1.5", "0", "-0", "65504", "-65504", "6.103515625e-05", "5.960464477539063e-08", "inf", "-inf", "nan", "0.333251953125", "1024",
	}, encodeF16}
	f32 = element{"f32", onnxtest.Float, []string{
		"1", "-2.5", "0", "-0", "3.4028234663852886e+38", "-3.4028234663852886e+38", "1.1754943508222875e-38", "1.401298464324817e-45",
		"inf", "-inf", "0.10000000149011612", "16777216", "1e10",
	}, encodeF32}
	f64 = element{"f64", onnxtest.Double, []string{
		"1", "-2.5", "0", "-0", "1.7976931348623157e+308", "-1.7976931348623157e+308", "2.2250738585072014e-308", "5e-324", "inf", "-inf", "nan", "0.1", "9007199254740992",
	}, encodeF64}
	bf16 = element{"bf16", onnxtest.BFloat16, []string{
		"1", "-2.5", "0", "-0", "3.3895313892515355e+38", "-3.3895313892515355e+38", "1.1754943508222875e-38", "9.183549615799121e-41", "inf", "-inf", "0.10009765625", "256", "-255",
	}, encodeBF16}
	u8  = element{"u8", onnxtest.Uint8, []string{"1", "0", "255", "128", "127", "2", "3", "200", "100", "50", "25", "12", "6"}, encodeU8}
	i32 = element{"i32", onnxtest.Int32, []string{
		"1", "-1", "0", "2147483647", "-2147483648", "65536", "-65536", "255", "256", "16777217", "305419896", "-305419896", "7",
	}, encodeI32}
	i64 = element{"i64", onnxtest.Int64, []string{
		"1", "-1", "0", "9223372036854775807", "-9223372036854775808", "4294967296", "-4294967296", "2147483648", "-2147483649",
		"9007199254740993", "81985529216486895", "-81985529216486895", "7",
	}, encodeI64}
)

// elements are the seven types in WIT's order.
func elements() []element { return []element{f16, f32, f64, bf16, u8, i32, i64} }

// take are count values of the pool, from one on and around.
func (e element) take(from, count int) []string {
	values := make([]string, count)
	for i := range values {
		values[i] = e.pool[(from+i)%len(e.pool)]
	}
	return values
}

func (e element) data(values []string) ([]byte, error) {
	var b []byte
	for _, v := range values {
		var err error
		if b, err = e.encode(b, v); err != nil {
			return nil, fmt.Errorf("%s %s: %w", e.name, v, err)
		}
	}
	return b, nil
}

func encodeF64(b []byte, text string) ([]byte, error) {
	v, err := strconv.ParseFloat(text, 64)
	if math.IsNaN(v) {
		return binary.LittleEndian.AppendUint64(b, 0x7ff8_0000_0000_0000), err
	}
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)), err
}

// exactF32 are the bits of a value that 32 bits hold.
func exactF32(text string) (uint32, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, err
	}
	if float64(float32(v)) != v {
		return 0, fmt.Errorf("not exact: the nearest is %v", float64(float32(v)))
	}
	return math.Float32bits(float32(v)), nil
}

func encodeF32(b []byte, text string) ([]byte, error) {
	bits, err := exactF32(text)
	return binary.LittleEndian.AppendUint32(b, bits), err
}

// encodeBF16: a bfloat16 is the upper half of a float32.
func encodeBF16(b []byte, text string) ([]byte, error) {
	bits, err := exactF32(text)
	if err == nil && bits&0xffff != 0 {
		err = fmt.Errorf("not exact: bits %08x", bits)
	}
	return binary.LittleEndian.AppendUint16(b, uint16(bits>>16)), err
}

// encodeF16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction.
func encodeF16(b []byte, text string) ([]byte, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, err
	}
	bits, err := f16Magnitude(math.Abs(v))
	if math.Signbit(v) {
		bits |= 0x8000
	}
	return binary.LittleEndian.AppendUint16(b, bits), err
}

func f16Magnitude(v float64) (uint16, error) {
	const smallest, normal = 0x1p-24, 0x1p-14
	switch {
	case math.IsNaN(v):
		return 0x7e00, nil
	case math.IsInf(v, 0):
		return 0x7c00, nil
	case v < normal:
		return whole(v / smallest)
	case v > 65504:
		return 0, fmt.Errorf("above 65504")
	}
	fraction, exponent := math.Frexp(v) // v is fraction times 2 to the exponent, fraction from 0.5 up to 1
	low, err := whole((2*fraction - 1) * 1024)
	return uint16(exponent+14)<<10 | low, err
}

func whole(v float64) (uint16, error) {
	if v != math.Trunc(v) {
		return 0, fmt.Errorf("not exact: %v units of the last place", v)
	}
	return uint16(v), nil
}

func encodeU8(b []byte, text string) ([]byte, error) {
	v, err := strconv.ParseUint(text, 10, 8)
	return append(b, uint8(v)), err
}

func encodeI32(b []byte, text string) ([]byte, error) {
	v, err := strconv.ParseInt(text, 10, 32)
	return binary.LittleEndian.AppendUint32(b, uint32(v)), err
}

func encodeI64(b []byte, text string) ([]byte, error) {
	v, err := strconv.ParseInt(text, 10, 64)
	return binary.LittleEndian.AppendUint64(b, uint64(v)), err
}
