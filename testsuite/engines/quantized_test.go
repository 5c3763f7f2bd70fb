package engines

import (
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/internal/valuediff"
)

func TestMicrosoftQuantized(t *testing.T) {
	d := newDraw(4)
	const u8, i8 = backends.U8, backends.I8
	U, I := types(onnxtest.Uint8), types(onnxtest.Int8)
	s := func() *backends.Tensor { return d.positive() }
	zero := func(ty backends.ElementType) *backends.Tensor {
		if ty == i8 {
			return d.bytes(ty, -10, 10)
		}
		return d.bytes(ty, 120, 136)
	}
	any8 := func(ty backends.ElementType, shape ...int) *backends.Tensor {
		if ty == i8 {
			return d.bytes(ty, -128, 127, shape...)
		}
		return d.bytes(ty, 0, 255, shape...)
	}
	weights := func(shape ...int) *backends.Tensor { return d.bytes(i8, -60, 60, shape...) }
	conv := attrs(intsAttr("kernel_shape", 3, 3), intsAttr("pads", 1, 1, 1, 1))
	last := append(append([]onnxtest.Attr{}, conv...), intAttr("channels_last", 1))
	loose := valuediff.Tolerance{RTol: 1e-3, ATol: 1e-3}
	one := within(1)
	small1 := singles(nil, 0.004)
	checkSamples(t, microsoftSamples(
		sample{name: "of unsigned bytes", op: "QLinearAdd", out: U, within: one, in: values(any8(u8, 2, 3, 400), s(), zero(u8), any8(u8, 2, 3, 400), s(), zero(u8), s(), zero(u8))},
		sample{name: "of signed bytes that broadcast", op: "QLinearAdd", out: I, within: one, in: values(any8(i8, 2, 3, 40), s(), zero(i8), any8(i8, 40), s(), zero(i8), s(), zero(i8))},
		sample{name: "of a row by columns", op: "QLinearAdd", out: U, within: one, in: values(any8(u8, 1, 40), s(), zero(u8), any8(u8, 3, 1), s(), zero(u8), s(), zero(u8))},
		sample{name: "of unsigned bytes", op: "QLinearMul", out: U, within: one, in: values(any8(u8, 2, 3, 400), s(), zero(u8), any8(u8, 3, 1), s(), zero(u8), s(), zero(u8))},
		sample{name: "of signed bytes by one", op: "QLinearMul", out: I, within: one, in: values(any8(i8, 2, 3, 40), s(), zero(i8), any8(i8), s(), zero(i8), s(), zero(i8))},
		sample{name: "of unsigned bytes", op: "QLinearSigmoid", out: U, within: one, in: values(any8(u8, 300), s(), zero(u8), small1, small(u8, nil, 0))},
		sample{name: "of signed bytes", op: "QLinearSigmoid", out: I, within: one, in: values(any8(i8, 300), s(), zero(i8), small1, small(i8, nil, 128))},
		sample{name: "of unsigned bytes", op: "QLinearLeakyRelu", attrs: attrs(floatAttr("alpha", 0.1)), out: U, within: one, in: values(any8(u8, 300), s(), zero(u8), s(), zero(u8))},
		sample{name: "of signed bytes", op: "QLinearLeakyRelu", out: I, within: one, in: values(any8(i8, 300), s(), zero(i8), s(), zero(i8))},
		sample{name: "along an axis", op: "QLinearSoftmax", attrs: attrs(intAttr("opset", 13), intAttr("axis", 1)), out: U, within: one, in: values(any8(u8, 2, 5, 4), s(), zero(u8), small1, small(u8, nil, 0))},
		sample{name: "of all behind an axis", op: "QLinearSoftmax", attrs: attrs(intAttr("opset", 11), intAttr("axis", 1)), out: I, within: one, in: values(any8(i8, 2, 5, 4), s(), zero(i8), small1, small(i8, nil, 128))},
		sample{name: "of windows", op: "QLinearAveragePool", attrs: attrs(intsAttr("kernel_shape", 3, 3), intsAttr("pads", 1, 1, 1, 1), intsAttr("strides", 2, 2)), out: U, within: one, in: values(any8(u8, 1, 3, 8, 9), s(), zero(u8), s(), zero(u8))},
		sample{name: "with padding, channels last", op: "QLinearAveragePool", attrs: attrs(intsAttr("kernel_shape", 3, 3), intsAttr("pads", 1, 1, 1, 1), intAttr("count_include_pad", 1), intAttr("channels_last", 1)), out: U, within: one, in: values(any8(u8, 1, 8, 9, 3), s(), zero(u8), s(), zero(u8))},
		sample{name: "of planes", op: "QLinearGlobalAveragePool", out: U, within: one, in: values(any8(u8, 2, 3, 7, 7), s(), zero(u8), s(), zero(u8))},
		sample{name: "of planes, channels last", op: "QLinearGlobalAveragePool", attrs: attrs(intAttr("channels_last", 1)), out: I, within: one, in: values(any8(i8, 2, 7, 7, 3), s(), zero(i8), s(), zero(i8))},
		sample{name: "along axes", op: "QLinearReduceMean", attrs: attrs(intsAttr("axes", 1, 2), intAttr("keepdims", 0)), out: U, within: one, in: values(any8(u8, 2, 3, 7, 4), singles(nil, 0.02), zero(u8), singles(nil, 0.01), zero(u8)), reference: []onnxtest.Node{
			nodeOf("DequantizeLinear", "x", "in0", "in1", "in2"),
			{Op: "ReduceMean", Inputs: []string{"x", "axes"}, Outputs: []string{"m"}, Attrs: attrs(intAttr("keepdims", 0))},
			nodeOf("QuantizeLinear", "out0", "m", "in3", "in4")}, constants: []onnxtest.Tensor{{Name: "axes", Type: onnxtest.Int64, Dims: []int64{2}, Raw: onnxtest.Int64s(1, 2)}}},
		sample{name: "of two levels", op: "QLinearConcat", attrs: attrs(intAttr("axis", 1)), out: U, within: one, in: values(s(), zero(u8), any8(u8, 2, 3), s(), zero(u8), any8(u8, 2, 5), s(), zero(u8))},
		sample{name: "of signed bytes", op: "QLinearConcat", attrs: attrs(intAttr("axis", 0)), out: I, within: one, in: values(s(), zero(i8), any8(i8, 2, 3), s(), zero(i8), any8(i8, 1, 3), s(), zero(i8))},
		sample{name: "by a condition", op: "QLinearWhere", out: U, within: one, in: values(must(backends.NewTensor([]uint32{3, 1}, backends.Bool, []byte{1, 0, 1})), any8(u8, 3, 4), s(), zero(u8), any8(u8, 4), s(), zero(u8), s(), zero(u8))},
		sample{name: "channels first", op: "QLinearConv", attrs: conv, out: U, within: one, in: values(any8(u8, 1, 3, 8, 9), s(), zero(u8), weights(4, 3, 3, 3), d.positive(4), small(i8, []int{4}, 0, 0, 0, 0), singles(nil, 0.8), zero(u8), ints([]int{4}, 100, -2000, 300, 40))},
		sample{name: "channels last", op: "QLinearConv", attrs: last, out: U, within: one, in: values(any8(u8, 1, 8, 9, 3), s(), zero(u8), weights(4, 3, 3, 3), d.positive(4), small(i8, []int{4}, 0, 0, 0, 0), singles(nil, 0.8), zero(u8), ints([]int{4}, 100, -2000, 300, 40))},
		sample{name: "in numbers", op: "QGemm", within: loose, in: values(any8(u8, 5, 7), s(), zero(u8), weights(7, 9), s(), small(i8, nil, 3))},
		sample{name: "in bytes, with an addend, transposed", op: "QGemm", attrs: attrs(intAttr("transB", 1), floatAttr("alpha", 0.5)), out: U, within: one, in: values(any8(u8, 5, 7), s(), zero(u8), weights(9, 7), d.positive(9), small(i8, []int{9}, 0, 0, 0, 0, 0, 0, 0, 0, 0), ints([]int{9}, 1, 200, 3, 4, 5, 6, 7, 8, 999), singles(nil, 0.6), zero(u8))},
		sample{name: "of signed bytes, both transposed", op: "QGemm", attrs: attrs(intAttr("transB", 1), intAttr("transA", 1)), out: I, within: one, in: values(any8(i8, 7, 5), s(), zero(i8), weights(9, 7), s(), small(i8, nil, 3), nil, singles(nil, 0.6), zero(i8))},

		sample{name: "of words", op: "QuantizeLinear", out: types(onnxtest.Int16), within: one, in: values(d.reals(3, 5), singles(nil, 0.001), int16s(nil, 7))},
		sample{name: "by columns", op: "QuantizeLinear", attrs: attrs(intAttr("axis", 1)), out: U, within: one, in: values(d.reals(3, 5), d.positive(5), d.bytes(u8, 120, 130, 5))},
		sample{name: "of words", op: "DequantizeLinear", in: values(int16s([]int{3}, 5, -600, 7000), singles(nil, 0.001), int16s(nil, 7))},
		sample{name: "of int32", op: "DequantizeLinear", in: values(ints([]int{3}, 5, -600, 7000), singles(nil, 0.001))},
		sample{name: "by rows", op: "DequantizeLinear", attrs: attrs(intAttr("axis", 0)), in: values(any8(i8, 3, 5), d.positive(3), small(i8, []int{3}, 1, 2, 3))},

		sample{name: "of weights", op: "DynamicQuantizeMatMul", within: loose, in: values(d.reals(2, 5, 16), weights(16, 9), s())},
		sample{name: "of columns, with a bias", op: "DynamicQuantizeMatMul", within: loose, in: values(d.reals(5, 16), weights(16, 9), d.positive(9), small(i8, []int{9}, 0, 1, 2, 3, 4, 5, 6, 7, 8), d.reals(9))},
		sample{name: "of unsigned weights", op: "DynamicQuantizeMatMul", within: loose, in: values(d.reals(2, 5, 16), d.bytes(u8, 60, 180, 16, 9), s(), small(u8, nil, 120))},
		sample{name: "of weights", op: "MatMulIntegerToFloat", within: loose, in: values(any8(u8, 2, 5, 16), weights(16, 9), s(), s(), zero(u8))},
		sample{name: "of columns, with a bias", op: "MatMulIntegerToFloat", within: loose, in: values(any8(u8, 5, 16), weights(16, 9), s(), d.positive(9), zero(u8), small(i8, []int{9}, 0, 1, 2, 3, 4, 5, 6, 7, 8), d.reals(9))},
		sample{name: "of signed bytes", op: "MatMulIntegerToFloat", within: loose, in: values(d.bytes(i8, -60, 60, 5, 16), weights(16, 9), s(), s(), small(i8, nil, 4), small(i8, nil, 5))},

		sample{name: "of bytes", op: "QAttention", attrs: attrs(intAttr("num_heads", 2)), within: loose, in: values(any8(u8, 2, 5, 12), weights(12, 24), d.reals(24), s(), s(), nil, zero(u8))},
		sample{name: "of bytes with a past", op: "QAttention", attrs: attrs(intAttr("num_heads", 2), intAttr("unidirectional", 1)), out: types(onnxtest.Float, onnxtest.Float), within: loose, in: values(any8(u8, 2, 5, 12), weights(12, 24), d.reals(24), s(), d.positive(24), nil, zero(u8), small(i8, nil, 3), d.reals(2, 2, 2, 3, 4))},
		sample{name: "of bytes with ends", op: "QAttention", attrs: attrs(intAttr("num_heads", 2)), within: loose, in: values(any8(u8, 2, 5, 12), weights(12, 24), d.reals(24), s(), s(), ints([]int{2}, 3, 5), zero(u8))},
	))
}

