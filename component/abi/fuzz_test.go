package abi

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

var fuzzResource = &types.Resource{Name: "r"}

// fuzzContext is a context with a few handles over memory of its own.
func fuzzContext(mem []byte, e StringEncoding, views bool) (*Context, *heap) {
	h := &heap{mem: bytes.Clone(mem)}
	opts := h.options(e)
	inst := NewInstance(NewStore(Limits{MaxLiftBytes: 1 << 20}), nil, "fuzz")
	rt := &ResourceType{Type: fuzzResource}
	other := &ResourceType{Type: &types.Resource{Name: "other"}}
	inst.DefineResource(fuzzResource, rt)
	for i, rt := range []*ResourceType{rt, rt, other, rt} {
		inst.addHandle(handle{rt: rt, rep: uint32(100 + i), own: i != 3, scope: new(Scope)})
	}
	cx := new(Context)
	cx.Init(ctx, &opts, inst, views)
	return cx, h
}

// outcome is all that lifting and lowering again leaves behind.
func outcome[T any](c Codec[T], mem []byte, flat []uint64, e StringEncoding, views bool) string {
	cx, _ := fuzzContext(mem, e, views)
	var v T
	var err error
	if n := c.Flat(); n <= 16 && n <= len(flat) {
		v, err = liftFlat(cx, c, flat[:n]...)
	} else {
		var b []byte
		if b, err = cx.view(uint32(flat[0]), uint64(c.Size()), c.Align(), "value"); err == nil {
			v, err = c.Load(cx, b)
		}
	}
	if err != nil {
		return fmt.Sprint("lift: ", trapKind(err))
	}
	out := newHeap(1 << 16)
	out.last = 8
	opts := out.options(e)
	cx.Opts = &opts
	ptr, err := cx.Allocate(c.Align(), c.Size())
	if err == nil {
		err = c.Store(cx, v, ptr)
	}
	return fmt.Sprintf("%d handles, %v, %v, %x", cx.Inst.NumHandles(), err, out.log, bytes.TrimRight(out.mem, "\x00"))
}

type fuzzCase struct {
	typ      types.ValType
	typed    func(mem []byte, flat []uint64, e StringEncoding, views bool) string
	compiled Codec[value.Value]
}

func fuzzCaseOf[T any](c Codec[T]) fuzzCase {
	dyn, err := Compile(c.Type(), nil)
	if err != nil {
		panic(err)
	}
	return fuzzCase{c.Type(), func(mem []byte, flat []uint64, e StringEncoding, views bool) string {
		return outcome(c, mem, flat, e, views)
	}, dyn}
}

type fuzzShape struct {
	tag  uint32
	f    float32
	s    string
	list []uint64
}

func fuzzShapeCodec() Codec[fuzzShape] {
	return Variant(func(s fuzzShape) uint32 { return s.tag },
		CaseOf("f", F32, func(f float32) fuzzShape { return fuzzShape{tag: 0, f: f} }, func(s fuzzShape) float32 { return s.f }),
		CaseNone("none", fuzzShape{tag: 1}),
		CaseOf("s", String, func(v string) fuzzShape { return fuzzShape{tag: 2, s: v} }, func(s fuzzShape) string { return s.s }),
		CaseOf("list", List(U64), func(l []uint64) fuzzShape { return fuzzShape{tag: 3, list: l} }, func(s fuzzShape) []uint64 { return s.list }),
	)
}

type fuzzRecord struct {
	A bool
	B rune
	C []string
	D Option[int16]
	E Result[uint64, float32]
}

