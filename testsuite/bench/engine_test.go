// Package bench measures the engine beside calls that are wired by hand on
// wazero, its floor.
package bench

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
)

type pair struct{ A, B uint32 }

type text struct{ Text string }

type data struct{ Bytes []byte }

type number struct{ N uint32 }

var (
	pairParams = abi.Params(
		abi.FieldOf("a", abi.U32, func(p *pair) *uint32 { return &p.A }),
		abi.FieldOf("b", abi.U32, func(p *pair) *uint32 { return &p.B }))
	textParams   = abi.Params(abi.FieldOf("text", abi.String, func(p *text) *string { return &p.Text }))
	dataParams   = abi.Params(abi.FieldOf("bytes", abi.Bytes, func(p *data) *[]byte { return &p.Bytes }))
	codeParams   = abi.Params(abi.FieldOf("code", abi.U32, func(p *number) *uint32 { return &p.N }))
	numberParams = abi.Params(abi.FieldOf("n", abi.U32, func(p *number) *uint32 { return &p.N }))
)

// must stops the benchmark on an error of set-up.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// linked returns a linker with test:host/api and component/testdata/calls.wasm compiled.
func linked(t testing.TB) (*component.Linker, *component.Component) {
	t.Helper()
	rt := must(component.NewRuntime(t.Context(), component.NewConfig()))(t)
	t.Cleanup(func() { rt.Close(context.Background()) })
	l := component.NewLinker(rt)
	define(t, l, "add", pairParams, abi.U32, func(_ *abi.Call, p pair) (uint32, error) { return p.A + p.B, nil })
	define(t, l, "length", textParams, abi.U32, func(_ *abi.Call, p text) (uint32, error) { return uint32(len(p.Text)), nil })
	define(t, l, "sum", dataParams, abi.U32, func(_ *abi.Call, p data) (uint32, error) { return uint32(len(p.Bytes)), nil })
	define(t, l, "stop", codeParams, abi.None, func(*abi.Call, number) (abi.Unit, error) { return abi.Unit{}, nil })
	define(t, l, "again", abi.None, abi.None, func(*abi.Call, abi.Unit) (abi.Unit, error) { return abi.Unit{}, nil })
	wasm := must(os.ReadFile("../../component/testdata/calls.wasm"))(t)
	return l, must(l.Runtime().Compile(t.Context(), wasm))(t)
}

func define[P, R any](t testing.TB, l *component.Linker, name string, params abi.Codec[P], result abi.Codec[R], fn func(*abi.Call, P) (R, error)) {
	t.Helper()
	err := l.DefineFunc("test:host/api@0.2.3", name, abi.FuncType(params, result), abi.CanonLower(params, result, fn))
	if err != nil {
		t.Fatal(err)
	}
}

func instance(t testing.TB) *component.Instance {
	l, c := linked(t)
	inst := must(l.Instantiate(t.Context(), c))(t)
	t.Cleanup(func() { inst.Close(context.Background()) })
	return inst
}

// floor returns testdata/floor.wasm wired by hand.
func floor(t testing.TB) api.Module {
	ctx := t.Context()
	rt := wazero.NewRuntime(ctx)
	t.Cleanup(func() { rt.Close(context.Background()) })
	i32 := api.ValueTypeI32
	two, one := []api.ValueType{i32, i32}, []api.ValueType{i32}
	b := rt.NewHostModuleBuilder("host")
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, _ api.Module, s []uint64) {
		s[0] = uint64(uint32(s[0]) + uint32(s[1]))
	}), two, one).Export("add")
	length := api.GoModuleFunc(func(_ context.Context, m api.Module, s []uint64) {
		v, ok := m.Memory().Read(uint32(s[0]), uint32(s[1]))
		if !ok {
			panic("out of bounds")
		}
		s[0] = uint64(len(v))
	})
	b.NewFunctionBuilder().WithGoModuleFunction(length, two, one).Export("length")
	b.NewFunctionBuilder().WithGoModuleFunction(length, two, one).Export("sum")
	must(b.Instantiate(ctx))(t)
	wasm := must(os.ReadFile(filepath.Join("testdata", "floor.wasm")))(t)
	return must(rt.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithName("guest")))(t)
}

