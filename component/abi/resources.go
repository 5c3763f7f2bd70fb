package abi

import (
	"context"
	"fmt"

	"github.com/wasinn/wasinn/component/types"
)

// ResourceType is a resource type at run time. Its identity is its address: a
// component makes a new one with every instantiation.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#resource-state
type ResourceType struct {
	// Type names it in value types and messages.
	Type *types.Resource
	// Impl is the instance that implements it; nil when the host does.
	Impl *Instance
	// Dtor is the guest's destructor, called with the rep; nil for none.
	Dtor *CoreFunc
	// HostDtor is the destructor of a host resource that is not a
	// [HostResource]; nil for none.
	HostDtor func(ctx context.Context, rep uint32) error

	table bool // reps are numbers of the store's host table
}

// String returns the type's name.
func (rt *ResourceType) String() string { return rt.Type.String() }

func (rt *ResourceType) kind() string {
	if rt.Impl != nil {
		return "guest-defined resource"
	}
	return "host resource"
}

// expectedFound says that a handle is of type found where want is expected.
func expectedFound(want, found *ResourceType) string {
	different := ""
	if want.kind() == found.kind() {
		different = "a different "
	}
	return fmt.Sprintf("expected %s but found %s%s (%s, %s)", want.kind(), different, found.kind(), want, found)
}

// destroy runs the destructor for rep. caller is the instance that drops the
// last handle, or nil for the host.
func (rt *ResourceType) destroy(ctx context.Context, st *Store, caller *Instance, rep uint32) error {
	switch {
	case rt.table:
		e, ok := st.hostTable.Remove(rep)
		if !ok || e.lent {
			return nil
		}
		return e.value.Drop(ctx)
	case rt.Impl == nil:
		if rt.HostDtor == nil {
			return nil
		}
		return rt.HostDtor(ctx, rep)
	}
	if err := rt.Impl.enter(caller); err != nil {
		return err
	}
	if rt.Dtor != nil {
		stack := [1]uint64{uint64(rep)}
		if rt.Impl.conc != nil {
			rt.Impl.enterSync()
		}
		if err := rt.Dtor.Call(ctx, stack[:]); err != nil {
			rt.Impl.Poison(err)
			return err
		}
		if rt.Impl.conc != nil {
			rt.Impl.leaveSync()
		}
	}
	rt.Impl.leaveTo(caller)
	return nil
}

// Dropper is a host resource's Go value.
type Dropper interface {
	// Drop is called once when the last owning handle goes. An error is a trap.
	Drop(ctx context.Context) error
}

// HostResource is a resource type that the host implements with Go type T. It
// is made once, at package level, and shared by all stores; a store's host
// table holds a Go value for every rep.
type HostResource[T Dropper] struct{ rt ResourceType }

// NewHostResource returns a new resource type. name is for messages.
func NewHostResource[T Dropper](name string) *HostResource[T] {
	return &HostResource[T]{ResourceType{Type: &types.Resource{Name: name}, table: true}}
}

// Type is the resource as value types name it.
func (h *HostResource[T]) Type() *types.Resource { return h.rt.Type }

// ResourceType is the resource at run time, the same in every store.
func (h *HostResource[T]) ResourceType() *ResourceType { return &h.rt }

// Own is the codec of own<T>. Lifting takes the guest's handle and gives the Go
// value to the host, which is to drop it; lowering does the reverse.
func (h *HostResource[T]) Own() Codec[T] {
	return hostOwn[T]{h: h, typ: &types.Own{Resource: h.rt.Type}}
}

// Borrow is the codec of borrow<T>. A lifted value is good for the length of
// the call. A lowered one is lent: the guest's handle ends with the call, and
// Drop is not called for it.
func (h *HostResource[T]) Borrow() Codec[T] {
	return hostBorrow[T]{h: h, typ: &types.Borrow{Resource: h.rt.Type}}
}

// value returns the Go value of rep.
func (h *HostResource[T]) value(st *Store, rep uint32) (v T, err error) {
	e := st.hostTable.Get(rep)
	if e == nil {
		return v, trapf(TrapStaleHandle, "%s: rep %d names nothing", h.rt.Type, rep)
	}
	v, ok := e.value.(T)
	if !ok {
		return v, trapf(TrapHandleType, "%s: rep %d is a %T", h.rt.Type, rep, e.value)
	}
	return v, nil
}

