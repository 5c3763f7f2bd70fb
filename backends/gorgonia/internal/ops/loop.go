package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// loops are the operators that run a graph many times.
func loops() []op.Spec {
	return []op.Spec{
		{Name: "Loop", Since: 1, MinIn: 0, MaxIn: -1, MaxOut: -1, Body: true, Compile: loop},
		{Name: "Scan", Since: 8, MinIn: 0, MaxIn: -1, MaxOut: -1, Body: true, Compile: scan8},
		{Name: "Scan", Since: 9, MinIn: 1, MaxIn: -1, MaxOut: -1, Body: true, Compile: scan9},
	}
}

// body runs the graph of a loop, and keeps what it makes: states, which the next
// iteration is given, and outputs, one after the other.
type body struct {
	node   *op.Node
	run    *op.Run
	graph  *onnx.Graph
	around []tensor.Value

	states []tensor.Value
	outs   [][]*tensor.Tensor
	base   int64 // bytes counted when the loop began
	kept   int64 // bytes of outs
}

func newBody(n *op.Node, r *op.Run, states, around []tensor.Value, outs int) *body {
	return &body{node: n, run: r, graph: n.Graph("body"), around: around, states: states, outs: make([][]*tensor.Tensor, outs), base: r.Used()}
}

// step runs the graph once: of what it makes, those before lead are given back, then
// come states and outputs.
func (b *body) step(lead int, before, behind []tensor.Value) ([]tensor.Value, error) {
	if err := b.run.Err(); err != nil {
		return nil, err
	}
	made, err := b.node.Subgraph.Call(b.run, "body", slices.Concat(before, b.states, behind), b.around)
	if err != nil {
		return nil, err
	}
	if want := lead + len(b.states) + len(b.outs); len(made) != want {
		return nil, b.node.Errorf("the graph has %d outputs, expected %d", len(made), want)
	}
	copy(b.states, made[lead:])
	for i, v := range made[lead+len(b.states):] {
		t, ok := v.(*tensor.Tensor)
		if !ok {
			return nil, b.node.Errorf("output %d of the graph is no tensor", lead+len(b.states)+i)
		}
		b.outs[i] = append(b.outs[i], t)
		b.kept += bytesOf(t) + itemBytes
	}
	return made[:lead], b.recount()
}

// recount counts what is kept, and no longer what is garbage.
func (b *body) recount() error {
	b.run.Give(b.run.Used() - b.base)
	now := b.kept
	for _, v := range b.states {
		now += bytesOf(v)
	}
	return b.run.Take(now)
}

// bytesOf is how much memory a value takes.
func bytesOf(v tensor.Value) int64 {
	switch v := v.(type) {
	case *tensor.Tensor:
		n := int64(len(v.Data) + 16*len(v.Strings))
		for _, s := range v.Strings {
			n += int64(len(s))
		}
		return n
	case *tensor.Sequence:
		n := int64(0)
		for _, item := range v.Items {
			n += itemBytes + bytesOf(item)
		}
		return n
	case *tensor.Optional:
		if v.Value != nil {
			return bytesOf(v.Value)
		}
	}
	return 0
}

// results are the last states, and the outputs, stacked along axes.
func (b *body) results(lead int, axes []int64) ([]tensor.Value, error) {
	values := slices.Clone(b.states)
	for i, list := range b.outs {
		axis := int64(0)
		if i < len(axes) {
			axis = axes[i]
		}
		t, err := b.stacked(list, lead+len(b.states)+i, axis)
		if err != nil {
			return nil, err
		}
		values = append(values, t)
	}
	return values, nil
}

