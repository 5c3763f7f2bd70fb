package backends

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Kind says what a [Value] is, in ONNX's terms.
//
// See https://github.com/onnx/onnx/blob/main/docs/IR.md#types
type Kind uint8

// The kinds of value.
const (
	TensorKind   Kind = iota + 1 // *Tensor
	SequenceKind                 // *Sequence
	OptionalKind                 // *Optional
	MapKind                      // *Map
)

var kindNames = [...]string{TensorKind: "tensor", SequenceKind: "sequence", OptionalKind: "optional", MapKind: "map"}

// String returns the kind in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ValueType describes values.
type ValueType struct {
	Kind Kind
	// Type, Dims and Unranked are a tensor's, as in [TensorInfo].
	Type     ElementType
	Dims     []int64
	Unranked bool
	// Key is the type of a map's keys, I64 or String.
	Key ElementType
	// Elem is the type of a sequence's elements, of what an optional may hold,
	// and of what a map's keys stand for. It is never nil for these.
	Elem *ValueType
}

// TensorType is the type of tensors of ty. Without dims their shape is open;
// each of dims is a size, or -1 for any.
func TensorType(ty ElementType, dims ...int64) ValueType {
	return ValueType{Kind: TensorKind, Type: ty, Dims: dims, Unranked: len(dims) == 0}
}

// SequenceType is the type of sequences of elem.
func SequenceType(elem ValueType) ValueType { return ValueType{Kind: SequenceKind, Elem: &elem} }

// OptionalType is the type of optionals of elem.
func OptionalType(elem ValueType) ValueType { return ValueType{Kind: OptionalKind, Elem: &elem} }

// MapType is the type of maps from key to elem.
func MapType(key ElementType, elem ValueType) ValueType {
	return ValueType{Kind: MapKind, Key: key, Elem: &elem}
}

// String writes the type as in sequence(FP32[2 ?]), with * for an open shape.
func (t ValueType) String() string {
	switch {
	case t.Kind == TensorKind && t.Unranked:
		return t.Type.String() + "*"
	case t.Kind == TensorKind:
		return t.Type.String() + strings.ReplaceAll(fmt.Sprint(t.Dims), "-1", "?")
	case t.Elem == nil:
		return t.Kind.String()
	case t.Kind == MapKind:
		return fmt.Sprintf("map(%s, %s)", t.Key, t.Elem)
	}
	return fmt.Sprintf("%s(%s)", t.Kind, t.Elem)
}

// Accepts tells whether a value of type v, with its sizes, is one that t
// describes: of the same kinds and element types, and of sizes that t allows.
func (t ValueType) Accepts(v ValueType) bool {
	switch {
	case t.Kind != v.Kind || t.Type != v.Type || t.Key != v.Key:
		return false
	case t.Kind == TensorKind:
		return t.Unranked || !v.Unranked && slices.EqualFunc(t.Dims, v.Dims, func(want, found int64) bool { return want < 0 || want == found })
	}
	return t.Elem != nil && v.Elem != nil && t.Elem.Accepts(*v.Elem)
}

// MaxValueDepth is how deep sequences, optionals and maps may be nested.
const MaxValueDepth = 16

// Value is what goes in or out of a graph: a *[Tensor], *[Sequence], *[Optional]
// or *[Map]. Values are checked when made and do not change after that.
type Value interface {
	// ValueType is the type of the value, with its own sizes where it is a tensor.
	ValueType() ValueType
	// Release gives the bytes of all tensors in it back to their owners. Calls
	// after the first do nothing.
	Release()

	depth() int
}

// ValueType is the tensor's type with its dimensions.
func (t *Tensor) ValueType() ValueType {
	dims := make([]int64, len(t.dims))
	for i, d := range t.dims {
		dims[i] = int64(d)
	}
	return ValueType{Kind: TensorKind, Type: t.ty, Dims: dims}
}

func (t *Tensor) depth() int { return 0 }

// Sequence is a list of values of one type.
type Sequence struct {
	elem   ValueType
	values []Value
	nested int
}

// NewSequence checks that elem accepts all values, and keeps values without
// copying them. elem may leave sizes open, and says what an empty sequence is of.
// The error is *Error with code InvalidArgument.
func NewSequence(elem ValueType, values []Value) (*Sequence, error) {
	s := &Sequence{elem: elem, values: values, nested: 1}
	for i, v := range values {
		if err := checkElement(elem, v); err != nil {
			return nil, Annotate(err, "element %d of a sequence", i)
		}
		s.nested = max(s.nested, v.depth()+1)
	}
	if err := checkDepth(s.nested); err != nil {
		return nil, err
	}
	return s, nil
}

