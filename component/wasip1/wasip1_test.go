package wasip1

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/types"
)

// section is a section of a module: its id, then its contents behind a length.
func section(id byte, contents ...byte) string {
	return string(append([]byte{id, byte(len(contents))}, contents...))
}

// export is an exported function, with a name of one letter so that sizes stay
// obvious.
func export(name, index byte) []byte { return []byte{1, name, 0, index} }

const head = "\x00asm\x01\x00\x00\x00"

// guest exports functions that do what their letters say:
//
//	a (i32, i32) -> i32: add          l: loop for ever        r: recurse for ever
//	u: unreachable                    c () -> i32: count calls in a global
//	f (f64) -> f64: give back         m (i32) -> i32: memory.grow
//	d () -> i32: load beyond the memory
var guest = []byte(head +
	section(1, 5, // types
		0x60, 2, 0x7f, 0x7f, 1, 0x7f,
		0x60, 0, 0,
		0x60, 0, 1, 0x7f,
		0x60, 1, 0x7c, 1, 0x7c,
		0x60, 1, 0x7f, 1, 0x7f) +
	section(3, 8, 0, 1, 1, 1, 2, 3, 4, 2) +
	section(5, 1, 0, 1) + // a memory of a page
	section(6, 1, 0x7f, 1, 0x41, 0, 0x0b) + // a global, 0
	section(7, append([]byte{8}, bytes.Join([][]byte{
		export('a', 0), export('l', 1), export('r', 2), export('u', 3), export('c', 4), export('f', 5), export('m', 6), export('d', 7),
	}, nil)...)...) +
	section(10, 8,
		7, 0, 0x20, 0, 0x20, 1, 0x6a, 0x0b, // a
		7, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b, // l
		4, 0, 0x10, 2, 0x0b, // r
		3, 0, 0x00, 0x0b, // u
		11, 0, 0x23, 0, 0x41, 1, 0x6a, 0x24, 0, 0x23, 0, 0x0b, // c
		4, 0, 0x20, 0, 0x0b, // f
		6, 0, 0x20, 0, 0x40, 0, 0x0b, // m
		11, 0, 0x41, 0xff, 0xff, 0xff, 0xff, 0x07, 0x28, 2, 0, 0x0b)) // d

func runtimeOf(t *testing.T, opts Options) *Runtime {
	t.Helper()
	rt, err := NewRuntime(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close(context.Background()) })
	return rt
}

func instanceOf(t *testing.T, opts Options, wasm []byte) *Instance {
	t.Helper()
	rt := runtimeOf(t, opts)
	m, err := rt.Compile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	inst, err := rt.Instantiate(t.Context(), m, NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inst.Close(context.Background()) })
	return inst
}

