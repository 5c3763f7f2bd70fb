// Package passes rewrites a graph's nodes to fewer and faster ones before it is
// compiled. Nothing here depends on shapes: what a pass needs of a constant it looks
// up, and what it cannot know it leaves alone.
//
// Fused nodes are operators of the domain [Domain], which package ops has:
//
//	Conv      X W B? Z?   conv + B + Z, then an activation
//	MatMul    A B C?      product + C by column, then an activation
//	Gemm      A B C?      Gemm, then an activation
//
// Their activation is in the attributes "activation", by ONNX's operator name, and
// "activation_params".
package passes

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// Domain is the domain of fused operators, which no model can import.
const Domain = "wasinn.fused"

// Version is that domain's only version.
const Version = 1

// Graph is what passes work on.
type Graph struct {
	Nodes []*onnx.Node
	// Consts are the initializers; passes add their own.
	Consts map[string]*tensor.Tensor
	// Keep are names that are read from outside of Nodes: outputs, and what graphs of
	// attributes take.
	Keep map[string]bool
	// Version of ai.onnx that a node is of.
	Version func(n *onnx.Node) int
	// Fold computes a node whose inputs are all constants; nil when it cannot, or should
	// not.
	Fold func(n *onnx.Node, consts map[string]*tensor.Tensor) []*tensor.Tensor
	// Added is told of each constant that a pass makes.
	Added func(name string, t *tensor.Tensor)
}

// Pass is one rewriting.
type Pass struct {
	Name string
	run  func(w *work) int
}

// All are the passes, in order. Each is run once.
func All() []Pass {
	return []Pass{
		{"constants", constants},
		{"identities", identities},
		{"scaling into convolution", foldScaling},
		{"layer normalization", fuseLayerNormalization},
		{"gelu", fuseGelu},
		{"swish", fuseSwish},
		{"bias of matrix products", fuseBias},
		{"residual of convolution", fuseResidual},
		{"activations", fuseActivation},
	}
}

// Run applies the passes and returns, by name, how often each changed something.
func Run(g *Graph, list []Pass) map[string]int {
	w := &work{Graph: g}
	counts := map[string]int{}
	for _, p := range list {
		w.index()
		if n := p.run(w); n > 0 {
			counts[p.Name] += n
			w.sweep()
		}
	}
	return counts
}

// work is a graph with its edges.
type work struct {
	*Graph
	maker map[string]*onnx.Node   // by output
	users map[string][]*onnx.Node // by input, once for each use
	gone  map[*onnx.Node]bool
	made  int
}

func (w *work) index() {
	w.maker, w.users, w.gone = map[string]*onnx.Node{}, map[string][]*onnx.Node{}, map[*onnx.Node]bool{}
	for _, n := range w.Nodes {
		for _, out := range n.Outputs {
			if out != "" {
				w.maker[out] = n
			}
		}
		for _, in := range n.Inputs {
			if in != "" {
				w.users[in] = append(w.users[in], n)
			}
		}
	}
}

// sweep drops the nodes that are gone.
func (w *work) sweep() {
	kept := w.Nodes[:0:0]
	for _, n := range w.Nodes {
		if !w.gone[n] {
			kept = append(kept, n)
		}
	}
	w.Nodes = kept
}

// least is how many inputs an operator has at least; others have one.
var least = map[string]int{"Conv": 2, "MatMul": 2, "Gemm": 2, "Add": 2, "Sub": 2, "Mul": 2, "Div": 2, "Pow": 2, "BatchNormalization": 5}

// is says whether a node is an operator of ai.onnx, with the inputs and the output that
// it must have: nothing has checked that before.
func is(n *onnx.Node, name string) bool {
	return n != nil && n.Domain == "" && n.Op == name && len(n.Outputs) > 0 && len(n.Inputs) >= max(1, least[name])
}

// only is the one user of a name that nothing else reads, or nil.
func (w *work) only(name string) *onnx.Node {
	if users := w.users[name]; len(users) == 1 && !w.Keep[name] && !w.gone[users[0]] {
		return users[0]
	}
	return nil
}

// by is the node that makes a name, when it is of an operator and only one user reads
// that name, else nil.
func (w *work) by(name, operator string) *onnx.Node {
	n := w.maker[name]
	if !is(n, operator) || w.gone[n] || w.only(name) == nil {
		return nil
	}
	return n
}

// constant is a constant's tensor, or nil.
func (w *work) constant(name string) *tensor.Tensor {
	if name == "" {
		return nil
	}
	return w.Consts[name]
}

// scalar is a float32 constant of one element.
func (w *work) scalar(name string) (float32, bool) {
	t := w.constant(name)
	if t == nil || t.Type != tensor.FP32 || t.Len() != 1 {
		return 0, false
	}
	return tensor.As[float32](t)[0], true
}

// other is the input of a node with two that is not the given one.
func other(n *onnx.Node, name string) string {
	if len(n.Inputs) != 2 {
		return ""
	}
	if n.Inputs[0] == name {
		return n.Inputs[1]
	}
	return n.Inputs[0]
}

// add makes a constant under a new name.
func (w *work) add(like string, t *tensor.Tensor) string {
	w.made++
	name := like + "#" + string(rune('a'+w.made%26)) + itoa(w.made)
	for w.Consts[name] != nil || w.maker[name] != nil {
		name += "'"
	}
	w.Consts[name] = t
	w.Added(name, t)
	return name
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// drop takes a node out.
func (w *work) drop(n *onnx.Node) { w.gone[n] = true }

// attribute finds an attribute, or nil.
func attribute(n *onnx.Node, name string) *onnx.Attribute {
	for _, a := range n.Attributes {
		if a.Name == name {
			return a
		}
	}
	return nil
}

func intAttribute(n *onnx.Node, name string, def int64) int64 {
	if a := attribute(n, name); a != nil && a.Type == onnx.Int {
		return a.Int
	}
	return def
}

func floatAttribute(n *onnx.Node, name string, def float32) float32 {
	if a := attribute(n, name); a != nil && a.Type == onnx.Float {
		return a.Float
	}
	return def
}

// input is input i of a node, or nothing.
func input(n *onnx.Node, i int) string {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return ""
}

// setInput sets input i, filling up with inputs that are left out.
func setInput(n *onnx.Node, i int, name string) {
	inputs := append([]string{}, n.Inputs...)
	for len(inputs) <= i {
		inputs = append(inputs, "")
	}
	inputs[i] = name
	n.Inputs = inputs
}
