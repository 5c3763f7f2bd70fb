package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
	"github.com/wasinn/wasinn/component/value/wave"
	"github.com/wasinn/wasinn/component/wasinn/nnwit"
	"github.com/wasinn/wasinn/component/wasip2"
)

// runComponent runs a component.
func (g *guest) runComponent(ctx context.Context) error {
	rt, c, err := g.compileComponent(ctx)
	if err != nil {
		return err
	}
	closing := context.WithoutCancel(ctx)
	defer rt.Close(closing)
	defer c.Close(closing)
	calls, err := g.componentCalls(c.Type())
	if err != nil {
		return err
	}
	l, err := g.link(rt, c)
	if err != nil {
		return err
	}
	return g.live(ctx, func(ctx context.Context) error {
		inst, err := l.Instantiate(ctx, c)
		if err != nil {
			return err
		}
		defer inst.Close(closing)
		return g.callComponent(ctx, inst, calls)
	})
}

// compileComponent compiles the guest in a runtime of its own.
func (g *guest) compileComponent(ctx context.Context) (*component.Runtime, *component.Component, error) {
	rt, err := component.NewRuntime(ctx, component.NewConfig().
		WithEngine(g.flags.engine.Engine).
		WithCacheDir(g.cacheDir).
		WithMemoryLimit(uint64(g.flags.maxMemory)))
	if err != nil {
		return nil, nil, err
	}
	var c *component.Component
	err = g.compiling(ctx, func(report func(done, total int64)) (err error) {
		c, err = rt.Compile(ctx, g.wasm, component.WithProgress(func(p component.Progress) {
			report(int64(p.Done), int64(p.Total))
		}))
		return err
	})
	if err != nil {
		rt.Close(context.WithoutCancel(ctx))
		if err = stageError(err); codeOf(err) == exitUsage {
			err = withCode(exitInvalid, err) // a core module that is not valid
		}
		return nil, nil, err
	}
	return rt, c, nil
}

// link gives the component what the flags grant.
func (g *guest) link(rt *component.Runtime, c *component.Component) (*component.Linker, error) {
	cfg, err := g.preview2()
	if err != nil {
		return nil, err
	}
	l := component.NewLinker(rt)
	if err := wasip2.AddToLinker(l, cfg); err != nil {
		return nil, err
	}
	if err := nnwit.AddToLinker(l, g.service); err != nil {
		return nil, err
	}
	if usesNN(c.Type()) {
		g.warnOfMissingEngine()
	}
	return l, nil
}

func usesNN(t *types.Component) bool {
	for _, imp := range t.Imports {
		if strings.HasPrefix(imp.Name, "wasi:nn/") {
			return true
		}
	}
	return false
}

// preview2 is what the flags grant, for a component.
func (g *guest) preview2() (wasip2.Config, error) {
	a := g.app
	args := g.args
	if len(g.flags.invoke) == 1 && !strings.Contains(g.flags.invoke[0], "(") {
		args = nil // they are the function's
	}
	cfg := wasip2.NewConfig().
		WithArgs(append([]string{g.program()}, args...)...).
		WithStdin(a.stdin).WithStdout(a.stdout).WithStderr(a.stderr).
		WithTerminal(isTerminal(a.stdin), isTerminal(a.stdout), isTerminal(a.stderr))
	for _, e := range g.env {
		cfg = cfg.WithEnv(e[0], e[1])
	}
	for _, m := range g.mounts {
		cfg = cfg.WithDir(m.host, m.guest, m.readOnly)
	}
	sockets, err := g.flags.sockets()
	if err != nil {
		return cfg, err
	}
	requests, err := g.flags.requests()
	return cfg.WithSockets(sockets).WithHTTP(requests), err
}

// componentCall is one --invoke, or the program.
type componentCall struct {
	function string // as component.Instance.Func takes it
	args     []value.Value
	program  bool
}

// runInterface is what a component's program is an export of, in any 0.2.x.
const runInterface = "wasi:cli/run@0.2."

