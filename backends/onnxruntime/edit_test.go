package onnxruntime

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wasinn/wasinn/backends/internal/onnxfile"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// protoField is one field of a protobuf message: a number, or bytes, which may
// be a message again.
type protoField struct {
	num, wire uint64
	number    uint64
	bytes     []byte
}

func protoFields(b []byte) (fields []protoField, ok bool) {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 || key>>3 == 0 {
			return nil, false
		}
		b = b[n:]
		f := protoField{num: key >> 3, wire: key & 7}
		size, n := uint64(0), 0
		switch f.wire {
		case 0:
			f.number, n = binary.Uvarint(b)
		case 1:
			size = 8
		case 2:
			size, n = binary.Uvarint(b)
		case 5:
			size = 4
		default:
			return nil, false
		}
		if n < 0 || n == 0 && (f.wire == 0 || f.wire == 2) || uint64(len(b)-n) < size {
			return nil, false
		}
		f.bytes = b[n : n+int(size)]
		b = b[n+int(size):]
		fields = append(fields, f)
	}
	return fields, true
}

func protoMessage(fields []protoField) (b []byte) {
	for _, f := range fields {
		b = binary.AppendUvarint(b, f.num<<3|f.wire)
		switch f.wire {
		case 0:
			b = binary.AppendUvarint(b, f.number)
		case 2:
			b = binary.AppendUvarint(b, uint64(len(f.bytes)))
		}
		b = append(b, f.bytes...)
	}
	return b
}

// edited is a model with one to three changes to fields somewhere in it.
func edited(model []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	for range 1 + r.IntN(3) {
		model = editMessage(r, model)
	}
	return model
}

var hardNumbers = []uint64{
	0, 1, 2, 3, 7, 8, 16, 63, 64, 65, 127, 255, 1 << 16, 1 << 20, math.MaxInt32, 1 << 31, 1 << 32, 1 << 40, 1 << 62, 1 << 63,
	math.MaxUint64, math.MaxUint64 - 1, math.MaxUint64 - 7,
}

func editMessage(r *rand.Rand, message []byte) []byte {
	fields, ok := protoFields(message)
	if !ok || len(fields) == 0 {
		return editBytes(r, message)
	}
	i, j := r.IntN(len(fields)), r.IntN(len(fields))
	switch r.IntN(9) {
	case 0:
		fields = append(fields, fields[i])
	case 1:
		fields = slices.Delete(fields, i, i+1)
	case 2:
		fields[i], fields[j] = fields[j], fields[i]
	case 3:
		if fields[i].wire == fields[j].wire {
			fields[i].bytes, fields[i].number = fields[j].bytes, fields[j].number
		}
	default: // deeper
		if fields[i].wire == 0 {
			fields[i].number = hardNumbers[r.IntN(len(hardNumbers))]
		} else if fields[i].wire == 2 {
			fields[i].bytes = editMessage(r, fields[i].bytes)
		}
	}
	return protoMessage(fields)
}

func editBytes(r *rand.Rand, b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	b = slices.Clone(b)
	switch r.IntN(3) {
	case 0:
		b[r.IntN(len(b))] = byte(r.Uint32())
	case 1:
		b = b[:r.IntN(len(b))]
	case 2:
		b = append(b, b...)
	}
	return b
}

func TestEditsKeepMostModelsWellFormed(t *testing.T) {
	passed := 0
	for seed := range uint64(1000) {
		if _, err := onnxfile.Parse(edited(onnxtest.Ordered(), seed+1)); err == nil {
			passed++
		}
	}
	if passed < 300 {
		t.Errorf("%d of 1000 edited models are well-formed, expected 300 at least", passed)
	}
}
