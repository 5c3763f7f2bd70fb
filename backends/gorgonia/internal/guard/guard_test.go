//go:build unix

package guard

import (
	"testing"
	"unsafe"
)

// failure is a test that notes its failure.
type failure struct {
	testing.TB
	failed bool
}

func (f *failure) Helper()               {}
func (f *failure) Fatalf(string, ...any) { f.failed = true }

func TestTouchingWhatIsBeyondFails(t *testing.T) {
	before, behind := Slice[int32](t, Before, 5), Slice[int32](t, Behind, 5)
	for _, tt := range []struct {
		name string
		at   *int32
		want bool
	}{
		{"the element before the first", (*int32)(unsafe.Add(unsafe.Pointer(&before[0]), -4)), true},
		{"the first", &before[0], false},
		{"the last", &behind[4], false},
		{"the element behind the last", (*int32)(unsafe.Add(unsafe.Pointer(&behind[4]), 4)), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for what, f := range map[string]func(){"read": func() { sink = *tt.at }, "written": func() { *tt.at = 1 }} {
				got := &failure{TB: t}
				if Run(got, what, f); got.failed != tt.want {
					t.Errorf("%s: failed is %v, want %v", what, got.failed, tt.want)
				}
			}
		})
	}
}

var sink int32
