package abi

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
)

// utf16Tag marks the length of a latin1+utf16 string that is in utf16.
const utf16Tag = 1 << 31

// String is the codec of string. A string lifted for a host function is a view
// of guest memory when the guest's strings are utf8: good for the call, and to
// be cloned to be kept.
var String stringCodec

type stringCodec struct{}

func (stringCodec) Type() types.ValType { return types.String }
func (stringCodec) Align() uint32       { return 4 }
func (stringCodec) Size() uint32        { return 8 }
func (stringCodec) Flat() int           { return 2 }

func (stringCodec) Load(cx *Context, b []byte) (string, error) {
	return cx.loadString(loadPair(b))
}

func (stringCodec) LiftFlat(cx *Context, vi *CoreValues) (string, error) {
	ptr := uint32(vi.Next())
	return cx.loadString(ptr, uint32(vi.Next()))
}

func (stringCodec) Store(cx *Context, v string, ptr uint32) error {
	begin, n, err := cx.storeString(v)
	if err == nil {
		storePair(cx.memory(), ptr, begin, n)
	}
	return err
}

func (stringCodec) LowerFlat(cx *Context, v string, vo *CoreValues) error {
	begin, n, err := cx.storeString(v)
	vo.Put(uint64(begin))
	vo.Put(uint64(n))
	return err
}

// stringForm is how one string lies in memory: utf8, utf16, or latin1, which a
// latin1+utf16 string may be.
type stringForm uint8

const (
	formUTF8 stringForm = iota
	formUTF16
	formLatin1
)

// stringRange checks a guest's string and returns its bytes and their form.
//
// It traps when the string is longer than 2^28-1 bytes, when ptr is not
// aligned, or when the range leaves memory.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#loading
func (cx *Context) stringRange(ptr, taggedCodeUnits uint32) ([]byte, stringForm, error) {
	var align uint32 = 2
	n, form := uint64(taggedCodeUnits), formLatin1
	switch {
	case cx.Opts.StringEncoding == UTF8:
		align, form = 1, formUTF8
	case cx.Opts.StringEncoding == UTF16:
		n, form = 2*n, formUTF16
	case taggedCodeUnits&utf16Tag != 0:
		n, form = 2*(n^utf16Tag), formUTF16
	}
	if n > layout.MaxByteLength {
		return nil, 0, trapf(TrapTooLong, "string of %d bytes, want at most %d", n, uint64(layout.MaxByteLength))
	}
	b, err := cx.view(ptr, n, align, "string")
	if err != nil {
		return nil, 0, err
	}
	return b, form, cx.charge(n)
}

// loadString is the spec's load_string_from_range.
func (cx *Context) loadString(ptr, taggedCodeUnits uint32) (string, error) {
	if n := uint64(taggedCodeUnits); cx.views && cx.Opts.StringEncoding == UTF8 && n <= min(layout.MaxByteLength, uint64(cx.budget)) {
		// A view of utf8, the usual case: nothing but the check.
		if m := cx.memory(); uint64(ptr)+n <= uint64(len(m)) {
			b := m[ptr : uint64(ptr)+n]
			if s := unsafe.String(unsafe.SliceData(b), len(b)); validUTF8(s) {
				cx.budget -= int64(n)
				return s, nil
			}
		}
	}
	return cx.loadAnyString(ptr, taggedCodeUnits)
}

// loadSpilledString lifts a function's result, whose pointer and length are in
// memory at at.
func (cx *Context) loadSpilledString(at uint32) (string, error) {
	b, err := cx.view(at, 8, 4, spilled)
	if err != nil {
		return "", err
	}
	return cx.loadString(loadPair(b))
}

