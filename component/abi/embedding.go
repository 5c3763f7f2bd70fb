package abi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wasinn/wasinn/component/resource"
	"github.com/wasinn/wasinn/internal/invariants"
)

// Limits bound what guests may make the host keep. A zero field means the
// default.
type Limits struct {
	// MaxHandles is the number of handles in one instance's table; 1<<20 by
	// default, and never more than 1<<28-1.
	MaxHandles int
	// MaxHostResources is the number of Go values that guests hold handles of,
	// over all instances of a store; 1<<20 by default.
	MaxHostResources int
	// MaxLiftBytes bounds the Go memory and the work of lifting one call's
	// values; 1 GiB by default.
	MaxLiftBytes int64
	// MaxTasks is the number of calls of async functions, the host's included,
	// that have not ended, over all instances of a store; 10,000 by default.
	MaxTasks int
	// MaxThreads is the number of threads that have a stack of their own since
	// they are in the middle of core code; 1,000 by default.
	MaxThreads int
}

const (
	defaultMaxHandles   = 1 << 20
	defaultMaxLiftBytes = 1 << 30
	defaultMaxTasks     = 10_000
	defaultMaxThreads   = 1_000
	maxTableLength      = 1<<28 - 1 // the spec's Table.MAX_LENGTH
)

func (l Limits) withDefaults() Limits {
	l.MaxHandles = min(cmp.Or(l.MaxHandles, defaultMaxHandles), maxTableLength)
	l.MaxHostResources = min(cmp.Or(l.MaxHostResources, defaultMaxHandles), maxTableLength)
	l.MaxLiftBytes = cmp.Or(l.MaxLiftBytes, defaultMaxLiftBytes)
	l.MaxTasks = cmp.Or(l.MaxTasks, defaultMaxTasks)
	l.MaxThreads = cmp.Or(l.MaxThreads, defaultMaxThreads)
	return l
}

// Store is what instances made together share: per-store host state and the
// table of host resources' Go values. Only one goroutine may use a store and
// its instances at a time.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#embedding
type Store struct {
	// Slots is indexed by component.Slot.
	Slots []any

	limits    Limits
	hostTable *resource.Table[hostEntry]
	serial    uint64
	closed    bool
	calls     *Call      // free ones
	sched     *scheduler // nil while no instance uses async
	acquired  int        // calls that are not, counted in the invariants build
}

// hostEntry is a Go value that a guest holds handles of.
type hostEntry struct {
	value  Dropper
	serial uint64 // grows with every entry, so that the newest is known
	lent   bool   // made for a borrow of one call; not dropped with it
}

// NewStore returns an empty store.
func NewStore(limits Limits) *Store {
	return &Store{limits: limits.withDefaults(), hostTable: resource.NewTable[hostEntry](0)}
}

// Limits returns the store's limits, defaults filled in.
func (s *Store) Limits() Limits { return s.limits }

// Close drops every host resource that guests still hold, newest first, and
// returns what Drop returned, joined. A second Close does nothing.
func (s *Store) Close(ctx context.Context) error {
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	if s.sched != nil {
		errs = append(errs, s.sched.close(ctx))
	}
	var left []hostEntry
	for _, e := range s.hostTable.All {
		left = append(left, e)
	}
	s.hostTable = resource.NewTable[hostEntry](0)
	slices.SortFunc(left, func(a, b hostEntry) int { return cmp.Compare(b.serial, a.serial) })
	for _, e := range left {
		if e.lent {
			continue
		}
		if err := e.value.Drop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("drop %T: %w", e.value, err))
		}
	}
	return errors.Join(errs...)
}

// NumHostResources is the number of Go values that guests hold handles of.
func (s *Store) NumHostResources() int { return s.hostTable.Len() }

func (s *Store) addHost(v Dropper, lent bool) (rep uint32, err error) {
	if s.closed {
		return 0, trapf(TrapStaleHandle, "the store is closed")
	}
	if v == nil {
		return 0, trapf(TrapInvalidValue, "the host gives nil where the type has a resource")
	}
	if s.hostTable.Len() >= s.limits.MaxHostResources {
		return 0, trapf(TrapLimit, "guests hold %d host resources, and no more are allowed", s.limits.MaxHostResources)
	}
	s.serial++
	return s.hostTable.Add(hostEntry{value: v, serial: s.serial, lent: lent}), nil
}

// AcquireCall returns a Call for one call from a guest; give it back with
// ReleaseCall when the call has ended.
func (s *Store) AcquireCall() *Call {
	if invariants.Enabled {
		s.acquired++
	}
	c := s.calls
	if c == nil {
		return &Call{Context: Context{views: true, lends: true}}
	}
	s.calls = c.next
	return c
}

// ReleaseCall gives a Call back, for the next call.
func (s *Store) ReleaseCall(c *Call) {
	if invariants.Enabled {
		s.acquired--
	}
	if c.scope.used {
		c.forget()
	}
	c.Ctx = nil
	c.next, s.calls = s.calls, c
}
