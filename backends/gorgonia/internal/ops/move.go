package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// move copies a block of elements from one array to another. Element (i, j, ...) of
// shape is read fromAt + i*from[0] + j*from[1] + ..., and written at the same of to.
// Whoever makes it sees to it that all of that is inside of both arrays.
type move struct {
	shape, to, from []int
	toAt, fromAt    int
}

// simple is the same move in as few dimensions as can be.
func (m move) simple() *move {
	s := &move{toAt: m.toAt, fromAt: m.fromAt}
	for i, n := range m.shape {
		last := len(s.shape) - 1
		switch {
		case n == 1:
		case last >= 0 && s.to[last] == n*m.to[i] && s.from[last] == n*m.from[i]:
			s.shape[last] *= n
			s.to[last], s.from[last] = m.to[i], m.from[i]
		default:
			s.shape, s.to, s.from = append(s.shape, n), append(s.to, m.to[i]), append(s.from, m.from[i])
		}
	}
	if len(s.shape) == 0 {
		s.shape, s.to, s.from = []int{1}, []int{1}, []int{1}
	}
	return s
}

// do copies the elements of one tensor to another of the same type.
func (m *move) do(r *op.Run, to, from *tensor.Tensor) {
	pickItem(to.Type, doMove[uint8], doMove[uint16], doMove[uint32], doMove[uint64], doMove[complex128], doMove[string])(r, m, to, from)
}

// moveRun is the Run of an operator that is one move, of input 0.
func moveRun(m move) runFunc {
	s := m.simple()
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		s.do(r, out[0], in[0])
		return nil
	}
}

func doMove[T item](r *op.Run, m *move, to, from *tensor.Tensor) {
	if tensor.Size(m.shape) == 0 {
		return
	}
	dst, src := items[T](to), items[T](from)
	if j := m.turned(); j >= 0 {
		turn(r, dst, src, m, j)
		return
	}
	copyLines(r, dst, src, m)
}

// maxLine is how many elements of a line are copied at once.
const maxLine = 1 << 16

// copyLines goes by lines along the last dimension.
func copyLines[T item](r *op.Run, dst, src []T, m *move) {
	last := len(m.shape) - 1
	n, ds, ss := m.shape[last], m.to[last], m.from[last]
	pieces := (n + maxLine - 1) / maxLine
	size := (n + pieces - 1) / pieces
	r.For(tensor.Size(m.shape[:last])*pieces, grainOf(size), func(lo, hi int) {
		w := newWalk(m.shape[:last], m.to, m.from, lo/pieces)
		for i := lo; i < hi; i++ {
			at := i % pieces * size
			line(dst, m.toAt+w.to+at*ds, ds, src, m.fromAt+w.from+at*ss, ss, min(size, n-at))
			if i%pieces == pieces-1 {
				w.next()
			}
		}
	})
}

// line copies n elements by strides.
func line[T item](dst []T, d, ds int, src []T, s, ss, n int) {
	switch {
	case n <= 0:
	case ds == 1 && ss == 1:
		copy(dst[d:d+n], src[s:s+n])
	case ds == 1 && ss == 0:
		repeat(dst[d:d+n], src[s])
	case ds == 1:
		to := dst[d : d+n]
		for i := range to {
			to[i] = src[s]
			s += ss
		}
	default:
		for range n {
			dst[d] = src[s]
			d += ds
			s += ss
		}
	}
}

// repeat fills dst with one element.
func repeat[T item](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// walk goes through the elements of a shape, in order, with an offset in two arrays.
type walk struct {
	shape          []int
	toStep, fromBy []int
	at             []int
	to, from       int
}

// newWalk begins at the element of that number.
func newWalk(shape, to, from []int, number int) *walk {
	w := &walk{shape: shape, toStep: to, fromBy: from, at: make([]int, len(shape))}
	for i := len(shape) - 1; i >= 0; i-- {
		w.at[i] = number % shape[i]
		number /= shape[i]
		w.to += w.at[i] * to[i]
		w.from += w.at[i] * from[i]
	}
	return w
}

func (w *walk) next() {
	for i := len(w.shape) - 1; i >= 0; i-- {
		w.at[i]++
		w.to += w.toStep[i]
		w.from += w.fromBy[i]
		if w.at[i] < w.shape[i] {
			return
		}
		w.to -= w.at[i] * w.toStep[i]
		w.from -= w.at[i] * w.fromBy[i]
		w.at[i] = 0
	}
}

// turned is a dimension along which what is read is dense, while what is written is
// dense along the last; -1 when there is none.
func (m *move) turned() int {
	last := len(m.shape) - 1
	if m.to[last] != 1 || m.from[last] <= 1 {
		return -1
	}
	for j := range last {
		if m.from[j] == 1 && m.to[j] >= m.shape[last] && m.from[last] >= m.shape[j] {
			return j
		}
	}
	return -1
}

// turn goes by matrices of dimension j and the last one, in tiles.
func turn[T item](r *op.Run, dst, src []T, m *move, j int) {
	last := len(m.shape) - 1
	rows, cols := m.shape[last], m.shape[j]
	high, wide := min(rows, max(256, leastPiece/cols&^15)), min(cols, max(256, leastPiece/rows&^15))
	down, across := (rows+high-1)/high, (cols+wide-1)/wide
	without := func(s []int) []int {
		return append(append(make([]int, 0, len(s)), s[:j]...), s[j+1:last]...)
	}
	shape, to, from := without(m.shape), without(m.to), without(m.from)
	tiles := down * across
	r.For(tensor.Size(shape)*tiles, grainOf(high*wide), func(lo, hi int) {
		w := newWalk(shape, to, from, lo/tiles)
		for i := lo; i < hi; i++ {
			y, x := i%tiles/across*high, i%across*wide
			d := dst[m.toAt+w.to+x*m.to[j]+y:]
			s := src[m.fromAt+w.from+y*m.from[last]+x:]
			transposeItems(d, m.to[j], s, m.from[last], min(high, rows-y), min(wide, cols-x))
			if i%tiles == tiles-1 {
				w.next()
			}
		}
	})
}

// transposeItems is vec.Transpose for every item.
func transposeItems[T item](dst []T, dstStride int, src []T, srcStride, rows, cols int) {
	switch d := any(dst).(type) {
	case []uint8:
		vec.Transpose(d, dstStride, any(src).([]uint8), srcStride, rows, cols)
	case []uint16:
		vec.Transpose(d, dstStride, any(src).([]uint16), srcStride, rows, cols)
	case []uint32:
		vec.Transpose(d, dstStride, any(src).([]uint32), srcStride, rows, cols)
	case []uint64:
		vec.Transpose(d, dstStride, any(src).([]uint64), srcStride, rows, cols)
	default:
		for j := range cols {
			for i := range rows {
				dst[j*dstStride+i] = src[i*srcStride+j]
			}
		}
	}
}
