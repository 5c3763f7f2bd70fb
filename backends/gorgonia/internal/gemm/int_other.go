//go:build purego || !(amd64 || arm64)

package gemm

// intKernels lists the integer kernels that this machine can run, the fastest first.
func intKernels() []*intKernel { return []*intKernel{intGo} }
