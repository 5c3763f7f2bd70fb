package wit

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	model "go.bytecodealliance.org/wit"
)

// Source is one WIT file: the whole of one package.
type Source struct {
	// Path is for messages only.
	Path string
	// Text begins with a package statement, which comments may precede.
	Text string
}

// Parse parses packages that may use each other, in any order.
//
// Items behind a feature gate (@unstable) are part of the result, with their
// Stability set.
//
// Errors name the source and the line in it.
func Parse(sources ...Source) (*model.Resolve, error) {
	text, err := join(sources)
	if err != nil {
		return nil, err
	}
	r, err := model.DecodeWIT(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("parse wit: %s", relocate(err.Error(), sources))
	}
	return withoutRoot(r), nil
}

// root is the package that the parser wants around nested ones.
const root = "wasinn:root"

// join nests the sources in one text, as the parser reads a single file. Each
// package statement becomes a block on the line where it stands, so that lines
// can be counted back to their source.
func join(sources []Source) (string, error) {
	var b strings.Builder
	b.WriteString("package " + root + ";\n")
	for _, s := range sources {
		at, err := packageEnd(s.Text)
		if err != nil {
			return "", fmt.Errorf("%s: %w", s.Path, err)
		}
		b.WriteString(s.Text[:at])
		b.WriteString("{")
		b.WriteString(s.Text[at+1:])
		b.WriteString("\n}\n")
	}
	return b.String(), nil
}

// lines is how many lines of the joined text a source takes.
func lines(s Source) int { return strings.Count(s.Text, "\n") + 2 }

// packageEnd returns the index of the semicolon that ends the package
// statement.
func packageEnd(text string) (int, error) {
	at := skipSpace(text, 0)
	if !strings.HasPrefix(text[at:], "package ") {
		return 0, errors.New("the text does not begin with a package statement: a source is one package, named first")
	}
	end := strings.IndexByte(text[at:], ';')
	if end < 0 {
		return 0, errors.New("the package statement has no semicolon")
	}
	return at + end, nil
}

// skipSpace returns the index of the first byte at or after i that is neither
// white space nor within a comment.
func skipSpace(text string, i int) int {
	for i < len(text) {
		rest := text[i:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			i++
		case strings.HasPrefix(rest, "//"):
			i += until(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			i += until(rest, "*/")
		default:
			return i
		}
	}
	return i
}

// until returns the index after the first end in s, or the length of s.
func until(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

var position = regexp.MustCompile(`<stdin>:(\d+)`)

// relocate replaces line numbers of the joined text by a source and its line.
func relocate(message string, sources []Source) string {
	return position.ReplaceAllStringFunc(message, func(m string) string {
		line, err := strconv.Atoi(m[len("<stdin>:"):])
		if err != nil {
			return m
		}
		line-- // the root package's line
		for _, s := range sources {
			if line <= lines(s) {
				return fmt.Sprintf("%s:%d", s.Path, line)
			}
			line -= lines(s)
		}
		return m
	})
}

// withoutRoot removes the package that join added.
func withoutRoot(r *model.Resolve) *model.Resolve {
	c := r.Clone()
	c.Packages = c.Packages[:0]
	for _, p := range r.Packages {
		if p.Name.String() != root {
			c.Packages = append(c.Packages, p)
		}
	}
	return c
}

func isWIT(name string) bool { return path.Ext(name) == ".wit" }
