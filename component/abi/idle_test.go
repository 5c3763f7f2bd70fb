package abi

import (
	"errors"
	"fmt"
	"testing"

	"github.com/wasinn/wasinn/internal/invariants"
)

// TestCheckIdle: what calls may not leave behind in an instance that is closed.
func TestCheckIdle(t *testing.T) {
	rt := things.ResourceType()
	for _, c := range []struct {
		name  string
		leave func(i *Instance)
		want  string // the panic of the invariants build
	}{
		{"nothing", func(*Instance) {}, ""},
		{"a handle that the guest owns", func(i *Instance) { i.addHandle(handle{rt: rt, own: true}) }, ""},
		{"a handle that is lent", func(i *Instance) { i.addHandle(handle{rt: rt, own: true, numLends: 1}) },
			"invariant broken: instance g is closed and its handle 1 of thing is owned true, lent 1 times"},
		{"a borrowed handle", func(i *Instance) { i.addHandle(handle{rt: rt}) },
			"invariant broken: instance g is closed and its handle 1 of thing is owned false, lent 0 times"},
		{"a call that has not ended", func(i *Instance) { i.Store.AcquireCall() },
			"invariant broken: instance g is closed and 1 calls from it have not ended"},
		{"an instance that was entered and not left", func(i *Instance) { i.enter(nil) },
			"invariant broken: instance g is closed while it runs: may enter false, may leave true"},
		{"anything, after a trap", func(i *Instance) { i.enter(nil); i.Poison(errors.New("trap")) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newGuest(NewStore(Limits{}), nil, "g").inst
			c.leave(i)
			want := any(c.want)
			if c.want == "" || !invariants.Enabled {
				want = nil
			}
			defer func() {
				if got := recover(); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("panicked with %v, want %v", got, want)
				}
			}()
			i.CheckIdle()
		})
	}
}
