//go:build unix

package guard

import (
	"testing"

	"golang.org/x/sys/unix"
)

// pages are whole pages of size bytes or more, between two that cannot be touched.
func pages(t testing.TB, size int) []byte {
	t.Helper()
	page := unix.Getpagesize()
	whole := (size + page - 1) / page * page
	b, err := unix.Mmap(-1, 0, whole+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(b); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{b[:page], b[page+whole:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return b[page : page+whole]
}
