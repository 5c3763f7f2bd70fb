package component_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
)

// An async guest: its import is a Go function that takes its time, and its exports
// take and return streams.
func Example_async() {
	ctx := context.Background()
	wasm, err := os.ReadFile("testdata/async.wasm")
	if err != nil {
		log.Fatal(err)
	}
	rt, err := component.NewRuntime(ctx, component.NewConfig())
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close(ctx)
	c, err := rt.Compile(ctx, wasm)
	if err != nil {
		log.Fatal(err)
	}

	// The first part runs where the guest calls, the second on a goroutine of its own.
	l := component.NewLinker(rt)
	n := abi.Params(abi.FieldOf("n", abi.U32, func(p *uint32) *uint32 { return p }))
	slow := func(_ *abi.Call, n uint32) (func(context.Context) (uint32, error), error) {
		return func(ctx context.Context) (uint32, error) {
			select {
			case <-time.After(time.Millisecond):
				return n + 1, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}, nil
	}
	if err := l.DefineFunc("", "slow", abi.AsyncFuncType(n, abi.U32), abi.CanonLowerAsync(n, abi.U32, slow)); err != nil {
		log.Fatal(err)
	}
	inst, err := l.Instantiate(ctx, c)
	if err != nil {
		log.Fatal(err)
	}
	defer inst.Close(ctx)

	double, err := inst.Func("double")
	if err != nil {
		log.Fatal(err)
	}
	v, err := double.Call(ctx, uint32(20))
	fmt.Println(v, err)

	// count returns a stream and writes to it then, while Run drives it.
	count, err := inst.Func("count")
	if err != nil {
		log.Fatal(err)
	}
	stream, err := component.Call(ctx, count, n, abi.StreamOf(abi.U8), 5)
	if err != nil {
		log.Fatal(err)
	}
	err = inst.Run(ctx, func(ctx context.Context) error {
		defer stream.Close()
		for buf := make([]byte, 3); ; {
			n, err := stream.Read(ctx, buf)
			if err != nil {
				return err
			}
			fmt.Println(buf[:n])
		}
	})
	fmt.Println(err)
	// Output:
	// 42 <nil>
	// [1 2 3]
	// [4 5]
	// EOF
}

// asyncGuest instantiates the async guest with a function slow.
func asyncGuest(t testing.TB, cfg component.Config, slow func(ctx context.Context, n uint32) (uint32, error)) *component.Instance {
	t.Helper()
	ctx := context.Background()
	wasm, err := os.ReadFile("testdata/async.wasm")
	if err != nil {
		t.Fatal(err)
	}
	rt, err := component.NewRuntime(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close(ctx) })
	c, err := rt.Compile(ctx, wasm)
	if err != nil {
		t.Fatal(err)
	}
	l := component.NewLinker(rt)
	begin := func(_ *abi.Call, n uint32) (func(context.Context) (uint32, error), error) {
		return func(ctx context.Context) (uint32, error) { return slow(ctx, n) }, nil
	}
	if err := l.DefineFunc("", "slow", abi.AsyncFuncType(nParam, abi.U32), abi.CanonLowerAsync(nParam, abi.U32, begin)); err != nil {
		t.Fatal(err)
	}
	inst, err := l.Instantiate(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inst.Close(ctx) })
	return inst
}

var nParam = abi.Params(abi.FieldOf("n", abi.U32, func(p *uint32) *uint32 { return p }))

