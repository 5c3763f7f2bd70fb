package wasip2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/pump"
	"github.com/wasinn/wasinn/gen/wasi/http/incominghandler"
	httptypes "github.com/wasinn/wasinn/gen/wasi/http/types"
)

// Defaults of an [HTTPHandlerConfig].
const (
	DefaultMaxInstances   = 64
	DefaultHandlerTimeout = time.Minute
)

// HTTPHandlerConfig configures an [HTTPHandler].
type HTTPHandlerConfig struct {
	// MaxInstances is how many instances may be alive at a time; further requests
	// wait. 0 is [DefaultMaxInstances].
	MaxInstances int
	// Timeout is how long an instance may live; 0 is [DefaultHandlerTimeout].
	Timeout time.Duration
	// OnError is told why a request was not answered as it should: a trap, a limit,
	// an error of the guest's own. It may be called by several goroutines at a time.
	OnError func(r *http.Request, err error)
}

// HTTPHandler answers HTTP requests by a component that exports
// wasi:http/incoming-handler, in an instance of its own for each request.
type HTTPHandler struct {
	linker    *component.Linker
	component *component.Component
	cfg       HTTPHandlerConfig
	slots     chan struct{}
	running   sync.WaitGroup
}

// incomingInterface is what an HTTP component exports, in any 0.2.x.
const incomingInterface = "wasi:http/incoming-handler@0.2."

// NewHTTPHandler returns an [http.Handler] that answers by c. The linker has
// WASI by [AddToLinker] or [AddToLinkerFunc], whatever else c imports, and no
// standard input that instances would take from each other.
//
// It is an error when c exports no wasi:http/incoming-handler.
func NewHTTPHandler(l *component.Linker, c *component.Component, cfg HTTPHandlerConfig) (*HTTPHandler, error) {
	exported := false
	for _, e := range c.Exports() {
		exported = exported || strings.HasPrefix(e.Name, incomingInterface)
	}
	if !exported {
		return nil, fmt.Errorf("the component does not export %sx, so it cannot answer HTTP requests", incomingInterface)
	}
	if cfg.MaxInstances <= 0 {
		cfg.MaxInstances = DefaultMaxInstances
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultHandlerTimeout
	}
	return &HTTPHandler{linker: l, component: c, cfg: cfg, slots: make(chan struct{}, cfg.MaxInstances)}, nil
}

// Wait returns when no instance is alive. A guest may go on after its response is
// complete. No request may come meanwhile.
func (h *HTTPHandler) Wait() { h.running.Wait() }

// errNoAnswer is what a guest does that sets no response.
var errNoAnswer = errors.New("the guest returned without setting a response")

// ServeHTTP answers a request: with status 500 when the guest does not. A
// response whose body does not come to its end is cut off.
func (h *HTTPHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case h.slots <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	// The guest may go on after the response, but not without who asked for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.cfg.Timeout)
	detach := context.AfterFunc(r.Context(), cancel)
	defer detach()
	control := http.NewResponseController(w)
	x := &serving{request: r, answered: make(chan struct{}), over: make(chan struct{})}
	if r.ProtoMajor == 1 && r.ContentLength != 0 {
		_ = control.EnableFullDuplex() // guests may write before they have read everything
		defer x.stopReading(control)
	}
	h.running.Add(1)
	go func() {
		defer h.running.Done()
		defer func() { <-h.slots }()
		defer cancel()
		h.run(ctx, x)
	}()
	select {
	case <-x.answered:
	case <-x.over:
	}
	err := x.respond(w, control)
	if err != nil {
		cancel()
		<-x.over
	}
	if err != nil && !errors.Is(err, errNoResponse) {
		h.report(r, err)
	}
	if errors.Is(err, errCutOff) {
		panic(http.ErrAbortHandler) // which is how net/http is told to cut off
	}
}

func (h *HTTPHandler) report(r *http.Request, err error) {
	if h.cfg.OnError != nil {
		h.cfg.OnError(r, err)
	}
}

