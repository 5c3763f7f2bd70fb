//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"sync"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/internal/onnxfile"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
	"github.com/wasinn/wasinn/backends/onnxruntime/internal/ortshim"
)

// load makes a graph of a model that has been checked.
func (b *Backend) load(ctx context.Context, model *onnxfile.Model, load backends.LoadOptions) (backends.Graph, error) {
	if err := ctx.Err(); err != nil {
		return nil, onnxload.Stopped(ctx, "loading")
	}
	eng, err := b.engine()
	if err != nil {
		return nil, onnxload.HostError(backends.RuntimeError, err, "this host has no usable ONNX Runtime")
	}
	gpu, err := b.wantsGPU(eng, load.Target)
	if err != nil {
		return nil, err
	}
	opts, err := eng.optionsFor(b.cfg, load)
	if err != nil {
		return nil, onnxload.HostError(backends.RuntimeError, err, "ONNX Runtime takes no options")
	}
	defer opts.Destroy()
	if gpu {
		if err := appendCUDA(opts, b.cfg.GPUDevice); err != nil {
			return nil, onnxload.HostError(backends.RuntimeError, gpuError(err), "the GPU does not work")
		}
	}
	if len(model.External) > 0 {
		if err := opts.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", filepath.Dir(load.Path)); err != nil {
			return nil, onnxload.HostError(backends.RuntimeError, err, "ONNX Runtime takes no folder of external data")
		}
	}
	session, err := eng.newSession(ctx, model.Bytes, opts)
	if err != nil {
		return nil, loadError(ctx, err, load.Path)
	}
	g, err := newGraph(session, load.Values)
	if err != nil {
		return nil, err // not g, which would be a Graph that holds nil
	}
	return g, nil
}

// wantsGPU decides where a graph runs. The error is *backends.Error.
func (b *Backend) wantsGPU(eng *engine, target backends.Target) (bool, error) {
	if b.cfg.GPU == GPUOff {
		if target == backends.GPU {
			return false, backends.Errorf(backends.UnsupportedOperation, "target gpu: this host runs models on the CPU only (--gpu off)")
		}
		return false, nil
	}
	reason := eng.probeGPU(b.cfg)
	switch {
	case reason == nil:
		return true, nil
	case b.cfg.GPU == GPURequire:
		return false, onnxload.HostError(backends.UnsupportedOperation, reason, "this host runs models on a GPU only (--gpu require), and none works")
	}
	b.sayFallback(reason)
	return false, nil
}

// newSession creates the session and stops when ctx ends.
func (e *engine) newSession(ctx context.Context, model []byte, opts *options) (*ortshim.Session, error) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = e.lib.CancelLoad(opts.pointer) // loading then runs to its end
	})
	session, err := e.lib.NewSession(model, opts.pointer)
	if !stop() {
		<-done // it uses opts, which the caller is about to destroy
	}
	return session, err
}

// graph is a loaded model.
type graph struct {
	session   *ortshim.Session
	inputs    []backends.TensorInfo // those a computation must have
	outputs   []backends.TensorInfo
	accepts   *onnxload.Inputs // inputs, then those with a default in the model
	fixedDims [][]uint32       // of each output; nil when a size is open

	// Of a graph that was loaded with LoadOptions.Values:
	values       bool
	beyond       bool                 // inputs or outputs are more than tensors of basic types
	inputValues  []backends.ValueInfo // required inputs, then those with a default
	outputValues []backends.ValueInfo

	mu     sync.Mutex
	users  int // the graph itself until Close, and its contexts
	closed bool
}

var (
	_ backends.Graph          = (*graph)(nil)
	_ backends.Describer      = (*graph)(nil)
	_ backends.ValueDescriber = (*graph)(nil)
)

// newGraph takes the session over. The error is *backends.Error.
func newGraph(session *ortshim.Session, values bool) (*graph, error) {
	g := &graph{session: session, users: 1, values: values}
	if err := g.describe(); err != nil {
		session.Release()
		return nil, err
	}
	return g, nil
}

