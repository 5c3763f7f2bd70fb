package nnwitx_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/internal/nntest"
	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
	"github.com/wasinn/wasinn/graphreg"
)

func info(name string, ty backends.ElementType, dims ...int64) backends.TensorInfo {
	return backends.TensorInfo{Name: name, Type: ty, Dims: dims}
}

// The errnos of today.
const (
	ok = iota
	invalidArgument
	invalidEncoding
	missingMemory
	busy
	runtimeError
	unsupportedOperation
	tooLarge
	notFound
)

func want(t testing.TB, what string, got, want uint32) {
	t.Helper()
	if got != want {
		t.Errorf("%s: errno %d, want %d", what, got, want)
	}
}

func TestAGuestComputes(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	model := b.e.Add("m", b.e.Identity(info("a", backends.U8, -1), info("b", backends.FP32, 1)))
	g := b.guest(nnwitx.ModuleName, modern)
	graph := g.load(model, 1)
	ctx, other := g.init(graph), g.init(graph)
	if graph != 0 || ctx != 0 || other != 1 {
		t.Errorf("handles %d, %d, %d, want 0, 0, 1", graph, ctx, other)
	}
	n, _, _ := g.output(ctx, 0, 8)
	want(t, "get_output before compute", n, runtimeError)
	want(t, "compute without inputs", g.call("compute", ctx), invalidArgument)
	for round, data := range []string{"abc", "vwxyz"} { // set again, compute again
		want(t, "set_input 0", g.call("set_input", ctx, 0, g.tensor(3, data, uint32(len(data)))), ok)
		if round == 0 {
			want(t, "set_input 1", g.call("set_input", ctx, 1, g.tensor(1, "1234", 1)), ok)
		}
		want(t, "compute", g.call("compute", ctx), ok)
		for range 2 {
			n, got, written := g.output(ctx, 0, 8)
			if n != ok || written != uint32(len(data)) || got != data+strings.Repeat("#", 8-len(data)) {
				t.Errorf("output %q, %d bytes, errno %d, want %q", got, written, n, data)
			}
		}
	}
	n, got, written := g.output(ctx, 0, 4)
	if n != tooLarge || got != "####" || written != 5 {
		t.Errorf("a short buffer: errno %d, %q, needed %d; want %d, untouched, 5", n, got, written, tooLarge)
	}
	n, _, written = g.output(ctx, 2, 4)
	if n != invalidArgument || written != unset {
		t.Errorf("an output that is not there: errno %d, written %#x", n, written)
	}
	want(t, "set_input 2", g.call("set_input", ctx, 2, g.tensor(1, "1234", 1)), invalidArgument)
	want(t, "a failing compute", g.call("compute", other), invalidArgument)
	want(t, "set_input of a wrong shape", g.call("set_input", ctx, 1, g.tensor(1, "12345678", 2)), ok)
	want(t, "compute with it", g.call("compute", ctx), invalidArgument)
	n, _, _ = g.output(ctx, 0, 8)
	want(t, "get_output after a compute that failed", n, runtimeError)
}

func TestTensorsByName(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	model := b.e.Add("m", b.e.Identity(info("a", backends.U8, 1), info("b", backends.U8, 1)))
	one := b.e.Add("one", b.e.Identity(info("a", backends.U8, 1)))
	g := b.guest(nnwitx.ModuleName, modern)
	ctx := g.init(g.load(model, 1))
	set := func(ctx uint32, name, data string) uint32 {
		p, n := g.str(name)
		return g.call("set_input_by_string", ctx, p, n, g.tensor(3, data, uint32(len(data))))
	}
	get := func(ctx uint32, name string) (uint32, byte) {
		p, n := g.str(name)
		buf, out := g.put([]byte("#")), g.put(words(unset))
		errno := g.call("get_output_by_string", ctx, p, n, buf, 1, out)
		b, _ := g.mod.Memory().ReadByte(buf)
		return errno, b
	}
	want(t, "an exact name", set(ctx, "b", "B"), ok)
	want(t, "an index", set(ctx, "0", "A"), ok)
	want(t, "no name", set(ctx, "", "A"), invalidArgument)
	want(t, "another name", set(ctx, "out_a", "A"), invalidArgument)
	want(t, "compute", g.call("compute", ctx), ok)
	for name, data := range map[string]byte{"out_a": 'A', "out_b": 'B', "1": 'B'} {
		if n, got := get(ctx, name); n != ok || got != data {
			t.Errorf("output %q: errno %d, %q", name, n, got)
		}
	}
	n, _ := get(ctx, "a")
	want(t, "an output that is not there", n, invalidArgument)
	single := g.init(g.load(one, 1))
	want(t, "no name for the only input", set(single, "", "C"), ok)
	want(t, "compute_single", g.call("compute_single", single), ok)
	if n, got := get(single, ""); n != ok || got != 'C' {
		t.Errorf("the only output: errno %d, %q", n, got)
	}
	want(t, "fini_single", g.call("fini_single", single), ok)
	n, _ = get(single, "")
	want(t, "get_output after fini_single", n, runtimeError)
}

