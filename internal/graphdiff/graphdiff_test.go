package graphdiff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/internal/onnxdata"
	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/internal/valuediff"
)

// edited is an engine that sees other models than it is given.
type edited struct {
	backends.Backend
	name string
	edit func(model []byte) ([]byte, error)
}

func (e edited) Name() string { return e.name }

func (e edited) Load(ctx context.Context, parts [][]byte, opts backends.LoadOptions) (backends.Graph, error) {
	model, err := e.edit(parts[0])
	if err != nil {
		return nil, err
	}
	return e.Backend.Load(ctx, [][]byte{model}, opts)
}

func engine(t *testing.T, name string, edit func([]byte) ([]byte, error)) backends.Backend {
	t.Helper()
	b, err := gorgonia.New(gorgonia.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return edited{b, name, edit}
}

// typed is an engine that finds the types of outputs: those in types, or else FP32.
func typed(t *testing.T, types map[string]backends.ValueType) backends.Backend {
	return engine(t, "typed", func(model []byte) ([]byte, error) {
		m, err := onnxdata.Describe(model)
		if err != nil {
			return nil, err
		}
		for i, out := range m.Outputs {
			if ty, ok := types[out.Name]; ok {
				m.Outputs[i].ValueType = ty
			} else if out.Kind == 0 {
				m.Outputs[i].ValueType = backends.TensorType(backends.FP32)
			}
		}
		return onnxdata.Edit{Outputs: m.Outputs}.Apply(model)
	})
}

// with is an engine that reads a text where models have another of the same length.
func with(t *testing.T, old, new string, when func(model []byte) bool) backends.Backend {
	return engine(t, "faulty", func(model []byte) ([]byte, error) {
		if !when(model) {
			return model, nil
		}
		return bytes.ReplaceAll(model, []byte(old), []byte(new)), nil
	})
}

func always([]byte) bool { return true }

// chain is out = last(...(first(in))) on float[4], with values v0, v1 and so on between.
func chain(ops ...string) []byte {
	shape := onnxtest.Dims(4)
	g := onnxtest.Graph{Inputs: []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: shape}}, Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: shape}}}
	from := "in"
	for i, op := range ops {
		to := fmt.Sprintf("v%d", i)
		if i == len(ops)-1 {
			to = "out"
		}
		g.Nodes = append(g.Nodes, onnxtest.Node{Name: "node " + op, Op: op, Inputs: []string{from}, Outputs: []string{to}})
		from = to
	}
	return onnxtest.Model{Graph: g}.Marshal()
}

func run(t *testing.T, model []byte, found, want backends.Backend, change func(*Config)) *Report {
	t.Helper()
	inputs, _, _, err := Inputs{Seed: 1}.Values(model)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Found: found, Want: want, Tolerance: valuediff.Tolerance{RTol: 1e-3, ATol: 1e-4}}
	if change != nil {
		change(&cfg)
	}
	r, err := Run(t.Context(), model, inputs, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// statuses are those of all values, in order.
func statuses(r *Report) string {
	var all []string
	for _, v := range r.Values {
		all = append(all, v.Name+" "+string(v.Status))
	}
	return strings.Join(all, ", ")
}

func TestRunFindsTheNode(t *testing.T) {
	same := func(t *testing.T) backends.Backend { return with(t, "", "", func([]byte) bool { return false }) }
	for _, test := range []struct {
		name     string
		model    []byte
		found    func(*testing.T) backends.Backend
		statuses string
		first    int // -1 for none
		alone    Status
		others   []int
	}{
		{"engines that agree", chain("Abs", "Sin", "Neg"), same, "v0 agrees, v1 agrees, out agrees", -1, "", nil},
		{"a node that is computed differently", chain("Abs", "Sin", "Neg"), func(t *testing.T) backends.Backend { return with(t, "Sin", "Cos", always) },
			"v0 agrees, v1 parts, out parts", 1, Parts, nil},
		{"two nodes, of which one follows the other", chain("Sin", "Abs", "Sin"), func(t *testing.T) backends.Backend { return with(t, "Sin", "Cos", always) },
			"v0 parts, v1 parts, out parts", 0, Parts, nil},
		{"a difference that later nodes hide", chain("Neg", "Abs", "Sin"), func(t *testing.T) backends.Backend { return with(t, "Neg", "Abs", always) },
			"v0 parts, v1 agrees, out agrees", 0, Parts, nil},
		{"a value that an engine cannot give", chain("Abs", "Sin", "Neg"), func(t *testing.T) backends.Backend {
			return with(t, "Abs", "Xyz", func(model []byte) bool {
				m, err := onnxdata.Describe(model)
				return err == nil && m.Outputs[0].Name == "v0" && len(m.Outputs) > 0
			})
		}, "v0 unknown, v1 agrees, out agrees", -1, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := run(t, test.model, test.found(t), typed(t, nil), nil)
			if got := statuses(r); got != test.statuses {
				t.Errorf("found %s, expected %s", got, test.statuses)
			}
			if (r.First != nil) != (test.first >= 0) || r.First != nil && r.First.Index != test.first || !slices.Equal(r.Others, test.others) {
				t.Fatalf("first is %+v, others %v", r.First, r.Others)
			}
			if r.First != nil && r.First.Alone[0].Status != test.alone {
				t.Errorf("alone: %+v", r.First.Alone)
			}
			if r.Equal() != (test.first < 0) {
				t.Errorf("equal: %v", r.Equal())
			}
		})
	}
}

