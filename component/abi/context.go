package abi

import (
	"context"
)

// Context is the spec's LiftLowerContext: what lifting and lowering the values
// of one call need. It is reused from call to call; see Init.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#lifting-and-lowering-context
type Context struct {
	Ctx  context.Context
	Opts *CanonicalOptions
	Inst *Instance

	views  bool // lifted strings and lists may alias memory
	budget int64
	scope  Scope
	stack  [4]uint64 // of realloc

	// Lists of structs that a host function is lifted; see lendList.
	lends bool    // lists may be lent
	spare scratch // for the next list
	lent  scratch // the list that is lent
}

// Init makes the context ready for one call into or out of inst. With views,
// strings, list<u8> and lists of fixed-width numbers are lifted as views of
// memory where that is possible; else they are copied.
func (cx *Context) Init(ctx context.Context, opts *CanonicalOptions, inst *Instance, views bool) {
	cx.Opts, cx.Inst = opts, inst
	cx.start(ctx, views)
}

// start is Init for the next call with the same options and instance.
func (cx *Context) start(ctx context.Context, views bool) {
	cx.Ctx, cx.views = ctx, views
	cx.budget = cx.Inst.Store.limits.MaxLiftBytes
	if cx.scope.used {
		cx.scope.reset()
	}
}

// memory is a fresh view of linear memory; empty when there is none, so that
// every use of it is out of bounds.
func (cx *Context) memory() []byte {
	if cx.Opts.Memory == nil {
		return nil
	}
	return *cx.Opts.Memory
}

// Allocate asks the guest for size bytes, aligned to align, and returns where
// they are.
//
// It traps when the guest has no realloc, when realloc traps, and when its
// result is not aligned or not inside memory.
func (cx *Context) Allocate(align, size uint32) (ptr uint32, err error) {
	ptr, _, err = cx.place(0, 0, align, size)
	return ptr, err
}

// reallocate asks the guest for newSize bytes in place of the oldSize at old.
func (cx *Context) reallocate(old, oldSize, align, newSize uint32) (ptr uint32, err error) {
	ptr, _, err = cx.place(old, oldSize, align, newSize)
	return ptr, err
}

// place is the spec's LiftLowerContext.reallocate and the checks that follow
// each of its uses. b is what was allocated, a view of memory. The guest may not
// call out while it runs.
func (cx *Context) place(old, oldSize, align, newSize uint32) (ptr uint32, b []byte, err error) {
	if cx.Opts.Realloc == nil {
		return 0, nil, trapf(TrapRealloc, "%d bytes are needed and the function has no realloc option", newSize)
	}
	mayLeave := cx.Inst.mayLeave
	cx.Inst.mayLeave = false
	cx.stack = [4]uint64{uint64(old), uint64(oldSize), uint64(align), uint64(newSize)}
	if cx.Inst.conc != nil {
		cx.Inst.enterSync()
	}
	if err := cx.Opts.Realloc.Call(cx.Ctx, cx.stack[:]); err != nil {
		return 0, nil, &Trap{Kind: TrapRealloc, Msg: "realloc", Err: err}
	}
	if cx.Inst.conc != nil {
		cx.Inst.leaveSync()
	}
	cx.Inst.mayLeave = mayLeave
	ptr = uint32(cx.stack[0])
	m := cx.memory()
	end := uint64(ptr) + uint64(newSize)
	if ptr&(align-1) != 0 || end > uint64(len(m)) {
		return 0, nil, badPlace(ptr, align, newSize, m)
	}
	return ptr, m[ptr:end:end], nil
}

// badPlace says why what realloc returned is none.
func badPlace(ptr, align, size uint32, m []byte) error {
	if ptr&(align-1) != 0 {
		return trapf(TrapUnaligned, "realloc return: result not aligned: unaligned pointer 0x%x where a multiple of %d was asked for", ptr, align)
	}
	return trapf(TrapOutOfBounds, "realloc return: beyond end of memory: 0x%x+0x%x is outside memory of 0x%x bytes", ptr, size, len(m))
}

// charge counts n bytes, or as much work, against the limit of what one call
// may lift. Lists of small elements grow when they become Go values, and
// strings may lie over each other in memory, so that the size of memory alone
// is no limit.
func (cx *Context) charge(n uint64) error {
	if n > uint64(cx.budget) {
		return trapf(TrapLimit, "a call may lift values of %d bytes; this one has more", cx.Inst.Store.limits.MaxLiftBytes)
	}
	cx.budget -= int64(n)
	return nil
}

// view checks a pointer that came from the guest and returns size bytes there.
// what names the thing in messages.
func (cx *Context) view(ptr uint32, size uint64, align uint32, what string) ([]byte, error) {
	if ptr&(align-1) != 0 {
		return nil, trapf(TrapUnaligned, "%s: unaligned pointer 0x%x, want a multiple of %d", what, ptr, align)
	}
	m := cx.memory()
	if uint64(ptr)+size > uint64(len(m)) {
		return nil, trapf(TrapOutOfBounds, "%s at 0x%x+0x%x is outside memory of 0x%x bytes", what, ptr, size, len(m))
	}
	return m[ptr : uint64(ptr)+size : uint64(ptr)+size], nil
}

// Scope is the spec's borrow scope: a Task where handles are lent to a callee,
// a Subtask where a caller lends them.
type Scope struct {
	used       bool              // any of the fields below was set, or a list was lent
	numBorrows int               // handles made for this call that its callee has not dropped yet
	lenders    []uint32          // indices in the caller's table of the handles lent
	hostLent   []*ResourceHandle // the host's own handles lent
	hostHeld   []*ResourceHandle // borrowed handles that the host was given
	lowered    bool              // a handle was given to the instance
	moved      []uint32          // reps of host resources moved to the host when the call's values are complete
}

func (s *Scope) reset() {
	clear(s.hostLent)
	clear(s.hostHeld)
	s.used, s.numBorrows, s.lowered = false, 0, false
	s.lenders = s.lenders[:0]
	s.hostLent = s.hostLent[:0]
	s.hostHeld = s.hostHeld[:0]
	s.moved = s.moved[:0]
}

// finish ends the scope's lends: the spec's Subtask.deliver_resolve.
func (s *Scope) finish(inst *Instance) {
	if s.used {
		s.finishLends(inst)
	}
}

func (s *Scope) finishLends(inst *Instance) {
	for _, i := range s.lenders {
		if h := inst.handles.Get(i); h != nil {
			h.numLends--
		}
	}
	for _, h := range s.hostLent {
		h.lends--
	}
	for _, h := range s.hostHeld {
		h.gone = true
	}
	clear(s.hostLent)
	clear(s.hostHeld)
	s.lenders, s.hostLent, s.hostHeld = s.lenders[:0], s.hostLent[:0], s.hostHeld[:0]
}

// commit gives the host the resources whose handles were lifted. Until then
// they stay in the store's table, so that none is lost when a later value of
// the same call traps.
func (s *Scope) commit(st *Store) {
	if s.used {
		s.commitMoved(st)
	}
}

func (s *Scope) commitMoved(st *Store) {
	for _, rep := range s.moved {
		st.hostTable.Remove(rep)
	}
	s.moved = s.moved[:0]
}
