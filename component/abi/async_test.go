package abi

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component/types"
)

// asyncGuest is an instance whose core code may block.
func asyncGuest(st *Store, parent *Instance, name string) *guest {
	g := newGuest(st, parent, name)
	g.inst.UseAsync(true)
	g.opts.Async = true
	return g
}

var (
	asyncNop  = &types.Func{Async: true}
	u8Stream  = NewCopyBuiltin(CopyBuiltin{Elem: types.U8, Async: true})
	u8Writes  = NewCopyBuiltin(CopyBuiltin{Elem: types.U8, Async: true, Writes: true})
	syncReads = NewCopyBuiltin(CopyBuiltin{Elem: types.U8})
	u8Future  = NewCopyBuiltin(CopyBuiltin{Elem: types.U8, Async: true, Future: true})
	writesFut = NewCopyBuiltin(CopyBuiltin{Elem: types.U8, Async: true, Future: true, Writes: true})
)

// task runs body as an async task that returns nothing.
func (g *guest) task(ctx context.Context, body func(ctx context.Context) error) error {
	f := g.lift("task", asyncNop, func(ctx context.Context, _ []uint64) error {
		if err := body(ctx); err != nil {
			return err
		}
		return g.inst.TaskReturn(nil, &g.opts, nil)
	})
	_, err := CallDynamic(ctx, f, nil)
	return err
}

func TestStreamCopies(t *testing.T) {
	g := asyncGuest(NewStore(Limits{}), nil, "g")
	i := g.inst
	err := g.task(ctx, func(ctx context.Context) error {
		ends, err := i.NewEnds(u8Stream)
		if err != nil {
			return err
		}
		r, w := uint32(ends), uint32(ends>>32)
		step := func(what string, want uint32) func(got uint32, err error) {
			return func(got uint32, err error) {
				if got != want || err != nil {
					t.Errorf("%s: %#x, %v, want %#x", what, got, err, want)
				}
			}
		}
		copy(g.mem[100:], "streamed")
		step("a read waits", blocked)(i.Copy(ctx, u8Stream, &g.opts, r, 200, 100))
		step("a write meets it", 4<<4)(i.Copy(ctx, u8Writes, &g.opts, w, 100, 4))
		step("another goes on with it", 4<<4)(i.Copy(ctx, u8Writes, &g.opts, w, 104, 4))
		step("a cancel tells what was copied", 8<<4|uint32(copyCancelled))(i.CancelCopy(ctx, u8Stream, r))
		if got := string(g.mem[200:208]); got != "streamed" {
			t.Errorf("read %q", got)
		}
		step("a write waits", blocked)(i.Copy(ctx, u8Writes, &g.opts, w, 100, 8))
		step("a cancel of nothing", uint32(copyCancelled))(i.CancelCopy(ctx, u8Writes, w))
		if err := i.DropEnd(u8Stream, r); err != nil {
			return err
		}
		step("a write to a dropped end", uint32(copyDropped))(i.Copy(ctx, u8Writes, &g.opts, w, 100, 8))
		if err := i.DropEnd(u8Writes, w); err != nil {
			return err
		}
		return nil
	})
	if err != nil || i.NumHandles() != 0 {
		t.Errorf("%v, %d handles left", err, i.NumHandles())
	}
}

