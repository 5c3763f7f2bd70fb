package backends_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
)

// engine is a Backend whose methods are what a test says.
type engine struct {
	name     string
	encs     []backends.Encoding
	check    func() error
	load     func() (backends.Graph, error)
	sniffs   string
	sniffBad bool
}

func (e engine) Name() string                   { return e.name }
func (e engine) Encodings() []backends.Encoding { return e.encs }
func (e engine) Check(context.Context) error {
	if e.check != nil {
		return e.check()
	}
	return nil
}
func (e engine) Load(context.Context, [][]byte, backends.LoadOptions) (backends.Graph, error) {
	if e.load != nil {
		return e.load()
	}
	return graph{}, nil
}
func (e engine) Sniff(parts [][]byte) (backends.Encoding, bool) {
	if e.sniffBad {
		panic("sniffing bug")
	}
	return backends.ONNX, e.sniffs != "" && string(parts[0]) == e.sniffs
}

type graph struct{ compute func() error }

func (g graph) NewContext(context.Context) (backends.ExecutionContext, error) {
	return ectx(g), nil
}
func (graph) Close() error { return nil }

type ectx struct{ compute func() error }

func (c ectx) Compute(context.Context, []backends.NamedTensor) ([]backends.NamedTensor, error) {
	return nil, c.compute()
}
func (ectx) Close() error { panic("closing bug") }

func wantCode(t *testing.T, err error, code backends.Code, words ...string) {
	t.Helper()
	var e *backends.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error %v, want %s", err, code)
	}
	for _, w := range words {
		if !strings.Contains(e.Detail, w) {
			t.Errorf("detail %q, want %q in it", e.Detail, w)
		}
	}
}

var onnx, tflite = []backends.Encoding{backends.ONNX}, []backends.Encoding{backends.TensorFlowLite}

func TestSetChoosesTheFirstEngineThatCanRun(t *testing.T) {
	ctx := t.Context()
	missing := backends.Errorf(backends.RuntimeError, "no library; run setup")
	broken := engine{name: "broken", encs: onnx, check: func() error { return missing }}
	worse := engine{name: "worse", encs: onnx, check: func() error { panic("check bug") }}
	lite := engine{name: "lite", encs: tflite}
	good := engine{name: "good", encs: onnx}
	var told []backends.Skip
	s := backends.NewSet(broken, nil, worse, lite, good, engine{name: "good", encs: tflite}).
		WithNotice(func(k backends.Skip) { told = append(told, k) })
	for range 2 {
		if e, err := s.Choose(ctx, backends.Auto, backends.ONNX); err != nil || e.Name() != "good" {
			t.Fatalf("chose %v, %v", e, err)
		}
	}
	if len(told) != 2 || told[0].Skipped != "broken" || told[0].Chosen != "good" || told[1].Skipped != "worse" || !errors.Is(told[0].Reason, missing) {
		t.Errorf("told %+v", told)
	}
	_, err := s.Choose(ctx, "", backends.GGML)
	wantCode(t, err, backends.InvalidEncoding, "no backend takes ggml models", "broken, worse, lite, good")
	_, err = s.Choose(ctx, "none", backends.ONNX)
	wantCode(t, err, backends.NotFound, `no backend "none"`)
	_, err = s.Choose(ctx, "lite", backends.ONNX)
	wantCode(t, err, backends.InvalidEncoding, `"lite" takes [tensorflowlite]`)
	_, err = s.Choose(ctx, "broken", backends.ONNX)
	wantCode(t, err, backends.RuntimeError, "run setup")
	_, err = backends.NewSet(broken, worse).Choose(ctx, "", backends.ONNX)
	wantCode(t, err, backends.RuntimeError, "run setup", `"worse" broke down while checking itself`)
	_, err = backends.NewSet().Choose(ctx, "", backends.ONNX)
	wantCode(t, err, backends.InvalidEncoding, "this host has none")
}

func TestSetSettlesAutodetect(t *testing.T) {
	s := backends.NewSet(engine{name: "bad", encs: onnx, sniffBad: true}, engine{name: "x", encs: onnx, sniffs: "mine"})
	_, choice, err := s.Load(t.Context(), "x", [][]byte{[]byte("mine")}, backends.LoadOptions{Encoding: backends.Autodetect})
	if err != nil || choice != (backends.Choice{Backend: "x", Encoding: backends.ONNX}) {
		t.Errorf("chose %+v, %v", choice, err)
	}
	_, _, err = s.Load(t.Context(), "x", [][]byte{[]byte("other")}, backends.LoadOptions{})
	wantCode(t, err, backends.InvalidEncoding, "5 bytes in 1 parts beginning 6f74686572", "say which encoding")
}

