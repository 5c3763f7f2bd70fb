package abi

import (
	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/resource"
	"github.com/wasinn/wasinn/component/types"
)

// taskState is the spec's Task.State.
type taskState uint8

const (
	taskInitial taskState = iota
	taskStarted
	taskPendingCancel
	taskCancelDelivered
	taskResolved
)

// taskCaller is who called a task: it gives the arguments and takes the result.
type taskCaller interface {
	// onStart lowers the arguments to the task's core values. It is called when
	// the task starts, which backpressure may delay. ok is false when the caller
	// has thought better of it.
	onStart(t *Task) (ok bool, err error)
	// onReturn lifts the result from vi: at most maxFlat core values, or a pointer.
	onReturn(t *Task, vi *CoreValues, maxFlat int) error
	// onCancel is called in its place when the task was cancelled.
	onCancel()
}

// Task is a call of a lifted function as its callee sees it.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#tasks
type Task struct {
	inst     *Instance
	fn       *Func // nil for a synchronous task, whose call is a frame
	opts     *CanonicalOptions
	async    bool // the function's type is async
	state    taskState
	caller   taskCaller
	implicit *Thread
	threads  []*Thread

	cx    Context // its borrow scope among the rest
	vals  CoreValues
	stack [asyncStack]uint64
}

// needsExclusive reports whether the implicit thread runs only while no other
// such thread of the instance has core code on a stack.
func (t *Task) needsExclusive() bool { return !t.opts.Async || t.opts.Callback != nil }

func (t *Task) hasBackpressure() bool {
	c := t.inst.conc
	return c.backpressure > 0 || t.needsExclusive() && c.exclusive != nil
}

// enter lets the implicit thread begin.
func (t *Task) enter(th *Thread) {
	if t.needsExclusive() {
		t.inst.conc.exclusive = th
	}
	t.register(th)
	th.phase = phaseBody
}

func (t *Task) register(th *Thread) {
	th.pos = len(t.threads)
	t.threads = append(t.threads, th)
	th.index = t.inst.conc.threads.Add(th)
}

// unregister ends a thread. The last one of a task that has not resolved traps.
func (t *Task) unregister(th *Thread) error {
	last := len(t.threads) - 1
	t.threads[th.pos] = t.threads[last]
	t.threads[th.pos].pos = th.pos
	t.threads[last] = nil
	t.threads = t.threads[:last]
	if last == 0 {
		if t.state != taskResolved {
			return trapf(TrapState, "async-lifted export failed to produce a result: the last thread of the task ended")
		}
		if t.async {
			t.inst.Store.sched.tasks--
		}
	}
	t.inst.conc.threads.Remove(th.index)
	return nil
}

// body calls the core function. It is the spec's thread_func of canon_lift.
func (t *Task) body(th *Thread) error {
	t.state = taskStarted
	t.vals.Reset(t.stack[:])
	ok, err := t.caller.onStart(t)
	if err != nil {
		return err
	}
	if !ok {
		t.state = taskResolved
		return t.exit(th)
	}
	if err := t.fn.core.Call(t.cx.Ctx, t.stack[:]); err != nil {
		return err
	}
	switch {
	case !t.opts.Async:
		return t.returned(th)
	case t.opts.Callback == nil:
		return t.exit(th)
	}
	return t.afterCallback(th, uint32(t.stack[0]))
}

// returned ends a task whose function is lifted synchronously, though its type
// is async.
func (t *Task) returned(th *Thread) error {
	t.vals.Reset(t.stack[:])
	if err := t.return_(&t.vals, layout.MaxFlatResults); err != nil {
		return err
	}
	if post := t.opts.PostReturn; post != nil {
		t.inst.mayLeave = false
		if err := post.Call(t.cx.Ctx, t.stack[:1]); err != nil {
			return err
		}
		t.inst.mayLeave = true
	}
	return t.exit(th)
}

// exit ends the implicit thread.
func (t *Task) exit(th *Thread) error {
	th.phase = phaseDone
	if err := t.unregister(th); err != nil {
		return err
	}
	if t.needsExclusive() {
		t.inst.conc.exclusive = nil
	}
	return nil
}

// The codes that callbacks and functions with callbacks return.
const (
	callbackExit  = 0
	callbackYield = 1
	callbackWait  = 2
)

// callback calls the callback with the thread's event.
func (t *Task) callback(th *Thread) error {
	packed, err := t.callCallback(th)
	if err != nil {
		return err
	}
	return t.afterCallback(th, packed)
}

func (t *Task) callCallback(th *Thread) (packed uint32, err error) {
	t.stack[0], t.stack[1], t.stack[2] = uint64(th.event.code), uint64(th.event.p1), uint64(th.event.p2)
	err = t.opts.Callback.Call(t.cx.Ctx, t.stack[:3])
	return uint32(t.stack[0]), err
}

