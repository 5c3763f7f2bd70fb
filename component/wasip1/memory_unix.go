//go:build linux || darwin

package wasip1

import "golang.org/x/sys/unix"

// reserve returns size bytes of zeroed, private memory that takes pages only
// where it is written.
func reserve(size uint64) ([]byte, error) {
	return unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
}

func release(b []byte) { _ = unix.Munmap(b) }
