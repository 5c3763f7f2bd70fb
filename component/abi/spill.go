package abi

import (
	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// shape moves values of one type between core values and the bytes that they are
// in linear memory, without lifting them: pointers and handles stay what they
// are. The async ABI passes by memory what the other side of a call passes by
// core values.
type shape interface {
	// store makes b, exactly the type's size, of core values.
	store(vi *CoreValues, b []byte) error
	// load makes core values of b.
	load(b []byte, vo *CoreValues) error
}

// shapeOf returns the shape of t, nil for no value.
func shapeOf(c *layout.Cache, t types.ValType) shape {
	switch t := layout.Despecialize(t).(type) {
	case nil:
		return shapeFields{}
	case types.Primitive:
		return shapeOfPrimitive(t)
	case *types.List:
		if t.Length == 0 {
			return shapePair{}
		}
		return shapeRepeat{shapeOf(c, t.Elem), c.Of(t.Elem).Size, t.Length}
	case *types.Record:
		return shapeOfFields(c, t.Fields)
	case *types.Variant:
		return shapeOfVariant(c, t)
	case *types.Flags:
		return shapeNumber(layout.FlagsSize(len(t.Labels)))
	}
	return shapeNumber(4) // handles
}

func shapeOfPrimitive(t types.Primitive) shape {
	switch t {
	case types.String:
		return shapePair{}
	case types.Bool:
		return shapeBool{}
	}
	return shapeNumber(layout.Of(t).Size)
}

// shapeNumber is a number of so many bytes.
type shapeNumber uint32

func (n shapeNumber) store(vi *CoreValues, b []byte) error {
	v := vi.Next()
	for i := range b[:n] {
		b[i] = byte(v >> (8 * i))
	}
	return nil
}

func (n shapeNumber) load(b []byte, vo *CoreValues) error {
	v := uint64(0)
	for i, x := range b[:n] {
		v |= uint64(x) << (8 * i)
	}
	vo.Put(v)
	return nil
}

// shapeBool is a bool, which any number but 0 makes true.
type shapeBool struct{}

func (shapeBool) store(vi *CoreValues, b []byte) error {
	b[0] = byte(boolBits(uint32(vi.Next()) != 0))
	return nil
}

func (shapeBool) load(b []byte, vo *CoreValues) error {
	vo.Put(uint64(b[0]))
	return nil
}

// shapePair is a string or a list: a pointer and a length.
type shapePair struct{}

func (shapePair) store(vi *CoreValues, b []byte) error {
	le.PutUint32(b, uint32(vi.Next()))
	le.PutUint32(b[4:], uint32(vi.Next()))
	return nil
}

func (shapePair) load(b []byte, vo *CoreValues) error {
	ptr, n := loadPair(b)
	vo.Put(uint64(ptr))
	vo.Put(uint64(n))
	return nil
}

// shapeRepeat is a list of fixed length.
type shapeRepeat struct {
	elem    shape
	size, n uint32
}

func (s shapeRepeat) store(vi *CoreValues, b []byte) error {
	for i := range s.n {
		if err := s.elem.store(vi, b[i*s.size:][:s.size]); err != nil {
			return AtIndex(err, int(i))
		}
	}
	return nil
}

func (s shapeRepeat) load(b []byte, vo *CoreValues) error {
	for i := range s.n {
		if err := s.elem.load(b[i*s.size:][:s.size], vo); err != nil {
			return AtIndex(err, int(i))
		}
	}
	return nil
}

// shapeFields is a record, or parameters.
type shapeFields []shapeField

type shapeField struct {
	name         string
	shape        shape
	offset, size uint32
}

func shapeOfFields(c *layout.Cache, fields []types.Field) shapeFields {
	r := layout.NewRecord(c, len(fields))
	s := make(shapeFields, len(fields))
	for i, f := range fields {
		offset, l := r.Add(f.Type)
		s[i] = shapeField{f.Name, shapeOf(c, f.Type), offset, l.Size}
	}
	return s
}

func (s shapeFields) store(vi *CoreValues, b []byte) error {
	for _, f := range s {
		if err := f.shape.store(vi, b[f.offset:][:f.size]); err != nil {
			return AtField(err, f.name)
		}
	}
	return nil
}

func (s shapeFields) load(b []byte, vo *CoreValues) error {
	for _, f := range s {
		if err := f.shape.load(b[f.offset:][:f.size], vo); err != nil {
			return AtField(err, f.name)
		}
	}
	return nil
}

// shapeVariant is a variant: a discriminant and a payload.
type shapeVariant struct {
	layout.Variant
	cases []shapeCase
}

type shapeCase struct {
	name  string
	shape shape
	size  uint32
	flat  int
}

func shapeOfVariant(c *layout.Cache, t *types.Variant) *shapeVariant {
	s := &shapeVariant{Variant: c.VariantOf(t.Cases)}
	for _, k := range t.Cases {
		l := c.Of(k.Type)
		s.cases = append(s.cases, shapeCase{k.Name, shapeOf(c, k.Type), l.Size, l.NumFlat})
	}
	return s
}

func (s *shapeVariant) store(vi *CoreValues, b []byte) error {
	disc := uint32(vi.Next())
	if err := checkCase(disc, len(s.cases)); err != nil {
		return err
	}
	storeUint(b, 0, s.DiscSize, disc)
	k := &s.cases[disc]
	if err := k.shape.store(vi, b[s.PayloadOffset:][:k.size]); err != nil {
		return AtCase(err, k.name)
	}
	vi.Skip(s.NumFlat - 1 - k.flat)
	return nil
}

func (s *shapeVariant) load(b []byte, vo *CoreValues) error {
	disc := loadUint(b[:s.DiscSize])
	if err := checkCase(disc, len(s.cases)); err != nil {
		return err
	}
	vo.Put(uint64(disc))
	k := &s.cases[disc]
	if err := k.shape.load(b[s.PayloadOffset:][:k.size], vo); err != nil {
		return AtCase(err, k.name)
	}
	vo.Zero(s.NumFlat - 1 - k.flat)
	return nil
}
