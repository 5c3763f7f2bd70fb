package program

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// Bounds on what is kept, per graph and per stage.
const (
	maxPrograms = 16
	maxNext     = 16
)

// maxFold bounds the bytes of a constant that is computed when compiling and is much
// larger than what it is computed from.
const maxFold = 1 << 20

// Program is a graph compiled for inputs of known types and shapes. It is safe for
// concurrent use.
type Program struct {
	graph *Graph
	ins   []*value // one for each of the inputs, nil for those left out
	first *stage
}

// value is one value of a program.
type value struct {
	name string
	info op.Info
	slot int // in the run's values; -1 of a constant
}

// known says whether the value is a constant.
func (v *value) known() bool { return v.info.Const != nil }

// frame is the names of the graph, or of a branch that has been put in its place.
type frame struct {
	prefix string
	parent *frame
}

// item is a node that waits to be compiled, or a name to be bound.
type item struct {
	node  *node
	frame *frame
	// bind of a branch's output, when node is nil, to a name of the frame's parent.
	from, to string
}

// stage is a piece of a program in which every shape is known.
type stage struct {
	graph *Graph
	steps []*step
	plan  layout
	// needs are the values that the next stage depends on; evals run behind the steps
	// and make values whose shapes it depends on.
	needs     []*value
	evals     []*step
	evalItems []item
	// keep are the slots made here that later stages read.
	keep []int
	// outs are the graph's outputs, of the last stage.
	outs []*value

	// What the next stage is compiled from.
	env     map[string]*value
	pending []item
	slots   int

	budget *op.Budget
	kept   int64 // bytes of the budget for constants that were computed for the stage

	mu       sync.Mutex
	next     cache[*stage]
	machines []*machine // idle ones
	dropped  bool       // it keeps no machines any more
}

// dropIdle gives back the memory of machines that no run uses, from this stage on.
func (s *stage) dropIdle() {
	s.mu.Lock()
	idle := s.machines
	s.machines = nil
	var behind []*stage
	for _, e := range s.next.entries {
		behind = append(behind, e.value)
	}
	s.mu.Unlock()
	s.budget.Give(int64(len(idle)) * s.bytes())
	for _, n := range behind {
		n.dropIdle()
	}
}

// drop gives back all memory that is counted for the stage and those behind it, but for
// machines that still run: these give theirs back when they are done.
func (s *stage) drop() {
	s.mu.Lock()
	again := s.dropped
	s.dropped = true
	behind := s.next.clear()
	s.mu.Unlock()
	if again {
		return
	}
	s.dropIdle()
	s.budget.Give(s.kept)
	for _, n := range behind {
		n.drop()
	}
}

// step is one node of a stage.
type step struct {
	node *node
	plan *op.Plan
	in   []*value // nil where left out
	out  []*value // nil where left out
}

// inputKey tells inputs apart that programs differ for.
func inputKey(infos []*op.Info) []byte {
	var b bytes.Buffer
	for _, i := range infos {
		writeInfo(&b, i)
	}
	return b.Bytes()
}

func writeInfo(b *bytes.Buffer, i *op.Info) {
	if i == nil {
		b.WriteByte(0xff)
		return
	}
	b.WriteByte(byte(i.Kind))
	b.WriteByte(byte(i.Type))
	b.WriteByte(byte(len(i.Shape)))
	for _, d := range i.Shape {
		b.Write(binary.AppendVarint(nil, int64(d)))
	}
	if i.Const != nil {
		fmt.Fprintf(b, "%p", i.Const) // the program holds on to it, so no other gets its address
	}
}

// Program returns the graph compiled for inputs, optional inputs and captured values,
// in this order; optional ones that are nil take their defaults. r bounds what
// compiling itself computes.
func (g *Graph) Program(r *op.Run, infos []*op.Info) (*Program, error) {
	key := inputKey(infos)
	g.mu.Lock()
	p, ok := g.programs.get(key)
	g.mu.Unlock()
	if ok {
		return p, nil
	}
	p, err := g.compile(r, infos)
	if err != nil {
		return nil, err
	}
	g.count(p.first)
	g.mu.Lock()
	old, ok := g.programs.put(key, p, maxPrograms)
	g.mu.Unlock()
	if ok {
		old.first.drop()
	}
	return p, nil
}

