package link

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/validate"
	"github.com/wasinn/wasinn/component/types"
)

// Limits bound the plan of a component: nesting can make a small component
// instantiate itself a great many times.
type Limits struct {
	// Steps is the most definitions that may be run, counted with their parts.
	Steps int
	// CoreInstances is the most core instances.
	CoreInstances int
}

// A component's core modules are compiled once for each way that they are
// wired: baseModuleBytes for any component, and timesWired for each of its
// bytes, is how much that may be.
const (
	baseModuleBytes = 1 << 20
	timesWired      = 8
)

// maxDepth is how deep components may instantiate each other.
const maxDepth = 100

// Build flattens a component to a plan. Errors are *[Error]: a limit is
// exceeded, or a feature is used that is not there. modules stand for the core
// modules that the component imports, in the order of Plan.ModuleImports; they
// are known once the plan that was made without them is bound.
func Build(c *validate.Component, limits Limits, modules []*decode.CoreModule) (p *Plan, err error) {
	b := &builder{
		limits: limits, left: limits.Steps, moduleBytes: baseModuleBytes + timesWired*c.Size, names: map[string]int{}, moduleTypes: c.Modules, modules: modules,
		layouts: layout.NewCache(), wired: map[string]int{}, options: map[Options]int{},
		resources: map[*types.Resource]int{}, used: map[*decode.CoreModule]bool{},
	}
	for _, m := range modules {
		b.moduleBytes += timesWired * len(m.Bytes)
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Error:
			p, err = nil, r
		case unsupported:
			b.plan.Unsupported = r.Error
			p, err = &b.plan, nil
		default:
			// The component was validated, so that this is a defect here or
			// there; it must not end the host.
			p, err = nil, errorf(b.path(), "the component could not be resolved: %v", r)
		}
	}()
	defer b.unused(c.Component)
	b.component(c.Component, nil, nil, -1, "")
	return &b.plan, nil
}

// unused notes the core modules that no step instantiates, nested ones
// included. Decoding bounds the depth of components.
func (b *builder) unused(c *decode.Component) {
	for _, d := range c.Defs {
		switch d := d.(type) {
		case *decode.Component:
			b.unused(d)
		case *decode.CoreModule:
			if !b.used[d] {
				b.plan.Unused = append(b.plan.Unused, &Module{Bytes: d.Bytes, Info: d.Module, Offset: d.Offset})
			}
		}
	}
}

// unsupported is raised where a valid component needs what the host cannot
// give; the component still compiles.
type unsupported struct{ *Error }

// builder runs definitions on stand-ins. It panics with an *Error or an
// unsupported, which Build recovers: nearly every step could fail, and none is worth going on.
type builder struct {
	plan   Plan
	limits Limits
	left   int // steps
	// moduleBytes are the bytes of core modules that may still be wired.
	moduleBytes int
	names       map[string]int // numbers of the names that modules import by
	layouts     *layout.Cache
	wired       map[string]int          // module and wiring -> Plan.Modules
	options     map[Options]int         // -> Plan.Options
	resources   map[*types.Resource]int // -> Plan.Resources
	used        map[*decode.CoreModule]bool
	// moduleTypes and modules are those of Plan.ModuleImports.
	moduleTypes map[validate.ImportName]*validate.ModuleType
	modules     []*decode.CoreModule
	where       []string // the components under instantiation
	pos         int      // offset of the definition under way
}

func (b *builder) path() string {
	if len(b.where) < 2 {
		return fmt.Sprintf("at 0x%x", b.pos)
	}
	return fmt.Sprintf("%s at 0x%x", strings.Join(b.where[1:], ": "), b.pos)
}

func (b *builder) fail(format string, args ...any) { panic(errorf(b.path(), format, args...)) }

// tooMuch refuses what is beyond a limit.
func (b *builder) tooMuch(format string, args ...any) {
	err := errorf(b.path(), format, args...)
	err.Kind = Limit
	panic(err)
}

