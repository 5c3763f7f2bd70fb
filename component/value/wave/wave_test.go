package wave

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

type (
	vt  = types.ValType
	val = value.Value
)

func list(t vt) vt          { return &types.List{Elem: t} }
func option(t vt) vt        { return &types.Option{Elem: t} }
func tuple(ts ...vt) vt     { return &types.Tuple{Elems: ts} }
func enum(ls ...string) vt  { return &types.Enum{Labels: ls} }
func flags(ls ...string) vt { return &types.Flags{Labels: ls} }
func result(ok, err vt) vt  { return &types.Result{OK: ok, Err: err} }
func some(v val) val        { return &value.Option{Value: v, Some: true} }

var (
	none   val = &value.Option{}
	point      = &types.Record{Fields: []types.Field{{Name: "x", Type: types.U8}, {Name: "y", Type: option(types.U8)}}}
	shape      = &types.Variant{Cases: []types.Case{{Name: "empty"}, {Name: "circle", Type: types.F32}, {Name: "some", Type: types.U8}}}
	points     = func(x uint8, y val) val {
		return &value.Record{Fields: []value.Field{{Name: "x", Value: x}, {Name: "y", Value: y}}}
	}
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		t      vt
		text   string
		want   val
		format string // when Format writes it another way
	}{
		{types.Bool, "true", true, ""},
		{types.U8, " 255 // the most", uint8(255), "255"},
		{types.S8, "-128", int8(-128), ""},
		{types.S64, "-9223372036854775808", int64(math.MinInt64), ""},
		{types.U64, "18446744073709551615", uint64(math.MaxUint64), ""},
		{types.F32, "3.14", float32(3.14), ""},
		{types.F64, "1e-9", 1e-9, "1e-09"},
		{types.F64, "-inf", math.Inf(-1), ""},
		{types.F64, "-0", math.Copysign(0, -1), ""},
		{types.Char, "'x'", value.Char('x'), ""},
		{types.Char, `'\''`, value.Char('\''), ""},
		{types.Char, `'"'`, value.Char('"'), ""},
		{types.Char, `'\u{1F600}'`, value.Char(0x1F600), "'😀'"},
		{types.String, `"a \"b\" \\ \n\t\r \u{0} ü"`, "a \"b\" \\ \n\t\r \x00 ü", ""},
		{list(types.U8), "[1, 2,3,]", []byte{1, 2, 3}, "[1, 2, 3]"},
		{list(types.String), `["a", "b"]`, value.List{"a", "b"}, ""},
		{list(types.U16), "[]", value.List{}, ""},
		{&types.List{Elem: types.U16, Length: 2}, "[1, 2]", value.List{uint16(1), uint16(2)}, ""},
		{&types.Map{Key: types.String, Value: types.U8}, `[("a", 1)]`, value.List{value.Tuple{"a", uint8(1)}}, ""},
		{tuple(types.U8, types.Bool), "(1, true)", value.Tuple{uint8(1), true}, ""},
		{point, "{x: 1, y: some(2)}", points(1, some(uint8(2))), ""},
		{point, "{y: 2, x: 1}", points(1, some(uint8(2))), "{x: 1, y: some(2)}"},
		{point, "{x: 1}", points(1, none), "{x: 1, y: none}"},
		{&types.Record{Fields: []types.Field{{Name: "a", Type: option(types.U8)}}}, "{:}", &value.Record{Fields: []value.Field{{Name: "a", Value: none}}}, "{a: none}"},
		{shape, "empty", &value.Variant{Case: "empty"}, ""},
		{shape, "circle(1.5)", &value.Variant{Case: "circle", Value: float32(1.5)}, ""},
		{shape, "%some(1)", &value.Variant{Case: "some", Value: uint8(1)}, ""},
		{enum("a", "b-c"), "b-c", value.Enum("b-c"), ""},
		{option(enum("none", "a")), "%none", some(value.Enum("none")), "some(%none)"},
		{option(types.U8), "none", none, ""},
		{option(types.U8), "7", some(uint8(7)), "some(7)"},
		{option(option(types.U8)), "some(none)", some(none), ""},
		{result(types.U8, nil), "ok(1)", &value.Result{Value: uint8(1)}, ""},
		{result(types.U8, nil), "1", &value.Result{Value: uint8(1)}, "ok(1)"},
		{result(nil, types.String), `err("no")`, &value.Result{Value: "no", IsErr: true}, ""},
		{result(nil, nil), "ok", &value.Result{}, ""},
		{flags("a", "b", "true"), "{%true, a}", value.Flags{"a", "true"}, "{a, %true}"},
		{flags("a"), "{}", value.Flags{}, ""},
	} {
		got, err := Parse(tt.text, tt.t)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s as %s: got %#v, error %v; want %#v", tt.text, tt.t, got, err, tt.want)
			continue
		}
		want := tt.format
		if want == "" {
			want = tt.text
		}
		if text, err := Format(got); err != nil || text != want {
			t.Errorf("Format(%#v) = %s, error %v; want %s", got, text, err, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		t    vt
		text string
		want string
	}{
		{types.Bool, "yes", "at byte 0: found 'y', expected true or false"},
		{types.U8, "256", "at byte 0: 256 is out of the range of u8"},
		{types.U8, "-1", `at byte 0: found "-1", expected u8`},
		{types.U8, "", "at byte 0: found the end, expected u8"},
		{types.U8, "1 2", "at byte 2: found '2' after the end"},
		{types.F32, "Infinity", `found "Infinity", expected f32`},
		{types.F32, "0x1p4", `found "0x1p4", expected f32`},
		{types.Char, "''", "expected a character"},
		{types.Char, "'ab'", "after one character"},
		{types.Char, `'\u{D800}'`, `"D800" is no character`},
		{types.Char, `'\q'`, "expected \\\\"},
		{types.String, `"abc`, "the string has no end"},
		{types.String, "\"\xff\"", "the text is not utf-8"},
		{list(types.U8), "[1 2]", `found '2', expected ","`},
		{list(types.U8), "[1", `expected ","`},
		{&types.List{Elem: types.U8, Length: 2}, "[1]", "found 1 elements, expected 2"},
		{tuple(types.U8), "(1, 2)", "found more than the 1 elements"},
		{tuple(types.U8, types.U8), "(1)", "found 1 elements"},
		{point, "{z: 1}", `"z" is not a field`},
		{point, "{x: 1, x: 2}", "is there twice"},
		{point, "{}", `field "x"`},
		{shape, "square", `"square" is not a case`},
		{shape, "circle", `expected "("`},
		{enum("a"), "b", `"b" is not a label`},
		{flags("a"), "{a, a}", "is there twice"},
		{option(option(types.U8)), "1", "expected none or some(...)"},
		{&types.Own{Resource: &types.Resource{Name: "r"}}, "1", "own<r> has no text"},
	} {
		v, err := Parse(tt.text, tt.t)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q as %s: got %v, error %v; want %q", tt.text, tt.t, v, err, tt.want)
		}
	}
}

