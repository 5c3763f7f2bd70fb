package link

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// Definitions are what a host provides: instance name, then name in it. The
// instance "" has what components import directly.
type Definitions map[string]map[string]Definition

// Definition is what a host defines: a function, a resource type or a core module.
type Definition struct {
	Type *types.Func
	Func abi.HostFunc
	// Make makes the function, of the type by which a component imports it;
	// it stands in Func's place.
	Make func(*types.Func) (abi.HostFunc, error)
	// Resources tells what the resource types in Type are; nil when each is the
	// Type of the resource's own definition.
	Resources func(*types.Resource) *abi.ResourceType
	Resource  *abi.ResourceType
	Module    *decode.CoreModule
}

// kind names what is defined, with its article.
func (d Definition) kind() string {
	switch {
	case d.Resource != nil:
		return "a resource type"
	case d.Module != nil:
		return "a core module"
	}
	return "a function"
}

// Bound is a plan with a definition for every import.
type Bound struct {
	*Plan
	// Funcs are the host functions, one for each of Plan.Imports.
	Funcs []abi.HostFunc
	// HostResources are the host's resource types, one for each of
	// Plan.Resources; nil for those that the component defines.
	HostResources []*abi.ResourceType
	// Modules are the core modules, one for each of Plan.ModuleImports.
	Modules []*decode.CoreModule
}

// Bind finds a definition for every import of the plan and checks its type.
// The error joins one *[Error] for each import that has none.
func Bind(p *Plan, defs Definitions) (*Bound, error) {
	if p.Unsupported != nil {
		return nil, p.Unsupported
	}
	b := &binder{
		defs:  defs,
		names: slices.Sorted(maps.Keys(defs)),
		bound: &Bound{
			Plan: p, Funcs: make([]abi.HostFunc, len(p.Imports)),
			HostResources: make([]*abi.ResourceType, len(p.Resources)), Modules: make([]*decode.CoreModule, len(p.ModuleImports)),
		},
		same:    map[*types.Resource]*abi.ResourceType{},
		missing: map[string]bool{},
	}
	for i, r := range p.Resources {
		if r.Instance < 0 {
			b.resource(i, r)
		}
	}
	for _, name := range p.InstanceImports {
		b.notAFunction(name)
	}
	for _, imp := range p.EqualImports {
		b.equal(imp)
	}
	for i, imp := range p.Imports {
		b.function(i, imp)
	}
	for i, imp := range p.ModuleImports {
		b.module(i, imp)
	}
	if more := b.failed - len(b.errs); more > 0 {
		b.errs = append(b.errs, errorf("", "%d more imports have no definition that fits", more))
	}
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	return b.bound, nil
}

type binder struct {
	defs  Definitions
	names []string // of defs, sorted
	bound *Bound
	same  map[*types.Resource]*abi.ResourceType // imported -> the host's
	// missing are the instances that the host does not have, each told once.
	missing map[string]bool
	// last is what instance returned last: imports of one instance come together.
	last struct {
		from, implements, inst string
		ok                     bool
	}
	failed int
	errs   []error // the first of those that failed
}

// maxErrors is how many imports without definition are named.
const maxErrors = 50

func (b *binder) fail(path, format string, args ...any) {
	if b.failed++; b.failed <= maxErrors {
		b.errs = append(b.errs, errorf(path, format, args...))
	}
}

// near returns what hint finds, where it is told.
func (b *binder) near(hint func() string) string {
	if b.failed >= maxErrors {
		return ""
	}
	return hint()
}

func importPath(kind, from, name string) string {
	if from == "" {
		return fmt.Sprintf("import %q", short(name))
	}
	return fmt.Sprintf("import %q: %s %q", short(from), kind, short(name))
}

func (b *binder) resource(i int, r Resource) {
	path := importPath("resource", r.From, r.Name)
	def, ok := b.find(path, r.From, r.Name, r.implements)
	if !ok {
		return
	}
	if def.Resource == nil {
		b.fail(path, "guest wants a resource type, host has %s", def.kind())
		return
	}
	b.bound.HostResources[i] = def.Resource
	b.same[r.Type] = def.Resource
}

func (b *binder) function(i int, imp Import) {
	path := importPath("func", imp.From, imp.Name)
	def, ok := b.find(path, imp.From, imp.Name, imp.implements)
	if !ok {
		return
	}
	if def.Type == nil {
		b.fail(path, "guest wants a function, host has %s", def.kind())
		return
	}
	same := func(guest, host *types.Resource) bool {
		rt := b.same[guest]
		if def.Resources != nil {
			return rt != nil && rt == def.Resources(host)
		}
		return rt != nil && rt.Type == host
	}
	host := withNames(def.Type, imp.Type)
	if !types.FuncEqualFunc(imp.Type, host, same) {
		b.fail(path, "%s", difference(imp.Type, host, same))
		return
	}
	if def.Make != nil {
		fn, err := def.Make(imp.Type)
		if err != nil {
			b.fail(path, "%v", err)
			return
		}
		def.Func = fn
	}
	b.bound.Funcs[i] = def.Func
}

