package conv

import (
	"sync"
	"unsafe"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// run is one call of Conv.Run.
type run struct {
	conv          *Conv
	plan          *plan
	dst, src, res []float32
	// units are the tiles of rows, or the vectors of channels, of a group; parts is in
	// how many tasks they are cut for one block.
	units, parts int
}

var runs = sync.Pool{New: func() any { return new(run) }}

// scratches recycles the planes and sums of threads.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

type scratch struct {
	buf       []float32
	finish    finishing
	end       tileEnd
	depthwise depthwiseArgs
}

// grow returns n elements of unknown content, at a multiple of a cache line.
func (s *scratch) grow(n int) []float32 {
	const line = 16
	if len(s.buf) < n {
		s.buf = make([]float32, n+line)
		skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(s.buf)))/4) & (line - 1)
		s.buf = s.buf[skip:]
	}
	return s.buf[:n]
}

// release makes s free for another run.
func (s *scratch) release() {
	s.finish = finishing{}
	scratches.Put(s)
}

// start cuts the work in tasks and has them done.
func (r *run) start(p *pool.Pool, batch int) {
	c, pl := r.conv, r.plan
	if c.depthwise != nil {
		planes := batch * c.spec.OutChannels * pl.in[0]
		p.Run(planes, grainOps/4/(len(r.dst)/planes*c.taps+1), (*depthwise)(r))
		return
	}
	if pl.apart {
		p.Run(batch*c.spec.OutChannels, 1, (*apart)(r))
		return
	}
	blocks := batch * c.groups * pl.out[0] * pl.rowBlocks * pl.colBlocks
	units := c.tiles()
	if pl.across {
		units = c.vectors()
	}
	r.units, r.parts = units, 1
	if threads := p.Threads(); threads > 1 && blocks < enoughBlocks*threads {
		r.parts = units
	}
	tasks := blocks * r.parts
	perTask := (len(r.dst)/tasks + 1) * c.steps
	p.Run(tasks, grainOps/max(perTask, 1), r)
}

// enoughBlocks is how many blocks for each thread are shared out evenly enough without
// cutting them in parts.
const enoughBlocks = 16

// grainOps is the least number of multiplications for which a thread is asked to help.
const grainOps = 1 << 17

// block is a part of the output: some rows and columns at one depth, of one group
// of one element of the batch.
type block struct {
	n, g, od     int
	oh, ow       int
	rows, cols   int
	first, after int // units
}

// block returns task i. Tasks of the same part of the input follow each other.
func (r *run) block(i int) block {
	c, p := r.conv, r.plan
	var b block
	part := i % r.parts
	b.first, b.after = part*r.units/r.parts, (part+1)*r.units/r.parts
	i /= r.parts
	b.ow = i % p.colBlocks * p.cols
	i /= p.colBlocks
	b.oh = i % p.rowBlocks * p.rows
	i /= p.rowBlocks
	b.od = i % p.out[0]
	i /= p.out[0]
	b.g, b.n = i%c.groups, i/c.groups
	b.rows, b.cols = min(p.rows, p.out[1]-b.oh), min(p.cols, p.out[2]-b.ow)
	return b
}

// Do computes tasks lo to hi.
func (r *run) Do(lo, hi int) {
	s := scratches.Get().(*scratch)
	r.tasks(s, lo, hi, -1)
	s.release()
}

// Work is Do for the ranges of one thread, which may be parts of one block: what that
// sees of the input is gathered once.
func (r *run) Work(seat *pool.Seat) {
	s := scratches.Get().(*scratch)
	gathered := -1
	for lo, hi, ok := seat.Next(); ok; lo, hi, ok = seat.Next() {
		gathered = r.tasks(s, lo, hi, gathered)
	}
	s.release()
}

