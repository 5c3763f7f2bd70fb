package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
)

// TestMain lets the test binary be its own worker, as the command is.
func TestMain(m *testing.M) {
	engines["echo"] = func() (backends.Backend, error) { return echo{}, nil }
	switch {
	case len(os.Args) > 1 && os.Args[1] == "wast-worker":
		os.Exit(workerOfTest())
	case len(os.Args) > 1 && os.Args[1] == "onnx-worker":
		os.Exit(exitOf(command().ExecuteContext(context.Background())))
	}
	os.Exit(m.Run())
}

// workerOfTest works, but dies at command 1 of a script named crash.json.
func workerOfTest() int {
	script := os.Args[len(os.Args)-1]
	if filepath.Base(script) == "crash.json" {
		enc := json.NewEncoder(os.Stdout)
		enc.Encode(outcome{Index: 0})
		if !slices.Contains(os.Args, "--leave-out") {
			fmt.Fprintln(os.Stderr, "runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow")
			return 2
		}
		enc.Encode(outcome{Index: 1, Skip: "left out"})
		enc.Encode(outcome{Index: 2})
		enc.Encode(outcome{Index: 3, Done: true})
		return 0
	}
	return exitOf(command().ExecuteContext(context.Background()))
}

func exitOf(err error) int {
	if err != nil {
		return 1
	}
	return 0
}

// Core modules whose function f loops for ever, calls itself, and returns -1.
const (
	moduleHead = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00"
	loops      = moduleHead + "\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b"
	recurses   = moduleHead + "\x0a\x06\x01\x04\x00\x10\x00\x0b"
	minusOne   = "\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x00\x01\x7f\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x06\x01\x04\x00\x41\x7f\x0b"
)

const invokeF = `"action":{"type":"invoke","field":"f","args":[]}`

func script(commands ...string) string {
	return `{"source_filename":"","commands":[` + strings.Join(commands, ",") + `]}`
}

func TestWast(t *testing.T) {
	module := func(file string) string {
		return fmt.Sprintf(`{"type":"module","line":1,"filename":%q,"module_type":"binary"}`, file)
	}
	returns := func(n string) string {
		return `{"type":"assert_return","line":2,` + invokeF + `,"expected":[{"type":"i32","value":"` + n + `"}]}`
	}
	cases := []struct {
		name, file, script, list string
		fails                    bool
		want                     string // the lines before the table, and the last
	}{
		{"a suite that passes", "a.json", script(module("m.wasm"), returns("-1")), "", false,
			"2 passed, 0 failed, 0 skipped\n"},
		{"a result that differs", "a.json", script(module("m.wasm"), returns("7")), "", true,
			"FAIL a.json:2 assert_return: returned i32 0xffffffff, expected i32 0x7\n1 passed, 1 failed, 0 skipped\n"},
		{"a failure that is listed", "a.json", script(module("m.wasm"), returns("7")), "a.json:2: assert_return: no reason\n", false,
			"FAIL a.json:2 assert_return: returned i32 0xffffffff, expected i32 0x7 (listed)\n1 passed, 1 failed, 0 skipped\n"},
		{"a listed command that passes", "a.json", script(module("m.wasm"), returns("-1")), "a.json:2: assert_return: no reason\n", true,
			"PASS a.json:2 assert_return: it is listed as a failure; take it off the list\n2 passed, 0 failed, 0 skipped\n"},
		{"an endless loop ends by the timeout, and later commands run", "a.json",
			script(module("loop.wasm"), `{"type":"assert_trap","line":3,`+invokeF+`}`, module("m.wasm"), returns("-1")), "", true,
			"FAIL a.json:3 assert_trap: not done after 2s\n3 passed, 1 failed, 0 skipped\n"},
		{"a stack that is exhausted", "a.json", script(module("recurse.wasm"), `{"type":"assert_exhaustion","line":3,`+invokeF+`}`), "", false,
			"2 passed, 0 failed, 0 skipped\n"},
		{"text is skipped", "a.json", script(`{"type":"assert_malformed","line":1,"filename":"x.wat","module_type":"text","text":"?"}`), "", false,
			"0 passed, 0 failed, 1 skipped\n"},
		{"a crash is the failure of its command", "crash.json", script(module("m.wasm"), returns("-1"), returns("-1")), "", true,
			"FAIL crash.json:2 assert_return: CRASH: exit status 2: fatal error: stack overflow\n2 passed, 1 failed, 0 skipped\n"},
		{"a file that is not there is no file that is refused", "a.json", script(`{"type":"assert_invalid","line":1,"filename":"gone.wasm","module_type":"binary","text":"?"}`), "", true,
			"FAIL a.json:1 assert_invalid: open DIR/gone.wasm: no such file or directory\n0 passed, 1 failed, 0 skipped\n"},
		{"a file elsewhere", "a.json", script(`{"type":"assert_invalid","line":1,"filename":"../m.wasm","module_type":"binary","text":"?"}`), "", true,
			"FAIL a.json:1 assert_invalid: file \"../m.wasm\" is not beside the script\n0 passed, 1 failed, 0 skipped\n"},
		{"binaries without a type, as wabt writes them", "a.json", script(`{"type":"module","line":1,"filename":"m.wasm"}`, returns("-1")), "", false,
			"2 passed, 0 failed, 0 skipped\n"},
		{"a script that is not JSON", "a.json", "{", "", true,
			"FAIL a.json:0 load: DIR/a.json: unexpected end of JSON input\n0 passed, 1 failed, 0 skipped\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir, list := t.TempDir(), filepath.Join(t.TempDir(), "list")
			for name, content := range map[string]string{c.file: c.script, "m.wasm": minusOne, "loop.wasm": loops, "recurse.wasm": recurses} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(list, []byte(c.list), 0o644); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			timeout := time.Minute
			if strings.Contains(c.script, "loop.wasm") {
				timeout = 2 * time.Second // long enough to compile on a machine that is busy
			}
			cmd := command()
			cmd.SetOut(&out)
			cmd.SetArgs([]string{"wast", dir, "--expect", list, "--timeout", timeout.String()})
			if err := cmd.ExecuteContext(t.Context()); (err != nil) != c.fails {
				t.Errorf("error %v, expected one: %t", err, c.fails)
			}
			before, rest, _ := strings.Cut(out.String(), "\nKIND")
			lines := strings.SplitAfter(rest, "\n")
			got := strings.ReplaceAll(before+lines[max(0, len(lines)-2)], dir, "DIR")
			if got != c.want {
				t.Errorf("printed\n%s\nexpected\n%s", got, c.want)
			}
		})
	}
}

