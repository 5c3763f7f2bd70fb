package nnwit_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/internal/nntest"
	"github.com/wasinn/wasinn/component/wasinn/nnwit"
	"github.com/wasinn/wasinn/gen/wasi/nn/rc20241028/errors"
	"github.com/wasinn/wasinn/graphreg"
)

func info(name string, ty backends.ElementType, dims ...int64) backends.TensorInfo {
	return backends.TensorInfo{Name: name, Type: ty, Dims: dims}
}

// eachVersion runs f with a fresh host and guest of every version.
func eachVersion(t *testing.T, f func(t *testing.T, b *bench, d *driver)) {
	for _, v := range nnwit.Versions() {
		t.Run(v, func(t *testing.T) {
			b := newBench(t)
			f(t, b, b.driver(v))
		})
	}
}

const fp32, u8, i64 = 1, 4, 6

func TestAGuestComputes(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *bench, d *driver) {
		model := b.e.Add("m", b.e.Identity(info("a", backends.U8, -1), info("b", backends.FP32, 1, 1)))
		c := d.context(model)
		for _, data := range []string{"abc", "vwxyz"} {
			out, err := d.compute(c, []named{{"b", d.tensor(fp32, "1234", 1, 1)}, {"a", d.tensor(u8, data, uint32(len(data)))}}, "out_a", "out_b")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range out {
				got = append(got, o.name+" "+d.text(o.handle))
				d.call("tensor-drop", o.handle)
			}
			want := fmt.Sprintf("[out_a 4[%d]=%s out_b 1[1 1]=1234]", len(data), data)
			if fmt.Sprint(got) != want {
				t.Errorf("outputs %v, want %s", got, want)
			}
		}
		d.call("context-drop", c)
		if open := b.e.Open(); open != (nntest.Open{Graphs: 1}) {
			t.Errorf("open %+v, want the graph alone", open)
		}
	})
}

func TestAllTensorTypesCross(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *bench, d *driver) {
		for number, ty := range []backends.ElementType{
			backends.FP16, backends.FP32, backends.FP64, backends.BF16, backends.U8, backends.I32, backends.I64,
		} {
			data := strings.Repeat("x", 2*ty.Size())
			h := d.tensor(uint32(number), data, 1, 2)
			if got, want := d.text(h), fmt.Sprintf("%d[1 2]=%s", number, data); got != want {
				t.Errorf("made %s, want %s", got, want)
			}
			c := d.context(b.e.Add(ty.String(), b.e.Identity(info("x", ty, 1, 2))))
			out, err := d.compute(c, []named{{"x", h}}, "out_x")
			if err != nil {
				t.Errorf("%s: %v", ty, err)
				continue
			}
			if got, want := d.text(out[0].handle), fmt.Sprintf("%d[1 2]=%s", number, data); got != want {
				t.Errorf("%s: output %s, want %s", ty, got, want)
			}
		}
	})
}

func TestTypesThatWasiNNLacks(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *bench, d *driver) {
		c := d.context(b.e.Add("bool", b.e.Identity(info("x", backends.Bool, 2))))
		out, err := d.compute(c, []named{{"x", d.tensor(u8, "\x00\x01", 2)}}, "out_x")
		if err != nil || d.text(out[0].handle) != "4[2]=\x00\x01" {
			t.Fatalf("booleans: %v", err)
		}
		again, err := d.compute(d.context(b.e.Add("u8", b.e.Identity(info("x", backends.U8, 2)))), out, "out_x")
		if err == nil || d.version == october { // october names the output out_x, which is no input
			wantCode(t, "an output given on under its own name", err, backends.InvalidArgument, `no input "out_x"`)
		}
		_ = again
		m := nntest.Model{Compute: func(context.Context, []backends.NamedTensor) ([]backends.NamedTensor, error) {
			return []backends.NamedTensor{
				b.e.Output("good", []uint32{1}, backends.U8, []byte{1}), b.e.Output("bad", []uint32{1}, backends.U16, []byte{1, 2}),
				b.e.Output("more", []uint32{1}, backends.U8, []byte{1}),
			}, nil
		}}
		c = d.context(b.e.Add("u16", m))
		_, err = d.compute(c, nil, "bad")
		wantCode(t, "an output of U16", err, backends.UnsupportedOperation, `output "bad" has elements of U16`)
	})
}

