package gorgonia

import (
	"sync"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
)

const (
	// spareBytes is how large an output is at least that is worth keeping: what a smaller
	// one takes to be allocated and cleared is nothing beside a computation.
	spareBytes = 64 << 10
	// maxSpares is how many a graph keeps.
	maxSpares = 4
)

// spares are outputs of a graph that callers have released, for computations to come.
// They are counted in the budget. It is safe for concurrent use.
type spares struct {
	budget *op.Budget

	mu     sync.Mutex
	list   [][]byte
	closed bool
}

// take returns n bytes of unknown content, or nil.
func (s *spares) take(n int) []byte {
	if n < spareBytes {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, b := range s.list {
		if len(b) == n {
			last := len(s.list) - 1
			s.list[i], s.list[last] = s.list[last], nil
			s.list = s.list[:last]
			s.budget.Give(int64(n))
			return b
		}
	}
	return nil
}

// put keeps an output that nobody reads any more. The one that is kept for longest makes
// place for it.
func (s *spares) put(b []byte) {
	if s.budget.Take(int64(len(b))) != nil { // before the lock, for it may drop spares
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.budget.Give(int64(len(b)))
		return
	}
	if len(s.list) == maxSpares {
		s.budget.Give(int64(len(s.list[0])))
		s.list = append(s.list[:0], s.list[1:]...)
	}
	s.list = append(s.list, b)
}

// drop gives all memory back; after close nothing is kept any more.
func (s *spares) drop(close bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.list {
		s.budget.Give(int64(len(b)))
	}
	s.list, s.closed = nil, s.closed || close
}
