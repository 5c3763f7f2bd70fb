package nnwit_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/value"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/internal/nntest"
	"github.com/wasinn/wasinn/component/wasinn/nnwit"
)

// bench is a host with an engine behind it.
type bench struct {
	t   testing.TB
	e   *nntest.Engine
	rt  *component.Runtime
	l   *component.Linker
	svc wasinn.Service
}

func newBench(t testing.TB, change ...func(*wasinn.Config)) *bench {
	t.Helper()
	b := &bench{t: t, e: nntest.New()}
	cfg := wasinn.Config{Backends: backends.NewSet(b.e)}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	if b.svc, err = wasinn.New(cfg); err != nil {
		t.Fatal(err)
	}
	if b.rt, err = component.NewRuntime(t.Context(), component.NewConfig()); err != nil {
		t.Fatal(err)
	}
	b.l = component.NewLinker(b.rt)
	if err := nnwit.AddToLinker(b.l, b.svc); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.rt.Close(context.Background())
		if open := b.e.Open(); open != (nntest.Open{}) {
			t.Errorf("left open: %+v", open)
		}
	})
	return b
}

// driver is a guest that calls what it is told to; see testdata/build.mjs.
type driver struct {
	t       testing.TB
	inst    *component.Instance
	version string
}

const (
	june    = "0.2.0-rc-2024-06-25"
	august  = "0.2.0-rc-2024-08-19"
	october = "0.2.0-rc-2024-10-28"
)

func (b *bench) driver(version string) *driver {
	b.t.Helper()
	wasm, err := os.ReadFile("testdata/driver-" + version + ".wasm")
	if err != nil {
		b.t.Fatal(err)
	}
	comp, err := b.rt.Compile(b.t.Context(), wasm)
	if err != nil {
		b.t.Fatal(err)
	}
	inst, err := b.l.Instantiate(b.t.Context(), comp)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { inst.Close(context.Background()) })
	return &driver{b.t, inst, version}
}

// try calls an export; result is 0 for one without.
func (d *driver) try(name string, args ...uint32) (uint32, error) {
	d.t.Helper()
	f, err := d.inst.Func(name)
	if err != nil {
		d.t.Fatal(err)
	}
	vs := make([]value.Value, len(args))
	for i, a := range args {
		vs[i] = a
	}
	v, err := f.Call(d.t.Context(), vs...)
	if err != nil {
		return 0, err
	}
	n, _ := v.(uint32)
	return n, nil
}

func (d *driver) call(name string, args ...uint32) uint32 {
	d.t.Helper()
	n, err := d.try(name, args...)
	if err != nil {
		d.t.Fatalf("%s%v: %v", name, args, err)
	}
	return n
}

// put writes b to the guest's memory and returns where.
func (d *driver) put(b []byte) uint32 {
	d.t.Helper()
	f, err := d.inst.Func("put")
	if err != nil {
		d.t.Fatal(err)
	}
	v, err := f.Call(d.t.Context(), b)
	if err != nil {
		d.t.Fatal("put:", err)
	}
	return v.(uint32)
}

func (d *driver) peek(at, n uint32) []byte {
	d.t.Helper()
	f, err := d.inst.Func("peek")
	if err != nil {
		d.t.Fatal(err)
	}
	v, err := f.Call(d.t.Context(), at, n)
	if err != nil {
		d.t.Fatal("peek:", err)
	}
	b, _ := v.([]byte)
	return b
}

