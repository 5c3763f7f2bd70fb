// Package vec holds functions over rows of float32 (and of the types that models
// convert from and to): arithmetic, activations, reductions, normalisation,
// conversion, transposition.
//
// Rows are slices; a function writes len(dst) elements and reads as many of each
// source, which may be longer but not shorter: a shorter one panics, as an index
// out of range does. dst may be one of the sources, beginning at the same element;
// any other overlap gives results that depend on the machine. Nothing allocates.
//
// On amd64 the work is done by assembly for AVX2 or AVX-512, picked when the program
// starts, and on arm64 for NEON, all written by the generator under asm/; elsewhere,
// and under the build tag purego, by plain Go. The two agree to a few units in the last
// place (the tests say how many), not to the bit, and neither do sums, which are
// added in different orders.
//
// What is no number (NaN) stays so through every function, and wins in Max, Min,
// MaxOf and MinOf; an infinite or denormal argument gives the function's limit or
// its float32 value there, unless a comment says otherwise.
package vec

//go:generate go run -C asm . -out ../vec_amd64.s -stubs ../vec_amd64.go -pkg vec -dispatch ../dispatch_amd64.go -fallback ../dispatch_other.go
