package bench

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/testsuite/onnxcases"
	"github.com/wasinn/wasinn/testsuite/walk"
)

// seeded is a network of package walk on one picture.
func seeded(model func(seed uint64) []byte) func() ([]byte, []backends.NamedTensor, error) {
	return func() ([]byte, []backends.NamedTensor, error) {
		in, err := ramp("data", 1, 3, 224, 224)
		return model(1), in, err
	}
}

// light is one of ONNX's light models: a true topology with constant weights, on one
// picture.
func light(name, input string) func() ([]byte, []backends.NamedTensor, error) {
	return func() ([]byte, []backends.NamedTensor, error) {
		files, closer, err := onnxcases.Official(context.Background())
		if err != nil {
			return nil, nil, missing(err)
		}
		defer closer.Close()
		model, err := fs.ReadFile(files, "light/light_"+name+".onnx")
		if err != nil {
			return nil, nil, missing(err)
		}
		in, err := ramp(input, 1, 3, 224, 224)
		return model, in, err
	}
}

// encoder sizes: those of small sentence encoders.
const (
	encoderLayers = 6
	encoderTokens = 128
	encoderWidth  = 384
	encoderHeads  = 12
)

// layers grows a network node by node.
type layers struct {
	onnxtest.Graph
	random *rand.Rand
}

func (l *layers) add(op string, inputs []string, attrs ...onnxtest.Attr) string {
	out := fmt.Sprintf("%s_%d", op, len(l.Nodes))
	l.Nodes = append(l.Nodes, onnxtest.Node{Name: out, Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}

func (l *layers) weight(deviation float64, dims ...int64) string {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(deviation * l.random.NormFloat64())
	}
	return l.initializer(onnxtest.Tensor{Type: onnxtest.Float, Dims: dims, Raw: onnxtest.Floats(v...)})
}

func (l *layers) initializer(t onnxtest.Tensor) string {
	t.Name = fmt.Sprintf("w%d", len(l.Initializers))
	l.Initializers = append(l.Initializers, t)
	return t.Name
}

func (l *layers) scalar(v float32) string {
	return l.initializer(onnxtest.Tensor{Type: onnxtest.Float, Raw: onnxtest.Floats(v)})
}

func (l *layers) ints(v ...int64) string {
	return l.initializer(onnxtest.Tensor{Type: onnxtest.Int64, Dims: []int64{int64(len(v))}, Raw: onnxtest.Int64s(v...)})
}

// dense is x by weights plus a bias.
func (l *layers) dense(x string, in, out int64) string {
	product := l.add("MatMul", []string{x, l.weight(1/math.Sqrt(float64(in)), in, out)})
	return l.add("Add", []string{product, l.weight(0.1, out)})
}

func (l *layers) norm(x string) string {
	scale := make([]float32, encoderWidth)
	for i := range scale {
		scale[i] = 1
	}
	s := l.initializer(onnxtest.Tensor{Type: onnxtest.Float, Dims: []int64{encoderWidth}, Raw: onnxtest.Floats(scale...)})
	return l.add("LayerNormalization", []string{x, s, l.weight(0.1, encoderWidth)}, onnxtest.IntAttr("axis", -1))
}

// heads splits the last dimension among the heads.
func (l *layers) heads(x string, perm ...int64) string {
	split := l.add("Reshape", []string{x, l.ints(1, -1, encoderHeads, encoderWidth/encoderHeads)})
	return l.add("Transpose", []string{split}, onnxtest.IntsAttr("perm", perm...))
}

// attention is multi-head self-attention as exporters write it.
func (l *layers) attention(x string) string {
	q := l.heads(l.dense(x, encoderWidth, encoderWidth), 0, 2, 1, 3)
	k := l.heads(l.dense(x, encoderWidth, encoderWidth), 0, 2, 3, 1)
	v := l.heads(l.dense(x, encoderWidth, encoderWidth), 0, 2, 1, 3)
	scores := l.add("Div", []string{l.add("MatMul", []string{q, k}), l.scalar(float32(math.Sqrt(encoderWidth / encoderHeads)))})
	mixed := l.add("MatMul", []string{l.add("Softmax", []string{scores}, onnxtest.IntAttr("axis", -1)), v})
	joined := l.add("Reshape", []string{l.add("Transpose", []string{mixed}, onnxtest.IntsAttr("perm", 0, 2, 1, 3)), l.ints(1, -1, encoderWidth)})
	return l.dense(joined, encoderWidth, encoderWidth)
}

// gelu is the activation as exporters write it.
func (l *layers) gelu(x string) string {
	erf := l.add("Erf", []string{l.add("Div", []string{x, l.scalar(math.Sqrt2)})})
	sum := l.add("Add", []string{erf, l.scalar(1)})
	return l.add("Mul", []string{l.add("Mul", []string{x, sum}), l.scalar(0.5)})
}

// encoder is a transformer encoder of 6 layers, 384 wide, with 12 heads, on 128 tokens.
func encoder() ([]byte, []backends.NamedTensor, error) {
	l := &layers{random: rand.New(rand.NewPCG(1, 0))}
	x := "x"
	for range encoderLayers {
		x = l.norm(l.add("Add", []string{x, l.attention(x)}))
		inner := l.gelu(l.dense(x, encoderWidth, 4*encoderWidth))
		x = l.norm(l.add("Add", []string{x, l.dense(inner, 4*encoderWidth, encoderWidth)}))
	}
	shape := onnxtest.Dims(1, encoderTokens, encoderWidth)
	l.Inputs = []onnxtest.Value{{Name: "x", Type: onnxtest.Float, Shape: shape}}
	l.Outputs = []onnxtest.Value{{Name: x, Type: onnxtest.Float, Shape: shape}}
	in, err := ramp("x", 1, encoderTokens, encoderWidth)
	return onnxtest.Model{Graph: l.Graph}.Marshal(), in, err
}

// networkCases are whole networks, small and large.
func networkCases() []engineCase {
	return []engineCase{
		{"one-node", "one Add of 4 elements", func() ([]byte, []backends.NamedTensor, error) {
			a, err := ramp("a", 4)
			if err != nil {
				return nil, nil, err
			}
			b, err := ramp("b", 4)
			return onnxtest.Add(4), append(a, b...), err
		}, true},
		{"squeezenet", "SqueezeNet 1.1 with seeded weights, one picture", seeded(walk.SqueezeNet), false},
		{"mobilenetv2", "MobileNetV2 with seeded weights, one picture", seeded(walk.MobileNetV2), false},
		{"resnet50", "ResNet-50 with constant weights, one picture", light("resnet50", "gpu_0/data_0"), false},
		{"densenet121", "DenseNet-121 with constant weights, one picture", light("densenet121", "data_0"), false},
		{"encoder", "a transformer encoder: 6 layers, 384 wide, 12 heads, 128 tokens", encoder, false},
	}
}
