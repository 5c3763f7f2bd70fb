package preview1

import "encoding/binary"

// Memory is a guest's linear memory. No part of it outlives the call that it
// was made for.
type Memory []byte

// bytes is a part of the memory, if it lies in it.
func (m Memory) bytes(ptr, n uint32) ([]byte, bool) {
	end := uint64(ptr) + uint64(n)
	if end > uint64(len(m)) {
		return nil, false
	}
	return m[ptr:end:end], true
}

// path is the text at ptr. What is longer than any path is not copied.
func (m Memory) path(ptr, n uint32) (string, Errno) {
	b, ok := m.bytes(ptr, n)
	switch {
	case !ok:
		return "", errFault
	case n > maxPath:
		return "", errNametoolong
	}
	return string(b), 0
}

// maxPath is above what hostfs takes, which says itself what is too long.
const maxPath = 1 << 16

// putUint32 stores v, if there is room.
func (m Memory) putUint32(ptr, v uint32) Errno {
	b, ok := m.bytes(ptr, 4)
	if !ok {
		return errFault
	}
	le.PutUint32(b, v)
	return 0
}

// putUint64 stores v, if there is room.
func (m Memory) putUint64(ptr uint32, v uint64) Errno {
	b, ok := m.bytes(ptr, 8)
	if !ok {
		return errFault
	}
	le.PutUint64(b, v)
	return 0
}

var le = binary.LittleEndian

// Params are the arguments of a call, as WebAssembly has them on its stack.
type Params []uint64

func (p Params) u32(i int) uint32 { return uint32(p[i]) }
func (p Params) u64(i int) uint64 { return p[i] }

// vectors is a list of buffers in the guest's memory, each of which lies in it.
type vectors struct {
	m     Memory
	list  []byte // of pairs of a pointer and a length
	total uint64 // bytes in all
}

// vectors reads a list of buffers.
func (m Memory) vectors(ptr, count uint32) (vectors, Errno) {
	if count > maxVectors {
		return vectors{}, errInval
	}
	list, ok := m.bytes(ptr, 8*count)
	if !ok {
		return vectors{}, errFault
	}
	total := uint64(0)
	for l := list; len(l) >= 8; l = l[8:] {
		at, n := uint64(le.Uint32(l)), uint64(le.Uint32(l[4:]))
		if at+n > uint64(len(m)) {
			return vectors{}, errFault
		}
		total += n
	}
	if total > 1<<32-1 {
		return vectors{}, errInval // the result could not tell
	}
	return vectors{m, list, total}, 0
}

func (v *vectors) len() int { return len(v.list) / 8 }

// at is a buffer. The list may lie in a buffer that was read into since it was
// checked: what no longer lies in memory is empty.
func (v *vectors) at(i int) []byte {
	e := v.list[8*i : 8*i+8]
	b, _ := v.m.bytes(le.Uint32(e), le.Uint32(e[4:]))
	return b
}
