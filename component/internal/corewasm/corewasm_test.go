package corewasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/internal/invariants"
)

func newEngine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	if cfg.MemoryLimit == 0 {
		cfg.MemoryLimit = 16 * PageSize
	}
	e, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error("close the engine:", err)
		}
	})
	return e
}

// module builds a core module of sections: id, then contents.
func module(sections ...[]byte) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range sections {
		out = append(binary.AppendUvarint(append(out, s[0]), uint64(len(s)-1)), s[1:]...)
	}
	return out
}

func sec(id byte, parts ...string) []byte { return append([]byte{id}, strings.Join(parts, "")...) }

// Types used below: 0 is func(), 1 is func(i32) -> i32.
var typeSection = sec(1, "\x02", "\x60\x00\x00", "\x60\x01\x7f\x01\x7f")

// guest has a memory of a page, and exports: "m" its memory, "grow" memory.grow, "spin" a loop without
// end, "down" a recursion without end, "trap" an unreachable.
var guest = module(typeSection,
	sec(3, "\x04\x01\x00\x00\x00"),
	sec(5, "\x01\x00\x01"),
	sec(7, "\x05", "\x01m\x02\x00", "\x04grow\x00\x00", "\x04spin\x00\x01", "\x04down\x00\x02", "\x04trap\x00\x03"),
	sec(10, "\x04",
		"\x06\x00\x20\x00\x40\x00\x0b",
		"\x07\x00\x03\x40\x0c\x00\x0b\x0b",
		"\x04\x00\x10\x02\x0b",
		"\x03\x00\x00\x0b"))

// caller imports "x" "f" of type func(i32) -> i32 and exports it again as "f", and "call", which calls it.
var caller = module(typeSection,
	sec(2, "\x01", "\x01x\x01f\x00\x01"),
	sec(3, "\x01\x01"),
	sec(7, "\x02", "\x01f\x00\x00", "\x04call\x00\x01"),
	sec(10, "\x01", "\x06\x00\x20\x00\x10\x00\x0b"))

// sharer imports "x" "m", a memory, and exports it again.
var sharer = module(sec(2, "\x01", "\x01x\x01m\x02\x00\x01"), sec(7, "\x01", "\x02m2\x02\x00"))

