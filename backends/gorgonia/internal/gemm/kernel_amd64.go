//go:build !purego

package gemm

import "golang.org/x/sys/cpu"

var (
	kernelAVX512 = &kernel{name: "avx512", rows: 14, cols: 32, width: 16, kc: 256, nc: 512, direct: 24, tiles: tiles512, dots: dots512, copyRows: copyRows512, transpose8: transpose8}
	kernelAVX2   = &kernel{name: "avx2", rows: 6, cols: 16, width: 8, kc: 256, nc: 512, direct: 12, tiles: tiles2, dots: dots2, copyRows: copyRows2, transpose8: transpose8}
)

// kernels lists what this machine can run, the fastest first. The flags of
// package cpu include that the system saves the registers.
func kernels() []*kernel {
	var list []*kernel
	if cpu.X86.HasAVX512F {
		list = append(list, kernelAVX512)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append(list, kernelAVX2)
	}
	return append(list, kernelGo)
}

var (
	intVNNI = &intKernel{name: "vnni", rows: 14, cols: 32, quads: true, tiles: ints512, packQuads: packQuads}
	intAVX2 = &intKernel{name: "avx2", rows: 6, cols: 16, tiles: ints2}
)

// intKernels lists the integer kernels that this machine can run, the fastest first.
func intKernels() []*intKernel {
	var list []*intKernel
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VNNI {
		list = append(list, intVNNI)
	}
	if cpu.X86.HasAVX2 {
		list = append(list, intAVX2)
	}
	return append(list, intGo)
}
