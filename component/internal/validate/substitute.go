package validate

import (
	"fmt"

	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// substitution copies types with other resource types and value types in place
// of some. What does not change is shared, and each type is copied once.
type substitution struct {
	v    *validator
	env  map[*types.Resource]*types.Resource
	args map[types.ValType]types.ValType
	// aliases has the copy of each alias, so that aliases stay apart.
	aliases   map[*types.Resource]*types.Resource
	vals      map[types.ValType]types.ValType
	funcs     map[*types.Func]*types.Func
	instances map[*instance]*instance
	comps     map[*component]*component
	// toRoots puts the resource types themselves in place, not aliases of them.
	toRoots bool
}

func (v *validator) substitution(env map[*types.Resource]*types.Resource) *substitution {
	return &substitution{
		v: v, env: env,
		aliases:   map[*types.Resource]*types.Resource{},
		vals:      map[types.ValType]types.ValType{},
		funcs:     map[*types.Func]*types.Func{},
		instances: map[*instance]*instance{},
		comps:     map[*component]*component{},
	}
}

// fresh returns a copy of an instance type with resource types of its own, and
// those.
func (v *validator) fresh(i *instance) (*instance, []*types.Resource, error) {
	if len(i.bound) == 0 {
		return i, nil, nil
	}
	env := make(map[*types.Resource]*types.Resource, len(i.bound))
	made := make([]*types.Resource, len(i.bound))
	for n, r := range i.bound {
		if err := v.clone(1); err != nil {
			return nil, nil, err
		}
		made[n] = &types.Resource{Name: r.Name}
		env[r] = made[n]
	}
	x, err := v.substitution(env).externs(&i.exports)
	return &instance{exports: x}, made, err
}

// externs copies imports or exports.
func (s *substitution) externs(x *externs) (externs, error) {
	c := externs{index: x.index, size: x.size, depth: x.depth, list: make([]extern, len(x.list))}
	for i, e := range x.list {
		if err := s.v.clone(1); err != nil {
			return c, err
		}
		n, err := s.entity(e.entity)
		if err != nil {
			return c, err
		}
		c.list[i] = extern{name: e.name, entity: n}
	}
	return c, nil
}

func (s *substitution) entity(e entity) (n entity, err error) {
	n = e
	switch e.sort {
	case decode.SortFunc:
		n.fn, err = s.fn(e.fn)
	case decode.SortInstance:
		n.inst, err = s.instance(e.inst)
	case decode.SortComponent:
		n.comp, err = s.component(e.comp)
	case decode.SortType:
		n.typ, err = s.typ(e.typ)
	}
	return n, err
}

func (s *substitution) typ(t typ) (typ, error) {
	switch t := t.(type) {
	case *types.Resource:
		return s.resource(t), nil
	case *types.Func:
		return s.fn(t)
	case *instance:
		return s.instance(t)
	case *component:
		return s.component(t)
	case types.ValType:
		return s.val(t)
	}
	return nil, fmt.Errorf("unknown type %T", t)
}

// resource returns what stands in the place of a resource type, under an
// identity of its own.
func (s *substitution) resource(r *types.Resource) *types.Resource {
	actual, ok := s.env[s.v.root(r)]
	if !ok || actual == nil {
		return r
	}
	if s.toRoots {
		return actual
	}
	if c, ok := s.aliases[r]; ok {
		return c
	}
	c := s.v.aliasOf(actual)
	c.Name = r.Name
	s.aliases[r] = c
	return c
}

func (s *substitution) fn(f *types.Func) (*types.Func, error) {
	if c, ok := s.funcs[f]; ok {
		return c, nil
	}
	if err := s.v.charge(len(f.Params) + 1); err != nil {
		return nil, err
	}
	c := &types.Func{Async: f.Async, Params: make([]types.Param, len(f.Params))}
	changed := false
	for i, p := range f.Params {
		t, err := s.val(p.Type)
		if err != nil {
			return nil, err
		}
		changed = changed || t != p.Type
		c.Params[i] = types.Param{Name: p.Name, Type: t}
	}
	var err error
	if c.Result, err = s.val(f.Result); err != nil {
		return nil, err
	}
	if !changed && c.Result == f.Result {
		c = f
	} else if err := s.v.clone(len(f.Params) + 1); err != nil {
		return nil, err
	}
	s.funcs[f] = c
	return c, nil
}

func (s *substitution) instance(i *instance) (*instance, error) {
	if c, ok := s.instances[i]; ok {
		return c, nil
	}
	x, err := s.externs(&i.exports)
	c := &instance{exports: x, bound: i.bound}
	s.instances[i] = c
	return c, err
}

func (s *substitution) component(c *component) (*component, error) {
	if n, ok := s.comps[c]; ok {
		return n, nil
	}
	n := *c
	var err error
	if n.imports, err = s.externs(&c.imports); err != nil {
		return nil, err
	}
	n.exports, err = s.externs(&c.exports)
	s.comps[c] = &n
	return &n, err
}

// val copies a value type if anything in it changes.
func (s *substitution) val(t types.ValType) (types.ValType, error) {
	if t == nil {
		return nil, nil
	}
	if _, ok := t.(types.Primitive); ok {
		return t, nil
	}
	if len(s.args) == 0 && s.v.infoOf(t).flags&hasResource == 0 {
		return t, nil
	}
	if c, ok := s.args[t]; ok {
		return c, nil
	}
	if c, ok := s.vals[t]; ok {
		return c, nil
	}
	c, err := s.copy(t)
	if err != nil {
		return nil, err
	}
	s.vals[t] = c
	return c, nil
}

// copy copies a value type, parts first, if one of them changes.
func (s *substitution) copy(t types.ValType) (types.ValType, error) {
	parts := make([]types.ValType, numParts(t))
	changed := false
	for i := range parts {
		if err := s.v.step(); err != nil {
			return nil, err
		}
		p := part(t, i)
		c, err := s.val(p)
		if err != nil {
			return nil, err
		}
		parts[i] = c
		changed = changed || c != p
	}
	switch t := t.(type) {
	case *types.Own:
		if r := s.resource(t.Resource); r != t.Resource {
			return s.keep(&types.Own{Resource: r}, t)
		}
	case *types.Borrow:
		if r := s.resource(t.Resource); r != t.Resource {
			return s.keep(&types.Borrow{Resource: r}, t)
		}
	}
	if !changed {
		return t, nil
	}
	return s.keep(assemble(t, parts), t)
}

// keep registers the copy of a value type with what is known of it.
func (s *substitution) keep(c, of types.ValType) (types.ValType, error) {
	s.v.info[c] = s.v.info[of]
	return c, s.v.clone(1 + numParts(c))
}

// assemble makes a value type like t with other parts.
func assemble(t types.ValType, parts []types.ValType) types.ValType {
	switch t := t.(type) {
	case *types.Record:
		r := &types.Record{Fields: make([]types.Field, len(parts))}
		for i, f := range t.Fields {
			r.Fields[i] = types.Field{Name: f.Name, Type: parts[i]}
		}
		return r
	case *types.Variant:
		w := &types.Variant{Cases: make([]types.Case, len(parts))}
		for i, c := range t.Cases {
			w.Cases[i] = types.Case{Name: c.Name, Type: parts[i]}
		}
		return w
	case *types.Tuple:
		return &types.Tuple{Elems: parts}
	case *types.List:
		return &types.List{Elem: parts[0], Length: t.Length}
	case *types.Option:
		return &types.Option{Elem: parts[0]}
	case *types.Result:
		return &types.Result{OK: parts[0], Err: parts[1]}
	case *types.Map:
		return &types.Map{Key: parts[0], Value: parts[1]}
	case *types.Stream:
		return &types.Stream{Elem: parts[0]}
	case *types.Future:
		return &types.Future{Elem: parts[0]}
	}
	return t
}
