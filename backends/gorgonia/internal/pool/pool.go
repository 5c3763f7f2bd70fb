// Package pool runs the loops of numeric kernels on several threads.
//
// A Pool belongs to one engine and is shared by all its computations. Its
// workers are goroutines that sleep on a channel: an idle pool costs nothing but
// their stacks. While a computation runs ([Pool.Begin]) they look for its next loop for
// a moment before they sleep, since waking one takes longer than many loops do.
//
// Loops are cut in chunks, and each thread has a part of them that is the same from
// loop to loop, so that what it wrote in one is in its cache in the next. One that is
// done with its own takes from the others', so a slow or late worker never holds up
// chunks that nobody has begun.
//
//	p := pool.New(4)
//	defer p.Close()
//	p.For(len(x), 4096, func(lo, hi int) {
//		for i := lo; i < hi; i++ {
//			x[i] *= 2
//		}
//	})
package pool

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// stoppableChunks is chunksPerThread of loops that can be stopped, which look whether
// they are between chunks.
const stoppableChunks = 32

// chunksPerThread is how finely a loop is cut beyond one chunk a thread, so that
// threads which the system slows down leave work to the others.
const chunksPerThread = 4

// Pool is a set of threads for loops. All methods may be called from several
// goroutines at once, from inside a loop's body, and on a nil Pool, which runs
// everything inline.
type Pool struct {
	threads int
	closed  atomic.Bool
	patient bool         // whether there is a processor for each thread
	begun   atomic.Int32 // computations between Begin and End
	tokens  chan *loop   // invitations to help with a loop; nil tells a worker to end
	start   sync.Once
	workers int // set by start

	root *Pool        // whose threads this one uses; nil for its own
	stop *atomic.Bool // ends loops when it is set; nil for never
}

// New returns a pool whose loops use up to n threads, the calling goroutine
// among them; n of 1 runs every loop inline and n < 1 means GOMAXPROCS. Workers
// start with the first loop of more than one range.
func New(n int) *Pool {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	return &Pool{threads: n, patient: n <= runtime.GOMAXPROCS(0), tokens: make(chan *loop, 4*n)}
}

// WithStop returns a Pool with the threads of p whose loops leave out what they have
// not begun once stop is set. It is closed by closing p.
func (p *Pool) WithStop(stop *atomic.Bool) *Pool {
	if p = p.own(); p == nil {
		p = single
	}
	return &Pool{root: p, stop: stop}
}

// Begin says that a computation begins, whose loops follow each other closely. Until
// End, workers and callers that wait look for work for a moment before they sleep, unless
// so many computations run that their callers alone keep all threads busy, or there are
// more threads than processors.
func (p *Pool) Begin() {
	if p = p.own(); p != nil {
		p.begun.Add(1)
	}
}

// End ends what Begin began.
func (p *Pool) End() {
	if p = p.own(); p != nil {
		p.begun.Add(-1)
	}
}

// own is the pool whose threads p uses.
func (p *Pool) own() *Pool {
	if p != nil && p.root != nil {
		return p.root
	}
	return p
}

// lingers says whether it is worth to wait awake.
func (p *Pool) lingers() bool {
	n := int(p.begun.Load())
	return p.patient && n > 0 && n < p.threads && !p.closed.Load()
}

// single is the pool of loops that run inline.
var single = New(1)

// Threads says how many threads one loop may use, at least 1.
func (p *Pool) Threads() int {
	if p = p.own(); p == nil || p.closed.Load() {
		return 1
	}
	return p.threads
}

// Close ends the workers once they have finished what they are doing. Loops that
// are running finish, and later ones run inline. A pool that is dropped without
// Close keeps its sleeping workers.
func (p *Pool) Close() {
	if p == nil || p.root != nil || p.closed.Swap(true) {
		return
	}
	p.start.Do(func() {}) // workers that have not started never will
	for range p.workers {
		p.tokens <- nil
	}
}

// Body is what a loop does for the indices lo <= i < hi.
type Body interface {
	Do(lo, hi int)
}

// Worker is a Body that keeps something from one range to the next, such as what it
// has packed for both.
type Worker interface {
	Body
	// Work does what Do does, for each range that s gives. It is called once for each
	// thread that takes part; ranges of one thread mostly follow each other.
	Work(s *Seat)
}

