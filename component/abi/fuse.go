package abi

import (
	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/value"
)

// Fuse is canon lower of a function that another component lifts: a call from
// component to component. sig is the function's type as the caller names it.
//
// Arguments go from the caller's memory to the callee's and the result back,
// each side with its own options. Handles are lent and moved between the two
// tables.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-lower
func Fuse(callee *Func, sig *Signature) (HostFunc, error) {
	from, to, err := fusedCodecs(callee, sig)
	if err != nil {
		return nil, err
	}
	need, outParam := lowerStack(from.params.Flat(), from.result.Flat())
	return func(c *Call) error {
		if err := c.begin(need); err != nil {
			return err
		}
		fr, err := callee.begin(c.Ctx, c.Inst, true)
		if err != nil {
			return err
		}
		var out uint32
		if outParam >= 0 {
			out = uint32(c.Stack[outParam])
		}
		if err := fusedCall(c, callee, fr, from, to, out); err != nil {
			return callee.fail(fr, err)
		}
		c.scope.finish(c.Inst)
		return nil
	}, nil
}

// sideCodecs are a function's codecs as one side of a fused call names its
// types.
type sideCodecs struct {
	params *dynFields
	result dynCodec
}

func fusedCodecs(callee *Func, sig *Signature) (from, to sideCodecs, err error) {
	if from.params, from.result, err = sig.codecs(); err != nil {
		return from, to, err
	}
	if to.params, to.result, err = callee.sig.codecs(); err != nil {
		return from, to, err
	}
	if from.params.Flat() != to.params.Flat() || from.result.Flat() != to.result.Flat() {
		err = trapf(TrapInvalidValue, "%s is %s; it is called as %s", callee.name, callee.sig.typ, sig.typ)
	}
	return from, to, err
}

func fusedCall(c *Call, callee *Func, fr *frame, from, to sideCodecs, out uint32) error {
	c.vals.Reset(c.Stack)
	args, err := liftFlatValues[[]value.Value](&c.Context, from.params, layout.MaxFlatParams, &c.vals)
	if err != nil {
		return err
	}
	if err := lowerParams[[]value.Value](&fr.cx, to.params, args, &fr.vals); err != nil {
		return err
	}
	if err := callee.core(c.Ctx, fr.stack[:]); err != nil {
		return err
	}
	fr.vals.Reset(fr.stack[:])
	r, err := liftFlatValues(&fr.cx, to.result, layout.MaxFlatResults, &fr.vals)
	if err != nil {
		return AtResult(err)
	}
	if err := fr.returned(); err != nil {
		return err
	}
	c.vals.Reset(c.Stack)
	if err := lowerResult(&c.Context, from.result, r, &c.vals, out); err != nil {
		return AtResult(err)
	}
	return callee.end(c.Ctx, fr, c.Inst)
}
