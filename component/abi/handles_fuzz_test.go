package abi

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/wasinn/wasinn/component/types"
)

// tableModel is a handle table as the specification describes it, by the
// shortest means.
type tableModel struct {
	reps map[uint64]uint32
	free []uint64
	next uint64
}

func newTableModel() *tableModel { return &tableModel{reps: map[uint64]uint32{}, next: 1} }

func (m *tableModel) add(rep uint32) (index uint64) {
	if n := len(m.free); n > 0 {
		index, m.free = m.free[n-1], m.free[:n-1]
	} else {
		index = m.next
		m.next++
	}
	m.reps[index] = rep
	return index
}

func (m *tableModel) remove(index uint64) (rep uint32, ok bool) {
	rep, ok = m.reps[index]
	if ok {
		delete(m.reps, index)
		m.free = append(m.free, index)
	}
	return rep, ok
}

// handleWorld is a component that implements a resource, a client of it, and
// the model of both tables.
type handleWorld struct {
	*pair
	give, take, lend       HostFunc // the client gets, gives and lends a resource
	clientModel, implModel *tableModel
	nextRep                uint32
	wantDrops              []uint32
}

func newHandleWorld(t *testing.T) *handleWorld {
	p := newPair(t)
	w := &handleWorld{pair: p, clientModel: newTableModel(), implModel: newTableModel(), nextRep: 100}
	w.give = fuse(t, p.impl.lift("give", &types.Func{Result: p.own()}, func(_ context.Context, s []uint64) error {
		w.nextRep++
		i, err := p.impl.inst.ResourceNew(p.rt, w.nextRep)
		s[0] = uint64(i)
		return err
	}))
	w.take = fuse(t, p.impl.lift("take", &types.Func{Params: params("r", p.own()), Result: types.U32}, func(context.Context, []uint64) error {
		return nil
	}))
	w.lend = fuse(t, p.impl.lift("lend", &types.Func{Params: params("r", p.borrow()), Result: types.U32}, func(context.Context, []uint64) error {
		return nil
	}))
	return w
}

// step does one operation on the world and on the model. Where the model says
// that a handle is not there, a trap is expected; it poisons, and ends the run.
func (w *handleWorld) step(op byte, index uint64) (done bool, err error) {
	want, exists := w.clientModel.reps[index]
	var got []uint64
	switch op % 5 {
	case 0:
		got, err = w.client.call(w.give, 0)
		w.implModel.remove(w.implModel.add(w.nextRep)) // made there, and given away
		if i := w.clientModel.add(w.nextRep); err == nil && got[0] != i {
			err = fmt.Errorf("give made handle %d, want %d", got[0], i)
		}
		return false, err
	case 1:
		got, err = w.client.call(w.take, index)
		if exists {
			w.clientModel.remove(index)
			if i := w.implModel.add(want); err == nil && got[0] != i {
				err = fmt.Errorf("take made handle %d, want %d", got[0], i)
			}
		}
	case 2:
		got, err = w.client.call(w.lend, index)
		if err == nil && got[0] != uint64(want) {
			err = fmt.Errorf("lend showed rep %d, want %d", got[0], want)
		}
	case 3:
		err = w.client.inst.ResourceDrop(ctx, w.rt, uint32(index))
		if exists {
			w.clientModel.remove(index)
			w.wantDrops = append(w.wantDrops, want)
		}
	case 4:
		var rep uint32
		rep, err = w.client.inst.ResourceRep(w.rt, uint32(index))
		if err == nil && rep != want {
			err = fmt.Errorf("rep of %d is %d, want %d", index, rep, want)
		}
	}
	if exists {
		return false, err
	}
	if trapKind(err) != TrapUnknownHandle {
		return true, fmt.Errorf("operation %d on handle %d, which is not there: %v", op%5, index, err)
	}
	return w.impl.inst.Poisoned() != nil, nil
}

// FuzzHandles: whatever a guest does with its handles, the tables are what the
// specification's are, every destructor runs once, and only a handle that is
// there can be used.
func FuzzHandles(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 3, 1, 0, 0, 1, 2, 2, 1, 4, 1, 3, 9})
	f.Add([]byte{0, 0, 1, 1, 1, 1})
	f.Add([]byte{0, 0, 0, 0, 2, 2, 3, 2, 3, 2})
	f.Fuzz(func(t *testing.T, ops []byte) {
		w := newHandleWorld(t)
		for ; len(ops) >= 2; ops = ops[2:] {
			done, err := w.step(ops[0], uint64(ops[1]%8))
			if err != nil {
				t.Fatal(err)
			}
			if done {
				return
			}
			if a, b := w.client.inst.NumHandles(), len(w.clientModel.reps); a != b {
				t.Fatalf("the client has %d handles, want %d", a, b)
			}
			if a, b := w.impl.inst.NumHandles(), len(w.implModel.reps); a != b {
				t.Fatalf("the implementer has %d handles, want %d", a, b)
			}
			if !reflect.DeepEqual(w.dropped, w.wantDrops) {
				t.Fatalf("dropped %v, want %v", w.dropped, w.wantDrops)
			}
		}
	})
}
