package instantiate

import (
	"errors"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/corewasm"
)

// kinds are the kinds of core traps as embedders know them.
var kinds = map[corewasm.Kind]abi.TrapKind{
	corewasm.Unreachable:         abi.TrapUnreachable,
	corewasm.MemoryOutOfBounds:   abi.TrapCore,
	corewasm.TableOutOfBounds:    abi.TrapCore,
	corewasm.IndirectCallType:    abi.TrapCore,
	corewasm.IntegerOverflow:     abi.TrapCore,
	corewasm.IntegerDivideByZero: abi.TrapCore,
	corewasm.InvalidConversion:   abi.TrapCore,
	corewasm.StackOverflow:       abi.TrapStackOverflow,
	corewasm.Interrupted:         abi.TrapInterrupted,
	corewasm.Closed:              abi.TrapPoisoned,
	corewasm.Other:               abi.TrapCore,
}

// trap makes an *abi.Trap of a trap of core code; errors of host functions
// stay what they are.
func trap(err error) error {
	if limit, ok := errors.AsType[*corewasm.LimitError](err); ok {
		return &abi.Trap{Kind: abi.TrapLimit, Msg: limit.Msg}
	}
	var t *corewasm.Trap
	if !errors.As(err, &t) {
		return err
	}
	msg := t.Kind.String()
	if t.Kind == corewasm.Other && t.Err != nil {
		return &abi.Trap{Kind: abi.TrapCore, Msg: t.Error()}
	}
	if len(t.Frames) > 0 {
		msg += " in " + t.Frames[0]
	}
	return &abi.Trap{Kind: kinds[t.Kind], Msg: msg, Err: t.Err}
}
