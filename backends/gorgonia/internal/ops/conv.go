package ops

import (
	"fmt"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/conv"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/passes"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// convolutions are Conv and what it becomes with what follows it.
func convolutions() []op.Spec {
	return []op.Spec{
		{Name: "Conv", Since: 1, MinIn: 2, MaxIn: 3, Compile: op.Widen(convolution)},
		{Domain: passes.Domain, Name: "Conv", Since: 1, MinIn: 2, MaxIn: 4, Compile: convolution},
	}
}

// windowOf reads the attributes that convolutions and pooling share, for an input of
// spatial shape in.
//
// See https://onnx.ai/onnx/operators/onnx__Conv.html
func windowOf(n *op.Node, kernel, in []int) (conv.Window, error) {
	rank := len(kernel)
	w := conv.Window{Kernel: kernel}
	for _, f := range []struct {
		name string
		to   *[]int
	}{{"strides", &w.Strides}, {"dilations", &w.Dilations}} {
		if v := n.Ints(f.name); len(v) > 0 {
			if len(v) != rank {
				return w, n.Errorf("%s are %v, expected %d", f.name, v, rank)
			}
			*f.to = sizes(v)
		}
	}
	switch auto := n.Str("auto_pad", "NOTSET"); auto {
	case "NOTSET", "":
		if pads := n.Ints("pads"); len(pads) > 0 {
			if len(pads) != 2*rank {
				return w, n.Errorf("pads are %v, expected %d", pads, 2*rank)
			}
			w.PadsBegin, w.PadsEnd = sizes(pads[:rank]), sizes(pads[rank:])
		}
	case "VALID":
	case "SAME_UPPER", "SAME_LOWER":
		var err error
		if w.PadsBegin, w.PadsEnd, err = w.SamePads(in, auto == "SAME_LOWER"); err != nil {
			return w, n.Errorf("%v", err)
		}
	default:
		return w, n.Errorf("auto_pad is %q, expected NOTSET, VALID, SAME_UPPER or SAME_LOWER", auto)
	}
	return w, nil
}

// convLayer is a compiled convolution.
type convLayer struct {
	spec      conv.Spec
	in        []int // spatial
	batch     int
	ready     *conv.Conv // when weights and bias are constant
	out       []int
	residual  []int             // shape of input 3, when it is added behind the convolution
	after     func(x []float32) // what the kernels do not apply
	separate  bool              // the residual broadcasts
	convShape []int             // of the convolution itself
}

// convolution compiles Conv X W B, and the fused X W B Z.
func convolution(n *op.Node) (*op.Plan, error) {
	for i := range 2 {
		if err := n.Want(i, tensor.FP32); err != nil {
			return nil, err
		}
	}
	l, err := newConvLayer(n)
	if err != nil {
		return nil, err
	}
	if n.Domain == passes.Domain {
		if err := l.fuse(n); err != nil {
			return nil, err
		}
	}
	if err := l.prepare(n); err != nil {
		return nil, err
	}
	return op.Static(l.run, op.Out(tensor.FP32, l.out...))
}

func newConvLayer(n *op.Node) (*convLayer, error) {
	x, w := n.In[0].Shape, n.In[1].Shape
	if len(x) < 3 || len(w) != len(x) {
		return nil, n.Errorf("X and W of shapes %v and %v, expected equal numbers of dimensions, from 3", x, w)
	}
	if k := n.Ints("kernel_shape"); k != nil && fmt.Sprint(sizes(k)) != fmt.Sprint(w[2:]) {
		return nil, n.Errorf("kernel_shape is %v, and W of shape %v", k, w)
	}
	group := n.Int("group", 1)
	if group < 1 || group > int64(w[0]) || int64(w[1])*group != int64(x[1]) {
		return nil, n.Errorf("X and W of shapes %v and %v do not make %d groups", x, w, group)
	}
	if n.Has(2) && (n.In[2].Type != tensor.FP32 || len(n.In[2].Shape) != 1 || n.In[2].Shape[0] != w[0]) {
		return nil, n.Errorf("the bias is %s%v, expected FP32[%d]", n.In[2].Type, n.In[2].Shape, w[0])
	}
	window, err := windowOf(n, w[2:], x[2:])
	if err != nil {
		return nil, err
	}
	l := &convLayer{in: x[2:], batch: x[0]}
	l.spec = conv.Spec{Window: window, InChannels: x[1], OutChannels: w[0], Group: int(group)}
	spatial, err := window.OutputShape(l.in, false)
	if err != nil {
		return nil, n.Errorf("%v", err)
	}
	l.convShape = append([]int{x[0], w[0]}, spatial...)
	l.out = l.convShape
	return l, nil
}

// kinds are the activations that convolutions apply themselves.
var kinds = map[string]conv.Kind{
	"": conv.None, "Relu": conv.Relu, "Clip": conv.Clip, "LeakyRelu": conv.LeakyRelu, "Sigmoid": conv.Sigmoid, "Tanh": conv.Tanh,
	"Swish": conv.Swish, "HardSigmoid": conv.HardSigmoid, "HardSwish": conv.HardSwish,
}

// fuse takes the residual and the activation along.
func (l *convLayer) fuse(n *op.Node) error {
	name, params := n.Str("activation", ""), n.Floats("activation_params")
	if n.Has(3) {
		if err := n.Want(3, tensor.FP32); err != nil {
			return err
		}
		l.residual = n.In[3].Shape
		out, err := op.Broadcast(l.convShape, l.residual)
		if err != nil {
			return err
		}
		l.separate = fmt.Sprint(l.residual) != fmt.Sprint(l.convShape)
		l.out = out
	}
	kind, ok := kinds[name]
	if !ok || l.separate {
		f, err := activationOf(n)
		if err != nil {
			return err
		}
		l.after = f
		return nil
	}
	l.spec.Activation.Kind = kind
	if len(params) > 0 {
		l.spec.Activation.Alpha = params[0]
	}
	if len(params) > 1 {
		l.spec.Activation.Beta = params[1]
	}
	return nil
}

// prepare packs the weights, once for all programs, when they are constant.
func (l *convLayer) prepare(n *op.Node) error {
	w := n.In[1].Tensor()
	var bias *tensor.Tensor
	if n.Has(2) {
		if bias = n.In[2].Tensor(); bias == nil {
			return nil
		}
	}
	if w == nil {
		return nil
	}
	type made struct {
		conv *conv.Conv
		err  error
	}
	m := n.Weights.Get(w, fmt.Sprintf("conv %p %+v", bias, l.spec), func() (any, int) {
		c, err := l.make(w, bias)
		if err != nil {
			return made{err: err}, 0
		}
		return made{conv: c}, c.Bytes()
	}).(made)
	if m.err != nil {
		return n.Errorf("%v", m.err)
	}
	l.ready = m.conv
	return nil
}

func (l *convLayer) make(w, bias *tensor.Tensor) (*conv.Conv, error) {
	var b []float32
	if bias != nil {
		b = tensor.As[float32](bias)
	}
	return conv.Prepare(l.spec, tensor.As[float32](w), b)
}

func (l *convLayer) run(r *op.Run, in, out []*tensor.Tensor) error {
	c := l.ready
	if c == nil {
		var bias *tensor.Tensor
		if len(in) > 2 {
			bias = in[2]
		}
		var err error
		if c, err = l.make(in[1], bias); err != nil {
			return &op.Invalid{Reason: err.Error()}
		}
	}
	dst := tensor.As[float32](out[0])
	var residual []float32
	switch {
	case l.separate:
		dst = r.Floats(tensor.Size(l.convShape))
	case l.residual != nil:
		residual = tensor.As[float32](in[3])
	}
	if err := c.Run(r.Threads, dst, tensor.As[float32](in[0]), residual, l.batch, l.in); err != nil {
		return &op.Invalid{Reason: err.Error()}
	}
	if l.separate {
		w, sum, z := pair(l.out, l.convShape, l.residual), tensor.As[float32](out[0]), tensor.As[float32](in[3])
		w.each(r, func(to, n, fromA, fromB int) {
			singles(add, sum[to:][:n], dst[fromA:][:w.rowOf(w.moveA, n)], z[fromB:][:w.rowOf(w.moveB, n)])
		})
		dst = sum
	}
	if l.after != nil {
		r.For(len(dst), 1<<14, func(lo, hi int) { l.after(dst[lo:hi]) })
	}
	return nil
}
