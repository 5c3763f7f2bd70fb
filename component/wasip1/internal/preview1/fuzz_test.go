package preview1

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// program is what a fuzzer's bytes say: calls, each of a function with
// arguments.
type program struct{ b []byte }

func (p *program) byte() byte {
	if len(p.b) == 0 {
		return 0
	}
	b := p.b[0]
	p.b = p.b[1:]
	return b
}

// argument is a number that is often near something: a descriptor, a place in
// memory, an end of a range.
func (p *program) argument(size int) uint64 {
	switch b := p.byte(); {
	case b < 64:
		return uint64(b)
	case b < 128:
		return uint64(b-64) * 64
	case b < 160:
		return uint64(size) - uint64(b-128)
	case b < 192:
		return uint64(1)<<(2*(b-160)) - 1
	case b < 224:
		return -uint64(b - 192)
	}
	return uint64(p.byte()) | uint64(p.byte())<<8 | uint64(p.byte())<<24 | uint64(p.byte())<<40
}

// FuzzFunctions calls functions with random arguments over a random memory, in
// a folder that may be written and one beside it that may be read, with links
// from the one to the other. Nothing panics or waits beyond its context, the
// folder for reading stays as it is, and what is open is counted right and closed
// in the end.
func FuzzFunctions(f *testing.F) {
	paths := []byte("a.txt\x00sub/../../secret/key\x00out/key\x00new\x00sub\x00..\x00link\x00")
	for i := 0; i < len(Functions); i += 5 {
		var calls []byte
		for k := range 5 {
			calls = append(calls, byte(i+k), 3, 0, 64, 5, 6, 4, 9, byte(i+k), 4, 1, 130, 5, 65, 200, 192, 64)
		}
		f.Add(calls, paths)
	}
	f.Fuzz(func(t *testing.T, calls, memory []byte) {
		granted := tree(t)
		readOnly := filepath.Join(granted, "../secret")
		g, err := NewGuest(Config{
			Args: []string{"guest", "x"}, Env: []string{"A=B"}, Stdin: strings.NewReader("input"), Stdout: new(bytes.Buffer),
			Dirs: []Preopen{{granted, "/", false}, {readOnly, "/ro", true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, readOnly)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		m := make(Memory, 8192)
		copy(m, memory)
		p := program{calls}
		for range 64 {
			if len(p.b) == 0 {
				break
			}
			function := &Functions[int(p.byte())%len(Functions)]
			args := make(Params, max(1, len(function.Params)))
			for i := range args {
				args[i] = p.argument(len(m))
			}
			if grows(function.Name, args) {
				continue
			}
			if e := function.Call(g, ctx, m, args); e == Interrupted && ctx.Err() == nil {
				t.Errorf("%s%v is interrupted by nobody", function.Name, args)
			}
			check(t, g)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if g.fds.open != 0 {
			t.Errorf("%d are counted as open in the end", g.fds.open)
		}
		if after := snapshot(t, readOnly); !slices.Equal(after, before) {
			t.Errorf("the folder for reading is now %q, was %q", after, before)
		}
		left, err := os.ReadDir(filepath.Join(granted, ".."))
		if err != nil || len(left) != 2 {
			t.Errorf("beside the granted folders there is %v (%v)", left, err)
		}
	})
}

// grows tells whether a call would make a file too large to be looked at.
func grows(name string, p Params) bool {
	const limit = 1 << 20
	switch name {
	case "fd_filestat_set_size":
		return p[1] > limit
	case "fd_allocate":
		return p[1] > limit || p[2] > limit
	case "fd_pwrite":
		return p[3] > limit
	case "fd_seek":
		return int64(p[1]) > limit
	}
	return false
}

// check compares what is counted as open with what is.
func check(t *testing.T, g *Guest) {
	open := 0
	for _, d := range g.fds.entries {
		if d == nil {
			continue
		}
		open++
		if d.listing != nil && d.listing.entries != nil {
			open++
		}
	}
	if open != g.fds.open {
		t.Fatalf("%d are open and %d counted", open, g.fds.open)
	}
}
