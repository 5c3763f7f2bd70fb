package abi

import (
	"unsafe"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// Bytes is the codec of list<u8>. Bytes lifted for a host function are a view
// of guest memory, good for the call, and not to be written to.
var Bytes = List(U8)

// bytesList is Bytes for those that know which codec it is.
var bytesList = Bytes.(*listCodec[uint8])

// fixedWidth is implemented by codecs whose elements lie in memory as Go holds
// them, on a little-endian machine.
type fixedWidth interface{ fixedWidth() }

// littleEndian says that Go numbers may alias guest memory.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// List is the codec of list<T>.
//
// Lists of integers and floats lifted for a host function are views of guest
// memory, good for the call, and not to be written to; a NaN in a view has the
// bits that the guest gave it. Other lists lifted for a host function are good
// for the call too, whatever their elements are.
func List[T any](elem Codec[T]) Codec[[]T] {
	return newList(elem, &types.List{Elem: elem.Type()})
}

// Map is the codec of map<K, V>: a list of pairs, in the guest's order, in
// which a key may occur more than once.
func Map[K, V any](key Codec[K], val Codec[V]) Codec[[]Tuple2[K, V]] {
	return newList(Tuple2Of(key, val), &types.Map{Key: key.Type(), Value: val.Type()})
}

func newList[T any](elem Codec[T], typ types.ValType) *listCodec[T] {
	_, fixed := elem.(fixedWidth)
	var z T
	return &listCodec[T]{
		typ: typ, elem: elem, size: elem.Size(), align: elem.Align(),
		goSize: uint64(unsafe.Sizeof(z)), goAlign: unsafe.Alignof(z), fixed: fixed && littleEndian,
	}
}

type listCodec[T any] struct {
	typ         types.ValType
	elem        Codec[T]
	size, align uint32
	goSize      uint64
	goAlign     uintptr
	fixed       bool // elements are the same in Go and in memory
}

func (c *listCodec[T]) fieldKind() fieldKind {
	if any(c) == any(bytesList) {
		return bytesField
	}
	return otherField
}

func (c *listCodec[T]) Type() types.ValType { return c.typ }
func (*listCodec[T]) Align() uint32         { return 4 }
func (*listCodec[T]) Size() uint32          { return 8 }
func (*listCodec[T]) Flat() int             { return 2 }

func (c *listCodec[T]) Load(cx *Context, b []byte) ([]T, error) {
	ptr, n := loadPair(b)
	return c.loadRange(cx, ptr, n)
}

func (c *listCodec[T]) LiftFlat(cx *Context, vi *CoreValues) ([]T, error) {
	ptr := uint32(vi.Next())
	return c.loadRange(cx, ptr, uint32(vi.Next()))
}

// loadRange is the spec's load_list_from_range.
func (c *listCodec[T]) loadRange(cx *Context, ptr, n uint32) ([]T, error) {
	if size := uint64(n) * uint64(c.size); c.fixed && cx.views && n != 0 && size <= layout.MaxByteLength && ptr&(c.align-1) == 0 {
		// A view of numbers, the usual case.
		m := cx.memory()
		if end := uint64(ptr) + size; end <= uint64(len(m)) {
			if p := unsafe.Pointer(&m[ptr]); uintptr(p)&(c.goAlign-1) == 0 {
				return unsafe.Slice((*T)(p), n), nil
			}
		}
	}
	b, err := cx.listRange(ptr, n, c.size, c.align)
	if err != nil || n == 0 {
		return nil, err
	}
	return c.loadElems(cx, b, n)
}

func (c *listCodec[T]) loadElems(cx *Context, b []byte, n uint32) ([]T, error) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	if c.fixed && cx.views && uintptr(p)&(c.goAlign-1) == 0 {
		return unsafe.Slice((*T)(p), n), nil
	}
	if err := cx.charge(uint64(n) * c.goSize); err != nil {
		return nil, err
	}
	if c.fixed {
		vs := make([]T, n)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(vs))), len(b)), b)
		return vs, nil
	}
	vs := lendList[T](cx, n, c.goSize)
	for i := range vs {
		o := uint32(i) * c.size
		v, err := c.elem.Load(cx, b[o:o+c.size:o+c.size])
		if err != nil {
			return nil, AtIndex(err, i)
		}
		vs[i] = v
	}
	return vs, nil
}

