//go:build !(amd64 || arm64) || purego

package gorgonia

// Kernels says what the kernels of this engine are written for on this processor.
func Kernels() string { return "any processor (assembly is for amd64 and arm64, so they are slow)" }
