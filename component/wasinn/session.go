package wasinn

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/wasinn/wasinn/backends"
)

// Session is one guest's use of a service: it is a Service that counts what
// the guest holds against the [Limits], and Close gives back all that the
// guest forgot. Its graphs keep what they stand for until they and the
// contexts made from them are closed.
//
// A Session belongs to one guest; its methods are safe for concurrent use all
// the same, so that a guest can be closed while it computes.
type Session struct {
	svc  Service
	acct *account

	mu         sync.Mutex
	closed     bool
	seq        uint64             // numbers what is open, in order of making
	open       map[uint64]closing // graphs and contexts
	graphs     int
	contexts   int
	modelBytes uint64
	tensors    int
	live       uint64 // bytes of tensors
	spare      []*Input
}

// closing is something that a session closes at its end.
type closing interface{ Close() error }

// NewSession opens a guest's session with svc. The limits are those of the
// [Config] that svc, or the service it decorates, was made with; another
// implementation of Service gets the defaults.
func NewSession(svc Service) *Session {
	s := &Session{svc: svc}
	if a, ok := svc.(accounted); ok {
		s.acct = a.account()
	} else {
		s.acct = newAccount(Limits{})
	}
	return s
}

// Limits are the limits that the session keeps to, defaults filled in.
func (s *Session) Limits() Limits { return s.acct.limits }

// Usage is what a guest holds.
type Usage struct {
	Graphs, Contexts, Tensors int
	ModelBytes, TensorBytes   uint64
}

// Usage returns what the guest holds now.
func (s *Session) Usage() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Usage{s.graphs, s.contexts, s.tensors, s.modelBytes, s.live}
}

// Sniff tells a model's encoding by its bytes.
func (s *Session) Sniff(parts [][]byte) (backends.Encoding, bool) {
	if sn, ok := s.svc.(backends.Sniffer); ok {
		return sn.Sniff(parts)
	}
	return backends.Sniff(parts)
}

var errSessionClosed = backends.Errorf(backends.RuntimeError, "the guest's session is closed")

// MaxParts is the most parts that a guest may give a model in. OpenVINO's
// models have two; the bound keeps a guest's count from costing the host.
const MaxParts = 1024

// Load is [Service.Load] within the guest's limits.
func (s *Session) Load(ctx context.Context, parts [][]byte, enc backends.Encoding, target backends.Target) (Graph, error) {
	if len(parts) > MaxParts {
		return nil, backends.Errorf(backends.TooLarge, "the model has %d parts, at most %d are taken", len(parts), MaxParts)
	}
	n := totalBytes(parts)
	if max := s.acct.limits.MaxModelBytes; n > max {
		return nil, backends.Errorf(backends.TooLarge, "the model has %d bytes, the limit is %d", n, max)
	}
	return s.admitGraph(n, func() (Graph, error) { return s.svc.Load(ctx, parts, enc, target) })
}

// MaxName is the most bytes that a guest may give for a name.
const MaxName = 64 << 10

// LoadByName is [Service.LoadByName] within the guest's limits. The bytes of
// the registry's models count against the registry's bounds, not the guest's.
// name may be a view of guest memory.
func (s *Session) LoadByName(ctx context.Context, name string) (Graph, error) {
	if len(name) > MaxName {
		return nil, backends.Errorf(backends.InvalidArgument, "graph name has %d bytes, at most %d are taken", len(name), MaxName)
	}
	name = strings.Clone(name)
	return s.admitGraph(0, func() (Graph, error) { return s.svc.LoadByName(ctx, name) })
}

// admitGraph counts a graph of n bytes before it is made.
func (s *Session) admitGraph(n uint64, load func() (Graph, error)) (Graph, error) {
	if err := s.countGraph(n); err != nil {
		return nil, err
	}
	g, err := load()
	if err != nil {
		s.uncountGraph(n)
		return nil, err
	}
	sg := &sessionGraph{s: s, inner: g, bytes: n, refs: 1}
	if !s.register(&sg.id, sg) {
		sg.Close()
		return nil, errSessionClosed
	}
	return sg, nil
}

