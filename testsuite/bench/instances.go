package bench

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/nnwit"
	"github.com/wasinn/wasinn/component/wasip2"
	"github.com/wasinn/wasinn/guests/prebuilt"
)

// instanceRows are fresh instances of compiled guests, made and closed. Each
// floor is the same program as one core module, compiled, its imports made
// before, instantiated and closed on wazero by hand; its memory is used again
// without being cleared, as no real host may do.
func instanceRows() []Row {
	return []Row{
		{"instance.small", "a component of two small core modules", "the same as one core module", openSmallInstance},
		{"instance.wasip2", "a command by rustc for wasip2", "the same program for preview 1, its imports empty", openCommandInstance},
	}
}

func openSmallInstance(ctx context.Context, e *Env) (ours, floor Side, err error) {
	l, c, err := linked(ctx, e, component.NewConfig())
	if err != nil {
		return nil, nil, err
	}
	rt := wazero.NewRuntime(ctx)
	e.Defer(func() error { return rt.Close(ctx) })
	host, err := floorHost(ctx, rt)
	if err != nil {
		return nil, nil, err
	}
	floor, err = freshModule(ctx, rt, host, floorWasm)
	return freshInstance(ctx, l, c), floor, err
}

func openCommandInstance(ctx context.Context, e *Env) (ours, floor Side, err error) {
	rt, err := component.NewRuntime(ctx, component.NewConfig())
	if err != nil {
		return nil, nil, err
	}
	e.Defer(func() error { return rt.Close(ctx) })
	c, err := rt.Compile(ctx, prebuilt.RustDigits)
	if err != nil {
		return nil, nil, err
	}
	svc, err := wasinn.New(wasinn.Config{Backends: backends.NewSet()})
	if err != nil {
		return nil, nil, err
	}
	l := component.NewLinker(rt)
	err = errors.Join(wasip2.AddToLinker(l, wasip2.NewConfig().WithArgs("digits")), nnwit.AddToLinker(l, svc))
	if err != nil {
		return nil, nil, err
	}
	core := wazero.NewRuntime(ctx)
	e.Defer(func() error { return core.Close(ctx) })
	floor, err = freshModule(ctx, core, nil, prebuilt.RustDigitsPreview1)
	return freshInstance(ctx, l, c), floor, err
}

// freshInstance makes and closes instances of c.
func freshInstance(ctx context.Context, l *component.Linker, c *component.Component) Side {
	return times(func() error {
		inst, err := l.Instantiate(ctx, c)
		if err != nil {
			return err
		}
		return inst.Close(ctx)
	})
}

// freshModule makes and closes instances of a core module whose imports are
// host's, or empty functions when host is nil.
func freshModule(ctx context.Context, rt wazero.Runtime, host api.Module, wasm []byte) (Side, error) {
	m, err := rt.CompileModule(ctx, wasm)
	if err != nil {
		return nil, err
	}
	if host == nil {
		if err := emptyImports(ctx, rt, m); err != nil {
			return nil, err
		}
	}
	memory := &sameMemory{}
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, _ uint64) experimental.LinearMemory { return memory }))
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	return times(func() error {
		inst, err := rt.InstantiateModule(ctx, m, cfg)
		if err != nil {
			return err
		}
		return inst.Close(ctx)
	}), nil
}

// emptyImports makes functions that do nothing of what m imports.
func emptyImports(ctx context.Context, rt wazero.Runtime, m wazero.CompiledModule) error {
	hosts := map[string]wazero.HostModuleBuilder{}
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		if hosts[module] == nil {
			hosts[module] = rt.NewHostModuleBuilder(module)
		}
		hosts[module].NewFunctionBuilder().
			WithGoFunction(api.GoFunc(func(context.Context, []uint64) {}), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	for _, b := range hosts {
		if _, err := b.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sameMemory is one memory for all instances.
type sameMemory struct{ bytes []byte }

func (m *sameMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.bytes)) {
		m.bytes = append(m.bytes, make([]byte, size-uint64(len(m.bytes)))...)
	}
	return m.bytes[:size]
}

func (*sameMemory) Free() {}
