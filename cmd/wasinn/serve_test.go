package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// webGuest answers HTTP requests; see guests/README.md.
const webGuest = "../../guests/prebuilt/web.component.wasm"

// serving runs wasinn serve and returns the URL that it says, and a function
// that interrupts it and returns the exit code and the rest of stderr.
func serving(t *testing.T, args ...string) (url string, stop func() (int, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		a := &app{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: w}
		code <- a.run(ctx, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...))
		w.Close()
	}()
	lines := bufio.NewReader(r)
	for ok := false; !ok; { // on a busy machine, progress comes first
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err, <-code)
		}
		_, url, ok = strings.Cut(strings.TrimSpace(line), "serving ")
	}
	rest := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(lines)
		rest <- string(b)
	}()
	return url, func() (int, string) {
		cancel()
		return <-code, <-rest
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestServe(t *testing.T) {
	apart(t)
	url, stop := serving(t, webGuest)
	if status, body := get(t, url+"/hello"); status != 200 || !strings.Contains(body, "Method::Get") {
		t.Errorf("%d %q", status, body)
	}
	if status, body := get(t, url+"/get?127.0.0.1:1/"); status != 200 || body != "error ErrorCode::HttpRequestDenied" {
		t.Errorf("a request that was not allowed: %d %q", status, body)
	}
	if status, _ := get(t, url+"/trap?%22"); status != 500 {
		t.Errorf("a trap: status %d", status)
	}
	code, stderr := stop()
	if code != 0 || !strings.Contains(stderr, `wasinn: GET "/trap?%22": `) || !strings.Contains(stderr, "unreachable") {
		t.Errorf("code %d, stderr %q", code, stderr)
	}
}

func TestServeGrantsWhatFlagsSay(t *testing.T) {
	apart(t)
	up, stopUp := serving(t, webGuest)
	host := strings.TrimPrefix(up, "http://")
	url, stop := serving(t, "--allow-http", host, webGuest)
	if status, body := get(t, url+"/get?"+host+"/late?0"); status != 200 || body != "status 200\ndone" {
		t.Errorf("%d %q", status, body)
	}
	for _, stop := range []func() (int, string){stop, stopUp} {
		if code, stderr := stop(); code != 0 || stderr != "" {
			t.Errorf("code %d, stderr %q", code, stderr)
		}
	}
}

func TestServeStopsThoughAGuestRuns(t *testing.T) {
	apart(t)
	url, stop := serving(t, webGuest)
	answered := make(chan error, 1)
	go func() {
		r, err := http.Get(url + "/spin")
		if err == nil {
			r.Body.Close()
		}
		answered <- err
	}()
	time.Sleep(200 * time.Millisecond)
	start := time.Now()
	if code, stderr := stop(); code != 0 || time.Since(start) > 20*time.Second {
		t.Errorf("code %d after %v, stderr %q", code, time.Since(start), stderr)
	}
	<-answered
}

func TestServeRefuses(t *testing.T) {
	apart(t)
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no guest", nil, exitUsage, "which guest?"},
		{"a core module", []string{"testdata/guests/program.wasm"}, exitInvalid, "expected a component"},
		{"a component that answers nothing", []string{"testdata/guests/values.wasm"}, exitLink, "does not export wasi:http/incoming-handler@0.2.x"},
		{"a rule that is none", []string{"--allow-http", "ftp://x", webGuest}, exitUsage, "--allow-http ftp://x"},
		{"an address that is none", []string{"--addr", "nowhere", webGuest}, exitUsage, "--addr nowhere"},
		{"no instances", []string{"--max-instances", "0", webGuest}, exitUsage, "--max-instances 0"},
		{"no time", []string{"--timeout", "0", webGuest}, exitUsage, "--timeout 0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := command(t, append([]string{"serve"}, c.args...)...); r.code != c.code || !strings.Contains(r.stderr, c.want) {
				t.Errorf("%+v, want code %d and %q", r, c.code, c.want)
			}
		})
	}
}

func TestNetworkFlagsThatAreNone(t *testing.T) {
	apart(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--allow-net", "10.0.0.1/8"}, "did you mean 10.0.0.0/8"},
		{[]string{"--allow-listen", "localhost:99999"}, "up to 65535"},
		{[]string{"--allow-dns", "a b"}, "expected letters"},
		{[]string{"--max-sockets", "0"}, "expected 1 or more"},
		{[]string{"--allow-net", "*"}, "are for components"},
	} {
		r := command(t, append(append([]string{"run"}, c.args...), "testdata/guests/program.wasm")...)
		if r.code != exitUsage || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%v: %+v, want %q", c.args, r, c.want)
		}
	}
}
