package preview1

import (
	"context"
	"io"
	"io/fs"
	"math"
	"time"

	"github.com/wasinn/wasinn/component/internal/hostfs"
)

func (g *Guest) fdClose(_ context.Context, _ Memory, p Params) Errno { return g.fds.close(p.u32(0)) }

func (g *Guest) fdRenumber(_ context.Context, _ Memory, p Params) Errno {
	return g.fds.renumber(p.u32(0), p.u32(1))
}

// fdAdvise is taken note of by nobody: the system does well without.
func (g *Guest) fdAdvise(_ context.Context, _ Memory, p Params) Errno {
	const noreuse = 5
	if _, e := g.file(p.u32(0), rightFdAdvise); e != 0 {
		return e
	}
	if p.u64(1) > math.MaxInt64 || p.u64(2) > math.MaxInt64 || p.u32(3) > noreuse {
		return errInval
	}
	return 0
}

// fdAllocate makes a file at least as long as asked for. Space on the disk is
// taken when it is written.
func (g *Guest) fdAllocate(_ context.Context, _ Memory, p Params) Errno {
	d, e := g.file(p.u32(0), rightFdAllocate|rightFdWrite)
	if e != 0 {
		return e
	}
	offset, n := p.u64(1), p.u64(2)
	if n == 0 || offset > math.MaxInt64 || n > math.MaxInt64-offset {
		return errInval
	}
	info, err := d.file.Stat()
	if err != nil || uint64(max(0, info.Size())) >= offset+n {
		return errnoOf(err)
	}
	return errnoOf(d.file.Truncate(int64(offset + n)))
}

func (g *Guest) fdDatasync(_ context.Context, _ Memory, p Params) Errno {
	return g.sync(p.u32(0), rightFdDatasync)
}

func (g *Guest) fdSync(_ context.Context, _ Memory, p Params) Errno {
	return g.sync(p.u32(0), rightFdSync)
}

func (g *Guest) sync(fd uint32, right rights) Errno {
	d, e := g.fds.get(fd)
	if e == 0 {
		e = d.may(right)
	}
	switch {
	case e != 0:
		return e
	case d.dir != nil:
		return errnoOf(d.dir.Sync())
	case d.file != nil:
		return errnoOf(d.file.Sync())
	}
	return errInval
}

func (g *Guest) fdFdstatGet(_ context.Context, m Memory, p Params) Errno {
	d, e := g.fds.get(p.u32(0))
	if e != 0 {
		return e
	}
	b, ok := m.bytes(p.u32(1), 24)
	if !ok {
		return errFault
	}
	clear(b)
	b[0] = byte(d.fileType())
	le.PutUint16(b[2:], uint16(d.flags))
	le.PutUint64(b[8:], uint64(d.base))
	le.PutUint64(b[16:], uint64(d.inheriting))
	return 0
}

func (d *descriptor) fileType() fileType {
	switch {
	case d.dir != nil:
		return typeDirectory
	case d.file != nil:
		return typeRegularFile
	}
	return d.kind
}

// fdFdstatSetFlags switches appending and waiting on and off. Whether writes wait
// for the disk is settled when a file is opened.
func (g *Guest) fdFdstatSetFlags(_ context.Context, _ Memory, p Params) Errno {
	d, e := g.fds.get(p.u32(0))
	if e == 0 {
		e = d.may(rightFdFdstatSetFlags)
	}
	if e != 0 {
		return e
	}
	if p.u32(1)&^uint32(allFlags) != 0 {
		return errInval
	}
	flags := fdFlags(p.u32(1))
	if added := flags &^ d.flags; added&syncFlags != 0 {
		return errInval
	}
	d.flags = flags | d.flags&syncFlags
	return 0
}

// fdFdstatSetRights takes rights away.
func (g *Guest) fdFdstatSetRights(_ context.Context, _ Memory, p Params) Errno {
	d, e := g.fds.get(p.u32(0))
	if e != 0 {
		return e
	}
	base, inheriting := rights(p.u64(1)), rights(p.u64(2))
	if base&^d.base != 0 || inheriting&^d.inheriting != 0 {
		return errNotcapable
	}
	d.base, d.inheriting = base, inheriting
	return 0
}

func (g *Guest) fdFilestatGet(_ context.Context, m Memory, p Params) Errno {
	d, e := g.fds.get(p.u32(0))
	if e == 0 {
		e = d.may(rightFdFilestatGet)
	}
	if e != 0 {
		return e
	}
	if d.dir == nil && d.file == nil {
		return putStream(m, p.u32(1), d.kind)
	}
	info, err := d.info()
	if err != nil {
		return errnoOf(err)
	}
	return putFilestat(m, p.u32(1), info)
}

// info describes a file or a directory.
func (d *descriptor) info() (fs.FileInfo, error) {
	if d.dir != nil {
		return d.dir.Self()
	}
	return d.file.Stat()
}

const filestatSize = 64

// putStream stores the little that there is to tell of a stream.
func putStream(m Memory, ptr uint32, t fileType) Errno {
	b, ok := m.bytes(ptr, filestatSize)
	if !ok {
		return errFault
	}
	clear(b)
	b[16] = byte(t)
	le.PutUint64(b[24:], 1)
	return 0
}

