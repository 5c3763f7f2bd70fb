package engines

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/internal/onnxtest"
	"github.com/wasinn/wasinn/internal/valuediff"
)

// sample is one node, with its inputs, that both engines compute.
type sample struct {
	name, op, domain string
	// opset of ai.onnx, 21 where it is 0; ml of ai.onnx.ml.
	opset, ml int64
	attrs     []onnxtest.Attr
	in        []input
	out       []onnxtest.Value // one unnamed float tensor when nil; those without a type are left out
	within    valuediff.Tolerance
	// reference are nodes of ai.onnx that ONNX Runtime computes instead, where it has no
	// such operator for the CPU. They take inputs in0, in1 and so on, and make out0.
	reference []onnxtest.Node
	constants []onnxtest.Tensor // of reference
}

// input is an input of a sample; one without a value is left out.
type input struct {
	value    backends.Value
	constant bool // always an initializer, as ONNX Runtime wants it
}

// mode is which inputs of a node are initializers.
type mode int

const (
	outside mode = iota // none
	rest                // all but the first, whose sizes are open
)

func (m mode) String() string { return [...]string{"from outside", "with constants"}[m] }

// checkSamples computes samples on both engines and compares.
func checkSamples(t *testing.T, samples []sample) {
	theirs, ours := ort(t, 1), pure(t, gorgonia.Config{IntraOpThreads: 2})
	for _, s := range samples {
		t.Run(s.op+" "+s.name, func(t *testing.T) {
			if s.within == (valuediff.Tolerance{}) {
				s.within = valuediff.Tolerance{RTol: 1e-4, ATol: 1e-5}
			}
			for _, m := range []mode{outside, rest} {
				want, err := s.compute(theirs, m, s.reference != nil)
				if err != nil {
					t.Fatalf("%v: ONNX Runtime: %v", m, err)
				}
				got, err := s.compute(ours, m, false)
				if err != nil {
					t.Fatalf("%v: %v", m, err)
				}
				for i := range want {
					if err := s.within.Compare(got[i].Value, want[i].Value).Err(); err != nil {
						t.Errorf("%v: output %s: %v", m, want[i].Name, err)
					}
				}
			}
		})
	}
}

// compute loads the sample's node as a model of its own and computes it.
func (s *sample) compute(b backends.Backend, m mode, reference bool) ([]backends.NamedValue, error) {
	model, given := s.model(m, reference)
	g, err := b.Load(context.Background(), [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX, Values: true})
	if err != nil {
		return nil, err
	}
	defer g.Close()
	c, err := g.NewContext(context.Background())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.(backends.ValueComputer).ComputeValues(context.Background(), given)
}

func (s *sample) model(m mode, reference bool) ([]byte, []backends.NamedValue) {
	node := onnxtest.Node{Op: s.op, Domain: s.domain, Attrs: s.attrs}
	model := onnxtest.Model{IRVersion: 9, Opset: s.opset, Domains: map[string]int64{"com.microsoft": 1}}
	if s.ml > 0 {
		model.Domains["ai.onnx.ml"] = s.ml
	}
	var given []backends.NamedValue
	for i, in := range s.in {
		if in.value == nil {
			node.Inputs = append(node.Inputs, "")
			continue
		}
		name := fmt.Sprintf("in%d", i)
		node.Inputs = append(node.Inputs, name)
		t, isTensor := in.value.(*backends.Tensor)
		if isTensor && (in.constant || m == rest && i > 0) {
			model.Graph.Initializers = append(model.Graph.Initializers, constant(name, t))
			continue
		}
		model.Graph.Inputs = append(model.Graph.Inputs, declared(name, in.value.ValueType(), m == rest))
		given = append(given, backends.NamedValue{Name: name, Value: in.value})
	}
	outs := s.out
	if outs == nil {
		outs = []onnxtest.Value{{Type: onnxtest.Float}}
	}
	for i, o := range outs {
		if o.Type == 0 {
			node.Outputs = append(node.Outputs, "")
			continue
		}
		o.Name = fmt.Sprintf("out%d", i)
		node.Outputs = append(node.Outputs, o.Name)
		model.Graph.Outputs = append(model.Graph.Outputs, o)
	}
	model.Graph.Nodes = []onnxtest.Node{node}
	if reference {
		model.Graph.Nodes = s.reference
		model.Graph.Initializers = append(model.Graph.Initializers, s.constants...)
	}
	return model.Marshal(), given
}

