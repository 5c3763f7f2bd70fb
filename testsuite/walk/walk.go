// Package walk makes what the guest in guests/walk works with: models of
// SqueezeNet's and MobileNetV2's topology with seeded weights, and pictures.
// They are made when a test runs, and never committed.
package walk

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/wasinn/wasinn/internal/onnxtest"
)

// network grows node by node; last is the name of the value made last, and
// channels its channels.
type network struct {
	random   *rand.Rand
	nodes    []onnxtest.Node
	weights  []onnxtest.Tensor
	last     string
	channels int
}

func newNetwork(seed uint64) *network {
	return &network{random: rand.New(rand.NewPCG(seed, 0)), last: "data", channels: 3}
}

// add adds a node that makes one value of those named.
func (n *network) add(op string, inputs []string, attrs ...onnxtest.Attr) {
	n.last = fmt.Sprintf("%s%d", op, len(n.nodes))
	n.nodes = append(n.nodes, onnxtest.Node{Name: n.last, Op: op, Inputs: inputs, Outputs: []string{n.last}, Attrs: attrs})
}

// then adds a node over the value made last.
func (n *network) then(op string, attrs ...onnxtest.Attr) { n.add(op, []string{n.last}, attrs...) }

// weight adds normally distributed values and returns their name.
func (n *network) weight(mean, deviation float64, dims ...int64) string {
	count := int64(1)
	for _, d := range dims {
		count *= d
	}
	values := make([]float32, count)
	for i := range values {
		values[i] = float32(mean + deviation*n.random.NormFloat64())
	}
	name := fmt.Sprintf("w%d", len(n.weights))
	n.weights = append(n.weights, onnxtest.Tensor{Name: name, Type: onnxtest.Float, Dims: dims, Raw: onnxtest.Floats(values...)})
	return name
}

// conv adds a convolution whose weights keep the scale of what goes through.
func (n *network) conv(out, kernel, stride, pad, groups int, bias bool) {
	in := n.channels / groups
	inputs := []string{n.last, n.weight(0, math.Sqrt(2/float64(in*kernel*kernel)), int64(out), int64(in), int64(kernel), int64(kernel))}
	if bias {
		inputs = append(inputs, n.weight(0, 0.1, int64(out)))
	}
	k, s, p := int64(kernel), int64(stride), int64(pad)
	n.add("Conv", inputs, onnxtest.IntsAttr("kernel_shape", k, k), onnxtest.IntsAttr("strides", s, s),
		onnxtest.IntsAttr("pads", p, p, p, p), onnxtest.IntAttr("group", int64(groups)))
	n.channels = out
}

// model is the network as an ONNX file: data is FP32 of [N, 3, 224, 224], what
// was made last [N, 1000].
func (n *network) model() []byte {
	return onnxtest.Model{Producer: "wasinn, seeded weights", Graph: onnxtest.Graph{
		Nodes:        n.nodes,
		Inputs:       []onnxtest.Value{{Name: "data", Type: onnxtest.Float, Shape: onnxtest.Dims("N", 3, 224, 224)}},
		Outputs:      []onnxtest.Value{{Name: n.last, Type: onnxtest.Float, Shape: onnxtest.Dims("N", 1000)}},
		Initializers: n.weights,
	}}.Marshal()
}

// SqueezeNet is SqueezeNet 1.1 for 1000 classes, 5 MB.
//
// See https://arxiv.org/abs/1602.07360
func SqueezeNet(seed uint64) []byte {
	n := newNetwork(seed)
	n.conv(64, 3, 2, 0, 1, true)
	n.then("Relu")
	for i, squeeze := range []int{16, 16, 32, 32, 48, 48, 64, 64} {
		if i == 0 || i == 2 || i == 4 {
			n.then("MaxPool", onnxtest.IntsAttr("kernel_shape", 3, 3), onnxtest.IntsAttr("strides", 2, 2))
		}
		n.fire(squeeze)
	}
	n.conv(1000, 1, 1, 0, 1, true)
	n.then("Relu")
	n.then("GlobalAveragePool")
	n.then("Flatten")
	return n.model()
}

