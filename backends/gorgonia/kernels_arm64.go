//go:build !purego

package gorgonia

import "golang.org/x/sys/cpu"

// Kernels says what the kernels of this engine are written for on this processor.
func Kernels() string {
	if cpu.ARM64.HasASIMDDP {
		return "NEON with the dot product"
	}
	return "NEON"
}
