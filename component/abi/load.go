package abi

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/wasinn/wasinn/component/abi/layout"
)

var le = binary.LittleEndian

// The NaNs that all NaNs become when they are lifted.
const (
	canonicalNaN32 = 0x7fc00000
	canonicalNaN64 = 0x7ff8000000000000
)

// float32FromBits lifts an f32; every NaN becomes the canonical one.
func float32FromBits(bits uint32) float32 {
	f := math.Float32frombits(bits)
	if f != f {
		return math.Float32frombits(canonicalNaN32)
	}
	return f
}

// float64FromBits lifts an f64; every NaN becomes the canonical one.
func float64FromBits(bits uint64) float64 {
	f := math.Float64frombits(bits)
	if f != f {
		return math.Float64frombits(canonicalNaN64)
	}
	return f
}

// float32Bits lowers an f32; every NaN becomes the canonical one, as in the
// specification's deterministic profile.
func float32Bits(f float32) uint32 {
	if f != f {
		return canonicalNaN32
	}
	return math.Float32bits(f)
}

// float64Bits lowers an f64; every NaN becomes the canonical one.
func float64Bits(f float64) uint64 {
	if f != f {
		return canonicalNaN64
	}
	return math.Float64bits(f)
}

// charFromBits is the spec's convert_i32_to_char.
func charFromBits(i uint32) (rune, error) {
	if i >= 0x110000 || 0xD800 <= i && i <= 0xDFFF {
		return 0, trapf(TrapChar, "invalid `char` bit pattern 0x%x: want 0 to 0xD7FF or 0xE000 to 0x10FFFF", i)
	}
	return rune(i), nil
}

// charBits lowers a char that came from the host.
func charBits(r rune) (uint32, error) {
	if !utf8.ValidRune(r) {
		return 0, trapf(TrapInvalidValue, "0x%x is not a char: want 0 to 0xD7FF or 0xE000 to 0x10FFFF", uint32(r))
	}
	return uint32(r), nil
}

// loadUint reads an unsigned number of len(b) bytes: 1, 2 or 4.
func loadUint(b []byte) uint32 {
	switch len(b) {
	case 1:
		return uint32(b[0])
	case 2:
		return uint32(le.Uint16(b))
	}
	return le.Uint32(b)
}

// loadPair reads the pointer and the length of a string or list.
func loadPair(b []byte) (ptr, length uint32) {
	return le.Uint32(b), le.Uint32(b[4:8])
}

// checkCase checks a variant's discriminant.
func checkCase(i uint32, n int) error {
	if uint64(i) >= uint64(n) {
		return trapf(TrapDiscriminant, "invalid variant discriminant %d: there are %d cases", i, n)
	}
	return nil
}

// listRange checks a guest's list and returns its elements' bytes: length
// elements of size bytes, aligned to align, at ptr.
//
// It traps when the list is longer than 2^28-1 bytes, when ptr is not aligned,
// or when the range leaves memory.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#loading
func (cx *Context) listRange(ptr, length, size, align uint32) ([]byte, error) {
	n := uint64(length) * uint64(size)
	if n > layout.MaxByteLength {
		return nil, trapf(TrapTooLong, "list of %d bytes, want at most %d", n, uint64(layout.MaxByteLength))
	}
	return cx.view(ptr, n, align, "list")
}
