package abi

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// thing is a host resource that tells what happens to it.
type thing struct {
	name string
	log  *[]string
}

func (d *thing) Drop(context.Context) error {
	*d.log = append(*d.log, "drop "+d.name)
	return nil
}

var things = NewHostResource[*thing]("thing")

func TestHostResourcesLiveInTheStore(t *testing.T) {
	var log []string
	st := NewStore(Limits{})
	g := newGuest(st, nil, "g")
	n := 0
	make := CanonLower(None, things.Own(), func(*Call, Unit) (*thing, error) {
		n++
		return &thing{fmt.Sprint("t", n), &log}, nil
	})
	type one struct{ T *thing }
	use := CanonLower(Params(FieldOf("t", things.Borrow(), func(o *one) **thing { return &o.T })), String,
		func(_ *Call, o one) (string, error) { log = append(log, "use "+o.T.name); return "", nil })
	take := CanonLower(Params(FieldOf("t", things.Own(), func(o *one) **thing { return &o.T })), None,
		func(_ *Call, o one) (u Unit, err error) { log = append(log, "take "+o.T.name); return })
	rt := things.ResourceType()

	var handles []uint64
	for range 4 {
		s, err := g.call(make, 0)
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, s[0])
	}
	if want := []uint64{1, 2, 3, 4}; !reflect.DeepEqual(handles, want) {
		t.Errorf("handles %v, want %v", handles, want)
	}
	g.call(use, 2, 64)
	g.call(use, 2, 64)
	if err := g.inst.ResourceDrop(ctx, rt, 2); err != nil {
		t.Error(err)
	}
	g.call(take, 1)
	if got := st.NumHostResources(); got != 2 {
		t.Errorf("%d host resources, want 2", got)
	}
	s, _ := g.call(make, 0)
	if s[0] != 1 {
		t.Errorf("the last handle freed is used again: got %d, want 1", s[0])
	}
	for _, bad := range []uint64{0, 2, 99, 0xffffffff} {
		if _, err := g.call(use, bad, 64); trapKind(err) != TrapUnknownHandle || !strings.Contains(err.Error(), fmt.Sprint("unknown handle index ", bad)) {
			t.Errorf("handle %d: %v", bad, err)
		}
	}
	if err := st.Close(ctx); err != nil {
		t.Error(err)
	}
	want := []string{"use t2", "use t2", "drop t2", "take t1", "drop t5", "drop t4", "drop t3"}
	if !reflect.DeepEqual(log, want) {
		t.Errorf("got  %q\nwant %q", log, want)
	}
}

func TestATrapLosesNoResource(t *testing.T) {
	var log []string
	st := NewStore(Limits{})
	g := newGuest(st, nil, "g")
	make := CanonLower(None, things.Own(), func(*Call, Unit) (*thing, error) { return &thing{"t", &log}, nil })
	g.call(make, 0)
	type two struct{ A, B *thing }
	take := CanonLower(Params(
		FieldOf("a", things.Own(), func(p *two) **thing { return &p.A }),
		FieldOf("b", things.Own(), func(p *two) **thing { return &p.B }),
	), None, func(*Call, two) (u Unit, err error) { t.Error("called"); return })
	if _, err := g.call(take, 1, 1); trapKind(err) != TrapUnknownHandle {
		t.Errorf("one handle given twice: %v", err)
	}
	st.Close(ctx)
	if want := []string{"drop t"}; !reflect.DeepEqual(log, want) {
		t.Errorf("got %q, want %q", log, want)
	}
}