func TestMicrosoftBlocks(t *testing.T) {
	d := newDraw(5)
	const u8 = backends.U8
	sizes := func(n, k, block, bits int64) []onnxtest.Attr {
		return attrs(intAttr("N", n), intAttr("K", k), intAttr("block_size", block), intAttr("bits", bits))
	}
	fixed := func(all ...backends.Value) []input {
		in := values(all...)
		for i := range in {
			in[i].constant = i > 0
		}
		return in
	}
	gather := func(in ...backends.Value) []input {
		all := values(in...)
		for i := range all {
			all[i].constant = i != 1
		}
		return all
	}
	near := valuediff.Tolerance{RTol: 1e-3, ATol: 1e-3}
	checkSamples(t, microsoftSamples(
		sample{name: "of 4 bits", op: "MatMulNBits", attrs: sizes(9, 64, 32, 4), within: near, in: fixed(d.reals(2, 3, 64), d.bytes(u8, 0, 255, 9, 2, 16), d.positive(18))},
		sample{name: "of 4 bits with zero points", op: "MatMulNBits", attrs: sizes(9, 96, 32, 4), within: near, in: fixed(d.reals(3, 96), d.bytes(u8, 0, 255, 9, 3, 16), d.positive(27), d.bytes(u8, 0, 255, 18))},
		sample{name: "of 4 bits of part of a block", op: "MatMulNBits", attrs: sizes(5, 40, 16, 4), within: near, in: fixed(d.reals(1, 40), d.bytes(u8, 0, 255, 5, 3, 8), d.positive(15))},
		sample{name: "of 4 bits of many rows", op: "MatMulNBits", attrs: sizes(70, 128, 64, 4), within: near, in: fixed(d.reals(33, 128), d.bytes(u8, 0, 255, 70, 2, 32), d.positive(140), nil, nil, d.reals(70))},
		sample{name: "of 8 bits", op: "MatMulNBits", attrs: sizes(9, 64, 32, 8), within: near, in: fixed(d.reals(3, 64), d.bytes(u8, 0, 255, 9, 2, 32), d.positive(18), d.bytes(u8, 100, 150, 18))},
		sample{name: "with zero points that are numbers", op: "MatMulNBits", attrs: sizes(9, 64, 32, 4), within: near, in: fixed(d.reals(3, 64), d.bytes(u8, 0, 255, 9, 2, 16), d.positive(18), d.reals(18))},
		sample{name: "of FP4", op: "MatMulBnb4", attrs: attrs(intAttr("N", 9), intAttr("K", 64), intAttr("block_size", 32), intAttr("quant_type", 0)), within: near, in: fixed(d.reals(3, 64), d.bytes(u8, 0, 255, 9*32), d.positive(18))},
		sample{name: "of NF4", op: "MatMulBnb4", attrs: attrs(intAttr("N", 9), intAttr("K", 64), intAttr("block_size", 16), intAttr("quant_type", 1)), within: near, in: fixed(d.reals(2, 3, 64), d.bytes(u8, 0, 255, 9*32), d.positive(36))},
		sample{name: "of 4 bits in bytes", op: "GatherBlockQuantized", attrs: attrs(intAttr("block_size", 16)), in: gather(d.bytes(u8, 0, 255, 5, 16), longs([]int{2, 2}, 1, 4, 0, -1), d.positive(5, 2))},
		sample{name: "of 8 bits with zero points", op: "GatherBlockQuantized", attrs: attrs(intAttr("block_size", 16), intAttr("bits", 8)), in: gather(d.bytes(u8, 0, 255, 5, 32), longs([]int{3}, 1, 4, 0), d.positive(5, 2), d.bytes(u8, 0, 255, 5, 2))},
		sample{name: "of 4 bits with zero points", op: "GatherBlockQuantized", attrs: attrs(intAttr("block_size", 16)), in: gather(d.bytes(u8, 0, 255, 5, 16), ints([]int{3}, 1, 4, 0), d.positive(5, 2), d.bytes(u8, 0, 255, 5, 1))},
		sample{name: "of INT4", op: "GatherBlockQuantized", attrs: attrs(intAttr("block_size", 16), intAttr("gather_axis", 1), intAttr("quantize_axis", 0)), in: gather(must(backends.NewTensor([]uint32{20, 4}, backends.I4, d.bytes(u8, 0, 255, 40).Data())), longs([]int{2}, 3, 1), d.positive(2, 4))},
	))
}

