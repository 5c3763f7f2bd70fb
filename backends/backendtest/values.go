package backendtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// RunValues tests an engine that computes with more than tensors of basic types:
// one that heeds [backends.LoadOptions.Values]. Elements of the types in without
// are not among what it supports.
func RunValues(t *testing.T, b backends.Backend, without ...backends.ElementType) {
	t.Run("every element type of ONNX passes through unchanged", func(t *testing.T) {
		for ty := backends.FP32; ty.Bits() > 0 || ty == backends.String; ty++ {
			if ty == backends.String {
				continue
			}
			t.Run(ty.String(), func(t *testing.T) {
				size, err := backends.ByteSize([]uint32{3, 3}, ty)
				if err != nil {
					t.Fatal(err)
				}
				data := pattern(size, ty)
				if rest := 9 * ty.Bits() % 8; rest != 0 { // no bits behind the last element
					data[size-1] &= 1<<rest - 1
				}
				model := identityOf(onnxtest.TensorKind, onnxtest.DataType(ty), onnxtest.Dims(3, 3), 25)
				in := must(backends.NewTensor([]uint32{3, 3}, ty, data))
				if slices.Contains(without, ty) {
					refusesValues(t, b, model)
					return
				}
				passes(t, b, model, in)
			})
		}
	})
	t.Run("values pass through unchanged", func(t *testing.T) { testPassing(t, b) })
	t.Run("values are described", func(t *testing.T) {
		g := loadValues(t, b, identity(onnxtest.OptionalKind, onnxtest.Float, onnxtest.Dims(2, "n")))
		d := g.(backends.ValueDescriber)
		in, out := d.InputValues(), d.OutputValues()
		if got, want := describe(in, out), "[{in optional(FP32[2 ?])}] [{out optional(FP32[2 ?])}]"; got != want {
			t.Errorf("found %s, expected %s", got, want)
		}
	})
	t.Run("contexts of one graph compute with values at once", func(t *testing.T) { testConcurrentValues(t, b) })
	t.Run("inputs that do not fit are refused", func(t *testing.T) { testMisfits(t, b) })
	t.Run("without Values, as for guests, they are refused", func(t *testing.T) {
		for _, model := range [][]byte{
			identity(onnxtest.SequenceKind, onnxtest.Float, nil),
			identity(onnxtest.OptionalKind, onnxtest.Float, nil),
			onnxtest.Identity(onnxtest.String, nil),
			onnxtest.Identity(onnxtest.DataType(backends.I4), nil),
		} {
			_, err := b.Load(t.Context(), [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX})
			wantCode(t, err, backends.UnsupportedOperation)
		}
	})
	t.Run("tensors are computed with as values, and values as tensors", func(t *testing.T) {
		g := loadValues(t, b, onnxtest.Add(4))
		c := newContext(t, g)
		sum := floats("c", []uint32{4}, 11, 22, 33, 44)
		a, bb := floats("a", []uint32{4}, 1, 2, 3, 4), floats("b", []uint32{4}, 10, 20, 30, 40)
		sameValues(t, compute(t, c, a, bb), []value{sum})
		out, err := c.(backends.ValueComputer).ComputeValues(t.Context(), []backends.NamedValue{
			{Name: "b", Value: bb.tensor(t).Tensor}, {Name: "a", Value: a.tensor(t).Tensor}})
		if err != nil || len(out) != 1 || out[0].Name != "c" || text(out[0].Value) != text(sum.tensor(t).Tensor) {
			t.Errorf("found %v, %v", out, err)
		}

		letters := newContext(t, loadValues(t, b, onnxtest.Identity(onnxtest.String, nil)))
		in := backends.NamedTensor{Name: "in", Tensor: strs([]uint32{1}, "a")}
		tensors, err := letters.Compute(t.Context(), []backends.NamedTensor{in})
		if err != nil || len(tensors) != 1 || text(tensors[0].Tensor) != text(in.Tensor) {
			t.Errorf("strings through Compute: %v, %v", tensors, err)
		}
	})
}

func describe(sides ...[]backends.ValueInfo) string {
	var all []string
	for _, infos := range sides {
		var side []string
		for _, info := range infos {
			side = append(side, fmt.Sprintf("{%s %s}", info.Name, info.ValueType))
		}
		all = append(all, "["+strings.Join(side, " ")+"]")
	}
	return strings.Join(all, " ")
}

// identity is a model that gives its one input, of the given kind, as its output.
func identity(kind onnxtest.Kind, ty onnxtest.DataType, shape []onnxtest.Dim) []byte {
	return identityOf(kind, ty, shape, 0)
}

func identityOf(kind onnxtest.Kind, ty onnxtest.DataType, shape []onnxtest.Dim, opset int64) []byte {
	return onnxtest.Model{Opset: opset, Graph: onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Identity", Inputs: []string{"in"}, Outputs: []string{"out"}}},
		Inputs:  []onnxtest.Value{{Name: "in", Type: ty, Shape: shape, Kind: kind}},
		Outputs: []onnxtest.Value{{Name: "out", Type: ty, Shape: shape, Kind: kind}},
	}}.Marshal()
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func strs(dims []uint32, elements ...string) *backends.Tensor {
	return must(backends.NewStringTensor(dims, elements))
}

