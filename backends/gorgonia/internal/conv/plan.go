package conv

import (
	"fmt"
	"slices"
)

// A plan is how a convolution goes about an input of one spatial shape.
//
// The output is cut in blocks of rows and columns. For a block, the input that it
// needs is copied to planes, one for each input channel, each depth of the kernel,
// and each phase of the strides that a tap falls on. A plane holds rows of width
// elements with their padding:
//
//	plane[r*width+q] = src[(oh0+r)*stride_h + phase_h - pad_h][(ow0+q)*stride_w + phase_w - pad_w]
//
// so that element (oh, ow) of the block meets tap (kh, kw) at
// plane[(oh+row)*width + ow+column], where row and column belong to the tap. Columns
// of all rows are thus computed as one long row, of which the last width-cols of
// each row of output mean nothing.
type plan struct {
	shape   []int // as it was given
	in, out [3]int

	apart bool // taps one by one, without planes

	// direct reads the input where it is: each channel is a plane. The spatial dimensions
	// are then one.
	direct bool

	across bool // vectors are of channels, not of columns
	flat   bool // columns of a block are one row of the output, and tiles write there

	tables depthwiseTables // of a depthwise convolution

	rows, cols             int // of a block of output; the last ones may be smaller
	rowBlocks, colBlocks   int
	width                  int // of a row of a plane
	extraRows, extraCols   int // what a plane has more than a block, for the taps
	phases                 [][2]int
	planeStride            int // from one plane to the next
	tail                   int // zeros behind the last row of a plane
	offsets                []int32
	planeElements, scratch int
	sumStride              int // from one row of sums to the next
}

const (
	// planeTarget is how many elements of planes a block should have, so that they
	// stay in the second-level cache.
	planeTarget = 96 << 10
	// columnLimit is how many columns a block has at most, unless one row has more,
	// so that a tile's sums stay in the cache until they are finished.
	columnLimit = 1536
	// planeLimit is how many elements of planes are too many.
	planeLimit = 64 << 20
)

// plan returns the plan for an input of spatial shape in. Where it is not that of the
// run before, it has the shapes only, and lay does the rest.
func (c *Conv) plan(in []int) (p *plan, known bool, err error) {
	if p := c.last.Load(); p != nil && slices.Equal(p.shape, in) {
		return p, true, nil
	}
	p = &plan{shape: slices.Clone(in)}
	if p.in, err = spatial(in, c.spec.rank()); err != nil {
		return nil, false, err
	}
	if p.out, err = c.win.output(p.in, false); err != nil {
		return nil, false, err
	}
	if _, err := product(p.out[:]...); err != nil {
		return nil, false, fmt.Errorf("the output: %w", err)
	}
	return p, false, nil
}

// lay makes the tables of a plan.
func (c *Conv) lay(p *plan) {
	if c.depthwise != nil {
		p.tables.lay(&c.win, c.kern.lanes, p.in, p.out)
		if p.tables.pitch > p.in[2] {
			p.scratch = p.in[1] * p.tables.pitch
		}
	} else {
		p.cut(c)
	}
	c.last.Store(p)
}

// cut chooses the blocks, and lays out the planes.
func (p *plan) cut(c *Conv) {
	w := &c.win
	if c.pointwise() && p.cutDirect(c) {
		return
	}
	phases := p.choosePhases(w)
	p.extraRows = (w.kernel[1] - 1) * w.dilation[1] / w.stride[1]
	p.extraCols = (w.kernel[2] - 1) * w.dilation[2] / w.stride[2]
	planes := c.inC * w.kernel[0] * phases
	if float64(planes)*float64(1+p.extraRows)*float64(min(64, p.out[2])+p.extraCols) > planeLimit {
		p.apart = true
		return
	}
	p.cols = min(p.out[2], max(256, min(1024, planeTarget/(planes*(1+p.extraRows)))))
	p.colBlocks, p.cols = even(p.out[2], p.cols)
	p.width = p.cols + p.extraCols
	if w.stride[2] == 1 && p.colBlocks == 1 {
		// The padding behind a row is that before the next one.
		p.width = max(p.cols, p.in[2]+w.begin[2], p.width-w.begin[2])
		p.tail = p.cols + p.extraCols - p.width
	}
	p.rows = 1
	if p.colBlocks == 1 {
		p.rows = max(planeTarget/(planes*p.width)-p.extraRows, p.extraRows/2, 1)
		p.rows = min(p.rows, max(1, columnLimit/p.width))
	}
	p.rowBlocks, p.rows = even(p.out[1], p.rows)
	if p.rowBlocks > 1 && p.rowBlocks%2 == 1 { // or two threads would gather one of them both
		p.rows = (p.out[1] + p.rowBlocks) / (p.rowBlocks + 1)
		p.rowBlocks, p.rows = even(p.out[1], p.rows)
	}

	vector := c.kern.cols()
	p.planeStride = (p.rows+p.extraRows)*p.width + p.tail
	p.planeStride = (p.planeStride + 15) &^ 15
	if p.planeStride%256 == 0 {
		p.planeStride += 16 // or all planes would share few sets of the cache
	}
	p.planeElements = planes*p.planeStride + p.tail + max(vector, c.kern.lanes*c.kern.wideVectors)
	columns := (p.rows-1)*p.width + p.cols
	p.sumStride = (columns+vector-1)/vector*vector + 16
	p.scratch = p.planeElements + min(c.outC, c.kern.rows)*p.sumStride
	if p.across = c.betterAcross(columns, p.rows*p.cols); p.across {
		p.scratch = p.planeElements + 2*p.rows*p.cols*vector
	}
	if p.planeElements > planeLimit {
		p.apart = true
		p.scratch = 0
		return
	}
	// The last block may be as small as one column: of less than a vector there are no tiles.
	smallest := (p.out[1] - (p.rowBlocks-1)*p.rows) * (p.out[2] - (p.colBlocks-1)*p.cols)
	p.flat = c.tilesTo() && !p.across && smallest >= c.kern.lanes && (p.rows == 1 || p.width == p.out[2])
	p.fillOffsets(c)
}