func (s *Session) countGraph(n uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.acct.limits
	switch {
	case s.closed:
		return errSessionClosed
	case s.graphs >= l.MaxGraphs:
		return backends.Errorf(backends.TooLarge, "the guest holds %d graphs, as many as it may; unload one", s.graphs)
	case n > l.MaxGuestModelBytes || s.modelBytes > l.MaxGuestModelBytes-n:
		return backends.Errorf(backends.TooLarge,
			"the model has %d bytes and the guest holds %d of models; the limit is %d", n, s.modelBytes, l.MaxGuestModelBytes)
	}
	s.graphs++
	s.modelBytes += n
	return nil
}

func (s *Session) uncountGraph(n uint64) {
	s.mu.Lock()
	s.graphs--
	s.modelBytes -= n
	s.mu.Unlock()
}

// register notes c as open; it returns false when the session is closed.
func (s *Session) register(id *uint64, c closing) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	*id = s.seq
	if s.closed {
		return false
	}
	if s.open == nil {
		s.open = map[uint64]closing{}
	}
	s.open[*id] = c
	return true
}

func (s *Session) unregister(id uint64) {
	s.mu.Lock()
	delete(s.open, id)
	s.mu.Unlock()
}

// Close closes what the guest has open, newest first, and gives back what its
// tensors count. A compute that is under way ends undisturbed and has its
// context closed after it.
func (s *Session) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	ids := make([]uint64, 0, len(s.open))
	for id := range s.open {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	left := make([]closing, len(ids))
	for i, id := range ids {
		left[len(ids)-1-i] = s.open[id]
	}
	s.acct.refund(s.live)
	s.live, s.tensors, s.spare = 0, 0, nil
	s.mu.Unlock()
	var errs []error
	for _, c := range left {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// sessionGraph is a graph that a guest holds.
type sessionGraph struct {
	s     *Session
	id    uint64
	inner Graph
	bytes uint64

	mu     sync.Mutex
	closed bool
	refs   int // the guest's handle and the contexts
}

func (g *sessionGraph) Inputs() []backends.TensorInfo  { return g.inner.Inputs() }
func (g *sessionGraph) Outputs() []backends.TensorInfo { return g.inner.Outputs() }

func (g *sessionGraph) Close() error {
	g.mu.Lock()
	closed := g.closed
	g.closed = true
	g.mu.Unlock()
	if closed {
		return nil
	}
	return g.release()
}

// release gives up one reference. The graph counts against the limits as long
// as there is one: unloading it while contexts live frees no memory.
func (g *sessionGraph) release() error {
	g.mu.Lock()
	g.refs--
	last := g.refs == 0
	g.mu.Unlock()
	if !last {
		return nil
	}
	g.s.unregister(g.id)
	g.s.uncountGraph(g.bytes)
	return g.inner.Close()
}

func (g *sessionGraph) NewContext(ctx context.Context) (ExecutionContext, error) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return nil, backends.Errorf(backends.InvalidArgument, "the graph is unloaded")
	}
	g.refs++
	g.mu.Unlock()
	c, err := g.newContext(ctx)
	if err != nil {
		g.release()
		return nil, err
	}
	return c, nil
}

func (g *sessionGraph) newContext(ctx context.Context) (ExecutionContext, error) {
	if err := g.s.countContext(); err != nil {
		return nil, err
	}
	inner, err := g.inner.NewContext(ctx)
	if err != nil {
		g.s.uncountContext()
		return nil, err
	}
	c := &sessionContext{g: g, inner: inner}
	if !g.s.register(&c.id, c) {
		g.s.uncountContext()
		inner.Close()
		return nil, errSessionClosed
	}
	return c, nil
}

func (s *Session) countContext() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errSessionClosed
	}
	if s.contexts >= s.acct.limits.MaxContexts {
		return backends.Errorf(backends.TooLarge, "the guest holds %d execution contexts, as many as it may", s.contexts)
	}
	s.contexts++
	return nil
}

