package gorgonia

import (
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// TestReleasedOutputsAreUsedAgain computes on outputs of unknown content, and counts them.
func TestReleasedOutputsAreUsedAgain(t *testing.T) {
	b := engine(t, Config{MaxMemory: 1 << 20})
	const n = 2 * spareBytes / 4
	g, c := open(t, b, onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims(n)))
	var first *byte
	for i := range 3 {
		out, err := c.Compute(t.Context(), []backends.NamedTensor{vector(t, "in", n)})
		if err != nil {
			t.Fatal(err)
		}
		data := out[0].Tensor.Data()
		for k := range data {
			if want := byte(k % 4 / 3 * 0x80); data[k] != want { // -0
				t.Fatalf("byte %d of output %d is %#x, want %#x", k, i, data[k], want)
			}
			data[k] = 0xa5
		}
		if i == 0 {
			first = &data[0]
		} else if first != &data[0] {
			t.Errorf("output %d has memory of its own", i)
		}
		out[0].Tensor.Release()
		if used := b.budget.Used(); used < 4*n {
			t.Errorf("%d bytes are counted, though %d are kept", used, 4*n)
		}
	}
	b.reclaim()
	if used := b.budget.Used(); used != 0 {
		t.Errorf("%d bytes are counted when none are kept", used)
	}
	kept, err := c.Compute(t.Context(), []backends.NamedTensor{vector(t, "in", n)})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	g.Close()
	kept[0].Tensor.Release()
	if used := b.budget.Used(); used != 0 {
		t.Errorf("%d bytes are counted when all is closed", used)
	}
}
