package models

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"

	"github.com/wasinn/wasinn/backends"
)

// Tensors returns the inputs to run m on: the same bytes on every machine.
func (m Model) Tensors() ([]backends.NamedTensor, error) {
	tensors := make([]backends.NamedTensor, len(m.Inputs))
	for i, in := range m.Inputs {
		t, err := in.tensor(m.Name)
		if err != nil {
			return nil, fmt.Errorf("model %q: input %q: %w", m.Name, in.Name, err)
		}
		tensors[i] = backends.NamedTensor{Name: in.Name, Tensor: t}
	}
	return tensors, nil
}

func (in Input) tensor(model string) (*backends.Tensor, error) {
	size, err := backends.ByteSize(in.Run, in.Type)
	if err != nil {
		return nil, err
	}
	next := in.values(model)
	data := make([]byte, 0, size)
	for uint64(len(data)) < size {
		switch in.Type {
		case backends.FP32:
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(next())))
		case backends.I64:
			data = binary.LittleEndian.AppendUint64(data, uint64(int64(next())))
		default:
			return nil, fmt.Errorf("no values of type %v are made, only FP32 and I64", in.Type)
		}
	}
	return backends.NewTensor(in.Run, in.Type, data)
}

// values returns a generator of the input's values: SplitMix64 from a seed
// that the names of model and input give.
func (in Input) values(model string) func() float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%s", model, in.Name)
	state := h.Sum64()
	return func() float64 {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		unit := float64((z^z>>31)>>40) / (1 << 24)
		// The conversion keeps compilers from fusing the two operations, which
		// would round otherwise on some processors.
		return in.Low + float64((in.High-in.Low)*unit)
	}
}
