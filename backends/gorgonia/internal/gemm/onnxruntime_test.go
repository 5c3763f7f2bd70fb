//go:build cgo && (linux || darwin)

package gemm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// BenchmarkAgainstONNXRuntime times products beside a MatMul in ONNX Runtime, both
// with the right operand known beforehand ("weights") and not, turn by turn in one
// run, and gives the best of each. What a run of ONNX Runtime costs besides the
// MatMul, measured with a model of one small node on the same input, is taken off.
func BenchmarkAgainstONNXRuntime(b *testing.B) {
	for _, threads := range []int{1, 2} {
		for _, s := range []struct {
			m, n, k int
			weights bool
		}{
			{512, 512, 512, true}, {512, 512, 512, false}, {128, 768, 768, true}, {49, 512, 512, true},
			{3136, 64, 64, true}, {196, 256, 2304, true}, {1, 512, 512, true}, {1, 1000, 1024, true},
			{1, 1000, 1024, false}, {1, 4096, 4096, true}, {4, 1024, 1024, true}, {8, 1024, 1024, true},
			{128, 128, 64, false}, {128, 64, 128, false}, {1024, 1024, 1024, false}, {1024, 1024, 1024, true},
		} {
			name := fmt.Sprintf("threads=%d/%dx%dx%d/weights=%v", threads, s.m, s.n, s.k, s.weights)
			b.Run(name, func(b *testing.B) { versus(b, threads, s.m, s.n, s.k, s.weights) })
		}
	}
}

// BenchmarkIntAgainstONNXRuntime does the same for MatMulInteger with uint8 by constant int8.
func BenchmarkIntAgainstONNXRuntime(b *testing.B) {
	for _, s := range [][3]int{{512, 512, 512}, {128, 768, 768}, {128, 3072, 768}, {1, 1024, 1024}, {16, 512, 512}} {
		m, n, k := s[0], s[1], s[2]
		b.Run(fmt.Sprintf("%dx%dx%d", m, n, k), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			x, w, y := newBytes(rng, m, k, false, false, 1), newBytes(rng, k, n, false, true, 0), make([]int32, m*n)
			x.data, x.ld = x.data[:m*k], k
			w.data, w.ld = w.data[:k*n], n
			packed := IntB{Packed: PackIntB(k, n, IntB{Data: w.data, LD: n, Signed: true})}
			shapes := func(g onnxtest.Graph) []byte {
				g.Inputs = []onnxtest.Value{{Name: "x", Type: onnxtest.Uint8, Shape: onnxtest.Dims(m, k)}}
				return onnxtest.Model{Graph: g}.Marshal()
			}
			theirs := newSession(b, 1, shapes(onnxtest.Graph{
				Nodes:   []onnxtest.Node{{Op: "MatMulInteger", Inputs: []string{"x", "w", "zero"}, Outputs: []string{"y"}}},
				Outputs: []onnxtest.Value{{Name: "y", Type: onnxtest.Int32, Shape: onnxtest.Dims(m, n)}},
				Initializers: []onnxtest.Tensor{
					{Name: "w", Type: onnxtest.Int8, Dims: []int64{int64(k), int64(n)}, Raw: w.data},
					{Name: "zero", Type: onnxtest.Uint8, Raw: []byte{byte(x.zero[0])}},
				},
			}), m, n, k, nil, nil, true, x.data)
			empty := newSession(b, 1, shapes(onnxtest.Graph{
				Nodes:   []onnxtest.Node{{Op: "Shape", Inputs: []string{"x"}, Outputs: []string{"y"}}},
				Outputs: []onnxtest.Value{{Name: "y", Type: onnxtest.Int64, Shape: onnxtest.Dims(2)}},
			}), m, n, k, nil, nil, true, x.data)
			report(b, "GOP/s", 2*float64(m)*float64(n)*float64(k)/1e9, theirs, empty, func() {
				GemmInt8(nil, y, n, m, n, k, IntA{Data: x.data, LD: k, Zero: x.zero}, packed, nil)
			})
		})
	}
}

func versus(b *testing.B, threads, m, n, k int, weights bool) {
	rng := rand.New(rand.NewPCG(1, 2))
	x, w, y := randoms(rng, m*k), randoms(rng, k*n), make([]float32, m*n)
	p := pool.New(threads)
	defer p.Close()
	right := B{Data: w, LD: n}
	if weights {
		right = B{Packed: PackB(k, n, w, n, false)}
	}
	theirs := newSession(b, threads, matMulModel(m, n, k, w, weights), m, n, k, x, w, weights)
	empty := newSession(b, threads, emptyModel(m, n, k, weights), m, n, k, x, w, weights)
	report(b, "GFLOP/s", 2*float64(m)*float64(n)*float64(k)/1e9, theirs, empty, func() {
		Gemm(p, y, n, m, n, k, A{Data: x, LD: k}, right, Epilogue{})
	})
}

