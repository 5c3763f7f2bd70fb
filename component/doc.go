// Package component hosts WebAssembly components: it compiles them, links
// their imports to host functions, instantiates them and calls their exports.
//
//	rt, err := component.NewRuntime(ctx, component.NewConfig())
//	comp, err := rt.Compile(ctx, wasm) // safe to share
//	l := component.NewLinker(rt)       // with definitions, e.g. wasip2.AddToLinker(l, cfg)
//	inst, err := l.Instantiate(ctx, comp)
//	defer inst.Close(ctx)
//	run, err := inst.Func("wasi:cli/run@0.2.0#run")
//	result, err := run.Call(ctx)
//
// # Calling
//
// There are three ways to call a function, with one set of rules. [Func.Call]
// takes and gives dynamic values. [Bind] makes a [Typed] function of Go types, by
// codecs of package abi, whose calls allocate nothing beyond the result.
// [Func.CallRaw] leaves lifting and lowering to the caller.
//
// # Concurrency
//
// A [Runtime], a [Component] and a [Linker] in use are for any number of
// goroutines. An [Instance] with its functions is for one at a time.
//
// # Guests are not trusted
//
// Memory, tables, handles and the size of a component have limits (see
// [Config]); a guest stops when its context ends; a trap ends its instance and
// no other. Bytes that are no valid component are refused with an error that
// says where.
package component

import "bytes"

// IsComponent tells whether wasm begins as a component does, by its preamble.
func IsComponent(wasm []byte) bool {
	return bytes.HasPrefix(wasm, []byte("\x00asm\x0d\x00\x01\x00"))
}

// IsModule tells whether wasm begins as a core module does, by its preamble.
func IsModule(wasm []byte) bool {
	return bytes.HasPrefix(wasm, []byte("\x00asm\x01\x00\x00\x00"))
}
