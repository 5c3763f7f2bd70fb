package instantiate

import (
	"errors"
	"strconv"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/corebin"
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

// trap makes of an error of core code what a call returns: an *abi.Trap that knows
// where it was, or what ended the guest.
func (p *Program) trap(err error) error {
	raw, err := corewasm.Translate(err)
	err = known(err)
	if t, ok := errors.AsType[*abi.Trap](err); ok && len(raw) > 0 {
		t.AddTrace(func() []abi.Frame { return p.frames(raw) })
	}
	return err
}

// known makes an *abi.Trap of a trap of core code; errors of host functions
// stay what they are.
func known(err error) error {
	if limit, ok := errors.AsType[*corewasm.LimitError](err); ok {
		return &abi.Trap{Kind: abi.TrapLimit, Msg: limit.Msg}
	}
	t, ok := errors.AsType[*corewasm.Trap](err)
	switch {
	case !ok:
		return err
	case t.Kind == corewasm.Other && t.Err != nil:
		return &abi.Trap{Kind: abi.TrapCore, Msg: t.Error()}
	}
	return &abi.Trap{Kind: kinds[t.Kind], Msg: t.Kind.String(), Err: t.Err}
}

// moduleName is what frames call module n of the plan.
func moduleName(n int) string { return "m" + strconv.Itoa(n) }

// frames finds the frames of a call of core code in the component's core modules.
func (p *Program) frames(raw []corebin.RawFrame) []abi.Frame {
	out := make([]abi.Frame, len(raw))
	of := map[string][]int{} // module to places in raw
	for i, f := range raw {
		out[i] = abi.Frame{Module: -1, Host: f.Host}
		if f.Module != "" {
			of[f.Module] = append(of[f.Module], i)
		}
	}
	for n, m := range p.plan.Modules {
		places := of[moduleName(n)]
		if len(places) == 0 {
			continue
		}
		mine := make([]corebin.RawFrame, len(places))
		for k, i := range places {
			mine[k] = raw[i]
		}
		for k, f := range corebin.Locate(m.Bytes, p.engine.Interrupts(), mine) {
			out[places[k]] = abi.Frame{Module: n, Func: f.Func, Name: f.Name, Offset: f.Offset, Source: f.Source}
		}
	}
	return out
}
