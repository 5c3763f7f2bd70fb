package wasip2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/gen/wasi/io/ioerror"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
	"github.com/wasinn/wasinn/gen/wasi/io/streams"
)

// ioError is the error resource of a stream.
type ioError struct{ err error }

func (e *ioError) ToDebugString(context.Context) (string, error) { return e.err.Error(), nil }
func (e *ioError) Drop(context.Context) error                    { return nil }

var _ ioerror.Error = (*ioError)(nil)

type pollable struct{ event }

func (p *pollable) Ready(context.Context) (bool, error) { return p.ready(), nil }

func (p *pollable) Block(ctx context.Context) error {
	_, err := wait(ctx, []event{p.event})
	return err
}

func (p *pollable) Drop(context.Context) error { return nil }

type pollHost struct{}

// Poll waits until one of the pollables is ready. An empty list is a trap, as
// nothing could ever end the wait.
func (pollHost) Poll(ctx context.Context, in []poll.Pollable) ([]uint32, error) {
	if len(in) == 0 {
		return nil, errors.New("poll of no pollable would wait for ever")
	}
	events := make([]event, len(in))
	for i, p := range in {
		p, ok := p.(*pollable)
		if !ok {
			return nil, fmt.Errorf("pollable %d is not of this host", i)
		}
		events[i] = p.event
	}
	return wait(ctx, events)
}

// inputStream reads from an input. Once that has failed or ended, the stream
// is closed.
type inputStream struct {
	in     input
	closed bool
}

// result makes a stream's answer of what its input gave.
func inputResult[T any](s *inputStream, v T, err error) (abi.Result[T, streams.StreamError], error) {
	var stop *interrupted
	switch {
	case err == nil:
		return abi.Result[T, streams.StreamError]{OK: v}, nil
	case errors.As(err, &stop):
		return abi.Result[T, streams.StreamError]{}, stop.error
	}
	s.closed = true
	return abi.Result[T, streams.StreamError]{Err: streamError(err), IsErr: true}, nil
}

// streamError is closed for the end of a stream and a failed operation for
// anything else.
func streamError(err error) streams.StreamError {
	if errors.Is(err, io.EOF) {
		return streams.StreamErrorClosed()
	}
	return streams.StreamErrorLastOperationFailed(&ioError{err})
}

func (s *inputStream) take(ctx context.Context, n uint64, wait bool) ([]byte, error) {
	if s.closed {
		return nil, io.EOF
	}
	want := int(min(n, chunkSize))
	if wait {
		return takeWaiting(ctx, s.in, want)
	}
	return s.in.take(want)
}

func (s *inputStream) Read(ctx context.Context, n uint64) (abi.Result[[]byte, streams.StreamError], error) {
	b, err := s.take(ctx, n, false)
	return inputResult(s, b, err)
}

func (s *inputStream) BlockingRead(ctx context.Context, n uint64) (abi.Result[[]byte, streams.StreamError], error) {
	b, err := s.take(ctx, n, true)
	return inputResult(s, b, err)
}

func (s *inputStream) Skip(ctx context.Context, n uint64) (abi.Result[uint64, streams.StreamError], error) {
	b, err := s.take(ctx, n, false)
	return inputResult(s, uint64(len(b)), err)
}

func (s *inputStream) BlockingSkip(ctx context.Context, n uint64) (abi.Result[uint64, streams.StreamError], error) {
	b, err := s.take(ctx, n, true)
	return inputResult(s, uint64(len(b)), err)
}

func (s *inputStream) Subscribe(context.Context) (poll.Pollable, error) {
	if s.closed {
		return &pollable{}, nil
	}
	return &pollable{s.in.event()}, nil
}

func (s *inputStream) Drop(context.Context) error { return s.in.close() }

// output is what an output stream writes to.
type output interface {
	// permit is how many bytes write takes now: none while it would have to wait.
	permit() (int, error)
	// ready happens when permit would be more than none, or an error.
	ready() event
	// write takes all of b without waiting. An output that embeds prompt takes any
	// length, another one no more than permit has said.
	write(b []byte) error
	// flush sends on what was written, without waiting.
	flush() error
	// flushed happens when all that was written has been sent on, or will not be.
	flushed() event
	close() error
}

