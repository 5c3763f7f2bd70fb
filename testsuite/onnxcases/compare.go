package onnxcases

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends"
)

// compare tells how found differs from want, which is nil when it does not.
func (c *Case) compare(found, want backends.Value) error {
	if o, ok := want.(*backends.Optional); ok {
		return c.compareOptional(found, o)
	}
	if o, ok := found.(*backends.Optional); ok {
		found = o.Value()
	}
	switch want := want.(type) {
	case *backends.Tensor:
		if f, ok := found.(*backends.Tensor); ok {
			return c.compareTensors(f, want)
		}
	case *backends.Sequence:
		if f, ok := found.(*backends.Sequence); ok {
			return c.compareSequences(f, want)
		}
	case *backends.Map:
		if f, ok := found.(*backends.Map); ok {
			return c.compareMaps(f, want)
		}
	}
	return fmt.Errorf("found %s, expected %s", kindOf(found), want.ValueType())
}

func kindOf(v backends.Value) string {
	if v == nil {
		return "nothing"
	}
	return v.ValueType().String()
}

// compareOptional compares what an optional holds. An engine may give it bare.
func (c *Case) compareOptional(found backends.Value, want *backends.Optional) error {
	if o, ok := found.(*backends.Optional); ok {
		found = o.Value()
	}
	switch {
	case want.Value() == nil && found == nil:
		return nil
	case want.Value() == nil:
		return fmt.Errorf("found %s, expected nothing", kindOf(found))
	}
	return c.compare(found, want.Value())
}

func (c *Case) compareSequences(found, want *backends.Sequence) error {
	if n, m := len(found.Values()), len(want.Values()); n != m {
		return fmt.Errorf("found a sequence of %d, expected %d", n, m)
	}
	for i, v := range found.Values() {
		if err := c.compare(v, want.Values()[i]); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

// compareMaps compares key by key: the order of a map does not matter, but both
// come sorted.
func (c *Case) compareMaps(found, want *backends.Map) error {
	if err := c.compareTensors(found.Keys(), want.Keys()); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	if err := c.compareTensors(found.Values(), want.Values()); err != nil {
		return fmt.Errorf("values: %w", err)
	}
	return nil
}

func (c *Case) compareTensors(found, want *backends.Tensor) error {
	if found.Type() != want.Type() || !slices.Equal(found.Dims(), want.Dims()) {
		return fmt.Errorf("found %s%v, expected %s%v", found.Type(), found.Dims(), want.Type(), want.Dims())
	}
	var d difference
	switch {
	case want.Type() == backends.String:
		for i, s := range want.Strings() {
			if s != found.Strings()[i] {
				d.add(i, math.Inf(1), fmt.Sprintf("%q", found.Strings()[i]), fmt.Sprintf("%q", s))
			}
		}
	default:
		n, err := backends.ElementCount(want.Dims())
		if err != nil {
			return err
		}
		at, err := reader(want.Type())
		if err != nil {
			return err
		}
		for i := range int(n) {
			f, w := at(found.Data(), i), at(want.Data(), i)
			if off := c.off(f, w, isFloat(want.Type())); off > 1 {
				d.add(i, off, f.String(), w.String())
			}
		}
	}
	return d.err(want)
}

// difference counts elements that differ, and keeps the one that differs most.
type difference struct {
	n, at       int
	off         float64
	found, want string
}

func (d *difference) add(at int, off float64, found, want string) {
	if d.n++; d.n == 1 || off > d.off {
		d.at, d.off, d.found, d.want = at, off, found, want
	}
}

func (d *difference) err(want *backends.Tensor) error {
	if d.n == 0 {
		return nil
	}
	all, _ := backends.ElementCount(want.Dims())
	return fmt.Errorf("%d of %d elements of %s%v differ; at %v found %s, expected %s",
		d.n, all, want.Type(), want.Dims(), position(d.at, want.Dims()), d.found, d.want)
}

// position writes the place of element i in a tensor.
func position(i int, dims []uint32) []int {
	at := make([]int, len(dims))
	for k, d := range slices.Backward(dims) {
		at[k] = i % int(d)
		i /= int(d)
	}
	return at
}

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

// off tells how far two elements are from each other in tolerances: more than 1
// is too far. A NaN equals a NaN, an infinity only itself.
func (c *Case) off(found, want number, float bool) float64 {
	if !float {
		if found.bits == want.bits {
			return 0
		}
		return math.Inf(1)
	}
	if same(found.re, want.re) && same(found.im, want.im) {
		return 0
	}
	distance := math.Hypot(found.re-want.re, found.im-want.im)
	size := math.Hypot(want.re, want.im)
	if math.IsNaN(distance) || math.IsInf(distance, 0) || math.IsInf(size, 0) {
		return math.Inf(1)
	}
	return distance / (c.ATol + c.RTol*size)
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

var errNoReader = errors.New("there is no way to compare elements of this type")

// reader returns what reads element i of a tensor's data.
func reader(ty backends.ElementType) (func(data []byte, i int) number, error) {
	bits := ty.Bits()
	switch {
	case ty == backends.C64:
		return func(b []byte, i int) number {
			return number{re: float64(float32At(b, 2*i)), im: float64(float32At(b, 2*i+1)), complex: true}
		}, nil
	case ty == backends.C128:
		return func(b []byte, i int) number {
			return number{re: float64At(b, 2*i), im: float64At(b, 2*i+1), complex: true}
		}, nil
	case isFloat(ty):
		return func(b []byte, i int) number { return number{re: decode(ty, bitsAt(b, i, bits))} }, nil
	case bits > 0:
		signed := ty == backends.I2 || ty == backends.I4 || ty == backends.I8 || ty == backends.I16 || ty == backends.I32 || ty == backends.I64
		return func(b []byte, i int) number {
			v := bitsAt(b, i, bits)
			if signed {
				v = uint64(int64(v<<(64-bits)) >> (64 - bits))
			}
			return number{bits: v, integer: true, signed: signed}
		}, nil
	}
	return nil, errNoReader
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
