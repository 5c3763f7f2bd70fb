package conv

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"unsafe"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// Pooling is what MaxPool, AveragePool and LpPool have in common.
//
// They take planes, of which a tensor has batch times channels, of a spatial shape
// in, and return an error when the spec is not valid, when the window spans more
// than the padded input, or when the slices do not have the lengths of their shapes.
type Pooling struct {
	Window
	// Ceil rounds the output's size up (ceil_mode).
	Ceil bool
}

// OutputShape is the spatial shape of the output for an input of spatial shape in.
func (s Pooling) OutputShape(in []int) ([]int, error) { return s.Window.OutputShape(in, s.Ceil) }

// check normalises the spec and checks lengths.
func (s Pooling) check(dst, src, planes int, in []int) (w window, inSize, outSize [3]int, err error) {
	if w, err = s.Window.normalise(); err != nil {
		return
	}
	if inSize, err = spatial(in, s.rank()); err != nil {
		return
	}
	if outSize, err = w.output(inSize, s.Ceil); err != nil {
		return
	}
	if err = checkLength("the input", src, planes, inSize[0], inSize[1], inSize[2]); err != nil {
		return
	}
	err = checkLength("the output", dst, planes, outSize[0], outSize[1], outSize[2])
	return
}

// MaxPool is the largest element of each window, and NaN where one of them is. A
// window that meets nothing but padding is -Inf.
func MaxPool(p *pool.Pool, s Pooling, dst, src []float32, planes int, in []int) error {
	return rowPooling{neutral: float32(math.Inf(-1)), combine: vec.Max, kern: best}.start(p, s, dst, src, planes, in)
}

// AveragePool is the mean of each window: of its elements in the input, or with
// countIncludePad also in the padding, as zeros. A window without any is 0.
func AveragePool(p *pool.Pool, s Pooling, countIncludePad bool, dst, src []float32, planes int, in []int) error {
	return rowPooling{combine: vec.Add, average: true, includePad: countIncludePad, kern: best}.start(p, s, dst, src, planes, in)
}

// LpPool is the root of order power of the sum of the magnitudes of each window to
// that power, which is at least 1.
func LpPool(p *pool.Pool, s Pooling, power int, dst, src []float32, planes int, in []int) error {
	if power < 1 {
		return fmt.Errorf("p is %d: it must be at least 1", power)
	}
	return rowPooling{combine: vec.Add, power: power}.start(p, s, dst, src, planes, in)
}

// rowPooling goes row by row of the output: all rows of input that its windows
// meet are combined to one, and that is then combined with itself, shifted by each
// tap of a row of the kernel.
type rowPooling struct {
	neutral    float32
	combine    func(dst, a, b []float32)
	average    bool
	includePad bool
	power      int     // of LpPool, or 0
	kern       *kernel // has kernels that do whole planes of some windows; may be nil

	w        window
	in, out  [3]int
	dst, src []float32
	// taps are those of a row of the kernel that meet the input at all.
	taps [2]int
	// counts are the elements of each window along a row, where average.
	counts []float32
	// kernel does planes of this window, where it is not nil; tables are its.
	kernel *[depthwiseRows]depthwiseFunc
	tables depthwiseTables
}

// rowPoolings recycles them, with their counts and tables.
var rowPoolings = sync.Pool{New: func() any { return new(rowPooling) }}

func (kind rowPooling) start(p *pool.Pool, s Pooling, dst, src []float32, planes int, in []int) error {
	r := rowPoolings.Get().(*rowPooling)
	kind.counts, kind.tables = r.counts, r.tables
	*r = kind
	err := r.run(p, s, dst, src, planes, in)
	*r = rowPooling{counts: r.counts, tables: r.tables}
	rowPoolings.Put(r)
	return err
}

func (r *rowPooling) run(p *pool.Pool, s Pooling, dst, src []float32, planes int, in []int) error {
	var err error
	if r.w, r.in, r.out, err = s.check(len(dst), len(src), planes, in); err != nil {
		return err
	}
	if len(src) == 0 || len(dst) == 0 {
		fill(dst, r.neutral)
		return nil
	}
	r.dst, r.src = dst, src
	r.taps[0], r.taps[1] = r.w.meeting(2, r.in[2], r.out[2])
	if r.average {
		if cap(r.counts) < r.out[2] {
			r.counts = make([]float32, r.out[2])
		}
		r.counts = r.counts[:r.out[2]]
		for o := range r.counts {
			r.counts[o] = float32(max(1, r.count(2, o)))
		}
	}
	if f := r.ofWholePlane(); f != nil {
		return global(p, dst, src, planes, r.in[0]*r.in[1]*r.in[2], f)
	}
	perPlane := len(dst)/planes*r.w.kernel[1] + 1
	if r.chooseKernel() {
		perPlane = (perPlane + 3) / 4
	}
	p.Run(planes, grainOps/8/perPlane, r)
	return nil
}

