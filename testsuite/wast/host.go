package wast

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/types"
)

// DefineHost defines what wasmtime's own component test-suite imports of its
// runner: the functions host-return-two and host-echo-u32, and the instance host
// with functions, async ones among them, resource types, a core module and an
// instance.
//
// Call it for every script: the counts of dropped resources are of one linker.
//
// See https://github.com/bytecodealliance/wasmtime/blob/main/crates/wast/src/spectest.rs
func DefineHost(l *component.Linker) error {
	h := newHost()
	return errors.Join(
		hostFunc(l, "", "host-return-two", abi.None, abi.U32, constant(2)),
		hostFunc(l, hostInstance, "return-three", abi.None, abi.U32, constant(3)),
		hostFunc(l, hostInstance, "return-hi", abi.None, abi.String, func(*abi.Call, abi.Unit) (string, error) { return "hi", nil }),
		hostFunc(l, hostInstance+"#nested", "return-four", abi.None, abi.U32, constant(4)),
		l.DefineModule(hostInstance, "simple-module", simpleModule),
		l.DefineResource(hostInstance, "resource1", h.one.ResourceType()),
		l.DefineResource(hostInstance, "resource1-again", h.one.ResourceType()),
		l.DefineResource(hostInstance, "resource2", &abi.ResourceType{Type: &types.Resource{Name: "resource2"}}),
		h.defineMethods(l),
		h.defineAsync(l),
	)
}

// simpleModule exports the global g, 100, and the function f, which returns 101.
var simpleModule = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x05\x01\x60\x00\x01\x7f" + // type 0: () -> i32
	"\x03\x02\x01\x00" + // function 0 is of type 0
	"\x06\x07\x01\x7f\x00\x41\xe4\x00\x0b" + // global 0: i32.const 100
	"\x07\x09\x02\x01g\x03\x00\x01f\x00\x00" + // exports
	"\x0a\x07\x01\x05\x00\x41\xe5\x00\x0b") // i32.const 101

// hostInstance is the name of the instance that scripts import.
const hostInstance = "host"

func hostFunc[P, R any](l *component.Linker, instance, name string, params abi.Codec[P], result abi.Codec[R], fn func(*abi.Call, P) (R, error)) error {
	return l.DefineFunc(instance, name, abi.FuncType(params, result), abi.CanonLower(params, result, fn))
}

func constant(n uint32) func(*abi.Call, abi.Unit) (uint32, error) {
	return func(*abi.Call, abi.Unit) (uint32, error) { return n, nil }
}

// host is the state of resource1.
type host struct {
	one             *abi.HostResource[*number]
	drops, lastDrop uint32
}

// number is a resource1: a number that the guest chose.
type number struct {
	h   *host
	rep uint32
}

// Drop notes that the last handle is gone.
func (n *number) Drop(context.Context) error {
	n.h.drops++
	n.h.lastDrop = n.rep
	return nil
}

func newHost() *host { return &host{one: abi.NewHostResource[*number]("resource1")} }

// hostArgs are the parameters of resource1's functions.
type hostArgs struct {
	Self, Other *number
	Rep         uint32
}

func (h *host) defineMethods(l *component.Linker) error {
	own, borrow := h.one.Own(), h.one.Borrow()
	// The parameters have no names: wasmtime compares none, and its scripts vary.
	self := func(c abi.Codec[*number]) abi.Field[hostArgs] {
		return abi.FieldOf("", c, func(a *hostArgs) **number { return &a.Self })
	}
	other := func(c abi.Codec[*number]) abi.Field[hostArgs] {
		return abi.FieldOf("", c, func(a *hostArgs) **number { return &a.Other })
	}
	rep := abi.FieldOf("", abi.U32, func(a *hostArgs) *uint32 { return &a.Rep })
	construct := func(_ *abi.Call, a hostArgs) (*number, error) { return &number{h, a.Rep}, nil }
	count := func(n *uint32) func(*abi.Call, abi.Unit) (uint32, error) {
		return func(*abi.Call, abi.Unit) (uint32, error) { return *n, nil }
	}
	take := func(*abi.Call, hostArgs) (abi.Unit, error) { return abi.Unit{}, nil }
	return errors.Join(
		hostFunc(l, hostInstance, "[constructor]resource1", abi.Params(rep), own, construct),
		hostFunc(l, hostInstance, "[static]resource1.assert", abi.Params(self(own), rep), abi.None, expectRep),
		hostFunc(l, hostInstance, "[static]resource1.last-drop", abi.None, abi.U32, count(&h.lastDrop)),
		hostFunc(l, hostInstance, "[static]resource1.drops", abi.None, abi.U32, count(&h.drops)),
		hostFunc(l, hostInstance, "[method]resource1.simple", abi.Params(self(borrow), rep), abi.None, expectRep),
		hostFunc(l, hostInstance, "[method]resource1.take-borrow", abi.Params(self(borrow), other(borrow)), abi.None, take),
		hostFunc(l, hostInstance, "[method]resource1.take-own", abi.Params(self(borrow), other(own)), abi.None, take),
	)
}

// expectRep checks that a resource has the rep that is given beside it. The
// host keeps an owned one: its destructor does not run.
func expectRep(_ *abi.Call, a hostArgs) (abi.Unit, error) {
	if a.Self.rep != a.Rep {
		return abi.Unit{}, &abi.Trap{Kind: abi.TrapInvalidValue, Msg: fmt.Sprintf("resource1 has rep %d, expected %d", a.Self.rep, a.Rep)}
	}
	return abi.Unit{}, nil
}

func asyncHostFunc[P, R any](l *component.Linker, instance, name string, params abi.Codec[P], result abi.Codec[R], wait func(context.Context, P) (R, error)) error {
	begin := func(_ *abi.Call, p P) (func(context.Context) (R, error), error) {
		return func(ctx context.Context) (R, error) { return wait(ctx, p) }, nil
	}
	return l.DefineFunc(instance, name, abi.AsyncFuncType(params, result), abi.CanonLowerAsync(params, result, begin))
}

// defineAsync defines functions that return on a goroutine of their own, or when
// they are cancelled.
func (h *host) defineAsync(l *component.Linker) error {
	one := abi.Params(abi.FieldOf("", abi.U32, func(a *hostArgs) *uint32 { return &a.Rep }))
	self := abi.Params(abi.FieldOf("", h.one.Borrow(), func(a *hostArgs) **number { return &a.Self }))
	echo := func(_ context.Context, a hostArgs) (uint32, error) { return a.Rep, nil }
	never := func(ctx context.Context) (abi.Unit, error) {
		<-ctx.Done()
		return abi.Unit{}, ctx.Err()
	}
	return errors.Join(
		asyncHostFunc(l, "", "host-echo-u32", one, abi.U32, echo),
		asyncHostFunc(l, hostInstance, "echo-slowly", one, abi.U32, echo),
		asyncHostFunc(l, hostInstance, "return-two-slowly", abi.None, abi.S32, func(context.Context, abi.Unit) (int32, error) { return 2, nil }),
		asyncHostFunc(l, hostInstance, "never-return", abi.None, abi.None, func(ctx context.Context, _ abi.Unit) (abi.Unit, error) { return never(ctx) }),
		asyncHostFunc(l, hostInstance, "[method]resource1.never-return", self, abi.None, func(ctx context.Context, _ hostArgs) (abi.Unit, error) { return never(ctx) }),
	)
}
