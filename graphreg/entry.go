package graphreg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wasinn/wasinn/backends"
)

// Entry describes a graph that a registry can load. The zero value of a field
// leaves the choice to the registry or the engine.
type Entry struct {
	Name    string
	Version string // empty when the graph has none
	// Backend is the engine's name; empty or auto leaves it to the registry.
	Backend  string
	Encoding backends.Encoding
	Target   backends.Target
	// Threads within one operator and between operators.
	IntraOpThreads, InterOpThreads int
	// Files of the model, one per part, in the order that the engine wants.
	Files []File
	// Preload asks for the graph to be loaded before the first guest runs.
	Preload bool

	folder string // the registry's folder on the host; empty when Files stand for themselves
}

// File is one file of a model.
type File struct {
	// Path within the registry's folder, with slashes, or, for a graph that
	// is in no folder, a path of the host.
	Path string
	// SHA256 of the contents in hexadecimal; empty when nothing is promised.
	SHA256 string
}

// FullName is NAME or NAME@VERSION.
func (e Entry) FullName() string {
	if e.Version == "" {
		return e.Name
	}
	return e.Name + "@" + e.Version
}

// check validates all that is known of an entry without opening its files.
func (e Entry) check() error {
	if err := CheckName(e.Name); err != nil {
		return err
	}
	if e.Version != "" {
		if err := CheckVersion(e.Version); err != nil {
			return err
		}
	}
	if err := e.checkOptions(); err != nil {
		return fmt.Errorf("graph %q: %w", e.FullName(), err)
	}
	return nil
}

// maxThreads is above any machine's and keeps nonsense from the engines.
const maxThreads = 1024

func (e Entry) checkOptions() error {
	if _, err := ParseEncoding(string(e.Encoding)); err != nil {
		return err
	}
	if _, err := ParseTarget(string(e.Target)); err != nil {
		return err
	}
	for _, n := range []int{e.IntraOpThreads, e.InterOpThreads} {
		if n < 0 || n > maxThreads {
			return backends.Errorf(backends.InvalidArgument, "threads: found %d, want 0 to %d", n, maxThreads)
		}
	}
	if len(e.Files) == 0 {
		return backends.Errorf(backends.InvalidArgument, "no file is named; give a path")
	}
	for i, f := range e.Files {
		if err := e.checkFile(f); err != nil {
			return fmt.Errorf("file %d: %w", i, err)
		}
	}
	return nil
}

func (e Entry) checkFile(f File) error {
	if f.Path == "" {
		return backends.Errorf(backends.InvalidArgument, "the path is empty")
	}
	if e.folder != "" && !filepath.IsLocal(filepath.FromSlash(f.Path)) {
		return backends.Errorf(backends.Security, "path %q leaves the registry's folder", f.Path)
	}
	if f.SHA256 == "" {
		return nil
	}
	if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != sha256.Size {
		return backends.Errorf(backends.InvalidArgument, "sha256 %q: want %d hexadecimal digits", f.SHA256, 2*sha256.Size)
	}
	return nil
}

// hostPath is the path of the first file on the host, for engines that look
// for external data beside it.
func (e Entry) hostPath() string {
	p := filepath.FromSlash(e.Files[0].Path)
	if e.folder != "" {
		p = filepath.Join(e.folder, p)
	}
	if abs, err := filepath.Abs(p); err == nil {
		return abs
	}
	return p
}

// model is what reading an entry's files gave.
type model struct {
	parts [][]byte
	stamp []stamp
	bytes uint64
}

// stamp tells, cheaply, whether a file has changed since it was read.
type stamp struct {
	size  int64
	mtime time.Time
}

