//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime/internal/ortshim"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

func onnx(opts backends.LoadOptions) backends.LoadOptions {
	opts.Encoding = backends.ONNX
	return opts
}

// codeAndDetail are those of an error that must be *backends.Error.
func codeAndDetail(t *testing.T, err error) (backends.Code, string) {
	t.Helper()
	var e *backends.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T %v, expected *backends.Error", err, err)
	}
	return e.Code, e.Detail
}

// aFakeLibrary compiles a library that says it is ONNX Runtime of a version.
func aFakeLibrary(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	source, lib := filepath.Join(dir, "fake.c"), filepath.Join(dir, "libfake.so")
	program := `
static const void *api(unsigned v) { return 0; }
static const char *version(void) { return "` + version + `"; }
static const struct { const void *(*get)(unsigned); const char *(*version)(void); } base = {api, version};
const void *OrtGetApiBase(void) { return &base; }
`
	if version == "" {
		program = "int nothing;"
	}
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", lib, source).CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	return lib
}

func TestALibraryThatCannotBeUsedIsNamedWithTheRemedy(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("this is no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		pieces     []string
	}{
		{"a missing file", filepath.Join(t.TempDir(), "gone.so"), []string{"gone.so"}},
		{"a file that is no library", text, []string{text, "not an ONNX Runtime library"}},
		{"another library", aFakeLibrary(t, ""), []string{"OrtGetApiBase"}},
		{"one that is too old", aFakeLibrary(t, "1.20.1"), []string{"1.20.1", "1.24 or later"}},
		{"one that lacks the API it should have", aFakeLibrary(t, "2.0.0"), []string{"2.0.0", "1.24 or later"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lib, err := ortshim.Open(tt.path)
			if err == nil {
				t.Fatalf("it opens: %s", lib.Version())
			}
			message := libraryError(err).Error()
			for _, piece := range append(tt.pieces, "wasinn setup onnxruntime", LibraryVariable) {
				if !strings.Contains(message, piece) {
					t.Errorf("error is %q, expected %q in it", message, piece)
				}
			}
		})
	}
}

func TestAProcessHasOneLibrary(t *testing.T) {
	newBackend(t, Config{})
	other, err := New(Config{Library: aFakeLibrary(t, "1.30.0")})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "a process has one") {
		t.Errorf("another library: %v", err)
	}
	_, err = other.Load(t.Context(), [][]byte{onnxtest.Add(4)}, onnx(backends.LoadOptions{}))
	if code, detail := codeAndDetail(t, err); code != backends.RuntimeError || strings.Contains(detail, "/") {
		t.Errorf("load says %s: %s", code, detail)
	}
	if err := newBackend(t, Config{}).Check(t.Context()); err != nil {
		t.Errorf("the first library after that: %v", err)
	}
}

func TestInfoSaysWhatIsThere(t *testing.T) {
	info, err := newBackend(t, Config{}).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	minor, _ := strconv.Atoi(strings.Split(info.Version, ".")[1])
	if info.Library == "" || info.Source == "" || minor < ortshim.APIVersion || info.APIVersion != 24 ||
		!strings.Contains(fmt.Sprint(info.Providers), "CPUExecutionProvider") || info.IntraOpThreads < 1 || info.InterOpThreads < 1 {
		t.Errorf("info is %+v", info)
	}
}

