package graphreg

import (
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
)

func TestVersionsAreOrderedByAge(t *testing.T) {
	oldestFirst := []string{
		"0.1.0-rc.1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta", "2.0.0-rc", // pre-releases before all releases
		"1", "1.0.1", "1.2", "1.2.3", "1.10", "v2", "3+a", "3+b", "20240101", "99999999999999999999999", "nightly", "",
	}
	shuffled := slices.Clone(oldestFirst)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	slices.SortFunc(shuffled, CompareVersions)
	if !slices.Equal(shuffled, oldestFirst) {
		t.Errorf("sorted:\n%q, want\n%q", shuffled, oldestFirst)
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		name string
		ok   bool
	}{
		{"digits", true}, {"squeezenet-1.1_int8+x", true}, {"Größe", true}, {"_x", true}, {"7b", true},
		{"", false}, {".", false}, {"..", false}, {"a/b", false}, {`a\b`, false}, {"-x", false}, {"a b", false},
		{"a@1", false}, {"a\x00", false}, {"a\xff", false}, {"a:b", false}, {strings.Repeat("x", MaxNameLen+1), false},
	} {
		err := CheckName(tt.name)
		if (err == nil) != tt.ok {
			t.Errorf("CheckName(%q) = %v, want ok %t", tt.name, err, tt.ok)
		}
		if err != nil && backends.AsError(err).Code != backends.InvalidArgument {
			t.Errorf("CheckName(%q): code %s", tt.name, backends.AsError(err).Code)
		}
	}
}

