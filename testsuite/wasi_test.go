package testsuite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wasiCase is a program of the official WASI test-suite with what it is given
// and what is expected of it, see doc/specification.md there.
type wasiCase struct {
	name string // such as rust/path_link
	file string

	Root     string
	Args     []string
	Env      map[string]string
	ExitCode int `json:"exit_code"`
	Stdout   *string
	Stderr   *string
}

// wasiCases reads the preview 1 programs below a checkout of branch
// prod/testsuite-base of WebAssembly/wasi-testsuite.
func wasiCases(t *testing.T, dir string) []wasiCase {
	files, err := filepath.Glob(filepath.Join(dir, "tests/*/testsuite/wasm32-wasip1/*.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("WASI_TESTSUITE: no preview 1 programs are below %s: expected a checkout of branch prod/testsuite-base", dir)
	}
	cases := make([]wasiCase, len(files))
	for i, file := range files {
		base := strings.TrimSuffix(file, ".wasm")
		rel, err := filepath.Rel(filepath.Join(dir, "tests"), base)
		if err != nil {
			t.Fatal(err)
		}
		language, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		cases[i] = wasiCase{name: language + "/" + filepath.Base(base), file: file}
		switch spec, err := os.ReadFile(base + ".json"); {
		case errors.Is(err, fs.ErrNotExist): // the defaults hold
		case err != nil:
			t.Fatal(err)
		default:
			dec := json.NewDecoder(bytes.NewReader(spec))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&cases[i]); err != nil {
				t.Fatalf("%s.json: %v", base, err)
			}
		}
	}
	return cases
}

// run gives the program a copy of its folder and returns what differs from what
// is expected, or nothing.
func (c wasiCase) run(t *testing.T, guest, engine, cache string) string {
	args := []string{"run", "--quiet", "--engine", engine, "--cache", cache, "--timeout", "60s"}
	for name, value := range c.Env {
		args = append(args, "--env", name+"="+value)
	}
	if c.Root != "" {
		root := t.TempDir()
		if err := os.CopyFS(root, os.DirFS(filepath.Join(filepath.Dir(c.file), c.Root))); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--dir", root+"::/")
	}
	got := wasinn(t, append(append(args, guest), c.Args...)...)
	switch {
	case got.code != c.ExitCode:
		return fmt.Sprintf("exit status %d, expected %d; stderr: %s", got.code, c.ExitCode, strings.TrimSpace(got.stderr))
	case c.Stdout != nil && got.stdout != *c.Stdout:
		return fmt.Sprintf("stdout %q, expected %q", got.stdout, *c.Stdout)
	case c.Stderr != nil && got.stderr != *c.Stderr:
		return fmt.Sprintf("stderr %q, expected %q", got.stderr, *c.Stderr)
	}
	return ""
}

// wasiDifferences is the list of programs that this host treats otherwise:
// lines of form, name and reason.
const wasiDifferences = "testdata/wasi-differences.txt"

func readWASIDifferences(t *testing.T, form string) map[string]string {
	b, err := os.ReadFile(wasiDifferences)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.SplitN(line, ": ", 3)
		if len(f) != 3 || f[0] != "module" && f[0] != "component" || f[2] == "" {
			t.Fatalf("%s: %q: expected FORM: NAME: REASON", wasiDifferences, line)
		}
		if f[0] == form {
			listed[f[1]] = f[2]
		}
	}
	return listed
}

// TestWASIPrograms runs the official preview 1 programs, as modules and wrapped
// into components by the preview 1 adapter, on both engines. They are not part
// of this repository: WASI_TESTSUITE names a checkout, WASI_ADAPTER the
// adapter for commands, WASM_TOOLS the tool that wraps.
//
// A program that fails is listed in testdata/wasi-differences.txt; one that is
// listed and passes fails the test.
func TestWASIPrograms(t *testing.T) {
	dir := os.Getenv("WASI_TESTSUITE")
	if dir == "" {
		t.Skip("WASI_TESTSUITE names no checkout of branch prod/testsuite-base of WebAssembly/wasi-testsuite")
	}
	cases := wasiCases(t, dir)
	guests := map[string]func(t *testing.T) []string{
		"module": func(*testing.T) (files []string) {
			for _, c := range cases {
				files = append(files, c.file)
			}
			return files
		},
		"component": func(t *testing.T) []string { return wrapped(t, cases) },
	}
	for _, form := range []string{"module", "component"} {
		t.Run(form, func(t *testing.T) {
			files := guests[form](t)
			listed := readWASIDifferences(t, form)
			for _, engine := range []string{"compiler", "interpreter"} {
				t.Run(engine, func(t *testing.T) { runWASICases(t, cases, files, engine, listed) })
			}
		})
	}
}

func runWASICases(t *testing.T, cases []wasiCase, files []string, engine string, listed map[string]string) {
	for name := range listed {
		if !slices.ContainsFunc(cases, func(c wasiCase) bool { return c.name == name }) {
			t.Errorf("%s: listed in %s and not in the suite", name, wasiDifferences)
		}
	}
	passed, cache := 0, t.TempDir()
	for i, c := range cases {
		difference := c.run(t, files[i], engine, cache)
		switch reason := listed[c.name]; {
		case difference == "" && reason == "":
			passed++
		case difference == "":
			t.Errorf("%s: passes and is listed in %s", c.name, wasiDifferences)
		case reason == "":
			t.Errorf("%s: %s", c.name, difference)
		}
	}
	t.Logf("%d of %d pass", passed, len(cases))
}

// wrapped makes components of the programs.
func wrapped(t *testing.T, cases []wasiCase) []string {
	adapter, tool := os.Getenv("WASI_ADAPTER"), os.Getenv("WASM_TOOLS")
	if adapter == "" {
		t.Skip("WASI_ADAPTER names no wasi_snapshot_preview1.command.wasm, as wasmtime releases it")
	}
	if tool == "" {
		tool = "wasm-tools"
	}
	dir, files := t.TempDir(), make([]string, len(cases))
	for i, c := range cases {
		files[i] = filepath.Join(dir, strings.ReplaceAll(c.name, "/", "_")+".wasm")
		out, err := exec.Command(tool, "component", "new", c.file, "--adapt", "wasi_snapshot_preview1="+adapter, "-o", files[i]).CombinedOutput()
		if err != nil {
			t.Fatalf("wrapping %s: %v\n%s", c.name, err, out)
		}
	}
	return files
}
