package abi

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// Short names for the tables of this file.
type (
	vt  = types.ValType
	val = value.Value
)

func list(e vt) vt                   { return &types.List{Elem: e} }
func fixed(e vt, n uint32) vt        { return &types.List{Elem: e, Length: n} }
func tuple(ts ...vt) vt              { return &types.Tuple{Elems: ts} }
func option(t vt) vt                 { return &types.Option{Elem: t} }
func result(ok, err vt) vt           { return &types.Result{OK: ok, Err: err} }
func enum(ls ...string) vt           { return &types.Enum{Labels: ls} }
func flags(ls ...string) vt          { return &types.Flags{Labels: ls} }
func variant(cs ...types.Case) vt    { return &types.Variant{Cases: cs} }
func record(fs ...types.Field) vt    { return &types.Record{Fields: fs} }
func kase(n string, t vt) types.Case { return types.Case{Name: n, Type: t} }

func numbered(n int) (ls []string) {
	for i := range n {
		ls = append(ls, fmt.Sprint("f", i))
	}
	return ls
}

func variantOf(c string, v val) val { return &value.Variant{Case: c, Value: v} }
func some(v val) val                { return &value.Option{Value: v, Some: true} }

var none val = &value.Option{}

// vector is one fact of the canonical ABI: core values and memory that lift to
// a value, and that the value lowers to values which lift to it again.
type vector struct {
	t    vt
	flat []uint64
	mem  []byte
	want val      // when trap is 0
	trap TrapKind // when lifting traps
}

func f32bits(f float32) uint64 { return uint64(math.Float32bits(f)) }

var floatOr = variant(kase("x", types.U8), kase("y", types.F32), kase("z", nil))

