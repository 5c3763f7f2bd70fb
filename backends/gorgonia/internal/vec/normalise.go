package vec

import "math"

// Softmax is e^x divided by the sum of e^x over the row, computed relative to the
// row's largest element, so that nothing overflows. A row whose largest element is
// infinite, or that holds NaN, becomes NaN where ONNX's formula does.
func Softmax(dst, x []float32) {
	x = x[:len(dst)]
	top := MaxOf(x)
	sum, ok := expAndSumAsm(dst, x, top)
	if !ok {
		s := 0.0
		for i, v := range x {
			e := math.Exp(float64(v - top))
			dst[i] = float32(e)
			s += e
		}
		sum = float32(s)
	}
	MulScalar(dst, dst, 1/sum)
}

// LogSoftmax is the logarithm of Softmax, without its loss of small values.
func LogSoftmax(dst, x []float32) {
	x = x[:len(dst)]
	top := MaxOf(x)
	sum, ok := sumExpAsm(x, top)
	if !ok {
		s := 0.0
		for _, v := range x {
			s += math.Exp(float64(v - top))
		}
		sum = float32(s)
	}
	// In two steps, for top may be so large that the logarithm would vanish in it.
	SubScalar(dst, x, top)
	SubScalar(dst, dst, float32(math.Log(float64(sum))))
}

// LayerNorm is (x - mean) / √(variance + epsilon) * scale + shift over one row,
// and returns the mean and the reciprocal of the root. shift may be nil.
func LayerNorm(dst, x, scale, shift []float32, epsilon float32) (mean, invStdDev float32) {
	x, scale = x[:len(dst)], scale[:len(dst)]
	mean = Mean(x)
	invStdDev = float32(1 / math.Sqrt(float64(Variance(x, mean))+float64(epsilon)))
	if shift == nil {
		AddScalar(dst, x, -mean)
		MulScalar(dst, dst, invStdDev)
		Mul(dst, dst, scale)
		return mean, invStdDev
	}
	shift = shift[:len(dst)]
	if normaliseAsm(dst, x, scale, shift, mean, invStdDev) {
		return mean, invStdDev
	}
	for i, v := range x {
		dst[i] = (v-mean)*invStdDev*scale[i] + shift[i]
	}
	return mean, invStdDev
}

// RMSNorm is x / √(mean of squares + epsilon) * scale over one row, and returns
// the reciprocal of the root.
func RMSNorm(dst, x, scale []float32, epsilon float32) (invRMS float32) {
	x = x[:len(dst)]
	square := float64(SumSquares(x)) / float64(len(x))
	invRMS = float32(1 / math.Sqrt(square+float64(epsilon)))
	MulScalar(dst, x, invRMS)
	Mul(dst, dst, scale)
	return invRMS
}