// prompt is embedded by an output that takes everything at once.
type prompt struct{}

func (prompt) permit() (int, error) { return chunkSize, nil }
func (prompt) ready() event         { return event{} }
func (prompt) flushed() event       { return event{} }
func (prompt) prompt()              {}

type writerOutput struct {
	prompt
	w io.Writer
}

func (o writerOutput) write(b []byte) error {
	_, err := o.w.Write(b)
	return err
}
func (writerOutput) flush() error { return nil }
func (writerOutput) close() error { return nil }

// outputStream writes to an output.
type outputStream struct {
	out    output
	permit uint64 // what the last check-write allowed
	closed bool
}

func (s *outputStream) result(err error) (abi.Result[abi.Unit, streams.StreamError], error) {
	if err == nil {
		return abi.Result[abi.Unit, streams.StreamError]{}, nil
	}
	s.closed = true
	return abi.Result[abi.Unit, streams.StreamError]{Err: streamError(err), IsErr: true}, nil
}

// CheckWrite is how many bytes the next writes may have: 0 while they would have
// to wait.
func (s *outputStream) CheckWrite(context.Context) (abi.Result[uint64, streams.StreamError], error) {
	n, err := s.allowed()
	if err != nil {
		r, _ := s.result(err)
		return abi.Result[uint64, streams.StreamError]{Err: r.Err, IsErr: true}, nil
	}
	s.permit = uint64(n)
	return abi.Result[uint64, streams.StreamError]{OK: s.permit}, nil
}

// allowed is how many bytes the output takes now.
func (s *outputStream) allowed() (int, error) {
	if s.closed {
		return 0, io.EOF
	}
	n, err := s.out.permit()
	return min(n, chunkSize), err
}

// Write traps when the guest writes more than check-write has allowed.
func (s *outputStream) Write(_ context.Context, b []byte) (abi.Result[abi.Unit, streams.StreamError], error) {
	if err := s.spend(uint64(len(b))); err != nil {
		return abi.Result[abi.Unit, streams.StreamError]{}, err
	}
	return s.result(s.write(b))
}

func (s *outputStream) spend(n uint64) error {
	if n > s.permit {
		return fmt.Errorf("write of %d bytes: check-write has allowed %d", n, s.permit)
	}
	s.permit -= n
	return nil
}

func (s *outputStream) write(b []byte) error {
	if s.closed {
		return io.EOF
	}
	return s.out.write(b)
}

// BlockingWriteAndFlush takes any length, though the interface promises no
// more than 4096 bytes.
func (s *outputStream) BlockingWriteAndFlush(ctx context.Context, b []byte) (abi.Result[abi.Unit, streams.StreamError], error) {
	return s.waited(s.writeAll(ctx, b))
}

