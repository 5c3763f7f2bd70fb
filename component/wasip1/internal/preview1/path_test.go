package preview1

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNothingLeavesAFolder(t *testing.T) {
	needsLinks(t)
	w, granted := treeWorld(t, false)
	open := func(path string, how int, base rights) Errno {
		fd, e := w.open(root, path, how, base, 0)
		if e == 0 {
			w.must("fd_close", fd)
		}
		return e
	}
	sub := w.mustOpen(root, "sub", openDirectory, 0, 0)
	stat := w.room(filestatSize)
	for _, test := range []struct {
		name string
		got  Errno
		want Errno
	}{
		{"a path upwards", open("../secret/key", 0, 0), errPerm},
		{"a path down and upwards", open("sub/../../secret/key", 0, 0), errPerm},
		{"the folder above", open("..", openDirectory, 0), errPerm},
		{"an absolute path", open("/a.txt", 0, 0), errPerm},
		{"a link to a directory outside", open("out/key", 0, 0), errPerm},
		{"a link to a file outside", open("outfile", 0, 0), errPerm},
		{"an absolute link", open("absolute/key", 0, 0), errPerm},
		{"creating through a link", open("nowhere", openCreate, rightFdWrite), errPerm},
		{"creating below a link", open("out/new", openCreate, rightFdWrite), errPerm},
		{"upwards from a directory below", w.call("path_filestat_get", sub, 0, "../a.txt", stat), errPerm},
		{"a link that stays inside", open("inside", 0, 0), 0},
		{"a path down and up again", open("sub/../sub/./b.txt", 0, 0), 0},
		{"describing through a link", w.call("path_filestat_get", root, 1, "out/key", stat), errPerm},
		{"describing what a link names", w.call("path_filestat_get", root, 1, "outfile", stat), errPerm},
		{"describing the link itself", w.call("path_filestat_get", root, 0, "outfile", stat), 0},
		{"a directory below a link", w.call("path_create_directory", root, "out/new"), errPerm},
		{"renaming out", w.call("path_rename", root, "a.txt", root, "out/a.txt"), errPerm},
		{"renaming out from below", w.call("path_rename", sub, "b.txt", sub, "../../b.txt"), errPerm},
		{"renaming in", w.call("path_rename", root, "out/key", root, "key"), errPerm},
		{"removing outside", w.call("path_unlink_file", root, "out/key"), errPerm},
		{"removing a directory outside", w.call("path_remove_directory", root, "../secret"), errPerm},
		{"a hard link to what is outside", w.call("path_link", root, 0, "out/key", root, "key"), errPerm},
		{"a hard link outwards", w.call("path_link", root, 0, "a.txt", root, "out/a"), errPerm},
		{"a new absolute link", w.call("path_symlink", "/etc", root, "etc"), errPerm},
		{"a new link outside", w.call("path_symlink", "x", root, "out/x"), errPerm},
		{"reading an absolute link", w.call("path_readlink", root, "absolute", stat, 64, w.room(4)), errPerm},
		{"times of what is outside", w.call("path_filestat_set_times", root, 1, "outfile", 1, 1, setMtim), errPerm},
	} {
		if test.got != test.want {
			t.Errorf("%s: errno %d, want %d", test.name, test.got, test.want)
		}
	}
	// A link that leads out may be made, as anywhere, and is not followed.
	w.must("path_symlink", "../secret", root, "mine")
	if e := open("mine/key", 0, 0); e != errPerm {
		t.Errorf("through a link of the guest's own: errno %d", e)
	}
	left, err := os.ReadDir(filepath.Join(granted, "../secret"))
	if err != nil || len(left) != 1 {
		t.Errorf("outside there is now %v (%v)", left, err)
	}
}