func TestPanicsOfAnEngineAreErrors(t *testing.T) {
	ctx := t.Context()
	load := func(e engine) (backends.Graph, error) {
		e.name, e.encs = "e", onnx
		g, _, err := backends.NewSet(e).Load(ctx, "", [][]byte{{0}}, backends.LoadOptions{Encoding: backends.ONNX})
		return g, err
	}
	_, err := load(engine{load: func() (backends.Graph, error) { panic("boom") }})
	wantCode(t, err, backends.RuntimeError, "broke down while loading a model")
	var p *backends.PanicError
	if !errors.As(err, &p) || p.Value != "boom" || !strings.Contains(string(p.Stack), "set_test.go") {
		t.Errorf("the cause is %v, want the panic and its stack", err)
	}
	calls := 0
	g, err := load(engine{load: func() (backends.Graph, error) {
		return graph{compute: func() error { calls++; return []error{}[calls] }}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.NewContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Compute(ctx, nil)
	wantCode(t, err, backends.RuntimeError, "broke down while computing")
	_, err = c.Compute(ctx, nil)
	wantCode(t, err, backends.RuntimeError, "broke down in this execution context before")
	if calls != 1 {
		t.Errorf("the engine was called %d times, want 1", calls)
	}
	wantCode(t, c.Close(), backends.RuntimeError, "closing an execution context")
}

func TestErrorsWithoutACodeGetOne(t *testing.T) {
	inner := backends.Errorf(backends.TooLarge, "big")
	for _, tt := range []struct {
		err  error
		want backends.Code
	}{
		{inner, backends.TooLarge},
		{errors.Join(errors.New("x"), inner), backends.TooLarge},
		{context.DeadlineExceeded, backends.Timeout},
		{context.Canceled, backends.Timeout},
		{errors.New("/secret/path"), backends.Unknown},
		{&backends.Error{Code: 200, Detail: "d"}, backends.Unknown},
	} {
		e := backends.AsError(tt.err)
		if e.Code != tt.want || strings.Contains(e.Detail, "secret") || !errors.Is(e, tt.err) && !errors.Is(tt.err, e) {
			t.Errorf("AsError(%v) = %#v, want %s", tt.err, e, tt.want)
		}
	}
	if e := backends.Annotate(inner, "graph %q", "a"); e.Code != backends.TooLarge || e.Detail != `graph "a": big` {
		t.Errorf("annotated: %#v", e)
	}
}

func TestTensorIsCheckedWhenReset(t *testing.T) {
	var tensor backends.Tensor
	if err := tensor.Reset([]uint32{2, 2}, backends.FP32, make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, tensor.Reset([]uint32{2, 2}, backends.FP32, make([]byte, 15)), backends.InvalidArgument, "takes 16 bytes, found 15")
	wantCode(t, tensor.Reset([]uint32{1 << 31, 1 << 31, 4}, backends.FP32, nil), backends.TooLarge, "64 bits")
	wantCode(t, tensor.Reset(nil, backends.String, nil), backends.UnsupportedOperation, "STRING")
	wantCode(t, tensor.Reset(nil, 250, nil), backends.UnsupportedOperation, "element-type(250)")
	if len(tensor.Data()) != 16 || tensor.Type() != backends.FP32 {
		t.Error("an error changed the tensor")
	}
	dims, data := []uint32{4}, make([]byte, 4)
	if n := testing.AllocsPerRun(100, func() { tensor.Reset(dims, backends.U8, data) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// unready is an engine whose Check fails without a code.
type unready struct{ backends.Backend }

func (unready) Name() string                   { return "unready" }
func (unready) Encodings() []backends.Encoding { return []backends.Encoding{backends.ONNX} }
func (unready) Check(context.Context) error    { return errors.New("nothing at /home/someone/lib.so") }

func TestGuestsAreNotToldWhereEnginesWereLookedFor(t *testing.T) {
	for _, name := range []string{"", "unready"} {
		_, err := backends.NewSet(unready{}).Choose(t.Context(), name, backends.ONNX)
		var e *backends.Error
		if !errors.As(err, &e) || e.Code != backends.RuntimeError || strings.Contains(e.Detail, "someone") || !strings.Contains(e.Detail, "not set up") {
			t.Errorf("backend %q: %v", name, err)
		}
	}
}