func TestAnOutputIsAnInput(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *bench, d *driver) {
		toBool := b.e.Identity(info("x", backends.Bool, 1))
		u8s := b.e.Identity(info("x", backends.U8, 1))
		first, second := d.context(b.e.Add("bool", toBool)), d.context(b.e.Add("u8", u8s))
		out, err := d.compute(first, []named{{"x", d.tensor(u8, "\x01", 1)}}, "out_x")
		if err != nil {
			t.Fatal(err)
		}
		out, err = d.compute(second, []named{{"x", out[0].handle}}, "out_x")
		if err != nil || d.text(out[0].handle) != "4[1]=\x01" {
			t.Errorf("%v", err)
		}
	})
}

func TestConstructorsDoNotFail(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *bench, d *driver) {
		c := d.context(b.e.Add("m", b.e.Identity(info("x", backends.FP32, -1))))
		big := []uint32{1 << 31, 1 << 31, 1 << 31}
		for _, tt := range []struct {
			name   string
			handle uint32
			text   string
			code   backends.Code
			err    string
		}{
			{"too short", d.tensor(fp32, "123", 1), "1[1]=123", backends.InvalidArgument, "FP32[1] takes 4 bytes, found 3"},
			{"empty", d.tensor(fp32, "", 2), "1[2]=", backends.InvalidArgument, "FP32[2] takes 8 bytes, found 0"},
			{"too many dimensions", d.tensor(fp32, "1234", make([]uint32, 65)...), "1[]=1234", backends.InvalidArgument, "65 dimensions"},
			{"more than 64 bits can count", d.tensor(fp32, "1234", big...), "", backends.TooLarge, "64 bits"},
			{"another type", d.tensor(u8, "1234", 4), "4[4]=1234", backends.InvalidArgument, "found U8[4], the model wants FP32[?]"},
		} {
			if got := d.text(tt.handle); tt.text != "" && got != tt.text {
				t.Errorf("%s: the guest reads back %s, want %s", tt.name, got, tt.text)
			}
			_, err := d.compute(c, []named{{"x", tt.handle}})
			wantCode(t, tt.name, err, tt.code, tt.err)
		}
	})
}

func TestInputsAreConsumed(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *bench, d *driver) {
		c := d.context(b.e.Add("m", b.e.Identity(info("x", backends.U8, 1))))
		h := d.tensor(u8, "a", 1)
		_, err := d.compute(c, []named{{"y", h}})
		wantCode(t, "an unknown name", err, backends.InvalidArgument, `no input "y"`)
		_, err = d.try("tensor-ty", h)
		wantTrap(t, "a tensor that was consumed", err, "unknown handle index")
		_, err = d.try("tensor-new", 0, 0, u8, 0, 0)
		if err == nil {
			t.Error("the instance goes on after a trap")
		}
	})
}

func TestNamesOfInputsAndOutputs(t *testing.T) {
	b := newBench(t)
	two := b.e.Add("two", b.e.Identity(info("a", backends.U8, 1), info("b", backends.U8, 1)))
	one := b.e.Add("one", b.e.Identity(info("a", backends.U8, 1)))
	for _, v := range nnwit.Versions() {
		d := b.driver(v)
		c := d.context(one)
		for _, name := range []string{"a", "0", ""} {
			if _, err := d.compute(c, []named{{name, d.tensor(u8, "a", 1)}}, "out_a", "0", ""); err != nil {
				t.Errorf("%s: %q: %v", v, name, err)
			}
		}
		c = d.context(two)
		_, err := d.compute(c, []named{{"", d.tensor(u8, "a", 1)}})
		wantCode(t, v+": no name of two", err, backends.InvalidArgument, `no input ""`)
		_, err = d.compute(c, []named{{"1", d.tensor(u8, "a", 1)}})
		wantCode(t, v+": one of two", err, backends.InvalidArgument, `input "a" is not set`)
		if v == october {
			_, err := d.compute(c, []named{{"1", d.tensor(u8, "a", 1)}, {"b", d.tensor(u8, "a", 1)}})
			wantCode(t, v+": one twice", err, backends.InvalidArgument, `"b" is set twice`)
		}
	}
}

