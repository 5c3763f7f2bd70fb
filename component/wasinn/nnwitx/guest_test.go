package nnwitx_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/internal/nntest"
	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
)

var modern, legacy = nntest.WitxImports, nntest.LegacyImports

// of2022 is what guests of before load_by_name import.
var of2022 = []nntest.Import{
	{Name: "load", Params: 5}, {Name: "init_execution_context", Params: 2}, {Name: "set_input", Params: 3},
	{Name: "compute", Params: 1}, {Name: "get_output", Params: 5},
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

func (b *bench) guest(module string, funcs []nntest.Import) *guest {
	b.t.Helper()
	compiled, err := b.r.CompileModule(b.t.Context(), nntest.WitxGuest(module, funcs, 8))
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

func newGuest(t testing.TB, mod api.Module, funcs []nntest.Import) *guest {
	g := &guest{t: t, mod: mod, fns: map[string]api.Function{}, top: 1024}
	for _, f := range funcs {
		g.fns[f.Name] = mod.ExportedFunction(f.Name)
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
