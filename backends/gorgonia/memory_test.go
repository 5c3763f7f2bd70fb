package gorgonia

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

func engine(t *testing.T, cfg Config) *Backend {
	t.Helper()
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t *testing.T, b *Backend, model []byte) (backends.Graph, backends.ExecutionContext) {
	t.Helper()
	g, err := b.Load(t.Context(), [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX})
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.NewContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return g, c
}

// vector is an input of n float32 zeros.
func vector(t testing.TB, name string, n int) backends.NamedTensor {
	t.Helper()
	v, err := backends.NewTensor([]uint32{uint32(n)}, backends.FP32, make([]byte, 4*n))
	if err != nil {
		t.Fatal(err)
	}
	return backends.NamedTensor{Name: name, Tensor: v}
}

// chain is out = op(...op(in)), of an open size; every second value cannot be computed
// in place.
func chain(nodes int) []byte {
	var g onnxtest.Graph
	last := "in"
	for i := range nodes {
		out := fmt.Sprint("v", i)
		g.Nodes = append(g.Nodes, onnxtest.Node{Op: "CumSum", Inputs: []string{last, "axis"}, Outputs: []string{out}})
		last = out
	}
	g.Initializers = []onnxtest.Tensor{{Name: "axis", Type: onnxtest.Int64, Dims: []int64{1}, Raw: onnxtest.Int64s(0)}}
	g.Inputs = []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: onnxtest.Dims("n")}}
	g.Outputs = []onnxtest.Value{{Name: last, Type: onnxtest.Float, Shape: onnxtest.Dims("n")}}
	return onnxtest.Model{Graph: g}.Marshal()
}

func TestAllMemoryIsGivenBack(t *testing.T) {
	b := engine(t, Config{})
	for _, model := range [][]byte{chain(3), onnxtest.Unary("Softmax", onnxtest.Float, onnxtest.Dims("n")), onnxtest.Loop(5), onnxtest.NonZero()} {
		g, c := open(t, b, model)
		for _, n := range []int{1, 100, 10_000} {
			if n > 1 && len(g.(backends.Describer).Inputs()[0].Dims) == 1 && g.(backends.Describer).Inputs()[0].Dims[0] > 0 {
				continue
			}
			if _, err := c.Compute(t.Context(), []backends.NamedTensor{vector(t, "in", n)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(c.Close(), g.Close()); err != nil {
			t.Error(err)
		}
		if n := b.budget.Used(); n != 0 {
			t.Errorf("%d bytes are still counted", n)
		}
	}
	if len(b.graphs) != 0 {
		t.Errorf("%d graphs are still known", len(b.graphs))
	}
}

// Arenas of many shapes are kept while there is room, and given back when there is not.
func TestKeptArenasMakeRoom(t *testing.T) {
	const limit = 8 << 20
	b := engine(t, Config{MaxMemory: limit, IntraOpThreads: 1})
	g, c := open(t, b, chain(3))
	defer g.Close()
	defer c.Close()
	for i := range 20 { // 4 MB of output and as much of arena each, but for some bytes
		if _, err := c.Compute(t.Context(), []backends.NamedTensor{vector(t, "in", 500_000+i)}); err != nil {
			t.Fatalf("shape %d: %v", i, err)
		}
		if n := b.budget.Used(); n > limit {
			t.Fatalf("shape %d: %d bytes are counted, of at most %d", i, n, limit)
		}
	}
	_, err := c.Compute(t.Context(), []backends.NamedTensor{vector(t, "in", 3_000_000)})
	if e := backends.AsError(err); e == nil || e.Code != backends.TooLarge {
		t.Errorf("12 MB are given in 8: %v", err)
	}
	if _, err := c.Compute(t.Context(), []backends.NamedTensor{vector(t, "in", 10)}); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// A file of some hundred bytes may ask for constants of any size.
func TestConstantsOfConstantsAreCounted(t *testing.T) {
	var g onnxtest.Graph
	g.Initializers = []onnxtest.Tensor{{Name: "shape", Type: onnxtest.Int64, Dims: []int64{1}, Raw: onnxtest.Int64s(8 << 20)}}
	var names []string
	for i := range 50 { // 32 MB each
		names = append(names, fmt.Sprint("c", i))
		g.Nodes = append(g.Nodes, onnxtest.Node{Op: "ConstantOfShape", Inputs: []string{"shape"}, Outputs: names[i:]})
	}
	g.Nodes = append(g.Nodes, onnxtest.Node{Op: "Sum", Inputs: append(names, "in"), Outputs: []string{"out"}})
	g.Inputs = []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}}
	g.Outputs = []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: onnxtest.Dims("n")}}
	const limit = 200 << 20
	b := engine(t, Config{MaxMemory: limit})
	graph, c := open(t, b, onnxtest.Model{Graph: g}.Marshal())
	if n := b.budget.Used(); n > limit/2 {
		t.Errorf("%d bytes are counted for constants, of %d in all", n, limit)
	}
	_, err := c.Compute(t.Context(), []backends.NamedTensor{vector(t, "in", 1)})
	if e := backends.AsError(err); e == nil || e.Code != backends.TooLarge {
		t.Errorf("1.6 GB of constants are summed up in 200 MB: %v", err)
	}
	if err := errors.Join(c.Close(), graph.Close()); err != nil {
		t.Error(err)
	}
	if n := b.budget.Used(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

// Contexts of one graph share its nodes; operators that run graphs read theirs while
// they run. make test runs this with the race detector.
func TestRaceOfLoopsInContextsOfOneGraph(t *testing.T) {
	g, _ := open(t, engine(t, Config{}), onnxtest.Loop(50))
	defer g.Close()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			c, err := g.NewContext(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for range 10 {
				if _, err := c.Compute(context.Background(), []backends.NamedTensor{vector(t, "in", 1)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
