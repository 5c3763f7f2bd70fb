package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var (
	inf = float32(math.Inf(1))
	nan = float32(math.NaN())
)

// specials are arguments at which functions tend to go wrong.
var specials = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 0.85, 0.8499999, -0.85, 2, -3, 3, 4, -4, 9, -9.5,
	10.2, 14.4, -14.4, 20, -20, 40, -40, 87.3, 88.7, 88.72283, 88.72284, 89, -87.3, -87.4, -88, -100, -103.9, -104, -105, 1000, -1000,
	1e-10, -1e-10, 1e-38, 1.1754944e-38, 1e-40, -1e-40, 1e-45, -1e-45, 1e10, -1e10, 1e30, math.MaxFloat32, -math.MaxFloat32,
	8388607.5, 8388608, 16777216, 2147483648, -2147483904, 0.33333334, 0.6666667, 1.3333334, 0.99999994, 1.0000001,
	inf, -inf, nan, -nan,
}

// row is n numbers, half of them special, and unaligned.
func row(r *rand.Rand, n int, scale float64) []float32 {
	at := r.IntN(9)
	x := make([]float32, at+n)[at:]
	for i := range x {
		switch r.IntN(4) {
		case 0:
			x[i] = specials[r.IntN(len(specials))]
		case 1:
			x[i] = float32(math.Exp(r.NormFloat64()*5) * float64(1-2*r.IntN(2)))
		default:
			x[i] = float32(r.NormFloat64() * scale)
		}
	}
	return x
}

// finite is n numbers from a normal distribution, unaligned.
func finite(r *rand.Rand, n int) []float32 {
	at := r.IntN(9)
	x := make([]float32, at+n)[at:]
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// ulps is the distance of got from want, in units in the last place of want.
func ulps(got float32, want float64) float64 {
	w := float32(want)
	switch {
	case got != got || w != w:
		if got != got && w != w {
			return 0
		}
		return math.Inf(1)
	case math.IsInf(float64(w), 0) || math.IsInf(float64(got), 0):
		if got == w {
			return 0
		}
		// Within a few units of the largest number either may be right.
		if limit := math.MaxFloat32 * (1 - 1e-6); math.Abs(want) > limit && math.Abs(float64(got)) > limit && got > 0 == (want > 0) {
			return 0
		}
		return math.Inf(1)
	}
	_, e := math.Frexp(want)
	unit := math.Ldexp(1, max(e-24, -149))
	return math.Abs(float64(got)-want) / unit
}

const canary = 12345

// guarded is a row for n results within a slice whose other elements say when
// they are overwritten.
func guarded(r *rand.Rand, n int) (dst []float32, check func(t *testing.T)) {
	at := 1 + r.IntN(9)
	whole := slices.Repeat([]float32{canary}, at+n+20)
	return whole[at : at+n : at+n], func(t *testing.T) {
		t.Helper()
		for i, v := range whole {
			if (i < at || i >= at+n) && v != canary {
				t.Fatalf("element %d beside the %d of the result is overwritten with %v", i-at, n, v)
			}
		}
	}
}

// lengths are those around each multiple of what a loop takes at once.
func lengths() []int {
	var l []int
	for n := range 70 {
		l = append(l, n)
	}
	return append(l, 127, 128, 129, 1000, 4099)
}

func TestUnaryFunctions(t *testing.T) {
	scalar := func(f func(dst, x []float32, s float32), s float32) func(dst, x []float32) {
		return func(dst, x []float32) { f(dst, x, s) }
	}
	for _, tt := range []struct {
		name string
		f    func(dst, x []float32)
		want func(x float64) float64
		ulps float64
	}{
		{"abs", Abs, math.Abs, 0},
		{"neg", Neg, func(x float64) float64 { return -x }, 0},
		{"sqrt", Sqrt, math.Sqrt, 0.5},
		{"reciprocal", Reciprocal, func(x float64) float64 { return 1 / x }, 0.5},
		{"floor", Floor, math.Floor, 0},
		{"ceil", Ceil, math.Ceil, 0},
		{"round", Round, math.RoundToEven, 0},
		{"exp", Exp, math.Exp, 1.1},
		{"log", Log, math.Log, 1.1},
		{"tanh", Tanh, math.Tanh, 2.5},
		{"erf", Erf, math.Erf, 1.5},
		{"relu", Relu, func(x float64) float64 { return max(x, 0) }, 0},
		{"clip", func(dst, x []float32) { Clip(dst, x, -0.5, 6) }, func(x float64) float64 { return min(max(x, -0.5), 6) }, 0},
		{"clip with low above high", func(dst, x []float32) { Clip(dst, x, 2, 1) }, func(x float64) float64 { return min(max(x, 2), 1) }, 0},
		{"clip to infinities", func(dst, x []float32) { Clip(dst, x, -inf, inf) }, func(x float64) float64 { return x }, 0},
		{"leaky relu", scalar(LeakyRelu, 0.125), func(x float64) float64 { return max(x, x*0.125) }, 0.5},
		{"hard sigmoid", func(dst, x []float32) { HardSigmoid(dst, x, 0.25, 0.5) }, func(x float64) float64 { return min(max(x*0.25+0.5, 0), 1) }, 1},
		{"softsign", Softsign, func(x float64) float64 { return x / (1 + math.Abs(x)) }, 1.6},
		{"sigmoid", Sigmoid, sigmoid, 2.5},
		{"softplus", Softplus, softplus, 3.5},
		{"elu", scalar(Elu, 0.5), func(x float64) float64 {
			if x < 0 {
				return 0.5 * math.Expm1(x)
			}
			return x
		}, 2},
		{"add a scalar", scalar(AddScalar, 1.5), func(x float64) float64 { return x + 1.5 }, 0.5},
		{"subtract a scalar", scalar(SubScalar, 1.5), func(x float64) float64 { return x - 1.5 }, 0.5},
		{"multiply by a scalar", scalar(MulScalar, 3), func(x float64) float64 { return x * 3 }, 0.5},
		{"divide by a scalar", scalar(DivScalar, 3), func(x float64) float64 { return x / 3 }, 0.5},
		{"a scalar less", func(dst, x []float32) { ScalarSub(dst, 1.5, x) }, func(x float64) float64 { return 1.5 - x }, 0.5},
		{"a scalar divided", func(dst, x []float32) { ScalarDiv(dst, 3, x) }, func(x float64) float64 { return 3 / x }, 0.5},
		{"max with a scalar", scalar(MaxScalar, 0.25), func(x float64) float64 { return max(x, 0.25) }, 0},
		{"min with a scalar", scalar(MinScalar, 0.25), func(x float64) float64 { return min(x, 0.25) }, 0},
		{"max with no number", scalar(MaxScalar, nan), func(x float64) float64 { return math.NaN() }, 0},
		{"min with no number", scalar(MinScalar, nan), func(x float64) float64 { return math.NaN() }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			atEachLevel(t, func(t *testing.T) {
				checkUnary(t, tt.f, tt.want, tt.ulps, 0)
			})
		})
	}
}

