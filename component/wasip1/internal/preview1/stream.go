package preview1

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"

	"github.com/wasinn/wasinn/component/internal/pump"
)

// input is a stream that a guest reads: one of direct and pump is not nil.
type input struct {
	direct io.Reader // never waits
	pump   *pump.Pump
}

// inputDescriptor makes a standard stream of a reader; nil is one at its end.
func (g *Guest) inputDescriptor(r io.Reader) *descriptor {
	d := &descriptor{base: streamRights | rightFdRead}
	switch r := r.(type) {
	case nil:
		d.in = &input{direct: strings.NewReader("")}
		return d
	case *bytes.Buffer, *bytes.Reader, *strings.Reader:
		d.in = &input{direct: r}
		return d
	case *os.File:
		if regular(r) {
			d.file, d.borrowed = r, true
			d.base = fileRights &^ writeRights &^ rightFdFilestatSetTimes
			return d
		}
	}
	d.in = &input{pump: pump.New(r)}
	g.streams = append(g.streams, d.in.pump)
	return d
}

// outputDescriptor makes a standard stream of a writer; nil takes everything and
// keeps nothing.
func outputDescriptor(w io.Writer) *descriptor {
	d := &descriptor{base: streamRights | rightFdWrite, out: w}
	switch w := w.(type) {
	case nil:
		d.out = io.Discard
	case *os.File:
		if regular(w) {
			d.file, d.out, d.borrowed = w, nil, true
			d.base = fileRights &^ rightFdRead &^ (writeRights &^ rightFdWrite) &^ rightFdFilestatSetTimes
		}
	}
	return d
}

// regular tells whether a file of the host is a regular one.
func regular(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// read returns what there is: 0 at the end. When that is nothing yet it waits,
// or the errno is errAgain.
func (in *input) read(ctx context.Context, b []byte, wait bool) (int, Errno) {
	if in.direct != nil {
		n, err := in.direct.Read(b)
		return n, readErrno(n, err)
	}
	for {
		got, err := in.pump.Take(len(b))
		switch {
		case len(got) > 0 || err != nil:
			return copy(b, got), readErrno(len(got), err)
		case !wait:
			return 0, errAgain
		}
		if e := waitFor(ctx, in.pump.Pending()); e != 0 {
			return 0, e
		}
	}
}

func readErrno(n int, err error) Errno {
	if n > 0 || err == io.EOF {
		return 0
	}
	return errnoOf(err)
}

// waitFor waits for a channel to be closed; nil does not wait.
func waitFor(ctx context.Context, ch <-chan struct{}) Errno {
	if ch == nil {
		return 0
	}
	select {
	case <-ch:
		return 0
	case <-ctx.Done():
		return Interrupted
	}
}
