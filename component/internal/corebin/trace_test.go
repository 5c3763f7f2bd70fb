package corebin

import (
	"reflect"
	"strings"
	"testing"
)

func TestCutTrace(t *testing.T) {
	text := "wasm error: unreachable\nwasm stack trace:\n\tm0.$3(i32,i32) (i32,i64)\n\t\t0x1a: .:1\n\thost.wasi:io/poll@0.2.0#poll(i32,i32,i32)\n" +
		"\tenv.f() i32\n\thost.tick() i32\n\tm12.$70()\n\t\t0x1f4: .:1 (inlined)\n\tm12.$71()\n\t... maybe followed by omitted frames\n\nGo runtime stack trace:\n\tm0.$9()"
	what, frames := CutTrace(text, "tick")
	want := []RawFrame{
		{Module: "m0", Func: 3, Offset: 0x1a},
		{Host: "wasi:io/poll@0.2.0#poll"},
		{Host: "env.f"},
		{Module: "m12", Func: 70, Offset: 0x1f4},
		{Module: "m12", Func: 71},
	}
	if what != "wasm error: unreachable" || !reflect.DeepEqual(frames, want) {
		t.Errorf("%q\n%+v\nwant\n%+v", what, frames, want)
	}
	if what, frames := CutTrace("no trace", ""); what != "no trace" || frames != nil {
		t.Errorf("%q, %v", what, frames)
	}
}

// TestLocate: a module of one import and two functions, whose names are hostile.
func TestLocate(t *testing.T) {
	names := func(entries ...string) []byte {
		b := appendU32(nil, uint32(len(entries)))
		for i, name := range entries {
			b = appendName(appendU32(b, uint32(i)), name)
		}
		return appendSection(appendName(nil, "name"), 1, b)
	}
	code := []byte{2,
		11, 0, opLoop, 0x40, opLocalGet, 0, opBrIf, 0, opEnd, opCall, 2, opEnd, // function 1 calls function 2
		3, 0, 0, opEnd} // function 2 traps
	build := func(custom ...[]byte) []byte {
		m := []byte(preamble)
		m = appendSection(m, sectionType, []byte{1, 0x60, 1, 0x7f, 0})
		m = appendSection(m, sectionImport, []byte{1, 1, 'a', 1, 'b', 0, 0})
		m = appendSection(m, sectionFunction, []byte{2, 0, 0})
		m = appendSection(m, sectionCode, code)
		for _, c := range custom {
			m = appendSection(m, sectionCustom, c)
		}
		return m
	}
	// In the code as it was: a count, then the size, the locals and the instructions of each.
	at := uint64(len(appendSection(appendSection(appendSection([]byte(preamble), sectionType, []byte{1, 0x60, 1, 0x7f, 0}), sectionImport, []byte{1, 1, 'a', 1, 'b', 0, 0}), sectionFunction, []byte{2, 0, 0})) + 2)
	for _, ticks := range []bool{false, true} {
		for _, c := range []struct {
			name   string
			module []byte
			names  [2]string
			source string
		}{
			{"no names", build(), [2]string{}, ""},
			{"names", build(names("imported", "main", "core::fmt<T>::at")), [2]string{"main", "core::fmt<T>::at"}, ""},
			{"names that are not names", build(names("", "a\n\x1b[31mred", "\xff\xfe")), [2]string{"a\n\x1b[31mred", "\ufffd"}, ""},
			{"a name that is huge", build(names("", strings.Repeat("é", 1<<19), strings.Repeat("x", 257))),
				[2]string{strings.Repeat("é", 128) + "...", strings.Repeat("x", 256) + "..."}, ""},
			{"a name section that ends early", build(append(names("", "main"), 1, 200)), [2]string{"main", ""}, ""},
			{"a name section of a billion names", build(appendSection(appendName(nil, "name"), 1, []byte{0xff, 0xff, 0xff, 0xff, 3})), [2]string{}, ""},
			{"dwarf", appendDWARF(build(), uint32(len(code))), [2]string{}, ".:1"},
			{"dwarf that is not dwarf", build(appendName(nil, ".debug_info"), append(appendName(nil, ".debug_line"), "\xff\xff\xff\xff"...)), [2]string{}, ""},
		} {
			// The offsets of call and unreachable in the rewritten code.
			opts := RewriteOptions{Trace: "m"}
			if ticks {
				opts.Tick = &ImportName{"t", "t"}
			}
			out, err := Rewrite(c.module, opts)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(out), "main") || strings.Contains(string(out), "red") {
				t.Errorf("%s: the guest's names are in the rewritten module", c.name)
			}
			first := uint32(1)
			call := []byte{opCall, 2, opEnd}
			if ticks {
				first, call[1] = 2, 3
			}
			rw := &rewriter{}
			if err := rw.readSections(out); err != nil {
				t.Fatal(err)
			}
			body := string(out[rw.sections[sectionCode].start:rw.sections[sectionCode].end])
			raw := []RawFrame{
				{Func: first + 1, Offset: uint64(len(body) - 2)},
				{Func: first, Offset: uint64(strings.LastIndex(body, string(call)))},
			}
			want := []Frame{{2, c.names[1], at + 15, c.source}, {1, c.names[0], at + 10, c.source}}
			if got := Locate(c.module, ticks, raw); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, ticks %t:\n%+v\nwant\n%+v", c.name, ticks, got, want)
			}
		}
	}
	if got := Locate([]byte("no module"), true, []RawFrame{{Func: 1, Offset: 9}}); !reflect.DeepEqual(got, []Frame{{}}) {
		t.Errorf("no module: %+v", got)
	}
}
