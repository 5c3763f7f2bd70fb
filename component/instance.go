package component

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/instantiate"
	"github.com/wasinn/wasinn/component/internal/link"
	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// Instance is a component instance. It is for one goroutine at a time.
type Instance struct {
	component *Component
	linked    *linked
	store     *Store
	running   *instantiate.Instance
	funcs     map[string]*Func
	closed    bool
}

// Component returns the component that this is an instance of.
func (i *Instance) Component() *Component { return i.component }

// Store returns the instance's store.
func (i *Instance) Store() *Store { return i.store }

// Err returns the trap or exit that ended the instance, or nil while it may be
// called.
func (i *Instance) Err() error { return clean(i.running.ABI().Poisoned()) }

// Func returns an exported function: "name", or "instance#name" for a function
// of an exported instance, such as "wasi:cli/run@0.2.0#run". An instance name is
// matched by semver track as imports are, so that "wasi:cli/run@0.2.0#run" finds
// a guest that was built with 0.2.6.
func (i *Instance) Func(name string) (*Func, error) {
	if f, ok := i.funcs[name]; ok {
		return f, nil
	}
	e, err := find(i.linked.bound.Exports, name)
	if err != nil {
		return nil, err
	}
	if e.Lift < 0 {
		return nil, fmt.Errorf("%q is a function of the host that the component exports again; it can be called without the component only", name)
	}
	f := &Func{f: i.running.Func(e.Lift), inst: i}
	if i.funcs == nil {
		i.funcs = map[string]*Func{}
	}
	i.funcs[name] = f
	return f, nil
}

// find returns the exported function that name leads to.
func find(exports []link.Export, name string) (*link.Export, error) {
	path := strings.Split(name, "#")
	for depth, step := range path {
		names := make([]string, len(exports))
		for k, e := range exports {
			names[k] = e.Name
		}
		match, ok := link.MatchName(step, names)
		if !ok {
			return nil, fmt.Errorf("the component exports no %q; it exports %s", name, quoted(path[:depth], names))
		}
		var e *link.Export
		for k := range exports {
			if exports[k].Name == match {
				e = &exports[k]
			}
		}
		last := depth == len(path)-1
		switch {
		case last && e.Type == nil:
			return nil, fmt.Errorf("%q is an instance, which is not called itself; it exports %s", name, quoted(path, exportNames(e.Exports)))
		case last:
			return e, nil
		case e.Type != nil:
			return nil, fmt.Errorf("the component exports no %q: %q is a function", name, strings.Join(path[:depth+1], "#"))
		}
		exports = e.Exports
	}
	return nil, fmt.Errorf("the component exports no %q", name)
}

func exportNames(exports []link.Export) []string {
	names := make([]string, len(exports))
	for k, e := range exports {
		names[k] = e.Name
	}
	return names
}

// quoted lists names with the path that leads to them, 10 at most.
func quoted(path, names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	var out []string
	for k, n := range names {
		if k == 10 {
			out = append(out, fmt.Sprintf("%d more", len(names)-k))
			break
		}
		out = append(out, fmt.Sprintf("%q", strings.Join(append(path[:len(path):len(path)], n), "#")))
	}
	return strings.Join(out, ", ")
}

// Run runs f on a goroutine of its own, and meanwhile what the instance has to
// do: for f to read and write streams and futures that functions of the instance
// were given or returned. f must not use the instance otherwise. Its context ends
// when ctx does, or when the guest traps.
func (i *Instance) Run(ctx context.Context, f func(ctx context.Context) error) error {
	return clean(i.store.abi.Run(ctx, f))
}

// Drain lets tasks run on that have returned their result and are not done, until
// nothing is left to do or ctx ends. Without it they run on during later calls.
func (i *Instance) Drain(ctx context.Context) error { return clean(i.store.abi.Drain(ctx)) }

