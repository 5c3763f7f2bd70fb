package preview1

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// world is a guest with a memory, whose functions are called by their names.
type world struct {
	t    testing.TB
	ctx  context.Context
	g    *Guest
	m    Memory
	next uint32 // memory that is not used yet
}

func newWorld(t testing.TB, cfg Config) *world {
	t.Helper()
	g, err := NewGuest(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return &world{t: t, ctx: context.Background(), g: g, m: make(Memory, 1<<20), next: 1024}
}

// room returns n bytes of memory, 8-aligned and zero.
func (w *world) room(n int) uint32 {
	at := w.next
	w.next = (at + uint32(n) + 7) &^ 7
	clear(w.m[at:w.next])
	return at
}

// text puts a text into memory.
func (w *world) text(s string) uint32 {
	at := w.room(len(s))
	copy(w.m[at:], s)
	return at
}

// call calls a function. A string stands for two arguments, its place and its
// length.
func (w *world) call(name string, args ...any) Errno {
	w.t.Helper()
	for i := range Functions {
		f := &Functions[i]
		if f.Name != name {
			continue
		}
		var p Params
		for _, a := range args {
			switch a := a.(type) {
			case string:
				p = append(p, uint64(w.text(a)), uint64(len(a)))
			case int:
				p = append(p, uint64(a))
			case uint32:
				p = append(p, uint64(a))
			case uint64:
				p = append(p, a)
			case rights:
				p = append(p, uint64(a))
			case fdFlags:
				p = append(p, uint64(a))
			default:
				w.t.Fatalf("%s: an argument is a %T", name, a)
			}
		}
		if len(p) != len(f.Params) {
			w.t.Fatalf("%s takes %d arguments, %d are given", name, len(f.Params), len(p))
		}
		return f.Call(w.g, w.ctx, w.m, p)
	}
	w.t.Fatalf("there is no function %s", name)
	return 0
}

// must fails the test when a function has not succeeded.
func (w *world) must(name string, args ...any) {
	w.t.Helper()
	if e := w.call(name, args...); e != 0 {
		w.t.Fatalf("%s(%v): errno %d", name, args, e)
	}
}

// open calls path_open with flags to follow links.
func (w *world) open(dir uint32, path string, how int, base rights, flags fdFlags) (uint32, Errno) {
	w.t.Helper()
	result := w.room(4)
	e := w.call("path_open", dir, lookupSymlinkFollow, path, how, base, fileRights|dirRights, flags, result)
	return le.Uint32(w.m[result:]), e
}

func (w *world) mustOpen(dir uint32, path string, how int, base rights, flags fdFlags) uint32 {
	w.t.Helper()
	fd, e := w.open(dir, path, how, base, flags)
	if e != 0 {
		w.t.Fatalf("path_open of %q: errno %d", path, e)
	}
	return fd
}

// vector puts buffers into memory, and returns where their list is.
func (w *world) vector(buffers ...string) uint32 {
	var list []byte
	for _, b := range buffers {
		list = le.AppendUint32(list, w.text(b))
		list = le.AppendUint32(list, uint32(len(b)))
	}
	return w.text(string(list))
}

func (w *world) write(fd uint32, buffers ...string) (int, Errno) {
	w.t.Helper()
	result := w.room(4)
	e := w.call("fd_write", fd, w.vector(buffers...), len(buffers), result)
	return int(le.Uint32(w.m[result:])), e
}

// read reads with buffers of these sizes, and returns what is in each.
func (w *world) read(fd uint32, sizes ...int) (parts []string, e Errno) {
	w.t.Helper()
	buffers := make([]string, len(sizes))
	for i, n := range sizes {
		buffers[i] = strings.Repeat("-", n)
	}
	list, result := w.vector(buffers...), w.room(4)
	if e := w.call("fd_read", fd, list, len(sizes), result); e != 0 {
		return nil, e
	}
	left := int(le.Uint32(w.m[result:]))
	for i, n := range sizes {
		at := le.Uint32(w.m[list+8*uint32(i):])
		parts = append(parts, string(w.m[at:at+uint32(min(n, left))]))
		left -= min(n, left)
	}
	return parts, 0
}

func (w *world) seek(fd uint32, offset int, whence int) (uint64, Errno) {
	w.t.Helper()
	result := w.room(8)
	e := w.call("fd_seek", fd, offset, whence, result)
	return le.Uint64(w.m[result:]), e
}

// fdstat is what fd_fdstat_get tells.
type fdstat struct {
	kind             fileType
	flags            fdFlags
	base, inheriting rights
}

func (w *world) fdstat(fd uint32) fdstat {
	w.t.Helper()
	at := w.room(24)
	w.must("fd_fdstat_get", fd, at)
	return fdstat{fileType(w.m[at]), fdFlags(le.Uint16(w.m[at+2:])), rights(le.Uint64(w.m[at+8:])), rights(le.Uint64(w.m[at+16:]))}
}

// filestat is part of what fd_filestat_get and path_filestat_get tell.
type filestat struct {
	inode uint64
	kind  fileType
	size  uint64
	mtim  uint64
}

func (w *world) filestat(at uint32) filestat {
	return filestat{le.Uint64(w.m[at+8:]), fileType(w.m[at+16]), le.Uint64(w.m[at+32:]), le.Uint64(w.m[at+48:])}
}

func (w *world) pathFilestat(dir uint32, flags int, path string) filestat {
	w.t.Helper()
	at := w.room(filestatSize)
	w.must("path_filestat_get", dir, flags, path, at)
	return w.filestat(at)
}

func (w *world) fdFilestat(fd uint32) filestat {
	w.t.Helper()
	at := w.room(filestatSize)
	w.must("fd_filestat_get", fd, at)
	return w.filestat(at)
}

// root is the descriptor of the first granted folder.
const root uint32 = 3

// tree makes a folder that is granted, with one beside it that is not, and
// links from the one to the other.
func tree(t testing.TB) (granted string) {
	t.Helper()
	top := t.TempDir()
	granted = filepath.Join(top, "granted")
	for _, d := range []string{"granted/sub", "granted/empty", "secret"} {
		if err := os.MkdirAll(filepath.Join(top, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"granted/a.txt": "abc", "granted/sub/b.txt": "b", "secret/key": "hidden"} {
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if runtime.GOOS == "windows" {
		return granted // making symbolic links needs a privilege there
	}
	for name, target := range map[string]string{
		"out": "../secret", "outfile": "../secret/key", "absolute": filepath.Join(top, "secret"), "inside": "sub/b.txt",
		"nowhere": "../secret/new", "tosub": "sub", "missing": "absent", "loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(granted, name)); err != nil {
			t.Fatal(err)
		}
	}
	return granted
}

func needsLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("making symbolic links needs a privilege there")
	}
}

func treeWorld(t *testing.T, readOnly bool) (w *world, granted string) {
	granted = tree(t)
	return newWorld(t, Config{Dirs: []Preopen{{granted, "/", readOnly}}}), granted
}

func TestEveryFunctionOfTheSpecificationIsThere(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Functions {
		if seen[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = true
	}
	if len(Functions) != 45 { // and proc_exit
		t.Errorf("%d functions", len(Functions))
	}
}

func TestArgumentsAndVariablesAreStored(t *testing.T) {
	w := newWorld(t, Config{Args: []string{"guest", "", "two"}, Env: []string{"A=1", "BC="}})
	for _, test := range []struct{ what, want string }{{"args", "guest\x00\x00two\x00"}, {"environ", "A=1\x00BC=\x00"}} {
		sizes := w.room(8)
		w.must(test.what+"_sizes_get", sizes, sizes+4)
		count, size := le.Uint32(w.m[sizes:]), le.Uint32(w.m[sizes+4:])
		pointers, texts := w.room(int(4*count)), w.room(int(size))
		w.must(test.what+"_get", pointers, texts)
		if got := string(w.m[texts : texts+size]); got != test.want {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
		for i, s := range strings.SplitAfter(test.want, "\x00")[:count] {
			at := le.Uint32(w.m[pointers+4*uint32(i):])
			if got := string(w.m[at : at+uint32(len(s))]); got != s {
				t.Errorf("%s: pointer %d is to %q, want %q", test.what, i, got, s)
			}
		}
		end := uint32(len(w.m))
		if e := w.call(test.what+"_get", pointers, end-size+1); e != errFault {
			t.Errorf("%s beyond the memory: errno %d", test.what, e)
		}
		if e := w.call(test.what+"_get", end-4*count+1, texts); e != errFault {
			t.Errorf("%s with pointers beyond the memory: errno %d", test.what, e)
		}
		if e := w.call(test.what+"_sizes_get", end-4, end-3); e != errFault {
			t.Errorf("sizes of %s beyond the memory: errno %d", test.what, e)
		}
	}
}

func TestClocks(t *testing.T) {
	w := newWorld(t, Config{})
	at := w.room(8)
	for id, want := range map[int]Errno{clockRealtime: 0, clockMonotonic: 0, 2: errInval, 3: errInval, 4: errInval} {
		if e := w.call("clock_res_get", id, at); e != want {
			t.Errorf("resolution of clock %d: errno %d, want %d", id, e, want)
		}
		if e := w.call("clock_time_get", id, 0, at); e != want {
			t.Errorf("time of clock %d: errno %d, want %d", id, e, want)
		}
	}
	w.must("clock_time_get", clockMonotonic, 0, at)
	first := le.Uint64(w.m[at:])
	w.must("clock_time_get", clockMonotonic, 0, at)
	if second := le.Uint64(w.m[at:]); first == 0 || second < first {
		t.Errorf("the monotonic clock goes from %d to %d", first, second)
	}
}

func TestRandomBytesFillTheBufferAndNoMore(t *testing.T) {
	w := newWorld(t, Config{})
	at := w.room(64)
	w.must("random_get", at, 32)
	if b := w.m[at : at+64]; string(b[:32]) == string(make([]byte, 32)) || string(b[32:]) != string(make([]byte, 32)) {
		t.Errorf("% x", b)
	}
	if e := w.call("random_get", len(w.m)-1, 2); e != errFault {
		t.Errorf("beyond the memory: errno %d", e)
	}
	w.must("random_get", len(w.m), 0)
}

func TestNothingIsASocket(t *testing.T) {
	w, _ := treeWorld(t, false)
	for fd, want := range map[uint32]Errno{1: errNotsock, root: errNotsock, 4: errBadf} {
		for what, e := range map[string]Errno{
			"sock_shutdown": w.call("sock_shutdown", fd, 1),
			"sock_accept":   w.call("sock_accept", fd, 0, 0),
			"sock_recv":     w.call("sock_recv", fd, 0, 0, 0, 0, 0),
			"sock_send":     w.call("sock_send", fd, 0, 0, 0, 0),
		} {
			if e != want {
				t.Errorf("%s of %d: errno %d, want %d", what, fd, e, want)
			}
		}
	}
	if e := w.call("proc_raise", 6); e != errNosys {
		t.Errorf("proc_raise: errno %d", e)
	}
	w.must("sched_yield")
}

func TestFoldersHaveTheirNames(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, Config{Dirs: []Preopen{{dir, ".", true}, {dir, "/data", false}}})
	at, name := w.room(8), w.room(8)
	w.must("fd_prestat_get", 4, at)
	if tag, n := w.m[at], le.Uint32(w.m[at+4:]); tag != 0 || n != 5 {
		t.Errorf("tag %d, length %d", tag, n)
	}
	w.must("fd_prestat_dir_name", 4, name, 8)
	if got := string(w.m[name : name+8]); got != "/data\x00\x00\x00" {
		t.Errorf("%q", got)
	}
	for _, test := range []struct {
		name string
		got  Errno
		want Errno
	}{
		{"a stream", w.call("fd_prestat_get", 0, at), errBadf},
		{"no descriptor", w.call("fd_prestat_get", 5, at), errBadf},
		{"a short buffer", w.call("fd_prestat_dir_name", 4, name, 4), errNametoolong},
		{"a buffer outside the memory", w.call("fd_prestat_dir_name", 4, len(w.m)-4, 5), errFault},
		{"a directory that was opened", w.call("fd_prestat_get", w.mustOpen(4, ".", openDirectory, 0, 0), at), errBadf},
	} {
		if test.got != test.want {
			t.Errorf("%s: errno %d, want %d", test.name, test.got, test.want)
		}
	}
}

func TestGrantThatCannotBeOpenedIsAnError(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	_, err := NewGuest(Config{Dirs: []Preopen{{t.TempDir(), "a", false}, {missing, "b", false}}})
	if err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("%v", err)
	}
	dir, many := t.TempDir(), make([]Preopen, MaxOpen)
	for i := range many {
		many[i] = Preopen{dir, fmt.Sprint(i), true}
	}
	if _, err := NewGuest(Config{Dirs: many}); err == nil {
		t.Error("more folders than descriptors are granted")
	}
}

func TestCloseClosesAll(t *testing.T) {
	in, out := io.Pipe()
	w, _ := treeWorld(t, false)
	g, err := NewGuest(Config{Stdin: in, Dirs: []Preopen{{tree(t), "/", false}}})
	if err != nil {
		t.Fatal(err)
	}
	w.g = g
	fd := w.mustOpen(root, "a.txt", 0, rightFdRead, 0)
	if e := w.call("fd_readdir", root, w.room(40), 40, 0, w.room(4)); e != 0 {
		t.Fatalf("errno %d", e)
	}
	f := g.fds.entries[fd].file
	for range 2 {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := f.Close(); err == nil {
		t.Error("a file is open after the guest")
	}
	if e := w.call("fd_close", fd); e != errBadf {
		t.Errorf("a descriptor is open after the guest: errno %d", e)
	}
	if g.fds.open != 0 {
		t.Errorf("%d are counted as open", g.fds.open)
	}
	out.Close()
}