// needs refuses a feature.
func (b *builder) needs(feature string) {
	b.fail("it needs %s, which this host does not have yet", feature)
}

// cannotHost stops planning: the component is valid, but not for this host.
func (b *builder) cannotHost(format string, args ...any) {
	panic(unsupported{errorf(b.path(), format, args...)})
}

// spendName counts a name that is written anew against the limit.
func (b *builder) spendName(name string) string {
	b.spend(1 + len(name)/64)
	return name
}

// spend counts n definitions against the limit.
func (b *builder) spend(n int) {
	if b.left -= n; b.left < 0 {
		b.tooMuch("instantiating the component takes more than %d steps, the limit", b.limits.Steps)
	}
}

// component instantiates a component: it runs its definitions in a new frame.
func (b *builder) component(def *decode.Component, outer *frame, args map[string]entity, parent int, name string) *instance {
	f := &frame{outer: outer, args: args, inst: len(b.plan.Instances), exports: newInstance(0)}
	if len(b.where) >= maxDepth {
		b.tooMuch("components instantiate each other more than %d deep, the limit", maxDepth)
	}
	if name == "" {
		name = def.Name
	}
	b.where = append(b.where, fmt.Sprintf("component %q", short(name)))
	defer func() { b.where = b.where[:len(b.where)-1] }()
	b.plan.Instances = append(b.plan.Instances, Instance{Parent: parent, Name: name})
	for _, d := range def.Defs {
		b.pos = d.Pos()
		b.spend(1)
		b.definition(f, d)
	}
	if parent < 0 {
		b.plan.Exports = b.exported(f.exports, "")
		b.plan.Offers = b.offers(nil, f.exports, "")
	}
	return f.exports
}

func (b *builder) definition(f *frame, d decode.Def) {
	switch d := d.(type) {
	case *decode.CoreModule:
		f.add(decode.SortCoreModule, &coreModule{def: d, imprt: -1})
	case *decode.CoreInstance:
		f.add(decode.SortCoreInstance, b.coreInstance(f, d))
	case *decode.CoreType:
		for range max(1, len(d.Types)) {
			f.add(decode.SortCoreType, d)
		}
	case *decode.Component:
		f.add(decode.SortComponent, &closure{def: d, frame: f})
	case *decode.Instance:
		f.add(decode.SortInstance, b.instance(f, d))
	case *decode.Alias:
		f.add(d.Sort, b.alias(f, d))
	case *decode.Type:
		f.add(decode.SortType, b.defType(f, d.Type))
	case *decode.Lift:
		f.add(decode.SortFunc, b.lift(f, d))
	case *decode.Lower:
		f.add(decode.SortCoreFunc, b.lower(f, d))
	case *decode.ResourceNew:
		f.add(decode.SortCoreFunc, b.resourceFunc(f, CanonResourceNew, d.Resource))
	case *decode.ResourceDrop:
		f.add(decode.SortCoreFunc, b.resourceFunc(f, CanonResourceDrop, d.Resource))
	case *decode.ResourceRep:
		f.add(decode.SortCoreFunc, b.resourceFunc(f, CanonResourceRep, d.Resource))
	case *decode.AsyncBuiltin:
		f.add(decode.SortCoreFunc, b.builtin(f, d))
	case *decode.Import:
		f.add(d.Type.Sort, b.imported(f, d))
	case *decode.Export:
		def := f.space[d.Sort][d.Index]
		if r, ok := def.(*types.Resource); ok && r.Name == "" {
			r.Name = d.Name.Name
		}
		f.exports.add(d.Name.Name, entity{d.Sort, def})
		f.add(d.Sort, def)
	case *decode.Start, *decode.Value:
		b.needs("value imports and start functions")
	default:
		b.fail("unknown definition %T", d)
	}
}

