// Package onnxruntime is the engine that runs ONNX models on ONNX Runtime
// (https://onnxruntime.ai), a shared library found when the first model is
// loaded; see [Locate] and [Setup].
//
// It needs cgo and Linux or macOS. Built without them, [New] works and [Backend.Check]
// and Load return an error that says so.
//
// # One library per process
//
// ONNX Runtime keeps its environment, with its thread pools and its logger, once
// per process, and its library is never unloaded. So the first Backend that
// loads a model decides for all: another Backend with the same library shares
// it, and one with another library gets an error.
//
// # What a run costs
//
// A computation is one cgo call. Inputs are read where they are, with no copy;
// outputs are views of ONNX Runtime's memory until they are released, except
// small ones, which cost less to copy than to own. A caller keeps a Tensor
// reachable while it uses its Data. Runs of one graph are concurrent and wait
// for no lock.
//
// # Cancellation
//
// When the context ends, ONNX Runtime stops before the next operator: a single
// operator that takes a minute is not interrupted. Loading stops between steps
// of its own, some seconds later for a model of 100,000 nodes.
//
// # What hostile models can still do
//
// Before ONNX Runtime sees a model its protobuf structure is walked: what is cut
// short, nested without end, recursive, doubling by functions, of impossible
// sizes or with files of its own is refused. What computations may hold is
// limited ([Config.MaxMemory]), and so is their time, by the context. Integer
// divisions that x86-64 traps are stepped over. Beyond that ONNX Runtime runs in
// this process: a defect of its C++ code that a model can reach is a defect of
// the host. Fuzzing found one that cannot be contained here: a contract check in
// its Attention operator calls std::terminate. Whoever runs models of strangers
// gives each a process of its own.
package onnxruntime

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/internal/onnxfile"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
)

// Name is the name of the engine.
const Name = "onnxruntime"

// GPUMode says whether graphs run on a GPU (CUDA), whatever target they are
// loaded for.
type GPUMode uint8

const (
	// GPUOff runs everything on the CPU, and refuses a graph that is loaded for
	// the target gpu: it would not be what was asked for.
	GPUOff GPUMode = iota
	// GPUPrefer runs on the GPU when that works, and on the CPU after saying why
	// not through Config.Warn, once.
	GPUPrefer
	// GPURequire runs on the GPU, or fails saying what is missing.
	GPURequire
)

var gpuModes = [...]string{"off", "prefer", "require"}

// String returns the mode as the command line spells it.
func (m GPUMode) String() string {
	if int(m) < len(gpuModes) {
		return gpuModes[m]
	}
	return fmt.Sprintf("gpu-mode(%d)", uint8(m))
}

// ParseGPUMode reads off, prefer or require.
func ParseGPUMode(s string) (GPUMode, error) {
	for i, name := range gpuModes {
		if s == name {
			return GPUMode(i), nil
		}
	}
	return 0, fmt.Errorf("GPU mode %q is not one of off, prefer, require", s)
}

// ThreadPolicy says which threads the operators of a graph run on. A graph that
// is loaded with thread counts of its own always has a pool of its own.
type ThreadPolicy uint8

const (
	// GlobalPool shares one pool among all graphs of the process.
	GlobalPool ThreadPolicy = iota
	// PoolPerGraph gives each graph a pool, as ONNX Runtime does by default.
	PoolPerGraph
)

// Config configures a Backend. The zero value is what most programs want.
type Config struct {
	// Library is the path of the ONNX Runtime library; when it is empty [Locate]
	// says where it comes from.
	Library string
	// GPU says whether graphs run on a GPU.
	GPU GPUMode
	// GPUDevice is the CUDA device to use.
	GPUDevice int
	// Threads says whose threads graphs run on.
	Threads ThreadPolicy
	// IntraOpThreads and InterOpThreads are the sizes of the pools, the calling
	// thread included; 0 means GOMAXPROCS threads within an operator and 1
	// between operators.
	IntraOpThreads, InterOpThreads int
	// Spin lets idle threads of the pools wait busily. It helps one caller by
	// some microseconds and harms many.
	Spin bool
	// MaxModelBytes is the size of the largest model; 0 means 2 GiB less one
	// byte, the most that protobuf allows. External data are not counted.
	MaxModelBytes int
	// MaxMemory is how many bytes all computations of the process may hold
	// together for the tensors that ONNX Runtime makes: what goes beyond ends
	// with TooLarge. 0 means three quarters of the memory that the process may
	// use, where the system tells; less than 0 means no limit.
	MaxMemory int64
	// Log takes what ONNX Runtime reports, at the levels Log is enabled for. Nil
	// drops it.
	Log *slog.Logger
	// Warn is told once when GPUPrefer falls back to the CPU. Nil means a
	// warning of slog's default logger.
	Warn func(message string)
}

