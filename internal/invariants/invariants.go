// Package invariants holds checks that are too dear, or too strict, for programs
// that people run: of what has to be closed and was not, mostly. They are
// compiled in by the build tag invariants, which `make test` sets for the
// packages of the component engine; without it they cost nothing.
package invariants

import "fmt"

// Check panics with the message unless ok, where [Enabled]. What ok is made of
// should cost nothing elsewhere:
//
//	if invariants.Enabled {
//		invariants.Check(len(open) == 0, "%d files are open", len(open))
//	}
func Check(ok bool, format string, args ...any) {
	if Enabled && !ok {
		panic("invariant broken: " + fmt.Sprintf(format, args...))
	}
}
