package onnxload

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/internal/onnxfile"
)

// checkExternal checks that all external data of a model are in files beside
// the model's own, that these are there, and that they are long enough.
func checkExternal(model *onnxfile.Model, path string) error {
	if len(model.External) == 0 {
		return nil
	}
	if path == "" {
		return backends.Errorf(backends.UnsupportedOperation,
			"tensor %q has its data in the file %q: a model that is handed over as bytes holds its own data, a named model may have files beside it",
			model.External[0].Tensor, model.External[0].Location)
	}
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return HostError(backends.NotFound, err, "the model's folder cannot be opened")
	}
	defer dir.Close()
	for _, e := range model.External {
		if err := checkExternalFile(dir, e); err != nil {
			return err
		}
	}
	return nil
}

func checkExternalFile(dir *os.Root, e onnxfile.External) error {
	if !filepath.IsLocal(e.Location) || strings.ContainsRune(e.Location, 0) {
		return backends.Errorf(backends.Security, "tensor %q has its data in %q, expected a file beside the model", e.Tensor, e.Location)
	}
	info, err := dir.Stat(e.Location) // follows no link out of the folder
	if err != nil || !info.Mode().IsRegular() {
		return HostError(backends.NotFound, err, "tensor %q has its data in %q, which is not a file beside the model", e.Tensor, e.Location)
	}
	size := uint64(info.Size())
	if e.Offset > size || e.Length > size-e.Offset {
		return backends.Errorf(backends.InvalidEncoding, "tensor %q has %d bytes at %d of %q, which has %d bytes",
			e.Tensor, e.Length, e.Offset, e.Location, size)
	}
	return nil
}