func TestStateBetweenTheCallsOfTheOlderVersions(t *testing.T) {
	for _, v := range []string{june, august} {
		b := newBench(t)
		d := b.driver(v)
		c := d.context(b.e.Add("m", b.e.Identity(info("x", backends.U8, 1))))
		_, err := d.getOutput(c, "out_x")
		wantCode(t, "get-output before compute", err, backends.RuntimeError, "compute first")
		compute := func(in ...named) []uint32 {
			t.Helper()
			if _, err := d.compute(c, in); err != nil {
				t.Fatal(err)
			}
			a, err1 := d.getOutput(c, "out_x")
			b, err2 := d.getOutput(c, "0")
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			return []uint32{a, b}
		}
		p := compute(named{"x", d.tensor(u8, "p", 1)}, named{"0", d.tensor(u8, "q", 1)}) // the second replaces the first
		r := compute()                                                                   // on the same input again
		q := compute(named{"x", d.tensor(u8, "z", 1)})
		d.call("context-drop", c)
		for _, h := range append(p, r...) {
			if got := d.text(h); got != "4[1]=q" {
				t.Errorf("%s: output %s, want q's", v, got)
			}
		}
		for _, h := range q {
			if got := d.text(h); got != "4[1]=z" {
				t.Errorf("%s: output %s, want z's", v, got)
			}
			d.call("tensor-drop", h)
		}
		if n := b.e.Tensors.Load(); n != 2 {
			t.Errorf("%s: %d outputs are alive, want those of two computes", v, n)
		}
		c = d.context(b.e.Add("m", b.e.Identity(info("x", backends.U8, 1))))
		compute(named{"x", d.tensor(u8, "p", 1)})
		_, err = d.getOutput(c, "x")
		wantCode(t, "another output", err, backends.InvalidArgument, `no output "x"`)
		wantCode(t, "another input", d.setInput(c, named{"y", d.tensor(u8, "p", 1)}), backends.InvalidArgument, `no input "y"`)
		if _, err := d.compute(c, []named{{"x", d.tensor(fp32, "1234", 1)}}); err == nil {
			t.Error("a wrong type was accepted")
		}
		_, err = d.getOutput(c, "out_x")
		wantCode(t, "get-output after a compute that failed", err, backends.RuntimeError, "compute first")
	}
}

// TestCodes has an engine fail with every code, and fails itself when one is
// added that a version has no word for.
func TestCodes(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *bench, d *driver) {
		for _, code := range backends.Codes() {
			if got := errors.ErrorCode(code).String(); got != code.String() {
				t.Errorf("code %s has the number of %s in WIT", code, got)
			}
			m := nntest.Model{Load: func(context.Context, backends.LoadOptions) error {
				return backends.Errorf(code, "because of ünïcödé %d", code)
			}}
			_, err := d.load(1, 0, b.e.Add("m", m))
			wantCode(t, code.String(), err, code, fmt.Sprintf("because of ünïcödé %d", code))
		}
		if d.version == june {
			text := strings.Repeat("t", 1000)
			h := d.call("error-new", uint32(backends.Security), d.put([]byte(text)), 1000)
			if code, data := d.call("error-code", h), d.list("error-data", h, 1); code != uint32(backends.Security) || string(data) != text {
				t.Errorf("a guest's own error: %d, %s", code, data)
			}
			d.call("error-drop", h)
		}
	})
}

