package validate

import (
	"fmt"
	"slices"

	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// env says what the resource types that a type introduces stand for while it
// is compared or copied: nil for one that is not yet known.
type env struct {
	bound map[*types.Resource]*types.Resource
	// vals maps the value types that a component imports by name to the arguments',
	// which go by other names; nil when that does not matter.
	vals map[types.ValType]types.ValType
	up   *env
}

// open returns an environment in which resource types are not yet known.
func open(up *env, lists ...[]*types.Resource) *env {
	e := &env{up: up, bound: map[*types.Resource]*types.Resource{}}
	for _, list := range lists {
		for _, r := range list {
			e.bound[r] = nil
		}
	}
	return e
}

// resolve returns the resource type that r stands for.
func (v *validator) resolve(r *types.Resource, e *env) *types.Resource {
	r = v.root(r)
	for ; e != nil; e = e.up {
		if known, ok := e.bound[r]; known != nil {
			return known
		} else if ok {
			break
		}
	}
	return r
}

// bind makes r, if it is one of the innermost environment's that is not yet
// known, stand for actual.
func (e *env) bind(r, actual *types.Resource) bool {
	if e == nil {
		return false
	}
	known, mine := e.bound[r]
	if !mine || known != nil {
		return false
	}
	e.bound[r] = actual
	return true
}

// subtype checks that an entity of type a, seen in environment ea, can stand
// where one of type b, seen in eb, is expected. Resource types that b
// introduces are bound in eb to those of a.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Explainer.md#type-checking
func (v *validator) subtype(a entity, ea *env, b entity, eb *env) error {
	if err := v.step(); err != nil {
		return err
	}
	if a.sort != b.sort {
		return fmt.Errorf("found %s, expected %s", some(a.sort), some(b.sort))
	}
	switch a.sort {
	case decode.SortCoreModule:
		return v.subtypeModule(a.module, b.module)
	case decode.SortFunc:
		return v.sameFunc(a.fn, ea, b.fn, eb)
	case decode.SortComponent:
		return v.subtypeComponent(a.comp, ea, b.comp, eb)
	case decode.SortInstance:
		return v.subtypeExports(&a.inst.exports, ea, &b.inst.exports, eb)
	default:
		return v.subtypeType(a.typ, ea, b.typ, eb)
	}
}

// subtypeType compares a type with a type bound: any resource type for one
// that b introduces here, an equal type otherwise.
func (v *validator) subtypeType(a typ, ea *env, b typ, eb *env) error {
	rb, ok := b.(*types.Resource)
	if !ok {
		err := v.sameType(a, ea, b, eb)
		if vb, ok := b.(types.ValType); ok && err == nil && eb != nil && eb.vals != nil {
			if _, ok := b.(types.Primitive); !ok {
				eb.vals[vb] = a.(types.ValType)
			}
		}
		return err
	}
	ra, ok := a.(*types.Resource)
	if !ok {
		return fmt.Errorf("found %s, expected a resource type", kindOf(a))
	}
	if eb.bind(v.root(rb), v.resolve(ra, ea)) {
		return nil
	}
	return v.sameResource(ra, ea, rb, eb)
}

func (v *validator) sameResource(a *types.Resource, ea *env, b *types.Resource, eb *env) error {
	if v.resolve(a, ea) != v.resolve(b, eb) {
		return fmt.Errorf("resource types are not the same: found %q, expected %q", a.Name, b.Name)
	}
	return nil
}

// sameType checks that two types are equal.
func (v *validator) sameType(a typ, ea *env, b typ, eb *env) error {
	if err := v.step(); err != nil {
		return err
	}
	switch b := b.(type) {
	case *types.Resource:
		if a, ok := a.(*types.Resource); ok {
			return v.sameResource(a, ea, b, eb)
		}
	case *types.Func:
		if a, ok := a.(*types.Func); ok {
			return v.sameFunc(a, ea, b, eb)
		}
	case *instance:
		if a, ok := a.(*instance); ok {
			return v.sameInstance(a, ea, b, eb)
		}
	case *component:
		if a, ok := a.(*component); ok {
			if err := v.subtypeComponent(a, ea, b, eb); err != nil {
				return err
			}
			return v.subtypeComponent(b, eb, a, ea)
		}
	case types.ValType:
		if a, ok := a.(types.ValType); ok {
			return v.sameVal(a, ea, b, eb)
		}
	}
	return fmt.Errorf("found %s, expected %s", kindOf(a), kindOf(b))
}

// sameInstance checks that each of two instance types is a subtype of the other.
func (v *validator) sameInstance(a *instance, ea *env, b *instance, eb *env) error {
	if err := v.subtypeExports(&a.exports, open(ea, nil), &b.exports, open(eb, b.bound)); err != nil {
		return err
	}
	return v.subtypeExports(&b.exports, open(eb, nil), &a.exports, open(ea, a.bound))
}

// subtypeExports checks that a has every export of b, with a subtype of its type.
func (v *validator) subtypeExports(a *externs, ea *env, b *externs, eb *env) error {
	for _, want := range b.list {
		if err := v.look(want.name); err != nil {
			return err
		}
		have, ok := a.lookup(want.name)
		if !ok {
			return fmt.Errorf("missing export %q", want.name)
		}
		if err := v.subtype(have, ea, want.entity, eb); err != nil {
			return fmt.Errorf("export %q: %w", want.name, err)
		}
	}
	return nil
}

// subtypeComponent checks that a imports no more than b, and exports no less.
func (v *validator) subtypeComponent(a *component, ea *env, b *component, eb *env) error {
	ea, eb = open(ea, a.imported), open(eb, b.defined)
	for _, want := range a.imports.list {
		if err := v.look(want.name); err != nil {
			return err
		}
		have, ok := b.imports.lookup(want.name)
		if !ok {
			return fmt.Errorf("it has the import %q, which is not expected", want.name)
		}
		if err := v.subtype(have, eb, want.entity, ea); err != nil {
			return fmt.Errorf("import %q: %w", want.name, err)
		}
	}
	return v.subtypeExports(&a.exports, ea, &b.exports, eb)
}

// sameFunc checks that two function types are equal, parameter names included.
func (v *validator) sameFunc(a *types.Func, ea *env, b *types.Func, eb *env) error {
	if a.Async != b.Async {
		return fmt.Errorf("found %s function, expected %s", asyncText(a), asyncText(b))
	}
	if len(a.Params) != len(b.Params) {
		return fmt.Errorf("found %d params, expected %d", len(a.Params), len(b.Params))
	}
	for i, p := range b.Params {
		if err := v.look(p.Name); err != nil {
			return err
		}
		if a.Params[i].Name != p.Name {
			return fmt.Errorf("found param %q, expected %q", a.Params[i].Name, p.Name)
		}
		if err := v.sameVal(a.Params[i].Type, ea, p.Type, eb); err != nil {
			return fmt.Errorf("param %q: %w", p.Name, err)
		}
	}
	if err := v.sameOptional(a.Result, ea, b.Result, eb); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return nil
}

// some returns a sort with its article.
func some(sort decode.Sort) string {
	if sort == decode.SortInstance {
		return "an " + sort.String()
	}
	return "a " + sort.String()
}

func asyncText(f *types.Func) string {
	if f.Async {
		return "an async"
	}
	return "a synchronous"
}

// sameOptional compares types that may be absent.
func (v *validator) sameOptional(a types.ValType, ea *env, b types.ValType, eb *env) error {
	switch {
	case a == nil && b == nil:
		return nil
	case a == nil:
		return fmt.Errorf("found no type, expected %s", b)
	case b == nil:
		return fmt.Errorf("found %s, expected no type", a)
	}
	return v.sameVal(a, ea, b, eb)
}

// sameVal checks that two value types are equal.
func (v *validator) sameVal(a types.ValType, ea *env, b types.ValType, eb *env) error {
	if err := v.step(); err != nil {
		return err
	}
	if a == b && v.infoOf(a).flags&hasResource == 0 {
		return nil
	}
	if err := v.sameShape(a, ea, b, eb); err != nil {
		return err
	}
	for i := range numParts(b) {
		if err := v.sameOptional(part(a, i), ea, part(b, i), eb); err != nil {
			return fmt.Errorf("%s: %w", partName(b, i), err)
		}
	}
	return nil
}

// sameShape compares all of two value types but their parts.
func (v *validator) sameShape(a types.ValType, ea *env, b types.ValType, eb *env) error {
	if err := v.charge(labelSteps(b)); err != nil {
		return err
	}
	same := false
	switch b := b.(type) {
	case types.Primitive:
		same = a == b
	case *types.Own:
		if a, ok := a.(*types.Own); ok {
			return v.sameResource(a.Resource, ea, b.Resource, eb)
		}
	case *types.Borrow:
		if a, ok := a.(*types.Borrow); ok {
			return v.sameResource(a.Resource, ea, b.Resource, eb)
		}
	case *types.List:
		a, ok := a.(*types.List)
		same = ok && a.Length == b.Length
	case *types.Record:
		a, ok := a.(*types.Record)
		same = ok && slices.EqualFunc(a.Fields, b.Fields, func(x, y types.Field) bool { return x.Name == y.Name })
	case *types.Variant:
		a, ok := a.(*types.Variant)
		same = ok && slices.EqualFunc(a.Cases, b.Cases, func(x, y types.Case) bool { return x.Name == y.Name })
	case *types.Tuple:
		a, ok := a.(*types.Tuple)
		same = ok && len(a.Elems) == len(b.Elems)
	case *types.Flags:
		a, ok := a.(*types.Flags)
		same = ok && slices.Equal(a.Labels, b.Labels)
	case *types.Enum:
		a, ok := a.(*types.Enum)
		same = ok && slices.Equal(a.Labels, b.Labels)
	case *types.Map:
		_, same = a.(*types.Map)
	case *types.Option:
		_, same = a.(*types.Option)
	case *types.Result:
		_, same = a.(*types.Result)
	case *types.Stream:
		_, same = a.(*types.Stream)
	case *types.Future:
		_, same = a.(*types.Future)
	}
	if !same {
		return fmt.Errorf("found %s, expected %s", a, b)
	}
	return nil
}

// labelSteps is what comparing a value type's labels counts.
func labelSteps(t types.ValType) (n int) {
	switch t := t.(type) {
	case *types.Record:
		for _, f := range t.Fields {
			n += len(f.Name) / nameStep
		}
	case *types.Variant:
		for _, c := range t.Cases {
			n += len(c.Name) / nameStep
		}
	case *types.Enum:
		for _, l := range t.Labels {
			n += 1 + len(l)/nameStep
		}
	}
	return n
}

// partName names a part of a value type in errors.
func partName(t types.ValType, i int) string {
	switch t := t.(type) {
	case *types.Record:
		return fmt.Sprintf("record field %q", t.Fields[i].Name)
	case *types.Variant:
		return fmt.Sprintf("variant case %q", t.Cases[i].Name)
	case *types.Tuple:
		return fmt.Sprintf("tuple element %d", i)
	case *types.Result:
		return [2]string{"result", "result error"}[i]
	case *types.Map:
		return [2]string{"map key", "map value"}[i]
	case *types.Option:
		return "option"
	case *types.List:
		return "list"
	case *types.Stream:
		return "stream"
	default:
		return "future"
	}
}
