// Package archtest holds the project's import rules as code. Its test lists
// every package of the module and fails when one is absent from the rules, or
// imports what its rule does not allow.
package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// Package is what the rules look at: part of what go list prints.
type Package struct {
	// ImportPath is the package's full path.
	ImportPath string
	// Imports are the full paths of what it imports, tests left out.
	Imports []string
}

// List returns the packages of the module that dir is in.
func List(dir string) ([]Package, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.Bytes())
	}
	var all []Package
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p Package
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		all = append(all, p)
	}
}

// Check returns what breaks the rules: packages without a rule, and imports
// that are not allowed.
func Check(packages []Package, rules []Rule) []string {
	var broken []string
	for _, p := range packages {
		name := local(p.ImportPath)
		rule, ok := find(rules, name)
		if !ok {
			broken = append(broken, fmt.Sprintf("%s is in no rule: give it a row in internal/archtest/rules.go", name))
			continue
		}
		for _, i := range p.Imports {
			if i = local(i); !allowed(rule, i) {
				broken = append(broken, fmt.Sprintf("%s imports %s: its rule allows %s", name, i, list(rule.Imports)))
			}
		}
	}
	return broken
}

// local returns a path without the module's.
func local(path string) string { return strings.TrimPrefix(path, Module+"/") }

// find returns the rule with the longest match.
func find(rules []Rule, name string) (best Rule, ok bool) {
	for _, r := range rules {
		if matches(r.Package, name) && (!ok || len(r.Package) > len(best.Package) || r.Package == name) {
			best, ok = r, true
			if r.Package == name {
				break
			}
		}
	}
	return best, ok
}

func allowed(r Rule, path string) bool {
	return isStandard(path) || slices.ContainsFunc(r.Imports, func(pattern string) bool { return matches(pattern, path) })
}

// matches reports whether a package is the pattern or in its tree.
func matches(pattern, path string) bool {
	if pattern == "..." {
		return true
	}
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == tree || strings.HasPrefix(path, tree+"/")
	}
	return path == pattern
}

// isStandard reports whether a path, the module's taken off, is of the standard
// library. The top-level folders of the module are fixed, and none has the name
// of a standard package.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && !slices.Contains(folders, first)
}

// folders are the module's top-level folders that hold packages.
var folders = []string{"backends", "cmd", "component", "gen", "graphreg", "guests", "internal", "testsuite", "wit"}

func list(patterns []string) string {
	if len(patterns) == 0 {
		return "the standard library"
	}
	return "the standard library, " + strings.Join(patterns, ", ")
}