func TestDeepValuesAreRefused(t *testing.T) {
	deep := vt(types.U8)
	for range 1000 {
		deep = list(deep)
	}
	if _, err := Parse(strings.Repeat("[", 1000), deep); err == nil {
		t.Error("Parse takes it")
	}
	v := val(uint8(1))
	for range 1000 {
		v = value.List{v}
	}
	if _, err := Format(v); err == nil {
		t.Error("Format takes it")
	}
}

func TestParseCall(t *testing.T) {
	ft := &types.Func{Params: []types.Param{
		{Name: "n", Type: types.U8}, {Name: "s", Type: types.String}, {Name: "p", Type: point}, {Name: "o", Type: option(types.U8)},
	}}
	typeOf := func(name string) (*types.Func, error) {
		if name != "a:b/c@0.1.0#f" {
			return nil, errors.New("no such function: " + name)
		}
		return ft, nil
	}
	name, args, err := ParseCall(`a:b/c@0.1.0#f(1, "x)", {x: 2})`, typeOf)
	want := []val{uint8(1), "x)", points(2, none), none}
	if err != nil || name != "a:b/c@0.1.0#f" || !reflect.DeepEqual(args, want) {
		t.Errorf("got %q %#v, error %v", name, args, err)
	}
	if text, err := FormatCall(name, args); err != nil || text != `a:b/c@0.1.0#f(1, "x)", {x: 2, y: none}, none)` {
		t.Errorf("got %s, error %v", text, err)
	}
	for text, want := range map[string]string{
		"f":                                  `found no "("`,
		"(1)":                                "found no name",
		"g(1)":                               "no such function: g",
		"a:b/c@0.1.0#f(1)":                   `argument "s"`,
		`a:b/c@0.1.0#f(1, "", {x: 1}, 1, 2)`: "more arguments than the 4",
		"a:b/c@0.1.0#f(x)":                   `param "n": at byte 14`,
	} {
		if _, _, err := ParseCall(text, typeOf); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// everything is a type with a part of every kind.
var everything = tuple(types.Bool, types.S8, types.U16, types.S32, types.U64, types.F32, types.F64, types.Char, types.String,
	list(types.U8), list(list(types.String)), point, shape, enum("a", "true", "b"), option(option(types.U8)), result(option(types.U8), enum("ok", "err")),
	flags("x", "none", "y"), &types.Map{Key: types.String, Value: types.F64}, &types.List{Elem: types.Char, Length: 2})

// FuzzParse: no text makes Parse panic, and what it reads, Format writes so
// that Parse reads the same.
func FuzzParse(f *testing.F) {
	f.Add(`(true, -1, 2, 3, 4, 5.5, nan, 'x', "a\u{7f}", [1], [["a"], []], {x: 1}, %some(3), %true, some(none), ok(none), {%none}, [("k", inf)], ['a', '\n'])`)
	f.Add(`(true, 1, 2, 3, 4, -inf, -0, '\'', "", [], [], {y: 2, x: 1}, circle(1e30), a, none, err(%ok), {}, [], ['\\', '"'],)`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse(text, everything)
		if err != nil {
			return
		}
		again, err := Format(v)
		if err != nil {
			t.Fatalf("Format(%#v): %v", v, err)
		}
		w, err := Parse(again, everything)
		if err != nil {
			t.Fatalf("Parse(%q): %v", again, err)
		}
		third, _ := Format(w)
		if again != third {
			t.Fatalf("%q became %q", again, third)
		}
	})
}
