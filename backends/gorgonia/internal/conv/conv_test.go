package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
)

// naive is a convolution by its definition, in float64.
func naive(s Spec, weights, bias, src, residual []float32, batch int, in, out [3]int) []float64 {
	w, err := s.Window.normalise()
	if err != nil {
		panic(err)
	}
	groups := max(s.Group, 1)
	inC, outC := s.InChannels/groups, s.OutChannels/groups
	var dst []float64
	for n := range batch {
		for oc := range s.OutChannels {
			for o := range out[0] * out[1] * out[2] {
				od, oh, ow := o/(out[1]*out[2]), o/out[2]%out[1], o%out[2]
				sum := 0.0
				for ci := range inC {
					for k := range w.kernel[0] * w.kernel[1] * w.kernel[2] {
						id := od*w.stride[0] + k/(w.kernel[1]*w.kernel[2])*w.dilation[0] - w.begin[0]
						ih := oh*w.stride[1] + k/w.kernel[2]%w.kernel[1]*w.dilation[1] - w.begin[1]
						iw := ow*w.stride[2] + k%w.kernel[2]*w.dilation[2] - w.begin[2]
						if id < 0 || id >= in[0] || ih < 0 || ih >= in[1] || iw < 0 || iw >= in[2] {
							continue
						}
						x := src[(((n*s.InChannels+oc/outC*inC+ci)*in[0]+id)*in[1]+ih)*in[2]+iw]
						sum += float64(x) * float64(weights[(oc*inC+ci)*w.kernel[0]*w.kernel[1]*w.kernel[2]+k])
					}
				}
				if bias != nil {
					sum += float64(bias[oc])
				}
				if residual != nil {
					sum += float64(residual[len(dst)])
				}
				dst = append(dst, s.Activation.of(sum))
			}
		}
	}
	return dst
}

// of is the activation of one number.
func (a Activation) of(x float64) float64 {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	alpha, beta := float64(a.Alpha), float64(a.Beta)
	switch a.Kind {
	case Relu:
		return max(x, 0)
	case Clip:
		return min(max(x, alpha), beta)
	case LeakyRelu:
		if x < 0 {
			return alpha * x
		}
	case Sigmoid:
		return sigmoid(x)
	case Tanh:
		return math.Tanh(x)
	case Swish:
		return x * sigmoid(alpha*x)
	case HardSigmoid:
		return max(0, min(1, alpha*x+beta))
	case HardSwish:
		return x * max(0, min(1, x/6+0.5))
	}
	return x
}

func numbers(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// near says where got is further from want than sums of steps products may be.
func near(t *testing.T, got []float32, want []float64, steps int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d elements, want %d", len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= 1e-6*float64(10+steps)) {
			t.Fatalf("element %d of %d: got %v, want %v", i, len(got), got[i], want[i])
		}
	}
}

// convCase is a convolution with an input.
type convCase struct {
	spec  Spec
	batch int
	in    []int
}

func (c convCase) String() string {
	s := c.spec
	return fmt.Sprintf("%dx%dx%v to %d in %d groups, kernel %v strides %v dilations %v pads %v %v, activation %v",
		c.batch, s.InChannels, c.in, s.OutChannels, s.Group, s.Kernel, s.Strides, s.Dilations, s.PadsBegin, s.PadsEnd, s.Activation)
}

func testConv(t *testing.T, kern *kernel, p *pool.Pool, r *rand.Rand, tc convCase) {
	t.Helper()
	s := tc.spec
	taps := 1
	for _, k := range s.Kernel {
		taps *= k
	}
	steps := s.InChannels / max(s.Group, 1) * taps
	weights := numbers(r, s.OutChannels*steps)
	var bias []float32
	if r.IntN(3) > 0 {
		bias = numbers(r, s.OutChannels)
	}
	c, err := prepare(kern, s, weights, bias)
	if err != nil {
		t.Fatalf("%v: %v", tc, err)
	}
	outShape, err := c.OutputShape(tc.in)
	if err != nil {
		t.Fatalf("%v: %v", tc, err)
	}
	in, _ := spatial(tc.in, len(tc.in))
	out, _ := spatial(outShape, len(outShape))
	src := numbers(r, tc.batch*s.InChannels*in[0]*in[1]*in[2])
	size := tc.batch * s.OutChannels * out[0] * out[1] * out[2]
	dst := make([]float32, size)
	var residual []float32
	switch r.IntN(4) {
	case 0:
		residual = numbers(r, size)
	case 1:
		residual = numbers(r, size)
		dst = slices.Clone(residual)
	}
	want := naive(s, weights, bias, src, residual, tc.batch, in, out)
	if residual != nil && slices.Equal(dst, residual) {
		residual = dst
	}
	if err := c.Run(p, dst, src, residual, tc.batch, tc.in); err != nil {
		t.Fatalf("%v: %v", tc, err)
	}
	defer func() {
		if t.Failed() {
			t.Logf("case: %v", tc)
		}
	}()
	near(t, dst, want, steps)
}

