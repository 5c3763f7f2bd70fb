package pool

import (
	"errors"
	"sync"
	"sync/atomic"
)

// spins is how often the caller looks for the end of the last ranges before it
// sleeps: about a microsecond, what sleeping and waking would cost.
const spins = 400

// errGoexit is what the caller of a loop panics with whose body ended its
// goroutine on a worker, where it cannot end the caller.
var errGoexit = errors.New("pool: a loop's body called runtime.Goexit")

// loop is one call of Run. It is shared by the caller and every worker whose
// token names it, and goes back for another call when the last of them lets go.
type loop struct {
	n, size int
	chunks  int64
	body    Body

	next     atomic.Int64  // the first chunk that nobody has taken
	done     atomic.Int64  // chunks finished, or left out after a panic or a stop
	finished chan struct{} // gets one value when done reaches chunks
	holders  atomic.Int32

	stop    *atomic.Bool // leaves out chunks when set; may be nil
	failed  atomic.Bool
	failure any // written by the one that set failed, before it counts its chunk as done
}

var loops = sync.Pool{New: func() any { return &loop{finished: make(chan struct{}, 1)} }}

func newLoop(n, size int, body Body) *loop {
	l := loops.Get().(*loop)
	l.n, l.size, l.chunks, l.body = n, size, int64((n-1)/size+1), body
	l.next.Store(0)
	l.done.Store(0)
	l.failed.Store(false)
	l.failure = nil
	l.holders.Store(1)
	return l
}

func (l *loop) release() {
	if l.holders.Add(-1) == 0 {
		l.body, l.failure, l.stop = nil, nil, nil
		loops.Put(l)
	}
}

func (l *loop) help() {
	defer l.release()
	l.run()
}

// run takes chunks until none is left. It takes a panic of the body for the
// caller to raise.
func (l *loop) run() {
	for !l.runUntilPanic() {
	}
}

// runUntilPanic reports whether it came to the end of the loop.
func (l *loop) runUntilPanic() (end bool) {
	running := false
	defer func() {
		if !running {
			return
		}
		failure := recover()
		if failure == nil {
			failure = errGoexit
		}
		if !l.failed.Swap(true) {
			l.failure = failure
		}
		l.finish()
	}()
	for {
		i := l.next.Add(1) - 1
		if i >= l.chunks {
			return true
		}
		if !l.failed.Load() && (l.stop == nil || !l.stop.Load()) {
			lo := int(i) * l.size
			running = true
			l.body.Do(lo, min(lo+l.size, l.n))
			running = false
		}
		l.finish()
	}
}

func (l *loop) finish() {
	if l.done.Add(1) == l.chunks {
		l.finished <- struct{}{}
	}
}

// wait returns when all chunks are done, with what the body panicked with.
func (l *loop) wait() (failure any, failed bool) {
	for i := 0; i < spins && l.done.Load() < l.chunks; i++ {
	}
	<-l.finished
	return l.failure, l.failed.Load()
}
