package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/testsuite/models"
)

// engineCase is a model on an engine beside ONNX Runtime.
type engineCase struct {
	name, what string
	// model returns the model and what goes in; an error that is [ErrMissing]
	// leaves the row out.
	model func() ([]byte, []backends.NamedTensor, error)
	// layer is set for what is no network: only its time is measured.
	layer bool
}

// engineCases is where a benchmark of an engine is added: a line here is a row
// gorgonia.NAME.
func engineCases() []engineCase {
	return append(networkCases(), []engineCase{
		{"matmul512", "a matrix product, 512 x 512 x 512", func() ([]byte, []backends.NamedTensor, error) {
			in, err := ramp("in", 512, 512)
			return onnxtest.MatMuls(512, 1), in, err
		}, true},
		{"conv3x3", "a convolution, 64 channels of 56 x 56, 64 kernels of 3 x 3", func() ([]byte, []backends.NamedTensor, error) {
			in, err := ramp("in", 1, 64, 56, 56)
			return conv3x3(64, 56), in, err
		}, true},
		{"silero-vad-v5", "a real model, of the pinned ones: voice activity", func() ([]byte, []backends.NamedTensor, error) { return pinned("silero-vad-v5") }, false},
		{"blazeface-front", "a real model, of the pinned ones: faces", func() ([]byte, []backends.NamedTensor, error) { return pinned("blazeface-front") }, false},
		{"ppocr-det", "a real model, of the pinned ones: where text is", func() ([]byte, []backends.NamedTensor, error) { return pinned("ppocr-det") }, false},
		{"ppocr-rec", "a real model, of the pinned ones: what text says", func() ([]byte, []backends.NamedTensor, error) { return pinned("ppocr-rec") }, false},
	}...)
}

// engineRows are computes of the Gorgonia engine by its Go interface. The floor
// is ONNX Runtime's time for the same model and input, on as many threads.
func engineRows() []Row {
	var rows []Row
	for _, c := range engineCases() {
		for _, threads := range []int{1, 2} {
			name, what := "gorgonia."+c.name, c.what+", on one thread"
			if threads > 1 {
				name, what = fmt.Sprintf("%s.threads%d", name, threads), fmt.Sprintf("%s, on %d threads", c.what, threads)
			}
			rows = append(rows, Row{name, what, "ONNX Runtime, as many threads", func(ctx context.Context, e *Env) (Side, Side, error) {
				return openEngines(ctx, e, c, threads)
			}})
		}
	}
	return rows
}

func openEngines(ctx context.Context, e *Env, c engineCase, threads int) (ours, floor Side, err error) {
	model, in, err := c.model()
	if err != nil {
		return nil, nil, err
	}
	ort, err := onnxRuntime(ctx, onnxruntime.Config{})
	if err != nil {
		return nil, nil, err
	}
	own, err := gorgonia.New(gorgonia.Config{IntraOpThreads: threads})
	if err != nil {
		return nil, nil, err
	}
	ours, err = direct(ctx, e, own, model, in, threads, false)
	if err != nil && backends.AsError(err).Code == backends.UnsupportedOperation {
		err = missing(err)
	}
	if err != nil {
		return nil, nil, err
	}
	floor, err = direct(ctx, e, ort, model, in, threads, false)
	return ours, floor, err
}

// ramp is an input of small numbers that differ.
func ramp(name string, dims ...uint32) ([]backends.NamedTensor, error) {
	size, err := backends.ByteSize(dims, backends.FP32)
	if err != nil {
		return nil, err
	}
	t, err := backends.NewTensor(dims, backends.FP32, rampBytes(int(size/4)))
	return []backends.NamedTensor{{Name: name, Tensor: t}}, err
}

func rampBytes(n int) []byte {
	b := make([]byte, 0, 4*n)
	for i := range n {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(i%17)/17-0.5))
	}
	return b
}

// conv3x3 is out = Conv(in) with as many kernels as channels, padded to the
// same size.
func conv3x3(channels, side int) []byte {
	c := int64(channels)
	shape := onnxtest.Dims(1, channels, side, side)
	return onnxtest.Model{Graph: onnxtest.Graph{
		Inputs:       []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Shape: shape}},
		Outputs:      []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Shape: shape}},
		Initializers: []onnxtest.Tensor{{Name: "w", Type: onnxtest.Float, Dims: []int64{c, c, 3, 3}, Raw: rampBytes(channels * channels * 9)}},
		Nodes: []onnxtest.Node{{Op: "Conv", Inputs: []string{"in", "w"}, Outputs: []string{"out"},
			Attrs: []onnxtest.Attr{onnxtest.IntsAttr("pads", 1, 1, 1, 1)}}},
	}}.Marshal()
}

// pinned returns a model of testsuite/models from the cache, and its input.
func pinned(name string) ([]byte, []backends.NamedTensor, error) {
	dir, ok := models.Cached()
	if !ok {
		return nil, nil, missing(fmt.Errorf("the model %s is not in the cache: make models", name))
	}
	for _, m := range models.All() {
		if m.Name != name {
			continue
		}
		model, err := os.ReadFile(filepath.Join(dir, m.File()))
		if err != nil {
			return nil, nil, err
		}
		in, err := m.Tensors()
		return model, in, err
	}
	return nil, nil, fmt.Errorf("there is no model %s in the pinned table", name)
}
