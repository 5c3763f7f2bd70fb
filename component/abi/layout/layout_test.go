package layout

import (
	"reflect"
	"testing"

	"github.com/wasinn/wasinn/component/types"
)

func list(e types.ValType) types.ValType            { return &types.List{Elem: e} }
func fixed(e types.ValType, n uint32) types.ValType { return &types.List{Elem: e, Length: n} }
func tuple(ts ...types.ValType) types.ValType       { return &types.Tuple{Elems: ts} }
func labels(n int) []string                         { return make([]string, n) }
func variant(ts ...types.ValType) types.ValType {
	v := &types.Variant{}
	for _, t := range ts {
		v.Cases = append(v.Cases, types.Case{Type: t})
	}
	return v
}

func TestLayouts(t *testing.T) {
	for _, tt := range []struct {
		t           types.ValType
		align, size uint32
		flat        []CoreType
	}{
		{types.Bool, 1, 1, []CoreType{I32}},
		{types.S16, 2, 2, []CoreType{I32}},
		{types.U64, 8, 8, []CoreType{I64}},
		{types.F32, 4, 4, []CoreType{F32}},
		{types.F64, 8, 8, []CoreType{F64}},
		{types.Char, 4, 4, []CoreType{I32}},
		{types.String, 4, 8, []CoreType{I32, I32}},
		{list(types.U64), 4, 8, []CoreType{I32, I32}},
		{&types.Map{Key: types.U8, Value: types.F64}, 4, 8, []CoreType{I32, I32}},
		{fixed(types.U16, 3), 2, 6, []CoreType{I32, I32, I32}},
		{fixed(types.U8, 17), 1, 17, nil},
		{tuple(types.U8, types.U16, types.U8, types.U32), 4, 12, []CoreType{I32, I32, I32, I32}},
		{tuple(types.U16, types.U8), 2, 4, []CoreType{I32, I32}},
		{tuple(types.U8, types.U64), 8, 16, []CoreType{I32, I64}},
		{variant(types.U8, types.F32, nil), 4, 8, []CoreType{I32, I32}},
		{variant(types.F32, types.F32), 4, 8, []CoreType{I32, F32}},
		{variant(types.F64, types.U32), 8, 16, []CoreType{I32, I64}},
		{variant(types.F64, types.F64), 8, 16, []CoreType{I32, F64}},
		{variant(types.String, types.U64), 8, 16, []CoreType{I32, I64, I32}},
		{&types.Option{Elem: types.U8}, 1, 2, []CoreType{I32, I32}},
		{&types.Result{}, 1, 1, []CoreType{I32}},
		{&types.Result{OK: types.U64, Err: types.U8}, 8, 16, []CoreType{I32, I64}},
		{&types.Enum{Labels: labels(256)}, 1, 1, []CoreType{I32}},
		{&types.Enum{Labels: labels(257)}, 2, 2, []CoreType{I32}},
		{&types.Enum{Labels: labels(65537)}, 4, 4, []CoreType{I32}},
		{&types.Flags{Labels: labels(8)}, 1, 1, []CoreType{I32}},
		{&types.Flags{Labels: labels(9)}, 2, 2, []CoreType{I32}},
		{&types.Flags{Labels: labels(17)}, 4, 4, []CoreType{I32}},
		{&types.Own{}, 4, 4, []CoreType{I32}},
	} {
		want := &Layout{Align: tt.align, Size: tt.size, Flat: tt.flat, NumFlat: len(tt.flat)}
		if tt.flat == nil {
			want.NumFlat = MaxFlatParams + 1
		}
		if got := Of(tt.t); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", tt.t, got, want)
		}
	}
}

func TestSizesOverTheLimitAreTooBig(t *testing.T) {
	doubled := types.ValType(types.U64)
	for range 100 {
		doubled = tuple(doubled, doubled) // takes time linear in the definitions, or this test never ends
	}
	for _, tt := range []struct {
		name   string
		t      types.ValType
		tooBig bool
	}{
		{"the largest list of bytes", fixed(types.U8, 1<<28-1), false},
		{"one byte more", fixed(types.U8, 1<<28), true},
		{"a product that wraps 32 bits", fixed(types.U64, 1<<29), true},
		{"fields that are too big together", tuple(fixed(types.U8, 1<<28-1), types.U8), true},
		{"fields that are not", tuple(fixed(types.U8, 1<<28-2), types.U8), false},
		{"strings with 64-bit pointers", fixed(types.String, 1<<24), true},
		{"strings that fit", fixed(types.String, 1<<24-1), false},
		{"a list of the largest", list(fixed(types.U8, 1<<28-1)), false},
		{"2^100 numbers", doubled, true},
		{"a variant of the largest", variant(fixed(types.U8, 1<<28-1)), true},
	} {
		if got := NewCache64().Of(tt.t).TooBig(); got != tt.tooBig {
			t.Errorf("%s: TooBig = %v, want %v", tt.name, got, tt.tooBig)
		}
	}
}

func TestCoreSignatures(t *testing.T) {
	f := func(result types.ValType, ps ...types.ValType) *types.Func {
		ft := &types.Func{Result: result}
		for _, p := range ps {
			ft.Params = append(ft.Params, types.Param{Type: p})
		}
		return ft
	}
	seventeen := make([]types.ValType, 17)
	for i := range seventeen {
		seventeen[i] = types.U8
	}
	type sig struct{ Params, Results []CoreType }
	for _, tt := range []struct {
		ft          *types.Func
		lift, lower sig
	}{
		{f(nil, types.U8, types.F32, types.F64), sig{[]CoreType{I32, F32, F64}, nil}, sig{[]CoreType{I32, F32, F64}, nil}},
		{f(types.F32, types.U8), sig{[]CoreType{I32}, []CoreType{F32}}, sig{[]CoreType{I32}, []CoreType{F32}}},
		{f(tuple(types.F32), types.U8), sig{[]CoreType{I32}, []CoreType{F32}}, sig{[]CoreType{I32}, []CoreType{F32}}},
		{f(tuple(types.F32, types.F32), types.U8), sig{[]CoreType{I32}, []CoreType{I32}}, sig{[]CoreType{I32, I32}, nil}},
		{f(nil, seventeen...), sig{[]CoreType{I32}, nil}, sig{[]CoreType{I32}, nil}},
		{f(types.String, seventeen...), sig{[]CoreType{I32}, []CoreType{I32}}, sig{[]CoreType{I32, I32}, nil}},
	} {
		c := NewCache()
		var lift, lower sig
		lift.Params, lift.Results = c.CoreLift(tt.ft)
		lower.Params, lower.Results = c.CoreLower(tt.ft)
		if !reflect.DeepEqual(lift, tt.lift) || !reflect.DeepEqual(lower, tt.lower) {
			t.Errorf("%s: got %v and %v, want %v and %v", tt.ft, lift, lower, tt.lift, tt.lower)
		}
	}
}

func TestALongListOfNothingFlattensToNothingAtOnce(t *testing.T) {
	if l := Of(fixed(tuple(), 1<<32-1)); l.NumFlat != 0 || l.Size != 0 {
		t.Errorf("got %+v, want a layout without values", *l)
	}
}
