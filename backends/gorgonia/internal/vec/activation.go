package vec

import "math"

// Relu is max(x, 0), and NaN where x is.
func Relu(dst, x []float32) {
	x = x[:len(dst)]
	if reluAsm(dst, x) {
		return
	}
	for i, v := range x {
		dst[i] = max(v, 0)
	}
}

// Clip is min(max(x, low), high), so that high wins when low is above it; NaN
// where x is. low and high must be numbers, infinite ones included.
func Clip(dst, x []float32, low, high float32) {
	x = x[:len(dst)]
	if clipAsm(dst, x, low, high) {
		return
	}
	for i, v := range x {
		dst[i] = min(max(v, low), high)
	}
}

// LeakyRelu is x, and alpha*x below 0.
func LeakyRelu(dst, x []float32, alpha float32) {
	x = x[:len(dst)]
	if leakyReluAsm(dst, x, alpha) {
		return
	}
	for i, v := range x {
		if v < 0 {
			v *= alpha
		}
		dst[i] = v
	}
}

// PRelu is x, and slope*x below 0, each element with a slope of its own.
func PRelu(dst, x, slope []float32) {
	x, slope = x[:len(dst)], slope[:len(dst)]
	if preluAsm(dst, x, slope) {
		return
	}
	for i, v := range x {
		if v < 0 {
			v *= slope[i]
		}
		dst[i] = v
	}
}

// HardSigmoid is max(0, min(1, alpha*x + beta)).
func HardSigmoid(dst, x []float32, alpha, beta float32) {
	x = x[:len(dst)]
	if hardSigmoidAsm(dst, x, alpha, beta) {
		return
	}
	for i, v := range x {
		dst[i] = hardSigmoid(v, alpha, beta)
	}
}

// HardSwish is x * HardSigmoid(x) with alpha 1/6 and beta 1/2. At -Inf it is NaN,
// for that is -Inf * 0.
func HardSwish(dst, x []float32) {
	x = x[:len(dst)]
	if hardSwishAsm(dst, x) {
		return
	}
	for i, v := range x {
		dst[i] = v * hardSigmoid(v, 1.0/6, 0.5)
	}
}

func hardSigmoid(x, alpha, beta float32) float32 { return max(0, min(1, alpha*x+beta)) }

// Softsign is x / (1 + |x|). At an infinite x it is NaN, for that is Inf / Inf.
func Softsign(dst, x []float32) {
	x = x[:len(dst)]
	if softsignAsm(dst, x) {
		return
	}
	for i, v := range x {
		dst[i] = v / (1 + float32(math.Abs(float64(v))))
	}
}

// Sigmoid is 1 / (1 + e^-x), exact to float32 far below 0 too.
func Sigmoid(dst, x []float32) {
	x = x[:len(dst)]
	if !sigmoidAsm(dst, x) {
		each(dst, x, sigmoid)
	}
}

// Swish is x * Sigmoid(alpha*x), which alpha 1 makes SiLU. Where that is -Inf * 0,
// it is NaN.
func Swish(dst, x []float32, alpha float32) {
	x = x[:len(dst)]
	if swishAsm(dst, x, alpha) {
		return
	}
	for i, v := range x {
		dst[i] = float32(float64(v) * sigmoid(float64(v*alpha)))
	}
}

// Gelu is x/2 * (1 + Erf(x/√2)), to a few units in the last place far below 0 too.
// At -Inf it is NaN, for that is -Inf * 0.
func Gelu(dst, x []float32) {
	x = x[:len(dst)]
	if !geluAsm(dst, x) {
		each(dst, x, gelu)
	}
}

// GeluTanh is x/2 * (1 + Tanh(√(2/π) (x + 0.044715 x³))), ONNX's approximate
// "tanh" of Gelu. At -Inf it is NaN, for that is -Inf * 0.
func GeluTanh(dst, x []float32) {
	x = x[:len(dst)]
	if !geluTanhAsm(dst, x) {
		each(dst, x, geluTanh)
	}
}

// Softplus is log(1 + e^x).
func Softplus(dst, x []float32) {
	x = x[:len(dst)]
	if !softplusAsm(dst, x) {
		each(dst, x, softplus)
	}
}

// Mish is x * Tanh(Softplus(x)). At -Inf it is NaN, for that is -Inf * 0.
func Mish(dst, x []float32) {
	x = x[:len(dst)]
	if !mishAsm(dst, x) {
		each(dst, x, mish)
	}
}

// Elu is x, and alpha * (e^x - 1) below 0.
func Elu(dst, x []float32, alpha float32) {
	x = x[:len(dst)]
	if eluAsm(dst, x, alpha) {
		return
	}
	for i, v := range x {
		if v < 0 {
			v = float32(float64(alpha) * math.Expm1(float64(v)))
		}
		dst[i] = v
	}
}

func sigmoid(x float64) float64 {
	e := math.Exp(-math.Abs(x))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

func gelu(x float64) float64 { return 0.5 * x * math.Erfc(-x*math.Sqrt2/2) }

func geluTanh(x float64) float64 {
	const c = 2 * math.Sqrt2 / math.SqrtPi
	return x * sigmoid(c*x*(1+0.044715*x*x))
}

func softplus(x float64) float64 {
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}

func mish(x float64) float64 { return x * math.Tanh(softplus(x)) }
