package component

import (
	"context"
	"sync"
	"time"

	"github.com/wasinn/wasinn/component/internal/corewasm"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/instantiate"
	"github.com/wasinn/wasinn/component/internal/link"
	"github.com/wasinn/wasinn/component/internal/validate"
	"github.com/wasinn/wasinn/component/types"
)

// Runtime compiles components and owns their compiled code and memories. It is
// safe for concurrent use.
type Runtime struct {
	cfg    Config
	engine *corewasm.Engine
}

// NewRuntime returns a runtime. Close it when its instances are closed.
func NewRuntime(ctx context.Context, cfg Config) (*Runtime, error) {
	engine, err := corewasm.New(ctx, cfg.core())
	if err != nil {
		return nil, err
	}
	return &Runtime{cfg: cfg, engine: engine}, nil
}

// Close frees compiled code and memories. Instances are to be closed before.
func (rt *Runtime) Close(ctx context.Context) error { return rt.engine.Close(ctx) }

// CompileOption configures one compilation.
type CompileOption func(*compileOptions)

type compileOptions struct{ progress func(Progress) }

// WithProgress has f called as compilation proceeds, from the goroutine that compiles.
func WithProgress(f func(Progress)) CompileOption {
	return func(o *compileOptions) { o.progress = f }
}

// Compile decodes, validates and compiles a component. Errors are
// *[DecodeError] (bytes that are no component), *[ValidateError] (a component
// that breaks a rule) or *[LinkError] (a limit, or a feature that is not there).
func (rt *Runtime) Compile(ctx context.Context, wasm []byte, opts ...CompileOption) (*Component, error) {
	var o compileOptions
	for _, opt := range opts {
		opt(&o)
	}
	decoded, err := decode.Decode(wasm)
	if err != nil {
		return nil, err
	}
	valid, err := validate.Validate(decoded, validate.Features{})
	if err != nil {
		return nil, err
	}
	plan, err := link.Build(valid, link.Limits{Steps: rt.cfg.planLimit, CoreInstances: rt.cfg.coreInstances})
	if err != nil {
		return nil, err
	}
	var progress func(done, total int)
	if o.progress != nil {
		start := time.Now()
		progress = func(done, total int) {
			o.progress(Progress{Done: done, Total: total, Elapsed: time.Since(start)})
		}
	}
	program, err := instantiate.Compile(ctx, rt.engine, plan, rt.cfg.tableLimit, progress)
	if err != nil {
		return nil, err
	}
	return &Component{rt: rt, typ: valid.Type, plan: plan, program: program}, nil
}

// Component is a compiled component. It is immutable and safe for concurrent use.
type Component struct {
	rt      *Runtime
	typ     *types.Component
	plan    *link.Plan
	program *instantiate.Program
	bound   sync.Map // *Linker -> *link.Bound
}

// Type returns the component's type: its imports and exports in order.
func (c *Component) Type() *types.Component { return c.typ }

// Imports returns what the component imports, in order.
func (c *Component) Imports() []types.Extern { return c.typ.Imports }

// Exports returns what the component exports, in order.
func (c *Component) Exports() []types.Extern { return c.typ.Exports }

// Close frees the compiled code. No instance of it may be alive.
func (c *Component) Close(ctx context.Context) error { return c.program.Close(ctx) }