// loadAnyString is loadString for every encoding, and for strings that trap.
func (cx *Context) loadAnyString(ptr, taggedCodeUnits uint32) (string, error) {
	b, form, err := cx.stringRange(ptr, taggedCodeUnits)
	if err != nil {
		return "", err
	}
	switch form {
	case formUTF16:
		return cx.decodeUTF16(b)
	case formLatin1:
		return cx.decodeLatin1(b)
	}
	s := unsafe.String(unsafe.SliceData(b), len(b))
	if !validUTF8(s) {
		return "", invalidUTF8(b)
	}
	if !cx.views {
		s = strings.Clone(s)
	}
	return s, nil
}

// validUTF8 is utf8.ValidString, but quicker with names and other short texts,
// most of which are 8 to 16 bytes of ascii: two words that may overlap.
func validUTF8(s string) bool {
	const high = 0x8080808080808080
	if n := len(s); n >= 8 && n <= 16 {
		b := unsafe.Slice(unsafe.StringData(s), n)
		if (le.Uint64(b)|le.Uint64(b[n-8:]))&high == 0 {
			return true
		}
	}
	return utf8.ValidString(s)
}

// invalidUTF8 is the trap for b, telling bytes that are wrong from ones that
// are missing at the end.
func invalidUTF8(b []byte) error {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			if !utf8.FullRune(b[i:]) {
				return trapf(TrapEncoding, "incomplete utf-8 byte sequence from byte %d of %d", i, len(b))
			}
			return trapf(TrapEncoding, "invalid utf-8 at byte %d of %d: 0x%x", i, len(b), b[i])
		}
		i += n
	}
	return trapf(TrapEncoding, "invalid utf-8")
}

// decodeUTF16 decodes utf16 without lone surrogates.
func (cx *Context) decodeUTF16(b []byte) (string, error) {
	n, err := utf16ToUTF8Len(b)
	if err != nil {
		return "", err
	}
	if err := cx.charge(uint64(n)); err != nil {
		return "", err
	}
	out := make([]byte, 0, n)
	for i := 0; i < len(b); {
		r, w := utf16Rune(b[i:])
		out = utf8.AppendRune(out, r)
		i += w
	}
	return unsafe.String(unsafe.SliceData(out), len(out)), nil
}

// utf16Rune decodes the first character of b, which is not empty, and its
// width in bytes; r is utf8.RuneError with width 2 for a lone surrogate, or for
// U+FFFD itself.
func utf16Rune(b []byte) (r rune, width int) {
	r = rune(le.Uint16(b))
	if !utf16.IsSurrogate(r) {
		return r, 2
	}
	if len(b) >= 4 {
		if r2 := utf16.DecodeRune(r, rune(le.Uint16(b[2:]))); r2 != utf8.RuneError {
			return r2, 4
		}
	}
	return utf8.RuneError, 2
}

// utf16ToUTF8Len is the length of b's text in utf8; a lone surrogate traps.
func utf16ToUTF8Len(b []byte) (n int, err error) {
	for i := 0; i < len(b); {
		r, w := utf16Rune(b[i:])
		if r == utf8.RuneError && utf16.IsSurrogate(rune(le.Uint16(b[i:]))) {
			return 0, trapf(TrapEncoding, "invalid utf-16: lone surrogate 0x%x at code unit %d", le.Uint16(b[i:]), i/2)
		}
		n += utf8.RuneLen(r)
		i += w
	}
	return n, nil
}

// decodeLatin1 decodes latin1, where every byte is a character.
func (cx *Context) decodeLatin1(b []byte) (string, error) {
	n := latin1ToUTF8Len(b)
	if err := cx.charge(uint64(n)); err != nil {
		return "", err
	}
	out := make([]byte, 0, n)
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return unsafe.String(unsafe.SliceData(out), len(out)), nil
}

func latin1ToUTF8Len(b []byte) int {
	n := len(b)
	for _, c := range b {
		n += int(c >> 7)
	}
	return n
}

