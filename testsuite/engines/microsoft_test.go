package engines

import (
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/internal/valuediff"
)

const ms = "com.microsoft"

// microsoftSamples gives samples their domain.
func microsoftSamples(all ...sample) []sample {
	for i := range all {
		all[i].domain = ms
	}
	return all
}

// nodes is a chain: each takes what the one before made, and then the inputs named.
func nodeOf(op string, out string, in ...string) onnxtest.Node {
	return onnxtest.Node{Op: op, Inputs: in, Outputs: []string{out}}
}

func intAttr(name string, v int64) onnxtest.Attr     { return onnxtest.IntAttr(name, v) }
func intsAttr(name string, v ...int64) onnxtest.Attr { return onnxtest.IntsAttr(name, v...) }
func floatAttr(name string, v float32) onnxtest.Attr { return onnxtest.FloatAttr(name, v) }
func textAttr(name, v string) onnxtest.Attr          { return onnxtest.StringAttr(name, v) }
func attrs(all ...onnxtest.Attr) []onnxtest.Attr     { return all }
func within(units float64) valuediff.Tolerance {
	return valuediff.Tolerance{RTol: 1e-4, ATol: units}
}

func TestMicrosoftFunctionsAndProducts(t *testing.T) {
	d := newDraw(1)
	conv := attrs(intsAttr("kernel_shape", 3, 3), intsAttr("pads", 1, 1, 1, 1))
	withConv := func(more ...onnxtest.Attr) []onnxtest.Attr {
		return append(append([]onnxtest.Attr{}, conv...), more...)
	}
	checkSamples(t, microsoftSamples(
		sample{name: "of a tensor", op: "Gelu", in: values(d.reals(2, 3, 70))},
		sample{name: "of a tensor", op: "QuickGelu", in: values(d.reals(2, 3, 70))},
		sample{name: "with alpha", op: "QuickGelu", attrs: attrs(floatAttr("alpha", 1)), in: values(d.reals(5))},
		sample{name: "alone", op: "FastGelu", in: values(d.reals(2, 3, 70))},
		sample{name: "with a bias", op: "FastGelu", in: values(d.reals(2, 3, 70), d.reals(70))},
		sample{name: "of a row", op: "BiasGelu", in: values(d.reals(2, 3, 70), d.reals(70))},
		sample{name: "of pictures", op: "BiasSplitGelu", in: values(d.reals(2, 3, 8), d.reals(8)), reference: []onnxtest.Node{
			nodeOf("Add", "sum", "in0", "in1"),
			{Op: "Split", Inputs: []string{"sum"}, Outputs: []string{"a", "b"}, Attrs: attrs(intAttr("axis", -1), intAttr("num_outputs", 2))},
			nodeOf("Gelu", "g", "b"), nodeOf("Mul", "out0", "a", "g")}},
		sample{name: "of pictures", op: "BiasAdd", in: values(d.reals(2, 3, 8), d.reals(8), d.reals(2, 3, 8)), reference: []onnxtest.Node{
			nodeOf("Add", "sum", "in0", "in1"), nodeOf("Add", "out0", "sum", "in2")}},

		sample{name: "without an activation", op: "FusedConv", attrs: conv, in: values(d.reals(1, 3, 8, 9), d.reals(4, 3, 3, 3))},
		sample{name: "with Relu and a residual", op: "FusedConv", attrs: withConv(textAttr("activation", "Relu")), in: values(d.reals(1, 3, 8, 9), d.reals(4, 3, 3, 3), d.reals(4), d.reals(1, 4, 8, 9))},
		sample{name: "with a residual alone", op: "FusedConv", attrs: conv, in: values(d.reals(2, 3, 8, 9), d.reals(4, 3, 3, 3), d.reals(4), d.reals(2, 4, 8, 9))},
		sample{name: "with LeakyRelu", op: "FusedConv", attrs: withConv(textAttr("activation", "LeakyRelu"), onnxtest.FloatsAttr("activation_params", 0.2)), in: values(d.reals(1, 3, 8, 9), d.reals(4, 3, 3, 3), d.reals(4))},
		sample{name: "with Clip", op: "FusedConv", attrs: withConv(textAttr("activation", "Clip"), onnxtest.FloatsAttr("activation_params", -0.5, 2)), in: values(d.reals(1, 3, 8, 9), d.reals(4, 3, 3, 3), d.reals(4))},
		sample{name: "with HardSigmoid", op: "FusedConv", attrs: withConv(textAttr("activation", "HardSigmoid"), onnxtest.FloatsAttr("activation_params", 0.3, 0.4)), in: values(d.reals(1, 3, 8, 9), d.reals(4, 3, 3, 3), d.reals(4))},
		sample{name: "with Sigmoid in groups", op: "FusedConv", attrs: withConv(textAttr("activation", "Sigmoid"), intAttr("group", 4)), in: values(d.reals(1, 4, 8, 9), d.reals(4, 1, 3, 3), d.reals(4))},
		sample{name: "with Tanh", op: "FusedConv", attrs: withConv(textAttr("activation", "Tanh")), in: values(d.reals(1, 3, 8, 9), d.reals(4, 3, 3, 3), d.reals(4))},
		sample{name: "with pads from outside", op: "ConvTransposeWithDynamicPads", attrs: attrs(intsAttr("strides", 2, 2)), in: values(d.reals(1, 3, 4, 5), d.reals(3, 2, 3, 3), longs([]int{4}, 1, 0, 1, 1), d.reals(2))},

		sample{name: "with Relu", op: "FusedGemm", attrs: attrs(textAttr("activation", "Relu"), intAttr("transB", 1), floatAttr("alpha", 0.5), floatAttr("beta", 2)), in: values(d.reals(5, 7), d.reals(9, 7), d.reals(9))},
		sample{name: "with LeakyRelu", op: "FusedGemm", attrs: attrs(textAttr("activation", "LeakyRelu"), floatAttr("activation_alpha", 0.3)), in: values(d.reals(5, 7), d.reals(7, 9))},
		sample{name: "with Sigmoid", op: "FusedGemm", attrs: attrs(textAttr("activation", "Sigmoid"), intAttr("transA", 1)), in: values(d.reals(7, 5), d.reals(7, 9), d.reals(5, 1))},
		sample{name: "with Tanh", op: "FusedGemm", attrs: attrs(textAttr("activation", "Tanh")), in: values(d.reals(5, 7), d.reals(7, 9), d.reals(5, 9))},
		sample{name: "with Elu", op: "FusedGemm", attrs: attrs(textAttr("activation", "Elu"), floatAttr("activation_alpha", 0.7)), in: values(d.reals(5, 7), d.reals(7, 9))},

		sample{name: "by a factor", op: "FusedMatMul", attrs: attrs(floatAttr("alpha", 0.125)), in: values(d.reals(2, 5, 7), d.reals(7, 9))},
		sample{name: "with B transposed", op: "FusedMatMul", attrs: attrs(intAttr("transB", 1)), in: values(d.reals(2, 3, 5, 7), d.reals(2, 3, 9, 7))},
		sample{name: "with weights transposed", op: "FusedMatMul", attrs: attrs(intAttr("transB", 1), floatAttr("alpha", 2)), in: values(d.reals(2, 3, 5, 7), d.reals(9, 7))},
		sample{name: "with A transposed", op: "FusedMatMul", attrs: attrs(intAttr("transA", 1)), in: values(d.reals(2, 7, 5), d.reals(2, 7, 9))},
		sample{name: "with A transposed by one matrix", op: "FusedMatMul", attrs: attrs(intAttr("transA", 1)), in: values(d.reals(2, 7, 5), d.reals(7, 9))},
		sample{name: "with both transposed, of which one broadcasts", op: "FusedMatMul", attrs: attrs(intAttr("transA", 1), intAttr("transB", 1)), in: values(d.reals(1, 7, 5), d.reals(3, 9, 7))},
		sample{name: "of doubles transposed", op: "FusedMatMul", attrs: attrs(intAttr("transA", 1), intAttr("transB", 1), floatAttr("alpha", 3)), out: types(onnxtest.Double), in: values(as(backends.FP64, d.reals(2, 7, 5)), as(backends.FP64, d.reals(2, 9, 7)))},
		sample{name: "with batches of A inside", op: "FusedMatMul", attrs: attrs(intAttr("transBatchA", 1)), in: values(d.reals(5, 2, 3, 7), d.reals(2, 3, 7, 4))},
		sample{name: "with batches of B inside, transposed", op: "FusedMatMul", attrs: attrs(intAttr("transBatchB", 1), intAttr("transB", 1)), in: values(d.reals(2, 3, 5, 7), d.reals(4, 2, 3, 7))},
		sample{name: "with batches of A inside, transposed", op: "FusedMatMul", attrs: attrs(intAttr("transBatchA", 1), intAttr("transA", 1)), in: values(d.reals(7, 2, 3, 5), d.reals(2, 3, 7, 4))},
		sample{name: "with A transposed", op: "TransposeMatMul", attrs: attrs(intAttr("transA", 1)), in: values(d.reals(2, 7, 5), d.reals(2, 7, 9))},
		sample{name: "of words", op: "MatMulInteger16", out: types(onnxtest.Int32), in: values(int16s([]int{2, 3}, 1, -2, 300, 4, 5, -600), int16s([]int{3, 2}, 7, 8, 9, -1000, 11, 12))},

		sample{name: "at the end", op: "ExpandDims", in: values(d.reals(2, 3), ints(nil, -1))},
		sample{name: "at the front", op: "ExpandDims", in: values(d.reals(2, 3), ints(nil, 0))},
		sample{name: "of rows", op: "GatherND", in: values(d.reals(3, 4, 2), longs([]int{2, 2}, 0, 1, 2, 3))},
		sample{name: "nearest", op: "GridSample", attrs: attrs(textAttr("mode", "nearest"), textAttr("padding_mode", "border")), in: values(d.reals(1, 2, 4, 5), d.reals(1, 3, 3, 2))},
		sample{name: "by default", op: "GridSample", in: values(d.reals(1, 2, 4, 5), d.reals(1, 3, 3, 2))},
		sample{name: "with zeros", op: "Pad", in: values(d.reals(2, 3), longs([]int{4}, 0, 1, 2, 1))},
		sample{name: "with a value", op: "Pad", in: values(d.reals(2, 3), longs([]int{4}, 0, 1, 2, 1), singles([]int{1}, 7))},
		sample{name: "reflected", op: "Pad", attrs: attrs(textAttr("mode", "reflect")), in: values(d.reals(3, 3), longs([]int{4}, 0, 1, 2, 1))},
		sample{name: "by one", op: "Range", out: types(onnxtest.Int64), in: values(longs(nil, 2), longs(nil, 7))},
		sample{name: "by a step", op: "Range", in: values(singles(nil, 2), singles(nil, -1), singles(nil, -0.5))},
		sample{name: "of the lower half", op: "Trilu", attrs: attrs(intAttr("upper", 0)), in: values(d.reals(2, 4, 5), longs(nil, 1))},
		sample{name: "in the order that they come", op: "Unique", out: types(onnxtest.Float, onnxtest.Int64, onnxtest.Int64), in: values(singles([]int{6}, 2, 1, 1, 3, 4, 3))},
		sample{name: "of bytes", op: "NhwcMaxPool", attrs: attrs(intsAttr("kernel_shape", 2, 3), intsAttr("strides", 2, 1), intsAttr("pads", 0, 1, 0, 1)), out: types(onnxtest.Uint8), in: values(d.bytes(backends.U8, 0, 255, 2, 6, 7, 5))},
		sample{name: "of signed bytes", op: "NhwcMaxPool", attrs: attrs(intsAttr("kernel_shape", 3, 3)), out: types(onnxtest.Int8), in: values(d.bytes(backends.I8, -128, 127, 1, 6, 7, 5))},
		sample{name: "with a bias", op: "NhwcConv", attrs: conv, in: values(d.reals(2, 6, 7, 3), d.reals(4, 3, 3, 3), d.reals(4)), reference: []onnxtest.Node{
			{Op: "Transpose", Inputs: []string{"in0"}, Outputs: []string{"x"}, Attrs: attrs(intsAttr("perm", 0, 3, 1, 2))},
			{Op: "Conv", Inputs: []string{"x", "in1", "in2"}, Outputs: []string{"y"}, Attrs: conv},
			{Op: "Transpose", Inputs: []string{"y"}, Outputs: []string{"out0"}, Attrs: attrs(intsAttr("perm", 0, 2, 3, 1))}}},
		sample{name: "with a residual", op: "NhwcFusedConv", attrs: withConv(textAttr("activation", "Relu")), in: values(d.reals(2, 6, 7, 3), d.reals(4, 3, 3, 3), nil, d.reals(2, 6, 7, 4)), reference: []onnxtest.Node{
			{Op: "Transpose", Inputs: []string{"in0"}, Outputs: []string{"x"}, Attrs: attrs(intsAttr("perm", 0, 3, 1, 2))},
			{Op: "Conv", Inputs: []string{"x", "in1"}, Outputs: []string{"c"}, Attrs: conv},
			{Op: "Transpose", Inputs: []string{"c"}, Outputs: []string{"y"}, Attrs: attrs(intsAttr("perm", 0, 2, 3, 1))},
			nodeOf("Add", "s", "y", "in3"), nodeOf("Relu", "out0", "s")}},
	))
}

