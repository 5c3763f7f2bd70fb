package nnwitx

import (
	"context"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
)

// Guest is what one guest holds. Handles count from 0, graphs and contexts
// apart, and are never given twice.
type Guest struct {
	host    *Host
	session *wasinn.Session
	clamp   bool

	lastMemory atomic.Pointer[memoryOf]
	lastError  atomic.Pointer[backends.Error]

	closed atomic.Bool

	mu       sync.Mutex
	mod      api.Module // when the guest is one instance that the host made
	graphs   handles[*graph]
	contexts handles[*execution]
}

func newGuest(h *Host, clamp bool) *Guest {
	return &Guest{host: h, session: wasinn.NewSession(h.svc), clamp: clamp}
}

// handles gives out numbers and never one twice. The zero value is empty.
type handles[T any] struct {
	next uint64
	live map[uint32]T
}

func (h *handles[T]) add(v T) (uint32, error) {
	if h.next > math.MaxUint32 {
		return 0, backends.Errorf(backends.TooLarge, "all 2^32 handles have been used")
	}
	if h.live == nil {
		h.live = map[uint32]T{}
	}
	n := uint32(h.next)
	h.next++
	h.live[n] = v
	return n, nil
}

// graph is what a graph's handle stands for.
type graph struct {
	g        wasinn.Graph
	unloaded atomic.Bool
}

// execution is what an execution context's handle stands for.
type execution struct {
	busy    atomic.Bool // a call works on it; all below belongs to that call
	graph   *graph
	ctx     wasinn.ExecutionContext
	infos   []backends.TensorInfo
	names   []string        // of the inputs, which infos describes if it can
	inputs  []*wasinn.Input // nil where none is set
	named   []backends.NamedTensor
	outputs []backends.NamedTensor
}

// Close closes what the guest holds.
func (g *Guest) Close() error {
	g.mu.Lock()
	if g.closed.Swap(true) {
		g.mu.Unlock()
		return nil
	}
	left := g.contexts.live
	g.contexts.live, g.graphs.live = nil, nil
	g.mu.Unlock()
	for _, x := range left {
		if x.busy.CompareAndSwap(false, true) { // else leave sees to it
			g.drop(x)
		}
	}
	return g.session.Close()
}

// drop gives back an execution's tensors.
func (g *Guest) drop(x *execution) {
	for i := range x.inputs {
		x.clearInput(i)
	}
	g.dropOutputs(x)
}

func (g *Guest) dropOutputs(x *execution) {
	if x.outputs != nil {
		g.session.Release(x.outputs...)
		x.outputs = nil
	}
}

func (x *execution) clearInput(i int) {
	if x.inputs[i] != nil {
		x.inputs[i].Release()
		x.inputs[i] = nil
	}
}

// Usage is what the guest holds, as its limits count it.
func (g *Guest) Usage() wasinn.Usage { return g.session.Usage() }

// LastError is the failure that the guest saw last, with the detail that witx
// has no place for; nil when there was none.
func (g *Guest) LastError() *wasinn.Error { return g.lastError.Load() }

// errno notes a failure of the function called name and gives it its number.
func (g *Guest) errno(ctx context.Context, name string, err error) errno {
	if err == nil {
		return success
	}
	e := backends.AsError(err)
	g.lastError.Store(e)
	n := errnoOf(g.host.cfg.ABI, g.clamp, err)
	if log := g.host.cfg.Logger; log != nil && log.Enabled(ctx, slog.LevelDebug) {
		log.LogAttrs(ctx, slog.LevelDebug, "wasi-nn", slog.String("function", name), slog.Uint64("errno", uint64(n)),
			slog.String("code", e.Code.String()), slog.String("detail", e.Detail))
	}
	return n
}

var errClosed = backends.Errorf(backends.RuntimeError, "the guest is closed")

// addGraph gives a graph a handle.
func (g *Guest) addGraph(wg wasinn.Graph) (uint32, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := error(errClosed)
	var n uint32
	if !g.closed.Load() {
		n, err = g.graphs.add(&graph{g: wg})
	}
	if err != nil {
		wg.Close()
	}
	return n, err
}

func (g *Guest) graph(handle uint32) (*graph, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gr, ok := g.graphs.live[handle]; ok {
		return gr, nil
	}
	return nil, unknown("graph", handle, g.graphs.next)
}

func unknown(what string, handle uint32, next uint64) error {
	if uint64(handle) < next {
		return backends.Errorf(backends.InvalidArgument, "%s %d is no more", what, handle)
	}
	return backends.Errorf(backends.InvalidArgument, "%s %d was never given to this guest", what, handle)
}

// unload takes a graph's handle away. Contexts made of it keep what they need
// to answer for their outputs.
func (g *Guest) unload(handle uint32) error {
	g.mu.Lock()
	gr, ok := g.graphs.live[handle]
	delete(g.graphs.live, handle)
	next := g.graphs.next
	g.mu.Unlock()
	if !ok {
		return unknown("graph", handle, next)
	}
	gr.unloaded.Store(true)
	return gr.g.Close()
}

// initContext makes an execution context and gives it a handle.
func (g *Guest) initContext(ctx context.Context, handle uint32) (uint32, error) {
	gr, err := g.graph(handle)
	if err != nil {
		return 0, err
	}
	ec, err := gr.g.NewContext(ctx)
	if err != nil {
		return 0, err
	}
	x := &execution{graph: gr, ctx: ec, infos: gr.g.Inputs()}
	x.names = make([]string, len(x.infos))
	for i := range x.infos {
		x.names[i] = x.infos[i].Name
	}
	x.inputs = make([]*wasinn.Input, len(x.infos))
	x.named = make([]backends.NamedTensor, 0, len(x.infos))
	g.mu.Lock()
	defer g.mu.Unlock()
	err = errClosed
	var n uint32
	if !g.closed.Load() {
		n, err = g.contexts.add(x)
	}
	if err != nil {
		ec.Close()
	}
	return n, err
}

