package main

import (
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	apart(t)
	guest := func(name string) string { return "testdata/guests/" + name + ".wasm" }
	for _, test := range []struct {
		name   string
		args   []string
		code   int
		stderr string // a part of it
	}{
		{"a module's own code", []string{guest("program"), "a", "b"}, 3, ""},
		{"a module's own success", []string{"-i", "exit(0)", guest("program")}, 0, ""},
		{"a code beyond 8 bits", []string{"-i", "exit(256)", guest("program")}, 255, ""},
		{"a component's own code", []string{"../../guests/prebuilt/c-digits.component.wasm"}, 1, ""},
		{"a module whose memory is too large", []string{guest("big")}, exitLimit, "32768 pages"},
		{"a module whose memory fits a higher limit", []string{"--max-memory", "2GiB", guest("big")}, 0, ""},
		{"a component whose memory is too large", []string{"--max-memory", "64KiB", "../../guests/prebuilt/c-digits.component.wasm"}, exitLimit, "the limit is 1 pages"},
		{"a component whose code is not valid", []string{guest("badcode")}, exitInvalid, "core module at 0xa"},
		{"a component that needs a proposal", []string{guest("gated")}, exitLink, "need 📝 error-context"},
		{"a module with a foreign import", []string{guest("foreign")}, exitLink, `import "env" "emscripten_run_script"`},
		{"a component with a foreign import", []string{"-i", "greet", "../../component/testdata/greeter.wasm"}, exitLink, "example:greeter/host@0.1.0"},
		{"a module that traps", []string{"-i", "abort", guest("program")}, exitTrap, "unreachable"},
		{"a module that recurses", []string{"-i", "recurse", guest("program")}, exitTrap, "stack overflow"},
		{"a module that loops", []string{"--timeout", "50ms", "-i", "spin", guest("program")}, exitLimit, "longer than --timeout 50ms"},
		{"a component that traps", []string{"-i", "abort", guest("values")}, exitTrap, "unreachable"},
		{"a component that the host refuses", []string{"-i", "wait", guest("poll")}, exitTrap,
			"poll of no pollable would wait for ever\n   0: import wasi:io/poll@0.2.0#poll\n   1: module[1]!func[1] \"wait\" at 0x3c\n"},
		{"a component that recurses", []string{"-i", "recurse", guest("values")}, exitTrap, "stack"},
		{"a component that loops", []string{"--timeout", "50ms", "-i", "spin", guest("values")}, exitLimit, "longer than --timeout 50ms"},
	} {
		for _, engine := range []string{"auto", "interpreter"} {
			t.Run(engine+", "+test.name, func(t *testing.T) {
				r := command(t, append([]string{"run", "--engine", engine}, test.args...)...)
				if r.code != test.code || !strings.Contains(r.stderr, test.stderr) {
					t.Errorf("code %d, stderr %q; want code %d and %q", r.code, r.stderr, test.code, test.stderr)
				}
			})
		}
	}
}

func TestInterruptEndsAGuest(t *testing.T) {
	apart(t)
	for _, g := range []string{"program", "values"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := commandContext(t, ctx, "run", "-i", "spin", "testdata/guests/"+g+".wasm")
		if r.code != exitInterrupt || !strings.Contains(r.stderr, "interrupted") {
			t.Errorf("%s: %+v", g, r)
		}
	}
}

func TestInvokePrintsResults(t *testing.T) {
	apart(t)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"a module's function with arguments", []string{"-i", "add", "program", "2", "3"}, "5\n"},
		{"a call of a module's function", []string{"-i", "half(0.5)", "program"}, "0.25\n"},
		{"several calls in one instance", []string{"-i", "count", "-i", "count()", "-i", "add(-3, 1)", "program"}, "1\n2\n-2\n"},
		{"a reactor, which was initialized", []string{"-i", "ready", "reactor"}, "1\n"},
		{"a component's function with arguments", []string{"-i", "add", "values", "2", "3"}, "5\n"},
		{"a call of a component's function", []string{"-i", `echo("Grüße\n\"x\"")`, "values"}, `"Grüße\n\"x\""` + "\n"},
		{"several calls in one component instance", []string{"-i", "count", "-i", "count()", "values"}, "1\n2\n"},
		{"a function of an interface", []string{"-i", "test:values/one@1.2.0#sum(1, 2)", "values"}, "3\n"},
		{"a function of an interface without its version", []string{"-i", "test:values/two#sum(3, 4)", "values"}, "7\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"run"}
			for _, a := range test.args {
				if a == "program" || a == "reactor" || a == "values" {
					a = "testdata/guests/" + a + ".wasm"
				}
				args = append(args, a)
			}
			if r := command(t, args...); r != (result{stdout: test.want}) {
				t.Errorf("%+v, want %q", r, test.want)
			}
		})
	}
}