func fuzzCases() []fuzzCase {
	rec := Record(
		FieldOf("a", Bool, func(r *fuzzRecord) *bool { return &r.A }),
		FieldOf("b", Char, func(r *fuzzRecord) *rune { return &r.B }),
		FieldOf("c", List(String), func(r *fuzzRecord) *[]string { return &r.C }),
		FieldOf("d", OptionOf(S16), func(r *fuzzRecord) *Option[int16] { return &r.D }),
		FieldOf("e", ResultOf(U64, F32), func(r *fuzzRecord) *Result[uint64, float32] { return &r.E }),
	)
	return []fuzzCase{
		fuzzCaseOf(Bool), fuzzCaseOf(S8), fuzzCaseOf(U8), fuzzCaseOf(S16), fuzzCaseOf(U16), fuzzCaseOf(S32), fuzzCaseOf(U32),
		fuzzCaseOf(S64), fuzzCaseOf(U64), fuzzCaseOf(F32), fuzzCaseOf(F64), fuzzCaseOf(Char), fuzzCaseOf(String), fuzzCaseOf(Bytes),
		fuzzCaseOf(List(String)), fuzzCaseOf(List(S8)), fuzzCaseOf(List(U16)), fuzzCaseOf(List(S64)), fuzzCaseOf(List(Bytes)), fuzzCaseOf(List(Char)), fuzzCaseOf(List(Bool)),
		fuzzCaseOf(Map(String, U8)), fuzzCaseOf(FixedList(U16, 3)), fuzzCaseOf(FixedList(String, 9)),
		fuzzCaseOf(Tuple2Of(U8, List(Tuple2Of(U16, F64)))), fuzzCaseOf(rec), fuzzCaseOf(List(rec)), fuzzCaseOf(fuzzShapeCodec()), fuzzCaseOf(List(fuzzShapeCodec())),
		fuzzCaseOf(Enum[uint8]("a", "b", "c")), fuzzCaseOf(Flags[uint8]("a", "b", "c")), fuzzCaseOf(Flags[uint16](numbered(16)...)), fuzzCaseOf(Flags[uint32](numbered(32)...)),
		fuzzCaseOf(ResultOf(None, Enum[uint16]("a", "b"))), fuzzCaseOf(OptionOf(OptionOf(U8))), fuzzCaseOf(List(OptionOf(List(U32)))),
		fuzzCaseOf(Tuple3Of(OwnOf(fuzzResource), BorrowOf(fuzzResource), OptionOf(OwnOf(fuzzResource)))), fuzzCaseOf(List(OwnOf(fuzzResource))),
		fuzzCaseOf(List(S16)), fuzzCaseOf(List(S32)), fuzzCaseOf(List(U32)), fuzzCaseOf(List(U64)), fuzzCaseOf(List(F32)), fuzzCaseOf(List(F64)), fuzzCaseOf(List(List(U16))), fuzzCaseOf(List(List(String))),
		fuzzCaseOf(List(OptionOf(Tuple2Of(String, U16)))), fuzzCaseOf(List(ResultOf(U64, U8))), fuzzCaseOf(List(Enum[uint16](numbered(257)...))), fuzzCaseOf(List(Tuple2Of(U16, U8))),
		fuzzCaseOf(List(Flags[uint16](numbered(9)...))), fuzzCaseOf(List(Flags[uint32](numbered(17)...))), fuzzCaseOf(List(Flags[uint32](numbered(32)...))),
		fuzzCaseOf(Map(U8, U16)), fuzzCaseOf(Map(String, Bytes)), fuzzCaseOf(FixedList(FixedList(U16, 2), 3)), fuzzCaseOf(FixedList(String, 2)), fuzzCaseOf(FixedList(U32, 17)), fuzzCaseOf(List(FixedList(U32, 2))),
		fuzzCaseOf(Tuple1Of(U8)), fuzzCaseOf(Tuple2Of(Tuple2Of(U16, U8), U8)), fuzzCaseOf(Tuple5Of(F32, F64, S8, Char, Bool)),
		fuzzCaseOf(Tuple8Of(String, String, String, String, String, String, String, String)), fuzzCaseOf(Tuple9Of(String, String, String, String, String, String, String, String, String)),
		fuzzCaseOf(Enum[uint8](numbered(1)...)), fuzzCaseOf(Enum[uint8](numbered(3)...)), fuzzCaseOf(Enum[uint8](numbered(256)...)), fuzzCaseOf(Enum[uint16](numbered(257)...)),
		fuzzCaseOf(Flags[uint8](numbered(1)...)), fuzzCaseOf(Flags[uint8](numbered(8)...)), fuzzCaseOf(Flags[uint16](numbered(9)...)), fuzzCaseOf(Flags[uint32](numbered(17)...)),
		fuzzCaseOf(OptionOf(U8)), fuzzCaseOf(OptionOf(F32)), fuzzCaseOf(OptionOf(String)), fuzzCaseOf(OptionOf(OptionOf(U64))), fuzzCaseOf(OptionOf(List(Char))),
		fuzzCaseOf(ResultOf(None, None)), fuzzCaseOf(ResultOf(U8, None)), fuzzCaseOf(ResultOf(None, U32)), fuzzCaseOf(ResultOf(F64, U32)), fuzzCaseOf(ResultOf(F64, F32)),
		fuzzCaseOf(ResultOf(String, Enum[uint8](numbered(3)...))), fuzzCaseOf(ResultOf(ResultOf(U8, F32), List(S64))),
		fuzzCaseOf(joined(U32, F32)), fuzzCaseOf(joined(F32, U64)), fuzzCaseOf(joined(F64, U32)), fuzzCaseOf(joined(F64, U64)), fuzzCaseOf(joined(F32, F64)),
		fuzzCaseOf(joined(String, U8)), fuzzCaseOf(joined(U64, String)), fuzzCaseOf(List(joined(F32, String))),
		fuzzCaseOf(joined(Tuple3Of(F32, U8, F64), Tuple2Of(U64, F32))),
		fuzzCaseOf(xyzCodec()), fuzzCaseOf(List(xyzCodec())), fuzzCaseOf(gapsCodec()), fuzzCaseOf(List(gapsCodec())),
	}
}

