package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// constants are the operators whose output is known from the node, or from its inputs'
// types and shapes.
func constants() []op.Spec {
	return []op.Spec{
		{Name: "Constant", Since: 1, MinIn: 0, MaxIn: 0, Compile: constant},
		{Name: "ConstantOfShape", Since: 9, MinIn: 1, MaxIn: 1, Compile: constantOfShape},
		{Name: "Shape", Since: 1, MinIn: 1, MaxIn: 1, Compile: shape},
		{Name: "Size", Since: 1, MinIn: 1, MaxIn: 1, Compile: size},
	}
}

// constant gives what exactly one of its attributes holds.
//
// See https://onnx.ai/onnx/operators/onnx__Constant.html
func constant(n *op.Node) (*op.Plan, error) {
	for name, a := range n.Attributes {
		switch {
		case (name == "value" || name == "sparse_value") && a.Tensor != nil:
			return op.Known(a.Tensor)
		case name == "value_float" && a.Type == onnx.Float:
			return op.Known(tensor.Scalar(tensor.FP32, a.Float))
		case name == "value_int" && a.Type == onnx.Int:
			return op.Known(tensor.Scalar(tensor.I64, a.Int))
		case name == "value_string" && a.Type == onnx.String:
			return op.Known(tensor.Text(nil, string(a.String)))
		case name == "value_floats" && a.Type == onnx.Floats:
			return op.Known(tensor.Of(tensor.FP32, []int{len(a.Floats)}, a.Floats))
		case name == "value_ints" && a.Type == onnx.Ints:
			return op.Known(tensor.Ints(a.Ints...))
		case name == "value_strings" && a.Type == onnx.Strings:
			return op.Known(tensor.Text([]int{len(a.Strings)}, n.Strs(name)...))
		}
	}
	return nil, n.Errorf("no attribute holds a value")
}

// constantOfShape fills a shape with one value.
func constantOfShape(n *op.Node) (*op.Plan, error) {
	dims, err := n.IntsOf(0)
	if err != nil {
		return nil, err
	}
	value := n.Tensor("value")
	if value == nil {
		value = tensor.New(tensor.FP32, 1)
	}
	if value.Len() != 1 || value.Type == tensor.String {
		return nil, n.Errorf("attribute \"value\" is %s%v, expected one number", value.Type, value.Shape)
	}
	return op.Static(func(r *op.Run, _, out []*tensor.Tensor) error {
		fill(r, out[0].Data, value.Data)
		return nil
	}, op.Out(value.Type, sizes(dims)...))
}

// fill repeats one element.
func fill(r *op.Run, dst, element []byte) {
	r.For(len(dst)/len(element), 1<<16, func(lo, hi int) {
		piece := dst[lo*len(element) : hi*len(element)]
		for n := copy(piece, element); n < len(piece); n *= 2 {
			copy(piece[n:], piece[:n])
		}
	})
}

// sizes are dimensions as a shape.
func sizes(dims []int64) []int {
	shape := make([]int, len(dims))
	for i, d := range dims {
		shape[i] = int(d)
	}
	return shape
}

// shape gives the sizes of its input's dimensions, or of those from start to end.
//
// See https://onnx.ai/onnx/operators/onnx__Shape.html
func shape(n *op.Node) (*op.Plan, error) {
	if n.In[0].Kind != onnx.TensorKind {
		return nil, n.Errorf("input 0 is no tensor")
	}
	dims := n.In[0].Shape
	clamp := func(i int64) int {
		if i < 0 {
			i += int64(len(dims))
		}
		return int(min(max(i, 0), int64(len(dims))))
	}
	start, end := clamp(n.Int("start", 0)), clamp(n.Int("end", int64(len(dims))))
	var values []int64
	for i := start; i < end; i++ {
		values = append(values, int64(dims[i]))
	}
	return op.Known(tensor.Ints(values...))
}

// size gives the number of its input's elements.
func size(n *op.Node) (*op.Plan, error) {
	if n.In[0].Kind != onnx.TensorKind {
		return nil, n.Errorf("input 0 is no tensor")
	}
	return op.Known(tensor.Scalar(tensor.I64, int64(tensor.Size(n.In[0].Shape))))
}
