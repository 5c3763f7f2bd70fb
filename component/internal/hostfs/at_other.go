//go:build !unix

package hostfs

import (
	"io/fs"
	"syscall"
	"time"
)

// dontWait is nothing here: opening waits for no other end.
const dontWait = 0

// Unlink removes a file or a symbolic link, but no directory.
func (d *Dir) Unlink(path string) error {
	p, err := d.change(path)
	if err != nil {
		return err
	}
	info, err := d.lookup(p, false)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return syscall.EISDIR
	}
	return clean(d.root.Remove(p.text))
}

// Rmdir removes an empty directory.
func (d *Dir) Rmdir(path string) error {
	p, err := d.change(path)
	if err != nil {
		return err
	}
	info, err := d.lookup(p, false)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return syscall.ENOTDIR
	}
	return clean(d.root.Remove(p.text))
}

// Rename moves oldPath to newPath. Here it works within one opened directory.
func (d *Dir) Rename(oldPath string, to *Dir, newPath string) error {
	return d.pair(oldPath, to, newPath, d.root.Rename)
}

// Link makes newPath a hard link to oldPath. Here it works within one opened
// directory.
func (d *Dir) Link(oldPath string, to *Dir, newPath string) error {
	return d.pair(oldPath, to, newPath, d.root.Link)
}

func (d *Dir) pair(oldPath string, to *Dir, newPath string, do func(a, b string) error) error {
	p, err := d.change(oldPath)
	if err != nil {
		return err
	}
	q, err := to.change(newPath)
	if err != nil {
		return err
	}
	if to != d {
		return syscall.EXDEV
	}
	return clean(do(p.text, q.text))
}

func (d *Dir) setLinkTimes(p path, access, modification time.Time) error {
	return &fs.PathError{Op: "utimensat", Path: p.text, Err: syscall.ENOTSUP}
}
