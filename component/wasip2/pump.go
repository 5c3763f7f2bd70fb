package wasip2

import (
	"context"
	"io"
	"sync"
)

// chunkSize is the most bytes that one read of a stream returns.
const chunkSize = 64 << 10

// input is what an input stream reads from.
type input interface {
	// take returns up to n bytes, valid until the next call, without waiting:
	// nothing and no error when there is nothing yet, io.EOF at the end.
	take(n int) ([]byte, error)
	// event happens when take would return something or an error.
	event() event
	// close gives back what the input holds.
	close() error
}

// pump makes an input of a reader that may block, by reading on a goroutine of
// its own, one chunk ahead. The goroutine starts with the first use, and ends
// when the reader does or at the first read after close.
type pump struct {
	r     io.Reader
	start sync.Once
	more  chan struct{} // the chunk is used up; closed by close

	mu     sync.Mutex
	chunk  []byte
	unread []byte
	err    error
	filled chan struct{} // closed while unread or err is there
	closed bool
	drains bool // what is read is passed over
}

func newPump(r io.Reader) *pump {
	return &pump{r: r, more: make(chan struct{}, 1), filled: make(chan struct{})}
}

func (p *pump) run() {
	for {
		n, err := p.r.Read(p.chunk)
		p.mu.Lock()
		if p.drains {
			n = 0
		}
		p.unread, p.err = p.chunk[:n], err
		if n > 0 || err != nil {
			close(p.filled)
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
		if n > 0 {
			if _, ok := <-p.more; !ok {
				return
			}
		}
	}
}

func (p *pump) begin() {
	p.start.Do(func() {
		p.chunk = make([]byte, chunkSize)
		go p.run()
	})
}

func (p *pump) take(n int) ([]byte, error) {
	p.begin()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unread) == 0 {
		if p.err == nil && !p.closed {
			p.next()
		}
		return nil, p.err
	}
	out := p.unread[:min(n, len(p.unread))]
	p.unread = p.unread[len(out):]
	return out, nil
}

// next asks for the next chunk once the last is used up. What take returned
// stays good until then, since the goroutine writes only after it was asked.
func (p *pump) next() {
	select {
	case <-p.filled:
		p.filled = make(chan struct{})
		p.more <- struct{}{}
	default: // already asked
	}
}

// ended tells whether the reader has come to its end.
func (p *pump) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil
}

// drain passes over all that is still to be read: from now on the event is that
// of the end.
func (p *pump) drain() {
	p.begin()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drains, p.unread = true, nil
	if p.err == nil && !p.closed {
		p.next()
	}
}

func (p *pump) event() event {
	return event{pending: func() <-chan struct{} {
		p.begin()
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.unread) > 0 || p.err != nil || p.closed {
			return nil
		}
		p.next()
		return p.filled
	}}
}

func (p *pump) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.more)
	}
	return nil
}

// ended is an input at its end.
type ended struct{}

func (ended) take(int) ([]byte, error) { return nil, io.EOF }
func (ended) event() event             { return event{} }
func (ended) close() error             { return nil }

// takeWaiting is take, but waits until there is something.
func takeWaiting(ctx context.Context, in input, n int) ([]byte, error) {
	for {
		b, err := in.take(n)
		if len(b) > 0 || err != nil || n == 0 {
			return b, err
		}
		if _, err := wait(ctx, []event{in.event()}); err != nil {
			return nil, &interrupted{err}
		}
	}
}

// interrupted is the end of the call's context, which is a trap and no error
// of the stream.
type interrupted struct{ error }

func (e *interrupted) Unwrap() error { return e.error }
