package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// quantizers are the operators between real numbers and few bits of them.
func quantizers() []op.Spec {
	return []op.Spec{
		{Name: "DequantizeLinear", Since: 10, MinIn: 2, MaxIn: 3, Compile: dequantizeLinear},
		{Name: "DynamicQuantizeLinear", Since: 11, MinIn: 1, MaxIn: 1, MaxOut: 3, Compile: dynamicQuantizeLinear},
		{Name: "QuantizeLinear", Since: 10, MinIn: 2, MaxIn: 3, Compile: quantizeLinear},
	}
}

// granules is which scale holds for which elements: runs of elements that have one
// scale, or a row of scales, one for each.
type granules struct {
	rows, width int  // runs, and elements of one
	move        bool // whether each element of a run has its own scale
	scaleOf     func(row int) int
	// Runs of a block are shorter at the end of a dimension of size elements.
	size, block int
}

// granularity finds how the scales of input 1 lie on input 0: one for all, one for each
// index of an axis, or one for each block of an axis.
//
// See https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html
func granularity(n *op.Node) (*granules, error) {
	x, s := n.In[0].Shape, n.In[1].Shape
	if n.Has(2) && tensor.Size(n.In[2].Shape) != tensor.Size(s) {
		return nil, n.Errorf("the zero point has shape %v, and the scale %v: expected the same", n.In[2].Shape, s)
	}
	if tensor.Size(s) == 1 && len(s) <= 1 {
		return &granules{rows: 1, width: tensor.Size(x), scaleOf: func(int) int { return 0 }}, nil
	}
	given := n.Int("axis", 1)
	if len(x) == 1 {
		given = 0
	}
	axis, err := n.Axis(given, len(x))
	if err != nil {
		return nil, err
	}
	outer, size, inner := tensor.Size(x[:axis]), x[axis], tensor.Size(x[axis+1:])
	if block := n.Int("block_size", 0); block != 0 || len(s) > 1 {
		return blocks(n, axis, block)
	}
	if s[0] != size {
		return nil, n.Errorf("there are %d scales for a dimension of %d", s[0], size)
	}
	if inner == 1 {
		return &granules{rows: outer, width: size, move: true, scaleOf: func(int) int { return 0 }}, nil
	}
	return &granules{rows: outer * size, width: inner, scaleOf: func(row int) int { return row % size }}, nil
}

func blocks(n *op.Node, axis int, block int64) (*granules, error) {
	x, s := n.In[0].Shape, n.In[1].Shape
	if len(s) != len(x) {
		return nil, n.Errorf("scales of shape %v are no blocks of %v", s, x)
	}
	size, count := x[axis], s[axis]
	if block == 0 && count > 0 { // as many as there must be
		block = int64((size + count - 1) / count)
	}
	if block < 1 || int64(count) != (int64(size)+block-1)/block {
		return nil, n.Errorf("blocks of %d elements along axis %d: %v does not have scales of shape %v", block, axis, x, s)
	}
	want := slices.Clone(x)
	want[axis] = count
	if !slices.Equal(want, s) {
		return nil, n.Errorf("blocks of %d elements along axis %d: %v has scales of shape %v, found %v", block, axis, x, want, s)
	}
	b := int(min(block, int64(size)))
	outer, inner := tensor.Size(x[:axis]), tensor.Size(x[axis+1:])
	if inner == 1 {
		return &granules{rows: outer * count, width: b, size: size, block: b, scaleOf: func(row int) int { return row }}, nil
	}
	return &granules{rows: outer * size, width: inner, move: true, scaleOf: func(row int) int {
		return (row/size*count + row%size/b) * inner
	}}, nil
}

// each calls f for all runs, or pieces of one: n elements from at on, whose scale is
// number scale, or, where scales move, whose scales begin there.
func (g *granules) each(r *op.Run, f func(at, n, scale int)) {
	if g.rows == 0 || g.width == 0 {
		return
	}
	if g.rows == 1 {
		r.For(g.width, grain, func(lo, hi int) {
			s := g.scaleOf(0)
			if g.move {
				s += lo
			}
			f(lo, hi-lo, s)
		})
		return
	}
	perDim := 1
	if g.block > 0 {
		perDim = (g.size + g.block - 1) / g.block
	}
	r.For(g.rows, max(1, grain/g.width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			at, width := i*g.width, g.width
			if g.block > 0 {
				from := i % perDim * g.block
				at, width = i/perDim*g.size+from, min(g.block, g.size-from)
			}
			f(at, width, g.scaleOf(i))
		}
	})
}

