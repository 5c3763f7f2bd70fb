package abi

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// heap is a linear memory with a realloc that only moves forward.
type heap struct {
	mem  []byte
	last uint32
	log  []string // one line for every realloc
}

func newHeap(n int) *heap { return &heap{mem: make([]byte, n)} }

func (h *heap) Bytes() []byte { return h.mem }

var errOutOfMemory = errors.New("out of memory")

func (h *heap) realloc(_ context.Context, stack []uint64) error {
	old, oldSize, align, size := uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3])
	h.log = append(h.log, fmt.Sprintf("realloc(%d, %d, %d, %d)", old, oldSize, align, size))
	ptr := (h.last + align - 1) &^ (align - 1)
	if old != 0 && size < oldSize {
		ptr = old
	} else {
		if uint64(ptr)+uint64(size) > uint64(len(h.mem)) {
			return errOutOfMemory
		}
		h.last = ptr + size
		copy(h.mem[ptr:], h.mem[old:old+min(oldSize, size)])
	}
	stack[0] = uint64(ptr)
	return nil
}

func (h *heap) options(e StringEncoding) CanonicalOptions {
	return CanonicalOptions{StringEncoding: e, Memory: &h.mem, Realloc: CoreFuncOf(h.realloc)}
}

// testContext is a context over h in a new store and instance.
func testContext(h *heap, e StringEncoding) *Context {
	opts := h.options(e)
	cx := new(Context)
	cx.Init(context.Background(), &opts, NewInstance(NewStore(Limits{}), nil, "test"), false)
	return cx
}

func mustCompile(tb testing.TB, t types.ValType) Codec[value.Value] {
	tb.Helper()
	c, err := Compile(t, nil)
	if err != nil {
		tb.Fatalf("Compile(%s): %v", t, err)
	}
	return c
}

func liftFlat[T any](cx *Context, c Codec[T], vals ...uint64) (T, error) {
	return c.LiftFlat(cx, &CoreValues{vs: vals})
}

func lowerFlat[T any](cx *Context, c Codec[T], v T) ([]uint64, error) {
	vo := &CoreValues{vs: make([]uint64, c.Flat())}
	err := c.LowerFlat(cx, v, vo)
	return vo.vs, err
}

func trapKind(err error) TrapKind {
	var t *Trap
	if errors.As(err, &t) {
		return t.Kind
	}
	return 0
}
