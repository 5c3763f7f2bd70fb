package abi

import "iter"

// coroutine is a stack that core code runs on and that can be left in the
// middle: a goroutine that runs only while another waits for it, so that a store
// stays single-threaded. One serves many threads, one after another.
type coroutine struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool

	thread  *Thread // that runs on it
	left    int     // calls of core code that it has room for; see [Core]
	pos     int     // in scheduler.stacks
	active  bool    // it runs, or waits for one that it resumed
	aborted bool    // what is on it is to be unwound
}

func newCoroutine() *coroutine {
	co := &coroutine{}
	co.next, co.stop = iter.Pull(func(yield func(struct{}) bool) {
		co.yield = yield
		for {
			co.thread.slice()
			co.thread = nil
			if !yield(struct{}{}) {
				return
			}
		}
	})
	return co
}

// suspend leaves the coroutine until it is resumed; false means that its
// stack is to be unwound.
func (co *coroutine) suspend() bool {
	if !co.aborted && !co.yield(struct{}{}) {
		co.aborted = true
	}
	return !co.aborted
}

// maxIdleStacks is how many coroutines a store keeps for the next threads.
const maxIdleStacks = 8

// acquireStack gives a thread a stack of its own.
func (s *scheduler) acquireStack(th *Thread) error {
	if len(s.stacks) >= s.store.limits.MaxThreads {
		return trapf(TrapLimit, "%d threads are on stacks of their own, and no more are allowed", len(s.stacks))
	}
	var co *coroutine
	if n := len(s.idle); n > 0 {
		co = s.idle[n-1]
		s.idle = s.idle[:n-1]
	} else {
		co = newCoroutine()
	}
	co.thread, co.left, co.pos = th, s.room, len(s.stacks)
	s.stacks = append(s.stacks, co)
	th.co = co
	return nil
}

// releaseStack takes a stack back that has nothing on it any more.
func (s *scheduler) releaseStack(co *coroutine) {
	s.forgetStack(co)
	if s.closed || len(s.idle) == maxIdleStacks {
		co.stop()
		return
	}
	s.idle = append(s.idle, co)
}

// enterStack runs what is on a coroutine until it blocks or ends.
func (s *scheduler) enterStack(co *coroutine, run func()) {
	co.active = true
	if s.core == nil {
		run()
		co.active = false
		return
	}
	ctx, left := *s.core.Embedder, *s.core.Left
	*s.core.Embedder, *s.core.Left = &s.loop, co.left
	run()
	co.left = *s.core.Left
	*s.core.Embedder, *s.core.Left = ctx, left
	co.active = false
}

// unwind ends every thread that is suspended in the middle of core code. Those
// that are active end by the error that they get.
func (s *scheduler) unwind() {
	for i := len(s.stacks) - 1; i >= 0; i-- {
		if i >= len(s.stacks) {
			continue
		}
		if co := s.stacks[i]; !co.active {
			s.enterStack(co, co.stop)
			s.forgetStack(co)
		}
	}
	for _, co := range s.idle {
		co.stop()
	}
	s.idle = nil
}

// forgetStack takes a stack from those with core code on them.
func (s *scheduler) forgetStack(co *coroutine) {
	last := len(s.stacks) - 1
	s.stacks[co.pos] = s.stacks[last]
	s.stacks[co.pos].pos = co.pos
	s.stacks[last] = nil
	s.stacks = s.stacks[:last]
}
