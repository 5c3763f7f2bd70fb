package onnxfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/internal/onnxtest"
)

// raw is bytes in hexadecimal, with blanks between.
func raw(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseTakesModels(t *testing.T) {
	tests := []struct {
		name  string
		model []byte
		want  Model
	}{
		{"one node", onnxtest.Add(4), Model{IRVersion: 10}},
		{"several inputs and outputs", onnxtest.Ordered(), Model{IRVersion: 10}},
		{"no inputs", onnxtest.NoInputs(), Model{IRVersion: 10}},
		{"a subgraph", onnxtest.Loop(3), Model{IRVersion: 10}},
		{"a scalar", onnxtest.Identity(onnxtest.Bool, onnxtest.Dims()), Model{IRVersion: 10}},
		{"no rank", onnxtest.Identity(onnxtest.Bool, nil), Model{IRVersion: 10}},
		{"a symbol", onnxtest.Identity(onnxtest.Bool, onnxtest.Dims("n")), Model{IRVersion: 10}},
		{"data elsewhere", onnxtest.External("w.bin"), Model{IRVersion: 10, External: []External{{"weight", "w.bin", 0, 8}}}},
		{"an empty constant", onnxtest.Constant(onnxtest.Tensor{Type: onnxtest.Float, Dims: []int64{0, 1 << 40}}), Model{IRVersion: 10}},
		{"strings", onnxtest.Constant(onnxtest.Tensor{Type: onnxtest.String, Dims: []int64{2}, Strings: []string{"a", "b"}}), Model{IRVersion: 10}},
		{"metadata", onnxtest.Model{IRVersion: 3, Producer: "p", Metadata: map[string]string{"k": "v"}, Graph: onnxtest.Graph{
			Outputs: []onnxtest.Value{{Name: "o", Type: onnxtest.Float}}}}.Marshal(), Model{IRVersion: 3}},
		{"functions that call each other", functions(map[string][]string{"f": {"g", "g"}, "g": {"h"}, "h": {"Neg"}}, "f"), Model{IRVersion: 10}},
		{"a field of versions to come", append(onnxtest.Add(4), 0xba, 0x06, 0x01, 0xff), Model{IRVersion: 10}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := Parse(tt.model)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Bytes = tt.model
			if !reflect.DeepEqual(*found, tt.want) {
				t.Errorf("found %+v, expected %+v", *found, tt.want)
			}
			if !Sniff(tt.model) {
				t.Error("it does not sniff")
			}
		})
	}
}

// functions is a model that calls a function among those that call each other
// as the map says.
func functions(calls map[string][]string, call string) []byte {
	m := onnxtest.Model{Domains: map[string]int64{"local": 1}, Graph: onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: call, Domain: "local", Inputs: []string{"in"}, Outputs: []string{"out"}}},
		Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float}},
	}}
	for name, callees := range calls {
		f := onnxtest.Function{Name: name, Domain: "local"}
		for _, callee := range callees {
			domain := "local"
			if _, ok := calls[callee]; !ok {
				domain = ""
			}
			f.Nodes = append(f.Nodes, onnxtest.Node{Op: callee, Domain: domain})
		}
		m.Functions = append(m.Functions, f)
	}
	return m.Marshal()
}

func chain(n int, times int) map[string][]string {
	calls := map[string][]string{}
	for i := range n {
		for range times {
			calls[fmt.Sprint("f", i)] = append(calls[fmt.Sprint("f", i)], fmt.Sprint("f", i+1))
		}
	}
	calls[fmt.Sprint("f", n)] = []string{"Neg"}
	return calls
}

func deepGraph(depth int) []byte {
	g := onnxtest.Graph{Outputs: []onnxtest.Value{{Name: "o", Type: onnxtest.Float}}}
	for range depth {
		g = onnxtest.Graph{Nodes: []onnxtest.Node{{Op: "If", Attrs: []onnxtest.Attr{onnxtest.GraphAttr("then_branch", g)}}}, Outputs: g.Outputs}
	}
	return onnxtest.Model{Graph: g}.Marshal()
}

func constant(dims ...int64) []byte {
	return onnxtest.Constant(onnxtest.Tensor{Type: onnxtest.Float, Dims: dims, Raw: onnxtest.Floats(1, 2)})
}

