package abi

import "context"

// Handle runs one core function: what an engine's look-up gives. It is neither
// re-entrant nor safe for concurrent use. stack holds the parameters, then the
// results; it is as long as the longer of the two, or longer.
type Handle interface {
	CallWithStack(ctx context.Context, stack []uint64) error
}

// Core is what core functions that run together have in common. An engine makes
// one for all instances that share a store.
type Core struct {
	// Ctx is what handles are called with: by it, host functions find the state
	// of the instance that calls them.
	Ctx context.Context
	// Embedder is where they find the embedder's context: that of the innermost call.
	Embedder *context.Context
	// Left is how many more calls of core functions may be on the stack at once: each
	// takes room on the Go stack, whose overflow would end the process.
	Left *int
	// Refuse is the error of a call that is one too many.
	Refuse func() error
	// Trap makes of a handle's error what a call returns.
	Trap func(error) error
}

// CoreFunc is a core function of an instance. It may be called while it runs.
type CoreFunc struct {
	core *Core
	find func() (Handle, error)
	// A handle is its own stack, so that each depth of recursion takes another:
	// first is that of the outermost call, free are others that are not in use.
	first Handle
	idle  bool // first is known and not in use
	free  []Handle
}

// NewCoreFunc returns a core function that find looks up: when it is first called,
// since many are never called and looking up is slow, and again for each depth
// of recursion.
func NewCoreFunc(core *Core, find func() (Handle, error)) *CoreFunc {
	return &CoreFunc{core: core, find: find}
}

// CoreFuncOf returns f as a core function, for engines that know nothing of handles.
func CoreFuncOf(f func(ctx context.Context, stack []uint64) error) *CoreFunc {
	var at struct{ context.Context }
	left := 1000
	core := &Core{
		Ctx: &at, Embedder: &at.Context, Left: &left,
		Refuse: func() error { return trapf(TrapStackOverflow, "host and guest call each other too deep") },
		Trap:   func(err error) error { return err },
	}
	return NewCoreFunc(core, func() (Handle, error) {
		return handleFunc(func(_ context.Context, stack []uint64) error { return f(at.Context, stack) }), nil
	})
}

type handleFunc func(ctx context.Context, stack []uint64) error

func (f handleFunc) CallWithStack(ctx context.Context, stack []uint64) error { return f(ctx, stack) }

// Call calls the function for a call with ctx, which host functions see. Its
// error is what [Core.Trap] makes of the engine's.
func (f *CoreFunc) Call(ctx context.Context, stack []uint64) error {
	c := f.core
	outer := *c.Embedder
	*c.Embedder = ctx
	err := f.run(stack)
	*c.Embedder = outer
	return err
}

// run is Call where the embedder's context is in place already.
func (f *CoreFunc) run(stack []uint64) error {
	c := f.core
	if !f.idle || *c.Left <= 0 {
		return f.runAnother(stack)
	}
	f.idle = false
	*c.Left--
	err := f.first.CallWithStack(c.Ctx, stack)
	*c.Left++
	f.idle = true
	if err != nil {
		return c.Trap(err)
	}
	return nil
}

// runAnother is run for the first call, and for calls inside another of the same
// function.
func (f *CoreFunc) runAnother(stack []uint64) error {
	c := f.core
	if *c.Left <= 0 {
		return c.Refuse()
	}
	var h Handle
	if n := len(f.free); n > 0 {
		h = f.free[n-1]
		f.free = f.free[:n-1]
	} else {
		var err error
		if h, err = f.find(); err != nil {
			return err
		}
	}
	if f.first == nil {
		f.first, f.idle = h, true
		return f.run(stack)
	}
	*c.Left--
	err := h.CallWithStack(c.Ctx, stack)
	*c.Left++
	f.free = append(f.free, h)
	if err != nil {
		return c.Trap(err)
	}
	return nil
}
