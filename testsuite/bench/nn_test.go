package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/nnwit"
	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
	"github.com/wasinn/wasinn/component/wasip1"
	"github.com/wasinn/wasinn/component/wasip2"
	"github.com/wasinn/wasinn/graphreg"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// workload is a model and the input to compute it on.
type workload struct {
	name  string
	model []byte
	input backends.NamedTensor
	args  []string // the same input as nncli takes it
}

// workloads are a model of one cheap node, which shows what a compute costs,
// and one that looks at no more than the shape of its 602,112-byte input, which
// shows what an image costs on its way in.
func workloads(b *testing.B) []workload {
	b.Helper()
	tensor := func(dims []uint32, data []byte) *backends.Tensor {
		t, err := backends.NewTensor(dims, backends.FP32, data)
		if err != nil {
			b.Fatal(err)
		}
		return t
	}
	image := []uint32{1, 3, 224, 224}
	return []workload{
		{
			"one-node", onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims(4)),
			backends.NamedTensor{Name: "in", Tensor: tensor([]uint32{4}, make([]byte, 16))},
			[]string{"--input", "name=in,dims=4,fill=1"},
		},
		{
			"image", shapeOf(image),
			backends.NamedTensor{Name: "x", Tensor: tensor(image, make([]byte, 4*3*224*224))},
			[]string{"--input", "name=x,dims=1x3x224x224,fill=1"},
		},
	}
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

// engine is ONNX Runtime on one thread, as a one-node model needs no more.
func engine(b *testing.B) *onnxruntime.Backend {
	b.Helper()
	e, err := onnxruntime.New(onnxruntime.Config{})
	if err != nil {
		b.Fatal(err)
	}
	if err := e.Check(b.Context()); err != nil {
		b.Skip(err)
	}
	return e
}

// BenchmarkCompute measures one compute: by the engine's Go interface alone,
// which is the floor, and by a guest through each door. A guest makes the
// tensor, computes, fetches the output and drops both; nncli does so in a loop
// over b.N. The image's floor has one copy of its bytes beside it.
func BenchmarkCompute(b *testing.B) {
	for _, w := range workloads(b) {
		b.Run(w.name+"/engine", func(b *testing.B) { direct(b, w) })
		b.Run(w.name+"/component", func(b *testing.B) { throughComponent(b, w) })
		b.Run(w.name+"/preview1", func(b *testing.B) { throughPreview1(b, w) })
		if n := len(w.input.Tensor.Data()); n > 1<<10 {
			b.Run(w.name+"/copy", func(b *testing.B) {
				from, to := make([]byte, n), make([]byte, n)
				b.SetBytes(int64(n))
				for b.Loop() {
					copy(to, from)
				}
			})
		}
	}
}

