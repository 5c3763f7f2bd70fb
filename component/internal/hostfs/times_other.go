//go:build !linux && !darwin && !windows

package hostfs

import (
	"os"
	"syscall"
	"time"
)

// SetFileTimes changes the times of an opened file; a zero time stays as it
// is. Here it cannot be done: the file's name may be another's by now.
func SetFileTimes(*os.File, time.Time, time.Time) error { return syscall.ENOTSUP }
