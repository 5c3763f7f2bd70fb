package program_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/ops"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/program"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// weights are n numbers of both signs.
func weights(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.FP32, shape...)
	for i, d := 0, tensor.As[float32](t); i < len(d); i++ {
		d[i] = float32((i*7+3)%11)/11 - 0.4
	}
	return t
}

// positive are n positive numbers.
func positive(n int) *tensor.Tensor {
	t := tensor.New(tensor.FP32, n)
	for i, d := 0, tensor.As[float32](t); i < n; i++ {
		d[i] = 0.5 + float32(i%5)
	}
	return t
}

func scalar(v float32) *tensor.Tensor { return tensor.Scalar(tensor.FP32, v) }

// nodes writes a graph: OP in... -> out...
type nodes []*onnx.Node

func (n nodes) add(operator, out string, in ...string) nodes {
	return append(n, &onnx.Node{Op: operator, Inputs: in, Outputs: []string{out}})
}

func (n nodes) with(attrs ...*onnx.Attribute) nodes {
	n[len(n)-1].Attributes = attrs
	return n
}

func ints(name string, v ...int64) *onnx.Attribute {
	return &onnx.Attribute{Name: name, Type: onnx.Ints, Ints: v}
}

func number(name string, v float32) *onnx.Attribute {
	return &onnx.Attribute{Name: name, Type: onnx.Float, Float: v}
}

// convolved begins a graph with y0 = Conv(x), from 3 channels to 4.
func convolved(out string) nodes {
	return nodes{}.add("Conv", out, "x", "w", "b").with(ints("pads", 1, 1, 1, 1))
}

// normalized is the layer normalization of x as exporters write it, to v.
func normalized(shift string) nodes {
	return nodes{}.add("ReduceMean", "mean", "x", "last").
		add("Sub", "d", "x", "mean").add("Pow", "d2", "d", "two").add("ReduceMean", "var", "d2", "last").
		add("Add", "ve", "var", "epsilon").add("Sqrt", "sd", "ve").add("Div", "n", "d", "sd").
		add("Mul", "ns", "n", "row").add("Add", shift, "ns", "row")
}