// Backend is the engine. It is safe for concurrent use.
type Backend struct {
	cfg  Config
	mu   sync.Mutex
	eng  *engine // nil until the first use
	warn sync.Once
}

var (
	_ backends.Backend = (*Backend)(nil)
	_ backends.Checker = (*Backend)(nil)
	_ backends.Sniffer = (*Backend)(nil)
)

// New checks cfg. It neither looks for nor loads the library: the first Load,
// Check or Info does.
func New(cfg Config) (*Backend, error) {
	switch {
	case int(cfg.GPU) >= len(gpuModes):
		return nil, fmt.Errorf("onnxruntime: %s is not a GPU mode", cfg.GPU)
	case cfg.Threads > PoolPerGraph:
		return nil, fmt.Errorf("onnxruntime: %d is not a thread policy", cfg.Threads)
	case cfg.IntraOpThreads < 0 || cfg.InterOpThreads < 0:
		return nil, fmt.Errorf("onnxruntime: %d and %d threads: a number of threads is not negative", cfg.IntraOpThreads, cfg.InterOpThreads)
	case cfg.IntraOpThreads > onnxload.MaxThreads || cfg.InterOpThreads > onnxload.MaxThreads:
		return nil, fmt.Errorf("onnxruntime: %d and %d threads: at most %d are possible", cfg.IntraOpThreads, cfg.InterOpThreads, onnxload.MaxThreads)
	case cfg.MaxModelBytes < 0:
		return nil, fmt.Errorf("onnxruntime: a model of at most %d bytes is none", cfg.MaxModelBytes)
	case cfg.GPUDevice < 0:
		return nil, fmt.Errorf("onnxruntime: %d is not a GPU device", cfg.GPUDevice)
	}
	if cfg.MaxModelBytes == 0 {
		cfg.MaxModelBytes = onnxfile.MaxBytes
	}
	return &Backend{cfg: cfg}, nil
}

// Name returns onnxruntime.
func (b *Backend) Name() string { return Name }

// Encodings returns ONNX.
func (b *Backend) Encodings() []backends.Encoding { return []backends.Encoding{backends.ONNX} }

// Sniff tells an ONNX model, in one part, by the structure of its protobuf
// message. Other formats do not pass: TFLite, GGUF, OpenVINO, TorchScript, TensorFlow.
func (b *Backend) Sniff(parts [][]byte) (backends.Encoding, bool) {
	if len(parts) != 1 || !onnxfile.Sniff(parts[0]) {
		return "", false
	}
	return backends.ONNX, true
}

// Load makes a graph of an ONNX model, given in one part. External data are
// looked for beside opts.Path, and refused without one.
//
// The model's structure is checked before ONNX Runtime sees it; see the limits
// in the error's detail. When ctx ends, loading stops as soon as ONNX Runtime
// looks. Errors are *backends.Error: InvalidEncoding for what is no ONNX model,
// UnsupportedOperation for what this engine cannot run, TooLarge, Timeout.
func (b *Backend) Load(ctx context.Context, parts [][]byte, opts backends.LoadOptions) (backends.Graph, error) {
	model, err := b.modelOf(parts, opts)
	if err != nil {
		return nil, err
	}
	return b.load(ctx, model, opts)
}

// modelOf checks everything about a load that needs no library.
func (b *Backend) modelOf(parts [][]byte, opts backends.LoadOptions) (*onnxfile.Model, error) {
	if opts.Target == backends.TPU {
		return nil, backends.Errorf(backends.UnsupportedOperation, "target tpu: %s runs on cpu and gpu", Name)
	}
	return onnxload.Check(Name, b.cfg.MaxModelBytes, parts, opts)
}

// Info is what is known about the library and the machine.
type Info struct {
	// Library is where the library is, Source how it was found.
	Library string
	Source  LibrarySource
	// Version of ONNX Runtime, and of its API that is used.
	Version    string
	APIVersion int
	// Providers are the execution providers that the library knows; their own
	// libraries may be missing.
	Providers []string
	// GPU is nil when a model can be run with CUDA, and else says why not.
	GPU error
	// IntraOpThreads and InterOpThreads are the sizes of the pools.
	IntraOpThreads, InterOpThreads int
}

// Info loads the library, tries the GPU, and says what was found.
func (b *Backend) Info(ctx context.Context) (Info, error) { return b.info(ctx) }

// Check returns nil when models can be run as the Config asks, and otherwise an
// error that says what is missing and which command gets it.
func (b *Backend) Check(ctx context.Context) error { return b.check(ctx) }

func (b *Backend) sayFallback(reason error) {
	b.warn.Do(func() {
		message := fmt.Sprintf("models run on the CPU: %v", reason)
		if b.cfg.Warn != nil {
			b.cfg.Warn(message)
			return
		}
		slog.Warn(message, "engine", Name)
	})
}
