package types

import (
	"fmt"
	"strings"
)

// maxTextLen bounds the text of a type: a guest can nest shared types so that
// their text would grow without end.
const maxTextLen = 4096

var primitiveNames = [...]string{
	Bool: "bool", S8: "s8", U8: "u8", S16: "s16", U16: "u16", S32: "s32", U32: "u32", S64: "s64", U64: "u64",
	F32: "f32", F64: "f64", Char: "char", String: "string", ErrorContext: "error-context",
}

// String returns the type's WIT keyword.
func (p Primitive) String() string {
	if int(p) < len(primitiveNames) {
		return primitiveNames[p]
	}
	return fmt.Sprintf("primitive(%d)", uint8(p))
}

// String returns list<T> or list<T, N>.
func (t *List) String() string { return text(t) }

// String returns map<K, V>.
func (t *Map) String() string { return text(t) }

// String returns record{name: T, ...}.
func (t *Record) String() string { return text(t) }

// String returns tuple<T, ...>.
func (t *Tuple) String() string { return text(t) }

// String returns variant{name, name(T), ...}.
func (t *Variant) String() string { return text(t) }

// String returns enum{label, ...}.
func (t *Enum) String() string { return text(t) }

// String returns option<T>.
func (t *Option) String() string { return text(t) }

// String returns result, result<T>, result<_, E> or result<T, E>.
func (t *Result) String() string { return text(t) }

// String returns flags{label, ...}.
func (t *Flags) String() string { return text(t) }

// String returns own<R>.
func (t *Own) String() string { return text(t) }

// String returns borrow<R>.
func (t *Borrow) String() string { return text(t) }

// String returns stream or stream<T>.
func (t *Stream) String() string { return text(t) }

// String returns future or future<T>.
func (t *Future) String() string { return text(t) }

// String returns func(name: T, ...) -> T.
func (f *Func) String() string {
	var w writer
	w.function(f)
	return w.String()
}

// String returns the resource's name, or "resource" when it has none.
func (r *Resource) String() string {
	if r == nil || r.Name == "" {
		return "resource"
	}
	return r.Name
}

func text(t ValType) string {
	var w writer
	w.value(t)
	return w.String()
}

// writer renders types and stops at maxTextLen.
type writer struct{ strings.Builder }

func (w *writer) full() bool { return w.Len() >= maxTextLen }

func (w *writer) value(t ValType) {
	if w.full() {
		return
	}
	switch t := t.(type) {
	case nil:
		w.WriteString("_")
	case *List:
		w.WriteString("list<")
		w.value(t.Elem)
		if t.Length != 0 {
			fmt.Fprintf(w, ", %d", t.Length)
		}
		w.WriteString(">")
	case *Map:
		w.angled("map", t.Key, t.Value)
	case *Record:
		w.WriteString("record{")
		for i, f := range t.Fields {
			if !w.item(i, f.Name) {
				break
			}
			w.WriteString(": ")
			w.value(f.Type)
		}
		w.WriteString("}")
	case *Tuple:
		w.angled("tuple", t.Elems...)
	case *Variant:
		w.WriteString("variant{")
		for i, c := range t.Cases {
			if !w.item(i, c.Name) {
				break
			}
			if c.Type != nil {
				w.WriteString("(")
				w.value(c.Type)
				w.WriteString(")")
			}
		}
		w.WriteString("}")
	case *Enum:
		w.labels("enum", t.Labels)
	case *Option:
		w.angled("option", t.Elem)
	case *Result:
		switch {
		case t.OK == nil && t.Err == nil:
			w.WriteString("result")
		case t.Err == nil:
			w.angled("result", t.OK)
		default:
			w.angled("result", t.OK, t.Err)
		}
	case *Flags:
		w.labels("flags", t.Labels)
	case *Own:
		w.WriteString("own<" + t.Resource.String() + ">")
	case *Borrow:
		w.WriteString("borrow<" + t.Resource.String() + ">")
	case *Stream:
		w.optional("stream", t.Elem)
	case *Future:
		w.optional("future", t.Elem)
	default:
		w.WriteString(t.String())
	}
}

func (w *writer) optional(name string, elem ValType) {
	if elem == nil {
		w.WriteString(name)
		return
	}
	w.angled(name, elem)
}

func (w *writer) angled(name string, ts ...ValType) {
	w.WriteString(name + "<")
	for i, t := range ts {
		if !w.item(i, "") {
			break
		}
		w.value(t)
	}
	w.WriteString(">")
}

func (w *writer) labels(name string, labels []string) {
	w.WriteString(name + "{")
	for i, l := range labels {
		if !w.item(i, l) {
			break
		}
	}
	w.WriteString("}")
}

// item writes the separator and the name of item i; false means that the text
// is long enough.
func (w *writer) item(i int, name string) bool {
	if i > 0 {
		w.WriteString(", ")
	}
	if w.full() {
		w.WriteString("...")
		return false
	}
	w.WriteString(name)
	return true
}

func (w *writer) function(f *Func) {
	if f.Async {
		w.WriteString("async ")
	}
	w.WriteString("func(")
	for i, p := range f.Params {
		if !w.item(i, p.Name) {
			break
		}
		w.WriteString(": ")
		w.value(p.Type)
	}
	w.WriteString(")")
	if f.Result != nil {
		w.WriteString(" -> ")
		w.value(f.Result)
	}
}
