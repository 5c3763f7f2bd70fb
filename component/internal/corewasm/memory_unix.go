//go:build linux || darwin

package corewasm

import "golang.org/x/sys/unix"

// reserve returns size bytes of zeroed, private memory that takes pages only
// where it is written.
func reserve(size uint64) ([]byte, error) {
	if size == 0 {
		return []byte{}, nil
	}
	return unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
}

// release gives a reservation back to the system.
func release(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return unix.Munmap(b)
}
