package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// reductions are the operators that make one number of many along axes.
func reductions() []op.Spec {
	var specs []op.Spec
	for name, r := range reducers {
		specs = append(specs, op.Spec{Name: name, Since: 1, MinIn: 1, MaxIn: 2, Compile: op.Widen(reduce(r))})
	}
	return append(specs,
		op.Spec{Name: "ArgMax", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(argument(true))},
		op.Spec{Name: "ArgMin", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(argument(false))},
		op.Spec{Name: "CumSum", Since: 11, MinIn: 2, MaxIn: 2, Compile: op.Widen(cumulate(add))},
		op.Spec{Name: "CumProd", Since: 1, MinIn: 2, MaxIn: 2, Compile: op.Widen(cumulate(mul))},
	)
}

// reducer is one reduction: what an accumulator starts from, how it takes an element,
// and what becomes of it.
type reducer struct {
	start float64
	take  func(acc, x float64) float64
	end   func(acc float64, count int) float64
	// wide is the same on integers, exactly; nil where the result is not one.
	wide func(acc, x int64) int64
	// row reduces a row of float32, quickly; nil where there is no kernel. join adds a
	// row to a row of accumulators.
	row  func(x []float32) float32
	join func(acc, x []float32)
	// shift says that the largest element is to be taken off first, as logarithms of
	// sums of exponentials need.
	shift bool
}

func plus(acc, x float64) float64     { return acc + x }
func plusWide(acc, x int64) int64     { return acc + x }
func addRows(acc, x []float32)        { vec.Add(acc, acc, x) }
func square(acc, x float64) float64   { return acc + x*x }
func end(acc float64, _ int) float64  { return acc }
func logEnd(a float64, _ int) float64 { return math.Log(a) }

var reducers = map[string]*reducer{
	"ReduceSum":  {take: plus, end: end, wide: plusWide, row: vec.Sum, join: addRows},
	"ReduceMean": {take: plus, end: func(acc float64, n int) float64 { return acc / float64(n) }, row: vec.Sum, join: addRows},
	"ReduceMax": {start: math.Inf(-1), take: func(acc, x float64) float64 { return max(acc, x) }, end: end,
		wide: func(acc, x int64) int64 { return max(acc, x) }, row: vec.MaxOf, join: func(acc, x []float32) { vec.Max(acc, acc, x) }},
	"ReduceMin": {start: math.Inf(1), take: func(acc, x float64) float64 { return min(acc, x) }, end: end,
		wide: func(acc, x int64) int64 { return min(acc, x) }, row: vec.MinOf, join: func(acc, x []float32) { vec.Min(acc, acc, x) }},
	"ReduceProd": {start: 1, take: func(acc, x float64) float64 { return acc * x }, end: end, wide: func(acc, x int64) int64 { return acc * x }},
	"ReduceL1": {take: func(acc, x float64) float64 { return acc + math.Abs(x) }, end: end,
		wide: func(acc, x int64) int64 { return acc + max(x, -x) }, row: vec.SumAbs},
	"ReduceL2":        {take: square, end: func(acc float64, _ int) float64 { return math.Sqrt(acc) }, row: vec.SumSquares},
	"ReduceSumSquare": {take: square, end: end, wide: func(acc, x int64) int64 { return acc + x*x }, row: vec.SumSquares},
	"ReduceLogSum":    {take: plus, end: logEnd, row: vec.Sum},
	"ReduceLogSumExp": {take: func(acc, x float64) float64 { return acc + math.Exp(x) }, end: logEnd, shift: true},
}

// axesOf reads the axes that a node reduces: an attribute before a version, and an
// input from it on. None are all, unless the node says that none are none.
func axesOf(n *op.Node, since int) (axes []int, none bool, err error) {
	var given []int64
	if n.Version >= since || n.Has(1) {
		if n.Has(1) {
			if given, err = n.IntsOf(1); err != nil {
				return nil, false, err
			}
		}
	} else {
		given = n.Ints("axes")
	}
	if len(given) == 0 {
		if n.Flag("noop_with_empty_axes", false) {
			return nil, true, nil
		}
		axes = make([]int, n.Rank(0))
		for i := range axes {
			axes[i] = i
		}
		return axes, false, nil
	}
	axes, err = n.Axes(given, n.Rank(0))
	return axes, false, err
}

// reducedShape is the shape that is left, and with dimensions of 1 kept.
func reducedShape(shape, axes []int, keep bool) []int {
	var out []int
	for i, d := range shape {
		switch {
		case !slices.Contains(axes, i):
			out = append(out, d)
		case keep:
			out = append(out, 1)
		}
	}
	return out
}

