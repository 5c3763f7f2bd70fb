package onnxcases

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxdata"
)

// maxRamp bounds the elements of an input that is made up.
const maxRamp = 1 << 26

// lightSet makes up the inputs of a light model as ONNX does: of n elements the
// one at i is i/n, and an open size is 1. The expected outputs lie beside the model.
func (c *Case) lightSet(m *onnxdata.Model) (s Set, err error) {
	s.Name = "a ramp"
	for _, in := range m.Inputs {
		if m.Initialized[in.Name] {
			continue
		}
		t, err := ramp(in.ValueType)
		if err != nil {
			return s, fmt.Errorf("input %q: %w", in.Name, err)
		}
		s.Inputs = append(s.Inputs, backends.NamedValue{Name: in.Name, Value: t})
	}
	s.Outputs, err = c.readValues(strings.TrimSuffix(c.model, ".onnx")+"_output_", m.Outputs)
	if err == nil && len(s.Outputs) == 0 {
		err = fmt.Errorf("there are no expected outputs beside %s", c.model)
	}
	return s, err
}

func ramp(ty backends.ValueType) (*backends.Tensor, error) {
	if ty.Kind != backends.TensorKind || ty.Type != backends.FP32 || ty.Unranked {
		return nil, fmt.Errorf("it is %s, expected FP32 of known rank", ty)
	}
	dims := make([]uint32, len(ty.Dims))
	for i, d := range ty.Dims {
		dims[i] = uint32(max(d, 1))
	}
	n, err := backends.ElementCount(dims)
	if err != nil || n > maxRamp {
		return nil, fmt.Errorf("it is %s, expected no more than %d elements", ty, maxRamp)
	}
	data := make([]byte, 0, n*4)
	for i := range n {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(float64(i)/float64(n))))
	}
	return backends.NewTensor(dims, backends.FP32, data)
}
