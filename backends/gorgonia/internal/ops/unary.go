package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// unaries are the operators of one number after the other.
func unaries() []op.Spec {
	var specs []op.Spec
	for name, f := range functions {
		if name == "Abs" || name == "Neg" || name == "Sign" || name == "Relu" {
			continue // below, with integers
		}
		specs = append(specs, op.Spec{Name: name, Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(real(f))})
	}
	for name, make := range parametric {
		specs = append(specs, op.Spec{Name: name, Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(func(n *op.Node) (*op.Plan, error) { return real(make(n))(n) })})
	}
	return append(specs,
		op.Spec{Name: "Abs", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(signed(functions["Abs"], absolute))},
		op.Spec{Name: "Neg", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(signed(functions["Neg"], negative))},
		op.Spec{Name: "Sign", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(signed(functions["Sign"], signOf))},
		op.Spec{Name: "Relu", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(signed(functions["Relu"], positive))},
		op.Spec{Name: "Clip", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(clipAttributes)},
		op.Spec{Name: "Clip", Since: 11, MinIn: 1, MaxIn: 3, Compile: op.Widen(clip)},
		op.Spec{Name: "BitwiseNot", Since: 18, MinIn: 1, MaxIn: 1, Compile: bitwiseNot},
		op.Spec{Name: "Not", Since: 1, MinIn: 1, MaxIn: 1, Compile: not},
		op.Spec{Name: "IsNaN", Since: 9, MinIn: 1, MaxIn: 1, Compile: op.Widen(isNaN)},
		op.Spec{Name: "IsInf", Since: 10, MinIn: 1, MaxIn: 1, Compile: op.Widen(isInf)},
	)
}

// function is a function of a real number, by rows of float32 and one by one in
// float64. single may be nil.
type function struct {
	single func(dst, x []float32)
	double func(x float64) float64
}

