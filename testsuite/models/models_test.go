package models

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestTableCanBeFetched(t *testing.T) {
	names := map[string]bool{}
	for _, o := range origins() {
		if err := o.pkg().Validate(); err != nil {
			t.Error(err)
		}
		if o.sha256 == "" || o.size == 0 {
			t.Errorf("%s: the archive is not pinned", o.name)
		}
	}
	for _, m := range All() {
		if names[m.Name] {
			t.Errorf("two models are called %q", m.Name)
		}
		names[m.Name] = true
	}
}

func TestInputsFitWhatTheModelsDeclare(t *testing.T) {
	for _, m := range All() {
		for _, in := range m.Inputs {
			if len(in.Run) != len(in.Dims) {
				t.Errorf("%s: %q: runs with %v, declares %v", m.Name, in.Name, in.Run, in.Dims)
				continue
			}
			for i, d := range in.Dims {
				if d != -1 && d != int64(in.Run[i]) {
					t.Errorf("%s: %q: runs with %v, declares %v", m.Name, in.Name, in.Run, in.Dims)
				}
			}
		}
	}
}

// TestInputsAreTheSameBytesEverywhere compares them with a golden list, which
// "go test -update" rewrites.
func TestInputsAreTheSameBytesEverywhere(t *testing.T) {
	var got strings.Builder
	for _, m := range All() {
		tensors, err := m.Tensors()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range tensors {
			sum := sha256.Sum256(n.Tensor.Data())
			fmt.Fprintf(&got, "%s %s %v%v %x\n", m.Name, n.Name, n.Tensor.Type(), n.Tensor.Dims(), sum)
		}
	}
	path := filepath.Join("testdata", "inputs.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("inputs are\n%s\nwant\n%s", got.String(), want)
	}
}

func TestInputOfATypeThatIsNotMade(t *testing.T) {
	m := Model{Name: "m", Inputs: []Input{{TensorInfo: info("x", backends.FP16, 1), Run: []uint32{1}}}}
	_, err := m.Tensors()
	if want := `model "m": input "x": no values of type FP16 are made, only FP32 and I64`; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// TestFetchedModelsAreTheOnesPinned needs the models; see Dir.
func TestFetchedModelsAreTheOnesPinned(t *testing.T) {
	dir := Dir(t)
	for _, m := range All() {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(m.File())))
		if err != nil {
			t.Error(err)
			continue
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != m.SHA256 || int64(len(content)) != m.Size {
			t.Errorf("%s: %d bytes of sha256 %x, want %d of %s", m.Name, len(content), sum, m.Size, m.SHA256)
		}
	}
}
