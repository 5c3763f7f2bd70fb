package corewasm

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// clean makes the first used bytes of a reservation zero again, and gives
// their pages back: by a new mapping over the old, since MADV_DONTNEED keeps
// the contents here.
func clean(b []byte, used uint64) error {
	if used == 0 {
		return nil
	}
	_, err := unix.MmapPtr(-1, 0, unsafe.Pointer(&b[0]), uintptr(used),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE|unix.MAP_FIXED)
	return err
}
