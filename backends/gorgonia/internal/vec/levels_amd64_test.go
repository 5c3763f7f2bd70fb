//go:build !purego

package vec

var levelNames = []string{"plain", "AVX2", "AVX512"}