func TestParseRefuses(t *testing.T) {
	add := onnxtest.Add(4)
	tests := []struct {
		name   string
		file   []byte
		kind   Kind
		reason string
	}{
		{"an empty file", nil, Garbage, "empty"},
		{"text", []byte("hello, world"), Garbage, ""},
		{"TensorFlow Lite", []byte("\x1c\x00\x00\x00TFL3"), Garbage, "TensorFlow Lite"},
		{"GGUF", []byte("GGUF\x03"), Garbage, "GGUF"},
		{"a zip file", []byte("PK\x03\x04...."), Garbage, "PyTorch"},
		{"a pickle", []byte("\x80\x02}q"), Garbage, "pickle"},
		{"XML", []byte("<?xml version='1.0'?>"), Garbage, "OpenVINO"},
		{"ONNX Runtime's own format", []byte("\x20\x00\x00\x00ORTM"), Garbage, "own format"},
		{"a pointer of Git LFS", []byte("version https://git-lfs.github.com/spec/v1\n"), Garbage, "Git LFS"},
		{"a field cut short", add[:len(add)-1], Truncated, "cut short"},
		{"a graph that is not there", add[:2], Truncated, "no graph"},
		{"a number of more than 64 bits", raw(t, "08 ffffffffffffffffff7f"), Garbage, "64 bits"},
		{"a number that does not end", raw(t, "08 ff"), Truncated, "cut short"},
		{"field 0", raw(t, "00 01"), Garbage, "field number"},
		{"a group", raw(t, "0b"), Garbage, "group"},
		{"a version that is bytes", raw(t, "0a 01 00"), Garbage, "ir_version"},
		{"version 0", raw(t, "08 00 3a 04 62 02 0a 00"), Garbage, "ir_version is 0"},
		{"a negative version", raw(t, "08 ffffffffffffffffff01 3a 04 62 02 0a 00"), Garbage, "ir_version is -1"},
		{"a graph that is a number", raw(t, "08 0a 38 01"), Garbage, "a graph is a varint"},
		{"two graphs", append(add[:len(add):len(add)], add...), Garbage, "2 graphs"},
		{"a graph without outputs", raw(t, "08 0a 3a 03 12 01 67"), Garbage, "no outputs"},
		{"a node that is a number", raw(t, "08 0a 3a 06 08 01 62 02 0a 00"), Garbage, "a node is a varint"},
		{"graphs nested too deep", deepGraph(MaxDepth + 1), Limit, "nested more than 32"},
		{"a function that calls itself", functions(map[string][]string{"f": {"f"}}, "f"), Garbage, "calls itself"},
		{"functions that call each other in a ring", functions(map[string][]string{"f": {"g"}, "g": {"h"}, "h": {"f"}}, "f"), Garbage, "calls itself"},
		{"a ring that nobody calls", functions(map[string][]string{"f": {"Neg"}, "g": {"g"}}, "f"), Garbage, "calls itself"},
		{"functions that double 25 times", functions(chain(25, 2), "f0"), Limit, "more than 1048576 nodes"},
		{"functions that call 100 deep", functions(chain(100, 1), "f0"), Limit, "32 deep"},
		{"a constant of negative size", constant(-1), Garbage, "dimension of -1"},
		{"a constant with too little data", constant(3), Garbage, "8 bytes of data, its type and shape take 12"},
		{"a constant with too much data", constant(1), Garbage, "8 bytes of data, its type and shape take 4"},
		{"a constant of 2^62 elements", constant(1<<31, 1<<31), Limit, "elements"},
		{"a constant whose size overflows", constant(1<<62, 1<<62), Limit, "elements"},
		{"a constant of 65 dimensions", constant(make([]int64, 65)...), Limit, "64 dimensions"},
		{"data elsewhere, unsaid where", onnxtest.External(""), Garbage, "does not say where"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.file)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error is %v, expected *Error", err)
			}
			if e.Kind != tt.kind || !strings.Contains(e.Reason, tt.reason) || e.Offset < 0 || e.Offset > len(tt.file) {
				t.Errorf("error is %+v, expected kind %d with %q", e, tt.kind, tt.reason)
			}
			if Sniff(tt.file) {
				t.Error("it sniffs as ONNX")
			}
		})
	}
}

func TestParseAllowsGraphsAsDeepAsTheLimit(t *testing.T) {
	if _, err := Parse(deepGraph(MaxDepth - 1)); err != nil {
		t.Error(err)
	}
	if _, err := Parse(functions(chain(19, 2), "f0")); err != nil {
		t.Error(err)
	}
}

func TestParseRefusesAModelCutShortAnywhere(t *testing.T) {
	model := onnxtest.Loop(3)
	opset := len(model) - 4 // the last field: a model without it is well-formed
	for n := range model {
		if _, err := Parse(model[:n]); (err == nil) != (n == opset) {
			t.Errorf("%d of %d bytes: %v", n, len(model), err)
		}
	}
}

// TestParseTakesTheProjectsModels parses every model that is committed. (Those
// of others go through Parse when testsuite loads them.)
func TestParseTakesTheProjectsModels(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../../guests/models/*/model.onnx", "../../../testsuite/echo/models/*/model.onnx"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no models like %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(b); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// FuzzParse: Parse never panics, its errors are *Error with an offset in the
// file, and it agrees with Sniff.
func FuzzParse(f *testing.F) {
	for _, model := range [][]byte{
		onnxtest.Add(4), onnxtest.Ordered(), onnxtest.Loop(2), onnxtest.External("w.bin"), onnxtest.Optional(), constant(2), constant(-1), deepGraph(3),
		functions(map[string][]string{"f": {"g"}, "g": {"f"}}, "f"), functions(chain(5, 2), "f0"), []byte("GGUF"), nil,
	} {
		f.Add(model)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := string(b)
		m, err := Parse(b)
		if Sniff(b) != (err == nil) {
			t.Error("Parse and Sniff disagree")
		}
		if string(b) != before {
			t.Error("the file has changed")
		}
		if err == nil {
			if m.IRVersion <= 0 {
				t.Errorf("version is %d", m.IRVersion)
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(b) {
			t.Errorf("error is %#v", err)
		}
	})
}