// stacked is one tensor of those that output number i of the graph gave.
func (b *body) stacked(list []*tensor.Tensor, i int, axis int64) (*tensor.Tensor, error) {
	if len(list) > 0 {
		for _, t := range list[1:] {
			if !sameShape(t.Shape, list[0].Shape) {
				return nil, b.node.Errorf("output %d of the graph has shapes %v and %v: expected one shape", i, list[0].Shape, t.Shape)
			}
		}
		return join(b.run, b.node, list, axis, true)
	}
	t, shape, err := declared(b.node, b.graph, i)
	if err != nil {
		return nil, err
	}
	at, err := b.node.Axis(axis, len(shape)+1)
	if err != nil {
		return nil, err
	}
	return b.run.New(t, slices.Insert(shape, at, 0)...)
}

// declared is the type of an output that the graph says it has; sizes that it leaves open
// are 0.
func declared(n *op.Node, g *onnx.Graph, i int) (tensor.Type, []int, error) {
	if g == nil || i >= len(g.Outputs) || g.Outputs[i].Type == nil || g.Outputs[i].Type.Kind != onnx.TensorKind {
		return 0, nil, n.Unsupportedf("the graph was not run, and does not say what its output %d is", i)
	}
	t := g.Outputs[i].Type
	if !tensor.Known(t.Elem) {
		return 0, nil, n.Errorf("output %d of the graph is of element type %d, which there is not", i, t.Elem)
	}
	shape := make([]int, len(t.Dims))
	for k, d := range t.Dims {
		if d.Size > 0 && d.Size < tensor.MaxBytes {
			shape[k] = int(d.Size)
		}
	}
	return t.Elem, shape, nil
}

// loop runs a graph a number of times, or while it says so, or both.
//
// See https://onnx.ai/onnx/operators/onnx__Loop.html
func loop(n *op.Node) (*op.Plan, error) {
	g := n.Graph("body")
	if g == nil {
		return nil, n.Errorf("attribute \"body\" is missing")
	}
	own := len(n.In)
	states := max(0, own-2)
	if len(g.Inputs) < states+2 || len(g.Outputs) < states+1 {
		return nil, n.Errorf("the graph has %d inputs and %d outputs, with %d states", len(g.Inputs), len(g.Outputs), states)
	}
	outs := len(g.Outputs) - 1 - states
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		count, on, err := loopBounds(in[:min(own, 2)])
		if err != nil {
			return nil, err
		}
		b := newBody(n, r, slices.Clone(in[min(own, 2):own]), in[own:], outs)
		for i := int64(0); i < count && on; i++ {
			number, going := tensor.Scalar(tensor.I64, i), tensor.Scalar(tensor.Bool, on)
			made, err := b.step(1, []tensor.Value{asDeclared(number, g.Inputs[0]), asDeclared(going, g.Inputs[1])}, nil)
			if err != nil {
				return nil, err
			}
			if on, err = condition(made[0]); err != nil {
				return nil, err
			}
		}
		return b.results(1, nil)
	})
}

// loopBounds are the most iterations there may be, and whether there is a first one.
func loopBounds(in []tensor.Value) (count int64, on bool, err error) {
	count, on = math.MaxInt64, true
	if valueAt(in, 0) != nil {
		if count, err = integerOf(in, 0); err != nil {
			return 0, false, err
		}
	}
	if v := valueAt(in, 1); v != nil {
		on, err = condition(v)
	}
	return count, on, err
}

// condition is the value of one boolean.
func condition(v tensor.Value) (bool, error) {
	t, ok := v.(*tensor.Tensor)
	if !ok || t.Type != tensor.Bool || t.Len() != 1 {
		return false, (&op.Node{}).Errorf("the condition is not one BOOL")
	}
	return t.Data[0] != 0, nil
}

// asDeclared gives one element as a tensor of one dimension, when a graph wants it so.
func asDeclared(t *tensor.Tensor, in *onnx.ValueInfo) *tensor.Tensor {
	if in.Type != nil && in.Type.HasShape && len(in.Type.Dims) == 1 {
		return t.Reshaped(1)
	}
	return t
}

// scanned is an input whose slices along an axis the graph is given.
type scanned struct {
	axis     int
	backward bool
}

