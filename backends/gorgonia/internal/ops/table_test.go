package ops_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/ops"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// attributes are a node's.
type attributes map[string]*onnx.Attribute

func integers(v ...int64) *onnx.Attribute { return &onnx.Attribute{Type: onnx.Ints, Ints: v} }
func number(v int64) *onnx.Attribute      { return &onnx.Attribute{Type: onnx.Int, Int: v} }
func text(v string) *onnx.Attribute {
	return &onnx.Attribute{Type: onnx.String, String: []byte(v)}
}

// compute compiles and runs one operator. Inputs are constants to it where known is set.
// A panic is an error that says so.
func compute(name string, version, outputs int, attrs attributes, known bool, in ...*tensor.Tensor) (out []*tensor.Tensor, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	spec := ops.New().Lookup("", name, version)
	if spec == nil {
		return nil, fmt.Errorf("no operator %s-%d", name, version)
	}
	n := &op.Node{Op: name, Version: version, Attributes: attrs, Outs: make([]bool, outputs)}
	for i := range n.Outs {
		n.Outs[i] = true
	}
	for _, t := range in {
		if t == nil {
			n.In = append(n.In, nil)
			continue
		}
		info := op.InfoOf(t)
		if !known {
			info.Const = nil
		}
		n.In = append(n.In, info)
	}
	p, err := spec.Compile(n)
	if err != nil {
		return nil, err
	}
	if n.Err() != nil {
		return nil, n.Err()
	}
	if p.ViewOf > 0 {
		return []*tensor.Tensor{in[p.ViewOf-1].Reshaped(p.Out[0].Shape...)}, nil
	}
	if p.Run == nil {
		return nil, nil
	}
	for _, o := range p.Out {
		if o.Kind == onnx.NoKind {
			out = append(out, nil)
			continue
		}
		if bytes, err := tensor.Bytes(o.Type, o.Shape); err != nil || bytes > 1<<24 {
			return nil, fmt.Errorf("an output of %d bytes: %v", bytes, err)
		}
		out = append(out, tensor.New(o.Type, o.Shape...))
	}
	return out, p.Run(op.NewRun(nil, op.NewBudget(1<<26, nil), nil), in, out)
}

func floats(shape []int, v ...float32) *tensor.Tensor { return tensor.Of(tensor.FP32, shape, v) }