func TestRunTellsNodesApartThatDoNotFollowEachOther(t *testing.T) {
	shape := onnxtest.Dims(4)
	value := func(name string) onnxtest.Value {
		return onnxtest.Value{Name: name, Type: onnxtest.Float, Shape: shape}
	}
	model := onnxtest.Model{Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Sin", Inputs: []string{"in"}, Outputs: []string{"a"}},
			{Op: "Neg", Inputs: []string{"in"}, Outputs: []string{"b"}},
			{Op: "Sin", Inputs: []string{"b"}, Outputs: []string{"c"}},
			{Op: "Add", Inputs: []string{"a", "c"}, Outputs: []string{"out"}},
		},
		Inputs: []onnxtest.Value{value("in")}, Outputs: []onnxtest.Value{value("out")},
	}}.Marshal()
	r := run(t, model, with(t, "Sin", "Cos", always), typed(t, nil), nil)
	if r.First == nil || r.First.Index != 0 || !slices.Equal(r.Others, []int{2}) {
		t.Errorf("first %+v, others %v", r.First, r.Others)
	}
}

func TestRunTellsANodeThatEnlargesDifferences(t *testing.T) {
	shape := onnxtest.Dims(4)
	value := func(name string) onnxtest.Value {
		return onnxtest.Value{Name: name, Type: onnxtest.Float, Shape: shape}
	}
	scalar := func(name string, v float32) onnxtest.Tensor {
		return onnxtest.Tensor{Name: name, Type: onnxtest.Float, Raw: onnxtest.Floats(v)}
	}
	model := onnxtest.Model{Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Mul", Inputs: []string{"in", "one"}, Outputs: []string{"same"}},
			{Op: "Sub", Inputs: []string{"same", "in"}, Outputs: []string{"rest"}},
			{Op: "Mul", Inputs: []string{"rest", "much"}, Outputs: []string{"out"}},
		},
		Inputs: []onnxtest.Value{value("in")}, Outputs: []onnxtest.Value{value("out")},
		Initializers: []onnxtest.Tensor{scalar("one", 1), scalar("much", 1e5)},
	}}.Marshal()
	r := run(t, model, with(t, string(onnxtest.Floats(1)), string(onnxtest.Floats(1.00001)), always), typed(t, nil), nil)
	if got, want := statuses(r), "same agrees, rest agrees, out parts"; got != want || r.First.Index != 2 || r.First.Alone[0].Status != Agrees {
		t.Errorf("found %s, expected %s; first %+v", got, want, r.First)
	}
}

func TestRunSaysThatOnlyTheWholeParts(t *testing.T) {
	plain := func(model []byte) bool { m, err := onnxdata.Describe(model); return err == nil && len(m.Outputs) == 1 }
	r := run(t, chain("Abs", "Sin", "Neg"), with(t, "Sin", "Cos", plain), typed(t, nil), nil)
	if r.First != nil || r.Equal() || r.Outputs[0].Status != Parts {
		t.Fatalf("%+v", r)
	}
	if r.FoundWhole[0].Status != Parts || r.WantWhole[0].Status != Agrees {
		t.Errorf("the faulty engine: %+v; the other: %+v", r.FoundWhole, r.WantWhole)
	}
}

func TestRunTakesAnyPieces(t *testing.T) {
	model := chain("Abs", "Sin", "Neg", "Exp", "Neg")
	for _, pieces := range []Config{{Chunk: 1}, {Chunk: 2}, {Chunk: 100}, {MaxBytes: 1}, {MaxBytes: 40}} {
		done := 0
		r := run(t, model, with(t, "Exp", "Abs", always), typed(t, nil), func(c *Config) {
			c.Chunk, c.MaxBytes, c.Progress = pieces.Chunk, pieces.MaxBytes, func(d, _ int) { done = d }
		})
		if got, want := statuses(r), "v0 agrees, v1 agrees, v2 agrees, v3 parts, out parts"; got != want || done != 5 {
			t.Errorf("%+v: found %s after %d nodes, expected %s", pieces, got, done, want)
		}
	}
}

