package invariants

import (
	"fmt"
	"testing"
)

func TestCheckPanicsInItsBuildOnly(t *testing.T) {
	for _, c := range []struct {
		name string
		ok   bool
		want any
	}{
		{"what holds", true, nil},
		{"what does not", false, "invariant broken: 3 files are open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.want
			if !Enabled {
				want = nil
			}
			defer func() {
				if got := recover(); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("panicked with %v, want %v", got, want)
				}
			}()
			Check(c.ok, "%d files are open", 3)
		})
	}
}
