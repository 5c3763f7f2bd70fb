package abi

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// twoGuests are a caller and a callee in one store, each with its own
// encoding.
func twoGuests(from, to StringEncoding) (caller, callee *guest) {
	st := NewStore(Limits{})
	caller, callee = newGuest(st, nil, "caller"), newGuest(st, nil, "callee")
	caller.opts.StringEncoding, callee.opts.StringEncoding = from, to
	return caller, callee
}

func TestStringsAreTranscodedBetweenComponents(t *testing.T) {
	ft := &types.Func{Params: params("s", types.String), Result: types.String}
	all := []StringEncoding{UTF8, UTF16, Latin1UTF16}
	for _, from := range all {
		for _, to := range all {
			for _, s := range testStrings {
				for _, wide := range []bool{false, true} {
					if from == Latin1UTF16 && !wide && !isLatin1(s) {
						continue
					}
					caller, callee := twoGuests(from, to)
					var seen string
					f := fuse(t, callee.lift("echo", ft, func(_ context.Context, stack []uint64) error {
						cx := testContext(callee.heap, to)
						var err error
						seen, err = cx.loadString(uint32(stack[0]), uint32(stack[1]))
						storePair(callee.mem, 8, uint32(stack[0]), uint32(stack[1]))
						stack[0] = 8
						return err
					}))
					b, n := encode(s, from, wide)
					ptr, _ := caller.put(string(b))
					if _, err := caller.call(f, ptr, uint64(n), 8); err != nil {
						t.Errorf("%q from %s to %s: %v", s, from, to, err)
						continue
					}
					back, err := testContext(caller.heap, from).loadString(loadPair(caller.mem[8:]))
					if seen != s || back != s || err != nil {
						t.Errorf("%q from %s to %s (wide %v): the callee saw %q, and back came %q, error %v", s, from, to, wide, seen, back, err)
					}
				}
			}
		}
	}
}

func TestTranscodingCallsReallocAsTheSpecificationSays(t *testing.T) {
	ft := &types.Func{Params: params("s", types.String)}
	for _, tt := range []struct {
		s        string
		from, to StringEncoding
		wide     bool
		want     []string
		length   uint64
	}{
		{"abc", UTF16, UTF8, false, []string{"realloc(0, 0, 1, 3)"}, 3},
		{"aé", UTF16, UTF8, false, []string{"realloc(0, 0, 1, 2)", "realloc(16, 2, 1, 6)", "realloc(18, 6, 1, 3)"}, 3},
		{"aé", Latin1UTF16, UTF8, false, []string{"realloc(0, 0, 1, 2)", "realloc(16, 2, 1, 4)", "realloc(18, 4, 1, 3)"}, 3},
		{"éé", Latin1UTF16, UTF8, false, []string{"realloc(0, 0, 1, 2)", "realloc(16, 2, 1, 4)"}, 4},
		{"aé", Latin1UTF16, UTF16, false, []string{"realloc(0, 0, 2, 4)"}, 2},
		{"aé", Latin1UTF16, Latin1UTF16, false, []string{"realloc(0, 0, 2, 2)"}, 2},
		{"aé", Latin1UTF16, Latin1UTF16, true, []string{"realloc(0, 0, 2, 4)", "realloc(16, 4, 1, 2)"}, 2},
		{"aǿ", Latin1UTF16, Latin1UTF16, true, []string{"realloc(0, 0, 2, 4)"}, 2 | utf16Tag},
		{"aé", UTF16, Latin1UTF16, false, []string{"realloc(0, 0, 2, 2)"}, 2},
		{"aǿ", UTF16, Latin1UTF16, false, []string{"realloc(0, 0, 2, 2)", "realloc(16, 2, 2, 4)"}, 2 | utf16Tag},
		{"aé", UTF16, UTF16, false, []string{"realloc(0, 0, 2, 4)"}, 2},
	} {
		caller, callee := twoGuests(tt.from, tt.to)
		var length uint64
		f := fuse(t, callee.lift("f", ft, func(_ context.Context, stack []uint64) error { length = stack[1]; return nil }))
		b, n := encode(tt.s, tt.from, tt.wide)
		ptr, _ := caller.put(string(b))
		if _, err := caller.call(f, ptr, uint64(n)); err != nil {
			t.Errorf("%q from %s to %s: %v", tt.s, tt.from, tt.to, err)
		}
		if !reflect.DeepEqual(callee.log, tt.want) || length != tt.length {
			t.Errorf("%q from %s to %s (wide %v): got %q length 0x%x, want %q length 0x%x", tt.s, tt.from, tt.to, tt.wide, callee.log, length, tt.want, tt.length)
		}
	}
}

