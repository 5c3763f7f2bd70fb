package corebin

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Error says where reading stopped, and why.
type Error struct {
	Offset int // in bytes from the start of the input, at most its length
	Msg    string
}

// Error returns the message and the offset.
func (e *Error) Error() string { return fmt.Sprintf("%s (at %#x)", e.Msg, e.Offset) }

func errorAt(offset int, format string, args ...any) *Error {
	return &Error{offset, fmt.Sprintf(format, args...)}
}

// cursor reads a core module. Its first error sticks; reads after it return
// zero values and stay where they are.
type cursor struct {
	data []byte // up to the end of what may be read
	pos  int
	err  error
}

// fail records an error at an offset unless one is recorded already.
func (c *cursor) fail(offset int, format string, args ...any) {
	if c.err == nil {
		c.err = errorAt(offset, format, args...)
	}
}

func (c *cursor) byte() byte {
	if c.err != nil {
		return 0
	}
	if c.pos >= len(c.data) {
		c.fail(c.pos, "ends where a byte was expected")
		return 0
	}
	c.pos++
	return c.data[c.pos-1]
}

// take steps over n bytes and returns where they start.
func (c *cursor) take(n uint64) int {
	start := c.pos
	if c.err != nil {
		return start
	}
	if n > uint64(len(c.data)-c.pos) {
		c.fail(c.pos, "%d bytes were expected, %d remain", n, len(c.data)-c.pos)
		return start
	}
	c.pos += int(n)
	return start
}

// unsigned reads a LEB128 number of at most width bits.
func (c *cursor) unsigned(width uint) uint64 {
	start := c.pos
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := c.byte()
		if c.err != nil {
			return 0
		}
		if shift+7 > width && b>>(width-shift) != 0 {
			c.fail(start, "number has more than %d bits", width)
			return 0
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

// signed reads a signed LEB128 number of at most width bits.
func (c *cursor) signed(width uint) int64 {
	start := c.pos
	var v int64
	for shift := uint(0); ; {
		b := c.byte()
		if c.err != nil {
			return 0
		}
		v |= int64(b&0x7f) << shift
		if shift+7 >= width {
			// The bits above the sign have to repeat it.
			rest := int8(b<<1) >> (width - shift)
			if b >= 0x80 || rest != 0 && rest != -1 {
				c.fail(start, "number has more than %d bits", width)
				return 0
			}
		}
		shift += 7
		if b < 0x80 {
			if shift < 64 && b&0x40 != 0 {
				v |= -1 << shift
			}
			return v
		}
	}
}

func (c *cursor) u32() uint32 { return uint32(c.unsigned(32)) }
func (c *cursor) s33() int64  { return c.signed(33) }
func (c *cursor) s64() int64  { return c.signed(64) }

// count reads the length of a vector whose items take at least least bytes.
func (c *cursor) count(least int) uint32 {
	at := c.pos
	n := c.u32()
	if c.err == nil && uint64(n)*uint64(least) > uint64(len(c.data)-c.pos) {
		c.fail(at, "vector of %d items in %d bytes", n, len(c.data)-c.pos)
	}
	if c.err != nil {
		return 0
	}
	return n
}

func (c *cursor) name() string {
	at := c.pos
	n := c.u32()
	start := c.take(uint64(n))
	if c.err != nil {
		return ""
	}
	b := c.data[start:c.pos]
	if !utf8.Valid(b) {
		c.fail(at, "name is not UTF-8")
		return ""
	}
	return string(b)
}

// valType steps over a value or reference type.
func (c *cursor) valType() {
	at := c.pos
	switch b := c.byte(); {
	case c.err != nil:
	case b == 0x63, b == 0x64: // (ref null ht), (ref ht)
		c.s33()
	case b < 0x69 || b > 0x7f:
		c.fail(at, "unknown value type %#x", b)
	}
}

// blockType steps over a block type: a value type, a type index or nothing.
func (c *cursor) blockType() int64 {
	if c.err == nil && c.pos < len(c.data) && (c.data[c.pos] == 0x63 || c.data[c.pos] == 0x64) {
		c.valType()
		return -1
	}
	return c.s33()
}

func (c *cursor) limits() {
	flags := c.byte()
	c.unsigned(64)
	if flags&1 != 0 {
		c.unsigned(64)
	}
}

func (c *cursor) tableType() {
	c.valType()
	c.limits()
}

// memArg steps over an alignment and an offset, and over the memory's index
// where the alignment's bit 6 says that there is one.
func (c *cursor) memArg() {
	if c.u32()&0x40 != 0 {
		c.u32()
	}
	c.unsigned(64)
}

func appendU32(b []byte, v uint32) []byte { return binary.AppendUvarint(b, uint64(v)) }

func appendS32(b []byte, v int32) []byte {
	for v < -0x40 || v > 0x3f {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}

func appendSection(b []byte, id byte, payload []byte) []byte {
	return append(appendU32(append(b, id), uint32(len(payload))), payload...)
}
