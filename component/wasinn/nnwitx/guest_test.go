package nnwitx_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/internal/nntest"
	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
)

// importFunc is a function that a test guest imports, by its name and the
// number of its parameters.
type importFunc struct {
	name   string
	params int
}

var modern = []importFunc{
	{"load", 5}, {"load_by_name", 3}, {"load_by_name_with_config", 5}, {"init_execution_context", 2}, {"set_input", 3},
	{"set_input_by_string", 4}, {"compute", 1}, {"compute_single", 1}, {"get_output", 5}, {"get_output_single", 5},
	{"get_output_by_string", 6}, {"fini_single", 1}, {"unload", 1}, {"finalize_execution_context", 1},
}

var legacy = []importFunc{
	{"load", 4}, {"load_by_name", 3}, {"load_by_name_with_config", 5}, {"init_execution_context", 2}, {"set_input", 3},
	{"compute", 1}, {"get_output", 4},
}

// of2022 is what guests of before load_by_name import.
var of2022 = []importFunc{{"load", 5}, {"init_execution_context", 2}, {"set_input", 3}, {"compute", 1}, {"get_output", 5}}

// guestWasm assembles a module that imports funcs from module and exports
// each under its name, wrapped, with pages of memory unless there are none.
func guestWasm(module string, funcs []importFunc, pages byte) []byte {
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
		types = append(types, slices.Concat([]byte{0x60, byte(f.params)}, slices.Repeat([]byte{i32}, f.params), []byte{1, i32}))
		imports = append(imports, slices.Concat(str(module), str(f.name), []byte{0, byte(i)}))
		decls = append(decls, []byte{byte(i)})
		exports = append(exports, slices.Concat(str(f.name), []byte{0, byte(len(funcs) + i)}))
		body := []byte{0} // no locals
		for p := range f.params {
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

// bench is a runtime with the host modules and an engine behind them.
type bench struct {
	t testing.TB
	e *nntest.Engine
	r wazero.Runtime
	h *nnwitx.Host
}

func newBench(t testing.TB, cfg nnwitx.Config, change ...func(*wasinn.Config)) *bench {
	t.Helper()
	b := &bench{t: t, e: nntest.New()}
	sc := wasinn.Config{Backends: backends.NewSet(b.e)}
	for _, c := range change {
		c(&sc)
	}
	svc, err := wasinn.New(sc)
	if err != nil {
		t.Fatal(err)
	}
	b.r = wazero.NewRuntime(t.Context())
	if b.h, err = nnwitx.Instantiate(t.Context(), b.r, svc, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.h.Close(t.Context())
		b.r.Close(t.Context())
		if open := b.e.Open(); open != (nntest.Open{}) {
			t.Errorf("left open: %+v", open)
		}
	})
	return b
}

// guest is a test guest: its exports are the host's functions.
type guest struct {
	t   testing.TB
	mod api.Module
	fns map[string]api.Function
	top uint32 // memory below it is used
}

func (b *bench) guest(module string, funcs []importFunc) *guest {
	b.t.Helper()
	compiled, err := b.r.CompileModule(b.t.Context(), guestWasm(module, funcs, 8))
	if err != nil {
		b.t.Fatal(err)
	}
	mod, err := b.h.InstantiateModule(b.t.Context(), compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { mod.Close(b.t.Context()) })
	return newGuest(b.t, mod, funcs)
}

func newGuest(t testing.TB, mod api.Module, funcs []importFunc) *guest {
	g := &guest{t: t, mod: mod, fns: map[string]api.Function{}, top: 1024}
	for _, f := range funcs {
		g.fns[f.name] = mod.ExportedFunction(f.name)
	}
	return g
}

// call calls a function and returns its errno.
func (g *guest) call(name string, args ...uint32) uint32 {
	g.t.Helper()
	n, err := g.try(name, args...)
	if err != nil {
		g.t.Fatalf("%s: %v", name, err)
	}
	return n
}

func (g *guest) try(name string, args ...uint32) (uint32, error) {
	params := make([]uint64, len(args))
	for i, a := range args {
		params[i] = uint64(a)
	}
	res, err := g.fns[name].Call(g.t.Context(), params...)
	if err != nil {
		return 0, err
	}
	return uint32(res[0]), nil
}

// put writes b to unused memory and returns where.
func (g *guest) put(b []byte) uint32 {
	g.t.Helper()
	at := g.top
	if !g.mod.Memory().Write(at, b) {
		g.t.Fatalf("%d bytes at %#x", len(b), at)
	}
	g.top += uint32(len(b)) + 1 // so that nothing is aligned
	return at
}

func words(ws ...uint32) []byte {
	var b []byte
	for _, w := range ws {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

func (g *guest) word(at uint32) uint32 {
	w, _ := g.mod.Memory().ReadUint32Le(at)
	return w
}

// str writes s and returns where and how long.
func (g *guest) str(s string) (uint32, uint32) { return g.put([]byte(s)), uint32(len(s)) }

// tensor writes a tensor record, with garbage in the bytes after the type.
func (g *guest) tensor(code byte, data string, dims ...uint32) uint32 {
	rec := words(g.put(words(dims...)), uint32(len(dims)), 0xabcdef00|uint32(code), g.put([]byte(data)), uint32(len(data)))
	return g.put(rec)
}

const unset = 0xdeadbeef

// load loads a model and returns its handle.
func (g *guest) load(model []byte, encoding uint32) uint32 {
	g.t.Helper()
	n, handle := g.tryLoad(encoding, 0, model)
	if n != 0 {
		g.t.Fatalf("load: errno %d", n)
	}
	return handle
}

func (g *guest) tryLoad(encoding, target uint32, parts ...[]byte) (errno, handle uint32) {
	g.t.Helper()
	var pairs []byte
	for _, p := range parts {
		pairs = append(pairs, words(g.put(p), uint32(len(p)))...)
	}
	out := g.put(words(unset))
	n := g.call("load", g.put(pairs), uint32(len(parts)), encoding, target, out)
	return n, g.word(out)
}

func (g *guest) init(graph uint32) uint32 {
	g.t.Helper()
	out := g.put(words(unset))
	if n := g.call("init_execution_context", graph, out); n != 0 {
		g.t.Fatalf("init_execution_context: errno %d", n)
	}
	return g.word(out)
}

// output reads an output with a buffer of max bytes.
func (g *guest) output(ctx, index, max uint32) (errno uint32, data string, written uint32) {
	g.t.Helper()
	buf, out := g.put([]byte(strings.Repeat("#", int(max)))), g.put(words(unset))
	n := g.call("get_output", ctx, index, buf, max, out)
	b, _ := g.mod.Memory().Read(buf, max)
	return n, string(b), g.word(out)
}
