package wast

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Key names a command of a script, such as values/strings.wast:12: assert_return.
func Key(s *Script, c *Command) string {
	return fmt.Sprintf("%s:%d: %s", s.Source, c.Line, c.Type)
}

// Reason shortens the error of a command to one line.
func Reason(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "") + "..."
	}
	return line
}

// Expected are the commands that are known to fail, by [Key], with the line of
// the list that says so.
type Expected map[string]string

// LoadExpected reads a list of expected failures: a line KEY: REASON for each
// command; lines that are empty or begin with # are left out. Reasons are for
// readers and may be worded anew.
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
		f := strings.SplitN(line, ": ", 3)
		if len(f) != 3 {
			errs = append(errs, fmt.Errorf("line %d: expected FILE:LINE: KIND: REASON, found %q", n, line))
			continue
		}
		e[f[0]+": "+f[1]] = line
	}
	return e, errors.Join(errs...)
}
