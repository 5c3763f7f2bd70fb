package component_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/value"
)

type pair struct{ A, B uint32 }

type text struct{ Text string }

type data struct{ Bytes []byte }

type code struct{ Code uint32 }

var (
	pairParams = abi.Params(
		abi.FieldOf("a", abi.U32, func(p *pair) *uint32 { return &p.A }),
		abi.FieldOf("b", abi.U32, func(p *pair) *uint32 { return &p.B }))
	textParams = abi.Params(abi.FieldOf("text", abi.String, func(p *text) *string { return &p.Text }))
	dataParams = abi.Params(abi.FieldOf("bytes", abi.Bytes, func(p *data) *[]byte { return &p.Bytes }))
	codeParams = abi.Params(abi.FieldOf("code", abi.U32, func(p *code) *uint32 { return &p.Code }))
)

// host is the state of one instance's test:host/api.
type host struct {
	calls  int
	again  func(context.Context) error // what the function "again" does
	closed *[]string
}

func (h *host) Close(context.Context) error {
	if h.closed != nil {
		*h.closed = append(*h.closed, "host")
	}
	return nil
}

// hostKey is the key of a *host given with component.WithValue.
type hostKey struct{}

// defineHost defines test:host/api in version 0.2.0, which the guest imports as 0.2.3.
func defineHost(t testing.TB, l *component.Linker) component.Slot[*host] {
	slot := component.NewSlot(l, func(s *component.Store) (*host, error) {
		if h, ok := s.Value(hostKey{}).(*host); ok {
			return h, nil
		}
		return &host{}, nil
	})
	const api = "test:host/api@0.2.0"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.DefineFunc(api, "add", abi.FuncType(pairParams, abi.U32), abi.CanonLower(pairParams, abi.U32,
		func(c *abi.Call, p pair) (uint32, error) {
			slot.Get(c).calls++
			return p.A + p.B, nil
		})))
	must(l.DefineFunc(api, "length", abi.FuncType(textParams, abi.U32), abi.CanonLower(textParams, abi.U32,
		func(c *abi.Call, p text) (uint32, error) { return uint32(len(p.Text)), nil })))
	must(l.DefineFunc(api, "sum", abi.FuncType(dataParams, abi.U32), abi.CanonLower(dataParams, abi.U32,
		func(c *abi.Call, p data) (uint32, error) { return uint32(len(p.Bytes)), nil })))
	must(l.DefineFunc(api, "stop", abi.FuncType(codeParams, abi.None), abi.CanonLower(codeParams, abi.None,
		func(c *abi.Call, p code) (abi.Unit, error) { return abi.Unit{}, &component.ExitError{Code: p.Code} })))
	must(l.DefineFunc(api, "again", abi.FuncType(abi.None, abi.None), abi.CanonLower(abi.None, abi.None,
		func(c *abi.Call, _ abi.Unit) (abi.Unit, error) {
			if f := slot.Get(c).again; f != nil {
				return abi.Unit{}, f(c.Ctx)
			}
			return abi.Unit{}, nil
		})))
	return slot
}

func newRuntime(t testing.TB, cfg component.Config) *component.Runtime {
	t.Helper()
	rt, err := component.NewRuntime(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(context.Background()); err != nil {
			t.Error("close the runtime:", err)
		}
	})
	return rt
}

