// Package graphreg keeps named graphs: it finds them in folders, manifests and
// flags, loads each once whatever the number of first callers, shares it among
// all guests, and closes it when the last of them is done.
package graphreg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wasinn/wasinn/backends"
)

// Bounds that a zero [Config] gets.
const (
	DefaultMaxGraphs     = 256
	DefaultMaxBytes      = 16 << 30
	DefaultMaxModelBytes = 4 << 30
)

// Config says what a registry serves and how much of it it keeps.
type Config struct {
	// Backends that load the graphs.
	Backends *backends.Set
	// Sources of entries. Of two entries with the same name and version, the
	// one of the earlier source counts.
	Sources []Source
	// Backend for entries that name none; empty or auto lets the Set choose.
	Backend string
	// Options for entries that do not say: target and threads.
	Options backends.LoadOptions
	// MaxGraphs and MaxBytes bound the graphs that are loaded at one time, by
	// number and by the bytes of their files. Graphs that no guest uses make
	// way, the longest unused first. 0 is the default.
	MaxGraphs int
	MaxBytes  uint64
	// MaxModelBytes bounds the files of one model together; 0 is the default.
	MaxModelBytes uint64
	// ReloadChanged looks at a loaded graph's files each time it is asked for,
	// and loads it anew when they have changed; guests that have the old one
	// keep it. Without it only Reload does.
	ReloadChanged bool
}

// Registry loads and shares named graphs. It is safe for concurrent use.
type Registry struct {
	cfg    Config
	ctx    context.Context // of all loading; ends with the registry
	cancel context.CancelFunc

	mu     sync.Mutex
	slots  map[string]*slot // by full name
	count  int              // slots that have a graph or are getting one, retired ones too
	bytes  uint64           // of their files
	clock  uint64           // counts uses
	closed bool
}

