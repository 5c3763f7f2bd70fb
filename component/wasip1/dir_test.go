package wasip1

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/tetratelabs/wazero/experimental/sys"
)

// tree makes a directory that is granted, with one beside it that is not, and
// links from the one to the other.
func tree(t *testing.T) (granted string) {
	t.Helper()
	top := t.TempDir()
	granted = filepath.Join(top, "granted")
	for _, d := range []string{"granted/sub", "secret"} {
		if err := os.MkdirAll(filepath.Join(top, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"granted/a.txt": "a", "granted/sub/b.txt": "b", "secret/key": "hidden"} {
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"out": "../secret", "outfile": "../secret/key", "absolute": filepath.Join(top, "secret"),
		"inside": "sub/b.txt", "nowhere": "../secret/new",
	} {
		if err := os.Symlink(target, filepath.Join(granted, name)); err != nil {
			t.Fatal(err)
		}
	}
	return granted
}

func open(t *testing.T, host string, readOnly bool) *dir {
	t.Helper()
	d, err := openDir(host, readOnly, new(openFiles))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.root.Close() })
	return d
}

func TestNothingLeavesADirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("making symbolic links needs a privilege there")
	}
	granted := tree(t)
	d := open(t, granted, false)
	openFor := func(p string, flag sys.Oflag) func() sys.Errno {
		return func() sys.Errno {
			f, e := d.OpenFile(p, flag, 0o644)
			if e == 0 {
				f.Close()
			}
			return e
		}
	}
	for _, test := range []struct {
		name string
		do   func() sys.Errno
		want sys.Errno
	}{
		{"a path upwards", openFor("../secret/key", sys.O_RDONLY), sys.EPERM},
		{"a path down and upwards", openFor("sub/../../secret/key", sys.O_RDONLY), sys.EPERM},
		{"a link to a directory outside", openFor("out/key", sys.O_RDONLY), sys.EPERM},
		{"a link to a file outside", openFor("outfile", sys.O_RDONLY), sys.EPERM},
		{"an absolute link", openFor("absolute/key", sys.O_RDONLY), sys.EPERM},
		{"creating through a link", openFor("nowhere", sys.O_WRONLY|sys.O_CREAT), sys.EPERM},
		{"creating below a link", openFor("out/new", sys.O_WRONLY|sys.O_CREAT), sys.EPERM},
		{"a link that stays inside", openFor("inside", sys.O_RDONLY), 0},
		{"a link that may not be followed", openFor("inside", sys.O_RDONLY|sys.O_NOFOLLOW), sys.ELOOP},
		{"describing through a link", func() sys.Errno { _, e := d.Stat("out/key"); return e }, sys.EPERM},
		{"describing the link itself", func() sys.Errno { _, e := d.Lstat("outfile"); return e }, 0},
		{"a directory below a link", func() sys.Errno { return d.Mkdir("out/new", 0o755) }, sys.EPERM},
		{"renaming out", func() sys.Errno { return d.Rename("a.txt", "out/a.txt") }, sys.EPERM},
		{"renaming in", func() sys.Errno { return d.Rename("out/key", "key") }, sys.EPERM},
		{"removing outside", func() sys.Errno { return d.Unlink("out/key") }, sys.EPERM},
		{"a hard link to what is outside", func() sys.Errno { return d.Link("out/key", "key") }, sys.EPERM},
		{"a hard link outwards", func() sys.Errno { return d.Link("a.txt", "out/a") }, sys.EPERM},
		{"a new absolute link", func() sys.Errno { return d.Symlink("/etc", "etc") }, sys.EPERM},
		{"reading an absolute link", func() sys.Errno { _, e := d.Readlink("absolute"); return e }, sys.EPERM},
		{"times of what is outside", func() sys.Errno { return d.Utimens("outfile", 1, 1) }, sys.EPERM},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.do(); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
	left, err := os.ReadDir(filepath.Join(granted, "../secret"))
	if err != nil || len(left) != 1 {
		t.Errorf("outside there is now %v (%v)", left, err)
	}
}

func TestReadOnlyDirectoryStaysAsItIs(t *testing.T) {
	d := open(t, tree(t), true)
	openFor := func(flag sys.Oflag) sys.Errno {
		f, e := d.OpenFile("a.txt", flag, 0)
		if e == 0 {
			f.Close()
		}
		return e
	}
	for name, got := range map[string]sys.Errno{
		"writing": openFor(sys.O_WRONLY), "reading and writing": openFor(sys.O_RDWR),
		"emptying": openFor(sys.O_TRUNC), "creating": openFor(sys.O_CREAT),
		"making a directory": d.Mkdir("new", 0o755), "renaming": d.Rename("a.txt", "c.txt"),
		"removing": d.Unlink("a.txt"), "removing a directory": d.Rmdir("sub"),
		"linking": d.Link("a.txt", "c.txt"), "a symbolic link": d.Symlink("a.txt", "c"), "times": d.Utimens("a.txt", 1, 1),
	} {
		if got != sys.EROFS {
			t.Errorf("%s: %v, want %v", name, got, sys.EROFS)
		}
	}
	if e := openFor(sys.O_RDONLY); e != 0 {
		t.Errorf("reading: %v", e)
	}
}

