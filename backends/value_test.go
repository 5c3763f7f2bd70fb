package backends_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/wasinn/wasinn/backends"
)

func floats(t *testing.T, dims ...uint32) *backends.Tensor {
	t.Helper()
	n, err := backends.ByteSize(dims, backends.FP32)
	if err != nil {
		t.Fatal(err)
	}
	tensor, err := backends.NewTensor(dims, backends.FP32, make([]byte, n))
	if err != nil {
		t.Fatal(err)
	}
	return tensor
}

func keys(t *testing.T, names ...string) *backends.Tensor {
	t.Helper()
	tensor, err := backends.NewStringTensor([]uint32{uint32(len(names))}, names)
	if err != nil {
		t.Fatal(err)
	}
	return tensor
}

func TestAccepts(t *testing.T) {
	fp32 := backends.TensorType(backends.FP32)
	for _, tt := range []struct {
		name        string
		want, found backends.ValueType
		ok          bool
	}{
		{"any shape", fp32, backends.TensorType(backends.FP32, 2, 3), true},
		{"another element type", fp32, backends.TensorType(backends.FP64, 2), false},
		{"an open size", backends.TensorType(backends.FP32, -1, 3), backends.TensorType(backends.FP32, 2, 3), true},
		{"another size", backends.TensorType(backends.FP32, -1, 3), backends.TensorType(backends.FP32, 2, 4), false},
		{"another rank", backends.TensorType(backends.FP32, -1), backends.TensorType(backends.FP32, 2, 3), false},
		{"any shape where one is wanted", backends.TensorType(backends.FP32, 2), fp32, false},
		{"another kind", fp32, backends.SequenceType(fp32), false},
		{"a sequence", backends.SequenceType(fp32), backends.SequenceType(backends.TensorType(backends.FP32, 2)), true},
		{"a sequence of others", backends.SequenceType(fp32), backends.SequenceType(backends.TensorType(backends.I64)), false},
		{"an optional sequence", backends.OptionalType(backends.SequenceType(fp32)), backends.OptionalType(backends.SequenceType(fp32)), true},
		{"a map with other keys", backends.MapType(backends.I64, fp32), backends.MapType(backends.String, fp32), false},
		{"a type without its element", backends.ValueType{Kind: backends.SequenceKind}, backends.SequenceType(fp32), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.want.Accepts(tt.found); got != tt.ok {
				t.Errorf("%s accepts %s: %t", tt.want, tt.found, got)
			}
		})
	}
}

func TestValueTypesAreWrittenShort(t *testing.T) {
	for want, ty := range map[string]backends.ValueType{
		"FP32*":                     backends.TensorType(backends.FP32),
		"FP32[]":                    floats(t).ValueType(),
		"FP32[2 ?]":                 backends.TensorType(backends.FP32, 2, -1),
		"optional(sequence(FP32*))": backends.OptionalType(backends.SequenceType(backends.TensorType(backends.FP32))),
		"map(STRING, I64*)":         backends.MapType(backends.String, backends.TensorType(backends.I64)),
		"sequence":                  {Kind: backends.SequenceKind},
	} {
		if got := ty.String(); got != want {
			t.Errorf("found %s, expected %s", got, want)
		}
	}
}

