package main

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/testsuite/echo"
)

// suite collects files and cases; err is the first mistake in them.
type suite struct {
	files map[string][]byte
	cases []echo.Case
	err   error
}

func (s *suite) note(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *suite) model(name string, onnx []byte) {
	s.files[echo.Case{Model: name}.File()] = onnx
}

// compute adds a case that ends in outputs.
func (s *suite) compute(name, model string, inputs, outputs []echo.Tensor, why string) {
	s.cases = append(s.cases, echo.Case{Name: name, Model: model, Inputs: numbered(inputs), Outputs: numbered(outputs), Why: why})
}

// fails adds a case that ends in an error.
func (s *suite) fails(c echo.Case, stage, code string) {
	c.Inputs = numbered(c.Inputs)
	c.Error = &echo.Failure{Stage: stage, Code: code}
	s.cases = append(s.cases, c)
}

// numbered gives tensors the indexes of their places, but for those that have one.
func numbered(ts []echo.Tensor) []echo.Tensor {
	ts = slices.Clone(ts)
	for i := range ts {
		if ts[i].Index == 0 {
			ts[i].Index = i
		}
	}
	return ts
}

// tensor makes a tensor of values, which are separated by blanks.
func (s *suite) tensor(name string, e element, dims []uint32, values string) echo.Tensor {
	list := strings.Fields(values)
	data, err := e.data(list)
	if err != nil {
		s.note(fmt.Errorf("tensor %s: %w", name, err))
	}
	return echo.Tensor{Name: name, Type: e.name, Dims: dims, Values: strings.Join(list, ":"), Hex: hex.EncodeToString(data)}
}

// filled makes a tensor of one value.
func (s *suite) filled(name string, e element, dims []uint32, value string) echo.Tensor {
	data, err := e.data([]string{value})
	if err != nil {
		s.note(fmt.Errorf("tensor %s: %w", name, err))
	}
	return echo.Tensor{Name: name, Type: e.name, Dims: dims, Fill: hex.EncodeToString(data), FillValue: value}
}

func dims(ds ...uint32) []uint32 { return append([]uint32{}, ds...) }

func elementCount(ds []uint32) int {
	n := 1
	for _, d := range ds {
		n *= int(d)
	}
	return n
}

// echoed adds a case of an identity model, from "in" to "out".
func (s *suite) echoed(name, model string, in echo.Tensor, why string) {
	out := in
	in.Name, out.Name = "in", "out"
	s.compute(name, model, []echo.Tensor{in}, []echo.Tensor{out}, why)
}

// echoes are identity models of every type and rank, each of fixed dims.
func (s *suite) echoes() {
	shapes := [][]uint32{{}, {3}, {2, 3}, {2, 1, 3}, {1, 2, 2, 3}, {2, 1, 1, 2, 3}, {1, 2, 1, 2, 1, 3}}
	for _, e := range elements() {
		for rank, shape := range shapes {
			declared := onnxtest.Dims()
			for _, d := range shape {
				declared = append(declared, onnxtest.Dim{Size: int64(d)})
			}
			model := fmt.Sprintf("echo-%s-r%d", e.name, rank)
			s.model(model, onnxtest.Identity(e.onnx, declared))
			values := strings.Join(e.take(rank, elementCount(shape)), " ")
			s.echoed(fmt.Sprintf("%s of rank %d comes back", e.name, rank), model, s.tensor("", e, shape, values), "")
		}
	}
	s.echoed("one value of shape [1] serves for a scalar", "echo-f32-r0", s.tensor("", f32, dims(1), "2.5"),
		"a guest may have no way to give a shape of no dims")
	last := &s.cases[len(s.cases)-1]
	last.Outputs[0].Dims = dims()
}

// openDims are identity models whose dims, or whose rank, the model leaves open.
func (s *suite) openDims() {
	for _, e := range elements() {
		model := "open-" + e.name
		s.model(model, onnxtest.Identity(e.onnx, onnxtest.Dims("n", "m")))
		for _, shape := range [][]uint32{{1, 1}, {4, 3}, {0, 3}} {
			values := strings.Join(e.take(2, elementCount(shape)), " ")
			s.echoed(fmt.Sprintf("%s of open dims comes back as %dx%d", e.name, shape[0], shape[1]), model, s.tensor("", e, shape, values), "")
		}
	}
	s.echoed("nothing of 3x0 comes back", "open-f32", s.tensor("", f32, dims(3, 0), ""), "")
	s.echoed("nothing of 0x0 comes back", "open-f32", s.tensor("", f32, dims(0, 0), ""), "")
	s.echoed("more than a page of bytes comes back", "open-u8", s.filled("", u8, dims(300, 300), "7"), "90000 bytes: beyond one page of memory")
	s.echoed("a megabyte comes back", "open-f64", s.filled("", f64, dims(256, 512), "0.1"), "")

	s.model("any-rank", onnxtest.Identity(onnxtest.Float, nil))
	for _, shape := range [][]uint32{{}, {2}, {1, 2, 1, 1, 2}} {
		s.echoed(fmt.Sprintf("a model that declares no rank takes rank %d", len(shape)), "any-rank",
			s.tensor("", f32, shape, strings.Join(f32.take(1, elementCount(shape)), " ")), "")
	}
	s.model("empty", onnxtest.Identity(onnxtest.Float, onnxtest.Dims(0, 2)))
	s.echoed("a declared dim of 0 is one", "empty", s.tensor("", f32, dims(0, 2), ""), "")
}