func TestAModelThatDoesNotDescribeItself(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	var got []string
	m := nntest.Model{Mute: true, Compute: func(_ context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
		for _, nt := range in {
			got = append(got, nt.Name+"="+string(nt.Tensor.Data()))
		}
		return nil, nil
	}}
	g := b.guest(nnwitx.ModuleName, modern)
	ctx := g.init(g.load(b.e.Add("m", m), 1))
	want(t, "set_input 2", g.call("set_input", ctx, 2, g.tensor(3, "c", 1)), ok)
	p, n := g.str("x")
	want(t, "set_input_by_string", g.call("set_input_by_string", ctx, p, n, g.tensor(3, "x", 1)), ok)
	want(t, "a huge index", g.call("set_input", ctx, 1<<31, g.tensor(3, "c", 1)), invalidArgument)
	want(t, "compute", g.call("compute", ctx), ok)
	if s := strings.Join(got, " "); s != "2=c x=x" {
		t.Errorf("engine got %q", s)
	}
}

func TestHandlesAreNeverGivenTwice(t *testing.T) {
	b := newBench(t, nnwitx.Config{}, func(c *wasinn.Config) { c.Limits.MaxGraphs, c.Limits.MaxContexts = 2, 2 })
	model := b.e.Add("m", b.e.Identity(info("a", backends.U8, 1)))
	g := b.guest(nnwitx.ModuleName, modern)
	g0 := g.load(model, 1)
	c0 := g.init(g0)
	want(t, "set_input", g.call("set_input", c0, 0, g.tensor(3, "q", 1)), ok)
	want(t, "compute", g.call("compute", c0), ok)
	want(t, "unload", g.call("unload", g0), ok)
	want(t, "unload again", g.call("unload", g0), invalidArgument)
	want(t, "init of an unloaded graph", g.call("init_execution_context", g0, g.put(words(0))), invalidArgument)
	want(t, "compute after unload", g.call("compute", c0), invalidArgument)
	want(t, "set_input after unload", g.call("set_input", c0, 0, g.tensor(3, "q", 1)), invalidArgument)
	if n, got, _ := g.output(c0, 0, 1); n != ok || got != "q" {
		t.Errorf("get_output after unload: errno %d, %q", n, got)
	}
	if open := b.e.Open(); open.Graphs != 1 || open.Contexts != 1 {
		t.Errorf("open %+v: a context keeps its graph", open)
	}
	want(t, "finalize", g.call("finalize_execution_context", c0), ok)
	want(t, "finalize again", g.call("finalize_execution_context", c0), invalidArgument)
	n, _, _ := g.output(c0, 0, 1)
	want(t, "get_output after finalize", n, invalidArgument)
	if open := b.e.Open(); open != (nntest.Open{}) {
		t.Errorf("left open: %+v", open)
	}
	g1 := g.load(model, 1)
	if c1 := g.init(g1); g1 != 1 || c1 != 1 {
		t.Errorf("handles %d and %d, want 1 and 1", g1, c1)
	}
	for _, f := range []string{"compute", "fini_single", "finalize_execution_context", "unload"} {
		want(t, f+" of a handle never given", g.call(f, 77), invalidArgument)
	}
	g.init(g1)
	want(t, "a third context", g.call("init_execution_context", g1, g.put(words(0))), tooLarge)
	g.load(model, 1)
	n, handle := g.tryLoad(1, 0, model)
	if n != tooLarge || handle != unset {
		t.Errorf("a third graph: errno %d, handle %#x", n, handle)
	}
}