// New makes a registry. It loads nothing.
func New(cfg Config) (*Registry, error) {
	if cfg.Backends == nil {
		return nil, backends.Errorf(backends.InvalidArgument, "graphreg: no Backends in the Config")
	}
	if b := cfg.Backend; b != "" && b != backends.Auto {
		if _, err := cfg.Backends.ByName(b); err != nil {
			return nil, err
		}
	}
	cfg.MaxGraphs = cmp.Or(cfg.MaxGraphs, DefaultMaxGraphs)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, DefaultMaxBytes)
	cfg.MaxModelBytes = cmp.Or(cfg.MaxModelBytes, DefaultMaxModelBytes)
	cfg.Sources = slices.Clone(cfg.Sources)
	r := &Registry{cfg: cfg, slots: map[string]*slot{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// slot is one loading or loaded graph. Its fields are guarded by the
// registry's mutex, but for those set before done is closed, which are read
// only after that.
type slot struct {
	entry  Entry
	done   chan struct{}
	cancel context.CancelFunc // of the loading

	graph  backends.Graph
	choice backends.Choice
	stamp  []stamp
	err    *backends.Error

	bytes    uint64 // counted in the registry's
	counted  bool   // whether it is counted at all
	finished bool   // done is closed, or is about to be
	users    int    // waiters before finished, handles after
	retired  bool   // not to be given out again; closed with the last user
	used     uint64
}

// Handle is one use of a shared graph.
type Handle struct {
	r    *Registry
	s    *slot
	once sync.Once
}

// Graph returns the graph, valid until Close; the holder does not close it.
// It is a [backends.Describer].
func (h *Handle) Graph() backends.Graph { return h.s.graph }

// Entry returns the registry's description of the graph.
func (h *Handle) Entry() Entry { return h.s.entry }

// Choice says which engine loaded the graph, and as what.
func (h *Handle) Choice() backends.Choice { return h.s.choice }

// Close ends the use. Calls after the first do nothing.
func (h *Handle) Close() error {
	var err error
	h.once.Do(func() { err = h.r.release(h.s) })
	return err
}

// Acquire returns the graph called NAME, in its newest version, or
// NAME@VERSION. The first caller has it loaded and those who come meanwhile
// wait for the same loading, which ends early only when all of them have gone.
//
// Errors are *backends.Error: InvalidArgument for what is no name, NotFound
// for a graph or file that is not there, Security for a file that is not what
// was promised, TooLarge beyond a bound, Timeout when ctx ends, and the
// engine's own. They are not remembered: the next caller tries again.
func (r *Registry) Acquire(ctx context.Context, name string) (*Handle, error) {
	e, err := r.Find(name)
	if err != nil {
		return nil, err
	}
	h, err := r.acquire(ctx, e)
	if err != nil {
		return nil, backends.Annotate(err, "graph %q", e.FullName())
	}
	return h, nil
}

func (r *Registry) acquire(ctx context.Context, e Entry) (*Handle, error) {
	r.retireChanged(e)
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, backends.Errorf(backends.RuntimeError, "the registry is closed")
	}
	s := r.slots[e.FullName()]
	if s == nil {
		s = r.start(e)
		r.slots[e.FullName()] = s
	}
	s.users++
	r.mu.Unlock()
	return r.wait(ctx, s)
}

// start begins loading e. The caller holds the mutex.
func (r *Registry) start(e Entry) *slot {
	ctx, cancel := context.WithCancel(r.ctx)
	s := &slot{entry: e, done: make(chan struct{}), cancel: cancel}
	go r.load(ctx, s)
	return s
}

// wait waits for s as one of its users.
func (r *Registry) wait(ctx context.Context, s *slot) (*Handle, error) {
	select {
	case <-s.done:
		if s.err != nil {
			return nil, s.err
		}
		return &Handle{r: r, s: s}, nil
	case <-ctx.Done():
		r.release(s)
		return nil, &backends.Error{Code: backends.Timeout, Detail: "stopped while the model was loading", Err: ctx.Err()}
	}
}

// load does the work of start and settles s.
func (r *Registry) load(ctx context.Context, s *slot) {
	defer s.cancel()
	m, err := s.entry.read(ctx, r.cfg.MaxModelBytes)
	if err == nil {
		err = r.reserve(s, m.bytes)
	}
	if err == nil {
		s.stamp = m.stamp
		s.graph, s.choice, err = r.cfg.Backends.Load(ctx, r.backendOf(s.entry), m.parts, r.optionsOf(s.entry))
	}
	s.err = backends.AsError(err)
	r.mu.Lock()
	s.finished = true
	r.clock++
	s.used = r.clock
	if s.err != nil {
		r.forget(s)
		r.uncount(s)
	}
	unwanted := s.err == nil && s.retired && s.users == 0
	if unwanted {
		r.uncount(s)
	}
	r.mu.Unlock()
	if unwanted {
		s.graph.Close()
	}
	close(s.done)
}

func (r *Registry) backendOf(e Entry) string { return cmp.Or(e.Backend, r.cfg.Backend) }

func (r *Registry) optionsOf(e Entry) backends.LoadOptions {
	o := r.cfg.Options
	o.Encoding = cmp.Or(e.Encoding, o.Encoding)
	o.Target = cmp.Or(e.Target, o.Target)
	o.IntraOpThreads = cmp.Or(e.IntraOpThreads, o.IntraOpThreads)
	o.InterOpThreads = cmp.Or(e.InterOpThreads, o.InterOpThreads)
	o.Path = e.hostPath()
	return o
}

// reserve counts s and makes room for it among the loaded graphs.
func (r *Registry) reserve(s *slot, n uint64) error {
	r.mu.Lock()
	var evicted []*slot
	for r.count+1 > r.cfg.MaxGraphs || n > r.cfg.MaxBytes-min(r.bytes, r.cfg.MaxBytes) {
		idle := r.longestUnused()
		if idle == nil {
			break
		}
		r.forget(idle)
		r.uncount(idle)
		evicted = append(evicted, idle)
	}
	var err error
	if r.count+1 > r.cfg.MaxGraphs {
		err = backends.Errorf(backends.TooLarge, "%d graphs of the registry are in use, as many as may be loaded", r.count)
	} else if n > r.cfg.MaxBytes-min(r.bytes, r.cfg.MaxBytes) {
		err = backends.Errorf(backends.TooLarge,
			"its files have %d bytes, and %d of the %d that may be loaded are in use", n, r.bytes, r.cfg.MaxBytes)
	} else {
		s.counted, s.bytes = true, n
		r.count++
		r.bytes += n
	}
	r.mu.Unlock()
	for _, e := range evicted {
		e.graph.Close()
	}
	return err
}

// longestUnused returns the loaded graph without users that was used longest
// ago, or nil. The caller holds the mutex.
func (r *Registry) longestUnused() *slot {
	var oldest *slot
	for _, s := range r.slots {
		if s.finished && s.users == 0 && (oldest == nil || s.used < oldest.used) {
			oldest = s
		}
	}
	return oldest
}

// forget sees to it that s is not given out again. The caller holds the mutex.
func (r *Registry) forget(s *slot) {
	s.retired = true
	if full := s.entry.FullName(); r.slots[full] == s {
		delete(r.slots, full)
	}
}

func (r *Registry) uncount(s *slot) {
	if s.counted {
		s.counted = false
		r.count--
		r.bytes -= s.bytes
	}
}

// release ends one use of s: it stops a loading that no one waits for, and
// closes a retired graph that no one uses.
func (r *Registry) release(s *slot) error {
	r.mu.Lock()
	s.users--
	r.clock++
	s.used = r.clock
	last := s.users == 0
	if last && !s.finished {
		r.forget(s)
		s.cancel()
	}
	closing := last && s.finished && s.retired && s.err == nil
	if closing {
		r.uncount(s)
	}
	r.mu.Unlock()
	if closing {
		return s.graph.Close()
	}
	return nil
}

// retire has the named slot closed with its last user.
func (r *Registry) retire(s *slot) error {
	r.mu.Lock()
	already := s.retired
	r.forget(s)
	closing := !already && s.finished && s.users == 0 && s.err == nil
	if closing {
		r.uncount(s)
	}
	r.mu.Unlock()
	if closing {
		return s.graph.Close()
	}
	return nil
}

// retireChanged retires the slot of e when the registry's description of it
// or, if asked for, its files are no longer those that were loaded. Files that
// have vanished have not changed: what is loaded goes on.
func (r *Registry) retireChanged(e Entry) {
	r.mu.Lock()
	s := r.slots[e.FullName()]
	loaded := s != nil && s.finished && s.err == nil
	r.mu.Unlock()
	if !loaded {
		return
	}
	changed := !sameEntry(s.entry, e)
	if !changed && r.cfg.ReloadChanged {
		now, err := e.stamps()
		changed = err == nil && !sameStamps(now, s.stamp)
	}
	if changed {
		r.retire(s)
	}
}

func sameEntry(a, b Entry) bool {
	return a.Backend == b.Backend && a.Encoding == b.Encoding && a.Target == b.Target &&
		a.IntraOpThreads == b.IntraOpThreads && a.InterOpThreads == b.InterOpThreads &&
		a.folder == b.folder && slices.Equal(a.Files, b.Files)
}

// Find returns the entry of NAME, in its newest version by [CompareVersions],
// or of NAME@VERSION. The error is *backends.Error, NotFound when there is
// none.
func (r *Registry) Find(full string) (Entry, error) {
	name, version, err := SplitName(full)
	if err != nil {
		return Entry{}, err
	}
	versions, err := r.versions(name)
	if len(versions) == 0 {
		return Entry{}, r.notFound(name, err)
	}
	if version == "" {
		return slices.MaxFunc(versions, func(a, b Entry) int { return CompareVersions(a.Version, b.Version) }), nil
	}
	for _, e := range versions {
		if e.Version == version {
			return e, nil
		}
	}
	if len(versions) == 1 && versions[0].Version == "" {
		return Entry{}, backends.Errorf(backends.NotFound, "graph %q has no version %q: it has none, ask for %q", name, version, name)
	}
	return Entry{}, backends.Errorf(backends.NotFound, "graph %q has no version %q; it has %s", name, version, fullNames(versions))
}

// versions collects all sources' entries called name, earlier sources first.
func (r *Registry) versions(name string) ([]Entry, error) {
	var all []Entry
	var errs []error
	for _, src := range r.cfg.Sources {
		found, err := src.Versions(name)
		all, errs = append(all, found...), append(errs, err)
	}
	return unique(all), errors.Join(errs...)
}

// unique keeps the first of the entries with one full name.
func unique(entries []Entry) []Entry {
	seen := map[string]bool{}
	var kept []Entry
	for _, e := range entries {
		if !seen[e.FullName()] {
			seen[e.FullName()] = true
			kept = append(kept, e)
		}
	}
	return kept
}

func (r *Registry) notFound(name string, cause error) error {
	if cause != nil {
		return backends.Annotate(cause, "graph %q", name)
	}
	all, _ := r.entries()
	if len(all) == 0 {
		return backends.Errorf(backends.NotFound, "no graph %q: the registry is empty", name)
	}
	return backends.Errorf(backends.NotFound, "no graph %q in the registry, which has %s", name, fullNames(all))
}

// fullNames lists some entries for a message.
func fullNames(entries []Entry) string {
	const most = 8
	names := make([]string, 0, most)
	for _, e := range entries[:min(most, len(entries))] {
		names = append(names, e.FullName())
	}
	if more := len(entries) - len(names); more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}

func (r *Registry) entries() ([]Entry, error) {
	var all []Entry
	var errs []error
	for _, src := range r.cfg.Sources {
		found, err := src.Entries()
		all, errs = append(all, found...), append(errs, err)
	}
	all = unique(all)
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), CompareVersions(a.Version, b.Version))
	})
	return all, errors.Join(errs...)
}

