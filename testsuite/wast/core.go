package wast

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/api"

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

// coreRunner compiles the core modules of a script that are not in a
// component. Its runtime is made when the first one comes.
type coreRunner struct {
	engine component.Engine
	rt     *wasip1.Runtime
}

func (r *coreRunner) close(ctx context.Context) {
	if r.rt != nil {
		r.rt.Close(ctx)
	}
}

func (r *coreRunner) compile(ctx context.Context, wasm []byte) (definition, error) {
	if r.rt == nil {
		rt, err := wasip1.NewRuntime(ctx, wasip1.Options{Engine: r.engine})
		if err != nil {
			return nil, err
		}
		r.rt = rt
	}
	m, err := r.rt.Compile(ctx, wasm)
	if err != nil {
		return nil, &coreError{err}
	}
	return coreModule{m}, nil
}

func (r *coreRunner) instantiate(ctx context.Context, m coreModule) (instance, error) {
	inst, err := r.rt.Instantiate(ctx, m.Module, wasip1.NewConfig())
	if link, ok := errors.AsType[*wasip1.LinkError](err); ok {
		return nil, skipf("core module: %v", link)
	}
	if err != nil {
		return nil, err
	}
	return coreInstance{inst}, nil
}

// coreModule is a core module.
type coreModule struct{ *wasip1.Module }

func (m coreModule) close(ctx context.Context) { m.Close(ctx) }

// coreInstance is an instance of a core module.
type coreInstance struct{ *wasip1.Instance }

func (i coreInstance) close(ctx context.Context) { i.Close(ctx) }

func (i coreInstance) act(ctx context.Context, a *Action) ([]value.Value, error) {
	if a.Type == "get" {
		g := i.Module().ExportedGlobal(a.Field)
		if g == nil {
			return nil, fmt.Errorf("the module exports no global %q", a.Field)
		}
		return coreValues([]api.ValueType{g.Type()}, []uint64{g.Get()})
	}
	f := i.Module().ExportedFunction(a.Field)
	if f == nil {
		return nil, fmt.Errorf("the module exports no function %q", a.Field)
	}
	params := f.Definition().ParamTypes()
	if len(params) != len(a.Args) {
		return nil, fmt.Errorf("%s takes %d arguments, the script gives %d", a.Field, len(params), len(a.Args))
	}
	args := make([]uint64, len(params))
	for k, v := range a.Args {
		if v.Type != api.ValueTypeName(params[k]) {
			return nil, skipf("core module: an argument of type %s", v.Type)
		}
		num, err := v.dynamic()
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", k, err)
		}
		args[k] = coreBits(num)
	}
	results, err := f.Call(ctx, args...)
	if err != nil {
		return nil, coreTrap(ctx, err)
	}
	return coreValues(f.Definition().ResultTypes(), results)
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

func coreBits(v value.Value) uint64 {
	switch v := v.(type) {
	case uint32:
		return uint64(v)
	case uint64:
		return v
	case float32:
		return api.EncodeF32(v)
	case float64:
		return api.EncodeF64(v)
	}
	return 0
}

// coreValues returns numbers as Value.dynamic does.
func coreValues(ts []api.ValueType, bits []uint64) ([]value.Value, error) {
	out := make([]value.Value, len(ts))
	for i, t := range ts {
		switch t {
		case api.ValueTypeI32:
			out[i] = uint32(bits[i])
		case api.ValueTypeI64:
			out[i] = bits[i]
		case api.ValueTypeF32:
			out[i] = api.DecodeF32(bits[i])
		case api.ValueTypeF64:
			out[i] = api.DecodeF64(bits[i])
		default:
			return nil, skipf("core module: a result of type %s", api.ValueTypeName(t))
		}
	}
	return out, nil
}
