package conv

import (
	"math/rand/v2"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
)

// naiveTranspose is a transposed convolution by its definition, in float64.
func naiveTranspose(s TransposeSpec, weights, bias, src []float32, batch int, in, out [3]int) []float64 {
	w, err := s.Window.normalise()
	if err != nil {
		panic(err)
	}
	groups := max(s.Group, 1)
	inC, outC := s.InChannels/groups, s.OutChannels/groups
	size, taps := out[0]*out[1]*out[2], w.kernel[0]*w.kernel[1]*w.kernel[2]
	dst := make([]float64, batch*s.OutChannels*size)
	for i, v := range src {
		e := i % (in[0] * in[1] * in[2])
		ic := i / (in[0] * in[1] * in[2]) % s.InChannels
		n := i / (in[0] * in[1] * in[2]) / s.InChannels
		for oc := range outC {
			for k := range taps {
				od := e/(in[1]*in[2])*w.stride[0] + k/(w.kernel[1]*w.kernel[2])*w.dilation[0] - w.begin[0]
				oh := e/in[2]%in[1]*w.stride[1] + k/w.kernel[2]%w.kernel[1]*w.dilation[1] - w.begin[1]
				ow := e%in[2]*w.stride[2] + k%w.kernel[2]*w.dilation[2] - w.begin[2]
				if od < 0 || od >= out[0] || oh < 0 || oh >= out[1] || ow < 0 || ow >= out[2] {
					continue
				}
				channel := n*s.OutChannels + ic/inC*outC + oc
				dst[channel*size+(od*out[1]+oh)*out[2]+ow] += float64(v) * float64(weights[(ic*outC+oc)*taps+k])
			}
		}
	}
	for i := range dst {
		if bias != nil {
			dst[i] += float64(bias[i/size%s.OutChannels])
		}
		dst[i] = s.Activation.of(dst[i])
	}
	return dst
}

func TestTransposedConvolutionsOfRandomShapes(t *testing.T) {
	two := pool.New(2)
	defer two.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		tc := randomCase(r)
		s := TransposeSpec{Spec: tc.spec}
		if r.IntN(2) == 0 {
			for _, stride := range s.Strides {
				s.OutputPadding = append(s.OutputPadding, r.IntN(stride))
			}
		}
		taps := 1
		for _, k := range s.Kernel {
			taps *= k
		}
		weights := numbers(r, s.InChannels*s.OutChannels/s.Group*taps)
		var bias []float32
		if r.IntN(3) > 0 {
			bias = numbers(r, s.OutChannels)
		}
		c, err := PrepareTranspose(s, weights, bias)
		if err != nil {
			t.Fatalf("%v: %v", tc, err)
		}
		shape, err := c.OutputShape(tc.in)
		if err != nil {
			continue // pads leave nothing
		}
		in, _ := spatial(tc.in, len(tc.in))
		out, _ := spatial(shape, len(shape))
		src := numbers(r, tc.batch*s.InChannels*in[0]*in[1]*in[2])
		dst := numbers(r, tc.batch*s.OutChannels*out[0]*out[1]*out[2])
		var threads *pool.Pool
		if i%3 == 0 {
			threads = two
		}
		if err := c.Run(threads, dst, src, tc.batch, tc.in); err != nil {
			t.Fatalf("%v: %v", tc, err)
		}
		near(t, dst, naiveTranspose(s, weights, bias, src, tc.batch, in, out), s.InChannels*taps)
		if t.Failed() {
			t.Fatal(tc)
		}
	}
}

func TestWhatTransposedConvolutionsRefuse(t *testing.T) {
	spec := func(w Window, padding ...int) TransposeSpec {
		return TransposeSpec{Spec{Window: w, InChannels: 2, OutChannels: 3}, padding}
	}
	for _, tt := range []struct {
		name    string
		spec    TransposeSpec
		weights int
		in      []int
		dst     int
		want    string
	}{
		{"too few weights", spec(Window{Kernel: []int{3}}), 17, []int{4}, 0, "the weights has 17 elements, its shape [2 3 3] asks for 18"},
		{"output padding of another rank", spec(Window{Kernel: []int{3}}, 1, 1), 18, []int{4}, 0,
			"the output padding: the input has 2 spatial dimensions, the kernel has 1"},
		{"an empty input", spec(Window{Kernel: []int{3}}), 18, []int{0}, 0, "the input's spatial sizes are [0]: a transposed convolution needs at least 1"},
		{"pads beyond the output", spec(Window{Kernel: []int{3}, PadsBegin: []int{6}}), 18, []int{4}, 0, "pads of 6 and 0 leave nothing of the output"},
		{"a stride beyond all bounds", spec(Window{Kernel: []int{3}, Strides: []int{1 << 30}}), 18, []int{4}, 0, "4 elements with a stride of 1073741824 make more than 2^31"},
		{"an output too short", spec(Window{Kernel: []int{3}}), 18, []int{4}, 17, "the output has 17 elements, its shape [1 3 1 1 6] asks for 18"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := PrepareTranspose(tt.spec, make([]float32, tt.weights), nil)
			if err == nil {
				err = c.Run(nil, make([]float32, tt.dst), make([]float32, 8), 1, tt.in)
			}
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
