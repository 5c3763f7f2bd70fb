package wit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	model "go.bytecodealliance.org/wit"
)

func TestTextsHoldThePackagesWeServe(t *testing.T) {
	r, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range r.Packages {
		got = append(got, p.Name.String())
	}
	slices.Sort(got)
	want := []string{
		"wasi:cli@0.2.12",
		"wasi:clocks@0.2.12",
		"wasi:filesystem@0.2.12",
		"wasi:http@0.2.12",
		"wasi:io@0.2.12",
		"wasi:nn@0.2.0-rc-2024-06-25",
		"wasi:nn@0.2.0-rc-2024-08-19",
		"wasi:nn@0.2.0-rc-2024-10-28",
		"wasi:random@0.2.12",
		"wasi:sockets@0.2.12",
	}
	if !slices.Equal(got, want) {
		t.Errorf("packages:\n got %q\nwant %q", got, want)
	}
}

// The reference texts are published ones; ours may differ in comments only.
func TestTextsEqualThePublishedOnesButForComments(t *testing.T) {
	reference := filepath.Join("..", "..", "shared", "wit")
	if _, err := os.Stat(reference); err != nil {
		t.Skip("the reference texts are not here: ../shared/wit")
	}
	ours, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	var sources []Source
	for _, pattern := range []string{"wasi/0.2.12/*/package.wit", "wasi-nn@*/wasi-nn.wit"} {
		paths, err := filepath.Glob(filepath.Join(reference, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			text, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, Source{Path: p, Text: string(text)})
		}
	}
	theirs, err := Parse(sources...)
	if err != nil {
		t.Fatal(err)
	}
	got, want := outlines(ours), outlines(theirs)
	if len(got) != len(want) {
		t.Errorf("%d packages, want %d", len(got), len(want))
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s differs:\n got %s\nwant %s", name, got[name], want[name])
		}
	}
}

// outlines writes every package without its comments, in the order of the text.
func outlines(r *model.Resolve) map[string]string {
	m := map[string]string{}
	for _, p := range r.Packages {
		var b bytes.Buffer
		p.Interfaces.All()(func(name string, i *model.Interface) bool {
			fmt.Fprintf(&b, "interface %s %s\n", name, gate(i.Stability))
			i.TypeDefs.All()(func(name string, d *model.TypeDef) bool {
				fmt.Fprintf(&b, "  type %s %s%s\n", name, d.Kind.WIT(p, ""), gate(d.Stability))
				return true
			})
			i.Functions.All()(func(name string, f *model.Function) bool {
				fmt.Fprintf(&b, "  %s\n%s%s\n", name, f.WIT(i, f.Name), gate(f.Stability))
				return true
			})
			return true
		})
		p.Worlds.All()(func(name string, w *model.World) bool {
			fmt.Fprintf(&b, "world %s imports", name)
			w.Imports.All()(func(name string, _ model.WorldItem) bool { fmt.Fprintf(&b, " %s", name); return true })
			fmt.Fprint(&b, " exports")
			w.Exports.All()(func(name string, _ model.WorldItem) bool { fmt.Fprintf(&b, " %s", name); return true })
			fmt.Fprintln(&b)
			return true
		})
		m[p.Name.String()] = uncommented(b.String())
	}
	return m
}

func gate(s model.Stability) string {
	if u, ok := s.(*model.Unstable); ok {
		return " @unstable " + u.Feature
	}
	return ""
}

// uncommented removes comment lines, and brings braces and line breaks, which
// the printer sets by the comments, to one form: a line for each item.
func uncommented(s string) string {
	var lines []string
	open := false
	for line := range strings.Lines(s) {
		line = strings.Join(strings.Fields(line), " ")
		switch {
		case line == "" || strings.HasPrefix(line, "//"):
		case open:
			lines[len(lines)-1] += " " + line
			open = line != "}"
		default:
			lines = append(lines, line)
			open = strings.HasSuffix(line, "{")
		}
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), ", }", " }")
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name    string
		sources []Source
		want    string // the packages' names
		err     string // part of the error
	}{{
		name:    "a package that uses another may come first",
		sources: []Source{{"b.wit", "package a:b@1.0.0; interface i { use a:c/j@2.0.0.{t}; f: func(x: t); }"}, {"c.wit", "package a:c@2.0.0; interface j { type t = u8; }"}},
		want:    "a:b@1.0.0 a:c@2.0.0",
	}, {
		name:    "comments may precede the package",
		sources: []Source{{"a.wit", "// one\n/* two; */\n/// three\npackage a:b; interface i {}"}},
		want:    "a:b",
	}, {
		name:    "pre-releases with dates, used by one another",
		sources: []Source{{"b.wit", "package a:b@0.2.0-rc-2024-10-28; interface i { use a:c/j@0.2.0-rc-2024-06-25.{t}; f: func(x: t); }"}, {"c.wit", "package a:c@0.2.0-rc-2024-06-25; interface j { type t = u8; }"}},
		want:    "a:b@0.2.0-rc-2024-10-28 a:c@0.2.0-rc-2024-06-25",
	}, {
		name:    "an error names the source and its line",
		sources: []Source{{"good.wit", "package a:b;\ninterface i {}\n"}, {"bad.wit", "package a:c;\n\ninterface j { f: func(x: missing); }\n"}},
		err:     "bad.wit:3",
	}, {
		name:    "a text without a package",
		sources: []Source{{"x.wit", "interface i {}"}},
		err:     "x.wit: the text does not begin with a package statement",
	}, {
		name:    "a package statement without an end",
		sources: []Source{{"x.wit", "package a:b"}},
		err:     "x.wit: the package statement has no semicolon",
	}, {
		name:    "nothing but an open comment",
		sources: []Source{{"x.wit", "/* "}},
		err:     "x.wit: the text does not begin with a package statement",
	}} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Parse(tt.sources...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, p := range r.Packages {
				names = append(names, p.Name.String())
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("packages %q, want %q", got, tt.want)
			}
		})
	}
}