func TestGraphFlags(t *testing.T) {
	own, wasmtime, wasmedge := ParseGraphFlag, ParseWasmtimeGraph, ParseWasmEdgeGraph
	sum := strings.Repeat("ab", 32)
	for _, tt := range []struct {
		name  string
		parse func(string) (Entry, error)
		in    string
		want  Entry
		err   string
	}{
		{name: "own: a path alone", parse: own, in: "a=m.onnx", want: Entry{Name: "a", Files: []File{{Path: "m.onnx"}}, Preload: true}},
		{name: "own: all options", parse: own,
			in: "a@1.2=m.onnx,encoding=ONNX,backend=gorgonia,target=gpu,threads=3,inter-op-threads=2,preload=false,sha256=" + sum,
			want: Entry{Name: "a", Version: "1.2", Backend: "gorgonia", Encoding: backends.ONNX, Target: backends.GPU,
				IntraOpThreads: 3, InterOpThreads: 2, Files: []File{{Path: "m.onnx", SHA256: sum}}}},
		{name: "own: a comma and an equals sign in the path", parse: own, in: "a=dir,x/b=c/m.onnx,target=cpu",
			want: Entry{Name: "a", Target: backends.CPU, Files: []File{{Path: "dir,x/b=c/m.onnx"}}, Preload: true}},
		{name: "own: no path", parse: own, in: "a", err: "want NAME=PATH"},
		{name: "own: an empty path", parse: own, in: "a=", err: "path is empty"},
		{name: "own: a misspelt option", parse: own, in: "a=m.onnx,encodign=onnx", err: `option "encodign"`},
		{name: "own: an unknown encoding", parse: own, in: "a=m.onnx,encoding=caffe", err: `encoding "caffe"`},
		{name: "own: too many threads", parse: own, in: "a=m.onnx,threads=99999", err: `threads="99999"`},
		{name: "own: a path for a name", parse: own, in: "a/b=m.onnx", err: "graph name"},
		{name: "own: a short checksum", parse: own, in: "a=m.onnx,sha256=ab", err: "64 hexadecimal digits"},
		{name: "wasmtime: a folder", parse: wasmtime, in: "onnx::x/squeeze/",
			want: Entry{Name: "squeeze", Encoding: backends.ONNX, Files: []File{{Path: filepath.Join("x", "squeeze", "model.onnx")}}, Preload: true}},
		{name: "wasmtime: one colon", parse: wasmtime, in: "onnx:x", err: "want ENCODING::DIR"},
		{name: "wasmtime: another encoding", parse: wasmtime, in: "openvino::x", err: "manifest"},
		{name: "wasmtime: the root folder", parse: wasmtime, in: "onnx::/", err: "graph name"},
		{name: "wasmedge: four fields", parse: wasmedge, in: "default:GGML:AUTO:m.gguf",
			want: Entry{Name: "default", Encoding: backends.GGML, Files: []File{{Path: "m.gguf"}}, Preload: true}},
		{name: "wasmedge: a path with a colon", parse: wasmedge, in: `m:ONNX:CPU:C:\m.onnx`,
			want: Entry{Name: "m", Encoding: backends.ONNX, Target: backends.CPU, Files: []File{{Path: `C:\m.onnx`}}, Preload: true}},
		{name: "wasmedge: two files", parse: wasmedge, in: "m:OpenVINO:CPU:m.xml,m.bin",
			want: Entry{Name: "m", Encoding: backends.OpenVINO, Target: backends.CPU, Files: []File{{Path: "m.xml"}, {Path: "m.bin"}}, Preload: true}},
		{name: "wasmedge: three fields", parse: wasmedge, in: "m:onnx:m.onnx", err: "want NAME:ENCODING:TARGET:PATH"},
		{name: "wasmedge: an unknown target", parse: wasmedge, in: "m:onnx:npu:m.onnx", err: `target "npu"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.parse(tt.in)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

func TestManifest(t *testing.T) {
	sum := strings.Repeat("0f", 32)
	for _, tt := range []struct {
		name, in string
		want     []Entry
		err      string
		code     backends.Code
	}{
		{name: "an empty manifest", in: `{}`},
		{name: "one graph with everything",
			in: `{"graphs":[{"name":"a","version":"1","path":"a/m.onnx","sha256":"` + sum + `","encoding":"onnx","backend":"x",
				"target":"gpu","threads":2,"inter-op-threads":1,"preload":true}]}`,
			want: []Entry{{Name: "a", Version: "1", Backend: "x", Encoding: backends.ONNX, Target: backends.GPU, IntraOpThreads: 2,
				InterOpThreads: 1, Preload: true, Files: []File{{"a/m.onnx", sum}}, folder: "f"}}},
		{name: "several files", in: `{"graphs":[{"name":"a","files":[{"path":"m.xml"},{"path":"m.bin","sha256":"` + sum + `"}]}]}`,
			want: []Entry{{Name: "a", Files: []File{{"m.xml", ""}, {"m.bin", sum}}, folder: "f"}}},
		{name: "a misspelt key", in: `{"graphs":[{"nmae":"a"}]}`, err: "nmae"},
		{name: "no JSON", in: `graphs`, err: "at byte"},
		{name: "more after the end", in: `{} {}`, err: "after the manifest's end"},
		{name: "no path", in: `{"graphs":[{"name":"a"}]}`, err: "no file is named"},
		{name: "path and files", in: `{"graphs":[{"name":"a","path":"x","files":[{"path":"y"}]}]}`, err: "one or the other"},
		{name: "a path upwards", in: `{"graphs":[{"name":"a","path":"../x"}]}`, err: "leaves the registry's folder", code: backends.Security},
		{name: "an absolute path", in: `{"graphs":[{"name":"a","path":"/x"}]}`, err: "leaves the registry's folder", code: backends.Security},
		{name: "a graph twice", in: `{"graphs":[{"name":"a","path":"x"},{"name":"a","path":"y"}]}`, err: "there twice"},
		{name: "a bad name", in: `{"graphs":[{"name":"a/b","path":"x"}]}`, err: "graphs[0]: "},
		{name: "negative threads", in: `{"graphs":[{"name":"a","path":"x","threads":-1}]}`, err: "found -1"},
		{name: "threads twice", in: `{"graphs":[{"name":"a","path":"x","threads":1,"intra-op-threads":1}]}`, err: "give one"},
		{name: "another type", in: `{"graphs":[{"name":7}]}`, err: "name"},
		{name: "an unknown target", in: `{"graphs":[{"name":"a","path":"x","target":"npu"}]}`, err: `target "npu"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ParseManifest([]byte(tt.in), "f")
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || backends.AsError(err).Code != tt.code {
					t.Fatalf("error %v, want %s with %q", err, tt.code, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(m.Graphs, tt.want) {
				t.Errorf("got %+v, %v\nwant %+v", m, err, tt.want)
			}
		})
	}
}

// FuzzManifest: parsing never panics, and what it accepts stays in the folder
// and has names that can be asked for.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"graphs":[{"name":"a","version":"1","path":"a/m.onnx","threads":2}]}`))
	f.Add([]byte(`{"graphs":[{"name":"a","files":[{"path":"../x"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data, "f")
		if err != nil {
			return
		}
		for _, e := range m.Graphs {
			if _, _, err := SplitName(e.FullName()); err != nil {
				t.Errorf("accepted a graph that cannot be named: %v", err)
			}
			for _, file := range e.Files {
				if !filepath.IsLocal(filepath.FromSlash(file.Path)) {
					t.Errorf("accepted path %q", file.Path)
				}
			}
		}
	})
}

// FuzzGraphFlags: no spelling makes a parser panic, and what is accepted has a
// name that can be asked for and at least one file.
func FuzzGraphFlags(f *testing.F) {
	for _, s := range []string{"a@1=m.onnx,threads=2", "a=x,y=z", "onnx::dir", "m:ONNX:AUTO:C:/m.onnx", "=", "::", ":::", ",,,="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (Entry, error){ParseGraphFlag, ParseWasmtimeGraph, ParseWasmEdgeGraph} {
			e, err := parse(s)
			if err != nil {
				continue
			}
			name, version, err := SplitName(e.FullName())
			if err != nil || name != e.Name || version != e.Version || len(e.Files) == 0 || e.Files[0].Path == "" {
				t.Errorf("%q: accepted %+v, %v", s, e, err)
			}
		}
	})
}