// functions are those without parameters, by operator.
var functions = map[string]function{
	"Abs":        {vec.Abs, math.Abs},
	"Neg":        {vec.Neg, func(x float64) float64 { return -x }},
	"Sign":       {nil, sign},
	"Relu":       {vec.Relu, func(x float64) float64 { return max(x, 0) }},
	"Sqrt":       {vec.Sqrt, math.Sqrt},
	"Reciprocal": {vec.Reciprocal, func(x float64) float64 { return 1 / x }},
	"Exp":        {vec.Exp, math.Exp},
	"Log":        {vec.Log, math.Log},
	"Floor":      {vec.Floor, math.Floor},
	"Ceil":       {vec.Ceil, math.Ceil},
	"Round":      {vec.Round, math.RoundToEven},
	"Erf":        {vec.Erf, math.Erf},
	"Sin":        {nil, math.Sin},
	"Cos":        {nil, math.Cos},
	"Tan":        {nil, math.Tan},
	"Asin":       {nil, math.Asin},
	"Acos":       {nil, math.Acos},
	"Atan":       {nil, math.Atan},
	"Sinh":       {nil, math.Sinh},
	"Cosh":       {nil, math.Cosh},
	"Tanh":       {vec.Tanh, math.Tanh},
	"Asinh":      {nil, math.Asinh},
	"Acosh":      {nil, math.Acosh},
	"Atanh":      {nil, math.Atanh},
	"Sigmoid":    {vec.Sigmoid, sigmoid},
	"HardSwish":  {vec.HardSwish, func(x float64) float64 { return x * max(0, min(1, x/6+0.5)) }},
	"Mish":       {vec.Mish, func(x float64) float64 { return x * math.Tanh(softplus(x)) }},
	"Softplus":   {vec.Softplus, softplus},
	"Softsign":   {vec.Softsign, func(x float64) float64 { return x / (1 + math.Abs(x)) }},
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // zero, or not a number
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// parametric are the functions with attributes, by operator.
var parametric = map[string]func(n *op.Node) function{
	"LeakyRelu": func(n *op.Node) function {
		a := n.Float("alpha", 0.01)
		return function{func(dst, x []float32) { vec.LeakyRelu(dst, x, a) }, func(x float64) float64 {
			if x < 0 {
				return float64(a) * x
			}
			return x
		}}
	},
	"ThresholdedRelu": func(n *op.Node) function {
		a := float64(n.Float("alpha", 1))
		return function{nil, func(x float64) float64 {
			if x <= a {
				return 0
			}
			return x
		}}
	},
	"Elu": func(n *op.Node) function {
		a := n.Float("alpha", 1)
		return function{func(dst, x []float32) { vec.Elu(dst, x, a) }, func(x float64) float64 { return elu(x, float64(a)) }}
	},
	"Selu": func(n *op.Node) function {
		a, g := float64(n.Float("alpha", 1.67326319217681884765625)), float64(n.Float("gamma", 1.05070102214813232421875))
		return function{nil, func(x float64) float64 { return g * elu(x, a) }}
	},
	"Celu": func(n *op.Node) function {
		a := float64(n.Float("alpha", 1))
		return function{nil, func(x float64) float64 { return max(0, x) + min(0, a*math.Expm1(x/a)) }}
	},
	"HardSigmoid": func(n *op.Node) function {
		a, b := n.Float("alpha", 0.2), n.Float("beta", 0.5)
		return function{func(dst, x []float32) { vec.HardSigmoid(dst, x, a, b) }, func(x float64) float64 { return max(0, min(1, float64(a)*x+float64(b))) }}
	},
	"Gelu": func(n *op.Node) function {
		if n.Str("approximate", "none") == "tanh" {
			return function{vec.GeluTanh, func(x float64) float64 { return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) }}
		}
		return function{vec.Gelu, func(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }}
	},
	"Swish": func(n *op.Node) function {
		a := n.Float("alpha", 1)
		return function{func(dst, x []float32) { vec.Swish(dst, x, a) }, func(x float64) float64 { return x * sigmoid(float64(a)*x) }}
	},
	"Shrink": func(n *op.Node) function {
		bias, lambda := float64(n.Float("bias", 0)), float64(n.Float("lambd", 0.5))
		return function{nil, func(x float64) float64 {
			switch {
			case x < -lambda:
				return x + bias
			case x > lambda:
				return x - bias
			}
			return 0
		}}
	},
}

func elu(x, alpha float64) float64 {
	if x < 0 {
		return alpha * math.Expm1(x)
	}
	return x
}

// real is an operator that is a function of real numbers.
func real(f function) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		single := f.single
		if single == nil {
			single = func(dst, x []float32) {
				for i, v := range x {
					dst[i] = float32(f.double(float64(v)))
				}
			}
		}
		switch n.In[0].Type {
		case tensor.FP32:
			return oneToOne(n, tensor.FP32, single)
		case tensor.FP64:
			return oneToOne(n, tensor.FP64, func(dst, x []float64) {
				for i, v := range x {
					dst[i] = f.double(v)
				}
			})
		}
		if n.Op == "Shrink" {
			return throughFloats(n, f.double)
		}
		return nil, n.Unsupportedf("a tensor of %s, expected floating-point numbers", n.In[0].Type)
	}
}

// throughFloats computes on any number type by way of float64.
func throughFloats(n *op.Node, f func(float64) float64) (*op.Plan, error) {
	return op.Static(func(_ *op.Run, in, out []*tensor.Tensor) error {
		v, err := in[0].Float64s()
		if err != nil {
			return err
		}
		for i := range v {
			v[i] = f(v[i])
		}
		return putFloats(out[0], v)
	}, op.Out(n.In[0].Type, n.In[0].Shape...))
}

