package wave

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// maxDepth bounds how deep a value's text may nest.
const maxDepth = 256

// parser reads text from pos on.
type parser struct {
	text string
	pos  int
}

func (p *parser) errorf(format string, args ...any) error {
	return &Error{Offset: p.pos, Msg: fmt.Sprintf(format, args...)}
}

// space skips white space and comments, which run from // to the line's end.
func (p *parser) space() {
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			p.pos++
		case strings.HasPrefix(p.text[p.pos:], "//"):
			if i := strings.IndexByte(p.text[p.pos:], '\n'); i >= 0 {
				p.pos += i + 1
			} else {
				p.pos = len(p.text)
			}
		default:
			return
		}
	}
}

func (p *parser) end() error {
	if p.space(); p.pos < len(p.text) {
		return p.errorf("found %s after the end", p.found())
	}
	return nil
}

// found describes what stands at pos.
func (p *parser) found() string {
	if p.pos >= len(p.text) {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	return strconv.QuoteRune(r)
}

// accept takes the token s, if it is next.
func (p *parser) accept(s string) bool {
	p.space()
	if !strings.HasPrefix(p.text[p.pos:], s) {
		return false
	}
	p.pos += len(s)
	return true
}

func (p *parser) expect(s string) error {
	if !p.accept(s) {
		return p.errorf("found %s, expected %q", p.found(), s)
	}
	return nil
}

// isWord tells the characters of labels, keywords and numbers.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == '_'
}

