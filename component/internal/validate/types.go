package validate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// typeDef checks a type definition and adds it to the type space.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#type-definitions
func (v *validator) typeDef(s *scope, d *decode.Type) error {
	t, err := v.defType(s, d.Type)
	if err != nil {
		return err
	}
	s.types = append(s.types, t)
	return nil
}

func (v *validator) defType(s *scope, t decode.DefType) (typ, error) {
	switch t := t.(type) {
	case *decode.Func:
		return v.funcTypeDef(s, t)
	case *decode.ComponentType:
		return v.componentType(s, t)
	case *decode.InstanceType:
		return v.instanceType(s, t)
	case *decode.ResourceType:
		return v.resourceType(s, t)
	}
	return v.defValType(s, t)
}

// primitives maps the binary codes to types.
var primitives = map[decode.PrimType]types.Primitive{
	decode.PrimBool: types.Bool, decode.PrimS8: types.S8, decode.PrimU8: types.U8, decode.PrimS16: types.S16,
	decode.PrimU16: types.U16, decode.PrimS32: types.S32, decode.PrimU32: types.U32, decode.PrimS64: types.S64,
	decode.PrimU64: types.U64, decode.PrimF32: types.F32, decode.PrimF64: types.F64, decode.PrimChar: types.Char,
	decode.PrimString: types.String, decode.PrimErrorContext: types.ErrorContext,
}

func (v *validator) primitive(p decode.PrimType) (types.ValType, error) {
	if p == decode.PrimErrorContext {
		if err := need(v.features.ErrorContext, "error-context values", "📝 error-context", proposed); err != nil {
			return nil, err
		}
	}
	t, ok := primitives[p]
	if !ok {
		return nil, fmt.Errorf("unknown primitive type %#x", uint8(p))
	}
	return t, nil
}

// valType resolves a reference to a value type.
func (v *validator) valType(s *scope, t decode.ValType) (types.ValType, error) {
	if t.Prim != 0 {
		return v.primitive(t.Prim)
	}
	d, err := s.typeAt(t.Index)
	if err != nil {
		return nil, err
	}
	val, ok := d.(types.ValType)
	if !ok {
		return nil, fmt.Errorf("type %d is %s, expected a value type", t.Index, kindOf(d))
	}
	return val, nil
}

// optional resolves a reference that may be absent.
func (v *validator) optional(s *scope, t *decode.ValType) (types.ValType, error) {
	if t == nil {
		return nil, nil
	}
	return v.valType(s, *t)
}

// defValType checks the definition of a value type.
func (v *validator) defValType(s *scope, t decode.DefType) (types.ValType, error) {
	switch t := t.(type) {
	case decode.PrimType:
		return v.primitive(t)
	case *decode.Record:
		return v.record(s, t)
	case *decode.Variant:
		return v.variant(s, t)
	case *decode.List:
		return v.list(s, t)
	case *decode.Map:
		return v.mapType(s, t)
	case *decode.Tuple:
		return v.tuple(s, t)
	case *decode.Flags:
		return v.flags(t)
	case *decode.Enum:
		return v.enum(t)
	case *decode.Option:
		elem, err := v.valType(s, t.Elem)
		if err != nil {
			return nil, fmt.Errorf("option: %w", err)
		}
		o := &types.Option{Elem: elem}
		return o, v.register(o, 0, elem)
	case *decode.Result:
		return v.result(s, t)
	case *decode.Own:
		r, err := s.resource(t.Resource)
		if err != nil {
			return nil, fmt.Errorf("own: %w", err)
		}
		o := &types.Own{Resource: r}
		return o, v.register(o, hasResource)
	case *decode.Borrow:
		r, err := s.resource(t.Resource)
		if err != nil {
			return nil, fmt.Errorf("borrow: %w", err)
		}
		b := &types.Borrow{Resource: r}
		return b, v.register(b, hasResource|hasBorrow)
	case *decode.Stream:
		return v.stream(s, t)
	case *decode.Future:
		return v.future(s, t)
	}
	return nil, fmt.Errorf("unknown type definition %T", t)
}

func (v *validator) record(s *scope, t *decode.Record) (types.ValType, error) {
	if len(t.Fields) == 0 {
		return nil, errors.New("a record has no field, one at least is expected")
	}
	r := &types.Record{Fields: make([]types.Field, len(t.Fields))}
	parts := make([]types.ValType, len(t.Fields))
	unique := labels{}
	for i, f := range t.Fields {
		if err := unique.add(f.Label); err != nil {
			return nil, fmt.Errorf("record field: %w", err)
		}
		elem, err := v.valType(s, f.Type)
		if err != nil {
			return nil, fmt.Errorf("record field %q: %w", f.Label, err)
		}
		r.Fields[i] = types.Field{Name: f.Label, Type: elem}
		parts[i] = elem
	}
	return r, v.register(r, 0, parts...)
}

