package gorgonia

import (
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// TestPassesCanBeLeftOut computes a chain of element-wise operators into a
// concatenation, with all passes and without each.
func TestPassesCanBeLeftOut(t *testing.T) {
	model := onnxtest.Model{Graph: onnxtest.Graph{
		Inputs:  []onnxtest.Value{{Name: "x", Type: onnxtest.Float, Shape: onnxtest.Dims(64)}},
		Outputs: []onnxtest.Value{{Name: "y", Type: onnxtest.Float, Shape: onnxtest.Dims(128)}},
		Nodes: []onnxtest.Node{
			{Op: "Exp", Inputs: []string{"x"}, Outputs: []string{"a"}},
			{Op: "Neg", Inputs: []string{"a"}, Outputs: []string{"b"}},
			{Op: "Abs", Inputs: []string{"b"}, Outputs: []string{"c"}},
			{Op: "Concat", Inputs: []string{"c", "x"}, Outputs: []string{"d"}, Attrs: []onnxtest.Attr{onnxtest.IntAttr("axis", 0)}},
			{Op: "Reciprocal", Inputs: []string{"d"}, Outputs: []string{"e"}},
			{Op: "CumSum", Inputs: []string{"e", "axis"}, Outputs: []string{"y"}},
		},
		Initializers: []onnxtest.Tensor{{Name: "axis", Type: onnxtest.Int64, Dims: []int64{1}, Raw: onnxtest.Int64s(0)}},
	}}.Marshal()
	var want string
	for _, without := range append([]string{""}, Passes()...) {
		cfg := Config{}
		if without != "" {
			cfg.Without = []string{without}
		}
		g, c := open(t, engine(t, cfg), model)
		out, err := c.Compute(t.Context(), []backends.NamedTensor{vector(t, "x", 64)})
		if err != nil {
			t.Fatal(err)
		}
		got := string(out[0].Tensor.Data())
		stats, ok := StatsOf(g)
		if without == "" {
			want = got
			if !ok || stats.Passes["element-wise operators in one pass"] != 2 || stats.Passes["concatenation in place"] != 1 || stats.Arena < stats.Alive || stats.Alive == 0 {
				t.Errorf("with all passes: %+v", stats)
			}
		}
		if got != want {
			t.Errorf("without %q the output is another", without)
		}
		if n := stats.Passes[without]; n != 0 {
			t.Errorf("without %q it changes %d", without, n)
		}
	}
	if _, err := New(Config{Without: []string{"magic"}}); err == nil || !strings.Contains(err.Error(), `"magic"`) {
		t.Errorf("a pass that there is not: %v", err)
	}
}