func putFilestat(m Memory, ptr uint32, info fs.FileInfo) Errno {
	b, ok := m.bytes(ptr, filestatSize)
	if !ok {
		return errFault
	}
	details := hostfs.DetailsOf(info)
	clear(b)
	le.PutUint64(b, details.Device)
	le.PutUint64(b[8:], details.Inode)
	b[16] = byte(fileTypeOf(info.Mode()))
	le.PutUint64(b[24:], details.Links)
	le.PutUint64(b[32:], uint64(max(0, info.Size())))
	le.PutUint64(b[40:], nanoseconds(details.Access))
	le.PutUint64(b[48:], nanoseconds(info.ModTime()))
	le.PutUint64(b[56:], nanoseconds(details.Change))
	return 0
}

// nanoseconds since 1970, as near as 64 bits come to it: they end in 2554.
func nanoseconds(t time.Time) uint64 {
	const last = math.MaxUint64/1_000_000_000 - 1
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s > last:
		return math.MaxUint64
	default:
		return uint64(s)*1_000_000_000 + uint64(t.Nanosecond())
	}
}

// fdFilestatSetSize refuses a file that was not opened for writing as POSIX's
// ftruncate does.
func (g *Guest) fdFilestatSetSize(_ context.Context, _ Memory, p Params) Errno {
	d, e := g.file(p.u32(0), 0)
	switch {
	case e != 0:
		return e
	case d.base&rightFdWrite == 0:
		return errInval
	}
	switch e := d.may(rightFdFilestatSetSize); {
	case e != 0:
		return e
	case p.u64(1) > math.MaxInt64:
		return errInval
	}
	return errnoOf(d.file.Truncate(int64(p.u64(1))))
}

func (g *Guest) fdFilestatSetTimes(_ context.Context, _ Memory, p Params) Errno {
	d, e := g.fds.get(p.u32(0))
	if e == 0 {
		e = d.may(rightFdFilestatSetTimes)
	}
	if e != 0 {
		return e
	}
	access, modification, e := times(p.u64(1), p.u64(2), p.u32(3))
	switch {
	case e != 0:
		return e
	case d.dir != nil:
		return errnoOf(d.dir.SetTimes(".", true, access, modification))
	case d.readOnly:
		return errRofs
	}
	return errnoOf(hostfs.SetFileTimes(d.file, access, modification))
}

// times makes times of what a guest gave, zero where nothing changes.
func times(atim, mtim uint64, flags uint32) (access, modification time.Time, e Errno) {
	if flags&^allSet != 0 || flags&(setAtim|setAtimNow) == setAtim|setAtimNow || flags&(setMtim|setMtimNow) == setMtim|setMtimNow {
		return access, modification, errInval
	}
	now := time.Now()
	one := func(ns uint64, set, setNow bool) time.Time {
		switch {
		case set:
			return time.Unix(int64(ns/1_000_000_000), int64(ns%1_000_000_000))
		case setNow:
			return now
		}
		return time.Time{}
	}
	return one(atim, flags&setAtim != 0, flags&setAtimNow != 0), one(mtim, flags&setMtim != 0, flags&setMtimNow != 0), 0
}

// preopened returns a folder that the guest was granted.
func (g *Guest) preopened(fd uint32) (*descriptor, Errno) {
	d, e := g.fds.get(fd)
	if e == 0 && !d.preopen {
		e = errBadf
	}
	return d, e
}

func (g *Guest) fdPrestatGet(_ context.Context, m Memory, p Params) Errno {
	d, e := g.preopened(p.u32(0))
	if e != 0 {
		return e
	}
	const directory = 0
	return m.putUint64(p.u32(1), directory|uint64(len(d.name))<<32)
}

// fdPrestatDirName stores a folder's name, for which the buffer has to have room.
func (g *Guest) fdPrestatDirName(_ context.Context, m Memory, p Params) Errno {
	d, e := g.preopened(p.u32(0))
	switch {
	case e != 0:
		return e
	case uint64(p.u32(2)) < uint64(len(d.name)):
		return errNametoolong
	}
	b, ok := m.bytes(p.u32(1), uint32(len(d.name)))
	if !ok {
		return errFault
	}
	copy(b, d.name)
	return 0
}

func (g *Guest) fdSeek(_ context.Context, m Memory, p Params) Errno {
	offset, whence := int64(p.u64(1)), p.u32(2)
	needed := rightFdSeek
	if offset == 0 && whence == io.SeekCurrent {
		needed = rightFdTell
	}
	return g.seek(m, p.u32(0), needed, offset, whence, p.u32(3))
}

func (g *Guest) fdTell(_ context.Context, m Memory, p Params) Errno {
	return g.seek(m, p.u32(0), rightFdTell, 0, io.SeekCurrent, p.u32(1))
}

// seek stores the new offset. The specification's whence is io's.
func (g *Guest) seek(m Memory, fd uint32, needed rights, offset int64, whence, result uint32) Errno {
	d, e := g.file(fd, needed)
	switch {
	case e != 0:
		return e
	case whence > io.SeekEnd:
		return errInval
	}
	if e := m.putUint64(result, 0); e != 0 {
		return e // before anything moves
	}
	at, err := d.file.Seek(offset, int(whence))
	if err != nil {
		return errnoOf(err)
	}
	return m.putUint64(result, uint64(at))
}