// word takes a run of word characters, which may be empty.
func (p *parser) word() string {
	p.space()
	start := p.pos
	for p.pos < len(p.text) && isWord(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// peekWord is the word that is next.
func (p *parser) peekWord() string {
	start := p.pos
	w := p.word()
	p.pos = start
	return w
}

// label takes a label; % before it says that it is no keyword.
func (p *parser) label() (string, error) {
	p.accept("%")
	start := p.pos
	w := p.word()
	if w == "" || w[0] < 'A' {
		p.pos = start
		return "", p.errorf("found %s, expected a label", p.found())
	}
	return w, nil
}

func (p *parser) value(t types.ValType, depth int) (value.Value, error) {
	if depth > maxDepth {
		return nil, p.errorf("values nest more than %d deep", maxDepth)
	}
	depth++
	switch t := t.(type) {
	case types.Primitive:
		return p.primitive(t)
	case *types.List:
		return p.list(t.Elem, t.Length, depth)
	case *types.Map:
		return p.list(&types.Tuple{Elems: []types.ValType{t.Key, t.Value}}, 0, depth)
	case *types.Tuple:
		return p.tuple(t, depth)
	case *types.Record:
		return p.record(t, depth)
	case *types.Variant:
		return p.variant(t, depth)
	case *types.Enum:
		return p.enum(t)
	case *types.Option:
		return p.option(t, depth)
	case *types.Result:
		return p.result(t, depth)
	case *types.Flags:
		return p.flags(t)
	}
	return nil, p.errorf("%v has no text", t)
}

func (p *parser) primitive(t types.Primitive) (value.Value, error) {
	switch t {
	case types.Bool:
		return p.boolean()
	case types.S8:
		return number(p, t, func(s string) (int8, error) { n, err := strconv.ParseInt(s, 10, 8); return int8(n), err })
	case types.U8:
		return number(p, t, func(s string) (uint8, error) { n, err := strconv.ParseUint(s, 10, 8); return uint8(n), err })
	case types.S16:
		return number(p, t, func(s string) (int16, error) { n, err := strconv.ParseInt(s, 10, 16); return int16(n), err })
	case types.U16:
		return number(p, t, func(s string) (uint16, error) { n, err := strconv.ParseUint(s, 10, 16); return uint16(n), err })
	case types.S32:
		return number(p, t, func(s string) (int32, error) { n, err := strconv.ParseInt(s, 10, 32); return int32(n), err })
	case types.U32:
		return number(p, t, func(s string) (uint32, error) { n, err := strconv.ParseUint(s, 10, 32); return uint32(n), err })
	case types.S64:
		return number(p, t, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	case types.U64:
		return number(p, t, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	case types.F32:
		return number(p, t, func(s string) (float32, error) { f, err := parseFloat(s, 32); return float32(f), err })
	case types.F64:
		return number(p, t, func(s string) (float64, error) { return parseFloat(s, 64) })
	case types.Char:
		return p.char()
	case types.String:
		return p.str()
	}
	return nil, p.errorf("%v has no text", t)
}

func (p *parser) boolean() (value.Value, error) {
	p.space()
	start := p.pos
	switch w := p.word(); w {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	p.pos = start
	return nil, p.errorf("found %s, expected true or false", p.found())
}

// number takes a word and parses it.
func number[T any](p *parser, t types.ValType, parse func(string) (T, error)) (value.Value, error) {
	p.space()
	start := p.pos
	w := p.word()
	v, err := parse(w)
	if err == nil {
		return v, nil
	}
	p.pos = start
	if w == "" {
		return nil, p.errorf("found %s, expected %s", p.found(), t)
	}
	if errors.Is(err, strconv.ErrRange) {
		return nil, p.errorf("%s is out of the range of %s", w, t)
	}
	return nil, p.errorf("found %q, expected %s", w, t)
}

// parseFloat parses a decimal number, nan, inf or -inf; it takes none of the
// other spellings that strconv knows.
func parseFloat(s string, bits int) (float64, error) {
	switch s {
	case "nan":
		return math.NaN(), nil
	case "inf":
		return math.Inf(1), nil
	case "-inf":
		return math.Inf(-1), nil
	}
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || digits[0] < '0' || digits[0] > '9' || strings.ContainsAny(s, "_xXpP") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, bits)
}

func (p *parser) char() (value.Value, error) {
	if err := p.expect("'"); err != nil {
		return nil, err
	}
	r, err := p.character('\'')
	if err != nil {
		return nil, err
	}
	if p.pos >= len(p.text) || p.text[p.pos] != '\'' {
		return nil, p.errorf("found %s, expected \"'\" after one character", p.found())
	}
	p.pos++
	return value.Char(r), nil
}

func (p *parser) str() (value.Value, error) {
	if err := p.expect(`"`); err != nil {
		return nil, err
	}
	var b strings.Builder
	for p.pos < len(p.text) {
		if p.text[p.pos] == '"' {
			p.pos++
			return b.String(), nil
		}
		r, err := p.character('"')
		if err != nil {
			return nil, err
		}
		b.WriteRune(r)
	}
	return nil, p.errorf("the string has no end")
}

var escapes = map[byte]rune{'\\': '\\', '\'': '\'', '"': '"', 't': '\t', 'n': '\n', 'r': '\r'}

// character takes one character of a char or string, which may be escaped.
func (p *parser) character(quote byte) (rune, error) {
	if p.pos >= len(p.text) {
		return 0, p.errorf("found the end, expected a character")
	}
	if c := p.text[p.pos]; c == quote || c == '\n' {
		return 0, p.errorf("found %s, expected a character", p.found())
	} else if c == '\\' {
		return p.escape()
	}
	r, n := utf8.DecodeRuneInString(p.text[p.pos:])
	if r == utf8.RuneError && n == 1 {
		return 0, p.errorf("the text is not utf-8")
	}
	p.pos += n
	return r, nil
}

// escape takes \n and its like, or \u{HEX}.
func (p *parser) escape() (rune, error) {
	rest := p.text[p.pos+1:]
	if rest == "" {
		return 0, p.errorf("found the end, expected an escape")
	}
	if r, ok := escapes[rest[0]]; ok {
		p.pos += 2
		return r, nil
	}
	body, ok := strings.CutPrefix(rest, "u{")
	hex, _, closed := strings.Cut(body, "}")
	if !ok || !closed || len(hex) > 6 {
		return 0, p.errorf(`expected \\ \' \" \t \n \r or \u{HEX}`)
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || !utf8.ValidRune(rune(n)) {
		return 0, p.errorf("%q is no character", hex)
	}
	p.pos += len(`\u{}`) + len(hex)
	return rune(n), nil
}

// sequence takes items between open and close, with commas between and
// perhaps after them.
func (p *parser) sequence(open, close string, item func() error) error {
	if err := p.expect(open); err != nil {
		return err
	}
	for !p.accept(close) {
		if err := item(); err != nil {
			return err
		}
		if p.accept(close) {
			return nil
		}
		if err := p.expect(","); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) list(elem types.ValType, length uint32, depth int) (value.Value, error) {
	vs := value.List{}
	err := p.sequence("[", "]", func() error {
		v, err := p.value(elem, depth)
		vs = append(vs, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	if length != 0 && uint64(len(vs)) != uint64(length) {
		return nil, p.errorf("found %d elements, expected %d", len(vs), length)
	}
	if elem == types.U8 {
		return bytesOf(vs), nil
	}
	return vs, nil
}

func bytesOf(vs value.List) []byte {
	b := make([]byte, len(vs))
	for i, v := range vs {
		b[i] = v.(uint8)
	}
	return b
}

func (p *parser) tuple(t *types.Tuple, depth int) (value.Value, error) {
	vs := value.Tuple{}
	err := p.sequence("(", ")", func() error {
		if len(vs) == len(t.Elems) {
			return p.errorf("found more than the %d elements of %s", len(t.Elems), t)
		}
		v, err := p.value(t.Elems[len(vs)], depth)
		vs = append(vs, v)
		return err
	})
	if err == nil && len(vs) < len(t.Elems) {
		err = p.errorf("found %d elements, expected %s", len(vs), t)
	}
	if err != nil {
		return nil, err
	}
	return vs, nil
}

// record takes fields in any order; options may be left out, and {:} is a
// record of which all are.
func (p *parser) record(t *types.Record, depth int) (value.Value, error) {
	r := &value.Record{Fields: make([]value.Field, len(t.Fields))}
	set := make([]bool, len(t.Fields))
	item := func() error {
		name, err := p.label()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(t.Fields, func(f types.Field) bool { return f.Name == name })
		if i < 0 || set[i] {
			return p.errorf("%q is not a field of %s, or is there twice", name, t)
		}
		if err := p.expect(":"); err != nil {
			return err
		}
		set[i] = true
		r.Fields[i].Value, err = p.value(t.Fields[i].Type, depth)
		return err
	}
	start := p.pos
	if !p.accept("{") || !p.accept(":") || !p.accept("}") {
		p.pos = start
		if err := p.sequence("{", "}", item); err != nil {
			return nil, err
		}
	}
	for i, f := range t.Fields {
		r.Fields[i].Name = f.Name
		if set[i] {
			continue
		}
		if _, ok := f.Type.(*types.Option); !ok {
			return nil, p.errorf("field %q of %s is missing", f.Name, t)
		}
		r.Fields[i].Value = &value.Option{}
	}
	return r, nil
}

func (p *parser) variant(t *types.Variant, depth int) (value.Value, error) {
	p.space()
	start := p.pos
	name, err := p.label()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(t.Cases, func(c types.Case) bool { return c.Name == name })
	if i < 0 {
		p.pos = start
		return nil, p.errorf("%q is not a case of %s", name, t)
	}
	v, err := p.payload(t.Cases[i].Type, depth)
	if err != nil {
		return nil, err
	}
	return &value.Variant{Case: name, Value: v}, nil
}

// payload takes a case's payload in parentheses, or nothing when t is nil.
func (p *parser) payload(t types.ValType, depth int) (v value.Value, err error) {
	if t == nil {
		return nil, nil
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if v, err = p.value(t, depth); err != nil {
		return nil, err
	}
	return v, p.expect(")")
}

func (p *parser) enum(t *types.Enum) (value.Value, error) {
	p.space()
	start := p.pos
	name, err := p.label()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(t.Labels, name) {
		p.pos = start
		return nil, p.errorf("%q is not a label of %s", name, t)
	}
	return value.Enum(name), nil
}

// option takes none, some(value), or a bare value where that is not another
// option or a result.
func (p *parser) option(t *types.Option, depth int) (value.Value, error) {
	switch p.peekWord() {
	case "none":
		p.word()
		return &value.Option{}, nil
	case "some":
		p.word()
		v, err := p.payload(t.Elem, depth)
		if err != nil {
			return nil, err
		}
		return &value.Option{Value: v, Some: true}, nil
	}
	if !flattens(t.Elem) {
		return nil, p.errorf("found %s, expected none or some(...)", p.found())
	}
	v, err := p.value(t.Elem, depth)
	if err != nil {
		return nil, err
	}
	return &value.Option{Value: v, Some: true}, nil
}

// flattens reports whether a bare value of type t cannot be taken for an
// option or a result around it.
func flattens(t types.ValType) bool {
	switch t.(type) {
	case nil, *types.Option, *types.Result:
		return false
	}
	return true
}

// result takes ok, err, either with its payload, or a bare payload of ok.
func (p *parser) result(t *types.Result, depth int) (value.Value, error) {
	r := &value.Result{}
	side := t.OK
	switch p.peekWord() {
	case "ok":
		p.word()
	case "err":
		p.word()
		r.IsErr, side = true, t.Err
	default:
		if !flattens(t.OK) {
			return nil, p.errorf("found %s, expected ok or err", p.found())
		}
		v, err := p.value(t.OK, depth)
		if err != nil {
			return nil, err
		}
		r.Value = v
		return r, nil
	}
	v, err := p.payload(side, depth)
	if err != nil {
		return nil, err
	}
	r.Value = v
	return r, nil
}

// flags takes labels in any order, each at most once.
func (p *parser) flags(t *types.Flags) (value.Value, error) {
	set := make([]bool, len(t.Labels))
	err := p.sequence("{", "}", func() error {
		name, err := p.label()
		if err != nil {
			return err
		}
		i := slices.Index(t.Labels, name)
		if i < 0 || set[i] {
			return p.errorf("%q is not a label of %s, or is there twice", name, t)
		}
		set[i] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	f := value.Flags{}
	for i, l := range t.Labels {
		if set[i] {
			f = append(f, l)
		}
	}
	return f, nil
}

// callName takes a function's name, all up to the parenthesis: names of
// exports have slashes, colons, at signs and brackets.
func (p *parser) callName() (string, error) {
	i := strings.IndexByte(p.text, '(')
	if i < 0 {
		return "", p.errorf(`found no "(": a call is NAME(ARGUMENTS)`)
	}
	name := strings.TrimSpace(p.text[:i])
	if name == "" {
		return "", p.errorf(`found no name before "("`)
	}
	p.pos = i
	return name, nil
}

func (p *parser) args(ft *types.Func) ([]value.Value, error) {
	args := []value.Value{}
	err := p.sequence("(", ")", func() error {
		if len(args) == len(ft.Params) {
			return p.errorf("found more arguments than the %d of %s", len(ft.Params), ft)
		}
		q := ft.Params[len(args)]
		v, err := p.value(q.Type, 0)
		if err != nil {
			return fmt.Errorf("param %q: %w", q.Name, err)
		}
		args = append(args, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, q := range ft.Params[len(args):] {
		if _, ok := q.Type.(*types.Option); !ok {
			return nil, p.errorf("argument %q of %s is missing", q.Name, ft)
		}
		args = append(args, &value.Option{})
	}
	return args, nil
}
