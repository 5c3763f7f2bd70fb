// Package tensor holds the values that the compiled graph works on: dense
// tensors of every ONNX element type, sequences, optionals and maps.
//
// A Tensor here differs from backends.Tensor in that kernels may write to it,
// that its memory is aligned to its elements, and that types of fewer than
// eight bits take a byte each.
package tensor

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/wasinn/wasinn/backends"
)

// Type is the type of a tensor's elements, numbered as in ONNX's
// TensorProto.DataType.
type Type = backends.ElementType

// The element types of ONNX.
const (
	FP32       Type = 1
	U8         Type = 2
	I8         Type = 3
	U16        Type = 4
	I16        Type = 5
	I32        Type = 6
	I64        Type = 7
	String     Type = 8
	Bool       Type = 9
	FP16       Type = 10
	FP64       Type = 11
	U32        Type = 12
	U64        Type = 13
	C64        Type = 14
	C128       Type = 15
	BF16       Type = 16
	F8E4M3FN   Type = 17
	F8E4M3FNUZ Type = 18
	F8E5M2     Type = 19
	F8E5M2FNUZ Type = 20
	U4         Type = 21
	I4         Type = 22
	F4E2M1     Type = 23
	F8E8M0     Type = 24
	U2         Type = 25
	I2         Type = 26
)

// itemSizes are the bytes that an element takes in Tensor.Data, by type.
var itemSizes = [...]uint8{
	FP32: 4, U8: 1, I8: 1, U16: 2, I16: 2, I32: 4, I64: 8, Bool: 1, FP16: 2, FP64: 8, U32: 4, U64: 8,
	C64: 8, C128: 16, BF16: 2, F8E4M3FN: 1, F8E4M3FNUZ: 1, F8E5M2: 1, F8E5M2FNUZ: 1, U4: 1, I4: 1,
	F4E2M1: 1, F8E8M0: 1, U2: 1, I2: 1,
}

// Known says whether t is an element type of ONNX.
func Known(t Type) bool { return t == String || ItemSize(t) > 0 }

// ItemSize is how many bytes an element takes in Data: 1 for the types of four
// and two bits, which are not packed here, and 0 for strings.
func ItemSize(t Type) int {
	if int(t) < len(itemSizes) {
		return int(itemSizes[t])
	}
	return 0
}

// BitSize is how many bits of an element's byte count: 4 or 2 for the types
// that ONNX packs, else eight times ItemSize.
func BitSize(t Type) int {
	switch t {
	case U4, I4, F4E2M1:
		return 4
	case U2, I2:
		return 2
	}
	return 8 * ItemSize(t)
}

// Value is what flows along an edge: *Tensor, *Sequence, *Optional or *Map.
type Value interface{ value() }

// Tensor is a dense, row-major array.
type Tensor struct {
	Type Type
	// Shape has one size per dimension; a scalar has none.
	Shape []int
	// Data holds the elements, little-endian, at an address that fits them. It is
	// nil for strings.
	Data []byte
	// Strings holds the elements of a string tensor.
	Strings []string
}

// Sequence is a list of values of one kind.
type Sequence struct {
	// Type of the elements where they are tensors.
	Type  Type
	Items []Value
}

// Optional holds a value, or none.
type Optional struct{ Value Value }

// Map is a dictionary as ai.onnx.ml has it: keys are all int64 or all string.
type Map struct {
	Ints    []int64
	Strings []string
	Values  *Tensor // of one dimension, in the order of the keys
}

func (*Tensor) value()   {}
func (*Sequence) value() {}
func (*Optional) value() {}
func (*Map) value()      {}

// MaxBytes bounds the bytes of one tensor, far beyond what limits allow, so that
// sums of sizes do not overflow.
const MaxBytes = 1 << 46

// Bytes is how many bytes the data of a tensor takes; 16 for each string. It is an
// error when a size is negative or the product beyond MaxBytes.
func Bytes(t Type, shape []int) (int, error) {
	size := uint64(ItemSize(t))
	if t == String {
		size = uint64(unsafe.Sizeof(""))
	}
	n, err := Count(shape)
	if err != nil {
		return 0, err
	}
	if hi, lo := bits.Mul64(uint64(n), size); hi == 0 && lo <= MaxBytes {
		return int(lo), nil
	}
	return 0, fmt.Errorf("a tensor %s%v is too large", t, shape)
}

// Count is the number of elements of a shape: 1 for a scalar. It is an error when
// a size is negative or the product beyond MaxBytes.
func Count(shape []int) (int, error) {
	n, zero := uint64(1), false
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("a shape %v has a negative size", shape)
		}
		if d == 0 {
			zero = true
			continue
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > MaxBytes {
			return 0, fmt.Errorf("a shape %v has too many elements", shape)
		}
		n = lo
	}
	if zero {
		return 0, nil
	}
	return int(n), nil
}

// Size is Count of a shape that is known to be in order.
func Size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// New makes a tensor of zeros. The caller has checked the shape with Bytes, and
// its budget.
func New(t Type, shape ...int) *Tensor {
	n := Size(shape)
	if t == String {
		return &Tensor{Type: t, Shape: shape, Strings: make([]string, n)}
	}
	return &Tensor{Type: t, Shape: shape, Data: Aligned(n * ItemSize(t))}
}

// Aligned makes n zero bytes whose address fits every element type.
func Aligned(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	words := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n)
}

