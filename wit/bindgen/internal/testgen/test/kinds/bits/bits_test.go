package bits

import (
	"context"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/wit/bindgen/internal/loop"
)

var slot component.Slot[Host]

type host struct{}

// Widen puts both sets into one.
func (host) Widen(_ context.Context, s Small, m Medium) (Large, error) {
	return Large(s)<<29 | Large(m), nil
}

func TestFlags(t *testing.T) {
	for _, tt := range []struct {
		name   string
		small  uint64
		medium uint64
		want   Large
	}{
		{"none", 0, 0, 0},
		{"the first and the last", uint64(SmallA | SmallC), uint64(MediumF8), LargeF8 | LargeF29 | LargeF31},
		{"bits that have no name are cleared", 0xf8, 0xfe00, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack, err := loop.New(64, Host(host{})).Call(lowerWiden(slot), tt.small, tt.medium)
			if err != nil {
				t.Fatal(err)
			}
			if got := Large(stack[0]); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestFlagsPrintTheirNames(t *testing.T) {
	for f, want := range map[Small]string{0: "", SmallB: "b", SmallA | SmallC: "a|c"} {
		if got := f.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