func TestFusedCallsTrap(t *testing.T) {
	seventeen := &types.Func{Result: tuple(types.U8, types.U8)}
	for i := range 17 {
		seventeen.Params = append(seventeen.Params, types.Param{Name: fmt.Sprint("p", i), Type: types.U8})
	}
	for _, tt := range []struct {
		name   string
		ft     *types.Func
		result uint64
		stack  []uint64
		want   TrapKind
		text   string
	}{
		{"a list outside the caller's memory", &types.Func{Params: params("a", list(types.U8))}, 0, []uint64{1 << 16, 1}, TrapOutOfBounds, `call f: param "a": list at 0x10000+0x1`},
		{"a list that is not aligned", &types.Func{Params: params("a", list(types.U32))}, 0, []uint64{2, 1}, TrapUnaligned, "unaligned pointer 0x2"},
		{"a list that is too long", &types.Func{Params: params("a", list(types.U32))}, 0, []uint64{0, 1 << 26}, TrapTooLong, "list of 268435456 bytes"},
		{"a char that is none", &types.Func{Params: params("a", types.Char)}, 0, []uint64{0xd800}, TrapChar, "invalid `char`"},
		{"a case that is none", &types.Func{Params: params("a", option(types.U8))}, 0, []uint64{2, 0}, TrapDiscriminant, "invalid variant discriminant 2"},
		{"a string that is not utf8", &types.Func{Params: params("a", types.String)}, 0, []uint64{100, 1}, TrapEncoding, "utf-8"},
		{"parameters outside the caller's memory", seventeen, 0, []uint64{1<<16 - 16, 0}, TrapOutOfBounds, "spilled values"},
		{"a result outside the callee's memory", seventeen, 1<<16 - 1, []uint64{0, 0}, TrapOutOfBounds, "result: spilled values"},
		{"a result's place outside the caller's memory", seventeen, 0, []uint64{0, 1<<16 - 1}, TrapOutOfBounds, "result: the result's place"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			caller, callee := twoGuests(UTF8, UTF8)
			caller.mem[100] = 0xff
			f := fuse(t, callee.lift("f", tt.ft, func(_ context.Context, s []uint64) error { s[0] = tt.result; return nil }))
			_, err := caller.call(f, tt.stack...)
			if trapKind(err) != tt.want || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want kind %v and %q", err, tt.want, tt.text)
			}
			if callee.inst.Poisoned() == nil {
				t.Error("the callee is not poisoned")
			}
		})
	}
}

func TestFuseRefusesOtherTypes(t *testing.T) {
	_, callee := twoGuests(UTF8, UTF8)
	f := callee.lift("f", addType, coreAdd)
	for _, ft := range []*types.Func{
		{Params: params("a", types.U32), Result: types.U32},
		{Params: params("a", types.U32, "x", types.U32), Result: types.U32},
		{Params: params("a", types.U32, "b", types.U64), Result: types.U32},
		{Params: params("a", types.U32, "b", types.U32)},
		{Params: params("a", types.U32, "b", types.U32), Result: option(types.U32)},
	} {
		if _, err := Fuse(f, NewSignature(ft, nil)); trapKind(err) != TrapInvalidValue {
			t.Errorf("%s: %v", ft, err)
		}
	}
}

