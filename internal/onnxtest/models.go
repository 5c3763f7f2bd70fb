package onnxtest

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DataTypes are the types that have a fixed size and that wasinn carries.
func DataTypes() []DataType {
	return []DataType{
		Float, Uint8, Int8, Uint16, Int16, Int32, Int64, Bool, Float16, Double, Uint32, Uint64, BFloat16,
	}
}

// Floats are the bytes of a Float tensor.
func Floats(vs ...float32) []byte {
	b := make([]byte, 0, 4*len(vs))
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// Int64s are the bytes of an Int64 tensor.
func Int64s(vs ...int64) []byte {
	b := make([]byte, 0, 8*len(vs))
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

// Add is c = a + b on float[n]: the one-node model that calls are timed with.
func Add(n int) []byte {
	shape := Dims(n)
	return Model{Graph: Graph{
		Nodes:   []Node{{Op: "Add", Inputs: []string{"a", "b"}, Outputs: []string{"c"}}},
		Inputs:  []Value{{Name: "a", Type: Float, Shape: shape}, {Name: "b", Type: Float, Shape: shape}},
		Outputs: []Value{{Name: "c", Type: Float, Shape: shape}},
	}}.Marshal()
}

// Identity is out = in of any type and declared shape; see [Dims].
func Identity(t DataType, shape []Dim) []byte {
	return Unary("Identity", t, shape)
}

// Unary is out = op(in), both of one type and declared shape; see [Dims].
func Unary(op string, t DataType, shape []Dim) []byte {
	return Model{Graph: Graph{
		Nodes:   []Node{{Op: op, Inputs: []string{"in"}, Outputs: []string{"out"}}},
		Inputs:  []Value{{Name: "in", Type: t, Shape: shape}},
		Outputs: []Value{{Name: "out", Type: t, Shape: shape}},
	}}.Marshal()
}

// Constant is a model without inputs; its output "out" is t.
func Constant(t Tensor) []byte {
	shape := make([]Dim, len(t.Dims))
	for i, d := range t.Dims {
		shape[i] = Dim{Size: d}
	}
	return Model{Graph: Graph{
		Nodes:   []Node{{Op: "Constant", Outputs: []string{"out"}, Attrs: []Attr{TensorAttr("value", t)}}},
		Outputs: []Value{{Name: "out", Type: t.Type, Shape: shape}},
	}}.Marshal()
}

// NoInputs is [Constant] of float[2]{1, 2}.
func NoInputs() []byte {
	return Constant(Tensor{Type: Float, Dims: []int64{2}, Raw: Floats(1, 2)})
}

// Ordered has inputs zebra (float[2]), apple (int64[1]) and mango (float[2]),
// and outputs yak = mango + zebra (float[2]), ant = apple (int64[1]) and
// owl = zebra - mango (float[2]): no order but the model's gives the answer.
func Ordered() []byte {
	f, i := Dims(2), Dims(1)
	return Model{Graph: Graph{
		Nodes: []Node{
			{Op: "Identity", Inputs: []string{"apple"}, Outputs: []string{"ant"}},
			{Op: "Sub", Inputs: []string{"zebra", "mango"}, Outputs: []string{"owl"}},
			{Op: "Add", Inputs: []string{"mango", "zebra"}, Outputs: []string{"yak"}},
		},
		Inputs:  []Value{{Name: "zebra", Type: Float, Shape: f}, {Name: "apple", Type: Int64, Shape: i}, {Name: "mango", Type: Float, Shape: f}},
		Outputs: []Value{{Name: "yak", Type: Float, Shape: f}, {Name: "ant", Type: Int64, Shape: i}, {Name: "owl", Type: Float, Shape: f}},
	}}.Marshal()
}

// Sum is out = in0 + in1 + ... on float[n], with the given number of inputs.
func Sum(inputs int) []byte {
	shape := Dims("n")
	var names []string
	var values []Value
	for i := range inputs {
		names = append(names, fmt.Sprintf("in%d", i))
		values = append(values, Value{Name: names[i], Type: Float, Shape: shape})
	}
	return Model{Graph: Graph{
		Nodes:   []Node{{Op: "Sum", Inputs: names, Outputs: []string{"out"}}},
		Inputs:  values,
		Outputs: []Value{{Name: "out", Type: Float, Shape: shape}},
	}}.Marshal()
}

// Optional is out = in + bias on float[2], where bias is an input that may be
// left out and is {10, 20} then: an initializer of the same name.
func Optional() []byte {
	shape := Dims(2)
	return Model{Graph: Graph{
		Nodes:        []Node{{Op: "Add", Inputs: []string{"in", "bias"}, Outputs: []string{"out"}}},
		Inputs:       []Value{{Name: "in", Type: Float, Shape: shape}, {Name: "bias", Type: Float, Shape: shape}},
		Outputs:      []Value{{Name: "out", Type: Float, Shape: shape}},
		Initializers: []Tensor{{Name: "bias", Type: Float, Dims: []int64{2}, Raw: Floats(10, 20)}},
	}}.Marshal()
}

// NonZero is out = the indexes of in's elements that are not zero: in is
// float[n], out int64[1, count], a shape that only the data decide. It is
// empty for an input of zeros.
func NonZero() []byte {
	return Model{Graph: Graph{
		Nodes:   []Node{{Op: "NonZero", Inputs: []string{"in"}, Outputs: []string{"out"}}},
		Inputs:  []Value{{Name: "in", Type: Float, Shape: Dims("n")}},
		Outputs: []Value{{Name: "out", Type: Int64, Shape: Dims(1, "count")}},
	}}.Marshal()
}

// Endless adds 1 to the float[1] "in" in a Loop that does not end in a
// lifetime: only cancellation stops it.
func Endless() []byte { return Loop(math.MaxInt64) }

// Loop adds 1 to the float[1] "in" the given number of times, one Loop turn
// each, and gives it as "out".
func Loop(turns int64) []byte {
	x, scalar := Dims(1), Dims()
	body := Graph{
		Name: "body",
		Nodes: []Node{
			{Op: "Identity", Inputs: []string{"more"}, Outputs: []string{"again"}},
			{Op: "Add", Inputs: []string{"x", "one"}, Outputs: []string{"y"}},
		},
		Inputs:       []Value{{Name: "turn", Type: Int64, Shape: scalar}, {Name: "more", Type: Bool, Shape: scalar}, {Name: "x", Type: Float, Shape: x}},
		Outputs:      []Value{{Name: "again", Type: Bool, Shape: scalar}, {Name: "y", Type: Float, Shape: x}},
		Initializers: []Tensor{{Name: "one", Type: Float, Dims: []int64{1}, Raw: Floats(1)}},
	}
	return Model{Graph: Graph{
		Nodes: []Node{{
			Op: "Loop", Inputs: []string{"turns", "start", "in"}, Outputs: []string{"out"},
			Attrs: []Attr{GraphAttr("body", body)},
		}},
		Inputs:  []Value{{Name: "in", Type: Float, Shape: x}},
		Outputs: []Value{{Name: "out", Type: Float, Shape: x}},
		Initializers: []Tensor{
			{Name: "turns", Type: Int64, Raw: Int64s(turns)},
			{Name: "start", Type: Bool, Raw: []byte{1}},
		},
	}}.Marshal()
}

// MatMuls is out = in times itself count times over, on float[n,n]: work that
// fills the engine's threads.
func MatMuls(n, count int) []byte {
	shape := Dims(n, n)
	var nodes []Node
	last := "in"
	for i := range count {
		next := "out"
		if i < count-1 {
			next = fmt.Sprintf("t%d", i)
		}
		nodes = append(nodes, Node{Op: "MatMul", Inputs: []string{last, "in"}, Outputs: []string{next}})
		last = next
	}
	return Model{Graph: Graph{
		Nodes:   nodes,
		Inputs:  []Value{{Name: "in", Type: Float, Shape: shape}},
		Outputs: []Value{{Name: "out", Type: Float, Shape: shape}},
	}}.Marshal()
}

// External is out = in + weight on float[2], with weight in the file location
// beside the model (8 bytes at offset 0).
func External(location string) []byte {
	shape := Dims(2)
	return Model{Graph: Graph{
		Nodes:   []Node{{Op: "Add", Inputs: []string{"in", "weight"}, Outputs: []string{"out"}}},
		Inputs:  []Value{{Name: "in", Type: Float, Shape: shape}},
		Outputs: []Value{{Name: "out", Type: Float, Shape: shape}},
		Initializers: []Tensor{{
			Name: "weight", Type: Float, Dims: []int64{2},
			External: map[string]string{"location": location, "offset": "0", "length": "8"},
		}},
	}}.Marshal()
}
