// Package program compiles ONNX graphs and runs them.
//
// A [Graph] is prepared once per model: functions put in place of their calls,
// operators found, nodes sorted. For each combination of input types and shapes it is
// compiled to a [Program], a chain of stages. In a stage all types and shapes are
// known: its nodes are a Gorgonia expression graph, checked by Gorgonia's type system
// and sorted by it, and its memory is one arena planned by liveness. A stage ends where
// shapes depend on elements: the next one is compiled when these are known, and kept.
package program

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/passes"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// Operators finds operators.
type Operators interface {
	// Lookup finds the semantics of an operator in a version of its set. It returns nil
	// when there is none.
	Lookup(domain, name string, version int) *op.Spec
}

// Options say how graphs are compiled and run.
type Options struct {
	Operators Operators
	// Tape runs stages on Gorgonia's TapeMachine, the reference, and not on the
	// executor of this package.
	Tape bool
	// Plain leaves the passes out: nodes are computed as the model has them.
	Plain bool
	// Without are single passes to leave out, of [Passes].
	Without map[string]bool
}

// Passes that need shapes, and are made when a stage is compiled.
const (
	passElements = "element-wise operators in one pass"
	passJoin     = "concatenation in place"
)

// Passes are the names of all that rewrites a graph, in order.
func Passes() []string {
	var names []string
	for _, p := range passes.All() {
		names = append(names, p.Name)
	}
	return append(names, passElements, passJoin)
}

// runs says whether a pass is to be run.
func (o *Options) runs(pass string) bool { return !o.Plain && !o.Without[pass] }

// MaxNodes bounds the nodes of a graph once functions are put in place.
const MaxNodes = 1 << 17

// Graph is a model's graph, or one in an attribute, ready to be compiled. It is safe
// for concurrent use.
type Graph struct {
	opts    Options
	budget  *op.Budget
	weights *op.Weights
	changes *changes

	// Inputs are what a computation must be given; Optional have a default.
	Inputs, Optional []*onnx.ValueInfo
	Outputs          []*onnx.ValueInfo

	consts   map[string]*tensor.Tensor
	nodes    []*node
	captured []string // names of the graphs around this one

	mu       sync.Mutex
	programs cache[*Program]
	folds    map[*node]folds
	steps    int // of all programs kept
}

// node is a node with its operator.
type node struct {
	*onnx.Node
	version  int
	spec     *op.Spec
	attrs    map[string]*onnx.Attribute
	graphs   map[string]*Graph // of attributes
	captured []string          // names that these take from around the node
}

// isIf says whether the node is ai.onnx's If, which the compiler itself resolves.
func (n *node) isIf() bool { return n.Op == "If" && n.Domain == "" }

// label names a node for an error's reader.
func (n *node) label() string {
	name := n.Op
	if n.Domain != "" {
		name = n.Domain + "." + n.Op
	}
	if n.Name != "" {
		return fmt.Sprintf("node %q (%s)", n.Name, name)
	}
	if len(n.Outputs) > 0 {
		return fmt.Sprintf("node of output %q (%s)", n.Outputs[0], name)
	}
	return fmt.Sprintf("node %s", name)
}

// preparer makes Graphs of a model's.
type preparer struct {
	model        *onnx.Model
	opts         Options
	changes      changes
	nodes, calls int
	run          *op.Run
	budget       int // bytes that constants may still take
}

// Bounds on the constants that are computed of others when a model is prepared, in
// bytes; a quarter of the engine's memory, where that is less. Others are computed in each
// run.
const (
	maxConstant  = 64 << 20
	maxConstants = 512 << 20
)

// Prepare readies a model whose external data have been read. r computes what depends on
// constants alone; what is kept is counted in its budget until Release.
func Prepare(r *op.Run, m *onnx.Model, opts Options) (g *Graph, err error) {
	defer func() { // the last net: a model must not end the host
		if x := recover(); x != nil {
			g, err = nil, fmt.Errorf("preparing the model: %v", x)
		}
	}()
	weights := op.NewWeights(r.Budget())
	defer func() {
		if err != nil {
			weights.Release()
		}
	}()
	p := &preparer{model: m, opts: opts, run: r, budget: int(r.Budget().Share(4, maxConstants))}
	g, err = p.graph(m.Graph, nil, weights, m.Opsets)
	if stopped := r.Err(); stopped != nil {
		return nil, stopped
	}
	return g, err
}