func TestConvolutionsOfRandomShapes(t *testing.T) {
	two := pool.New(2)
	defer two.Close()
	for _, kern := range kernels() {
		t.Run(kern.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for i := range 300 {
				tc := randomCase(r)
				if i%5 == 0 {
					testConv(t, kern, two, r, tc)
				} else {
					testConv(t, kern, nil, r, tc)
				}
			}
		})
	}
}

// randomCase is a small convolution of any kind.
func randomCase(r *rand.Rand) convCase {
	rank := 1 + r.IntN(3)
	if r.IntN(2) == 0 {
		rank = 2
	}
	group := 1
	if r.IntN(2) == 0 {
		group = 1 + r.IntN(5)
	}
	tc := convCase{batch: 1 + r.IntN(2)}
	s := &tc.spec
	s.Group = group
	s.InChannels, s.OutChannels = group*(1+r.IntN(4)), group*(1+r.IntN(20))
	if r.IntN(4) == 0 { // depthwise
		s.InChannels, s.OutChannels = group, group*(1+r.IntN(2))
	}
	largest := []int{0, 90, 24, 8}[rank]
	same := r.IntN(2) == 0
	for range rank {
		k, st, d := 1+r.IntN(5), 1+r.IntN(3), 1+r.IntN(2)
		if same {
			k, st, d = 3, 1+r.IntN(2), 1
		}
		b, e := r.IntN(k+1), r.IntN(k+1)
		n := max(1, (k-1)*d+1-b-e) + r.IntN(largest)
		s.Kernel, s.Strides, s.Dilations = append(s.Kernel, k), append(s.Strides, st), append(s.Dilations, d)
		s.PadsBegin, s.PadsEnd = append(s.PadsBegin, b), append(s.PadsEnd, e)
		tc.in = append(tc.in, n)
	}
	s.Activation = Activation{Kind: Kind(r.IntN(int(HardSwish) + 1)), Alpha: 0.25, Beta: 0.75}
	return tc
}

func TestDepthwiseConvolutionsOfRandomShapes(t *testing.T) {
	two := pool.New(2)
	defer two.Close()
	for _, kern := range kernels() {
		t.Run(kern.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			for i := range 300 {
				tc := randomDepthwise(r, i%5 == 0)
				if i%4 == 0 {
					testConv(t, kern, two, r, tc)
				} else {
					testConv(t, kern, nil, r, tc)
				}
			}
		})
	}
}

// randomDepthwise is a depthwise convolution for which kernels may have functions, of
// three spatial dimensions where volume is set.
func randomDepthwise(r *rand.Rand, volume bool) convCase {
	k, stride, channels := 3+2*r.IntN(2), 1+r.IntN(2), 2+r.IntN(4)
	w := Window{Kernel: []int{k, k}, Strides: []int{stride, stride}}
	tc := convCase{batch: 1 + r.IntN(2)}
	for range 2 {
		b, e := r.IntN(k+2), r.IntN(k+2)
		w.PadsBegin, w.PadsEnd = append(w.PadsBegin, b), append(w.PadsEnd, e)
		tc.in = append(tc.in, max(1, k-b-e)+r.IntN(45))
	}
	if volume { // the first dimension has no part in it
		w = Window{append([]int{1}, w.Kernel...), append([]int{1}, w.Strides...), nil, append([]int{0}, w.PadsBegin...), append([]int{0}, w.PadsEnd...)}
		tc.in = append([]int{1 + r.IntN(3)}, tc.in...)
	}
	tc.spec = Spec{Window: w, InChannels: channels, OutChannels: channels * (1 + r.IntN(2)), Group: channels,
		Activation: Activation{Kind: Kind(r.IntN(int(HardSwish) + 1)), Alpha: 0.25, Beta: 0.75}}
	return tc
}

