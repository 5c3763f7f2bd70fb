package abi

import "github.com/wasinn/wasinn/component/types"

// indexLayout is the shape of own and borrow: an index, in memory and flat.
type indexLayout struct{}

func (indexLayout) Align() uint32 { return 4 }
func (indexLayout) Size() uint32  { return 4 }
func (indexLayout) Flat() int     { return 1 }

// hostOwn is the codec of own<T> for a host resource.
type hostOwn[T Dropper] struct {
	indexLayout
	h   *HostResource[T]
	typ types.ValType
}

func (c hostOwn[T]) Type() types.ValType { return c.typ }

func (c hostOwn[T]) lift(cx *Context, index uint32) (v T, err error) {
	rep, err := cx.liftOwn(index, &c.h.rt)
	if err != nil {
		return v, err
	}
	cx.scope.used = true
	cx.scope.moved = append(cx.scope.moved, rep)
	return c.h.value(cx.Inst.Store, rep)
}

func (c hostOwn[T]) lower(cx *Context, v T) (index uint32, err error) {
	rep, err := cx.Inst.Store.addHost(v, false)
	if err != nil {
		return 0, err
	}
	return cx.lowerOwn(rep, &c.h.rt)
}

func (c hostOwn[T]) Load(cx *Context, b []byte) (T, error) { return c.lift(cx, le.Uint32(b)) }

func (c hostOwn[T]) LiftFlat(cx *Context, vi *CoreValues) (T, error) {
	return c.lift(cx, uint32(vi.Next()))
}

func (c hostOwn[T]) Store(cx *Context, v T, ptr uint32) error {
	index, err := c.lower(cx, v)
	if err == nil {
		storeUint(cx.memory(), ptr, 4, index)
	}
	return err
}

func (c hostOwn[T]) LowerFlat(cx *Context, v T, vo *CoreValues) error {
	index, err := c.lower(cx, v)
	vo.Put(uint64(index))
	return err
}

// hostBorrow is the codec of borrow<T> for a host resource.
type hostBorrow[T Dropper] struct {
	indexLayout
	h   *HostResource[T]
	typ types.ValType
}

func (c hostBorrow[T]) Type() types.ValType { return c.typ }

func (c hostBorrow[T]) lift(cx *Context, index uint32) (v T, err error) {
	rep, err := cx.liftBorrow(index, &c.h.rt)
	if err != nil {
		return v, err
	}
	return c.h.value(cx.Inst.Store, rep)
}

func (c hostBorrow[T]) lower(cx *Context, v T) (index uint32, err error) {
	rep, err := cx.Inst.Store.addHost(v, true)
	if err != nil {
		return 0, err
	}
	return cx.lowerBorrow(rep, &c.h.rt)
}

func (c hostBorrow[T]) Load(cx *Context, b []byte) (T, error) { return c.lift(cx, le.Uint32(b)) }

func (c hostBorrow[T]) LiftFlat(cx *Context, vi *CoreValues) (T, error) {
	return c.lift(cx, uint32(vi.Next()))
}

func (c hostBorrow[T]) Store(cx *Context, v T, ptr uint32) error {
	index, err := c.lower(cx, v)
	if err == nil {
		storeUint(cx.memory(), ptr, 4, index)
	}
	return err
}

func (c hostBorrow[T]) LowerFlat(cx *Context, v T, vo *CoreValues) error {
	index, err := c.lower(cx, v)
	vo.Put(uint64(index))
	return err
}

// OwnOf is the codec of own<r> for a resource type that a guest defines. r is
// resolved by the instance; see [Instance.DefineResource].
func OwnOf(r *types.Resource) Codec[*ResourceHandle] {
	return guestHandle{typ: &types.Own{Resource: r}, r: r, own: true}
}

// BorrowOf is the codec of borrow<r> for a resource type that a guest defines.
// A handle that is lifted is good for the call.
func BorrowOf(r *types.Resource) Codec[*ResourceHandle] {
	return guestHandle{typ: &types.Borrow{Resource: r}, r: r}
}

type guestHandle struct {
	indexLayout
	typ types.ValType
	r   *types.Resource
	own bool
}

func (c guestHandle) Type() types.ValType { return c.typ }

func (c guestHandle) lift(cx *Context, index uint32) (*ResourceHandle, error) {
	rt, err := cx.resourceType(c.r)
	if err != nil {
		return nil, err
	}
	return cx.liftHandle(index, rt, c.own)
}

func (c guestHandle) lower(cx *Context, h *ResourceHandle) (index uint32, err error) {
	rt, err := cx.resourceType(c.r)
	if err != nil {
		return 0, err
	}
	return cx.lowerHandle(h, rt, c.own)
}

func (c guestHandle) Load(cx *Context, b []byte) (*ResourceHandle, error) {
	return c.lift(cx, le.Uint32(b))
}

func (c guestHandle) LiftFlat(cx *Context, vi *CoreValues) (*ResourceHandle, error) {
	return c.lift(cx, uint32(vi.Next()))
}

func (c guestHandle) Store(cx *Context, h *ResourceHandle, ptr uint32) error {
	index, err := c.lower(cx, h)
	if err == nil {
		storeUint(cx.memory(), ptr, 4, index)
	}
	return err
}

func (c guestHandle) LowerFlat(cx *Context, h *ResourceHandle, vo *CoreValues) error {
	index, err := c.lower(cx, h)
	vo.Put(uint64(index))
	return err
}
