package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// arithmetics are the operators on two or more numbers.
func arithmetics() []op.Spec {
	var specs []op.Spec
	for name, code := range map[string]code{"Add": add, "Sub": sub, "Mul": mul, "Div": div} {
		specs = append(specs, op.Spec{Name: name, Since: 1, MinIn: 2, MaxIn: 2, Compile: op.Widen(numeric(code))})
	}
	for name, code := range map[string]code{"BitwiseAnd": and, "BitwiseOr": or, "BitwiseXor": xor} {
		specs = append(specs, op.Spec{Name: name, Since: 18, MinIn: 2, MaxIn: 2, Compile: numeric(code)})
	}
	return append(specs,
		op.Spec{Name: "BitShift", Since: 11, MinIn: 2, MaxIn: 2, Compile: bitShift},
		op.Spec{Name: "Mod", Since: 10, MinIn: 2, MaxIn: 2, Compile: op.Widen(mod)},
		op.Spec{Name: "Pow", Since: 1, MinIn: 2, MaxIn: 2, Compile: power},
		op.Spec{Name: "PRelu", Since: 1, MinIn: 2, MaxIn: 2, Compile: op.Widen(prelu)},
		op.Spec{Name: "Max", Since: 1, MinIn: 1, MaxIn: -1, Compile: op.Widen(variadic(maximum))},
		op.Spec{Name: "Min", Since: 1, MinIn: 1, MaxIn: -1, Compile: op.Widen(variadic(minimum))},
		op.Spec{Name: "Sum", Since: 1, MinIn: 1, MaxIn: -1, Compile: op.Widen(variadic(add))},
		op.Spec{Name: "Mean", Since: 1, MinIn: 1, MaxIn: -1, Compile: op.Widen(mean)},
	)
}

// code names an operation on two numbers.
type code int

const (
	add code = iota
	sub
	mul
	div
	minimum
	maximum
	and
	or
	xor
	shiftLeft
	shiftRight
	floorMod // with the divisor's sign
	truncMod // with the dividend's sign
	raise
)

// integer are the Go types of integers.
type integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// integers computes a row of integers, which wrap around.
func integers[T integer](c code, dst, a, b []T) {
	sa, sb := step(a), step(b)
	if len(dst) == 1 {
		sa, sb = 0, 0
	}
	switch c {
	case add:
		for i := range dst {
			dst[i] = a[i*sa] + b[i*sb]
		}
	case sub:
		for i := range dst {
			dst[i] = a[i*sa] - b[i*sb]
		}
	case mul:
		for i := range dst {
			dst[i] = a[i*sa] * b[i*sb]
		}
	case div:
		for i := range dst {
			dst[i] = a[i*sa] / b[i*sb]
		}
	case minimum:
		for i := range dst {
			dst[i] = min(a[i*sa], b[i*sb])
		}
	case maximum:
		for i := range dst {
			dst[i] = max(a[i*sa], b[i*sb])
		}
	default:
		moreIntegers(c, dst, a, b, sa, sb)
	}
}

func moreIntegers[T integer](c code, dst, a, b []T, sa, sb int) {
	for i := range dst {
		x, y := a[i*sa], b[i*sb]
		switch c {
		case and:
			dst[i] = x & y
		case or:
			dst[i] = x | y
		case xor:
			dst[i] = x ^ y
		case shiftLeft:
			dst[i] = x << min(uint64(y), 64)
		case shiftRight:
			dst[i] = x >> min(uint64(y), 64)
		case truncMod:
			dst[i] = x % y
		case floorMod:
			m := x % y
			if m != 0 && (m < 0) != (y < 0) {
				m += y
			}
			dst[i] = m
		case raise:
			dst[i] = integerPower(x, y)
		}
	}
}

// integerPower wraps around; negative exponents give what rounds to an integer.
func integerPower[T integer](x, y T) T {
	if y < 0 {
		switch {
		case x == 1:
			return 1
		case x+1 == 0 && y&1 == 0:
			return 1
		case x+1 == 0:
			return x
		}
		return 0
	}
	r := T(1)
	for ; y > 0; y >>= 1 {
		if y&1 == 1 {
			r *= x
		}
		x *= x
	}
	return r
}

// doubles computes a row of float64.
func doubles(c code, dst, a, b []float64) {
	sa, sb := step(a), step(b)
	for i := range dst {
		dst[i] = realOf(c, a[i*sa], b[i*sb])
	}
}

