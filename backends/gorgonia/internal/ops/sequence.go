package ops

import (
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// sequences are the operators on sequences.
func sequences() []op.Spec {
	return []op.Spec{
		{Name: "ConcatFromSequence", Since: 11, MinIn: 1, MaxIn: 1, Compile: concatFromSequence},
		{Name: "SequenceAt", Since: 11, MinIn: 2, MaxIn: 2, Compile: sequenceAt},
		{Name: "SequenceConstruct", Since: 11, MinIn: 1, MaxIn: -1, Compile: sequenceConstruct},
		{Name: "SequenceEmpty", Since: 11, MinIn: 0, MaxIn: 0, Compile: sequenceEmpty},
		{Name: "SequenceErase", Since: 11, MinIn: 1, MaxIn: 2, Compile: sequenceErase},
		{Name: "SequenceInsert", Since: 11, MinIn: 2, MaxIn: 3, Compile: sequenceInsert},
		{Name: "SequenceLength", Since: 11, MinIn: 1, MaxIn: 1, Compile: sequenceLength},
		{Name: "SequenceMap", Since: 17, MinIn: 1, MaxIn: -1, MaxOut: -1, Body: true, Compile: sequenceMap},
		{Name: "SplitToSequence", Since: 11, MinIn: 1, MaxIn: 2, Compile: splitToSequence},
	}
}

// itemBytes is what an item of a sequence counts for, beside its elements.
const itemBytes = 16

// sequenceOf is input i, a sequence.
func sequenceOf(in []tensor.Value, i int) (*tensor.Sequence, error) {
	if i < len(in) {
		if s, ok := in[i].(*tensor.Sequence); ok {
			return s, nil
		}
	}
	return nil, (&op.Node{}).Errorf("input %d is no sequence", i)
}

// integerOf is input i, a tensor of one integer.
func integerOf(in []tensor.Value, i int) (int64, error) {
	t, ok := in[i].(*tensor.Tensor)
	if !ok || t.Len() != 1 {
		return 0, (&op.Node{}).Errorf("input %d is not one integer", i)
	}
	v, err := t.Int64s()
	if err != nil {
		return 0, (&op.Node{}).Errorf("input %d is %v", i, err)
	}
	return v[0], nil
}

// sequenceEmpty makes a sequence without items.
func sequenceEmpty(n *op.Node) (*op.Plan, error) {
	t := tensor.Type(n.Int("dtype", int64(tensor.FP32)))
	if !tensor.Known(t) {
		return nil, n.Errorf("dtype is %d, which is no element type", t)
	}
	return op.Dynamic(func(*op.Run, []tensor.Value) ([]tensor.Value, error) {
		return []tensor.Value{&tensor.Sequence{Type: t}}, nil
	})
}

// sequenceConstruct makes a sequence of its inputs.
//
// See https://onnx.ai/onnx/operators/onnx__SequenceConstruct.html
func sequenceConstruct(n *op.Node) (*op.Plan, error) {
	for i := range n.In {
		if err := tensorsAlike(n, i); err != nil {
			return nil, err
		}
	}
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		return []tensor.Value{&tensor.Sequence{Type: in[0].(*tensor.Tensor).Type, Items: slices.Clone(in)}}, r.Take(int64(itemBytes * len(in)))
	})
}

func sequenceLength(*op.Node) (*op.Plan, error) {
	return op.Dynamic(func(_ *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		s, err := sequenceOf(in, 0)
		if err != nil {
			return nil, err
		}
		return []tensor.Value{tensor.Scalar(tensor.I64, int64(len(s.Items)))}, nil
	})
}

// place is a position in a sequence; ends many positions there are.
func place(in []tensor.Value, i, ends int) (int, error) {
	v, err := integerOf(in, i)
	if err != nil {
		return 0, err
	}
	return element(v, ends)
}

// sequenceAt gives the item at a position.
func sequenceAt(*op.Node) (*op.Plan, error) {
	return op.Dynamic(func(_ *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		s, err := sequenceOf(in, 0)
		if err != nil {
			return nil, err
		}
		at, err := place(in, 1, len(s.Items))
		if err != nil {
			return nil, err
		}
		return []tensor.Value{s.Items[at]}, nil
	})
}