// fuzzMove is what a value of type t looks like in utf8 after it went from one
// component to another: by a transfer, or by way of a dynamic value.
func fuzzMove(c Codec[value.Value], mem []byte, flat []uint64, from, to StringEncoding, fused bool) string {
	src, _ := fuzzContext(mem, from, true)
	dst := new(Context)
	out := newHeap(1 << 16)
	opts := out.options(to)
	inst := NewInstance(src.Inst.Store, nil, "dst")
	inst.DefineResource(fuzzResource, src.Inst.ResourceType(fuzzResource))
	dst.Init(ctx, &opts, inst, false)
	vals := &CoreValues{vs: make([]uint64, c.Flat())}
	if fused {
		ft := &types.Func{Params: params("p", c.Type())}
		sig := NewSignature(ft, nil)
		f, err := newFused(sig, sig)
		if err != nil {
			return err.Error()
		}
		if err := f.moveParams(src, &CoreValues{vs: flat}, dst, vals); err != nil {
			return fmt.Sprint("move: ", trapKind(err))
		}
	} else {
		v, err := liftFlatValues(src, c, c.Flat() > 16, &CoreValues{vs: flat})
		if err != nil {
			return fmt.Sprint("move: ", trapKind(err))
		}
		if err := lowerParams(dst, c, c.Flat() > 16, v, vals); err != nil {
			return fmt.Sprint("move: ", trapKind(err))
		}
	}
	return utf8Image(dst, c, vals.vs)
}

// utf8Image lifts a value and lowers it to a fresh utf8 memory.
func utf8Image(cx *Context, c Codec[value.Value], flat []uint64) string {
	v, err := liftFlatValues(cx, c, c.Flat() > 16, &CoreValues{vs: flat})
	if err != nil {
		return fmt.Sprint("lift: ", trapKind(err))
	}
	out := newHeap(1 << 16)
	opts := out.options(UTF8)
	cx.Opts = &opts
	vals := &CoreValues{vs: make([]uint64, c.Flat())}
	err = lowerParams(cx, c, c.Flat() > 16, v, vals)
	return fmt.Sprintf("%d handles, %v, %d %x", cx.Inst.NumHandles(), err, vals.vs, bytes.TrimRight(out.mem, "\x00"))
}

// FuzzFuse: a value that goes from one component to another memory to memory
// is the same as one that was lifted and lowered, whatever the encodings, and
// one traps when the other does.
func FuzzFuse(f *testing.F) {
	for k := range byte(24) {
		f.Add(uint8(k), []byte{k, 1, 2, 3}, []byte{0, 2, 3}, words([]uint32{16, 2, 16, 1, 1, 2, 3, 4}))
		f.Add(uint8(k), []byte{13, k, 3, 8, 12, 9}, []byte{0, 1, 3}, words([]uint32{1, 2, 16, 1, 1, 2, 3, 4}))
		f.Add(uint8(k), []byte{19, 4, k, k, 12, 9, 7, 6, 5}, []byte{1, 1, 3}, words([]uint32{1, 2, 16, 1, 1, 2, 3, 4}))
	}
	f.Fuzz(func(t *testing.T, how uint8, typ, stack, mem []byte) {
		r := typeReader{b: typ}
		vtype := r.valType(0)
		c, err := Compile(vtype, nil)
		if err != nil {
			return
		}
		from, to := StringEncoding(how%3), StringEncoding(how/3%3)
		flat := coreStack(stack)
		fused, dynamic := fuzzMove(c, mem, flat, from, to, true), fuzzMove(c, mem, flat, from, to, false)
		if fused == dynamic || limited(fused) || limited(dynamic) {
			return
		}
		if strings.HasPrefix(fused, "move: ") && strings.HasPrefix(dynamic, "move: ") {
			return // both trap; with more than one fault, either may be found first
		}
		t.Errorf("%s of %v from %s to %s\nfused   %s\ndynamic %s", vtype, flat, from, to, fused, dynamic)
	})
}

// limited tells the outcomes that come of this test's small memories.
func limited(s string) bool {
	return strings.HasSuffix(s, TrapLimit.String()) || strings.HasSuffix(s, TrapRealloc.String())
}