func TestValuesAreChecked(t *testing.T) {
	fp32 := backends.TensorType(backends.FP32)
	for _, tt := range []struct {
		name string
		make func() (backends.Value, error)
		ok   bool
	}{
		{"a sequence of tensors of many shapes", func() (backends.Value, error) {
			return backends.NewSequence(fp32, []backends.Value{floats(t), floats(t, 2), floats(t, 1, 2)})
		}, true},
		{"an empty sequence", func() (backends.Value, error) { return backends.NewSequence(fp32, nil) }, true},
		{"a sequence with a string", func() (backends.Value, error) {
			return backends.NewSequence(fp32, []backends.Value{floats(t), keys(t, "a")})
		}, false},
		{"a sequence with a hole", func() (backends.Value, error) { return backends.NewSequence(fp32, []backends.Value{nil}) }, false},
		{"an optional with a tensor", func() (backends.Value, error) { return backends.NewOptional(fp32, floats(t, 2)) }, true},
		{"an empty optional", func() (backends.Value, error) { return backends.NewOptional(fp32, nil) }, true},
		{"an optional with another type", func() (backends.Value, error) { return backends.NewOptional(fp32, keys(t, "a")) }, false},
		{"a map", func() (backends.Value, error) { return backends.NewMap(keys(t, "a", "b"), floats(t, 2)) }, true},
		{"a map with too many keys", func() (backends.Value, error) { return backends.NewMap(keys(t, "a", "b"), floats(t, 1)) }, false},
		{"a map with keys of two dimensions", func() (backends.Value, error) { return backends.NewMap(keys(t, "a"), floats(t, 1, 1)) }, false},
		{"a map with float keys", func() (backends.Value, error) { return backends.NewMap(floats(t, 1), floats(t, 1)) }, false},
		{"a map without values", func() (backends.Value, error) { return backends.NewMap(keys(t, "a"), nil) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.make()
			if (err == nil) != tt.ok {
				t.Errorf("error is %v", err)
			}
			if err != nil && codeOf(t, err) != backends.InvalidArgument {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestValuesAreNotNestedWithoutEnd(t *testing.T) {
	ty, v := backends.TensorType(backends.FP32), backends.Value(floats(t))
	for depth := 1; ; depth++ {
		s, err := backends.NewSequence(ty, []backends.Value{v})
		if depth > backends.MaxValueDepth {
			if codeOf(t, err) != backends.InvalidArgument {
				t.Errorf("depth %d: %v", depth, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("depth %d: %v", depth, err)
		}
		ty, v = s.ValueType(), s
	}
}

func TestReleaseReachesEveryTensor(t *testing.T) {
	released := 0
	owned := func() *backends.Tensor {
		tensor, err := backends.NewOwnedTensor([]uint32{1}, backends.U8, []byte{1}, func() { released++ })
		if err != nil {
			t.Fatal(err)
		}
		return tensor
	}
	u8 := backends.TensorType(backends.U8)
	m, err := backends.NewMap(keys(t, "a"), owned())
	if err != nil {
		t.Fatal(err)
	}
	o, err := backends.NewOptional(u8, owned())
	if err != nil {
		t.Fatal(err)
	}
	s, err := backends.NewSequence(u8, []backends.Value{owned(), owned()})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := backends.NewOptional(u8, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []backends.Value{m, o, s, empty} {
		v.Release()
		v.Release()
	}
	if released != 4 {
		t.Errorf("released %d tensors, expected 4", released)
	}
}

// tensorsOnly is an engine whose contexts compute with tensors only.
type tensorsOnly struct{ backends.Backend }

func (tensorsOnly) Name() string                   { return "plain" }
func (tensorsOnly) Encodings() []backends.Encoding { return []backends.Encoding{backends.ONNX} }
func (tensorsOnly) Load(context.Context, [][]byte, backends.LoadOptions) (backends.Graph, error) {
	return plainGraph{}, nil
}

type plainGraph struct{ backends.Graph }

func (plainGraph) NewContext(context.Context) (backends.ExecutionContext, error) {
	return plainContext{}, nil
}

type plainContext struct{ backends.ExecutionContext }

// valued is an engine whose contexts give back the values they are given.
type valued struct{ tensorsOnly }

func (valued) Load(context.Context, [][]byte, backends.LoadOptions) (backends.Graph, error) {
	return valuedGraph{}, nil
}

type valuedGraph struct{ backends.Graph }

func (valuedGraph) InputValues() []backends.ValueInfo {
	return []backends.ValueInfo{{Name: "in", ValueType: backends.SequenceType(backends.TensorType(backends.U8))}}
}

func (valuedGraph) OutputValues() []backends.ValueInfo { return nil }

func (valuedGraph) NewContext(context.Context) (backends.ExecutionContext, error) {
	return valuedContext{}, nil
}

type valuedContext struct{ backends.ExecutionContext }

func (valuedContext) ComputeValues(_ context.Context, in []backends.NamedValue) ([]backends.NamedValue, error) {
	if len(in) == 0 {
		panic("no values")
	}
	return in, nil
}

func TestSetPassesValuesOn(t *testing.T) {
	compute := func(engine backends.Backend) (backends.Graph, backends.ValueComputer) {
		g, _, err := backends.NewSet(engine).Load(t.Context(), "plain", [][]byte{nil}, backends.LoadOptions{Encoding: backends.ONNX, Values: true})
		if err != nil {
			t.Fatal(err)
		}
		c, err := g.NewContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return g, c.(backends.ValueComputer)
	}
	_, c := compute(tensorsOnly{})
	if _, err := c.ComputeValues(t.Context(), nil); codeOf(t, err) != backends.UnsupportedOperation {
		t.Errorf("an engine of tensors only: %v", err)
	}
	g, c := compute(valued{})
	if got := g.(backends.ValueDescriber).InputValues(); !reflect.DeepEqual(got, valuedGraph{}.InputValues()) {
		t.Errorf("described as %v", got)
	}
	in := []backends.NamedValue{{Name: "in", Value: floats(t)}}
	if out, err := c.ComputeValues(t.Context(), in); err != nil || !reflect.DeepEqual(out, in) {
		t.Errorf("found %v, %v", out, err)
	}
	for range 2 { // it panics, and computes no more after that
		if _, err := c.ComputeValues(t.Context(), nil); codeOf(t, err) != backends.RuntimeError {
			t.Errorf("a panic: %v", err)
		}
	}
}
