package preview1

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDirectoriesAreNoFiles(t *testing.T) {
	w, _ := treeWorld(t, false)
	v, result := w.vector("12345678"), w.room(8)
	for _, fd := range []uint32{root, w.mustOpen(root, "sub", openDirectory, fileRights&^writeRights|dirRights, 0)} {
		for what, e := range map[string]Errno{
			"fd_read":              w.call("fd_read", fd, v, 1, result),
			"fd_pread":             w.call("fd_pread", fd, v, 1, 0, result),
			"fd_write":             w.call("fd_write", fd, v, 1, result),
			"fd_pwrite":            w.call("fd_pwrite", fd, v, 1, 0, result),
			"fd_seek":              w.call("fd_seek", fd, 0, io.SeekStart, result),
			"fd_seek from here":    w.call("fd_seek", fd, 0, io.SeekCurrent, result),
			"fd_seek from the end": w.call("fd_seek", fd, 0, io.SeekEnd, result),
			"fd_tell":              w.call("fd_tell", fd, result),
			"fd_allocate":          w.call("fd_allocate", fd, 0, 1),
			"fd_filestat_set_size": w.call("fd_filestat_set_size", fd, 0),
			"fd_advise":            w.call("fd_advise", fd, 0, 0, 0),
		} {
			if e != errIsdir {
				t.Errorf("%s of %d: errno %d, want %d", what, fd, e, errIsdir)
			}
		}
		if got := w.fdstat(fd); got.kind != typeDirectory || got.base&(rightFdSeek|rightFdFilestatSetSize) != 0 {
			t.Errorf("fdstat of %d: %+v", fd, got)
		}
	}
	file := w.mustOpen(root, "a.txt", 0, rightFdRead, 0)
	for _, fd := range []uint32{file, 0} {
		if _, e := w.open(fd, "x", openCreate, 0, 0); e != errNotdir {
			t.Errorf("opening below %d: errno %d, want %d", fd, e, errNotdir)
		}
	}
}

func TestDescriptorsAreForTheAccessTheyWereOpenedFor(t *testing.T) {
	w, _ := treeWorld(t, false)
	for _, test := range []struct {
		name        string
		base        rights
		read, write Errno
	}{
		{"reading", rightFdRead, 0, errBadf},
		{"writing", rightFdWrite, errBadf, 0},
		{"both", rightFdRead | rightFdWrite, 0, 0},
		{"nothing is reading", 0, 0, errBadf},
		{"changing the size alone is reading", rightFdFilestatSetSize | rightFdAllocate, 0, errBadf},
	} {
		t.Run(test.name, func(t *testing.T) {
			fd := w.mustOpen(root, "a.txt", 0, test.base, 0)
			stat := w.fdstat(fd)
			if got := stat.base & rightFdRead; (got != 0) != (test.read == 0) {
				t.Errorf("rights %x", stat.base)
			}
			if got := stat.base & rightFdWrite; (got != 0) != (test.write == 0) {
				t.Errorf("rights %x", stat.base)
			}
			if _, e := w.read(fd, 1); e != test.read {
				t.Errorf("reading: errno %d, want %d", e, test.read)
			}
			if _, e := w.write(fd, "x"); e != test.write {
				t.Errorf("writing: errno %d, want %d", e, test.write)
			}
			size := Errno(0)
			if test.write != 0 {
				size = errInval // as ftruncate has it
			}
			if e := w.call("fd_filestat_set_size", fd, 3); e != size {
				t.Errorf("setting the size: errno %d, want %d", e, size)
			}
			if e := w.call("fd_allocate", fd, 0, 3); e != test.write {
				t.Errorf("allocating: errno %d, want %d", e, test.write)
			}
		})
	}
}

