package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/internal/golden"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

func TestInspectShowsComponentsModulesAndModels(t *testing.T) {
	got := map[string][]byte{}
	add := func(name string, args ...string) {
		r := command(t, append([]string{"inspect"}, args...)...)
		if r.code != 0 || r.stderr != "" {
			t.Errorf("%v: code %d, %s", args, r.code, r.stderr)
		}
		got[name+".txt"] = []byte(r.stdout)
	}
	for _, s := range component.Stages() {
		add("values-"+string(s), "--stage", string(s), "testdata/guests/values.wasm")
	}
	add("program", "testdata/guests/program.wasm")
	add("digits", "../../guests/models/digits/model.onnx")
	golden.Files(t, "testdata/inspect", got, nil)
}

func TestInspectRefusesWhatIsNotValid(t *testing.T) {
	for name, want := range map[string]string{
		"testdata/guests/gated.wasm":       "need 📝 error-context",
		"testdata/guests/values.wat":       "WebAssembly text",
		"testdata/inspect/values-wit.txt":  "it is text",
		"testdata/inspect/values-plan.txt": "it is text",
	} {
		if r := command(t, "inspect", name); r.code != exitInvalid || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: %+v, want %q", name, r, want)
		}
	}
}

func TestReadONNX(t *testing.T) {
	got, err := readONNX(onnxtest.Add(3))
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, in := range got.inputs {
		types = append(types, in.Type)
	}
	if got.operators["Add"] != 1 || got.nodes != 1 || !reflect.DeepEqual(types, []string{"FP32", "FP32"}) {
		t.Errorf("%+v", got)
	}
}

// FuzzReadONNX: no bytes make the reader panic, and what it reads is no larger
// than they are.
func FuzzReadONNX(f *testing.F) {
	f.Add(onnxtest.Add(3))
	if b, err := os.ReadFile("../../guests/models/digits/model.onnx"); err == nil {
		f.Add(b)
	}
	f.Add([]byte("\x3a\x80"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readONNX(b)
		if err != nil {
			return
		}
		if n := len(m.inputs) + len(m.outputs) + m.nodes + m.initializers + len(m.opsets); n > len(b) {
			t.Errorf("%d things in %d bytes", n, len(b))
		}
		var w strings.Builder
		if err := m.write(&w); err != nil {
			t.Error(err)
		}
	})
}
