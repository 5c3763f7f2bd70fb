package wasip2

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/hostfs"
	"github.com/wasinn/wasinn/gen/wasi/clocks/wallclock"
	fstypes "github.com/wasinn/wasinn/gen/wasi/filesystem/types"
	"github.com/wasinn/wasinn/gen/wasi/io/ioerror"
	"github.com/wasinn/wasinn/gen/wasi/io/streams"
)

// GetDirectories returns the granted directories, each as a new descriptor.
func (h *host) GetDirectories(context.Context) ([]abi.Tuple2[fstypes.Descriptor, string], error) {
	all := make([]abi.Tuple2[fstypes.Descriptor, string], len(h.dirs))
	for i, d := range h.dirs {
		all[i] = abi.Tuple2[fstypes.Descriptor, string]{F0: &descriptor{host: h, dir: d.dir, granted: true, flags: dirFlags(d.dir)}, F1: d.guest}
	}
	return all, nil
}

// FilesystemErrorCode tells the code of a stream's error when it came from a
// file.
func (h *host) FilesystemErrorCode(_ context.Context, err ioerror.Error) (abi.Option[fstypes.ErrorCode], error) {
	var fe *fileError
	if e, ok := err.(*ioError); ok && errors.As(e.err, &fe) {
		return abi.Option[fstypes.ErrorCode]{Value: errorCode(fe.error), Some: true}, nil
	}
	return abi.Option[fstypes.ErrorCode]{}, nil
}

// fileError marks an error of a file among those of streams.
type fileError struct{ error }

func (e *fileError) Unwrap() error { return e.error }

// fsResult is the answer of a filesystem function.
type fsResult[T any] = abi.Result[T, fstypes.ErrorCode]

func answer[T any](v T, err error) (fsResult[T], error) {
	if err != nil {
		return fsResult[T]{Err: errorCode(err), IsErr: true}, nil
	}
	return fsResult[T]{OK: v}, nil
}

func done(err error) (fsResult[abi.Unit], error) { return answer(abi.Unit{}, err) }

// descriptor is an opened file or directory: one of file and dir is nil.
type descriptor struct {
	host    *host
	file    *hostfs.File
	dir     *hostfs.Dir
	granted bool // dir is the host's and is closed by it
	flags   fstypes.DescriptorFlags
}

func dirFlags(d *hostfs.Dir) fstypes.DescriptorFlags {
	if d.ReadOnly() {
		return fstypes.DescriptorFlagsRead
	}
	return fstypes.DescriptorFlagsRead | fstypes.DescriptorFlagsMutateDirectory
}

func (d *descriptor) Drop(context.Context) error {
	switch {
	case d.file != nil:
		return d.file.Close()
	case !d.granted:
		d.host.release()
		return d.dir.Close()
	}
	return nil
}

// maxOpenFiles is how many files and directories an instance may have open, so
// that no guest uses up those of the process.
const maxOpenFiles = 512

// reserve counts a file that is about to be opened.
func (h *host) reserve() error {
	if h.openFiles >= maxOpenFiles {
		return errTooManyFiles
	}
	h.openFiles++
	return nil
}

func (h *host) release() { h.openFiles-- }

// asFile returns the opened file, or the error that a directory gives.
func (d *descriptor) asFile() (*hostfs.File, error) {
	if d.file == nil {
		return nil, errIsDirectory
	}
	return d.file, nil
}

// asDir returns the opened directory, or the error that a file gives.
func (d *descriptor) asDir() (*hostfs.Dir, error) {
	if d.dir == nil {
		return nil, errNotDirectory
	}
	return d.dir, nil
}

// at returns the file with an offset that is in range, if the descriptor was
// opened with the right that is needed.
func (d *descriptor) at(pos uint64, right fstypes.DescriptorFlags) (*hostfs.File, int64, error) {
	f, err := d.asFile()
	if err != nil {
		return nil, 0, err
	}
	if d.flags&right == 0 {
		return nil, 0, errBadDescriptor
	}
	off, err := offset(pos)
	return f, off, err
}

