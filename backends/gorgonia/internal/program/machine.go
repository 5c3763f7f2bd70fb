package program

import (
	"fmt"
	"unsafe"

	G "gorgonia.org/gorgonia"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// maxMachines is how many machines a stage keeps for runs to come.
const maxMachines = 8

// machine runs a stage, for one run at a time.
type machine struct {
	stage *stage
	arena []byte
	// heads are the tensors of all values that steps read or write.
	heads map[*value]*tensor.Tensor
	// taken are values from inputs and earlier stages.
	taken []slotHead
	fresh []*tensor.Tensor
	calls []stepCall
	tape  *tape
}

type slotHead struct {
	slot int
	head *tensor.Tensor
}

// stepCall is a step with its tensors.
type stepCall struct {
	step    *step
	in, out []*tensor.Tensor
}

// bytes is how much memory a machine takes.
func (s *stage) bytes() int64 { return int64(s.plan.size + s.plan.strings) }

// machine returns one that is free, or a new one, whose memory the run's budget gives.
func (s *stage) machine() (*machine, error) {
	s.mu.Lock()
	if n := len(s.machines); n > 0 {
		m := s.machines[n-1]
		s.machines = s.machines[:n-1]
		s.mu.Unlock()
		return m, nil
	}
	s.mu.Unlock()
	if err := s.budget.Take(s.bytes()); err != nil {
		return nil, err
	}
	m, err := s.newMachine()
	if err != nil {
		s.budget.Give(s.bytes())
	}
	return m, err
}

// release keeps a machine for runs to come, or gives its memory back.
func (s *stage) release(m *machine) {
	for _, t := range m.taken {
		t.head.Data, t.head.Strings = nil, nil
	}
	for _, t := range m.fresh {
		t.Data, t.Strings = nil, nil
	}
	s.mu.Lock()
	keep := len(s.machines) < maxMachines && !s.dropped
	if keep {
		s.machines = append(s.machines, m)
	}
	s.mu.Unlock()
	if !keep {
		s.budget.Give(s.bytes())
	}
}

func (s *stage) newMachine() (*machine, error) {
	m := &machine{stage: s, arena: arena(s.plan.size), heads: map[*value]*tensor.Tensor{}}
	for _, st := range s.steps {
		c := stepCall{step: st}
		for _, v := range st.in {
			c.in = append(c.in, m.head(v))
		}
		for _, v := range st.out {
			c.out = append(c.out, m.made(st, v))
		}
		m.calls = append(m.calls, c)
	}
	for _, v := range s.outs {
		m.head(v)
	}
	for _, e := range s.evals {
		for _, v := range e.in {
			m.head(v)
		}
	}
	if s.graph.opts.Tape && len(s.steps) > 0 {
		var err error
		if m.tape, err = s.newTape(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// arena is n bytes at an address that is a multiple of alignment.
func arena(n int) []byte {
	b := tensor.Aligned(n + alignment)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (alignment - 1)
	return b[skip : skip+n : skip+n]
}

// head is the tensor of a value that is read.
func (m *machine) head(v *value) *tensor.Tensor {
	if v == nil {
		return nil
	}
	if t := m.heads[v]; t != nil {
		return t
	}
	if v.known() {
		t, _ := v.info.Const.(*tensor.Tensor)
		m.heads[v] = t
		return t
	}
	if v.info.Kind != onnx.TensorKind {
		return nil
	}
	t := &tensor.Tensor{Type: v.info.Type, Shape: v.info.Shape}
	m.heads[v] = t
	m.taken = append(m.taken, slotHead{v.slot, t})
	return t
}

// made is the tensor of a value that a step writes.
func (m *machine) made(st *step, v *value) *tensor.Tensor {
	if v == nil || v.known() {
		return nil
	}
	t := &tensor.Tensor{Type: v.info.Type, Shape: v.info.Shape}
	m.heads[v] = t
	plan := &m.stage.plan
	switch {
	case plan.view[v] != nil: // of inputs and fresh outputs it is set when it runs
		t.Data = m.heads[plan.view[v]].Data
	case plan.fresh[v]:
		m.fresh = append(m.fresh, t)
	case v.info.Type == tensor.String:
		t.Strings = make([]string, tensor.Size(v.info.Shape))
	default:
		at := plan.place[v]
		t.Data = m.arena[at : at+tensor.Size(v.info.Shape)*tensor.ItemSize(v.info.Type)]
	}
	return t
}

// load takes the values of inputs and earlier stages, and memory for outputs.
func (m *machine) load(r *op.Run, vals []tensor.Value) error {
	for _, t := range m.taken {
		from, ok := vals[t.slot].(*tensor.Tensor)
		if !ok {
			return fmt.Errorf("value %d is %T, expected a tensor", t.slot, vals[t.slot])
		}
		t.head.Data, t.head.Strings = from.Data, from.Strings
	}
	for _, t := range m.fresh {
		made, err := r.Output(t.Type, t.Shape...)
		if err != nil {
			return err
		}
		t.Data, t.Strings = made.Data, made.Strings
	}
	return nil
}

// run computes the stage.
func (m *machine) run(r *op.Run, vals []tensor.Value) error {
	if err := m.load(r, vals); err != nil {
		return err
	}
	var err error
	if m.tape != nil {
		err = m.tape.run(r, m)
	} else {
		err = m.steps(r)
	}
	if err != nil {
		return err
	}
	for _, slot := range m.stage.keep {
		if t := m.bySlot(slot); t != nil {
			vals[slot] = t
		}
	}
	return nil
}

// bySlot is the tensor that a step of this stage made for a slot.
func (m *machine) bySlot(slot int) *tensor.Tensor {
	for i := range m.calls {
		for k, v := range m.calls[i].step.out {
			if v != nil && v.slot == slot {
				return m.calls[i].out[k]
			}
		}
	}
	return nil
}

// steps is the executor: it runs the steps in order.
func (m *machine) steps(r *op.Run) (err error) {
	at := 0
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %w", m.calls[at].step.node.label(), panicked(p))
		}
	}()
	for i := range m.calls {
		at = i
		if r.Stopped() {
			return op.ErrStopped
		}
		if err := m.calls[i].run(r); err != nil {
			return fmt.Errorf("%s: %w", m.calls[i].step.node.label(), err)
		}
	}
	return r.Err()
}

// panicked is what an operator panicked with, as an error: that of a limit stays what it is.
func panicked(p any) error {
	if limit, ok := p.(*op.LimitError); ok {
		return limit
	}
	return fmt.Errorf("%v", p)
}

func (c *stepCall) run(r *op.Run) error {
	if i := c.step.plan.ViewOf; i > 0 {
		c.out[0].Data, c.out[0].Strings = c.in[i-1].Data, c.in[i-1].Strings
		return nil
	}
	err := c.step.plan.Run(r, c.in, c.out)
	r.Reset()
	return err
}

// Run computes the program. ins are those that Program was asked for, in its order.
// The outputs belong to the caller, and so does their memory, but for inputs that are
// outputs too.
func (p *Program) Run(r *op.Run, ins []tensor.Value) ([]tensor.Value, error) {
	var vals []tensor.Value
	for i, v := range p.ins {
		if v == nil || v.slot < 0 {
			continue
		}
		vals = grow(vals, v.slot+1)
		vals[v.slot] = ins[i]
	}
	var held heldMachines
	defer func() { held.release() }()
	for s := p.first; ; {
		vals = grow(vals, s.slots+s.evalSlots())
		m, err := s.machine()
		if err != nil {
			return nil, err
		}
		held = append(held, m)
		if err := m.run(r, vals); err != nil {
			return nil, err
		}
		if err := s.evaluate(r, vals); err != nil {
			return nil, err
		}
		if s.outs != nil || len(s.pending)+len(s.evals)+len(s.needs) == 0 {
			return s.results(r, m, vals)
		}
		if s, err = s.after(r, vals); err != nil {
			return nil, err
		}
	}
}

func grow(vals []tensor.Value, n int) []tensor.Value {
	for len(vals) < n {
		vals = append(vals, nil)
	}
	return vals
}

// heldMachines are those of a run's stages, whose values later stages read.
type heldMachines []*machine

func (h heldMachines) release() {
	for _, m := range h {
		m.stage.release(m)
	}
}

// evaluate runs the operators that end the stage.
func (s *stage) evaluate(r *op.Run, vals []tensor.Value) error {
	slot := s.slots
	for _, e := range s.evals {
		if err := r.Err(); err != nil {
			return err
		}
		in := make([]tensor.Value, len(e.in))
		for i, v := range e.in {
			switch {
			case v == nil:
			case v.known():
				in[i] = v.info.Const
			default:
				in[i] = vals[v.slot]
			}
		}
		out, err := runEval(r, e, in)
		if err != nil {
			return fmt.Errorf("%s: %w", e.node.label(), err)
		}
		for i, name := range e.node.Outputs {
			if name != "" {
				vals[slot] = out[i]
				slot++
			}
		}
	}
	return nil
}

// results are the graph's outputs. What a step wrote for this run alone is handed out;
// anything else is copied.
func (s *stage) results(r *op.Run, m *machine, vals []tensor.Value) ([]tensor.Value, error) {
	out := make([]tensor.Value, len(s.outs))
	given := map[*value]bool{}
	for i, v := range s.outs {
		var from tensor.Value
		switch {
		case v.known():
			from = v.info.Const
		case s.plan.fresh[v] && !given[v]:
			given[v] = true
			t := m.heads[v]
			out[i] = &tensor.Tensor{Type: t.Type, Shape: t.Shape, Data: t.Data, Strings: t.Strings}
			continue
		case m.heads[v] != nil:
			from = m.heads[v]
		default:
			from = vals[v.slot]
		}
		if err := r.Take(sizeOf(from)); err != nil {
			return nil, err
		}
		out[i] = clone(from)
	}
	return out, nil
}

// sizeOf is how many bytes a copy of a value takes.
func sizeOf(v tensor.Value) int64 {
	switch v := v.(type) {
	case *tensor.Tensor:
		return int64(len(v.Data) + 16*len(v.Strings))
	case *tensor.Sequence:
		n := int64(0)
		for _, item := range v.Items {
			n += 64 + sizeOf(item)
		}
		return n
	case *tensor.Optional:
		if v.Value != nil {
			return sizeOf(v.Value)
		}
	}
	return 0
}

// clone copies the tensors of a value.
func clone(v tensor.Value) tensor.Value {
	switch v := v.(type) {
	case *tensor.Tensor:
		return v.Clone()
	case *tensor.Sequence:
		c := &tensor.Sequence{Type: v.Type, Items: make([]tensor.Value, len(v.Items))}
		for i, item := range v.Items {
			c.Items[i] = clone(item)
		}
		return c
	case *tensor.Optional:
		if v.Value != nil {
			return &tensor.Optional{Value: clone(v.Value)}
		}
	}
	return v
}

var startInfo = &op.Info{Kind: onnx.TensorKind, Type: tensor.FP32}

// tape runs a stage on Gorgonia's TapeMachine.
type tape struct {
	expr *expression
	vm   G.VM
	r    *op.Run
	m    *machine
}

func (s *stage) newTape() (*tape, error) {
	t := &tape{}
	var err error
	if t.expr, err = s.express(t.do); err != nil {
		return nil, err
	}
	t.vm = G.NewTapeMachine(t.expr.graph)
	return t, nil
}

// do computes one step into tensors of its own: Gorgonia keeps values as long as it
// needs them.
func (t *tape) do(i int, in []G.Value) (v G.Value, err error) {
	defer func() { // a panic on Gorgonia's goroutine would end the process
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	if err := t.r.Err(); err != nil {
		return nil, err
	}
	c := &t.m.calls[i]
	ins, k := make([]*tensor.Tensor, len(c.in)), 0
	for j := range c.in {
		if c.step.in[j] != nil {
			ins[j] = in[k].(gorgonian).Tensor
			k++
		}
	}
	outs := make([]*tensor.Tensor, len(c.out))
	first := -1
	for j, head := range c.out {
		if head == nil {
			continue
		}
		if outs[j], err = t.r.New(head.Type, head.Shape...); err != nil {
			return nil, err
		}
		if first < 0 {
			first = j
		}
	}
	if err := runPlan(t.r, c.step.plan, ins, outs); err != nil {
		return nil, err
	}
	return gorgonian{Tensor: outs[first], more: outs}, nil
}

// run computes the stage and puts what it made where the executor would have.
func (t *tape) run(r *op.Run, m *machine) error {
	t.r, t.m = r, m
	defer func() { t.r, t.m = nil, nil }()
	t.vm.Reset()
	for _, v := range t.expr.leafs {
		head := m.heads[v]
		if head == nil { // start
			head = tensor.New(v.info.Type, v.info.Shape...)
		}
		if err := G.Let(t.expr.nodes[v], gorgonian{Tensor: head}); err != nil {
			return fmt.Errorf("gorgonia: %w", err)
		}
	}
	if err := t.vm.RunAll(); err != nil {
		return fmt.Errorf("gorgonia: %w", err)
	}
	for v, head := range m.heads {
		if n := t.expr.nodes[v]; n != nil && !v.known() {
			got, ok := n.Value().(gorgonian)
			if !ok {
				continue
			}
			head.Data, head.Strings = got.Tensor.Data, got.Strings
		}
	}
	return r.Err()
}
