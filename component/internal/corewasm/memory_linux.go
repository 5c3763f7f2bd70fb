package corewasm

import "golang.org/x/sys/unix"

// clean makes the first used bytes of a reservation zero again, and gives
// their pages back.
func clean(b []byte, used uint64) error {
	if used == 0 {
		return nil
	}
	return unix.Madvise(b[:used], unix.MADV_DONTNEED)
}
