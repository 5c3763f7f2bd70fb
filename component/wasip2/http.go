package wasip2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/gen/wasi/http/outgoinghandler"
	httptypes "github.com/wasinn/wasinn/gen/wasi/http/types"
	"github.com/wasinn/wasinn/gen/wasi/io/ioerror"
	"github.com/wasinn/wasinn/gen/wasi/io/streams"
	"golang.org/x/net/http/httpguts"
)

// addHTTP defines wasi:http so that guests link. A guest can put a request
// together; sending it is refused with HTTP-request-denied, so that there are
// never responses, and none to serve.
func addHTTP(l *component.Linker, slot component.Slot[*host]) error {
	return errors.Join(
		httptypes.AddToLinker(l, give(slot, func(h *host) httptypes.Host { return httpHost{h} })),
		outgoinghandler.AddToLinker(l, give(slot, func(h *host) outgoinghandler.Host { return httpHost{h} })),
	)
}

type httpHost struct{ *host }

// Handle refuses every request.
func (httpHost) Handle(ctx context.Context, request httptypes.OutgoingRequest, options abi.Option[httptypes.RequestOptions]) (abi.Result[httptypes.FutureIncomingResponse, httptypes.ErrorCode], error) {
	err := request.Drop(ctx)
	if options.Some {
		err = errors.Join(err, options.Value.Drop(ctx))
	}
	return abi.Result[httptypes.FutureIncomingResponse, httptypes.ErrorCode]{Err: httptypes.ErrorCodeHTTPRequestDenied(), IsErr: true}, err
}

// HTTPErrorCode knows no stream of HTTP, so no error of one.
func (httpHost) HTTPErrorCode(context.Context, ioerror.Error) (abi.Option[httptypes.ErrorCode], error) {
	return abi.Option[httptypes.ErrorCode]{}, nil
}

// maxFieldBytes is how many bytes of fields an instance may hold.
const maxFieldBytes = 1 << 20

// fieldOverhead is counted for each field beside its bytes.
const fieldOverhead = 64

// unitResult is the answer of functions that say no more than yes or no.
type unitResult = abi.Result[abi.Unit, abi.Unit]

// fields are HTTP headers or trailers in their order. Names compare without
// regard to case.
type fields struct {
	host      *host
	entries   []field
	immutable bool
}

type field struct {
	name  string
	value []byte
}

func (f field) size() int { return len(f.name) + len(f.value) + fieldOverhead }

func (h httpHost) NewFields(context.Context) (httptypes.Fields, error) {
	return &fields{host: h.host}, nil
}

func (h httpHost) FieldsFromList(ctx context.Context, entries []abi.Tuple2[string, []byte]) (abi.Result[httptypes.Fields, httptypes.HeaderError], error) {
	f := &fields{host: h.host}
	for _, e := range entries {
		r, err := f.Append(ctx, e.F0, e.F1)
		if err != nil || r.IsErr {
			return abi.Result[httptypes.Fields, httptypes.HeaderError]{Err: r.Err, IsErr: true}, errors.Join(err, f.Drop(ctx))
		}
	}
	return abi.Result[httptypes.Fields, httptypes.HeaderError]{OK: f}, nil
}

func (f *fields) named(name string) func(field) bool {
	return func(e field) bool { return strings.EqualFold(e.name, name) }
}

func (f *fields) Get(_ context.Context, name string) ([][]byte, error) {
	var values [][]byte
	for _, e := range f.entries {
		if f.named(name)(e) {
			values = append(values, e.value)
		}
	}
	return values, nil
}

func (f *fields) Has(_ context.Context, name string) (bool, error) {
	return slices.ContainsFunc(f.entries, f.named(name)), nil
}

// check tells why a field may not be set; nil when it may.
func (f *fields) check(name string, values ...[]byte) *httptypes.HeaderError {
	fail := func(e httptypes.HeaderError) *httptypes.HeaderError { return &e }
	if f.immutable {
		return fail(httptypes.HeaderErrorImmutable())
	}
	if !httpguts.ValidHeaderFieldName(name) {
		return fail(httptypes.HeaderErrorInvalidSyntax())
	}
	for _, v := range values {
		if !httpguts.ValidHeaderFieldValue(string(v)) {
			return fail(httptypes.HeaderErrorInvalidSyntax())
		}
	}
	return nil
}

type headerResult = abi.Result[abi.Unit, httptypes.HeaderError]

func (f *fields) add(name string, value []byte) error {
	e := field{strings.Clone(name), bytes.Clone(value)}
	if f.host.fieldBytes+e.size() > maxFieldBytes {
		return fmt.Errorf("HTTP fields of more than %d bytes", maxFieldBytes)
	}
	f.host.fieldBytes += e.size()
	f.entries = append(f.entries, e)
	return nil
}

func (f *fields) remove(name string) {
	f.entries = slices.DeleteFunc(f.entries, func(e field) bool {
		if !f.named(name)(e) {
			return false
		}
		f.host.fieldBytes -= e.size()
		return true
	})
}

