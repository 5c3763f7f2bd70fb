package types

import (
	"strings"
	"testing"
)

func TestString(t *testing.T) {
	r := &Resource{Name: "graph"}
	for _, tt := range []struct {
		t    ValType
		want string
	}{
		{U8, "u8"},
		{ErrorContext, "error-context"},
		{Primitive(99), "primitive(99)"},
		{&List{Elem: U8}, "list<u8>"},
		{&List{Elem: U8, Length: 4}, "list<u8, 4>"},
		{&Map{String, F32}, "map<string, f32>"},
		{&Record{[]Field{{"x", U8}, {"y", &Option{String}}}}, "record{x: u8, y: option<string>}"},
		{&Tuple{[]ValType{U8, F32}}, "tuple<u8, f32>"},
		{&Variant{[]Case{{"a", nil}, {"b", U8}}}, "variant{a, b(u8)}"},
		{&Enum{[]string{"openvino", "onnx"}}, "enum{openvino, onnx}"},
		{&Result{}, "result"},
		{&Result{OK: U8}, "result<u8>"},
		{&Result{Err: U8}, "result<_, u8>"},
		{&Result{OK: U8, Err: String}, "result<u8, string>"},
		{&Flags{[]string{"a", "b"}}, "flags{a, b}"},
		{&Own{r}, "own<graph>"},
		{&Borrow{&Resource{}}, "borrow<resource>"},
		{&Stream{}, "stream"},
		{&Future{U8}, "future<u8>"},
	} {
		if got := tt.t.String(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
	f := &Func{Params: []Param{{"builder", &List{Elem: &List{Elem: U8}}}}, Result: &Result{OK: &Own{r}}}
	if got, want := f.String(), "func(builder: list<list<u8>>) -> result<own<graph>>"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// doubled nests tuples of itself twice: 2^n parts in n definitions.
func doubled(n int) ValType {
	t := ValType(U8)
	for range n {
		t = &Tuple{[]ValType{t, t}}
	}
	return t
}

func TestTheTextOfSharedTypesIsBounded(t *testing.T) {
	if s := doubled(200).String(); len(s) > 2*maxTextLen || !strings.Contains(s, "...") {
		t.Errorf("%d bytes of text", len(s))
	}
}

func TestEqual(t *testing.T) {
	r, s := &Resource{Name: "r"}, &Resource{Name: "r"}
	distinct := []func() ValType{
		func() ValType { return U8 },
		func() ValType { return U16 },
		func() ValType { return &List{Elem: U8} },
		func() ValType { return &List{Elem: U8, Length: 1} },
		func() ValType { return &Map{U8, U8} },
		func() ValType { return &Record{[]Field{{"a", U8}}} },
		func() ValType { return &Record{[]Field{{"b", U8}}} },
		func() ValType { return &Tuple{[]ValType{U8}} },
		func() ValType { return &Variant{[]Case{{"a", nil}}} },
		func() ValType { return &Variant{[]Case{{"a", U8}}} },
		func() ValType { return &Enum{[]string{"a"}} },
		func() ValType { return &Option{U8} },
		func() ValType { return &Result{OK: U8} },
		func() ValType { return &Result{Err: U8} },
		func() ValType { return &Flags{[]string{"a"}} },
		func() ValType { return &Own{r} },
		func() ValType { return &Own{s} },
		func() ValType { return &Borrow{r} },
		func() ValType { return &Stream{} },
		func() ValType { return &Future{} },
		func() ValType { return &Future{U8} },
	}
	for i, a := range distinct {
		for j, b := range distinct {
			if got := Equal(a(), b()); got != (i == j) {
				t.Errorf("Equal(%s, %s) = %v", a(), b(), got)
			}
		}
	}
	if Equal(nil, U8) || Equal(U8, nil) || !Equal(nil, nil) {
		t.Error("nil equals nil only")
	}
	if !Equal(doubled(200), doubled(200)) {
		t.Error("types that share parts")
	}
	if !EqualFunc(&Own{r}, &Own{s}, func(a, b *Resource) bool { return a.Name == b.Name }) {
		t.Error("the caller's rule for resources")
	}
}

func TestFuncEqual(t *testing.T) {
	f := &Func{Params: []Param{{"a", U8}}, Result: U8}
	for _, g := range []*Func{
		{Params: []Param{{"b", U8}}, Result: U8},
		{Params: []Param{{"a", U16}}, Result: U8},
		{Params: []Param{{"a", U8}}},
		{Params: []Param{{"a", U8}}, Result: U8, Async: true},
		{Result: U8},
	} {
		if FuncEqual(f, g) {
			t.Errorf("%s equals %s", f, g)
		}
	}
	if !FuncEqual(f, &Func{Params: []Param{{"a", U8}}, Result: U8}) {
		t.Error("equal functions are not")
	}
}
