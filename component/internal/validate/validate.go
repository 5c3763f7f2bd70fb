// Package validate checks that a decoded component is valid: index spaces,
// type definitions and references, subtyping with resource identity, names,
// canonical options, instantiation arguments, external visibility of types,
// outer aliases, value sizes and gated features.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Explainer.md
package validate

import (
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// Component is a valid component: every index, sort, name and type of its
// definitions is right, in the nested components too.
type Component struct {
	// Component is the decoded component.
	*decode.Component
	// Type is its type. The imported and exported resource types in it are
	// stand-ins: each instantiation puts real ones in their place.
	Type *types.Component
}