// A folder that is granted for reading is the same after all that a guest can
// try, also by way of another one that may be written.
func TestReadOnlyFolderStaysAsItIs(t *testing.T) {
	needsLinks(t)
	granted := tree(t)
	w := newWorld(t, Config{Dirs: []Preopen{{granted, "/", true}, {t.TempDir(), "/rw", false}}})
	const other = root + 1
	w.mustOpen(other, "x", openCreate, rightFdWrite, 0)
	sub := w.mustOpen(root, "sub", openDirectory, 0, 0)
	file := w.mustOpen(root, "a.txt", 0, rightFdRead, 0)
	open := func(how int, base rights) Errno { _, e := w.open(root, "a.txt", how, base, 0); return e }
	before := snapshot(t, granted)
	for name, e := range map[string]Errno{
		"writing": open(0, rightFdWrite), "reading and writing": open(0, rightFdRead|rightFdWrite),
		"emptying": open(openTruncate, 0), "creating": open(openCreate, 0),
		"making a directory": w.call("path_create_directory", root, "new"),
		"removing":           w.call("path_unlink_file", root, "a.txt"),
		"removing below":     w.call("path_unlink_file", sub, "b.txt"), "removing a directory": w.call("path_remove_directory", root, "empty"),
		"renaming": w.call("path_rename", root, "a.txt", root, "c"), "renaming out": w.call("path_rename", root, "a.txt", other, "a"),
		"renaming in":      w.call("path_rename", other, "x", sub, "x"),
		"linking":          w.call("path_link", root, 0, "a.txt", root, "c"),
		"linking out":      w.call("path_link", root, 0, "a.txt", other, "a"),
		"linking in":       w.call("path_link", other, 0, "x", root, "x"),
		"a symbolic link":  w.call("path_symlink", "a.txt", root, "c"),
		"times":            w.call("path_filestat_set_times", root, 1, "a.txt", 1, 1, setMtim),
		"times of a file":  w.call("fd_filestat_set_times", file, 1, 1, setMtim),
		"its own times":    w.call("fd_filestat_set_times", root, 1, 1, setMtim),
		"times of a link":  w.call("path_filestat_set_times", root, 0, "inside", 1, 1, setMtim),
		"times of a child": w.call("fd_filestat_set_times", sub, 1, 1, setMtim),
	} {
		if e != errRofs {
			t.Errorf("%s: errno %d, want %d", name, e, errRofs)
		}
	}
	if e := w.call("fd_filestat_set_size", file, 0); e != errInval {
		t.Errorf("changing a size: errno %d, want %d", e, errInval)
	}
	if e := w.call("fd_allocate", file, 0, 100); e != errBadf {
		t.Errorf("allocating: errno %d, want %d", e, errBadf)
	}
	if _, e := w.write(file, "x"); e != errBadf {
		t.Errorf("writing to what was opened for reading: errno %d", e)
	}
	if after := snapshot(t, granted); !slices.Equal(after, before) {
		t.Errorf("%q, was %q", after, before)
	}
}

