package validate

import "fmt"

// Features are the features that a component may use beside those that every
// host has. The zero value has neither async nor proposals.
type Features struct {
	// Async has async functions, streams, futures, and the built-ins that go with
	// them.
	Async bool
	// MoreAsyncBuiltins has reads and writes that are not async, and cancels that are.
	MoreAsyncBuiltins bool
	// AsyncStackful has async lifts without a callback.
	AsyncStackful bool
	// Threads has the cooperative threading built-ins.
	Threads bool
	// SharedThreads has the built-ins of shared-everything threads.
	SharedThreads bool
	// ErrorContext has the error-context type and its built-ins.
	ErrorContext bool
	// FixedLengthLists has list<T, N>.
	FixedLengthLists bool
	// CanonicalNames has interface names with canonical versions, and version suffixes.
	CanonicalNames bool
	// NestedNames has nested namespaces and packages in interface names.
	NestedNames bool

	// Core has the features of core modules.
	Core CoreFeatures
}

// CoreFeatures are the gated features of core modules.
type CoreFeatures struct {
	Exceptions      bool // tags
	GC              bool // struct, array and typed reference types
	Memory64        bool // 64-bit memories and tables
	MultiMemory     bool // more than one memory in a module
	SharedMemory    bool // threads
	CustomPageSizes bool
}

// AllFeatures has every feature that validation knows.
func AllFeatures() Features {
	return Features{
		Async: true, MoreAsyncBuiltins: true, AsyncStackful: true, Threads: true, SharedThreads: true, ErrorContext: true,
		FixedLengthLists: true, CanonicalNames: true, NestedNames: true,
		Core: CoreFeatures{true, true, true, true, true, true},
	}
}

// Gated is the error for a feature that is not on.
type Gated struct {
	// What is what the component has, such as "async function types".
	What string
	// Feature is the feature's name.
	Feature string
	// Status says where the feature stands.
	Status string
}

// Error implements error.
func (e *Gated) Error() string {
	return fmt.Sprintf("%s need %s, which this host does not support (%s)", e.What, e.Feature, e.Status)
}

// Where features stand.
const (
	shipped     = "standard since WASI 0.3"
	proposed    = "a component-model proposal that is not standard yet"
	coreFeature = "a core WebAssembly feature that the engine wazero lacks"
)

func gated(what, feature, status string) error {
	return &Gated{What: what, Feature: feature, Status: status}
}

// need returns an error unless a feature is on.
func need(on bool, what, feature, status string) error {
	if on {
		return nil
	}
	return gated(what, feature, status)
}

func (v *validator) needAsync(what string) error {
	return need(v.features.Async, what, "async", shipped)
}
