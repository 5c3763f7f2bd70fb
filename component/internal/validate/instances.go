package validate

import (
	"fmt"

	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// instance checks the definition of a component instance.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#instance-definitions
func (v *validator) instance(s *scope, d *decode.Instance) error {
	make := v.inlineExports
	if d.Instantiate {
		make = v.instantiate
	}
	i, err := make(s, d)
	if err != nil {
		return err
	}
	s.instances = append(s.instances, i)
	return nil
}

// inlineExports checks an instance made of exports.
func (v *validator) inlineExports(s *scope, d *decode.Instance) (*instance, error) {
	i := &instance{}
	var taken takenNames
	for _, x := range d.Exports {
		n, err := v.externName(x.Name, &taken, x.Sort)
		if err != nil {
			return nil, fmt.Errorf("export %q: %w", x.Name.Name, err)
		}
		e, err := s.entity(x.Sort, x.Index)
		if err != nil {
			return nil, fmt.Errorf("export %q: %w", n.text, err)
		}
		// No resource has a name in a bag of exports, so that annotated names have
		// nothing to refer to.
		if err := annotated(n, e, &resourceNames{}); err != nil {
			return nil, fmt.Errorf("export %q: %w", n.text, err)
		}
		if err := v.add(&i.exports, n.text, e); err != nil {
			return nil, fmt.Errorf("export %q: %w", n.text, err)
		}
	}
	return i, nil
}

// instantiate checks that the arguments fit the imports of a component, and
// returns the instance: the component's exports with the arguments' resource
// types and named value types in place of the imported ones, and new resource
// types for those it defines.
func (v *validator) instantiate(s *scope, d *decode.Instance) (*instance, error) {
	c, err := at(s.components, d.Component, decode.SortComponent)
	if err != nil {
		return nil, err
	}
	args, err := v.arguments(s, d)
	if err != nil {
		return nil, err
	}
	e := open(nil, c.imported)
	e.vals = map[types.ValType]types.ValType{}
	for _, want := range c.imports.list {
		if err := v.look(want.name); err != nil {
			return nil, err
		}
		have, ok := args[want.name]
		if !ok {
			return nil, fmt.Errorf("missing argument for the import %q", want.name)
		}
		if err := v.subtype(have, nil, want.entity, e); err != nil {
			return nil, fmt.Errorf("argument %q: %w", want.name, err)
		}
	}
	for _, r := range c.defined {
		if err := v.clone(1); err != nil {
			return nil, err
		}
		e.bound[r] = &types.Resource{Name: r.Name}
	}
	if len(e.bound) == 0 && len(e.vals) == 0 {
		return &instance{exports: c.exports}, nil
	}
	sub := v.substitution(e.bound)
	sub.args = e.vals
	x, err := sub.externs(&c.exports)
	return &instance{exports: x}, err
}

// arguments returns the arguments of an instantiation by name. Those that no
// import asks for are allowed, and have to exist nevertheless.
func (v *validator) arguments(s *scope, d *decode.Instance) (map[string]entity, error) {
	args := make(map[string]entity, len(d.Args))
	for _, a := range d.Args {
		if _, twice := args[a.Name]; twice {
			return nil, fmt.Errorf("argument %q is given twice", a.Name)
		}
		e, err := s.entity(a.Sort, a.Index)
		if err != nil {
			return nil, fmt.Errorf("argument %q: %w", a.Name, err)
		}
		args[a.Name] = e
	}
	return args, nil
}
