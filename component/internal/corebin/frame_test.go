package corebin

import "testing"

func TestFrameName(t *testing.T) {
	for _, c := range []struct {
		line  string
		ticks bool
		want  string
	}{
		{".$71(i32) i32", true, "function 70"},
		{".$71(i32) i32", false, "function 71"},
		{".$3()", true, "function 2"},
		{"guest.parse(i32,i32)", true, `function "parse"`},
		{".two(i32) (i32,i64)", true, `function "two"`},
		{".std::vector<int>::at(unsigned int)(i32,i32) i32", true, `function "std::vector<int>::at(unsigned int)"`},
		{"\t.bad\x1b[31m(i32)", true, `function "bad\x1b[31m"`},
		{"", true, `function ""`},
	} {
		if got := FrameName(c.line, c.ticks); got != c.want {
			t.Errorf("FrameName(%q, %v) = %s, want %s", c.line, c.ticks, got, c.want)
		}
	}
}
