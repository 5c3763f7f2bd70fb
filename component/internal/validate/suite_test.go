package validate_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/validate"
)

// suiteCommand is one command of a JSON suite file that carries a binary.
type suiteCommand struct {
	Type, Filename, Text string
	ModuleType           string `json:"module_type"`
	Line                 int
}

// suiteFiles returns the commands with binaries of the official suite, by the
// path of their binary. It skips the test when the suite is not there.
func suiteFiles(t testing.TB) (root string, files map[string]suiteCommand) {
	t.Helper()
	root = filepath.Join("..", "..", "..", "..", "shared", "suites", "component-model", "json")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("the official suite is not there: %v", err)
	}
	files = map[string]suiteCommand{}
	paths, err := filepath.Glob(filepath.Join(root, "*", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Commands []suiteCommand }
		if err := json.Unmarshal(data, &file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, c := range file.Commands {
			if c.Filename != "" && c.ModuleType == "binary" {
				files[filepath.Join(filepath.Dir(path), c.Filename)] = c
			}
		}
	}
	return root, files
}

// leftToEngine are the invalid components of the suite that only the
// validation of function bodies finds.
var leftToEngine = map[string]string{
	"validation/core-modules/core-modules.1.wasm": "a type error in a function body",
}

// With every feature on but nested names, which the suite takes for not
// accepted, the verdicts are those of the suite.
func TestSuiteVerdicts(t *testing.T) {
	root, files := suiteFiles(t)
	features := validate.AllFeatures()
	features.NestedNames = false
	counts := map[string]int{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		c := files[path]
		if c.Type == "assert_malformed" {
			continue
		}
		name := strings.TrimPrefix(path, root+string(filepath.Separator))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		component, err := decode.Decode(data)
		if err == nil {
			_, err = validate.Validate(component, features)
		}
		invalid := c.Type == "assert_invalid"
		switch {
		case invalid && err != nil:
			counts["invalid refused"]++
			t.Logf("%s line %d: %v\n\texpected: %s", name, c.Line, err, c.Text)
		case invalid && leftToEngine[filepath.ToSlash(name)] != "":
			counts["invalid left to the engine"]++
		case invalid:
			t.Errorf("%s line %d is valid, expected: %s", name, c.Line, c.Text)
		case err != nil:
			t.Errorf("%s line %d: %v", name, c.Line, err)
		default:
			counts["valid accepted"]++
		}
	}
	t.Log(counts)
}

// With no feature on, a valid component is accepted or refused for a feature
// by name.
func TestSuiteGates(t *testing.T) {
	root, files := suiteFiles(t)
	counts := map[string]int{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		c := files[path]
		if strings.HasPrefix(c.Type, "assert_invalid") || c.Type == "assert_malformed" {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		component, err := decode.Decode(data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		_, err = validate.Validate(component, validate.Features{})
		if g, ok := errors.AsType[*validate.Gated](err); ok {
			counts["needs "+g.Feature]++
		} else if err != nil {
			t.Errorf("%s: %v", strings.TrimPrefix(path, root), err)
		} else {
			counts["accepted"]++
		}
	}
	t.Log(counts)
}

// The project's own guests are valid without any gated feature.
func TestPrebuiltGuests(t *testing.T) {
	guests, err := filepath.Glob(filepath.Join("..", "..", "..", "guests", "prebuilt", "*.component.wasm"))
	if err != nil || len(guests) == 0 {
		t.Fatalf("no components in guests/prebuilt: %v", err)
	}
	for _, path := range guests {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c, err := decode.Decode(data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		v, err := validate.Validate(c, validate.Features{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if len(v.Type.Exports) == 0 || v.Type.Exports[0].Name == "" {
			t.Errorf("%s: no export in %+v", path, v.Type)
		}
	}
}