func direct(b *testing.B, w workload) {
	ctx := b.Context()
	g, err := engine(b).Load(ctx, [][]byte{w.model}, backends.LoadOptions{Encoding: backends.ONNX})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	c, err := g.NewContext(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	in := []backends.NamedTensor{w.input}
	b.ReportAllocs()
	for b.Loop() {
		out, err := c.Compute(ctx, in)
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range out {
			o.Tensor.Release()
		}
	}
}

// service serves the workload's model under the name model.
func service(b *testing.B, w workload) wasinn.Service {
	b.Helper()
	path := filepath.Join(b.TempDir(), "model.onnx")
	if err := os.WriteFile(path, w.model, 0o644); err != nil {
		b.Fatal(err)
	}
	entry, err := graphreg.ParseGraphFlag("model=" + path)
	if err != nil {
		b.Fatal(err)
	}
	static, err := graphreg.Static(entry)
	if err != nil {
		b.Fatal(err)
	}
	set := backends.NewSet(engine(b))
	reg, err := graphreg.New(graphreg.Config{Backends: set, Sources: []graphreg.Source{static}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { reg.Close() })
	svc, err := wasinn.New(wasinn.Config{Backends: set, Registry: reg})
	if err != nil {
		b.Fatal(err)
	}
	return svc
}

func guest(b *testing.B, file string) []byte {
	b.Helper()
	wasm, err := os.ReadFile("../../guests/prebuilt/" + file)
	if err != nil {
		b.Fatal(err)
	}
	return wasm
}

// nncliArgs are for b.N computes of w.
func nncliArgs(w workload, n int) []string {
	return append([]string{"nncli", "--name", "model", "--repeat", strconv.Itoa(n)}, w.args...)
}

func throughComponent(b *testing.B, w workload) {
	ctx := b.Context()
	rt, err := component.NewRuntime(ctx, component.NewConfig())
	if err != nil {
		b.Fatal(err)
	}
	defer rt.Close(ctx)
	comp, err := rt.Compile(ctx, guest(b, "nncli.component.wasm"))
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	l := component.NewLinker(rt)
	if err := wasip2.AddToLinker(l, wasip2.NewConfig().WithArgs(nncliArgs(w, b.N)...).WithStdout(&out).WithStderr(&out)); err != nil {
		b.Fatal(err)
	}
	if err := nnwit.AddToLinker(l, service(b, w)); err != nil {
		b.Fatal(err)
	}
	inst, err := l.Instantiate(ctx, comp)
	if err != nil {
		b.Fatal(err)
	}
	defer inst.Close(ctx)
	run, err := inst.Func("wasi:cli/run@0.2.0#run")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if result, err := run.Call(ctx); err != nil {
		b.Fatalf("%v, %v: %s", result, err, out.String())
	}
}

func throughPreview1(b *testing.B, w workload) {
	ctx := b.Context()
	rt, err := wasip1.NewRuntime(ctx, wasip1.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer rt.Close(ctx)
	host, err := nnwitx.Instantiate(ctx, rt.Wazero(), service(b, w), nnwitx.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer host.Close(ctx)
	m, err := rt.Compile(ctx, guest(b, "nncli.p1.wasm"))
	if err != nil {
		b.Fatal(err)
	}
	g := host.NewGuest(nnwitx.Imports{Modern: true, LoadByName: true})
	defer g.Close()
	var out bytes.Buffer
	cfg := wasip1.NewConfig().WithArgs(nncliArgs(w, b.N)...).WithStdout(&out).WithStderr(&out)
	inst, err := rt.Instantiate(g.Context(ctx), m, cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer inst.Close(ctx)
	b.ReportAllocs()
	b.ResetTimer()
	if err := inst.Run(g.Context(ctx)); err != nil {
		b.Fatalf("%v: %s", err, out.String())
	}
}

// BenchmarkThreadPools measures the two policies under one and eight callers
// that compute matrix products at the same time.
func BenchmarkThreadPools(b *testing.B) {
	ctx := context.Background()
	model := onnxtest.MatMuls(128, 4)
	for _, policy := range []struct {
		name string
		pool onnxruntime.ThreadPolicy
	}{{"global", onnxruntime.GlobalPool}, {"per-graph", onnxruntime.PoolPerGraph}} {
		for _, callers := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/%d", policy.name, callers), func(b *testing.B) {
				engine(b)
				e, err := onnxruntime.New(onnxruntime.Config{Threads: policy.pool})
				if err != nil {
					b.Fatal(err)
				}
				contexts, in := callersOf(b, e, model, callers)
				b.ResetTimer()
				done := make(chan error, callers)
				for i, c := range contexts {
					go func() {
						for n := i; n < b.N; n += callers {
							out, err := c.Compute(ctx, in)
							if err != nil {
								done <- err
								return
							}
							for _, o := range out {
								o.Tensor.Release()
							}
						}
						done <- nil
					}()
				}
				for range contexts {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// callersOf makes a graph and a context for each caller, as separate guests
// that bring their model would.
func callersOf(b *testing.B, e *onnxruntime.Backend, model []byte, n int) ([]backends.ExecutionContext, []backends.NamedTensor) {
	b.Helper()
	contexts := make([]backends.ExecutionContext, n)
	var in []backends.NamedTensor
	for i := range contexts {
		g, err := e.Load(b.Context(), [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { g.Close() })
		if contexts[i], err = g.NewContext(b.Context()); err != nil {
			b.Fatal(err)
		}
		if i > 0 {
			continue
		}
		for _, info := range g.(backends.Describer).Inputs() {
			dims := make([]uint32, len(info.Dims))
			for j, d := range info.Dims {
				dims[j] = uint32(max(1, d))
			}
			size, err := backends.ByteSize(dims, info.Type)
			if err != nil {
				b.Fatal(err)
			}
			t, err := backends.NewTensor(dims, info.Type, make([]byte, size))
			if err != nil {
				b.Fatal(err)
			}
			in = append(in, backends.NamedTensor{Name: info.Name, Tensor: t})
		}
	}
	return contexts, in
}