func (f *fields) Set(_ context.Context, name string, values [][]byte) (headerResult, error) {
	if e := f.check(name, values...); e != nil {
		return headerResult{Err: *e, IsErr: true}, nil
	}
	f.remove(name)
	for _, v := range values {
		if err := f.add(name, v); err != nil {
			return headerResult{}, err
		}
	}
	return headerResult{}, nil
}

func (f *fields) Delete(_ context.Context, name string) (headerResult, error) {
	if e := f.check(name); e != nil {
		return headerResult{Err: *e, IsErr: true}, nil
	}
	f.remove(name)
	return headerResult{}, nil
}

func (f *fields) Append(_ context.Context, name string, value []byte) (headerResult, error) {
	if e := f.check(name, value); e != nil {
		return headerResult{Err: *e, IsErr: true}, nil
	}
	return headerResult{}, f.add(name, value)
}

func (f *fields) Entries(context.Context) ([]abi.Tuple2[string, []byte], error) {
	all := make([]abi.Tuple2[string, []byte], len(f.entries))
	for i, e := range f.entries {
		all[i] = abi.Tuple2[string, []byte]{F0: e.name, F1: e.value}
	}
	return all, nil
}

func (f *fields) Clone(context.Context) (httptypes.Fields, error) {
	c := &fields{host: f.host}
	for _, e := range f.entries {
		if err := c.add(e.name, e.value); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (f *fields) Drop(context.Context) error {
	if f.immutable {
		return nil // they belong to their request
	}
	f.free()
	return nil
}

func (f *fields) free() {
	for _, e := range f.entries {
		f.host.fieldBytes -= e.size()
	}
	f.entries = nil
}

// frozen takes the fields that a guest gives away as a request's.
func frozen(v httptypes.Fields) (*fields, error) {
	f, ok := v.(*fields)
	if !ok {
		return nil, errors.New("fields are not of this host")
	}
	f.immutable = true
	return f, nil
}

// message is an outgoing request or response.
type message struct {
	headers   *fields
	bodyTaken bool
}

func (m *message) Headers(context.Context) (httptypes.Headers, error) { return m.headers, nil }

func (m *message) Body(context.Context) (abi.Result[httptypes.OutgoingBody, abi.Unit], error) {
	if m.bodyTaken {
		return abi.Result[httptypes.OutgoingBody, abi.Unit]{IsErr: true}, nil
	}
	m.bodyTaken = true
	return abi.Result[httptypes.OutgoingBody, abi.Unit]{OK: &outgoingBody{}}, nil
}

func (m *message) Drop(context.Context) error {
	m.headers.free()
	return nil
}

// outgoingRequest is a request that will not be sent.
type outgoingRequest struct {
	message
	method    httptypes.Method
	path      abi.Option[string]
	scheme    abi.Option[httptypes.Scheme]
	authority abi.Option[string]
}

func (h httpHost) NewOutgoingRequest(_ context.Context, headers httptypes.Headers) (httptypes.OutgoingRequest, error) {
	f, err := frozen(headers)
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

// outgoingResponse is a response that nobody asked for.
type outgoingResponse struct {
	message
	status uint16
}

func (h httpHost) NewOutgoingResponse(_ context.Context, headers httptypes.Headers) (httptypes.OutgoingResponse, error) {
	f, err := frozen(headers)
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

// outgoingBody goes nowhere.
type outgoingBody struct{ taken bool }

func (b *outgoingBody) Write(context.Context) (abi.Result[streams.OutputStream, abi.Unit], error) {
	if b.taken {
		return abi.Result[streams.OutputStream, abi.Unit]{IsErr: true}, nil
	}
	b.taken = true
	return abi.Result[streams.OutputStream, abi.Unit]{OK: &outputStream{out: writer(nil)}}, nil
}

func (b *outgoingBody) Drop(context.Context) error { return nil }

func (httpHost) OutgoingBodyFinish(ctx context.Context, this httptypes.OutgoingBody, trailers abi.Option[httptypes.Trailers]) (abi.Result[abi.Unit, httptypes.ErrorCode], error) {
	var err error
	if trailers.Some {
		err = trailers.Value.Drop(ctx)
	}
	return abi.Result[abi.Unit, httptypes.ErrorCode]{}, err
}

// errNoIncoming is a trap: nothing incoming exists, so no guest can have it.
var errNoIncoming = errors.New("this host serves no HTTP: there is no incoming request")

func (httpHost) ResponseOutparamSet(context.Context, httptypes.ResponseOutparam, abi.Result[httptypes.OutgoingResponse, httptypes.ErrorCode]) error {
	return errNoIncoming
}

func (httpHost) IncomingBodyFinish(context.Context, httptypes.IncomingBody) (httptypes.FutureTrailers, error) {
	return nil, errNoIncoming
}
