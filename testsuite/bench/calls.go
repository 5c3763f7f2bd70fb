package bench

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
)

var (
	// callsWasm is component/testdata/calls.wasm.
	//go:embed testdata/calls.wasm
	callsWasm []byte
	// floorWasm is its core module in one piece, for calls wired by hand.
	//go:embed testdata/floor.wasm
	floorWasm []byte
)

// callRows are calls into a guest and out of it. Each floor is the same call
// wired by hand on wazero, to a guest without fuel: realloc, core function and
// post-return, and the bytes copied or looked at in place, but nothing checked
// that wazero does not check. The rows .uninterrupted have guests without fuel
// on both sides.
func callRows() []Row {
	on, off := component.NewConfig(), component.NewConfig().WithInterruption(false)
	return []Row{
		{"call.add", "add(u32, u32), typed", "CallWithStack", callSides(on, oursAdd, floorAdd)},
		{"call.add.uninterrupted", "the same, without fuel", "CallWithStack", callSides(off, oursAdd, floorAdd)},
		{"call.add.dynamic", "the same with dynamic values", "CallWithStack", callSides(on, oursAddDynamic, floorAdd)},
		{"call.string10", "a string of 10 bytes goes in", "realloc, copy, call, post-return", callSides(on, oursString, floorString)},
		{"call.string10.uninterrupted", "the same, without fuel", "realloc, copy, call, post-return", callSides(off, oursString, floorString)},
		{"call.echo10", "a string of 10 bytes goes in and out, as a view", "as before, and the result looked at", callSides(on, oursEcho, floorEcho)},
		{"call.echo10.uninterrupted", "the same, without fuel", "as before, and the result looked at", callSides(off, oursEcho, floorEcho)},
		{"call.echo10.copy", "the same, with a copy of the result", "as before, and the result looked at", callSides(on, oursEchoCopy, floorEcho)},
		{"call.list1m", "list<u8> of 1 MiB goes in", "one copy of 1 MiB", callSides(on, oursList1M, floorCopy1M)},
		hostRow("host.add", "a guest calls add(u32, u32)", on, "adds", 0),
		hostRow("host.add.uninterrupted", "the same, without fuel", off, "adds", 0),
		hostRow("host.string10", "a guest passes a string of 10 bytes", on, "lengths", 10),
		hostRow("host.list60k", "a guest passes list<u8> of 60,000 bytes", on, "sums", 60_000),
		hostRow("host.list1m", "a guest passes list<u8> of 1 MiB", on, "sums", 1<<20),
	}
}

type (
	pair   struct{ A, B uint32 }
	text   struct{ Text string }
	data   struct{ Bytes []byte }
	number struct{ N uint32 }
)

var (
	pairParams = abi.Params(
		abi.FieldOf("a", abi.U32, func(p *pair) *uint32 { return &p.A }),
		abi.FieldOf("b", abi.U32, func(p *pair) *uint32 { return &p.B }))
	textParams   = abi.Params(abi.FieldOf("text", abi.String, func(p *text) *string { return &p.Text }))
	dataParams   = abi.Params(abi.FieldOf("bytes", abi.Bytes, func(p *data) *[]byte { return &p.Bytes }))
	codeParams   = abi.Params(abi.FieldOf("code", abi.U32, func(p *number) *uint32 { return &p.N }))
	numberParams = abi.Params(abi.FieldOf("n", abi.U32, func(p *number) *uint32 { return &p.N }))
)

