package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
	"github.com/wasinn/wasinn/component/wasip1"
)

// runModule runs a core module.
func (g *guest) runModule(ctx context.Context) error {
	calls, err := g.moduleCalls()
	if err != nil {
		return err
	}
	era, err := nnwitx.ParseABI(g.flags.witxABI)
	if err != nil {
		return err
	}
	rt, err := wasip1.NewRuntime(ctx, wasip1.Options{
		Engine:      g.flags.engine.Engine,
		CacheDir:    g.cacheDir,
		MemoryLimit: uint64(g.flags.maxMemory),
	})
	if err != nil {
		return err
	}
	closing := context.WithoutCancel(ctx)
	defer rt.Close(closing)
	host, err := nnwitx.Instantiate(ctx, rt.Wazero(), g.service, nnwitx.Config{ABI: era, Logger: g.log()})
	if err != nil {
		return err
	}
	defer host.Close(closing)
	var m *wasip1.Module
	err = g.compiling(ctx, func(func(done, total int64)) (err error) {
		m, err = rt.Compile(ctx, g.wasm)
		return err
	})
	if err != nil {
		if err = stageError(err); codeOf(err) == exitUsage {
			err = withCode(exitInvalid, err)
		}
		return err
	}
	imports := nnwitx.ImportsOf(m.Wazero())
	if imports.Uses() {
		g.warnOfMissingEngine()
	}
	nn := host.NewGuest(imports)
	defer nn.Close()
	err = g.live(ctx, func(ctx context.Context) error {
		ctx = nn.Context(ctx)
		inst, err := rt.Instantiate(ctx, m, g.preview1())
		if err != nil {
			return err
		}
		defer inst.Close(closing)
		return g.callModule(ctx, inst, calls)
	})
	if last := nn.LastError(); err != nil && last != nil {
		// Preview 1 has only a number for it, so nobody has said it yet.
		fmt.Fprintf(g.app.stderr, "wasinn: the last error of wasi-nn was %v\n", last)
	}
	return err
}

// preview1 is what the flags grant, for a module.
func (g *guest) preview1() wasip1.Config {
	cfg := wasip1.NewConfig().
		WithArgs(append([]string{g.program()}, g.args...)...).
		WithStdin(g.app.stdin).WithStdout(g.app.stdout).WithStderr(g.app.stderr).
		WithTerminal(isTerminal(g.app.stdin), isTerminal(g.app.stdout), isTerminal(g.app.stderr))
	for _, e := range g.env {
		cfg = cfg.WithEnv(e[0], e[1])
	}
	for _, m := range g.mounts {
		cfg = cfg.WithDir(m.host, m.guest, m.readOnly)
	}
	return cfg
}

// moduleCall is one --invoke.
type moduleCall struct {
	name string
	args []string
}

// moduleCalls reads --invoke. A name without parentheses takes the guest's
// arguments, if it is the only one.
func (g *guest) moduleCalls() ([]moduleCall, error) {
	var calls []moduleCall
	for _, invoke := range g.flags.invoke {
		name, text, called := splitCall(invoke)
		c := moduleCall{name: name}
		switch inner, ok := strings.CutSuffix(strings.TrimSpace(strings.TrimPrefix(text, "(")), ")"); {
		case name == "" || called && !ok:
			return nil, fmt.Errorf("--invoke %s: expected NAME or NAME(NUMBER, ...)", invoke)
		case called && strings.TrimSpace(inner) != "":
			for a := range strings.SplitSeq(inner, ",") {
				c.args = append(c.args, strings.TrimSpace(a))
			}
		case !called && len(g.flags.invoke) == 1:
			c.args = g.args
		}
		calls = append(calls, c)
	}
	return calls, nil
}

// callModule calls what --invoke names, or the program.
func (g *guest) callModule(ctx context.Context, inst *wasip1.Instance, calls []moduleCall) error {
	if len(calls) == 0 {
		err := inst.Run(ctx)
		if _, ok := errors.AsType[*wasip1.NoExportError](err); ok {
			return fmt.Errorf("%w: name a function with --invoke", err)
		}
		return err
	}
	for _, c := range calls {
		results, err := inst.Invoke(ctx, c.name, c.args...)
		if err != nil {
			return err
		}
		for _, r := range results {
			fmt.Fprintln(g.app.stdout, r)
		}
	}
	return nil
}
