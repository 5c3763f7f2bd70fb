package onnxruntime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// SetupOptions say what Setup gets.
type SetupOptions struct {
	// GPU gets a build with CUDA support. CUDA itself and cuDNN are not part of it.
	GPU bool
	// Progress is told how far the download is; it may be nil.
	Progress func(pkgfetch.Progress)
}

// Setup puts a pinned ONNX Runtime into the user's cache, by npm or by pip,
// whichever is installed, and returns the library's path. What is there already
// is checked and kept. Errors are those of pkgfetch.
func Setup(ctx context.Context, opts SetupOptions) (string, error) {
	choices, err := buildsFor(runtime.GOOS, runtime.GOARCH, opts.GPU)
	if err != nil {
		return "", err
	}
	fetcher := pkgfetch.Fetcher{Progress: opts.Progress}
	var failed []error
	for _, b := range choices {
		path, err := b.fetch(ctx, fetcher)
		if err == nil {
			return path, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil || errors.Is(err, pkgfetch.ErrNoSpace) {
			break // the next would end in the same way
		}
	}
	return "", errors.Join(failed...)
}

// fetch gets all packages of a build and returns the library's path.
func (b build) fetch(ctx context.Context, fetcher pkgfetch.Fetcher) (string, error) {
	library, err := fetcher.Fetch(ctx, b.library)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", b.library.Name, b.library.Version, err)
	}
	if b.providers.Name == "" {
		return library.Path(libraryNames()[0]), nil
	}
	providers, err := fetcher.Fetch(ctx, b.providers)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", b.providers.Name, b.providers.Version, err)
	}
	// ONNX Runtime looks for its providers beside its library and nowhere else.
	for _, m := range providers.Source.Members {
		if err := place(providers.Path(m.Name), library.Path(m.Name)); err != nil {
			return "", fmt.Errorf("%s beside the library: %w", m.Name, err)
		}
	}
	return library.Path(libraryNames()[0]), nil
}

// lookup finds a build in the cache.
func (b build) lookup() (string, bool) {
	library, ok := pkgfetch.Fetcher{}.Lookup(b.library)
	if !ok {
		return "", false
	}
	for _, s := range b.providers.Sources {
		for _, m := range s.Members {
			if info, err := os.Stat(library.Path(m.Name)); err != nil || info.Size() != m.Size {
				return "", false
			}
		}
	}
	return library.Path(libraryNames()[0]), true
}

// place makes the file to have the content of from, whole or not at all: by a
// link, which costs no room, and else by a copy.
func place(from, to string) error {
	temp, err := os.MkdirTemp(filepath.Dir(to), "placing-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	name := filepath.Join(temp, filepath.Base(to))
	if err := os.Link(from, name); err != nil {
		if err := copyFile(from, name); err != nil {
			return err
		}
	}
	return os.Rename(name, to)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
