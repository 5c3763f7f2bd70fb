package wasip1

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero/experimental/sys"
	wsys "github.com/tetratelabs/wazero/sys"
)

// maxOpenFiles is how many files and directories one guest may have open.
const maxOpenFiles = 1024

// openFiles counts what a guest has open.
type openFiles struct{ n atomic.Int32 }

// take counts one more, and tells whether it is granted.
func (o *openFiles) take() bool {
	if o.n.Add(1) <= maxOpenFiles {
		return true
	}
	o.n.Add(-1)
	return false
}

// dir is a directory of the host as wazero's WASI wants it. wazero's own
// DirFS follows links that lead out of the directory; here [os.Root] resolves
// every path, so that nothing leaves.
//
// wazero passes paths that are relative to the directory, cleaned, perhaps with
// slashes around them.
type dir struct {
	sys.UnimplementedFS
	root     *os.Root
	readOnly bool
	open     *openFiles
}

func openDir(host string, readOnly bool, open *openFiles) (*dir, error) {
	root, err := os.OpenRoot(host)
	if err != nil {
		return nil, fmt.Errorf("directory of the guest: %w", err)
	}
	return &dir{root: root, readOnly: readOnly, open: open}, nil
}

// local returns a path as os.Root takes it, and whether a slash at its end says
// that it has to be a directory.
func local(p string) (name string, mustBeDir bool) {
	name = strings.Trim(p, "/")
	if name == "" {
		return ".", false
	}
	return path.Clean(name), strings.HasSuffix(p, "/")
}

// errno is err in wazero's words.
func errno(err error) sys.Errno {
	inner := err
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		inner = pe.Err
	} else if le, ok := errors.AsType[*os.LinkError](err); ok {
		inner = le.Err
	}
	if inner != nil && inner.Error() == "path escapes from parent" { // os has no name for it
		return sys.EPERM
	}
	return sys.UnwrapOSError(inner)
}

// stat describes what a path names.
func (d *dir) stat(name string, mustBeDir, follow bool) (fs.FileInfo, sys.Errno) {
	look := d.root.Lstat
	if follow || mustBeDir {
		look = d.root.Stat
	}
	info, err := look(name)
	if err != nil {
		return nil, errno(err)
	}
	if mustBeDir && !info.IsDir() {
		return nil, sys.ENOTDIR
	}
	return info, 0
}

// Stat implements sys.FS.
func (d *dir) Stat(p string) (wsys.Stat_t, sys.Errno) {
	name, mustBeDir := local(p)
	info, e := d.stat(name, mustBeDir, true)
	if e != 0 {
		return wsys.Stat_t{}, e
	}
	return wsys.NewStat_t(info), 0
}

// Lstat implements sys.FS.
func (d *dir) Lstat(p string) (wsys.Stat_t, sys.Errno) {
	name, mustBeDir := local(p)
	info, e := d.stat(name, mustBeDir, false)
	if e != 0 {
		return wsys.Stat_t{}, e
	}
	return wsys.NewStat_t(info), 0
}

const access = sys.O_RDONLY | sys.O_RDWR | sys.O_WRONLY

// OpenFile implements sys.FS. Pipes and sockets are not opened: a guest could
// wait on them for ever.
func (d *dir) OpenFile(p string, flag sys.Oflag, perm fs.FileMode) (sys.File, sys.Errno) {
	name, mustBeDir := local(p)
	wantDir := flag&sys.O_DIRECTORY != 0
	writes := flag&access != sys.O_RDONLY
	if d.readOnly && (writes || flag&(sys.O_CREAT|sys.O_TRUNC) != 0) {
		return nil, sys.EROFS
	}
	info, e := d.stat(name, mustBeDir, flag&sys.O_NOFOLLOW == 0)
	switch {
	case e == sys.ENOENT && flag&sys.O_CREAT != 0 && !mustBeDir && !wantDir:
	case e != 0:
		return nil, e
	case flag&(sys.O_CREAT|sys.O_EXCL) == sys.O_CREAT|sys.O_EXCL:
		return nil, sys.EEXIST
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, sys.ELOOP
	case wantDir && !info.IsDir():
		return nil, sys.ENOTDIR
	case info.IsDir() && (writes || flag&sys.O_TRUNC != 0):
		return nil, sys.EISDIR
	case info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0:
		return nil, sys.EACCES
	}
	if !d.open.take() {
		return nil, sys.EAGAIN // wazero has no EMFILE
	}
	f, err := d.root.OpenFile(name, osFlags(flag), perm&0o777)
	if err != nil {
		d.open.n.Add(-1)
		return nil, errno(err)
	}
	opened := &file{dir: d, name: name, f: f}
	if flag&sys.O_APPEND != 0 {
		opened.SetAppend(true)
	}
	return seekable[int64]{opened}, 0
}

