package corebin

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// section, vec and name assemble modules by hand.
func section(id byte, payload ...byte) []byte { return appendSection(nil, id, payload) }

func vec(items ...[]byte) []byte {
	return append(appendU32(nil, uint32(len(items))), bytes.Join(items, nil)...)
}

func name(s string) []byte { return appendName(nil, s) }

func body(locals []byte, code ...byte) []byte {
	b := append(slices.Clone(locals), code...)
	return append(appendU32(nil, uint32(len(b))), b...)
}

func module(sections ...[]byte) []byte {
	return append([]byte(preamble), bytes.Join(sections, nil)...)
}

// busy is a module with one import "env" "f" () -> (), a table that holds
// function 3, and:
//
//	0 import, 1 (i32) -> i32: counts its argument down in a loop
//	2 () -> (): loops without end
//	3 () -> i32: 7
//	4 () -> i32: calls table entry 0
//	5 (i32) -> i32: fibonacci, by calling itself
//	6 (i32) -> i32: three times its argument, by a loop in a loop that br_table leaves
//	7 (i32) -> i32: its argument, by a loop whose count is a parameter of the loop
func busy() []byte {
	i32, none := byte(0x7f), []byte{0}
	return module(
		section(sectionType, vec(
			[]byte{0x60, 0, 0},
			[]byte{0x60, 1, i32, 1, i32},
			[]byte{0x60, 0, 1, i32})...),
		section(sectionImport, vec(slices.Concat(name("env"), name("f"), []byte{0, 0}))...),
		section(sectionFunction, vec([]byte{1}, []byte{0}, []byte{2}, []byte{2}, []byte{1}, []byte{1}, []byte{1})...),
		section(sectionTable, vec([]byte{0x70, 0, 1})...),
		section(sectionExport, vec(
			append(name("count"), 0, 1), append(name("spin"), 0, 2), append(name("indirect"), 0, 4), append(name("fib"), 0, 5),
			append(name("nested"), 0, 6), append(name("param"), 0, 7))...),
		section(sectionElement, vec([]byte{0, opI32Const, 0, opEnd, 1, 3})...),
		section(sectionCode, vec(
			body([]byte{1, 1, i32}, opLoop, 0x40, // one local: iterations
				opLocalGet, 1, opI32Const, 1, 0x6a, opLocalSet, 1,
				opLocalGet, 0, opI32Const, 1, opI32Sub, opLocalTee, 0, opBrIf, 0, opEnd,
				opLocalGet, 1, opEnd),
			body(none, opLoop, 0x40, opBr, 0, opEnd, opEnd),
			body(none, opI32Const, 7, opEnd),
			body(none, opI32Const, 0, opCallIndirect, 2, 0, opEnd),
			body(none, opLocalGet, 0, opI32Const, 2, opI32LtS, opIf, i32, opLocalGet, 0, 0x05,
				opLocalGet, 0, opI32Const, 1, opI32Sub, opCall, 5,
				opLocalGet, 0, opI32Const, 2, opI32Sub, opCall, 5, 0x6a, opEnd, opEnd),
			body([]byte{1, 2, i32}, opBlock, 0x40, opLoop, 0x40, // two locals: the sum, and turns of the inner loop
				opLocalGet, 0, 0x45, opBrIf, 1,
				opI32Const, 3, opLocalSet, 2,
				opBlock, 0x40, opLoop, 0x40,
				opLocalGet, 1, opI32Const, 1, opI32Add, opLocalSet, 1,
				opLocalGet, 2, opI32Const, 1, opI32Sub, opLocalTee, 2,
				opBrTable, 1, 1, 0, opEnd, opEnd,
				opLocalGet, 0, opI32Const, 1, opI32Sub, opLocalSet, 0,
				opBr, 0, opEnd, opEnd,
				opLocalGet, 1, opEnd),
			body([]byte{1, 1, i32}, opI32Const, 0, opLoop, 1, opI32Const, 1, opI32Add, opLocalTee, 1,
				opLocalGet, 1, opLocalGet, 0, opI32LtS, opBrIf, 0, opEnd, opEnd),
		)...),
		section(sectionCustom, slices.Concat(name("name"), section(1, vec(append([]byte{2}, name("spin")...))...))...),
		section(sectionCustom, append(name(".debug_line"), 1, 2, 3)...),
	)
}

