package component

import (
	"fmt"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/types"
)

// Module is what a core module says of itself: enough to describe it, to check
// it against limits, and to prepare it for a host of core modules such as
// package wasip1. Its code is not validated.
type Module struct {
	wasm []byte
	bin  *corebin.Module
}

// ParseModule reads a core module. The error names the offset at which it is
// malformed.
//
// See https://webassembly.github.io/spec/core/binary/modules.html
func ParseModule(wasm []byte) (*Module, error) {
	bin, err := corebin.Parse(wasm)
	if err != nil {
		return nil, err
	}
	return &Module{wasm, bin}, nil
}

// Imports returns what the module imports, in order.
func (m *Module) Imports() []types.CoreExtern {
	list := make([]types.CoreExtern, len(m.bin.Imports))
	for i, imp := range m.bin.Imports {
		list[i] = types.CoreExtern{Module: imp.Module, Name: imp.Name, Desc: describe(imp.Type)}
	}
	return list
}

// Exports returns what the module exports, in order.
func (m *Module) Exports() []types.CoreExtern {
	list := make([]types.CoreExtern, len(m.bin.Exports))
	for i, exp := range m.bin.Exports {
		list[i] = types.CoreExtern{Name: exp.Name, Desc: describe(exp.Type)}
	}
	return list
}

// Memories describes the module's memories, imported ones first.
func (m *Module) Memories() []string {
	list := make([]string, len(m.bin.Memories))
	for i, mem := range m.bin.Memories {
		list[i] = describe(corebin.Extern{Kind: corebin.ExternMemory, Memory: mem})
	}
	return list
}

// CheckLimits returns an error when the module asks for more from the start
// than a host grants: bytes of one memory, elements of one table.
func (m *Module) CheckLimits(memory uint64, table uint32) error {
	for i, mem := range m.bin.Memories {
		if mem.Limits.Min > memory>>mem.PageSizeLog2 {
			return fmt.Errorf("memory %d: it starts with %d pages of %d bytes, the limit is %d bytes", i, mem.Limits.Min, 1<<mem.PageSizeLog2, memory)
		}
	}
	for i, tab := range m.bin.Tables {
		if tab.Limits.Min > uint64(table) {
			return fmt.Errorf("table %d: it starts with %d elements, the limit is %d", i, tab.Limits.Min, table)
		}
	}
	return nil
}

// WithTicks returns the module's binary with calls of a host function put in,
// so that a guest which loops or recurses for ever can be stopped: module and
// name are how the result imports it, a function without parameters that
// returns as an i32 how many loop iterations and calls may pass before the
// next tick. No table grows beyond maxTable elements; 0 is no limit. Custom sections
// are not kept; [Module.Trace] knows what functions are called.
func (m *Module) WithTicks(module, name string, maxTable uint32) ([]byte, error) {
	return corebin.Rewrite(m.wasm, corebin.RewriteOptions{
		Tick:     &corebin.ImportName{Module: module, Name: name},
		MaxTable: maxTable,
		Trace:    traceName,
	})
}

// traceName is what wazero's stack traces call the module.
const traceName = "m"

// Trace splits the text of an error of wazero, about the module that WithTicks
// made, into what happened and the functions that were active, which are looked up
// when they are asked for; frames is nil when there are none. tick is the name of
// the ticks' function, behind its module's and a dot, which is none of them.
func (m *Module) Trace(text, tick string) (what string, frames func() []abi.Frame) {
	what, raw := corebin.CutTrace(text, tick)
	if len(raw) == 0 {
		return what, nil
	}
	return what, func() []abi.Frame {
		var mine []corebin.RawFrame
		for _, f := range raw {
			if f.Module != "" {
				mine = append(mine, f)
			}
		}
		found := corebin.Locate(m.wasm, true, mine)
		out := make([]abi.Frame, len(raw))
		for i, f := range raw {
			out[i] = abi.Frame{Module: -1, Host: f.Host}
			if f.Module != "" {
				out[i] = abi.Frame{Module: -1, Func: found[0].Func, Name: found[0].Name, Offset: found[0].Offset, Source: found[0].Source}
				found = found[1:]
			}
		}
		return out
	}
}

// describe writes the type of an import or export, such as "func (i32) -> i32".
func describe(e corebin.Extern) string {
	switch e.Kind {
	case corebin.ExternFunc, corebin.ExternTag:
		if e.Func == nil {
			return e.Kind.String()
		}
		s := e.Kind.String() + " (" + join(e.Func.Params) + ")"
		switch len(e.Func.Results) {
		case 0:
		case 1:
			s += " -> " + join(e.Func.Results)
		default:
			s += " -> (" + join(e.Func.Results) + ")"
		}
		return s
	case corebin.ExternTable:
		return fmt.Sprintf("table %s%s", e.Table.Elem, bounds(e.Table.Limits, "elements"))
	case corebin.ExternMemory:
		unit := "pages"
		if e.Memory.PageSizeLog2 != 16 {
			unit = fmt.Sprintf("pages of %d bytes", 1<<e.Memory.PageSizeLog2)
		}
		return "memory" + bounds(e.Memory.Limits, unit)
	case corebin.ExternGlobal:
		if e.Global.Mutable {
			return "global mut " + e.Global.Type.String()
		}
		return "global " + e.Global.Type.String()
	}
	return e.Kind.String()
}

func join(list []corebin.ValType) string {
	s := ""
	for i, t := range list {
		if i > 0 {
			s += ", "
		}
		s += t.String()
	}
	return s
}

func bounds(l corebin.Limits, unit string) string {
	s := fmt.Sprintf(" %d", l.Min)
	if l.HasMax {
		s += fmt.Sprintf(" to %d", l.Max)
	} else {
		s += " or more"
	}
	s += " " + unit
	if l.Shared {
		s += ", shared"
	}
	if l.Is64 {
		s += ", 64-bit"
	}
	return s
}
