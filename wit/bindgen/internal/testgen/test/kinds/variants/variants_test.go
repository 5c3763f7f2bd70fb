package variants

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/wit/bindgen/internal/loop"
	"github.com/wasinn/wasinn/wit/bindgen/internal/testgen/test/kinds/records"
)

var slot component.Slot[Host]

// host gives back what it was given, kept.
type host struct{ given Shape }

func (h *host) Grow(_ context.Context, s Shape, _ float32) (Shape, error) {
	h.given = s
	h.given.Label = strings.Clone(s.Label)
	h.given.Polygon = nil
	for _, p := range s.Polygon {
		p.Name = strings.Clone(p.Name)
		h.given.Polygon = append(h.given.Polygon, p)
	}
	return h.given, nil
}

func (h *host) Area(_ context.Context, s Shape) (float64, error) { return float64(s.Tag), nil }

func TestEveryCasePassesThroughTheABI(t *testing.T) {
	for _, s := range []Shape{
		ShapeEmpty(),
		ShapeCircle(2.5),
		ShapePolygon([]records.Place{{X: 1, Y: 2, Name: "corner"}, {X: math.MinInt32, Y: math.MaxInt32}}),
		ShapeLabel("a label"),
		ShapeExact(math.Pi),
	} {
		t.Run(s.Tag.String(), func(t *testing.T) {
			h := &host{}
			got, err := loop.Through(loop.New(1<<12, Host(h)), lowerGrow(slot), growParamsCodec, ShapeCodec, growParams{s: s, factor: 2})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, s) || !reflect.DeepEqual(h.given, s) {
				t.Errorf("the host was given %+v and the caller got %+v, want %+v", h.given, got, s)
			}
		})
	}
}

func TestACaseThatDoesNotExistTraps(t *testing.T) {
	g := loop.New(1<<12, Host(&host{}))
	_, err := g.Call(lowerArea(slot), 5, 0, 0)
	trap := new(abi.Trap)
	if !errors.As(err, &trap) || trap.Kind != abi.TrapDiscriminant || trap.Path != `param "s"` {
		t.Errorf("error %v, want an invalid discriminant of s", err)
	}
}

func TestTagsPrintTheirNames(t *testing.T) {
	for tag, want := range map[ShapeTag]string{ShapeTagPolygon: "polygon", 9: "case(9)"} {
		if got := tag.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
