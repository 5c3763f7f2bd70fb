package instantiate

import (
	"context"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/corewasm"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/link"
)

// lowerAsync returns canonical function n, which is lowered from a function
// whose type is async.
func (p *Program) lowerAsync(n int) canonFunc {
	c := p.plan.Canons[n]
	return func(cc *corewasm.Context, stack []uint64) error {
		s := cc.State.(*Instance)
		call, err := s.asyncCall(n)
		if err != nil {
			return err
		}
		return call.Call(cc.Context, &s.options[c.Options], s.abi[c.Instance], stack)
	}
}

// builtin returns a built-in of async.
func builtin(c *link.Canon) canonFunc {
	if f := copyBuiltin(c); f != nil {
		return f
	}
	run := builtins[c.Builtin.Op]
	return func(cc *corewasm.Context, stack []uint64) error {
		s := cc.State.(*Instance)
		return run(builtinCall{s, c, c.Builtin, s.abi[c.Instance], cc.Context}, stack)
	}
}

// builtinCall is a call of a built-in.
type builtinCall struct {
	running *Instance
	canon   *link.Canon
	*link.Builtin
	inst *abi.Instance
	ctx  context.Context
}

func (c builtinCall) options() *abi.CanonicalOptions { return &c.running.options[c.canon.Options] }

// builtins are the built-ins that do not copy, by their code.
var builtins = [...]func(c builtinCall, stack []uint64) error{
	decode.OpTaskReturn: func(c builtinCall, stack []uint64) error {
		return c.inst.TaskReturn(c.Elem, c.options(), stack)
	},
	decode.OpTaskCancel: func(c builtinCall, _ []uint64) error { return c.inst.TaskCancel() },
	decode.OpContextGet: func(c builtinCall, stack []uint64) error {
		stack[0] = uint64(c.inst.ContextGet(c.Slot))
		return nil
	},
	decode.OpContextSet: func(c builtinCall, stack []uint64) error {
		c.inst.ContextSet(c.Slot, uint32(stack[0]))
		return nil
	},
	decode.OpBackpressureInc: func(c builtinCall, _ []uint64) error { return c.inst.BackpressureInc() },
	decode.OpBackpressureDec: func(c builtinCall, _ []uint64) error { return c.inst.BackpressureDec() },
	decode.OpSubtaskCancel: func(c builtinCall, stack []uint64) error {
		return put(stack)(c.inst.SubtaskCancel(c.ctx, uint32(stack[0]), c.Async))
	},
	decode.OpSubtaskDrop: func(c builtinCall, stack []uint64) error { return c.inst.SubtaskDrop(uint32(stack[0])) },
	decode.OpWaitableSetNew: func(c builtinCall, stack []uint64) error {
		return put(stack)(c.inst.WaitableSetNew())
	},
	decode.OpWaitableSetWait: func(c builtinCall, stack []uint64) error {
		return put(stack)(c.inst.WaitableSetWait(c.ctx, c.options().Memory, uint32(stack[0]), uint32(stack[1]), c.Cancellable))
	},
	decode.OpWaitableSetPoll: func(c builtinCall, stack []uint64) error {
		return put(stack)(c.inst.WaitableSetPoll(c.options().Memory, uint32(stack[0]), uint32(stack[1]), c.Cancellable))
	},
	decode.OpWaitableSetDrop: func(c builtinCall, stack []uint64) error {
		return c.inst.WaitableSetDrop(uint32(stack[0]))
	},
	decode.OpWaitableJoin: func(c builtinCall, stack []uint64) error {
		return c.inst.WaitableJoin(uint32(stack[0]), uint32(stack[1]))
	},
	decode.OpErrorContextNew: func(c builtinCall, stack []uint64) error {
		return put(stack)(c.inst.ErrorContextNew(c.ctx, c.options(), uint32(stack[0]), uint32(stack[1])))
	},
	decode.OpErrorContextDebugMessage: func(c builtinCall, stack []uint64) error {
		return c.inst.ErrorContextDebugMessage(c.ctx, c.options(), uint32(stack[0]), uint32(stack[1]))
	},
	decode.OpErrorContextDrop: func(c builtinCall, stack []uint64) error {
		return c.inst.ErrorContextDrop(uint32(stack[0]))
	},
	decode.OpThreadIndex:       func(c builtinCall, stack []uint64) error { return put(stack)(c.inst.ThreadIndex()) },
	decode.OpThreadNewIndirect: threadNew,
	decode.OpThreadResumeLater: func(c builtinCall, stack []uint64) error {
		return c.inst.ThreadResumeLater(uint32(stack[0]))
	},
	decode.OpThreadSuspend: func(c builtinCall, stack []uint64) error {
		return putBool(stack)(c.inst.ThreadSuspend(c.ctx, c.Cancellable))
	},
	decode.OpThreadYield: func(c builtinCall, stack []uint64) error {
		return putBool(stack)(c.inst.ThreadYield(c.ctx, c.Cancellable))
	},
	decode.OpThreadSuspendThenResume: func(c builtinCall, stack []uint64) error {
		return putBool(stack)(c.inst.ThreadSuspendThenResume(c.ctx, uint32(stack[0]), c.Cancellable))
	},
	decode.OpThreadYieldThenResume: func(c builtinCall, stack []uint64) error {
		return putBool(stack)(c.inst.ThreadYieldThenResume(c.ctx, uint32(stack[0]), c.Cancellable))
	},
	decode.OpThreadSuspendThenPromote: func(c builtinCall, stack []uint64) error {
		return putBool(stack)(c.inst.ThreadSuspendThenPromote(c.ctx, uint32(stack[0]), c.Cancellable))
	},
	decode.OpThreadYieldThenPromote: func(c builtinCall, stack []uint64) error {
		return putBool(stack)(c.inst.ThreadYieldThenPromote(c.ctx, uint32(stack[0]), c.Cancellable))
	},
}