// realOf computes one operation on real numbers. The smaller and the larger of NaN and
// a number are NaN.
func realOf(c code, x, y float64) float64 {
	switch c {
	case add:
		return x + y
	case sub:
		return x - y
	case mul:
		return x * y
	case div:
		return x / y
	case minimum:
		return min(x, y)
	case maximum:
		return max(x, y)
	case truncMod:
		return math.Mod(x, y)
	case floorMod:
		m := math.Mod(x, y)
		if m != 0 && (m < 0) != (y < 0) {
			m += y
		}
		return m
	}
	return math.Pow(x, y)
}

// singles computes a row of float32 with vectors, where there are any.
func singles(c code, dst, a, b []float32) {
	one := len(dst) > 1
	switch {
	case one && len(b) == 1:
		singleRight(c, dst, a, b[0])
	case one && len(a) == 1:
		singleLeft(c, dst, a[0], b)
	default:
		singlePairs(c, dst, a, b)
	}
}

func singlePairs(c code, dst, a, b []float32) {
	switch c {
	case add:
		vec.Add(dst, a, b)
	case sub:
		vec.Sub(dst, a, b)
	case mul:
		vec.Mul(dst, a, b)
	case div:
		vec.Div(dst, a, b)
	case minimum:
		vec.Min(dst, a, b)
	case maximum:
		vec.Max(dst, a, b)
	default:
		for i := range dst {
			dst[i] = float32(realOf(c, float64(a[i]), float64(b[i])))
		}
	}
}

func singleRight(c code, dst, a []float32, s float32) {
	switch c {
	case add:
		vec.AddScalar(dst, a, s)
	case sub:
		vec.SubScalar(dst, a, s)
	case mul:
		vec.MulScalar(dst, a, s)
	case div:
		vec.DivScalar(dst, a, s)
	case minimum:
		vec.MinScalar(dst, a, s)
	case maximum:
		vec.MaxScalar(dst, a, s)
	default:
		if c == raise && raiseFast(dst, a, s) {
			return
		}
		for i := range dst {
			dst[i] = float32(realOf(c, float64(a[i]), float64(s)))
		}
	}
}

// raiseFast raises to the exponents that models have, without logarithms.
func raiseFast(dst, a []float32, exponent float32) bool {
	switch exponent {
	case 1:
		copy(dst, a)
	case 2:
		vec.Mul(dst, a, a)
	case -1:
		vec.Reciprocal(dst, a)
	default:
		return false
	}
	return true
}

func singleLeft(c code, dst []float32, s float32, b []float32) {
	switch c {
	case sub:
		vec.ScalarSub(dst, s, b)
	case div:
		vec.ScalarDiv(dst, s, b)
	case add, mul, minimum, maximum:
		singleRight(c, dst, b, s)
	default:
		for i := range dst {
			dst[i] = float32(realOf(c, float64(s), float64(b[i])))
		}
	}
}

// numeric is an operator on two tensors of one number type.
func numeric(c code) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		if err := n.SameType(0, 1); err != nil {
			return nil, err
		}
		return byType(n, c)
	}
}

func byType(n *op.Node, c code) (*op.Plan, error) {
	switch t := n.In[0].Type; t {
	case tensor.FP32:
		return binary(n, t, func(dst, a, b []float32) { singles(c, dst, a, b) })
	case tensor.FP64:
		return binary(n, t, func(dst, a, b []float64) { doubles(c, dst, a, b) })
	case tensor.I8:
		return onIntegers[int8](n, c)
	case tensor.I16:
		return onIntegers[int16](n, c)
	case tensor.I32:
		return onIntegers[int32](n, c)
	case tensor.I64:
		return onIntegers[int64](n, c)
	case tensor.U8:
		return onIntegers[uint8](n, c)
	case tensor.U16:
		return onIntegers[uint16](n, c)
	case tensor.U32:
		return onIntegers[uint32](n, c)
	case tensor.U64:
		return onIntegers[uint64](n, c)
	}
	return nil, n.Unsupportedf("tensors of %s, expected numbers", n.In[0].Type)
}

// onIntegers is the plan on integers. A division by zero is an error of the run.
func onIntegers[T integer](n *op.Node, c code) (*op.Plan, error) {
	p, err := binary(n, n.In[0].Type, func(dst, a, b []T) { integers(c, dst, a, b) })
	if err != nil || c != div && c != floorMod && c != truncMod {
		return p, err
	}
	compute := p.Run
	p.Run = func(r *op.Run, in, out []*tensor.Tensor) error {
		if out[0].Len() > 0 && slices.Contains(tensor.As[T](in[1]), 0) {
			return &op.Invalid{Reason: "an integer is divided by zero"}
		}
		return compute(r, in, out)
	}
	return p, nil
}

