package types

import "slices"

// Equal reports whether a and b are the same type. Resources are compared by
// address. A nil type equals nil only.
//
// It takes time linear in the number of distinct pairs of types, so that types
// that share parts cost no more than their definitions.
func Equal(a, b ValType) bool { return EqualFunc(a, b, func(x, y *Resource) bool { return x == y }) }

// EqualFunc is [Equal] with the caller's own rule for resources, for types
// that come from two places and name their resources apart.
func EqualFunc(a, b ValType, same func(a, b *Resource) bool) bool {
	c := comparer{same: same}
	return c.equal(a, b)
}

// FuncEqual reports whether a and b have equal parameters, by name and type,
// and equal results.
func FuncEqual(a, b *Func) bool {
	return FuncEqualFunc(a, b, func(x, y *Resource) bool { return x == y })
}

// FuncEqualFunc is [FuncEqual] with the caller's own rule for resources.
func FuncEqualFunc(a, b *Func, same func(a, b *Resource) bool) bool {
	c := comparer{same: same}
	return a.Async == b.Async && c.equal(a.Result, b.Result) &&
		slices.EqualFunc(a.Params, b.Params, func(p, q Param) bool {
			return p.Name == q.Name && c.equal(p.Type, q.Type)
		})
}

type typePair struct{ a, b ValType }

type comparer struct {
	same func(a, b *Resource) bool
	seen map[typePair]bool // pairs already found equal
}

func (c *comparer) equal(a, b ValType) bool {
	if a == b {
		switch a.(type) {
		case nil, Primitive:
			return true
		}
	}
	if a == nil || b == nil {
		return false
	}
	if pa, ok := a.(Primitive); ok {
		pb, ok := b.(Primitive)
		return ok && pa == pb
	}
	pair := typePair{a, b}
	if c.seen[pair] {
		return true
	}
	if !c.parts(a, b) {
		return false
	}
	if c.seen == nil {
		c.seen = make(map[typePair]bool)
	}
	c.seen[pair] = true
	return true
}

func (c *comparer) parts(a, b ValType) bool {
	switch a := a.(type) {
	case *List:
		b, ok := b.(*List)
		return ok && a.Length == b.Length && c.equal(a.Elem, b.Elem)
	case *Map:
		b, ok := b.(*Map)
		return ok && c.equal(a.Key, b.Key) && c.equal(a.Value, b.Value)
	case *Record:
		b, ok := b.(*Record)
		return ok && slices.EqualFunc(a.Fields, b.Fields, func(f, g Field) bool {
			return f.Name == g.Name && c.equal(f.Type, g.Type)
		})
	case *Tuple:
		b, ok := b.(*Tuple)
		return ok && slices.EqualFunc(a.Elems, b.Elems, c.equal)
	case *Variant:
		b, ok := b.(*Variant)
		return ok && slices.EqualFunc(a.Cases, b.Cases, func(f, g Case) bool {
			return f.Name == g.Name && c.equal(f.Type, g.Type)
		})
	case *Enum:
		b, ok := b.(*Enum)
		return ok && slices.Equal(a.Labels, b.Labels)
	case *Option:
		b, ok := b.(*Option)
		return ok && c.equal(a.Elem, b.Elem)
	case *Result:
		b, ok := b.(*Result)
		return ok && c.equal(a.OK, b.OK) && c.equal(a.Err, b.Err)
	case *Flags:
		b, ok := b.(*Flags)
		return ok && slices.Equal(a.Labels, b.Labels)
	case *Own:
		b, ok := b.(*Own)
		return ok && c.same(a.Resource, b.Resource)
	case *Borrow:
		b, ok := b.(*Borrow)
		return ok && c.same(a.Resource, b.Resource)
	case *Stream:
		b, ok := b.(*Stream)
		return ok && c.equal(a.Elem, b.Elem)
	case *Future:
		b, ok := b.(*Future)
		return ok && c.equal(a.Elem, b.Elem)
	}
	return false
}
