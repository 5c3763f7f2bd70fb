package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// scatters are the operators that write elements by their indices.
func scatters() []op.Spec {
	return []op.Spec{
		{Name: "Scatter", Since: 9, MinIn: 3, MaxIn: 3, Compile: scatterElements},
		{Name: "ScatterElements", Since: 11, MinIn: 3, MaxIn: 3, Compile: scatterElements},
		{Name: "ScatterND", Since: 11, MinIn: 3, MaxIn: 3, Compile: scatterND},
		{Name: "TensorScatter", Since: 24, MinIn: 2, MaxIn: 3, Compile: tensorScatter},
	}
}

// merge writes updates into elements: n of them, from src[s] on to dst[d] on.
type merge func(d, s, n int)

// merger makes the merge of a node's reduction, of an update with an element.
func merger(n *op.Node) (func(dst, src *tensor.Tensor) merge, error) {
	t := n.In[0].Type
	name := n.Str("reduction", "none")
	switch name {
	case "none":
		return pickItem(t, replace[uint8], replace[uint16], replace[uint32], replace[uint64], replace[complex128], replace[string]), nil
	case "add", "mul":
	case "min", "max":
		if n.Version < 18 {
			return nil, n.Errorf("reduction is %q, which there is from version 18 on", name)
		}
	default:
		return nil, n.Errorf("reduction is %q, expected none, add, mul, min or max", name)
	}
	switch t {
	case tensor.FP32:
		return combine[float32](name), nil
	case tensor.FP64:
		return combine[float64](name), nil
	case tensor.I8:
		return combine[int8](name), nil
	case tensor.I16:
		return combine[int16](name), nil
	case tensor.I32:
		return combine[int32](name), nil
	case tensor.I64:
		return combine[int64](name), nil
	case tensor.U8:
		return combine[uint8](name), nil
	case tensor.U16:
		return combine[uint16](name), nil
	case tensor.U32:
		return combine[uint32](name), nil
	case tensor.U64:
		return combine[uint64](name), nil
	case tensor.FP16:
		return combineNarrow(name, tensor.FromFP16, tensor.ToFP16), nil
	case tensor.BF16:
		return combineNarrow(name, tensor.FromBF16, tensor.ToBF16), nil
	case tensor.Bool:
		return combineBools(name), nil
	}
	return nil, n.Unsupportedf("reduction %q of %s", name, t)
}

func replace[T item](dst, src *tensor.Tensor) merge {
	to, from := items[T](dst), items[T](src)
	return func(d, s, n int) {
		if n == 1 {
			to[d] = from[s]
			return
		}
		copy(to[d:d+n], from[s:s+n])
	}
}

// countable is a type that Go counts with.
type countable interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// merging is the reduction of that name.
func merging[T countable](name string) func(a, b T) T {
	switch name {
	case "add":
		return func(a, b T) T { return a + b }
	case "mul":
		return func(a, b T) T { return a * b }
	case "min":
		return func(a, b T) T { return min(a, b) }
	}
	return func(a, b T) T { return max(a, b) }
}

func combine[T countable](name string) func(dst, src *tensor.Tensor) merge {
	f := merging[T](name)
	return func(dst, src *tensor.Tensor) merge {
		to, from := tensor.As[T](dst), tensor.As[T](src)
		return func(d, s, n int) {
			for i, v := range from[s : s+n] {
				to[d+i] = f(to[d+i], v)
			}
		}
	}
}

func combineNarrow(name string, widen func(uint16) float32, narrow func(float32) uint16) func(dst, src *tensor.Tensor) merge {
	f := merging[float32](name)
	return func(dst, src *tensor.Tensor) merge {
		to, from := tensor.As[uint16](dst), tensor.As[uint16](src)
		return func(d, s, n int) {
			for i, v := range from[s : s+n] {
				to[d+i] = narrow(f(widen(to[d+i]), widen(v)))
			}
		}
	}
}

// combineBools adds by "or", which is also the maximum, and multiplies by "and".
func combineBools(name string) func(dst, src *tensor.Tensor) merge {
	or := name == "add" || name == "max"
	return func(dst, src *tensor.Tensor) merge {
		to, from := tensor.As[bool](dst), tensor.As[bool](src)
		return func(d, s, n int) {
			for i, v := range from[s : s+n] {
				if or {
					to[d+i] = to[d+i] || v
				} else {
					to[d+i] = to[d+i] && v
				}
			}
		}
	}
}

// copyAll makes out what in is, unless they share memory.
func copyAll(r *op.Run, out, in *tensor.Tensor) {
	if out.Type == tensor.String {
		copy(out.Strings, in.Strings)
		return
	}
	if len(out.Data) == 0 || &out.Data[0] == &in.Data[0] {
		return
	}
	r.For(len(out.Data), 1<<18, func(lo, hi int) { copy(out.Data[lo:hi], in.Data[lo:hi]) })
}

// scatterElements writes each update to the element of data in the same place but for
// the axis, where its index is.
//
// See https://onnx.ai/onnx/operators/onnx__ScatterElements.html
func scatterElements(n *op.Node) (*op.Plan, error) {
	if err := wantIndices(n, 1); err != nil {
		return nil, err
	}
	if err := n.SameType(0, 2); err != nil {
		return nil, err
	}
	data, indices := n.In[0].Shape, n.In[1].Shape
	if !sameShape(indices, n.In[2].Shape) {
		return nil, n.Errorf("indices have the shape %v, and updates %v", indices, n.In[2].Shape)
	}
	axis, err := elementAxis(n, data, indices)
	if err != nil {
		return nil, err
	}
	into, err := merger(n)
	if err != nil {
		return nil, err
	}
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		index, err := indicesOf(r, in[1])
		if err != nil {
			return err
		}
		copyAll(r, out[0], in[0])
		if len(index) == 0 {
			return nil
		}
		return scatterLines(r, into(out[0], in[2]), index, data, indices, axis)
	}, op.Out(n.In[0].Type, data...))
	if err != nil {
		return nil, err
	}
	return p.InPlaceOf(0), nil
}