// bitShift shifts unsigned integers.
func bitShift(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.U8, tensor.U16, tensor.U32, tensor.U64); err != nil {
		return nil, err
	}
	switch d := n.Str("direction", ""); d {
	case "LEFT":
		return numeric(shiftLeft)(n)
	case "RIGHT":
		return numeric(shiftRight)(n)
	default:
		return nil, n.Errorf("direction is %q, expected LEFT or RIGHT", d)
	}
}

// mod is the remainder: of the divisor's sign, or, with fmod, of the dividend's.
func mod(n *op.Node) (*op.Plan, error) {
	if n.Flag("fmod", false) {
		return numeric(truncMod)(n)
	}
	return numeric(floorMod)(n)
}

// power raises to exponents that may be of another type; the result is of the base's.
func power(n *op.Node) (*op.Plan, error) {
	base, exponent := n.In[0].Type, n.In[1].Type
	if base == exponent {
		return op.Widen(numeric(raise))(n)
	}
	a, b := operandShapes(n)
	shape, err := op.Broadcast(a, b)
	if err != nil {
		return nil, err
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, err := in[0].Float64s()
		if err != nil {
			return err
		}
		y, err := in[1].Float64s()
		if err != nil {
			return err
		}
		result := make([]float64, tensor.Size(shape))
		w := pair(shape, a, b)
		w.each(r, func(to, n, fromA, fromB int) {
			for i := range n {
				result[to+i] = math.Pow(x[fromA+i*w.moveA], y[fromB+i*w.moveB])
			}
		})
		return putFloats(out[0], result)
	}, op.Out(base, shape...))
}

// putFloats writes float64 as elements of any number type; what does not fit an integer
// is cut off as Go does.
func putFloats(t *tensor.Tensor, values []float64) error {
	switch t.Type {
	case tensor.FP64:
		copy(tensor.As[float64](t), values)
	case tensor.FP32:
		putAs[float32](t, values)
	case tensor.FP16, tensor.BF16:
		wide := make([]float32, len(values))
		for i, v := range values {
			wide[i] = float32(v)
		}
		op.NarrowTo(t, wide)
	case tensor.I8:
		putAs[int8](t, values)
	case tensor.I16:
		putAs[int16](t, values)
	case tensor.I32:
		putAs[int32](t, values)
	case tensor.I64:
		putAs[int64](t, values)
	case tensor.U8:
		putAs[uint8](t, values)
	case tensor.U16:
		putAs[uint16](t, values)
	case tensor.U32:
		putAs[uint32](t, values)
	case tensor.U64:
		putAs[uint64](t, values)
	default:
		return &op.Unsupported{Reason: "tensors of " + t.Type.String() + " hold no numbers here"}
	}
	return nil
}

func putAs[T integer | float32](t *tensor.Tensor, values []float64) {
	out := tensor.As[T](t)
	for i, v := range values {
		out[i] = T(v)
	}
}

// prelu is x, or x times a slope where it is negative; the slope broadcasts to x.
func prelu(n *op.Node) (*op.Plan, error) {
	if err := n.SameType(0, 1); err != nil {
		return nil, err
	}
	shape, err := op.Broadcast(n.In[0].Shape, n.In[1].Shape)
	if err != nil || !slices.Equal(shape, n.In[0].Shape) {
		// A slope for each channel was written as one dimension before version 7.
		if n.Rank(1) != 1 || n.Rank(0) < 2 || n.In[1].Shape[0] != n.In[0].Shape[1] {
			return nil, n.Errorf("a slope of shape %v does not broadcast to %v", n.In[1].Shape, n.In[0].Shape)
		}
		channels := append([]int{n.In[1].Shape[0]}, ones(n.Rank(0)-2)...)
		slope := *n.In[1]
		slope.Shape = channels
		c := *n
		c.In = []*op.Info{n.In[0], &slope}
		n = &c
	}
	switch n.In[0].Type {
	case tensor.FP32:
		return binary(n, tensor.FP32, func(dst, a, b []float32) {
			if len(b) == 1 && len(dst) > 1 {
				vec.LeakyRelu(dst, a, b[0])
				return
			}
			vec.PRelu(dst, a, b)
		})
	case tensor.FP64:
		return binary(n, tensor.FP64, preluRow[float64])
	case tensor.I32:
		return binary(n, tensor.I32, preluRow[int32])
	case tensor.I64:
		return binary(n, tensor.I64, preluRow[int64])
	case tensor.U32, tensor.U64:
		return op.View(0, op.Out(n.In[0].Type, n.In[0].Shape...))
	}
	return nil, n.Unsupportedf("tensors of %s", n.In[0].Type)
}

