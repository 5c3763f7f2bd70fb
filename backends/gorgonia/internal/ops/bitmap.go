package ops

import (
	"bytes"
	endian "encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
)

// bitmap reads files that hold pixels as they are: BMP of 24 or 32 bits a pixel, and
// binary PGM and PPM. Its size is never larger than the file's.
func bitmap(file []byte) (image.Image, error) {
	switch {
	case bytes.HasPrefix(file, []byte("BM")):
		return readBMP(file)
	case bytes.HasPrefix(file, []byte("P5")):
		return readPNM(file, 1)
	case bytes.HasPrefix(file, []byte("P6")):
		return readPNM(file, 3)
	}
	return nil, image.ErrFormat
}

// pixels is an image of rows of bytes.
type pixels struct {
	data             []byte
	width, height    int
	row, size        int // bytes of a row, and of a pixel
	red, green, blue int // where in a pixel
	upward           bool
}

func (p *pixels) ColorModel() color.Model { return color.NRGBAModel }
func (p *pixels) Bounds() image.Rectangle { return image.Rect(0, 0, p.width, p.height) }
func (p *pixels) At(x, y int) color.Color {
	if p.upward {
		y = p.height - 1 - y
	}
	c := p.data[y*p.row+x*p.size:]
	return color.NRGBA{R: c[p.red], G: c[p.green], B: c[p.blue], A: 0xff}
}

// fit checks that the file has all rows.
func (p *pixels) fit() error {
	if p.width < 1 || p.height < 1 || p.width > len(p.data) || p.height > len(p.data) {
		return fmt.Errorf("an image of %d by %d pixels in %d bytes", p.width, p.height, len(p.data))
	}
	p.row = max(p.row, p.width*p.size)
	if need := uint64(p.row)*uint64(p.height-1) + uint64(p.width*p.size); need > uint64(len(p.data)) {
		return fmt.Errorf("an image of %d by %d pixels takes %d bytes, found %d", p.width, p.height, need, len(p.data))
	}
	return nil
}

func readBMP(file []byte) (image.Image, error) {
	if len(file) < 54 {
		return nil, io.ErrUnexpectedEOF
	}
	start, bits := endian.LittleEndian.Uint32(file[10:]), endian.LittleEndian.Uint16(file[28:])
	width, height := int32(endian.LittleEndian.Uint32(file[18:])), int32(endian.LittleEndian.Uint32(file[22:]))
	packing := endian.LittleEndian.Uint32(file[30:])
	if bits != 24 && bits != 32 || packing != 0 && packing != 3 || uint64(start) > uint64(len(file)) {
		return nil, errors.New("a BMP file of this kind is not read, only of 24 or 32 bits a pixel")
	}
	p := &pixels{data: file[start:], width: int(width), height: int(height), size: int(bits) / 8, red: 2, green: 1, upward: height > 0}
	if p.height < 0 {
		p.height = -p.height
	}
	if p.width > 0 && p.width <= len(file) {
		p.row = (p.width*p.size + 3) &^ 3
	}
	return p, p.fit()
}

func readPNM(file []byte, size int) (image.Image, error) {
	in := bytes.NewReader(file[2:])
	var v [3]int
	for i := range v {
		if err := pnmNumber(in, &v[i]); err != nil {
			return nil, err
		}
	}
	if v[2] != 255 {
		return nil, fmt.Errorf("a PNM file of values up to %d is not read, only up to 255", v[2])
	}
	p := &pixels{data: file[len(file)-in.Len():], width: v[0], height: v[1], size: size, green: size / 2, blue: size - 1}
	return p, p.fit()
}

// pnmNumber reads a number, and the one character behind it.
func pnmNumber(in *bytes.Reader, v *int) error {
	digits, comment := 0, false
	for {
		c, err := in.ReadByte()
		switch {
		case err != nil:
			return io.ErrUnexpectedEOF
		case comment:
			comment = c != '\n'
		case c >= '0' && c <= '9' && digits < 9:
			*v = *v*10 + int(c-'0')
			digits++
		case digits > 0:
			return nil
		case c == '#':
			comment = true
		case c != ' ' && c != '\n' && c != '\t' && c != '\r':
			return errors.New("a PNM file has something else than numbers in its head")
		}
	}
}
