package passes

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// near says whether a constant is what a formula has, in float32.
func near(v float32, want float64) bool { return math.Abs(float64(v)-want) <= 1e-4*math.Abs(want) }

// fusable says whether a node is a product that takes an activation along: one by
// constant weights in float32, so that the type of everything in it is known.
func (w *work) fusable(n *onnx.Node) bool {
	if n == nil || len(n.Inputs) < 2 || attribute(n, "activation") != nil {
		return false
	}
	weights := w.constant(n.Inputs[1])
	if weights == nil || weights.Type != tensor.FP32 {
		return false
	}
	return is(n, "Conv") || is(n, "MatMul") || is(n, "Gemm") && w.Version(n) >= 7 || n.Domain == Domain
}

// intoFused makes a node one of Domain.
func intoFused(n *onnx.Node) {
	if n.Domain != Domain {
		n.Domain = Domain
		n.Opsets = map[string]int{Domain: Version}
	}
}

// takes is the product that makes a name for one user alone.
func (w *work) takes(name string) *onnx.Node {
	n := w.maker[name]
	if !w.fusable(n) || w.gone[n] || w.only(name) == nil || len(n.Outputs) != 1 {
		return nil
	}
	return n
}

// become makes a node the maker of another's output, and drops the other.
func (w *work) become(n, last *onnx.Node) {
	n.Outputs = []string{last.Outputs[0]}
	w.maker[last.Outputs[0]] = n
	w.drop(last)
	w.moveBehind(n, last)
}

// moveBehind puts a node at the place of a later one, so that what the later one read
// is made before it.
func (w *work) moveBehind(n, later *onnx.Node) {
	i, k := slices.Index(w.Nodes, n), slices.Index(w.Nodes, later)
	if i < k {
		w.Nodes[k] = n
		w.Nodes[i] = later
	}
}

// fuseBias makes an addition of a constant vector behind a product of matrices part of
// it.
func fuseBias(w *work) int {
	count := 0
	for _, add := range slices.Clone(w.Nodes) {
		if !is(add, "Add") || len(add.Inputs) != 2 || w.gone[add] || w.Version(add) < 7 {
			continue
		}
		for i := range 2 {
			product := w.takes(add.Inputs[i])
			bias := w.constant(add.Inputs[1-i])
			if product == nil || product.Op != "MatMul" || input(product, 2) != "" || !w.biasFits(product, bias) {
				continue
			}
			intoFused(product)
			setInput(product, 2, add.Inputs[1-i])
			w.become(product, add)
			count++
			break
		}
	}
	return count
}

// biasFits says whether a constant is a row to be added to each row of a product by
// constant weights.
func (w *work) biasFits(product *onnx.Node, bias *tensor.Tensor) bool {
	weights := w.constant(input(product, 1))
	return weights != nil && bias != nil && weights.Type == tensor.FP32 && bias.Type == tensor.FP32 &&
		len(weights.Shape) == 2 && len(bias.Shape) == 1 && bias.Shape[0] == weights.Shape[1]
}

// fuseResidual makes an addition of two activations, one straight from a convolution,
// part of it. Their shapes are not known here: the fused operator broadcasts them.
func fuseResidual(w *work) int {
	count := 0
	for _, add := range slices.Clone(w.Nodes) {
		if !is(add, "Add") && !is(add, "Sum") || len(add.Inputs) != 2 || w.gone[add] || w.Version(add) < 7 || add.Inputs[0] == add.Inputs[1] {
			continue
		}
		for _, i := range []int{1, 0} {
			conv := w.takes(add.Inputs[i])
			if conv == nil || conv.Op != "Conv" || input(conv, 3) != "" || w.constant(add.Inputs[1-i]) != nil {
				continue
			}
			intoFused(conv)
			setInput(conv, 3, add.Inputs[1-i])
			w.become(conv, add)
			count++
			break
		}
	}
	return count
}

// activation says whether a node is one of the operators that a product takes along, and which parameters
// its attributes become.
func (w *work) activation(n *onnx.Node) (params []float32, ok bool) {
	if n == nil || w.gone[n] || !is(n, n.Op) {
		return nil, false
	}
	switch n.Op {
	case "Relu", "Sigmoid", "Tanh":
		return nil, true
	case "HardSwish":
		return nil, true
	case "Gelu":
		a := attribute(n, "approximate")
		if a != nil && string(a.String) == "tanh" {
			return []float32{1}, true
		}
		return []float32{0}, true
	case "LeakyRelu":
		return []float32{floatAttribute(n, "alpha", 0.01)}, true
	case "HardSigmoid":
		return []float32{floatAttribute(n, "alpha", 0.2), floatAttribute(n, "beta", 0.5)}, true
	case "Swish":
		return []float32{floatAttribute(n, "alpha", 1)}, true
	case "Clip":
		return w.clip(n)
	}
	return nil, false
}

