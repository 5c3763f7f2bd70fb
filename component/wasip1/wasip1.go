// Package wasip1 runs core modules that use WASI preview 1.
//
//	rt, err := wasip1.NewRuntime(ctx, wasip1.Options{})
//	nn, err := nnwitx.Instantiate(ctx, rt.Wazero(), service, nnwitx.Config{})
//	m, err := rt.Compile(ctx, wasm)
//	inst, err := rt.Instantiate(ctx, m, wasip1.NewConfig().WithArgs("guest").WithStdout(os.Stdout))
//	err = inst.Run(ctx)
//
// A guest stops when its context ends, also in a loop, asleep or waiting for
// input; it cannot leave the directories that it is given; its memory, its tables
// and its open files have limits; and what it makes wazero panic about is an
// error.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
package wasip1

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/wasip1/internal/preview1"
)

// Options configure a [Runtime]. The zero value is the component package's defaults.
type Options struct {
	// Engine says how WebAssembly runs.
	Engine component.Engine
	// CacheDir keeps compiled code between processes; empty for none.
	CacheDir string
	// MemoryLimit is the most bytes of a memory, in whole pages of 64 KiB; 0 is
	// component.DefaultMemoryLimit.
	MemoryLimit uint64
	// TableLimit is the most elements of a table; 0 is
	// component.DefaultTableLimit.
	TableLimit uint32
	// Workers is how many goroutines compile a module; 0 and 1 mean one.
	Workers int
}

// Runtime compiles and instantiates core modules. It is safe for concurrent use.
type Runtime struct {
	rt    wazero.Runtime
	cache wazero.CompilationCache
	opts  Options
}

const (
	pageSize  = 1 << 16
	maxMemory = 1<<32 - pageSize // wazero counts a memory's bytes in 32 bits
	// features are those that the component engine has on as well.
	features = api.CoreFeaturesV2 | experimental.CoreFeaturesExtendedConst | experimental.CoreFeaturesTailCall
)

// The host function by which guests come by every so often.
const (
	tickModule = "wasinn:tick"
	tickName   = "tick"
	fuel       = 10_000 // loop iterations and calls between two ticks
)

// NewRuntime returns a runtime with wasi_snapshot_preview1 in it. Other host
// modules are added to [Runtime.Wazero].
func NewRuntime(ctx context.Context, opts Options) (rt *Runtime, err error) {
	defer recovered("start the engine", &err)
	if opts.MemoryLimit == 0 {
		opts.MemoryLimit = component.DefaultMemoryLimit
	}
	if opts.TableLimit == 0 {
		opts.TableLimit = component.DefaultTableLimit
	}
	opts.MemoryLimit = min(opts.MemoryLimit, maxMemory) / pageSize * pageSize
	rt = &Runtime{opts: opts}
	rc := wazero.NewRuntimeConfig()
	switch opts.Engine {
	case component.EngineCompiler:
		rc = wazero.NewRuntimeConfigCompiler()
	case component.EngineInterpreter:
		rc = wazero.NewRuntimeConfigInterpreter()
	}
	rc = rc.WithCoreFeatures(features).WithMemoryLimitPages(max(1, uint32(opts.MemoryLimit/pageSize)))
	if opts.CacheDir != "" {
		if rt.cache, err = wazero.NewCompilationCacheWithDir(opts.CacheDir); err != nil {
			return nil, fmt.Errorf("compilation cache: %w", err)
		}
		rc = rc.WithCompilationCache(rt.cache)
	}
	rt.rt = wazero.NewRuntimeWithConfig(ctx, rc)
	if err = hostModule(ctx, rt.rt); err == nil {
		_, err = rt.rt.NewHostModuleBuilder(tickModule).NewFunctionBuilder().
			WithGoFunction(api.GoFunc(tick), nil, []api.ValueType{api.ValueTypeI32}).Export(tickName).
			Instantiate(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, rt.Close(ctx))
	}
	return rt, nil
}

// tick ends a guest whose context has ended, and gives fuel to others.
func tick(ctx context.Context, stack []uint64) {
	if ctx.Err() != nil {
		panic(interrupted(ctx))
	}
	stack[0] = fuel
}

// Wazero returns wazero's runtime, for further host modules.
func (rt *Runtime) Wazero() wazero.Runtime { return rt.rt }

// Close frees compiled code and host modules. Instances are closed with it.
func (rt *Runtime) Close(ctx context.Context) error {
	var errs []error
	if rt.rt != nil {
		errs = append(errs, rt.rt.Close(ctx))
	}
	if rt.cache != nil {
		errs = append(errs, rt.cache.Close(ctx))
	}
	return errors.Join(errs...)
}

// Module is a compiled module. It is immutable and safe for concurrent use.
type Module struct {
	compiled wazero.CompiledModule
	info     *component.Module
}

// Wazero returns the module as wazero compiled it.
func (m *Module) Wazero() wazero.CompiledModule { return m.compiled }

// Info returns what the module says of itself.
func (m *Module) Info() *component.Module { return m.info }

// Close frees the compiled code. No instance of it may be alive.
func (m *Module) Close(ctx context.Context) error { return m.compiled.Close(ctx) }

// LimitError is a module that asks for more than the limits allow.
type LimitError struct{ Err error }

// Error implements error.
func (e *LimitError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *LimitError) Unwrap() error { return e.Err }

// LinkError is an import that there is no definition of.
type LinkError struct {
	Import types.CoreExtern
	Reason string // what is there instead
}