// oneToOne is the plan of an operator whose output has an element for each of the
// input's.
func oneToOne[T, R tensor.Element](n *op.Node, out tensor.Type, f func(dst []R, x []T)) (*op.Plan, error) {
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		dst, x := tensor.As[R](out[0]), tensor.As[T](in[0])
		r.For(len(dst), grain, func(lo, hi int) { f(dst[lo:hi], x[lo:hi]) })
		return nil
	}, op.Out(out, n.In[0].Shape...))
	if err == nil && out == n.In[0].Type {
		p.InPlaceOf(0)
	}
	if f, ok := any(f).(func(dst, x []float32)); ok && err == nil {
		p.Each = []op.Each{func(_ []*tensor.Tensor, dst, src []float32, _ int) { f(dst, src) }}
	}
	return p, err
}

// whole names a function of integers.
type whole int

const (
	absolute whole = iota
	negative
	signOf
	positive
	complement
)

// signed is an operator on real numbers and integers.
func signed(f function, w whole) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		if p, err, ok := onWholes(n, w); ok {
			return p, err
		}
		return real(f)(n)
	}
}

// onWholes is the plan for integers; not ok for other types.
func onWholes(n *op.Node, w whole) (*op.Plan, error, bool) {
	var p *op.Plan
	var err error
	switch t := n.In[0].Type; t {
	case tensor.I8:
		p, err = oneToOne(n, t, wholes[int8](w))
	case tensor.I16:
		p, err = oneToOne(n, t, wholes[int16](w))
	case tensor.I32:
		p, err = oneToOne(n, t, wholes[int32](w))
	case tensor.I64:
		p, err = oneToOne(n, t, wholes[int64](w))
	case tensor.U8:
		p, err = oneToOne(n, t, wholes[uint8](w))
	case tensor.U16:
		p, err = oneToOne(n, t, wholes[uint16](w))
	case tensor.U32:
		p, err = oneToOne(n, t, wholes[uint32](w))
	case tensor.U64:
		p, err = oneToOne(n, t, wholes[uint64](w))
	default:
		return nil, nil, false
	}
	return p, err, true
}

func wholes[T integer](w whole) func(dst, x []T) {
	return func(dst, x []T) {
		for i, v := range x {
			switch {
			case w == complement:
				v = ^v
			case w == negative || w == absolute && v < 0:
				v = -v
			case w == positive:
				v = max(v, 0)
			case w == signOf && v > 0:
				v = 1
			case w == signOf && v < 0:
				v = 0
				v--
			}
			dst[i] = v
		}
	}
}

// bitwiseNot inverts the bits of integers.
func bitwiseNot(n *op.Node) (*op.Plan, error) {
	if p, err, ok := onWholes(n, complement); ok {
		return p, err
	}
	return nil, n.Unsupportedf("a tensor of %s, expected integers", n.In[0].Type)
}

// not inverts truth values.
func not(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.Bool); err != nil {
		return nil, err
	}
	return oneToOne(n, tensor.Bool, func(dst, x []bool) {
		for i, v := range x {
			dst[i] = !v
		}
	})
}

func isNaN(n *op.Node) (*op.Plan, error) {
	return test(n, math.IsNaN)
}

func isInf(n *op.Node) (*op.Plan, error) {
	up, down := n.Flag("detect_positive", true), n.Flag("detect_negative", true)
	return test(n, func(x float64) bool { return up && math.IsInf(x, 1) || down && math.IsInf(x, -1) })
}

// test is the plan of a question about real numbers.
func test(n *op.Node, f func(x float64) bool) (*op.Plan, error) {
	switch t := n.In[0].Type; t {
	case tensor.FP32:
		return oneToOne(n, tensor.Bool, func(dst []bool, x []float32) {
			for i, v := range x {
				dst[i] = f(float64(v))
			}
		})
	case tensor.FP64:
		return oneToOne(n, tensor.Bool, func(dst []bool, x []float64) {
			for i, v := range x {
				dst[i] = f(v)
			}
		})
	case tensor.F8E4M3FN, tensor.F8E5M2, tensor.F8E4M3FNUZ, tensor.F8E5M2FNUZ:
		return oneToOne(n, tensor.Bool, func(dst []bool, x []uint8) {
			for i, v := range x {
				dst[i] = f(float64(fromFloat8(t, v)))
			}
		})
	}
	return nil, n.Unsupportedf("a tensor of %s, expected floating-point numbers", n.In[0].Type)
}

