package preview1

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/wasinn/wasinn/component/internal/hostfs"
)

// fdReaddir stores entries, each a header with its name behind it; the last one
// is cut off where the buffer ends. A cookie is the number of an entry, "." and
// ".." being 0 and 1.
func (g *Guest) fdReaddir(ctx context.Context, m Memory, p Params) Errno {
	d, e := g.dir(p.u32(0), rightFdReaddir)
	if e != 0 {
		return e
	}
	b, ok := m.bytes(p.u32(1), p.u32(2))
	if !ok {
		return errFault
	}
	if e := m.putUint32(p.u32(4), 0); e != 0 {
		return e
	}
	if d.listing == nil {
		d.listing = &listing{index: firstEntry - 1}
	}
	cookie := p.u64(3)
	if cookie == 0 {
		if err := d.listing.rewind(); err != nil {
			return errnoOf(err)
		}
	}
	used := 0
	for ; used < len(b); cookie++ {
		entry, err := d.listing.at(ctx, &g.fds, d.dir, cookie)
		switch {
		case errors.Is(err, io.EOF):
			return m.putUint32(p.u32(4), uint32(used))
		case errors.Is(err, errInterrupted):
			return Interrupted
		case errors.Is(err, errTooMany):
			return errMfile
		case err != nil:
			return errnoOf(err)
		}
		h := header(entry, cookie+1)
		used += copy(b[used:], h[:])
		used += copy(b[used:], entry.Name)
	}
	return m.putUint32(p.u32(4), uint32(used))
}

// header is what stands before an entry's name.
func header(e hostfs.Entry, next uint64) (h [24]byte) {
	le.PutUint64(h[:], next)
	le.PutUint64(h[8:], e.Inode)
	le.PutUint32(h[16:], uint32(len(e.Name)))
	h[20] = byte(fileTypeOf(e.Type))
	return h
}

// listing reads a directory from the front to the back. It keeps the entry that
// it came to last, which a guest with a full buffer asks for again.
type listing struct {
	entries *hostfs.Entries // nil before the first look
	current hostfs.Entry
	index   uint64 // of current; firstEntry-1 at the front
	ended   bool   // current is the last
}

// firstEntry is the number of the first entry of a directory, behind the dots.
const firstEntry = 2

var (
	errInterrupted = errors.New("the context has ended")
	errTooMany     = errors.New("too many open files")
)

// rewind goes back to the front, of the directory as it is then.
func (l *listing) rewind() error {
	l.index, l.ended = firstEntry-1, false
	if l.entries == nil {
		return nil
	}
	return l.entries.Rewind()
}

// open opens the directory, unless that was done.
func (l *listing) open(t *table, dir *hostfs.Dir) error {
	if l.entries != nil {
		return nil
	}
	if t.take() != 0 {
		return errTooMany
	}
	entries, err := dir.Entries()
	if err != nil {
		t.release()
		return err
	}
	l.entries = entries
	return nil
}

func (l *listing) close(t *table) error {
	if l.entries == nil {
		return nil
	}
	t.release()
	return l.entries.Close()
}

// at returns the entry of a number, or io.EOF behind the last.
func (l *listing) at(ctx context.Context, t *table, dir *hostfs.Dir, i uint64) (hostfs.Entry, error) {
	switch i {
	case 0:
		info, err := dir.Self()
		if err != nil {
			return hostfs.Entry{}, err
		}
		return hostfs.Entry{Name: ".", Type: fs.ModeDir, Inode: hostfs.DetailsOf(info).Inode}, nil
	case 1:
		return hostfs.Entry{Name: "..", Type: fs.ModeDir}, nil // what is above is not the guest's
	}
	if err := l.open(t, dir); err != nil {
		return hostfs.Entry{}, err
	}
	if i < l.index {
		if err := l.rewind(); err != nil {
			return hostfs.Entry{}, err
		}
	}
	for l.index < i {
		if err := l.step(ctx, dir); err != nil {
			return hostfs.Entry{}, err
		}
	}
	return l.current, nil
}

// step goes to the next entry.
func (l *listing) step(ctx context.Context, dir *hostfs.Dir) error {
	switch {
	case l.ended:
		return io.EOF
	case l.index%64 == 0 && ctx.Err() != nil:
		return errInterrupted
	}
	next, err := l.entries.Next()
	if err != nil {
		l.ended = errors.Is(err, io.EOF)
		return err
	}
	if next.Inode == 0 {
		if info, err := dir.Stat(next.Name, false); err == nil {
			next.Inode = hostfs.DetailsOf(info).Inode
		}
	}
	l.current = next
	l.index++
	return nil
}