// quantizedRange is what an integer type holds; not ok for other types.
func quantizedRange(t tensor.Type) (low, high float64, ok bool) {
	switch t {
	case tensor.U8:
		return 0, 255, true
	case tensor.I8:
		return -128, 127, true
	case tensor.U16:
		return 0, 65535, true
	case tensor.I16:
		return -32768, 32767, true
	case tensor.U4:
		return 0, 15, true
	case tensor.I4:
		return -8, 7, true
	case tensor.U2:
		return 0, 3, true
	case tensor.I2:
		return -2, 1, true
	case tensor.I32:
		return math.MinInt32, math.MaxInt32, true
	}
	return 0, 0, false
}

// scales are the scales and zero points of a run as real numbers.
func scales(in []*tensor.Tensor) (scale, zero []float64, err error) {
	if scale, err = floatsOf(in[1]); err != nil {
		return nil, nil, err
	}
	if len(in) > 2 && in[2] != nil {
		zero, err = floatsOf(in[2])
		return scale, zero, err
	}
	return scale, make([]float64, len(scale)), nil
}

func isReal(t tensor.Type) bool {
	switch t {
	case tensor.FP32, tensor.FP16, tensor.BF16, tensor.FP64:
		return true
	}
	return false
}

// quantizeLinear divides by a scale, rounds, halves to even, adds a zero point, and
// saturates.
func quantizeLinear(n *op.Node) (*op.Plan, error) {
	g, err := granularity(n)
	if err != nil {
		return nil, err
	}
	from, scale := n.In[0].Type, n.In[1].Type
	if !isReal(from) && from != tensor.I32 {
		return nil, n.Unsupportedf("a tensor of %s, expected real numbers", from)
	}
	if !isReal(scale) && scale != tensor.F8E8M0 && scale != tensor.I32 {
		return nil, n.Unsupportedf("a scale of %s, expected real numbers", scale)
	}
	to := tensor.U8
	given := n.Int("output_dtype", 0)
	switch {
	case n.Has(2):
		to = n.In[2].Type
	case given != 0:
		to = tensor.Type(given & 0xff)
	}
	if given != 0 && given != int64(to) {
		return nil, n.Errorf("output_dtype is %d, and the zero point is %s: expected the same", given, to)
	}
	q := &quantizer{granules: g, to: to, precision: scale, saturate: n.Flag("saturate", true)}
	if p := n.Int("precision", 0); p != 0 {
		q.precision = tensor.Type(p & 0xff)
	}
	if err := q.check(n); err != nil {
		return nil, err
	}
	return op.Static(q.run, op.Out(to, n.In[0].Shape...))
}

// quantizer is QuantizeLinear.
type quantizer struct {
	*granules
	to, precision tensor.Type
	saturate      bool
	low, high     float64
	mini          *minifloat // of types that are no integers
}

func (q *quantizer) check(n *op.Node) error {
	var ok bool
	if q.low, q.high, ok = quantizedRange(q.to); ok && q.to != tensor.I32 {
		return nil
	}
	m, ok := minifloats[q.to]
	if !ok {
		return n.Unsupportedf("a zero point of %s, expected integers of 16 bits or fewer, or numbers of 8 bits or fewer", q.to)
	}
	q.mini = &m
	return nil
}

func (q *quantizer) run(r *op.Run, in, out []*tensor.Tensor) error {
	scale, zero, err := scales(in)
	if err != nil {
		return err
	}
	if in[0].Type == tensor.FP32 && q.precision == tensor.FP32 && !q.move {
		x := tensor.As[float32](in[0])
		switch q.to {
		case tensor.U8:
			y := tensor.As[uint8](out[0])
			q.each(r, func(at, n, s int) {
				vec.QuantizeUint8(y[at:at+n], x[at:at+n], float32(scale[s]), uint8(zero[s]))
			})
			return nil
		case tensor.I8:
			y := tensor.As[int8](out[0])
			q.each(r, func(at, n, s int) {
				vec.QuantizeInt8(y[at:at+n], x[at:at+n], float32(scale[s]), int8(zero[s]))
			})
			return nil
		}
	}
	q.each(r, func(at, n, s int) {
		var row [256]float64
		for n > 0 {
			k := min(n, len(row))
			loadReals(row[:k], in[0], at)
			for i := range row[:k] {
				j := s
				if q.move {
					j += i
				}
				row[i] = q.one(row[i], scale[j], zero[j])
			}
			q.store(out[0], at, row[:k])
			at, n = at+k, n-k
			if q.move {
				s += k
			}
		}
	})
	return nil
}