func TestLentHandlesStay(t *testing.T) {
	var log []string
	st := NewStore(Limits{})
	g := newGuest(st, nil, "g")
	make := CanonLower(None, things.Own(), func(*Call, Unit) (*thing, error) { return &thing{"t", &log}, nil })
	g.call(make, 0)
	type two struct{ A, B *thing }
	both := CanonLower(Params(
		FieldOf("a", things.Borrow(), func(p *two) **thing { return &p.A }),
		FieldOf("b", things.Own(), func(p *two) **thing { return &p.B }),
	), None, func(*Call, two) (u Unit, err error) { t.Error("called"); return })
	if _, err := g.call(both, 1, 1); trapKind(err) != TrapHandleLent {
		t.Errorf("a handle lent and given in one call: %v", err)
	}
	g = newGuest(st, nil, "g")
	g.call(make, 0)
	type one struct{ A *thing }
	var inner error
	lend := CanonLower(Params(FieldOf("a", things.Borrow(), func(p *one) **thing { return &p.A })), None,
		func(c *Call, _ one) (u Unit, err error) {
			inner = c.Inst.ResourceDrop(ctx, things.ResourceType(), 1)
			return
		})
	if _, err := g.call(lend, 1); err != nil {
		t.Error(err)
	}
	if trapKind(inner) != TrapHandleLent {
		t.Errorf("a handle dropped while it is lent: %v", inner)
	}
	if err := g.inst.ResourceDrop(ctx, things.ResourceType(), 1); err != nil {
		t.Errorf("after the call: %v", err)
	}
}

func TestHandlesAreLimited(t *testing.T) {
	st := NewStore(Limits{MaxHandles: 3})
	g := newGuest(st, nil, "g")
	rt := &ResourceType{Type: &types.Resource{Name: "r"}, Impl: g.inst}
	for range 3 {
		if _, err := g.inst.ResourceNew(rt, 7); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.inst.ResourceNew(rt, 7); trapKind(err) != TrapLimit {
		t.Errorf("got %v", err)
	}
	if err := g.inst.ResourceDrop(ctx, rt, 2); err != nil {
		t.Error(err)
	}
	if i, err := g.inst.ResourceNew(rt, 7); err != nil || i != 2 {
		t.Errorf("got %d, %v", i, err)
	}
}

func TestHandlesOfAnotherTypeAreRefused(t *testing.T) {
	g := newGuest(NewStore(Limits{}), nil, "g")
	a := &ResourceType{Type: &types.Resource{Name: "a"}, Impl: g.inst}
	b := &ResourceType{Type: &types.Resource{Name: "b"}, Impl: g.inst}
	i, _ := g.inst.ResourceNew(a, 7)
	_, err := g.inst.ResourceRep(b, i)
	want := "handle index 1 used with the wrong type, expected guest-defined resource but found a different guest-defined resource (b, a)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if err := g.inst.ResourceDrop(ctx, b, i); trapKind(err) != TrapHandleType {
		t.Errorf("got %v", err)
	}
	if rep, err := g.inst.ResourceRep(a, i); err != nil || rep != 7 {
		t.Errorf("got %d, %v", rep, err)
	}
}

// implementer is a component that defines a resource, and a client of it.
type pair struct {
	st           *Store
	impl, client *guest
	res          *types.Resource
	rt           *ResourceType
	dropped      []uint32
}

func newPair(t *testing.T) *pair {
	st := NewStore(Limits{})
	root := newGuest(st, nil, "root")
	p := &pair{st: st, impl: newGuest(st, root.inst, "impl"), client: newGuest(st, root.inst, "client"), res: &types.Resource{Name: "r"}}
	p.rt = &ResourceType{Type: p.res, Impl: p.impl.inst, Dtor: CoreFuncOf(func(_ context.Context, stack []uint64) error {
		p.dropped = append(p.dropped, uint32(stack[0]))
		return nil
	})}
	root.inst.DefineResource(p.res, p.rt)
	return p
}

func (p *pair) own() vt    { return &types.Own{Resource: p.res} }
func (p *pair) borrow() vt { return &types.Borrow{Resource: p.res} }

