package wasip1

import "github.com/tetratelabs/wazero/experimental"

// memory is a linear memory that grows without being copied, where the system
// can reserve addresses without memory; elsewhere it doubles as it grows.
//
// Nothing imports the memory of a module here, so it ends with its instance.
type memory struct {
	b        []byte // all there is so far; reserved to the limit when mapped
	mapped   bool
	limit    uint64
	released bool
}

// allocate implements experimental.MemoryAllocator.
func (rt *Runtime) allocate(_, _ uint64) experimental.LinearMemory {
	m := &memory{limit: rt.opts.MemoryLimit}
	if b, err := reserve(m.limit); err == nil {
		m.b, m.mapped = b, true
	}
	return m
}

// Reallocate implements experimental.LinearMemory: it is called with the size
// to start with first, and to grow then. Memory that comes new is zero.
func (m *memory) Reallocate(size uint64) []byte {
	if size > m.limit || m.released {
		return nil
	}
	if size > uint64(len(m.b)) {
		if m.mapped {
			return nil
		}
		grown := make([]byte, min(max(size, 2*uint64(len(m.b))), m.limit))
		copy(grown, m.b)
		m.b = grown
	}
	return m.b[:size:size]
}

// Free implements experimental.LinearMemory.
func (m *memory) Free() {
	if m.mapped && !m.released {
		release(m.b) // what was reserved can always be given back
	}
	m.b, m.released = nil, true
}
