package abi

import (
	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// Fuse is canon lower of a function that another component lifts: a call from
// component to component. Async functions are for [FuseAsync]. sig is the function's type as the caller names it.
//
// Arguments go from the caller's memory to the callee's and the result back,
// memory to memory, each side with its own options. Handles are lent and moved
// between the two tables.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-lower
func Fuse(callee *Func, sig *Signature) (HostFunc, error) {
	if callee.sig.typ.Async {
		return nil, AtCall(trapf(TrapUnsupported, "%s is async, and cannot be called from an instance of another store", callee.sig.typ), callee.name)
	}
	t, err := newFused(callee.sig, sig)
	if err != nil {
		return nil, AtCall(err, callee.name)
	}
	return func(c *Call) error {
		if err := c.begin(t.need); err != nil {
			return err
		}
		fr, err := callee.begin(c.Ctx, c.Inst, true)
		if err != nil {
			return err
		}
		if err := t.call(c, callee, fr); err != nil {
			return callee.fail(fr, err)
		}
		c.scope.finish(c.Inst)
		return nil
	}, nil
}

// fused is what a call from component to component moves.
type fused struct {
	params         *moveFields
	result         transfer
	resultLayout   *layout.Layout
	need, outParam int // see lowerStack
}

func newFused(callee, caller *Signature) (*fused, error) {
	from, to := paramFields(caller.typ), paramFields(callee.typ)
	if len(from) != len(to) {
		return nil, trapf(TrapInvalidValue, "it is %s, and is called as %s", callee.typ, caller.typ)
	}
	p := newTransferCompiler(caller, callee)
	params, err := p.record(from, to, AtParam, 0)
	if err != nil {
		return nil, err
	}
	result, err := p.reverse().compile(callee.typ.Result, caller.typ.Result, 0)
	if err != nil {
		return nil, AtResult(err)
	}
	f := &fused{params: params, result: result, resultLayout: p.layouts.Of(callee.typ.Result)}
	f.need, f.outParam = lowerStack(params.layout.NumFlat, f.resultLayout.NumFlat)
	return f, nil
}

func paramFields(ft *types.Func) []types.Field {
	fields := make([]types.Field, len(ft.Params))
	for i, p := range ft.Params {
		fields[i] = types.Field(p)
	}
	return fields
}

func (t *fused) call(c *Call, callee *Func, fr *frame) error {
	var out uint32
	if t.outParam >= 0 {
		out = uint32(c.Stack[t.outParam])
	}
	c.vals.Reset(c.Stack)
	if err := t.moveParams(&c.Context, &c.vals, &fr.cx, &fr.vals); err != nil {
		return err
	}
	if err := callee.core.Call(c.Ctx, fr.stack[:]); err != nil {
		return err
	}
	if err := fr.returned(); err != nil {
		return err
	}
	fr.vals.i, c.vals.i = 0, 0
	if err := t.moveResult(&fr.cx, &fr.vals, &c.Context, &c.vals, out); err != nil {
		return AtResult(err)
	}
	return callee.end(c.Ctx, fr, c.Inst)
}

func (t *fused) moveParams(src *Context, vi *CoreValues, dst *Context, vo *CoreValues) error {
	l := t.params.layout
	if l.NumFlat <= layout.MaxFlatParams {
		return t.params.flat(src, vi, dst, vo)
	}
	b, err := src.view(uint32(vi.Next()), uint64(l.Size), l.Align, spilled)
	if err != nil {
		return err
	}
	ptr, err := dst.Allocate(l.Align, l.Size)
	if err != nil {
		return err
	}
	vo.Put(uint64(ptr))
	return t.params.mem(src, b, dst, ptr)
}

func (t *fused) moveResult(src *Context, vi *CoreValues, dst *Context, vo *CoreValues, out uint32) error {
	l := t.resultLayout
	if l.NumFlat <= layout.MaxFlatResults {
		return t.result.flat(src, vi, dst, vo)
	}
	b, err := src.view(uint32(vi.Next()), uint64(l.Size), l.Align, spilled)
	if err != nil {
		return err
	}
	if _, err := dst.view(out, uint64(l.Size), l.Align, "the result's place"); err != nil {
		return err
	}
	return t.result.mem(src, b, dst, out)
}