// one quantizes a number; what goes to a float type of few bits is not rounded yet.
func (q *quantizer) one(x, scale, zero float64) float64 {
	v := rounded(x/scale, q.precision)
	if q.mini != nil {
		return v + zero
	}
	v = math.RoundToEven(v) + zero
	if !(v > q.low) { // and where it is no number
		return q.low
	}
	return min(v, q.high)
}

// rounded is a number in the precision of a type.
func rounded(v float64, t tensor.Type) float64 {
	switch t {
	case tensor.FP64:
		return v
	case tensor.FP16:
		return float64(tensor.FromFP16(tensor.ToFP16(float32(v))))
	case tensor.BF16:
		return float64(tensor.FromBF16(tensor.ToBF16(float32(v))))
	}
	return float64(float32(v))
}

func (q *quantizer) store(t *tensor.Tensor, at int, row []float64) {
	switch t.Type {
	case tensor.I16:
		dst := tensor.As[int16](t)[at:]
		for i, v := range row {
			dst[i] = int16(v)
		}
	case tensor.U16:
		dst := tensor.As[uint16](t)[at:]
		for i, v := range row {
			dst[i] = uint16(v)
		}
	default:
		dst := t.Data[at:]
		for i, v := range row {
			if q.mini != nil {
				dst[i] = q.mini.bits(float32(v), q.saturate)
			} else {
				dst[i] = byte(int(v))
			}
		}
	}
}

// loadReals reads len(dst) elements from an index on. Its types are those that numbers
// are quantized from and to.
func loadReals(dst []float64, t *tensor.Tensor, at int) {
	if m, ok := minifloats[t.Type]; ok {
		for i, b := range t.Data[at:][:len(dst)] {
			dst[i] = float64(m.value(b))
		}
		return
	}
	switch t.Type {
	case tensor.FP32:
		loadAs(dst, tensor.As[float32](t)[at:])
	case tensor.FP64:
		loadAs(dst, tensor.As[float64](t)[at:])
	case tensor.FP16:
		for i, v := range tensor.As[uint16](t)[at:][:len(dst)] {
			dst[i] = float64(tensor.FromFP16(v))
		}
	case tensor.BF16:
		for i, v := range tensor.As[uint16](t)[at:][:len(dst)] {
			dst[i] = float64(tensor.FromBF16(v))
		}
	case tensor.I32:
		loadAs(dst, tensor.As[int32](t)[at:])
	case tensor.I16:
		loadAs(dst, tensor.As[int16](t)[at:])
	case tensor.U16:
		loadAs(dst, tensor.As[uint16](t)[at:])
	case tensor.I8, tensor.I4, tensor.I2:
		loadAs(dst, tensor.As[int8](t)[at:])
	case tensor.U8, tensor.U4, tensor.U2:
		loadAs(dst, tensor.As[uint8](t)[at:])
	}
}

func loadAs[T integer | float](dst []float64, src []T) {
	for i, v := range src[:len(dst)] {
		dst[i] = float64(v)
	}
}

// dequantizeLinear takes a zero point off and multiplies by a scale.
//
// See https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
func dequantizeLinear(n *op.Node) (*op.Plan, error) {
	if err := n.SameType(0, 2); err != nil {
		return nil, err
	}
	g, err := granularity(n)
	if err != nil {
		return nil, err
	}
	from := n.In[0].Type
	_, mini := minifloats[from]
	if _, _, ok := quantizedRange(from); !ok && !mini {
		return nil, n.Unsupportedf("a tensor of %s, expected quantized numbers", from)
	}
	to := n.In[1].Type
	if t := n.Int("output_dtype", 0); t != 0 {
		to = tensor.Type(t & 0xff)
	}
	if !isReal(to) || !isReal(n.In[1].Type) && n.In[1].Type != tensor.F8E8M0 {
		return nil, n.Unsupportedf("scales of %s and results of %s, expected real numbers", n.In[1].Type, to)
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		return dequantize(r, g, in, out[0])
	}, op.Out(to, n.In[0].Shape...))
}

