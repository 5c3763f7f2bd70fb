package wast

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/value"
)

// Result is how one command went.
type Result struct {
	Command *Command
	// Err is why the command failed; nil when it passed. It is a *Skip when the
	// command could not be tried.
	Err error
	// Found is the trap or refusal that a command asks for, whatever the text
	// that it expects; nil when none came.
	Found error
}

// Skip is a command that asks for what a runner of binaries on this host
// cannot try: it neither passed nor failed.
type Skip struct{ Reason string }

// Error returns the reason.
func (s *Skip) Error() string { return s.Reason }

func skipf(format string, args ...any) error { return &Skip{fmt.Sprintf(format, args...)} }

// undefined is a command whose module or instance an earlier command was to
// make. It is skipped when that one was.
type undefined struct{ cause error }

func (u *undefined) Error() string {
	if u.cause == nil {
		return "there is no such instance"
	}
	return u.cause.Error()
}

func (u *undefined) Unwrap() error { return u.cause }

// Runner runs scripts. It is for one script at a time.
type Runner struct {
	rt *component.Runtime
	// linker has what the host defines and the instances that have a name; it is
	// made of base anew when one of those comes.
	base, linker *component.Linker
	named        map[string]*component.Instance

	// Engine runs core modules that are not in a component.
	Engine component.Engine
	// CompileOnly has what scripts define compiled and not instantiated.
	CompileOnly bool
	// Timeout is the longest that one command may run; 0 for ever.
	Timeout time.Duration

	core      *coreRunner
	defs      map[string]definition
	instances map[string]instance
	lastDef   definition
	last      instance
	all       []instance
	found     error // of the command under way
	why       error // why the last command that was to define something did not
}

// definition is what a module command names: a compiled component or core
// module. The zero definition is none.
type definition interface {
	close(context.Context)
}

// instance is an instance of a definition. Values are as package value has
// them, and numbers of core modules are uint32, uint64, float32 and float64.
type instance interface {
	act(context.Context, *Action) ([]value.Value, error)
	close(context.Context)
}

// NewRunner returns a runner that compiles with rt and takes imports from linker.
func NewRunner(rt *component.Runtime, linker *component.Linker) *Runner {
	return &Runner{rt: rt, base: linker, linker: linker}
}

// Run runs every command of a script and returns one result for each.
func (r *Runner) Run(ctx context.Context, s *Script) []Result {
	results := make([]Result, 0, len(s.Commands))
	for res := range r.Results(ctx, s, nil) {
		results = append(results, res)
	}
	return results
}

// Results runs the commands of a script one by one and yields the result of
// each as soon as it is there. leaveOut, which may be nil, tells which
// commands, by index, are not run: their result is a *Skip.
func (r *Runner) Results(ctx context.Context, s *Script, leaveOut func(int) bool) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		r.core = &coreRunner{engine: r.Engine}
		r.defs, r.instances = map[string]definition{}, map[string]instance{}
		r.lastDef, r.last, r.why = nil, nil, nil
		r.linker, r.named = r.base, map[string]*component.Instance{}
		defer r.close(context.WithoutCancel(ctx))
		for i := range s.Commands {
			c := &s.Commands[i]
			var err error
			if leaveOut != nil && leaveOut(i) {
				err = skipf("left out")
			} else {
				err = r.timed(ctx, s, c)
			}
			if defines(c.Type) {
				r.why = err
			}
			if !yield(Result{c, err, r.found}) {
				return
			}
		}
	}
}

func defines(command string) bool {
	return command == "module" || command == "module_definition" || command == "module_instance"
}

// close closes what the script made, the last first.
func (r *Runner) close(ctx context.Context) {
	for i := len(r.all) - 1; i >= 0; i-- {
		r.all[i].close(ctx)
	}
	r.all = nil
	r.core.close(ctx)
}

func (r *Runner) timed(ctx context.Context, s *Script, c *Command) (err error) {
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("PANIC: %v", p)
		} else if ctx.Err() != nil {
			err = errors.Join(fmt.Errorf("not done after %v", r.Timeout), err)
		}
	}()
	return r.command(ctx, s, c)
}

