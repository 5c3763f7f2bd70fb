package preview1

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
)

func (g *Guest) fdRead(ctx context.Context, m Memory, p Params) Errno {
	d, e := g.data(p.u32(0), rightFdRead)
	if e != 0 {
		return e
	}
	v, e := m.vectors(p.u32(1), p.u32(2))
	if e == 0 {
		e = m.putUint32(p.u32(3), 0) // before anything is read
	}
	if e != 0 {
		return e
	}
	var n uint32
	if d.in != nil {
		n, e = readStream(ctx, d, &v)
	} else {
		n, e = g.readFile(ctx, d.file, &v)
	}
	if e != 0 {
		return e
	}
	return m.putUint32(p.u32(3), n)
}

func (g *Guest) fdPread(ctx context.Context, m Memory, p Params) Errno {
	d, e := g.file(p.u32(0), rightFdRead|rightFdSeek)
	if e != 0 {
		return e
	}
	v, at, e := g.positioned(d, m, p)
	if e != 0 {
		return e
	}
	n, e := g.readFile(ctx, at, &v)
	if e != 0 {
		return e
	}
	return m.putUint32(p.u32(4), n)
}

func (g *Guest) fdWrite(ctx context.Context, m Memory, p Params) Errno {
	d, e := g.data(p.u32(0), rightFdWrite)
	if e != 0 {
		return e
	}
	v, e := m.vectors(p.u32(1), p.u32(2))
	if e == 0 {
		e = m.putUint32(p.u32(3), 0) // before anything is written
	}
	if e != 0 {
		return e
	}
	w := d.out
	if d.file != nil {
		w = d.file
		if d.flags&flagAppend != 0 {
			// The system is not asked for O_APPEND, which changes where pwrite writes.
			if _, err := d.file.Seek(0, io.SeekEnd); err != nil {
				return errnoOf(err)
			}
		}
	}
	n, e := g.write(ctx, w, &v)
	if e != 0 {
		return e
	}
	return m.putUint32(p.u32(3), n)
}

func (g *Guest) fdPwrite(ctx context.Context, m Memory, p Params) Errno {
	d, e := g.file(p.u32(0), rightFdWrite|rightFdSeek)
	if e != 0 {
		return e
	}
	v, at, e := g.positioned(d, m, p)
	if e != 0 {
		return e
	}
	n, e := g.write(ctx, at, &v)
	if e != 0 {
		return e
	}
	return m.putUint32(p.u32(4), n)
}

// place is a place in a file, which moves as it is read or written.
type place struct {
	file   *os.File
	offset int64
}

func (a *place) Read(b []byte) (int, error) {
	n, err := a.file.ReadAt(b, a.offset)
	a.offset += int64(n)
	return n, err
}

func (a *place) Write(b []byte) (int, error) {
	n, err := a.file.WriteAt(b, a.offset)
	a.offset += int64(n)
	return n, err
}

// positioned reads the arguments of fd_pread and fd_pwrite.
func (g *Guest) positioned(d *descriptor, m Memory, p Params) (vectors, *place, Errno) {
	v, e := m.vectors(p.u32(1), p.u32(2))
	if e != 0 {
		return v, nil, e
	}
	if p.u64(3) > math.MaxInt64-v.total {
		return v, nil, errInval
	}
	g.place = place{d.file, int64(p.u64(3))}
	return v, &g.place, m.putUint32(p.u32(4), 0)
}

// gatherSize is up to how many bytes several buffers are read or written as one:
// copying them takes less time than a system call for each.
const gatherSize = 16 << 10

// gathers tells whether buffers are moved as one, through the guest's scratch.
func (g *Guest) gathers(v *vectors) bool {
	if v.len() < 2 || v.total > gatherSize {
		return false
	}
	if g.scratch == nil {
		g.scratch = make([]byte, gatherSize)
	}
	return true
}

// write writes buffers straight from the guest's memory. When something was
// written before an error, it is the next write's to complain of.
func (g *Guest) write(ctx context.Context, w io.Writer, v *vectors) (n uint32, e Errno) {
	if g.gathers(v) {
		size := 0
		for i := range v.len() {
			size += copy(g.scratch[size:], v.at(i))
		}
		return writeAll(ctx, w, g.scratch[:size])
	}
	for i := range v.len() {
		k, e := writeAll(ctx, w, v.at(i))
		if n += k; e == Interrupted || e != 0 && n == 0 {
			return 0, e
		} else if e != 0 {
			break
		}
	}
	return n, 0
}

// writeAll writes a buffer, in pieces.
func writeAll(ctx context.Context, w io.Writer, b []byte) (n uint32, e Errno) {
	for len(b) > 0 {
		k, err := w.Write(b[:min(len(b), pieceSize)])
		if k < 0 || k > len(b) {
			return n, errIo // no writer that keeps to its contract
		}
		n += uint32(k)
		switch b = b[k:]; {
		case err != nil && n == 0:
			return 0, writeErrno(err)
		case err != nil || k == 0:
			return n, 0
		case len(b) > 0 && ctx.Err() != nil:
			return n, Interrupted
		}
	}
	return n, 0
}

// writeErrno is the errno of a stream's error, which may be of another kind than
// those of files.
func writeErrno(err error) Errno {
	if errors.Is(err, io.ErrClosedPipe) {
		return errPipe
	}
	return errnoOf(err)
}

// readFile reads into buffers, straight in the guest's memory, what a file has.
func (g *Guest) readFile(ctx context.Context, r io.Reader, v *vectors) (n uint32, e Errno) {
	if g.gathers(v) {
		got, err := r.Read(g.scratch[:v.total])
		if got == 0 && err != nil && err != io.EOF {
			return 0, errnoOf(err)
		}
		return scatter(v, g.scratch[:got]), 0
	}
	for i := range v.len() {
		b := v.at(i)
		for len(b) > 0 {
			piece := b[:min(len(b), pieceSize)]
			got, err := r.Read(piece)
			n += uint32(got)
			switch {
			case err != nil && err != io.EOF && n == 0:
				return 0, errnoOf(err)
			case err != nil || got < len(piece):
				return n, 0
			}
			if b = b[got:]; len(b) > 0 && ctx.Err() != nil {
				return n, Interrupted
			}
		}
	}
	return n, 0
}

// scatter copies what was read to buffers.
func scatter(v *vectors, from []byte) (n uint32) {
	for i := range v.len() {
		k := copy(v.at(i), from)
		from = from[k:]
		n += uint32(k)
	}
	return n
}

// readStream reads into buffers what a stream has, and waits only while that is
// nothing.
func readStream(ctx context.Context, d *descriptor, v *vectors) (n uint32, e Errno) {
	for i := range v.len() {
		b := v.at(i)
		if len(b) == 0 {
			continue
		}
		k, e := d.in.read(ctx, b, n == 0 && d.flags&flagNonblock == 0)
		n += uint32(k)
		switch {
		case e != 0 && n == 0:
			return 0, e
		case k < len(b):
			return n, 0
		}
	}
	return n, 0
}
