package component

import (
	"context"
	"errors"

	"github.com/wasinn/wasinn/component/types"
)

// Runtime compiles components and owns their compiled code and memories. It is
// safe for concurrent use.
type Runtime struct{ cfg Config }

// NewRuntime returns a runtime. Close it when its instances are closed.
func NewRuntime(ctx context.Context, cfg Config) (*Runtime, error) {
	return &Runtime{cfg: cfg}, nil
}

// Close frees compiled code and memories. Instances are closed with it.
func (rt *Runtime) Close(ctx context.Context) error { return nil }

// CompileOption configures one compilation.
type CompileOption func(*compileOptions)

type compileOptions struct{ progress func(Progress) }

// WithProgress has f called as compilation proceeds, from the goroutine that compiles.
func WithProgress(f func(Progress)) CompileOption {
	return func(o *compileOptions) { o.progress = f }
}

// Compile decodes, validates and compiles a component. Errors are
// *[DecodeError] (bytes that are no component), *[ValidateError] (a component
// that breaks a rule) or *[LinkError] (more than the limits allow).
func (rt *Runtime) Compile(ctx context.Context, wasm []byte, opts ...CompileOption) (*Component, error) {
	return nil, errors.New("compile: the engine is not wired yet")
}

// Component is a compiled component. It is immutable and safe for concurrent use.
type Component struct{ typ *types.Component }

// Type returns the component's type: its imports and exports in order.
func (c *Component) Type() *types.Component { return c.typ }

// Imports returns what the component imports, in order.
func (c *Component) Imports() []types.Extern { return c.typ.Imports }

// Exports returns what the component exports, in order.
func (c *Component) Exports() []types.Extern { return c.typ.Exports }

// Close frees the compiled code. No instance of it may be alive.
func (c *Component) Close(ctx context.Context) error { return nil }
