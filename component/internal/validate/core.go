package validate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
)

// coreModule checks an embedded core module as far as its types go.
func (v *validator) coreModule(s *scope, d *decode.CoreModule) error {
	m := d.Module
	if err := v.coreFeatures(m); err != nil {
		return err
	}
	if err := uniqueImports(m.Imports); err != nil {
		return err
	}
	s.coreModules = append(s.coreModules, moduleOf(m))
	return nil
}

// moduleOf returns the type of a core module.
func moduleOf(m *corebin.Module) *module {
	t := &module{imports: m.Imports, exports: make(map[string]corebin.Extern, len(m.Exports))}
	for _, e := range m.Exports {
		t.exports[e.Name] = e.Type
	}
	return t
}

// uniqueImports checks that no import of a core module occurs twice, since
// both would be one import of a component.
func uniqueImports(imports []corebin.Import) error {
	seen := make(map[[2]string]struct{}, len(imports))
	for _, i := range imports {
		key := [2]string{i.Module, i.Name}
		if _, twice := seen[key]; twice {
			return fmt.Errorf("import %q %q occurs twice", i.Module, i.Name)
		}
		seen[key] = struct{}{}
	}
	return nil
}

// coreFeatures checks the types of a core module for features that are not on.
func (v *validator) coreFeatures(m *corebin.Module) error {
	for i, t := range m.Types {
		if err := v.coreTypeFeatures(t); err != nil {
			return fmt.Errorf("type %d: %w", i, err)
		}
	}
	for i, t := range m.Tables {
		if err := v.tableType(t); err != nil {
			return fmt.Errorf("table %d: %w", i, err)
		}
	}
	for i, t := range m.Memories {
		if err := v.memoryType(t); err != nil {
			return fmt.Errorf("memory %d: %w", i, err)
		}
	}
	for i, t := range m.Globals {
		if err := v.coreValType(t.Type); err != nil {
			return fmt.Errorf("global %d: %w", i, err)
		}
	}
	if len(m.Memories) > 1 {
		if err := need(v.features.Core.MultiMemory, "modules with several memories", "multi-memory", coreFeature); err != nil {
			return err
		}
	}
	if len(m.Tags) > 0 {
		return v.needExceptions()
	}
	return nil
}

func (v *validator) needExceptions() error {
	return need(v.features.Core.Exceptions, "tags", "exception handling", "a core WebAssembly feature that is unsafe in the engine wazero 1.12.0")
}

