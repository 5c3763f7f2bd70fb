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
// runner: the function host-return-two, and the instance host with functions
// and resource types. What is not here is what a [component.Linker] does not
// hold (the instance host.nested and the module host.simple-module) and async
// functions.
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
		l.DefineResource(hostInstance, "resource1", h.one.ResourceType()),
		l.DefineResource(hostInstance, "resource1-again", h.one.ResourceType()),
		l.DefineResource(hostInstance, "resource2", &abi.ResourceType{Type: &types.Resource{Name: "resource2"}}),
		h.defineMethods(l),
	)
}

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
	self := func(name string, c abi.Codec[*number]) abi.Field[hostArgs] {
		return abi.FieldOf(name, c, func(a *hostArgs) **number { return &a.Self })
	}
	other := func(c abi.Codec[*number]) abi.Field[hostArgs] {
		return abi.FieldOf("b", c, func(a *hostArgs) **number { return &a.Other })
	}
	rep := abi.FieldOf("rep", abi.U32, func(a *hostArgs) *uint32 { return &a.Rep })
	construct := func(_ *abi.Call, a hostArgs) (*number, error) { return &number{h, a.Rep}, nil }
	count := func(n *uint32) func(*abi.Call, abi.Unit) (uint32, error) {
		return func(*abi.Call, abi.Unit) (uint32, error) { return *n, nil }
	}
	take := func(*abi.Call, hostArgs) (abi.Unit, error) { return abi.Unit{}, nil }
	return errors.Join(
		hostFunc(l, hostInstance, "[constructor]resource1", abi.Params(rep), own, construct),
		hostFunc(l, hostInstance, "[static]resource1.assert", abi.Params(self("r", own), rep), abi.None, expectRep),
		hostFunc(l, hostInstance, "[static]resource1.last-drop", abi.None, abi.U32, count(&h.lastDrop)),
		hostFunc(l, hostInstance, "[static]resource1.drops", abi.None, abi.U32, count(&h.drops)),
		hostFunc(l, hostInstance, "[method]resource1.simple", abi.Params(self("self", borrow), rep), abi.None, expectRep),
		hostFunc(l, hostInstance, "[method]resource1.take-borrow", abi.Params(self("self", borrow), other(borrow)), abi.None, take),
		hostFunc(l, hostInstance, "[method]resource1.take-own", abi.Params(self("self", borrow), other(own)), abi.None, take),
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