func (g *Graph) compile(r *op.Run, infos []*op.Info) (*Program, error) {
	p := &Program{graph: g}
	root := &frame{}
	c := &compiler{graph: g, run: r, env: map[string]*value{}, before: r.Used()}
	for name, t := range g.consts {
		c.env[name] = &value{name: name, info: *op.InfoOf(t), slot: -1}
	}
	names := g.names()
	for i, info := range infos {
		if info == nil {
			p.ins = append(p.ins, nil)
			continue
		}
		v := &value{name: names[i], info: *info, slot: -1}
		if info.Const == nil {
			v.slot = c.newSlot()
		}
		c.env[names[i]] = v
		p.ins = append(p.ins, v)
	}
	var pending []item
	for _, n := range g.nodes {
		pending = append(pending, item{node: n, frame: root})
	}
	var err error
	p.first, err = c.stage(pending)
	return p, err
}

// names are the names of what Program is given.
func (g *Graph) names() []string {
	var names []string
	for _, in := range slices.Concat(g.Inputs, g.Optional) {
		names = append(names, in.Name)
	}
	return append(names, g.captured...)
}

// compiler makes one stage.
type compiler struct {
	graph *Graph
	run   *op.Run
	env   map[string]*value
	slots int

	made  *stage
	needs map[*value]bool
	// before is what the run had taken when compiling began.
	before int64
}

func (c *compiler) newSlot() int {
	c.slots++
	return c.slots - 1
}

// find resolves a name in a frame and those around it.
func (c *compiler) find(f *frame, name string) *value {
	for ; f != nil; f = f.parent {
		if v := c.env[f.prefix+name]; v != nil {
			return v
		}
	}
	return nil
}

// stage compiles as many of the pending items as it can.
func (c *compiler) stage(pending []item) (st *stage, err error) {
	c.made = &stage{graph: c.graph, budget: c.graph.budget}
	defer func() { // what was computed outlives the run with the stage, or is garbage
		made := c.run.Used() - c.before
		if err != nil {
			c.run.Give(made)
			return
		}
		c.run.Keep(made)
		st.kept += made
	}()
	c.needs = map[*value]bool{}
	var deferred []item
	for work := pending; len(work) > 0; {
		if err := c.run.Err(); err != nil {
			return nil, err
		}
		it := work[0]
		work = work[1:]
		branch, done, err := c.item(it)
		if err != nil {
			return nil, err
		}
		if !done {
			deferred = append(deferred, it)
		}
		if len(branch) > 0 {
			work = append(branch, work...)
		}
	}
	return c.finish(deferred)
}

// item compiles one item. It is not done when what it needs is not known. A branch is
// what takes the place of an If.
func (c *compiler) item(it item) (branch []item, done bool, err error) {
	if it.node == nil {
		v := c.find(it.frame, it.from)
		if v != nil {
			c.env[it.frame.parent.prefix+it.to] = v
		}
		return nil, v != nil, nil
	}
	in, ok := c.inputs(it)
	if !ok {
		return nil, false, nil
	}
	if it.node.isIf() {
		branch, err = c.branch(it, in)
		if need := (*op.NeedValue)(nil); errors.As(err, &need) {
			c.needs[in[need.Input]] = true
			return nil, false, nil
		}
	} else {
		done, err = c.node(it, in)
		if err == nil {
			return nil, done, nil
		}
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", it.node.label(), err)
	}
	return branch, true, nil
}

// inputs finds the values that a node takes, captured ones behind its own.
func (c *compiler) inputs(it item) ([]*value, bool) {
	names := it.node.Inputs
	if it.node.spec != nil && it.node.spec.Body {
		names = slices.Concat(names, it.node.captured)
	}
	in := make([]*value, len(names))
	for i, name := range names {
		if name == "" {
			continue
		}
		if in[i] = c.find(it.frame, name); in[i] == nil {
			return nil, false
		}
	}
	return in, true
}