// tasks computes tasks lo to hi, and returns the block whose planes are in s; before, it
// is that of gathered.
func (r *run) tasks(s *scratch, lo, hi, gathered int) int {
	c := r.conv
	buf := s.grow(r.plan.scratch)
	planes, sums := buf[:r.plan.planeElements], buf[r.plan.planeElements:]
	for i := lo; i < hi; i++ {
		b := r.block(i)
		switch {
		case r.plan.direct:
			planes = r.src[(b.n*c.spec.InChannels+b.g*c.inC)*r.plan.in[2]+b.ow:]
		case i/r.parts != gathered:
			r.gather(planes, &b)
			gathered = i / r.parts
		}
		for u := b.first; u < b.after; u++ {
			switch {
			case r.plan.across:
				r.multiplyAcross(planes, sums, &b, u)
				r.finishAcross(s, sums, &b, u)
			case r.plan.flat:
				r.multiplyTo(s, planes, sums, &b, u)
			default:
				r.multiply(planes, sums, &b, u)
				r.finish(s, sums, &b, u)
			}
		}
	}
	return gathered
}

// gather copies what block b sees of the input to planes.
func (r *run) gather(planes []float32, b *block) {
	c, p := r.conv, r.plan
	w := &c.win
	inPlane := p.in[1] * p.in[2]
	first := (b.n*c.spec.InChannels + b.g*c.inC) * p.in[0] * inPlane
	at := 0
	for ci := range c.inC {
		for kd := range w.kernel[0] {
			id := b.od*w.stride[0] + kd*w.dilation[0] - w.begin[0]
			var src []float32
			if id >= 0 && id < p.in[0] {
				src = r.src[first+(ci*p.in[0]+id)*inPlane:][:inPlane]
			}
			for _, ph := range p.phases {
				p.fill(c, planes[at:][:p.planeStride], src, b, ph)
				at += p.planeStride
			}
		}
	}
	clear(planes[at:][:p.tail])
}

// fill writes one plane; a nil src is padding.
func (p *plan) fill(c *Conv, plane, src []float32, b *block, phase [2]int) {
	w := &c.win
	rows := b.rows + p.extraRows
	ih := b.oh*w.stride[1] + phase[0] - w.begin[1]
	iw := b.ow*w.stride[2] + phase[1] - w.begin[2]
	if src == nil {
		clear(plane[:rows*p.width+p.tail])
		return
	}
	top := min(max(0, (-ih+w.stride[1]-1)/w.stride[1]), rows)
	bottom := max(top, min(rows, (p.in[1]-ih+w.stride[1]-1)/w.stride[1]))
	clear(plane[:top*p.width])
	clear(plane[bottom*p.width : rows*p.width+p.tail])
	if top == bottom {
		return
	}
	src = src[(ih+top*w.stride[1])*p.in[2]:]
	if w.stride[2] == 1 {
		p.fillRows(c, plane[top*p.width:], src, bottom-top, iw, w.stride[1]*p.in[2])
		return
	}
	for r := range bottom - top {
		fillRow(plane[(top+r)*p.width:][:p.width], src[r*w.stride[1]*p.in[2]:][:p.in[2]], iw, w.stride[2])
	}
}

// fillRows is fillRow for rows of stride 1: of src they are stride elements apart.
func (p *plan) fillRows(c *Conv, plane, src []float32, rows, from, stride int) {
	left := min(max(0, -from), p.width)
	n := max(0, min(p.width-left, p.in[2]-from-left))
	if n == p.width && n == stride {
		copy(plane, src[from:][:rows*n])
		return
	}
	if n > 0 {
		c.kern.copyRows(plane[left:], src[from+left:], n, rows, p.width, stride)
	}
	for r := range rows {
		for q := range left {
			plane[r*p.width+q] = 0
		}
		for q := left + n; q < p.width; q++ {
			plane[r*p.width+q] = 0
		}
	}
}

// fillRow is row[q] = src[from + q*stride], and 0 where src has no such element.
func fillRow(row, src []float32, from, stride int) {
	q := 0
	if from < 0 {
		q = min(len(row), (-from+stride-1)/stride)
		clear(row[:q])
		from += q * stride
	}
	n := 0
	if from < len(src) {
		n = min(len(row)-q, (len(src)-from+stride-1)/stride)
		copyStrided(row[q:q+n], src[from:], stride)
	}
	clear(row[q+n:])
}