func (r *Runner) command(ctx context.Context, s *Script, c *Command) error {
	r.found = nil
	switch c.Type {
	case "module":
		r.last = nil
		if err := r.define(ctx, s, c); err != nil || r.CompileOnly {
			return err
		}
		return r.instantiate(ctx, r.lastDef, c.Name)
	case "module_definition":
		return r.define(ctx, s, c)
	case "module_instance":
		return r.instantiateNamed(ctx, c)
	case "action":
		_, err := r.act(ctx, c.Action)
		return err
	case "assert_return":
		return r.assertReturn(ctx, c)
	case "assert_trap":
		_, err := r.act(ctx, c.Action)
		r.found = err
		return wantTrap(err)
	case "assert_exhaustion":
		_, err := r.act(ctx, c.Action)
		r.found = err
		return wantExhaustion(err)
	case "assert_invalid":
		// The scripts leave open which stage it is that sees it.
		return r.assertRefused(ctx, s, c, func(error) bool { return true })
	case "assert_malformed":
		return r.assertRefused(ctx, s, c, malformed)
	case "assert_uninstantiable", "assert_unlinkable":
		return r.assertUninstantiable(ctx, s, c)
	case "register":
		return r.register(c)
	case "assert_malformed_custom", "assert_invalid_custom":
		return skipf("%s: custom sections are not checked", c.Type)
	case "assert_exception", "assert_suspension", "thread", "wait":
		return skipf("%s: exceptions, stack switching and threads are not supported", c.Type)
	}
	return fmt.Errorf("unknown command %q", c.Type)
}

// read returns the bytes that a command names.
func read(s *Script, c *Command) ([]byte, error) {
	name := c.Filename
	if c.ModuleType != "binary" && (c.ModuleType != "" || filepath.Ext(name) != ".wasm") { // older writers leave the type of binaries out
		if name = c.Binary; name == "" {
			return nil, skipf("module type %q: this host reads binaries only", c.ModuleType)
		}
	}
	if !filepath.IsLocal(name) {
		return nil, &unread{fmt.Errorf("file %q is not beside the script", name)}
	}
	b, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		return nil, &unread{err}
	}
	return b, nil
}

// unread is a file of a command that could not be read, which says nothing about what is
// in it.
type unread struct{ cause error }

func (u *unread) Error() string { return u.cause.Error() }

func (u *unread) Unwrap() error { return u.cause }

// unfit says that an error is about the suite or this runner, and not about a module.
func unfit(err error) bool {
	_, missing := errors.AsType[*unread](err)
	return missing || isSkip(err)
}

func (r *Runner) compile(ctx context.Context, s *Script, c *Command) (definition, error) {
	wasm, err := read(s, c)
	if err != nil {
		return nil, err
	}
	if component.IsModule(wasm) {
		return r.core.compile(ctx, wasm)
	}
	comp, err := r.rt.Compile(ctx, wasm)
	if err != nil {
		return nil, err
	}
	return compiled{comp}, nil
}

func (r *Runner) define(ctx context.Context, s *Script, c *Command) error {
	r.lastDef = nil
	def, err := r.compile(ctx, s, c)
	if err != nil {
		return err
	}
	r.lastDef = def
	if c.Name != "" {
		r.defs[c.Name] = def
	}
	return nil
}

// errCompileOnly is why there is no instance.
var errCompileOnly = skipf("definitions are compiled and not instantiated")

func (r *Runner) start(ctx context.Context, def definition) (instance, error) {
	if r.CompileOnly {
		return nil, errCompileOnly
	}
	if m, ok := def.(coreModule); ok {
		return r.core.instantiate(ctx, m)
	}
	inst, err := r.linker.Instantiate(ctx, def.(compiled).Component)
	if err != nil {
		return nil, err
	}
	return running{inst}, nil
}

func (r *Runner) instantiate(ctx context.Context, def definition, name string) error {
	r.last = nil
	if name != "" {
		delete(r.instances, name)
	}
	inst, err := r.start(ctx, def)
	if err != nil {
		return err
	}
	r.last = inst
	r.all = append(r.all, inst)
	if name == "" {
		return nil
	}
	r.instances[name] = inst
	if c, ok := inst.(running); ok {
		return r.provide(name, c)
	}
	return nil
}

