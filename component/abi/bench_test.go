package abi

import (
	"context"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// The benchmarks run over a byte heap and Go functions in place of a guest, so
// that they show what this package adds to a call.

func benchGuest() *guest {
	g := newGuest(NewStore(Limits{}), nil, "g")
	g.heap.mem = make([]byte, 2<<20)
	g.opts.Realloc = CoreFuncOf(func(_ context.Context, s []uint64) error { s[0] = 1 << 20; return nil })
	g.opts.Memory = &g.mem
	return g
}

func BenchmarkCallAdd(b *testing.B) {
	f := benchGuest().lift("add", addType, coreAdd)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CallFunc(ctx, f, addCodec, U32, addParams{1, 2}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallAddDynamic(b *testing.B) {
	f := benchGuest().lift("add", addType, coreAdd)
	args := []value.Value{uint32(1), uint32(2)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CallDynamic(ctx, f, args); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallStrlen(b *testing.B) {
	f := benchGuest().lift("strlen", &types.Func{Params: params("s", types.String), Result: types.U32},
		func(_ context.Context, s []uint64) error { s[0] = s[1]; return nil })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CallFunc(ctx, f, echoCodec, U32, echoParams{"0123456789"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallEcho(b *testing.B) {
	g := benchGuest()
	f := g.lift("echo", echoType, g.coreEcho)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CallFunc(ctx, f, echoCodec, String, echoParams{"0123456789"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallEchoView(b *testing.B) {
	g := benchGuest()
	f := g.lift("echo", echoType, g.coreEcho)
	use := func(string) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if err := CallFuncView(ctx, f, echoCodec, String, echoParams{"0123456789"}, use); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallListMB(b *testing.B) {
	type p struct{ B []byte }
	codec := Params(FieldOf("b", Bytes, func(p *p) *[]byte { return &p.B }))
	f := benchGuest().lift("f", FuncType(codec, None), func(context.Context, []uint64) error { return nil })
	data := make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CallFunc(ctx, f, codec, None, p{data}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCopyMB(b *testing.B) {
	src, dst := make([]byte, 1<<20), make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	for b.Loop() {
		copy(dst, src)
	}
}

// benchHost calls a host function as the engine does.
func benchHost(b *testing.B, g *guest, f HostFunc, args ...uint64) {
	b.Helper()
	st := g.inst.Store
	stack := make([]uint64, max(len(args), 1))
	b.ReportAllocs()
	for b.Loop() {
		copy(stack, args)
		c := st.AcquireCall()
		c.Init(ctx, &g.opts, g.inst, stack)
		if err := f(c); err != nil {
			b.Fatal(err)
		}
		st.ReleaseCall(c)
	}
}

func BenchmarkHostAdd(b *testing.B) {
	benchHost(b, benchGuest(), CanonLower(addCodec, U32, func(_ *Call, p addParams) (uint32, error) { return p.A + p.B, nil }), 1, 2)
}

func BenchmarkHostString10(b *testing.B) {
	g := benchGuest()
	ptr, n := g.put("0123456789")
	benchHost(b, g, CanonLower(echoCodec, U32, func(_ *Call, p echoParams) (uint32, error) { return uint32(len(p.S)), nil }), ptr, n)
}

func BenchmarkHostStringMB(b *testing.B) {
	g := benchGuest()
	ptr, n := g.put(strings.Repeat("x", 1<<20))
	benchHost(b, g, CanonLower(echoCodec, U32, func(_ *Call, p echoParams) (uint32, error) { return uint32(len(p.S)), nil }), ptr, n)
}

func BenchmarkHostBytesMB(b *testing.B) {
	type p struct{ B []byte }
	codec := Params(FieldOf("b", Bytes, func(p *p) *[]byte { return &p.B }))
	benchHost(b, benchGuest(), CanonLower(codec, U32, func(_ *Call, p p) (uint32, error) { return uint32(len(p.B)), nil }), 64, 1<<20)
}

func BenchmarkHostFloatsMB(b *testing.B) {
	type p struct{ F []float32 }
	codec := Params(FieldOf("f", List(F32), func(p *p) *[]float32 { return &p.F }))
	benchHost(b, benchGuest(), CanonLower(codec, U32, func(_ *Call, p p) (uint32, error) { return uint32(len(p.F)), nil }), 64, 1<<18)
}

func BenchmarkHostBorrow(b *testing.B) {
	var log []string
	g := benchGuest()
	mk := CanonLower(None, things.Own(), func(*Call, Unit) (*thing, error) { return &thing{"t", &log}, nil })
	if _, err := g.call(mk, 0); err != nil {
		b.Fatal(err)
	}
	type one struct{ T *thing }
	benchHost(b, g, CanonLower(Params(FieldOf("t", things.Borrow(), func(o *one) **thing { return &o.T })), None,
		func(*Call, one) (u Unit, err error) { return }), 1)
}

func BenchmarkHostResultOfTuple(b *testing.B) {
	type res = Result[Tuple2[uint32, []byte], uint8]
	data := make([]byte, 10)
	benchHost(b, benchGuest(), CanonLower(None, ResultOf(Tuple2Of(U32, Bytes), Enum[uint8]("a", "b")),
		func(*Call, Unit) (res, error) {
			return OK[Tuple2[uint32, []byte], uint8](Tuple2[uint32, []byte]{1, data}), nil
		}), 64)
}

func BenchmarkFuseAdd(b *testing.B) {
	st := NewStore(Limits{})
	callee, caller := newGuest(st, nil, "callee"), newGuest(st, nil, "caller")
	f, err := Fuse(callee.lift("add", addType, coreAdd), NewSignature(addType, nil))
	if err != nil {
		b.Fatal(err)
	}
	benchHost(b, caller, f, 1, 2)
}

func BenchmarkFuseString10(b *testing.B) {
	st := NewStore(Limits{})
	callee, caller := newGuest(st, nil, "callee"), newGuest(st, nil, "caller")
	callee.opts.Realloc = CoreFuncOf(func(_ context.Context, s []uint64) error { s[0] = 1 << 10; return nil })
	ft := &types.Func{Params: params("s", types.String), Result: types.U32}
	f, err := Fuse(callee.lift("strlen", ft, func(_ context.Context, s []uint64) error { s[0] = s[1]; return nil }), NewSignature(ft, nil))
	if err != nil {
		b.Fatal(err)
	}
	ptr, n := caller.put("0123456789")
	benchHost(b, caller, f, ptr, n)
}