// flatVectors need no memory.
var flatVectors = []vector{
	{t: record(types.Field{Name: "x", Type: types.U8}, types.Field{Name: "y", Type: types.U16}, types.Field{Name: "z", Type: types.U32}),
		flat: []uint64{1, 2, 3},
		want: &value.Record{Fields: []value.Field{{Name: "x", Value: uint8(1)}, {Name: "y", Value: uint16(2)}, {Name: "z", Value: uint32(3)}}}},
	{t: tuple(tuple(types.U8, types.U8), types.U8), flat: []uint64{1, 2, 3}, want: value.Tuple{value.Tuple{uint8(1), uint8(2)}, uint8(3)}},
	{t: fixed(types.U8, 3), flat: []uint64{1, 2, 3}, want: []byte{1, 2, 3}},
	{t: fixed(fixed(types.U8, 2), 3), flat: []uint64{1, 2, 3, 4, 5, 6}, want: value.List{[]byte{1, 2}, []byte{3, 4}, []byte{5, 6}}},
	{t: flags("a", "b"), flat: []uint64{0}, want: value.Flags{}},
	{t: flags("a", "b"), flat: []uint64{2}, want: value.Flags{"b"}},
	{t: flags("a", "b"), flat: []uint64{3}, want: value.Flags{"a", "b"}},
	{t: flags("a", "b"), flat: []uint64{4}, want: value.Flags{}},
	{t: flags(numbered(32)...), flat: []uint64{0xffffffff}, want: value.Flags(numbered(32))},
	{t: floatOr, flat: []uint64{0, 42}, want: variantOf("x", uint8(42))},
	{t: floatOr, flat: []uint64{0, 256}, want: variantOf("x", uint8(0))},
	{t: floatOr, flat: []uint64{1, 0x4048f5c3}, want: variantOf("y", float32(3.14))},
	{t: floatOr, flat: []uint64{2, 0xffffffff}, want: variantOf("z", nil)},
	{t: floatOr, flat: []uint64{3, 0}, trap: TrapDiscriminant},
	{t: option(types.F32), flat: []uint64{0, f32bits(3.14)}, want: none},
	{t: option(types.F32), flat: []uint64{1, f32bits(3.14)}, want: some(float32(3.14))},
	{t: option(types.F32), flat: []uint64{2, 0}, trap: TrapDiscriminant},
	{t: result(types.U8, types.U32), flat: []uint64{0, 42}, want: &value.Result{Value: uint8(42)}},
	{t: result(types.U8, types.U32), flat: []uint64{1, 1000}, want: &value.Result{Value: uint32(1000), IsErr: true}},
	{t: result(nil, nil), flat: []uint64{1}, want: &value.Result{IsErr: true}},
	{t: result(types.F64, types.U32), flat: []uint64{1, 0xffffffff00000007}, want: &value.Result{Value: uint32(7), IsErr: true}},
	{t: result(types.F64, types.F32), flat: []uint64{1, 0xffffffff00000000 | f32bits(1.5)}, want: &value.Result{Value: float32(1.5), IsErr: true}},
	{t: result(types.F64, types.U64), flat: []uint64{0, math.Float64bits(2.5)}, want: &value.Result{Value: 2.5}},
	{t: enum("a", "b"), flat: []uint64{0}, want: value.Enum("a")},
	{t: enum("a", "b"), flat: []uint64{1}, want: value.Enum("b")},
	{t: enum("a", "b"), flat: []uint64{2}, trap: TrapDiscriminant},
	{t: types.Bool, flat: []uint64{0}, want: false},
	{t: types.Bool, flat: []uint64{1}, want: true},
	{t: types.Bool, flat: []uint64{2}, want: true},
	{t: types.Bool, flat: []uint64{0xffffffff}, want: true},
	{t: types.U8, flat: []uint64{127}, want: uint8(127)},
	{t: types.U8, flat: []uint64{256}, want: uint8(0)},
	{t: types.U8, flat: []uint64{0xffffff80}, want: uint8(128)},
	{t: types.S8, flat: []uint64{127}, want: int8(127)},
	{t: types.S8, flat: []uint64{128}, want: int8(-128)},
	{t: types.S8, flat: []uint64{0xffffffff}, want: int8(-1)},
	{t: types.S8, flat: []uint64{0xffffff7f}, want: int8(127)},
	{t: types.U16, flat: []uint64{65536}, want: uint16(0)},
	{t: types.U16, flat: []uint64{0xffff8000}, want: uint16(32768)},
	{t: types.S16, flat: []uint64{32768}, want: int16(-32768)},
	{t: types.S16, flat: []uint64{0xffff7fff}, want: int16(32767)},
	{t: types.U32, flat: []uint64{0xffffffff}, want: uint32(0xffffffff)},
	{t: types.S32, flat: []uint64{1 << 31}, want: int32(-1 << 31)},
	{t: types.S32, flat: []uint64{0xffffffff}, want: int32(-1)},
	{t: types.U64, flat: []uint64{1<<64 - 1}, want: uint64(1<<64 - 1)},
	{t: types.S64, flat: []uint64{1<<64 - 1}, want: int64(-1)},
	{t: types.F32, flat: []uint64{f32bits(3.14)}, want: float32(3.14)},
	{t: types.F64, flat: []uint64{math.Float64bits(3.14)}, want: 3.14},
	{t: types.Char, flat: []uint64{0}, want: value.Char(0)},
	{t: types.Char, flat: []uint64{65}, want: value.Char('A')},
	{t: types.Char, flat: []uint64{0xD7FF}, want: value.Char(0xD7FF)},
	{t: types.Char, flat: []uint64{0xD800}, trap: TrapChar},
	{t: types.Char, flat: []uint64{0xDFFF}, trap: TrapChar},
	{t: types.Char, flat: []uint64{0xE000}, want: value.Char(0xE000)},
	{t: types.Char, flat: []uint64{0x10FFFF}, want: value.Char(0x10FFFF)},
	{t: types.Char, flat: []uint64{0x110000}, trap: TrapChar},
	{t: types.Char, flat: []uint64{0xFFFFFFFF}, trap: TrapChar},
}

// u32s is memory that holds 32-bit words, and then bytes.
func words(ws []uint32, rest ...byte) (b []byte) {
	for _, w := range ws {
		b = le.AppendUint32(b, w)
	}
	return append(b, rest...)
}

