package models

import (
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
)

func TestAssembleMakesTheFolderWhole(t *testing.T) {
	for _, test := range []struct {
		name  string
		there map[string]string // in the folder before
	}{
		{"nothing there", nil},
		{"all there", map[string]string{"a/model.onnx": "model a", "b/model.onnx": "model b"}},
		{"one missing", map[string]string{"a/model.onnx": "model a"}},
		{"one cut short", map[string]string{"a/model.onnx": "mod", "b/model.onnx": "model b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cache, dir := t.TempDir(), filepath.Join(t.TempDir(), "models", "x")
			files := map[string]string{
				"a/model.onnx": write(t, filepath.Join(cache, "a"), "model a"),
				"b/model.onnx": write(t, filepath.Join(cache, "b"), "model b"),
			}
			for name, content := range test.there {
				write(t, filepath.Join(dir, name), content)
			}
			if err := assemble(dir, files); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"x/a/model.onnx": "model a", "x/b/model.onnx": "model b"}
			if got := read(t, filepath.Dir(dir)); !reflect.DeepEqual(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

func TestManyAssembleOneFolder(t *testing.T) {
	cache, dir := t.TempDir(), filepath.Join(t.TempDir(), "models", "x")
	files := map[string]string{"a/model.onnx": write(t, filepath.Join(cache, "a"), "model a")}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if err := assemble(dir, files); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, want := read(t, filepath.Dir(dir)), map[string]string{"x/a/model.onnx": "model a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestAssembleNamesTheFileItMisses(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	dir := filepath.Join(t.TempDir(), "models", "x")
	err := assemble(dir, map[string]string{"a/model.onnx": missing})
	if path, ok := err.(*os.PathError); !ok || path.Path != missing {
		t.Errorf("error is %v, want one of %s", err, missing)
	}
	if got := read(t, filepath.Dir(dir)); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// read lists the files below dir with their content.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