// copyStrided is dst[i] = src[i*stride].
func copyStrided(dst, src []float32, stride int) {
	if stride == 1 {
		copy(dst, src)
		return
	}
	i := 0
	if stride == 2 {
		i = everySecond(dst, src)
	}
	for at := i * stride; i < len(dst); i++ {
		dst[i] = src[at]
		at += stride
	}
}

// multiply computes the sums of tile t for all columns of b.
func (r *run) multiply(planes, sums []float32, b *block, t int) {
	c, p := r.conv, r.plan
	kern := c.kern
	_, rows := c.tile(t)
	weights, offsets := unsafe.SliceData(c.tileWeights(b.g, t)), unsafe.SliceData(p.offsets)
	columns := (b.rows-1)*p.width + b.cols
	j := 0
	most := p.sumStride // columns that may be read
	if p.direct {
		most = columns
	}
	if wide := kern.lanes * kern.wideVectors; rows == 1 {
		for ; columns-j >= wide/2 && j+wide <= most; j += wide {
			kern.wide(c.steps, offsets, weights, &planes[j], &sums[j], p.sumStride)
		}
	}
	for j < columns {
		vectors := min(len(kern.tiles), (columns-j+kern.lanes-1)/kern.lanes)
		if j+vectors*kern.lanes > most {
			if vectors = (columns - j) / kern.lanes; vectors == 0 {
				j, vectors = columns-kern.lanes, 1 // some columns once more
			}
		}
		kern.tiles[vectors-1][rows-1](c.steps, offsets, weights, &planes[j], &sums[j], p.sumStride)
		j += vectors * kern.lanes
	}
}

// multiplyTo computes the output of tile t where columns of b lie there as they do here:
// whole vectors at once, and what is left by way of sums.
func (r *run) multiplyTo(s *scratch, planes, sums []float32, b *block, t int) {
	c, p := r.conv, r.plan
	kern := c.kern
	first, rows := c.tile(t)
	weights, offsets := unsafe.SliceData(c.tileWeights(b.g, t)), unsafe.SliceData(p.offsets)
	columns, size := b.rows*b.cols, p.out[0]*p.out[1]*p.out[2]
	channel := b.g*c.outC + first
	at := (b.n*c.spec.OutChannels+channel)*size + (b.od*p.out[1]+b.oh)*p.out[2] + b.ow
	dst := r.dst[at:][:(rows-1)*size+columns]
	end := &s.end
	*end = tileEnd{bias: &c.bias[channel], low: c.low, high: c.high}
	whole := columns / kern.lanes * kern.lanes
	for j := 0; j < whole; {
		vectors := min(len(kern.tilesTo), (whole-j)/kern.lanes)
		if r.res != nil {
			end.res = &r.res[at+j]
		}
		kern.tilesTo[vectors-1][rows-1](c.steps, offsets, weights, &planes[j], &dst[j], size, (*byte)(unsafe.Pointer(end)))
		j += vectors * kern.lanes
	}
	*end = tileEnd{}
	if whole < columns {
		j := columns - kern.lanes
		kern.tiles[0][rows-1](c.steps, offsets, weights, &planes[j], &sums[0], kern.lanes)
		for i := range rows {
			f := finishing{dst: dst[i*size+whole:], src: sums[i*kern.lanes+whole-j:], n: columns - whole, rows: 1, bias: c.bias[channel+i], low: c.low, high: c.high}
			if r.res != nil {
				f.res = r.res[at+i*size+whole:]
			}
			s.finish = f
			kern.finish(&s.finish)
		}
	}
	if !c.spec.Activation.isLimits() {
		for i := range rows {
			c.spec.Activation.apply(dst[i*size:][:columns])
		}
	}
}

