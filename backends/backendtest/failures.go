package backendtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// testArguments gives computations what the model does not take.
func testArguments(t *testing.T, b backends.Backend) {
	a, second := floats("a", []uint32{4}, 1, 2, 3, 4), floats("b", []uint32{4}, 1, 2, 3, 4)
	named := func(name string) value { v := a; v.name = name; return v }
	tests := []struct {
		name   string
		in     []value
		pieces []string
	}{
		{"an unknown name is refused, naming the known ones", []value{a, named("x")}, []string{`"x"`, `"a"`, `"b"`}},
		{"an empty name is not a wildcard", []value{a, named("")}, []string{`""`}},
		{"a number is not a name", []value{a, named("1")}, []string{`"1"`}},
		{"names are told apart by case", []value{a, named("B")}, []string{`"B"`, `"b"`}},
		{"a missing input is named", []value{a}, []string{`"b"`}},
		{"no input at all is refused", nil, []string{`"a"`, `"b"`}},
		{"an input given twice is refused", []value{a, a}, []string{`"a"`, "twice"}},
		{"an input more than there are is refused", []value{a, second, named("a")}, []string{`"a"`}},
		{"a wrong type is refused, with both", []value{a, {"b", backends.I32, []uint32{4}, a.data}}, []string{`"b"`, "FP32", "I32"}},
		{"a wrong size is refused, with both", []value{a, floats("b", []uint32{5}, 1, 2, 3, 4, 5)}, []string{`"b"`, "[4]", "[5]"}},
		{"a wrong rank is refused, with both", []value{a, floats("b", []uint32{4, 1}, 1, 2, 3, 4)}, []string{`"b"`, "[4]", "[4 1]"}},
		{"a scalar is no vector", []value{a, floats("b", nil, 1)}, []string{`"b"`, "[4]", "[]"}},
		{"an empty tensor is no vector", []value{a, floats("b", []uint32{0})}, []string{`"b"`, "[4]", "[0]"}},
	}
	c := newContext(t, load(t, b, onnxtest.Add(4)))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.Compute(t.Context(), tensors(t, tt.in))
			wantError(t, err, backends.InvalidArgument, tt.pieces...)
		})
	}
	t.Run("an input without a tensor is refused", func(t *testing.T) {
		_, err := c.Compute(t.Context(), []backends.NamedTensor{a.tensor(t), {Name: "b"}})
		wantError(t, err, backends.InvalidArgument, `"b"`)
	})
	t.Run("the context computes after all that", func(t *testing.T) {
		sameValues(t, compute(t, c, a, second), []value{floats("c", []uint32{4}, 2, 4, 6, 8)})
	})
	t.Run("an input to a model without inputs is refused", func(t *testing.T) {
		_, err := newContext(t, load(t, b, onnxtest.NoInputs())).Compute(t.Context(), tensors(t, []value{a}))
		wantError(t, err, backends.InvalidArgument, `"a"`)
	})
	t.Run("what only the kernels can tell is refused by them", func(t *testing.T) {
		c := newContext(t, load(t, b, openAdd()))
		_, err := c.Compute(t.Context(), tensors(t, []value{floats("a", []uint32{2}, 1, 2), floats("b", []uint32{3}, 1, 2, 3)}))
		var found *backends.Error
		if found = backends.AsError(err); found == nil || found.Code != backends.InvalidArgument && found.Code != backends.RuntimeError {
			t.Errorf("adding [2] and [3] gives %v, expected invalid-argument or runtime-error", err)
		}
		sameValues(t, compute(t, c, floats("a", []uint32{1}, 1), floats("b", []uint32{1}, 2)), []value{floats("c", []uint32{1}, 3)})
	})
}

// openAdd is c = a + b with open sizes.
func openAdd() []byte {
	return onnxtest.Model{Graph: onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Add", Inputs: []string{"a", "b"}, Outputs: []string{"c"}}},
		Inputs:  []onnxtest.Value{{Name: "a", Type: onnxtest.Float, Shape: onnxtest.Dims("n")}, {Name: "b", Type: onnxtest.Float, Shape: onnxtest.Dims("m")}},
		Outputs: []onnxtest.Value{{Name: "c", Type: onnxtest.Float, Shape: onnxtest.Dims("k")}},
	}}.Marshal()
}