func reduce(d *reducer) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		since := 18
		if n.Op == "ReduceSum" {
			since = 13
		}
		axes, none, err := axesOf(n, since)
		if err != nil {
			return nil, err
		}
		if none { // each element by itself
			axes = nil
			if d.row != nil && (n.Op == "ReduceSum" || n.Op == "ReduceMean" || n.Op == "ReduceMax" || n.Op == "ReduceMin") || n.Op == "ReduceProd" {
				return op.View(0, op.Out(n.In[0].Type, n.In[0].Shape...))
			}
		}
		shape := reducedShape(n.In[0].Shape, axes, n.Flag("keepdims", true))
		w := newReduction(n.In[0].Shape, axes)
		return d.plan(n, w, op.Out(n.In[0].Type, shape...))
	}
}

// reduction is how a tensor is walked: outputs by reduced elements. Neighbouring
// dimensions that are both kept or both reduced are one.
type reduction struct {
	kept, reduced         []int // sizes
	keptStride, redStride []int
	outputs, count        int
}

func newReduction(shape, axes []int) *reduction {
	w := &reduction{outputs: 1, count: 1}
	stride, was := 1, -1
	for i := len(shape) - 1; i >= 0; i-- {
		is := 0
		sizes, strides := &w.kept, &w.keptStride
		if slices.Contains(axes, i) {
			is, sizes, strides = 1, &w.reduced, &w.redStride
			w.count *= shape[i]
		} else {
			w.outputs *= shape[i]
		}
		if is == was {
			(*sizes)[0] *= shape[i]
		} else {
			*sizes = slices.Insert(*sizes, 0, shape[i])
			*strides = slices.Insert(*strides, 0, stride)
		}
		stride *= shape[i]
		was = is
	}
	return w
}

// base is where the elements of output i begin.
func (w *reduction) base(i int) int {
	at := 0
	for k := len(w.kept) - 1; k >= 0; k-- {
		at += i % w.kept[k] * w.keptStride[k]
		i /= w.kept[k]
	}
	return at
}

// each calls visit with the offset of each run of elements of one output, of n elements
// step apart.
func (w *reduction) each(base int, visit func(at, n, step int)) {
	if w.count == 0 {
		return
	}
	if len(w.reduced) == 0 {
		visit(base, 1, 1)
		return
	}
	last := len(w.reduced) - 1
	runs := w.count / w.reduced[last]
	for r := range runs {
		at, i := base, r
		for k := last - 1; k >= 0; k-- {
			at += i % w.reduced[k] * w.redStride[k]
			i /= w.reduced[k]
		}
		visit(at, w.reduced[last], w.redStride[last])
	}
}

// plan chooses how to reduce by the type and the axes.
func (d *reducer) plan(n *op.Node, w *reduction, out op.Info) (*op.Plan, error) {
	run := func(f func(r *op.Run, in, out *tensor.Tensor)) (*op.Plan, error) {
		return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
			f(r, in[0], out[0])
			return nil
		}, out)
	}
	rows := len(w.reduced) == 1 && w.redStride[0] == 1
	lines := len(w.reduced) == 1 && len(w.kept) > 0 && w.keptStride[len(w.kept)-1] == 1 && w.count > 0
	switch t := n.In[0].Type; t {
	case tensor.FP32:
		switch {
		case rows && d.row != nil && w.count > 0:
			return run(func(r *op.Run, in, out *tensor.Tensor) {
				d.byRows(r, w, tensor.As[float32](in), tensor.As[float32](out))
			})
		case d.row != nil && w.count > 0 && len(w.reduced) > 0 && w.redStride[len(w.redStride)-1] == 1:
			return run(func(r *op.Run, in, out *tensor.Tensor) {
				d.byRuns(r, w, tensor.As[float32](in), tensor.As[float32](out))
			})
		case lines && d.join != nil:
			return run(func(r *op.Run, in, out *tensor.Tensor) {
				d.byLines(r, w, tensor.As[float32](in), tensor.As[float32](out))
			})
		}
		return run(reals[float32](d, w))
	case tensor.FP64:
		return run(reals[float64](d, w))
	case tensor.I8:
		return run(integral[int8](d, w))
	case tensor.I16:
		return run(integral[int16](d, w))
	case tensor.I32:
		return run(integral[int32](d, w))
	case tensor.I64:
		return run(integral[int64](d, w))
	case tensor.U8:
		return run(integral[uint8](d, w))
	case tensor.U16:
		return run(integral[uint16](d, w))
	case tensor.U32:
		return run(integral[uint32](d, w))
	case tensor.U64:
		return run(integral[uint64](d, w))
	case tensor.Bool:
		if n.Op == "ReduceMax" || n.Op == "ReduceMin" {
			return run(integral[uint8](d, w))
		}
	}
	return nil, n.Unsupportedf("a tensor of %s", n.In[0].Type)
}

