// Package conv computes convolutions, transposed convolutions and pooling of
// tensors in the order batch, channels, spatial dimensions (NCHW and its kin of one
// or three spatial dimensions), as ONNX's operators of the same names define them.
//
// A convolution is prepared once with its weights and then run on any number of
// inputs, by several goroutines at once. How it is computed depends on its shape:
//
//   - Depthwise convolutions of 3x3 and 5x5 go down the columns of each channel with
//     the sums of the rows in flight in registers.
//   - All others multiply tiles of weights with rows of input where they are: the
//     part of the input that a block of output needs is copied once, with its padding
//     around it and the phases of a stride side by side, so that every tap of the
//     kernel is the same copy read from another offset. No matrix of columns is made.
//   - Where that copy would be out of all proportion (a dilation of millions, say),
//     taps are added one by one, without scratch memory.
//
// Sizes are untrusted: every function that takes them checks them and returns an
// error that says what is wrong.
package conv

//go:generate go run -C ../vec/asm . -set conv -out ../../conv/kernel_amd64.s -stubs ../../conv/kernel_amd64.go -pkg conv -dispatch ../../conv/tables_amd64.go