func compile(t testing.TB, rt *component.Runtime, file string) *component.Component {
	t.Helper()
	wasm, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	c, err := rt.Compile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// calls returns an instance of testdata/calls.wasm.
func calls(t testing.TB, cfg component.Config, opts ...component.InstanceOption) *component.Instance {
	t.Helper()
	rt := newRuntime(t, cfg)
	l := component.NewLinker(rt)
	defineHost(t, l)
	inst, err := l.Instantiate(t.Context(), compile(t, rt, "calls.wasm"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := inst.Close(context.Background()); err != nil {
			t.Error("close the instance:", err)
		}
	})
	return inst
}

func call(t testing.TB, inst *component.Instance, name string, args ...value.Value) (value.Value, error) {
	t.Helper()
	f, err := inst.Func(name)
	if err != nil {
		t.Fatal(err)
	}
	return f.Call(t.Context(), args...)
}

var engines = []component.Engine{component.EngineCompiler, component.EngineInterpreter}

func TestCallsBothWays(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.String(), func(t *testing.T) {
			inst := calls(t, component.NewConfig().WithEngine(engine))
			for _, c := range []struct {
				name string
				args []value.Value
				want value.Value
			}{
				{"add", []value.Value{uint32(40), uint32(2)}, uint32(42)},
				{"length", []value.Value{"ten bytes!"}, uint32(10)},
				{"count", []value.Value{[]byte{1, 2, 3}}, uint32(3)},
				{"echo", []value.Value{"grüße"}, "grüße"},
				{"echo", []value.Value{strings.Repeat("x", 100_000)}, strings.Repeat("x", 100_000)},
				{"adds", []value.Value{uint32(1000)}, uint32(1000)},
				{"lengths", []value.Value{uint32(10), uint32(10)}, uint32(100)},
				{"sums", []value.Value{uint32(2), uint32(60000)}, uint32(120000)},
			} {
				got, err := call(t, inst, c.name, c.args...)
				if err != nil || !reflect.DeepEqual(got, c.want) {
					t.Errorf("%s = %v, %v, want %v", c.name, got, err, c.want)
				}
			}
		})
	}
}

func TestTypedCalls(t *testing.T) {
	inst := calls(t, component.NewConfig())
	add, err := inst.Func("add")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := component.Call(t.Context(), add, pairParams, abi.U32, pair{40, 2}); got != 42 || err != nil {
		t.Errorf("add = %d, %v", got, err)
	}
	if _, err := component.Call(t.Context(), add, textParams, abi.U32, text{"x"}); err == nil {
		t.Error("add was called with a string")
	}
	echo, err := inst.Func("echo")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := component.Call(t.Context(), echo, textParams, abi.String, text{"hello"}); got != "hello" || err != nil {
		t.Errorf("echo = %q, %v", got, err)
	}
}

func TestRawCalls(t *testing.T) {
	inst := calls(t, component.NewConfig())
	length, err := inst.Func("length")
	if err != nil {
		t.Fatal(err)
	}
	got := uint64(0)
	err = length.CallRaw(t.Context(), func(cx *abi.Context, stack []uint64) error {
		ptr, err := cx.Allocate(1, 5)
		if err != nil {
			return err
		}
		copy((*cx.Opts.Memory)[ptr:], "bytes")
		stack[0], stack[1] = uint64(ptr), 5
		return nil
	}, func(_ []byte, stack []uint64) error {
		got = stack[0]
		return nil
	})
	if err != nil || got != 5 {
		t.Errorf("length = %d, %v", got, err)
	}
	again, err := inst.Func("again")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.CallRaw(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
}

func TestTrapsNameWhatHappenedAndPoisonTheInstance(t *testing.T) {
	for _, engine := range engines {
		for _, c := range []struct {
			name string
			args []value.Value
			kind abi.TrapKind
			msg  string
		}{
			{"abort", nil, abi.TrapUnreachable, "unreachable in"},
			{"divide", []value.Value{uint32(1), uint32(0)}, abi.TrapCore, "integer divide by zero"},
			{"poke", []value.Value{uint32(0xfffffff0)}, abi.TrapCore, "out of bounds memory access"},
			{"recurse", []value.Value{uint32(0)}, abi.TrapStackOverflow, "call stack exhausted"},
			{"bad-string", nil, abi.TrapOutOfBounds, "outside memory"},
		} {
			t.Run(engine.String()+"/"+c.name, func(t *testing.T) {
				inst := calls(t, component.NewConfig().WithEngine(engine))
				_, err := call(t, inst, c.name, c.args...)
				var trap *component.Trap
				if !errors.As(err, &trap) || trap.Kind != c.kind || !strings.Contains(err.Error(), c.msg) {
					t.Fatalf("%s: %v, want a trap of kind %v with %q", c.name, err, c.kind, c.msg)
				}
				first := err.Error()
				_, err = call(t, inst, "add", uint32(1), uint32(2))
				if !errors.As(err, &trap) || trap.Kind != abi.TrapPoisoned || !strings.Contains(err.Error(), first) {
					t.Errorf("after the trap: %v, want a trap that names %q", err, first)
				}
				if inst.Err() == nil {
					t.Error("Err is nil after a trap")
				}
			})
		}
	}
}

func TestCallsOfAClosedInstanceAreRefused(t *testing.T) {
	ctx := context.Background()
	inst := calls(t, component.NewConfig())
	add, err := inst.Func("add")
	if err != nil {
		t.Fatal(err)
	}
	length, err := inst.Func("length")
	if err != nil {
		t.Fatal(err)
	}
	typedAdd, err := component.Bind(add, pairParams, abi.U32)
	if err != nil {
		t.Fatal(err)
	}
	typedLength, err := component.Bind(length, textParams, abi.U32)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]func() error{
		"typed, of numbers": func() error { _, err := typedAdd.Call(ctx, pair{1, 2}); return err },
		"typed, of strings": func() error { _, err := typedLength.Call(ctx, text{"abc"}); return err },
		"dynamic":           func() error { _, err := add.Call(ctx, uint32(1), uint32(2)); return err },
	}
	for name, call := range all {
		if err := call(); err != nil {
			t.Fatalf("%s, before: %v", name, err)
		}
	}
	if err := inst.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for name, call := range all {
		if err := call(); err == nil {
			t.Errorf("%s: an instance that is closed is called", name)
		}
	}
}

