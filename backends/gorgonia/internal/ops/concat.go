package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// concats are the operators that put tensors together, and take them apart.
func concats() []op.Spec {
	return []op.Spec{
		{Name: "Concat", Since: 1, MinIn: 1, MaxIn: -1, Compile: concat},
		{Name: "Split", Since: 1, MinIn: 1, MaxIn: 2, MaxOut: -1, Compile: split1},
		{Name: "Split", Since: 2, MinIn: 1, MaxIn: 1, MaxOut: -1, Compile: split2},
		{Name: "Split", Since: 13, MinIn: 1, MaxIn: 2, MaxOut: -1, Compile: split13},
		{Name: "Split", Since: 18, MinIn: 1, MaxIn: 2, MaxOut: -1, Compile: split18},
	}
}

// concat puts tensors that differ in one dimension behind each other.
//
// See https://onnx.ai/onnx/operators/onnx__Concat.html
func concat(n *op.Node) (*op.Plan, error) {
	if n.Version >= 4 && !n.Attr("axis") {
		return nil, n.Errorf("attribute \"axis\" is missing")
	}
	shapes := make([][]int, len(n.In))
	for i := range n.In {
		if err := tensorsAlike(n, i); err != nil {
			return nil, err
		}
		shapes[i] = n.In[i].Shape
	}
	axis, err := n.Axis(n.Int("axis", 1), n.Rank(0))
	if err != nil {
		return nil, err
	}
	shape, err := concatShape(n, shapes, axis)
	if err != nil {
		return nil, err
	}
	if _, err := tensor.Bytes(n.In[0].Type, shape); err != nil {
		return nil, err
	}
	moves := pieces(shapes, shape, axis)
	plan, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		for i, m := range moves {
			if inPlace(out[0], in[i], m) {
				continue
			}
			m.do(r, out[0], in[i])
			if r.Stopped() {
				break
			}
		}
		return nil
	}, op.Out(n.In[0].Type, shape...))
	if err == nil && tensor.Size(shape[:axis]) == 1 && n.In[0].Type != tensor.String {
		for _, m := range moves {
			plan.Parts = append(plan.Parts, m.toAt*tensor.ItemSize(n.In[0].Type))
		}
	}
	return plan, err
}

// inPlace says whether what a move brings to a tensor was made there.
func inPlace(to, from *tensor.Tensor, m *move) bool {
	at := m.toAt * tensor.ItemSize(to.Type)
	return len(from.Data) > 0 && at < len(to.Data) && &to.Data[at] == &from.Data[0]
}

// tensorsAlike checks that input i is there and has the type of input 0.
func tensorsAlike(n *op.Node, i int) error {
	if !n.Has(i) {
		return n.Errorf("input %d is missing", i)
	}
	if err := n.Want(i, n.In[i].Type); err != nil {
		return err
	}
	return n.SameType(0, i)
}

// concatShape is the shape of tensors behind each other.
func concatShape(n *op.Node, shapes [][]int, axis int) ([]int, error) {
	out := append([]int{}, shapes[0]...)
	out[axis] = 0
	for i, s := range shapes {
		for d := range max(len(s), len(out)) {
			if len(s) != len(out) || d != axis && s[d] != out[d] {
				return nil, n.Errorf("shapes %v and %v (of input %d) differ in more than dimension %d", shapes[0], s, i, axis)
			}
		}
		if out[axis] += s[axis]; out[axis] > tensor.MaxBytes {
			return nil, n.Errorf("dimension %d becomes too large", axis)
		}
	}
	return out, nil
}

// pieces are the moves of tensors to their places in the one that they make together.
func pieces(shapes [][]int, whole []int, axis int) []*move {
	moves := make([]*move, len(shapes))
	to, at := strides(whole), 0
	for i, s := range shapes {
		moves[i] = move{shape: s, to: to, from: strides(s), toAt: at * to[axis]}.simple()
		at += s[axis]
	}
	return moves
}

func split1(n *op.Node) (*op.Plan, error) {
	if !n.Has(1) {
		return split2(n)
	}
	t, err := n.Value(1)
	if err != nil {
		return nil, err
	}
	values, err := t.Float64s()
	if err != nil {
		return nil, n.Errorf("input 1 is %v", err)
	}
	lengths := make([]int64, len(values))
	for i, v := range values {
		if v != float64(int64(v)) {
			return nil, n.Errorf("a length is %v, expected an integer", v)
		}
		lengths[i] = int64(v)
	}
	return splitBy(n, lengths)
}

func split2(n *op.Node) (*op.Plan, error) {
	if lengths := n.Ints("split"); lengths != nil {
		return splitBy(n, lengths)
	}
	return splitEvenly(n, len(n.Outs), false)
}

func split13(n *op.Node) (*op.Plan, error) {
	if !n.Has(1) {
		return splitEvenly(n, len(n.Outs), false)
	}
	lengths, err := n.IntsOf(1)
	if err != nil {
		return nil, err
	}
	return splitBy(n, lengths)
}

func split18(n *op.Node) (*op.Plan, error) {
	if n.Has(1) || !n.Attr("num_outputs") {
		return split13(n)
	}
	count := n.Int("num_outputs", 0)
	if count != int64(len(n.Outs)) {
		return nil, n.Errorf("num_outputs is %d, and there are %d outputs", count, len(n.Outs))
	}
	return splitEvenly(n, len(n.Outs), true)
}

// splitEvenly splits into pieces of equal length; the last may be shorter when uneven
// is set.
func splitEvenly(n *op.Node, count int, uneven bool) (*op.Plan, error) {
	axis, err := n.Axis(n.Int("axis", 0), n.Rank(0))
	if err != nil {
		return nil, err
	}
	size := n.In[0].Shape[axis]
	if count == 0 {
		return nil, n.Errorf("there are no outputs")
	}
	if size%count != 0 && !uneven {
		return nil, n.Errorf("a dimension of %d does not split into %d equal pieces", size, count)
	}
	each := (size + count - 1) / count
	lengths := make([]int64, count)
	for i := range lengths {
		lengths[i] = int64(max(0, min(each, size-i*each)))
	}
	return splitBy(n, lengths)
}

// splitBy splits into pieces of these lengths.
//
// See https://onnx.ai/onnx/operators/onnx__Split.html
func splitBy(n *op.Node, lengths []int64) (*op.Plan, error) {
	shape := n.In[0].Shape
	axis, err := n.Axis(n.Int("axis", 0), len(shape))
	if err != nil {
		return nil, err
	}
	if len(lengths) != len(n.Outs) {
		return nil, n.Errorf("there are %d lengths and %d outputs", len(lengths), len(n.Outs))
	}
	infos, moves := make([]op.Info, len(lengths)), make([]*move, len(lengths))
	from, at := strides(shape), 0
	for i, length := range lengths {
		if length < 0 || length > int64(shape[axis]-at) {
			return nil, n.Errorf("lengths %v do not add up to the %d of dimension %d", lengths, shape[axis], axis)
		}
		piece := append([]int{}, shape...)
		piece[axis] = int(length)
		infos[i] = op.Out(n.In[0].Type, piece...)
		moves[i] = move{shape: piece, to: strides(piece), from: from, fromAt: at * from[axis]}.simple()
		at += int(length)
	}
	if at != shape[axis] {
		return nil, n.Errorf("lengths %v do not add up to the %d of dimension %d", lengths, shape[axis], axis)
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		for i, m := range moves {
			if out[i] != nil {
				m.do(r, out[i], in[0])
			}
		}
		return nil
	}, infos...)
}
