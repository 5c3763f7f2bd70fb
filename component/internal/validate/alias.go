package validate

import (
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// alias checks an alias.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#alias-definitions
func (v *validator) alias(s *scope, d *decode.Alias) error {
	if s.kind != scopeComponent {
		if err := declaredAlias(d); err != nil {
			return err
		}
	}
	switch d.Target {
	case decode.AliasExport:
		return v.aliasExport(s, d)
	case decode.AliasCoreExport:
		return aliasCoreExport(s, d)
	default:
		return v.aliasOuter(s, d)
	}
}

// declaredAlias checks what an alias in a component or instance type may refer to.
func declaredAlias(d *decode.Alias) error {
	ok := false
	switch d.Target {
	case decode.AliasExport:
		ok = d.Sort == decode.SortInstance || d.Sort == decode.SortType
	case decode.AliasOuter:
		ok = d.Sort == decode.SortCoreType || d.Sort == decode.SortType
	}
	if !ok {
		return fmt.Errorf("an alias of %s in a type: only types and instances may be aliased there", some(d.Sort))
	}
	return nil
}

func (v *validator) aliasExport(s *scope, d *decode.Alias) error {
	i, err := at(s.instances, d.Instance, decode.SortInstance)
	if err != nil {
		return err
	}
	e, ok := i.exports.lookup(d.Name)
	if !ok {
		return fmt.Errorf("instance %d has no export %q", d.Instance, d.Name)
	}
	if e.sort != d.Sort {
		return fmt.Errorf("export %q of instance %d is %s, expected %s", d.Name, d.Instance, some(e.sort), some(d.Sort))
	}
	s.push(e)
	return nil
}

func aliasCoreExport(s *scope, d *decode.Alias) error {
	i, err := at(s.coreInstances, d.Instance, decode.SortCoreInstance)
	if err != nil {
		return err
	}
	e, ok := i.exports[d.Name]
	if !ok {
		return fmt.Errorf("core instance %d has no export %q", d.Instance, d.Name)
	}
	if sort := coreSort(e.Kind); sort != d.Sort {
		return fmt.Errorf("export %q of core instance %d is %s, expected %s", d.Name, d.Instance, some(sort), some(d.Sort))
	}
	s.pushCore(e)
	return nil
}

// coreSort is the sort of a core extern.
func coreSort(k corebin.ExternKind) decode.Sort { return decode.SortCoreFunc + decode.Sort(k) }

// pushCore appends a core extern to its index space.
func (s *scope) pushCore(e corebin.Extern) {
	switch e.Kind {
	case corebin.ExternFunc:
		s.coreFuncs = append(s.coreFuncs, e.Func)
	case corebin.ExternTable:
		s.coreTables = append(s.coreTables, e.Table)
	case corebin.ExternMemory:
		s.coreMemories = append(s.coreMemories, e.Memory)
	case corebin.ExternGlobal:
		s.coreGlobals = append(s.coreGlobals, e.Global)
	case corebin.ExternTag:
		s.coreTags = append(s.coreTags, e.Func)
	}
}

// aliasOuter checks an alias of a definition of an enclosing scope. A type
// that refers to a resource type cannot cross a component's boundary, since
// each instance has its own.
func (v *validator) aliasOuter(s *scope, d *decode.Alias) error {
	o, crossed, err := s.outer(d.Count)
	if err != nil {
		return err
	}
	if d.Sort == decode.SortCoreType {
		t, err := at(o.coreTypes, d.Index, d.Sort)
		if err == nil {
			s.coreTypes = append(s.coreTypes, t)
		}
		return err
	}
	e, err := o.entity(d.Sort, d.Index)
	if err != nil {
		return err
	}
	if crossed {
		if err := v.closed(e); err != nil {
			return err
		}
	}
	s.push(e)
	return nil
}

var errFree = errors.New("the type refers to resource types, so it cannot be aliased across a component boundary")

// closed checks that the type of an entity refers to no resource type but
// those it introduces.
func (v *validator) closed(e entity) error {
	free, err := v.freeEntity(e, nil)
	if err == nil && free {
		err = errFree
	}
	return err
}

// free tells whether a type refers to a resource type that is not among those
// bound around it.
func (v *validator) free(t typ, bound *env) (bool, error) {
	if err := v.step(); err != nil {
		return false, err
	}
	switch t := t.(type) {
	case *types.Resource:
		return !bound.binds(v.root(t)), nil
	case *types.Func:
		for _, p := range t.Params {
			if free, err := v.free(p.Type, bound); free || err != nil {
				return free, err
			}
		}
		if t.Result == nil {
			return false, nil
		}
		return v.free(t.Result, bound)
	case *instance:
		return v.freeExterns(&t.exports, open(bound, t.bound))
	case *component:
		bound = open(bound, t.imported, t.defined)
		if free, err := v.freeExterns(&t.imports, bound); free || err != nil {
			return free, err
		}
		return v.freeExterns(&t.exports, bound)
	case types.ValType:
		return v.freeVal(t, bound)
	}
	return false, nil
}

func (v *validator) freeVal(t types.ValType, bound *env) (bool, error) {
	switch t := t.(type) {
	case *types.Own:
		return !bound.binds(v.root(t.Resource)), nil
	case *types.Borrow:
		return !bound.binds(v.root(t.Resource)), nil
	}
	if v.infoOf(t).flags&hasResource == 0 {
		return false, nil
	}
	for i := range numParts(t) {
		p := part(t, i)
		if p == nil {
			continue
		}
		if free, err := v.free(p, bound); free || err != nil {
			return free, err
		}
	}
	return false, nil
}

func (v *validator) freeExterns(x *externs, bound *env) (bool, error) {
	for _, e := range x.list {
		if free, err := v.freeEntity(e.entity, bound); free || err != nil {
			return free, err
		}
	}
	return false, nil
}

func (v *validator) freeEntity(e entity, bound *env) (bool, error) {
	switch e.sort {
	case decode.SortFunc:
		return v.free(e.fn, bound)
	case decode.SortInstance:
		return v.free(e.inst, bound)
	case decode.SortComponent:
		return v.free(e.comp, bound)
	case decode.SortType:
		return v.free(e.typ, bound)
	}
	return false, nil
}

// binds tells whether r is bound in e or around it.
func (e *env) binds(r *types.Resource) bool {
	for ; e != nil; e = e.up {
		if _, ok := e.bound[r]; ok {
			return true
		}
	}
	return false
}
