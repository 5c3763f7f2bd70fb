// Package wasip2 gives components WASI 0.2: command line, standard streams,
// clocks, random numbers, and the directories and the network that they are
// granted.
//
//	cfg := wasip2.NewConfig().WithArgs("guest", "x").WithStdout(os.Stdout).WithDir("data", "/data", true)
//	err := wasip2.AddToLinker(l, cfg)
//
// A guest that was built for any 0.2.x finds its interfaces, also when it mixes
// versions.
//
// # The network
//
// Nothing of it is granted by default: sockets link, and answer access-denied.
// [Config.WithSockets] grants addresses to connect to, addresses to listen on, and
// names to look up. What is checked is the address that a socket is to use, at the
// time it is used, and a name grants only public addresses. An instance has a
// limited number of sockets and look-ups; what it sends waits in the system's
// buffers and in one chunk of 64 KiB for each connection. Sockets need Linux or
// macOS; elsewhere making one answers not-supported.
//
// [Config.WithHTTP] grants requests to hosts, by net/http: bodies and trailers are
// streamed with back-pressure, redirects are the guest's business, and the fields
// of connections are the host's. The address that a name leads to is checked when it is
// dialed. Fields, requests under way and bodies are limited.
//
// [NewHTTPHandler] makes an [net/http.Handler] of a component that answers requests.
package wasip2

import (
	"crypto/rand"
	"io"
	"path"
	"slices"
	"time"
)

// Config says what a guest is given. It is immutable: each WithX returns a
// changed copy. The zero Config gives arguments, variables and streams that are
// empty, real clocks and random numbers, and no directory.
type Config struct {
	args     []string
	env      [][2]string
	cwd      string
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
	terminal [3]bool
	dirs     []preopen
	now      func() time.Time
	random   io.Reader
	sockets  SocketPolicy
	http     HTTPPolicy
}

// preopen is one directory that a guest is granted.
type preopen struct {
	host, guest string
	readOnly    bool
}

// NewConfig returns the zero Config.
func NewConfig() Config { return Config{} }

// WithArgs sets the arguments; the first is the program's name.
func (c Config) WithArgs(args ...string) Config { c.args = slices.Clone(args); return c }

// WithEnv adds an environment variable, or replaces the one of that name.
func (c Config) WithEnv(name, value string) Config {
	c.env = slices.DeleteFunc(slices.Clone(c.env), func(e [2]string) bool { return e[0] == name })
	c.env = append(c.env, [2]string{name, value})
	return c
}

// WithInitialCwd sets what wasi:cli/environment.initial-cwd returns. Without it,
// that is the name of the directory that is granted as ".", or else "/" if that is
// granted, or else nothing: libraries that go by it, such as TinyGo's, begin
// relative paths there.
func (c Config) WithInitialCwd(dir string) Config { c.cwd = dir; return c }

// WithStdin sets what the guest reads. Instances that share a Config share the
// reader; see [AddToLinkerFunc] for one each.
func (c Config) WithStdin(r io.Reader) Config { c.stdin = r; return c }

// WithStdout sets where the guest's output goes. Writes come from the
// goroutine that calls the guest.
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
// every instance.
func (c Config) WithDir(host, guest string, readOnly bool) Config {
	c.dirs = append(slices.Clone(c.dirs), preopen{host, guest, readOnly})
	return c
}

// WithClock replaces time.Now as the source of both clocks, for tests.
func (c Config) WithClock(now func() time.Time) Config { c.now = now; return c }

// WithRandom replaces the system's random numbers, for tests.
func (c Config) WithRandom(r io.Reader) Config { c.random = r; return c }

// initialCwd is where relative paths begin; empty for nowhere.
func (c Config) initialCwd() string {
	if c.cwd != "" {
		return c.cwd
	}
	root := ""
	for _, d := range c.dirs {
		switch path.Clean(d.guest) {
		case ".":
			return d.guest
		case "/":
			root = d.guest
		}
	}
	return root
}

func (c Config) clock() func() time.Time {
	if c.now != nil {
		return c.now
	}
	return time.Now
}

func (c Config) entropy() io.Reader {
	if c.random != nil {
		return c.random
	}
	return rand.Reader
}
