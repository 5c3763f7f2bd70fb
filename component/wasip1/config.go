package wasip1

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental/sysfs"
)

// Config says what a guest is given. It is immutable: each WithX returns a
// changed copy. The zero Config gives arguments, variables and streams that
// are empty, real clocks and random numbers, and no directory.
type Config struct {
	args           []string
	env            [][2]string
	stdin          io.Reader
	stdout, stderr io.Writer
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

// WithStdin sets what the guest reads.
func (c Config) WithStdin(r io.Reader) Config { c.stdin = r; return c }

// WithStdout sets where the guest's output goes.
func (c Config) WithStdout(w io.Writer) Config { c.stdout = w; return c }

// WithStderr sets where the guest's diagnostics go.
func (c Config) WithStderr(w io.Writer) Config { c.stderr = w; return c }

// WithDir grants a directory of the host under a guest's path. Nothing outside
// it can be reached through it, whatever its links say. It is opened anew for
// every instance. The guest sees the path as it is given: in "." its relative
// paths begin, in "/" its absolute ones. Of two with the same path the later one
// counts.
func (c Config) WithDir(host, guest string, readOnly bool) Config {
	c.dirs = append(c.dirs[:len(c.dirs):len(c.dirs)], grant{host, guest, readOnly})
	return c
}

// module is the configuration in wazero's terms. Directories are opened here
// and closed by the caller.
func (c Config) module(ctx context.Context) (wazero.ModuleConfig, []io.Closer, error) {
	mc := wazero.NewModuleConfig().
		WithName("").
		WithStartFunctions().
		WithRandSource(rand.Reader).
		WithSysWalltime().
		WithSysNanotime().
		WithNanosleep(sleeper(ctx)).
		WithArgs(c.args...)
	if c.stdin != nil {
		mc = mc.WithStdin(c.stdin)
	}
	if c.stdout != nil {
		mc = mc.WithStdout(c.stdout)
	}
	if c.stderr != nil {
		mc = mc.WithStderr(c.stderr)
	}
	for _, a := range c.args {
		if strings.ContainsRune(a, 0) {
			return nil, nil, fmt.Errorf("argument %q: it has a zero byte", a)
		}
	}
	for _, e := range c.env {
		if e[0] == "" || strings.ContainsAny(e[0], "=\x00") || strings.ContainsRune(e[1], 0) {
			return nil, nil, fmt.Errorf("environment variable %q: a name is not empty and has no =, and there are no zero bytes", e[0])
		}
		mc = mc.WithEnv(e[0], e[1])
	}
	fsc, opened := wazero.NewFSConfig(), []io.Closer(nil)
	open := new(openFiles)
	for _, g := range c.dirs {
		d, err := openDir(g.host, g.readOnly, open)
		if err != nil {
			for _, o := range opened {
				o.Close()
			}
			return nil, nil, err
		}
		opened = append(opened, d.root)
		fsc = fsc.(sysfs.FSConfig).WithSysFSMount(d, mountPoint(g.guest))
	}
	return mc.WithFSConfig(fsc), opened, nil
}

// names are those that the guest sees its directories by.
func (c Config) names() []string {
	var names []string
	for _, g := range c.dirs {
		names = append(names, g.guest)
	}
	return names
}

// sleeper pauses a guest, and ends it when ctx does: it would take a sleep that
// was cut short for a whole one.
func sleeper(ctx context.Context) func(ns int64) {
	return func(ns int64) {
		t := time.NewTimer(time.Duration(ns))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			panic(interrupted(ctx))
		}
	}
}