// branch resolves an If whose condition is known.
func (c *compiler) branch(it item, in []*value) ([]item, error) {
	if len(in) != 1 || in[0] == nil {
		return nil, &op.Invalid{Reason: "If takes one input, the condition"}
	}
	t, ok := in[0].info.Const.(*tensor.Tensor)
	switch {
	case !ok && in[0].info.Kind != onnx.TensorKind:
		return nil, &op.Invalid{Reason: "the condition is no tensor"}
	case !ok:
		return nil, &op.NeedValue{Input: 0}
	case t.Type != tensor.Bool || t.Len() != 1:
		return nil, &op.Invalid{Reason: fmt.Sprintf("the condition is %s%v, expected one BOOL", t.Type, t.Shape)}
	}
	name := "else_branch"
	if tensor.As[bool](t)[0] {
		name = "then_branch"
	}
	g := it.node.graphs[name]
	if g == nil || len(g.Inputs) > 0 || len(g.Outputs) < len(it.node.Outputs) {
		return nil, &op.Invalid{Reason: fmt.Sprintf("there is no %s without inputs and with %d outputs", name, len(it.node.Outputs))}
	}
	f := &frame{prefix: fmt.Sprintf("%s%p/", it.frame.prefix, it.node), parent: it.frame}
	for name, t := range g.consts {
		c.env[f.prefix+name] = &value{name: name, info: *op.InfoOf(t), slot: -1}
	}
	var items []item
	for _, n := range g.nodes {
		items = append(items, item{node: n, frame: f})
	}
	for i, out := range it.node.Outputs {
		if out != "" {
			items = append(items, item{frame: f, from: g.Outputs[i].Name, to: out})
		}
	}
	return items, nil
}

// describe makes what the operator sees of a node.
func (c *compiler) describe(n *node, in []*value) *op.Node {
	d := &op.Node{Op: n.Op, Domain: n.Domain, Name: n.Name, Version: n.version, Attributes: n.attrs, Weights: c.graph.weights, OutNames: n.Outputs}
	own := len(n.Inputs)
	for i, v := range in {
		if v == nil {
			d.In = append(d.In, nil)
			continue
		}
		info := v.info
		if i >= own {
			continue
		}
		d.In = append(d.In, &info)
	}
	for _, out := range n.Outputs {
		d.Outs = append(d.Outs, out != "")
	}
	if n.spec.Body {
		d.Subgraph = newCaller(n, in[own:])
	}
	return d
}

// node compiles one node: to nothing when its outputs are known, else to a step.
func (c *compiler) node(it item, in []*value) (done bool, err error) {
	n := it.node
	for i := range n.Inputs[:min(n.spec.MinIn, len(n.Inputs))] {
		if in[i] == nil {
			return false, &op.Invalid{Reason: fmt.Sprintf("input %d is missing", i)}
		}
	}
	plan, err := compileNode(n.spec, c.describe(n, in))
	if need := (*op.NeedValue)(nil); errors.As(err, &need) {
		if need.Input >= len(in) || in[need.Input] == nil || in[need.Input].known() {
			return false, fmt.Errorf("operator %s asks for what it has", n.Op)
		}
		c.needs[in[need.Input]] = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s := &step{node: n, plan: plan, in: in}
	if plan.Eval != nil {
		return c.eval(it, s)
	}
	if len(plan.Out) < len(n.Outputs) {
		return false, &op.Unsupported{Reason: fmt.Sprintf("%d outputs are asked for, and %d made", len(n.Outputs), len(plan.Out))}
	}
	if c.foldable(s) {
		return true, c.fold(it, s)
	}
	return true, c.add(it, s)
}

// compileNode calls the operator, whose panics are errors of the node.
func compileNode(spec *op.Spec, n *op.Node) (plan *op.Plan, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("operator %s: %w", n.Op, panicked(p))
		}
	}()
	plan, err = spec.Compile(n)
	if err == nil {
		err = n.Err()
	}
	return plan, err
}

