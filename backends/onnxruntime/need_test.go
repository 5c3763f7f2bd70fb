package onnxruntime

import (
	"errors"
	"os"
	"testing"
)

// needLibrary skips a test on a machine without ONNX Runtime, and fails it there
// when CI is set. A library that is there and does not load fails it anywhere.
func needLibrary(t testing.TB, b *Backend) {
	t.Helper()
	err := b.Check(t.Context())
	var missing *NoLibraryError
	switch {
	case err == nil:
	case errors.As(err, &missing) && os.Getenv("CI") == "" && missing.Path == "":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}
