package abi

import (
	"context"
	"sync"
)

// loopContext is the context of everything that may outlive the call that began
// it: that of the call which drives the store at the time.
type loopContext struct{ context.Context }

// scheduler is the spec's Store.waiting and tick: the threads of a store that
// wait, the stacks that core code is on, and what the host's goroutines have
// done meanwhile.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#embedding
type scheduler struct {
	store   *Store
	core    *Core // nil for engines that know nothing of handles
	room    int   // calls of core code that an empty stack has room for
	loop    loopContext
	waiting threadList
	syncs   int          // synchronous tasks in progress
	tasks   int          // that have not ended, the host's included
	stacks  []*coroutine // with core code on them
	idle    []*coroutine
	closed  bool

	movers map[typePair]*moveList

	// calls is how many calls of the host's functions have not returned, and ends
	// how many ends of streams and futures the host has: both can wake a thread.
	calls, ends int
	goroutines  sync.WaitGroup // of host functions
	ctx         context.Context
	stop        context.CancelFunc
	mail        mailbox
}

// mailbox carries what goroutines of the host have to say to the store.
type mailbox struct {
	mu   sync.Mutex
	jobs []func() error
	full chan struct{}
}

// post has job run by whoever drives the store. It may be called from any
// goroutine.
func (m *mailbox) post(job func() error) {
	m.mu.Lock()
	m.jobs = append(m.jobs, job)
	m.mu.Unlock()
	select {
	case m.full <- struct{}{}:
	default:
	}
}

func (m *mailbox) take() []func() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	jobs := m.jobs
	m.jobs = nil
	return jobs
}

// scheduler returns the store's scheduler, which is made when first asked for.
func (s *Store) scheduler() *scheduler {
	if s.sched == nil {
		s.sched = &scheduler{store: s, movers: map[typePair]*moveList{}}
		s.sched.loop.Context = context.Background()
		s.sched.mail.full = make(chan struct{}, 1)
		s.sched.ctx, s.sched.stop = context.WithCancel(context.Background())
	}
	return s.sched
}

// SetCore says what the core functions of the store's instances have in common.
// No core code runs yet.
func (s *Store) SetCore(core *Core) {
	sched := s.scheduler()
	sched.core, sched.room = core, *core.Left
}

// driveWith makes ctx the context of everything on other stacks and returns
// the one before.
func (s *scheduler) driveWith(ctx context.Context) (outer context.Context) {
	outer = s.loop.Context
	if ctx != context.Context(&s.loop) {
		s.loop.Context = ctx
	}
	return outer
}

// addTask counts a task that begins.
func (s *scheduler) addTask() error {
	if s.closed {
		return trapf(TrapPoisoned, "the store is closed")
	}
	if s.tasks >= s.store.limits.MaxTasks {
		return trapf(TrapLimit, "%d tasks are running, and no more are allowed", s.tasks)
	}
	s.tasks++
	return nil
}

// resume is the spec's Thread.resume: th runs until it blocks or ends, and then
// the threads that it and they switch to.
//
// An error is a trap of one of them: its instance is poisoned.
func (s *scheduler) resume(ctx context.Context, th *Thread, cancelled bool) error {
	outer := s.driveWith(ctx)
	defer func() { s.loop.Context = outer }()
	for th != nil {
		th.stopWaiting()
		th.cancelled, th.cancellable = cancelled, false
		if th.phase == phaseBody && th.co == nil && !th.task.async && th == th.task.implicit {
			// A synchronous task, which is on this stack: see blockNested.
			th.woken = true
			return nil
		}
		th.switchTo = nil
		if err := s.run(th); err != nil {
			th.task.inst.Poison(err)
			return err
		}
		th, cancelled = th.switchTo, false
	}
	return nil
}

