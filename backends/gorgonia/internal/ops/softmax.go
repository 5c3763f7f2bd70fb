package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// softmaxes are the operators that make weights of numbers along an axis.
func softmaxes() []op.Spec {
	var specs []op.Spec
	for name, f := range map[string]rowFunction{
		"Softmax":    {vec.Softmax, softmaxRow},
		"LogSoftmax": {vec.LogSoftmax, logSoftmaxRow},
		"Hardmax":    {hardmaxRow[float32], hardmaxRow[float64]},
	} {
		specs = append(specs,
			op.Spec{Name: name, Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(alongFlat(f))},
			op.Spec{Name: name, Since: 13, MinIn: 1, MaxIn: 1, Compile: op.Widen(alongAxis(f))})
	}
	return specs
}

// rowFunction computes a row from a row; dst may be x.
type rowFunction struct {
	single func(dst, x []float32)
	double func(dst, x []float64)
}

func softmaxRow(dst, x []float64) {
	top, sum := math.Inf(-1), 0.0
	for _, v := range x {
		top = max(top, v)
	}
	for i, v := range x {
		dst[i] = math.Exp(v - top)
		sum += dst[i]
	}
	for i := range dst {
		dst[i] /= sum
	}
}

func logSoftmaxRow(dst, x []float64) {
	top, sum := math.Inf(-1), 0.0
	for _, v := range x {
		top = max(top, v)
	}
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	shift := top + math.Log(sum)
	for i, v := range x {
		dst[i] = v - shift
	}
}

func hardmaxRow[T float32 | float64](dst, x []T) {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	for i := range dst {
		dst[i] = 0
	}
	dst[best] = 1
}

// alongFlat is the meaning before version 13: all dimensions from the axis on are one.
func alongFlat(f rowFunction) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		axis := n.Int("axis", 1)
		if axis < 0 {
			axis += int64(n.Rank(0))
		}
		if axis < 0 || axis > int64(n.Rank(0)) {
			return nil, n.Errorf("axis %d is outside of a tensor of %d dimensions", n.Int("axis", 1), n.Rank(0))
		}
		shape := n.In[0].Shape
		return rowsOf(n, f, tensor.Size(shape[:axis]), tensor.Size(shape[axis:]), 1)
	}
}

func alongAxis(f rowFunction) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		shape := n.In[0].Shape
		if len(shape) == 0 {
			return rowsOf(n, f, 1, 1, 1)
		}
		axis, err := n.Axis(n.Int("axis", -1), len(shape))
		if err != nil {
			return nil, err
		}
		return rowsOf(n, f, tensor.Size(shape[:axis]), shape[axis], tensor.Size(shape[axis+1:]))
	}
}

// rowsOf applies a function to rows of length elements, which are stride apart, outer
// times stride of them.
func rowsOf(n *op.Node, f rowFunction, outer, length, stride int) (*op.Plan, error) {
	out := op.Out(n.In[0].Type, n.In[0].Shape...)
	var p *op.Plan
	var err error
	switch n.In[0].Type {
	case tensor.FP32:
		p, err = op.Static(rowWalk(f.single, outer, length, stride), out)
	case tensor.FP64:
		p, err = op.Static(rowWalk(f.double, outer, length, stride), out)
	default:
		return nil, n.Unsupportedf("a tensor of %s, expected floating-point numbers", n.In[0].Type)
	}
	if err != nil {
		return nil, err
	}
	return p.InPlaceOf(0), nil
}

func rowWalk[T float32 | float64](f func(dst, x []T), outer, length, stride int) func(r *op.Run, in, out []*tensor.Tensor) error {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		x, y := tensor.As[T](in[0]), tensor.As[T](out[0])
		if len(y) == 0 {
			return nil
		}
		if stride == 1 {
			r.For(outer, max(1, grain/4/length), func(lo, hi int) {
				for i := lo; i < hi; i++ {
					f(y[i*length:][:length], x[i*length:][:length])
				}
			})
			return nil
		}
		r.For(outer*stride, max(1, grain/4/length), func(lo, hi int) {
			row := make([]T, length)
			for i := lo; i < hi; i++ {
				base := i/stride*stride*length + i%stride
				for k := range row {
					row[k] = x[base+k*stride]
				}
				f(row, row)
				for k, v := range row {
					y[base+k*stride] = v
				}
			}
		})
		return nil
	}
}
