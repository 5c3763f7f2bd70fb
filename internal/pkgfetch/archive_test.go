package pkgfetch

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDecompressionIsBounded(t *testing.T) {
	bomb := tgz(entry{name: "padding", content: strings.Repeat("0", 1<<20)}, entry{name: "m", content: "x"})
	m := member("m", "m", "x")
	x := &extraction{ctx: t.Context(), dest: t.TempDir(), wanted: map[string]Member{m.Path: m}, progress: func(int64) {}}
	err := x.fromTar(bytes.NewReader(bomb), 1<<19)
	if err == nil || !strings.Contains(err.Error(), "unpacks to more than 524288 bytes") {
		t.Errorf("error is %v", err)
	}
}

// FuzzUnpack holds that no archive makes unpack panic or write anything but
// the members, whole and right or not at all.
func FuzzUnpack(f *testing.F) {
	const content = "a model"
	for _, e := range []entry{{name: "m", content: content}, {name: "../m", content: content}, {name: "m", content: "longer than it should be"}} {
		f.Add(true, tgz(e))
		f.Add(false, wheel(e))
	}
	m := member("m", "sub/m", content)
	f.Fuzz(func(t *testing.T, isTar bool, archive []byte) {
		outer := t.TempDir()
		path, dest := filepath.Join(outer, "archive"), filepath.Join(outer, "dest")
		if err := os.WriteFile(path, archive, 0o600); err != nil {
			t.Fatal(err)
		}
		client := Pip
		if isTar {
			client = NPM
		}
		err := unpack(t.Context(), client, path, dest, []Member{m}, func(int64) {})
		files := below(t, outer)
		delete(files, "archive")
		got, written := files["dest/sub/m"]
		delete(files, "dest/sub/m")
		if len(files) != 0 {
			t.Errorf("wrote %v", files)
		}
		if err == nil && (!written || got != content) {
			t.Errorf("accepted %q", got)
		}
	})
}