// read reads and verifies the entry's files, at most limit bytes in all.
//
// Errors are *backends.Error: NotFound for a file that is not there, Security
// for one outside the folder or with another sha256, TooLarge beyond limit.
func (e Entry) read(ctx context.Context, limit uint64) (*model, error) {
	m := &model{}
	err := e.eachFile(func(f File, open opener) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, st, err := readFile(open, f, limit-m.bytes)
		if err != nil {
			return backends.Annotate(err, "file %q", filepath.Base(f.Path))
		}
		m.parts, m.stamp, m.bytes = append(m.parts, b), append(m.stamp, st), m.bytes+uint64(len(b))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// stamps looks at the entry's files without reading them.
func (e Entry) stamps() ([]stamp, error) {
	var all []stamp
	err := e.eachFile(func(f File, open opener) error {
		info, err := open.Stat(f.Path)
		if err != nil {
			return fileError(err)
		}
		all = append(all, stamp{info.Size(), info.ModTime()})
		return nil
	})
	return all, err
}

func sameStamps(a, b []stamp) bool {
	return slices.EqualFunc(a, b, func(x, y stamp) bool { return x.size == y.size && x.mtime.Equal(y.mtime) })
}

// opener is what os.Root and the host's file system have in common.
type opener interface {
	Open(name string) (*os.File, error)
	Stat(name string) (fs.FileInfo, error)
}

type hostFiles struct{}

func (hostFiles) Open(name string) (*os.File, error)    { return os.Open(name) }
func (hostFiles) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

func (e Entry) eachFile(do func(File, opener) error) error {
	var open opener = hostFiles{}
	if e.folder != "" {
		root, err := os.OpenRoot(e.folder)
		if err != nil {
			return backends.Annotate(fileError(err), "the registry's folder")
		}
		defer root.Close()
		open = root
	}
	for _, f := range e.Files {
		if err := do(f, open); err != nil {
			return err
		}
	}
	return nil
}

// readFile reads a regular file of at most limit bytes. It looks before it
// opens, since opening a pipe waits for a writer.
func readFile(open opener, f File, limit uint64) ([]byte, stamp, error) {
	info, err := open.Stat(f.Path)
	if err != nil {
		return nil, stamp{}, fileError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, stamp{}, backends.Errorf(backends.InvalidArgument, "found a %s, want a regular file", kind(info.Mode()))
	}
	file, err := open.Open(f.Path)
	if err != nil {
		return nil, stamp{}, fileError(err)
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, stamp{}, fileError(err)
	}
	if size := uint64(info.Size()); size > limit {
		return nil, stamp{}, backends.Errorf(backends.TooLarge, "found %d bytes, the limit leaves %d", size, limit)
	}
	b, err := readAll(file, info.Size())
	if err != nil {
		return nil, stamp{}, err
	}
	if err := verify(b, f.SHA256); err != nil {
		return nil, stamp{}, err
	}
	return b, stamp{info.Size(), info.ModTime()}, nil
}

func readAll(r io.Reader, size int64) ([]byte, error) {
	if size > math.MaxInt {
		return nil, backends.Errorf(backends.TooLarge, "found %d bytes, more than this machine can address", size)
	}
	b := make([]byte, size)
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && size > 0 {
		return nil, backends.Errorf(backends.RuntimeError, "shrank from %d bytes to %d while it was read", size, n)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fileError(err)
	}
	return b, nil
}

func verify(b []byte, want string) error {
	if want == "" {
		return nil
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); !strings.EqualFold(got, want) {
		return backends.Errorf(backends.Security, "sha256 is %s, the manifest promises %s", got, strings.ToLower(want))
	}
	return nil
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "folder"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeDevice != 0:
		return "device"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "special file"
}

// fileError gives an error of the file system a code, and a text without the
// host's paths.
func fileError(err error) *backends.Error {
	e := &backends.Error{Code: backends.RuntimeError, Err: err}
	var path *fs.PathError
	cause := err
	if errors.As(err, &path) {
		cause = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.Detail = backends.NotFound, "is not there"
	case errors.Is(err, fs.ErrPermission):
		e.Code, e.Detail = backends.Security, "may not be read by this host"
	case strings.Contains(cause.Error(), "escapes"):
		e.Code, e.Detail = backends.Security, "leaves the registry's folder"
	default:
		e.Detail = cause.Error()
	}
	return e
}
