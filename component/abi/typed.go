package abi

import (
	"context"
	"unsafe"

	"github.com/wasinn/wasinn/component/abi/layout"
)

// Typed is a guest's function with parameters and result of Go types. What
// the codecs say of themselves is asked once, when it is made.
type Typed[P, R any] struct {
	f      *Func
	params Codec[P]
	result Codec[R]

	paramsInMemory, resultInMemory bool

	simple simpleParams
	one    place // the result when it is one number or a string
	// What the function takes and gives is simple, so that most calls go by
	// [Func.beginSimple]; or it is even plain: numbers both ways, and nothing to do
	// when the guest has returned.
	quick, plain bool
	inst         *Instance
	core         *CoreFunc
	env          *Core
	stack        [layout.MaxFlatParams]uint64 // of a plain call

	named func(error) error
}

// Bind returns f as a function of Go types. It is an error when params and
// result are not codecs of f's type; [None] stands for no parameters and no
// result.
func Bind[P, R any](f *Func, params Codec[P], result Codec[R]) (*Typed[P, R], error) {
	if err := CheckFunc(f, params, result); err != nil {
		return nil, err
	}
	t := typed(f, params, result)
	t.simple, t.one = simpleParamsOf(params), simpleResult(result)
	t.quick = t.one.kind != otherField && f.takesSimply(&t.simple) && f.givesSimply(t.one)
	t.plain = t.quick && t.simple.numbers && t.one.kind.number() && f.opts.PostReturn == nil
	return &t, nil
}

func typed[P, R any](f *Func, params Codec[P], result Codec[R]) Typed[P, R] {
	return Typed[P, R]{
		f: f, inst: f.inst, core: f.core, env: f.core.core, params: params, result: result,
		paramsInMemory: params.Flat() > layout.MaxFlatParams,
		resultInMemory: result.Flat() > layout.MaxFlatResults,
	}
}

// NameErrors has named see every error that a call returns, and return it as callers
// are to know it.
func (t *Typed[P, R]) NameErrors(named func(error) error) { t.named = named }

func (t *Typed[P, R]) name(err error) error {
	if err != nil && t.named != nil {
		return t.named(err)
	}
	return err
}

// CallFunc calls f with typed parameters and copies its result out of guest
// memory. params and result must be codecs of f's own type, which [CheckFunc]
// checks; [None] stands for no parameters and no result. A function that is
// called often is better bound once, by [Bind].
//
// Any error poisons f's instance, but for those that say that it was not
// entered, and for values in p that params cannot hold.
func CallFunc[P, R any](ctx context.Context, f *Func, params Codec[P], result Codec[R], p P) (R, error) {
	if f.sig.typ.Async {
		t := typed(f, params, result) // in the heap
		return t.callAsync(ctx, p)
	}
	t := typed(f, params, result)
	return t.callSync(ctx, p)
}

// CallFuncView is CallFunc with a result that may be a view of guest memory:
// use is called with it before post-return, and must not keep it.
func CallFuncView[P, R any](ctx context.Context, f *Func, params Codec[P], result Codec[R], p P, use func(R) error) error {
	t := typed(f, params, result)
	return t.callView(ctx, p, use)
}

// Call calls the function and copies its result out of guest memory; it
// allocates nothing beyond the result. Errors are as for [CallFunc].
func (t *Typed[P, R]) Call(ctx context.Context, p P) (r R, err error) {
	switch {
	case t.plain && t.inst.ready() && t.core.idle:
		// No more than the core call: nothing is allocated, lent or moved.
		stack := &t.stack
		for i, l := range t.simple.places {
			stack[i&(layout.MaxFlatParams-1)] = l.lowerNumber(unsafe.Pointer(&p))
		}
		inst, core, c := t.inst, t.core, t.env
		inst.mayEnter, core.idle = false, false
		outer := *c.Embedder
		*c.Embedder = ctx
		*c.Left--
		err = core.first.CallWithStack(c.Ctx, stack[:])
		*c.Left++
		*c.Embedder = outer
		core.idle = true
		if err == nil {
			inst.mayEnter = true
			t.one.liftNumber(stack[0], unsafe.Pointer(&r))
			return r, nil
		}
		err = t.f.fail(&t.f.frame, c.Trap(err))
	case t.quick && t.f.ready():
		var outer context.Context
		if outer, err = t.f.beginSimple(ctx, &t.simple, unsafe.Pointer(&p), false); err == nil {
			err = t.f.liftSimple(t.one, unsafe.Pointer(&r))
		}
		if err = t.f.endSimple(outer, err); err == nil {
			return r, nil
		}
	default:
		r, err = t.call(ctx, p)
	}
	return r, t.name(err)
}

// CallView is Call with a result that may be a view of guest memory: use is
// called with it before post-return, and must not keep it.
func (t *Typed[P, R]) CallView(ctx context.Context, p P, use func(R) error) error {
	if !t.quick || !t.f.ready() {
		return t.name(t.callView(ctx, p, use))
	}
	var r R
	var useErr error
	outer, err := t.f.beginSimple(ctx, &t.simple, unsafe.Pointer(&p), true)
	if err == nil {
		err = t.f.liftSimple(t.one, unsafe.Pointer(&r))
	}
	if err == nil {
		useErr = use(r)
	}
	if err = t.f.endSimple(outer, err); err != nil {
		return t.name(err)
	}
	return t.name(useErr)
}

// call is Call for any function.
func (t *Typed[P, R]) call(ctx context.Context, p P) (r R, err error) {
	if t.f.sig.typ.Async {
		return t.callAsync(ctx, p)
	}
	return t.callSync(ctx, p)
}

// callSync is call for functions that are not async.
func (t *Typed[P, R]) callSync(ctx context.Context, p P) (r R, err error) {
	fr, err := t.f.begin(ctx, nil, false)
	if err != nil {
		return r, err
	}
	if r, err = t.run(fr, p); err != nil {
		var zero R
		return zero, err
	}
	if err := t.f.end(ctx, fr, nil); err != nil {
		return r, t.f.fail(fr, err)
	}
	return r, nil
}

// callView is CallView for any function.
func (t *Typed[P, R]) callView(ctx context.Context, p P, use func(R) error) error {
	if t.f.sig.typ.Async {
		r, err := t.callAsync(ctx, p)
		if err != nil {
			return err
		}
		return use(r)
	}
	fr, err := t.f.begin(ctx, nil, true)
	if err != nil {
		return err
	}
	r, err := t.run(fr, p)
	if err != nil {
		return err
	}
	useErr := use(r)
	if err := t.f.end(ctx, fr, nil); err != nil {
		return t.f.fail(fr, err)
	}
	return useErr
}

// run lowers p, runs the core function and lifts its result. After an error
// the call has ended.
func (t *Typed[P, R]) run(fr *frame, p P) (r R, err error) {
	f := t.f
	if err := lowerParams(&fr.cx, t.params, t.paramsInMemory, p, &fr.vals); err != nil {
		return r, f.refuse(fr, err)
	}
	if err := f.core.Call(fr.cx.Ctx, fr.stack[:]); err != nil {
		return r, f.fail(fr, err)
	}
	fr.vals.i = 0
	if r, err = liftFlatValues(&fr.cx, t.result, t.resultInMemory, &fr.vals); err != nil {
		return r, f.fail(fr, AtResult(err))
	}
	if err := fr.returned(); err != nil {
		return r, f.fail(fr, err)
	}
	fr.cx.scope.commit(f.inst.Store)
	return r, nil
}