// coreTypeFeatures checks one entry of a core type section.
func (v *validator) coreTypeFeatures(t corebin.Type) error {
	if t.Func == nil || t.Sub || t.Rec {
		if err := need(v.features.Core.GC, "struct, array and recursive types", "garbage collection", coreFeature); err != nil {
			return err
		}
	}
	if t.Func == nil {
		return nil
	}
	for _, list := range [...][]corebin.ValType{t.Func.Params, t.Func.Results} {
		for _, val := range list {
			if err := v.coreValType(val); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *validator) coreValType(t corebin.ValType) error {
	return need(v.features.Core.GC || t.IsMVP(), "values of type "+t.String(), "typed references or garbage collection", coreFeature)
}

// tableType checks a table type.
func (v *validator) tableType(t corebin.TableType) error {
	if err := v.coreValType(t.Elem); err != nil {
		return err
	}
	return v.limits(t.Limits, math.MaxUint32, "elements")
}

// memoryType checks a memory type: at most 4 GiB, in pages.
func (v *validator) memoryType(t corebin.MemoryType) error {
	if t.PageSizeLog2 != 16 && t.PageSizeLog2 != 0 {
		return fmt.Errorf("page size 2^%d, expected 2^0 or 2^16", t.PageSizeLog2)
	}
	if t.CustomPageSize {
		if err := need(v.features.Core.CustomPageSizes, "memories that give their page size", "custom page sizes", coreFeature); err != nil {
			return err
		}
	}
	most := uint64(1) << (32 - t.PageSizeLog2)
	if t.Limits.Is64 {
		most = uint64(1) << (63 - t.PageSizeLog2)
	}
	if t.Limits.Shared && !t.Limits.HasMax {
		return errors.New("a shared memory has a maximum, found none")
	}
	return v.limits(t.Limits, most, "pages")
}

func (v *validator) limits(l corebin.Limits, most uint64, unit string) error {
	if l.Is64 {
		if err := need(v.features.Core.Memory64, "64-bit memories and tables", "memory64", coreFeature); err != nil {
			return err
		}
	}
	if l.Shared {
		if err := need(v.features.Core.SharedMemory, "shared memories", "threads", "a core WebAssembly feature that this host leaves off"); err != nil {
			return err
		}
	}
	if l.Min > most && !(l.Is64 && unit == "elements") {
		return fmt.Errorf("minimum of %d %s, at most %d are possible", l.Min, unit, most)
	}
	if !l.HasMax {
		return nil
	}
	if l.Max < l.Min {
		return fmt.Errorf("minimum of %d %s is more than the maximum of %d", l.Min, unit, l.Max)
	}
	if unit == "pages" && l.Max > most {
		return fmt.Errorf("maximum of %d %s, at most %d are possible", l.Max, unit, most)
	}
	return nil
}

// coreType checks a core type definition.
func (v *validator) coreType(s *scope, d *decode.CoreType) error {
	if d.Module != nil {
		m, err := v.moduleType(s, d.Module)
		if err == nil {
			s.coreTypes = append(s.coreTypes, coreType{module: m})
		}
		return err
	}
	added, err := v.coreTypes(s.coreTypes, d)
	if err == nil {
		s.coreTypes = append(s.coreTypes, added...)
	}
	return err
}

// coreTypes checks the types of a recursion group.
func (v *validator) coreTypes(space []coreType, d *decode.CoreType) ([]coreType, error) {
	if d.Rec {
		if err := need(v.features.Core.GC, "recursion groups of types", "garbage collection", coreFeature); err != nil {
			return nil, err
		}
	}
	added := make([]coreType, len(d.Types))
	for i, t := range d.Types {
		// A plain subtype without supertypes says nothing more than its type.
		if t.Func != nil {
			t.Sub = t.Sub && d.Rec
		}
		if err := v.coreTypeFeatures(t); err != nil {
			return nil, err
		}
		if err := heapTypes(space, len(d.Types), t.Func); err != nil {
			return nil, err
		}
		added[i] = coreType{fn: t.Func}
	}
	return added, nil
}

// heapTypes checks that the references in a function type are to types of the
// space before or of the group of the given size that comes next.
func heapTypes(space []coreType, group int, f *corebin.FuncType) error {
	if f == nil {
		return nil
	}
	for _, list := range [...][]corebin.ValType{f.Params, f.Results} {
		for _, val := range list {
			i, ok := val.HeapIndex()
			switch {
			case !ok:
			case uint64(i) >= uint64(len(space)+group):
				return fmt.Errorf("core type index %d out of bounds: there are %d", i, len(space))
			case uint64(i) < uint64(len(space)) && space[i].module != nil:
				return fmt.Errorf("core type %d is a module type, expected one of a value", i)
			}
		}
	}
	return nil
}

// moduleType checks a core module type, whose types have an index space of
// their own.
func (v *validator) moduleType(s *scope, t *decode.CoreModuleType) (*module, error) {
	m := &module{exports: map[string]corebin.Extern{}}
	var space []coreType
	for i, d := range t.Decls {
		var err error
		switch {
		case d.Type != nil:
			space, err = v.declaredType(space, d.Type)
		case d.Alias != nil:
			space, err = declaredOuter(s, space, d.Alias)
		case d.Import != nil:
			err = v.declaredImport(m, space, d.Import)
		case d.Export != nil:
			err = v.declaredExport(m, space, d.Export)
		}
		if err != nil {
			return nil, fmt.Errorf("decl[%d]: %w", i, err)
		}
	}
	return m, uniqueImports(m.imports)
}

func (v *validator) declaredType(space []coreType, d *decode.CoreType) ([]coreType, error) {
	added, err := v.coreTypes(space, d)
	return append(space, added...), err
}

// declaredOuter checks an alias in a core module type; count 0 is the module type itself.
func declaredOuter(s *scope, space []coreType, a *decode.CoreOuterAlias) ([]coreType, error) {
	from := space
	if a.Count > 0 {
		o, _, err := s.outer(a.Count - 1)
		if err != nil {
			return nil, err
		}
		from = o.coreTypes
	}
	t, err := at(from, a.Index, decode.SortCoreType)
	if err == nil && t.module != nil {
		err = fmt.Errorf("core type %d is a module type, which cannot be aliased into another", a.Index)
	}
	return append(space, t), err
}

func (v *validator) declaredImport(m *module, space []coreType, d *decode.CoreImportDecl) error {
	e, err := v.declaredExtern(space, d.Type)
	if err != nil {
		return fmt.Errorf("import %q %q: %w", d.Module, d.Name, err)
	}
	m.imports = append(m.imports, corebin.Import{Module: d.Module, Name: d.Name, Type: e})
	return nil
}

func (v *validator) declaredExport(m *module, space []coreType, d *decode.CoreExportDecl) error {
	e, err := v.declaredExtern(space, d.Type)
	if err != nil {
		return fmt.Errorf("export %q: %w", d.Name, err)
	}
	if _, twice := m.exports[d.Name]; twice {
		return fmt.Errorf("export %q occurs twice", d.Name)
	}
	m.exports[d.Name] = e
	return nil
}

// declaredExtern resolves and checks an extern type of a core module type.
func (v *validator) declaredExtern(space []coreType, e corebin.Extern) (corebin.Extern, error) {
	switch e.Kind {
	case corebin.ExternTable:
		return e, v.tableType(e.Table)
	case corebin.ExternMemory:
		return e, v.memoryType(e.Memory)
	case corebin.ExternGlobal:
		return e, v.coreValType(e.Global.Type)
	}
	t, err := at(space, e.TypeIndex, decode.SortCoreType)
	if err != nil {
		return e, err
	}
	if e.Func = t.fn; t.fn == nil {
		return e, fmt.Errorf("core type %d is not a function type", e.TypeIndex)
	}
	if e.Kind == corebin.ExternTag {
		return e, v.needExceptions()
	}
	return e, nil
}

// coreInstance checks the definition of a core instance.
func (v *validator) coreInstance(s *scope, d *decode.CoreInstance) error {
	make := coreInlineExports
	if d.Instantiate {
		make = v.coreInstantiate
	}
	i, err := make(s, d)
	if err != nil {
		return err
	}
	s.coreInstances = append(s.coreInstances, i)
	return nil
}

// coreInstantiate checks that the arguments have what a module imports.
func (v *validator) coreInstantiate(s *scope, d *decode.CoreInstance) (*coreInstance, error) {
	m, err := at(s.coreModules, d.Module, decode.SortCoreModule)
	if err != nil {
		return nil, err
	}
	args := make(map[string]*coreInstance, len(d.Args))
	for _, a := range d.Args {
		if _, twice := args[a.Name]; twice {
			return nil, fmt.Errorf("argument %q is given twice", a.Name)
		}
		if args[a.Name], err = at(s.coreInstances, a.Instance, decode.SortCoreInstance); err != nil {
			return nil, fmt.Errorf("argument %q: %w", a.Name, err)
		}
	}
	for _, want := range m.imports {
		if err := v.look2(want.Module, want.Name); err != nil {
			return nil, err
		}
		arg, ok := args[want.Module]
		if !ok {
			return nil, fmt.Errorf("missing argument %q for the import %q %q", want.Module, want.Module, want.Name)
		}
		have, ok := arg.exports[want.Name]
		if !ok {
			return nil, fmt.Errorf("argument %q has no export %q", want.Module, want.Name)
		}
		if err := v.subtypeCore(have, want.Type); err != nil {
			return nil, fmt.Errorf("import %q %q: %w", want.Module, want.Name, err)
		}
	}
	return &coreInstance{exports: m.exports}, nil
}

// coreInlineExports checks a core instance made of exports.
func coreInlineExports(s *scope, d *decode.CoreInstance) (*coreInstance, error) {
	i := &coreInstance{exports: make(map[string]corebin.Extern, len(d.Exports))}
	for _, x := range d.Exports {
		if _, twice := i.exports[x.Name]; twice {
			return nil, fmt.Errorf("export %q occurs twice", x.Name)
		}
		e, err := s.coreExtern(x.Sort, x.Index)
		if err != nil {
			return nil, fmt.Errorf("export %q: %w", x.Name, err)
		}
		i.exports[x.Name] = e
	}
	return i, nil
}

// coreExtern returns what a core sort and index refer to.
func (s *scope) coreExtern(sort decode.Sort, i uint32) (e corebin.Extern, err error) {
	switch sort {
	case decode.SortCoreFunc:
		e.Kind = corebin.ExternFunc
		e.Func, err = at(s.coreFuncs, i, sort)
	case decode.SortCoreTable:
		e.Kind = corebin.ExternTable
		e.Table, err = at(s.coreTables, i, sort)
	case decode.SortCoreMemory:
		e.Kind = corebin.ExternMemory
		e.Memory, err = at(s.coreMemories, i, sort)
	case decode.SortCoreGlobal:
		e.Kind = corebin.ExternGlobal
		e.Global, err = at(s.coreGlobals, i, sort)
	case decode.SortCoreTag:
		e.Kind = corebin.ExternTag
		e.Func, err = at(s.coreTags, i, sort)
	default:
		err = fmt.Errorf("a core instance cannot export a %s", sort)
	}
	return e, err
}

// subtypeModule checks that module a imports no more than b and exports no less.
func (v *validator) subtypeModule(a, b *module) error {
	imports := make(map[[2]string]corebin.Extern, len(b.imports))
	for _, i := range b.imports {
		if err := v.look2(i.Module, i.Name); err != nil {
			return err
		}
		imports[[2]string{i.Module, i.Name}] = i.Type
	}
	for _, want := range a.imports {
		if err := v.look2(want.Module, want.Name); err != nil {
			return err
		}
		have, ok := imports[[2]string{want.Module, want.Name}]
		if !ok {
			return fmt.Errorf("it has the import %q %q, which is not expected", want.Module, want.Name)
		}
		if err := v.subtypeCore(have, want.Type); err != nil {
			return fmt.Errorf("import %q %q: %w", want.Module, want.Name, err)
		}
	}
	for name, want := range b.exports {
		if err := v.look(name); err != nil {
			return err
		}
		have, ok := a.exports[name]
		if !ok {
			return fmt.Errorf("missing export %q", name)
		}
		if err := v.subtypeCore(have, want); err != nil {
			return fmt.Errorf("export %q: %w", name, err)
		}
	}
	return nil
}

// subtypeCore checks that a core extern of type a can stand where one of type
// b is expected.
//
// See https://webassembly.github.io/spec/core/valid/matching.html#external-types
func (v *validator) subtypeCore(a, b corebin.Extern) error {
	if a.Kind != b.Kind {
		return fmt.Errorf("found a %s, expected a %s", a.Kind, b.Kind)
	}
	switch b.Kind {
	case corebin.ExternTable:
		if a.Table.Elem != b.Table.Elem {
			return fmt.Errorf("found a table of %s, expected one of %s", a.Table.Elem, b.Table.Elem)
		}
		return subtypeLimits(a.Table.Limits, b.Table.Limits)
	case corebin.ExternMemory:
		if a.Memory.PageSizeLog2 != b.Memory.PageSizeLog2 {
			return fmt.Errorf("found pages of 2^%d bytes, expected 2^%d", a.Memory.PageSizeLog2, b.Memory.PageSizeLog2)
		}
		return subtypeLimits(a.Memory.Limits, b.Memory.Limits)
	case corebin.ExternGlobal:
		if a.Global != b.Global {
			return fmt.Errorf("found a global %s, expected %s", globalText(a.Global), globalText(b.Global))
		}
	default:
		if err := v.charge(len(b.Func.Params) + len(b.Func.Results)); err != nil {
			return err
		}
		if !sameFunc(a.Func, b.Func) {
			return fmt.Errorf("found a %s %s, expected %s", a.Kind, funcText(a.Func), funcText(b.Func))
		}
	}
	return nil
}

// subtypeLimits checks that limits a are within limits b.
func subtypeLimits(a, b corebin.Limits) error {
	switch {
	case a.Shared != b.Shared:
		return errors.New("one is shared, the other is not")
	case a.Is64 != b.Is64:
		return errors.New("one has 64-bit indices, the other 32-bit ones")
	case a.Min < b.Min:
		return fmt.Errorf("found a minimum of %d, expected %d at least", a.Min, b.Min)
	case b.HasMax && !a.HasMax:
		return fmt.Errorf("found no maximum, expected %d at most", b.Max)
	case b.HasMax && a.Max > b.Max:
		return fmt.Errorf("found a maximum of %d, expected %d at most", a.Max, b.Max)
	}
	return nil
}

// sameFunc tells whether two core function types are equal.
func sameFunc(a, b *corebin.FuncType) bool {
	return a == b || slices.Equal(a.Params, b.Params) && slices.Equal(a.Results, b.Results)
}

func globalText(g corebin.GlobalType) string {
	if g.Mutable {
		return "(mut " + g.Type.String() + ")"
	}
	return g.Type.String()
}

// funcText returns a core function type as func(i32) -> (i64).
func funcText(f *corebin.FuncType) string {
	list := func(ts []corebin.ValType) string {
		texts := make([]string, 0, min(len(ts), 20)+1)
		for i, t := range ts {
			if i == 20 {
				texts = append(texts, "...")
				break
			}
			texts = append(texts, t.String())
		}
		return "(" + strings.Join(texts, ", ") + ")"
	}
	return "func" + list(f.Params) + " -> " + list(f.Results)
}