func int16s(shape []int, v ...int16) *backends.Tensor {
	var b []byte
	for _, x := range v {
		b = append(b, byte(x), byte(uint16(x)>>8))
	}
	return must(backends.NewTensor(dims(shape), backends.I16, b))
}

func TestMicrosoftNormalizations(t *testing.T) {
	d := newDraw(2)
	f := onnxtest.Float
	checkSamples(t, append(microsoftSamples(
		sample{name: "of three dimensions", op: "SkipLayerNormalization", in: values(d.reals(2, 3, 16), d.reals(2, 3, 16), d.reals(16))},
		sample{name: "with shift, bias and sum", op: "SkipLayerNormalization", attrs: attrs(floatAttr("epsilon", 1e-3)), out: types(f, 0, 0, f),
			in: values(d.reals(2, 3, 16), d.reals(2, 3, 16), d.reals(16), d.reals(16), d.reals(16))},
		sample{name: "of a skip for the whole batch", op: "SkipLayerNormalization", in: values(d.reals(2, 3, 16), d.reals(1, 3, 16), d.reals(16), d.reals(16))},
		sample{name: "of a skip of two dimensions", op: "SkipLayerNormalization", in: values(d.reals(2, 3, 16), d.reals(3, 16), d.reals(16), d.reals(16))},
		sample{name: "of two dimensions", op: "SkipLayerNormalization", in: values(d.reals(5, 16), d.reals(5, 16), d.reals(16), d.reals(16))},
		sample{name: "of halves", op: "SkipLayerNormalization", out: types(onnxtest.Float16), within: valuediff.Tolerance{RTol: 2e-2, ATol: 2e-2},
			in: values(as(backends.FP16, d.reals(2, 3, 16)), as(backends.FP16, d.reals(2, 3, 16)), as(backends.FP16, d.reals(16)), as(backends.FP16, d.reals(16)))},
		sample{name: "of three dimensions", op: "SkipSimplifiedLayerNormalization", in: values(d.reals(2, 3, 16), d.reals(2, 3, 16), d.reals(16))},
		sample{name: "with bias and sum", op: "SkipSimplifiedLayerNormalization", out: types(f, 0, 0, f), in: values(d.reals(2, 3, 16), d.reals(2, 3, 16), d.reals(16), d.reals(16))},
		sample{name: "of words and segments", op: "EmbedLayerNormalization", out: types(f, onnxtest.Int32, f),
			in: values(ints([]int{2, 3}, 1, 2, 3, 0, 4, 5), ints([]int{2, 3}, 0, 1, 1, 0, 0, 1), d.reals(6, 8), d.reals(4, 8), d.reals(2, 8), d.reals(8), d.reals(8), ints([]int{2, 3}, 1, 1, 0, 1, 1, 1))},
		sample{name: "of words at positions", op: "EmbedLayerNormalization", out: types(f, onnxtest.Int32),
			in: values(ints([]int{2, 3}, 1, 2, 3, 0, 4, 5), nil, d.reals(6, 8), d.reals(4, 8), nil, d.reals(8), d.reals(8), nil, ints([]int{2, 3}, 1, 1, 0, 3, 2, 1))},
		sample{name: "with Swish", op: "GroupNorm", attrs: attrs(intAttr("groups", 2), intAttr("activation", 1)), in: values(d.reals(2, 3, 5, 4), d.reals(4), d.reals(4)), reference: []onnxtest.Node{
			{Op: "Transpose", Inputs: []string{"in0"}, Outputs: []string{"x"}, Attrs: attrs(intsAttr("perm", 0, 3, 1, 2))},
			{Op: "GroupNormalization", Inputs: []string{"x", "in1", "in2"}, Outputs: []string{"g"}, Attrs: attrs(intAttr("num_groups", 2))},
			{Op: "Transpose", Inputs: []string{"g"}, Outputs: []string{"y"}, Attrs: attrs(intsAttr("perm", 0, 2, 3, 1))},
			nodeOf("Sigmoid", "s", "y"), nodeOf("Mul", "out0", "y", "s")}},
		sample{name: "of rows", op: "GatedAdd", in: values(d.reals(2, 3, 5), d.reals(2, 3, 5), d.reals(2, 3, 1))},
		sample{name: "of pieces of rows", op: "GatedRMSNorm", in: values(d.reals(2, 3, 8), d.reals(4), d.reals(2, 3, 8))},
	),
		sample{name: "of rows", op: "SimplifiedLayerNormalization", attrs: attrs(floatAttr("epsilon", 1e-3)), in: values(d.reals(2, 3, 16), d.reals(16))},
		sample{name: "with what it divided by", op: "SimplifiedLayerNormalization", out: types(f, f), in: values(d.reals(2, 3, 16), d.reals(16))},
		sample{name: "before version 17", op: "LayerNormalization", opset: 12, in: values(d.reals(2, 3, 16), d.reals(16), d.reals(16))},
	))
}

