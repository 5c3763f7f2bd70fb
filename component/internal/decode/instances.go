package decode

import (
	"fmt"

	"github.com/wasinn/wasinn/component/internal/corebin"
)

// coreInstance reads core:instance.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#instance-definitions
func coreInstance(r *corebin.Reader) (_ *CoreInstance, err error) {
	i := &CoreInstance{Offset: r.Pos()}
	if i.Instantiate, err = isInstantiate(r, "core instance"); err != nil {
		return nil, err
	}
	if !i.Instantiate {
		i.Exports, err = corebin.Vec(r, 3, "export", coreInlineExport)
		return i, err
	}
	if i.Module, err = r.U32(); err != nil {
		return nil, err
	}
	i.Args, err = corebin.Vec(r, 3, "arg", coreInstantiateArg)
	return i, err
}

// isInstantiate reads which form an instance expression has.
func isInstantiate(r *corebin.Reader, what string) (bool, error) {
	b, err := r.Byte()
	if err != nil {
		return false, err
	}
	if b > 1 {
		return false, r.ErrorAt(r.Pos()-1, "found 0x%02x, expected 0x00 (instantiate) or 0x01 (inline exports) of a %s", b, what)
	}
	return b == 0, nil
}

func coreInstantiateArg(r *corebin.Reader) (a CoreInstantiateArg, err error) {
	if a.Name, err = r.Name(); err != nil {
		return a, err
	}
	if err = r.Expect(0x12, "sort of a core argument (instance)"); err != nil {
		return a, err
	}
	a.Instance, err = r.U32()
	return a, err
}

func coreInlineExport(r *corebin.Reader) (e CoreInlineExport, err error) {
	if e.Name, err = r.Name(); err != nil {
		return e, err
	}
	if e.Sort, err = coreSort(r); err != nil {
		return e, err
	}
	e.Index, err = r.U32()
	return e, err
}

// instance reads instance.
func instance(r *corebin.Reader) (_ *Instance, err error) {
	i := &Instance{Offset: r.Pos()}
	if i.Instantiate, err = isInstantiate(r, "instance"); err != nil {
		return nil, err
	}
	if !i.Instantiate {
		i.Exports, err = corebin.Vec(r, 4, "export", inlineExport)
		return i, err
	}
	if i.Component, err = r.U32(); err != nil {
		return nil, err
	}
	i.Args, err = corebin.Vec(r, 3, "arg", instantiateArg)
	return i, err
}

func instantiateArg(r *corebin.Reader) (a InstantiateArg, err error) {
	if a.Name, err = r.Name(); err != nil {
		return a, err
	}
	a.Sort, a.Index, err = externSortIndex(r)
	return a, err
}

func inlineExport(r *corebin.Reader) (e InlineExport, err error) {
	if e.Name, err = externName(r); err != nil {
		return e, err
	}
	e.Sort, e.Index, err = externSortIndex(r)
	return e, err
}

// externSortIndex reads the sortidx of what a component can import or export:
// a core module or something of a component sort.
func externSortIndex(r *corebin.Reader) (Sort, uint32, error) {
	s, err := externSort(r)
	if err != nil {
		return 0, 0, err
	}
	i, err := r.U32()
	return s, i, err
}

// externSort reads a sort; of the core sorts only core module is accepted.
func externSort(r *corebin.Reader) (Sort, error) {
	at := r.Pos()
	s, err := sort(r)
	if err != nil {
		return 0, err
	}
	if s.IsCore() && s != SortCoreModule {
		return 0, r.ErrorAt(at, "found sort %s, of the core sorts only core module is possible here", s)
	}
	return s, nil
}

// coreSort reads core:sort.
func coreSort(r *corebin.Reader) (Sort, error) {
	b, err := r.Byte()
	if err != nil {
		return 0, err
	}
	switch b {
	case 0x00, 0x01, 0x02, 0x03, 0x04:
		return SortCoreFunc + Sort(b), nil
	case 0x10:
		return SortCoreType, nil
	case 0x11:
		return SortCoreModule, nil
	case 0x12:
		return SortCoreInstance, nil
	}
	return 0, r.ErrorAt(r.Pos()-1, "unknown core sort 0x%02x", b)
}

// sort reads sort.
func sort(r *corebin.Reader) (Sort, error) {
	b, err := r.Byte()
	if err != nil {
		return 0, err
	}
	switch b {
	case 0x00:
		return coreSort(r)
	case 0x01, 0x02, 0x03, 0x04, 0x05:
		return SortFunc + Sort(b-1), nil
	}
	return 0, r.ErrorAt(r.Pos()-1, "unknown sort 0x%02x", b)
}

// alias reads alias.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#alias-definitions
func alias(r *corebin.Reader) (_ *Alias, err error) {
	a := &Alias{Offset: r.Pos()}
	if a.Sort, err = sort(r); err != nil {
		return nil, err
	}
	target, err := r.Byte()
	if err != nil {
		return nil, err
	}
	a.Target = AliasTarget(target)
	if target > byte(AliasOuter) {
		return nil, r.ErrorAt(r.Pos()-1, "unknown alias target 0x%02x", target)
	}
	if !a.Target.admits(a.Sort) {
		return nil, r.ErrorAt(a.Offset, "%s has no sort %s", a.Target, a.Sort)
	}
	if a.Target == AliasOuter {
		if a.Count, err = r.U32(); err != nil {
			return nil, err
		}
		a.Index, err = r.U32()
		return a, err
	}
	if a.Instance, err = r.U32(); err != nil {
		return nil, err
	}
	if a.Name, err = r.Name(); err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	return a, nil
}

// admits tells whether an alias of this kind can refer to a sort.
func (t AliasTarget) admits(s Sort) bool {
	switch t {
	case AliasExport:
		return !s.IsCore() || s == SortCoreModule
	case AliasCoreExport:
		return s <= SortCoreTag
	default:
		return s == SortCoreModule || s == SortCoreType || s == SortType || s == SortComponent
	}
}

// String names the target in errors.
func (t AliasTarget) String() string {
	switch t {
	case AliasExport:
		return "an export alias"
	case AliasCoreExport:
		return "a core export alias"
	default:
		return "an outer alias"
	}
}
