package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// windows calls f for each window of one plane, with the places of its elements in
// the plane, and how many of its taps are within the padded plane.
func windows(w window, in, out [3]int, f func(o int, elements []int, padded int)) {
	for o := range out[0] * out[1] * out[2] {
		at := [3]int{o / (out[1] * out[2]), o / out[2] % out[1], o % out[2]}
		var elements []int
		padded := 0
		for k := range w.kernel[0] * w.kernel[1] * w.kernel[2] {
			tap := [3]int{k / (w.kernel[1] * w.kernel[2]), k / w.kernel[2] % w.kernel[1], k % w.kernel[2]}
			within, withinPads := true, true
			var i [3]int
			for d := range 3 {
				i[d] = at[d]*w.stride[d] + tap[d]*w.dilation[d] - w.begin[d]
				within = within && i[d] >= 0 && i[d] < in[d]
				withinPads = withinPads && i[d] < in[d]+w.end[d]
			}
			if withinPads {
				padded++
			}
			if within {
				elements = append(elements, (i[0]*in[1]+i[1])*in[2]+i[2])
			}
		}
		f(o, elements, padded)
	}
}

func TestPoolingOfRandomShapes(t *testing.T) {
	two := pool.New(2)
	defer two.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		tc := randomCase(r)
		s := Pooling{Window: tc.spec.Window, Ceil: r.IntN(2) == 0}
		in, _ := spatial(tc.in, len(tc.in))
		w, err := s.normalise()
		if err != nil {
			t.Fatal(err)
		}
		shape, err := s.OutputShape(tc.in)
		if err != nil {
			t.Fatal(err)
		}
		out, _ := spatial(shape, len(shape))
		planes := 1 + r.IntN(5)
		size, inSize := out[0]*out[1]*out[2], in[0]*in[1]*in[2]
		src := numbers(r, planes*inSize)
		if i%7 == 0 {
			src[r.IntN(len(src))] = float32(math.NaN())
		}
		if i%11 == 0 {
			fill(src, float32(math.Inf(-1)))
		}
		var most, mean, meanPadded, norm, norm3 []float64
		var indices, columns []int64
		for p := range planes {
			windows(w, in, out, func(o int, elements []int, padded int) {
				m, at := math.Inf(-1), -1
				sum, squares, cubes := 0.0, 0.0, 0.0
				for _, e := range elements {
					v := float64(src[p*inSize+e])
					if at < 0 || v > m || v != v && m == m {
						m, at = v, e
					}
					sum += v
					squares += v * v
					cubes += math.Abs(v * v * v)
				}
				most = append(most, m)
				mean = append(mean, sum/float64(max(1, len(elements))))
				meanPadded = append(meanPadded, sum/float64(padded))
				norm, norm3 = append(norm, math.Sqrt(squares)), append(norm3, math.Cbrt(cubes))
				if at < 0 {
					indices, columns = append(indices, -1), append(columns, -1)
					return
				}
				d, h, x := at/(in[1]*in[2]), at/in[2]%in[1], at%in[2]
				indices = append(indices, int64(p*inSize+at))
				columns = append(columns, int64(p*inSize+(x*in[1]+h)*in[0]+d))
			})
		}
		var threads *pool.Pool
		if i%3 == 0 {
			threads = two
		}
		dst := make([]float32, planes*size)
		got, gotColumns := make([]int64, len(dst)), make([]int64, len(dst))
		for _, tt := range []struct {
			name string
			run  func() error
			want []float64
		}{
			{"MaxPool", func() error { return MaxPool(threads, s, dst, src, planes, tc.in) }, most},
			{"MaxPool with indices", func() error { return MaxPoolOf(threads, s, false, dst, got, src, planes, tc.in) }, most},
			{"MaxPool with column-major indices", func() error { return MaxPoolOf(threads, s, true, dst, gotColumns, src, planes, tc.in) }, most},
			{"AveragePool", func() error { return AveragePool(threads, s, false, dst, src, planes, tc.in) }, mean},
			{"AveragePool with padding", func() error { return AveragePool(threads, s, true, dst, src, planes, tc.in) }, meanPadded},
			{"LpPool", func() error { return LpPool(threads, s, 2, dst, src, planes, tc.in) }, norm},
			{"LpPool of order 3", func() error { return LpPool(threads, s, 3, dst, src, planes, tc.in) }, norm3},
		} {
			fill(dst, 7)
			if err := tt.run(); err != nil {
				t.Fatal(err)
			}
			for j := range dst {
				g, want := float64(dst[j]), tt.want[j]
				if !(math.Abs(g-want) <= 1e-4*max(1, math.Abs(want))) && g != want && (g == g || want == want) {
					t.Fatalf("%s of %v, ceil %v, element %d: got %v, want %v", tt.name, tc, s.Ceil, j, g, want)
				}
			}
		}
		if !slices.Equal(got, indices) {
			t.Fatalf("indices of %v:\n got %v\nwant %v", tc, got, indices)
		}
		if !slices.Equal(gotColumns, columns) {
			t.Fatalf("column-major indices of %v:\n got %v\nwant %v", tc, gotColumns, columns)
		}
	}
}

