package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// engine is ONNX Runtime, or skips the benchmark.
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
