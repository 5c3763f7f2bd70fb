package pkgfetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CacheVariable is the environment variable that moves the cache.
const CacheVariable = "WASINN_CACHE"

// CacheRoot is the folder that everything is cached in: what WASINN_CACHE
// names, or "wasinn" in the user's cache folder. It need not exist.
func CacheRoot() (string, error) {
	if dir := os.Getenv(CacheVariable); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w: set %s to a folder", err, CacheVariable)
	}
	return filepath.Join(dir, "wasinn"), nil
}

// Stage is a step of a fetch.
type Stage string

// The stages of a fetch, in order. A source that fails makes the next one
// start again.
const (
	Waiting     Stage = "waiting"     // for another process that fetches the same
	Downloading Stage = "downloading" // by a package client
	Checking    Stage = "checking"    // the archive's digest
	Unpacking   Stage = "unpacking"   // the members
	Done        Stage = "done"
)

// Progress is how far a fetch has come.
type Progress struct {
	// Package is the name of the package fetched.
	Package string
	Stage   Stage
	// Source being fetched, as in "npm onnxruntime-node@1.30.0".
	Source string
	// Done and Total count bytes of this stage; Total is 0 when unknown. While
	// downloading, Done is what the client has put on the disk, so it may jump.
	Done, Total int64
}

// Fetcher fetches packages into a cache. Its zero value uses [CacheRoot] and
// reports no progress. It is safe for concurrent use when Progress is.
type Fetcher struct {
	// Root is the cache folder; CacheRoot's when empty.
	Root string
	// Progress, when not nil, is called at each stage and several times a
	// second while bytes come. Calls for one Fetch never overlap.
	Progress func(Progress)
}

// Result is a fetched package.
type Result struct {
	// Dir is the folder that holds the members under their names.
	Dir string
	// Source is the one that Dir is of.
	Source Source
}

// Path returns the file path of the member with the given name.
func (r Result) Path(name string) string { return filepath.Join(r.Dir, filepath.FromSlash(name)) }

// Lookup finds p in the cache without any client. It looks at sizes alone,
// which costs microseconds; [Fetcher.Fetch] compares digests.
func (f Fetcher) Lookup(p Package) (Result, bool) {
	root, err := f.root()
	if err != nil || p.Validate() != nil {
		return Result{}, false
	}
	for _, s := range p.Sources {
		r := Result{Dir: filepath.Join(root, p.Name, s.folder(p.Version)), Source: s}
		if r.sizes() == nil {
			return r, true
		}
	}
	return Result{}, false
}

// Fetch returns p's folder, from the cache when it is there and every digest
// matches, else through the first source whose client is installed and
// works. A source that fails passes to the next; when all fail, the error
// holds each one's. Errors are *NoClientError, *ClientError, *DigestError,
// *ArchiveError, ErrNoSpace or ctx's cause, found by errors.As and errors.Is.
func (f Fetcher) Fetch(ctx context.Context, p Package) (Result, error) {
	if err := p.Validate(); err != nil {
		return Result{}, err
	}
	root, err := f.root()
	if err != nil {
		return Result{}, err
	}
	for _, s := range p.Sources {
		r := Result{Dir: filepath.Join(root, p.Name, s.folder(p.Version)), Source: s}
		if r.verify(ctx) == nil {
			f.report(Progress{Package: p.Name, Stage: Done, Source: s.String()})
			return r, nil
		}
	}
	return f.fromSources(ctx, root, p)
}

func (f Fetcher) root() (string, error) {
	if f.Root != "" {
		return filepath.Abs(f.Root)
	}
	return CacheRoot()
}

func (f Fetcher) report(p Progress) {
	if f.Progress != nil {
		f.Progress(p)
	}
}

// fromSources tries each source whose client is installed.
func (f Fetcher) fromSources(ctx context.Context, root string, p Package) (Result, error) {
	var absent []Client
	var failures []error
	for _, s := range p.Sources {
		client := locate(ctx, s.Client)
		if client == nil {
			if !slices.Contains(absent, s.Client) {
				absent = append(absent, s.Client)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Join(root, p.Name), 0o755); err != nil { // no source would help
			return Result{}, fmt.Errorf("%s: the cache folder cannot be written: %w: name another in %s", p.Name, withSpace(err), CacheVariable)
		}
		r, err := f.fromSource(ctx, root, p, s, client)
		if err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			return Result{}, fmt.Errorf("%s: %w", p.Name, context.Cause(ctx))
		}
		failures = append(failures, fmt.Errorf("%s: %s: %w", p.Name, s, err))
	}
	if err := context.Cause(ctx); err != nil {
		return Result{}, fmt.Errorf("%s: %w", p.Name, err)
	}
	if len(failures) == 0 {
		return Result{}, &NoClientError{Package: p.Name, Clients: absent}
	}
	return Result{}, errors.Join(failures...)
}