// structure is about several inputs and outputs, order, shapes and layout. What
// comes out is worked out by hand.
func (s *suite) structure() {
	s.order()
	s.seven()
	tensors := func(ts ...echo.Tensor) []echo.Tensor { return ts }

	s.model("transpose", model([]onnxtest.Node{{Op: "Transpose", Inputs: []string{"in"}, Outputs: []string{"out"}}},
		[]onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: onnxtest.Dims(2, 3)}},
		[]onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: onnxtest.Dims(3, 2)}}))
	s.compute("data are row-major", "transpose", tensors(s.tensor("in", f32, dims(2, 3), "1 2 3 4 5 6")),
		tensors(s.tensor("out", f32, dims(3, 2), "1 4 2 5 3 6")), "the model transposes")

	s.model("shape", model([]onnxtest.Node{{Op: "Shape", Inputs: []string{"in"}, Outputs: []string{"out"}}},
		[]onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: onnxtest.Dims("a", "b", "c")}},
		[]onnxtest.Value{{Name: "out", Type: onnxtest.Int64, Shape: onnxtest.Dims(3)}}))
	s.compute("dims reach the model in their order", "shape", tensors(s.filled("in", f32, dims(4, 1, 2), "0")),
		tensors(s.tensor("out", i64, dims(3), "4 1 2")), "the model gives the shape of its input")
	s.compute("a dim of 0 reaches the model", "shape", tensors(s.tensor("in", f32, dims(4, 0, 2), "")),
		tensors(s.tensor("out", i64, dims(3), "4 0 2")), "the model gives the shape of its input")

	s.model("concat", model([]onnxtest.Node{{Op: "Concat", Inputs: []string{"head", "tail"}, Outputs: []string{"all"}, Attrs: []onnxtest.Attr{onnxtest.IntAttr("axis", 0)}}},
		[]onnxtest.Value{{Name: "tail", Type: onnxtest.Float, Shape: onnxtest.Dims("t")}, {Name: "head", Type: onnxtest.Float, Shape: onnxtest.Dims("h")}},
		[]onnxtest.Value{{Name: "all", Type: onnxtest.Float, Shape: onnxtest.Dims("n")}}))
	s.compute("inputs have shapes of their own", "concat", tensors(s.tensor("tail", f32, dims(1), "9"), s.tensor("head", f32, dims(3), "1 2 3")),
		tensors(s.tensor("all", f32, dims(4), "1 2 3 9")), "the model joins head and tail")
	s.compute("one of two inputs is empty", "concat", tensors(s.tensor("tail", f32, dims(0), ""), s.tensor("head", f32, dims(2), "1 2")),
		tensors(s.tensor("all", f32, dims(2), "1 2")), "the model joins head and tail")

	s.model("nonzero", onnxtest.NonZero())
	s.compute("the data decide the shape of the output", "nonzero", tensors(s.tensor("in", f32, dims(5), "0 3 0 0 -1")),
		tensors(s.tensor("out", i64, dims(1, 2), "1 4")), "the model gives the places of what is not zero")
	s.compute("an output without elements", "nonzero", tensors(s.tensor("in", f32, dims(3), "0 0 0")),
		tensors(s.tensor("out", i64, dims(1, 0), "")), "the model gives the places of what is not zero")

	s.model("constant", onnxtest.NoInputs())
	s.compute("a model without inputs computes", "constant", nil, tensors(s.tensor("out", f32, dims(2), "1 2")), "")

	for _, e := range []element{f32, f64, i32, i64} {
		name := "add-" + e.name
		s.model(name, model([]onnxtest.Node{{Op: "Add", Inputs: []string{"right", "left"}, Outputs: []string{"sum"}}},
			[]onnxtest.Value{{Name: "right", Type: e.onnx, Shape: onnxtest.Dims(3)}, {Name: "left", Type: e.onnx, Shape: onnxtest.Dims(3)}},
			[]onnxtest.Value{{Name: "sum", Type: e.onnx, Shape: onnxtest.Dims(3)}}))
		s.compute(e.name+" is computed with", name, tensors(s.tensor("right", e, dims(3), "1 -20 300"), s.tensor("left", e, dims(3), "40000 5 -600")),
			tensors(s.tensor("sum", e, dims(3), "40001 -15 -300")), "the model adds")
	}
}

// model is a graph of these nodes.
func model(nodes []onnxtest.Node, inputs, outputs []onnxtest.Value) []byte {
	return onnxtest.Model{Graph: onnxtest.Graph{Nodes: nodes, Inputs: inputs, Outputs: outputs}}.Marshal()
}