// componentCalls finds the functions that --invoke names, or the program, and
// reads their arguments, before anything runs.
func (g *guest) componentCalls(t *types.Component) ([]componentCall, error) {
	if len(g.flags.invoke) == 0 {
		for _, exp := range t.Exports {
			if strings.HasPrefix(exp.Name, runInterface) {
				return []componentCall{{function: exp.Name + "#run", program: true}}, nil
			}
		}
		return nil, fmt.Errorf("the component does not export %sx, so it is no program: name a function with --invoke; it exports %s", runInterface, exportList(t))
	}
	var calls []componentCall
	for _, invoke := range g.flags.invoke {
		name, text, called := splitCall(invoke)
		if !called {
			text = "()"
			if len(g.flags.invoke) == 1 {
				text = "(" + strings.Join(g.args, ", ") + ")"
			}
		}
		full, ft, err := findFunc(t, name)
		if err != nil {
			return nil, fmt.Errorf("--invoke %s: %w", invoke, err)
		}
		_, args, err := wave.ParseCall("f"+text, func(string) (*types.Func, error) { return ft, nil })
		if err != nil {
			return nil, fmt.Errorf("--invoke %s: %w; %s is %s", invoke, err, full, ft)
		}
		calls = append(calls, componentCall{function: full, args: args})
	}
	return calls, nil
}

// exportedFunc is a function that a component exports.
type exportedFunc struct {
	name string // "name", or "instance#name"
	typ  *types.Func
}

func exportedFuncs(t *types.Component) []exportedFunc {
	var list []exportedFunc
	for _, exp := range t.Exports {
		switch e := exp.Type.(type) {
		case *types.Func:
			list = append(list, exportedFunc{exp.Name, e})
		case *types.Instance:
			for _, inner := range e.Exports {
				if f, ok := inner.Type.(*types.Func); ok {
					list = append(list, exportedFunc{exp.Name + "#" + inner.Name, f})
				}
			}
		}
	}
	return list
}

// findFunc finds an exported function by its full name, with the version of its
// interface left out, or by its last part when that is clear.
func findFunc(t *types.Component, name string) (string, *types.Func, error) {
	var found []exportedFunc
	for _, f := range exportedFuncs(t) {
		if f.name == name {
			return f.name, f.typ, nil
		}
		instance, last, _ := strings.Cut(f.name, "#")
		base, _, _ := strings.Cut(instance, "@")
		if last == name || base+"#"+last == name {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		return "", nil, fmt.Errorf("the component exports no function %q; it exports %s", name, exportList(t))
	case 1:
		return found[0].name, found[0].typ, nil
	}
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = f.name
	}
	return "", nil, fmt.Errorf("the component exports %d functions %q: say which, as %s", len(found), name, strings.Join(names, " or "))
}

// exportList names the functions that a component exports, 10 at most.
func exportList(t *types.Component) string {
	list := exportedFuncs(t)
	if len(list) == 0 {
		return "no function"
	}
	var names []string
	for i, f := range list {
		if i == 10 {
			names = append(names, fmt.Sprintf("and %d more", len(list)-i))
			break
		}
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// callComponent makes the calls in order, in one instance.
func (g *guest) callComponent(ctx context.Context, inst *component.Instance, calls []componentCall) error {
	for _, c := range calls {
		f, err := inst.Func(c.function)
		if err != nil {
			return err
		}
		result, err := f.Call(ctx, c.args...)
		if exit, ok := err.(*component.ExitError); ok && exit.Code == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if c.program {
			if r, ok := result.(*value.Result); ok && r.IsErr {
				return &component.ExitError{Code: 1}
			}
			continue
		}
		if result == nil {
			continue
		}
		text, err := wave.Format(result)
		if err != nil {
			return fmt.Errorf("result of %s: %w", c.function, err)
		}
		fmt.Fprintln(g.app.stdout, text)
	}
	return nil
}
