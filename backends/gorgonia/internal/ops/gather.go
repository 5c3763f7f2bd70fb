package ops

import (
	"fmt"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// gathers are the operators that read elements by their indices.
func gathers() []op.Spec {
	return []op.Spec{
		{Name: "Gather", Since: 1, MinIn: 2, MaxIn: 2, Compile: gather},
		{Name: "GatherElements", Since: 11, MinIn: 2, MaxIn: 2, Compile: gatherElements},
		{Name: "GatherND", Since: 11, MinIn: 2, MaxIn: 2, Compile: gatherND},
	}
}

// wantIndices checks that input i is a tensor of int32 or int64.
func wantIndices(n *op.Node, i int) error { return n.Want(i, tensor.I64, tensor.I32) }

// element maps an index in [-size, size) to [0, size).
func element(index int64, size int) (int, error) {
	if index < -int64(size) || index >= int64(size) {
		return 0, &op.Invalid{Reason: fmt.Sprintf("index %d is outside of a dimension of %d", index, size)}
	}
	if index < 0 {
		index += int64(size)
	}
	return int(index), nil
}

// gather takes the slices at indices along an axis.
//
// See https://onnx.ai/onnx/operators/onnx__Gather.html
func gather(n *op.Node) (*op.Plan, error) {
	if err := wantIndices(n, 1); err != nil {
		return nil, err
	}
	data := n.In[0].Shape
	axis, err := n.Axis(n.Int("axis", 0), len(data))
	if err != nil {
		return nil, err
	}
	shape := append(append(append([]int{}, data[:axis]...), n.In[1].Shape...), data[axis+1:]...)
	outer, size, inner := splitAt(data, axis)
	t := n.In[0].Type
	put := pickItem(t, copyRows[uint8], copyRows[uint16], copyRows[uint32], copyRows[uint64], copyRows[complex128], copyRows[string])
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		given, err := indicesOf(r, in[1])
		if err != nil {
			return err
		}
		at, err := scratchInts(r, len(given))
		if err != nil {
			return err
		}
		for i, v := range given {
			k, err := element(v, size)
			if err != nil {
				return err
			}
			at[i] = int64(k * inner)
		}
		put(r, out[0], in[0], at, inner, outer, size*inner)
		return nil
	}, op.Out(t, shape...))
}

// copyRows copies, for each of a number of groups, rows of n elements that begin at offsets
// of the group.
func copyRows[T item](r *op.Run, to, from *tensor.Tensor, at []int64, n, groups, group int) {
	dst, src := items[T](to), items[T](from)
	if n == 0 {
		return
	}
	r.For(groups*len(at), grainOf(n), func(lo, hi int) {
		k := lo % len(at)
		base := lo / len(at) * group
		if n == 1 {
			for i := lo; i < hi; i++ {
				dst[i] = src[base+int(at[k])]
				if k++; k == len(at) {
					k, base = 0, base+group
				}
			}
			return
		}
		for i := lo; i < hi; i++ {
			s := base + int(at[k])
			copy(dst[i*n:i*n+n], src[s:s+n])
			if k++; k == len(at) {
				k, base = 0, base+group
			}
		}
	})
}

// gatherElements takes, for each element of indices, the element of data in the same
// place but for the axis, where the index is.
//
// See https://onnx.ai/onnx/operators/onnx__GatherElements.html
func gatherElements(n *op.Node) (*op.Plan, error) {
	if err := wantIndices(n, 1); err != nil {
		return nil, err
	}
	axis, err := elementAxis(n, n.In[0].Shape, n.In[1].Shape)
	if err != nil {
		return nil, err
	}
	t := n.In[0].Type
	run := pickItem(t, gatherItems[uint8], gatherItems[uint16], gatherItems[uint32], gatherItems[uint64], gatherItems[complex128], gatherItems[string])
	return op.Static(run(axis), op.Out(t, n.In[1].Shape...))
}

// elementAxis checks shapes of data and of indices of single elements: they have one
// rank, and indices are not larger but along the axis.
func elementAxis(n *op.Node, data, indices []int) (int, error) {
	axis, err := n.Axis(n.Int("axis", 0), len(data))
	if err != nil {
		return 0, err
	}
	if len(data) != len(indices) {
		return 0, n.Errorf("indices have %d dimensions, expected the %d of data", len(indices), len(data))
	}
	for i, d := range indices {
		if i != axis && d > data[i] {
			return 0, n.Errorf("indices of shape %v go beyond data of shape %v in dimension %d", indices, data, i)
		}
	}
	return axis, nil
}

