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
type ElementType uint8

// Element types. The seven of wasi-nn are FP16 FP32 FP64 BF16 U8 I32 I64.
const (
	FP32   ElementType = 1
	U8     ElementType = 2
	I8     ElementType = 3
	U16    ElementType = 4
	I16    ElementType = 5
	I32    ElementType = 6
	I64    ElementType = 7
	String ElementType = 8
	Bool   ElementType = 9
	FP16   ElementType = 10
	FP64   ElementType = 11
	U32    ElementType = 12
	U64    ElementType = 13
	BF16   ElementType = 16
)

// elementTypes is indexed by ElementType; unused numbers have no name.
var elementTypes = [...]struct {
	name string
	size int
}{
	FP32: {"FP32", 4}, U8: {"U8", 1}, I8: {"I8", 1}, U16: {"U16", 2}, I16: {"I16", 2}, I32: {"I32", 4},
	I64: {"I64", 8}, String: {"STRING", 0}, Bool: {"BOOL", 1}, FP16: {"FP16", 2}, FP64: {"FP64", 8},
	U32: {"U32", 4}, U64: {"U64", 8}, BF16: {"BF16", 2},
}

// Size is the number of bytes of one element; 0 for String and for types this
// package does not know.
func (t ElementType) Size() int {
	if int(t) < len(elementTypes) {
		return elementTypes[t].size
	}
	return 0
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
// Its bytes may belong to an engine or a pool: Release gives them back, and
// the owner of a Tensor calls it once it is done. A Tensor that is never
// released costs memory until the garbage collector finds it, and no more.
type Tensor struct {
	dims    []uint32
	ty      ElementType
	data    []byte
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
	t.dims, t.ty, t.data = dims, ty, data
	return nil
}

// lengthError says that data does not hold the elements that dims promise. It
// takes a copy of dims, so that its callers' need not outlive them.
func lengthError(dims []uint32, ty ElementType, want uint64, data []byte) *Error {
	return Errorf(InvalidArgument, "tensor %s%v takes %d bytes, found %d", ty, slices.Clone(dims), want, len(data))
}

// ByteSize is product(dims) times the element size, in bytes. The error is
// *Error: InvalidArgument for too many dimensions or a type without a size,
// TooLarge when the product overflows.
func ByteSize(dims []uint32, ty ElementType) (uint64, error) {
	if len(dims) > MaxRank {
		return 0, Errorf(InvalidArgument, "tensor has %d dimensions, at most %d are supported", len(dims), MaxRank)
	}
	if ty.Size() == 0 {
		return 0, Errorf(UnsupportedOperation, "tensor elements of type %s have no fixed size", ty)
	}
	size := uint64(ty.Size())
	if slices.Contains(dims, 0) {
		return 0, nil
	}
	for _, d := range dims {
		hi, lo := bits.Mul64(size, uint64(d))
		if hi != 0 {
			return 0, Errorf(TooLarge, "tensor %s%v has more bytes than 64 bits can count", ty, slices.Clone(dims))
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
// does not change them.
func (t *Tensor) Data() []byte { return t.data }

// Release gives the bytes back to their owner. Calls after the first do
// nothing.
func (t *Tensor) Release() {
	if f := t.release.Swap(nil); f != nil {
		t.data = nil
		(*f)()
	}
}
