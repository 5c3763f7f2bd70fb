package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/internal/golden"
)

// result is what a command line gave.
type result struct {
	code           int
	stdout, stderr string
}

// command runs one command line.
func command(t testing.TB, args ...string) result {
	t.Helper()
	return commandContext(t, t.Context(), args...)
}

func commandContext(t testing.TB, ctx context.Context, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}
	code := a.run(ctx, args)
	return result{code, stdout.String(), stderr.String()}
}

// apart gives the test a cache of its own, without any engine in it.
func apart(t *testing.T) {
	t.Helper()
	t.Setenv("WASINN_CACHE", t.TempDir())
	t.Setenv("WASINN_ORT_LIB", filepath.Join(t.TempDir(), "none"))
}

// eachCommand calls f with every command, by its path without the program's name.
func eachCommand(c *cobra.Command, path []string, f func(path []string)) {
	f(path)
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "completion" { // cobra's own
			eachCommand(sub, append(slices.Clone(path), sub.Name()), f)
		}
	}
}

func TestHelpOfEveryCommand(t *testing.T) {
	root := (&app{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}).command()
	got := map[string][]byte{}
	eachCommand(root, nil, func(path []string) {
		r := command(t, append(path, "--help")...)
		if r.code != 0 || r.stderr != "" {
			t.Errorf("%v --help: code %d, %s", path, r.code, r.stderr)
		}
		got[strings.Join(append([]string{"wasinn"}, path...), "-")+".txt"] = []byte(r.stdout)
	})
	golden.Files(t, "testdata/help", got, nil)
}

func TestHelpDoesNotNeedTheFlag(t *testing.T) {
	for _, args := range [][]string{nil, {"graph"}, {"setup"}} {
		with, without := command(t, append(slices.Clone(args), "--help")...), command(t, args...)
		if with != without {
			t.Errorf("%v: %+v, want %+v", args, without, with)
		}
	}
}

func TestVersion(t *testing.T) {
	r := command(t, "version")
	if r.code != 0 || !strings.HasPrefix(r.stdout, "wasinn ") || r.stderr != "" {
		t.Errorf("%+v", r)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := command(t, "completion", shell); r.code != 0 || !strings.Contains(r.stdout, "wasinn") {
			t.Errorf("%s: code %d, %s", shell, r.code, r.stderr)
		}
	}
	models := registry(t, "a/model.onnx", "b/2.0/model.onnx")
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"engines", []string{"run", "--backend", ""}, []string{"auto", "onnxruntime", "gorgonia", ":4"}},
		{"GPU modes", []string{"run", "--gpu", ""}, []string{"off", "prefer", "require", ":4"}},
		{"how WebAssembly runs", []string{"run", "--engine", ""}, []string{"auto", "compiler", "interpreter", ":4"}},
		{"stages", []string{"inspect", "--stage", ""}, []string{"decode", "validate", "plan", "wit", ":4"}},
		{"guests", []string{"run", ""}, []string{"wasm", ":8"}},
		{"models", []string{"graph", "info", "--registry", models, ""}, []string{"a", "b@2.0", ":4"}},
		{"models that begin so", []string{"graph", "bench", "--registry", models, "b"}, []string{"b@2.0", ":4"}},
		{"models of a graph", []string{"graph", "diff", "--graph", "x=m.onnx", ""}, []string{"x", ":4"}},
		{"files where no model is named", []string{"graph", "diff", ""}, []string{"onnx", ":8"}},
		{"files where no model begins so", []string{"graph", "info", "--registry", models, "folder/"}, []string{"onnx", ":8"}},
		{"folders of inputs", []string{"graph", "diff", "--inputs", ""}, []string{":16"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := command(t, append([]string{"__complete"}, test.args...)...)
			if got := strings.Fields(r.stdout); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// registry makes a folder with files that stand for models.
func registry(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("no model"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestHelpOfWhatIsNamed(t *testing.T) {
	for _, path := range [][]string{nil, {"run"}, {"graph", "diff"}, {"help"}, {"completion", "bash"}} {
		r := command(t, append([]string{"help"}, path...)...)
		if flag := command(t, append(path, "--help")...); r != flag || r.code != 0 || r.stdout == "" {
			t.Errorf("help %v: %+v, want %+v", path, r, flag)
		}
	}
}

func TestWritingThatFailsIsNoFaultOfTheFile(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"inspect", "testdata/guests/values.wasm"}, {"inspect", "testdata/guests/program.wasm"}, {"version"}, {"doctor"}, {"graph", "ls", "--registry", models}} {
		var stderr bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: full, stderr: &stderr}
		if code := a.run(t.Context(), args); code != exitUsage || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%v: code %d, %s", args, code, &stderr)
		}
	}
}

