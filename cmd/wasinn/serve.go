package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasip2"
)

// serveFlags are those of wasinn serve.
type serveFlags struct {
	runFlags
	addr         string
	maxInstances int
}

func (a *app) serveCommand() *cobra.Command {
	f := serveFlags{runFlags: runFlags{witxABI: "auto"}}
	cmd := &cobra.Command{
		Use:   "serve [flags] GUEST.wasm [ARG...]",
		Short: "Answer HTTP requests by a component",
		Long: `Answer HTTP requests by a component that exports wasi:http/incoming-handler, in an
instance of its own for each request. Flags stand before the guest; what follows it
are the arguments of every instance. What is granted, all instances are.

It serves until it is interrupted. What instances print goes to the same streams as
wasinn's own; what goes wrong in one is said on stderr, and the client gets status 500.`,
		Example: `  wasinn serve guest.wasm
  wasinn serve --addr :8080 --registry models guest.wasm`,
		Args:              needsGuest,
		ValidArgsFunction: completeFiles("wasm"),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.serveGuest(cmd.Context(), &f, args) },
	}
	fs := cmd.Flags()
	f.registerGuest(fs)
	fs.StringVar(&f.addr, "addr", "127.0.0.1:8080", "listen on `ADDRESS:PORT`; port 0 is any that is free")
	fs.IntVar(&f.maxInstances, "max-instances", wasip2.DefaultMaxInstances, "most instances at a time, `N`; further requests wait")
	fs.DurationVar(&f.timeout, "timeout", wasip2.DefaultHandlerTimeout, "stop an instance after this `TIME`, such as 90s")
	fs.SetInterspersed(false)
	f.completeGuest(cmd)
	return cmd
}

func (f *serveFlags) check() error {
	switch {
	case f.maxInstances < 1:
		return fmt.Errorf("--max-instances %d: expected 1 or more", f.maxInstances)
	case f.timeout <= 0:
		return fmt.Errorf("--timeout %v: expected more than 0", f.timeout)
	}
	return nil
}

func (a *app) serveGuest(ctx context.Context, f *serveFlags, args []string) error {
	if err := f.check(); err != nil {
		return err
	}
	// Instances print at the same time.
	a = &app{stdin: nil, stdout: &lockedWriter{w: a.stdout}, stderr: &lockedWriter{w: a.stderr}}
	g, end, err := a.prepare(ctx, &f.runFlags, args)
	if err != nil {
		return err
	}
	defer end()
	if !component.IsComponent(g.wasm) {
		return g.named(withCode(exitInvalid, errors.New("a core module cannot answer HTTP requests: expected a component")))
	}
	return g.named(g.serve(ctx, f))
}

// lockedWriter writes for several goroutines, one after another.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// serve answers requests until the context ends.
func (g *guest) serve(ctx context.Context, f *serveFlags) error {
	rt, c, err := g.compileComponent(ctx)
	if err != nil {
		return err
	}
	running := false
	defer func() {
		if !running { // else the end of the process ends it
			c.Close(context.WithoutCancel(ctx))
			rt.Close(context.WithoutCancel(ctx))
		}
	}()
	l, err := g.link(rt, c)
	if err != nil {
		return err
	}
	stderr := g.app.stderr
	h, err := wasip2.NewHTTPHandler(l, c, wasip2.HTTPHandlerConfig{
		MaxInstances: f.maxInstances,
		Timeout:      f.timeout,
		OnError: func(r *http.Request, err error) {
			fmt.Fprintf(stderr, "wasinn: %s %q: %v\n", r.Method, r.URL.RequestURI(), err)
		},
	})
	if err != nil {
		return withCode(exitLink, err)
	}
	// What it imports is checked before the first request comes.
	if err := g.tryInstance(ctx, l, c); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.addr)
	if err != nil {
		return fmt.Errorf("--addr %s: %w", f.addr, err)
	}
	if !f.quiet {
		fmt.Fprintf(stderr, "wasinn: serving http://%s\n", listener.Addr())
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    wasip2.DefaultMaxHeaderBytes,
		ErrorLog:          log.New(stderr, "wasinn: ", 0),
	}
	err = serveUntil(ctx, server, listener, h)
	running = errors.Is(err, errInterrupted)
	return err
}

// tryInstance makes an instance and gives it up.
func (g *guest) tryInstance(ctx context.Context, l *component.Linker, c *component.Component) error {
	return g.live(ctx, func(ctx context.Context) error {
		inst, err := l.Instantiate(ctx, c)
		if err != nil {
			return err
		}
		return inst.Close(context.WithoutCancel(ctx))
	})
}

// serveUntil serves until the context ends. What is under way then may take the
// time of grace; errInterrupted is that an instance still runs.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener, h *wasip2.HTTPHandler) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(late) != nil {
		server.Close() // which ends the instances
	}
	gone := make(chan struct{})
	go func() {
		h.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-time.After(grace):
		return errInterrupted
	}
}
