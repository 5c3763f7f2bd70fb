package onnxruntime

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// LibraryVariable is the environment variable that names the library to use.
const LibraryVariable = "WASINN_ORT_LIB"

// LibrarySource is how a library was found.
type LibrarySource string

// The places that Locate looks at, in this order.
const (
	FromConfig      LibrarySource = "configuration"
	FromEnvironment LibrarySource = LibraryVariable
	FromCache       LibrarySource = "wasinn setup"
	FromSystem      LibrarySource = "system"
)

// NoLibraryError says that there is no ONNX Runtime on this machine, or not
// where it should be.
type NoLibraryError struct {
	// Path that was named, and Source that named it; empty when every place was
	// looked at in vain.
	Path   string
	Source LibrarySource
	Err    error
}

// Error names the place and the command that gets the library.
func (e *NoLibraryError) Error() string {
	if e.Path == "" {
		return "no ONNX Runtime library found: run `wasinn setup onnxruntime`, or name one in " + LibraryVariable
	}
	return fmt.Sprintf("no ONNX Runtime library at %s, which %s names: %v", e.Path, e.Source, e.Err)
}

// Unwrap returns the cause.
func (e *NoLibraryError) Unwrap() error { return e.Err }

// Locate finds the library that cfg would use, without loading it: cfg.Library;
// else what WASINN_ORT_LIB names; else what [Setup] has put in the cache, with
// GPU support first unless cfg.GPU is off; else the system's own. A place that
// is named wins even when there is nothing. The error is *NoLibraryError.
func Locate(cfg Config) (string, LibrarySource, error) {
	if cfg.Library != "" {
		return named(cfg.Library, FromConfig)
	}
	if path := os.Getenv(LibraryVariable); path != "" {
		return named(path, FromEnvironment)
	}
	for _, gpu := range []bool{true, false} {
		if gpu && cfg.GPU == GPUOff {
			continue
		}
		if path, ok := cached(gpu); ok {
			return path, FromCache, nil
		}
	}
	for _, path := range systemLibraries() {
		if isFile(path) == nil {
			return path, FromSystem, nil
		}
	}
	return "", "", &NoLibraryError{}
}

func named(path string, source LibrarySource) (string, LibrarySource, error) {
	if err := isFile(path); err != nil {
		return "", "", &NoLibraryError{path, source, err}
	}
	// The loader searches its own path for a name without a slash.
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", "", &NoLibraryError{path, source, err}
	}
	return abs, source, nil
}

func isFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("it is a directory, expected the library file in it, such as %s", libraryNames()[0])
	}
	return nil
}

func cached(gpu bool) (string, bool) {
	choices, err := buildsFor(runtime.GOOS, runtime.GOARCH, gpu)
	if err != nil {
		return "", false
	}
	for _, b := range choices {
		if path, ok := b.lookup(); ok {
			return path, true
		}
	}
	return "", false
}

// libraryNames are the library's usual names on this system, the one that Setup
// gives it first.
func libraryNames() []string {
	if runtime.GOOS == "darwin" {
		return []string{darwinLibrary, "libonnxruntime.1.dylib"}
	}
	return []string{linuxLibrary, "libonnxruntime.so"}
}

// systemLibraries are the places where packagers and ONNX Runtime's own
// instructions put the library.
func systemLibraries() []string {
	dirs := filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))
	if runtime.GOOS == "darwin" {
		dirs = append(filepath.SplitList(os.Getenv("DYLD_LIBRARY_PATH")), "/opt/homebrew/lib")
	}
	dirs = append(dirs, "/usr/local/lib", "/usr/lib", "/usr/lib64")
	if multiarch := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]; runtime.GOOS == "linux" && multiarch != "" {
		dirs = append(dirs, filepath.Join("/usr/lib", multiarch))
	}
	var paths []string
	for _, dir := range dirs {
		for _, name := range libraryNames() {
			if filepath.IsAbs(dir) { // an empty entry would be the working directory, which may be a guest's
				paths = append(paths, filepath.Join(dir, name))
			}
		}
	}
	return paths
}
