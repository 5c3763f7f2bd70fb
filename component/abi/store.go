package abi

import (
	"github.com/wasinn/wasinn/component/abi/layout"
)

// storeUint writes the low size bytes of v at ptr; size is 1, 2 or 4.
func storeUint(m []byte, ptr, size, v uint32) {
	switch size {
	case 1:
		m[ptr] = byte(v)
	case 2:
		le.PutUint16(m[ptr:], uint16(v))
	default:
		le.PutUint32(m[ptr:], v)
	}
}

// storePair writes the pointer and the length of a string or list.
func storePair(m []byte, ptr, begin, length uint32) {
	b := m[ptr : uint64(ptr)+8]
	le.PutUint32(b, begin)
	le.PutUint32(b[4:], length)
}

// allocateList makes room for length elements of size bytes.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#storing
func (cx *Context) allocateList(length int, size, align uint32) (ptr uint32, err error) {
	n := uint64(length) * uint64(size)
	if uint64(length) > layout.MaxByteLength || n > layout.MaxByteLength {
		return 0, trapf(TrapTooLong, "list of %d elements of %d bytes, want at most %d bytes", length, size, uint64(layout.MaxByteLength))
	}
	return cx.Allocate(align, uint32(n))
}