// TestPassesChangeNothing computes graphs as they are and with passes, on inputs that no
// pass knows the shape of.
func TestPassesChangeNothing(t *testing.T) {
	consts := map[string]*tensor.Tensor{
		"w": weights(4, 3, 3, 3), "b": weights(4), "scale": weights(4), "shift": weights(4), "m": weights(4), "v": positive(4),
		"matrix": weights(6, 5), "five": weights(5), "channel": weights(1, 4, 1, 1), "channels": weights(4, 1, 1), "deep": weights(2, 1, 4, 1, 1), "row": weights(6),
		"half": scalar(0.5), "one": scalar(1), "two": scalar(2), "root2": scalar(math.Sqrt2), "epsilon": scalar(1e-5), "six": scalar(6), "zero": scalar(0),
		"last": tensor.Ints(-1),
	}
	picture, rows := []int{2, 3, 5, 6}, []int{3, 4, 6}
	for _, tt := range []struct {
		name    string
		shape   []int
		nodes   nodes
		outputs []string
	}{
		{"a convolution with normalization and Relu", picture, convolved("c").add("BatchNormalization", "n", "c", "scale", "shift", "m", "v").add("Relu", "y", "n"), []string{"y"}},
		{"a normalization whose input is read elsewhere", picture, convolved("c").add("BatchNormalization", "n", "c", "scale", "shift", "m", "v").add("Add", "y", "n", "c"), []string{"y"}},
		{"a convolution that is an output as well", picture, convolved("c").add("Relu", "y", "c"), []string{"y", "c"}},
		{"a residual of the same shape", picture, convolved("c").add("Relu", "r", "c").add("Conv", "c2", "x", "w", "b").with(ints("pads", 1, 1, 1, 1)).add("Add", "s", "r", "c2").add("Relu", "y", "s"), []string{"y"}},
		{"a residual that is made between", picture, convolved("c").add("Neg", "late", "x").add("ReduceMean", "z", "late").add("Add", "y", "c", "z"), []string{"y"}},
		{"a convolution that broadcasts to the other addend", picture, convolved("c").add("GlobalAveragePool", "p", "c").add("Conv", "q", "x", "w").with(ints("pads", 0, 0, 0, 0), ints("strides", 3, 4)).add("Sigmoid", "s", "c").add("Add", "y", "s", "p"), []string{"y", "q"}},
		{"a channel's constant behind a convolution", picture, convolved("c").add("Add", "y", "c", "channel"), []string{"y"}},
		{"channels' constants and a normalization behind a convolution", picture, convolved("c").add("Mul", "m1", "c", "channels").add("BatchNormalization", "n", "m1", "scale", "shift", "m", "v").add("Sub", "s", "channel", "n").add("Div", "d", "s", "two").add("Relu", "y", "d"), []string{"y"}},
		{"channels' constants behind a normalization", picture, nodes{}.add("MaxPool", "p", "x").with(ints("kernel_shape", 2, 2)).add("Conv", "c", "p", "w", "b").add("Relu", "r", "c").add("BatchNormalization", "n", "r", "scale", "shift", "m", "v").add("Mul", "m1", "n", "channels").add("Add", "y", "channel", "m1"), []string{"y"}},
		{"a constant that raises the rank of a convolution", picture, convolved("c").add("Mul", "y", "c", "deep"), []string{"y"}},
		{"a constant for each column of a convolution", picture, convolved("c").add("Mul", "y", "c", "row"), []string{"y"}},
		{"a division of a constant by a convolution", picture, convolved("c").add("Div", "y", "two", "c"), []string{"y"}},
		{"a residual by Sum", picture, convolved("c").add("Relu", "r", "c").add("Conv", "c2", "x", "w", "b").with(ints("pads", 1, 1, 1, 1)).add("Sum", "s", "r", "c2").add("Relu", "y", "s"), []string{"y"}},
		{"a clip to six", picture, convolved("c").add("Clip", "y", "c", "zero", "six"), []string{"y"}},
		{"a swish by hand", picture, convolved("c").add("Sigmoid", "s", "c").add("Mul", "y", "c", "s"), []string{"y"}},
		{"a hard swish by hand", picture, convolved("c").add("HardSigmoid", "s", "c").with(number("alpha", 1.0/6), number("beta", 0.5)).add("Mul", "y", "s", "c"), []string{"y"}},
		{"every activation behind a convolution", picture, convolved("c").add("LeakyRelu", "c2", "c").add("Conv", "c3", "x", "w").add("Tanh", "c4", "c3").add("Conv", "c5", "x", "w").add("HardSwish", "c6", "c5"), []string{"c2", "c4", "c6"}},
		{"a product with bias and gelu", rows, nodes{}.add("MatMul", "p", "x", "matrix").add("Add", "s", "p", "five").add("Gelu", "y", "s"), []string{"y"}},
		{"a bias before the product", rows, nodes{}.add("MatMul", "p", "x", "matrix").add("Add", "y", "five", "p"), []string{"y"}},
		{"gelu as exporters write it", rows, nodes{}.add("Div", "d", "x", "root2").add("Erf", "e", "d").add("Add", "s", "e", "one").add("Mul", "xs", "x", "s").add("Mul", "y", "xs", "half"), []string{"y"}},
		{"gelu with the half in front", rows, nodes{}.add("Div", "d", "x", "root2").add("Erf", "e", "d").add("Add", "s", "e", "one").add("Mul", "h", "x", "half").add("Mul", "y", "h", "s"), []string{"y"}},
		{"gelu whose sum is read elsewhere", rows, nodes{}.add("Div", "d", "x", "root2").add("Erf", "e", "d").add("Add", "s", "e", "one").add("Mul", "xs", "x", "s").add("Mul", "y", "xs", "half").add("Neg", "z", "s"), []string{"y", "z"}},
		{"a layer normalization", rows, normalized("y"), []string{"y"}},
		{"a layer normalization whose difference is read elsewhere", rows, normalized("y").add("Neg", "z", "d"), []string{"y", "z"}},
		{"identities and an idle dropout", rows, nodes{}.add("Identity", "a", "x").add("Dropout", "c", "a").add("Neg", "e", "c").add("Identity", "y", "e"), []string{"y"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := computeAll(t, program.Options{Plain: true}, tt.shape, consts, tt.nodes, tt.outputs)
			got := computeAll(t, program.Options{}, tt.shape, consts, tt.nodes, tt.outputs)
			for i := range want {
				if fmt.Sprint(got[i].Shape) != fmt.Sprint(want[i].Shape) {
					t.Errorf("output %q has shape %v, want %v", tt.outputs[i], got[i].Shape, want[i].Shape)
					continue
				}
				g, w := tensor.As[float32](got[i]), tensor.As[float32](want[i])
				for k := range w {
					if d := math.Abs(float64(g[k] - w[k])); !(d <= 1e-5+1e-5*math.Abs(float64(w[k]))) {
						t.Fatalf("output %q: element %d is %v, want %v", tt.outputs[i], k, g[k], w[k])
					}
				}
			}
		})
	}
}

// computeAll computes a graph on numbers of a shape that the graph does not say.
func computeAll(t *testing.T, opts program.Options, shape []int, consts map[string]*tensor.Tensor, list nodes, outputs []string) []*tensor.Tensor {
	t.Helper()
	opts.Operators = ops.New()
	open := func(name string) *onnx.ValueInfo {
		return &onnx.ValueInfo{Name: name, Type: &onnx.Type{Kind: onnx.TensorKind, Elem: tensor.FP32}}
	}
	m := &onnx.Model{IRVersion: 10, Opsets: map[string]int{"": 20}, Graph: &onnx.Graph{Inputs: []*onnx.ValueInfo{open("x")}, Initializers: map[string]*onnx.Initializer{}}}
	for _, n := range list { // passes change nodes
		c := *n
		m.Graph.Nodes = append(m.Graph.Nodes, &c)
	}
	for name, c := range consts {
		m.Graph.Initializers[name] = &onnx.Initializer{Tensor: c}
		m.Graph.Order = append(m.Graph.Order, name)
	}
	for _, name := range outputs {
		m.Graph.Outputs = append(m.Graph.Outputs, open(name))
	}
	r := op.NewRun(nil, op.NewBudget(0, nil), nil)
	g, err := program.Prepare(r, m, opts)
	if err != nil {
		t.Fatal(err)
	}
	x := weights(shape...)
	info := op.InfoOf(x)
	info.Const = nil
	p, err := g.Program(r, []*op.Info{info})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(r, []tensor.Value{x})
	if err != nil {
		t.Fatal(err)
	}
	var all []*tensor.Tensor
	for _, v := range out {
		all = append(all, v.(*tensor.Tensor))
	}
	return all
}
