// Package nntest is an engine for tests: its models are Go functions, and it
// counts what it has given out and not got back.
package nntest

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/wasinn/wasinn/backends"
)

// Model is what the engine makes of a model's bytes.
type Model struct {
	Inputs, Outputs []backends.TensorInfo
	// Compute gets the inputs in whatever order the service gives them.
	Compute func(ctx context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error)
	// Load, when set, runs at each load.
	Load func(ctx context.Context, o backends.LoadOptions) error
	// Mute makes the graph one that cannot describe itself.
	Mute bool
}

// Engine is a backends.Backend called fake that takes ONNX.
type Engine struct {
	mu     sync.Mutex
	models map[string]Model

	// What is open or not released.
	Graphs, Contexts, Tensors atomic.Int64
	// How often Load and Compute were called.
	Loads, Computes atomic.Int64
}

// New returns an engine that knows no model.
func New() *Engine { return &Engine{models: map[string]Model{}} }

// Add teaches the engine a model and returns its bytes: an ONNX ModelProto
// whose graph has the model's name and nothing else.
func (e *Engine) Add(name string, m Model) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.models[name] = m
	graph := field(2, name)
	return append([]byte{1 << 3, 8}, field(7, string(graph))...)
}

func field(num uint64, payload string) []byte {
	b := binary.AppendUvarint(nil, num<<3|2)
	b = binary.AppendUvarint(b, uint64(len(payload)))
	return append(b, payload...)
}

// Name is fake.
func (e *Engine) Name() string { return "fake" }

// Encodings is ONNX alone.
func (e *Engine) Encodings() []backends.Encoding { return []backends.Encoding{backends.ONNX} }

// Load finds the model that the bytes name.
func (e *Engine) Load(ctx context.Context, parts [][]byte, o backends.LoadOptions) (backends.Graph, error) {
	e.Loads.Add(1)
	m, ok := e.find(parts)
	if !ok {
		return nil, backends.Errorf(backends.InvalidEncoding, "no model of the fake engine")
	}
	if m.Load != nil {
		if err := m.Load(ctx, o); err != nil {
			return nil, err
		}
	}
	e.Graphs.Add(1)
	g := &graph{e: e, m: m}
	if m.Mute {
		return g, nil
	}
	return &describer{g}, nil
}

func (e *Engine) find(parts [][]byte) (Model, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, m := range e.models {
		if len(parts) == 1 && bytes.HasSuffix(parts[0], field(7, string(field(2, name)))) {
			return m, true
		}
	}
	return Model{}, false
}

type graph struct {
	e    *Engine
	m    Model
	once sync.Once
}

func (g *graph) NewContext(context.Context) (backends.ExecutionContext, error) {
	g.e.Contexts.Add(1)
	return &execution{g: g}, nil
}

func (g *graph) Close() error {
	g.once.Do(func() { g.e.Graphs.Add(-1) })
	return nil
}

type describer struct{ *graph }

func (d *describer) Inputs() []backends.TensorInfo  { return d.m.Inputs }
func (d *describer) Outputs() []backends.TensorInfo { return d.m.Outputs }

type execution struct {
	g    *graph
	once sync.Once
}

func (x *execution) Compute(ctx context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
	x.g.e.Computes.Add(1)
	return x.g.m.Compute(ctx, in)
}

func (x *execution) Close() error {
	x.once.Do(func() { x.g.e.Contexts.Add(-1) })
	return nil
}

// Output makes an output that the engine counts until it is released. data is
// copied.
func (e *Engine) Output(name string, dims []uint32, ty backends.ElementType, data []byte) backends.NamedTensor {
	own := bytes.Clone(data)
	t, err := backends.NewOwnedTensor(dims, ty, own, func() {
		e.Tensors.Add(-1)
		for i := range own { // whoever still reads it sees that it is gone
			own[i] = 0xdd
		}
	})
	if err != nil {
		panic(err)
	}
	e.Tensors.Add(1)
	return backends.NamedTensor{Name: name, Tensor: t}
}

// Identity is a model that gives its inputs back under the outputs' names.
func (e *Engine) Identity(inputs ...backends.TensorInfo) Model {
	outputs := make([]backends.TensorInfo, len(inputs))
	for i, in := range inputs {
		outputs[i] = in
		outputs[i].Name = "out_" + in.Name
	}
	return Model{Inputs: inputs, Outputs: outputs, Compute: func(_ context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
		out := make([]backends.NamedTensor, len(in))
		for i, nt := range in {
			out[i] = e.Output("out_"+nt.Name, nt.Tensor.Dims(), nt.Tensor.Type(), nt.Tensor.Data())
		}
		return out, nil
	}}
}

// Still is a model that costs as little as can be: it gives the same output
// every time and allocates nothing.
func (e *Engine) Still(in, out backends.TensorInfo, data []byte) Model {
	dims := make([]uint32, len(out.Dims))
	for i, d := range out.Dims {
		dims[i] = uint32(d)
	}
	t, err := backends.NewTensor(dims, out.Type, data)
	if err != nil {
		panic(err)
	}
	outs := []backends.NamedTensor{{Name: out.Name, Tensor: t}}
	return Model{Inputs: []backends.TensorInfo{in}, Outputs: []backends.TensorInfo{out},
		Compute: func(context.Context, []backends.NamedTensor) ([]backends.NamedTensor, error) { return outs, nil }}
}

// Open describes what is open, for a test to compare with the zero value.
type Open struct{ Graphs, Contexts, Tensors int64 }

// Open returns what is open now.
func (e *Engine) Open() Open { return Open{e.Graphs.Load(), e.Contexts.Load(), e.Tensors.Load()} }
