package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// Fetch returns a registry folder that holds every model of the table as
// NAME/model.onnx. What the user's cache lacks is downloaded with npm, about
// 21 MB; progress, which may be nil, hears of each package in turn. Errors are
// those of [pkgfetch.Fetcher.Fetch].
func Fetch(ctx context.Context, progress func(pkgfetch.Progress)) (dir string, err error) {
	root, err := pkgfetch.CacheRoot()
	if err != nil {
		return "", err
	}
	f := pkgfetch.Fetcher{Root: root, Progress: progress}
	files := map[string]string{}
	for _, o := range origins() {
		r, err := f.Fetch(ctx, o.pkg())
		if err != nil {
			return "", err
		}
		for _, m := range o.models {
			files[m.File()] = r.Path(m.File())
		}
	}
	dir = registryFolder(root)
	if err := assemble(dir, files); err != nil {
		return "", fmt.Errorf("registry folder of the models: %w", err)
	}
	return dir, nil
}

// Cached returns the folder that Fetch would return, when every model is in
// it. It downloads nothing, and looks at sizes alone.
func Cached() (dir string, ok bool) {
	root, err := pkgfetch.CacheRoot()
	if err != nil {
		return "", false
	}
	dir = registryFolder(root)
	for _, m := range All() {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(m.File())))
		if err != nil || info.Size() != m.Size {
			return "", false
		}
	}
	return dir, true
}

// registryFolder is named after the table's content, so that a changed table
// gets a folder of its own.
func registryFolder(root string) string {
	h := sha256.New()
	for _, m := range All() {
		fmt.Fprintf(h, "%s\x00%s\n", m.Name, m.SHA256)
	}
	return filepath.Join(root, "models", hex.EncodeToString(h.Sum(nil))[:12])
}

// assemble makes dir hold exactly the given files, by their paths in it, as
// links to where they are or as copies. It appears by one rename.
func assemble(dir string, files map[string]string) error {
	if holds(dir, files) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	made := filepath.Join(work, "made")
	for name, source := range files {
		if err := linkOrCopy(source, filepath.Join(made, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	if err := os.Rename(made, dir); err == nil || holds(dir, files) {
		return nil // done, or another process was first
	}
	if err := os.Rename(dir, filepath.Join(work, "spoiled")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(made, dir)
}

// holds tells whether every file is in dir, as a link to its source or with
// its size: a copy there is whole, since it came by a rename.
func holds(dir string, files map[string]string) bool {
	for name, source := range files {
		want, err := os.Stat(source)
		if err != nil {
			return false
		}
		found, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || !os.SameFile(found, want) && found.Size() != want.Size() {
			return false
		}
	}
	return true
}

// linkOrCopy makes a hard link, or a copy where the file system has none.
func linkOrCopy(source, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if os.Link(source, path) == nil {
		return nil
	}
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