// clip are the bounds of a Clip whose bounds are constants.
func (w *work) clip(n *onnx.Node) ([]float32, bool) {
	low, high := float32(math.Inf(-1)), float32(math.Inf(1))
	if w.Version(n) < 11 {
		return []float32{floatAttribute(n, "min", low), floatAttribute(n, "max", high)}, true
	}
	for i, into := range []*float32{&low, &high} {
		name := input(n, i+1)
		if name == "" {
			continue
		}
		v, ok := w.scalar(name)
		if !ok {
			return nil, false
		}
		*into = v
	}
	return []float32{low, high}, low <= high
}

// fuseActivation makes a function behind a product part of it.
func fuseActivation(w *work) int {
	count := 0
	for _, f := range slices.Clone(w.Nodes) {
		params, ok := w.activation(f)
		if !ok || len(f.Outputs) != 1 {
			continue
		}
		product := w.takes(f.Inputs[0])
		if product == nil {
			continue
		}
		intoFused(product)
		product.Attributes = append(slices.Clone(product.Attributes),
			&onnx.Attribute{Name: "activation", Type: onnx.String, String: []byte(f.Op)},
			&onnx.Attribute{Name: "activation_params", Type: onnx.Floats, Floats: params})
		w.become(product, f)
		count++
	}
	return count
}

// fuseSwish finds x*sigmoid(x) and x*hardsigmoid(x).
func fuseSwish(w *work) int {
	count := 0
	for _, mul := range slices.Clone(w.Nodes) {
		if !is(mul, "Mul") || len(mul.Inputs) != 2 || w.gone[mul] || w.Version(mul) < 7 {
			continue
		}
		for i := range 2 {
			x := mul.Inputs[1-i]
			if s := w.by(mul.Inputs[i], "Sigmoid"); s != nil && s.Inputs[0] == x {
				w.replace(mul, "Swish", 24, []string{x}, s)
				count++
				break
			}
			s := w.by(mul.Inputs[i], "HardSigmoid")
			if s != nil && s.Inputs[0] == x && near(floatAttribute(s, "alpha", 0.2), 1.0/6) && floatAttribute(s, "beta", 0.5) == 0.5 {
				w.replace(mul, "HardSwish", 14, []string{x}, s)
				count++
				break
			}
		}
	}
	return count
}

// replace makes a node another operator of ai.onnx, on other inputs, and drops the
// nodes that it stood on.
func (w *work) replace(n *onnx.Node, operator string, version int, inputs []string, dropped ...*onnx.Node) {
	for _, d := range dropped {
		w.drop(d)
	}
	n.Op, n.Inputs, n.Attributes = operator, inputs, nil
	n.Opsets = map[string]int{"": version}
}

// fuseGelu finds 0.5*x*(1+erf(x/sqrt(2))), in the orders that exporters write it.
func fuseGelu(w *work) int {
	count := 0
	for _, erf := range slices.Clone(w.Nodes) {
		if is(erf, "Erf") && !w.gone[erf] && w.geluAround(erf) {
			count++
		}
	}
	return count
}

func (w *work) geluAround(erf *onnx.Node) bool {
	x, scaled := "", w.maker[erf.Inputs[0]]
	if w.only(erf.Inputs[0]) == nil || scaled == nil || w.gone[scaled] || len(scaled.Inputs) != 2 {
		return false
	}
	switch {
	case is(scaled, "Div"):
		if v, ok := w.scalar(scaled.Inputs[1]); ok && near(v, math.Sqrt2) {
			x = scaled.Inputs[0]
		}
	case is(scaled, "Mul"):
		for i := range 2 {
			if v, ok := w.scalar(scaled.Inputs[i]); ok && near(v, 1/math.Sqrt2) {
				x = scaled.Inputs[1-i]
			}
		}
	}
	add := w.only(erf.Outputs[0])
	if x == "" || !is(add, "Add") {
		return false
	}
	if v, ok := w.scalar(other(add, erf.Outputs[0])); !ok || v != 1 {
		return false
	}
	return w.geluTail(x, add, scaled, erf)
}

// geluTail finds the product of x, 1/2 and the sum, in either order.
func (w *work) geluTail(x string, add, scaled, erf *onnx.Node) bool {
	first := w.only(add.Outputs[0])
	if !is(first, "Mul") || len(first.Inputs) != 2 {
		return false
	}
	with := other(first, add.Outputs[0])
	if v, ok := w.scalar(with); ok && v == 0.5 { // x * (0.5 * sum)
		return w.geluEnd(w.only(first.Outputs[0]), first.Outputs[0], x, first, add, scaled, erf)
	}
	if with == x { // (x * sum) * 0.5
		second := w.only(first.Outputs[0])
		if !is(second, "Mul") {
			return false
		}
		if v, ok := w.scalar(other(second, first.Outputs[0])); !ok || v != 0.5 {
			return false
		}
		w.replace(second, "Gelu", 20, []string{x}, first, add, scaled, erf)
		return true
	}
	half := w.by(with, "Mul") // (x * 0.5) * sum
	if half == nil || len(half.Inputs) != 2 {
		return false
	}
	for i := range 2 {
		if v, ok := w.scalar(half.Inputs[i]); ok && v == 0.5 && half.Inputs[1-i] == x {
			w.replace(first, "Gelu", 20, []string{x}, half, add, scaled, erf)
			return true
		}
	}
	return false
}