func words(ws ...uint32) []byte {
	var b []byte
	for _, w := range ws {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// words reads n words.
func (d *driver) words(at, n uint32) []uint32 {
	d.t.Helper()
	b := d.peek(at, 4*n)
	ws := make([]uint32, n)
	for i := range ws {
		ws[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return ws
}

// area is where functions store their results.
func (d *driver) area() uint32 { return d.put(make([]byte, 16)) }

// list reads the list<u8>, list<u32> or string that name(self) returns.
func (d *driver) list(name string, self, size uint32) []byte {
	d.t.Helper()
	at := d.area()
	d.call(name, self, at)
	w := d.words(at, 2)
	return d.peek(w[0], w[1]*size)
}

// guestError is an error resource as the guest sees it.
type guestError struct {
	code backends.Code
	data string
}

func (e *guestError) Error() string { return e.code.String() + ": " + e.data }

// result reads a result<T, error> whose payloads are at 4.
func (d *driver) result(at uint32) (ok []uint32, err error) {
	d.t.Helper()
	w := d.words(at, 3)
	if w[0]&0xff == 0 {
		return w[1:], nil
	}
	handle := w[1]
	// The generated enumerations number codes as WIT does, which the order of
	// backends.Codes follows; TestCodes checks that by name.
	e := &guestError{backends.Code(d.call("error-code", handle)), string(d.list("error-data", handle, 1))}
	d.call("error-drop", handle)
	return nil, e
}

func (d *driver) load(encoding, target uint32, parts ...[]byte) (uint32, error) {
	d.t.Helper()
	var pairs []byte
	for _, p := range parts {
		pairs = append(pairs, words(d.put(p), uint32(len(p)))...)
	}
	at := d.area()
	d.call("load", d.put(pairs), uint32(len(parts)), encoding, target, at)
	return first(d.result(at))
}

func first(ws []uint32, err error) (uint32, error) {
	if err != nil {
		return 0, err
	}
	return ws[0], nil
}

func (d *driver) loadByName(name string) (uint32, error) {
	d.t.Helper()
	at := d.area()
	d.call("load-by-name", d.put([]byte(name)), uint32(len(name)), at)
	return first(d.result(at))
}

func (d *driver) init(graph uint32) (uint32, error) {
	d.t.Helper()
	at := d.area()
	d.call("init-execution-context", graph, at)
	return first(d.result(at))
}

// context loads an ONNX model and makes a context.
func (d *driver) context(model []byte) uint32 {
	d.t.Helper()
	g, err := d.load(1, 0, model)
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := d.init(g)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

func (d *driver) tensor(ty uint32, data string, dims ...uint32) uint32 {
	d.t.Helper()
	return d.call("tensor-new", d.put(words(dims...)), uint32(len(dims)), ty, d.put([]byte(data)), uint32(len(data)))
}

// named is a tensor's handle under a name.
type named struct {
	name   string
	handle uint32
}

// compute computes the version's way and returns the outputs wanted, or all
// where the version tells which there are.
func (d *driver) compute(ctx uint32, in []named, want ...string) ([]named, error) {
	d.t.Helper()
	if d.version == october {
		return d.computeAll(ctx, in)
	}
	for _, n := range in {
		if err := d.setInput(ctx, n); err != nil {
			return nil, err
		}
	}
	at := d.area()
	d.call("compute", ctx, at)
	if _, err := d.result(at); err != nil {
		return nil, err
	}
	var out []named
	for _, name := range want {
		h, err := d.getOutput(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, named{name, h})
	}
	return out, nil
}

func (d *driver) setInput(ctx uint32, in named) error {
	d.t.Helper()
	at := d.area()
	d.call("set-input", ctx, d.put([]byte(in.name)), uint32(len(in.name)), in.handle, at)
	_, err := d.result(at)
	return err
}

func (d *driver) getOutput(ctx uint32, name string) (uint32, error) {
	d.t.Helper()
	at := d.area()
	d.call("get-output", ctx, d.put([]byte(name)), uint32(len(name)), at)
	return first(d.result(at))
}

func (d *driver) computeAll(ctx uint32, in []named) ([]named, error) {
	d.t.Helper()
	var list []byte
	for _, n := range in {
		list = append(list, words(d.put([]byte(n.name)), uint32(len(n.name)), n.handle)...)
	}
	at := d.area()
	d.call("compute", ctx, d.put(list), uint32(len(in)), at)
	ok, err := d.result(at)
	if err != nil {
		return nil, err
	}
	out := make([]named, ok[1])
	for i := range out {
		w := d.words(ok[0]+uint32(i)*12, 3)
		out[i] = named{string(d.peek(w[0], w[1])), w[2]}
	}
	return out, nil
}

// text describes a tensor as NUMBER[DIMS]=DATA.
func (d *driver) text(h uint32) string {
	d.t.Helper()
	dims := d.list("tensor-dimensions", h, 4)
	var b strings.Builder
	b.WriteByte(byte('0' + d.call("tensor-ty", h)))
	b.WriteByte('[')
	for i := 0; i < len(dims); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(byte('0' + binary.LittleEndian.Uint32(dims[i:])))
	}
	return b.String() + "]=" + string(d.list("tensor-data", h, 1))
}

func wantCode(t testing.TB, what string, err error, code backends.Code, words string) {
	t.Helper()
	var e *guestError
	if !errors.As(err, &e) || e.code != code || !strings.Contains(e.data, words) {
		t.Errorf("%s: error %v, want %s with %q", what, err, code, words)
	}
}

func wantTrap(t testing.TB, what string, err error, words string) {
	t.Helper()
	var trap *component.Trap
	if !errors.As(err, &trap) || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v, want a trap with %q", what, err, words)
	}
}
