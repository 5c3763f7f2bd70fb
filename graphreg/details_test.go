package graphreg

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/wasinn/wasinn/backends"
)

func TestDetailsOfFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "m"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "m", ModelFile)
	if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	missing := filepath.Join(dir, "none")
	for _, test := range []struct {
		name    string
		entry   Entry
		digests bool
		want    []FileDetails
		code    backends.Code // when there is an error
		fails   bool
	}{
		{"sizes alone", Entry{Files: []File{{Path: "m/model.onnx"}}, folder: dir}, false, []FileDetails{{Path: path, Size: 3}}, 0, false},
		{"digests too", Entry{Files: []File{{Path: "m/model.onnx"}}, folder: dir}, true, []FileDetails{{path, 3, sum}}, 0, false},
		{"a file in no folder", Entry{Files: []File{{Path: path}}}, true, []FileDetails{{path, 3, sum}}, 0, false},
		{"a file that is not there, and one that is", Entry{Files: []File{{Path: missing}, {Path: path}}}, true,
			[]FileDetails{{Path: missing}, {path, 3, sum}}, backends.NotFound, true},
		{"a folder that is not there", Entry{Files: []File{{Path: "f"}}, folder: missing}, true,
			[]FileDetails{{Path: filepath.Join(missing, "f")}}, backends.NotFound, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.entry.Details(t.Context(), test.digests)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("%+v, want %+v", got, test.want)
			}
			e, ok := errors.AsType[*backends.Error](err)
			if test.fails != (err != nil) || test.fails && (!ok || e.Code != test.code) {
				t.Errorf("error %v", err)
			}
		})
	}
}