func TestEncodingsTargetsAndNames(t *testing.T) {
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, "m"), 0o777)
	for _, v := range nnwit.Versions() {
		e := nntest.New()
		var got backends.LoadOptions
		m := e.Identity(info("x", backends.U8, 1))
		m.Load = func(_ context.Context, o backends.LoadOptions) error { got = o; return nil }
		model := e.Add("m", m)
		os.WriteFile(filepath.Join(dir, "m", "model.onnx"), model, 0o666)
		src, err := graphreg.Dir(dir)
		if err != nil {
			t.Fatal(err)
		}
		set := backends.NewSet(e)
		reg, err := graphreg.New(graphreg.Config{Backends: set, Sources: []graphreg.Source{src}})
		if err != nil {
			t.Fatal(err)
		}
		defer reg.Close()
		d := newBench(t, func(c *wasinn.Config) { c.Backends, c.Registry = set, reg }).driver(v)
		for i, enc := range []backends.Encoding{backends.OpenVINO, "", backends.TensorFlow, backends.PyTorch, backends.TensorFlowLite, backends.GGML} {
			_, err := d.load(uint32(i), 0, model)
			if enc != "" {
				wantCode(t, string(enc), err, backends.InvalidEncoding, "no backend takes "+string(enc)+" models")
			}
		}
		for i, target := range []backends.Target{backends.CPU, backends.GPU, backends.TPU} {
			if _, err := d.load(6, uint32(i), model); err != nil || got.Encoding != backends.ONNX || got.Target != target {
				t.Errorf("%s: target %s: loaded with %+v, %v", v, target, got, err)
			}
		}
		_, err = d.load(6, 0, []byte("garbage"))
		wantCode(t, "garbage", err, backends.InvalidEncoding, "7 bytes in 1 parts")
		_, err = d.load(1, 0)
		wantCode(t, "no parts", err, backends.InvalidArgument, "the model is empty")
		if g, err := d.loadByName("m"); err != nil {
			t.Error(err)
		} else if _, err = d.init(g); err != nil {
			t.Error(err)
		}
		_, err = d.loadByName("none")
		wantCode(t, "an unknown name", err, backends.NotFound, `no graph "none"`)
		_, err = d.loadByName("../m")
		wantCode(t, "a path", err, backends.InvalidArgument, "graph name")
		_, err = d.try("load", 0, 0, 7, 0, 0)
		wantTrap(t, "an encoding that is none", err, "")
	}
}

func TestLimitsHoldForEachGuest(t *testing.T) {
	b := newBench(t, func(c *wasinn.Config) {
		c.Limits = wasinn.Limits{MaxTensors: 4, MaxTensorBytes: 100, MaxGuestTensorBytes: 150, MaxGraphs: 2, MaxContexts: 2}
	})
	model := b.e.Add("m", b.e.Identity(info("x", backends.U8, -1)))
	d, other := b.driver(october), b.driver(june)
	c := d.context(model)
	_, err := d.compute(c, []named{{"x", d.tensor(u8, strings.Repeat("x", 101), 101)}})
	wantCode(t, "a tensor that is too large", err, backends.TooLarge, "has 101 bytes, the limit is 100")
	_, err = d.compute(c, []named{{"x", d.tensor(u8, strings.Repeat("x", 80), 80)}})
	wantCode(t, "an output that is too much", err, backends.TooLarge, "80 bytes more")
	d.context(model)
	_, err = d.load(1, 0, model)
	wantCode(t, "a third graph", err, backends.TooLarge, "holds 2 graphs")
	for range 4 {
		d.tensor(u8, "", 0)
	}
	_, err = d.try("tensor-new", 0, 0, u8, 0, 0)
	wantTrap(t, "a fifth tensor", err, "holds 4 tensors")
	c = other.context(model)
	if _, err := other.compute(c, []named{{"x", other.tensor(u8, "x", 1)}}); err != nil {
		t.Errorf("another guest: %v", err)
	}
	text := strings.Repeat("t", 200)
	_, err = other.try("error-new", 0, other.put([]byte(text)), 200)
	wantTrap(t, "an error that is too large", err, "data of 200 bytes")
}

func TestHostileHandles(t *testing.T) {
	for _, v := range nnwit.Versions() {
		b := newBench(t)
		model := b.e.Add("m", b.e.Identity(info("x", backends.U8, 1)))
		for _, tt := range []struct {
			name string
			do   func(d *driver) error
		}{
			{"a tensor never given", func(d *driver) error { _, err := d.try("tensor-ty", 77); return err }},
			{"a graph for a tensor", func(d *driver) error {
				g, _ := d.load(1, 0, model)
				_, err := d.try("tensor-ty", g)
				return err
			}},
			{"a tensor dropped twice", func(d *driver) error {
				h := d.tensor(u8, "a", 1)
				d.call("tensor-drop", h)
				_, err := d.try("tensor-drop", h)
				return err
			}},
			{"a context of a dropped graph still computes", func(d *driver) error {
				g, _ := d.load(1, 0, model)
				c, _ := d.init(g)
				d.call("graph-drop", g)
				if _, err := d.compute(c, []named{{"x", d.tensor(u8, "a", 1)}}); err != nil {
					t.Error(err)
				}
				_, err := d.try("init-execution-context", g, 0)
				return err
			}},
			{"data outside memory", func(d *driver) error { _, err := d.try("tensor-new", 0, 0, u8, 0xfffffff0, 0x100); return err }},
			{"dims outside memory", func(d *driver) error { _, err := d.try("tensor-new", 0, 0x3fffffff, u8, 0, 0); return err }},
			{"a type that is none", func(d *driver) error { _, err := d.try("tensor-new", 0, 0, 7, 0, 0); return err }},
			{"parts outside memory", func(d *driver) error { _, err := d.try("load", 0xffff0000, 0x10000, 1, 0, 0); return err }},
			{"a result outside memory", func(d *driver) error { _, err := d.try("load", 0, 0, 1, 0, 0xfffffffc); return err }},
		} {
			d := b.driver(v)
			err := tt.do(d)
			wantTrap(t, v+": "+tt.name, err, "")
			d.inst.Close(t.Context())
			if open := b.e.Open(); open != (nntest.Open{}) {
				t.Fatalf("%s: %s: left open: %+v", v, tt.name, open)
			}
		}
	}
}

