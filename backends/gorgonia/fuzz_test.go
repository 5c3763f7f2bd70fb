package gorgonia_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// FuzzLoad loads and computes what may be a model. Nothing panics or hangs, and every
// error is *backends.Error.
func FuzzLoad(f *testing.F) {
	for _, model := range [][]byte{
		onnxtest.Add(4), onnxtest.Ordered(), onnxtest.Optional(), onnxtest.NonZero(), onnxtest.Loop(3), onnxtest.Sum(3), onnxtest.NoInputs(),
		onnxtest.MatMuls(4, 2), onnxtest.External("w"), onnxtest.Unary("Softmax", onnxtest.Float, onnxtest.Dims("n", 4)),
	} {
		f.Add(model)
	}
	b, err := gorgonia.New(gorgonia.Config{IntraOpThreads: 1, MaxMemory: 64 << 20, MaxModelBytes: 1 << 20})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, model []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := loadAndCompute(ctx, b, model); err != nil {
			if e := (*backends.Error)(nil); !errors.As(err, &e) {
				t.Errorf("error is %T %v", err, err)
			}
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("it took %v, though its context ended after 200 ms", took)
		}
	})
}

// loadAndCompute computes a model on tensors of zeros whose open sizes are 2.
func loadAndCompute(ctx context.Context, b *gorgonia.Backend, model []byte) error {
	g, err := b.Load(ctx, [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX})
	if err != nil {
		return err
	}
	defer g.Close()
	c, err := g.NewContext(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var in []backends.NamedTensor
	for _, info := range g.(backends.Describer).Inputs() {
		dims := make([]uint32, len(info.Dims))
		for i, d := range info.Dims {
			dims[i] = 2
			if d >= 0 {
				dims[i] = uint32(min(d, 1<<32-1))
			}
		}
		size, err := backends.ByteSize(dims, info.Type)
		if err != nil || size > 1<<20 {
			return err
		}
		t, err := backends.NewTensor(dims, info.Type, make([]byte, size))
		if err != nil {
			return err
		}
		in = append(in, backends.NamedTensor{Name: info.Name, Tensor: t})
	}
	_, err = c.Compute(ctx, in)
	return err
}
