// Package hostfs gives a guest a directory of the host and nothing outside it.
//
// A [Dir] is a directory that was opened; every path is relative to it. No
// path, symbolic link, hard link or rename leaves it: [os.Root] resolves each
// path, and what it has no method for is done on an opened parent directory and
// a last name without slashes.
//
// Errors wrap a [syscall.Errno] where the system gave one, or [ErrEscapes],
// [ErrReadOnly] or [ErrSpecialFile].
package hostfs

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
)

var (
	// ErrEscapes is a path that leaves its directory: absolute, or going up
	// beyond it by ".." or by a symbolic link.
	ErrEscapes = errors.New("path leaves its directory")
	// ErrReadOnly is a change to a directory that was granted for reading only.
	ErrReadOnly = errors.New("directory is granted for reading only")
	// ErrSpecialFile is an attempt to open a pipe, a socket or a device, on which a
	// guest could wait for ever, or which may do anything.
	ErrSpecialFile = errors.New("pipes, sockets and devices cannot be opened")
)

// Dir is an opened directory. Its methods are safe for concurrent use.
type Dir struct {
	root     *os.Root
	readOnly bool
}

// Open opens a directory of the host.
func Open(path string, readOnly bool) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Dir{root, readOnly}, nil
}

// Close closes the directory; directories and files opened from it stay open.
func (d *Dir) Close() error { return d.root.Close() }

// ReadOnly reports whether nothing below the directory may be changed.
func (d *Dir) ReadOnly() bool { return d.readOnly }

// OpenOptions say how [Dir.OpenAt] opens.
type OpenOptions struct {
	Follow                                 bool // follow a symbolic link in the last place
	Create, Exclusive, Truncate, Directory bool
	Read, Write                            bool
	Sync                                   bool // writes return when they are on the disk
}

// special are the kinds of files that are not opened.
const special = fs.ModeNamedPipe | fs.ModeSocket | fs.ModeDevice | fs.ModeCharDevice

// OpenAt opens a file or a directory: exactly one of the results is not nil.
func (d *Dir) OpenAt(path string, o OpenOptions) (*os.File, *Dir, error) {
	p, err := check(path)
	if err != nil {
		return nil, nil, err
	}
	if d.readOnly && (o.Write || o.Create || o.Truncate) {
		return nil, nil, ErrReadOnly
	}
	info, err := d.lookup(p, o.Follow)
	switch {
	case errors.Is(err, fs.ErrNotExist) && o.Create:
		return d.create(p, o)
	case err != nil:
		return nil, nil, err
	case o.Create && o.Exclusive:
		return nil, nil, syscall.EEXIST
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, nil, syscall.ELOOP
	case info.IsDir():
		return d.openDir(p, o)
	case o.Directory || p.mustBeDir:
		return nil, nil, syscall.ENOTDIR
	case info.Mode()&special != 0:
		return nil, nil, ErrSpecialFile
	}
	flags := accessFlags(o)
	if o.Truncate {
		flags |= os.O_TRUNC
	}
	return d.openFile(p, flags)
}

