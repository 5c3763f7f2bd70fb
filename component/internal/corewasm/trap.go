package corewasm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/sys"

	"github.com/wasinn/wasinn/component/internal/corebin"
)

// Kind says why core code trapped.
type Kind uint8

// The kinds of trap.
const (
	// Other is a trap that none of the kinds below describes.
	Other Kind = iota
	Unreachable
	MemoryOutOfBounds
	TableOutOfBounds
	IndirectCallType
	IntegerOverflow
	IntegerDivideByZero
	InvalidConversion
	StackOverflow
	// Interrupted is a guest that was stopped since its context ended.
	Interrupted
	// Closed is a call to a module that was closed.
	Closed
)

// messages are the kinds as the specification's tests spell them.
var messages = [...]string{
	Other:               "trap",
	Unreachable:         "unreachable",
	MemoryOutOfBounds:   "out of bounds memory access",
	TableOutOfBounds:    "undefined or out of bounds table element",
	IndirectCallType:    "indirect call type mismatch",
	IntegerOverflow:     "integer overflow",
	IntegerDivideByZero: "integer divide by zero",
	InvalidConversion:   "invalid conversion to integer",
	StackOverflow:       "call stack exhausted",
	Interrupted:         "interrupted",
	Closed:              "the instance is closed",
}

// String returns what happened.
func (k Kind) String() string { return messages[k] }

// Trap is a trap of core code.
type Trap struct {
	Kind Kind
	// Err is the cause, when there is more to know than the kind.
	Err error
}

// Error implements error.
func (t *Trap) Error() string {
	msg := t.Kind.String()
	if t.Err != nil {
		msg += ": " + t.Err.Error()
	}
	return msg
}

// Unwrap returns the cause.
func (t *Trap) Unwrap() error { return t.Err }

// LimitError is a module that asks for more than the limits allow.
type LimitError struct{ Msg string }

// Error implements error.
func (e *LimitError) Error() string { return e.Msg }

func limitErrorf(format string, args ...any) error { return &LimitError{fmt.Sprintf(format, args...)} }

// raised carries the error of a host function through wazero, which only knows panics.
type raised struct{ err error }

func (r *raised) Error() string { return r.err.Error() }

// Raised is err as [Translate] gives it back.
func Raised(err error) error { return &raised{err} }

// Lower makes an error, for [Translate], of what a [Callee] raised where no core
// code called it; it is to be deferred.
func Lower(err *error) {
	switch r := recover().(type) {
	case nil:
	case *raised:
		*err = r
	default:
		panic(r)
	}
}

// Raise ends the running core code with err: a [Callee] calls it.
func Raise(err error) { panic(Raised(err)) }

// kinds finds the kind by wazero's message: its error type is internal.
var kinds = map[string]Kind{
	"unreachable":                   Unreachable,
	"out of bounds memory access":   MemoryOutOfBounds,
	"invalid table access":          TableOutOfBounds,
	"indirect call type mismatch":   IndirectCallType,
	"integer overflow":              IntegerOverflow,
	"integer divide by zero":        IntegerDivideByZero,
	"invalid conversion to integer": InvalidConversion,
	"stack overflow":                StackOverflow,
}

// Translate turns what a call into wazero returned into the host function's
// own error, or a *[Trap]. frames are the functions that were active, innermost first,
// 30 at most; modules are called as [Engine.Compile] was told.
func Translate(err error) (frames []corebin.RawFrame, _ error) {
	switch err.(type) {
	case *Trap, *LimitError: // of this package
		return nil, err
	}
	var r *raised
	if errors.As(err, &r) {
		if r != err {
			_, frames = corebin.CutTrace(err.Error(), tickName)
		}
		return frames, r.err
	}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return nil, &Trap{Kind: Closed}
	}
	root := err
	for u := errors.Unwrap(root); u != nil; u = errors.Unwrap(root) {
		root = u
	}
	text, frames := corebin.CutTrace(err.Error(), tickName)
	t := &Trap{}
	kind, ok := kinds[root.Error()]
	switch {
	case ok:
		t.Kind = kind
	case strings.HasSuffix(root.Error(), ": out of bounds memory access"): // a data segment
		t.Kind = MemoryOutOfBounds
	default:
		t.Err = errors.New(text)
	}
	return frames, t
}
