package testsuite

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/testsuite/echo"
)

// TestEchoFromAssemblyScript runs the cases of the echo suite that have one
// small input in the echo guest in AssemblyScript: in today's numbers of the
// element types, in those of 2022, and as a component.
func TestEchoFromAssemblyScript(t *testing.T) {
	cases, err := echo.Cases()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			e.open(t)
			for _, guest := range []struct {
				name string
				form
				era string
			}{
				{"assemblyscript-echo", forms[0], ""},
				{"assemblyscript-echo", forms[1], ""},
				{"assemblyscript-2022-echo", forms[1], "2022"},
			} {
				d := door{form: guest.form, era: guest.era}
				for _, c := range cases {
					if len(c.Inputs) != 1 || len(c.Outputs) != 1 || c.Inputs[0].Fill != "" || !c.Loads("bytes") || e.lacks(c) != "" {
						continue
					}
					at := cell{guest.name, guest.form.name, "bytes", e.name, typesOf(c)}
					if why := d.lacks(c); why != "" {
						notApplicable(at, 1, why)
						continue
					}
					t.Run(guest.name+" "+guest.form.name+": "+c.Name, func(t *testing.T) {
						t.Parallel()
						record(t, at)
						in := c.Inputs[0]
						got := wasinn(t, "run", "--quiet", "--backend", e.name, "--dir-ro", "testsuite/echo::echo", prebuilt(guest.name, guest.form),
							"bytes", "echo/"+c.File(), in.Name, witType(in.Type), dimsText(in.Dims), in.Hex)
						data, err := c.Outputs[0].Data()
						if err != nil {
							t.Fatal(err)
						}
						want := fmt.Sprintf("%s\nbytes %s\n", echoLines(guest.form, c)[0], hex.EncodeToString(data))
						if got.code != 0 || got.stdout != want || got.stderr != "" {
							t.Errorf("exit code %d, stdout %q, stderr %q; want %q", got.code, got.stdout, got.stderr, want)
						}
					})
				}
			}
		})
	}
}

// TestTypesThatDidNotExistIn2022: the guest in the numbers of 2022 has none for
// them, and says so.
func TestTypesThatDidNotExistIn2022(t *testing.T) {
	engine(t)
	for _, ty := range []string{"FP64", "BF16", "I64"} {
		model := "echo/models/echo-" + strings.Replace(strings.ToLower(ty), "fp", "f", 1) + "-r0/model.onnx"
		got := wasinn(t, "run", "--quiet", "--dir-ro", "testsuite/echo::echo", prebuilt("assemblyscript-2022-echo", forms[1]),
			"bytes", model, "in", ty, "scalar", "0000000000000000")
		if want := "error compute code=unsupported-operation data=\n"; got.code != 1 || got.stdout != want {
			t.Errorf("%s: exit code %d, stdout %q, want 1 and %q", ty, got.code, got.stdout, want)
		}
	}
}
