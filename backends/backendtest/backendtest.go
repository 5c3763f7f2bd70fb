// Package backendtest is the suite that every engine must pass, and a wrapper
// that makes an engine fail on purpose, for the tests of what stands on engines.
package backendtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// Run tests that an engine which loads ONNX keeps the contract of package
// backends. Each requirement is a subtest named by a sentence.
func Run(t *testing.T, b backends.Backend) {
	for _, group := range []struct {
		name string
		run  func(*testing.T, backends.Backend)
	}{
		{"identity", testIdentity},
		{"describe", testDescribe},
		{"values", testValues},
		{"arguments", testArguments},
		{"models", testModels},
		{"lifetimes", testLifetimes},
		{"cancellation", testCancellation},
		{"concurrency", testConcurrency},
	} {
		t.Run(group.name, func(t *testing.T) { group.run(t, b) })
	}
}

func testIdentity(t *testing.T, b backends.Backend) {
	if b.Name() == "" {
		t.Error("the engine has no name")
	}
	if !slices.Contains(b.Encodings(), backends.ONNX) {
		t.Errorf("encodings are %v, expected onnx among them", b.Encodings())
	}
}

// load loads a model that must load, and closes it with the test.
func load(t testing.TB, b backends.Backend, model []byte) backends.Graph {
	t.Helper()
	g, err := b.Load(t.Context(), [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// newContext makes a context of a graph, and closes it with the test.
func newContext(t testing.TB, g backends.Graph) backends.ExecutionContext {
	t.Helper()
	c, err := g.NewContext(context.Background())
	if err != nil {
		t.Fatalf("new context: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// value is a named tensor written for comparison.
type value struct {
	name string
	ty   backends.ElementType
	dims []uint32
	data []byte
}

func (v value) String() string { return fmt.Sprintf("%s: %s%v %x", v.name, v.ty, v.dims, v.data) }

func (v value) tensor(t testing.TB) backends.NamedTensor {
	t.Helper()
	tensor, err := backends.NewTensor(v.dims, v.ty, v.data)
	if err != nil {
		t.Fatalf("tensor %q: %v", v.name, err)
	}
	return backends.NamedTensor{Name: v.name, Tensor: tensor}
}

func tensors(t testing.TB, values []value) []backends.NamedTensor {
	t.Helper()
	out := make([]backends.NamedTensor, len(values))
	for i, v := range values {
		out[i] = v.tensor(t)
	}
	return out
}

// floats is a value of float32s.
func floats(name string, dims []uint32, vs ...float32) value {
	return value{name, backends.FP32, dims, onnxtest.Floats(vs...)}
}

// int64s is a value of int64s.
func int64s(name string, dims []uint32, vs ...int64) value {
	return value{name, backends.I64, dims, onnxtest.Int64s(vs...)}
}

// compute runs a computation that must succeed, copies its outputs, and
// releases them.
func compute(t testing.TB, c backends.ExecutionContext, inputs ...value) []value {
	t.Helper()
	out, err := c.Compute(t.Context(), tensors(t, inputs))
	if err != nil {
		t.Fatalf("compute: %v", err)
	}
	return copyOut(out)
}

func copyOut(out []backends.NamedTensor) []value {
	values := make([]value, len(out))
	for i, o := range out {
		values[i] = value{o.Name, o.Tensor.Type(), slices.Clone(o.Tensor.Dims()), bytes.Clone(o.Tensor.Data())}
		o.Tensor.Release()
	}
	return values
}

func sameValues(t testing.TB, found, want []value) {
	t.Helper()
	if f, w := fmt.Sprint(found), fmt.Sprint(want); f != w {
		t.Errorf("outputs are %s, expected %s", f, w)
	}
}

// wantError checks that err is *backends.Error with a code and a detail that has
// every one of the given pieces.
func wantError(t testing.TB, err error, code backends.Code, pieces ...string) {
	t.Helper()
	var e *backends.Error
	if !errors.As(err, &e) {
		t.Errorf("error is %T %v, expected *backends.Error with code %s", err, err, code)
		return
	}
	if e.Code != code {
		t.Errorf("code is %s (%s), expected %s", e.Code, e.Detail, code)
	}
	if e.Detail == "" {
		t.Error("the error has no detail")
	}
	for _, piece := range pieces {
		if !bytes.Contains([]byte(e.Detail), []byte(piece)) {
			t.Errorf("detail is %q, expected %q in it", e.Detail, piece)
		}
	}
}

func testDescribe(t *testing.T, b backends.Backend) {
	info := func(name string, ty backends.ElementType, dims ...int64) backends.TensorInfo {
		return backends.TensorInfo{Name: name, Type: ty, Dims: dims}
	}
	tests := []struct {
		name            string
		model           []byte
		inputs, outputs []backends.TensorInfo
	}{
		{"inputs and outputs come in the model's order", onnxtest.Ordered(),
			[]backends.TensorInfo{info("zebra", backends.FP32, 2), info("apple", backends.I64, 1), info("mango", backends.FP32, 2)},
			[]backends.TensorInfo{info("yak", backends.FP32, 2), info("ant", backends.I64, 1), info("owl", backends.FP32, 2)}},
		{"an open dimension is -1", onnxtest.NonZero(),
			[]backends.TensorInfo{info("in", backends.FP32, -1)},
			[]backends.TensorInfo{info("out", backends.I64, 1, -1)}},
		{"a scalar has no dimensions", onnxtest.Identity(onnxtest.Double, onnxtest.Dims()),
			[]backends.TensorInfo{info("in", backends.FP64)}, []backends.TensorInfo{info("out", backends.FP64)}},
		{"a model without inputs has none", onnxtest.NoInputs(),
			nil, []backends.TensorInfo{info("out", backends.FP32, 2)}},
		{"an input with a default is not among those that must be given", onnxtest.Optional(),
			[]backends.TensorInfo{info("in", backends.FP32, 2)}, []backends.TensorInfo{info("out", backends.FP32, 2)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, ok := load(t, b, tt.model).(backends.Describer)
			if !ok {
				t.Skip("this engine does not describe its graphs")
			}
			if found, want := fmt.Sprintf("%+v", d.Inputs()), fmt.Sprintf("%+v", tt.inputs); found != want {
				t.Errorf("inputs are %s, expected %s", found, want)
			}
			if found, want := fmt.Sprintf("%+v", d.Outputs()), fmt.Sprintf("%+v", tt.outputs); found != want {
				t.Errorf("outputs are %s, expected %s", found, want)
			}
		})
	}
	t.Run("a rank that the model leaves open is said to be", func(t *testing.T) {
		d, ok := load(t, b, twoRanks()).(backends.Describer)
		if !ok {
			t.Skip("this engine does not describe its graphs")
		}
		if in := d.Inputs()[0]; !in.Unranked || in.Dims != nil {
			t.Errorf("input is %+v, expected it to be unranked", in)
		}
	})
	t.Run("a caller may change what it is told", func(t *testing.T) {
		d, ok := load(t, b, onnxtest.Add(4)).(backends.Describer)
		if !ok {
			t.Skip("this engine does not describe its graphs")
		}
		d.Inputs()[0].Dims[0] = 99
		d.Outputs()[0].Name = "changed"
		if in, out := d.Inputs()[0], d.Outputs()[0]; in.Dims[0] != 4 || out.Name != "c" {
			t.Errorf("the graph now says %v and %v", in, out)
		}
	})
}

// twoRanks is an identity on floats of any shape.
func twoRanks() []byte { return onnxtest.Identity(onnxtest.Float, nil) }

// pattern is n bytes that differ from their neighbours, and that are valid
// elements of a type: a boolean is 0 or 1.
func pattern(n uint64, ty backends.ElementType) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*37 + 1)
		if ty == backends.Bool {
			data[i] &= 1
		}
	}
	return data
}

func testValues(t *testing.T, b backends.Backend) {
	t.Run("every element type passes through unchanged", func(t *testing.T) {
		for _, dt := range onnxtest.DataTypes() {
			ty := backends.ElementType(dt)
			t.Run(ty.String(), func(t *testing.T) {
				size, err := backends.ByteSize([]uint32{2, 3}, ty)
				if err != nil {
					t.Fatal(err)
				}
				in := value{"in", ty, []uint32{2, 3}, pattern(size, ty)}
				c := newContext(t, load(t, b, onnxtest.Identity(dt, onnxtest.Dims(2, 3))))
				sameValues(t, compute(t, c, in), []value{{"out", ty, in.dims, in.data}})
			})
		}
	})

	add := []value{floats("a", []uint32{4}, 1, 2, 3, 4), floats("b", []uint32{4}, 10, 20, 30, 40)}
	big := make([]float32, 1<<18)
	for i := range big {
		big[i] = float32(i)
	}
	n := uint32(len(big))
	tests := []struct {
		name  string
		model []byte
		in    []value
		out   []value
	}{
		{"numbers are added", onnxtest.Add(4), add, []value{floats("c", []uint32{4}, 11, 22, 33, 44)}},
		{"inputs may come in any order", onnxtest.Add(4), []value{add[1], add[0]}, []value{floats("c", []uint32{4}, 11, 22, 33, 44)}},
		{"all outputs come, in the model's order", onnxtest.Ordered(),
			[]value{floats("mango", []uint32{2}, 1, 2), floats("zebra", []uint32{2}, 10, 20), int64s("apple", []uint32{1}, 7)},
			[]value{floats("yak", []uint32{2}, 11, 22), int64s("ant", []uint32{1}, 7), floats("owl", []uint32{2}, 9, 18)}},
		{"a scalar has no dimensions", onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims()),
			[]value{floats("in", nil, 5)}, []value{floats("out", nil, -5)}},
		{"[1] is taken for a scalar", onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims()),
			[]value{floats("in", []uint32{1}, 5)}, []value{floats("out", nil, -5)}},
		{"a model without inputs gives its outputs", onnxtest.NoInputs(),
			nil, []value{floats("out", []uint32{2}, 1, 2)}},
		{"a tensor may be empty", onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims("n", 4)),
			[]value{floats("in", []uint32{0, 4})}, []value{floats("out", []uint32{0, 4})}},
		{"an output may turn out empty", onnxtest.NonZero(),
			[]value{floats("in", []uint32{3}, 0, 0, 0)}, []value{int64s("out", []uint32{1, 0})}},
		{"the data may decide the shape", onnxtest.NonZero(),
			[]value{floats("in", []uint32{4}, 5, 0, 0, 6)}, []value{int64s("out", []uint32{1, 2}, 0, 3)}},
		{"an input with a default may be left out", onnxtest.Optional(),
			[]value{floats("in", []uint32{2}, 1, 2)}, []value{floats("out", []uint32{2}, 11, 22)}},
		{"an input with a default may be given", onnxtest.Optional(),
			[]value{floats("bias", []uint32{2}, 5, 6), floats("in", []uint32{2}, 1, 2)}, []value{floats("out", []uint32{2}, 6, 8)}},
		{"a large tensor passes", onnxtest.Identity(onnxtest.Float, onnxtest.Dims("n")),
			[]value{floats("in", []uint32{n}, big...)}, []value{floats("out", []uint32{n}, big...)}},
		{"numbers that are not finite pass", onnxtest.Add(4),
			[]value{floats("a", []uint32{4}, float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, 0), floats("b", []uint32{4}, 1, 1, math.MaxFloat32, 0)},
			[]value{floats("c", []uint32{4}, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Inf(1)), 0)}},
		{"a loop runs its turns", onnxtest.Loop(1000),
			[]value{floats("in", []uint32{1}, 0.5)}, []value{floats("out", []uint32{1}, 1000.5)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newContext(t, load(t, b, tt.model))
			sameValues(t, compute(t, c, tt.in...), tt.out)
		})
	}

	t.Run("many inputs come in any order", func(t *testing.T) {
		for _, n := range []int{1, 3, 4, 5, 9} {
			var in []value
			sum := float32(0)
			for i := range n {
				in = append(in, floats(fmt.Sprintf("in%d", (i+n/2)%n), []uint32{2}, float32(int(1)<<i), 0))
				sum += float32(int(1) << i)
			}
			c := newContext(t, load(t, b, onnxtest.Sum(n)))
			for range 2 {
				sameValues(t, compute(t, c, in...), []value{floats("out", []uint32{2}, sum, 0)})
			}
		}
	})
	t.Run("one context takes one shape after the other", func(t *testing.T) {
		c := newContext(t, load(t, b, onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims("n", "m"))))
		for _, dims := range [][]uint32{{1, 2}, {3, 1}, {0, 7}, {2, 2}, {1, 2}} {
			size := int(dims[0] * dims[1])
			in, out := make([]float32, size), make([]float32, size)
			for i := range in {
				in[i], out[i] = float32(i+1), -float32(i+1)
			}
			sameValues(t, compute(t, c, floats("in", dims, in...)), []value{floats("out", dims, out...)})
		}
	})
	t.Run("one context takes one rank after the other", func(t *testing.T) {
		c := newContext(t, load(t, b, twoRanks()))
		for _, dims := range [][]uint32{nil, {2}, {1, 2, 1}, nil} {
			data := make([]float32, max(1, len(dims)/2*2))
			if len(dims) > 0 {
				data = make([]float32, 2)
			}
			sameValues(t, compute(t, c, floats("in", dims, data...)), []value{floats("out", dims, data...)})
		}
	})
	t.Run("inputs are not changed", func(t *testing.T) {
		in := tensors(t, add)
		c := newContext(t, load(t, b, onnxtest.Add(4)))
		for range 3 {
			out, err := c.Compute(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			copyOut(out)
		}
		for i, v := range add {
			if !bytes.Equal(in[i].Tensor.Data(), v.data) {
				t.Errorf("input %q is %x, was %x", v.name, in[i].Tensor.Data(), v.data)
			}
		}
	})
	t.Run("data may start at any address", func(t *testing.T) {
		c := newContext(t, load(t, b, onnxtest.Add(4)))
		for offset := range 4 {
			in := slices.Clone(add)
			for i := range in {
				buffer := make([]byte, 16+offset)
				copy(buffer[offset:], in[i].data)
				in[i].data = buffer[offset:]
			}
			sameValues(t, compute(t, c, in...), []value{floats("c", []uint32{4}, 11, 22, 33, 44)})
		}
	})
	t.Run("outputs of two computations do not share memory", func(t *testing.T) {
		for _, size := range []uint32{4, 1 << 16} {
			c := newContext(t, load(t, b, onnxtest.Unary("Neg", onnxtest.Int64, onnxtest.Dims("n"))))
			var outs [][]backends.NamedTensor
			for turn := range 3 {
				data := make([]int64, size)
				data[size-1] = int64(turn)
				out, err := c.Compute(t.Context(), tensors(t, []value{int64s("in", []uint32{size}, data...)}))
				if err != nil {
					t.Fatal(err)
				}
				outs = append(outs, out)
			}
			for turn, out := range outs {
				data := out[0].Tensor.Data()
				if last := int64(binary.LittleEndian.Uint64(data[len(data)-8:])); last != -int64(turn) {
					t.Errorf("size %d, computation %d: the last element is %d now", size, turn, last)
				}
				copyOut(out)
			}
		}
	})
}
