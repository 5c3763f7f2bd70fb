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

// foldBatchNormalization makes a normalization behind a convolution part of its
// weights.
func foldBatchNormalization(w *work) int {
	count := 0
	for _, bn := range w.Nodes {
		if !is(bn, "BatchNormalization") || w.Version(bn) < 9 || len(bn.Inputs) != 5 || intAttribute(bn, "training_mode", 0) != 0 || w.gone[bn] {
			continue
		}
		if len(bn.Outputs) > 1 && anyNamed(bn.Outputs[1:]) {
			continue
		}
		conv := w.by(bn.Inputs[0], "Conv")
		if conv != nil && w.foldInto(conv, bn) {
			count++
		}
	}
	return count
}

func anyNamed(names []string) bool {
	for _, n := range names {
		if n != "" {
			return true
		}
	}
	return false
}

// foldInto scales the weights of a convolution and moves its bias.
func (w *work) foldInto(conv, bn *onnx.Node) bool {
	weights := w.constant(input(conv, 1))
	if weights == nil || weights.Type != tensor.FP32 || len(weights.Shape) < 3 || weights.Shape[0] == 0 {
		return false
	}
	channels := weights.Shape[0]
	scale, shift, ok := w.affine(bn, channels)
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
	conv.Outputs = []string{bn.Outputs[0]}
	w.maker[bn.Outputs[0]] = conv
	w.drop(bn)
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
