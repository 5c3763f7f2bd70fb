package wasip2

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasip2/internal/hostnet"
	httptypes "github.com/wasinn/wasinn/gen/wasi/http/types"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
	"golang.org/x/net/http/httpguts"
)

// httpClient sends the requests of one instance.
type httpClient struct {
	host      *host
	policy    *HTTPPolicy
	transport *http.Transport // nil until the first request
	requests  int             // under way
}

// Handle starts a request, when the policy allows it.
func (h httpHost) Handle(ctx context.Context, request httptypes.OutgoingRequest, options abi.Option[httptypes.RequestOptions]) (httpResult[httptypes.FutureIncomingResponse], error) {
	out, ok := request.(*outgoingRequest)
	if !ok {
		return httpResult[httptypes.FutureIncomingResponse]{}, errors.New("the request is not of this host")
	}
	var opts requestOptions
	if options.Some {
		if o, ok := options.Value.(*requestOptions); ok {
			opts = *o
		}
	}
	x, err := h.client.start(out, opts)
	drop := out.Drop(ctx)
	if err != nil {
		return httpAnswer[httptypes.FutureIncomingResponse](nil, err), drop
	}
	return httpAnswer[httptypes.FutureIncomingResponse](&futureResponse{exchange: x, lease: x.lease.use()}, nil), drop
}

// start checks a request and sends it from a goroutine.
func (c *httpClient) start(out *outgoingRequest, opts requestOptions) (*exchange, error) {
	req, err := c.request(out)
	if err != nil {
		return nil, err
	}
	if c.requests >= c.policy.maxRequests() {
		return nil, errHTTPLimit
	}
	c.requests++
	if c.transport == nil {
		c.transport = c.newTransport()
	}
	ctx, cancel := context.WithCancelCause(c.host.alive)
	x := &exchange{client: c, ctx: ctx, cancel: cancel, done: make(chan struct{})}
	x.lease = &lease{end: x.end}
	x.betweenBytes = c.policy.timeout(opts.betweenBytes)
	out.sent = true
	go x.run(req, c.policy.timeout(opts.connect), c.policy.timeout(opts.firstByte))
	return x, nil
}

// close gives up the connections that wait for another request.
func (c *httpClient) close() {
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
}

// request makes net/http's request of a guest's, if it is one and may be sent.
func (c *httpClient) request(out *outgoingRequest) (*http.Request, error) {
	if len(c.policy.Allow) == 0 {
		return nil, errHTTPDenied
	}
	u, err := c.target(out)
	if err != nil {
		return nil, err
	}
	method := strings.ToUpper(out.method.Tag.String())
	if out.method.Tag == httptypes.MethodTagOther {
		method = out.method.Other
	}
	if method == http.MethodConnect {
		return nil, errHTTPMethod
	}
	header, size := out.headers.header()
	if limit := c.policy.maxHeaderBytes(); size > limit {
		return nil, &httpError{code: httptypes.ErrorCodeHTTPRequestHeaderSectionSize(abi.Option[uint32]{Value: uint32(size), Some: true})}
	}
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = []string{""} // or net/http sets its own
	}
	length, err := out.headers.contentLength()
	if err != nil {
		return nil, err
	}
	req := &http.Request{Method: method, URL: u, Host: out.authority.Value, Header: header, Body: http.NoBody, ProtoMajor: 1, ProtoMinor: 1}
	if out.body == nil {
		if length > 0 {
			return nil, bodySizeError(0)
		}
		return req, nil
	}
	if length < 0 {
		length = out.body.pipe.known()
	}
	req.Body, req.ContentLength = out.body.pipe, length
	if length == 0 {
		req.Body = http.NoBody
		return req, nil
	}
	req.Trailer = announcedTrailers(header)
	out.body.pipe.onEnd = func(trailers http.Header) {
		for name, values := range trailers {
			req.Trailer[name] = values
		}
	}
	return req, nil
}

// announcedTrailers are the names in the Trailer field: HTTP/2 sends no others.
func announcedTrailers(header http.Header) http.Header {
	trailers := http.Header{}
	for _, v := range header.Values("Trailer") {
		for name := range strings.SplitSeq(v, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if httpguts.ValidTrailerHeader(name) && httpguts.ValidHeaderFieldName(name) && len(trailers) < maxBodies {
				trailers[name] = nil
			}
		}
	}
	header.Del("Trailer") // net/http writes it of the names
	return trailers
}

