package onnxdata

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// msg is a protobuf message under construction.
type msg []byte

func (m msg) tag(num uint64, wire protowire.Type) msg {
	return binary.AppendUvarint(m, num<<3|uint64(wire))
}

func (m msg) int(num, v uint64) msg { return binary.AppendUvarint(m.tag(num, varint), v) }

func (m msg) bytes(num uint64, b string) msg {
	return append(binary.AppendUvarint(m.tag(num, bytes), uint64(len(b))), b...)
}

func (m msg) sub(num uint64, b msg) msg { return m.bytes(num, string(b)) }

func (m msg) float(num uint64, v float32) msg {
	return binary.LittleEndian.AppendUint32(m.tag(num, fixed32), math.Float32bits(v))
}

func (m msg) double(num uint64, v float64) msg {
	return binary.LittleEndian.AppendUint64(m.tag(num, fixed64), math.Float64bits(v))
}

// proto is the start of a TensorProto.
func proto(ty backends.ElementType, dims ...uint64) msg {
	m := msg{}.int(2, uint64(ty))
	for _, d := range dims {
		m = m.int(1, d)
	}
	return m
}

func TestTensor(t *testing.T) {
	for _, tt := range []struct {
		name  string
		proto msg
		want  string // of the bytes
	}{
		{"raw data", proto(backends.I16, 2).bytes(9, "\x01\x02\x03\x04"), "\x01\x02\x03\x04"},
		{"raw data of less than bytes", proto(backends.U2, 5).bytes(9, "\xe4\x01"), "\xe4\x01"},
		{"packed dimensions", msg{}.bytes(1, "\x02\x01").int(2, 2).bytes(9, "ab"), "ab"},
		{"a scalar", proto(backends.FP32).float(4, 1), "\x00\x00\x80\x3f"},
		{"packed floats", proto(backends.FP32, 1).bytes(4, "\x00\x00\x80\x3f"), "\x00\x00\x80\x3f"},
		{"complex numbers in float_data", proto(backends.C64, 1).float(4, 1).float(4, 0), "\x00\x00\x80\x3f\x00\x00\x00\x00"},
		{"doubles", proto(backends.FP64, 1).double(10, 1), "\x00\x00\x00\x00\x00\x00\xf0\x3f"},
		{"a negative byte in int32_data", proto(backends.I8, 2).int(5, math.MaxUint64).int(5, 3), "\xff\x03"},
		{"packed integers", proto(backends.I32, 2).bytes(5, "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "\x05\x00\x00\x00\xff\xff\xff\xff"},
		{"half floats in int32_data", proto(backends.FP16, 1).int(5, 0x3c00), "\x00\x3c"},
		{"booleans in int32_data", proto(backends.Bool, 2).int(5, 1).int(5, 0), "\x01\x00"},
		{"four bits, packed in int32_data", proto(backends.I4, 3).int(5, 0x21).int(5, 0x03), "\x21\x03"},
		{"unsigned integers in uint64_data", proto(backends.U32, 1).int(11, 0xfffffffe), "\xfe\xff\xff\xff"},
		{"long integers", proto(backends.I64, 1).int(7, math.MaxUint64), "\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"nothing", proto(backends.FP32, 0, 3), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tensor, err := Tensor(tt.proto)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(tensor.Data()); got != tt.want {
				t.Errorf("found %x, expected %x", got, tt.want)
			}
		})
	}
}

func TestTensorRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		proto      msg
	}{
		{"no type", "no fixed size", msg{}},
		{"a type of no name", "data type 300", msg{}.int(2, 300)},
		{"a negative dimension", "dimension of -1", proto(backends.U8, math.MaxUint64)},
		{"too few bytes", "takes 8 bytes", proto(backends.FP32, 2).float(4, 1)},
		{"too many strings", "takes 1 strings", proto(backends.String, 1).bytes(6, "a").bytes(6, "b")},
		{"a shape beyond memory", "takes", proto(backends.U8, 1<<31, 1<<31).bytes(9, "x")},
		{"too many dimensions", "more than 64", proto(backends.U8).bytes(1, strings.Repeat("\x01", 65))},
		{"data elsewhere", "another file", proto(backends.U8, 1).int(14, 1)},
		{"a segment", "a segment", proto(backends.U8, 1).sub(3, nil)},
		{"data in two fields", "two typed fields", proto(backends.FP32, 1).float(4, 1).double(10, 1)},
		{"raw data that are a number", "wire type 0", proto(backends.U8, 1).int(9, 1)},
		{"a message cut short", "cut short", proto(backends.U8, 1).bytes(9, "x")[:5]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Tensor(tt.proto); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, expected one with %q", err, tt.want)
			}
		})
	}
}

