package link

import (
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// The entries of the index spaces. Core functions, tables, memories, globals
// and tags are CoreItem; value types are types.ValType, function types
// *types.Func, resource types *types.Resource.
type (
	// coreModule is an embedded module. An imported one is number imprt of
	// Plan.ModuleImports; its def is nil while it is not known.
	coreModule struct {
		def   *decode.CoreModule
		imprt int // -1 for an embedded one
	}

	// coreInstance is an instantiated module (number index), or inline exports.
	coreInstance struct {
		index   int
		exports map[string]any // CoreItem; nil when instantiated
	}

	// closure is a component with the frame that it stands in; def is nil for an
	// imported one.
	closure struct {
		def   *decode.Component
		frame *frame
		name  string // of an imported one
	}

	// instance is a component instance: its exports.
	instance struct {
		names   []string
		exports map[string]entity
	}

	// function is a component function: a lift, or an import.
	function struct {
		typ         *types.Func
		lift, imprt int // one of them is -1
	}

	// typeClosure is a component or instance type with the scope it stands in.
	typeClosure struct {
		def   decode.DefType
		scope *frame
	}

	// entity is a definition with its sort.
	entity struct {
		sort decode.Sort
		def  any
	}
)

func newInstance(n int) *instance {
	return &instance{names: make([]string, 0, n), exports: make(map[string]entity, n)}
}

func (i *instance) add(name string, e entity) {
	if _, dup := i.exports[name]; !dup {
		i.names = append(i.names, name)
	}
	i.exports[name] = e
}

// item returns an export of a core instance.
func (i *coreInstance) item(name string) (CoreItem, bool) {
	if i.exports == nil {
		return CoreItem{Canon: -1, Instance: i.index, Name: name}, true
	}
	it, ok := i.exports[name].(CoreItem)
	return it, ok
}

// frame holds the index spaces of one component under instantiation, or of one
// component or instance type under evaluation.
type frame struct {
	outer *frame
	space [decode.NumSorts][]any
	// inst is the component instance; -1 in types.
	inst int
	// args are the definitions for the imports; nil for the outermost
	// component, whose imports the host provides.
	args map[string]entity
	// exports are what the component exports so far.
	exports *instance
}

func (f *frame) add(s decode.Sort, def any) { f.space[s] = append(f.space[s], def) }

// up returns the frame count scopes outward.
func (f *frame) up(count uint32) *frame {
	for ; count > 0; count-- {
		f = f.outer
	}
	return f
}
