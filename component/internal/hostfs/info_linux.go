package hostfs

import (
	"io/fs"
	"syscall"
	"time"
)

// DetailsOf reads the details of a FileInfo that this package or os gave.
func DetailsOf(info fs.FileInfo) Details {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Details{Links: 1}
	}
	return Details{
		Device: uint64(st.Dev), Inode: st.Ino, Links: uint64(st.Nlink), HasIdentity: true,
		Access: time.Unix(st.Atim.Unix()), Change: time.Unix(st.Ctim.Unix()),
	}
}
