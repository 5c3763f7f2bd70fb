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
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxDepth is how deep messages may be nested: graphs in graphs, types in types.
const maxDepth = 32

// The wire types that ONNX uses.
const (
	varint  = protowire.VarintType
	fixed64 = protowire.Fixed64Type
	bytes   = protowire.BytesType
	fixed32 = protowire.Fixed32Type
)

var errTruncated = errors.New("the message is cut short")

// parseError is what protowire says by a negative length.
func parseError(n int) error {
	err := protowire.ParseError(n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return err
}

// field is one field of a protobuf message: a number or bytes.
type field struct {
	num    uint64
	wire   protowire.Type
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
	num, wire, n := protowire.ConsumeTag(b)
	if n < 0 {
		return f, nil, parseError(n)
	}
	f.num, f.wire, b = uint64(num), wire, b[n:]
	if wire != bytes {
		f.number, rest, err = one(b, wire)
		return f, rest, err
	}
	if f.body, n = protowire.ConsumeBytes(b); n < 0 {
		return f, nil, parseError(n)
	}
	return f, b[n:], nil
}

// one reads a number that is written as wire says.
func one(b []byte, wire protowire.Type) (v uint64, rest []byte, err error) {
	n := 0
	switch wire {
	case varint:
		v, n = protowire.ConsumeVarint(b)
	case fixed32:
		var short uint32
		short, n = protowire.ConsumeFixed32(b)
		v = uint64(short)
	case fixed64:
		v, n = protowire.ConsumeFixed64(b)
	default:
		return 0, nil, fmt.Errorf("wire type %d, which ONNX does not use", wire)
	}
	if n < 0 {
		return 0, nil, parseError(n)
	}
	return v, b[n:], nil
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
func (f field) numbers(wire protowire.Type, visit func(uint64) error) error {
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
