package corebin

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Reader reads the values that core modules and components share from a range
// of an input. Offsets count from the start of the whole input, so that a
// reader of one section reports where in the file an error stands.
type Reader struct {
	input    []byte
	pos, end int
}

// NewReader returns a reader of the whole input.
func NewReader(input []byte) *Reader { return &Reader{input: input, end: len(input)} }

// Pos returns the offset of the next byte.
func (r *Reader) Pos() int { return r.pos }

// Len returns the number of bytes that remain.
func (r *Reader) Len() int { return r.end - r.pos }

// Errorf returns an *[Error] at the offset of the next byte.
func (r *Reader) Errorf(format string, args ...any) error {
	return r.ErrorAt(r.pos, format, args...)
}

// ErrorAt returns an *[Error] at an offset.
func (r *Reader) ErrorAt(offset int, format string, args ...any) error {
	return errorAt(offset, format, args...)
}

// Sub returns a reader of the next n bytes and moves behind them.
func (r *Reader) Sub(n uint32) (*Reader, error) {
	if uint64(n) > uint64(r.Len()) {
		return nil, r.Errorf("unexpected end: %d bytes announced, %d remain", n, r.Len())
	}
	s := &Reader{input: r.input, pos: r.pos, end: r.pos + int(n)}
	r.pos = s.end
	return s, nil
}

// Rest returns the bytes that remain, a slice of the input, and moves to the end.
func (r *Reader) Rest() []byte {
	b := r.input[r.pos:r.end:r.end]
	r.pos = r.end
	return b
}

// End returns an error when bytes remain.
func (r *Reader) End() error {
	if r.Len() != 0 {
		return r.Errorf("%d bytes remain after the end of the contents", r.Len())
	}
	return nil
}

// Byte reads one byte.
func (r *Reader) Byte() (byte, error) {
	if r.pos >= r.end {
		return 0, r.Errorf("unexpected end: one byte expected")
	}
	b := r.input[r.pos]
	r.pos++
	return b, nil
}

// Peek returns the next byte without moving behind it; ok is false at the end.
func (r *Reader) Peek() (b byte, ok bool) {
	if r.pos >= r.end {
		return 0, false
	}
	return r.input[r.pos], true
}

// Bytes reads n bytes: a slice of the input, not a copy.
func (r *Reader) Bytes(n uint32) ([]byte, error) {
	s, err := r.Sub(n)
	if err != nil {
		return nil, err
	}
	return s.Rest(), nil
}

// Expect reads one byte that must be want; what names it in the error.
func (r *Reader) Expect(want byte, what string) error {
	b, err := r.Byte()
	if err != nil {
		return err
	}
	if b != want {
		return r.ErrorAt(r.pos-1, "%s: found 0x%02x, expected 0x%02x", what, b, want)
	}
	return nil
}

// Flag reads a byte that is 0 or 1.
func (r *Reader) Flag(what string) (bool, error) {
	b, err := r.Byte()
	if err != nil {
		return false, err
	}
	if b > 1 {
		return false, r.ErrorAt(r.pos-1, "%s: found 0x%02x, expected 0x00 or 0x01", what, b)
	}
	return b == 1, nil
}

// U32 reads an unsigned LEB128 number of at most 32 bits.
func (r *Reader) U32() (uint32, error) {
	v, err := r.unsigned(32)
	return uint32(v), err
}

// U64 reads an unsigned LEB128 number of at most 64 bits.
func (r *Reader) U64() (uint64, error) { return r.unsigned(64) }

// S33 reads a signed LEB128 number of at most 33 bits, as type codes are.
func (r *Reader) S33() (int64, error) { return r.signed(33) }

func (r *Reader) unsigned(bits uint) (uint64, error) {
	start := r.pos
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b, err := r.Byte()
		if err != nil {
			return 0, r.ErrorAt(start, "unexpected end inside an integer")
		}
		if left := bits - shift; left < 7 && b&0x7f>>left != 0 {
			return 0, r.ErrorAt(start, "integer too large for %d bits", bits)
		}
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return v, nil
		}
		if shift+7 >= bits {
			return 0, r.ErrorAt(start, "integer of %d bits is written in too many bytes", bits)
		}
	}
}

func (r *Reader) signed(bits uint) (int64, error) {
	start := r.pos
	var v int64
	for shift := uint(0); ; shift += 7 {
		b, err := r.Byte()
		if err != nil {
			return 0, r.ErrorAt(start, "unexpected end inside an integer")
		}
		low := int64(b & 0x7f)
		if left := bits - shift; left < 7 {
			// The bits beyond the number's width must repeat its sign.
			if sign := int64(int8(b<<1)) >> 1 >> (left - 1); sign != 0 && sign != -1 {
				return 0, r.ErrorAt(start, "integer too large for %d bits", bits)
			}
		}
		v |= low << shift
		if b&0x80 == 0 {
			if shift += 7; shift < 64 && b&0x40 != 0 {
				v |= -1 << shift
			}
			return v, nil
		}
		if shift+7 >= bits {
			return 0, r.ErrorAt(start, "integer of %d bits is written in too many bytes", bits)
		}
	}
}

// Count reads the length of a vector whose elements take at least minBytes
// bytes each, so that what is allocated for it is linear in the input.
func (r *Reader) Count(minBytes int) (int, error) {
	start := r.pos
	n, err := r.U32()
	if err != nil {
		return 0, err
	}
	if uint64(n)*uint64(minBytes) > uint64(r.Len()) {
		return 0, r.ErrorAt(start, "unexpected end: a vector of %d elements announced, %d bytes remain", n, r.Len())
	}
	return int(n), nil
}

// MaxNameLength is how many bytes a name may have. The format has no limit;
// engines on the web have this one, and it keeps messages with names short.
const MaxNameLength = 100_000

// Name reads a length and so many bytes of UTF-8.
func (r *Reader) Name() (string, error) {
	n, err := r.U32()
	if err != nil {
		return "", err
	}
	start := r.pos
	if n > MaxNameLength {
		return "", r.ErrorAt(start, "name of %d bytes, at most %d are possible", n, MaxNameLength)
	}
	b, err := r.Bytes(n)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", r.ErrorAt(start, "malformed UTF-8 in a name of %d bytes", n)
	}
	return string(b), nil
}

// OffsetOf returns the offset of the *[Error] that err wraps, or 0.
func OffsetOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Offset
	}
	return 0
}

// Vec reads a vector: its length, then each element with read, which consumes
// at least minBytes bytes. what names an element in errors.
func Vec[T any](r *Reader, minBytes int, what string, read func(*Reader) (T, error)) ([]T, error) {
	n, err := r.Count(minBytes)
	if err != nil {
		return nil, fmt.Errorf("%ss: %w", what, err)
	}
	if n == 0 {
		return nil, nil
	}
	v := make([]T, n)
	for i := range v {
		if v[i], err = read(r); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", what, i, err)
		}
	}
	return v, nil
}
