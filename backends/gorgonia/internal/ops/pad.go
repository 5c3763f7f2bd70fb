package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// pads are the operators that add elements around a tensor, or cut them off.
func pads() []op.Spec {
	return []op.Spec{
		{Name: "Pad", Since: 1, MinIn: 1, MaxIn: 1, Compile: pad1},
		{Name: "Pad", Since: 2, MinIn: 1, MaxIn: 1, Compile: pad2},
		{Name: "Pad", Since: 11, MinIn: 2, MaxIn: 4, Compile: pad},
		{Name: "CenterCropPad", Since: 18, MinIn: 2, MaxIn: 2, Compile: centerCropPad},
	}
}

// padding is how many elements are added before and behind each dimension; negative
// numbers cut off.
type padding struct{ before, behind []int }

func pad1(n *op.Node) (*op.Plan, error) { return padAttr(n, n.Ints("paddings")) }

func pad2(n *op.Node) (*op.Plan, error) { return padAttr(n, n.Ints("pads")) }

func padAttr(n *op.Node, given []int64) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32, tensor.FP64, tensor.FP16, tensor.BF16); err != nil {
		return nil, err
	}
	p, err := newPadding(n, given, nil)
	if err != nil {
		return nil, err
	}
	value := n.Float("value", 0)
	fill := &tensor.Tensor{}
	switch t := n.In[0].Type; t {
	case tensor.FP32:
		fill = tensor.Scalar(t, value)
	case tensor.FP64:
		fill = tensor.Scalar(t, float64(value))
	default:
		fill = op.FromFloat32(tensor.Scalar(tensor.FP32, value), t)
	}
	return p.plan(n, func([]*tensor.Tensor) *tensor.Tensor { return fill })
}

func pad(n *op.Node) (*op.Plan, error) {
	given, err := n.IntsOf(1)
	if err != nil {
		return nil, err
	}
	var axes []int64
	if n.Has(3) {
		if axes, err = n.IntsOf(3); err != nil {
			return nil, err
		}
		if axes == nil {
			axes = []int64{}
		}
	}
	p, err := newPadding(n, given, axes)
	if err != nil {
		return nil, err
	}
	zero := tensor.New(n.In[0].Type)
	if !n.Has(2) {
		return p.plan(n, func([]*tensor.Tensor) *tensor.Tensor { return zero })
	}
	if err := n.SameType(0, 2); err != nil {
		return nil, err
	}
	switch tensor.Size(n.In[2].Shape) {
	case 0: // an empty tensor stands for a value left out
		return p.plan(n, func([]*tensor.Tensor) *tensor.Tensor { return zero })
	case 1:
		return p.plan(n, func(in []*tensor.Tensor) *tensor.Tensor { return in[2] })
	}
	return nil, n.Errorf("the value to pad with has the shape %v, expected one element", n.In[2].Shape)
}

// newPadding reads pads: those before all axes, then those behind them.
func newPadding(n *op.Node, given, axes []int64) (*padding, error) {
	rank := n.Rank(0)
	at := make([]int, rank)
	for i := range at {
		at[i] = i
	}
	if axes != nil {
		var err error
		if at, err = n.Axes(axes, rank); err != nil {
			return nil, err
		}
	}
	if len(given) != 2*len(at) {
		return nil, n.Errorf("there are %d pads, expected two for each of %d axes", len(given), len(at))
	}
	p := &padding{make([]int, rank), make([]int, rank)}
	for i, axis := range at {
		for _, v := range []int64{given[i], given[i+len(at)]} {
			if v < -tensor.MaxBytes || v > tensor.MaxBytes {
				return nil, n.Errorf("a pad of %d elements is out of range", v)
			}
		}
		p.before[axis], p.behind[axis] = int(given[i]), int(given[i+len(at)])
	}
	return p, nil
}

// plan adds elements by the node's mode.
//
// See https://onnx.ai/onnx/operators/onnx__Pad.html
func (p *padding) plan(n *op.Node, fill func(in []*tensor.Tensor) *tensor.Tensor) (*op.Plan, error) {
	in := n.In[0].Shape
	shape := make([]int, len(in))
	same := true
	for i, d := range in {
		shape[i] = d + p.before[i] + p.behind[i]
		if shape[i] < 0 {
			return nil, n.Errorf("pads %d and %d cut more off than the %d of dimension %d", p.before[i], p.behind[i], d, i)
		}
		same = same && p.before[i] == 0 && p.behind[i] == 0
	}
	t := n.In[0].Type
	if same {
		return op.View(0, op.Out(t, in...))
	}
	mode := n.Str("mode", "constant")
	switch mode {
	case "constant":
		run := pickItem(t, padItems[uint8], padItems[uint16], padItems[uint32], padItems[uint64], padItems[complex128], padItems[string])
		return op.Static(run(p.inside(in, shape), fill), op.Out(t, shape...))
	case "reflect", "edge", "wrap":
	default:
		return nil, n.Errorf("mode is %q, expected constant, reflect, edge or wrap", mode)
	}
	for i, d := range in {
		if d == 0 && shape[i] > 0 {
			return nil, n.Errorf("dimension %d is empty: there is nothing to pad it with", i)
		}
	}
	run := pickItem(t, lookupItems[uint8], lookupItems[uint16], lookupItems[uint32], lookupItems[uint64], lookupItems[complex128], lookupItems[string])
	lookup := run(func(axis, i int) int { return padIndex(mode, i-p.before[axis], in[axis]) })
	return op.Static(lookup, op.Out(t, shape...))
}

