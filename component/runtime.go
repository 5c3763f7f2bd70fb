package component

import (
	"context"
	"errors"
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
	valid, err := validate.Validate(decoded, rt.cfg.validation())
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
	plan, program, err := rt.build(ctx, valid, nil, progress)
	if err != nil {
		return nil, err
	}
	if !plan.NeedsModules {
		valid = &validate.Component{Type: valid.Type} // the definitions are not needed again
	}
	return &Component{rt: rt, valid: valid, plan: plan, program: program}, nil
}

// build plans a component and compiles its core modules; modules stand for
// those that it imports, nil while they are not known.
func (rt *Runtime) build(ctx context.Context, c *validate.Component, modules []*decode.CoreModule, progress func(done, total int)) (*link.Plan, *instantiate.Program, error) {
	plan, err := link.Build(c, link.Limits{Steps: rt.cfg.planLimit, CoreInstances: rt.cfg.coreInstances}, modules)
	if err != nil {
		return nil, nil, err
	}
	program, err := instantiate.Compile(ctx, rt.engine, plan, rt.cfg.tableLimit, progress)
	return plan, program, err
}

// Component is a compiled component. It is immutable and safe for concurrent use.
type Component struct {
	rt      *Runtime
	valid   *validate.Component
	plan    *link.Plan
	program *instantiate.Program
	bound   sync.Map // *Linker -> *linked
}

// Type returns the component's type: its imports and exports in order.
func (c *Component) Type() *types.Component { return c.valid.Type }

// Imports returns what the component imports, in order.
func (c *Component) Imports() []types.Extern { return c.valid.Type.Imports }

// Exports returns what the component exports, in order.
func (c *Component) Exports() []types.Extern { return c.valid.Type.Exports }

// Close frees the compiled code. No instance of it may be alive.
func (c *Component) Close(ctx context.Context) error {
	errs := []error{c.program.Close(ctx)}
	c.bound.Range(func(_, to any) bool {
		if p := to.(*linked).program; p != c.program {
			errs = append(errs, p.Close(ctx))
		}
		return true
	})
	return errors.Join(errs...)
}