// register lets later definitions import from an instance by a name. Instances
// of components are known by the name that they have already.
func (r *Runner) register(c *Command) error {
	inst := r.last
	if c.Name != "" {
		inst = r.instances[c.Name]
	}
	switch inst := inst.(type) {
	case coreInstance:
		r.core.registered[c.As] = inst.Module
		return nil
	case running:
		return r.provide(c.As, inst)
	}
	return &undefined{r.why}
}

// provide lets later components import what an instance exports.
func (r *Runner) provide(name string, inst running) error {
	r.named[name] = inst.Instance
	l := r.base.Clone()
	var errs []error
	for name, inst := range r.named {
		errs = append(errs, l.DefineInstance(name, inst))
	}
	r.linker = l
	return errors.Join(errs...)
}

func (r *Runner) instantiateNamed(ctx context.Context, c *Command) error {
	def := r.lastDef
	if c.Module != "" {
		def = r.defs[c.Module]
	}
	if def == nil {
		r.last = nil
		return &undefined{r.why}
	}
	return r.instantiate(ctx, def, c.Instance)
}

func (r *Runner) act(ctx context.Context, a *Action) ([]value.Value, error) {
	if a == nil {
		return nil, errors.New("the command has no action")
	}
	inst := r.last
	if a.Module != "" {
		inst = r.instances[a.Module]
	}
	if inst == nil && r.CompileOnly {
		return nil, errCompileOnly
	}
	if inst == nil {
		return nil, &undefined{r.why}
	}
	return inst.act(ctx, a)
}

func (r *Runner) assertReturn(ctx context.Context, c *Command) error {
	got, err := r.act(ctx, c.Action)
	if err != nil {
		return err
	}
	if len(c.Expected) != len(got) {
		return fmt.Errorf("returned %d values %v, expected %d", len(got), got, len(c.Expected))
	}
	for i, want := range c.Expected {
		if err := want.match(got[i]); err != nil {
			return err
		}
	}
	return nil
}

func wantTrap(err error) error {
	if err == nil {
		return errors.New("returned, expected a trap")
	}
	if _, ok := errors.AsType[*undefined](err); ok || isSkip(err) {
		return err
	}
	if isTrap(err) == nil {
		return fmt.Errorf("expected a trap, found: %w", err)
	}
	return nil
}

func wantExhaustion(err error) error {
	if err := wantTrap(err); err != nil {
		return err
	}
	if t := isTrap(err); t.Kind != stackOverflow {
		return fmt.Errorf("expected the stack to be exhausted, found: %w", err)
	}
	return nil
}

// assertRefused expects that a file does not compile, for a reason that right accepts.
func (r *Runner) assertRefused(ctx context.Context, s *Script, c *Command, right func(error) bool) error {
	def, err := r.compile(ctx, s, c)
	r.found = err
	switch {
	case err == nil:
		def.close(ctx)
		return fmt.Errorf("it compiled, expected %q", c.Text)
	case unfit(err):
		return err
	case !right(err):
		return fmt.Errorf("refused at another stage, expected %q: %w", c.Text, err)
	}
	return nil
}

func (r *Runner) assertUninstantiable(ctx context.Context, s *Script, c *Command) error {
	def, err := r.compile(ctx, s, c)
	if err != nil {
		return err
	}
	defer def.close(ctx)
	inst, err := r.start(ctx, def)
	if err != nil {
		if isSkip(err) {
			return err
		}
		r.found = err
		return nil
	}
	inst.close(ctx)
	return fmt.Errorf("it was instantiated, expected %q", c.Text)
}

func isSkip(err error) bool {
	_, ok := errors.AsType[*Skip](err)
	return ok
}

// compiled is a component.
type compiled struct{ *component.Component }

func (c compiled) close(ctx context.Context) { c.Close(ctx) }

// running is an instance of a component.
type running struct{ *component.Instance }

func (r running) close(ctx context.Context) { r.Close(ctx) }

func (r running) act(ctx context.Context, a *Action) ([]value.Value, error) {
	if a.Type != "invoke" {
		return nil, fmt.Errorf("action %q: a component has functions to invoke only", a.Type)
	}
	f, err := r.Func(a.Field)
	if err != nil {
		return nil, err
	}
	args := make([]value.Value, len(a.Args))
	for i, v := range a.Args {
		if args[i], err = v.dynamic(); err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
	}
	got, err := f.Call(ctx, args...)
	if err != nil || f.Type().Result == nil {
		return nil, err
	}
	return []value.Value{got}, nil
}
