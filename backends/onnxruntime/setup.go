package onnxruntime

import (
	"context"
	"fmt"
	"runtime"

	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// Version of ONNX Runtime that Setup gets.
const Version = "1.30.0"

// SetupOptions say what Setup gets.
type SetupOptions struct {
	// GPU gets the build with CUDA support.
	GPU bool
	// Progress is told how far the download is; it may be nil.
	Progress func(pkgfetch.Progress)
}

// Setup puts a pinned ONNX Runtime into the user's cache, by npm or by pip,
// whichever is installed, and returns the library's path. What is there already
// is checked and kept. Errors are those of pkgfetch.
func Setup(ctx context.Context, opts SetupOptions) (string, error) {
	p, err := libraryPackage(runtime.GOOS, runtime.GOARCH, opts.GPU)
	if err != nil {
		return "", err
	}
	result, err := pkgfetch.Fetcher{Progress: opts.Progress}.Fetch(ctx, p)
	if err != nil {
		return "", fmt.Errorf("ONNX Runtime %s: %w", p.Version, err)
	}
	return result.Path(libraryNames()[0]), nil
}

// libraryPackage is where the library for a platform comes from.
func libraryPackage(goos, goarch string, gpu bool) (pkgfetch.Package, error) {
	return pkgfetch.Package{}, fmt.Errorf("not pinned yet for %s/%s", goos, goarch)
}
