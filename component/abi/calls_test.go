package abi

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

var ctx = context.Background()

// guest is an instance with a memory.
type guest struct {
	*heap
	inst *Instance
	opts CanonicalOptions
}

func newGuest(st *Store, parent *Instance, name string) *guest {
	h := newHeap(1 << 16)
	h.last = 16
	return &guest{heap: h, inst: NewInstance(st, parent, name), opts: h.options(UTF8)}
}

func (g *guest) lift(name string, ft *types.Func, core func(context.Context, []uint64) error) *Func {
	return NewFunc(name, NewSignature(ft, nil), CoreFuncOf(core), g.opts, g.inst)
}

// call calls a lowered function as g's core code does.
func (g *guest) call(f HostFunc, stack ...uint64) ([]uint64, error) {
	st := g.inst.Store
	c := st.AcquireCall()
	defer st.ReleaseCall(c)
	c.Init(ctx, &g.opts, g.inst, stack)
	err := f(c)
	return stack, err
}

// put writes s to g's memory and returns pointer and length.
func (g *guest) put(s string) (ptr, n uint64) {
	ptr = uint64(g.last)
	copy(g.mem[ptr:], s)
	g.last += uint32(len(s)+7) &^ 7
	return ptr, uint64(len(s))
}

func params(ps ...any) (out []types.Param) {
	for i := 0; i < len(ps); i += 2 {
		out = append(out, types.Param{Name: ps[i].(string), Type: ps[i+1].(types.ValType)})
	}
	return out
}

func coreTrap(context.Context, []uint64) error { return errors.New("unreachable") }

type addParams struct{ A, B uint32 }

var addCodec = Params(
	FieldOf("a", U32, func(p *addParams) *uint32 { return &p.A }),
	FieldOf("b", U32, func(p *addParams) *uint32 { return &p.B }),
)

var addType = &types.Func{Params: params("a", types.U32, "b", types.U32), Result: types.U32}

func coreAdd(_ context.Context, stack []uint64) error {
	stack[0] = uint64(uint32(stack[0]) + uint32(stack[1]))
	return nil
}

