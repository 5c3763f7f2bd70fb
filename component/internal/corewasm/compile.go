package corewasm

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasinn/wasinn/component/internal/corebin"
)

// ImportName says where one import of a module comes from: the export Name of
// the Group-th argument of its instantiation.
type ImportName struct {
	Group int
	Name  string
}

// Module is a compiled module. It is immutable and safe for concurrent use.
type Module struct {
	compiled wazero.CompiledModule
}

// Close frees the module's code. No instance of it may be alive.
func (m *Module) Close(ctx context.Context) error { return m.compiled.Close(ctx) }

// tickGroup is the module name under which ticks are imported.
const tickGroup = "tick"

// Compile compiles a module, of which info is the parsed form, with imports
// in place of its own import names.
//
// It refuses a module whose memory or table is larger than the limits from the
// start, and one that wazero refuses.
func (e *Engine) Compile(ctx context.Context, wasm []byte, info *corebin.Module, imports []ImportName) (m *Module, err error) {
	defer recovered("compile", &err)
	if err := e.checkLimits(info); err != nil {
		return nil, err
	}
	if len(imports) != len(info.Imports) {
		return nil, fmt.Errorf("the module has %d imports, %d are given", len(info.Imports), len(imports))
	}
	opts := corebin.RewriteOptions{Rename: func(i int, _ corebin.ImportName) corebin.ImportName {
		return corebin.ImportName{Module: groupName(imports[i].Group), Name: imports[i].Name}
	}}
	if e.tick != nil {
		opts.Tick = &corebin.ImportName{Module: tickGroup, Name: tickName}
	}
	rewritten, err := corebin.Rewrite(wasm, opts)
	if err != nil {
		return nil, err
	}
	if e.cfg.Workers > 1 {
		ctx = experimental.WithCompilationWorkers(ctx, e.cfg.Workers)
	}
	compiled, err := e.rt.CompileModule(ctx, rewritten)
	if err != nil && e.cache != nil {
		// A module that compiled but could not be written to the cache, for want
		// of space or rights, is in wazero's memory now: asking again finds it.
		compiled, err = e.rt.CompileModule(ctx, rewritten)
	}
	if err != nil {
		return nil, err
	}
	return &Module{compiled: compiled}, nil
}

func groupName(i int) string { return "g" + strconv.Itoa(i) }

// checkLimits refuses what instantiation could not provide. wazero would panic
// when its allocator refuses a minimum.
func (e *Engine) checkLimits(info *corebin.Module) error {
	imported := map[corebin.ExternKind]int{}
	for _, imp := range info.Imports {
		imported[imp.Type.Kind]++
	}
	for _, mem := range info.Memories[imported[corebin.ExternMemory]:] {
		if most := e.cfg.MemoryLimit / PageSize; mem.Limits.Min > most {
			return fmt.Errorf("its memory starts with %d pages, the limit is %d pages (%d bytes)", mem.Limits.Min, most, e.cfg.MemoryLimit)
		}
	}
	for _, tab := range info.Tables[imported[corebin.ExternTable]:] {
		if tab.Limits.Min > uint64(e.cfg.TableLimit) {
			return fmt.Errorf("its table starts with %d elements, the limit is %d", tab.Limits.Min, e.cfg.TableLimit)
		}
	}
	return nil
}

// ValType is a core value type, as its binary code.
type ValType = api.ValueType

// The value types of host functions.
const (
	I32 ValType = api.ValueTypeI32
	I64 ValType = api.ValueTypeI64
	F32 ValType = api.ValueTypeF32
	F64 ValType = api.ValueTypeF64
)

// HostFunc is a function that core modules may import.
type HostFunc struct {
	Name            string
	Params, Results []ValType
	// Fn gets the parameters in stack and leaves the results there; stack is
	// as long as the longer of the two. An error ends the core code that called.
	Fn func(c *Context, stack []uint64) error
}

// Host is a set of host functions. It holds no state of an instance, so one
// serves them all.
type Host struct{ mod api.Module }

func (h *Host) module() api.Module { return h.mod }

// Close frees the functions' code.
func (h *Host) Close(ctx context.Context) error { return h.mod.Close(ctx) }

// CompileHost makes host functions callable by core code.
func (e *Engine) CompileHost(ctx context.Context, funcs []HostFunc) (h *Host, err error) {
	defer recovered("compile host functions", &err)
	b := e.rt.NewHostModuleBuilder("host")
	for _, f := range funcs {
		fn := f.Fn
		b.NewFunctionBuilder().WithName(f.Name).WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
			if err := fn(ctx.(*Context), stack); err != nil {
				raise(err)
			}
		}), f.Params, f.Results).Export(f.Name)
	}
	compiled, err := b.Compile(ctx)
	if err != nil {
		return nil, err
	}
	// Not b.Instantiate: wazero's import resolver panics on what that returns.
	mod, err := e.rt.InstantiateModule(ctx, compiled, anonymous)
	if err != nil {
		return nil, err
	}
	return &Host{mod: mod}, nil
}
