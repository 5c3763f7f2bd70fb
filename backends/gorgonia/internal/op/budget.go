package op

import (
	"fmt"
	"sync/atomic"
)

// Budget is the memory that all computations of an engine share, with what is kept
// between them: arenas, scratch, and constants that were computed.
type Budget struct {
	limit   int64
	used    atomic.Int64
	reclaim func()
}

// NewBudget makes a budget of limit bytes; 0 or less is no limit. reclaim, which may be
// nil, gives back what is kept and not in use; it is called when the limit is reached.
func NewBudget(limit int64, reclaim func()) *Budget { return &Budget{limit: limit, reclaim: reclaim} }

// LimitError is the error of a computation that needs more memory than there may be.
type LimitError struct {
	Needs, InUse, Limit int64 // bytes
}

// Error says how much was needed, and allowed.
func (e *LimitError) Error() string {
	return fmt.Sprintf("it takes %d bytes of memory beside the %d that are in use, at most %d are allowed in all", e.Needs, e.InUse, e.Limit)
}

// Take counts bytes; it is an error, and they are not counted, when that passes the
// limit.
func (b *Budget) Take(bytes int64) error {
	if b.take(bytes) {
		return nil
	}
	if b.reclaim != nil {
		if b.reclaim(); b.take(bytes) {
			return nil
		}
	}
	return &LimitError{bytes, b.used.Load(), b.limit}
}

func (b *Budget) take(bytes int64) bool {
	if now := b.used.Add(bytes); b.limit <= 0 || now <= b.limit {
		return true
	}
	b.used.Add(-bytes)
	return false
}

// Force counts bytes that are taken already, whatever the limit.
func (b *Budget) Force(bytes int64) { b.used.Add(bytes) }

// Give counts bytes back.
func (b *Budget) Give(bytes int64) { b.used.Add(-bytes) }

// Share is a part of the limit, at most most.
func (b *Budget) Share(parts, most int64) int64 {
	if b.limit > 0 {
		return min(b.limit/parts, most)
	}
	return most
}

// Used is how many bytes are counted.
func (b *Budget) Used() int64 { return b.used.Load() }
