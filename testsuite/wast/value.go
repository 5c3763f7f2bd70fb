package wast

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/wasinn/wasinn/component/value"
)

// Value is a component value of a script, or a core value.
type Value struct {
	Type   string          `json:"type"`
	Value  json.RawMessage `json:"value"`
	Values []Value         `json:"values"` // of either: the results that may be
	// LaneType is the type of a vector's lanes.
	LaneType string `json:"lane_type"`
}

// dynamic returns the value as package value spells it.
func (v Value) dynamic() (value.Value, error) {
	switch v.Type {
	case "bool":
		return decodeAs[bool](v)
	case "string":
		return decodeAs[string](v)
	case "char":
		s, err := decodeAs[string](v)
		if r := []rune(s); err == nil && len(r) == 1 {
			return value.Char(r[0]), nil
		}
		return nil, fmt.Errorf("char: %s is not one character", v.Value)
	case "enum":
		s, err := decodeAs[string](v)
		return value.Enum(s), err
	case "flags":
		s, err := decodeAs[[]string](v)
		return value.Flags(s), err
	case "list":
		vs, err := v.dynamics()
		return value.List(vs), err
	case "tuple":
		vs, err := v.dynamics()
		return value.Tuple(vs), err
	case "record":
		return v.record()
	case "variant":
		return v.variant()
	case "option":
		p, err := v.payload(v.Value)
		return &value.Option{Value: p, Some: !isNull(v.Value)}, err
	case "result":
		return v.result()
	}
	return v.number()
}

func decodeAs[T any](v Value) (T, error) {
	var out T
	if err := json.Unmarshal(v.Value, &out); err != nil {
		return out, fmt.Errorf("%s: %w", v.Type, err)
	}
	return out, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// payload returns the value in raw, nil when there is none.
func (v Value) payload(raw json.RawMessage) (value.Value, error) {
	if isNull(raw) {
		return nil, nil
	}
	p, err := decodeAs[Value](Value{Type: v.Type, Value: raw})
	if err != nil {
		return nil, err
	}
	return p.dynamic()
}

func (v Value) dynamics() ([]value.Value, error) {
	elems, err := decodeAs[[]Value](v)
	if err != nil {
		return nil, err
	}
	out := make([]value.Value, len(elems))
	for i, e := range elems {
		if out[i], err = e.dynamic(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (v Value) record() (value.Value, error) {
	pairs, err := decodeAs[[][2]json.RawMessage](v)
	if err != nil {
		return nil, err
	}
	r := &value.Record{Fields: make([]value.Field, len(pairs))}
	for i, p := range pairs {
		if err := json.Unmarshal(p[0], &r.Fields[i].Name); err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
		if r.Fields[i].Value, err = v.payload(p[1]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (v Value) variant() (value.Value, error) {
	c, err := decodeAs[struct {
		Case    string
		Payload json.RawMessage
	}](v)
	if err != nil {
		return nil, err
	}
	p, err := v.payload(c.Payload)
	return &value.Variant{Case: c.Case, Value: p}, err
}

func (v Value) result() (value.Value, error) {
	sides, err := decodeAs[map[string]json.RawMessage](v)
	if err != nil {
		return nil, err
	}
	raw, isErr := sides["Err"]
	if !isErr {
		raw = sides["Ok"]
	}
	p, err := v.payload(raw)
	return &value.Result{Value: p, IsErr: isErr}, err
}

// number returns a number: integers in decimal, floats as the decimal value of
// their bits.
func (v Value) number() (value.Value, error) {
	s, err := decodeAs[string](v)
	if err != nil {
		return nil, err
	}
	bits := 64
	if n, err := strconv.Atoi(strings.TrimLeft(v.Type, "usf")); err == nil {
		bits = n
	}
	if strings.HasPrefix(v.Type, "s") {
		i, err := strconv.ParseInt(s, 10, bits)
		switch v.Type {
		case "s8":
			return int8(i), err
		case "s16":
			return int16(i), err
		case "s32":
			return int32(i), err
		case "s64":
			return i, err
		}
	}
	if strings.HasPrefix(s, "nan:") {
		s = map[string]string{"f32": "2143289344", "f64": "9221120237041090560"}[v.Type]
	}
	u, err := strconv.ParseUint(s, 10, bits)
	switch v.Type {
	case "u8":
		return uint8(u), err
	case "u16":
		return uint16(u), err
	case "u32":
		return uint32(u), err
	case "u64":
		return u, err
	case "f32":
		return math.Float32frombits(uint32(u)), err
	case "f64":
		return math.Float64frombits(u), err
	}
	return nil, fmt.Errorf("unknown type %q", v.Type)
}

// match compares a result with the value.
func (v Value) match(got value.Value) error {
	if v.Type == "either" {
		return v.matchEither(got)
	}
	if c, ok := got.(coreValue); ok {
		return v.matchCore(c)
	}
	want, err := v.dynamic()
	if err != nil {
		return err
	}
	if !equal(want, got) {
		return fmt.Errorf("returned %#v, expected %#v", got, want)
	}
	return nil
}

func (v Value) matchEither(got value.Value) error {
	var errs []error
	for _, one := range v.Values {
		err := one.match(got)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// equal compares values: NaNs are equal, and so are the two spellings of list<u8>.
func equal(want, got value.Value) bool {
	switch w := want.(type) {
	case float32:
		g, ok := got.(float32)
		return ok && (w == g || w != w && g != g)
	case float64:
		g, ok := got.(float64)
		return ok && (w == g || w != w && g != g)
	case value.List:
		if b, ok := got.([]byte); ok {
			got = byteList(b)
		}
		g, ok := got.(value.List)
		return ok && equalAll(w, g)
	case value.Tuple:
		g, ok := got.(value.Tuple)
		return ok && equalAll(w, g)
	case *value.Record:
		g, ok := got.(*value.Record)
		if !ok || len(w.Fields) != len(g.Fields) {
			return false
		}
		for i, f := range w.Fields {
			if f.Name != g.Fields[i].Name || !equal(f.Value, g.Fields[i].Value) {
				return false
			}
		}
		return true
	case *value.Variant:
		g, ok := got.(*value.Variant)
		return ok && w.Case == g.Case && equal(w.Value, g.Value)
	case *value.Option:
		g, ok := got.(*value.Option)
		return ok && w.Some == g.Some && equal(w.Value, g.Value)
	case *value.Result:
		g, ok := got.(*value.Result)
		return ok && w.IsErr == g.IsErr && equal(w.Value, g.Value)
	case value.Flags:
		g, ok := got.(value.Flags)
		return ok && len(w) == len(g) && (len(w) == 0 || reflect.DeepEqual(w, g))
	}
	return reflect.DeepEqual(want, got)
}

func equalAll(want, got []value.Value) bool {
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if !equal(want[i], got[i]) {
			return false
		}
	}
	return true
}

func byteList(b []byte) value.List {
	l := make(value.List, len(b))
	for i, x := range b {
		l[i] = x
	}
	return l
}
