package onnxruntime

import (
	"math"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// divide is c = op(a, b) on one integer.
func divide(op string, ty onnxtest.DataType) []byte {
	value := func(name string) onnxtest.Value {
		return onnxtest.Value{Name: name, Type: ty, Shape: onnxtest.Dims(1)}
	}
	return onnxtest.Model{Graph: onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: op, Inputs: []string{"a", "b"}, Outputs: []string{"c"}}},
		Inputs:  []onnxtest.Value{value("a"), value("b")},
		Outputs: []onnxtest.Value{value("c")},
	}}.Marshal()
}

// TestDivisionsDoNotEndTheProcess divides what a processor may trap.
func TestDivisionsDoNotEndTheProcess(t *testing.T) {
	b := newBackend(t, Config{})
	low64, low32 := onnxtest.Int64s(math.MinInt64), onnxtest.Int64s(math.MinInt32)[:4]
	for _, tt := range []struct {
		name string
		op   string
		ty   onnxtest.DataType
		a, b []byte
		want string // empty for an error
	}{
		{"int64: the lowest number by -1", "Div", onnxtest.Int64, low64, onnxtest.Int64s(-1), string(low64)},
		{"int32: the lowest number by -1", "Div", onnxtest.Int32, low32, onnxtest.Int64s(-1)[:4], string(low32)},
		{"int64: the rest of it", "Mod", onnxtest.Int64, low64, onnxtest.Int64s(-1), string(onnxtest.Int64s(0))},
		{"int32: the rest of it", "Mod", onnxtest.Int32, low32, onnxtest.Int64s(-1)[:4], string(make([]byte, 4))},
		{"int64: by zero", "Div", onnxtest.Int64, low64, onnxtest.Int64s(0), ""},
		{"int32: the rest by zero", "Mod", onnxtest.Int32, low32, make([]byte, 4), ""},
		{"int64: an ordinary number", "Div", onnxtest.Int64, onnxtest.Int64s(-7), onnxtest.Int64s(2), string(onnxtest.Int64s(-3))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := b.Load(t.Context(), [][]byte{divide(tt.op, tt.ty)}, onnxOptions)
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			c, err := g.NewContext(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var in []backends.NamedTensor
			for i, data := range [][]byte{tt.a, tt.b} {
				tensor, err := backends.NewTensor([]uint32{1}, backends.ElementType(tt.ty), data)
				if err != nil {
					t.Fatal(err)
				}
				in = append(in, backends.NamedTensor{Name: string(rune('a' + i)), Tensor: tensor})
			}
			out, err := c.Compute(t.Context(), in)
			if tt.want == "" {
				mustBeError(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if found := string(out[0].Tensor.Data()); found != tt.want {
				t.Errorf("found %x, expected %x", found, tt.want)
			}
		})
	}
}

// attention has an operator whose attribute ONNX Runtime 1.24 to 1.31 divides by
// unchecked when it infers shapes. FuzzLoad found it.
func attention(heads int64) []byte {
	value := func(name string, dims ...any) onnxtest.Value {
		return onnxtest.Value{Name: name, Type: onnxtest.Float, Shape: onnxtest.Dims(dims...)}
	}
	return onnxtest.Model{Opset: 23, Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{{
			Op: "Attention", Inputs: []string{"Q", "K", "V"}, Outputs: []string{"Y"},
			Attrs: []onnxtest.Attr{onnxtest.IntAttr("kv_num_heads", heads), onnxtest.IntAttr("q_num_heads", heads)},
		}},
		Inputs:  []onnxtest.Value{value("Q", 2, 4, 24), value("K", 2, 6, 24), value("V", 2, 6, 24)},
		Outputs: []onnxtest.Value{value("Y", 2, 4, 24)},
	}}.Marshal()
}

func TestAnAttributeThatIsDividedByIsAnError(t *testing.T) {
	b := newBackend(t, Config{})
	for _, heads := range []int64{0, -1, math.MinInt64} {
		g, err := b.Load(t.Context(), [][]byte{attention(heads)}, onnxOptions)
		if err == nil {
			g.Close()
			if heads == 0 {
				t.Errorf("a model with %d heads loads", heads)
			}
			continue
		}
		mustBeError(t, err)
	}
}
