package component

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/instantiate"
	"github.com/wasinn/wasinn/component/internal/link"
	"github.com/wasinn/wasinn/component/internal/validate"
	"github.com/wasinn/wasinn/component/types"
)

// Linker holds the definitions that components may import. Definitions are
// made first; from the first Instantiate on it is immutable, and safe for
// concurrent use.
//
// An import finds its instance by exact name first. Without one, a released version matches any of
// its semver track: 0.2.9 and 0.2.0 are of the track 0.2, 1.4.0 and 1.0.1 of 1; a
// pre-release matches only itself.
type Linker struct {
	rt *Runtime

	mu     sync.Mutex
	frozen bool
	defs   link.Definitions
	slots  []func(*Store) (any, error)
}

// NewLinker returns a linker without definitions.
func NewLinker(rt *Runtime) *Linker {
	return &Linker{rt: rt, defs: link.Definitions{}}
}

var errFrozen = errors.New("the linker has already made an instance: define everything before")

// DefineFunc defines a host function: name in the instance that components
// import as instance, such as wasi:cli/exit@0.2.0, or a function that they
// import directly when instance is empty. Its type is checked against the
// import when a component is linked, before anything runs; a parameter without
// a name stands for one of any name.
func (l *Linker) DefineFunc(instance, name string, t *types.Func, fn abi.HostFunc) error {
	if t == nil || fn == nil {
		return fmt.Errorf("define %s: a function needs a type and a Go function", defName(instance, name))
	}
	return l.define(instance, name, link.Definition{Type: t, Func: fn})
}

// DefineResource defines a host resource type: name in instance. Two
// instances may share one type. For an [abi.HostResource] it is what its
// ResourceType method returns.
func (l *Linker) DefineResource(instance, name string, r *abi.ResourceType) error {
	if r == nil {
		return fmt.Errorf("define %s: no resource type given", defName(instance, name))
	}
	return l.define(instance, name, link.Definition{Resource: r})
}

// DefineModule defines a core module: name in instance, or a module that
// components import directly when instance is empty. A component that
// instantiates it is compiled with it when the first instance of it is made.
func (l *Linker) DefineModule(instance, name string, wasm []byte) error {
	m, err := corebin.Parse(wasm)
	if err == nil {
		err = validate.CheckModule(m, l.rt.cfg.validation())
	}
	if err != nil {
		return fmt.Errorf("define %s: core module: %w", defName(instance, name), err)
	}
	return l.define(instance, name, link.Definition{Module: &decode.CoreModule{Module: m, Bytes: wasm}})
}

// DefineInstance defines what inst exports under the name of an instance: its
// functions, core modules and resource types, and those of the instances in
// it, as name#inner. Components that import them run in the goroutine of inst
// with it, and end before it is closed.
func (l *Linker) DefineInstance(name string, inst *Instance) error {
	errs := l.defineExports(name, inst, inst.linked.bound.Exports)
	for _, o := range inst.linked.bound.Offers {
		def := link.Definition{Module: o.Module}
		switch {
		case o.Resource >= 0:
			def.Resource = inst.running.ResourceType(o.Resource)
		case o.Module == nil:
			def.Module = inst.linked.bound.Modules[o.Import]
		}
		errs = append(errs, l.define(within(name, o.From), o.Name, def))
	}
	return errors.Join(errs...)
}

func (l *Linker) defineExports(name string, inst *Instance, exports []link.Export) (errs []error) {
	l.touch(name)
	for _, e := range exports {
		switch {
		case e.Type == nil:
			errs = append(errs, l.defineExports(within(name, e.Name), inst, e.Exports)...)
		case e.Lift < 0:
			errs = append(errs, l.DefineFunc(name, e.Name, e.Type, inst.linked.bound.Funcs[e.Import]))
		default:
			f := inst.running.Func(e.Lift)
			errs = append(errs, l.define(name, e.Name, link.Definition{Type: e.Type, Resources: inst.running.ABI().ResourceType, Make: func(t *types.Func) (abi.HostFunc, error) {
				return abi.Fuse(f, abi.NewSignature(t, nil))
			}}))
		}
	}
	return errs
}

// within is how an instance that the instance name exports is called.
func within(name, inner string) string {
	if inner == "" {
		return name
	}
	return name + "#" + inner
}

