package validate

import (
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// asyncBuiltin checks a built-in of async, error contexts or threads.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canonical-definitions
func (v *validator) asyncBuiltin(s *scope, d *decode.AsyncBuiltin) error {
	if err := v.builtinFeature(d.Op); err != nil {
		return err
	}
	f, err := v.builtinType(s, d)
	if err != nil {
		return err
	}
	s.coreFuncs = append(s.coreFuncs, f)
	return nil
}

// builtinFeature checks that the feature is on that a built-in belongs to.
func (v *validator) builtinFeature(op decode.BuiltinOp) error {
	what := "calls of " + op.String()
	switch op {
	case decode.OpErrorContextNew, decode.OpErrorContextDebugMessage, decode.OpErrorContextDrop:
		return need(v.features.ErrorContext, what, "📝 error-context", proposed)
	case decode.OpThreadIndex, decode.OpThreadNewIndirect, decode.OpThreadResumeLater, decode.OpThreadSuspend,
		decode.OpThreadSuspendThenResume, decode.OpThreadYieldThenResume,
		decode.OpThreadSuspendThenPromote, decode.OpThreadYieldThenPromote:
		return need(v.features.Threads, what, "🧵 threads", proposed)
	case decode.OpThreadSpawnRef, decode.OpThreadSpawnIndirect, decode.OpThreadAvailable:
		return need(v.features.SharedThreads, what, "🧵② shared-everything threads", proposed)
	}
	return v.needAsync(what)
}

// builtinType checks a built-in's immediates and returns the type of the core
// function that it makes.
func (v *validator) builtinType(s *scope, d *decode.AsyncBuiltin) (*corebin.FuncType, error) {
	switch d.Op {
	case decode.OpTaskReturn:
		return v.taskReturn(s, d)
	case decode.OpContextGet, decode.OpContextSet:
		return context(d)
	case decode.OpStreamNew, decode.OpFutureNew:
		_, err := v.channel(s, d)
		return &corebin.FuncType{Results: []corebin.ValType{corebin.I64}}, err
	case decode.OpStreamRead, decode.OpStreamWrite:
		return coreFunc(3, 1), v.transfer(s, d)
	case decode.OpFutureRead, decode.OpFutureWrite:
		return coreFunc(2, 1), v.transfer(s, d)
	case decode.OpStreamCancelRead, decode.OpStreamCancelWrite, decode.OpFutureCancelRead, decode.OpFutureCancelWrite:
		if _, err := v.channel(s, d); err != nil {
			return nil, err
		}
		return coreFunc(1, 1), v.needMoreAsync(d.Async, "async calls of "+d.Op.String())
	case decode.OpSubtaskCancel:
		return coreFunc(1, 1), v.needMoreAsync(d.Async, "async calls of "+d.Op.String())
	case decode.OpStreamDropReadable, decode.OpStreamDropWritable, decode.OpFutureDropReadable, decode.OpFutureDropWritable:
		_, err := v.channel(s, d)
		return coreFunc(1, 0), err
	case decode.OpWaitableSetWait, decode.OpWaitableSetPoll:
		_, err := at(s.coreMemories, d.Memory, decode.SortCoreMemory)
		return coreFunc(2, 1), err
	case decode.OpErrorContextNew, decode.OpErrorContextDebugMessage:
		return v.errorContext(s, d)
	case decode.OpThreadNewIndirect, decode.OpThreadSpawnIndirect, decode.OpThreadSpawnRef:
		return threadStart(s, d)
	}
	return plainBuiltin(d.Op)
}

// plainBuiltin returns the type of a built-in whose immediates need no check.
func plainBuiltin(op decode.BuiltinOp) (*corebin.FuncType, error) {
	switch op {
	case decode.OpTaskCancel, decode.OpBackpressureInc, decode.OpBackpressureDec:
		return coreFunc(0, 0), nil
	case decode.OpSubtaskDrop, decode.OpWaitableSetDrop, decode.OpErrorContextDrop, decode.OpThreadResumeLater:
		return coreFunc(1, 0), nil
	case decode.OpWaitableSetNew, decode.OpThreadIndex, decode.OpThreadSuspend, decode.OpThreadYield, decode.OpThreadAvailable:
		return coreFunc(0, 1), nil
	case decode.OpWaitableJoin:
		return coreFunc(2, 0), nil
	case decode.OpThreadSuspendThenResume, decode.OpThreadYieldThenResume,
		decode.OpThreadSuspendThenPromote, decode.OpThreadYieldThenPromote:
		return coreFunc(1, 1), nil
	}
	return nil, fmt.Errorf("unknown built-in %#x", uint8(op))
}

// taskReturn checks task.return, whose parameters are the task's result.
func (v *validator) taskReturn(s *scope, d *decode.AsyncBuiltin) (*corebin.FuncType, error) {
	t, err := v.optional(s, d.Result)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	if t != nil && v.infoOf(t).flags&hasBorrow != 0 {
		return nil, errors.New("result: it contains a borrow, which cannot be returned")
	}
	o, err := v.options(s, d.Options)
	if err != nil {
		return nil, err
	}
	if o.realloc || o.async || o.callback || o.postReturn != nil {
		return nil, errors.New("the options are memory and string-encoding only")
	}
	l := v.layouts.Of(t)
	if !o.memory && (v.needsMemory(t) || l.NumFlat > layout.MaxFlatParams) {
		return nil, errors.New("the result passes through memory: the option memory is needed")
	}
	return &corebin.FuncType{Params: spilled(l, layout.MaxFlatParams)}, nil
}

// contextSlots is how many slots of storage a thread has.
const contextSlots = 2

// context checks context.get and context.set.
func context(d *decode.AsyncBuiltin) (*corebin.FuncType, error) {
	if d.ValType == corebin.I64 {
		return nil, gated("context slots of i64", "🐘 memory64", proposed)
	}
	if d.ValType != corebin.I32 {
		return nil, fmt.Errorf("found a slot of %s, expected i32", d.ValType)
	}
	if d.Slot >= contextSlots {
		return nil, fmt.Errorf("found slot %d, there are %d", d.Slot, contextSlots)
	}
	if d.Op == decode.OpContextGet {
		return coreFunc(0, 1), nil
	}
	return coreFunc(1, 0), nil
}

// channel returns the element type of the stream or future that a built-in is
// about; nil when it has none.
func (v *validator) channel(s *scope, d *decode.AsyncBuiltin) (types.ValType, error) {
	t, err := s.typeAt(d.Type)
	if err != nil {
		return nil, err
	}
	stream := d.Op >= decode.OpStreamNew && d.Op <= decode.OpStreamDropWritable
	switch t := t.(type) {
	case *types.Stream:
		if stream {
			return t.Elem, nil
		}
	case *types.Future:
		if !stream {
			return t.Elem, nil
		}
	}
	if stream {
		return nil, fmt.Errorf("type %d is not a stream", d.Type)
	}
	return nil, fmt.Errorf("type %d is not a future", d.Type)
}

// transfer checks the read and write built-ins of streams and futures.
func (v *validator) transfer(s *scope, d *decode.AsyncBuiltin) error {
	elem, err := v.channel(s, d)
	if err != nil {
		return err
	}
	o, err := v.options(s, d.Options)
	if err != nil {
		return err
	}
	reads := d.Op == decode.OpStreamRead || d.Op == decode.OpFutureRead
	switch {
	case o.postReturn != nil || o.callback:
		return errors.New("the options are memory, realloc, string-encoding and async only")
	case elem != nil && !o.memory:
		return errors.New("elements pass through memory: the option memory is needed")
	case reads && v.needsMemory(elem) && !o.realloc:
		return errors.New("elements are stored in memory: the options memory and realloc are needed")
	}
	return v.needMoreAsync(!o.async, "calls of "+d.Op.String()+" that are not async")
}

// needMoreAsync returns an error when a built-in has a form that is gated by itself.
func (v *validator) needMoreAsync(has bool, what string) error {
	return need(!has || v.features.MoreAsyncBuiltins, what, "🚝 more async built-ins", proposed)
}

// errorContext checks error-context.new and error-context.debug-message.
func (v *validator) errorContext(s *scope, d *decode.AsyncBuiltin) (*corebin.FuncType, error) {
	o, err := v.options(s, d.Options)
	if err != nil {
		return nil, err
	}
	if !o.memory {
		return nil, errors.New("the message passes through memory: the option memory is needed")
	}
	if o.async || o.callback || o.postReturn != nil {
		return nil, errors.New("the options are memory, realloc and string-encoding only")
	}
	if d.Op == decode.OpErrorContextNew {
		return coreFunc(2, 1), nil
	}
	if !o.realloc {
		return nil, errors.New("the message is stored in memory: the options memory and realloc are needed")
	}
	return coreFunc(2, 0), nil
}

// threadStart checks the built-ins that make a thread of a core function.
func threadStart(s *scope, d *decode.AsyncBuiltin) (*corebin.FuncType, error) {
	t, err := at(s.coreTypes, d.Type, decode.SortCoreType)
	if err != nil {
		return nil, err
	}
	if t.fn == nil || !sameFunc(t.fn, dropType) {
		return nil, fmt.Errorf("core type %d is not %s", d.Type, funcText(dropType))
	}
	if d.Op == decode.OpThreadSpawnRef {
		return &corebin.FuncType{Params: []corebin.ValType{corebin.FuncRef, corebin.I32}, Results: i32s(1)}, nil
	}
	table, err := at(s.coreTables, d.Table, decode.SortCoreTable)
	if err == nil && table.Elem != corebin.FuncRef {
		err = fmt.Errorf("core table %d is of %s, expected funcref", d.Table, table.Elem)
	}
	return coreFunc(2, 1), err
}
