// Package testsuite tests wasinn from outside: it builds the command and runs
// guests in it, as a user would.
package testsuite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime"
)

// command is the path of the wasinn that the tests run.
var command string

// top is the repository, seen from this folder.
const top = ".."

func TestMain(m *testing.M) {
	code, err := build(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsuite:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func build(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "wasinn-testsuite-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	command = filepath.Join(dir, "wasinn")
	out, err := exec.Command("go", "build", "-o", command, "../cmd/wasinn").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("building wasinn: %w\n%s", err, out)
	}
	code := m.Run()
	return code, writeMatrix()
}

// outcome is what a run of wasinn gave.
type outcome struct {
	code           int
	stdout, stderr string
}

// patience is how long a run may take before it counts as hanging.
const patience = 2 * time.Minute

// wasinn runs the command in the repository's top folder.
func wasinn(t testing.TB, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir = top
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("wasinn %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// form is a way to build a guest.
type form struct{ suffix, name string }

var forms = []form{{".component.wasm", "component"}, {".p1.wasm", "preview 1"}}

// prebuilt is the path of a prebuilt guest, seen from the top.
func prebuilt(guest string, f form) string { return "guests/prebuilt/" + guest + f.suffix }

// engine returns the engine that guests are compared with. Without its
// library, tests are skipped, and fail where CI is set.
func engine(t testing.TB) *onnxruntime.Backend {
	t.Helper()
	b, err := onnxruntime.New(onnxruntime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context()); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return b
}

// directOn computes a model on an engine without a guest.
func directOn(t testing.TB, e backends.Backend, model string, inputs []backends.NamedTensor) []backends.NamedTensor {
	t.Helper()
	b, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	g, err := e.Load(t.Context(), [][]byte{b}, backends.LoadOptions{Encoding: backends.ONNX})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	c, err := g.NewContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	out, err := c.Compute(t.Context(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// dimsText writes dims as nncli does: 1x3x4, or scalar.
func dimsText(dims []uint32) string {
	if len(dims) == 0 {
		return "scalar"
	}
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(dims), "[]"), " ", "x")
}

// nncliTypes are the element types as nncli spells them.
var nncliTypes = map[backends.ElementType]string{
	backends.FP16: "f16", backends.FP32: "f32", backends.FP64: "f64", backends.BF16: "bf16",
	backends.U8: "u8", backends.I32: "i32", backends.I64: "i64",
}

// inputArgs writes tensors to files in dir and returns nncli's flags for them;
// guestDir is the name that the guest knows dir by.
func inputArgs(t testing.TB, dir, guestDir string, inputs []backends.NamedTensor) []string {
	t.Helper()
	var args []string
	for i, in := range inputs {
		file := fmt.Sprintf("in-%d.bin", i)
		if err := os.WriteFile(filepath.Join(dir, file), in.Tensor.Data(), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--input", fmt.Sprintf("name=%s,index=%d,type=%s,dims=%s,file=%s/%s",
			in.Name, i, nncliTypes[in.Tensor.Type()], dimsText(in.Tensor.Dims()), guestDir, file))
	}
	return args
}

// compareSaved checks that the files nncli saved hold the outputs' bytes.
func compareSaved(t *testing.T, dir string, want []backends.NamedTensor) {
	t.Helper()
	for i, w := range want {
		got, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("output-%d.bin", i)))
		if err != nil {
			t.Error(err)
			continue
		}
		if !slices.Equal(got, w.Tensor.Data()) {
			t.Errorf("output %d (%s): %d bytes from the guest differ from the %d that ONNX Runtime gives directly", i, w.Name, len(got), len(w.Tensor.Data()))
		}
	}
}

func pictures(t testing.TB) []string {
	t.Helper()
	all, err := filepath.Glob(top + "/guests/pictures/*.pgm")
	if err != nil || len(all) == 0 {
		t.Fatalf("no pictures: %v", err)
	}
	for i, p := range all {
		all[i] = "guests/pictures/" + filepath.Base(p)
	}
	return all
}
