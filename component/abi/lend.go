package abi

// Lists of structs are made anew for every call, but for those that a host
// function is given: like the views beside them they are good for the call, so
// a short one is lent from the [Call] and cleared when that is released. One list
// is lent at a time, as most calls have no more.

// maxLent is the most bytes of a list that is lent, so that what a store keeps
// stays small.
const maxLent = 1 << 10

// scratch is room for lists of one type.
type scratch interface {
	// clear forgets the list that was lent.
	clear()
}

// lentList is the room for lists of T.
type lentList[T any] struct {
	room []T
	used int
}

func (l *lentList[T]) clear() { clear(l.room[:l.used]) }

// lendList returns n zero values to be lifted into, n at least 1.
func lendList[T any](cx *Context, n uint32, size uint64) []T {
	if !cx.lends || cx.lent != nil || uint64(n)*size > maxLent || size == 0 {
		return make([]T, n)
	}
	l, ok := cx.spare.(*lentList[T])
	if !ok || uint64(len(l.room)) < uint64(n) {
		l = &lentList[T]{room: make([]T, max(uint64(n), min(8, maxLent/size)))}
		cx.spare = l
	}
	l.used = int(n)
	cx.lent, cx.scope.used = l, true
	return l.room[:n:n]
}

// forget takes a lent list back, and ends what the scope of a call that trapped
// has left.
func (cx *Context) forget() {
	if cx.lent != nil {
		cx.lent.clear()
		cx.lent = nil
	}
	cx.scope.reset()
}
