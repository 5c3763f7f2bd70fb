package nnwitx

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
)

// read returns a view of n bytes of memory at p, valid until the guest runs
// again. Pointers need not be aligned.
func read(mem api.Memory, what string, p uint32, n uint64) ([]byte, error) {
	if n <= math.MaxUint32 {
		if b, ok := mem.Read(p, uint32(n)); ok {
			return b, nil
		}
	}
	return nil, outside(mem, what, p, n)
}

func outside(mem api.Memory, what string, p uint32, n uint64) error {
	return backends.Errorf(backends.InvalidArgument,
		"%s at %#x+%#x is outside memory of %#x bytes", what, p, n, mem.Size())
}

// place returns where a result of 4 bytes goes, so that a bad pointer is known
// before anything is done.
func place(mem api.Memory, what string, p uint32) ([]byte, error) { return read(mem, what, p, 4) }

func putUint32(b []byte, v uint32) { binary.LittleEndian.PutUint32(b, v) }

// text is b as a string for the length of a call, without a copy.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// builder reads graph_builder_array: n pairs of pointer and length.
func builder(mem api.Memory, p, n uint32) ([][]byte, error) {
	if n > wasinn.MaxParts { // the session checks it too, but after the list is made
		return nil, backends.Errorf(backends.TooLarge, "the model has %d parts, at most %d are taken", n, wasinn.MaxParts)
	}
	pairs, err := read(mem, "builder", p, uint64(n)*8)
	if err != nil {
		return nil, err
	}
	parts := make([][]byte, n)
	for i := range parts {
		ptr, size := binary.LittleEndian.Uint32(pairs[i*8:]), binary.LittleEndian.Uint32(pairs[i*8+4:])
		if parts[i], err = read(mem, "builder part", ptr, uint64(size)); err != nil {
			return nil, backends.Annotate(err, "part %d", i)
		}
	}
	return parts, nil
}

// name reads a tensor's or a graph's name.
func name(mem api.Memory, p, n uint32) ([]byte, error) {
	if n > wasinn.MaxName {
		return nil, backends.Errorf(backends.InvalidArgument, "the name has %d bytes, at most %d are taken", n, wasinn.MaxName)
	}
	return read(mem, "name", p, uint64(n))
}

// dimensions is a tensor's dims on their way from guest memory, without an
// allocation.
type dimensions struct {
	n   int
	all [backends.MaxRank]uint32
}

func (d *dimensions) slice() []uint32 { return d.all[:d.n] }

// read reads n dims at p.
func (d *dimensions) read(mem api.Memory, p, n uint32) error {
	if n > backends.MaxRank {
		return backends.Errorf(backends.InvalidArgument, "tensor has %d dimensions, at most %d are supported", n, backends.MaxRank)
	}
	b, err := read(mem, "dimensions", p, uint64(n)*4)
	if err != nil {
		return err
	}
	d.n = int(n)
	for i := range d.n {
		d.all[i] = binary.LittleEndian.Uint32(b[i*4:])
	}
	return nil
}

// rawTensor is a tensor as it lies in guest memory.
type rawTensor struct {
	dims dimensions
	code uint8
	data []byte
}

// read reads the record at p, 20 bytes: dims pointer, dims count, u8 type (the
// three bytes after it are whatever they are), data pointer, data length.
func (t *rawTensor) read(mem api.Memory, p uint32) error {
	b, err := read(mem, "tensor", p, 20)
	if err != nil {
		return err
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	t.code = b[8]
	if err := t.dims.read(mem, word(0), word(4)); err != nil {
		return err
	}
	t.data, err = read(mem, "tensor data", word(12), uint64(word(16)))
	return err
}
