package testsuite

import (
	"slices"
	"strings"
	"testing"
)

// exit codes of wasinn run, beside the guest's own.
const (
	guestError = 1 // nncli's, for an error that it was given
	trapped    = 4
	limited    = 5
)

// abuses are nncli's kinds of misbehaviour and what becomes of them: the exit
// code, and a piece of what is printed.
var abuses = map[string][]struct {
	kind string
	code int
	want string
}{
	"both": {
		{"bad-dims", guestError, "compute code=invalid-argument"},
		{"overflow-dims", guestError, "compute code=too-large"},
		{"many-dims", guestError, "compute code=invalid-argument"},
		{"unknown-input", guestError, "compute code=invalid-argument"},
		{"no-input", guestError, `input "image" is not set`},
		{"wrong-type", guestError, "found I64[1 1 28 28], the model wants FP32[? 1 28 28]"},
		{"wrong-rank", guestError, "found FP32[1 1 1 28 28], the model wants FP32[? 1 28 28]"},
		{"huge-tensor", guestError, "compute code=invalid-argument"},
		{"empty-model", guestError, "load code=invalid-argument"},
		{"no-model-parts", guestError, "load code=invalid-argument"},
		{"garbage-model", guestError, "load code=invalid-encoding"},
		{"huge-model", guestError, "load code=invalid-encoding"},
		{"huge-name", guestError, "error load code="},
		{"graphs", guestError, "load code=too-large"},
		{"contexts", guestError, "init code=too-large"},
		{"loop", limited, "--timeout"},
		{"loop-compute", limited, "--timeout"},
		{"recurse", trapped, "stack"},
		{"grow", 0, "accepted grow"},
		{"outside", trapped, "out of bounds"},
		{"unreachable", trapped, "unreachable"},
	},
	"component": {
		{"same-input-twice", guestError, "is set twice"},
		{"bad-handle", trapped, "unknown handle index 123456"},
		{"bad-drop", trapped, "unknown handle index 123456"},
		{"double-drop", trapped, "unknown handle index"},
		{"use-after-drop", trapped, "unknown handle index"},
		{"wrong-resource", trapped, "wrong type"},
		{"use-after-compute", trapped, "handle index"},
		{"one-tensor-twice", trapped, "unknown handle index"},
		{"graph-first", 0, "accepted graph-first"},
		{"pointer-outside", trapped, "outside memory"},
		{"list-too-long", trapped, "at most 268435455"},
		{"pointer-misaligned", trapped, "unaligned pointer"},
		{"result-outside", trapped, "outside memory"},
		{"bad-enum", trapped, "discriminant 99"},
		{"bad-utf8", trapped, "utf-8"},
		{"handles", limited, "too-large"},
		{"bytes", limited, ""},
		{"realloc-outside", trapped, "outside memory"},
		{"realloc-misaligned", trapped, "unaligned"},
		{"realloc-traps", trapped, "unreachable"},
		{"realloc-calls", trapped, "cannot leave"},
	},
	"preview 1": {
		{"same-input-twice", 0, "accepted"}, // setting again replaces
		{"bad-graph", guestError, "init code=invalid-argument"},
		{"bad-handle", guestError, "compute code=invalid-argument"},
		{"negative-handle", guestError, "compute code=invalid-argument"},
		{"double-drop", guestError, "unload code=invalid-argument"},
		{"double-finalize", guestError, "finalize code=invalid-argument"},
		{"use-after-drop", guestError, "compute code=invalid-argument"},
		{"compute-after-unload", guestError, "compute code=invalid-argument"},
		{"pointer-outside", guestError, "is outside memory"},
		{"dims-outside", guestError, "is outside memory"},
		{"tensor-outside", guestError, "is outside memory"},
		{"list-too-long", guestError, "4294967295 dimensions"},
		{"builders-outside", guestError, "is outside memory"},
		{"builder-outside", guestError, "is outside memory"},
		{"builders-too-many", guestError, "load code=too-large"},
		{"name-outside", guestError, "is outside memory"},
		{"result-outside", guestError, "is outside memory"},
		{"output-outside", guestError, "is outside memory"},
		{"output-too-small", guestError, "compute code=too-large"},
		{"output-before-compute", guestError, "compute code=runtime-error"},
		{"unknown-output", guestError, "compute code=invalid-argument"},
		{"bad-enum", guestError, "compute code=invalid-argument"},
		{"bad-encoding", guestError, "load code=invalid-encoding"},
		{"bad-target", guestError, "load code=invalid-argument"},
		{"bad-utf8", guestError, "load code=invalid-argument"},
		{"pointer-misaligned", 0, "accepted"},
	},
}

// TestMisbehaviourEndsInAClearError runs every kind of misbehaviour that nncli
// knows on each engine, so that the list above cannot miss one.
func TestMisbehaviourEndsInAClearError(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			e.open(t)
			for _, f := range forms {
				misbehave(t, e.name, f)
			}
		})
	}
}

func misbehave(t *testing.T, engine string, f form) {
	var seen []string
	for _, a := range slices.Concat(abuses["both"], abuses[f.name]) {
		seen = append(seen, a.kind)
		t.Run(f.name+" "+a.kind, func(t *testing.T) {
			t.Parallel()
			record(t, cell{"nncli, misbehaviour", f.name, "name", engine, "FP32"})
			got := wasinn(t, "run", "--backend", engine, "--timeout", "2s", "--registry", "guests/models", prebuilt("nncli", f), "abuse", a.kind,
				"--name", "digits", "--input", "name=image,dims=1x1x28x28,fill=0")
			out := got.stdout + got.stderr
			if got.code != a.code || !strings.Contains(out, a.want) {
				t.Errorf("exit code %d, want %d; prints %q, want %q", got.code, a.code, tail(out), a.want)
			}
			if strings.Contains(out, "goroutine ") {
				t.Errorf("the host panicked: %s", out)
			}
		})
	}
	if kinds := abuseKinds(t, f); !slices.Equal(slices.Sorted(slices.Values(seen)), kinds) {
		t.Errorf("%s: nncli knows %q, tested are %q", f.name, kinds, seen)
	}
}

// abuseKinds reads the kinds from nncli's help, sorted.
func abuseKinds(t *testing.T, f form) []string {
	t.Helper()
	help := wasinn(t, "run", prebuilt("nncli", f), "--help")
	_, list, ok := strings.Cut(help.stdout, "Kinds of misbehaviour:\n")
	if !ok {
		t.Fatalf("nncli --help lists no kinds: %q", help.stdout)
	}
	var kinds []string
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   ") && len(fields) > 0 {
			kinds = append(kinds, fields[0])
		}
	}
	slices.Sort(kinds)
	return kinds
}

// TestFilesThatAreNoGuests: each is refused with what was found.
func TestFilesThatAreNoGuests(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"guests/README.md", "it is text"},
		{"guests/models/digits/model.onnx", "it is an ONNX model"},
		{"guests/pictures/1.pgm", "begin with 50 35 0a"},
		{"does-not-exist.wasm", "no such file"},
	} {
		got := wasinn(t, "run", c.file)
		if got.code != 2 && got.code != 1 || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%s: exit code %d, stderr %q", c.file, got.code, got.stderr)
		}
	}
}
