package abi

//lint:file-ignore U1000 the methods of generic types that implement interfaces here look unused to staticcheck

import (
	"fmt"
	"unsafe"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// Field is one field of Go struct S; see [FieldOf].
type Field[S any] struct {
	name string
	typ  types.ValType
	ops  fieldOps[S]

	offset, size uint32

	// Fields of numbers, strings and list<u8>, the most of all, are moved without
	// a call of their codec.
	kind  fieldKind
	goOff uintptr
}

// fieldOps work on one field of a struct. The struct is passed by value and
// returned, so that it stays on the stack: a pointer that goes to an interface's method makes it
// escape, and one that is hidden from escape analysis dangles when the stack moves.
type fieldOps[S any] interface {
	load(cx *Context, b []byte, s S) (S, error)
	store(cx *Context, s S, ptr uint32) error
	liftFlat(cx *Context, s S, vi *CoreValues) (S, error)
	lowerFlat(cx *Context, s S, vo *CoreValues) error
}

// FieldOf describes a field of Go struct S. at returns the address of the
// field in its argument; it is called once, here, to learn the field's offset,
// and FieldOf panics when the address is not inside the struct.
//
//	abi.FieldOf("x", abi.U32, func(p *Point) *uint32 { return &p.X })
func FieldOf[S, F any](name string, c Codec[F], at func(*S) *F) Field[S] {
	s := new(S)
	off := uintptr(unsafe.Pointer(at(s))) - uintptr(unsafe.Pointer(s))
	if off > unsafe.Sizeof(*s) || off+unsafe.Sizeof(*at(s)) > unsafe.Sizeof(*s) {
		panic(fmt.Sprintf("abi: FieldOf(%q): not a field of %T", name, *s))
	}
	f := Field[S]{name: name, typ: c.Type(), ops: fieldAt[S, F]{c, off}, goOff: off}
	if k, ok := c.(interface{ fieldKind() fieldKind }); ok {
		f.kind = k.fieldKind()
	}
	return f
}

type fieldAt[S, F any] struct {
	codec Codec[F]
	off   uintptr
}

func (f fieldAt[S, F]) at(s *S) *F { return (*F)(unsafe.Add(unsafe.Pointer(s), f.off)) }

func (f fieldAt[S, F]) load(cx *Context, b []byte, s S) (S, error) {
	v, err := f.codec.Load(cx, b)
	*f.at(&s) = v
	return s, err
}

func (f fieldAt[S, F]) store(cx *Context, s S, ptr uint32) error {
	return f.codec.Store(cx, *f.at(&s), ptr)
}

func (f fieldAt[S, F]) liftFlat(cx *Context, s S, vi *CoreValues) (S, error) {
	v, err := f.codec.LiftFlat(cx, vi)
	*f.at(&s) = v
	return s, err
}

func (f fieldAt[S, F]) lowerFlat(cx *Context, s S, vo *CoreValues) error {
	return f.codec.LowerFlat(cx, *f.at(&s), vo)
}

// Record is the codec of a record as Go struct S, its fields in the order of
// the type.
func Record[S any](fields ...Field[S]) Codec[S] {
	typ := &types.Record{}
	for _, f := range fields {
		typ.Fields = append(typ.Fields, types.Field{Name: f.name, Type: f.typ})
	}
	return newRecord(typ, fields, AtField)
}

// Params is the codec of a function's parameters as Go struct S. It is a
// record but for the steps of path in its errors.
func Params[S any](fields ...Field[S]) Codec[S] {
	c := Record(fields...).(*recordCodec[S])
	c.step = AtParam
	return c
}

func newRecord[S any](typ types.ValType, fields []Field[S], step func(error, string) error) *recordCodec[S] {
	r := layout.NewRecord(layout.NewCache(), len(fields))
	for i := range fields {
		o, l := r.Add(fields[i].typ)
		fields[i].offset, fields[i].size = o, l.Size
	}
	return &recordCodec[S]{typ: typ, layout: r.Layout(), fields: fields, step: step, simple: placesOf(fields)}
}

type recordCodec[S any] struct {
	typ    types.ValType
	layout *layout.Layout
	fields []Field[S]
	step   func(error, string) error
	simple []place // the fields when all of them are simple
}

func (c *recordCodec[S]) places() []place { return c.simple }

func (c *recordCodec[S]) atField(err error, i int) error { return c.step(err, c.fields[i].name) }

func (c *recordCodec[S]) Type() types.ValType { return c.typ }
func (c *recordCodec[S]) Align() uint32       { return c.layout.Align }
func (c *recordCodec[S]) Size() uint32        { return c.layout.Size }
func (c *recordCodec[S]) Flat() int           { return c.layout.NumFlat }

func (c *recordCodec[S]) Load(cx *Context, b []byte) (s S, err error) {
	for i := range c.fields {
		f := &c.fields[i]
		at, p := b[f.offset:f.offset+f.size:f.offset+f.size], unsafe.Add(unsafe.Pointer(&s), f.goOff)
		switch f.kind {
		case otherField:
			s, err = f.ops.load(cx, at, s)
		case textField:
			*(*string)(p), err = cx.loadString(loadPair(at))
		case bytesField:
			*(*[]byte)(p), err = bytesList.Load(cx, at)
		default:
			f.kind.load(at, p)
		}
		if err != nil {
			return s, c.step(err, f.name)
		}
	}
	return s, nil
}

func (c *recordCodec[S]) Store(cx *Context, v S, ptr uint32) error {
	for i := range c.fields {
		f := &c.fields[i]
		if err := f.ops.store(cx, v, ptr+f.offset); err != nil {
			return c.step(err, f.name)
		}
	}
	return nil
}

func (c *recordCodec[S]) LiftFlat(cx *Context, vi *CoreValues) (s S, err error) {
	for i := range c.fields {
		f := &c.fields[i]
		p := unsafe.Add(unsafe.Pointer(&s), f.goOff)
		switch f.kind {
		case otherField:
			s, err = f.ops.liftFlat(cx, s, vi)
		case textField:
			*(*string)(p), err = String.LiftFlat(cx, vi)
		case bytesField:
			*(*[]byte)(p), err = bytesList.LiftFlat(cx, vi)
		default:
			f.kind.lift(vi.Next(), p)
		}
		if err != nil {
			return s, c.step(err, f.name)
		}
	}
	return s, nil
}

func (c *recordCodec[S]) LowerFlat(cx *Context, v S, vo *CoreValues) (err error) {
	for i := range c.fields {
		f := &c.fields[i]
		p := unsafe.Add(unsafe.Pointer(&v), f.goOff)
		switch f.kind {
		case otherField:
			err = f.ops.lowerFlat(cx, v, vo)
		case textField:
			err = String.LowerFlat(cx, *(*string)(p), vo)
		case bytesField:
			err = bytesList.LowerFlat(cx, *(*[]byte)(p), vo)
		default:
			vo.Put(f.kind.lower(p))
		}
		if err != nil {
			return c.step(err, f.name)
		}
	}
	return nil
}