func TestRightsAreTakenAwayForGood(t *testing.T) {
	w, _ := treeWorld(t, false)
	fd := w.mustOpen(root, "a.txt", 0, rightFdRead|rightFdWrite, 0)
	before := w.fdstat(fd)
	w.must("fd_fdstat_set_rights", fd, before.base&^(rightFdRead|rightFdWrite|rightFdFilestatGet), before.inheriting)
	if got := w.fdstat(fd).base; got&(rightFdRead|rightFdWrite) != 0 || got&rightFdSeek == 0 {
		t.Errorf("rights %x", got)
	}
	if _, e := w.read(fd, 1); e != errBadf {
		t.Errorf("reading: errno %d", e)
	}
	if _, e := w.write(fd, "x"); e != errBadf {
		t.Errorf("writing: errno %d", e)
	}
	if e := w.call("fd_filestat_get", fd, w.room(64)); e != errNotcapable {
		t.Errorf("describing: errno %d", e)
	}
	for what, e := range map[string]Errno{
		"base":       w.call("fd_fdstat_set_rights", fd, before.base, before.inheriting),
		"inheriting": w.call("fd_fdstat_set_rights", fd, w.fdstat(fd).base, ^rights(0)),
	} {
		if e != errNotcapable {
			t.Errorf("taking %s rights back: errno %d", what, e)
		}
	}
	if e := w.call("fd_fdstat_set_rights", 99, 0, 0); e != errBadf {
		t.Errorf("of no descriptor: errno %d", e)
	}
}

func TestRightsOfADirectoryPassOn(t *testing.T) {
	w, _ := treeWorld(t, false)
	sub := w.mustOpen(root, "sub", openDirectory, 0, 0)
	all := w.fdstat(sub)
	if _, e := w.open(sub, "b.txt", openTruncate, 0, 0); e != 0 {
		t.Errorf("emptying a file: errno %d", e)
	}
	w.must("fd_fdstat_set_rights", sub, all.base, all.inheriting&^rightFdFilestatSetSize)
	if _, e := w.open(sub, "b.txt", openTruncate, 0, 0); e != 0 {
		t.Errorf("emptying a file without the right to pass on: errno %d", e)
	}
	w.must("fd_fdstat_set_rights", sub, all.base&^(rightPathFilestatSetSize|rightPathCreateFile), all.inheriting&^(rightFdFilestatSetSize|rightFdWrite))
	for _, test := range []struct {
		name string
		how  int
		base rights
		want Errno
	}{
		{"emptying", openTruncate, 0, errNotcapable},
		{"creating", openCreate, 0, errNotcapable},
		{"writing", 0, rightFdWrite, errNotcapable},
		{"reading", 0, rightFdRead, 0},
	} {
		if _, e := w.open(sub, "b.txt", test.how, test.base, 0); e != test.want {
			t.Errorf("%s: errno %d, want %d", test.name, e, test.want)
		}
	}
	again := w.mustOpen(sub, ".", openDirectory, 0, 0)
	if got := w.fdstat(again).inheriting; got&rightFdWrite != 0 {
		t.Errorf("a directory opened from it passes on %x", got)
	}
	w.must("fd_fdstat_set_rights", sub, 0, 0)
	for what, e := range map[string]Errno{
		"path_open":               w.call("path_open", sub, 0, "b.txt", 0, 0, 0, 0, w.room(4)),
		"path_create_directory":   w.call("path_create_directory", sub, "x"),
		"path_filestat_get":       w.call("path_filestat_get", sub, 0, "b.txt", w.room(64)),
		"path_filestat_set_times": w.call("path_filestat_set_times", sub, 0, "b.txt", 0, 0, 0),
		"path_link":               w.call("path_link", sub, 0, "b.txt", root, "x"),
		"path_link to":            w.call("path_link", root, 0, "a.txt", sub, "x"),
		"path_readlink":           w.call("path_readlink", sub, "b.txt", 0, 0, 0),
		"path_remove_directory":   w.call("path_remove_directory", sub, "b.txt"),
		"path_rename":             w.call("path_rename", sub, "b.txt", root, "x"),
		"path_rename to":          w.call("path_rename", root, "a.txt", sub, "x"),
		"path_symlink":            w.call("path_symlink", "b.txt", sub, "x"),
		"path_unlink_file":        w.call("path_unlink_file", sub, "b.txt"),
		"fd_readdir":              w.call("fd_readdir", sub, 0, 0, 0, 0),
		"fd_sync":                 w.call("fd_sync", sub),
		"fd_datasync":             w.call("fd_datasync", sub),
		"fd_fdstat_set_flags":     w.call("fd_fdstat_set_flags", sub, 0),
		"fd_filestat_get":         w.call("fd_filestat_get", sub, w.room(64)),
		"fd_filestat_set_times":   w.call("fd_filestat_set_times", sub, 0, 0, 0),
	} {
		if e != errNotcapable {
			t.Errorf("%s without rights: errno %d, want %d", what, e, errNotcapable)
		}
	}
}

