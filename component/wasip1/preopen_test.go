package wasip1

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// preopenGuest exports what it imports: g is fd_prestat_get, n
// fd_prestat_dir_name.
var preopenGuest = []byte(head +
	section(1, 2, // types
		0x60, 2, 0x7f, 0x7f, 1, 0x7f,
		0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f) +
	section(2, append([]byte{2}, "\x16wasi_snapshot_preview1\x0efd_prestat_get\x00\x00"+
		"\x16wasi_snapshot_preview1\x13fd_prestat_dir_name\x00\x01"...)...) +
	section(3, 2, 0, 1) +
	section(5, 1, 0, 1) + // a memory of a page
	section(7, append([]byte{2}, slices.Concat(export('g', 2), export('n', 3))...)...) +
	section(10, 2,
		8, 0, 0x20, 0, 0x20, 1, 0x10, 0, 0x0b, // g
		10, 0, 0x20, 0, 0x20, 1, 0x20, 2, 0x10, 1, 0x0b)) // n

// What the tests expect.
const (
	firstPreopen     = 3
	errnoBadf        = 8
	errnoFault       = 21
	errnoNametoolong = 37
)

func preopenInstance(t *testing.T, guests ...string) *Instance {
	t.Helper()
	rt := runtimeOf(t, Options{})
	m, err := rt.Compile(t.Context(), preopenGuest)
	if err != nil {
		t.Fatal(err)
	}
	cfg := NewConfig()
	for _, g := range guests {
		cfg = cfg.WithDir(t.TempDir(), g, true)
	}
	inst, err := rt.Instantiate(t.Context(), m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inst.Close(context.Background()) })
	return inst
}

// errnoOfCall calls one of preopenGuest's functions.
func errnoOfCall(t *testing.T, inst *Instance, name string, args ...any) string {
	t.Helper()
	texts := strings.Fields(fmt.Sprintln(args...))
	out, err := inst.Invoke(t.Context(), name, texts...)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// preopens are the names that a guest sees, asked for as C libraries do.
func preopens(t *testing.T, inst *Instance) []string {
	t.Helper()
	var names []string
	for fd := firstPreopen; errnoOfCall(t, inst, "g", fd, 0) == "0"; fd++ {
		size, ok := inst.mod.Memory().ReadUint32Le(4)
		if !ok {
			t.Fatal("the guest has no memory")
		}
		if e := errnoOfCall(t, inst, "n", fd, 16, size); e != "0" {
			t.Fatalf("fd_prestat_dir_name of %d: errno %s", fd, e)
		}
		name, _ := inst.mod.Memory().Read(16, size)
		names = append(names, string(name))
	}
	return names
}

func TestGuestsSeeTheNamesThatFoldersAreGivenBy(t *testing.T) {
	for _, test := range []struct {
		name         string
		guests, want []string
	}{
		{"none", nil, nil},
		{"the working folder", []string{"."}, []string{"."}},
		{"the root", []string{"/"}, []string{"/"}},
		{"the working folder and the root are two", []string{".", "/", "/data"}, []string{".", "/", "/data"}},
		{"another spelling of the working folder", []string{"./"}, []string{"./"}},
		{"relative and absolute ones", []string{"data", "/a/b", "../up"}, []string{"data", "/a/b", "../up"}},
		{"the later of two with the same name counts", []string{".", "a", "./", "/a"}, []string{"./", "/a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := preopens(t, preopenInstance(t, test.guests...)); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestNamesOfFoldersAreNotGivenFor(t *testing.T) {
	inst := preopenInstance(t, ".", "/data")
	for _, test := range []struct {
		name          string
		fd, ptr, size int
		want          int
	}{
		{"a stream", 0, 0, 9, errnoBadf},
		{"a descriptor that is not there", 5, 0, 9, errnoBadf},
		{"a negative descriptor", -1, 0, 9, errnoBadf},
		{"a buffer that is too short", 4, 0, 4, errnoNametoolong},
		{"a buffer outside memory", 4, 65532, 5, errnoFault},
		{"a buffer that is longer than the name", 4, 0, 9, 0},
	} {
		if got := errnoOfCall(t, inst, "n", test.fd, test.ptr, test.size); got != fmt.Sprint(test.want) {
			t.Errorf("%s: errno %s, want %d", test.name, got, test.want)
		}
	}
}
