//go:build !purego

package vec

import "testing"

// atEachLevel runs a test once with each instruction set that this machine has.
func atEachLevel(t *testing.T, f func(t *testing.T)) {
	best := level
	defer func() { level = best }()
	for l, name := range []string{"plain", "AVX2", "AVX512"}[:best+1] {
		level = l
		t.Run(name, f)
	}
}