func TestFilesReadAndWrite(t *testing.T) {
	d := open(t, t.TempDir(), false)
	f, e := d.OpenFile("/new", sys.O_RDWR|sys.O_CREAT, 0o644)
	if e != 0 {
		t.Fatal(e)
	}
	defer f.Close()
	var steps []sys.Errno
	note := func(_ int, e sys.Errno) { steps = append(steps, e) }
	note(f.Write([]byte("hello")))
	note(f.Pwrite([]byte("J"), 0))
	note(0, f.SetAppend(true))
	_, e = f.Seek(0, 0)
	note(0, e)
	note(f.Write([]byte("!")))
	note(0, f.SetAppend(false))
	note(0, f.Utimens(sys.UTIME_OMIT, 2e9))
	if !slices.Equal(steps, make([]sys.Errno, len(steps))) {
		t.Errorf("steps ended with %v", steps)
	}
	b := make([]byte, 16)
	if n, e := f.Pread(b, 0); e != 0 || string(b[:n]) != "Jello!" {
		t.Errorf("read %q, %v", b[:n], e)
	}
	if n, e := f.Pread(b, 100); n != 0 || e != 0 {
		t.Errorf("read beyond the end: %d, %v", n, e)
	}
	if _, e := f.Pread(b, -1); e != sys.EINVAL {
		t.Errorf("read before the start: %v", e)
	}
	if st, e := d.Stat("new"); e != 0 || st.Size != 6 || st.Mtim != 2e9 {
		t.Errorf("%+v, %v", st, e)
	}
}

