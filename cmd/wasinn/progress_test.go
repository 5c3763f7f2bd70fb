package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// at is a progress that began long ago or just now.
func at(ago time.Duration, terminal, quiet bool) (*progress, *bytes.Buffer) {
	var b bytes.Buffer
	return &progress{w: &b, terminal: terminal, quiet: quiet, started: time.Now().Add(-ago)}, &b
}

func TestProgress(t *testing.T) {
	step := pkgfetch.Progress{Stage: pkgfetch.Downloading, Source: "npm x@1.0.0", Done: 3_100_000, Total: 11_400_000}
	for _, test := range []struct {
		name            string
		ago             time.Duration
		terminal, quiet bool
		want            string
	}{
		{"work that has just begun is not mentioned", 0, true, false, ""},
		{"a second is long on a terminal", time.Second, true, false,
			"\rdownloading npm x@1.0.0 3.1 of 11.4 MB (27 %)\r                                             \r"},
		{"a second is not long elsewhere", time.Second, false, false, ""},
		{"a line elsewhere", time.Minute, false, false, "downloading npm x@1.0.0 3.1 of 11.4 MB (27 %)\n"},
		{"a line of a terminal, taken away again", time.Minute, true, false,
			"\rdownloading npm x@1.0.0 3.1 of 11.4 MB (27 %)\r                                             \r"},
		{"nothing when quiet", time.Minute, true, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, b := at(test.ago, test.terminal, test.quiet)
			p.fetch(step)
			p.fetch(step) // too soon after the first
			p.end()
			if b.String() != test.want {
				t.Errorf("%q, want %q", b, test.want)
			}
		})
	}
}

func TestAmounts(t *testing.T) {
	for _, test := range []struct {
		done, total int64
		want        string
	}{{0, 0, ""}, {2_000_000, 0, " 2.0 MB"}, {0, 4_000_000, " 0.0 of 4.0 MB (0 %)"}, {4_000_000, 4_000_000, " 4.0 of 4.0 MB (100 %)"}} {
		if got := amount(test.done, test.total); got != test.want {
			t.Errorf("%d of %d: %q, want %q", test.done, test.total, got, test.want)
		}
	}
}

func TestProgressDuringSilentWorkEnds(t *testing.T) {
	p, b := at(0, true, false)
	report, end := p.during("compiling")
	report(1, 2)
	end()
	if b.Len() != 0 {
		t.Errorf("short work shows %q", b)
	}
}
