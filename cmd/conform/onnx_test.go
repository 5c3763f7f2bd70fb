package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxdata"
	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/testsuite/onnxcases"
)

// echo is an engine that gives back its inputs as the outputs of the model, and
// misbehaves for models that ask for it in their producer's name.
type echo struct{}

func (echo) Name() string                   { return "echo" }
func (echo) Encodings() []backends.Encoding { return []backends.Encoding{backends.ONNX} }

func (echo) Load(_ context.Context, parts [][]byte, _ backends.LoadOptions) (backends.Graph, error) {
	switch model := parts[0]; {
	case bytes.Contains(model, []byte("crashing")):
		go panic("engine: out of luck")
		select {}
	case bytes.Contains(model, []byte("hanging")):
		select {}
	case bytes.Contains(model, []byte("refused")):
		return nil, backends.Errorf(backends.UnsupportedOperation, "no such operator")
	}
	return echoGraph{}, nil
}

type echoGraph struct{ backends.Graph }

func (echoGraph) Close() error { return nil }

func (echoGraph) Inputs() []backends.TensorInfo {
	return []backends.TensorInfo{{Name: "in", Type: backends.FP32, Dims: []int64{1}}}
}

func (echoGraph) Outputs() []backends.TensorInfo {
	return []backends.TensorInfo{{Name: "out", Type: backends.FP32, Dims: []int64{1}}}
}

func (echoGraph) NewContext(context.Context) (backends.ExecutionContext, error) {
	return echoContext{}, nil
}

type echoContext struct{ backends.ExecutionContext }

func (echoContext) Close() error { return nil }

func (echoContext) Compute(_ context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
	t := in[0].Tensor
	out, err := backends.NewTensor(slices.Clone(t.Dims()), t.Type(), slices.Clone(t.Data()))
	return []backends.NamedTensor{{Name: "out", Tensor: out}}, err
}

// floatProto is a TensorProto of one float, whose highest byte is given.
func floatProto(b byte) []byte {
	return []byte{1 << 3, 1, 2 << 3, 1, 9<<3 | 2, 4, 0, 0, 0, b}
}

