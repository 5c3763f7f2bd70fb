// Package types holds the component model's types as immutable Go values.
//
// A value type is one of the primitive constants below or a pointer to one of
// the structs. Two types are the same when [Equal] says so; resources are the
// exception: a [Resource] is the same as itself only, by pointer, since the
// component model makes a new resource type for every definition.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Explainer.md#type-definitions
package types

// ValType is a value type: what a parameter, a result or a field holds.
type ValType interface {
	// String returns the type as WIT text, such as list<u8>.
	String() string
	isValType()
}

// Primitive is a value type without parts.
type Primitive uint8

// The primitive value types, in the order of their binary codes from 0x7f down.
const (
	Bool Primitive = iota
	S8
	U8
	S16
	U16
	S32
	U32
	S64
	U64
	F32
	F64
	Char
	String
	ErrorContext
)

// List is list<Elem>, or list<Elem, Length> when Length is not 0.
type List struct {
	Elem   ValType
	Length uint32 // elements; 0 for a list of any length
}

// Map is map<Key, Value>; it despecializes to list<tuple<Key, Value>>.
type Map struct{ Key, Value ValType }

// Record is a list of named fields.
type Record struct{ Fields []Field }

// Field is one field of a record.
type Field struct {
	Name string
	Type ValType
}

// Tuple is a list of unnamed fields.
type Tuple struct{ Elems []ValType }

// Variant is one of several named cases.
type Variant struct{ Cases []Case }

// Case is one case of a variant; Type is nil when it has no payload.
type Case struct {
	Name string
	Type ValType
}

// Enum is one of several labels.
type Enum struct{ Labels []string }

// Option is an optional Elem.
type Option struct{ Elem ValType }

// Result is result<OK, Err>; either side is nil when it has no payload.
type Result struct{ OK, Err ValType }

// Flags is a set of labels, 1 to 32 of them.
type Flags struct{ Labels []string }

// Own is an owning handle to a resource.
type Own struct{ Resource *Resource }

// Borrow is a handle lent for the length of a call.
type Borrow struct{ Resource *Resource }

// Stream is stream<Elem>; Elem may be nil. It needs async.
type Stream struct{ Elem ValType }

// Future is future<Elem>; Elem may be nil. It needs async.
type Future struct{ Elem ValType }

// Resource is one resource type. Its identity is its address.
type Resource struct {
	// Name is for messages only.
	Name string
}

// Param is a named parameter.
type Param struct {
	Name string
	Type ValType
}

// Func is the type of a function; Result is nil when it returns nothing.
type Func struct {
	Params []Param
	Result ValType
	Async  bool
}

// ExternType is the type of an import or export: *Func, *Instance,
// *Component, *CoreModule, *TypeEq or *TypeSub (a resource type).
type ExternType interface{ isExternType() }

// Extern is a named import or export.
type Extern struct {
	Name string // as the component spells it, such as wasi:nn/graph@0.2.0-rc-2024-10-28
	Type ExternType
}

// Instance is the type of a component instance: its exports, in order.
type Instance struct{ Exports []Extern }

// Component is the type of a component.
type Component struct{ Imports, Exports []Extern }

// CoreModule is the type of a core module. Its entries are described by
// package corebin where they matter; here only names are kept.
type CoreModule struct{ Imports, Exports []CoreExtern }

// CoreExtern is one import or export of a core module.
type CoreExtern struct {
	Module, Name string // Module is empty for exports
	Desc         string // such as "func (i32) -> i32"
}

// TypeEq is an exported or imported type that equals Type.
type TypeEq struct{ Type ValType }

// TypeSub is an imported or exported resource type.
type TypeSub struct{ Resource *Resource }