// Error names the import.
func (e *LinkError) Error() string {
	return fmt.Sprintf("import %q %q: the guest wants %s, %s", e.Import.Module, e.Import.Name, e.Import.Desc, e.Reason)
}

// Compile reads, prepares and compiles a core module. A module that is
// malformed or invalid gives an error with its offset, one that is too large
// for the limits a *[LimitError].
func (rt *Runtime) Compile(ctx context.Context, wasm []byte) (m *Module, err error) {
	defer recovered("compile", &err)
	info, err := component.ParseModule(wasm)
	if err != nil {
		return nil, err
	}
	if err := info.CheckLimits(rt.opts.MemoryLimit, rt.opts.TableLimit); err != nil {
		return nil, &LimitError{err}
	}
	ticking, err := info.WithTicks(tickModule, tickName, rt.opts.TableLimit)
	if err != nil {
		return nil, err
	}
	if rt.opts.Workers > 1 {
		ctx = experimental.WithCompilationWorkers(ctx, rt.opts.Workers)
	}
	compiled, err := rt.rt.CompileModule(ctx, ticking)
	if err != nil && rt.cache != nil {
		compiled, err = rt.compileAgain(ctx, ticking, err)
	}
	if err != nil {
		return nil, err
	}
	return &Module{compiled, info}, nil
}

// compileAgain tries again after an error that the cache may have caused.
func (rt *Runtime) compileAgain(ctx context.Context, wasm []byte, first error) (wazero.CompiledModule, error) {
	if strings.HasPrefix(first.Error(), "compilationcache: ") { // an entry that is damaged
		entries, err := filepath.Glob(filepath.Join(rt.opts.CacheDir, "wazero-*", "*"))
		for _, entry := range entries {
			err = errors.Join(err, os.Remove(entry))
		}
		if err != nil {
			return nil, fmt.Errorf("%w; the cache could not be emptied: %w", first, err)
		}
	}
	// A module that compiled but could not be written to the cache, for want of
	// space or rights, is in wazero's memory now: asking again finds it.
	return rt.rt.CompileModule(ctx, wasm)
}

// Instance is an instance of a core module, with its memory and its files. It
// is for one goroutine at a time.
type Instance struct {
	module *Module
	mod    api.Module
	guest  *preview1.Guest
}

// Instantiate makes an instance and, when the module is a reactor, calls its
// _initialize. An import without definition is a *[LinkError].
//
// The guest runs no longer than ctx lasts, and later calls no longer than their
// own contexts, sleeping included.
func (rt *Runtime) Instantiate(ctx context.Context, m *Module, cfg Config) (inst *Instance, err error) {
	defer recovered("instantiate", &err)
	if err := rt.checkImports(m); err != nil {
		return nil, err
	}
	given, err := cfg.preview1()
	if err != nil {
		return nil, err
	}
	inst = &Instance{module: m}
	if inst.guest, err = preview1.NewGuest(given); err != nil {
		return nil, err
	}
	allocating := experimental.WithMemoryAllocator(inst.context(ctx), experimental.MemoryAllocatorFunc(rt.allocate))
	mc := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	if inst.mod, err = rt.rt.InstantiateModule(allocating, m.compiled, mc); err != nil {
		return nil, errors.Join(m.translate(err), inst.Close(ctx))
	}
	if inst.mod.ExportedFunction("_initialize") != nil {
		if _, err := inst.call(ctx, "_initialize"); err != nil {
			return nil, errors.Join(err, inst.Close(ctx))
		}
	}
	return inst, nil
}

// checkImports finds imports without definition before anything runs, since
// wazero names them only in its texts.
func (rt *Runtime) checkImports(m *Module) error {
	for _, imp := range m.info.Imports() {
		host := rt.rt.Module(imp.Module)
		if host == nil {
			return &LinkError{imp, fmt.Sprintf("the host has no module %q", imp.Module)}
		}
		def, ok := host.ExportedFunctionDefinitions()[imp.Name]
		if !ok {
			return &LinkError{imp, "the host's module has no function of this name"}
		}
		if have := describe(def); have != imp.Desc {
			return &LinkError{imp, "the host has " + have}
		}
	}
	return nil
}

// describe writes a function's type as component.Module does.
func describe(def api.FunctionDefinition) string {
	s := "func (" + typeNames(def.ParamTypes()) + ")"
	switch results := def.ResultTypes(); len(results) {
	case 0:
		return s
	case 1:
		return s + " -> " + typeNames(results)
	default:
		return s + " -> (" + typeNames(results) + ")"
	}
}

func typeNames(list []api.ValueType) string {
	s := ""
	for i, t := range list {
		if i > 0 {
			s += ", "
		}
		s += api.ValueTypeName(t)
	}
	return s
}

// Module returns wazero's instance. Exports that use preview 1 cannot be called
// by it: [Instance.Run] and [Instance.Invoke] say which guest it is.
func (i *Instance) Module() api.Module { return i.mod }

// Close frees the memory and closes the files. Calling it again does nothing.
func (i *Instance) Close(ctx context.Context) error {
	var errs []error
	if i.mod != nil {
		errs = append(errs, i.mod.Close(ctx))
	}
	errs = append(errs, i.guest.Close())
	i.mod = nil
	return errors.Join(errs...)
}

// recovered turns a panic of wazero into an error: its compiler and its
// instantiation panic on some inputs that they should refuse.
func recovered(what string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: wazero panicked: %v", what, r)
	}
}
