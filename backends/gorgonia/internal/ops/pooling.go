package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/conv"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// poolings are the operators that make one number of each window, or of each plane.
func poolings() []op.Spec {
	return []op.Spec{
		{Name: "MaxPool", Since: 1, MinIn: 1, MaxIn: 1, MaxOut: 2, Compile: op.Widen(maxPool)},
		{Name: "AveragePool", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(averagePool)},
		{Name: "LpPool", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(lpPool1)},
		{Name: "LpPool", Since: 2, MinIn: 1, MaxIn: 1, Compile: op.Widen(lpPool)},
		{Name: "GlobalAveragePool", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(globalAverage)},
		{Name: "GlobalMaxPool", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(globalMax)},
		{Name: "GlobalLpPool", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(globalLp)},
	}
}

// pooled is a compiled pooling.
type pooled struct {
	conv.Pooling
	planes int
	in     []int // spatial
	out    []int // the whole shape
}

// poolingOf reads the attributes of a pooling.
//
// See https://onnx.ai/onnx/operators/onnx__MaxPool.html
func poolingOf(n *op.Node) (*pooled, error) {
	x := n.In[0].Shape
	kernel := sizes(n.Ints("kernel_shape"))
	if len(x) < 3 || len(kernel) != len(x)-2 {
		return nil, n.Errorf("kernel_shape is %v, and the input of shape %v", kernel, x)
	}
	w, err := windowOf(n, kernel, x[2:])
	if err != nil {
		return nil, err
	}
	p := &pooled{Pooling: conv.Pooling{Window: w, Ceil: n.Flag("ceil_mode", false)}, planes: x[0] * x[1], in: x[2:]}
	spatial, err := p.OutputShape(p.in)
	if err != nil {
		return nil, n.Errorf("%v", err)
	}
	p.out = append([]int{x[0], x[1]}, spatial...)
	return p, nil
}

// maxPool is the largest of each window, and where it is.
func maxPool(n *op.Node) (*op.Plan, error) {
	p, err := poolingOf(n)
	if err != nil {
		return nil, err
	}
	column := n.Int("storage_order", 0) == 1
	t := n.In[0].Type
	run := map[tensor.Type]func(r *op.Run, in, out []*tensor.Tensor) error{
		tensor.FP32: maxPoolOf[float32](p, column), tensor.FP64: maxPoolOf[float64](p, column),
		tensor.I8: maxPoolOf[int8](p, column), tensor.U8: maxPoolOf[uint8](p, column),
	}[t]
	if run == nil {
		return nil, n.Unsupportedf("a tensor of %s", t)
	}
	out := []op.Info{op.Out(t, p.out...), op.Out(tensor.I64, p.out...)}
	if t == tensor.FP32 && !n.Wants(1) {
		return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
			return invalid(conv.MaxPool(r.Threads, p.Pooling, tensor.As[float32](out[0]), tensor.As[float32](in[0]), p.planes, p.in))
		}, out[:len(n.Outs)]...)
	}
	return op.Static(run, out[:len(n.Outs)]...)
}

func maxPoolOf[T conv.Number](p *pooled, column bool) func(r *op.Run, in, out []*tensor.Tensor) error {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		var indices []int64
		if len(out) > 1 && out[1] != nil {
			indices = tensor.View[int64](out[1].Data)
		}
		var dst []T
		if out[0] != nil {
			dst = tensor.View[T](out[0].Data)
		} else {
			dst = make([]T, len(indices))
		}
		return invalid(conv.MaxPoolOf(r.Threads, p.Pooling, column, dst, indices, tensor.View[T](in[0].Data), p.planes, p.in))
	}
}

// invalid is an error of shapes.
func invalid(err error) error {
	if err != nil {
		return &op.Invalid{Reason: err.Error()}
	}
	return nil
}

// single makes a plan of a function from one float32 tensor to another.
func singleTensor(n *op.Node, shape []int, f func(r *op.Run, dst, src []float32) error) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32); err != nil {
		return nil, err
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		return invalid(f(r, tensor.As[float32](out[0]), tensor.As[float32](in[0])))
	}, op.Out(tensor.FP32, shape...))
}

func averagePool(n *op.Node) (*op.Plan, error) {
	p, err := poolingOf(n)
	if err != nil {
		return nil, err
	}
	padding := n.Flag("count_include_pad", false)
	return singleTensor(n, p.out, func(r *op.Run, dst, src []float32) error {
		return conv.AveragePool(r.Threads, p.Pooling, padding, dst, src, p.planes, p.in)
	})
}

// lpPool1 has a power that is a float, and a whole one all the same.
func lpPool1(n *op.Node) (*op.Plan, error) {
	p := n.Float("p", 2)
	if p != float32(int(p)) {
		return nil, n.Unsupportedf("p is %v, expected a whole number", p)
	}
	return lpPoolOf(n, int(p))
}

func lpPool(n *op.Node) (*op.Plan, error) { return lpPoolOf(n, int(n.Int("p", 2))) }

func lpPoolOf(n *op.Node, power int) (*op.Plan, error) {
	p, err := poolingOf(n)
	if err != nil {
		return nil, err
	}
	return singleTensor(n, p.out, func(r *op.Run, dst, src []float32) error {
		return conv.LpPool(r.Threads, p.Pooling, power, dst, src, p.planes, p.in)
	})
}

// planes are batch times channels, the elements of each, and the shape of one number
// for each.
func planes(n *op.Node) (count, size int, shape []int, err error) {
	x := n.In[0].Shape
	if len(x) < 2 {
		return 0, 0, nil, n.Errorf("an input of shape %v has no channels", x)
	}
	shape = append([]int{x[0], x[1]}, ones(len(x)-2)...)
	return x[0] * x[1], tensor.Size(x[2:]), shape, nil
}

func globalAverage(n *op.Node) (*op.Plan, error) {
	count, size, shape, err := planes(n)
	if err != nil {
		return nil, err
	}
	return singleTensor(n, shape, func(r *op.Run, dst, src []float32) error {
		return conv.GlobalAveragePool(r.Threads, dst, src, count, size)
	})
}

func globalMax(n *op.Node) (*op.Plan, error) {
	count, size, shape, err := planes(n)
	if err != nil {
		return nil, err
	}
	return singleTensor(n, shape, func(r *op.Run, dst, src []float32) error {
		return conv.GlobalMaxPool(r.Threads, dst, src, count, size)
	})
}

func globalLp(n *op.Node) (*op.Plan, error) {
	count, size, shape, err := planes(n)
	if err != nil {
		return nil, err
	}
	power := int(n.Int("p", 2))
	return singleTensor(n, shape, func(r *op.Run, dst, src []float32) error {
		return conv.GlobalLpPool(r.Threads, power, dst, src, count, size)
	})
}
