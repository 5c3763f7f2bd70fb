// Package onnx reads ONNX models into structures, for the compiler.
//
// It is called behind onnxfile, which has checked that the file is ONNX all the way
// down and within limits; this package checks what it needs itself, and never
// panics on other bytes either.
//
// See https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
package onnx

import "github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"

// Model is a ModelProto.
type Model struct {
	IRVersion int64
	// Opsets are the versions of operator sets, by domain; ai.onnx is "".
	Opsets    map[string]int
	Graph     *Graph
	Functions map[FunctionID]*Function
}

// FunctionID is how a node names the model-local function that it calls.
type FunctionID struct{ Domain, Name, Overload string }

// Function is a FunctionProto.
type Function struct {
	ID              FunctionID
	Inputs, Outputs []string
	// Attributes are the names of those without a default; Defaults have one.
	Attributes []string
	Defaults   []*Attribute
	Nodes      []*Node
	Opsets     map[string]int
}

// Graph is a GraphProto.
type Graph struct {
	Name            string
	Nodes           []*Node
	Inputs, Outputs []*ValueInfo
	// Initializers by name; Order has the names as the file has them.
	Initializers map[string]*Initializer
	Order        []string
}

// Initializer is a constant of a graph.
type Initializer struct {
	// Tensor is nil while the data are in another file.
	Tensor   *tensor.Tensor
	External *External
}

// External says where the data of a tensor are.
type External struct {
	Type           tensor.Type
	Shape          []int
	Location       string
	Offset, Length int64 // bytes; Length 0 is to the end
}

// Node is a NodeProto.
type Node struct {
	Name, Op, Domain, Overload string
	Inputs, Outputs            []string
	Attributes                 []*Attribute
	// Opsets are those of the function that the node came from; nil in a graph.
	Opsets map[string]int
}

// AttributeType is AttributeProto.AttributeType.
type AttributeType int

// The types of attributes.
const (
	Undefined    AttributeType = 0
	Float        AttributeType = 1
	Int          AttributeType = 2
	String       AttributeType = 3
	TensorAttr   AttributeType = 4
	GraphAttr    AttributeType = 5
	Floats       AttributeType = 6
	Ints         AttributeType = 7
	Strings      AttributeType = 8
	Tensors      AttributeType = 9
	Graphs       AttributeType = 10
	SparseTensor AttributeType = 11
	TypeAttr     AttributeType = 13
)

var attributeNames = map[AttributeType]string{
	Undefined: "of no type", Float: "a float", Int: "an int", String: "a string", TensorAttr: "a tensor", GraphAttr: "a graph",
	Floats: "floats", Ints: "ints", Strings: "strings", Tensors: "tensors", Graphs: "graphs", SparseTensor: "a sparse tensor",
	TypeAttr: "a type",
}

// String names the type for an error's reader.
func (t AttributeType) String() string {
	if s, ok := attributeNames[t]; ok {
		return s
	}
	return "of an unknown type"
}

// Attribute is an AttributeProto.
type Attribute struct {
	Name string
	// Ref is the attribute of the enclosing function that this one takes its value of.
	Ref     string
	Type    AttributeType
	Float   float32
	Int     int64
	String  []byte
	Tensor  *tensor.Tensor
	Graph   *Graph
	Floats  []float32
	Ints    []int64
	Strings [][]byte
	Tensors []*tensor.Tensor
	Value   *Type // of TypeAttr
}

// Kind of a value.
type Kind int

// The kinds of values.
const (
	NoKind Kind = iota
	TensorKind
	SequenceKind
	MapKind
	OptionalKind
	SparseKind
)

// Type is a TypeProto.
type Type struct {
	Kind Kind
	// Elem of a tensor, or of the keys of a map.
	Elem tensor.Type
	// HasShape is false when the number of dimensions is open too.
	HasShape bool
	Dims     []Dim
	// Of is the type of a sequence's items, an optional's value, a map's values.
	Of *Type
}

// Dim is one dimension: a size of 0 or more, or -1 when it is open; Param is
// then its name, if it has one.
type Dim struct {
	Size  int64
	Param string
}

// ValueInfo is a name with a type, which may be nil.
type ValueInfo struct {
	Name string
	Type *Type
}
