package abi

import (
	"context"

	"github.com/wasinn/wasinn/component/abi/layout"
)

// asyncStack is the most core parameters of a call: those of a function, and the
// place of its result.
const asyncStack = layout.MaxFlatParams + 1

// AsyncCall is canon lower of a function whose type is async, with the option
// async or without, once for each caller.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-lower
type AsyncCall struct {
	name   string
	async  bool // the option
	callee *Func
	host   HostFunc
	fused  *fused // of callee

	params, result           *layout.Layout
	paramsShape, resultShape shape
	inMemory                 bool // the caller gives a pointer to its parameters
	outParam                 int  // where the pointer to the result is; -1 for none
	need                     int  // core parameters
}

// FuseAsync is canon lower of a function that another component lifts, and whose
// type is async. sig is the type as the caller names it, and async its option.
func FuseAsync(callee *Func, sig *Signature, async bool) (*AsyncCall, error) {
	f, err := newFused(callee.sig, sig)
	if err != nil {
		return nil, AtCall(err, callee.name)
	}
	a := newAsyncCall(callee.name, sig, async)
	a.callee, a.fused = callee, f
	return a, nil
}

// LowerAsync is canon lower of a function of the host whose type is async.
func LowerAsync(name string, host HostFunc, sig *Signature, async bool) *AsyncCall {
	a := newAsyncCall(name, sig, async)
	a.host = host
	return a
}

func newAsyncCall(name string, sig *Signature, async bool) *AsyncCall {
	c := layout.NewCache()
	fields := paramFields(sig.typ)
	record := layout.NewRecord(c, len(fields))
	for _, f := range fields {
		record.Add(f.Type)
	}
	a := &AsyncCall{
		name: name, async: async,
		params: record.Layout(), result: c.Of(sig.typ.Result),
		paramsShape: shapeOfFields(c, fields), resultShape: shapeOf(c, sig.typ.Result),
		outParam: -1,
	}
	maxParams, maxResults := layout.MaxFlatParams, layout.MaxFlatResults
	if async {
		maxParams, maxResults = layout.MaxFlatAsyncParams, 0
	}
	a.need = a.params.NumFlat
	if a.inMemory = a.params.NumFlat > maxParams; a.inMemory {
		a.need = 1
	}
	if a.result.NumFlat > maxResults {
		a.outParam = a.need
		a.need++
	}
	return a
}

// Call calls the function for inst, whose options are opts. stack holds the core
// parameters, then the core result: the function's own, or with the option async
// the state of the subtask and its handle.
func (a *AsyncCall) Call(ctx context.Context, opts *CanonicalOptions, inst *Instance, stack []uint64) error {
	if err := inst.checkMayLeave(); err != nil {
		return err
	}
	if len(stack) < max(a.need, 1) && a.need+a.result.NumFlat > 0 {
		return trapf(TrapUnsupported, "a core stack of %d values, want %d", len(stack), max(a.need, 1))
	}
	th := inst.thread()
	sub := &Subtask{site: a}
	sub.cx.Init(&inst.Store.sched.loop, opts, inst, false)
	copy(sub.args[:], stack[:a.need])
	if err := a.start(ctx, sub); err != nil {
		return err
	}
	if a.async {
		return sub.returnHandle(stack)
	}
	if !sub.resolved() {
		th.elem = sub
		if _, err := th.waitUntil(ctx, waitResolved, false); err != nil {
			return err
		}
		th.elem = nil
	}
	sub.deliverResolve()
	if a.result.NumFlat == 1 {
		stack[0] = sub.args[0]
	}
	return nil
}

func (a *AsyncCall) start(ctx context.Context, sub *Subtask) error {
	if a.host != nil {
		return a.startHost(ctx, sub)
	}
	sub.task = newTask(a.callee, sub)
	return sub.task.start(ctx, sub.cx.Inst)
}

// returnHandle gives the caller the state of the subtask, and a handle of it
// unless it has resolved.
func (t *Subtask) returnHandle(stack []uint64) error {
	if t.resolved() {
		t.deliverResolve()
		stack[0] = uint64(subtaskReturned)
		return nil
	}
	index, err := t.cx.Inst.addElement(t)
	if err != nil {
		return err
	}
	t.inTable = true
	stack[0] = uint64(uint32(t.state) | index<<4)
	return nil
}

