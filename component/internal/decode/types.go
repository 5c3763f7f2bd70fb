package decode

import (
	"fmt"

	"github.com/wasinn/wasinn/component/internal/corebin"
)

// typ reads type.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#type-definitions
func (d *decoder) typ(r *corebin.Reader) (_ *Type, err error) {
	t := &Type{Offset: r.Pos()}
	t.Type, err = d.defType(r)
	return t, err
}

// defType reads deftype.
func (d *decoder) defType(r *corebin.Reader) (DefType, error) {
	b, err := r.Byte()
	if err != nil {
		return nil, err
	}
	switch b {
	case 0x40, 0x43:
		return funcType(r, b == 0x43)
	case 0x41:
		return d.componentType(r)
	case 0x42:
		return d.instanceType(r)
	case 0x3f:
		return resourceType(r)
	}
	return defValType(r, b)
}

// defValType reads defvaltype after its code.
func defValType(r *corebin.Reader, code byte) (DefType, error) {
	if p := PrimType(code); p.known() {
		return p, nil
	}
	switch code {
	case 0x72:
		fields, err := corebin.Vec(r, 2, "field", labelValType)
		return &Record{Fields: fields}, step("record", err)
	case 0x71:
		cases, err := corebin.Vec(r, 3, "case", variantCase)
		return &Variant{Cases: cases}, step("variant", err)
	case 0x70:
		elem, err := valType(r)
		return &List{Elem: elem}, step("list", err)
	case 0x67:
		return fixedList(r)
	case 0x6f:
		elems, err := corebin.Vec(r, 1, "element", valType)
		return &Tuple{Elems: elems}, step("tuple", err)
	case 0x6e:
		labels, err := corebin.Vec(r, 1, "label", (*corebin.Reader).Name)
		return &Flags{Labels: labels}, step("flags", err)
	case 0x6d:
		labels, err := corebin.Vec(r, 1, "label", (*corebin.Reader).Name)
		return &Enum{Labels: labels}, step("enum", err)
	case 0x6b:
		elem, err := valType(r)
		return &Option{Elem: elem}, step("option", err)
	case 0x6a:
		return resultType(r)
	case 0x69:
		i, err := r.U32()
		return &Own{Resource: i}, step("own", err)
	case 0x68:
		i, err := r.U32()
		return &Borrow{Resource: i}, step("borrow", err)
	case 0x66:
		elem, err := optional(r, valType)
		return &Stream{Elem: elem}, step("stream", err)
	case 0x65:
		elem, err := optional(r, valType)
		return &Future{Elem: elem}, step("future", err)
	case 0x63:
		return mapType(r)
	}
	return nil, r.ErrorAt(r.Pos()-1, "unknown type 0x%02x", code)
}

// step adds what to the path of an error, if there is one.
func step(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// named adds a quoted name to the path of an error, if there is one.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q: %w", name, err)
}

// known tells whether p is the code of a primitive type.
func (p PrimType) known() bool { return p >= PrimString && p <= PrimBool || p == PrimErrorContext }

// valType reads valtype: a code below 0 as a signed number, or an index.
func valType(r *corebin.Reader) (ValType, error) {
	at := r.Pos()
	v, err := r.S33()
	if err != nil {
		return ValType{}, err
	}
	if v >= 0 {
		return ValType{Index: uint32(v)}, nil
	}
	if p := PrimType(v & 0x7f); v >= -64 && p.known() {
		return ValType{Prim: p}, nil
	}
	return ValType{}, r.ErrorAt(at, "unknown valtype 0x%02x", v&0x7f)
}

// optional reads a byte that tells whether a T follows; nil when none does.
func optional[T any](r *corebin.Reader, read func(*corebin.Reader) (T, error)) (*T, error) {
	some, err := r.Flag("presence")
	if err != nil || !some {
		return nil, err
	}
	t, err := read(r)
	return &t, err
}

func labelValType(r *corebin.Reader) (f LabelValType, err error) {
	if f.Label, err = r.Name(); err != nil {
		return f, err
	}
	f.Type, err = valType(r)
	return f, named(f.Label, err)
}

func variantCase(r *corebin.Reader) (c Case, err error) {
	if c.Label, err = r.Name(); err != nil {
		return c, err
	}
	if c.Type, err = optional(r, valType); err == nil {
		err = r.Expect(0, "end of a case")
	}
	return c, named(c.Label, err)
}

func fixedList(r *corebin.Reader) (DefType, error) {
	elem, err := valType(r)
	if err != nil {
		return nil, step("list", err)
	}
	n, err := r.U32()
	return &List{Elem: elem, Fixed: true, Length: n}, step("list length", err)
}

func resultType(r *corebin.Reader) (_ DefType, err error) {
	t := &Result{}
	if t.OK, err = optional(r, valType); err != nil {
		return nil, step("result", err)
	}
	t.Err, err = optional(r, valType)
	return t, step("result error", err)
}

func mapType(r *corebin.Reader) (_ DefType, err error) {
	t := &Map{}
	if t.Key, err = valType(r); err != nil {
		return nil, step("map key", err)
	}
	t.Value, err = valType(r)
	return t, step("map value", err)
}

func funcType(r *corebin.Reader, async bool) (_ DefType, err error) {
	f := &Func{Async: async}
	if f.Params, err = corebin.Vec(r, 2, "param", labelValType); err != nil {
		return nil, step("func", err)
	}
	f.Result, err = resultList(r)
	return f, step("func", err)
}

// resultList reads resultlist: one type or none.
func resultList(r *corebin.Reader) (*ValType, error) {
	none, err := r.Flag("results")
	if err != nil {
		return nil, err
	}
	if none {
		return nil, r.Expect(0, "number of results")
	}
	t, err := valType(r)
	return &t, step("result", err)
}

func resourceType(r *corebin.Reader) (_ DefType, err error) {
	t := &ResourceType{}
	if t.Rep, err = corebin.ReadValType(r); err != nil {
		return nil, step("resource", err)
	}
	t.Dtor, err = optional(r, (*corebin.Reader).U32)
	return t, step("resource", err)
}

func (d *decoder) componentType(r *corebin.Reader) (DefType, error) {
	decls, err := d.decls(r, true)
	return &ComponentType{Decls: decls}, step("component type", err)
}

func (d *decoder) instanceType(r *corebin.Reader) (DefType, error) {
	decls, err := d.decls(r, false)
	return &InstanceType{Decls: decls}, step("instance type", err)
}

// decls reads the declarations of a component type, or of an instance type,
// which has no imports.
func (d *decoder) decls(r *corebin.Reader, imports bool) ([]Def, error) {
	if err := d.enter(r); err != nil {
		return nil, err
	}
	defer d.leave()
	return corebin.Vec(r, 2, "decl", func(r *corebin.Reader) (Def, error) { return d.decl(r, imports) })
}

// decl reads componentdecl or instancedecl.
func (d *decoder) decl(r *corebin.Reader, imports bool) (Def, error) {
	at := r.Pos()
	b, err := r.Byte()
	if err != nil {
		return nil, err
	}
	switch {
	case b == 0x00:
		return asDef(coreType(r))
	case b == 0x01:
		return asDef(d.typ(r))
	case b == 0x02:
		return asDef(alias(r))
	case b == 0x03 && imports:
		return asDef(imp(r))
	case b == 0x04:
		return asDef(exportDecl(r))
	}
	return nil, r.ErrorAt(at, "unknown declaration 0x%02x", b)
}

// asDef turns a definition and its error into a Def, nil on error.
func asDef[T Def](def T, err error) (Def, error) {
	if err != nil {
		return nil, err
	}
	return def, nil
}
