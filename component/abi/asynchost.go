package abi

import (
	"context"
	"io"
	"sync"

	"github.com/wasinn/wasinn/component/types"
)

// hostBuffer is the host's side of a copy.
type hostBuffer interface {
	// take lifts n elements out of b, a guest's memory.
	take(cx *Context, b []byte, n uint32) error
	// give lowers the next n elements to ptr in a guest's memory.
	give(cx *Context, ptr, n uint32) error
	// hand gives the next n elements to another place in the host.
	hand(to hostBuffer, n uint32) error
}

// elements is the host's side of one copy of elements of type T.
type elements[T any] struct {
	elem Codec[T]
	vs   []T
	next int // the first that was not given yet
}

func (e *elements[T]) take(cx *Context, b []byte, n uint32) error {
	size := e.elem.Size()
	for i := range n {
		v, err := e.elem.Load(cx, b[i*size:][:size])
		if err != nil {
			return AtIndex(err, int(i))
		}
		e.vs = append(e.vs, v)
	}
	cx.scope.commit(cx.Inst.Store)
	cx.scope.reset()
	return nil
}

func (e *elements[T]) give(cx *Context, ptr, n uint32) error {
	for i := range n {
		if err := e.elem.Store(cx, e.vs[e.next], ptr+i*e.elem.Size()); err != nil {
			return AtIndex(err, int(i))
		}
		e.next++
	}
	return nil
}

func (e *elements[T]) hand(to hostBuffer, n uint32) error {
	other, ok := to.(*elements[T])
	if !ok {
		return trapf(TrapInvalidValue, "elements of a stream or future are written as another Go type than they are read")
	}
	other.vs = append(other.vs, e.vs[e.next:e.next+int(n)]...)
	e.next += int(n)
	return nil
}

// end is an end of a stream or a future that the host has. Its methods may be
// called from any goroutine; what they do is done by whoever drives the store.
type end struct {
	sched  *scheduler
	shared *shared
	reads  bool
	mu     sync.Mutex
	closed bool // it was closed, or given to a guest
}

func newEnd(sched *scheduler, s *shared, reads bool) end {
	sched.ends++
	return end{sched: sched, shared: s, reads: reads}
}

// leave notes that the host does not have the end any more. It reports whether
// it had it.
func (e *end) leave() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	had := !e.closed
	e.closed = true
	return had
}

// Close drops the end: the other side is told that there will be no more.
func (e *end) Close() error {
	if e.leave() {
		e.sched.mail.post(func() error {
			e.sched.ends--
			e.shared.drop()
			return nil
		})
	}
	return nil
}

// hostCopy is a copy of the host that waits for its other side.
type hostCopy struct {
	shared *shared
	done   chan copyResult
}

// onCopy ends the copy at the first elements: the host asks for more by another.
func (c *hostCopy) onCopy() {
	c.shared.resetPending()
	c.done <- copyCompleted
}

func (c *hostCopy) onCopyDone(r copyResult) { c.done <- r }

// copy copies between the host and the other side: n elements at most. left is
// called, by whoever drives the store, when ctx ended first.
func (e *end) copy(ctx context.Context, elem types.ValType, host hostBuffer, n uint32, left func()) (copyResult, error) {
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return 0, io.ErrClosedPipe
	}
	c := &hostCopy{e.shared, make(chan copyResult, 2)}
	e.sched.mail.post(func() error {
		return e.shared.copy(nil, &buffer{elem: elem, length: n, host: host}, c, e.reads)
	})
	select {
	case r := <-c.done:
		return r, nil
	case <-ctx.Done():
		e.sched.mail.post(func() error {
			if e.shared.pendingEnd == copier(c) {
				e.shared.resetPending()
			}
			left()
			return nil
		})
		return 0, context.Cause(ctx)
	}
}

// StreamReader is the readable end of a stream in the host's hands: one that a
// guest has given, or of [NewStream]. It is to be closed, or given to a guest.
//
// A call waits for whoever drives the store: a call of a guest's function that is
// under way, or [Store.Run].
type StreamReader[T any] struct {
	end
	elem Codec[T]
	rest []T // that came when nobody waited
}

// maxRead is the most elements of one read, which bounds what a guest makes
// the host keep.
const maxRead = 1 << 20