// host runs a rewritten module whose imports are "h" "f" and "h" "tick".
func host(t testing.TB, tick func() uint32, wasm []byte) api.Module {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { r.Close(ctx) })
	_, err := r.NewHostModuleBuilder("h").
		NewFunctionBuilder().WithFunc(func() {}).Export("f").
		NewFunctionBuilder().WithFunc(tick).Export("tick").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Instantiate(ctx, wasm)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func rename(int, ImportName) ImportName { return ImportName{"h", "f"} }

func TestRewriteKeepsWhatAModuleDoes(t *testing.T) {
	for _, opts := range []RewriteOptions{
		{Rename: rename},
		{Rename: rename, Tick: &ImportName{"h", "tick"}},
	} {
		wasm, err := Rewrite(busy(), opts)
		if err != nil {
			t.Fatal(err)
		}
		ticks := 0
		m := host(t, func() uint32 { ticks++; return 100 }, wasm)
		for _, c := range []struct {
			name string
			args []uint64
			want uint64
		}{
			{"count", []uint64{5000}, 5000},
			{"indirect", nil, 7},
			{"fib", []uint64{15}, 610},
			{"nested", []uint64{5000}, 15000},
			{"param", []uint64{5000}, 5000},
		} {
			got, err := m.ExportedFunction(c.name).Call(context.Background(), c.args...)
			if err != nil || len(got) != 1 || got[0] != c.want {
				t.Errorf("%s%v = %v, %v; want %d", c.name, c.args, got, err, c.want)
			}
		}
		if (ticks > 0) != (opts.Tick != nil) {
			t.Errorf("tick %v: %d ticks", opts.Tick, ticks)
		}
	}
}

// TestFuelIsBurntForEveryTurn: how far a guest comes between two ticks.
func TestFuelIsBurntForEveryTurn(t *testing.T) {
	wasm, err := Rewrite(busy(), RewriteOptions{Rename: rename, Tick: &ImportName{"h", "tick"}})
	if err != nil {
		t.Fatal(err)
	}
	const fuel, turns = 1000, 1_000_000
	for _, c := range []struct {
		name string
		arg  uint64
	}{{"count", turns}, {"nested", turns / 4}, {"param", turns}} { // nested has 4 turns for each of its argument
		ticks := 0
		m := host(t, func() uint32 { ticks++; return fuel }, wasm)
		if _, err := m.ExportedFunction(c.name).Call(context.Background(), c.arg); err != nil {
			t.Fatal(err)
		}
		// Fuel is burnt moreTurns at a time, and goes below zero before a tick.
		if least, most := turns/(fuel+moreTurns), turns/fuel; ticks < least || ticks > most {
			t.Errorf("%s: %d ticks in %d turns with fuel for %d, want %d to %d", c.name, ticks, turns, fuel, least, most)
		}
	}
}

func TestTickStopsALoopWithoutEnd(t *testing.T) {
	wasm, err := Rewrite(busy(), RewriteOptions{Rename: rename, Tick: &ImportName{"h", "tick"}})
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	ticks := 0
	m := host(t, func() uint32 {
		if ticks++; ticks == 3 {
			panic(stop)
		}
		return 1000
	}, wasm)
	if _, err := m.ExportedFunction("spin").Call(context.Background()); !errors.Is(err, stop) {
		t.Errorf("spin ended with %v, want %v", err, stop)
	}
}

func TestRewriteKeepsFunctionNamesAndDropsOtherCustomSections(t *testing.T) {
	wasm, err := Rewrite(busy(), RewriteOptions{Tick: &ImportName{"h", "tick"}})
	if err != nil {
		t.Fatal(err)
	}
	want := section(sectionCustom, slices.Concat(name("name"), section(1, vec(append([]byte{3}, name("spin")...))...))...)
	if !bytes.HasSuffix(wasm, want) {
		t.Errorf("module ends with %x, want %x", wasm[max(0, len(wasm)-2*len(want)):], want)
	}
	if bytes.Contains(wasm, []byte(".debug_line")) {
		t.Error("the .debug_line section is still there")
	}
}

