//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"unsafe"

	binding "github.com/yalue/onnxruntime_go"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
	"github.com/wasinn/wasinn/backends/onnxruntime/internal/ortshim"
)

// engine is the loaded ONNX Runtime. There is one in a process.
type engine struct {
	lib          *ortshim.Library
	path         string
	source       LibrarySource
	providers    []string
	intra, inter int  // threads of the pools
	limited      bool // whether computations share an arena that has a limit

	gpu gpuProbe
}

// process holds the engine of this process. It cannot be anyone's field: the
// binding keeps the library and its environment in package variables, and ONNX
// Runtime keeps its environment once per process.
var process struct {
	mu  sync.Mutex
	eng *engine
	// broken is what went wrong after the library was loaded; nothing can be
	// tried again then.
	broken error
}

// engine returns the process's engine, loading the library for the first that asks.
func (b *Backend) engine() (*engine, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.eng != nil {
		return b.eng, nil
	}
	path, source, err := Locate(b.cfg)
	if err != nil {
		return nil, err
	}
	eng, err := sharedEngine(path, source, b.cfg)
	if err != nil {
		return nil, err
	}
	b.eng = eng
	return eng, nil
}

func sharedEngine(path string, source LibrarySource, cfg Config) (*engine, error) {
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.broken != nil {
		return nil, process.broken
	}
	if process.eng == nil {
		return newEngine(path, source, cfg)
	}
	if process.eng.path != path {
		return nil, fmt.Errorf("ONNX Runtime is loaded from %s, and %s cannot be loaded beside it: a process has one", process.eng.path, path)
	}
	return process.eng, nil
}

// newEngine loads and starts ONNX Runtime, with process.mu held. A file that is
// no usable library leaves no trace.
func newEngine(path string, source LibrarySource, cfg Config) (*engine, error) {
	lib, err := ortshim.Open(path)
	if err != nil {
		return nil, libraryError(err)
	}
	eng := &engine{lib: lib, path: path, source: source, intra: cfg.IntraOpThreads, inter: cfg.InterOpThreads}
	if eng.intra == 0 {
		eng.intra = runtime.GOMAXPROCS(0) // the share of a container, where ONNX Runtime would count the machine's cores
	}
	if eng.inter == 0 {
		eng.inter = 1
	}
	if err := eng.start(cfg); err != nil {
		process.broken = fmt.Errorf("ONNX Runtime %s at %s does not start: %w", lib.Version(), path, err)
		return nil, process.broken
	}
	process.eng = eng
	return eng, nil
}

// start makes the environment with its thread pools, has the binding take part
// in it, and checks that binding, shim and library agree.
func (e *engine) start(cfg Config) error {
	env := ortshim.Environment{IntraOpThreads: e.intra, InterOpThreads: e.inter, Spin: cfg.Spin, Log: cfg.Log}
	if err := e.lib.Start(env); err != nil {
		return err
	}
	binding.SetSharedLibraryPath(e.path)
	if err := binding.InitializeEnvironment(); err != nil {
		return fmt.Errorf("binding: %w", err)
	}
	var err error
	if e.providers, err = e.lib.Providers(); err != nil {
		return err
	}
	if err := e.limitMemory(cfg.MaxMemory); err != nil {
		return err
	}
	return e.selfTest()
}

// limitMemory makes an arena for the whole process. ONNX Runtime has no other
// way to limit what computations take.
func (e *engine) limitMemory(bytes int64) error {
	if bytes == 0 {
		bytes = onnxload.AvailableMemory() / 4 * 3
	}
	if bytes <= 0 || bytes > math.MaxInt {
		return nil
	}
	arena, err := binding.NewArenaCfg(int(bytes), -1, -1, -1)
	if err != nil {
		return err
	}
	defer arena.Destroy()
	cpu, err := binding.GetMemoryInfo()
	if err != nil {
		return err
	}
	e.limited = true
	return binding.CreateAndRegisterAllocator(cpu, arena)
}

// selfTest sets a config entry through the binding and reads it through the
// shim.
func (e *engine) selfTest() error {
	const key = "wasinn.self_test"
	opts, err := newOptions()
	if err != nil {
		return err
	}
	defer opts.Destroy()
	if err := opts.AddSessionConfigEntry(key, "1"); err != nil {
		return err
	}
	return e.lib.SelfTest(opts.pointer, key)
}

// options are the binding's session options, and the OrtSessionOptions in them.
type options struct {
	*binding.SessionOptions
	pointer unsafe.Pointer
}