// ofWholePlane is the function of a plane that the pooling is, when it has one window, of
// all elements.
func (r *rowPooling) ofWholePlane() func([]float32) float32 {
	switch {
	case r.out != [3]int{1, 1, 1} || r.w.kernel != r.in || r.w.begin != [3]int{} || r.w.dilation != [3]int{1, 1, 1} || r.power > 0:
	case r.average:
		return vec.Mean
	case r.kern != nil:
		return vec.MaxOf
	}
	return nil
}

// chooseKernel finds a kernel that does whole planes, if there is one for the window.
// Its tables are no larger than one plane of the output.
func (r *rowPooling) chooseKernel() bool {
	switch {
	case r.kern == nil || r.out[2] < 4:
	case !r.average:
		r.kernel = forWindow(r.kern.largest, &r.w)
	case r.even(1) && r.even(2):
		r.kernel = forWindow(r.kern.sum, &r.w)
	}
	if r.kernel == nil {
		return false
	}
	r.tables.lay(&r.w, r.kern.lanes, r.in, r.out)
	return true
}

// even says whether all windows have as many elements that count, along dimension d.
func (r *rowPooling) even(d int) bool {
	first, last := 0, r.out[d]-1
	return r.count(d, first) == r.w.kernel[d] && r.count(d, last) == r.w.kernel[d]
}

// meeting is the range of taps of dimension d that meet an input of size in for
// some of n outputs. A kernel may be far larger than its input.
func (w *window) meeting(d, in, n int) (lo, hi int) {
	lo = max(0, w.begin[d]-(n-1)*w.stride[d]+w.dilation[d]-1) / w.dilation[d]
	hi = min(w.kernel[d], (in-1+w.begin[d])/w.dilation[d]+1)
	return lo, max(lo, hi)
}

// tapsOf is the range of taps of dimension d that meet the input for output o.
func (w *window) tapsOf(d, o, in int) (lo, hi int) {
	start := o*w.stride[d] - w.begin[d]
	if start < 0 {
		lo = (-start + w.dilation[d] - 1) / w.dilation[d]
	}
	if start < in {
		hi = min(w.kernel[d], (in-1-start)/w.dilation[d]+1)
	}
	return lo, max(lo, hi)
}

// count is how many taps of dimension d count for the mean of output o.
func (r *rowPooling) count(d, o int) int {
	w := &r.w
	if !r.includePad {
		lo, hi := w.tapsOf(d, o, r.in[d])
		return hi - lo
	}
	room := r.in[d] + w.begin[d] + w.end[d] - o*w.stride[d]
	return min(w.kernel[d], (room-1)/w.dilation[d]+1)
}

// poolScratch is the scratch memory of one thread.
type poolScratch struct{ buf []float32 }

var poolScratches = sync.Pool{New: func() any { return new(poolScratch) }}

// Do computes planes lo to hi.
func (r *rowPooling) Do(lo, hi int) {
	if r.kernel != nil {
		r.byKernel(lo, hi)
	} else {
		r.byRows(lo, hi)
	}
}

// byKernel does planes by the kernel, and those that have NaN by rows, since the kernel
// takes the larger of two as the processor does.
func (r *rowPooling) byKernel(lo, hi int) {
	s := scratches.Get().(*scratch)
	a := &s.depthwise
	*a = depthwiseArgs{masks: unsafe.Pointer(unsafe.SliceData(r.tables.masks)), strips: r.tables.strips, bias: r.neutral}
	a.low = 1 / float32(r.w.kernel[1]*r.w.kernel[2])
	size, inSize := r.out[1]*r.out[2], r.in[1]*r.in[2]
	for i := lo * r.in[0]; i < hi*r.in[0]; i++ {
		a.nan = 0
		a.plane(r.kernel, &r.tables, &r.w, r.out, r.dst[i*size:][:size], r.src[i*inSize:][:inSize], nil)
		if a.nan != 0 {
			r.byRows(i/r.in[0], i/r.in[0]+1)
		}
	}
	*a = depthwiseArgs{}
	scratches.Put(s)
	runtime.KeepAlive(r)
}

// byRows does planes row by row.
func (r *rowPooling) byRows(lo, hi int) {
	in, out := r.in, r.out
	stride := min(r.w.stride[2], in[2])
	s := poolScratches.Get().(*poolScratch)
	if need := 3*in[2] + stride + out[2]; len(s.buf) < need {
		s.buf = make([]float32, need)
	}
	row, powers := s.buf[:in[2]], s.buf[in[2]:2*in[2]]
	phases, counts := s.buf[2*in[2]:][:in[2]+stride], s.buf[3*in[2]+stride:][:out[2]]
	for i := lo; i < hi; i++ {
		src := r.src[i*in[0]*in[1]*in[2]:][:in[0]*in[1]*in[2]]
		for od := range out[0] {
			for oh := range out[1] {
				dst := r.dst[((i*out[0]+od)*out[1]+oh)*out[2]:][:out[2]]
				r.rows(row, powers, src, od, oh)
				r.columns(dst, row, phases)
				r.conclude(dst, counts, od, oh)
			}
		}
	}
	poolScratches.Put(s)
}