func TestEncodingsAndTargets(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	model := b.e.Add("m", b.e.Identity(info("a", backends.U8, 1)))
	g := b.guest(nnwitx.ModuleName, modern)
	gguf, saved := []byte("GGUF\x03"), []byte("\x08\x01\x12\x00")
	for _, tt := range []struct {
		name  string
		code  uint32
		model []byte
		errno uint32
	}{
		{"onnx as 1", 1, model, ok},
		{"onnx as 2, as for a year it was", 2, model, ok},
		{"onnx as 5, autodetect of WasmEdge", 5, model, ok},
		{"onnx as 6, autodetect of WAMR", 6, model, ok},
		{"onnx called openvino", 0, model, invalidEncoding},
		{"onnx called pytorch", 3, model, invalidEncoding},
		{"onnx called tensorflowlite", 4, model, invalidEncoding},
		{"tensorflow as 2", 2, saved, invalidEncoding},
		{"ggml as 5", 5, gguf, invalidEncoding},
		{"garbage as 1", 1, []byte("garbage"), invalidEncoding},
		{"garbage as 6", 6, []byte("garbage"), invalidEncoding},
		{"nothing", 1, nil, invalidArgument},
		{"an encoding of no era", 7, model, invalidEncoding},
		{"an encoding far out", 1 << 31, model, invalidEncoding},
	} {
		if n, _ := g.tryLoad(tt.code, 0, tt.model); n != tt.errno {
			t.Errorf("%s: errno %d, want %d", tt.name, n, tt.errno)
		}
	}
	for target, errno := range []uint32{ok, ok, ok, ok, invalidArgument} {
		n, _ := g.tryLoad(1, uint32(target), model)
		want(t, fmt.Sprintf("target %d", target), n, errno)
	}
	override := newBench(t, nnwitx.Config{}, func(c *wasinn.Config) { c.EncodingOverride = backends.ONNX })
	g = override.guest(nnwitx.ModuleName, modern)
	g.load(override.e.Add("m", nntest.Model{}), 0)
}

func TestElementTypesOfEveryEra(t *testing.T) {
	type row struct {
		code byte
		size int // of the data
		dims []uint32
		want string // the type, or the errno
	}
	for _, tt := range []struct {
		abi      nnwitx.ABI
		declared backends.ElementType
		rows     []row
	}{
		{nnwitx.Auto, 0, []row{
			{0, 4, []uint32{2}, "FP16"}, {1, 8, []uint32{2}, "FP32"}, {2, 16, []uint32{2}, "FP64"}, {2, 2, []uint32{2}, "U8"},
			{3, 2, []uint32{2}, "U8"}, {3, 8, []uint32{2}, "I32"}, {3, 4, []uint32{2}, "BF16"}, {4, 8, []uint32{2}, "I32"},
			{4, 2, []uint32{2}, "U8"}, {5, 16, []uint32{2}, "I64"}, {5, 8, []uint32{2}, "I32"}, {6, 16, []uint32{2}, "I64"},
			{1, 4, nil, "FP32"}, {3, 0, []uint32{0}, "U8"}, {2, 0, []uint32{5, 0}, "FP64"},
			{1, 7, []uint32{2}, "errno 1"}, {3, 3, []uint32{2}, "errno 1"}, {7, 4, []uint32{1}, "errno 1"}, {255, 1, []uint32{1}, "errno 1"},
			{1, 0, []uint32{1 << 31, 1 << 31, 8}, "errno 7"}, {1, 4, []uint32{1 << 31}, "errno 1"},
		}},
		{nnwitx.Auto, backends.I32, []row{{2, 0, []uint32{0}, "I32"}, {3, 0, []uint32{0}, "I32"}}},
		{nnwitx.ABI2021, 0, []row{
			{0, 2, []uint32{1}, "FP16"}, {1, 4, []uint32{1}, "FP32"}, {2, 1, []uint32{1}, "U8"}, {3, 4, []uint32{1}, "I32"},
			{2, 8, []uint32{1}, "errno 1"}, {4, 4, []uint32{1}, "errno 1"},
		}},
		{nnwitx.ABI2023, 0, []row{
			{2, 8, []uint32{1}, "FP64"}, {3, 1, []uint32{1}, "U8"}, {4, 4, []uint32{1}, "I32"}, {5, 8, []uint32{1}, "I64"},
			{2, 1, []uint32{1}, "errno 1"}, {3, 4, []uint32{1}, "errno 1"}, {6, 8, []uint32{1}, "errno 1"},
		}},
	} {
		b := newBench(t, nnwitx.Config{ABI: tt.abi})
		var got string
		m := nntest.Model{Mute: tt.declared == 0, Inputs: []backends.TensorInfo{{Name: "x", Type: tt.declared, Unranked: true}},
			Compute: func(_ context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
				got = in[0].Tensor.Type().String()
				return nil, nil
			}}
		g := b.guest(nnwitx.ModuleName, modern)
		graph := g.load(b.e.Add("m", m), 1)
		for _, r := range tt.rows {
			ctx := g.init(graph)
			if n := g.call("set_input", ctx, 0, g.tensor(r.code, strings.Repeat("x", r.size), r.dims...)); n != ok {
				got = fmt.Sprint("errno ", n)
			} else {
				want(t, "compute", g.call("compute", ctx), ok)
			}
			if got != r.want {
				t.Errorf("ABI %s, declared %v: type %d, %d bytes for %v is %s, want %s", tt.abi, tt.declared, r.code, r.size, r.dims, got, r.want)
			}
		}
	}
}

