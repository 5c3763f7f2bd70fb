package hostfs

import (
	"bytes"
	"encoding/binary"
	"io/fs"

	"golang.org/x/sys/unix"
)

// entriesSize is how many bytes of entries are read from the system at a time.
const entriesSize = 8 << 10

// read reads the next entries; more is false behind the last. The system's own
// call tells inodes, for which package os would ask for each entry.
func (e *Entries) read() (more bool, err error) {
	if e.buf == nil {
		e.buf = make([]byte, entriesSize)
	}
	n, err := unix.Getdents(int(e.dir.Fd()), e.buf)
	if err != nil || n <= 0 {
		return false, err
	}
	e.next = e.next[:0]
	for b := e.buf[:n]; len(b) > headerSize; {
		size := int(binary.NativeEndian.Uint16(b[16:]))
		if size <= headerSize || size > len(b) {
			break // no system writes that
		}
		name := b[headerSize:size]
		if end := bytes.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		inode := binary.NativeEndian.Uint64(b)
		if inode != 0 && string(name) != "." && string(name) != ".." {
			e.next = append(e.next, e.entry(string(name), inode, b[18]))
		}
		b = b[size:]
	}
	return true, nil
}

// headerSize is where the name begins in an entry: behind the inode, an offset,
// the entry's size and its type.
const headerSize = 8 + 8 + 2 + 1

// entry makes an entry. A filesystem that does not keep types is asked for it.
func (e *Entries) entry(name string, inode uint64, kind byte) Entry {
	entry := Entry{Name: name, Inode: inode, Type: fs.ModeIrregular}
	switch kind {
	case unix.DT_REG:
		entry.Type = 0
	case unix.DT_DIR:
		entry.Type = fs.ModeDir
	case unix.DT_LNK:
		entry.Type = fs.ModeSymlink
	case unix.DT_FIFO:
		entry.Type = fs.ModeNamedPipe
	case unix.DT_SOCK:
		entry.Type = fs.ModeSocket
	case unix.DT_CHR:
		entry.Type = fs.ModeDevice | fs.ModeCharDevice
	case unix.DT_BLK:
		entry.Type = fs.ModeDevice
	case unix.DT_UNKNOWN:
		var st unix.Stat_t
		if unix.Fstatat(int(e.dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			return e.entry(name, inode, byte(st.Mode>>12)) // as the constants above are made
		}
	}
	return entry
}
