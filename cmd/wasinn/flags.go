package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
	"github.com/wasinn/wasinn/graphreg"
)

// nnFlags say which models and engines there are. wasinn run and wasinn graph
// share them.
type nnFlags struct {
	graphs, wasmtimeGraphs, wasmEdgeGraphs []string
	registries                             []string
	backend, gpu                           string
	intraOp, interOp                       int
	trace                                  bool

	files []graphreg.Entry // models that were named by their path
}

func (f *nnFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.graphs, "graph", nil, "preload a graph: `NAME=PATH`[,encoding=onnx][,backend=onnxruntime][,target=cpu|gpu][,threads=N]; repeatable")
	fs.StringArrayVar(&f.registries, "registry", nil, "registry folder `DIR`: NAME/model.onnx, NAME/VERSION/model.onnx, or a manifest; repeatable")
	fs.StringArrayVar(&f.wasmtimeGraphs, "nn-graph", nil, "preload a graph in wasmtime's spelling: `ENCODING::DIR`; repeatable")
	fs.StringArrayVar(&f.wasmEdgeGraphs, "nn-preload", nil, "preload a graph in WasmEdge's spelling: `NAME:ENCODING:TARGET:PATH`; repeatable")
	fs.StringVar(&f.backend, "backend", backends.Auto, "engine for graphs that do not say, by `NAME`: auto, "+strings.Join(backendNames(), ", "))
	fs.StringVar(&f.gpu, "gpu", "off", "`MODE` off: refuse GPU graphs; prefer: use the GPU if there is one, else say so once; require: fail without one")
	fs.IntVar(&f.intraOp, "intra-op-threads", 0, "threads within one operator, `N`; 0 shares one pool of all cores among all graphs")
	fs.IntVar(&f.interOp, "inter-op-threads", 0, "threads between operators, `N`; 0 runs them one after another")
	fs.BoolVar(&f.trace, "trace", false, "log to stderr what is asked of wasi-nn and what engines say")
}

// maxThreads is more than any pool needs.
const maxThreads = 1024

// check looks at what no other parser looks at.
func (f *nnFlags) check() error {
	if err := checkBackend(f.backend); err != nil {
		return fmt.Errorf("--backend: %w", err)
	}
	if _, err := f.gpuMode(); err != nil {
		return err
	}
	for _, n := range []struct {
		flag  string
		value int
	}{{"intra-op-threads", f.intraOp}, {"inter-op-threads", f.interOp}} {
		if n.value < 0 || n.value > maxThreads {
			return fmt.Errorf("--%s %d: expected 0 to %d", n.flag, n.value, maxThreads)
		}
	}
	return nil
}

