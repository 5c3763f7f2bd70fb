package leaks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/nnwit"
	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
	"github.com/wasinn/wasinn/component/wasip1"
	"github.com/wasinn/wasinn/component/wasip2"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// steady does a thing n times, after a tenth as often, to fill pools, and checks that
// nothing has grown.
func steady(t *testing.T, n int, do func() error) {
	t.Helper()
	repeat := func(n int) {
		for range n {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
	}
	repeat(max(n/10, 1))
	before := Measure()
	repeat(n)
	if grown := Slack().Exceeded(before, Measure()); grown != "" {
		t.Errorf("%d times: %s", n, grown)
	}
}

func TestALeakIsFound(t *testing.T) {
	var kept []any
	before := Measure()
	for range 100 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, f, make([]byte, 1<<20))
	}
	after := Measure()
	for _, k := range kept {
		if f, ok := k.(io.Closer); ok {
			f.Close()
		}
	}
	grown := Slack().Exceeded(before, after)
	if !strings.Contains(grown, "bytes of Go's heap") || after.Files > 0 && !strings.Contains(grown, "files") {
		t.Errorf("found %q of 100 files and 100 MB", grown)
	}
	if grown := Slack().Exceeded(before, before); grown != "" {
		t.Errorf("nothing grew, and found %q", grown)
	}
}

