package records

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/wit/bindgen/internal/loop"
	"github.com/wasinn/wasinn/wit/bindgen/internal/testgen/test/kinds/enums"
)

var slot component.Slot[Host]

// host keeps what it was given and answers with it.
type host struct {
	journey Journey
	wide    Wide
	err     error
}

func (h *host) Reverse(_ context.Context, j Journey) (Journey, error) {
	h.journey = clone(j)
	slices.Reverse(h.journey.Places)
	return h.journey, h.err
}

func (h *host) Sum(_ context.Context, w Wide) (uint64, error) {
	h.wide = w
	return w.A + w.Q, h.err
}

// clone copies what may be a view of guest memory.
func clone(j Journey) Journey {
	j.Parts.F2 = strings.Clone(j.Parts.F2)
	j.Home.Value.Name = strings.Clone(j.Home.Value.Name)
	places := j.Places
	j.Places = nil
	for _, p := range places {
		p.Name = strings.Clone(p.Name)
		j.Places = append(j.Places, p)
	}
	return j
}

func TestRecordsPassThroughTheABI(t *testing.T) {
	a, b := Place{1, -2, "a place"}, Place{-3, 4, "né"}
	full := Journey{
		Places: []Place{a, b}, Home: abi.Some(b), Heading: enums.DirectionWest, Cost: 1.5,
		Parts: abi.Tuple3[uint8, uint64, string]{F0: 255, F1: 1 << 63, F2: "parts"},
	}
	back := full
	back.Places = []Place{b, a}
	for _, tt := range []struct {
		name     string
		in, want Journey
	}{
		{"every field set", full, back},
		{"every field zero", Journey{}, Journey{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &host{}
			got, err := loop.Through(loop.New(1<<12, Host(h)), lowerReverse(slot), reverseParamsCodec, JourneyCodec, reverseParams{tt.in})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestParametersThatDoNotFitTheStackAreInMemory(t *testing.T) {
	h := &host{}
	w := Wide{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}
	got, err := loop.Through(loop.New(1<<12, Host(h)), lowerSum(slot), sumParamsCodec, abi.U64, sumParams{w})
	if err != nil {
		t.Fatal(err)
	}
	if got != 18 || h.wide != w {
		t.Errorf("got %d, and the host %v; want 18 and %v", got, h.wide, w)
	}
}

func TestTrapsNameTheParameterAndTheFieldInIt(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value int    // which core value of the journey
		is    uint64 // what the guest puts there
		kind  abi.TrapKind
		path  string
	}{
		{"a list outside memory", 0, 1 << 20, abi.TrapOutOfBounds, `param "j".places`},
		{"an option that is neither none nor some", 2, 2, abi.TrapDiscriminant, `param "j".home`},
		{"a case that an enum does not have", 7, 4, abi.TrapDiscriminant, `param "j".heading`},
		{"a text outside memory, in a tuple", 11, 1 << 20, abi.TrapOutOfBounds, `param "j".parts.2`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := make([]uint64, 14) // the journey's 13 and the result's address
			stack[1], stack[12] = 1, 1  // one place, a text of one letter
			stack[tt.value] = tt.is
			_, err := loop.New(1<<12, Host(&host{})).Call(lowerReverse(slot), stack...)
			trap := new(abi.Trap)
			if !errors.As(err, &trap) {
				t.Fatalf("error %v, want a trap", err)
			}
			if trap.Kind != tt.kind || trap.Path != tt.path {
				t.Errorf("trap %v at %q, want %v at %q", trap.Kind, trap.Path, tt.kind, tt.path)
			}
		})
	}
}

func TestAnErrorOfTheHostIsATrap(t *testing.T) {
	h := &host{err: errors.New("the host is out of order")}
	_, err := loop.New(1<<12, Host(h)).Call(lowerSum(slot), 1024)
	if !errors.Is(err, h.err) {
		t.Errorf("error %v, want %v", err, h.err)
	}
}
