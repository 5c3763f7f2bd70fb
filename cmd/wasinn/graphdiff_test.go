package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/internal/graphdiff"
	"github.com/wasinn/wasinn/internal/onnxtest"
	pinned "github.com/wasinn/wasinn/testsuite/models"
)

// writeModel puts a model in a folder of its own.
func writeModel(t *testing.T, model []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := os.WriteFile(path, model, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGraphDiffAgrees(t *testing.T) {
	needEngine(t)
	for _, args := range [][]string{
		{"digits", "--registry", models},
		{models + "/digits/model.onnx"},
		{models + "/digits/model.onnx", "--chunk", "3", "--dims", "image=2x1x28x28", "--seed", "9", "--range", "image=0:1"},
		{writeModel(t, onnxtest.Loop(3))},
		{writeModel(t, onnxtest.Identity(onnxtest.Float, onnxtest.Dims("rows", 3))), "--dim", "rows=5"},
	} {
		r := command(t, append([]string{"graph", "diff", "-q"}, args...)...)
		if r.code != 0 || !strings.Contains(r.stdout, "they agree") || strings.Contains(r.stdout, "could not be compared") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	r := command(t, "graph", "diff", "-q", "--all", "--json", models+"/digits/model.onnx")
	var row diffRow
	if err := json.Unmarshal([]byte(r.stdout), &row); err != nil || r.code != 0 {
		t.Fatalf("%v: %+v", err, r)
	}
	if !row.Agree || row.Model != "digits" || row.Nodes != 14 || len(row.Values) != 14 || row.First != nil || row.Outputs[0].Elements != 10 || row.Inputs[0].From != "random" {
		t.Errorf("%+v", row)
	}
}

func TestGraphDiffOnRealModels(t *testing.T) {
	dir := pinned.Dir(t)
	needEngine(t)
	for _, m := range pinned.All() {
		if !slices.Contains([]string{"silero-vad-v5", "blazeface-front", "ppocr-cls"}, m.Name) {
			continue // the larger ones take longer, and are compared whole in testsuite/engines
		}
		t.Run(m.Name, func(t *testing.T) {
			args := []string{"graph", "diff", "-q", "--json", "--all", filepath.Join(dir, m.File())}
			for _, in := range m.Inputs {
				dims := "scalar"
				if len(in.Run) > 0 {
					dims = strings.ReplaceAll(strings.Trim(fmt.Sprint(in.Run), "[]"), " ", "x")
				}
				args = append(args, "--dims", in.Name+"="+dims, "--range", fmt.Sprintf("%s=%g:%g", in.Name, in.Low, in.High))
			}
			r := command(t, args...)
			var row diffRow
			if err := json.Unmarshal([]byte(r.stdout), &row); err != nil {
				t.Fatalf("%v: %+v", err, r)
			}
			for _, v := range slices.Concat(row.Outputs, row.Values) {
				if v.Status != string(graphdiff.Agrees) {
					t.Errorf("%+v", v)
				}
			}
			if r.code != 0 || len(row.Values) < row.Nodes/3 || len(row.Outputs) != len(m.Outputs) {
				t.Errorf("code %d, %d values of %d nodes", r.code, len(row.Values), row.Nodes)
			}
		})
	}
}

func TestGraphDiffParts(t *testing.T) {
	needEngine(t)
	exact := []string{"graph", "diff", "-q", "--rtol", "0", "--atol", "0", models + "/digits/model.onnx"} // no two engines agree to the last bit
	r := command(t, append(exact, "--all")...)
	for _, want := range []string{"result     they part at node ", "attribute  ", "takes      ", "makes      ", "alone      ", "  parts: ", "worst at [0 ", "MAX ABS"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	if r.code != exitDiffer || r.stderr != "" {
		t.Errorf("code %d, %s", r.code, r.stderr)
	}
	r = command(t, append(exact, "--json")...)
	var row diffRow
	if err := json.Unmarshal([]byte(r.stdout), &row); err != nil || r.code != exitDiffer {
		t.Fatalf("%v: %+v", err, r)
	}
	if n := row.First; row.Agree || n == nil || n.Operator == "" || n.Opset != "ai.onnx 17" || n.Verdict == "" || n.Makes[0].Worst == nil || n.Makes[0].Differ == 0 || len(n.Alone) != len(n.Makes) {
		t.Errorf("%+v", row)
	}
}

func TestGraphDiffTakesTheInputsOfONNXsCases(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	// TensorProtos of float[4]: dims 4, data_type 1, raw_data.
	proto := func(v ...float32) []byte { return append([]byte{8, 4, 16, 1, 0x4a, 16}, onnxtest.Floats(v...)...) }
	for name, content := range map[string][]byte{"input_0.pb": proto(1, 2, 3, 4), "input_1.pb": proto(1, 1, 1, 1), "output_0.pb": proto(2, 3, 4, 6)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := command(t, "graph", "diff", "-q", "--inputs", dir, writeModel(t, onnxtest.Add(4)))
	if r.code != 0 || strings.Count(r.stdout, "1 of 4 elements, worst at [3]") != 2 || !strings.Contains(r.stdout, "the folder 6") {
		t.Errorf("%+v", r)
	}
}

func TestGraphDiffRefuses(t *testing.T) {
	model := models + "/digits/model.onnx"
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no model", nil, exitUsage, "accepts 1 arg(s)"},
		{"a file that is not there", []string{"nothere.onnx"}, exitUsage, "nothere.onnx: no such file"},
		{"a folder", []string{models + "/digits"}, exitUsage, "is a directory, expected an .onnx file or the name of a model"},
		{"a name without a registry", []string{"digits"}, exitUsage, "name a folder with --registry"},
		{"a tolerance below zero", []string{"--rtol", "-1", model}, exitUsage, "--rtol -1: expected 0 or more"},
		{"a tolerance that is no number", []string{"--atol", "NaN", model}, exitUsage, "--atol NaN: expected 0 or more"},
		{"no nodes at all", []string{"--chunk", "0", model}, exitUsage, "--chunk 0: expected 1 or more"},
		{"an input without a file", []string{"--input", "x=", model}, exitUsage, "--input x=: expected NAME=FILE"},
		{"a file for a folder", []string{"--inputs", model, model}, exitUsage, "it is a file, expected a folder with input_0.pb"},
		{"a range the wrong way round", []string{"--range", "x=2:1", model}, exitUsage, "expected the lower bound first"},
		{"a range of words", []string{"--range", "x=a:b", model}, exitUsage, `"a" is no number`},
		{"a dimension without a size", []string{"--dim", "n", model}, exitUsage, "--dim n: expected NAME=N"},
		{"a dimension of a word", []string{"--dim", "n=x", model}, exitUsage, `"x" is no dimension`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := command(t, append([]string{"graph", "diff"}, test.args...)...)
			if r.code != test.code || !strings.Contains(r.stderr, test.want) || r.stdout != "" {
				t.Errorf("%+v; want code %d and %q", r, test.code, test.want)
			}
		})
	}
	t.Run("without ONNX Runtime", func(t *testing.T) {
		apart(t)
		r := command(t, "graph", "diff", model)
		if r.code != exitUsage || !strings.Contains(r.stderr, "onnxruntime does not run here") || !strings.Contains(r.stderr, "no ONNX Runtime library") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("on what is no model", func(t *testing.T) {
		needEngine(t)
		component := filepath.Join(t.TempDir(), "m.onnx")
		b, err := os.ReadFile(prebuilt("c-digits", "component"))
		if err == nil {
			err = os.WriteFile(component, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		r := command(t, "graph", "diff", component)
		if r.code != exitInvalid || !strings.Contains(r.stderr, "is no ONNX model: it is a WebAssembly component") {
			t.Errorf("%+v", r)
		}
	})
}