func ones(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = 1
	}
	return s
}

func preluRow[T float64 | int32 | int64](dst, a, b []T) {
	sa, sb := step(a), step(b)
	for i := range dst {
		v := a[i*sa]
		if v < 0 {
			v *= b[i*sb]
		}
		dst[i] = v
	}
}

// variadic folds any number of tensors by one operation.
func variadic(c code) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		if len(n.In) == 2 && n.Has(0) && n.Has(1) {
			two := *n
			two.Version = 14 // multidirectional, whatever the operator's own
			return numeric(c)(&two)
		}
		return foldInputs(n, c, nil)
	}
}

// mean is the sum by the number of inputs.
func mean(n *op.Node) (*op.Plan, error) {
	count := float64(len(n.In))
	return foldInputs(n, add, func(t *tensor.Tensor) error {
		switch t.Type {
		case tensor.FP32:
			vec.MulScalar(tensor.As[float32](t), tensor.As[float32](t), float32(1/count))
		case tensor.FP64:
			for i, v := range tensor.As[float64](t) {
				tensor.As[float64](t)[i] = v / count
			}
		default:
			return &op.Unsupported{Reason: "a mean of " + t.Type.String()}
		}
		return nil
	})
}

// foldInputs computes in0 c in1 c in2 and so on, then end.
func foldInputs(n *op.Node, c code, end func(t *tensor.Tensor) error) (*op.Plan, error) {
	shapes := make([][]int, len(n.In))
	all := make([]int, len(n.In))
	for i, in := range n.In {
		if in == nil {
			return nil, n.Errorf("input %d is missing", i)
		}
		shapes[i], all[i] = in.Shape, i
	}
	if err := n.SameType(all...); err != nil {
		return nil, err
	}
	shape, err := op.Broadcast(shapes...)
	if err != nil {
		return nil, err
	}
	t := n.In[0].Type
	full := op.Out(t, shape...)
	var steps []*op.Plan
	for i := 1; i < len(n.In); i++ {
		two := *n
		two.Version = 14 // multidirectional, whatever the operator's own
		two.In = []*op.Info{&full, n.In[i]}
		if i == 1 {
			two.In[0] = n.In[0]
		}
		p, err := byType(&two, c)
		if err != nil {
			return nil, err
		}
		steps = append(steps, p)
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		if len(in) == 1 {
			copy(out[0].Data, in[0].Data)
		}
		// The first step may not make the whole shape yet: it then goes by way of a copy.
		acc := in[0]
		for i, p := range steps {
			to := out[0]
			if tensor.Size(p.Out[0].Shape) != out[0].Len() {
				to = &tensor.Tensor{Type: t, Shape: p.Out[0].Shape, Data: r.Scratch(tensor.Size(p.Out[0].Shape) * tensor.ItemSize(t))}
			}
			if i == 1 && acc.Len() != out[0].Len() { // spread it
				spread(r, out[0], acc)
				acc = out[0]
			}
			if err := p.Run(r, []*tensor.Tensor{acc, in[i+1]}, []*tensor.Tensor{to}); err != nil {
				return err
			}
			acc = to
		}
		if acc != out[0] && len(in) > 1 {
			spread(r, out[0], acc)
		}
		if end != nil {
			return end(out[0])
		}
		return nil
	}, full)
}

// spread broadcasts a tensor into another of the same type.
func spread(r *op.Run, to, from *tensor.Tensor) {
	size := tensor.ItemSize(to.Type)
	w := pair(to.Shape, from.Shape, to.Shape)
	w.each(r, func(at, n, src, _ int) {
		row := to.Data[at*size : (at+n)*size]
		if w.moveA == 1 {
			copy(row, from.Data[src*size:])
			return
		}
		for k := copy(row, from.Data[src*size:][:size]); k < len(row); k *= 2 {
			copy(row[k:], row[:k])
		}
	})
}