func gatherItems[T item](axis int) runFunc {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		index, err := indicesOf(r, in[1])
		if err != nil {
			return err
		}
		var fail failure
		dst, src := items[T](out[0]), items[T](in[0])
		eachElement(r, in[0].Shape, in[1].Shape, axis, func(i, at, step, n int) {
			size, along := in[0].Shape[axis], strides(in[0].Shape)[axis]
			for ; n > 0; n-- {
				k, err := element(index[i], size)
				if err != nil {
					fail.set(err)
					return
				}
				dst[i] = src[at+k*along]
				i++
				at += step
			}
		})
		return fail.err()
	}
}

// eachElement calls body for lines of elements of indices: the number i of the first
// one, where in data it is but for the axis, the step there to the next one, and how
// many there are.
func eachElement(r *op.Run, data, indices []int, axis int, body func(i, at, step, n int)) {
	if tensor.Size(indices) == 0 {
		return
	}
	from := strides(data)
	from[axis] = 0
	last := len(indices) - 1
	n := indices[last]
	r.For(tensor.Size(indices[:last]), grainOf(n), func(lo, hi int) {
		w := newWalk(indices[:last], from, from, lo)
		for i := lo; i < hi; i++ {
			body(i*n, w.from, from[last], n)
			w.next()
		}
	})
}

// gatherND takes the slices at indices of several dimensions each.
//
// See https://onnx.ai/onnx/operators/onnx__GatherND.html
func gatherND(n *op.Node) (*op.Plan, error) {
	if err := wantIndices(n, 1); err != nil {
		return nil, err
	}
	data, indices := n.In[0].Shape, n.In[1].Shape
	batch := n.Int("batch_dims", 0)
	if batch < 0 || len(indices) == 0 || batch >= int64(min(len(data), len(indices))) {
		return nil, n.Errorf("batch_dims is %d with data of %d dimensions and indices of %d", batch, len(data), len(indices))
	}
	b := int(batch)
	for i := range b {
		if data[i] != indices[i] {
			return nil, n.Errorf("data of shape %v and indices of shape %v differ in dimension %d of the batch", data, indices, i)
		}
	}
	p, err := newTuples(n, data[b:], indices[b:])
	if err != nil {
		return nil, err
	}
	p.batches = tensor.Size(data[:b])
	shape := append(append([]int{}, indices[:len(indices)-1]...), data[b+p.width:]...)
	t := n.In[0].Type
	put := pickItem(t, copyRows[uint8], copyRows[uint16], copyRows[uint32], copyRows[uint64], copyRows[complex128], copyRows[string])
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		at, err := p.offsets(r, in[1])
		if err == nil {
			put(r, out[0], in[0], at, p.inner, 1, 0)
		}
		return err
	}, op.Out(t, shape...))
}

// tuples are indices of several dimensions, which name slices of data.
type tuples struct {
	width   int   // dimensions that an index goes through
	sizes   []int // of these
	inner   int   // elements of a slice
	batches int
	group   int // elements of a batch
}

func newTuples(n *op.Node, data, indices []int) (*tuples, error) {
	width := indices[len(indices)-1]
	if width > len(data) {
		return nil, n.Errorf("indices have %d elements each, for %d dimensions", width, len(data))
	}
	return &tuples{width: width, sizes: data[:width], inner: tensor.Size(data[width:]), batches: 1, group: tensor.Size(data)}, nil
}

// offsets are where the slices begin.
func (p *tuples) offsets(r *op.Run, t *tensor.Tensor) ([]int64, error) {
	count := tensor.Size(t.Shape[:len(t.Shape)-1])
	at, err := scratchInts(r, count)
	if err != nil {
		return nil, err
	}
	index, err := indicesOf(r, t)
	if err != nil {
		return nil, err
	}
	step := make([]int, p.width)
	n := p.inner
	for i := p.width - 1; i >= 0; i-- {
		step[i] = n
		n *= p.sizes[i]
	}
	var fail failure
	per := count / max(p.batches, 1)
	r.For(count, grainOf(p.width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			offset := i / per * p.group
			for j, v := range index[i*p.width:][:p.width] {
				k, err := element(v, p.sizes[j])
				if err != nil {
					fail.set(err)
					return
				}
				offset += k * step[j]
			}
			at[i] = int64(offset)
		}
	})
	if fail.failed() {
		return nil, fail.err()
	}
	return at, r.Err()
}