func (b *builder) alias(f *frame, d *decode.Alias) any {
	switch d.Target {
	case decode.AliasOuter:
		return f.up(d.Count).space[d.Sort][d.Index]
	case decode.AliasCoreExport:
		it, ok := f.space[decode.SortCoreInstance][d.Instance].(*coreInstance).item(d.Name)
		if !ok {
			b.fail("core instance %d exports no %q", d.Instance, d.Name)
		}
		return it
	}
	e, ok := f.space[decode.SortInstance][d.Instance].(*instance).exports[d.Name]
	if !ok || e.sort != d.Sort {
		b.fail("instance %d exports no %s %q", d.Instance, d.Sort, d.Name)
	}
	return e.def
}

// coreInstance instantiates a module or collects inline exports.
func (b *builder) coreInstance(f *frame, d *decode.CoreInstance) *coreInstance {
	b.spend(len(d.Args) + len(d.Exports))
	if !d.Instantiate {
		i := &coreInstance{exports: make(map[string]any, len(d.Exports))}
		for _, x := range d.Exports {
			i.exports[x.Name] = f.space[x.Sort][x.Index]
		}
		return i
	}
	mod := f.space[decode.SortCoreModule][d.Module].(*coreModule)
	if mod.def == nil {
		// The rest of the component can be planned without.
		b.plan.NeedsModules = true
		b.countCore()
		return &coreInstance{index: b.plan.CoreInstances - 1}
	}
	args := make(map[string]*coreInstance, len(d.Args))
	for _, a := range d.Args {
		args[a.Name] = f.space[decode.SortCoreInstance][a.Instance].(*coreInstance)
	}
	b.instantiateModule(f, mod, args)
	return &coreInstance{index: b.plan.CoreInstances - 1}
}

// countCore counts a core instance.
func (b *builder) countCore() {
	if b.plan.CoreInstances++; b.plan.CoreInstances > b.limits.CoreInstances {
		b.tooMuch("the component has more than %d core instances, the limit", b.limits.CoreInstances)
	}
}

// instantiateModule adds a step, and a module when it is wired in a new way.
func (b *builder) instantiateModule(f *frame, mod *coreModule, args map[string]*coreInstance) {
	b.spend(len(mod.def.Module.Imports))
	b.countCore()
	groups := map[Source]int{}
	var sources []Source
	names := make([]ImportName, len(mod.def.Module.Imports))
	var key strings.Builder
	fmt.Fprintf(&key, "%p", mod.def)
	for i, imp := range mod.def.Module.Imports {
		arg := args[imp.Module]
		if arg == nil {
			b.fail("core module import %q %q: no instance %q is given", imp.Module, imp.Name, imp.Module)
		}
		it, ok := arg.item(imp.Name)
		if !ok {
			b.fail("core module import %q %q: the instance exports no %q", imp.Module, imp.Name, imp.Name)
		}
		src, name := b.source(it)
		g, ok := groups[src]
		if !ok {
			g = len(sources)
			groups[src] = g
			sources = append(sources, src)
		}
		names[i] = ImportName{Group: g, Name: name}
		fmt.Fprintf(&key, ",%d:%d", g, b.nameNumber(name))
	}
	m, ok := b.wired[key.String()]
	if !ok {
		m = len(b.plan.Modules)
		b.wired[key.String()] = m
		b.wire(mod.def, names)
		b.used[mod.def] = true
		b.plan.Modules = append(b.plan.Modules, &Module{Bytes: mod.def.Bytes, Info: mod.def.Module, Imports: names, Offset: mod.def.Offset})
	}
	b.plan.Steps = append(b.plan.Steps, Step{Kind: StepInstantiate, Index: m, Args: sources, In: f.inst})
}

// nameNumber returns the number of a name. Names can be long, and the same one
// stands in many wirings.
func (b *builder) nameNumber(name string) int {
	n, ok := b.names[name]
	if !ok {
		n = len(b.names)
		b.names[name] = n
	}
	return n
}

// wire counts a module that is wired in a new way.
func (b *builder) wire(m *decode.CoreModule, names []ImportName) {
	b.moduleBytes -= len(m.Bytes)
	for _, n := range names {
		b.moduleBytes -= len(n.Name)
	}
	if b.moduleBytes < 0 {
		b.tooMuch("its core modules are wired in so many ways that more than %d times its size and %d bytes would have to be compiled, the limit", timesWired, baseModuleBytes)
	}
}

