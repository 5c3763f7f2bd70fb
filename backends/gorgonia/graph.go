package gorgonia

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/program"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
)

// graph is a loaded model.
type graph struct {
	backend *Backend
	program *program.Graph
	pool    *pool.Pool
	spares  spares

	values              bool // LoadOptions.Values
	inValues, outValues []backends.ValueInfo
	required            int // of inValues; the others have a default
	inputs              *onnxload.Inputs

	mu     sync.Mutex
	users  int // the graph itself until Close, and its contexts
	closed bool
}

var (
	_ backends.Graph          = (*graph)(nil)
	_ backends.Describer      = (*graph)(nil)
	_ backends.ValueDescriber = (*graph)(nil)
)

// Inputs returns what a computation must be given, in the model's order.
func (g *graph) Inputs() []backends.TensorInfo { return tensorInfos(g.inValues[:g.required]) }

// Outputs returns what a computation gives, in the model's order.
func (g *graph) Outputs() []backends.TensorInfo { return tensorInfos(g.outValues) }

func tensorInfos(values []backends.ValueInfo) []backends.TensorInfo {
	var infos []backends.TensorInfo
	for _, v := range values {
		info := tensorInfo(v)
		info.Dims = slices.Clone(info.Dims)
		infos = append(infos, info)
	}
	return infos
}

// InputValues returns what a computation must be given, of any kind.
func (g *graph) InputValues() []backends.ValueInfo { return slices.Clone(g.inValues[:g.required]) }

// OutputValues returns what a computation gives, of any kind.
func (g *graph) OutputValues() []backends.ValueInfo { return slices.Clone(g.outValues) }

// NewContext prepares computations.
func (g *graph) NewContext(ctx context.Context) (backends.ExecutionContext, error) {
	if ctx.Err() != nil {
		return nil, onnxload.Stopped(ctx, "preparing a computation")
	}
	if !g.retain() {
		return nil, backends.Errorf(backends.InvalidArgument, "the graph is closed")
	}
	n := len(g.inValues)
	e := &execution{g: g, ins: make([]tensor.Value, n), infos: make([]*op.Info, n), heads: make([]tensor.Tensor, n), slots: make([]op.Info, n), seen: make([]uint64, n)}
	e.run = op.NewRun(g.pool, g.backend.budget, &e.stop)
	e.run.Spare = g.spares.take
	return e, nil
}

// Close lets the graph go; contexts that there are go on. Calls after the first do
// nothing.
func (g *graph) Close() error {
	g.mu.Lock()
	again := g.closed
	g.closed = true
	g.mu.Unlock()
	if !again {
		g.release()
	}
	return nil
}

func (g *graph) retain() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.users++
	return true
}

// release ends one use; the last gives back what is counted for the graph.
func (g *graph) release() {
	g.mu.Lock()
	g.users--
	last := g.users == 0
	g.mu.Unlock()
	if !last {
		return
	}
	g.backend.mu.Lock()
	delete(g.backend.graphs, g)
	g.backend.mu.Unlock()
	g.spares.drop(true)
	g.program.Release()
}

// execution is a context for computations.
type execution struct {
	g      *graph
	run    *op.Run
	stop   atomic.Bool
	closed bool
	watch  watch

	ins   []tensor.Value
	infos []*op.Info
	heads []tensor.Tensor // of ins
	slots []op.Info       // of infos
	seen  []uint64        // per input, the turn it was last given in
	turn  uint64

	program *program.Program // of the last computation, for inputs as shapes say
	shapes  [][]int
	given   []bool
}

var (
	_ backends.ExecutionContext = (*execution)(nil)
	_ backends.ValueComputer    = (*execution)(nil)
)

// Close releases the context. Calls after the first do nothing.
func (e *execution) Close() error {
	if e.closed {
		return nil
	}
	e.closed = true
	e.watch.end()
	e.program = nil
	e.run.Close()
	e.g.release()
	return nil
}

// begin checks that a computation can begin.
func (e *execution) begin(ctx context.Context) error {
	if e.closed {
		return backends.Errorf(backends.InvalidArgument, "the execution context is closed")
	}
	if ctx.Err() != nil {
		return onnxload.Stopped(ctx, "computing")
	}
	e.watch.follow(ctx, &e.stop)
	clear(e.ins)
	clear(e.infos)
	e.turn++
	return nil
}

