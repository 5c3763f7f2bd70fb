package bindgen_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/internal/golden"
	"github.com/wasinn/wasinn/wit"
	"github.com/wasinn/wasinn/wit/bindgen"
)

const testRoot = bindgen.Module + "/wit/bindgen/internal/testgen"

// The generated packages are part of the module, so that they are compiled, and
// tested by hand-written tests beside them.
func TestGenerateEqualsTheGoldenPackages(t *testing.T) {
	sources, err := wit.Read(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := wit.Parse(sources...)
	if err != nil {
		t.Fatal(err)
	}
	files, err := bindgen.Generate(r, bindgen.Config{Root: testRoot})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, filepath.Join("internal", "testgen"), files)
}

func TestGenIsWhatWitgenMakesNow(t *testing.T) {
	r, err := wit.Load()
	if err != nil {
		t.Fatal(err)
	}
	files, err := bindgen.Generate(r, bindgen.Config{Root: bindgen.Module + "/gen"})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, filepath.Join("..", "..", "gen"), files)
}

func compare(t *testing.T, dir string, files []bindgen.File) {
	t.Helper()
	m := map[string][]byte{}
	for _, f := range files {
		m[f.Path] = f.Content
	}
	golden.Files(t, dir, m, isTest)
}

// isTest reports whether a file beside generated ones is written by hand.
func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

func TestGenerateOpensTheGatesNamed(t *testing.T) {
	const text = "package a:b;\ninterface i {\n@unstable(feature = x)\nf: func();\n@unstable(feature = y)\ng: func();\nh: func();\n}"
	for _, tt := range []struct {
		name     string
		features []string
		want     []string
	}{
		{"no gate", nil, []string{"H"}},
		{"one gate", []string{"y"}, []string{"G", "H"}},
		{"both gates", []string{"x", "y"}, []string{"F", "G", "H"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := generate(t, text, tt.features...)
			var got []string
			for _, m := range []string{"F", "G", "H"} {
				if strings.Contains(string(files[0].Content), "\t"+m+"(ctx context.Context) error") {
					got = append(got, m)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("functions %q, want %q", got, tt.want)
			}
		})
	}
}

func TestGeneratePlacesPackages(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a release has no version in its path", "package a:b-c@0.2.12; interface i-j { f: func(); }", "a/b-c/ij/ij.go"},
		{"nor has a package without version", "package a:b; interface i { f: func(); }", "a/b/i/i.go"},
		{"a pre-release has one", "package a:b@0.2.0-rc-2024-10-28; interface i { f: func(); }", "a/b/rc20241028/i/i.go"},
		{"a name that Go has is put behind the package's", "package a:b; interface error { f: func(); }", "a/b/berror/berror.go"},
		{"so is a keyword", "package a:b; interface %type { f: func(); }", "a/b/btype/btype.go"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := generate(t, tt.text)[0].Path; got != tt.want {
				t.Errorf("path %q, want %q", got, tt.want)
			}
		})
	}
}

func TestGenerateRefusesWhatItCannotSpell(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"streams", "package a:b; interface i { f: func() -> stream<u8>; }", "stream"},
		{"futures", "package a:b; interface i { f: func(x: future<u8>); }", "future"},
		{"error contexts", "package a:b; interface i { f: func(x: error-context); }", "error-context"},
		{"more than 32 flags", "package a:b; interface i { flags f { " + many("f", 33) + " } }", "33 flags"},
		{"tuples of more than 8", "package a:b; interface i { f: func(x: tuple<u8,u8,u8,u8,u8,u8,u8,u8,u8>); }", "a tuple of 9"},
		{"resources that only guests export", "package a:b; world w { export i; } interface i { resource r; }", `resource "r"`},
		{"two releases in one place", "package a:b@1.0.0; interface i { f: func(); }\x00package a:b@1.0.1; interface i { f: func(); }", "would both be generated as a/b/i"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := wit.Parse(sources(tt.text)...)
			if err != nil {
				t.Fatal(err)
			}
			files, err := bindgen.Generate(r, bindgen.Config{Root: "example.com/gen"})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%d files and error %v, want an error with %q", len(files), err, tt.want)
			}
		})
	}
}

func many(prefix string, n int) string {
	var names []string
	for i := range n {
		names = append(names, prefix+strings.Repeat("x", i+1))
	}
	return strings.Join(names, ", ")
}

// sources splits a text at zero bytes into packages.
func sources(text string) []wit.Source {
	var s []wit.Source
	for part := range strings.SplitSeq(text, "\x00") {
		s = append(s, wit.Source{Path: "test.wit", Text: part})
	}
	return s
}

func generate(t *testing.T, text string, features ...string) []bindgen.File {
	t.Helper()
	r, err := wit.Parse(sources(text)...)
	if err != nil {
		t.Fatal(err)
	}
	files, err := bindgen.Generate(r, bindgen.Config{Root: "example.com/gen", Features: features})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