// describe fills in inputs and outputs, and refuses what no tensor can carry.
func (g *graph) describe() error {
	var accepts []backends.TensorInfo
	for i, info := range slices.Concat(g.session.Inputs, g.session.Overridable) {
		t, err := g.info("input", info, &g.inputValues)
		if err != nil {
			return err
		}
		if i < len(g.session.Inputs) {
			g.inputs = append(g.inputs, t)
		}
		accepts = append(accepts, t)
	}
	g.accepts = onnxload.NewInputs(accepts, len(g.inputs))
	for _, info := range g.session.Outputs {
		t, err := g.info("output", info, &g.outputValues)
		if err != nil {
			return err
		}
		g.outputs = append(g.outputs, t)
		g.fixedDims = append(g.fixedDims, fixedDims(info))
	}
	return nil
}

// info describes an input or output as a tensor and, in a graph of values, as a
// value. The error is *backends.Error.
func (g *graph) info(side string, info ortshim.Info, values *[]backends.ValueInfo) (backends.TensorInfo, error) {
	t, err := tensorInfo(side, info)
	if !g.values {
		return t, err
	}
	v, wrong := valueInfo(side, info)
	if wrong != nil {
		return t, wrong
	}
	*values = append(*values, v)
	if err != nil {
		g.beyond = true
		t = backends.TensorInfo{Name: info.Name, Unranked: true}
	}
	return t, nil
}

var kindNames = [...]string{"a value of unknown kind", "a tensor", "a sequence", "a map", "an opaque value", "a sparse tensor", "an optional value"}

func kindName(kind ortshim.Kind) string {
	if int(kind) < len(kindNames) {
		return kindNames[kind]
	}
	return kindNames[0]
}

// tensorInfo describes an input or output that is a tensor of a basic type. The
// error is *backends.Error.
func tensorInfo(side string, info ortshim.Info) (backends.TensorInfo, error) {
	if kind := info.Kinds[0]; kind != ortshim.TensorKind {
		return backends.TensorInfo{}, backends.Errorf(backends.UnsupportedOperation, "%s %q of the model is %s, wasi-nn has tensors only", side, info.Name, kindName(kind))
	}
	t := backends.TensorInfo{Name: info.Name, Type: elementType(info.Type)}
	if !t.Type.Basic() {
		return t, backends.Errorf(backends.UnsupportedOperation, "%s %q of the model is a tensor of %s, which wasi-nn has no elements for", side, info.Name, t.Type)
	}
	if err := checkRank(side, info); err != nil {
		return t, err
	}
	if info.HasShape {
		t.Dims = info.Dims
	}
	t.Unranked = !info.HasShape
	return t, nil
}

func checkRank(side string, info ortshim.Info) error {
	if info.Rank > backends.MaxRank {
		return backends.Errorf(backends.UnsupportedOperation, "%s %q of the model has %d dimensions, at most %d are supported", side, info.Name, info.Rank, backends.MaxRank)
	}
	return nil
}

// fixedDims are the dimensions of an output whose shape the model fixes, else nil.
func fixedDims(info ortshim.Info) []uint32 {
	if !info.HasShape {
		return nil
	}
	dims := make([]uint32, len(info.Dims))
	for i, d := range info.Dims {
		if d < 0 || d > math.MaxUint32 {
			return nil
		}
		dims[i] = uint32(d)
	}
	return dims
}

// Inputs returns what a computation must be given, in the model's order.
func (g *graph) Inputs() []backends.TensorInfo { return cloneInfos(g.inputs) }

// Outputs returns what a computation gives, in the model's order.
func (g *graph) Outputs() []backends.TensorInfo { return cloneInfos(g.outputs) }

func cloneInfos(infos []backends.TensorInfo) []backends.TensorInfo {
	infos = slices.Clone(infos)
	for i := range infos {
		infos[i].Dims = slices.Clone(infos[i].Dims)
	}
	return infos
}

// NewContext prepares computations. The session lives until the context is
// closed, even when the graph is closed before.
func (g *graph) NewContext(ctx context.Context) (backends.ExecutionContext, error) {
	if ctx.Err() != nil {
		return nil, onnxload.Stopped(ctx, "preparing a computation")
	}
	if !g.retain() {
		return nil, backends.Errorf(backends.InvalidArgument, "the graph is closed")
	}
	run, err := g.session.NewRun()
	if err != nil {
		g.release()
		return nil, onnxload.HostError(backends.RuntimeError, err, "no memory for a computation")
	}
	return newExecution(g, run), nil
}

// Close ends the graph's own use of the session. Calls after the first do
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

func (g *graph) release() {
	g.mu.Lock()
	g.users--
	last := g.users == 0
	g.mu.Unlock()
	if last {
		g.session.Release()
	}
}