// byRows reduces the innermost dimension.
func (d *reducer) byRows(r *op.Run, w *reduction, in, out []float32) {
	r.For(w.outputs, max(1, grain/w.count), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			out[i] = float32(d.end(float64(d.row(in[i*w.count:][:w.count])), w.count))
		}
	})
}

// byRuns reduces the innermost dimension and others around it.
func (d *reducer) byRuns(r *op.Run, w *reduction, in, out []float32) {
	join := plus // what the kernels of rows give is a sum
	if math.IsInf(d.start, 0) {
		join = d.take
	}
	r.For(w.outputs, max(1, grain/w.count), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if w.count > 1024 && r.Stopped() {
				return
			}
			acc := d.start
			w.each(w.base(i), func(at, n, _ int) { acc = join(acc, float64(d.row(in[at:][:n]))) })
			out[i] = float32(d.end(acc, w.count))
		}
	})
}

// byLines reduces a dimension with others behind it, a line of accumulators at a time.
func (d *reducer) byLines(r *op.Run, w *reduction, in, out []float32) {
	width := w.kept[len(w.kept)-1]
	if width == 0 {
		return
	}
	// Lines are cut in pieces, so that one output with long lines still has many.
	piece := min(width, 1024)
	pieces := (width + piece - 1) / piece
	r.For(w.outputs/width*pieces, max(1, grain/max(1, w.count*piece)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if r.Stopped() {
				return
			}
			line, from := i/pieces, i%pieces*piece
			acc := out[line*width+from:][:min(piece, width-from)]
			base := w.base(line*width) + from
			copy(acc, in[base:])
			for k := 1; k < w.count; k++ {
				d.join(acc, in[base+k*w.redStride[0]:][:len(acc)])
			}
			if d == reducers["ReduceMean"] {
				vec.MulScalar(acc, acc, 1/float32(w.count))
			}
		}
	})
}

// reals reduces in float64, in any layout.
func reals[T float32 | float64](d *reducer, w *reduction) func(r *op.Run, in, out *tensor.Tensor) {
	return func(r *op.Run, in, out *tensor.Tensor) {
		x, y := tensor.As[T](in), tensor.As[T](out)
		r.For(w.outputs, max(1, grain/max(1, w.count)), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				if w.count > 1024 && r.Stopped() {
					return
				}
				base := w.base(i)
				y[i] = T(d.one(w, base, func(at int) float64 { return float64(x[at]) }))
			}
		})
	}
}

func (d *reducer) one(w *reduction, base int, at func(int) float64) float64 {
	off := 0.0
	if d.shift {
		off = math.Inf(-1)
		w.each(base, func(from, n, step int) {
			for k := range n {
				off = max(off, at(from+k*step))
			}
		})
		if math.IsInf(off, 0) {
			return off
		}
	}
	acc := d.start
	w.each(base, func(from, n, step int) {
		for k := range n {
			acc = d.take(acc, at(from+k*step)-off)
		}
	})
	return d.end(acc, w.count) + off
}

// integral reduces integers: exactly where the result is one, else in float64, cut off.
func integral[T integer](d *reducer, w *reduction) func(r *op.Run, in, out *tensor.Tensor) {
	return func(r *op.Run, in, out *tensor.Tensor) {
		x, y := tensor.View[T](in.Data), tensor.View[T](out.Data)
		r.For(w.outputs, max(1, grain/max(1, w.count)), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				if w.count > 1024 && r.Stopped() {
					return
				}
				base := w.base(i)
				if d.wide == nil || w.count == 0 {
					y[i] = fromReal[T](d.one(w, base, func(at int) float64 { return float64(x[at]) }))
					continue
				}
				y[i] = exact(d, w, base, x)
			}
		})
	}
}

// fromReal cuts off, and keeps what is beyond the type at its bounds, as the smallest and
// largest of no elements are.
func fromReal[T integer](v float64) T {
	low, high := bounds[T]()
	switch {
	case v != v:
		return 0
	case v <= float64(low):
		return low
	case v >= float64(high):
		return high
	}
	return T(v)
}

func bounds[T integer]() (low, high T) {
	var zero T
	all := ^zero
	if all > 0 { // unsigned
		return 0, all
	}
	high = 1
	for h := high; h > 0; h = h<<1 | 1 {
		high = h
	}
	return ^high, high
}

// exact reduces without leaving the type. uint64 beyond int64 keep their order by an
// offset when they are compared.
func exact[T integer](d *reducer, w *reduction, base int, x []T) T {
	_, top := bounds[T]()
	flip := int64(0)
	if uint64(top) > math.MaxInt64 && (d == reducers["ReduceMax"] || d == reducers["ReduceMin"]) {
		flip = math.MinInt64
	}
	first := true
	acc := int64(d.start * 0)
	if d == reducers["ReduceProd"] {
		acc = 1
	}
	w.each(base, func(from, n, step int) {
		for k := range n {
			v := int64(x[from+k*step]) ^ flip
			if first && math.IsInf(d.start, 0) {
				acc, first = v, false
				continue
			}
			acc = d.wide(acc, v)
		}
	})
	return T(acc ^ flip)
}

