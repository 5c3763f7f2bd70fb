package passes

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// constants makes initializers of what depends on constants alone, for the passes
// behind.
func constants(w *work) int {
	count := 0
	for _, n := range w.Nodes {
		if !w.allConstant(n) {
			continue
		}
		values := w.Fold(n, w.Consts)
		if values == nil {
			continue
		}
		for i, name := range n.Outputs {
			if name != "" {
				w.Consts[name] = values[i]
				w.Added(name, values[i])
			}
		}
		w.drop(n)
		count++
	}
	return count
}

func (w *work) allConstant(n *onnx.Node) bool {
	for _, in := range n.Inputs {
		if in != "" && w.Consts[in] == nil {
			return false
		}
	}
	for _, out := range n.Outputs {
		if w.Consts[out] != nil {
			return false
		}
	}
	return true
}

// identities takes out nodes that give their input as it is: Identity, and Dropout
// outside of training.
func identities(w *work) int {
	count := 0
	for _, n := range w.Nodes {
		if !is(n, "Identity") && !w.isIdleDropout(n) {
			continue
		}
		from, to := n.Inputs[0], n.Outputs[0]
		if w.Keep[to] || from == "" {
			continue
		}
		for _, u := range w.users[to] {
			for i, in := range u.Inputs {
				if in == to {
					setInput(u, i, from)
				}
			}
			w.users[from] = append(w.users[from], u)
		}
		w.drop(n)
		count++
	}
	return count
}

// isIdleDropout says whether a node is a Dropout that lets everything pass. One with a
// third input may be training.
func (w *work) isIdleDropout(n *onnx.Node) bool {
	return is(n, "Dropout") && input(n, 2) == "" && len(n.Inputs) > 0 && w.Version(n) >= 7 && (len(n.Outputs) < 2 || n.Outputs[1] == "")
}

// foldScaling makes what scales and shifts each channel behind a convolution part of its
// weights: a normalization, or an operation with constants. Those behind a normalization
// that has no convolution before it become part of that.
func foldScaling(w *work) int {
	count := 0
	for _, n := range w.Nodes {
		if w.gone[n] || len(n.Outputs) == 0 {
			continue
		}
		if w.isNormalization(n) {
			if conv := w.by(n.Inputs[0], "Conv"); conv != nil && w.foldInto(conv, n, w.normalizationOf(n)) {
				count++
			}
			continue
		}
		for i := range w.scalingInputs(n) {
			if w.foldOperation(n, i) {
				count++
				break
			}
		}
	}
	return count
}

// isNormalization says whether a node is a BatchNormalization that scales and shifts each
// channel by what it is given.
func (w *work) isNormalization(n *onnx.Node) bool {
	return is(n, "BatchNormalization") && w.Version(n) >= 9 && len(n.Inputs) == 5 && intAttribute(n, "training_mode", 0) == 0 &&
		(len(n.Outputs) == 1 || !anyNamed(n.Outputs[1:]))
}

// scalingInputs is how many inputs an operation has that may scale or shift: none, or two.
func (w *work) scalingInputs(n *onnx.Node) int {
	if !is(n, "Add") && !is(n, "Sub") && !is(n, "Mul") && !is(n, "Div") || len(n.Inputs) != 2 || w.Version(n) < 7 {
		return 0
	}
	return 2
}

// foldOperation makes an operation of input i with a constant part of what made that.
func (w *work) foldOperation(n *onnx.Node, i int) bool {
	t := w.constant(n.Inputs[1-i])
	if t == nil || t.Type != tensor.FP32 {
		return false
	}
	if conv := w.by(n.Inputs[i], "Conv"); conv != nil {
		weights := w.constant(input(conv, 1))
		return weights != nil && w.foldInto(conv, n, operationOf(n.Op, i, t, len(weights.Shape)))
	}
	bn := w.by(n.Inputs[i], "BatchNormalization")
	if bn == nil || !w.isNormalization(bn) {
		return false
	}
	rank := w.rank(bn.Inputs[0], maxRankSteps)
	return rank > 1 && w.foldIntoNormalization(bn, n, operationOf(n.Op, i, t, rank))
}

// maxRankSteps is how far the rank of a tensor is looked for.
const maxRankSteps = 256

// rank is the number of dimensions of a value, 0 when it is not known.
func (w *work) rank(name string, steps int) int {
	n := w.maker[name]
	if n == nil || steps == 0 || n.Domain != "" || len(n.Inputs) == 0 {
		return 0
	}
	switch n.Op {
	case "Conv":
		if weights := w.constant(input(n, 1)); weights != nil {
			return len(weights.Shape)
		}
	case "MaxPool", "AveragePool":
		if a := attribute(n, "kernel_shape"); a != nil {
			return len(a.Ints) + 2
		}
	case "BatchNormalization", "Relu", "Concat", "Clip", "Sigmoid", "LeakyRelu", "Dropout", "GlobalAveragePool", "HardSwish":
		return w.rank(n.Inputs[0], steps-1)
	}
	return 0
}

