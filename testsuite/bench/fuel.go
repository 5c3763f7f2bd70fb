package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasip2"
	"github.com/wasinn/wasinn/guests/prebuilt"
)

// fuelRows are what it costs that a running guest can be stopped: real guests
// that read a picture of 1120 x 1120 pixels and average it down to 28 x 28, on an
// engine that answers at once. The floor is the same guest compiled without
// fuel. One operation is one picture.
func fuelRows() []Row {
	row := func(name, what string, wasm []byte) Row {
		return Row{"fuel." + name, what, "the same, compiled without interruption", func(ctx context.Context, e *Env) (Side, Side, error) {
			return openFuel(ctx, e, wasm)
		}}
	}
	return []Row{
		row("c", "digits in C decodes a picture", prebuilt.CDigits),
		row("rust", "digits in Rust decodes a picture", prebuilt.RustDigits),
		row("tinygo", "digits in Go, by TinyGo, decodes a picture", prebuilt.TinyGoDigits),
	}
}

func openFuel(ctx context.Context, e *Env, wasm []byte) (ours, floor Side, err error) {
	dir, err := e.Dir()
	if err != nil {
		return nil, nil, err
	}
	const side = 1120
	picture := fmt.Appendf(nil, "P5\n%d %d\n255\n", side, side)
	picture = append(picture, bytes.Repeat([]byte{0, 50, 100, 250}, side*side/4)...)
	if err := os.WriteFile(filepath.Join(dir, "big.pgm"), picture, 0o644); err != nil {
		return nil, nil, err
	}
	svc, err := serve(e, constant{}, []byte("a model"))
	if err != nil {
		return nil, nil, err
	}
	sides := [2]Side{}
	for i, on := range []bool{true, false} {
		if sides[i], err = decode(ctx, e, component.NewConfig().WithInterruption(on), wasm, dir, svc); err != nil {
			return nil, nil, err
		}
	}
	return sides[0], sides[1], nil
}

// decode has a digits guest decode the picture n times.
func decode(ctx context.Context, e *Env, cfg component.Config, wasm []byte, dir string, svc *clocked) (Side, error) {
	rt, err := component.NewRuntime(ctx, cfg)
	if err != nil {
		return nil, err
	}
	e.Defer(func() error { return rt.Close(ctx) })
	comp, err := rt.Compile(ctx, wasm)
	if err != nil {
		return nil, err
	}
	return func(n int, t Timer) error {
		args := []string{"digits", "name", "model"}
		for range n + 1 {
			args = append(args, "/big.pgm")
		}
		return runCommand(ctx, rt, comp, svc, wasip2.NewConfig().WithArgs(args...).WithDir(dir, "/", true), n, t)
	}, nil
}

// constant is an engine whose models give every digit the same probability.
type constant struct{}

func (constant) Name() string                   { return "constant" }
func (constant) Encodings() []backends.Encoding { return []backends.Encoding{backends.ONNX} }
func (constant) NewContext(context.Context) (backends.ExecutionContext, error) {
	return constant{}, nil
}
func (constant) Close() error { return nil }

func (constant) Load(context.Context, [][]byte, backends.LoadOptions) (backends.Graph, error) {
	return constant{}, nil
}

func (constant) Compute(context.Context, []backends.NamedTensor) ([]backends.NamedTensor, error) {
	t, err := backends.NewTensor([]uint32{1, 10}, backends.FP32, rampBytes(10))
	return []backends.NamedTensor{{Name: "scores", Tensor: t}}, err
}