// fire squeezes to few channels and expands to eight times as many, half of
// them by 1x1 and half by 3x3 kernels.
func (n *network) fire(squeeze int) {
	n.conv(squeeze, 1, 1, 0, 1, true)
	n.then("Relu")
	squeezed := n.last
	var halves []string
	for _, kernel := range []int{1, 3} {
		n.last, n.channels = squeezed, squeeze
		n.conv(4*squeeze, kernel, 1, kernel/2, 1, true)
		n.then("Relu")
		halves = append(halves, n.last)
	}
	n.add("Concat", halves, onnxtest.IntAttr("axis", 1))
	n.channels = 8 * squeeze
}

// MobileNetV2 is MobileNetV2 of width 1 for 1000 classes, 14 MB.
//
// See https://arxiv.org/abs/1801.04381
func MobileNetV2(seed uint64) []byte {
	n := newNetwork(seed)
	n.weights = append(n.weights, onnxtest.Tensor{Name: "zero", Type: onnxtest.Float, Raw: onnxtest.Floats(0)}, onnxtest.Tensor{Name: "six", Type: onnxtest.Float, Raw: onnxtest.Floats(6)})
	n.normalised(32, 3, 2, 1, true)
	for _, stage := range []struct{ widen, out, blocks, stride int }{
		{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
	} {
		for i := range stage.blocks {
			stride := 1
			if i == 0 {
				stride = stage.stride
			}
			n.bottleneck(stage.widen, stage.out, stride)
		}
	}
	n.normalised(1280, 1, 1, 1, true)
	n.then("GlobalAveragePool")
	n.then("Flatten")
	n.add("Gemm", []string{n.last, n.weight(0, math.Sqrt(2.0/1280), 1000, 1280), n.weight(0, 0.1, 1000)}, onnxtest.IntAttr("transB", 1))
	return n.model()
}

// normalised is a convolution, batch normalisation, and ReLU6 if it is wanted.
func (n *network) normalised(out, kernel, stride, groups int, relu bool) {
	n.conv(out, kernel, stride, kernel/2, groups, false)
	c := int64(out)
	n.add("BatchNormalization", []string{n.last, n.weight(1, 0.1, c), n.weight(0, 0.1, c), n.weight(0, 0.1, c), n.weight(1, 0.05, c)})
	if relu {
		n.add("Clip", []string{n.last, "zero", "six"})
	}
}

// bottleneck widens, filters each channel alone, and narrows without ReLU; what
// went in is added where the shape is the same.
func (n *network) bottleneck(widen, out, stride int) {
	before, channels := n.last, n.channels
	wide := channels * widen
	if widen != 1 {
		n.normalised(wide, 1, 1, 1, true)
	}
	n.normalised(wide, 3, stride, wide, true)
	n.normalised(out, 1, 1, 1, false)
	if stride == 1 && channels == out {
		n.add("Add", []string{before, n.last})
	}
}

// Write writes the models and pictures below a folder, as the guest reads them,
// and makes the folder out, where it leaves tensors.
func Write(folder string) error {
	if err := os.MkdirAll(filepath.Join(folder, "out"), 0o755); err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"models/squeezenet.onnx": SqueezeNet(1), "models/mobilenetv2.onnx": MobileNetV2(2), "models/identity.onnx": Identity(),
		"pictures/1.ppm": Picture(1, 320, 240), "pictures/2.ppm": Picture(2, 640, 427), "pictures/3.ppm": Picture(3, 200, 300),
	} {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Identity gives four floats back.
func Identity() []byte { return onnxtest.Identity(onnxtest.Float, onnxtest.Dims(4)) }

// Picture is a binary PPM file of colours that flow into each other. Picture 1
// is of one colour, (255, 0, 102).
func Picture(number, width, height int) []byte {
	b := fmt.Appendf(nil, "P6\n%d %d\n255\n", width, height)
	for y := range height {
		for x := range width {
			if number == 1 {
				b = append(b, 255, 0, 102)
				continue
			}
			b = append(b, byte(x*255/width), byte(y*255/height), byte((x*number^y)&255))
		}
	}
	return b
}
