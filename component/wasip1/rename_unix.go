//go:build unix

package wasip1

import (
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// rename is os.Root.Rename, but as the system does it: an empty directory is
// replaced by another. The directories around both names are opened below the
// root, and the names in them are not followed.
func rename(root *os.Root, from, to string) error {
	for _, name := range []string{from, to} {
		if base := path.Base(name); base == "." || base == ".." {
			return syscall.EBUSY
		}
	}
	a, err := root.OpenFile(path.Dir(from), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := root.OpenFile(path.Dir(to), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer b.Close()
	return unix.Renameat(int(a.Fd()), path.Base(from), int(b.Fd()), path.Base(to))
}
