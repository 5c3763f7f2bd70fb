package onnxcases

import (
	"regexp"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/backends"
)

// families groups ONNX's operators for tables. The names are ours: ONNX has no
// such groups.
var families = []struct{ name, operators string }{
	{"elementwise arithmetic", "Abs Add BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Ceil Clip Div Exp Floor Log Max Mean Min Mod Mul Neg Pow Reciprocal Round Sign Sqrt Sub Sum"},
	{"trigonometry", "Acos Acosh Asin Asinh Atan Atanh Cos Cosh Erf Sin Sinh Tan"},
	{"activation", "Celu Elu Gelu HardSigmoid HardSwish Hardmax LeakyRelu LogSoftmax Mish PRelu Relu Selu Shrink Sigmoid Softmax Softplus Softsign Swish Tanh ThresholdedRelu"},
	{"comparison and logic", "And Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not Or Where Xor"},
	{"reduction", "ArgMax ArgMin CumProd CumSum ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare TopK"},
	{"matrices", "Det Einsum Gemm MatMul"},
	{"convolution and pooling", "AveragePool CausalConvWithState Col2Im Conv ConvTranspose DeformConv GlobalAveragePool GlobalLpPool GlobalMaxPool LpPool MaxPool MaxRoiPool MaxUnpool RoiAlign"},
	{"normalisation", "BatchNormalization GroupNormalization InstanceNormalization LRN LayerNormalization LpNormalization MeanVarianceNormalization RMSNormalization"},
	{"recurrence and attention", "Attention GRU LSTM LinearAttention RNN RotaryEmbedding ai.onnx.preview.FlexAttention"},
	{"quantisation", "ConvInteger DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearConv QLinearMatMul QuantizeLinear"},
	{"types and constants", "BitCast Cast CastLike Constant ConstantOfShape EyeLike Identity OneHot Range"},
	{"shape and layout", "CenterCropPad Compress Concat DepthToSpace Expand Flatten Pad Reshape ReverseSequence Shape Size Slice SpaceToDepth Split Squeeze Tile Transpose Trilu Unsqueeze"},
	{"gather and scatter", "Gather GatherElements GatherND NonZero Scatter ScatterElements ScatterND TensorScatter Unique"},
	{"images", "AffineGrid GridSample ImageDecoder NonMaxSuppression Resize Upsample"},
	{"signals", "BlackmanWindow DFT HammingWindow HannWindow MelWeightMatrix STFT"},
	{"control flow", "If Loop Scan"},
	{"sequences and optionals", "ConcatFromSequence Optional OptionalGetElement OptionalHasElement SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap SplitToSequence"},
	{"strings", "RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer"},
	{"chance", "Bernoulli Dropout Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike"},
	{"loss and training", "NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss ai.onnx.preview.training.Adagrad ai.onnx.preview.training.Adam ai.onnx.preview.training.Gradient ai.onnx.preview.training.Momentum"},
}

// NoFamily is the family of operators that no other has.
const NoFamily = "other operators"

// Several is the family of cases that are about more than one operator.
const Several = "several operators"

// MachineLearning is the family of the domain ai.onnx.ml.
const MachineLearning = "machine learning (ai.onnx.ml)"

// Families are the families in the order of tables.
func Families() []string {
	var names []string
	for _, f := range families {
		names = append(names, f.name)
	}
	return append(names, MachineLearning, NoFamily, Several)
}

// Family is the family of an operator, as [onnxdata.Model] writes it; Several
// for none.
func Family(operator string) string {
	if operator == "" {
		return Several
	}
	if strings.HasPrefix(operator, "ai.onnx.ml.") {
		return MachineLearning
	}
	for _, f := range families {
		if slices.Contains(strings.Fields(f.operators), operator) {
			return f.name
		}
	}
	return NoFamily
}

// expanded is the end of the name of a case whose operator is written as the
// function that defines it.
var expanded = regexp.MustCompile(`_expanded(_ver\d+)?$`)

// Operator is the operator that a case is about: the only one of its model, or
// that of the case whose operator this one spells out, which others may tell by
// its name. It is "" when there are several.
func (l *Loaded) Operator(others map[string]string) string {
	if base := expanded.ReplaceAllString(l.Name, ""); base != l.Name && others[base] != "" {
		return others[base]
	}
	if len(l.Model.Operators) == 1 {
		return l.Model.Operators[0]
	}
	return ""
}

// ElementTypes are the types of elements in a case's inputs and outputs, each
// once, by number.
func (l *Loaded) ElementTypes() []backends.ElementType {
	var types []backends.ElementType
	for _, infos := range [][]backends.ValueInfo{l.Model.Inputs, l.Model.Outputs} {
		for _, info := range infos {
			types = append(types, elementsOf(info.ValueType)...)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

func elementsOf(ty backends.ValueType) []backends.ElementType {
	switch {
	case ty.Kind == backends.TensorKind && ty.Type != 0:
		return []backends.ElementType{ty.Type}
	case ty.Elem != nil:
		return append(elementsOf(*ty.Elem), mapKey(ty)...)
	}
	return nil
}

func mapKey(ty backends.ValueType) []backends.ElementType {
	if ty.Kind != backends.MapKind {
		return nil
	}
	return []backends.ElementType{ty.Key}
}
