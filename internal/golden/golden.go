// Package golden compares what tests make with files that were checked by eye
// once. Run the tests with -update to write the files anew, then look at the
// difference before it is committed.
package golden

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// Equal compares got with the file at path. It reports the first line that
// differs.
func Equal(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		write(t, path, got)
		return
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is missing: run the tests with -update, and check it", path)
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	if d := Diff(got, want); d != "" {
		t.Errorf("%s: %s\nrun the tests with -update when this is what it should be", path, d)
	}
}

// Files compares a set of files with the folder dir: the ones in it, at any
// depth, must be those of got, whose keys are paths with slashes. Files that
// foreign returns true for are left alone; it may be nil.
func Files(t testing.TB, dir string, got map[string][]byte, foreign func(name string) bool) {
	t.Helper()
	for _, name := range sorted(got) {
		Equal(t, filepath.Join(dir, filepath.FromSlash(name)), got[name])
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if _, ok := got[name]; ok || foreign != nil && foreign(name) {
			return nil
		}
		if *update {
			return os.Remove(path)
		}
		t.Errorf("%s is not made any more: run the tests with -update to remove it", path)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Diff returns the first line in which got and want differ, or an empty text.
func Diff(got, want []byte) string {
	if bytes.Equal(got, want) {
		return ""
	}
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range max(len(g), len(w)) {
		if a, b := line(g, i), line(w, i); a != b {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, a, b)
		}
	}
	return ""
}

func line(lines [][]byte, i int) string {
	if i >= len(lines) {
		return "(the end)"
	}
	return fmt.Sprintf("%q", lines[i])
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func sorted(m map[string][]byte) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
