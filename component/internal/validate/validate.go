// Package validate checks that a decoded component is valid: index spaces,
// type definitions and references, subtyping with resource identity, names,
// canonical options, instantiation arguments, external visibility of types,
// outer aliases, value sizes and gated features.
//
// Function bodies are not looked at; the engine validates them when it
// compiles the core modules.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Explainer.md
package validate

import (
	"fmt"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// Limits that keep validation, and what walks types after it, linear in the
// size of the input.
const (
	// MaxTypeDepth is how deep types may nest, counted through type indices; it is
	// the same in wasmtime.
	MaxTypeDepth = 100
	// MaxTypeSize is how many nodes a type may have when every reference to
	// another type counts as a copy of it.
	MaxTypeSize = 1_000_000

	// baseSteps and stepsPerByte bound the type nodes visited: baseSteps for any
	// component, and stepsPerByte for each of its bytes outside core modules.
	baseSteps    = 1_000_000
	stepsPerByte = 16
	// baseClones and clonesPerByte bound the type nodes that instantiation and
	// imports copy, in the same way.
	baseClones    = 100_000
	clonesPerByte = 2
)

// Component is a valid component: every index, sort, name and type of its
// definitions is right, in the nested components too.
type Component struct {
	// Component is the decoded component.
	*decode.Component
	// Type is its type. The imported and exported resource types in it are
	// stand-ins: each instantiation puts real ones in their place.
	Type *types.Component
	// Modules are the types of the core modules that it imports.
	Modules map[ImportName]*ModuleType
}

// Error says what is invalid, and where.
type Error struct {
	// Offset is the byte offset of the definition from the start of the
	// outermost component.
	Offset int
	// Err has the path to the place.
	Err error
}

// Error implements error.
func (e *Error) Error() string { return "validate: " + e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Validate checks a component. The error is an *[Error]; it wraps a *[Gated] when
// the component needs a feature that features does not have.
//
// It takes time and memory linear in the size of the component: at most
// 1,000,000 visits of a type node and 16 for each byte outside core modules, and
// 100,000 copies of one and 2 for each byte. Components of toolchains need fewer than
// 30,000 visits and 3,000 copies. Comparing a label and 64 bytes
// of a name count as a visit.
func Validate(c *decode.Component, features Features) (*Component, error) {
	size := c.Size - moduleBytes(c)
	v := &validator{
		features: features,
		steps:    baseSteps + stepsPerByte*size,
		clones:   baseClones + clonesPerByte*size,
		info:     map[types.ValType]info{},
		roots:    map[*types.Resource]*types.Resource{},
		sizes:    layout.NewCache64(),
		layouts:  layout.NewCache(),
	}
	s := newScope(scopeComponent, nil)
	if err := v.component(s, c); err != nil {
		return nil, &Error{Offset: v.at, Err: err}
	}
	modules := map[ImportName]*ModuleType{}
	if err := v.importedModules(modules, "", &s.imports); err != nil {
		return nil, &Error{Err: err}
	}
	return &Component{Component: c, Type: v.publish(s), Modules: modules}, nil
}

// moduleBytes is how many bytes of a component are core modules.
func moduleBytes(c *decode.Component) int {
	n := 0
	for _, d := range c.Defs {
		switch d := d.(type) {
		case *decode.CoreModule:
			n += len(d.Bytes)
		case *decode.Component:
			n += moduleBytes(d)
		}
	}
	return n
}

// validator is the state of one Validate.
type validator struct {
	features Features
	at       int // offset of the innermost definition being checked
	steps    int // type nodes that may still be visited
	clones   int // type nodes that may still be copied
	info     map[types.ValType]info
	// roots maps an alias of a resource type to the resource type. Each import
	// and export of a type makes an alias, since external visibility goes by the
	// name under which a type is known; equality goes by the root.
	roots   map[*types.Resource]*types.Resource
	sizes   *layout.Cache // for 64-bit memories: value sizes
	layouts *layout.Cache // for 32-bit memories: core signatures
}

// step counts one visit of a type node.
func (v *validator) step() error { return v.charge(1) }

// charge counts visits of n type nodes.
func (v *validator) charge(n int) error {
	if v.steps -= n; v.steps < 0 {
		return fmt.Errorf("types are too large: checking them takes more than %d steps and %d for each byte of the component", baseSteps, stepsPerByte)
	}
	return nil
}

// nameStep is how many bytes of a name count as one step.
const nameStep = 64

// look counts looking a name up.
func (v *validator) look(name string) error { return v.look2(name, "") }

// look2 counts looking a name of two levels up.
func (v *validator) look2(module, name string) error {
	return v.charge(1 + (len(module)+len(name))/nameStep)
}

// clone counts copies of n type nodes.
func (v *validator) clone(n int) error {
	if v.clones -= n; v.clones < 0 {
		return fmt.Errorf("types are too large: instantiating them takes more than %d copies and %d for each byte of the component", baseClones, clonesPerByte)
	}
	return nil
}

// component checks the definitions of a component in order.
func (v *validator) component(s *scope, c *decode.Component) error {
	for _, d := range c.Defs {
		if err := v.def(s, d); err != nil {
			return err
		}
	}
	return nil
}

// def checks one definition, or one declaration of a component or instance
// type, and adds it to its index space.
func (v *validator) def(s *scope, d decode.Def) error {
	at := v.at
	v.at = d.Pos()
	if err := v.definition(s, d); err != nil {
		return fmt.Errorf("%s: %w", s.describe(d), err)
	}
	v.at = at
	return nil
}

func (v *validator) definition(s *scope, d decode.Def) error {
	switch d := d.(type) {
	case *decode.CoreModule:
		return v.coreModule(s, d)
	case *decode.CoreInstance:
		return v.coreInstance(s, d)
	case *decode.CoreType:
		return v.coreType(s, d)
	case *decode.Component:
		return v.nested(s, d)
	case *decode.Instance:
		return v.instance(s, d)
	case *decode.Alias:
		return v.alias(s, d)
	case *decode.Type:
		return v.typeDef(s, d)
	case *decode.Lift:
		return v.lift(s, d)
	case *decode.Lower:
		return v.lower(s, d)
	case *decode.ResourceNew:
		return v.resourceNew(s, d)
	case *decode.ResourceDrop:
		return v.resourceDrop(s, d)
	case *decode.ResourceRep:
		return v.resourceRep(s, d)
	case *decode.AsyncBuiltin:
		return v.asyncBuiltin(s, d)
	case *decode.Import:
		return v.importDef(s, d)
	case *decode.Export:
		return v.exportDef(s, d)
	case *decode.ExportDecl:
		return v.exportDecl(s, d)
	case *decode.Start:
		return gated("start functions", "🪙 values", proposed)
	case *decode.Value:
		return gated("value definitions", "🪙 values", proposed)
	}
	return fmt.Errorf("unknown definition %T", d)
}

// nested checks a nested component.
func (v *validator) nested(s *scope, c *decode.Component) error {
	inner := newScope(scopeComponent, s)
	if err := v.component(inner, c); err != nil {
		return err
	}
	t, err := v.componentOf(inner)
	if err != nil {
		return err
	}
	s.components = append(s.components, t)
	return nil
}