func fuse(t *testing.T, f *Func) HostFunc {
	t.Helper()
	h, err := Fuse(f, f.sig)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestGuestResourcesMoveBetweenComponents(t *testing.T) {
	p := newPair(t)
	n := uint32(0x40)
	make := fuse(t, p.impl.lift("make", &types.Func{Result: p.own()}, func(_ context.Context, s []uint64) error {
		n++
		i, err := p.impl.inst.ResourceNew(p.rt, n)
		s[0] = uint64(i)
		return err
	}))
	rep := fuse(t, p.impl.lift("rep", &types.Func{Params: params("a", p.borrow(), "b", p.borrow()), Result: types.U32},
		func(_ context.Context, s []uint64) error { s[0] += s[1]; return nil })) // the implementer sees reps
	take := fuse(t, p.impl.lift("take", &types.Func{Params: params("b", p.borrow(), "o", p.own())},
		func(_ context.Context, s []uint64) error {
			return p.impl.inst.ResourceDrop(ctx, p.rt, uint32(s[1]))
		}))
	for _, want := range []uint64{1, 2} {
		if s, err := p.client.call(make, 0); err != nil || s[0] != want {
			t.Fatalf("make: %v, %v", s, err)
		}
	}
	if s, err := p.client.call(rep, 1, 1); err != nil || s[0] != 0x82 {
		t.Errorf("rep: %#x, %v", s, err)
	}
	if _, err := p.client.call(take, 1, 2); err != nil {
		t.Error(err)
	}
	if err := p.client.inst.ResourceDrop(ctx, p.rt, 1); err != nil {
		t.Error(err)
	}
	if want := []uint32{0x42, 0x41}; !reflect.DeepEqual(p.dropped, want) {
		t.Errorf("dropped %#x, want %#x", p.dropped, want)
	}
	if a, b := p.client.inst.NumHandles(), p.impl.inst.NumHandles(); a != 0 || b != 0 {
		t.Errorf("%d and %d handles are left", a, b)
	}
	p.client.call(make, 0)
	if _, err := p.client.call(take, 1, 1); trapKind(err) != TrapHandleLent {
		t.Errorf("lent and given: %v", err)
	}
}

func TestBorrowsEndWithTheCall(t *testing.T) {
	p := newPair(t)
	keep := false
	third := newGuest(p.st, p.impl.inst.Parent(), "third")
	f := fuse(t, third.lift("f", &types.Func{Params: params("b", p.borrow())}, func(_ context.Context, s []uint64) error {
		if keep {
			return nil
		}
		return third.inst.ResourceDrop(ctx, p.rt, uint32(s[0]))
	}))
	h, _ := p.client.inst.ResourceNew(p.rt, 5)
	if _, err := p.client.call(f, uint64(h)); err != nil {
		t.Errorf("a borrow that is dropped: %v", err)
	}
	if len(p.dropped) != 0 {
		t.Error("dropping a borrow ran the destructor")
	}
	keep = true
	_, err := p.client.call(f, uint64(h))
	if trapKind(err) != TrapBorrowsRemain || !strings.Contains(err.Error(), "borrow handles still remain at the end of the call") {
		t.Errorf("a borrow that is kept: %v", err)
	}
}

func TestTheHostHoldsGuestResources(t *testing.T) {
	p := newPair(t)
	make := p.impl.lift("make", &types.Func{Result: p.own()}, func(_ context.Context, s []uint64) error {
		i, err := p.impl.inst.ResourceNew(p.rt, 7)
		s[0] = uint64(i)
		return err
	})
	use := p.impl.lift("use", &types.Func{Params: params("r", p.borrow()), Result: types.U32}, func(context.Context, []uint64) error { return nil })
	take := p.impl.lift("take", &types.Func{Params: params("r", p.own())}, func(_ context.Context, s []uint64) error {
		return p.impl.inst.ResourceDrop(ctx, p.rt, uint32(s[0]))
	})
	get := func() *ResourceHandle {
		v, err := CallDynamic(ctx, make, nil)
		if err != nil {
			t.Fatal(err)
		}
		return v.(*ResourceHandle)
	}
	h := get()
	if v, err := CallDynamic(ctx, use, []value.Value{h}); err != nil || v != uint32(7) {
		t.Errorf("use: %v, %v", v, err)
	}
	if err := h.Drop(ctx); err != nil {
		t.Error(err)
	}
	if err := h.Drop(ctx); trapKind(err) != TrapStaleHandle {
		t.Errorf("dropped twice: %v", err)
	}
	h = get()
	if _, err := CallDynamic(ctx, take, []value.Value{h}); err != nil {
		t.Error(err)
	}
	if err := h.Drop(ctx); trapKind(err) != TrapStaleHandle {
		t.Errorf("dropped after it was given: %v", err)
	}
	if want := []uint32{7, 7}; !reflect.DeepEqual(p.dropped, want) {
		t.Errorf("dropped %v, want %v", p.dropped, want)
	}
	other := newPair(t)
	h2 := NewResourceHandle(other.st, other.rt, 7)
	if _, err := CallDynamic(ctx, use, []value.Value{h2}); trapKind(err) != TrapStaleHandle {
		t.Errorf("a handle of another store: %v", err)
	}
}

func TestAHostBorrowIsLentForOneCall(t *testing.T) {
	var log []string
	st := NewStore(Limits{})
	g := newGuest(st, nil, "g")
	type one struct{ T *thing }
	codec := Params(FieldOf("t", things.Borrow(), func(o *one) **thing { return &o.T }))
	f := NewFunc("f", NewSignature(FuncType(codec, None), nil), CoreFuncOf(func(_ context.Context, s []uint64) error {
		return g.inst.ResourceDrop(ctx, things.ResourceType(), uint32(s[0]))
	}), g.opts, g.inst)
	if _, err := CallFunc(ctx, f, codec, None, one{&thing{"t", &log}}); err != nil {
		t.Error(err)
	}
	if st.NumHostResources() != 0 || len(log) != 0 {
		t.Errorf("%d left, log %q", st.NumHostResources(), log)
	}
}

func TestNilIsNoResource(t *testing.T) {
	droppers := NewHostResource[Dropper]("dropper")
	g := newGuest(NewStore(Limits{}), nil, "g")
	make := CanonLower(None, droppers.Own(), func(*Call, Unit) (Dropper, error) { return nil, nil })
	if _, err := g.call(make, 0); trapKind(err) != TrapInvalidValue {
		t.Errorf("got %v", err)
	}
}

func TestHostResourcesAreLimited(t *testing.T) {
	var log []string
	g := newGuest(NewStore(Limits{MaxHostResources: 2}), nil, "g")
	make := CanonLower(None, things.Own(), func(*Call, Unit) (*thing, error) { return &thing{"t", &log}, nil })
	for range 2 {
		if _, err := g.call(make, 0); err != nil {
			t.Error(err)
		}
	}
	if _, err := g.call(make, 0); trapKind(err) != TrapLimit {
		t.Errorf("got %v", err)
	}
}

func TestADestructorThatTrapsPoisonsItsInstance(t *testing.T) {
	p := newPair(t)
	p.rt.Dtor = CoreFuncOf(coreTrap)
	h, _ := p.client.inst.ResourceNew(p.rt, 5)
	if err := p.client.inst.ResourceDrop(ctx, p.rt, h); err == nil || err.Error() != "unreachable" {
		t.Errorf("got %v", err)
	}
	if p.impl.inst.Poisoned() == nil {
		t.Error("the implementer is not poisoned")
	}
}

func TestADestructorDoesNotEnterARunningInstance(t *testing.T) {
	p := newPair(t)
	h, _ := p.client.inst.ResourceNew(p.rt, 5)
	callback := CanonLower(None, None, func(*Call, Unit) (u Unit, err error) {
		return u, p.client.inst.ResourceDrop(ctx, p.rt, h)
	})
	f := p.impl.lift("f", &types.Func{}, func(context.Context, []uint64) error { _, err := p.impl.call(callback); return err })
	if _, err := CallDynamic(ctx, f, nil); trapKind(err) != TrapCannotEnter {
		t.Errorf("got %v", err)
	}
}

func TestListsOfHostResources(t *testing.T) {
	var log []string
	st := NewStore(Limits{})
	g := newGuest(st, nil, "g")
	type many struct{ Ts []*thing }
	make3 := CanonLower(None, List(things.Own()), func(*Call, Unit) (ts []*thing, err error) {
		for i := range 3 {
			ts = append(ts, &thing{fmt.Sprint("t", i), &log})
		}
		return ts, nil
	})
	poll := CanonLower(Params(FieldOf("ts", List(things.Borrow()), func(m *many) *[]*thing { return &m.Ts })), U32, func(_ *Call, m many) (uint32, error) {
		for _, d := range m.Ts {
			log = append(log, "poll "+d.name)
		}
		return uint32(len(m.Ts)), nil
	})
	take := CanonLower(Params(FieldOf("ts", List(things.Own()), func(m *many) *[]*thing { return &m.Ts })), U32, func(_ *Call, m many) (uint32, error) {
		return uint32(len(m.Ts)), nil
	})
	if _, err := g.call(make3, 8); err != nil {
		t.Fatal(err)
	}
	ptr, n := loadPair(g.mem[8:])
	for range 2 {
		if s, err := g.call(poll, uint64(ptr), uint64(n)); err != nil || s[0] != 3 {
			t.Errorf("poll: %v, %v", s, err)
		}
	}
	if s, err := g.call(take, uint64(ptr), uint64(n)); err != nil || s[0] != 3 {
		t.Errorf("take: %v, %v", s, err)
	}
	if _, err := g.call(poll, uint64(ptr), uint64(n)); trapKind(err) != TrapUnknownHandle || !strings.HasPrefix(err.Error(), `param "ts"[0]: `) {
		t.Errorf("poll after take: %v", err)
	}
	if want := []string{"poll t0", "poll t1", "poll t2", "poll t0", "poll t1", "poll t2"}; !reflect.DeepEqual(log, want) {
		t.Errorf("got %q", log)
	}
	if g.inst.NumHandles() != 0 || st.NumHostResources() != 0 {
		t.Errorf("%d handles and %d resources are left", g.inst.NumHandles(), st.NumHostResources())
	}
}

func TestDynamicHostFunctionsHoldBorrowsForTheCall(t *testing.T) {
	p := newPair(t)
	ft := &types.Func{Params: params("b", p.borrow(), "o", p.own()), Result: p.own()}
	var kept *ResourceHandle
	f, err := LowerDynamic(NewSignature(ft, nil), func(_ *Call, args []value.Value) (value.Value, error) {
		kept = args[0].(*ResourceHandle)
		if kept.Owned() || kept.Rep() != 5 || kept.String() != "borrow<r>" {
			t.Errorf("got %v of %d", kept, kept.Rep())
		}
		return args[1], nil // given back
	})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := p.client.inst.ResourceNew(p.rt, 5)
	o, _ := p.client.inst.ResourceNew(p.rt, 6)
	s, err := p.client.call(f, uint64(b), uint64(o))
	if err != nil || s[0] != uint64(o) {
		t.Errorf("got handle %d, error %v", s[0], err)
	}
	if err := kept.Drop(ctx); trapKind(err) != TrapStaleHandle {
		t.Errorf("a borrow used after its call: %v", err)
	}
	if rep, err := p.client.inst.ResourceRep(p.rt, uint32(s[0])); err != nil || rep != 6 {
		t.Errorf("got rep %d, error %v", rep, err)
	}
	if len(p.dropped) != 0 {
		t.Errorf("dropped %v", p.dropped)
	}
}
