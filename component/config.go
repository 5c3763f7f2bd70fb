package component

import (
	"math"
	"time"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/corewasm"
	"github.com/wasinn/wasinn/component/internal/validate"
)

// Engine says how core WebAssembly runs.
type Engine uint8

// The engines.
const (
	// EngineAuto compiles where the platform can, and interprets elsewhere.
	EngineAuto Engine = iota
	// EngineCompiler compiles ahead of time to machine code.
	EngineCompiler
	// EngineInterpreter interprets: slow to run, quick to load, on every platform.
	EngineInterpreter
)

// String returns the engine's name as the command line spells it.
func (e Engine) String() string {
	switch e {
	case EngineCompiler:
		return "compiler"
	case EngineInterpreter:
		return "interpreter"
	}
	return "auto"
}

// Default limits. Each holds for one instance of a component with everything
// nested in it, unless said otherwise.
const (
	// DefaultMemoryLimit is the most bytes of linear memory, all memories together.
	DefaultMemoryLimit = 1 << 30
	// DefaultTableLimit is the most elements of tables, all tables together.
	DefaultTableLimit = 1 << 20
	// DefaultHandleLimit is the most resource handles that may be alive.
	DefaultHandleLimit = 1 << 20
	// DefaultLiftLimit is the most bytes that lifting the arguments or the
	// result of one call may take.
	DefaultLiftLimit = 1 << 30
	// DefaultTaskLimit is the most calls of async functions, of guests and of the
	// host, that have not ended.
	DefaultTaskLimit = 10_000
	// DefaultThreadLimit is the most threads that are in the middle of core code
	// at once: each has a stack of its own.
	DefaultThreadLimit = 1000
	// DefaultPlanLimit is the most steps that instantiating a component may
	// take, nested components included. One step is one definition executed.
	DefaultPlanLimit = 100_000
	// DefaultCoreInstanceLimit is the most core instances of a component.
	DefaultCoreInstanceLimit = 1000
)

// Config configures a [Runtime]. It is immutable: each WithX returns a changed copy.
type Config struct {
	engine        Engine
	cacheDir      string
	memoryLimit   uint64
	tableLimit    uint32
	handleLimit   uint32
	liftLimit     uint64
	taskLimit     uint32
	threadLimit   uint32
	planLimit     int
	coreInstances int
	uninterrupted bool
	features      Features
	workers       int
}

// NewConfig returns the defaults: [EngineAuto], no cache, the Default limits,
// guests that stop when their context ends.
func NewConfig() Config {
	return Config{
		memoryLimit:   DefaultMemoryLimit,
		tableLimit:    DefaultTableLimit,
		handleLimit:   DefaultHandleLimit,
		liftLimit:     DefaultLiftLimit,
		taskLimit:     DefaultTaskLimit,
		threadLimit:   DefaultThreadLimit,
		planLimit:     DefaultPlanLimit,
		coreInstances: DefaultCoreInstanceLimit,
	}
}

// WithEngine chooses how core WebAssembly runs.
func (c Config) WithEngine(e Engine) Config { c.engine = e; return c }

// WithCacheDir keeps compiled code in a folder, which is made when absent, so
// that the next process need not compile again. Empty means no cache.
func (c Config) WithCacheDir(dir string) Config { c.cacheDir = dir; return c }

// WithMemoryLimit sets the most bytes of linear memory that an instance may
// have, all its memories together, rounded down to whole pages of 64 KiB; no
// memory has more than 4 GiB less one page. A component that asks for more from
// the start is refused; beyond it memory.grow fails, which the guest sees.
func (c Config) WithMemoryLimit(bytes uint64) Config { c.memoryLimit = bytes; return c }

// WithTableLimit sets the most table elements that an instance may have. Each
// table may grow to an equal share; beyond it table.grow fails.
func (c Config) WithTableLimit(elements uint32) Config { c.tableLimit = elements; return c }

// WithHandleLimit sets the most resource handles alive in an instance.
func (c Config) WithHandleLimit(handles uint32) Config { c.handleLimit = handles; return c }