// testModels loads what is no usable model.
func testModels(t *testing.T, b backends.Backend) {
	add := onnxtest.Add(4)
	tests := []struct {
		name  string
		parts [][]byte
		opts  backends.LoadOptions
		code  backends.Code
	}{
		{"no part is refused", nil, backends.LoadOptions{}, backends.InvalidArgument},
		{"two parts are refused", [][]byte{add, add}, backends.LoadOptions{}, backends.InvalidArgument},
		{"an empty model is refused", [][]byte{{}}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"garbage is refused", [][]byte{[]byte("this is not a model at all")}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"zeros are refused", [][]byte{make([]byte, 4096)}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"a TensorFlow Lite model is refused", [][]byte{[]byte("\x1c\x00\x00\x00TFL3\x14\x00\x20\x00")}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"a GGUF model is refused", [][]byte{[]byte("GGUF\x03\x00\x00\x00")}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"an OpenVINO model is refused", [][]byte{[]byte("<?xml version=\"1.0\"?><net name=\"a\"/>")}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"a zip file is refused", [][]byte{[]byte("PK\x03\x04\x14\x00\x00\x00")}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"a WebAssembly module is refused", [][]byte{[]byte("\x00asm\x01\x00\x00\x00")}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"a byte too many is refused", [][]byte{append(onnxtest.Add(4), 0x0f)}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"another encoding is refused", [][]byte{add}, backends.LoadOptions{Encoding: "no-such-encoding"}, backends.InvalidEncoding},
		{"an operator that does not exist is refused", [][]byte{onnxtest.Unary("NoSuchOperator", onnxtest.Float, onnxtest.Dims(1))}, backends.LoadOptions{}, backends.UnsupportedOperation},
		{"a graph that reads what nobody writes is refused", [][]byte{dangling()}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"a graph with a cycle is refused", [][]byte{cyclic()}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"a weight that is shorter than its shape is refused", [][]byte{shortWeight()}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"a function that calls itself is refused", [][]byte{recursive()}, backends.LoadOptions{}, backends.InvalidEncoding},
		{"functions that multiply without end are refused", [][]byte{doubling(40)}, backends.LoadOptions{}, backends.TooLarge},
		{"graphs nested without end are refused", [][]byte{nested(2000)}, backends.LoadOptions{}, backends.TooLarge},
		{"data outside the bytes are refused", [][]byte{onnxtest.External("weights.bin")}, backends.LoadOptions{}, backends.UnsupportedOperation},
		{"a tpu is not there", [][]byte{add}, backends.LoadOptions{Target: backends.TPU}, backends.UnsupportedOperation},
		{"fewer than no threads are refused", [][]byte{add}, backends.LoadOptions{IntraOpThreads: -1}, backends.InvalidArgument},
		{"a sequence is not a tensor", [][]byte{sequence()}, backends.LoadOptions{}, backends.UnsupportedOperation},
		{"complex numbers are not carried", [][]byte{onnxtest.Identity(onnxtest.Complex64, onnxtest.Dims(1))}, backends.LoadOptions{}, backends.UnsupportedOperation},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.opts.Encoding == "" {
				tt.opts.Encoding = backends.ONNX
			}
			g, err := b.Load(t.Context(), tt.parts, tt.opts)
			if err == nil {
				g.Close()
				t.Fatalf("it loads, expected %s", tt.code)
			}
			wantError(t, err, tt.code)
		})
	}
	t.Run("a model cut short anywhere is refused", func(t *testing.T) {
		for n := range len(add) {
			if n == withoutOpset(add) {
				continue // a whole field is missing: what is left is well-formed
			}
			g, err := b.Load(t.Context(), [][]byte{add[:n]}, backends.LoadOptions{Encoding: backends.ONNX})
			if err == nil {
				g.Close()
				t.Errorf("%d of %d bytes load", n, len(add))
				continue
			}
			wantError(t, err, backends.InvalidEncoding)
		}
	})
	t.Run("the parts are neither changed nor kept", func(t *testing.T) {
		model := onnxtest.Add(4)
		g := load(t, b, model)
		if string(model) != string(add) {
			t.Error("the model's bytes have changed")
		}
		clear(model)
		a, second := floats("a", []uint32{4}, 1, 2, 3, 4), floats("b", []uint32{4}, 1, 2, 3, 4)
		sameValues(t, compute(t, newContext(t, g), a, second), []value{floats("c", []uint32{4}, 2, 4, 6, 8)})
	})
	t.Run("sniffing tells a model from other files", func(t *testing.T) {
		s, ok := b.(backends.Sniffer)
		if !ok {
			t.Skip("this engine does not sniff")
		}
		if enc, ok := s.Sniff([][]byte{add}); !ok || enc != backends.ONNX {
			t.Errorf("an ONNX model is sniffed as %q, %v", enc, ok)
		}
		for _, tt := range tests[:10] {
			if enc, ok := s.Sniff(tt.parts); ok {
				t.Errorf("%s, but sniffed as %s", tt.name, enc)
			}
		}
	})
}