func TestNamedGraphs(t *testing.T) {
	dir := t.TempDir()
	e := nntest.New()
	os.Mkdir(filepath.Join(dir, "m"), 0o777)
	os.WriteFile(filepath.Join(dir, "m", "model.onnx"), e.Add("m", e.Identity(info("a", backends.U8, 1))), 0o666)
	src, err := graphreg.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, nnwitx.Config{}, func(c *wasinn.Config) {
		c.Backends = backends.NewSet(e)
		if c.Registry, err = graphreg.New(graphreg.Config{Backends: c.Backends, Sources: []graphreg.Source{src}}); err != nil {
			t.Fatal(err)
		}
	})
	g := b.guest(nnwitx.ModuleName, modern)
	for _, tt := range []struct {
		name, config string
		errno        uint32
	}{
		{"m", "", ok}, {"m", "  ", ok}, {"m", `{"n-predict": 3}`, ok}, {"m", `{"n-predict": `, invalidArgument}, {"m", `[1]`, invalidArgument},
		{"none", "{}", notFound}, {"../m", "{}", invalidArgument}, {"", "", invalidArgument}, {"\xff", "", invalidArgument},
	} {
		p, n := g.str(tt.name)
		cp, cn := g.str(tt.config)
		out := g.put(words(unset))
		if tt.config == "" {
			want(t, fmt.Sprintf("load_by_name %q", tt.name), g.call("load_by_name", p, n, out), tt.errno)
		} else {
			want(t, fmt.Sprintf("load_by_name_with_config %q %s", tt.name, tt.config), g.call("load_by_name_with_config", p, n, cp, cn, out), tt.errno)
		}
		if (g.word(out) == unset) != (tt.errno != ok) {
			t.Errorf("%q: stored %#x with errno %d", tt.name, g.word(out), tt.errno)
		}
	}
	if e.Loads.Load() != 1 {
		t.Errorf("%d loads", e.Loads.Load())
	}
}

func TestErrnosOfEveryEra(t *testing.T) {
	b := newBench(t, nnwitx.Config{}, func(c *wasinn.Config) { c.Limits.MaxModelBytes = 100 })
	model := b.e.Add("m", b.e.Identity(info("a", backends.U8, 1)))
	huge := make([]byte, 101)
	old := b.guest(nnwitx.ModuleName, of2022)
	if n, _ := old.tryLoad(1, 0, huge); n != runtimeError {
		t.Errorf("a guest without load_by_name sees %d, want %d", n, runtimeError)
	}
	if n, _ := old.tryLoad(1, 0, []byte("garbage")); n != invalidEncoding {
		t.Errorf("a guest without load_by_name sees %d, want %d", n, invalidEncoding)
	}
	today := b.guest(nnwitx.ModuleName, modern)
	if n, _ := today.tryLoad(1, 0, huge); n != tooLarge {
		t.Errorf("a guest with load_by_name sees %d, want %d", n, tooLarge)
	}
	today.load(model, 1)
	of2021 := newBench(t, nnwitx.Config{ABI: nnwitx.ABI2021}).guest(nnwitx.ModuleName, of2022)
	if n, _ := of2021.tryLoad(1, 0, []byte("garbage")); n != 1 {
		t.Errorf("a guest of 2021 sees %d, want 1", n)
	}
	clamped := newBench(t, nnwitx.Config{ClampErrno: true}).guest(nnwitx.ModuleName, modern)
	p, n := clamped.str("none")
	want(t, "a clamped guest", clamped.call("load_by_name", p, n, clamped.put(words(0))), runtimeError)
}

