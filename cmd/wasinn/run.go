package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasip1"
)

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] GUEST.wasm [ARG...]",
		Short: "Run a component or a core module",
		Long: `Run a WebAssembly guest: a component, which gets WASI 0.2 and wasi:nn, or a core
module, which gets WASI preview 1 and wasi_ephemeral_nn. Which of them it is, its
first bytes tell. Flags stand before the guest; what follows it is the guest's.

A guest sees nothing of the host but what flags grant: folders, variables, models, the
network. What it is not granted of the network is refused as access-denied.

The exit status is the guest's own, or
  1  wrong usage, or something of the host is missing
  2  the file is not a valid component or module
  3  the guest imports what this host does not have
  4  the guest trapped
  5  the guest reached a limit
and 130 after an interrupt.`,
		Example: `  wasinn run --registry models --dir-ro pictures guest.wasm name digits pictures/7.pgm
  wasinn run --graph digits=models/digits.onnx,target=cpu guest.wasm
  wasinn run --invoke 'classify("digits", [0, 1])' component.wasm
  wasinn run --invoke load --invoke compute module.wasm`,
		Args:              needsGuest,
		ValidArgsFunction: completeFiles("wasm"),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runGuest(cmd.Context(), &f, args) },
	}
	f.register(cmd.Flags())
	cmd.Flags().SetInterspersed(false)
	f.complete(cmd)
	return cmd
}

// needsGuest checks that a guest is named.
func needsGuest(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("which guest? give the path of a .wasm file")
	}
	return nil
}

// guest is a run, as far as components and modules have it in common.
type guest struct {
	app      *app
	flags    *runFlags
	name     string // of the file
	wasm     []byte
	args     []string // without the program's name
	env      [][2]string
	mounts   []mount
	service  wasinn.Service
	cacheDir string
}

func (a *app) runGuest(ctx context.Context, f *runFlags, args []string) error {
	g, end, err := a.prepare(ctx, f, args)
	if err != nil {
		return err
	}
	defer end()
	if component.IsComponent(g.wasm) {
		err = g.runComponent(ctx)
	} else if f.netFlags.any() {
		return errNoNetwork
	} else {
		err = g.runModule(ctx)
	}
	return g.named(err)
}

// prepare reads the guest and opens what the flags grant it. end gives the
// models back.
func (a *app) prepare(ctx context.Context, f *runFlags, args []string) (g *guest, end func(), err error) {
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	g = &guest{app: a, flags: f, name: args[0], args: args[1:]}
	if g.mounts, err = f.mounts(); err != nil {
		return nil, nil, err
	}
	if g.env, err = f.environment(os.Environ()); err != nil {
		return nil, nil, err
	}
	if g.wasm, err = readGuest(g.name); err != nil {
		return nil, nil, err
	}
	n, err := f.open(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	end = func() { n.registry.Close() }
	if err = n.registry.Preload(ctx); err == nil {
		g.service, err = f.newService(n)
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	if log := g.log(); log != nil {
		g.service = wasinn.Trace(g.service, log)
	}
	g.cacheDir = f.cacheDir(a)
	return g, end, nil
}

// named puts the guest's name before an error that says something.
func (g *guest) named(err error) error {
	if e, ok := errors.AsType[*exitError](err); ok && e.err == nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", g.name, err)
	}
	return nil
}

// log is where --trace goes; nil without it.
func (g *guest) log() *slog.Logger {
	if !g.flags.trace {
		return nil
	}
	return slog.New(slog.NewTextHandler(g.app.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// program is the guest's first argument.
func (g *guest) program() string {
	if g.flags.argv0 != "" {
		return g.flags.argv0
	}
	return filepath.Base(g.name)
}

// warnOfMissingEngine says what to do when a guest that uses wasi-nn is about
// to find that the engine asked for is missing: what the guest itself is told may
// never be seen.
func (g *guest) warnOfMissingEngine() {
	if g.flags.backend != onnxruntime.Name {
		return
	}
	cfg, err := g.flags.onnxConfig(g.app)
	if err != nil {
		return
	}
	if _, _, err := onnxruntime.Locate(cfg); err != nil {
		fmt.Fprintln(g.app.stderr, "wasinn:", err)
	}
}

// compiling shows progress while f compiles. f may report how far it is.
func (g *guest) compiling(ctx context.Context, f func(report func(done, total int64)) error) error {
	report, end := newProgress(g.app.stderr, g.flags.quiet).during("compiling " + filepath.Base(g.name))
	defer end()
	err := f(report)
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// timeoutError is why a guest was stopped.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("the guest ran longer than --timeout %v", e.limit)
}

// grace is how long a guest that was stopped may take to come back from the
// host: from an engine that cannot be interrupted, say, or a read of a terminal.
const grace = 2 * time.Second

// live runs a guest, from its instantiation on, within --timeout.
func (g *guest) live(ctx context.Context, run func(context.Context) error) error {
	if limit := g.flags.timeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, &timeoutError{limit})
		defer cancel()
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("this is a defect of wasinn, please report it: %v\n%s", r, debug.Stack())
			}
		}()
		done <- run(ctx)
	}()
	select {
	case err := <-done:
		return outcome(ctx, err)
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return outcome(ctx, err)
	case <-time.After(grace):
		return outcome(ctx, context.Cause(ctx))
	}
}

