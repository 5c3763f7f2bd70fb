package pool

import (
	"errors"
	"sync"
	"sync/atomic"
)

// errGoexit is what the caller of a loop panics with whose body ended its
// goroutine on a worker, where it cannot end the caller.
var errGoexit = errors.New("pool: a loop's body called runtime.Goexit")

// loop is one call of Run. It is shared by the caller and every worker whose
// token names it, and goes back for another call when the last of them lets go.
type loop struct {
	n, size int
	chunks  int
	body    Body
	worker  Worker // body, where it is one
	seats   []Seat // one for each thread; the caller has the first

	done     atomic.Int64  // chunks finished, or left out after a panic or a stop
	finished chan struct{} // gets one value when done reaches chunks
	holders  atomic.Int32

	stop    *atomic.Bool // leaves out chunks when set; may be nil
	failed  atomic.Bool
	failure any // written by the one that set failed, before it counts its chunk as done
}

// Seat is a thread's place at a loop. The chunks of the loop are shared out among the
// seats; one whose own are taken goes on with those of the next.
type Seat struct {
	loop *loop
	id   int

	next  atomic.Int64 // the first chunk of its share that nobody has taken
	after int64        // the share's end

	from    int   // whose share it takes from, counted from its own
	running bool  // a chunk that it has taken and that has not ended
	done    int64 // chunks that are not counted in the loop yet

	_ [64]byte // keeps seats off each other's lines
}

var loops = sync.Pool{New: func() any { return &loop{finished: make(chan struct{}, 1)} }}

func newLoop(n, size, threads int, body Body) *loop {
	l := loops.Get().(*loop)
	l.n, l.size, l.chunks, l.body = n, size, (n-1)/size+1, body
	if len(l.seats) < threads {
		l.seats = make([]Seat, threads)
	}
	l.shareOut(l.seats[:threads])
	l.done.Store(0)
	l.failed.Store(false)
	l.failure = nil
	l.holders.Store(1)
	return l
}

// shareOut gives each of the first seats as many chunks as the others, or one more.
func (l *loop) shareOut(seats []Seat) {
	l.seats = seats
	shares := min(len(seats), l.chunks)
	for i := range seats {
		s := &seats[i]
		s.loop, s.id, s.from, s.running, s.done = l, i, 0, false, 0
		s.next.Store(int64(min(i, shares) * l.chunks / shares))
		s.after = int64(min(i+1, shares) * l.chunks / shares)
	}
}

func (l *loop) release() {
	if l.holders.Add(-1) == 0 {
		l.body, l.worker, l.failure, l.stop = nil, nil, nil, nil
		l.seats = l.seats[:cap(l.seats)]
		loops.Put(l)
	}
}

func (l *loop) help(seat int) {
	defer l.release()
	l.run(seat)
}

// run takes chunks until none is left. It takes a panic of the body for the
// caller to raise; what is left is left out then.
func (l *loop) run(seat int) {
	s := &l.seats[seat]
	if !s.work() {
		s.Next()
	}
	s.count()
}

// work reports whether the body came to the end of the loop.
func (s *Seat) work() (end bool) {
	l := s.loop
	defer func() {
		if end {
			return
		}
		failure := recover()
		if failure == nil { // the goroutine ends
			failure = errGoexit
			defer s.count()
			defer s.Next()
		}
		if !l.failed.Swap(true) {
			l.failure = failure
		}
	}()
	if l.worker != nil {
		l.worker.Work(s)
		return true
	}
	for lo, hi, ok := s.Next(); ok; lo, hi, ok = s.Next() {
		l.body.Do(lo, hi)
	}
	return true
}

// Next says which range is to be done next, and that the one before is done; ok is false
// when there is none any more.
func (s *Seat) Next() (lo, hi int, ok bool) {
	s.finish()
	l := s.loop
	for s.from < len(l.seats) {
		share := &l.seats[(s.id+s.from)%len(l.seats)]
		i := share.next.Load()
		if i < share.after {
			i = share.next.Add(1) - 1
		}
		if i >= share.after {
			s.from++
			continue
		}
		s.running = true
		if !l.failed.Load() && (l.stop == nil || !l.stop.Load()) {
			lo = int(i) * l.size
			return lo, min(lo+l.size, l.n), true
		}
		s.finish()
	}
	return 0, 0, false
}

// finish ends the chunk that is running, if any is.
func (s *Seat) finish() {
	if s.running {
		s.running = false
		s.done++
	}
}

// count tells the loop of the chunks that are done.
func (s *Seat) count() {
	n := s.done
	s.done = 0
	if n > 0 && s.loop.done.Add(n) == int64(s.loop.chunks) {
		s.loop.finished <- struct{}{}
	}
}

// wait returns when all chunks are done, with what the body panicked with.
func (l *loop) wait(p *Pool) (failure any, failed bool) {
	if _, ok := await(p, l.finished); !ok {
		<-l.finished
	}
	return l.failure, l.failed.Load()
}