// sequenceInsert puts a tensor before a position, or at the end. A position of -1 is that
// of the last item.
//
// See https://onnx.ai/onnx/operators/onnx__SequenceInsert.html
func sequenceInsert(*op.Node) (*op.Plan, error) {
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		s, err := sequenceOf(in, 0)
		if err != nil {
			return nil, err
		}
		t, ok := in[1].(*tensor.Tensor)
		if !ok || len(s.Items) > 0 && s.Type != t.Type {
			return nil, (&op.Node{}).Errorf("input 1 does not go into a sequence of tensors of %s", s.Type)
		}
		at := len(s.Items)
		if len(in) > 2 && in[2] != nil {
			v, err := integerOf(in, 2)
			if err != nil {
				return nil, err
			}
			if v != int64(at) {
				if at, err = element(v, at); err != nil {
					return nil, err
				}
			}
		}
		if err := r.Take(int64(itemBytes * (len(s.Items) + 1))); err != nil {
			return nil, err
		}
		items := make([]tensor.Value, 0, len(s.Items)+1)
		items = append(append(append(items, s.Items[:at]...), t), s.Items[at:]...)
		return []tensor.Value{&tensor.Sequence{Type: t.Type, Items: items}}, nil
	})
}

// sequenceErase leaves out the item at a position, or the last one.
func sequenceErase(*op.Node) (*op.Plan, error) {
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		s, err := sequenceOf(in, 0)
		if err != nil {
			return nil, err
		}
		at, err := element(-1, len(s.Items))
		if len(in) > 1 && in[1] != nil {
			at, err = place(in, 1, len(s.Items))
		}
		if err != nil {
			return nil, err
		}
		if err := r.Take(int64(itemBytes * len(s.Items))); err != nil {
			return nil, err
		}
		return []tensor.Value{&tensor.Sequence{Type: s.Type, Items: slices.Concat(s.Items[:at], s.Items[at+1:])}}, nil
	})
}

// concatFromSequence puts the tensors of a sequence behind each other, along an axis or
// a new one.
//
// See https://onnx.ai/onnx/operators/onnx__ConcatFromSequence.html
func concatFromSequence(n *op.Node) (*op.Plan, error) {
	if !n.Attr("axis") {
		return nil, n.Errorf("attribute \"axis\" is missing")
	}
	axis, stack := n.Int("axis", 0), n.Flag("new_axis", false)
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		s, err := sequenceOf(in, 0)
		if err != nil {
			return nil, err
		}
		tensors := make([]*tensor.Tensor, len(s.Items))
		for i, v := range s.Items {
			var ok bool
			if tensors[i], ok = v.(*tensor.Tensor); !ok {
				return nil, n.Errorf("item %d is no tensor", i)
			}
		}
		out, err := join(r, n, tensors, axis, stack)
		return []tensor.Value{out}, err
	})
}

// join makes one tensor of several, along an axis or a new one.
func join(r *op.Run, n *op.Node, tensors []*tensor.Tensor, at int64, stack bool) (*tensor.Tensor, error) {
	if len(tensors) == 0 {
		return nil, n.Errorf("there are no tensors to put together")
	}
	rank := tensors[0].Rank()
	if stack {
		rank++
	}
	axis, err := n.Axis(at, rank)
	if err != nil {
		return nil, err
	}
	shapes := make([][]int, len(tensors))
	for i, t := range tensors {
		shapes[i] = t.Shape
		if stack {
			shapes[i] = slices.Insert(slices.Clone(t.Shape), min(axis, t.Rank()), 1)
		}
		if t.Type != tensors[0].Type {
			return nil, n.Errorf("tensors are of %s and %s: expected one type", tensors[0].Type, t.Type)
		}
	}
	shape, err := concatShape(n, shapes, axis)
	if err != nil {
		return nil, err
	}
	out, err := r.New(tensors[0].Type, shape...)
	if err != nil {
		return nil, err
	}
	for i, m := range pieces(shapes, shape, axis) {
		if r.Stopped() {
			return nil, op.ErrStopped
		}
		m.do(r, out, tensors[i])
	}
	return out, nil
}

