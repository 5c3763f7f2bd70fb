package wasip1

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasinn/wasinn/component/wasip1/internal/preview1"
)

// guestContext is the context of a call of a guest. Host functions find the
// guest by a type assertion, or by its key when another context is around it.
type guestContext struct {
	context.Context
	guest     *preview1.Guest
	hasMemory bool // or else the module has none, and wazero's cannot be asked
}

type guestKey struct{}

// Value implements context.Context.
func (c *guestContext) Value(key any) any {
	if key == (guestKey{}) {
		return c
	}
	return c.Context.Value(key)
}

func (i *Instance) context(ctx context.Context) context.Context {
	return &guestContext{ctx, i.guest, len(i.module.info.Memories()) > 0}
}

// hostModule defines wasi_snapshot_preview1.
func hostModule(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder(preview1.ModuleName)
	i32 := []api.ValueType{api.ValueTypeI32}
	for k := range preview1.Functions {
		f := &preview1.Functions[k]
		b.NewFunctionBuilder().WithGoModuleFunction(hostFunction{f}, valueTypes(f.Params), i32).Export(f.Name)
	}
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(procExit), i32, nil).Export("proc_exit")
	_, err := b.Instantiate(ctx)
	return err
}

func valueTypes(letters string) []api.ValueType {
	types := make([]api.ValueType, len(letters))
	for i, l := range letters {
		types[i] = api.ValueTypeI32
		if l == 'I' {
			types[i] = api.ValueTypeI64
		}
	}
	return types
}

// hostFunction is a function of preview 1 as wazero calls it.
type hostFunction struct{ *preview1.Function }

var errNoGuest = errors.New("preview 1 is called for no guest: exports that use it are called by Run and Invoke")

// Call implements api.GoModuleFunction.
func (f hostFunction) Call(ctx context.Context, mod api.Module, stack []uint64) {
	c, ok := ctx.(*guestContext)
	if !ok {
		if c, ok = ctx.Value(guestKey{}).(*guestContext); !ok {
			panic(errNoGuest)
		}
	}
	var memory []byte
	if c.hasMemory {
		m := mod.Memory()
		memory, _ = m.Read(0, m.Size())
	}
	e := f.Function.Call(c.guest, ctx, memory, stack)
	if e == preview1.Interrupted {
		panic(interrupted(ctx))
	}
	stack[0] = uint64(e)
}

// procExit ends the guest. Whoever calls it again is told the code.
func procExit(ctx context.Context, mod api.Module, stack []uint64) {
	code := uint32(stack[0])
	_ = mod.CloseWithExitCode(ctx, code)
	panic(sys.NewExitError(code))
}
