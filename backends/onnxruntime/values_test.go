//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// TestPackedElements casts between types of less than a byte and others: their
// packing and their numbers, which ONNX Runtime does not take from ONNX, are right.
func TestPackedElements(t *testing.T) {
	b := newBackend(t, Config{})
	for _, tt := range []struct {
		from, to backends.ElementType
		in, want string
	}{
		{backends.U4, backends.U8, "\x21\x03", "\x01\x02\x03"},
		{backends.I4, backends.I8, "\x2f\x08", "\xff\x02\xf8"},
		{backends.U2, backends.U8, "\x39", "\x01\x02\x03"},
		{backends.I2, backends.I8, "\x39", "\x01\xfe\xff"},
		{backends.U8, backends.U4, "\x01\x02\x03", "\x21\x03"},
		{backends.U8, backends.U2, "\x01\x02\x03", "\x39"},
		{backends.I8, backends.I2, "\x01\xfe\xff", "\x39"},
		{backends.FP32, backends.FP8E5M2, string(onnxtest.Floats(1, 2, -1)), "\x3c\x40\xbc"},
	} {
		t.Run(fmt.Sprintf("%s to %s", tt.from, tt.to), func(t *testing.T) {
			model := onnxtest.Model{Opset: 25, Graph: onnxtest.Graph{
				Nodes: []onnxtest.Node{{Op: "Cast", Inputs: []string{"in"}, Outputs: []string{"out"},
					Attrs: []onnxtest.Attr{onnxtest.IntAttr("to", int64(tt.to))}}},
				Inputs:  []onnxtest.Value{{Name: "in", Type: onnxtest.DataType(tt.from), Shape: onnxtest.Dims(3)}},
				Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.DataType(tt.to), Shape: onnxtest.Dims(3)}},
			}}.Marshal()
			g, err := b.Load(t.Context(), [][]byte{model}, onnx(backends.LoadOptions{Values: true}))
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			c, err := g.NewContext(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			in, err := backends.NewTensor([]uint32{3}, tt.from, []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.(backends.ValueComputer).ComputeValues(t.Context(), []backends.NamedValue{{Name: "in", Value: in}})
			if err != nil {
				t.Fatal(err)
			}
			if got := out[0].Value.(*backends.Tensor); got.Type() != tt.to || string(got.Data()) != tt.want {
				t.Errorf("found %s %x, expected %s %x", got.Type(), got.Data(), tt.to, tt.want)
			}
		})
	}
}

// TestValuesLeaveNothingBehind computes with values of all kinds many times: what
// ONNX Runtime holds would be gigabytes if any were kept.
func TestValuesLeaveNothingBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is read from /proc")
	}
	b := newBackend(t, Config{})
	identity := onnxtest.Model{Graph: onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Identity", Inputs: []string{"in"}, Outputs: []string{"out"}}},
		Inputs:  []onnxtest.Value{{Name: "in", Type: onnxtest.Float, Kind: onnxtest.SequenceKind}},
		Outputs: []onnxtest.Value{{Name: "out", Type: onnxtest.Float, Kind: onnxtest.SequenceKind}},
	}}.Marshal()
	g, err := b.Load(t.Context(), [][]byte{identity}, onnx(backends.LoadOptions{Values: true}))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c, err := g.NewContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tensor, err := backends.NewTensor([]uint32{1 << 20}, backends.FP32, make([]byte, 4<<20))
	if err != nil {
		t.Fatal(err)
	}
	seq, err := backends.NewSequence(backends.TensorType(backends.FP32), []backends.Value{tensor, tensor})
	if err != nil {
		t.Fatal(err)
	}
	turn := func(times int) {
		for range times {
			out, err := c.(backends.ValueComputer).ComputeValues(t.Context(), []backends.NamedValue{{Name: "in", Value: seq}})
			if err != nil {
				t.Fatal(err)
			}
			out[0].Value.Release()
		}
	}
	turn(20)
	before := residentBytes(t)
	turn(200)
	runtime.GC()
	if grown := residentBytes(t) - before; grown > 200<<20 {
		t.Errorf("200 computations of 8 MB have left %d MB", grown>>20)
	}
}
