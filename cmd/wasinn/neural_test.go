package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends/onnxruntime"
)

// needEngine skips a test where there is no engine, and fails it where CI is set.
func needEngine(t *testing.T) {
	t.Helper()
	if _, _, err := onnxruntime.Locate(onnxruntime.Config{}); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

const models = "../../guests/models"

// doors are the two forms of a prebuilt guest.
var doors = []string{"component", "p1"}

func prebuilt(guest, door string) string {
	return "../../guests/prebuilt/" + guest + "." + door + ".wasm"
}

func TestModelsAreNamedInEverySpelling(t *testing.T) {
	needEngine(t)
	model := models + "/digits/model.onnx"
	manifest := t.TempDir()
	b, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"m.onnx": b, "registry.json": []byte(`{"graphs": [{"name": "digits", "path": "m.onnx"}]}`)} {
		if err := os.WriteFile(filepath.Join(manifest, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name  string
		flags []string
	}{
		{"a graph", []string{"--graph", "digits=" + model}},
		{"a graph with options", []string{"--graph", "digits=" + model + ",encoding=onnx,backend=onnxruntime,target=cpu"}},
		{"a registry", []string{"--registry", models}},
		{"a registry with a manifest", []string{"--registry", manifest}},
		{"wasmtime's", []string{"--nn-graph", "onnx::" + models + "/digits"}},
		{"WasmEdge's", []string{"--nn-preload", "digits:onnx:cpu:" + model}},
		{"a pool of one thread", []string{"--registry", models, "--intra-op-threads", "1"}},
		{"the GPU if there is one", []string{"--registry", models, "--gpu", "prefer"}},
		{"an engine by its name", []string{"--registry", models, "--backend", "onnxruntime"}},
		{"a guest's encoding overridden", []string{"--registry", models, "--encoding-override", "onnx"}},
		{"loaded lazily", []string{"--registry", models, "--lazy-load"}},
	} {
		for _, door := range doors {
			t.Run(test.name+", "+door, func(t *testing.T) {
				args := append([]string{"run", "--dir-ro", "../../guests/pictures::pictures"}, test.flags...)
				r := command(t, append(args, prebuilt("c-digits", door), "name", "digits", "pictures/7.pgm")...)
				if r.code != 0 || !strings.Contains(r.stdout, "top 1 class=7 ") {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

func TestFoldersInEverySpelling(t *testing.T) {
	needEngine(t)
	scratch := t.TempDir()
	for _, test := range []struct {
		name  string
		flags []string
		code  int
	}{
		{"reading and writing", []string{"--dir", scratch + "::out"}, 0},
		{"the older spelling", []string{"--mapdir", "out::" + scratch}, 0},
		{"reading only", []string{"--dir-ro", scratch + "::out"}, 1},
		{"not at all", nil, 1},
	} {
		for _, door := range doors {
			t.Run(test.name+", "+door, func(t *testing.T) {
				args := append([]string{"run", "--registry", models}, test.flags...)
				r := command(t, append(args, prebuilt("nncli", door), "--name", "digits", "--input", "index=0,dims=1x1x28x28,fill=0", "--save", "out")...)
				saved := filepath.Join(scratch, "output-0.bin")
				_, err := os.Stat(saved)
				if r.code != test.code || (err == nil) != (test.code == 0) {
					t.Errorf("%+v; the output: %v", r, err)
				}
				for _, f := range []string{"bin", "npy"} {
					os.Remove(filepath.Join(scratch, "output-0."+f))
				}
			})
		}
	}
}

func TestLinksDoNotLeadGuestsOut(t *testing.T) {
	needEngine(t)
	top := t.TempDir()
	granted := filepath.Join(top, "granted")
	b, err := os.ReadFile(models + "/digits/model.onnx")
	if err == nil {
		err = os.Mkdir(granted, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(top, "secret.onnx"), b, 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(granted, "own.onnx"), b, 0o644)
	}
	if err == nil {
		err = os.Symlink("../secret.onnx", filepath.Join(granted, "out.onnx"))
	}
	if err == nil {
		err = os.Symlink("own.onnx", filepath.Join(granted, "in.onnx"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, door := range doors {
		for _, test := range []struct {
			path string
			code int
		}{{"granted/own.onnx", 0}, {"granted/in.onnx", 0}, {"granted/out.onnx", 1}, {"granted/../secret.onnx", 1}, {filepath.Join(top, "secret.onnx"), 1}} {
			r := command(t, "run", "--dir", granted+"::granted", prebuilt("nncli", door),
				"--file", test.path, "--input", "index=0,dims=1x1x28x28,fill=0")
			if r.code != test.code || test.code != 0 && !strings.Contains(r.stdout, "cannot be read") {
				t.Errorf("%s, %s: %+v, want code %d", door, test.path, r, test.code)
			}
		}
	}
}

func TestHostileGuests(t *testing.T) {
	needEngine(t)
	for _, test := range []struct {
		kind   string
		codes  map[string]int // by door
		stdout string
	}{
		{"graphs", map[string]int{"component": 1, "p1": 1}, "code=too-large"},
		{"contexts", map[string]int{"component": 1, "p1": 1}, "code=too-large"},
		{"loop", map[string]int{"component": exitLimit, "p1": exitLimit}, ""},
		{"loop-compute", map[string]int{"component": exitLimit, "p1": exitLimit}, ""},
		{"recurse", map[string]int{"component": exitTrap, "p1": exitTrap}, ""},
		{"grow", map[string]int{"component": 0, "p1": 0}, "accepted grow"},
		{"outside", map[string]int{"component": exitTrap, "p1": exitTrap}, ""},
		{"unreachable", map[string]int{"component": exitTrap, "p1": exitTrap}, ""},
		{"bad-handle", map[string]int{"component": exitTrap, "p1": 1}, ""},
		{"garbage-model", map[string]int{"component": 1, "p1": 1}, "code=invalid-encoding"},
	} {
		for _, door := range doors {
			t.Run(test.kind+", "+door, func(t *testing.T) {
				timeout := "1m"
				if test.codes[door] == exitLimit {
					timeout = "1s"
				}
				r := command(t, "run", "--registry", models, "--timeout", timeout, "--max-memory", "64MiB",
					prebuilt("nncli", door), "abuse", test.kind, "--name", "digits", "--input", "index=0,dims=1x1x28x28,fill=0")
				if r.code != test.codes[door] || !strings.Contains(r.stdout, test.stdout) {
					t.Errorf("%+v, want code %d and %q", r, test.codes[door], test.stdout)
				}
			})
		}
	}
}

func TestLastErrorOfPreview1IsSaid(t *testing.T) {
	needEngine(t)
	r := command(t, "run", "--registry", models, prebuilt("nncli", "p1"), "--name", "nothere")
	if r.code != 1 || !strings.Contains(r.stderr, `the last error of wasi-nn was not-found`) {
		t.Errorf("%+v", r)
	}
}

func TestTraceShowsCalls(t *testing.T) {
	needEngine(t)
	for _, door := range doors {
		r := command(t, "run", "--trace", "--registry", models, prebuilt("nncli", door), "--name", "digits", "--input", "index=0,dims=1x1x28x28,fill=0")
		if r.code != 0 || !strings.Contains(r.stderr, "digits") || !strings.Contains(r.stderr, "level=DEBUG") {
			t.Errorf("%s: %+v", door, r)
		}
	}
}

func TestGraphCommands(t *testing.T) {
	needEngine(t)
	run := func(into any, args ...string) {
		t.Helper()
		r := command(t, append([]string{"graph"}, append(args, "--registry", models, "--json")...)...)
		if r.code != 0 {
			t.Fatalf("%v: %+v", args, r)
		}
		if err := json.Unmarshal([]byte(r.stdout), into); err != nil {
			t.Fatalf("%v: %v in %s", args, err, r.stdout)
		}
	}
	var list, info []graphRow
	run(&list, "ls")
	run(&info, "info", "digits")
	if len(list) != 1 || list[0].Name != "digits" || list[0].Backend != "auto" || list[0].Files[0].Size < 1000 || list[0].Inputs != nil {
		t.Errorf("ls: %+v", list)
	}
	if len(info) != 1 || info[0].Backend != "onnxruntime" || info[0].Encoding != "onnx" || info[0].Target != "cpu" || len(info[0].Files[0].SHA256) != 64 {
		t.Fatalf("info: %+v", info)
	}
	if in := info[0].Inputs; len(in) != 1 || in[0].Name != "image" || in[0].Type != "FP32" || !slices.Equal(in[0].Dims, []int64{-1, 1, 28, 28}) || !slices.Equal(in[0].Symbols, []string{"batch", "", "", ""}) {
		t.Errorf("inputs: %+v", in)
	}
	var times []benchRow
	run(&times, "bench", "-n", "5", "--concurrency", "3", "digits")
	if len(times) != 1 || times[0].Computes != 15 || times[0].MinNS <= 0 || times[0].MinNS > times[0].MedianNS || times[0].MedianNS > times[0].P95NS {
		t.Errorf("bench: %+v", times)
	}
	if times[0].LoadNS <= 0 || times[0].FirstNS <= 0 || times[0].P95NS > times[0].P99NS || times[0].Ratio != 0 {
		t.Errorf("bench: %+v", times)
	}
	run(&times, "bench", "-n", "1", "--dims", "image=4x1x28x28", "digits")
	run(&times, "bench", "-n", "1", "--warm-up", "0", "--dim", "batch=4", "--compare", "digits")
	if len(times) != 2 || times[0].Backend == times[1].Backend || times[0].Ratio != 1 || times[1].Ratio <= 0 {
		t.Errorf("bench of both: %+v", times)
	}
	if r := command(t, "graph", "bench", "-n", "1", "--compare", models+"/digits/model.onnx"); r.code != 0 || !strings.Contains(r.stdout, "RATIO") || strings.Count(r.stdout, "digits") != 2 {
		t.Errorf("bench of a file: %+v", r)
	}
	for _, bad := range [][]string{{"--dim", "nothere=1", "digits"}, {"--dim", "n", "digits"}, {"--dims", "image=1x2", "digits"}, {"--dims", "nothere=1", "digits"}, {"--dims", "image=9999999x1x28x28", "digits"}, {"nothere"}} {
		if r := command(t, append([]string{"graph", "bench", "--registry", models}, bad...)...); r.code != exitUsage || r.stderr == "" {
			t.Errorf("%v: %+v", bad, r)
		}
	}
	for _, args := range [][]string{{"ls"}, {"info", "digits"}, {"bench", "-n", "1", "digits"}} {
		if r := command(t, append([]string{"graph", "--registry", models}, args...)...); r.code != 0 || !strings.Contains(r.stdout, "digits") {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

func TestListNamesWhatIsThereAndWhatIsNot(t *testing.T) {
	apart(t)
	dir := registry(t, "a/model.onnx", "b/1.0/model.onnx", "b/2.0/model.onnx")
	r := command(t, "graph", "ls", "--registry", dir, "--graph", "lost=nothere.onnx")
	if r.code != exitUsage || !strings.Contains(r.stderr, "nothere.onnx") {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(r.stdout, "model.onnx") {
		t.Errorf("what is there is not listed: %q", r.stdout)
	}
	r = command(t, "graph", "ls", "--registry", dir)
	var names []string
	for line := range strings.Lines(r.stdout) {
		names = append(names, strings.Join(strings.Fields(line)[:2], " "))
	}
	if want := []string{"NAME VERSION", "a -", "b 1.0", "b 2.0"}; r.code != 0 || !slices.Equal(names, want) {
		t.Errorf("%q, %s, want %q", names, r.stderr, want)
	}
}

func TestDoctor(t *testing.T) {
	t.Run("with an engine", func(t *testing.T) {
		needEngine(t)
		r := command(t, "doctor", "--gpu", "off")
		for _, want := range []string{"wasinn ", "CPU features", "onnxruntime", onnxruntime.Version, "CPUExecutionProvider", "gorgonia", "not tried"} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("no %q in\n%s", want, r.stdout)
			}
		}
		if r.code != 0 {
			t.Errorf("code %d", r.code)
		}
	})
	t.Run("without", func(t *testing.T) {
		apart(t)
		r := command(t, "doctor")
		if r.code != 0 || !strings.Contains(r.stdout, "no ONNX Runtime library at") || !strings.Contains(r.stdout, "yes: pure Go") || r.stderr != "" {
			t.Errorf("%+v", r)
		}
	})
}

func TestSetupFindsWhatIsThere(t *testing.T) {
	needEngine(t)
	if os.Getenv(onnxruntime.LibraryVariable) != "" {
		t.Skip("the library comes from elsewhere")
	}
	if _, source, _ := onnxruntime.Locate(onnxruntime.Config{}); source != onnxruntime.FromCache {
		t.Skip("the library comes from the system")
	}
	r := command(t, "setup", "onnxruntime")
	if _, err := os.Stat(strings.TrimSpace(r.stdout)); r.code != 0 || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
}
