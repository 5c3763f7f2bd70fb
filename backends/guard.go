package backends

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// PanicError is the cause of the RuntimeError that a panic of an engine
// becomes. It is for the host's eyes: a guest sees only that the engine broke.
type PanicError struct {
	Value any    // what the engine panicked with
	Stack []byte // of the goroutine that panicked
}

// Error returns the value and the stack.
func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }

// recovered, deferred around a call of an engine, makes an error of a panic.
func recovered(engine, doing string, err *error) {
	v := recover()
	if v == nil {
		return
	}
	*err = &Error{
		Code:   RuntimeError,
		Detail: fmt.Sprintf("backend %q broke down while %s; the host's log says more", engine, doing),
		Err:    &PanicError{Value: v, Stack: debug.Stack()},
	}
}

func guardedLoad(ctx context.Context, e Backend, parts [][]byte, opts LoadOptions) (_ Graph, err error) {
	defer recovered(e.Name(), "loading a model", &err)
	g, err := e.Load(ctx, parts, opts)
	if err != nil {
		return nil, ended(ctx, err)
	}
	guarded := &guardedGraph{inner: g, engine: e.Name()}
	if d, ok := g.(Describer); ok {
		guarded.inputs, guarded.outputs = d.Inputs(), d.Outputs()
	}
	if d, ok := g.(ValueDescriber); ok && opts.Values {
		guarded.inValues, guarded.outValues = d.InputValues(), d.OutputValues()
	}
	return guarded, nil
}

// ended makes an *Error of err, with code Timeout when it comes of ctx's end.
func ended(ctx context.Context, err error) *Error {
	e := AsError(err)
	if ctx.Err() == nil || e.Code == Timeout {
		return e
	}
	return &Error{Code: Timeout, Detail: "stopped before it was done: " + e.Detail, Err: e}
}

// guardedGraph is a Graph whose panics are errors.
type guardedGraph struct {
	inner               Graph
	engine              string
	inputs, outputs     []TensorInfo
	inValues, outValues []ValueInfo
}

func (g *guardedGraph) Inputs() []TensorInfo  { return g.inputs }
func (g *guardedGraph) Outputs() []TensorInfo { return g.outputs }

func (g *guardedGraph) InputValues() []ValueInfo  { return g.inValues }
func (g *guardedGraph) OutputValues() []ValueInfo { return g.outValues }

func (g *guardedGraph) NewContext(ctx context.Context) (_ ExecutionContext, err error) {
	defer recovered(g.engine, "making an execution context", &err)
	c, err := g.inner.NewContext(ctx)
	if err != nil {
		return nil, ended(ctx, err)
	}
	return &guardedContext{inner: c, engine: g.engine}, nil
}

func (g *guardedGraph) Close() (err error) {
	defer recovered(g.engine, "closing a graph", &err)
	return g.inner.Close()
}

// guardedContext is an ExecutionContext whose panics are errors. Once its
// engine has panicked in it, its state is unknown and it computes no more.
type guardedContext struct {
	inner  ExecutionContext
	engine string
	broken atomic.Bool
}

func (c *guardedContext) Compute(ctx context.Context, in []NamedTensor) (out []NamedTensor, err error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer recovered(c.engine, "computing", &err)
	out, err = c.inner.Compute(ctx, in)
	c.broken.Store(false)
	if err != nil {
		return nil, ended(ctx, err)
	}
	return out, nil
}

func (c *guardedContext) ComputeValues(ctx context.Context, in []NamedValue) (out []NamedValue, err error) {
	v, ok := c.inner.(ValueComputer)
	if !ok {
		return nil, Errorf(UnsupportedOperation, "backend %q computes with tensors only", c.engine)
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer recovered(c.engine, "computing", &err)
	out, err = v.ComputeValues(ctx, in)
	c.broken.Store(false)
	if err != nil {
		return nil, ended(ctx, err)
	}
	return out, nil
}

// begin marks the context as broken until its engine has come back.
func (c *guardedContext) begin() error {
	if c.broken.Swap(true) {
		return Errorf(RuntimeError, "backend %q broke down in this execution context before; make another", c.engine)
	}
	return nil
}

func (c *guardedContext) Close() (err error) {
	defer recovered(c.engine, "closing an execution context", &err)
	return c.inner.Close()
}