func TestConvolutionsOfRealLayers(t *testing.T) {
	two := pool.New(2)
	defer two.Close()
	square := func(k, stride, dilation, pad int) Window {
		return Window{[]int{k, k}, []int{stride, stride}, []int{dilation, dilation}, []int{pad, pad}, []int{pad, pad}}
	}
	for name, tc := range map[string]convCase{
		"a first layer of three channels":          {Spec{Window: square(7, 2, 1, 3), InChannels: 3, OutChannels: 17}, 1, []int{61, 59}},
		"a 3x3 in several blocks":                  {Spec{Window: square(3, 1, 1, 1), InChannels: 40, OutChannels: 30}, 1, []int{57, 61}},
		"a 1x1":                                    {Spec{Window: square(1, 1, 1, 0), InChannels: 70, OutChannels: 33}, 2, []int{14, 14}},
		"a 1x1 with a stride":                      {Spec{Window: square(1, 2, 1, 0), InChannels: 20, OutChannels: 33}, 2, []int{15, 14}},
		"a dilated 3x3":                            {Spec{Window: square(3, 1, 12, 12), InChannels: 8, OutChannels: 15}, 1, []int{33, 33}},
		"a long row":                               {Spec{Window: Window{Kernel: []int{3}}, InChannels: 5, OutChannels: 15}, 1, []int{4000}},
		"a long row with a stride and pads":        {Spec{Window: Window{Kernel: []int{9}, Strides: []int{5}, PadsBegin: []int{7}, PadsEnd: []int{6}}, InChannels: 3, OutChannels: 9}, 1, []int{9000}},
		"a spectrum":                               {Spec{Window: Window{Kernel: []int{100}, Strides: []int{40}}, InChannels: 1, OutChannels: 66}, 1, []int{1500}},
		"patches":                                  {Spec{Window: square(8, 8, 1, 0), InChannels: 3, OutChannels: 20}, 1, []int{48, 48}},
		"a column":                                 {Spec{Window: Window{Kernel: []int{3, 1}, PadsBegin: []int{1, 0}, PadsEnd: []int{1, 0}}, InChannels: 4, OutChannels: 6}, 1, []int{300, 1}},
		"few columns and many channels":            {Spec{Window: square(3, 1, 1, 1), InChannels: 40, OutChannels: 70}, 2, []int{7, 7}},
		"few columns and a group of channels":      {Spec{Window: square(3, 2, 1, 1), InChannels: 80, OutChannels: 66, Group: 2, Activation: Activation{Kind: HardSwish}}, 1, []int{11, 9}},
		"depthwise":                                {Spec{Window: square(3, 1, 1, 1), InChannels: 6, OutChannels: 6, Group: 6}, 1, []int{56, 56}},
		"taps that meet the padding only":          {Spec{Window: square(3, 1, 5, 10), InChannels: 2, OutChannels: 3}, 1, []int{3, 3}},
		"a dilation of a million, one tap at most": {Spec{Window: Window{[]int{2, 2}, nil, []int{1000000, 1000000}, []int{1000000, 1000000}, nil}, InChannels: 2, OutChannels: 3}, 1, []int{3, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			testConv(t, best, nil, r, tc)
			testConv(t, best, two, r, tc)
		})
	}
}

func TestFewColumnsGoAcrossChannels(t *testing.T) {
	for _, kern := range kernels() {
		c, err := prepare(kern, Spec{Window: Window{Kernel: []int{3, 3}}, InChannels: 40, OutChannels: 64}, make([]float32, 64*40*9), nil)
		if err != nil {
			t.Fatal(err)
		}
		for size, want := range map[int]bool{9: kern != plainKernel, 66: false} {
			p, _, err := c.plan([]int{size, size})
			if err != nil {
				t.Fatal(err)
			}
			if c.lay(p); p.across != want {
				t.Errorf("%s, input of %dx%d: across is %v, want %v", kern.name, size, size, p.across, want)
			}
		}
	}
}

