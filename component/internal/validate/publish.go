package validate

import (
	"maps"
	"math"
	"slices"

	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// publisher turns the validator's types into public ones: aliases of resource
// types become the resource types that they are aliases of. What is shared stays shared.
type publisher struct {
	s          *substitution
	instances  map[*instance]*types.Instance
	components map[*component]*types.Component
	modules    map[*module]*types.CoreModule
}

// publish returns the type of a component.
func (v *validator) publish(s *scope) *types.Component {
	// Each type is published once, so that no count is needed.
	v.clones, v.steps = math.MaxInt, math.MaxInt
	roots := make(map[*types.Resource]*types.Resource, len(v.roots))
	for _, root := range v.roots {
		roots[root] = root
	}
	p := &publisher{
		s:          v.substitution(roots),
		instances:  map[*instance]*types.Instance{},
		components: map[*component]*types.Component{},
		modules:    map[*module]*types.CoreModule{},
	}
	p.s.toRoots = true
	return &types.Component{Imports: p.externs(&s.imports), Exports: p.externs(&s.exports)}
}

func (p *publisher) externs(x *externs) []types.Extern {
	list := make([]types.Extern, 0, len(x.list))
	for _, e := range x.list {
		list = append(list, types.Extern{Name: e.name, Type: p.entity(e.entity)})
	}
	return list
}

func (p *publisher) entity(e entity) types.ExternType {
	switch e.sort {
	case decode.SortFunc:
		return p.fn(e.fn)
	case decode.SortInstance:
		return p.instance(e.inst)
	case decode.SortComponent:
		return p.component(e.comp)
	case decode.SortCoreModule:
		return p.module(e.module)
	}
	switch t := e.typ.(type) {
	case *types.Resource:
		return &types.TypeSub{Resource: p.s.v.root(t)}
	case types.ValType:
		return &types.TypeEq{Type: p.val(t)}
	case *types.Func:
		return p.fn(t)
	case *instance:
		return p.instance(t)
	case *component:
		return p.component(t)
	}
	return nil
}

func (p *publisher) instance(i *instance) *types.Instance {
	if t, ok := p.instances[i]; ok {
		return t
	}
	t := &types.Instance{Exports: p.externs(&i.exports)}
	p.instances[i] = t
	return t
}

func (p *publisher) component(c *component) *types.Component {
	if t, ok := p.components[c]; ok {
		return t
	}
	t := &types.Component{Imports: p.externs(&c.imports), Exports: p.externs(&c.exports)}
	p.components[c] = t
	return t
}

func (p *publisher) fn(f *types.Func) *types.Func {
	c, err := p.s.fn(f)
	if err != nil {
		return f
	}
	return c
}

func (p *publisher) val(t types.ValType) types.ValType {
	c, err := p.s.val(t)
	if err != nil {
		return t
	}
	return c
}

// module describes a core module's imports, in order, and exports, by name.
func (p *publisher) module(m *module) *types.CoreModule {
	if t, ok := p.modules[m]; ok {
		return t
	}
	t := &types.CoreModule{}
	p.modules[m] = t
	for _, i := range m.imports {
		t.Imports = append(t.Imports, types.CoreExtern{Module: i.Module, Name: i.Name, Desc: externText(i.Type)})
	}
	for _, name := range slices.Sorted(maps.Keys(m.exports)) {
		t.Exports = append(t.Exports, types.CoreExtern{Name: name, Desc: externText(m.exports[name])})
	}
	return t
}

func externText(e corebin.Extern) string {
	switch e.Kind {
	case corebin.ExternFunc:
		return funcText(e.Func)
	case corebin.ExternTable:
		return "table of " + e.Table.Elem.String()
	case corebin.ExternGlobal:
		return "global " + globalText(e.Global)
	}
	return e.Kind.String()
}
