package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// generators are the operators that make tensors of a pattern.
func generators() []op.Spec {
	return []op.Spec{
		{Name: "EyeLike", Since: 9, MinIn: 1, MaxIn: 1, Compile: eyeLike},
		{Name: "OneHot", Since: 9, MinIn: 3, MaxIn: 3, Compile: oneHot},
		{Name: "Range", Since: 11, MinIn: 3, MaxIn: 3, Compile: late(rangeOf, 0, 1, 2)},
		{Name: "Trilu", Since: 14, MinIn: 1, MaxIn: 2, Compile: trilu},
	}
}

// one is a scalar 1 of a type of numbers, or nil.
func one(t tensor.Type) *tensor.Tensor {
	switch t {
	case tensor.FP32:
		return tensor.Scalar(t, float32(1))
	case tensor.FP64:
		return tensor.Scalar(t, float64(1))
	case tensor.FP16, tensor.BF16:
		return op.FromFloat32(tensor.Scalar(tensor.FP32, float32(1)), t)
	case tensor.I8, tensor.U8, tensor.Bool, tensor.I4, tensor.U4, tensor.I2, tensor.U2:
		return tensor.Scalar(t, uint8(1))
	case tensor.I16, tensor.U16:
		return tensor.Scalar(t, uint16(1))
	case tensor.I32, tensor.U32:
		return tensor.Scalar(t, uint32(1))
	case tensor.I64, tensor.U64:
		return tensor.Scalar(t, uint64(1))
	}
	return nil
}

// eyeLike makes a matrix of the input's shape with ones on diagonal k, zeros elsewhere.
//
// See https://onnx.ai/onnx/operators/onnx__EyeLike.html
func eyeLike(n *op.Node) (*op.Plan, error) {
	shape := n.In[0].Shape
	if len(shape) != 2 {
		return nil, n.Errorf("the input has %d dimensions, expected a matrix", len(shape))
	}
	t := tensor.Type(n.Int("dtype", int64(n.In[0].Type)))
	value := one(t)
	if value == nil {
		return nil, n.Unsupportedf("an identity matrix of %s", t)
	}
	k := n.Int("k", 0)
	return op.Static(func(r *op.Run, _, out []*tensor.Tensor) error {
		dst, size := out[0].Data, tensor.ItemSize(t)
		r.For(len(dst), 1<<18, func(lo, hi int) { clear(dst[lo:hi]) })
		rows, cols := int64(shape[0]), int64(shape[1])
		if k >= cols || k <= -rows {
			return nil
		}
		for i := max(0, -k); i < min(rows, cols-k); i++ {
			copy(dst[int(i*cols+i+k)*size:], value.Data)
		}
		return nil
	}, op.Out(t, shape...))
}

// oneHot makes, for each index, a line along a new axis in which the element of the
// index is on, and all others are off; where the index is out of range, all are.
//
// See https://onnx.ai/onnx/operators/onnx__OneHot.html
func oneHot(n *op.Node) (*op.Plan, error) {
	d, err := n.Value(1)
	if err != nil {
		return nil, err
	}
	depths, err := d.Float64s()
	if err != nil || len(depths) != 1 || !(depths[0] >= 0) || depths[0] > tensor.MaxBytes {
		return nil, n.Errorf("the depth is %s%v, expected one number of at least 0", d.Type, d.Shape)
	}
	depth := int(depths[0])
	if tensor.Size(n.In[2].Shape) != 2 {
		return nil, n.Errorf("values have the shape %v, expected those of off and on", n.In[2].Shape)
	}
	if t := n.In[0].Type; t == tensor.String || t == tensor.C64 || t == tensor.C128 {
		return nil, n.Errorf("indices are %s, expected numbers", t)
	}
	in := n.In[0].Shape
	axis, err := n.Axis(n.Int("axis", -1), len(in)+1)
	if err != nil {
		return nil, err
	}
	shape := append(append(append([]int{}, in[:axis]...), depth), in[axis:]...)
	t := n.In[2].Type
	run := pickItem(t, hotItems[uint8], hotItems[uint16], hotItems[uint32], hotItems[uint64], hotItems[complex128], hotItems[string])
	return op.Static(run(depth, tensor.Size(in[axis:])), op.Out(t, shape...))
}

func hotItems[T item](depth, inner int) runFunc {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		if err := spare(r, 8*in[0].Len()); err != nil {
			return err
		}
		index, err := in[0].Float64s()
		if err != nil {
			return err
		}
		dst, values := items[T](out[0]), items[T](in[2])
		r.For(len(dst), 1<<16, func(lo, hi int) { repeat(dst[lo:hi], values[0]) })
		for i, v := range index {
			if v < 0 {
				v += float64(depth)
			}
			if v >= 0 && v < float64(depth) {
				dst[(i/inner*depth+int(v))*inner+i%inner] = values[1]
			}
		}
		return nil
	}
}

