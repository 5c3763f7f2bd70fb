package ops

import (
	"math"
	"strconv"
	"strings"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// casts are the operators that change the type of elements.
func casts() []op.Spec {
	return []op.Spec{
		{Name: "Cast", Since: 1, MinIn: 1, MaxIn: 1, Compile: castAttribute},
		{Name: "CastLike", Since: 15, MinIn: 2, MaxIn: 2, Compile: castLike},
		{Name: "BitCast", Since: 1, MinIn: 1, MaxIn: 1, Compile: bitCast},
	}
}

func castAttribute(n *op.Node) (*op.Plan, error) {
	to := n.Int("to", 0)
	if n.Version < 6 && to == 0 { // a name, in the first version
		for t := tensor.FP32; t <= tensor.I2; t++ {
			if strings.EqualFold(onnxNames[t], n.Str("to", "")) {
				to = int64(t)
			}
		}
	}
	if to < 1 || to > 255 || !tensor.Known(tensor.Type(to)) {
		return nil, n.Errorf("attribute \"to\" is %d, which is no element type", to)
	}
	return cast(n, tensor.Type(to))
}

// onnxNames are the names of TensorProto.DataType.
var onnxNames = map[tensor.Type]string{
	tensor.FP32: "FLOAT", tensor.U8: "UINT8", tensor.I8: "INT8", tensor.U16: "UINT16", tensor.I16: "INT16", tensor.I32: "INT32",
	tensor.I64: "INT64", tensor.String: "STRING", tensor.Bool: "BOOL", tensor.FP16: "FLOAT16", tensor.FP64: "DOUBLE", tensor.U32: "UINT32", tensor.U64: "UINT64",
}

func castLike(n *op.Node) (*op.Plan, error) { return cast(n, n.In[1].Type) }

// cast converts elements.
//
// See https://onnx.ai/onnx/operators/onnx__Cast.html
func cast(n *op.Node, to tensor.Type) (*op.Plan, error) {
	from, shape := n.In[0].Type, n.In[0].Shape
	if from == to {
		return op.View(0, op.Out(to, shape...))
	}
	if f := directCast(from, to); f != nil {
		return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
			f(r, out[0], in[0])
			return nil
		}, op.Out(to, shape...))
	}
	c := &converter{to: to, saturate: n.Flag("saturate", true), round: n.Str("round_mode", "up")}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error { return c.convert(r, out[0], in[0]) }, op.Out(to, shape...))
}

// directCast is a fast way for the pairs of types that models cast most.
func directCast(from, to tensor.Type) func(r *op.Run, out, in *tensor.Tensor) {
	type pair struct{ from, to tensor.Type }
	switch (pair{from, to}) {
	case pair{tensor.FP32, tensor.FP16}:
		return rows(vec.Float32ToFloat16)
	case pair{tensor.FP16, tensor.FP32}:
		return rows(vec.Float16ToFloat32)
	case pair{tensor.FP32, tensor.BF16}:
		return rows(vec.Float32ToBfloat16)
	case pair{tensor.BF16, tensor.FP32}:
		return rows(vec.Bfloat16ToFloat32)
	case pair{tensor.I32, tensor.FP32}:
		return rows(vec.Int32ToFloat32)
	case pair{tensor.I64, tensor.FP32}:
		return rows(widenRow[int64, float32])
	case pair{tensor.U8, tensor.FP32}:
		return rows(widenRow[uint8, float32])
	case pair{tensor.I8, tensor.FP32}:
		return rows(widenRow[int8, float32])
	case pair{tensor.Bool, tensor.FP32}:
		return rows(widenRow[uint8, float32])
	case pair{tensor.Bool, tensor.I64}:
		return rows(widenRow[uint8, int64])
	case pair{tensor.Bool, tensor.I32}:
		return rows(widenRow[uint8, int32])
	case pair{tensor.I64, tensor.I32}:
		return rows(widenRow[int64, int32])
	case pair{tensor.I32, tensor.I64}:
		return rows(widenRow[int32, int64])
	case pair{tensor.FP32, tensor.FP64}:
		return rows(widenRow[float32, float64])
	case pair{tensor.FP32, tensor.I32}:
		return rows(cutRow[int32])
	case pair{tensor.FP32, tensor.I64}:
		return rows(cutRow[int64])
	case pair{tensor.FP32, tensor.U8}:
		return rows(cutRow[uint8])
	case pair{tensor.FP32, tensor.I8}:
		return rows(cutRow[int8])
	case pair{tensor.FP64, tensor.FP32}:
		return rows(widenRow[float64, float32])
	}
	return nil
}

func widenRow[T, R integer | float32 | float64](dst []R, src []T) {
	for i, v := range src {
		dst[i] = R(v)
	}
}

