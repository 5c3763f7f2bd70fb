package wasip2

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/gen/wasi/http/outgoinghandler"
	httptypes "github.com/wasinn/wasinn/gen/wasi/http/types"
	"golang.org/x/net/http/httpguts"
)

// addHTTP defines wasi:http. Requests of guests are in httpclient.go, requests
// to guests in httphandler.go.
func addHTTP(l *component.Linker, slot component.Slot[*host]) error {
	return errors.Join(
		httptypes.AddToLinker(l, give(slot, func(h *host) httptypes.Host { return httpHost{h} })),
		outgoinghandler.AddToLinker(l, give(slot, func(h *host) outgoinghandler.Host { return httpHost{h} })),
	)
}

type httpHost struct{ *host }

// unitResult is the answer of functions that say no more than yes or no.
type unitResult = abi.Result[abi.Unit, abi.Unit]

// message is an outgoing request or response.
type message struct {
	headers *fields
	body    *outgoingBody // nil until the guest has taken it
	sent    bool          // somebody reads the body
}

func (m *message) Headers(context.Context) (httptypes.Headers, error) { return m.headers, nil }

func (m *message) Body(context.Context) (abi.Result[httptypes.OutgoingBody, abi.Unit], error) {
	if m.body != nil {
		return abi.Result[httptypes.OutgoingBody, abi.Unit]{IsErr: true}, nil
	}
	length, err := m.headers.contentLength()
	if err != nil {
		return abi.Result[httptypes.OutgoingBody, abi.Unit]{IsErr: true}, nil
	}
	m.body, err = m.headers.host.newBody(length)
	return abi.Result[httptypes.OutgoingBody, abi.Unit]{OK: m.body}, err
}

// contentLength is what the fields announce; -1 when they do not.
func (f *fields) contentLength() (int64, error) {
	values := f.get("content-length")
	if len(values) == 0 {
		return -1, nil
	}
	n, err := strconv.ParseUint(string(values[0]), 10, 63)
	if err != nil || len(values) > 1 {
		return 0, errHTTPLength
	}
	return int64(n), nil
}

// Drop gives up a message, and its body unless that is on its way.
func (m *message) Drop(context.Context) error {
	m.headers.free()
	if m.body != nil && !m.sent {
		return m.body.pipe.Close()
	}
	return nil
}

// outgoingRequest is a request that a guest puts together.
type outgoingRequest struct {
	message
	method    httptypes.Method
	path      abi.Option[string]
	scheme    abi.Option[httptypes.Scheme]
	authority abi.Option[string]
}

func (h httpHost) NewOutgoingRequest(ctx context.Context, headers httptypes.Headers) (httptypes.OutgoingRequest, error) {
	f, err := frozen(ctx, headers)
	if err != nil {
		return nil, err
	}
	return &outgoingRequest{message: message{headers: f}, method: httptypes.MethodGet()}, nil
}

// maxHTTPText is the longest method, path, scheme or authority in bytes.
const maxHTTPText = 8 << 10

// keep copies text that is a view of the guest's memory, if it may stand in a
// request.
func keep(s *string) bool {
	ok := len(*s) <= maxHTTPText && !strings.ContainsFunc(*s, func(r rune) bool { return r <= ' ' || r == 0x7f })
	if ok {
		*s = strings.Clone(*s)
	}
	return ok
}

func (r *outgoingRequest) Method(context.Context) (httptypes.Method, error) { return r.method, nil }

func (r *outgoingRequest) SetMethod(_ context.Context, m httptypes.Method) (unitResult, error) {
	if m.Tag == httptypes.MethodTagOther && (!httpguts.ValidHeaderFieldName(m.Other) || !keep(&m.Other)) {
		return unitResult{IsErr: true}, nil
	}
	r.method = m
	return unitResult{}, nil
}

func (r *outgoingRequest) PathWithQuery(context.Context) (abi.Option[string], error) {
	return r.path, nil
}

func (r *outgoingRequest) SetPathWithQuery(_ context.Context, p abi.Option[string]) (unitResult, error) {
	if p.Some && !keep(&p.Value) {
		return unitResult{IsErr: true}, nil
	}
	r.path = p
	return unitResult{}, nil
}

func (r *outgoingRequest) Scheme(context.Context) (abi.Option[httptypes.Scheme], error) {
	return r.scheme, nil
}

func (r *outgoingRequest) SetScheme(_ context.Context, s abi.Option[httptypes.Scheme]) (unitResult, error) {
	if s.Some && s.Value.Tag == httptypes.SchemeTagOther && !keep(&s.Value.Other) {
		return unitResult{IsErr: true}, nil
	}
	r.scheme = s
	return unitResult{}, nil
}

func (r *outgoingRequest) Authority(context.Context) (abi.Option[string], error) {
	return r.authority, nil
}

func (r *outgoingRequest) SetAuthority(_ context.Context, a abi.Option[string]) (unitResult, error) {
	if a.Some && !keep(&a.Value) {
		return unitResult{IsErr: true}, nil
	}
	r.authority = a
	return unitResult{}, nil
}

// requestOptions are timeouts in nanoseconds.
type requestOptions struct{ connect, firstByte, betweenBytes abi.Option[uint64] }

func (httpHost) NewRequestOptions(context.Context) (httptypes.RequestOptions, error) {
	return &requestOptions{}, nil
}

func (o *requestOptions) ConnectTimeout(context.Context) (abi.Option[uint64], error) {
	return o.connect, nil
}
func (o *requestOptions) SetConnectTimeout(_ context.Context, d abi.Option[uint64]) (unitResult, error) {
	o.connect = d
	return unitResult{}, nil
}
func (o *requestOptions) FirstByteTimeout(context.Context) (abi.Option[uint64], error) {
	return o.firstByte, nil
}
func (o *requestOptions) SetFirstByteTimeout(_ context.Context, d abi.Option[uint64]) (unitResult, error) {
	o.firstByte = d
	return unitResult{}, nil
}
func (o *requestOptions) BetweenBytesTimeout(context.Context) (abi.Option[uint64], error) {
	return o.betweenBytes, nil
}
func (o *requestOptions) SetBetweenBytesTimeout(_ context.Context, d abi.Option[uint64]) (unitResult, error) {
	o.betweenBytes = d
	return unitResult{}, nil
}
func (o *requestOptions) Drop(context.Context) error { return nil }

// outgoingResponse is a response that a guest puts together.
type outgoingResponse struct {
	message
	status uint16
}

func (h httpHost) NewOutgoingResponse(ctx context.Context, headers httptypes.Headers) (httptypes.OutgoingResponse, error) {
	f, err := frozen(ctx, headers)
	if err != nil {
		return nil, err
	}
	return &outgoingResponse{message{headers: f}, 200}, nil
}

func (r *outgoingResponse) StatusCode(context.Context) (uint16, error) { return r.status, nil }

func (r *outgoingResponse) SetStatusCode(_ context.Context, s uint16) (unitResult, error) {
	if s < 100 || s > 599 {
		return unitResult{IsErr: true}, nil
	}
	r.status = s
	return unitResult{}, nil
}
