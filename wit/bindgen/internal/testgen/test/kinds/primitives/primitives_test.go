package primitives

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/wit/bindgen/internal/loop"
)

var slot component.Slot[Host]

type host struct{ nothing int }

func (*host) Booleans(_ context.Context, a bool) (bool, error) { return a, nil }

func (*host) Integers(_ context.Context, a int8, b uint8, c int16, d uint16, e int32, f uint32, g int64, h uint64) (int64, error) {
	return int64(a) + 2*int64(b) + 3*int64(c) + 4*int64(d) + 5*int64(e) + 6*int64(f) + 7*g + 8*int64(h), nil
}

func (*host) Floats(_ context.Context, a float32, b float64) (float64, error) {
	return float64(a) * b, nil
}
func (*host) Letters(_ context.Context, a rune) (string, error) { return string(a), nil }

func (h *host) Nothing(context.Context) error {
	h.nothing++
	return nil
}

func TestIntegersKeepTheirSigns(t *testing.T) {
	minus := func(n int64) uint64 { return uint64(uint32(n)) }
	for _, tt := range []struct {
		name  string
		stack []uint64
		want  int64
	}{
		{"zeros", make([]uint64, 8), 0},
		{"ones", []uint64{1, 1, 1, 1, 1, 1, 1, 1}, 36},
		{"minus ones where there is a sign", []uint64{minus(-1), 0, minus(-1), 0, minus(-1), 0, math.MaxUint64, 0}, -16},
		{"bits above the type's width do not count", []uint64{0x7f00, 0x100, 0x7fff0000, 0x10000, 0, 0, 0, 0}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack, err := loop.New(64, Host(&host{})).Call(lowerIntegers(slot), tt.stack...)
			if err != nil {
				t.Fatal(err)
			}
			if got := int64(stack[0]); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestFloatsAndLettersPassThroughTheABI(t *testing.T) {
	g := loop.New(1<<10, Host(&host{}))
	f, err := loop.Through(g, lowerFloats(slot), floatsParamsCodec, abi.F64, floatsParams{1.5, -2})
	if err != nil || f != -3 {
		t.Errorf("got %v and error %v, want -3", f, err)
	}
	s, err := loop.Through(g, lowerLetters(slot), lettersParamsCodec, abi.String, lettersParams{'λ'})
	if err != nil || s != "λ" {
		t.Errorf("got %q and error %v, want λ", s, err)
	}
}

func TestASurrogateIsNoLetter(t *testing.T) {
	_, err := loop.New(1<<10, Host(&host{})).Call(lowerLetters(slot), 0xD800, 64)
	trap := new(abi.Trap)
	if !errors.As(err, &trap) || trap.Kind != abi.TrapChar || trap.Path != `param "a"` {
		t.Errorf("error %v, want a trap for the char a", err)
	}
}

func TestAFunctionOfNothingIsCalled(t *testing.T) {
	h := &host{}
	g := loop.New(64, Host(h))
	fn, stack := lowerNothing(slot), []uint64{}
	if n := testing.AllocsPerRun(10, func() {
		if err := g.CallStack(fn, stack); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if h.nothing != 11 {
		t.Errorf("called %d times, want 11", h.nothing)
	}
}