// heapVectors lie in memory.
var heapVectors = []vector{
	{t: list(types.Bool), flat: []uint64{0, 3}, mem: []byte{1, 0, 2}, want: value.List{true, false, true}},
	{t: list(types.Bool), flat: []uint64{3, 3}, mem: []byte{9, 9, 9, 1, 0, 1}, want: value.List{true, false, true}},
	{t: list(types.U8), flat: []uint64{0, 3}, mem: []byte{1, 2, 3}, want: []byte{1, 2, 3}},
	{t: list(types.U8), flat: []uint64{0, 4}, mem: []byte{1, 2, 3}, trap: TrapOutOfBounds},
	{t: list(types.U8), flat: []uint64{4, 0}, mem: []byte{1, 2, 3}, trap: TrapOutOfBounds},
	{t: list(types.U8), flat: []uint64{0xffffffff, 1}, mem: []byte{1, 2, 3}, trap: TrapOutOfBounds},
	{t: list(types.U8), flat: []uint64{0, 1 << 28}, mem: []byte{1, 2, 3}, trap: TrapTooLong},
	{t: list(types.U64), flat: []uint64{0, 1 << 29}, mem: []byte{1, 2, 3}, trap: TrapTooLong},
	{t: list(types.U16), flat: []uint64{0, 3}, mem: []byte{1, 0, 2, 0, 3, 0}, want: value.List{uint16(1), uint16(2), uint16(3)}},
	{t: list(types.U16), flat: []uint64{1, 3}, mem: []byte{0, 1, 0, 2, 0, 3, 0}, trap: TrapUnaligned},
	{t: list(types.U32), flat: []uint64{0, 2}, mem: words([]uint32{7, 8}), want: value.List{uint32(7), uint32(8)}},
	{t: list(types.U64), flat: []uint64{0, 1}, mem: words([]uint32{7, 8}), want: value.List{uint64(7 | 8<<32)}},
	{t: list(types.S8), flat: []uint64{0, 3}, mem: []byte{255, 254, 253}, want: value.List{int8(-1), int8(-2), int8(-3)}},
	{t: list(types.S16), flat: []uint64{0, 2}, mem: []byte{255, 255, 254, 255}, want: value.List{int16(-1), int16(-2)}},
	{t: list(types.S32), flat: []uint64{0, 2}, mem: words([]uint32{0xffffffff, 0xfffffffe}), want: value.List{int32(-1), int32(-2)}},
	{t: list(types.S64), flat: []uint64{0, 1}, mem: words([]uint32{0xffffffff, 0xffffffff}), want: value.List{int64(-1)}},
	{t: list(types.Char), flat: []uint64{0, 2}, mem: words([]uint32{'A', 'c'}), want: value.List{value.Char('A'), value.Char('c')}},
	{t: list(types.Char), flat: []uint64{0, 2}, mem: words([]uint32{'A', 0xD800}), trap: TrapChar},
	{t: list(types.String), flat: []uint64{0, 2}, mem: words([]uint32{16, 2, 21, 3}, []byte("hi___wat")...), want: value.List{"hi", "wat"}},
	{t: list(types.String), flat: []uint64{0, 2}, mem: words([]uint32{16, 2, 22, 3}, []byte("hi___wat")...), trap: TrapOutOfBounds},
	{t: list(list(types.U8)), flat: []uint64{0, 3}, mem: words([]uint32{24, 3, 0, 0, 27, 2}, 3, 4, 5, 6, 7), want: value.List{[]byte{3, 4, 5}, []byte{}, []byte{6, 7}}},
	{t: list(list(types.U16)), flat: []uint64{0, 1}, mem: words([]uint32{8, 2}, 5, 0, 6, 0), want: value.List{value.List{uint16(5), uint16(6)}}},
	{t: list(list(types.U16)), flat: []uint64{0, 1}, mem: words([]uint32{9, 2}, 0, 5, 0, 6, 0), trap: TrapUnaligned},
	{t: list(fixed(types.U8, 2)), flat: []uint64{0, 2}, mem: []byte{1, 2, 3, 4}, want: value.List{[]byte{1, 2}, []byte{3, 4}}},
	{t: list(fixed(types.U32, 2)), flat: []uint64{0, 2}, mem: words([]uint32{1, 2, 3, 4}),
		want: value.List{value.List{uint32(1), uint32(2)}, value.List{uint32(3), uint32(4)}}},
	{t: list(fixed(types.U32, 2)), flat: []uint64{1, 2}, mem: words([]uint32{1, 2, 3, 4}, 0), trap: TrapUnaligned},
	{t: list(tuple(types.U8, types.U8, types.U16, types.U32)), flat: []uint64{0, 2}, mem: []byte{6, 7, 8, 0, 9, 0, 0, 0, 4, 5, 6, 0, 7, 0, 0, 0},
		want: value.List{value.Tuple{uint8(6), uint8(7), uint16(8), uint32(9)}, value.Tuple{uint8(4), uint8(5), uint16(6), uint32(7)}}},
	{t: list(tuple(types.U8, types.U16, types.U8, types.U32)), flat: []uint64{0, 1}, mem: []byte{6, 255, 7, 0, 8, 255, 255, 255, 9, 0, 0, 0},
		want: value.List{value.Tuple{uint8(6), uint16(7), uint8(8), uint32(9)}}},
	{t: list(tuple(types.U16, types.U8)), flat: []uint64{0, 2}, mem: []byte{6, 0, 7, 255, 8, 0, 9, 255},
		want: value.List{value.Tuple{uint16(6), uint8(7)}, value.Tuple{uint16(8), uint8(9)}}},
	{t: list(tuple(tuple(types.U16, types.U8), types.U8)), flat: []uint64{0, 2}, mem: []byte{4, 0, 5, 255, 6, 255, 7, 0, 8, 255, 9, 255},
		want: value.List{value.Tuple{value.Tuple{uint16(4), uint8(5)}, uint8(6)}, value.Tuple{value.Tuple{uint16(7), uint8(8)}, uint8(9)}}},
	{t: list(flags("a", "b")), flat: []uint64{0, 4}, mem: []byte{0, 2, 3, 4}, want: value.List{value.Flags{}, value.Flags{"b"}, value.Flags{"a", "b"}, value.Flags{}}},
	{t: list(flags(numbered(9)...)), flat: []uint64{0, 2}, mem: []byte{255, 3, 0, 0}, want: value.List{value.Flags(numbered(9)), value.Flags{}}},
	{t: list(flags(numbered(17)...)), flat: []uint64{0, 2}, mem: []byte{255, 255, 3, 0, 0, 0, 0, 0}, want: value.List{value.Flags(numbered(17)), value.Flags{}}},
	{t: list(flags(numbered(32)...)), flat: []uint64{0, 2}, mem: []byte{255, 255, 255, 255, 0, 0, 0, 0}, want: value.List{value.Flags(numbered(32)), value.Flags{}}},
	{t: &types.Map{Key: types.U8, Value: types.U16}, flat: []uint64{0, 2}, mem: []byte{42, 255, 83, 0, 43, 255, 84, 0},
		want: value.List{value.Tuple{uint8(42), uint16(83)}, value.Tuple{uint8(43), uint16(84)}}},
	{t: list(option(types.U32)), flat: []uint64{0, 2}, mem: []byte{1, 255, 255, 255, 7, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255},
		want: value.List{some(uint32(7)), none}},
	{t: list(result(types.U64, types.U8)), flat: []uint64{0, 1}, mem: words([]uint32{1, 0, 5, 0}), want: value.List{&value.Result{Value: uint8(5), IsErr: true}}},
	{t: list(option(types.U8)), flat: []uint64{0, 1}, mem: []byte{2, 0}, trap: TrapDiscriminant},
	{t: list(enum(numbered(257)...)), flat: []uint64{0, 1}, mem: []byte{0, 1}, want: value.List{value.Enum("f256")}},
	{t: list(enum(numbered(257)...)), flat: []uint64{0, 1}, mem: []byte{1, 1}, trap: TrapDiscriminant},
	{t: types.String, flat: []uint64{0, 3}, mem: []byte("wat"), want: "wat"},
	{t: types.String, flat: []uint64{0, 2}, mem: []byte{0xc0, 0x80}, trap: TrapEncoding},
	{t: types.String, flat: []uint64{0, 2}, mem: []byte{'a', 0xc3}, trap: TrapEncoding},
	{t: types.String, flat: []uint64{0, 3}, mem: []byte{0xed, 0xa0, 0x80}, trap: TrapEncoding},
	{t: types.String, flat: []uint64{0, 1 << 28}, trap: TrapTooLong},
}

