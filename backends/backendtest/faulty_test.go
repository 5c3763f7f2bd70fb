package backendtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
)

// echo is an engine that hands its inputs back.
type echo struct{}

func (echo) Name() string                   { return "echo" }
func (echo) Encodings() []backends.Encoding { return []backends.Encoding{backends.ONNX} }
func (echo) Load(context.Context, [][]byte, backends.LoadOptions) (backends.Graph, error) {
	return echo{}, nil
}
func (echo) NewContext(context.Context) (backends.ExecutionContext, error) { return echoContext{}, nil }
func (echo) Close() error                                                  { return nil }

type echoContext struct{ echo }

func (echoContext) Compute(_ context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
	out := make([]backends.NamedTensor, len(in))
	for i, v := range in {
		t, err := backends.NewTensor(v.Tensor.Dims(), v.Tensor.Type(), v.Tensor.Data())
		if err != nil {
			return nil, err
		}
		out[i] = backends.NamedTensor{Name: v.Name, Tensor: t}
	}
	return out, nil
}

func TestFaultyCountsWhatIsHeld(t *testing.T) {
	f := Faulty(echo{}, nil)
	g := load(t, f, nil)
	c := newContext(t, g)
	out, err := c.Compute(t.Context(), tensors(t, []value{floats("a", []uint32{1}, 1), floats("b", []uint32{1}, 2)}))
	if err != nil {
		t.Fatal(err)
	}
	if found, want := f.Live(), (Live{Graphs: 1, Contexts: 1, Tensors: 2}); found != want {
		t.Errorf("live are %+v, expected %+v", found, want)
	}
	for range 2 {
		out[0].Tensor.Release()
		c.Close()
		g.Close()
	}
	if found, want := f.Live(), (Live{Tensors: 1}); found != want {
		t.Errorf("live are %+v, expected %+v", found, want)
	}
}

func TestFaultyStrikesTheOperationThatIsMeant(t *testing.T) {
	injected := errors.New("injected")
	f := Faulty(echo{}, func(op Op, n int) Fault {
		switch {
		case op == OpCompute && n == 1:
			return Fault{Err: injected}
		case op == OpCompute && n == 2:
			return Fault{Panic: "injected"}
		case op == OpCompute && n == 3:
			return Fault{Delay: time.Hour}
		case op == OpCompute && n == 4:
			return Fault{Mangle: func(out []backends.NamedTensor) []backends.NamedTensor {
				out[0].Tensor.Release()
				return nil
			}}
		case op == OpLoad && n == 1:
			return Fault{Err: injected}
		}
		return Fault{}
	})
	c := newContext(t, load(t, f, nil))
	in := []value{floats("a", []uint32{1}, 1)}
	sameValues(t, compute(t, c, in...), in)
	if _, err := c.Compute(t.Context(), tensors(t, in)); !errors.Is(err, injected) {
		t.Errorf("computation 1 returns %v", err)
	}
	func() {
		defer func() {
			if r := recover(); r != "injected" {
				t.Errorf("computation 2 panics with %v", r)
			}
		}()
		c.Compute(t.Context(), tensors(t, in))
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := c.Compute(ctx, tensors(t, in))
	wantError(t, err, backends.Timeout)
	if out := compute(t, c, in...); len(out) != 0 {
		t.Errorf("computation 4 gives %v", out)
	}
	if _, err := f.Load(t.Context(), nil, backends.LoadOptions{}); !errors.Is(err, injected) {
		t.Errorf("load 1 returns %v", err)
	}
	if f.Count(OpCompute) != 5 || f.Count(OpLoad) != 2 {
		t.Errorf("counted %d computations and %d loads", f.Count(OpCompute), f.Count(OpLoad))
	}
	if found, want := f.Live(), (Live{Graphs: 1, Contexts: 1}); found != want {
		t.Errorf("live are %+v, expected %+v", found, want)
	}
}
