package validate

import (
	"errors"
	"testing"

	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
)

// builtin is a component with a stream<u8> (type 0), a future<string> (type
// 1), the functions, memory and types that built-ins may refer to, and one built-in.
func builtin(b *decode.AsyncBuiltin) *decode.Component {
	return then(libc(), typeDef(&decode.Stream{Elem: opt(u8)}), typeDef(&decode.Future{Elem: opt(str)}),
		&decode.CoreType{Types: []corebin.Type{{Kind: corebin.KindFunc, Func: dropType}}}, b)
}

func kinds(list ...decode.CanonOptionKind) decode.CanonOptions {
	var o decode.CanonOptions
	for _, k := range list {
		o = append(o, decode.CanonOption{Kind: k})
	}
	return o
}

// With every feature on, built-ins are checked as the specification says.
func TestBuiltinRules(t *testing.T) {
	tests := []struct {
		name string
		in   decode.AsyncBuiltin
		want string // the end of the message; empty when valid
	}{
		{"task.return passes its result", decode.AsyncBuiltin{Op: decode.OpTaskReturn, Result: opt(u8)}, ""},
		{"task.return passes a string through memory", decode.AsyncBuiltin{Op: decode.OpTaskReturn, Result: opt(str)},
			"the result passes through memory: the option memory is needed"},
		{"task.return has no realloc", decode.AsyncBuiltin{Op: decode.OpTaskReturn, Result: opt(str), Options: kinds(decode.OptMemory, decode.OptRealloc)},
			"the options are memory and string-encoding only"},
		{"context slots are of i32", decode.AsyncBuiltin{Op: decode.OpContextGet, ValType: corebin.F32}, "found a slot of f32, expected i32"},
		{"there are two context slots", decode.AsyncBuiltin{Op: decode.OpContextSet, ValType: corebin.I32, Slot: 2}, "found slot 2, there are 2"},
		{"stream.new is of a stream", decode.AsyncBuiltin{Op: decode.OpStreamNew, Type: 1}, "type 1 is not a stream"},
		{"future.new is of a future", decode.AsyncBuiltin{Op: decode.OpFutureNew, Type: 0}, "type 0 is not a future"},
		{"stream.read is into memory", decode.AsyncBuiltin{Op: decode.OpStreamRead}, "elements pass through memory: the option memory is needed"},
		{"stream.read with memory", decode.AsyncBuiltin{Op: decode.OpStreamRead, Options: kinds(decode.OptMemory)}, ""},
		{"future.read of a string makes room for it", decode.AsyncBuiltin{Op: decode.OpFutureRead, Type: 1, Options: kinds(decode.OptMemory)},
			"elements are stored in memory: the options memory and realloc are needed"},
		{"future.write of a string needs no room", decode.AsyncBuiltin{Op: decode.OpFutureWrite, Type: 1, Options: kinds(decode.OptMemory)}, ""},
		{"waitable-set.wait writes to a memory", decode.AsyncBuiltin{Op: decode.OpWaitableSetWait, Memory: 1}, "core memory index 1 out of bounds: there are 1"},
		{"error-context.new reads its message", decode.AsyncBuiltin{Op: decode.OpErrorContextNew}, "the message passes through memory: the option memory is needed"},
		{"error-context.debug-message makes room", decode.AsyncBuiltin{Op: decode.OpErrorContextDebugMessage, Options: kinds(decode.OptMemory)},
			"the message is stored in memory: the options memory and realloc are needed"},
		{"a thread starts with a table", decode.AsyncBuiltin{Op: decode.OpThreadNewIndirect}, "core table index 0 out of bounds: there are 0"},
		{"a thread's function takes an i32", decode.AsyncBuiltin{Op: decode.OpThreadSpawnRef, Type: 1}, "core type index 1 out of bounds: there are 1"},
		{"post-return is for lifts", decode.AsyncBuiltin{Op: decode.OpStreamWrite, Options: kinds(decode.OptMemory, decode.OptPostReturn)},
			"the options are memory, realloc, string-encoding and async only"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Validate(builtin(&test.in), AllFeatures())
			want := ""
			if test.want != "" {
				want = "validate: canon " + test.in.Op.String() + ", core func[1]: " + test.want
			}
			if got := text(err); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Each built-in is refused by its feature when that is off, and named.
func TestBuiltinGates(t *testing.T) {
	tests := []struct {
		ops     []decode.BuiltinOp
		feature string
	}{
		{[]decode.BuiltinOp{
			decode.OpTaskCancel, decode.OpSubtaskCancel, decode.OpTaskReturn, decode.OpContextGet, decode.OpContextSet, decode.OpThreadYield,
			decode.OpSubtaskDrop, decode.OpStreamNew, decode.OpStreamRead, decode.OpStreamWrite, decode.OpStreamCancelRead,
			decode.OpStreamCancelWrite, decode.OpStreamDropReadable, decode.OpStreamDropWritable, decode.OpFutureNew, decode.OpFutureRead,
			decode.OpFutureWrite, decode.OpFutureCancelRead, decode.OpFutureCancelWrite, decode.OpFutureDropReadable,
			decode.OpFutureDropWritable, decode.OpWaitableSetNew, decode.OpWaitableSetWait, decode.OpWaitableSetPoll,
			decode.OpWaitableSetDrop, decode.OpWaitableJoin, decode.OpBackpressureInc, decode.OpBackpressureDec}, "async"},
		{[]decode.BuiltinOp{decode.OpErrorContextNew, decode.OpErrorContextDebugMessage, decode.OpErrorContextDrop}, "📝 error-context"},
		{[]decode.BuiltinOp{decode.OpThreadIndex, decode.OpThreadNewIndirect, decode.OpThreadResumeLater, decode.OpThreadSuspend,
			decode.OpThreadSuspendThenResume, decode.OpThreadYieldThenResume, decode.OpThreadSuspendThenPromote,
			decode.OpThreadYieldThenPromote}, "🧵 threads"},
		{[]decode.BuiltinOp{decode.OpThreadSpawnRef, decode.OpThreadSpawnIndirect, decode.OpThreadAvailable}, "🧵② shared-everything threads"},
	}
	for _, test := range tests {
		for _, op := range test.ops {
			_, err := Validate(comp(&decode.AsyncBuiltin{Op: op}), Features{})
			g, ok := errors.AsType[*Gated](err)
			if !ok || g.Feature != test.feature || g.What != "calls of "+op.String() {
				t.Errorf("%s: got %v", op, err)
			}
		}
	}
	for _, op := range []decode.BuiltinOp{decode.OpStreamCancelRead, decode.OpSubtaskCancel} {
		_, err := Validate(builtin(&decode.AsyncBuiltin{Op: op, Async: true}), Features{Async: true})
		if g, ok := errors.AsType[*Gated](err); !ok || g.Feature != "🚝 more async built-ins" {
			t.Errorf("%s: got %v", op, err)
		}
	}
}

// Async lifts and lowers have core types and options of their own.
func TestAsyncLiftAndLower(t *testing.T) {
	asyncFn := func(result *decode.ValType, params ...decode.ValType) *decode.Type {
		f := fn(result, params...)
		f.Async = true
		return typeDef(f)
	}
	lift := func(o ...decode.CanonOption) *decode.Lift { return &decode.Lift{Func: 1, Options: o} }
	async, callback := decode.CanonOption{Kind: decode.OptAsync}, decode.CanonOption{Kind: decode.OptCallback, Index: 2}
	tests := []struct {
		name     string
		in       *decode.Component
		features Features
		want     string
	}{
		{"a lift with a callback", then(libc(coreFunc(1, 1), callbackType), asyncFn(opt(str), u8), lift(async, callback, memory)), Features{Async: true}, ""},
		{"a lift without a callback is stackful", then(libc(coreFunc(1, 0)), asyncFn(nil, u8), lift(async)), Features{Async: true, AsyncStackful: true}, ""},
		{"a stackful lift is gated", then(libc(coreFunc(1, 0)), asyncFn(nil, u8), lift(async)), Features{Async: true},
			"validate: canon lift, func[0]: async lifts without a callback need 🚟 stackful async, which this host does not support (a component-model proposal that is not standard yet)"},
		{"async needs an async type", then(libc(coreFunc(0, 0)), typeDef(fn(nil)), lift(async)), Features{Async: true},
			"validate: canon lift, func[0]: option async needs an async function type"},
		{"a callback needs async", then(libc(coreFunc(0, 0), callbackType), typeDef(fn(nil)), lift(callback)), Features{Async: true},
			"validate: canon lift, func[0]: option callback needs the option async"},
		{"a callback has its signature", then(libc(coreFunc(0, 1), coreFunc(0, 0)), asyncFn(nil), lift(async, callback)), Features{Async: true},
			"validate: canon lift, func[0]: option callback: core func 2 is a func() -> (), expected func(i32, i32, i32) -> (i32)"},
		{"a lower of more than four params spills them",
			then(libc(), asyncFn(nil, u8, u8, u8, u8, u8), imp("f", decode.SortFunc, 0), &decode.Lower{Options: decode.CanonOptions{async}}), Features{Async: true},
			"validate: canon lower, core func[1]: the parameters pass through memory: the option memory is needed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Validate(test.in, test.features)
			if got := text(err); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