func (w *work) geluEnd(last *onnx.Node, from, x string, dropped ...*onnx.Node) bool {
	if !is(last, "Mul") || len(last.Inputs) != 2 || other(last, from) != x {
		return false
	}
	w.replace(last, "Gelu", 20, []string{x}, dropped...)
	return true
}

// fuseLayerNormalization finds (x-mean(x))/sqrt(mean((x-mean(x))^2)+epsilon)*scale+shift
// over the last dimension.
func fuseLayerNormalization(w *work) int {
	count := 0
	for _, div := range slices.Clone(w.Nodes) {
		if is(div, "Div") && len(div.Inputs) == 2 && !w.gone[div] && w.layerNormalizationAt(div) {
			count++
		}
	}
	return count
}

func (w *work) layerNormalizationAt(div *onnx.Node) bool {
	sub := w.maker[div.Inputs[0]]
	root := w.by(div.Inputs[1], "Sqrt")
	if !is(sub, "Sub") || root == nil || w.gone[sub] || w.Keep[div.Inputs[0]] {
		return false
	}
	x := sub.Inputs[0]
	mean := w.by(sub.Inputs[1], "ReduceMean")
	plus := w.by(root.Inputs[0], "Add")
	if mean == nil || mean.Inputs[0] != x || !w.lastAxis(mean) || plus == nil {
		return false
	}
	var epsilon float32
	var variance *onnx.Node
	for i := range 2 {
		if v, ok := w.scalar(plus.Inputs[i]); ok {
			epsilon = v
			variance = w.by(plus.Inputs[1-i], "ReduceMean")
		}
	}
	if variance == nil || !w.lastAxis(variance) {
		return false
	}
	square := w.squareOf(variance.Inputs[0], div.Inputs[0])
	if square == nil || slices.ContainsFunc(w.users[div.Inputs[0]], func(n *onnx.Node) bool { return n != square && n != div }) {
		return false
	}
	return w.normalizationTail(div, x, epsilon, sub, root, mean, plus, variance, square)
}

// squareOf is the node that squares a name, by Pow or Mul.
func (w *work) squareOf(name, of string) *onnx.Node {
	if n := w.by(name, "Pow"); n != nil && n.Inputs[0] == of {
		if v, ok := w.scalar(n.Inputs[1]); ok && v == 2 {
			return n
		}
	}
	if n := w.by(name, "Mul"); n != nil && n.Inputs[0] == of && n.Inputs[1] == of {
		return n
	}
	return nil
}

// lastAxis says whether a mean is over the last dimension, which stays with size 1.
func (w *work) lastAxis(n *onnx.Node) bool {
	if intAttribute(n, "keepdims", 1) != 1 {
		return false
	}
	if a := attribute(n, "axes"); a != nil {
		return len(a.Ints) == 1 && a.Ints[0] == -1
	}
	t := w.constant(input(n, 1))
	return t != nil && t.Type == tensor.I64 && t.Len() == 1 && tensor.As[int64](t)[0] == -1
}

// normalizationTail takes the scale and the shift along, which must be vectors.
func (w *work) normalizationTail(div *onnx.Node, x string, epsilon float32, dropped ...*onnx.Node) bool {
	mul := w.only(div.Outputs[0])
	if !is(mul, "Mul") || len(mul.Inputs) != 2 {
		return false
	}
	scaleName := other(mul, div.Outputs[0])
	add := w.only(mul.Outputs[0])
	if !is(add, "Add") || len(add.Inputs) != 2 {
		return false
	}
	shiftName := other(add, mul.Outputs[0])
	scale, shift := w.constant(scaleName), w.constant(shiftName)
	if scale == nil || shift == nil || len(scale.Shape) != 1 || !slices.Equal(scale.Shape, shift.Shape) || scale.Type != tensor.FP32 || shift.Type != tensor.FP32 || scale.Shape[0] < 2 {
		return false
	}
	w.replace(add, "LayerNormalization", 17, []string{x, scaleName, shiftName}, append(dropped, div, mul)...)
	add.Attributes = []*onnx.Attribute{{Name: "epsilon", Type: onnx.Float, Float: epsilon}, {Name: "axis", Type: onnx.Int, Int: -1}}
	return true
}
