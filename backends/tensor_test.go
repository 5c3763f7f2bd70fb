package backends_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
)

// codeOf is the code of an error that is an *Error; it fails the test otherwise.
func codeOf(t *testing.T, err error) backends.Code {
	t.Helper()
	var e *backends.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %#v, expected *Error", err)
	}
	return e.Code
}

func TestByteSize(t *testing.T) {
	for _, tt := range []struct {
		name string
		dims []uint32
		ty   backends.ElementType
		want uint64
	}{
		{"a scalar has one element", nil, backends.FP64, 8},
		{"a dimension of 0 empties the tensor", []uint32{1 << 31, 0, 1 << 31, 1 << 31}, backends.FP32, 0},
		{"two floats make a complex", []uint32{3}, backends.C64, 24},
		{"two doubles make a complex", []uint32{3}, backends.C128, 48},
		{"an eight-bit float", []uint32{3, 5}, backends.FP8E4M3FNUZ, 15},
		{"four bits fill a byte by two", []uint32{4}, backends.U4, 2},
		{"four bits are rounded up over the whole tensor", []uint32{3, 3}, backends.I4, 5},
		{"four bits of a scalar", nil, backends.FP4E2M1, 1},
		{"two bits fill a byte by four", []uint32{2, 2}, backends.U2, 1},
		{"two bits are rounded up over the whole tensor", []uint32{5}, backends.I2, 2},
		{"no elements of two bits", []uint32{0}, backends.I2, 0},
		{"the most elements of two bits", []uint32{1<<32 - 1, 1<<32 - 1}, backends.U2, (1<<32-1)*(1<<32-1)/4 + 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := backends.ByteSize(tt.dims, tt.ty); err != nil || got != tt.want {
				t.Errorf("found %d, %v, expected %d", got, err, tt.want)
			}
		})
	}
}

func TestByteSizeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		dims []uint32
		ty   backends.ElementType
		want backends.Code
	}{
		{"strings", nil, backends.String, backends.UnsupportedOperation},
		{"an unknown type", nil, 27, backends.UnsupportedOperation},
		{"more dimensions than there may be", make([]uint32, 65), backends.U8, backends.InvalidArgument},
		{"more bytes than 64 bits can count", []uint32{1 << 31, 1 << 31, 2}, backends.FP32, backends.TooLarge},
		{"more elements than 64 bits can count", []uint32{1 << 31, 1 << 31, 4}, backends.I4, backends.TooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := backends.ByteSize(tt.dims, tt.ty)
			if got := codeOf(t, err); got != tt.want {
				t.Errorf("found %v, expected %v", err, tt.want)
			}
		})
	}
}

// TestElementTypes holds the whole table: what ONNX numbers, and nothing else.
func TestElementTypes(t *testing.T) {
	basic := "FP32 U8 I8 U16 I16 I32 I64 BOOL FP16 FP64 U32 U64 BF16"
	var names, basics []string
	for ty := range backends.ElementType(255) {
		name := ty.String()
		if strings.HasPrefix(name, "element-type(") {
			if ty.Bits() != 0 || ty.Basic() {
				t.Errorf("type %d has no name and %d bits", ty, ty.Bits())
			}
			continue
		}
		names = append(names, name)
		if ty.Basic() {
			basics = append(basics, name)
		}
		if ty.Bits() == 0 && ty != backends.String {
			t.Errorf("%s has no size", ty)
		}
	}
	if len(names) != 26 {
		t.Errorf("found %d types, ONNX has 26: %v", len(names), names)
	}
	if got := strings.Join(basics, " "); got != basic {
		t.Errorf("basic are %s, expected %s", got, basic)
	}
}

func TestStringTensor(t *testing.T) {
	tensor, err := backends.NewStringTensor([]uint32{2, 1}, []string{"a", "b\x00\xff"})
	if err != nil {
		t.Fatal(err)
	}
	if tensor.Type() != backends.String || len(tensor.Data()) != 0 || !reflect.DeepEqual(tensor.Strings(), []string{"a", "b\x00\xff"}) {
		t.Errorf("found %s of %q and %d bytes", tensor.Type(), tensor.Strings(), len(tensor.Data()))
	}
	if _, err := backends.NewStringTensor([]uint32{2}, []string{"a"}); codeOf(t, err) != backends.InvalidArgument {
		t.Errorf("1 string for 2 places: %v", err)
	}
	if _, err := backends.NewTensor(nil, backends.String, nil); codeOf(t, err) != backends.UnsupportedOperation {
		t.Errorf("strings as bytes: %v", err)
	}
	if err := tensor.Reset(nil, backends.U8, []byte{1}); err != nil || tensor.Strings() != nil {
		t.Errorf("after Reset: %v, %q", err, tensor.Strings())
	}
}
