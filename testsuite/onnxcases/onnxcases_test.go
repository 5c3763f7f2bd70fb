package onnxcases

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wasinn/wasinn/internal/onnxtest"
)

func TestFind(t *testing.T) {
	file := &fstest.MapFile{Data: onnxtest.Add(4)}
	cases, err := Find(fstest.MapFS{
		"node/test_b/model.onnx":                   file,
		"node/test_b/test_data_set_10/input_0.pb":  file,
		"node/test_b/test_data_set_9/input_0.pb":   file,
		"node/test_b/data.json":                    {Data: []byte(`{"atol": 0.5}`)},
		"node/test_a/model.onnx":                   file,
		"node/test_a/test_data_set_0/input_0.pb":   file,
		"node/test_dft/model.onnx":                 file,
		"node/test_dft/test_data_set_0/input_0.pb": file,
		"node/no_data/model.onnx":                  file,
		"node/no_model/test_data_set_0/input_0.pb": file,
		"real/test_light/data.json":                {Data: []byte(`{"rtol": 0.002, "url": "somewhere/light/light_m.onnx"}`)},
		"real/test_far/data.json":                  {Data: []byte(`{"url": "somewhere/light/not_here.onnx"}`)},
		"light/light_m.onnx":                       file,
		"node/test_a/inner/model.onnx":             file,
		"node/test_a/inner/test_data_set_0/in.pb":  file,
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cases {
		got = append(got, strings.Join(append([]string{c.Name, c.model}, c.sets...), " "))
	}
	want := []string{
		"test_a node/test_a/model.onnx node/test_a/test_data_set_0",
		"test_b node/test_b/model.onnx node/test_b/test_data_set_9 node/test_b/test_data_set_10",
		"test_dft node/test_dft/model.onnx node/test_dft/test_data_set_0",
		"test_light light/light_m.onnx",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("found\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if c := cases[0]; c.RTol != 1e-3 || c.ATol != 1e-7 {
		t.Errorf("tolerances are %g and %g", c.RTol, c.ATol)
	}
	if cases[1].ATol != 0.5 || cases[2].ATol != 1e-6 || cases[3].RTol != 0.002 {
		t.Errorf("tolerances of their own are %g, %g, %g", cases[1].ATol, cases[2].ATol, cases[3].RTol)
	}
}

func TestFamilies(t *testing.T) {
	seen := map[string]string{}
	for _, f := range families {
		for _, op := range strings.Fields(f.operators) {
			if seen[op] != "" {
				t.Errorf("%s is in %q and %q", op, seen[op], f.name)
			}
			seen[op] = f.name
		}
	}
	for op, want := range map[string]string{"Conv": "convolution and pooling", "ai.onnx.ml.LabelEncoder": MachineLearning, "NoSuch": NoFamily} {
		if got := Family(op); got != want {
			t.Errorf("%s is of %q, expected %q", op, got, want)
		}
	}
}

func TestParseExpected(t *testing.T) {
	e, err := ParseExpected("# comment\n\ntest_a: why: because\ntest_b?: on some machines\n")
	if err != nil {
		t.Fatal(err)
	}
	if e["test_a"] != (Listed{"why: because", false}) || e["test_b"] != (Listed{"on some machines", true}) || len(e) != 2 {
		t.Errorf("found %v", e)
	}
	for _, bad := range []string{"test_a", "some words: and a reason", "test_a: one\ntest_a: two"} {
		if _, err := ParseExpected(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