type bodyFunc func(lo, hi int)

func (f bodyFunc) Do(lo, hi int) { f(lo, hi) }

// For calls body for disjoint ranges that together are [0, n), each of at least
// grain indices but for the last (grain < 1 means 1), and returns when all are
// done. Ranges run in any order and on any thread. A loop of one range, and every
// loop of a pool with one thread, runs inline as body(0, n).
//
// A panic in body is raised again in the caller, with the same value, once the
// ranges that had begun are done; ranges that had not are left out.
//
// The only allocation is body itself, where it captures variables; [Pool.Run] has none.
func (p *Pool) For(n, grain int, body func(lo, hi int)) { p.Run(n, grain, bodyFunc(body)) }

// longestPiece bounds the ranges of loops that can be stopped, unless their grain is more:
// a tensor without elements may have any number of rows.
const longestPiece = 1 << 18

// Run is For with a body that need not be a new function at each call.
func (p *Pool) Run(n, grain int, body Body) {
	if n <= 0 {
		return
	}
	threads, per, stop, root := p.Threads(), chunksPerThread, (*atomic.Bool)(nil), p.own()
	if p != nil && p.stop != nil {
		per, stop = stoppableChunks, p.stop
	}
	size := max(grain, 1, (n-1)/(threads*per)+1)
	if stop != nil {
		size = min(size, max(grain, longestPiece))
	}
	worker, ok := body.(Worker)
	if n <= size {
		threads = 1
	}
	if threads == 1 && (!ok || stop == nil) {
		inline(n, size, body, stop)
		return
	}
	l := newLoop(n, size, threads, body)
	l.worker, l.stop = worker, stop
	helpers := min(threads, l.chunks) - 1
	if helpers > 0 {
		root.start.Do(root.startWorkers)
		root.invite(l, helpers)
	}
	l.run(0)
	failure, failed := l.wait(root)
	l.release()
	if failed {
		panic(failure)
	}
}

// inline runs a loop on the caller's goroutine, in one piece when it cannot be stopped.
func inline(n, size int, body Body, stop *atomic.Bool) {
	if stop == nil {
		body.Do(0, n)
		return
	}
	for lo := 0; lo < n && !stop.Load(); lo += size {
		body.Do(lo, min(lo+size, n))
	}
}

func (p *Pool) startWorkers() {
	p.workers = p.threads - 1
	for i := range p.workers {
		go p.worker(i + 1)
	}
}

// invite asks helpers workers to join the loop, without waiting for any: a worker
// that comes late finds nothing left to do, and when the queue is full every
// worker has work enough.
func (p *Pool) invite(l *loop, helpers int) {
	l.holders.Add(int32(helpers))
	for ; helpers > 0; helpers-- {
		select {
		case p.tokens <- l:
		default:
			l.holders.Add(-int32(helpers))
			return
		}
	}
}

// worker helps with loops, at the same seat of each.
func (p *Pool) worker(seat int) {
	// A body may end its goroutine with runtime.Goexit; the pool keeps its size.
	ended := false
	defer func() {
		if !ended {
			go p.worker(seat)
		}
	}()
	for {
		l, ok := await(p, p.tokens)
		if !ok {
			l = <-p.tokens
		}
		if l == nil {
			ended = true
			return
		}
		l.help(seat)
	}
}

// linger is how long one waits awake for what comes soon: longer than an operator that
// has work for one thread alone, and not much more than falling asleep and waking would
// cost.
const linger = 200 * time.Microsecond

// await receives from a channel for as long as it is worth to wait awake.
func await[T any](p *Pool, from <-chan T) (v T, ok bool) {
	const polls, pause = 64, 16
	var deadline time.Time
	for {
		for range polls {
			select {
			case v = <-from:
				return v, true
			default:
			}
			for range pause { // leaves the channel's line to the sender
			}
		}
		if !p.lingers() {
			return v, false
		}
		switch now := time.Now(); {
		case deadline.IsZero():
			deadline = now.Add(linger)
		case now.After(deadline):
			return v, false
		}
	}
}
