package wasip1

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/wasinn/wasinn/component/wasip1/internal/preview1"
)

// Config says what a guest is given. It is immutable: each WithX returns a
// changed copy. The zero Config gives arguments, variables and streams that
// are empty, real clocks and random numbers, and no directory.
type Config struct {
	args           []string
	env            [][2]string
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       [3]bool
	dirs           []grant
}

type grant struct {
	host, guest string
	readOnly    bool
}

// NewConfig returns the zero Config.
func NewConfig() Config { return Config{} }

// WithArgs sets the arguments; the first is the program's name.
func (c Config) WithArgs(args ...string) Config {
	c.args = append([]string(nil), args...)
	return c
}

// WithEnv adds an environment variable, or replaces the one of that name.
func (c Config) WithEnv(name, value string) Config {
	env := make([][2]string, 0, len(c.env)+1)
	for _, e := range c.env {
		if e[0] != name {
			env = append(env, e)
		}
	}
	c.env = append(env, [2]string{name, value})
	return c
}

// WithStdin sets what the guest reads. But for regular files and the readers of
// packages bytes and strings, it is read on a goroutine of its own, up to 64 KiB
// ahead of the guest, so that a guest that waits ends with its context; the
// goroutine ends with the reader, or its first read after [Instance.Close].
func (c Config) WithStdin(r io.Reader) Config { c.stdin = r; return c }

// WithStdout sets where the guest's output goes.
func (c Config) WithStdout(w io.Writer) Config { c.stdout = w; return c }

// WithStderr sets where the guest's diagnostics go.
func (c Config) WithStderr(w io.Writer) Config { c.stderr = w; return c }

// WithTerminal tells the guest which of its standard streams are terminals.
func (c Config) WithTerminal(stdin, stdout, stderr bool) Config {
	c.terminal = [3]bool{stdin, stdout, stderr}
	return c
}

// WithDir grants a directory of the host under a guest's path. Nothing outside
// it can be reached through it, whatever its links say. It is opened anew for
// every instance. The guest sees the path as it is given: in "." its relative
// paths begin, in "/" its absolute ones. Of two with the same path the later one
// counts.
func (c Config) WithDir(host, guest string, readOnly bool) Config {
	c.dirs = append(c.dirs[:len(c.dirs):len(c.dirs)], grant{host, guest, readOnly})
	return c
}

// preview1 is the configuration as the functions want it.
func (c Config) preview1() (preview1.Config, error) {
	p := preview1.Config{Args: c.args, Stdin: c.stdin, Stdout: c.stdout, Stderr: c.stderr, Terminal: c.terminal}
	for _, a := range c.args {
		if strings.ContainsRune(a, 0) {
			return p, fmt.Errorf("argument %q: it has a zero byte", a)
		}
	}
	for _, e := range c.env {
		if e[0] == "" || strings.ContainsAny(e[0], "=\x00") || strings.ContainsRune(e[1], 0) {
			return p, fmt.Errorf("environment variable %q: a name is not empty and has no =, and there are no zero bytes", e[0])
		}
		p.Env = append(p.Env, e[0]+"="+e[1])
	}
	for _, g := range unique(c.dirs) {
		p.Dirs = append(p.Dirs, preview1.Preopen{Host: g.host, Guest: g.guest, ReadOnly: g.readOnly})
	}
	return p, nil
}

// unique leaves of the grants with the same name the last one, in the place of
// the first: a guest could not tell them apart.
func unique(grants []grant) []grant {
	var all []grant
	places := map[string]int{}
	for _, g := range grants {
		name := path.Clean("/" + g.guest)
		if isDot(g.guest) {
			name = "." // relative paths begin there, absolute ones in "/"
		}
		if i, ok := places[name]; ok {
			all[i] = g
			continue
		}
		places[name] = len(all)
		all = append(all, g)
	}
	return all
}

func isDot(guest string) bool { return !strings.HasPrefix(guest, "/") && path.Clean(guest) == "." }