// put returns a function that puts a result on the stack.
func put(stack []uint64) func(v uint32, err error) error {
	return func(v uint32, err error) error {
		if err == nil {
			stack[0] = uint64(v)
		}
		return err
	}
}

func putBool(stack []uint64) func(v bool, err error) error {
	return func(v bool, err error) error {
		if err == nil {
			stack[0] = 0
			if v {
				stack[0] = 1
			}
		}
		return err
	}
}

// threadNew is thread.new-indirect.
func threadNew(c builtinCall, stack []uint64) error {
	s := c.running
	h, err := s.cores[c.Table.Instance].TableFunc(c.Table.Name, uint32(stack[0]))
	if err != nil {
		return known(err)
	}
	start := abi.NewCoreFunc(&s.core, func() (abi.Handle, error) { return h, nil })
	return put(stack)(c.inst.ThreadNew(start, uint32(stack[1])))
}

// copyBuiltin returns a built-in of streams and futures; nil when c is another.
func copyBuiltin(c *link.Canon) canonFunc {
	b := c.Builtin
	if b.Op < decode.OpStreamNew || b.Op > decode.OpFutureDropWritable {
		return nil
	}
	// The codes of streams come first, in the same order as those of futures.
	op, future := b.Op, false
	if op >= decode.OpFutureNew {
		op, future = op-decode.OpFutureNew+decode.OpStreamNew, true
	}
	writes := op == decode.OpStreamWrite || op == decode.OpStreamCancelWrite || op == decode.OpStreamDropWritable
	copies := abi.NewCopyBuiltin(abi.CopyBuiltin{Writes: writes, Future: future, Async: b.Async, Elem: b.Elem})
	inst := func(cc *corewasm.Context) *abi.Instance { return cc.State.(*Instance).abi[c.Instance] }
	switch op {
	case decode.OpStreamNew:
		return func(cc *corewasm.Context, stack []uint64) (err error) {
			stack[0], err = inst(cc).NewEnds(copies)
			return err
		}
	case decode.OpStreamRead, decode.OpStreamWrite:
		return func(cc *corewasm.Context, stack []uint64) error {
			n := uint32(1)
			if !future {
				n = uint32(stack[2])
			}
			opts := &cc.State.(*Instance).options[c.Options]
			return put(stack)(inst(cc).Copy(cc.Context, copies, opts, uint32(stack[0]), uint32(stack[1]), n))
		}
	case decode.OpStreamCancelRead, decode.OpStreamCancelWrite:
		return func(cc *corewasm.Context, stack []uint64) error {
			return put(stack)(inst(cc).CancelCopy(cc.Context, copies, uint32(stack[0])))
		}
	}
	return func(cc *corewasm.Context, stack []uint64) error { return inst(cc).DropEnd(copies, uint32(stack[0])) }
}
