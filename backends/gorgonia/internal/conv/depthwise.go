package conv

import (
	"math"
	"runtime"
	"unsafe"
)

// depthwiseRows is how many rows of output a kernel makes at most.
const depthwiseRows = 4

// depthwiseFunc makes some rows of the output of one channel. Its argument is the
// address of a depthwiseArgs.
type depthwiseFunc func(args *byte)

// depthwiseArgs is what a kernel for depthwise convolutions reads; the assembly
// knows its layout. Addresses are not pointers, for that of src lies before it by the
// padding: the slices that they lead to are kept alive by the run.
type depthwiseArgs struct {
	src, dst, res uintptr // res is what is added, or 0
	rows          unsafe.Pointer
	blocks        int // of rows of output, at least 1
	stride        int // from one row of output to the next, in bytes
	weights       unsafe.Pointer
	masks         unsafe.Pointer
	strips        int // of as many columns as a vector has lanes

	bias, low, high float32
}

// depthwiseKernels are those of a machine for one size and stride, or nil.
func (k *kernel) depthwiseKernels(w *window) *[depthwiseRows]depthwiseFunc {
	plain := w.kernel[0] == 1 && w.stride[0] == 1 && w.begin[0] == 0 && w.end[0] == 0
	square := w.kernel[1] == w.kernel[2] && w.stride[1] == w.stride[2] && w.dilation[1] == 1 && w.dilation[2] == 1
	if !plain || !square {
		return nil
	}
	return k.depthwise[[2]int{w.kernel[1], w.stride[1]}]
}

// packDepthwise puts the weights in the order in which kernels read them: as they
// are, or, where lanes are 8, each eight times.
func (c *Conv) packDepthwise(weights []float32) {
	copies := 1
	if c.kern.lanes == 8 {
		copies = 8
	}
	c.weights = make([]float32, 0, copies*len(weights))
	for _, v := range weights {
		for range copies {
			c.weights = append(c.weights, v)
		}
	}
}

// layOutDepthwise makes the tables that kernels read.
//
// One has the masks of each strip of columns: for each vector that is loaded of a row
// of input, the lanes that are in the input, and last those that are in the output; for
// kernels of four lanes it has what addStrip says. The other has the rows of input that
// each block of rows of output meets: their offsets in bytes plus 1, or 0 for padding.
// The last block may have fewer rows.
func (p *plan) layOutDepthwise(c *Conv) {
	w, lanes := &c.win, c.kern.lanes
	p.strips = (p.out[2] + lanes - 1) / lanes
	p.pitch = p.in[2]
	if lanes == 4 && p.pitch < leastPitch {
		p.pitch = leastPitch
		p.scratch = p.in[1] * p.pitch
	}
	record := 16
	if lanes == 8 {
		record = 256
	}
	for s := range p.strips {
		first := s * lanes
		vectors := vectorsOfRow(lanes, w.kernel[2], w.stride[2])
		if lanes == 4 {
			p.addStrip(vectors, first*w.stride[2]-w.begin[2], p.out[2]-first)
			continue
		}
		for _, at := range vectors {
			p.addMask(lanes, first*w.stride[2]-w.begin[2]+at, p.in[2])
		}
		p.addMask(lanes, first, p.out[2])
		p.masks = append(p.masks, make([]byte, (s+1)*record-len(p.masks))...)
	}
	for oh := 0; oh < p.out[1]; oh += depthwiseRows {
		rows := min(depthwiseRows, p.out[1]-oh)
		for i := range (rows-1)*w.stride[1] + w.kernel[1] {
			ih := oh*w.stride[1] - w.begin[1] + i
			if ih >= 0 && ih < p.in[1] {
				p.inputRows = append(p.inputRows, 4*ih*p.pitch+1)
			} else {
				p.inputRows = append(p.inputRows, 0)
			}
		}
	}
}

// vectorsOfRow is where the vectors begin that a kernel loads of a row of input for
// one strip: one for each tap or, for a stride of 2, those from which it picks.
func vectorsOfRow(lanes, size, stride int) []int {
	switch {
	case stride == 1:
		return []int{0, 1, 2, 3, 4}[:size]
	case lanes == 16:
		return []int{0, 16, 32}
	case lanes == 4:
		return []int{0, 4, 8}
	}
	return []int{0, 8, 2, 10, 4, 12}[:size+1]
}

// addMask appends the mask of lanes whose column, from first on, is from 0 to n-1: a
// bit for each of 16 lanes, or a word of ones for each of 8.
func (p *plan) addMask(lanes, first, n int) {
	bits := uint16(0)
	for i := range lanes {
		in := first+i >= 0 && first+i < n
		switch {
		case lanes == 8 && in:
			p.masks = append(p.masks, math.MaxUint8, math.MaxUint8, math.MaxUint8, math.MaxUint8)
		case lanes == 8:
			p.masks = append(p.masks, 0, 0, 0, 0)
		case in:
			bits |= 1 << i
		}
	}
	if lanes == 16 {
		p.masks = append(p.masks, byte(bits), byte(bits>>8))
	}
}

// depthwise is a run of a convolution each of whose channels sees one channel.
type depthwise run

// Do computes planes lo to hi of the output.
func (d *depthwise) Do(lo, hi int) {
	c, p := d.conv, d.plan
	s := scratches.Get().(*scratch)
	a := &s.depthwise
	*a = depthwiseArgs{masks: unsafe.Pointer(unsafe.SliceData(p.masks)), strips: p.strips, low: c.low, high: c.high}
	perChannel := len(c.weights) / c.spec.OutChannels
	size, inSize := p.out[1]*p.out[2], p.in[1]*p.in[2]
	for i := lo; i < hi; i++ {
		depth, channel, n := i%p.in[0], i/p.in[0]%c.spec.OutChannels, i/p.in[0]/c.spec.OutChannels
		a.weights = unsafe.Pointer(&c.weights[channel*perChannel])
		a.bias = c.bias[channel]
		src := d.src[((n*c.spec.InChannels+channel/c.outC)*p.in[0]+depth)*inSize:][:inSize]
		dst := d.dst[i*size:][:size]
		var res []float32
		if d.res != nil {
			res = d.res[i*size:][:size]
		}
		if p.pitch > p.in[2] {
			src = p.widen(s, src)
		}
		d.plane(a, dst, src, res)
		c.spec.Activation.apply(dst)
	}
	*a = depthwiseArgs{}
	scratches.Put(s)
	runtime.KeepAlive(d)
}

// plane computes one plane: whole blocks of rows, and a last one of fewer.
func (d *depthwise) plane(a *depthwiseArgs, dst, src, res []float32) {
	c, p := d.conv, d.plan
	a.src, a.dst, a.stride = address(src)-4*uintptr(c.win.begin[2]), address(dst), 4*p.out[2]
	if res != nil {
		a.res = address(res)
	}
	if a.blocks = p.out[1] / depthwiseRows; a.blocks > 0 {
		a.rows = unsafe.Pointer(&p.inputRows[0])
		c.depthwise[depthwiseRows-1]((*byte)(unsafe.Pointer(a)))
	}
	rest := p.out[1] % depthwiseRows
	if rest == 0 {
		return
	}
	done := uintptr(a.blocks * depthwiseRows * a.stride)
	a.dst += done
	if res != nil {
		a.res += done
	}
	a.blocks = 1
	a.rows = unsafe.Pointer(&p.inputRows[len(p.inputRows)-(rest-1)*c.win.stride[1]-c.win.kernel[1]])
	c.depthwise[rest-1]((*byte)(unsafe.Pointer(a)))
}

func address(s []float32) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(s))) }