// snapshot describes all that is in a folder.
func snapshot(t testing.TB, dir string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(b)
		}
		lines = append(lines, fmt.Sprint(path, info.Mode(), info.ModTime(), text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestPathsOpenAndDoNotOpen(t *testing.T) {
	needsLinks(t)
	w, _ := treeWorld(t, false)
	const follow = lookupSymlinkFollow
	for _, test := range []struct {
		name   string
		path   string
		lookup int
		how    int
		base   rights
		want   Errno
	}{
		{"a file", "a.txt", 0, 0, 0, 0},
		{"a file that is not there", "none", 0, 0, 0, errNoent},
		{"a file that is there and created", "a.txt", 0, openCreate | openExclusive, 0, errExist},
		{"a file as a directory", "a.txt", 0, openDirectory, 0, errNotdir},
		{"a file with a slash", "a.txt/", 0, 0, 0, errNotdir},
		{"a new file with a slash", "new/", 0, openCreate, 0, errIsdir},
		{"a directory with slashes", "sub///", 0, 0, 0, 0},
		{"a directory for writing", "sub", 0, openDirectory, rightFdRead | rightFdWrite, errIsdir},
		{"a directory to empty", "sub", 0, openTruncate, 0, errIsdir},
		{"a directory to create", "new", 0, openCreate | openDirectory, 0, errInval},
		{"a link to a file", "inside", follow, 0, 0, 0},
		{"a link that may not be followed", "inside", 0, 0, 0, 32},
		{"a link that may not be followed, as a directory", "tosub", 0, openDirectory, 0, 32},
		{"a link to a directory as one", "tosub", follow, openDirectory, 0, 0},
		{"a link to a file as a directory", "inside", follow, openDirectory, 0, errNotdir},
		{"a link to nothing", "missing", follow, 0, 0, errNoent},
		{"a link to nothing that may not be followed", "missing", 0, openDirectory, 0, 32},
		{"a link to itself", "loop", follow, 0, 0, 32},
		{"no path", "", 0, 0, 0, errNoent},
		{"a path with a zero byte", "a.txt\x00", 0, 0, 0, errInval},
		{"a path of 5000 bytes", strings.Repeat("x", 5000), 0, 0, 0, errNametoolong},
		{"a path of 100,000 bytes", strings.Repeat("x", 100_000), 0, 0, 0, errNametoolong},
		{"a lookup flag that is none", "a.txt", 2, 0, 0, errInval},
		{"an open flag that is none", "a.txt", 0, 16, 0, errInval},
	} {
		result := w.room(4)
		e := w.call("path_open", root, test.lookup, test.path, test.how, test.base, 0, 0, result)
		if e != test.want {
			t.Errorf("%s: errno %d, want %d", test.name, e, test.want)
		}
		if e == 0 {
			w.must("fd_close", le.Uint32(w.m[result:]))
		}
		w.next = 1024
	}
	if got := w.g.fds.open; got != 4 {
		t.Errorf("%d are counted as open", got)
	}
	open := func(ptr, n, result uint32) Errno {
		return w.g.pathOpen(w.ctx, w.m, Params{uint64(root), 0, uint64(ptr), uint64(n), 0, 0, 0, 0, uint64(result)})
	}
	end := uint32(len(w.m))
	if e := open(end-2, 3, 0); e != errFault {
		t.Errorf("a path outside the memory: errno %d", e)
	}
	if e := open(w.text("a.txt"), 5, end-3); e != errFault || w.g.fds.open != 4 {
		t.Errorf("a result outside the memory: errno %d, %d open", e, w.g.fds.open)
	}
}

func TestNamesAreChanged(t *testing.T) {
	needsLinks(t)
	const (
		errBusy     = 10
		errLoop     = 32
		errNotempty = 55
	)
	for _, test := range []struct {
		name string
		do   func(w *world) Errno
		want Errno
	}{
		{"a file with a slash is removed", func(w *world) Errno { return w.call("path_unlink_file", root, "a.txt/") }, errNotdir},
		{"a directory is unlinked", func(w *world) Errno { return w.call("path_unlink_file", root, "empty") }, errIsdir},
		{"a directory with a slash is unlinked", func(w *world) Errno { return w.call("path_unlink_file", root, "empty/") }, errIsdir},
		{"a directory with a slash is removed", func(w *world) Errno { return w.call("path_remove_directory", root, "empty/") }, 0},
		{"a full directory is removed", func(w *world) Errno { return w.call("path_remove_directory", root, "sub") }, errNotempty},
		{"a file is removed as a directory", func(w *world) Errno { return w.call("path_remove_directory", root, "a.txt") }, errNotdir},
		{"the folder itself is removed", func(w *world) Errno { return w.call("path_remove_directory", root, ".") }, errInval},
		{"a new link ends with a slash", func(w *world) Errno { return w.call("path_symlink", "a.txt", root, "new/") }, errNoent},
		{"a link over a file ends with a slash", func(w *world) Errno { return w.call("path_symlink", "a.txt", root, "a.txt/") }, errNotdir},
		{"a link over a directory ends with a slash", func(w *world) Errno { return w.call("path_symlink", "a.txt", root, "sub/") }, errExist},
		{"a link over a file", func(w *world) Errno { return w.call("path_symlink", "b", root, "a.txt") }, errExist},
		{"a link to nothing at all", func(w *world) Errno { return w.call("path_symlink", "", root, "new") }, errNoent},
		{"a directory replaces an empty one", func(w *world) Errno { return w.call("path_rename", root, "sub", root, "empty") }, 0},
		{"a directory replaces a full one", func(w *world) Errno { return w.call("path_rename", root, "empty", root, "sub") }, errNotempty},
		{"a directory replaces a file", func(w *world) Errno { return w.call("path_rename", root, "empty", root, "a.txt") }, errNotdir},
		{"a file replaces a directory", func(w *world) Errno { return w.call("path_rename", root, "a.txt", root, "empty") }, errIsdir},
		{"a file replaces a file", func(w *world) Errno { return w.call("path_rename", root, "a.txt", root, "sub/b.txt") }, 0},
		{"a file is renamed to a name with a slash", func(w *world) Errno { return w.call("path_rename", root, "a.txt", root, "new/") }, errNotdir},
		{"a link to a directory is renamed with a slash", func(w *world) Errno { return w.call("path_rename", root, "tosub/", root, "new") }, errNotdir},
		{"a directory is renamed with slashes", func(w *world) Errno { return w.call("path_rename", root, "sub/", root, "new/") }, 0},
		{"the folder itself is renamed", func(w *world) Errno { return w.call("path_rename", root, ".", root, "new") }, errBusy},
		{"the folder above is replaced", func(w *world) Errno { return w.call("path_rename", root, "sub", root, "sub/..") }, errBusy},
		{"a file is renamed into a directory that is open", func(w *world) Errno {
			return w.call("path_rename", root, "a.txt", w.mustOpen(root, "sub", openDirectory, 0, 0), "moved")
		}, 0},
		{"a hard link", func(w *world) Errno { return w.call("path_link", root, 0, "a.txt", root, "hard") }, 0},
		{"a hard link to itself", func(w *world) Errno { return w.call("path_link", root, 0, "a.txt", root, "a.txt") }, errExist},
		{"a hard link to a directory", func(w *world) Errno { return w.call("path_link", root, 0, "sub", root, "hard") }, errPerm},
		{"a hard link with a slash", func(w *world) Errno { return w.call("path_link", root, 0, "a.txt", root, "hard/") }, errNoent},
		{"a hard link over a link to nothing", func(w *world) Errno { return w.call("path_link", root, 0, "a.txt", root, "missing") }, errExist},
		{"a hard link to a link to nothing", func(w *world) Errno { return w.call("path_link", root, 0, "missing", root, "hard") }, 0},
		{"a hard link to a link to itself", func(w *world) Errno { return w.call("path_link", root, 0, "loop", root, "hard") }, 0},
		{"a hard link that follows a link", func(w *world) Errno { return w.call("path_link", root, 1, "missing", root, "hard") }, errInval},
		{"a directory over one that is there", func(w *world) Errno { return w.call("path_create_directory", root, "sub") }, errExist},
		{"a directory with a slash", func(w *world) Errno { return w.call("path_create_directory", root, "new/") }, 0},
		{"reading what is no link", func(w *world) Errno {
			return w.call("path_readlink", root, "a.txt", w.room(8), 8, w.room(4))
		}, errInval},
		{"describing through a link to itself", func(w *world) Errno {
			return w.call("path_filestat_get", root, 1, "loop", w.room(64))
		}, errLoop},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, _ := treeWorld(t, false)
			if got := test.do(w); got != test.want {
				t.Errorf("errno %d, want %d", got, test.want)
			}
		})
	}
}

