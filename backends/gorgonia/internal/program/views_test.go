package program_test

import (
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/ops"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/program"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// vector is the type of a float32 tensor of one dimension.
func vector(name string, size int64) *onnx.ValueInfo {
	return &onnx.ValueInfo{Name: name, Type: &onnx.Type{Kind: onnx.TensorKind, Elem: tensor.FP32, HasShape: true, Dims: []onnx.Dim{{Size: size}}}}
}

// compute runs nodes on one vector x and returns y.
func compute(t *testing.T, opts program.Options, x []float32, nodes ...*onnx.Node) []float32 {
	t.Helper()
	opts.Operators = ops.New()
	g, err := program.Prepare(op.NewRun(nil, op.NewBudget(0, nil), nil), &onnx.Model{IRVersion: 10, Opsets: map[string]int{"": 21}, Graph: &onnx.Graph{
		Nodes: nodes, Inputs: []*onnx.ValueInfo{vector("x", -1)}, Outputs: []*onnx.ValueInfo{vector("y", -1)},
	}}, opts)
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.Of(tensor.FP32, []int{len(x)}, x)
	info := op.InfoOf(in)
	info.Const = nil
	r := op.NewRun(nil, op.NewBudget(0, nil), nil)
	p, err := g.Program(r, []*op.Info{info})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(r, []tensor.Value{in})
	if err != nil {
		t.Fatal(err)
	}
	return tensor.As[float32](out[0].(*tensor.Tensor))
}

func node(operator, in, out string) *onnx.Node {
	return &onnx.Node{Op: operator, Inputs: []string{in}, Outputs: []string{out}}
}

func TestInPlaceOperatorsMayFollowViews(t *testing.T) {
	// Neg makes memory, Identity looks at it, Abs takes it over, and the output looks at
	// that again.
	for _, tape := range []bool{false, true} {
		got := compute(t, program.Options{Tape: tape, Plain: true}, []float32{1, -2, 3},
			node("Neg", "x", "a"), node("Identity", "a", "b"), node("Abs", "b", "c"), node("Identity", "c", "y"))
		if len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 3 {
			t.Errorf("tape %v: %v", tape, got)
		}
	}
}
