package abi

//lint:file-ignore U1000 the methods of generic types that implement interfaces here look unused to staticcheck

import (
	"fmt"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// variantLayout is where a variant's parts are, in memory and flat.
type variantLayout struct {
	typ types.ValType
	layout.Variant
}

func newVariantLayout(typ types.ValType) variantLayout {
	cases := layout.Despecialize(typ).(*types.Variant).Cases
	return variantLayout{typ, layout.NewCache().VariantOf(cases)}
}

func (l *variantLayout) Type() types.ValType { return l.typ }
func (l *variantLayout) Align() uint32       { return l.Variant.Align }
func (l *variantLayout) Size() uint32        { return l.Variant.Size }
func (l *variantLayout) Flat() int           { return l.NumFlat }

func (l *variantLayout) loadDisc(b []byte) uint32 { return loadUint(b[:l.DiscSize]) }

func (l *variantLayout) storeDisc(cx *Context, disc, ptr uint32) {
	storeUint(cx.memory(), ptr, l.DiscSize, disc)
}

// payload is the part of b that holds a payload of size bytes.
func (l *variantLayout) payload(b []byte, size uint32) []byte {
	o := l.PayloadOffset
	return b[o : o+size : o+size]
}

// Option is an optional value.
type Option[T any] struct {
	Value T
	Some  bool
}

// Some returns an option that holds v.
func Some[T any](v T) Option[T] { return Option[T]{Value: v, Some: true} }

// OptionOf is the codec of option<T>.
func OptionOf[T any](elem Codec[T]) Codec[Option[T]] {
	return &optionCodec[T]{newVariantLayout(&types.Option{Elem: elem.Type()}), elem, elem.Size(), elem.Flat()}
}

type optionCodec[T any] struct {
	variantLayout
	elem Codec[T]
	size uint32
	flat int
}

func (c *optionCodec[T]) Load(cx *Context, b []byte) (o Option[T], err error) {
	switch disc := c.loadDisc(b); disc {
	case 0:
	case 1:
		if o.Value, err = c.elem.Load(cx, c.payload(b, c.size)); err != nil {
			return o, AtCase(err, "some")
		}
		o.Some = true
	default:
		err = checkCase(disc, 2)
	}
	return o, err
}

func (c *optionCodec[T]) Store(cx *Context, v Option[T], ptr uint32) error {
	c.storeDisc(cx, uint32(boolBits(v.Some)), ptr)
	if !v.Some {
		return nil
	}
	if err := c.elem.Store(cx, v.Value, ptr+c.PayloadOffset); err != nil {
		return AtCase(err, "some")
	}
	return nil
}

func (c *optionCodec[T]) LiftFlat(cx *Context, vi *CoreValues) (o Option[T], err error) {
	switch disc := uint32(vi.Next()); disc {
	case 0:
		vi.Skip(c.flat)
	case 1:
		if o.Value, err = c.elem.LiftFlat(cx, vi); err != nil {
			return o, AtCase(err, "some")
		}
		o.Some = true
	default:
		err = checkCase(disc, 2)
	}
	return o, err
}

func (c *optionCodec[T]) LowerFlat(cx *Context, v Option[T], vo *CoreValues) error {
	vo.Put(boolBits(v.Some))
	if !v.Some {
		vo.Zero(c.flat)
		return nil
	}
	if err := c.elem.LowerFlat(cx, v.Value, vo); err != nil {
		return AtCase(err, "some")
	}
	return nil
}

// Result is a result: OK, or Err when IsErr.
type Result[T, E any] struct {
	OK    T
	Err   E
	IsErr bool
}

// OK returns a result that holds v.
func OK[T, E any](v T) Result[T, E] { return Result[T, E]{OK: v} }

// Err returns a result that holds the error e.
func Err[T, E any](e E) Result[T, E] { return Result[T, E]{Err: e, IsErr: true} }

// ResultOf is the codec of result<T, E>. [None] stands for a side without
// payload.
func ResultOf[T, E any](ok Codec[T], err Codec[E]) Codec[Result[T, E]] {
	return &resultCodec[T, E]{
		variantLayout: newVariantLayout(&types.Result{OK: ok.Type(), Err: err.Type()}),
		ok:            ok, err: err, okSize: ok.Size(), errSize: err.Size(), okFlat: ok.Flat(), errFlat: err.Flat(),
	}
}

type resultCodec[T, E any] struct {
	variantLayout
	ok              Codec[T]
	err             Codec[E]
	okSize, errSize uint32
	okFlat, errFlat int
}

func (c *resultCodec[T, E]) Load(cx *Context, b []byte) (r Result[T, E], err error) {
	switch disc := c.loadDisc(b); disc {
	case 0:
		if r.OK, err = c.ok.Load(cx, c.payload(b, c.okSize)); err != nil {
			err = AtCase(err, "ok")
		}
	case 1:
		r.IsErr = true
		if r.Err, err = c.err.Load(cx, c.payload(b, c.errSize)); err != nil {
			err = AtCase(err, "error")
		}
	default:
		err = checkCase(disc, 2)
	}
	return r, err
}

func (c *resultCodec[T, E]) Store(cx *Context, v Result[T, E], ptr uint32) error {
	c.storeDisc(cx, uint32(boolBits(v.IsErr)), ptr)
	if v.IsErr {
		if err := c.err.Store(cx, v.Err, ptr+c.PayloadOffset); err != nil {
			return AtCase(err, "error")
		}
		return nil
	}
	if err := c.ok.Store(cx, v.OK, ptr+c.PayloadOffset); err != nil {
		return AtCase(err, "ok")
	}
	return nil
}

func (c *resultCodec[T, E]) LiftFlat(cx *Context, vi *CoreValues) (r Result[T, E], err error) {
	switch disc := uint32(vi.Next()); disc {
	case 0:
		if r.OK, err = c.ok.LiftFlat(cx, vi); err != nil {
			return r, AtCase(err, "ok")
		}
		vi.Skip(c.NumFlat - 1 - c.okFlat)
	case 1:
		r.IsErr = true
		if r.Err, err = c.err.LiftFlat(cx, vi); err != nil {
			return r, AtCase(err, "error")
		}
		vi.Skip(c.NumFlat - 1 - c.errFlat)
	default:
		err = checkCase(disc, 2)
	}
	return r, err
}

func (c *resultCodec[T, E]) LowerFlat(cx *Context, v Result[T, E], vo *CoreValues) error {
	vo.Put(boolBits(v.IsErr))
	if v.IsErr {
		if err := c.err.LowerFlat(cx, v.Err, vo); err != nil {
			return AtCase(err, "error")
		}
		vo.Zero(c.NumFlat - 1 - c.errFlat)
		return nil
	}
	if err := c.ok.LowerFlat(cx, v.OK, vo); err != nil {
		return AtCase(err, "ok")
	}
	vo.Zero(c.NumFlat - 1 - c.okFlat)
	return nil
}

// Case is one case of a variant as Go type V; see [CaseOf] and [CaseNone].
type Case[V any] struct {
	name string
	typ  types.ValType
	ops  caseOps[V]
	size uint32
	flat int
}

type caseOps[V any] interface {
	load(cx *Context, b []byte) (V, error)
	store(cx *Context, v V, ptr uint32) error
	liftFlat(cx *Context, vi *CoreValues) (V, error)
	lowerFlat(cx *Context, v V, vo *CoreValues) error
}

// CaseOf describes a case with a payload: wrap makes a V of it, and unwrap
// takes it out of a V of that case.
func CaseOf[V, P any](name string, c Codec[P], wrap func(P) V, unwrap func(V) P) Case[V] {
	return Case[V]{name: name, typ: c.Type(), ops: casePayload[V, P]{c, wrap, unwrap}, size: c.Size(), flat: c.Flat()}
}

// CaseNone describes a case without payload, which is lifted as v.
func CaseNone[V any](name string, v V) Case[V] {
	return Case[V]{name: name, ops: caseNone[V]{v}}
}

type casePayload[V, P any] struct {
	codec  Codec[P]
	wrap   func(P) V
	unwrap func(V) P
}

func (c casePayload[V, P]) load(cx *Context, b []byte) (v V, err error) {
	p, err := c.codec.Load(cx, b)
	if err != nil {
		return v, err
	}
	return c.wrap(p), nil
}

func (c casePayload[V, P]) store(cx *Context, v V, ptr uint32) error {
	return c.codec.Store(cx, c.unwrap(v), ptr)
}

func (c casePayload[V, P]) liftFlat(cx *Context, vi *CoreValues) (v V, err error) {
	p, err := c.codec.LiftFlat(cx, vi)
	if err != nil {
		return v, err
	}
	return c.wrap(p), nil
}

func (c casePayload[V, P]) lowerFlat(cx *Context, v V, vo *CoreValues) error {
	return c.codec.LowerFlat(cx, c.unwrap(v), vo)
}

type caseNone[V any] struct{ v V }

func (c caseNone[V]) load(*Context, []byte) (V, error)          { return c.v, nil }
func (c caseNone[V]) store(*Context, V, uint32) error           { return nil }
func (c caseNone[V]) liftFlat(*Context, *CoreValues) (V, error) { return c.v, nil }
func (c caseNone[V]) lowerFlat(*Context, V, *CoreValues) error  { return nil }

// Variant is the codec of a variant as Go type V, its cases in the order of
// the type. tag returns the number of a V's case.
func Variant[V any](tag func(V) uint32, cases ...Case[V]) Codec[V] {
	typ := &types.Variant{}
	for _, k := range cases {
		typ.Cases = append(typ.Cases, types.Case{Name: k.name, Type: k.typ})
	}
	return &variantCodec[V]{newVariantLayout(typ), tag, cases}
}

type variantCodec[V any] struct {
	variantLayout
	tag   func(V) uint32
	cases []Case[V]
}

func (c *variantCodec[V]) caseOf(disc uint32) (*Case[V], error) {
	if err := checkCase(disc, len(c.cases)); err != nil {
		return nil, err
	}
	return &c.cases[disc], nil
}

func (c *variantCodec[V]) tagOf(v V) (uint32, *Case[V], error) {
	disc := c.tag(v)
	if uint64(disc) >= uint64(len(c.cases)) {
		return 0, nil, trapf(TrapInvalidValue, "%T has case %d; there are %d", v, disc, len(c.cases))
	}
	return disc, &c.cases[disc], nil
}

func (c *variantCodec[V]) Load(cx *Context, b []byte) (v V, err error) {
	k, err := c.caseOf(c.loadDisc(b))
	if err != nil {
		return v, err
	}
	if v, err = k.ops.load(cx, c.payload(b, k.size)); err != nil {
		return v, AtCase(err, k.name)
	}
	return v, nil
}

func (c *variantCodec[V]) Store(cx *Context, v V, ptr uint32) error {
	disc, k, err := c.tagOf(v)
	if err != nil {
		return err
	}
	c.storeDisc(cx, disc, ptr)
	if err := k.ops.store(cx, v, ptr+c.PayloadOffset); err != nil {
		return AtCase(err, k.name)
	}
	return nil
}

func (c *variantCodec[V]) LiftFlat(cx *Context, vi *CoreValues) (v V, err error) {
	k, err := c.caseOf(uint32(vi.Next()))
	if err != nil {
		return v, err
	}
	if v, err = k.ops.liftFlat(cx, vi); err != nil {
		return v, AtCase(err, k.name)
	}
	vi.Skip(c.NumFlat - 1 - k.flat)
	return v, nil
}

func (c *variantCodec[V]) LowerFlat(cx *Context, v V, vo *CoreValues) error {
	disc, k, err := c.tagOf(v)
	if err != nil {
		return err
	}
	vo.Put(uint64(disc))
	if err := k.ops.lowerFlat(cx, v, vo); err != nil {
		return AtCase(err, k.name)
	}
	vo.Zero(c.NumFlat - 1 - k.flat)
	return nil
}

type unsigned interface{ ~uint8 | ~uint16 | ~uint32 }

// Enum is the codec of an enum as Go type T: the number of the label.
func Enum[T unsigned](labels ...string) Codec[T] {
	return &enumCodec[T]{newVariantLayout(&types.Enum{Labels: labels}), len(labels)}
}

type enumCodec[T unsigned] struct {
	variantLayout
	n int
}

func (c *enumCodec[T]) Load(_ *Context, b []byte) (T, error) {
	disc := c.loadDisc(b)
	return T(disc), checkCase(disc, c.n)
}

func (c *enumCodec[T]) Store(cx *Context, v T, ptr uint32) error {
	c.storeDisc(cx, uint32(v), ptr)
	return c.check(v)
}

func (c *enumCodec[T]) LiftFlat(_ *Context, vi *CoreValues) (T, error) {
	disc := uint32(vi.Next())
	return T(disc), checkCase(disc, c.n)
}

func (c *enumCodec[T]) LowerFlat(_ *Context, v T, vo *CoreValues) error {
	vo.Put(uint64(v))
	return c.check(v)
}

func (c *enumCodec[T]) check(v T) error {
	if uint64(v) >= uint64(c.n) {
		return trapf(TrapInvalidValue, "%T(%d) is no label: there are %d", v, v, c.n)
	}
	return nil
}

// Flags is the codec of flags as Go type T, the first label in the lowest bit.
// Bits without a label are dropped in both directions. It panics when T has
// fewer bits than there are labels.
func Flags[T unsigned](labels ...string) Codec[T] {
	mask := uint32(1<<uint(len(labels)) - 1)
	if len(labels) == 0 || len(labels) > layout.MaxFlags || uint32(T(mask)) != mask {
		panic(fmt.Sprintf("abi: Flags: %d labels in a %T", len(labels), T(0)))
	}
	return &flagsCodec[T]{&types.Flags{Labels: labels}, layout.FlagsSize(len(labels)), mask}
}

type flagsCodec[T unsigned] struct {
	typ  types.ValType
	size uint32
	mask uint32
}

func (c *flagsCodec[T]) Type() types.ValType { return c.typ }
func (c *flagsCodec[T]) Align() uint32       { return c.size }
func (c *flagsCodec[T]) Size() uint32        { return c.size }
func (c *flagsCodec[T]) Flat() int           { return 1 }

func (c *flagsCodec[T]) Load(_ *Context, b []byte) (T, error) { return T(loadUint(b) & c.mask), nil }

func (c *flagsCodec[T]) Store(cx *Context, v T, ptr uint32) error {
	storeUint(cx.memory(), ptr, c.size, uint32(v)&c.mask)
	return nil
}

func (c *flagsCodec[T]) LiftFlat(_ *Context, vi *CoreValues) (T, error) {
	return T(uint32(vi.Next()) & c.mask), nil
}

func (c *flagsCodec[T]) LowerFlat(_ *Context, v T, vo *CoreValues) error {
	vo.Put(uint64(uint32(v) & c.mask))
	return nil
}
