//go:build !purego

package vec

// The levels of instruction sets that there is assembly for.
const (
	levelPlain = iota
	levelNEON
)

// machineLevel is the best that this machine has: NEON is in every arm64.
const machineLevel = levelNEON

// level is the level in use. Tests set it.
var level = machineLevel
