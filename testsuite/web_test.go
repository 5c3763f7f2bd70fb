package testsuite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasip2"
)

// webGuest answers HTTP requests, makes some, and misbehaves; see
// guests/README.md for its paths.
const webGuest = top + "/guests/prebuilt/web.component.wasm"

// failures collects what a handler reports.
type failures struct {
	mu   sync.Mutex
	errs []error
}

func (f *failures) add(_ *http.Request, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
}

// take returns what was reported since the last call.
func (f *failures) take() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := errors.Join(f.errs...)
	f.errs = nil
	return err
}

// serveWeb serves the guest; it may make requests to the servers named.
func serveWeb(t *testing.T, cfg wasip2.HTTPHandlerConfig, tls bool, allow ...string) (*httptest.Server, *wasip2.HTTPHandler, *failures) {
	t.Helper()
	ctx := t.Context()
	rt, err := component.NewRuntime(ctx, component.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	wasm, err := os.ReadFile(webGuest)
	if err != nil {
		t.Fatal(err)
	}
	c, err := rt.Compile(ctx, wasm)
	if err != nil {
		t.Fatal(err)
	}
	var policy wasip2.HTTPPolicy
	for _, a := range allow {
		r, err := wasip2.ParseHTTPRule(a)
		if err != nil {
			t.Fatal(err)
		}
		policy.Allow = append(policy.Allow, r)
	}
	l := component.NewLinker(rt)
	if err := wasip2.AddToLinker(l, wasip2.NewConfig().WithHTTP(policy)); err != nil {
		t.Fatal(err)
	}
	failed := &failures{}
	cfg.OnError = failed.add
	h, err := wasip2.NewHTTPHandler(l, c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = nil
	if tls {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		server.Close()
		h.Wait()
		if err := rt.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server, h, failed
}

// fetch returns the status, the body, and what went wrong with it.
func fetch(t *testing.T, server *httptest.Server, method, path string, body io.Reader) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Ask", "me")
	response, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response, string(b), err
}

func TestAComponentAnswersRequests(t *testing.T) {
	for _, tls := range []bool{false, true} {
		server, _, failed := serveWeb(t, wasip2.HTTPHandlerConfig{}, tls)
		scheme := "Scheme::Http)"
		if tls {
			scheme = "Scheme::Https)"
		}
		t.Run(strings.Trim(scheme, ")"), func(t *testing.T) {
			r, b, err := fetch(t, server, "PROPFIND", "/hello?a=%2F", strings.NewReader("unread"))
			if err != nil || r.StatusCode != 200 || r.Header.Get("X-Guest") != "web" || r.Header.Get("Content-Type") != "text/plain" {
				t.Errorf("%v %v, %v", r.Status, r.Header, err)
			}
			for _, want := range []string{`Method::Other("PROPFIND")`, scheme, server.Listener.Addr().String(), "x-ask: me\n"} {
				if !strings.Contains(b, want) {
					t.Errorf("no %q in %q", want, b)
				}
			}
			for _, hidden := range []string{"host:", "connection:", "transfer-encoding:"} {
				if strings.Contains(b, hidden) {
					t.Errorf("the guest sees %q in %q", hidden, b)
				}
			}
			if r, b, err := fetch(t, server, "GET", "/nowhere", nil); err != nil || r.StatusCode != 404 || b != "" || r.Header.Get("Content-Type") != "" {
				t.Errorf("%v %v %q, %v", r.Status, r.Header, b, err)
			}
			if r, b, err := fetch(t, server, "HEAD", "/hello", nil); err != nil || r.StatusCode != 200 || b != "" {
				t.Errorf("HEAD: %v %q, %v", r.Status, b, err)
			}
			if err := failed.take(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBodiesStream: a body comes back while it is still being sent, and trailers
// after it.
func TestBodiesStream(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", tls), func(t *testing.T) {
			server, _, failed := serveWeb(t, wasip2.HTTPHandlerConfig{}, tls)
			out, in := io.Pipe()
			req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/echo", out)
			if err != nil {
				t.Fatal(err)
			}
			req.Trailer = http.Header{"X-Late": nil}
			sent := make(chan struct{})
			go func() {
				io.WriteString(in, "first")
				<-sent
				for range 100 {
					in.Write(make([]byte, 30_000))
				}
				req.Trailer.Set("X-Late", "yes")
				in.Close()
			}()
			response, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			b := make([]byte, 5)
			if _, err := io.ReadFull(response.Body, b); err != nil || string(b) != "first" {
				t.Fatalf("read %q, %v", b, err)
			}
			close(sent)
			n, err := io.Copy(io.Discard, response.Body)
			if err != nil || n != 3_000_000 || response.Trailer.Get("X-Late") != "yes" {
				t.Errorf("read %d bytes, trailers %v, %v", n, response.Trailer, err)
			}
			if err := failed.take(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAComponentAnswersByRequestsOfItsOwn(t *testing.T) {
	stop := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/big":
			for range 100 {
				w.Write([]byte(strings.Repeat("z", 30_000)))
			}
		case "/silent":
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		default:
			b, _ := io.ReadAll(r.Body)
			w.Write(b)
		}
	}))
	defer upstream.Close()
	defer close(stop)
	host := upstream.Listener.Addr().String()
	server, _, failed := serveWeb(t, wasip2.HTTPHandlerConfig{}, false, host)
	for path, want := range map[string]string{
		"/get?" + host + "/big":      "status 200\n" + strings.Repeat("z", 3_000_000),
		"/get?127.0.0.1:1/":          "error ErrorCode::HttpRequestDenied",
		"/get?" + host[:9] + "/":     "error ErrorCode::HttpRequestDenied",
		"/post?" + host + "/":        "posted 1000000",
		"/hoard?" + host + "/silent": "hoarded 32 ErrorCode::ConnectionLimitReached",
	} {
		if r, b, err := fetch(t, server, "GET", path, nil); err != nil || r.StatusCode != 200 || b != want {
			t.Errorf("%s: %s, %d bytes %.100q, %v; want %.100q", path, r.Status, len(b), b, err, want)
		}
	}
	if err := failed.take(); err != nil {
		t.Error(err)
	}
}

func TestGuestsThatDoNotAnswer(t *testing.T) {
	server, h, failed := serveWeb(t, wasip2.HTTPHandlerConfig{Timeout: 2 * time.Second}, false)
	for path, want := range map[string]string{
		"/trap":   "unreachable",
		"/silent": "without setting a response",
		"/error":  "loop-detected",
		"/flood":  "HTTP fields of more than 1048576 bytes",
		"/spin":   "deadline exceeded",
	} {
		r, b, err := fetch(t, server, "POST", path, strings.NewReader("x"))
		if err != nil || r.StatusCode != 500 || b != "Internal Server Error\n" {
			t.Errorf("%s: %v %q, %v", path, r.Status, b, err)
		}
		h.Wait()
		if err := failed.take(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is reported as %v, want %q", path, err, want)
		}
	}
	r, b, err := fetch(t, server, "GET", "/cut", nil)
	if err == nil || r.StatusCode != 200 || b != "some" {
		t.Errorf("a response that is cut off: %v %q, %v", r.Status, b, err)
	}
	h.Wait()
	if err := failed.take(); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("reported as %v", err)
	}
}

func TestAClientThatGoesAwayEndsTheGuest(t *testing.T) {
	server, h, _ := serveWeb(t, wasip2.HTTPHandlerConfig{Timeout: time.Hour}, false)
	for _, path := range []string{"/spin", "/pour?4000000000"} {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(100*time.Millisecond, cancel)
		response, err := server.Client().Do(req)
		if err == nil {
			_, err = io.CopyN(io.Discard, response.Body, 1e10)
			response.Body.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", path, err)
		}
	}
	gone := make(chan struct{})
	go func() {
		h.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(30 * time.Second):
		t.Error("a guest whose client went away still runs")
	}
}

func TestAGuestGoesOnAfterItsResponse(t *testing.T) {
	for _, late := range []time.Duration{1500 * time.Millisecond, 20 * time.Second} {
		if goesOnAfterItsResponse(t, late) {
			return
		}
	}
	t.Error("two requests took longer than 20 s: nothing can be told of guests that go on for as long")
}

// goesOnAfterItsResponse has guests go on for a time after they answered. It is false when
// the machine is too busy for that time to tell anything.
func goesOnAfterItsResponse(t *testing.T, late time.Duration) bool {
	server, h, failed := serveWeb(t, wasip2.HTTPHandlerConfig{MaxInstances: 2}, false)
	path := fmt.Sprintf("/late?%d", late.Milliseconds())
	start := time.Now()
	for range 2 {
		if r, b, err := fetch(t, server, "GET", path, nil); err != nil || r.StatusCode != 200 || b != "done" {
			t.Errorf("%v %q, %v", r.Status, b, err)
		}
	}
	inTime := time.Since(start) < late-100*time.Millisecond
	// Both instances are still alive, so a third request waits for one of them.
	if r, b, err := fetch(t, server, "GET", "/late?0", nil); err != nil || r.StatusCode != 200 || b != "done" {
		t.Errorf("%v %q, %v", r.Status, b, err)
	}
	if d := time.Since(start); inTime && d < late {
		t.Errorf("the third request was answered after %v", d)
	}
	h.Wait()
	if err := failed.take(); err != nil {
		t.Error(err)
	}
	return inTime
}

func TestManyRequestsAtATime(t *testing.T) {
	server, _, failed := serveWeb(t, wasip2.HTTPHandlerConfig{MaxInstances: 8}, false)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for k := range 5 {
				text := strings.Repeat(fmt.Sprint(i, k), 20_000)
				response, err := server.Client().Post(server.URL+"/echo", "text/plain", strings.NewReader(text))
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || string(b) != text {
					t.Errorf("%d bytes came back of %d, %v", len(b), len(text), err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.take(); err != nil {
		t.Error(err)
	}
}