func (c *listCodec[T]) Store(cx *Context, v []T, ptr uint32) error {
	begin, err := c.storeRange(cx, v)
	if err == nil {
		storePair(cx.memory(), ptr, begin, uint32(len(v)))
	}
	return err
}

func (c *listCodec[T]) LowerFlat(cx *Context, v []T, vo *CoreValues) error {
	begin, err := c.storeRange(cx, v)
	vo.Put(uint64(begin))
	vo.Put(uint64(len(v)))
	return err
}

// storeRange is the spec's store_list_into_range.
func (c *listCodec[T]) storeRange(cx *Context, vs []T) (ptr uint32, err error) {
	ptr, err = cx.allocateList(len(vs), c.size, c.align)
	if err != nil {
		return 0, err
	}
	return ptr, c.storeElems(cx, vs, ptr)
}

func (c *listCodec[T]) storeElems(cx *Context, vs []T, ptr uint32) error {
	if len(vs) == 0 {
		return nil
	}
	if c.fixed {
		copy(cx.memory()[ptr:], unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(vs))), uint64(len(vs))*c.goSize))
		return nil
	}
	for i, v := range vs {
		if err := c.elem.Store(cx, v, ptr+uint32(i)*c.size); err != nil {
			return AtIndex(err, i)
		}
	}
	return nil
}

// FixedList is the codec of list<T, n>, n at least 1. Lifted slices have n
// elements, and a slice that is lowered must have n.
func FixedList[T any](elem Codec[T], n uint32) Codec[[]T] {
	typ := &types.List{Elem: elem.Type(), Length: n}
	return fixedListCodec[T]{listCodec: newList(elem, typ), n: n, layout: layout.Of(typ)}
}

type fixedListCodec[T any] struct {
	*listCodec[T]
	n      uint32
	layout *layout.Layout
}

func (c fixedListCodec[T]) Align() uint32 { return c.layout.Align }
func (c fixedListCodec[T]) Size() uint32  { return c.layout.Size }
func (c fixedListCodec[T]) Flat() int     { return c.layout.NumFlat }

func (c fixedListCodec[T]) Load(cx *Context, b []byte) ([]T, error) {
	return c.loadElems(cx, b, c.n)
}

func (c fixedListCodec[T]) checkLen(vs []T) error {
	if uint64(len(vs)) != uint64(c.n) {
		return trapf(TrapInvalidValue, "%s is given %d elements", c.typ, len(vs))
	}
	return nil
}

func (c fixedListCodec[T]) Store(cx *Context, vs []T, ptr uint32) error {
	if err := c.checkLen(vs); err != nil {
		return err
	}
	return c.storeElems(cx, vs, ptr)
}

func (c fixedListCodec[T]) LiftFlat(cx *Context, vi *CoreValues) ([]T, error) {
	if err := cx.charge(uint64(c.n) * c.goSize); err != nil {
		return nil, err
	}
	vs := make([]T, c.n)
	for i := range vs {
		v, err := c.elem.LiftFlat(cx, vi)
		if err != nil {
			return nil, AtIndex(err, i)
		}
		vs[i] = v
	}
	return vs, nil
}

func (c fixedListCodec[T]) LowerFlat(cx *Context, vs []T, vo *CoreValues) error {
	if err := c.checkLen(vs); err != nil {
		return err
	}
	for i, v := range vs {
		if err := c.elem.LowerFlat(cx, v, vo); err != nil {
			return AtIndex(err, i)
		}
	}
	return nil
}
