package corewasm

import (
	"sync/atomic"

	"github.com/wasinn/wasinn/internal/invariants"
)

// openSpaces counts the spaces of an engine that are open, in the invariants
// build: one that is still open when the engine is closed was forgotten, with
// its modules and memories.
type openSpaces struct{ n atomic.Int64 }

func (o *openSpaces) add(n int64) {
	if invariants.Enabled {
		o.n.Add(n)
	}
}

func (o *openSpaces) checkNone() {
	if invariants.Enabled {
		n := o.n.Load()
		invariants.Check(n == 0, "the engine is closed and %d of its instances are not", n)
	}
}
