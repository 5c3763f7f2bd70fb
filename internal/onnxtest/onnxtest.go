// Package onnxtest builds ONNX models as protobuf bytes, for tests and
// benchmarks. It needs no protobuf library and no toolchain, so a test can say
// exactly which model it means, including ones no exporter would write.
//
// Field numbers and enum values are those of onnx.proto3, see
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
package onnxtest

import (
	"fmt"
	"maps"
	"slices"
)

// DataType is TensorProto.DataType. The values that backends.ElementType has
// are the same, so one converts to the other.
type DataType int32

// The data types of ONNX 1.22.
const (
	Float      DataType = 1
	Uint8      DataType = 2
	Int8       DataType = 3
	Uint16     DataType = 4
	Int16      DataType = 5
	Int32      DataType = 6
	Int64      DataType = 7
	String     DataType = 8
	Bool       DataType = 9
	Float16    DataType = 10
	Double     DataType = 11
	Uint32     DataType = 12
	Uint64     DataType = 13
	Complex64  DataType = 14
	Complex128 DataType = 15
	BFloat16   DataType = 16
)

// Dim is one dimension of a declared shape: a size when Symbol is empty, and
// an open dimension of that name otherwise.
type Dim struct {
	Size   int64
	Symbol string
}

// Dims makes a declared shape: an int is a size, a string the symbol of an
// open dimension. Dims() is a scalar. It panics on any other type.
func Dims(dims ...any) []Dim {
	shape := make([]Dim, len(dims))
	for i, d := range dims {
		switch d := d.(type) {
		case int:
			shape[i] = Dim{Size: int64(d)}
		case int64:
			shape[i] = Dim{Size: d}
		case string:
			shape[i] = Dim{Symbol: d}
		default:
			panic(fmt.Sprintf("onnxtest: dimension %d is a %T, expected int or string", i, d))
		}
	}
	return shape
}

// Kind is what a Value holds.
type Kind uint8

// The kinds of value that the builder can declare.
const (
	TensorKind Kind = iota
	SequenceKind
	OptionalKind
	MapKind  // from Value.Key
	MapsKind // a sequence of maps
)

// Value declares an input or output (ValueInfoProto): a tensor, a sequence or
// optional of tensors, or maps to them.
type Value struct {
	Name string
	Type DataType
	// Shape is nil when the rank is not declared, and empty for a scalar.
	Shape []Dim
	Kind  Kind
	// Key is the type of a map's keys.
	Key DataType
}

// Tensor is a constant (TensorProto), as an initializer or an attribute.
type Tensor struct {
	Name string
	Type DataType
	Dims []int64
	// Raw is the elements' bytes, little-endian; unused for strings.
	Raw []byte
	// Strings are the elements of a String tensor.
	Strings []string
	// External, when not nil, are the entries of external_data (location,
	// offset, length); Raw is then left out.
	External map[string]string
}

// Node is one operator call (NodeProto).
type Node struct {
	Name, Op, Domain string
	Inputs, Outputs  []string
	Attrs            []Attr
}

// Graph is a GraphProto.
type Graph struct {
	Name            string
	Nodes           []Node
	Inputs, Outputs []Value
	Initializers    []Tensor
	Sparse          []SparseTensor // further initializers
}

// SparseTensor is a constant that is 0 but for some elements (SparseTensorProto). Values
// has the name; Indices has one number for each value, or one for each dimension.
type SparseTensor struct {
	Values, Indices Tensor
	Dims            []int64
}

// Function is a model-local function (FunctionProto) of opset version 21.
type Function struct {
	Name, Domain    string
	Inputs, Outputs []string
	Nodes           []Node
}

// Model is a ModelProto. The zero IRVersion is 10, the zero Opset is 21.
type Model struct {
	IRVersion, Opset int64
	// Domains are the opset versions of further operator domains.
	Domains   map[string]int64
	Producer  string
	Graph     Graph
	Functions []Function
	// Metadata are the model's metadata_props.
	Metadata map[string]string
}

// Attr is an attribute of a Node, made by Int, Ints, Floats and their like.
type Attr struct{ body message }

// AttributeProto.AttributeType.
const (
	attrFloat = iota + 1
	attrInt
	attrString
	attrTensor
	attrGraph
	attrFloats
	attrInts
	attrStrings
)

func newAttr(name string, kind uint64) Attr {
	return Attr{message{}.str(1, name).uint(20, kind)}
}

// FloatAttr is an attribute of one float.
func FloatAttr(name string, v float32) Attr {
	return Attr{newAttr(name, attrFloat).body.fixed32(2, v)}
}

// IntAttr is an attribute of one integer.
func IntAttr(name string, v int64) Attr {
	return Attr{newAttr(name, attrInt).body.uint(3, uint64(v))}
}

// StringAttr is an attribute of one string.
func StringAttr(name, v string) Attr {
	return Attr{newAttr(name, attrString).body.str(4, v)}
}

// TensorAttr is an attribute of one tensor.
func TensorAttr(name string, v Tensor) Attr {
	return Attr{newAttr(name, attrTensor).body.bytes(5, v.marshal())}
}

// GraphAttr is an attribute of one graph, such as the body of a Loop.
func GraphAttr(name string, v Graph) Attr {
	return Attr{newAttr(name, attrGraph).body.bytes(6, v.marshal())}
}

