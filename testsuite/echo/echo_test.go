package echo_test

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/graphreg"
	"github.com/wasinn/wasinn/testsuite/echo"
)

// engines are what the suite runs on in this process. An engine that cannot do
// a case says why in lacks.
var engines = []struct {
	name  string
	open  func(t *testing.T) backends.Backend
	lacks func(c echo.Case) string
}{
	{"onnxruntime", openONNXRuntime, func(echo.Case) string { return "" }},
	{"gorgonia", openGorgonia, func(echo.Case) string { return "" }},
}

func openGorgonia(t *testing.T) backends.Backend {
	t.Helper()
	b, err := gorgonia.New(gorgonia.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openONNXRuntime(t *testing.T) backends.Backend {
	t.Helper()
	b, err := onnxruntime.New(onnxruntime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context()); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return b
}

// TestTheServiceKeepsTheSuite runs each case by name and from bytes, without a
// guest.
func TestTheServiceKeepsTheSuite(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			svc := service(t, e.open(t))
			for _, c := range cases(t) {
				for _, by := range []string{"name", "bytes"} {
					if !c.Loads(by) {
						continue
					}
					t.Run(c.Name+" by "+by, func(t *testing.T) {
						if why := e.lacks(c); why != "" {
							t.Skip(why)
						}
						check(t, svc, c, by)
					})
				}
			}
		})
	}
}

func service(t *testing.T, b backends.Backend) wasinn.Service {
	t.Helper()
	set := backends.NewSet(b)
	models, err := graphreg.Dir("models")
	if err != nil {
		t.Fatal(err)
	}
	reg, err := graphreg.New(graphreg.Config{Backends: set, Sources: []graphreg.Source{models}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reg.Close() })
	svc, err := wasinn.New(wasinn.Config{Backends: set, Registry: reg})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

func cases(t *testing.T) []echo.Case {
	t.Helper()
	all, err := echo.Cases()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func check(t *testing.T, svc wasinn.Service, c echo.Case, by string) {
	g, err := load(t.Context(), svc, c, by)
	if err != nil {
		wantError(t, c, "load", err)
		return
	}
	defer g.Close()
	x, err := g.NewContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	in, err := inputs(c)
	if err != nil {
		wantError(t, c, "compute", err)
		return
	}
	for range 2 { // a context computes again, and gives the same
		out, err := x.Compute(t.Context(), in)
		if err != nil {
			wantError(t, c, "compute", err)
			return
		}
		wantOutputs(t, c, out)
	}
}

func load(ctx context.Context, svc wasinn.Service, c echo.Case, by string) (wasinn.Graph, error) {
	if by == "name" {
		return svc.LoadByName(ctx, c.Model)
	}
	b, err := echo.Files.ReadFile(c.File())
	if err != nil {
		return nil, err
	}
	return svc.Load(ctx, [][]byte{b}, backends.ONNX, backends.CPU)
}

func inputs(c echo.Case) ([]backends.NamedTensor, error) {
	var in []backends.NamedTensor
	for _, i := range c.Inputs {
		ty, err := i.ElementType()
		if err != nil {
			return nil, err
		}
		data, err := i.Data()
		if err != nil {
			return nil, err
		}
		t, err := backends.NewTensor(i.Dims, ty, data)
		if err != nil {
			return nil, err
		}
		in = append(in, backends.NamedTensor{Name: i.Name, Tensor: t})
	}
	return in, nil
}

func wantError(t *testing.T, c echo.Case, stage string, err error) {
	t.Helper()
	var e *wasinn.Error
	if !errors.As(err, &e) {
		t.Errorf("%s: %v, which is no error of wasi-nn", stage, err)
		return
	}
	if c.Error == nil {
		t.Errorf("%s: %v, want outputs", stage, err)
	} else if got := (echo.Failure{Stage: stage, Code: e.Code.String()}); got != *c.Error {
		t.Errorf("%v (%v), want %v", got, err, *c.Error)
	}
}

func wantOutputs(t *testing.T, c echo.Case, out []backends.NamedTensor) {
	t.Helper()
	if c.Error != nil {
		t.Errorf("outputs, want the error %v", *c.Error)
	}
	var got []echo.Tensor
	for i, o := range out {
		got = append(got, echo.Tensor{Name: o.Name, Index: i, Type: typeName(t, o.Tensor.Type()), Dims: append([]uint32{}, o.Tensor.Dims()...), Hex: hex.EncodeToString(o.Tensor.Data())})
		o.Tensor.Release()
	}
	if want := plain(t, c.Outputs); !slices.EqualFunc(got, want, same) {
		t.Errorf("outputs\n%+v\nwant\n%+v", short(got), short(want))
	}
}

// plain leaves of tensors what an engine gives back too.
func plain(t *testing.T, ts []echo.Tensor) []echo.Tensor {
	t.Helper()
	var all []echo.Tensor
	for _, o := range ts {
		data, err := o.Data()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, echo.Tensor{Name: o.Name, Index: o.Index, Type: o.Type, Dims: o.Dims, Hex: hex.EncodeToString(data)})
	}
	return all
}

func same(a, b echo.Tensor) bool {
	return a.Name == b.Name && a.Index == b.Index && a.Type == b.Type && slices.Equal(a.Dims, b.Dims) && a.Hex == b.Hex
}

func short(ts []echo.Tensor) []echo.Tensor {
	for i := range ts {
		ts[i].Hex = ts[i].Hex[:min(len(ts[i].Hex), 200)]
	}
	return ts
}

func typeName(t *testing.T, ty backends.ElementType) string {
	t.Helper()
	for _, name := range []string{"f16", "f32", "f64", "bf16", "u8", "i32", "i64"} {
		if is, err := (echo.Tensor{Type: name}).ElementType(); err == nil && is == ty {
			return name
		}
	}
	return ty.String()
}

// TestTheSuiteCoversWhatItPromises: every type, every rank, empty tensors, and
// every file is used.
func TestTheSuiteCoversWhatItPromises(t *testing.T) {
	seen := map[string]bool{}
	names := map[string]bool{}
	for _, c := range cases(t) {
		if names[c.Name] {
			t.Errorf("two cases are called %q", c.Name)
		}
		names[c.Name] = true
		seen[c.File()] = true
		if (c.Error == nil) == (len(c.Outputs) == 0) {
			t.Errorf("%s: want outputs or an error", c.Name)
		}
		for _, o := range c.Outputs {
			seen[o.Type+strings.Repeat(" dim", len(o.Dims))] = true
			if slices.Contains(o.Dims, 0) {
				seen[o.Type+" empty"] = true
			}
		}
	}
	for _, ty := range []string{"f16", "f32", "f64", "bf16", "u8", "i32", "i64"} {
		for rank := range 7 {
			if want := ty + strings.Repeat(" dim", rank); !seen[want] {
				t.Errorf("no case has an output of %s", want)
			}
		}
		if !seen[ty+" empty"] {
			t.Errorf("no case has an empty output of %s", ty)
		}
	}
	for _, pattern := range []string{"models/*/model.onnx", "broken/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, f := range found {
			if !seen[filepath.ToSlash(f)] {
				t.Errorf("no case uses %s", f)
			}
		}
	}
}