func (v *validator) variant(s *scope, t *decode.Variant) (types.ValType, error) {
	if len(t.Cases) == 0 {
		return nil, errors.New("a variant has no case, one at least is expected")
	}
	w := &types.Variant{Cases: make([]types.Case, len(t.Cases))}
	parts := make([]types.ValType, len(t.Cases))
	unique := labels{}
	for i, c := range t.Cases {
		if err := unique.add(c.Label); err != nil {
			return nil, fmt.Errorf("variant case: %w", err)
		}
		elem, err := v.optional(s, c.Type)
		if err != nil {
			return nil, fmt.Errorf("variant case %q: %w", c.Label, err)
		}
		w.Cases[i] = types.Case{Name: c.Label, Type: elem}
		parts[i] = elem
	}
	return w, v.register(w, 0, parts...)
}

func (v *validator) list(s *scope, t *decode.List) (types.ValType, error) {
	elem, err := v.valType(s, t.Elem)
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	l := &types.List{Elem: elem, Length: t.Length}
	if !t.Fixed {
		return l, v.register(l, hasPointer, elem)
	}
	if err := need(v.features.FixedLengthLists, "lists of a fixed length", "🔧 fixed-length lists", proposed); err != nil {
		return nil, err
	}
	if t.Length == 0 {
		return nil, errors.New("a list of fixed length has no element, one at least is expected")
	}
	return l, v.register(l, 0, elem)
}

// mapType checks a map, whose key is bool, an integer, char or string.
func (v *validator) mapType(s *scope, t *decode.Map) (types.ValType, error) {
	key, err := v.valType(s, t.Key)
	if err != nil {
		return nil, fmt.Errorf("map key: %w", err)
	}
	switch key {
	case types.F32, types.F64, types.ErrorContext:
		return nil, fmt.Errorf("map key: found %s, expected bool, an integer, char or string", key)
	}
	if _, ok := key.(types.Primitive); !ok {
		return nil, errors.New("map key: found a defined type, expected bool, an integer, char or string")
	}
	val, err := v.valType(s, t.Value)
	if err != nil {
		return nil, fmt.Errorf("map value: %w", err)
	}
	m := &types.Map{Key: key, Value: val}
	return m, v.register(m, hasPointer, key, val)
}

func (v *validator) tuple(s *scope, t *decode.Tuple) (types.ValType, error) {
	if len(t.Elems) == 0 {
		return nil, errors.New("a tuple has no element, one at least is expected")
	}
	u := &types.Tuple{Elems: make([]types.ValType, len(t.Elems))}
	for i, e := range t.Elems {
		elem, err := v.valType(s, e)
		if err != nil {
			return nil, fmt.Errorf("tuple element %d: %w", i, err)
		}
		u.Elems[i] = elem
	}
	return u, v.register(u, 0, u.Elems...)
}

func (v *validator) flags(t *decode.Flags) (types.ValType, error) {
	if n := len(t.Labels); n == 0 || n > 32 {
		return nil, fmt.Errorf("flags have %d labels, 1 to 32 are expected", n)
	}
	f := &types.Flags{Labels: t.Labels}
	if err := uniqueLabels(t.Labels); err != nil {
		return nil, fmt.Errorf("flag: %w", err)
	}
	return f, v.register(f, 0)
}

func (v *validator) enum(t *decode.Enum) (types.ValType, error) {
	if len(t.Labels) == 0 {
		return nil, errors.New("an enum has no label, one at least is expected")
	}
	if err := uniqueLabels(t.Labels); err != nil {
		return nil, fmt.Errorf("enum label: %w", err)
	}
	e := &types.Enum{Labels: t.Labels}
	return e, v.register(e, 0)
}

func (v *validator) result(s *scope, t *decode.Result) (types.ValType, error) {
	ok, err := v.optional(s, t.OK)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	fail, err := v.optional(s, t.Err)
	if err != nil {
		return nil, fmt.Errorf("result error: %w", err)
	}
	r := &types.Result{OK: ok, Err: fail}
	return r, v.register(r, 0, ok, fail)
}

func (v *validator) stream(s *scope, t *decode.Stream) (types.ValType, error) {
	elem, err := v.asyncElem(s, t.Elem)
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	if elem == types.Char {
		return nil, errors.New("stream<char> is not valid at this time")
	}
	if err := v.needAsync("streams"); err != nil {
		return nil, err
	}
	st := &types.Stream{Elem: elem}
	return st, v.register(st, 0, elem)
}

func (v *validator) future(s *scope, t *decode.Future) (types.ValType, error) {
	elem, err := v.asyncElem(s, t.Elem)
	if err != nil {
		return nil, fmt.Errorf("future: %w", err)
	}
	if err := v.needAsync("futures"); err != nil {
		return nil, err
	}
	f := &types.Future{Elem: elem}
	return f, v.register(f, 0, elem)
}

