package conv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// layer is a convolution to measure: square, of one image.
type layer struct {
	name                         string
	in, out, group, size         int
	kernel, stride, pad, repeats int
}

var layers = []layer{
	{"64x56x56 3x3", 64, 64, 1, 56, 3, 1, 1, 4},
	{"128x28x28 3x3", 128, 128, 1, 28, 3, 1, 1, 4},
	{"256x14x14 3x3", 256, 256, 1, 14, 3, 1, 1, 4},
	{"512x7x7 3x3", 512, 512, 1, 7, 3, 1, 1, 4},
	{"512x7x7 1x1", 512, 512, 1, 7, 1, 1, 0, 4},
	{"64x56x56 3x3 stride 2", 64, 128, 1, 56, 3, 2, 1, 1},
	{"3x224x224 7x7 stride 2", 3, 64, 1, 224, 7, 2, 3, 1},
	{"3x224x224 3x3 stride 2", 3, 32, 1, 224, 3, 2, 1, 1},
	{"64x56x56 1x1", 64, 64, 1, 56, 1, 1, 0, 4},
	{"256x14x14 1x1", 256, 256, 1, 14, 1, 1, 0, 4},
	{"96x56x56 depthwise 3x3", 96, 96, 96, 56, 3, 1, 1, 4},
	{"192x28x28 depthwise 3x3", 192, 192, 192, 28, 3, 1, 1, 4},
	{"96x112x112 depthwise 3x3 stride 2", 96, 96, 96, 112, 3, 2, 1, 1},
	{"576x14x14 depthwise 3x3", 576, 576, 576, 14, 3, 1, 1, 4},
	{"240x28x28 depthwise 5x5", 240, 240, 240, 28, 5, 1, 2, 4},
	{"144x28x28 depthwise 5x5 stride 2", 144, 144, 144, 28, 5, 2, 2, 1},
}

func (l layer) outSize() int { return (l.size+2*l.pad-l.kernel)/l.stride + 1 }

// flops of one layer.
func (l layer) flops() float64 {
	return 2 * float64(l.out*l.in/l.group*l.kernel*l.kernel*l.outSize()*l.outSize())
}

// peer is the same layer, repeats times in a row so that what happens at a graph's
// ends counts less, in ONNX Runtime on one thread. Its time is that of one layer.
func (l layer) peer(b *testing.B, weights, bias []float32) func() {
	engine, err := onnxruntime.New(onnxruntime.Config{IntraOpThreads: 1, InterOpThreads: 1, GPU: onnxruntime.GPUOff, Threads: onnxruntime.PoolPerGraph})
	if err != nil {
		b.Fatal(err)
	}
	var missing *onnxruntime.NoLibraryError
	if err := engine.Check(b.Context()); errors.As(err, &missing) && os.Getenv("CI") == "" {
		b.Skip(err)
	} else if err != nil {
		b.Fatal(err)
	}
	k, s, p := int64(l.kernel), int64(l.stride), int64(l.pad)
	var nodes []onnxtest.Node
	last := "in"
	for i := range l.repeats {
		conv, next := fmt.Sprint("conv", i), fmt.Sprint("relu", i)
		nodes = append(nodes, onnxtest.Node{Op: "Conv", Inputs: []string{last, "w", "b"}, Outputs: []string{conv}, Attrs: []onnxtest.Attr{
			onnxtest.IntsAttr("kernel_shape", k, k), onnxtest.IntsAttr("strides", s, s), onnxtest.IntsAttr("pads", p, p, p, p), onnxtest.IntAttr("group", int64(l.group)),
		}}, onnxtest.Node{Op: "Relu", Inputs: []string{conv}, Outputs: []string{next}})
		last = next
	}
	model := onnxtest.Model{Graph: onnxtest.Graph{
		Nodes:   nodes,
		Inputs:  []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: onnxtest.Dims(1, l.in, l.size, l.size)}},
		Outputs: []onnxtest.Value{{Name: last, Type: onnxtest.Float, Shape: onnxtest.Dims(1, l.out, l.outSize(), l.outSize())}},
		Initializers: []onnxtest.Tensor{
			{Name: "w", Type: onnxtest.Float, Dims: []int64{int64(l.out), int64(l.in / l.group), k, k}, Raw: onnxtest.Floats(weights...)},
			{Name: "b", Type: onnxtest.Float, Dims: []int64{int64(l.out)}, Raw: onnxtest.Floats(bias...)},
		},
	}}.Marshal()
	graph, err := engine.Load(b.Context(), [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { graph.Close() })
	run, err := graph.NewContext(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { run.Close() })
	raw := make([]byte, 4*l.in*l.size*l.size)
	for i := range raw[:len(raw)/4] {
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(float32(i%17)/17))
	}
	input, err := backends.NewTensor([]uint32{1, uint32(l.in), uint32(l.size), uint32(l.size)}, backends.FP32, raw)
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		out, err := run.Compute(b.Context(), []backends.NamedTensor{{Name: "in", Tensor: input}})
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range out {
			o.Tensor.Release()
		}
	}
}

// BenchmarkLayers measures layers of real models on one thread, in turns with ONNX
// Runtime: GFLOP/s of both, and the ratio, which alone can be compared between
// machines and days. Each layer is followed by Relu.
func BenchmarkLayers(b *testing.B) {
	for _, l := range layers {
		b.Run(l.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			weights, bias := numbers(r, l.out*l.in/l.group*l.kernel*l.kernel), numbers(r, l.out)
			for i := range weights {
				weights[i] /= float32(l.in * l.kernel)
			}
			peer := l.peer(b, weights, bias)
			size := []int{l.size, l.size}
			src, dst := numbers(r, l.in*l.size*l.size), make([]float32, l.out*l.outSize()*l.outSize())
			c, err := Prepare(Spec{Window: Window{Kernel: []int{l.kernel, l.kernel}, Strides: []int{l.stride, l.stride},
				PadsBegin: []int{l.pad, l.pad}, PadsEnd: []int{l.pad, l.pad}},
				InChannels: l.in, OutChannels: l.out, Group: l.group, Activation: Activation{Kind: Relu}}, weights, bias)
			if err != nil {
				b.Fatal(err)
			}
			var ours, theirs []float64
			for b.Loop() {
				// As many runs in a row as theirs, from one buffer to another and back.
				start := time.Now()
				from, to := src, dst
				for range l.repeats {
					if err := c.Run(nil, to, from, nil, 1, size); err != nil {
						b.Fatal(err)
					}
					from, to = to, from
				}
				middle := time.Now()
				peer()
				ours = append(ours, middle.Sub(start).Seconds()/float64(l.repeats))
				theirs = append(theirs, time.Since(middle).Seconds()/float64(l.repeats))
			}
			// The shortest of many, for others use the machine too.
			a, o := slices.Min(ours), slices.Min(theirs)
			b.ReportMetric(l.flops()/a/1e9, "GFLOP/s")
			b.ReportMetric(l.flops()/o/1e9, "ORT-GFLOP/s")
			b.ReportMetric(o/a, "of-ORT")
			b.ReportMetric(0, "ns/op")
		})
	}
}
