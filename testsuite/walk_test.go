package testsuite

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/testsuite/walk"
)

// walkSteps are the ten steps of the first host's tests, in their order.
var walkSteps = []string{
	"load_empty", "load_model", "init_execution_context", "set_input", "compute",
	"squeezenet_one", "squeezenet_three", "mobilenetv2_one", "mobilenetv2_three", "identity",
}

// TestTheWalkOfTheFirstHost calls the ten steps in one instance, on each engine.
// Whatever comes out of an image test is, byte for byte, what the engine gives
// directly for what went in.
func TestTheWalkOfTheFirstHost(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			b := e.open(t)
			dir := walkFolder(t)
			record(t, cell{"walk", "preview 1", "bytes", e.name, "FP32"})
			notApplicable(cell{"walk", "preview 1", "name", e.name, "FP32"}, 1, "the first host had no models with names")
			notApplicable(cell{"walk", "component", "bytes", e.name, "FP32"}, 1, "the first host had no components")
			got := runWalk(t, e, dir, walkSteps, "--lazy-load")
			if got.code != 0 || got.stderr != "" {
				t.Fatalf("exit code %d, stdout %q, stderr %q", got.code, got.stdout, got.stderr)
			}
			want := slices.Clone(walkSteps[:5])
			for _, model := range []string{"squeezenet", "mobilenetv2"} {
				var lines []string
				for number := 1; number <= 3; number++ {
					lines = append(lines, fmt.Sprintf("%s picture %d class=%d", model, number, walkClass(t, b, dir, model, number)))
				}
				want = slices.Concat(want, lines[:1], lines)
			}
			want = append(want, "identity 1 2 3 4")
			if lines := strings.Split(strings.TrimSpace(got.stdout), "\n"); !slices.Equal(lines, want) {
				t.Errorf("prints %q, want %q", lines, want)
			}
			checkNormalised(t, dir)
		})
	}
}

// TestAnEmptyModelIsRefusedUnlessLoadedLazily: the first host found out at
// init_execution_context only, which --lazy-load gives back.
func TestAnEmptyModelIsRefusedUnlessLoadedLazily(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			e.open(t)
			got := runWalk(t, e, t.TempDir(), walkSteps[:1])
			if got.code != guestError || got.stdout != "error load_empty code=1\n" {
				t.Errorf("exit code %d, stdout %q; want %d and the error", got.code, got.stdout, guestError)
			}
			if got = runWalk(t, e, t.TempDir(), walkSteps[:1], "--lazy-load"); got.code != 0 || got.stdout != "load_empty\n" {
				t.Errorf("lazily: exit code %d, stdout %q, stderr %q", got.code, got.stdout, got.stderr)
			}
		})
	}
}

func runWalk(t *testing.T, e underTest, dir string, steps []string, flags ...string) outcome {
	t.Helper()
	args := append([]string{"run", "--quiet", "--backend", e.name, "--dir", dir + "::."}, flags...)
	for _, s := range steps {
		args = append(args, "--invoke", s)
	}
	return wasinn(t, append(args, "guests/prebuilt/walk.p1.wasm")...)
}

// walkFolder makes the models and pictures that the guest reads.
func walkFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := walk.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// walkClass computes on the engine what the guest gave to a model, compares
// that with what the guest got, and returns the class.
func walkClass(t *testing.T, b backends.Backend, dir, model string, number int) int {
	t.Helper()
	kept := func(what string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, "out", fmt.Sprintf("%s-%s-%d.bin", model, what, number)))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	in, err := backends.NewTensor([]uint32{1, 3, 224, 224}, backends.FP32, kept("input"))
	if err != nil {
		t.Fatal(err)
	}
	out := directOn(t, b, filepath.Join(dir, "models", model+".onnx"), []backends.NamedTensor{{Name: "data", Tensor: in}})
	want := out[0].Tensor.Data()
	if !slices.Equal(kept("output"), want) {
		t.Errorf("%s, picture %d: the guest's output is not what the engine gives directly", model, number)
	}
	best := 0
	for i := range len(want) / 4 {
		if float(want, i) > float(want, best) {
			best = i
		}
	}
	return best
}

func float(b []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
}

// checkNormalised: picture 1 is of one colour, so every value is known.
func checkNormalised(t *testing.T, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "out", "squeezenet-input-1.bin"))
	if err != nil {
		t.Fatal(err)
	}
	const plane = 224 * 224
	for colour, want := range []float64{(1 - .485) / .229, -.456 / .224, (.4 - .406) / .225} {
		for i := range plane {
			if got := float64(float(data, colour*plane+i)); math.Abs(got-want) > 1e-5 {
				t.Fatalf("colour %d, pixel %d: %v, want %v", colour, i, got, want)
			}
		}
	}
}