func TestDirectoriesAreListedAgainFromTheStart(t *testing.T) {
	d := open(t, tree(t), true)
	f, e := d.OpenFile(".", sys.O_DIRECTORY, 0)
	if e != 0 {
		t.Fatal(e)
	}
	defer f.Close()
	list := func() (names []string) {
		entries, e := f.Readdir(-1)
		if e != 0 {
			t.Fatal(e)
		}
		for _, entry := range entries {
			names = append(names, entry.Name)
		}
		slices.Sort(names)
		return names
	}
	want := []string{"a.txt", "absolute", "inside", "nowhere", "out", "outfile", "sub"}
	if got := list(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := list(); got != nil {
		t.Errorf("after the end: %v", got)
	}
	if _, e := f.Seek(0, 0); e != 0 {
		t.Fatal(e)
	}
	if got := list(); !slices.Equal(got, want) {
		t.Errorf("again: %v, want %v", got, want)
	}
	if n, e := f.Read(make([]byte, 1)); e != sys.EISDIR {
		t.Errorf("reading a directory as a file: %d, %v", n, e)
	}
}

func TestOpenFilesHaveALimit(t *testing.T) {
	d := open(t, tree(t), true)
	d.open.n.Store(maxOpenFiles - 1)
	f, e := d.OpenFile("a.txt", sys.O_RDONLY, 0)
	if e != 0 {
		t.Fatal(e)
	}
	if _, e := d.OpenFile("a.txt", sys.O_RDONLY, 0); e != sys.EAGAIN {
		t.Errorf("one too many: %v", e)
	}
	f.Close()
	f.Close()
	if f, e = d.OpenFile("a.txt", sys.O_RDONLY, 0); e != 0 {
		t.Errorf("after one was closed: %v", e)
	}
	f.Close()
	if n := d.open.n.Load(); n != maxOpenFiles-1 {
		t.Errorf("%d are counted as open", n)
	}
}

func TestNamesWithSlashesAndLinksAreDirectoriesOrNot(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("making symbolic links needs a privilege there")
	}
	openFor := func(d *dir, p string, flag sys.Oflag) sys.Errno {
		f, e := d.OpenFile(p, flag, 0o644)
		if e == 0 {
			f.Close()
		}
		return e
	}
	for _, test := range []struct {
		name string
		do   func(d *dir) sys.Errno
		want sys.Errno
	}{
		{"a link to a directory is opened as one", func(d *dir) sys.Errno { return openFor(d, "tosub", sys.O_DIRECTORY) }, 0},
		{"a link that is not followed is no directory", func(d *dir) sys.Errno { return openFor(d, "tosub", sys.O_DIRECTORY|sys.O_NOFOLLOW) }, sys.ELOOP},
		{"nor is one that leads nowhere", func(d *dir) sys.Errno { return openFor(d, "missing", sys.O_DIRECTORY|sys.O_NOFOLLOW) }, sys.ELOOP},
		{"a file is opened as a directory", func(d *dir) sys.Errno { return openFor(d, "a.txt", sys.O_DIRECTORY) }, sys.ENOTDIR},
		{"a link to a file is opened as a directory", func(d *dir) sys.Errno { return openFor(d, "inside", sys.O_DIRECTORY) }, sys.ENOTDIR},
		{"a file with a slash is removed", func(d *dir) sys.Errno { return d.Unlink("a.txt/") }, sys.ENOTDIR},
		{"a directory with a slash is unlinked", func(d *dir) sys.Errno { return d.Unlink("empty/") }, sys.EISDIR},
		{"a directory with a slash is removed", func(d *dir) sys.Errno { return d.Rmdir("empty/") }, 0},
		{"a new link ends with a slash", func(d *dir) sys.Errno { return d.Symlink("a.txt", "new/") }, sys.ENOENT},
		{"a link over a file ends with a slash", func(d *dir) sys.Errno { return d.Symlink("a.txt", "a.txt/") }, sys.ENOTDIR},
		{"a link over a directory ends with a slash", func(d *dir) sys.Errno { return d.Symlink("a.txt", "sub/") }, sys.EEXIST},
		{"a directory replaces an empty one", func(d *dir) sys.Errno { return d.Rename("sub", "empty") }, 0},
		{"a directory replaces a full one", func(d *dir) sys.Errno { return d.Rename("empty", "sub") }, sys.ENOTEMPTY},
		{"a directory replaces a file", func(d *dir) sys.Errno { return d.Rename("empty", "a.txt") }, sys.ENOTDIR},
		{"a file replaces a directory", func(d *dir) sys.Errno { return d.Rename("a.txt", "empty") }, sys.EISDIR},
		{"a file is renamed to a name with a slash", func(d *dir) sys.Errno { return d.Rename("a.txt", "new/") }, sys.ENOTDIR},
		{"a link to a directory is renamed with a slash", func(d *dir) sys.Errno { return d.Rename("tosub/", "new") }, sys.ENOTDIR},
		{"a directory is renamed with slashes", func(d *dir) sys.Errno { return d.Rename("sub/", "new/") }, 0},
		{"the directory itself is renamed", func(d *dir) sys.Errno { return d.Rename(".", "new") }, errno(syscall.EBUSY)},
		{"the directory above is replaced", func(d *dir) sys.Errno { return d.Rename("sub", "..") }, errno(syscall.EBUSY)},
	} {
		t.Run(test.name, func(t *testing.T) {
			granted := tree(t)
			if err := errors.Join(
				os.Mkdir(filepath.Join(granted, "empty"), 0o755),
				os.Symlink("sub", filepath.Join(granted, "tosub")),
				os.Symlink("absent", filepath.Join(granted, "missing")),
			); err != nil {
				t.Fatal(err)
			}
			if got := test.do(open(t, granted, false)); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestAppendingIsSwitchedOnAndOff(t *testing.T) {
	granted := tree(t)
	f, e := open(t, granted, false).OpenFile("a.txt", sys.O_RDWR|sys.O_APPEND, 0)
	if e != 0 {
		t.Fatal(e)
	}
	defer f.Close()
	write := func(text string, write func([]byte) (int, sys.Errno)) {
		t.Helper()
		if n, e := write([]byte(text)); e != 0 || n != len(text) {
			t.Fatalf("writing %q: %d, %v", text, n, e)
		}
	}
	rewind := func() {
		if _, e := f.Seek(0, 0); e != 0 {
			t.Fatal(e)
		}
	}
	rewind()
	write("bc", f.Write)
	write("A", func(b []byte) (int, sys.Errno) { return f.Pwrite(b, 0) })
	if !f.IsAppend() || f.SetAppend(false) != 0 || f.IsAppend() {
		t.Fatal("appending is not switched off")
	}
	rewind()
	write("1", f.Write)
	if e := f.SetAppend(true); e != 0 {
		t.Fatal(e)
	}
	rewind()
	write("d", f.Write)
	got, err := os.ReadFile(filepath.Join(granted, "a.txt"))
	if err != nil || string(got) != "1bcd" {
		t.Errorf("%q, %v, want 1bcd", got, err)
	}
}
