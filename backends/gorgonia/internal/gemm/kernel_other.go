//go:build purego || !(amd64 || arm64)

package gemm

// kernels lists what this machine can run, the fastest first.
func kernels() []*kernel { return []*kernel{kernelGo} }