func (d *descriptor) ReadViaStream(_ context.Context, pos uint64) (fsResult[streams.InputStream], error) {
	f, off, err := d.at(pos, fstypes.DescriptorFlagsRead)
	if err != nil {
		return answer[streams.InputStream](nil, err)
	}
	return answer[streams.InputStream](&inputStream{in: &fileInput{file: f.Use(), offset: off, chunk: d.host.chunk}}, nil)
}

// fileInput reads a file from an offset of its own on. It is always ready.
type fileInput struct {
	file   *hostfs.File
	offset int64
	chunk  func() []byte // the instance's buffer, shared by all its files
}

func (r *fileInput) take(n int) ([]byte, error) {
	b := r.chunk()
	got, err := r.file.ReadAt(b[:min(n, len(b))], r.offset)
	r.offset += int64(got)
	if got > 0 || err == nil {
		return b[:got], nil // an error comes again with the next read
	}
	if !errors.Is(err, io.EOF) {
		err = &fileError{err}
	}
	return nil, err
}

func (r *fileInput) event() event { return event{} }
func (r *fileInput) close() error { return r.file.Close() }

func (d *descriptor) WriteViaStream(_ context.Context, pos uint64) (fsResult[streams.OutputStream], error) {
	f, off, err := d.at(pos, fstypes.DescriptorFlagsWrite)
	if err != nil {
		return answer[streams.OutputStream](nil, err)
	}
	return answer[streams.OutputStream](&outputStream{out: &fileOutput{file: f.Use(), offset: off}}, nil)
}

func (d *descriptor) AppendViaStream(context.Context) (fsResult[streams.OutputStream], error) {
	f, _, err := d.at(0, fstypes.DescriptorFlagsWrite)
	if err != nil {
		return answer[streams.OutputStream](nil, err)
	}
	return answer[streams.OutputStream](&outputStream{out: &fileOutput{file: f.Use(), appends: true}}, nil)
}

// fileOutput writes to a file at an offset of its own, or at the file's end.
type fileOutput struct {
	prompt
	file    *hostfs.File
	offset  int64
	appends bool
}

func (o *fileOutput) write(b []byte) error {
	if o.appends {
		end, err := o.file.Seek(0, io.SeekEnd)
		if err != nil {
			return &fileError{err}
		}
		o.offset = end
	}
	n, err := o.file.WriteAt(b, o.offset)
	o.offset += int64(n)
	if err != nil {
		return &fileError{err}
	}
	return nil
}

func (o *fileOutput) flush() error { return nil }
func (o *fileOutput) close() error { return o.file.Close() }

// Advise is taken note of by nobody: the system does well without.
func (d *descriptor) Advise(_ context.Context, _, _ uint64, _ fstypes.Advice) (fsResult[abi.Unit], error) {
	_, err := d.asFile()
	return done(err)
}

func (d *descriptor) SyncData(ctx context.Context) (fsResult[abi.Unit], error) { return d.Sync(ctx) }

func (d *descriptor) Sync(context.Context) (fsResult[abi.Unit], error) {
	if d.file != nil {
		return done(d.file.Sync())
	}
	return done(d.dir.Sync())
}

func (d *descriptor) GetFlags(context.Context) (fsResult[fstypes.DescriptorFlags], error) {
	return answer(d.flags, nil)
}

func (d *descriptor) GetType(context.Context) (fsResult[fstypes.DescriptorType], error) {
	info, err := d.info()
	if err != nil {
		return answer(fstypes.DescriptorTypeUnknown, err)
	}
	return answer(descriptorType(info.Mode()), nil)
}

func (d *descriptor) SetSize(_ context.Context, size uint64) (fsResult[abi.Unit], error) {
	f, n, err := d.at(size, fstypes.DescriptorFlagsWrite)
	if err != nil {
		return done(err)
	}
	return done(f.Truncate(n))
}

func (d *descriptor) SetTimes(_ context.Context, access, modification fstypes.NewTimestamp) (fsResult[abi.Unit], error) {
	a, m, err := timestamps(access, modification)
	if err != nil {
		return done(err)
	}
	if d.file == nil {
		return done(d.dir.SetTimes(".", true, a, m))
	}
	if d.flags&fstypes.DescriptorFlagsWrite == 0 {
		return done(errNotPermitted)
	}
	return done(hostfs.SetFileTimes(d.file.File, a, m))
}

