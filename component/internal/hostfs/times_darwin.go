package hostfs

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// SetFileTimes changes the times of an opened file, to a microsecond; a zero
// time stays as it is.
func SetFileTimes(f *os.File, access, modification time.Time) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if access.IsZero() {
		access = DetailsOf(info).Access
	}
	if modification.IsZero() {
		modification = info.ModTime()
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	times := []unix.Timeval{unix.NsecToTimeval(access.UnixNano()), unix.NsecToTimeval(modification.UnixNano())}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.Futimes(int(fd), times) })
	if err == nil {
		err = failed
	}
	return err
}