// run is the life of an instance.
func (h *HTTPHandler) run(ctx context.Context, x *serving) {
	defer close(x.over)
	defer func() {
		if r := recover(); r != nil {
			h.report(x.request, fmt.Errorf("this is a defect of wasinn, please report it: %v\n%s", r, debug.Stack()))
		}
	}()
	err := h.handle(ctx, x)
	if exit, ok := errors.AsType[*component.ExitError](err); ok && exit.Code == 0 {
		err = nil
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if err == nil && !x.hasAnswer() {
		err = errNoAnswer
	}
	if err != nil {
		h.report(x.request, err)
	}
}

// hasAnswer tells whether the guest has set a response.
func (x *serving) hasAnswer() bool {
	select {
	case <-x.answered:
		return true
	default:
		return false
	}
}

// servingKey is where an instance finds its request.
type servingKey struct{}

func (h *HTTPHandler) handle(ctx context.Context, x *serving) error {
	inst, err := h.linker.Instantiate(ctx, h.component, component.WithValue(servingKey{}, x))
	if err != nil {
		return err
	}
	closing := context.WithoutCancel(ctx)
	if x.host == nil {
		return errors.Join(errors.New("the linker has no WASI: wasip2.AddToLinker adds it"), inst.Close(closing))
	}
	client, err := incominghandler.NewClient(inst)
	if err != nil {
		return errors.Join(err, inst.Close(closing))
	}
	in, err := x.incoming()
	if err != nil {
		return errors.Join(err, inst.Close(closing))
	}
	return errors.Join(client.Handle(ctx, in, &responseOutparam{x}), inst.Close(closing))
}

// serving is one request on its way through an instance.
type serving struct {
	request *http.Request
	host    *host // set when the instance is made
	lease   *lease

	mu   sync.Mutex
	body *pump.Pump // of the request; nil until the guest has taken it

	answered chan struct{} // closed when what follows it is there
	refused  error         // in place of a response
	status   int
	header   http.Header
	pipe     *bodyPipe // nil for no body

	over chan struct{} // closed when the instance is gone
}

// incoming is the request as the guest sees it.
func (x *serving) incoming() (*incomingRequest, error) {
	headers, err := x.host.incomingFields(x.request.Header)
	if err != nil {
		return nil, err
	}
	x.lease = &lease{end: func() {}}
	return &incomingRequest{serving: x, headers: headers}, nil
}

var (
	// errNoResponse is an instance that is gone, which has been reported.
	errNoResponse = errors.New("no response")
	// errCutOff is a response whose body ended early.
	errCutOff = errors.New("the response was cut off")
)

// respond sends what the guest has answered.
func (x *serving) respond(w http.ResponseWriter, control *http.ResponseController) error {
	if !x.hasAnswer() {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return errNoResponse
	}
	if x.refused != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return fmt.Errorf("the guest answers with an error: %w", x.refused)
	}
	header := w.Header()
	for name, values := range x.header {
		header[name] = values
	}
	if _, ok := header["Content-Type"]; !ok {
		header["Content-Type"] = nil // net/http would guess one
	}
	w.WriteHeader(x.status)
	if x.pipe == nil {
		return nil
	}
	defer x.pipe.Close()
	return x.copyBody(w, control)
}

// copyBody sends the body piece by piece, each as soon as it is there.
func (x *serving) copyBody(w http.ResponseWriter, control *http.ResponseController) error {
	b := make([]byte, 32<<10)
	for {
		n, err := x.pipe.Read(b)
		if n > 0 {
			if _, failed := w.Write(b[:n]); failed != nil && !errors.Is(failed, http.ErrBodyNotAllowed) {
				return fmt.Errorf("%w: %w", errCutOff, failed)
			}
			_ = control.Flush() // a writer that cannot has no need to
		}
		if err == io.EOF {
			for name, values := range x.pipe.trailers {
				w.Header()[http.TrailerPrefix+name] = values
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errCutOff, err)
		}
	}
}

const (
	// maxUnread is how many bytes of a body that the guest has not looked at are
	// read for it, so that the connection can serve another request.
	maxUnread = 256 << 10
	// unreadTimeout is how long that may take.
	unreadTimeout = time.Second
)

