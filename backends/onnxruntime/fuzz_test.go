package onnxruntime

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// FuzzLoad hands models to ONNX Runtime and computes with those that load. The
// process survives and errors are *backends.Error.
//
// edits, when it is not 0, seeds changes to the model that keep it a protobuf
// message, since most changes of bytes end at the first check.
//
// What it finds is ONNX Runtime's more often than ours, and may end the process:
// see "What hostile models can still do" in the package's documentation. So
// beyond the seeds it runs only where WASINN_FUZZ_ENGINE is set, by hand.
func FuzzLoad(f *testing.F) {
	if fuzzing := flag.Lookup("test.fuzz"); fuzzing.Value.String() != "" && os.Getenv("WASINN_FUZZ_ENGINE") == "" {
		f.Skip("WASINN_FUZZ_ENGINE is not set: this fuzzes ONNX Runtime itself")
	}
	b := newBackend(f, Config{})
	for i, model := range [][]byte{
		onnxtest.Add(4), onnxtest.Ordered(), onnxtest.Loop(2), onnxtest.Optional(), onnxtest.NonZero(), onnxtest.NoInputs(), onnxtest.MatMuls(4, 3),
		onnxtest.Identity(onnxtest.BFloat16, onnxtest.Dims("n", 2)), onnxtest.Identity(onnxtest.String, nil), onnxtest.External("w.bin"), probeModel,
	} {
		f.Add(model, uint64(i))
	}
	for i, file := range nodeTests(f, 200) {
		f.Add(file, uint64(i))
	}
	f.Fuzz(func(t *testing.T, model []byte, edits uint64) {
		if edits != 0 {
			model = edited(model, edits)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		g, err := b.Load(ctx, [][]byte{model}, onnxOptions)
		if err != nil {
			mustBeError(t, err)
			return
		}
		defer g.Close()
		c, err := g.NewContext(ctx)
		if err != nil {
			mustBeError(t, err)
			return
		}
		defer c.Close()
		out, err := c.Compute(ctx, someInputs(t, g.(backends.Describer).Inputs()))
		if err != nil {
			mustBeError(t, err)
		}
		for _, o := range out {
			o.Tensor.Release()
		}
	})
}

var onnxOptions = backends.LoadOptions{Encoding: backends.ONNX, IntraOpThreads: 1}

func mustBeError(t *testing.T, err error) {
	t.Helper()
	var e *backends.Error
	if !errors.As(err, &e) || e.Detail == "" || e.Code == backends.Unknown {
		t.Errorf("error is %#v", err)
	}
}

// someInputs are tensors of ones where that is possible in a megabyte.
func someInputs(t *testing.T, infos []backends.TensorInfo) []backends.NamedTensor {
	var inputs []backends.NamedTensor
	for _, info := range infos {
		var dims []uint32
		for _, d := range info.Dims {
			if d < 0 {
				d = 2
			}
			dims = append(dims, uint32(min(d, 1<<20)))
		}
		size, err := backends.ByteSize(dims, info.Type)
		if err != nil || size > 1<<20 {
			dims, size = nil, uint64(info.Type.Size())
		}
		data := make([]byte, size)
		for i := range data {
			data[i] = 1
		}
		tensor, err := backends.NewTensor(dims, info.Type, data)
		if err != nil {
			t.Fatalf("input %q: %v", info.Name, err)
		}
		inputs = append(inputs, backends.NamedTensor{Name: info.Name, Tensor: tensor})
	}
	return inputs
}

// nodeTests are models of ONNX's own node tests, when WASINN_ONNX_TESTS names a
// folder with them.
func nodeTests(f *testing.F, most int) (models [][]byte) {
	dir := os.Getenv("WASINN_ONNX_TESTS")
	if dir == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "model.onnx"))
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(files) && len(models) < most; i += max(1, len(files)/most) {
		b, err := os.ReadFile(files[i])
		if err != nil {
			f.Fatal(err)
		}
		models = append(models, b)
	}
	return models
}