// cutRow cuts fractions off, by way of int64 as [toInt] does.
func cutRow[R int8 | int32 | int64 | uint8](dst []R, src []float32) {
	for i, v := range src {
		if v > math.MinInt64 && v < math.MaxInt64 {
			dst[i] = R(int64(v))
		} else {
			dst[i] = R(toInt(float64(v), tensor.I64))
		}
	}
}

func rows[T, R tensor.Element](f func(dst []R, src []T)) func(r *op.Run, out, in *tensor.Tensor) {
	return func(r *op.Run, out, in *tensor.Tensor) {
		dst, src := tensor.As[R](out), tensor.As[T](in)
		r.For(len(dst), grain, func(lo, hi int) { f(dst[lo:hi], src[lo:hi]) })
	}
}

// converter casts any type to any other: integers by way of int64, others by float64.
type converter struct {
	to       tensor.Type
	saturate bool
	round    string
}

func (c *converter) convert(r *op.Run, out, in *tensor.Tensor) error {
	switch {
	case in.Type == tensor.String:
		return c.parse(out, in)
	case out.Type == tensor.String:
		return format(out, in)
	case isInteger(in.Type) && isInteger(out.Type):
		v, err := in.Int64s()
		if err != nil {
			return err
		}
		return c.putInts(out, v)
	}
	v, err := floatsOf(in)
	if err != nil {
		return err
	}
	if err := r.Err(); err != nil {
		return err
	}
	return c.putFloats(out, v)
}

func isInteger(t tensor.Type) bool {
	switch t {
	case tensor.I8, tensor.I16, tensor.I32, tensor.I64, tensor.U8, tensor.U16, tensor.U32, tensor.U64, tensor.U4, tensor.I4, tensor.U2, tensor.I2, tensor.Bool:
		return true
	}
	return false
}

// floatsOf are the elements of any numeric type.
func floatsOf(t *tensor.Tensor) ([]float64, error) {
	if m, ok := minifloats[t.Type]; ok {
		out := make([]float64, len(t.Data))
		for i, b := range t.Data {
			out[i] = float64(m.value(b))
		}
		return out, nil
	}
	switch t.Type {
	case tensor.F8E8M0:
		out := make([]float64, len(t.Data))
		for i, b := range t.Data {
			out[i] = scaleValue(b)
		}
		return out, nil
	case tensor.U64:
		out := make([]float64, t.Len())
		for i, v := range tensor.As[uint64](t) {
			out[i] = float64(v)
		}
		return out, nil
	}
	return t.Float64s()
}

// scaleValue is the value of a float8e8m0, a power of two.
func scaleValue(b uint8) float64 {
	if b == 255 {
		return math.NaN()
	}
	return math.Ldexp(1, int(b)-127)
}

// putInts writes integers; what does not fit wraps around.
func (c *converter) putInts(t *tensor.Tensor, values []int64) error {
	switch t.Type {
	case tensor.Bool:
		for i, v := range values {
			t.Data[i] = truth(v != 0)
		}
	case tensor.I8:
		putWrapped[int8](t, values)
	case tensor.I16:
		putWrapped[int16](t, values)
	case tensor.I32:
		putWrapped[int32](t, values)
	case tensor.I64:
		copy(tensor.As[int64](t), values)
	case tensor.U8:
		putWrapped[uint8](t, values)
	case tensor.U16:
		putWrapped[uint16](t, values)
	case tensor.U32:
		putWrapped[uint32](t, values)
	case tensor.U64:
		putWrapped[uint64](t, values)
	default: // of four bits or two
		for i, v := range values {
			t.Data[i] = narrowInt(t.Type, v)
		}
	}
	return nil
}

// narrowInt wraps an integer to a type of four or two bits.
func narrowInt(t tensor.Type, v int64) byte {
	width := tensor.BitSize(t)
	b := byte(v) & (1<<width - 1)
	if t == tensor.I4 || t == tensor.I2 {
		b = byte(int8(b<<(8-width)) >> (8 - width))
	}
	return b
}

func putWrapped[T integer](t *tensor.Tensor, values []int64) {
	out := tensor.As[T](t)
	for i, v := range values {
		out[i] = T(v)
	}
}

