package corewasm

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/experimental/table"
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
	left      int    // calls that may be made beside those on the stack; 0 when it is closed
	closed    bool
}

// NewSpace returns an empty space.
func (e *Engine) NewSpace() *Space {
	s := &Space{engine: e, left: maxRunning}
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
// functions see. The error is for [Translate].
func (s *Space) Instantiate(c *Context, m *Module, args []Exporter) (i *Instance, err error) {
	// wazero panics when its allocator refuses a minimum.
	if limit := s.engine.cfg.MemoryLimit; s.used+m.memory > limit {
		return nil, limitErrorf("a memory of %d bytes beside %d bytes that the instance has: the limit is %d bytes", m.memory, s.used, limit)
	}
	defer recovered("instantiate", &err)
	outer := s.args
	s.args = args
	defer func() { s.args = outer }()
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	before := len(s.memories)
	mod, err := s.engine.rt.InstantiateModule(&wiring{c, s.wiring}, m.compiled, anonymous)
	if err != nil {
		return nil, err
	}
	i = &Instance{space: s, mod: mod, tables: m.tables}
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

// Calls is where those that call functions count: how many more calls may be on
// the stack at once. At 0, as in a space that is closed, none may be made, and
// [Space.Refuse] says why.
func (s *Space) Calls() (left *int) { return &s.left }

// enter counts a call into core code.
func (s *Space) enter() error {
	if s.left <= 0 {
		return s.Refuse()
	}
	s.left--
	return nil
}

// Refuse says why a call cannot be made.
func (s *Space) Refuse() error {
	if s.closed {
		return &Trap{Kind: Closed}
	}
	return &Trap{Kind: StackOverflow, Err: fmt.Errorf("host and guest call each other more than %d deep", maxRunning)}
}

func (s *Space) leave() { s.left++ }

// Running reports whether core code is running.
func (s *Space) Running() bool { return s.left < maxRunning && !s.closed }

// errRunning is the error of closing a space that is in use.
var errRunning = errors.New("the instance is running: it can be closed when its calls have returned")

// Close closes the instances, newest first, and only then takes their memories
// back, since instances share them. It refuses while a call is running.
func (s *Space) Close(ctx context.Context) error {
	if s.closed {
		return nil
	}
	if s.left < maxRunning {
		return errRunning
	}
	s.closed, s.left = true, 0
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
	space  *Space
	mod    api.Module
	own    *Memory           // the memory that it defines; nil when it has none
	ownOf  api.Memory        // wazero's name for own
	tables map[string]uint32 // that it exports
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

// Func returns an exported function. Looking it up is slow, so that it is left
// to those that call it.
func (i *Instance) Func(name string) *Func { return &Func{space: i.space, mod: i.mod, name: name} }

// TableFunc returns a handle of the function of type (i32) -> () at index of an exported
// table. It is a trap when there is none, or one of another type.
func (i *Instance) TableFunc(name string, index uint32) (h Handle, err error) {
	t, ok := i.tables[name]
	if !ok {
		return nil, fmt.Errorf("no table %q is exported", name)
	}
	defer func() {
		if r := recover(); r != nil {
			_, err = Translate(fmt.Errorf("%v", r))
			if known, ok := r.(error); ok {
				_, err = Translate(known)
			}
		}
	}()
	return table.LookupFunction(i.mod, t, index, []api.ValueType{I32}, nil), nil
}

// Func is an exported function of an instance.
type Func struct {
	space *Space
	mod   api.Module
	name  string
}

// Handle runs a function: see [Func.Handle].
type Handle interface {
	CallWithStack(ctx context.Context, stack []uint64) error
}

// Handle looks the function up. What it returns is called with a *[Context]; its
// error is for [Translate]. It is neither re-entrant nor safe for concurrent use,
// so that a call inside another of the same function takes another handle.
// Calls are to be counted in [Space.Calls].
func (f *Func) Handle() (Handle, error) {
	if h := f.mod.ExportedFunction(f.name); h != nil {
		return h, nil
	}
	return nil, fmt.Errorf("no function %q is exported", f.name)
}
