//go:build !purego

package vec

import "golang.org/x/sys/cpu"

// The levels of instruction sets that there is assembly for.
const (
	levelPlain = iota
	levelAVX2
	levelAVX512
)

// level is the best that this machine has. Tests set it.
var level = bestLevel()

func bestLevel() int {
	x := cpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA || !x.HasF16C || !x.HasBMI2:
		return levelPlain
	case !x.HasAVX512: // F, CD, BW, DQ and VL
		return levelAVX2
	}
	return levelAVX512
}
