package backends

import (
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"
)

// ElementType is the type of a tensor's elements. Its values are those of
// ONNX's TensorProto.DataType, so engines may use them as they are; wasi-nn's
// doors map by table and know seven of them.
//
// See https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
type ElementType uint8

// Element types. The seven of wasi-nn are FP16 FP32 FP64 BF16 U8 I32 I64.
const (
	FP32        ElementType = 1
	U8          ElementType = 2
	I8          ElementType = 3
	U16         ElementType = 4
	I16         ElementType = 5
	I32         ElementType = 6
	I64         ElementType = 7
	String      ElementType = 8
	Bool        ElementType = 9
	FP16        ElementType = 10
	FP64        ElementType = 11
	U32         ElementType = 12
	U64         ElementType = 13
	C64         ElementType = 14 // two FP32, the real part first
	C128        ElementType = 15 // two FP64
	BF16        ElementType = 16
	FP8E4M3FN   ElementType = 17
	FP8E4M3FNUZ ElementType = 18
	FP8E5M2     ElementType = 19
	FP8E5M2FNUZ ElementType = 20
	U4          ElementType = 21
	I4          ElementType = 22
	FP4E2M1     ElementType = 23
	FP8E8M0     ElementType = 24
	U2          ElementType = 25
	I2          ElementType = 26
)

// elementTypes is indexed by ElementType; unused numbers have no name. bits are
// 0 for elements without a fixed size.
var elementTypes = [...]struct {
	name string
	bits int
}{
	FP32: {"FP32", 32}, U8: {"U8", 8}, I8: {"I8", 8}, U16: {"U16", 16}, I16: {"I16", 16}, I32: {"I32", 32},
	I64: {"I64", 64}, String: {"STRING", 0}, Bool: {"BOOL", 8}, FP16: {"FP16", 16}, FP64: {"FP64", 64},
	U32: {"U32", 32}, U64: {"U64", 64}, C64: {"C64", 64}, C128: {"C128", 128}, BF16: {"BF16", 16},
	FP8E4M3FN: {"FP8E4M3FN", 8}, FP8E4M3FNUZ: {"FP8E4M3FNUZ", 8}, FP8E5M2: {"FP8E5M2", 8}, FP8E5M2FNUZ: {"FP8E5M2FNUZ", 8},
	U4: {"U4", 4}, I4: {"I4", 4}, FP4E2M1: {"FP4E2M1", 4}, FP8E8M0: {"FP8E8M0", 8}, U2: {"U2", 2}, I2: {"I2", 2},
}

// Bits is the size of one element in bits; 0 for String and for types that this
// package does not know.
func (t ElementType) Bits() int {
	if int(t) < len(elementTypes) {
		return elementTypes[t].bits
	}
	return 0
}

// Size is the number of bytes of one element; 0 where [ElementType.Bits] is
// less than 8.
func (t ElementType) Size() int { return t.Bits() / 8 }

// Basic tells whether graphs have tensors of t without [LoadOptions.Values]:
// booleans, integers of 8 to 64 bits and floats of 16 to 64.
func (t ElementType) Basic() bool {
	return t.Size() > 0 && t <= BF16 && t != C64 && t != C128
}

// String returns the type as wasi-nn spells it, or ONNX in its manner.
func (t ElementType) String() string {
	if int(t) < len(elementTypes) && elementTypes[t].name != "" {
		return elementTypes[t].name
	}
	return fmt.Sprintf("element-type(%d)", uint8(t))
}

// Tensor is a dense, row-major array of elements. It is checked when made and
// does not change after that.
//
// Elements of less than a byte are packed as ONNX packs them in raw_data: the
// first element in the lowest bits of the first byte, the whole tensor filled
// up to a byte at its end. Strings have no bytes: a tensor of them has
// [Tensor.Strings] in place of [Tensor.Data].
//
// Its bytes may belong to an engine or a pool: Release gives them back, and
// the owner of a Tensor calls it once it is done. A Tensor that is never
// released costs memory until the garbage collector finds it, and no more.
type Tensor struct {
	dims    []uint32
	ty      ElementType
	data    []byte
	strings []string // of a tensor of String, which has no data
	release atomic.Pointer[func()]
}

// MaxRank is the largest number of dimensions a tensor may have.
const MaxRank = 64

