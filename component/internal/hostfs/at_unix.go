//go:build unix

package hostfs

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dontWait opens a pipe without waiting for its other end.
const dontWait = unix.O_NONBLOCK

// parent opens the directory that a path's last name is in, and returns that
// name. The caller closes the directory. The error is dots when the name is "."
// or "..", which are not in a directory as others are.
func (d *Dir) parent(p path, dots syscall.Errno) (*os.File, string, error) {
	dir, base := p.split()
	if base == "." || base == ".." {
		return nil, "", dots
	}
	f, err := d.root.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, "", clean(err)
	}
	return f, base, nil
}

// Unlink removes a file or a symbolic link, but no directory.
func (d *Dir) Unlink(path string) error {
	p, err := d.change(path)
	if err != nil {
		return err
	}
	if p.mustBeDir {
		if _, err := d.lookup(p, true); err != nil {
			return err
		}
		return syscall.EISDIR
	}
	return d.unlinkAt(p, 0)
}

// Rmdir removes an empty directory.
func (d *Dir) Rmdir(path string) error {
	p, err := d.change(path)
	if err != nil {
		return err
	}
	return d.unlinkAt(p, unix.AT_REMOVEDIR)
}

func (d *Dir) unlinkAt(p path, flags int) error {
	f, base, err := d.parent(p, syscall.EINVAL)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Unlinkat(int(f.Fd()), base, flags)
}

// Rename moves oldPath to newPath below to, replacing what is there.
func (d *Dir) Rename(oldPath string, to *Dir, newPath string) error {
	return d.pair(oldPath, to, newPath, func(from int, a string, to int, b string) error {
		return unix.Renameat(from, a, to, b)
	})
}

// Link makes newPath below to a hard link to oldPath. Links are not followed.
func (d *Dir) Link(oldPath string, to *Dir, newPath string) error {
	if len(newPath) > 0 && newPath[len(newPath)-1] == '/' {
		return syscall.ENOENT
	}
	return d.pair(oldPath, to, newPath, func(from int, a string, to int, b string) error {
		return unix.Linkat(from, a, to, b, 0)
	})
}

// pair opens the parents of two paths and calls do with them.
func (d *Dir) pair(oldPath string, to *Dir, newPath string, do func(from int, a string, to int, b string) error) error {
	p, err := d.change(oldPath)
	if err != nil {
		return err
	}
	q, err := to.change(newPath)
	if err != nil {
		return err
	}
	if p.mustBeDir || q.mustBeDir {
		info, err := d.lookup(path{text: p.text}, false) // a link to a directory is none
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return syscall.ENOTDIR
		}
	}
	from, a, err := d.parent(p, syscall.EBUSY)
	if err != nil {
		return err
	}
	defer from.Close()
	into, b, err := to.parent(q, syscall.EBUSY)
	if err != nil {
		return err
	}
	defer into.Close()
	return do(int(from.Fd()), a, int(into.Fd()), b)
}

// setLinkTimes changes the times of a symbolic link itself.
func (d *Dir) setLinkTimes(p path, access, modification time.Time) error {
	info, err := d.lookup(p, false)
	if err != nil {
		return err
	}
	if access.IsZero() {
		access = DetailsOf(info).Access
	}
	if modification.IsZero() {
		modification = info.ModTime()
	}
	f, base, err := d.parent(p, syscall.EINVAL)
	if err != nil {
		return err
	}
	defer f.Close()
	times := []unix.Timespec{unix.NsecToTimespec(access.UnixNano()), unix.NsecToTimespec(modification.UnixNano())}
	return unix.UtimesNanoAt(int(f.Fd()), base, times, unix.AT_SYMLINK_NOFOLLOW)
}
