package abi

import (
	"unsafe"

	"github.com/wasinn/wasinn/component/types"
)

// The codecs of the primitive types but string.
var (
	Bool boolCodec
	S8   = intCodec[int8]{types.S8}
	U8   = intCodec[uint8]{types.U8}
	S16  = intCodec[int16]{types.S16}
	U16  = intCodec[uint16]{types.U16}
	S32  = intCodec[int32]{types.S32}
	U32  = intCodec[uint32]{types.U32}
	S64  = intCodec[int64]{types.S64}
	U64  = intCodec[uint64]{types.U64}
	F32  f32Codec
	F64  f64Codec
	Char charCodec
)

type integer interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64
}

// intCodec is the codec of the eight integer types. Lifting from a core value
// wraps to the type's width.
type intCodec[T integer] struct{ prim types.Primitive }

func (c intCodec[T]) Type() types.ValType { return c.prim }
func (c intCodec[T]) Align() uint32       { return c.Size() }
func (c intCodec[T]) Flat() int           { return 1 }

func (c intCodec[T]) Size() uint32 {
	var z T
	return uint32(unsafe.Sizeof(z))
}

func (c intCodec[T]) Load(_ *Context, b []byte) (T, error) {
	switch c.Size() {
	case 1:
		return T(b[0]), nil
	case 2:
		return T(le.Uint16(b)), nil
	case 4:
		return T(le.Uint32(b)), nil
	}
	return T(le.Uint64(b)), nil
}

func (c intCodec[T]) Store(cx *Context, v T, ptr uint32) error {
	m := cx.memory()[ptr:]
	switch c.Size() {
	case 1:
		m[0] = byte(v)
	case 2:
		le.PutUint16(m, uint16(v))
	case 4:
		le.PutUint32(m, uint32(v))
	default:
		le.PutUint64(m, uint64(v))
	}
	return nil
}

func (c intCodec[T]) LiftFlat(_ *Context, vi *CoreValues) (T, error) { return T(vi.Next()), nil }

func (c intCodec[T]) LowerFlat(_ *Context, v T, vo *CoreValues) error {
	if c.Size() == 8 {
		vo.Put(uint64(v))
	} else {
		vo.Put(uint64(uint32(v)))
	}
	return nil
}

// fixedWidth says that memory holds the elements as Go does, on a
// little-endian machine.
func (c intCodec[T]) fixedWidth() {}

func (c intCodec[T]) fieldKind() fieldKind {
	switch c.prim {
	case types.S8:
		return signed8
	case types.S16:
		return signed16
	}
	return [...]fieldKind{1: number8, 2: number16, 4: number32, 8: number64}[c.Size()]
}

func (boolCodec) fieldKind() fieldKind   { return boolean }
func (f32Codec) fieldKind() fieldKind    { return real32 }
func (f64Codec) fieldKind() fieldKind    { return real64 }
func (stringCodec) fieldKind() fieldKind { return textField }

type boolCodec struct{}

func (boolCodec) Type() types.ValType { return types.Bool }
func (boolCodec) Align() uint32       { return 1 }
func (boolCodec) Size() uint32        { return 1 }
func (boolCodec) Flat() int           { return 1 }

func (boolCodec) Load(_ *Context, b []byte) (bool, error) { return b[0] != 0, nil }

func (boolCodec) Store(cx *Context, v bool, ptr uint32) error {
	cx.memory()[ptr] = byte(boolBits(v))
	return nil
}

func (boolCodec) LiftFlat(_ *Context, vi *CoreValues) (bool, error) {
	return uint32(vi.Next()) != 0, nil
}

func (boolCodec) LowerFlat(_ *Context, v bool, vo *CoreValues) error {
	vo.Put(boolBits(v))
	return nil
}

func boolBits(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

type f32Codec struct{}

func (f32Codec) Type() types.ValType { return types.F32 }
func (f32Codec) Align() uint32       { return 4 }
func (f32Codec) Size() uint32        { return 4 }
func (f32Codec) Flat() int           { return 1 }
func (f32Codec) fixedWidth()         {}

func (f32Codec) Load(_ *Context, b []byte) (float32, error) {
	return float32FromBits(le.Uint32(b)), nil
}

func (f32Codec) Store(cx *Context, v float32, ptr uint32) error {
	le.PutUint32(cx.memory()[ptr:], float32Bits(v))
	return nil
}

func (f32Codec) LiftFlat(_ *Context, vi *CoreValues) (float32, error) {
	return float32FromBits(uint32(vi.Next())), nil
}

func (f32Codec) LowerFlat(_ *Context, v float32, vo *CoreValues) error {
	vo.Put(uint64(float32Bits(v)))
	return nil
}

type f64Codec struct{}

func (f64Codec) Type() types.ValType { return types.F64 }
func (f64Codec) Align() uint32       { return 8 }
func (f64Codec) Size() uint32        { return 8 }
func (f64Codec) Flat() int           { return 1 }
func (f64Codec) fixedWidth()         {}

func (f64Codec) Load(_ *Context, b []byte) (float64, error) {
	return float64FromBits(le.Uint64(b)), nil
}

func (f64Codec) Store(cx *Context, v float64, ptr uint32) error {
	le.PutUint64(cx.memory()[ptr:], float64Bits(v))
	return nil
}

func (f64Codec) LiftFlat(_ *Context, vi *CoreValues) (float64, error) {
	return float64FromBits(vi.Next()), nil
}

func (f64Codec) LowerFlat(_ *Context, v float64, vo *CoreValues) error {
	vo.Put(float64Bits(v))
	return nil
}

type charCodec struct{}

func (charCodec) Type() types.ValType { return types.Char }
func (charCodec) Align() uint32       { return 4 }
func (charCodec) Size() uint32        { return 4 }
func (charCodec) Flat() int           { return 1 }

func (charCodec) Load(_ *Context, b []byte) (rune, error) { return charFromBits(le.Uint32(b)) }

func (charCodec) Store(cx *Context, v rune, ptr uint32) error {
	bits, err := charBits(v)
	if err == nil {
		le.PutUint32(cx.memory()[ptr:], bits)
	}
	return err
}

func (charCodec) LiftFlat(_ *Context, vi *CoreValues) (rune, error) {
	return charFromBits(uint32(vi.Next()))
}

func (charCodec) LowerFlat(_ *Context, v rune, vo *CoreValues) error {
	bits, err := charBits(v)
	vo.Put(uint64(bits))
	return err
}

// None is the codec of nothing: the parameters of a function without
// parameters, and the result of one without a result.
var None noneCodec

type noneCodec struct{}

func (noneCodec) Type() types.ValType                          { return nil }
func (noneCodec) Align() uint32                                { return 1 }
func (noneCodec) Size() uint32                                 { return 0 }
func (noneCodec) Flat() int                                    { return 0 }
func (noneCodec) Load(*Context, []byte) (u Unit, err error)    { return u, nil }
func (noneCodec) Store(*Context, Unit, uint32) error           { return nil }
func (noneCodec) LiftFlat(*Context, *CoreValues) (Unit, error) { return Unit{}, nil }
func (noneCodec) LowerFlat(*Context, Unit, *CoreValues) error  { return nil }