// NewTensor checks that data holds product(dims) elements of type ty,
// little-endian, and keeps dims and data without copying them. A nil or empty
// dims is a scalar. The error is *Error with code InvalidArgument.
func NewTensor(dims []uint32, ty ElementType, data []byte) (*Tensor, error) {
	want, err := ByteSize(dims, ty)
	if err != nil {
		return nil, err
	}
	if uint64(len(data)) != want {
		return nil, lengthError(dims, ty, want, data)
	}
	return &Tensor{dims: dims, ty: ty, data: data}, nil
}

// NewStringTensor checks that strings holds product(dims) elements, and keeps
// dims and strings without copying them. Strings are bytes, in UTF-8 as far as
// an engine cares. The error is *Error with code InvalidArgument.
func NewStringTensor(dims []uint32, strings []string) (*Tensor, error) {
	want, err := ElementCount(dims)
	if err != nil {
		return nil, err
	}
	if uint64(len(strings)) != want {
		return nil, Errorf(InvalidArgument, "tensor STRING%v takes %d strings, found %d", slices.Clone(dims), want, len(strings))
	}
	return &Tensor{dims: dims, ty: String, strings: strings}, nil
}

// NewOwnedTensor is NewTensor for data that someone else owns: release is
// called once, when the tensor is released. On an error it is not called.
func NewOwnedTensor(dims []uint32, ty ElementType, data []byte, release func()) (*Tensor, error) {
	t, err := NewTensor(dims, ty, data)
	if err != nil {
		return nil, err
	}
	t.release.Store(&release)
	return t, nil
}

// Reset makes t the tensor of other dims, type and data, checked as in
// [NewTensor]; on an error t is as before. It spares the steady path an
// allocation, and is for the owner of a Tensor that no one else holds.
func (t *Tensor) Reset(dims []uint32, ty ElementType, data []byte) error {
	want, err := ByteSize(dims, ty)
	if err != nil {
		return err
	}
	if uint64(len(data)) != want {
		return lengthError(dims, ty, want, data)
	}
	t.Release()
	t.dims, t.ty, t.data, t.strings = dims, ty, data, nil
	return nil
}

// lengthError says that data does not hold the elements that dims promise. It
// takes a copy of dims, so that its callers' need not outlive them.
func lengthError(dims []uint32, ty ElementType, want uint64, data []byte) *Error {
	return Errorf(InvalidArgument, "tensor %s%v takes %d bytes, found %d", ty, slices.Clone(dims), want, len(data))
}

// ByteSize is the number of bytes that product(dims) elements take, rounded up
// for elements of less than a byte. The error is *Error: InvalidArgument for too
// many dimensions, UnsupportedOperation for a type without a size, TooLarge when
// the product overflows.
func ByteSize(dims []uint32, ty ElementType) (uint64, error) {
	width := uint64(ty.Bits())
	if width == 0 {
		return 0, Errorf(UnsupportedOperation, "tensor elements of type %s have no fixed size", ty)
	}
	if width >= 8 {
		return product(dims, width/8)
	}
	n, err := product(dims, 1)
	if err != nil {
		return 0, err
	}
	perByte := 8 / width
	return n/perByte + (n%perByte+perByte-1)/perByte, nil
}

// ElementCount is product(dims), 1 for a scalar. The error is *Error:
// InvalidArgument for too many dimensions, TooLarge when the product overflows.
func ElementCount(dims []uint32) (uint64, error) { return product(dims, 1) }

// product multiplies size by all of dims.
func product(dims []uint32, size uint64) (uint64, error) {
	if len(dims) > MaxRank {
		return 0, Errorf(InvalidArgument, "tensor has %d dimensions, at most %d are supported", len(dims), MaxRank)
	}
	if slices.Contains(dims, 0) {
		return 0, nil
	}
	for _, d := range dims {
		hi, lo := bits.Mul64(size, uint64(d))
		if hi != 0 {
			return 0, Errorf(TooLarge, "a tensor of dimensions %v has more bytes than 64 bits can count", slices.Clone(dims))
		}
		size = lo
	}
	return size, nil
}

// Dims is the size of each dimension; the caller does not change it.
func (t *Tensor) Dims() []uint32 { return t.dims }

// Type is the type of the elements.
func (t *Tensor) Type() ElementType { return t.ty }

// Data is the elements' bytes, little-endian, valid until Release; the caller
// does not change them. It is empty for a tensor of String.
func (t *Tensor) Data() []byte { return t.data }

// Strings are the elements of a tensor of String, nil for other types; the
// caller does not change them.
func (t *Tensor) Strings() []string { return t.strings }

// Release gives the bytes back to their owner. Calls after the first do
// nothing.
func (t *Tensor) Release() {
	if f := t.release.Swap(nil); f != nil {
		t.data = nil
		(*f)()
	}
}
