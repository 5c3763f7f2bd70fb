package corewasm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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
	// memory is how many bytes its own memory starts with.
	memory uint64
	// tables are the indices of the tables that it exports.
	tables map[string]uint32
}

// Close frees the module's code. No instance of it may be alive.
func (m *Module) Close(ctx context.Context) error { return m.compiled.Close(ctx) }

// tickGroup is the module name under which ticks are imported.
const tickGroup = "tick"

// Compile compiles a module, of which info is the parsed form, with imports
// in place of its own import names.
//
// name is what frames of traps call it; it has no dot.
//
// maxTable is the most elements that each of its tables may grow to; 0 means no limit.
//
// It refuses a module whose memory is larger than the limit from the start, and
// one that wazero refuses.
func (e *Engine) Compile(ctx context.Context, wasm []byte, info *corebin.Module, name string, imports []ImportName, maxTable uint32) (m *Module, err error) {
	defer recovered("compile", &err)
	memory, err := e.ownMemory(info)
	if err != nil {
		return nil, err
	}
	if len(imports) != len(info.Imports) {
		return nil, fmt.Errorf("the module has %d imports, %d are given", len(info.Imports), len(imports))
	}
	opts := corebin.RewriteOptions{MaxTable: maxTable, Trace: name, Rename: func(i int, _ corebin.ImportName) corebin.ImportName {
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
		compiled, err = e.compileAgain(ctx, rewritten, err)
	}
	if err != nil {
		return nil, err
	}
	return &Module{compiled: compiled, memory: memory, tables: exportedTables(info)}, nil
}

// compileAgain tries again after an error that the cache may have caused.
func (e *Engine) compileAgain(ctx context.Context, wasm []byte, first error) (wazero.CompiledModule, error) {
	if strings.HasPrefix(first.Error(), "compilationcache: ") { // an entry that is damaged
		if err := e.emptyCache(); err != nil {
			return nil, fmt.Errorf("%w; the cache could not be emptied: %w", first, err)
		}
	}
	// A module that compiled but could not be written to the cache, for want of
	// space or rights, is in wazero's memory now: asking again finds it.
	compiled, err := e.rt.CompileModule(ctx, wasm)
	if _, io := errors.AsType[*fs.PathError](err); io {
		return nil, fmt.Errorf("compilation cache: %w (remove the folder %s to start it anew)", err, e.cfg.CacheDir)
	}
	return compiled, err
}

// emptyCache removes every entry of the cache; the folders stay.
func (e *Engine) emptyCache() error {
	entries, err := filepath.Glob(filepath.Join(e.cfg.CacheDir, "wazero-*", "*"))
	for _, entry := range entries {
		err = errors.Join(err, os.Remove(entry))
	}
	return err
}

func groupName(i int) string { return "g" + strconv.Itoa(i) }

// ownMemory returns how many bytes the module's own memory starts with. It
// refuses what no instance could have.
func (e *Engine) ownMemory(info *corebin.Module) (bytes uint64, err error) {
	most := e.pool.size / PageSize
	for _, mem := range info.Memories[importedMemories(info):] {
		if mem.Limits.Min > most {
			return 0, limitErrorf("its memory starts with %d pages, the limit is %d pages (%d bytes)", mem.Limits.Min, most, e.pool.size)
		}
		bytes += mem.Limits.Min * PageSize
	}
	return bytes, nil
}

func exportedTables(info *corebin.Module) (tables map[string]uint32) {
	for _, x := range info.Exports {
		if x.Type.Kind == corebin.ExternTable {
			if tables == nil {
				tables = map[string]uint32{}
			}
			tables[x.Name] = x.Index
		}
	}
	return tables
}

func importedMemories(info *corebin.Module) (n int) {
	for _, imp := range info.Imports {
		if imp.Type.Kind == corebin.ExternMemory {
			n++
		}
	}
	return n
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
	Export string // the name that modules import it by
	Name   string // for stack traces
	// Params and Results are its type.
	Params, Results []ValType
	// Fn is what it does.
	Fn Callee
}

// Callee is a host function as it is called, by no more steps than it takes. Which
// module calls is not asked: it costs, and is often not the one that the embedder
// has in mind.
type Callee interface {
	// Call gets the parameters in stack and leaves the results there; stack is
	// as long as the longer of the two. [ContextOf] ctx is the Context that core
	// code was called with. A [Raise] ends the core code that called.
	Call(ctx context.Context, stack []uint64)
}

// GoFunc is a Callee, whose error ends the core code that called.
type GoFunc func(c *Context, stack []uint64) error

// Call implements Callee.
func (f GoFunc) Call(ctx context.Context, stack []uint64) {
	if err := f(ContextOf(ctx), stack); err != nil {
		Raise(err)
	}
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
		b.NewFunctionBuilder().WithName(f.Name).WithGoFunction(f.Fn, f.Params, f.Results).Export(f.Export)
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
