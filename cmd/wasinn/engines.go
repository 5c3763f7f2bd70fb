package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/graphreg"
)

// This file alone knows which engines there are. ONNX Runtime needs cgo; built
// without, its package says so when it is used, and the automatic choice goes on to
// Gorgonia, which needs nothing.

// backendNames are the words that --backend takes, besides auto.
func backendNames() []string { return []string{onnxruntime.Name, gorgonia.Name} }

// checkBackend says what is wrong with the name of an engine, which may be empty.
func checkBackend(name string) error {
	if name == "" || name == backends.Auto || slices.Contains(backendNames(), name) {
		return nil
	}
	return fmt.Errorf("there is no backend %q, expected %s, %s", name, backends.Auto, strings.Join(backendNames(), ", "))
}

// onnxConfig is the configuration of ONNX Runtime that the flags ask for.
func (f *nnFlags) onnxConfig(a *app) (onnxruntime.Config, error) {
	mode, err := f.gpuMode()
	if err != nil {
		return onnxruntime.Config{}, err
	}
	cfg := onnxruntime.Config{
		GPU:            mode,
		IntraOpThreads: f.intraOp,
		InterOpThreads: f.interOp,
		Warn:           func(message string) { fmt.Fprintln(a.stderr, "wasinn:", message) },
	}
	if f.trace {
		cfg.Log = slog.New(slog.NewTextHandler(a.stderr, nil))
	}
	return cfg, nil
}

// goConfig is the configuration of the pure Go engine that the flags ask for.
func (f *nnFlags) goConfig() gorgonia.Config { return gorgonia.Config{IntraOpThreads: f.intraOp} }

// engines makes the set that the flags describe. No library is loaded before
// the first model is.
func (f *nnFlags) engines(a *app) (*backends.Set, error) {
	cfg, err := f.onnxConfig(a)
	if err != nil {
		return nil, err
	}
	ort, err := onnxruntime.New(cfg)
	if err != nil {
		return nil, err
	}
	pure, err := gorgonia.New(f.goConfig())
	if err != nil {
		return nil, err
	}
	notice := func(s backends.Skip) {
		why := s.Reason
		if cause := hostCause(why); cause != nil {
			why = cause
		}
		fmt.Fprintf(a.stderr, "wasinn: using %s, since %s cannot run here: %v\n", s.Chosen, s.Skipped, why)
	}
	return backends.NewSet(ort, pure).WithNotice(notice), nil
}

// neural is what the flags say of neural networks, put together.
type neural struct {
	set      *backends.Set
	registry *graphreg.Registry
}

// open checks the flags and makes engines and registry. The caller closes the
// registry.
func (f *nnFlags) open(ctx context.Context, a *app) (*neural, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	set, err := f.engines(a)
	if err != nil {
		return nil, err
	}
	if f.gpu == onnxruntime.GPURequire.String() {
		if err := checkEngine(ctx, set, onnxruntime.Name); err != nil {
			return nil, err
		}
	}
	sources, err := f.sources()
	if err != nil {
		return nil, err
	}
	registry, err := graphreg.New(graphreg.Config{
		Backends: set,
		Sources:  sources,
		Backend:  f.backend,
	})
	if err != nil {
		return nil, err
	}
	return &neural{set, registry}, nil
}

// checkEngine says whether the engine of a name can run here.
func checkEngine(ctx context.Context, set *backends.Set, name string) error {
	b, err := set.ByName(name)
	if err != nil {
		return err
	}
	if c, ok := b.(backends.Checker); ok {
		return c.Check(ctx)
	}
	return nil
}
