package validate

import (
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// named is a set of types that are known from outside by a name: value types
// and resource types by identity. Sets can be stacked.
type named struct {
	set map[any]struct{}
	up  *named
}

func (n *named) add(t any) {
	if n.set == nil {
		n.set = map[any]struct{}{}
	}
	n.set[t] = struct{}{}
}

func (n *named) has(t any) bool {
	for ; n != nil; n = n.up {
		if _, ok := n.set[t]; ok {
			return true
		}
	}
	return false
}

// visible tells whether every type that an import or export refers to has a
// name that was imported, or imported or exported, before, and enters the
// types that it names itself.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Explainer.md#external-visibility-of-types
func (v *validator) visible(e entity, names *named) (bool, error) {
	if err := v.step(); err != nil {
		return false, err
	}
	switch e.sort {
	case decode.SortFunc:
		return v.visibleFunc(e.fn, names)
	case decode.SortInstance:
		return v.visibleExports(&e.inst.exports, names)
	case decode.SortType:
		return v.visibleType(e.typ, names)
	}
	// A component's own imports and exports were checked with it.
	return true, nil
}

func (v *validator) visibleExports(x *externs, names *named) (bool, error) {
	for _, e := range x.list {
		if ok, err := v.visible(e.entity, names); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// visibleType checks a type that is itself imported or exported, and so has a
// name: what it refers to has to have one.
func (v *validator) visibleType(t typ, names *named) (bool, error) {
	switch t := t.(type) {
	case *types.Resource:
		names.add(t)
	case *types.Func:
		return v.visibleFunc(t, names)
	case *instance:
		// The names inside an instance type count inside it only.
		return v.visibleExports(&t.exports, &named{up: names})
	case types.Primitive:
	case types.ValType:
		if ok, err := v.visibleParts(t, names); !ok || err != nil {
			return false, err
		}
		names.add(t)
	}
	return true, nil
}

func (v *validator) visibleFunc(f *types.Func, names *named) (bool, error) {
	for _, p := range f.Params {
		if ok, err := v.visibleVal(p.Type, names); !ok || err != nil {
			return false, err
		}
	}
	return v.visibleVal(f.Result, names)
}

// visibleVal checks a reference to a value type. Records, variants, enums and
// flags have to have a name; of other types the parts are looked at.
func (v *validator) visibleVal(t types.ValType, names *named) (bool, error) {
	if err := v.step(); err != nil {
		return false, err
	}
	switch t := t.(type) {
	case nil, types.Primitive:
		return true, nil
	case *types.Record, *types.Variant, *types.Enum, *types.Flags:
		return names.has(t), nil
	}
	return v.visibleParts(t, names)
}

// visibleParts checks the types that a value type refers to.
func (v *validator) visibleParts(t types.ValType, names *named) (bool, error) {
	switch t := t.(type) {
	case *types.Own:
		return names.has(t.Resource), nil
	case *types.Borrow:
		return names.has(t.Resource), nil
	}
	for i := range numParts(t) {
		if ok, err := v.visibleVal(part(t, i), names); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// numParts is how many parts a value type has.
func numParts(t types.ValType) int {
	switch t := t.(type) {
	case *types.Record:
		return len(t.Fields)
	case *types.Tuple:
		return len(t.Elems)
	case *types.Variant:
		return len(t.Cases)
	case *types.List, *types.Option, *types.Stream, *types.Future:
		return 1
	case *types.Map, *types.Result:
		return 2
	}
	return 0
}

// part is one part of a value type; nil when it is absent.
func part(t types.ValType, i int) types.ValType {
	switch t := t.(type) {
	case *types.Record:
		return t.Fields[i].Type
	case *types.Tuple:
		return t.Elems[i]
	case *types.Variant:
		return t.Cases[i].Type
	case *types.List:
		return t.Elem
	case *types.Option:
		return t.Elem
	case *types.Stream:
		return t.Elem
	case *types.Future:
		return t.Elem
	case *types.Map:
		return [2]types.ValType{t.Key, t.Value}[i]
	case *types.Result:
		return [2]types.ValType{t.OK, t.Err}[i]
	}
	return nil
}
