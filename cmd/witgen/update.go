package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/wasinn/wasinn/wit/bindgen"
)

// update brings the folder to the files given and returns the paths of those
// that change: the ones that are new, differ, or are generated and not among
// files. It changes nothing unless write is set.
func update(dir string, files []bindgen.File, write bool) (changed []string, err error) {
	keep := map[string]bool{}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		keep[path] = true
		old, err := os.ReadFile(path)
		if err == nil && bytes.Equal(old, f.Content) {
			continue
		}
		changed = append(changed, path)
		if !write {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, f.Content, 0o666); err != nil {
			return nil, err
		}
	}
	stale, err := generated(dir, keep)
	if err != nil || !write {
		return append(changed, stale...), err
	}
	for _, path := range stale {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		// Folders that are empty now go too; others stay, and that is no error.
		for d := filepath.Dir(path); d != dir && os.Remove(d) == nil; d = filepath.Dir(d) {
		}
	}
	return append(changed, stale...), nil
}

// generated returns the generated Go files below dir but for those in keep.
func generated(dir string, keep map[string]bool) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == dir {
			return nil
		}
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || keep[path] {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.HasPrefix(text, []byte(bindgen.Header)) {
			paths = append(paths, path)
		}
		return err
	})
	return paths, err
}