func TestNewRefusesNonsense(t *testing.T) {
	for _, cfg := range []Config{
		{GPU: 9}, {Threads: 9}, {IntraOpThreads: -1}, {InterOpThreads: -1}, {IntraOpThreads: 1 << 20}, {MaxModelBytes: -1}, {GPUDevice: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func TestGPUModesAreSpelledAsOnTheCommandLine(t *testing.T) {
	for _, m := range []GPUMode{GPUOff, GPUPrefer, GPURequire} {
		if found, err := ParseGPUMode(m.String()); err != nil || found != m {
			t.Errorf("%s is read as %s, %v", m, found, err)
		}
	}
	if _, err := ParseGPUMode("maybe"); err == nil {
		t.Error("maybe is a GPU mode")
	}
}

func TestWithoutAGPU(t *testing.T) {
	if info, err := newBackend(t, Config{}).Info(t.Context()); err != nil || info.GPU == nil {
		t.Skip("a GPU works here")
	}
	add := [][]byte{onnxtest.Add(4)}
	t.Run("off refuses the target gpu", func(t *testing.T) {
		_, err := newBackend(t, Config{}).Load(t.Context(), add, onnx(backends.LoadOptions{Target: backends.GPU}))
		if code, detail := codeAndDetail(t, err); code != backends.UnsupportedOperation || !strings.Contains(detail, "gpu") {
			t.Errorf("load says %s: %s", code, detail)
		}
	})
	t.Run("prefer says once that it falls back", func(t *testing.T) {
		var said []string
		b := newBackend(t, Config{GPU: GPUPrefer, Warn: func(m string) { said = append(said, m) }})
		for _, target := range []backends.Target{backends.GPU, backends.CPU, ""} {
			g, err := b.Load(t.Context(), add, onnx(backends.LoadOptions{Target: target}))
			if err != nil {
				t.Fatal(err)
			}
			g.Close()
		}
		if len(said) != 1 || !strings.Contains(said[0], "no GPU") {
			t.Errorf("it said %q", said)
		}
	})
	t.Run("require refuses, with the reason for the host alone", func(t *testing.T) {
		b, err := New(Config{GPU: GPURequire})
		if err != nil {
			t.Fatal(err)
		}
		var reason *GPUError
		if err := b.Check(t.Context()); !errors.As(err, &reason) || reason.Remedy == "" {
			t.Errorf("check says %v", err)
		}
		for _, target := range []backends.Target{backends.GPU, backends.CPU} {
			_, err = b.Load(t.Context(), add, onnx(backends.LoadOptions{Target: target}))
			if code, detail := codeAndDetail(t, err); code != backends.UnsupportedOperation || strings.Contains(detail, "/") || !errors.As(err, &reason) {
				t.Errorf("load for %s says %s: %s", target, code, detail)
			}
		}
	})
}

func TestGPUErrorsNameTheRemedy(t *testing.T) {
	for _, tt := range []struct{ text, reason, remedy string }{
		{"Failed to load library /x/libonnxruntime_providers_shared.so with error: /x/libonnxruntime_providers_shared.so: cannot open shared object file: No such file", "builds for the CPU", getBuild},
		{"Failed to load library /x/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file", "a library of CUDA is missing", getCUDA},
		{"Failed to load library /x/libonnxruntime_providers_cuda.so with error: libcuda.so.1: cannot open shared object file", "driver", getDriver},
		{"CUDA failure 100: no CUDA-capable device is detected", "no device", getDriver},
		{"CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version", "older", getDriver},
		{"CUDA failure 101: invalid device ordinal", "of this number", "choose another device"},
		{"something new", "something new", getDriver},
	} {
		var e *GPUError
		if !errors.As(gpuError(errors.New(tt.text)), &e) || !strings.Contains(e.Reason, tt.reason) || e.Remedy != tt.remedy {
			t.Errorf("%q becomes %+v", tt.text, e)
		}
	}
}

func TestTheProbeIsAnIdentity(t *testing.T) {
	want := onnxtest.Model{IRVersion: 8, Opset: 13, Graph: onnxtest.Graph{
		Name:    "g",
		Nodes:   []onnxtest.Node{{Op: "Identity", Inputs: []string{"in"}, Outputs: []string{"out"}}},
		Inputs:  []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: onnxtest.Dims()}},
		Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: onnxtest.Dims()}},
	}}.Marshal()
	if !bytes.Equal(probeModel, want) {
		t.Errorf("the probe is\n%x, expected\n%x", probeModel, want)
	}
}

