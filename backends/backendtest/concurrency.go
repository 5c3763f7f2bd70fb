package backendtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// testCancellation ends contexts before and while an engine works.
func testCancellation(t *testing.T, b backends.Backend) {
	one := []value{floats("in", []uint32{1}, 1)}
	ended, end := context.WithCancel(context.Background())
	end()
	t.Run("nothing starts under a context that has ended", func(t *testing.T) {
		_, err := b.Load(ended, [][]byte{onnxtest.Add(4)}, backends.LoadOptions{Encoding: backends.ONNX})
		wantError(t, err, backends.Timeout)
		g := load(t, b, onnxtest.Loop(1))
		_, err = g.NewContext(ended)
		wantError(t, err, backends.Timeout)
		_, err = newContext(t, g).Compute(ended, tensors(t, one))
		wantError(t, err, backends.Timeout)
	})

	g := load(t, b, onnxtest.Endless())
	// The engine stops when told; the test's own limit ends what does not.
	stop := func(t *testing.T, c backends.ExecutionContext, ctx context.Context) {
		t.Helper()
		_, err := c.Compute(ctx, tensors(t, one))
		wantError(t, err, backends.Timeout)
	}
	t.Run("a deadline ends a computation", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		stop(t, newContext(t, g), ctx)
	})
	t.Run("a cancellation ends a computation", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		stop(t, newContext(t, g), ctx)
	})
	t.Run("a context is cancelled again and again", func(t *testing.T) {
		c := newContext(t, g)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			stop(t, c, ctx)
			cancel()
		}
	})
	t.Run("cancelling one computation leaves the others alone", func(t *testing.T) {
		add := newContext(t, load(t, b, onnxtest.Add(4)))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		defer wg.Wait()
		for range 2 {
			c := newContext(t, g)
			wg.Go(func() { stop(t, c, ctx) })
		}
		a, second := floats("a", []uint32{4}, 1, 2, 3, 4), floats("b", []uint32{4}, 1, 2, 3, 4)
		for ctx.Err() == nil {
			sameValues(t, compute(t, add, a, second), []value{floats("c", []uint32{4}, 2, 4, 6, 8)})
		}
	})
	t.Run("a context computes after a cancellation", func(t *testing.T) {
		c := newContext(t, load(t, b, turns()))
		run := func(ctx context.Context, n int64) ([]backends.NamedTensor, error) {
			return c.Compute(ctx, tensors(t, []value{one[0], int64s("turns", nil, n)}))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := run(ctx, 1<<62)
		wantError(t, err, backends.Timeout)
		for _, next := range []context.Context{context.Background(), t.Context()} {
			out, err := run(next, 3)
			if err != nil {
				t.Fatal(err)
			}
			sameValues(t, copyOut(out), []value{floats("out", []uint32{1}, 4)})
		}
		_, err = run(ctx, 3)
		wantError(t, err, backends.Timeout)
	})
}

// turns is a loop that adds 1 to "in" as often as the input "turns" says.
func turns() []byte {
	x, scalar := onnxtest.Dims(1), onnxtest.Dims()
	body := onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Identity", Inputs: []string{"more"}, Outputs: []string{"again"}},
			{Op: "Add", Inputs: []string{"x", "one"}, Outputs: []string{"y"}},
		},
		Inputs:       []onnxtest.Value{{Name: "turn", Type: onnxtest.Int64, Shape: scalar}, {Name: "more", Type: onnxtest.Bool, Shape: scalar}, {Name: "x", Type: onnxtest.Float, Shape: x}},
		Outputs:      []onnxtest.Value{{Name: "again", Type: onnxtest.Bool, Shape: scalar}, {Name: "y", Type: onnxtest.Float, Shape: x}},
		Initializers: []onnxtest.Tensor{{Name: "one", Type: onnxtest.Float, Dims: []int64{1}, Raw: onnxtest.Floats(1)}},
	}
	return onnxtest.Model{Graph: onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Loop", Inputs: []string{"turns", "", "in"}, Outputs: []string{"out"}, Attrs: []onnxtest.Attr{onnxtest.GraphAttr("body", body)}}},
		Inputs:  []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: x}, {Name: "turns", Type: onnxtest.Int64, Shape: scalar}},
		Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: x}},
	}}.Marshal()
}

// testConcurrency uses one engine from many goroutines.
func testConcurrency(t *testing.T, b backends.Backend) {
	const workers, runs = 8, 200
	t.Run("contexts of one graph compute side by side", func(t *testing.T) {
		g := load(t, b, onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims("n")))
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() { hammer(t, g, w, runs) })
		}
		wg.Wait()
	})
	t.Run("graphs come and go while others compute", func(t *testing.T) {
		g := load(t, b, onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims("n")))
		var wg sync.WaitGroup
		for w := range workers / 2 {
			wg.Go(func() { hammer(t, g, w, runs) })
			wg.Go(func() {
				for range runs / 20 {
					own, err := b.Load(context.Background(), [][]byte{onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims("n"))}, backends.LoadOptions{Encoding: backends.ONNX})
					if err != nil {
						t.Error(err)
						return
					}
					hammer(t, own, w, 3)
					own.Close()
				}
			})
		}
		wg.Wait()
	})
	t.Run("a graph is closed while contexts are made and compute", func(t *testing.T) {
		for range 20 {
			g := load(t, b, onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims("n")))
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					c, err := g.NewContext(context.Background())
					if err != nil {
						wantError(t, err, backends.InvalidArgument)
						return
					}
					defer c.Close()
					negate(t, c, 1, 8)
				})
			}
			wg.Go(func() { g.Close() })
			wg.Wait()
		}
	})
}

// hammer computes on a context of its own, with values and sizes that tell the
// workers apart.
func hammer(t *testing.T, g backends.Graph, worker, runs int) {
	c, err := g.NewContext(context.Background())
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	for i := range runs {
		if !negate(t, c, float32(worker*runs+i), 1+(worker*131+i*17)%3000) {
			return
		}
	}
}

// negate computes -x for n times x.
func negate(t *testing.T, c backends.ExecutionContext, x float32, n int) bool {
	in, want := make([]float32, n), make([]float32, n)
	for i := range in {
		in[i], want[i] = x, -x
	}
	out, err := c.Compute(context.Background(), tensors(t, []value{floats("in", []uint32{uint32(n)}, in...)}))
	if err != nil {
		t.Error(err)
		return false
	}
	if found, want := fmt.Sprint(copyOut(out)), fmt.Sprint([]value{floats("out", []uint32{uint32(n)}, want...)}); found != want {
		t.Errorf("the negation of %d times %v is wrong", n, x)
		return false
	}
	return true
}
