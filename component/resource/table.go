// Package resource has the one table that handles, reps and witx handles live
// in.
package resource

// Table maps small integers to values of one type. Freed slots are used again,
// last in first out, as the canonical ABI prescribes for handle tables. It is
// not safe for concurrent use.
//
// The zero value hands out numbers from 0; see [NewTable].
type Table[T any] struct {
	slots []slot[T]
	free  []uint32
	live  int
}

type slot[T any] struct {
	value T
	used  bool
}

// NewTable returns a table whose first number is first: 1 for handle tables,
// where 0 is never valid.
func NewTable[T any](first uint32) *Table[T] {
	return &Table[T]{slots: make([]slot[T], first)}
}

// Add stores v and returns its number.
func (t *Table[T]) Add(v T) uint32 {
	t.live++
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		t.slots[i] = slot[T]{v, true}
		return i
	}
	t.slots = append(t.slots, slot[T]{v, true})
	return uint32(len(t.slots) - 1)
}

// Get returns a pointer to the value at i, valid until the next Add, or nil
// when i names nothing.
func (t *Table[T]) Get(i uint32) *T {
	if uint64(i) >= uint64(len(t.slots)) || !t.slots[i].used {
		return nil
	}
	return &t.slots[i].value
}

// Remove takes the value at i out; ok is false when i names nothing.
func (t *Table[T]) Remove(i uint32) (v T, ok bool) {
	p := t.Get(i)
	if p == nil {
		return v, false
	}
	v = *p
	t.slots[i] = slot[T]{}
	t.free = append(t.free, i)
	t.live--
	return v, true
}

// Len is the number of values in the table.
func (t *Table[T]) Len() int { return t.live }

// All yields every number and value in the order of their numbers.
func (t *Table[T]) All(yield func(uint32, T) bool) {
	for i := range t.slots {
		if t.slots[i].used && !yield(uint32(i), t.slots[i].value) {
			return
		}
	}
}
