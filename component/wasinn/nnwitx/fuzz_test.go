package nnwitx_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/internal/nntest"
	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
)

// FuzzWitx fills a guest's memory with bytes and calls functions with
// arguments out of them. Property: each call returns an errno of 0 to 8 and
// never traps, the host never panics, and nothing is left when the guest ends.
func FuzzWitx(f *testing.F) {
	e := nntest.New()
	model := e.Add("m", e.Identity(info("x", backends.U8, -1), info("y", backends.FP32, 1)))
	svc, err := wasinn.New(wasinn.Config{Backends: backends.NewSet(e), Limits: wasinn.Limits{
		MaxGraphs: 4, MaxContexts: 4, MaxGuestTensorBytes: 1 << 20,
	}})
	if err != nil {
		f.Fatal(err)
	}
	type door struct {
		module string
		funcs  []nntest.Import
		code   wazero.CompiledModule
	}
	doors := []*door{{nnwitx.ModuleName, modern, nil}, {nnwitx.LegacyModuleName, legacy, nil}}
	r := wazero.NewRuntime(context.Background())
	f.Cleanup(func() { r.Close(context.Background()) })
	h, err := nnwitx.Instantiate(context.Background(), r, svc, nnwitx.Config{})
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range doors {
		if d.code, err = r.CompileModule(context.Background(), nntest.WitxGuest(d.module, d.funcs, 1)); err != nil {
			f.Fatal(err)
		}
	}
	// A good run: memory with the model at 1024 and records before it, then
	// load, init, set_input twice, compute, get_output.
	memory := make([]byte, 1024, 1024+len(model))
	put := func(at int, ws ...uint32) { copy(memory[at:], words(ws...)) }
	put(0, 1024, uint32(len(model)))        // the builder
	put(16, 100, 1, 3, 200, 5)              // a tensor of 5 bytes
	put(48, 104, 1, 1, 200, 4)              // a tensor of one float
	put(100, 5, 1)                          // their dims
	put(300, 0, 1)                          // the legacy array of builders
	put(320, 340, 2, 200)                   // a legacy tensor
	put(340, 100, 1)                        // and its dims
	put(400, 64)                            // a legacy size
	copy(memory[500:], "x\x00y\x00out_x{}") // names
	memory = append(memory, model...)
	call := func(fn byte, args ...uint32) []byte { return append([]byte{fn}, words(args...)...) }
	script := func(calls ...[]byte) (b []byte) {
		for _, c := range calls {
			b = append(b, append(c, make([]byte, 25-len(c))...)...)
		}
		return b
	}
	f.Add(false, memory, script(call(0, 0, 1, 1, 0, 600), call(3, 0, 604), call(4, 0, 0, 16), call(5, 0, 502, 1, 48), call(6, 0),
		call(8, 0, 0, 700, 64, 608), call(10, 0, 504, 5, 700, 3, 608), call(12, 0), call(6, 0), call(8, 0, 1, 700, 64, 608), call(13, 0)))
	f.Add(true, memory, script(call(0, 300, 1, 0, 600), call(3, 0, 604), call(4, 0, 0, 320), call(5, 0), call(6, 0, 0, 700, 400)))
	f.Add(false, memory, script(call(0, 0, 0xffffffff, 1, 0, 600), call(4, 0, 0, 0xfffffff0), call(8, 0, 0, 0, 0xffffffff, 65533)))
	f.Fuzz(func(t *testing.T, old bool, memory, script []byte) {
		d := doors[0]
		if old {
			d = doors[1]
		}
		ctx := t.Context()
		state := h.NewGuest(nnwitx.ImportsOf(d.code))
		mod, err := r.InstantiateModule(ctx, d.code, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatal(err)
		}
		mod.Memory().Write(0, memory[:min(len(memory), 1<<16)])
		for n := 0; len(script) >= 25 && n < 64; n++ {
			fn := d.funcs[int(script[0])%len(d.funcs)]
			stack := make([]uint64, max(fn.Params, 1))
			for i := range stack {
				stack[i] = uint64(binary.LittleEndian.Uint32(script[1+i*4:]))
			}
			script = script[25:]
			err := mod.ExportedFunction(fn.Name).CallWithStack(state.Context(ctx), stack)
			if err != nil || stack[0] > 8 {
				t.Errorf("%s: errno %d, %v", fn.Name, stack[0], err)
			}
		}
		mod.Close(ctx)
		state.Close()
		if open := e.Open(); open != (nntest.Open{}) {
			t.Errorf("left open: %+v", open)
		}
		if u := state.Usage(); u != (wasinn.Usage{}) {
			t.Errorf("left: %+v", u)
		}
	})
}