// Compute runs the model once.
func (e *execution) Compute(ctx context.Context, inputs []backends.NamedTensor) ([]backends.NamedTensor, error) {
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	var bad error
	err := e.g.inputs.Match(inputs, e.seen, e.turn, func(slot, i int, dims []uint32) {
		if err := e.feed(i, inputs[slot].Tensor, dims); err != nil {
			bad = err
		}
	})
	if err != nil {
		return nil, err
	}
	if bad != nil {
		return nil, bad
	}
	out, err := e.compute(ctx)
	if err != nil {
		return nil, err
	}
	results := make([]backends.NamedTensor, len(out))
	for i, v := range out {
		t, ok := v.(*tensor.Tensor)
		if !ok {
			return nil, backends.Errorf(backends.RuntimeError, "output %q turned out to be no tensor", e.g.outValues[i].Name)
		}
		r, err := e.g.toBackend(t)
		if err != nil {
			return nil, backends.Annotate(err, "output %q", e.g.outValues[i].Name)
		}
		results[i] = backends.NamedTensor{Name: e.g.outValues[i].Name, Tensor: r}
	}
	return results, nil
}

// feed makes a tensor an input, without a copy where its address and bytes allow.
func (e *execution) feed(i int, t *backends.Tensor, dims []uint32) error {
	head := &e.heads[i]
	if len(head.Shape) != len(dims) || head.Shape == nil {
		head.Shape = make([]int, len(dims))
	} else if !sameDims(head.Shape, dims) { // programs may hold the old one
		head.Shape = make([]int, len(dims))
	}
	for k, d := range dims {
		head.Shape[k] = int(d)
	}
	if err := fromBackend(head, t); err != nil {
		return backends.Annotate(err, "input %q", e.g.inValues[i].Name)
	}
	e.give(i, head)
	return nil
}

func sameDims(shape []int, dims []uint32) bool {
	for i, d := range dims {
		if shape[i] != int(d) {
			return false
		}
	}
	return true
}

func (e *execution) give(i int, v tensor.Value) {
	e.ins[i] = v
	e.slots[i] = *op.InfoOf(v)
	e.slots[i].Const = nil
	e.infos[i] = &e.slots[i]
}

// compute runs the program for the inputs that are given.
func (e *execution) compute(ctx context.Context) ([]tensor.Value, error) {
	e.run.Begin()
	defer e.run.End()
	p, err := e.compiled()
	if err != nil {
		return nil, runError(ctx, err)
	}
	out, err := p.Run(e.run, e.ins)
	if err != nil {
		return nil, runError(ctx, err)
	}
	return out, nil
}

// compiled is the program for the inputs: the last one, when they are alike.
func (e *execution) compiled() (*program.Program, error) {
	if e.program != nil && e.alike() {
		return e.program, nil
	}
	e.program = nil
	infos := make([]*op.Info, len(e.infos))
	for i, info := range e.infos {
		if info != nil {
			c := *info
			c.Shape = slices.Clone(info.Shape)
			infos[i] = &c
		}
	}
	p, err := e.g.program.Program(e.run, infos)
	if err != nil {
		return nil, err
	}
	e.program = p
	e.shapes, e.given = e.shapes[:0], e.given[:0]
	for _, info := range infos {
		e.given = append(e.given, info != nil)
		if info == nil {
			e.shapes = append(e.shapes, nil)
			continue
		}
		e.shapes = append(e.shapes, info.Shape)
	}
	return p, nil
}

// alike says whether inputs have the shapes of the last computation. Their types are
// the model's.
func (e *execution) alike() bool {
	for i, info := range e.infos {
		if (info != nil) != e.given[i] {
			return false
		}
		if info == nil {
			continue
		}
		if info.Kind != onnx.TensorKind || !slices.Equal(info.Shape, e.shapes[i]) {
			return false
		}
	}
	return true
}

// toBackend hands a tensor out that belongs to the caller. A large one comes back when
// the caller releases it.
func (g *graph) toBackend(t *tensor.Tensor) (*backends.Tensor, error) {
	if data := t.Data; len(data) >= spareBytes && tensor.BitSize(t.Type) >= 8 && t.Type != tensor.String {
		dims, err := dimsOf(t)
		if err != nil {
			return nil, err
		}
		return backends.NewOwnedTensor(dims, t.Type, data, func() { g.spares.put(data) })
	}
	return toBackend(t)
}

// toBackend hands a tensor out.
func toBackend(t *tensor.Tensor) (*backends.Tensor, error) {
	dims, err := dimsOf(t)
	if err != nil {
		return nil, err
	}
	if t.Type == tensor.String {
		return backends.NewStringTensor(dims, t.Strings)
	}
	return backends.NewTensor(dims, t.Type, onnx.Pack(t))
}

func dimsOf(t *tensor.Tensor) ([]uint32, error) {
	dims := make([]uint32, len(t.Shape))
	for i, d := range t.Shape {
		if d < 0 || d > math.MaxUint32 {
			return nil, backends.Errorf(backends.TooLarge, "a dimension of %v is more than wasi-nn can say", t.Shape)
		}
		dims[i] = uint32(d)
	}
	return dims, nil
}
