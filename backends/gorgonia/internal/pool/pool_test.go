package pool

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestForCoversEveryIndexOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := New(threads)
		for _, n := range []int{-1, 0, 1, 2, 3, 7, 64, 1000} {
			for _, grain := range []int{-1, 0, 1, 2, 5, 64, 5000} {
				t.Run(fmt.Sprintf("threads=%d n=%d grain=%d", threads, n, grain), func(t *testing.T) {
					seen := make([]atomic.Int32, max(n, 0))
					p.For(n, grain, func(lo, hi int) {
						if lo >= hi || hi-lo < grain && hi != n {
							t.Errorf("range [%d, %d)", lo, hi)
						}
						for i := lo; i < hi; i++ {
							seen[i].Add(1)
						}
					})
					for i := range seen {
						if c := seen[i].Load(); c != 1 {
							t.Fatalf("index %d was visited %d times", i, c)
						}
					}
				})
			}
		}
		p.Close()
	}
}

func TestLoopsThatRunInline(t *testing.T) {
	closed := New(4)
	closed.Close()
	for name, c := range map[string]struct {
		pool     *Pool
		n, grain int
	}{
		"a nil pool":            {nil, 100, 1},
		"a pool of one thread":  {New(1), 100, 1},
		"a loop of one range":   {New(4), 100, 100},
		"a pool that is closed": {closed, 100, 1},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			c.pool.For(c.n, c.grain, func(lo, hi int) {
				calls++ // a data race unless inline
				if lo != 0 || hi != c.n {
					t.Errorf("range [%d, %d)", lo, hi)
				}
			})
			if calls != 1 {
				t.Errorf("%d calls, want 1", calls)
			}
			c.pool.Close()
		})
	}
}

func TestThreads(t *testing.T) {
	if got := (*Pool)(nil).Threads(); got != 1 {
		t.Errorf("a nil pool has %d threads, want 1", got)
	}
	if got, want := New(0).Threads(), runtime.GOMAXPROCS(0); got != want {
		t.Errorf("New(0) has %d threads, want %d", got, want)
	}
	p := New(3)
	if got := p.Threads(); got != 3 {
		t.Errorf("New(3) has %d threads", got)
	}
	p.Close()
	if got := p.Threads(); got != 1 {
		t.Errorf("a closed pool has %d threads, want 1", got)
	}
}

func TestSeveralThreadsDoWorkAtOnce(t *testing.T) {
	p := New(3)
	defer p.Close()
	var inside atomic.Int32
	all := make(chan struct{})
	// Every range waits until three are being worked on, which one thread alone never gets to.
	p.For(3, 1, func(lo, hi int) {
		if inside.Add(1) == 3 {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(10 * time.Second):
			t.Error("the ranges did not run at once")
		}
	})
}

func TestAPanicIsCarriedToTheCaller(t *testing.T) {
	p := New(4)
	defer p.Close()
	for at := range 16 {
		func() {
			defer func() {
				if got := recover(); got != "boom" {
					t.Errorf("panic at %d: recovered %v", at, got)
				}
			}()
			p.For(16, 1, func(lo, hi int) {
				if lo <= at && at < hi {
					panic("boom")
				}
			})
			t.Errorf("panic at %d: For returned", at)
		}()
	}
	var sum atomic.Int64
	p.For(100, 1, func(lo, hi int) { sum.Add(int64(hi - lo)) })
	if sum.Load() != 100 {
		t.Errorf("the loop after the panics did %d of 100", sum.Load())
	}
}

func TestABodyThatEndsItsGoroutineDoesNotHang(t *testing.T) {
	p := New(2)
	defer p.Close()
	for range 20 {
		done := make(chan any)
		go func() {
			defer func() { done <- recover() }()
			p.For(8, 1, func(lo, hi int) { runtime.Goexit() })
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("For hangs")
		}
	}
	var sum atomic.Int64
	p.For(100, 1, func(lo, hi int) { sum.Add(int64(hi - lo)) })
	if sum.Load() != 100 {
		t.Errorf("the loop after did %d of 100", sum.Load())
	}
}

func TestNestedAndConcurrentLoopsHammer(t *testing.T) {
	p := New(3)
	defer p.Close()
	var total atomic.Int64
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range 200 {
				p.For(9, 1, func(lo, hi int) {
					for range hi - lo {
						p.For(11, 2, func(lo, hi int) { total.Add(int64(hi - lo)) })
					}
				})
			}
		})
	}
	wg.Wait()
	if want := int64(6 * 200 * 9 * 11); total.Load() != want {
		t.Errorf("%d indices were visited, want %d", total.Load(), want)
	}
}

func TestCloseWhileLoopsRunHammer(t *testing.T) {
	for range 50 {
		p := New(4)
		var total atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					p.For(16, 1, func(lo, hi int) { total.Add(int64(hi - lo)) })
				}
			})
		}
		p.Close()
		wg.Wait()
		if want := int64(4 * 20 * 16); total.Load() != want {
			t.Fatalf("%d indices were visited, want %d", total.Load(), want)
		}
	}
}

func TestCloseEndsTheWorkers(t *testing.T) {
	before := runtime.NumGoroutine()
	p := New(8)
	p.For(100, 1, func(lo, hi int) {})
	p.Close()
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

type nothing struct{}

func (*nothing) Do(lo, hi int) {}

func TestRunDoesNotAllocate(t *testing.T) {
	p := New(4)
	defer p.Close()
	body := &nothing{}
	// Now and then the garbage collector empties the pool of loops, so not 0.
	if got := testing.AllocsPerRun(1000, func() { p.Run(8, 1, body) }); got >= 1 {
		t.Errorf("%v allocations a loop, want 0", got)
	}
}

func BenchmarkFor(b *testing.B) {
	for _, c := range []struct {
		name       string
		threads, n int
	}{{"inline", 2, 1}, {"2 ranges", 2, 2}, {"8 ranges", 2, 8}, {"4 threads, 16 ranges", 4, 16}} {
		b.Run(c.name, func(b *testing.B) {
			p := New(c.threads)
			defer p.Close()
			b.ReportAllocs()
			for b.Loop() {
				p.For(c.n, 1, func(lo, hi int) {})
			}
		})
	}
}

func TestLoopsOfAStoppedPoolLeaveOutWhatIsNotBegun(t *testing.T) {
	for _, threads := range []int{1, 3} {
		var stop atomic.Bool
		p := New(threads)
		defer p.Close()
		q := p.WithStop(&stop)
		var count atomic.Int64
		q.For(1000, 1, func(lo, hi int) {
			if count.Add(int64(hi-lo)) > 100 {
				stop.Store(true)
			}
		})
		if n := count.Load(); n <= 100 || n >= 1000 {
			t.Errorf("%d threads: %d of 1000 were done", threads, n)
		}
		count.Store(0)
		p.For(1000, 1, func(lo, hi int) { count.Add(int64(hi - lo)) })
		if n := count.Load(); n != 1000 || q.Threads() != threads {
			t.Errorf("the pool itself did %d of 1000, on %d threads", n, q.Threads())
		}
	}
}