// timestamps makes times of what a guest gave, zero where nothing changes.
func timestamps(access, modification fstypes.NewTimestamp) (a, m time.Time, err error) {
	now := time.Now()
	one := func(t fstypes.NewTimestamp) (time.Time, error) {
		switch t.Tag {
		case fstypes.NewTimestampTagNow:
			return now, nil
		case fstypes.NewTimestampTagTimestamp:
			if t.Timestamp.Seconds > maxSeconds || t.Timestamp.Nanoseconds >= 1e9 {
				return time.Time{}, errInvalid
			}
			return time.Unix(int64(t.Timestamp.Seconds), int64(t.Timestamp.Nanoseconds)), nil
		}
		return time.Time{}, nil
	}
	if a, err = one(access); err != nil {
		return a, m, err
	}
	m, err = one(modification)
	return a, m, err
}

// maxSeconds is the latest time that fits 64 bits of nanoseconds.
const maxSeconds = (1<<63 - 1) / 1_000_000_000

func (d *descriptor) Read(_ context.Context, length, pos uint64) (fsResult[abi.Tuple2[[]byte, bool]], error) {
	f, off, err := d.at(pos, fstypes.DescriptorFlagsRead)
	if err != nil {
		return answer(abi.Tuple2[[]byte, bool]{}, err)
	}
	b := d.host.chunk()
	b = b[:min(length, uint64(len(b)))]
	n, err := f.ReadAt(b, off)
	end := errors.Is(err, io.EOF)
	if end {
		err = nil
	}
	return answer(abi.Tuple2[[]byte, bool]{F0: b[:n], F1: end}, err)
}

func (d *descriptor) Write(_ context.Context, b []byte, pos uint64) (fsResult[uint64], error) {
	f, off, err := d.at(pos, fstypes.DescriptorFlagsWrite)
	if err != nil {
		return answer(uint64(0), err)
	}
	n, err := f.WriteAt(b, off)
	if n > 0 {
		err = nil // the rest is the next write's to complain of
	}
	return answer(uint64(n), err)
}

func (d *descriptor) ReadDirectory(context.Context) (fsResult[fstypes.DirectoryEntryStream], error) {
	dir, err := d.asDir()
	if err != nil {
		return answer[fstypes.DirectoryEntryStream](nil, err)
	}
	if err := d.host.reserve(); err != nil {
		return answer[fstypes.DirectoryEntryStream](nil, err)
	}
	entries, err := dir.Entries()
	if err != nil {
		d.host.release()
		return answer[fstypes.DirectoryEntryStream](nil, err)
	}
	return answer[fstypes.DirectoryEntryStream](&entryStream{d.host, entries}, nil)
}

// entryStream reads a directory.
type entryStream struct {
	host    *host
	entries *hostfs.Entries
}

func (s *entryStream) ReadDirectoryEntry(context.Context) (fsResult[abi.Option[fstypes.DirectoryEntry]], error) {
	e, err := s.entries.Next()
	if errors.Is(err, io.EOF) {
		return answer(abi.Option[fstypes.DirectoryEntry]{}, nil)
	}
	if err != nil {
		return answer(abi.Option[fstypes.DirectoryEntry]{}, err)
	}
	entry := fstypes.DirectoryEntry{Type: descriptorType(e.Type), Name: e.Name}
	return answer(abi.Option[fstypes.DirectoryEntry]{Value: entry, Some: true}, nil)
}

func (s *entryStream) Drop(context.Context) error {
	s.host.release()
	return s.entries.Close()
}

func (d *descriptor) CreateDirectoryAt(_ context.Context, path string) (fsResult[abi.Unit], error) {
	dir, err := d.asDir()
	if err != nil {
		return done(err)
	}
	return done(dir.Mkdir(path))
}

// info describes what the descriptor is open on.
func (d *descriptor) info() (fs.FileInfo, error) {
	if d.file != nil {
		return d.file.Stat()
	}
	return d.dir.Self()
}

// infoAt describes what a path below the descriptor names.
func (d *descriptor) infoAt(flags fstypes.PathFlags, path string) (fs.FileInfo, error) {
	dir, err := d.asDir()
	if err != nil {
		return nil, err
	}
	return dir.Stat(path, follows(flags))
}