func TestRewriteAddsTheSectionsThatTicksNeed(t *testing.T) {
	wasm, err := Rewrite([]byte(preamble), RewriteOptions{Tick: &ImportName{"h", "tick"}})
	if err != nil {
		t.Fatal(err)
	}
	want := module(
		section(sectionType, 1, 0x60, 0, 1, 0x7f),
		section(sectionImport, vec(slices.Concat(name("h"), name("tick"), []byte{0, 0}))...),
		section(sectionGlobal, 1, 0x7f, 1, opI32Const, 0xe8, 0x07, opEnd))
	if !bytes.Equal(wasm, want) {
		t.Errorf("got  %x\nwant %x", wasm, want)
	}
}

func TestRewriteRefuses(t *testing.T) {
	fn := func(code ...byte) []byte {
		return module(section(sectionType, 1, 0x60, 0, 0), section(sectionFunction, 1, 0), section(sectionCode, vec(body([]byte{0}, code...))...))
	}
	for _, c := range []struct {
		name string
		wasm []byte
		want string
	}{
		{"an empty file", nil, "not a core module: the first 8 bytes are not those of version 1 (at 0x0)"},
		{"a section that is longer than the file", append(module(), 1, 5), "5 bytes were expected, 0 remain (at 0xa)"},
		{"a section that stands twice", module(section(1, 0), section(1, 0)), "section 1 stands twice (at 0xd)"},
		{"a GC type", module(section(1, 1, 0x5f, 0)), "type form 0x5f belongs to the GC proposal, which this engine does not have (at 0xb)"},
		{"a vector longer than its section", module(section(1, 0xff, 0x01)), "vector of 255 items in 0 bytes (at 0xa)"},
		{"a GC instruction", fn(0xfb, 0, opEnd), "function 0: opcode 0xfb belongs to the GC proposal, which this engine does not have (at 0x17)"},
		{"an exception instruction", fn(0x1f, 0x40, 0, opEnd), "function 0: opcode 0x1f belongs to the exception-handling proposal, which this engine does not have (at 0x17)"},
		{"a body without an end", fn(0x01), "function 0: ends where a byte was expected (at 0x18)"},
		{"bytes behind the end", fn(opEnd, 0x01), "function 0: 1 bytes behind the last end (at 0x18)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Rewrite(c.wasm, RewriteOptions{Tick: &ImportName{"h", "tick"}})
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// FuzzRewrite: Rewrite never panics, and of what it lets through, wazero
// accepts the copy when it accepts the original. (What Rewrite refuses is not
// shown to wazero, which reserves memory for the counts that a module claims.)
func FuzzRewrite(f *testing.F) {
	f.Add(busy())
	f.Add([]byte(preamble))
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	f.Fuzz(func(t *testing.T, wasm []byte) {
		out, err := Rewrite(wasm, RewriteOptions{Tick: &ImportName{"h", "tick"}})
		if err != nil {
			return
		}
		m, err := r.CompileModule(ctx, wasm)
		if err != nil {
			return
		}
		m.Close(ctx)
		m, err = r.CompileModule(ctx, out)
		if err != nil {
			t.Fatalf("wazero refuses the rewritten module: %v", err)
		}
		m.Close(ctx)
	})
}

// BenchmarkTick shows what a check costs per iteration of the smallest loop.
func BenchmarkTick(b *testing.B) {
	for _, c := range []struct {
		name string
		opts RewriteOptions
	}{
		{"without", RewriteOptions{Rename: rename}},
		{"with", RewriteOptions{Rename: rename, Tick: &ImportName{"h", "tick"}}},
	} {
		for _, f := range []struct {
			name string
			arg  uint64
		}{{"count", 1 << 20}, {"fib", 24}} {
			b.Run(f.name+"/"+c.name, func(b *testing.B) {
				wasm, err := Rewrite(busy(), c.opts)
				if err != nil {
					b.Fatal(err)
				}
				fn := host(b, func() uint32 { return 100_000 }, wasm).ExportedFunction(f.name)
				stack := make([]uint64, 1)
				for b.Loop() {
					stack[0] = f.arg
					if err := fn.CallWithStack(context.Background(), stack); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestGuestsDoNotReachWhatIsAdded has modules that name, by the next index
// behind their last, the fuel, the count of turns or the tick's type.
func TestGuestsDoNotReachWhatIsAdded(t *testing.T) {
	i32 := byte(0x7f)
	with := func(export []byte, code ...byte) []byte {
		return module(
			section(sectionType, vec([]byte{0x60, 1, i32, 0})...),
			section(sectionFunction, vec([]byte{0})...),
			section(sectionTable, vec([]byte{0x70, 0, 1})...),
			section(sectionGlobal, vec([]byte{i32, 1, opI32Const, 0, opEnd})...),
			section(sectionExport, vec(export)...),
			section(sectionCode, vec(body([]byte{1, 1, i32}, append(code, opEnd)...))...))
	}
	const drop = 0x1a
	f := append(name("f"), 0, 0)
	for _, c := range []struct {
		name, want string // what refuses it; empty when it is valid
		wasm       []byte
	}{
		{"the last local, global and type", "", with(append(name("g"), 3, 0),
			opLocalGet, 1, opGlobalSet, 0, opI32Const, 0, opI32Const, 0, opCallIndirect, 0, 0)},
		{"a local behind the last", "local 2 of 2", with(f, opLocalGet, 2, drop)},
		{"a local behind the last is set", "local 2 of 2", with(f, opI32Const, 1, opLocalSet, 2)},
		{"a local behind the last is set and left", "local 2 of 2", with(f, opI32Const, 1, opLocalTee, 2, drop)},
		{"a global behind the last", "global 1 of 1", with(f, opGlobalGet, 1, drop)},
		{"a global behind the last is set", "global 1 of 1", with(f, opI32Const, 1, opGlobalSet, 1)},
		{"a global behind the last is exported", "global 1 of 1", with(append(name("g"), 3, 1))},
		{"a type behind the last is called", "type 1 of 1", with(f, opI32Const, 0, opCallIndirect, 1, 0, drop)},
		{"a type behind the last is a block's", "type 1 of 1", with(f, opBlock, 1, opI32Const, 0, opEnd, drop)},
		{"a type behind the last is a function's", "type 1 of 1", module(
			section(sectionType, vec([]byte{0x60, 0, 0})...), section(sectionFunction, vec([]byte{1})...),
			section(sectionCode, vec(body([]byte{0}, opI32Const, 0, opEnd))...))},
		{"a type behind the last is an import's", "type 1 of 1", module(
			section(sectionType, vec([]byte{0x60, 0, 0})...),
			section(sectionImport, vec(slices.Concat(name("env"), name("f"), []byte{0, 1}))...))},
		{"a global that can change is an offset", "global 0 is mutable", module(
			section(sectionImport, vec(slices.Concat(name("env"), name("g"), []byte{3, i32, 1}))...),
			section(sectionMemory, vec([]byte{0, 1})...), section(sectionData, vec([]byte{0, opGlobalGet, 0, opEnd, 0})...))},
		{"a global that comes later is a global's value", "global 1 of 0", module(
			section(sectionGlobal, vec([]byte{i32, 0, opGlobalGet, 1, opEnd}, []byte{i32, 0, opI32Const, 0, opEnd})...))},
		{"a global behind the last is an offset", "global 0 of 0", module(
			section(sectionMemory, vec([]byte{0, 1})...), section(sectionData, vec([]byte{0, opGlobalGet, 0, opEnd, 0})...))},
	} {
		_, err := Rewrite(c.wasm, RewriteOptions{Tick: &ImportName{"env", "tick"}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