func checkElement(want ValueType, v Value) error {
	if v == nil {
		return Errorf(InvalidArgument, "found no value, expected %s", want)
	}
	if found := v.ValueType(); !want.Accepts(found) {
		return Errorf(InvalidArgument, "found %s, expected %s", found, want)
	}
	return nil
}

func checkDepth(depth int) error {
	if depth > MaxValueDepth {
		return Errorf(InvalidArgument, "values are nested %d deep, at most %d are supported", depth, MaxValueDepth)
	}
	return nil
}

// Values are the elements, in order; the caller does not change them.
func (s *Sequence) Values() []Value { return s.values }

// ValueType is the type that the sequence was made with.
func (s *Sequence) ValueType() ValueType { return SequenceType(s.elem) }

// Release releases all elements.
func (s *Sequence) Release() {
	for _, v := range s.values {
		v.Release()
	}
}

func (s *Sequence) depth() int { return s.nested }

// Optional is a value or nothing.
type Optional struct {
	elem  ValueType
	value Value
}

// NewOptional makes an optional of what elem describes: of v, or empty when v is
// nil. The error is *Error with code InvalidArgument.
func NewOptional(elem ValueType, v Value) (*Optional, error) {
	if v == nil {
		return &Optional{elem: elem}, nil
	}
	if err := checkElement(elem, v); err != nil {
		return nil, Annotate(err, "an optional")
	}
	if err := checkDepth(v.depth() + 1); err != nil {
		return nil, err
	}
	return &Optional{elem, v}, nil
}

// Value is what the optional holds, nil when it is empty.
func (o *Optional) Value() Value { return o.value }

// ValueType is the type that the optional was made with.
func (o *Optional) ValueType() ValueType { return OptionalType(o.elem) }

// Release releases what the optional holds.
func (o *Optional) Release() {
	if o.value != nil {
		o.value.Release()
	}
}

func (o *Optional) depth() int {
	if o.value == nil {
		return 1
	}
	return o.value.depth() + 1
}

// Map stands for numbers or strings by keys, as ai.onnx.ml's ZipMap makes it:
// the key at each index stands for the value at the same index.
type Map struct{ keys, values *Tensor }

// NewMap makes a map of two tensors of one dimension and the same length: keys
// of I64 or String, in any order, and values. It keeps both. The error is *Error
// with code InvalidArgument.
func NewMap(keys, values *Tensor) (*Map, error) {
	switch {
	case keys == nil || values == nil:
		return nil, Errorf(InvalidArgument, "a map takes keys and values")
	case keys.ty != I64 && keys.ty != String:
		return nil, Errorf(InvalidArgument, "a map has keys of I64 or STRING, found %s", keys.ty)
	case len(keys.dims) != 1 || !slices.Equal(keys.dims, values.dims):
		return nil, Errorf(InvalidArgument, "a map has as many keys as values, found %v and %v", keys.dims, values.dims)
	}
	return &Map{keys, values}, nil
}

// Keys is a tensor of one dimension, of I64 or String.
func (m *Map) Keys() *Tensor { return m.keys }

// Values is a tensor of one dimension, as long as Keys.
func (m *Map) Values() *Tensor { return m.values }

// ValueType is a map to scalars.
func (m *Map) ValueType() ValueType {
	return MapType(m.keys.ty, ValueType{Kind: TensorKind, Type: m.values.ty, Dims: []int64{}})
}

// Release releases keys and values.
func (m *Map) Release() {
	m.keys.Release()
	m.values.Release()
}

func (m *Map) depth() int { return 1 }

// NamedValue is a value under the name the model gives it.
type NamedValue struct {
	Name  string
	Value Value
}

// ValueInfo describes one input or output of a graph.
type ValueInfo struct {
	Name string
	ValueType
}

// ValueDescriber is a Graph, loaded with [LoadOptions.Values], that can say what
// goes in and out, in model order.
type ValueDescriber interface {
	InputValues() []ValueInfo
	OutputValues() []ValueInfo
}

// ValueComputer is an ExecutionContext of a graph that was loaded with
// [LoadOptions.Values].
type ValueComputer interface {
	// ComputeValues is Compute for values of all kinds. An input of an optional
	// type takes an *Optional, or what it may hold, or is left out, which is an
	// empty one. Errors are *Error.
	ComputeValues(ctx context.Context, inputs []NamedValue) ([]NamedValue, error)
}