func TestValue(t *testing.T) {
	u8 := backends.TensorType(backends.U8)
	byteOf := func(b string) msg { return proto(backends.U8, 1).bytes(9, b) }
	for _, tt := range []struct {
		name  string
		ty    backends.ValueType
		proto msg
		want  string // written by text
	}{
		{"a tensor", u8, byteOf("a"), "61"},
		{"strings", backends.TensorType(backends.String), proto(backends.String, 2).bytes(6, "a").bytes(6, "\xff"), `["a" "\xff"]`},
		{"a sequence", backends.SequenceType(u8), msg{}.int(2, 1).sub(3, byteOf("a")).sub(3, byteOf("b")), "(61 62)"},
		{"an empty sequence", backends.SequenceType(u8), nil, "()"},
		{"a sequence of sequences", backends.SequenceType(backends.SequenceType(u8)), msg{}.int(2, 3).sub(5, msg{}.sub(3, byteOf("a"))).sub(5, nil), "((61) ())"},
		{"an optional", backends.OptionalType(u8), msg{}.int(2, 1).sub(3, byteOf("a")), "?61"},
		{"an empty optional", backends.OptionalType(backends.SequenceType(u8)), msg{}.int(2, 3), "?"},
		{"an empty optional without a type", backends.OptionalType(u8), msg{}.int(2, 0), "?"},
		{"an optional sequence", backends.OptionalType(backends.SequenceType(u8)), msg{}.int(2, 3).sub(5, msg{}.sub(3, byteOf("a"))), "?(61)"},
		{"a map of strings", backends.MapType(backends.String, u8), msg{}.int(2, 8).bytes(4, "k").bytes(4, "l").sub(5, msg{}.int(2, 1).sub(3, byteOf("a")).sub(3, byteOf("b"))), `["k" "l"]=6162`},
		{"a map of integers", backends.MapType(backends.I64, u8), msg{}.bytes(3, "\x05").sub(5, msg{}.sub(3, byteOf("a"))), "0500000000000000=61"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := Value(tt.proto, tt.ty)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(v); got != tt.want {
				t.Errorf("found %s, expected %s", got, tt.want)
			}
		})
	}
}

func TestValueRefuses(t *testing.T) {
	u8 := backends.TensorType(backends.U8)
	deep, deepType := msg(nil), u8
	for range backends.MaxValueDepth + 2 {
		deep, deepType = msg{}.sub(5, deep), backends.SequenceType(deepType)
	}
	for _, tt := range []struct {
		name, want string
		ty         backends.ValueType
		proto      msg
	}{
		{"a tensor of another type in a sequence", "expected U8", backends.SequenceType(u8), msg{}.sub(3, proto(backends.I8, 0))},
		{"a sequence said to be of maps", "elem_type is 4", backends.SequenceType(u8), msg{}.int(2, 4)},
		{"sequences without end", "nested more than 16", deepType, deep},
		{"a map with a key too many", "as many keys", backends.MapType(backends.String, u8), msg{}.bytes(4, "k")},
		{"a map from floats", "I64 or STRING", backends.MapType(backends.U8, u8), msg{}},
		{"a type that is not known", "not known", backends.ValueType{}, nil},
		{"a sequence of nothing", "not known", backends.ValueType{Kind: backends.SequenceKind}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Value(tt.proto, tt.ty); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, expected one with %q", err, tt.want)
			}
		})
	}
}

// text writes a value short: bytes in hexadecimal, (a b) for a sequence, ?a for
// an optional, keys=values for a map.
func text(v backends.Value) string {
	switch v := v.(type) {
	case *backends.Tensor:
		if v.Type() == backends.String {
			return fmt.Sprintf("%q", v.Strings())
		}
		return hex.EncodeToString(v.Data())
	case *backends.Sequence:
		var all []string
		for _, e := range v.Values() {
			all = append(all, text(e))
		}
		return "(" + strings.Join(all, " ") + ")"
	case *backends.Optional:
		if v.Value() == nil {
			return "?"
		}
		return "?" + text(v.Value())
	case *backends.Map:
		return text(v.Keys()) + "=" + text(v.Values())
	}
	return "nothing known"
}

