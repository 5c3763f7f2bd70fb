package decode

import (
	"fmt"

	"github.com/wasinn/wasinn/component/internal/corebin"
)

// canon reads canon.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#canonical-definitions
func canon(r *corebin.Reader) (Def, error) {
	at := r.Pos()
	op, err := r.Byte()
	if err != nil {
		return nil, err
	}
	switch op {
	case 0x00:
		return lift(r, at)
	case 0x01:
		return lower(r, at)
	case 0x02:
		i, err := r.U32()
		return &ResourceNew{Offset: at, Resource: i}, step("resource.new", err)
	case 0x03:
		i, err := r.U32()
		return &ResourceDrop{Offset: at, Resource: i}, step("resource.drop", err)
	case 0x04:
		i, err := r.U32()
		return &ResourceRep{Offset: at, Resource: i}, step("resource.rep", err)
	}
	if BuiltinOp(op).String() == "" {
		return nil, r.ErrorAt(at, "unknown canonical definition 0x%02x", op)
	}
	b := &AsyncBuiltin{Offset: at, Op: BuiltinOp(op)}
	return b, step(b.Op.String(), b.immediates(r))
}

func lift(r *corebin.Reader, at int) (_ Def, err error) {
	l := &Lift{Offset: at}
	if err := r.Expect(0x00, "sort of lift (func)"); err != nil {
		return nil, err
	}
	if l.Func, err = r.U32(); err != nil {
		return nil, step("lift", err)
	}
	if l.Options, err = canonOptions(r); err != nil {
		return nil, step("lift", err)
	}
	l.Type, err = r.U32()
	return l, step("lift", err)
}

func lower(r *corebin.Reader, at int) (_ Def, err error) {
	l := &Lower{Offset: at}
	if err := r.Expect(0x00, "sort of lower (func)"); err != nil {
		return nil, err
	}
	if l.Func, err = r.U32(); err != nil {
		return nil, step("lower", err)
	}
	l.Options, err = canonOptions(r)
	return l, step("lower", err)
}

func canonOptions(r *corebin.Reader) (CanonOptions, error) {
	return corebin.Vec(r, 1, "option", canonOption)
}

func canonOption(r *corebin.Reader) (o CanonOption, err error) {
	b, err := r.Byte()
	if err != nil {
		return o, err
	}
	o.Kind = CanonOptionKind(b)
	switch o.Kind {
	case OptUTF8, OptUTF16, OptLatin1UTF16, OptAsync, OptGC:
	case OptMemory, OptRealloc, OptPostReturn, OptCallback, OptCoreType:
		o.Index, err = r.U32()
	default:
		return o, r.ErrorAt(r.Pos()-1, "unknown canonical option 0x%02x", b)
	}
	return o, step(o.Kind.String(), err)
}

