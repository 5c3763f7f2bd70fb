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
func importedModules(into map[ImportName]*ModuleType, from string, imports *externs) {
	for _, e := range imports.list {
		switch e.sort {
		case decode.SortCoreModule:
			into[ImportName{from, e.name}] = &ModuleType{e.module}
		case decode.SortInstance:
			inner := e.name
			if from != "" {
				inner = from + "#" + e.name
			}
			importedModules(into, inner, &e.inst.exports)
		}
	}
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