func TestRunOnControlFlowAndOtherValues(t *testing.T) {
	u8 := map[string]backends.ValueType{}
	shape := onnxtest.Dims(2)
	f := func(name string) onnxtest.Value {
		return onnxtest.Value{Name: name, Type: onnxtest.Float, Shape: shape}
	}
	branch := func(op string) onnxtest.Graph {
		return onnxtest.Graph{Nodes: []onnxtest.Node{{Op: op, Inputs: []string{"x"}, Outputs: []string{"y"}}}, Outputs: []onnxtest.Value{f("y")}}
	}
	conditional := onnxtest.Model{Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Neg", Inputs: []string{"in"}, Outputs: []string{"x"}},
			{Op: "If", Inputs: []string{"yes"}, Outputs: []string{"out"}, Attrs: []onnxtest.Attr{onnxtest.GraphAttr("then_branch", branch("Sin")), onnxtest.GraphAttr("else_branch", branch("Sin"))}},
		},
		Inputs:  []onnxtest.Value{f("in"), {Name: "yes", Type: onnxtest.Bool, Shape: onnxtest.Dims()}},
		Outputs: []onnxtest.Value{f("out")},
	}}.Marshal()
	sequences := onnxtest.Model{Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "SequenceConstruct", Inputs: []string{"in", "in"}, Outputs: []string{"list"}},
			{Op: "Constant", Outputs: []string{"zero"}, Attrs: []onnxtest.Attr{onnxtest.IntAttr("value_int", 0)}},
			{Op: "SequenceAt", Inputs: []string{"list", "zero"}, Outputs: []string{"at"}},
			{Op: "Sin", Inputs: []string{"at"}, Outputs: []string{"out"}},
		},
		Inputs: []onnxtest.Value{f("in")}, Outputs: []onnxtest.Value{f("out")},
	}}.Marshal()
	strings := onnxtest.Model{Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Identity", Inputs: []string{"words"}, Outputs: []string{"same"}},
			{Op: "StringConcat", Inputs: []string{"same", "words"}, Outputs: []string{"out"}},
		},
		Inputs:  []onnxtest.Value{{Name: "words", Type: onnxtest.String, Shape: shape}},
		Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.String, Shape: shape}},
	}}.Marshal()
	random := onnxtest.Model{Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "RandomNormalLike", Inputs: []string{"in"}, Outputs: []string{"noise"}},
			{Op: "Neg", Inputs: []string{"noise"}, Outputs: []string{"out"}},
		},
		Inputs: []onnxtest.Value{f("in")}, Outputs: []onnxtest.Value{f("out")},
	}}.Marshal()
	types := map[string]backends.ValueType{
		"list": backends.SequenceType(backends.TensorType(backends.FP32)),
		"same": backends.TensorType(backends.String),
	}
	for _, test := range []struct {
		name     string
		model    []byte
		types    map[string]backends.ValueType
		old, new string
		statuses string
		first    int
	}{
		{"a branch that is computed differently", conditional, u8, "Sin", "Cos", "x agrees, out parts", 1},
		{"what a branch takes from around it", conditional, u8, "Neg", "Abs", "x parts, out parts", 0},
		{"sequences", sequences, types, "", "", "list agrees, at agrees, out agrees", -1},
		{"a node behind a sequence", sequences, types, "Sin", "Cos", "list agrees, at agrees, out parts", 3},
		{"strings", strings, types, "", "", "same agrees, out agrees", -1},
		{"random numbers", random, nil, "", "", "noise random, out random", -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := run(t, test.model, with(t, test.old, test.new, func([]byte) bool { return test.old != "" }), typed(t, test.types), nil)
			if got := statuses(r); got != test.statuses {
				t.Errorf("found %s, expected %s", got, test.statuses)
			}
			if (r.First != nil) != (test.first >= 0) || r.First != nil && (r.First.Index != test.first || r.First.Alone[0].Status != Parts) {
				t.Errorf("first is %+v", r.First)
			}
		})
	}
}

func TestRunSaysWhichEngineFails(t *testing.T) {
	model := chain("Abs", "Sin")
	inputs, _, _, err := Inputs{}.Values(model)
	if err != nil {
		t.Fatal(err)
	}
	broken, well := with(t, "Sin", "Xyz", always), typed(t, nil)
	for _, test := range []struct {
		name        string
		found, want backends.Backend
		says        string
	}{
		{"the first", broken, well, "faulty does not compute this, the other engine does: unsupported-operation"},
		{"the second", well, broken, "faulty does not compute this, the other engine does: unsupported-operation"},
		{"both", broken, broken, "no engine computes this"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Run(t.Context(), model, inputs, Config{Found: test.found, Want: test.want})
			var e *EngineError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error is %v, expected one with %q", err, test.says)
			}
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Run(ctx, model, inputs, Config{Found: well, Want: well}); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that is stopped gives %v", err)
	}
	if _, err := Run(t.Context(), []byte("no model"), nil, Config{Found: well, Want: well}); err == nil {
		t.Error("what is no model is taken")
	}
}

func TestRunComparesWithWhatIsExpected(t *testing.T) {
	model := chain("Abs")
	inputs, _, _, err := Inputs{}.Values(model)
	if err != nil {
		t.Fatal(err)
	}
	right, err := backends.NewTensor([]uint32{4}, backends.FP32, make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), model, inputs, Config{Found: with(t, "Abs", "Neg", always), Want: typed(t, nil), Expected: []backends.NamedValue{{Name: "out", Value: right}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Expected) != 2 || r.Expected[0].Engine != "faulty" || r.Expected[1].Engine != "typed" || r.Expected[1].Status != Parts {
		t.Errorf("%+v", r.Expected)
	}
}
