package validate

import (
	"fmt"

	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// importDef checks an import of a component or component type.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#import-and-export-definitions
func (v *validator) importDef(s *scope, d *decode.Import) error {
	n, err := v.externName(d.Name, &s.importNames, d.Type.Sort)
	if err != nil {
		return err
	}
	e, made, err := v.externType(s, d.Type, n.text)
	if err != nil {
		return err
	}
	s.imported = append(s.imported, made...)
	if err := v.nameImport(s, n, e); err != nil {
		return err
	}
	s.push(e)
	return v.add(&s.imports, n.text, e)
}

// nameImport checks what depends on the name and type of an import together.
// What an import names, exports may refer to as well.
func (v *validator) nameImport(s *scope, n name, e entity) error {
	if err := annotated(n, e, &s.importedResources); err != nil {
		return err
	}
	if r, ok := e.typ.(*types.Resource); ok {
		s.importedResources.add(n.text, r)
	}
	ok, err := v.visible(e, &s.importable)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s refers to a type that is not imported before under a name", e.sort)
	}
	_, err = v.visible(e, &s.exportable)
	return err
}

// nameExport checks what depends on the name and type of an export together.
func (v *validator) nameExport(s *scope, n name, e entity) error {
	if err := annotated(n, e, &s.exportedResources); err != nil {
		return err
	}
	if r, ok := e.typ.(*types.Resource); ok {
		s.exportedResources.add(n.text, r)
	}
	if s.kind == scopeInstanceType {
		// Whether its types are visible is asked where an instance type is imported
		// or exported.
		return nil
	}
	ok, err := v.visible(e, &s.exportable)
	if err == nil && !ok {
		err = fmt.Errorf("%s refers to a type that is not imported or exported before under a name", e.sort)
	}
	return err
}

// exportDecl checks an export of a component or instance type.
func (v *validator) exportDecl(s *scope, d *decode.ExportDecl) error {
	n, err := v.externName(d.Name, &s.exportNames, d.Type.Sort)
	if err != nil {
		return err
	}
	e, made, err := v.externType(s, d.Type, n.text)
	if err != nil {
		return err
	}
	s.defined = append(s.defined, made...)
	if err := v.nameExport(s, n, e); err != nil {
		return err
	}
	s.push(e)
	return v.add(&s.exports, n.text, e)
}

// exportDef checks an export of a component. Its type is that of what it
// exports, or the one ascribed, which has to be a supertype.
func (v *validator) exportDef(s *scope, d *decode.Export) error {
	n, err := v.externName(d.Name, &s.exportNames, d.Sort)
	if err != nil {
		return err
	}
	e, err := s.entity(d.Sort, d.Index)
	if err != nil {
		return err
	}
	if d.Type != nil {
		if e, err = v.ascribed(s, e, *d.Type, n.text); err != nil {
			return err
		}
	} else if e.sort == decode.SortType {
		if e.typ, err = v.renamed(e.typ, n.text); err != nil {
			return err
		}
	}
	if err := v.nameExport(s, n, e); err != nil {
		return err
	}
	s.push(e)
	return v.add(&s.exports, n.text, e)
}

// ascribed returns an entity under the type that an export ascribes to it.
func (v *validator) ascribed(s *scope, e entity, t decode.ExternType, text string) (entity, error) {
	as, made, err := v.externType(s, t, text)
	if err != nil {
		return as, fmt.Errorf("ascribed type: %w", err)
	}
	if err := v.subtype(e, nil, as, open(nil, made)); err != nil {
		return as, fmt.Errorf("ascribed type: %w", err)
	}
	return as, nil
}

// externType resolves the type of an import or export. Resource types that it
// introduces are fresh, and returned.
func (v *validator) externType(s *scope, t decode.ExternType, text string) (e entity, made []*types.Resource, err error) {
	e.sort = t.Sort
	switch t.Sort {
	case decode.SortCoreModule:
		e.module, err = s.moduleType(t.Index)
	case decode.SortFunc:
		e.fn, err = s.funcType(t.Index)
	case decode.SortComponent:
		e.comp, err = s.componentType(t.Index)
	case decode.SortInstance:
		if e.inst, err = s.instanceType(t.Index); err == nil {
			e.inst, made, err = v.fresh(e.inst)
		}
	case decode.SortType:
		if t.Bound == decode.BoundSubResource {
			r := &types.Resource{Name: text}
			e.typ = r
			return e, []*types.Resource{r}, nil
		}
		if e.typ, err = s.typeAt(t.Index); err == nil {
			e.typ, err = v.renamed(e.typ, text)
		}
	default:
		err = gated("value imports and exports", "🪙 values", proposed)
	}
	return e, made, err
}

// moduleType returns the core module type at an index.
func (s *scope) moduleType(i uint32) (*module, error) {
	t, err := at(s.coreTypes, i, decode.SortCoreType)
	if err != nil {
		return nil, err
	}
	if t.module == nil {
		return nil, fmt.Errorf("core type %d is not a module type", i)
	}
	return t.module, nil
}

// componentType returns the component type at an index.
func (s *scope) componentType(i uint32) (*component, error) {
	t, err := s.typeAt(i)
	if err != nil {
		return nil, err
	}
	c, ok := t.(*component)
	if !ok {
		return nil, fmt.Errorf("type %d is %s, expected a component type", i, kindOf(t))
	}
	return c, nil
}

// instanceType returns the instance type at an index.
func (s *scope) instanceType(i uint32) (*instance, error) {
	t, err := s.typeAt(i)
	if err != nil {
		return nil, err
	}
	n, ok := t.(*instance)
	if !ok {
		return nil, fmt.Errorf("type %d is %s, expected an instance type", i, kindOf(t))
	}
	return n, nil
}