func follows(flags fstypes.PathFlags) bool { return flags&fstypes.PathFlagsSymlinkFollow != 0 }

func (d *descriptor) Stat(context.Context) (fsResult[fstypes.DescriptorStat], error) {
	return stat(d.info())
}

func (d *descriptor) StatAt(_ context.Context, flags fstypes.PathFlags, path string) (fsResult[fstypes.DescriptorStat], error) {
	return stat(d.infoAt(flags, path))
}

func stat(info fs.FileInfo, err error) (fsResult[fstypes.DescriptorStat], error) {
	if err != nil {
		return answer(fstypes.DescriptorStat{}, err)
	}
	details := hostfs.DetailsOf(info)
	return answer(fstypes.DescriptorStat{
		Type:                      descriptorType(info.Mode()),
		LinkCount:                 details.Links,
		Size:                      uint64(max(0, info.Size())),
		DataAccessTimestamp:       optionalTime(details.Access),
		DataModificationTimestamp: optionalTime(info.ModTime()),
		StatusChangeTimestamp:     optionalTime(details.Change),
	}, nil)
}

func optionalTime(t time.Time) abi.Option[wallclock.Datetime] {
	return abi.Option[wallclock.Datetime]{Value: datetime(t), Some: !t.IsZero()}
}

func descriptorType(m fs.FileMode) fstypes.DescriptorType {
	switch {
	case m.IsRegular():
		return fstypes.DescriptorTypeRegularFile
	case m.IsDir():
		return fstypes.DescriptorTypeDirectory
	case m&fs.ModeSymlink != 0:
		return fstypes.DescriptorTypeSymbolicLink
	case m&fs.ModeNamedPipe != 0:
		return fstypes.DescriptorTypeFifo
	case m&fs.ModeSocket != 0:
		return fstypes.DescriptorTypeSocket
	case m&fs.ModeCharDevice != 0:
		return fstypes.DescriptorTypeCharacterDevice
	case m&fs.ModeDevice != 0:
		return fstypes.DescriptorTypeBlockDevice
	}
	return fstypes.DescriptorTypeUnknown
}

func (d *descriptor) SetTimesAt(_ context.Context, flags fstypes.PathFlags, path string, access, modification fstypes.NewTimestamp) (fsResult[abi.Unit], error) {
	dir, err := d.asDir()
	if err != nil {
		return done(err)
	}
	a, m, err := timestamps(access, modification)
	if err != nil {
		return done(err)
	}
	return done(dir.SetTimes(path, follows(flags), a, m))
}

// pair returns two directories.
func pair(from, to fstypes.Descriptor) (a, b *hostfs.Dir, err error) {
	x, ok := from.(*descriptor)
	y, ok2 := to.(*descriptor)
	if !ok || !ok2 {
		return nil, nil, errBadDescriptor
	}
	if a, err = x.asDir(); err != nil {
		return nil, nil, err
	}
	b, err = y.asDir()
	return a, b, err
}

// LinkAt refuses to follow a link, as the system's own link does not either.
func (d *descriptor) LinkAt(_ context.Context, flags fstypes.PathFlags, oldPath string, to fstypes.Descriptor, newPath string) (fsResult[abi.Unit], error) {
	from, into, err := pair(d, to)
	if err != nil {
		return done(err)
	}
	if follows(flags) {
		return done(errInvalid)
	}
	return done(from.Link(oldPath, into, newPath))
}

func (d *descriptor) RenameAt(_ context.Context, oldPath string, to fstypes.Descriptor, newPath string) (fsResult[abi.Unit], error) {
	from, into, err := pair(d, to)
	if err != nil {
		return done(err)
	}
	return done(from.Rename(oldPath, into, newPath))
}