// withoutOpset is the length of a model of onnxtest without its last field.
func withoutOpset(model []byte) int { return len(model) - 4 }

func dangling() []byte {
	return onnxtest.Model{Graph: onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Neg", Inputs: []string{"nowhere"}, Outputs: []string{"out"}}},
		Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}},
	}}.Marshal()
}

func cyclic() []byte {
	return onnxtest.Model{Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Neg", Inputs: []string{"y"}, Outputs: []string{"x"}},
			{Op: "Neg", Inputs: []string{"x"}, Outputs: []string{"y"}},
		},
		Outputs: []onnxtest.Value{{Name: "y", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}},
	}}.Marshal()
}

func shortWeight() []byte {
	return onnxtest.Constant(onnxtest.Tensor{Type: onnxtest.Float, Dims: []int64{1000}, Raw: onnxtest.Floats(1, 2)})
}

func recursive() []byte {
	return withFunctions("f", onnxtest.Function{
		Name: "f", Domain: "local", Inputs: []string{"x"}, Outputs: []string{"y"},
		Nodes: []onnxtest.Node{{Op: "f", Domain: "local", Inputs: []string{"x"}, Outputs: []string{"y"}}},
	})
}

// doubling has n functions, each of which calls the next one twice.
func doubling(n int) []byte {
	functions := []onnxtest.Function{{
		Name: fmt.Sprint("f", n), Domain: "local", Inputs: []string{"x"}, Outputs: []string{"y"},
		Nodes: []onnxtest.Node{{Op: "Neg", Inputs: []string{"x"}, Outputs: []string{"y"}}},
	}}
	for i := range n {
		next := fmt.Sprint("f", i+1)
		functions = append(functions, onnxtest.Function{
			Name: fmt.Sprint("f", i), Domain: "local", Inputs: []string{"x"}, Outputs: []string{"y"},
			Nodes: []onnxtest.Node{
				{Op: next, Domain: "local", Inputs: []string{"x"}, Outputs: []string{"m"}},
				{Op: next, Domain: "local", Inputs: []string{"m"}, Outputs: []string{"y"}},
			},
		})
	}
	return withFunctions("f0", functions...)
}

func withFunctions(call string, functions ...onnxtest.Function) []byte {
	return onnxtest.Model{
		Domains:   map[string]int64{"local": 1},
		Functions: functions,
		Graph: onnxtest.Graph{
			Nodes:   []onnxtest.Node{{Op: call, Domain: "local", Inputs: []string{"in"}, Outputs: []string{"out"}}},
			Inputs:  []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}},
			Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}},
		},
	}.Marshal()
}

