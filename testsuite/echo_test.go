package testsuite

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/testsuite/echo"
)

// door is an interface as nncli speaks it.
type door struct {
	form
	// era is nncli's --era, and abi the host's --witx-abi.
	era, abi string
}

func (d door) String() string {
	s := d.name
	if d.era != "" {
		s += " in the numbers of " + d.era
	}
	if d.abi != "" {
		s += ", --witx-abi " + d.abi
	}
	return s
}

// doors are the interfaces that the echo suite goes through.
func doors() []door {
	component, preview1 := forms[0], forms[1]
	return []door{
		{form: component}, {form: preview1},
		{form: preview1, era: "2021"}, {form: preview1, era: "2022"},
		{form: preview1, era: "2021", abi: "2021"},
	}
}

// lacks says why a case cannot be said through the interface, or nothing.
func (d door) lacks(c echo.Case) string {
	for _, i := range c.Inputs {
		if d.era != "" && !slices.Contains([]string{"f16", "f32", "u8", "i32"}, i.Type) {
			return "the numbers of " + d.era + " have no f64, bf16 and i64"
		}
	}
	if d.era == "2021" && c.Error != nil && c.Error.Code != "invalid-argument" {
		return "the numbers of 2021 cannot tell the error"
	}
	return ""
}

// TestEcho runs each case of the echo suite in nncli: on each engine, through
// each interface, by name and from bytes.
func TestEcho(t *testing.T) {
	cases, err := echo.Cases()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			e.open(t)
			for _, d := range doors() {
				for _, by := range []string{"name", "bytes"} {
					for _, c := range cases {
						if !c.Loads(by) {
							continue
						}
						at := cell{"nncli, echo suite", d.String(), by, e.name, typesOf(c)}
						if why := e.lacks(c) + d.lacks(c); why != "" {
							notApplicable(at, 1, why)
							continue
						}
						t.Run(c.Name+" as "+d.String()+" by "+by, func(t *testing.T) {
							t.Parallel()
							record(t, at)
							runEcho(t, e, d, by, c)
						})
					}
				}
			}
		})
	}
}

// typesOf are the element types of what goes into a case, each named once; of a
// case without inputs those of what comes out.
func typesOf(c echo.Case) string {
	tensors := c.Inputs
	if len(tensors) == 0 {
		tensors = c.Outputs
	}
	var names []string
	for _, x := range tensors {
		if name := witType(x.Type); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return cmp.Or(strings.Join(names, " "), "none")
}

// witType is WIT's name of an element type of the suite.
func witType(name string) string {
	name = strings.ToUpper(name)
	if strings.HasPrefix(name, "F") {
		return "FP" + name[1:]
	}
	return name
}

func runEcho(t *testing.T, e underTest, d door, by string, c echo.Case) {
	scratch := t.TempDir()
	args := []string{"run", "--backend", e.name, "--registry", "testsuite/echo/models", "--dir-ro", "testsuite/echo::echo", "--dir", scratch + "::scratch"}
	if d.abi != "" {
		args = append(args, "--witx-abi", d.abi)
	}
	args = append(args, prebuilt("nncli", d.form))
	if d.era != "" {
		args = append(args, "--era", d.era)
	}
	args = append(args, echoArgs(c, by)...)
	got := wasinn(t, append(args, "--save", "scratch")...)
	if c.Error != nil {
		want := fmt.Sprintf("error %s code=%s data=", c.Error.Stage, c.Error.Code)
		if got.code != guestError || !strings.HasPrefix(got.stdout, want) {
			t.Errorf("exit code %d, stdout %q, stderr %q; want %d and %q", got.code, got.stdout, got.stderr, guestError, want)
		}
		return
	}
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", got.code, got.stdout, got.stderr)
	}
	if lines, want := outputLines(got.stdout), echoLines(d.form, c); !slices.Equal(lines, want) {
		t.Errorf("prints %q, want %q", lines, want)
	}
	for i, o := range c.Outputs {
		compareEcho(t, filepath.Join(scratch, fmt.Sprintf("output-%d.bin", i)), o)
	}
}

// echoArgs are nncli's for a case, with the suite's folder mounted as echo.
func echoArgs(c echo.Case, by string) []string {
	args := []string{"--name", c.Model}
	if by == "bytes" {
		args = []string{"--file", "echo/" + c.File()}
	}
	for _, i := range c.Inputs {
		data := "values=" + i.Values
		if i.Values == "" {
			data = "fill=" + i.FillValue
		}
		if data == "fill=" {
			data = "fill=0" // no times
		}
		args = append(args, "--input", fmt.Sprintf("name=%s,index=%d,type=%s,dims=%s,%s", i.Name, i.Index, i.Type, dimsText(i.Dims), data))
	}
	return append(args, "--print", "--outputs", strconv.Itoa(max(1, len(c.Outputs))))
}

func outputLines(out string) []string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "output ") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// echoLines are the lines that describe a case's outputs.
func echoLines(f form, c echo.Case) []string {
	var lines []string
	for i, o := range c.Outputs {
		if f.name == "preview 1" {
			lines = append(lines, fmt.Sprintf("output %d name=- ty=- dims=-", i))
			continue
		}
		dims := strings.ReplaceAll(strings.Trim(fmt.Sprint(o.Dims), "[]"), " ", "x")
		lines = append(lines, fmt.Sprintf("output %d name=%s ty=%s dims=%s", i, o.Name, witType(o.Type), dims))
	}
	return lines
}

func compareEcho(t *testing.T, file string, want echo.Tensor) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
		return
	}
	data, err := want.Data()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, data) {
		t.Errorf("%s is %s, want %s", want.Name, shortHex(got), shortHex(data))
	}
}

func shortHex(b []byte) string {
	const most = 100
	return fmt.Sprintf("%d bytes %s", len(b), hex.EncodeToString(b[:min(most, len(b))]))
}
