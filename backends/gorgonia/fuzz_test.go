package gorgonia_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// FuzzLoad loads and computes what may be a model. Nothing panics or hangs, and every
// error is *backends.Error.
func FuzzLoad(f *testing.F) {
	for _, model := range [][]byte{
		onnxtest.Add(4), onnxtest.Ordered(), onnxtest.Optional(), onnxtest.NonZero(), onnxtest.Loop(3), onnxtest.Sum(3), onnxtest.NoInputs(),
		onnxtest.MatMuls(4, 2), onnxtest.External("w"), onnxtest.External("../w"), onnxtest.Unary("Softmax", onnxtest.Float, onnxtest.Dims("n", 4)),
	} {
		f.Add(model)
	}
	for _, model := range seeds() {
		f.Add(model.Marshal())
	}
	path := filepath.Join(f.TempDir(), "model.onnx") // beside which external data are read
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "w"), onnxtest.Floats(1, 2), 0o600); err != nil {
		f.Fatal(err)
	}
	b, err := gorgonia.New(gorgonia.Config{IntraOpThreads: 1, MaxMemory: 64 << 20, MaxModelBytes: 1 << 20})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, model []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		for _, beside := range []string{"", path} {
			if err := loadAndCompute(ctx, b, model, beside); err != nil {
				if e := (*backends.Error)(nil); !errors.As(err, &e) {
					t.Errorf("error is %T %v", err, err)
				} else if strings.Contains(err.Error(), "panic") {
					t.Error(err)
				}
			}
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("it took %v, though its context ended after 200 ms", took)
		}
	})
}

