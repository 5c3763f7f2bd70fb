package ops_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/ops"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// endless is the graph of a loop that goes on for ever, and gives a state and an output.
type endless struct {
	calls int
	stop  *atomic.Bool
	at    int // the call that stops the run
}

func (e *endless) Call(r *op.Run, _ string, _, _ []tensor.Value) ([]tensor.Value, error) {
	if e.calls++; e.calls == e.at {
		e.stop.Store(true)
	}
	state, err := r.New(tensor.U8, 1000)
	if err != nil {
		return nil, err
	}
	output, err := r.New(tensor.U8, 10)
	return []tensor.Value{tensor.Scalar(tensor.Bool, true), state, output}, err
}

// runEndless runs a Loop of the graph, and says how many bytes are counted behind it.
func runEndless(e *endless, trips, limit int64) (int64, error) {
	info := &onnx.ValueInfo{Type: &onnx.Type{Kind: onnx.TensorKind, Elem: tensor.U8, HasShape: true}}
	body := &onnx.Graph{Inputs: []*onnx.ValueInfo{info, info, info}, Outputs: []*onnx.ValueInfo{info, info, info}}
	state := tensor.New(tensor.U8, 1000)
	n := &op.Node{Op: "Loop", Version: 16, Subgraph: e, Outs: []bool{true, true},
		Attributes: map[string]*onnx.Attribute{"body": {Name: "body", Type: onnx.GraphAttr, Graph: body}},
		In:         []*op.Info{nil, nil, op.InfoOf(state)}}
	in := []tensor.Value{nil, nil, state}
	if trips > 0 {
		in[0] = tensor.Scalar(tensor.I64, trips)
	}
	p, err := ops.New().Lookup("", "Loop", 16).Compile(n)
	if err != nil {
		return 0, err
	}
	e.stop = new(atomic.Bool)
	r := op.NewRun(nil, op.NewBudget(limit, nil), e.stop)
	_, err = p.Eval(r, in)
	return r.Used(), err
}

func TestAnEndlessLoopStops(t *testing.T) {
	e := &endless{at: 100}
	if _, err := runEndless(e, 0, 1<<40); !errors.Is(err, op.ErrStopped) || e.calls != 100 {
		t.Fatalf("ended after %d calls with %v, expected 100 and %v", e.calls, err, op.ErrStopped)
	}
}

func TestOutputsOfALoopCountTowardsTheLimit(t *testing.T) {
	var limit *op.LimitError
	if _, err := runEndless(&endless{}, 0, 1<<16); !errors.As(err, &limit) {
		t.Fatalf("ended with %v, expected a limit", err)
	}
}

func TestStatesOfALoopThatAreGarbageDoNotCount(t *testing.T) {
	used, err := runEndless(&endless{}, 100, 1<<13)
	if err != nil {
		t.Fatal(err)
	}
	if used > 1<<13 {
		t.Fatalf("%d bytes are counted after the loop, expected at most 8192", used)
	}
}