func TestLegacyGuests(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	model := b.e.Add("m", b.e.Identity(info("a", backends.FP32, 1, 2), info("b", backends.U8, -1)))
	g := b.guest(nnwitx.LegacyModuleName, legacy)
	out := g.put(words(unset))
	parts := g.put(words(g.put(model), uint32(len(model))))
	want(t, "load", g.call("load", g.put(words(parts, 1)), 1, 0, out), ok)
	ctx := g.init(g.word(out))
	tensor := func(code uint32, data string, dims ...uint32) uint32 {
		d := g.put(words(g.put(words(dims...)), uint32(len(dims))))
		return g.put(words(d, code, g.put([]byte(data))))
	}
	want(t, "set_input of f32", g.call("set_input", ctx, 0, tensor(1, "12345678", 1, 2)), ok)
	want(t, "set_input of u8", g.call("set_input", ctx, 1, tensor(2, "abcde", 5)), ok)
	want(t, "set_input of an unknown type", g.call("set_input", ctx, 1, tensor(4, "abcde", 5)), invalidArgument)
	want(t, "set_input beyond memory", g.call("set_input", ctx, 1, tensor(2, "abcde", 1<<30)), invalidArgument)
	want(t, "compute", g.call("compute", ctx), ok)
	get := func(index, elements uint32) (uint32, string, uint32) {
		buf, size := g.put([]byte("############")), g.put(words(elements))
		n := g.call("get_output", ctx, index, buf, size)
		b, _ := g.mod.Memory().Read(buf, 12)
		return n, string(b), g.word(size)
	}
	for _, tt := range []struct {
		name            string
		index, elements uint32
		errno           uint32
		data            string
		size            uint32
	}{
		{"two fp32 elements", 0, 2, ok, "12345678####", 2},
		{"room for more", 0, 3, ok, "12345678####", 2},
		{"room for one", 0, 1, tooLarge, "############", 2},
		{"five bytes are two elements", 1, 2, ok, "abcde#######", 2},
		{"an output that is not there", 2, 2, invalidArgument, "############", 2},
		{"a size whose bytes overflow 32 bits", 0, 1 << 31, ok, "12345678####", 2},
	} {
		if n, data, size := get(tt.index, tt.elements); n != tt.errno || data != tt.data || size != tt.size {
			t.Errorf("%s: errno %d, %q, %d", tt.name, n, data, size)
		}
	}
}