// linked returns a linker with test:host/api, and calls.wasm compiled.
func linked(ctx context.Context, e *Env, cfg component.Config) (*component.Linker, *component.Component, error) {
	rt, err := component.NewRuntime(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	e.Defer(func() error { return rt.Close(context.WithoutCancel(ctx)) })
	l := component.NewLinker(rt)
	err = errors.Join(
		define(l, "add", pairParams, abi.U32, func(_ *abi.Call, p pair) (uint32, error) { return p.A + p.B, nil }),
		define(l, "length", textParams, abi.U32, func(_ *abi.Call, p text) (uint32, error) { return uint32(len(p.Text)), nil }),
		define(l, "sum", dataParams, abi.U32, func(_ *abi.Call, p data) (uint32, error) { return uint32(len(p.Bytes)), nil }),
		define(l, "stop", codeParams, abi.None, func(*abi.Call, number) (abi.Unit, error) { return abi.Unit{}, nil }),
		define(l, "again", abi.None, abi.None, func(*abi.Call, abi.Unit) (abi.Unit, error) { return abi.Unit{}, nil }))
	if err != nil {
		return nil, nil, err
	}
	c, err := rt.Compile(ctx, callsWasm)
	return l, c, err
}

func define[P, R any](l *component.Linker, name string, params abi.Codec[P], result abi.Codec[R], fn func(*abi.Call, P) (R, error)) error {
	return l.DefineFunc("test:host/api@0.2.3", name, abi.FuncType(params, result), abi.CanonLower(params, result, fn))
}

// floorGuest returns floor.wasm wired by hand.
func floorGuest(ctx context.Context, e *Env) (api.Module, error) {
	rt := wazero.NewRuntime(ctx)
	e.Defer(func() error { return rt.Close(context.WithoutCancel(ctx)) })
	if _, err := floorHost(ctx, rt); err != nil {
		return nil, err
	}
	return rt.InstantiateWithConfig(ctx, floorWasm, wazero.NewModuleConfig().WithName("guest"))
}

// floorHost makes the functions that floor.wasm imports.
func floorHost(ctx context.Context, rt wazero.Runtime) (api.Module, error) {
	i32 := api.ValueTypeI32
	two, one := []api.ValueType{i32, i32}, []api.ValueType{i32}
	b := rt.NewHostModuleBuilder("host")
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, _ api.Module, s []uint64) {
		s[0] = uint64(uint32(s[0]) + uint32(s[1]))
	}), two, one).Export("add")
	length := api.GoModuleFunc(func(_ context.Context, m api.Module, s []uint64) {
		v, ok := m.Memory().Read(uint32(s[0]), uint32(s[1]))
		if !ok {
			panic("out of bounds")
		}
		s[0] = uint64(len(v))
	})
	b.NewFunctionBuilder().WithGoModuleFunction(length, two, one).Export("length")
	b.NewFunctionBuilder().WithGoModuleFunction(length, two, one).Export("sum")
	return b.Instantiate(ctx)
}

// callSides opens a row of an instance of calls.wasm beside floor.wasm. Both are
// called with a context without values, as an engine's own cost shows best.
func callSides(cfg component.Config, ours func(*component.Instance) (Side, error), floor func(api.Module) Side) func(context.Context, *Env) (Side, Side, error) {
	return func(ctx context.Context, e *Env) (Side, Side, error) {
		ctx = context.WithoutCancel(ctx)
		l, c, err := linked(ctx, e, cfg)
		if err != nil {
			return nil, nil, err
		}
		inst, err := l.Instantiate(ctx, c)
		if err != nil {
			return nil, nil, err
		}
		e.Defer(func() error { return inst.Close(ctx) })
		guest, err := floorGuest(ctx, e)
		if err != nil {
			return nil, nil, err
		}
		side, err := ours(inst)
		return side, floor(guest), err
	}
}

// bound returns a function of the instance as a Go function.
func bound[P, R any](inst *component.Instance, name string, params abi.Codec[P], result abi.Codec[R]) (t component.Typed[P, R], err error) {
	f, err := inst.Func(name)
	if err != nil {
		return t, err
	}
	return component.Bind(f, params, result)
}

// wrong is the error of a result that is not what it should be.
func wrong(got any, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("the result is %v, which is wrong", got)
}

var background = context.Background()

func oursAdd(inst *component.Instance) (Side, error) {
	f, err := bound(inst, "add", pairParams, abi.U32)
	return func(n int, t Timer) error {
		t.ResetTimer()
		defer t.StopTimer()
		for range n {
			if got, err := f.Call(background, pair{40, 2}); err != nil || got != 42 {
				return wrong(got, err)
			}
		}
		return nil
	}, err
}

func oursAddDynamic(inst *component.Instance) (Side, error) {
	f, err := inst.Func("add")
	return times(func() error {
		if got, err := f.Call(background, uint32(40), uint32(2)); err != nil || got != uint32(42) {
			return wrong(got, err)
		}
		return nil
	}), err
}

func floorAdd(m api.Module) Side {
	f, stack := m.ExportedFunction("add"), make([]uint64, 2)
	return func(n int, t Timer) error {
		t.ResetTimer()
		defer t.StopTimer()
		for range n {
			stack[0], stack[1] = 40, 2
			if err := f.CallWithStack(background, stack); err != nil || stack[0] != 42 {
				return wrong(stack[0], err)
			}
		}
		return nil
	}
}

// ten is the string that goes in.
const ten = "ten bytes!"

func oursString(inst *component.Instance) (Side, error) {
	f, err := bound(inst, "length", textParams, abi.U32)
	return func(n int, t Timer) error {
		t.ResetTimer()
		defer t.StopTimer()
		for range n {
			if got, err := f.Call(background, text{ten}); err != nil || got != 10 {
				return wrong(got, err)
			}
		}
		return nil
	}, err
}

// byHand is a guest's functions for a call with a string.
type byHand struct {
	memory               api.Memory
	realloc, call, reset api.Function
	stack                [4]uint64
}

func newByHand(m api.Module, name string) *byHand {
	return &byHand{memory: m.Memory(), realloc: m.ExportedFunction("realloc"), call: m.ExportedFunction(name), reset: m.ExportedFunction("reset")}
}