// declared is a graph's input of a value's type, with open sizes if asked for.
func declared(name string, ty backends.ValueType, open bool) onnxtest.Value {
	v := onnxtest.Value{Name: name, Type: onnxtest.DataType(ty.Type)}
	switch ty.Kind {
	case backends.MapKind:
		v.Kind, v.Key, v.Type = onnxtest.MapKind, onnxtest.DataType(ty.Key), onnxtest.DataType(ty.Elem.Type)
		return v
	case backends.SequenceKind:
		v.Kind, v.Type = onnxtest.SequenceKind, onnxtest.DataType(ty.Elem.Type)
		return v
	}
	v.Shape = []onnxtest.Dim{}
	for i, size := range ty.Dims {
		d := onnxtest.Dim{Size: size}
		if open {
			d.Symbol = fmt.Sprintf("%s_%d", name, i)
		}
		v.Shape = append(v.Shape, d)
	}
	return v
}

func constant(name string, t *backends.Tensor) onnxtest.Tensor {
	c := onnxtest.Tensor{Name: name, Type: onnxtest.DataType(t.Type()), Raw: t.Data(), Strings: t.Strings()}
	for _, d := range t.Dims() {
		c.Dims = append(c.Dims, int64(d))
	}
	return c
}

// types are outputs of tensors.
func types(all ...onnxtest.DataType) []onnxtest.Value {
	out := make([]onnxtest.Value, len(all))
	for i, t := range all {
		out[i].Type = t
	}
	return out
}

// values are inputs; nil ones are left out.
func values(all ...backends.Value) []input {
	in := make([]input, len(all))
	for i, v := range all {
		in[i].value = v
	}
	return in
}

func must(t *backends.Tensor, err error) *backends.Tensor {
	if err != nil {
		panic(err)
	}
	return t
}

func dims(shape []int) []uint32 {
	d := make([]uint32, len(shape))
	for i, v := range shape {
		d[i] = uint32(v)
	}
	return d
}

func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// draw makes tensors of numbers by chance, the same in each run.
type draw struct{ *rand.Rand }

func newDraw(seed uint64) draw { return draw{rand.New(rand.NewPCG(seed, 1))} }

// reals are numbers around 0.
func (d draw) reals(shape ...int) *backends.Tensor {
	v := make([]float32, count(shape))
	for i := range v {
		v[i] = float32(d.NormFloat64())
	}
	return singles(shape, v...)
}

// bytes are numbers from low to high, as uint8 or int8.
func (d draw) bytes(ty backends.ElementType, low, high int, shape ...int) *backends.Tensor {
	v := make([]byte, count(shape))
	for i := range v {
		v[i] = byte(low + d.IntN(high-low+1))
	}
	return must(backends.NewTensor(dims(shape), ty, v))
}

// positive are numbers from 0.01 to 0.05, as scales are.
func (d draw) positive(shape ...int) *backends.Tensor {
	v := make([]float32, count(shape))
	for i := range v {
		v[i] = 0.01 + 0.04*d.Float32()
	}
	return singles(shape, v...)
}

// int64s are numbers from low to high.
func (d draw) int64s(low, high int, shape ...int) *backends.Tensor {
	v := make([]int64, count(shape))
	for i := range v {
		v[i] = int64(low + d.IntN(high-low+1))
	}
	return longs(shape, v...)
}

func singles(shape []int, v ...float32) *backends.Tensor {
	return must(backends.NewTensor(dims(shape), backends.FP32, onnxtest.Floats(v...)))
}

func longs(shape []int, v ...int64) *backends.Tensor {
	return must(backends.NewTensor(dims(shape), backends.I64, onnxtest.Int64s(v...)))
}

func ints(shape []int, v ...int32) *backends.Tensor {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return must(backends.NewTensor(dims(shape), backends.I32, b))
}

func small(ty backends.ElementType, shape []int, v ...byte) *backends.Tensor {
	return must(backends.NewTensor(dims(shape), ty, v))
}

func words(shape []int, v ...string) *backends.Tensor {
	return must(backends.NewStringTensor(dims(shape), v))
}

// as is a tensor of reals in another type.
func as(ty backends.ElementType, t *backends.Tensor) *backends.Tensor {
	var b []byte
	for _, v := range floats(t) {
		switch ty {
		case backends.FP64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(v)))
		case backends.I64:
			b = binary.LittleEndian.AppendUint64(b, uint64(int64(math.Round(float64(4*v)))))
		case backends.I32:
			b = binary.LittleEndian.AppendUint32(b, uint32(int32(math.Round(float64(4*v)))))
		case backends.FP16:
			b = binary.LittleEndian.AppendUint16(b, half(v))
		}
	}
	return must(backends.NewTensor(t.Dims(), ty, b))
}

// half is a number of ordinary size in half precision, cut off.
func half(v float32) uint16 {
	bits := math.Float32bits(v)
	exponent := int(bits>>23&0xff) - 127 + 15
	if exponent <= 0 {
		return uint16(bits >> 16 & 0x8000)
	}
	return uint16(bits>>16&0x8000) | uint16(exponent)<<10 | uint16(bits>>13&0x3ff)
}
