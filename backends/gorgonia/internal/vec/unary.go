package vec

import "math"

// Abs is dst = |x|.
func Abs(dst, x []float32) {
	x = x[:len(dst)]
	if !absAsm(dst, x) {
		each(dst, x, math.Abs)
	}
}

// Neg is dst = -x.
func Neg(dst, x []float32) {
	x = x[:len(dst)]
	if negAsm(dst, x) {
		return
	}
	for i, v := range x {
		dst[i] = -v
	}
}

// Sqrt is the square root, rightly rounded; NaN below 0.
func Sqrt(dst, x []float32) {
	x = x[:len(dst)]
	if !sqrtAsm(dst, x) {
		each(dst, x, math.Sqrt)
	}
}

// Reciprocal is dst = 1 / x, rightly rounded.
func Reciprocal(dst, x []float32) {
	x = x[:len(dst)]
	if reciprocalAsm(dst, x) {
		return
	}
	for i, v := range x {
		dst[i] = 1 / v
	}
}

// Floor rounds down to an integer.
func Floor(dst, x []float32) {
	x = x[:len(dst)]
	if !floorAsm(dst, x) {
		each(dst, x, math.Floor)
	}
}

// Ceil rounds up to an integer.
func Ceil(dst, x []float32) {
	x = x[:len(dst)]
	if !ceilAsm(dst, x) {
		each(dst, x, math.Ceil)
	}
}

// Round rounds to the nearest integer, halves to the even one, as ONNX's Round does.
func Round(dst, x []float32) {
	x = x[:len(dst)]
	if !roundAsm(dst, x) {
		each(dst, x, math.RoundToEven)
	}
}

// Exp is e^x: +Inf from 88.73 on, 0 below -104, denormal between -87.33 and that.
func Exp(dst, x []float32) {
	x = x[:len(dst)]
	if !expAsm(dst, x) {
		each(dst, x, math.Exp)
	}
}

// Log is the natural logarithm: -Inf at 0, NaN below.
func Log(dst, x []float32) {
	x = x[:len(dst)]
	if !logAsm(dst, x) {
		each(dst, x, math.Log)
	}
}

// Tanh is the hyperbolic tangent.
func Tanh(dst, x []float32) {
	x = x[:len(dst)]
	if !tanhAsm(dst, x) {
		each(dst, x, math.Tanh)
	}
}

// Erf is the error function.
func Erf(dst, x []float32) {
	x = x[:len(dst)]
	if !erfAsm(dst, x) {
		each(dst, x, math.Erf)
	}
}

// each applies a function of float64, and rounds once.
func each(dst, x []float32, f func(float64) float64) {
	for i, v := range x {
		dst[i] = float32(f(float64(v)))
	}
}
