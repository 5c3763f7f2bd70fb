package wasip2

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component/abi"
	httptypes "github.com/wasinn/wasinn/gen/wasi/http/types"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
	"github.com/wasinn/wasinn/gen/wasi/io/streams"
)

type httpErrorCode = httptypes.ErrorCode

func httpRules(t *testing.T, texts ...string) (all []HTTPRule) {
	t.Helper()
	for _, s := range texts {
		r, err := ParseHTTPRule(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// guestRequest is a request as a guest puts it together.
type guestRequest struct {
	method    httptypes.Method
	scheme    httptypes.Scheme
	authority string
	path      string
	fields    [][2]string
}

func some[T any](v T) abi.Option[T] { return abi.Option[T]{Value: v, Some: true} }

// outgoing makes the request; the body is nil unless it is wanted.
func (g guestRequest) outgoing(t *testing.T, h *host, withBody bool) (httptypes.OutgoingRequest, httptypes.OutgoingBody) {
	t.Helper()
	ctx := context.Background()
	hh := httpHost{h}
	var entries []abi.Tuple2[string, []byte]
	for _, f := range g.fields {
		entries = append(entries, abi.Tuple2[string, []byte]{F0: f[0], F1: []byte(f[1])})
	}
	headers := ok[httptypes.Fields, httptypes.HeaderError](t)(hh.FieldsFromList(ctx, entries))
	req, err := hh.NewOutgoingRequest(ctx, headers)
	if err != nil {
		t.Fatal(err)
	}
	ok[unit, unit](t)(req.SetMethod(ctx, g.method))
	ok[unit, unit](t)(req.SetScheme(ctx, some(g.scheme)))
	ok[unit, unit](t)(req.SetAuthority(ctx, some(g.authority)))
	ok[unit, unit](t)(req.SetPathWithQuery(ctx, some(g.path)))
	if !withBody {
		return req, nil
	}
	return req, ok[httptypes.OutgoingBody, unit](t)(req.Body(ctx))
}

// to is a request to a server of a test.
func to(t *testing.T, method httptypes.Method, server, path string, fields ...[2]string) guestRequest {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	scheme := httptypes.SchemeHTTP()
	if u.Scheme == "https" {
		scheme = httptypes.SchemeHTTPS()
	}
	return guestRequest{method, scheme, u.Host, path, fields}
}

func send(t *testing.T, h *host, req httptypes.OutgoingRequest) httptypes.FutureIncomingResponse {
	t.Helper()
	return ok[httptypes.FutureIncomingResponse, httpErrorCode](t)(httpHost{h}.Handle(context.Background(), req, abi.Option[httptypes.RequestOptions]{}))
}

// arrive waits for a response.
func arrive(t *testing.T, f httptypes.FutureIncomingResponse) responseResult {
	t.Helper()
	p, err := f.Subscribe(context.Background())
	block(t, p, err)
	r, err := f.Get(context.Background())
	if err != nil || !r.Some || r.Value.IsErr {
		t.Fatalf("get: %+v, %v", r, err)
	}
	return r.Value.OK
}

func readBody(t *testing.T, in streams.InputStream) (string, *streams.StreamError) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var b strings.Builder
	for {
		r, err := in.BlockingRead(ctx, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		if r.IsErr {
			if r.Err.Tag == streams.StreamErrorTagClosed {
				return b.String(), nil
			}
			return b.String(), &r.Err
		}
		b.Write(r.OK)
	}
}

func TestAGuestMakesRequests(t *testing.T) {
	ctx := context.Background()
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Method", r.Method)
		w.Header().Set("X-URI", r.RequestURI)
		w.Header().Set("X-Host", r.Host)
		w.Header().Set("X-Agent", fmt.Sprint(r.Header["User-Agent"]))
		w.Header().Set("X-Asked", strings.Join(r.Header["X-Ask"], "|"))
		w.Header().Set("X-Trailer", r.Trailer.Get("X-Late"))
		w.Header().Set("Keep-Alive", "timeout=1")
		w.WriteHeader(http.StatusAccepted)
		w.Write(body)
		w.Header().Set(http.TrailerPrefix+"X-After", "all")
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/echo", http.StatusFound) })
	plain, secret := httptest.NewServer(mux), httptest.NewUnstartedServer(mux)
	defer plain.Close()
	secret.EnableHTTP2 = true
	secret.StartTLS()
	defer secret.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secret.Certificate())
	for name, server := range map[string]*httptest.Server{"HTTP": plain, "HTTPS": secret} {
		t.Run(name, func(t *testing.T) {
			h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, server.URL), RootCAs: roots}))
			req, body := to(t, httptypes.MethodPut(), server.URL, "/echo?a=%2F", [2]string{"x-ask", "1"}, [2]string{"X-Ask", "2"}, [2]string{"trailer", "X-Late"}).outgoing(t, h, true)
			f := send(t, h, req)
			out := ok[streams.OutputStream, unit](t)(body.Write(ctx))
			text := strings.Repeat("0123456789", 40_000) // more than any buffer
			ok[unit, streams.StreamError](t)(out.BlockingWriteAndFlush(ctx, []byte(text)))
			out.Drop(ctx)
			trailers := ok[httptypes.Fields, httptypes.HeaderError](t)(httpHost{h}.FieldsFromList(ctx, []abi.Tuple2[string, []byte]{{F0: "X-Late", F1: []byte("yes")}}))
			ok[unit, httpErrorCode](t)(httpHost{h}.OutgoingBodyFinish(ctx, body, some[httptypes.Trailers](trailers)))
			got := arrive(t, f)
			if got.IsErr {
				t.Fatal(got.Err.Tag, got.Err)
			}
			if again, _ := f.Get(ctx); !again.Some || !again.Value.IsErr {
				t.Errorf("a second get: %+v", again)
			}
			f.Drop(ctx)
			response := got.OK
			if status, _ := response.Status(ctx); status != http.StatusAccepted {
				t.Errorf("status %d", status)
			}
			headers, _ := response.Headers(ctx)
			for name, want := range map[string]string{
				"x-method": "PUT", "x-uri": "/echo?a=%2F", "x-host": server.Listener.Addr().String(), "x-agent": "[]", "x-asked": "1|2", "x-trailer": "yes",
			} {
				if v, _ := headers.Get(ctx, name); len(v) != 1 || string(v[0]) != want {
					t.Errorf("%s is %q, want %q", name, v, want)
				}
			}
			if has, _ := headers.Has(ctx, "keep-alive"); has {
				t.Error("the guest sees keep-alive")
			}
			incoming := ok[httptypes.IncomingBody, unit](t)(response.Consume(ctx))
			code[httptypes.IncomingBody, unit](t)(response.Consume(ctx))
			in := ok[streams.InputStream, unit](t)(incoming.Stream(ctx))
			if b, failed := readBody(t, in); b != text || failed != nil {
				t.Errorf("%d bytes came back of %d, %v", len(b), len(text), failed)
			}
			in.Drop(ctx)
			after, err := httpHost{h}.IncomingBodyFinish(ctx, incoming)
			if err != nil {
				t.Fatal(err)
			}
			p, err := after.Subscribe(ctx)
			block(t, p, err)
			late, err := after.Get(ctx)
			if err != nil || !late.Some || late.Value.IsErr || late.Value.OK.IsErr || !late.Value.OK.OK.Some {
				t.Fatalf("trailers: %+v, %v", late, err)
			}
			if v, _ := late.Value.OK.OK.Value.Get(ctx, "x-after"); len(v) != 1 || string(v[0]) != "all" {
				t.Errorf("the trailer is %q", v)
			}
			for _, d := range []abi.Dropper{late.Value.OK.OK.Value, after, response} {
				d.Drop(ctx)
			}
			if h.client.requests != 0 || h.fields.used != 0 || h.incoming.used != 0 || h.bodies != 0 {
				t.Errorf("after all was dropped: %d requests, %d and %d bytes of fields, %d bodies", h.client.requests, h.fields.used, h.incoming.used, h.bodies)
			}
			moved, _ := to(t, httptypes.MethodGet(), server.URL, "/moved").outgoing(t, h, false)
			if r := arrive(t, send(t, h, moved)); r.IsErr {
				t.Error(r.Err)
			} else if status, _ := r.OK.Status(ctx); status != http.StatusFound {
				t.Errorf("a redirect was followed: status %d", status)
			}
		})
	}
}

