package abi

import (
	"context"
	"testing"
)

// The structs that records are lifted to are on the goroutine's stack. When it
// grows while a field is lifted, they move, and every field must move along.
func TestRecordsSurviveAMovingStack(t *testing.T) {
	type params struct{ a, b, c, d uint32 }
	codec := Params(
		FieldOf("a", U32, func(p *params) *uint32 { return &p.a }),
		FieldOf[params, uint32]("b", deep{U32}, func(p *params) *uint32 { return &p.b }),
		FieldOf("c", U32, func(p *params) *uint32 { return &p.c }),
		FieldOf("d", U32, func(p *params) *uint32 { return &p.d }),
	)
	want := params{1, 2, 3, 4}
	done := make(chan params)
	go func() { // on a stack that is small yet
		cx := Context{Ctx: context.Background()}
		var vals CoreValues
		vals.Reset([]uint64{1, 2, 3, 4})
		p, err := codec.LiftFlat(&cx, &vals)
		if err != nil {
			t.Error(err)
		}
		done <- p
	}()
	if got := <-done; got != want {
		t.Errorf("lifted %v, want %v", got, want)
	}
	go func() {
		cx := Context{Ctx: context.Background()}
		p, err := codec.Load(&cx, []byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0})
		if err != nil {
			t.Error(err)
		}
		done <- p
	}()
	if got := <-done; got != want {
		t.Errorf("loaded %v, want %v", got, want)
	}
}

// deep is a codec that needs much stack.
type deep struct{ Codec[uint32] }

func (d deep) Load(cx *Context, b []byte) (uint32, error) {
	growStack(64)
	return d.Codec.Load(cx, b)
}

func (d deep) LiftFlat(cx *Context, vi *CoreValues) (uint32, error) {
	growStack(64)
	return d.Codec.LiftFlat(cx, vi)
}

//go:noinline
func growStack(n int) byte {
	var frame [1 << 10]byte
	if n > 0 {
		frame[n] = growStack(n - 1)
	}
	return frame[n]
}
