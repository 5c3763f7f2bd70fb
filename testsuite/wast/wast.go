// Package wast runs WebAssembly test scripts in the JSON form that
// wasm-tools json-from-wast writes: a list of commands, with the modules and
// components that they name as files beside it.
package wast

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/value"
)

// Script is one test script.
type Script struct {
	// Source is the .wast file that it was made of.
	Source   string    `json:"source_filename"`
	Commands []Command `json:"commands"`
	// Dir is where the files are that commands name.
	Dir string `json:"-"`
}

// Command is one command of a script. Which fields are set depends on Type.
type Command struct {
	Type       string  `json:"type"`
	Line       int     `json:"line"`
	Name       string  `json:"name"`        // of the module that a command defines
	Filename   string  `json:"filename"`    // in Script.Dir
	ModuleType string  `json:"module_type"` // binary or text
	Instance   string  `json:"instance"`    // that module_instance makes
	Module     string  `json:"module"`      // that module_instance instantiates; empty for the last
	Action     *Action `json:"action"`
	Expected   []Value `json:"expected"`
	Text       string  `json:"text"` // of the error that is expected
}

// Action is a call of an exported function.
type Action struct {
	Type   string  `json:"type"`
	Module string  `json:"module"` // the instance; empty for the last
	Field  string  `json:"field"`
	Args   []Value `json:"args"`
}

// Load reads a script.
func Load(path string) (*Script, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Script{Dir: filepath.Dir(path)}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Result is how one command went.
type Result struct {
	Command *Command
	// Err is why the command failed; nil when it passed.
	Err error
}

// Runner runs scripts. It is for one script at a time.
type Runner struct {
	rt     *component.Runtime
	linker *component.Linker

	defs      map[string]*component.Component
	instances map[string]*component.Instance
	lastDef   *component.Component
	last      *component.Instance
	all       []*component.Instance
}

// NewRunner returns a runner that compiles with rt and takes imports from linker.
func NewRunner(rt *component.Runtime, linker *component.Linker) *Runner {
	return &Runner{rt: rt, linker: linker}
}

// Run runs every command of a script and returns one result for each.
func (r *Runner) Run(ctx context.Context, s *Script) []Result {
	r.defs = map[string]*component.Component{}
	r.instances = map[string]*component.Instance{}
	r.lastDef, r.last = nil, nil
	results := make([]Result, len(s.Commands))
	for i := range s.Commands {
		c := &s.Commands[i]
		results[i] = Result{c, r.command(ctx, s, c)}
	}
	for _, inst := range r.all {
		inst.Close(ctx)
	}
	r.all = nil
	return results
}

func (r *Runner) command(ctx context.Context, s *Script, c *Command) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("PANIC: %v", p)
		}
	}()
	switch c.Type {
	case "module":
		r.last = nil
		if err := r.define(ctx, s, c); err != nil {
			return err
		}
		return r.instantiate(ctx, r.lastDef, c.Name)
	case "module_definition":
		return r.define(ctx, s, c)
	case "module_instance":
		return r.instantiateNamed(ctx, c)
	case "action":
		_, err := r.invoke(ctx, c.Action)
		return err
	case "assert_return":
		return r.assertReturn(ctx, c)
	case "assert_trap":
		_, err := r.invoke(ctx, c.Action)
		return wantTrap(err)
	case "assert_invalid":
		// The scripts leave open which stage it is that sees it.
		return r.assertRefused(ctx, s, c, func(error) bool { return true })
	case "assert_malformed":
		return r.assertRefused(ctx, s, c, func(err error) bool {
			_, malformed := errors.AsType[*component.DecodeError](err)
			return malformed
		})
	case "assert_uninstantiable", "assert_unlinkable":
		return r.assertUninstantiable(ctx, s, c)
	}
	return fmt.Errorf("unknown command %q", c.Type)
}

func (r *Runner) compile(ctx context.Context, s *Script, c *Command) (*component.Component, error) {
	if c.ModuleType != "binary" {
		return nil, fmt.Errorf("module type %q: only binary is supported", c.ModuleType)
	}
	b, err := os.ReadFile(filepath.Join(s.Dir, c.Filename))
	if err != nil {
		return nil, err
	}
	return r.rt.Compile(ctx, b)
}

func (r *Runner) define(ctx context.Context, s *Script, c *Command) error {
	r.lastDef = nil
	comp, err := r.compile(ctx, s, c)
	if err != nil {
		return err
	}
	r.lastDef = comp
	if c.Name != "" {
		r.defs[c.Name] = comp
	}
	return nil
}

func (r *Runner) instantiate(ctx context.Context, comp *component.Component, name string) error {
	r.last = nil
	inst, err := r.linker.Instantiate(ctx, comp)
	if err != nil {
		return err
	}
	r.last = inst
	r.all = append(r.all, inst)
	if name != "" {
		r.instances[name] = inst
	}
	return nil
}

func (r *Runner) instantiateNamed(ctx context.Context, c *Command) error {
	comp := r.lastDef
	if c.Module != "" {
		comp = r.defs[c.Module]
	}
	if comp == nil {
		r.last = nil
		return fmt.Errorf("module %q: %w", c.Module, ErrNotDefined)
	}
	return r.instantiate(ctx, comp, c.Instance)
}

func (r *Runner) invoke(ctx context.Context, a *Action) (value.Value, error) {
	inst := r.last
	if a.Module != "" {
		inst = r.instances[a.Module]
	}
	if inst == nil {
		return nil, ErrNotDefined
	}
	f, err := inst.Func(a.Field)
	if err != nil {
		return nil, err
	}
	args := make([]value.Value, len(a.Args))
	for i, v := range a.Args {
		if args[i], err = v.dynamic(); err != nil {
			return nil, err
		}
	}
	return f.Call(ctx, args...)
}

// ErrNotDefined is the error of a command whose module or instance an earlier,
// failed command was to make.
var ErrNotDefined = errors.New("not defined, since an earlier command failed")

func (r *Runner) assertReturn(ctx context.Context, c *Command) error {
	got, err := r.invoke(ctx, c.Action)
	if err != nil {
		return err
	}
	if len(c.Expected) == 0 {
		if got != nil {
			return fmt.Errorf("returned %v, expected nothing", got)
		}
		return nil
	}
	return c.Expected[0].match(got)
}

func wantTrap(err error) error {
	if err == nil {
		return errors.New("returned, expected a trap")
	}
	if _, ok := errors.AsType[*component.Trap](err); !ok {
		return fmt.Errorf("expected a trap, found: %w", err)
	}
	return nil
}

// assertRefused expects that a component does not compile, for a reason that right accepts.
func (r *Runner) assertRefused(ctx context.Context, s *Script, c *Command, right func(error) bool) error {
	comp, err := r.compile(ctx, s, c)
	if err == nil {
		comp.Close(ctx)
		return fmt.Errorf("it compiled, expected %q", c.Text)
	}
	if !right(err) {
		return fmt.Errorf("refused at another stage, expected %q: %w", c.Text, err)
	}
	return nil
}

func (r *Runner) assertUninstantiable(ctx context.Context, s *Script, c *Command) error {
	comp, err := r.compile(ctx, s, c)
	if err != nil {
		return err
	}
	inst, err := r.linker.Instantiate(ctx, comp)
	if err == nil {
		inst.Close(ctx)
		return fmt.Errorf("it was instantiated, expected %q", c.Text)
	}
	return nil
}
