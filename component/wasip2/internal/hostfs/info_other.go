//go:build !linux

package hostfs

import (
	"io/fs"
	"time"
)

// Details is what the system knows of a file beyond fs.FileInfo.
type Details struct {
	Device, Inode, Links uint64
	Access, Change       time.Time // zero where unknown
	HasIdentity          bool      // Device and Inode are known
}

// DetailsOf knows nothing here beyond one link.
func DetailsOf(fs.FileInfo) Details { return Details{Links: 1} }
