package backends

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Auto is the engine name that leaves the choice to the [Set].
const Auto = "auto"

// Set is an ordered choice of engines. It does not change once made and is
// safe for concurrent use.
type Set struct {
	engines []Backend
	notice  func(Skip)
	told    *sync.Map // engine name -> struct{}, so that a notice is given once
}

// Skip says that the automatic choice passed over an engine.
type Skip struct {
	// Skipped could not run, because of Reason.
	Skipped, Chosen string
	Reason          error
}

// NewSet makes a Set that prefers the engines in the order given. Of two
// engines with one name the first counts; nil engines are left out.
func NewSet(engines ...Backend) *Set {
	s := &Set{told: new(sync.Map)}
	for _, e := range engines {
		if e == nil || slices.ContainsFunc(s.engines, func(o Backend) bool { return o.Name() == e.Name() }) {
			continue
		}
		s.engines = append(s.engines, e)
	}
	return s
}

// WithNotice returns a Set that calls tell, once for each engine, when the
// automatic choice passes over an engine that cannot run here.
func (s *Set) WithNotice(tell func(Skip)) *Set {
	return &Set{engines: s.engines, notice: tell, told: new(sync.Map)}
}

// Backends returns the engines in order of preference.
func (s *Set) Backends() []Backend { return slices.Clone(s.engines) }

// Names returns the engines' names in order of preference.
func (s *Set) Names() []string {
	names := make([]string, len(s.engines))
	for i, e := range s.engines {
		names[i] = e.Name()
	}
	return names
}

// ByName returns the engine called name. The error is *Error with code
// NotFound and lists the engines there are.
func (s *Set) ByName(name string) (Backend, error) {
	for _, e := range s.engines {
		if e.Name() == name {
			return e, nil
		}
	}
	return nil, Errorf(NotFound, "no backend %q in this host, which has %s", name, s.list())
}

func (s *Set) list() string {
	if len(s.engines) == 0 {
		return "none"
	}
	return strings.Join(s.Names(), ", ")
}

// Choose returns the engine for models of encoding enc: the one called name,
// or, when name is empty or [Auto], the first that takes enc and can run here.
//
// The error is *Error: NotFound when there is no engine of that name,
// InvalidEncoding when none takes enc, RuntimeError when those that do cannot
// run, with each one's reason.
func (s *Set) Choose(ctx context.Context, name string, enc Encoding) (Backend, error) {
	if name != "" && name != Auto {
		e, err := s.ByName(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(e.Encodings(), enc) {
			return nil, Errorf(InvalidEncoding, "backend %q takes %v models, found encoding %s", name, e.Encodings(), enc)
		}
		if err := check(ctx, e); err != nil {
			return nil, err
		}
		return e, nil
	}
	return s.firstUsable(ctx, enc)
}

func (s *Set) firstUsable(ctx context.Context, enc Encoding) (Backend, error) {
	var skips []Skip
	for _, e := range s.engines {
		if !slices.Contains(e.Encodings(), enc) {
			continue
		}
		if err := check(ctx, e); err != nil {
			skips = append(skips, Skip{Skipped: e.Name(), Reason: err})
			continue
		}
		s.tell(skips, e.Name())
		return e, nil
	}
	if len(skips) == 0 {
		return nil, Errorf(InvalidEncoding, "no backend takes %s models; this host has %s", enc, s.list())
	}
	reasons := make([]error, len(skips))
	for i, k := range skips {
		reasons[i] = k.Reason
	}
	return nil, &Error{
		Code:   RuntimeError,
		Detail: fmt.Sprintf("no backend for %s models can run here: %s", enc, details(reasons)),
		Err:    errors.Join(reasons...),
	}
}

func details(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = AsError(err).Detail
	}
	return strings.Join(texts, "; ")
}

func (s *Set) tell(skips []Skip, chosen string) {
	if s.notice == nil {
		return
	}
	for _, k := range skips {
		if _, before := s.told.LoadOrStore(k.Skipped, struct{}{}); !before {
			k.Chosen = chosen
			s.notice(k)
		}
	}
}

// check asks an engine whether it can run here, if it can tell.
func check(ctx context.Context, e Backend) (err error) {
	c, ok := e.(Checker)
	if !ok {
		return nil
	}
	defer recovered(e.Name(), "checking itself", &err)
	if err := c.Check(ctx); err != nil {
		return unusable(e.Name(), err)
	}
	return nil
}

// unusable is the error of an engine that cannot run. What an engine says
// without a code, such as where it looked for a library, is for the host alone.
func unusable(engine string, err error) *Error {
	var coded *Error
	if errors.As(err, &coded) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Annotate(err, "backend %q", engine)
	}
	return &Error{Code: RuntimeError, Detail: fmt.Sprintf("backend %q is not set up on this host, whose log says why", engine), Err: err}
}

// Sniff tells the encoding of a model by its bytes: by what the engines say,
// then by [Sniff].
func (s *Set) Sniff(parts [][]byte) (Encoding, bool) {
	for _, e := range s.engines {
		if sn, ok := e.(Sniffer); ok {
			if enc, ok := guardedSniff(e.Name(), sn, parts); ok {
				return enc, true
			}
		}
	}
	return Sniff(parts)
}

func guardedSniff(engine string, sn Sniffer, parts [][]byte) (enc Encoding, ok bool) {
	var err error
	defer func() { ok = ok && err == nil }()
	defer recovered(engine, "looking at a model", &err)
	return sn.Sniff(parts)
}

// Choice says what [Set.Load] settled on.
type Choice struct {
	Backend  string
	Encoding Encoding
}

// Load makes a graph of parts with the engine called name, or chosen as in
// [Set.Choose]. An opts.Encoding of Autodetect, or none, is settled by
// [Set.Sniff]. The graph's methods turn a panic of the engine into an *Error
// with code RuntimeError, and it is a [Describer], with nothing to say when
// the engine's is not.
//
// Errors are *Error: those of Choose and of the engine, and InvalidEncoding
// when the encoding cannot be told from the bytes.
func (s *Set) Load(ctx context.Context, name string, parts [][]byte, opts LoadOptions) (Graph, Choice, error) {
	if opts.Encoding == "" || opts.Encoding == Autodetect {
		enc, ok := s.Sniff(parts)
		if !ok {
			return nil, Choice{}, Errorf(InvalidEncoding,
				"the bytes of the model (%s) are of no known format; say which encoding they have", describeParts(parts))
		}
		opts.Encoding = enc
	}
	if opts.Target == "" {
		opts.Target = CPU
	}
	e, err := s.Choose(ctx, name, opts.Encoding)
	if err != nil {
		return nil, Choice{}, err
	}
	g, err := guardedLoad(ctx, e, parts, opts)
	if err != nil {
		return nil, Choice{}, err
	}
	return g, Choice{Backend: e.Name(), Encoding: opts.Encoding}, nil
}

func describeParts(parts [][]byte) string {
	var n uint64
	for _, p := range parts {
		n += uint64(len(p))
	}
	head := ""
	if len(parts) > 0 && len(parts[0]) > 0 {
		head = fmt.Sprintf(" beginning %x", parts[0][:min(8, len(parts[0]))])
	}
	return fmt.Sprintf("%d bytes in %d parts%s", n, len(parts), head)
}