func TestRequestsAreRefusedByPolicy(t *testing.T) {
	ctx := context.Background()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	get, plain := httptypes.MethodGet(), httptypes.SchemeHTTP()
	denied, invalid := httptypes.ErrorCodeTagHTTPRequestDenied, httptypes.ErrorCodeTagHTTPRequestURIInvalid
	for _, c := range []struct {
		name  string
		allow []string
		guestRequest
		want httptypes.ErrorCodeTag
	}{
		{"nothing is allowed", nil, guestRequest{get, plain, "127.0.0.1:" + port, "/", nil}, denied},
		{"another port", []string{"127.0.0.1:1"}, guestRequest{get, plain, "127.0.0.1:" + port, "/", nil}, denied},
		{"another port than the scheme's", []string{"127.0.0.1"}, guestRequest{get, plain, "127.0.0.1:" + port, "/", nil}, denied},
		{"another scheme", []string{"https://127.0.0.1:" + port}, guestRequest{get, plain, "127.0.0.1:" + port, "/", nil}, denied},
		{"another name", []string{"example.com:*"}, guestRequest{get, plain, "www.example.com:" + port, "/", nil}, denied},
		{"an address where a name is allowed", []string{"evil.example:*"}, guestRequest{get, plain, "127.0.0.1:" + port, "/", nil}, denied},
		{"an address in other clothes", []string{"evil.example:*"}, guestRequest{get, plain, "[::ffff:127.0.0.1]:" + port, "/", nil}, denied},
		{"a name that leads to this machine", []string{"evil.example:*"}, guestRequest{get, plain, "evil.example:" + port, "/", nil}, httptypes.ErrorCodeTagDestinationIPProhibited},
		{"a name with somebody's password", []string{"*:*"}, guestRequest{get, plain, "a:b@127.0.0.1:" + port, "/", nil}, invalid},
		{"no authority", []string{"*:*"}, guestRequest{get, plain, "", "/", nil}, invalid},
		{"an address that is a number", []string{"*:*"}, guestRequest{get, plain, "2130706433:" + port, "/", nil}, invalid},
		{"a port that is none", []string{"*:*"}, guestRequest{get, plain, "127.0.0.1:99999", "/", nil}, invalid},
		{"a path that is none", []string{"*:*"}, guestRequest{get, plain, "127.0.0.1:" + port, "x", nil}, invalid},
		{"a method for proxies", []string{"*:*"}, guestRequest{httptypes.MethodConnect(), plain, "127.0.0.1:" + port, "/", nil}, httptypes.ErrorCodeTagHTTPRequestMethodInvalid},
		{"a scheme that is not HTTP", []string{"*:*"}, guestRequest{get, httptypes.Scheme{Tag: httptypes.SchemeTagOther, Other: "ftp"}, "127.0.0.1:" + port, "/", nil}, httptypes.ErrorCodeTagHTTPProtocolError},
		{"two lengths", []string{"*:*"}, guestRequest{get, plain, "127.0.0.1:" + port, "/", [][2]string{{"content-length", "1"}, {"content-length", "2"}}}, httptypes.ErrorCodeTagHTTPProtocolError},
		{"headers that are too long", []string{"*:*"}, guestRequest{get, plain, "127.0.0.1:" + port, "/", [][2]string{{"x", strings.Repeat("x", DefaultMaxHeaderBytes)}}}, httptypes.ErrorCodeTagHTTPRequestHeaderSectionSize},
		{"nobody there", []string{"127.0.0.1:1"}, guestRequest{get, plain, "127.0.0.1:1", "/", nil}, httptypes.ErrorCodeTagConnectionRefused},
		{"a name that does not exist", []string{"*.example:*"}, guestRequest{get, plain, "none.example:80", "/", nil}, httptypes.ErrorCodeTagDNSError},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, c.allow...), Resolve: func(_ context.Context, name string) ([]netip.Addr, error) {
				if name == "none.example" {
					return nil, &net.DNSError{IsNotFound: true}
				}
				return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")}, nil
			}}))
			req, _ := c.outgoing(t, h, false)
			r, err := httpHost{h}.Handle(ctx, req, abi.Option[httptypes.RequestOptions]{})
			if err != nil {
				t.Fatal(err)
			}
			got := r.Err
			if !r.IsErr {
				a := arrive(t, r.OK)
				if !a.IsErr {
					t.Fatal("it was sent and answered")
				}
				got = a.Err
				r.OK.Drop(ctx)
			}
			if got.Tag != c.want {
				t.Errorf("%v, want %v", got.Tag, c.want)
			}
			if h.client.requests != 0 || h.fields.used != 0 {
				t.Errorf("%d requests and %d bytes of fields are left", h.client.requests, h.fields.used)
			}
		})
	}
}