func truth(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// putFloats writes real numbers.
func (c *converter) putFloats(t *tensor.Tensor, values []float64) error {
	if m, ok := minifloats[t.Type]; ok {
		for i, v := range values {
			t.Data[i] = m.bits(float32(v), c.saturate)
		}
		return nil
	}
	switch t.Type {
	case tensor.Bool:
		for i, v := range values {
			t.Data[i] = truth(v != 0)
		}
		return nil
	case tensor.F8E8M0:
		for i, v := range values {
			t.Data[i] = c.scaleBits(v)
		}
		return nil
	}
	if isInteger(t.Type) {
		ints := make([]int64, len(values))
		for i, v := range values {
			ints[i] = toInt(v, t.Type)
		}
		return c.putInts(t, ints)
	}
	return putFloats(t, values)
}

// toInt cuts the fraction off. What an int64 cannot hold is undefined in ONNX; here it
// is the nearest that it can, and 0 for NaN.
func toInt(v float64, t tensor.Type) int64 {
	switch {
	case v != v:
		return 0
	case t == tensor.U64 && v >= math.MaxInt64:
		return int64(uint64(min(v, math.MaxUint64-2048)))
	case v >= math.MaxInt64:
		return math.MaxInt64
	case v <= math.MinInt64:
		return math.MinInt64
	}
	return int64(v)
}

// scaleBits rounds to a power of two: up, down, or to the nearest.
//
// See https://onnx.ai/onnx/technical/float8.html
func (c *converter) scaleBits(v float64) uint8 {
	f := float32(math.Abs(v))
	if v != v {
		return 255
	}
	if math.IsInf(v, 0) {
		if c.saturate {
			return 254
		}
		return 255
	}
	bits := math.Float32bits(f)
	exponent, mantissa := int(bits>>23), bits&0x7fffff
	up := false
	switch c.round {
	case "up":
		up = mantissa > 0 && (exponent > 0 || mantissa > 0x400000)
	case "down":
	default: // nearest; half a step goes up
		up = mantissa >= 0x400000 && (exponent > 0 || mantissa > 0x400000)
	}
	if up {
		exponent++
	}
	if exponent >= 255 {
		if c.saturate {
			return 254
		}
		return 255
	}
	return uint8(exponent)
}

// parse reads numbers from text.
func (c *converter) parse(out, in *tensor.Tensor) error {
	values := make([]float64, len(in.Strings))
	ints := make([]int64, len(in.Strings))
	exact := isInteger(out.Type)
	for i, s := range in.Strings {
		s = strings.TrimSpace(s)
		if exact {
			if v, err := strconv.ParseInt(s, 10, 64); err == nil {
				ints[i] = v
				continue
			}
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil && !math.IsInf(v, 0) {
			return &op.Invalid{Reason: strconv.Quote(s) + " is no number"}
		}
		values[i], ints[i] = v, toInt(v, out.Type)
	}
	if exact {
		return c.putInts(out, ints)
	}
	return c.putFloats(out, values)
}

// format writes numbers as text.
func format(out, in *tensor.Tensor) error {
	bits := 32
	if in.Type == tensor.FP64 {
		bits = 64
	}
	switch {
	case in.Type == tensor.Bool:
		for i, b := range in.Data {
			out.Strings[i] = [2]string{"False", "True"}[b]
		}
		return nil
	case in.Type == tensor.U64:
		for i, v := range tensor.As[uint64](in) {
			out.Strings[i] = strconv.FormatUint(v, 10)
		}
		return nil
	case isInteger(in.Type):
		v, err := in.Int64s()
		for i, v := range v {
			out.Strings[i] = strconv.FormatInt(v, 10)
		}
		return err
	}
	v, err := floatsOf(in)
	if err != nil {
		return err
	}
	for i, v := range v {
		out.Strings[i] = number(v, bits)
	}
	return nil
}

// number writes a number as Python's numpy does, as ONNX has it.
func number(v float64, bits int) string {
	switch {
	case v != v:
		return "NaN"
	case math.IsInf(v, 1):
		return "INF"
	case math.IsInf(v, -1):
		return "-INF"
	}
	s := strconv.FormatFloat(v, 'g', -1, bits)
	if a := math.Abs(v); a >= 1e-4 && a < 1e16 || v == 0 {
		s = strconv.FormatFloat(v, 'f', -1, bits)
	}
	return s
}

// bitCast gives the same bits as another type of the same size.
func bitCast(n *op.Node) (*op.Plan, error) {
	to := n.Int("to", 0)
	if to < 1 || to > 255 || !tensor.Known(tensor.Type(to)) {
		return nil, n.Errorf("attribute \"to\" is %d, which is no element type", to)
	}
	t := tensor.Type(to)
	if tensor.BitSize(t) != tensor.BitSize(n.In[0].Type) || t == tensor.String {
		return nil, n.Errorf("elements of %s have other bits than those of %s", n.In[0].Type, t)
	}
	if t == tensor.Bool { // whose bytes are 0 and 1 here
		return oneToOne(n, t, func(dst, x []uint8) {
			for i, v := range x {
				dst[i] = min(v, 1)
			}
		})
	}
	return op.View(0, op.Out(t, n.In[0].Shape...))
}
