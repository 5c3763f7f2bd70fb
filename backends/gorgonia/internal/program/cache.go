package program

// cache keeps the most recently used values by key, up to a bound. It is not safe for
// concurrent use.
type cache[V any] struct {
	entries map[string]*entry[V]
	clock   uint64
}

type entry[V any] struct {
	value V
	used  uint64
}

// get finds a value.
func (c *cache[V]) get(key []byte) (V, bool) {
	e := c.entries[string(key)]
	if e == nil {
		var zero V
		return zero, false
	}
	c.clock++
	e.used = c.clock
	return e.value, true
}

// put keeps a value and drops the one that was not used for longest when there are
// more than most.
func (c *cache[V]) put(key []byte, v V, most int) {
	if c.entries == nil {
		c.entries = map[string]*entry[V]{}
	}
	c.clock++
	c.entries[string(key)] = &entry[V]{v, c.clock}
	if len(c.entries) <= most {
		return
	}
	oldest, at := "", c.clock+1
	for k, e := range c.entries {
		if e.used < at {
			oldest, at = k, e.used
		}
	}
	delete(c.entries, oldest)
}