// touch makes an instance known that may have no definitions.
func (l *Linker) touch(instance string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.frozen && l.defs[instance] == nil {
		l.defs[instance] = map[string]link.Definition{}
	}
}

// Clone returns a linker with the same definitions and slots, to which more
// can be added.
func (l *Linker) Clone() *Linker {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &Linker{rt: l.rt, defs: link.Definitions{}, slots: slices.Clone(l.slots)}
	for instance, defs := range l.defs {
		c.defs[instance] = maps.Clone(defs)
	}
	return c
}

func (l *Linker) define(instance, name string, def link.Definition) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen {
		return fmt.Errorf("define %s: %w", defName(instance, name), errFrozen)
	}
	if _, dup := l.defs[instance][name]; dup {
		return fmt.Errorf("define %s: it is already defined", defName(instance, name))
	}
	if l.defs[instance] == nil {
		l.defs[instance] = map[string]link.Definition{}
	}
	l.defs[instance][name] = def
	return nil
}

func defName(instance, name string) string {
	if instance == "" {
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("%q of %q", name, instance)
}

func (l *Linker) addSlot(create func(*Store) (any, error)) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen {
		panic(fmt.Errorf("new slot: %w", errFrozen))
	}
	l.slots = append(l.slots, create)
	return len(l.slots) - 1
}

// InstanceOption configures one instance.
type InstanceOption func(*instanceOptions)

type instanceOptions struct{ values map[any]any }

// WithValue gives the host functions of this instance a value: [Store.Value]
// returns it. The key should be of a type of its own, as with [context.WithValue].
func WithValue(key, value any) InstanceOption {
	return func(o *instanceOptions) {
		if o.values == nil {
			o.values = map[any]any{}
		}
		o.values[key] = value
	}
}

// Instantiate makes an instance of c: its imports are matched and type-checked
// (once for each component), its slots are made, its core modules instantiated and
// their start functions run. An import without a definition gives a *[LinkError].
func (l *Linker) Instantiate(ctx context.Context, c *Component, opts ...InstanceOption) (*Instance, error) {
	if l.rt != c.rt {
		return nil, errors.New("instantiate: component and linker are of different runtimes")
	}
	var o instanceOptions
	for _, opt := range opts {
		opt(&o)
	}
	linked, err := l.bind(ctx, c)
	if err != nil {
		return nil, err
	}
	store := &Store{abi: abi.NewStore(l.rt.cfg.abiLimits()), values: o.values}
	if err := store.makeSlots(ctx, l.slots); err != nil {
		return nil, fmt.Errorf("instantiate: %w", err)
	}
	inst := &Instance{component: c, linked: linked, store: store}
	if inst.running, err = linked.program.Instantiate(ctx, linked.bound, store.abi); err != nil {
		closing := context.WithoutCancel(ctx)
		return nil, errors.Join(clean(err), store.close(closing))
	}
	return inst, nil
}

// linked is a component with a definition for each of its imports.
type linked struct {
	bound   *link.Bound
	program *instantiate.Program
}

// bind matches the component's imports, or returns what an earlier call found.
func (l *Linker) bind(ctx context.Context, c *Component) (*linked, error) {
	if b, ok := c.bound.Load(l); ok {
		return b.(*linked), nil
	}
	l.mu.Lock()
	l.frozen = true
	l.mu.Unlock()
	b, err := link.Bind(c.plan, l.defs)
	if err != nil {
		return nil, err
	}
	to := &linked{b, c.program}
	if b.NeedsModules {
		if to, err = l.withModules(ctx, c, b.Modules); err != nil {
			return nil, err
		}
	}
	b2, raced := c.bound.LoadOrStore(l, to)
	if raced && b.NeedsModules {
		return b2.(*linked), to.program.Close(ctx)
	}
	return b2.(*linked), nil
}

// withModules compiles the component with the core modules that it imports.
func (l *Linker) withModules(ctx context.Context, c *Component, modules []*decode.CoreModule) (*linked, error) {
	plan, program, err := l.rt.build(ctx, c.valid, modules, nil)
	if err != nil {
		return nil, err
	}
	b, err := link.Bind(plan, l.defs)
	if err != nil {
		return nil, errors.Join(err, program.Close(ctx))
	}
	return &linked{b, program}, nil
}

// Runtime returns the runtime whose components the linker links.
func (l *Linker) Runtime() *Runtime { return l.rt }
