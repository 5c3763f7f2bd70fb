package component

import (
	"context"
	"errors"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// Instance is a component instance. It is for one goroutine at a time.
type Instance struct{ store *Store }

// Store returns the instance's store.
func (i *Instance) Store() *Store { return i.store }

// Func returns an exported function: "name", or "instance#name" for a function
// of an exported instance, such as "wasi:cli/run@0.2.0#run". An instance name is
// matched by semver track as imports are, so that "wasi:cli/run@0.2.0#run" finds
// a guest that was built with 0.2.6.
func (i *Instance) Func(name string) (*Func, error) {
	return nil, errors.New("func: the engine is not wired yet")
}

// Close drops what the guest left, closes the slots' values and frees the
// memories. Calling it again does nothing.
func (i *Instance) Close(ctx context.Context) error { return nil }

// Func is an exported function of an instance. It is for one goroutine at a
// time, together with its instance.
type Func struct{ typ *types.Func }

// Type returns the function's type.
func (f *Func) Type() *types.Func { return f.typ }

// Call calls with dynamic values; see package value for how each type is
// spelled. The result is nil for a function without result.
//
// Errors: a *[Trap] when the guest trapped, after which the instance refuses
// calls; an *[ExitError] when it exited; another error for arguments that do
// not fit the type.
func (f *Func) Call(ctx context.Context, args ...value.Value) (value.Value, error) {
	return nil, errors.New("call: the engine is not wired yet")
}

// Call calls f with parameters and result of Go types P and R, by codecs bound
// to its type: no allocation beyond the result. Params is the codec of a record or tuple
// of the parameters; result is nil for a function without result.
func Call[P, R any](ctx context.Context, f *Func, params abi.Codec[P], result abi.Codec[R], p P) (R, error) {
	var r R
	return r, errors.New("call: the engine is not wired yet")
}
