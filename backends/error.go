package backends

import (
	"context"
	"errors"
	"fmt"
)

// Code says what kind of failure an [Error] is, in wasi-nn's words.
type Code uint8

// The error codes of wasi-nn 0.2.0-rc-2024-10-28, in its order.
const (
	InvalidArgument Code = iota
	InvalidEncoding
	Timeout
	RuntimeError
	UnsupportedOperation
	TooLarge
	NotFound
	Security
	Unknown
	numCodes
)

// Codes returns every code, for tables that must not miss one.
func Codes() []Code {
	all := make([]Code, numCodes)
	for i := range all {
		all[i] = Code(i)
	}
	return all
}

var codeNames = [numCodes]string{
	"invalid-argument", "invalid-encoding", "timeout", "runtime-error", "unsupported-operation",
	"too-large", "not-found", "security", "unknown",
}

// String returns the code as WIT spells it.
func (c Code) String() string {
	if c < numCodes {
		return codeNames[c]
	}
	return fmt.Sprintf("code(%d)", uint8(c))
}

// Error is a failure with a wasi-nn code. It crosses both doors: the WIT door
// makes an error resource of it, the witx door an nn_errno.
type Error struct {
	Code Code
	// Detail says what was found, what was expected and what to do. It is shown
	// to guests, so it names no path of the host.
	Detail string
	// Err is the cause, for the host's eyes only; it may be nil.
	Err error
}

// Errorf makes an Error of a format. A %w operand becomes Err as well.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	e := &Error{Code: code, Detail: err.Error()}
	if u, ok := err.(interface{ Unwrap() error }); ok {
		e.Err = u.Unwrap()
	}
	return e
}

// Error returns the code and the detail.
func (e *Error) Error() string { return e.Code.String() + ": " + e.Detail }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns err as an *Error: the first one in its chain, or one that it
// makes: Timeout for the end of a context, Unknown for anything else, whose
// text stays with the host. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		if e.Code < numCodes {
			return e
		}
		return &Error{Code: Unknown, Detail: e.Detail, Err: e}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &Error{Code: Timeout, Detail: "stopped before it was done", Err: err}
	}
	return &Error{Code: Unknown, Detail: "an error without a code; the host's log says more", Err: err}
}

// Annotate puts one step of path before err's detail and keeps its code.
func Annotate(err error, format string, args ...any) *Error {
	e := AsError(err)
	return &Error{Code: e.Code, Detail: fmt.Sprintf(format, args...) + ": " + e.Detail, Err: e}
}