// splitToSequence splits a tensor along an axis, by default into slices, which lose the
// dimension unless keepdims is set.
//
// See https://onnx.ai/onnx/operators/onnx__SplitToSequence.html
func splitToSequence(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, n.In[0].Type); err != nil {
		return nil, err
	}
	axis, err := n.Axis(n.Int("axis", 0), n.Rank(0))
	if err != nil {
		return nil, err
	}
	drop := !n.Has(1) && !n.Flag("keepdims", true)
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		t := in[0].(*tensor.Tensor)
		lengths, err := sequenceLengths(r, n, in, t.Shape[axis])
		if err != nil {
			return nil, err
		}
		if err := r.Take(int64(len(lengths)) * (itemBytes + 64)); err != nil {
			return nil, err
		}
		s := &tensor.Sequence{Type: t.Type}
		from, at := strides(t.Shape), 0
		for _, length := range lengths {
			if r.Stopped() {
				return nil, op.ErrStopped
			}
			shape := slices.Clone(t.Shape)
			shape[axis] = int(length)
			piece, err := r.New(t.Type, shape...)
			if err != nil {
				return nil, err
			}
			move{shape: shape, to: strides(shape), from: from, fromAt: at * from[axis]}.simple().do(r, piece, t)
			if drop {
				piece = piece.Reshaped(slices.Delete(shape, axis, axis+1)...)
			}
			s.Items = append(s.Items, piece)
			at += int(length)
		}
		return []tensor.Value{s}, nil
	})
}

// sequenceLengths are those of the pieces of a dimension: as input 1 lists them, or of
// the one length it gives, the last one shorter.
func sequenceLengths(r *op.Run, n *op.Node, in []tensor.Value, size int) ([]int64, error) {
	each := int64(1)
	if len(in) > 1 && in[1] != nil {
		t, ok := in[1].(*tensor.Tensor)
		if !ok || t.Rank() > 1 {
			return nil, n.Errorf("input 1 is no list of lengths")
		}
		given, err := t.Int64s()
		if err != nil {
			return nil, n.Errorf("input 1 is %v", err)
		}
		if t.Rank() == 1 {
			sum := int64(0)
			for _, v := range given {
				if sum += v; v < 0 || sum > int64(size) {
					return nil, n.Errorf("lengths do not add up to the %d of the dimension", size)
				}
			}
			if sum != int64(size) {
				return nil, n.Errorf("lengths add up to %d, expected the %d of the dimension", sum, size)
			}
			return given, nil
		}
		each = given[0]
	}
	if each < 1 {
		return nil, n.Errorf("a length is %d, expected at least 1", each)
	}
	count := (int64(size)-1)/each + 1
	if size == 0 {
		count = 0
	}
	if err := spare(r, 8*int(count)); err != nil {
		return nil, err
	}
	lengths := make([]int64, count)
	for i := range lengths {
		lengths[i] = min(each, int64(size)-int64(i)*each)
	}
	return lengths, nil
}

// sequenceMap runs a graph for each item of a sequence, and of others of its length,
// beside tensors that stay the same.
//
// See https://onnx.ai/onnx/operators/onnx__SequenceMap.html
func sequenceMap(n *op.Node) (*op.Plan, error) {
	if n.In[0] == nil || n.In[0].Kind != onnx.SequenceKind {
		return nil, n.Errorf("input 0 is no sequence")
	}
	own := len(n.In)
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		first, err := sequenceOf(in, 0)
		if err != nil {
			return nil, err
		}
		out := make([]*tensor.Sequence, len(n.Outs))
		for i := range out {
			out[i] = &tensor.Sequence{}
		}
		for k := range first.Items {
			if err := r.Err(); err != nil {
				return nil, err
			}
			args, err := itemsAt(n, in[:own], k, len(first.Items))
			if err != nil {
				return nil, err
			}
			made, err := n.Subgraph.Call(r, "body", args, in[own:])
			if err != nil {
				return nil, err
			}
			if len(made) < len(out) {
				return nil, n.Errorf("the graph has %d outputs, expected %d", len(made), len(out))
			}
			for i := range out {
				t, ok := made[i].(*tensor.Tensor)
				if !ok {
					return nil, n.Errorf("output %d of the graph is no tensor", i)
				}
				out[i].Type = t.Type
				out[i].Items = append(out[i].Items, t)
			}
		}
		values := make([]tensor.Value, len(out))
		for i := range out {
			values[i] = out[i]
		}
		return values, r.Take(int64(itemBytes * len(out) * len(first.Items)))
	})
}

func itemsAt(n *op.Node, in []tensor.Value, k, count int) ([]tensor.Value, error) {
	args := make([]tensor.Value, len(in))
	for i, v := range in {
		args[i] = v
		if s, ok := v.(*tensor.Sequence); ok {
			if len(s.Items) != count {
				return nil, n.Errorf("sequences have %d and %d items: expected as many", count, len(s.Items))
			}
			args[i] = s.Items[k]
		}
	}
	return args, nil
}