// source says where core code finds an item.
func (b *builder) source(it CoreItem) (Source, string) {
	if it.Canon < 0 {
		return Source{Index: it.Instance}, it.Name
	}
	in := b.plan.Canons[it.Canon].Instance
	return Source{Canons: true, Index: in}, strconv.Itoa(b.canonPosition(it.Canon))
}

// canonPosition is where a canonical function stands in its instance.
func (b *builder) canonPosition(canon int) int {
	list := b.plan.Instances[b.plan.Canons[canon].Instance].Canons
	lo, hi := 0, len(list)-1
	for lo < hi { // ascending
		mid := (lo + hi) / 2
		if list[mid] < canon {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// instance instantiates a component or collects inline exports.
func (b *builder) instance(f *frame, d *decode.Instance) *instance {
	b.spend(len(d.Args) + len(d.Exports))
	if !d.Instantiate {
		i := newInstance(len(d.Exports))
		for _, x := range d.Exports {
			i.add(x.Name.Name, entity{x.Sort, f.space[x.Sort][x.Index]})
		}
		return i
	}
	c := f.space[decode.SortComponent][d.Component].(*closure)
	if c.def == nil {
		b.cannotHost("the component instantiates the component that it imports as %q; this host provides no components", c.name)
	}
	args := make(map[string]entity, len(d.Args))
	for _, a := range d.Args {
		args[a.Name] = entity{a.Sort, f.space[a.Sort][a.Index]}
	}
	return b.component(c.def, c.frame, args, f.inst, "")
}

// imported returns the definition of an import: an argument, or a stand-in for
// what the host provides to the outermost component.
func (b *builder) imported(f *frame, d *decode.Import) any {
	if f.args != nil {
		e, ok := f.args[d.Name.Name]
		if !ok || e.sort != d.Type.Sort {
			b.fail("import %q: no such %s is given", d.Name.Name, d.Type.Sort)
		}
		return e.def
	}
	implements := ""
	for _, a := range d.Name.Attributes {
		if a.Kind == decode.AttrImplements {
			implements = a.Value
		}
	}
	if d.Type.Sort == decode.SortInstance {
		t := f.space[decode.SortType][d.Type.Index].(*typeClosure)
		b.plan.InstanceImports = append(b.plan.InstanceImports, d.Name.Name)
		return b.importedInstance(t, d.Name.Name, implements)
	}
	return b.standIn(f, d.Type, "", d.Name.Name, "")
}

// importedInstance returns a stand-in for an instance of type t.
func (b *builder) importedInstance(t *typeClosure, from, implements string) *instance {
	it := t.def.(*decode.InstanceType)
	scope := &frame{outer: t.scope, inst: -1}
	out := newInstance(len(it.Decls))
	for _, d := range it.Decls {
		b.pos = d.Pos()
		b.spend(1)
		switch d := d.(type) {
		case *decode.CoreType:
			for range max(1, len(d.Types)) {
				scope.add(decode.SortCoreType, d)
			}
		case *decode.Type:
			scope.add(decode.SortType, b.defType(scope, d.Type))
		case *decode.Alias:
			scope.add(d.Sort, b.alias(scope, d))
		case *decode.ExportDecl:
			var def any
			if d.Type.Sort == decode.SortInstance {
				nested := scope.space[decode.SortType][d.Type.Index].(*typeClosure)
				def = b.importedInstance(nested, b.spendName(joinName(from, d.Name.Name)), "")
			} else {
				def = b.standIn(scope, d.Type, from, d.Name.Name, implements)
			}
			out.add(d.Name.Name, entity{d.Type.Sort, def})
			scope.add(d.Type.Sort, def)
		default:
			b.fail("unknown declaration %T", d)
		}
	}
	return out
}

// standIn returns what stands for an import of the outermost component, or for an export of an
// instance that it imports.
func (b *builder) standIn(f *frame, t decode.ExternType, from, name, implements string) any {
	switch t.Sort {
	case decode.SortFunc:
		ft := f.space[decode.SortType][t.Index].(*types.Func)
		b.plan.Imports = append(b.plan.Imports, Import{From: from, Name: name, Type: ft, implements: implements})
		return &function{typ: ft, lift: -1, imprt: len(b.plan.Imports) - 1}
	case decode.SortType:
		if t.Bound == decode.BoundEq {
			def := f.space[decode.SortType][t.Index]
			if r, ok := def.(*types.Resource); ok {
				b.plan.EqualImports = append(b.plan.EqualImports, EqualImport{from, name, r, implements})
			}
			return def
		}
		return b.addResource(Resource{Type: &types.Resource{Name: name}, Instance: -1, From: from, Name: name, implements: implements})
	case decode.SortComponent:
		return &closure{name: name}
	case decode.SortCoreModule:
		return b.importedModule(from, name, implements)
	}
	b.fail("import %q: a %s cannot be imported", name, t.Sort)
	return nil
}

// importedModule returns the module that was given for an import, or a stand-in.
func (b *builder) importedModule(from, name, implements string) *coreModule {
	b.spendName(from)
	m := &coreModule{imprt: len(b.plan.ModuleImports)}
	if m.imprt < len(b.modules) {
		m.def = b.modules[m.imprt]
	}
	b.plan.ModuleImports = append(b.plan.ModuleImports, ModuleImport{from, name, b.moduleTypes[validate.ImportName{From: from, Name: name}], implements})
	return m
}

func (b *builder) lift(f *frame, d *decode.Lift) *function {
	ft := f.space[decode.SortType][d.Type].(*types.Func)
	b.spend(len(ft.Params))
	b.plan.Instances[f.inst].Async = b.plan.Instances[f.inst].Async || ft.Async
	b.plan.Lifts = append(b.plan.Lifts, Lift{
		Func:     f.space[decode.SortCoreFunc][d.Func].(CoreItem),
		Type:     ft,
		Options:  b.canonOptions(f, d.Options),
		Instance: f.inst,
	})
	return &function{typ: ft, lift: len(b.plan.Lifts) - 1, imprt: -1}
}

func (b *builder) lower(f *frame, d *decode.Lower) CoreItem {
	fn := f.space[decode.SortFunc][d.Func].(*function)
	b.spend(len(fn.typ.Params))
	c := Canon{Kind: CanonLowerLift, Index: fn.lift, Instance: f.inst, Options: b.canonOptions(f, d.Options), Type: fn.typ}
	if fn.lift < 0 {
		imp := &b.plan.Imports[fn.imprt]
		c.Kind, c.Index, c.Name = CanonLowerImport, fn.imprt, joinName(short(imp.From), short(imp.Name))
	}
	if _, async := d.Options.Lookup(decode.OptAsync); async {
		c.Params, c.Results = b.layouts.CoreLowerAsync(fn.typ)
	} else {
		c.Params, c.Results = b.layouts.CoreLower(fn.typ)
		b.plan.Instances[f.inst].Blocks = b.plan.Instances[f.inst].Blocks || fn.typ.Async
	}
	b.plan.Instances[f.inst].Async = b.plan.Instances[f.inst].Async || fn.typ.Async
	return b.canon(c)
}

// short cuts a name for messages.
func short(name string) string {
	const most = 128
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "..."
}

// joinName is how messages and look-ups name a function of an instance.
func joinName(from, name string) string {
	if from == "" {
		return name
	}
	return from + "#" + name
}

var oneI32 = []layout.CoreType{layout.I32}

func (b *builder) resourceFunc(f *frame, kind CanonKind, typ uint32) CoreItem {
	r := f.space[decode.SortType][typ].(*types.Resource)
	c := Canon{Kind: kind, Index: b.resources[r], Instance: f.inst, Params: oneI32, Name: "resource.drop " + short(r.Name)}
	switch kind {
	case CanonResourceNew:
		c.Results, c.Name = oneI32, "resource.new "+short(r.Name)
	case CanonResourceRep:
		c.Results, c.Name = oneI32, "resource.rep "+short(r.Name)
	}
	return b.canon(c)
}

// addResource adds a resource type to the plan, with the step that makes it.
func (b *builder) addResource(r Resource) *types.Resource {
	n := len(b.plan.Resources)
	b.resources[r.Type] = n
	b.plan.Resources = append(b.plan.Resources, r)
	b.plan.Steps = append(b.plan.Steps, Step{Kind: StepResource, Index: n})
	return r.Type
}

// canon adds a canonical function to the plan and to its instance.
func (b *builder) canon(c Canon) CoreItem {
	n := len(b.plan.Canons)
	b.plan.Canons = append(b.plan.Canons, c)
	in := &b.plan.Instances[c.Instance]
	in.Canons = append(in.Canons, n)
	return CoreItem{Canon: n}
}

// canonOptions returns the number of a set of options, and adds the step that
// resolves it when it is new.
func (b *builder) canonOptions(f *frame, list decode.CanonOptions) int {
	var o Options
	switch list.StringEncoding() {
	case decode.OptUTF16:
		o.Encoding = abi.UTF16
	case decode.OptLatin1UTF16:
		o.Encoding = abi.Latin1UTF16
	}
	item := func(kind decode.CanonOptionKind, sort decode.Sort) (CoreItem, bool) {
		i, ok := list.Lookup(kind)
		if !ok {
			return CoreItem{}, false
		}
		return f.space[sort][i].(CoreItem), true
	}
	o.Memory, o.HasMemory = item(decode.OptMemory, decode.SortCoreMemory)
	o.Realloc, o.HasRealloc = item(decode.OptRealloc, decode.SortCoreFunc)
	o.PostReturn, o.HasPostReturn = item(decode.OptPostReturn, decode.SortCoreFunc)
	o.Callback, o.HasCallback = item(decode.OptCallback, decode.SortCoreFunc)
	_, o.Async = list.Lookup(decode.OptAsync)
	return b.addOptions(o)
}

// addOptions returns the number of options.
func (b *builder) addOptions(o Options) int {
	n, ok := b.options[o]
	if !ok {
		n = len(b.plan.Options)
		b.options[o] = n
		b.plan.Options = append(b.plan.Options, o)
		b.plan.Steps = append(b.plan.Steps, Step{Kind: StepOptions, Index: n})
	}
	return n
}

// exported lists the functions and instances of the outermost component's
// exports. from is the exported instance that they are in.
func (b *builder) exported(i *instance, from string) []Export {
	var out []Export
	for _, name := range i.names {
		b.spend(1)
		switch def := i.exports[name].def.(type) {
		case *function:
			if def.lift >= 0 && b.plan.Lifts[def.lift].Name == "" {
				b.plan.Lifts[def.lift].Name = joinName(short(from), short(name))
			}
			out = append(out, Export{Name: name, Type: def.typ, Lift: def.lift, Import: def.imprt})
		case *instance:
			out = append(out, Export{Name: name, Lift: -1, Import: -1, Exports: b.exported(def, joinName(short(from), short(name)))})
		}
	}
	return out
}

// offers appends the core modules and resource types that i and the instances
// in it export.
func (b *builder) offers(list []Offer, i *instance, from string) []Offer {
	for _, name := range i.names {
		switch def := i.exports[name].def.(type) {
		case *coreModule:
			list = append(list, Offer{From: from, Name: name, Module: def.def, Import: def.imprt, Resource: -1})
		case *types.Resource:
			list = append(list, Offer{From: from, Name: name, Import: -1, Resource: b.resources[def]})
		case *instance:
			b.spend(len(def.names))
			list = b.offers(list, def, b.spendName(joinName(from, name)))
		}
	}
	return list
}
