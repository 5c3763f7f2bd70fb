// Package value holds component-model values as Go values, for callers that
// learn a function's type at run time: the command line, the suites, fuzzers.
package value

import "github.com/wasinn/wasinn/component/types"

// Value is a component-model value:
//
//	bool s8..u64 f32 f64   bool, int8..uint64, float32, float64
//	char                   Char
//	string                 string
//	list                   List, or []byte for list<u8>
//	map                    List of Tuple with a key and a value
//	record tuple           *Record (field order of the type), Tuple
//	variant enum           *Variant, Enum
//	option result          *Option, *Result
//	flags                  Flags
//	own borrow             Handle
//	stream future          *abi.StreamReader[Value], *abi.FutureReader[Value]
//	error-context          *abi.ErrorContext
//
// Lifting makes these types and no others. Lowering takes the same, and List
// for list<u8> too.
type Value any

// Char is a Unicode scalar value.
type Char rune

// List is a list of values of one type.
type List []Value

// Record is a record. Its fields are in the order of the type.
type Record struct{ Fields []Field }

// Field is one field of a record.
type Field struct {
	Name  string
	Value Value
}

// Tuple is a tuple.
type Tuple []Value

// Variant is a variant's case; Value is nil when the case has no payload.
type Variant struct {
	Case  string
	Value Value
}

// Enum is an enum's label.
type Enum string

// Option is an optional value; Value is nil when Some is false.
type Option struct {
	Value Value
	Some  bool
}

// Result is a result: Value is the payload of ok, or of err when IsErr; nil
// when that side has no payload.
type Result struct {
	Value Value
	IsErr bool
}

// Flags are the labels that are set, in the order of the type.
type Flags []string

// Handle is a resource that the host holds: owned, or lent to it for the
// length of a call. Package abi makes them; another implementation is refused.
type Handle interface {
	// Resource is the resource's type.
	Resource() *types.Resource
	// Owned tells own<R> from borrow<R>.
	Owned() bool
}
