package wave

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wasinn/wasinn/component/value"
)

// Format writes v as WAVE text that [Parse] reads as the same value. It is an
// error when v holds a handle, or is no component-model value.
func Format(v value.Value) (string, error) {
	var w writer
	w.value(v, 0)
	return w.String(), w.err
}

// FormatCall writes a call of the function named name.
func FormatCall(name string, args []value.Value) (string, error) {
	var w writer
	w.WriteString(name)
	sequence(&w, "(", ")", args, func(v value.Value) { w.value(v, 0) })
	return w.String(), w.err
}

// writer keeps the first error.
type writer struct {
	strings.Builder
	err error
}

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func sequence[T any](w *writer, open, close string, items []T, item func(T)) {
	w.WriteString(open)
	for i, it := range items {
		if i > 0 {
			w.WriteString(", ")
		}
		item(it)
	}
	w.WriteString(close)
}

func (w *writer) value(v value.Value, depth int) {
	if depth > maxDepth {
		w.fail("values nest more than %d deep", maxDepth)
		return
	}
	depth++
	each := func(v value.Value) { w.value(v, depth) }
	switch v := v.(type) {
	case bool, int8, uint8, int16, uint16, int32, uint32, int64, uint64:
		fmt.Fprint(w, v)
	case float32:
		w.WriteString(formatFloat(float64(v), 32))
	case float64:
		w.WriteString(formatFloat(v, 64))
	case value.Char:
		w.WriteString("'")
		w.character(rune(v), '\'')
		w.WriteString("'")
	case string:
		w.str(v)
	case []byte:
		sequence(w, "[", "]", v, func(b byte) { w.WriteString(strconv.Itoa(int(b))) })
	case value.List:
		sequence(w, "[", "]", v, each)
	case value.Tuple:
		sequence(w, "(", ")", v, each)
	case *value.Record:
		w.record(v, depth)
	case *value.Variant:
		w.label(v.Case)
		w.payload(v.Value, depth)
	case value.Enum:
		w.label(string(v))
	case *value.Option:
		w.option(v, depth)
	case *value.Result:
		w.WriteString(map[bool]string{false: "ok", true: "err"}[v.IsErr])
		w.payload(v.Value, depth)
	case value.Flags:
		sequence(w, "{", "}", v, w.label)
	case value.Handle:
		w.fail("a handle of resource %s has no text", v.Resource())
	default:
		w.fail("a %T has no text", v)
	}
}

func formatFloat(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

func (w *writer) str(s string) {
	if !utf8.ValidString(s) {
		w.fail("the string %.40q is not utf-8", s)
	}
	w.WriteString(`"`)
	for _, r := range s {
		w.character(r, '"')
	}
	w.WriteString(`"`)
}

func (w *writer) character(r rune, quote rune) {
	switch {
	case r == '\\' || r == quote:
		w.WriteByte('\\')
		w.WriteRune(r)
	case r == '\n':
		w.WriteString(`\n`)
	case r == '\r':
		w.WriteString(`\r`)
	case r == '\t':
		w.WriteString(`\t`)
	case !strconv.IsPrint(r):
		fmt.Fprintf(w, `\u{%x}`, r)
	default:
		w.WriteRune(r)
	}
}

// keywords are the words that a label must not be taken for.
var keywords = map[string]bool{
	"true": true, "false": true, "nan": true, "inf": true,
	"some": true, "none": true, "ok": true, "err": true,
}

func (w *writer) label(l string) {
	if keywords[l] {
		w.WriteByte('%')
	}
	w.WriteString(l)
}

func (w *writer) record(r *value.Record, depth int) {
	if len(r.Fields) == 0 {
		w.WriteString("{:}")
		return
	}
	sequence(w, "{", "}", r.Fields, func(f value.Field) {
		w.label(f.Name)
		w.WriteString(": ")
		w.value(f.Value, depth)
	})
}

func (w *writer) option(o *value.Option, depth int) {
	if !o.Some {
		w.WriteString("none")
		return
	}
	w.WriteString("some(")
	w.value(o.Value, depth)
	w.WriteString(")")
}

func (w *writer) payload(v value.Value, depth int) {
	if v == nil {
		return
	}
	w.WriteString("(")
	w.value(v, depth)
	w.WriteString(")")
}
