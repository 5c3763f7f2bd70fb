package abi

import "context"

// threadState says whether a thread runs, and what it waits for if not.
type threadState uint8

const (
	threadRunning     threadState = iota
	threadSuspended               // until another thread resumes it
	waitYield                     // until others have had their turn
	waitEnter                     // until the instance lets its task start
	waitCallbackYield             // until no task runs exclusively
	waitCallbackSet               // the same, and a waitable set has an event
	waitSet                       // until a waitable set has an event
	waitElement                   // until one waitable has an event
	waitResolved                  // until a subtask is resolved
)

// threadPhase says where a thread goes on when it is on no stack.
type threadPhase uint8

const (
	phaseEnter    threadPhase = iota // an implicit thread that has not begun
	phaseWait                        // one that waits to begin
	phaseBody                        // the core function is called next
	phaseCallback                    // the callback is called next
	phaseStart                       // an explicit thread that has not begun
	phaseDone
)

// Thread is a thread of a task: the implicit one, which runs the lifted
// function, or one that the guest made. Threads are cooperative: one runs at a
// time, until it blocks or ends.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#threads
type Thread struct {
	task    *Task
	index   uint32 // in concurrency.threads
	pos     int    // in Task.threads
	storage [2]uint32

	state       threadState
	phase       threadPhase
	cancellable bool
	cancelled   bool // what blocking returns
	woken       bool // another thread switched to it; see blockNested
	switchTo    *Thread
	err         error // how it ended

	set   *WaitableSet
	elem  waitableElement
	event event // for the callback

	start *CoreFunc // of an explicit thread, with its argument
	arg   uint32

	co         *coroutine // its stack, while core code is on it
	outer      *Thread    // that ran in the instance before this one; of synchronous tasks
	prev, next *Thread    // of those that wait
}

// ready reports whether a thread that waits may go on.
func (th *Thread) ready() bool {
	switch th.state {
	case waitYield:
		return true
	case waitEnter:
		return !th.task.hasBackpressure()
	case waitCallbackYield:
		return th.task.inst.conc.exclusive == nil
	case waitCallbackSet:
		return th.task.inst.conc.exclusive == nil && th.set.hasPendingEvent()
	case waitSet:
		return th.set.hasPendingEvent()
	case waitElement:
		return th.elem.waitable().pending
	case waitResolved:
		return th.elem.(*Subtask).resolved()
	}
	return false
}

// excluded reports whether the thread must not run while a synchronous call is in
// progress in its instance, since both would use the one stack in linear memory.
func (th *Thread) excluded() bool {
	t := th.task
	return th == t.implicit && t.async && t.needsExclusive()
}

// slice runs core code of the thread until it ends, or until the thread waits
// without anything on the stack.
func (th *Thread) slice() {
	switch th.phase {
	case phaseBody:
		th.err = th.task.body(th)
	case phaseCallback:
		th.err = th.task.callback(th)
	case phaseStart:
		th.phase = phaseDone
		stack := [1]uint64{uint64(th.arg)}
		if th.err = th.start.Call(&th.task.inst.Store.sched.loop, stack[:]); th.err == nil {
			th.err = th.task.unregister(th)
		}
	}
}

// prepare does what comes before core code runs on an empty stack. It returns
// false when no core code is to run now.
func (th *Thread) prepare() (run bool, err error) {
	t := th.task
	c := t.inst.conc
	switch th.phase {
	case phaseEnter:
		if t.hasBackpressure() || c.numWaitingToEnter > 0 {
			c.numWaitingToEnter++
			th.phase = phaseWait
			th.wait(waitEnter, true)
			return false, nil
		}
		t.enter(th)
	case phaseWait:
		c.numWaitingToEnter--
		if th.cancelled {
			th.phase = phaseDone
			t.inst.Store.sched.tasks--
			return false, t.cancel()
		}
		t.enter(th)
	case phaseCallback:
		th.event = event{}
		switch {
		case th.cancelled:
			th.event.code = eventTaskCancelled
		case th.set != nil:
			th.event = th.set.getPendingEvent()
		}
		if th.set != nil {
			th.set.numWaiting--
			th.set = nil
		}
		c.exclusive = th
	}
	return true, nil
}

