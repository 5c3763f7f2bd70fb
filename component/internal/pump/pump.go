// Package pump reads from a reader that may block, without blocking who wants
// to read.
package pump

import (
	"io"
	"sync"
)

// ChunkSize is how many bytes are read ahead at most.
const ChunkSize = 64 << 10

// Pump reads on a goroutine of its own, one chunk ahead. The goroutine starts
// with the first use, and ends when the reader does or at the first read after
// Close.
//
// Its methods are safe for concurrent use, but for what Take returns.
type Pump struct {
	r     io.Reader
	start sync.Once
	more  chan struct{} // the chunk is used up; closed by Close

	mu     sync.Mutex
	chunk  []byte
	unread []byte
	err    error
	filled chan struct{} // closed while unread or err is there
	closed bool
	drains bool // what is read is passed over
}

// New returns the pump of a reader, which nobody else may read from.
func New(r io.Reader) *Pump {
	return &Pump{r: r, more: make(chan struct{}, 1), filled: make(chan struct{})}
}

func (p *Pump) run() {
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

func (p *Pump) begin() {
	p.start.Do(func() {
		p.chunk = make([]byte, ChunkSize)
		go p.run()
	})
}

// Take returns up to n bytes, valid until the next call, without waiting:
// nothing and no error when there is nothing yet, the reader's error, such as
// io.EOF, behind the last, and io.ErrClosedPipe after Close.
func (p *Pump) Take(n int) ([]byte, error) {
	p.begin()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unread) == 0 {
		switch {
		case p.err != nil:
			return nil, p.err
		case p.closed:
			return nil, io.ErrClosedPipe
		}
		p.next()
		return nil, nil
	}
	out := p.unread[:min(n, len(p.unread))]
	p.unread = p.unread[len(out):]
	return out, nil
}

// next asks for the next chunk once the last is used up. What Take returned
// stays good until then, since the goroutine writes only after it was asked.
func (p *Pump) next() {
	select {
	case <-p.filled:
		p.filled = make(chan struct{})
		p.more <- struct{}{}
	default: // already asked
	}
}

// Unread is how many bytes Take has ready, and whether the reader has come to
// its end or failed.
func (p *Pump) Unread() (n int, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.unread), p.err != nil
}

// Drain passes over all that is still to be read: from now on Pending waits for
// the end.
func (p *Pump) Drain() {
	p.begin()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drains, p.unread = true, nil
	if p.err == nil && !p.closed {
		p.next()
	}
}

// Pending returns a channel that is closed once Take would return something or
// an error, or nil when it would now.
func (p *Pump) Pending() <-chan struct{} {
	p.begin()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unread) > 0 || p.err != nil || p.closed {
		return nil
	}
	p.next()
	return p.filled
}

// Close ends the goroutine with its next read. Calling it again does nothing.
func (p *Pump) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.more)
	}
	return nil
}
