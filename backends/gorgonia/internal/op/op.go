// Package op is what an operator is to the compiler: a function from a node and
// what is known of its inputs to a plan.
//
// # How operators are written
//
// An operator is a [Spec] in a table of package ops. Its Compile function gets a
// [Node]: attributes, the types and shapes of all inputs, and the values of those
// that are constants. It checks all of that, and answers with a [Plan], made by
// one of
//
//   - [Static]: types and shapes of the outputs, and a Run function that fills
//     tensors of these shapes. Run gets memory that is not cleared, never makes
//     tensors of its own, and takes what scratch it needs from the [Run] it is given.
//   - [View]: the output has the elements of an input under another shape.
//   - [Known]: the outputs are known at once, such as that of Shape.
//   - [Dynamic]: the shapes of the outputs depend on the elements of the inputs, or
//     inputs or outputs are no tensors. Eval then makes the outputs when it is run.
//
// An operator whose output's shape depends on the elements of an input, but not of
// all, asks for them by [Node.Value] (or Ints, and the like). When they are not known
// yet the error that Value returns is passed on: the compiler ends the stage there,
// runs the program up to that value, and calls Compile again with the value known.
//
// Compile never takes memory in proportion to a shape it has not checked with
// tensor.Bytes; the executor checks what outputs take against the limit. Errors are
// made by [Node.Errorf]; panics of Compile and Run become errors of the node.
package op

