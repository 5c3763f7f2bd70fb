package gorgonia

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/program"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
)

// load makes a graph of bytes that have been checked. The error is *backends.Error.
func (b *Backend) load(ctx context.Context, model []byte, opts backends.LoadOptions) (backends.Graph, error) {
	if ctx.Err() != nil {
		return nil, onnxload.Stopped(ctx, "loading")
	}
	m, err := onnx.Decode(model)
	if err != nil {
		return nil, backends.Errorf(backends.InvalidEncoding, "not a usable ONNX model: %w", err)
	}
	if err := readExternal(m.Graph, opts.Path); err != nil {
		return nil, err
	}
	threads := b.pool(opts.IntraOpThreads)
	var stop atomic.Bool
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()
	run := op.NewRun(threads, b.budget, &stop)
	defer run.Close()
	prepared, err := program.Prepare(run, m, b.opts)
	if err != nil {
		return nil, modelError(ctx, err)
	}
	g := &graph{backend: b, program: prepared, pool: threads, values: opts.Values, users: 1, spares: spares{budget: b.budget}}
	if err := g.describe(); err != nil {
		prepared.Release()
		return nil, err
	}
	if err := g.compileFixed(run); err != nil {
		prepared.Release()
		return nil, modelError(ctx, err)
	}
	b.mu.Lock()
	b.graphs[g] = true
	b.mu.Unlock()
	return g, nil
}

// modelError is what a model's fault becomes: the model's own, or something that this
// engine lacks.
func modelError(ctx context.Context, err error) *backends.Error {
	var limit *op.LimitError
	var lacks *op.Unsupported
	switch {
	case ctx.Err() != nil:
		return onnxload.Stopped(ctx, "loading")
	case errors.As(err, &limit):
		return backends.Errorf(backends.TooLarge, "the model: %w", err)
	case errors.As(err, &lacks):
		return backends.Errorf(backends.UnsupportedOperation, "%w", err)
	}
	return backends.Errorf(backends.InvalidEncoding, "not a usable ONNX model: %w", err)
}

// readExternal reads the data of initializers that are in files beside the model,
// whose places onnxload has checked.
func readExternal(g *onnx.Graph, path string) error {
	var dir *os.Root
	for _, name := range g.Order {
		in := g.Initializers[name]
		if in.External == nil {
			continue
		}
		if dir == nil {
			var err error
			if dir, err = os.OpenRoot(filepath.Dir(path)); err != nil {
				return onnxload.HostError(backends.NotFound, err, "the model's folder cannot be opened")
			}
			defer dir.Close()
		}
		t, err := readTensor(dir, in.External)
		if err != nil {
			return onnxload.HostError(backends.InvalidEncoding, err, "tensor %q: its data in %q are not what its shape says", name, in.External.Location)
		}
		in.Tensor = t
	}
	return nil
}

func readTensor(dir *os.Root, e *onnx.External) (*tensor.Tensor, error) {
	size, err := onnx.PackedBytes(e.Type, e.Shape)
	if err != nil {
		return nil, err
	}
	if e.Length != 0 && e.Length != int64(size) {
		return nil, errors.New("the length is not that of the shape")
	}
	f, err := dir.Open(e.Location)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if e.Offset > info.Size() || int64(size) > info.Size()-e.Offset {
		return nil, io.ErrUnexpectedEOF
	}
	raw := tensor.Aligned(size)
	if _, err := f.ReadAt(raw, e.Offset); err != nil && !(errors.Is(err, io.EOF) && size == 0) {
		return nil, err
	}
	return onnx.Unpack(e.Type, e.Shape, raw)
}

// compileFixed compiles a graph whose inputs all have fixed shapes.
func (g *graph) compileFixed(run *op.Run) error {
	var infos []*op.Info
	for _, in := range g.program.Inputs {
		info := fixedInfo(in.Type)
		if info == nil {
			return nil
		}
		infos = append(infos, info)
	}
	infos = append(infos, make([]*op.Info, len(g.program.Optional))...)
	_, err := g.program.Program(run, infos)
	return err
}

// fixedInfo is what is known of an input whose shape is fixed, else nil.
func fixedInfo(t *onnx.Type) *op.Info {
	if t == nil || t.Kind != onnx.TensorKind || !t.HasShape {
		return nil
	}
	info := &op.Info{Kind: onnx.TensorKind, Type: t.Elem, Shape: make([]int, len(t.Dims))}
	for i, d := range t.Dims {
		if d.Size < 0 {
			return nil
		}
		info.Shape[i] = int(d.Size)
	}
	return info
}

// describe says what goes in and out, and refuses what the caller's door cannot carry.
func (g *graph) describe() error {
	for _, in := range slices.Concat(g.program.Inputs, g.program.Optional) {
		v, err := valueInfo("input", in, g.values)
		if err != nil {
			return err
		}
		g.inValues = append(g.inValues, v)
	}
	for _, out := range g.program.Outputs {
		v, err := valueInfo("output", out, g.values)
		if err != nil {
			return err
		}
		g.outValues = append(g.outValues, v)
	}
	var accepts []backends.TensorInfo
	for _, v := range g.inValues {
		accepts = append(accepts, tensorInfo(v))
	}
	g.required = len(g.program.Inputs)
	g.inputs = onnxload.NewInputs(accepts, g.required)
	return nil
}

func tensorInfo(v backends.ValueInfo) backends.TensorInfo {
	return backends.TensorInfo{Name: v.Name, Type: v.Type, Dims: v.Dims, Unranked: v.Unranked}
}

// valueInfo describes an input or output. The error is *backends.Error.
func valueInfo(side string, v *onnx.ValueInfo, values bool) (backends.ValueInfo, error) {
	t, ok := valueType(v.Type)
	switch {
	case !ok:
		return backends.ValueInfo{}, backends.Errorf(backends.UnsupportedOperation, "the model does not say what %s %q is, or this engine has no such values", side, v.Name)
	case !values && t.Kind != backends.TensorKind:
		return backends.ValueInfo{}, backends.Errorf(backends.UnsupportedOperation, "%s %q of the model is %s, wasi-nn has tensors only", side, v.Name, t)
	case !values && !t.Type.Basic():
		return backends.ValueInfo{}, backends.Errorf(backends.UnsupportedOperation, "%s %q of the model is a tensor of %s, which wasi-nn does not carry", side, v.Name, t.Type)
	}
	return backends.ValueInfo{Name: v.Name, ValueType: t}, nil
}

func valueType(t *onnx.Type) (backends.ValueType, bool) {
	if t == nil {
		return backends.ValueType{}, false
	}
	switch t.Kind {
	case onnx.TensorKind:
		v := backends.ValueType{Kind: backends.TensorKind, Type: t.Elem, Unranked: !t.HasShape}
		for _, d := range t.Dims {
			v.Dims = append(v.Dims, d.Size)
		}
		return v, t.Elem != 0
	case onnx.SequenceKind, onnx.OptionalKind, onnx.MapKind:
		elem, ok := valueType(t.Of)
		if !ok {
			return backends.ValueType{}, false
		}
		kinds := map[onnx.Kind]backends.Kind{onnx.SequenceKind: backends.SequenceKind, onnx.OptionalKind: backends.OptionalKind, onnx.MapKind: backends.MapKind}
		return backends.ValueType{Kind: kinds[t.Kind], Key: t.Elem, Elem: &elem}, true
	}
	return backends.ValueType{}, false
}
