package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// compiledDir is where compiled code is kept unless --cache says otherwise.
func compiledDir() (string, error) {
	root, err := pkgfetch.CacheRoot()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "compiled"), nil
}

// cacheDir returns the folder for compiled code, or nothing when there is to be
// none. One that cannot be written is only worth a warning.
func (f *runFlags) cacheDir(a *app) string {
	if f.noCache {
		return ""
	}
	dir, err := f.cache, error(nil)
	if dir == "" {
		dir, err = compiledDir()
	}
	if err == nil {
		err = writable(dir)
	}
	if err != nil {
		fmt.Fprintf(a.stderr, "wasinn: compiled code is not kept: %v\n", err)
		return ""
	}
	return dir
}

// writable makes a folder and a file in it, and removes the file again.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return err
	}
	_, err = f.Write([]byte{0})
	f.Close()
	os.Remove(f.Name())
	return err
}

// folderSize counts the files below a folder, and their bytes. What cannot be
// read is left out.
func folderSize(dir string) (files int, bytes int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			files++
			bytes += info.Size()
		}
		return nil
	})
	return files, bytes
}
