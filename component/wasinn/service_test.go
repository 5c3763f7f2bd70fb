package wasinn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/internal/nntest"
	"github.com/wasinn/wasinn/graphreg"
)

func info(name string, ty backends.ElementType, dims ...int64) backends.TensorInfo {
	return backends.TensorInfo{Name: name, Type: ty, Dims: dims}
}

func tensor(t testing.TB, ty backends.ElementType, data string, dims ...uint32) *backends.Tensor {
	t.Helper()
	ten, err := backends.NewTensor(dims, ty, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return ten
}

func named(name string, t *backends.Tensor) backends.NamedTensor {
	return backends.NamedTensor{Name: name, Tensor: t}
}

func newService(t testing.TB, e *nntest.Engine, change ...func(*wasinn.Config)) wasinn.Service {
	t.Helper()
	cfg := wasinn.Config{Backends: backends.NewSet(e)}
	for _, c := range change {
		c(&cfg)
	}
	svc, err := wasinn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

// newContext loads a model and makes a context.
func newContext(t testing.TB, svc wasinn.Service, model []byte) wasinn.ExecutionContext {
	t.Helper()
	g, err := svc.Load(t.Context(), [][]byte{model}, backends.ONNX, backends.CPU)
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.NewContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantCode(t testing.TB, err error, code backends.Code, words string) {
	t.Helper()
	var e *wasinn.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Detail, words) {
		t.Errorf("error %v, want %s with %q", err, code, words)
	}
}

// seen computes and returns what the engine was given, as NAME TYPE[DIMS].
func seen(t *testing.T, e *nntest.Engine, infos []backends.TensorInfo, in ...backends.NamedTensor) ([]string, error) {
	t.Helper()
	var got []string
	m := nntest.Model{Inputs: infos, Mute: infos == nil,
		Compute: func(_ context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
			for _, nt := range in {
				dims := strings.ReplaceAll(fmt.Sprint(nt.Tensor.Dims()), " ", ",")
				got = append(got, fmt.Sprintf("%s %s%s", nt.Name, nt.Tensor.Type(), dims))
			}
			return nil, nil
		}}
	_, err := newContext(t, newService(t, e), e.Add(t.Name(), m)).Compute(t.Context(), in)
	return got, err
}

func TestInputsAreMatchedToTheModel(t *testing.T) {
	f := func(dims ...uint32) *backends.Tensor {
		n := 4
		for _, d := range dims {
			n *= int(d)
		}
		return tensor(t, backends.FP32, string(make([]byte, n)), dims...)
	}
	u8 := tensor(t, backends.U8, "ab", 2)
	one, two := []backends.TensorInfo{info("x", backends.FP32, -1, 2)}, []backends.TensorInfo{info("x", backends.FP32, 2), info("1x", backends.FP32, 2)}
	for _, tt := range []struct {
		name  string
		infos []backends.TensorInfo
		in    []backends.NamedTensor
		want  []string
		code  backends.Code
		err   string
	}{
		{name: "by exact name", infos: one, in: []backends.NamedTensor{named("x", f(3, 2))}, want: []string{"x FP32[3,2]"}},
		{name: "by decimal index", infos: two, in: []backends.NamedTensor{named("1", f(2)), named("0", f(2))}, want: []string{"x FP32[2]", "1x FP32[2]"}},
		{name: "a name that is a number comes before an index", infos: []backends.TensorInfo{info("1", backends.FP32, 1), info("0", backends.FP32, 2)},
			in: []backends.NamedTensor{named("1", f(1)), named("0", f(2))}, want: []string{"1 FP32[1]", "0 FP32[2]"}},
		{name: "the empty name of a one-input model", infos: one, in: []backends.NamedTensor{named("", f(1, 2))}, want: []string{"x FP32[1,2]"}},
		{name: "the empty name of a two-input model", infos: two, in: []backends.NamedTensor{named("", f(2))}, err: `no input "";`},
		{name: "one element for a scalar", infos: []backends.TensorInfo{info("s", backends.FP32)}, in: []backends.NamedTensor{named("s", f(1))}, want: []string{"s FP32[]"}},
		{name: "a scalar for a scalar", infos: []backends.TensorInfo{info("s", backends.FP32)}, in: []backends.NamedTensor{named("s", f())}, want: []string{"s FP32[]"}},
		{name: "any shape when the model leaves the rank open", infos: []backends.TensorInfo{{Name: "s", Type: backends.FP32, Unranked: true}},
			in: []backends.NamedTensor{named("s", f(1))}, want: []string{"s FP32[1]"}},
		{name: "booleans come in U8", infos: []backends.TensorInfo{info("b", backends.Bool, 2)}, in: []backends.NamedTensor{named("b", u8)}, want: []string{"b BOOL[2]"}},
		{name: "a model that does not describe itself gets what the guest gives", in: []backends.NamedTensor{named("q", u8), named("7", f())},
			want: []string{"q U8[2]", "7 FP32[]"}},
		{name: "an unknown name", infos: one, in: []backends.NamedTensor{named("y", f(1, 2))}, err: `no input "y"; it wants "x" FP32[? 2]`},
		{name: "an index that is too large", infos: one, in: []backends.NamedTensor{named("1", f(1, 2))}, err: `no input "1"`},
		{name: "a signed index", infos: one, in: []backends.NamedTensor{named("+0", f(1, 2))}, err: `no input "+0"`},
		{name: "the same input by name and by index", infos: one, in: []backends.NamedTensor{named("x", f(1, 2)), named("0", f(1, 2))}, err: `"x" is set twice`},
		{name: "an input missing", infos: two, in: []backends.NamedTensor{named("x", f(2))}, err: `input "1x" is not set`},
		{name: "no inputs", infos: one, err: `input "x" is not set`},
		{name: "another type", infos: one, in: []backends.NamedTensor{named("x", u8)}, err: "found U8[2], the model wants FP32[? 2]"},
		{name: "another rank", infos: one, in: []backends.NamedTensor{named("x", f(2))}, err: "found FP32[2], the model wants FP32[? 2]"},
		{name: "another size", infos: one, in: []backends.NamedTensor{named("x", f(2, 3))}, err: "found FP32[2 3], the model wants FP32[? 2]"},
		{name: "no tensor", infos: one, in: []backends.NamedTensor{{Name: "x"}}, err: "has no tensor"},
		{name: "strings", infos: []backends.TensorInfo{info("s", backends.String, 1)}, in: []backends.NamedTensor{named("s", f(1))},
			code: backends.UnsupportedOperation, err: "holds strings"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := seen(t, nntest.New(), tt.infos, tt.in...)
			if tt.err != "" {
				wantCode(t, err, tt.code, tt.err)
				return
			}
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("engine got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestManyInputsAreFoundByNameAndIndex(t *testing.T) {
	var infos []backends.TensorInfo
	var in []backends.NamedTensor
	var want []string
	for i := range 40 {
		name := "in" + strings.Repeat("x", i)
		infos = append(infos, info(name, backends.U8, 1))
		in = append([]backends.NamedTensor{named(name, tensor(t, backends.U8, "a", 1))}, in...)
		want = append(want, name+" U8[1]")
	}
	in[0].Name = "39"
	got, err := seen(t, nntest.New(), infos, in...)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("engine got %q, %v", got, err)
	}
}

func TestLoadingChoosesEncodingAndTarget(t *testing.T) {
	e := nntest.New()
	var got backends.LoadOptions
	model := e.Add("m", nntest.Model{Load: func(_ context.Context, o backends.LoadOptions) error { got = o; return nil }})
	load := func(svc wasinn.Service, enc backends.Encoding, target backends.Target, parts ...[]byte) error {
		_, err := svc.Load(t.Context(), parts, enc, target)
		return err
	}
	plain := newService(t, e, func(c *wasinn.Config) { c.Options.IntraOpThreads = 2; c.Options.Target = backends.GPU })
	if err := load(plain, backends.Autodetect, "", model); err != nil || got != (backends.LoadOptions{Encoding: backends.ONNX, Target: backends.GPU, IntraOpThreads: 2}) {
		t.Errorf("got %+v, %v", got, err)
	}
	wantCode(t, load(plain, backends.OpenVINO, backends.CPU, model), backends.InvalidEncoding, "no backend takes openvino models")
	wantCode(t, load(plain, backends.Autodetect, backends.CPU, []byte("garbage!")), backends.InvalidEncoding, "beginning 6761726261676521")
	wantCode(t, load(plain, backends.ONNX, backends.CPU, []byte("garbage!")), backends.InvalidEncoding, "")
	wantCode(t, load(plain, backends.ONNX, backends.CPU), backends.InvalidArgument, "found 0 parts")
	wantCode(t, load(plain, backends.ONNX, backends.CPU, nil, []byte{}), backends.InvalidArgument, "found 2 parts without a byte")
	override := newService(t, e, func(c *wasinn.Config) { c.EncodingOverride = backends.ONNX })
	if err := load(override, backends.PyTorch, backends.CPU, model); err != nil {
		t.Error(err)
	}
}

func TestLazyLoadingParsesAtTheFirstContext(t *testing.T) {
	e := nntest.New()
	model := e.Add("m", e.Identity(info("x", backends.U8, 1)))
	s := wasinn.NewSession(newService(t, e, func(c *wasinn.Config) { c.LazyLoad = true }))
	empty, err := s.Load(t.Context(), nil, backends.ONNX, backends.CPU)
	if err != nil {
		t.Fatal("loading an empty model:", err)
	}
	_, err = empty.NewContext(t.Context())
	wantCode(t, err, backends.InvalidArgument, "the model is empty")
	mine := bytes.Clone(model)
	g, err := s.Load(t.Context(), [][]byte{mine}, backends.ONNX, backends.CPU)
	if err != nil || e.Loads.Load() != 0 {
		t.Fatalf("%v after %d loads", err, e.Loads.Load())
	}
	clear(mine) // the guest goes on with its memory
	for range 2 {
		if _, err := g.NewContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if e.Loads.Load() != 1 || len(g.Inputs()) != 1 || len(g.Outputs()) != 1 {
		t.Errorf("%d loads, inputs %v", e.Loads.Load(), g.Inputs())
	}
	s.Close()
	if e.Open() != (nntest.Open{}) || s.Usage() != (wasinn.Usage{}) {
		t.Errorf("left open: %+v, usage %+v", e.Open(), s.Usage())
	}
}

func TestNamedGraphsComeFromTheRegistryAndAreShared(t *testing.T) {
	e := nntest.New()
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, "m"), 0o777)
	if err := os.WriteFile(filepath.Join(dir, "m", "model.onnx"), e.Add("m", e.Identity(info("x", backends.U8, 1))), 0o666); err != nil {
		t.Fatal(err)
	}
	src, err := graphreg.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	set := backends.NewSet(e)
	reg, err := graphreg.New(graphreg.Config{Backends: set, Sources: []graphreg.Source{src}})
	if err != nil {
		t.Fatal(err)
	}
	svc, err := wasinn.New(wasinn.Config{Backends: set, Registry: reg})
	if err != nil {
		t.Fatal(err)
	}
	s1, s2 := wasinn.NewSession(svc), wasinn.NewSession(svc)
	for _, s := range []*wasinn.Session{s1, s2} {
		g, err := s.LoadByName(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		c, err := g.NewContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g.Close() // the context keeps it
		out, err := c.Compute(t.Context(), []backends.NamedTensor{named("x", tensor(t, backends.U8, "q", 1))})
		if err != nil || string(out[0].Tensor.Data()) != "q" {
			t.Errorf("computed %v, %v", out, err)
		}
		s.Release(out...)
	}
	reg.Unload("m")
	s1.Close()
	if e.Graphs.Load() != 1 {
		t.Error("the graph went while a guest used it")
	}
	s2.Close()
	if e.Loads.Load() != 1 || e.Open() != (nntest.Open{}) {
		t.Errorf("%d loads, left open: %+v", e.Loads.Load(), e.Open())
	}
	_, err = s1.LoadByName(t.Context(), "m")
	wantCode(t, err, backends.RuntimeError, "session is closed")
	_, err = svc.LoadByName(t.Context(), "n")
	wantCode(t, err, backends.NotFound, `no graph "n"`)
	_, err = newService(t, e).LoadByName(t.Context(), "m")
	wantCode(t, err, backends.NotFound, "no registry")
}

func TestComputeStopsAtTheTimeout(t *testing.T) {
	e := nntest.New()
	model := e.Add("slow", nntest.Model{
		Compute: func(ctx context.Context, _ []backends.NamedTensor) ([]backends.NamedTensor, error) {
			<-ctx.Done()
			return nil, errors.New("terminated")
		}})
	slowLoad := e.Add("slow load", nntest.Model{Load: func(ctx context.Context, _ backends.LoadOptions) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	svc := newService(t, e, func(c *wasinn.Config) { c.Timeout = time.Millisecond })
	_, err := newContext(t, svc, model).Compute(t.Context(), nil)
	wantCode(t, err, backends.Timeout, "stopped before it was done")
	_, err = svc.Load(t.Context(), [][]byte{slowLoad}, backends.ONNX, "")
	wantCode(t, err, backends.Timeout, "stopped before it was done")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = newContext(t, newService(t, e), model).Compute(ctx, nil)
	wantCode(t, err, backends.Timeout, "before it began")
}

func TestGuestsAreKeptWithinTheirLimits(t *testing.T) {
	e := nntest.New()
	model := e.Add("m", e.Identity(info("x", backends.U8, -1)))
	n := uint64(len(model))
	limited := func(l wasinn.Limits) *wasinn.Session {
		return wasinn.NewSession(newService(t, e, func(c *wasinn.Config) { c.Limits = l }))
	}
	load := func(s *wasinn.Session) (wasinn.Graph, error) {
		return s.Load(t.Context(), [][]byte{model}, backends.ONNX, backends.CPU)
	}
	must := func(g wasinn.Graph, err error) wasinn.Graph {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	t.Run("bytes of a model", func(t *testing.T) {
		_, err := load(limited(wasinn.Limits{MaxModelBytes: n - 1}))
		wantCode(t, err, backends.TooLarge, "the limit is")
	})
	t.Run("parts of a model", func(t *testing.T) {
		_, err := limited(wasinn.Limits{}).Load(t.Context(), make([][]byte, wasinn.MaxParts+1), backends.ONNX, "")
		wantCode(t, err, backends.TooLarge, "has 1025 parts")
	})
	t.Run("bytes of all models", func(t *testing.T) {
		s := limited(wasinn.Limits{MaxGuestModelBytes: 2*n - 1})
		g := must(load(s))
		_, err := load(s)
		wantCode(t, err, backends.TooLarge, "holds")
		g.Close()
		must(load(s))
	})
	t.Run("graphs", func(t *testing.T) {
		s := limited(wasinn.Limits{MaxGraphs: 1})
		g := must(load(s))
		_, err := load(s)
		wantCode(t, err, backends.TooLarge, "holds 1 graphs")
		c, _ := g.NewContext(t.Context())
		g.Close()
		g.Close()
		_, err = load(s)
		wantCode(t, err, backends.TooLarge, "holds 1 graphs") // a context keeps it
		_, err = g.NewContext(t.Context())
		wantCode(t, err, backends.InvalidArgument, "unloaded")
		c.Close()
		c.Close()
		must(load(s))
	})
	t.Run("contexts", func(t *testing.T) {
		s := limited(wasinn.Limits{MaxContexts: 1})
		g := must(load(s))
		c, _ := g.NewContext(t.Context())
		_, err := g.NewContext(t.Context())
		wantCode(t, err, backends.TooLarge, "holds 1 execution contexts")
		c.Close()
		if _, err = g.NewContext(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("tensors", func(t *testing.T) {
		s := limited(wasinn.Limits{MaxTensorBytes: 8, MaxGuestTensorBytes: 12, MaxTensors: 2})
		a, _ := s.NewInput()
		b, err := s.NewInput()
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.NewInput()
		wantCode(t, err, backends.TooLarge, "holds 2 tensors")
		wantCode(t, a.Set([]uint32{9}, backends.U8, make([]byte, 9)), backends.TooLarge, "has 9 bytes")
		if err := a.Set([]uint32{8}, backends.U8, make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		wantCode(t, b.Set([]uint32{5}, backends.U8, make([]byte, 5)), backends.TooLarge, "holds 8")
		a.Release()
		if err := b.Set([]uint32{5}, backends.U8, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		if u := s.Usage(); u != (wasinn.Usage{Tensors: 1, TensorBytes: 5}) {
			t.Errorf("usage %+v", u)
		}
	})
	t.Run("outputs", func(t *testing.T) {
		s := limited(wasinn.Limits{MaxGuestTensorBytes: 6})
		c := newContext(t, s, model)
		big, small := tensor(t, backends.U8, "1234567", 7), tensor(t, backends.U8, "1234", 4)
		_, err := c.Compute(t.Context(), []backends.NamedTensor{named("x", big)})
		wantCode(t, err, backends.TooLarge, "7 bytes more")
		if e.Tensors.Load() != 0 {
			t.Error("the outputs were not released")
		}
		out, err := c.Compute(t.Context(), []backends.NamedTensor{named("x", small)})
		if err != nil {
			t.Fatal(err)
		}
		s.Release(out...)
		if out, err = c.Compute(t.Context(), []backends.NamedTensor{named("x", small)}); err != nil {
			t.Fatal(err)
		}
		s.Release(out...)
	})
	t.Run("all guests together", func(t *testing.T) {
		svc := newService(t, e, func(c *wasinn.Config) { c.Limits.MaxTotalTensorBytes = 10 })
		a, b := wasinn.NewSession(svc), wasinn.NewSession(wasinn.Trace(svc, slog.New(slog.DiscardHandler)))
		x, _ := a.NewInput()
		y, _ := b.NewInput()
		if err := x.Set([]uint32{6}, backends.U8, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		wantCode(t, y.Set([]uint32{6}, backends.U8, make([]byte, 6)), backends.TooLarge, "all guests hold 6")
		a.Close() // forgets x
		if err := y.Set([]uint32{6}, backends.U8, make([]byte, 6)); err != nil {
			t.Error(err)
		}
		x.Release()
		y.Release()
		if err := y.Set([]uint32{math.MaxUint32, math.MaxUint32, 9}, backends.U8, nil); err == nil {
			t.Error("overflow was accepted")
		}
	})
}

func TestInputsNeverShowOtherGuestsBytes(t *testing.T) {
	svc := newService(t, nntest.New())
	s := wasinn.NewSession(svc)
	in, _ := s.NewInput()
	in.Set([]uint32{100}, backends.U8, bytes.Repeat([]byte("S"), 100))
	in.Release()
	other := wasinn.NewSession(svc)
	in, _ = other.NewInput()
	if err := in.Set([]uint32{97}, backends.U8, make([]byte, 97)); err != nil {
		t.Fatal(err)
	}
	d := in.Tensor().Data()
	if len(d) != 97 || cap(d) != 97 || bytes.Contains(d, []byte("S")) {
		t.Errorf("data of %d bytes, capacity %d: %q", len(d), cap(d), d)
	}
	wantCode(t, in.Set([]uint32{3}, backends.FP32, make([]byte, 97)), backends.InvalidArgument, "takes 12 bytes, found 97")
	if len(in.Tensor().Data()) != 97 {
		t.Error("an error changed the tensor")
	}
}

func TestClosingASessionClosesWhatTheGuestForgot(t *testing.T) {
	e := nntest.New()
	model := e.Add("m", e.Identity(info("x", backends.U8, 1)))
	inside, goOn := make(chan struct{}), make(chan struct{})
	slow := e.Add("slow", nntest.Model{
		Compute: func(context.Context, []backends.NamedTensor) ([]backends.NamedTensor, error) {
			close(inside)
			<-goOn
			return []backends.NamedTensor{e.Output("y", nil, backends.U8, []byte{1})}, nil
		}})
	svc := newService(t, e)
	s := wasinn.NewSession(svc)
	for range 3 {
		newContext(t, s, model)
	}
	c := newContext(t, s, slow)
	done := make(chan error)
	go func() { _, err := c.Compute(t.Context(), nil); done <- err }()
	<-inside
	_, err := c.Compute(t.Context(), nil)
	wantCode(t, err, backends.RuntimeError, "computing already")
	s.Close()
	if e.Contexts.Load() != 1 || e.Graphs.Load() != 1 {
		t.Errorf("open during a compute: %+v, want its context and graph", e.Open())
	}
	close(goOn)
	wantCode(t, <-done, backends.RuntimeError, "session is closed")
	if e.Open() != (nntest.Open{}) {
		t.Errorf("left open: %+v", e.Open())
	}
	_, err = s.NewInput()
	wantCode(t, err, backends.RuntimeError, "session is closed")
}

func TestAPanicIsOneGuestsRuntimeError(t *testing.T) {
	e := nntest.New()
	bad := e.Add("bad", nntest.Model{Compute: func(context.Context, []backends.NamedTensor) ([]backends.NamedTensor, error) { panic("boom") }})
	good := e.Add("good", e.Identity(info("x", backends.U8, 1)))
	var log bytes.Buffer
	svc := wasinn.Trace(newService(t, e), slog.New(slog.NewTextHandler(&log, nil)))
	_, err := newContext(t, wasinn.NewSession(svc), bad).Compute(t.Context(), nil)
	wantCode(t, err, backends.RuntimeError, `backend "fake" broke down while computing`)
	if strings.Contains(backends.AsError(err).Detail, "boom") || !strings.Contains(log.String(), "boom") {
		t.Errorf("guest is told %v; the log says %s", err, &log)
	}
	if _, err := newContext(t, wasinn.NewSession(svc), good).Compute(t.Context(), []backends.NamedTensor{named("0", tensor(t, backends.U8, "a", 1))}); err != nil {
		t.Errorf("another guest: %v", err)
	}
}

func TestEveryCodeIsUsed(t *testing.T) {
	e := nntest.New()
	model := e.Add("m", e.Identity(info("x", backends.U8, 1)))
	codeless := e.Add("codeless", nntest.Model{Load: func(context.Context, backends.LoadOptions) error { return errors.New("oops") }})
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "registry.json"), []byte(`{"graphs":[{"name":"t","path":"x","sha256":"`+strings.Repeat("0", 64)+`"}]}`), 0o666)
	os.WriteFile(filepath.Join(dir, "x"), []byte("x"), 0o666)
	src, err := graphreg.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	set := backends.NewSet(e)
	reg, _ := graphreg.New(graphreg.Config{Backends: set, Sources: []graphreg.Source{src}})
	svc, _ := wasinn.New(wasinn.Config{Backends: set, Registry: reg, Limits: wasinn.Limits{MaxModelBytes: 100}})
	s := wasinn.NewSession(svc)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	load := func(ctx context.Context, b []byte, enc backends.Encoding) error {
		_, err := s.Load(ctx, [][]byte{b}, enc, "")
		return err
	}
	byName := func(name string) error { _, err := s.LoadByName(t.Context(), name); return err }
	strs := e.Add("strings", nntest.Model{Inputs: []backends.TensorInfo{info("s", backends.String)}})
	panics := e.Add("panics", nntest.Model{Load: func(context.Context, backends.LoadOptions) error { panic(1) }})
	produced := map[backends.Code]error{
		backends.InvalidArgument: load(t.Context(), nil, backends.ONNX),
		backends.InvalidEncoding: load(t.Context(), model, backends.GGML),
		backends.Timeout:         load(ended, model, backends.ONNX),
		backends.RuntimeError:    load(t.Context(), panics, backends.ONNX),
		backends.TooLarge:        load(t.Context(), make([]byte, 101), backends.ONNX),
		backends.NotFound:        byName("none"),
		backends.Security:        byName("t"),
		backends.Unknown:         load(t.Context(), codeless, backends.ONNX),
	}
	_, produced[backends.UnsupportedOperation] = newContext(t, s, strs).Compute(t.Context(), []backends.NamedTensor{named("s", tensor(t, backends.U8, "a"))})
	for _, code := range backends.Codes() {
		wantCode(t, produced[code], code, "")
	}
}

func TestSessionsHammer(t *testing.T) {
	e := nntest.New()
	model := e.Add("m", e.Identity(info("x", backends.U8, 4)))
	svc := newService(t, e)
	g, err := wasinn.NewSession(svc).Load(t.Context(), [][]byte{model}, backends.ONNX, "")
	if err != nil {
		t.Fatal(err)
	}
	_ = g
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 30 {
				s := wasinn.NewSession(svc)
				c := newContext(t, s, model)
				in, err := s.NewInput()
				if err != nil {
					t.Error(err)
					return
				}
				want := bytes.Repeat([]byte{byte(i)}, 4)
				if err := in.Set([]uint32{4}, backends.U8, want); err != nil {
					t.Error(err)
				}
				out, err := c.Compute(t.Context(), []backends.NamedTensor{named("x", in.Tensor())})
				if err != nil || !bytes.Equal(out[0].Tensor.Data(), want) {
					t.Errorf("got %v, %v", out, err)
				}
				s.Release(out...)
				s.Close()
				in.Release()
			}
		})
	}
	wg.Wait()
	if got := e.Open(); got != (nntest.Open{Graphs: 1}) {
		t.Errorf("left open: %+v", got)
	}
}

func BenchmarkSession(b *testing.B) {
	e := nntest.New()
	in, out := info("x", backends.FP32, 1, 4), info("y", backends.FP32, 1, 4)
	model := e.Add("still", e.Still(in, out, make([]byte, 16)))
	s := wasinn.NewSession(newService(b, e))
	c := newContext(b, s, model)
	input, _ := s.NewInput()
	dims, data := []uint32{1, 4}, make([]byte, 16)
	named := []backends.NamedTensor{{Name: "x", Tensor: input.Tensor()}}
	b.ReportAllocs()
	for b.Loop() {
		if err := input.Set(dims, backends.FP32, data); err != nil {
			b.Fatal(err)
		}
		outs, err := c.Compute(b.Context(), named)
		if err != nil {
			b.Fatal(err)
		}
		s.Release(outs...)
	}
}