// either is one of two values.
type either[A, B any] struct {
	tag uint32
	a   A
	b   B
}

// joined is a variant of two cases, c0 and c1, whose core values are joined.
func joined[A, B any](a Codec[A], b Codec[B]) Codec[either[A, B]] {
	return Variant(func(e either[A, B]) uint32 { return e.tag },
		CaseOf("c0", a, func(v A) either[A, B] { return either[A, B]{a: v} }, func(e either[A, B]) A { return e.a }),
		CaseOf("c1", b, func(v B) either[A, B] { return either[A, B]{tag: 1, b: v} }, func(e either[A, B]) B { return e.b }),
	)
}

type xyz struct {
	X uint8
	Y uint16
	Z uint32
}

func xyzCodec() Codec[xyz] {
	return Record(
		FieldOf("x", U8, func(r *xyz) *uint8 { return &r.X }),
		FieldOf("y", U16, func(r *xyz) *uint16 { return &r.Y }),
		FieldOf("z", U32, func(r *xyz) *uint32 { return &r.Z }),
	)
}

type gaps struct {
	A uint8
	B uint64
	C uint8
	D float32
}

func gapsCodec() Codec[gaps] {
	return Record(
		FieldOf("a", U8, func(r *gaps) *uint8 { return &r.A }),
		FieldOf("b", U64, func(r *gaps) *uint64 { return &r.B }),
		FieldOf("c", U8, func(r *gaps) *uint8 { return &r.C }),
		FieldOf("d", F32, func(r *gaps) *float32 { return &r.D }),
	)
}

// coreStack reads 16 core values from b, small ones more often than large.
func coreStack(b []byte) []uint64 {
	stack := make([]uint64, 16)
	for i := range stack {
		if i < len(b) {
			stack[i] = uint64(b[i])
			if b[i] == 0xff {
				stack[i] = 0xffff_ffff_ffff_ff00 | uint64(i)
			}
		}
	}
	return stack
}

// FuzzTypedAndDynamicAgree: for any memory and core values, the typed and the
// dynamic codec of a type trap alike, or lift values that lower to the same
// memory by the same calls of realloc. Neither panics.
func FuzzTypedAndDynamicAgree(f *testing.F) {
	cases := fuzzCases()
	for i := range cases {
		f.Add(uint8(i), uint8(i), []byte{0, 2, 3, 4}, words([]uint32{16, 2, 16, 1, 1, 2, 3, 4}))
		f.Add(uint8(i), uint8(i), []byte{2, 1, 3, 0xff}, words([]uint32{8, 1, 0, 3}, []byte("abc\xc3\xa9")...))
	}
	f.Fuzz(func(t *testing.T, which, how uint8, stack, mem []byte) {
		c := cases[int(which)%len(cases)]
		e := StringEncoding(how % 3)
		views := how&0x80 != 0
		flat := coreStack(stack)
		typed, dynamic := c.typed(mem, flat, e, views), outcome(c.compiled, mem, flat, e, views)
		if typed != dynamic && !(typed == "lift: limit" || dynamic == "lift: limit") {
			t.Errorf("%s of %v in %s\ntyped   %s\ndynamic %s", c.typ, flat, e, typed, dynamic)
		}
	})
}

// typeReader makes a type of bytes.
type typeReader struct {
	b     []byte
	nodes int
}

