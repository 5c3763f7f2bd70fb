package conv

import "encoding/binary"

// Kernels of four lanes have no masks with which to load a part of a vector. At the
// ends of a row of input they load the nearest vector that is within the row, and move
// its words to their places. Each strip of four columns of output has a record that
// says how; the assembly knows its layout:
//
//   - for each vector that is loaded of a row, up to five, 16 bytes: the places of its
//     bytes in what is loaded, or 255 for a byte of padding;
//   - from byte 80 on, for each of them, an int64: how many bytes behind its own place
//     the vector is that is loaded;
//   - from byte 120 on an int64: how many columns of output there are, up to 4, and 8
//     added where every vector is within the row.
const (
	stripShifts = 80
	stripLanes  = 120
	stripRecord = 128
)

// leastPitch is how many elements a row of input must have for that.
const leastPitch = 4

// addStrip appends the record of a strip with out columns of output or more, whose
// first tap sees column first of the input, of so many.
func (t *depthwiseTables) addStrip(vectors []int, first, columns, out int) {
	record := make([]byte, stripRecord)
	lanes := min(out, 4) + 8
	for i, at := range vectors {
		column := first + at
		loaded := min(max(column, 0), t.pitch-leastPitch)
		if loaded != column || column+4 > columns {
			lanes &= 7
		}
		for j := range 16 {
			record[16*i+j] = 255
			if c := column + j/4; c >= 0 && c < columns {
				record[16*i+j] = byte(4*(c-loaded) + j%4)
			}
		}
		binary.LittleEndian.PutUint64(record[stripShifts+8*i:], uint64(4*(loaded-column)))
	}
	binary.LittleEndian.PutUint64(record[stripLanes:], uint64(lanes))
	t.masks = append(t.masks, record...)
}

// widen copies a plane to rows of a pitch that is more than their length.
func (p *plan) widen(s *scratch, src []float32) []float32 {
	pitch := p.tables.pitch
	wide := s.grow(p.in[1] * pitch)
	clear(wide)
	for i := range p.in[1] {
		copy(wide[i*pitch:], src[i*p.in[2]:][:p.in[2]])
	}
	return wide
}