func TestOperatorsOnWhatNoCaseHas(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		name    string
		op      string
		version int
		attrs   attributes
		in      []*tensor.Tensor
		want    *tensor.Tensor
	}{
		{"scalars add to a scalar", "Add", 14, nil, []*tensor.Tensor{floats(nil, 1), floats(nil, 2)}, floats(nil, 3)},
		{"a dimension of no size meets one of 1", "Mul", 14, nil, []*tensor.Tensor{floats([]int{2, 0}), floats([]int{1}, 2)}, floats([]int{2, 0})},
		{"both operands broadcast", "Sub", 14, nil, []*tensor.Tensor{floats([]int{2, 1}, 10, 20), floats([]int{1, 3}, 1, 2, 3)}, floats([]int{2, 3}, 9, 8, 7, 19, 18, 17)},
		{"int32 wraps around", "Add", 14, nil, []*tensor.Tensor{tensor.Of(tensor.I32, nil, []int32{math.MaxInt32}), tensor.Of(tensor.I32, nil, []int32{1})}, tensor.Of(tensor.I32, nil, []int32{math.MinInt32})},
		{"the smallest integer by -1 stays", "Div", 14, nil, []*tensor.Tensor{tensor.Of(tensor.I64, nil, []int64{math.MinInt64}), tensor.Of(tensor.I64, nil, []int64{-1})}, tensor.Of(tensor.I64, nil, []int64{math.MinInt64})},
		{"the first version puts the second operand at an axis", "Add", 6, attributes{"broadcast": number(1), "axis": number(0)}, []*tensor.Tensor{floats([]int{2, 2}, 1, 2, 3, 4), floats([]int{2}, 10, 20)}, floats([]int{2, 2}, 11, 12, 23, 24)},
		{"a maximum with NaN is NaN", "Max", 13, nil, []*tensor.Tensor{floats([]int{2}, nan, 1), floats([]int{2}, 0, 5)}, floats([]int{2}, nan, 5)},
		{"a shift by all bits and more is 0", "BitShift", 11, attributes{"direction": text("LEFT")}, []*tensor.Tensor{tensor.Of(tensor.U8, []int{2}, []uint8{1, 1}), tensor.Of(tensor.U8, []int{2}, []uint8{8, 200})}, tensor.Of(tensor.U8, []int{2}, []uint8{0, 0})},
		{"the sum of nothing is 0", "ReduceSum", 13, attributes{"keepdims": number(0)}, []*tensor.Tensor{floats([]int{2, 0}), tensor.Ints(-1)}, floats([]int{2}, 0, 0)},
		{"the largest of nothing is minus infinity", "ReduceMax", 18, nil, []*tensor.Tensor{floats([]int{0, 1}), tensor.Ints(0)}, floats([]int{1, 1}, -inf)},
		{"outer and inner axes are reduced at once", "ReduceSum", 13, attributes{"keepdims": number(0)}, []*tensor.Tensor{floats([]int{2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8), tensor.Ints(0, 2)}, floats([]int{2}, 14, 22)},
		{"the largest over outer and inner axes", "ReduceMax", 18, attributes{"keepdims": number(0)}, []*tensor.Tensor{floats([]int{2, 2, 2}, -1, -2, -3, -4, -5, -6, -7, -8), tensor.Ints(0, 2)}, floats([]int{2}, -1, -3)},
		{"the root of squares over outer and inner axes", "ReduceL2", 18, attributes{"keepdims": number(0)}, []*tensor.Tensor{floats([]int{2, 1, 2}, 1, 1, 1, 1), tensor.Ints(0, 2)}, floats([]int{1}, 2)},
		{"fractions are cut off, NaN is 0 and large numbers wrap", "Cast", 13, attributes{"to": number(6)}, []*tensor.Tensor{floats([]int{4}, -1.9, 1.9, nan, inf)}, tensor.Of(tensor.I32, []int{4}, []int32{-1, 1, 0, -1})},
		{"half-precision numbers add", "Add", 14, nil, []*tensor.Tensor{tensor.Of(tensor.FP16, []int{2}, []uint16{0x3c00, 0x7c00}), tensor.Of(tensor.FP16, nil, []uint16{0x3c00})}, tensor.Of(tensor.FP16, []int{2}, []uint16{0x4000, 0x7c00})},
		{"exponents beyond the type have a logarithm of their sum", "ReduceLogSumExp", 18, nil, []*tensor.Tensor{floats([]int{2}, 1000, 1000)}, floats([]int{1}, 1000+float32(math.Ln2))},
		{"a softmax of no rows has none", "Softmax", 13, nil, []*tensor.Tensor{floats([]int{0, 3})}, floats([]int{0, 3})},
		{"a softmax of large numbers does not overflow", "Softmax", 13, nil, []*tensor.Tensor{floats([]int{2}, 1e30, 1e30)}, floats([]int{2}, 0.5, 0.5)},
		{"the last of equals is the largest when asked for", "ArgMax", 13, attributes{"axis": number(-1), "keepdims": number(0), "select_last_index": number(1)}, []*tensor.Tensor{floats([]int{3}, 2, 2, 1)}, tensor.Of(tensor.I64, nil, []int64{1})},
		{"a sum from behind without the element itself", "CumSum", 14, attributes{"reverse": number(1), "exclusive": number(1)}, []*tensor.Tensor{floats([]int{3}, 1, 2, 3), tensor.Scalar(tensor.I64, int64(-1))}, floats([]int{3}, 5, 3, 0)},
		{"a norm of 0 divides nothing", "LpNormalization", 1, nil, []*tensor.Tensor{floats([]int{1, 2}, 0, 0)}, floats([]int{1, 2}, 0, 0)},
		{"statistics for each channel of a matrix", "BatchNormalization", 15, nil, []*tensor.Tensor{floats([]int{1, 2}, 3, 5), floats([]int{2}, 1, 2), floats([]int{2}, 0, 1), floats([]int{2}, 1, 1), floats([]int{2}, 4-1e-5, 4-1e-5)}, floats([]int{1, 2}, 1, 5)},
		{"a scale for all elements of a row", "LayerNormalization", 17, nil, []*tensor.Tensor{floats([]int{2, 2}, -1, 1, -1, 1), floats([]int{1}, 2)}, floats([]int{2, 2}, -2, 2, -2, 2)},
		{"a scale for each row", "LayerNormalization", 17, nil, []*tensor.Tensor{floats([]int{2, 2}, -1, 1, -1, 1), floats([]int{2, 1}, 1, 3)}, floats([]int{2, 2}, -1, 1, -3, 3)},
		{"the last block of a row is shorter", "DequantizeLinear", 21, attributes{"block_size": number(2), "axis": number(1)}, []*tensor.Tensor{tensor.Of(tensor.I8, []int{1, 3}, []int8{1, 1, 1}), floats([]int{1, 2}, 2, 3)}, floats([]int{1, 3}, 2, 2, 3)},
		{"blocks of an outer axis", "DequantizeLinear", 21, attributes{"block_size": number(2), "axis": number(0)}, []*tensor.Tensor{tensor.Of(tensor.U8, []int{3, 2}, []uint8{1, 1, 1, 1, 1, 1}), floats([]int{2, 2}, 2, 3, 4, 5)}, floats([]int{3, 2}, 2, 3, 2, 3, 4, 5)},
		{"a scale for each channel between others", "DequantizeLinear", 13, attributes{"axis": number(1)}, []*tensor.Tensor{tensor.Of(tensor.U8, []int{1, 2, 2}, []uint8{1, 2, 3, 4}), floats([]int{2}, 1, 10)}, floats([]int{1, 2, 2}, 1, 2, 30, 40)},
		{"numbers saturate, and NaN is the smallest", "QuantizeLinear", 13, nil, []*tensor.Tensor{floats([]int{4}, -5, 300, nan, 2.5), floats(nil, 1)}, tensor.Of(tensor.U8, []int{4}, []uint8{0, 255, 0, 2})},
		{"zeros have a scale of 1", "DynamicQuantizeLinear", 11, nil, []*tensor.Tensor{floats([]int{2}, 0, 0)}, tensor.Of(tensor.U8, []int{2}, []uint8{0, 0})},
		{"a transform of three elements", "DFT", 20, nil, []*tensor.Tensor{floats([]int{1, 3, 1}, 1, 1, 1)}, floats([]int{1, 3, 2}, 3, 0, 0, 0, 0, 0)},
		{"a window of one element", "HannWindow", 17, attributes{"periodic": number(0)}, []*tensor.Tensor{tensor.Scalar(tensor.I64, int64(1))}, floats([]int{1}, 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := compute(c.op, c.version, 1, c.attrs, true, c.in...)
			if err != nil {
				t.Fatal(err)
			}
			if got[0].Type == tensor.FP32 { // what is computed as 0 may be a little beside
				for i, v := range tensor.As[float32](got[0]) {
					if math.Abs(float64(v)) < 1e-6 {
						tensor.As[float32](got[0])[i] = 0
					}
				}
			}
			if err := sameTensor(got[0], c.want); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOperatorsRefuseWhatIsNotInOrder(t *testing.T) {
	for _, c := range []struct {
		name    string
		op      string
		version int
		attrs   attributes
		in      []*tensor.Tensor
	}{
		{"an integer by zero", "Div", 14, nil, []*tensor.Tensor{tensor.Ints(1), tensor.Ints(0)}},
		{"the remainder of a division by zero", "Mod", 13, nil, []*tensor.Tensor{tensor.Ints(1), tensor.Ints(0)}},
		{"shapes that do not broadcast", "Add", 14, nil, []*tensor.Tensor{floats([]int{2}, 1, 2), floats([]int{3}, 1, 2, 3)}},
		{"an axis given twice", "ReduceSum", 13, nil, []*tensor.Tensor{floats([]int{1, 1}, 1), tensor.Ints(1, -1)}},
		{"channels that make no groups", "GroupNormalization", 21, attributes{"num_groups": number(2)}, []*tensor.Tensor{floats([]int{1, 3}, 1, 2, 3), floats([]int{3}, 1, 1, 1), floats([]int{3}, 1, 1, 1)}},
		{"blocks that do not fit their scales", "DequantizeLinear", 21, attributes{"block_size": number(4), "axis": number(1)}, []*tensor.Tensor{tensor.Of(tensor.I8, []int{1, 3}, []int8{1, 1, 1}), floats([]int{1, 2}, 2, 3)}},
		{"a position beyond the angles", "RotaryEmbedding", 23, nil, []*tensor.Tensor{floats([]int{1, 1, 1, 2}, 1, 1), floats([]int{1, 1}, 1), floats([]int{1, 1}, 1), tensor.Of(tensor.I64, []int{1, 1}, []int64{7})}},
		{"a label that is no class", "SoftmaxCrossEntropyLoss", 13, nil, []*tensor.Tensor{floats([]int{1, 2}, 1, 1), tensor.Ints(2)}},
		{"a window of more than memory", "HannWindow", 17, nil, []*tensor.Tensor{tensor.Scalar(tensor.I64, int64(1)<<40)}},
		{"a transform of more than is allowed", "DFT", 20, nil, []*tensor.Tensor{floats([]int{1, 1, 1}, 1), tensor.Scalar(tensor.I64, int64(1)<<62)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := compute(c.op, c.version, 1, c.attrs, true, c.in...)
			if err == nil {
				t.Fatalf("no error, but %v", out)
			}
			if s := err.Error(); len(s) > 5 && s[:5] == "panic" {
				t.Fatal(err)
			}
		})
	}
}

// TestOperatorsDoNotPanic gives operators inputs and attributes by chance: what they make
// of them may be an error, and is never a panic.
func TestOperatorsDoNotPanic(t *testing.T) {
	names := []string{
		"Add", "Sub", "Mul", "Div", "Mod", "Pow", "Min", "Max", "Mean", "Sum", "And", "BitwiseAnd", "BitShift", "Equal", "Less", "Where", "PRelu", "Clip", "Cast", "CastLike", "BitCast",
		"Abs", "Sign", "Exp", "IsInf", "Not", "Gelu", "Softmax", "LogSoftmax", "Hardmax", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceProd", "ReduceLogSumExp", "ReduceL2", "ArgMax", "ArgMin", "CumSum", "CumProd",
		"LpNormalization", "MeanVarianceNormalization", "BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization", "LRN", "Dropout",
		"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss", "Attention", "RotaryEmbedding", "LinearAttention", "CausalConvWithState", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
		"RandomNormal", "RandomUniformLike", "Bernoulli", "Multinomial", "HannWindow", "BlackmanWindow", "DFT", "STFT", "MelWeightMatrix",
	}
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(v ...int64) int64 { return v[r.IntN(len(v))] }
	trials := 400
	if testing.Short() {
		trials = 100
	}
	for _, name := range names {
		for range trials {
			version := int(pick(6, 11, 13, 17, 23, 27))
			attrs := attributes{}
			for _, a := range []string{"axis", "keepdims", "num_groups", "block_size", "size", "p", "q_num_heads", "kv_num_heads", "num_heads", "to", "dtype", "output_dtype", "onesided", "inverse", "broadcast", "is_causal", "rotary_embedding_dim", "sample_size", "precision", "stash_type", "output_datatype", "qk_matmul_output_mode", "noop_with_empty_axes", "training_mode", "interleaved"} {
				if r.IntN(4) == 0 {
					attrs[a] = number(pick(0, 1, 1, 2, 3, -1, -2, 7, 10, math.MaxInt64, math.MinInt64))
				}
			}
			if r.IntN(2) == 0 {
				attrs["axes"] = integers(pick(0, 1, -1), pick(0, 2, 5))
				attrs["shape"] = integers(pick(0, 1, 3, -1, math.MaxInt64), 2)
			}
			attrs["direction"], attrs["update_rule"] = text("LEFT"), text([]string{"linear", "gated_delta"}[r.IntN(2)])
			t1 := tensor.Type(pick(1, 1, 1, 7, 9, 10, 11, 2, 3, 6, 16, 17, 22))
			var in []*tensor.Tensor
			base := randomShape(r)
			for range r.IntN(7) {
				in = append(in, randomInput(r, t1, base))
			}
			spec := ops.New().Lookup("", name, version)
			if spec == nil || len(in) < spec.MinIn || spec.MaxIn >= 0 && len(in) > spec.MaxIn {
				continue
			}
			if slices.Contains(in[:spec.MinIn], nil) {
				continue
			}
			outputs := 1 + r.IntN(max(1, spec.MaxOut))
			if _, err := compute(name, version, outputs, attrs, r.IntN(3) > 0, in...); err != nil && len(err.Error()) > 6 && err.Error()[:6] == "panic:" {
				t.Errorf("%s-%d of %s with %s: %v", name, version, shapesOf(in), describe(attrs), err)
				break
			}
		}
	}
}

func randomShape(r *rand.Rand) []int {
	shape := make([]int, r.IntN(5))
	for i := range shape {
		shape[i] = []int{0, 1, 1, 2, 2, 3, 4}[r.IntN(7)]
	}
	return shape
}

func randomInput(r *rand.Rand, t tensor.Type, base []int) *tensor.Tensor {
	shape := base
	switch r.IntN(6) {
	case 0:
		return nil
	case 1:
		shape = randomShape(r)
	case 2:
		shape = nil
	case 3:
		if len(base) > 1 {
			shape = base[1:2]
		}
	}
	if r.IntN(4) == 0 {
		t = []tensor.Type{tensor.I64, tensor.I64, tensor.FP32, tensor.Bool}[r.IntN(4)]
	}
	x := tensor.New(t, shape...)
	for i := range x.Data {
		x.Data[i] = byte(r.IntN(3))
		if t == tensor.Bool {
			x.Data[i] &= 1
		}
	}
	if t == tensor.I64 {
		for i := range tensor.As[int64](x) {
			tensor.As[int64](x)[i] = []int64{0, 1, 2, 3, -1, 9}[r.IntN(6)]
		}
	}
	return x
}

func shapesOf(in []*tensor.Tensor) string {
	s := ""
	for _, t := range in {
		if t == nil {
			s += "nothing "
			continue
		}
		s += fmt.Sprintf("%s%v ", t.Type, t.Shape)
	}
	return s
}

func describe(attrs attributes) string {
	s := ""
	for name, a := range attrs {
		s += fmt.Sprintf("%s=%d%v%s ", name, a.Int, a.Ints, a.String)
	}
	return s
}

// TestAttentionInBlocks compares attention over more rows than are computed at once with
// the sums that define it.
func TestAttentionInBlocks(t *testing.T) {
	const heads, rows, size = 2, 300, 4
	r := rand.New(rand.NewPCG(3, 4))
	var in []*tensor.Tensor
	for range 3 {
		x := tensor.New(tensor.FP32, 1, heads, rows, size)
		for i := range tensor.As[float32](x) {
			tensor.As[float32](x)[i] = float32(r.NormFloat64())
		}
		in = append(in, x)
	}
	got, err := compute("Attention", 23, 1, attributes{"is_causal": number(1)}, false, in...)
	if err != nil {
		t.Fatal(err)
	}
	q, k, v := tensor.As[float32](in[0]), tensor.As[float32](in[1]), tensor.As[float32](in[2])
	want := tensor.New(tensor.FP32, 1, heads, rows, size)
	for h := range heads {
		for i := range rows {
			var sum [size]float64
			total := 0.0
			for j := range i + 1 {
				score := 0.0
				for d := range size {
					score += float64(q[(h*rows+i)*size+d]) * float64(k[(h*rows+j)*size+d])
				}
				w := math.Exp(score / math.Sqrt(size))
				total += w
				for d := range size {
					sum[d] += w * float64(v[(h*rows+j)*size+d])
				}
			}
			for d := range size {
				tensor.As[float32](want)[(h*rows+i)*size+d] = float32(sum[d] / total)
			}
		}
	}
	for i, w := range tensor.As[float32](want) {
		if g := tensor.As[float32](got[0])[i]; math.Abs(float64(g-w)) > 1e-5 {
			t.Fatalf("element %d is %v, expected %v", i, g, w)
		}
	}
}