// afterCallback does what the guest asks for with packed: it ends the thread or
// has it wait for the next event.
func (t *Task) afterCallback(th *Thread, packed uint32) error {
	for {
		c := t.inst.conc
		switch code := packed & 0xf; code {
		case callbackExit:
			return t.exit(th)
		case callbackYield:
			if !t.deliverPendingCancel(true) {
				c.exclusive = nil
				th.phase = phaseCallback
				th.wait(waitCallbackYield, true)
				return nil
			}
		case callbackWait:
			set, err := getElement[*WaitableSet](t.inst, packed>>4, "a waitable set")
			if err != nil {
				return err
			}
			if !t.deliverPendingCancel(true) {
				c.exclusive = nil
				th.phase, th.set = phaseCallback, set
				set.numWaiting++
				th.wait(waitCallbackSet, true)
				return nil
			}
		default:
			return trapf(TrapState, "unsupported callback code %d", code)
		}
		th.event = event{code: eventTaskCancelled}
		var err error
		if packed, err = t.callCallback(th); err != nil {
			return err
		}
	}
}

// return_ is the spec's Task.return_: it gives the result to the caller.
func (t *Task) return_(vi *CoreValues, maxFlat int) error {
	if t.state == taskResolved {
		return trapf(TrapState, "`task.return` or `task.cancel` called more than once for current task")
	}
	if err := t.noBorrows(); err != nil {
		return err
	}
	if err := t.caller.onReturn(t, vi, maxFlat); err != nil {
		return err
	}
	t.cx.scope.commit(t.inst.Store)
	t.state = taskResolved
	return nil
}

// cancel is the spec's Task.cancel: the task ends without a result.
func (t *Task) cancel() error {
	if t.state != taskCancelDelivered {
		return trapf(TrapState, "`task.cancel` called by task which has not been cancelled")
	}
	if err := t.noBorrows(); err != nil {
		return err
	}
	t.caller.onCancel()
	t.state = taskResolved
	return nil
}

func (t *Task) noBorrows() error {
	if n := t.cx.scope.numBorrows; n > 0 {
		return trapf(TrapBorrowsRemain, "borrow handles still remain at the end of the call: %d", n)
	}
	return nil
}

func (t *Task) deliverPendingCancel(cancellable bool) bool {
	if cancellable && t.state == taskPendingCancel {
		t.state = taskCancelDelivered
		return true
	}
	return false
}

// requestCancellation asks the task to end, for caller. A thread that can hear
// of it runs at once, if the instance may be entered.
func (t *Task) requestCancellation(caller *Instance) error {
	s := t.inst.Store.sched
	if t.state == taskInitial {
		t.state = taskCancelDelivered
		return s.resume(&s.loop, t.implicit, true)
	}
	th := t.cancellableThread()
	if th == nil || !t.inst.mayEnterFrom(caller) {
		t.state = taskPendingCancel
		return nil
	}
	t.state = taskCancelDelivered
	t.inst.enterFrom(caller)
	if err := s.resume(&s.loop, th, true); err != nil {
		return err
	}
	t.inst.leaveTo(caller)
	return nil
}

// cancellableThread returns a thread that can hear of a cancellation now.
func (t *Task) cancellableThread() *Thread {
	excl := t.inst.conc.exclusive
	for _, th := range t.threads {
		if !th.cancellable || th == t.implicit && t.needsExclusive() && excl != nil && excl != th {
			continue
		}
		return th
	}
	return nil
}

// concurrency is what an instance has beside its handles when it uses async.
type concurrency struct {
	threads           *resource.Table[*Thread]
	current           *Thread // that runs in the instance
	exclusive         *Thread // that has the one stack in linear memory
	backpressure      int
	numWaitingToEnter int
	// blocks tells that threads can block in the middle of core code.
	blocks bool
	// syncOpts are the options of synchronous tasks.
	syncOpts CanonicalOptions
}

// UseAsync prepares an instance whose functions or built-ins are async. With
// blocks, core code can block: it imports a built-in that may.
func (i *Instance) UseAsync(blocks bool) {
	if i.conc == nil {
		i.conc = &concurrency{threads: resource.NewTable[*Thread](1)}
		i.Store.scheduler()
	}
	i.conc.blocks = i.conc.blocks || blocks
}

// thread returns the thread that runs in the instance. A start function has one
// of its own.
func (i *Instance) thread() *Thread {
	if i.conc.current == nil {
		i.enterSync()
	}
	return i.conc.current
}

// enterSync begins a synchronous task: a call of a function whose type is not
// async, of a destructor, of realloc or of a start function. Its stack is the
// caller's.
func (i *Instance) enterSync() *Thread {
	c := i.conc
	t := &Task{inst: i, opts: &c.syncOpts, state: taskStarted}
	th := &Thread{task: t, phase: phaseBody, outer: c.current}
	t.implicit = th
	t.register(th)
	c.current = th
	i.Store.sched.syncs++
	return th
}

// leaveSync ends the synchronous task that runs in the instance.
func (i *Instance) leaveSync() {
	c := i.conc
	th := c.current
	if th == nil {
		return
	}
	th.task.state = taskResolved
	th.task.unregister(th)
	c.current = th.outer
	i.Store.sched.syncs--
}

// LeaveStart ends the task of start functions, when the instance uses async.
func (i *Instance) LeaveStart() {
	if i.conc != nil && i.conc.current != nil {
		i.leaveSync()
	}
}

// sameType reports whether two types, nil for none, are the same.
func sameType(a, b types.ValType) bool {
	return a == b || types.Equal(a, b)
}
