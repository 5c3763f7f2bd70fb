package corewasm

import "context"

// Context is the context that core functions are called with: it carries the
// state of the running instance to host functions, which find it by one type
// assertion. Values of the embedder's context are not seen through it, so that
// wazero's look-ups cost nothing; host functions get the embedder's context itself.
type Context struct {
	context.Context
	// State belongs to the caller of the engine.
	State any
}

// Value implements context.Context for wazero alone.
func (*Context) Value(any) any { return nil }

// wiring is a Context while modules are instantiated.
type wiring struct {
	*Context
	answers context.Context // wazero's look-ups
}

// Value implements context.Context for wazero alone.
func (w *wiring) Value(key any) any { return w.answers.Value(key) }

// ContextOf is the Context that core code was called with, be it by a start function.
func ContextOf(ctx context.Context) *Context {
	if c, ok := ctx.(*Context); ok {
		return c
	}
	return ctx.(*wiring).Context
}

// tickName is the name of the function that guests call when their fuel runs out.
const tickName = "tick"

// fuel is how many loop iterations and calls run between two ticks: some ten
// microseconds, so that the tick's own cost does not show.
const fuel = 10_000

// tick ends a guest whose context has ended, and gives fuel to others.
func tick(c *Context, stack []uint64) error {
	if err := c.Err(); err != nil {
		return &Trap{Kind: Interrupted, Err: context.Cause(c.Context)}
	}
	stack[0] = fuel
	return nil
}