// run runs core code of a thread until it blocks or ends.
func (s *scheduler) run(th *Thread) error {
	c := th.task.inst.conc
	if th.co == nil {
		if ok, err := th.prepare(); !ok || err != nil {
			return th.named(err)
		}
		if c.blocks || th.phase == phaseStart {
			if err := s.acquireStack(th); err != nil {
				return err
			}
		}
	}
	outer := c.current
	c.current, th.state, th.err = th, threadRunning, nil
	if co := th.co; co != nil {
		s.enterStack(co, func() { co.next() })
		if co.thread == nil {
			th.co = nil
			s.releaseStack(co)
		}
	} else {
		th.slice()
	}
	c.current = outer
	return th.named(th.err)
}

// clearWay lets the thread that keeps t from starting run, when a guest calls t
// and that thread is ready: it would be the next one to run anyway. It is not
// for calls below a synchronous task, during which only threads of the task's own
// instance may run.
func (s *scheduler) clearWay(ctx context.Context, t *Task, caller *Instance) error {
	th := t.inst.conc.exclusive
	if caller == nil || s.syncs > 0 || th == nil || !t.needsExclusive() || !th.ready() {
		return nil
	}
	return s.resume(ctx, th, false)
}

// named puts the name of the thread's function before an error.
func (th *Thread) named(err error) error {
	if err == nil || th.task.fn == nil {
		return err
	}
	return AtCall(err, th.task.fn.name)
}

// tick is the spec's Store.tick: one thread that is ready makes progress. It
// returns false when none is.
func (s *scheduler) tick(ctx context.Context) (bool, error) {
	th := s.waiting.first
	for th != nil && !th.ready() {
		th = th.next
	}
	if th == nil {
		return false, nil
	}
	inst := th.task.inst
	if err := inst.enter(nil); err != nil {
		return false, err
	}
	if err := s.resume(ctx, th, false); err != nil {
		return false, err
	}
	inst.leaveTo(nil)
	return true, nil
}

// drive lets threads make progress until done holds, with ctx as the context of
// what they do. It waits for the host's goroutines where nothing else is to do.
//
// It is a trap when nothing can make progress any more.
func (s *scheduler) drive(ctx context.Context, done func() bool) error {
	outer := s.driveWith(ctx)
	defer func() { s.loop.Context = outer }()
	for !done() {
		if err := interrupted(ctx); err != nil {
			return err
		}
		if err := s.deliver(); err != nil {
			return err
		}
		if done() {
			return nil
		}
		progress, err := s.tick(ctx)
		if err != nil {
			return err
		}
		if progress {
			continue
		}
		if s.calls+s.ends == 0 {
			return trapf(TrapDeadlock, "deadlock detected: event loop cannot make further progress")
		}
		select {
		case <-s.mail.full:
		case <-ctx.Done():
		}
	}
	return nil
}

// interrupted returns the trap of a context that has ended, or nil.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return &Trap{Kind: TrapInterrupted, Msg: "interrupted", Err: context.Cause(ctx)}
}

// drain is drive until nothing can make progress.
func (s *scheduler) drain(ctx context.Context) error {
	outer := s.driveWith(ctx)
	defer func() { s.loop.Context = outer }()
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := s.deliver(); err != nil {
			return err
		}
		progress, err := s.tick(ctx)
		switch {
		case err != nil:
			return err
		case progress:
		case s.calls == 0:
			return nil
		default:
			select {
			case <-s.mail.full:
			case <-ctx.Done():
			}
		}
	}
}

// deliver runs what the host's goroutines have posted.
func (s *scheduler) deliver() error {
	for _, job := range s.mail.take() {
		if err := job(); err != nil {
			return err
		}
	}
	return nil
}

// close ends every thread that is on a stack, and the goroutines of host
// functions: it waits for those until ctx ends.
func (s *scheduler) close(ctx context.Context) error {
	s.closed = true
	s.unwind()
	s.stop()
	ended := make(chan struct{})
	go func() {
		s.goroutines.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
