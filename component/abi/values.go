package abi

import "github.com/wasinn/wasinn/component/abi/layout"

// spilled names, in messages, values that are in memory since they are too many
// for core values.
const spilled = "spilled values"

// liftFlatValues lifts one value, a record of parameters or a result: from
// core values, or from memory through a pointer when it has too many of them.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#lifting-and-lowering-values
func liftFlatValues[T any](cx *Context, c Codec[T], inMemory bool, vi *CoreValues) (v T, err error) {
	if !inMemory {
		return c.LiftFlat(cx, vi)
	}
	b, err := cx.view(uint32(vi.Next()), uint64(c.Size()), c.Align(), spilled)
	if err != nil {
		return v, err
	}
	return c.Load(cx, b)
}

// lowerParams lowers a record of parameters to core values, or to memory that
// it allocates when there are more than MaxFlatParams.
func lowerParams[T any](cx *Context, c Codec[T], inMemory bool, v T, vo *CoreValues) error {
	if !inMemory {
		return c.LowerFlat(cx, v, vo)
	}
	ptr, err := cx.Allocate(c.Align(), c.Size())
	if err != nil {
		return err
	}
	vo.Put(uint64(ptr))
	return c.Store(cx, v, ptr)
}

// lowerResult lowers a result to a core value, or to memory at ptr, which the
// caller gave as its last parameter, when there are more than MaxFlatResults.
func lowerResult[T any](cx *Context, c Codec[T], inMemory bool, v T, vo *CoreValues, ptr uint32) error {
	if !inMemory {
		return c.LowerFlat(cx, v, vo)
	}
	if _, err := cx.view(ptr, uint64(c.Size()), c.Align(), "the result's place"); err != nil {
		return err
	}
	return c.Store(cx, v, ptr)
}

// coreParams is the number of core parameters of a function with so many flat
// ones.
func coreParams(flat int) int {
	if flat > layout.MaxFlatParams {
		return 1
	}
	return flat
}
