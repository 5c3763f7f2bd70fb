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
	nan             uint32 // set by kernels that take the largest, where one was seen
}

// depthwiseTables are those of kernels for one shape of input.
type depthwiseTables struct {
	masks     []byte
	inputRows []int
	strips    int // of columns
	pitch     int // from one row of input to the next, in elements
}

// forWindow picks, of kernels by size and stride, those for a window, or nil.
func forWindow(kernels map[[2]int]*[depthwiseRows]depthwiseFunc, w *window) *[depthwiseRows]depthwiseFunc {
	plain := w.kernel[0] == 1 && w.stride[0] == 1 && w.begin[0] == 0 && w.end[0] == 0
	square := w.kernel[1] == w.kernel[2] && w.stride[1] == w.stride[2] && w.dilation[1] == 1 && w.dilation[2] == 1
	if !plain || !square {
		return nil
	}
	return kernels[[2]int{w.kernel[1], w.stride[1]}]
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

// lay makes the tables for kernels of so many lanes.
//
// One has the masks of each strip of columns: for each vector that is loaded of a row
// of input, the lanes that are in the input, and last those that are in the output; for
// kernels of four lanes it has what addStrip says. The other has the rows of input that
// each block of rows of output meets: their offsets in bytes plus 1, or 0 for padding.
// The last block may have fewer rows.
func (t *depthwiseTables) lay(w *window, lanes int, in, out [3]int) {
	t.strips = (out[2] + lanes - 1) / lanes
	t.masks, t.inputRows = t.masks[:0], t.inputRows[:0]
	t.pitch = in[2]
	if lanes == 4 {
		t.pitch = max(t.pitch, leastPitch)
	}
	record := 16
	if lanes == 8 {
		record = 256
	}
	for s := range t.strips {
		first := s * lanes
		vectors := vectorsOfRow(lanes, w.kernel[2], w.stride[2])
		if lanes == 4 {
			t.addStrip(vectors, first*w.stride[2]-w.begin[2], in[2], out[2]-first)
			continue
		}
		for _, at := range vectors {
			t.addMask(lanes, first*w.stride[2]-w.begin[2]+at, in[2])
		}
		t.addMask(lanes, first, out[2])
		t.masks = append(t.masks, make([]byte, (s+1)*record-len(t.masks))...)
	}
	for oh := 0; oh < out[1]; oh += depthwiseRows {
		rows := min(depthwiseRows, out[1]-oh)
		for i := range (rows-1)*w.stride[1] + w.kernel[1] {
			ih := oh*w.stride[1] - w.begin[1] + i
			if ih >= 0 && ih < in[1] {
				t.inputRows = append(t.inputRows, 4*ih*t.pitch+1)
			} else {
				t.inputRows = append(t.inputRows, 0)
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
		return []int{0, 16, 32}[:min(size, 3)]
	case lanes == 4:
		return []int{0, 4, 8}
	}
	return []int{0, 8, 2, 10, 4, 12}[:(size+1)/2*2]
}

// addMask appends the mask of lanes whose column, from first on, is from 0 to n-1: a
// bit for each of 16 lanes, or a word of ones for each of 8.
func (t *depthwiseTables) addMask(lanes, first, n int) {
	bits := uint16(0)
	for i := range lanes {
		in := first+i >= 0 && first+i < n
		switch {
		case lanes == 8 && in:
			t.masks = append(t.masks, math.MaxUint8, math.MaxUint8, math.MaxUint8, math.MaxUint8)
		case lanes == 8:
			t.masks = append(t.masks, 0, 0, 0, 0)
		case in:
			bits |= 1 << i
		}
	}
	if lanes == 16 {
		t.masks = append(t.masks, byte(bits), byte(bits>>8))
	}
}

// depthwise is a run of a convolution each of whose channels sees one channel.
type depthwise run

// Do computes planes lo to hi of the output.
func (d *depthwise) Do(lo, hi int) {
	c, p := d.conv, d.plan
	s := scratches.Get().(*scratch)
	a := &s.depthwise
	*a = depthwiseArgs{masks: unsafe.Pointer(unsafe.SliceData(p.tables.masks)), strips: p.tables.strips, low: c.low, high: c.high}
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
		if p.tables.pitch > p.in[2] {
			src = p.widen(s, src)
		}
		a.plane(c.depthwise, &p.tables, &c.win, p.out, dst, src, res)
		c.spec.Activation.apply(dst)
	}
	*a = depthwiseArgs{}
	scratches.Put(s)
	runtime.KeepAlive(d)
}

// plane computes one plane: whole blocks of rows, and a last one of fewer. The slices outlive the call.
func (a *depthwiseArgs) plane(kernels *[depthwiseRows]depthwiseFunc, t *depthwiseTables, w *window, out [3]int, dst, src, res []float32) {
	a.src, a.dst, a.stride = address(src)-4*uintptr(w.begin[2]), address(dst), 4*out[2]
	if res != nil {
		a.res = address(res)
	}
	if a.blocks = out[1] / depthwiseRows; a.blocks > 0 {
		a.rows = unsafe.Pointer(&t.inputRows[0])
		kernels[depthwiseRows-1]((*byte)(unsafe.Pointer(a)))
	}
	rest := out[1] % depthwiseRows
	if rest == 0 {
		return
	}
	done := uintptr(a.blocks * depthwiseRows * a.stride)
	a.dst += done
	if res != nil {
		a.res += done
	}
	a.blocks = 1
	a.rows = unsafe.Pointer(&t.inputRows[len(t.inputRows)-(rest-1)*w.stride[1]-w.kernel[1]])
	kernels[rest-1]((*byte)(unsafe.Pointer(a)))
}

func address(s []float32) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(s))) }
