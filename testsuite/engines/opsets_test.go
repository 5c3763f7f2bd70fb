package engines

import (
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/internal/valuediff"
)

// TestOperatorsOfEarlierSets computes operators as versions of ai.onnx have them in which
// their attributes, inputs or meaning changed. ONNX Runtime has those from 7 on.
func TestOperatorsOfEarlierSets(t *testing.T) {
	d := newDraw(9)
	f, i64 := onnxtest.Float, onnxtest.Int64
	x, image := d.reals(2, 3, 4), d.reals(1, 2, 5, 6)
	of := func(version int64, op, name string, a []onnxtest.Attr, in []input, out ...onnxtest.DataType) sample {
		if out == nil {
			out = []onnxtest.DataType{f}
		}
		return sample{name: name, op: op, opset: version, attrs: a, in: in, out: types(out...)}
	}
	var all []sample
	on := func(versions []int64, op, name string, a []onnxtest.Attr, in []input, out ...onnxtest.DataType) {
		for _, v := range versions {
			all = append(all, of(v, op, name, a, in, out...))
		}
	}
	v := func(all ...int64) []int64 { return all }
	axis := func(k int64) []onnxtest.Attr { return attrs(intAttr("axis", k)) }
	floatsAttr := onnxtest.FloatsAttr

	on(v(7, 12), "Softmax", "of all behind an axis", axis(1), values(x))
	on(v(7, 12), "Softmax", "by default", nil, values(x))
	on(v(13, 21), "Softmax", "along an axis", axis(1), values(x))
	on(v(7, 12, 13), "LogSoftmax", "by default", nil, values(x))
	on(v(7, 12, 13), "Hardmax", "by default", nil, values(x))
	on(v(7, 10), "Clip", "by attributes", attrs(floatAttr("min", -0.5), floatAttr("max", 0.6)), values(x))
	on(v(11, 13), "Clip", "by inputs", nil, values(x, singles(nil, -0.5), singles(nil, 0.6)))
	on(v(7, 10), "Pad", "by attributes", attrs(intsAttr("pads", 0, 1, 0, 0, 0, 2), floatAttr("value", 3)), values(x))
	on(v(11, 13, 18, 21), "Pad", "by inputs", attrs(textAttr("mode", "edge")), values(x, longs([]int{6}, 0, 1, 0, 0, 0, 2)))
	on(v(18), "Pad", "along axes", nil, values(x, longs([]int{2}, 1, 2), singles(nil, 4), longs([]int{1}, -1)))
	on(v(7, 9), "Slice", "by attributes", attrs(intsAttr("starts", 1, -3), intsAttr("ends", 3, 100), intsAttr("axes", 1, 2)), values(x))
	on(v(10, 11, 13), "Slice", "by inputs", nil, values(x, longs([]int{1}, -1), longs([]int{1}, -100), longs([]int{1}, 2), longs([]int{1}, -2)))
	on(v(7, 11), "Squeeze", "by attributes", attrs(intsAttr("axes", 0)), values(d.reals(1, 3, 1)))
	on(v(13, 21), "Squeeze", "by inputs", nil, values(d.reals(1, 3, 1), longs([]int{1}, -1)))
	on(v(7, 11), "Unsqueeze", "by attributes", attrs(intsAttr("axes", 0, 2)), values(d.reals(3)))
	on(v(13, 21), "Unsqueeze", "by inputs", nil, values(d.reals(3), longs([]int{2}, 0, -1)))
	on(v(7, 11, 12), "ReduceSum", "by attributes", attrs(intsAttr("axes", 1), intAttr("keepdims", 0)), values(x))
	on(v(13), "ReduceSum", "by inputs", nil, values(x, longs([]int{1}, 1)))
	on(v(13), "ReduceSum", "of no axes", attrs(intAttr("noop_with_empty_axes", 1)), values(x))
	for _, op := range []string{"ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare"} {
		on(v(7, 11, 13), op, "by attributes", attrs(intsAttr("axes", 0, 2)), values(x))
		on(v(18), op, "by inputs", attrs(intAttr("keepdims", 0)), values(x, longs([]int{1}, 1)))
	}
	on(v(7, 9), "TopK", "by attributes", attrs(intAttr("k", 2)), values(x), f, i64)
	on(v(10), "TopK", "by inputs", nil, values(x, longs([]int{1}, 2)), f, i64)
	on(v(11), "TopK", "of the smallest", attrs(intAttr("largest", 0), intAttr("axis", 1)), values(x, longs([]int{1}, 2)), f, i64)
	on(v(7, 11), "Split", "by attributes", attrs(intAttr("axis", 2), intsAttr("split", 1, 3)), values(x), f, f)
	on(v(7, 11, 13), "Split", "in halves", attrs(intAttr("axis", 2)), values(x), f, f)
	on(v(13), "Split", "by inputs", attrs(intAttr("axis", 2)), values(x, longs([]int{2}, 1, 3)), f, f)
	on(v(18), "Split", "in parts", attrs(intAttr("axis", 2), intAttr("num_outputs", 3)), values(d.reals(1, 1, 7)), f, f, f)
	on(v(7, 9, 13, 14, 15), "BatchNormalization", "by channels", attrs(floatAttr("epsilon", 1e-3)), values(image, d.reals(2), d.reals(2), d.reals(2), d.positive(2)))
	on(v(7), "Upsample", "by attributes", attrs(floatsAttr("scales", 1, 1, 2, 3)), values(image))
	on(v(9), "Upsample", "by inputs", attrs(textAttr("mode", "linear")), values(image, singles([]int{4}, 1, 1, 2, 2)))
	on(v(10), "Resize", "to the nearest", nil, values(image, singles([]int{4}, 1, 1, 1.7, 0.6)))
	on(v(10), "Resize", "in lines", attrs(textAttr("mode", "linear")), values(image, singles([]int{4}, 1, 1, 2, 0.5)))
	none := singles([]int{0}) // what stood for inputs left out in version 11
	for _, mode := range []string{"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"} {
		by := singles([]int{4}, 1, 1, 1.5, 0.6)
		if mode == "align_corners" { // ONNX Runtime rounds the size first, against ONNX's own cases
			by = singles([]int{4}, 1, 1, 2, 0.5)
		}
		lines := attrs(textAttr("mode", "linear"), textAttr("coordinate_transformation_mode", mode))
		on(v(11), "Resize", "in lines, "+mode, lines, values(image, none, by))
		on(v(13, 18, 19), "Resize", "in lines, "+mode, lines, values(image, nil, by))
		nearest := attrs(textAttr("coordinate_transformation_mode", mode), textAttr("nearest_mode", "floor"))
		on(v(11), "Resize", "to the nearest, "+mode, nearest, values(image, none, none, longs([]int{4}, 1, 2, 8, 3)))
		on(v(13, 18, 19), "Resize", "to the nearest, "+mode, nearest, values(image, nil, nil, longs([]int{4}, 1, 2, 8, 3)))
	}
	on(v(13, 18), "Resize", "in cubes", attrs(textAttr("mode", "cubic")), values(image, nil, singles([]int{4}, 1, 1, 1.5, 2)))
	on(v(18, 19), "Resize", "along axes, without aliases", attrs(textAttr("mode", "linear"), intAttr("antialias", 1), intsAttr("axes", 2, 3)), values(image, nil, singles([]int{2}, 0.5, 0.6)))
	on(v(7, 11, 13), "Gather", "of an axis", axis(1), values(x, longs([]int{2}, 2, 0)))
	on(v(9), "Scatter", "along an axis", axis(1), values(d.reals(3, 3), longs([]int{1, 2}, 2, 0), d.reals(1, 2)))
	on(v(11, 13, 16, 18), "ScatterElements", "along an axis", axis(1), values(d.reals(3, 3), longs([]int{1, 2}, 2, 0), d.reals(1, 2)))
	on(v(11, 13, 16), "ScatterND", "of rows", nil, values(d.reals(3, 3), longs([]int{2, 1}, 2, 0), d.reals(2, 3)))
	on(v(9, 11), "OneHot", "of numbers", nil, values(longs([]int{3}, 1, 0, 2), longs([]int{1}, 3), singles([]int{2}, 0, 5)))
	on(v(7, 10, 12, 13), "Dropout", "outside of training", nil, values(x))
	on(v(8, 10, 11, 12), "MaxPool", "of windows", attrs(intsAttr("kernel_shape", 3, 2), intsAttr("strides", 2, 2), intsAttr("pads", 1, 0, 1, 0)), values(image), f, i64)
	on(v(10, 11, 12), "MaxPool", "rounded up", attrs(intsAttr("kernel_shape", 2, 2), intsAttr("strides", 2, 2), intAttr("ceil_mode", 1)), values(image))
	on(v(7, 10, 11, 19), "AveragePool", "with padding", attrs(intsAttr("kernel_shape", 3, 3), intsAttr("pads", 1, 1, 1, 1), intAttr("count_include_pad", 1)), values(image))
	on(v(10, 11, 19), "AveragePool", "rounded up", attrs(intsAttr("kernel_shape", 3, 3), intsAttr("strides", 2, 2), intAttr("ceil_mode", 1)), values(image))
	on(v(7, 11, 18), "LpPool", "of windows", attrs(intsAttr("kernel_shape", 2, 2), intAttr("p", 2)), values(image))
	on(v(7, 11, 12, 13), "ArgMax", "along an axis", axis(1), values(x), i64)
	on(v(12), "ArgMin", "of the last", attrs(intAttr("select_last_index", 1), intAttr("axis", 0)), values(singles([]int{3}, 1, 1, 2)), i64)
	on(v(7, 11, 13), "Flatten", "at an axis", axis(2), values(x))
	on(v(11), "Flatten", "from the end", axis(-1), values(x))
	on(v(7, 11, 13), "Concat", "along an axis", axis(1), values(x, x))
	on(v(7, 9, 11, 13), "Gemm", "with an addend", attrs(intAttr("transB", 1), floatAttr("alpha", 0.5), floatAttr("beta", 2)), values(d.reals(3, 4), d.reals(5, 4), d.reals(5)))
	on(v(11, 13), "Gemm", "without an addend", nil, values(d.reals(3, 4), d.reals(4, 5)))
	on(v(7, 11, 13), "DepthToSpace", "by default", attrs(intAttr("blocksize", 2)), values(d.reals(1, 8, 2, 3)))
	on(v(11, 13), "DepthToSpace", "by columns", attrs(intAttr("blocksize", 2), textAttr("mode", "CRD")), values(d.reals(1, 8, 2, 3)))
	on(v(7, 13, 15), "Shape", "of all", nil, values(x), i64)
	on(v(15, 19), "Shape", "of a part", attrs(intAttr("start", 1), intAttr("end", -1)), values(x), i64)
	on(v(7, 13), "Reshape", "with a copied size", nil, values(x, longs([]int{2}, 0, -1)))
	on(v(14), "Reshape", "with a size of 0", attrs(intAttr("allowzero", 1)), values(d.reals(2, 0, 3), longs([]int{2}, 0, 4)))
	on(v(10, 13), "QuantizeLinear", "of all", nil, values(x, singles(nil, 0.1), small(backends.U8, nil, 100)), onnxtest.Uint8)
	on(v(13, 19, 21), "QuantizeLinear", "by columns", axis(2), values(x, d.positive(4), small(backends.U8, []int{4}, 100, 101, 102, 103)), onnxtest.Uint8)
	on(v(7, 12, 13, 15), "Pow", "of floats", nil, values(d.positive(3), singles([]int{1}, 2.5)))
	on(v(12, 13), "Pow", "by integers", nil, values(d.reals(3), longs([]int{1}, 3)))
	on(v(18), "GroupNormalization", "with a scale for each group", attrs(intAttr("num_groups", 2)), values(d.reals(1, 4, 5), d.reals(2), d.reals(2)))
	on(v(21), "GroupNormalization", "with a scale for each channel", attrs(intAttr("num_groups", 2)), values(d.reals(1, 4, 5), d.reals(4), d.reals(4)))
	on(v(16), "GridSample", "in lines", attrs(textAttr("mode", "bilinear")), values(d.reals(1, 2, 4, 5), d.reals(1, 3, 3, 2)))
	on(v(20), "GridSample", "in lines", attrs(textAttr("mode", "linear")), values(d.reals(1, 2, 4, 5), d.reals(1, 3, 3, 2)))
	on(v(17), "DFT", "along an attribute's axis", attrs(intAttr("axis", 1)), values(d.reals(1, 8, 3, 1)))
	on(v(20), "DFT", "along an input's axis", nil, values(d.reals(1, 8, 3, 1), nil, longs(nil, 1)))
	boxes := singles([]int{2, 4}, 0, 0, 4, 4, 1, 1, 5, 3)
	on(v(10), "RoiAlign", "from corners", attrs(intAttr("output_height", 2), intAttr("output_width", 2)), values(image, boxes, longs([]int{2}, 0, 0)))
	on(v(16), "RoiAlign", "from centres", attrs(intAttr("output_height", 2), intAttr("output_width", 2), intAttr("sampling_ratio", 2)), values(image, boxes, longs([]int{2}, 0, 0)))
	on(v(7, 14), "LSTM", "with a bias", attrs(intAttr("hidden_size", 4)), values(d.reals(3, 2, 5), d.reals(1, 16, 5), d.reals(1, 16, 4), d.reals(1, 32)), f, f, f)
	on(v(7, 14), "GRU", "in both directions", attrs(intAttr("hidden_size", 4), textAttr("direction", "bidirectional"), intAttr("linear_before_reset", 1)), values(d.reals(3, 2, 5), d.reals(2, 12, 5), d.reals(2, 12, 4), d.reals(2, 24)), f, f)
	on(v(7, 14), "RNN", "backwards", attrs(intAttr("hidden_size", 4), textAttr("direction", "reverse")), values(d.reals(3, 2, 5), d.reals(1, 4, 5), d.reals(1, 4, 4)), f, f)
	on(v(7, 11), "ConvTranspose", "to a shape", attrs(intsAttr("strides", 2, 2), intsAttr("output_shape", 10, 12)), values(image, d.reals(2, 3, 3, 3)))
	on(v(7, 9, 13), "Cast", "to int64", attrs(intAttr("to", 7)), values(singles([]int{3}, 1.7, -2.7, 3)), i64)
	on(v(7, 9), "PRelu", "by channels", nil, values(image, d.reals(2, 1, 1)))
	on(v(8, 13), "Expand", "to a shape", nil, values(d.reals(3, 1), longs([]int{3}, 2, 1, 4)))
	on(v(7, 8, 13), "Max", "of several", nil, values(x, d.reals(2, 3, 4), d.reals(2, 3, 4)))
	on(v(8, 13), "Mean", "of several that broadcast", nil, values(x, d.reals(4), d.reals(3, 1)))
	on(v(7, 11, 13), "Equal", "of integers", nil, values(longs([]int{3}, 1, 2, 3), longs([]int{1}, 2)), onnxtest.Bool)
	on(v(9, 11), "NonZero", "of numbers", nil, values(singles([]int{2, 2}, 1, 0, 2, 3)), i64)
	on(v(11, 14), "CumSum", "along an axis", attrs(intAttr("exclusive", 1)), values(x, ints(nil, 1)))
	on(v(10, 13), "Mod", "of floats", attrs(intAttr("fmod", 1)), values(x, singles([]int{1}, 0.4)))
	on(v(7, 13), "LRN", "across channels", attrs(intAttr("size", 3)), values(image))
	on(v(7), "InstanceNormalization", "of planes", nil, values(image, d.reals(2), d.reals(2)))
	on(v(10, 11), "NonMaxSuppression", "of boxes", nil, values(d.positive(1, 6, 4), d.positive(1, 1, 6), longs([]int{1}, 3), singles([]int{1}, 0.5), singles([]int{1}, 0)), i64)
	on(v(12, 13), "Where", "of integers", nil, values(must(backends.NewTensor([]uint32{2}, backends.Bool, []byte{1, 0})), longs([]int{2}, 1, 2), longs([]int{1}, 9)), i64)

	for i := range all {
		all[i].within = valuediff.Tolerance{RTol: 1e-3, ATol: 1e-4}
		all[i].name = all[i].name + ", of version " + itoa(all[i].opset)
	}
	checkSamples(t, all)
}

func itoa(v int64) string {
	if v < 10 {
		return string(rune('0' + v))
	}
	return itoa(v/10) + itoa(v%10)
}