// slice is slice number i of count.
func (s scanned) slice(r *op.Run, t *tensor.Tensor, i, count int) (tensor.Value, error) {
	if s.backward {
		i = count - 1 - i
	}
	shape := slices.Delete(slices.Clone(t.Shape), s.axis, s.axis+1)
	outer, _, inner := splitAt(t.Shape, s.axis)
	if outer == 1 && t.Type != tensor.String { // dense: no copy
		size := inner * tensor.ItemSize(t.Type)
		return &tensor.Tensor{Type: t.Type, Shape: shape, Data: t.Data[i*size : (i+1)*size : (i+1)*size]}, nil
	}
	piece, err := r.New(t.Type, shape...)
	if err != nil {
		return nil, err
	}
	from := strides(t.Shape)
	m := move{shape: shape, to: strides(shape), from: slices.Delete(slices.Clone(from), s.axis, s.axis+1), fromAt: i * from[s.axis]}
	m.simple().do(r, piece, t)
	return piece, nil
}

// scan9 runs a graph for each slice of its last inputs; the first are states.
//
// See https://onnx.ai/onnx/operators/onnx__Scan.html
func scan9(n *op.Node) (*op.Plan, error) {
	p, err := newScan(n, 0)
	if err != nil {
		return nil, err
	}
	axes, ways := n.Ints("scan_input_axes"), n.Ints("scan_input_directions")
	for i := range p.inputs {
		k := p.first + p.states + i
		if err := n.Want(k, n.In[k].Type); err != nil {
			return nil, err
		}
		axis := int64(0)
		if i < len(axes) {
			axis = axes[i]
		}
		if p.inputs[i].axis, err = n.Axis(axis, n.Rank(k)); err != nil {
			return nil, err
		}
		p.inputs[i].backward = i < len(ways) && ways[i] == 1
	}
	outAxes, outWays := n.Ints("scan_output_axes"), n.Ints("scan_output_directions")
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		count, err := p.count(in)
		if err != nil {
			return nil, err
		}
		b, err := p.iterate(r, in, count, count)
		if err != nil {
			return nil, err
		}
		for i := range b.outs {
			if i < len(outWays) && outWays[i] == 1 {
				slices.Reverse(b.outs[i])
			}
		}
		return b.results(0, outAxes)
	})
}

// scan is what both forms of Scan have in common.
type scan struct {
	node                *op.Node
	first, states, outs int // first is the first input that is a state
	inputs              []scanned
	own                 int
}

func newScan(n *op.Node, first int) (*scan, error) {
	g := n.Graph("body")
	if g == nil {
		return nil, n.Errorf("attribute \"body\" is missing")
	}
	scans := n.Int("num_scan_inputs", 0)
	own := len(n.In)
	if scans < 1 || scans > int64(own-first) {
		return nil, n.Errorf("num_scan_inputs is %d, of %d inputs", scans, own-first)
	}
	p := &scan{node: n, first: first, states: own - first - int(scans), inputs: make([]scanned, scans), own: own}
	if p.outs = len(g.Outputs) - p.states; p.outs < 0 || len(g.Inputs) < own-first {
		return nil, n.Errorf("the graph has %d inputs and %d outputs, with %d states and %d scanned inputs", len(g.Inputs), len(g.Outputs), p.states, scans)
	}
	for i := first; i < own; i++ {
		if !n.Has(i) {
			return nil, n.Errorf("input %d is missing", i)
		}
	}
	return p, nil
}

// count is how many slices the inputs have.
func (p *scan) count(in []tensor.Value) (int, error) {
	count := -1
	for i, s := range p.inputs {
		t, ok := in[p.first+p.states+i].(*tensor.Tensor)
		if !ok || s.axis >= t.Rank() {
			return 0, p.node.Errorf("input %d is no tensor with a dimension %d", p.first+p.states+i, s.axis)
		}
		if count >= 0 && t.Shape[s.axis] != count {
			return 0, p.node.Errorf("scanned inputs have %d and %d slices: expected as many", count, t.Shape[s.axis])
		}
		count = t.Shape[s.axis]
	}
	return count, nil
}

