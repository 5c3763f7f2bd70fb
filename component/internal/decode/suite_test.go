package decode_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/wasinn/wasinn/component/internal/decode"
)

// suiteCommand is one command of a JSON suite file that carries a binary.
type suiteCommand struct {
	Type, Filename, Text string
	ModuleType           string `json:"module_type"`
	Line                 int
}

// suiteFiles returns the commands with binaries of the official suite, by the
// path of their binary. It skips the test when the suite is not there.
func suiteFiles(t testing.TB) map[string]suiteCommand {
	root := filepath.Join("..", "..", "..", "..", "shared", "suites", "component-model", "json")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("the official suite is not there: %v", err)
	}
	found := map[string]suiteCommand{}
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
				found[filepath.Join(filepath.Dir(path), c.Filename)] = c
			}
		}
	}
	return found
}

// Every component of the suite decodes, those said to be invalid too, except
// the malformed ones.
func TestSuiteMalformed(t *testing.T) {
	refused, asserted, decoded := 0, 0, 0
	for path, c := range suiteFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = decode.Decode(data)
		switch {
		case c.Type == "assert_malformed":
			asserted++
			if err == nil {
				t.Errorf("%s (line %d) decodes, but is malformed: %s", path, c.Line, c.Text)
				continue
			}
			refused++
		case err != nil && c.Type != "assert_invalid":
			t.Errorf("%s (line %d): %v", path, c.Line, err)
		case err != nil:
			t.Logf("%s (line %d) is refused early: %v, expected as invalid: %s", path, c.Line, err, c.Text)
		default:
			decoded++
		}
	}
	t.Logf("%d of %d malformed refused, %d others decode", refused, asserted, decoded)
}
