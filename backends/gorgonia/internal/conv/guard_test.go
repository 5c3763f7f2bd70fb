package conv

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/guard"
)

func TestNothingBeyondTensorsIsTouched(t *testing.T) {
	for _, kern := range kernels() {
		t.Run(kern.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 8))
			for i := range 300 {
				tc := randomCase(r)
				if i%2 == 0 {
					tc = randomDepthwise(r, i%10 == 0)
				}
				testGuarded(t, kern, r, tc, guard.Side(i%4 < 2))
			}
		})
	}
}

// testGuarded runs a convolution whose tensors, weights and bias have pages beside
// them that cannot be touched.
func testGuarded(t *testing.T, kern *kernel, r *rand.Rand, tc convCase, side guard.Side) {
	t.Helper()
	s := tc.spec
	taps, elements := 1, tc.batch
	for d, k := range s.Kernel {
		taps *= k
		elements *= tc.in[d]
	}
	c, err := prepare(kern, s, numbers(r, s.OutChannels*s.InChannels/max(s.Group, 1)*taps), numbers(r, s.OutChannels))
	if err != nil {
		t.Fatalf("%v: %v", tc, err)
	}
	c.weights, c.bias = guard.Copy(t, side, c.weights), guard.Copy(t, side, c.bias)
	out, err := c.OutputShape(tc.in)
	if err != nil {
		t.Fatalf("%v: %v", tc, err)
	}
	size := tc.batch * s.OutChannels
	for _, n := range out {
		size *= n
	}
	src, dst := guard.Copy(t, side, numbers(r, s.InChannels*elements)), guard.Slice[float32](t, side, size)
	var residual []float32
	if r.IntN(2) == 0 {
		residual = guard.Slice[float32](t, side, size)
	}
	guard.Run(t, fmt.Sprint(tc), func() {
		if err := c.Run(nil, dst, src, residual, tc.batch, tc.in); err != nil {
			t.Fatalf("%v: %v", tc, err)
		}
	})
}
