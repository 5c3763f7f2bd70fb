package abi

// handle is an entry of an instance's table: the spec's ResourceHandle, or an
// element of async.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#resource-state
type handle struct {
	rt       *ResourceType
	scope    *Scope // of a borrowed handle: the call that it was lent for
	rep      uint32
	numLends uint32
	own      bool
	elem     element // of async; rt is nil then
}

func (i *Instance) addHandle(h handle) (uint32, error) {
	if i.handles.Len() >= i.Store.limits.MaxHandles {
		return 0, trapf(TrapLimit, "instance %s holds %d handles, and no more are allowed", i.Name, i.Store.limits.MaxHandles)
	}
	return i.handles.Add(h), nil
}

// getHandle returns the entry at index, which must be of type rt.
func (i *Instance) getHandle(index uint32, rt *ResourceType) (*handle, error) {
	h := i.handles.Get(index)
	if h == nil {
		return nil, trapf(TrapUnknownHandle, "unknown handle index %d", index)
	}
	if h.rt != rt {
		if h.elem != nil {
			return nil, trapf(TrapHandleType, "handle index %d is %s, expected a handle of %s", index, h.elem.what(), rt)
		}
		return nil, trapf(TrapHandleType, "handle index %d used with the wrong type, %s", index, expectedFound(rt, h.rt))
	}
	return h, nil
}

// liftOwn takes the handle at index out of the table and returns its rep.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#loading
func (cx *Context) liftOwn(index uint32, rt *ResourceType) (rep uint32, err error) {
	h, err := cx.Inst.getHandle(index, rt)
	if err != nil {
		return 0, err
	}
	if h.numLends != 0 {
		return 0, trapf(TrapHandleLent, "cannot remove owned resource while borrowed: handle index %d is lent %d times", index, h.numLends)
	}
	if !h.own {
		return 0, trapf(TrapNotOwned, "handle index %d is borrowed; own<%s> is expected", index, rt)
	}
	rep = h.rep
	cx.Inst.handles.Remove(index)
	return rep, nil
}

// liftBorrow counts the handle at index as lent for the call and returns its
// rep.
func (cx *Context) liftBorrow(index uint32, rt *ResourceType) (rep uint32, err error) {
	h, err := cx.Inst.getHandle(index, rt)
	if err != nil {
		return 0, err
	}
	h.numLends++
	cx.scope.used = true
	cx.scope.lenders = append(cx.scope.lenders, index)
	return h.rep, nil
}

// lowerOwn gives the instance an owning handle of rep.
func (cx *Context) lowerOwn(rep uint32, rt *ResourceType) (index uint32, err error) {
	cx.scope.used, cx.scope.lowered = true, true
	return cx.Inst.addHandle(handle{rt: rt, rep: rep, own: true})
}

// lowerBorrow gives the instance a handle of rep for the length of the call;
// an instance that implements the type gets the rep itself.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#storing
func (cx *Context) lowerBorrow(rep uint32, rt *ResourceType) (index uint32, err error) {
	if rt.Impl == cx.Inst {
		return rep, nil
	}
	cx.scope.used, cx.scope.lowered = true, true
	index, err = cx.Inst.addHandle(handle{rt: rt, rep: rep, scope: &cx.scope})
	if err == nil {
		cx.scope.numBorrows++
	}
	return index, err
}