func TestWhatIsNoModel(t *testing.T) {
	apart(t)
	component := "testdata/guests/values.wasm"
	broken := filepath.Join(t.TempDir(), "broken.onnx")
	b, err := os.ReadFile(models + "/digits/model.onnx")
	if err == nil {
		err = os.WriteFile(broken, b[:len(b)/2], 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a component by its path", []string{"graph", "info", "./" + component}, exitInvalid, "is no ONNX model: it is a WebAssembly component"},
		{"a component by a name", []string{"graph", "info", "--graph", "c=" + component, "c"}, exitInvalid, "are of no known format"},
		{"a file cut in half", []string{"graph", "bench", broken}, exitInvalid, "is no ONNX model"},
		{"a folder by a name", []string{"graph", "info", "--graph", "c=testdata", "c"}, exitUsage, "found a folder, want a regular file"},
		{"a name with a slip", []string{"graph", "info", "--registry", models, "digts"}, exitUsage, "which has digits"},
		{"a version where there is none", []string{"graph", "info", "--registry", models, "digits@2"}, exitUsage, `has no version "2": it has none, ask for "digits"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := command(t, test.args...)
			if r.code != test.code || !strings.Contains(r.stderr, test.want) || r.stdout != "" {
				t.Errorf("%+v; want code %d and %q", r, test.code, test.want)
			}
			if half := len(r.stderr) / 2; strings.Count(r.stderr, r.stderr[half:half+20]) > 1 {
				t.Errorf("it says a thing twice: %s", r.stderr)
			}
		})
	}
}

func TestTheChoiceOfAnEngineSaysWhy(t *testing.T) {
	apart(t)
	r := command(t, "graph", "info", "--registry", models, "digits")
	if r.code != 0 || !strings.Contains(r.stderr, "using gorgonia, since onnxruntime cannot run here: no ONNX Runtime library at") {
		t.Errorf("%+v", r)
	}
	r = command(t, "graph", "info", "--backend", "onnxruntime", "--registry", models, "digits")
	if r.code != exitUsage || !strings.Contains(r.stderr, "no ONNX Runtime library at") {
		t.Errorf("%+v", r)
	}
}

func TestInterruptsAreToldApart(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	r := commandContext(t, ctx, "graph", "bench", "--backend", "gorgonia", "-n", "1000000000", models+"/digits/model.onnx")
	if r.code != exitInterrupt || r.stderr != "wasinn: interrupted\n" {
		t.Errorf("%+v", r)
	}
}

func TestUsageErrors(t *testing.T) {
	apart(t)
	guest := "testdata/guests/program.wasm"
	values := "testdata/guests/values.wasm"
	for _, test := range []struct {
		name string
		args []string
		want string // in what is written to stderr
	}{
		{"a command that is not there", []string{"bogus"}, `wasinn has no command "bogus"`},
		{"a command that is misspelt", []string{"rum"}, `wasinn has no command "rum"; is it run?: see 'wasinn --help'`},
		{"help on what is not there", []string{"help", "bogus"}, `wasinn has no command "bogus"`},
		{"help on what is not below a command", []string{"help", "graph", "bogus"}, `wasinn graph has no command "bogus"`},
		{"a shell that is not known", []string{"completion", "tcsh"}, `wasinn completion has no command "tcsh"`},
		{"a flag that is not there", []string{"run", "--bogus", guest}, "unknown flag: --bogus: see 'wasinn run --help'"},
		{"no guest", []string{"run"}, "which guest?"},
		{"a guest that is not there", []string{"run", "nothere.wasm"}, "nothere.wasm: no such file"},
		{"a folder for a guest", []string{"run", "testdata"}, "testdata is a directory, expected a file"},
		{"a negative time", []string{"run", "--timeout", "-1s", guest}, "--timeout -1s: a time is not negative"},
		{"no time", []string{"run", "--timeout", "soon", guest}, `invalid argument "soon" for "--timeout"`},
		{"no size", []string{"run", "--max-memory", "12X", guest}, "expected a number of bytes such as"},
		{"too little memory", []string{"run", "--max-memory", "1k", guest}, "--max-memory 1000: expected 64KiB to 4GiB"},
		{"too much memory", []string{"run", "--max-memory", "5GiB", guest}, "--max-memory 5GiB: expected 64KiB to 4GiB"},
		{"no graphs at all", []string{"run", "--max-graphs", "0", guest}, "--max-graphs 0: expected 1 or more"},
		{"no bytes for tensors", []string{"run", "--max-tensor-bytes", "0", guest}, "--max-tensor-bytes 0: expected more"},
		{"an engine for WebAssembly that is not there", []string{"run", "--engine", "jit", guest}, "expected auto, compiler or interpreter"},
		{"an era that never was", []string{"run", "--witx-abi", "1999", guest}, "want auto, 2021 or 2023"},
		{"an encoding that is not there", []string{"run", "--encoding-override", "zip", guest}, `encoding "zip"`},
		{"a cache and none", []string{"run", "--cache", "x", "--no-cache", guest}, "are opposites"},
		{"a backend that is not there", []string{"run", "--backend", "tract", guest}, `there is no backend "tract", expected auto, onnxruntime, gorgonia`},
		{"a GPU mode that is not there", []string{"run", "--gpu", "maybe", guest}, "not one of off, prefer, require"},
		{"a GPU without an engine", []string{"run", "--gpu", "require", guest}, "no ONNX Runtime library"},
		{"fewer threads than none", []string{"run", "--intra-op-threads", "-1", guest}, "--intra-op-threads -1: expected 0 to 1024"},
		{"more threads than any machine has", []string{"run", "--inter-op-threads", "2000", guest}, "--inter-op-threads 2000: expected 0 to 1024"},
		{"a graph without a path", []string{"run", "--graph", "d", guest}, "want NAME=PATH"},
		{"a graph in no spelling of wasmtime's", []string{"run", "--nn-graph", "onnx", guest}, "want ENCODING::DIR"},
		{"a graph in no spelling of WasmEdge's", []string{"run", "--nn-preload", "a:b", guest}, "want NAME:ENCODING:TARGET:PATH"},
		{"a registry that is not there", []string{"run", "--registry", "nothere", guest}, `registry "nothere"`},
		{"a folder that is not there", []string{"run", "--dir", "nothere", guest}, "--dir nothere: there is no folder nothere"},
		{"a file for a folder", []string{"run", "--dir-ro", guest, guest}, "is a file, expected a folder"},
		{"a folder without a name", []string{"run", "--dir", "::", guest}, "both sides of :: need a path"},
		{"half a mapping", []string{"run", "--mapdir", "x", guest}, "--mapdir x: expected GUEST::HOST"},
		{"a variable without a name", []string{"run", "--env", "=x", guest}, "a variable needs a name"},
		{"a function that a module lacks", []string{"run", "-i", "nothere", guest}, "it exports _start, add, half"},
		{"too few arguments for a module's function", []string{"run", "-i", "add", guest, "1"}, "add takes 2 arguments (i32, i32), 1 are given"},
		{"a word for a number", []string{"run", "-i", "add(1, x)", guest}, `"x" is no i32`},
		{"an open call", []string{"run", "-i", "add(1", guest}, "expected NAME or NAME(NUMBER, ...)"},
		{"a reactor as a program", []string{"run", "testdata/guests/reactor.wasm"}, "name a function with --invoke"},
		{"a component that is no program", []string{"run", values}, "does not export wasi:cli/run@0.2.x"},
		{"a function that a component lacks", []string{"run", "-i", "nothere", values}, `the component exports no function "nothere"`},
		{"a function of two interfaces", []string{"run", "-i", "sum(1, 2)", values}, "say which, as test:values/one@1.2.0#sum or test:values/two@1.0.0#sum"},
		{"too few arguments for a component's function", []string{"run", "-i", "add(1)", values}, `argument "b" of func(a: u32, b: u32) -> u32 is missing`},
		{"a stage that is not there", []string{"inspect", "--stage", "x", values}, "--stage x: expected decode, validate, plan, wit"},
		{"no models to list", []string{"graph", "ls"}, "name a folder with --registry"},
		{"no model to time", []string{"graph", "bench"}, "requires at least 1 arg"},
		{"no computes", []string{"graph", "bench", "-n", "0", "d"}, "--computes 0: expected 1 or more"},
		{"no callers", []string{"graph", "bench", "--concurrency", "0", "d"}, "--concurrency 0: expected 1 to 1024"},
		{"dimensions that are none", []string{"graph", "bench", "--dims", "x=1xy", "d"}, `"y" is no dimension`},
		{"a model that is not there", []string{"graph", "info", "--graph", "d=nothere.onnx", "d"}, "not-found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := command(t, test.args...)
			if r.code != exitUsage || !strings.Contains(r.stderr, test.want) || !strings.HasPrefix(r.stderr, "wasinn: ") {
				t.Errorf("code %d, stderr %q; want code %d and %q", r.code, r.stderr, exitUsage, test.want)
			}
		})
	}
}
