package wasip1

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasip1/internal/preview1"
)

// name is a name with its length.
func name(s string) string { return string(rune(len(s))) + s }

// imported is an import of a function of preview 1, of type 0, which has its
// parameters.
func imported(function string) (typ, imp string, params int) {
	letters := lettersOf(function)
	results := "\x01\x7f"
	if function == "proc_exit" {
		results = "\x00"
	}
	typ = "\x60" + name(strings.NewReplacer("i", "\x7f", "I", "\x7e").Replace(letters)) + results
	return typ, name(preview1.ModuleName) + name(function) + "\x00\x00", len(letters)
}

func lettersOf(function string) string {
	for _, f := range preview1.Functions {
		if f.Name == function {
			return f.Params
		}
	}
	return "i" // proc_exit
}

// sectionOf is a section whose contents may be longer than section's.
func sectionOf(id byte, contents string) string {
	return string(rune(id)) + leb(len(contents)) + contents
}

func leb(n int) string {
	s := ""
	for ; n >= 0x80; n >>= 7 {
		s += string([]byte{byte(n) | 0x80})
	}
	return s + string([]byte{byte(n)})
}

// through exports a function of preview 1 as "f", and has a memory of a page
// unless it is told otherwise.
func through(function string, memory bool) []byte {
	typ, imp, params := imported(function)
	body := "\x00"
	for i := range params {
		body += "\x20" + leb(i)
	}
	body += "\x10\x00\x0b"
	wasm := head + sectionOf(1, "\x01"+typ) + sectionOf(2, "\x01"+imp) + sectionOf(3, "\x01\x00")
	if memory {
		wasm += sectionOf(5, "\x01\x00\x01")
	}
	return []byte(wasm + sectionOf(7, "\x01\x01f\x00\x01") + sectionOf(10, "\x01"+leb(len(body))+body))
}

// repeated exports as "f" a function that calls one of preview 1 so many times as
// its argument says, with arguments that are always the same, and as "o" one that
// opens the file whose name, of four letters, is at 40, for reading and writing.
func repeated(function string, args ...int64) []byte {
	typ, imp, _ := imported(function)
	opens, impOpen, _ := imported("path_open")
	call := func(index int, letters string, args []int64) (code string) {
		for i, a := range args {
			op := "\x41"
			if letters[i] == 'I' {
				op = "\x42"
			}
			code += op + sleb(a)
		}
		return code + "\x10" + leb(index)
	}
	loop := "\x00\x03\x40" + call(0, lettersOf(function), args) + "\x1a" + // drop the errno
		"\x20\x00\x41\x7f\x6a\x22\x00\x0d\x00\x0b\x0b" // again unless the count is used up
	const readWriteSeek = 1<<1 | 1<<6 | 1<<2
	open := "\x00" + call(1, lettersOf("path_open"), []int64{3, 0, 40, 4, 0, readWriteSeek, 0, 0, 0}) + "\x0b"
	return []byte(head + sectionOf(1, "\x04"+typ+"\x60\x01\x7f\x00"+opens+"\x60\x00\x01\x7f") +
		sectionOf(2, "\x02"+imp+strings.TrimSuffix(impOpen, "\x00")+"\x02") + sectionOf(3, "\x02\x01\x03") +
		sectionOf(5, "\x01\x00\x10") + sectionOf(7, "\x03\x01f\x00\x02\x01o\x00\x03\x06memory\x02\x00") +
		sectionOf(10, "\x02"+leb(len(loop))+loop+leb(len(open))+open))
}

func sleb(v int64) string {
	s := ""
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return s + string([]byte{b})
		}
		s += string([]byte{b | 0x80})
	}
}

func instanceWith(t testing.TB, opts Options, wasm []byte, cfg Config) *Instance {
	t.Helper()
	rt, err := NewRuntime(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close(context.Background()) })
	m, err := rt.Compile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	inst, err := rt.Instantiate(t.Context(), m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inst.Close(context.Background()) })
	return inst
}

func TestEveryFunctionCanBeImported(t *testing.T) {
	for _, engine := range []component.Engine{component.EngineAuto, component.EngineInterpreter} {
		rt := runtimeOf(t, Options{Engine: engine})
		for _, memory := range []bool{true, false} {
			for _, f := range preview1.Functions {
				m, err := rt.Compile(t.Context(), through(f.Name, memory))
				if err != nil {
					t.Fatal(err)
				}
				inst, err := rt.Instantiate(t.Context(), m, NewConfig())
				if err != nil {
					t.Fatalf("%s: %v", f.Name, err)
				}
				args := slices.Repeat([]string{"0xffffffff"}, len(f.Params))
				if out, err := inst.Invoke(t.Context(), "f", args...); err != nil || out[0] == "0" && f.Name != "sched_yield" && f.Name != "environ_get" && f.Name != "args_get" {
					t.Errorf("%s, memory %v: %v, %v", f.Name, memory, out, err)
				}
				inst.Close(t.Context())
			}
		}
	}
}

func TestExitClosesTheInstance(t *testing.T) {
	inst := instanceWith(t, Options{}, through("proc_exit", false), NewConfig())
	_, err := inst.Invoke(t.Context(), "f", "7")
	if exit, ok := errors.AsType[*component.ExitError](err); !ok || exit.Code != 7 {
		t.Errorf("%v, want an exit with 7", err)
	}
	if !inst.Module().IsClosed() {
		t.Error("the instance is not closed")
	}
}