func (r *typeReader) next() byte {
	if len(r.b) == 0 {
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *typeReader) several(min, max int) int { return min + int(r.next())%(max-min+1) }

func (r *typeReader) valType(depth int) types.ValType {
	r.nodes++
	k := r.next() % 24
	if depth > 5 || r.nodes > 60 {
		k %= 13
	}
	switch {
	case k < 13:
		return types.Primitive(k)
	case k == 13 || k == 14:
		return list(r.valType(depth + 1))
	case k == 15:
		return fixed(r.valType(depth+1), uint32(r.several(1, 20)))
	case k == 16:
		return &types.Map{Key: types.String, Value: r.valType(depth + 1)}
	case k == 17:
		t := &types.Record{}
		for i := range r.several(1, 5) {
			t.Fields = append(t.Fields, types.Field{Name: fmt.Sprint("f", i), Type: r.valType(depth + 1)})
		}
		return t
	case k == 18:
		t := &types.Tuple{}
		for range r.several(1, 5) {
			t.Elems = append(t.Elems, r.valType(depth+1))
		}
		return t
	case k == 19:
		t := &types.Variant{}
		for i := range r.several(1, 5) {
			c := types.Case{Name: fmt.Sprint("c", i)}
			if r.next()%3 != 0 {
				c.Type = r.valType(depth + 1)
			}
			t.Cases = append(t.Cases, c)
		}
		return t
	case k == 20:
		return enum(numbered(r.several(1, 10))...)
	case k == 21:
		return option(r.valType(depth + 1))
	case k == 22:
		return result(r.valType(depth+1), r.valType(depth+1))
	}
	if r.next()%2 == 0 {
		return &types.Own{Resource: fuzzResource}
	}
	return flags(numbered(r.several(1, 32))...)
}

// FuzzLiftLower: for any type, memory and core values, lifting traps or gives
// a value; one that was lifted and lowered lifts and lowers to the same memory
// again, flat and through memory alike. Nothing panics.
func FuzzLiftLower(f *testing.F) {
	for k := range byte(24) {
		f.Add(uint8(0), []byte{k, 1, 2, 3}, []byte{0, 2, 3}, words([]uint32{16, 2, 16, 1, 1, 2, 3, 4}))
		f.Add(uint8(1), []byte{13, k, 3, 8, 12, 9}, []byte{0, 1, 3}, words([]uint32{1, 2, 16, 1, 1, 2, 3, 4}))
		f.Add(uint8(2), []byte{19, 4, k, k, 12, 9, 7, 6, 5}, []byte{1, 1, 3}, words([]uint32{1, 2, 16, 1, 1, 2, 3, 4}))
	}
	f.Fuzz(func(t *testing.T, how uint8, typ, stack, mem []byte) {
		r := typeReader{b: typ}
		vtype := r.valType(0)
		c, err := Compile(vtype, nil)
		if err != nil {
			return // too large
		}
		flat := coreStack(stack)
		e := StringEncoding(how % 3)
		first := outcome(c, mem, flat, e, how&0x80 != 0)
		if again := outcome(c, mem, flat, e, how&0x40 != 0); first != again {
			t.Fatalf("%s: %s, and then %s", vtype, first, again)
		}
		if c.Flat() > 16 {
			return
		}
		checkFlatRoundTrip(t, c, mem, flat, e)
	})
}

// checkFlatRoundTrip lifts, lowers to core values, lifts those and lowers them
// again, and compares the two lowerings.
func checkFlatRoundTrip(t *testing.T, c Codec[value.Value], mem []byte, flat []uint64, e StringEncoding) {
	cx, _ := fuzzContext(mem, e, false)
	v, err := liftFlat(cx, c, flat...)
	if err != nil {
		return
	}
	var images []string
	for range 2 {
		out := newHeap(1 << 16)
		opts := out.options(e)
		cx.Opts = &opts
		vals, err := lowerFlat(cx, c, v)
		if err != nil {
			return // out of memory, or a lent handle
		}
		images = append(images, fmt.Sprintf("%d %x %s", vals, bytes.TrimRight(out.mem, "\x00"), out.log))
		if v, err = liftFlat(cx, c, vals...); err != nil {
			if trapKind(err) == TrapLimit {
				return
			}
			t.Fatalf("%s: lifting what was lowered: %v", c.Type(), err)
		}
	}
	if images[0] != images[1] {
		t.Fatalf("%s: lowered to\n%s and then to\n%s", c.Type(), images[0], images[1])
	}
}