// FloatsAttr is an attribute of a list of floats.
func FloatsAttr(name string, vs ...float32) Attr {
	b := newAttr(name, attrFloats).body
	for _, v := range vs {
		b = b.fixed32(7, v)
	}
	return Attr{b}
}

// IntsAttr is an attribute of a list of integers.
func IntsAttr(name string, vs ...int64) Attr {
	b := newAttr(name, attrInts).body
	for _, v := range vs {
		b = b.uint(8, uint64(v))
	}
	return Attr{b}
}

// StringsAttr is an attribute of a list of strings.
func StringsAttr(name string, vs ...string) Attr {
	b := newAttr(name, attrStrings).body
	for _, v := range vs {
		b = b.str(9, v)
	}
	return Attr{b}
}

// Marshal returns the model as the bytes of an .onnx file.
func (m Model) Marshal() []byte {
	b := message{}.uint(1, orDefault(m.IRVersion, 10)).str(2, m.Producer)
	b = b.bytes(7, m.Graph.marshal())
	b = b.bytes(8, opset("", orDefault(m.Opset, 21)))
	for _, d := range sortedKeys(m.Domains) {
		b = b.bytes(8, opset(d, uint64(m.Domains[d])))
	}
	for _, k := range sortedKeys(m.Metadata) {
		b = b.bytes(14, entry(k, m.Metadata[k]))
	}
	for _, f := range m.Functions {
		b = b.bytes(25, f.marshal())
	}
	return b
}

func orDefault(v int64, def uint64) uint64 {
	if v == 0 {
		return def
	}
	return uint64(v)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func opset(domain string, version uint64) message {
	return message{}.str(1, domain).uint(2, version)
}

func entry(key, value string) message { return message{}.str(1, key).str(2, value) }

func (g Graph) marshal() message {
	var b message
	for _, n := range g.Nodes {
		b = b.bytes(1, n.marshal())
	}
	name := g.Name
	if name == "" {
		name = "graph" // the checker wants one
	}
	b = b.str(2, name)
	for _, t := range g.Initializers {
		b = b.bytes(5, t.marshal())
	}
	for _, t := range g.Sparse {
		b = b.bytes(15, t.marshal())
	}
	for _, v := range g.Inputs {
		b = b.bytes(11, v.marshal())
	}
	for _, v := range g.Outputs {
		b = b.bytes(12, v.marshal())
	}
	return b
}

func (t SparseTensor) marshal() message {
	b := message{}.bytes(1, t.Values.marshal()).bytes(2, t.Indices.marshal())
	for _, d := range t.Dims {
		b = b.uint(3, uint64(d))
	}
	return b
}

func (n Node) marshal() message {
	var b message
	for _, s := range n.Inputs {
		b = b.bytes(1, []byte(s)) // an omitted optional input is an empty string that is there
	}
	for _, s := range n.Outputs {
		b = b.bytes(2, []byte(s))
	}
	b = b.str(3, n.Name).str(4, n.Op)
	for _, a := range n.Attrs {
		b = b.bytes(5, a.body)
	}
	return b.str(7, n.Domain)
}

func (f Function) marshal() message {
	b := message{}.str(1, f.Name)
	for _, s := range f.Inputs {
		b = b.str(4, s)
	}
	for _, s := range f.Outputs {
		b = b.str(5, s)
	}
	for _, n := range f.Nodes {
		b = b.bytes(7, n.marshal())
	}
	b = b.bytes(9, opset("", 21))
	b = b.bytes(9, opset(f.Domain, 1))
	return b.str(10, f.Domain)
}

func (v Value) marshal() message {
	t := message{}.bytes(1, v.tensorType())
	if v.Kind == MapKind || v.Kind == MapsKind {
		t = message{}.bytes(5, message{}.uint(1, uint64(v.Key)).bytes(2, t))
	}
	switch v.Kind {
	case SequenceKind, MapsKind:
		t = message{}.bytes(4, message{}.bytes(1, t))
	case OptionalKind:
		t = message{}.bytes(9, message{}.bytes(1, t))
	}
	return message{}.str(1, v.Name).bytes(2, t)
}

func (v Value) tensorType() message {
	b := message{}.uint(1, uint64(v.Type))
	if v.Shape == nil {
		return b
	}
	shape := message{}
	for _, d := range v.Shape {
		shape = shape.bytes(1, d.marshal())
	}
	return b.bytes(2, shape)
}

func (d Dim) marshal() message {
	if d.Symbol != "" {
		return message{}.str(2, d.Symbol)
	}
	return message{}.uint(1, uint64(d.Size))
}

func (t Tensor) marshal() message {
	var b message
	for _, d := range t.Dims {
		b = b.uint(1, uint64(d))
	}
	b = b.uint(2, uint64(t.Type))
	for _, s := range t.Strings {
		b = b.bytes(6, []byte(s))
	}
	b = b.str(8, t.Name)
	if t.External != nil {
		for _, k := range sortedKeys(t.External) {
			b = b.bytes(13, entry(k, t.External[k]))
		}
		return b.uint(14, 1)
	}
	if t.Type != String {
		b = b.bytes(9, t.Raw)
	}
	return b
}
