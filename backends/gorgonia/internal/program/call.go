package program

import (
	"fmt"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// maxGraphDepth is how deep graphs may run inside each other.
const maxGraphDepth = 32

// caller runs the graphs of a node's attributes.
type caller struct {
	node     *node
	captured map[string]captured
}

// captured is a value from around the node: its place among those that Eval is given
// behind the node's inputs, and its constant, if it is one.
type captured struct {
	index int
	known *tensor.Tensor
}

func newCaller(n *node, values []*value) *caller {
	c := &caller{node: n, captured: map[string]captured{}}
	for i, v := range values {
		e := captured{index: i}
		if v.known() {
			e.known, _ = v.info.Const.(*tensor.Tensor)
		}
		c.captured[n.captured[i]] = e
	}
	return c
}

// Call computes the graph of an attribute. Its programs are kept by what they are
// given, as the model's are.
func (c *caller) Call(r *op.Run, attribute string, inputs, around []tensor.Value) ([]tensor.Value, error) {
	g := c.node.graphs[attribute]
	if g == nil {
		return nil, &op.Invalid{Reason: fmt.Sprintf("there is no graph in attribute %q", attribute)}
	}
	if len(inputs) > len(g.Inputs) {
		return nil, &op.Invalid{Reason: fmt.Sprintf("the graph in %q takes %d inputs, found %d", attribute, len(g.Inputs), len(inputs))}
	}
	if r.Depth >= maxGraphDepth {
		return nil, &op.Unsupported{Reason: fmt.Sprintf("graphs run more than %d deep in each other", maxGraphDepth)}
	}
	var infos []*op.Info
	var ins []tensor.Value
	for _, v := range inputs {
		info := op.InfoOf(v)
		info.Const = nil
		infos, ins = append(infos, info), append(ins, v)
	}
	for i := len(inputs); i < len(g.Inputs)+len(g.Optional); i++ {
		infos, ins = append(infos, nil), append(ins, nil)
	}
	for _, name := range g.captured {
		e := c.captured[name]
		v := around[e.index]
		info := op.InfoOf(v)
		if e.known == nil {
			info.Const = nil
		} else {
			info.Const = e.known
		}
		infos, ins = append(infos, info), append(ins, v)
	}
	return g.run(r, infos, ins)
}

func (g *Graph) run(r *op.Run, infos []*op.Info, ins []tensor.Value) ([]tensor.Value, error) {
	p, err := g.Program(r, infos)
	if err != nil {
		return nil, err
	}
	r.Depth++
	defer func() { r.Depth-- }()
	return p.Run(r, ins)
}