// target is where a request goes, which the policy has to allow.
func (c *httpClient) target(out *outgoingRequest) (*url.URL, error) {
	scheme := httptypes.SchemeHTTPS()
	if out.scheme.Some {
		scheme = out.scheme.Value
	}
	u := &url.URL{Scheme: "https"}
	port := uint16(443)
	switch scheme.Tag {
	case httptypes.SchemeTagHTTP:
		u.Scheme, port = "http", 80
	case httptypes.SchemeTagOther:
		return nil, errHTTPScheme
	}
	host, err := splitAuthority(out.authority.Value, &port)
	if err != nil {
		return nil, err
	}
	// What is dialed is what is checked, not how the guest has spelled it.
	u.Host = net.JoinHostPort(host, strconv.Itoa(int(port)))
	path := out.path.Value
	if !strings.HasPrefix(path, "/") && (path != "*" || out.method.Tag != httptypes.MethodTagOptions) || strings.Contains(path, "#") {
		return nil, errHTTPURI
	}
	if u.Opaque = path; strings.HasPrefix(path, "//") { // which would be an authority
		u.Opaque = ""
		if u.Path, u.RawQuery, _ = strings.Cut(path, "?"); u.Path != "" {
			u.RawPath = u.Path
			if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
				return nil, errHTTPURI
			}
		}
	}
	if !c.policy.allows(u.Scheme, host, port) {
		return nil, errHTTPDenied
	}
	return u, nil
}

// splitAuthority takes HOST[:PORT] apart; without a port the one given stays.
func splitAuthority(authority string, port *uint16) (host string, err error) {
	host = authority
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		n, err := strconv.ParseUint(authority[i+1:], 10, 16)
		if err != nil || n == 0 {
			return "", errHTTPURI
		}
		host, *port = authority[:i], uint16(n)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if a, err := netip.ParseAddr(inner); !ok || err != nil || !a.Is6() || a.Zone() != "" {
			return "", errHTTPURI
		}
		return inner, nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if !a.Is4() {
			return "", errHTTPURI
		}
		return host, nil
	}
	if host, err = hostnet.Name(host); err != nil {
		return "", errHTTPURI
	}
	return host, nil
}

func (c *httpClient) newTransport() *http.Transport {
	return &http.Transport{
		DialContext:            c.dial,
		TLSClientConfig:        &tls.Config{RootCAs: c.policy.RootCAs},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // the guest gets what was sent
		MaxResponseHeaderBytes: int64(c.policy.maxHeaderBytes()),
		TLSHandshakeTimeout:    c.policy.longest(),
		ExpectContinueTimeout:  time.Second,
		MaxIdleConns:           16,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
	}
}

// dial connects to one of the addresses that a name leads to, when the policy
// allows it. The address is checked here, at the last moment.
func (c *httpClient) dial(ctx context.Context, _, hostPort string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, err
	}
	addrs, err := c.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	err = errHTTPAddress
	dialer := net.Dialer{Timeout: c.policy.longest()}
	for _, a := range addrs {
		if !c.policy.allowsAddress(host, netip.AddrPortFrom(a, uint16(port))) {
			continue
		}
		conn, failed := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(a, uint16(port)).String())
		if failed == nil {
			return conn, nil
		}
		err = failed
	}
	return nil, err
}

func (c *httpClient) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	addrs, err := c.policy.resolve(ctx, host)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	all := make([]netip.Addr, min(len(addrs), maxAddresses))
	for i := range all {
		all[i] = addrs[i].Unmap()
	}
	return all, err
}

// exchange is a request with its response. A goroutine sends the one and
// receives the other.
type exchange struct {
	client       *httpClient
	ctx          context.Context
	cancel       context.CancelCauseFunc
	lease        *lease
	betweenBytes time.Duration

	mu       sync.Mutex
	timer    *time.Timer
	over     bool          // nobody wants the response
	done     chan struct{} // closed when response or err is there
	response *http.Response
	err      error
}

// end is when nobody uses the exchange any more.
func (x *exchange) end() {
	x.client.requests--
	x.cancel(context.Canceled)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.over = true
	if x.timer != nil {
		x.timer.Stop()
	}
	if x.response != nil {
		x.response.Body.Close()
	}
}