func TestWrongUse(t *testing.T) {
	empty := t.TempDir()
	file := filepath.Join(empty, "readme.txt")
	if err := os.WriteFile(file, []byte("nothing"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"bogus"}, `unknown command "bogus"`},
		{[]string{"wast"}, "accepts 1 arg(s), received 0: see 'conform wast --help'"},
		{[]string{"wast", "--bogus", empty}, "unknown flag: --bogus: see 'conform wast --help'"},
		{[]string{"wast", "nothere"}, "nothere: no such file or directory"},
		{[]string{"wast", file}, file + " is a file, expected a folder"},
		{[]string{"wast", empty}, "there is no JSON suite below " + empty},
		{[]string{"wast", "--engine", "jit", empty}, "expected compiler or interpreter"},
		{[]string{"wast", "--timeout", "0s", empty}, "--timeout 0s: expected more"},
		{[]string{"wast", "--expect", "nothere", empty}, "nothere: no such file or directory"},
		{[]string{"onnx", empty}, `required flag(s) "backend" not set`},
		{[]string{"onnx", "--backend", "tract", empty}, `--backend "tract" is not in this build: expected one of`},
		{[]string{"onnx", "--backend", "echo", "nothere"}, "nothere: no such file or directory"},
		{[]string{"onnx", "--backend", "echo", file}, file + " is a file, expected a folder"},
		{[]string{"onnx", "--backend", "echo", empty}, "there is no such case below " + empty},
		{[]string{"onnx", "--backend", "echo", "--via", "wire", empty}, "expected host or guest"},
		{[]string{"onnx", "--backend", "echo", "--run", "(", empty}, "missing closing )"},
		{[]string{"onnx", "--backend", "echo", "--timeout", "-1s", empty}, "--timeout -1s: expected more"},
		{[]string{"bench", "--rounds", "0"}, "expected at least one round"},
		{[]string{"bench", "--filter", "no such row"}, "matches no row"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			var out bytes.Buffer
			cmd := command()
			cmd.SetOut(&out)
			cmd.SetErr(&out)
			cmd.SetArgs(test.args)
			err := cmd.ExecuteContext(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) || out.Len() > 0 {
				t.Errorf("error %v, expected %q; printed %s", err, test.want, &out)
			}
		})
	}
}

// TestWastTexts has the text that a script expects told beside the one found.
func TestWastTexts(t *testing.T) {
	dir := t.TempDir()
	s := script(`{"type":"assert_malformed","line":3,"filename":"bad.wasm","module_type":"binary","text":"unexpected end"}`)
	for name, content := range map[string]string{"a.json": s, "bad.wasm": "\x00asm\x0d\x00\x01\x00\x0b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	cmd := command()
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"wast", dir, "--texts"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Error(err)
	}
	if want := `TEXT a.json:3 assert_malformed: expected "unexpected end", found "decode: `; !strings.HasPrefix(out.String(), want) {
		t.Errorf("printed\n%s\nexpected first %s", out.String(), want)
	}
}
