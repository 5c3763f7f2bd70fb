package decode

import (
	"fmt"

	"github.com/wasinn/wasinn/component/internal/corebin"
)

// coreType reads core:type.
//
// The code 0x50 means a module type here; a non-final subtype is spelled with
// 0x00 before it.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#type-definitions
func coreType(r *corebin.Reader) (_ *CoreType, err error) {
	t := &CoreType{Offset: r.Pos()}
	b, _ := r.Peek()
	switch b {
	case 0x50:
		if _, err := r.Byte(); err != nil {
			return nil, err
		}
		t.Module, err = coreModuleType(r)
		return t, err
	case 0x00:
		if _, err := r.Byte(); err != nil {
			return nil, err
		}
		if b, ok := r.Peek(); !ok || b != 0x50 {
			return nil, r.Errorf("0x00 before a core type announces a subtype (0x50)")
		}
		sub, err := corebin.ReadSubType(r)
		t.Types = []corebin.Type{sub}
		return t, err
	}
	t.Types, t.Rec, err = corebin.ReadRecType(r)
	return t, err
}

func coreModuleType(r *corebin.Reader) (*CoreModuleType, error) {
	decls, err := corebin.Vec(r, 3, "decl", coreDecl)
	return &CoreModuleType{Decls: decls}, err
}

// coreDecl reads core:moduledecl.
func coreDecl(r *corebin.Reader) (c CoreDecl, err error) {
	c.Offset = r.Pos()
	b, err := r.Byte()
	if err != nil {
		return c, err
	}
	switch b {
	case 0x00:
		c.Import, err = coreImportDecl(r)
	case 0x01:
		c.Type, err = declaredType(r)
	case 0x02:
		c.Alias, err = coreOuterAlias(r)
	case 0x03:
		c.Export, err = coreExportDecl(r)
	default:
		err = r.ErrorAt(c.Offset, "unknown declaration 0x%02x of a core module type", b)
	}
	return c, err
}

// declaredType reads the type of a declaration. Module types cannot nest, so
// that 0x50 means a subtype here, as it does in core modules.
func declaredType(r *corebin.Reader) (_ *CoreType, err error) {
	t := &CoreType{Offset: r.Pos()}
	t.Types, t.Rec, err = corebin.ReadRecType(r)
	return t, err
}

func coreImportDecl(r *corebin.Reader) (_ *CoreImportDecl, err error) {
	i := &CoreImportDecl{}
	if i.Module, err = r.Name(); err != nil {
		return nil, fmt.Errorf("module name: %w", err)
	}
	if i.Name, err = r.Name(); err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	i.Type, err = corebin.ReadExtern(r)
	return i, err
}

func coreExportDecl(r *corebin.Reader) (_ *CoreExportDecl, err error) {
	e := &CoreExportDecl{}
	if e.Name, err = r.Name(); err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	e.Type, err = corebin.ReadExtern(r)
	return e, err
}

func coreOuterAlias(r *corebin.Reader) (_ *CoreOuterAlias, err error) {
	if err := r.Expect(0x10, "sort of an alias in a core module type (type)"); err != nil {
		return nil, err
	}
	if err := r.Expect(0x01, "target of an alias in a core module type (outer)"); err != nil {
		return nil, err
	}
	a := &CoreOuterAlias{}
	if a.Count, err = r.U32(); err != nil {
		return nil, err
	}
	a.Index, err = r.U32()
	return a, err
}
