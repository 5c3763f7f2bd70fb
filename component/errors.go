package component

import "fmt"

// ExitError is what a call returns when the guest asked to exit: a host
// function such as wasi:cli/exit returns it as its error. It is not a trap, but
// the instance is finished: later calls fail.
type ExitError struct {
	// Code is the exit code; 0 is success.
	Code uint32
}

// Error implements error.
func (e *ExitError) Error() string { return fmt.Sprintf("guest exited with code %d", e.Code) }
