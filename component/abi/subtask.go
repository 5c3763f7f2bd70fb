package abi

// subtaskState is the spec's Subtask.State, as guests see it.
type subtaskState uint32

const (
	subtaskStarting subtaskState = iota
	subtaskStarted
	subtaskReturned
	subtaskCancelledBeforeStarted
	subtaskCancelledBeforeReturned
)

// Subtask is a call as its caller sees it: the arguments until they are taken,
// the handles that are lent for it, and whether its result has come.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#subtask-state
type Subtask struct {
	Waitable
	state                 subtaskState
	cancellationRequested bool
	delivered             bool
	inTable               bool

	site *AsyncCall
	task *Task     // of a guest's function
	host *hostTask // of a host's function that has not returned
	call *Call     // of a host's function

	// The caller's side: its options and instance, and its core arguments,
	// which leave its stack before they are lifted.
	cx   Context
	args [asyncStack]uint64
}

func (*Subtask) what() string { return "a subtask" }

func (t *Subtask) resolved() bool { return t.state >= subtaskReturned }

// progress tells the caller of a new state, once it has a handle of the subtask.
func (t *Subtask) progress(state subtaskState) {
	t.state = state
	if t.inTable {
		setPendingEvent(t)
	}
}

// event is the spec's subtask_event.
func (t *Subtask) event() event {
	if t.resolved() && !t.delivered {
		t.deliverResolve()
	}
	return event{eventSubtask, t.index, uint32(t.state)}
}

// deliverResolve ends the loans of the call.
func (t *Subtask) deliverResolve() {
	t.delivered = true
	t.cx.scope.finish(t.cx.Inst)
	if t.call != nil {
		t.call.scope.finish(t.cx.Inst)
		t.cx.Inst.Store.ReleaseCall(t.call)
		t.call = nil
	}
}

// drop takes the subtask out of the table at the guest's wish.
func (t *Subtask) drop() error {
	if !t.delivered {
		return trapf(TrapState, "cannot drop a subtask which has not yet resolved")
	}
	join(t, nil)
	return nil
}