func TestANameOfAPrivateNetworkNeedsItsAddressToo(t *testing.T) {
	ctx := context.Background()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, "db.internal:"+port, "127.0.0.0/8:"+port), Resolve: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.9.9.9"), netip.MustParseAddr("127.0.0.1")}, nil
	}}))
	req, _ := guestRequest{httptypes.MethodGet(), httptypes.SchemeHTTP(), "db.internal:" + port, "/", nil}.outgoing(t, h, false)
	r := arrive(t, send(t, h, req))
	if r.IsErr {
		t.Fatal(r.Err.Tag)
	}
	if status, _ := r.OK.Status(ctx); status != 204 {
		t.Errorf("status %d", status)
	}
}

func TestRequestsTakeNoLongerThanAsked(t *testing.T) {
	ctx := context.Background()
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.Write([]byte("some"))
			w.(http.Flusher).Flush()
		}
		<-stop
	}))
	defer server.Close()
	defer close(stop)
	h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, server.URL)}))
	options := func() abi.Option[httptypes.RequestOptions] {
		o, _ := httpHost{h}.NewRequestOptions(ctx)
		o.SetFirstByteTimeout(ctx, some(uint64(50*time.Millisecond)))
		o.SetBetweenBytesTimeout(ctx, some(uint64(50*time.Millisecond)))
		return some(o)
	}
	req, _ := to(t, httptypes.MethodGet(), server.URL, "/silent").outgoing(t, h, false)
	f := ok[httptypes.FutureIncomingResponse, httpErrorCode](t)(httpHost{h}.Handle(ctx, req, options()))
	if r := arrive(t, f); !r.IsErr || r.Err.Tag != httptypes.ErrorCodeTagConnectionReadTimeout {
		t.Errorf("a server that says nothing: %+v", r)
	}
	req, _ = to(t, httptypes.MethodGet(), server.URL, "/body").outgoing(t, h, false)
	f = ok[httptypes.FutureIncomingResponse, httpErrorCode](t)(httpHost{h}.Handle(ctx, req, options()))
	r := arrive(t, f)
	if r.IsErr {
		t.Fatal(r.Err.Tag)
	}
	body := ok[httptypes.IncomingBody, unit](t)(r.OK.Consume(ctx))
	in := ok[streams.InputStream, unit](t)(body.Stream(ctx))
	b, failed := readBody(t, in)
	if b != "some" || failed == nil {
		t.Fatalf("read %q, %v", b, failed)
	}
	c, err := httpHost{h}.HTTPErrorCode(ctx, failed.LastOperationFailed)
	if err != nil || !c.Some || c.Value.Tag != httptypes.ErrorCodeTagConnectionReadTimeout {
		t.Errorf("the stream's error is %+v, %v", c, err)
	}
}