func TestFilesThatAreNoGuests(t *testing.T) {
	whole, err := os.ReadFile("testdata/guests/values.wasm")
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile("testdata/guests/program.wasm")
	if err != nil {
		t.Fatal(err)
	}
	var zipped strings.Builder
	z := gzip.NewWriter(&zipped)
	z.Write(module)
	z.Close()
	for _, test := range []struct{ name, content, want string }{
		{"nothing", "", "it is empty"},
		{"half a preamble", "\x00asm\x01", "cut off after 5 bytes"},
		{"text of WebAssembly", " (module)", "WebAssembly text"},
		{"text of a component", ";; hello\n(component)", "WebAssembly text"},
		{"a program", "\x7fELF\x02\x01\x01", "an ELF program"},
		{"a guest that is compressed", zipped.String(), "compressed with gzip"},
		{"a web page", "\n<!DOCTYPE html><html>", "a web page"},
		{"a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"},
		{"other text", "hello\n", "it is text"},
		{"other bytes", "\x01\x02\x03\xff", "4 bytes that begin with 01 02 03 ff"},
		{"another version", "\x00asm\x02\x00\x00\x00", "layer 0, version 2"},
		{"a component that is cut off", string(whole[:100]), "announced"},
		{"a module that is cut off", string(module[:100]), "announced"},
		{"a component with a byte too many", string(whole) + "\x00", "decode"},
	} {
		t.Run(test.name, func(t *testing.T) {
			apart(t)
			path := filepath.Join(t.TempDir(), "guest.wasm")
			if err := os.WriteFile(path, []byte(test.content), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"run", path}, {"inspect", path}} {
				r := command(t, args...)
				if r.code != exitInvalid || !strings.Contains(r.stderr, test.want) {
					t.Errorf("%s: code %d, stderr %q; want code %d and %q", args[0], r.code, r.stderr, exitInvalid, test.want)
				}
			}
		})
	}
}

func TestCacheIsKeptOrExcused(t *testing.T) {
	apart(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	for _, test := range []struct {
		name   string
		args   []string
		stderr string // a part of it
		dir    string
		files  bool // whether dir has files then
	}{
		{"by default", nil, "", filepath.Join(os.Getenv("WASINN_CACHE"), "compiled"), true},
		{"where the flag says", []string{"--cache", kept}, "", kept, true},
		{"nowhere", []string{"--no-cache", "--dir", kept}, "", filepath.Join(kept, "no"), false},
		{"in a place that cannot be", []string{"-c", filepath.Join(file, "x")}, "compiled code is not kept", filepath.Join(file, "x"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, guest := range []string{"program", "values"} {
				args := append([]string{"run", "-i", "add(1, 2)"}, test.args...)
				r := command(t, append(args, "testdata/guests/"+guest+".wasm")...)
				if r.code != 0 || r.stdout != "3\n" || !strings.Contains(r.stderr, test.stderr) || test.stderr == "" && r.stderr != "" {
					t.Errorf("%s: %+v", guest, r)
				}
			}
			if files, _ := folderSize(test.dir); files > 0 != test.files && compiles() {
				t.Errorf("%s has %d files", test.dir, files)
			}
		})
	}
}

func TestMissingEngineIsSaid(t *testing.T) {
	apart(t)
	r := command(t, "run", "--backend", "onnxruntime", "--registry", "../../guests/models", "--dir-ro", "../../guests::guests",
		"../../guests/prebuilt/c-digits.p1.wasm", "name", "digits", "guests/pictures/7.pgm")
	if r.code != 1 || !strings.Contains(r.stderr, "no ONNX Runtime library at") {
		t.Errorf("%+v", r)
	}
}