func TestLinksAreReadAsFarAsTheBufferGoes(t *testing.T) {
	needsLinks(t)
	w, _ := treeWorld(t, false)
	for size, want := range map[int]string{0: "", 4: "sub/", 9: "sub/b.txt", 12: "sub/b.txt"} {
		b, used := w.room(16), w.room(4)
		w.must("path_readlink", root, "inside", b, size, used)
		if n := le.Uint32(w.m[used:]); string(w.m[b:b+n]) != want || w.m[b+n] != 0 {
			t.Errorf("with %d bytes: %q, want %q", size, w.m[b:b+16], want)
		}
	}
	if e := w.call("path_readlink", root, "inside", len(w.m)-4, 5, w.room(4)); e != errFault {
		t.Errorf("beyond the memory: errno %d", e)
	}
}

func TestTimesOfLinksAndOfWhatTheyName(t *testing.T) {
	needsLinks(t)
	w, _ := treeWorld(t, false)
	was := w.pathFilestat(root, 0, "sub/b.txt")
	w.must("path_filestat_set_times", root, 0, "inside", 0, 7_000_000_000, setMtim)
	if link, target := w.pathFilestat(root, 0, "inside"), w.pathFilestat(root, 1, "inside"); link.mtim != 7_000_000_000 || target != was {
		t.Errorf("the link has %+v, what it names %+v, was %+v", link, target, was)
	}
	w.must("path_filestat_set_times", root, 1, "inside", 0, 9_000_000_000, setMtim)
	if link, target := w.pathFilestat(root, 0, "inside"), w.pathFilestat(root, 0, "sub/b.txt"); link.mtim != 7_000_000_000 || target.mtim != 9_000_000_000 {
		t.Errorf("the link has %+v, what it names %+v", link, target)
	}
}