func TestMicrosoftAttention(t *testing.T) {
	d := newDraw(3)
	f := onnxtest.Float
	heads := func(n int64, more ...onnxtest.Attr) []onnxtest.Attr {
		return append(attrs(intAttr("num_heads", n)), more...)
	}
	x, w, bias := d.reals(2, 5, 12), d.reals(12, 24), d.reals(24)
	q, k, v := d.reals(2, 5, 8), d.reals(2, 7, 8), d.reals(2, 7, 12)
	past := d.reals(2, 2, 2, 3, 4)
	groups := attrs(intAttr("num_heads", 4), intAttr("kv_num_heads", 2))
	with := func(more ...onnxtest.Attr) []onnxtest.Attr {
		return append(append([]onnxtest.Attr{}, groups...), more...)
	}
	gq, gk, gv := d.reals(2, 5, 64), d.reals(2, 5, 32), d.reals(2, 5, 32)
	oq, ok, ov := d.reals(2, 1, 64), d.reals(2, 1, 32), d.reals(2, 1, 32)
	pk, pv := d.reals(2, 2, 6, 16), d.reals(2, 2, 6, 16)
	cos, sin := d.reals(16, 8), d.reals(16, 8)
	cos4, sin4 := d.reals(16, 4), d.reals(16, 4)
	five, seven := ints(nil, 5), ints(nil, 7)
	checkSamples(t, microsoftSamples(
		sample{name: "with a bias", op: "Attention", attrs: heads(2), in: values(x, w, bias)},
		sample{name: "to earlier words alone", op: "Attention", attrs: heads(2, intAttr("unidirectional", 1)), in: values(x, w, bias)},
		sample{name: "with a scale", op: "Attention", attrs: heads(2, floatAttr("scale", 0.3)), in: values(x, w, bias)},
		sample{name: "to words of a mask", op: "Attention", attrs: heads(2), in: values(x, w, bias, ints([]int{2, 5}, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1))},
		sample{name: "with a mask for each word", op: "Attention", attrs: heads(2, floatAttr("mask_filter_value", -3)), in: values(x, w, bias, ints([]int{2, 5, 5}, make50()...))},
		sample{name: "to words up to an end", op: "Attention", attrs: heads(2), in: values(x, w, bias, ints([]int{2}, 3, 5))},
		sample{name: "to words from a start to an end", op: "Attention", attrs: heads(2), in: values(x, w, bias, ints([]int{4}, 4, 5, 1, 2))},
		sample{name: "with a past", op: "Attention", attrs: heads(2, intAttr("unidirectional", 1)), out: types(f, f), in: values(x, w, bias, nil, past)},
		sample{name: "with a present and no past", op: "Attention", attrs: heads(2), out: types(f, f), in: values(x, w, bias)},
		sample{name: "with a past and a mask", op: "Attention", attrs: heads(2), out: types(f, f), in: values(x, w, bias, ints([]int{2, 8}, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1), past)},
		sample{name: "with an addend", op: "Attention", attrs: heads(2), in: values(x, w, bias, nil, nil, d.reals(1, 2, 5, 5))},
		sample{name: "with values of another size", op: "Attention", attrs: heads(2, intsAttr("qkv_hidden_sizes", 8, 8, 4)), in: values(x, d.reals(12, 20), d.reals(20))},

		sample{name: "of queries, keys and values", op: "MultiHeadAttention", attrs: heads(2), in: values(q, k, v)},
		sample{name: "with a bias", op: "MultiHeadAttention", attrs: heads(2), in: values(q, k, v, d.reals(28))},
		sample{name: "to earlier words alone", op: "MultiHeadAttention", attrs: heads(2, intAttr("unidirectional", 1)), in: values(q, d.reals(2, 5, 8), d.reals(2, 5, 8))},
		sample{name: "with a mask", op: "MultiHeadAttention", attrs: heads(2), in: values(q, k, v, nil, ints([]int{2, 7}, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0))},
		sample{name: "with a mask for each word", op: "MultiHeadAttention", attrs: heads(2), in: values(q, d.reals(2, 5, 8), d.reals(2, 5, 8), nil, ints([]int{2, 5, 5}, make50()...))},
		sample{name: "with an addend", op: "MultiHeadAttention", attrs: heads(2), in: values(q, k, v, nil, nil, d.reals(2, 1, 5, 7))},
		sample{name: "with a past", op: "MultiHeadAttention", attrs: heads(2), out: types(f, f, f), in: values(q, d.reals(2, 5, 8), d.reals(2, 5, 8), nil, nil, nil, d.reals(2, 2, 3, 4), d.reals(2, 2, 3, 4))},
		sample{name: "with a bias and a past", op: "MultiHeadAttention", attrs: heads(2), out: types(f, f, f), in: values(q, d.reals(2, 5, 8), d.reals(2, 5, 8), d.reals(24), nil, nil, d.reals(2, 2, 3, 4), d.reals(2, 2, 3, 4))},
		sample{name: "with the scores", op: "MultiHeadAttention", attrs: heads(2), out: types(f, 0, 0, f), in: values(q, k, v)},
		sample{name: "of keys and values as they are kept", op: "MultiHeadAttention", attrs: heads(2), in: values(q, d.reals(2, 2, 7, 4), d.reals(2, 2, 7, 4))},
		sample{name: "of queries with a bias, and keys as they are kept", op: "MultiHeadAttention", attrs: heads(2), in: values(q, d.reals(2, 2, 7, 4), d.reals(2, 2, 7, 4), d.reals(24))},

		sample{name: "of a prompt", op: "GroupQueryAttention", attrs: groups, out: types(f, f, f), in: values(gq, gk, gv, nil, nil, ints([]int{2}, 4, 4), five)},
		sample{name: "with a past", op: "GroupQueryAttention", attrs: groups, out: types(f, f, f), in: values(oq, ok, ov, pk, pv, ints([]int{2}, 6, 6), seven)},
		sample{name: "in one tensor", op: "GroupQueryAttention", attrs: groups, out: types(f, f, f), in: values(d.reals(2, 5, 128), nil, nil, nil, nil, ints([]int{2}, 4, 4), five)},
		sample{name: "with angles", op: "GroupQueryAttention", attrs: with(intAttr("do_rotary", 1)), out: types(f, f, f), in: values(gq, gk, gv, nil, nil, ints([]int{2}, 4, 4), five, cos, sin)},
		sample{name: "with angles and a past", op: "GroupQueryAttention", attrs: with(intAttr("do_rotary", 1), intAttr("rotary_interleaved", 1)), out: types(f, f, f), in: values(oq, ok, ov, pk, pv, ints([]int{2}, 6, 6), seven, cos, sin)},
		sample{name: "in one tensor with angles", op: "GroupQueryAttention", attrs: with(intAttr("do_rotary", 1)), out: types(f, f, f), in: values(d.reals(2, 1, 128), nil, nil, pk, pv, ints([]int{2}, 6, 6), seven, cos, sin)},
		sample{name: "to the last keys", op: "GroupQueryAttention", attrs: with(intAttr("local_window_size", 3)), out: types(f, f, f), in: values(gq, gk, gv, nil, nil, ints([]int{2}, 4, 4), five)},
		sample{name: "with soft bounds", op: "GroupQueryAttention", attrs: with(floatAttr("softcap", 1.5), floatAttr("scale", 1)), out: types(f, f, f), in: values(gq, gk, gv, nil, nil, ints([]int{2}, 4, 4), five)},
		sample{name: "with smooth weights", op: "GroupQueryAttention", attrs: with(intAttr("smooth_softmax", 1)), out: types(f, f, f), in: values(gq, gk, gv, nil, nil, ints([]int{2}, 4, 4), five)},
		sample{name: "with sinks", op: "GroupQueryAttention", attrs: groups, out: types(f, f, f), in: values(gq, gk, gv, nil, nil, ints([]int{2}, 4, 4), five, nil, nil, nil, nil, d.reals(4))},
		sample{name: "with an addend", op: "GroupQueryAttention", attrs: groups, out: types(f, f, f), in: values(gq, gk, gv, nil, nil, ints([]int{2}, 4, 4), five, nil, nil, nil, d.reals(1, 4, 5, 5))},
		sample{name: "in both directions", op: "GroupQueryAttention", attrs: with(intAttr("causal", 0)), out: types(f, f, f), in: values(gq, gk, gv, nil, nil, ints([]int{2}, 4, 4), five)},
		sample{name: "with positions", op: "GroupQueryAttention", attrs: with(intAttr("do_rotary", 1)), out: types(f, f, f), in: values(oq, ok, ov, pk, pv, ints([]int{2}, 6, 6), seven, cos, sin, longs([]int{2, 1}, 3, 9))},
		sample{name: "of sequences of several lengths", op: "GroupQueryAttention", attrs: groups, out: types(f, f, f), in: values(oq, ok, ov, pk, pv, ints([]int{2}, 6, 4), seven)},

		sample{name: "of rows", op: "RotaryEmbedding", in: values(d.reals(2, 3, 16), longs([]int{2, 3}, 0, 4, 2, 9, 8, 7), cos4, sin4)},
		sample{name: "from a position on", op: "RotaryEmbedding", attrs: attrs(intAttr("interleaved", 1)), in: values(d.reals(2, 3, 16), longs([]int{1}, 5), cos4, sin4)},
		sample{name: "of heads", op: "RotaryEmbedding", in: values(d.reals(2, 2, 3, 8), longs([]int{2, 3}, 0, 4, 2, 9, 8, 7), cos4, sin4)},
		sample{name: "of a part of each head", op: "RotaryEmbedding", attrs: attrs(intAttr("num_heads", 2), intAttr("rotary_embedding_dim", 8)), in: values(d.reals(2, 3, 24), longs([]int{2, 3}, 0, 4, 2, 9, 8, 7), cos4, sin4)},
	))
}

