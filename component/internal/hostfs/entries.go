package hostfs

import (
	"io"
	"io/fs"
	"os"
)

// Entries yields the directory's entries, without "." and "..", in the order
// of the system; the sequence ends after its first error.
func (d *Dir) Entries() (*Entries, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, clean(err)
	}
	return &Entries{dir: f}, nil
}

// Entry is a name in a directory with what the directory itself says of it.
type Entry struct {
	Name  string
	Type  fs.FileMode // its type bits
	Inode uint64      // 0 where the directory does not say
}

// Entries reads a directory a part at a time.
type Entries struct {
	dir  *os.File
	buf  []byte // what the system has written
	next []Entry
}

// Next returns the next entry, or io.EOF behind the last.
func (e *Entries) Next() (Entry, error) {
	for len(e.next) == 0 {
		more, err := e.read()
		if err != nil {
			return Entry{}, err
		}
		if !more {
			return Entry{}, io.EOF
		}
	}
	entry := e.next[0]
	e.next = e.next[1:]
	return entry, nil
}

// Rewind goes back to the first entry, of the directory as it is then.
func (e *Entries) Rewind() error {
	e.next = nil
	_, err := e.dir.Seek(0, io.SeekStart)
	return err
}

// Close closes the directory that is read.
func (e *Entries) Close() error { return e.dir.Close() }