// padIndex is the element of a dimension that stands for index i, which may be outside.
func padIndex(mode string, i, size int) int {
	switch {
	case i >= 0 && i < size:
		return i
	case mode == "edge" || size == 1:
		return min(max(i, 0), size-1)
	case mode == "wrap":
		return (i%size + size) % size
	}
	period := 2 * (size - 1)
	i = (i%period + period) % period
	return min(i, period-i)
}

// inside is the move of what the output has of the input.
func (p *padding) inside(in, shape []int) *move {
	m := move{shape: make([]int, len(in)), to: strides(shape), from: strides(in)}
	for i, d := range in {
		first, end := max(0, -p.before[i]), d-max(0, -p.behind[i])
		m.shape[i] = max(0, min(end, d)-first)
		m.fromAt += first * m.from[i]
		m.toAt += max(0, p.before[i]) * m.to[i]
	}
	return m.simple()
}

func padItems[T item](m *move, fill func(in []*tensor.Tensor) *tensor.Tensor) runFunc {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		dst, v := items[T](out[0]), items[T](fill(in))[0]
		r.For(len(dst), 1<<16, func(lo, hi int) { repeat(dst[lo:hi], v) })
		doMove[T](r, m, out[0], in[0])
		return nil
	}
}

// lookupItems reads, for each element of the output, the one of input 0 whose index
// along each axis is that of index.
func lookupItems[T item](index func(axis, i int) int) runFunc {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		shape, step := out[0].Shape, strides(in[0].Shape)
		if out[0].Len() == 0 {
			return nil
		}
		tables, err := axisTables(r, shape, func(axis, i int) int { return index(axis, i) * step[axis] })
		if err != nil {
			return err
		}
		lookup(r, items[T](out[0]), items[T](in[0]), shape, tables)
		return nil
	}
}

// axisTables has a number for each index along each axis.
func axisTables(r *op.Run, shape []int, number func(axis, i int) int) ([][]int64, error) {
	tables := make([][]int64, len(shape))
	for axis, d := range shape {
		var err error
		if tables[axis], err = scratchInts(r, d); err != nil {
			return nil, err
		}
		for i := range tables[axis] {
			tables[axis][i] = int64(number(axis, i))
		}
	}
	return tables, nil
}

// lookup reads elements whose offset in src is the sum of numbers, one for the index
// along each axis.
func lookup[T item](r *op.Run, dst, src []T, shape []int, tables [][]int64) {
	last := len(shape) - 1
	if last < 0 {
		dst[0] = src[0]
		return
	}
	n, inner := shape[last], tables[last]
	dense := 0 // how many elements at the middle of a line follow each other
	first := 0
	for i := range inner {
		length := 1
		for i+length < n && inner[i+length] == inner[i]+int64(length) {
			length++
		}
		if length > dense {
			first, dense = i, length
		}
		if length > n/2 {
			break
		}
	}
	r.For(len(dst)/n, grainOf(n), func(lo, hi int) {
		at := make([]int, last)
		for i, k := last-1, lo; i >= 0; i-- {
			at[i] = k % shape[i]
			k /= shape[i]
		}
		for row := lo; row < hi; row++ {
			base := 0
			for i, k := range at {
				base += int(tables[i][k])
			}
			to := dst[row*n : row*n+n]
			for i := range first {
				to[i] = src[base+int(inner[i])]
			}
			if dense > 0 {
				s := base + int(inner[first])
				copy(to[first:first+dense], src[s:s+dense])
			}
			for i := first + dense; i < n; i++ {
				to[i] = src[base+int(inner[i])]
			}
			for i := last - 1; i >= 0; i-- {
				if at[i]++; at[i] < shape[i] {
					break
				}
				at[i] = 0
			}
		}
	})
}

// centerCropPad cuts or pads with zeros on both sides, along axes, to a shape.
//
// See https://onnx.ai/onnx/operators/onnx__CenterCropPad.html
func centerCropPad(n *op.Node) (*op.Plan, error) {
	target, err := n.IntsOf(1)
	if err != nil {
		return nil, err
	}
	in := n.In[0].Shape
	axes, err := sliceAxes(n, n.Ints("axes"), len(target))
	if err != nil {
		return nil, err
	}
	if len(axes) != len(target) {
		return nil, n.Errorf("there are %d sizes for %d axes", len(target), len(axes))
	}
	p := &padding{make([]int, len(in)), make([]int, len(in))}
	for i, axis := range axes {
		if target[i] < 0 || target[i] > tensor.MaxBytes {
			return nil, n.Errorf("a size of %d is out of range", target[i])
		}
		more := int(target[i]) - in[axis]
		p.before[axis] = more / 2
		if more < 0 { // the middle of what is cut begins at the lower half
			p.before[axis] = -(-more / 2)
		}
		p.behind[axis] = more - p.before[axis]
	}
	zero := tensor.New(n.In[0].Type)
	return p.constant(n, zero)
}

// constant adds elements of one value, whatever the node's mode.
func (p *padding) constant(n *op.Node, value *tensor.Tensor) (*op.Plan, error) {
	plain := *n
	plain.Attributes = nil
	return p.plan(&plain, func([]*tensor.Tensor) *tensor.Tensor { return value })
}
