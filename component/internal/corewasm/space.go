package corewasm

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Exporter is what a module may import from: an *[Instance] or a *[Host].
type Exporter interface{ module() api.Module }

// Space holds core instances that live and die together. It is for one
// goroutine at a time.
type Space struct {
	engine    *Engine
	wiring    context.Context
	args      []Exporter // of the instantiation under way
	instances []*Instance
	memories  []*Memory
	used      uint64 // bytes of memories
	running   int    // calls on the stack
	closed    bool
}

// NewSpace returns an empty space.
func (e *Engine) NewSpace() *Space {
	s := &Space{engine: e}
	e.open.add(1)
	s.wiring = experimental.WithImportResolver(context.Background(), s.resolve)
	s.wiring = experimental.WithMemoryAllocator(s.wiring, experimental.MemoryAllocatorFunc(s.allocate))
	return s
}

// resolve gives wazero the module that an import names.
func (s *Space) resolve(name string) api.Module {
	if name == tickGroup {
		return s.engine.tick
	}
	i, err := strconv.Atoi(name[1:])
	if err != nil || i >= len(s.args) {
		return nil
	}
	return s.args[i].module()
}

func (s *Space) allocate(uint64, uint64) experimental.LinearMemory {
	m := s.engine.pool.get()
	m.space = s
	s.memories = append(s.memories, m)
	return m
}

// Instantiate makes an instance of m and runs its start function. args are
// what the groups of its imports stand for. c is the context that host
// functions see; a trap of the start function is a *[Trap].
func (s *Space) Instantiate(c *Context, m *Module, args []Exporter) (i *Instance, err error) {
	// wazero panics when its allocator refuses a minimum.
	if limit := s.engine.cfg.MemoryLimit; s.used+m.memory > limit {
		return nil, limitErrorf("a memory of %d bytes beside %d bytes that the instance has: the limit is %d bytes", m.memory, s.used, limit)
	}
	defer recovered("instantiate", &err)
	outerArgs, outerWiring := s.args, c.wiring
	s.args, c.wiring = args, s.wiring
	defer func() { s.args, c.wiring = outerArgs, outerWiring }()
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	before := len(s.memories)
	mod, err := s.engine.rt.InstantiateModule(c, m.compiled, anonymous)
	if err != nil {
		return nil, translate(err)
	}
	i = &Instance{space: s, mod: mod}
	if len(s.memories) > before {
		i.own = s.memories[before]
		i.ownOf = mod.Memory()
	}
	s.instances = append(s.instances, i)
	return i, nil
}

// maxRunning is how many calls from the host into core code may be on the stack
// of one space at once. Each takes room on the Go stack, whose overflow would end the process.
const maxRunning = 1000

// enter counts a call into core code.
func (s *Space) enter() error {
	if s.closed || s.running == maxRunning {
		return s.refuse()
	}
	s.running++
	return nil
}

// refuse says why a call cannot be made.
func (s *Space) refuse() error {
	if s.closed {
		return &Trap{Kind: Closed}
	}
	return &Trap{Kind: StackOverflow, Err: fmt.Errorf("host and guest call each other more than %d deep", maxRunning)}
}

func (s *Space) leave() { s.running-- }

// Running reports whether core code is running.
func (s *Space) Running() bool { return s.running > 0 }

// errRunning is the error of closing a space that is in use.
var errRunning = errors.New("the instance is running: it can be closed when its calls have returned")

// Close closes the instances, newest first, and only then takes their memories
// back, since instances share them. It refuses while a call is running.
func (s *Space) Close(ctx context.Context) error {
	if s.running > 0 {
		return errRunning
	}
	if s.closed {
		return nil
	}
	s.closed = true
	s.engine.open.add(-1)
	var errs []error
	for k := len(s.instances) - 1; k >= 0; k-- {
		errs = append(errs, s.instances[k].mod.Close(ctx))
	}
	for _, m := range s.memories {
		errs = append(errs, s.engine.pool.put(m))
	}
	s.instances, s.memories = nil, nil
	return errors.Join(errs...)
}

// Instance is a core instance.
type Instance struct {
	space *Space
	mod   api.Module
	own   *Memory    // the memory that it defines; nil when it has none
	ownOf api.Memory // wazero's name for own
}

func (i *Instance) module() api.Module { return i.mod }

// Memory returns an exported memory, which may be another instance's that this
// one exports again.
func (i *Instance) Memory(name string) (*Memory, error) {
	m := i.mod.ExportedMemory(name)
	if m == nil {
		return nil, fmt.Errorf("no memory %q is exported", name)
	}
	for _, other := range i.space.instances {
		if other.ownOf == m && other.own != nil {
			return other.own, nil
		}
	}
	return nil, fmt.Errorf("memory %q is of another space", name)
}

// Func returns an exported function. It is looked up at its first call, since
// many are never called and looking up is slow.
func (i *Instance) Func(name string) *Func { return &Func{space: i.space, mod: i.mod, name: name} }

// Func is an exported function of an instance. It may be called again while
// it runs.
type Func struct {
	space *Space
	mod   api.Module
	name  string
	// A handle is its own stack, so that each depth of recursion takes another:
	// first is that of the outermost call, free are others that are not in use.
	first api.Function
	busy  bool // first is in use
	free  []api.Function
}

// Caller returns a function that calls f, with its ctx in c for host functions
// to find. stack holds the parameters, then the results; it is as long as the
// longer of the two. Its error is what translated makes of a *[Trap] or of what
// a host function returned.
//
// It is a closure, and the only one between a lifted function and wazero, since
// every level of a call costs a nanosecond or two.
func (f *Func) Caller(c *Context, translated func(error) error) func(ctx context.Context, stack []uint64) error {
	space := f.space
	return func(ctx context.Context, stack []uint64) error {
		h := f.first
		if f.busy || h == nil {
			return f.callAgain(c, ctx, stack, translated)
		}
		if space.closed || space.running == maxRunning {
			return translated(space.refuse())
		}
		space.running++
		f.busy = true
		outer := c.Context
		c.Context = ctx
		err := h.CallWithStack(c, stack)
		c.Context = outer
		f.busy = false
		space.running--
		if err != nil {
			return translated(translate(err))
		}
		return nil
	}
}

// callAgain is for the first call, which looks the function up, and for calls
// inside another of the same function.
func (f *Func) callAgain(c *Context, ctx context.Context, stack []uint64, translated func(error) error) error {
	var h api.Function
	if n := len(f.free); n > 0 {
		h = f.free[n-1]
		f.free = f.free[:n-1]
	} else if h = f.mod.ExportedFunction(f.name); h == nil {
		return fmt.Errorf("no function %q is exported", f.name)
	}
	if f.first == nil {
		f.first = h
		return f.Caller(c, translated)(ctx, stack)
	}
	if err := f.space.enter(); err != nil {
		return translated(err)
	}
	outer := c.Context
	c.Context = ctx
	err := h.CallWithStack(c, stack)
	c.Context = outer
	f.space.leave()
	f.free = append(f.free, h)
	if err != nil {
		return translated(translate(err))
	}
	return nil
}
