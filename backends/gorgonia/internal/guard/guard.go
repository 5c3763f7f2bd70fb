// Package guard gives tests memory between pages that cannot be touched, so that
// assembly which reads or writes beyond its slices faults.
package guard

import (
	"runtime/debug"
	"testing"
	"unsafe"
)

// Side says which end of a slice is next to a page that cannot be touched.
type Side bool

// The sides.
const (
	Before Side = false
	Behind Side = true
)

// Slice returns n zeros that begin behind such a page, or end before one. They are
// gone when the test ends. Where the system has no such pages it is an ordinary slice.
func Slice[T any](t testing.TB, side Side, n int) []T {
	t.Helper()
	if n == 0 {
		return nil
	}
	var zero T
	size := n * int(unsafe.Sizeof(zero))
	b := pages(t, size)
	if side == Behind {
		b = b[len(b)-size:]
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// Copy is a Slice with the elements of s.
func Copy[T any](t testing.TB, side Side, s []T) []T {
	t.Helper()
	c := Slice[T](t, side, len(s))
	copy(c, s)
	return c
}

// Run runs f, and fails the test where it faults. what says what f does.
func Run(t testing.TB, what string, f func()) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		t.Helper()
		if r := recover(); r != nil {
			t.Fatalf("%s: %v", what, r)
		}
	}()
	f()
}