// Functions that multiply a value near 0 or 1 by x, or that round an intermediate
// result to float32: their error is bounded in units of the last place or, for
// results near 0, absolutely.
func TestActivationsThatMultiplyByX(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func(dst, x []float32)
		want func(x float64) float64
		ulps float64
		abs  float64
	}{
		{"gelu", Gelu, gelu, 6, 2e-7},
		{"gelu by tanh", GeluTanh, geluTanh, 6, 1e-6},
		{"swish", func(dst, x []float32) { Swish(dst, x, 1) }, func(x float64) float64 { return x * sigmoid(x) }, 3, 1e-36},
		{"swish with alpha", func(dst, x []float32) { Swish(dst, x, 1.5) }, func(x float64) float64 { return x * sigmoid(1.5*x) }, 8, 1e-6},
		{"hard swish", HardSwish, func(x float64) float64 { return x * min(max(x/6+0.5, 0), 1) }, 3, 1e-6},
		{"mish", Mish, mish, 5, 1e-36},
	} {
		t.Run(tt.name, func(t *testing.T) {
			atEachLevel(t, func(t *testing.T) {
				checkUnary(t, tt.f, tt.want, tt.ulps, tt.abs)
			})
		})
	}
}

func checkUnary(t *testing.T, f func(dst, x []float32), want func(float64) float64, limit, abs float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	worst, at := 0.0, float32(0)
	for _, n := range append(lengths(), 60000) {
		x := row(r, n, 4)
		if n == 60000 {
			copy(x, specials)
		}
		before := slices.Clone(x)
		dst, check := guarded(r, n)
		f(dst, x)
		check(t)
		for i, v := range before {
			u := ulps(dst[i], want(float64(v)))
			if u > limit && math.Abs(float64(dst[i])-want(float64(v))) <= abs {
				continue
			}
			if u > worst {
				worst, at = u, v
			}
		}
		f(x, x)
		for i := range x {
			if math.Float32bits(x[i]) != math.Float32bits(dst[i]) && x[i] == x[i] {
				t.Fatalf("in place, element %d of %d (%v) gives %v, and elsewhere %v", i, n, before[i], x[i], dst[i])
			}
		}
	}
	if worst > limit {
		got := []float32{at}
		f(got, got)
		t.Errorf("at %v: got %v, want %v, off by %.3g units in the last place, above %v", at, got[0], want(float64(at)), worst, limit)
	} else {
		t.Logf("worst error %.3g units in the last place, at %v", worst, at)
	}
}