func TestExternalData(t *testing.T) {
	b := newBackend(t, Config{})
	root := t.TempDir()
	dir := filepath.Join(root, "model")
	for name, content := range map[string][]byte{
		"model/w.bin": onnxtest.Floats(10, 20), "model/sub/w.bin": onnxtest.Floats(30, 40), "model/short.bin": {1, 2}, "secret.bin": onnxtest.Floats(1, 2),
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(root, "secret.bin"), filepath.Join(dir, "link.bin")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.onnx") // need not exist: the bytes are at hand
	for _, tt := range []struct {
		name, location string
		want           []float32
		code           backends.Code
	}{
		{"a file beside the model is read", "w.bin", []float32{11, 22}, 0},
		{"a file in a folder beside the model is read", "sub/w.bin", []float32{31, 42}, 0},
		{"a missing file is not found", "gone.bin", nil, backends.NotFound},
		{"a short file is refused", "short.bin", nil, backends.InvalidEncoding},
		{"a folder is not a file", "sub", nil, backends.NotFound},
		{"a path upwards is refused", "../secret.bin", nil, backends.Security},
		{"an absolute path is refused", filepath.Join(root, "secret.bin"), nil, backends.Security},
		{"a link out of the folder is refused", "link.bin", nil, backends.NotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := b.Load(t.Context(), [][]byte{onnxtest.External(tt.location)}, onnx(backends.LoadOptions{Path: path}))
			if tt.want == nil {
				if code, detail := codeAndDetail(t, err); code != tt.code || strings.Contains(strings.ReplaceAll(detail, tt.location, ""), root) {
					t.Errorf("load says %s: %s, expected %s", code, detail, tt.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			c, err := g.NewContext(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			in, err := backends.NewTensor([]uint32{2}, backends.FP32, onnxtest.Floats(1, 2))
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.Compute(t.Context(), []backends.NamedTensor{{Name: "in", Tensor: in}})
			if err != nil {
				t.Fatal(err)
			}
			if found := out[0].Tensor.Data(); !bytes.Equal(found, onnxtest.Floats(tt.want...)) {
				t.Errorf("out is %x, expected %v", found, tt.want)
			}
		})
	}
}

func TestAModelThatIsTooLargeIsRefused(t *testing.T) {
	b, err := New(Config{MaxModelBytes: 50})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Load(t.Context(), [][]byte{onnxtest.Add(4)}, onnx(backends.LoadOptions{}))
	if code, detail := codeAndDetail(t, err); code != backends.TooLarge || !strings.Contains(detail, "at most 50") {
		t.Errorf("load says %s: %s", code, detail)
	}
}

// residentBytes is the memory of the process, by Linux's account.
func residentBytes(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("this system does not tell the resident memory")
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func TestOutputsThatNobodyReleasesAreCollected(t *testing.T) {
	g, err := newBackend(t, Config{}).Load(t.Context(), [][]byte{onnxtest.Identity(onnxtest.Uint8, onnxtest.Dims("n"))}, onnx(backends.LoadOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c, err := g.NewContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const size, times = 1 << 20, 1000
	in, err := backends.NewTensor([]uint32{size}, backends.U8, make([]byte, size))
	if err != nil {
		t.Fatal(err)
	}
	before := residentBytes(t)
	for i := range times {
		if _, err := c.Compute(t.Context(), []backends.NamedTensor{{Name: "in", Tensor: in}}); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			runtime.GC()
		}
	}
	if grown := residentBytes(t) - before; grown > times*size/4 {
		t.Errorf("%d outputs of %d bytes, none released, took %d bytes", times, size, grown)
	}
}

func TestASteadyComputationAllocatesItsResultsOnly(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes pools forget")
	}
	b := newBackend(t, Config{})
	for _, tt := range []struct {
		n    int
		most float64 // the slice of results, the tensor, and a copy of few or the tensor's release
	}{{4, 3}, {4096, 3}} {
		g, err := b.Load(t.Context(), [][]byte{onnxtest.Add(tt.n)}, onnx(backends.LoadOptions{IntraOpThreads: 1}))
		if err != nil {
			t.Fatal(err)
		}
		c, err := g.NewContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		data, err := backends.NewTensor([]uint32{uint32(tt.n)}, backends.FP32, make([]byte, 4*tt.n))
		if err != nil {
			t.Fatal(err)
		}
		in := []backends.NamedTensor{{Name: "a", Tensor: data}, {Name: "b", Tensor: data}}
		found := testing.AllocsPerRun(200, func() {
			out, err := c.Compute(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			out[0].Tensor.Release()
		})
		if found > tt.most {
			t.Errorf("a computation of %d elements allocates %v times, expected %v at most", tt.n, found, tt.most)
		}
		c.Close()
		g.Close()
	}
}

func TestThreadsOfAGraph(t *testing.T) {
	b := newBackend(t, Config{})
	for _, opts := range []backends.LoadOptions{{IntraOpThreads: 1}, {IntraOpThreads: 3, InterOpThreads: 2}, {InterOpThreads: 1}} {
		g, err := b.Load(t.Context(), [][]byte{onnxtest.MatMuls(64, 4)}, onnx(opts))
		if err != nil {
			t.Fatalf("%+v: %v", opts, err)
		}
		c, err := g.NewContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		in, err := backends.NewTensor([]uint32{64, 64}, backends.FP32, make([]byte, 64*64*4))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Compute(t.Context(), []backends.NamedTensor{{Name: "in", Tensor: in}}); err != nil {
			t.Errorf("%+v: %v", opts, err)
		}
		c.Close()
		g.Close()
	}
}

func TestEveryCodeOfONNXRuntimeHasAMeaning(t *testing.T) {
	for code := ortshim.Fail; code <= ortshim.NotFound; code++ {
		if _, ok := codes[code]; !ok {
			t.Errorf("code %d has none", code)
		}
	}
}

// inItsOwnProcess runs the test again in a process where no library is loaded
// yet, since the environment is made once. It returns true in there.
func inItsOwnProcess(t *testing.T) bool {
	t.Helper()
	if os.Getenv("WASINN_TEST_PROCESS") == t.Name() {
		return true
	}
	newBackend(t, Config{}) // skips without a library
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "WASINN_TEST_PROCESS="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func TestLogsGoWhereTheyAreSent(t *testing.T) {
	if !inItsOwnProcess(t) {
		return
	}
	var logged bytes.Buffer
	b := newBackend(t, Config{Log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	g, err := b.Load(t.Context(), [][]byte{onnxtest.Add(4)}, onnx(backends.LoadOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	g.Close()
	if !strings.Contains(logged.String(), "level=INFO") || !strings.Contains(logged.String(), "category=") {
		t.Errorf("logged is %q", logged.String())
	}
}

func TestMemoryIsLimited(t *testing.T) {
	if !inItsOwnProcess(t) {
		return
	}
	model := onnxtest.Model{Graph: onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "ConstantOfShape", Inputs: []string{"shape"}, Outputs: []string{"out"}}},
		Inputs:  []onnxtest.Value{{Name: "shape", Type: onnxtest.Int64, Shape: onnxtest.Dims(1)}},
		Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: onnxtest.Dims("n")}},
	}}.Marshal()
	g, err := newBackend(t, Config{MaxMemory: 64 << 20}).Load(t.Context(), [][]byte{model}, onnx(backends.LoadOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c, err := g.NewContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, tt := range []struct {
		elements int64
		tooLarge bool
	}{{1 << 20, false}, {1 << 25, true}, {1 << 35, true}, {1 << 60, true}, {1 << 20, false}} {
		in, err := backends.NewTensor([]uint32{1}, backends.I64, onnxtest.Int64s(tt.elements))
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.Compute(t.Context(), []backends.NamedTensor{{Name: "shape", Tensor: in}})
		if tt.tooLarge {
			if code, detail := codeAndDetail(t, err); code != backends.TooLarge {
				t.Errorf("%d elements: %s: %s", tt.elements, code, detail)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d elements: %v", tt.elements, err)
		}
		out[0].Tensor.Release()
	}
}
