package pkgfetch

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// maxUnpacked bounds what is decompressed of one archive, members or not.
	// The largest package in use unpacks to half a gibibyte.
	maxUnpacked = 8 << 30
	// maxEntries bounds the entries looked at in one archive.
	maxEntries = 100_000
)

// unpack writes the members of the archive at path into the folder dest, and
// nothing else of it. Names come from members alone, never from the archive.
func unpack(ctx context.Context, client Client, path, dest string, members []Member, progress func(done int64)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	x := &extraction{ctx: ctx, dest: dest, wanted: make(map[string]Member, len(members)), progress: progress}
	for _, m := range members {
		x.wanted[m.Path] = m
	}
	if err := x.whole(f); err != nil {
		return err
	}
	if client == NPM {
		err = x.fromTar(f, maxUnpacked)
	} else {
		err = x.fromZip(f)
	}
	if err != nil {
		return err
	}
	for _, m := range members {
		if _, missing := x.wanted[m.Path]; missing {
			return &ArchiveError{Member: m.Path, Reason: "is not in it"}
		}
	}
	return nil
}

// extraction is the state of one unpack.
type extraction struct {
	ctx      context.Context
	dest     string
	wanted   map[string]Member // by path in the archive; those written are removed
	written  int64
	progress func(done int64)
}

// whole copies the archive itself, where that is wanted.
func (x *extraction) whole(f *os.File) error {
	m, ok := x.wanted[Whole]
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := x.write(m, info.Size(), &contextReader{x.ctx, f}); err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// fromTar reads a gzipped tar file up to the last member wanted.
func (x *extraction) fromTar(r io.Reader, limit int64) error {
	z, err := gzip.NewReader(bufio.NewReaderSize(&contextReader{x.ctx, r}, 1<<16))
	if err != nil {
		return x.damaged(err)
	}
	bounded := &io.LimitedReader{R: z, N: limit}
	t := tar.NewReader(bounded)
	for entries := 0; len(x.wanted) > 0; entries++ {
		h, err := t.Next()
		switch {
		case bounded.N <= 0:
			return &ArchiveError{Reason: fmt.Sprintf("unpacks to more than %d bytes", limit)}
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return x.damaged(err)
		case entries >= maxEntries:
			return &ArchiveError{Reason: fmt.Sprintf("has more than %d entries", maxEntries)}
		}
		m, ok := x.wanted[h.Name]
		if !ok {
			continue
		}
		if h.Typeflag != tar.TypeReg {
			return &ArchiveError{Member: m.Path, Reason: fmt.Sprintf("is of tar type %q, want a regular file", h.Typeflag)}
		}
		if err := x.write(m, h.Size, t); err != nil {
			return err
		}
	}
	return nil
}

// fromZip reads the members wanted of a zip file.
func (x *extraction) fromZip(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return x.damaged(err)
	}
	for i, entry := range z.File {
		if i >= maxEntries {
			return &ArchiveError{Reason: fmt.Sprintf("has more than %d entries", maxEntries)}
		}
		m, ok := x.wanted[entry.Name]
		if !ok {
			continue
		}
		if err := x.fromEntry(m, entry); err != nil {
			return err
		}
	}
	return nil
}

func (x *extraction) fromEntry(m Member, entry *zip.File) error {
	if mode := entry.Mode(); !mode.IsRegular() {
		return &ArchiveError{Member: m.Path, Reason: fmt.Sprintf("has mode %v, want a regular file", mode)}
	}
	r, err := entry.Open()
	if err != nil {
		return x.damaged(err)
	}
	defer r.Close()
	size := int64(min(entry.UncompressedSize64, 1<<62))
	return x.write(m, size, &contextReader{x.ctx, r})
}

// write copies one member's content, of the size that the archive claims, to
// its file and checks it.
func (x *extraction) write(m Member, size int64, content io.Reader) error {
	if size != m.Size {
		return &ArchiveError{Member: m.Path, Reason: fmt.Sprintf("is %d bytes long, want %d", size, m.Size)}
	}
	path := filepath.Join(x.dest, filepath.FromSlash(m.Name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	h := sha256.New()
	// One byte more than is wanted shows a content longer than it claims.
	n, err := io.Copy(io.MultiWriter(out, h, x), io.LimitReader(content, m.Size+1))
	if err != nil {
		return x.damaged(err)
	}
	if n != m.Size {
		return &ArchiveError{Member: m.Path, Reason: fmt.Sprintf("holds %d bytes or more, want %d", n, m.Size)}
	}
	if found := hex.EncodeToString(h.Sum(nil)); found != m.SHA256 {
		return &DigestError{What: fmt.Sprintf("member %q", m.Path), Found: found, Want: m.SHA256}
	}
	// The rename that ends a fetch may reach the disk before the content does.
	if err := out.Sync(); err != nil {
		return err
	}
	delete(x.wanted, m.Path)
	return out.Close()
}

// Write counts what passes through it, for the progress.
func (x *extraction) Write(p []byte) (int, error) {
	x.written += int64(len(p))
	x.progress(x.written)
	return len(p), nil
}

// damaged gives a reading error its place, and leaves errors of the disk and
// of the context as they are.
func (x *extraction) damaged(err error) error {
	var path *fs.PathError
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	if errors.As(err, &path) {
		return err
	}
	return &ArchiveError{Reason: err.Error()}
}

// contextReader is a reader that ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// digest returns the SHA-256 of the file at path in hexadecimal.
func digest(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, &contextReader{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