// storeString is the spec's store_string_into_range for a string of the host,
// which is utf8.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#storing
func (cx *Context) storeString(s string) (ptr, taggedCodeUnits uint32, err error) {
	if len(s) > layout.MaxByteLength || !validUTF8(s) {
		return 0, 0, unfit(s, true)
	}
	if cx.Opts.StringEncoding == UTF8 {
		ptr, b, err := cx.place(0, 0, 1, uint32(len(s)))
		copy(b, s)
		return ptr, uint32(len(s)), err
	}
	return cx.storeSource(source{form: formUTF8, text: s})
}

// storeSource lowers a valid string of any form, as each pair of encodings
// prescribes.
func (cx *Context) storeSource(s source) (ptr, taggedCodeUnits uint32, err error) {
	switch cx.Opts.StringEncoding {
	case UTF8:
		switch s.form {
		case formUTF16:
			return cx.storeToUTF8(s, 3*s.codeUnits())
		case formLatin1:
			return cx.storeToUTF8(s, 2*s.codeUnits())
		}
		return cx.storeCopy(s, 1)
	case UTF16:
		switch s.form {
		case formUTF8:
			return cx.storeUTF8ToUTF16(s)
		case formLatin1:
			return cx.storeLatin1ToUTF16(s)
		}
		return cx.storeCopy(s, 2)
	}
	switch {
	case !s.compact:
		return cx.storeToLatin1OrUTF16(s)
	case s.form == formLatin1:
		return cx.storeCopy(s, 2)
	}
	return cx.storeProbablyUTF16(s)
}

// storeCopy is the spec's store_string_copy between equal forms.
func (cx *Context) storeCopy(s source, align uint32) (ptr, codeUnits uint32, err error) {
	ptr, err = cx.Allocate(align, uint32(len(s.text)))
	if err != nil {
		return 0, 0, err
	}
	copy(cx.memory()[ptr:], s.text)
	return ptr, s.codeUnits(), nil
}

// storeToUTF8 hopes for ascii, and makes room for the worst case at the first
// character that is not.
func (cx *Context) storeToUTF8(s source, worst uint32) (ptr, n uint32, err error) {
	units := s.codeUnits()
	ptr, err = cx.Allocate(1, units)
	if err != nil {
		return 0, 0, err
	}
	b := cx.memory()[ptr : uint64(ptr)+uint64(units)]
	i := 0
	for i < len(s.text) {
		r, w := s.next(i)
		if r >= utf8.RuneSelf {
			break
		}
		b[n] = byte(r)
		n++
		i += w
	}
	if i == len(s.text) {
		return ptr, n, nil
	}
	if ptr, err = cx.reallocate(ptr, units, 1, worst); err != nil {
		return 0, 0, err
	}
	b = cx.memory()[ptr : uint64(ptr)+uint64(worst)]
	for i < len(s.text) {
		r, w := s.next(i)
		n += uint32(utf8.EncodeRune(b[n:], r))
		i += w
	}
	if n < worst {
		ptr, err = cx.reallocate(ptr, worst, 1, n)
	}
	return ptr, n, err
}

// storeLatin1ToUTF16 widens every byte.
func (cx *Context) storeLatin1ToUTF16(s source) (ptr, codeUnits uint32, err error) {
	size := 2 * s.codeUnits()
	ptr, err = cx.Allocate(2, size)
	if err != nil {
		return 0, 0, err
	}
	putUTF16(cx.memory()[ptr:uint64(ptr)+uint64(size)], s)
	return ptr, s.codeUnits(), nil
}

// storeProbablyUTF16 is for utf16 from a latin1+utf16 memory: it stays utf16
// unless every character would fit in a byte.
func (cx *Context) storeProbablyUTF16(s source) (ptr, taggedCodeUnits uint32, err error) {
	size := uint32(len(s.text))
	if ptr, _, err = cx.storeCopy(s, 2); err != nil {
		return 0, 0, err
	}
	b := cx.memory()[ptr : uint64(ptr)+uint64(size)]
	for i := uint32(1); i < size; i += 2 {
		if b[i] != 0 {
			return ptr, size/2 | utf16Tag, nil
		}
	}
	for i := range size / 2 {
		b[i] = b[2*i]
	}
	ptr, err = cx.reallocate(ptr, size, 1, size/2)
	return ptr, size / 2, err
}

