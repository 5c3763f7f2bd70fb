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
	one    place // the result when it is one number
	text   bool  // the result is a string

	plain bool // numbers both ways, and nothing to do when the guest has returned
}

// Bind returns f as a function of Go types. It is an error when params and
// result are not codecs of f's type; [None] stands for no parameters and no
// result.
func Bind[P, R any](f *Func, params Codec[P], result Codec[R]) (*Typed[P, R], error) {
	if err := CheckFunc(f, params, result); err != nil {
		return nil, err
	}
	t := typed(f, params, result)
	t.simple, t.one = simpleParamsOf(params), resultNumber(result)
	_, t.text = any(result).(stringCodec)
	t.plain = t.simple.numbers && t.one.kind != otherField && f.opts.PostReturn == nil
	return &t, nil
}

func typed[P, R any](f *Func, params Codec[P], result Codec[R]) Typed[P, R] {
	return Typed[P, R]{
		f: f, params: params, result: result,
		paramsInMemory: params.Flat() > layout.MaxFlatParams,
		resultInMemory: result.Flat() > layout.MaxFlatResults,
	}
}

// CallFunc calls f with typed parameters and copies its result out of guest
// memory. params and result must be codecs of f's own type, which [CheckFunc]
// checks; [None] stands for no parameters and no result. A function that is
// called often is better bound once, by [Bind].
//
// Any error poisons f's instance, but for those that say that it was not
// entered, and for values in p that params cannot hold.
func CallFunc[P, R any](ctx context.Context, f *Func, params Codec[P], result Codec[R], p P) (R, error) {
	t := typed(f, params, result)
	return t.Call(ctx, p)
}

// CallFuncView is CallFunc with a result that may be a view of guest memory:
// use is called with it before post-return, and must not keep it.
func CallFuncView[P, R any](ctx context.Context, f *Func, params Codec[P], result Codec[R], p P, use func(R) error) error {
	t := typed(f, params, result)
	return t.CallView(ctx, p, use)
}

// Call calls the function and copies its result out of guest memory; it
// allocates nothing beyond the result. Errors are as for [CallFunc].
func (t *Typed[P, R]) Call(ctx context.Context, p P) (r R, err error) {
	if t.plain && t.f.inst.ready() {
		return t.callPlain(ctx, p)
	}
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

// CallView is Call with a result that may be a view of guest memory: use is
// called with it before post-return, and must not keep it.
func (t *Typed[P, R]) CallView(ctx context.Context, p P, use func(R) error) error {
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

// callPlain is Call for an instance that is ready and a function of numbers,
// which needs no more than the core call: nothing is allocated, lent or moved.
func (t *Typed[P, R]) callPlain(ctx context.Context, p P) (r R, err error) {
	f := t.f
	inst, stack := f.inst, &f.frame.stack
	inst.mayEnter, f.busy = false, true
	for i := range t.simple.places {
		stack[i&(layout.MaxFlatParams-1)] = t.simple.places[i].lowerNumber(unsafe.Pointer(&p))
	}
	if err := f.core(ctx, stack[:]); err != nil {
		return r, f.fail(&f.frame, err)
	}
	t.one.liftNumber(stack[0], unsafe.Pointer(&r))
	inst.mayEnter, f.busy = true, false
	return r, nil
}

// run lowers p, runs the core function and lifts its result. After an error
// the call has ended.
func (t *Typed[P, R]) run(fr *frame, p P) (r R, err error) {
	f := t.f
	if t.simple.ok {
		err = t.simple.lower(&fr.cx, &fr.stack, unsafe.Pointer(&p))
	} else {
		err = lowerParams(&fr.cx, t.params, t.paramsInMemory, p, &fr.vals)
	}
	if err != nil {
		return r, f.refuse(fr, err)
	}
	if err := f.core(fr.cx.Ctx, fr.stack[:]); err != nil {
		return r, f.fail(fr, err)
	}
	switch {
	case t.one.kind != otherField:
		t.one.liftNumber(fr.stack[0], unsafe.Pointer(&r))
	case t.text:
		*(*string)(unsafe.Pointer(&r)), err = fr.cx.loadSpilledString(uint32(fr.stack[0]))
	default:
		fr.vals.i = 0
		r, err = liftFlatValues(&fr.cx, t.result, t.resultInMemory, &fr.vals)
	}
	if err != nil {
		return r, f.fail(fr, AtResult(err))
	}
	if err := fr.returned(); err != nil {
		return r, f.fail(fr, err)
	}
	fr.cx.scope.commit(f.inst.Store)
	return r, nil
}
