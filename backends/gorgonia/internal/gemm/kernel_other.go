//go:build purego || !amd64

package gemm

// kernels lists what this machine can run, the fastest first.
func kernels() []*kernel { return []*kernel{kernelGo} }

// intKernels lists the integer kernels that this machine can run, the fastest first.
func intKernels() []*intKernel { return []*intKernel{intGo} }
