package validate

import (
	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
)

// ImportName names what the outermost component imports: Name of the instance
// From, or an import of its own when From is empty. An instance within an
// instance is outer#inner.
type ImportName struct{ From, Name string }

// ModuleType is the type of a core module that a component imports.
type ModuleType struct{ m *module }

// importedModules gathers the types of core modules among imports.
func (v *validator) importedModules(into map[ImportName]*ModuleType, from string, imports *externs) error {
	for _, e := range imports.list {
		switch e.sort {
		case decode.SortCoreModule:
			if err := v.clone(1 + len(from)/nameStep); err != nil {
				return err
			}
			into[ImportName{from, e.name}] = &ModuleType{e.module}
		case decode.SortInstance:
			inner := e.name
			if from != "" {
				inner = from + "#" + e.name
			}
			if err := v.clone(1 + len(inner)/nameStep); err != nil {
				return err
			}
			if err := v.importedModules(into, inner, &e.inst.exports); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckModule checks a core module that is not embedded in a component as
// [Validate] checks those that are.
func CheckModule(m *corebin.Module, features Features) error {
	v := &validator{features: features, steps: baseSteps}
	return v.coreModule(newScope(scopeComponent, nil), &decode.CoreModule{Module: m})
}

// Check checks that a core module can stand for one of type t: that it imports
// no more than t says, and exports no less.
func (t *ModuleType) Check(m *corebin.Module) error {
	v := &validator{steps: baseSteps + stepsPerByte*(len(m.Imports)+len(m.Exports))}
	return v.subtypeModule(moduleOf(m), t.m)
}
