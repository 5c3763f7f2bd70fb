package nnwitx

import (
	"fmt"
	"testing"

	"github.com/wasinn/wasinn/backends"
)

// TestEveryCodeHasAnErrno fails when a code is added and not mapped, and when
// a mapping gives numbers that its era does not have.
func TestEveryCodeHasAnErrno(t *testing.T) {
	reached := map[errno]bool{}
	for _, code := range backends.Codes() {
		e, mapped := errnos[code]
		if !mapped || e.today < invalidArgument || e.today > notFound || e.of2021 < 1 || e.of2021 > busy2021 {
			t.Errorf("code %s: today %d, of 2021 %d, mapped %t", code, e.today, e.of2021, mapped)
		}
		reached[e.today] = true
		err := fmt.Errorf("step: %w", &backends.Error{Code: code})
		if got := errnoOf(Auto, false, err); got != e.today {
			t.Errorf("code %s: errno %d, want %d", code, got, e.today)
		}
		if got := errnoOf(Auto, true, err); got != min(e.today, runtimeError) {
			t.Errorf("code %s clamped: errno %d", code, got)
		}
		if got := errnoOf(ABI2021, false, err); got != e.of2021 {
			t.Errorf("code %s of 2021: errno %d", code, got)
		}
	}
	if len(errnos) != len(backends.Codes()) {
		t.Errorf("%d codes are mapped, there are %d", len(errnos), len(backends.Codes()))
	}
	for _, err := range []error{errMissingMemory, errBusy} {
		reached[errnoOf(Auto, false, err)] = true
	}
	for e := invalidArgument; e <= notFound; e++ {
		if !reached[e] {
			t.Errorf("errno %d is never used", e)
		}
	}
	if errnoOf(Auto, true, nil) != success || errnoOf(Auto, false, fmt.Errorf("no code")) != runtimeError {
		t.Error("nil is success, and an error without a code a runtime-error")
	}
}

func TestABIWords(t *testing.T) {
	for _, a := range []ABI{Auto, ABI2021, ABI2023} {
		if got, err := ParseABI(a.String()); got != a || err != nil {
			t.Errorf("%s: %v, %v", a, got, err)
		}
	}
	if _, err := ParseABI("2022"); err == nil {
		t.Error("2022 was accepted")
	}
}

// TestSizesTellTheErasApart checks the table against the numberings that it
// has to serve: what each era means by a number, it finds by that size.
func TestSizesTellTheErasApart(t *testing.T) {
	wit := []backends.ElementType{
		backends.FP16, backends.FP32, backends.FP64, backends.BF16, backends.U8, backends.I32, backends.I64,
	}
	for _, numbering := range [][]backends.ElementType{numbering2021, numbering2023, wit} {
		for code, want := range numbering {
			for _, dims := range [][]uint32{nil, {3}, {2, 5}} {
				n := product(dims) * uint64(want.Size())
				if got, err := elementType(Auto, uint8(code), dims, n, 0); got != want || err != nil {
					t.Errorf("type %d with %d bytes for %v: %s, %v, want %s", code, n, dims, got, err, want)
				}
			}
		}
	}
}
