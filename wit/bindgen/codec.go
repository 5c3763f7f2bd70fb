package bindgen

import (
	"fmt"
	"strings"

	"go.bytecodealliance.org/wit"
)

// codecOf returns an expression for the codec of a type: one of package abi, a
// named type's, or a variable of this file for an anonymous type.
func (f *file) codecOf(t wit.Type) string {
	switch t := t.(type) {
	case nil:
		return f.abi("None")
	case *wit.TypeDef:
		if t.Name != nil {
			return f.codecOfNamed(t)
		}
		return f.codecOfKind(t, t.Kind)
	case wit.Type:
		return f.abi(capital(t.WIT(nil, "")))
	}
	return ""
}

// codecOfNamed returns the codec of a named type; an alias has that of what it
// stands for.
func (f *file) codecOfNamed(d *wit.TypeDef) string {
	d = used(d)
	switch k := d.Kind.(type) {
	case *wit.Record, *wit.Variant, *wit.Enum, *wit.Flags:
		return f.qualify(d, "Codec")
	case *wit.Resource:
		return f.handle("own", d)
	case *wit.TypeDef:
		return f.codecOf(k)
	case wit.Type:
		return f.codecOf(k)
	default:
		return f.codecOfKind(d, k)
	}
}

// codecOfKind returns the variable with an anonymous type's codec, which it
// declares the first time.
func (f *file) codecOfKind(t *wit.TypeDef, k wit.TypeDefKind) string {
	switch k := k.(type) {
	case *wit.List:
		if isU8(k.Type) {
			return f.abi("Bytes")
		}
		return f.variable("listOf"+f.nickname(k.Type), k, func() string {
			return f.call("List", k.Type)
		})
	case *wit.Option:
		return f.variable("optionOf"+f.nickname(k.Type), k, func() string {
			return f.call("OptionOf", k.Type)
		})
	case *wit.Result:
		return f.variable(f.resultNickname(k), k, func() string {
			return f.call("ResultOf", k.OK, k.Err)
		})
	case *wit.Tuple:
		name := "tupleOf"
		for _, e := range k.Types {
			name += f.nickname(e)
		}
		return f.variable(name, k, func() string {
			return f.call(fmt.Sprintf("Tuple%dOf", len(k.Types)), k.Types...)
		})
	case *wit.Own:
		return f.handle("own", k.Type)
	case *wit.Borrow:
		return f.handle("borrow", k.Type)
	case wit.Type:
		return f.codecOf(k)
	}
	f.check(unsupported(k), "type")
	return ""
}

// call writes a call of one of package abi's codec constructors.
func (f *file) call(constructor string, types ...wit.Type) string {
	var args []string
	for _, t := range types {
		args = append(args, f.codecOf(t))
	}
	return f.abi(constructor) + "(" + strings.Join(args, ", ") + ")"
}

// handle returns the variable with the codec of an own or borrow handle.
func (f *file) handle(kind string, resource *wit.TypeDef) string {
	root := resource.Root()
	if !f.g.enabled(root.Stability) {
		f.fail("resource %q is behind a feature gate that is closed", root.TypeName())
	}
	name := kind + exported(*root.Name)
	return f.declare(name, kind+" "+f.qualify(root, ""), func() string {
		return f.qualify(root, "Resource") + "." + capital(kind) + "()"
	})
}

// variable declares a codec once for each anonymous type.
func (f *file) variable(name string, k wit.TypeDefKind, value func() string) string {
	return f.declare(name, f.key(k), value)
}

// declare declares a package-level codec, once for each key.
func (f *file) declare(name, key string, value func() string) string {
	if v, ok := f.codecs[key]; ok {
		return v
	}
	v := value() // declares its parts first
	name = f.names.pick(name)
	f.codecs[key] = name
	fmt.Fprintf(&f.variables, "\t%s = %s\n", name, v)
	return name
}

// key tells anonymous types apart: their WIT text with Go's qualified names.
func (f *file) key(k wit.TypeDefKind) string {
	switch k := k.(type) {
	case nil:
		return "_"
	case *wit.TypeDef:
		d := used(k)
		if d.Name == nil {
			return f.key(d.Kind)
		}
		switch d.Kind.(type) {
		case *wit.Record, *wit.Variant, *wit.Enum, *wit.Flags, *wit.Resource:
			return f.typeName(d)
		}
		return f.key(d.Kind)
	case *wit.List:
		return "list<" + f.key(k.Type) + ">"
	case *wit.Option:
		return "option<" + f.key(k.Type) + ">"
	case *wit.Result:
		return "result<" + f.key(k.OK) + "," + f.key(k.Err) + ">"
	case *wit.Tuple:
		var elems []string
		for _, t := range k.Types {
			elems = append(elems, f.key(t))
		}
		return "tuple<" + strings.Join(elems, ",") + ">"
	case *wit.Own:
		return "own<" + f.typeName(k.Type.Root()) + ">"
	case *wit.Borrow:
		return "borrow<" + f.typeName(k.Type.Root()) + ">"
	case wit.Type:
		return k.WIT(nil, "")
	}
	return fmt.Sprintf("%T", k)
}

// nickname is a type's part of a variable's name.
func (f *file) nickname(t wit.TypeDefKind) string {
	switch t := t.(type) {
	case nil:
		return "None"
	case *wit.TypeDef:
		if t.Name != nil {
			return exported(*t.Name)
		}
		return f.nickname(t.Kind)
	case *wit.List:
		if isU8(t.Type) {
			return "Bytes"
		}
		return "List" + f.nickname(t.Type)
	case *wit.Option:
		return "Option" + f.nickname(t.Type)
	case *wit.Result:
		return capital(f.resultNickname(t))
	case *wit.Tuple:
		name := "Tuple"
		for _, e := range t.Types {
			name += f.nickname(e)
		}
		return name
	case *wit.Own:
		return exported(*t.Type.Name)
	case *wit.Borrow:
		return "Borrow" + exported(*t.Type.Name)
	case wit.Type:
		return capital(t.WIT(nil, ""))
	}
	return "Type"
}

func (f *file) resultNickname(r *wit.Result) string {
	return "resultOf" + f.nickname(r.OK) + "Or" + f.nickname(r.Err)
}
