// Package abi is the canonical ABI: it lifts core values to component-model
// values and lowers them back.
//
// Types are compiled once to codecs with baked offsets; nothing is walked or
// reflected on per call. No wazero type appears here.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
package abi

import (
	"context"

	"github.com/wasinn/wasinn/component/types"
)

// CONTRACT FILE, written by the coordinator; owner: the abi engineer. The shapes below are what bindgen (generated code) and the engine rely on.

// Memory is a linear memory. Bytes returns a view of all of it; the engine's
// memories never move, so a view stays good across a grow (it is only short).
type Memory interface{ Bytes() []byte }

// CoreFunc calls a core function. stack holds the parameters, then the
// results; it is as long as the longer of the two.
type CoreFunc func(ctx context.Context, stack []uint64) error

// StringEncoding is how strings lie in a guest's memory.
type StringEncoding uint8

const (
	UTF8 StringEncoding = iota
	UTF16
	Latin1UTF16
)

// CanonicalOptions are the canonopts of one lift or lower, resolved.
type CanonicalOptions struct {
	StringEncoding StringEncoding
	Memory         Memory   // nil when the option is absent
	Realloc        CoreFunc // nil when absent: (old, oldSize, align, newSize) -> ptr
	PostReturn     CoreFunc // nil when absent
}

// Store is what instances made together share: per-store host state
// (component.Slot) and the table of host resources' Go values.
type Store struct {
	// Slots is indexed by component.Slot.
	Slots []any
	// ... host resource table, limits: abi engineer
}

// Instance is the spec's ComponentInstance: handle table and flags.
type Instance struct {
	Store *Store
	// ... parent, handle table, mayLeave, mayEnter: abi engineer
}

// Context is the spec's LiftLowerContext.
type Context struct {
	Ctx  context.Context
	Opts *CanonicalOptions
	Inst *Instance
	// ... scratch, lends, copy-or-view flag: abi engineer
}

// CoreValues is the spec's CoreValueIter over a core stack.
type CoreValues struct {
	vs []uint64
	i  int
}

// Codec lifts and lowers values of Go type T. Load reads from a view of
// exactly Size bytes, checked once by the caller. Store writes at an offset
// and asks for a fresh view, since realloc may grow the memory.
type Codec[T any] interface {
	Type() types.ValType
	Align() uint32
	Size() uint32
	Flat() int // number of core values
	Load(cx *Context, b []byte) (T, error)
	Store(cx *Context, v T, ptr uint32) error
	LiftFlat(cx *Context, vi *CoreValues) (T, error)
	LowerFlat(cx *Context, v T, vo *CoreValues) error
}

// Call is one call from a guest to a host function.
type Call struct {
	Context
	Stack []uint64
}

// HostFunc runs one call: it lifts its parameters from c.Stack, works, and
// lowers its result. An error is a trap.
type HostFunc func(c *Call) error

// Option, Result and tuples as generated code spells them.
type Option[T any] struct {
	Value T
	Some  bool
}
type Result[T, E any] struct {
	OK    T
	Err   E
	IsErr bool
}
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}

// Unit stands for a missing payload, as in result<_, error>.
type Unit struct{}

// What generated code calls, all made at package level in gen/*:
//
//	abi.Bool abi.U8 ... abi.F64 abi.Char abi.String   Codec[T] values; String lifts to a VIEW of guest memory when it is utf8
//	abi.Bytes                                  list<u8> as []byte: a view when lifted for a host function
//	abi.List(elem) abi.OptionOf(elem) abi.ResultOf(ok, err) abi.Tuple2Of(a, b) ... abi.Tuple8Of
//	abi.Enum[T ~uint8](labels...)  abi.Flags[T ~uint32](labels...)   T = uint8, uint16 or uint32 kinds
//	records and variants: generated struct + generated codec built with abi.Record/abi.Variant helpers, baked offsets, no reflection
//	abi.NewHostResource[T Dropper](name) *HostResource[T]: .Type() *types.Resource, .Own() Codec[T], .Borrow() Codec[T];
//	   a Go value per rep in the Store's host table; own params remove the handle and give the Go value; resource.drop calls T.Drop
//	abi.CanonLower[P, R](params Codec[P], result Codec[R], fn func(c *Call, p P) (R, error)) HostFunc
//	   does flat or spilled parameters, flat or pointed-to result; params is a record-like codec of a generated struct
//	abi.Func bound to a guest export and abi.CallFunc[P, R](ctx, f, params, result, p) (R, error): canon lift, post-return included

// Dropper is a host resource's Go value.
type Dropper interface {
	// Drop is called once when the last owning handle goes.
	Drop(ctx context.Context) error
}