// openFile opens a file without waiting, and looks at what it has opened: by now
// it may be another than the one that was looked at before.
func (d *Dir) openFile(p path, flags int) (*os.File, *Dir, error) {
	f, err := d.root.OpenFile(p.text, flags|dontWait, 0o666)
	if err != nil {
		return nil, nil, clean(err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = syscall.EISDIR
	case info.Mode()&special != 0:
		err = ErrSpecialFile
	default:
		return f, nil, nil
	}
	f.Close()
	return nil, nil, err
}

func (d *Dir) create(p path, o OpenOptions) (*os.File, *Dir, error) {
	if o.Directory {
		return nil, nil, syscall.EINVAL // creating directories has a function of its own
	}
	if p.mustBeDir {
		return nil, nil, syscall.EISDIR
	}
	flags := accessFlags(o) | os.O_CREATE
	if o.Exclusive || !o.Follow {
		flags |= os.O_EXCL
	}
	return d.openFile(p, flags)
}

func (d *Dir) openDir(p path, o OpenOptions) (*os.File, *Dir, error) {
	if o.Truncate || o.Write {
		return nil, nil, syscall.EISDIR
	}
	root, err := d.root.OpenRoot(p.text)
	if err != nil {
		return nil, nil, clean(err)
	}
	return nil, &Dir{root, d.readOnly}, nil
}

func accessFlags(o OpenOptions) int {
	flags := os.O_RDONLY
	switch {
	case o.Read && o.Write:
		flags = os.O_RDWR
	case o.Write:
		flags = os.O_WRONLY
	}
	if o.Sync {
		flags |= os.O_SYNC
	}
	return flags
}

// Stat describes what a path names.
func (d *Dir) Stat(path string, follow bool) (fs.FileInfo, error) {
	p, err := check(path)
	if err != nil {
		return nil, err
	}
	return d.lookup(p, follow)
}

// lookup is Stat for a checked path.
func (d *Dir) lookup(p path, follow bool) (fs.FileInfo, error) {
	stat := d.root.Lstat
	if follow || p.mustBeDir {
		stat = d.root.Stat
	}
	info, err := stat(p.text)
	if err != nil {
		return nil, clean(err)
	}
	if p.mustBeDir && !info.IsDir() {
		return nil, syscall.ENOTDIR
	}
	return info, nil
}

// Self describes the directory itself.
func (d *Dir) Self() (fs.FileInfo, error) {
	info, err := d.root.Stat(".")
	return info, clean(err)
}

// Mkdir makes a directory.
func (d *Dir) Mkdir(path string) error {
	p, err := d.change(path)
	if err != nil {
		return err
	}
	return clean(d.root.Mkdir(p.text, 0o777))
}

// Readlink returns where a symbolic link points to.
func (d *Dir) Readlink(path string) (string, error) {
	p, err := check(path)
	if err != nil {
		return "", err
	}
	target, err := d.root.Readlink(p.text)
	if err == nil && strings.HasPrefix(target, "/") {
		return "", ErrEscapes // it would tell the guest about the host's folders
	}
	return target, clean(err)
}

// Symlink makes a symbolic link at newPath. Its target is not resolved, but it
// may not be absolute.
func (d *Dir) Symlink(target, newPath string) error {
	p, err := d.change(newPath)
	if err != nil {
		return err
	}
	if strings.HasPrefix(target, "/") {
		return ErrEscapes
	}
	if target == "" {
		return syscall.ENOENT
	}
	if strings.IndexByte(target, 0) >= 0 {
		return syscall.EINVAL
	}
	if p.mustBeDir {
		if _, err := d.lookup(p, true); err != nil {
			return err
		}
		return syscall.EEXIST
	}
	return clean(d.root.Symlink(target, p.text))
}

// SetTimes changes the times of what a path names; a zero time stays as it is.
func (d *Dir) SetTimes(path string, follow bool, access, modification time.Time) error {
	p, err := d.change(path)
	if err != nil {
		return err
	}
	if !follow {
		info, err := d.lookup(p, false)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return d.setLinkTimes(p, access, modification)
		}
	}
	return clean(d.root.Chtimes(p.text, access, modification))
}

// Sync flushes the directory to the disk.
func (d *Dir) Sync() error {
	f, err := d.root.Open(".")
	if err != nil {
		return clean(err)
	}
	defer f.Close()
	return f.Sync()
}

// change checks a path and that the directory may be changed.
func (d *Dir) change(s string) (path, error) {
	if d.readOnly {
		return path{}, ErrReadOnly
	}
	return check(s)
}

// path is a path that a guest gave, checked as far as text can be.
type path struct {
	text      string // without the slashes at its end
	mustBeDir bool   // it had slashes at its end
}

// maxPath is the longest path in bytes, as on Linux.
const maxPath = 4096

func check(s string) (path, error) {
	switch {
	case s == "":
		return path{}, syscall.ENOENT
	case len(s) > maxPath:
		return path{}, syscall.ENAMETOOLONG
	case strings.IndexByte(s, 0) >= 0:
		return path{}, syscall.EINVAL
	case s[0] == '/':
		return path{}, ErrEscapes
	}
	text := strings.TrimRight(s, "/")
	return path{text, text != s}, nil
}

// split returns the directory and the last name of a path.
func (p path) split() (dir, base string) {
	i := strings.LastIndexByte(p.text, '/')
	if i < 0 {
		return ".", p.text
	}
	return p.text[:i], p.text[i+1:]
}

// clean makes ErrEscapes of os.Root's error, which has no name of its own.
func clean(err error) error {
	if err == nil {
		return nil
	}
	var pe *fs.PathError
	var le *os.LinkError
	inner := err
	if errors.As(err, &pe) {
		inner = pe.Err
	} else if errors.As(err, &le) {
		inner = le.Err
	}
	if inner.Error() == "path escapes from parent" {
		return ErrEscapes
	}
	return err
}