func TestWhatPrepareRefuses(t *testing.T) {
	ok := Window{Kernel: []int{3, 3}}
	for _, tt := range []struct {
		name    string
		spec    Spec
		weights int
		bias    int
		want    string
	}{
		{"no dimension", Spec{InChannels: 1, OutChannels: 1}, 1, 0, "a kernel of 0 spatial dimensions: 1 to 3 are supported"},
		{"four dimensions", Spec{Window: Window{Kernel: []int{1, 1, 1, 1}}, InChannels: 1, OutChannels: 1}, 1, 0, "a kernel of 4 spatial dimensions: 1 to 3 are supported"},
		{"a stride of 0", Spec{Window: Window{Kernel: []int{3, 3}, Strides: []int{1, 0}}, InChannels: 1, OutChannels: 1}, 9, 0, "strides are [1 0]: each must be from 1 to 2^31-1"},
		{"a negative pad", Spec{Window: Window{Kernel: []int{3}, PadsEnd: []int{-1}}, InChannels: 1, OutChannels: 1}, 3, 0, "pads at the end are [-1]: each must be from 0 to 2^31-1"},
		{"strides for one dimension too few", Spec{Window: Window{Kernel: []int{3, 3}, Strides: []int{1}}, InChannels: 1, OutChannels: 1}, 9, 0, "strides have 1 dimensions, the kernel has 2"},
		{"channels that groups do not divide", Spec{Window: ok, InChannels: 3, OutChannels: 4, Group: 2}, 54, 0,
			"3 input and 4 output channels in 2 groups: the channels must be positive multiples of the groups"},
		{"too few weights", Spec{Window: ok, InChannels: 3, OutChannels: 4}, 107, 0, "the weights has 107 elements, its shape [4 3 9] asks for 108"},
		{"too much bias", Spec{Window: ok, InChannels: 3, OutChannels: 4}, 108, 5, "the bias has 5 elements, its shape [4] asks for 4"},
		{"a kernel beyond all bounds", Spec{Window: Window{Kernel: []int{1 << 20, 1 << 20}}, InChannels: 1, OutChannels: 1}, 1, 0,
			"the kernel: sizes [1 1048576 1048576] multiply to more than 2^31"},
		{"limits that are no numbers", Spec{Window: ok, InChannels: 1, OutChannels: 1, Activation: Activation{Kind: Clip, Alpha: float32(math.NaN())}}, 9, 0,
			"the limits of Clip are NaN and 0: both must be numbers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var bias []float32
			if tt.bias > 0 {
				bias = make([]float32, tt.bias)
			}
			_, err := Prepare(tt.spec, make([]float32, tt.weights), bias)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestWhatRunRefuses(t *testing.T) {
	c, err := Prepare(Spec{Window: Window{Kernel: []int{3, 3}}, InChannels: 2, OutChannels: 1}, make([]float32, 18), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name          string
		dst, src, res int
		batch         int
		in            []int
		want          string
	}{
		{"an input too small", 0, 12, 0, 1, []int{3, 2}, "the window spans 3 elements, the padded input has 2"},
		{"an input of one dimension", 0, 12, 0, 1, []int{6}, "the input has 1 spatial dimensions, the kernel has 2"},
		{"an input that is too short", 4, 31, 0, 1, []int{4, 4}, "the input has 31 elements, its shape [1 2 1 4 4] asks for 32"},
		{"an output that is too long", 5, 32, 0, 1, []int{4, 4}, "the output has 5 elements, its shape [1 1 1 2 2] asks for 4"},
		{"too little to add", 4, 32, 3, 1, []int{4, 4}, "the tensor to add has 3 elements, the output has 4"},
		{"a negative batch", 4, 32, 0, -1, []int{4, 4}, "the input: a size of -1: sizes are not negative"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var res []float32
			if tt.res > 0 {
				res = make([]float32, tt.res)
			}
			err := c.Run(nil, make([]float32, tt.dst), make([]float32, tt.src), res, tt.batch, tt.in)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestNotANumberSpreadsAsFarAsTheWindow(t *testing.T) {
	c, err := Prepare(Spec{Window: Window{Kernel: []int{3}, PadsBegin: []int{1}, PadsEnd: []int{1}}, InChannels: 1, OutChannels: 1,
		Activation: Activation{Kind: Relu}}, []float32{1, 1, 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	src, dst := make([]float32, 9), make([]float32, 9)
	src[4] = float32(math.NaN())
	if err := c.Run(nil, dst, src, nil, 1, []int{9}); err != nil {
		t.Fatal(err)
	}
	for i, v := range dst {
		if isNaN := v != v; isNaN != (i >= 3 && i <= 5) {
			t.Errorf("element %d is %v", i, v)
		}
	}
}

func TestRunsOfOneConvolutionAtOnceRace(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	c, err := Prepare(Spec{Window: Window{Kernel: []int{3, 3}}, InChannels: 3, OutChannels: 5}, make([]float32, 135), []float32{1, 2, 3, 4, 5})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for size := 3; size < 9; size++ {
		wg.Go(func() {
			for range 20 {
				dst := make([]float32, 5*(size-2)*(size-2))
				if err := c.Run(p, dst, make([]float32, 3*size*size), nil, 1, []int{size, size}); err != nil {
					t.Error(err)
				}
				if dst[0] != 1 || dst[len(dst)-1] != 5 {
					t.Errorf("size %d: got %v", size, dst)
				}
			}
		})
	}
	wg.Wait()
}

func TestNothingAllocatesInSteadyState(t *testing.T) {
	c, err := Prepare(Spec{Window: Window{Kernel: []int{3, 3}}, InChannels: 8, OutChannels: 8}, make([]float32, 576), nil)
	if err != nil {
		t.Fatal(err)
	}
	src, dst, in := make([]float32, 8*100), make([]float32, 8*64), []int{10, 10}
	if n := testing.AllocsPerRun(20, func() {
		if err := c.Run(nil, dst, src, nil, 1, in); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
