//go:build !purego

package vec

var levelNames = []string{"plain", "NEON"}