// writeCase writes a case of one Identity, made by the given producer.
func writeCase(t *testing.T, dir, name, producer string, in, out byte) {
	t.Helper()
	model := onnxtest.Model{Producer: producer, Graph: onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Identity", Inputs: []string{"in"}, Outputs: []string{"out"}}},
		Inputs:  []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}},
		Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: onnxtest.Dims(1)}},
	}}
	for file, content := range map[string][]byte{
		"model.onnx": model.Marshal(), "test_data_set_0/input_0.pb": floatProto(in), "test_data_set_0/output_0.pb": floatProto(out),
	} {
		path := filepath.Join(dir, name, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnnx(t *testing.T) {
	dir := t.TempDir()
	writeCase(t, dir, "test_a_good", "", 0x40, 0x40)
	writeCase(t, dir, "test_b_crash", "crashing", 0x40, 0x40)
	writeCase(t, dir, "test_c_differs", "", 0x40, 0x41)
	writeCase(t, dir, "test_d_hang", "hanging", 0x40, 0x40)
	writeCase(t, dir, "test_e_refused", "refused", 0x40, 0x40)
	writeCase(t, dir, "test_f_spoiled", "", 0x40, 0x40)
	if err := os.WriteFile(filepath.Join(dir, "test_f_spoiled/test_data_set_0/input_0.pb"), []byte{1 << 3, 1}, 0o644); err != nil {
		t.Fatal(err)
	}
	const (
		crash   = "FAIL test_b_crash CRASH: exit status 2: panic: engine: out of luck"
		differs = `FAIL test_c_differs output "out": 1 of 1 elements of FP32[1] differ; at [0] found 2, expected 8`
		hang    = "FAIL test_d_hang HANG: no result after 6s"
		refused = "FAIL test_e_refused load: unsupported-operation: no such operator"
		spoiled = "FAIL test_f_spoiled read: test_data_set_0: input_0.pb: TensorProto: unsupported-operation: tensor elements of type element-type(0) have no fixed size"
	)
	for _, tt := range []struct {
		name, list, filter string
		fails              bool
		want               []string // the lines before the table, and the last
	}{
		{"a run survives crashes and hangs", "", "", true,
			[]string{crash, differs, hang, refused, spoiled, "1 passed, 5 failed, 0 skipped"}},
		{"cases are chosen by name", "", "good|differs", true, []string{differs, "1 passed, 1 failed, 0 skipped"}},
		{"listed failures are fine", "test_c_differs: why\ntest_e_refused?: why\n", "good|differs|refused", false,
			[]string{differs + " (listed)", refused + " (listed)", "1 passed, 2 failed, 0 skipped"}},
		{"a listed case that passes is not", "test_a_good: why\n", "good", true,
			[]string{"PASS test_a_good it is listed as a failure; take it off the list", "1 passed, 0 failed, 0 skipped"}},
		{"a case that may pass may", "test_a_good?: why\n", "good", false, []string{"1 passed, 0 failed, 0 skipped"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := filepath.Join(t.TempDir(), "list")
			if err := os.WriteFile(list, []byte(tt.list), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := runOnnx(t, dir, "--expect", list, "--run", tt.filter, "--timeout", "1s")
			if (err != nil) != tt.fails {
				t.Errorf("error %v, expected one: %t", err, tt.fails)
			}
			before, rest, _ := strings.Cut(out, "\nOPERATORS")
			lines := strings.Split(strings.TrimSpace(rest), "\n")
			if got, want := strings.TrimSpace(before+"\n"+lines[len(lines)-1]), strings.Join(tt.want, "\n"); strings.ReplaceAll(got, "\n\n", "\n") != want {
				t.Errorf("printed\n%s\nexpected\n%s", got, want)
			}
		})
	}
}

func runOnnx(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := command()
	cmd.SetOut(&out)
	cmd.SetArgs(append([]string{"onnx", "--backend", "echo", dir}, args...))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestOnnxTables(t *testing.T) {
	dir := t.TempDir()
	writeCase(t, dir, "test_identity", "", 0x40, 0x40)
	writeCase(t, dir, "test_other", "", 0x40, 0x41)
	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"for a terminal", []string{"--types", "--operators"}, []string{
			"types and constants  1       1       0        2\n  Identity           1       1       0        2\nall ", "FP32          1       1       0        2\n"}},
		{"in Markdown", []string{"--types", "--markdown"}, []string{
			"| operators | passed | of |\n|---|--:|--:|\n| types and constants | 1 | 2 |\n| all | 1 | 2 |\n", "| FP32 | 1 | 2 |\n"}},
		{"in JSON", []string{"--json"}, []string{
			`{"case":"test_identity","operator":"Identity","family":"types and constants","types":["FP32"],"status":"passed","ms":`,
			`"status":"failed","what":"output \"out\": 1 of 1`, "}\n1 passed, 1 failed, 0 skipped\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := runOnnx(t, dir, tt.args...)
			if err == nil {
				t.Error("no error, with a failure")
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("printed\n%s\nwithout\n%s", out, want)
				}
			}
		})
	}
}

func TestOnnxViaGuests(t *testing.T) {
	dir := t.TempDir()
	writeCase(t, dir, "test_a_good", "", 0x40, 0x40)
	writeCase(t, dir, "test_b_differs", "", 0x40, 0x41)
	writeCase(t, dir, "test_c_refused", "refused", 0x40, 0x40)
	for guest, refused := range map[string]string{
		"component": "FAIL test_c_refused compute: the guest: guest exited with code 1: error load code=unsupported-operation data=no such operator",
		"p1":        "FAIL test_c_refused compute: the guest: unsupported-operation: no such operator: error load code=unsupported-operation data=",
	} {
		t.Run(guest, func(t *testing.T) {
			out, err := runOnnx(t, dir, "--via", "guest", "--guest", "../../guests/prebuilt/nncli."+guest+".wasm")
			if !errors.Is(err, errFailed) {
				t.Errorf("error is %v", err)
			}
			for _, want := range []string{
				`FAIL test_b_differs output "out": 1 of 1 elements of FP32[1] differ; at [0] found 2, expected 8`, refused, "\n1 passed, 2 failed, 0 skipped\n",
			} {
				if !strings.Contains(out, want) {
					t.Errorf("printed\n%s\nwithout\n%s", out, want)
				}
			}
		})
	}
}

func TestOnnxSkipsWhatAGuestCannotSay(t *testing.T) {
	u8, i16 := backends.TensorType(backends.U8), backends.TensorType(backends.I16)
	bf16, err := backends.NewTensor(nil, backends.BF16, []byte{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		in         backends.ValueType
		given      string
		named      bool
	}{
		{"plain tensors", "", u8, "in", true},
		{"a type that another carries", "", backends.TensorType(backends.Bool), "in", true},
		{"a type that none carries", "no tensors of I16", i16, "in", true},
		{"a sequence", "tensors only", backends.SequenceType(u8), "in", true},
		{"an input with a default", "default", u8, "with default", true},
		{"a name with a comma", "commas", u8, "a,b", true},
		{"BF16 in preview 1", "BF16", backends.TensorType(backends.BF16), "in", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &onnxcases.Loaded{
				Model: &onnxdata.Model{Inputs: []backends.ValueInfo{{Name: "in", ValueType: tt.in}}, Initialized: map[string]bool{"with default": true}},
				Sets:  []onnxcases.Set{{Inputs: []backends.NamedValue{{Name: tt.given, Value: bf16}}}},
			}
			got := (&viaGuest{named: tt.named}).cannot(l)
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("found %q, expected %q", got, tt.want)
			}
		})
	}
}

func TestOnnxRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"a backend that is not there", "not in this build", []string{"onnx", "--backend", "abacus", "."}},
		{"no backend", `"backend" not set`, []string{"onnx", "."}},
		{"a folder without cases", "there is no such case", []string{"onnx", "--backend", "echo", t.TempDir()}},
		{"a guest that is not there", "--guest", []string{"onnx", "--backend", "echo", "--via", "guest", "--guest", "no.wasm", "."}},
		{"a guest that is none", "--guest", []string{"onnx", "--backend", "echo", "--via", "guest", "--guest", "onnx.go", "."}},
		{"another way to compute", "--via", []string{"onnx", "--backend", "echo", "--via", "mail", "."}},
		{"a filter that is no expression", "--run", []string{"onnx", "--backend", "echo", "--run", "(", "."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := command()
			cmd.SetArgs(tt.args)
			if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, expected one with %q", err, tt.want)
			}
		})
	}
}