// asyncElem resolves the element of a stream or future, which has no borrow.
func (v *validator) asyncElem(s *scope, t *decode.ValType) (types.ValType, error) {
	elem, err := v.optional(s, t)
	if err != nil {
		return nil, err
	}
	if elem != nil && v.infoOf(elem).flags&hasBorrow != 0 {
		return nil, errors.New("the element contains a borrow")
	}
	return elem, nil
}

// funcTypeDef checks a function type.
func (v *validator) funcTypeDef(s *scope, t *decode.Func) (typ, error) {
	if t.Async {
		if err := v.needAsync("async function types"); err != nil {
			return nil, err
		}
	}
	f := &types.Func{Async: t.Async, Params: make([]types.Param, len(t.Params))}
	unique := labels{}
	for i, p := range t.Params {
		if err := unique.add(p.Label); err != nil {
			return nil, fmt.Errorf("param: %w", err)
		}
		elem, err := v.valType(s, p.Type)
		if err != nil {
			return nil, fmt.Errorf("param %q: %w", p.Label, err)
		}
		f.Params[i] = types.Param{Name: p.Label, Type: elem}
	}
	var err error
	if f.Result, err = v.optional(s, t.Result); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	if f.Result != nil && v.infoOf(f.Result).flags&hasBorrow != 0 {
		return nil, errors.New("result: it contains a borrow, which cannot be returned")
	}
	return f, checkExtent(v.funcExtent(f))
}

// resourceType checks the definition of a resource type, which only a
// component can have.
func (v *validator) resourceType(s *scope, t *decode.ResourceType) (typ, error) {
	if s.kind != scopeComponent {
		return nil, errors.New("a resource type can be defined in a component only, not in a type")
	}
	if t.Rep != corebin.I32 {
		if t.Rep == corebin.I64 {
			return nil, gated("resources represented by i64", "🐘 memory64", proposed)
		}
		return nil, fmt.Errorf("a resource is represented by %s, expected i32", t.Rep)
	}
	if t.Dtor != nil {
		f, err := s.coreFunc(*t.Dtor)
		if err != nil {
			return nil, fmt.Errorf("destructor: %w", err)
		}
		if !sameFunc(f, dtorType) {
			return nil, fmt.Errorf("destructor: it is a %s, expected %s", funcText(f), funcText(dtorType))
		}
	}
	r := &types.Resource{}
	s.local.add(r)
	return r, nil
}

// instanceType checks an instance type.
func (v *validator) instanceType(s *scope, t *decode.InstanceType) (typ, error) {
	inner := newScope(scopeInstanceType, s)
	for _, d := range t.Decls {
		if err := v.def(inner, d); err != nil {
			return nil, err
		}
	}
	return &instance{exports: inner.exports, bound: inner.defined}, nil
}

// componentType checks a component type.
func (v *validator) componentType(s *scope, t *decode.ComponentType) (typ, error) {
	inner := newScope(scopeComponentType, s)
	for _, d := range t.Decls {
		if err := v.def(inner, d); err != nil {
			return nil, err
		}
	}
	c := &component{imports: inner.imports, exports: inner.exports, imported: inner.imported, defined: inner.defined}
	return c, checkExtent(v.typeExtent(c))
}

// componentOf returns the type of a component whose definitions are checked.
// Resource types that it exports and did not import are made anew by each
// instantiation.
func (v *validator) componentOf(s *scope) (*component, error) {
	c := &component{imports: s.imports, exports: s.exports, imported: s.imported}
	var seen resourceSet
	for _, r := range s.imported {
		seen.add(r)
	}
	if err := v.collect(&c.exports, &seen, &c.defined); err != nil {
		return nil, err
	}
	return c, checkExtent(v.typeExtent(c))
}

// collect appends the resource types among exports, those of instances too,
// that were not seen before.
func (v *validator) collect(x *externs, seen *resourceSet, found *[]*types.Resource) error {
	for _, e := range x.list {
		if err := v.step(); err != nil {
			return err
		}
		if e.sort == decode.SortInstance {
			if err := v.collect(&e.inst.exports, seen, found); err != nil {
				return err
			}
		}
		if r, ok := e.typ.(*types.Resource); ok && !seen.has(v.root(r)) {
			seen.add(v.root(r))
			*found = append(*found, v.root(r))
		}
	}
	return nil
}

// labels are the labels of one definition, lower case, which are unique.
type labels map[string]struct{}

func (l labels) add(label string) error {
	if err := checkLabel(label); err != nil {
		return err
	}
	key := strings.ToLower(label)
	if _, taken := l[key]; taken {
		return fmt.Errorf("%q conflicts with a previous label", label)
	}
	l[key] = struct{}{}
	return nil
}

func uniqueLabels(list []string) error {
	unique := make(labels, len(list))
	for _, l := range list {
		if err := unique.add(l); err != nil {
			return err
		}
	}
	return nil
}
