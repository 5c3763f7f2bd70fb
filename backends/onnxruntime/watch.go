//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"context"
	"sync"

	"github.com/wasinn/wasinn/backends/onnxruntime/internal/ortshim"
)

// watch stops an execution's run when a context ends. It stays registered with
// the context from one computation to the next, so that only the first
// computation under a context pays for it.
type watch struct {
	done <-chan struct{} // of the context that is followed; used by Compute alone
	stop func() bool

	mu    sync.Mutex
	run   *ortshim.Run // nil once closed
	turn  int          // counts the contexts followed
	fired bool         // the run is set to stop
}

// follow makes sure that the end of ctx stops the run. It returns false when ctx
// never ends.
func (w *watch) follow(ctx context.Context) bool {
	done := ctx.Done()
	if done == nil {
		return false
	}
	if done == w.done { // contexts that end together share the channel
		return true
	}
	if w.stop != nil {
		w.stop()
	}
	turn := w.begin()
	w.done = done
	w.stop = context.AfterFunc(ctx, func() { w.fire(turn) })
	return true
}

// begin makes the run ready to be followed for another context.
func (w *watch) begin() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn++
	if w.fired {
		w.fired = false
		_ = w.run.Terminate(false) // cannot fail: it sets a flag
	}
	return w.turn
}

// fire stops the run, unless another context is followed by now.
func (w *watch) fire(turn int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if turn == w.turn && w.run != nil {
		w.fired = true
		_ = w.run.Terminate(true) // cannot fail: it sets a flag
	}
}

// close ends the following; the run may be released then.
func (w *watch) close() {
	if w.stop != nil {
		w.stop()
	}
	w.mu.Lock()
	w.run = nil
	w.mu.Unlock()
}
