package preview1

import (
	"errors"
	"io"
	"os"

	"github.com/wasinn/wasinn/component/internal/hostfs"
)

// descriptor is what a number in the table stands for: one of file, dir, in and
// out is not nil.
type descriptor struct {
	file *os.File
	dir  *hostfs.Dir
	in   *input
	out  io.Writer

	base, inheriting rights
	flags            fdFlags
	kind             fileType // of in and out; unknown but for terminals
	borrowed         bool     // file is the host's, which closes it
	readOnly         bool     // file is in a folder that was granted for reading only

	preopen bool
	name    string // of a preopen, as the guest knows it
	listing *listing
}

func dirDescriptor(d *hostfs.Dir, inheriting rights) *descriptor {
	return &descriptor{dir: d, base: dirRights & inheriting, inheriting: inheriting}
}

// close closes what the descriptor has opened.
func (d *descriptor) close(t *table) error {
	var err error
	if d.listing != nil {
		err = d.listing.close(t)
	}
	switch {
	case d.dir != nil:
		return errors.Join(err, d.dir.Close())
	case d.file != nil && !d.borrowed:
		return errors.Join(err, d.file.Close())
	}
	return err
}

// table maps numbers to descriptors. The zero table is empty.
type table struct {
	entries []*descriptor // nil where a number is free
	lowest  int           // no number below it is free
	open    int           // descriptors and listings
}

// take counts something that is about to be opened.
func (t *table) take() Errno {
	if t.open >= MaxOpen {
		return errMfile
	}
	t.open++
	return 0
}

// release takes back what take counted.
func (t *table) release() { t.open-- }

// insert gives a descriptor the lowest number that is free, as POSIX does.
func (t *table) insert(d *descriptor) (uint32, Errno) {
	if e := t.take(); e != 0 {
		return 0, e
	}
	for t.lowest < len(t.entries) && t.entries[t.lowest] != nil {
		t.lowest++
	}
	if t.lowest == len(t.entries) {
		t.entries = append(t.entries, nil)
	}
	t.entries[t.lowest] = d
	t.lowest++
	return uint32(t.lowest - 1), 0
}

// get returns the descriptor of a number.
func (t *table) get(fd uint32) (*descriptor, Errno) {
	if uint64(fd) >= uint64(len(t.entries)) || t.entries[fd] == nil {
		return nil, errBadf
	}
	return t.entries[fd], 0
}

// close frees a number.
func (t *table) close(fd uint32) Errno {
	d, e := t.get(fd)
	if e != 0 {
		return e
	}
	t.entries[fd] = nil
	t.lowest = min(t.lowest, int(fd))
	t.release()
	return errnoOf(d.close(t))
}

// renumber moves a descriptor to another number in use, which it closes.
func (t *table) renumber(from, to uint32) Errno {
	d, e := t.get(from)
	if e != 0 {
		return e
	}
	replaced, e := t.get(to)
	if e != 0 || from == to {
		return e
	}
	t.entries[to], t.entries[from] = d, nil
	t.lowest = min(t.lowest, int(from))
	t.release()
	return errnoOf(replaced.close(t))
}

func (t *table) closeAll() error {
	var errs []error
	for _, d := range t.entries {
		if d != nil {
			errs = append(errs, d.close(t))
		}
	}
	*t = table{}
	return errors.Join(errs...)
}

// may checks that a descriptor has rights. One that was not opened for reading
// or writing is a bad descriptor, as in POSIX.
func (d *descriptor) may(needed rights) Errno {
	switch missing := needed &^ d.base; {
	case missing == 0:
		return 0
	case missing&(rightFdRead|rightFdWrite) != 0:
		return errBadf
	}
	return errNotcapable
}

// data returns a file or a stream with the rights that are needed.
func (g *Guest) data(fd uint32, needed rights) (*descriptor, Errno) {
	d, e := g.fds.get(fd)
	switch {
	case e != 0:
		return nil, e
	case d.dir != nil:
		return nil, errIsdir
	}
	return d, d.may(needed)
}

// file returns a file with the rights that are needed, and no stream.
func (g *Guest) file(fd uint32, needed rights) (*descriptor, Errno) {
	d, e := g.fds.get(fd)
	switch {
	case e != 0:
		return nil, e
	case d.dir != nil:
		return nil, errIsdir
	case d.file == nil:
		return nil, errSpipe
	}
	return d, d.may(needed)
}

// dir returns a directory with the rights that are needed.
func (g *Guest) dir(fd uint32, needed rights) (*descriptor, Errno) {
	d, e := g.fds.get(fd)
	switch {
	case e != 0:
		return nil, e
	case d.dir == nil:
		return nil, errNotdir
	}
	return d, d.may(needed)
}
