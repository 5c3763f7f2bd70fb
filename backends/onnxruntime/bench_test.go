//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

func benchBackend(b *testing.B, cfg Config) *Backend {
	b.Helper()
	backend, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	needLibrary(b, backend)
	return backend
}

func benchExecution(b *testing.B, backend *Backend, model []byte, opts backends.LoadOptions) *execution {
	b.Helper()
	opts.Encoding = backends.ONNX
	g, err := backend.Load(b.Context(), [][]byte{model}, opts)
	if err != nil {
		b.Fatal(err)
	}
	c, err := g.NewContext(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		c.Close()
		g.Close()
	})
	return c.(*execution)
}

func floatInputs(b *testing.B, dims []uint32, names ...string) []backends.NamedTensor {
	b.Helper()
	inputs := make([]backends.NamedTensor, len(names))
	for i, name := range names {
		size, err := backends.ByteSize(dims, backends.FP32)
		if err != nil {
			b.Fatal(err)
		}
		t, err := backends.NewTensor(dims, backends.FP32, make([]byte, size))
		if err != nil {
			b.Fatal(err)
		}
		inputs[i] = backends.NamedTensor{Name: name, Tensor: t}
	}
	return inputs
}

// BenchmarkOneNode is one Add on float[n], as four layers see it: C calling
// itself in a loop, the shim, the engine under a context that never ends, and
// under one that may. From 2049 on the output is a view and not a copy.
func BenchmarkOneNode(b *testing.B) {
	for _, n := range []int{4, 512, 1024, 4096, 150528} {
		backend := benchBackend(b, Config{})
		e := benchExecution(b, backend, onnxtest.Add(n), backends.LoadOptions{IntraOpThreads: 1})
		inputs := floatInputs(b, []uint32{uint32(n)}, "a", "b")
		feed := func(b *testing.B) {
			if err := e.feed(inputs); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("n=%d/C loop", n), func(b *testing.B) {
			feed(b)
			if ns := e.run.Loop(len(inputs), b.N); ns < 0 {
				b.Fatal("the loop ended with an error")
			}
		})
		b.Run(fmt.Sprintf("n=%d/shim", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				feed(b)
				if err := e.run.Compute(len(inputs), false); err != nil {
					b.Fatal(err)
				}
				if out := e.run.Output(0); out.Owner != nil {
					out.Owner.Free()
				}
			}
		})
		compute := func(ctx context.Context) func(b *testing.B) {
			return func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					out, err := e.Compute(ctx, inputs)
					if err != nil {
						b.Fatal(err)
					}
					out[0].Tensor.Release()
				}
			}
		}
		b.Run(fmt.Sprintf("n=%d/Compute", n), compute(context.Background()))
		cancellable, cancel := context.WithCancel(context.Background())
		b.Run(fmt.Sprintf("n=%d/Compute cancellable", n), compute(cancellable))
		cancel()
	}
}

// BenchmarkThreads compares the pools under 1 and 8 concurrent callers, each
// with a graph of its own, on work that fills the threads.
func BenchmarkThreads(b *testing.B) {
	policies := []struct {
		name string
		cfg  Config
		load backends.LoadOptions
	}{
		{"global pool", Config{}, backends.LoadOptions{}},
		{"pool per graph", Config{Threads: PoolPerGraph}, backends.LoadOptions{}},
		{"pool per graph, spinning", Config{Threads: PoolPerGraph, Spin: true}, backends.LoadOptions{}},
		{"1 thread per graph", Config{}, backends.LoadOptions{IntraOpThreads: 1}},
	}
	for _, p := range policies {
		for _, callers := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/callers=%d", p.name, callers), func(b *testing.B) {
				benchCallers(b, p.cfg, p.load, callers)
			})
		}
	}
}

func benchCallers(b *testing.B, cfg Config, load backends.LoadOptions, callers int) {
	backend := benchBackend(b, cfg)
	inputs := floatInputs(b, []uint32{128, 128}, "in")
	model := onnxtest.MatMuls(128, 20)
	executions := make([]*execution, callers)
	for i := range executions {
		executions[i] = benchExecution(b, backend, model, load)
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, e := range executions {
		runs := b.N / callers
		if i < b.N%callers {
			runs++
		}
		wg.Go(func() {
			for range runs {
				out, err := e.Compute(context.Background(), inputs)
				if err != nil {
					b.Error(err)
					return
				}
				out[0].Tensor.Release()
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}
