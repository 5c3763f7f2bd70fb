package link

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/types"
)

// Definitions are what a host provides: instance name, then name in it. The
// instance "" has what components import directly.
type Definitions map[string]map[string]Definition

// Definition is a host function or a host resource type.
type Definition struct {
	Type     *types.Func
	Func     abi.HostFunc
	Resource *abi.ResourceType // nil for a function
}

// Bound is a plan with a definition for every import.
type Bound struct {
	*Plan
	// Funcs are the host functions, one for each of Plan.Imports.
	Funcs []abi.HostFunc
	// HostResources are the host's resource types, one for each of
	// Plan.Resources; nil for those that the component defines.
	HostResources []*abi.ResourceType
}

// Bind finds a definition for every import of the plan and checks its type.
// The error joins one *[Error] for each import that has none.
func Bind(p *Plan, defs Definitions) (*Bound, error) {
	if p.Unsupported != nil {
		return nil, p.Unsupported
	}
	b := &binder{
		defs:    defs,
		names:   slices.Sorted(maps.Keys(defs)),
		bound:   &Bound{Plan: p, Funcs: make([]abi.HostFunc, len(p.Imports)), HostResources: make([]*abi.ResourceType, len(p.Resources))},
		same:    map[*types.Resource]*types.Resource{},
		missing: map[string]bool{},
	}
	for i, r := range p.Resources {
		if r.Instance < 0 {
			b.resource(i, r)
		}
	}
	for i, imp := range p.Imports {
		b.function(i, imp)
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
	same  map[*types.Resource]*types.Resource // imported -> the host's
	// missing are the instances that the host does not have, each told once.
	missing map[string]bool
	errs    []error
}

func (b *binder) fail(path, format string, args ...any) {
	b.errs = append(b.errs, errorf(path, format, args...))
}

func importPath(kind, from, name string) string {
	if from == "" {
		return fmt.Sprintf("import %q", name)
	}
	return fmt.Sprintf("import %q: %s %q", from, kind, name)
}

func (b *binder) resource(i int, r Resource) {
	path := importPath("resource", r.From, r.Name)
	def, ok := b.find(path, r.From, r.Name, r.implements)
	if !ok {
		return
	}
	if def.Resource == nil {
		b.fail(path, "guest wants a resource type, host has a function")
		return
	}
	b.bound.HostResources[i] = def.Resource
	b.same[r.Type] = def.Resource.Type
}

func (b *binder) function(i int, imp Import) {
	path := importPath("func", imp.From, imp.Name)
	def, ok := b.find(path, imp.From, imp.Name, imp.implements)
	if !ok {
		return
	}
	if def.Func == nil {
		b.fail(path, "guest wants a function, host has a resource type")
		return
	}
	same := func(guest, host *types.Resource) bool { return b.same[guest] == host }
	if !types.FuncEqualFunc(imp.Type, def.Type, same) {
		b.fail(path, "%s", difference(imp.Type, def.Type, same))
		return
	}
	b.bound.Funcs[i] = def.Func
}

// find returns the host's definition of an import, or notes why there is none.
func (b *binder) find(path, from, name, implements string) (Definition, bool) {
	inst, ok := from, true
	if from != "" {
		inst, ok = MatchName(from, b.names)
		if !ok && implements != "" {
			inst, ok = MatchName(implements, b.names)
		}
		if !ok {
			if !b.missing[from] {
				b.missing[from] = true
				b.fail(fmt.Sprintf("import %q", from), "the host does not define it%s", b.nearInstance(from))
			}
			return Definition{}, false
		}
	}
	def, ok := b.defs[inst][name]
	if !ok {
		b.fail(path, "the host does not define it%s", nearName(inst, name, b.defs[inst]))
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
