package wast

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

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
		l.DefineResource(hostInstance, "resource1", h.one),
		l.DefineResource(hostInstance, "resource1-again", h.one),
		l.DefineResource(hostInstance, "resource2", &abi.ResourceType{Type: &types.Resource{Name: "resource2"}}),
		h.defineMethods(l),
	)
}

// hostInstance is the Go name of what scripts call host.
const hostInstance = "host"

func hostFunc[P, R any](l *component.Linker, instance, name string, params abi.Codec[P], result abi.Codec[R], fn func(*abi.Call, P) (R, error)) error {
	return l.DefineFunc(instance, name, abi.FuncType(params, result), abi.CanonLower(params, result, fn))
}

func constant(n uint32) func(*abi.Call, abi.Unit) (uint32, error) {
	return func(*abi.Call, abi.Unit) (uint32, error) { return n, nil }
}

// host is the state of resource1: numbers that guests give a meaning.
type host struct {
	one             *abi.ResourceType
	drops, lastDrop atomic.Uint32
}

func newHost() *host {
	h := &host{}
	h.one = &abi.ResourceType{
		Type: &types.Resource{Name: "resource1"},
		HostDtor: func(_ context.Context, rep uint32) error {
			h.drops.Add(1)
			h.lastDrop.Store(rep)
			return nil
		},
	}
	return h
}

// hostArgs are the parameters of resource1's functions.
type hostArgs struct {
	Self, Other *abi.ResourceHandle
	Rep         uint32
}

func self(name string, c abi.Codec[*abi.ResourceHandle]) abi.Field[hostArgs] {
	return abi.FieldOf(name, c, func(a *hostArgs) **abi.ResourceHandle { return &a.Self })
}

func other(c abi.Codec[*abi.ResourceHandle]) abi.Field[hostArgs] {
	return abi.FieldOf("b", c, func(a *hostArgs) **abi.ResourceHandle { return &a.Other })
}

func rep() abi.Field[hostArgs] {
	return abi.FieldOf("rep", abi.U32, func(a *hostArgs) *uint32 { return &a.Rep })
}

func (h *host) defineMethods(l *component.Linker) error {
	own, borrow := abi.OwnOf(h.one.Type), abi.BorrowOf(h.one.Type)
	construct := func(c *abi.Call, a hostArgs) (*abi.ResourceHandle, error) {
		return abi.NewResourceHandle(c.Inst.Store, h.one, a.Rep), nil
	}
	count := func(n *atomic.Uint32) func(*abi.Call, abi.Unit) (uint32, error) {
		return func(*abi.Call, abi.Unit) (uint32, error) { return n.Load(), nil }
	}
	return errors.Join(
		hostFunc(l, hostInstance, "[constructor]resource1", abi.Params(rep()), own, construct),
		hostFunc(l, hostInstance, "[static]resource1.assert", abi.Params(self("r", own), rep()), abi.None, expectRep(true)),
		hostFunc(l, hostInstance, "[static]resource1.last-drop", abi.None, abi.U32, count(&h.lastDrop)),
		hostFunc(l, hostInstance, "[static]resource1.drops", abi.None, abi.U32, count(&h.drops)),
		hostFunc(l, hostInstance, "[method]resource1.simple", abi.Params(self("self", borrow), rep()), abi.None, expectRep(false)),
		hostFunc(l, hostInstance, "[method]resource1.take-borrow", abi.Params(self("self", borrow), other(borrow)), abi.None, expectOwned(false)),
		hostFunc(l, hostInstance, "[method]resource1.take-own", abi.Params(self("self", borrow), other(own)), abi.None, expectOwned(true)),
	)
}

// expectRep checks that a handle has the rep that is given beside it. An owned
// one is the host's from then on, which keeps it: no destructor runs.
func expectRep(owned bool) func(*abi.Call, hostArgs) (abi.Unit, error) {
	return func(_ *abi.Call, a hostArgs) (abi.Unit, error) {
		if got := a.Self.Rep(); got != a.Rep || a.Self.Owned() != owned {
			return abi.Unit{}, fmt.Errorf("%v has rep %d, expected %d with owned=%t", a.Self, got, a.Rep, owned)
		}
		return abi.Unit{}, nil
	}
}

// expectOwned checks whether the second handle came as an owned one.
func expectOwned(owned bool) func(*abi.Call, hostArgs) (abi.Unit, error) {
	return func(_ *abi.Call, a hostArgs) (abi.Unit, error) {
		if a.Self.Owned() || a.Other.Owned() != owned {
			return abi.Unit{}, fmt.Errorf("got %v and %v, expected a borrowed one and one with owned=%t", a.Self, a.Other, owned)
		}
		return abi.Unit{}, nil
	}
}