// list reads a directory with a buffer of a size.
func (w *world) list(dir uint32, size int) (names []string) {
	w.t.Helper()
	buf, result := w.room(size), w.room(4)
	for cookie := uint64(0); ; {
		w.must("fd_readdir", dir, buf, size, cookie, result)
		used := le.Uint32(w.m[result:])
		b := w.m[buf : buf+used]
		for len(b) >= 24 {
			n := int(le.Uint32(b[16:]))
			if len(b) < 24+n {
				break
			}
			name := string(b[24 : 24+n])
			inode := uint64(0)
			if name != ".." {
				inode = w.pathFilestat(dir, 0, name).inode
			}
			if got := le.Uint64(b[8:]); got != inode {
				w.t.Errorf("%s: inode %d, want %d", name, got, inode)
			}
			names = append(names, fmt.Sprintf("%s %d", name, b[20]))
			cookie = le.Uint64(b)
			b = b[24+n:]
		}
		if int(used) < size {
			return names
		}
	}
}

func TestDirectoriesAreListedWhateverTheBuffer(t *testing.T) {
	needsLinks(t)
	w, granted := treeWorld(t, true)
	want := []string{". 3", ".. 3", "a.txt 4", "absolute 7", "empty 3", "inside 7", "loop 7", "missing 7", "nowhere 7", "out 7", "outfile 7", "sub 3", "tosub 7"}
	for _, size := range []int{40, 64, 100, 256, 4096} {
		names := w.list(root, size)
		if got := slices.Sorted(slices.Values(names)); !slices.Equal(got, want) {
			t.Errorf("%d bytes: %q, want %q", size, got, want)
		}
		if names[0] != ". 3" || names[1] != ".. 3" {
			t.Errorf("%d bytes: it begins with %q", size, names[:2])
		}
	}
	for i := range 300 {
		if err := os.WriteFile(filepath.Join(granted, "empty", fmt.Sprint("file", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	empty := w.mustOpen(root, "empty", openDirectory, 0, 0)
	for _, size := range []int{64, 1000, 10_000} {
		w.next = 1024
		if got := len(w.list(empty, size)); got != 302 {
			t.Errorf("%d bytes: %d entries", size, got)
		}
	}
	w.must("fd_close", empty)
	if got := w.g.fds.open; got != 5 { // with the listing of the folder
		t.Errorf("%d are counted as open", got)
	}
}

func TestListingsGoBackAndForth(t *testing.T) {
	w, granted := treeWorld(t, true)
	dir := w.mustOpen(root, "empty", openDirectory, 0, 0)
	entry := func(cookie uint64) string {
		buf, result := w.room(64), w.room(4)
		w.must("fd_readdir", dir, buf, 64, cookie, result)
		if le.Uint32(w.m[result:]) < 24 {
			return ""
		}
		return string(w.m[buf+24 : buf+24+le.Uint32(w.m[buf+16:])])
	}
	if got := entry(2); got != "" {
		t.Errorf("an empty directory has %q", got)
	}
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(granted, "empty", name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	entry(0) // sees the directory as it is now
	var names []string
	for cookie := range uint64(7) {
		names = append(names, entry(cookie))
	}
	if len(names[4]) != 1 || names[5] != "" || names[6] != "" {
		t.Errorf("%q", names)
	}
	for _, cookie := range []uint64{4, 2, 3, 1, 0, 5, 1 << 63, 2} {
		want := ""
		if cookie < 7 {
			want = names[cookie]
		}
		if got := entry(cookie); got != want {
			t.Errorf("entry %d is %q, was %q", cookie, got, want)
		}
	}
	for name, e := range map[string]Errno{
		"a buffer outside the memory": w.call("fd_readdir", dir, len(w.m)-3, 4, 0, w.room(4)),
		"a result outside the memory": w.call("fd_readdir", dir, w.room(8), 8, 0, len(w.m)-3),
	} {
		if e != errFault {
			t.Errorf("%s: errno %d", name, e)
		}
	}
	if e := w.call("fd_readdir", w.mustOpen(root, "a.txt", 0, 0, 0), 0, 0, 0, 0); e != errNotdir {
		t.Errorf("of a file: errno %d", e)
	}
}
