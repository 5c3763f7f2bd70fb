package validate

import (
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// typ is what a type index stands for: a [types.ValType], *[types.Func],
// *[types.Resource], *instance (an instance type) or *component (a component type).
type typ any

// kindOf names a type's kind in errors.
func kindOf(t typ) string {
	switch t.(type) {
	case types.ValType:
		return "a value type"
	case *types.Func:
		return "a function type"
	case *types.Resource:
		return "a resource type"
	case *instance:
		return "an instance type"
	case *component:
		return "a component type"
	}
	return "an unknown type"
}

// entity is something of a component-level sort, by its type. The field that
// belongs to sort is set.
type entity struct {
	sort   decode.Sort
	module *module     // SortCoreModule
	fn     *types.Func // SortFunc
	typ    typ         // SortType
	comp   *component  // SortComponent
	inst   *instance   // SortInstance
}

// extern is a named import or export.
type extern struct {
	name string
	entity
}

// externs are imports or exports, in order and by name.
type externs struct {
	list  []extern
	index map[string]int
	size  uint64 // nodes, see MaxTypeSize
	depth int
}

func (x *externs) lookup(name string) (entity, bool) {
	i, ok := x.index[name]
	if !ok {
		return entity{}, false
	}
	return x.list[i].entity, true
}

// add appends an entity, whose name is not taken.
func (v *validator) add(x *externs, name string, e entity) error {
	size, depth := v.extent(e)
	x.size += size + 1
	x.depth = max(x.depth, depth+1)
	if err := checkExtent(x.size, x.depth); err != nil {
		return err
	}
	if x.index == nil {
		x.index = map[string]int{}
	}
	x.index[name] = len(x.list)
	x.list = append(x.list, extern{name: name, entity: e})
	return nil
}

var errDepth = fmt.Errorf("type is nested more than %d levels deep", MaxTypeDepth)
var errSize = fmt.Errorf("type has more than %d nodes", MaxTypeSize)

func checkExtent(size uint64, depth int) error {
	if depth > MaxTypeDepth {
		return errDepth
	}
	if size > MaxTypeSize {
		return errSize
	}
	return nil
}

// extent returns the number of nodes and the depth of an entity's type.
func (v *validator) extent(e entity) (size uint64, depth int) {
	switch e.sort {
	case decode.SortFunc:
		return v.typeExtent(e.fn)
	case decode.SortType:
		return v.typeExtent(e.typ)
	case decode.SortComponent:
		return v.typeExtent(e.comp)
	case decode.SortInstance:
		return v.typeExtent(e.inst)
	case decode.SortCoreModule:
		return uint64(len(e.module.imports) + len(e.module.exports) + 1), 1
	}
	return 1, 1
}

func (v *validator) typeExtent(t typ) (size uint64, depth int) {
	switch t := t.(type) {
	case *types.Func:
		return v.funcExtent(t)
	case *instance:
		return t.exports.size + 1, t.exports.depth + 1
	case *component:
		return t.imports.size + t.exports.size + 1, max(t.imports.depth, t.exports.depth) + 1
	case types.ValType:
		i := v.infoOf(t)
		return uint64(i.size), int(i.depth)
	}
	return 1, 1
}

func (v *validator) funcExtent(f *types.Func) (size uint64, depth int) {
	size = 1
	for _, p := range f.Params {
		i := v.infoOf(p.Type)
		size += uint64(i.size)
		depth = max(depth, int(i.depth))
	}
	if f.Result != nil {
		i := v.infoOf(f.Result)
		size += uint64(i.size)
		depth = max(depth, int(i.depth))
	}
	return size, depth + 1
}

// instance is a component instance, or an instance type.
type instance struct {
	exports externs
	// bound are the resource types that an instance type introduces; each
	// instance of it has its own. A concrete instance has none.
	bound []*types.Resource
}

// component is a component, or a component type.
type component struct {
	imports, exports externs
	// imported are the resource types that the imports introduce: to be
	// supplied at instantiation. defined are those that each instantiation makes anew.
	imported, defined []*types.Resource
}

// module is a core module, or a core module type.
type module struct {
	imports []corebin.Import
	exports map[string]corebin.Extern
}

// coreInstance is a core instance: its exports by name, of the sort that Kind says.
type coreInstance struct{ exports map[string]corebin.Extern }

// coreType is what a core type index stands for.
type coreType struct {
	fn     *corebin.FuncType // function type
	module *module           // module type
}

// info is what is known of a value type.
type info struct {
	size  uint32 // nodes, each reference counted as a copy
	depth uint16
	flags infoFlags
}

type infoFlags uint8

const (
	hasResource infoFlags = 1 << iota // has own or borrow
	hasBorrow
	hasPointer // has a string, or a list of any length: needs memory
)

// infoOf returns what is known of a value type that was registered.
func (v *validator) infoOf(t types.ValType) info {
	if p, ok := t.(types.Primitive); ok {
		i := info{size: 1, depth: 1}
		if p == types.String {
			i.flags = hasPointer
		}
		return i
	}
	return v.info[t]
}

// register works out what is to be known of a new value type with parts.
func (v *validator) register(t types.ValType, flags infoFlags, parts ...types.ValType) error {
	size, depth := uint64(1), 0
	for _, p := range parts {
		if p == nil {
			continue
		}
		i := v.infoOf(p)
		size += uint64(i.size)
		depth = max(depth, int(i.depth))
		flags |= i.flags
	}
	if err := checkExtent(size, depth+1); err != nil {
		return err
	}
	switch t.(type) {
	case *types.Stream, *types.Future:
		// What passes is a handle; elements pass by reads and writes.
		flags &^= hasPointer
	}
	v.info[t] = info{size: uint32(size), depth: uint16(depth + 1), flags: flags}
	if v.sizes.Of(t).TooBig() {
		return errors.New("a value of the type takes 2^28 bytes or more")
	}
	return nil
}

// root returns the resource type that r is, or is an alias of.
func (v *validator) root(r *types.Resource) *types.Resource {
	if root, ok := v.roots[r]; ok {
		return root
	}
	return r
}

// aliasOf makes a new alias of a resource type.
func (v *validator) aliasOf(r *types.Resource) *types.Resource {
	a := &types.Resource{Name: r.Name}
	v.roots[a] = v.root(r)
	return a
}

// renamed returns a type as an import or export of it makes it: the same type
// under a new identity, for external visibility.
func (v *validator) renamed(t typ, name string) (typ, error) {
	switch t := t.(type) {
	case *types.Resource:
		a := v.aliasOf(t)
		a.Name = name
		return a, nil
	case types.ValType:
		return v.copied(t)
	}
	return t, nil
}

// copied returns a shallow copy of a value type, with an identity of its own.
func (v *validator) copied(t types.ValType) (types.ValType, error) {
	// The layout of the copy will be computed anew, part by part.
	parts := numParts(t)
	if e, ok := t.(*types.Enum); ok {
		parts = len(e.Labels)
	}
	if err := v.charge(1 + parts); err != nil {
		return nil, err
	}
	var c types.ValType
	switch t := t.(type) {
	case types.Primitive:
		return t, nil
	case *types.List:
		d := *t
		c = &d
	case *types.Map:
		d := *t
		c = &d
	case *types.Record:
		d := *t
		c = &d
	case *types.Tuple:
		d := *t
		c = &d
	case *types.Variant:
		d := *t
		c = &d
	case *types.Enum:
		d := *t
		c = &d
	case *types.Option:
		d := *t
		c = &d
	case *types.Result:
		d := *t
		c = &d
	case *types.Flags:
		d := *t
		c = &d
	case *types.Own:
		d := *t
		c = &d
	case *types.Borrow:
		d := *t
		c = &d
	case *types.Stream:
		d := *t
		c = &d
	case *types.Future:
		d := *t
		c = &d
	default:
		return nil, fmt.Errorf("unknown value type %T", t)
	}
	v.info[c] = v.info[t]
	return c, nil
}

// resourceSet is a set of resource types.
type resourceSet map[*types.Resource]struct{}

func (s *resourceSet) add(r *types.Resource) {
	if *s == nil {
		*s = resourceSet{}
	}
	(*s)[r] = struct{}{}
}

func (s resourceSet) has(r *types.Resource) bool {
	_, ok := s[r]
	return ok
}