// exitInterrupt is what shells expect of a program that an interrupt ended.
const exitInterrupt = 130

var errInterrupted = withCode(exitInterrupt, errors.New("interrupted"))

// outcome gives the error of a guest that lived its exit code.
func outcome(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		// Whatever the guest made of it, this is what happened.
		if timeout, ok := errors.AsType[*timeoutError](cause); ok {
			return withCode(exitLimit, timeout)
		}
		return errInterrupted
	}
	if exit, ok := errors.AsType[*component.ExitError](err); ok {
		return &exitError{code: status(exit.Code)}
	}
	if trap, ok := errors.AsType[*abi.Trap](err); ok {
		if trap.Kind == abi.TrapLimit {
			return withCode(exitLimit, err)
		}
		return withCode(exitTrap, err)
	}
	return stageError(err)
}

// linkCodes are the exit codes of a component that cannot be linked.
var linkCodes = [...]int{
	component.LinkMissing:       exitLink,
	component.LinkLimit:         exitLimit,
	component.LinkInvalidModule: exitInvalid,
}

// stageError gives the error of a guest that did not come to live, or was asked
// for what it lacks, its exit code.
func stageError(err error) error {
	var (
		decode   *component.DecodeError
		validate *component.ValidateError
		feature  *component.FeatureError
		link     *component.LinkError
		link1    *wasip1.LinkError
		limit1   *wasip1.LimitError
		e        *exitError
	)
	switch {
	case err == nil, errors.As(err, &e):
		return err
	case errors.As(err, &feature): // valid, but not here
		return withCode(exitLink, err)
	case errors.As(err, &decode), errors.As(err, &validate):
		return withCode(exitInvalid, err)
	case errors.As(err, &limit1):
		return withCode(exitLimit, err)
	case errors.As(err, &link):
		return withCode(linkCodes[link.Kind], err)
	case errors.As(err, &link1):
		return withCode(exitLink, err)
	}
	return err
}

// status is a guest's code as an exit status, which has 8 bits: a code that
// does not fit must not become success.
func status(code uint32) int {
	if code > 255 {
		return 255
	}
	return int(code)
}

// isTerminal tells whether a stream of the app is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// splitCall takes NAME or NAME(...) apart. called says that there are parentheses.
func splitCall(call string) (name, arguments string, called bool) {
	i := strings.IndexByte(call, '(')
	if i < 0 {
		return strings.TrimSpace(call), "", false
	}
	return strings.TrimSpace(call[:i]), call[i:], true
}