func TestFlagsAreToldAsTheyWereGiven(t *testing.T) {
	w, _ := treeWorld(t, false)
	const access = rightFdRead | rightFdWrite
	for _, flags := range []fdFlags{0, flagAppend, flagAppend | flagSync, flagDsync, flagRsync | flagNonblock, allFlags} {
		fd := w.mustOpen(root, "a.txt", 0, access, flags)
		if got := w.fdstat(fd); got.kind != typeRegularFile || got.flags != flags {
			t.Errorf("opened with %b: %+v", flags, got)
		}
	}
	fd := w.mustOpen(root, "a.txt", 0, access, flagSync)
	w.must("fd_fdstat_set_flags", fd, flagAppend|flagNonblock)
	if got := w.fdstat(fd).flags; got != flagAppend|flagNonblock|flagSync {
		t.Errorf("flags %b: whether writes are synchronous is settled when a file is opened", got)
	}
	for name, flags := range map[string]int{"a flag that is settled when opening": int(flagDsync), "no flag": 1 << 5} {
		if e := w.call("fd_fdstat_set_flags", fd, flags); e != errInval {
			t.Errorf("%s: errno %d", name, e)
		}
	}
	if _, e := w.open(root, "a.txt", 0, 0, 1<<5); e != errInval {
		t.Errorf("opened with no flag: errno %d", e)
	}
}

func TestRenumberMovesAndCloses(t *testing.T) {
	w, _ := treeWorld(t, false)
	a, b := w.mustOpen(root, "a.txt", 0, rightFdRead, flagAppend), w.mustOpen(root, "sub/b.txt", 0, rightFdRead, 0)
	was := w.fdstat(a)
	file := w.g.fds.entries[b].file
	w.must("fd_renumber", a, b)
	if got := w.fdstat(b); got != was {
		t.Errorf("%+v, want %+v", got, was)
	}
	if file.Close() == nil {
		t.Error("what was replaced is not closed")
	}
	for name, e := range map[string]Errno{
		"the old number":                w.call("fd_close", a),
		"to a number that is free":      w.call("fd_renumber", b, a),
		"from a number that is free":    w.call("fd_renumber", a, b),
		"to a number beyond the table":  w.call("fd_renumber", b, 1<<31),
		"between numbers that are free": w.call("fd_renumber", 1<<30, 1<<30),
	} {
		if e != errBadf {
			t.Errorf("%s: errno %d, want %d", name, e, errBadf)
		}
	}
	w.must("fd_renumber", b, b)
	if parts, e := w.read(b, 3); e != 0 || parts[0] != "abc" {
		t.Errorf("after renumbering to itself: %q, %d", parts, e)
	}
	if fd := w.mustOpen(root, "a.txt", 0, rightFdRead, 0); fd != a {
		t.Errorf("the number that became free is %d, the next one given is %d", a, fd)
	}
	if got, want := w.g.fds.open, 6; got != want {
		t.Errorf("%d are counted as open, want %d", got, want)
	}
}

func TestStandardStreamsAndFoldersAreRenumbered(t *testing.T) {
	var out bytes.Buffer
	w := newWorld(t, Config{Stdin: strings.NewReader("in"), Stdout: &out, Dirs: []Preopen{{tree(t), "/", false}}})
	for fd := range uint32(3) {
		to := w.mustOpen(root, "a.txt", 0, 0, 0)
		w.must("fd_renumber", fd, to)
		if e := w.call("fd_fdstat_get", fd, w.room(24)); e != errBadf {
			t.Errorf("stream %d is still there: errno %d", fd, e)
		}
		w.fdstat(to)
		if fd == 1 {
			if n, e := w.write(to, "moved"); n != 5 || e != 0 || out.String() != "moved" {
				t.Errorf("%d, %d, %q", n, e, out.String())
			}
		}
	}
	sub := w.mustOpen(root, "sub", openDirectory, 0, 0)
	inode := w.fdFilestat(sub).inode
	w.must("fd_renumber", sub, root)
	if got := w.fdFilestat(root).inode; got != inode {
		t.Errorf("inode %d, want %d", got, inode)
	}
	if e := w.call("fd_prestat_get", root, w.room(8)); e != errBadf {
		t.Errorf("what took a granted folder's place is one: errno %d", e)
	}
	w.must("fd_close", root)
}

