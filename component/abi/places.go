package abi

import (
	"unsafe"

	"github.com/wasinn/wasinn/component/abi/layout"
)

// Most parameters are numbers, strings and list<u8>. They are moved between Go
// structs and core values here, without a call of an interface for each.

// fieldKind tells how a simple field is held in Go: one that is moved without
// asking its codec.
type fieldKind uint8

const (
	otherField fieldKind = iota
	number8
	number16
	number32
	number64
	signed8
	signed16
	real32
	real64
	boolean
	textField
	bytesField
	nothing // no result
)

// number reports whether the field is one core value that takes no memory and
// that no guest can get wrong.
func (k fieldKind) number() bool { return k != otherField && k < textField }

// load moves a number from memory to the field at p.
func (k fieldKind) load(b []byte, p unsafe.Pointer) {
	switch k {
	case number8, signed8:
		*(*uint8)(p) = b[0]
	case number16, signed16:
		*(*uint16)(p) = le.Uint16(b)
	case number32:
		*(*uint32)(p) = le.Uint32(b)
	case number64:
		*(*uint64)(p) = le.Uint64(b)
	case real32:
		*(*float32)(p) = float32FromBits(le.Uint32(b))
	case real64:
		*(*float64)(p) = float64FromBits(le.Uint64(b))
	case boolean:
		*(*bool)(p) = b[0] != 0
	}
}

// lift moves a core value to the number at p, wrapped to its width.
func (k fieldKind) lift(v uint64, p unsafe.Pointer) {
	switch k {
	case number32:
		*(*uint32)(p) = uint32(v)
	case number64:
		*(*uint64)(p) = v
	case number8, signed8:
		*(*uint8)(p) = uint8(v)
	case number16, signed16:
		*(*uint16)(p) = uint16(v)
	case real32:
		*(*float32)(p) = float32FromBits(uint32(v))
	case real64:
		*(*float64)(p) = float64FromBits(v)
	case boolean:
		*(*bool)(p) = uint32(v) != 0
	}
}

// lower makes a core value of the number at p.
func (k fieldKind) lower(p unsafe.Pointer) uint64 {
	switch k {
	case number32:
		return uint64(*(*uint32)(p))
	case number64:
		return *(*uint64)(p)
	case number8:
		return uint64(*(*uint8)(p))
	case number16:
		return uint64(*(*uint16)(p))
	case signed8:
		return uint64(uint32(*(*int8)(p)))
	case signed16:
		return uint64(uint32(*(*int16)(p)))
	case real32:
		return uint64(float32Bits(*(*float32)(p)))
	case real64:
		return float64Bits(*(*float64)(p))
	}
	return boolBits(*(*bool)(p))
}

// place is where a simple field is in a Go struct.
type place struct {
	kind fieldKind
	off  uintptr
}

// placesOf returns the places of a struct's fields, or nil when one of them is
// not simple.
func placesOf[S any](fields []Field[S]) []place {
	ps := make([]place, len(fields))
	for i, f := range fields {
		if f.kind == otherField {
			return nil
		}
		ps[i] = place{f.kind, f.goOff}
	}
	return ps
}

// liftNumber moves a core value to the number's place in the struct at p. What is
// most common is inlined.
func (l place) liftNumber(v uint64, p unsafe.Pointer) {
	if p = unsafe.Add(p, l.off); l.kind == number32 {
		*(*uint32)(p) = uint32(v)
	} else {
		l.kind.lift(v, p)
	}
}

// lowerNumber makes a core value of the number in the struct at p.
func (l place) lowerNumber(p unsafe.Pointer) uint64 {
	if p = unsafe.Add(p, l.off); l.kind == number32 {
		return uint64(*(*uint32)(p))
	}
	return l.kind.lower(p)
}

// simpleParams are parameters that are all simple and go by core values.
type simpleParams struct {
	ok      bool
	numbers bool // all of them are numbers, with which nothing can go wrong
	places  []place
	atField func(err error, i int) error
}

// simpleParamsOf looks into the codec of a function's parameters.
func simpleParamsOf[P any](c Codec[P]) (s simpleParams) {
	if c.Flat() > layout.MaxFlatParams {
		return s
	}
	switch c := any(c).(type) {
	case noneCodec:
		s.ok = true
	case interface {
		places() []place
		atField(error, int) error
	}:
		s.places, s.atField = c.places(), c.atField
		s.ok = s.places != nil
	}
	s.numbers = s.ok
	for _, l := range s.places {
		s.numbers = s.numbers && l.kind.number()
	}
	return s
}

// lift lifts the parameters to the struct at p.
func (s *simpleParams) lift(cx *Context, vs []uint64, p unsafe.Pointer) (err error) {
	k := 0
	for i := range s.places {
		l := &s.places[i]
		switch {
		case l.kind < textField:
			l.liftNumber(vs[k], p)
			k++
			continue
		case l.kind == textField:
			*(*string)(unsafe.Add(p, l.off)), err = cx.loadString(uint32(vs[k]), uint32(vs[k+1]))
		default:
			*(*[]byte)(unsafe.Add(p, l.off)), err = bytesList.loadRange(cx, uint32(vs[k]), uint32(vs[k+1]))
		}
		if err != nil {
			return s.atField(err, i)
		}
		k += 2
	}
	return nil
}

// resultNumber says where in the Go value of a type that is one number it is;
// the kind is otherField for all other types.
func resultNumber[R any](c Codec[R]) (l place) {
	switch c := any(c).(type) {
	case interface{ fieldKind() fieldKind }:
		l.kind = c.fieldKind()
	case interface{ places() []place }:
		if ls := c.places(); len(ls) == 1 {
			l = ls[0]
		}
	}
	if !l.kind.number() {
		return place{}
	}
	return l
}
