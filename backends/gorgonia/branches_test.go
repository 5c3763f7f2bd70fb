package gorgonia

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// What is computed of a branch's constants is computed anew for the other branch.
func TestBranchesOfConstants(t *testing.T) {
	branch := func(v float32) onnxtest.Graph {
		return onnxtest.Graph{
			Initializers: []onnxtest.Tensor{{Name: "k", Type: onnxtest.Float, Dims: []int64{1}, Raw: onnxtest.Floats(v)}},
			Outputs:      []onnxtest.Value{{Name: "k", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}},
		}
	}
	model := onnxtest.Model{Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "If", Inputs: []string{"yes"}, Outputs: []string{"chosen"}, Attrs: []onnxtest.Attr{onnxtest.GraphAttr("then_branch", branch(1)), onnxtest.GraphAttr("else_branch", branch(2))}},
			{Op: "Neg", Inputs: []string{"chosen"}, Outputs: []string{"out"}},
		},
		Inputs:  []onnxtest.Value{{Name: "yes", Type: onnxtest.Bool, Shape: onnxtest.Dims()}},
		Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}},
	}}.Marshal()
	for _, executor := range []Executor{Arena, Tape} {
		g, c := open(t, engine(t, Config{Executor: executor}), model)
		for _, tt := range []struct {
			yes  byte
			want float32
		}{{1, -1}, {0, -2}, {1, -1}, {0, -2}} {
			in, err := backends.NewTensor(nil, backends.Bool, []byte{tt.yes})
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.Compute(t.Context(), []backends.NamedTensor{{Name: "yes", Tensor: in}})
			if err != nil {
				t.Fatal(err)
			}
			if got := math.Float32frombits(binary.LittleEndian.Uint32(out[0].Tensor.Data())); got != tt.want {
				t.Errorf("executor %d: yes is %d: %v, want %v", executor, tt.yes, got, tt.want)
			}
		}
		c.Close()
		g.Close()
	}
}
