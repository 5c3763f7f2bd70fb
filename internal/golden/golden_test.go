package golden

import (
	"os"
	"path/filepath"
	"testing"
)

// recorder is a test that notes its failure instead of failing.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Error(...any)          { r.failed = true }
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestEqual(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("a\nb\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path, got string
		fails           bool
	}{
		{"the same text passes", path, "a\nb\n", false},
		{"another text fails", path, "a\nc\n", true},
		{"a file that is not there fails", path + "x", "a\nb\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{TB: t}
			Equal(r, tt.path, []byte(tt.got))
			if r.failed != tt.fails {
				t.Errorf("failed %v, want %v", r.failed, tt.fails)
			}
		})
	}
}

func TestFilesFindsWhatIsNotMadeAnyMore(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	r := &recorder{TB: t}
	Files(r, dir, map[string][]byte{"a": []byte("a"), "b": []byte("b")}, nil)
	if r.failed {
		t.Error("the same files fail")
	}
	Files(r, dir, map[string][]byte{"a": []byte("a")}, nil)
	if !r.failed {
		t.Error("a file that is not made any more passes")
	}
	r = &recorder{TB: t}
	Files(r, dir, map[string][]byte{"a": []byte("a")}, func(name string) bool { return name == "b" })
	if r.failed {
		t.Error("a foreign file fails")
	}
}

func TestDiff(t *testing.T) {
	for _, tt := range []struct{ name, got, want, diff string }{
		{"equal texts", "a\nb", "a\nb", ""},
		{"a line that differs", "a\nb", "a\nc", "line 2:\n got \"b\"\nwant \"c\""},
		{"a text that ends early", "a", "a\nb", "line 2:\n got (the end)\nwant \"b\""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := Diff([]byte(tt.got), []byte(tt.want)); d != tt.diff {
				t.Errorf("got %q, want %q", d, tt.diff)
			}
		})
	}
}