// newTask makes a task of a lifted function, which has not started.
func newTask(f *Func, caller taskCaller) *Task {
	t := &Task{inst: f.inst, fn: f, opts: &f.opts, async: true, caller: caller}
	t.cx.Init(&f.inst.Store.sched.loop, &f.opts, f.inst, false)
	t.implicit = &Thread{task: t, state: threadSuspended}
	return t
}

// start is the spec's func_inst: it enters the callee's instance and runs the
// implicit thread until it blocks or ends.
func (t *Task) start(ctx context.Context, caller *Instance) error {
	s := t.inst.Store.sched
	if err := s.addTask(); err != nil {
		return AtCall(err, t.fn.name)
	}
	if err := t.inst.enterCall(caller); err != nil {
		s.tasks--
		return AtCall(err, t.fn.name)
	}
	if err := s.clearWay(ctx, t, caller); err != nil {
		return err
	}
	if err := s.resume(ctx, t.implicit, false); err != nil {
		return err
	}
	t.inst.leaveTo(caller)
	return nil
}

// onStart moves the arguments from the caller to the callee.
func (t *Subtask) onStart(task *Task) (ok bool, err error) {
	t.progress(subtaskStarted)
	return true, t.moveParams(task)
}

func (t *Subtask) moveParams(task *Task) error {
	a := t.site
	src, dst := &t.cx, &task.cx
	var vi CoreValues
	vi.Reset(t.args[:])
	if !a.inMemory {
		return a.fused.params.flat(src, &vi, dst, &task.vals)
	}
	if a.params.NumFlat > layout.MaxFlatParams {
		return a.fused.moveParams(src, &vi, dst, &task.vals)
	}
	var flat [asyncStack]uint64
	if err := a.loadParams(src, uint32(vi.Next()), flat[:]); err != nil {
		return err
	}
	vi.Reset(flat[:])
	return a.fused.params.flat(src, &vi, dst, &task.vals)
}

// loadParams makes core values of the parameters that are at ptr in memory.
func (a *AsyncCall) loadParams(src *Context, ptr uint32, flat []uint64) error {
	b, err := src.view(ptr, uint64(a.params.Size), a.params.Align, spilled)
	if err != nil {
		return err
	}
	var vo CoreValues
	vo.Reset(flat)
	return a.paramsShape.load(b, &vo)
}

// onReturn moves the result from the callee to the caller.
func (t *Subtask) onReturn(task *Task, vi *CoreValues, maxFlat int) error {
	if err := t.moveResult(&task.cx, vi, maxFlat); err != nil {
		return AtResult(err)
	}
	t.progress(subtaskReturned)
	return nil
}

func (t *Subtask) moveResult(src *Context, vi *CoreValues, maxFlat int) error {
	a := t.site
	l := a.result
	if a.outParam < 0 {
		var vo CoreValues
		vo.Reset(t.args[:])
		return a.fused.result.flat(src, vi, &t.cx, &vo)
	}
	var b []byte
	var err error
	if l.NumFlat > maxFlat {
		b, err = src.view(uint32(vi.Next()), uint64(l.Size), l.Align, spilled)
	} else {
		b = make([]byte, l.Size)
		err = a.resultShape.store(vi, b)
	}
	if err != nil {
		return err
	}
	out := uint32(t.args[a.outParam])
	if _, err := t.cx.view(out, uint64(l.Size), l.Align, "the result's place"); err != nil {
		return err
	}
	return a.fused.result.mem(src, b, &t.cx, out)
}

// onCancel resolves the subtask without a result.
func (t *Subtask) onCancel() {
	if t.state == subtaskStarting {
		t.progress(subtaskCancelledBeforeStarted)
	} else {
		t.progress(subtaskCancelledBeforeReturned)
	}
}

// cancel asks the callee to end.
func (t *Subtask) cancel() error {
	t.cancellationRequested = true
	if t.task != nil {
		return t.task.requestCancellation(t.cx.Inst)
	}
	t.host.cancel()
	return nil
}
