//go:build (amd64 || arm64) && !purego

package vec

import "testing"

// atEachLevel runs a test once with each instruction set that this machine has.
func atEachLevel(t *testing.T, f func(t *testing.T)) {
	for l, name := range levels() {
		t.Run(name, func(t *testing.T) {
			level = l
			defer func() { level = machineLevel }()
			f(t)
		})
	}
}

// atEachLevelOf is atEachLevel for a benchmark.
func atEachLevelOf(b *testing.B, f func(b *testing.B)) {
	for l, name := range levels() {
		b.Run(name, func(b *testing.B) {
			level = l
			defer func() { level = machineLevel }()
			f(b)
		})
	}
}

func levels() []string { return levelNames[:machineLevel+1] }
