package backendtest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wasinn/wasinn/backends"
)

// Op is what an engine is asked to do when a fault strikes.
type Op string

// The operations that a Faulty engine counts, each on its own, from 0 on.
const (
	OpCheck      Op = "check"
	OpSniff      Op = "sniff"
	OpLoad       Op = "load"
	OpNewContext Op = "new context"
	OpCompute    Op = "compute"
	OpClose      Op = "close" // of graphs and contexts
)

// Fault is what goes wrong with one operation. Its parts take effect in the
// order of the fields; the zero value is none.
type Fault struct {
	// Delay passes first. The end of the context cuts it short, with code
	// Timeout, unless Deaf.
	Delay time.Duration
	// Deaf is an engine that does not notice that its context ends.
	Deaf bool
	// Panic, when not nil, is panicked with.
	Panic any
	// Err, when not nil, is returned instead of doing the operation.
	Err error
	// Mangle, when not nil, replaces the outputs of OpCompute. Outputs that it
	// leaves out it releases.
	Mangle func([]backends.NamedTensor) []backends.NamedTensor
}

// Live counts what was made and is not yet given back.
type Live struct {
	Graphs, Contexts, Tensors int64
	// Computing are the computations that are going on.
	Computing int64
}

// FaultyBackend is an engine whose operations fail on purpose.
type FaultyBackend struct {
	engine backends.Backend
	inject func(op Op, n int) Fault

	mu     sync.Mutex
	counts map[Op]int

	graphs, contexts, tensors, computing atomic.Int64
}

// Faulty wraps an engine. Before the n-th operation of a kind, counted from 0,
// it calls inject, which may be called from many goroutines at once; a nil
// inject injects nothing. Beyond the faults, the engine's own answers come
// through, and are counted; see [FaultyBackend.Live].
func Faulty(engine backends.Backend, inject func(op Op, n int) Fault) *FaultyBackend {
	if inject == nil {
		inject = func(Op, int) Fault { return Fault{} }
	}
	return &FaultyBackend{engine: engine, inject: inject, counts: make(map[Op]int)}
}

var (
	_ backends.Backend = (*FaultyBackend)(nil)
	_ backends.Checker = (*FaultyBackend)(nil)
	_ backends.Sniffer = (*FaultyBackend)(nil)
)

// Live counts what callers still hold.
func (f *FaultyBackend) Live() Live {
	return Live{f.graphs.Load(), f.contexts.Load(), f.tensors.Load(), f.computing.Load()}
}

// Count is how often an operation was asked for.
func (f *FaultyBackend) Count(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[op]
}

// strike lets the next fault of an operation take effect.
func (f *FaultyBackend) strike(ctx context.Context, op Op) (Fault, error) {
	f.mu.Lock()
	n := f.counts[op]
	f.counts[op]++
	f.mu.Unlock()
	fault := f.inject(op, n)
	if err := fault.wait(ctx); err != nil {
		return fault, err
	}
	if fault.Panic != nil {
		panic(fault.Panic)
	}
	return fault, fault.Err
}

func (f Fault) wait(ctx context.Context) error {
	if f.Delay <= 0 {
		return nil
	}
	var ended <-chan struct{}
	if !f.Deaf {
		ended = ctx.Done()
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ended:
		return backends.Errorf(backends.Timeout, "stopped: %w", context.Cause(ctx))
	}
}

// Name returns the engine's name.
func (f *FaultyBackend) Name() string { return f.engine.Name() }

// Encodings returns the engine's encodings.
func (f *FaultyBackend) Encodings() []backends.Encoding { return f.engine.Encodings() }

// Check asks the engine, when it is a Checker.
func (f *FaultyBackend) Check(ctx context.Context) error {
	if _, err := f.strike(ctx, OpCheck); err != nil {
		return err
	}
	if c, ok := f.engine.(backends.Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

// Sniff asks the engine, when it is a Sniffer. An Err means no.
func (f *FaultyBackend) Sniff(parts [][]byte) (backends.Encoding, bool) {
	if _, err := f.strike(context.Background(), OpSniff); err != nil {
		return "", false
	}
	if s, ok := f.engine.(backends.Sniffer); ok {
		return s.Sniff(parts)
	}
	return "", false
}

// Load asks the engine.
func (f *FaultyBackend) Load(ctx context.Context, parts [][]byte, opts backends.LoadOptions) (backends.Graph, error) {
	if _, err := f.strike(ctx, OpLoad); err != nil {
		return nil, err
	}
	g, err := f.engine.Load(ctx, parts, opts)
	if err != nil {
		return nil, err
	}
	f.graphs.Add(1)
	return &faultyGraph{Graph: g, f: f}, nil
}

type faultyGraph struct {
	backends.Graph
	f    *FaultyBackend
	once sync.Once
}

var _ backends.Describer = (*faultyGraph)(nil)

// Inputs are the graph's, when it is a Describer.
func (g *faultyGraph) Inputs() []backends.TensorInfo {
	if d, ok := g.Graph.(backends.Describer); ok {
		return d.Inputs()
	}
	return nil
}

// Outputs are the graph's, when it is a Describer.
func (g *faultyGraph) Outputs() []backends.TensorInfo {
	if d, ok := g.Graph.(backends.Describer); ok {
		return d.Outputs()
	}
	return nil
}

func (g *faultyGraph) NewContext(ctx context.Context) (backends.ExecutionContext, error) {
	if _, err := g.f.strike(ctx, OpNewContext); err != nil {
		return nil, err
	}
	c, err := g.Graph.NewContext(ctx)
	if err != nil {
		return nil, err
	}
	g.f.contexts.Add(1)
	return &faultyContext{ExecutionContext: c, f: g.f}, nil
}

// Close closes the graph even when a fault makes it return an error.
func (g *faultyGraph) Close() error {
	g.once.Do(func() { g.f.graphs.Add(-1) })
	err := g.Graph.Close()
	if _, fault := g.f.strike(context.Background(), OpClose); fault != nil {
		return fault
	}
	return err
}

type faultyContext struct {
	backends.ExecutionContext
	f    *FaultyBackend
	once sync.Once
}

func (c *faultyContext) Compute(ctx context.Context, inputs []backends.NamedTensor) ([]backends.NamedTensor, error) {
	c.f.computing.Add(1)
	defer c.f.computing.Add(-1)
	fault, err := c.f.strike(ctx, OpCompute)
	if err != nil {
		return nil, err
	}
	outputs, err := c.ExecutionContext.Compute(ctx, inputs)
	if err != nil {
		return nil, err
	}
	for i := range outputs {
		outputs[i].Tensor = c.f.counted(outputs[i].Tensor)
	}
	if fault.Mangle != nil {
		outputs = fault.Mangle(outputs)
	}
	return outputs, nil
}

// counted is a tensor that says when it is released.
func (f *FaultyBackend) counted(t *backends.Tensor) *backends.Tensor {
	c, err := backends.NewOwnedTensor(t.Dims(), t.Type(), t.Data(), func() {
		f.tensors.Add(-1)
		t.Release()
	})
	if err != nil {
		return t // it was a tensor before, so it is one now
	}
	f.tensors.Add(1)
	return c
}

// Close closes the context even when a fault makes it return an error.
func (c *faultyContext) Close() error {
	c.once.Do(func() { c.f.contexts.Add(-1) })
	err := c.ExecutionContext.Close()
	if _, fault := c.f.strike(context.Background(), OpClose); fault != nil {
		return fault
	}
	return err
}