// writeAll writes b, in parts where the output cannot take it at once, and
// waits until it has been sent on.
func (s *outputStream) writeAll(ctx context.Context, b []byte) error {
	if _, ok := s.out.(interface{ prompt() }); ok {
		if err := s.write(b); err != nil {
			return err
		}
		return s.out.flush()
	}
	s.permit = 0 // what it was for is used up here
	for len(b) > 0 {
		n, err := s.waitAllowed(ctx)
		if err != nil {
			return err
		}
		n = min(n, len(b))
		if err := s.write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return s.flushAll(ctx)
}

// waitAllowed is allowed, but waits until it is more than nothing.
func (s *outputStream) waitAllowed(ctx context.Context) (int, error) {
	for {
		n, err := s.allowed()
		if n > 0 || err != nil {
			return n, err
		}
		if _, err := wait(ctx, []event{s.out.ready()}); err != nil {
			return 0, &interrupted{err}
		}
	}
}

// flushAll flushes, and waits until all has been sent on.
func (s *outputStream) flushAll(ctx context.Context) error {
	if s.closed {
		return io.EOF
	}
	if err := s.out.flush(); err != nil {
		return err
	}
	if _, err := wait(ctx, []event{s.out.flushed()}); err != nil {
		return &interrupted{err}
	}
	_, err := s.out.permit() // tells whether it went well
	return err
}

// waited is result for what may have been interrupted, which is a trap.
func (s *outputStream) waited(err error) (abi.Result[abi.Unit, streams.StreamError], error) {
	var stop *interrupted
	if errors.As(err, &stop) {
		return abi.Result[abi.Unit, streams.StreamError]{}, stop.error
	}
	return s.result(err)
}

func (s *outputStream) Flush(context.Context) (abi.Result[abi.Unit, streams.StreamError], error) {
	if s.closed {
		return s.result(io.EOF)
	}
	return s.result(s.out.flush())
}

func (s *outputStream) BlockingFlush(ctx context.Context) (abi.Result[abi.Unit, streams.StreamError], error) {
	return s.waited(s.flushAll(ctx))
}

func (s *outputStream) Subscribe(context.Context) (poll.Pollable, error) {
	return &pollable{event{pending: func() <-chan struct{} {
		if s.closed {
			return nil
		}
		return s.out.ready().channel()
	}}}, nil
}

func (s *outputStream) WriteZeroes(_ context.Context, n uint64) (abi.Result[abi.Unit, streams.StreamError], error) {
	if err := s.spend(n); err != nil {
		return abi.Result[abi.Unit, streams.StreamError]{}, err
	}
	return s.result(s.write(zeroes[:n]))
}

// zeroes is written by write-zeroes.
var zeroes [chunkSize]byte

// BlockingWriteZeroesAndFlush traps above a chunk, so that no single call
// writes for long.
func (s *outputStream) BlockingWriteZeroesAndFlush(ctx context.Context, n uint64) (abi.Result[abi.Unit, streams.StreamError], error) {
	if n > chunkSize {
		return abi.Result[abi.Unit, streams.StreamError]{}, fmt.Errorf("%d zeroes at once: at most %d are written", n, chunkSize)
	}
	return s.waited(s.writeAll(ctx, zeroes[:n]))
}

func (s *outputStream) Splice(ctx context.Context, src streams.InputStream, n uint64) (abi.Result[uint64, streams.StreamError], error) {
	return s.splice(ctx, src, n, false)
}

func (s *outputStream) BlockingSplice(ctx context.Context, src streams.InputStream, n uint64) (abi.Result[uint64, streams.StreamError], error) {
	return s.splice(ctx, src, n, true)
}

func (s *outputStream) splice(ctx context.Context, src streams.InputStream, n uint64, wait bool) (abi.Result[uint64, streams.StreamError], error) {
	in, ok := src.(*inputStream)
	if !ok {
		return abi.Result[uint64, streams.StreamError]{}, errors.New("splice from a stream that is not of this host")
	}
	permit, err := s.allowed()
	if wait {
		permit, err = s.waitAllowed(ctx)
	}
	if err != nil {
		r, err := s.waited(err)
		return abi.Result[uint64, streams.StreamError]{Err: r.Err, IsErr: true}, err
	}
	if permit == 0 {
		return abi.Result[uint64, streams.StreamError]{}, nil
	}
	b, err := in.take(ctx, min(n, uint64(permit)), wait)
	if err != nil {
		return inputResult(in, uint64(0), err)
	}
	s.permit -= min(s.permit, uint64(len(b)))
	if err := s.write(b); err != nil {
		r, _ := s.result(err)
		return abi.Result[uint64, streams.StreamError]{Err: r.Err, IsErr: true}, nil
	}
	return abi.Result[uint64, streams.StreamError]{OK: uint64(len(b))}, nil
}

func (s *outputStream) Drop(context.Context) error { return s.out.close() }

// offset checks that a file offset of a guest fits a signed number.
func offset(v uint64) (int64, error) {
	if v > math.MaxInt64 {
		return 0, errBadOffset
	}
	return int64(v), nil
}
