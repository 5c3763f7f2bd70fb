package wit

import (
	"strings"
	"testing"
)

// FuzzJoin: join never panics, and keeps every source where the count of its
// lines says, so that relocate finds it again.
func FuzzJoin(f *testing.F) {
	for _, text := range []string{
		"package a:b;", "// c\npackage a:b; interface i {}\n", "/* ; */package a:b@1.0.0-rc;\n\n", "package", "/*", "//", "package ;;", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := Source{Path: "fuzz.wit", Text: text}
		last := Source{Path: "last.wit", Text: "package z:z;"}
		joined, err := join([]Source{s, last})
		if err != nil {
			return
		}
		at := strings.Count(joined[:strings.LastIndex(joined, "package z:z{")], "\n") + 1
		if want := 1 + lines(s) + 1; at != want {
			t.Errorf("the last source is on line %d, want %d", at, want)
		}
	})
}

func TestRelocate(t *testing.T) {
	sources := []Source{{"a.wit", "package a:a;\n\n"}, {"b.wit", "package b:b;"}}
	for _, tt := range []struct{ name, in, want string }{
		{"the first line of the first source", "at <stdin>:2:7", "at a.wit:1:7"},
		{"the last line of the first source", "at <stdin>:4:1", "at a.wit:3:1"},
		{"the brace that join adds is of its source", "at <stdin>:5:1", "at a.wit:4:1"},
		{"the first line of the second source", "at <stdin>:6:1", "at b.wit:1:1"},
		{"a line behind all sources stays", "at <stdin>:99:1", "at <stdin>:99:1"},
		{"a number that is none stays", "at <stdin>:99999999999999999999:1", "at <stdin>:99999999999999999999:1"},
		{"a text without a position", "no position", "no position"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := relocate(tt.in, sources); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