func testMaxPoolOf[T Number](t *testing.T, least T, src, want []T) {
	t.Run(fmt.Sprintf("%T", least), func(t *testing.T) {
		dst, indices := make([]T, len(want)), make([]int64, len(want))
		s := Pooling{Window: Window{Kernel: []int{2}, PadsEnd: []int{3}}}
		if err := MaxPoolOf(nil, s, false, dst, indices, src, 1, []int{len(src)}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(dst, want) {
			t.Errorf("got %v, want %v", dst, want)
		}
		if got := lowest[T](); got != least {
			t.Errorf("the lowest value: got %v, want %v", got, least)
		}
	})
}

func TestMaxPoolOfEveryType(t *testing.T) {
	testMaxPoolOf(t, -128, []int8{-128, -128, 5, -7}, []int8{-128, 5, 5, -7, -128, -128})
	testMaxPoolOf(t, 0, []uint8{0, 0, 200, 7}, []uint8{0, 200, 200, 7, 0, 0})
	testMaxPoolOf(t, math.MinInt32, []int32{-5, -4}, []int32{-4, -4, math.MinInt32, math.MinInt32})
	testMaxPoolOf(t, math.MinInt64, []int64{-5, -4}, []int64{-4, -4, math.MinInt64, math.MinInt64})
	testMaxPoolOf(t, 0, []uint64{1 << 63, 4}, []uint64{1 << 63, 4, 0, 0})
	testMaxPoolOf(t, math.Inf(-1), []float64{-5, -4}, []float64{-4, -4, math.Inf(-1), math.Inf(-1)})
}

func TestPoolingWithAKernelFarLargerThanItsInput(t *testing.T) {
	const huge = 1<<31 - 2
	s := Pooling{Window: Window{Kernel: []int{huge, huge}, PadsBegin: []int{huge - 2, huge - 2}, PadsEnd: []int{0, 0}}}
	src, dst := []float32{1, 2, 3, 4}, make([]float32, 1)
	if err := MaxPool(nil, s, dst, src, 1, []int{2, 2}); err != nil || dst[0] != 4 {
		t.Errorf("MaxPool: got %v, %v", dst, err)
	}
	if err := MaxPoolOf(nil, s, false, dst, nil, src, 1, []int{2, 2}); err != nil || dst[0] != 4 {
		t.Errorf("MaxPoolOf: got %v, %v", dst, err)
	}
	if err := AveragePool(nil, s, false, dst, src, 1, []int{2, 2}); err != nil || dst[0] != 2.5 {
		t.Errorf("AveragePool: got %v, %v", dst, err)
	}
}

func TestGlobalPooling(t *testing.T) {
	src, dst := []float32{1, 2, 3, -4, -5, -6}, make([]float32, 2)
	for _, tt := range []struct {
		name string
		run  func() error
		want []float32
	}{
		{"average", func() error { return GlobalAveragePool(nil, dst, src, 2, 3) }, []float32{2, -5}},
		{"max", func() error { return GlobalMaxPool(nil, dst, src, 2, 3) }, []float32{3, -4}},
		{"order 1", func() error { return GlobalLpPool(nil, 1, dst, src, 2, 3) }, []float32{6, 15}},
		{"order 2", func() error { return GlobalLpPool(nil, 2, dst, src, 2, 3) }, []float32{float32(math.Sqrt(14)), float32(math.Sqrt(77))}},
		{"order 3", func() error { return GlobalLpPool(nil, 3, dst, src, 2, 3) }, []float32{float32(math.Cbrt(36)), float32(math.Cbrt(405))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.run(); err != nil || !slices.Equal(dst, tt.want) {
				t.Errorf("got %v, %v, want %v", dst, err, tt.want)
			}
		})
	}
	if err := GlobalMaxPool(nil, dst, src, 2, 4); err == nil {
		t.Error("an input that is too short is taken")
	}
}

func TestWhatPoolingRefuses(t *testing.T) {
	src, dst := make([]float32, 4), make([]float32, 3)
	two := Pooling{Window: Window{Kernel: []int{2}}}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"an order of 0", LpPool(nil, two, 0, dst, src, 1, []int{4}), "p is 0: it must be at least 1"},
		{"a global order of 0", GlobalLpPool(nil, 0, dst, src, 1, 4), "p is 0: it must be at least 1"},
		{"an input too short", MaxPool(nil, two, dst, src, 1, []int{5}), "the input has 4 elements, its shape [1 1 1 5] asks for 5"},
		{"an output too long", AveragePool(nil, two, false, dst, src, 2, []int{2}), "the output has 3 elements, its shape [2 1 1 1] asks for 2"},
		{"too few indices", MaxPoolOf(nil, two, false, dst, make([]int64, 2), src, 1, []int{4}), "there are 2 indices for an output of 3 elements"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err == nil || tt.err.Error() != tt.want {
				t.Errorf("got %v, want %s", tt.err, tt.want)
			}
		})
	}
}

