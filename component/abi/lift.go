package abi

import (
	"context"

	"github.com/wasinn/wasinn/component/abi/layout"
)

// Func is a guest's function, made by canon lift: a core function with its
// options, its instance and its type.
//
// Like its store, it is for one goroutine at a time.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-lift
type Func struct {
	name string
	sig  *Signature
	core *CoreFunc
	opts CanonicalOptions
	inst *Instance

	frame frame // of the first call on the stack
	busy  bool
}

// frame is what one call needs; it is reused.
type frame struct {
	cx    Context
	vals  CoreValues
	stack [layout.MaxFlatParams]uint64
	unfit bool // the host gave what cannot be lowered: of simple calls
}

// NewFunc returns the function that canon lift makes of core. name is for
// messages.
func NewFunc(name string, sig *Signature, core *CoreFunc, opts CanonicalOptions, inst *Instance) *Func {
	f := &Func{name: name, sig: sig, core: core, opts: opts, inst: inst}
	f.prepare(&f.frame)
	return f
}

// prepare gives a new frame what is the same in every call.
func (f *Func) prepare(fr *frame) *frame {
	fr.cx.Opts, fr.cx.Inst = &f.opts, f.inst
	fr.vals.Reset(fr.stack[:])
	return fr
}

// Name is the function's name, for messages.
func (f *Func) Name() string { return f.name }

// Signature is the function's type.
func (f *Func) Signature() *Signature { return f.sig }

// Instance is the instance that implements the function.
func (f *Func) Instance() *Instance { return f.inst }

// acquire returns the function's frame, or a new one when a call of the same
// function is under way, as a parent's function may be below a child's.
func (f *Func) acquire() *frame {
	if f.busy {
		return f.prepare(new(frame))
	}
	f.busy = true
	return &f.frame
}

func (f *Func) release(fr *frame) {
	if fr == &f.frame {
		f.busy = false
	}
	fr.cx.Ctx = nil
}

// begin enters the instance for a call by caller, nil for the host.
func (f *Func) begin(ctx context.Context, caller *Instance, views bool) (*frame, error) {
	if caller == nil && f.inst.ready() {
		f.inst.mayEnter = false
	} else if err := f.inst.enterCall(caller); err != nil {
		return nil, AtCall(err, f.name)
	}
	if f.inst.conc != nil {
		f.inst.enterSync()
	}
	fr := f.acquire()
	fr.cx.start(ctx, views)
	fr.vals.i = 0
	return fr, nil
}

// fail ends a call that trapped: the instance is poisoned.
func (f *Func) fail(fr *frame, err error) error {
	f.release(fr)
	err = AtCall(err, f.name)
	f.inst.Poison(err)
	return err
}

// refuse ends a call whose arguments could not be lowered. Where the host's
// own values are at fault, and no handle has gone to the guest yet, the
// instance stays good.
func (f *Func) refuse(fr *frame, err error) error {
	if !hostsFault(err) || fr.cx.scope.lowered {
		return f.fail(fr, err)
	}
	fr.cx.scope.finish(f.inst)
	if f.inst.conc != nil {
		f.inst.leaveSync()
	}
	f.inst.leaveTo(nil)
	f.release(fr)
	return AtCall(err, f.name)
}

// hostsFault reports whether a value of the host was refused.
func hostsFault(err error) bool {
	t, ok := err.(*Trap)
	if !ok {
		return false
	}
	switch t.Kind {
	case TrapInvalidValue, TrapTooLong, TrapStaleHandle:
		return true
	}
	return false
}

// returned is the spec's Task.return_: no handle that was lent for the call
// may be left.
func (fr *frame) returned() error {
	if fr.cx.scope.numBorrows > 0 {
		return fr.borrowsRemain()
	}
	return nil
}

func (fr *frame) borrowsRemain() error {
	return trapf(TrapBorrowsRemain, "borrow handles still remain at the end of the call: %d", fr.cx.scope.numBorrows)
}

// end runs post-return, on the core results, and leaves the instance.
func (f *Func) end(ctx context.Context, fr *frame, caller *Instance) error {
	if f.opts.PostReturn != nil {
		f.inst.mayLeave = false
		if err := f.opts.PostReturn.Call(ctx, fr.stack[:1]); err != nil {
			return err
		}
		f.inst.mayLeave = true
	}
	fr.cx.scope.finish(f.inst)
	if f.inst.conc != nil {
		f.inst.leaveSync()
	}
	f.inst.leaveTo(caller)
	f.release(fr)
	return nil
}

// CallRaw calls f with core values and gives use its core results and a view
// of its memory, nil when it has none, before post-return: for callers that do
// their own lifting and lowering. lower puts the core parameters on the stack;
// cx.Allocate is there for it. Neither may keep what it is given.
//
// Errors of lower, of the guest and of use poison f's instance.
func CallRaw(ctx context.Context, f *Func, lower func(cx *Context, stack []uint64) error, use func(memory []byte, stack []uint64) error) error {
	if f.sig.typ.Async {
		return AtCall(trapf(TrapUnsupported, "%s is async, and cannot be called with core values", f.sig.typ), f.name)
	}
	fr, err := f.begin(ctx, nil, true)
	if err != nil {
		return err
	}
	if err := f.callRaw(fr, lower, use); err != nil {
		return f.fail(fr, err)
	}
	if err := f.end(ctx, fr, nil); err != nil {
		return f.fail(fr, err)
	}
	return nil
}

func (f *Func) callRaw(fr *frame, lower func(cx *Context, stack []uint64) error, use func(memory []byte, stack []uint64) error) error {
	if err := lower(&fr.cx, fr.stack[:]); err != nil {
		return err
	}
	if err := f.core.Call(fr.cx.Ctx, fr.stack[:]); err != nil {
		return err
	}
	if err := fr.returned(); err != nil {
		return err
	}
	return use(fr.cx.memory(), fr.stack[:])
}