// Status is an entry and what has become of it.
type Status struct {
	Entry
	Loaded bool
	Users  int             // handles that are open
	Bytes  uint64          // of its files, once loaded
	Choice backends.Choice // once loaded
}

// List returns all entries by name and version, oldest first. With an error
// it returns what could be listed.
func (r *Registry) List() ([]Status, error) {
	all, err := r.entries()
	list := make([]Status, len(all))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, e := range all {
		list[i] = r.status(e)
	}
	return list, err
}

func (r *Registry) status(e Entry) Status {
	st := Status{Entry: e}
	if s := r.slots[e.FullName()]; s != nil && s.finished && s.err == nil {
		st.Loaded, st.Users, st.Bytes, st.Choice = true, s.users, s.bytes, s.choice
	}
	return st
}

// Info is what there is to know of a loaded graph.
type Info struct {
	Status
	Inputs, Outputs []backends.TensorInfo // in the model's order
}

// Info loads a graph, if it is not, and describes it.
func (r *Registry) Info(ctx context.Context, name string) (Info, error) {
	h, err := r.Acquire(ctx, name)
	if err != nil {
		return Info{}, err
	}
	defer h.Close()
	info := Info{Status: Status{Entry: h.s.entry, Loaded: true, Choice: h.s.choice}}
	r.mu.Lock()
	info.Users, info.Bytes = h.s.users-1, h.s.bytes
	r.mu.Unlock()
	if d, ok := h.Graph().(backends.Describer); ok {
		info.Inputs, info.Outputs = d.Inputs(), d.Outputs()
	}
	return info, nil
}

