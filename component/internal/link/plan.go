// Package link turns a validated component into a [Plan], a flat list of steps
// in integers, and binds a plan's imports to what a host defines.
//
// [Build] runs the component's definitions once, in order, on stand-ins for
// what they will make: nested components are instantiated on paper, aliases
// and inline exports vanish, and what is left are core modules to instantiate
// and canonical functions between them. [Bind] finds and type-checks host
// definitions for the imports, before anything runs.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Explainer.md
package link

import (
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/validate"
	"github.com/wasinn/wasinn/component/types"
)

// Plan is how to instantiate a component. It is immutable. All indices count
// within the plan.
type Plan struct {
	// Instances are the component instances; 0 is the component itself.
	Instances []Instance
	// Modules are the core modules to compile, one for each way that a module
	// is wired.
	Modules []*Module
	// Unused are the core modules that no step instantiates. They are compiled
	// once, since an invalid one makes the component invalid.
	Unused []*Module
	// Steps is what to do, in order.
	Steps []Step
	// CoreInstances is how many core instances the steps make; they are
	// numbered in the order they are made.
	CoreInstances int
	// Options are sets of canonical options.
	Options []Options
	// Canons are the functions that the host provides to core modules.
	Canons []Canon
	// Lifts are the component functions that wrap core functions.
	Lifts []Lift
	// Resources are the resource types: those that component instances define,
	// and those that the component imports.
	Resources []Resource
	// Imports are the functions that the component imports, ModuleImports the
	// core modules, EqualImports what are to be resource types of others, and
	// InstanceImports the names of its imported instances.
	Imports         []Import
	ModuleImports   []ModuleImport
	EqualImports    []EqualImport
	InstanceImports []string
	// Exports are what the component exports, in order.
	Exports []Export
	// Offers are the core modules and resource types among the exports.
	Offers []Offer
	// NeedsModules tells that the component instantiates core modules that it
	// imports: it runs when it is built anew with them.
	NeedsModules bool
	// Unsupported is why the component cannot be instantiated, though it is
	// valid; nil when it can.
	Unsupported *Error
}

// Instance is a component instance.
type Instance struct {
	// Parent is the instance that made it; -1 for the first.
	Parent int
	// Name is for messages.
	Name string
	// Canons are its canonical functions, in order.
	Canons []int
	// Async tells that it lifts async functions or uses built-ins of async, Blocks
	// that its core code may block: one of its canonical functions can.
	Async, Blocks bool
}

// Module is a core module, wired in one way.
type Module struct {
	// Bytes is the module, a slice of the component.
	Bytes []byte
	Info  *corebin.Module
	// Imports say for each import what it is: an export of one of the arguments
	// that each [StepInstantiate] of the module gives.
	Imports []ImportName
	// Offset is where the module starts in the component.
	Offset int
}

// TableMins returns how many elements each table that the module defines starts with.
func (m *Module) TableMins() []uint64 {
	imported := 0
	for _, imp := range m.Info.Imports {
		if imp.Type.Kind == corebin.ExternTable {
			imported++
		}
	}
	var mins []uint64
	for _, t := range m.Info.Tables[imported:] {
		mins = append(mins, t.Limits.Min)
	}
	return mins
}

// ImportName is one import of a wired module: export Name of argument Group.
type ImportName struct {
	Group int
	Name  string
}

// StepKind says what a step does.
type StepKind uint8

// The kinds of step.
const (
	// StepInstantiate makes the next core instance, of module Index with Args.
	StepInstantiate StepKind = iota
	// StepOptions resolves options Index: their functions and memory exist now.
	StepOptions
	// StepResource makes resource type Index.
	StepResource
)

// Step is one step of a plan.
type Step struct {
	Kind  StepKind
	Index int
	// Args and In are set for StepInstantiate; In is the component instance.
	Args []Source
	In   int
}

// Source is an argument of a core instantiation: a core instance, or the
// canonical functions of a component instance, which are named by their
// position in [Instance.Canons].
type Source struct {
	Canons bool
	Index  int
}

// CoreItem is a definition that core code provides, or a canonical function.
type CoreItem struct {
	// Canon is the canonical function; -1 when the item is export Name of core
	// instance Instance.
	Canon    int
	Instance int
	Name     string
}

// Options are canonical options.
type Options struct {
	Encoding                    abi.StringEncoding
	Memory, Realloc, PostReturn CoreItem
	Callback                    CoreItem
	HasMemory, HasRealloc       bool
	HasPostReturn, HasCallback  bool
	Async                       bool
}

// CanonKind says what a canonical function does.
type CanonKind uint8

// The kinds of canonical function.
const (
	// CanonLowerImport calls import Index.
	CanonLowerImport CanonKind = iota
	// CanonLowerLift calls lift Index: a call between two component instances.
	CanonLowerLift
	// CanonResourceNew, CanonResourceDrop and CanonResourceRep work on resource Index.
	CanonResourceNew
	CanonResourceDrop
	CanonResourceRep
	// CanonBuiltin is the built-in of async that Builtin describes.
	CanonBuiltin
)

// Canon is a canonical function: one that core modules import.
type Canon struct {
	Kind  CanonKind
	Index int
	// Instance is the component instance that the function belongs to.
	Instance int
	// Options and Type are set for lowered functions.
	Options int
	Type    *types.Func
	// Builtin is set for a built-in of async.
	Builtin *Builtin
	// Params and Results are its core signature.
	Params, Results []layout.CoreType
	// Name is for messages, such as wasi:cli/exit@0.2.0#exit.
	Name string
}

// Builtin is a built-in of async. Canon.Options are its canonical options, or
// hold its memory alone.
type Builtin struct {
	Op decode.BuiltinOp
	// Elem is the type of a stream's or future's elements, or the result that
	// task.return gives; nil for none.
	Elem types.ValType
	// Async and Cancellable are its flags; Async is an option too.
	Async, Cancellable bool
	// Slot is that of context.get and context.set.
	Slot uint32
	// Table is that of thread.new-indirect.
	Table CoreItem
}

// Lift is a component function made of a core function.
type Lift struct {
	Func     CoreItem
	Type     *types.Func
	Options  int
	Instance int
	// Name is for messages.
	Name string
}

// Resource is a resource type.
type Resource struct {
	// Type is how the plan's types name it.
	Type *types.Resource
	// Instance is the component instance that defines it; -1 when it is
	// imported, from interface From under Name.
	Instance   int
	Dtor       CoreItem
	HasDtor    bool
	From, Name string
	implements string
}

// Import is an imported function: Name of the interface From, or an import of
// its own when From is empty.
type Import struct {
	From, Name string
	Type       *types.Func
	// implements is another name to look From up by.
	implements string
}

// ModuleImport is an imported core module; From and Name are as for [Import].
type ModuleImport struct {
	From, Name string
	Type       *validate.ModuleType // nil when it is not known
	implements string
}

// EqualImport is an imported type that is to be the resource type Resource,
// where the host defines it.
type EqualImport struct {
	From, Name string
	Resource   *types.Resource
	implements string
}

// Offer is an exported core module or resource type: Name of the exported
// instance From, or an export of its own when From is empty.
type Offer struct {
	From, Name string
	// Module is the module, nil for one that the component imports: Import.
	// Both are unset, nil and -1, for resource type Resource.
	Module   *decode.CoreModule
	Import   int
	Resource int
}

// Export is an exported function or instance; types, components and modules
// are left out.
type Export struct {
	Name string
	// Type is set for a function: lift Lift, or import Import when Lift is -1.
	Type         *types.Func
	Lift, Import int
	// Exports are set for an instance.
	Exports []Export
}