// add makes values of a step's outputs, and a step unless all are known.
func (c *compiler) add(it item, s *step) error {
	work := false
	for i, name := range it.node.Outputs {
		if name == "" {
			s.out = append(s.out, nil)
			continue
		}
		v := &value{name: name, info: s.plan.Out[i], slot: -1}
		if v.info.Kind == onnx.NoKind {
			return &op.Unsupported{Reason: fmt.Sprintf("output %d is not made", i)}
		}
		if !v.known() {
			v.slot = c.newSlot()
			work = true
		}
		s.out = append(s.out, v)
		c.env[it.frame.prefix+name] = v
	}
	if work {
		c.made.steps = append(c.made.steps, s)
	}
	return nil
}

// foldable says whether a step can be computed now: all inputs are known, and the
// outputs not so large that they are better made anew each time.
func (c *compiler) foldable(s *step) bool {
	if s.node.spec.Random {
		return false
	}
	in, out := 0, 0
	for _, v := range s.in {
		if v == nil {
			continue
		}
		t, ok := v.info.Const.(*tensor.Tensor)
		if !ok {
			return false
		}
		in += max(len(t.Data), 16*len(t.Strings))
	}
	for i := range s.plan.Out {
		if s.plan.Out[i].Kind != onnx.TensorKind {
			continue
		}
		n, err := tensor.Bytes(s.plan.Out[i].Type, s.plan.Out[i].Shape)
		if err != nil {
			return false
		}
		out += n
	}
	return out <= max(maxFold, 4*in)
}

// fold computes a step now.
func (c *compiler) fold(it item, s *step) error {
	in := make([]*tensor.Tensor, len(s.in))
	lasting := true // whether all inputs are the graph's own constants, and so the outputs are
	for i, v := range s.in {
		if v != nil {
			in[i] = v.info.Const.(*tensor.Tensor)
			lasting = lasting && c.graph.weights.Owns(in[i])
		}
	}
	if lasting {
		if out := c.graph.folded(it.node, in); out != nil {
			c.bindConstants(it, out)
			return nil
		}
	}
	out := make([]*tensor.Tensor, len(it.node.Outputs))
	before := c.run.Used()
	for i := range out {
		info := &s.plan.Out[i]
		if it.node.Outputs[i] == "" || info.Kind == onnx.NoKind {
			continue
		}
		if t := info.Tensor(); t != nil {
			out[i] = t
			continue
		}
		t, err := c.run.New(info.Type, info.Shape...)
		if err != nil {
			return err
		}
		out[i] = t
	}
	if err := runPlan(c.run, s.plan, in, out); err != nil {
		return err
	}
	if made := c.run.Used() - before; lasting && c.graph.keepFolded(it.node, in, out) {
		c.run.Keep(made)
		c.graph.weights.Count(made)
	}
	c.bindConstants(it, out)
	return nil
}

// bindConstants gives a node's outputs their names.
func (c *compiler) bindConstants(it item, out []*tensor.Tensor) {
	for i, name := range it.node.Outputs {
		if out[i] != nil {
			c.env[it.frame.prefix+name] = &value{name: name, info: *op.InfoOf(out[i]), slot: -1}
		}
	}
}

// folds are the outputs of a node that was computed from the graph's own constants.
type folds struct{ in, out []*tensor.Tensor }

// folded are the outputs of a node that was computed from the same constants for another
// program, or nil. Behind an If, programs may have others.
func (g *Graph) folded(n *node, in []*tensor.Tensor) []*tensor.Tensor {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.folds[n]; slices.Equal(f.in, in) {
		return f.out
	}
	return nil
}

// keepFolded makes constants of one program the graph's own, so that what operators make
// of them is made once. It is false when those of another program are kept.
func (g *Graph) keepFolded(n *node, in, out []*tensor.Tensor) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.folds[n].out != nil {
		return false
	}
	if g.folds == nil {
		g.folds = map[*node]folds{}
	}
	g.folds[n] = folds{in, out}
	for _, t := range out {
		if t != nil {
			g.weights.Own(t)
		}
	}
	return true
}