func compileModule(t testing.TB, e *Engine, wasm []byte) *Module {
	t.Helper()
	info, err := corebin.Parse(wasm)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]ImportName, len(info.Imports))
	for i, imp := range info.Imports {
		names[i].Name = imp.Name
	}
	m, err := e.Compile(t.Context(), wasm, info, "m", names, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func instantiateIn(t testing.TB, s *Space, m *Module, args ...Exporter) *Instance {
	t.Helper()
	i, err := s.Instantiate(&Context{Context: t.Context()}, m, args)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func bothEngines(t *testing.T, f func(t *testing.T, cfg Config)) {
	t.Run("compiler", func(t *testing.T) { f(t, Config{Compiler: true}) })
	t.Run("interpreter", func(t *testing.T) { f(t, Config{Interpreter: true}) })
}

func TestHostFunctionsGetTheContextAndTheirErrorsComeBack(t *testing.T) {
	bothEngines(t, func(t *testing.T, cfg Config) {
		e := newEngine(t, cfg)
		refused := errors.New("refused")
		host, err := e.CompileHost(t.Context(), []HostFunc{{
			Export: "f", Name: "f", Params: []ValType{I32}, Results: []ValType{I32},
			Fn: GoFunc(func(c *Context, stack []uint64) error {
				if stack[0] == 0 {
					return fmt.Errorf("argument 0: %w", refused)
				}
				stack[0] += uint64(c.State.(int))
				return nil
			}),
		}})
		if err != nil {
			t.Fatal(err)
		}
		s := e.NewSpace()
		defer s.Close(t.Context())
		i := instantiateIn(t, s, compileModule(t, e, caller), host)
		c := &Context{Context: t.Context(), State: 100}
		for _, name := range []string{"call", "f"} { // "f" is the host function, exported again
			stack := []uint64{5}
			if err := call(i.Func(name), c, t.Context(), stack); err != nil || stack[0] != 105 {
				t.Errorf("%s(5) = %d, %v, want 105", name, stack[0], err)
			}
			if err := call(i.Func(name), c, t.Context(), []uint64{0}); !errors.Is(err, refused) || err.Error() != "argument 0: refused" {
				t.Errorf("%s(0): %v, want the host's own error", name, err)
			}
		}
	})
}

func TestTrapsSayWhatAndWhere(t *testing.T) {
	bothEngines(t, func(t *testing.T, cfg Config) {
		e := newEngine(t, cfg)
		s := e.NewSpace()
		defer s.Close(t.Context())
		i := instantiateIn(t, s, compileModule(t, e, guest))
		short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		for _, c := range []struct {
			name string
			ctx  context.Context
			kind Kind
		}{
			{"trap", t.Context(), Unreachable},
			{"down", t.Context(), StackOverflow},
			{"spin", short, Interrupted},
		} {
			err := call(i.Func(c.name), &Context{}, c.ctx, nil)
			trap, ok := errors.AsType[*Trap](err)
			if !ok || trap.Kind != c.kind {
				t.Errorf("%s: %v, want a trap of kind %q", c.name, err, c.kind)
			} else if c.kind != StackOverflow && len(lastFrames) == 0 {
				t.Errorf("%s: no frames", c.name)
			}
		}
	})
}

func TestAnImportedMemoryOutlivesItsImporter(t *testing.T) {
	e := newEngine(t, Config{})
	s := e.NewSpace()
	owner := instantiateIn(t, s, compileModule(t, e, guest))
	other := instantiateIn(t, s, compileModule(t, e, sharer), owner)
	a, err := owner.Memory("m")
	if err != nil {
		t.Fatal(err)
	}
	b, err := other.Memory("m2")
	if err != nil || a != b {
		t.Fatalf("the memory exported again is %p, %v, want %p", b, err, a)
	}
	if err := other.mod.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Bytes()[0] = 7
	if len(b.Bytes()) != PageSize || b.Bytes()[0] != 7 {
		t.Error("closing the importer took the memory away")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestMemoriesNeverMoveAndComeBackClean(t *testing.T) {
	e := newEngine(t, Config{})
	m := compileModule(t, e, guest)
	for round := range 3 {
		s := e.NewSpace()
		i := instantiateIn(t, s, m)
		mem, err := i.Memory("m")
		if err != nil {
			t.Fatal(err)
		}
		view := mem.Bytes()
		if !bytes.Equal(view, make([]byte, PageSize)) {
			t.Fatalf("round %d: the memory is not clean", round)
		}
		stack := []uint64{9}
		if err := call(i.Func("grow"), &Context{}, t.Context(), stack); err != nil || stack[0] != 1 {
			t.Fatal(stack[0], err)
		}
		grown := mem.Bytes()
		if len(grown) != 10*PageSize || mem.mapped && &grown[0] != &view[0] {
			t.Fatalf("after growing: %d bytes, moved %t", len(grown), &grown[0] != &view[0])
		}
		for k := range grown {
			grown[k] = 0xff
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if mapped := len(e.pool.idle); mapped > 1 {
		t.Errorf("%d reservations for one instance at a time", mapped)
	}
}

func TestTheMemoriesOfASpaceShareOneLimit(t *testing.T) {
	e := newEngine(t, Config{MemoryLimit: 3 * PageSize})
	m := compileModule(t, e, guest)
	s := e.NewSpace()
	defer s.Close(t.Context())
	a, b := instantiateIn(t, s, m), instantiateIn(t, s, m)
	c := &Context{Context: t.Context()}
	for _, step := range []struct {
		i     *Instance
		delta uint64
		want  uint32
	}{{a, 1, 1}, {b, 1, 0xffffffff}, {a, 1, 0xffffffff}, {b, 0, 1}} {
		stack := []uint64{step.delta}
		if err := call(step.i.Func("grow"), c, t.Context(), stack); err != nil || uint32(stack[0]) != step.want {
			t.Errorf("grow by %d = %#x, %v, want %#x", step.delta, stack[0], err, step.want)
		}
	}
	_, err := s.Instantiate(c, m, nil)
	if err == nil || !strings.Contains(err.Error(), "the limit is 196608 bytes") {
		t.Errorf("a memory over the limit: %v", err)
	}
}

func TestAModuleThatAsksForTooMuchIsNotCompiled(t *testing.T) {
	e := newEngine(t, Config{MemoryLimit: PageSize})
	wasm := module(sec(5, "\x01\x00\x02"))
	info, err := corebin.Parse(wasm)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Compile(t.Context(), wasm, info, "m", nil, 0)
	if err == nil || !strings.Contains(err.Error(), "its memory starts with 2 pages, the limit is 1 pages") {
		t.Errorf("%v", err)
	}
}

func TestARunningSpaceIsNotClosed(t *testing.T) {
	e := newEngine(t, Config{})
	s := e.NewSpace()
	var closing error
	host, err := e.CompileHost(t.Context(), []HostFunc{{
		Export: "f", Params: []ValType{I32}, Results: []ValType{I32},
		Fn: GoFunc(func(c *Context, _ []uint64) error {
			closing = s.Close(c.Context)
			return nil
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	i := instantiateIn(t, s, compileModule(t, e, caller), host)
	if err := call(i.Func("call"), &Context{}, t.Context(), []uint64{1}); err != nil {
		t.Fatal(err)
	}
	if closing == nil {
		t.Error("the space was closed while it ran")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	err = call(i.Func("call"), &Context{}, t.Context(), []uint64{1})
	if trap, ok := errors.AsType[*Trap](err); !ok || trap.Kind != Closed {
		t.Errorf("a call after closing: %v", err)
	}
}

func TestAFunctionMayCallItself(t *testing.T) {
	e := newEngine(t, Config{})
	s := e.NewSpace()
	defer s.Close(t.Context())
	var f *Func
	host, err := e.CompileHost(t.Context(), []HostFunc{{
		Export: "f", Params: []ValType{I32}, Results: []ValType{I32},
		Fn: GoFunc(func(c *Context, stack []uint64) error {
			if stack[0] == 0 {
				return nil
			}
			inner := []uint64{stack[0] - 1}
			err := call(f, c, c.Context, inner)
			stack[0] += inner[0]
			return err
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	f = instantiateIn(t, s, compileModule(t, e, caller), host).Func("call")
	c := &Context{Context: t.Context()}
	for range 2 {
		stack := []uint64{100}
		if err := call(f, c, t.Context(), stack); err != nil || stack[0] != 5050 {
			t.Errorf("the sum to 100 = %d, %v", stack[0], err)
		}
	}
	err = call(f, c, t.Context(), []uint64{100_000})
	if trap, ok := errors.AsType[*Trap](err); !ok || trap.Kind != StackOverflow {
		t.Errorf("100000 deep: %v, want a stack overflow", err)
	}
}

func TestSpacesOfManyGoroutines(t *testing.T) {
	e := newEngine(t, Config{})
	m := compileModule(t, e, guest)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				s := e.NewSpace()
				i, err := s.Instantiate(&Context{Context: t.Context()}, m, nil)
				if err != nil {
					t.Error(err)
					return
				}
				stack := []uint64{2}
				if err := call(i.Func("grow"), &Context{}, t.Context(), stack); err != nil || stack[0] != 1 {
					t.Error(stack[0], err)
				}
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// lastFrames are those of the last call that failed.
var lastFrames []corebin.RawFrame

// call calls f as an embedder does.
func call(f *Func, c *Context, ctx context.Context, stack []uint64) error {
	if err := f.space.enter(); err != nil {
		return err
	}
	defer f.space.leave()
	h, err := f.Handle()
	if err != nil {
		return err
	}
	outer := c.Context
	c.Context = ctx
	defer func() { c.Context = outer }()
	if err := h.CallWithStack(c, stack); err != nil {
		lastFrames, err = Translate(err)
		return err
	}
	return nil
}

// TestAnEngineThatIsClosedBeforeItsSpaces is what the invariants build is for.
func TestAnEngineThatIsClosedBeforeItsSpaces(t *testing.T) {
	e, err := New(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	space := e.NewSpace()
	defer space.Close(t.Context())
	var want any
	if invariants.Enabled {
		want = "invariant broken: the engine is closed and 1 of its instances are not"
	}
	defer func() {
		if got := recover(); got != want {
			t.Errorf("panicked with %v, want %v", got, want)
		}
	}()
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