func TestExitIsNotATrap(t *testing.T) {
	inst := calls(t, component.NewConfig())
	_, err := call(t, inst, "stop", uint32(7))
	if exit, ok := err.(*component.ExitError); !ok || exit.Code != 7 {
		t.Fatalf("stop: %v, want exit code 7 as itself", err)
	}
	_, err = call(t, inst, "add", uint32(1), uint32(2))
	if _, ok := err.(*component.ExitError); ok || err == nil {
		t.Errorf("a call after the exit: %v, want an error that is not the exit", err)
	}
}

func TestALoopingGuestStopsWhenItsContextEnds(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.String(), func(t *testing.T) {
			inst := calls(t, component.NewConfig().WithEngine(engine))
			spin, err := inst.Func("spin")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_, err = spin.Call(ctx)
			var trap *component.Trap
			if !errors.As(err, &trap) || trap.Kind != abi.TrapInterrupted || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("spin: %v, want an interruption by the deadline", err)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	cfg := component.NewConfig().WithMemoryLimit(10 << 16).WithTableLimit(1000)
	inst := calls(t, cfg)
	for _, c := range []struct {
		name string
		arg  uint32
		want uint32
	}{
		{"grow", 9, 1},
		{"grow", 1, 0xffffffff},
		{"grow-table", 100, 2},
		{"grow-table", 1000, 0xffffffff},
	} {
		if got, err := call(t, inst, c.name, c.arg); err != nil || got != c.want {
			t.Errorf("%s(%d) = %v, %v, want %#x", c.name, c.arg, got, err, c.want)
		}
	}
}

func TestALongResultIsATrapBeyondTheLiftLimit(t *testing.T) {
	inst := calls(t, component.NewConfig().WithLiftLimit(1000))
	if got, err := call(t, inst, "echo", "short"); err != nil || got != "short" {
		t.Errorf("echo of 5 bytes: %v, %v", got, err)
	}
	_, err := call(t, inst, "echo", strings.Repeat("x", 2000))
	var trap *component.Trap
	if !errors.As(err, &trap) || !strings.Contains(err.Error(), "1000 bytes") {
		t.Errorf("echo of 2000 bytes: %v, want a trap that names the limit", err)
	}
}

func TestRefusedByALimit(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  component.Config
		msg  string
	}{
		{"memory from the start", component.NewConfig().WithMemoryLimit(0), "its memory starts with 1 pages"},
		{"tables from the start", component.NewConfig().WithTableLimit(1), "its tables start with 2 elements"},
		{"core instances", component.NewConfig().WithCoreInstanceLimit(1), "more than 1 core instances"},
		{"steps", component.NewConfig().WithPlanLimit(10), "more than 10 steps"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wasm, err := os.ReadFile("testdata/calls.wasm")
			if err != nil {
				t.Fatal(err)
			}
			_, err = newRuntime(t, c.cfg).Compile(t.Context(), wasm)
			var link *component.LinkError
			if !errors.As(err, &link) || !strings.Contains(err.Error(), c.msg) {
				t.Errorf("%v, want a link error with %q", err, c.msg)
			}
		})
	}
}

