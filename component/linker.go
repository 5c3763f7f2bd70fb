package component

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/link"
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
// import when a component is linked, before anything runs.
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
	bound, err := l.bind(c)
	if err != nil {
		return nil, err
	}
	store := &Store{abi: abi.NewStore(l.rt.cfg.abiLimits()), values: o.values}
	if err := store.makeSlots(ctx, l.slots); err != nil {
		return nil, fmt.Errorf("instantiate: %w", err)
	}
	inst := &Instance{component: c, store: store}
	if inst.running, err = c.program.Instantiate(ctx, bound, store.abi); err != nil {
		closing := context.WithoutCancel(ctx)
		return nil, errors.Join(clean(err), store.close(closing))
	}
	return inst, nil
}

// bind matches the component's imports, or returns what an earlier call found.
func (l *Linker) bind(c *Component) (*link.Bound, error) {
	if b, ok := c.bound.Load(l); ok {
		return b.(*link.Bound), nil
	}
	l.mu.Lock()
	l.frozen = true
	l.mu.Unlock()
	b, err := link.Bind(c.plan, l.defs)
	if err != nil {
		return nil, err
	}
	c.bound.Store(l, b)
	return b, nil
}

// Runtime returns the runtime whose components the linker links.
func (l *Linker) Runtime() *Runtime { return l.rt }