func TestVectors(t *testing.T) {
	for _, v := range append(flatVectors, heapVectors...) {
		t.Run(fmt.Sprintf("%s %x", v.t, v.flat), func(t *testing.T) { v.check(t) })
	}
}

// check lifts the vector, lowers what came to another memory, and lifts that.
func (v vector) check(t *testing.T) {
	c := mustCompile(t, v.t)
	if got := c.Flat(); got != len(v.flat) {
		t.Fatalf("Flat = %d, want %d", got, len(v.flat))
	}
	got, err := liftFlat(testContext(&heap{mem: v.mem}, UTF8), c, v.flat...)
	if kind := trapKind(err); kind != v.trap {
		t.Fatalf("lift: got %v, error %v; want a trap of kind %v", got, err, v.trap)
	}
	if v.trap != 0 {
		return
	}
	if !reflect.DeepEqual(got, v.want) {
		t.Fatalf("lift: got %#v, want %#v", got, v.want)
	}
	cx := testContext(newHeap(5*len(v.mem)), UTF8)
	vals, err := lowerFlat(cx, c, v.want)
	if err != nil {
		t.Fatalf("lower: %v", err)
	}
	if got, err = liftFlat(cx, c, vals...); err != nil || !reflect.DeepEqual(got, v.want) {
		t.Fatalf("lift again: got %#v, error %v; want %#v", got, err, v.want)
	}
}