// String returns the option as the text format spells it.
func (k CanonOptionKind) String() string {
	names := [...]string{
		"string-encoding=utf8", "string-encoding=utf16", "string-encoding=latin1+utf16",
		"memory", "realloc", "post-return", "async", "callback", "core-type", "gc",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("unknown canonical option %#x", uint8(k))
}

// immediates reads what follows the code of a built-in.
func (b *AsyncBuiltin) immediates(r *corebin.Reader) (err error) {
	switch b.Op {
	case OpTaskReturn:
		if b.Result, err = resultList(r); err != nil {
			return err
		}
		b.Options, err = canonOptions(r)
	case OpContextGet, OpContextSet:
		if b.ValType, err = corebin.ReadValType(r); err != nil {
			return err
		}
		b.Slot, err = r.U32()
	case OpSubtaskCancel:
		b.Async, err = r.Flag("async")
	case OpStreamRead, OpStreamWrite, OpFutureRead, OpFutureWrite:
		if b.Type, err = r.U32(); err != nil {
			return err
		}
		b.Options, err = canonOptions(r)
	case OpStreamCancelRead, OpStreamCancelWrite, OpFutureCancelRead, OpFutureCancelWrite:
		if b.Type, err = r.U32(); err != nil {
			return err
		}
		b.Async, err = r.Flag("async")
	case OpStreamNew, OpStreamDropReadable, OpStreamDropWritable,
		OpFutureNew, OpFutureDropReadable, OpFutureDropWritable:
		b.Type, err = r.U32()
	case OpErrorContextNew, OpErrorContextDebugMessage:
		b.Options, err = canonOptions(r)
	case OpWaitableSetWait, OpWaitableSetPoll:
		if b.Cancellable, err = r.Flag("cancellable"); err != nil {
			return err
		}
		b.Memory, err = r.U32()
	default:
		err = b.threadImmediates(r)
	}
	return err
}

// threadImmediates reads what follows the code of a built-in for threads;
// the other built-ins left have nothing.
func (b *AsyncBuiltin) threadImmediates(r *corebin.Reader) (err error) {
	switch b.Op {
	case OpThreadYield, OpThreadSuspend, OpThreadSuspendThenResume, OpThreadYieldThenResume,
		OpThreadSuspendThenPromote, OpThreadYieldThenPromote:
		b.Cancellable, err = r.Flag("cancellable")
	case OpThreadNewIndirect:
		err = b.typeAndTable(r)
	case OpThreadSpawnRef:
		if b.Shared, err = r.Flag("shared"); err != nil {
			return err
		}
		b.Type, err = r.U32()
	case OpThreadSpawnIndirect:
		if b.Shared, err = r.Flag("shared"); err != nil {
			return err
		}
		err = b.typeAndTable(r)
	case OpThreadAvailable:
		b.Shared, err = r.Flag("shared")
	}
	return err
}

func (b *AsyncBuiltin) typeAndTable(r *corebin.Reader) (err error) {
	if b.Type, err = r.U32(); err != nil {
		return err
	}
	b.Table, err = r.U32()
	return err
}

// builtinNames are the built-ins by their code.
var builtinNames = [...]string{
	OpTaskCancel: "task.cancel", OpSubtaskCancel: "subtask.cancel", OpTaskReturn: "task.return",
	OpContextGet: "context.get", OpContextSet: "context.set", OpThreadYield: "thread.yield",
	OpSubtaskDrop: "subtask.drop",
	OpStreamNew:   "stream.new", OpStreamRead: "stream.read", OpStreamWrite: "stream.write",
	OpStreamCancelRead: "stream.cancel-read", OpStreamCancelWrite: "stream.cancel-write",
	OpStreamDropReadable: "stream.drop-readable", OpStreamDropWritable: "stream.drop-writable",
	OpFutureNew: "future.new", OpFutureRead: "future.read", OpFutureWrite: "future.write",
	OpFutureCancelRead: "future.cancel-read", OpFutureCancelWrite: "future.cancel-write",
	OpFutureDropReadable: "future.drop-readable", OpFutureDropWritable: "future.drop-writable",
	OpErrorContextNew: "error-context.new", OpErrorContextDebugMessage: "error-context.debug-message",
	OpErrorContextDrop: "error-context.drop",
	OpWaitableSetNew:   "waitable-set.new", OpWaitableSetWait: "waitable-set.wait",
	OpWaitableSetPoll: "waitable-set.poll", OpWaitableSetDrop: "waitable-set.drop", OpWaitableJoin: "waitable.join",
	OpBackpressureInc: "backpressure.inc", OpBackpressureDec: "backpressure.dec",
	OpThreadIndex: "thread.index", OpThreadNewIndirect: "thread.new-indirect",
	OpThreadResumeLater: "thread.resume-later", OpThreadSuspend: "thread.suspend",
	OpThreadSuspendThenResume: "thread.suspend-then-resume", OpThreadYieldThenResume: "thread.yield-then-resume",
	OpThreadSuspendThenPromote: "thread.suspend-then-promote", OpThreadYieldThenPromote: "thread.yield-then-promote",
	OpThreadSpawnRef: "thread.spawn-ref", OpThreadSpawnIndirect: "thread.spawn-indirect",
	OpThreadAvailable: "thread.available-parallelism",
}

// String returns the built-in's name, such as waitable-set.new; it is empty
// for a code that the format does not have.
func (op BuiltinOp) String() string {
	if int(op) >= len(builtinNames) {
		return ""
	}
	return builtinNames[op]
}
