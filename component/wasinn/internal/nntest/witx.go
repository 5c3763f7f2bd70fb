package nntest

import (
	"encoding/binary"
	"slices"
)

// Import is a function that a test guest imports, by its name and the number
// of its parameters, all i32 like its result.
type Import struct {
	Name   string
	Params int
}

// WitxImports are the functions of wasi_ephemeral_nn.
var WitxImports = []Import{
	{"load", 5}, {"load_by_name", 3}, {"load_by_name_with_config", 5}, {"init_execution_context", 2}, {"set_input", 3},
	{"set_input_by_string", 4}, {"compute", 1}, {"compute_single", 1}, {"get_output", 5}, {"get_output_single", 5},
	{"get_output_by_string", 6}, {"fini_single", 1}, {"unload", 1}, {"finalize_execution_context", 1},
}

// LegacyImports are the functions of wasi_nn, as old WAMR guests declare them.
var LegacyImports = []Import{
	{"load", 4}, {"load_by_name", 3}, {"load_by_name_with_config", 5}, {"init_execution_context", 2}, {"set_input", 3},
	{"compute", 1}, {"get_output", 4},
}

// WitxGuest assembles a core module that imports funcs from module and exports
// each under its name, wrapped, with pages of memory unless there are none. So
// a test in Go can call the host as a guest does.
func WitxGuest(module string, funcs []Import, pages byte) []byte {
	vec := func(items ...[]byte) []byte {
		b := binary.AppendUvarint(nil, uint64(len(items)))
		return append(b, slices.Concat(items...)...)
	}
	str := func(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }
	section := func(id byte, body []byte) []byte {
		return append(binary.AppendUvarint([]byte{id}, uint64(len(body))), body...)
	}
	const i32 = 0x7f
	var types, imports, decls, exports, codes [][]byte
	for i, f := range funcs {
		types = append(types, slices.Concat([]byte{0x60, byte(f.Params)}, slices.Repeat([]byte{i32}, f.Params), []byte{1, i32}))
		imports = append(imports, slices.Concat(str(module), str(f.Name), []byte{0, byte(i)}))
		decls = append(decls, []byte{byte(i)})
		exports = append(exports, slices.Concat(str(f.Name), []byte{0, byte(len(funcs) + i)}))
		body := []byte{0} // no locals
		for p := range f.Params {
			body = append(body, 0x20, byte(p)) // local.get
		}
		body = append(body, 0x10, byte(i), 0x0b) // call, end
		codes = append(codes, append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	}
	wasm := []byte("\x00asm\x01\x00\x00\x00")
	wasm = append(wasm, section(1, vec(types...))...)
	wasm = append(wasm, section(2, vec(imports...))...)
	wasm = append(wasm, section(3, vec(decls...))...)
	if pages > 0 {
		wasm = append(wasm, section(5, vec([]byte{0, pages}))...)
		exports = append(exports, append(str("memory"), 2, 0))
	}
	wasm = append(wasm, section(7, vec(exports...))...)
	return append(wasm, section(10, vec(codes...))...)
}