func TestNaNsBecomeCanonical(t *testing.T) {
	for _, tt := range []struct{ in, want uint32 }{
		{0x7fc00000, canonicalNaN32}, {0x7fc00001, canonicalNaN32}, {0x7fe00000, canonicalNaN32}, {0x7fffffff, canonicalNaN32},
		{0xffffffff, canonicalNaN32}, {0x7f800001, canonicalNaN32}, {0x7f800000, 0x7f800000}, {0x3fc00000, 0x3fc00000},
	} {
		h := &heap{mem: words([]uint32{tt.in})}
		flat, _ := liftFlat(testContext(h, UTF8), F32, uint64(tt.in))
		loaded, _ := F32.Load(nil, h.mem)
		lowered, _ := lowerFlat(nil, F32, math.Float32frombits(tt.in))
		if a, b, c := math.Float32bits(flat), math.Float32bits(loaded), uint32(lowered[0]); a != tt.want || b != tt.want || c != tt.want {
			t.Errorf("0x%x: lifted 0x%x, loaded 0x%x, lowered 0x%x; want 0x%x", tt.in, a, b, c, tt.want)
		}
	}
	for _, tt := range []struct{ in, want uint64 }{
		{0x7ff8000000000000, canonicalNaN64}, {0x7ff8000000000001, canonicalNaN64}, {0x7ffc000000000000, canonicalNaN64},
		{0x7fffffffffffffff, canonicalNaN64}, {0xffffffffffffffff, canonicalNaN64}, {0x7ff0000000000000, 0x7ff0000000000000}, {0x3ff0000000000000, 0x3ff0000000000000},
	} {
		h := &heap{mem: le.AppendUint64(nil, tt.in)}
		flat, _ := liftFlat(testContext(h, UTF8), F64, tt.in)
		loaded, _ := F64.Load(nil, h.mem)
		lowered, _ := lowerFlat(nil, F64, math.Float64frombits(tt.in))
		if a, b, c := math.Float64bits(flat), math.Float64bits(loaded), lowered[0]; a != tt.want || b != tt.want || c != tt.want {
			t.Errorf("0x%x: lifted 0x%x, loaded 0x%x, lowered 0x%x; want 0x%x", tt.in, a, b, c, tt.want)
		}
	}
}

// testStrings have ascii, latin1, the basic plane, and beyond.
var testStrings = []string{
	"", "a", "hi", "\x00", "a\x00b", "\u0080", "\u0080b", "ab\u00efc", "\u01ffy", "xy\u01ff", "a\ud7ffb", "a\u02ff\u03ff\u04ffbc",
	"\uf123", "\uf123\uf123abc", "abcdef\uf123", "\U0001F600", "x\U0001F600\u00e9", "\u00e9\u00e9\u00e9\U0001F600",
}

// encode is s as it may lie in a memory of that encoding.
func encode(s string, e StringEncoding, wide bool) (b []byte, taggedCodeUnits uint32) {
	switch {
	case e == UTF8:
		return []byte(s), uint32(len(s))
	case e == UTF16 || wide:
		us := utf16.Encode([]rune(s))
		for _, u := range us {
			b = le.AppendUint16(b, u)
		}
		n := uint32(len(us))
		if e == Latin1UTF16 {
			n |= utf16Tag
		}
		return b, n
	}
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b, uint32(len(b))
}

