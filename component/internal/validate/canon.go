package validate

import (
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// The core signatures that canonical definitions ask for or have.
var (
	dtorType     = coreFunc(1, 0)
	reallocType  = coreFunc(4, 1)
	callbackType = coreFunc(3, 1)
	newType      = coreFunc(1, 1) // resource.new and resource.rep
	dropType     = coreFunc(1, 0)
)

// coreFunc returns a function type of i32 parameters and results.
func coreFunc(params, results int) *corebin.FuncType {
	return &corebin.FuncType{Params: i32s(params), Results: i32s(results)}
}

func i32s(n int) []corebin.ValType {
	list := make([]corebin.ValType, n)
	for i := range list {
		list[i] = corebin.I32
	}
	return list
}

// options are the canonical options of one definition, checked each by itself.
type options struct {
	memory, realloc, async bool
	callback               bool
	postReturn             *corebin.FuncType
}

// options checks canonical options: at most one of each kind, each of the
// right type.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canonopt-validation
func (v *validator) options(s *scope, list decode.CanonOptions) (o options, err error) {
	if err := v.gatedOptions(s, list); err != nil {
		return o, err
	}
	var seen [decode.OptGC + 1]bool
	for _, opt := range list {
		kind := opt.Kind
		if kind <= decode.OptLatin1UTF16 {
			kind = decode.OptUTF8
		}
		if seen[kind] {
			return o, fmt.Errorf("option %s conflicts with one before", opt.Kind)
		}
		seen[kind] = true
		if err := v.option(s, opt, &o); err != nil {
			return o, fmt.Errorf("option %s: %w", opt.Kind, err)
		}
	}
	switch {
	case o.realloc && !o.memory:
		return o, errors.New("option realloc needs the option memory")
	case o.async && o.postReturn != nil:
		return o, errors.New("option post-return cannot stand with the option async")
	case o.callback && !o.async:
		return o, errors.New("option callback needs the option async")
	}
	return o, nil
}

// gatedOptions refuses what stands behind a gate first, so that an error is
// about that and not about what follows from it.
func (v *validator) gatedOptions(s *scope, list decode.CanonOptions) error {
	for _, opt := range list {
		switch opt.Kind {
		case decode.OptCoreType, decode.OptGC:
			return gated("the options core-type and gc", "the canonical ABI for garbage-collected values", proposed)
		case decode.OptMemory:
			m, err := at(s.coreMemories, opt.Index, decode.SortCoreMemory)
			if err != nil {
				return fmt.Errorf("option %s: %w", opt.Kind, err)
			}
			if m.Limits.Is64 {
				return gated("64-bit memories of canonical definitions", "🐘 memory64", proposed)
			}
		}
	}
	return nil
}

func (v *validator) option(s *scope, opt decode.CanonOption, o *options) error {
	switch opt.Kind {
	case decode.OptMemory:
		if s.coreMemories[opt.Index].Limits.Shared {
			return errors.New("found a shared memory, expected one that is not")
		}
		o.memory = true
	case decode.OptRealloc:
		o.realloc = true
		return signature(s, opt.Index, reallocType)
	case decode.OptCallback:
		o.callback = true
		return signature(s, opt.Index, callbackType)
	case decode.OptPostReturn:
		f, err := s.coreFunc(opt.Index)
		o.postReturn = f
		return err
	case decode.OptAsync:
		o.async = true
	}
	return nil
}

// signature checks that a core function has a type.
func signature(s *scope, i uint32, want *corebin.FuncType) error {
	f, err := s.coreFunc(i)
	if err != nil {
		return err
	}
	if !sameFunc(f, want) {
		return fmt.Errorf("core func %d is a %s, expected %s", i, funcText(f), funcText(want))
	}
	return nil
}

// lift checks canon lift.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-lift
func (v *validator) lift(s *scope, d *decode.Lift) error {
	ft, err := s.funcType(d.Type)
	if err != nil {
		return err
	}
	f, err := s.coreFunc(d.Func)
	if err != nil {
		return err
	}
	o, err := v.options(s, d.Options)
	if err != nil {
		return err
	}
	if err := v.liftAsync(ft, o); err != nil {
		return err
	}
	params, result, err := v.flatten(ft)
	if err != nil {
		return err
	}
	want := liftType(params, result, o)
	if !sameFunc(f, want) {
		return fmt.Errorf("core func %d is a %s, expected %s for %s", d.Func, funcText(f), funcText(want), ft)
	}
	if err := v.liftOptions(ft, params, result, o); err != nil {
		return err
	}
	if p := o.postReturn; p != nil && !sameFunc(p, &corebin.FuncType{Params: want.Results}) {
		return fmt.Errorf("option post-return is a %s, expected %s", funcText(p), funcText(&corebin.FuncType{Params: want.Results}))
	}
	s.funcs = append(s.funcs, ft)
	return nil
}

// liftAsync checks the async option of a lift.
func (v *validator) liftAsync(ft *types.Func, o options) error {
	if !o.async {
		return nil
	}
	if !ft.Async {
		return errors.New("option async needs an async function type")
	}
	if err := v.needAsync("async lifts"); err != nil {
		return err
	}
	return need(o.callback || v.features.AsyncStackful, "async lifts without a callback", "🚟 stackful async", proposed)
}

// liftOptions checks that the options that a lift needs are there.
func (v *validator) liftOptions(ft *types.Func, params, result *layout.Layout, o options) error {
	maxResults := layout.MaxFlatResults
	if o.async {
		maxResults = layout.MaxFlatParams
	}
	switch {
	case !o.realloc && (v.needsMemory(paramTypes(ft)...) || params.NumFlat > layout.MaxFlatParams):
		return errors.New("the parameters pass through memory: the options memory and realloc are needed")
	case !o.memory && (v.needsMemory(ft.Result) || result.NumFlat > maxResults):
		return errors.New("the result passes through memory: the option memory is needed")
	}
	return nil
}

// lower checks canon lower.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canon-lower
func (v *validator) lower(s *scope, d *decode.Lower) error {
	ft, err := at(s.funcs, d.Func, decode.SortFunc)
	if err != nil {
		return err
	}
	o, err := v.options(s, d.Options)
	if err != nil {
		return err
	}
	switch {
	case o.postReturn != nil:
		return errors.New("option post-return cannot stand on a lower")
	case o.callback:
		return errors.New("option callback cannot stand on a lower")
	case o.async && !ft.Async:
		return errors.New("option async needs an async function type")
	}
	if o.async {
		if err := v.needAsync("async lowers"); err != nil {
			return err
		}
	}
	params, result, err := v.flatten(ft)
	if err != nil {
		return err
	}
	if err := v.lowerOptions(ft, params, result, o); err != nil {
		return err
	}
	s.coreFuncs = append(s.coreFuncs, lowerType(params, result, o))
	return nil
}

// lowerOptions checks that the options that a lower needs are there.
func (v *validator) lowerOptions(ft *types.Func, params, result *layout.Layout, o options) error {
	maxParams, maxResults := layout.MaxFlatParams, layout.MaxFlatResults
	if o.async {
		maxParams, maxResults = layout.MaxFlatAsyncParams, 0
	}
	switch {
	case !o.memory && (v.needsMemory(paramTypes(ft)...) || params.NumFlat > maxParams):
		return errors.New("the parameters pass through memory: the option memory is needed")
	case !o.memory && result.NumFlat > maxResults:
		return errors.New("the result passes through memory: the option memory is needed")
	case !o.realloc && v.needsMemory(ft.Result):
		return errors.New("the result is stored in memory: the options memory and realloc are needed")
	}
	return nil
}

// needsMemory tells whether any of some types has a string or list.
func (v *validator) needsMemory(ts ...types.ValType) bool {
	for _, t := range ts {
		if t != nil && v.infoOf(t).flags&hasPointer != 0 {
			return true
		}
	}
	return false
}

func paramTypes(ft *types.Func) []types.ValType {
	ts := make([]types.ValType, len(ft.Params))
	for i, p := range ft.Params {
		ts[i] = p.Type
	}
	return ts
}

// flatten returns the layouts of all parameters as one tuple, and of the result.
func (v *validator) flatten(ft *types.Func) (params, result *layout.Layout, err error) {
	if err := v.charge(len(ft.Params) + 1); err != nil {
		return nil, nil, err
	}
	return v.layouts.Params(ft), v.layouts.Of(ft.Result), nil
}

// liftType is the type of the core function that is lifted.
func liftType(params, result *layout.Layout, o options) *corebin.FuncType {
	f := &corebin.FuncType{Params: spilled(params, layout.MaxFlatParams)}
	switch {
	case o.async && o.callback:
		f.Results = i32s(1)
	case o.async:
	default:
		f.Results = spilled(result, layout.MaxFlatResults)
	}
	return f
}

// lowerType is the type of the core function that a lower makes.
func lowerType(params, result *layout.Layout, o options) *corebin.FuncType {
	if o.async {
		f := &corebin.FuncType{Params: spilled(params, layout.MaxFlatAsyncParams), Results: i32s(1)}
		if result.NumFlat > 0 {
			f.Params = append(f.Params, corebin.I32)
		}
		return f
	}
	f := &corebin.FuncType{Params: spilled(params, layout.MaxFlatParams)}
	if result.NumFlat > layout.MaxFlatResults {
		f.Params = append(f.Params, corebin.I32)
		return f
	}
	f.Results = coreTypesOf(result.Flat)
	return f
}

// spilled returns the core types of a layout, or a pointer when there are more than most.
func spilled(l *layout.Layout, most int) []corebin.ValType {
	if l.NumFlat > most {
		return i32s(1)
	}
	return coreTypesOf(l.Flat)
}

func coreTypesOf(flat []layout.CoreType) []corebin.ValType {
	list := make([]corebin.ValType, len(flat), len(flat)+1)
	for i, t := range flat {
		list[i] = [...]corebin.ValType{layout.I32: corebin.I32, layout.I64: corebin.I64, layout.F32: corebin.F32, layout.F64: corebin.F64}[t]
	}
	return list
}

// resourceNew checks canon resource.new.
func (v *validator) resourceNew(s *scope, d *decode.ResourceNew) error {
	return v.localResource(s, d.Resource)
}

// resourceRep checks canon resource.rep.
func (v *validator) resourceRep(s *scope, d *decode.ResourceRep) error {
	return v.localResource(s, d.Resource)
}

// resourceDrop checks canon resource.drop.
func (v *validator) resourceDrop(s *scope, d *decode.ResourceDrop) error {
	_, err := s.resource(d.Resource)
	if err == nil {
		s.coreFuncs = append(s.coreFuncs, dropType)
	}
	return err
}

// localResource checks that a type is a resource type that the component
// defines, and adds the core function that is about its representation.
func (v *validator) localResource(s *scope, i uint32) error {
	r, err := s.resource(i)
	if err != nil {
		return err
	}
	if !s.local.has(v.root(r)) {
		return fmt.Errorf("type %d is not a resource type that this component defines", i)
	}
	s.coreFuncs = append(s.coreFuncs, newType)
	return nil
}