// report times ours and theirs turn by turn.
func report(b *testing.B, unit string, ops float64, theirs, empty func(b *testing.B) float64, run func()) {
	ours, other, nothing := math.Inf(1), math.Inf(1), math.Inf(1)
	for b.Loop() {
		for range 5 {
			start := time.Now()
			run()
			ours = min(ours, time.Since(start).Seconds())
		}
		for range 5 {
			other = min(other, theirs(b))
			nothing = min(nothing, empty(b))
		}
	}
	b.ReportMetric(ops/ours, unit)
	b.ReportMetric(ops/(other-nothing), "ORT-"+unit)
	b.ReportMetric((other-nothing)/ours, "ours/ORT")
	b.ReportMetric(0, "ns/op")
}

// newSession returns a function that runs the model once, on x and w, or on bytes
// for x, and says how many seconds that took.
func newSession(b *testing.B, threads int, model []byte, m, n, k int, x, w []float32, weights bool, quantised ...[]byte) func(b *testing.B) float64 {
	b.Helper()
	backend, err := onnxruntime.New(onnxruntime.Config{})
	if err != nil {
		b.Fatal(err)
	}
	if err := backend.Check(b.Context()); err != nil {
		var missing *onnxruntime.NoLibraryError
		if errors.As(err, &missing) {
			b.Skip(err)
		}
		b.Fatal(err)
	}
	g, err := backend.Load(b.Context(), [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX, IntraOpThreads: threads})
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
	tensor := func(rows, cols int, data []float32) *backends.Tensor {
		t, err := backends.NewTensor([]uint32{uint32(rows), uint32(cols)}, backends.FP32, littleEndian(data))
		if err != nil {
			b.Fatal(err)
		}
		return t
	}
	var inputs []backends.NamedTensor
	for _, x := range quantised {
		t, err := backends.NewTensor([]uint32{uint32(m), uint32(k)}, backends.U8, x)
		if err != nil {
			b.Fatal(err)
		}
		inputs = append(inputs, backends.NamedTensor{Name: "x", Tensor: t})
	}
	if inputs == nil {
		inputs = append(inputs, backends.NamedTensor{Name: "x", Tensor: tensor(m, k, x)})
	}
	if !weights {
		inputs = append(inputs, backends.NamedTensor{Name: "w", Tensor: tensor(k, n, w)})
	}
	return func(b *testing.B) float64 {
		start := time.Now()
		outputs, err := c.Compute(b.Context(), inputs)
		took := time.Since(start).Seconds()
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range outputs {
			o.Tensor.Release()
		}
		return took
	}
}

func littleEndian(x []float32) []byte {
	out := make([]byte, 0, 4*len(x))
	for _, v := range x {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func matMulModel(m, n, k int, w []float32, weights bool) []byte {
	g := onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Inputs:  []onnxtest.Value{{Name: "x", Type: onnxtest.Float, Shape: onnxtest.Dims(m, k)}},
		Outputs: []onnxtest.Value{{Name: "y", Type: onnxtest.Float, Shape: onnxtest.Dims(m, n)}},
	}
	if weights {
		g.Initializers = []onnxtest.Tensor{{Name: "w", Type: onnxtest.Float, Dims: []int64{int64(k), int64(n)}, Raw: littleEndian(w)}}
	} else {
		g.Inputs = append(g.Inputs, onnxtest.Value{Name: "w", Type: onnxtest.Float, Shape: onnxtest.Dims(k, n)})
	}
	return onnxtest.Model{Graph: g}.Marshal()
}

// emptyModel takes the same inputs and only looks at a shape.
func emptyModel(m, n, k int, weights bool) []byte {
	g := onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Shape", Inputs: []string{"x"}, Outputs: []string{"y"}}},
		Inputs:  []onnxtest.Value{{Name: "x", Type: onnxtest.Float, Shape: onnxtest.Dims(m, k)}},
		Outputs: []onnxtest.Value{{Name: "y", Type: onnxtest.Int64, Shape: onnxtest.Dims(2)}},
	}
	if !weights {
		g.Inputs = append(g.Inputs, onnxtest.Value{Name: "w", Type: onnxtest.Float, Shape: onnxtest.Dims(k, n)})
	}
	return onnxtest.Model{Graph: g}.Marshal()
}