func TestBodiesAreAsLongAsAnnounced(t *testing.T) {
	ctx := context.Background()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, server.URL)}))
	for _, c := range []struct {
		text string
		want bool
	}{{"12345", true}, {"1234", false}, {"123456", false}, {"", false}} {
		req, body := to(t, httptypes.MethodPost(), server.URL, "/", [2]string{"Content-Length", "5"}).outgoing(t, h, true)
		f := send(t, h, req)
		out := ok[streams.OutputStream, unit](t)(body.Write(ctx))
		written, err := out.BlockingWriteAndFlush(ctx, []byte(c.text))
		if err != nil || written.IsErr != (len(c.text) > 5) {
			t.Errorf("writing %q: %+v, %v", c.text, written, err)
		}
		r, err := httpHost{h}.OutgoingBodyFinish(ctx, body, abi.Option[httptypes.Trailers]{})
		if err != nil || r.IsErr == c.want || r.IsErr && r.Err.HTTPRequestBodySize != some(uint64(len(c.text))) {
			t.Errorf("finishing %q: %+v, %v", c.text, r, err)
		}
		if a := arrive(t, f); a.IsErr == c.want {
			t.Errorf("%q was answered by %+v", c.text, a)
		}
		f.Drop(ctx)
	}
}

func TestAResponseThatNobodyReadsHoldsTheServerBack(t *testing.T) {
	ctx := context.Background()
	wrote := make(chan int, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, chunk := 0, make([]byte, 1<<20)
		for range 64 {
			m, err := w.Write(chunk)
			if n += m; err != nil {
				break
			}
		}
		wrote <- n
	}))
	defer server.Close()
	before := runtime.NumGoroutine()
	h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, server.URL)}))
	req, _ := to(t, httptypes.MethodGet(), server.URL, "/").outgoing(t, h, false)
	r := arrive(t, send(t, h, req))
	body := ok[httptypes.IncomingBody, unit](t)(r.OK.Consume(ctx))
	in := ok[streams.InputStream, unit](t)(body.Stream(ctx))
	p, err := in.Subscribe(ctx)
	block(t, p, err)
	select {
	case n := <-wrote:
		t.Errorf("the server could write %d bytes that nobody reads", n)
	case <-time.After(200 * time.Millisecond):
	}
	in.Drop(ctx)
	body.Drop(ctx)
	h.Close(ctx)
	if n := <-wrote; n == 64<<20 {
		t.Error("the server could write everything")
	}
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestServersThatMisbehave(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name, answer string
		want         httptypes.ErrorCodeTag
		inBody       bool
	}{
		{"no HTTP", "hello\r\n\r\n", httptypes.ErrorCodeTagHTTPProtocolError, false},
		{"no answer", "", httptypes.ErrorCodeTagConnectionTerminated, false},
		{"headers without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20), httptypes.ErrorCodeTagHTTPProtocolError, false},
		{"too many headers", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 200_000) + "\r\n", httptypes.ErrorCodeTagHTTPProtocolError, false},
		{"a body that is cut off", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", httptypes.ErrorCodeTagHTTPResponseIncomplete, true},
		{"chunks that are none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", httptypes.ErrorCodeTagHTTPProtocolError, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, addr := listener(t)
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						conn.Read(make([]byte, 4096))
						io.WriteString(conn, c.answer)
						conn.(*net.TCPConn).CloseWrite()
						io.Copy(io.Discard, conn)
						conn.Close()
					}()
				}
			}()
			h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, addr)}))
			req, _ := guestRequest{httptypes.MethodPost(), httptypes.SchemeHTTP(), addr, "/", nil}.outgoing(t, h, false)
			r := arrive(t, send(t, h, req))
			if !c.inBody {
				if !r.IsErr || r.Err.Tag != c.want {
					t.Errorf("%+v, want %v", r, c.want)
				}
				return
			}
			body := ok[httptypes.IncomingBody, unit](t)(r.OK.Consume(ctx))
			_, failed := readBody(t, ok[streams.InputStream, unit](t)(body.Stream(ctx)))
			if failed == nil {
				t.Fatal("the body was complete")
			}
			if code, _ := (httpHost{h}).HTTPErrorCode(ctx, failed.LastOperationFailed); code.Value.Tag != c.want {
				t.Errorf("%v, want %v", code.Value.Tag, c.want)
			}
		})
	}
}

