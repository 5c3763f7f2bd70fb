package program

import (
	"math/rand/v2"
	"testing"
)

func TestBlocksAliveTogetherHaveMemoryOfTheirOwn(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 17, 300, maxExact + 50} {
		blocks := make([]*block, n)
		for i := range blocks {
			start := i * 3 / 2
			blocks[i] = &block{size: (1 + rng.IntN(50)) * alignment, start: start, end: start + rng.IntN(20)}
			if rng.IntN(30) == 0 {
				blocks[i].end = never
			}
		}
		size, lower := place(blocks), peak(blocks, n*3/2+1)
		if size < lower {
			t.Errorf("%d blocks: an arena of %d bytes, though %d are alive at once", n, size, lower)
		}
		for i, a := range blocks {
			if a.offset < 0 || a.offset+a.size > size || a.offset%alignment != 0 {
				t.Fatalf("%d blocks: block %d at %d does not fit an arena of %d", n, i, a.offset, size)
			}
			for _, b := range blocks[:i] {
				if a.start <= b.end && b.start <= a.end && a.offset < b.offset+b.size && b.offset < a.offset+a.size {
					t.Fatalf("%d blocks: two that are alive together share memory: %+v %+v", n, *a, *b)
				}
			}
		}
	}
}

func TestArenasStartAtACacheLine(t *testing.T) {
	for n := range 200 {
		if a := arena(n); len(a) != n || cap(a) != n {
			t.Fatalf("%d bytes: %d of %d", n, len(a), cap(a))
		}
	}
}

func TestCacheForgetsWhatWasNotUsedForLongest(t *testing.T) {
	var c cache[int]
	for i, key := range []string{"a", "b", "c"} {
		c.put([]byte(key), i, 3)
	}
	c.get([]byte("a"))
	c.put([]byte("d"), 3, 3)
	for key, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true} {
		if _, ok := c.get([]byte(key)); ok != want {
			t.Errorf("%q is kept: %v, expected %v", key, ok, want)
		}
	}
}
