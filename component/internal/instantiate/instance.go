package instantiate

import (
	"context"
	"fmt"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/corewasm"
	"github.com/wasinn/wasinn/component/internal/link"
)

// Instance is a running plan: a component instance with everything nested in
// it. It is for one goroutine at a time.
type Instance struct {
	program   *Program
	bound     *link.Bound
	space     *corewasm.Space
	cc        corewasm.Context
	core      abi.Core
	store     *abi.Store
	cores     []*corewasm.Instance
	abi       []*abi.Instance
	options   []abi.CanonicalOptions
	resources []*abi.ResourceType
	funcs     []*abi.Func      // of Plan.Lifts, made when first called
	fused     []abi.HostFunc   // of Plan.Canons, made when first called
	async     []*abi.AsyncCall // of Plan.Canons, made when first called
	items     map[link.CoreItem]*abi.CoreFunc
}

// Instantiate runs the steps of the plan. On an error, nothing is left behind.
func (p *Program) Instantiate(ctx context.Context, bound *link.Bound, store *abi.Store) (*Instance, error) {
	plan := p.plan
	s := &Instance{
		program:   p,
		bound:     bound,
		space:     p.engine.NewSpace(),
		store:     store,
		cores:     make([]*corewasm.Instance, 0, plan.CoreInstances),
		abi:       make([]*abi.Instance, len(plan.Instances)),
		options:   make([]abi.CanonicalOptions, len(plan.Options)),
		resources: make([]*abi.ResourceType, len(plan.Resources)),
		funcs:     make([]*abi.Func, len(plan.Lifts)),
		fused:     make([]abi.HostFunc, len(plan.Canons)),
		async:     make([]*abi.AsyncCall, len(plan.Canons)),
	}
	s.cc.State = s
	s.core = abi.Core{
		Ctx: &s.cc, Embedder: &s.cc.Context,
		Left:   s.space.Calls(),
		Refuse: func() error { return known(s.space.Refuse()) },
		Trap:   p.trap,
	}
	for i, in := range plan.Instances {
		var parent *abi.Instance
		if in.Parent >= 0 {
			parent = s.abi[in.Parent]
		}
		s.abi[i] = abi.NewInstance(store, parent, in.Name)
		if in.Async {
			store.SetCore(&s.core)
			s.abi[i].UseAsync(in.Blocks)
		}
	}
	s.cc.Context = ctx
	defer func() { s.cc.Context = nil }()
	for i := range plan.Steps {
		if err := s.step(&plan.Steps[i]); err != nil {
			s.space.Close(context.WithoutCancel(ctx))
			return nil, err
		}
	}
	return s, nil
}

func (s *Instance) step(st *link.Step) error {
	switch st.Kind {
	case link.StepInstantiate:
		return s.instantiateModule(st)
	case link.StepOptions:
		return s.resolveOptions(st.Index)
	}
	s.makeResource(st.Index)
	return nil
}

func (s *Instance) instantiateModule(st *link.Step) error {
	args := make([]corewasm.Exporter, len(st.Args))
	for i, a := range st.Args {
		if a.Canons {
			args[i] = s.program.hosts[a.Index]
		} else {
			args[i] = s.cores[a.Index]
		}
	}
	core, err := s.space.Instantiate(&s.cc, s.program.modules[st.Index], args)
	s.abi[st.In].LeaveStart()
	if err != nil {
		return fmt.Errorf("instantiate core module %d: %w", st.Index, s.program.trap(err))
	}
	s.cores = append(s.cores, core)
	return nil
}

// resolveOptions finds the memory and functions of canonical options.
func (s *Instance) resolveOptions(n int) error {
	o := &s.program.plan.Options[n]
	opts := &s.options[n]
	opts.StringEncoding = o.Encoding
	if o.HasMemory {
		mem, err := s.cores[o.Memory.Instance].Memory(o.Memory.Name)
		if err != nil {
			return fmt.Errorf("core instance %d: %w", o.Memory.Instance, err)
		}
		opts.Memory = mem.View()
	}
	if o.HasRealloc {
		opts.Realloc = s.coreFunc(o.Realloc)
	}
	if o.HasPostReturn {
		opts.PostReturn = s.coreFunc(o.PostReturn)
	}
	if o.HasCallback {
		opts.Callback = s.coreFunc(o.Callback)
	}
	opts.Async = o.Async
	return nil
}

// makeResource makes a resource type of this instance, or takes the host's.
func (s *Instance) makeResource(n int) {
	r := &s.program.plan.Resources[n]
	rt := s.bound.HostResources[n]
	owner := s.abi[0]
	if rt == nil {
		owner = s.abi[r.Instance]
		rt = &abi.ResourceType{Type: r.Type, Impl: owner}
		if r.HasDtor {
			rt.Dtor = s.coreFunc(r.Dtor)
		}
	}
	s.resources[n] = rt
	owner.DefineResource(r.Type, rt)
}

// coreFunc returns a core function, or a canonical function called directly.
func (s *Instance) coreFunc(it link.CoreItem) *abi.CoreFunc {
	if f, ok := s.items[it]; ok {
		return f
	}
	f := abi.NewCoreFunc(&s.core, func() (abi.Handle, error) {
		if it.Canon >= 0 {
			return s.program.canons[it.Canon], nil
		}
		return s.cores[it.Instance].Func(it.Name).Handle()
	})
	if s.items == nil {
		s.items = make(map[link.CoreItem]*abi.CoreFunc)
	}
	s.items[it] = f
	return f
}

// asyncCall returns canonical function n, which is lowered from a function whose
// type is async.
func (s *Instance) asyncCall(n int) (*abi.AsyncCall, error) {
	if a := s.async[n]; a != nil {
		return a, nil
	}
	c := &s.program.plan.Canons[n]
	async := s.options[c.Options].Async
	if c.Kind == link.CanonLowerImport {
		s.async[n] = abi.LowerAsync(c.Name, s.bound.Funcs[c.Index], abi.NewSignature(c.Type, nil), async)
		return s.async[n], nil
	}
	a, err := abi.FuseAsync(s.Func(c.Index), s.program.sigs[c.Index](), async)
	if err == nil {
		s.async[n] = a
	}
	return a, err
}

// atCall says in an error which lowered function it is of.
func atCall(err error, c *link.Canon) error {
	if c.Name == "" {
		return err
	}
	return abi.AtCall(err, c.Name)
}

// Func returns lift n as a function to call.
func (s *Instance) Func(n int) *abi.Func {
	if s.funcs[n] == nil {
		l := &s.program.plan.Lifts[n]
		s.funcs[n] = abi.NewFunc(l.Name, s.program.sigs[n](), s.coreFunc(l.Func), s.options[l.Options], s.abi[l.Instance])
	}
	return s.funcs[n]
}

// ResourceType returns resource type n of the plan.
func (s *Instance) ResourceType(n int) *abi.ResourceType { return s.resources[n] }

// ABI returns the outermost component instance.
func (s *Instance) ABI() *abi.Instance { return s.abi[0] }

// CheckIdle checks, in the invariants build, that calls have left nothing behind
// in any of the component instances; see [abi.Instance.CheckIdle].
func (s *Instance) CheckIdle() {
	for _, i := range s.abi {
		i.CheckIdle()
	}
}

// Running reports whether core code is running, such as the caller's.
func (s *Instance) Running() bool { return s.space.Running() }

// Close closes the core instances and gives their memories back.
func (s *Instance) Close(ctx context.Context) error { return s.space.Close(ctx) }