func TestDescribe(t *testing.T) {
	m, err := Describe(onnxtest.Loop(3))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.Operators, []string{"Loop"}) || len(m.Nested) == 0 || m.IRVersion != 10 || m.Opsets[""] == 0 {
		t.Errorf("found %+v", m)
	}
	m, err = Describe(onnxtest.Identity(onnxtest.Float, onnxtest.Dims(2, "n")))
	if err != nil {
		t.Fatal(err)
	}
	want := []backends.ValueInfo{{Name: "in", ValueType: backends.TensorType(backends.FP32, 2, -1)}}
	if !reflect.DeepEqual(m.Inputs, want) || !reflect.DeepEqual(m.Operators, []string{"Identity"}) || len(m.Nested) != 0 {
		t.Errorf("found %+v", m)
	}
	m, err = Describe(onnxtest.Identity(onnxtest.Float, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Inputs[0].String(); got != "FP32*" {
		t.Errorf("a tensor of any shape is %s", got)
	}
}

func TestDescribeReadsTypes(t *testing.T) {
	float := msg{}.sub(1, msg{}.int(1, 1))
	graph := msg{}
	for name, ty := range map[string]msg{
		"s": msg{}.sub(4, msg{}.sub(1, float)),
		"o": msg{}.sub(9, msg{}.sub(1, msg{}.sub(4, msg{}.sub(1, float)))),
		"m": msg{}.sub(5, msg{}.int(1, 8).sub(2, float)),
		"x": msg{}.sub(8, msg{}.int(1, 1)),
	} {
		graph = graph.sub(11, msg{}.bytes(1, name).sub(2, ty))
	}
	m, err := Describe(msg{}.sub(7, graph))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, in := range m.Inputs {
		got[in.Name] = in.ValueType.String()
	}
	want := map[string]string{"s": "sequence(FP32*)", "o": "optional(sequence(FP32*))", "m": "map(STRING, FP32*)", "x": "kind(0)"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("found %v, expected %v", got, want)
	}
}

func TestDescribeRefuses(t *testing.T) {
	graph := msg{}
	for range maxDepth + 2 {
		graph = msg{}.sub(1, msg{}.sub(5, msg{}.sub(6, graph)))
	}
	for name, model := range map[string]msg{
		"0 graphs":         {},
		"2 graphs":         msg{}.sub(7, nil).sub(7, nil),
		"nested more than": msg{}.sub(7, graph),
		"wire type":        msg{}.int(7, 1),
		"is missing":       msg{}.sub(7, msg{}.sub(11, msg{}.sub(2, msg{}.sub(4, nil)))),
	} {
		if _, err := Describe(model); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v, expected one with %q", err, name)
		}
	}
}

// FuzzRead: nothing that is read panics, and what is read as a value has the
// type that it was read as.
func FuzzRead(f *testing.F) {
	u8 := backends.TensorType(backends.U8)
	types := []backends.ValueType{u8, backends.SequenceType(u8), backends.OptionalType(backends.SequenceType(u8)),
		backends.MapType(backends.String, u8), backends.MapType(backends.I64, u8), backends.TensorType(backends.String)}
	f.Add([]byte(proto(backends.U8, 1).bytes(9, "a")), uint(0))
	f.Add([]byte(msg{}.int(2, 1).sub(3, proto(backends.U8, 1).bytes(9, "a"))), uint(1))
	f.Add([]byte(msg{}.int(2, 3).sub(5, msg{}.sub(3, proto(backends.U8, 1).bytes(9, "a")))), uint(2))
	f.Add([]byte(msg{}.bytes(4, "k").sub(5, msg{}.sub(3, proto(backends.U8, 1).bytes(9, "a")))), uint(3))
	f.Add(onnxtest.Loop(2), uint(4))
	f.Fuzz(func(t *testing.T, b []byte, at uint) {
		_, _ = Describe(b)
		ty := types[at%uint(len(types))]
		v, err := Value(b, ty)
		if err == nil && v.ValueType().Kind != ty.Kind {
			t.Errorf("read as %s, found %s", ty, v.ValueType())
		}
	})
}