func isLatin1(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 255 }) < 0 }

func TestStringsInEveryEncoding(t *testing.T) {
	for _, e := range []StringEncoding{UTF8, UTF16, Latin1UTF16} {
		for _, s := range testStrings {
			for _, wide := range []bool{false, true} {
				if e == Latin1UTF16 && !wide && !isLatin1(s) {
					continue
				}
				b, n := encode(s, e, wide)
				got, err := liftFlat(testContext(&heap{mem: b}, e), String, 0, uint64(n))
				if err != nil || got != s {
					t.Errorf("lift %q from %s (wide %v): got %q, error %v", s, e, wide, got, err)
				}
			}
			cx := testContext(newHeap(100), e)
			vals, err := lowerFlat(cx, String, s)
			if err != nil {
				t.Errorf("lower %q to %s: %v", s, e, err)
				continue
			}
			want, n := encode(s, e, !isLatin1(s))
			if b := cx.memory()[vals[0] : vals[0]+uint64(len(want))]; string(b) != string(want) || vals[1] != uint64(n) {
				t.Errorf("lower %q to %s: got % x length 0x%x, want % x length 0x%x", s, e, b, vals[1], want, n)
			}
		}
	}
}

func TestStringsTrap(t *testing.T) {
	for _, tt := range []struct {
		name     string
		encoding StringEncoding
		mem      []byte
		ptr, n   uint32
		want     TrapKind
	}{
		{"a lone high surrogate", UTF16, []byte{0x00, 0xd8}, 0, 1, TrapEncoding},
		{"a lone low surrogate", UTF16, []byte{0x00, 0xdc, 'a', 0}, 0, 2, TrapEncoding},
		{"two high surrogates", UTF16, []byte{0x00, 0xd8, 0x00, 0xd8}, 0, 2, TrapEncoding},
		{"utf16 at an odd address", UTF16, []byte{0, 'a', 0}, 1, 1, TrapUnaligned},
		{"latin1 at an odd address", Latin1UTF16, []byte{0, 'a'}, 1, 1, TrapUnaligned},
		{"utf16 of too many bytes", UTF16, nil, 0, 1 << 27, TrapTooLong},
		{"utf16 whose byte length wraps", UTF16, nil, 0, 1 << 31, TrapTooLong},
		{"tagged utf16 outside memory", Latin1UTF16, []byte{1, 2}, 0, 2 | utf16Tag, TrapOutOfBounds},
		{"U+FFFD is a character", UTF16, []byte{0xfd, 0xff}, 0, 1, 0},
	} {
		_, err := liftFlat(testContext(&heap{mem: tt.mem}, tt.encoding), String, uint64(tt.ptr), uint64(tt.n))
		if got := trapKind(err); got != tt.want {
			t.Errorf("%s: %v, want kind %v", tt.name, err, tt.want)
		}
	}
}

func TestStringsCallReallocAsTheSpecificationSays(t *testing.T) {
	for _, tt := range []struct {
		s        string
		encoding StringEncoding
		want     []string
	}{
		{"", UTF8, []string{"realloc(0, 0, 1, 0)"}},
		{"abc", UTF8, []string{"realloc(0, 0, 1, 3)"}},
		{"abc", UTF16, []string{"realloc(0, 0, 2, 6)"}},
		{"é", UTF16, []string{"realloc(0, 0, 2, 4)", "realloc(8, 4, 2, 2)"}},
		{"abc", Latin1UTF16, []string{"realloc(0, 0, 2, 3)"}},
		{"aé", Latin1UTF16, []string{"realloc(0, 0, 2, 3)", "realloc(8, 3, 2, 2)"}},
		{"aǿ", Latin1UTF16, []string{"realloc(0, 0, 2, 3)", "realloc(8, 3, 2, 6)", "realloc(12, 6, 2, 4)"}},
	} {
		h := newHeap(100)
		h.last = 8
		if _, err := lowerFlat(testContext(h, tt.encoding), String, tt.s); err != nil {
			t.Errorf("%q to %s: %v", tt.s, tt.encoding, err)
		}
		if !reflect.DeepEqual(h.log, tt.want) {
			t.Errorf("%q to %s: got %q, want %q", tt.s, tt.encoding, h.log, tt.want)
		}
	}
}
