package preview1

import (
	"context"

	"github.com/wasinn/wasinn/component/internal/hostfs"
)

// at returns a directory with the rights that are needed, and a path below it.
func (g *Guest) at(m Memory, fd uint32, needed rights, ptr, n uint32) (*descriptor, string, Errno) {
	d, e := g.dir(fd, needed)
	if e != 0 {
		return nil, "", e
	}
	path, e := m.path(ptr, n)
	return d, path, e
}

// follows reads lookup flags.
func follows(flags uint32) (follow bool, e Errno) {
	if flags&^lookupSymlinkFollow != 0 {
		return false, errInval
	}
	return flags == lookupSymlinkFollow, 0
}

func (g *Guest) pathCreateDirectory(_ context.Context, m Memory, p Params) Errno {
	d, path, e := g.at(m, p.u32(0), rightPathCreateDirectory, p.u32(1), p.u32(2))
	if e != 0 {
		return e
	}
	return errnoOf(d.dir.Mkdir(path))
}

func (g *Guest) pathFilestatGet(_ context.Context, m Memory, p Params) Errno {
	d, path, e := g.at(m, p.u32(0), rightPathFilestatGet, p.u32(2), p.u32(3))
	if e != 0 {
		return e
	}
	follow, e := follows(p.u32(1))
	if e != 0 {
		return e
	}
	info, err := d.dir.Stat(path, follow)
	if err != nil {
		return errnoOf(err)
	}
	return putFilestat(m, p.u32(4), info)
}

func (g *Guest) pathFilestatSetTimes(_ context.Context, m Memory, p Params) Errno {
	d, path, e := g.at(m, p.u32(0), rightPathFilestatSetTimes, p.u32(2), p.u32(3))
	if e != 0 {
		return e
	}
	follow, e := follows(p.u32(1))
	if e != 0 {
		return e
	}
	access, modification, e := times(p.u64(4), p.u64(5), p.u32(6))
	if e != 0 {
		return e
	}
	return errnoOf(d.dir.SetTimes(path, follow, access, modification))
}

// pathLink refuses to follow a link, as the system's own link does not either.
func (g *Guest) pathLink(_ context.Context, m Memory, p Params) Errno {
	from, old, e := g.at(m, p.u32(0), rightPathLinkSource, p.u32(2), p.u32(3))
	if e != 0 {
		return e
	}
	to, path, e := g.at(m, p.u32(4), rightPathLinkTarget, p.u32(5), p.u32(6))
	switch {
	case e != 0:
		return e
	case p.u32(1) != 0:
		return errInval
	}
	return errnoOf(from.dir.Link(old, to.dir, path))
}

// pathOpen opens a file or a directory for the access that the rights ask for:
// for reading when they ask for none.
func (g *Guest) pathOpen(_ context.Context, m Memory, p Params) Errno {
	d, path, e := g.at(m, p.u32(0), rightPathOpen, p.u32(2), p.u32(3))
	if e != 0 {
		return e
	}
	o, flags, e := openOptions(d, p)
	if e != 0 {
		return e
	}
	if e := m.putUint32(p.u32(8), 0); e != 0 {
		return e // before anything is opened
	}
	opened, e := g.open(d, path, o)
	if e != 0 {
		return e
	}
	opened.flags = flags
	fd, e := g.fds.insert(opened)
	if e != 0 {
		opened.close(&g.fds)
		return e
	}
	return m.putUint32(p.u32(8), fd)
}

// openOptions reads the flags of path_open, and checks that the directory
// passes on the rights for them.
func openOptions(d *descriptor, p Params) (o hostfs.OpenOptions, flags fdFlags, e Errno) {
	follow, e := follows(p.u32(1))
	how, base := p.u32(4), rights(p.u64(5))
	if e != 0 || how&^allOpen != 0 || p.u32(7)&^uint32(allFlags) != 0 {
		return o, 0, errInval
	}
	flags = fdFlags(p.u32(7))
	o = hostfs.OpenOptions{
		Follow:    follow,
		Create:    how&openCreate != 0,
		Exclusive: how&openExclusive != 0,
		Truncate:  how&openTruncate != 0,
		Directory: how&openDirectory != 0,
		Read:      base&rightFdRead != 0 || base&rightFdWrite == 0,
		Write:     base&rightFdWrite != 0,
		Sync:      flags&syncFlags != 0,
	}
	needed := rights(0)
	if o.Create {
		needed |= rightPathCreateFile
	}
	if o.Truncate {
		needed |= rightPathFilestatSetSize
	}
	if e := d.may(needed); e != 0 {
		return o, 0, e
	}
	if base&(rightFdRead|rightFdWrite)&^d.inheriting != 0 {
		return o, 0, errNotcapable
	}
	return o, flags, 0
}

// open opens a file or a directory.
func (g *Guest) open(d *descriptor, path string, o hostfs.OpenOptions) (*descriptor, Errno) {
	if g.fds.open >= MaxOpen {
		return nil, errMfile
	}
	file, dir, err := d.dir.OpenAt(path, o)
	switch {
	case err != nil:
		return nil, errnoOf(err)
	case dir != nil:
		return dirDescriptor(dir, d.inheriting), 0
	}
	opened := &descriptor{file: file, base: fileRights & d.inheriting, readOnly: d.dir.ReadOnly()}
	if !o.Read {
		opened.base &^= rightFdRead
	}
	if !o.Write {
		opened.base &^= writeRights
	}
	return opened, 0
}

// pathReadlink stores a link's target, cut off where the buffer ends.
func (g *Guest) pathReadlink(_ context.Context, m Memory, p Params) Errno {
	d, path, e := g.at(m, p.u32(0), rightPathReadlink, p.u32(1), p.u32(2))
	if e != 0 {
		return e
	}
	b, ok := m.bytes(p.u32(3), p.u32(4))
	if !ok {
		return errFault
	}
	target, err := d.dir.Readlink(path)
	if err != nil {
		return errnoOf(err)
	}
	return m.putUint32(p.u32(5), uint32(copy(b, target)))
}

func (g *Guest) pathRemoveDirectory(_ context.Context, m Memory, p Params) Errno {
	d, path, e := g.at(m, p.u32(0), rightPathRemoveDirectory, p.u32(1), p.u32(2))
	if e != 0 {
		return e
	}
	return errnoOf(d.dir.Rmdir(path))
}

func (g *Guest) pathRename(_ context.Context, m Memory, p Params) Errno {
	from, old, e := g.at(m, p.u32(0), rightPathRenameSource, p.u32(1), p.u32(2))
	if e != 0 {
		return e
	}
	to, path, e := g.at(m, p.u32(3), rightPathRenameTarget, p.u32(4), p.u32(5))
	if e != 0 {
		return e
	}
	return errnoOf(from.dir.Rename(old, to.dir, path))
}

func (g *Guest) pathSymlink(_ context.Context, m Memory, p Params) Errno {
	d, path, e := g.at(m, p.u32(2), rightPathSymlink, p.u32(3), p.u32(4))
	if e != 0 {
		return e
	}
	target, e := m.path(p.u32(0), p.u32(1))
	if e != 0 {
		return e
	}
	return errnoOf(d.dir.Symlink(target, path))
}

func (g *Guest) pathUnlinkFile(_ context.Context, m Memory, p Params) Errno {
	d, path, e := g.at(m, p.u32(0), rightPathUnlinkFile, p.u32(1), p.u32(2))
	if e != 0 {
		return e
	}
	return errnoOf(d.dir.Unlink(path))
}
