package testsuite

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// digitsGuests are the prebuilt guests that keep the digits contract of
// guests/README.md: in every language and form, LANG-digits.FORM.wasm.
func digitsGuests(t *testing.T) []string {
	t.Helper()
	var guests []string
	for _, list := range []string{"SHA256SUMS", "SHA256SUMS.loose"} {
		for name := range checksums(t, list) {
			if strings.Contains(name, "-digits.") {
				guests = append(guests, name)
			}
		}
	}
	slices.Sort(guests)
	return guests
}

// checksums reads a list of guests/prebuilt: the SHA-256 of each file.
func checksums(t *testing.T, list string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "guests", "prebuilt", list))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("%s has the line %q; want SHA256  NAME", list, line)
		}
		sums[name] = sum
	}
	return sums
}

// TestPrebuiltGuests: the files in guests/prebuilt are those of its two lists,
// byte for byte, and no others.
func TestPrebuiltGuests(t *testing.T) {
	want := checksums(t, "SHA256SUMS")
	maps.Copy(want, checksums(t, "SHA256SUMS.loose"))
	files, err := filepath.Glob(filepath.Join("..", "guests", "prebuilt", "*.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(f)] = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	if !maps.Equal(got, want) {
		t.Errorf("guests/prebuilt holds\n%v\nand its lists say\n%v", got, want)
	}
}

// TestDigits runs each guest x interface x way of loading x engine, one by one,
// as a batch, and on several contexts in turn: every picture is answered right,
// and all print the same lines.
func TestDigits(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			e.open(t)
			reference := runDigits(t, e, "guests/prebuilt/c-digits.component.wasm", digitsLoads[0]...)
			for _, guest := range digitsGuests(t) {
				checkDigits(t, e, guest, "guests/prebuilt/"+guest, reference.stdout)
			}
		})
	}
}

// digitsLoads are the two ways of loading that the digits contract has.
var digitsLoads = [][]string{{"name", "digits"}, {"bytes", "guests/models/digits/model.onnx"}}

// interfacesWithoutNames tells the year of the interface that guests of old
// speak.
var interfacesWithoutNames = map[string]string{
	"rust-wasi-nn-0.1-digits":    "2021",
	"assemblyscript-2022-digits": "2022",
}

// digitsFlags are wasinn's for the digits guest in a file.
func digitsFlags(e underTest, file string) []string {
	folder := "guests"
	if strings.HasPrefix(filepath.Base(file), "go-") {
		folder = ".::/" // Go's relative paths begin in the first folder, and it does not know "."
	}
	return []string{"run", "--quiet", "--backend", e.name, "--dir-ro", folder, "--registry", "guests/models"}
}

// runDigits runs the digits guest in a file on all pictures.
func runDigits(t *testing.T, e underTest, file string, args ...string) outcome {
	t.Helper()
	return wasinn(t, slices.Concat(digitsFlags(e, file), []string{file}, args, pictures(t))...)
}

// severalContexts is on how many contexts the pictures take turns: few enough
// that each is used again.
const severalContexts = 4

// checkContexts checks that a guest prints the same on several contexts as on
// one, and that they were alive together.
func checkContexts(t *testing.T, e underTest, file string, how []string, want string) {
	t.Helper()
	args := slices.Concat([]string{"contexts", fmt.Sprint(severalContexts)}, how, pictures(t))
	got := wasinn(t, slices.Concat(digitsFlags(e, file), []string{"--trace", file}, args)...)
	if got.code != 0 || got.stdout != want {
		t.Errorf("on %d contexts: exit code %d, prints\n%s\nwhere it printed on one\n%s", severalContexts, got.code, got.stdout, want)
	}
	before, _, computes := strings.Cut(got.stderr, "msg=compute")
	if made := strings.Count(before, `msg="new context"`); !computes || made != severalContexts {
		t.Errorf("%d contexts were made before the first compute, want %d", made, severalContexts)
	}
}

// TestDigitsUsage: what the arguments may not be prints how to use the guest.
func TestDigitsUsage(t *testing.T) {
	engine(t)
	e := engines()[0]
	for _, guest := range digitsGuests(t) {
		file := "guests/prebuilt/" + guest
		for _, args := range [][]string{
			{}, {"name", "digits"}, {"batch"}, {"batch", "name", "digits"}, {"neither", "digits", "1.pgm"},
			{"contexts"}, {"contexts", "2"}, {"contexts", "2", "name", "digits"},
			{"contexts", "0", "name", "digits", "1.pgm"}, {"contexts", "1001", "name", "digits", "1.pgm"},
			{"contexts", "2x", "name", "digits", "1.pgm"}, {"contexts", "", "name", "digits", "1.pgm"},
			{"contexts", "99999999999999999999", "name", "digits", "1.pgm"},
		} {
			got := wasinn(t, slices.Concat(digitsFlags(e, file), []string{file}, args)...)
			if got.code != 1 || got.stdout != "" || !strings.HasPrefix(got.stderr, "usage: digits [batch | contexts N] name MODEL PICTURE...") {
				t.Errorf("%s %q: exit code %d, stdout %q, stderr %q", guest, args, got.code, got.stdout, got.stderr)
			}
		}
	}
}

