package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/graphreg"
)

// nnFlags say which models and engines there are. wasinn run and wasinn graph
// share them.
type nnFlags struct {
	graphs, wasmtimeGraphs, wasmEdgeGraphs []string
	registries                             []string
	backend, gpu                           string
	intraOp, interOp                       int
}

func (f *nnFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.graphs, "graph", nil, "preload a graph: `NAME=PATH`[,encoding=onnx][,backend=onnxruntime][,target=cpu|gpu][,threads=N]; repeatable")
	fs.StringArrayVar(&f.registries, "registry", nil, "registry folder `DIR`: NAME/model.onnx, NAME/VERSION/model.onnx, or a manifest; repeatable")
	fs.StringArrayVar(&f.wasmtimeGraphs, "nn-graph", nil, "preload a graph in wasmtime's spelling: `ENCODING::DIR`; repeatable")
	fs.StringArrayVar(&f.wasmEdgeGraphs, "nn-preload", nil, "preload a graph in WasmEdge's spelling: `NAME:ENCODING:TARGET:PATH`; repeatable")
	fs.StringVar(&f.backend, "backend", backends.Auto, "engine for graphs that do not say: auto, "+strings.Join(backendNames(), ", "))
	fs.StringVar(&f.gpu, "gpu", "off", "off: refuse GPU graphs; prefer: use the GPU if there is one, else say so once; require: fail without one")
	fs.IntVar(&f.intraOp, "intra-op-threads", 0, "threads within one operator, `N`; 0 shares one pool of all cores among all graphs")
	fs.IntVar(&f.interOp, "inter-op-threads", 0, "threads between operators, `N`; 0 runs them one after another")
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
			entries = append(entries, e)
		}
	}
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
	dirs, mapDirs, env   []string
	readOnlyDirs         []string
	invoke, argv0        string
	encodingOverride     string
	witxABI              string
	lazyLoad, inheritEnv bool
	timeout              time.Duration
	maxMemory            string
	maxTensor            string
	maxGraphs            int
	cache                string
	noCache              bool
	engine               string
	quiet, trace         bool
}

// DefaultTimeout bounds a run that says nothing of its time.
const defaultTimeout = time.Hour

func (f *runFlags) register(fs *pflag.FlagSet) {
	f.nnFlags.register(fs)
	fs.StringArrayVar(&f.dirs, "dir", nil, "let the guest read and write a folder: `HOST[::GUEST]`; repeatable")
	fs.StringArrayVar(&f.readOnlyDirs, "dir-ro", nil, "let the guest read a folder: `HOST[::GUEST]`; repeatable")
	fs.StringArrayVar(&f.mapDirs, "mapdir", nil, "the same in the older spelling: `GUEST::HOST`; repeatable")
	fs.StringArrayVarP(&f.env, "env", "e", nil, "set an environment variable: `NAME=VALUE`, or NAME to pass the host's on; repeatable")
	fs.BoolVar(&f.inheritEnv, "inherit-env", false, "pass the host's whole environment on")
	fs.StringVarP(&f.invoke, "invoke", "i", "", "call an export instead of the program: `NAME`, or a call such as 'f(1, \"x\")' in WAVE for components")
	fs.StringVar(&f.argv0, "argv0", "", "the program's `NAME` as the guest sees it (default: the file's name)")
	fs.StringVar(&f.encodingOverride, "encoding-override", "", "take every model that guests load for this `ENCODING`, whatever they say")
	fs.StringVar(&f.witxABI, "witx-abi", "auto", "numbering of a preview 1 guest: auto, 2021 or 2023")
	fs.BoolVar(&f.lazyLoad, "lazy-load", false, "parse models at init_execution_context, as the original wasi-nn-onnx did")
	fs.DurationVar(&f.timeout, "timeout", defaultTimeout, "stop the guest after this `TIME`; 0 lets it run for ever")
	fs.StringVar(&f.maxMemory, "max-memory", "1GiB", "most `BYTES` of one linear memory, such as 64MiB; at most 4GiB")
	fs.StringVar(&f.maxTensor, "max-tensor-bytes", "1GiB", "most `BYTES` of one tensor")
	fs.IntVar(&f.maxGraphs, "max-graphs", 0, "most graphs that a guest may have at a time; 0 is the default")
	fs.StringVarP(&f.cache, "cache", "c", "", "`DIR` for compiled code (default: the user's cache folder)")
	fs.BoolVar(&f.noCache, "no-cache", false, "compile anew and keep nothing")
	fs.StringVar(&f.engine, "engine", "auto", "how WebAssembly runs: auto, compiler or interpreter")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "show no progress")
	fs.BoolVar(&f.trace, "trace", false, "log every wasi-nn call to stderr")
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

// parseBytes reads a number of bytes, with k, M or G for powers of 1000 and Ki, Mi or
// Gi for powers of 1024, and an optional B.
func parseBytes(s string) (uint64, error) {
	number := strings.TrimSuffix(strings.TrimSpace(s), "B")
	unit := uint64(1)
	for _, u := range []struct {
		suffix string
		size   uint64
	}{{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}} {
		if n, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = n, u.size
			break
		}
	}
	var n uint64
	if _, err := fmt.Sscanf(number, "%d", &n); err != nil || fmt.Sprint(n) != number || n > ^uint64(0)/unit {
		return 0, fmt.Errorf("%q is no number of bytes such as 65536, 64MiB or 1GB", s)
	}
	return n * unit, nil
}