// engines are the engines that run here, by name.
func engines(t *testing.T) map[string]backends.Backend {
	t.Helper()
	pure, err := gorgonia.New(gorgonia.Config{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]backends.Backend{gorgonia.Name: pure}
	ort, err := onnxruntime.New(onnxruntime.Config{})
	if err == nil {
		err = ort.Check(t.Context())
	}
	switch {
	case err == nil:
		all[onnxruntime.Name] = ort
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Logf("%s is left out: %v", onnxruntime.Name, err)
	}
	return all
}

// model is two nodes on float[64], and what goes in.
func model(t *testing.T) ([]byte, []backends.NamedTensor) {
	t.Helper()
	in, err := backends.NewTensor([]uint32{64}, backends.FP32, make([]byte, 256))
	if err != nil {
		t.Fatal(err)
	}
	return onnxtest.Add(64), []backends.NamedTensor{{Name: "a", Tensor: in}, {Name: "b", Tensor: in}}
}

// compute computes once on a context of its own.
func compute(ctx context.Context, g backends.Graph, in []backends.NamedTensor) error {
	x, err := g.NewContext(ctx)
	if err != nil {
		return err
	}
	return errors.Join(once(ctx, x, in), x.Close())
}

func once(ctx context.Context, x backends.ExecutionContext, in []backends.NamedTensor) error {
	out, err := x.Compute(ctx, in)
	for _, o := range out {
		o.Tensor.Release()
	}
	return err
}

func TestEnginesHoldNothing(t *testing.T) {
	add, in := model(t)
	for name, engine := range engines(t) {
		load := func() (backends.Graph, error) {
			return engine.Load(t.Context(), [][]byte{add}, backends.LoadOptions{Encoding: backends.ONNX})
		}
		g, err := load()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		x, err := g.NewContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		t.Run(name+": 10,000 computations on one context", func(t *testing.T) {
			steady(t, 10_000, func() error { return once(t.Context(), x, in) })
		})
		t.Run(name+": 10,000 contexts", func(t *testing.T) {
			steady(t, 10_000, func() error { return compute(t.Context(), g, in) })
		})
		t.Run(name+": 1,000 graphs", func(t *testing.T) {
			steady(t, 1000, func() error {
				g, err := load()
				if err != nil {
					return err
				}
				return errors.Join(compute(t.Context(), g, in), g.Close())
			})
		})
		t.Run(name+": 1,000 models that are refused", func(t *testing.T) {
			broken := onnxtest.Unary("NoSuchOperator", onnxtest.Float, onnxtest.Dims(4))
			steady(t, 1000, func() error {
				if g, err := engine.Load(t.Context(), [][]byte{broken}, backends.LoadOptions{Encoding: backends.ONNX}); err == nil {
					return errors.Join(g.Close(), errors.New("it is taken"))
				}
				return nil
			})
		})
	}
}

func TestGorgoniaKeepsFewPrograms(t *testing.T) {
	engine, err := gorgonia.New(gorgonia.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := engine.Load(t.Context(), [][]byte{onnxtest.Unary("Neg", onnxtest.Float, onnxtest.Dims("n"))}, backends.LoadOptions{Encoding: backends.ONNX})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	n := uint32(0)
	steady(t, 3000, func() error {
		n++
		in, err := backends.NewTensor([]uint32{n}, backends.FP32, make([]byte, 4*n))
		if err != nil {
			return err
		}
		return compute(t.Context(), g, []backends.NamedTensor{{Name: "in", Tensor: in}})
	})
}

type instance interface {
	Close(ctx context.Context) error
}

// running is an instance with a program to run.
type running struct {
	instance
	run func(ctx context.Context) error
}

const prebuilt = "../../guests/prebuilt/"

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func service(t *testing.T) wasinn.Service {
	t.Helper()
	pure, err := gorgonia.New(gorgonia.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := wasinn.New(wasinn.Config{Backends: backends.NewSet(pure)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// arguments have c-digits load a model by its bytes and classify a picture.
var arguments = []string{"digits", "bytes", "models/digits/model.onnx", "pictures/7.pgm"}

// asComponent opens c-digits as a component, compiled once.
func asComponent(t *testing.T) func(ctx context.Context) (*running, error) {
	rt, err := component.NewRuntime(t.Context(), component.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close(context.WithoutCancel(t.Context())) })
	c, err := rt.Compile(t.Context(), read(t, prebuilt+"c-digits.component.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cfg := wasip2.NewConfig().WithArgs(arguments...).WithStdout(&out).WithDir("../../guests", ".", true)
	l := component.NewLinker(rt)
	if err := errors.Join(wasip2.AddToLinker(l, cfg), nnwit.AddToLinker(l, service(t))); err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context) (*running, error) {
		inst, err := l.Instantiate(ctx, c)
		if err != nil {
			return nil, err
		}
		return &running{inst, func(ctx context.Context) error {
			out.Reset()
			run, err := inst.Func("wasi:cli/run@0.2.0#run")
			if err == nil {
				_, err = run.Call(ctx)
			}
			return right(err, out.String())
		}}, nil
	}
}

// asPreview1 opens c-digits as a module of preview 1, compiled once.
func asPreview1(t *testing.T) func(ctx context.Context) (*running, error) {
	rt, err := wasip1.NewRuntime(t.Context(), wasip1.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close(context.WithoutCancel(t.Context())) })
	host, err := nnwitx.Instantiate(t.Context(), rt.Wazero(), service(t), nnwitx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := rt.Compile(t.Context(), read(t, prebuilt+"c-digits.p1.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cfg := wasip1.NewConfig().WithArgs(arguments...).WithStdout(&out).WithDir("../../guests", ".", true)
	return func(ctx context.Context) (*running, error) {
		g := host.NewGuest(nnwitx.Imports{Modern: true, LoadByName: true})
		inst, err := rt.Instantiate(g.Context(ctx), m, cfg)
		if err != nil {
			return nil, errors.Join(err, g.Close())
		}
		return &running{closer{inst, g}, func(ctx context.Context) error {
			out.Reset()
			return right(inst.Run(g.Context(ctx)), out.String())
		}}, nil
	}
}

// closer closes an instance and what the host keeps for it.
type closer struct {
	inst *wasip1.Instance
	nn   io.Closer
}

func (c closer) Close(ctx context.Context) error { return errors.Join(c.inst.Close(ctx), c.nn.Close()) }

// right checks that a picture was classified.
func right(err error, out string) error {
	if err == nil && !strings.Contains(out, "top 1 class=7 ") {
		err = fmt.Errorf("it printed %q", out)
	}
	return err
}

func TestInstancesHoldNothing(t *testing.T) {
	for _, form := range []struct {
		name string
		many int
		open func(*testing.T) func(context.Context) (*running, error)
	}{{"components", 10_000, asComponent}, {"modules of preview 1", 4000, asPreview1}} {
		fresh := form.open(t)
		t.Run(fmt.Sprint(form.many, " ", form.name), func(t *testing.T) {
			steady(t, form.many, func() error {
				inst, err := fresh(t.Context())
				if err != nil {
					return err
				}
				return inst.Close(t.Context())
			})
		})
		t.Run("200 "+form.name+" that load a model and compute", func(t *testing.T) {
			steady(t, 200, func() error {
				inst, err := fresh(t.Context())
				if err != nil {
					return err
				}
				return errors.Join(inst.run(t.Context()), inst.Close(t.Context()))
			})
		})
		t.Run("1,000 "+form.name+" at once", func(t *testing.T) {
			steady(t, 2, func() error { return together(t, fresh, 1000) })
		})
		t.Run(form.name+" by eight goroutines", func(t *testing.T) {
			steady(t, 2, func() error { return shared(t, fresh, 8, 100) })
		})
	}
}

// together makes n instances, runs the last, and closes all.
func together(t *testing.T, fresh func(context.Context) (*running, error), n int) error {
	var errs []error
	var all []*running
	for range n {
		inst, err := fresh(t.Context())
		if err != nil {
			errs = append(errs, err)
			break
		}
		all = append(all, inst)
	}
	if len(all) > 0 {
		errs = append(errs, all[len(all)-1].run(t.Context()))
	}
	for _, inst := range all {
		errs = append(errs, inst.Close(t.Context()))
	}
	return errors.Join(errs...)
}

// shared makes and closes instances of one compiled guest on several goroutines.
func shared(t *testing.T, fresh func(context.Context) (*running, error), goroutines, each int) error {
	errs := make([]error, goroutines)
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for range each {
				inst, err := fresh(t.Context())
				if err == nil {
					err = inst.Close(t.Context())
				}
				if err != nil {
					errs[g] = err
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
