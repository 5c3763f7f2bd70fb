package engines

import (
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/internal/valuediff"
)

// dictionary is a map.
func dictionary(keys, values *backends.Tensor) backends.Value {
	m, err := backends.NewMap(keys, values)
	if err != nil {
		panic(err)
	}
	return m
}

func longsAttr(name string, v ...int64) onnxtest.Attr   { return onnxtest.IntsAttr(name, v...) }
func wordsAttr(name string, v ...string) onnxtest.Attr  { return onnxtest.StringsAttr(name, v...) }
func realsAttr(name string, v ...float32) onnxtest.Attr { return onnxtest.FloatsAttr(name, v...) }

// realsOf are numbers for an attribute.
func (d draw) realsOf(n int) []float32 { return floats(d.reals(n)) }

func TestClassicalMachineLearning(t *testing.T) {
	d := newDraw(8)
	f, i64, text := onnxtest.Float, onnxtest.Int64, onnxtest.String
	x := d.reals(6, 3)
	svm := func(kernel string, classes int, more ...onnxtest.Attr) []onnxtest.Attr {
		counts := []int64{2, 3, 2, 4}[:classes]
		total, labels := 0, []int64{}
		for i, c := range counts {
			total += int(c)
			labels = append(labels, int64(10*i))
		}
		all := attrs(textAttr("kernel_type", kernel), realsAttr("kernel_params", 0.4, 0.3, 3), longsAttr("vectors_per_class", counts...), longsAttr("classlabels_ints", labels...),
			realsAttr("support_vectors", d.realsOf(total*3)...), realsAttr("coefficients", d.realsOf((classes-1)*total)...), realsAttr("rho", d.realsOf(classes*(classes-1)/2)...))
		return append(all, more...)
	}
	probabilities := func(n int) []onnxtest.Attr {
		return attrs(realsAttr("prob_a", d.realsOf(n)...), realsAttr("prob_b", d.realsOf(n)...))
	}
	regressor := func(kernel string, more ...onnxtest.Attr) []onnxtest.Attr {
		return append(attrs(textAttr("kernel_type", kernel), realsAttr("kernel_params", 0.4, 0.3, 3), intAttr("n_supports", 4), realsAttr("support_vectors", d.realsOf(12)...),
			realsAttr("coefficients", d.realsOf(4)...), realsAttr("rho", 0.3)), more...)
	}
	tree := func(attribute string, more ...onnxtest.Attr) []onnxtest.Attr {
		return append(attrs(longsAttr("nodes_treeids", 0, 0, 0, 1, 1, 1), longsAttr("nodes_nodeids", 0, 1, 2, 0, 1, 2), longsAttr("nodes_featureids", 0, 0, 0, 2, 0, 0),
			wordsAttr("nodes_modes", "BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_GT", "LEAF", "LEAF"), realsAttr("nodes_values", 0.1, 0, 0, -0.2, 0, 0),
			longsAttr("nodes_truenodeids", 1, 0, 0, 1, 0, 0), longsAttr("nodes_falsenodeids", 2, 0, 0, 2, 0, 0),
			longsAttr(attribute+"_treeids", 0, 0, 1, 1), longsAttr(attribute+"_nodeids", 1, 2, 1, 2), longsAttr(attribute+"_ids", 0, 1, 2, 0),
			realsAttr(attribute+"_weights", 0.4, 0.6, 0.3, -0.5)), more...)
	}
	labels3 := longsAttr("classlabels_ints", 3, 5, 9)
	linear := attrs(realsAttr("coefficients", d.realsOf(9)...), realsAttr("intercepts", d.realsOf(3)...))
	near := valuediff.Tolerance{RTol: 1e-3, ATol: 1e-4}
	samples := []sample{
		{name: "of the last dimension", op: "ArrayFeatureExtractor", in: values(x, longs([]int{2}, 2, 0))},
		{name: "of one dimension", op: "ArrayFeatureExtractor", out: types(i64), in: values(longs([]int{3}, 7, 8, 9), longs([]int{1, 2}, 2, 1))},
		{name: "of strings", op: "ArrayFeatureExtractor", out: types(text), in: values(words([]int{2, 2}, "a", "b", "c", "d"), longs([]int{1}, 1))},
		{name: "at a threshold", op: "Binarizer", attrs: attrs(floatAttr("threshold", 0.3)), in: values(x)},
		{name: "dense", op: "CastMap", in: values(dictionary(longs([]int{3}, 1, 5, 9), singles([]int{3}, 0.5, 2, -1)))},
		{name: "sparse", op: "CastMap", attrs: attrs(textAttr("map_form", "SPARSE"), intAttr("max_map", 11)), in: values(dictionary(longs([]int{3}, 1, 5, 9), singles([]int{3}, 0.5, 2, -1)))},
		{name: "of strings to integers", op: "CastMap", attrs: attrs(textAttr("cast_to", "TO_INT64")), out: types(i64), in: values(dictionary(longs([]int{2}, 1, 5), words([]int{2}, "3", "-4")))},
		{name: "of numbers to strings", op: "CastMap", attrs: attrs(textAttr("cast_to", "TO_STRING")), out: types(text), in: values(dictionary(longs([]int{2}, 1, 5), singles([]int{2}, 1.5, -4)))},
		{name: "of strings", op: "CategoryMapper", attrs: attrs(wordsAttr("cats_strings", "cat", "dog"), longsAttr("cats_int64s", 4, 7), intAttr("default_int64", -5)), out: types(i64), in: values(words([]int{2, 2}, "dog", "cat", "cow", "dog"))},
		{name: "of integers", op: "CategoryMapper", attrs: attrs(wordsAttr("cats_strings", "cat", "dog"), longsAttr("cats_int64s", 4, 7), textAttr("default_string", "?")), out: types(text), in: values(longs([]int{3}, 7, 4, 1))},
		{name: "of words", op: "DictVectorizer", attrs: attrs(wordsAttr("string_vocabulary", "a", "c", "b", "z")), in: values(dictionary(words([]int{2}, "a", "c"), singles([]int{2}, 4, 8)))},
		{name: "of numbers to numbers", op: "DictVectorizer", attrs: attrs(longsAttr("int64_vocabulary", 3, 9, 5)), in: values(dictionary(longs([]int{2}, 9, 5), singles([]int{2}, 4, 8)))},
		{name: "of two", op: "FeatureVectorizer", attrs: attrs(longsAttr("inputdimensions", 3, 2)), in: values(x, d.reals(6, 2))},
		{name: "of integers", op: "FeatureVectorizer", attrs: attrs(longsAttr("inputdimensions", 2)), in: values(longs([]int{2, 2}, 1, 2, 3, 4))},
		{name: "of one for all", op: "Imputer", attrs: attrs(realsAttr("imputed_value_floats", 9), floatAttr("replaced_value_float", 2)), in: values(singles([]int{2, 2}, 1, 2, 3, 2))},
		{name: "by columns of integers", op: "Imputer", attrs: attrs(longsAttr("imputed_value_int64s", 9, 8), intAttr("replaced_value_int64", 2)), out: types(i64), in: values(longs([]int{2, 2}, 1, 2, 2, 3))},
		{name: "of strings to integers", op: "LabelEncoder", attrs: attrs(wordsAttr("keys_strings", "a", "b"), longsAttr("values_int64s", 4, 5), intAttr("default_int64", 7)), out: types(i64), in: values(words([]int{3}, "b", "x", "a"))},
		{name: "of floats to strings", op: "LabelEncoder", attrs: attrs(realsAttr("keys_floats", 1, 2.5), wordsAttr("values_strings", "one", "more")), out: types(text), in: values(singles([]int{3}, 2.5, 1, 3))},
		{name: "of version 1, strings", op: "LabelEncoder", ml: 1, attrs: attrs(wordsAttr("classes_strings", "a", "b"), intAttr("default_int64", 9)), out: types(i64), in: values(words([]int{3}, "b", "x", "a"))},
		{name: "of version 1, integers", op: "LabelEncoder", ml: 1, attrs: attrs(wordsAttr("classes_strings", "a", "b"), textAttr("default_string", "?")), out: types(text), in: values(longs([]int{3}, 1, 5, 0))},
		{name: "of three classes", op: "LinearClassifier", attrs: append(attrs(labels3), linear...), out: types(i64, f), in: values(x)},
		{name: "with a softmax", op: "LinearClassifier", attrs: append(attrs(wordsAttr("classlabels_strings", "a", "b", "c"), textAttr("post_transform", "SOFTMAX")), linear...), out: types(text, f), in: values(x)},
		{name: "of two classes by one score", op: "LinearClassifier", attrs: attrs(longsAttr("classlabels_ints", 3, 5), realsAttr("coefficients", 1, -1, 0.5), realsAttr("intercepts", 0.1), textAttr("post_transform", "LOGISTIC")), out: types(i64, f), in: values(x)},
		{name: "of two targets", op: "LinearRegressor", attrs: attrs(realsAttr("coefficients", 1, -1, 0.5, 2, 3, 4), realsAttr("intercepts", 0.1, 0.2), intAttr("targets", 2)), in: values(x)},
		{name: "by the largest", op: "Normalizer", attrs: attrs(textAttr("norm", "MAX")), in: values(x)},
		{name: "by sums", op: "Normalizer", attrs: attrs(textAttr("norm", "L1")), in: values(x)},
		{name: "by squares", op: "Normalizer", attrs: attrs(textAttr("norm", "L2")), in: values(x)},
		{name: "of integers", op: "OneHotEncoder", attrs: attrs(longsAttr("cats_int64s", 3, 5, 8)), in: values(longs([]int{2, 2}, 5, 3, 4, 8))},
		{name: "of strings", op: "OneHotEncoder", attrs: attrs(wordsAttr("cats_strings", "a", "b")), in: values(words([]int{3}, "b", "c", "a"))},
		{name: "of floats", op: "OneHotEncoder", attrs: attrs(longsAttr("cats_int64s", 3, 5, 8)), in: values(singles([]int{3}, 5, 3.7, 9))},
		{name: "by columns", op: "Scaler", attrs: attrs(realsAttr("offset", 1, 2, 3), realsAttr("scale", 0.5, 2, 1)), in: values(x)},
		{name: "of three classes, linear", op: "SVMClassifier", attrs: svm("LINEAR", 3), out: types(i64, f), within: near, in: values(x)},
		{name: "of four classes, RBF", op: "SVMClassifier", attrs: svm("RBF", 4), out: types(i64, f), within: near, in: values(x)},
		{name: "of three classes, POLY, with a softmax", op: "SVMClassifier", attrs: svm("POLY", 3, textAttr("post_transform", "SOFTMAX")), out: types(i64, f), within: near, in: values(x)},
		{name: "of two classes, SIGMOID", op: "SVMClassifier", attrs: svm("SIGMOID", 2), out: types(i64, f), within: near, in: values(x)},
		{name: "of two classes, LOGISTIC", op: "SVMClassifier", attrs: svm("RBF", 2, textAttr("post_transform", "LOGISTIC")), out: types(i64, f), within: near, in: values(x)},
		{name: "of two classes, SOFTMAX", op: "SVMClassifier", attrs: svm("RBF", 2, textAttr("post_transform", "SOFTMAX")), out: types(i64, f), within: near, in: values(x)},
		{name: "of two classes, with probabilities", op: "SVMClassifier", attrs: svm("RBF", 2, probabilities(1)...), out: types(i64, f), within: near, in: values(x)},
		{name: "of four classes, with probabilities", op: "SVMClassifier", attrs: svm("RBF", 4, probabilities(6)...), out: types(i64, f), within: near, in: values(x)},
		{name: "without vectors", op: "SVMClassifier", attrs: attrs(labels3, realsAttr("coefficients", d.realsOf(9)...), realsAttr("rho", 0.2), longsAttr("vectors_per_class"), realsAttr("support_vectors"), realsAttr("kernel_params", 0.4, 0.3, 3)), out: types(i64, f), within: near, in: values(x)},
		{name: "of integers", op: "SVMClassifier", attrs: svm("LINEAR", 3), out: types(i64, f), within: near, in: values(d.int64s(-3, 3, 4, 3))},
		{name: "linear", op: "SVMRegressor", attrs: regressor("LINEAR"), within: near, in: values(x)},
		{name: "of RBF", op: "SVMRegressor", attrs: regressor("RBF"), within: near, in: values(x)},
		{name: "of POLY, LOGISTIC", op: "SVMRegressor", attrs: regressor("POLY", textAttr("post_transform", "LOGISTIC")), within: near, in: values(x)},
		{name: "of SIGMOID, for one class", op: "SVMRegressor", attrs: regressor("SIGMOID", intAttr("one_class", 1)), within: near, in: values(x)},
		{name: "without vectors", op: "SVMRegressor", attrs: attrs(realsAttr("coefficients", d.realsOf(3)...), realsAttr("rho", 0.3), realsAttr("support_vectors"), realsAttr("kernel_params", 0.4, 0.3, 3)), within: near, in: values(x)},
		{name: "of three classes", op: "TreeEnsembleClassifier", attrs: tree("class", longsAttr("classlabels_int64s", 3, 5, 9)), out: types(i64, f), in: values(x)},
		{name: "with a softmax", op: "TreeEnsembleClassifier", attrs: tree("class", wordsAttr("classlabels_strings", "a", "b", "c"), textAttr("post_transform", "SOFTMAX")), out: types(text, f), in: values(x)},
		{name: "of doubles", op: "TreeEnsembleClassifier", attrs: tree("class", longsAttr("classlabels_int64s", 3, 5, 9)), out: types(i64, f), in: values(as(backends.FP64, x))},
		{name: "of three targets", op: "TreeEnsembleRegressor", attrs: tree("target", intAttr("n_targets", 3)), in: values(x)},
		{name: "of the largest", op: "TreeEnsembleRegressor", attrs: tree("target", intAttr("n_targets", 3), textAttr("aggregate_function", "MAX")), in: values(x)},
		{name: "of averages", op: "TreeEnsembleRegressor", attrs: tree("target", intAttr("n_targets", 3), textAttr("aggregate_function", "AVERAGE")), in: values(x)},
		{name: "of columns", op: "ZipMap", attrs: attrs(wordsAttr("classlabels_strings", "a", "b", "c")), out: []onnxtest.Value{{Type: f, Kind: onnxtest.MapsKind, Key: text}}, in: values(x)},
	}
	for i := range samples {
		samples[i].domain = "ai.onnx.ml"
		if samples[i].ml == 0 {
			samples[i].ml = 3
		}
	}
	checkSamples(t, samples)
}