func (d *descriptor) OpenAt(_ context.Context, pathFlags fstypes.PathFlags, path string, how fstypes.OpenFlags, flags fstypes.DescriptorFlags) (fsResult[fstypes.Descriptor], error) {
	dir, err := d.asDir()
	if err != nil {
		return answer[fstypes.Descriptor](nil, err)
	}
	const rights = fstypes.DescriptorFlagsRead | fstypes.DescriptorFlagsWrite
	if dir.ReadOnly() && flags&fstypes.DescriptorFlagsMutateDirectory != 0 {
		return answer[fstypes.Descriptor](nil, hostfs.ErrReadOnly)
	}
	if flags&rights == 0 {
		flags |= fstypes.DescriptorFlagsRead
	}
	if err := d.host.reserve(); err != nil {
		return answer[fstypes.Descriptor](nil, err)
	}
	file, sub, err := dir.OpenAt(path, hostfs.OpenOptions{
		Follow:    follows(pathFlags),
		Create:    how&fstypes.OpenFlagsCreate != 0,
		Exclusive: how&fstypes.OpenFlagsExclusive != 0,
		Truncate:  how&fstypes.OpenFlagsTruncate != 0,
		Directory: how&fstypes.OpenFlagsDirectory != 0,
		Read:      flags&fstypes.DescriptorFlagsRead != 0,
		Write:     flags&fstypes.DescriptorFlagsWrite != 0,
	})
	switch {
	case err != nil:
		d.host.release()
		return answer[fstypes.Descriptor](nil, err)
	case sub != nil:
		return answer[fstypes.Descriptor](&descriptor{host: d.host, dir: sub, flags: dirFlags(sub)}, nil)
	}
	return answer[fstypes.Descriptor](&descriptor{host: d.host, file: hostfs.NewFile(file, d.host.release), flags: flags &^ fstypes.DescriptorFlagsMutateDirectory}, nil)
}

func (d *descriptor) ReadlinkAt(_ context.Context, path string) (fsResult[string], error) {
	dir, err := d.asDir()
	if err != nil {
		return answer("", err)
	}
	return answer(dir.Readlink(path))
}

func (d *descriptor) RemoveDirectoryAt(_ context.Context, path string) (fsResult[abi.Unit], error) {
	dir, err := d.asDir()
	if err != nil {
		return done(err)
	}
	return done(dir.Rmdir(path))
}

func (d *descriptor) SymlinkAt(_ context.Context, target, path string) (fsResult[abi.Unit], error) {
	dir, err := d.asDir()
	if err != nil {
		return done(err)
	}
	return done(dir.Symlink(strings.Clone(target), path))
}

func (d *descriptor) UnlinkFileAt(_ context.Context, path string) (fsResult[abi.Unit], error) {
	dir, err := d.asDir()
	if err != nil {
		return done(err)
	}
	return done(dir.Unlink(path))
}

func (d *descriptor) IsSameObject(_ context.Context, other fstypes.Descriptor) (bool, error) {
	o, ok := other.(*descriptor)
	if !ok {
		return false, nil
	}
	a, err := d.info()
	if err != nil {
		return false, nil
	}
	b, err := o.info()
	return err == nil && os.SameFile(a, b), nil
}

func (d *descriptor) MetadataHash(context.Context) (fsResult[fstypes.MetadataHashValue], error) {
	return metadataHash(d.info())
}

func (d *descriptor) MetadataHashAt(_ context.Context, flags fstypes.PathFlags, path string) (fsResult[fstypes.MetadataHashValue], error) {
	return metadataHash(d.infoAt(flags, path))
}

// metadataHash is the same for two descriptors of one file. Guests that were
// built for preview 1 see it as the inode number, so it does not change with
// the contents where the system knows better.
func metadataHash(info fs.FileInfo, err error) (fsResult[fstypes.MetadataHashValue], error) {
	if err != nil {
		return answer(fstypes.MetadataHashValue{}, err)
	}
	details := hostfs.DetailsOf(info)
	parts := []uint64{details.Device, details.Inode}
	if !details.HasIdentity {
		parts = []uint64{uint64(info.ModTime().UnixNano()), uint64(info.Size())}
	}
	hash := fnv.New128a()
	for _, p := range parts {
		hash.Write(binary.LittleEndian.AppendUint64(nil, p))
	}
	sum := hash.Sum(nil)
	return answer(fstypes.MetadataHashValue{Lower: binary.LittleEndian.Uint64(sum), Upper: binary.LittleEndian.Uint64(sum[8:])}, nil)
}
