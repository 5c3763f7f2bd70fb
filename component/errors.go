package component

import (
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/link"
	"github.com/wasinn/wasinn/component/internal/validate"
)

// The errors of each stage, to be matched with errors.As.
type (
	// DecodeError is a component that is malformed, with the byte offset where.
	DecodeError = decode.Error
	// ValidateError is a component that breaks a rule of the Component Model.
	ValidateError = validate.Error
	// FeatureError is a component that needs a feature which is not there; a
	// ValidateError wraps it.
	FeatureError = validate.Gated
	// LinkError is a component that cannot be linked: an import without a
	// matching definition, a feature that is not there, a limit, or a core module
	// that is not valid; its Kind says which.
	LinkError = link.Error
	// Trap is a guest that broke a rule, ran out of a limit, or was stopped. Its Frames
	// say where.
	Trap = abi.Trap
	// Frame is a function that was active when a guest trapped.
	Frame = abi.Frame
)

// The kinds of a [LinkError].
const (
	// LinkMissing is an import without a matching definition, or a feature that
	// is not there.
	LinkMissing = link.Unlinked
	// LinkLimit is more than the limits allow.
	LinkLimit = link.Limit
	// LinkInvalidModule is a core module that the engine refuses.
	LinkInvalidModule = link.InvalidModule
)

// ExitError is what a call returns when the guest asked to exit: a host
// function such as wasi:cli/exit returns it as its error. It is not a trap, but
// the instance is finished: later calls fail.
type ExitError struct {
	// Code is the exit code; 0 is success.
	Code uint32
}

// Error implements error.
func (e *ExitError) Error() string { return fmt.Sprintf("guest exited with code %d", e.Code) }

// EndsGuest implements abi.Ending.
func (*ExitError) EndsGuest() {}

// clean takes an exit out of what calls on the way have wrapped around it.
// A call after the exit is an error about that, not another exit.
func clean(err error) error {
	if t, ok := errors.AsType[*Trap](err); ok && t.Kind == abi.TrapPoisoned {
		return err
	}
	if exit, ok := errors.AsType[*ExitError](err); ok {
		return exit
	}
	return err
}
