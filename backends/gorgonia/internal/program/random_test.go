package program_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/program"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// grower grows a random graph of element-wise operators and concatenations: what is
// computed in place, in one piece, or where another value wants it.
type grower struct {
	*rand.Rand
	nodes    nodes
	consts   map[string]*tensor.Tensor
	channels map[string]int // of each value
	values   []string
}

func (g *grower) value() string {
	// Mostly a late one, so that chains are long.
	if g.IntN(3) > 0 {
		return g.values[len(g.values)-1]
	}
	return g.values[g.IntN(len(g.values))]
}

func (g *grower) add(channels int, operator string, in ...string) {
	out := fmt.Sprintf("v%d", len(g.values))
	g.nodes = g.nodes.add(operator, out, in...)
	g.values = append(g.values, out)
	g.channels[out] = channels
}

func (g *grower) constant(shape ...int) string {
	name := fmt.Sprintf("c%v", shape)
	g.consts[name] = weights(shape...)
	return name
}

func (g *grower) grow() {
	a := g.value()
	n := g.channels[a]
	switch g.IntN(8) {
	case 0, 1:
		unary := []string{"Relu", "Neg", "Abs", "Sigmoid", "Tanh", "Exp", "Identity", "HardSwish", "Softplus", "LeakyRelu", "Erf"}
		g.add(n, unary[g.IntN(len(unary))], a)
	case 2, 3:
		constant := [][]int{{}, {1}, {n, 1, 1}, {1, n, 1, 1}, {5}, {3, 5}, {1, n, 3, 5}}[g.IntN(7)]
		in := []string{a, g.constant(constant...)}
		if g.IntN(3) == 0 {
			slices.Reverse(in)
		}
		g.add(n, []string{"Add", "Mul", "Sub", "Max", "Min"}[g.IntN(5)], in...)
	case 4:
		scale, v := fmt.Sprintf("s%d", n), fmt.Sprintf("p%d", n)
		g.consts[scale], g.consts[v] = weights(n), positive(n)
		g.add(n, "BatchNormalization", a, scale, scale, scale, v)
	case 5:
		if b := g.value(); g.channels[b] == n {
			g.add(n, []string{"Add", "Mul", "Sub"}[g.IntN(3)], a, b)
		}
	case 6:
		if b := g.value(); n+g.channels[b] <= 24 {
			g.add(n+g.channels[b], "Concat", a, b)
			g.nodes = g.nodes.with(&onnx.Attribute{Name: "axis", Type: onnx.Int, Int: 1})
		}
	case 7:
		g.add(n, "MaxPool", a)
		g.nodes = g.nodes.with(ints("kernel_shape", 3, 3), ints("pads", 1, 1, 1, 1))
	}
}

// TestRandomGraphsAreTheSameInEveryWay computes random graphs as they are on Gorgonia's
// TapeMachine, where every value has memory of its own, on the arena, and with passes.
func TestRandomGraphsAreTheSameInEveryWay(t *testing.T) {
	for seed := range uint64(150) {
		g := &grower{Rand: rand.New(rand.NewPCG(seed, 1)), consts: map[string]*tensor.Tensor{}, channels: map[string]int{"x": 4}, values: []string{"x"}}
		for range 4 + g.IntN(30) {
			g.grow()
		}
		if len(g.values) == 1 {
			continue
		}
		outputs := map[string]bool{g.values[len(g.values)-1]: true}
		for range g.IntN(3) {
			outputs[g.values[1+g.IntN(len(g.values)-1)]] = true
		}
		names := slices.Sorted(maps.Keys(outputs))
		shape := []int{1 + int(seed%5)/4, 4, 3, 5}
		want := computeAll(t, program.Options{Plain: true, Tape: true}, shape, g.consts, g.nodes, names)
		for way, opts := range map[string]program.Options{"on the arena": {Plain: true}, "with passes": {}} {
			got := computeAll(t, opts, shape, g.consts, g.nodes, names)
			for i := range want {
				if k, ok := near(tensor.As[float32](got[i]), tensor.As[float32](want[i])); !ok {
					t.Fatalf("seed %d, %s: output %q of %v: element %d is %v, want %v", seed, way, names[i], want[i].Shape, k, tensor.As[float32](got[i])[k], tensor.As[float32](want[i])[k])
				}
			}
		}
	}
}

// near compares but for rounding; of what is no number, or too large, only that it is.
func near(got, want []float32) (at int, ok bool) {
	for k := range want {
		g, w := float64(got[k]), float64(want[k])
		if g != w && !(math.Abs(g-w) <= 1e-4+1e-4*math.Abs(w)) && (g == g || w == w) && math.Abs(w) < 1e30 {
			return k, false
		}
	}
	return 0, true
}