// runPlan computes a plan outside of a stage.
func runPlan(r *op.Run, p *op.Plan, in, out []*tensor.Tensor) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = panicked(x)
		}
	}()
	defer r.Reset()
	switch {
	case p.ViewOf > 0:
		out[0].Data, out[0].Strings = in[p.ViewOf-1].Data, in[p.ViewOf-1].Strings
		return nil
	case p.Run == nil:
		return nil
	}
	return p.Run(r, in, out)
}

// eval takes an operator whose outputs are known when it has run: now, when its
// inputs are, else behind the steps of this stage.
func (c *compiler) eval(it item, s *step) (bool, error) {
	for _, v := range s.in {
		if v != nil && !v.known() {
			c.made.evals = append(c.made.evals, s)
			c.made.evalItems = append(c.made.evalItems, it)
			return true, nil
		}
	}
	if it.node.spec.Random {
		c.made.evals = append(c.made.evals, s)
		c.made.evalItems = append(c.made.evalItems, it)
		return true, nil
	}
	in := make([]tensor.Value, len(s.in))
	for i, v := range s.in {
		if v != nil {
			in[i] = v.info.Const
		}
	}
	out, err := runEval(c.run, s, in)
	if err != nil {
		return false, err
	}
	for i, name := range it.node.Outputs {
		if name != "" {
			c.env[it.frame.prefix+name] = &value{name: name, info: *op.InfoOf(out[i]), slot: -1}
		}
	}
	return true, nil
}

// runEval computes an operator of Dynamic plan.
func runEval(r *op.Run, s *step, in []tensor.Value) (out []tensor.Value, err error) {
	defer func() {
		if x := recover(); x != nil {
			out, err = nil, panicked(x)
		}
	}()
	defer r.Reset()
	out, err = s.plan.Eval(r, in)
	if err != nil {
		return nil, err
	}
	for i, name := range s.node.Outputs {
		if name != "" && (i >= len(out) || out[i] == nil) {
			return nil, &op.Unsupported{Reason: fmt.Sprintf("output %d is not made", i)}
		}
	}
	return out, nil
}

// finish ends the stage: plans its memory, and notes what the next one is made from.
func (c *compiler) finish(deferred []item) (*stage, error) {
	s := c.made
	s.env, s.pending, s.slots = c.env, deferred, c.slots
	for v := range c.needs {
		s.needs = append(s.needs, v)
	}
	slices.SortFunc(s.needs, func(a, b *value) int { return a.slot - b.slot })
	last := len(deferred) == 0 && len(s.evals) == 0
	if last {
		for _, out := range c.graph.Outputs {
			v := c.find(&frame{}, out.Name)
			if v == nil {
				return nil, &op.Invalid{Reason: fmt.Sprintf("output %q of the graph is made by no node", out.Name)}
			}
			s.outs = append(s.outs, v)
		}
	} else if len(s.needs) == 0 && len(s.evals) == 0 {
		return nil, &op.Invalid{Reason: fmt.Sprintf("%s waits for what nothing makes", deferred[0].label())}
	}
	s.keep = c.liveOut(s, deferred)
	if err := s.order(); err != nil {
		return nil, err
	}
	s.prune(last)
	if c.graph.opts.runs(passElements) && !c.graph.opts.Tape {
		c.graph.changes.add(passElements, s.fuseElements())
	}
	return s, s.layOut()
}

func (it item) label() string {
	if it.node == nil {
		return fmt.Sprintf("output %q of a branch", it.to)
	}
	return it.node.label()
}

// liveOut are the slots that are read behind the steps of a stage.
func (c *compiler) liveOut(s *stage, deferred []item) []int {
	live := map[int]bool{}
	add := func(v *value) {
		if v != nil && v.slot >= 0 {
			live[v.slot] = true
		}
	}
	for _, v := range s.needs {
		add(v)
	}
	for _, e := range s.evals {
		for _, v := range e.in {
			add(v)
		}
	}
	if len(deferred)+len(s.evals) > 0 {
		for _, out := range c.graph.Outputs {
			add(c.find(&frame{}, out.Name))
		}
	}
	for _, it := range deferred {
		if it.node == nil {
			add(c.find(it.frame, it.from))
			continue
		}
		for _, name := range slices.Concat(it.node.Inputs, it.node.captured) {
			if name != "" {
				add(c.find(it.frame, name))
			}
		}
	}
	return slices.Sorted(maps.Keys(live))
}