// enter finds an execution context and has it to itself until leave.
func (g *Guest) enter(handle uint32) (*execution, error) {
	g.mu.Lock()
	x, ok := g.contexts.live[handle]
	next := g.contexts.next
	g.mu.Unlock()
	if !ok {
		return nil, unknown("execution context", handle, next)
	}
	if !x.busy.CompareAndSwap(false, true) {
		return nil, errBusy
	}
	return x, nil
}

// leave ends enter. When the guest was closed meanwhile, whoever of the two
// has the execution first gives its tensors back, and keeps it from all others.
func (g *Guest) leave(x *execution) {
	x.busy.Store(false)
	if g.closed.Load() && x.busy.CompareAndSwap(false, true) {
		g.drop(x)
	}
}

// finalize takes an execution context's handle away.
func (g *Guest) finalize(handle uint32) error {
	x, err := g.enter(handle)
	if err != nil {
		return err
	}
	g.mu.Lock()
	delete(g.contexts.live, handle)
	g.mu.Unlock()
	g.drop(x)
	return x.ctx.Close() // it stays busy: nothing may use it again
}

func (x *execution) checkLoaded() error {
	if x.graph.unloaded.Load() {
		return backends.Errorf(backends.InvalidArgument, "the graph of this execution context is unloaded")
	}
	return nil
}

// maxOpenInputs bounds the inputs of a model that does not say which it has.
const maxOpenInputs = 256

// inputAt checks an input's index.
func (x *execution) inputAt(index uint32) (int, error) {
	if uint64(index) < uint64(len(x.inputs)) {
		return int(index), nil
	}
	if len(x.infos) > 0 {
		return 0, backends.Errorf(backends.InvalidArgument, "input %d: the model has %d", index, len(x.infos))
	}
	if index >= maxOpenInputs {
		return 0, backends.Errorf(backends.InvalidArgument,
			"input %d: at most %d can be set of a model that does not describe itself", index, maxOpenInputs)
	}
	for len(x.inputs) <= int(index) {
		x.names = append(x.names, strconv.Itoa(len(x.names)))
		x.inputs = append(x.inputs, nil)
	}
	return int(index), nil
}

// inputNamed finds an input by its name, or by what stands for one.
func (x *execution) inputNamed(name []byte) (int, error) {
	if len(x.infos) > 0 {
		if i, ok := wasinn.Resolve(x.infos, text(name)); ok {
			return i, nil
		}
		return 0, backends.Errorf(backends.InvalidArgument, "the model has no input %q", name)
	}
	for i := range x.names {
		if x.names[i] == string(name) {
			return i, nil
		}
	}
	if len(x.inputs) >= maxOpenInputs {
		return 0, backends.Errorf(backends.InvalidArgument,
			"input %q: at most %d can be set of a model that does not describe itself", name, maxOpenInputs)
	}
	x.names = append(x.names, string(name))
	x.inputs = append(x.inputs, nil)
	return len(x.inputs) - 1, nil
}

// declared is the type that the model wants input i to have, 0 if it does not
// say.
func (x *execution) declared(i int) backends.ElementType {
	if i < len(x.infos) {
		return x.infos[i].Type
	}
	return 0
}

// setInput copies a tensor in place of input i. On an error the input is as
// before.
func (g *Guest) setInput(x *execution, i int, ty backends.ElementType, dims []uint32, data []byte) error {
	if x.inputs[i] != nil {
		return x.inputs[i].Set(dims, ty, data)
	}
	in, err := g.session.NewInput()
	if err != nil {
		return err
	}
	if err := in.Set(dims, ty, data); err != nil {
		in.Release()
		return err
	}
	x.inputs[i] = in
	return nil
}

// compute runs the model on the inputs that are set. The outputs of an earlier
// compute go first, so that they do not lie there twice.
func (g *Guest) compute(ctx context.Context, x *execution) error {
	if err := x.checkLoaded(); err != nil {
		return err
	}
	g.dropOutputs(x)
	x.named = x.named[:0]
	for i, in := range x.inputs {
		if in != nil {
			x.named = append(x.named, backends.NamedTensor{Name: x.names[i], Tensor: in.Tensor()})
		}
	}
	out, err := x.ctx.Compute(ctx, x.named)
	if err != nil {
		return err
	}
	x.outputs = out
	return nil
}

var errNoOutputs = backends.Errorf(backends.RuntimeError, "there are no outputs: compute first")

func (x *execution) outputAt(index uint32) (*backends.Tensor, error) {
	if x.outputs == nil {
		return nil, errNoOutputs
	}
	if uint64(index) >= uint64(len(x.outputs)) {
		return nil, backends.Errorf(backends.InvalidArgument, "output %d: the model has %d", index, len(x.outputs))
	}
	return x.outputs[index].Tensor, nil
}

func (x *execution) outputNamed(name []byte) (*backends.Tensor, error) {
	if x.outputs == nil {
		return nil, errNoOutputs
	}
	if i, ok := wasinn.ResolveOutput(x.outputs, text(name)); ok {
		return x.outputs[i].Tensor, nil
	}
	return nil, backends.Errorf(backends.InvalidArgument, "the model has no output %q", name)
}
