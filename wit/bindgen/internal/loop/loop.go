// Package loop is a guest without WebAssembly, to test generated bindings with:
// a heap, a realloc, and one instance.
package loop

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/wasinn/wasinn/component/abi"
)

// Guest is an instance with a heap.
type Guest struct {
	// Store is the instance's store; slot 0 holds the host.
	Store *abi.Store
	// Instance is the guest's instance.
	Instance *abi.Instance
	// Reallocs counts how often the host asked for memory.
	Reallocs int

	mem  []byte
	next uint32
	opts abi.CanonicalOptions
}

// start is where the heap begins: nothing is at address 0.
const start = 64

// New returns a guest with size bytes of memory. Host is what slot 0 holds.
func New(size int, host any) *Guest {
	g := &Guest{Store: abi.NewStore(abi.Limits{}), mem: make([]byte, size), next: start}
	g.Store.Slots = []any{host}
	g.Instance = abi.NewInstance(g.Store, nil, "guest")
	g.opts = abi.CanonicalOptions{Memory: &g.mem, Realloc: abi.CoreFuncOf(g.realloc)}
	return g
}

// Bytes is the guest's memory.
func (g *Guest) Bytes() []byte { return g.mem }

// Reset forgets what was allocated.
func (g *Guest) Reset() { g.next = start }

// realloc is a bump allocator: nothing is freed before Reset.
func (g *Guest) realloc(_ context.Context, stack []uint64) error {
	g.Reallocs++
	p, err := g.alloc(uint32(stack[2]), uint32(stack[3]))
	stack[0] = uint64(p)
	return err
}

func (g *Guest) alloc(align, size uint32) (uint32, error) {
	p := (g.next + align - 1) &^ (align - 1)
	if uint64(p)+uint64(size) > uint64(len(g.mem)) {
		return 0, fmt.Errorf("the guest has no %d bytes left", size)
	}
	g.next = p + size
	return p, nil
}

// Put copies b to the heap, at a multiple of 8, and returns where.
func (g *Guest) Put(b []byte) uint32 {
	p, err := g.alloc(8, uint32(len(b)))
	if err != nil {
		panic(err)
	}
	copy(g.mem[p:], b)
	return p
}

// Words copies numbers of 32 bits to the heap and returns where.
func (g *Guest) Words(words ...uint32) uint32 {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return g.Put(b)
}

// Word reads a number of 32 bits.
func (g *Guest) Word(at uint32) uint32 { return binary.LittleEndian.Uint32(g.mem[at:]) }

// Call calls a host function with a core stack: parameters, then the pointer to
// the result when that is in memory.
func (g *Guest) Call(fn abi.HostFunc, stack ...uint64) ([]uint64, error) {
	if len(stack) == 0 {
		stack = make([]uint64, 1)
	}
	return stack, g.CallStack(fn, stack)
}

// CallStack is Call on a stack of the caller's, and allocates nothing.
func (g *Guest) CallStack(fn abi.HostFunc, stack []uint64) error {
	c := g.Store.AcquireCall()
	c.Init(context.Background(), &g.opts, g.Instance, stack)
	err := fn(c)
	g.Store.ReleaseCall(c)
	return err
}

// Through calls a guest's function that does nothing but call the host function fn
// of the same type. So p is lowered and lifted, and so is the result.
func Through[P, R any](g *Guest, fn abi.HostFunc, params abi.Codec[P], result abi.Codec[R], p P) (R, error) {
	sig := abi.NewSignature(abi.FuncType(params, result), nil)
	core := abi.CoreFuncOf(func(_ context.Context, stack []uint64) error {
		return g.forward(fn, coreParams(params.Flat()), result, stack)
	})
	f := abi.NewFunc("through", sig, core, g.opts, g.Instance)
	return abi.CallFunc(context.Background(), f, params, result, p)
}

// maxFlatParams is the number of core parameters above which they are in memory.
const maxFlatParams = 16

func coreParams(flat int) int {
	if flat > maxFlatParams {
		return 1
	}
	return flat
}

// sized is the part of a codec that does not depend on its Go type.
type sized interface {
	Flat() int
	Align() uint32
	Size() uint32
}

// forward calls fn with the n parameters on the stack and leaves its result
// there. A result of several core values goes to memory: the caller of a host
// function says where, a guest's function returns where.
func (g *Guest) forward(fn abi.HostFunc, n int, result sized, stack []uint64) error {
	inner := make([]uint64, n+1)
	copy(inner, stack[:n])
	var out uint32
	if result.Flat() > 1 {
		var err error
		if out, err = g.alloc(result.Align(), result.Size()); err != nil {
			return err
		}
		inner[n] = uint64(out)
	}
	if err := g.CallStack(fn, inner); err != nil {
		return err
	}
	stack[0] = inner[0]
	if result.Flat() > 1 {
		stack[0] = uint64(out)
	}
	return nil
}
