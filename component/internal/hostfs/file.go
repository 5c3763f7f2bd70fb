package hostfs

import (
	"os"
	"sync"
)

// File is an opened file that a descriptor and the streams made of it share:
// it closes with the last of them.
type File struct {
	*os.File
	mu     sync.Mutex
	users  int
	closed func()
}

// NewFile makes a File with one user; closed is called when it has closed.
func NewFile(f *os.File, closed func()) *File { return &File{File: f, users: 1, closed: closed} }

// Use adds a user, who calls Close once.
func (f *File) Use() *File {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users++
	return f
}

// Close takes a user away, and closes the file with the last.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users--; f.users > 0 {
		return nil
	}
	f.closed()
	return f.File.Close()
}
