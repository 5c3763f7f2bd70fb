package testsuite

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/testsuite/models"
)

// loadings are the matrix's words for nncli's.
var loadings = map[string]string{"--name": "name", "--file": "bytes"}

// tensorTypes are the element types of tensors, each named once.
func tensorTypes(ts []backends.NamedTensor) string {
	var names []string
	for _, x := range ts {
		if name := x.Tensor.Type().String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// TestRealModelsGiveTheSameBytesThroughAGuest runs each real model in nncli on each
// engine, as a component and as a preview 1 module, by name and from bytes, and compares
// the outputs with those of the engine called directly.
func TestRealModelsGiveTheSameBytesThroughAGuest(t *testing.T) {
	dir := models.Dir(t)
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			b := e.open(t)
			for _, m := range models.All() {
				realModel(t, e.name, b, dir, m)
			}
		})
	}
}

func realModel(t *testing.T, name string, b backends.Backend, dir string, m models.Model) {
	inputs, err := m.Tensors()
	if err != nil {
		t.Fatal(err)
	}
	want := directOn(t, b, filepath.Join(dir, filepath.FromSlash(m.File())), inputs)
	for _, f := range forms {
		for _, how := range [][]string{{"--name", m.Name}, {"--file", "models/" + m.File()}} {
			t.Run(m.Name+" "+f.name+" "+how[0], func(t *testing.T) {
				record(t, cell{"nncli, " + m.Name, f.name, loadings[how[0]], name, tensorTypes(inputs)})
				scratch := t.TempDir()
				args := []string{"run", "--backend", name, "--registry", dir, "--dir-ro", dir + "::models", "--dir", scratch + "::scratch", prebuilt("nncli", f)}
				args = append(args, how...)
				args = append(args, inputArgs(t, scratch, "scratch", inputs)...)
				args = append(args, "--save", "scratch", "--repeat", "2", "--same", "--outputs", strconv.Itoa(len(want)))
				got := wasinn(t, args...)
				if got.code != 0 {
					t.Fatalf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
				}
				compareSaved(t, scratch, want)
			})
		}
	}
}
