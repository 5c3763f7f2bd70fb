// Package wasinn is the wasi-nn service without an ABI: it loads graphs with
// the host's engines, computes, and keeps each guest within its limits. The
// front doors nnwit (components) and nnwitx (core modules) adapt it.
//
// A [Service] is shared by all guests. Each guest has a [Session] with it,
// which counts what the guest holds and gives it back when the guest ends.
//
// See https://github.com/WebAssembly/wasi-nn
package wasinn

import (
	"cmp"
	"context"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/graphreg"
)

// Error is a failure with one of wasi-nn's codes. Every error of this package
// is, or wraps, an *Error.
type Error = backends.Error

// Service makes graphs. It is safe for concurrent use.
type Service interface {
	// Load makes a graph of a model's parts. It neither keeps nor changes the
	// parts, unless the service was asked to load lazily, which copies them.
	Load(ctx context.Context, parts [][]byte, enc backends.Encoding, target backends.Target) (Graph, error)
	// LoadByName gives the registry's graph called NAME or NAME@VERSION.
	LoadByName(ctx context.Context, name string) (Graph, error)
}

// Graph is a loaded model. It is safe for concurrent use.
type Graph interface {
	NewContext(ctx context.Context) (ExecutionContext, error)
	// Inputs and Outputs describe what goes in and out, in the model's order.
	// They are empty when the engine cannot say, and before the first context
	// of a graph that is loaded lazily. The caller does not change them.
	Inputs() []backends.TensorInfo
	Outputs() []backends.TensorInfo
	// Close gives the graph up; contexts made before stay valid.
	Close() error
}

// ExecutionContext computes. One goroutine may use it at a time.
type ExecutionContext interface {
	// Compute runs the model once and returns all outputs in the model's order;
	// they are the caller's to release. Inputs are neither kept nor changed.
	//
	// An input may be named exactly, by its decimal index when no input has
	// that name, or "" when the model has one input. One element of shape [1]
	// serves for a scalar. The types that wasi-nn lacks are given in one of
	// the same size: see [Carrier].
	Compute(ctx context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error)
	Close() error
}

// Config says how a service loads and computes.
type Config struct {
	// Backends that load models.
	Backends *backends.Set
	// Registry of named graphs; without one LoadByName finds nothing.
	Registry *graphreg.Registry
	// Backend for models given as bytes; empty or auto lets the Set choose.
	Backend string
	// Options for models given as bytes: threads, and the target of a guest
	// that does not choose one.
	Options backends.LoadOptions
	// EncodingOverride, when not empty, is used whatever encoding a guest says.
	EncodingOverride backends.Encoding
	// LazyLoad parses a model when its first context is made, so that loading
	// anything succeeds, as the original wasi-nn-onnx did.
	LazyLoad bool
	// Timeout of each load and each compute; 0 is none.
	Timeout time.Duration
	// Limits of the sessions; zero fields have defaults.
	Limits Limits
}

// New makes a service.
func New(cfg Config) (Service, error) {
	if cfg.Backends == nil {
		return nil, backends.Errorf(backends.InvalidArgument, "wasinn: no Backends in the Config")
	}
	if b := cfg.Backend; b != "" && b != backends.Auto {
		if _, err := cfg.Backends.ByName(b); err != nil {
			return nil, err
		}
	}
	return &service{cfg: cfg, acct: newAccount(cfg.Limits)}, nil
}

type service struct {
	cfg  Config
	acct *account
}

// Sniff tells a model's encoding by its bytes.
func (s *service) Sniff(parts [][]byte) (backends.Encoding, bool) { return s.cfg.Backends.Sniff(parts) }

func (s *service) account() *account { return s.acct }

// limited returns ctx with the service's timeout, if it has one; without one
// it costs nothing.
func (s *service) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.cfg.Timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.cfg.Timeout)
}

func (s *service) Load(ctx context.Context, parts [][]byte, enc backends.Encoding, target backends.Target) (Graph, error) {
	opts := s.cfg.Options
	opts.Encoding = cmp.Or(s.cfg.EncodingOverride, enc)
	opts.Target = cmp.Or(target, opts.Target)
	if s.cfg.LazyLoad {
		return &lazyGraph{svc: s, parts: cloneParts(parts), opts: opts}, nil
	}
	return s.load(ctx, parts, opts)
}

func (s *service) load(ctx context.Context, parts [][]byte, opts backends.LoadOptions) (*graph, error) {
	if len(parts) == 0 || totalBytes(parts) == 0 {
		return nil, backends.Errorf(backends.InvalidArgument, "the model is empty: found %d parts without a byte", len(parts))
	}
	ctx, cancel := s.limited(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return nil, backends.AsError(err)
	}
	g, _, err := s.cfg.Backends.Load(ctx, s.cfg.Backend, parts, opts)
	if err != nil {
		return nil, err
	}
	return s.newGraph(g, g.Close), nil
}

func (s *service) LoadByName(ctx context.Context, name string) (Graph, error) {
	if s.cfg.Registry == nil {
		return nil, backends.Errorf(backends.NotFound, "no graph %q: this host has no registry of graphs", name)
	}
	ctx, cancel := s.limited(ctx)
	defer cancel()
	h, err := s.cfg.Registry.Acquire(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.newGraph(h.Graph(), h.Close), nil
}

func (s *service) newGraph(g backends.Graph, close func() error) *graph {
	sg := &graph{svc: s, inner: g, close: close}
	if d, ok := g.(backends.Describer); ok {
		sg.inputs, sg.outputs = d.Inputs(), d.Outputs()
	}
	return sg
}

// graph is a loaded model of the service's.
type graph struct {
	svc             *service
	inner           backends.Graph
	close           func() error
	inputs, outputs []backends.TensorInfo
}

func (g *graph) Inputs() []backends.TensorInfo  { return g.inputs }
func (g *graph) Outputs() []backends.TensorInfo { return g.outputs }
func (g *graph) Close() error                   { return g.close() }

func (g *graph) NewContext(ctx context.Context) (ExecutionContext, error) {
	ctx, cancel := g.svc.limited(ctx)
	defer cancel()
	c, err := g.inner.NewContext(ctx)
	if err != nil {
		return nil, err
	}
	return &execution{g: g, inner: c, match: newMatcher(g.inputs)}, nil
}

// execution is an execution context of the service's.
type execution struct {
	g     *graph
	inner backends.ExecutionContext
	match *matcher
}

func (e *execution) Close() error { return e.inner.Close() }

func (e *execution) Compute(ctx context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
	matched, err := e.match.inputs(in)
	if err != nil {
		return nil, err
	}
	if e.g.svc.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = e.g.svc.limited(ctx)
		defer cancel()
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{Code: backends.Timeout, Detail: "stopped before it began to compute", Err: err}
	}
	return e.inner.Compute(ctx, matched)
}

func totalBytes(parts [][]byte) uint64 {
	var n uint64
	for _, p := range parts {
		n += uint64(len(p))
	}
	return n
}
