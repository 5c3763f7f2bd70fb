package onnxfile

import "math/bits"

// Wire types of protobuf.
//
// See https://protobuf.dev/programming-guides/encoding/#structure
const (
	varint  = 0
	fixed64 = 1
	bytes   = 2
	fixed32 = 5
)

var wireNames = [8]string{"a varint", "8 bytes", "a length and bytes", "a group", "the end of a group", "4 bytes", "wire type 6", "wire type 7"}

// field is one field of a protobuf message.
type field struct {
	num, wire int
	value     uint64 // of varint and the fixed types
	body      []byte // of bytes
	at        int    // offset in the file where body, or else the field, starts
}

// reader reads the fields of one message.
type reader struct {
	rest []byte
	at   int // offset in the file of rest
}

// next reads one field. It is not called at the end of the message.
func (r *reader) next() (field, error) {
	start := r.at
	tag, err := r.uvarint()
	if err != nil {
		return field{}, err
	}
	if tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return field{}, garbage(start, "%d is not a protobuf field number", tag>>3)
	}
	f := field{num: int(tag >> 3), wire: int(tag & 7), at: start}
	switch f.wire {
	case varint:
		f.value, err = r.uvarint()
	case fixed64:
		f.value, err = r.fixed(8)
	case fixed32:
		f.value, err = r.fixed(4)
	case bytes:
		err = r.bytes(&f)
	default:
		err = garbage(start, "field %d is %s, which ONNX does not use", f.num, wireNames[f.wire])
	}
	return f, err
}

func (r *reader) take(n int) []byte {
	b := r.rest[:n]
	r.rest = r.rest[n:]
	r.at += n
	return b
}

func (r *reader) uvarint() (uint64, error) {
	var v uint64
	for i, b := range r.rest {
		if i == 9 && b > 1 {
			return 0, garbage(r.at, "a number has more than 64 bits")
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.take(i + 1)
			return v, nil
		}
	}
	return 0, truncated(r.at, "a number ends after %d bytes", len(r.rest))
}

func (r *reader) fixed(n int) (uint64, error) {
	if len(r.rest) < n {
		return 0, truncated(r.at, "a number of %d bytes ends after %d", n, len(r.rest))
	}
	var v uint64
	for i, b := range r.take(n) {
		v |= uint64(b) << (8 * i)
	}
	return v, nil
}

func (r *reader) bytes(f *field) error {
	n, err := r.uvarint()
	if err != nil {
		return err
	}
	if n > uint64(len(r.rest)) {
		return truncated(f.at, "field %d takes %d bytes, %d are left", f.num, n, len(r.rest))
	}
	f.at = r.at
	f.body = r.take(int(n))
	return nil
}

// mulAtMost returns a*b, or limit+1 when that is more than limit.
func mulAtMost(a, b, limit uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 || lo > limit {
		return limit + 1
	}
	return lo
}