func TestBinaryFunctions(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func(dst, a, b []float32)
		want func(a, b float32) float64
	}{
		{"add", Add, func(a, b float32) float64 { return float64(a + b) }},
		{"sub", Sub, func(a, b float32) float64 { return float64(a - b) }},
		{"mul", Mul, func(a, b float32) float64 { return float64(a * b) }},
		{"div", Div, func(a, b float32) float64 { return float64(a / b) }},
		{"max", Max, func(a, b float32) float64 { return float64(max(a, b)) }},
		{"min", Min, func(a, b float32) float64 { return float64(min(a, b)) }},
		{"prelu", PRelu, func(a, b float32) float64 {
			if a < 0 {
				return float64(a * b)
			}
			return float64(a)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			atEachLevel(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(3, 4))
				for _, n := range lengths() {
					a, b := row(r, n, 3), row(r, n, 3)
					dst, check := guarded(r, n)
					tt.f(dst, a, b)
					check(t)
					for i := range dst {
						if ulps(dst[i], tt.want(a[i], b[i])) > 0 {
							t.Fatalf("element %d of %d: of %v and %v got %v, want %v", i, n, a[i], b[i], dst[i], tt.want(a[i], b[i]))
						}
					}
					inPlace := slices.Clone(b)
					tt.f(inPlace, a, inPlace)
					if fmt.Sprint(inPlace) != fmt.Sprint(dst) {
						t.Fatalf("%d elements in place of the second source differ from those elsewhere", n)
					}
				}
			})
		})
	}
}

func TestMultiplyingAndAdding(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, n := range lengths() {
			a, b, c := finite(r, n), finite(r, n), finite(r, n)
			near := func(name string, got []float32, want func(i int) float64) {
				t.Helper()
				for i := range got {
					if math.Abs(float64(got[i])-want(i)) > 1e-6 {
						t.Fatalf("%s: element %d of %d: got %v, want %v", name, i, n, got[i], want(i))
					}
				}
			}
			dst, check := guarded(r, n)
			MulAdd(dst, a, b, c)
			check(t)
			near("MulAdd", dst, func(i int) float64 { return float64(a[i])*float64(b[i]) + float64(c[i]) })
			ScaleAdd(dst, 0.75, a, b)
			check(t)
			near("ScaleAdd", dst, func(i int) float64 { return float64(a[i])*0.75 + float64(b[i]) })
			ScaleShift(dst, a, 0.75, -0.5)
			check(t)
			near("ScaleShift", dst, func(i int) float64 { return float64(a[i])*0.75 - 0.5 })
		}
	})
}

func TestReductions(t *testing.T) {
	sum := func(x []float32, f func(v float64) float64) (s, size float64) {
		for _, v := range x {
			s += f(float64(v))
			size += math.Abs(f(float64(v)))
		}
		return s, size
	}
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, n := range append(lengths(), 100000) {
			x, y := finite(r, n), finite(r, n)
			near := func(name string, got float32, want, size float64) {
				t.Helper()
				if math.Abs(float64(got)-want) > 2e-6*size {
					t.Fatalf("%s of %d elements: got %v, want %v", name, n, got, want)
				}
			}
			s, size := sum(x, func(v float64) float64 { return v })
			near("Sum", Sum(x), s, size)
			near("SumAbs", SumAbs(x), size, size)
			s, size = sum(x, func(v float64) float64 { return v * v })
			near("SumSquares", SumSquares(x), s, size)
			dot := 0.0
			for i := range x {
				dot += float64(x[i]) * float64(y[i])
			}
			near("Dot", Dot(x, y), dot, float64(n)+1)
			if n == 0 {
				continue
			}
			s, _ = sum(x, func(v float64) float64 { return (v - 0.5) * (v - 0.5) })
			near("Variance", Variance(x, 0.5), s/float64(n), s/float64(n))
			if got, want := MaxOf(x), slices.Max(x); got != want {
				t.Fatalf("MaxOf %d elements: got %v, want %v", n, got, want)
			}
			if got, want := MinOf(x), slices.Min(x); got != want {
				t.Fatalf("MinOf %d elements: got %v, want %v", n, got, want)
			}
			at := r.IntN(n)
			x[at] = nan
			for name, f := range map[string]func([]float32) float32{"Sum": Sum, "SumAbs": SumAbs, "SumSquares": SumSquares, "MaxOf": MaxOf, "MinOf": MinOf} {
				if got := f(x); got == got {
					t.Fatalf("%s of %d elements, of which number %d is NaN: got %v", name, n, at, got)
				}
			}
		}
		if MaxOf(nil) != -inf || MinOf(nil) != inf || Sum(nil) != 0 {
			t.Errorf("of no elements: max %v, min %v, sum %v; want -Inf, +Inf, 0", MaxOf(nil), MinOf(nil), Sum(nil))
		}
		if got := MaxOf([]float32{-inf, -inf}); got != -inf {
			t.Errorf("MaxOf two -Inf: got %v", got)
		}
	})
}

