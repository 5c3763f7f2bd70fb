package wasip2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/pump"
	httptypes "github.com/wasinn/wasinn/gen/wasi/http/types"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
	"github.com/wasinn/wasinn/gen/wasi/io/streams"
)

// bodyPipe carries a body from a guest, which never waits in it, to net/http,
// which reads it on a goroutine. It holds a chunk at most.
type bodyPipe struct {
	mu       sync.Mutex
	buf      []byte
	more     chan struct{} // closed when there is something to read; nil when nobody waits
	room     chan struct{} // closed when there is room; nil when nobody waits
	end      error         // what the reader gets after buf; nil while more may come
	broken   bool          // the reader reads no more
	trailers http.Header   // what came with the end
	onEnd    func(http.Header)
}

// wake closes a channel that somebody waits on.
func wake(ch *chan struct{}) {
	if *ch != nil {
		close(*ch)
		*ch = nil
	}
}

// Read is for net/http.
func (p *bodyPipe) Read(b []byte) (int, error) {
	for {
		n, ch, err := p.read(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		<-ch
	}
}

func (p *bodyPipe) read(b []byte) (int, <-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.buf) > 0:
		n := copy(b, p.buf)
		p.buf = p.buf[:copy(p.buf, p.buf[n:])]
		wake(&p.room)
		return n, nil, nil
	case p.broken:
		return 0, nil, io.ErrClosedPipe
	case p.end != nil:
		if p.onEnd != nil && p.end == io.EOF {
			p.onEnd(p.trailers)
		}
		return 0, nil, p.end
	}
	if p.more == nil {
		p.more = make(chan struct{})
	}
	return 0, p.more, nil
}

// Close is for net/http: nothing is read any more.
func (p *bodyPipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken, p.buf = true, nil
	wake(&p.room)
	wake(&p.more)
	return nil
}

// finish ends the body: io.EOF when it is complete.
func (p *bodyPipe) finish(end error, trailers http.Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end == nil {
		p.end, p.trailers = end, trailers
		wake(&p.more)
		wake(&p.room)
	}
}

// known is how many bytes the body has, when it is complete and nothing comes
// after it; else -1.
func (p *bodyPipe) known() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != io.EOF || len(p.trailers) > 0 {
		return -1
	}
	return int64(len(p.buf))
}

func (p *bodyPipe) permit() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.end != nil:
		return 0, io.EOF
	case p.broken:
		return 0, errHTTPGone
	}
	return chunkSize - len(p.buf), nil
}

func (p *bodyPipe) ready() event {
	return event{pending: func() <-chan struct{} {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.end != nil || p.broken || len(p.buf) < chunkSize {
			return nil
		}
		if p.room == nil {
			p.room = make(chan struct{})
		}
		return p.room
	}}
}

