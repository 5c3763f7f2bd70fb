package abi

import "context"

// ResourceNew is canon resource.new: it gives the instance an owning handle of
// rep.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-resourcenew
func (i *Instance) ResourceNew(rt *ResourceType, rep uint32) (index uint32, err error) {
	if err := i.checkMayLeave(); err != nil {
		return 0, err
	}
	return i.addHandle(handle{rt: rt, rep: rep, own: true})
}

// ResourceRep is canon resource.rep: the rep of a handle.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-resourcerep
func (i *Instance) ResourceRep(rt *ResourceType, index uint32) (rep uint32, err error) {
	h, err := i.getHandle(index, rt)
	if err != nil {
		return 0, err
	}
	return h.rep, nil
}

// ResourceDrop is canon resource.drop: it takes the handle out of the table
// and, when it owns, runs the destructor. It traps when the handle is lent.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-resourcedrop
func (i *Instance) ResourceDrop(ctx context.Context, rt *ResourceType, index uint32) error {
	if err := i.checkMayLeave(); err != nil {
		return err
	}
	p, err := i.getHandle(index, rt)
	if err != nil {
		return err
	}
	if p.numLends != 0 {
		return trapf(TrapHandleLent, "cannot remove owned resource while borrowed: handle index %d is lent %d times", index, p.numLends)
	}
	h := *p
	i.handles.Remove(index)
	if h.own {
		return rt.destroy(ctx, i.Store, i, h.rep)
	}
	h.scope.numBorrows--
	if rt.table {
		if e := i.Store.hostTable.Get(h.rep); e != nil && e.lent {
			i.Store.hostTable.Remove(h.rep)
		}
	}
	return nil
}