func TestMicrosoftLSTM(t *testing.T) {
	d := newDraw(7)
	f, i8, u8 := onnxtest.Float, backends.I8, backends.U8
	near := valuediff.Tolerance{RTol: 1e-2, ATol: 1e-2}
	weights := func(shape ...int) *backends.Tensor { return d.bytes(i8, -60, 60, shape...) }
	checkSamples(t, microsoftSamples(
		sample{name: "forward", op: "DynamicQuantizeLSTM", attrs: attrs(intAttr("hidden_size", 8)), out: types(f, f, f), within: near,
			in: values(d.reals(5, 2, 12), weights(1, 12, 32), weights(1, 8, 32), d.reals(1, 64), nil, nil, nil, nil, singles([]int{1}, 0.02), small(i8, []int{1}, 3), singles([]int{1}, 0.02), small(i8, []int{1}, 0))},
		sample{name: "in both directions, by columns", op: "DynamicQuantizeLSTM", attrs: attrs(intAttr("hidden_size", 8), textAttr("direction", "bidirectional")), out: types(f, f, f), within: near,
			in: values(d.reals(5, 2, 12), weights(2, 12, 32), weights(2, 8, 32), nil, nil, d.reals(2, 2, 8), d.reals(2, 2, 8), nil, d.positive(2, 32), small(i8, []int{2, 32}, make([]byte, 64)...), d.positive(2, 32), small(i8, []int{2, 32}, make([]byte, 64)...))},
		sample{name: "of unsigned weights", op: "DynamicQuantizeLSTM", attrs: attrs(intAttr("hidden_size", 8)), out: types(f), within: near,
			in: values(d.reals(3, 1, 12), d.bytes(u8, 70, 180, 1, 12, 32), d.bytes(u8, 70, 180, 1, 8, 32), nil, nil, nil, nil, nil, singles([]int{1}, 0.02), small(u8, []int{1}, 120), singles([]int{1}, 0.02), small(u8, []int{1}, 130))},
	))
}