func TestSoftmax(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, n := range lengths() {
			x := finite(r, n)
			for i := range x {
				x[i] *= 30
			}
			if n > 3 {
				x[r.IntN(n)] = -inf
			}
			total, top := 0.0, math.Inf(-1)
			for _, v := range x {
				top = max(top, float64(v))
			}
			for _, v := range x {
				total += math.Exp(float64(v) - top)
			}
			dst, check := guarded(r, n)
			Softmax(dst, x)
			check(t)
			for i, v := range x {
				// The difference from the largest is rounded to float32, and e^x of it off by as much.
				if want := math.Exp(float64(v)-top) / total; math.Abs(float64(dst[i])-want) > (1e-6+1e-7*(top-float64(v)))*want+1e-37 {
					t.Fatalf("Softmax, element %d of %d: got %v, want %v", i, n, dst[i], want)
				}
			}
			LogSoftmax(dst, x)
			check(t)
			for i, v := range x {
				want := float64(v) - top - math.Log(total)
				if ulps(dst[i], want) > 2 && math.Abs(float64(dst[i])-want) > 1e-6 {
					t.Fatalf("LogSoftmax, element %d of %d: got %v, want %v", i, n, dst[i], want)
				}
			}
		}
		for name, x := range map[string][]float32{"a NaN": {1, nan, 2}, "only -Inf": {-inf, -inf}, "+Inf": {1, inf}} {
			dst := make([]float32, len(x))
			Softmax(dst, x)
			if last := dst[len(dst)-1]; last == last {
				t.Errorf("softmax of a row with %s: got %v, want NaN", name, dst)
			}
		}
		large := []float32{1e38, -1e38, 1e38}
		Softmax(large, large)
		if want := []float32{0.5, 0, 0.5}; !slices.Equal(large, want) {
			t.Errorf("softmax of a row of large numbers: got %v, want %v", large, want)
		}
	})
}

func TestNormalisingRows(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for _, n := range lengths()[1:] {
			x, scale, shift := finite(r, n), finite(r, n), finite(r, n)
			mean, variance, square := 0.0, 0.0, 0.0
			for i := range x {
				x[i] += 10
				mean += float64(x[i]) / float64(n)
				square += float64(x[i]) * float64(x[i]) / float64(n)
			}
			for _, v := range x {
				variance += (float64(v) - mean) * (float64(v) - mean) / float64(n)
			}
			const epsilon = 1e-3
			inv := 1 / math.Sqrt(variance+epsilon)
			near := func(name string, got, want float64) {
				t.Helper()
				if math.Abs(got-want) > 1e-4*max(1, math.Abs(want)) {
					t.Fatalf("%s of %d elements: got %v, want %v", name, n, got, want)
				}
			}
			dst, check := guarded(r, n)
			m, i := LayerNorm(dst, x, scale, shift, epsilon)
			check(t)
			near("the mean", float64(m), mean)
			near("the reciprocal deviation", float64(i), inv)
			for i, v := range x {
				near("LayerNorm", float64(dst[i]), (float64(v)-mean)*inv*float64(scale[i])+float64(shift[i]))
			}
			LayerNorm(dst, x, scale, nil, epsilon)
			for i, v := range x {
				near("LayerNorm without shift", float64(dst[i]), (float64(v)-mean)*inv*float64(scale[i]))
			}
			near("the reciprocal root", float64(RMSNorm(dst, x, scale, epsilon)), 1/math.Sqrt(square+epsilon))
			check(t)
			for i, v := range x {
				near("RMSNorm", float64(dst[i]), float64(v)/math.Sqrt(square+epsilon)*float64(scale[i]))
			}
		}
	})
}

func TestSourcesMayNotBeShorter(t *testing.T) {
	for name, f := range map[string]func(){
		"add":       func() { Add(make([]float32, 3), make([]float32, 3), make([]float32, 2)) },
		"exp":       func() { Exp(make([]float32, 3), make([]float32, 2)) },
		"dot":       func() { Dot(make([]float32, 3), make([]float32, 2)) },
		"convert":   func() { Float16ToFloat32(make([]float32, 3), make([]uint16, 2)) },
		"transpose": func() { Transpose(make([]float32, 6), 3, make([]float32, 5), 2, 3, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("a source shorter than dst is read behind its end")
				}
			}()
			f()
		})
	}
}

func TestNothingAllocates(t *testing.T) {
	x, dst := make([]float32, 100), make([]float32, 100)
	if n := testing.AllocsPerRun(10, func() { Exp(dst, x); Add(dst, dst, x); Softmax(dst, x); Sum(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
