//go:build unix

package hostfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// world makes inside/, which is granted, and outside/secret beside it.
func world(t *testing.T, readOnly bool) (d *Dir, top string) {
	t.Helper()
	top = t.TempDir()
	for _, dir := range []string{"inside/sub", "outside"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for file, text := range map[string]string{"inside/a": "aa", "inside/sub/b": "bbb", "outside/secret": "s"} {
		if err := os.WriteFile(filepath.Join(top, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"up": "../outside", "absolute": filepath.Join(top, "outside"), "tosub": "sub", "toa": "a", "loop": "loop", "dangling": "nothing",
	} {
		if err := os.Symlink(target, filepath.Join(top, "inside", link)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(filepath.Join(top, "inside"), readOnly)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, top
}

// outcome makes one comparable word of an error.
func outcome(err error) string {
	var no syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrEscapes):
		return "escapes"
	case errors.Is(err, ErrReadOnly):
		return "read-only"
	case errors.Is(err, ErrSpecialFile):
		return "special"
	case errors.As(err, &no):
		return no.Error()
	}
	return "other: " + err.Error()
}

func TestNoPathLeavesItsDirectory(t *testing.T) {
	d, top := world(t, false)
	sub := must(d.openDir(path{text: "sub"}, OpenOptions{Directory: true}))(t)
	read := func(d *Dir, p string) error {
		f, dir, err := d.OpenAt(p, OpenOptions{Read: true, Follow: true})
		if f != nil {
			f.Close()
		}
		if dir != nil {
			dir.Close()
		}
		return err
	}
	for _, c := range []struct {
		what string
		err  error
		want string
	}{
		{"reading ..", read(d, ".."), "escapes"},
		{"reading ../outside/secret", read(d, "../outside/secret"), "escapes"},
		{"reading sub/../../outside/secret", read(d, "sub/../../outside/secret"), "escapes"},
		{"reading an absolute path", read(d, filepath.Join(top, "outside/secret")), "escapes"},
		{"reading through a link that goes up", read(d, "up/secret"), "escapes"},
		{"reading through an absolute link", read(d, "absolute/secret"), "escapes"},
		{"going up from a directory that was opened inside", read(sub, "../a"), "escapes"},
		{"making a link to an absolute path", d.Symlink("/etc/passwd", "x"), "escapes"},
		{"reading an absolute link", second(d.Readlink("absolute")), "escapes"},
		{"renaming outwards", d.Rename("a", d, "../outside/a"), "escapes"},
		{"renaming through a link that goes up", d.Rename("a", d, "up/a"), "escapes"},
		{"linking outwards", d.Link("a", d, "up/a"), "escapes"},
		{"linking what is outside", d.Link("up/secret", d, "mine"), "escapes"},
		{"making a directory outside", d.Mkdir("up/new"), "escapes"},
		{"removing what is outside", d.Unlink("up/secret"), "escapes"},
		{"removing a directory outside", d.Rmdir("../outside"), "escapes"},
		{"touching what is outside", d.SetTimes("up/secret", true, time.Unix(1, 0), time.Unix(1, 0)), "escapes"},
		{"describing what is outside", second(d.Stat("up/secret", true)), "escapes"},
		{"a link to itself", read(d, "loop"), "too many levels of symbolic links"},
		{"a link to nothing", read(d, "dangling"), "no such file or directory"},
		{"an empty path", read(d, ""), "no such file or directory"},
		{"a path with a zero byte", read(d, "a\x00b"), "invalid argument"},
		{"a file with a slash behind it", read(d, "a/"), "not a directory"},
		{"a path of 5000 bytes", read(d, string(slices.Repeat([]byte("a"), 5000))), "file name too long"},
	} {
		if got := outcome(c.err); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	if b, err := os.ReadFile(filepath.Join(top, "outside/secret")); string(b) != "s" || err != nil {
		t.Errorf("outside/secret holds %q, %v", b, err)
	}
}

func TestReadOnlyDirectoriesCannotBeChanged(t *testing.T) {
	d, _ := world(t, true)
	_, sub, err := d.OpenAt("sub", OpenOptions{Directory: true, Read: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	for what, err := range map[string]error{
		"open for writing": third(d.OpenAt("a", OpenOptions{Read: true, Write: true})),
		"truncate":         third(d.OpenAt("a", OpenOptions{Read: true, Truncate: true})),
		"create":           third(d.OpenAt("new", OpenOptions{Create: true})),
		"create below":     third(sub.OpenAt("new", OpenOptions{Create: true})),
		"mkdir":            d.Mkdir("new"), "rmdir": d.Rmdir("sub"), "unlink": d.Unlink("a"), "rename": d.Rename("a", sub, "a"),
		"link": d.Link("a", sub, "a"), "symlink": d.Symlink("a", "x"), "times": d.SetTimes("a", true, time.Time{}, time.Unix(1, 0)),
	} {
		if outcome(err) != "read-only" {
			t.Errorf("%s: %v, want read-only", what, err)
		}
	}
}

func TestChangesWithinADirectory(t *testing.T) {
	d, top := world(t, false)
	_, sub, err := d.OpenAt("tosub", OpenOptions{Directory: true, Read: true, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	var log []string
	step := func(what string, err error) { log = append(log, what+": "+outcome(err)) }
	step("mkdir", d.Mkdir("new/"))
	step("mkdir again", d.Mkdir("new"))
	step("rmdir a file", d.Rmdir("a"))
	step("rmdir a full directory", d.Rmdir("sub"))
	step("unlink a directory", d.Unlink("new"))
	step("rename across directories", d.Rename("a", sub, "moved"))
	step("link", sub.Link("moved", d, "hard"))
	step("symlink", d.Symlink("sub/moved", "soft"))
	step("unlink", sub.Unlink("moved"))
	step("rmdir", d.Rmdir("new"))
	step("rmdir .", d.Rmdir("."))
	step("open a link without following", third(d.OpenAt("soft", OpenOptions{Read: true})))
	step("exclusive", third(d.OpenAt("hard", OpenOptions{Write: true, Create: true, Exclusive: true})))
	step("open a directory for reading and writing", third(d.OpenAt("sub", OpenOptions{Directory: true, Read: true, Write: true})))
	step("open a file as a directory", third(d.OpenAt("hard", OpenOptions{Directory: true, Read: true})))
	want := []string{
		"mkdir: ok", "mkdir again: file exists", "rmdir a file: not a directory", "rmdir a full directory: directory not empty",
		"unlink a directory: is a directory", "rename across directories: ok", "link: ok", "symlink: ok", "unlink: ok",
		"rmdir: ok", "rmdir .: invalid argument", "open a link without following: too many levels of symbolic links",
		"exclusive: file exists", "open a directory for reading and writing: is a directory", "open a file as a directory: not a directory",
	}
	if !slices.Equal(log, want) {
		t.Errorf("got  %q\nwant %q", log, want)
	}
	if b, err := os.ReadFile(filepath.Join(top, "inside/hard")); string(b) != "aa" || err != nil {
		t.Errorf("hard holds %q, %v", b, err)
	}
}

func TestPipesAreNotOpened(t *testing.T) {
	d, top := world(t, false)
	if err := syscall.Mkfifo(filepath.Join(top, "inside/pipe"), 0o644); err != nil {
		t.Skip(err)
	}
	for what, err := range map[string]error{
		"opening a pipe":                          third(d.OpenAt("pipe", OpenOptions{Read: true})),
		"opening a pipe to write and create":      third(d.OpenAt("pipe", OpenOptions{Write: true, Create: true, Truncate: true})),
		"opening what has become a pipe, to read": third(d.openFile(path{text: "pipe"}, os.O_RDONLY)),
	} {
		if got := outcome(err); got != "special" {
			t.Errorf("%s: %s", what, got)
		}
	}
	// A pipe that nobody reads cannot be opened for writing, and is not waited on.
	if got := outcome(third(d.openFile(path{text: "pipe"}, os.O_WRONLY))); got != syscall.ENXIO.Error() {
		t.Errorf("opening what has become a pipe, to write: %s", got)
	}
}

func TestEntriesAreReadInParts(t *testing.T) {
	d, _ := world(t, false)
	const many = 1000
	for i := range many {
		f, _, err := d.OpenAt(fmt.Sprintf("sub/%d", i), OpenOptions{Write: true, Create: true})
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	_, sub, err := d.OpenAt("sub", OpenOptions{Directory: true, Read: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	entries, err := sub.Entries()
	if err != nil {
		t.Fatal(err)
	}
	defer entries.Close()
	for range 2 {
		seen := map[string]bool{}
		for {
			e, err := entries.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e.Type != 0 || e.Inode != 0 && e.Inode != DetailsOf(info(t, sub, e.Name, false)).Inode {
				t.Errorf("%+v", e)
			}
			seen[e.Name] = true
		}
		if len(seen) != many+1 {
			t.Errorf("%d entries, want %d", len(seen), many+1)
		}
		if _, err := entries.Next(); err != io.EOF {
			t.Errorf("behind the last: %v", err)
		}
		if err := entries.Rewind(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEntriesTellTypes(t *testing.T) {
	d, top := world(t, true)
	if err := syscall.Mkfifo(filepath.Join(top, "inside/pipe"), 0o644); err != nil {
		t.Skip(err)
	}
	entries, err := d.Entries()
	if err != nil {
		t.Fatal(err)
	}
	defer entries.Close()
	got := map[string]fs.FileMode{}
	for e, err := entries.Next(); err == nil; e, err = entries.Next() {
		got[e.Name] = e.Type
	}
	const link = fs.ModeSymlink
	want := map[string]fs.FileMode{"a": 0, "sub": fs.ModeDir, "pipe": fs.ModeNamedPipe, "up": link, "absolute": link, "tosub": link, "toa": link, "loop": link, "dangling": link}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTimesOfLinksAndTargets(t *testing.T) {
	d, _ := world(t, false)
	old := time.Unix(1_000_000, 5)
	if err := d.SetTimes("toa", false, time.Time{}, old); err != nil {
		t.Fatal(err)
	}
	if err := d.SetTimes("toa", true, time.Time{}, old.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	link, target := info(t, d, "toa", false), info(t, d, "toa", true)
	if !link.ModTime().Equal(old) || !target.ModTime().Equal(old.Add(time.Hour)) {
		t.Errorf("link %v, target %v", link.ModTime(), target.ModTime())
	}
}

func info(t *testing.T, d *Dir, p string, follow bool) fs.FileInfo {
	t.Helper()
	i, err := d.Stat(p, follow)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func must(_ *os.File, d *Dir, err error) func(*testing.T) *Dir {
	return func(t *testing.T) *Dir {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return d
	}
}

func second[T any](_ T, err error) error { return err }

func third(f *os.File, d *Dir, err error) error {
	if f != nil {
		f.Close()
	}
	if d != nil {
		d.Close()
	}
	return err
}