func TestDestructorsThatCallEachOtherWithoutEndTrap(t *testing.T) {
	rt := newRuntime(t, component.NewConfig())
	inst, err := component.NewLinker(rt).Instantiate(t.Context(), compile(t, rt, "dtor.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	defer inst.Close(context.Background())
	if _, err := call(t, inst, "fill", uint32(100)); err != nil {
		t.Errorf("100 destructors: %v", err)
	}
	_, err = call(t, inst, "fill", uint32(100_000))
	var trap *component.Trap
	if !errors.As(err, &trap) {
		t.Errorf("100000 destructors: %v, want a trap", err)
	}
}

func TestReentryIsRefused(t *testing.T) {
	h := &host{}
	inst := calls(t, component.NewConfig(), component.WithValue(hostKey{}, h))
	var closing error
	h.again = func(ctx context.Context) error {
		closing = inst.Close(ctx)
		f, err := inst.Func("add")
		if err != nil {
			return err
		}
		_, err = f.Call(ctx, uint32(1), uint32(2))
		return err
	}
	_, err := call(t, inst, "again")
	var trap *component.Trap
	if !errors.As(err, &trap) || trap.Kind != abi.TrapCannotEnter {
		t.Errorf("again: %v, want a trap: cannot enter", err)
	}
	if closing == nil {
		t.Error("a running instance was closed")
	}
}

func TestSlotsAreMadeInOrderAndClosedNewestFirst(t *testing.T) {
	rt := newRuntime(t, component.NewConfig())
	l := component.NewLinker(rt)
	var log []string
	first := component.NewSlot(l, func(*component.Store) (closer, error) { return closer{"first", &log}, nil })
	component.NewSlot(l, func(s *component.Store) (closer, error) {
		return closer{"second after " + first.In(s).name, &log}, nil
	})
	inst, err := l.Instantiate(t.Context(), compile(t, rt, "dtor.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := inst.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"close second after first", "close first"}
	if !reflect.DeepEqual(log, want) {
		t.Errorf("log = %q, want %q", log, want)
	}
	if err := l.DefineFunc("a:b/c", "d", abi.FuncType(abi.None, abi.None), func(*abi.Call) error { return nil }); err == nil {
		t.Error("a definition was added to a linker in use")
	}
}

type closer struct {
	name string
	log  *[]string
}

func (c closer) Close() error { *c.log = append(*c.log, "close "+c.name); return nil }

func TestASlotThatFailsClosesThoseBefore(t *testing.T) {
	rt := newRuntime(t, component.NewConfig())
	l := component.NewLinker(rt)
	var log []string
	component.NewSlot(l, func(*component.Store) (closer, error) { return closer{"first", &log}, nil })
	component.NewSlot(l, func(*component.Store) (int, error) { return 0, errors.New("no such device") })
	_, err := l.Instantiate(t.Context(), compile(t, rt, "dtor.wasm"))
	if err == nil || !strings.Contains(err.Error(), "no such device") || !reflect.DeepEqual(log, []string{"close first"}) {
		t.Errorf("%v, log %q", err, log)
	}
}

func TestUnknownFunctionsAreNamedWithWhatThereIs(t *testing.T) {
	inst := calls(t, component.NewConfig())
	_, err := inst.Func("ad")
	if err == nil || !strings.Contains(err.Error(), `exports no "ad"; it exports "add", "length"`) {
		t.Errorf("%v", err)
	}
}

func TestImportsThatTheHostLacks(t *testing.T) {
	rt := newRuntime(t, component.NewConfig())
	c := compile(t, rt, "calls.wasm")
	const api = "test:host/api@0.2.0"
	fn := func(*abi.Call) error { return nil }
	for _, tt := range []struct {
		name   string
		define func(l *component.Linker) error
		msg    string
	}{
		{"nothing at all", func(*component.Linker) error { return nil },
			`import "test:host/api@0.2.3": the host does not define it`},
		{"another version", func(l *component.Linker) error {
			return l.DefineFunc("test:host/api@1.0.0", "add", abi.FuncType(pairParams, abi.U32), fn)
		}, "of this interface it has test:host/api@1.0.0"},
		{"a pre-release", func(l *component.Linker) error {
			return l.DefineFunc("test:host/api@0.2.3-rc1", "add", abi.FuncType(pairParams, abi.U32), fn)
		}, "of this interface it has test:host/api@0.2.3-rc1"},
		{"a name spelled otherwise", func(l *component.Linker) error {
			return l.DefineFunc(api, "len", abi.FuncType(pairParams, abi.U32), fn)
		}, `func "add": the host does not define it`},
		{"another type", func(l *component.Linker) error {
			return l.DefineFunc(api, "length", abi.FuncType(dataParams, abi.U32), fn)
		}, `func "length": param 0: guest calls it "text", host "bytes"`},
		{"another result", func(l *component.Linker) error {
			return l.DefineFunc(api, "add", abi.FuncType(pairParams, abi.U64), fn)
		}, `func "add": result: guest wants u32, host has u64`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := component.NewLinker(rt)
			if err := tt.define(l); err != nil {
				t.Fatal(err)
			}
			_, err := l.Instantiate(t.Context(), c)
			var link *component.LinkError
			if !errors.As(err, &link) || !strings.Contains(err.Error(), tt.msg) {
				t.Errorf("%v\nwant a link error with %q", err, tt.msg)
			}
		})
	}
}

func TestOneComponentManyGoroutines(t *testing.T) {
	rt := newRuntime(t, component.NewConfig())
	l := component.NewLinker(rt)
	defineHost(t, l)
	c := compile(t, rt, "calls.wasm")
	var wg sync.WaitGroup
	errs := make(chan error, 16)
	for g := range 16 {
		wg.Go(func() {
			for i := range 20 {
				if err := useOnce(t.Context(), l, c, g*1000+i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

// useOnce makes an instance, checks that its memory is fresh, and calls it.
func useOnce(ctx context.Context, l *component.Linker, c *component.Component, n int) error {
	inst, err := l.Instantiate(ctx, c)
	if err != nil {
		return err
	}
	defer inst.Close(ctx)
	do := func(name string, want value.Value, args ...value.Value) {
		f, ferr := inst.Func(name)
		if err = errors.Join(err, ferr); err != nil {
			return
		}
		got, cerr := f.Call(ctx, args...)
		if cerr != nil || want != nil && !reflect.DeepEqual(got, want) {
			err = fmt.Errorf("%s: %v, %v, want %v", name, got, cerr, want)
		}
	}
	at := uint32(40_000 + n)
	do("peek", uint32(0), at)
	do("poke", nil, at)
	do("peek", uint32(1), at)
	do("adds", uint32(50), uint32(50))
	text := fmt.Sprintf("instance %d", n)
	do("echo", text, text)
	return err
}

func TestManyInstancesOneAfterAnother(t *testing.T) {
	rt := newRuntime(t, component.NewConfig())
	l := component.NewLinker(rt)
	defineHost(t, l)
	c := compile(t, rt, "calls.wasm")
	use := func(n int) {
		for i := range n {
			if err := useOnce(t.Context(), l, c, i); err != nil {
				t.Fatal(err)
			}
		}
	}
	use(100)
	before := mappings(t)
	use(2000)
	if after := mappings(t); after > before+10 {
		t.Errorf("%d memory mappings after 2000 instances, %d before", after, before)
	}
}

// mappings counts the process's memory mappings.
func mappings(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("no /proc/self/maps: ", err)
	}
	return strings.Count(string(b), "\n")
}

func TestManyInstancesAtOnce(t *testing.T) {
	rt := newRuntime(t, component.NewConfig())
	l := component.NewLinker(rt)
	defineHost(t, l)
	c := compile(t, rt, "calls.wasm")
	var all []*component.Instance
	for range 1000 {
		inst, err := l.Instantiate(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, inst)
	}
	for _, inst := range all {
		if err := inst.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCompilationCache(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		inst := calls(t, component.NewConfig().WithCacheDir(dir))
		if got, err := call(t, inst, "add", uint32(1), uint32(2)); got != uint32(3) || err != nil {
			t.Errorf("add = %v, %v", got, err)
		}
	}
	if entries, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(entries) == 0 {
		t.Errorf("the cache holds %v, %v", entries, err)
	}
}

func TestACacheThatCannotBeReadIsNamed(t *testing.T) {
	dir := t.TempDir()
	rt := newRuntime(t, component.NewConfig().WithCacheDir(dir))
	sub, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(sub) != 1 {
		t.Fatal(sub, err)
	}
	// A file in place of the folder cannot be read as one, not by root either.
	if err := errors.Join(os.RemoveAll(sub[0]), os.WriteFile(sub[0], nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	wasm, err := os.ReadFile("testdata/calls.wasm")
	if err != nil {
		t.Fatal(err)
	}
	_, err = rt.Compile(t.Context(), wasm)
	if err == nil || !strings.Contains(err.Error(), "compilation cache") || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v, want an error that names the cache and its folder", err)
	}
}

func TestADamagedCacheIsStartedAnew(t *testing.T) {
	dir := t.TempDir()
	compile(t, newRuntime(t, component.NewConfig().WithCacheDir(dir)), "calls.wasm")
	entries, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(entries) == 0 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		if err := os.Truncate(e, 20); err != nil {
			t.Fatal(err)
		}
	}
	inst := calls(t, component.NewConfig().WithCacheDir(dir))
	if got, err := call(t, inst, "add", uint32(1), uint32(2)); got != uint32(3) || err != nil {
		t.Errorf("add = %v, %v", got, err)
	}
}

func TestProgress(t *testing.T) {
	rt := newRuntime(t, component.NewConfig())
	wasm, err := os.ReadFile("testdata/calls.wasm")
	if err != nil {
		t.Fatal(err)
	}
	var last component.Progress
	n := 0
	_, err = rt.Compile(t.Context(), wasm, component.WithProgress(func(p component.Progress) { last, n = p, n+1 }))
	if err != nil || n != 2 || last.Done != last.Total || last.Total == 0 {
		t.Errorf("%d calls, last %+v, %v", n, last, err)
	}
}

func TestPreambles(t *testing.T) {
	for _, c := range []struct {
		name              string
		bytes             string
		component, module bool
	}{
		{"a component", "\x00asm\x0d\x00\x01\x00", true, false},
		{"a module", "\x00asm\x01\x00\x00\x00", false, true},
		{"a short file", "\x00asm", false, false},
		{"an empty file", "", false, false},
	} {
		if got := component.IsComponent([]byte(c.bytes)); got != c.component {
			t.Errorf("%s: IsComponent = %t", c.name, got)
		}
		if got := component.IsModule([]byte(c.bytes)); got != c.module {
			t.Errorf("%s: IsModule = %t", c.name, got)
		}
	}
}