// checkDigits compares what the digits guest in a file prints with what the
// reference guest printed.
func checkDigits(t *testing.T, e underTest, name, file, reference string) {
	pics := pictures(t)
	guest, form := nameAndForm(name)
	for _, how := range digitsLoads {
		if year := interfacesWithoutNames[guest]; year != "" && how[0] == "name" {
			notApplicable(cell{guest, form, how[0], e.name, "FP32"}, 1, "the interface of "+year+" has no models with names")
			continue
		}
		t.Run(name+" by "+how[0], func(t *testing.T) {
			record(t, cell{guest, form, how[0], e.name, "FP32"})
			got := runDigits(t, e, file, how...)
			if got.code != 0 || got.stderr != "" {
				t.Fatalf("exit code %d, stderr %q, stdout ends %q", got.code, got.stderr, tail(got.stdout))
			}
			checkAnswers(t, got.stdout, pics)
			if lines, want := comparable(got.stdout), comparable(reference); lines != want {
				t.Errorf("prints\n%s\nwhere the guest in C printed\n%s", lines, want)
			}
			batch := runDigits(t, e, file, append([]string{"batch"}, how...)...)
			if batch.code != 0 {
				t.Fatalf("batch: exit code %d, stderr %q", batch.code, batch.stderr)
			}
			checkAnswers(t, batch.stdout, pics)
			checkContexts(t, e, file, how, got.stdout)
		})
	}
}

// nameAndForm takes a guest's file name apart: "c-digits" and "component".
func nameAndForm(file string) (name, form string) {
	name = strings.TrimSuffix(file, ".wasm")
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		name, form = name[:dot], name[dot+1:]
	}
	if form == "p1" {
		form = "preview 1"
	}
	return name, form
}

// checkAnswers checks that the first top line after each picture's has the
// digit that the file's name begins with.
func checkAnswers(t *testing.T, out string, pics []string) {
	t.Helper()
	answers := map[string]string{}
	var picture string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if p, ok := strings.CutPrefix(line, "picture "); ok {
			picture = p
		} else if c, ok := strings.CutPrefix(line, "top 1 class="); ok {
			answers[picture], _, _ = strings.Cut(c, " ")
		}
	}
	for _, p := range pics {
		if want := filepath.Base(p)[:1]; answers[p] != want {
			t.Errorf("%s: answered %q", p, answers[p])
		}
	}
}

// comparable leaves out the output lines, of which preview 1 knows nothing.
func comparable(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "output ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func tail(s string) string { return s[max(0, len(s)-300):] }

// TestErrorsReachTheGuest: the code is the same through both doors, and the
// component's text says something.
func TestErrorsReachTheGuest(t *testing.T) {
	engine(t)
	for _, f := range forms {
		for _, c := range []struct {
			what string
			args []string
			want string
		}{
			{"a name that nobody has", []string{"name", "nobody", "guests/pictures/1.pgm"}, "error load code=not-found data="},
			{"a file that is no model", []string{"bytes", "guests/README.md", "guests/pictures/1.pgm"}, "error load code=invalid-encoding data="},
			{"a picture that is none", []string{"name", "digits", "guests/README.md"}, "error picture guests/README.md: not a binary PGM file"},
		} {
			t.Run(f.name+": "+c.what, func(t *testing.T) {
				args := append([]string{"run", "--dir-ro", "guests", "--registry", "guests/models", prebuilt("c-digits", f)}, c.args...)
				got := wasinn(t, args...)
				if got.code != 1 || !strings.Contains(got.stdout, c.want) {
					t.Errorf("exit code %d, stdout %q, stderr %q; want 1 and %q", got.code, got.stdout, got.stderr, c.want)
				}
				if f.name == "component" && strings.HasSuffix(strings.TrimSpace(got.stdout), "data=") {
					t.Errorf("the error says nothing: %q", got.stdout)
				}
			})
		}
	}
}

// TestFoldersHaveTheNamesThatTheyAreGivenBy: relative paths begin in a folder
// named "." and absolute ones in "/", through both doors. The guests here are
// those that do not go by wasi-libc, which takes either for both.
func TestFoldersHaveTheNamesThatTheyAreGivenBy(t *testing.T) {
	engine(t)
	for _, guest := range []string{"assemblyscript-digits", "zig-digits"} {
		for _, f := range forms {
			for _, c := range []struct {
				name, flag, picture string
				code                int
			}{
				{"a relative path in .", ".", "guests/pictures/7.pgm", 0},
				{"an absolute path in .", ".", "/guests/pictures/7.pgm", 1},
				{"an absolute path in /", ".::/", "/guests/pictures/7.pgm", 0},
			} {
				t.Run(guest+" "+f.name+": "+c.name, func(t *testing.T) {
					got := wasinn(t, "run", "--quiet", "--dir-ro", c.flag, "--registry", "guests/models", prebuilt(guest, f), "name", "digits", c.picture)
					want := "\ntop 1 class=7 "
					if c.code != 0 {
						want = "error picture " + c.picture + ": cannot be read\n"
					}
					if got.code != c.code || !strings.Contains(got.stdout, want) {
						t.Errorf("exit code %d, stdout %q, stderr %q; want %d and %q", got.code, got.stdout, got.stderr, c.code, want)
					}
				})
			}
		}
	}
}

// TestRelativePathsBeginWhereTheHostSays: TinyGo's library asks a component's
// host for it.
func TestRelativePathsBeginWhereTheHostSays(t *testing.T) {
	engine(t)
	for _, folder := range []string{".", ".::/"} {
		got := wasinn(t, "run", "--quiet", "--dir-ro", folder, "--registry", "guests/models", prebuilt("tinygo-digits", forms[0]), "name", "digits", "guests/pictures/7.pgm")
		if got.code != 0 || !strings.Contains(got.stdout, "\ntop 1 class=7 ") {
			t.Errorf("--dir-ro %s: exit code %d, stdout %q, stderr %q", folder, got.code, got.stdout, got.stderr)
		}
	}
}