// fold computes a node whose inputs are all constants; nil when that takes too much, or
// is not sure to give the same each time.
func (p *preparer) fold(n *onnx.Node, version int, consts map[string]*tensor.Tensor, weights *op.Weights) []*tensor.Tensor {
	spec := p.opts.Operators.Lookup(n.Domain, n.Op, version)
	if spec == nil || spec.Random || spec.Body || p.run.Stopped() {
		return nil
	}
	d := &op.Node{Op: n.Op, Domain: n.Domain, Name: n.Name, Version: version, Attributes: map[string]*onnx.Attribute{}, OutNames: n.Outputs}
	for _, a := range n.Attributes {
		d.Attributes[a.Name] = a
	}
	in := make([]*tensor.Tensor, len(n.Inputs))
	for i, name := range n.Inputs {
		if in[i] = consts[name]; in[i] == nil {
			d.In = append(d.In, nil)
			continue
		}
		d.In = append(d.In, op.InfoOf(in[i]))
	}
	for _, out := range n.Outputs {
		d.Outs = append(d.Outs, out != "")
	}
	if len(in) < spec.MinIn {
		return nil
	}
	plan, err := compileNode(spec, d)
	if err != nil || plan.Eval != nil || len(plan.Out) < len(n.Outputs) {
		return nil // compiling the graph says what is wrong, if anything is
	}
	return p.foldPlan(plan, n, in, weights)
}

// foldPlan runs the plan of a node on constants; what it makes is counted as the graph's.
func (p *preparer) foldPlan(plan *op.Plan, n *onnx.Node, in []*tensor.Tensor, weights *op.Weights) []*tensor.Tensor {
	made := int64(0)
	out := make([]*tensor.Tensor, len(n.Outputs))
	for i, name := range n.Outputs {
		info := &plan.Out[i]
		if out[i] = info.Tensor(); name == "" || out[i] != nil {
			continue
		}
		size, err := tensor.Bytes(info.Type, info.Shape)
		if err != nil || info.Kind != onnx.TensorKind || size > min(maxConstant, p.budget) {
			return nil
		}
		if out[i], err = p.run.New(info.Type, info.Shape...); err != nil {
			return nil
		}
		p.budget -= size
		made += int64(size)
	}
	if err := runPlan(p.run, plan, in, out); err != nil {
		p.run.Give(made)
		return nil
	}
	p.run.Keep(made)
	weights.Count(made)
	return out
}

// graph readies one graph. outer are the names that graphs around it define.
func (p *preparer) graph(g *onnx.Graph, outer map[string]bool, weights *op.Weights, opsets map[string]int) (*Graph, error) {
	r := &Graph{opts: p.opts, budget: p.run.Budget(), weights: weights, changes: &p.changes, Outputs: g.Outputs, consts: map[string]*tensor.Tensor{}}
	for _, name := range g.Order {
		t := g.Initializers[name].Tensor
		if t == nil {
			return nil, &op.Invalid{Reason: fmt.Sprintf("initializer %q has no data", name)}
		}
		r.consts[name] = t
		weights.Own(t)
	}
	for _, in := range g.Inputs {
		switch {
		case r.consts[in.Name] == nil:
			r.Inputs = append(r.Inputs, in)
		case p.model.IRVersion >= 4: // before, every initializer was listed among the inputs
			r.Optional = append(r.Optional, in)
		}
	}
	nodes, err := p.inline(g.Nodes, opsets, 0)
	if err != nil {
		return nil, err
	}
	if !p.opts.Plain {
		nodes = r.optimize(p, nodes, opsets)
	}
	return r, p.resolve(r, nodes, outer, opsets)
}

// optimize runs the passes over the nodes.
func (g *Graph) optimize(p *preparer, nodes []*onnx.Node, opsets map[string]int) []*onnx.Node {
	w := &passes.Graph{Nodes: nodes, Consts: maps.Clone(g.consts), Keep: map[string]bool{}}
	for _, in := range g.Optional { // what a computation may give is not constant
		delete(w.Consts, in.Name)
	}
	for _, out := range g.Outputs {
		w.Keep[out.Name] = true
	}
	for _, n := range nodes {
		for _, name := range freeNames(n) {
			w.Keep[name] = true
		}
	}
	w.Version = func(n *onnx.Node) int {
		if n.Opsets != nil {
			return n.Opsets[n.Domain]
		}
		return opsets[n.Domain]
	}
	w.Fold = func(n *onnx.Node, consts map[string]*tensor.Tensor) []*tensor.Tensor {
		return p.fold(n, w.Version(n), consts, g.weights)
	}
	w.Added = func(name string, t *tensor.Tensor) {
		g.consts[name] = t
		g.weights.Own(t)
	}
	list := slices.DeleteFunc(passes.All(), func(pass passes.Pass) bool { return !p.opts.runs(pass.Name) })
	for name, n := range passes.Run(w, list) {
		p.changes.add(name, n)
	}
	g.dropUnused(w)
	return w.Nodes
}

