//go:build !purego

package gemm

import "golang.org/x/sys/cpu"

// kernelNEON needs no more than every arm64 processor has.
var kernelNEON = &kernel{name: "neon", rows: 8, cols: 8, width: 8, kc: 256, nc: 512, direct: 2, whole: true, tiles: tilesNEON, dots: dotsNEON,
	copyRows: copyRowsNEON, transpose8: transpose8NEON}

// kernels lists what this machine can run, the fastest first.
func kernels() []*kernel { return []*kernel{kernelNEON, kernelGo} }

var (
	intDOT  = &intKernel{name: "dot", rows: 8, cols: 8, quads: true, signedA: true, whole: true, tiles: intsDOT, packQuads: packQuadsNEON}
	intNEON = &intKernel{name: "neon", rows: 8, cols: 8, whole: true, tiles: intsNEON}
)

// intKernels lists the integer kernels that this machine can run, the fastest first.
func intKernels() []*intKernel {
	if cpu.ARM64.HasASIMDDP {
		return []*intKernel{intDOT, intNEON, intGo}
	}
	return []*intKernel{intNEON, intGo}
}
