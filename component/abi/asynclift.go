package abi

import "context"

// hostCall is a call of a guest's async function by the host.
type hostCall[P, R any] struct {
	t       *Typed[P, R]
	p       P
	r       R
	done    bool
	refused error // the arguments do not fit; the instance stays good
}

// onStart lowers the arguments.
func (c *hostCall[P, R]) onStart(t *Task) (ok bool, err error) {
	err = lowerParams(&t.cx, c.t.params, c.t.paramsInMemory, c.p, &t.vals)
	if err != nil && hostsFault(err) && !t.cx.scope.lowered {
		c.refused, c.done = err, true
		return false, nil
	}
	return true, err
}

// onReturn lifts the result.
func (c *hostCall[P, R]) onReturn(t *Task, vi *CoreValues, maxFlat int) (err error) {
	if c.r, err = liftFlatValues(&t.cx, c.t.result, c.t.result.Flat() > maxFlat, vi); err != nil {
		return AtResult(err)
	}
	t.cx.scope.finish(t.inst)
	c.done = true
	return nil
}

// onCancel is not called: the host does not cancel its calls, but ends their
// context, which ends the instance.
func (c *hostCall[P, R]) onCancel() { c.done = true }

// callAsync calls a function whose type is async and drives the store until it
// has its result. What the function does after that goes on in later calls.
func (t *Typed[P, R]) callAsync(ctx context.Context, p P) (r R, err error) {
	f := t.f
	c := &hostCall[P, R]{t: t, p: p}
	if err := newTask(f, c).start(ctx, nil); err != nil {
		return r, err
	}
	if err := f.inst.Store.sched.drive(ctx, func() bool { return c.done }); err != nil {
		err = AtCall(err, f.name)
		f.inst.Poison(err)
		return r, err
	}
	if c.refused != nil {
		return r, AtCall(c.refused, f.name)
	}
	return c.r, nil
}

// Drain lets what calls have left behind run on, until nothing can make progress
// any more or ctx ends: tasks that have returned their result and still run, and
// calls of the host's functions that no task waits for.
//
// Errors are as for [CallFunc], of whichever function trapped.
func (s *Store) Drain(ctx context.Context) error {
	if s.sched == nil {
		return nil
	}
	return s.sched.drain(ctx)
}
