package onnxcases

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Expected are cases that are known to fail, by name.
type Expected map[string]Listed

// Listed is a line of a list of expected failures.
type Listed struct {
	Reason string
	// Maybe is set where the case fails on some machines only: there it may fail
	// or pass.
	Maybe bool
}

// LoadExpected reads a list of expected failures: a line CASE: REASON for each,
// or CASE?: REASON where the case may pass as well. Lines that are empty or begin
// with # are left out.
func LoadExpected(path string) (Expected, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	e, err := ParseExpected(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// ParseExpected reads a list as [LoadExpected] does.
func ParseExpected(list string) (Expected, error) {
	e := Expected{}
	var errs []error
	n := 0
	for line := range strings.Lines(list) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, ok := strings.Cut(line, ": ")
		if !ok || strings.ContainsAny(name, " \t") {
			errs = append(errs, fmt.Errorf("line %d: expected CASE: REASON, found %q", n, line))
			continue
		}
		name, maybe := strings.CutSuffix(name, "?")
		if _, again := e[name]; again {
			errs = append(errs, fmt.Errorf("line %d: %s is listed before", n, name))
		}
		e[name] = Listed{Reason: reason, Maybe: maybe}
	}
	return e, errors.Join(errs...)
}