// run calls f with a stack of its own.
func run(b *testing.B, f api.Function, stack []uint64) {
	if err := f.CallWithStack(b.Context(), stack); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkAdd(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		f, ctx := floor(b).ExportedFunction("add"), b.Context()
		stack := make([]uint64, 2)
		b.ReportAllocs()
		for b.Loop() {
			stack[0], stack[1] = 40, 2
			if err := f.CallWithStack(ctx, stack); err != nil || stack[0] != 42 {
				b.Fatal(stack[0], err)
			}
		}
	})
	b.Run("typed", func(b *testing.B) {
		f, ctx := must(component.Bind(must(instance(b).Func("add"))(b), pairParams, abi.U32))(b), b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if got, err := f.Call(ctx, pair{40, 2}); err != nil || got != 42 {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("dynamic", func(b *testing.B) {
		f, ctx := must(instance(b).Func("add"))(b), b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if got, err := f.Call(ctx, uint32(40), uint32(2)); err != nil || got != uint32(42) {
				b.Fatal(got, err)
			}
		}
	})
}

func BenchmarkStringIn(b *testing.B) {
	const s = "ten bytes!"
	b.Run("floor", func(b *testing.B) {
		m, ctx := floor(b), b.Context()
		f, realloc, reset := m.ExportedFunction("length"), m.ExportedFunction("realloc"), m.ExportedFunction("reset")
		stack := make([]uint64, 4)
		b.ReportAllocs()
		for b.Loop() {
			stack[0], stack[1], stack[2], stack[3] = 0, 0, 1, uint64(len(s))
			run(b, realloc, stack)
			m.Memory().WriteString(uint32(stack[0]), s)
			stack[1] = uint64(len(s))
			run(b, f, stack)
			if err := reset.CallWithStack(ctx, stack); err != nil || stack[0] != 10 {
				b.Fatal(stack[0], err)
			}
		}
	})
	b.Run("typed", func(b *testing.B) {
		f, ctx := must(component.Bind(must(instance(b).Func("length"))(b), textParams, abi.U32))(b), b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if got, err := f.Call(ctx, text{s}); err != nil || got != 10 {
				b.Fatal(got, err)
			}
		}
	})
}

func BenchmarkStringEcho(b *testing.B) {
	const s = "ten bytes!"
	b.Run("floor", func(b *testing.B) {
		m, ctx := floor(b), b.Context()
		f, realloc, reset := m.ExportedFunction("echo"), m.ExportedFunction("realloc"), m.ExportedFunction("reset")
		stack := make([]uint64, 4)
		b.ReportAllocs()
		for b.Loop() {
			stack[0], stack[1], stack[2], stack[3] = 0, 0, 1, uint64(len(s))
			run(b, realloc, stack)
			m.Memory().WriteString(uint32(stack[0]), s)
			stack[1] = uint64(len(s))
			run(b, f, stack)
			out, _ := m.Memory().Read(uint32(stack[0]), 8)
			got, _ := m.Memory().Read(binary.LittleEndian.Uint32(out), binary.LittleEndian.Uint32(out[4:]))
			if string(got) != s {
				b.Fatal(got)
			}
			if err := reset.CallWithStack(ctx, stack); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("view", func(b *testing.B) {
		f, ctx := must(component.Bind(must(instance(b).Func("echo"))(b), textParams, abi.String))(b), b.Context()
		use := func(got string) error {
			if got != s {
				b.Fatal(got)
			}
			return nil
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := f.CallView(ctx, text{s}, use); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("copy", func(b *testing.B) {
		f, ctx := must(component.Bind(must(instance(b).Func("echo"))(b), textParams, abi.String))(b), b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if got, err := f.Call(ctx, text{s}); err != nil || got != s {
				b.Fatal(got, err)
			}
		}
	})
}

func BenchmarkListIn1MB(b *testing.B) {
	list := []byte(strings.Repeat("x", 1<<20))
	b.Run("floor", func(b *testing.B) {
		dst := make([]byte, len(list))
		b.SetBytes(int64(len(list)))
		for b.Loop() {
			copy(dst, list)
		}
	})
	b.Run("typed", func(b *testing.B) {
		f, ctx := must(component.Bind(must(instance(b).Func("count"))(b), dataParams, abi.U32))(b), b.Context()
		b.SetBytes(int64(len(list)))
		b.ReportAllocs()
		for b.Loop() {
			if got, err := f.Call(ctx, data{list}); err != nil || got != 1<<20 {
				b.Fatal(got, err)
			}
		}
	})
}

// perCall is how many times a guest calls the host in one call of the guest.
const perCall = 1000

func guestToHost(b *testing.B, name string, length uint32) {
	b.Run("floor", func(b *testing.B) {
		f := floor(b).ExportedFunction(strings.Replace(name, "sums", "lengths", 1))
		stack := make([]uint64, 2)
		b.ReportAllocs()
		for b.Loop() {
			stack[0], stack[1] = perCall, uint64(length)
			run(b, f, stack)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perCall, "ns/call")
	})
	b.Run("typed", func(b *testing.B) {
		f, ctx := must(instance(b).Func(name))(b), b.Context()
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if name == "adds" {
				_, err = component.Call(ctx, f, numberParams, abi.U32, number{perCall})
			} else {
				_, err = component.Call(ctx, f, pairParams, abi.U32, pair{perCall, length})
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perCall, "ns/call")
	})
}

func BenchmarkGuestToHostAdd(b *testing.B) { guestToHost(b, "adds", 0) }

func BenchmarkGuestToHostString(b *testing.B) { guestToHost(b, "lengths", 10) }

func BenchmarkGuestToHostList60KB(b *testing.B) { guestToHost(b, "sums", 60_000) }

func BenchmarkFreshInstance(b *testing.B) {
	l, c := linked(b)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		inst, err := l.Instantiate(ctx, c)
		if err != nil {
			b.Fatal(err)
		}
		if err := inst.Close(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