func TestPointersOutsideMemory(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	model := b.e.Add("m", b.e.Identity(info("a", backends.U8, -1)))
	g := b.guest(nnwitx.ModuleName, modern)
	graph := g.load(model, 1)
	ctx := g.init(graph)
	want(t, "set_input", g.call("set_input", ctx, 0, g.tensor(3, "abc", 3)), ok)
	want(t, "compute", g.call("compute", ctx), ok)
	size := g.mod.Memory().Size()
	pair := g.put(words(g.put(model), uint32(len(model))))
	good := g.put(words(0))
	rec := func(ws ...uint32) uint32 { return g.put(words(ws...)) }
	for _, bad := range []uint32{size, size - 3, 0xffffffff, 0xfffffffd} {
		for _, tt := range []struct {
			name string
			args []uint32
		}{
			{"load", []uint32{pair, 1, 1, 0, bad}},
			{"load", []uint32{bad, 1, 1, 0, good}},
			{"load", []uint32{rec(bad, 100), 1, 1, 0, good}},
			{"load", []uint32{rec(8, bad), 1, 1, 0, good}},
			{"load", []uint32{size - 8, 2, 1, 0, good}},
			{"load_by_name", []uint32{bad, 9, good}},
			{"load_by_name", []uint32{0, 1, bad}},
			{"load_by_name_with_config", []uint32{0, 1, bad, 9, good}},
			{"init_execution_context", []uint32{graph, bad}},
			{"set_input", []uint32{ctx, 0, bad}},
			{"set_input", []uint32{ctx, 0, rec(bad, 1, 3, 0, 1)}},
			{"set_input", []uint32{ctx, 0, rec(0, 0x40000001, 3, 0, 1)}},
			{"set_input", []uint32{ctx, 0, rec(rec(9), 1, 3, bad, 9)}},
			{"set_input", []uint32{ctx, 0, rec(rec(1), 1, 3, 8, bad)}},
			{"set_input_by_string", []uint32{ctx, bad, 9, 0}},
			{"get_output", []uint32{ctx, 0, bad, 5, good}},
			{"get_output", []uint32{ctx, 0, 0, 5, bad}},
			{"get_output_by_string", []uint32{ctx, bad, 5, 0, 5, good}},
		} {
			if bad == size-3 && (tt.name == "get_output" && tt.args[2] == bad) {
				continue // three bytes fit there
			}
			want(t, fmt.Sprintf("%s%x", tt.name, tt.args), g.call(tt.name, tt.args...), invalidArgument)
		}
	}
	for name, args := range map[string][]uint32{
		"load":                     {0, 1 << 29, 1, 0, good},
		"load_by_name_with_config": {0, 1, 0, 1<<20 + 1, good},
	} {
		want(t, name+" of something huge", g.call(name, args...), tooLarge)
	}
	want(t, "a huge name", g.call("load_by_name", 0, 1<<17, good), invalidArgument)
	if n, got, _ := g.output(ctx, 0, 3); n != ok || got != "abc" {
		t.Errorf("the guest goes on: errno %d, %q", n, got)
	}
}

func TestAModuleWithoutMemory(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	mod, err := b.r.Instantiate(t.Context(), nntest.WitxGuest(nnwitx.ModuleName, modern, 0))
	if err != nil {
		t.Fatal(err)
	}
	g := newGuest(t, mod, modern)
	for _, f := range modern {
		want(t, f.Name, g.call(f.Name, make([]uint32, f.Params)...), missingMemory)
	}
}

func TestGuestsDoNotShareHandles(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	model := b.e.Add("m", b.e.Identity(info("a", backends.U8, -1)))
	ctx := t.Context()
	compiled, err := b.r.CompileModule(ctx, nntest.WitxGuest(nnwitx.ModuleName, modern, 8))
	if err != nil {
		t.Fatal(err)
	}
	anonymous := wazero.NewModuleConfig().WithName("")
	byHost, err := b.h.InstantiateModule(ctx, compiled, anonymous)
	if err != nil {
		t.Fatal(err)
	}
	adopted, err := b.r.InstantiateModule(ctx, compiled, anonymous)
	if err != nil {
		t.Fatal(err)
	}
	g1, g2 := newGuest(t, byHost, modern), newGuest(t, adopted, modern)
	g1.load(model, 1)
	want(t, "another guest's graph", g2.call("unload", 0), invalidArgument)
	g2.load(model, 1)
	g2.load(model, 1)
	// A third by its context, though it is the second's instance.
	third := b.h.NewGuest(nnwitx.Imports{})
	res, err := g2.fns["unload"].Call(context.WithValue(third.Context(ctx), testKey{}, "v"), 0)
	if err != nil || res[0] != invalidArgument {
		t.Errorf("unload in another's context: %v, %v", res, err)
	}
	if e := third.LastError(); e == nil || !strings.Contains(e.Detail, "graph 0 was never given") {
		t.Errorf("last error %v", e)
	}
	third.Close()
	if n := b.e.Graphs.Load(); n != 3 {
		t.Errorf("%d graphs, want 3", n)
	}
	byHost.Close(ctx)
	if n := b.e.Graphs.Load(); n != 2 {
		t.Errorf("%d graphs after the first guest's end, want 2", n)
	}
	adopted.Close(ctx)
	next, _ := b.r.InstantiateModule(ctx, compiled, anonymous)
	newGuest(t, next, modern).call("compute", 0)
	if n := b.e.Graphs.Load(); n != 0 {
		t.Errorf("%d graphs after all guests' ends, want 0", n)
	}
}