// Len is the number of elements.
func (t *Tensor) Len() int { return Size(t.Shape) }

// Rank is the number of dimensions.
func (t *Tensor) Rank() int { return len(t.Shape) }

// Clone returns a copy with memory of its own.
func (t *Tensor) Clone() *Tensor {
	c := &Tensor{Type: t.Type, Shape: slices.Clone(t.Shape)}
	if t.Type == String {
		c.Strings = slices.Clone(t.Strings)
		return c
	}
	c.Data = Aligned(len(t.Data))
	copy(c.Data, t.Data)
	return c
}

// Reshaped is a view of the same elements under another shape of the same count.
func (t *Tensor) Reshaped(shape ...int) *Tensor {
	return &Tensor{Type: t.Type, Shape: shape, Data: t.Data, Strings: t.Strings}
}

// Element is a Go type whose memory is that of an element.
type Element interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 |
		~bool | ~complex64 | ~complex128
}

// As views the elements of t as a slice of T, whose size is that of an element.
// FP16 and BF16 are viewed as uint16, the types of eight bits and fewer as uint8
// or int8. It panics when sizes differ, which is a mistake of the operator.
func As[T Element](t *Tensor) []T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if size != ItemSize(t.Type) {
		panic(fmt.Sprintf("tensor of %s viewed as %T", t.Type, zero))
	}
	return View[T](t.Data)
}

// View views bytes, whose address fits, as a slice of T.
func View[T Element](b []byte) []T {
	var zero T
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(zero)))
}

// Of makes a tensor of a copy of values.
func Of[T Element](t Type, shape []int, values []T) *Tensor {
	r := New(t, shape...)
	copy(As[T](r), values)
	return r
}

// Ints makes a tensor of int64 with one dimension.
func Ints(values ...int64) *Tensor { return Of(I64, []int{len(values)}, values) }

// Text makes a tensor of strings.
func Text(shape []int, values ...string) *Tensor {
	return &Tensor{Type: String, Shape: shape, Strings: slices.Clone(values)}
}

// Scalar makes a tensor without dimensions.
func Scalar[T Element](t Type, value T) *Tensor { return Of(t, nil, []T{value}) }

// Int64s returns the elements of a tensor of any integer type, or of booleans, as
// int64. Values of uint64 beyond int64 wrap.
func (t *Tensor) Int64s() ([]int64, error) {
	switch t.Type {
	case I64:
		return slices.Clone(As[int64](t)), nil
	case I32:
		return widen(As[int32](t)), nil
	case I16:
		return widen(As[int16](t)), nil
	case I8, I4, I2:
		return widen(As[int8](t)), nil
	case U8, U4, U2, Bool:
		return widen(As[uint8](t)), nil
	case U16:
		return widen(As[uint16](t)), nil
	case U32:
		return widen(As[uint32](t)), nil
	case U64:
		return widen(As[uint64](t)), nil
	}
	return nil, fmt.Errorf("a tensor of %s, expected integers", t.Type)
}

func widen[T int8 | int16 | int32 | uint8 | uint16 | uint32 | uint64](in []T) []int64 {
	out := make([]int64, len(in))
	for i, v := range in {
		out[i] = int64(v)
	}
	return out
}

// Float64s returns the elements of a tensor of any floating-point or integer type
// as float64.
func (t *Tensor) Float64s() ([]float64, error) {
	out := make([]float64, t.Len())
	switch t.Type {
	case FP64:
		copy(out, As[float64](t))
		return out, nil
	case FP32:
		for i, v := range As[float32](t) {
			out[i] = float64(v)
		}
		return out, nil
	case FP16:
		for i, v := range As[uint16](t) {
			out[i] = float64(FromFP16(v))
		}
		return out, nil
	case BF16:
		for i, v := range As[uint16](t) {
			out[i] = float64(FromBF16(v))
		}
		return out, nil
	}
	ints, err := t.Int64s()
	if err != nil {
		return nil, fmt.Errorf("a tensor of %s, expected numbers", t.Type)
	}
	for i, v := range ints {
		out[i] = float64(v)
	}
	return out, nil
}

// FromFP16 is the value of IEEE half-precision bits.
func FromFP16(h uint16) float32 {
	sign, exp, man := uint32(h&0x8000)<<16, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch {
	case exp == 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | man<<13)
	case exp == 0:
		v := float32(man) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | man<<13)
}

// ToFP16 rounds to half precision, ties to even; what is too large becomes
// infinite, and a NaN stays one.
func ToFP16(f float32) uint16 {
	b := math.Float32bits(f)
	sign, abs := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case abs > 0x7f800000:
		return sign | 0x7e00 | uint16(abs>>13&0x3ff)
	case abs >= 0x477ff000: // 65520 and above
		return sign | 0x7c00
	case abs >= 0x38800000: // normal
		abs += 0xfff + (abs >> 13 & 1)
		return sign | uint16((abs>>13)-(112<<10))
	case abs < 0x33000000: // below half of the smallest
		return sign
	}
	shift := 126 - (abs >> 23)
	man := abs&0x7fffff | 0x800000
	half := uint32(1) << (shift - 1)
	return sign | uint16((man+half-1+(man>>shift&1))>>shift)
}

// FromBF16 is the value of bfloat16 bits.
func FromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBF16 rounds to bfloat16, ties to even; a NaN stays one.
func ToBF16(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + (b >> 16 & 1)) >> 16)
}