// pass calls the function with ten.
func (h *byHand) pass() error {
	h.stack = [4]uint64{0, 0, 1, uint64(len(ten))}
	if err := h.realloc.CallWithStack(background, h.stack[:]); err != nil {
		return err
	}
	h.memory.WriteString(uint32(h.stack[0]), ten)
	h.stack[1] = uint64(len(ten))
	return h.call.CallWithStack(background, h.stack[:])
}

func floorString(m api.Module) Side {
	h := newByHand(m, "length")
	return func(n int, t Timer) error {
		t.ResetTimer()
		defer t.StopTimer()
		for range n {
			if err := h.pass(); err != nil {
				return err
			}
			if err := h.reset.CallWithStack(background, h.stack[:]); err != nil || h.stack[0] != 10 {
				return wrong(h.stack[0], err)
			}
		}
		return nil
	}
}

func oursEcho(inst *component.Instance) (Side, error) {
	f, err := bound(inst, "echo", textParams, abi.String)
	use := func(got string) error {
		if got != ten {
			return wrong(got, nil)
		}
		return nil
	}
	return func(n int, t Timer) error {
		t.ResetTimer()
		defer t.StopTimer()
		for range n {
			if err := f.CallView(background, text{ten}, use); err != nil {
				return err
			}
		}
		return nil
	}, err
}

func oursEchoCopy(inst *component.Instance) (Side, error) {
	f, err := bound(inst, "echo", textParams, abi.String)
	return times(func() error {
		if got, err := f.Call(background, text{ten}); err != nil || got != ten {
			return wrong(got, err)
		}
		return nil
	}), err
}

func floorEcho(m api.Module) Side {
	h := newByHand(m, "echo")
	return func(n int, t Timer) error {
		t.ResetTimer()
		defer t.StopTimer()
		for range n {
			if err := h.pass(); err != nil {
				return err
			}
			out, _ := h.memory.Read(uint32(h.stack[0]), 8)
			got, _ := h.memory.Read(binary.LittleEndian.Uint32(out), binary.LittleEndian.Uint32(out[4:]))
			if string(got) != ten {
				return wrong(got, nil)
			}
			if err := h.reset.CallWithStack(background, h.stack[:]); err != nil {
				return err
			}
		}
		return nil
	}
}

func oursList1M(inst *component.Instance) (Side, error) {
	list := []byte(strings.Repeat("x", 1<<20))
	f, err := bound(inst, "count", dataParams, abi.U32)
	return times(func() error {
		if got, err := f.Call(background, data{list}); err != nil || got != 1<<20 {
			return wrong(got, err)
		}
		return nil
	}), err
}

func floorCopy1M(api.Module) Side { return copySide(1 << 20) }

// copySide copies size bytes, which were written: what was not is all one page.
func copySide(size int) Side {
	from, to := bytes.Repeat([]byte("x"), size), make([]byte, size)
	return times(func() error { copy(to, from); return nil })
}

// perCall is how many times a guest calls the host in one call of the guest.
const perCall = 1000

// hostRow is a guest that calls the host in a loop; one operation is one call of
// the host. The floor's host function reads the list in place, too.
func hostRow(name, ours string, cfg component.Config, export string, length uint32) Row {
	open := func(inst *component.Instance) (Side, error) {
		if err := grow(inst); err != nil {
			return nil, err
		}
		if length == 0 {
			f, err := bound(inst, export, numberParams, abi.U32)
			return inLoops(func(n uint32) error { _, err := f.Call(background, number{n}); return err }), err
		}
		f, err := bound(inst, export, pairParams, abi.U32)
		return inLoops(func(n uint32) error { _, err := f.Call(background, pair{n, length}); return err }), err
	}
	floor := func(m api.Module) Side {
		f, stack := m.ExportedFunction(strings.Replace(export, "sums", "lengths", 1)), make([]uint64, 2)
		return inLoops(func(n uint32) error {
			stack[0], stack[1] = uint64(n), uint64(length)
			return f.CallWithStack(background, stack)
		})
	}
	return Row{name, ours, "a GoModuleFunc that reads in place", callSides(cfg, open, floor)}
}

// grow gives calls.wasm a memory of more than 1 MiB, as floor.wasm has.
func grow(inst *component.Instance) error {
	f, err := bound(inst, "grow", numberParams, abi.U32)
	if err == nil {
		_, err = f.Call(background, number{17})
	}
	return err
}

// inLoops is n operations, perCall of them in each call of f.
func inLoops(f func(n uint32) error) Side {
	return func(n int, t Timer) error {
		t.ResetTimer()
		defer t.StopTimer()
		for n > 0 {
			k := min(n, perCall)
			if err := f(uint32(k)); err != nil {
				return err
			}
			n -= k
		}
		return nil
	}
}
