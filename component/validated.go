package component

import (
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/link"
	"github.com/wasinn/wasinn/component/internal/validate"
	"github.com/wasinn/wasinn/component/types"
)

// This file stands in for validate.Validate until it lands.

// ValidateError is a component that breaks a rule of the Component Model.
type ValidateError struct {
	Offset int
	Err    error
}

// Error implements error.
func (e *ValidateError) Error() string { return "validate: " + e.Err.Error() }

// Unwrap returns Err.
func (e *ValidateError) Unwrap() error { return e.Err }

func validated(c *decode.Component) (*validate.Component, error) {
	return &validate.Component{Component: c, Type: &types.Component{}}, nil
}

// fromPlan lists the functions that a plan imports and exports.
func fromPlan(p *link.Plan) *types.Component {
	t := &types.Component{Exports: externs(p.Exports)}
	byName := map[string]*types.Instance{}
	for _, imp := range p.Imports {
		if imp.From == "" {
			t.Imports = append(t.Imports, types.Extern{Name: imp.Name, Type: imp.Type})
			continue
		}
		if byName[imp.From] == nil {
			byName[imp.From] = &types.Instance{}
			t.Imports = append(t.Imports, types.Extern{Name: imp.From, Type: byName[imp.From]})
		}
		byName[imp.From].Exports = append(byName[imp.From].Exports, types.Extern{Name: imp.Name, Type: imp.Type})
	}
	return t
}

func externs(list []link.Export) []types.Extern {
	var out []types.Extern
	for _, e := range list {
		if e.Type != nil {
			out = append(out, types.Extern{Name: e.Name, Type: e.Type})
		} else {
			out = append(out, types.Extern{Name: e.Name, Type: &types.Instance{Exports: externs(e.Exports)}})
		}
	}
	return out
}
