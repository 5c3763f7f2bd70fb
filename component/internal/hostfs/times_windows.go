package hostfs

import (
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// SetFileTimes changes the times of an opened file; a zero time stays as it
// is.
func SetFileTimes(f *os.File, access, modification time.Time) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = windows.SetFileTime(windows.Handle(fd), nil, filetime(access), filetime(modification))
	})
	if err == nil {
		err = failed
	}
	return err
}

func filetime(t time.Time) *windows.Filetime {
	if t.IsZero() {
		return nil
	}
	ft := windows.NsecToFiletime(t.UnixNano())
	return &ft
}
