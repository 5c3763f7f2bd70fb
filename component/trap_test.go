package component_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/value"
)

// traps is testdata/traps.wasm with the engine of cfg. Each of its instances calls
// again when it is asked to call "out".
func traps(t *testing.T, cfg component.Config) (open func(again func(context.Context) error) *component.Instance) {
	rt := newRuntime(t, cfg)
	l := component.NewLinker(rt)
	defineHost(t, l)
	c := compile(t, rt, "traps.wasm")
	return func(again func(context.Context) error) *component.Instance {
		inst, err := l.Instantiate(t.Context(), c, component.WithValue(hostKey{}, &host{again: again}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := inst.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return inst
	}
}

// fails calls a function, which is to trap.
func fails(ctx context.Context, inst *component.Instance, name string, args ...value.Value) error {
	f, err := inst.Func(name)
	if err == nil {
		_, err = f.Call(ctx, args...)
	}
	return err
}

// coreModules are the core modules in a component's binary, in its order.
func coreModules(t *testing.T, file string) (modules []string) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	const preamble = "\x00asm\x01\x00\x00\x00"
	for _, m := range strings.Split(string(b), preamble)[1:] {
		modules = append(modules, preamble+m)
	}
	return modules
}

// show writes frames with the opcode that each offset leads to.
func show(modules []string, frames []component.Frame) (lines []string) {
	for _, f := range frames {
		if f.Host != "" {
			lines = append(lines, "import "+f.Host)
			continue
		}
		op := "?"
		if f.Offset != 0 {
			op = fmt.Sprintf("%#x", modules[f.Module][f.Offset])
		}
		lines = append(lines, fmt.Sprintf("module[%d]!func[%d] %q %s", f.Module, f.Func, f.Name, op))
	}
	return lines
}

// TestTrapsNameEveryFunction: nested components, functions of the host between, with
// both of wazero's engines, with ticks and without.
func TestTrapsNameEveryFunction(t *testing.T) {
	modules := coreModules(t, "traps.wasm")
	inside := []string{
		`module[0]!func[0] "crate::decode::inner" 0x6e`,
		`module[0]!func[1] "entry" 0x11`,
		`import function of a component`,
		`module[1]!func[2] "outer" 0x10`,
	}
	out := []string{`import test:host/api@0.2.3#again`, `module[1]!func[3] "out" 0x10`}
	failed := errors.New("the host has had enough")
	for name, cfg := range map[string]component.Config{
		"compiler":      component.NewConfig().WithEngine(component.EngineCompiler),
		"interpreter":   component.NewConfig().WithEngine(component.EngineInterpreter),
		"uninterrupted": component.NewConfig().WithInterruption(false),
	} {
		t.Run(name, func(t *testing.T) {
			open := traps(t, cfg)
			for _, tt := range []struct {
				name  string
				err   error
				kind  abi.TrapKind
				text  string
				cause error
				want  []string
			}{
				{"in a nested component", fails(t.Context(), open(nil), "outer", uint32(0)), abi.TrapCore,
					`integer divide by zero in module[0]!func[0] "crate::decode::inner" at 0x`, nil, inside},
				{"an error of the host", fails(t.Context(), open(func(context.Context) error { return failed }), "out"), abi.TrapHost,
					"call out: call test:host/api@0.2.3#again: the host has had enough", failed, out},
				{"an instance called by the host of another", fails(t.Context(), open(func(ctx context.Context) error {
					return fails(ctx, open(nil), "outer", uint32(0))
				}), "out"), abi.TrapCore, "integer divide by zero", nil, append(inside[:4:4], out...)},
			} {
				trap, ok := errors.AsType[*component.Trap](tt.err)
				if !ok || trap.Kind != tt.kind || !strings.Contains(trap.Error(), tt.text) || tt.cause != nil && !errors.Is(tt.err, tt.cause) {
					t.Errorf("%s: %v, want a trap of kind %v with %q", tt.name, tt.err, tt.kind, tt.text)
					continue
				}
				if got, want := strings.Join(show(modules, trap.Frames()), "\n"), strings.Join(tt.want, "\n"); got != want {
					t.Errorf("%s: frames\n%s\nwant\n%s", tt.name, got, want)
				}
			}
		})
	}
}

// TestFramesAreBounded: a guest may call itself and the host as deep as it likes.
func TestFramesAreBounded(t *testing.T) {
	open := traps(t, component.NewConfig())
	trap, ok := errors.AsType[*component.Trap](fails(t.Context(), open(nil), "deep", uint32(5000)))
	if !ok || len(trap.Frames()) != 30 {
		t.Errorf("5000 deep: %v, %d frames, want the 30 that wazero tells", trap, len(trap.Frames()))
	}
	depth := 0
	var again func(ctx context.Context) error
	again = func(ctx context.Context) error {
		if depth++; depth == 60 {
			return errors.New("deep enough")
		}
		return fails(ctx, open(again), "out")
	}
	if trap, ok = errors.AsType[*component.Trap](again(t.Context())); !ok || len(trap.Frames()) != 100 {
		t.Errorf("59 instances deep: %v, %d frames, want 100", trap, len(trap.Frames()))
	}
	if b, err := json.Marshal(trap.Frames()[:2]); err != nil || string(b) != `[{"module":-1,"func":0,"host":"test:host/api@0.2.3#again"},{"module":1,"func":3,"name":"out","offset":86}]` {
		t.Errorf("as JSON: %s, %v", b, err)
	}
}

// TestAnExitIsNoTrap: an error that ends a guest is not made one.
func TestAnExitIsNoTrap(t *testing.T) {
	open := traps(t, component.NewConfig())
	err := fails(t.Context(), open(func(context.Context) error { return &component.ExitError{Code: 7} }), "out")
	if exit, ok := errors.AsType[*component.ExitError](err); !ok || exit.Code != 7 {
		t.Errorf("%v, want an exit with 7", err)
	}
	if trap, ok := errors.AsType[*component.Trap](err); ok {
		t.Errorf("an exit is a trap of kind %v", trap.Kind)
	}
}