import (
	"errors"
	"fmt"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// Info is what the compiler knows of a value.
type Info struct {
	// Kind is TensorKind, or another for values that only Dynamic plans take.
	Kind onnx.Kind
	// Type and Shape of a tensor.
	Type  tensor.Type
	Shape []int
	// Const is the value, when it is known.
	Const tensor.Value
}

// Tensor returns the constant tensor, or nil.
func (i *Info) Tensor() *tensor.Tensor {
	t, _ := i.Const.(*tensor.Tensor)
	return t
}

// InfoOf is the Info of a known value.
func InfoOf(v tensor.Value) *Info {
	switch v := v.(type) {
	case *tensor.Tensor:
		return &Info{Kind: onnx.TensorKind, Type: v.Type, Shape: v.Shape, Const: v}
	case *tensor.Sequence:
		return &Info{Kind: onnx.SequenceKind, Type: v.Type, Const: v}
	case *tensor.Optional:
		return &Info{Kind: onnx.OptionalKind, Const: v}
	case *tensor.Map:
		return &Info{Kind: onnx.MapKind, Const: v}
	}
	return &Info{}
}

// Spec is one version of an operator.
type Spec struct {
	// Domain is "" for ai.onnx.
	Domain, Name string
	// Since is the version of the operator set that the semantics below begin with;
	// that of the next Spec of the name ends them.
	Since int
	// MinIn and MaxIn are how many inputs there may be (MaxIn -1: any number); MaxOut
	// how many outputs (0 stands for 1, -1 for any number).
	MinIn, MaxIn, MaxOut int
	// Random is set when two equal nodes differ in what they compute.
	Random bool
	// Body is set when attributes hold graphs, which Eval calls: values that the
	// graphs take from outside follow the node's inputs.
	Body bool
	// Compile makes the plan.
	Compile func(n *Node) (*Plan, error)
}

// Plan is how a node is computed.
type Plan struct {
	// Out describes the outputs, one for each of the node's.
	Out []Info
	// Run computes tensors of Out's types and shapes from the inputs, both one for
	// each of the node's; those that the node leaves out are nil.
	Run func(r *Run, in, out []*tensor.Tensor) error
	// Eval is set, and Run and Out are not, where outputs are known only when the
	// node has run.
	Eval func(r *Run, in []tensor.Value) ([]tensor.Value, error)
	// ViewOf is the input, counted from 1, that output 0 is a view of; Run is then nil.
	ViewOf int
	// InPlace are inputs that output 0 may share memory with, when nothing else needs
	// them later and they have its size: Run reads no element of them after it wrote
	// the same element of the output.
	InPlace []int
	// Each is set for element-wise operators on float32, by input: how elements of output
	// 0 are made of the same ones of that input. It is nil for an input that broadcasts.
	Each []Each
	// Parts are where in output 0 each input begins, in bytes, when that is nothing but the
	// inputs one behind the other: whoever plans memory may have them made there. Run
	// leaves alone what is in its place.
	Parts []int
}

// Each computes the elements of an output from at on, as many as dst has, of src: the same
// elements of one of the inputs, which is not read otherwise. dst may be src.
type Each func(in []*tensor.Tensor, dst, src []float32, at int)

// Out is an output with a type and shape.
func Out(t tensor.Type, shape ...int) Info {
	return Info{Kind: onnx.TensorKind, Type: t, Shape: shape}
}

// Static is the plan of an operator whose outputs' shapes are known.
func Static(run func(r *Run, in, out []*tensor.Tensor) error, out ...Info) (*Plan, error) {
	for i := range out {
		if out[i].Kind == onnx.NoKind {
			continue // left out
		}
		if _, err := tensor.Bytes(out[i].Type, out[i].Shape); err != nil {
			return nil, err
		}
	}
	return &Plan{Out: out, Run: run}, nil
}

// View is the plan of an operator whose output is input i under another shape.
func View(i int, out Info) (*Plan, error) { return &Plan{Out: []Info{out}, ViewOf: i + 1}, nil }

// Known is the plan of an operator whose outputs are known already.
func Known(values ...tensor.Value) (*Plan, error) {
	p := &Plan{Out: make([]Info, len(values))}
	for i, v := range values {
		p.Out[i] = *InfoOf(v)
	}
	return p, nil
}

// Dynamic is the plan of an operator that makes its outputs when it is run.
func Dynamic(eval func(r *Run, in []tensor.Value) ([]tensor.Value, error)) (*Plan, error) {
	return &Plan{Eval: eval}, nil
}

// InPlaceOf says that output 0 may take the memory of any of the inputs.
func (p *Plan) InPlaceOf(inputs ...int) *Plan {
	p.InPlace = inputs
	return p
}

// NeedValue is the error of a Compile that cannot go on before an input is known.
type NeedValue struct{ Input int }

// Error says which input is needed.
func (e *NeedValue) Error() string {
	return fmt.Sprintf("the elements of input %d decide shapes, and are not known", e.Input)
}

// Unsupported is the error of what an operator cannot do here, though ONNX can.
type Unsupported struct{ Reason string }

// Error returns the reason.
func (e *Unsupported) Error() string { return e.Reason }

// Invalid is the error of a node that breaks ONNX's rules.
type Invalid struct{ Reason string }

// Error returns the reason.
func (e *Invalid) Error() string { return e.Reason }

// Node is a node as an operator sees it.
type Node struct {
	Op, Domain, Name string
	// Version of the operator set that the model imports.
	Version int
	// In describes the inputs; nil where an optional one is left out. Trailing ones
	// may be absent.
	In []*Info
	// Outs says for each output of the node whether it is wanted.
	Outs []bool
	// Attributes of the node, by name.
	Attributes map[string]*onnx.Attribute
	// Subgraph compiles and runs graphs of attributes; nil for operators without Body.
	Subgraph Caller
	// Weights keeps what is made of constants for all programs of the graph.
	Weights *Weights
	// OutNames are the names of the outputs, for what is kept in Weights.
	OutNames []string

	err error
}

// Caller runs the graph of an attribute.
type Caller interface {
	// Call computes the outputs of the graph in the named attribute. captured are the
	// node's inputs behind its own, as Eval gets them.
	Call(r *Run, attribute string, inputs, captured []tensor.Value) ([]tensor.Value, error)
}

// Errorf is the error of a node that breaks ONNX's rules.
func (n *Node) Errorf(format string, args ...any) error {
	return &Invalid{fmt.Sprintf(format, args...)}
}

// Unsupportedf is the error of what ONNX allows and this engine cannot do.
func (n *Node) Unsupportedf(format string, args ...any) error {
	return &Unsupported{fmt.Sprintf(format, args...)}
}

// Err is the first attribute found to be of a wrong type. The compiler asks for it
// after Compile; an operator does when it uses attributes in ways that a wrong one
// would harm.
func (n *Node) Err() error { return n.err }

func (n *Node) attribute(name string, t onnx.AttributeType) *onnx.Attribute {
	a := n.Attributes[name]
	if a == nil {
		return nil
	}
	if a.Type != t {
		if n.err == nil {
			n.err = n.Errorf("attribute %q is %s, expected %s", name, a.Type, t)
		}
		return nil
	}
	return a
}

// Attr says whether the node has an attribute.
func (n *Node) Attr(name string) bool { return n.Attributes[name] != nil }

// Int is an int attribute, or def.
func (n *Node) Int(name string, def int64) int64 {
	if a := n.attribute(name, onnx.Int); a != nil {
		return a.Int
	}
	return def
}

// Flag is an int attribute as a truth value, or def.
func (n *Node) Flag(name string, def bool) bool {
	d := int64(0)
	if def {
		d = 1
	}
	return n.Int(name, d) != 0
}

// Float is a float attribute, or def.
func (n *Node) Float(name string, def float32) float32 {
	if a := n.attribute(name, onnx.Float); a != nil {
		return a.Float
	}
	return def
}

// Str is a string attribute, or def.
func (n *Node) Str(name, def string) string {
	if a := n.attribute(name, onnx.String); a != nil {
		return string(a.String)
	}
	return def
}

// Ints is an ints attribute, or nil.
func (n *Node) Ints(name string) []int64 {
	if a := n.attribute(name, onnx.Ints); a != nil {
		return a.Ints
	}
	return nil
}

// Floats is a floats attribute, or nil.
func (n *Node) Floats(name string) []float32 {
	if a := n.attribute(name, onnx.Floats); a != nil {
		return a.Floats
	}
	return nil
}

// Strs is a strings attribute, or nil.
func (n *Node) Strs(name string) []string {
	a := n.attribute(name, onnx.Strings)
	if a == nil {
		return nil
	}
	out := make([]string, len(a.Strings))
	for i, s := range a.Strings {
		out[i] = string(s)
	}
	return out
}

// Tensor is a tensor attribute, or nil.
func (n *Node) Tensor(name string) *tensor.Tensor {
	if a := n.attribute(name, onnx.TensorAttr); a != nil {
		return a.Tensor
	}
	return nil
}

// Graph is a graph attribute, or nil.
func (n *Node) Graph(name string) *onnx.Graph {
	if a := n.attribute(name, onnx.GraphAttr); a != nil {
		return a.Graph
	}
	return nil
}

// Has says whether input i is given.
func (n *Node) Has(i int) bool { return i < len(n.In) && n.In[i] != nil }

// Wants says whether output i is wanted.
func (n *Node) Wants(i int) bool { return i < len(n.Outs) && n.Outs[i] }

// Rank is the number of dimensions of input i.
func (n *Node) Rank(i int) int { return len(n.In[i].Shape) }

// Value is the value of input i, a tensor; *NeedValue when it is not known yet.
func (n *Node) Value(i int) (*tensor.Tensor, error) {
	if !n.Has(i) {
		return nil, n.Errorf("input %d is missing", i)
	}
	if t := n.In[i].Tensor(); t != nil {
		return t, nil
	}
	if n.In[i].Kind != onnx.TensorKind {
		return nil, n.Errorf("input %d is no tensor", i)
	}
	return nil, &NeedValue{i}
}

// IntsOf is the value of input i, a tensor of integers.
func (n *Node) IntsOf(i int) ([]int64, error) {
	t, err := n.Value(i)
	if err != nil {
		return nil, err
	}
	v, err := t.Int64s()
	if err != nil {
		return nil, n.Errorf("input %d is %v", i, err)
	}
	return v, nil
}

// IntOf is the value of input i, one integer.
func (n *Node) IntOf(i int) (int64, error) {
	v, err := n.IntsOf(i)
	if err == nil && len(v) != 1 {
		return 0, n.Errorf("input %d has %d elements, expected 1", i, len(v))
	}
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

// Axis maps an axis in [-rank, rank) to [0, rank).
func (n *Node) Axis(axis int64, rank int) (int, error) {
	if axis < -int64(rank) || axis >= int64(rank) {
		return 0, n.Errorf("axis %d is outside of a tensor of %d dimensions", axis, rank)
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), nil
}

// Axes maps axes as Axis does, and refuses one given twice.
func (n *Node) Axes(axes []int64, rank int) ([]int, error) {
	out := make([]int, len(axes))
	for i, a := range axes {
		k, err := n.Axis(a, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out[:i], k) {
			return nil, n.Errorf("axis %d is given twice", a)
		}
		out[i] = k
	}
	return out, nil
}

// Want checks the type of input i against those allowed.
func (n *Node) Want(i int, types ...tensor.Type) error {
	if !n.Has(i) {
		return n.Errorf("input %d is missing", i)
	}
	if n.In[i].Kind != onnx.TensorKind {
		return n.Errorf("input %d is no tensor", i)
	}
	if !slices.Contains(types, n.In[i].Type) {
		return n.Unsupportedf("input %d is a tensor of %s, expected one of %v", i, n.In[i].Type, types)
	}
	return nil
}

// SameType checks that the given inputs, of those there are, have one type.
func (n *Node) SameType(inputs ...int) error {
	first := -1
	for _, i := range inputs {
		switch {
		case !n.Has(i):
		case first < 0:
			first = i
		case n.In[i].Type != n.In[first].Type:
			return n.Errorf("input %d is a tensor of %s, and input %d of %s: expected the same", first, n.In[first].Type, i, n.In[i].Type)
		}
	}
	return nil
}

// Broadcast is the shape that shapes broadcast to, by ONNX's multidirectional rule.
//
// See https://github.com/onnx/onnx/blob/main/docs/Broadcasting.md
func Broadcast(shapes ...[]int) ([]int, error) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	out := make([]int, rank)
	for i := range out {
		out[i] = 1
		for _, s := range shapes {
			k := i - (rank - len(s))
			if k < 0 || s[k] == 1 || s[k] == out[i] {
				continue
			}
			if out[i] != 1 {
				return nil, &Invalid{fmt.Sprintf("shapes %v do not broadcast", shapes)}
			}
			out[i] = s[k]
		}
	}
	return out, nil
}

// IsInvalid says whether a node breaks ONNX's rules.
func IsInvalid(err error) bool {
	var e *Invalid
	return errors.As(err, &e)
}
