package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

const (
	pictureSide   = 28
	pictureValues = pictureSide * pictureSide

	// Pictures wider or higher than this are refused.
	maxSide = 28 * 1024
)

var errNotPGM = errors.New("not a binary PGM file")

// readPicture reads a binary PGM file (P5, maxval 255) whose width and height are
// multiples of 28, and makes 28x28 values of it, row-major: each is 1 - mean/255
// over a box of pixels, so that paper is 0 and ink is 1.
func readPicture(path string) ([pictureValues]float32, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return [pictureValues]float32{}, errors.New("cannot be read")
	}
	return decodePicture(content)
}

func decodePicture(content []byte) (values [pictureValues]float32, err error) {
	rest, ok := bytes.CutPrefix(content, []byte("P5"))
	if !ok || len(rest) == 0 || !isBlank(rest[0]) {
		return values, errNotPGM
	}
	var header [3]int
	for i := range header {
		if header[i], rest, ok = cutNumber(rest); !ok {
			return values, errNotPGM
		}
	}
	width, height, maxval := header[0], header[1], header[2]
	if !isGoodSide(width) || !isGoodSide(height) {
		return values, fmt.Errorf("width and height have to be multiples of %d up to %d, not %dx%d", pictureSide, maxSide, width, height)
	}
	if maxval != 255 {
		return values, fmt.Errorf("maxval has to be 255, not %d", maxval)
	}
	if len(rest) < width*height {
		return values, fmt.Errorf("%d of %d pixels are missing", width*height-len(rest), width*height)
	}

	boxWidth, boxHeight := width/pictureSide, height/pictureSide
	white := 255 * float64(boxWidth) * float64(boxHeight)
	for i := range values {
		var sum uint64
		for y := range boxHeight {
			row := (i/pictureSide*boxHeight+y)*width + i%pictureSide*boxWidth
			for _, pixel := range rest[row : row+boxWidth] {
				sum += uint64(pixel)
			}
		}
		values[i] = float32(1 - float64(sum)/white)
	}
	return values, nil
}

func isGoodSide(side int) bool { return side > 0 && side <= maxSide && side%pictureSide == 0 }

// isBlank tells whether a byte is one of C's white space, which is what PGM
// means by it.
func isBlank(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }

// cutNumber cuts a decimal number off the text: the blanks and comments before
// it, and the one blank after it.
func cutNumber(text []byte) (number int, rest []byte, ok bool) {
	for len(text) > 0 && (isBlank(text[0]) || text[0] == '#') {
		skip := 1
		if text[0] == '#' {
			if skip = bytes.IndexAny(text, "\n\r"); skip < 0 {
				return 0, nil, false
			}
		}
		text = text[skip:]
	}
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	number, err := strconv.Atoi(string(text[:digits]))
	if err != nil || number > 1e6 || digits == len(text) || !isBlank(text[digits]) {
		return 0, nil, false
	}
	return number, text[digits+1:], true
}
