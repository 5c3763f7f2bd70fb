// Package preview1 is what the functions of wasi_snapshot_preview1 do: numbers
// and a guest's memory go in, an [Errno] comes out. It knows nothing of how
// WebAssembly runs.
//
// Every pointer is checked against the memory, every descriptor against the
// guest's table, every count against a limit. Paths go through package hostfs,
// so that nothing leaves a granted folder. What waits ends with the call's
// context.
//
// # Rights
//
// The specification gives a descriptor the rights that path_open is asked for.
// Hosts have long ceased to look at them, and guests to ask for all they use.
// So here a descriptor has every right that fits its kind of file, the access
// that it was opened for, and the inheriting rights of its directory. What
// fd_fdstat_set_rights takes away is gone for good.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
package preview1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/wasinn/wasinn/component/internal/hostfs"
)

// ModuleName is what guests import the functions from.
const ModuleName = "wasi_snapshot_preview1"

// The limits of one guest.
const (
	// MaxOpen is how many files, directories and listings of directories are open
	// at a time.
	MaxOpen = 1024
	// maxVectors is how many buffers one read or write has, as on Linux.
	maxVectors = 1024
	// maxSubscriptions is how many things one poll_oneoff waits for.
	maxSubscriptions = 4096
	// pieceSize is how many bytes are moved between two looks at the context.
	pieceSize = 1 << 20
)

// Function is a function of the module: all but proc_exit, which ends the guest
// and so belongs to what runs it.
type Function struct {
	Name string
	// Params has a letter for each parameter: i for an i32, I for an i64. The
	// result is an i32.
	Params string
	// Call calls the function for a guest. p has as many elements as Params letters.
	// The errno is [Interrupted] when ctx has ended while the function waited: the
	// guest is not to go on then.
	Call func(g *Guest, ctx context.Context, m Memory, p Params) Errno
}

// Functions are in the specification's order.
var Functions = []Function{
	{"args_get", "ii", (*Guest).argsGet},
	{"args_sizes_get", "ii", (*Guest).argsSizesGet},
	{"environ_get", "ii", (*Guest).environGet},
	{"environ_sizes_get", "ii", (*Guest).environSizesGet},
	{"clock_res_get", "ii", (*Guest).clockResGet},
	{"clock_time_get", "iIi", (*Guest).clockTimeGet},
	{"fd_advise", "iIIi", (*Guest).fdAdvise},
	{"fd_allocate", "iII", (*Guest).fdAllocate},
	{"fd_close", "i", (*Guest).fdClose},
	{"fd_datasync", "i", (*Guest).fdDatasync},
	{"fd_fdstat_get", "ii", (*Guest).fdFdstatGet},
	{"fd_fdstat_set_flags", "ii", (*Guest).fdFdstatSetFlags},
	{"fd_fdstat_set_rights", "iII", (*Guest).fdFdstatSetRights},
	{"fd_filestat_get", "ii", (*Guest).fdFilestatGet},
	{"fd_filestat_set_size", "iI", (*Guest).fdFilestatSetSize},
	{"fd_filestat_set_times", "iIIi", (*Guest).fdFilestatSetTimes},
	{"fd_pread", "iiiIi", (*Guest).fdPread},
	{"fd_prestat_get", "ii", (*Guest).fdPrestatGet},
	{"fd_prestat_dir_name", "iii", (*Guest).fdPrestatDirName},
	{"fd_pwrite", "iiiIi", (*Guest).fdPwrite},
	{"fd_read", "iiii", (*Guest).fdRead},
	{"fd_readdir", "iiiIi", (*Guest).fdReaddir},
	{"fd_renumber", "ii", (*Guest).fdRenumber},
	{"fd_seek", "iIii", (*Guest).fdSeek},
	{"fd_sync", "i", (*Guest).fdSync},
	{"fd_tell", "ii", (*Guest).fdTell},
	{"fd_write", "iiii", (*Guest).fdWrite},
	{"path_create_directory", "iii", (*Guest).pathCreateDirectory},
	{"path_filestat_get", "iiiii", (*Guest).pathFilestatGet},
	{"path_filestat_set_times", "iiiiIIi", (*Guest).pathFilestatSetTimes},
	{"path_link", "iiiiiii", (*Guest).pathLink},
	{"path_open", "iiiiiIIii", (*Guest).pathOpen},
	{"path_readlink", "iiiiii", (*Guest).pathReadlink},
	{"path_remove_directory", "iii", (*Guest).pathRemoveDirectory},
	{"path_rename", "iiiiii", (*Guest).pathRename},
	{"path_symlink", "iiiii", (*Guest).pathSymlink},
	{"path_unlink_file", "iii", (*Guest).pathUnlinkFile},
	{"poll_oneoff", "iiii", (*Guest).pollOneoff},
	{"proc_raise", "i", (*Guest).procRaise},
	{"sched_yield", "", (*Guest).schedYield},
	{"random_get", "ii", (*Guest).randomGet},
	{"sock_accept", "iii", (*Guest).sockAccept},
	{"sock_recv", "iiiiii", (*Guest).sockRecv},
	{"sock_send", "iiiii", (*Guest).sockSend},
	{"sock_shutdown", "ii", (*Guest).sockShutdown},
}

// Config says what a guest is given.
type Config struct {
	Args, Env      []string // Env has NAME=VALUE
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Terminal       [3]bool // which of the standard streams are terminals
	Dirs           []Preopen
}

// Preopen is a folder that a guest is granted.
type Preopen struct {
	Host, Guest string
	ReadOnly    bool
}

// Guest is the state of one guest: its descriptors above all. It is for one
// goroutine at a time.
type Guest struct {
	args, env []string
	started   time.Time
	wall      time.Time // when the wall clock was read last
	fds       table
	pace      *time.Timer // of poll_oneoff
	waits     []wait      // of poll_oneoff, kept from call to call
	scratch   []byte      // where small buffers are gathered
	place     place       // of fd_pread and fd_pwrite
	streams   []io.Closer // what goes on in the background
}

// NewGuest opens what the guest is given. The error names the folder that
// cannot be opened.
func NewGuest(cfg Config) (*Guest, error) {
	g := &Guest{args: cfg.Args, env: cfg.Env, started: time.Now()}
	for i, d := range []*descriptor{g.inputDescriptor(cfg.Stdin), outputDescriptor(cfg.Stdout), outputDescriptor(cfg.Stderr)} {
		if cfg.Terminal[i] {
			d.kind = typeCharacterDevice // what guests tell a terminal by, with no right to seek
		}
		g.add(d)
	}
	for _, d := range cfg.Dirs {
		dir, err := hostfs.Open(d.Host, d.ReadOnly)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("directory of the guest: %w", err), g.Close())
		}
		p := dirDescriptor(dir, dirRights|fileRights)
		p.preopen, p.name = true, d.Guest
		if _, e := g.fds.insert(p); e != 0 {
			return nil, errors.Join(fmt.Errorf("directory of the guest: more than %d are granted", MaxOpen), p.close(&g.fds), g.Close())
		}
	}
	return g, nil
}

// add gives one of the standard streams its number.
func (g *Guest) add(d *descriptor) {
	if _, e := g.fds.insert(d); e != 0 {
		panic("preview1: the table is full before the guest runs")
	}
}

// Close closes all that is open. Calling it again does nothing.
func (g *Guest) Close() error {
	err := g.fds.closeAll()
	for _, s := range g.streams {
		err = errors.Join(err, s.Close())
	}
	g.streams = nil
	return err
}
