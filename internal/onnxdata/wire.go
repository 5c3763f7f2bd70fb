// Package onnxdata reads what ONNX's test cases are made of: the protobuf
// messages of test data (TensorProto, SequenceProto, OptionalProto, MapProto) as
// values of package backends, and of a model what a runner of cases wants to know.
//
// Sizes are checked before memory is taken: what is read never takes more than a
// small multiple of the bytes it is read from.
//
// See https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 and
// https://github.com/onnx/onnx/blob/main/onnx/onnx-data.proto3
package onnxdata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// maxDepth is how deep messages may be nested: graphs in graphs, types in types.
const maxDepth = 32

// wireType is how a field is written.
//
// See https://protobuf.dev/programming-guides/encoding/#structure
type wireType uint8

const (
	varint  wireType = 0
	fixed64 wireType = 1
	bytes   wireType = 2
	fixed32 wireType = 5
)

var errTruncated = errors.New("the message is cut short")

// field is one field of a protobuf message: a number or bytes.
type field struct {
	num    uint64
	wire   wireType
	number uint64 // of varint and the fixed types
	body   []byte // of bytes
}

// each calls visit for every field of a message.
func each(message []byte, visit func(field) error) error {
	for len(message) > 0 {
		f, rest, err := next(message)
		if err != nil {
			return err
		}
		message = rest
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// next reads one field.
func next(b []byte) (f field, rest []byte, err error) {
	tag, rest, err := one(b, varint)
	if err != nil {
		return f, nil, err
	}
	f.num, f.wire = tag>>3, wireType(tag&7)
	if f.num == 0 {
		return f, nil, errors.New("field 0, expected 1 or more")
	}
	if f.wire != bytes {
		f.number, rest, err = one(rest, f.wire)
		return f, rest, err
	}
	n, rest, err := one(rest, varint)
	if err != nil {
		return f, nil, err
	}
	if n > uint64(len(rest)) {
		return f, nil, errTruncated
	}
	f.body = rest[:n]
	return f, rest[n:], nil
}

// one reads a number that is written as wire says.
func one(b []byte, wire wireType) (v uint64, rest []byte, err error) {
	switch wire {
	case varint:
		v, n := binary.Uvarint(b)
		switch {
		case n == 0:
			return 0, nil, errTruncated
		case n < 0:
			return 0, nil, errors.New("a number has more than 64 bits")
		}
		return v, b[n:], nil
	case fixed32:
		if len(b) < 4 {
			return 0, nil, errTruncated
		}
		return uint64(binary.LittleEndian.Uint32(b)), b[4:], nil
	case fixed64:
		if len(b) < 8 {
			return 0, nil, errTruncated
		}
		return binary.LittleEndian.Uint64(b), b[8:], nil
	}
	return 0, nil, fmt.Errorf("wire type %d, which ONNX does not use", wire)
}

// message checks that a field is bytes, which a message is.
func (f field) message() ([]byte, error) {
	if f.wire != bytes {
		return nil, fmt.Errorf("field %d has wire type %d, expected a length and bytes", f.num, f.wire)
	}
	return f.body, nil
}

// numbers hands the values of a repeated number, packed or not, to visit. wire
// is the type of one value.
func (f field) numbers(wire wireType, visit func(uint64) error) error {
	if f.wire == wire {
		return visit(f.number)
	}
	if f.wire != bytes {
		return fmt.Errorf("field %d has wire type %d, expected numbers", f.num, f.wire)
	}
	for rest := f.body; len(rest) > 0; {
		v, after, err := one(rest, wire)
		if err != nil {
			return fmt.Errorf("field %d: %w", f.num, err)
		}
		rest = after
		if err := visit(v); err != nil {
			return err
		}
	}
	return nil
}

// dimension checks one size of a tensor.
func dimension(v uint64) (uint32, error) {
	if v > math.MaxUint32 {
		return 0, fmt.Errorf("a dimension of %d, expected 0 to %d", int64(v), uint32(math.MaxUint32))
	}
	return uint32(v), nil
}