// make50 are ones and zeros of which each row has some.
func make50() []int32 {
	v := make([]int32, 50)
	for i := range v {
		if i%3 != 1 {
			v[i] = 1
		}
	}
	return v
}

func TestMicrosoftOthers(t *testing.T) {
	d := newDraw(6)
	text := types(onnxtest.String)
	tokens := func(least int64, mark int64, more onnxtest.Attr) []onnxtest.Attr {
		return attrs(intAttr("mincharnum", least), intAttr("mark", mark), textAttr("pad_value", "#"), more)
	}
	lines := words([]int{2, 2}, "a lean, green machine", "one  two", "", "naïve words")
	boxes := singles([]int{3, 4}, 0, 0, 1, 1, 0.2, 0.1, 0.7, 0.9, -0.5, 0.3, 0.5, 1.5)
	checkSamples(t, microsoftSamples(
		sample{name: "of rows", op: "CDist", in: values(d.reals(4, 5), d.reals(3, 5))},
		sample{name: "with a root", op: "CDist", attrs: attrs(textAttr("metric", "euclidean")), in: values(d.reals(4, 5), d.reals(3, 5))},
		sample{name: "of doubles", op: "CDist", attrs: attrs(textAttr("metric", "euclidean")), out: types(onnxtest.Double), in: values(as(backends.FP64, d.reals(4, 5)), as(backends.FP64, d.reals(3, 5)))},
		sample{name: "of several", op: "Inverse", within: valuediff.Tolerance{RTol: 1e-3, ATol: 1e-3}, in: values(d.reals(3, 4, 4))},
		sample{name: "of regions", op: "CropAndResize", in: values(d.reals(2, 3, 6, 7), boxes, ints([]int{3}, 0, 1, 0), ints([]int{2}, 3, 4))},
		sample{name: "of the nearest pixels", op: "CropAndResize", attrs: attrs(textAttr("mode", "nearest"), floatAttr("extrapolation_value", 9)), in: values(d.reals(2, 3, 6, 7), boxes, ints([]int{3}, 0, 1, 0), ints([]int{2}, 1, 4))},
		sample{name: "of two", op: "NGramRepeatBlock", attrs: attrs(intAttr("ngram_size", 2)), in: values(longs([]int{2, 5}, 1, 2, 3, 1, 2, 4, 4, 0, 1, 4), d.reals(2, 6))},
		sample{name: "of the last dimension", op: "UnfoldTensor", attrs: attrs(intAttr("size", 3), intAttr("step", 2)), in: values(d.reals(2, 8))},
		sample{name: "of the first dimension", op: "UnfoldTensor", attrs: attrs(intAttr("size", 2), intAttr("dim", 0)), in: values(d.reals(4, 3))},
		sample{name: "by separators", op: "Tokenizer", attrs: tokens(1, 0, onnxtest.StringsAttr("separators", " ", ",")), out: text, in: values(lines)},
		sample{name: "by separators, with marks", op: "Tokenizer", attrs: tokens(4, 1, onnxtest.StringsAttr("separators", "[ ,]+")), out: text, in: values(lines)},
		sample{name: "by letters", op: "Tokenizer", attrs: tokens(1, 0, textAttr("tokenexp", ".")), out: text, in: values(lines)},
		sample{name: "by an expression", op: "Tokenizer", attrs: tokens(1, 1, textAttr("tokenexp", "[a-n]+")), out: text, in: values(lines)},
	))
}