func TestCallsPastTheInstanceAreRefused(t *testing.T) {
	inst := instanceWith(t, Options{}, through("sched_yield", false), NewConfig())
	f := inst.Module().ExportedFunction("f")
	if _, err := f.Call(t.Context()); !errors.Is(err, errNoGuest) {
		t.Errorf("%v", err)
	}
	if _, err := f.Call(context.WithoutCancel(inst.context(t.Context()))); err != nil {
		t.Errorf("in a context around the guest's: %v", err)
	}
}

func TestWaitingGuestsStopWhenTheirContextEnds(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	for _, engine := range []component.Engine{component.EngineAuto, component.EngineInterpreter} {
		for _, test := range []struct {
			name string
			args string
		}{
			{"fd_read", "0 64 1 128"},
			{"poll_oneoff", "200 400 1 128"},
		} {
			inst := instanceWith(t, Options{Engine: engine}, through(test.name, true), NewConfig().WithStdin(in))
			mem := inst.Module().Memory()
			mem.WriteUint32Le(68, 8)         // one buffer of 8 bytes at 0
			mem.WriteUint64Le(200+24, 1<<63) // a clock after 292 years
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			_, err := inst.Invoke(ctx, "f", strings.Fields(test.args)...)
			cancel()
			trap, ok := errors.AsType[*abi.Trap](err)
			if !ok || trap.Kind != abi.TrapInterrupted || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want an interruption by the deadline", test.name, err)
			}
		}
	}
}

// BenchmarkHostCalls measures calls of a guest beside the same calls of wazero's
// own preview 1.
func BenchmarkHostCalls(b *testing.B) {
	dir := b.TempDir()
	for name, size := range map[string]int{"file": 1 << 20, "dir/one": 0, "dir/two": 0} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, make([]byte, size), 0o644)); err != nil {
			b.Fatal(err)
		}
	}
	prepare := func(ctx context.Context, b *testing.B, mod api.Module) {
		mem := mod.Memory()
		mem.Write(8, []byte{64, 0, 0, 0, 64, 0, 0, 0, 0, 1, 0, 0, 16, 0, 0, 0}) // buffers of 64 bytes at 64 and of 16 at 256
		mem.Write(24, []byte{0, 4, 0, 0, 0, 0, 8, 0})                           // a buffer of 512 KiB at 1024
		mem.Write(40, []byte("file"))
		mem.Write(48, []byte("dir"))
		if out, err := mod.ExportedFunction("o").Call(ctx); err != nil || out[0] != 0 {
			b.Fatal(out, err)
		}
		b.ReportAllocs()
		b.ResetTimer()
	}
	const file = 4 // opened by prepare
	for _, c := range []struct {
		name string
		call string
		args []int64
	}{
		{"write 64 bytes to a writer", "fd_write", []int64{1, 8, 1, 0}},
		{"write 64 and 16 bytes to a writer", "fd_write", []int64{1, 8, 2, 0}},
		{"read 64 bytes of a file", "fd_pread", []int64{file, 8, 1, 0, 0}},
		{"read 64 and 16 bytes of a file", "fd_pread", []int64{file, 8, 2, 0, 0}},
		{"read 512 KiB of a file", "fd_pread", []int64{file, 24, 1, 0, 0}},
		{"write 64 bytes to a file", "fd_pwrite", []int64{file, 8, 1, 0, 0}},
		{"the time", "clock_time_get", []int64{0, 0, 0}},
		{"the time that has passed", "clock_time_get", []int64{1, 0, 0}},
		{"32 random bytes", "random_get", []int64{64, 32}},
		{"describe a descriptor", "fd_fdstat_get", []int64{file, 256}},
		{"describe a file", "path_filestat_get", []int64{3, 0, 40, 4, 256}},
		{"list a directory", "fd_readdir", []int64{3, 1024, 4096, 0, 0}},
	} {
		wasm := repeated(c.call, c.args...)
		b.Run(c.name+"/ours", func(b *testing.B) {
			inst := instanceWith(b, Options{}, wasm, NewConfig().WithStdout(discard{}).WithDir(dir, "/", false))
			prepare(inst.context(b.Context()), b, inst.Module())
			if _, err := inst.Invoke(b.Context(), "f", fmt.Sprint(b.N)); err != nil {
				b.Fatal(err)
			}
		})
		b.Run(c.name+"/wazero", func(b *testing.B) {
			rt := wazero.NewRuntime(b.Context())
			defer rt.Close(b.Context())
			wasi_snapshot_preview1.MustInstantiate(b.Context(), rt)
			cfg := wazero.NewModuleConfig().WithStdout(discard{}).WithRandSource(rand.Reader).WithSysWalltime().WithSysNanotime().
				WithFSConfig(wazero.NewFSConfig().WithDirMount(dir, "/"))
			mod, err := rt.InstantiateWithConfig(b.Context(), wasm, cfg)
			if err != nil {
				b.Fatal(err)
			}
			prepare(b.Context(), b, mod)
			if _, err := mod.ExportedFunction("f").Call(b.Context(), uint64(b.N)); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// discard is a writer that io.Discard's shortcuts do not know.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
