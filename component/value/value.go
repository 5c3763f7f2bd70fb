// Package value holds component-model values as Go values, for callers that
// learn a function's type at run time: the command line, the suites, fuzzers.
package value

// Value is a component-model value:
//
//	bool s8..u64 f32 f64   bool, int8..uint64, float32, float64
//	char                   Char
//	string                 string
//	list                   List, or []byte for list<u8>
//	record tuple           *Record (field order of the type), Tuple
//	variant enum option result   *Variant, Enum, *Option, *Result
//	flags                  Flags
//	own borrow             Handle
type Value any
