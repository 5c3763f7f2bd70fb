package program

import (
	"fmt"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
)

// maxCalls is how deep functions may call each other.
const maxCalls = 32

// inline puts model-local functions in place of their calls.
//
// See https://github.com/onnx/onnx/blob/main/docs/IR.md#functions
func (p *preparer) inline(nodes []*onnx.Node, opsets map[string]int, depth int) ([]*onnx.Node, error) {
	var out []*onnx.Node
	for _, n := range nodes {
		fn := p.model.Functions[onnx.FunctionID{Domain: n.Domain, Name: n.Op, Overload: n.Overload}]
		if fn == nil {
			if p.nodes++; p.nodes > MaxNodes {
				return nil, &op.Unsupported{Reason: fmt.Sprintf("there are more than %d nodes", MaxNodes)}
			}
			out = append(out, n)
			continue
		}
		if depth >= maxCalls {
			return nil, &op.Invalid{Reason: fmt.Sprintf("functions call each other more than %d deep", maxCalls)}
		}
		p.calls++
		body, err := newCall(n, fn, fmt.Sprintf("%s#%d/", fn.ID.Name, p.calls)).body()
		if err != nil {
			return nil, err
		}
		if body, err = p.inline(body, fn.Opsets, depth+1); err != nil {
			return nil, fmt.Errorf("function %q: %w", fn.ID.Name, err)
		}
		out = append(out, body...)
	}
	return out, nil
}

// call is one call of a function.
type call struct {
	node   *onnx.Node
	fn     *onnx.Function
	prefix string            // of the names inside
	names  map[string]string // names outside, by those inside
	attrs  map[string]*onnx.Attribute
}

func newCall(n *onnx.Node, fn *onnx.Function, prefix string) *call {
	c := &call{node: n, fn: fn, prefix: prefix, names: map[string]string{"": ""}, attrs: map[string]*onnx.Attribute{}}
	for _, a := range fn.Defaults {
		c.attrs[a.Name] = a
	}
	for _, a := range n.Attributes {
		c.attrs[a.Name] = a
	}
	for i, name := range fn.Inputs {
		c.names[name] = "" // left out
		if i < len(n.Inputs) {
			c.names[name] = n.Inputs[i]
		}
	}
	return c
}

// body is the function's nodes under the names of the call.
func (c *call) body() ([]*onnx.Node, error) {
	if len(c.node.Inputs) > len(c.fn.Inputs) || len(c.node.Outputs) > len(c.fn.Outputs) {
		return nil, &op.Invalid{Reason: fmt.Sprintf("a call of function %q has more inputs or outputs than it", c.fn.ID.Name)}
	}
	var tail []*onnx.Node
	for i, name := range c.fn.Outputs {
		if i >= len(c.node.Outputs) || c.node.Outputs[i] == "" {
			continue
		}
		if outside, isInput := c.names[name]; isInput { // an input, or an output given twice
			tail = append(tail, &onnx.Node{Op: "Identity", Inputs: []string{outside}, Outputs: []string{c.node.Outputs[i]}, Opsets: identitySets})
			continue
		}
		c.names[name] = c.node.Outputs[i]
	}
	var out []*onnx.Node
	for _, n := range c.fn.Nodes {
		out = append(out, c.rename(n))
	}
	return append(out, tail...), nil
}

// identitySets is the operator set of the nodes that inlining adds.
var identitySets = map[string]int{"": 25}

func (c *call) name(inside string) string {
	if outside, ok := c.names[inside]; ok {
		return outside
	}
	return c.prefix + inside
}

func (c *call) rename(n *onnx.Node) *onnx.Node {
	r := &onnx.Node{Name: c.prefix + n.Name, Op: n.Op, Domain: n.Domain, Overload: n.Overload, Opsets: c.fn.Opsets}
	for _, in := range n.Inputs {
		r.Inputs = append(r.Inputs, c.name(in))
	}
	for _, out := range n.Outputs {
		r.Outputs = append(r.Outputs, c.name(out))
	}
	for _, a := range n.Attributes {
		if a = c.attribute(a); a != nil {
			r.Attributes = append(r.Attributes, a)
		}
	}
	return r
}

// attribute resolves a reference, and names in graphs. It is nil when the call leaves
// the attribute out.
func (c *call) attribute(a *onnx.Attribute) *onnx.Attribute {
	if a.Ref != "" {
		given := c.attrs[a.Ref]
		if given == nil {
			return nil
		}
		v := *given
		v.Name = a.Name
		return &v
	}
	if a.Graph == nil {
		return a
	}
	v := *a
	v.Graph = c.graph(a.Graph)
	return &v
}

// graph renames everything in a graph inside the function.
func (c *call) graph(g *onnx.Graph) *onnx.Graph {
	r := &onnx.Graph{Name: g.Name, Initializers: map[string]*onnx.Initializer{}}
	values := func(in []*onnx.ValueInfo) []*onnx.ValueInfo {
		out := make([]*onnx.ValueInfo, len(in))
		for i, v := range in {
			out[i] = &onnx.ValueInfo{Name: c.name(v.Name), Type: v.Type}
		}
		return out
	}
	r.Inputs, r.Outputs = values(g.Inputs), values(g.Outputs)
	for _, name := range g.Order {
		r.Order = append(r.Order, c.name(name))
		r.Initializers[c.name(name)] = g.Initializers[name]
	}
	for _, n := range g.Nodes {
		r.Nodes = append(r.Nodes, c.rename(n))
	}
	return r
}
