// Package corewasm runs core WebAssembly modules. It is the only door to
// wazero: no other package of the engine knows how core code runs.
//
// A component's core modules are compiled once ([Engine.Compile]), with every
// import renamed to a group and a name, so that one compiled module serves
// every instance. The instances of one component live in a [Space]: anonymous,
// wired by an import resolver, their memories taken from a pool when they are
// made and given back when all of them are closed.
package corewasm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// PageSize is the unit of memory sizes, in bytes.
const PageSize = 1 << 16

// maxMemory is the largest memory that a module gets whatever the limit says:
// one page less than 4 GiB, since wazero counts sizes in 32 bits.
const maxMemory = 1<<32 - PageSize

// Config configures an [Engine].
type Config struct {
	// Interpreter and Compiler choose one of wazero's engines; with neither,
	// wazero compiles where it can.
	Interpreter, Compiler bool
	// CacheDir keeps compiled code between processes; empty for none.
	CacheDir string
	// MemoryLimit is the most bytes that the memories of one space have together.
	MemoryLimit uint64
	// Uninterrupted leaves out the checks by which a guest stops when its context ends.
	Uninterrupted bool
	// Workers is how many goroutines compile one module; 0 and 1 mean one.
	Workers int
}

// Engine compiles and instantiates modules. It is safe for concurrent use.
type Engine struct {
	cfg   Config
	rt    wazero.Runtime
	cache wazero.CompilationCache
	tick  api.Module // nil when uninterrupted
	pool  memoryPool
	open  openSpaces
}

// features are the core features that guests may use. Extended constants and
// tail calls are in the output of current toolchains.
const features = api.CoreFeaturesV2 | experimental.CoreFeaturesExtendedConst | experimental.CoreFeaturesTailCall

// anonymous is how every module is instantiated: without a name, so that
// instances never meet in wazero's own namespace, and without wazero's habit of
// calling _start. The random source goes unused: without one, wazero seeds a
// generator of its own for every instance, which takes 5 kB and 8 us.
var anonymous = wazero.NewModuleConfig().WithName("").WithStartFunctions().WithRandSource(rand.Reader)

// New returns an engine.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	var rc wazero.RuntimeConfig
	switch {
	case cfg.Interpreter:
		rc = wazero.NewRuntimeConfigInterpreter()
	case cfg.Compiler:
		rc = wazero.NewRuntimeConfigCompiler()
	default:
		rc = wazero.NewRuntimeConfig()
	}
	rc = rc.WithCoreFeatures(features)
	cfg.MemoryLimit = cfg.MemoryLimit / PageSize * PageSize
	e := &Engine{cfg: cfg, pool: memoryPool{size: min(cfg.MemoryLimit, maxMemory)}}
	if cfg.CacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(cfg.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("compilation cache: %w", err)
		}
		e.cache = cache
		rc = rc.WithCompilationCache(cache)
	}
	if err := e.start(ctx, rc); err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	return e, nil
}

// start makes the runtime, which panics where the compiler does not support
// the platform, and the module that ticks are imported from.
func (e *Engine) start(ctx context.Context, rc wazero.RuntimeConfig) (err error) {
	defer recovered("start the engine", &err)
	e.rt = wazero.NewRuntimeWithConfig(ctx, rc)
	if e.cfg.Uninterrupted {
		return nil
	}
	h, err := e.CompileHost(ctx, []HostFunc{{Export: tickName, Name: tickName, Results: []ValType{I32}, Fn: GoFunc(tick)}})
	if err != nil {
		return err
	}
	e.tick = h.mod
	return nil
}

// Interrupts reports whether guests stop when their context ends, which takes ticks
// in their code.
func (e *Engine) Interrupts() bool { return e.tick != nil }

// Close frees compiled code, and the memories that no space uses. Spaces are
// to be closed before.
func (e *Engine) Close(ctx context.Context) error {
	e.open.checkNone()
	var errs []error
	if e.rt != nil {
		errs = append(errs, e.rt.Close(ctx))
	}
	if e.cache != nil {
		errs = append(errs, e.cache.Close(ctx))
	}
	errs = append(errs, e.pool.close())
	return errors.Join(errs...)
}

// recovered turns a panic of wazero into an error: its compiler and its
// instantiation panic on some inputs that they should refuse.
func recovered(what string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: wazero panicked: %v", what, r)
	}
}