// finish writes the sums of tile t to the output, with all that follows.
func (r *run) finish(s *scratch, sums []float32, b *block, t int) {
	first, rows := r.conv.tile(t)
	for i := range rows {
		r.finishChannel(s, sums[i*r.plan.sumStride:], r.plan.width, b, b.g*r.conv.outC+first+i)
	}
}

// finishChannel writes the sums of one channel, whose rows are stride apart.
func (r *run) finishChannel(s *scratch, sums []float32, stride int, b *block, channel int) {
	c, p := r.conv, r.plan
	at := ((b.n*c.spec.OutChannels+channel)*p.out[0]+b.od)*p.out[1]*p.out[2] + b.oh*p.out[2] + b.ow
	f := &s.finish
	*f = finishing{dst: r.dst[at:], src: sums, n: b.cols, rows: b.rows, dstStride: p.out[2], srcStride: stride,
		bias: c.bias[channel], low: c.low, high: c.high}
	if stride == p.out[2] {
		f.n, f.rows = b.rows*stride, 1
	}
	if r.res != nil {
		f.res = r.res[at:]
	}
	c.kern.finish(f)
	if !c.spec.Activation.isLimits() {
		c.applyToRows(r.dst[at:], b.rows, b.cols, p.out[2])
	}
}

// applyToRows applies the activation to rows of dst.
func (c *Conv) applyToRows(dst []float32, rows, cols, stride int) {
	if cols == stride {
		c.spec.Activation.apply(dst[:rows*cols])
		return
	}
	for i := range rows {
		c.spec.Activation.apply(dst[i*stride:][:cols])
	}
}

// apart is a run that adds tap after tap, each where it meets the input.
type apart run

// Do computes channels lo to hi, counted over the batch.
func (a *apart) Do(lo, hi int) {
	c, p := a.conv, a.plan
	size := p.out[0] * p.out[1] * p.out[2]
	inSize := p.in[0] * p.in[1] * p.in[2]
	sum := make([]float32, size)
	for i := lo; i < hi; i++ {
		n, channel := i/c.spec.OutChannels, i%c.spec.OutChannels
		g := channel / c.outC
		clear(sum)
		for ci := range c.inC {
			src := a.src[(n*c.spec.InChannels+g*c.inC+ci)*inSize:][:inSize]
			for tap := range c.taps {
				a.addTap(sum, src, c.weight(channel, ci*c.taps+tap), tap)
			}
		}
		vec.AddScalar(sum, sum, c.bias[channel])
		if a.res != nil {
			vec.Add(sum, sum, a.res[i*size:][:size])
		}
		dst := a.dst[i*size:][:size]
		vec.Clip(dst, sum, c.low, c.high)
		c.spec.Activation.apply(dst)
	}
}

// weight is that of a channel of output at one step.
func (c *Conv) weight(channel, step int) float32 {
	g, in := channel/c.outC, channel%c.outC
	for t := 0; ; t++ {
		if first, rows := c.tile(t); in < first+rows {
			return c.tileWeights(g, t)[step*rows+in-first]
		}
	}
}

// addTap adds weight times what a tap sees of src.
func (a *apart) addTap(sum, src []float32, weight float32, tap int) {
	p, w := a.plan, &a.conv.win
	k := [3]int{tap / (w.kernel[1] * w.kernel[2]), tap / w.kernel[2] % w.kernel[1], tap % w.kernel[2]}
	var lo, hi, shift [3]int
	for d := range k {
		lo[d], hi[d] = w.overlap(d, k[d], p.in[d], p.out[d])
		shift[d] = k[d]*w.dilation[d] - w.begin[d]
	}
	for od := lo[0]; od < hi[0]; od++ {
		for oh := lo[1]; oh < hi[1]; oh++ {
			out := sum[(od*p.out[1]+oh)*p.out[2]:][:p.out[2]]
			in := src[((od*w.stride[0]+shift[0])*p.in[1]+oh*w.stride[1]+shift[1])*p.in[2]:][:p.in[2]]
			for ow := lo[2]; ow < hi[2]; ow++ {
				out[ow] += weight * in[ow*w.stride[2]+shift[2]]
			}
		}
	}
}
