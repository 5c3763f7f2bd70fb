package abi

import (
	"unicode/utf8"
	"unsafe"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// transfer moves values of one type from a caller to a callee or back, memory
// to memory, without Go values between: it is a lift and a lower in one.
//
// src and dst have their own memories, options and handle tables; the layout
// is the same for both.
type transfer interface {
	// mem moves from b, which is exactly the type's size, to ptr in dst.
	mem(src *Context, b []byte, dst *Context, ptr uint32) error
	// flat moves core values.
	flat(src *Context, vi *CoreValues, dst *Context, vo *CoreValues) error
}

// typePair is one type as the source and as the destination name it; they
// differ in their resources only.
type typePair struct{ src, dst types.ValType }

// transferCompiler makes transfers, and remembers them by the identity of the
// types.
type transferCompiler struct {
	layouts        *layout.Cache
	srcRes, dstRes func(*types.Resource) *types.Resource
	seen           map[typePair]transfer
}

func identity(r *types.Resource) *types.Resource { return r }

func newTransferCompiler(src, dst *Signature) *transferCompiler {
	p := &transferCompiler{layouts: layout.NewCache(), srcRes: src.resolve, dstRes: dst.resolve, seen: make(map[typePair]transfer)}
	if p.srcRes == nil {
		p.srcRes = identity
	}
	if p.dstRes == nil {
		p.dstRes = identity
	}
	return p
}

// reverse compiles for the other direction, as results go.
func (p *transferCompiler) reverse() *transferCompiler {
	return &transferCompiler{layouts: p.layouts, srcRes: p.dstRes, dstRes: p.srcRes, seen: make(map[typePair]transfer)}
}

func (p *transferCompiler) compile(src, dst types.ValType, depth int) (transfer, error) {
	if depth > maxTypeDepth {
		return nil, trapf(TrapLimit, "a type nests more than %d deep", maxTypeDepth)
	}
	if src == nil && dst == nil {
		return moveNothing{}, nil
	}
	if src == nil || dst == nil {
		return nil, mismatch(src, dst)
	}
	pair := typePair{src, dst}
	if t := p.seen[pair]; t != nil {
		return t, nil
	}
	if l := p.layouts.Of(src); l.TooBig() {
		return nil, trapf(TrapLimit, "%s is larger than %d bytes", src, uint64(layout.MaxByteLength))
	}
	t, err := p.make(src, dst, depth+1)
	if err != nil {
		return nil, err
	}
	p.seen[pair] = t
	return t, nil
}

func mismatch(src, dst types.ValType) error {
	return trapf(TrapInvalidValue, "a value of type %v is passed as %v", src, dst)
}

func (p *transferCompiler) make(src, dst types.ValType, depth int) (transfer, error) {
	if s, ok := src.(types.Primitive); ok {
		if d, ok := dst.(types.Primitive); !ok || d != s {
			return nil, mismatch(src, dst)
		}
		return movePrimitive(s)
	}
	switch s := src.(type) {
	case *types.Own:
		if d, ok := dst.(*types.Own); ok {
			return moveHandle{src: p.srcRes(s.Resource), dst: p.dstRes(d.Resource), own: true}, nil
		}
		return nil, mismatch(src, dst)
	case *types.Borrow:
		if d, ok := dst.(*types.Borrow); ok {
			return moveHandle{src: p.srcRes(s.Resource), dst: p.dstRes(d.Resource)}, nil
		}
		return nil, mismatch(src, dst)
	case *types.Stream:
		if d, ok := dst.(*types.Stream); ok {
			return moveEnd{readableStreamEnd, s.Elem}, p.sameElem(s.Elem, d.Elem)
		}
		return nil, mismatch(src, dst)
	case *types.Future:
		if d, ok := dst.(*types.Future); ok {
			return moveEnd{readableFutureEnd, s.Elem}, p.sameElem(s.Elem, d.Elem)
		}
		return nil, mismatch(src, dst)
	}
	return p.makeParts(src, dst, layout.Despecialize(src), layout.Despecialize(dst), depth)
}

// sameElem checks that two types of elements, nil for none, are the same.
func (p *transferCompiler) sameElem(src, dst types.ValType) error {
	same := func(a, b *types.Resource) bool { return p.srcRes(a) == p.dstRes(b) }
	if !types.EqualFunc(src, dst, same) {
		return mismatch(src, dst)
	}
	return nil
}

// makeParts compiles the types that have parts, despecialized to s and d.
func (p *transferCompiler) makeParts(src, dst, s, d types.ValType, depth int) (transfer, error) {
	switch s := s.(type) {
	case *types.List:
		if d, ok := d.(*types.List); ok && s.Length == d.Length {
			return p.list(src, s, d, depth)
		}
	case *types.Record:
		if d, ok := d.(*types.Record); ok && len(s.Fields) == len(d.Fields) {
			return p.record(s.Fields, d.Fields, AtField, depth)
		}
	case *types.Variant:
		if d, ok := d.(*types.Variant); ok && len(s.Cases) == len(d.Cases) && len(s.Cases) > 0 {
			return p.variant(s.Cases, d.Cases, depth)
		}
	case *types.Flags:
		if d, ok := d.(*types.Flags); ok && len(s.Labels) == len(d.Labels) && len(s.Labels) <= layout.MaxFlags {
			return moveFlags{layout.FlagsSize(len(s.Labels)), 1<<uint(len(s.Labels)) - 1}, nil
		}
	default:
		return nil, trapf(TrapUnsupported, "%s is of an unknown kind", src)
	}
	return nil, mismatch(src, dst)
}

// moveNothing moves a payload or result that is not there.
type moveNothing struct{}

func (moveNothing) mem(*Context, []byte, *Context, uint32) error            { return nil }
func (moveNothing) flat(*Context, *CoreValues, *Context, *CoreValues) error { return nil }

func movePrimitive(t types.Primitive) (transfer, error) {
	switch t {
	case types.Bool:
		return moveBool{}, nil
	case types.U8:
		return moveUint{1, 1<<8 - 1}, nil
	case types.U16:
		return moveUint{2, 1<<16 - 1}, nil
	case types.U32, types.S32:
		return moveUint{4, 1<<32 - 1}, nil
	case types.U64, types.S64:
		return moveUint{8, 1<<64 - 1}, nil
	case types.S8:
		return moveInt{1, 24}, nil
	case types.S16:
		return moveInt{2, 16}, nil
	case types.F32:
		return moveF32{}, nil
	case types.F64:
		return moveF64{}, nil
	case types.Char:
		return moveChar{}, nil
	case types.String:
		return moveString{}, nil
	case types.ErrorContext:
		return moveErrorContext{}, nil
	}
	return nil, trapf(TrapUnsupported, "%s is of an unknown kind", t)
}

// plain is implemented by transfers of types that are any bytes, so that a
// list of them is one copy.
type plain interface{ plain() }

// moveUint moves integers that zero-extend, or fill, their core value.
type moveUint struct {
	size uint32
	mask uint64
}

func (moveUint) plain() {}

func (m moveUint) mem(_ *Context, b []byte, dst *Context, ptr uint32) error {
	copy(dst.memory()[ptr:], b[:m.size])
	return nil
}

func (m moveUint) flat(_ *Context, vi *CoreValues, _ *Context, vo *CoreValues) error {
	vo.Put(vi.Next() & m.mask)
	return nil
}

// moveInt moves s8 and s16, which sign-extend to an i32.
type moveInt struct{ size, shift uint32 }

func (moveInt) plain() {}

func (m moveInt) mem(_ *Context, b []byte, dst *Context, ptr uint32) error {
	copy(dst.memory()[ptr:], b[:m.size])
	return nil
}

func (m moveInt) flat(_ *Context, vi *CoreValues, _ *Context, vo *CoreValues) error {
	vo.Put(uint64(uint32(int32(uint32(vi.Next())<<m.shift) >> m.shift)))
	return nil
}

type moveBool struct{}

func (moveBool) mem(_ *Context, b []byte, dst *Context, ptr uint32) error {
	dst.memory()[ptr] = byte(boolBits(b[0] != 0))
	return nil
}

func (moveBool) flat(_ *Context, vi *CoreValues, _ *Context, vo *CoreValues) error {
	vo.Put(boolBits(uint32(vi.Next()) != 0))
	return nil
}

// moveF32 and moveF64 keep the bits of a NaN: lowering may choose any.
type moveF32 struct{}

func (moveF32) plain() {}

func (moveF32) mem(_ *Context, b []byte, dst *Context, ptr uint32) error {
	copy(dst.memory()[ptr:], b[:4])
	return nil
}

func (moveF32) flat(_ *Context, vi *CoreValues, _ *Context, vo *CoreValues) error {
	vo.Put(uint64(uint32(vi.Next())))
	return nil
}

type moveF64 struct{}

func (moveF64) plain() {}

func (moveF64) mem(_ *Context, b []byte, dst *Context, ptr uint32) error {
	copy(dst.memory()[ptr:], b[:8])
	return nil
}

func (moveF64) flat(_ *Context, vi *CoreValues, _ *Context, vo *CoreValues) error {
	vo.Put(vi.Next())
	return nil
}

type moveChar struct{}

func (moveChar) mem(_ *Context, b []byte, dst *Context, ptr uint32) error {
	r, err := charFromBits(le.Uint32(b))
	if err == nil {
		storeUint(dst.memory(), ptr, 4, uint32(r))
	}
	return err
}

func (moveChar) flat(_ *Context, vi *CoreValues, _ *Context, vo *CoreValues) error {
	r, err := charFromBits(uint32(vi.Next()))
	vo.Put(uint64(uint32(r)))
	return err
}

type moveFlags struct{ size, mask uint32 }

func (m moveFlags) mem(_ *Context, b []byte, dst *Context, ptr uint32) error {
	storeUint(dst.memory(), ptr, m.size, loadUint(b[:m.size])&m.mask)
	return nil
}

func (m moveFlags) flat(_ *Context, vi *CoreValues, _ *Context, vo *CoreValues) error {
	vo.Put(uint64(uint32(vi.Next()) & m.mask))
	return nil
}

// moveHandle moves own<R>, or lends borrow<R>.
type moveHandle struct {
	src, dst *types.Resource
	own      bool
}

func (m moveHandle) index(src *Context, index uint32, dst *Context) (uint32, error) {
	from, err := src.resourceType(m.src)
	if err != nil {
		return 0, err
	}
	to, err := dst.resourceType(m.dst)
	if err != nil {
		return 0, err
	}
	if from != to {
		return 0, trapf(TrapHandleType, "a handle of the wrong type: %s", expectedFound(to, from))
	}
	if !m.own {
		rep, err := src.liftBorrow(index, from)
		if err != nil {
			return 0, err
		}
		return dst.lowerBorrow(rep, to)
	}
	rep, err := src.liftOwn(index, from)
	if err != nil {
		return 0, err
	}
	return dst.lowerOwn(rep, to)
}

func (m moveHandle) mem(src *Context, b []byte, dst *Context, ptr uint32) error {
	index, err := m.index(src, le.Uint32(b), dst)
	if err == nil {
		storeUint(dst.memory(), ptr, 4, index)
	}
	return err
}

func (m moveHandle) flat(src *Context, vi *CoreValues, dst *Context, vo *CoreValues) error {
	index, err := m.index(src, uint32(vi.Next()), dst)
	vo.Put(uint64(index))
	return err
}

type moveString struct{}

// move lifts the string at ptr and lowers it to dst's encoding.
func (moveString) move(src *Context, ptr, taggedCodeUnits uint32, dst *Context) (begin, n uint32, err error) {
	b, form, err := src.stringRange(ptr, taggedCodeUnits)
	if err != nil {
		return 0, 0, err
	}
	s := source{form: form, text: unsafe.String(unsafe.SliceData(b), len(b)), compact: src.Opts.StringEncoding == Latin1UTF16}
	if err := s.validate(b); err != nil {
		return 0, 0, err
	}
	return dst.storeSource(s)
}

func (m moveString) mem(src *Context, b []byte, dst *Context, ptr uint32) error {
	begin, units := loadPair(b)
	begin, n, err := m.move(src, begin, units, dst)
	if err == nil {
		storePair(dst.memory(), ptr, begin, n)
	}
	return err
}

func (m moveString) flat(src *Context, vi *CoreValues, dst *Context, vo *CoreValues) error {
	begin := uint32(vi.Next())
	begin, n, err := m.move(src, begin, uint32(vi.Next()), dst)
	vo.Put(uint64(begin))
	vo.Put(uint64(n))
	return err
}

func (s source) validate(b []byte) error {
	switch s.form {
	case formUTF8:
		if !utf8.Valid(b) {
			return invalidUTF8(b)
		}
	case formUTF16:
		_, err := utf16ToUTF8Len(b)
		return err
	}
	return nil
}

func (p *transferCompiler) list(typ types.ValType, src, dst *types.List, depth int) (transfer, error) {
	elem, err := p.compile(src.Elem, dst.Elem, depth)
	if err != nil {
		return nil, err
	}
	l := p.layouts.Of(src.Elem)
	_, isPlain := elem.(plain)
	m := moveList{elem: elem, size: l.Size, align: l.Align, plain: isPlain}
	if src.Length > 0 {
		return moveFixedList{m, src.Length}, nil
	}
	return m, nil
}

type moveList struct {
	elem        transfer
	size, align uint32
	plain       bool
}

// move moves the n elements at ptr to memory that it allocates.
func (m moveList) move(src *Context, ptr, n uint32, dst *Context) (begin uint32, err error) {
	b, err := src.listRange(ptr, n, m.size, m.align)
	if err != nil {
		return 0, err
	}
	if err := src.charge(uint64(len(b))); err != nil {
		return 0, err
	}
	begin, err = dst.Allocate(m.align, uint32(len(b)))
	if err != nil {
		return 0, err
	}
	return begin, m.elems(src, b, n, dst, begin)
}

// elems moves n elements from b to ptr.
func (m moveList) elems(src *Context, b []byte, n uint32, dst *Context, ptr uint32) error {
	if m.plain {
		copy(dst.memory()[ptr:], b)
		return nil
	}
	for i := range n {
		o := i * m.size
		if err := m.elem.mem(src, b[o:o+m.size:o+m.size], dst, ptr+o); err != nil {
			return AtIndex(err, int(i))
		}
	}
	return nil
}

func (m moveList) mem(src *Context, b []byte, dst *Context, ptr uint32) error {
	begin, n := loadPair(b)
	begin, err := m.move(src, begin, n, dst)
	if err == nil {
		storePair(dst.memory(), ptr, begin, n)
	}
	return err
}

func (m moveList) flat(src *Context, vi *CoreValues, dst *Context, vo *CoreValues) error {
	begin := uint32(vi.Next())
	n := uint32(vi.Next())
	begin, err := m.move(src, begin, n, dst)
	vo.Put(uint64(begin))
	vo.Put(uint64(n))
	return err
}

// moveFixedList moves a list that lies where it is used.
type moveFixedList struct {
	moveList
	n uint32
}

func (m moveFixedList) mem(src *Context, b []byte, dst *Context, ptr uint32) error {
	if err := src.charge(uint64(len(b))); err != nil {
		return err
	}
	return m.elems(src, b, m.n, dst, ptr)
}

func (m moveFixedList) flat(src *Context, vi *CoreValues, dst *Context, vo *CoreValues) error {
	for i := range m.n {
		if err := m.elem.flat(src, vi, dst, vo); err != nil {
			return AtIndex(err, int(i))
		}
	}
	return nil
}

// moveFields moves fields in a row: a record's, or a function's parameters.
type moveFields struct {
	layout *layout.Layout
	fields []moveField
	step   func(error, string) error
}

type moveField struct {
	name         string
	t            transfer
	offset, size uint32
}

func (p *transferCompiler) record(src, dst []types.Field, step func(error, string) error, depth int) (*moveFields, error) {
	r := layout.NewRecord(p.layouts, len(src))
	m := &moveFields{step: step}
	for i, f := range src {
		t, err := p.compile(f.Type, dst[i].Type, depth)
		if err != nil {
			return nil, step(err, f.Name)
		}
		if f.Name != dst[i].Name {
			return nil, trapf(TrapInvalidValue, "field %q is passed as %q", f.Name, dst[i].Name)
		}
		o, l := r.Add(f.Type)
		m.fields = append(m.fields, moveField{f.Name, t, o, l.Size})
	}
	m.layout = r.Layout()
	return m, nil
}

func (m *moveFields) mem(src *Context, b []byte, dst *Context, ptr uint32) error {
	for i := range m.fields {
		f := &m.fields[i]
		if err := f.t.mem(src, b[f.offset:f.offset+f.size:f.offset+f.size], dst, ptr+f.offset); err != nil {
			return m.step(err, f.name)
		}
	}
	return nil
}

func (m *moveFields) flat(src *Context, vi *CoreValues, dst *Context, vo *CoreValues) error {
	for i := range m.fields {
		f := &m.fields[i]
		if err := f.t.flat(src, vi, dst, vo); err != nil {
			return m.step(err, f.name)
		}
	}
	return nil
}

type moveVariant struct {
	layout.Variant
	cases []moveCase
}

type moveCase struct {
	name string
	t    transfer
	size uint32
	flat int
}

func (p *transferCompiler) variant(src, dst []types.Case, depth int) (transfer, error) {
	m := &moveVariant{Variant: p.layouts.VariantOf(src)}
	for i, k := range src {
		t, err := p.compile(k.Type, dst[i].Type, depth)
		if err != nil {
			return nil, AtCase(err, k.Name)
		}
		if k.Name != dst[i].Name {
			return nil, trapf(TrapInvalidValue, "case %q is passed as %q", k.Name, dst[i].Name)
		}
		l := p.layouts.Of(k.Type)
		m.cases = append(m.cases, moveCase{k.Name, t, l.Size, l.NumFlat})
	}
	return m, nil
}

func (m *moveVariant) mem(src *Context, b []byte, dst *Context, ptr uint32) error {
	disc := loadUint(b[:m.DiscSize])
	if err := checkCase(disc, len(m.cases)); err != nil {
		return err
	}
	storeUint(dst.memory(), ptr, m.DiscSize, disc)
	k := &m.cases[disc]
	o := m.PayloadOffset
	if err := k.t.mem(src, b[o:o+k.size:o+k.size], dst, ptr+o); err != nil {
		return AtCase(err, k.name)
	}
	return nil
}

func (m *moveVariant) flat(src *Context, vi *CoreValues, dst *Context, vo *CoreValues) error {
	disc := uint32(vi.Next())
	if err := checkCase(disc, len(m.cases)); err != nil {
		return err
	}
	vo.Put(uint64(disc))
	k := &m.cases[disc]
	if err := k.t.flat(src, vi, dst, vo); err != nil {
		return AtCase(err, k.name)
	}
	rest := m.NumFlat - 1 - k.flat
	vi.Skip(rest)
	vo.Zero(rest)
	return nil
}
