package ops

import (
	"fmt"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/conv"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// transposed is the operator that undoes the shapes of Conv.
func transposed() []op.Spec {
	return []op.Spec{{Name: "ConvTranspose", Since: 1, MinIn: 2, MaxIn: 3, Compile: op.Widen(convTranspose)}}
}

// convTranspose compiles ConvTranspose X W B.
//
// See https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
func convTranspose(n *op.Node) (*op.Plan, error) {
	for i := range 2 {
		if err := n.Want(i, tensor.FP32); err != nil {
			return nil, err
		}
	}
	x, w := n.In[0].Shape, n.In[1].Shape
	if len(x) < 3 || len(w) != len(x) || w[0] != x[1] {
		return nil, n.Errorf("X and W of shapes %v and %v", x, w)
	}
	group := n.Int("group", 1)
	if group < 1 || group > int64(w[0]) || int64(w[0])%group != 0 {
		return nil, n.Errorf("%d channels do not make %d groups", w[0], group)
	}
	channels := w[1] * int(group)
	if n.Has(2) && (n.In[2].Type != tensor.FP32 || tensor.Size(n.In[2].Shape) != channels) {
		return nil, n.Errorf("the bias is %s%v, expected FP32[%d]", n.In[2].Type, n.In[2].Shape, channels)
	}
	spec, err := transposeSpec(n, w[2:], x[2:])
	if err != nil {
		return nil, err
	}
	spec.InChannels, spec.OutChannels, spec.Group = x[1], channels, int(group)
	out, err := transposedShape(n, spec, x[2:])
	if err != nil {
		return nil, err
	}
	ready, err := preparedTranspose(n, spec)
	if err != nil {
		return nil, err
	}
	batch, spatial := x[0], x[2:]
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		c := ready
		if c == nil {
			var err error
			if c, err = makeTranspose(spec, in[1], at(in, 2)); err != nil {
				return invalid(err)
			}
		}
		return invalid(c.Run(r.Threads, tensor.As[float32](out[0]), tensor.As[float32](in[0]), batch, spatial))
	}, op.Out(tensor.FP32, append([]int{x[0], channels}, out...)...))
}

// at is input i, nil where it is left out.
func at(in []*tensor.Tensor, i int) *tensor.Tensor {
	if i < len(in) {
		return in[i]
	}
	return nil
}

func makeTranspose(spec conv.TransposeSpec, w, bias *tensor.Tensor) (*conv.ConvTranspose, error) {
	var b []float32
	if bias != nil {
		b = tensor.As[float32](bias)
	}
	return conv.PrepareTranspose(spec, tensor.As[float32](w), b)
}

// preparedTranspose packs the weights when they are constant; nil otherwise.
func preparedTranspose(n *op.Node, spec conv.TransposeSpec) (*conv.ConvTranspose, error) {
	w := n.In[1].Tensor()
	var bias *tensor.Tensor
	if n.Has(2) {
		if bias = n.In[2].Tensor(); bias == nil {
			return nil, nil
		}
	}
	if w == nil {
		return nil, nil
	}
	type made struct {
		conv *conv.ConvTranspose
		err  error
	}
	m := n.Weights.Get(w, fmt.Sprintf("transposed %p %+v", bias, spec), func() (any, int) {
		c, err := makeTranspose(spec, w, bias)
		if err != nil {
			return made{err: err}, 0
		}
		return made{conv: c}, c.Bytes()
	}).(made)
	if m.err != nil {
		return nil, n.Errorf("%v", m.err)
	}
	return m.conv, nil
}

// transposeSpec reads the attributes; pads come from output_shape or auto_pad when these
// are there.
func transposeSpec(n *op.Node, kernel, in []int) (conv.TransposeSpec, error) {
	rank := len(kernel)
	var spec conv.TransposeSpec
	plain := *n
	wanted := sizes(n.Ints("output_shape"))
	auto := n.Str("auto_pad", "NOTSET")
	same := auto == "SAME_UPPER" || auto == "SAME_LOWER"
	if same {
		plain.Attributes = without(n, "auto_pad", "pads")
	}
	w, err := windowOf(&plain, kernel, in)
	if err != nil {
		return spec, err
	}
	spec.Window = w
	if v := n.Ints("output_padding"); len(v) > 0 {
		if len(v) != rank {
			return spec, n.Errorf("output_padding is %v, expected %d", v, rank)
		}
		spec.OutputPadding = sizes(v)
	}
	if len(wanted) == rank+2 {
		wanted = wanted[2:] // with batch and channels, as old models have it
	}
	if len(wanted) == 0 && same {
		for d := range in {
			wanted = append(wanted, in[d]*stepOf(w.Strides, d))
		}
	}
	if len(wanted) > 0 {
		if len(wanted) != rank {
			return spec, n.Errorf("output_shape is %v, expected %d sizes", wanted, rank)
		}
		return spec, padTo(n, &spec, wanted, in, auto == "SAME_UPPER")
	}
	return spec, nil
}

func without(n *op.Node, names ...string) map[string]*onnx.Attribute {
	kept := map[string]*onnx.Attribute{}
	for name, a := range n.Attributes {
		if name != names[0] && name != names[1] {
			kept[name] = a
		}
	}
	return kept
}

// stepOf is entry d of strides or dilations, which may be left out.
func stepOf(v []int, d int) int {
	if v == nil {
		return 1
	}
	return v[d]
}

const sizeBound = 1 << 31

// padTo chooses the pads that give an output of the wanted shape.
func padTo(n *op.Node, spec *conv.TransposeSpec, wanted, in []int, upper bool) error {
	rank := len(wanted)
	begin, end, extra := make([]int, rank), make([]int, rank), make([]int, rank)
	for d := range rank {
		stride, dilation := stepOf(spec.Strides, d), stepOf(spec.Dilations, d)
		for _, v := range []int{stride, dilation, in[d], spec.Kernel[d], wanted[d]} {
			if v < 0 || v >= sizeBound {
				return n.Errorf("size %d is out of range", v)
			}
		}
		if spec.OutputPadding != nil {
			extra[d] = spec.OutputPadding[d]
		}
		total := stride*(in[d]-1) + extra[d] + (spec.Kernel[d]-1)*dilation + 1 - wanted[d]
		if total < 0 {
			extra[d], total = extra[d]-total, 0
		}
		begin[d], end[d] = total-total/2, total/2
		if upper {
			begin[d], end[d] = total/2, total-total/2
		}
	}
	spec.PadsBegin, spec.PadsEnd, spec.OutputPadding = begin, end, extra
	return nil
}

// transposedShape is the spatial shape of the output.
func transposedShape(n *op.Node, spec conv.TransposeSpec, in []int) ([]int, error) {
	out := make([]int, len(in))
	for d := range out {
		stride, dilation := stepOf(spec.Strides, d), stepOf(spec.Dilations, d)
		for _, v := range []int{stride, dilation, in[d], spec.Kernel[d]} {
			if v < 1 || v >= sizeBound {
				return nil, n.Errorf("size %d is out of range", v)
			}
		}
		out[d] = (in[d]-1)*stride + (spec.Kernel[d]-1)*dilation + 1
		if spec.OutputPadding != nil {
			out[d] += spec.OutputPadding[d]
		}
		if spec.PadsBegin != nil {
			out[d] -= spec.PadsBegin[d] + spec.PadsEnd[d]
		}
		if out[d] < 1 {
			return nil, n.Errorf("pads leave nothing of dimension %d", d)
		}
	}
	return out, nil
}
