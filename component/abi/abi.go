// Package abi is the canonical ABI: it lifts core values to component-model
// values and lowers them back.
//
// Types are compiled once to codecs with baked offsets; nothing is walked or
// reflected on per call. No wazero type appears here. Files carry the names of
// the specification's sections.
//
// # Codecs
//
// A [Codec] lifts and lowers one type. Typed codecs are values made at package
// level: [Bool] to [F64], [Char], [String], [Bytes], [List], [OptionOf],
// [ResultOf], [Tuple2Of], [Record], [Variant], [Enum], [Flags], and the own and
// borrow codecs of a [HostResource]. [Compile] makes a codec of value.Value for
// a type that is known only at run time.
//
// # Both directions
//
// A host function is wrapped by [CanonLower]: the guest's arguments are lifted
// as views of its memory, valid for the call, and the result is lowered. A
// guest's function is a [Func]: [CallFunc], [CallDynamic] and [CallRaw] lower
// arguments, run it and lift the result. [Fuse] joins the two for calls from
// component to component.
//
// # Errors
//
// An error of this package is a [*Trap], or what a core function or a host
// function returned. Every level that a value is nested in adds a step to a
// trap's path. Any error inside a call poisons the instance.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
package abi

import "github.com/wasinn/wasinn/component/types"

// Codec lifts and lowers values of Go type T.
type Codec[T any] interface {
	// Type is the component-model type.
	Type() types.ValType
	// Align and Size are in bytes of linear memory.
	Align() uint32
	Size() uint32
	// Flat is the number of core values that the type flattens to;
	// layout.MaxFlatParams+1 stands for any larger number.
	Flat() int
	// Load lifts a value from b, which is exactly Size bytes of memory; the
	// caller has checked address and alignment.
	Load(cx *Context, b []byte) (T, error)
	// Store lowers v at ptr; the caller has checked that Size bytes are there.
	// It takes a fresh view of memory, since realloc may grow it.
	Store(cx *Context, v T, ptr uint32) error
	// LiftFlat takes Flat core values from vi.
	LiftFlat(cx *Context, vi *CoreValues) (T, error)
	// LowerFlat puts Flat core values to vo.
	LowerFlat(cx *Context, v T, vo *CoreValues) error
}

// CoreValues is the spec's CoreValueIter over a core stack. A value is held as
// its bit pattern, so that the joins of variant payloads need no conversion.
type CoreValues struct {
	vs []uint64
	i  int
}

// Reset starts over on stack.
func (c *CoreValues) Reset(stack []uint64) { c.vs, c.i = stack, 0 }

// Next takes one core value. An i32 or f32 is in the low 32 bits.
func (c *CoreValues) Next() uint64 {
	v := c.vs[c.i]
	c.i++
	return v
}

// Put puts one core value; an i32 must be zero-extended.
func (c *CoreValues) Put(v uint64) {
	c.vs[c.i] = v
	c.i++
}

// Skip passes over n core values.
func (c *CoreValues) Skip(n int) { c.i += n }

// Zero puts n zeros.
func (c *CoreValues) Zero(n int) {
	clear(c.vs[c.i : c.i+n])
	c.i += n
}

// Unit stands for a missing payload, as in result<_, error>.
type Unit struct{}
