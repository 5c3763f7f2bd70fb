package bindgen

import (
	"fmt"
	"strings"

	"go.bytecodealliance.org/wit"
)

// maxTuple is the number of elements of the widest tuple that package abi has.
const maxTuple = 8

// goType returns a type as Go spells it in this file. A nil type, the missing
// payload of a result, is abi.Unit.
func (f *file) goType(t wit.Type) string {
	switch t := t.(type) {
	case nil:
		return f.abi("Unit")
	case wit.Bool:
		return "bool"
	case wit.S8:
		return "int8"
	case wit.U8:
		return "uint8"
	case wit.S16:
		return "int16"
	case wit.U16:
		return "uint16"
	case wit.S32:
		return "int32"
	case wit.U32:
		return "uint32"
	case wit.S64:
		return "int64"
	case wit.U64:
		return "uint64"
	case wit.F32:
		return "float32"
	case wit.F64:
		return "float64"
	case wit.Char:
		return "rune"
	case wit.String:
		return "string"
	case *wit.TypeDef:
		if t.Name != nil {
			return f.typeName(t)
		}
		return f.goKind(t.Kind)
	}
	f.check(unsupported(t), "type")
	return "struct{}"
}

// goKind returns an anonymous type.
func (f *file) goKind(k wit.TypeDefKind) string {
	switch k := k.(type) {
	case *wit.List:
		if isU8(k.Type) {
			return "[]byte"
		}
		return "[]" + f.goType(k.Type)
	case *wit.Option:
		return f.abi("Option") + "[" + f.goType(k.Type) + "]"
	case *wit.Result:
		return f.abi("Result") + "[" + f.goType(k.OK) + ", " + f.goType(k.Err) + "]"
	case *wit.Tuple:
		if n := len(k.Types); n > maxTuple || n == 0 {
			f.fail("a tuple of %d: 1 to %d are supported", n, maxTuple)
		}
		var elems []string
		for _, t := range k.Types {
			elems = append(elems, f.goType(t))
		}
		return fmt.Sprintf("%s[%s]", f.abi(fmt.Sprintf("Tuple%d", len(elems))), strings.Join(elems, ", "))
	case *wit.Own:
		return f.typeName(k.Type)
	case *wit.Borrow:
		return f.typeName(k.Type)
	case wit.Type:
		return f.goType(k)
	}
	f.check(unsupported(k), "type")
	return "struct{}"
}

// typeName returns the name of a named type, qualified when it is another
// interface's.
func (f *file) typeName(d *wit.TypeDef) string { return f.qualify(d, "") }

// qualify returns the name of a named type with a suffix, such as the variable
// that goes with it.
func (f *file) qualify(d *wit.TypeDef, suffix string) string {
	d = used(d)
	owner, ok := d.Owner.(*wit.Interface)
	if !ok || owner.Name == nil {
		f.fail("type %q belongs to a world: only types of named interfaces are supported", d.TypeName())
		return "struct{}"
	}
	if owner == f.iface {
		return f.types[d] + suffix
	}
	return f.imports.bindings(f.g.packages[owner], owner) + "." + f.g.typeNames(owner, names{})[d] + suffix
}

func isU8(t wit.Type) bool {
	if d, ok := t.(*wit.TypeDef); ok {
		t, ok = d.Root().Kind.(wit.Type)
		if !ok {
			return false
		}
	}
	_, ok := t.(wit.U8)
	return ok
}

// witText returns a type as WIT writes it.
func witText(t wit.TypeDefKind) string {
	switch t := t.(type) {
	case nil:
		return "_"
	case *wit.TypeDef:
		if t.Name != nil {
			return *t.Name
		}
		return witText(t.Kind)
	case *wit.List:
		return "list<" + witText(t.Type) + ">"
	case *wit.Option:
		return "option<" + witText(t.Type) + ">"
	case *wit.Result:
		return "result" + resultArguments(t)
	case *wit.Tuple:
		var elems []string
		for _, e := range t.Types {
			elems = append(elems, witText(e))
		}
		return "tuple<" + strings.Join(elems, ", ") + ">"
	case *wit.Own:
		return witText(t.Type)
	case *wit.Borrow:
		return "borrow<" + witText(t.Type) + ">"
	case wit.Type:
		return t.WIT(nil, "")
	}
	return fmt.Sprintf("%T", t)
}

func resultArguments(r *wit.Result) string {
	switch {
	case r.OK == nil && r.Err == nil:
		return ""
	case r.Err == nil:
		return "<" + witText(r.OK) + ">"
	case r.OK == nil:
		return "<_, " + witText(r.Err) + ">"
	}
	return "<" + witText(r.OK) + ", " + witText(r.Err) + ">"
}