// nested is a graph in an If in a graph in an If, and so on.
func nested(depth int) []byte {
	out := []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}}
	g := onnxtest.Graph{Nodes: []onnxtest.Node{{Op: "Neg", Inputs: []string{"in"}, Outputs: []string{"out"}}}, Outputs: out}
	for range depth {
		g = onnxtest.Graph{
			Nodes: []onnxtest.Node{{
				Op: "If", Inputs: []string{"yes"}, Outputs: []string{"out"},
				Attrs: []onnxtest.Attr{onnxtest.GraphAttr("then_branch", g)},
			}},
			Outputs: out,
		}
	}
	g.Inputs = []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}, {Name: "yes", Type: onnxtest.Bool, Shape: onnxtest.Dims()}}
	return onnxtest.Model{Graph: g}.Marshal()
}

func sequence() []byte {
	return onnxtest.Model{Graph: onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "SequenceConstruct", Inputs: []string{"in"}, Outputs: []string{"out"}}},
		Inputs:  []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}},
		Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Kind: onnxtest.SequenceKind}},
	}}.Marshal()
}

// testLifetimes closes and releases in every order.
func testLifetimes(t *testing.T, b backends.Backend) {
	in := func(n int) value {
		data := make([]int64, n)
		for i := range data {
			data[i] = int64(i)
		}
		return int64s("in", []uint32{uint32(n)}, data...)
	}
	identity := onnxtest.Identity(onnxtest.Int64, onnxtest.Dims("n"))
	t.Run("a context outlives its graph", func(t *testing.T) {
		g := load(t, b, identity)
		c := newContext(t, g)
		if err := g.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		sameValues(t, compute(t, c, in(3)), []value{int64s("out", []uint32{3}, 0, 1, 2)})
	})
	t.Run("outputs outlive context and graph", func(t *testing.T) {
		for _, n := range []int{3, 1 << 17} {
			g := load(t, b, identity)
			c := newContext(t, g)
			out, err := c.Compute(t.Context(), tensors(t, []value{in(n)}))
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			g.Close()
			want := in(n)
			want.name = "out"
			if found := copyOut(out)[0]; found.String() != want.String() {
				t.Errorf("an output of %d elements has changed", n)
			}
		}
	})
	t.Run("releasing twice does no harm", func(t *testing.T) {
		c := newContext(t, load(t, b, identity))
		for _, n := range []int{3, 1 << 17} {
			first, err := c.Compute(t.Context(), tensors(t, []value{in(n)}))
			if err != nil {
				t.Fatal(err)
			}
			first[0].Tensor.Release()
			second, err := c.Compute(t.Context(), tensors(t, []value{in(n)}))
			if err != nil {
				t.Fatal(err)
			}
			first[0].Tensor.Release()
			want := in(n)
			want.name = "out"
			if found := copyOut(second)[0]; found.String() != want.String() {
				t.Errorf("releasing an output of %d elements again took another one's memory", n)
			}
		}
	})
	t.Run("closing twice does no harm", func(t *testing.T) {
		g := load(t, b, identity)
		c, other := newContext(t, g), newContext(t, g)
		for range 2 {
			if err := c.Close(); err != nil {
				t.Errorf("close of a context: %v", err)
			}
			if err := g.Close(); err != nil {
				t.Errorf("close of a graph: %v", err)
			}
		}
		sameValues(t, compute(t, other, in(1)), []value{int64s("out", []uint32{1}, 0)})
	})
	t.Run("a closed graph makes no context", func(t *testing.T) {
		g := load(t, b, identity)
		g.Close()
		c, err := g.NewContext(t.Context())
		if err == nil {
			c.Close()
			t.Fatal("it does")
		}
		wantError(t, err, backends.InvalidArgument)
	})
	t.Run("a closed context computes nothing", func(t *testing.T) {
		c := newContext(t, load(t, b, identity))
		c.Close()
		_, err := c.Compute(context.Background(), tensors(t, []value{in(1)}))
		wantError(t, err, backends.InvalidArgument)
	})
}