// within ends the exchange with an error unless the next call comes in time.
func (x *exchange) within(d time.Duration, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.timer != nil {
		x.timer.Stop()
	}
	if !x.over {
		x.timer = time.AfterFunc(d, func() { x.cancel(err) })
	}
}

func (x *exchange) inTime() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.timer != nil {
		x.timer.Stop()
	}
}

func (x *exchange) run(req *http.Request, connect, firstByte time.Duration) {
	x.within(connect, errHTTPConnectTimeout)
	req = req.WithContext(httptrace.WithClientTrace(x.ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { x.within(firstByte, errHTTPReadTimeout) },
	}))
	response, err := x.client.transport.RoundTrip(req)
	x.inTime()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.response, x.err = response, x.cause(err); x.over && response != nil {
		response.Body.Close()
	}
	close(x.done)
}

// cause is why something did not succeed: the reason for which it was ended, or
// its own.
func (x *exchange) cause(err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*httpError](context.Cause(x.ctx)); ok {
		return known
	}
	return err
}

// Read reads the response's body, each time within the time between two pieces.
func (x *exchange) Read(b []byte) (int, error) {
	x.within(x.betweenBytes, errHTTPReadTimeout)
	n, err := x.response.Body.Read(b)
	x.inTime()
	if err == nil || err == io.EOF {
		return n, err
	}
	err = x.cause(err)
	code := httpCode(err)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		code = httptypes.ErrorCodeHTTPResponseIncomplete()
	}
	return n, &httpError{code: code, err: err}
}

// futureResponse is a response that is to arrive.
type futureResponse struct {
	exchange *exchange
	lease    *lease
	taken    bool
}

func (f *futureResponse) Subscribe(context.Context) (poll.Pollable, error) {
	return &pollable{event{pending: func() <-chan struct{} { return f.exchange.done }}}, nil
}

type responseResult = httpResult[httptypes.IncomingResponse]

func (f *futureResponse) Get(context.Context) (abi.Option[abi.Result[responseResult, abi.Unit]], error) {
	var r abi.Option[abi.Result[responseResult, abi.Unit]]
	select {
	case <-f.exchange.done:
	default:
		return r, nil
	}
	r.Some = true
	if f.taken {
		r.Value.IsErr = true
		return r, nil
	}
	f.taken = true
	response, err := f.exchange.take()
	r.Value.OK = httpAnswer[httptypes.IncomingResponse](response, err)
	return r, nil
}

func (f *futureResponse) Drop(context.Context) error {
	f.lease.release()
	return nil
}

// take gives the guest the response.
func (x *exchange) take() (*incomingResponse, error) {
	if x.err != nil {
		return nil, x.err
	}
	headers, err := x.client.host.incomingFields(x.response.Header)
	if err != nil {
		return nil, &httpError{code: httptypes.ErrorCodeHTTPResponseHeaderSectionSize(abi.Option[uint32]{}), err: err}
	}
	return &incomingResponse{exchange: x, lease: x.lease.use(), headers: headers}, nil
}

type incomingResponse struct {
	exchange *exchange
	lease    *lease
	headers  *fields
	consumed bool
}

func (r *incomingResponse) Status(context.Context) (uint16, error) {
	return uint16(r.exchange.response.StatusCode), nil
}

func (r *incomingResponse) Headers(context.Context) (httptypes.Headers, error) { return r.headers, nil }

func (r *incomingResponse) Consume(context.Context) (abi.Result[httptypes.IncomingBody, abi.Unit], error) {
	if r.consumed {
		return abi.Result[httptypes.IncomingBody, abi.Unit]{IsErr: true}, nil
	}
	r.consumed = true
	x := r.exchange
	body := newIncomingBody(x.client.host, r.lease, x, func() http.Header { return x.response.Trailer })
	return abi.Result[httptypes.IncomingBody, abi.Unit]{OK: body}, nil
}

func (r *incomingResponse) Drop(context.Context) error {
	r.headers.free()
	r.lease.release()
	return nil
}

// nanoseconds is a guest's duration.
func nanoseconds(d uint64) time.Duration { return time.Duration(min(d, math.MaxInt64)) }
