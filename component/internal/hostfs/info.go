package hostfs

import "time"

// Details is what the system knows of a file beyond fs.FileInfo.
type Details struct {
	Device, Inode, Links uint64
	Access, Change       time.Time // zero where unknown
	HasIdentity          bool      // Device and Inode are known
}
