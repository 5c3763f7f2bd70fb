//go:build cgo && linux && amd64

package ortshim

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestGuardStepsOverTrappedDivisions(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []string{"-O0", "-O2"} {
		program := filepath.Join(t.TempDir(), "guard")
		out, err := exec.Command("cc", level, "-no-pie", "-Wall", "-Wextra", "-Werror", "-I", here, "-o", program, filepath.Join("testdata", "guard_main.c")).CombinedOutput()
		if err != nil {
			t.Fatalf("cc %s: %v\n%s", level, err, out)
		}
		if out, err := exec.Command(program).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", level, err, out)
		}
	}
}
