//go:build !linux

package hostfs

import (
	"errors"
	"io"
)

// entriesAtOnce is how many entries are read from the system at a time.
const entriesAtOnce = 64

// read reads the next entries; more is false behind the last.
func (e *Entries) read() (more bool, err error) {
	list, err := e.dir.ReadDir(entriesAtOnce)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	for _, entry := range list {
		e.next = append(e.next, Entry{Name: entry.Name(), Type: entry.Type()})
	}
	return len(list) > 0, nil
}