// loadAndCompute computes a model on tensors of zeros whose open sizes are 2.
func loadAndCompute(ctx context.Context, b *gorgonia.Backend, model []byte, path string) error {
	g, err := b.Load(ctx, [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX, Path: path})
	if err != nil {
		return err
	}
	defer g.Close()
	c, err := g.NewContext(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var in []backends.NamedTensor
	for _, info := range g.(backends.Describer).Inputs() {
		dims := make([]uint32, len(info.Dims))
		for i, d := range info.Dims {
			dims[i] = 2
			if d >= 0 {
				dims[i] = uint32(min(d, 1<<32-1))
			}
		}
		size, err := backends.ByteSize(dims, info.Type)
		if err != nil || size > 1<<20 {
			return err
		}
		t, err := backends.NewTensor(dims, info.Type, make([]byte, size))
		if err != nil {
			return err
		}
		in = append(in, backends.NamedTensor{Name: info.Name, Tensor: t})
	}
	_, err = c.Compute(ctx, in)
	return err
}

// seeds are models of what ONNX has besides nodes and tensors: graphs in attributes,
// functions, sparse constants, sequences, and sets of operators.
func seeds() []onnxtest.Model {
	float := func(name string, dims ...any) onnxtest.Value {
		return onnxtest.Value{Name: name, Type: onnxtest.Float, Shape: onnxtest.Dims(dims...)}
	}
	node := func(op, out string, in ...string) onnxtest.Node {
		return onnxtest.Node{Op: op, Inputs: in, Outputs: []string{out}}
	}
	branch := func(op string) onnxtest.Graph {
		return onnxtest.Graph{Nodes: []onnxtest.Node{node(op, op+"_out", "x")}, Outputs: []onnxtest.Value{float(op+"_out", 2)}}
	}
	graphs := func(op string, attrs []onnxtest.Attr, outs []string, in ...string) onnxtest.Node {
		return onnxtest.Node{Op: op, Inputs: in, Outputs: outs, Attrs: attrs}
	}
	one := func(nodes []onnxtest.Node, more func(*onnxtest.Model)) onnxtest.Model {
		m := onnxtest.Model{Graph: onnxtest.Graph{Nodes: nodes, Inputs: []onnxtest.Value{float("x", 2)}, Outputs: []onnxtest.Value{float("y")}}}
		m.Graph.Outputs[0].Shape = nil
		if more != nil {
			more(&m)
		}
		return m
	}
	numbers := func(name string, v ...int64) onnxtest.Tensor {
		return onnxtest.Tensor{Name: name, Type: onnxtest.Int64, Dims: []int64{int64(len(v))}, Raw: onnxtest.Int64s(v...)}
	}
	scan := onnxtest.Graph{Nodes: []onnxtest.Node{node("Add", "next", "state", "element"), node("Identity", "each", "next")},
		Inputs: []onnxtest.Value{float("state"), float("element")}, Outputs: []onnxtest.Value{float("next"), float("each")}}
	loop := onnxtest.Graph{Nodes: []onnxtest.Node{node("Add", "sum", "state", "x"), node("Identity", "more", "go"), node("Identity", "kept", "sum")},
		Inputs:  []onnxtest.Value{{Name: "turn", Type: onnxtest.Int64, Shape: onnxtest.Dims()}, {Name: "go", Type: onnxtest.Bool, Shape: onnxtest.Dims()}, float("state", 2)},
		Outputs: []onnxtest.Value{{Name: "more", Type: onnxtest.Bool, Shape: onnxtest.Dims()}, float("sum", 2), float("kept", 2)}}
	return []onnxtest.Model{
		one([]onnxtest.Node{
			node("ReduceSum", "all", "x"), node("Cast", "yes", "all"),
			graphs("If", []onnxtest.Attr{onnxtest.GraphAttr("then_branch", branch("Neg")), onnxtest.GraphAttr("else_branch", branch("Exp"))}, []string{"y"}, "yes"),
		}, func(m *onnxtest.Model) {
			m.Graph.Nodes[0].Attrs = []onnxtest.Attr{onnxtest.IntAttr("keepdims", 0)}
			m.Graph.Nodes[1].Attrs = []onnxtest.Attr{onnxtest.IntAttr("to", 9)}
		}),
		one([]onnxtest.Node{graphs("Loop", []onnxtest.Attr{onnxtest.GraphAttr("body", loop)}, []string{"last", "y"}, "trips", "", "x")}, func(m *onnxtest.Model) {
			m.Graph.Initializers = []onnxtest.Tensor{{Name: "trips", Type: onnxtest.Int64, Raw: onnxtest.Int64s(3)}}
		}),
		one([]onnxtest.Node{graphs("Scan", []onnxtest.Attr{onnxtest.GraphAttr("body", scan), onnxtest.IntAttr("num_scan_inputs", 1)}, []string{"last", "y"}, "zero", "x")}, func(m *onnxtest.Model) {
			m.Graph.Initializers = []onnxtest.Tensor{{Name: "zero", Type: onnxtest.Float, Raw: onnxtest.Floats(0)}}
		}),
		one([]onnxtest.Node{{Op: "Twice", Domain: "local", Inputs: []string{"x"}, Outputs: []string{"y"}}}, func(m *onnxtest.Model) {
			m.Domains = map[string]int64{"local": 1}
			m.Functions = []onnxtest.Function{
				{Name: "Twice", Domain: "local", Inputs: []string{"a"}, Outputs: []string{"b"}, Nodes: []onnxtest.Node{
					{Op: "Once", Domain: "local", Inputs: []string{"a"}, Outputs: []string{"c"}}, {Op: "Once", Domain: "local", Inputs: []string{"c"}, Outputs: []string{"b"}}}},
				{Name: "Once", Domain: "local", Inputs: []string{"a"}, Outputs: []string{"b"}, Nodes: []onnxtest.Node{node("Neg", "b", "a")}},
			}
		}),
		one([]onnxtest.Node{node("Add", "y", "x", "s")}, func(m *onnxtest.Model) {
			m.Graph.Sparse = []onnxtest.SparseTensor{{Values: onnxtest.Tensor{Name: "s", Type: onnxtest.Float, Dims: []int64{1}, Raw: onnxtest.Floats(5)}, Indices: numbers("", 1), Dims: []int64{2}}}
		}),
		one([]onnxtest.Node{node("SplitToSequence", "q", "x"), node("ConcatFromSequence", "y", "q")}, func(m *onnxtest.Model) {
			m.Graph.Nodes[1].Attrs = []onnxtest.Attr{onnxtest.IntAttr("axis", 0)}
		}),
		one([]onnxtest.Node{node("Optional", "o", "x"), node("OptionalGetElement", "y", "o")}, nil),
		one([]onnxtest.Node{{Op: "QuickGelu", Domain: "com.microsoft", Inputs: []string{"x"}, Outputs: []string{"y"}}}, func(m *onnxtest.Model) {
			m.Domains = map[string]int64{"com.microsoft": 1}
		}),
		one([]onnxtest.Node{{Op: "Scaler", Domain: "ai.onnx.ml", Inputs: []string{"x"}, Outputs: []string{"y"}, Attrs: []onnxtest.Attr{onnxtest.FloatsAttr("offset", 1), onnxtest.FloatsAttr("scale", 2)}}}, func(m *onnxtest.Model) {
			m.Domains = map[string]int64{"ai.onnx.ml": 3}
		}),
		one([]onnxtest.Node{node("Reshape", "y", "x", "shape")}, func(m *onnxtest.Model) { m.Graph.Initializers = []onnxtest.Tensor{numbers("shape", 1, -1)} }),
	}
}

// TestSeedsCompute sees to it that the seeds are models, so that what is made of them is
// nearly one.
func TestSeedsCompute(t *testing.T) {
	b, err := gorgonia.New(gorgonia.Config{IntraOpThreads: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, model := range seeds() {
		if err := loadAndCompute(t.Context(), b, model.Marshal(), ""); err != nil {
			t.Errorf("seed %d: %v", i, err)
		}
	}
}
