package abi

// The codes of events, as guests see them.
const (
	eventNone          = 0
	eventSubtask       = 1
	eventStreamRead    = 2
	eventStreamWrite   = 3
	eventFutureRead    = 4
	eventFutureWrite   = 5
	eventTaskCancelled = 6
)

// event is the spec's EventTuple.
type event struct{ code, p1, p2 uint32 }

// element is what an instance's table holds beside resource handles: a
// *[WaitableSet], a *[Subtask], a *[CopyEnd] or an *[ErrorContext].
type element interface{ what() string }

// Waitable is what a guest can wait for: a subtask, or an end of a stream or a
// future. It is a part of each of them.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#waitable-state
type Waitable struct {
	index         uint32 // in the table of the instance that has it
	set           *WaitableSet
	pending       bool // it has an event
	hasSyncWaiter bool
	// prev and next link the waitables of a set that have an event.
	prev, next waitableElement
}

// waitableElement is an element with an event to deliver.
type waitableElement interface {
	element
	waitable() *Waitable
	// event ends what the pending event tells of and returns the event.
	event() event
}

func (w *Waitable) waitable() *Waitable { return w }

// setPendingEvent notes that w has an event, which replaces one that was not
// taken.
func setPendingEvent(e waitableElement) {
	w := e.waitable()
	if w.pending {
		return
	}
	w.pending = true
	if w.set != nil {
		w.set.push(e)
	}
}

// takeEvent returns the pending event of e.
func takeEvent(e waitableElement) event {
	w := e.waitable()
	w.pending = false
	if w.set != nil {
		w.set.unlink(e)
	}
	return e.event()
}

// join puts e into a set, nil for none, and takes it out of another.
func join(e waitableElement, set *WaitableSet) {
	w := e.waitable()
	if w.set != nil {
		if w.pending {
			w.set.unlink(e)
		}
		w.set.elems--
	}
	w.set = set
	if set != nil {
		set.elems++
		if w.pending {
			set.push(e)
		}
	}
}

// WaitableSet is a set of waitables that a guest waits for together. Events
// are delivered in the order in which they came.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#waitable-state
type WaitableSet struct {
	elems       int // waitables in it
	numWaiting  int // threads that wait for it
	first, last waitableElement
}

func (*WaitableSet) what() string { return "a waitable set" }

func (s *WaitableSet) hasPendingEvent() bool { return s.first != nil }

func (s *WaitableSet) getPendingEvent() event { return takeEvent(s.first) }

// push adds e at the end of those that have an event.
func (s *WaitableSet) push(e waitableElement) {
	w := e.waitable()
	w.prev, w.next = s.last, nil
	if s.last != nil {
		s.last.waitable().next = e
	} else {
		s.first = e
	}
	s.last = e
}

// unlink takes e out of those that have an event.
func (s *WaitableSet) unlink(e waitableElement) {
	w := e.waitable()
	if w.prev != nil {
		w.prev.waitable().next = w.next
	} else {
		s.first = w.next
	}
	if w.next != nil {
		w.next.waitable().prev = w.prev
	} else {
		s.last = w.prev
	}
	w.prev, w.next = nil, nil
}

// drop checks that nothing is in the set and that no thread waits for it.
func (s *WaitableSet) drop() error {
	if s.elems > 0 {
		return trapf(TrapState, "cannot drop waitable set with %d waitables in it", s.elems)
	}
	if s.numWaiting > 0 {
		return trapf(TrapState, "cannot drop waitable set with %d waiters", s.numWaiting)
	}
	return nil
}

// addElement gives the instance a handle of e.
func (i *Instance) addElement(e element) (index uint32, err error) {
	index, err = i.addHandle(handle{elem: e})
	if err == nil {
		if w, ok := e.(waitableElement); ok {
			w.waitable().index = index
		}
	}
	return index, err
}

// getElement returns the element at index, which must be an E; want is its name
// for messages.
func getElement[E element](i *Instance, index uint32, want string) (e E, err error) {
	h := i.handles.Get(index)
	if h == nil {
		return e, trapf(TrapUnknownHandle, "unknown handle index %d: %s is expected", index, want)
	}
	e, ok := h.elem.(E)
	if !ok {
		return e, trapf(TrapHandleType, "handle index %d is %s, expected %s", index, h.what(), want)
	}
	return e, nil
}

// what names an entry of the table in messages.
func (h *handle) what() string {
	if h.elem != nil {
		return h.elem.what()
	}
	return "a handle of " + h.rt.String()
}
