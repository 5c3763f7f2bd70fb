//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"fmt"
	"runtime"
	"runtime/debug"
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
	debug.FreeOSMemory() // what Go keeps of its own copies is not looked for
	before := residentBytes(t)
	turn(200)
	debug.FreeOSMemory()
	if grown := residentBytes(t) - before; grown > 800<<20 { // of 1,600 for each copy that is made
		t.Errorf("200 computations of 8 MB have left %d MB", grown>>20)
	}
}

// mlModel is a model of one operator of ai.onnx.ml.
func mlModel(node onnxtest.Node, in, out onnxtest.Value) []byte {
	node.Domain, in.Name, out.Name = "ai.onnx.ml", "in", "out"
	node.Inputs, node.Outputs = []string{"in"}, []string{"out"}
	return onnxtest.Model{Domains: map[string]int64{"ai.onnx.ml": 1}, Graph: onnxtest.Graph{
		Nodes: []onnxtest.Node{node}, Inputs: []onnxtest.Value{in}, Outputs: []onnxtest.Value{out}}}.Marshal()
}

func computeOne(t *testing.T, b *Backend, model []byte, in backends.Value) (backends.ValueInfo, backends.Value) {
	t.Helper()
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
	out, err := c.(backends.ValueComputer).ComputeValues(t.Context(), []backends.NamedValue{{Name: "in", Value: in}})
	if err != nil {
		t.Fatal(err)
	}
	return g.(backends.ValueDescriber).OutputValues()[0], out[0].Value
}

func TestMapsGoInAndOut(t *testing.T) {
	b := newBackend(t, Config{})
	probabilities, err := backends.NewTensor([]uint32{2, 2}, backends.FP32, onnxtest.Floats(0.25, 0.75, 0.5, 0.5))
	if err != nil {
		t.Fatal(err)
	}
	zip := onnxtest.Node{Op: "ZipMap", Attrs: []onnxtest.Attr{onnxtest.StringsAttr("classlabels_strings", "yes", "no")}}
	info, out := computeOne(t, b, mlModel(zip, onnxtest.Value{Type: onnxtest.Float, Shape: onnxtest.Dims("n", 2)},
		onnxtest.Value{Kind: onnxtest.MapsKind, Key: onnxtest.String, Type: onnxtest.Float}), probabilities)
	if got := info.ValueType.String(); got != "sequence(map(STRING, FP32*))" && got != "sequence(map(STRING, FP32[]))" {
		t.Errorf("described as %s", got)
	}
	maps := out.(*backends.Sequence).Values()
	first := maps[0].(*backends.Map)
	if len(maps) != 2 || fmt.Sprint(first.Keys().Strings()) != "[no yes]" || string(first.Values().Data()) != string(onnxtest.Floats(0.75, 0.25)) {
		t.Errorf("found %d maps, the first from %q to %x", len(maps), first.Keys().Strings(), first.Values().Data())
	}

	vectorize := onnxtest.Node{Op: "DictVectorizer", Attrs: []onnxtest.Attr{onnxtest.StringsAttr("string_vocabulary", "yes", "maybe", "no")}}
	_, out = computeOne(t, b, mlModel(vectorize, onnxtest.Value{Kind: onnxtest.MapKind, Key: onnxtest.String, Type: onnxtest.Float},
		onnxtest.Value{Type: onnxtest.Float}), first)
	if got := out.(*backends.Tensor); string(got.Data()) != string(onnxtest.Floats(0.25, 0, 0.75)) {
		t.Errorf("found %v %x", got.Dims(), got.Data())
	}
}

// TestValuesOfUnusualTypes gives ONNX Runtime what it may refuse, never crash on.
func TestValuesOfUnusualTypes(t *testing.T) {
	b := newBackend(t, Config{})
	u8 := backends.TensorType(backends.U8)
	tensor, err := backends.NewTensor([]uint32{0, 3}, backends.U8, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := backends.NewTensor([]uint32{1}, backends.I64, make([]byte, 8))
	if err != nil {
		t.Fatal(err)
	}
	byteValue, err := backends.NewTensor([]uint32{1}, backends.U8, []byte{1})
	if err != nil {
		t.Fatal(err)
	}
	none, err := backends.NewOptional(u8, nil)
	if err != nil {
		t.Fatal(err)
	}
	odd, err := backends.NewMap(key, byteValue)
	if err != nil {
		t.Fatal(err)
	}
	identity := func(v onnxtest.Value) []byte {
		in, out := v, v
		in.Name, out.Name = "in", "out"
		return onnxtest.Model{Graph: onnxtest.Graph{
			Nodes:  []onnxtest.Node{{Op: "Identity", Inputs: []string{"in"}, Outputs: []string{"out"}}},
			Inputs: []onnxtest.Value{in}, Outputs: []onnxtest.Value{out}}}.Marshal()
	}
	for _, tt := range []struct {
		name  string
		model []byte
		in    backends.Value
		code  backends.Code // of the error
	}{
		{"an empty optional", identity(onnxtest.Value{Type: onnxtest.Uint8, Kind: onnxtest.OptionalKind}), none, backends.UnsupportedOperation},
		{"a map to bytes", identity(onnxtest.Value{Type: onnxtest.Uint8, Kind: onnxtest.MapKind, Key: onnxtest.Int64}), odd, backends.InvalidEncoding},
		{"a tensor without elements", identity(onnxtest.Value{Type: onnxtest.Uint8}), tensor, backends.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := func() error {
				g, err := b.Load(t.Context(), [][]byte{tt.model}, onnx(backends.LoadOptions{Values: true}))
				if err != nil {
					return err
				}
				defer g.Close()
				c, err := g.NewContext(t.Context())
				if err != nil {
					return err
				}
				defer c.Close()
				out, err := c.(backends.ValueComputer).ComputeValues(t.Context(), []backends.NamedValue{{Name: "in", Value: tt.in}})
				if err == nil && fmt.Sprint(out[0].Value.ValueType()) != fmt.Sprint(tt.in.ValueType()) {
					t.Errorf("found %s", out[0].Value.ValueType())
				}
				return err
			}()
			if tt.code == backends.Unknown {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if code, detail := codeAndDetail(t, err); code != tt.code {
				t.Errorf("%s: %s, expected %s", code, detail, tt.code)
			}
		})
	}
}
