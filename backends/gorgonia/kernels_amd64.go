//go:build !purego

package gorgonia

import "golang.org/x/sys/cpu"

// Kernels says what the kernels of this engine are written for on this processor.
func Kernels() string {
	switch {
	case cpu.X86.HasAVX512 && cpu.X86.HasFMA:
		return "AVX-512"
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return "AVX2"
	}
	return "any processor (this one has no AVX2 with FMA, so they are slow)"
}