func TestSamePads(t *testing.T) {
	for _, tt := range []struct {
		name       string
		w          Window
		in         []int
		begin, end []int
	}{
		{"3 by 1 of 5", Window{Kernel: []int{3}}, []int{5}, []int{1}, []int{1}},
		{"3 by 2 of 4", Window{Kernel: []int{3}, Strides: []int{2}}, []int{4}, []int{0}, []int{1}},
		{"a dilated 3 by 1 of 5", Window{Kernel: []int{3}, Dilations: []int{2}}, []int{5}, []int{2}, []int{2}},
		{"1 by 3 of 4, without pads", Window{Kernel: []int{1}, Strides: []int{3}}, []int{4}, []int{0}, []int{0}},
		{"two dimensions", Window{Kernel: []int{2, 3}}, []int{4, 4}, []int{0, 1}, []int{1, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begin, end, err := tt.w.SamePads(tt.in, false)
			if err != nil || !slices.Equal(begin, tt.begin) || !slices.Equal(end, tt.end) {
				t.Errorf("upper: got %v, %v, %v, want %v, %v", begin, end, err, tt.begin, tt.end)
			}
			begin, end, err = tt.w.SamePads(tt.in, true)
			if err != nil || !slices.Equal(begin, tt.end) || !slices.Equal(end, tt.begin) {
				t.Errorf("lower: got %v, %v, %v, want %v, %v", begin, end, err, tt.end, tt.begin)
			}
		})
	}
}

func TestPoolingAllocatesNothingInSteadyState(t *testing.T) {
	s, in := Pooling{Window: Window{Kernel: []int{3, 3}, Strides: []int{2, 2}}}, []int{9, 9}
	src, dst := make([]float32, 81*3), make([]float32, 16*3)
	if n := testing.AllocsPerRun(20, func() {
		if err := MaxPool(nil, s, dst, src, 3, in); err != nil {
			t.Fatal(err)
		}
		if err := AveragePool(nil, s, true, dst, src, 3, in); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPoolingOfNothing(t *testing.T) {
	s := Pooling{Window: Window{Kernel: []int{2, 1}, PadsBegin: []int{1, 0}, PadsEnd: []int{1, 0}, Strides: []int{1, 1 << 30}}}
	dst := make([]float32, 2)
	if err := MaxPool(nil, s, dst, nil, 1, []int{0, 1 << 30}); err == nil || dst[0] != 0 {
		t.Errorf("an output of another size is taken: %v", err)
	}
	if err := MaxPool(nil, s, dst, nil, 1, []int{0, 1<<31 - 1}); err != nil || !math.IsInf(float64(dst[0]), -1) {
		t.Errorf("got %v, %v", dst, err)
	}
}

// TestPoolingByKernels compares the kernels that do whole planes with windows taken one
// by one, over the sizes around a vector's, with padding and NaN.
func TestPoolingByKernels(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, kern := range kernels() {
		for shape := range kern.largest {
			for _, width := range []int{9, 15, 16, 17, 31, 33, 55, 64, 111} {
				for _, pads := range [][2]int{{0, 0}, {1, 1}, {0, 1}, {1, 0}} {
					height := 5 + r.IntN(9)
					s := Pooling{Window: Window{Kernel: []int{shape[0], shape[0]}, Strides: []int{shape[1], shape[1]},
						PadsBegin: []int{pads[0], pads[0]}, PadsEnd: []int{pads[1], pads[1]}}, Ceil: r.IntN(2) == 0}
					in := []int{height, width}
					out, err := s.OutputShape(in)
					if err != nil {
						t.Fatal(err)
					}
					const planes = 3
					src := numbers(r, planes*height*width)
					if width%2 == 1 {
						src[r.IntN(len(src))], src[len(src)-1] = float32(math.NaN()), float32(math.NaN())
					}
					name := fmt.Sprintf("%s, %v, %v, pads %v, ceil %v", kern.name, shape, in, pads, s.Ceil)
					dst, want := make([]float32, planes*out[0]*out[1]), make([]float32, planes*out[0]*out[1])
					if err := MaxPoolOf(nil, s, false, want, nil, src, planes, in); err != nil {
						t.Fatal(err)
					}
					if err := (rowPooling{neutral: float32(math.Inf(-1)), combine: vec.Max, kern: kern}).start(nil, s, dst, src, planes, in); err != nil {
						t.Fatal(err)
					}
					sameNumbers(t, "largest, "+name, dst, want)
					for _, padded := range []bool{false, true} {
						mean := rowPooling{combine: vec.Add, average: true, includePad: padded}
						if err := mean.start(nil, s, want, src, planes, in); err != nil {
							t.Fatal(err)
						}
						mean.kern = kern
						if err := mean.start(nil, s, dst, src, planes, in); err != nil {
							t.Fatal(err)
						}
						sameNumbers(t, "mean, "+name, dst, want)
					}
				}
			}
		}
	}
}

// sameNumbers compares but for rounding; what is no number is equal to itself.
func sameNumbers(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i := range want {
		g, w := float64(got[i]), float64(want[i])
		if g != w && !(math.Abs(g-w) <= 1e-6*max(1, math.Abs(w))) && (g == g || w == w) {
			t.Fatalf("%s, element %d: got %v, want %v", name, i, g, w)
		}
	}
}
