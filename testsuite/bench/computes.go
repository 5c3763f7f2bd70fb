package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/value"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/nnwit"
	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
	"github.com/wasinn/wasinn/component/wasip1"
	"github.com/wasinn/wasinn/component/wasip2"
	"github.com/wasinn/wasinn/graphreg"
	"github.com/wasinn/wasinn/guests/prebuilt"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// computeRows are computes of a guest, through each of the two doors, on ONNX
// Runtime: the guest makes the input tensor, computes, fetches the output and
// drops both, in a loop. The floor is the engine's Go interface alone, which
// makes an output tensor too; for an image it copies the input once, as what a
// guest gives has to be copied once.
//
// one-node is a model of one cheap node, which shows what a compute costs;
// image is one that looks at no more than the shape of its 602,112-byte input,
// which shows what an image costs on its way in.
func computeRows() []Row {
	row := func(name, ours, floor string, w workload, through door) Row {
		return Row{name, ours, floor, func(ctx context.Context, e *Env) (Side, Side, error) { return openCompute(ctx, e, w, through) }}
	}
	return []Row{
		row("nn.wit.one-node", "a component computes, one cheap node", "the engine's Go interface", oneNode(), throughComponent),
		row("nn.witx.one-node", "a preview 1 guest computes, one cheap node", "the engine's Go interface", oneNode(), throughPreview1),
		row("nn.wit.image", "a component computes on 602,112 bytes", "one copy and the engine's Go interface", image(), throughComponent),
		row("nn.witx.image", "a preview 1 guest computes on 602,112 bytes", "one copy and the engine's Go interface", image(), throughPreview1),
	}
}

// workload is a model and the input to compute it on.
type workload struct {
	model []byte
	name  string // of the input
	dims  []uint32
	shape string // dims as nncli takes them
	copy  bool   // the floor copies the input
}

func oneNode() workload {
	return workload{onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims(4)), "in", []uint32{4}, "4", false}
}

func image() workload {
	return workload{shapeOf([]uint32{1, 3, 224, 224}), "x", []uint32{1, 3, 224, 224}, "1x3x224x224", true}
}

// shapeOf is a model whose output is the shape of its input.
func shapeOf(dims []uint32) []byte {
	var ds []any
	for _, d := range dims {
		ds = append(ds, int(d))
	}
	return onnxtest.Model{Graph: onnxtest.Graph{
		Inputs:  []onnxtest.Value{{Name: "x", Type: onnxtest.Float, Shape: onnxtest.Dims(ds...)}},
		Outputs: []onnxtest.Value{{Name: "y", Type: onnxtest.Int64, Shape: onnxtest.Dims(len(dims))}},
		Nodes:   []onnxtest.Node{{Op: "Shape", Inputs: []string{"x"}, Outputs: []string{"y"}}},
	}}.Marshal()
}

// onnxRuntime returns the engine, or an error that is [ErrMissing].
func onnxRuntime(ctx context.Context, cfg onnxruntime.Config) (*onnxruntime.Backend, error) {
	b, err := onnxruntime.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := b.Check(ctx); err != nil {
		return nil, missing(err)
	}
	return b, nil
}

// door is a way in for a guest that computes n times on w with svc's model.
type door func(ctx context.Context, e *Env, svc *clocked, w workload) (Side, error)

func openCompute(ctx context.Context, e *Env, w workload, through door) (ours, floor Side, err error) {
	engine, err := onnxRuntime(ctx, onnxruntime.Config{})
	if err != nil {
		return nil, nil, err
	}
	svc, err := serve(e, engine, w.model)
	if err != nil {
		return nil, nil, err
	}
	if ours, err = through(ctx, e, svc, w); err != nil {
		return nil, nil, err
	}
	size, err := backends.ByteSize(w.dims, backends.FP32)
	if err != nil {
		return nil, nil, err
	}
	input, err := backends.NewTensor(w.dims, backends.FP32, rampBytes(int(size/4)))
	if err != nil {
		return nil, nil, err
	}
	floor, err = direct(ctx, e, engine, w.model, []backends.NamedTensor{{Name: w.name, Tensor: input}}, 0, w.copy)
	return ours, floor, err
}

