package abi

import (
	"fmt"
	"strconv"
)

// TrapKind says which rule of the canonical ABI was broken.
type TrapKind uint8

// The kinds of traps.
const (
	TrapOutOfBounds   TrapKind = iota + 1 // a pointer or length leaves memory
	TrapUnaligned                         // a pointer is not a multiple of the type's alignment
	TrapTooLong                           // a string or list is longer than 2^28-1 bytes
	TrapEncoding                          // a string is not in its encoding
	TrapChar                              // a char is a surrogate or above 0x10FFFF
	TrapDiscriminant                      // a variant has no such case
	TrapUnknownHandle                     // a handle index names nothing
	TrapHandleType                        // a handle is of another resource type
	TrapHandleLent                        // an owned handle is given away while it is lent
	TrapNotOwned                          // a borrowed handle is given as an owned one
	TrapBorrowsRemain                     // a call ends and handles lent for it are still there
	TrapCannotLeave                       // a guest calls out where it must not
	TrapCannotEnter                       // a component instance is entered twice
	TrapRealloc                           // realloc is missing, failed, or gave a bad pointer
	TrapLimit                             // a limit of the host
	TrapInvalidValue                      // the host gave a value that the type cannot hold
	TrapPoisoned                          // the instance trapped before
	TrapStaleHandle                       // the host used a handle after it was dropped or elsewhere than it belongs
	TrapUnsupported                       // a feature that is not there
	TrapUnreachable                       // core code ran an unreachable instruction
	TrapStackOverflow                     // core code called too deep
	TrapInterrupted                       // core code was stopped since its context ended
	TrapCore                              // core code trapped in another way: Msg says which
	TrapState                             // a built-in of async was called where it may not be
	TrapDeadlock                          // nothing can make progress any more
	TrapHost                              // a function of the host returned an error, Err
)

var trapNames = [...]string{
	TrapOutOfBounds: "out of bounds", TrapUnaligned: "unaligned pointer", TrapTooLong: "too long",
	TrapEncoding: "string encoding", TrapChar: "invalid char", TrapDiscriminant: "invalid variant discriminant",
	TrapUnknownHandle: "unknown handle index", TrapHandleType: "handle of another type",
	TrapHandleLent: "handle is lent", TrapNotOwned: "handle is not owned", TrapBorrowsRemain: "borrow handles remain",
	TrapCannotLeave: "cannot leave component instance", TrapCannotEnter: "cannot enter component instance",
	TrapRealloc: "realloc", TrapLimit: "limit", TrapInvalidValue: "invalid value", TrapPoisoned: "poisoned",
	TrapStaleHandle: "stale handle", TrapUnsupported: "unsupported",
	TrapUnreachable: "unreachable", TrapStackOverflow: "stack overflow", TrapInterrupted: "interrupted", TrapCore: "core trap",
	TrapState: "invalid state", TrapDeadlock: "deadlock",
	TrapHost: "error of the host",
}

// String returns a short name.
func (k TrapKind) String() string {
	if int(k) < len(trapNames) && trapNames[k] != "" {
		return trapNames[k]
	}
	return "trap(" + strconv.Itoa(int(k)) + ")"
}

// Trap is a broken rule of the canonical ABI. Match it with errors.As and by
// Kind, never by its text.
type Trap struct {
	Kind TrapKind
	// Path leads from the function to the value, such as param "builder"[2].
	Path string
	// Msg says what was found and what was expected.
	Msg string
	// Err is the cause, where there is one.
	Err error

	where *backtrace // nil when nobody knows
}

// Error returns path, message, the guest's function, and cause.
func (t *Trap) Error() string {
	s := t.Msg
	if t.located() {
		s += t.innermost()
	}
	switch {
	case t.Path != "" && s != "":
		s = t.Path + ": " + s
	case t.Path != "":
		s = t.Path
	}
	switch {
	case t.Err != nil && s != "":
		s += ": " + t.Err.Error()
	case t.Err != nil:
		s = t.Err.Error()
	}
	return s
}

// located reports whether the trap is one of core code, which is understood by where it was.
func (t *Trap) located() bool {
	switch t.Kind {
	case TrapUnreachable, TrapCore, TrapStackOverflow, TrapInterrupted:
		return true
	}
	return false
}

// Ending is an error by which a function of the host ends a guest that did nothing
// wrong, such as its exit. It is no trap.
type Ending interface {
	error
	// EndsGuest does nothing; it tells an Ending from other errors.
	EndsGuest()
}

// Unwrap returns the cause.
func (t *Trap) Unwrap() error { return t.Err }

func trapf(kind TrapKind, format string, args ...any) error {
	return &Trap{Kind: kind, Msg: fmt.Sprintf(format, args...)}
}

// step puts one step before a trap's path. It is called on the way out of an
// error only, so that a path costs nothing where there is none.
func step(err error, s string) error {
	if t, ok := err.(*Trap); ok {
		t.Path = s + t.Path
		return t
	}
	return fmt.Errorf("%s: %w", s, err)
}

// AtField adds the step of a record's field to err.
func AtField(err error, name string) error { return step(err, "."+name) }

// AtIndex adds the step of a list's element to err.
func AtIndex(err error, i int) error { return step(err, "["+strconv.Itoa(i)+"]") }

// AtCase adds the step of a variant's case to err.
func AtCase(err error, name string) error { return step(err, "("+name+")") }

// AtParam adds the step of a function's parameter to err.
func AtParam(err error, name string) error { return step(err, "param "+strconv.Quote(name)) }

// AtResult adds the step of a function's result to err.
func AtResult(err error) error { return step(err, "result") }

// AtCall puts the function's name before err; a function that is not exported
// has none.
func AtCall(err error, name string) error {
	if name == "" {
		return err
	}
	if t, ok := err.(*Trap); ok {
		sep := ""
		if t.Path != "" {
			sep = ": "
		}
		t.Path = "call " + name + sep + t.Path
		return t
	}
	return fmt.Errorf("call %s: %w", name, err)
}