func TestAsyncTraps(t *testing.T) {
	for _, c := range []struct {
		name string
		body func(g *guest, ctx context.Context) error
		want TrapKind
	}{
		{"a wait that nothing ends", func(g *guest, ctx context.Context) error {
			s, _ := g.inst.WaitableSetNew()
			_, err := g.inst.WaitableSetWait(ctx, g.opts.Memory, s, 0, false)
			return err
		}, TrapDeadlock},
		{"a set that is none", func(g *guest, ctx context.Context) error {
			_, err := g.inst.WaitableSetPoll(g.opts.Memory, 7, 0, false)
			return err
		}, TrapUnknownHandle},
		{"a future that is dropped unwritten", func(g *guest, ctx context.Context) error {
			ends, _ := g.inst.NewEnds(u8Future)
			return g.inst.DropEnd(writesFut, uint32(ends>>32))
		}, TrapState},
		{"a set that is used as a stream", func(g *guest, ctx context.Context) error {
			s, _ := g.inst.WaitableSetNew()
			return g.inst.DropEnd(u8Stream, s)
		}, TrapHandleType},
		{"a set with something in it", func(g *guest, ctx context.Context) error {
			s, _ := g.inst.WaitableSetNew()
			ends, _ := g.inst.NewEnds(u8Stream)
			if err := g.inst.WaitableJoin(uint32(ends), s); err != nil {
				return err
			}
			return g.inst.WaitableSetDrop(s)
		}, TrapState},
		{"a cancel of a task that nobody cancelled", func(g *guest, ctx context.Context) error {
			return g.inst.TaskCancel()
		}, TrapState},
		{"backpressure below nothing", func(g *guest, ctx context.Context) error { return g.inst.BackpressureDec() }, TrapState},
		{"an event that is stored outside memory", func(g *guest, ctx context.Context) error {
			s, _ := g.inst.WaitableSetNew()
			_, err := g.inst.WaitableSetPoll(g.opts.Memory, s, 1<<31, false)
			return err
		}, TrapOutOfBounds},
		{"a thread that does not exist", func(g *guest, ctx context.Context) error { return g.inst.ThreadResumeLater(9) }, TrapUnknownHandle},
	} {
		g := asyncGuest(NewStore(Limits{}), nil, "g")
		if err := g.task(ctx, func(ctx context.Context) error { return c.body(g, ctx) }); trapKind(err) != c.want {
			t.Errorf("%s: %v, want kind %v", c.name, err, c.want)
		}
	}
}