// prune drops steps whose outputs nothing reads.
func (s *stage) prune(last bool) {
	used := map[int]bool{}
	for _, slot := range s.keep {
		used[slot] = true
	}
	for _, v := range s.outs {
		used[v.slot] = true
	}
	var kept []*step
	for i := len(s.steps) - 1; i >= 0; i-- {
		st := s.steps[i]
		if !slices.ContainsFunc(st.out, func(v *value) bool { return v != nil && used[v.slot] }) {
			continue
		}
		for _, v := range st.in {
			if v != nil {
				used[v.slot] = true
			}
		}
		kept = append(kept, st)
	}
	slices.Reverse(kept)
	s.steps = kept
}

// after returns the stage behind this one, for the values that a run has come to.
func (s *stage) after(r *op.Run, vals []tensor.Value) (*stage, error) {
	key := s.key(vals)
	s.mu.Lock()
	next, ok := s.next.get(key)
	s.mu.Unlock()
	if ok {
		return next, nil
	}
	c := &compiler{graph: s.graph, run: r, env: maps.Clone(s.env), slots: s.slots, before: r.Used()}
	for _, v := range s.needs {
		known := *v
		t := vals[v.slot].(*tensor.Tensor)
		if err := r.Take(int64(len(t.Data))); err != nil {
			r.Give(r.Used() - c.before)
			return nil, err
		}
		known.info.Const = t.Clone()
		for name, e := range c.env {
			if e == v {
				c.env[name] = &known
			}
		}
	}
	slot := s.slots
	for k, e := range s.evals {
		for _, name := range e.node.Outputs {
			if name == "" {
				continue
			}
			info := op.InfoOf(vals[slot])
			info.Const = nil
			info.Shape = slices.Clone(info.Shape)
			c.env[s.evalItems[k].frame.prefix+name] = &value{name: name, info: *info, slot: slot}
			slot++
		}
	}
	c.slots = slot
	next, err := c.stage(s.pending)
	if err != nil {
		return nil, err
	}
	s.graph.count(next)
	s.mu.Lock()
	old, ok := s.next.put(key, next, maxNext)
	if s.dropped { // meanwhile; this run alone has the stage
		s.next.clear()
		old, ok = next, true
	}
	s.mu.Unlock()
	if ok {
		old.drop()
	}
	return next, nil
}

// maxSteps bounds the steps of all programs that a graph keeps: computations whose values
// differ each time would otherwise make stages without end.
const maxSteps = 1 << 18

// count notes the steps of a new stage, and forgets all programs when there are too many.
func (g *Graph) count(s *stage) {
	g.mu.Lock()
	g.steps += len(s.steps) + 1
	over := g.steps > maxSteps
	if over {
		g.steps = 0
	}
	g.mu.Unlock()
	if over {
		g.dropPrograms()
	}
}

// evalSlots is how many slots the outputs of evals take, behind the stage's own.
func (s *stage) evalSlots() int {
	n := 0
	for _, e := range s.evals {
		for _, name := range e.node.Outputs {
			if name != "" {
				n++
			}
		}
	}
	return n
}

// key tells stages that follow this one apart.
func (s *stage) key(vals []tensor.Value) []byte {
	var b bytes.Buffer
	for _, v := range s.needs {
		t := vals[v.slot].(*tensor.Tensor)
		if len(t.Data) <= 256 {
			b.Write(t.Data)
		} else {
			sum := sha256.Sum256(t.Data)
			b.Write(sum[:])
		}
		for _, text := range t.Strings {
			fmt.Fprintf(&b, "%q", text)
		}
	}
	for slot := s.slots; slot < s.slots+s.evalSlots(); slot++ {
		info := op.InfoOf(vals[slot])
		info.Const = nil
		writeInfo(&b, info)
	}
	return b.Bytes()
}
