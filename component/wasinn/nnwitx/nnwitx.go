// Package nnwitx is wasi-nn for core modules: the host modules
// wasi_ephemeral_nn, with WasmEdge's functions, and wasi_nn, as old WAMR guests
// import it, over a [wasinn.Service].
//
// Guests of every era since 2021 number tensor types, errors and encodings
// differently under the same names; era.go has the rules that serve them all.
//
// See https://github.com/WebAssembly/wasi-nn/blob/main/wasi-nn.witx
package nnwitx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasinn/wasinn/component/wasinn"
)

// The names of the host modules.
const (
	// ModuleName is what guests of the witx specification import.
	ModuleName = "wasi_ephemeral_nn"
	// LegacyModuleName is what guests built with WAMR's headers up to 2.3.1
	// import; its load, set_input and get_output differ.
	LegacyModuleName = "wasi_nn"
)

// Config says how guests are served. The zero value suits guests of any era.
type Config struct {
	// ABI forces the numbering of one era; Auto tells by what guests do.
	ABI ABI
	// ClampErrno makes every guest see errors above 5 as 5 (runtime-error), as
	// those that import no load_by_name do in any case: Rust crates of their
	// time have undefined behaviour on others.
	ClampErrno bool
	// Anonymous host modules can be imported only through
	// experimental.WithImportResolver and [Host.Module].
	Anonymous bool
	// Logger gets every failure that a guest sees as a bare number, with its
	// detail, at level Debug. nil logs nothing.
	Logger *slog.Logger
}

// Host is the host modules in one runtime. Any number of guests may use it at
// the same time, each with state of its own: a guest is what [Host.NewGuest]
// made and the context of the call carries or, without one, the instance that
// calls.
type Host struct {
	r       wazero.Runtime
	svc     wasinn.Service
	cfg     Config
	modules map[string]api.Module

	mu     sync.Mutex
	closed bool
	byMod  sync.Map // api.Module -> *Guest, of guests that no context carries
}

// Instantiate compiles the host modules and instantiates them in r, once for
// all guests of that runtime. Closing the runtime closes them too, but not
// what guests hold: [Host.Close] does.
func Instantiate(ctx context.Context, r wazero.Runtime, svc wasinn.Service, cfg Config) (*Host, error) {
	h := &Host{r: r, svc: svc, cfg: cfg, modules: map[string]api.Module{}}
	for _, m := range []struct {
		name  string
		funcs []function
	}{{ModuleName, functions}, {LegacyModuleName, legacyFunctions}} {
		mod, err := h.instantiate(ctx, m.name, m.funcs)
		if err != nil {
			h.Close(ctx)
			return nil, fmt.Errorf("host module %q: %w", m.name, err)
		}
		h.modules[m.name] = mod
	}
	return h, nil
}

func (h *Host) instantiate(ctx context.Context, name string, funcs []function) (api.Module, error) {
	b := h.r.NewHostModuleBuilder(name)
	for i := range funcs {
		f := &funcs[i]
		params := make([]api.ValueType, f.params)
		for j := range params {
			params[j] = api.ValueTypeI32
		}
		b.NewFunctionBuilder().
			WithGoModuleFunction(h.export(f), params, []api.ValueType{api.ValueTypeI32}).
			WithParameterNames(strings.Fields(f.names)...).
			Export(f.name)
	}
	compiled, err := b.Compile(ctx)
	if err != nil {
		return nil, err
	}
	mc := wazero.NewModuleConfig().WithName(name).WithStartFunctions()
	if h.cfg.Anonymous {
		mc = mc.WithName("")
	}
	return h.r.InstantiateModule(ctx, compiled, mc)
}

// Module returns a host module by the name that guests import, or nil. It is
// for experimental.WithImportResolver.
func (h *Host) Module(name string) api.Module {
	if m, ok := h.modules[name]; ok {
		return m
	}
	return nil
}

// Close closes the host modules and the sessions of guests that were told
// apart by their instance. Guests of NewGuest are closed by their owners.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	var errs []error
	h.byMod.Range(func(mod, g any) bool {
		h.byMod.Delete(mod)
		errs = append(errs, g.(*Guest).Close())
		return true
	})
	for _, m := range h.modules {
		errs = append(errs, m.Close(ctx))
	}
	return errors.Join(errs...)
}

// Imports is what a core module asks of wasi-nn.
type Imports struct {
	// Modern and Legacy say which host modules it imports from.
	Modern, Legacy bool
	// LoadByName says whether it imports a load_by_name function: if not, it
	// may be of an era whose guests know errors up to 5 only.
	LoadByName bool
}

