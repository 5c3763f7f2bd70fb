package wasip2

import (
	"context"
	"io"

	"github.com/wasinn/wasinn/component/internal/pump"
)

// chunkSize is the most bytes that one read of a stream returns.
const chunkSize = pump.ChunkSize

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

// pumped is the input of a reader that may block.
type pumped struct{ *pump.Pump }

func (p pumped) take(n int) ([]byte, error) { return p.Take(n) }
func (p pumped) event() event               { return event{pending: p.Pending} }
func (p pumped) close() error               { return p.Close() }

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