func (s *Session) uncountContext() {
	s.mu.Lock()
	s.contexts--
	s.mu.Unlock()
}

// sessionContext is an execution context that a guest holds.
type sessionContext struct {
	g     *sessionGraph
	id    uint64
	inner ExecutionContext

	mu      sync.Mutex
	running bool
	closed  bool
}

// Compute computes and charges the outputs to the guest, who gives them back
// with [Session.Release].
func (c *sessionContext) Compute(ctx context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
	if err := c.enter(); err != nil {
		return nil, err
	}
	defer c.leave()
	out, err := c.inner.Compute(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := c.g.s.chargeOutputs(out); err != nil {
		for _, o := range out {
			if o.Tensor != nil {
				o.Tensor.Release()
			}
		}
		return nil, err
	}
	return out, nil
}

func (c *sessionContext) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return backends.Errorf(backends.InvalidArgument, "the execution context is closed")
	}
	if c.running {
		return backends.Errorf(backends.RuntimeError, "the execution context is computing already")
	}
	c.running = true
	return nil
}

func (c *sessionContext) leave() {
	c.mu.Lock()
	c.running = false
	closed := c.closed
	c.mu.Unlock()
	if closed {
		c.end()
	}
}

// Close closes the context, after the compute that is under way if there is
// one.
func (c *sessionContext) Close() error {
	c.mu.Lock()
	again, running := c.closed, c.running
	c.closed = true
	c.mu.Unlock()
	if again || running {
		return nil
	}
	return c.end()
}

func (c *sessionContext) end() error {
	c.g.s.unregister(c.id)
	c.g.s.uncountContext()
	return errors.Join(c.inner.Close(), c.g.release())
}

func (s *Session) chargeOutputs(out []backends.NamedTensor) error {
	var n uint64
	for _, o := range out {
		if o.Tensor == nil {
			return backends.Errorf(backends.UnsupportedOperation, "output %q is no tensor", o.Name)
		}
		size := uint64(len(o.Tensor.Data()))
		if max := s.acct.limits.MaxTensorBytes; size > max {
			return backends.Errorf(backends.TooLarge, "output %q has %d bytes, the limit of a tensor is %d", o.Name, size, max)
		}
		n += size
	}
	return s.charge(len(out), n)
}

// charge counts tensors of n bytes in all.
func (s *Session) charge(tensors int, n uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.acct.limits
	switch {
	case s.closed:
		return errSessionClosed
	case tensors > 0 && s.tensors > l.MaxTensors-tensors:
		return backends.Errorf(backends.TooLarge, "the guest holds %d tensors, and may hold %d; drop some", s.tensors, l.MaxTensors)
	case n > l.MaxGuestTensorBytes || s.live > l.MaxGuestTensorBytes-n:
		return backends.Errorf(backends.TooLarge,
			"%d bytes more of tensors: the guest holds %d, and may hold %d; drop some", n, s.live, l.MaxGuestTensorBytes)
	}
	if err := s.acct.charge(n); err != nil {
		return err
	}
	s.tensors += tensors
	s.live += n
	return nil
}

func (s *Session) refund(tensors int, n uint64) {
	s.mu.Lock()
	if !s.closed { // else Close has given all back
		s.tensors -= tensors
		s.live -= n
		s.acct.refund(n)
	}
	s.mu.Unlock()
}

// Hold counts bytes that the host keeps for the guest beside its tensors
// against the limit of those; Let takes them off again. The error is *Error
// with code TooLarge.
func (s *Session) Hold(bytes uint64) error { return s.charge(0, bytes) }

// Let takes off what Hold counted.
func (s *Session) Let(bytes uint64) { s.refund(0, bytes) }

// Release releases outputs of Compute and takes them off the guest's count.
// Each is released once.
func (s *Session) Release(outputs ...backends.NamedTensor) {
	for i := range outputs {
		t := outputs[i].Tensor
		n := uint64(len(t.Data()))
		t.Release()
		s.refund(1, n)
	}
}
