package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// views are the operators whose output has the elements of an input as they are.
func views() []op.Spec {
	return []op.Spec{
		{Name: "Identity", Since: 1, MinIn: 1, MaxIn: 1, Compile: identity},
		{Name: "Reshape", Since: 1, MinIn: 1, MaxIn: 1, Compile: reshape1},
		{Name: "Reshape", Since: 5, MinIn: 2, MaxIn: 2, Compile: reshape},
	}
}

// identity gives its input, of any kind.
func identity(n *op.Node) (*op.Plan, error) {
	if n.In[0].Kind != onnx.TensorKind {
		return op.Dynamic(func(_ *op.Run, in []tensor.Value) ([]tensor.Value, error) { return in[:1], nil })
	}
	return op.View(0, op.Out(n.In[0].Type, n.In[0].Shape...))
}

func reshape1(n *op.Node) (*op.Plan, error) { return reshapeTo(n, n.Ints("shape"), false) }

func reshape(n *op.Node) (*op.Plan, error) {
	dims, err := n.IntsOf(1)
	if err != nil {
		return nil, err
	}
	return reshapeTo(n, dims, n.Flag("allowzero", false))
}

// reshapeTo gives the input under a shape in which one size may be -1, to be filled
// in, and sizes of 0 are the input's unless allowZero is set.
//
// See https://onnx.ai/onnx/operators/onnx__Reshape.html
func reshapeTo(n *op.Node, dims []int64, allowZero bool) (*op.Plan, error) {
	in := n.In[0].Shape
	out := sizes(dims)
	open, rest := -1, 1
	for i, d := range out {
		switch {
		case d == -1 && open >= 0:
			return nil, n.Errorf("shape %v has more than one -1", dims)
		case d == -1:
			open = i
			continue
		case d == 0 && !allowZero && i >= len(in):
			return nil, n.Errorf("shape %v takes dimension %d of a tensor of %d", dims, i, len(in))
		case d == 0 && !allowZero:
			out[i] = in[i]
		}
	}
	for i, d := range out {
		if i != open {
			if rest = rest * d; rest < 0 || rest > tensor.MaxBytes || d < 0 {
				return nil, n.Errorf("shape %v is out of range", dims)
			}
		}
	}
	count := tensor.Size(in)
	if open >= 0 {
		if rest == 0 || count%rest != 0 {
			return nil, n.Errorf("%d elements do not fill a shape %v", count, dims)
		}
		out[open] = count / rest
		rest *= out[open]
	}
	if rest != count {
		return nil, n.Errorf("%d elements do not fill a shape %v", count, dims)
	}
	return op.View(0, op.Out(n.In[0].Type, out...))
}
