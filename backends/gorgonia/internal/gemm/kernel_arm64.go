//go:build !purego

package gemm

// kernelNEON needs no more than every arm64 processor has.
var kernelNEON = &kernel{name: "neon", rows: 8, cols: 8, width: 8, kc: 256, nc: 512, direct: 2, whole: true, tiles: tilesNEON, dots: dotsNEON}

// kernels lists what this machine can run, the fastest first.
func kernels() []*kernel { return []*kernel{kernelNEON, kernelGo} }