// wait notes that the thread waits, in a state that [Thread.ready] knows.
func (th *Thread) wait(state threadState, cancellable bool) {
	th.state, th.cancellable = state, cancellable
	th.task.inst.Store.sched.waiting.push(th)
}

// stopWaiting takes the thread from those that wait; it is to run.
func (th *Thread) stopWaiting() {
	if th.state > threadSuspended {
		th.task.inst.Store.sched.waiting.remove(th)
	}
	th.state = threadSuspended
}

// waitUntil is the spec's wait_until: it blocks until the state is over. A
// thread that would be ready at once goes on.
func (th *Thread) waitUntil(ctx context.Context, state threadState, cancellable bool) (cancelled bool, err error) {
	if th.task.deliverPendingCancel(cancellable) {
		return true, nil
	}
	th.state = state
	if state != waitYield && th.ready() {
		th.state = threadRunning
		return false, nil
	}
	th.wait(state, cancellable)
	return th.block(ctx, nil)
}

// suspend is the spec's suspend and suspend_then_resume: it blocks until
// another thread resumes it; other, unless nil, runs next.
func (th *Thread) suspend(ctx context.Context, cancellable bool, other *Thread) (cancelled bool, err error) {
	if th.task.deliverPendingCancel(cancellable) {
		return true, nil
	}
	th.state, th.cancellable = threadSuspended, cancellable
	return th.block(ctx, other)
}

// yield is the spec's yield_ and yield_then_resume.
func (th *Thread) yield(ctx context.Context, cancellable bool, other *Thread) (cancelled bool, err error) {
	if th.task.deliverPendingCancel(cancellable) {
		return true, nil
	}
	th.wait(waitYield, cancellable)
	return th.block(ctx, other)
}

// block leaves the thread, which suspends or waits already, for other or for
// whoever resumed it, and returns when it is resumed.
func (th *Thread) block(ctx context.Context, other *Thread) (cancelled bool, err error) {
	if th.co == nil {
		return false, th.blockNested(ctx, other)
	}
	th.switchTo = other
	if !th.co.suspend() {
		return false, trapf(TrapPoisoned, "the thread was stopped: its instance trapped or was closed")
	}
	return th.cancelled, nil
}

// blockNested blocks the implicit thread of a synchronous task. Since such a
// task may not block its caller, other threads of the instance run on top of it
// until it can go on.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-lift
func (th *Thread) blockNested(ctx context.Context, other *Thread) error {
	s := th.task.inst.Store.sched
	th.woken = false
	if other != nil {
		if err := s.resume(ctx, other, false); err != nil {
			return err
		}
	}
	for !th.woken {
		if err := interrupted(ctx); err != nil {
			return err
		}
		next := s.waiting.first
		for next != nil && !(next.task.inst == th.task.inst && (next == th || !next.excluded()) && next.ready()) {
			next = next.next
		}
		switch next {
		case nil:
			return trapf(TrapDeadlock, "cannot block a synchronous task before returning: no other thread of instance %s can run", th.task.inst.Name)
		case th:
			th.stopWaiting()
			th.woken = true
		default:
			if err := s.resume(ctx, next, false); err != nil {
				return err
			}
		}
	}
	th.state = threadRunning
	return nil
}

// threadList lists threads in the order in which they began to wait.
type threadList struct{ first, last *Thread }

func (l *threadList) push(th *Thread) {
	th.prev, th.next = l.last, nil
	if l.last != nil {
		l.last.next = th
	} else {
		l.first = th
	}
	l.last = th
}

func (l *threadList) remove(th *Thread) {
	if th.prev != nil {
		th.prev.next = th.next
	} else {
		l.first = th.next
	}
	if th.next != nil {
		th.next.prev = th.prev
	} else {
		l.last = th.prev
	}
	th.prev, th.next = nil, nil
}