// notAFunction checks that what is imported as an instance is not defined as
// something else. An instance need not be defined when nothing of it is imported.
func (b *binder) notAFunction(name string) {
	def, ok := b.defs[""][name]
	if _, isInstance := b.defs[name]; ok && !isInstance {
		b.fail(importPath("instance", "", name), "guest wants an instance, host has %s", def.kind())
	}
}

// withNames returns the host's type with the guest's names for parameters to
// which the host gives none.
func withNames(host, guest *types.Func) *types.Func {
	unnamed := func(p types.Param) bool { return p.Name == "" }
	if len(host.Params) != len(guest.Params) || !slices.ContainsFunc(host.Params, unnamed) {
		return host
	}
	named := *host
	named.Params = slices.Clone(host.Params)
	for i, p := range guest.Params {
		if unnamed(named.Params[i]) {
			named.Params[i].Name = p.Name
		}
	}
	return &named
}

// equal checks that a type which is to be a resource type is that one, where
// the host defines it; it need not.
func (b *binder) equal(imp EqualImport) {
	inst, ok := b.instance(imp.From, imp.implements)
	if !ok {
		return
	}
	def, ok := b.defs[inst][imp.Name]
	if !ok {
		return
	}
	path := importPath("resource", imp.From, imp.Name)
	switch {
	case def.Resource == nil:
		b.fail(path, "guest wants a resource type, host has %s", def.kind())
	case b.same[imp.Resource] != def.Resource:
		b.fail(path, "guest wants the resource %q, the host's is another one", imp.Resource.Name)
	}
}

func (b *binder) module(i int, imp ModuleImport) {
	path := importPath("core module", imp.From, imp.Name)
	def, ok := b.find(path, imp.From, imp.Name, imp.implements)
	if !ok {
		return
	}
	if def.Module == nil {
		b.fail(path, "guest wants a core module, host has %s", def.kind())
		return
	}
	if imp.Type != nil {
		if err := imp.Type.Check(def.Module.Module); err != nil {
			b.fail(path, "the host's module does not fit: %v", err)
			return
		}
	}
	b.bound.Modules[i] = def.Module
}

// instance returns the name of the host's instance that stands for an import.
func (b *binder) instance(from, implements string) (string, bool) {
	if from == "" {
		return "", true
	}
	if last := &b.last; last.from != from || last.implements != implements {
		last.from, last.implements = from, implements
		last.inst, last.ok = MatchName(from, b.names)
		if !last.ok && implements != "" {
			last.inst, last.ok = MatchName(implements, b.names)
		}
	}
	return b.last.inst, b.last.ok
}

// find returns the host's definition of an import, or notes why there is none.
func (b *binder) find(path, from, name, implements string) (Definition, bool) {
	inst, ok := b.instance(from, implements)
	if !ok {
		if !b.missing[from] {
			b.missing[from] = true
			b.fail(fmt.Sprintf("import %q", from), "the host does not define it%s", b.near(func() string { return b.nearInstance(from) }))
		}
		return Definition{}, false
	}
	def, ok := b.defs[inst][name]
	if !ok {
		b.fail(path, "the host does not define it%s", b.near(func() string { return nearName(inst, name, b.defs[inst]) }))
	}
	return def, ok
}

// nearInstance names what the host has of an interface or its package.
func (b *binder) nearInstance(want string) string {
	base, _, _ := splitVersion(want)
	pkg, _, _ := strings.Cut(base, "/")
	var versions, siblings []string
	for _, n := range b.names {
		nb, _, _ := splitVersion(n)
		np, _, _ := strings.Cut(nb, "/")
		switch {
		case nb == base:
			versions = append(versions, n)
		case np == pkg:
			siblings = append(siblings, n)
		}
	}
	if len(versions) > 0 {
		return "; of this interface it has " + strings.Join(versions, ", ")
	}
	if len(siblings) > 0 {
		return "; of this package it has " + strings.Join(siblings, ", ")
	}
	return ""
}

// nearName names the definition of an instance that is spelled most alike.
func nearName(inst, want string, defs map[string]Definition) string {
	best, bestDist := "", len(want)/2+1
	for _, n := range slices.Sorted(maps.Keys(defs)) {
		if d := distance(want, n, bestDist); d < bestDist {
			best, bestDist = n, d
		}
	}
	if best == "" {
		return ""
	}
	if inst == "" {
		return fmt.Sprintf("; it has %q", best)
	}
	return fmt.Sprintf("; in %s it has %q", inst, best)
}

// distance is the edit distance of two names, or most when it is no less. Long
// names are not compared: they come from guests.
func distance(a, b string, most int) int {
	if len(a) > 100 || len(b) > 100 || max(len(a), len(b))-min(len(a), len(b)) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