// ImportsOf looks at a compiled module's imports.
func ImportsOf(m wazero.CompiledModule) Imports {
	var im Imports
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		switch module {
		case ModuleName:
			im.Modern = true
		case LegacyModuleName:
			im.Legacy = true
		default:
			continue
		}
		im.LoadByName = im.LoadByName || strings.HasPrefix(name, "load_by_name")
	}
	return im
}

// Uses says whether the module imports wasi-nn at all.
func (i Imports) Uses() bool { return i.Modern || i.Legacy }

// NewGuest makes the state of one guest. Its owner passes [Guest.Context] to
// every call of the guest, and closes it after the last. A guest of several
// instances that call each other may share one.
func (h *Host) NewGuest(im Imports) *Guest {
	return newGuest(h, h.cfg.ClampErrno || im.Uses() && !im.LoadByName && h.cfg.ABI == Auto)
}

// InstantiateModule instantiates a guest with state of its own, told by its
// imports and closed with it. Calls of its functions need no [Guest.Context].
func (h *Host) InstantiateModule(ctx context.Context, m wazero.CompiledModule, mc wazero.ModuleConfig) (api.Module, error) {
	g := h.NewGuest(ImportsOf(m))
	started := experimental.WithCloseNotifier(g.Context(ctx), experimental.CloseNotifyFunc(func(context.Context, uint32) {
		h.forget(g)
	}))
	mod, err := h.r.InstantiateModule(started, m, mc)
	if err != nil {
		g.Close()
		return nil, err
	}
	g.mu.Lock()
	if !g.closed.Load() {
		g.mod = mod
		h.byMod.Store(mod, g)
	}
	g.mu.Unlock()
	return mod, nil
}

// forget closes a guest whose instance has gone.
func (h *Host) forget(g *Guest) {
	g.Close()
	g.mu.Lock()
	mod := g.mod
	g.mu.Unlock()
	if mod != nil {
		h.byMod.Delete(mod)
	}
}

// guest finds the state of the guest that calls.
func (h *Host) guest(ctx context.Context, mod api.Module) *Guest {
	if c, ok := ctx.(*guestContext); ok && c.guest.host == h {
		return c.guest
	}
	if g, ok := ctx.Value(h).(*Guest); ok {
		return g
	}
	if g, ok := h.byMod.Load(mod); ok {
		return g.(*Guest)
	}
	return h.adopt(mod)
}

// adopt makes the state of an instance that no one has announced. Nothing
// tells when it closes, so each adoption looks for those that have.
func (h *Host) adopt(mod api.Module) *Guest {
	h.byMod.Range(func(m, g any) bool {
		if m.(api.Module).IsClosed() {
			h.byMod.Delete(m)
			g.(*Guest).Close()
		}
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.NewGuest(Imports{})
	if h.closed {
		g.Close()
		return g
	}
	actual, loaded := h.byMod.LoadOrStore(mod, g)
	if loaded {
		g.Close()
	}
	return actual.(*Guest)
}

// guestContext carries a guest to host functions: found by one type assertion
// when it is the outermost, by Value under its host when it is not.
type guestContext struct {
	context.Context
	guest *Guest
}

func (c *guestContext) Value(key any) any {
	if h, ok := key.(*Host); ok && h == c.guest.host {
		return c.guest
	}
	return c.Context.Value(key)
}

// Context returns ctx for calls of the guest.
func (g *Guest) Context(ctx context.Context) context.Context { return &guestContext{ctx, g} }

// export makes the wazero function of f: every outcome is a number, and a
// panic is wazero's to make a trap of the guest that called.
func (h *Host) export(f *function) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		g := h.guest(ctx, mod)
		mem, ok := g.memory(mod)
		if !ok {
			stack[0] = uint64(g.errno(ctx, f.name, errMissingMemory))
			return
		}
		if c, ok := ctx.(*guestContext); ok {
			ctx = c.Context
		}
		stack[0] = uint64(g.errno(ctx, f.name, f.call(ctx, g, mem, stack)))
	}
}

// memoryOf remembers one instance's memory.
type memoryOf struct {
	mod api.Module
	mem api.Memory // nil when it has none
}

// memory returns the memory of the calling instance; its own or one that it
// imports. wazero gives an interface around a nil pointer for an instance
// without memory, which takes reflection to see, so the answer is kept.
func (g *Guest) memory(mod api.Module) (api.Memory, bool) {
	if m := g.lastMemory.Load(); m != nil && m.mod == mod {
		return m.mem, m.mem != nil
	}
	m := &memoryOf{mod: mod, mem: mod.Memory()}
	if v := reflect.ValueOf(m.mem); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		m.mem = nil
	}
	g.lastMemory.Store(m)
	return m.mem, m.mem != nil
}
