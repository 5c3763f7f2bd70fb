package wasinn

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/wasinn/wasinn/backends"
)

// Trace decorates a service: each load, context and compute is logged with its
// time, at level Debug; failures at Warn with their cause, which guests do not
// see; panics of an engine at Error with their stack.
func Trace(svc Service, log *slog.Logger) Service {
	t := &traced{svc: svc, log: log}
	if a, ok := svc.(accounted); ok {
		t.acct = a.account()
	} else {
		t.acct = newAccount(Limits{})
	}
	return t
}

type traced struct {
	svc  Service
	acct *account
	log  *slog.Logger
}

func (t *traced) account() *account { return t.acct }

func (t *traced) Sniff(parts [][]byte) (backends.Encoding, bool) {
	if sn, ok := t.svc.(backends.Sniffer); ok {
		return sn.Sniff(parts)
	}
	return backends.Sniff(parts)
}

// report logs one operation that began at start. It costs nothing when the
// level is off.
func report(ctx context.Context, log *slog.Logger, what string, start time.Time, err error, attrs ...slog.Attr) {
	level := slog.LevelDebug
	var p *backends.PanicError
	if err != nil {
		level = slog.LevelWarn
		if errors.As(err, &p) {
			level = slog.LevelError
		}
	}
	if !log.Enabled(ctx, level) {
		return
	}
	attrs = append(attrs, slog.Duration("took", time.Since(start)))
	if err != nil {
		e := backends.AsError(err)
		attrs = append(attrs, slog.String("code", e.Code.String()), slog.String("detail", e.Detail))
		if e.Err != nil {
			attrs = append(attrs, slog.String("cause", e.Err.Error()))
		}
	}
	log.LogAttrs(ctx, level, what, attrs...)
}

func (t *traced) Load(ctx context.Context, parts [][]byte, enc backends.Encoding, target backends.Target) (Graph, error) {
	start := time.Now()
	g, err := t.svc.Load(ctx, parts, enc, target)
	report(ctx, t.log, "load", start, err, slog.Uint64("bytes", totalBytes(parts)),
		slog.String("encoding", string(enc)), slog.String("target", string(target)))
	if err != nil {
		return nil, err
	}
	return &tracedGraph{g, t.log}, nil
}

func (t *traced) LoadByName(ctx context.Context, name string) (Graph, error) {
	start := time.Now()
	g, err := t.svc.LoadByName(ctx, name)
	report(ctx, t.log, "load by name", start, err, slog.String("graph", name))
	if err != nil {
		return nil, err
	}
	return &tracedGraph{g, t.log}, nil
}

type tracedGraph struct {
	Graph
	log *slog.Logger
}

func (g *tracedGraph) NewContext(ctx context.Context) (ExecutionContext, error) {
	start := time.Now()
	c, err := g.Graph.NewContext(ctx)
	report(ctx, g.log, "new context", start, err)
	if err != nil {
		return nil, err
	}
	return &tracedContext{c, g.log}, nil
}

type tracedContext struct {
	ExecutionContext
	log *slog.Logger
}

func (c *tracedContext) Compute(ctx context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
	start := time.Now()
	out, err := c.ExecutionContext.Compute(ctx, in)
	report(ctx, c.log, "compute", start, err, slog.Int("inputs", len(in)), slog.Int("outputs", len(out)))
	return out, err
}