// Read waits for elements and returns how many it has put into vs. The error
// is io.EOF when the writable end was dropped, and that of ctx when it ends.
func (r *StreamReader[T]) Read(ctx context.Context, vs []T) (n int, err error) {
	r.mu.Lock()
	n = copy(vs, r.rest)
	r.rest = r.rest[n:]
	r.mu.Unlock()
	if n > 0 || len(vs) == 0 {
		return n, nil
	}
	b := &elements[T]{elem: r.elem}
	result, err := r.copy(ctx, r.elem.Type(), b, uint32(min(len(vs), maxRead)), func() {
		r.mu.Lock()
		r.rest = append(r.rest, b.vs...)
		r.mu.Unlock()
	})
	if err != nil {
		return 0, err
	}
	if n = copy(vs, b.vs); n == 0 && result == copyDropped {
		return 0, io.EOF
	}
	return n, nil
}

// StreamWriter is the writable end of a stream that the host made. It is to be
// closed. See [StreamReader] for who does what its methods ask for.
type StreamWriter[T any] struct {
	end
	elem Codec[T]
}

// Write waits until the other side has taken all of vs. The error is
// io.ErrClosedPipe when the readable end was dropped, and that of ctx when it
// ends; n elements were taken before.
func (w *StreamWriter[T]) Write(ctx context.Context, vs []T) (n int, err error) {
	for n < len(vs) {
		b := &elements[T]{elem: w.elem, vs: vs[n:min(n+maxRead, len(vs))]}
		result, err := w.copy(ctx, w.elem.Type(), b, uint32(len(b.vs)), func() {})
		if err != nil {
			return n, err
		}
		if n += b.next; result == copyDropped {
			return n, io.ErrClosedPipe
		}
	}
	return n, nil
}

// NewStream makes a stream in a store. The readable end is for a guest, as an
// argument or a result of the codec [StreamOf]; the writable end feeds it. It is
// called by the goroutine that the store belongs to, such as in a host function.
func NewStream[T any](st *Store, elem Codec[T]) (*StreamReader[T], *StreamWriter[T]) {
	sched := st.scheduler()
	s := &shared{store: st, elem: elem.Type()}
	return &StreamReader[T]{end: newEnd(sched, s, true), elem: elem}, &StreamWriter[T]{end: newEnd(sched, s, false), elem: elem}
}

// FutureReader is the readable end of a future in the host's hands; see
// [StreamReader].
type FutureReader[T any] struct {
	end
	elem Codec[T]
}

// Read waits for the value. The error is that of ctx when it ends. It is called
// once.
func (r *FutureReader[T]) Read(ctx context.Context) (v T, err error) {
	b := &elements[T]{elem: r.elem}
	if _, err = r.copy(ctx, r.elem.Type(), b, 1, func() {}); err != nil || len(b.vs) == 0 {
		return v, err
	}
	return b.vs[0], nil
}

// FutureWriter is the writable end of a future that the host made. Its value is
// to be written: the other side waits for it.
type FutureWriter[T any] struct {
	end
	elem Codec[T]
}

// Write waits until the other side has taken v. The error is io.ErrClosedPipe
// when it was dropped instead, and that of ctx when it ends.
func (w *FutureWriter[T]) Write(ctx context.Context, v T) error {
	result, err := w.copy(ctx, w.elem.Type(), &elements[T]{elem: w.elem, vs: []T{v}}, 1, func() {})
	if err == nil && result == copyDropped {
		err = io.ErrClosedPipe
	}
	return err
}

// NewFuture makes a future in a store; see [NewStream].
func NewFuture[T any](st *Store, elem Codec[T]) (*FutureReader[T], *FutureWriter[T]) {
	sched := st.scheduler()
	s := &shared{store: st, elem: elem.Type(), future: true}
	return &FutureReader[T]{end: newEnd(sched, s, true), elem: elem}, &FutureWriter[T]{end: newEnd(sched, s, false), elem: elem}
}

// StreamOf is the codec of stream<T>; elem is [None] for a stream without
// elements.
func StreamOf[T any](elem Codec[T]) Codec[*StreamReader[T]] {
	return endCodec[*StreamReader[T]]{
		typ: &types.Stream{Elem: elem.Type()}, kind: readableStreamEnd, elem: elem.Type(),
		lifted: func(e *end) *StreamReader[T] {
			return &StreamReader[T]{end: newEnd(e.sched, e.shared, true), elem: elem}
		},
		of: func(r *StreamReader[T]) *end { return &r.end },
	}
}

// FutureOf is the codec of future<T>; see [StreamOf].
func FutureOf[T any](elem Codec[T]) Codec[*FutureReader[T]] {
	return endCodec[*FutureReader[T]]{
		typ: &types.Future{Elem: elem.Type()}, kind: readableFutureEnd, elem: elem.Type(),
		lifted: func(e *end) *FutureReader[T] {
			return &FutureReader[T]{end: newEnd(e.sched, e.shared, true), elem: elem}
		},
		of: func(r *FutureReader[T]) *end { return &r.end },
	}
}