func TestAnInstanceThatClosesLeavesNothing(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *bench, d *driver) {
		model := b.e.Add("m", b.e.Identity(info("x", backends.U8, 1)))
		for range 3 {
			c := d.context(model)
			d.tensor(u8, "a", 1)
			if _, err := d.compute(c, []named{{"x", d.tensor(u8, "a", 1)}}, "out_x", "out_x"); err != nil {
				t.Fatal(err)
			}
		}
		if open := b.e.Open(); open != (nntest.Open{Graphs: 3, Contexts: 3, Tensors: 3}) {
			t.Errorf("open %+v", open)
		}
		if err := d.inst.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if open := b.e.Open(); open != (nntest.Open{}) {
			t.Errorf("left open: %+v", open)
		}
	})
}

func TestAPanicIsOneGuestsError(t *testing.T) {
	b := newBench(t)
	bad := b.e.Add("bad", nntest.Model{Compute: func(context.Context, []backends.NamedTensor) ([]backends.NamedTensor, error) { panic("boom") }})
	d := b.driver(october)
	_, err := d.compute(d.context(bad), nil)
	wantCode(t, "a panic", err, backends.RuntimeError, "broke down while computing")
}

func TestAServiceIsNeeded(t *testing.T) {
	rt, err := component.NewRuntime(t.Context(), component.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close(t.Context())
	if err := nnwit.AddToLinker(component.NewLinker(rt), nil); err == nil {
		t.Error("no service was accepted")
	}
}

func BenchmarkWIT(b *testing.B) {
	for _, version := range []string{october, august} {
		for _, size := range []uint32{16, 600 << 10} {
			b.Run(fmt.Sprintf("%s/bytes=%d", version, size), func(b *testing.B) {
				bench := newBench(b)
				out := make([]byte, 16)
				model := bench.e.Add("still", bench.e.Still(info("x", backends.FP32, int64(size/4)), info("y", backends.FP32, 4), out))
				d := bench.driver(version)
				c := d.context(model)
				dims, data := d.put(words(size/4)), d.put(bytes.Repeat([]byte("x"), int(size)))
				b.ReportAllocs()
				b.ResetTimer()
				const most = 1 << 20
				for left := b.N; left > 0; left -= most { // one call, many computes: the call's own cost vanishes
					d.call("bench", uint32(min(left, most)), c, dims, fp32, data, size)
				}
			})
		}
	}
}

func TestManyGuestsAtOnce(t *testing.T) {
	b := newBench(t)
	model := b.e.Add("m", b.e.Identity(info("x", backends.U8, 4)))
	var wg sync.WaitGroup
	for i := range 6 {
		d := b.driver(nnwit.Versions()[i%3])
		wg.Go(func() {
			c := d.context(model)
			data := strings.Repeat(string(rune('a'+i)), 4)
			for range 50 {
				out, err := d.compute(c, []named{{"x", d.tensor(u8, data, 4)}}, "out_x")
				if err != nil || d.text(out[0].handle) != "4[4]="+data {
					t.Errorf("guest %d: %v", i, err)
					return
				}
				d.call("tensor-drop", out[0].handle)
			}
		})
	}
	wg.Wait()
}