// order has inputs of the same type and shape, whose names sort otherwise than
// the model has them, and outputs that tell them apart.
func (s *suite) order() {
	s.model("order", onnxtest.Ordered())
	s.compute("inputs and outputs are in the model's order", "order",
		[]echo.Tensor{s.tensor("zebra", f32, dims(2), "10 20"), s.tensor("apple", i64, dims(1), "7"), s.tensor("mango", f32, dims(2), "1 2")},
		[]echo.Tensor{s.tensor("yak", f32, dims(2), "11 22"), s.tensor("ant", i64, dims(1), "7"), s.tensor("owl", f32, dims(2), "9 18")},
		"yak is mango + zebra, ant is apple, owl is zebra - mango")
}

// seven has an input and an output of each type.
func (s *suite) seven() {
	inputs := []string{"mike", "zulu", "kilo", "alpha", "tango", "bravo", "victor"} // in the order of elements
	outputs := []string{"golf", "yankee", "echo", "sierra", "delta", "papa", "hotel"}
	var nodes []onnxtest.Node
	var in, out []onnxtest.Value
	var given, expected []echo.Tensor
	for i, e := range elements() {
		shape := dims(1, uint32(i)+1)
		declared := onnxtest.Dims(1, i+1)
		nodes = append(nodes, onnxtest.Node{Op: "Identity", Inputs: []string{inputs[i]}, Outputs: []string{outputs[i]}})
		in = append(in, onnxtest.Value{Name: inputs[i], Type: e.onnx, Shape: declared})
		out = append(out, onnxtest.Value{Name: outputs[i], Type: e.onnx, Shape: declared})
		values := strings.Join(e.take(i, i+1), " ")
		given = append(given, s.tensor(inputs[i], e, shape, values))
		expected = append(expected, s.tensor(outputs[i], e, shape, values))
	}
	slices.Reverse(out)
	slices.Reverse(expected)
	s.model("seven", model(nodes, in, out))
	s.compute("all types at once, outputs in the reverse order", "seven", given, expected, "")
}

// errors are mistakes of the guest.
func (s *suite) errors() {
	const compute, load, argument = "compute", "load", "invalid-argument"
	one := func(t echo.Tensor) []echo.Tensor { return []echo.Tensor{t} }
	six := "1 2 3 4 5 6"
	for _, c := range []struct {
		name  string
		model string
		in    []echo.Tensor
	}{
		{"data that are too short for the dims", "echo-f32-r2", one(s.tensor("in", f32, dims(2, 3), "1 2 3 4 5"))},
		{"data that are too long for the dims", "echo-f32-r2", one(s.tensor("in", f32, dims(2, 3), six+" 7"))},
		{"data for dims that have none", "open-f32", one(s.tensor("in", f32, dims(0, 3), "1"))},
		{"another type of the same size", "echo-f32-r2", one(s.tensor("in", i32, dims(2, 3), six))},
		{"a smaller type", "echo-f32-r2", one(s.tensor("in", u8, dims(2, 3), six))},
		{"a greater type", "echo-f32-r2", one(s.tensor("in", f64, dims(2, 3), six))},
		{"a wider integer", "echo-i32-r2", one(s.tensor("in", i64, dims(2, 3), six))},
		{"a dim too few", "echo-f32-r2", one(s.tensor("in", f32, dims(6), six))},
		{"a dim too many", "echo-f32-r2", one(s.tensor("in", f32, dims(1, 2, 3), six))},
		{"dims in the wrong order", "echo-f32-r2", one(s.tensor("in", f32, dims(3, 2), six))},
		{"a longer dim than declared", "echo-f32-r1", one(s.tensor("in", f32, dims(4), "1 2 3 4"))},
		{"an input that the model does not have", "echo-f32-r1", []echo.Tensor{{Name: "nobody", Index: 9, Type: "f32", Dims: dims(3), Values: "1:2:3", Hex: "0000803f0000004000004040"}}},
		{"no input", "echo-f32-r1", nil},
		{"one input of three is missing", "order", []echo.Tensor{s.tensor("zebra", f32, dims(2), "10 20"), s.tensor("apple", i64, dims(1), "7")}},
	} {
		s.fails(echo.Case{Name: c.name + " is an error", Model: c.model, Inputs: c.in}, compute, argument)
	}
	s.fails(echo.Case{Name: "a name that the host does not know is an error", Model: "nobody", By: "name"}, load, "not-found")

	whole := onnxtest.Identity(onnxtest.Float, onnxtest.Dims(3))
	for _, b := range []struct {
		name, file, code string
		data             []byte
	}{
		{"bytes that are no model are an error", "text", "invalid-encoding", []byte("This is not a model.\n")},
		{"no bytes are an error", "empty", argument, []byte{}},
		{"half of a model is an error", "half.onnx", "invalid-encoding", whole[:len(whole)/2]},
	} {
		s.files["broken/"+b.file] = b.data
		s.fails(echo.Case{Name: b.name, Broken: "broken/" + b.file, By: "bytes"}, load, b.code)
	}
}