// direct computes by an engine's Go interface.
func direct(ctx context.Context, e *Env, engine backends.Backend, model []byte, in []backends.NamedTensor, threads int, copies bool) (Side, error) {
	g, err := engine.Load(ctx, [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX, IntraOpThreads: threads})
	if err != nil {
		return nil, err
	}
	e.Defer(g.Close)
	c, err := g.NewContext(ctx)
	if err != nil {
		return nil, err
	}
	e.Defer(c.Close)
	from := in[0].Tensor.Data()
	to := make([]byte, len(from))
	return times(func() error {
		if copies {
			copy(to, from)
		}
		out, err := c.Compute(ctx, in)
		for _, o := range out {
			o.Tensor.Release()
		}
		return err
	}), nil
}

// serve serves a model under the name model.
func serve(e *Env, engine backends.Backend, model []byte) (*clocked, error) {
	dir, err := e.Dir()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "model.onnx")
	if err := os.WriteFile(path, model, 0o644); err != nil {
		return nil, err
	}
	entry, err := graphreg.ParseGraphFlag("model=" + path + ",encoding=onnx")
	if err != nil {
		return nil, err
	}
	static, err := graphreg.Static(entry)
	if err != nil {
		return nil, err
	}
	set := backends.NewSet(engine)
	reg, err := graphreg.New(graphreg.Config{Backends: set, Sources: []graphreg.Source{static}})
	if err != nil {
		return nil, err
	}
	e.Defer(reg.Close)
	svc, err := wasinn.New(wasinn.Config{Backends: set, Registry: reg})
	return &clocked{Service: svc}, err
}

// nncliArgs are for n computes of w.
func nncliArgs(w workload, n int) []string {
	return []string{"nncli", "--name", "model", "--repeat", strconv.Itoa(n), "--input", "name=" + w.name + ",dims=" + w.shape + ",fill=1"}
}

func throughComponent(ctx context.Context, e *Env, svc *clocked, w workload) (Side, error) {
	rt, err := component.NewRuntime(ctx, component.NewConfig())
	if err != nil {
		return nil, err
	}
	e.Defer(func() error { return rt.Close(ctx) })
	comp, err := rt.Compile(ctx, prebuilt.NNCLIComponent)
	if err != nil {
		return nil, err
	}
	return func(n int, t Timer) error {
		return runCommand(ctx, rt, comp, svc, wasip2.NewConfig().WithArgs(nncliArgs(w, n+1)...), n, t)
	}, nil
}

// runCommand runs a command component once, which is to compute n+1 times; all
// but the first are measured.
func runCommand(ctx context.Context, rt *component.Runtime, comp *component.Component, svc *clocked, cfg wasip2.Config, n int, t Timer) error {
	var out bytes.Buffer
	l := component.NewLinker(rt)
	if err := wasip2.AddToLinker(l, cfg.WithStdout(&out).WithStderr(&out)); err != nil {
		return err
	}
	if err := nnwit.AddToLinker(l, svc); err != nil {
		return err
	}
	inst, err := l.Instantiate(ctx, comp)
	if err != nil {
		return err
	}
	defer inst.Close(ctx)
	run, err := inst.Func("wasi:cli/run@0.2.0#run")
	if err != nil {
		return err
	}
	svc.clock(n, t)
	result, err := run.Call(ctx)
	if r, ok := result.(*value.Result); err == nil && (!ok || r.IsErr) {
		err = fmt.Errorf("run's result %v", result)
	}
	return svc.ended(err, &out)
}

func throughPreview1(ctx context.Context, e *Env, svc *clocked, w workload) (Side, error) {
	rt, err := wasip1.NewRuntime(ctx, wasip1.Options{})
	if err != nil {
		return nil, err
	}
	e.Defer(func() error { return rt.Close(ctx) })
	host, err := nnwitx.Instantiate(ctx, rt.Wazero(), svc, nnwitx.Config{})
	if err != nil {
		return nil, err
	}
	e.Defer(func() error { return host.Close(ctx) })
	m, err := rt.Compile(ctx, prebuilt.NNCLIPreview1)
	if err != nil {
		return nil, err
	}
	return func(n int, t Timer) error {
		g := host.NewGuest(nnwitx.Imports{Modern: true, LoadByName: true})
		defer g.Close()
		var out bytes.Buffer
		cfg := wasip1.NewConfig().WithArgs(nncliArgs(w, n+1)...).WithStdout(&out).WithStderr(&out)
		inst, err := rt.Instantiate(g.Context(ctx), m, cfg)
		if err != nil {
			return err
		}
		defer inst.Close(ctx)
		svc.clock(n, t)
		return svc.ended(inst.Run(g.Context(ctx)), &out)
	}, nil
}
