package link

import (
	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// builtin adds a built-in of async.
func (b *builder) builtin(f *frame, d *decode.AsyncBuiltin) CoreItem {
	inst := &b.plan.Instances[f.inst]
	inst.Async = true
	async := d.Async
	if _, ok := d.Options.Lookup(decode.OptAsync); ok {
		async = true
	}
	inst.Blocks = inst.Blocks || blocks(d.Op, async)
	built := &Builtin{Op: d.Op, Async: async, Cancellable: d.Cancellable, Slot: d.Slot}
	c := Canon{Kind: CanonBuiltin, Instance: f.inst, Name: d.Op.String(), Builtin: built}
	switch d.Op {
	case decode.OpTaskReturn:
		built.Elem = b.optional(f, d.Result)
		c.Params = b.layouts.CoreTaskReturn(built.Elem)
	case decode.OpThreadNewIndirect:
		built.Table = f.space[decode.SortCoreTable][d.Table].(CoreItem)
	case decode.OpThreadSpawnRef, decode.OpThreadSpawnIndirect, decode.OpThreadAvailable:
		b.needs("shared-everything threads")
	}
	if d.Op >= decode.OpStreamNew && d.Op <= decode.OpFutureDropWritable {
		built.Elem = elemOf(f.space[decode.SortType][d.Type].(types.ValType))
	}
	if d.Op == decode.OpWaitableSetWait || d.Op == decode.OpWaitableSetPoll {
		c.Options = b.addOptions(Options{Memory: f.space[decode.SortCoreMemory][d.Memory].(CoreItem), HasMemory: true})
	} else {
		c.Options = b.canonOptions(f, d.Options)
	}
	if d.Op != decode.OpTaskReturn {
		c.Params, c.Results = builtinType(d.Op)
	}
	return b.canon(c)
}

func elemOf(t types.ValType) types.ValType {
	if s, ok := t.(*types.Stream); ok {
		return s.Elem
	}
	return t.(*types.Future).Elem
}

// blocks reports whether a built-in may block its thread.
func blocks(op decode.BuiltinOp, async bool) bool {
	switch op {
	case decode.OpWaitableSetWait, decode.OpThreadYield, decode.OpThreadSuspend, decode.OpThreadSuspendThenResume,
		decode.OpThreadYieldThenResume, decode.OpThreadSuspendThenPromote, decode.OpThreadYieldThenPromote:
		return true
	case decode.OpSubtaskCancel, decode.OpStreamRead, decode.OpStreamWrite, decode.OpFutureRead, decode.OpFutureWrite,
		decode.OpStreamCancelRead, decode.OpStreamCancelWrite, decode.OpFutureCancelRead, decode.OpFutureCancelWrite:
		return !async
	}
	return false
}

// builtinType is the core signature of a built-in other than task.return.
func builtinType(op decode.BuiltinOp) (params, results []layout.CoreType) {
	i32 := func(n int) []layout.CoreType { return make([]layout.CoreType, n) }
	switch op {
	case decode.OpStreamNew, decode.OpFutureNew:
		return nil, []layout.CoreType{layout.I64}
	case decode.OpStreamRead, decode.OpStreamWrite:
		return i32(3), i32(1)
	case decode.OpFutureRead, decode.OpFutureWrite, decode.OpWaitableSetWait, decode.OpWaitableSetPoll,
		decode.OpErrorContextNew, decode.OpThreadNewIndirect:
		return i32(2), i32(1)
	case decode.OpStreamCancelRead, decode.OpStreamCancelWrite, decode.OpFutureCancelRead, decode.OpFutureCancelWrite,
		decode.OpSubtaskCancel, decode.OpThreadSuspendThenResume, decode.OpThreadYieldThenResume,
		decode.OpThreadSuspendThenPromote, decode.OpThreadYieldThenPromote:
		return i32(1), i32(1)
	case decode.OpContextGet, decode.OpWaitableSetNew, decode.OpThreadIndex, decode.OpThreadSuspend, decode.OpThreadYield:
		return nil, i32(1)
	case decode.OpErrorContextDebugMessage, decode.OpWaitableJoin:
		return i32(2), nil
	case decode.OpTaskCancel, decode.OpBackpressureInc, decode.OpBackpressureDec:
		return nil, nil
	}
	return i32(1), nil
}
