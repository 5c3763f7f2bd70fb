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

// put keeps a value. When there are more than most it drops the one that was not used for
// longest, and returns that; the same for one that had the key.
func (c *cache[V]) put(key []byte, v V, most int) (dropped V, ok bool) {
	if c.entries == nil {
		c.entries = map[string]*entry[V]{}
	}
	c.clock++
	if old := c.entries[string(key)]; old != nil {
		dropped, ok = old.value, true
	}
	c.entries[string(key)] = &entry[V]{v, c.clock}
	if len(c.entries) <= most {
		return dropped, ok
	}
	oldest, at := "", c.clock+1
	for k, e := range c.entries {
		if e.used < at {
			oldest, at = k, e.used
		}
	}
	dropped = c.entries[oldest].value
	delete(c.entries, oldest)
	return dropped, true
}

// clear drops all values and returns them.
func (c *cache[V]) clear() []V {
	var all []V
	for _, e := range c.entries {
		all = append(all, e.value)
	}
	c.entries = nil
	return all
}
