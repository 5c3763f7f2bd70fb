package conv

import (
	"unsafe"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// vectors is in how many parts, each of as many channels as kernels that go across
// have lanes, a group's output is cut.
func (c *Conv) vectors() int { return (c.outC + c.kern.cols() - 1) / c.kern.cols() }

// betterAcross says whether to go across channels, for a block of positions outputs
// that lie among so many columns. Columns fill vectors badly where rows are short;
// channels fill them where they are many, but their sums have to be transposed.
func (c *Conv) betterAcross(columns, positions int) bool {
	if c.kern.across == nil || c.outC < c.kern.lanes {
		return false // fewer channels than that would be mostly zeros
	}
	const transposing = 30 // steps that take as long
	lanes := c.kern.lanes
	along := float64(positions) / float64((columns+lanes-1)/lanes*lanes)
	across := float64(c.outC) / float64(c.vectors()*c.kern.cols()) * float64(c.steps) / float64(c.steps+transposing)
	return across > 1.03*along
}

// packAcross makes, of the weights by tiles, those for each vector of channels: the
// steps one after the other, and 0 for the channels that the last lacks.
func (c *Conv) packAcross() []float32 {
	lanes := c.kern.cols()
	packed := make([]float32, c.groups*c.vectors()*lanes*c.steps)
	for g := range c.groups {
		for t := range c.tiles() {
			first, rows := c.tile(t)
			from := c.tileWeights(g, t)
			for r := range rows {
				channel := first + r
				to := packed[(g*c.vectors()+channel/lanes)*lanes*c.steps+channel%lanes:]
				for s := range c.steps {
					to[s*lanes] = from[s*rows+r]
				}
			}
		}
	}
	return packed
}

// multiplyAcross computes the sums of vector v of channels for all columns of b that
// are outputs: lanes sums for each.
func (r *run) multiplyAcross(planes, sums []float32, b *block, v int) {
	c, p := r.conv, r.plan
	lanes := c.kern.cols()
	weights := &c.across()[(b.g*c.vectors()+v)*lanes*c.steps]
	offsets := unsafe.SliceData(p.offsets)
	tiles, size := even(b.cols, len(c.kern.across))
	for row := range b.rows {
		for t := range tiles {
			first := t * size
			n := min(size, b.cols-first)
			c.kern.across[n-1](c.steps, offsets, weights, &planes[row*p.width+first], &sums[(row*b.cols+first)*lanes], lanes)
		}
	}
}

// finishAcross transposes the sums of vector v of channels, and writes them to the
// output.
func (r *run) finishAcross(s *scratch, sums []float32, b *block, v int) {
	c := r.conv
	lanes, positions := c.kern.cols(), b.rows*b.cols
	first := v * lanes
	channels := min(lanes, c.outC-first)
	turned := sums[positions*lanes:]
	vec.Transpose(turned, positions, sums, lanes, positions, channels)
	for i := range channels {
		r.finishChannel(s, turned[i*positions:], b.cols, b, b.g*c.outC+first+i)
	}
}