func dequantize(r *op.Run, g *granules, in []*tensor.Tensor, out *tensor.Tensor) error {
	scale, zero, err := scales(in)
	if err != nil {
		return err
	}
	if out.Type == tensor.FP32 {
		switch in[0].Type {
		case tensor.U8, tensor.U4, tensor.U2:
			dequantizeBytes(r, g, tensor.As[float32](out), tensor.As[uint8](in[0]), scale, zero, vec.DequantizeUint8)
			return nil
		case tensor.I8, tensor.I4, tensor.I2:
			dequantizeBytes(r, g, tensor.As[float32](out), tensor.As[int8](in[0]), scale, zero, vec.DequantizeInt8)
			return nil
		}
	}
	g.each(r, func(at, n, s int) {
		var row [256]float64
		for n > 0 {
			k := min(n, len(row))
			loadReals(row[:k], in[0], at)
			for i := range row[:k] {
				j := s
				if g.move {
					j += i
				}
				row[i] = (row[i] - zero[j]) * scale[j]
			}
			storeReals(out, at, row[:k])
			at, n = at+k, n-k
			if g.move {
				s += k
			}
		}
	})
	return nil
}

func dequantizeBytes[T int8 | uint8](r *op.Run, g *granules, y []float32, x []T, scale, zero []float64, row func(dst []float32, src []T, scale float32, zero T)) {
	if !g.move {
		g.each(r, func(at, n, s int) { row(y[at:at+n], x[at:at+n], float32(scale[s]), T(zero[s])) })
		return
	}
	g.each(r, func(at, n, s int) {
		sc, ze, dst := scale[s:s+n], zero[s:s+n], y[at:at+n]
		for i, v := range x[at : at+n] {
			dst[i] = float32((float64(v) - ze[i]) * sc[i])
		}
	})
}

// storeReals writes floating-point numbers from an index on.
func storeReals(t *tensor.Tensor, at int, row []float64) {
	switch t.Type {
	case tensor.FP32:
		dst := tensor.As[float32](t)[at:]
		for i, v := range row {
			dst[i] = float32(v)
		}
	case tensor.FP64:
		copy(tensor.As[float64](t)[at:], row)
	case tensor.FP16:
		dst := tensor.As[uint16](t)[at:]
		for i, v := range row {
			dst[i] = tensor.ToFP16(float32(v))
		}
	case tensor.BF16:
		dst := tensor.As[uint16](t)[at:]
		for i, v := range row {
			dst[i] = tensor.ToBF16(float32(v))
		}
	}
}

// dynamicQuantizeLinear quantizes to uint8 by a scale that it finds from the smallest
// and the largest element, and from 0.
//
// See https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
func dynamicQuantizeLinear(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32); err != nil {
		return nil, err
	}
	outs := []op.Info{op.Out(tensor.U8, n.In[0].Shape...), op.Out(tensor.FP32), op.Out(tensor.U8)}
	outs = outs[:min(len(outs), len(n.Outs))]
	for i := range outs {
		if !n.Wants(i) {
			outs[i] = op.Info{}
		}
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		var y []uint8
		if out[0] != nil {
			y = out[0].Data
		}
		scale, zero := quantizeToUint8(r, y, tensor.As[float32](in[0]))
		if len(out) > 1 && out[1] != nil {
			tensor.As[float32](out[1])[0] = scale
		}
		if len(out) > 2 && out[2] != nil {
			out[2].Data[0] = zero
		}
		return nil
	}, outs...)
}

// quantizeToUint8 writes numbers as bytes, where y is not nil, and says by which scale and
// zero point.
func quantizeToUint8(r *op.Run, y []uint8, x []float32) (scale float32, zero uint8) {
	low, high := extremes(r, x)
	low, high = min(low, 0), max(high, 0)
	scale = (high - low) / 255
	if scale == 0 { // all are 0, and any scale will do
		scale = 1
	}
	if z := math.RoundToEven(float64(-low / scale)); z > 0 {
		zero = uint8(min(z, 255))
	}
	if y != nil {
		r.For(len(x), grain, func(lo, hi int) { vec.QuantizeUint8(y[lo:hi], x[lo:hi], scale, zero) })
	}
	return scale, zero
}

// extremes are the smallest and the largest element.
func extremes(r *op.Run, x []float32) (low, high float32) {
	pieces := (len(x) + grain - 1) / grain
	lows, highs := make([]float32, pieces), make([]float32, pieces)
	r.For(pieces, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			piece := x[i*grain : min((i+1)*grain, len(x))]
			lows[i], highs[i] = vec.MinOf(piece), vec.MaxOf(piece)
		}
	})
	return vec.MinOf(lows), vec.MaxOf(highs)
}
