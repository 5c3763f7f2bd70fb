package onnxtest

import (
	"encoding/binary"
	"math"
)

// message is a protobuf message being written. Every method appends one field
// and returns the longer message.
//
// See https://protobuf.dev/programming-guides/encoding/
type message []byte

const (
	wireVarint  = 0
	wireBytes   = 2
	wireFixed32 = 5
)

func (m message) tag(field, wire uint64) message {
	return binary.AppendUvarint(m, field<<3|wire)
}

func (m message) uint(field, v uint64) message {
	return binary.AppendUvarint(m.tag(field, wireVarint), v)
}

func (m message) fixed32(field uint64, v float32) message {
	return binary.LittleEndian.AppendUint32(m.tag(field, wireFixed32), math.Float32bits(v))
}

func (m message) bytes(field uint64, v []byte) message {
	return append(binary.AppendUvarint(m.tag(field, wireBytes), uint64(len(v))), v...)
}

// str leaves an empty string out, as proto3 does.
func (m message) str(field uint64, v string) message {
	if v == "" {
		return m
	}
	return m.bytes(field, []byte(v))
}
