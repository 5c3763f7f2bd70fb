package onnxdata

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wasinn/wasinn/backends"
)

// tensorProto is a TensorProto while it is read. Of the typed data fields one at
// most is not empty.
type tensorProto struct {
	dims     []uint32
	dataType backends.ElementType
	raw      []byte
	hasRaw   bool
	strings  []string
	numbers  []byte // little-endian, of width bytes each
	width    int
}

// Tensor reads a TensorProto. Its data are in the message itself: data in other
// files are refused.
func Tensor(b []byte) (*backends.Tensor, error) {
	var p tensorProto
	if err := each(b, p.field); err != nil {
		return nil, fmt.Errorf("TensorProto: %w", err)
	}
	t, err := p.tensor()
	if err != nil {
		return nil, fmt.Errorf("TensorProto: %w", err)
	}
	return t, nil
}

// Widths in bytes of the elements of the typed data fields.
const (
	float = 4
	long  = 8
)

func (p *tensorProto) field(f field) error {
	switch f.num {
	case 1:
		return f.numbers(varint, func(v uint64) error {
			d, err := dimension(v)
			p.dims = append(p.dims, d)
			if len(p.dims) > backends.MaxRank {
				return fmt.Errorf("more than %d dimensions", backends.MaxRank)
			}
			return err
		})
	case 2:
		if f.number > math.MaxUint8 {
			return fmt.Errorf("data type %d is not one of ONNX", f.number)
		}
		p.dataType = backends.ElementType(f.number)
	case 3:
		return errors.New("a segment of a tensor, expected a whole one")
	case 4:
		return p.add(f, fixed32, float)
	case 5:
		return p.add(f, varint, float)
	case 6:
		s, err := f.message()
		p.strings = append(p.strings, string(s))
		return err
	case 7, 11:
		return p.add(f, varint, long)
	case 9:
		p.hasRaw, p.raw = true, f.body
		_, err := f.message()
		return err
	case 10:
		return p.add(f, fixed64, long)
	case 13, 14:
		if f.num == 13 || f.number != 0 {
			return errors.New("its data are in another file, expected them here")
		}
	}
	return nil
}

// add reads a typed data field whose values are of the given wire type.
func (p *tensorProto) add(f field, wire protowire.Type, width int) error {
	if p.width != 0 && p.width != width {
		return errors.New("data in two typed fields, expected one")
	}
	p.width = width
	return f.numbers(wire, func(v uint64) error {
		for i := range width {
			p.numbers = append(p.numbers, byte(v>>(8*i)))
		}
		return nil
	})
}

func (p *tensorProto) tensor() (*backends.Tensor, error) {
	if p.dataType == backends.String {
		return backends.NewStringTensor(p.dims, p.strings)
	}
	if p.hasRaw {
		return backends.NewTensor(p.dims, p.dataType, p.raw)
	}
	return backends.NewTensor(p.dims, p.dataType, p.packed())
}

// packed are the typed data as raw_data would hold them: fields of four bytes
// hold smaller elements one by one, and those of less than a byte a byte each.
func (p *tensorProto) packed() []byte {
	size := max(p.dataType.Size(), 1)
	if p.dataType == backends.C64 || p.dataType == backends.C128 {
		size /= 2 // the two parts are numbers of their own
	}
	if p.width == 0 || size >= p.width {
		return p.numbers
	}
	small := make([]byte, 0, len(p.numbers)/p.width*size)
	for i := 0; i < len(p.numbers); i += p.width {
		small = append(small, p.numbers[i:i+size]...)
	}
	return small
}