// rows combines the rows of input that row (od, oh) of the output meets.
func (r *rowPooling) rows(row, powers, src []float32, od, oh int) {
	w := &r.w
	dLo, dHi := w.tapsOf(0, od, r.in[0])
	hLo, hHi := w.tapsOf(1, oh, r.in[1])
	first := true
	for kd := dLo; kd < dHi; kd++ {
		id := od*w.stride[0] + kd*w.dilation[0] - w.begin[0]
		for kh := hLo; kh < hHi; kh++ {
			ih := oh*w.stride[1] + kh*w.dilation[1] - w.begin[1]
			x := src[(id*r.in[1]+ih)*r.in[2]:][:r.in[2]]
			if r.power > 0 {
				raise(powers, x, r.power)
				x = powers
			}
			if first {
				copy(row, x)
				first = false
			} else {
				r.combine(row, row, x)
			}
		}
	}
	if first {
		fill(row, r.neutral)
	}
}

// raise is dst = |x|^power.
func raise(dst, x []float32, power int) {
	switch power {
	case 1:
		vec.Abs(dst, x)
	case 2:
		vec.Mul(dst, x, x)
	default:
		for i, v := range x {
			dst[i] = float32(math.Pow(math.Abs(float64(v)), float64(power)))
		}
	}
}

// columns combines what each window sees of row.
func (r *rowPooling) columns(dst, row, phases []float32) {
	w := &r.w
	fill(dst, r.neutral)
	stride := w.stride[2]
	size := 0 // of one phase: every element whose index leaves the same rest by the stride
	if stride > 1 && len(row) > 0 {
		size = (len(row) + stride - 1) / stride
		for phase := range min(stride, len(row)) {
			copyStrided(phases[phase*size:][:(len(row)-phase+stride-1)/stride], row[phase:], stride)
		}
	}
	for k := r.taps[0]; k < r.taps[1]; k++ {
		lo, hi := w.overlap(2, k, len(row), len(dst))
		if lo == hi {
			continue
		}
		at := lo*stride + k*w.dilation[2] - w.begin[2]
		x := row[at:]
		if stride > 1 {
			x = phases[at%stride*size+at/stride:]
		}
		r.combine(dst[lo:hi], dst[lo:hi], x[:hi-lo])
	}
}

// conclude makes means or roots of the sums of row (od, oh).
func (r *rowPooling) conclude(dst, counts []float32, od, oh int) {
	switch {
	case r.average:
		vec.MulScalar(counts, r.counts, float32(max(1, r.count(0, od)*r.count(1, oh))))
		vec.Div(dst, dst, counts)
	case r.power > 0:
		root(dst, r.power)
	}
}

// root is x^(1/power), in place.
func root(x []float32, power int) {
	switch power {
	case 1:
	case 2:
		vec.Sqrt(x, x)
	default:
		for i, v := range x {
			x[i] = float32(math.Pow(float64(v), 1/float64(power)))
		}
	}
}

// fill sets all elements to v, by copies of what is set so far.
func fill(x []float32, v float32) {
	if len(x) == 0 {
		return
	}
	x[0] = v
	for n := 1; n < len(x); n *= 2 {
		copy(x[n:], x[:n])
	}
}

// GlobalAveragePool is the mean of each plane of size elements, and NaN of none.
func GlobalAveragePool(p *pool.Pool, dst, src []float32, planes, size int) error {
	return global(p, dst, src, planes, size, vec.Mean)
}

// GlobalMaxPool is the largest element of each plane of size elements, and -Inf of
// none.
func GlobalMaxPool(p *pool.Pool, dst, src []float32, planes, size int) error {
	return global(p, dst, src, planes, size, vec.MaxOf)
}

// GlobalLpPool is the norm of order power, at least 1, of each plane of size
// elements.
func GlobalLpPool(p *pool.Pool, power int, dst, src []float32, planes, size int) error {
	switch {
	case power < 1:
		return fmt.Errorf("p is %d: it must be at least 1", power)
	case power == 1:
		return global(p, dst, src, planes, size, vec.SumAbs)
	case power == 2:
		return global(p, dst, src, planes, size, func(x []float32) float32 {
			return float32(math.Sqrt(float64(vec.SumSquares(x))))
		})
	}
	return global(p, dst, src, planes, size, func(x []float32) float32 {
		s := 0.0
		for _, v := range x {
			s += math.Pow(math.Abs(float64(v)), float64(power))
		}
		return float32(math.Pow(s, 1/float64(power)))
	})
}

func global(p *pool.Pool, dst, src []float32, planes, size int, f func([]float32) float32) error {
	if err := checkLength("the input", len(src), planes, size); err != nil {
		return err
	}
	if err := checkLength("the output", len(dst), planes); err != nil {
		return err
	}
	p.For(planes, grainOps/8/(size+1), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dst[i] = f(src[i*size:][:size])
		}
	})
	return nil
}
