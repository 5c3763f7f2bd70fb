package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// pairing is how two tensors that broadcast to one shape are walked together: rows of
// width elements, in which each of the two either moves or stands still.
type pairing struct {
	width          int
	moveA, moveB   int   // 1 or 0
	outer          []int // sizes of the dimensions around a row
	strideA        []int // elements of a between neighbours in each of outer
	strideB        []int
	rows, elements int
}

// pair plans the walk. Neighbouring dimensions that broadcast alike are one.
func pair(shape, a, b []int) *pairing {
	type group struct{ size, stepA, stepB int }
	var groups []group // from the innermost
	strideA, strideB := 1, 1
	for i := len(shape) - 1; i >= 0; i-- {
		da, db := dimension(a, len(shape)-1-i), dimension(b, len(shape)-1-i)
		stepA, stepB := strideA, strideB
		if da == 1 {
			stepA = 0
		}
		if db == 1 {
			stepB = 0
		}
		strideA *= da
		strideB *= db
		if shape[i] == 1 {
			continue
		}
		if k := len(groups) - 1; k >= 0 && stepA == groups[k].stepA*groups[k].size && stepB == groups[k].stepB*groups[k].size {
			groups[k].size *= shape[i]
			continue
		}
		groups = append(groups, group{shape[i], stepA, stepB})
	}
	p := &pairing{width: 1, rows: 1, elements: tensor.Size(shape)}
	if len(groups) > 0 {
		p.width, p.moveA, p.moveB = groups[0].size, groups[0].stepA, groups[0].stepB
		groups = groups[1:]
	}
	for i := len(groups) - 1; i >= 0; i-- {
		p.outer = append(p.outer, groups[i].size)
		p.strideA = append(p.strideA, groups[i].stepA)
		p.strideB = append(p.strideB, groups[i].stepB)
		p.rows *= groups[i].size
	}
	return p
}

// dimension is the size of a dimension counted from the last, 1 beyond the first.
func dimension(shape []int, fromLast int) int {
	if fromLast >= len(shape) {
		return 1
	}
	return shape[len(shape)-1-fromLast]
}

// offsets are where row i begins in a and b.
func (p *pairing) offsets(i int) (a, b int) {
	for k := len(p.outer) - 1; k >= 0; k-- {
		at := i % p.outer[k]
		i /= p.outer[k]
		a += at * p.strideA[k]
		b += at * p.strideB[k]
	}
	return a, b
}

// grain is how many elements of a simple operator are worth a thread.
const grain = 1 << 14

// each calls row for all rows, or for pieces of one: dst begins at to, a and b at from.
func (p *pairing) each(r *op.Run, row func(to, n, fromA, fromB int)) {
	if p.elements == 0 {
		return
	}
	if p.rows == 1 {
		r.For(p.width, grain, func(lo, hi int) { row(lo, hi-lo, lo*p.moveA, lo*p.moveB) })
		return
	}
	r.For(p.rows, max(1, grain/p.width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if p.width > grain && r.Stopped() {
				return
			}
			a, b := p.offsets(i)
			row(i*p.width, p.width, a, b)
		}
	})
}

// rowOf is how many elements of a tensor a row of n meets: all, or one that stands still.
func (p *pairing) rowOf(move, n int) int {
	if move == 0 {
		return 1
	}
	return n
}

// binaryRow computes a row: each of a and b has n elements, or one that stands for all.
type binaryRow[T, R tensor.Element] func(dst []R, a, b []T)

// binary is the plan of an operator on two tensors of one type that broadcast.
func binary[T, R tensor.Element](n *op.Node, out tensor.Type, f binaryRow[T, R]) (*op.Plan, error) {
	a, b := operandShapes(n)
	shape, err := op.Broadcast(a, b)
	if err != nil {
		return nil, err
	}
	w := pair(shape, a, b)
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		dst, x, y := tensor.As[R](out[0]), tensor.As[T](in[0]), tensor.As[T](in[1])
		w.each(r, func(to, n, fromA, fromB int) {
			f(dst[to:][:n], x[fromA:][:w.rowOf(w.moveA, n)], y[fromB:][:w.rowOf(w.moveB, n)])
		})
		return nil
	}, op.Out(out, shape...))
	if err != nil {
		return nil, err
	}
	if out == n.In[0].Type {
		for i, s := range [][]int{a, b} {
			if tensor.Size(s) == tensor.Size(shape) {
				p.InPlace = append(p.InPlace, i)
			}
		}
	}
	if f, ok := any(f).(binaryRow[float32, float32]); ok && w.width >= shortRow {
		p.Each = make([]op.Each, 2)
		for _, i := range p.InPlace {
			p.Each[i] = w.along(i, f)
		}
	}
	return p, nil
}

// shortRow is how many elements a row has at least that are worth going to by itself.
const shortRow = 8

// along is f along an input that has the shape of the output: of the other one it takes
// the elements that broadcast to the same place.
func (p *pairing) along(input int, f binaryRow[float32, float32]) op.Each {
	return func(in []*tensor.Tensor, dst, src []float32, at int) {
		other := tensor.As[float32](in[1-input])
		for done := 0; done < len(dst); {
			row, within := (at+done)/p.width, (at+done)%p.width
			n := min(p.width-within, len(dst)-done)
			from, _ := p.offsets(row)
			move := p.moveA
			if input == 0 {
				_, from = p.offsets(row)
				move = p.moveB
			}
			d, s, o := dst[done:][:n], src[done:][:n], other[from+within*move:][:p.rowOf(move, n)]
			if input == 0 {
				f(d, s, o)
			} else {
				f(d, o, s)
			}
			done += n
		}
	}
}

// operandShapes are the shapes of the first two inputs. Before version 7 the second one
// was put at an axis of the first by attributes.
func operandShapes(n *op.Node) (a, b []int) {
	a, b = n.In[0].Shape, n.In[1].Shape
	if n.Domain != "" || n.Version >= 7 || !n.Flag("broadcast", false) {
		return a, b
	}
	axis := n.Int("axis", int64(len(a)-len(b)))
	if axis < 0 {
		axis += int64(len(a))
	}
	b = append([]int{}, b...)
	for missing := len(a) - int(axis) - len(b); missing > 0 && missing < len(a); missing-- {
		b = append(b, 1)
	}
	return a, b
}

// step is 1 for a row of elements and 0 for one that stands for all.
func step[T any](row []T) int {
	if len(row) > 1 {
		return 1
	}
	return 0
}