func osFlags(flag sys.Oflag) int {
	out := os.O_RDONLY
	switch flag & access {
	case sys.O_RDWR:
		out = os.O_RDWR
	case sys.O_WRONLY:
		out = os.O_WRONLY
	}
	for _, f := range []struct {
		from sys.Oflag
		to   int
	}{
		{sys.O_CREAT, os.O_CREATE}, {sys.O_EXCL, os.O_EXCL},
		{sys.O_TRUNC, os.O_TRUNC}, {sys.O_SYNC | sys.O_DSYNC, os.O_SYNC},
	} {
		if flag&f.from != 0 {
			out |= f.to
		}
	}
	return out
}

// change returns the path of something that is to change, unless the directory
// is read-only.
func (d *dir) change(p string) (name string, e sys.Errno) {
	if d.readOnly {
		return "", sys.EROFS
	}
	name, _ = local(p)
	return name, 0
}

// Mkdir implements sys.FS.
func (d *dir) Mkdir(p string, perm fs.FileMode) sys.Errno {
	name, e := d.change(p)
	if e != 0 {
		return e
	}
	return errno(d.root.Mkdir(name, perm&0o777))
}

// Rename implements sys.FS.
func (d *dir) Rename(from, to string) sys.Errno {
	a, e := d.change(from)
	if e != 0 {
		return e
	}
	b, mustBeDir := local(to)
	if mustBeDir || strings.HasSuffix(from, "/") {
		info, e := d.stat(a, false, false)
		if e == 0 && !info.IsDir() {
			e = sys.ENOTDIR
		}
		if e != 0 {
			return e
		}
	}
	return errno(rename(d.root, a, b))
}

// Rmdir implements sys.FS.
func (d *dir) Rmdir(p string) sys.Errno { return d.remove(p, true) }

// Unlink implements sys.FS.
func (d *dir) Unlink(p string) sys.Errno { return d.remove(p, false) }

func (d *dir) remove(p string, wantDir bool) sys.Errno {
	name, e := d.change(p)
	if e != 0 {
		return e
	}
	_, mustBeDir := local(p)
	info, e := d.stat(name, mustBeDir && !wantDir, false)
	switch {
	case e != 0:
		return e
	case name == ".":
		return sys.EINVAL
	case wantDir && !info.IsDir():
		return sys.ENOTDIR
	case !wantDir && info.IsDir():
		return sys.EISDIR
	}
	return errno(d.root.Remove(name))
}

// Link implements sys.FS.
func (d *dir) Link(old, link string) sys.Errno {
	name, e := d.change(old)
	if e != 0 {
		return e
	}
	to, mustBeDir := local(link)
	if mustBeDir {
		return sys.ENOENT
	}
	return errno(d.root.Link(name, to))
}

// Symlink implements sys.FS. The target is not resolved until it is used, but
// it may not be absolute.
func (d *dir) Symlink(target, link string) sys.Errno {
	name, e := d.change(link)
	if e != 0 {
		return e
	}
	if path.IsAbs(target) {
		return sys.EPERM
	}
	if _, mustBeDir := local(link); mustBeDir {
		if _, e := d.stat(name, true, false); e != 0 {
			return e
		}
		return sys.EEXIST
	}
	return errno(d.root.Symlink(target, name))
}

// Readlink implements sys.FS. An absolute target would tell about the host's
// directories.
func (d *dir) Readlink(p string) (string, sys.Errno) {
	name, _ := local(p)
	target, err := d.root.Readlink(name)
	if err != nil {
		return "", errno(err)
	}
	if path.IsAbs(target) {
		return "", sys.EPERM
	}
	return target, 0
}

// Utimens implements sys.FS.
func (d *dir) Utimens(p string, atim, mtim int64) sys.Errno {
	name, e := d.change(p)
	if e != 0 {
		return e
	}
	return errno(d.root.Chtimes(name, instant(atim), instant(mtim)))
}