// pointwise says whether each output sees the input at one place, its own.
func (c *Conv) pointwise() bool {
	w := &c.win
	return c.taps == 1 && w.stride == [3]int{1, 1, 1} && w.begin == [3]int{} && w.end == [3]int{}
}

// cutDirect chooses the blocks of a convolution that reads its input where it is, unless
// a copy is read faster: one whose rows begin at cache lines and share few pages.
func (p *plan) cutDirect(c *Conv) bool {
	n, vector := p.in[0]*p.in[1]*p.in[2], c.kern.cols()
	far := 4 * n % pageSize
	if n < c.kern.lanes || int64(n)*int64(c.inC) > planeLimit || min(far, pageSize-far) < 4*vector && c.inC > fewPages/8 {
		return false // the last of them: all planes would share few sets of the cache
	}
	blocks, _ := even(n, max(256, min(columnLimit, planeTarget/c.inC)))
	cols := min(n, ((n+blocks-1)/blocks+vector-1)/vector*vector)
	for ; n%cols > 0 && n%cols < c.kern.lanes; cols += vector {
	}
	across := c.betterAcross(cols, cols)
	if again := c.tiles(); !across && again > 2 && (c.inC > fewPages || n%c.kern.lanes != 0) {
		return false
	}
	p.in, p.out = [3]int{1, 1, n}, [3]int{1, 1, n}
	p.rows, p.rowBlocks, p.cols, p.colBlocks = 1, 1, cols, (n+cols-1)/cols
	p.width, p.direct, p.across = p.cols, true, across
	for ci := range c.inC {
		p.offsets = append(p.offsets, int32(4*ci*n))
	}
	p.sumStride = (p.cols+vector-1)/vector*vector + 16
	p.scratch = min(c.outC, c.kern.rows) * p.sumStride
	if p.across {
		p.scratch = 2 * p.cols * vector
	}
	p.flat = c.tilesTo() && !p.across
	return true
}

// tilesTo says whether tiles may write to the output: of few rows, there are wider ones
// that do not.
func (c *Conv) tilesTo() bool { return c.kern.tilesTo != nil && c.outC > 2 }

// fewPages is how many pages are read at once without having to look up where they are.
const fewPages = 64

// pageSize is how far apart elements are that share a set of the first-level cache.
const pageSize = 4096

// even cuts n in the fewest parts of at most size, as equal as can be.
func even(n, size int) (parts, each int) {
	parts = max(1, (n+size-1)/size)
	return parts, max(1, (n+parts-1)/parts)
}

// phase is the place of a tap among the strides of dimension d.
func (w *window) phase(d, k int) int { return k * w.dilation[d] % w.stride[d] }

// choosePhases lists the phases that taps fall on, and returns their number.
func (p *plan) choosePhases(w *window) int {
	seen := map[[2]int]bool{}
	for kh := range w.kernel[1] {
		for kw := range w.kernel[2] {
			ph := [2]int{w.phase(1, kh), w.phase(2, kw)}
			if !seen[ph] {
				seen[ph] = true
				p.phases = append(p.phases, ph)
			}
		}
	}
	return len(p.phases)
}

// fillOffsets finds each step's place in the planes, in bytes.
func (p *plan) fillOffsets(c *Conv) {
	w := &c.win
	index := map[[2]int]int{}
	for i, ph := range p.phases {
		index[ph] = i
	}
	for plane := range c.inC * w.kernel[0] {
		for kh := range w.kernel[1] {
			for kw := range w.kernel[2] {
				i := plane*len(p.phases) + index[[2]int{w.phase(1, kh), w.phase(2, kw)}]
				at := i*p.planeStride + kh*w.dilation[1]/w.stride[1]*p.width + kw*w.dilation[2]/w.stride[2]
				p.offsets = append(p.offsets, int32(4*at))
			}
		}
	}
}