// channelwise finds scale and shift of each channel of so many; not ok when it has
// another number, or does something else.
type channelwise func(channels int) (scale, shift []float64, ok bool)

func (w *work) normalizationOf(bn *onnx.Node) channelwise {
	return func(channels int) (scale, shift []float64, ok bool) { return w.affine(bn, channels) }
}

// operationOf is an operation with a constant at the other side of input i, when that has
// one element, or one for each channel of a tensor of a rank.
func operationOf(operator string, i int, t *tensor.Tensor, rank int) channelwise {
	return func(channels int) (scale, shift []float64, ok bool) {
		values := tensor.As[float32](t)
		for d, n := range t.Shape {
			if at := rank - len(t.Shape) + d; at < 0 || n != 1 && (at != 1 || n != channels) {
				return nil, nil, false
			}
		}
		scale, shift = make([]float64, channels), make([]float64, channels)
		for c := range channels {
			v := float64(values[c*(len(values)-1)/max(1, channels-1)])
			scale[c] = 1
			switch operator {
			case "Add":
				shift[c] = v
			case "Mul":
				scale[c] = v
			case "Sub":
				if shift[c] = -v; i == 1 {
					scale[c], shift[c] = -1, v
				}
			default:
				if i == 1 || v == 0 {
					return nil, nil, false
				}
				scale[c] = 1 / v
			}
		}
		return scale, shift, true
	}
}

// foldIntoNormalization changes the scale and the bias of a normalization.
func (w *work) foldIntoNormalization(bn, n *onnx.Node, does channelwise) bool {
	oldScale, oldBias := w.constant(bn.Inputs[1]), w.constant(bn.Inputs[2])
	if oldScale == nil || oldBias == nil || oldScale.Type != tensor.FP32 || oldBias.Type != tensor.FP32 || oldScale.Len() != oldBias.Len() || oldScale.Len() == 0 {
		return false
	}
	channels := oldScale.Len()
	scale, shift, ok := does(channels)
	if !ok {
		return false
	}
	newScale, newBias := oldScale.Clone(), oldBias.Clone()
	for c := range channels {
		s, b := tensor.As[float32](newScale), tensor.As[float32](newBias)
		s[c], b[c] = float32(float64(s[c])*scale[c]), float32(float64(b[c])*scale[c]+shift[c])
	}
	setInput(bn, 1, w.add(bn.Inputs[1], newScale))
	setInput(bn, 2, w.add(bn.Inputs[2], newBias))
	w.take(bn, n)
	return true
}

// take makes a node the maker of what another made, which is dropped.
func (w *work) take(n, last *onnx.Node) {
	n.Outputs = []string{last.Outputs[0]}
	w.maker[last.Outputs[0]] = n
	w.drop(last)
}

func anyNamed(names []string) bool {
	for _, n := range names {
		if n != "" {
			return true
		}
	}
	return false
}

// foldInto scales the weights of a convolution and moves its bias as a node behind it does.
func (w *work) foldInto(conv, n *onnx.Node, does channelwise) bool {
	weights := w.constant(input(conv, 1))
	if weights == nil || weights.Type != tensor.FP32 || len(weights.Shape) < 3 || weights.Shape[0] == 0 {
		return false
	}
	channels := weights.Shape[0]
	scale, shift, ok := does(channels)
	if !ok {
		return false
	}
	bias := make([]float32, channels)
	if b := input(conv, 2); b != "" {
		t := w.constant(b)
		if t == nil || t.Type != tensor.FP32 || t.Len() != channels {
			return false
		}
		copy(bias, tensor.As[float32](t))
	}
	scaled := weights.Clone()
	data := tensor.As[float32](scaled)
	per := len(data) / channels
	for c := range channels {
		for i := range per {
			data[c*per+i] = float32(float64(data[c*per+i]) * scale[c])
		}
		bias[c] = float32(float64(bias[c])*scale[c] + shift[c])
	}
	setInput(conv, 1, w.add(conv.Inputs[1], scaled))
	setInput(conv, 2, w.add(conv.Outputs[0], tensor.Of(tensor.FP32, []int{channels}, bias)))
	w.take(conv, n)
	return true
}

// affine is a normalization as a scale and a shift of each channel.
func (w *work) affine(bn *onnx.Node, channels int) (scale, shift []float64, ok bool) {
	var v [4][]float32 // scale, B, mean, var
	for i := range v {
		t := w.constant(bn.Inputs[i+1])
		if t == nil || t.Type != tensor.FP32 || t.Len() != channels {
			return nil, nil, false
		}
		v[i] = tensor.As[float32](t)
	}
	epsilon := float64(floatAttribute(bn, "epsilon", 1e-5))
	scale, shift = make([]float64, channels), make([]float64, channels)
	for c := range channels {
		scale[c] = float64(v[0][c]) / math.Sqrt(float64(v[3][c])+epsilon)
		shift[c] = float64(v[1][c]) - float64(v[2][c])*scale[c]
	}
	return scale, shift, true
}