// rangeOf counts from a start to before a limit, by steps.
//
// See https://onnx.ai/onnx/operators/onnx__Range.html
func rangeOf(n *op.Node) (*op.Plan, error) {
	if err := n.SameType(0, 1, 2); err != nil {
		return nil, err
	}
	var v [3]*tensor.Tensor
	for i := range v {
		var err error
		if v[i], err = n.Value(i); err != nil {
			return nil, err
		}
		if v[i].Len() != 1 {
			return nil, n.Errorf("input %d has %d elements, expected 1", i, v[i].Len())
		}
	}
	switch n.In[0].Type {
	case tensor.FP32:
		return count(n, tensor.As[float32](v[0])[0], tensor.As[float32](v[1])[0], tensor.As[float32](v[2])[0])
	case tensor.FP64:
		return count(n, tensor.As[float64](v[0])[0], tensor.As[float64](v[1])[0], tensor.As[float64](v[2])[0])
	case tensor.I16:
		return count(n, tensor.As[int16](v[0])[0], tensor.As[int16](v[1])[0], tensor.As[int16](v[2])[0])
	case tensor.I32:
		return count(n, tensor.As[int32](v[0])[0], tensor.As[int32](v[1])[0], tensor.As[int32](v[2])[0])
	case tensor.I64:
		return count(n, tensor.As[int64](v[0])[0], tensor.As[int64](v[1])[0], tensor.As[int64](v[2])[0])
	case tensor.FP16, tensor.BF16:
		return op.Widen(rangeOf)(n)
	}
	return nil, n.Unsupportedf("a range of %s", n.In[0].Type)
}

func count[T float32 | float64 | int16 | int32 | int64](n *op.Node, start, limit, delta T) (*op.Plan, error) {
	length := math.Ceil((float64(limit) - float64(start)) / float64(delta))
	if i, ok := any(delta).(int64); ok && i != 0 {
		length = float64(countInts(int64(start), int64(limit), i))
	}
	if delta == 0 || math.IsNaN(length) || length > tensor.MaxBytes {
		return nil, n.Errorf("a range from %v to %v by %v has no such length", start, limit, delta)
	}
	return op.Static(func(r *op.Run, _, out []*tensor.Tensor) error {
		dst := tensor.As[T](out[0])
		r.For(len(dst), leastPiece, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				dst[i] = start + T(i)*delta
			}
		})
		return nil
	}, op.Out(n.In[0].Type, int(max(length, 0))))
}

// countInts is how many numbers there are from start to before limit in steps, at most
// 2 to the 62nd.
func countInts(start, limit, step int64) int64 {
	if step > 0 {
		if start >= limit {
			return 0
		}
		return int64(min((uint64(limit)-uint64(start)-1)/uint64(step)+1, 1<<62))
	}
	if start <= limit {
		return 0
	}
	return int64(min((uint64(start)-uint64(limit)-1)/-uint64(step)+1, 1<<62))
}

// trilu keeps the upper or lower triangle of matrices, from diagonal k, and clears the
// rest.
//
// See https://onnx.ai/onnx/operators/onnx__Trilu.html
func trilu(n *op.Node) (*op.Plan, error) {
	shape := n.In[0].Shape
	if len(shape) < 2 {
		return nil, n.Errorf("the input has %d dimensions, expected at least 2", len(shape))
	}
	if n.Has(1) && (n.In[1].Type != tensor.I64 || tensor.Size(n.In[1].Shape) != 1) {
		return nil, n.Errorf("k is %s%v, expected one INT64", n.In[1].Type, n.In[1].Shape)
	}
	t := n.In[0].Type
	run := pickItem(t, triangle[uint8], triangle[uint16], triangle[uint32], triangle[uint64], triangle[complex128], triangle[string])
	p, err := op.Static(run(n.Flag("upper", true)), op.Out(t, shape...))
	if err != nil {
		return nil, err
	}
	return p.InPlaceOf(0), nil
}

func triangle[T item](upper bool) runFunc {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		dst, src := items[T](out[0]), items[T](in[0])
		shape := out[0].Shape
		rows, cols := shape[len(shape)-2], shape[len(shape)-1]
		if len(dst) == 0 {
			return nil
		}
		k := int64(0)
		if len(in) > 1 && in[1] != nil {
			k = tensor.As[int64](in[1])[0]
		}
		k = min(max(k, -int64(rows)-1), int64(cols)+1)
		r.For(len(dst)/cols, grainOf(cols), func(lo, hi int) {
			for row := lo; row < hi; row++ {
				to, from := dst[row*cols:][:cols], src[row*cols:][:cols]
				at := min(max(row%rows+int(k), 0), cols)
				if upper {
					clear(to[:at])
					copy(to[at:], from[at:])
					continue
				}
				at = min(max(row%rows+int(k)+1, 0), cols)
				copy(to[:at], from[:at])
				clear(to[at:])
			}
		})
		return nil
	}
}