// fromSource downloads, checks and unpacks s in a folder of its own, and
// moves the finished members into place.
func (f Fetcher) fromSource(ctx context.Context, root string, p Package, s Source, client command) (_ Result, err error) {
	defer func() { err = withSpace(err) }()
	home := filepath.Join(root, p.Name)
	folder := s.folder(p.Version)
	at := Progress{Package: p.Name, Source: s.String()}
	f.report(at.in(Waiting, 0, 0))
	unlock, err := lock(ctx, filepath.Join(home, "."+folder+".lock"))
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	r := Result{Dir: filepath.Join(home, folder), Source: s}
	if r.verify(ctx) == nil { // another process was first
		f.report(at.in(Done, 0, 0))
		return r, nil
	}
	if locks {
		removeLeftovers(home, folder)
	}
	work, err := os.MkdirTemp(home, temporaryPrefix(folder))
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(work)
	if err := f.prepare(ctx, at, s, client, work); err != nil {
		return Result{}, err
	}
	if err := r.install(ctx, work); err != nil {
		return Result{}, err
	}
	f.report(at.in(Done, 0, 0))
	return r, nil
}

// prepare leaves the checked members of s in the folder "members" of work.
func (f Fetcher) prepare(ctx context.Context, at Progress, s Source, client command, work string) error {
	f.report(at.in(Downloading, 0, s.Size))
	archive, err := s.download(ctx, client, work, func(done int64) {
		if s.Size > 0 {
			done = min(done, s.Size) // the client may hold it twice for a moment
		}
		f.report(at.in(Downloading, done, s.Size))
	})
	if err != nil {
		return err
	}
	if s.SHA256 != "" {
		f.report(at.in(Checking, 0, s.Size))
		found, err := digest(ctx, archive)
		if err != nil {
			return err
		}
		if found != s.SHA256 {
			return &DigestError{What: "archive", Found: found, Want: s.SHA256}
		}
	}
	var total int64
	for _, m := range s.Members {
		total += m.Size
	}
	members := filepath.Join(work, "members")
	if err := os.Mkdir(members, 0o755); err != nil {
		return err
	}
	// io.Copy reports every 32 KiB; a callback per MiB is plenty.
	reported := int64(0)
	return unpack(ctx, s.Client, archive, members, s.Members, func(done int64) {
		if done-reported >= 1<<20 || done == total || reported == 0 {
			reported = done
			f.report(at.in(Unpacking, done, total))
		}
	})
}

// install moves the members prepared in work to r.Dir. What stands there and
// does not verify goes into work, which is removed; what does verify is
// another process's, and stays.
func (r Result) install(ctx context.Context, work string) error {
	members := filepath.Join(work, "members")
	err := os.Rename(members, r.Dir)
	if err == nil {
		return nil
	}
	if r.verify(ctx) == nil {
		return nil
	}
	if moved := os.Rename(r.Dir, filepath.Join(work, "spoiled")); moved != nil && !errors.Is(moved, fs.ErrNotExist) {
		return moved
	}
	return os.Rename(members, r.Dir)
}

// sizes checks that every member is there with its size.
func (r Result) sizes() error {
	for _, m := range r.Source.Members {
		info, err := os.Stat(r.Path(m.Name))
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || info.Size() != m.Size {
			return fmt.Errorf("%s: %d bytes, want a file of %d", r.Path(m.Name), info.Size(), m.Size)
		}
	}
	return nil
}

// verify checks that every member is there with its digest.
func (r Result) verify(ctx context.Context) error {
	if err := r.sizes(); err != nil {
		return err
	}
	for _, m := range r.Source.Members {
		found, err := digest(ctx, r.Path(m.Name))
		if err != nil {
			return err
		}
		if found != m.SHA256 {
			return &DigestError{What: r.Path(m.Name), Found: found, Want: m.SHA256}
		}
	}
	return nil
}

// temporaryPrefix starts the names of the work folders for a cache folder.
func temporaryPrefix(folder string) string { return "." + folder + ".tmp-" }

// removeLeftovers removes the work folders of fetches that were killed. The
// caller holds the folder's lock, so none is in use.
func removeLeftovers(home, folder string) {
	entries, err := os.ReadDir(home)
	if err != nil {
		return // nothing to tidy, and the next step names the trouble
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporaryPrefix(folder)) {
			os.RemoveAll(filepath.Join(home, e.Name()))
		}
	}
}

// String is how errors and progress name a source: "npm NAME@VERSION" or
// "pip NAME==VERSION".
func (s Source) String() string {
	if s.Client == NPM {
		return "npm " + s.Name + "@" + s.Version
	}
	return string(s.Client) + " " + s.Name + "==" + s.Version
}

func (p Progress) in(stage Stage, done, total int64) Progress {
	p.Stage, p.Done, p.Total = stage, done, total
	return p
}