// endCodec is the codec of readable ends.
type endCodec[E comparable] struct {
	indexLayout
	typ    types.ValType
	kind   endKind
	elem   types.ValType
	lifted func(*end) E
	of     func(E) *end
}

func (c endCodec[E]) Type() types.ValType { return c.typ }

func (c endCodec[E]) lift(cx *Context, index uint32) (e E, err error) {
	if err := cx.charge(boxCost); err != nil {
		return e, err
	}
	s, err := cx.Inst.liftEnd(index, c.kind, c.elem)
	if err != nil {
		return e, err
	}
	return c.lifted(&end{sched: cx.Inst.Store.scheduler(), shared: s}), nil
}

func (c endCodec[E]) lower(cx *Context, v E) (index uint32, err error) {
	var none E
	if v == none {
		return 0, trapf(TrapInvalidValue, "the host gives nil where the type is %s", c.typ)
	}
	e := c.of(v)
	if e.sched != cx.Inst.Store.sched {
		return 0, trapf(TrapStaleHandle, "the %s belongs to another store", e.shared.name())
	}
	if !e.leave() {
		return 0, trapf(TrapStaleHandle, "the %s was closed or given away before", e.shared.name())
	}
	e.sched.ends--
	return cx.Inst.lowerEnd(e.shared)
}

func (c endCodec[E]) Load(cx *Context, b []byte) (E, error) { return c.lift(cx, le.Uint32(b)) }

func (c endCodec[E]) LiftFlat(cx *Context, vi *CoreValues) (E, error) {
	return c.lift(cx, uint32(vi.Next()))
}

func (c endCodec[E]) Store(cx *Context, v E, ptr uint32) error {
	index, err := c.lower(cx, v)
	if err == nil {
		storeUint(cx.memory(), ptr, 4, index)
	}
	return err
}

func (c endCodec[E]) LowerFlat(cx *Context, v E, vo *CoreValues) error {
	index, err := c.lower(cx, v)
	vo.Put(uint64(index))
	return err
}

// errorContextCodec is the codec of error-context.
type errorContextCodec struct{ indexLayout }

// ErrorContexts is the codec of error-context.
var ErrorContexts Codec[*ErrorContext] = errorContextCodec{}

func (errorContextCodec) Type() types.ValType { return types.ErrorContext }

func (errorContextCodec) lift(cx *Context, index uint32) (*ErrorContext, error) {
	return getElement[*ErrorContext](cx.Inst, index, "an error context")
}

func (errorContextCodec) lower(cx *Context, v *ErrorContext) (uint32, error) {
	if v == nil {
		return 0, trapf(TrapInvalidValue, "the host gives nil where the type is error-context")
	}
	return cx.Inst.addElement(v)
}

func (c errorContextCodec) Load(cx *Context, b []byte) (*ErrorContext, error) {
	return c.lift(cx, le.Uint32(b))
}

func (c errorContextCodec) LiftFlat(cx *Context, vi *CoreValues) (*ErrorContext, error) {
	return c.lift(cx, uint32(vi.Next()))
}

func (c errorContextCodec) Store(cx *Context, v *ErrorContext, ptr uint32) error {
	index, err := c.lower(cx, v)
	if err == nil {
		storeUint(cx.memory(), ptr, 4, index)
	}
	return err
}

func (c errorContextCodec) LowerFlat(cx *Context, v *ErrorContext, vo *CoreValues) error {
	index, err := c.lower(cx, v)
	vo.Put(uint64(index))
	return err
}

// Run runs f on a goroutine of its own and drives the store until f returns: for
// f to read and write streams and futures while guests run. f must not use the
// store otherwise. When a guest traps or ctx ends, f's context ends.
func (s *Store) Run(ctx context.Context, f func(ctx context.Context) error) error {
	sched := s.scheduler()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var ferr error
	finished, ended := false, make(chan struct{})
	sched.calls++
	go func() {
		_, ferr = guarded(inner, func(ctx context.Context) (Unit, error) { return Unit{}, f(ctx) })
		close(ended)
		sched.mail.post(func() error {
			finished = true
			return nil
		})
	}()
	err := sched.drive(ctx, func() bool { return finished })
	cancel()
	<-ended
	sched.calls--
	if err == nil {
		err = ferr
	}
	return err
}
