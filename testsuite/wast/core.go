package wast

import (
	"context"
	_ "embed" // the module spectest
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/value"
	"github.com/wasinn/wasinn/component/wasip1"
)

const stackOverflow = abi.TrapStackOverflow

func isTrap(err error) *component.Trap {
	t, _ := errors.AsType[*component.Trap](err)
	return t
}

// malformed tells whether a file was refused since it could not be read. Of a
// core module, the scripts call some things malformed that others call invalid.
func malformed(err error) bool {
	if _, ok := errors.AsType[*coreError](err); ok {
		return true
	}
	_, ok := errors.AsType[*component.DecodeError](err)
	return ok
}

// coreError is a core module that did not compile.
type coreError struct{ error }

func (e *coreError) Unwrap() error { return e.error }

// spectest is what scripts import as the module of that name.
//
//go:embed spectest/spectest.wasm
var spectest []byte

// coreRunner compiles the core modules of a script that are not in a
// component, and links them with each other. Its runtime is made when the first
// one comes.
type coreRunner struct {
	engine component.Engine
	rt     *wasip1.Runtime
	// registered are the instances that modules may import from, by name.
	registered map[string]api.Module
}

func (r *coreRunner) close(ctx context.Context) {
	if r.rt != nil {
		r.rt.Close(ctx)
	}
}

func (r *coreRunner) start(ctx context.Context) error {
	if r.rt != nil {
		return nil
	}
	rt, err := wasip1.NewRuntime(ctx, wasip1.Options{Engine: r.engine, MemoryLimit: 1 << 32})
	if err != nil {
		return err
	}
	r.rt, r.registered = rt, map[string]api.Module{}
	m, err := r.compile(ctx, spectest)
	if err != nil {
		return err
	}
	inst, err := r.instantiate(ctx, m.(coreModule))
	if err != nil {
		return err
	}
	r.registered["spectest"] = inst.Module
	return nil
}

func (r *coreRunner) compile(ctx context.Context, wasm []byte) (definition, error) {
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	m, err := r.rt.Compile(ctx, wasm)
	if err != nil {
		return nil, &coreError{err}
	}
	return coreModule{m}, nil
}

func (r *coreRunner) instantiate(ctx context.Context, m coreModule) (coreInstance, error) {
	resolving := experimental.WithImportResolver(ctx, func(name string) api.Module { return r.registered[name] })
	inst, err := r.rt.Wazero().InstantiateModule(resolving, m.Wazero(), wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return coreInstance{}, coreTrap(ctx, err)
	}
	return coreInstance{inst}, nil
}

// coreModule is a core module.
type coreModule struct{ *wasip1.Module }

func (m coreModule) close(ctx context.Context) { m.Close(ctx) }

// coreInstance is an instance of a core module.
type coreInstance struct{ api.Module }

func (i coreInstance) close(ctx context.Context) { i.Close(ctx) }

func (i coreInstance) act(ctx context.Context, a *Action) ([]value.Value, error) {
	if a.Type == "get" {
		g := i.ExportedGlobal(a.Field)
		if g == nil {
			return nil, fmt.Errorf("the module exports no global %q", a.Field)
		}
		bits := []uint64{g.Get()}
		if g.Type() == typeV128 {
			return nil, skipf("globals of type v128: wazero does not read them")
		}
		return coreValues([]api.ValueType{g.Type()}, bits), nil
	}
	f := i.ExportedFunction(a.Field)
	if f == nil {
		return nil, fmt.Errorf("the module exports no function %q", a.Field)
	}
	params := f.Definition().ParamTypes()
	if len(params) != len(a.Args) {
		return nil, fmt.Errorf("%s takes %d arguments, the script gives %d", a.Field, len(params), len(a.Args))
	}
	var args []uint64
	for k, v := range a.Args {
		num, err := v.core()
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", k, err)
		}
		args = append(args, num.bits[:slots(params[k])]...)
	}
	results, err := f.Call(ctx, args...)
	if err != nil {
		return nil, coreTrap(ctx, err)
	}
	return coreValues(f.Definition().ResultTypes(), results), nil
}

// coreTrap makes a trap of what wazero says of one. Its errors are of an
// internal type: the text is all there is.
func coreTrap(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	kind := abi.TrapCore
	if strings.Contains(err.Error(), "stack overflow") {
		kind = abi.TrapStackOverflow
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return &abi.Trap{Kind: kind, Msg: line}
}

// typeV128 is the type of vectors, which package api does not name.
const typeV128 api.ValueType = 0x7b

// slots is how many 64-bit values wazero takes for a value of type t.
func slots(t api.ValueType) int {
	if t == typeV128 {
		return 2
	}
	return 1
}

// coreValues returns the values of a function's results.
func coreValues(ts []api.ValueType, bits []uint64) []value.Value {
	out := make([]value.Value, len(ts))
	for i, t := range ts {
		c := coreValue{typ: t}
		bits = bits[copy(c.bits[:slots(t)], bits):]
		out[i] = c
	}
	return out
}