// Preload loads every entry that asks for it and joins the errors of those
// that cannot be.
func (r *Registry) Preload(ctx context.Context) error {
	all, err := r.entries()
	errs := []error{err}
	for _, e := range all {
		if !e.Preload {
			continue
		}
		h, err := r.Acquire(ctx, e.FullName())
		if err == nil {
			err = h.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Unload gives up a loaded graph: the next caller has it loaded anew, and the
// old one is closed when its last user is done. It returns false when the
// graph is not loaded.
func (r *Registry) Unload(name string) (bool, error) {
	e, err := r.Find(name)
	full := e.FullName()
	if err != nil {
		full = name // its file may be gone while it is still loaded
	}
	r.mu.Lock()
	s := r.slots[full]
	r.mu.Unlock()
	if s == nil {
		return false, err
	}
	return true, r.retire(s)
}

// Reload loads a graph from its files and puts it in the place of the one
// that is loaded, which its users keep. When it cannot be loaded, the old one
// stays.
func (r *Registry) Reload(ctx context.Context, name string) error {
	e, err := r.Find(name)
	if err != nil {
		return err
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return backends.Errorf(backends.RuntimeError, "the registry is closed")
	}
	fresh := r.start(e)
	fresh.users++
	r.mu.Unlock()
	h, err := r.wait(ctx, fresh)
	if err != nil {
		return backends.Annotate(err, "graph %q", e.FullName())
	}
	r.mu.Lock()
	old := r.slots[e.FullName()]
	if r.closed {
		r.forget(fresh)
	} else {
		r.slots[e.FullName()] = fresh
	}
	r.mu.Unlock()
	if old != nil {
		err = r.retire(old)
	}
	return errors.Join(err, h.Close())
}

// Close stops all loading and closes every graph that has no user; the others
// are closed by their last user.
func (r *Registry) Close() error {
	r.mu.Lock()
	r.closed = true
	var all []*slot
	for _, s := range r.slots {
		all = append(all, s)
	}
	r.mu.Unlock()
	r.cancel()
	var errs []error
	for _, s := range all {
		errs = append(errs, r.retire(s))
	}
	return errors.Join(errs...)
}
