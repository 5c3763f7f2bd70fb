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
		{Name: "Squeeze", Since: 1, MinIn: 1, MaxIn: 1, Compile: squeeze1},
		{Name: "Squeeze", Since: 13, MinIn: 1, MaxIn: 2, Compile: squeeze},
		{Name: "Unsqueeze", Since: 1, MinIn: 1, MaxIn: 1, Compile: unsqueeze1},
		{Name: "Unsqueeze", Since: 13, MinIn: 2, MaxIn: 2, Compile: unsqueeze},
		{Name: "Flatten", Since: 1, MinIn: 1, MaxIn: 1, Compile: flatten},
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

func squeeze1(n *op.Node) (*op.Plan, error) { return squeezeOf(n, n.Ints("axes")) }

func squeeze(n *op.Node) (*op.Plan, error) {
	if !n.Has(1) {
		return squeezeOf(n, nil)
	}
	axes, err := n.IntsOf(1)
	if err != nil {
		return nil, err
	}
	if len(axes) == 0 {
		return op.View(0, op.Out(n.In[0].Type, n.In[0].Shape...))
	}
	return squeezeOf(n, axes)
}

// squeezeOf leaves out dimensions of one element: those given, or all when none is.
//
// See https://onnx.ai/onnx/operators/onnx__Squeeze.html
func squeezeOf(n *op.Node, given []int64) (*op.Plan, error) {
	in := n.In[0].Shape
	axes, err := n.Axes(given, len(in))
	if err != nil {
		return nil, err
	}
	for _, axis := range axes {
		if in[axis] != 1 {
			return nil, n.Errorf("dimension %d has %d elements, expected 1", axis, in[axis])
		}
	}
	out := []int{}
	for i, d := range in {
		if d == 1 && (given == nil || contains(axes, i)) {
			continue
		}
		out = append(out, d)
	}
	return op.View(0, op.Out(n.In[0].Type, out...))
}

func unsqueeze1(n *op.Node) (*op.Plan, error) { return unsqueezeBy(n, n.Ints("axes")) }

func unsqueeze(n *op.Node) (*op.Plan, error) {
	axes, err := n.IntsOf(1)
	if err != nil {
		return nil, err
	}
	return unsqueezeBy(n, axes)
}

// maxRank bounds the dimensions of what operators make.
const maxRank = 64

// unsqueezeBy puts in dimensions of one element, where the output has them.
//
// See https://onnx.ai/onnx/operators/onnx__Unsqueeze.html
func unsqueezeBy(n *op.Node, given []int64) (*op.Plan, error) {
	in := n.In[0].Shape
	if len(given)+len(in) > maxRank {
		return nil, n.Unsupportedf("a tensor of %d dimensions, at most %d are supported", len(given)+len(in), maxRank)
	}
	axes, err := n.Axes(given, len(in)+len(given))
	if err != nil {
		return nil, err
	}
	out := make([]int, len(in)+len(axes))
	k := 0
	for i := range out {
		if contains(axes, i) {
			out[i] = 1
			continue
		}
		out[i] = in[k]
		k++
	}
	return op.View(0, op.Out(n.In[0].Type, out...))
}

// flatten makes a matrix of the dimensions before an axis, and of those from it on.
//
// See https://onnx.ai/onnx/operators/onnx__Flatten.html
func flatten(n *op.Node) (*op.Plan, error) {
	in := n.In[0].Shape
	axis := n.Int("axis", 1)
	if axis == int64(len(in)) {
		return op.View(0, op.Out(n.In[0].Type, tensor.Size(in), 1))
	}
	if len(in) == 0 {
		return nil, n.Errorf("axis %d is outside of a scalar", axis)
	}
	at, err := n.Axis(axis, len(in))
	if err != nil {
		return nil, err
	}
	return op.View(0, op.Out(n.In[0].Type, tensor.Size(in[:at]), tensor.Size(in[at:])))
}
