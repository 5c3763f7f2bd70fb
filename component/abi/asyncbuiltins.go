package abi

import (
	"context"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// The built-ins of async. Each is a method of the instance whose core code calls
// it; the spec's section of the same name says what it does.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canonical-definitions

// blocked is what a built-in returns when an event will follow.
const blocked = 0xffff_ffff

// ContextGet is canon context.get.
func (i *Instance) ContextGet(slot uint32) uint32 { return i.thread().storage[slot] }

// ContextSet is canon context.set.
func (i *Instance) ContextSet(slot, v uint32) { i.thread().storage[slot] = v }

// maxBackpressure is the most that backpressure may count to.
const maxBackpressure = 1<<16 - 1

// BackpressureInc is canon backpressure.inc.
func (i *Instance) BackpressureInc() error {
	if i.conc.backpressure == maxBackpressure {
		return trapf(TrapState, "backpressure counter overflow")
	}
	i.conc.backpressure++
	return nil
}

// BackpressureDec is canon backpressure.dec.
func (i *Instance) BackpressureDec() error {
	if i.conc.backpressure == 0 {
		return trapf(TrapState, "backpressure counter underflow")
	}
	i.conc.backpressure--
	return nil
}

// TaskReturn is canon task.return for a result of type result; stack holds its
// core values.
func (i *Instance) TaskReturn(result types.ValType, opts *CanonicalOptions, stack []uint64) error {
	if err := i.checkMayLeave(); err != nil {
		return err
	}
	t := i.thread().task
	if !t.opts.Async {
		return trapf(TrapState, "`task.return` called for a task that is not async-lifted")
	}
	if !sameType(result, t.fn.sig.typ.Result) || opts.StringEncoding != t.opts.StringEncoding || opts.Memory != nil && opts.Memory != t.opts.Memory {
		return trapf(TrapState, "invalid `task.return` signature and/or options for current task")
	}
	var vi CoreValues
	vi.Reset(stack)
	return t.return_(&vi, layout.MaxFlatParams)
}

// TaskCancel is canon task.cancel.
func (i *Instance) TaskCancel() error {
	if err := i.checkMayLeave(); err != nil {
		return err
	}
	t := i.thread().task
	if !t.opts.Async {
		return trapf(TrapState, "`task.cancel` called for a task that is not async-lifted")
	}
	return t.cancel()
}

// WaitableSetNew is canon waitable-set.new.
func (i *Instance) WaitableSetNew() (index uint32, err error) {
	if err := i.checkMayLeave(); err != nil {
		return 0, err
	}
	return i.addElement(&WaitableSet{})
}

func (i *Instance) waitableSet(index uint32) (*WaitableSet, error) {
	if err := i.checkMayLeave(); err != nil {
		return nil, err
	}
	return getElement[*WaitableSet](i, index, "a waitable set")
}

// WaitableSetWait is canon waitable-set.wait: it returns the code of an event
// and stores the rest of it at ptr in memory.
func (i *Instance) WaitableSetWait(ctx context.Context, memory Memory, index, ptr uint32, cancellable bool) (code uint32, err error) {
	set, err := i.waitableSet(index)
	if err != nil {
		return 0, err
	}
	th := i.thread()
	th.set = set
	set.numWaiting++
	cancelled, err := th.waitUntil(ctx, waitSet, cancellable)
	th.set = nil
	if err != nil {
		return 0, err
	}
	ev := event{code: eventTaskCancelled}
	if !cancelled {
		ev = set.getPendingEvent()
	}
	set.numWaiting--
	return storeEvent(memory, ptr, ev)
}

// WaitableSetPoll is canon waitable-set.poll.
func (i *Instance) WaitableSetPoll(memory Memory, index, ptr uint32, cancellable bool) (code uint32, err error) {
	set, err := i.waitableSet(index)
	if err != nil {
		return 0, err
	}
	ev := event{}
	switch {
	case i.thread().task.deliverPendingCancel(cancellable):
		ev.code = eventTaskCancelled
	case set.hasPendingEvent():
		ev = set.getPendingEvent()
	}
	return storeEvent(memory, ptr, ev)
}

// storeEvent is the spec's unpack_event.
func storeEvent(memory Memory, ptr uint32, ev event) (code uint32, err error) {
	cx := Context{Opts: &CanonicalOptions{Memory: memory}}
	b, err := cx.view(ptr, 8, 4, "the event's place")
	if err != nil {
		return 0, err
	}
	storePair(b, 0, ev.p1, ev.p2)
	return ev.code, nil
}

// WaitableSetDrop is canon waitable-set.drop.
func (i *Instance) WaitableSetDrop(index uint32) error {
	set, err := i.waitableSet(index)
	if err != nil {
		return err
	}
	if err := set.drop(); err != nil {
		return err
	}
	i.handles.Remove(index)
	return nil
}

// WaitableJoin is canon waitable.join; set 0 stands for none.
func (i *Instance) WaitableJoin(index, set uint32) error {
	if err := i.checkMayLeave(); err != nil {
		return err
	}
	w, err := getElement[waitableElement](i, index, "a waitable")
	if err != nil {
		return err
	}
	if w.waitable().hasSyncWaiter {
		return trapf(TrapState, "cannot join a waitable set with a synchronous waiter in progress: handle index %d", index)
	}
	if set == 0 {
		join(w, nil)
		return nil
	}
	s, err := getElement[*WaitableSet](i, set, "a waitable set")
	if err != nil {
		return err
	}
	join(w, s)
	return nil
}

// waitSync blocks until e has an event, for a built-in that is not async.
func (i *Instance) waitSync(ctx context.Context, e waitableElement) error {
	th := i.thread()
	w := e.waitable()
	w.hasSyncWaiter = true
	th.elem = e
	_, err := th.waitUntil(ctx, waitElement, false)
	th.elem = nil
	w.hasSyncWaiter = false
	return err
}

// notInSet checks that a waitable of a built-in that is not async is in no set.
func notInSet(w *Waitable, async bool) error {
	if w.set != nil && !async {
		return trapf(TrapState, "waitable cannot be used synchronously while added to a waitable set: handle index %d", w.index)
	}
	return nil
}

// SubtaskCancel is canon subtask.cancel: it returns the state of the subtask, or
// with async that it is not known yet.
func (i *Instance) SubtaskCancel(ctx context.Context, index uint32, async bool) (state uint32, err error) {
	if err := i.checkMayLeave(); err != nil {
		return 0, err
	}
	t, err := getElement[*Subtask](i, index, "a subtask")
	if err != nil {
		return 0, err
	}
	switch {
	case t.delivered:
		return 0, trapf(TrapState, "`subtask.cancel` called after terminal status delivered")
	case t.cancellationRequested:
		return 0, trapf(TrapState, "`subtask.cancel` called twice for one subtask")
	}
	if err := notInSet(&t.Waitable, async); err != nil {
		return 0, err
	}
	if !t.resolved() {
		outer := i.Store.sched.driveWith(ctx)
		err := t.cancel()
		i.Store.sched.loop.Context = outer
		if err != nil {
			return 0, err
		}
		if !t.resolved() {
			if async {
				return blocked, nil
			}
			if err := i.waitCancelled(ctx, t); err != nil {
				return 0, err
			}
		}
	}
	return takeEvent(t).p2, nil
}

// waitCancelled blocks until a subtask has resolved: the event that it has
// started, which may come first, is not what is waited for.
func (i *Instance) waitCancelled(ctx context.Context, t *Subtask) error {
	t.pending = false
	return i.waitSync(ctx, t)
}

// SubtaskDrop is canon subtask.drop.
func (i *Instance) SubtaskDrop(index uint32) error {
	if err := i.checkMayLeave(); err != nil {
		return err
	}
	t, err := getElement[*Subtask](i, index, "a subtask")
	if err != nil {
		return err
	}
	if err := t.drop(); err != nil {
		return err
	}
	i.handles.Remove(index)
	return nil
}

// NewEnds is canon stream.new and future.new: it returns the handle of the
// readable end, and that of the writable end in the upper 32 bits.
func (i *Instance) NewEnds(b *CopyBuiltin) (ends uint64, err error) {
	if err := i.checkMayLeave(); err != nil {
		return 0, err
	}
	s := &shared{store: i.Store, elem: b.Elem, future: b.Future}
	kind := b.kind()
	r, err := i.addElement(&CopyEnd{kind: kind, shared: s})
	if err != nil {
		return 0, err
	}
	w, err := i.addElement(&CopyEnd{kind: kind + 1, shared: s})
	return uint64(r) | uint64(w)<<32, err
}

// CopyBuiltin says which of the built-ins that copy it is, with its immediates.
type CopyBuiltin struct {
	// Writes and Future tell stream.read, stream.write, future.read and
	// future.write apart.
	Writes, Future bool
	// Async is the option, or the flag of a cancel.
	Async bool
	// Elem is the type of the elements; nil for none.
	Elem types.ValType

	layout *layout.Layout
}

// NewCopyBuiltin returns a built-in with what is known of it once.
func NewCopyBuiltin(b CopyBuiltin) *CopyBuiltin {
	b.layout = layout.Of(b.Elem)
	return &b
}

func (b *CopyBuiltin) kind() endKind {
	k := readableStreamEnd
	if b.Future {
		k = readableFutureEnd
	}
	if b.Writes {
		k++
	}
	return k
}

// Copy is canon stream.read, stream.write, future.read or future.write of n
// elements at ptr; n is 1 for futures. It returns the result of the copy, or
// that an event will tell it.
func (i *Instance) Copy(ctx context.Context, b *CopyBuiltin, opts *CanonicalOptions, index, ptr, n uint32) (result uint32, err error) {
	if err := i.checkMayLeave(); err != nil {
		return 0, err
	}
	e, err := i.getEnd(index, b.kind(), b.Elem)
	if err != nil {
		return 0, err
	}
	switch e.state {
	case copying, copyCancelling:
		return 0, trapf(TrapState, "cannot have concurrent operations active on a %s", e.shared.name())
	case copyDone:
		return 0, trapf(TrapState, "cannot read from or write to a %s after being notified that the other end dropped or the copy was done", e.shared.name())
	}
	if err := notInSet(&e.Waitable, b.Async); err != nil {
		return 0, err
	}
	e.cx.Opts, e.cx.Inst, e.cx.Ctx = opts, i, &i.Store.sched.loop
	if err := b.checkRange(&e.cx, ptr, n); err != nil {
		return 0, err
	}
	e.buf = buffer{elem: b.Elem, cx: &e.cx, ptr: ptr, length: n}
	e.state = copying
	outer := i.Store.sched.driveWith(ctx)
	err = e.shared.copy(i, &e.buf, e, e.kind.reads())
	i.Store.sched.loop.Context = outer
	if err != nil {
		return 0, err
	}
	return i.copied(ctx, e, b.Async)
}

// checkRange checks the range in memory of n elements at ptr.
func (b *CopyBuiltin) checkRange(cx *Context, ptr, n uint32) error {
	if n > maxBufferLength {
		return trapf(TrapTooLong, "stream read/write count too large: %d elements, want at most %d", n, maxBufferLength)
	}
	if b.Elem == nil || n == 0 {
		return nil
	}
	_, err := cx.view(ptr, uint64(n)*uint64(b.layout.Size), b.layout.Align, "stream pointer: elements")
	return err
}

// copied waits for the event of a copy, unless it is there or async holds.
func (i *Instance) copied(ctx context.Context, e *CopyEnd, async bool) (result uint32, err error) {
	if !e.pending {
		if async {
			return blocked, nil
		}
		if err := i.waitSync(ctx, e); err != nil {
			return 0, err
		}
	}
	return takeEvent(e).p2, nil
}

// CancelCopy is canon stream.cancel-read, stream.cancel-write,
// future.cancel-read or future.cancel-write.
func (i *Instance) CancelCopy(ctx context.Context, b *CopyBuiltin, index uint32) (result uint32, err error) {
	if err := i.checkMayLeave(); err != nil {
		return 0, err
	}
	e, err := i.getEnd(index, b.kind(), b.Elem)
	if err != nil {
		return 0, err
	}
	if e.state != copying || e.hasSyncWaiter {
		return 0, trapf(TrapState, "%s cancelled when no read or write is pending", e.shared.name())
	}
	if err := notInSet(&e.Waitable, b.Async); err != nil {
		return 0, err
	}
	e.state = copyCancelling
	switch {
	case !e.pending:
		e.shared.cancel()
	case !b.Future && e.result == copyCompleted:
		e.result = copyCancelled // after what was copied till now
	}
	return i.copied(ctx, e, b.Async)
}

// DropEnd is canon stream.drop-readable, stream.drop-writable,
// future.drop-readable or future.drop-writable.
func (i *Instance) DropEnd(b *CopyBuiltin, index uint32) error {
	if err := i.checkMayLeave(); err != nil {
		return err
	}
	e, err := i.getEnd(index, b.kind(), b.Elem)
	if err != nil {
		return err
	}
	if err := e.drop(); err != nil {
		return err
	}
	i.handles.Remove(index)
	return nil
}

// ErrorContextNew is canon error-context.new of the message at ptr.
func (i *Instance) ErrorContextNew(ctx context.Context, opts *CanonicalOptions, ptr, units uint32) (index uint32, err error) {
	if err := i.checkMayLeave(); err != nil {
		return 0, err
	}
	var cx Context
	cx.Init(ctx, opts, i, false)
	msg, err := cx.loadString(ptr, units)
	if err != nil {
		return 0, err
	}
	return i.addElement(&ErrorContext{DebugMessage: msg})
}

// ErrorContextDebugMessage is canon error-context.debug-message: it stores the
// pointer and the length of the message at ptr.
func (i *Instance) ErrorContextDebugMessage(ctx context.Context, opts *CanonicalOptions, index, ptr uint32) error {
	if err := i.checkMayLeave(); err != nil {
		return err
	}
	e, err := getElement[*ErrorContext](i, index, "an error context")
	if err != nil {
		return err
	}
	var cx Context
	cx.Init(ctx, opts, i, false)
	if _, err := cx.view(ptr, 8, 4, "the message's place"); err != nil {
		return err
	}
	return String.Store(&cx, e.DebugMessage, ptr)
}

// ErrorContextDrop is canon error-context.drop.
func (i *Instance) ErrorContextDrop(index uint32) error {
	if err := i.checkMayLeave(); err != nil {
		return err
	}
	if _, err := getElement[*ErrorContext](i, index, "an error context"); err != nil {
		return err
	}
	i.handles.Remove(index)
	return nil
}

// ThreadIndex is canon thread.index.
func (i *Instance) ThreadIndex() (uint32, error) {
	if err := i.checkMayLeave(); err != nil {
		return 0, err
	}
	return i.thread().index, nil
}

// ThreadNew is canon thread.new-indirect: it makes a suspended thread that will
// call start with arg.
func (i *Instance) ThreadNew(start *CoreFunc, arg uint32) (index uint32, err error) {
	if err := i.checkMayLeave(); err != nil {
		return 0, err
	}
	if n := i.conc.threads.Len(); n >= i.Store.limits.MaxTasks {
		return 0, trapf(TrapLimit, "instance %s has %d threads, and no more are allowed", i.Name, n)
	}
	t := i.thread().task
	th := &Thread{task: t, state: threadSuspended, phase: phaseStart, start: start, arg: arg}
	t.register(th)
	return th.index, nil
}

// otherThread returns the thread with an index. Before it is looked up, a start
// function gets a thread of its own, which has one too.
func (i *Instance) otherThread(index uint32) (*Thread, error) {
	if err := i.checkMayLeave(); err != nil {
		return nil, err
	}
	i.thread()
	th := i.conc.threads.Get(index)
	if th == nil {
		return nil, trapf(TrapUnknownHandle, "unknown thread index %d", index)
	}
	return *th, nil
}

// suspendedThread returns the thread with an index, which must be suspended.
func (i *Instance) suspendedThread(index uint32) (*Thread, error) {
	th, err := i.otherThread(index)
	if err == nil && th.state != threadSuspended {
		return nil, trapf(TrapState, "cannot resume thread which is not suspended: thread index %d", index)
	}
	return th, err
}

// ThreadResumeLater is canon thread.resume-later.
func (i *Instance) ThreadResumeLater(index uint32) error {
	th, err := i.suspendedThread(index)
	if err == nil {
		th.wait(waitYield, th.cancellable)
	}
	return err
}

// ThreadSuspend is canon thread.suspend.
func (i *Instance) ThreadSuspend(ctx context.Context, cancellable bool) (cancelled bool, err error) {
	if err := i.checkMayLeave(); err != nil {
		return false, err
	}
	return i.thread().suspend(ctx, cancellable, nil)
}

// ThreadYield is canon thread.yield.
func (i *Instance) ThreadYield(ctx context.Context, cancellable bool) (cancelled bool, err error) {
	if err := i.checkMayLeave(); err != nil {
		return false, err
	}
	return i.thread().yield(ctx, cancellable, nil)
}

// ThreadSuspendThenResume is canon thread.suspend-then-resume.
func (i *Instance) ThreadSuspendThenResume(ctx context.Context, index uint32, cancellable bool) (cancelled bool, err error) {
	other, err := i.suspendedThread(index)
	if err != nil {
		return false, err
	}
	return i.thread().suspend(ctx, cancellable, other)
}

// ThreadYieldThenResume is canon thread.yield-then-resume.
func (i *Instance) ThreadYieldThenResume(ctx context.Context, index uint32, cancellable bool) (cancelled bool, err error) {
	other, err := i.suspendedThread(index)
	if err != nil {
		return false, err
	}
	return i.thread().yield(ctx, cancellable, other)
}

// ThreadSuspendThenPromote is canon thread.suspend-then-promote.
func (i *Instance) ThreadSuspendThenPromote(ctx context.Context, index uint32, cancellable bool) (cancelled bool, err error) {
	other, err := i.promoted(index)
	if err != nil {
		return false, err
	}
	return i.thread().suspend(ctx, cancellable, other)
}

// ThreadYieldThenPromote is canon thread.yield-then-promote.
func (i *Instance) ThreadYieldThenPromote(ctx context.Context, index uint32, cancellable bool) (cancelled bool, err error) {
	other, err := i.promoted(index)
	if err != nil {
		return false, err
	}
	return i.thread().yield(ctx, cancellable, other)
}

// promoted returns the thread with an index when it could run now, else nil.
func (i *Instance) promoted(index uint32) (*Thread, error) {
	other, err := i.otherThread(index)
	if err != nil || !other.ready() {
		return nil, err
	}
	return other, nil
}