func newOptions() (*options, error) {
	o, err := binding.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	// The binding has no way to hand the pointer out. Its field is found by name,
	// so that another layout is an error and not a crash.
	f := reflect.ValueOf(o).Elem().FieldByName("o")
	if f.Kind() != reflect.Pointer || f.IsNil() {
		o.Destroy()
		return nil, errors.New("the binding's SessionOptions have no pointer named o: its layout has changed, use v1.27.0")
	}
	return &options{o, f.UnsafePointer()}, nil
}

// optionsFor are the options of a session for a graph.
func (e *engine) optionsFor(cfg Config, load backends.LoadOptions) (*options, error) {
	opts, err := newOptions()
	if err != nil {
		return nil, err
	}
	if e.limited {
		err = opts.AddSessionConfigEntry("session.use_env_allocators", "1")
	}
	if err := errors.Join(err, e.setThreads(opts, cfg, load)); err != nil {
		opts.Destroy()
		return nil, err
	}
	return opts, nil
}

func (e *engine) setThreads(opts *options, cfg Config, load backends.LoadOptions) error {
	if load.IntraOpThreads == 0 && load.InterOpThreads == 0 && cfg.Threads == GlobalPool {
		return e.lib.UseGlobalThreads(opts.pointer)
	}
	intra, inter := load.IntraOpThreads, load.InterOpThreads
	if intra == 0 {
		intra = orDefault(cfg.IntraOpThreads, e.intra)
	}
	if inter == 0 {
		inter = orDefault(cfg.InterOpThreads, 1)
	}
	if err := opts.SetIntraOpNumThreads(intra); err != nil {
		return err
	}
	if err := opts.SetInterOpNumThreads(inter); err != nil {
		return err
	}
	if inter > 1 { // or else nothing would run between operators
		if err := opts.SetExecutionMode(binding.ExecutionModeParallel); err != nil {
			return err
		}
	}
	if cfg.Spin {
		return nil
	}
	return errors.Join(
		opts.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		opts.AddSessionConfigEntry("session.inter_op.allow_spinning", "0"))
}

func orDefault(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

func (b *Backend) check(ctx context.Context) error {
	eng, err := b.engine()
	if err != nil {
		return err
	}
	if b.cfg.GPU == GPURequire { // trying a GPU that nobody asked for would start CUDA
		if err := eng.probeGPU(b.cfg); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (b *Backend) info(ctx context.Context) (Info, error) {
	eng, err := b.engine()
	if err != nil {
		return Info{}, err
	}
	return Info{
		Library: eng.path, Source: eng.source,
		Version: eng.lib.Version(), APIVersion: ortshim.APIVersion,
		Providers:      slices.Clone(eng.providers),
		GPU:            eng.probeGPU(b.cfg),
		IntraOpThreads: eng.intra, InterOpThreads: eng.inter,
	}, ctx.Err()
}

// libraryError adds to what is wrong with a library what to do about it.
func libraryError(err error) error {
	return fmt.Errorf("%w: run `wasinn setup onnxruntime`, or name another library in %s", err, LibraryVariable)
}

// gpuProbe is what trying the GPU came to, per device.
type gpuProbe struct {
	mu     sync.Mutex
	result map[int]error
}

// probeGPU runs a small model with CUDA, once per device. Nil means that it
// worked.
func (e *engine) probeGPU(cfg Config) error {
	e.gpu.mu.Lock()
	defer e.gpu.mu.Unlock()
	if err, ok := e.gpu.result[cfg.GPUDevice]; ok {
		return err
	}
	if e.gpu.result == nil {
		e.gpu.result = make(map[int]error)
	}
	err := e.tryGPU(cfg.GPUDevice)
	e.gpu.result[cfg.GPUDevice] = err
	return err
}

const cudaProvider = "CUDAExecutionProvider"

func (e *engine) tryGPU(device int) error {
	if !slices.Contains(e.providers, cudaProvider) {
		return &GPUError{Reason: fmt.Sprintf("ONNX Runtime %s at %s is built without CUDA", e.lib.Version(), e.path), Remedy: getBuild}
	}
	opts, err := newOptions()
	if err != nil {
		return err
	}
	defer opts.Destroy()
	if err := appendCUDA(opts, device); err != nil {
		return gpuError(err)
	}
	session, err := e.lib.NewSession(probeModel, opts.pointer)
	if err != nil {
		return gpuError(err)
	}
	session.Release()
	return nil
}

func appendCUDA(opts *options, device int) error {
	cuda, err := binding.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer cuda.Destroy()
	if err := cuda.Update(map[string]string{"device_id": strconv.Itoa(device)}); err != nil {
		return err
	}
	return opts.AppendExecutionProviderCUDA(cuda)
}