func (p *bodyPipe) write(b []byte) error {
	if n, err := p.permit(); err != nil {
		return err
	} else if len(b) > n {
		return fmt.Errorf("write of %d bytes where there is room for %d", len(b), n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = append(p.buf, b...)
	wake(&p.more)
	return nil
}

// outgoingBody is a body that a guest writes.
type outgoingBody struct {
	host     *host
	pipe     *bodyPipe
	length   int64 // that its message announces; -1 for none
	written  uint64
	taken    bool
	finished bool
}

// maxBodies is how many bodies an instance may be writing at a time. Each may
// hold a chunk.
const maxBodies = 256

func (h *host) newBody(length int64) (*outgoingBody, error) {
	if h.bodies >= maxBodies {
		return nil, fmt.Errorf("more than %d HTTP bodies at a time", maxBodies)
	}
	h.bodies++
	return &outgoingBody{host: h, pipe: &bodyPipe{}, length: length}, nil
}

func (b *outgoingBody) Write(context.Context) (abi.Result[streams.OutputStream, abi.Unit], error) {
	if b.taken {
		return abi.Result[streams.OutputStream, abi.Unit]{IsErr: true}, nil
	}
	b.taken = true
	return abi.Result[streams.OutputStream, abi.Unit]{OK: &outputStream{out: bodyOutput{b}}}, nil
}

// Drop cuts off a body that was not finished.
func (b *outgoingBody) Drop(context.Context) error {
	b.end(errHTTPCutOff, nil)
	return nil
}

func (b *outgoingBody) end(err error, trailers http.Header) {
	if b.finished {
		return
	}
	b.finished = true
	b.host.bodies--
	b.pipe.finish(err, trailers)
}

// bodyOutput is the stream of a body, which holds it to the length announced.
type bodyOutput struct{ body *outgoingBody }

func (o bodyOutput) permit() (int, error) { return o.body.pipe.permit() }
func (o bodyOutput) ready() event         { return o.body.pipe.ready() }
func (o bodyOutput) flush() error         { return nil }
func (o bodyOutput) flushed() event       { return event{} }
func (o bodyOutput) close() error         { return nil }

func (o bodyOutput) write(b []byte) error {
	o.body.written += uint64(len(b))
	if o.body.tooLong() {
		return bodySizeError(o.body.written)
	}
	return o.body.pipe.write(b)
}

func (b *outgoingBody) tooLong() bool { return b.length >= 0 && b.written > uint64(b.length) }

// OutgoingBodyFinish ends a body. One that is not as long as its message has
// announced is cut off, and an error.
func (httpHost) OutgoingBodyFinish(ctx context.Context, this httptypes.OutgoingBody, trailers abi.Option[httptypes.Trailers]) (httpResult[abi.Unit], error) {
	b, ok := this.(*outgoingBody)
	if !ok {
		return httpResult[abi.Unit]{}, errors.New("the body is not of this host")
	}
	var header http.Header
	if trailers.Some {
		f, err := frozen(ctx, trailers.Value)
		if err != nil {
			return httpResult[abi.Unit]{}, err
		}
		header, _ = f.header()
		f.free()
	}
	if b.length >= 0 && b.written != uint64(b.length) {
		err := bodySizeError(b.written)
		b.end(err, nil)
		return httpAnswer(abi.Unit{}, err), nil
	}
	b.end(io.EOF, header)
	return httpResult[abi.Unit]{}, nil
}

// lease is something that several resources use; the last of them ends it.
type lease struct {
	users int
	end   func()
}

func (l *lease) use() *lease {
	l.users++
	return l
}

func (l *lease) release() {
	if l.users--; l.users == 0 {
		l.end()
	}
}

// incomingBody is a body that a guest reads. Its stream and its trailers share
// the lease.
type incomingBody struct {
	host     *host
	lease    *lease
	pump     pumped
	trailers func() http.Header // once the pump is at the end
	taken    bool
}

func newIncomingBody(h *host, l *lease, r io.Reader, trailers func() http.Header) *incomingBody {
	return &incomingBody{host: h, lease: l.use(), pump: pumped{pump.New(r)}, trailers: trailers}
}

func (b *incomingBody) Stream(context.Context) (abi.Result[streams.InputStream, abi.Unit], error) {
	if b.taken {
		return abi.Result[streams.InputStream, abi.Unit]{IsErr: true}, nil
	}
	b.taken = true
	return abi.Result[streams.InputStream, abi.Unit]{OK: &inputStream{in: bodyInput{b.pump, b.lease.use()}}}, nil
}

func (b *incomingBody) Drop(context.Context) error {
	err := b.pump.close()
	b.lease.release()
	return err
}

// bodyInput is the stream of a body.
type bodyInput struct {
	pumped
	lease *lease
}

// close leaves the pump to the body, which may be about to be finished.
func (i bodyInput) close() error {
	i.lease.release()
	return nil
}

// IncomingBodyFinish passes over what is left of a body, for the trailers after
// it.
func (httpHost) IncomingBodyFinish(_ context.Context, this httptypes.IncomingBody) (httptypes.FutureTrailers, error) {
	b, ok := this.(*incomingBody)
	if !ok {
		return nil, errors.New("the body is not of this host")
	}
	b.pump.Drain()
	return &futureTrailers{body: b}, nil
}

// futureTrailers has taken its body over.
type futureTrailers struct {
	body  *incomingBody
	taken bool
}

func (f *futureTrailers) Subscribe(context.Context) (poll.Pollable, error) {
	return &pollable{f.body.pump.event()}, nil
}

type trailersResult = httpResult[abi.Option[httptypes.Trailers]]

func (f *futureTrailers) Get(context.Context) (abi.Option[abi.Result[trailersResult, abi.Unit]], error) {
	var none abi.Option[abi.Result[trailersResult, abi.Unit]]
	some := func(r abi.Result[trailersResult, abi.Unit]) abi.Option[abi.Result[trailersResult, abi.Unit]] {
		return abi.Option[abi.Result[trailersResult, abi.Unit]]{Value: r, Some: true}
	}
	_, err := f.body.pump.take(0)
	switch {
	case f.taken:
		return some(abi.Result[trailersResult, abi.Unit]{IsErr: true}), nil
	case err == nil:
		return none, nil
	}
	f.taken = true
	r := abi.Option[httptypes.Trailers]{}
	if err == io.EOF {
		r, err = f.trailers()
	}
	return some(abi.Result[trailersResult, abi.Unit]{OK: httpAnswer(r, err)}), nil
}

// trailers are what came after the body, if anything.
func (f *futureTrailers) trailers() (abi.Option[httptypes.Trailers], error) {
	header := f.body.trailers()
	if len(header) == 0 {
		return abi.Option[httptypes.Trailers]{}, nil
	}
	incoming, err := f.body.host.incomingFields(header)
	if err != nil {
		return abi.Option[httptypes.Trailers]{}, &httpError{code: httptypes.ErrorCodeHTTPResponseTrailerSectionSize(abi.Option[uint32]{}), err: err}
	}
	incoming.owned = true
	return abi.Option[httptypes.Trailers]{Value: incoming, Some: true}, nil
}

func (f *futureTrailers) Drop(ctx context.Context) error {
	return f.body.Drop(ctx)
}
