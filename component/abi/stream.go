package abi

import (
	"fmt"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// maxBufferLength is the spec's Buffer.MAX_LENGTH, in elements.
const maxBufferLength = 1<<28 - 1

// buffer is where a copy reads elements from or writes them to: a range of a
// guest's memory, or a place in the host.
type buffer struct {
	elem             types.ValType // as its owner names it
	cx               *Context      // the guest's memory; nil in the host
	ptr              uint32
	progress, length uint32 // in elements
	host             hostBuffer
}

func (b *buffer) remain() uint32 { return b.length - b.progress }

// copyResult is how a copy ended, as guests see it.
type copyResult uint32

const (
	copyCompleted copyResult = iota
	copyDropped
	copyCancelled
)

// copier is one side of a copy: an end that a guest or the host has.
type copier interface {
	// onCopy tells that elements were copied and that more may be.
	onCopy()
	// onCopyDone tells that the copy is over.
	onCopyDone(copyResult)
}

// shared is the spec's SharedStreamImpl and SharedFutureImpl: what the two ends
// of a stream or a future have in common. No element is kept between them: a read
// and a write meet, and elements go from the one's memory to the other's.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#stream-state
type shared struct {
	store   *Store
	elem    types.ValType // nil for none
	future  bool
	dropped bool

	// The side that waits for the other.
	pendingInst *Instance
	pending     *buffer
	pendingEnd  copier
}

func (s *shared) resetPending() { s.pendingInst, s.pending, s.pendingEnd = nil, nil, nil }

// notifyPending ends the copy of the side that waits.
func (s *shared) notifyPending(r copyResult) {
	end := s.pendingEnd
	s.resetPending()
	end.onCopyDone(r)
}

func (s *shared) cancel() { s.notifyPending(copyCancelled) }

func (s *shared) drop() {
	if s.dropped {
		return
	}
	s.dropped = true
	if s.pending != nil {
		s.notifyPending(copyDropped)
	}
}

// copy starts a copy of one side: into b when reads holds, else out of it.
func (s *shared) copy(inst *Instance, b *buffer, end copier, reads bool) error {
	if s.dropped {
		end.onCopyDone(copyDropped)
		return nil
	}
	if s.pending == nil {
		s.pendingInst, s.pending, s.pendingEnd = inst, b, end
		return nil
	}
	if inst != nil && inst == s.pendingInst && !noneOrNumber(s.elem) {
		return trapf(TrapState, "cannot read from and write to intra-component %s with non-numeric payload", s.name())
	}
	if s.future {
		if err := s.move(b, reads, 1); err != nil {
			return err
		}
		s.notifyPending(copyCompleted)
		end.onCopyDone(copyCompleted)
		return nil
	}
	switch {
	case s.pending.remain() > 0:
		if n := min(b.remain(), s.pending.remain()); n > 0 {
			if err := s.move(b, reads, n); err != nil {
				return err
			}
			s.pendingEnd.onCopy()
		}
		end.onCopyDone(copyCompleted)
	case !reads && b.length == 0 && s.pending.length == 0:
		end.onCopyDone(copyCompleted)
	default:
		s.notifyPending(copyCompleted)
		s.pendingInst, s.pending, s.pendingEnd = inst, b, end
	}
	return nil
}

// move moves n elements between b and what waits.
func (s *shared) move(b *buffer, reads bool, n uint32) error {
	src, dst := b, s.pending
	if reads {
		src, dst = s.pending, b
	}
	if s.elem != nil {
		if err := s.store.moveElements(src, dst, n); err != nil {
			return err
		}
	}
	src.progress += n
	dst.progress += n
	return nil
}

// moveElements moves the next n elements of src to the next places of dst.
func (s *Store) moveElements(src, dst *buffer, n uint32) error {
	size := layout.Of(src.elem).Size
	switch {
	case src.cx != nil && dst.cx != nil:
		m, err := s.sched.mover(src.elem, dst.elem)
		if err != nil {
			return err
		}
		b, err := src.bytes(n, m.size)
		if err != nil {
			return err
		}
		return m.elems(src.cx, b, n, dst.cx, dst.ptr+dst.progress*m.size)
	case src.cx != nil:
		b, err := src.bytes(n, size)
		if err != nil {
			return err
		}
		return dst.host.take(src.cx, b, n)
	case dst.cx != nil:
		dst.cx.budget = s.limits.MaxLiftBytes
		return src.host.give(dst.cx, dst.ptr+dst.progress*size, n)
	}
	return src.host.hand(dst.host, n)
}

// bytes returns the next n elements in memory, and begins the account of what
// lifting them takes.
func (b *buffer) bytes(n, size uint32) ([]byte, error) {
	b.cx.budget = b.cx.Inst.Store.limits.MaxLiftBytes
	bytes := uint64(n) * uint64(size)
	if err := b.cx.charge(bytes); err != nil {
		return nil, err
	}
	from := uint64(b.ptr) + uint64(b.progress)*uint64(size)
	m := b.cx.memory()
	if from+bytes > uint64(len(m)) {
		return nil, trapf(TrapOutOfBounds, "elements at 0x%x+0x%x are outside memory of 0x%x bytes", from, bytes, len(m))
	}
	return m[from : from+bytes : from+bytes], nil
}

// mover returns what moves elements of a type, as two guests name it.
func (s *scheduler) mover(src, dst types.ValType) (*moveList, error) {
	pair := typePair{src, dst}
	if m := s.movers[pair]; m != nil {
		return m, nil
	}
	p := &transferCompiler{layouts: layout.NewCache(), srcRes: identity, dstRes: identity, seen: make(map[typePair]transfer)}
	t, err := p.compile(src, dst, 0)
	if err != nil {
		return nil, err
	}
	l := p.layouts.Of(src)
	_, isPlain := t.(plain)
	m := &moveList{elem: t, size: l.Size, align: l.Align, plain: isPlain}
	s.movers[pair] = m
	return m, nil
}

func noneOrNumber(t types.ValType) bool {
	p, ok := t.(types.Primitive)
	return t == nil || ok && p >= types.S8 && p <= types.F64
}

func (s *shared) name() string {
	if s.future {
		return "future"
	}
	return "stream"
}

func (s *shared) String() string {
	if s.elem == nil {
		return s.name()
	}
	return fmt.Sprintf("%s<%s>", s.name(), s.elem)
}

// copyState is the spec's CopyState.
type copyState uint8

const (
	copyIdle copyState = iota
	copying
	copyCancelling
	copyDone
)

// endKind tells the four ends apart; its values are those of their events.
type endKind uint32

const (
	readableStreamEnd endKind = eventStreamRead
	writableStreamEnd endKind = eventStreamWrite
	readableFutureEnd endKind = eventFutureRead
	writableFutureEnd endKind = eventFutureWrite
)

func (k endKind) reads() bool { return k == readableStreamEnd || k == readableFutureEnd }

func (k endKind) future() bool { return k >= readableFutureEnd }

func (k endKind) String() string {
	return [...]string{
		readableStreamEnd: "a readable stream end", writableStreamEnd: "a writable stream end",
		readableFutureEnd: "a readable future end", writableFutureEnd: "a writable future end",
	}[k]
}

// CopyEnd is an end of a stream or a future that a guest has: the spec's
// ReadableStreamEnd, WritableStreamEnd, ReadableFutureEnd or WritableFutureEnd.
type CopyEnd struct {
	Waitable
	kind   endKind
	state  copyState
	shared *shared

	// The copy that is under way, and what its event will say.
	buf     buffer
	cx      Context
	result  copyResult
	reclaim bool // the event ends the copy, which could go on till then
}

func (e *CopyEnd) what() string { return e.kind.String() }

func (e *CopyEnd) onCopy() {
	e.result, e.reclaim = copyCompleted, true
	setPendingEvent(e)
}

func (e *CopyEnd) onCopyDone(r copyResult) {
	e.result, e.reclaim = r, false
	setPendingEvent(e)
}

// event is the spec's stream_event and future_event.
func (e *CopyEnd) event() event {
	if e.reclaim {
		e.shared.resetPending()
		e.reclaim = false
	}
	e.state = copyIdle
	if e.result == copyDropped || e.kind.future() && e.result == copyCompleted {
		e.state = copyDone
	}
	payload := uint32(e.result)
	if !e.kind.future() {
		payload |= e.buf.progress << 4
	}
	return event{uint32(e.kind), e.index, payload}
}

// drop drops an end that leaves the table.
func (e *CopyEnd) drop() error {
	if e.kind == writableFutureEnd && e.state != copyDone {
		return trapf(TrapState, "cannot drop future write end without first writing a value")
	}
	if e.state == copying || e.state == copyCancelling {
		return trapf(TrapState, "cannot remove busy %s", e.shared.name())
	}
	e.shared.drop()
	join(e, nil)
	return nil
}

// getEnd returns the end at index, which must be of kind and of an element type.
func (i *Instance) getEnd(index uint32, kind endKind, elem types.ValType) (*CopyEnd, error) {
	e, err := getElement[*CopyEnd](i, index, kind.String())
	if err != nil {
		return nil, err
	}
	if e.kind != kind {
		return nil, trapf(TrapHandleType, "handle index %d is %s, expected %s", index, e.kind, kind)
	}
	if !i.sameElem(e.shared.elem, elem) {
		return nil, trapf(TrapHandleType, "handle index %d is of a %s, used as one of %v", index, e.shared, elem)
	}
	return e, nil
}

// sameElem reports whether two types of elements are the same in the instance,
// which may know a host's resource type by another name.
func (i *Instance) sameElem(a, b types.ValType) bool {
	if a == b {
		return true
	}
	known := func(r *types.Resource) *types.Resource {
		if rt := i.ResourceType(r); rt != nil {
			return rt.Type
		}
		return r
	}
	return types.EqualFunc(a, b, func(x, y *types.Resource) bool { return x == y || known(x) == known(y) })
}

// liftEnd takes the readable end at index out of the table.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#loading
func (i *Instance) liftEnd(index uint32, kind endKind, elem types.ValType) (*shared, error) {
	e, err := i.getEnd(index, kind, elem)
	if err != nil {
		return nil, err
	}
	if e.state != copyIdle {
		if e.state == copyDone {
			return nil, trapf(TrapState, "cannot lift %s after being notified that the writable end dropped", e.shared.name())
		}
		return nil, trapf(TrapState, "cannot remove busy %s", e.shared.name())
	}
	if e.set != nil {
		return nil, trapf(TrapState, "cannot transfer %s which is in a waitable set", e.kind)
	}
	i.handles.Remove(index)
	return e.shared, nil
}

// lowerEnd gives the instance a readable end.
func (i *Instance) lowerEnd(s *shared) (index uint32, err error) {
	kind := readableStreamEnd
	if s.future {
		kind = readableFutureEnd
	}
	return i.addElement(&CopyEnd{kind: kind, shared: s})
}

// moveEnd moves the readable end of a stream or a future.
type moveEnd struct {
	kind endKind
	elem types.ValType // as the source names it
}

func (m moveEnd) index(src *Context, index uint32, dst *Context) (uint32, error) {
	s, err := src.Inst.liftEnd(index, m.kind, m.elem)
	if err != nil {
		return 0, err
	}
	return dst.Inst.lowerEnd(s)
}

func (m moveEnd) mem(src *Context, b []byte, dst *Context, ptr uint32) error {
	index, err := m.index(src, le.Uint32(b), dst)
	if err == nil {
		storeUint(dst.memory(), ptr, 4, index)
	}
	return err
}

func (m moveEnd) flat(src *Context, vi *CoreValues, dst *Context, vo *CoreValues) error {
	index, err := m.index(src, uint32(vi.Next()), dst)
	vo.Put(uint64(index))
	return err
}

// ErrorContext is an error with a message for people, which guests pass on by
// handles.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#-canon-error-contextnew
type ErrorContext struct{ DebugMessage string }

func (*ErrorContext) what() string { return "an error context" }

// moveErrorContext gives the callee a handle of the caller's error context.
type moveErrorContext struct{}

func (moveErrorContext) index(src *Context, index uint32, dst *Context) (uint32, error) {
	e, err := getElement[*ErrorContext](src.Inst, index, "an error context")
	if err != nil {
		return 0, err
	}
	return dst.Inst.addElement(e)
}

func (m moveErrorContext) mem(src *Context, b []byte, dst *Context, ptr uint32) error {
	index, err := m.index(src, le.Uint32(b), dst)
	if err == nil {
		storeUint(dst.memory(), ptr, 4, index)
	}
	return err
}

func (m moveErrorContext) flat(src *Context, vi *CoreValues, dst *Context, vo *CoreValues) error {
	index, err := m.index(src, uint32(vi.Next()), dst)
	vo.Put(uint64(index))
	return err
}