func TestInvokePrintsResultsAsNumbers(t *testing.T) {
	inst := instanceOf(t, Options{MemoryLimit: 4 * pageSize}, guest)
	for _, test := range []struct {
		name string
		call []string
		want []string
	}{
		{"two integers", []string{"a", "2", "3"}, []string{"5"}},
		{"a negative integer", []string{"a", "-5", "2"}, []string{"-3"}},
		{"hexadecimal and unsigned", []string{"a", "0xffffffff", "1"}, []string{"0"}},
		{"a floating-point number", []string{"f", "1.5e3"}, []string{"1500"}},
		{"infinity", []string{"f", "inf"}, []string{"+Inf"}},
		{"a first call", []string{"c"}, []string{"1"}},
		{"a second call, with the state of the first", []string{"c"}, []string{"2"}},
		{"growing within the limit", []string{"m", "3"}, []string{"1"}},
		{"growing beyond the limit", []string{"m", "1"}, []string{"-1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := inst.Invoke(t.Context(), test.call[0], test.call[1:]...)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestInvokeRefusesWhatDoesNotFit(t *testing.T) {
	inst := instanceOf(t, Options{}, guest)
	for _, test := range []struct {
		name string
		call []string
		want error
	}{
		{"too few arguments", []string{"a", "1"}, &ArgumentError{"a takes 2 arguments (i32, i32), 1 are given"}},
		{"a word for a number", []string{"a", "1", "two"}, &ArgumentError{`a: argument 2: "two" is no i32`}},
		{"a number that is too large", []string{"a", "1", "4294967296"}, &ArgumentError{`a: argument 2: "4294967296" is no i32`}},
		{"a function that is not there", []string{"x"}, &NoExportError{"x", []string{"a", "l", "r", "u", "c", "f", "m", "d"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := inst.Invoke(t.Context(), test.call[0], test.call[1:]...); !reflect.DeepEqual(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func TestTrapsHaveKinds(t *testing.T) {
	for _, engine := range []component.Engine{component.EngineAuto, component.EngineInterpreter} {
		for _, test := range []struct {
			name, call string
			want       abi.TrapKind
		}{
			{"an unreachable", "u", abi.TrapUnreachable},
			{"endless recursion", "r", abi.TrapStackOverflow},
			{"a load beyond the memory", "d", abi.TrapCore},
		} {
			t.Run(engine.String()+", "+test.name, func(t *testing.T) {
				inst := instanceOf(t, Options{Engine: engine}, guest)
				_, err := inst.Invoke(t.Context(), test.call)
				trap, ok := errors.AsType[*abi.Trap](err)
				if !ok || trap.Kind != test.want {
					t.Errorf("%v, want a trap of kind %v", err, test.want)
				}
			})
		}
	}
}

func TestGuestStopsWhenItsContextEnds(t *testing.T) {
	inst := instanceOf(t, Options{}, guest)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := inst.Invoke(ctx, "l")
	trap, ok := errors.AsType[*abi.Trap](err)
	if !ok || trap.Kind != abi.TrapInterrupted || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want an interruption by the deadline", err)
	}
}

func TestModulesThatCannotBeRun(t *testing.T) {
	imports := func(module, name, kind string) []byte {
		return []byte(head + section(1, 1, 0x60, 0, 0) +
			section(2, append([]byte{1, byte(len(module))}, module+string(rune(len(name)))+name+kind...)...))
	}
	rt := runtimeOf(t, Options{MemoryLimit: 2 * pageSize, TableLimit: 10})
	for _, test := range []struct {
		name string
		wasm []byte
		want any // what errors.As finds, or a part of the text
	}{
		{"cut short", guest[:40], "announced"},
		{"code that is not valid", []byte(head + section(1, 1, 0x60, 0, 0) + section(3, 1, 0) + section(10, 1, 3, 0, 0x6a, 0x0b)), "invalid function[0]"},
		{"a memory above the limit", []byte(head + section(5, 1, 0, 3)), new(*LimitError)},
		{"a table above the limit", []byte(head + section(4, 1, 0x70, 0, 11)), new(*LimitError)},
		{"an import of no module", imports("nowhere", "f", "\x00\x00"), new(*LinkError)},
		{"an import of no function", imports("wasi_snapshot_preview1", "f", "\x00\x00"), new(*LinkError)},
		{"an import of another type", imports("wasi_snapshot_preview1", "sched_yield", "\x00\x00"), new(*LinkError)},
		{"a memory that is imported", imports("env", "memory", "\x02\x00\x01"), new(*LinkError)},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := rt.Compile(t.Context(), test.wasm)
			if err == nil {
				_, err = rt.Instantiate(t.Context(), m, NewConfig())
			}
			switch want := test.want.(type) {
			case string:
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want a text with %q", err, want)
				}
			default:
				if !errors.As(err, want) {
					t.Errorf("%v (%T), want a %T", err, err, want)
				}
			}
		})
	}
}

func TestLinkErrorNamesTheImport(t *testing.T) {
	err := &LinkError{types.CoreExtern{Module: "env", Name: "f", Desc: "func ()"}, `the host has no module "env"`}
	if got, want := err.Error(), `import "env" "f": the guest wants func (), the host has no module "env"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestConfigIsCheckedBeforeTheGuestRuns(t *testing.T) {
	rt := runtimeOf(t, Options{})
	m, err := rt.Compile(t.Context(), guest)
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"a directory that is not there":         NewConfig().WithDir(filepath.Join(t.TempDir(), "none"), "/", false),
		"a zero byte in an argument":            NewConfig().WithArgs("a\x00b"),
		"a variable without a name":             NewConfig().WithEnv("", "x"),
		"a variable with an = in its name":      NewConfig().WithEnv("a=b", "x"),
		"a second directory that is not there":  NewConfig().WithDir(t.TempDir(), "/a", false).WithDir("", "/b", true),
		"a file where a directory should stand": NewConfig().WithDir(executable(t), "/", false),
	} {
		if inst, err := rt.Instantiate(t.Context(), m, cfg); err == nil {
			inst.Close(t.Context())
			t.Errorf("%s is accepted", name)
		}
	}
}

func executable(t *testing.T) string {
	path, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	return path
}

func TestCacheThatDoesNotWork(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(dir string) error
	}{
		{"gone", os.RemoveAll},
		{"with damaged entries", func(dir string) error {
			entries, err := filepath.Glob(filepath.Join(dir, "wazero-*", "*"))
			if err == nil && len(entries) == 0 {
				err = errors.New("nothing was cached")
			}
			for _, e := range entries {
				err = errors.Join(err, os.WriteFile(e, []byte("damaged"), 0o644))
			}
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for range 2 {
				rt := runtimeOf(t, Options{CacheDir: dir})
				if _, err := rt.Compile(t.Context(), guest); err != nil {
					t.Fatal(err)
				}
				if err := test.spoil(dir); err != nil {
					t.Skip(err) // an interpreter caches nothing
				}
			}
			if _, err := runtimeOf(t, Options{CacheDir: dir}).Compile(t.Context(), guest); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMemoryGrowsInPlace(t *testing.T) {
	rt := &Runtime{opts: Options{MemoryLimit: 8 * pageSize}}
	for _, mapped := range []bool{true, false} {
		m := rt.allocate(0, 0).(*memory)
		if !mapped {
			m.Free()
			m = &memory{limit: rt.opts.MemoryLimit}
		}
		b := m.Reallocate(pageSize)
		b[0] = 7
		grown := m.Reallocate(3 * pageSize)
		if len(grown) != 3*pageSize || grown[0] != 7 || grown[pageSize] != 0 {
			t.Errorf("grown to %d bytes, %d, %d", len(grown), grown[0], grown[pageSize])
		}
		if b := m.Reallocate(8 * pageSize); len(b) != 8*pageSize {
			t.Errorf("the limit gives %d bytes", len(b))
		}
		if m.Reallocate(9*pageSize) != nil {
			t.Error("a page beyond the limit is given")
		}
		m.Free()
		m.Free()
		if m.Reallocate(pageSize) != nil {
			t.Error("a memory that was freed is given")
		}
	}
}
