package abi

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// hostTask is a call of an async function of the host, on a goroutine of its own.
type hostTask struct{ cancel context.CancelFunc }

// pending is what is left of a call of the host that began: wait blocks, on any
// goroutine, and returns what lowers the result, on the store's.
type pending struct {
	wait func(ctx context.Context) (lower func(c *Call) error)
}

// CanonLowerAsync is canon lower for an async function of the host: one that
// takes time, during which the guest and others run on.
//
// The function is in two parts. begin is called like the function that
// [CanonLower] takes: it may use c and what it leads to. What it returns runs on
// a goroutine of its own: it must not touch the store, its context ends when
// the guest cancels the call or the store is closed, and its result is the call's.
// An error of either is a trap, unless the guest has cancelled the call and the
// error is that of the context.
//
// Parameters are copies, which may be kept.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-lower
func CanonLowerAsync[P, R any](params Codec[P], result Codec[R], begin func(c *Call, p P) (wait func(context.Context) (R, error), err error)) HostFunc {
	need, outParam := lowerStack(params.Flat(), result.Flat())
	paramsInMemory, resultInMemory := params.Flat() > layout.MaxFlatParams, outParam >= 0
	return func(c *Call) error {
		if err := c.begin(need); err != nil {
			return err
		}
		c.views, c.lends = false, false
		c.vals.Reset(c.Stack)
		p, err := liftFlatValues(&c.Context, params, paramsInMemory, &c.vals)
		if err != nil {
			return err
		}
		var out uint32
		if resultInMemory {
			out = uint32(c.Stack[outParam])
		}
		c.scope.commit(c.Inst.Store)
		wait, err := begin(c, p)
		if err != nil {
			return err
		}
		p2 := &pending{wait: func(ctx context.Context) func(*Call) error {
			r, err := guarded(ctx, wait)
			return func(c *Call) error {
				if err != nil {
					return err
				}
				c.vals.Reset(c.Stack)
				if err := lowerResult(&c.Context, result, resultInMemory, r, &c.vals, out); err != nil {
					return AtResult(err)
				}
				c.scope.finish(c.Inst)
				return nil
			}
		}}
		if c.mayPend {
			c.pending = p2
			return nil
		}
		return p2.wait(c.Ctx)(c)
	}
}

// guarded calls a host's function so that a panic is an error: on a goroutine of
// its own it would end the process.
func guarded[R any](ctx context.Context, wait func(context.Context) (R, error)) (r R, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the host's function panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return wait(ctx)
}

// AsyncFuncType is [FuncType] of an async function.
func AsyncFuncType[P, R any](params Codec[P], result Codec[R]) *types.Func {
	ft := FuncType(params, result)
	ft.Async = true
	return ft
}

// startHost calls a function of the host.
func (a *AsyncCall) startHost(ctx context.Context, sub *Subtask) error {
	inst := sub.cx.Inst
	args := sub.args
	if a.async {
		if err := a.syncArgs(sub, &args); err != nil {
			return err
		}
	}
	sub.state = subtaskStarted
	call := inst.Store.AcquireCall()
	call.Init(ctx, sub.cx.Opts, inst, args[:])
	call.mayPend = true
	err := a.host(call)
	call.mayPend = false
	p := call.pending
	call.pending = nil
	if err == nil && p != nil {
		sub.call = call
		return sub.runHost(ctx, p)
	}
	inst.Store.ReleaseCall(call)
	if err != nil {
		return AtCall(err, a.name)
	}
	return sub.hostReturned(args[0])
}

// syncArgs makes the core parameters that the function would have without the
// option async.
func (a *AsyncCall) syncArgs(sub *Subtask, args *[asyncStack]uint64) error {
	if a.inMemory && a.params.NumFlat <= layout.MaxFlatParams {
		if err := a.loadParams(&sub.cx, uint32(sub.args[0]), args[:]); err != nil {
			return err
		}
	}
	if a.result.NumFlat > layout.MaxFlatResults {
		args[coreParams(a.params.NumFlat)] = sub.args[a.outParam]
	}
	return nil
}

// hostReturned resolves the subtask. Results of more than one core value are in
// memory already; flat is another.
func (t *Subtask) hostReturned(flat uint64) error {
	a := t.site
	l := a.result
	switch {
	case l.NumFlat == 1 && a.outParam < 0:
		t.args[0] = flat
	case l.NumFlat == 1:
		b, err := t.cx.view(uint32(t.args[a.outParam]), uint64(l.Size), l.Align, "the result's place")
		if err != nil {
			return AtResult(err)
		}
		vi := CoreValues{vs: []uint64{flat}}
		if err := a.resultShape.store(&vi, b); err != nil {
			return AtResult(err)
		}
	}
	t.progress(subtaskReturned)
	return nil
}

// runHost has the host's function block on a goroutine of its own.
func (t *Subtask) runHost(ctx context.Context, p *pending) error {
	s := t.cx.Inst.Store.sched
	if err := s.addTask(); err != nil {
		return err
	}
	t.call.Ctx = &s.loop
	// The call must not see the goroutine's stack as its own.
	stack := [asyncStack]uint64{}
	copy(stack[:], t.call.Stack)
	t.call.Stack = stack[:]
	if ctx == context.Context(&s.loop) {
		ctx = s.loop.Context
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(s.ctx, cancel)
	t.host = &hostTask{cancel: cancel}
	s.calls++
	s.goroutines.Go(func() {
		lower := p.wait(ctx)
		stop()
		cancel()
		s.mail.post(func() error { return t.hostDone(lower) })
	})
	return nil
}

// hostDone takes the result of the host's goroutine.
func (t *Subtask) hostDone(lower func(*Call) error) error {
	inst := t.cx.Inst
	s := inst.Store.sched
	s.calls--
	s.tasks--
	t.host = nil
	err := lower(t.call)
	if err == nil {
		err = t.hostReturned(t.call.Stack[0])
	} else if t.cancellationRequested && errors.Is(err, context.Canceled) {
		t.onCancel()
		return nil
	}
	if err != nil {
		err = AtCall(err, t.site.name)
		inst.Poison(err)
	}
	return err
}