func TestHTTPIsBounded(t *testing.T) {
	ctx := context.Background()
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-stop }))
	defer server.Close()
	defer close(stop)
	t.Run("requests", func(t *testing.T) {
		h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, server.URL), MaxRequests: 3}))
		for i := range 4 {
			req, _ := to(t, httptypes.MethodGet(), server.URL, "/").outgoing(t, h, false)
			r, err := httpHost{h}.Handle(ctx, req, abi.Option[httptypes.RequestOptions]{})
			if err != nil || r.IsErr != (i == 3) || r.IsErr && r.Err.Tag != httptypes.ErrorCodeTagConnectionLimitReached {
				t.Errorf("request %d: %+v, %v", i, r, err)
			}
			if !r.IsErr {
				defer r.OK.Drop(ctx)
			}
		}
	})
	t.Run("bodies", func(t *testing.T) {
		h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, server.URL)}))
		for i := range maxBodies + 1 {
			fields, _ := httpHost{h}.NewFields(ctx)
			req, err := httpHost{h}.NewOutgoingRequest(ctx, fields)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := req.Body(ctx); (err != nil) != (i == maxBodies) {
				t.Errorf("body %d: %v", i, err)
			}
		}
	})
	t.Run("what a body holds", func(t *testing.T) {
		h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, server.URL)}))
		_, body := to(t, httptypes.MethodPost(), server.URL, "/").outgoing(t, h, true)
		out := ok[streams.OutputStream, unit](t)(body.Write(ctx))
		total := 0
		for {
			n := ok[uint64, streams.StreamError](t)(out.CheckWrite(ctx))
			if n == 0 {
				break
			}
			ok[unit, streams.StreamError](t)(out.Write(ctx, make([]byte, n)))
			total += int(n)
		}
		if total != chunkSize {
			t.Errorf("a body that nobody reads holds %d bytes, want %d", total, chunkSize)
		}
		full, _ := out.Subscribe(ctx)
		short, _ := monotonicHost{h}.SubscribeDuration(ctx, uint64(10*time.Millisecond))
		if got, err := (pollHost{}).Poll(ctx, []poll.Pollable{full, short}); err != nil || !reflect.DeepEqual(got, []uint32{1}) {
			t.Errorf("poll: %v, %v", got, err)
		}
		body.Drop(ctx)
		if r, err := out.CheckWrite(ctx); err != nil || !r.IsErr {
			t.Errorf("a body that was dropped takes %+v, %v", r, err)
		}
	})
}