// clipAttributes is Clip of versions before 11.
func clipAttributes(n *op.Node) (*op.Plan, error) {
	low, high := n.Float("min", float32(math.Inf(-1))), n.Float("max", float32(math.Inf(1)))
	return real(function{
		func(dst, x []float32) { clampSingles(dst, x, low, high) },
		func(x float64) float64 { return min(max(x, float64(low)), float64(high)) },
	})(n)
}

func clampSingles(dst, x []float32, low, high float32) { vec.Clip(dst, x, low, high) }

// clip keeps numbers between two bounds, of which each may be left out. Where the lower
// one is larger everything becomes the upper one.
func clip(n *op.Node) (*op.Plan, error) {
	for i := 1; i < len(n.In); i++ {
		if n.Has(i) && (n.In[i].Type != n.In[0].Type || tensor.Size(n.In[i].Shape) != 1) {
			return nil, n.Errorf("bound %d is %s%v, expected one %s", i, n.In[i].Type, n.In[i].Shape, n.In[0].Type)
		}
	}
	switch n.In[0].Type {
	case tensor.FP32:
		p, err := clamp(n, float32(math.Inf(-1)), float32(math.Inf(1)), clampSingles)
		return p, err
	case tensor.FP64:
		return clamp(n, math.Inf(-1), math.Inf(1), clampRow[float64])
	case tensor.I8:
		return clamp(n, math.MinInt8, math.MaxInt8, clampRow[int8])
	case tensor.I16:
		return clamp(n, math.MinInt16, math.MaxInt16, clampRow[int16])
	case tensor.I32:
		return clamp(n, math.MinInt32, math.MaxInt32, clampRow[int32])
	case tensor.I64:
		return clamp(n, math.MinInt64, math.MaxInt64, clampRow[int64])
	case tensor.U8:
		return clamp(n, 0, math.MaxUint8, clampRow[uint8])
	case tensor.U16:
		return clamp(n, 0, math.MaxUint16, clampRow[uint16])
	case tensor.U32:
		return clamp(n, 0, math.MaxUint32, clampRow[uint32])
	case tensor.U64:
		return clamp(n, 0, uint64(math.MaxUint64), clampRow[uint64])
	}
	return nil, n.Unsupportedf("a tensor of %s, expected numbers", n.In[0].Type)
}

func clampRow[T integer | float64](dst, x []T, low, high T) {
	for i, v := range x {
		dst[i] = min(max(v, low), high)
	}
}

func clamp[T tensor.Element](n *op.Node, low, high T, f func(dst, x []T, low, high T)) (*op.Plan, error) {
	bounds := func(in []*tensor.Tensor) (T, T) {
		low, high := low, high
		if len(in) > 1 && in[1] != nil {
			low = tensor.As[T](in[1])[0]
		}
		if len(in) > 2 && in[2] != nil {
			high = tensor.As[T](in[2])[0]
		}
		return low, high
	}
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		low, high := bounds(in)
		dst, x := tensor.As[T](out[0]), tensor.As[T](in[0])
		r.For(len(dst), grain, func(lo, hi int) { f(dst[lo:hi], x[lo:hi], low, high) })
		return nil
	}, op.Out(n.In[0].Type, n.In[0].Shape...))
	if err != nil {
		return nil, err
	}
	if f, ok := any(f).(func(dst, x []float32, low, high float32)); ok {
		p.Each = []op.Each{func(in []*tensor.Tensor, dst, src []float32, _ int) {
			low, high := bounds(in)
			f(dst, src, any(low).(float32), any(high).(float32))
		}}
	}
	return p.InPlaceOf(0), nil
}
