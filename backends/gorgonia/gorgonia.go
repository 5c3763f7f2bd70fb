// Package gorgonia is the engine that runs ONNX models in Go alone: no cgo, no shared
// library.
//
// A model becomes Gorgonia expression graphs (https://gorgonia.org) whose nodes are
// this package's own operators on its own kernels, compiled once for each combination
// of input shapes and kept; see package internal/program. The kernels are assembly, on
// amd64 for AVX2 and AVX-512, chosen when the program runs, and on arm64 for NEON;
// elsewhere, or built with the tag purego, they are plain Go.
//
// # What a run costs
//
// Shapes, memory and the order of operators are known before a computation begins, so
// it allocates little besides its outputs. The first computation with new shapes
// compiles. Computations of one graph run at once, each on an arena of its own, and
// share the weights.
//
// # Cancellation and limits
//
// A computation ends within some milliseconds of its context, inside operators too.
// What computations may hold in memory is limited by [Config.MaxMemory], and counted
// before it is allocated. Models are hostile until checked: a panic in an operator is an
// error of that computation.
package gorgonia

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/ops"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/program"
	"github.com/wasinn/wasinn/backends/internal/onnxfile"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
)

// Name is the name of the engine.
const Name = "gorgonia"

// Executor says what runs compiled programs.
type Executor uint8

const (
	// Arena is this package's own executor, whose memory is planned.
	Arena Executor = iota
	// Tape is Gorgonia's TapeMachine: the reference, slower and without a plan.
	Tape
)

// Config configures a Backend. The zero value is what most programs want.
type Config struct {
	// IntraOpThreads is how many threads one operator may use, shared by all graphs
	// that do not say themselves; 0 means GOMAXPROCS.
	IntraOpThreads int
	// MaxModelBytes is the size of the largest model; 0 means 2 GiB less one byte, the
	// most that protobuf allows. External data are not counted.
	MaxModelBytes int
	// MaxMemory is how many bytes all computations may hold together, with what is kept
	// between them and what is computed of a model's constants: what goes beyond ends
	// with TooLarge. Not counted are the model's own weights, outputs that the caller
	// has, and what an operator that is not made for speed takes for a moment, in
	// proportion to its inputs. 0 means half of the memory that the process may use, or 4 GiB
	// where the system does not tell; less than 0 means no limit.
	MaxMemory int64
	// Executor runs programs.
	Executor Executor
	// Without are passes over graphs to leave out, of [Passes]: to see what one gains, or
	// whether it is to blame.
	Without []string
}

// Passes are the names of the passes over graphs, in their order.
func Passes() []string { return program.Passes() }

// Stats say what became of a graph of this engine.
type Stats struct {
	// Arena is how many bytes hold the values of one computation of each combination of
	// input shapes that programs are kept for, outputs apart. Alive is how many of them are in
	// use at once at the most: no arena is smaller.
	Arena, Alive int64
	// Weights are the bytes of the model's constants, and of what was packed of them.
	Weights int64
	// Passes are how often each pass changed something, by name.
	Passes map[string]int
}

// StatsOf describes a graph that a Backend of this package loaded; not ok for others.
func StatsOf(g backends.Graph) (s Stats, ok bool) {
	own, ok := g.(*graph)
	if !ok {
		return Stats{}, false
	}
	return Stats(own.program.Stats()), true
}

// Backend is the engine. It is safe for concurrent use.
type Backend struct {
	cfg    Config
	opts   program.Options
	budget *op.Budget

	mu     sync.Mutex
	pools  map[int]*pool.Pool // by number of threads
	graphs map[*graph]bool    // that are not released
}

var (
	_ backends.Backend = (*Backend)(nil)
	_ backends.Checker = (*Backend)(nil)
	_ backends.Sniffer = (*Backend)(nil)
)

// New checks cfg. It starts nothing: threads start with the first computation that
// has work for them.
func New(cfg Config) (*Backend, error) {
	switch {
	case cfg.IntraOpThreads < 0 || cfg.IntraOpThreads > onnxload.MaxThreads:
		return nil, fmt.Errorf("gorgonia: %d threads: expected 0 to %d", cfg.IntraOpThreads, onnxload.MaxThreads)
	case cfg.MaxModelBytes < 0:
		return nil, fmt.Errorf("gorgonia: a model of at most %d bytes is none", cfg.MaxModelBytes)
	case cfg.Executor > Tape:
		return nil, fmt.Errorf("gorgonia: %d is not an executor", cfg.Executor)
	}
	if cfg.MaxModelBytes == 0 {
		cfg.MaxModelBytes = onnxfile.MaxBytes
	}
	if cfg.MaxMemory == 0 {
		cfg.MaxMemory = onnxload.AvailableMemory() / 2
		if cfg.MaxMemory <= 0 {
			cfg.MaxMemory = 4 << 30
		}
	}
	b := &Backend{cfg: cfg, pools: map[int]*pool.Pool{}, graphs: map[*graph]bool{}}
	b.opts = program.Options{Operators: ops.New(), Tape: cfg.Executor == Tape, Without: map[string]bool{}}
	for _, name := range cfg.Without {
		if !slices.Contains(Passes(), name) {
			return nil, fmt.Errorf("gorgonia: there is no pass %q, but %q", name, Passes())
		}
		b.opts.Without[name] = true
	}
	b.budget = op.NewBudget(cfg.MaxMemory, b.reclaim)
	return b, nil
}

// reclaim gives back the memory that graphs keep for computations to come.
func (b *Backend) reclaim() {
	b.mu.Lock()
	graphs := slices.Collect(maps.Keys(b.graphs))
	b.mu.Unlock()
	for _, g := range graphs {
		g.spares.drop(false)
		g.program.DropIdle()
	}
}

// Name returns gorgonia.
func (b *Backend) Name() string { return Name }

// Encodings returns ONNX.
func (b *Backend) Encodings() []backends.Encoding { return []backends.Encoding{backends.ONNX} }

// Check returns nil: this engine runs wherever Go does.
func (b *Backend) Check(ctx context.Context) error { return ctx.Err() }

// Sniff tells an ONNX model, in one part, by the structure of its protobuf message.
func (b *Backend) Sniff(parts [][]byte) (backends.Encoding, bool) {
	if len(parts) != 1 || !onnxfile.Sniff(parts[0]) {
		return "", false
	}
	return backends.ONNX, true
}

// pool returns the threads for graphs that ask for n, 0 for the engine's default.
func (b *Backend) pool(n int) *pool.Pool {
	if n == 0 {
		n = b.cfg.IntraOpThreads
	}
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pools[n]
	if p == nil {
		p = pool.New(n)
		b.pools[n] = p
	}
	return p
}

// Load makes a graph of an ONNX model, given in one part. External data are read
// beside opts.Path, and refused without one.
//
// A model whose input shapes are all fixed is compiled at once, so that what cannot
// work is known; others are when they are first computed. Errors are *backends.Error:
// InvalidEncoding for what is no ONNX model, UnsupportedOperation for operators that
// this engine has not, TooLarge, Timeout.
func (b *Backend) Load(ctx context.Context, parts [][]byte, opts backends.LoadOptions) (backends.Graph, error) {
	switch opts.Target {
	case backends.TPU, backends.GPU:
		return nil, backends.Errorf(backends.UnsupportedOperation, "target %s: %s runs on cpu", opts.Target, Name)
	}
	if _, err := onnxload.Check(Name, b.cfg.MaxModelBytes, parts, opts); err != nil {
		return nil, err
	}
	return b.load(ctx, parts[0], opts)
}