// sources returns the registry's sources in the order of the flags' weight:
// graphs that are named one by one come before folders.
func (f *nnFlags) sources() ([]graphreg.Source, error) {
	var entries []graphreg.Entry
	for _, spelling := range []struct {
		flag   string
		values []string
		parse  func(string) (graphreg.Entry, error)
	}{
		{"graph", f.graphs, graphreg.ParseGraphFlag},
		{"nn-graph", f.wasmtimeGraphs, graphreg.ParseWasmtimeGraph},
		{"nn-preload", f.wasmEdgeGraphs, graphreg.ParseWasmEdgeGraph},
	} {
		for _, v := range spelling.values {
			e, err := spelling.parse(v)
			if err != nil {
				return nil, fmt.Errorf("--%s %s: %w", spelling.flag, v, err)
			}
			if err := checkBackend(e.Backend); err != nil {
				return nil, fmt.Errorf("--%s %s: %w", spelling.flag, v, err)
			}
			entries = append(entries, e)
		}
	}
	entries = append(entries, f.files...)
	var sources []graphreg.Source
	if len(entries) > 0 {
		s, err := graphreg.Static(entries...)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	for _, dir := range f.registries {
		s, err := graphreg.Dir(dir)
		if err != nil {
			return nil, fmt.Errorf("--registry %s: %w", dir, err)
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// gpuMode reads --gpu.
func (f *nnFlags) gpuMode() (onnxruntime.GPUMode, error) {
	mode, err := onnxruntime.ParseGPUMode(f.gpu)
	if err != nil {
		return mode, fmt.Errorf("--gpu %s: %w", f.gpu, err)
	}
	return mode, nil
}

// runFlags are those of wasinn run.
type runFlags struct {
	nnFlags
	netFlags
	dirs, mapDirs, env   []string
	readOnlyDirs         []string
	invoke               []string
	argv0                string
	encodingOverride     string
	witxABI              string
	lazyLoad, inheritEnv bool
	timeout              time.Duration
	maxMemory            byteSize
	maxTensor            byteSize
	maxGraphs            int
	cache                string
	noCache              bool
	engine               engineFlag
	quiet                bool
}

// defaultTimeout bounds a run that says nothing of its time.
const defaultTimeout = time.Hour

func (f *runFlags) register(fs *pflag.FlagSet) {
	f.registerGuest(fs)
	fs.StringArrayVarP(&f.invoke, "invoke", "i", nil, "call an export instead of the program: `NAME`, which takes the arguments, or a call such as 'f(1, \"x\")'; repeatable, in one instance")
	fs.StringVar(&f.argv0, "argv0", "", "the program's `NAME` as the guest sees it (default: the file's name)")
	fs.StringVar(&f.witxABI, "witx-abi", "auto", "numbering of a preview 1 guest, by `ERA`: auto, 2021 or 2023")
	fs.DurationVar(&f.timeout, "timeout", defaultTimeout, "stop the guest after this `TIME`, such as 90s; 0 lets it run for ever")
}

// registerGuest adds the flags of all commands that run guests.
func (f *runFlags) registerGuest(fs *pflag.FlagSet) {
	f.nnFlags.register(fs)
	f.netFlags.register(fs)
	f.maxMemory, f.maxTensor = component.DefaultMemoryLimit, 1<<30
	fs.StringArrayVar(&f.dirs, "dir", nil, "let the guest read and write a folder: `HOST[::GUEST]`; repeatable")
	fs.StringArrayVar(&f.readOnlyDirs, "dir-ro", nil, "let the guest read a folder: `HOST[::GUEST]`; repeatable")
	fs.StringArrayVar(&f.mapDirs, "mapdir", nil, "let the guest read and write a folder, in the older spelling: `GUEST::HOST`; repeatable")
	fs.StringArrayVarP(&f.env, "env", "e", nil, "set an environment variable: `NAME=VALUE`, or NAME to pass the host's on; repeatable")
	fs.BoolVar(&f.inheritEnv, "inherit-env", false, "pass the host's whole environment on")
	fs.StringVar(&f.encodingOverride, "encoding-override", "", "take every model that guests load for this `ENCODING`, whatever they say")
	fs.BoolVar(&f.lazyLoad, "lazy-load", false, "parse models at init_execution_context, as the original wasi-nn-onnx did")
	fs.Var(&f.maxMemory, "max-memory", "most `BYTES` of linear memory, such as 64MiB; at most 4GiB")
	fs.Var(&f.maxTensor, "max-tensor-bytes", "most `BYTES` of one tensor")
	fs.IntVar(&f.maxGraphs, "max-graphs", 64, "most graphs that a guest may hold, `N`")
	fs.StringVarP(&f.cache, "cache", "c", "", "keep compiled code in `DIR` (default: the user's cache folder)")
	fs.BoolVar(&f.noCache, "no-cache", false, "compile anew and keep nothing")
	fs.Var(&f.engine, "engine", "how WebAssembly runs, by `NAME`: auto, compiler or interpreter")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "show no progress")
}

// check looks at what no other parser looks at.
func (f *runFlags) check() error {
	switch {
	case f.timeout < 0:
		return fmt.Errorf("--timeout %v: a time is not negative; 0 is no limit", f.timeout)
	case f.maxMemory < 1<<16 || f.maxMemory > 1<<32:
		return fmt.Errorf("--max-memory %s: expected 64KiB to 4GiB", &f.maxMemory)
	case f.maxTensor == 0:
		return fmt.Errorf("--max-tensor-bytes %s: expected more", &f.maxTensor)
	case f.maxGraphs < 1:
		return fmt.Errorf("--max-graphs %d: expected 1 or more", f.maxGraphs)
	case f.cache != "" && f.noCache:
		return errors.New("--cache and --no-cache are opposites: give one")
	}
	if _, err := nnwitx.ParseABI(f.witxABI); err != nil {
		return fmt.Errorf("--witx-abi: %w", err)
	}
	if _, err := graphreg.ParseEncoding(f.encodingOverride); err != nil {
		return fmt.Errorf("--encoding-override: %w", err)
	}
	if _, err := f.netFlags.sockets(); err != nil {
		return err
	}
	if _, err := f.netFlags.requests(); err != nil {
		return err
	}
	return f.nnFlags.check()
}

// newService makes the wasi-nn service that the flags describe.
func (f *runFlags) newService(n *neural) (wasinn.Service, error) {
	override, err := graphreg.ParseEncoding(f.encodingOverride)
	if err != nil {
		return nil, err
	}
	return wasinn.New(wasinn.Config{
		Backends:         n.set,
		Registry:         n.registry,
		Backend:          f.backend,
		EncodingOverride: override,
		LazyLoad:         f.lazyLoad,
		Limits:           wasinn.Limits{MaxTensorBytes: uint64(f.maxTensor), MaxGraphs: f.maxGraphs},
	})
}

// engineFlag is --engine.
type engineFlag struct{ component.Engine }

// Set implements pflag.Value.
func (e *engineFlag) Set(s string) error {
	for _, known := range engineNames() {
		if s == known.String() {
			e.Engine = known
			return nil
		}
	}
	return fmt.Errorf("expected auto, compiler or interpreter")
}

// Type implements pflag.Value.
func (e *engineFlag) Type() string { return "engine" }

func engineNames() []component.Engine {
	return []component.Engine{component.EngineAuto, component.EngineCompiler, component.EngineInterpreter}
}

// mount is a folder that a guest is given.
type mount struct {
	host, guest string
	readOnly    bool
}

// mounts reads --dir, --dir-ro and --mapdir.
func (f *runFlags) mounts() ([]mount, error) {
	var all []mount
	add := func(flag, v, host, guest string, readOnly bool) error {
		if host == "" || guest == "" {
			return fmt.Errorf("--%s %s: both sides of :: need a path", flag, v)
		}
		info, err := os.Stat(host)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("--%s %s: there is no folder %s", flag, v, host)
		case err != nil:
			return fmt.Errorf("--%s %s: %w", flag, v, err)
		case !info.IsDir():
			return fmt.Errorf("--%s %s: %s is a file, expected a folder", flag, v, host)
		}
		all = append(all, mount{host, guest, readOnly})
		return nil
	}
	for _, list := range []struct {
		flag     string
		values   []string
		readOnly bool
	}{{"dir", f.dirs, false}, {"dir-ro", f.readOnlyDirs, true}} {
		for _, v := range list.values {
			host, guest, two := strings.Cut(v, "::")
			if !two {
				guest = host
			}
			if err := add(list.flag, v, host, guest, list.readOnly); err != nil {
				return nil, err
			}
		}
	}
	for _, v := range f.mapDirs {
		guest, host, two := strings.Cut(v, "::")
		if !two {
			return nil, fmt.Errorf("--mapdir %s: expected GUEST::HOST", v)
		}
		if err := add("mapdir", v, host, guest, false); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// environment reads --env and --inherit-env; later settings win.
func (f *runFlags) environment(host []string) ([][2]string, error) {
	var pairs [][2]string
	lookup := map[string]string{}
	for _, e := range host {
		name, value, _ := strings.Cut(e, "=")
		lookup[name] = value
		if f.inheritEnv && name != "" {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	for _, e := range f.env {
		name, value, set := strings.Cut(e, "=")
		if name == "" {
			return nil, fmt.Errorf("--env %s: a variable needs a name", e)
		}
		if !set {
			if value, set = lookup[name]; !set {
				continue
			}
		}
		pairs = append(pairs, [2]string{name, value})
	}
	return pairs, nil
}

// byteSize is a flag that counts bytes: a number, with k, M or G for powers of
// 1000 and Ki, Mi or Gi for powers of 1024, and an optional B.
type byteSize uint64

var byteUnits = []struct {
	suffix string
	size   uint64
}{{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}}

// Set implements pflag.Value.
func (b *byteSize) Set(s string) error {
	number, unit := strings.TrimSuffix(s, "B"), uint64(1)
	for _, u := range byteUnits {
		if n, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = n, u.size
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || n > math.MaxUint64/unit {
		return errors.New("expected a number of bytes such as 65536, 64MiB or 1GB")
	}
	*b = byteSize(n * unit)
	return nil
}

// Type implements pflag.Value.
func (b *byteSize) Type() string { return "bytes" }

// String writes the size in the largest binary unit that it is whole in.
func (b *byteSize) String() string {
	for _, u := range []struct {
		suffix string
		size   byteSize
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if *b != 0 && *b%u.size == 0 {
			return fmt.Sprint(uint64(*b/u.size)) + u.suffix
		}
	}
	return fmt.Sprint(uint64(*b))
}