// iterate runs the graph for the first steps of count slices.
func (p *scan) iterate(r *op.Run, in []tensor.Value, steps, count int) (*body, error) {
	b := newBody(p.node, r, slices.Clone(in[p.first:p.first+p.states]), in[p.own:], p.outs)
	for i := range steps {
		pieces := make([]tensor.Value, len(p.inputs))
		for k, s := range p.inputs {
			var err error
			if pieces[k], err = s.slice(r, in[p.first+p.states+k].(*tensor.Tensor), i, count); err != nil {
				return nil, err
			}
		}
		if _, err := b.step(0, nil, pieces); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// scan8 scans the second dimension of its inputs for each element of a batch, the first
// one.
//
// See https://onnx.ai/onnx/operators/onnx__Scan.html
func scan8(n *op.Node) (*op.Plan, error) {
	p, err := newScan(n, 1)
	if err != nil {
		return nil, err
	}
	for i := p.first; i < p.own; i++ {
		if err := n.Want(i, n.In[i].Type); err != nil {
			return nil, err
		}
		least := 1
		if i >= p.first+p.states {
			least = 2
		}
		if n.Rank(i) < least || n.In[i].Shape[0] != n.In[p.own-1].Shape[0] {
			return nil, n.Errorf("input %d has the shape %v, expected a batch like that of the last input, %v", i, n.In[i].Shape, n.In[p.own-1].Shape)
		}
	}
	ways := n.Ints("directions")
	for i := range p.inputs {
		p.inputs[i].backward = i < len(ways) && ways[i] == 1
	}
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) { return p.batches(r, in) })
}

// batches scans each element of the batch, and stacks what they give.
func (p *scan) batches(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
	last := in[p.own-1].(*tensor.Tensor)
	batch, longest := last.Shape[0], last.Shape[1]
	lengths := slices.Repeat([]int64{int64(longest)}, min(batch, 1<<24))
	if in[0] != nil {
		given, err := in[0].(*tensor.Tensor).Int64s()
		if err != nil || len(given) != batch {
			return nil, p.node.Errorf("there are not %d lengths of sequences", batch)
		}
		lengths = given
	}
	all := make([][]*tensor.Tensor, p.states+p.outs)
	for k, length := range lengths {
		if length < 0 || length > int64(longest) {
			return nil, p.node.Errorf("a sequence has the length %d, of %d", length, longest)
		}
		made, err := p.element(r, in, k, int(length), longest)
		if err != nil {
			return nil, err
		}
		for i, v := range made {
			t, ok := v.(*tensor.Tensor)
			if !ok {
				return nil, p.node.Errorf("output %d of the graph is no tensor", i)
			}
			all[i] = append(all[i], t)
		}
	}
	values := make([]tensor.Value, len(all))
	for i, list := range all {
		t, err := join(r, p.node, list, 0, true)
		if err != nil {
			return nil, err
		}
		values[i] = t
	}
	return values, nil
}

// element scans element k of the batch; outputs are filled up with zeros.
func (p *scan) element(r *op.Run, in []tensor.Value, k, length, longest int) ([]tensor.Value, error) {
	one := slices.Clone(in)
	for i := p.first; i < p.own; i++ {
		t := in[i].(*tensor.Tensor)
		var err error
		if one[i], err = (scanned{}).slice(r, t, k, t.Shape[0]); err != nil {
			return nil, err
		}
	}
	b, err := p.iterate(r, one, length, length)
	if err != nil {
		return nil, err
	}
	for i, list := range b.outs {
		if len(list) == 0 || len(list) == longest {
			continue
		}
		zero, err := r.New(list[0].Type, list[0].Shape...)
		if err != nil {
			return nil, err
		}
		b.outs[i] = append(list, slices.Repeat([]*tensor.Tensor{zero}, longest-len(list))...)
	}
	return b.results(0, nil)
}
