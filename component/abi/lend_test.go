package abi

import (
	"context"
	"slices"
	"testing"
)

type entry = Tuple2[string, uint32]

// entries writes list<tuple<string, u32>> of n elements whose texts are all at
// 0x10, and returns pointer and length.
func entries(g *guest, n uint32) (ptr, length uint64) {
	at := g.last
	for i := range n {
		storePair(g.mem, at+12*i, 0x10, 2)
		le.PutUint32(g.mem[at+12*i+8:], i)
	}
	g.last += 12 * n
	return uint64(at), uint64(n)
}

func TestListsLentToHostFunctions(t *testing.T) {
	type one struct{ L []entry }
	type two struct{ L, M []entry }
	list := List(Tuple2Of(String, U32))
	params := Params(FieldOf("l", list, func(p *one) *[]entry { return &p.L }))
	pair := Params(FieldOf("l", list, func(p *two) *[]entry { return &p.L }), FieldOf("m", list, func(p *two) *[]entry { return &p.M }))

	g := newGuest(NewStore(Limits{}), nil, "g")
	copy(g.mem[0x10:], "ab")
	g.last = 0x20
	p3, n3 := entries(g, 3)
	p2, n2 := entries(g, 2)
	big, nbig := entries(g, 1000)
	want := func(n int) (es []entry) {
		for i := range n {
			es = append(es, entry{"ab", uint32(i)})
		}
		return es
	}
	var kept []entry
	keep := CanonLower(params, None, func(_ *Call, p one) (u Unit, err error) {
		kept = p.L
		if !slices.Equal(p.L, want(len(p.L))) {
			t.Errorf("lifted %v", p.L)
		}
		return u, nil
	})
	if _, err := g.call(keep, p3, n3); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(kept, make([]entry, 3)) {
		t.Errorf("after the call the list that was lent holds %v, want nothing", kept)
	}
	first := &kept[0]
	if _, err := g.call(keep, p2, n2); err != nil {
		t.Fatal(err)
	}
	if &kept[0] != first || cap(kept) != 2 {
		t.Errorf("the second call's list is not the first one's room, or shows more of it than 2: %d", cap(kept))
	}
	if _, err := g.call(keep, big, nbig); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(kept, want(1000)) {
		t.Error("a list of more than 1 KiB is lent, want one of its own")
	}

	both := CanonLower(pair, None, func(c *Call, p two) (u Unit, err error) {
		// The guest calls another function of the host, as from its realloc.
		if _, err := g.call(keep, p3, n3); err != nil {
			return u, err
		}
		if !slices.Equal(p.L, want(3)) || !slices.Equal(p.M, want(2)) {
			t.Errorf("two lists in one call, and another call inside: %v, %v", p.L, p.M)
		}
		return u, nil
	})
	if _, err := g.call(both, p3, n3, p2, n2); err != nil {
		t.Fatal(err)
	}
	quiet := CanonLower(params, None, func(*Call, one) (u Unit, err error) { return u, nil })
	stack := make([]uint64, 2)
	allocs := testing.AllocsPerRun(100, func() {
		st := g.inst.Store
		c := st.AcquireCall()
		copy(stack, []uint64{p3, n3})
		c.Init(ctx, &g.opts, g.inst, stack)
		if err := quiet(c); err != nil {
			t.Fatal(err)
		}
		st.ReleaseCall(c)
	})
	if allocs > 0 {
		t.Errorf("%v allocations for a list of 3, want none", allocs)
	}

	f := g.lift("f", FuncType(None, list), func(_ context.Context, s []uint64) error { s[0] = 8; return nil })
	storePair(g.mem, 8, uint32(p3), uint32(n3))
	var lists [2][]entry
	for i := range lists {
		var err error
		if lists[i], err = CallFunc(ctx, f, None, list, Unit{}); err != nil {
			t.Fatal(err)
		}
	}
	if &lists[0][0] == &lists[1][0] {
		t.Error("results of a guest share their room: they outlive the call")
	}
}