// storeUTF8ToUTF16 allocates for the worst case, all ascii, and gives back
// what is too much.
func (cx *Context) storeUTF8ToUTF16(s source) (ptr, codeUnits uint32, err error) {
	worst := 2 * s.codeUnits()
	ptr, err = cx.Allocate(2, worst)
	if err != nil {
		return 0, 0, err
	}
	n := putUTF16(cx.memory()[ptr:uint64(ptr)+uint64(worst)], s)
	if n < worst {
		ptr, err = cx.reallocate(ptr, worst, 2, n)
	}
	return ptr, n / 2, err
}

// source is a string on its way into memory, in any form, already validated.
type source struct {
	form    stringForm
	compact bool   // it comes from a latin1+utf16 memory
	text    string // the bytes, in that form
}

// codeUnits is the number of the source's code units.
func (s source) codeUnits() uint32 {
	if s.form == formUTF16 {
		return uint32(len(s.text) / 2)
	}
	return uint32(len(s.text))
}

// next decodes the character at byte i and its width in bytes.
func (s source) next(i int) (r rune, width int) {
	switch s.form {
	case formUTF8:
		return utf8.DecodeRuneInString(s.text[i:])
	case formLatin1:
		return rune(s.text[i]), 1
	}
	return utf16Rune(unsafe.Slice(unsafe.StringData(s.text), len(s.text))[i:])
}

// putUTF16 writes s to b as utf16 and returns the number of bytes.
func putUTF16(b []byte, s source) (n uint32) {
	for i := 0; i < len(s.text); {
		r, w := s.next(i)
		i += w
		if r < 0x10000 {
			le.PutUint16(b[n:], uint16(r))
			n += 2
			continue
		}
		hi, lo := utf16.EncodeRune(r)
		le.PutUint16(b[n:], uint16(hi))
		le.PutUint16(b[n+2:], uint16(lo))
		n += 4
	}
	return n
}

// storeToLatin1OrUTF16 hopes for latin1, a byte per character, and widens what
// was written to utf16 at the first character above U+00FF.
func (cx *Context) storeToLatin1OrUTF16(s source) (ptr, taggedCodeUnits uint32, err error) {
	units := s.codeUnits()
	ptr, err = cx.Allocate(2, units)
	if err != nil {
		return 0, 0, err
	}
	b := cx.memory()[ptr:]
	var n uint32
	for i := 0; i < len(s.text); {
		r, w := s.next(i)
		if r >= 1<<8 {
			return cx.widenToUTF16(ptr, n, source{form: s.form, text: s.text[i:]}, units)
		}
		b[n] = byte(r)
		n++
		i += w
	}
	if n < units {
		ptr, err = cx.reallocate(ptr, units, 2, n)
	}
	return ptr, n, err
}

// widenToUTF16 turns the n latin1 bytes at ptr into utf16 and appends rest.
// units are the code units of the whole source.
func (cx *Context) widenToUTF16(ptr, n uint32, rest source, units uint32) (uint32, uint32, error) {
	worst := 2 * units
	ptr, err := cx.reallocate(ptr, units, 2, worst)
	if err != nil {
		return 0, 0, err
	}
	b := cx.memory()[ptr : uint64(ptr)+uint64(worst)]
	for j := int(n) - 1; j >= 0; j-- {
		b[2*j], b[2*j+1] = b[j], 0
	}
	size := 2*n + putUTF16(b[2*n:], rest)
	if size < worst {
		if ptr, err = cx.reallocate(ptr, worst, 2, size); err != nil {
			return 0, 0, err
		}
	}
	return ptr, size/2 | utf16Tag, nil
}