// ResourceHandle is a resource in the host's hands whose type a guest defines,
// or any resource in a dynamic value. It is a value.Handle. It belongs to one
// store; an owned one is to be dropped, or given to a guest, once.
type ResourceHandle struct {
	rt    *ResourceType
	store *Store
	rep   uint32
	lends uint32
	own   bool
	gone  bool // dropped, given away, or lent for a call that has ended
}

// NewResourceHandle returns an owned handle of rep for a resource type that
// the host implements, to be passed to a guest as a dynamic value.
func NewResourceHandle(st *Store, rt *ResourceType, rep uint32) *ResourceHandle {
	return &ResourceHandle{rt: rt, store: st, rep: rep, own: true}
}

// Resource is the resource's type.
func (h *ResourceHandle) Resource() *types.Resource { return h.rt.Type }

// Owned tells own<R> from borrow<R>.
func (h *ResourceHandle) Owned() bool { return h.own }

// Rep is what the implementation knows the resource by.
func (h *ResourceHandle) Rep() uint32 { return h.rep }

// String names the handle in messages.
func (h *ResourceHandle) String() string {
	if h.own {
		return fmt.Sprintf("own<%s>", h.rt)
	}
	return fmt.Sprintf("borrow<%s>", h.rt)
}

// Drop drops an owned handle and runs the resource's destructor; a borrowed
// one is only given up. It is an error to drop a handle twice, after it was
// given to a guest, or while it is lent.
func (h *ResourceHandle) Drop(ctx context.Context) error {
	if err := h.usable(h.store, h.rt); err != nil {
		return err
	}
	if h.lends > 0 {
		return trapf(TrapHandleLent, "%s is lent to a call that has not ended", h)
	}
	h.gone = true
	if !h.own {
		return nil
	}
	return h.rt.destroy(ctx, h.store, nil, h.rep)
}

// usable checks that h may be used with store and type.
func (h *ResourceHandle) usable(st *Store, rt *ResourceType) error {
	switch {
	case h == nil:
		return trapf(TrapInvalidValue, "the handle is nil")
	case h.gone:
		return trapf(TrapStaleHandle, "%s was dropped, given away, or lent for a call that has ended", h)
	case h.store != st:
		return trapf(TrapStaleHandle, "%s belongs to another store", h)
	case h.rt != rt:
		return trapf(TrapHandleType, "a handle of the wrong type: %s", expectedFound(rt, h.rt))
	}
	return nil
}

// liftHandle lifts own<rt> or borrow<rt> to a handle in the host's hands.
func (cx *Context) liftHandle(index uint32, rt *ResourceType, own bool) (*ResourceHandle, error) {
	var rep uint32
	var err error
	if own {
		rep, err = cx.liftOwn(index, rt)
	} else {
		rep, err = cx.liftBorrow(index, rt)
	}
	if err != nil {
		return nil, err
	}
	if err := cx.charge(boxCost); err != nil {
		return nil, err
	}
	h := &ResourceHandle{rt: rt, store: cx.Inst.Store, rep: rep, own: own}
	if !own {
		cx.scope.used = true
		cx.scope.hostHeld = append(cx.scope.hostHeld, h)
	}
	return h, nil
}

// lowerHandle gives the instance own<rt> or borrow<rt> of a handle in the
// host's hands.
func (cx *Context) lowerHandle(h *ResourceHandle, rt *ResourceType, own bool) (index uint32, err error) {
	if err := h.usable(cx.Inst.Store, rt); err != nil {
		return 0, err
	}
	if !own {
		h.lends++
		cx.scope.used = true
		cx.scope.hostLent = append(cx.scope.hostLent, h)
		return cx.lowerBorrow(h.rep, rt)
	}
	if !h.own {
		return 0, trapf(TrapNotOwned, "%s is given where own<%s> is expected", h, rt)
	}
	if h.lends > 0 {
		return 0, trapf(TrapHandleLent, "%s is lent to a call that has not ended", h)
	}
	h.gone = true
	return cx.lowerOwn(h.rep, rt)
}

// resourceType resolves a resource that compiled types name.
func (cx *Context) resourceType(r *types.Resource) (*ResourceType, error) {
	if rt := cx.Inst.root.resources[r]; rt != nil {
		return rt, nil
	}
	return nil, trapf(TrapUnsupported, "resource type %s is not defined in instance %s", r, cx.Inst.Name)
}
