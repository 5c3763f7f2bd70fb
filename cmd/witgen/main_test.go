package main

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/wit/bindgen"
)

const greet = "package example:greet; interface hello { greet: func(name: string) -> string; @unstable(feature = loud) shout: func(); }"

// folder makes a folder with files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRun(t *testing.T) {
	const made, stale, foreign = "example/greet/hello/hello.go", "old/old.go", "other/other.go"
	for _, tt := range []struct {
		name    string
		before  map[string]string // what is in the folder
		args    []string
		changed []string // what is printed
		after   []string // what is in the folder then
		err     string
	}{
		{"an empty folder is filled", nil, nil, []string{made}, []string{made}, ""},
		{"generated files that are not made any more are removed, with their folder",
			map[string]string{stale: bindgen.Header + "package old\n"}, nil, []string{made, stale}, []string{made}, ""},
		{"other files stay", map[string]string{foreign: "package other\n"}, nil, []string{made}, []string{made, foreign}, ""},
		{"a check changes nothing and fails", map[string]string{stale: bindgen.Header}, []string{"-check"},
			[]string{made, stale}, []string{stale}, "2 files in"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := folder(t, tt.before)
			args := append([]string{"-out", out, "-root", "example.com/gen"}, tt.args...)
			var printed strings.Builder
			err := run(append(args, folder(t, map[string]string{"greet.wit": greet})), &printed, io.Discard)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if got := relative(t, out, strings.Fields(printed.String())); !slices.Equal(got, tt.changed) {
				t.Errorf("printed %q, want %q", got, tt.changed)
			}
			if got := below(t, out); !slices.Equal(got, tt.after) {
				t.Errorf("the folder holds %q, want %q", got, tt.after)
			}
		})
	}
}

func TestRunAgainChangesNothing(t *testing.T) {
	out, in := t.TempDir(), folder(t, map[string]string{"greet.wit": greet})
	if err := run([]string{"-out", out, in}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	if err := run([]string{"-check", "-out", out, in}, &printed, io.Discard); err != nil || printed.Len() > 0 {
		t.Errorf("printed %q with error %v, want nothing", &printed, err)
	}
}

func TestFeaturesOpenGates(t *testing.T) {
	in := folder(t, map[string]string{"greet.wit": greet})
	for _, tt := range []struct {
		args []string
		want bool
	}{{nil, false}, {[]string{"-features", "quiet,loud"}, true}} {
		out := t.TempDir()
		if err := run(append(append([]string{"-out", out}, tt.args...), in), io.Discard, io.Discard); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(out, "example", "greet", "hello", "hello.go"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), "Shout"); got != tt.want {
			t.Errorf("with %q the gated function is there: %v, want %v", tt.args, got, tt.want)
		}
	}
}

func TestHelpShowsTheFlags(t *testing.T) {
	var help strings.Builder
	if err := run([]string{"-h"}, io.Discard, &help); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("error %v, want %v", err, flag.ErrHelp)
	}
	for _, want := range []string{"-out", "-root", "-features", "-check"} {
		if !strings.Contains(help.String(), want) {
			t.Errorf("help lacks %s:\n%s", want, &help)
		}
	}
}

func TestErrorsNameTheFile(t *testing.T) {
	in := folder(t, map[string]string{"sub/bad.wit": "package a:b;\ninterface {}"})
	err := run([]string{"-out", t.TempDir(), in}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "sub/bad.wit:2") {
		t.Errorf("error %v, want one that names sub/bad.wit:2", err)
	}
}

func relative(t *testing.T, dir string, paths []string) []string {
	t.Helper()
	for i, p := range paths {
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			t.Fatal(err)
		}
		paths[i] = filepath.ToSlash(rel)
	}
	return paths
}

// below returns the files below dir, sorted.
func below(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return relative(t, dir, paths)
}
