package onnxcases

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/internal/golden"
	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// TestMain lets ONNX Runtime take operator sets that are newer than those its
// release calls final. It reads this when its library is loaded.
func TestMain(m *testing.M) {
	os.Setenv("ALLOW_RELEASED_ONNX_OPSET_ONLY", "0")
	os.Exit(m.Run())
}

// TestSuite runs ONNX's own cases on each engine. What fails is listed with its
// reason in testdata; a case that fails and is not listed fails the test, and so
// does one that is listed and passes. With -update, after the package on the
// command line, the lists are brought up to date: the reasons of new lines are
// then to be worded.
func TestSuite(t *testing.T) {
	onEngines(t, func(t *testing.T, engine backends.Backend) { suite(t, engine, "testdata/"+engine.Name()+".txt") })
}

// onEngines runs a test on each engine.
func onEngines(t *testing.T, test func(t *testing.T, engine backends.Backend)) {
	for name, open := range map[string]func() (backends.Backend, error){
		onnxruntime.Name: func() (backends.Backend, error) { return onnxruntime.New(onnxruntime.Config{}) },
		gorgonia.Name:    func() (backends.Backend, error) { return gorgonia.New(gorgonia.Config{}) },
		// The reference that its executor is held against; the same cases fail on both.
		gorgonia.Name + " on Gorgonia's TapeMachine": func() (backends.Backend, error) { return gorgonia.New(gorgonia.Config{Executor: gorgonia.Tape}) },
	} {
		t.Run(name, func(t *testing.T) {
			engine, err := open()
			if err != nil {
				t.Fatal(err)
			}
			needEngine(t, engine.(backends.Checker))
			test(t, engine)
		})
	}
}

// TestDataInOtherFiles runs a case whose model has its weights in a file beside
// it, and whose data sets are two.
func TestDataInOtherFiles(t *testing.T) {
	proto := func(vs ...float32) []byte { // a TensorProto of float[2]
		return append([]byte{1 << 3, 2, 2 << 3, 1, 9<<3 | 2, 8}, onnxtest.Floats(vs...)...)
	}
	files := map[string][]byte{
		"model.onnx": onnxtest.External("w.bin"), "w.bin": onnxtest.Floats(10, 20),
		"test_data_set_0/input_0.pb": proto(1, 2), "test_data_set_0/output_0.pb": proto(11, 22),
		"test_data_set_1/input_0.pb": proto(3, 4), "test_data_set_1/output_0.pb": proto(13, 24),
	}
	dir := filepath.Join(t.TempDir(), "test_external")
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	onEngines(t, func(t *testing.T, engine backends.Backend) {
		run := func(dir string, root fs.FS) error {
			cases, err := Find(root, dir)
			if err != nil || len(cases) != 1 {
				t.Fatalf("found %d cases, %v", len(cases), err)
			}
			return runCase(t.Context(), cases[0], Host(engine))
		}
		if err := run(dir, os.DirFS(dir)); err != nil {
			t.Errorf("the case itself for a folder: %v", err)
		}
		if err := run(filepath.Dir(dir), os.DirFS(filepath.Dir(dir))); err != nil {
			t.Errorf("the folder above: %v", err)
		}
		if err := run("", os.DirFS(dir)); err == nil || !strings.Contains(err.Error(), "w.bin") {
			t.Errorf("files that are not on the disk: %v", err)
		}
		second := filepath.Join(dir, "test_data_set_1/output_0.pb")
		if err := os.WriteFile(second, proto(13, 25), 0o644); err != nil {
			t.Fatal(err)
		}
		defer os.WriteFile(second, files["test_data_set_1/output_0.pb"], 0o644)
		if err := run(dir, os.DirFS(dir)); err == nil || !strings.HasPrefix(err.Error(), "test_data_set_1: output") {
			t.Errorf("a second data set that differs: %v", err)
		}
	})
}

// needEngine skips a test on a machine without ONNX Runtime, and fails it there
// when CI is set.
func needEngine(t *testing.T, engine backends.Checker) {
	t.Helper()
	err := engine.Check(t.Context())
	var missing *onnxruntime.NoLibraryError
	switch {
	case err == nil:
	case errors.As(err, &missing) && os.Getenv("CI") == "":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// officialCases are ONNX's. The test is skipped where no client can fetch them,
// and where that fails and CI is not set.
func officialCases(t *testing.T) []*Case {
	t.Helper()
	root, closer, err := Official(t.Context())
	var without *pkgfetch.NoClientError
	switch {
	case err == nil:
	case errors.As(err, &without) || os.Getenv("CI") == "":
		t.Skipf("ONNX's cases cannot be had: %v", err)
	default:
		t.Fatalf("ONNX's cases: %v", err)
	}
	t.Cleanup(func() { closer.Close() })
	cases, err := Find(root, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 1900 {
		t.Fatalf("found %d cases, expected more than 1900", len(cases))
	}
	return cases
}

func suite(t *testing.T, engine backends.Backend, list string) {
	expected, err := LoadExpected(list)
	if err != nil {
		t.Fatal(err)
	}
	by := Host(engine)
	failed := map[string]error{}
	cases := officialCases(t)
	for _, c := range cases {
		if err := runCase(t.Context(), c, by); err != nil {
			failed[c.Name] = err
		}
	}
	t.Logf("%d of %d cases passed on %s", len(cases)-len(failed), len(cases), engine.Name())
	if update.Value.String() == "true" {
		bringUpToDate(t, list, expected, failed)
		return
	}
	for name, err := range failed {
		if _, listed := expected[name]; !listed {
			t.Errorf("%s fails and is not listed: %v", name, err)
		}
	}
	known := map[string]bool{}
	for _, c := range cases {
		known[c.Name] = true
	}
	for name, listed := range expected {
		switch {
		case !known[name]:
			t.Errorf("%s is listed, and there is no such case", name)
		case failed[name] == nil && !listed.Maybe:
			t.Errorf("%s passes and is listed as failing: run with -update to take it off the list", name)
		}
	}
}

var update = flag.Lookup("update") // of package golden

// bringUpToDate takes the lines of cases that pass from a list, and adds lines
// for others that fail.
func bringUpToDate(t *testing.T, list string, expected Expected, failed map[string]error) {
	t.Helper()
	old, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(old)) {
		name, _, _ := strings.Cut(line, ": ")
		if listed, ok := expected[name]; !ok || listed.Maybe || failed[name] != nil {
			kept.WriteString(line)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		if _, listed := expected[name]; !listed {
			fmt.Fprintf(&kept, "%s: %s\n", name, strings.Join(strings.Fields(failed[name].Error()), " "))
		}
	}
	golden.Equal(t, list, []byte(kept.String()))
}

// runCase runs a case for a minute at most.
func runCase(ctx context.Context, c *Case, by Loader) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	l, err := c.Load()
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return l.Run(ctx, by)
}
