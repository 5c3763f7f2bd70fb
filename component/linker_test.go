package component_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
)

// constModule is a core module whose function f returns n, below 64.
func constModule(n byte) []byte {
	return []byte("\x00asm\x01\x00\x00\x00" +
		"\x01\x05\x01\x60\x00\x01\x7f" + "\x03\x02\x01\x00" + "\x07\x05\x01\x01f\x00\x00" +
		"\x0a\x06\x01\x04\x00\x41" + string(n) + "\x0b")
}

// noModule is a core module without exports.
var noModule = []byte("\x00asm\x01\x00\x00\x00")

// TestImportedCoreModules links testdata/modules.wasm, which instantiates two
// core modules that it imports and adds up what they return.
func TestImportedCoreModules(t *testing.T) {
	for _, c := range []struct {
		name   string
		m, lib []byte // nil when not defined
		want   uint32
		err    string
	}{
		{"both are there", constModule(7), constModule(30), 37, ""},
		{"one is both", constModule(5), constModule(5), 10, ""},
		{"one is missing", nil, constModule(30), 0, `import "m": the host does not define it`},
		{"one of an instance is missing", constModule(7), nil, 0, `import "lib": the host does not define it`},
		{"one lacks the export", constModule(7), noModule, 0, `import "lib": core module "m": the host's module does not fit: missing export "f"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			rt := newRuntime(t, component.NewConfig())
			comp := compile(t, rt, "modules.wasm")
			l := component.NewLinker(rt)
			for _, d := range []struct {
				instance string
				wasm     []byte
			}{{"", c.m}, {"lib", c.lib}} {
				if d.wasm == nil {
					continue
				}
				if err := l.DefineModule(d.instance, "m", d.wasm); err != nil {
					t.Fatal(err)
				}
			}
			inst, err := l.Instantiate(t.Context(), comp)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("%v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer inst.Close(context.Background())
			f, err := inst.Func("sum")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := component.Call(t.Context(), f, abi.None, abi.U32, abi.Unit{}); err != nil || got != c.want {
				t.Errorf("got %d, error %v, want %d", got, err, c.want)
			}
		})
	}
}

// TestOneComponentWithModulesManyGoroutines has goroutines link one component at once.
func TestOneComponentWithModulesManyGoroutines(t *testing.T) {
	rt := newRuntime(t, component.NewConfig())
	comp := compile(t, rt, "modules.wasm")
	l := component.NewLinker(rt)
	if err := l.DefineModule("", "m", constModule(1)); err != nil {
		t.Fatal(err)
	}
	other := l.Clone()
	for i, l := range []*component.Linker{l, other} {
		if err := l.DefineModule("lib", "m", constModule(byte(i))); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			inst, err := []*component.Linker{l, other}[i%2].Instantiate(t.Context(), comp)
			if err != nil {
				t.Error(err)
				return
			}
			defer inst.Close(context.Background())
			f, err := inst.Func("sum")
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := component.Call(t.Context(), f, abi.None, abi.U32, abi.Unit{}); err != nil || got != uint32(1+i%2) {
				t.Errorf("got %d, error %v", got, err)
			}
		})
	}
	wg.Wait()
}

func TestDefineModuleRefuses(t *testing.T) {
	l := component.NewLinker(newRuntime(t, component.NewConfig()))
	for _, c := range []struct {
		name, wasm, err string
	}{
		{"what is no module", "hello", `define "m": core module: `},
		{"a module that needs what the engine lacks", "\x00asm\x01\x00\x00\x00\x05\x05\x02\x00\x01\x00\x01", "multi-memory"},
	} {
		if err := l.DefineModule("", "m", []byte(c.wasm)); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
	}
}
