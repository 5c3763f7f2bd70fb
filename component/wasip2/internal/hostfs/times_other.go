//go:build !linux

package hostfs

import (
	"os"
	"time"
)

// SetFileTimes changes the times of an opened file; a zero time stays as it
// is. Here it goes by the file's name as it was opened.
func SetFileTimes(f *os.File, access, modification time.Time) error {
	return os.Chtimes(f.Name(), access, modification)
}
