//go:build component && !tinygo

package main

import "unsafe"

// address is where something is in WebAssembly's memory, as a number: Go's own
// pointers have 64 bits there. The garbage collector does not see it.
type address uint32

func addressOf(p unsafe.Pointer) address { return address(uintptr(p)) }

func (a address) pointer() unsafe.Pointer { return unsafe.Add(unsafe.Pointer(nil), a) }

// placed keeps what the host placed in this memory from the garbage collector,
// until it is freed.
var placed = map[address][]uint64{}

func free(a address) { delete(placed, a) }

// early is what cabiRealloc gives out before Go's runtime has started. The
// preview 1 adapter asks for its own state and stack, 64 KiB each, on the
// runtime's first call of WASI. Memory that it would have to grow itself, Go's
// heap would run over.
var (
	early     [160 << 10]byte
	earlyUsed uintptr
	started   bool
)

func init() { started = true }

// cabiRealloc is called by the host, to place strings and lists of results.
//
//go:wasmexport cabi_realloc
func cabiRealloc(old address, oldSize, align, size uint32) address {
	if !started {
		return allocateEarly(uintptr(align), uintptr(size))
	}
	if size == 0 {
		return address(align)
	}
	words := make([]uint64, (uint64(size)+7)/8) // aligned to 8, the most that any value asks
	new := addressOf(unsafe.Pointer(unsafe.SliceData(words)))
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(new.pointer()), size), unsafe.Slice((*byte)(old.pointer()), oldSize))
		free(old)
	}
	placed[new] = words
	return new
}

// allocateEarly returns 0 when there is no more, which the host takes for an
// error.
//
//go:nosplit
func allocateEarly(align, size uintptr) address {
	base := uintptr(unsafe.Pointer(&early))
	p := (base + earlyUsed + align - 1) &^ (align - 1)
	if p+size > base+uintptr(len(early)) {
		return 0
	}
	earlyUsed = p + size - base
	return address(p)
}

// runCommand is the component's command. Its result is 0 for ok; a failure has ended
// the program before, by os.Exit.
//
//go:wasmexport wasi:cli/run@0.2.12#run
func runCommand() uint32 {
	main()
	return 0
}