// scatterLines goes one line after the other: two may write to one element.
func scatterLines(r *op.Run, into merge, index []int64, data, indices []int, axis int) error {
	step := strides(data)
	along := step[axis]
	step[axis] = 0
	last := len(indices) - 1
	n := indices[last]
	w := newWalk(indices[:last], step, step, 0)
	for i := 0; i < len(index); i++ {
		if i%leastPiece == 0 && r.Stopped() {
			return op.ErrStopped
		}
		k, err := element(index[i], data[axis])
		if err != nil {
			return err
		}
		into(w.to+i%n*step[last]+k*along, i, 1)
		if i%n == n-1 {
			w.next()
		}
	}
	return nil
}

func sameShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// scatterND writes updates to slices of data, at indices of several dimensions each.
//
// See https://onnx.ai/onnx/operators/onnx__ScatterND.html
func scatterND(n *op.Node) (*op.Plan, error) {
	if err := wantIndices(n, 1); err != nil {
		return nil, err
	}
	if err := n.SameType(0, 2); err != nil {
		return nil, err
	}
	data, indices := n.In[0].Shape, n.In[1].Shape
	if len(indices) == 0 {
		return nil, n.Errorf("indices are a scalar, expected at least 1 dimension")
	}
	p, err := newTuples(n, data, indices)
	if err != nil {
		return nil, err
	}
	want := append(append([]int{}, indices[:len(indices)-1]...), data[p.width:]...)
	if !sameShape(want, n.In[2].Shape) {
		return nil, n.Errorf("updates have the shape %v, expected %v", n.In[2].Shape, want)
	}
	into, err := merger(n)
	if err != nil {
		return nil, err
	}
	plan, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		at, err := p.offsets(r, in[1])
		if err != nil {
			return err
		}
		copyAll(r, out[0], in[0])
		write := into(out[0], in[2])
		for i, k := range at {
			if i%grainOf(p.inner) == 0 && r.Stopped() {
				return op.ErrStopped
			}
			if p.inner > 0 {
				write(int(k), i*p.inner, p.inner)
			}
		}
		return nil
	}, op.Out(n.In[0].Type, data...))
	if err != nil {
		return nil, err
	}
	return plan.InPlaceOf(0), nil
}

// tensorScatter writes an update into a cache, for each element of the batch from its
// own index on along the axis, which may go around the end.
//
// See https://onnx.ai/onnx/operators/onnx__TensorScatter.html
func tensorScatter(n *op.Node) (*op.Plan, error) {
	if err := n.SameType(0, 1); err != nil {
		return nil, err
	}
	cache, update := n.In[0].Shape, n.In[1].Shape
	axis, err := n.Axis(n.Int("axis", -2), len(cache))
	if err != nil {
		return nil, err
	}
	if axis == 0 || len(update) != len(cache) {
		return nil, n.Errorf("shapes %v and %v with axis %d: expected a batch, and as many dimensions", cache, update, axis)
	}
	for i, d := range cache {
		if i != axis && update[i] != d || update[axis] > cache[axis] {
			return nil, n.Errorf("an update of shape %v does not fit a cache of shape %v", update, cache)
		}
	}
	mode := n.Str("mode", "linear")
	if mode != "linear" && mode != "circular" {
		return nil, n.Errorf("mode is %q, expected linear or circular", mode)
	}
	if n.Has(2) {
		if err := wantIndices(n, 2); err != nil {
			return nil, err
		}
		if tensor.Size(n.In[2].Shape) != cache[0] {
			return nil, n.Errorf("there are %d indices for a batch of %d", tensor.Size(n.In[2].Shape), cache[0])
		}
	}
	t := n.In[0].Type
	write := pickItem(t, replace[uint8], replace[uint16], replace[uint32], replace[uint64], replace[complex128], replace[string])
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		var at []int64
		if len(in) > 2 && in[2] != nil {
			if at, err = indicesOf(r, in[2]); err != nil {
				return err
			}
		}
		copyAll(r, out[0], in[0])
		if in[1].Len() == 0 {
			return nil
		}
		return scatterCache(r, write(out[0], in[1]), cache, update, axis, at, mode == "circular")
	}, op.Out(t, cache...))
	if err != nil {
		return nil, err
	}
	return p.InPlaceOf(0), nil
}

func scatterCache(r *op.Run, write merge, cache, update []int, axis int, at []int64, around bool) error {
	outer, size, inner := splitAt(cache, axis)
	length := update[axis]
	per := outer / cache[0]
	for i := range outer {
		if r.Stopped() {
			return op.ErrStopped
		}
		first := 0
		if at != nil {
			k, err := element(at[i/per], size)
			if at[i/per] == int64(size) && length == 0 {
				k, err = size, nil
			}
			if err != nil {
				return err
			}
			first = k
		}
		if !around && first+length > size {
			return (&op.Node{}).Errorf("%d elements from %d on go beyond a dimension of %d", length, first, size)
		}
		head := min(length, size-first)
		write((i*size+first)*inner, i*length*inner, head*inner)
		if head < length {
			write(i*size*inner, (i*length+head)*inner, (length-head)*inner)
		}
	}
	return nil
}