func TestCallFuncAddsNumbers(t *testing.T) {
	g := newGuest(NewStore(Limits{}), nil, "adder")
	f := g.lift("add", addType, coreAdd)
	if err := CheckFunc(f, addCodec, U32); err != nil {
		t.Fatal(err)
	}
	got, err := CallFunc(ctx, f, addCodec, U32, addParams{3, 1<<32 - 1})
	if err != nil || got != 2 {
		t.Errorf("typed: got %d, error %v", got, err)
	}
	v, err := CallDynamic(ctx, f, []value.Value{uint32(3), uint32(4)})
	if err != nil || v != uint32(7) {
		t.Errorf("dynamic: got %v, error %v", v, err)
	}
	err = CallRaw(ctx, f, func(_ *Context, stack []uint64) error {
		stack[0], stack[1] = 5, 6
		return nil
	}, func(_ []byte, stack []uint64) error {
		if stack[0] != 11 {
			t.Errorf("raw: got %d", stack[0])
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCheckFuncRefusesOtherTypes(t *testing.T) {
	f := newGuest(NewStore(Limits{}), nil, "adder").lift("add", addType, coreAdd)
	if err := CheckFunc(f, addCodec, S32); err == nil {
		t.Error("another result type passes")
	}
	if err := CheckFunc(f, None, U32); err == nil {
		t.Error("no parameters pass")
	}
}

type echoParams struct{ S string }

var echoCodec = Params(FieldOf("s", String, func(p *echoParams) *string { return &p.S }))

var echoType = &types.Func{Params: params("s", types.String), Result: types.String}

// coreEcho returns its string through a pointer.
func (g *guest) coreEcho(_ context.Context, stack []uint64) error {
	storePair(g.mem, 8, uint32(stack[0]), uint32(stack[1]))
	stack[0] = 8
	return nil
}

func TestCallFuncEchoesAStringAndRunsPostReturn(t *testing.T) {
	g := newGuest(NewStore(Limits{}), nil, "echo")
	var post []uint64
	g.opts.PostReturn = CoreFuncOf(func(_ context.Context, stack []uint64) error {
		post = append(post, stack[0])
		if _, err := g.inst.ResourceNew(&ResourceType{}, 1); trapKind(err) != TrapCannotLeave {
			t.Errorf("resource.new in post-return: %v", err)
		}
		clear(g.mem)
		return nil
	})
	f := g.lift("echo", echoType, g.coreEcho)
	got, err := CallFunc(ctx, f, echoCodec, String, echoParams{"hällo"})
	if err != nil || got != "hällo" || !reflect.DeepEqual(post, []uint64{8}) {
		t.Errorf("got %q, error %v, post-return %v", got, err, post)
	}
	err = CallFuncView(ctx, f, echoCodec, String, echoParams{"view"}, func(s string) error {
		if s != "view" {
			t.Errorf("view: got %q", s)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if len(post) != 2 {
		t.Errorf("post-return ran %d times", len(post))
	}
}

func TestResultsOfTheGuestAreChecked(t *testing.T) {
	for _, tt := range []struct {
		name   string
		result uint64
		pair   [2]uint32
		want   TrapKind
		text   string
	}{
		{"a result pointer outside memory", 0xfffffff8, [2]uint32{}, TrapOutOfBounds, "call echo: result: "},
		{"a result pointer that is not aligned", 9, [2]uint32{}, TrapUnaligned, "unaligned pointer 0x9"},
		{"a string outside memory", 8, [2]uint32{0xffff, 2}, TrapOutOfBounds, "string at 0xffff+0x2 is outside memory of 0x10000 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(NewStore(Limits{}), nil, "echo")
			f := g.lift("echo", echoType, func(_ context.Context, stack []uint64) error {
				storePair(g.mem, 8, tt.pair[0], tt.pair[1])
				stack[0] = tt.result
				return nil
			})
			_, err := CallFunc(ctx, f, echoCodec, String, echoParams{"x"})
			if trapKind(err) != tt.want || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want kind %v and %q", err, tt.want, tt.text)
			}
			_, err = CallFunc(ctx, f, echoCodec, String, echoParams{"x"})
			if trapKind(err) != TrapPoisoned || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("the next call: got %v, want poisoned by the first trap", err)
			}
		})
	}
}

func TestReallocIsChecked(t *testing.T) {
	for _, tt := range []struct {
		name    string
		realloc func(context.Context, []uint64) error
		want    TrapKind
	}{
		{"no realloc", nil, TrapRealloc},
		{"realloc traps", coreTrap, TrapRealloc},
		{"realloc returns the end of the address space", func(_ context.Context, s []uint64) error { s[0] = 0xfffffffc; return nil }, TrapOutOfBounds},
		{"realloc returns an odd address", func(_ context.Context, s []uint64) error { s[0] = 2; return nil }, TrapUnaligned},
	} {
		for _, v := range []value.Value{value.List{uint32(1)}, value.List{}} {
			g := newGuest(NewStore(Limits{}), nil, "g")
			g.opts.Realloc = nil
			if tt.realloc != nil {
				g.opts.Realloc = CoreFuncOf(tt.realloc)
			}
			f := g.lift("f", &types.Func{Params: params("a", list(types.U32))}, func(context.Context, []uint64) error { return nil })
			_, err := CallDynamic(ctx, f, []value.Value{v})
			if trapKind(err) != tt.want {
				t.Errorf("%s, %v: got %v, want kind %v", tt.name, v, err, tt.want)
			}
		}
	}
}

func TestReallocMayNotCallOut(t *testing.T) {
	g := newGuest(NewStore(Limits{}), nil, "g")
	host := CanonLower(None, None, func(*Call, Unit) (u Unit, err error) { return })
	var inner error
	real := g.opts.Realloc
	g.opts.Realloc = CoreFuncOf(func(ctx context.Context, s []uint64) error {
		_, inner = g.call(host)
		return real.Call(ctx, s)
	})
	f := g.lift("echo", echoType, g.coreEcho)
	if _, err := CallFunc(ctx, f, echoCodec, String, echoParams{"x"}); err != nil {
		t.Error(err)
	}
	if trapKind(inner) != TrapCannotLeave {
		t.Errorf("calling out of realloc: %v", inner)
	}
}

type many struct{ V [17]uint32 }

func manyFields() (fs []Field[many]) {
	for i := range 17 {
		fs = append(fs, FieldOf(fmt.Sprintf("p%d", i), U32, func(m *many) *uint32 { return &m.V[i] }))
	}
	return fs
}

func TestSeventeenParametersGoThroughMemory(t *testing.T) {
	g := newGuest(NewStore(Limits{}), nil, "g")
	codec := Params(manyFields()...)
	ft := FuncType(codec, U32)
	var in many
	for i := range in.V {
		in.V[i] = uint32(i * i)
	}
	f := g.lift("f", ft, func(_ context.Context, stack []uint64) error {
		stack[0] = uint64(le.Uint32(g.mem[stack[0]+16*4:]))
		return nil
	})
	if got, err := CallFunc(ctx, f, codec, U32, in); err != nil || got != 256 {
		t.Errorf("lifted: got %d, error %v", got, err)
	}
	host := CanonLower(codec, codec, func(_ *Call, m many) (many, error) {
		m.V[0]++
		return m, nil
	})
	for i, v := range in.V {
		le.PutUint32(g.mem[1024+4*i:], v)
	}
	if _, err := g.call(host, 1024, 2048); err != nil {
		t.Fatal(err)
	}
	if a, b := le.Uint32(g.mem[2048:]), le.Uint32(g.mem[2048+64:]); a != 1 || b != 256 {
		t.Errorf("lowered: got %d and %d", a, b)
	}
	for _, tt := range []struct {
		name  string
		stack []uint64
		want  TrapKind
	}{
		{"parameters outside memory", []uint64{1<<16 - 64, 2048}, TrapOutOfBounds},
		{"parameters that are not aligned", []uint64{1026, 2048}, TrapUnaligned},
		{"a result outside memory", []uint64{1024, 1<<16 - 64}, TrapOutOfBounds},
		{"a result that is not aligned", []uint64{1024, 2049}, TrapUnaligned},
	} {
		if _, err := g.call(host, tt.stack...); trapKind(err) != tt.want {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

func TestErrorsSayWhereTheValueIs(t *testing.T) {
	type loadParams struct{ Builder [][]byte }
	codec := Params(FieldOf("builder", List(Bytes), func(p *loadParams) *[][]byte { return &p.Builder }))
	g := newGuest(NewStore(Limits{}), nil, "g")
	host := CanonLower(codec, None, func(*Call, loadParams) (u Unit, err error) { return })
	copy(g.mem[64:], words([]uint32{0, 0, 0, 0, 0x10, 0x19000}))
	_, err := g.call(host, 64, 3)
	want := `param "builder"[2]: list at 0x10+0x19000 is outside memory of 0x10000 bytes`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestHostFunctionsSeeViews(t *testing.T) {
	type p struct {
		S string
		B []byte
		W []uint32
	}
	codec := Params(
		FieldOf("s", String, func(p *p) *string { return &p.S }),
		FieldOf("b", Bytes, func(p *p) *[]byte { return &p.B }),
		FieldOf("w", List(U32), func(p *p) *[]uint32 { return &p.W }),
	)
	g := newGuest(NewStore(Limits{}), nil, "g")
	ptr, n := g.put("0123456789ab")
	host := CanonLower(codec, None, func(_ *Call, v p) (u Unit, err error) {
		g.mem[ptr] = 'x'
		if v.S[0] != 'x' || v.B[0] != 'x' || byte(v.W[0]) != 'x' {
			t.Errorf("got copies: %q %q %x", v.S, v.B, v.W)
		}
		return
	})
	if _, err := g.call(host, ptr, n, ptr, n, ptr, n/4); err != nil {
		t.Error(err)
	}
}

func TestLiftingIsBounded(t *testing.T) {
	st := NewStore(Limits{MaxLiftBytes: 1 << 20})
	h := newHeap(1 << 20)
	opts := h.options(UTF8)
	cx := new(Context)
	for i := uint32(0); i < 1<<16; i++ { // 64 Ki strings, one over the other
		storePair(h.mem, 8*i, 0, 1<<18)
	}
	for _, tt := range []struct {
		t    vt
		n    uint64
		want TrapKind
	}{
		{list(types.Bool), 1 << 20, TrapLimit},
		{list(types.Bool), 1 << 15, 0},
		{list(tuple(types.U8)), 1 << 14, TrapLimit},
		{list(option(types.U8)), 1 << 19, TrapLimit},
		{list(types.String), 1 << 16, TrapLimit},
		{list(flags(numbered(32)...)), 1 << 14, TrapLimit},
		{list(types.U8), 1 << 20, 0},
	} {
		for _, views := range []bool{true, false} {
			cx.Init(ctx, &opts, NewInstance(st, nil, "g"), views)
			clear(h.mem[1<<19:])
			_, err := liftFlat(cx, mustCompile(t, tt.t), 0, tt.n)
			if trapKind(err) != tt.want {
				t.Errorf("%s of %d (views %v): %v, want kind %v", tt.t, tt.n, views, err, tt.want)
			}
		}
	}
}

func TestInvalidHostValuesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		t vt
		v val
	}{
		{types.U8, 1}, {types.U8, nil}, {types.Char, value.Char(0xD800)}, {types.Char, value.Char(-1)}, {types.String, "\xff"},
		{enum("a"), value.Enum("b")}, {flags("a"), value.Flags{"b"}}, {variant(kase("a", nil)), variantOf("b", nil)},
		{variant(kase("a", nil)), variantOf("a", 1)}, {variant(kase("a", nil)), (*value.Variant)(nil)},
		{option(types.U8), (*value.Option)(nil)}, {option(types.U8), some("x")}, {result(nil, nil), (*value.Result)(nil)},
		{tuple(types.U8), value.Tuple{}}, {fixed(types.U8, 2), []byte{1}}, {fixed(types.U32, 2), value.List{}},
		{record(types.Field{Name: "a", Type: types.U8}), (*value.Record)(nil)},
		{record(types.Field{Name: "a", Type: types.U8}), &value.Record{Fields: []value.Field{{Name: "b", Value: uint8(1)}}}},
		{list(types.U8), value.List{uint16(1)}}, {list(types.U32), []uint32{1}},
	} {
		if _, err := lowerFlat(testContext(newHeap(100), UTF8), mustCompile(t, tt.t), tt.v); trapKind(err) != TrapInvalidValue {
			t.Errorf("%#v as %s: %v", tt.v, tt.t, err)
		}
	}
}

func TestCompileRefusesWhatItCannotDo(t *testing.T) {
	deep := vt(types.U8)
	for range 300 {
		deep = option(deep)
	}
	wide := vt(types.U64)
	for range 200 {
		wide = tuple(wide, wide) // 2^200 numbers in 200 definitions
	}
	for _, tt := range []struct {
		name string
		t    vt
		want TrapKind
	}{
		{"a type too deep", deep, TrapLimit},
		{"a type too large", wide, TrapLimit},
	} {
		if _, err := Compile(tt.t, nil); trapKind(err) != tt.want {
			t.Errorf("%s: %v, want kind %v", tt.name, err, tt.want)
		}
	}
}

func TestInstancesAreEnteredOnce(t *testing.T) {
	st := NewStore(Limits{})
	parent := newGuest(st, nil, "parent")
	c1, c2 := newGuest(st, parent.inst, "c1"), newGuest(st, parent.inst, "c2")
	nop := &types.Func{}
	inner := func(g *guest, f *Func) func(context.Context, []uint64) error {
		lowered, err := Fuse(f, NewSignature(nop, nil))
		if err != nil {
			t.Fatal(err)
		}
		return func(context.Context, []uint64) error { _, err := g.call(lowered); return err }
	}
	again := func() error { return nil }
	f2 := c2.lift("f2", nop, func(context.Context, []uint64) error { return again() })
	f1 := c1.lift("f1", nop, inner(c1, f2))
	if _, err := CallDynamic(ctx, f1, nil); err != nil {
		t.Errorf("a child calls its sibling: %v", err)
	}
	again = func() error {
		c3 := newGuest(st, parent.inst, "c3").lift("f3", nop, func(context.Context, []uint64) error { return nil })
		_, err := CallDynamic(ctx, c3, nil)
		return err
	}
	if _, err := CallDynamic(ctx, f1, nil); trapKind(err) != TrapCannotEnter {
		t.Errorf("the host enters a third one while they run: %v", err)
	}
	if parent.inst.Poisoned() == nil || c1.inst.Poisoned() == nil {
		t.Error("the instances are not poisoned")
	}
}

// As in the official suite, whose specification would allow it.
func TestParentAndChildDoNotCallEachOther(t *testing.T) {
	nop := &types.Func{}
	for _, name := range []string{"parent to child", "child to parent"} {
		parent := newGuest(NewStore(Limits{}), nil, "parent")
		child := newGuest(parent.inst.Store, parent.inst, "child")
		from, to := parent, child
		if name == "child to parent" {
			from, to = child, parent
		}
		callee := to.lift("callee", nop, func(context.Context, []uint64) error { return nil })
		f := from.lift("f", nop, func(context.Context, []uint64) error {
			lowered, err := Fuse(callee, NewSignature(nop, nil))
			if err != nil {
				return err
			}
			_, err = from.call(lowered)
			return err
		})
		if _, err := CallDynamic(ctx, f, nil); trapKind(err) != TrapCannotEnter {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAChildIsNotEnteredTwice(t *testing.T) {
	st := NewStore(Limits{})
	parent := newGuest(st, nil, "parent")
	c1 := newGuest(st, parent.inst, "c1")
	nop := &types.Func{}
	var f1 *Func
	back := parent.lift("back", nop, func(context.Context, []uint64) error {
		lowered, err := Fuse(f1, NewSignature(nop, nil))
		if err != nil {
			return err
		}
		_, err = parent.call(lowered)
		return err
	})
	f1 = c1.lift("f1", nop, func(context.Context, []uint64) error {
		lowered, err := Fuse(back, NewSignature(nop, nil))
		if err != nil {
			return err
		}
		_, err = c1.call(lowered)
		return err
	})
	if _, err := CallDynamic(ctx, back, nil); trapKind(err) != TrapCannotEnter {
		t.Errorf("got %v", err)
	}
}

func TestBadArgumentsDoNotPoison(t *testing.T) {
	g := newGuest(NewStore(Limits{}), nil, "echo")
	f := g.lift("echo", echoType, g.coreEcho)
	for _, bad := range []value.Value{uint32(1), "\xff", nil} {
		if _, err := CallDynamic(ctx, f, []value.Value{bad}); trapKind(err) != TrapInvalidValue || !strings.HasPrefix(err.Error(), `call echo: param "s": `) {
			t.Errorf("%#v: %v", bad, err)
		}
	}
	if v, err := CallDynamic(ctx, f, []value.Value{"good"}); err != nil || v != "good" {
		t.Errorf("after them: %v, %v", v, err)
	}
}

type numbers struct {
	A int8
	B uint8
	C int16
	D uint16
	E int32
	F uint32
	G int64
	H uint64
}

func TestNumbersInRecords(t *testing.T) {
	c := Record(
		FieldOf("a", S8, func(n *numbers) *int8 { return &n.A }), FieldOf("b", U8, func(n *numbers) *uint8 { return &n.B }),
		FieldOf("c", S16, func(n *numbers) *int16 { return &n.C }), FieldOf("d", U16, func(n *numbers) *uint16 { return &n.D }),
		FieldOf("e", S32, func(n *numbers) *int32 { return &n.E }), FieldOf("f", U32, func(n *numbers) *uint32 { return &n.F }),
		FieldOf("g", S64, func(n *numbers) *int64 { return &n.G }), FieldOf("h", U64, func(n *numbers) *uint64 { return &n.H }),
	)
	want := numbers{-2, 254, -3, 65533, -4, 1<<32 - 4, -5, 1<<64 - 5}
	cx := testContext(newHeap(100), UTF8)
	flat, err := lowerFlat(cx, c, want)
	if err != nil || !reflect.DeepEqual(flat, []uint64{0xfffffffe, 254, 0xfffffffd, 65533, 0xfffffffc, 0xfffffffc, 1<<64 - 5, 1<<64 - 5}) {
		t.Errorf("lowered to %#x, error %v", flat, err)
	}
	if got, err := liftFlat(cx, c, flat...); got != want || err != nil {
		t.Errorf("lifted %+v, error %v", got, err)
	}
	if err := c.Store(cx, want, 8); err != nil {
		t.Error(err)
	}
	if got, err := c.Load(cx, cx.memory()[8:8+c.Size()]); got != want || err != nil {
		t.Errorf("loaded %+v, error %v", got, err)
	}
}
