package abi

import (
	"context"
	"unsafe"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// Call is one call from a guest to a host function. It is reused; see
// [Store.AcquireCall].
type Call struct {
	Context
	// Stack holds the core parameters, then the core results.
	Stack []uint64

	vals CoreValues
	next *Call // of the store's free ones

	// Of calls of async functions: what is left to do, and whether it may be left.
	pending *pending
	mayPend bool
}

// Init makes the call ready: inst is the instance that calls, opts are those
// of its canon lower.
func (c *Call) Init(ctx context.Context, opts *CanonicalOptions, inst *Instance, stack []uint64) {
	c.Ctx, c.Opts, c.Inst, c.Stack = ctx, opts, inst, stack
	c.budget = inst.Store.limits.MaxLiftBytes
}

// HostFunc runs one call: it lifts its parameters from c.Stack, works, and
// lowers its result. An error is a trap.
type HostFunc func(c *Call) error

// CanonLower is canon lower for a function of the host: it lifts the
// parameters as params, calls fn, and lowers what it returns as result.
// [None] stands for no parameters or no result. An error of fn is a trap.
//
// Strings and lists in P may be views of guest memory, which are good until fn
// returns or calls the guest.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-lower
func CanonLower[P, R any](params Codec[P], result Codec[R], fn func(c *Call, p P) (R, error)) HostFunc {
	need, outParam := lowerStack(params.Flat(), result.Flat())
	paramsInMemory, resultInMemory := params.Flat() > layout.MaxFlatParams, outParam >= 0
	simple, one := simpleParamsOf(params), resultNumber(result)
	if simple.numbers && one.kind != otherField {
		return lowerPlain(need, simple.places, one, fn)
	}
	return func(c *Call) error {
		if !c.Inst.mayLeave || len(c.Stack) < need {
			return c.refuse(need)
		}
		var p P
		var err error
		if simple.ok {
			err = simple.lift(&c.Context, c.Stack, unsafe.Pointer(&p))
		} else {
			c.vals.Reset(c.Stack)
			p, err = liftFlatValues(&c.Context, params, paramsInMemory, &c.vals)
		}
		if err != nil {
			return err
		}
		var out uint32
		if resultInMemory {
			out = uint32(c.Stack[outParam])
		}
		c.scope.commit(c.Inst.Store)
		r, err := fn(c, p)
		if err != nil {
			return err
		}
		if one.kind != otherField {
			c.Stack[0] = one.lowerNumber(unsafe.Pointer(&r))
		} else {
			c.vals.Reset(c.Stack)
			if err := lowerResult(&c.Context, result, resultInMemory, r, &c.vals, out); err != nil {
				return AtResult(err)
			}
		}
		c.scope.finish(c.Inst)
		return nil
	}
}

// lowerPlain is CanonLower for numbers both ways. Where it is inlined, what it calls
// is not.
//
//go:noinline
func lowerPlain[P, R any](need int, places []place, one place, fn func(c *Call, p P) (R, error)) HostFunc {
	return func(c *Call) error {
		if !c.Inst.mayLeave || len(c.Stack) < need {
			return c.refuse(need)
		}
		var p P
		for i, l := range places {
			l.liftNumber(c.Stack[i], unsafe.Pointer(&p))
		}
		r, err := fn(c, p)
		if err != nil {
			return err
		}
		c.Stack[0] = one.lowerNumber(unsafe.Pointer(&r))
		if c.scope.used {
			c.scope.finishLends(c.Inst)
		}
		return nil
	}
}

// lowerStack is the length of the stack of a lowered function, and where on it
// the pointer to the result is, -1 when the result is not in memory.
func lowerStack(paramFlat, resultFlat int) (need, outParam int) {
	need, outParam = coreParams(paramFlat), -1
	if resultFlat > layout.MaxFlatResults {
		outParam = need
		return need + 1, outParam
	}
	return max(need, resultFlat), outParam
}

// begin checks what every lowered call must: that the guest may call out, and
// that the stack is long enough.
func (c *Call) begin(need int) error {
	if !c.Inst.mayLeave || len(c.Stack) < need {
		return c.refuse(need)
	}
	return nil
}

// refuse says why the call cannot be made.
func (c *Call) refuse(need int) error {
	if err := c.Inst.checkMayLeave(); err != nil {
		return err
	}
	return trapf(TrapUnsupported, "a core stack of %d values, want %d", len(c.Stack), need)
}

// FuncType is the type of a function with these parameters, made by [Params]
// or [None], and this result.
func FuncType[P, R any](params Codec[P], result Codec[R]) *types.Func {
	ft := &types.Func{Result: result.Type()}
	if r, ok := params.Type().(*types.Record); ok {
		for _, f := range r.Fields {
			ft.Params = append(ft.Params, types.Param(f))
		}
	}
	return ft
}
