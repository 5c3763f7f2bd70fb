package abi

import (
	"github.com/wasinn/wasinn/component/resource"
	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/internal/invariants"
)

// Instance is the spec's ComponentInstance: handle table and flags.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#component-instances
type Instance struct {
	// Store is the store that the instance belongs to.
	Store *Store
	// Name is for messages only.
	Name string

	parent, root       *Instance
	handles            *resource.Table[handle]
	mayLeave, mayEnter bool
	conc               *concurrency                      // nil unless the instance uses async
	poison             error                             // of a root only
	resources          map[*types.Resource]*ResourceType // of a root only
}

// NewInstance returns an instance in store. parent is the instance whose
// component instantiates it, nil for one that the host instantiates.
func NewInstance(store *Store, parent *Instance, name string) *Instance {
	inst := &Instance{
		Store: store, Name: name, parent: parent,
		handles: resource.NewTable[handle](1), mayLeave: true, mayEnter: true,
	}
	inst.root = inst
	if parent != nil {
		inst.root = parent.root
	} else {
		inst.resources = make(map[*types.Resource]*ResourceType)
	}
	return inst
}

// Parent returns the instance that made this one, or nil.
func (i *Instance) Parent() *Instance { return i.parent }

// Root returns the instance at the top, made by the host.
func (i *Instance) Root() *Instance { return i.root }

// DefineResource says what the resource type named r in compiled types is in
// this instance and in all that share its root: a type that an instance
// defines anew, or one that was imported.
func (i *Instance) DefineResource(r *types.Resource, rt *ResourceType) { i.root.resources[r] = rt }

// ResourceType returns what DefineResource said of r; nil when nothing.
func (i *Instance) ResourceType(r *types.Resource) *ResourceType { return i.root.resources[r] }

// NumHandles is the number of handles in the instance's table.
func (i *Instance) NumHandles() int { return i.handles.Len() }

// Poison marks the instance, and all that share its root, as broken by err, a
// trap. The first one counts.
func (i *Instance) Poison(err error) {
	if i.root.poison == nil {
		i.root.poison = err
	}
	if s := i.Store.sched; s != nil {
		s.unwind()
	}
}

// Poisoned returns the error that Poison was first given, or nil.
func (i *Instance) Poisoned() error { return i.root.poison }

// mayEnterFrom, enterFrom and leaveTo work on the spec's entering set: the
// instance and its ancestors, less the caller and the caller's.
func (i *Instance) mayEnterFrom(caller *Instance) bool {
	for a := i; a != nil; a = a.parent {
		if !a.mayEnter && !caller.within(a) {
			return false
		}
	}
	return true
}

func (i *Instance) enterFrom(caller *Instance) { i.setMayEnter(caller, false) }

func (i *Instance) leaveTo(caller *Instance) {
	if caller == nil && i.parent == nil {
		i.mayEnter = true
		return
	}
	i.setMayEnter(caller, true)
}

func (i *Instance) setMayEnter(caller *Instance, v bool) {
	for a := i; a != nil; a = a.parent {
		if !caller.within(a) {
			a.mayEnter = v
		}
	}
}

// within reports whether a is i or one of its ancestors.
func (i *Instance) within(a *Instance) bool {
	for ; i != nil; i = i.parent {
		if i == a {
			return true
		}
	}
	return false
}

// CheckIdle checks, in the invariants build, that calls have left nothing of
// theirs behind in the instance, which is to be closed: no call has not ended, no
// handle is lent or was made for the length of a call. Handles that the guest owns
// may be left. An instance that trapped was left in the middle of a call, and so is one
// whose tasks have not ended.
func (i *Instance) CheckIdle() {
	if !invariants.Enabled || i.root.poison != nil {
		return
	}
	if s := i.Store.sched; s != nil && s.tasks > 0 {
		return // closing ends them
	}
	invariants.Check(i.Store.acquired == 0, "instance %s is closed and %d calls from it have not ended", i.Name, i.Store.acquired)
	invariants.Check(i.mayEnter && i.mayLeave, "instance %s is closed while it runs: may enter %t, may leave %t", i.Name, i.mayEnter, i.mayLeave)
	for index, h := range i.handles.All {
		if h.elem != nil {
			continue
		}
		invariants.Check(h.own && h.numLends == 0, "instance %s is closed and its handle %d of %s is owned %t, lent %d times", i.Name, index, h.rt, h.own, h.numLends)
	}
}

// ready reports whether the host may enter a root, which is what most calls do:
// its own flag is the whole entering set.
func (i *Instance) ready() bool { return i.parent == nil && i.mayEnter && i.poison == nil }

// enter checks the rules for entering the instance and enters it.
func (i *Instance) enter(caller *Instance) error {
	if err := i.root.poison; err != nil {
		return &Trap{Kind: TrapPoisoned, Msg: "the instance cannot be used any more: it trapped before", Err: err}
	}
	if caller != nil && caller != i && (caller.within(i) || i.within(caller)) {
		return trapf(TrapCannotEnter, "cannot enter component instance %s from %s: one is in the other", i.Name, caller.Name)
	}
	if !i.mayEnterFrom(caller) {
		return trapf(TrapCannotEnter, "cannot enter component instance %s: it is running already", i.Name)
	}
	i.enterFrom(caller)
	return nil
}

// enterCall is enter for a call of a function. An instance does not call itself
// either; it may run its own destructors.
func (i *Instance) enterCall(caller *Instance) error {
	if caller == i && i.root.poison == nil {
		return trapf(TrapCannotEnter, "cannot enter component instance %s: it calls itself", i.Name)
	}
	return i.enter(caller)
}

// checkMayLeave traps where the guest must not call out: during realloc and
// post-return.
func (i *Instance) checkMayLeave() error {
	if !i.mayLeave {
		return trapf(TrapCannotLeave, "cannot leave component instance %s from realloc or post-return", i.Name)
	}
	return nil
}
