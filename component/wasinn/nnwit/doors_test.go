package nnwit_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn/internal/nntest"
	"github.com/wasinn/wasinn/component/wasinn/nnwit"
	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
)

// mixer is a model whose outputs depend on every byte of both inputs, and on
// their order.
func mixer(e *nntest.Engine) nntest.Model {
	return nntest.Model{
		Inputs:  []backends.TensorInfo{info("a", backends.FP32, -1), info("b", backends.I64, 1, 2)},
		Outputs: []backends.TensorInfo{info("sum", backends.FP64, 1), info("both", backends.U8, -1)},
		Compute: func(_ context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
			both := []byte{}
			for _, nt := range in {
				both = append(both, nt.Name...)
				both = fmt.Append(both, nt.Tensor.Type(), nt.Tensor.Dims())
				both = append(both, nt.Tensor.Data()...)
			}
			sum := make([]byte, 8)
			for i, b := range both {
				sum[i%8] = sum[i%8]*31 + b
			}
			return []backends.NamedTensor{
				e.Output("sum", []uint32{1}, backends.FP64, sum),
				e.Output("both", []uint32{uint32(len(both))}, backends.U8, both),
			}, nil
		},
	}
}

func TestBothDoorsGiveTheSameBytes(t *testing.T) {
	b := newBench(t)
	model := b.e.Add("mixer", mixer(b.e))
	a, i := "one-two-three---", "sixteen bytes :)"
	want := throughWitx(t, b, model, a, i)
	if len(want) != 2 || len(want[0]) != 8 || len(want[1]) < len(a)+len(i) {
		t.Fatalf("the witx door gives %q", want)
	}
	for _, v := range nnwit.Versions() {
		d := b.driver(v)
		out, err := d.compute(d.context(model), []named{{"b", d.tensor(i64, i, 1, 2)}, {"a", d.tensor(fp32, a, 4)}}, "sum", "both")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range out {
			got = append(got, string(d.list("tensor-data", o.handle, 1)))
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%s: %q, through the witx door %q", v, got, want)
		}
	}
}

// throughWitx computes in a core module: a as FP32, i as I64.
func throughWitx(t *testing.T, b *bench, model []byte, a, i string) []string {
	t.Helper()
	ctx := t.Context()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	h, err := nnwitx.Instantiate(ctx, r, b.svc, nnwitx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close(ctx)
	mod, err := r.Instantiate(ctx, nntest.WitxGuest(nnwitx.ModuleName, nntest.WitxImports, 1))
	if err != nil {
		t.Fatal(err)
	}
	call := func(name string, args ...uint64) {
		t.Helper()
		if res, err := mod.ExportedFunction(name).Call(ctx, args...); err != nil || res[0] != 0 {
			t.Fatalf("%s: %v, %v", name, res, err)
		}
	}
	mem := mod.Memory()
	mem.Write(0x100, model)
	mem.Write(0x200, []byte(a))
	mem.Write(0x300, []byte(i))
	mem.Write(0, words(0x100, uint32(len(model)))) // the builder
	mem.Write(8, words(4, 1, 2))                   // dims of both
	mem.Write(0x20, words(8, 1, 1, 0x200, uint32(len(a))))
	mem.Write(0x40, words(12, 2, 5, 0x300, uint32(len(i))))
	call("load", 0, 1, 1, 0, 0x60)
	call("init_execution_context", 0, 0x60)
	call("set_input", 0, 0, 0x20)
	call("set_input", 0, 1, 0x40)
	call("compute", 0)
	var outs []string
	for k := range uint64(2) {
		call("get_output", 0, k, 0x1000, 0x1000, 0x60)
		n, _ := mem.ReadUint32Le(0x60)
		out, _ := mem.Read(0x1000, n)
		outs = append(outs, string(out))
	}
	return outs
}
