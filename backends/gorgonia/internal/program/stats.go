package program

import (
	"maps"
	"sync"
)

// Stats say what became of a graph, with the graphs inside it.
type Stats struct {
	// Arena is how many bytes the arenas of one run of each program take, and Alive how
	// many are alive at the step of each at which most are: no arena is smaller.
	Arena, Alive int64
	// Weights are the bytes of constants, and of what was made of them.
	Weights int64
	// Passes are how often each pass changed something.
	Passes map[string]int
}

// Stats describes the graph and the programs that it keeps.
func (g *Graph) Stats() Stats {
	s := Stats{Weights: g.weights.Bytes(), Passes: g.changes.all()}
	g.measure(&s)
	return s
}

func (g *Graph) measure(s *Stats) {
	for _, t := range g.consts {
		s.Weights += int64(len(t.Data))
	}
	g.mu.Lock()
	for _, e := range g.programs.entries {
		e.value.first.measure(s)
	}
	g.mu.Unlock()
	g.eachInside(func(inside *Graph) { inside.measure(s) })
}

// measure adds the stage and those behind it.
func (st *stage) measure(s *Stats) {
	s.Arena += int64(st.plan.size)
	s.Alive += int64(st.plan.lower)
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, e := range st.next.entries {
		e.value.measure(s)
	}
}

// changes counts what passes do, by their names. It is safe for concurrent use.
type changes struct {
	mu    sync.Mutex
	count map[string]int
}

func (c *changes) add(pass string, n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[string]int{}
	}
	c.count[pass] += n
}

func (c *changes) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.count)
}
