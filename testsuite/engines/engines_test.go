// Package engines holds the engines against each other on real models.
package engines

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/testsuite/models"
)

// ort returns ONNX Runtime, or skips the test where it is not. Where CI is set it must
// be.
func ort(t testing.TB, threads int) backends.Backend {
	t.Helper()
	b, err := onnxruntime.New(onnxruntime.Config{IntraOpThreads: threads})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context()); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return b
}

func pure(t testing.TB, cfg gorgonia.Config) backends.Backend {
	t.Helper()
	b, err := gorgonia.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// open loads a model of package models and returns a function that computes it.
func open(t testing.TB, b backends.Backend, m models.Model, threads int) func() []backends.NamedTensor {
	t.Helper()
	path := filepath.Join(models.Dir(t), filepath.FromSlash(m.File()))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, err := b.Load(t.Context(), [][]byte{content}, backends.LoadOptions{Encoding: backends.ONNX, Path: path, IntraOpThreads: threads})
	if err != nil {
		t.Fatalf("%s: load: %v", b.Name(), err)
	}
	t.Cleanup(func() { g.Close() })
	c, err := g.NewContext(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	in, err := m.Tensors()
	if err != nil {
		t.Fatal(err)
	}
	return func() []backends.NamedTensor {
		out, err := c.Compute(context.Background(), in)
		if err != nil {
			t.Fatalf("%s: compute: %v", b.Name(), err)
		}
		return out
	}
}

// Tolerances of outputs: sums in another order, and exponentials of other polynomials,
// through a hundred layers.
const (
	relative = 1e-3
	absolute = 1e-4
)

// TestRealModelsAgree compares the pure Go engine, as it runs and in its reference
// modes, with ONNX Runtime.
func TestRealModelsAgree(t *testing.T) {
	reference := ort(t, 1)
	for _, m := range models.All() {
		t.Run(m.Name, func(t *testing.T) {
			want := open(t, reference, m, 1)()
			for _, cfg := range []gorgonia.Config{{IntraOpThreads: 1}, {IntraOpThreads: 2}, {Executor: gorgonia.Tape}} {
				compute := open(t, pure(t, cfg), m, cfg.IntraOpThreads)
				for range 2 {
					compare(t, fmt.Sprintf("%+v", cfg), compute(), want)
				}
			}
		})
	}
}

func compare(t *testing.T, name string, got, want []backends.NamedTensor) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d outputs, want %d", name, len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.Name != w.Name || fmt.Sprint(g.Tensor.Dims()) != fmt.Sprint(w.Tensor.Dims()) {
			t.Errorf("%s: output %q %v, want %q %v", name, g.Name, g.Tensor.Dims(), w.Name, w.Tensor.Dims())
			continue
		}
		if at, a, b := apart(g.Tensor, w.Tensor); at >= 0 {
			t.Errorf("%s: output %q: element %d is %v, ONNX Runtime has %v", name, g.Name, at, a, b)
		}
	}
}

// apart is the first element beyond the tolerance, or -1.
func apart(got, want *backends.Tensor) (at int, a, b float32) {
	g, w := floats(got), floats(want)
	for i := range w {
		d := math.Abs(float64(g[i] - w[i]))
		if !(d <= absolute+relative*math.Abs(float64(w[i]))) {
			return i, g[i], w[i]
		}
	}
	return -1, 0, 0
}

func floats(t *backends.Tensor) []float32 {
	d := t.Data()
	out := make([]float32, len(d)/4)
	for i := range out {
		out[i] = math.Float32frombits(uint32(d[4*i]) | uint32(d[4*i+1])<<8 | uint32(d[4*i+2])<<16 | uint32(d[4*i+3])<<24)
	}
	return out
}

// BenchmarkRealModels reports, for each model and number of threads, the time of the
// pure Go engine and its ratio to ONNX Runtime's, computed in turns.
func BenchmarkRealModels(b *testing.B) {
	for _, threads := range []int{1, 2} {
		for _, m := range models.All() {
			b.Run(fmt.Sprintf("%s/threads=%d", m.Name, threads), func(b *testing.B) {
				ours := open(b, pure(b, gorgonia.Config{IntraOpThreads: threads}), m, threads)
				theirs := open(b, ort(b, threads), m, threads)
				best := func(f func() []backends.NamedTensor) time.Duration {
					start := time.Now()
					for _, o := range f() {
						o.Tensor.Release()
					}
					return time.Since(start)
				}
				mine, floor := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
				for b.Loop() {
					mine = min(mine, best(ours))
					floor = min(floor, best(theirs))
				}
				b.ReportMetric(float64(mine.Microseconds()), "us")
				b.ReportMetric(float64(floor.Microseconds()), "ort-us")
				b.ReportMetric(float64(mine)/float64(floor), "ratio")
			})
		}
	}
}