func loadValues(t *testing.T, b backends.Backend, model []byte) backends.Graph {
	t.Helper()
	g, err := b.Load(t.Context(), [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX, Values: true})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func refusesValues(t *testing.T, b backends.Backend, model []byte) {
	t.Helper()
	g, err := b.Load(t.Context(), [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX, Values: true})
	if err == nil {
		g.Close()
		t.Fatal("it loads: take the type off the list of those it lacks")
	}
	wantCode(t, err, backends.UnsupportedOperation)
}

func wantCode(t *testing.T, err error, want backends.Code) {
	t.Helper()
	var e *backends.Error
	if !errors.As(err, &e) || e.Code != want {
		t.Errorf("error is %v, expected code %s", err, want)
	}
}

// passes checks that a model gives its input, which is called in.
func passes(t *testing.T, b backends.Backend, model []byte, in backends.Value) {
	t.Helper()
	c := newContext(t, loadValues(t, b, model)).(backends.ValueComputer)
	for range 2 {
		out, err := c.ComputeValues(t.Context(), []backends.NamedValue{{Name: "in", Value: in}})
		if err != nil {
			t.Fatalf("compute: %v", err)
		}
		if len(out) != 1 || out[0].Name != "out" || text(out[0].Value) != text(in) {
			t.Errorf("found %s, expected %s", text(out[0].Value), text(in))
		}
		for _, o := range out {
			o.Value.Release()
		}
	}
}

func testPassing(t *testing.T, b backends.Backend) {
	fp32, str := backends.TensorType(backends.FP32), backends.TensorType(backends.String)
	one, pair := floats("", []uint32{1, 1}, 1).tensor(t).Tensor, floats("", []uint32{2}, 2, 3).tensor(t).Tensor
	for _, tt := range []struct {
		name string
		kind onnxtest.Kind
		ty   onnxtest.DataType
		in   backends.Value
	}{
		{"strings", onnxtest.TensorKind, onnxtest.String, strs([]uint32{2, 2}, "a", "", "grün", "longer than what fits without an allocation of its own")},
		{"a string with a NUL and one that is no UTF-8", onnxtest.TensorKind, onnxtest.String, strs([]uint32{2}, "a\x00b", "\xff\xfe")},
		{"one string", onnxtest.TensorKind, onnxtest.String, strs(nil, "scalar")},
		{"no strings", onnxtest.TensorKind, onnxtest.String, strs([]uint32{0, 3})},
		{"a sequence of tensors of several shapes", onnxtest.SequenceKind, onnxtest.Float, must(backends.NewSequence(fp32, []backends.Value{one, pair}))},
		{"a sequence of strings", onnxtest.SequenceKind, onnxtest.String, must(backends.NewSequence(str, []backends.Value{strs([]uint32{1}, "x"), strs(nil, "y")}))},
		{"an empty sequence", onnxtest.SequenceKind, onnxtest.Float, must(backends.NewSequence(fp32, nil))},
		{"an empty sequence of strings", onnxtest.SequenceKind, onnxtest.String, must(backends.NewSequence(str, nil))},
		{"an optional tensor", onnxtest.OptionalKind, onnxtest.Float, must(backends.NewOptional(fp32, pair))},
	} {
		t.Run(tt.name, func(t *testing.T) { passes(t, b, identity(tt.kind, tt.ty, nil), tt.in) })
	}
}

func testConcurrentValues(t *testing.T, b backends.Backend) {
	g := loadValues(t, b, identity(onnxtest.SequenceKind, onnxtest.String, nil))
	var wg sync.WaitGroup
	for i := range 8 {
		c := newContext(t, g).(backends.ValueComputer)
		wg.Go(func() {
			for turn := range 50 {
				in := must(backends.NewSequence(backends.TensorType(backends.String), []backends.Value{strs([]uint32{2}, fmt.Sprint("context ", i), fmt.Sprint("turn ", turn))}))
				out, err := c.ComputeValues(t.Context(), []backends.NamedValue{{Name: "in", Value: in}})
				if err != nil || text(out[0].Value) != text(in) {
					t.Errorf("context %d, turn %d: %v, %v", i, turn, out, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func testMisfits(t *testing.T, b backends.Backend) {
	c := newContext(t, loadValues(t, b, identity(onnxtest.SequenceKind, onnxtest.Float, nil))).(backends.ValueComputer)
	fp32, u8 := backends.TensorType(backends.FP32), backends.TensorType(backends.U8)
	seq := must(backends.NewSequence(fp32, nil))
	for _, tt := range []struct {
		name string
		in   []backends.NamedValue
	}{
		{"none", nil},
		{"another name", []backends.NamedValue{{Name: "it", Value: seq}}},
		{"twice the same", []backends.NamedValue{{Name: "in", Value: seq}, {Name: "in", Value: seq}}},
		{"no value", []backends.NamedValue{{Name: "in"}}},
		{"another kind", []backends.NamedValue{{Name: "in", Value: floats("", []uint32{1}, 1).tensor(t).Tensor}}},
		{"another type", []backends.NamedValue{{Name: "in", Value: must(backends.NewSequence(u8, nil))}}},
		{"an empty optional", []backends.NamedValue{{Name: "in", Value: must(backends.NewOptional(fp32, nil))}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.ComputeValues(t.Context(), tt.in)
			wantCode(t, err, backends.InvalidArgument)
		})
	}
	if _, err := c.ComputeValues(t.Context(), []backends.NamedValue{{Name: "in", Value: seq}}); err != nil {
		t.Errorf("after these: %v", err)
	}
}

// text writes a value for comparison.
func text(v backends.Value) string {
	switch v := v.(type) {
	case *backends.Tensor:
		return fmt.Sprintf("%s%v %x %q", v.Type(), v.Dims(), v.Data(), v.Strings())
	case *backends.Sequence:
		var all []string
		for _, e := range v.Values() {
			all = append(all, text(e))
		}
		return "(" + strings.Join(all, ", ") + ")"
	case *backends.Optional:
		if v.Value() == nil {
			return "?"
		}
		return "?" + text(v.Value())
	case *backends.Map:
		return text(v.Keys()) + " = " + text(v.Values())
	}
	return fmt.Sprintf("%T", v)
}
