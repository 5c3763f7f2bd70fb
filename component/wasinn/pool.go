package wasinn

import (
	"math/bits"
	"sync"
)

// maxPooled is how many bytes of unused buffers a service keeps.
const maxPooled = 256 * mib

// minClass is log2 of the smallest buffer, in bytes.
const minClass = 6

// pool keeps buffers for input tensors by size class, four classes to each
// power of two, so that at most a fifth of a buffer is unused. Buffers are not
// cleared: who takes one sees only as many bytes as it has written.
type pool struct {
	mu       sync.Mutex
	free     map[uint64][][]byte // by capacity
	retained uint64
	max      uint64
}

func newPool(max uint64) *pool { return &pool{free: map[uint64][][]byte{}, max: max} }

// sizeClass is the capacity of the buffers that serve n bytes.
func sizeClass(n uint64) uint64 {
	if n <= 1<<minClass {
		return 1 << minClass
	}
	step := uint64(1) << (bits.Len64(n-1) - 3)
	return (n + step - 1) &^ (step - 1)
}

// get returns a buffer of sizeClass(n) bytes, with whatever is in it.
func (p *pool) get(n uint64) []byte {
	c := sizeClass(n)
	p.mu.Lock()
	list := p.free[c]
	if len(list) == 0 {
		p.mu.Unlock()
		return make([]byte, c)
	}
	b := list[len(list)-1]
	list[len(list)-1] = nil
	p.free[c] = list[:len(list)-1]
	p.retained -= c
	p.mu.Unlock()
	return b
}

// put gives a buffer of get back. When the pool is full it forgets what it
// had: those sizes are not the ones in use.
func (p *pool) put(b []byte) {
	c := uint64(len(b))
	if c > p.max {
		return
	}
	p.mu.Lock()
	if p.retained+c > p.max {
		clear(p.free)
		p.retained = 0
	}
	p.free[c] = append(p.free[c], b)
	p.retained += c
	p.mu.Unlock()
}
