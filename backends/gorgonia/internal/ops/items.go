package ops

import (
	"sync/atomic"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// runFunc is the Run of a plan.
type runFunc = func(r *op.Run, in, out []*tensor.Tensor) error

// item is a Go type by which elements are moved. What elements stand for does not
// matter to operators that only move them, so those of one size are moved alike.
type item interface {
	uint8 | uint16 | uint32 | uint64 | complex128 | string
}

// items are the elements of a tensor, whose size is that of T.
func items[T item](t *tensor.Tensor) []T {
	var s []T
	switch p := any(&s).(type) {
	case *[]uint8:
		*p = tensor.As[uint8](t)
	case *[]uint16:
		*p = tensor.As[uint16](t)
	case *[]uint32:
		*p = tensor.As[uint32](t)
	case *[]uint64:
		*p = tensor.As[uint64](t)
	case *[]complex128:
		*p = tensor.As[complex128](t)
	case *[]string:
		*p = t.Strings
	}
	return s
}

// pickItem is that of the functions whose item is as large as an element.
func pickItem[F any](t tensor.Type, one, two, four, eight, sixteen, text F) F {
	switch tensor.ItemSize(t) {
	case 1:
		return one
	case 2:
		return two
	case 4:
		return four
	case 8:
		return eight
	case 16:
		return sixteen
	}
	return text
}

// leastPiece is how many elements a piece of a loop has at least.
const leastPiece = 1 << 14

// grainOf is leastPiece in units of so many elements.
func grainOf(elements int) int { return max(1, leastPiece/max(1, elements)) }

// strides are how far apart neighbours are in a dense array, by dimension.
func strides(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= max(shape[i], 1)
	}
	return s
}

// split is a shape as what is before a dimension, its size, and what is behind it.
func splitAt(shape []int, axis int) (outer, size, inner int) {
	return tensor.Size(shape[:axis]), shape[axis], tensor.Size(shape[axis+1:])
}

// failure is the first error that the bodies of a loop come to.
type failure struct{ first atomic.Pointer[error] }

func (f *failure) set(err error) { f.first.CompareAndSwap(nil, &err) }

func (f *failure) failed() bool { return f.first.Load() != nil }

func (f *failure) err() error {
	if p := f.first.Load(); p != nil {
		return *p
	}
	return nil
}

// spare checks that n more bytes of scratch are within the limit.
func spare(r *op.Run, n int) error {
	if err := r.Take(int64(n)); err != nil {
		return err
	}
	r.Give(int64(n))
	return nil
}

// scratchInts is scratch of n int64, which the limit has room for.
func scratchInts(r *op.Run, n int) ([]int64, error) {
	if err := spare(r, 8*n); err != nil {
		return nil, err
	}
	return tensor.View[int64](r.Scratch(8 * n)), nil
}

// indicesOf are the elements of a tensor of int32 or int64, not to be written to.
func indicesOf(r *op.Run, t *tensor.Tensor) ([]int64, error) {
	if t.Type == tensor.I64 {
		return tensor.As[int64](t), nil
	}
	out, err := scratchInts(r, t.Len())
	if err != nil {
		return nil, err
	}
	for i, v := range tensor.As[int32](t) {
		out[i] = int64(v)
	}
	return out, nil
}

// late compiles a node when its inputs' values are known, else when it runs: where
// shapes depend on values that differ from run to run, this saves compiling a stage for
// each.
func late(compile func(*op.Node) (*op.Plan, error), inputs ...int) func(*op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		for _, i := range inputs {
			if n.Has(i) && n.In[i].Tensor() == nil {
				return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
					return runLate(r, n, compile, inputs, in)
				})
			}
		}
		return compile(n)
	}
}

// runLate compiles and runs a node whose inputs are all there.
func runLate(r *op.Run, n *op.Node, compile func(*op.Node) (*op.Plan, error), inputs []int, in []tensor.Value) ([]tensor.Value, error) {
	known := &op.Node{Op: n.Op, Domain: n.Domain, Name: n.Name, Version: n.Version, Outs: n.Outs, Attributes: n.Attributes, OutNames: n.OutNames}
	tensors := make([]*tensor.Tensor, len(in))
	for i, v := range in {
		if v == nil {
			known.In = append(known.In, nil)
			continue
		}
		t, ok := v.(*tensor.Tensor)
		if !ok {
			return nil, n.Errorf("input %d is no tensor", i)
		}
		tensors[i] = t
		info := op.InfoOf(t)
		if !contains(inputs, i) {
			info.Const = nil
		}
		known.In = append(known.In, info)
	}
	plan, err := compile(known)
	if err != nil {
		return nil, err
	}
	if err := known.Err(); err != nil {
		return nil, err
	}
	return runStatic(r, plan, tensors)
}

// runStatic makes the outputs of a plan.
func runStatic(r *op.Run, plan *op.Plan, in []*tensor.Tensor) ([]tensor.Value, error) {
	values := make([]tensor.Value, len(plan.Out))
	if plan.ViewOf > 0 {
		values[0] = in[plan.ViewOf-1].Reshaped(plan.Out[0].Shape...)
		return values, nil
	}
	out := make([]*tensor.Tensor, len(plan.Out))
	for i := range out {
		if t := plan.Out[i].Tensor(); t != nil {
			out[i] = t
		} else {
			var err error
			if out[i], err = r.New(plan.Out[i].Type, plan.Out[i].Shape...); err != nil {
				return nil, err
			}
		}
		values[i] = out[i]
	}
	if plan.Run == nil {
		return values, nil
	}
	return values, plan.Run(r, in, out)
}

func contains(list []int, v int) bool {
	for _, w := range list {
		if v == w {
			return true
		}
	}
	return false
}
