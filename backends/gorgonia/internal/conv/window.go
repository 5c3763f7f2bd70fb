package conv

import (
	"fmt"
	"math"
	"slices"
)

// A Window says which elements of the input each element of the output sees, in
// ONNX's terms. Its slices have one entry for each spatial dimension, of which there
// are one to three; Strides, Dilations and pads may be nil for 1, 1 and 0.
type Window struct {
	Kernel    []int
	Strides   []int
	Dilations []int
	PadsBegin []int
	PadsEnd   []int
}

// window is a Window of exactly three dimensions, checked.
type window struct {
	kernel, stride, dilation, begin, end [3]int
}

// sizeLimit is beyond any attribute of use; products of two stay within an int64.
const sizeLimit = 1 << 31

func (w Window) rank() int { return len(w.Kernel) }

// normalise checks w and puts dimensions of size 1 before its own.
func (w Window) normalise() (window, error) {
	n := window{kernel: [3]int{1, 1, 1}, stride: [3]int{1, 1, 1}, dilation: [3]int{1, 1, 1}}
	rank := w.rank()
	if rank < 1 || rank > 3 {
		return n, fmt.Errorf("a kernel of %d spatial dimensions: 1 to 3 are supported", rank)
	}
	for _, err := range [...]error{
		set(&n.kernel, "kernel", w.Kernel, rank, 1),
		set(&n.stride, "strides", w.Strides, rank, 1),
		set(&n.dilation, "dilations", w.Dilations, rank, 1),
		set(&n.begin, "pads at the begin", w.PadsBegin, rank, 0),
		set(&n.end, "pads at the end", w.PadsEnd, rank, 0),
	} {
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// set checks one attribute, unless it is nil, and copies it to the end of to.
func set(to *[3]int, name string, from []int, rank, least int) error {
	if from == nil {
		return nil
	}
	if len(from) != rank {
		return fmt.Errorf("%s have %d dimensions, the kernel has %d", name, len(from), rank)
	}
	for i, v := range from {
		if v < least || v >= sizeLimit {
			return fmt.Errorf("%s are %v: each must be from %d to 2^31-1", name, slices.Clone(from), least)
		}
		to[3-rank+i] = v
	}
	return nil
}

// extent is how many elements of dimension d the window spans.
func (w *window) extent(d int) int { return (w.kernel[d]-1)*w.dilation[d] + 1 }

// volume is the number of taps, and an error beyond 2^31.
func (w *window) volume() (int, error) { return product(w.kernel[:]...) }

// spatial checks the spatial sizes of an input and puts 1s before them.
func spatial(in []int, rank int) ([3]int, error) {
	s := [3]int{1, 1, 1}
	if len(in) != rank {
		return s, fmt.Errorf("the input has %d spatial dimensions, the kernel has %d", len(in), rank)
	}
	for i, v := range in {
		if v < 0 || v >= sizeLimit {
			return s, fmt.Errorf("the input's spatial sizes are %v: each must be from 0 to 2^31-1", in)
		}
		s[3-rank+i] = v
	}
	return s, nil
}

// output is the size of each output dimension, rounded down, or up where ceil is
// set; a window that would then begin in the padding behind the input is left out.
func (w *window) output(in [3]int, ceil bool) ([3]int, error) {
	var out [3]int
	for d := range out {
		padded := in[d] + w.begin[d] + w.end[d]
		room := padded - w.extent(d)
		if room < 0 {
			return out, fmt.Errorf("the window spans %d elements, the padded input has %d", w.extent(d), padded)
		}
		out[d] = room/w.stride[d] + 1
		if ceil && room%w.stride[d] != 0 && out[d]*w.stride[d] < in[d]+w.begin[d] {
			out[d]++
		}
	}
	return out, nil
}

// OutputShape is the spatial shape of a convolution's or, with ceil for ceil_mode,
// a pooling's output of an input with spatial shape in.
//
// It returns an error when w is not valid, or when the window spans more than the
// padded input.
func (w Window) OutputShape(in []int, ceil bool) ([]int, error) {
	n, err := w.normalise()
	if err != nil {
		return nil, err
	}
	s, err := spatial(in, w.rank())
	if err != nil {
		return nil, err
	}
	out, err := n.output(s, ceil)
	if err != nil {
		return nil, err
	}
	return out[3-w.rank():], nil
}

// SamePads are the pads of auto_pad SAME_UPPER, or SAME_LOWER where lower is set,
// which make the output's size the input's divided by the strides, rounded up. The
// pads of w itself do not matter.
func (w Window) SamePads(in []int, lower bool) (begin, end []int, err error) {
	w.PadsBegin, w.PadsEnd = nil, nil
	n, err := w.normalise()
	if err != nil {
		return nil, nil, err
	}
	s, err := spatial(in, w.rank())
	if err != nil {
		return nil, nil, err
	}
	for d := 3 - w.rank(); d < 3; d++ {
		out := (s[d] + n.stride[d] - 1) / n.stride[d]
		total := max(0, (out-1)*n.stride[d]+n.extent(d)-s[d])
		small, large := total/2, total-total/2
		if lower {
			small, large = large, small
		}
		begin, end = append(begin, small), append(end, large)
	}
	return begin, end, nil
}

// product multiplies sizes, and says when the result passes 2^31.
func product(sizes ...int) (int, error) {
	p := 1
	for _, s := range sizes {
		if s < 0 {
			return 0, fmt.Errorf("a size of %d: sizes are not negative", s)
		}
		if s != 0 && p > math.MaxInt32/s {
			return 0, fmt.Errorf("sizes %v multiply to more than 2^31", slices.Clone(sizes)) // sizes itself stays on the stack
		}
		p *= s
	}
	return p, nil
}

// checkLength says when a slice is not of the length that a shape asks for.
func checkLength(name string, got int, sizes ...int) error {
	want, err := product(sizes...)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if got != want {
		return fmt.Errorf("%s has %d elements, its shape %v asks for %d", name, got, slices.Clone(sizes), want)
	}
	return nil
}

// overlap is the range of outputs o, out of n, for which tap k of dimension d meets
// the input: 0 <= o*stride + k*dilation - begin < in.
func (w *window) overlap(d, k, in, n int) (lo, hi int) {
	shift := k*w.dilation[d] - w.begin[d]
	if shift < 0 {
		lo = (-shift + w.stride[d] - 1) / w.stride[d]
	}
	if last := in - 1 - shift; last >= 0 {
		hi = min(n, last/w.stride[d]+1)
	}
	return lo, max(lo, hi)
}
