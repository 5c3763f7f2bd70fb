package testsuite

import (
	"path/filepath"
	"strings"
	"testing"
)

// digitsGuests are the guests that keep the digits contract of
// guests/README.md.
var digitsGuests = []string{"c-digits", "rust-digits"}

// TestDigits runs each guest x interface x way of loading, one by one and as a
// batch: every picture is answered right, and all print the same lines.
func TestDigits(t *testing.T) {
	engine(t)
	pics := pictures(t)
	var reference string
	for _, guest := range digitsGuests {
		for _, f := range forms {
			for _, how := range [][]string{{"name", "digits"}, {"bytes", "guests/models/digits/model.onnx"}} {
				t.Run(guest+" as "+f.name+" by "+how[0], func(t *testing.T) {
					args := append([]string{"run", "--dir-ro", "guests", "--registry", "guests/models", prebuilt(guest, f)}, how...)
					got := wasinn(t, append(args, pics...)...)
					if got.code != 0 || got.stderr != "" {
						t.Fatalf("exit code %d, stderr %q, stdout ends %q", got.code, got.stderr, tail(got.stdout))
					}
					checkAnswers(t, got.stdout, pics)
					lines := comparable(got.stdout)
					if reference == "" {
						reference = lines
					}
					if lines != reference {
						t.Errorf("prints\n%s\nwhere the first guest printed\n%s", lines, reference)
					}
					batch := wasinn(t, append(append([]string{"run", "--dir-ro", "guests", "--registry", "guests/models", prebuilt(guest, f), "batch"}, how...), pics...)...)
					if batch.code != 0 {
						t.Fatalf("batch: exit code %d, stderr %q", batch.code, batch.stderr)
					}
					checkAnswers(t, batch.stdout, pics)
				})
			}
		}
	}
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