func TestFieldsOfConnectionsAreForbidden(t *testing.T) {
	ctx := context.Background()
	fields, _ := httpHost{testHost(t, NewConfig())}.NewFields(ctx)
	for name := range forbiddenFields {
		for _, spelled := range []string{name, strings.ToUpper(name)} {
			if got := code[unit, httptypes.HeaderError](t)(fields.Append(ctx, spelled, []byte("x"))); got.Tag != httptypes.HeaderErrorTagForbidden {
				t.Errorf("%s: %v", spelled, got.Tag)
			}
		}
	}
	for _, bad := range []string{"", "a b", "a\r\nb", "ä"} {
		if got := code[unit, httptypes.HeaderError](t)(fields.Append(ctx, bad, nil)); got.Tag != httptypes.HeaderErrorTagInvalidSyntax {
			t.Errorf("%q: %v", bad, got.Tag)
		}
	}
	if got := code[unit, httptypes.HeaderError](t)(fields.Append(ctx, "a", []byte("x\r\nInjected: y"))); got.Tag != httptypes.HeaderErrorTagInvalidSyntax {
		t.Errorf("a value with a line break: %v", got.Tag)
	}
}

func TestErrorsOfHTTPHaveTheirCodes(t *testing.T) {
	for errno, want := range errnoHTTPCodes {
		if got := httpCode(&net.OpError{Err: errno}); got.Tag != want.Tag {
			t.Errorf("%v: %v, want %v", errno, got.Tag, want.Tag)
		}
	}
	for err, want := range map[error]httptypes.ErrorCodeTag{
		syscall.ENOTDIR:                     httptypes.ErrorCodeTagInternalError,
		io.ErrUnexpectedEOF:                 httptypes.ErrorCodeTagConnectionTerminated,
		context.DeadlineExceeded:            httptypes.ErrorCodeTagHTTPResponseTimeout,
		&net.DNSError{IsTimeout: true}:      httptypes.ErrorCodeTagDNSTimeout,
		x509.UnknownAuthorityError{}:        httptypes.ErrorCodeTagTLSCertificateError,
		errors.New("anything"):              httptypes.ErrorCodeTagHTTPProtocolError,
		fmt.Errorf("x: %w", errHTTPAddress): httptypes.ErrorCodeTagDestinationIPProhibited,
	} {
		if got := httpCode(err); got.Tag != want {
			t.Errorf("%v: %v, want %v", err, got.Tag, want)
		}
	}
}

func TestACertificateThatIsNotTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = nil
	h := testHost(t, NewConfig().WithHTTP(HTTPPolicy{Allow: httpRules(t, server.URL)}))
	req, _ := to(t, httptypes.MethodGet(), server.URL, "/").outgoing(t, h, false)
	if r := arrive(t, send(t, h, req)); !r.IsErr || r.Err.Tag != httptypes.ErrorCodeTagTLSCertificateError {
		t.Errorf("%+v", r)
	}
}

func TestHTTPRulesSayWhatTheyAllow(t *testing.T) {
	for rule, want := range map[string]string{
		"example.com": "example.com", "https://example.com/": "https://example.com", "http://[::1]:80": "http://[::1]:80", "*": "*",
	} {
		if r, err := ParseHTTPRule(rule); err != nil || r.String() != want {
			t.Errorf("%s: %v, %v", rule, r, err)
		}
	}
	for _, bad := range []string{"ftp://example.com", "https://", "https://example.com/path", "http://a:b@c"} {
		if r, err := ParseHTTPRule(bad); err == nil {
			t.Errorf("%s: %v", bad, r)
		}
	}
}

// FuzzSplitAuthority: what is accepted is an address or a name, and stays the
// same when it is written again.
func FuzzSplitAuthority(f *testing.F) {
	for _, s := range []string{"example.com", "Example.COM.:80", "[::1]:1", "127.0.0.1:65535", "a@b", "::1", "[::1%eth0]", "0x7f.1", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		port := uint16(443)
		host, err := splitAuthority(s, &port)
		if err != nil {
			return
		}
		again := port
		if h, err := splitAuthority(net.JoinHostPort(host, fmt.Sprint(port)), &again); err != nil || h != host || again != port || port == 0 {
			t.Errorf("%q is %q port %d, which is %q port %d, %v", s, host, port, h, again, err)
		}
	})
}