// dropUnused lets constants go that nothing reads any more.
func (g *Graph) dropUnused(w *passes.Graph) {
	used := maps.Clone(w.Keep)
	for _, in := range g.Optional {
		used[in.Name] = true
	}
	for _, n := range w.Nodes {
		for _, in := range n.Inputs {
			used[in] = true
		}
	}
	for name, t := range g.consts {
		if !used[name] {
			delete(g.consts, name)
			g.weights.Disown(t)
		}
	}
}

// resolve finds operators, readies the graphs of attributes, and sorts the nodes.
func (p *preparer) resolve(r *Graph, nodes []*onnx.Node, outer map[string]bool, opsets map[string]int) error {
	known := map[string]bool{}
	for _, in := range slices.Concat(r.Inputs, r.Optional) {
		known[in.Name] = true
	}
	for name := range r.consts {
		known[name] = true
	}
	sorted, err := sortNodes(nodes, known, outer)
	if err != nil {
		return err
	}
	visible := maps.Clone(outer)
	if visible == nil {
		visible = map[string]bool{}
	}
	maps.Copy(visible, known)
	uses := map[string]bool{} // names from outside
	for _, n := range sorted {
		made, err := p.node(n, visible, r.weights, opsets)
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, made)
		for _, name := range slices.Concat(n.Inputs, made.captured) {
			if name != "" && !known[name] {
				uses[name] = true
			}
		}
		for _, name := range n.Outputs {
			known[name], visible[name] = true, true
		}
	}
	for _, out := range r.Outputs {
		switch {
		case known[out.Name]:
		case outer[out.Name]:
			uses[out.Name] = true
		default:
			return &op.Invalid{Reason: fmt.Sprintf("output %q of the graph is made by no node", out.Name)}
		}
	}
	r.captured = slices.Sorted(maps.Keys(uses))
	return nil
}

// node finds the operator of a node and readies the graphs of its attributes.
func (p *preparer) node(n *onnx.Node, visible map[string]bool, weights *op.Weights, opsets map[string]int) (*node, error) {
	made := &node{Node: n, attrs: map[string]*onnx.Attribute{}}
	if n.Opsets != nil {
		opsets = n.Opsets
	}
	version, ok := opsets[n.Domain]
	if !ok {
		return nil, &op.Invalid{Reason: fmt.Sprintf("%s: the model imports no operator set %q", made.label(), n.Domain)}
	}
	made.version = version
	for _, a := range n.Attributes {
		made.attrs[a.Name] = a
	}
	if !made.isIf() {
		if made.spec = p.opts.Operators.Lookup(n.Domain, n.Op, version); made.spec == nil {
			return nil, &op.Unsupported{Reason: fmt.Sprintf("%s: this engine has no operator %s of set %q version %d", made.label(), n.Op, n.Domain, version)}
		}
		if err := made.arity(); err != nil {
			return nil, err
		}
	}
	uses := map[string]bool{}
	for _, a := range n.Attributes {
		if a.Graph == nil {
			continue
		}
		g, err := p.graph(a.Graph, visible, weights, opsets)
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", made.label(), a.Name, err)
		}
		if made.graphs == nil {
			made.graphs = map[string]*Graph{}
		}
		made.graphs[a.Name] = g
		for _, name := range g.captured {
			uses[name] = true
		}
	}
	made.captured = slices.Sorted(maps.Keys(uses))
	return made, nil
}

// arity checks the number of inputs and outputs.
func (n *node) arity() error {
	in := len(n.Inputs)
	for in > 0 && n.Inputs[in-1] == "" {
		in--
	}
	s := n.spec
	if in < s.MinIn || s.MaxIn >= 0 && in > s.MaxIn {
		return &op.Invalid{Reason: fmt.Sprintf("%s has %d inputs, expected %s", n.label(), in, span(s.MinIn, s.MaxIn))}
	}
	if most := max(s.MaxOut, 1); s.MaxOut >= 0 && len(n.Outputs) > most {
		return &op.Invalid{Reason: fmt.Sprintf("%s has %d outputs, expected %s", n.label(), len(n.Outputs), span(1, most))}
	}
	return nil
}

