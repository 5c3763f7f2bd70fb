package corewasm

import (
	"errors"
	"fmt"
	"sync"
)

// Memory is a linear memory. Where the platform allows, it lies in a range of
// addresses that is reserved to its limit, and never moves.
type Memory struct {
	// reserved is the whole range; on platforms without reservations, and when
	// the system refused one, it is as long as the memory.
	reserved []byte
	// mapped tells that reserved lies outside the Go heap.
	mapped bool
	view   []byte // what the guest sees
	size   uint64 // its bytes
	high   uint64 // bytes, the most that size ever was
	space  *Space // that it is of; its memories share one limit
}

// Bytes returns the memory as it is now. The view is good until the memory
// grows or its space is closed.
func (m *Memory) Bytes() []byte { return m.view }

// View returns where the memory as it is now is kept: reading it costs no call.
func (m *Memory) View() *[]byte { return &m.view }

// Reallocate implements experimental.LinearMemory: it is called with the
// minimum first, and to grow then.
func (m *Memory) Reallocate(size uint64) []byte {
	used := m.space.used - m.size + size
	if used > m.space.engine.cfg.MemoryLimit || size > maxMemory {
		return nil
	}
	if size > uint64(len(m.reserved)) {
		if m.mapped {
			return nil
		}
		grown := make([]byte, size)
		copy(grown, m.reserved)
		m.reserved = grown
	}
	m.space.used = used
	m.size = size
	m.high = max(m.high, size)
	m.view = m.reserved[:size:size]
	return m.view
}

// Free implements experimental.LinearMemory. It does nothing: wazero calls it
// when any importer of the memory is closed; the space knows when all are.
func (m *Memory) Free() {}

// maxIdle is how many reservations a pool keeps for the next instances. Idle
// ones have no pages, only addresses.
const maxIdle = 1024

// memoryPool holds reservations for reuse. All are of one size.
type memoryPool struct {
	size   uint64
	mu     sync.Mutex
	idle   []*Memory
	closed bool
}

// get returns an empty memory.
func (p *memoryPool) get() *Memory {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		m := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return m
	}
	p.mu.Unlock()
	m := &Memory{}
	if b, err := reserve(p.size); err == nil {
		m.reserved, m.mapped = b, true
	}
	return m
}

// put takes a memory back that no module and no view uses any more.
func (p *memoryPool) put(m *Memory) error {
	m.view = nil
	if !m.mapped {
		m.reserved = nil
		return nil
	}
	b := m.reserved
	if err := clean(b, m.high); err != nil {
		return errors.Join(fmt.Errorf("clear a memory: %w", err), release(b))
	}
	m.size, m.high, m.space = 0, 0, nil
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) == maxIdle {
		m.reserved = nil
		return release(b)
	}
	p.idle = append(p.idle, m)
	return nil
}

// close gives the idle reservations back to the system; those in use follow as
// they are put back.
func (p *memoryPool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, m := range p.idle {
		errs = append(errs, release(m.reserved))
	}
	p.idle = nil
	return errors.Join(errs...)
}