// Close drops what the guest left, closes the slots' values and frees the
// memories. Calling it again does nothing.
func (i *Instance) Close(ctx context.Context) error {
	if i.closed {
		return nil
	}
	if i.running.Running() {
		return errors.New("close: the instance is running: it can be closed when its calls have returned")
	}
	i.running.CheckIdle()
	i.closed = true
	i.running.ABI().Poison(errors.New("the instance was closed"))
	return errors.Join(i.store.close(ctx), i.running.Close(ctx))
}

// Func is an exported function of an instance. It is for one goroutine at a
// time, together with its instance.
type Func struct {
	f    *abi.Func
	inst *Instance
	// The types of the codecs that Call has checked.
	params, result types.ValType
	checked        bool
}

// Type returns the function's type.
func (f *Func) Type() *types.Func { return f.f.Signature().Type() }

// Instance returns the instance that the function is of.
func (f *Func) Instance() *Instance { return f.inst }

// Call calls with dynamic values; see package value for how each type is
// spelled. The result is nil for a function without result.
//
// Errors: a *[Trap] when the guest trapped, after which the instance refuses
// calls; an *[ExitError] when it exited; another error for arguments that do
// not fit the type.
func (f *Func) Call(ctx context.Context, args ...value.Value) (value.Value, error) {
	v, err := abi.CallDynamic(ctx, f.f, args)
	if err != nil {
		return nil, clean(err)
	}
	return v, nil
}

// Typed is a function with parameters and result of Go types P and R.
type Typed[P, R any] struct{ t *abi.Typed[P, R] }

// Bind returns f as a function of Go types, by codecs of its type: params is
// made by [abi.Params]; [abi.None] stands for no parameters and no result. It
// is an error when they are not of f's type.
func Bind[P, R any](f *Func, params abi.Codec[P], result abi.Codec[R]) (Typed[P, R], error) {
	t, err := abi.Bind(f.f, params, result)
	if err != nil {
		return Typed[P, R]{}, err
	}
	t.NameErrors(clean)
	return Typed[P, R]{t}, nil
}

// Call calls the function. It allocates nothing beyond the result. Errors are
// as for [Func.Call].
func (t Typed[P, R]) Call(ctx context.Context, p P) (R, error) {
	return t.t.Call(ctx, p)
}

// CallView is Call with a result that may be a view of guest memory: use is
// called with it and must not keep it.
func (t Typed[P, R]) CallView(ctx context.Context, p P, use func(R) error) error {
	return t.t.CallView(ctx, p, use)
}

// Call is [Bind] and [Typed.Call] in one: types are compared at the first call
// with a pair of codecs.
func Call[P, R any](ctx context.Context, f *Func, params abi.Codec[P], result abi.Codec[R], p P) (R, error) {
	if err := check(f, params, result); err != nil {
		var r R
		return r, err
	}
	r, err := abi.CallFunc(ctx, f.f, params, result, p)
	if err != nil {
		err = clean(err)
	}
	return r, err
}

// CallRaw calls with core values, for callers that lift and lower themselves:
// lower puts the core parameters on the stack, and may ask cx for memory; use
// sees the core results and a view of memory, nil when the function has none,
// before post-return. Neither may keep what it is given. A nil lower is for a function
// without parameters, a nil use for one whose result is not wanted.
func (f *Func) CallRaw(ctx context.Context, lower func(cx *abi.Context, stack []uint64) error, use func(memory []byte, stack []uint64) error) error {
	if lower == nil {
		lower = func(*abi.Context, []uint64) error { return nil }
	}
	if use == nil {
		use = func([]byte, []uint64) error { return nil }
	}
	if err := abi.CallRaw(ctx, f.f, lower, use); err != nil {
		return clean(err)
	}
	return nil
}

// check compares the codecs' types with the function's, once for each pair.
func check[P, R any](f *Func, params abi.Codec[P], result abi.Codec[R]) error {
	pt, rt := params.Type(), result.Type()
	if f.checked && f.params == pt && f.result == rt {
		return nil
	}
	if err := abi.CheckFunc(f.f, params, result); err != nil {
		return err
	}
	f.params, f.result, f.checked = pt, rt, true
	return nil
}
