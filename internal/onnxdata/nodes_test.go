package onnxdata

import (
	"reflect"
	"slices"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// branching is out = yes ? sin(x) : bias, where x = -in, in is float[n 2], and bias is a
// weight that only a branch takes.
func branching() []byte {
	shape := onnxtest.Dims("n", 2)
	f := func(name string) onnxtest.Value {
		return onnxtest.Value{Name: name, Type: onnxtest.Float, Shape: shape}
	}
	branch := func(op, input string) onnxtest.Graph {
		return onnxtest.Graph{Nodes: []onnxtest.Node{{Op: op, Inputs: []string{input}, Outputs: []string{"y"}}}, Outputs: []onnxtest.Value{f("y")}}
	}
	return onnxtest.Model{Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Name: "minus", Op: "Neg", Inputs: []string{"in"}, Outputs: []string{"x"}},
			{Op: "If", Inputs: []string{"yes"}, Outputs: []string{"out"}, Attrs: []onnxtest.Attr{
				onnxtest.GraphAttr("then_branch", branch("Sin", "x")), onnxtest.GraphAttr("else_branch", branch("Identity", "bias")),
			}},
		},
		Inputs:       []onnxtest.Value{f("in"), {Name: "yes", Type: onnxtest.Bool, Shape: onnxtest.Dims()}},
		Outputs:      []onnxtest.Value{f("out")},
		Initializers: []onnxtest.Tensor{{Name: "bias", Type: onnxtest.Float, Dims: []int64{1, 2}, Raw: onnxtest.Floats(1, 2)}},
	}}.Marshal()
}

func TestNodes(t *testing.T) {
	nodes, err := Nodes(branching())
	if err != nil {
		t.Fatal(err)
	}
	for i := range nodes {
		nodes[i].body = nil
	}
	want := []Node{
		{Name: "minus", Op: "Neg", Inputs: []string{"in"}, Outputs: []string{"x"}},
		{Op: "If", Inputs: []string{"yes"}, Outputs: []string{"out"}, Captured: []string{"x", "bias"},
			Attributes: []string{"then_branch=a graph of 1 nodes", "else_branch=a graph of 1 nodes"}},
	}
	if !reflect.DeepEqual(nodes, want) {
		t.Errorf("found %+v, expected %+v", nodes, want)
	}
}

func TestAttributesAreWrittenShort(t *testing.T) {
	model := onnxtest.Model{Graph: onnxtest.Graph{Nodes: []onnxtest.Node{{Op: "Many", Attrs: []onnxtest.Attr{
		onnxtest.IntAttr("axis", -1), onnxtest.FloatAttr("alpha", 0.5), onnxtest.StringAttr("mode", "edge"), onnxtest.IntsAttr("pads", 1, 2),
		onnxtest.IntsAttr("long", make([]int64, 20)...), onnxtest.FloatsAttr("scales", 1, 2.5), onnxtest.StringsAttr("words", "a", "b"),
		onnxtest.TensorAttr("value", onnxtest.Tensor{Type: onnxtest.Int64, Dims: []int64{2, 3}, Raw: make([]byte, 48)}),
	}}}}}.Marshal()
	nodes, err := Nodes(model)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"axis=-1", "alpha=0.5", `mode="edge"`, "pads=[1 2]", "long=[0 0 0 0 0 0 0 0 0 0 0 0], 20 in all", "scales=[1 2.5]", `words=["a" "b"]`, "value=I64[2 3]"}
	if !slices.Equal(nodes[0].Attributes, want) {
		t.Errorf("found %q, expected %q", nodes[0].Attributes, want)
	}
}

func TestSymbols(t *testing.T) {
	found, err := Symbols(branching())
	if want := map[string][]string{"in": {"n", ""}, "yes": nil, "out": {"n", ""}}; err != nil || !reflect.DeepEqual(found, want) {
		t.Errorf("found %q, %v, expected %q", found, err, want)
	}
}

func TestEditChangesInputsAndOutputs(t *testing.T) {
	types := []backends.ValueType{
		backends.TensorType(backends.U8, 3, -1), backends.TensorType(backends.FP16), backends.SequenceType(backends.TensorType(backends.I64, 1)),
		backends.OptionalType(backends.SequenceType(backends.TensorType(backends.String))), backends.MapType(backends.I64, backends.TensorType(backends.FP32)), {},
	}
	for _, ty := range types {
		out := backends.ValueInfo{Name: "x", ValueType: ty}
		in := backends.ValueInfo{Name: "in", ValueType: backends.TensorType(backends.FP32, 5, 2)}
		edited, err := Edit{Inputs: []backends.ValueInfo{in}, Outputs: []backends.ValueInfo{out}}.Apply(branching())
		if err != nil {
			t.Fatal(err)
		}
		m, err := Describe(edited)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(m.Outputs, []backends.ValueInfo{out}) || !reflect.DeepEqual(m.Inputs[0], in) || m.Inputs[1].Name != "yes" || !m.Initialized["bias"] {
			t.Errorf("found inputs %+v, outputs %+v, expected %+v", m.Inputs, m.Outputs, out)
		}
	}
}

func TestAloneKeepsOneNodeAndItsWeights(t *testing.T) {
	nodes, err := Nodes(branching())
	if err != nil {
		t.Fatal(err)
	}
	ins := []backends.ValueInfo{
		{Name: "yes", ValueType: backends.ValueType{Kind: backends.TensorKind, Type: backends.Bool, Dims: []int64{}}},
		{Name: "x", ValueType: backends.TensorType(backends.FP32, 1, 2)},
	}
	outs := []backends.ValueInfo{{Name: "out", ValueType: backends.TensorType(backends.FP32)}}
	alone, err := Alone(branching(), nodes[1], ins, outs)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Describe(alone)
	if err != nil {
		t.Fatal(err)
	}
	want := &Model{IRVersion: 10, Name: "alone", Opsets: map[string]int64{"": 21}, Inputs: ins, Outputs: outs, Initialized: map[string]bool{"bias": true}, Operators: []string{"If"}, Nested: []string{"Sin", "Identity"}}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("found %+v, expected %+v", m, want)
	}
}

func FuzzEdit(f *testing.F) {
	f.Add(branching())
	f.Add(onnxtest.Loop(3))
	f.Add(onnxtest.Optional())
	f.Fuzz(func(t *testing.T, b []byte) {
		nodes, err := Nodes(b) // never panics
		if err != nil {
			return
		}
		_, _ = Symbols(b)
		edited, err := Edit{Outputs: []backends.ValueInfo{{Name: "x"}}}.Apply(b)
		if err != nil {
			t.Fatalf("nodes are read, and an edit gives %v", err)
		}
		again, err := Nodes(edited)
		if err != nil || len(again) != len(nodes) {
			t.Errorf("%d nodes, %d after an edit: %v", len(nodes), len(again), err)
		}
		for _, n := range nodes {
			if _, err := Alone(b, n, nil, nil); err != nil {
				return
			}
		}
	})
}