func asyncFunc(t testing.TB, inst *component.Instance, name string) *component.Func {
	t.Helper()
	f, err := inst.Func(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func block(ctx context.Context, _ uint32) (uint32, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestAStreamFromTheHostIsReadByTheGuest(t *testing.T) {
	for _, engine := range []component.Engine{component.EngineCompiler, component.EngineInterpreter} {
		inst := asyncGuest(t, component.NewConfig().WithEngine(engine), block)
		r, w := abi.NewStream(inst.Store().ABI(), abi.U8)
		go func() {
			for i := range 100 {
				if n, err := w.Write(context.Background(), make([]byte, i, 100)); n != i || err != nil {
					t.Errorf("write %d: %d, %v", i, n, err)
				}
				w.Write(context.Background(), []byte{byte(i)})
			}
			w.Close()
		}()
		params := abi.Params(abi.FieldOf("s", abi.StreamOf(abi.U8), func(p **abi.StreamReader[uint8]) **abi.StreamReader[uint8] { return p }))
		sum, err := component.Call(t.Context(), asyncFunc(t, inst, "sum"), params, abi.U32, r)
		if sum != 99*100/2 || err != nil {
			t.Errorf("%v: sum %d, %v", engine, sum, err)
		}
		if _, err := component.Call(t.Context(), asyncFunc(t, inst, "sum"), params, abi.U32, r); err == nil {
			t.Error("a stream is given away twice")
		}
	}
}

func TestAStreamThatTheHostDropsEndsTheGuestsWrites(t *testing.T) {
	inst := asyncGuest(t, component.NewConfig(), block)
	v, err := asyncFunc(t, inst, "count").Call(t.Context(), uint32(9))
	if err != nil {
		t.Fatal(err)
	}
	s := v.(interface{ Close() error })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := inst.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := asyncFunc(t, inst, "count").Call(t.Context(), uint32(9)); err != nil {
		t.Error(err)
	}
}

func TestTheEndOfAContextEndsAWaitAtOnce(t *testing.T) {
	for _, name := range []string{"double", "spin"} {
		before := runtime.NumGoroutine()
		inst := asyncGuest(t, component.NewConfig(), block)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		f := asyncFunc(t, inst, name)
		var err error
		if name == "double" {
			_, err = f.Call(ctx, uint32(1))
		} else {
			_, err = f.Call(ctx)
		}
		if trap, ok := errors.AsType[*component.Trap](err); !ok || trap.Kind != abi.TrapInterrupted {
			t.Errorf("%s: %v", name, err)
		}
		if err := inst.Close(t.Context()); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
		noLeak(t, before)
	}
}

// noLeak checks that no more goroutines are there than before; those that have been
// told to end get some time.
func noLeak(t *testing.T, before int) {
	t.Helper()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestAFailingHostFunctionTrapsItsCaller(t *testing.T) {
	for name, slow := range map[string]func(context.Context, uint32) (uint32, error){
		"error": func(context.Context, uint32) (uint32, error) { return 0, errors.New("out of order") },
		"panic": func(context.Context, uint32) (uint32, error) { panic("out of order") },
	} {
		inst := asyncGuest(t, component.NewConfig(), slow)
		if v, err := asyncFunc(t, inst, "double").Call(t.Context(), uint32(1)); err == nil {
			t.Errorf("%s: returned %v", name, v)
		}
		if inst.Err() == nil {
			t.Errorf("%s: the instance is not poisoned", name)
		}
	}
}

func TestAReadEndsWithItsContext(t *testing.T) {
	inst := asyncGuest(t, component.NewConfig(), block)
	r, w := abi.NewStream(inst.Store().ABI(), abi.U8)
	err := inst.Run(t.Context(), func(ctx context.Context) error {
		short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		if _, err := r.Read(short, make([]byte, 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		done := make(chan error, 1)
		go func() { _, err := w.Write(ctx, []byte{7, 8}); done <- err }()
		buf := make([]byte, 1)
		for want := range 2 {
			if n, err := r.Read(ctx, buf); n != 1 || buf[0] != byte(7+want) || err != nil {
				t.Errorf("read: %d, %v, %v", n, buf, err)
			}
		}
		err := <-done
		w.Close()
		if _, err := r.Read(ctx, buf); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTasksAreLimited(t *testing.T) {
	inst := asyncGuest(t, component.NewConfig().WithTaskLimit(1), block)
	_, err := asyncFunc(t, inst, "double").Call(t.Context(), uint32(1))
	if trap, ok := errors.AsType[*component.Trap](err); !ok || trap.Kind != abi.TrapLimit {
		t.Errorf("got %v", err)
	}
}

// BenchmarkAsync measures calls of async functions by Go, with all that a host has to do.
func BenchmarkAsync(b *testing.B) {
	ctx := context.Background()
	inst := asyncGuest(b, component.NewConfig(), func(_ context.Context, n uint32) (uint32, error) { return n, nil })
	b.Run("export that calls an async host function", func(b *testing.B) {
		f, err := component.Bind(asyncFunc(b, inst, "double"), nParam, abi.U32)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.Call(ctx, 5); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("export that returns a stream, which is dropped", func(b *testing.B) {
		f, err := component.Bind(asyncFunc(b, inst, "count"), nParam, abi.StreamOf(abi.U8))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			s, err := f.Call(ctx, 1)
			if err != nil {
				b.Fatal(err)
			}
			s.Close()
			if err := inst.Drain(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