// argument finds where the largest or smallest element along an axis is.
//
// See https://onnx.ai/onnx/operators/onnx__ArgMax.html
func argument(largest bool) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		axis, err := n.Axis(n.Int("axis", 0), n.Rank(0))
		if err != nil {
			return nil, err
		}
		if n.In[0].Shape[axis] == 0 && tensor.Size(n.In[0].Shape[:axis])*tensor.Size(n.In[0].Shape[axis+1:]) > 0 {
			return nil, n.Errorf("dimension %d has no elements", axis)
		}
		last := n.Flag("select_last_index", false)
		w := newReduction(n.In[0].Shape, []int{axis})
		out := op.Out(tensor.I64, reducedShape(n.In[0].Shape, []int{axis}, n.Flag("keepdims", true))...)
		find := map[tensor.Type]func(r *op.Run, in, out []*tensor.Tensor) error{
			tensor.FP32: finder[float32](w, largest, last), tensor.FP64: finder[float64](w, largest, last),
			tensor.I8: finder[int8](w, largest, last), tensor.I16: finder[int16](w, largest, last), tensor.I32: finder[int32](w, largest, last), tensor.I64: finder[int64](w, largest, last),
			tensor.U8: finder[uint8](w, largest, last), tensor.U16: finder[uint16](w, largest, last), tensor.U32: finder[uint32](w, largest, last), tensor.U64: finder[uint64](w, largest, last),
		}[n.In[0].Type]
		if find == nil {
			return nil, n.Unsupportedf("a tensor of %s, expected numbers", n.In[0].Type)
		}
		return op.Static(find, out)
	}
}

func finder[T integer | float32 | float64](w *reduction, largest, last bool) func(r *op.Run, in, out []*tensor.Tensor) error {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		x, y := tensor.As[T](in[0]), tensor.As[int64](out[0])
		r.For(w.outputs, max(1, grain/max(1, w.count)), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				if w.count > 1024 && r.Stopped() {
					return
				}
				base, stride := w.base(i), w.redStride[0]
				best, at := x[base], 0
				for k := 1; k < w.count; k++ {
					v := x[base+k*stride]
					better := v > best
					if !largest {
						better = v < best
					}
					if better || last && v == best || v != v && best == best {
						best, at = v, k
					}
				}
				y[i] = int64(at)
			}
		})
		return nil
	}
}

// cumulate adds up, or multiplies, along an axis.
func cumulate(c code) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		given, err := n.IntOf(1)
		if err != nil {
			return nil, err
		}
		axis, err := n.Axis(given, n.Rank(0))
		if err != nil {
			return nil, err
		}
		w := newReduction(n.In[0].Shape, []int{axis})
		s := sweep{c: c, exclusive: n.Flag("exclusive", false), reverse: n.Flag("reverse", false)}
		run := map[tensor.Type]func(r *op.Run, in, out []*tensor.Tensor) error{
			tensor.FP32: sweeper[float32](w, s), tensor.FP64: sweeper[float64](w, s), tensor.I32: sweeper[int32](w, s), tensor.I64: sweeper[int64](w, s),
			tensor.U32: sweeper[uint32](w, s), tensor.U64: sweeper[uint64](w, s),
		}[n.In[0].Type]
		if run == nil {
			return nil, n.Unsupportedf("a tensor of %s", n.In[0].Type)
		}
		return op.Static(run, op.Out(n.In[0].Type, n.In[0].Shape...))
	}
}

type sweep struct {
	c                  code
	exclusive, reverse bool
}

func sweeper[T int32 | int64 | uint32 | uint64 | float32 | float64](w *reduction, s sweep) func(r *op.Run, in, out []*tensor.Tensor) error {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		x, y := tensor.As[T](in[0]), tensor.As[T](out[0])
		r.For(w.outputs, max(1, grain/max(1, w.count)), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				if w.count > 1024 && r.Stopped() {
					return
				}
				base, stride := w.base(i), w.redStride[0]
				if s.reverse {
					base, stride = base+(w.count-1)*stride, -stride
				}
				acc := T(0)
				if s.c == mul {
					acc = 1
				}
				for k := range w.count {
					at := base + k*stride
					before := acc
					if s.c == mul {
						acc *= x[at]
					} else {
						acc += x[at]
					}
					y[at] = acc
					if s.exclusive {
						y[at] = before
					}
				}
			}
		})
		return nil
	}
}