// instant is a time in nanoseconds; the zero time stands for one to leave as it is.
func instant(ns int64) time.Time {
	if ns == sys.UTIME_OMIT {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// seekable is a file with Seek as sys.File wants it. The type parameter, always
// int64, keeps go vet from taking it for a misspelt io.Seeker.
type seekable[Offset interface{ int64 }] struct{ *file }

// Seek implements sys.File.
func (s seekable[Offset]) Seek(off Offset, whence int) (Offset, sys.Errno) {
	n, e := s.seek(int64(off), whence)
	return Offset(n), e
}

// file is an open file or directory.
type file struct {
	sys.UnimplementedFile
	dir    *dir
	name   string // when it was opened
	f      *os.File
	append bool // writes go to the end
	closed bool
}

// Dev implements sys.File.
func (f *file) Dev() (uint64, sys.Errno) { st, e := f.Stat(); return st.Dev, e }

// Ino implements sys.File.
func (f *file) Ino() (wsys.Inode, sys.Errno) { st, e := f.Stat(); return st.Ino, e }

// IsDir implements sys.File.
func (f *file) IsDir() (bool, sys.Errno) { st, e := f.Stat(); return st.Mode.IsDir(), e }

// IsAppend implements sys.File.
func (f *file) IsAppend() bool { return f.append }

// SetAppend implements sys.File. The system is not asked for O_APPEND, which
// [os.File] would not let go of again, and which changes where pwrite writes.
func (f *file) SetAppend(on bool) sys.Errno {
	f.append = on
	return 0
}

// Stat implements sys.File.
func (f *file) Stat() (wsys.Stat_t, sys.Errno) {
	info, err := f.f.Stat()
	if err != nil {
		return wsys.Stat_t{}, errno(err)
	}
	return wsys.NewStat_t(info), 0
}

// count is the result of a read or write.
func count(n int, err error) (int, sys.Errno) {
	if err != nil && !errors.Is(err, io.EOF) {
		return n, errno(err)
	}
	return n, 0
}

// Read implements sys.File.
func (f *file) Read(b []byte) (int, sys.Errno) {
	n, e := count(f.f.Read(b))
	if e != 0 {
		if isDir, _ := f.IsDir(); isDir { // systems differ in what they say
			e = sys.EISDIR
		}
	}
	return n, e
}

// Pread implements sys.File.
func (f *file) Pread(b []byte, off int64) (int, sys.Errno) {
	if off < 0 {
		return 0, sys.EINVAL
	}
	return count(f.f.ReadAt(b, off))
}

// Write implements sys.File.
func (f *file) Write(b []byte) (int, sys.Errno) {
	if f.append {
		if _, err := f.f.Seek(0, io.SeekEnd); err != nil {
			return 0, errno(err)
		}
	}
	return count(f.f.Write(b))
}

// Pwrite implements sys.File.
func (f *file) Pwrite(b []byte, off int64) (int, sys.Errno) {
	if off < 0 {
		return 0, sys.EINVAL
	}
	return count(f.f.WriteAt(b, off))
}

// seek moves to another place of a file, or to the start of a directory.
func (f *file) seek(off int64, whence int) (int64, sys.Errno) {
	if whence < io.SeekStart || whence > io.SeekEnd {
		return 0, sys.EINVAL
	}
	if isDir, e := f.IsDir(); e != 0 || isDir {
		if e == 0 && (off != 0 || whence != io.SeekStart) {
			e = sys.EISDIR
		}
		if e != 0 {
			return 0, e
		}
		return 0, f.reopen()
	}
	n, err := f.f.Seek(off, whence)
	if err != nil {
		return 0, errno(err)
	}
	return n, 0
}

// reopen opens a directory again, so that it is read from its start.
func (f *file) reopen() sys.Errno {
	again, err := f.dir.root.Open(f.name)
	if err != nil {
		return errno(err)
	}
	was, err1 := f.f.Stat()
	is, err2 := again.Stat()
	if err := errors.Join(err1, err2); err != nil || !os.SameFile(was, is) {
		again.Close()
		return sys.ENOENT
	}
	f.f.Close()
	f.f = again
	return 0
}

// Readdir implements sys.File.
func (f *file) Readdir(n int) ([]sys.Dirent, sys.Errno) {
	entries, err := f.f.ReadDir(n)
	if err != nil && !errors.Is(err, io.EOF) {
		e := errno(err)
		if e == sys.ENOTDIR {
			e = sys.EBADF
		}
		return nil, e
	}
	list := make([]sys.Dirent, len(entries))
	for i, entry := range entries {
		list[i] = sys.Dirent{Name: entry.Name(), Type: entry.Type()}
		// Not entry.Info, which looks by a path of the host.
		if info, err := f.dir.root.Lstat(path.Join(f.name, entry.Name())); err == nil {
			list[i].Ino = wsys.NewStat_t(info).Ino
		}
	}
	return list, 0
}

// Truncate implements sys.File.
func (f *file) Truncate(size int64) sys.Errno {
	if size < 0 {
		return sys.EINVAL
	}
	return errno(f.f.Truncate(size))
}

// Sync implements sys.File.
func (f *file) Sync() sys.Errno { return errno(f.f.Sync()) }

// Datasync implements sys.File.
func (f *file) Datasync() sys.Errno { return errno(f.f.Sync()) }

// Utimens implements sys.File, as long as the file is still where it was opened.
func (f *file) Utimens(atim, mtim int64) sys.Errno {
	was, err1 := f.f.Stat()
	is, err2 := f.dir.root.Stat(f.name)
	switch err := errors.Join(err1, err2); {
	case err != nil:
		return errno(err)
	case !os.SameFile(was, is):
		return sys.ENOTSUP
	}
	return f.dir.Utimens(f.name, atim, mtim)
}

// Close implements sys.File.
func (f *file) Close() sys.Errno {
	if f.closed {
		return 0
	}
	f.closed = true
	f.dir.open.n.Add(-1)
	return errno(f.f.Close())
}
