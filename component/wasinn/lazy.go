package wasinn

import (
	"bytes"
	"context"
	"sync"

	"github.com/wasinn/wasinn/backends"
)

// lazyGraph loads its model when its first context is made. A failure is not
// remembered, and the parts are dropped once the model is loaded.
type lazyGraph struct {
	svc  *service
	opts backends.LoadOptions

	mu     sync.Mutex
	parts  [][]byte
	loaded *graph
	closed bool
}

func cloneParts(parts [][]byte) [][]byte {
	own := make([][]byte, len(parts))
	for i, p := range parts {
		own[i] = bytes.Clone(p)
	}
	return own
}

// graph returns the loaded graph, or nil before the first context.
func (l *lazyGraph) graph() *graph {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loaded
}

func (l *lazyGraph) Inputs() []backends.TensorInfo {
	if g := l.graph(); g != nil {
		return g.Inputs()
	}
	return nil
}

func (l *lazyGraph) Outputs() []backends.TensorInfo {
	if g := l.graph(); g != nil {
		return g.Outputs()
	}
	return nil
}

// NewContext holds the mutex while it loads: a second caller needs the same
// model and has nothing to do meanwhile.
func (l *lazyGraph) NewContext(ctx context.Context) (ExecutionContext, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, backends.Errorf(backends.InvalidArgument, "the graph is closed")
	}
	if l.loaded == nil {
		g, err := l.svc.load(ctx, l.parts, l.opts)
		if err != nil {
			return nil, err
		}
		l.loaded, l.parts = g, nil
	}
	return l.loaded.NewContext(ctx)
}

func (l *lazyGraph) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed, l.parts = true, nil
	if l.loaded == nil {
		return nil
	}
	return l.loaded.Close()
}
