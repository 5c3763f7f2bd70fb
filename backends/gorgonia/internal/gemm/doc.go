// Package gemm multiplies matrices of float32, for matrix products and convolutions.
//
// A product takes what follows it along: scale, bias by row or column, another
// matrix added, an activation, and any function of finished rows. Operands are
// slices with a distance between rows, as they are or transposed. Weights are
// packed once, by [PackA] or [PackB], and shared by every computation; a
// convolution gives its columns as a [Packer], without ever having the matrix of
// them in memory.
//
//	w := gemm.PackB(k, n, weights, n, false) // once
//	gemm.Gemm(threads, y, n, m, n, k,
//		gemm.A{Data: x, LD: k},
//		gemm.B{Packed: w},
//		gemm.Epilogue{BiasCol: bias, Activation: gemm.ReLU})
//
// [GemmInt8] multiplies bytes less their zero points, in int32, and [GemmOf] every
// other type of number, in plain Go. Float16 is converted by the caller.
//
// # How it works
//
// A micro-kernel computes a tile of the result, of 14 by 32 elements with AVX-512,
// 6 by 16 with AVX2 and 8 by 8 with NEON, whose sums stay in registers. There is one for every
// height, so that rows are cut in tiles of nearly equal heights and none is padded;
// columns that are missing at the right are masked. Strides are general: a tile
// reads A where it is, and B too when few tiles of rows need it. Otherwise B is
// copied into panels as wide as a tile, in which each row follows the one before.
// NEON has no masks: the last panel is copied, and its tiles pass through memory.
//
// Tiles are the tasks of package pool. k is cut in blocks for the first-level
// cache, columns for the second.
//
// Integers have kernels for AVX-512 VNNI, which multiply unsigned by signed bytes and
// correct for zero points afterwards, and for AVX2, which multiply int16 less their
// zero points. On arm64 the one is for the dot product of signed bytes, where the
// processor has it, and the other for NEON. All are exact.
//
// The assembly is written by the program in the folder asm; change that and run go
// generate. With the build tag purego, and on processors without AVX2 or NEON, a
// kernel in plain Go is used. On another machine, the kernels for arm64 are tested by
//
//	GOARCH=arm64 CGO_ENABLED=0 go test -exec qemu-aarch64-static .
package gemm

//go:generate go run -C asm . -out ../tile_amd64.s