func span(least, most int) string {
	switch {
	case most < 0:
		return fmt.Sprintf("%d or more", least)
	case least == most:
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// sortNodes puts nodes behind those that make their inputs. ONNX wants them so; files
// that are not are sorted, and those with a cycle, or two nodes for one name, refused.
func sortNodes(nodes []*onnx.Node, known, outer map[string]bool) ([]*onnx.Node, error) {
	maker := map[string]int{}
	for i, n := range nodes {
		for _, out := range n.Outputs {
			if out == "" {
				continue
			}
			if _, again := maker[out]; again || known[out] {
				return nil, &op.Invalid{Reason: fmt.Sprintf("two nodes or inputs have the name %q", out)}
			}
			maker[out] = i
		}
	}
	waits := make([]int, len(nodes))
	users := make([][]int, len(nodes))
	for i, n := range nodes {
		for _, in := range slices.Concat(n.Inputs, freeNames(n)) {
			m, ok := maker[in]
			switch {
			case ok:
				waits[i]++
				users[m] = append(users[m], i)
			case in != "" && !known[in] && !outer[in] && slices.Contains(n.Inputs, in):
				return nil, &op.Invalid{Reason: fmt.Sprintf("node %q (%s) takes %q, which nothing makes", n.Name, n.Op, in)}
			}
		}
	}
	return kahn(nodes, waits, users)
}

func kahn(nodes []*onnx.Node, waits []int, users [][]int) ([]*onnx.Node, error) {
	sorted := make([]*onnx.Node, 0, len(nodes))
	if inOrder(waits, users) {
		return append(sorted, nodes...), nil
	}
	var ready []int
	for i := range nodes {
		if waits[i] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		sorted = append(sorted, nodes[i])
		for _, u := range users[i] {
			if waits[u]--; waits[u] == 0 {
				ready = append(ready, u)
			}
		}
	}
	if len(sorted) < len(nodes) {
		return nil, &op.Invalid{Reason: "nodes take each other's outputs in a circle"}
	}
	return sorted, nil
}

// inOrder says whether every user is behind its maker.
func inOrder(waits []int, users [][]int) bool {
	for i, us := range users {
		for _, u := range us {
			if u <= i {
				return false
			}
		}
	}
	return true
}

// freeNames are the names that the graphs of a node's attributes use and do not
// define.
func freeNames(n *onnx.Node) []string {
	free := map[string]bool{}
	for _, a := range n.Attributes {
		if a.Graph != nil {
			freeOf(a.Graph, free)
		}
	}
	return slices.Sorted(maps.Keys(free))
}

func freeOf(g *onnx.Graph, free map[string]bool) {
	own := map[string]bool{}
	for _, in := range g.Inputs {
		own[in.Name] = true
	}
	for name := range g.Initializers {
		own[name] = true
	}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			own[out] = true
		}
	}
	use := func(name string) {
		if name != "" && !own[name] {
			free[name] = true
		}
	}
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			use(in)
		}
		for _, name := range freeNames(n) {
			use(name)
		}
	}
	for _, out := range g.Outputs {
		use(out.Name)
	}
}

// DropIdle gives back the memory of machines that no computation uses.
func (g *Graph) DropIdle() {
	g.mu.Lock()
	for _, e := range g.programs.entries {
		e.value.first.dropIdle()
	}
	g.mu.Unlock()
	g.eachInside((*Graph).DropIdle)
}

// Release gives back all memory that is counted for the graph. It computes nothing
// after it.
func (g *Graph) Release() {
	g.dropPrograms()
	g.weights.Release()
}

// dropPrograms forgets all programs, and those of graphs inside.
func (g *Graph) dropPrograms() {
	g.mu.Lock()
	all := g.programs.clear()
	g.mu.Unlock()
	for _, p := range all {
		p.first.drop()
	}
	g.eachInside((*Graph).dropPrograms)
}

// eachInside calls f for the graphs of nodes' attributes.
func (g *Graph) eachInside(f func(*Graph)) {
	for _, n := range g.nodes {
		for _, inside := range n.graphs {
			f(inside)
		}
	}
}
