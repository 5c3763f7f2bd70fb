package onnxruntime

import (
	"context"
	"fmt"
	"runtime"
	"strings"

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
	if gpu {
		return pkgfetch.Package{}, fmt.Errorf("ONNX Runtime with CUDA support is not packaged for %s/%s", goos, goarch)
	}
	sources := librarySources[goos+"/"+goarch]
	if len(sources) == 0 {
		return pkgfetch.Package{}, fmt.Errorf("no package holds ONNX Runtime %s for %s/%s: build it, and name the library in %s", Version, goos, goarch, LibraryVariable)
	}
	return pkgfetch.Package{Name: "onnxruntime", Version: Version, Sources: sources}, nil
}

// librarySources are the packages for each platform, in order of preference.
var librarySources = map[string][]pkgfetch.Source{
	"linux/amd64": {
		npmSource("linux/x64/libonnxruntime.so.1", 45828512, "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23"),
	},
	"linux/arm64": {
		npmSource("linux/arm64/libonnxruntime.so.1", 25135496, "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76"),
	},
	"darwin/arm64": {
		npmSource("darwin/arm64/libonnxruntime.1.30.0.dylib", 44589928, "685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d"),
	},
}

// npmSource is one library of onnxruntime-node, whose package holds those of all
// platforms.
func npmSource(path string, size int64, sha256 string) pkgfetch.Source {
	name := "libonnxruntime.so.1"
	if strings.HasPrefix(path, "darwin/") {
		name = "libonnxruntime.dylib"
	}
	return pkgfetch.Source{
		Client: pkgfetch.NPM, Name: "onnxruntime-node", Version: Version,
		SHA256: "6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75", Size: 113507888,
		Members: []pkgfetch.Member{{Path: "package/bin/napi-v6/" + path, Name: name, SHA256: sha256, Size: size}},
	}
}
