package ops

import "github.com/wasinn/wasinn/backends/gorgonia/internal/op"

// slicings are the operators that take a box out of a tensor.
func slicings() []op.Spec {
	return []op.Spec{
		{Name: "Slice", Since: 1, MinIn: 1, MaxIn: 1, Compile: slice1},
		{Name: "Slice", Since: 10, MinIn: 3, MaxIn: 5, Compile: late(slice10, 1, 2, 3, 4)},
	}
}

func slice1(n *op.Node) (*op.Plan, error) {
	return sliceBy(n, n.Ints("starts"), n.Ints("ends"), n.Ints("axes"), nil)
}

func slice10(n *op.Node) (*op.Plan, error) {
	var v [4][]int64
	for i := range v {
		if !n.Has(i + 1) {
			continue
		}
		var err error
		if v[i], err = n.IntsOf(i + 1); err != nil {
			return nil, err
		}
	}
	return sliceBy(n, v[0], v[1], v[2], v[3])
}

// sliceBy takes, along each of the axes, the elements from a start to before an end,
// in steps. Starts and ends beyond a dimension are at its end.
//
// See https://onnx.ai/onnx/operators/onnx__Slice.html
func sliceBy(n *op.Node, starts, ends, given, steps []int64) (*op.Plan, error) {
	in := n.In[0].Shape
	axes, err := sliceAxes(n, given, len(starts))
	if err != nil {
		return nil, err
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, n.Errorf("there are %d starts, %d ends, %d axes and %d steps: expected as many of each", len(starts), len(ends), len(axes), len(steps))
	}
	m := move{shape: append([]int{}, in...), from: strides(in)}
	whole := true
	for i, axis := range axes {
		step := int64(1)
		if steps != nil {
			step = steps[i]
		}
		if step == 0 {
			return nil, n.Errorf("the step along axis %d is 0", axis)
		}
		at, count := sliceRange(starts[i], ends[i], step, int64(in[axis]))
		whole = whole && step == 1 && count == in[axis]
		m.shape[axis] = count
		if count > 0 {
			m.fromAt += at * m.from[axis]
		}
		if count > 1 {
			m.from[axis] *= int(step)
		}
	}
	if whole {
		return op.View(0, op.Out(n.In[0].Type, in...))
	}
	m.to = strides(m.shape)
	return op.Static(moveRun(m), op.Out(n.In[0].Type, m.shape...))
}

func sliceAxes(n *op.Node, given []int64, count int) ([]int, error) {
	rank := n.Rank(0)
	if given != nil {
		return n.Axes(given, rank)
	}
	if count > rank {
		return nil, n.Errorf("there are %d sizes or starts for %d dimensions", count, rank)
	}
	axes := make([]int, count)
	for i := range axes {
		axes[i] = i
	}
	return axes, nil
}

// sliceRange is the first index and the number of those from start to before end in
// steps, in a dimension of that size.
func sliceRange(start, end, step, size int64) (at, count int) {
	if size == 0 {
		return 0, 0
	}
	if start < 0 {
		start += size
	}
	if end < 0 {
		end += size
	}
	if step > 0 {
		start, end = min(max(start, 0), size), min(max(end, 0), size)
		if end <= start {
			return 0, 0
		}
		return int(start), int((end-start-1)/step) + 1
	}
	start, end = min(max(start, 0), size-1), min(max(end, -1), size-1)
	if start <= end {
		return 0, 0
	}
	return int(start), int((end-start+1)/step) + 1
}
