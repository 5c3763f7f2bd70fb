package validate

import (
	"fmt"

	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// scopeKind says what a scope is the inside of.
type scopeKind uint8

const (
	scopeComponent scopeKind = iota
	scopeComponentType
	scopeInstanceType
)

// scope has the index spaces of a component, component type or instance type
// while its definitions are checked.
type scope struct {
	kind   scopeKind
	parent *scope

	coreFuncs     []*corebin.FuncType
	coreTables    []corebin.TableType
	coreMemories  []corebin.MemoryType
	coreGlobals   []corebin.GlobalType
	coreTags      []*corebin.FuncType
	coreTypes     []coreType
	coreModules   []*module
	coreInstances []*coreInstance

	funcs      []*types.Func
	types      []typ
	components []*component
	instances  []*instance

	imports, exports externs
	// importNames and exportNames are the canonical names taken.
	importNames, exportNames takenNames
	// importable and exportable are the types known by a name from outside: those
	// that imports, or exports, may refer to.
	importable, exportable named
	// importedResources and exportedResources are the resource types that are
	// imported or exported at the top level, with their names, for annotated names.
	importedResources, exportedResources resourceNames

	// imported are the resource types that imports introduce, defined those that
	// exports of a component or instance type introduce, local those that the
	// component defines.
	imported, defined []*types.Resource
	local             resourceSet
}

func newScope(kind scopeKind, parent *scope) *scope {
	return &scope{kind: kind, parent: parent}
}

// outer returns the scope count levels outward; crossed tells whether a
// component's boundary lies between.
func (s *scope) outer(count uint32) (o *scope, crossed bool, err error) {
	o = s
	for range count {
		crossed = crossed || o.kind == scopeComponent
		if o = o.parent; o == nil {
			return nil, false, fmt.Errorf("outer alias count %d is more than the enclosing scopes", count)
		}
	}
	return o, crossed, nil
}

// at returns an entry of an index space.
func at[T any](space []T, i uint32, sort decode.Sort) (t T, err error) {
	if uint64(i) >= uint64(len(space)) {
		return t, fmt.Errorf("%s index %d out of bounds: there are %d", sort, i, len(space))
	}
	return space[i], nil
}

func (s *scope) coreFunc(i uint32) (*corebin.FuncType, error) {
	return at(s.coreFuncs, i, decode.SortCoreFunc)
}

func (s *scope) typeAt(i uint32) (typ, error) { return at(s.types, i, decode.SortType) }

// funcType returns the function type at an index.
func (s *scope) funcType(i uint32) (*types.Func, error) {
	t, err := s.typeAt(i)
	if err != nil {
		return nil, err
	}
	f, ok := t.(*types.Func)
	if !ok {
		return nil, fmt.Errorf("type %d is %s, expected a function type", i, kindOf(t))
	}
	return f, nil
}

// resource returns the resource type at an index.
func (s *scope) resource(i uint32) (*types.Resource, error) {
	t, err := s.typeAt(i)
	if err != nil {
		return nil, err
	}
	r, ok := t.(*types.Resource)
	if !ok {
		return nil, fmt.Errorf("type %d is %s, expected a resource type", i, kindOf(t))
	}
	return r, nil
}

// entity returns what a component-level sort and index refer to.
func (s *scope) entity(sort decode.Sort, i uint32) (e entity, err error) {
	e.sort = sort
	switch sort {
	case decode.SortCoreModule:
		e.module, err = at(s.coreModules, i, sort)
	case decode.SortFunc:
		e.fn, err = at(s.funcs, i, sort)
	case decode.SortType:
		e.typ, err = at(s.types, i, sort)
	case decode.SortComponent:
		e.comp, err = at(s.components, i, sort)
	case decode.SortInstance:
		e.inst, err = at(s.instances, i, sort)
	case decode.SortValue:
		err = gated("values", "🪙 values", proposed)
	default:
		err = fmt.Errorf("%s cannot be imported or exported", some(sort))
	}
	return e, err
}

// push appends an entity to its index space.
func (s *scope) push(e entity) {
	switch e.sort {
	case decode.SortCoreModule:
		s.coreModules = append(s.coreModules, e.module)
	case decode.SortFunc:
		s.funcs = append(s.funcs, e.fn)
	case decode.SortType:
		s.types = append(s.types, e.typ)
	case decode.SortComponent:
		s.components = append(s.components, e.comp)
	case decode.SortInstance:
		s.instances = append(s.instances, e.inst)
	}
}

// describe names a definition by its kind and its index or name.
func (s *scope) describe(d decode.Def) string {
	switch d := d.(type) {
	case *decode.CoreModule:
		return fmt.Sprintf("core module[%d]", len(s.coreModules))
	case *decode.CoreInstance:
		return fmt.Sprintf("core instance[%d]", len(s.coreInstances))
	case *decode.CoreType:
		return fmt.Sprintf("core type[%d]", len(s.coreTypes))
	case *decode.Component:
		return fmt.Sprintf("component[%d]", len(s.components))
	case *decode.Instance:
		return fmt.Sprintf("instance[%d]", len(s.instances))
	case *decode.Type:
		return fmt.Sprintf("type[%d]", len(s.types))
	case *decode.Alias:
		return fmt.Sprintf("alias at 0x%x", d.Offset)
	case *decode.Import:
		return fmt.Sprintf("import %q", d.Name.Name)
	case *decode.Export:
		return fmt.Sprintf("export %q", d.Name.Name)
	case *decode.ExportDecl:
		return fmt.Sprintf("export %q", d.Name.Name)
	case *decode.Lift:
		return fmt.Sprintf("canon lift, func[%d]", len(s.funcs))
	case *decode.Lower:
		return fmt.Sprintf("canon lower, core func[%d]", len(s.coreFuncs))
	case *decode.ResourceNew:
		return fmt.Sprintf("canon resource.new, core func[%d]", len(s.coreFuncs))
	case *decode.ResourceDrop:
		return fmt.Sprintf("canon resource.drop, core func[%d]", len(s.coreFuncs))
	case *decode.ResourceRep:
		return fmt.Sprintf("canon resource.rep, core func[%d]", len(s.coreFuncs))
	case *decode.AsyncBuiltin:
		return fmt.Sprintf("canon %s, core func[%d]", d.Op, len(s.coreFuncs))
	}
	return fmt.Sprintf("definition at 0x%x", d.Pos())
}
