package testsuite

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// netGuest uses Rust's std::net and nothing else.
const netGuest = "guests/prebuilt/net.wasip2.wasm"

// loopback listens and has serve do each connection.
func loopback(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

func sendBack(c net.Conn) { io.Copy(c, c) }

// silent neither sends nor reads, and ends with the test.
func silent(t *testing.T) func(net.Conn) { return func(net.Conn) { <-t.Context().Done() } }

func TestAStandardLibraryUsesTheNetwork(t *testing.T) {
	echoes := loopback(t, sendBack)
	quiet := loopback(t, silent(t))
	var received int
	done := make(chan struct{})
	drain := loopback(t, func(c net.Conn) {
		n, _ := io.Copy(io.Discard, c)
		received = int(n)
		close(done)
	})
	_, port, _ := net.SplitHostPort(echoes)
	long := strings.Repeat("0123456789", 5000)
	for _, c := range []struct {
		name  string
		flags []string
		args  []string
		want  outcome
	}{
		{"a client", []string{"--allow-net", echoes}, []string{"tcp-client", echoes, "hello"}, outcome{stdout: "connected 127.0.0.1 " + echoes + "\nanswer hello\n"}},
		{"a client that sends much", []string{"--allow-net", "127.0.0.0/8"}, []string{"tcp-client", echoes, long}, outcome{stdout: "connected 127.0.0.1 " + echoes + "\nanswer " + long + "\n"}},
		{"a client by name", []string{"--allow-net", "localhost:" + port}, []string{"tcp-client", "localhost:" + port, "hello"}, outcome{stdout: "connected 127.0.0.1 " + echoes + "\nanswer hello\n"}},
		{"a client that may not", nil, []string{"tcp-client", echoes, "hello"}, outcome{code: 1, stdout: "error PermissionDenied\n"}},
		{"a client that may elsewhere", []string{"--allow-net", "127.0.0.1:1"}, []string{"tcp-client", echoes, "hello"}, outcome{code: 1, stdout: "error PermissionDenied\n"}},
		{"a client of nobody", []string{"--allow-net", "127.0.0.1:1"}, []string{"tcp-client", "127.0.0.1:1", "hello"}, outcome{code: 1, stdout: "error ConnectionRefused\n"}},
		{"a server that may not", []string{"--allow-net", "*"}, []string{"tcp-server", "127.0.0.1:0", "1"}, outcome{code: 1, stdout: "error PermissionDenied\n"}},
		{"8 MB that are read", []string{"--allow-net", drain}, []string{"tcp-pour", drain, "8000000"}, outcome{stdout: "poured 8000000\n"}},
		{"waiting with a timeout", []string{"--allow-net", quiet}, []string{"tcp-wait", quiet, "50"}, outcome{code: 1, stdout: "waited true\nerror WouldBlock\n"}},
		{"hoarding connections", []string{"--allow-net", quiet, "--max-sockets", "20"}, []string{"tcp-hoard", quiet}, outcome{code: 1, stdout: "hoarded 20\nerror Uncategorized\n"}},
		{"a name that may not be looked up", []string{"--allow-net", "127.0.0.1"}, []string{"lookup", "localhost"}, outcome{code: 1, stdout: "error PermissionDenied\n"}},
		{"an address that needs no looking up", []string{"--allow-dns", "localhost"}, []string{"lookup", "10.1.2.3"}, outcome{stdout: "address 10.1.2.3\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"run", "--quiet", "--timeout", "60s"}, c.flags...)
			got := wasinn(t, append(append(args, netGuest), c.args...)...)
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
	if <-done; received != 8_000_000 {
		t.Errorf("%d bytes were received", received)
	}
	t.Run("localhost", func(t *testing.T) {
		got := wasinn(t, "run", "--allow-dns", "localhost", netGuest, "lookup", "localhost")
		if got.code != 0 || !strings.Contains(got.stdout, "address 127.0.0.1\n") && !strings.Contains(got.stdout, "address ::1\n") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a guest that waits for ever is stopped", func(t *testing.T) {
		for _, args := range [][]string{{"tcp-pour", quiet, "1000000000"}, {"tcp-wait", quiet, "100000000"}} {
			start := time.Now()
			got := wasinn(t, append([]string{"run", "--timeout", "300ms", "--allow-net", quiet, netGuest}, args...)...)
			if got.code != 5 || time.Since(start) > 30*time.Second {
				t.Errorf("%s: %+v", args[0], got)
			}
		}
	})
}

// served runs the guest as a server and returns the address that it prints.
func served(t *testing.T, args ...string) (addr string, output func() string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command, append([]string{"run", "--quiet", "--timeout", "60s", "--allow-listen", "127.0.0.1:0", netGuest}, args...)...)
	cmd.Dir = top
	cmd.Stderr = new(bytes.Buffer)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("%v; stderr: %s", err, cmd.Stderr)
	}
	_, addr, _ = strings.Cut(strings.TrimSpace(first), " ")
	return addr, func() string {
		rest, err := io.ReadAll(lines)
		if err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v; stderr: %s", err, cmd.Stderr)
		}
		return string(rest)
	}
}

func TestAStandardLibraryServes(t *testing.T) {
	t.Run("TCP", func(t *testing.T) {
		addr, output := served(t, "tcp-server", "127.0.0.1:0", "2")
		for _, text := range []string{"hello", strings.Repeat("0123456789", 50_000)} {
			c, err := net.Dial("tcp4", addr)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				io.WriteString(c, text)
				c.(*net.TCPConn).CloseWrite()
			}()
			got, err := io.ReadAll(c)
			if err != nil || string(got) != text {
				t.Errorf("%d bytes came back of %d, %v", len(got), len(text), err)
			}
			c.Close()
		}
		if got, want := output(), "echoed 5 to 127.0.0.1\nechoed 500000 to 127.0.0.1\n"; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	})
	t.Run("UDP", func(t *testing.T) {
		addr, output := served(t, "udp-server", "127.0.0.1:0", "2")
		got := wasinn(t, "run", "--timeout", "60s", "--allow-net", addr, netGuest, "udp-client", addr, "hello")
		if got != (outcome{stdout: "answer hello\n"}) {
			t.Errorf("the client says %+v", got)
		}
		c, err := net.Dial("udp4", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "world!")
		b := make([]byte, 100)
		if n, err := c.Read(b); err != nil || string(b[:n]) != "world!" {
			t.Errorf("the answer is %q, %v", b[:n], err)
		}
		if got, want := output(), "echoed 5 to 127.0.0.1\nechoed 6 to 127.0.0.1\n"; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	})
}