func TestAnonymousHostModulesThroughAnImportResolver(t *testing.T) {
	e := nntest.New()
	svc, err := wasinn.New(wasinn.Config{Backends: backends.NewSet(e)})
	if err != nil {
		t.Fatal(err)
	}
	r := wazero.NewRuntime(t.Context())
	defer r.Close(t.Context())
	for range 2 { // two hosts in one runtime
		h, err := nnwitx.Instantiate(t.Context(), r, svc, nnwitx.Config{Anonymous: true})
		if err != nil {
			t.Fatal(err)
		}
		ctx := experimental.WithImportResolver(t.Context(), h.Module)
		mod, err := r.InstantiateWithConfig(ctx, nntest.WitxGuest(nnwitx.ModuleName, modern, 8), wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatal(err)
		}
		newGuest(t, mod, modern).load(e.Add("m", nntest.Model{}), 1)
		h.Close(t.Context())
		if h.Module("env") != nil {
			t.Error("a module of another name")
		}
	}
	if e.Open() != (nntest.Open{}) {
		t.Errorf("left open: %+v", e.Open())
	}
}

func TestAPanicInAnEngineIsOneGuestsError(t *testing.T) {
	var log bytes.Buffer
	b := newBench(t, nnwitx.Config{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	model := b.e.Add("m", nntest.Model{Compute: func(context.Context, []backends.NamedTensor) ([]backends.NamedTensor, error) { panic("boom") }})
	g := b.guest(nnwitx.ModuleName, modern)
	ctx := g.init(g.load(model, 1))
	want(t, "compute", g.call("compute", ctx), runtimeError)
	want(t, "compute again", g.call("compute", ctx), runtimeError)
	if !strings.Contains(log.String(), "function=compute errno=5 code=runtime-error") {
		t.Errorf("log: %s", &log)
	}
}

// panicking is a service with a fault of its own.
type panicking struct{ wasinn.Service }

func (panicking) LoadByName(context.Context, string) (wasinn.Graph, error) {
	panic("a fault of the host")
}

func TestAPanicInTheHostIsATrapOfOneGuest(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	h, err := nnwitx.Instantiate(t.Context(), b.r, panicking{}, nnwitx.Config{Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close(t.Context())
	ctx := experimental.WithImportResolver(t.Context(), h.Module)
	mod, err := b.r.InstantiateWithConfig(ctx, nntest.WitxGuest(nnwitx.ModuleName, modern, 1), wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newGuest(t, mod, modern).try("load_by_name", 0, 1, 0); err == nil || !strings.Contains(err.Error(), "a fault of the host") {
		t.Errorf("error %v, want a trap that says what happened", err)
	}
	g := b.guest(nnwitx.ModuleName, modern)
	g.load(b.e.Add("m", nntest.Model{}), 1)
}

func TestLazyLoadingGivesEveryModelAHandle(t *testing.T) {
	b := newBench(t, nnwitx.Config{}, func(c *wasinn.Config) { c.LazyLoad = true })
	g := b.guest(nnwitx.ModuleName, modern)
	empty, garbage := g.load(nil, 1), g.load([]byte("garbage"), 1)
	good := g.load(b.e.Add("m", b.e.Identity(info("a", backends.U8, 1))), 5)
	out := g.put(words(unset))
	want(t, "init of an empty model", g.call("init_execution_context", empty, out), invalidArgument)
	want(t, "init of garbage", g.call("init_execution_context", garbage, out), invalidEncoding)
	if g.word(out) != unset {
		t.Errorf("stored %#x", g.word(out))
	}
	ctx := g.init(good)
	want(t, "set_input", g.call("set_input", ctx, 0, g.tensor(3, "q", 1)), ok)
	want(t, "compute", g.call("compute", ctx), ok)
}

func TestABusyContextAndAGuestThatIsClosedWhileItComputes(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	inside, goOn := make(chan struct{}), make(chan struct{})
	model := b.e.Add("m", nntest.Model{Inputs: []backends.TensorInfo{info("a", backends.U8, 1)},
		Compute: func(context.Context, []backends.NamedTensor) ([]backends.NamedTensor, error) {
			close(inside)
			<-goOn
			return []backends.NamedTensor{b.e.Output("y", nil, backends.U8, []byte{1})}, nil
		}})
	compiled, err := b.r.CompileModule(t.Context(), nntest.WitxGuest(nnwitx.ModuleName, modern, 8))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := b.r.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	state := b.h.NewGuest(nnwitx.ImportsOf(compiled))
	g := newGuest(t, mod, modern)
	call := func(f string, args ...uint64) uint64 {
		res, err := mod.ExportedFunction(f).Call(state.Context(t.Context()), args...)
		if err != nil {
			t.Error(err)
			return 99
		}
		return res[0]
	}
	pair, out := g.put(words(g.put(model), uint32(len(model)))), g.put(words(0))
	call("load", uint64(pair), 1, 1, 0, uint64(out))
	call("init_execution_context", 0, uint64(out))
	tensor := g.tensor(3, "a", 1)
	call("set_input", 0, 0, uint64(tensor))
	var wg sync.WaitGroup
	wg.Go(func() {
		if n := call("compute", 0); n != runtimeError {
			t.Errorf("a compute whose guest was closed: errno %d", n)
		}
	})
	<-inside
	for f, args := range map[string][]uint64{
		"compute": {0}, "set_input": {0, 0, uint64(tensor)}, "get_output": {0, 0, 0, 0, uint64(out)}, "finalize_execution_context": {0},
	} {
		if n := call(f, args...); n != busy {
			t.Errorf("%s of a busy context: errno %d, want %d", f, n, busy)
		}
	}
	state.Close()
	close(goOn)
	wg.Wait()
	if n := call("load", uint64(pair), 1, 1, 0, uint64(out)); n != runtimeError {
		t.Errorf("load of a closed guest: errno %d", n)
	}
	if u := state.Usage(); u != (wasinn.Usage{}) {
		t.Errorf("left: %+v", u)
	}
}

func TestManyGuestsAtOnce(t *testing.T) {
	b := newBench(t, nnwitx.Config{})
	model := b.e.Add("m", b.e.Identity(info("a", backends.U8, 4)))
	compiled, err := b.r.CompileModule(t.Context(), nntest.WitxGuest(nnwitx.ModuleName, modern, 8))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				instantiate := b.h.InstantiateModule
				if j%2 == 0 {
					instantiate = b.r.InstantiateModule
				}
				mod, err := instantiate(t.Context(), compiled, wazero.NewModuleConfig().WithName(""))
				if err != nil {
					t.Error(err)
					return
				}
				g := newGuest(t, mod, modern)
				ctx := g.init(g.load(model, 1))
				data := strings.Repeat(string(rune('a'+i)), 4)
				g.call("set_input", ctx, 0, g.tensor(3, data, 4))
				want(t, "compute", g.call("compute", ctx), ok)
				if _, got, _ := g.output(ctx, 0, 4); got != data {
					t.Errorf("got %q, want %q", got, data)
				}
				mod.Close(t.Context())
			}
		})
	}
	wg.Wait()
}

func BenchmarkWitx(b *testing.B) {
	for _, size := range []int{16, 600 << 10} {
		n := int64(size / 4)
		in, out := info("x", backends.FP32, 1, n), info("y", backends.FP32, 1, 4)
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			bench := newBench(b, nnwitx.Config{})
			model := bench.e.Add("still", bench.e.Still(in, out, make([]byte, 16)))
			g := bench.guest(nnwitx.ModuleName, modern)
			g.mod.Memory().Grow(32)
			ctx := g.init(g.load(model, 1))
			tensor := g.tensor(1, strings.Repeat("x", size), 1, uint32(n))
			buf, written := g.put(make([]byte, 16)), g.put(words(0))
			stack := make([]uint64, 8)
			set, compute, get := g.fns["set_input"], g.fns["compute"], g.fns["get_output"]
			call := func(f api.Function, args ...uint64) {
				copy(stack, args)
				if err := f.CallWithStack(b.Context(), stack); err != nil || stack[0] != 0 {
					b.Fatal(err, stack[0])
				}
			}
			b.Run("set_input+compute+get_output", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					call(set, uint64(ctx), 0, uint64(tensor))
					call(compute, uint64(ctx))
					call(get, uint64(ctx), 0, uint64(buf), 16, uint64(written))
				}
			})
			b.Run("compute", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					call(compute, uint64(ctx))
				}
			})
			src, dst := make([]byte, size), make([]byte, size)
			b.Run("one copy of the input", func(b *testing.B) {
				for b.Loop() {
					copy(dst, src)
				}
			})
		})
	}
}

// testKey is the key of a value that wraps a guest's context.
type testKey struct{}
