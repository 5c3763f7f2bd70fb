package vec

// Add is dst = a + b.
func Add(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if addAsm(dst, a, b) {
		return
	}
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

// Sub is dst = a - b.
func Sub(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if subAsm(dst, a, b) {
		return
	}
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

// Mul is dst = a * b.
func Mul(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if mulAsm(dst, a, b) {
		return
	}
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

// Div is dst = a / b.
func Div(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if divAsm(dst, a, b) {
		return
	}
	for i := range dst {
		dst[i] = a[i] / b[i]
	}
}

// Max is the larger of a and b, element by element, and NaN where either is.
func Max(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if maxAsm(dst, a, b) {
		return
	}
	for i := range dst {
		dst[i] = max(a[i], b[i])
	}
}

// Min is the smaller of a and b, element by element, and NaN where either is.
func Min(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if minAsm(dst, a, b) {
		return
	}
	for i := range dst {
		dst[i] = min(a[i], b[i])
	}
}

// AddScalar is dst = x + s.
func AddScalar(dst, x []float32, s float32) {
	x = x[:len(dst)]
	if addScalarAsm(dst, x, s) {
		return
	}
	for i := range dst {
		dst[i] = x[i] + s
	}
}

// SubScalar is dst = x - s.
func SubScalar(dst, x []float32, s float32) { AddScalar(dst, x, -s) }

// ScalarSub is dst = s - x.
func ScalarSub(dst []float32, s float32, x []float32) {
	x = x[:len(dst)]
	if scalarSubAsm(dst, x, s) {
		return
	}
	for i := range dst {
		dst[i] = s - x[i]
	}
}

// MulScalar is dst = x * s.
func MulScalar(dst, x []float32, s float32) {
	x = x[:len(dst)]
	if mulScalarAsm(dst, x, s) {
		return
	}
	for i := range dst {
		dst[i] = x[i] * s
	}
}

// DivScalar is dst = x / s, divided and not multiplied by 1/s.
func DivScalar(dst, x []float32, s float32) {
	x = x[:len(dst)]
	if divScalarAsm(dst, x, s) {
		return
	}
	for i := range dst {
		dst[i] = x[i] / s
	}
}

// ScalarDiv is dst = s / x.
func ScalarDiv(dst []float32, s float32, x []float32) {
	x = x[:len(dst)]
	if scalarDivAsm(dst, x, s) {
		return
	}
	for i := range dst {
		dst[i] = s / x[i]
	}
}

// MaxScalar is the larger of x and s, and NaN where either is.
func MaxScalar(dst, x []float32, s float32) {
	x = x[:len(dst)]
	if maxScalarAsm(dst, x, s) {
		return
	}
	for i := range dst {
		dst[i] = max(x[i], s)
	}
}

// MinScalar is the smaller of x and s, and NaN where either is.
func MinScalar(dst, x []float32, s float32) {
	x = x[:len(dst)]
	if minScalarAsm(dst, x, s) {
		return
	}
	for i := range dst {
		dst[i] = min(x[i], s)
	}
}

// MulAdd is dst = a*b + c. Assembly rounds once, plain Go twice.
func MulAdd(dst, a, b, c []float32) {
	a, b, c = a[:len(dst)], b[:len(dst)], c[:len(dst)]
	if mulAddAsm(dst, a, b, c) {
		return
	}
	for i := range dst {
		dst[i] = a[i]*b[i] + c[i]
	}
}

// ScaleAdd is dst = s*x + y. Assembly rounds once, plain Go twice.
func ScaleAdd(dst []float32, s float32, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	if scaleAddAsm(dst, x, y, s) {
		return
	}
	for i := range dst {
		dst[i] = s*x[i] + y[i]
	}
}

// ScaleShift is dst = x*scale + shift, which is batch normalisation of one
// channel. Assembly rounds once, plain Go twice.
func ScaleShift(dst, x []float32, scale, shift float32) {
	x = x[:len(dst)]
	if scaleShiftAsm(dst, x, scale, shift) {
		return
	}
	for i := range dst {
		dst[i] = x[i]*scale + shift
	}
}
