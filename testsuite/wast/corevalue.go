package wast

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// coreValue is a value of core WebAssembly as wazero has it: numbers by their
// bits, a vector in two halves, the lower one first, and references as wazero's
// own numbers, 0 for null.
type coreValue struct {
	typ  api.ValueType
	bits [2]uint64
}

func (c coreValue) String() string {
	switch c.typ {
	case typeV128:
		return fmt.Sprintf("v128 0x%016x%016x", c.bits[1], c.bits[0])
	case api.ValueTypeI32, api.ValueTypeF32:
		return fmt.Sprintf("%s 0x%x", api.ValueTypeName(c.typ), uint32(c.bits[0]))
	}
	return fmt.Sprintf("%s 0x%x", api.ValueTypeName(c.typ), c.bits[0])
}

var coreTypes = map[string]api.ValueType{
	"i32": api.ValueTypeI32, "i64": api.ValueTypeI64, "f32": api.ValueTypeF32, "f64": api.ValueTypeF64,
	"v128": typeV128, "externref": api.ValueTypeExternref, "funcref": 0x70,
}

// core returns the value as wazero takes it.
func (v Value) core() (coreValue, error) {
	t, ok := coreTypes[v.Type]
	if !ok {
		return coreValue{}, skipf("core values of type %s", v.Type)
	}
	c := coreValue{typ: t}
	if t == typeV128 {
		lanes, err := v.lanes()
		if err != nil {
			return c, err
		}
		var b [16]byte
		for i, lane := range lanes {
			n, err := lane.scalarBits()
			if err != nil {
				return c, err
			}
			putBits(b[i*len(b)/len(lanes):], len(b)/len(lanes), n)
		}
		c.bits = [2]uint64{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
		return c, nil
	}
	var err error
	c.bits[0], err = v.scalarBits()
	return c, err
}

func putBits(b []byte, size int, n uint64) {
	for i := range size {
		b[i] = byte(n >> (8 * i))
	}
}

// lanes returns the lanes of a vector as values of their type.
func (v Value) lanes() ([]Value, error) {
	texts, err := decodeAs[[]string](v)
	if err != nil {
		return nil, err
	}
	if want := map[string]int{"i8": 16, "i16": 8, "i32": 4, "i64": 2, "f32": 4, "f64": 2}[v.LaneType]; len(texts) != want || want == 0 {
		return nil, fmt.Errorf("v128: %d lanes of %q", len(texts), v.LaneType)
	}
	out := make([]Value, len(texts))
	for i, s := range texts {
		out[i] = Value{Type: v.LaneType, Value: []byte(strconv.Quote(s))}
	}
	return out, nil
}

// scalarBits returns the bits of a number or reference; of a reference, its
// number plus one, since 0 is null.
func (v Value) scalarBits() (uint64, error) {
	s, err := decodeAs[string](v)
	if err != nil {
		return 0, err
	}
	if strings.HasSuffix(v.Type, "ref") {
		if s == "null" {
			return 0, nil
		}
		n, err := strconv.ParseUint(s, 10, 32)
		return n + 1, err
	}
	bits, err := strconv.Atoi(strings.TrimLeft(v.Type, "if"))
	if err != nil {
		return 0, fmt.Errorf("unknown core type %q", v.Type)
	}
	if strings.HasPrefix(s, "-") {
		n, err := strconv.ParseInt(s, 10, bits)
		return uint64(n) & (1<<bits - 1), err
	}
	return strconv.ParseUint(s, 10, bits)
}

// matchCore compares a result of core code with the value.
func (v Value) matchCore(got coreValue) error {
	ok, err := v.matches(got)
	if err != nil {
		return err
	}
	if !ok {
		if want, err := v.core(); err == nil {
			return fmt.Errorf("returned %v, expected %v", got, want)
		}
		return fmt.Errorf("returned %v, expected %s %s%s", got, v.Type, v.LaneType, v.Value)
	}
	return nil
}

func (v Value) matches(got coreValue) (bool, error) {
	switch {
	case v.Type == "refnull" || strings.HasPrefix(v.Type, "null"):
		return got.bits[0] == 0, nil
	case strings.HasSuffix(v.Type, "ref") && isNull(v.Value): // any but null
		return coreTypes[v.Type] == got.typ && got.bits[0] != 0, nil
	case coreTypes[v.Type] != got.typ:
		return false, nil
	case v.Type != "v128":
		return v.scalarMatches(got.bits[0])
	}
	lanes, err := v.lanes()
	if err != nil {
		return false, err
	}
	width := 128 / len(lanes)
	for i, lane := range lanes {
		at := i * width
		n := got.bits[at/64] >> (at % 64)
		if ok, err := lane.scalarMatches(n); !ok {
			return false, err
		}
	}
	return true, nil
}

// scalarMatches compares a number, of which bits has the lowest.
func (v Value) scalarMatches(bits uint64) (bool, error) {
	var s string
	if v.Type == "f32" || v.Type == "f64" {
		s, _ = decodeAs[string](v)
	}
	quiet := uint64(1) << 51
	inf := uint64(0x7ff) << 52
	size := 64
	if n, err := strconv.Atoi(strings.TrimLeft(v.Type, "if")); err == nil {
		size = n
	}
	if size < 64 {
		bits &= 1<<size - 1
	}
	if v.Type == "f32" {
		quiet, inf = 1<<22, 0xff<<23
	}
	switch s {
	case "nan:canonical":
		return bits&^(1<<(size-1)) == inf|quiet, nil
	case "nan:arithmetic":
		return bits&(inf|quiet) == inf|quiet, nil
	}
	want, err := v.scalarBits()
	return want == bits, err
}
