package conv

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
)

// Number is a type that MaxPoolOf takes.
type Number interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// MaxPoolOf is MaxPool for any type, and with indices: where they are not nil, they
// get the place of each largest element, of several equal ones the first, counted
// over all planes, and within a plane in row-major order, or column-major where
// columnMajor is set (storage_order 1). A window that meets nothing but padding has
// the type's lowest value, and the index -1.
//
// Of float32 without indices, MaxPool is many times faster.
func MaxPoolOf[T Number](p *pool.Pool, s Pooling, columnMajor bool, dst []T, indices []int64, src []T, planes int, in []int) error {
	w, inSize, outSize, err := s.check(len(dst), len(src), planes, in)
	if err != nil {
		return err
	}
	if indices != nil && len(indices) != len(dst) {
		return fmt.Errorf("there are %d indices for an output of %d elements", len(indices), len(dst))
	}
	size := outSize[0] * outSize[1] * outSize[2]
	p.For(planes, grainOps/16/(size+1), func(lo, hi int) {
		m := maxPooling[T]{w: w, in: inSize, out: outSize, columnMajor: columnMajor}
		for i := lo; i < hi; i++ {
			var at []int64
			if indices != nil {
				at = indices[i*size:][:size]
			}
			inPlane := inSize[0] * inSize[1] * inSize[2]
			m.plane(dst[i*size:][:size], at, src[i*inPlane:][:inPlane], int64(i*inPlane))
		}
	})
	return nil
}

type maxPooling[T Number] struct {
	w           window
	in, out     [3]int
	columnMajor bool
}

// plane does one plane, whose first element has the index first.
func (m *maxPooling[T]) plane(dst []T, indices []int64, src []T, first int64) {
	i := 0
	for od := range m.out[0] {
		for oh := range m.out[1] {
			for ow := range m.out[2] {
				value, at := m.largest(src, od, oh, ow)
				dst[i] = value
				if indices != nil {
					indices[i] = m.index(at, first)
				}
				i++
			}
		}
	}
}

// largest is the largest element of one window and its place in the plane, or -1.
func (m *maxPooling[T]) largest(src []T, od, oh, ow int) (value T, at int) {
	w := &m.w
	dLo, dHi := w.tapsOf(0, od, m.in[0])
	hLo, hHi := w.tapsOf(1, oh, m.in[1])
	wLo, wHi := w.tapsOf(2, ow, m.in[2])
	value, at = lowest[T](), -1
	for kd := dLo; kd < dHi; kd++ {
		id := od*w.stride[0] + kd*w.dilation[0] - w.begin[0]
		for kh := hLo; kh < hHi; kh++ {
			ih := oh*w.stride[1] + kh*w.dilation[1] - w.begin[1]
			row := (id*m.in[1]+ih)*m.in[2] + ow*w.stride[2] - w.begin[2]
			for kw := wLo; kw < wHi; kw++ {
				v := src[row+kw*w.dilation[2]]
				if v > value || at < 0 || v != v && value == value {
					value, at = v, row+kw*w.dilation[2]
				}
			}
		}
	}
	return value, at
}

// index is where the element at a place of a plane is counted.
func (m *maxPooling[T]) index(at int, first int64) int64 {
	if at < 0 {
		return -1
	}
	if m.columnMajor {
		d, h, w := at/(m.in[1]*m.in[2]), at/m.in[2]%m.in[1], at%m.in[2]
		at = d + (h+w*m.in[1])*m.in[0]
	}
	return first + int64(at)
}

// lowest is -Inf, or the least integer of the type.
func lowest[T Number]() T {
	var zero T
	one := zero + 1
	switch {
	case one/2 != 0: // a floating-point type
		return T(math.Inf(-1))
	case zero-1 > zero: // unsigned
		return zero
	}
	return T(int64(-1) << (8*unsafe.Sizeof(zero) - 1))
}