// stopReading leaves nothing of the request's body to net/http, which in full
// duplex does not look after what handlers leave unread: it is read to its end,
// or else there is no more reading from the connection.
func (x *serving) stopReading(control *http.ResponseController) {
	x.mu.Lock()
	body := x.body
	x.mu.Unlock()
	if body != nil {
		if _, ended := body.Unread(); ended {
			return
		}
	}
	asks := x.request.Header.Get("Expect") != "" // and would not send it now
	if body == nil && !asks && control.SetReadDeadline(time.Now().Add(unreadTimeout)) == nil {
		if _, err := io.CopyN(io.Discard, x.request.Body, maxUnread); err == io.EOF {
			_ = control.SetReadDeadline(time.Time{})
			return
		}
	}
	_ = control.SetReadDeadline(time.Unix(1, 0)) // a writer that cannot has no connection
}

// incomingRequest is a request to the guest.
type incomingRequest struct {
	serving  *serving
	headers  *fields
	consumed bool
}

// methods are those that the interface has names for.
var methods = map[string]httptypes.Method{
	http.MethodGet: httptypes.MethodGet(), http.MethodHead: httptypes.MethodHead(), http.MethodPost: httptypes.MethodPost(),
	http.MethodPut: httptypes.MethodPut(), http.MethodDelete: httptypes.MethodDelete(), http.MethodConnect: httptypes.MethodConnect(),
	http.MethodOptions: httptypes.MethodOptions(), http.MethodTrace: httptypes.MethodTrace(), http.MethodPatch: httptypes.MethodPatch(),
}

func (r *incomingRequest) Method(context.Context) (httptypes.Method, error) {
	name := r.serving.request.Method
	if m, ok := methods[name]; ok {
		return m, nil
	}
	return httptypes.MethodOther(name), nil
}

func (r *incomingRequest) PathWithQuery(context.Context) (abi.Option[string], error) {
	return abi.Option[string]{Value: r.serving.request.URL.RequestURI(), Some: true}, nil
}

func (r *incomingRequest) Scheme(context.Context) (abi.Option[httptypes.Scheme], error) {
	scheme := httptypes.SchemeHTTP()
	if r.serving.request.TLS != nil {
		scheme = httptypes.SchemeHTTPS()
	}
	return abi.Option[httptypes.Scheme]{Value: scheme, Some: true}, nil
}

func (r *incomingRequest) Authority(context.Context) (abi.Option[string], error) {
	host := r.serving.request.Host
	return abi.Option[string]{Value: host, Some: host != ""}, nil
}

func (r *incomingRequest) Headers(context.Context) (httptypes.Headers, error) { return r.headers, nil }

func (r *incomingRequest) Consume(context.Context) (abi.Result[httptypes.IncomingBody, abi.Unit], error) {
	if r.consumed {
		return abi.Result[httptypes.IncomingBody, abi.Unit]{IsErr: true}, nil
	}
	r.consumed = true
	x := r.serving
	body := newIncomingBody(x.host, x.lease, x.request.Body, func() http.Header { return x.request.Trailer })
	x.mu.Lock()
	x.body = body.pump.Pump
	x.mu.Unlock()
	return abi.Result[httptypes.IncomingBody, abi.Unit]{OK: body}, nil
}

func (r *incomingRequest) Drop(context.Context) error {
	r.headers.free()
	return nil
}

// responseOutparam is where the guest puts its response.
type responseOutparam struct{ serving *serving }

func (p *responseOutparam) Drop(context.Context) error { return nil }

// ResponseOutparamSet takes the response, which goes on its way at once, or the
// error in its place.
func (httpHost) ResponseOutparamSet(ctx context.Context, param httptypes.ResponseOutparam, response httpResult[httptypes.OutgoingResponse]) error {
	p, ok := param.(*responseOutparam)
	if !ok {
		return errors.New("the response-outparam is not of this host")
	}
	x := p.serving
	defer close(x.answered)
	if response.IsErr {
		x.refused = &httpError{code: response.Err}
		return nil
	}
	out, ok := response.OK.(*outgoingResponse)
	if !ok {
		x.refused = errors.New("the response is not of this host")
		return x.refused
	}
	if out.status < 200 {
		x.refused = fmt.Errorf("status %d is that of no final response", out.status)
		return out.Drop(ctx)
	}
	x.status = int(out.status)
	x.header, _ = out.headers.header()
	if out.body != nil {
		x.pipe, out.sent = out.body.pipe, true
	}
	return out.Drop(ctx)
}