// goroutines returns how many there are once those that end have ended.
func goroutines(most int) (n int) {
	for range 200 {
		if n = runtime.NumGoroutine(); n <= most {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return n
}

func TestSuspendedStacksAreUnwound(t *testing.T) {
	before := runtime.NumGoroutine()
	for name, end := range map[string]func(st *Store, g *guest){
		"the store is closed":  func(st *Store, _ *guest) { st.Close(ctx) },
		"the instance trapped": func(_ *Store, g *guest) { g.inst.Poison(trapf(TrapCore, "trap")) },
	} {
		st := NewStore(Limits{})
		g := asyncGuest(st, nil, "g")
		unwound := 0
		for range 20 {
			f := g.lift("f", asyncNop, func(ctx context.Context, _ []uint64) error {
				if err := g.inst.TaskReturn(nil, &g.opts, nil); err != nil {
					return err
				}
				_, err := g.inst.ThreadSuspend(ctx, false)
				unwound++
				return err
			})
			if _, err := CallDynamic(ctx, f, nil); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(st.sched.stacks); n != 20 {
			t.Errorf("%d stacks are suspended, want 20", n)
		}
		end(st, g)
		if unwound != 20 || len(st.sched.stacks) != 0 {
			t.Errorf("%s: %d threads were unwound, %d stacks are left", name, unwound, len(st.sched.stacks))
		}
		if n := goroutines(before); n > before {
			t.Errorf("%s: %d goroutines, %d before", name, n, before)
		}
	}
}

func TestThreadsAreLimited(t *testing.T) {
	st := NewStore(Limits{MaxThreads: 3})
	defer st.Close(ctx)
	g := asyncGuest(st, nil, "g")
	var err error
	for n := range 4 {
		f := g.lift("f", asyncNop, func(ctx context.Context, _ []uint64) error {
			g.inst.TaskReturn(nil, &g.opts, nil)
			_, err := g.inst.ThreadSuspend(ctx, false)
			return err
		})
		if _, err = CallDynamic(ctx, f, nil); err != nil && n < 3 {
			t.Errorf("thread %d: %v", n, err)
		}
	}
	if trapKind(err) != TrapLimit {
		t.Errorf("the fourth: %v", err)
	}
}

// FuzzAsyncBuiltins has a task call built-ins as the input says, with handles that
// may be anything. Whatever they do, they neither panic nor hang, and no goroutine
// is left when the store is closed.
func FuzzAsyncBuiltins(f *testing.F) {
	f.Add([]byte{0, 0, 4, 0, 3, 2, 1, 0})
	f.Add([]byte{4, 0, 6, 2, 7, 1, 9, 2, 8, 1, 15, 0, 16, 1})
	f.Add([]byte{14, 0, 14, 0, 0, 0, 3, 1, 3, 2, 2, 3, 10, 1, 11, 1})
	f.Add([]byte{17, 0, 18, 2, 20, 0, 19, 0, 21, 2, 12, 0, 13, 0})
	f.Add([]byte{5, 0, 22, 1, 23, 2, 24, 1, 25, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		before := runtime.NumGoroutine()
		st := NewStore(Limits{MaxTasks: 50, MaxThreads: 20, MaxHandles: 100})
		root := NewInstance(st, nil, "root")
		a, b := asyncGuest(st, root, "a"), asyncGuest(st, root, "b")
		callee := b.lift("callee", asyncNop, func(ctx context.Context, _ []uint64) error {
			if _, err := b.inst.ThreadYield(ctx, true); err != nil {
				return err
			}
			return b.inst.TaskReturn(nil, &b.opts, nil)
		})
		call, err := FuseAsync(callee, NewSignature(asyncNop, nil), true)
		if err != nil {
			t.Fatal(err)
		}
		run, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		err = a.task(run, func(ctx context.Context) error {
			for k := 0; k+1 < len(script) && k < 200; k += 2 {
				if err := a.builtin(ctx, call, script[k], uint32(script[k+1])); err != nil {
					return err
				}
			}
			return nil
		})
		if run.Err() != nil {
			t.Errorf("it hangs: %v", err)
		}
		st.Close(ctx)
		if n := goroutines(before); n > before {
			t.Errorf("%d goroutines, %d before", n, before)
		}
	})
}

// builtin calls the built-in with a number on handle n.
func (g *guest) builtin(ctx context.Context, call *AsyncCall, number byte, n uint32) error {
	i := g.inst
	ignore := func(_ uint32, err error) error { return err }
	ignoreBool := func(_ bool, err error) error { return err }
	copies := []*CopyBuiltin{u8Stream, u8Writes, syncReads, u8Future, writesFut}
	switch number % 27 {
	case 0:
		return ignore(i.WaitableSetNew())
	case 1:
		return ignore(i.WaitableSetWait(ctx, g.opts.Memory, n, 0, n&1 == 0))
	case 2:
		return ignore(i.WaitableSetPoll(g.opts.Memory, n, 0, true))
	case 3:
		return i.WaitableJoin(n&15, n>>4)
	case 4:
		_, err := i.NewEnds(u8Stream)
		return err
	case 5:
		_, err := i.NewEnds(u8Future)
		return err
	case 6, 7, 8, 22, 23:
		return ignore(i.Copy(ctx, copies[int(number)%len(copies)], &g.opts, n, 16, n&7))
	case 9, 24:
		return ignore(i.CancelCopy(ctx, copies[n%5], n&15))
	case 10, 25:
		return i.DropEnd(copies[n%5], n&15)
	case 11:
		return i.SubtaskDrop(n)
	case 12:
		return i.BackpressureInc()
	case 13:
		return i.BackpressureDec()
	case 14:
		stack := [1]uint64{}
		return call.Call(ctx, &g.opts, i, stack[:])
	case 15:
		return ignore(i.SubtaskCancel(ctx, n, n&1 == 0))
	case 16:
		return i.WaitableSetDrop(n)
	case 17:
		return ignore(i.ThreadNew(CoreFuncOf(func(ctx context.Context, _ []uint64) error {
			return ignoreBool(i.ThreadYield(ctx, true))
		}), n))
	case 18:
		return i.ThreadResumeLater(n)
	case 19:
		return ignoreBool(i.ThreadSuspendThenResume(ctx, n, true))
	case 20:
		return ignoreBool(i.ThreadYield(ctx, true))
	case 21:
		return ignoreBool(i.ThreadYieldThenPromote(ctx, n, true))
	}
	i.ContextSet(n&1, n)
	i.ContextGet(n & 1)
	return nil
}