// WithLiftLimit sets the most bytes that lifting the arguments or the result of
// one call may take: of the Go values made, and of the lists and strings read,
// views included. A call that takes more traps.
func (c Config) WithLiftLimit(bytes uint64) Config { c.liftLimit = bytes; return c }

// WithTaskLimit sets the most calls of async functions, of an instance's own and of
// the host's, that have not ended at any time. A call beyond it traps.
func (c Config) WithTaskLimit(tasks uint32) Config { c.taskLimit = tasks; return c }

// WithThreadLimit sets the most threads of an instance that are in the middle of
// core code at once. Each has a stack of its own. A call beyond it traps.
func (c Config) WithThreadLimit(threads uint32) Config { c.threadLimit = threads; return c }

// WithPlanLimit sets the most steps that instantiating a component may take.
func (c Config) WithPlanLimit(steps int) Config { c.planLimit = steps; return c }

// WithCoreInstanceLimit sets the most core instances that a component may have.
func (c Config) WithCoreInstanceLimit(n int) Config { c.coreInstances = n; return c }

// WithInterruption says whether a running guest stops when its context ends.
// Without, guests run a little faster, and one that loops can never be stopped.
func (c Config) WithInterruption(on bool) Config { c.uninterrupted = !on; return c }

// Features are features of the Component Model that are proposed and not
// standard yet. All are off unless asked for: a component that uses one is
// refused with a *[FeatureError].
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Explainer.md#gated-features
type Features struct {
	// FixedLengthLists has list<T, N>.
	FixedLengthLists bool
	// CanonicalNames has interface names with a version's track alone, such as
	// a:b/c@1 or a:b/c@0.2, and version suffixes.
	CanonicalNames bool
	// NestedNames has nested namespaces and packages in interface names.
	NestedNames bool
	// Threads has cooperative threads: the built-ins thread.*.
	Threads bool
	// ErrorContext has the type error-context and its built-ins.
	ErrorContext bool
	// MoreAsyncBuiltins has reads and writes of streams and futures that block,
	// and cancels that do not.
	MoreAsyncBuiltins bool
	// AsyncStackful has async lifts without a callback.
	AsyncStackful bool
}

// WithFeatures turns proposed features on.
func (c Config) WithFeatures(f Features) Config { c.features = f; return c }

// WithCompilationWorkers sets how many goroutines compile one core module; 0
// means one. With more than one, a defect of wazero's compiler that panics ends
// the process; with one, it is an error.
func (c Config) WithCompilationWorkers(n int) Config { c.workers = n; return c }

// Progress tells how far a compilation is.
type Progress struct {
	// Done and Total count bytes of core WebAssembly.
	Done, Total int
	// Elapsed is the time since compilation began.
	Elapsed time.Duration
}

func (c Config) validation() validate.Features {
	f := c.features
	return validate.Features{
		Async: true, MoreAsyncBuiltins: f.MoreAsyncBuiltins, AsyncStackful: f.AsyncStackful,
		Threads: f.Threads, ErrorContext: f.ErrorContext,
		FixedLengthLists: f.FixedLengthLists, CanonicalNames: f.CanonicalNames, NestedNames: f.NestedNames,
	}
}

func (c Config) abiLimits() abi.Limits {
	return abi.Limits{
		MaxHandles: int(c.handleLimit), MaxHostResources: int(c.handleLimit),
		MaxLiftBytes: int64(min(c.liftLimit, math.MaxInt64)),
		MaxTasks:     int(c.taskLimit), MaxThreads: int(c.threadLimit),
	}
}

func (c Config) core() corewasm.Config {
	return corewasm.Config{
		Interpreter:   c.engine == EngineInterpreter,
		Compiler:      c.engine == EngineCompiler,
		CacheDir:      c.cacheDir,
		MemoryLimit:   c.memoryLimit,
		Uninterrupted: c.uninterrupted,
		Workers:       c.workers,
	}
}
