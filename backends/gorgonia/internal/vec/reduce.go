package vec

import "math"

// Sum is the sum of all elements, and 0 of none. Assembly adds in at least 32
// partial sums, plain Go in float64.
func Sum(x []float32) float32 {
	if s, ok := sumAsm(x); ok {
		return s
	}
	s := 0.0
	for _, v := range x {
		s += float64(v)
	}
	return float32(s)
}

// SumSquares is the sum of the squares of all elements.
func SumSquares(x []float32) float32 {
	if s, ok := sumSquaresAsm(x); ok {
		return s
	}
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return float32(s)
}

// SumAbs is the sum of the magnitudes of all elements.
func SumAbs(x []float32) float32 {
	if s, ok := sumAbsAsm(x); ok {
		return s
	}
	s := 0.0
	for _, v := range x {
		s += math.Abs(float64(v))
	}
	return float32(s)
}

// Dot is the sum of the products of a and b, over len(a) elements.
func Dot(a, b []float32) float32 {
	b = b[:len(a)]
	if s, ok := dotAsm(a, b); ok {
		return s
	}
	s := 0.0
	for i, v := range a {
		s += float64(v) * float64(b[i])
	}
	return float32(s)
}

// MaxOf is the largest element, -Inf of none, and NaN if any is.
func MaxOf(x []float32) float32 {
	if m, ok := maxOfAsm(x); ok {
		return m
	}
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// MinOf is the smallest element, +Inf of none, and NaN if any is.
func MinOf(x []float32) float32 {
	if m, ok := minOfAsm(x); ok {
		return m
	}
	m := float32(math.Inf(1))
	for _, v := range x {
		m = min(m, v)
	}
	return m
}

// Mean is the mean of all elements, and NaN of none.
func Mean(x []float32) float32 { return Sum(x) / float32(len(x)) }

// Variance is the mean of the squared distances from mean, and NaN of no element.
func Variance(x []float32, mean float32) float32 {
	s, ok := sumSquaredDiffAsm(x, mean)
	if !ok {
		t := 0.0
		for _, v := range x {
			d := float64(v) - float64(mean)
			t += d * d
		}
		s = float32(t)
	}
	return s / float32(len(x))
}
