package abi

import (
	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// maxTypeDepth bounds how deep Compile follows a type; validation allows less.
const maxTypeDepth = 256

// Compile makes a codec of dynamic values for t. A codec is made once, and
// then shared by every instance.
//
// resolve maps the resources that t names to those that instances define with
// [Instance.DefineResource]; nil leaves them as they are.
//
// It is an error when t is not valid.
func Compile(t types.ValType, resolve func(*types.Resource) *types.Resource) (Codec[value.Value], error) {
	return newCompiler(resolve).compile(t, 0)
}

type dynCodec = Codec[value.Value]

// compiler makes codecs, and remembers them by the identity of the type.
type compiler struct {
	resolve func(*types.Resource) *types.Resource
	layouts *layout.Cache
	seen    map[types.ValType]dynCodec
}

func newCompiler(resolve func(*types.Resource) *types.Resource) *compiler {
	if resolve == nil {
		resolve = func(r *types.Resource) *types.Resource { return r }
	}
	return &compiler{resolve: resolve, layouts: layout.NewCache(), seen: make(map[types.ValType]dynCodec)}
}

func (p *compiler) compile(t types.ValType, depth int) (dynCodec, error) {
	if depth > maxTypeDepth {
		return nil, trapf(TrapLimit, "a type nests more than %d deep", maxTypeDepth)
	}
	if t == nil {
		return dynNone{}, nil
	}
	if c := p.seen[t]; c != nil {
		return c, nil
	}
	if l := p.layouts.Of(t); l.TooBig() {
		return nil, trapf(TrapLimit, "%s is larger than %d bytes", t, uint64(layout.MaxByteLength))
	}
	c, err := p.make(t, depth+1)
	if err != nil {
		return nil, err
	}
	p.seen[t] = c
	return c, nil
}

func (p *compiler) make(t types.ValType, depth int) (dynCodec, error) {
	switch t := t.(type) {
	case types.Primitive:
		return p.primitive(t)
	case *types.List:
		return p.list(t, t.Elem, t.Length, depth)
	case *types.Map:
		return p.list(t, &types.Tuple{Elems: []types.ValType{t.Key, t.Value}}, 0, depth)
	case *types.Record:
		return p.record(t, depth)
	case *types.Tuple:
		return p.tuple(t, depth)
	case *types.Variant, *types.Option, *types.Result, *types.Enum:
		return p.variant(t, depth)
	case *types.Flags:
		return p.flags(t)
	case *types.Own:
		return dynHandle{guestHandle{typ: t, r: p.resolve(t.Resource), own: true}}, nil
	case *types.Borrow:
		return dynHandle{guestHandle{typ: t, r: p.resolve(t.Resource)}}, nil
	case *types.Stream:
		elem, err := p.compile(t.Elem, depth)
		return dynOf[*StreamReader[value.Value]]{StreamOf(elem)}, err
	case *types.Future:
		elem, err := p.compile(t.Elem, depth)
		return dynOf[*FutureReader[value.Value]]{FutureOf(elem)}, err
	}
	return nil, trapf(TrapUnsupported, "%s is of an unknown kind", t)
}

func (p *compiler) primitive(t types.Primitive) (dynCodec, error) {
	switch t {
	case types.Bool:
		return dynOf[bool]{Bool}, nil
	case types.S8:
		return dynOf[int8]{S8}, nil
	case types.U8:
		return dynOf[uint8]{U8}, nil
	case types.S16:
		return dynOf[int16]{S16}, nil
	case types.U16:
		return dynOf[uint16]{U16}, nil
	case types.S32:
		return dynOf[int32]{S32}, nil
	case types.U32:
		return dynOf[uint32]{U32}, nil
	case types.S64:
		return dynOf[int64]{S64}, nil
	case types.U64:
		return dynOf[uint64]{U64}, nil
	case types.F32:
		return dynOf[float32]{F32}, nil
	case types.F64:
		return dynOf[float64]{F64}, nil
	case types.Char:
		return dynChar{}, nil
	case types.String:
		return dynOf[string]{String}, nil
	case types.ErrorContext:
		return dynOf[*ErrorContext]{ErrorContexts}, nil
	}
	return nil, trapf(TrapUnsupported, "%s is of an unknown kind", t)
}

// wrongType is the trap for a dynamic value that does not fit t.
func wrongType(v value.Value, t types.ValType) error {
	return trapf(TrapInvalidValue, "found a %T, expected %s", v, t)
}

// as asserts the Go type that lifting t makes.
func as[T any](v value.Value, t types.ValType) (T, error) {
	x, ok := v.(T)
	if !ok {
		return x, wrongType(v, t)
	}
	return x, nil
}

// dynNone is the codec of no value: nil.
type dynNone struct{ noneCodec }

func (dynNone) Load(*Context, []byte) (value.Value, error)                 { return nil, nil }
func (dynNone) LiftFlat(*Context, *CoreValues) (value.Value, error)        { return nil, nil }
func (c dynNone) Store(_ *Context, v value.Value, _ uint32) error          { return c.check(v) }
func (c dynNone) LowerFlat(_ *Context, v value.Value, _ *CoreValues) error { return c.check(v) }

func (dynNone) check(v value.Value) error {
	if v != nil {
		return trapf(TrapInvalidValue, "found a %T, expected no value", v)
	}
	return nil
}

// dynOf is the codec of a Go type that stands for itself in a dynamic value.
type dynOf[T any] struct{ c Codec[T] }

func (d dynOf[T]) Type() types.ValType { return d.c.Type() }
func (d dynOf[T]) Align() uint32       { return d.c.Align() }
func (d dynOf[T]) Size() uint32        { return d.c.Size() }
func (d dynOf[T]) Flat() int           { return d.c.Flat() }

func (d dynOf[T]) Load(cx *Context, b []byte) (value.Value, error) {
	v, err := d.c.Load(cx, b)
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (d dynOf[T]) LiftFlat(cx *Context, vi *CoreValues) (value.Value, error) {
	v, err := d.c.LiftFlat(cx, vi)
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (d dynOf[T]) Store(cx *Context, v value.Value, ptr uint32) error {
	x, err := as[T](v, d.c.Type())
	if err != nil {
		return err
	}
	return d.c.Store(cx, x, ptr)
}

func (d dynOf[T]) LowerFlat(cx *Context, v value.Value, vo *CoreValues) error {
	x, err := as[T](v, d.c.Type())
	if err != nil {
		return err
	}
	return d.c.LowerFlat(cx, x, vo)
}

// dynChar is the codec of char as value.Char.
type dynChar struct{ charCodec }

func (d dynChar) Load(cx *Context, b []byte) (value.Value, error) {
	r, err := d.charCodec.Load(cx, b)
	return value.Char(r), err
}

func (d dynChar) LiftFlat(cx *Context, vi *CoreValues) (value.Value, error) {
	r, err := d.charCodec.LiftFlat(cx, vi)
	return value.Char(r), err
}

func (d dynChar) Store(cx *Context, v value.Value, ptr uint32) error {
	x, err := as[value.Char](v, types.Char)
	if err != nil {
		return err
	}
	return d.charCodec.Store(cx, rune(x), ptr)
}

func (d dynChar) LowerFlat(cx *Context, v value.Value, vo *CoreValues) error {
	x, err := as[value.Char](v, types.Char)
	if err != nil {
		return err
	}
	return d.charCodec.LowerFlat(cx, rune(x), vo)
}

// dynHandle is the codec of own and borrow.
type dynHandle struct{ guestHandle }

func (d dynHandle) Load(cx *Context, b []byte) (value.Value, error) {
	return noNil(d.guestHandle.Load(cx, b))
}

func (d dynHandle) LiftFlat(cx *Context, vi *CoreValues) (value.Value, error) {
	return noNil(d.guestHandle.LiftFlat(cx, vi))
}

// noNil keeps a nil pointer out of a dynamic value.
func noNil(h *ResourceHandle, err error) (value.Value, error) {
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (d dynHandle) Store(cx *Context, v value.Value, ptr uint32) error {
	h, err := as[*ResourceHandle](v, d.typ)
	if err != nil {
		return err
	}
	return d.guestHandle.Store(cx, h, ptr)
}

func (d dynHandle) LowerFlat(cx *Context, v value.Value, vo *CoreValues) error {
	h, err := as[*ResourceHandle](v, d.typ)
	if err != nil {
		return err
	}
	return d.guestHandle.LowerFlat(cx, h, vo)
}

// list compiles a list, a map, or a list of fixed length.
func (p *compiler) list(t, elem types.ValType, n uint32, depth int) (dynCodec, error) {
	e, err := p.compile(elem, depth)
	if err != nil {
		return nil, err
	}
	l := newList(e, t)
	l.goSize += scalarCost
	var lists Codec[[]value.Value] = l
	var bytes Codec[[]byte] = newList[byte](U8, t)
	if n > 0 {
		lists = fixedListCodec[value.Value]{l, n, p.layouts.Of(t)}
		bytes = fixedListCodec[byte]{newList[byte](U8, t), n, p.layouts.Of(t)}
	}
	d := dynList{lists}
	if elem == types.U8 {
		return dynBytes{d, bytes}, nil
	}
	return d, nil
}

// What a dynamic value takes on the heap, about, beside the interface that
// holds it. Every value that has parts charges for itself when it is lifted, so
// that no nesting of types goes uncounted.
const (
	scalarCost = 8
	boxCost    = 64 // a variant, an option, a result, a handle
	partCost   = 48 // a field of a record, and its name
)

// dynList is the codec of a list as value.List.
type dynList struct{ Codec[[]value.Value] }

func listValue(vs []value.Value, err error) (value.Value, error) {
	if err != nil {
		return nil, err
	}
	return value.List(vs), nil
}

func (d dynList) Load(cx *Context, b []byte) (value.Value, error) {
	return listValue(d.Codec.Load(cx, b))
}

func (d dynList) LiftFlat(cx *Context, vi *CoreValues) (value.Value, error) {
	return listValue(d.Codec.LiftFlat(cx, vi))
}

func (d dynList) Store(cx *Context, v value.Value, ptr uint32) error {
	l, err := as[value.List](v, d.Type())
	if err != nil {
		return err
	}
	return d.Codec.Store(cx, l, ptr)
}

func (d dynList) LowerFlat(cx *Context, v value.Value, vo *CoreValues) error {
	l, err := as[value.List](v, d.Type())
	if err != nil {
		return err
	}
	return d.Codec.LowerFlat(cx, l, vo)
}

// dynBytes is the codec of list<u8> as []byte; it takes value.List too.
type dynBytes struct {
	list  dynList
	bytes Codec[[]byte]
}

func (d dynBytes) Type() types.ValType { return d.bytes.Type() }
func (d dynBytes) Align() uint32       { return d.bytes.Align() }
func (d dynBytes) Size() uint32        { return d.bytes.Size() }
func (d dynBytes) Flat() int           { return d.bytes.Flat() }

// bytesValue makes an empty list an empty slice, which equals another one.
func bytesValue(b []byte, err error) (value.Value, error) {
	if err != nil {
		return nil, err
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

func (d dynBytes) Load(cx *Context, b []byte) (value.Value, error) {
	return bytesValue(d.bytes.Load(cx, b))
}

func (d dynBytes) LiftFlat(cx *Context, vi *CoreValues) (value.Value, error) {
	return bytesValue(d.bytes.LiftFlat(cx, vi))
}

func (d dynBytes) Store(cx *Context, v value.Value, ptr uint32) error {
	if b, ok := v.([]byte); ok {
		return d.bytes.Store(cx, b, ptr)
	}
	return d.list.Store(cx, v, ptr)
}

func (d dynBytes) LowerFlat(cx *Context, v value.Value, vo *CoreValues) error {
	if b, ok := v.([]byte); ok {
		return d.bytes.LowerFlat(cx, b, vo)
	}
	return d.list.LowerFlat(cx, v, vo)
}

// dynFields is the codec of fields in a row: a record's, a tuple's or a
// function's parameters.
type dynFields struct {
	typ    types.ValType
	layout *layout.Layout
	fields []dynField
	step   func(error, string) error
}

type dynField struct {
	name         string
	codec        dynCodec
	offset, size uint32
}

func (p *compiler) fields(t types.ValType, names []string, ts []types.ValType, depth int) (*dynFields, error) {
	d := &dynFields{typ: t, step: AtField}
	r := layout.NewRecord(p.layouts, len(ts))
	for i, ft := range ts {
		c, err := p.compile(ft, depth)
		if err != nil {
			return nil, AtField(err, names[i])
		}
		o, l := r.Add(ft)
		d.fields = append(d.fields, dynField{names[i], c, o, l.Size})
	}
	d.layout = r.Layout()
	return d, nil
}

func (d *dynFields) Type() types.ValType { return d.typ }
func (d *dynFields) Align() uint32       { return d.layout.Align }
func (d *dynFields) Size() uint32        { return d.layout.Size }
func (d *dynFields) Flat() int           { return d.layout.NumFlat }

func (d *dynFields) Load(cx *Context, b []byte) ([]value.Value, error) {
	if err := cx.charge(d.cost()); err != nil {
		return nil, err
	}
	vs := make([]value.Value, len(d.fields))
	for i := range d.fields {
		f := &d.fields[i]
		v, err := f.codec.Load(cx, b[f.offset:f.offset+f.size:f.offset+f.size])
		if err != nil {
			return nil, d.step(err, f.name)
		}
		vs[i] = v
	}
	return vs, nil
}

func (d *dynFields) LiftFlat(cx *Context, vi *CoreValues) ([]value.Value, error) {
	if err := cx.charge(d.cost()); err != nil {
		return nil, err
	}
	vs := make([]value.Value, len(d.fields))
	for i := range d.fields {
		v, err := d.fields[i].codec.LiftFlat(cx, vi)
		if err != nil {
			return nil, d.step(err, d.fields[i].name)
		}
		vs[i] = v
	}
	return vs, nil
}

func (d *dynFields) cost() uint64 { return boxCost + uint64(len(d.fields))*partCost }

func (d *dynFields) checkLen(n int) error {
	if n != len(d.fields) {
		return trapf(TrapInvalidValue, "found %d values, expected %d", n, len(d.fields))
	}
	return nil
}

func (d *dynFields) Store(cx *Context, vs []value.Value, ptr uint32) error {
	if err := d.checkLen(len(vs)); err != nil {
		return err
	}
	for i := range d.fields {
		f := &d.fields[i]
		if err := f.codec.Store(cx, vs[i], ptr+f.offset); err != nil {
			return d.step(err, f.name)
		}
	}
	return nil
}

func (d *dynFields) LowerFlat(cx *Context, vs []value.Value, vo *CoreValues) error {
	if err := d.checkLen(len(vs)); err != nil {
		return err
	}
	for i, v := range vs {
		if err := d.fields[i].codec.LowerFlat(cx, v, vo); err != nil {
			return d.step(err, d.fields[i].name)
		}
	}
	return nil
}

// dynTuple is the codec of a tuple as value.Tuple.
type dynTuple struct{ *dynFields }

func (p *compiler) tuple(t *types.Tuple, depth int) (dynCodec, error) {
	f, err := p.fields(t, recordNames(t), t.Elems, depth)
	if err != nil {
		return nil, err
	}
	return dynTuple{f}, nil
}

// recordNames are the names of the fields that t despecializes to.
func recordNames(t types.ValType) (names []string) {
	for _, f := range layout.Despecialize(t).(*types.Record).Fields {
		names = append(names, f.Name)
	}
	return names
}

func tupleValue(vs []value.Value, err error) (value.Value, error) {
	if err != nil {
		return nil, err
	}
	return value.Tuple(vs), nil
}

func (d dynTuple) Load(cx *Context, b []byte) (value.Value, error) {
	return tupleValue(d.dynFields.Load(cx, b))
}

func (d dynTuple) LiftFlat(cx *Context, vi *CoreValues) (value.Value, error) {
	return tupleValue(d.dynFields.LiftFlat(cx, vi))
}

func (d dynTuple) Store(cx *Context, v value.Value, ptr uint32) error {
	t, err := as[value.Tuple](v, d.typ)
	if err != nil {
		return err
	}
	return d.dynFields.Store(cx, t, ptr)
}

func (d dynTuple) LowerFlat(cx *Context, v value.Value, vo *CoreValues) error {
	t, err := as[value.Tuple](v, d.typ)
	if err != nil {
		return err
	}
	return d.dynFields.LowerFlat(cx, t, vo)
}

// dynRecord is the codec of a record as *value.Record.
type dynRecord struct{ *dynFields }

func (p *compiler) record(t *types.Record, depth int) (dynCodec, error) {
	ts := make([]types.ValType, len(t.Fields))
	for i, f := range t.Fields {
		ts[i] = f.Type
	}
	f, err := p.fields(t, recordNames(t), ts, depth)
	if err != nil {
		return nil, err
	}
	return dynRecord{f}, nil
}

func (d dynRecord) value(vs []value.Value, err error) (value.Value, error) {
	if err != nil {
		return nil, err
	}
	r := &value.Record{Fields: make([]value.Field, len(vs))}
	for i, v := range vs {
		r.Fields[i] = value.Field{Name: d.fields[i].name, Value: v}
	}
	return r, nil
}

func (d dynRecord) values(v value.Value) ([]value.Value, error) {
	r, err := as[*value.Record](v, d.typ)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, wrongType(v, d.typ)
	}
	if err := d.checkLen(len(r.Fields)); err != nil {
		return nil, err
	}
	vs := make([]value.Value, len(r.Fields))
	for i, f := range r.Fields {
		if f.Name != d.fields[i].name {
			return nil, trapf(TrapInvalidValue, "found field %q, expected %q", f.Name, d.fields[i].name)
		}
		vs[i] = f.Value
	}
	return vs, nil
}

func (d dynRecord) Load(cx *Context, b []byte) (value.Value, error) {
	return d.value(d.dynFields.Load(cx, b))
}

func (d dynRecord) LiftFlat(cx *Context, vi *CoreValues) (value.Value, error) {
	return d.value(d.dynFields.LiftFlat(cx, vi))
}

func (d dynRecord) Store(cx *Context, v value.Value, ptr uint32) error {
	vs, err := d.values(v)
	if err != nil {
		return err
	}
	return d.dynFields.Store(cx, vs, ptr)
}

func (d dynRecord) LowerFlat(cx *Context, v value.Value, vo *CoreValues) error {
	vs, err := d.values(v)
	if err != nil {
		return err
	}
	return d.dynFields.LowerFlat(cx, vs, vo)
}

// dynVariant is the codec of variants, enums, options and results: of a case
// number and a payload. wrap and unwrap turn those into a dynamic value and
// back.
type dynVariant struct {
	variantLayout
	cases  []dynCase
	wrap   func(disc uint32, payload value.Value) value.Value
	unwrap func(v value.Value) (disc uint32, payload value.Value, err error)
}

type dynCase struct {
	name  string
	codec dynCodec
	size  uint32
	flat  int
}

func (p *compiler) variant(t types.ValType, depth int) (dynCodec, error) {
	cases := layout.Despecialize(t).(*types.Variant).Cases
	if len(cases) == 0 {
		return nil, trapf(TrapUnsupported, "%s has no cases", t)
	}
	d := &dynVariant{variantLayout: variantLayout{t, p.layouts.VariantOf(cases)}}
	for _, k := range cases {
		c, err := p.compile(k.Type, depth)
		if err != nil {
			return nil, AtCase(err, k.Name)
		}
		d.cases = append(d.cases, dynCase{k.Name, c, c.Size(), c.Flat()})
	}
	switch t := t.(type) {
	case *types.Variant:
		d.wrapVariant(t)
	case *types.Enum:
		d.wrapEnum(t)
	case *types.Option:
		d.wrapOption(t)
	case *types.Result:
		d.wrapResult(t)
	}
	return d, nil
}

func (d *dynVariant) wrapVariant(t *types.Variant) {
	index := make(map[string]uint32, len(t.Cases))
	for i, k := range t.Cases {
		index[k.Name] = uint32(i)
	}
	d.wrap = func(disc uint32, payload value.Value) value.Value {
		return &value.Variant{Case: t.Cases[disc].Name, Value: payload}
	}
	d.unwrap = func(v value.Value) (uint32, value.Value, error) {
		x, ok := v.(*value.Variant)
		if !ok || x == nil {
			return 0, nil, wrongType(v, t)
		}
		i, ok := index[x.Case]
		if !ok {
			return 0, nil, trapf(TrapInvalidValue, "%s has no case %q", t, x.Case)
		}
		return i, x.Value, nil
	}
}

func (d *dynVariant) wrapEnum(t *types.Enum) {
	index := make(map[string]uint32, len(t.Labels))
	values := make([]value.Value, len(t.Labels))
	for i, l := range t.Labels {
		index[l] = uint32(i)
		values[i] = value.Enum(l)
	}
	d.wrap = func(disc uint32, _ value.Value) value.Value { return values[disc] }
	d.unwrap = func(v value.Value) (uint32, value.Value, error) {
		x, err := as[value.Enum](v, t)
		if err != nil {
			return 0, nil, err
		}
		i, ok := index[string(x)]
		if !ok {
			return 0, nil, trapf(TrapInvalidValue, "%s has no label %q", t, string(x))
		}
		return i, nil, nil
	}
}

func (d *dynVariant) wrapOption(t *types.Option) {
	d.wrap = func(disc uint32, payload value.Value) value.Value {
		return &value.Option{Value: payload, Some: disc == 1}
	}
	d.unwrap = func(v value.Value) (uint32, value.Value, error) {
		x, ok := v.(*value.Option)
		if !ok || x == nil {
			return 0, nil, wrongType(v, t)
		}
		return uint32(boolBits(x.Some)), x.Value, nil
	}
}

func (d *dynVariant) wrapResult(t *types.Result) {
	d.wrap = func(disc uint32, payload value.Value) value.Value {
		return &value.Result{Value: payload, IsErr: disc == 1}
	}
	d.unwrap = func(v value.Value) (uint32, value.Value, error) {
		x, ok := v.(*value.Result)
		if !ok || x == nil {
			return 0, nil, wrongType(v, t)
		}
		return uint32(boolBits(x.IsErr)), x.Value, nil
	}
}

func (d *dynVariant) Load(cx *Context, b []byte) (value.Value, error) {
	disc := d.loadDisc(b)
	if err := checkCase(disc, len(d.cases)); err != nil {
		return nil, err
	}
	if err := cx.charge(boxCost); err != nil {
		return nil, err
	}
	k := &d.cases[disc]
	v, err := k.codec.Load(cx, d.payload(b, k.size))
	if err != nil {
		return nil, AtCase(err, k.name)
	}
	return d.wrap(disc, v), nil
}

func (d *dynVariant) LiftFlat(cx *Context, vi *CoreValues) (value.Value, error) {
	disc := uint32(vi.Next())
	if err := checkCase(disc, len(d.cases)); err != nil {
		return nil, err
	}
	if err := cx.charge(boxCost); err != nil {
		return nil, err
	}
	k := &d.cases[disc]
	v, err := k.codec.LiftFlat(cx, vi)
	if err != nil {
		return nil, AtCase(err, k.name)
	}
	vi.Skip(d.NumFlat - 1 - k.flat)
	return d.wrap(disc, v), nil
}

func (d *dynVariant) Store(cx *Context, v value.Value, ptr uint32) error {
	disc, payload, err := d.unwrap(v)
	if err != nil {
		return err
	}
	d.storeDisc(cx, disc, ptr)
	k := &d.cases[disc]
	if err := k.codec.Store(cx, payload, ptr+d.PayloadOffset); err != nil {
		return AtCase(err, k.name)
	}
	return nil
}

func (d *dynVariant) LowerFlat(cx *Context, v value.Value, vo *CoreValues) error {
	disc, payload, err := d.unwrap(v)
	if err != nil {
		return err
	}
	vo.Put(uint64(disc))
	k := &d.cases[disc]
	if err := k.codec.LowerFlat(cx, payload, vo); err != nil {
		return AtCase(err, k.name)
	}
	vo.Zero(d.NumFlat - 1 - k.flat)
	return nil
}

// dynFlags is the codec of flags as value.Flags.
type dynFlags struct {
	flagsCodec[uint32]
	labels []string
	index  map[string]int
}

func (p *compiler) flags(t *types.Flags) (dynCodec, error) {
	n := len(t.Labels)
	if n == 0 || n > layout.MaxFlags {
		return nil, trapf(TrapUnsupported, "flags of %d labels, want 1 to %d", n, layout.MaxFlags)
	}
	d := &dynFlags{
		flagsCodec: flagsCodec[uint32]{t, layout.FlagsSize(n), 1<<uint(n) - 1},
		labels:     t.Labels, index: make(map[string]int, n),
	}
	for i, l := range t.Labels {
		d.index[l] = i
	}
	return d, nil
}

func (d *dynFlags) cost() uint64 { return boxCost + 16*uint64(len(d.labels)) }

func (d *dynFlags) value(bits uint32) value.Value {
	set := value.Flags{}
	for i, l := range d.labels {
		if bits>>i&1 != 0 {
			set = append(set, l)
		}
	}
	return set
}

func (d *dynFlags) bits(v value.Value) (bits uint32, err error) {
	set, err := as[value.Flags](v, d.typ)
	if err != nil {
		return 0, err
	}
	for _, l := range set {
		i, ok := d.index[l]
		if !ok {
			return 0, trapf(TrapInvalidValue, "%s has no label %q", d.typ, l)
		}
		bits |= 1 << i
	}
	return bits, nil
}

func (d *dynFlags) Load(cx *Context, b []byte) (value.Value, error) {
	if err := cx.charge(d.cost()); err != nil {
		return nil, err
	}
	bits, err := d.flagsCodec.Load(cx, b)
	return d.value(bits), err
}

func (d *dynFlags) LiftFlat(cx *Context, vi *CoreValues) (value.Value, error) {
	if err := cx.charge(d.cost()); err != nil {
		return nil, err
	}
	bits, err := d.flagsCodec.LiftFlat(cx, vi)
	return d.value(bits), err
}

func (d *dynFlags) Store(cx *Context, v value.Value, ptr uint32) error {
	bits, err := d.bits(v)
	if err != nil {
		return err
	}
	return d.flagsCodec.Store(cx, bits, ptr)
}

func (d *dynFlags) LowerFlat(cx *Context, v value.Value, vo *CoreValues) error {
	bits, err := d.bits(v)
	if err != nil {
		return err
	}
	return d.flagsCodec.LowerFlat(cx, bits, vo)
}
