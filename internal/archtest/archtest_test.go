package archtest

import (
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
)

func TestEveryPackageKeepsToTheRules(t *testing.T) {
	root := filepath.Join("..", "..")
	touch(t, root)
	packages, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 2 {
		t.Fatalf("go list found %d packages: the test looks in the wrong place", len(packages))
	}
	for _, b := range Check(packages, Rules()) {
		t.Error(b)
	}
}

// touch looks at every folder, so that go test, which caches what passes, knows
// that the result depends on them: it does not see what go list reads.
func touch(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWazeroIsBehindFewDoors(t *testing.T) {
	var got []string
	for _, r := range Rules() {
		if allowed(r, "github.com/tetratelabs/wazero/api") {
			got = append(got, r.Package)
		}
	}
	// testsuite makes runtimes of its own to measure against.
	want := []string{"component/internal/corewasm", "component/wasip1", "component/wasinn/nnwitx", "cmd/...", "testsuite/..."}
	if !slices.Equal(got, want) {
		t.Errorf("rules that allow wazero:\n got %q\nwant %q", got, want)
	}
}

func TestCheck(t *testing.T) {
	rules := []Rule{
		{"backends", nil},
		{"backends/...", in("backends", "example.com/engine/...")},
		{"backends/special", in("graphreg")},
		{"cmd/...", in(anything)},
	}
	for _, tt := range []struct {
		name    string
		pkg     string
		imports []string
		want    []string
	}{
		{"the standard library is free to all", "backends", []string{"fmt", "encoding/json"}, nil},
		{"an import that the rule has", "backends/x", []string{Module + "/backends", "example.com/engine", "example.com/engine/sub"}, nil},
		{"an import that the rule lacks", "backends/x", []string{Module + "/graphreg"},
			[]string{"backends/x imports graphreg: its rule allows the standard library, backends, example.com/engine/..."}},
		{"another module whose path begins alike", "backends/x", []string{"example.com/engine2"},
			[]string{"backends/x imports example.com/engine2: its rule allows the standard library, backends, example.com/engine/..."}},
		{"the closest rule counts", "backends/special", []string{Module + "/graphreg", Module + "/backends"},
			[]string{"backends/special imports backends: its rule allows the standard library, graphreg"}},
		{"a rule without imports", "backends", []string{"golang.org/x/sys/unix"},
			[]string{"backends imports golang.org/x/sys/unix: its rule allows the standard library"}},
		{"a package in no rule", "surprise", nil,
			[]string{"surprise is in no rule: give it a row in internal/archtest/rules.go"}},
		{"a command may import anything", "cmd/x", []string{Module + "/internal/x", "example.com/other"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Check([]Package{{ImportPath: Module + "/" + tt.pkg, Imports: tt.imports}}, rules)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}
