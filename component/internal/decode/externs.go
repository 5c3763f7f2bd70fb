package decode

import (
	"github.com/wasinn/wasinn/component/internal/corebin"
)

// imp reads import, which is importdecl too.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#import-and-export-definitions
func imp(r *corebin.Reader) (_ *Import, err error) {
	i := &Import{Offset: r.Pos()}
	if i.Name, err = externName(r); err != nil {
		return nil, err
	}
	i.Type, err = externType(r)
	return i, named(i.Name.Name, err)
}

// export reads export.
func export(r *corebin.Reader) (_ *Export, err error) {
	e := &Export{Offset: r.Pos()}
	if e.Name, err = externName(r); err != nil {
		return nil, err
	}
	if e.Sort, e.Index, err = externSortIndex(r); err == nil {
		e.Type, err = optional(r, externType)
	}
	return e, named(e.Name.Name, err)
}

// exportDecl reads exportdecl.
func exportDecl(r *corebin.Reader) (_ *ExportDecl, err error) {
	e := &ExportDecl{Offset: r.Pos()}
	if e.Name, err = externName(r); err != nil {
		return nil, err
	}
	e.Type, err = externType(r)
	return e, named(e.Name.Name, err)
}

// externName reads nameattributes.
func externName(r *corebin.Reader) (n ExternName, err error) {
	form, err := r.Byte()
	if err != nil {
		return n, err
	}
	if form > 2 {
		return n, r.ErrorAt(r.Pos()-1, "unknown form of name 0x%02x", form)
	}
	if n.Name, err = r.Name(); err != nil {
		return n, err
	}
	if form == 2 {
		n.Attributes, err = corebin.Vec(r, 2, "attribute", nameAttribute)
	}
	return n, named(n.Name, err)
}

func nameAttribute(r *corebin.Reader) (a NameAttribute, err error) {
	b, err := r.Byte()
	if err != nil {
		return a, err
	}
	a.Kind = NameAttributeKind(b)
	if a.Kind > AttrExternalID {
		return a, r.ErrorAt(r.Pos()-1, "unknown name attribute 0x%02x", b)
	}
	a.Value, err = r.Name()
	return a, err
}

// externType reads externtype.
func externType(r *corebin.Reader) (t ExternType, err error) {
	b, err := r.Byte()
	if err != nil {
		return t, err
	}
	switch b {
	case 0x00:
		t.Sort = SortCoreModule
		if err := r.Expect(0x11, "core extern type (module)"); err != nil {
			return t, err
		}
		t.Index, err = r.U32()
	case 0x01:
		t.Sort = SortFunc
		t.Index, err = r.U32()
	case 0x02:
		t.Sort = SortValue
		err = valueBound(r, &t)
	case 0x03:
		t.Sort = SortType
		err = typeBound(r, &t)
	case 0x04:
		t.Sort = SortComponent
		t.Index, err = r.U32()
	case 0x05:
		t.Sort = SortInstance
		t.Index, err = r.U32()
	default:
		err = r.ErrorAt(r.Pos()-1, "unknown extern type 0x%02x", b)
	}
	return t, err
}

func typeBound(r *corebin.Reader, t *ExternType) error {
	b, err := r.Byte()
	if err != nil {
		return err
	}
	switch b {
	case 0x00:
		t.Bound = BoundEq
		t.Index, err = r.U32()
		return err
	case 0x01:
		t.Bound = BoundSubResource
		return nil
	}
	return r.ErrorAt(r.Pos()-1, "unknown type bound 0x%02x, expected 0x00 (eq) or 0x01 (sub resource)", b)
}

func valueBound(r *corebin.Reader, t *ExternType) error {
	b, err := r.Byte()
	if err != nil {
		return err
	}
	switch b {
	case 0x00:
		t.Bound = BoundEq
		t.Index, err = r.U32()
		return err
	case 0x01:
		t.Bound = BoundType
		t.ValType, err = valType(r)
		return err
	}
	return r.ErrorAt(r.Pos()-1, "unknown value bound 0x%02x, expected 0x00 (eq) or 0x01 (type)", b)
}