func TestSizesAndTimes(t *testing.T) {
	w, granted := treeWorld(t, false)
	fd := w.mustOpen(root, "a.txt", 0, rightFdRead|rightFdWrite, 0)
	w.must("fd_filestat_set_size", fd, 10)
	w.must("fd_allocate", fd, 2, 3)
	if got := w.fdFilestat(fd); got.size != 10 || got.kind != typeRegularFile {
		t.Errorf("%+v", got)
	}
	w.must("fd_allocate", fd, 8, 4)
	w.must("fd_filestat_set_times", fd, 1_000_000_007, 2_000_000_009, setMtim|setAtim)
	if got, want := w.fdFilestat(fd), (filestat{w.pathFilestat(root, 0, "a.txt").inode, typeRegularFile, 12, 2_000_000_009}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	before := time.Now().Add(-time.Minute)
	w.must("path_filestat_set_times", root, lookupSymlinkFollow, "a.txt", 0, 0, setMtimNow)
	if info, err := os.Stat(filepath.Join(granted, "a.txt")); err != nil || info.ModTime().Before(before) {
		t.Errorf("%v, %v", info.ModTime(), err)
	}
	w.must("fd_filestat_set_times", root, 0, 5_000_000_000, setMtim)
	if got := w.fdFilestat(root).mtim; got != 5_000_000_000 {
		t.Errorf("the directory's time is %d", got)
	}
	for name, e := range map[string]Errno{
		"a time and now":              w.call("fd_filestat_set_times", fd, 1, 2, setMtim|setMtimNow),
		"an access time and now":      w.call("path_filestat_set_times", root, 0, "a.txt", 1, 2, setAtim|setAtimNow),
		"no flag":                     w.call("fd_filestat_set_times", fd, 1, 2, 16),
		"a size above 2^63":           w.call("fd_filestat_set_size", fd, uint64(1<<63)),
		"nothing is allocated":        w.call("fd_allocate", fd, 0, 0),
		"an end above 2^63":           w.call("fd_allocate", fd, uint64(1<<63-1), 1),
		"advice that is none":         w.call("fd_advise", fd, 0, 0, 6),
		"advice of a negative length": w.call("fd_advise", fd, 0, uint64(1<<63), 0),
	} {
		if e != errInval {
			t.Errorf("%s: errno %d, want %d", name, e, errInval)
		}
	}
	w.must("fd_advise", fd, 0, 0, 5)
	w.must("fd_sync", fd)
	w.must("fd_datasync", fd)
	w.must("fd_sync", root)
	if e := w.call("fd_sync", 1); e != errInval {
		t.Errorf("fd_sync of a stream: errno %d", e)
	}
}

func TestTimesOfExtremes(t *testing.T) {
	for _, test := range []struct {
		name string
		at   time.Time
		want uint64
	}{
		{"before 1970", time.Unix(-1, 0), 0},
		{"unknown", time.Time{}, 0},
		{"1970", time.Unix(0, 1), 1},
		{"after 2262", time.Unix(1<<34, 3), 1<<34*1_000_000_000 + 3},
		{"after 2554", time.Unix(1<<40, 0), 1<<64 - 1},
	} {
		if got := nanoseconds(test.at); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestSeekAndTell(t *testing.T) {
	w, _ := treeWorld(t, false)
	fd := w.mustOpen(root, "a.txt", 0, rightFdRead, 0)
	for _, test := range []struct {
		name           string
		fd             uint32
		offset, whence int
		want           uint64
		e              Errno
	}{
		{"to the end", fd, 0, io.SeekEnd, 3, 0},
		{"beyond the end", fd, 5, io.SeekCurrent, 8, 0},
		{"backwards", fd, -7, io.SeekCurrent, 1, 0},
		{"nowhere", fd, 0, io.SeekCurrent, 1, 0},
		{"before the start", fd, -1, io.SeekStart, 0, errInval},
		{"from where", fd, 0, 3, 0, errInval},
		{"of a stream", 0, 0, io.SeekCurrent, 0, errSpipe},
		{"of nothing", 9, 0, io.SeekCurrent, 0, errBadf},
	} {
		if got, e := w.seek(test.fd, test.offset, test.whence); got != test.want || e != test.e {
			t.Errorf("%s: %d, errno %d, want %d, %d", test.name, got, e, test.want, test.e)
		}
	}
	at := w.room(8)
	w.must("fd_tell", fd, at)
	if got := le.Uint64(w.m[at:]); got != 1 {
		t.Errorf("told %d", got)
	}
	if e := w.call("fd_seek", fd, 3, io.SeekStart, len(w.m)-7); e != errFault {
		t.Errorf("with a result beyond the memory: errno %d", e)
	}
	if got, _ := w.seek(fd, 0, io.SeekCurrent); got != 1 {
		t.Errorf("a seek that failed moved to %d", got)
	}
	stat := w.fdstat(fd)
	w.must("fd_fdstat_set_rights", fd, stat.base&^rightFdSeek, 0)
	if _, e := w.seek(fd, 1, io.SeekCurrent); e != errNotcapable {
		t.Errorf("without the right: errno %d", e)
	}
	if _, e := w.seek(fd, 0, io.SeekCurrent); e != 0 {
		t.Errorf("telling by seeking: errno %d", e)
	}
}

func TestReadAndWriteThroughSeveralBuffers(t *testing.T) {
	large := strings.Repeat("x", 3*gatherSize)
	for _, test := range []struct {
		name    string
		buffers []string
	}{
		{"none", nil},
		{"one", []string{"abc"}},
		{"several, some empty", []string{"", "ab", "", "c", ""}},
		{"large ones", []string{large, "y", large}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, granted := treeWorld(t, false)
			whole := strings.Join(test.buffers, "")
			fd := w.mustOpen(root, "new", openCreate, rightFdRead|rightFdWrite, 0)
			if n, e := w.write(fd, test.buffers...); n != len(whole) || e != 0 {
				t.Fatalf("wrote %d, errno %d, want %d", n, e, len(whole))
			}
			if got, err := os.ReadFile(filepath.Join(granted, "new")); err != nil || string(got) != whole {
				t.Errorf("%d bytes, %v, want %d", len(got), err, len(whole))
			}
			w.seek(fd, 0, io.SeekStart)
			sizes := []int{}
			for _, b := range test.buffers {
				sizes = append(sizes, len(b))
			}
			sizes = append(sizes, 7) // which the file has nothing for
			got, e := w.read(fd, sizes...)
			if e != 0 || !slices.Equal(got, append(slices.Clone(test.buffers), "")) {
				t.Errorf("read %d parts, errno %d", len(got), e)
			}
		})
	}
}

func TestBuffersAreChecked(t *testing.T) {
	w, _ := treeWorld(t, false)
	fd := w.mustOpen(root, "a.txt", 0, rightFdRead|rightFdWrite, 0)
	end := uint32(len(w.m))
	outside := w.room(8)
	le.PutUint32(w.m[outside:], end-1)
	le.PutUint32(w.m[outside+4:], 2)
	whole := w.room(8 * 1025)
	for i := range uint32(1025) {
		le.PutUint32(w.m[whole+8*i+4:], end)
	}
	result := w.room(4)
	for _, name := range []string{"fd_read", "fd_write", "fd_pread", "fd_pwrite"} {
		call := func(list uint32, n int, result uint32) Errno {
			if strings.HasPrefix(name, "fd_p") {
				return w.call(name, fd, list, n, 0, result)
			}
			return w.call(name, fd, list, n, result)
		}
		for what, test := range map[string]struct{ got, want Errno }{
			"a buffer outside the memory": {call(outside, 1, result), errFault},
			"a list outside the memory":   {call(end-7, 1, result), errFault},
			"a list that wraps around":    {call(8, 1<<29, result), errInval},
			"more than 1024 buffers":      {call(whole, 1025, result), errInval},
			"a result outside the memory": {call(whole, 0, end-3), errFault},
		} {
			if test.got != test.want {
				t.Errorf("%s, %s: errno %d, want %d", name, what, test.got, test.want)
			}
		}
	}
	if got := w.fdFilestat(fd).size; got != 3 {
		t.Errorf("calls that failed changed the file to %d bytes", got)
	}
	for name, e := range map[string]Errno{
		"pread far behind":  w.call("fd_pread", fd, whole, 1, uint64(1<<63), result),
		"pwrite far behind": w.call("fd_pwrite", fd, whole, 1, uint64(1<<63-1), result),
	} {
		if e != errInval {
			t.Errorf("%s: errno %d", name, e)
		}
	}
	if e := w.call("fd_pread", 0, whole, 1, 0, result); e != errSpipe {
		t.Errorf("pread of a stream: errno %d", e)
	}
}

// The list of buffers lies in the buffer that is read into.
func TestBuffersThatOverwriteTheirOwnList(t *testing.T) {
	w, granted := treeWorld(t, false)
	if err := os.WriteFile(filepath.Join(granted, "ones"), bytes.Repeat([]byte{0xff}, 100<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint32{16, 60 << 10} { // through the scratch, and without
		fd := w.mustOpen(root, "ones", 0, rightFdRead, 0)
		list := w.room(int(n))
		for i := range uint32(2) {
			le.PutUint32(w.m[list+8*i:], list)
			le.PutUint32(w.m[list+8*i+4:], n)
		}
		w.must("fd_read", fd, list, 2, w.room(4))
	}
}

func TestAppendingIsSwitchedOnAndOff(t *testing.T) {
	w, granted := treeWorld(t, false)
	fd := w.mustOpen(root, "a.txt", 0, rightFdRead|rightFdWrite, flagAppend)
	result := w.room(4)
	w.seek(fd, 0, io.SeekStart)
	w.write(fd, "de")
	w.must("fd_pwrite", fd, w.vector("A"), 1, 0, result)
	w.must("fd_fdstat_set_flags", fd, 0)
	w.seek(fd, 1, io.SeekStart)
	w.write(fd, "B")
	w.must("fd_fdstat_set_flags", fd, flagAppend)
	w.write(fd, "f")
	if got, err := os.ReadFile(filepath.Join(granted, "a.txt")); err != nil || string(got) != "ABcdef" {
		t.Errorf("%q, %v", got, err)
	}
	list := w.vector("....")
	w.must("fd_pread", fd, list, 1, 2, result)
	at := le.Uint32(w.m[list:])
	if got := string(w.m[at : at+4]); got != "cdef" {
		t.Errorf("read %q", got)
	}
	w.must("fd_pread", fd, list, 1, 100, result)
	if got := le.Uint32(w.m[result:]); got != 0 {
		t.Errorf("read %d bytes behind the end", got)
	}
}

func TestDescriptorsHaveALimit(t *testing.T) {
	w, _ := treeWorld(t, false)
	var last uint32
	for w.g.fds.open < MaxOpen {
		w.next = 1024
		last = w.mustOpen(root, "a.txt", 0, rightFdRead, 0)
	}
	if last != MaxOpen-1 {
		t.Errorf("the last descriptor is %d", last)
	}
	if _, e := w.open(root, "created", openCreate, rightFdWrite, 0); e != errMfile {
		t.Errorf("one too many: errno %d", e)
	}
	if e := w.call("path_filestat_get", root, 0, "created", w.room(64)); e != errNoent {
		t.Errorf("a file was created for one too many: errno %d", e)
	}
	if e := w.call("fd_readdir", root, w.room(100), 100, 0, w.room(4)); e != errMfile {
		t.Errorf("a listing too many: errno %d", e)
	}
	w.must("fd_close", 7)
	w.must("fd_close", 5)
	for _, want := range []uint32{5, 7} {
		if fd := w.mustOpen(root, "a.txt", 0, rightFdRead, 0); fd != want {
			t.Errorf("descriptor %d, want %d: the lowest that is free", fd, want)
		}
	}
}

func TestStandardStreams(t *testing.T) {
	regular := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(regular, []byte("from a file"), 0o644); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(regular)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out bytes.Buffer
	for _, test := range []struct {
		name  string
		stdin io.Reader
		parts []string
		kind  fileType
		seek  Errno
	}{
		{"none", nil, []string{"", ""}, typeUnknown, errSpipe},
		{"a text", strings.NewReader("hello"), []string{"hel", "lo"}, typeUnknown, errSpipe},
		{"a reader that may block", io.MultiReader(strings.NewReader("hello")), []string{"hel", "lo"}, typeUnknown, errSpipe},
		{"a regular file", in, []string{"fro", "m "}, typeRegularFile, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, Config{Stdin: test.stdin, Stdout: &out, Stderr: &out})
			if parts, e := w.read(0, 3, 2); e != 0 || !slices.Equal(parts, test.parts) {
				t.Errorf("%q, errno %d, want %q", parts, e, test.parts)
			}
			if got := w.fdFilestat(0).kind; got != test.kind {
				t.Errorf("type %d, want %d", got, test.kind)
			}
			if _, e := w.seek(0, 0, io.SeekStart); e != test.seek {
				t.Errorf("seeking: errno %d, want %d", e, test.seek)
			}
			if _, e := w.write(0, "x"); e != errBadf {
				t.Errorf("writing to it: errno %d", e)
			}
			if _, e := w.read(1, 1); e != errBadf {
				t.Errorf("reading the output: errno %d", e)
			}
			if n, e := w.write(2, "a", "b"); n != 2 || e != 0 {
				t.Errorf("%d, errno %d", n, e)
			}
			for fd := range uint32(3) {
				w.must("fd_close", fd)
			}
		})
	}
	if out.String() != "abababab" {
		t.Errorf("%q", out.String())
	}
	if _, err := in.Stat(); err != nil {
		t.Errorf("the host's file was closed: %v", err)
	}
}

func TestRegularFilesAsOutput(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := newWorld(t, Config{Stdout: f})
	w.write(1, "hello")
	w.seek(1, 1, io.SeekStart)
	w.write(1, "a")
	for name, e := range map[string]Errno{
		"emptying it":        w.call("fd_filestat_set_size", 1, 0),
		"making it longer":   w.call("fd_allocate", 1, 0, 100),
		"changing its times": w.call("fd_filestat_set_times", 1, 0, 0, setMtim),
	} {
		if e != errNotcapable {
			t.Errorf("%s: errno %d", name, e)
		}
	}
	if got, err := os.ReadFile(f.Name()); err != nil || string(got) != "hallo" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTerminalsAreCharacterDevicesThatCannotBeSought(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	w := newWorld(t, Config{Stdin: null, Stdout: io.Discard, Terminal: [3]bool{false, true, false}})
	for fd, want := range []fileType{typeUnknown, typeCharacterDevice, typeUnknown} {
		stat := w.fdstat(uint32(fd))
		if stat.kind != want || stat.base&(rightFdSeek|rightFdTell) != 0 || w.fdFilestat(uint32(fd)).kind != want {
			t.Errorf("stream %d: %+v, want type %d", fd, stat, want)
		}
	}
	if parts, e := w.read(0, 8); e != 0 || parts[0] != "" {
		t.Errorf("reading %s: %q, errno %d", os.DevNull, parts, e)
	}
}

// failing writes so many bytes, and then fails.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	n := min(f.left, len(b))
	f.left -= n
	if n < len(b) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

func TestWritesThatFail(t *testing.T) {
	w := newWorld(t, Config{Stdout: &failing{left: 5}})
	large := strings.Repeat("x", 2*gatherSize)
	if n, e := w.write(1, "abc", large); n != 5 || e != 0 {
		t.Errorf("%d, errno %d: what was written counts", n, e)
	}
	if _, e := w.write(1, "abc"); e != errPipe {
		t.Errorf("errno %d, want %d", e, errPipe)
	}
}

func TestReadsEndWithTheContext(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	w := newWorld(t, Config{Stdin: in})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	w.ctx = ctx
	if _, e := w.read(0, 8); e != Interrupted {
		t.Errorf("errno %d", e)
	}
	w.ctx = t.Context()
	w.must("fd_fdstat_set_flags", 0, flagNonblock)
	if _, e := w.read(0, 8); e != errAgain {
		t.Errorf("without waiting: errno %d", e)
	}
	w.must("fd_fdstat_set_flags", 0, 0)
	go out.Write([]byte("late"))
	if parts, e := w.read(0, 2, 8); e != 0 || !reflect.DeepEqual(parts, []string{"la", "te"}) {
		t.Errorf("%q, errno %d", parts, e)
	}
}
