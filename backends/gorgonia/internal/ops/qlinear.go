package ops

import (
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// qLinears are the operators on bytes that stand for numbers by a scale and a zero point,
// as ONNX Runtime's quantizer writes them.
func qLinears() []op.Spec {
	specs := []op.Spec{
		{Name: "DequantizeLinear", MinIn: 2, MaxIn: 3, Compile: like(21, dequantizeLinear)},
		{Name: "QuantizeLinear", MinIn: 2, MaxIn: 3, Compile: like(21, quantizeLinear)},
		{Name: "QLinearAdd", MinIn: 2, MaxIn: 8, Compile: qLinearPair(vec.Add)},
		{Name: "QLinearAveragePool", MinIn: 2, MaxIn: 5, Compile: qLinearPooling(averagePool)},
		{Name: "QLinearConcat", MinIn: 5, MaxIn: -1, Compile: qLinearConcat},
		{Name: "QLinearConv", MinIn: 8, MaxIn: 9, Compile: qLinearConvAnyOrder},
		{Name: "QLinearGlobalAveragePool", MinIn: 2, MaxIn: 5, Compile: qLinearPooling(globalAverage)},
		{Name: "QLinearLeakyRelu", MinIn: 2, MaxIn: 5, Compile: qLinearLeakyRelu},
		{Name: "QLinearMul", MinIn: 2, MaxIn: 8, Compile: qLinearPair(vec.Mul)},
		{Name: "QLinearReduceMean", MinIn: 2, MaxIn: 5, Compile: qLinearReduceMean},
		{Name: "QLinearSigmoid", MinIn: 2, MaxIn: 5, Compile: func(n *op.Node) (*op.Plan, error) { return byTable(n, func(dst []float32) { vec.Sigmoid(dst, dst) }) }},
		{Name: "QLinearSoftmax", MinIn: 2, MaxIn: 5, Compile: qLinearSoftmax},
		{Name: "QLinearWhere", MinIn: 9, MaxIn: 9, Compile: qLinearWhere},
	}
	for i := range specs {
		specs[i].Domain, specs[i].Since = microsoft, 1
	}
	return specs
}

// levels are the inputs with a scale and a zero point of bytes, which may be left out.
type levels struct{ scale, zero int }

// check checks them for bytes of a type.
func (l levels) check(n *op.Node, t tensor.Type) error {
	if err := n.Want(l.scale, tensor.FP32); err != nil {
		return err
	}
	if tensor.Size(n.In[l.scale].Shape) != 1 {
		return n.Errorf("input %d has shape %v, expected one scale", l.scale, n.In[l.scale].Shape)
	}
	if n.Has(l.zero) && (n.In[l.zero].Type != t || tensor.Size(n.In[l.zero].Shape) != 1) {
		return n.Errorf("input %d is %s%v, expected one zero point of %s", l.zero, n.In[l.zero].Type, n.In[l.zero].Shape, t)
	}
	return nil
}

// read are the scale and the zero point, as the byte that stands for it.
func (l levels) read(in []*tensor.Tensor) (scale float32, zero uint8) {
	scale = tensor.As[float32](in[l.scale])[0]
	if z := at(in, l.zero); z != nil {
		zero = z.Data[0]
	}
	return scale, zero
}

// toReals are bytes as numbers.
func toReals(dst []float32, src []byte, t tensor.Type, scale float32, zero uint8) {
	if t == tensor.I8 {
		vec.DequantizeInt8(dst, tensor.View[int8](src), scale, int8(zero))
		return
	}
	vec.DequantizeUint8(dst, src, scale, zero)
}

// toBytes are numbers as bytes.
func toBytes(dst []byte, src []float32, t tensor.Type, scale float32, zero uint8) {
	if t == tensor.I8 {
		vec.QuantizeInt8(tensor.View[int8](dst), src, scale, int8(zero))
		return
	}
	vec.QuantizeUint8(dst, src, scale, zero)
}

// wantBytes checks that inputs are bytes of one type.
func wantBytes(n *op.Node, inputs ...int) error {
	for _, i := range inputs {
		if err := n.Want(i, tensor.U8, tensor.I8); err != nil {
			return err
		}
		if err := n.SameType(inputs[0], i); err != nil {
			return err
		}
	}
	return nil
}

// bytesAtOnce is how many bytes are widened at once, so that they stay in the cache.
const bytesAtOnce = 1024

// qLinearPair computes a function of two operands that broadcast.
func qLinearPair(f func(dst, a, b []float32)) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		if err := wantBytes(n, 0, 3); err != nil {
			return nil, err
		}
		t := n.In[0].Type
		a, b, c := levels{1, 2}, levels{4, 5}, levels{6, 7}
		for _, l := range []levels{a, b, c} {
			if err := l.check(n, t); err != nil {
				return nil, err
			}
		}
		shape, err := op.Broadcast(n.In[0].Shape, n.In[3].Shape)
		if err != nil {
			return nil, err
		}
		w := pair(shape, n.In[0].Shape, n.In[3].Shape)
		return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
			scaleA, zeroA := a.read(in)
			scaleB, zeroB := b.read(in)
			scaleC, zeroC := c.read(in)
			w.each(r, func(to, n, fromA, fromB int) {
				var x, y [bytesAtOnce]float32
				for lo := 0; lo < n; lo += bytesAtOnce {
					k := min(bytesAtOnce, n-lo)
					widenRow8(x[:k], in[0].Data[fromA+lo*w.moveA:], w.moveA, t, scaleA, zeroA)
					widenRow8(y[:k], in[3].Data[fromB+lo*w.moveB:], w.moveB, t, scaleB, zeroB)
					f(x[:k], x[:k], y[:k])
					toBytes(out[0].Data[to+lo:][:k], x[:k], t, scaleC, zeroC)
				}
			})
			return nil
		}, op.Out(t, shape...))
	}
}

// widenRow8 is a row of bytes, or one that stands for all, as numbers.
func widenRow8(dst []float32, src []byte, move int, t tensor.Type, scale float32, zero uint8) {
	if move == 1 {
		toReals(dst, src[:len(dst)], t, scale, zero)
		return
	}
	toReals(dst[:1], src[:1], t, scale, zero)
	for i := range dst {
		dst[i] = dst[0]
	}
}

// byTable computes a function of each byte, of which there are 256. f changes numbers in
// place.
func byTable(n *op.Node, f func(x []float32)) (*op.Plan, error) {
	if err := wantBytes(n, 0); err != nil {
		return nil, err
	}
	t := n.In[0].Type
	x, y := levels{1, 2}, levels{3, 4}
	for _, l := range []levels{x, y} {
		if err := l.check(n, t); err != nil {
			return nil, err
		}
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		var table [256]byte
		scale, zero := x.read(in)
		to, toZero := y.read(in)
		fillTable(&table, t, scale, zero, to, toZero, f)
		lookUp(r, out[0].Data, in[0].Data, &table)
		return nil
	}, op.Out(t, n.In[0].Shape...))
}

func fillTable(table *[256]byte, t tensor.Type, scale float32, zero uint8, to float32, toZero uint8, f func(x []float32)) {
	var all [256]byte
	var v [256]float32
	for i := range all {
		all[i] = byte(i)
	}
	toReals(v[:], all[:], t, scale, zero)
	if f != nil {
		f(v[:])
	}
	toBytes(table[:], v[:], t, to, toZero)
}

func lookUp(r *op.Run, dst, src []byte, table *[256]byte) {
	r.For(len(dst), grain, func(lo, hi int) {
		d, s := dst[lo:hi], src[lo:hi]
		for i, b := range s[:len(d)] {
			d[i] = table[b]
		}
	})
}

func qLinearLeakyRelu(n *op.Node) (*op.Plan, error) {
	alpha := n.Float("alpha", 0.01)
	return byTable(n, func(x []float32) { vec.LeakyRelu(x, x, alpha) })
}

// throughReals computes an operator of ai.onnx on the numbers that bytes stand for: m is
// its node, whose inputs named by operands are these numbers.
func throughReals(n, m *op.Node, compile func(*op.Node) (*op.Plan, error), operands map[int]levels, to levels) (*op.Plan, error) {
	t := tensor.U8
	m.In = slices.Clone(m.In)
	for i, l := range operands {
		if err := wantBytes(n, i); err != nil {
			return nil, err
		}
		t = n.In[i].Type
		if err := l.check(n, t); err != nil {
			return nil, err
		}
		m.In[i] = &op.Info{Kind: n.In[i].Kind, Type: tensor.FP32, Shape: n.In[i].Shape}
	}
	if err := to.check(n, t); err != nil {
		return nil, err
	}
	p, err := compiled(m, compile)
	if err != nil {
		return nil, err
	}
	if p.Run == nil && p.ViewOf == 0 || len(p.Out) != 1 || p.Out[0].Type != tensor.FP32 {
		return nil, n.Unsupportedf("it computes no one tensor of numbers")
	}
	shape := p.Out[0].Shape
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		reals := slices.Clone(in)
		for i, l := range operands {
			x, err := scratchTensor(r, tensor.FP32, in[i].Shape)
			if err != nil {
				return err
			}
			scale, zero := l.read(in)
			dst, src, t := tensor.As[float32](x), in[i].Data, in[i].Type
			r.For(len(dst), grain, func(lo, hi int) { toReals(dst[lo:hi], src[lo:hi], t, scale, zero) })
			reals[i] = x
		}
		y := &tensor.Tensor{}
		if p.ViewOf > 0 {
			y = reals[p.ViewOf-1]
		} else {
			var err error
			if y, err = scratchTensor(r, tensor.FP32, shape); err != nil {
				return err
			}
			if err := p.Run(r, reals, []*tensor.Tensor{y}); err != nil {
				return err
			}
		}
		scale, zero := to.read(in)
		src := tensor.As[float32](y)
		r.For(len(src), grain, func(lo, hi int) { toBytes(out[0].Data[lo:hi], src[lo:hi], t, scale, zero) })
		return r.Err()
	}, op.Out(t, shape...))
}

// fromFirst is throughReals of an operator on input 0 alone.
func fromFirst(n, m *op.Node, compile func(*op.Node) (*op.Plan, error)) (*op.Plan, error) {
	m.In = n.In[:1]
	return throughReals(n, m, compile, map[int]levels{0: {1, 2}}, levels{3, 4})
}

// qLinearPooling pools numbers, of channels that may come last.
func qLinearPooling(compile func(*op.Node) (*op.Plan, error)) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		c := compile
		if n.Flag("channels_last", false) {
			c = channelsLast(compile, 0)
		}
		return fromFirst(n, another(n, "", 11), c)
	}
}

func qLinearConvAnyOrder(n *op.Node) (*op.Plan, error) {
	m := another(n, "", 10)
	if n.Flag("channels_last", false) {
		return compiled(m, channelsLast(qLinearConv, 0))
	}
	return compiled(m, qLinearConv)
}

func qLinearReduceMean(n *op.Node) (*op.Plan, error) {
	return fromFirst(n, another(n, "", 11), reduce(reducers["ReduceMean"]))
}

func qLinearSoftmax(n *op.Node) (*op.Plan, error) {
	f := rowFunction{vec.Softmax, softmaxRow}
	version, compile := 13, alongAxis(f)
	if n.Int("opset", 13) < 13 {
		version, compile = 1, alongFlat(f)
	}
	m := another(n, "", version, intAttr("axis", n.Int("axis", -1)))
	return fromFirst(n, m, compile)
}

// qLinearWhere picks of two tensors of bytes, and gives them new levels.
func qLinearWhere(n *op.Node) (*op.Plan, error) {
	if err := wantBytes(n, 1, 4); err != nil {
		return nil, err
	}
	x, y, z := levels{2, 3}, levels{5, 6}, levels{7, 8}
	t := n.In[1].Type
	for _, l := range []levels{x, y, z} {
		if err := l.check(n, t); err != nil {
			return nil, err
		}
	}
	p, err := picked(another(n, "", 16), where, 0, 1, 4)
	if err != nil {
		return nil, err
	}
	run := p.Run
	p.InPlace = nil
	p.Run = func(r *op.Run, in, out []*tensor.Tensor) error {
		again := slices.Clone(in)
		to, toZero := z.read(in)
		for i, l := range map[int]levels{1: x, 4: y} {
			scale, zero := l.read(in)
			s, err := relevelled(r, t, in[i], scale, zero, to, toZero)
			if err != nil {
				return err
			}
			again[i] = s
		}
		return run(r, again, out)
	}
	return p, nil
}

// relevelled returns v, whose bytes of type t have the levels of scale and zero, with
// those of toScale and toZero, in scratch memory of the run.
func relevelled(r *op.Run, t tensor.Type, v *tensor.Tensor, scale float32, zero uint8, toScale float32, toZero uint8) (*tensor.Tensor, error) {
	var table [256]byte
	fillTable(&table, t, scale, zero, toScale, toZero, nil)
	s, err := scratchTensor(r, t, v.Shape)
	if err == nil {
		lookUp(r, s.Data, v.Data, &table)
	}
	return s, err
}

// qLinearConcat joins tensors of bytes, and gives them the levels of inputs 0 and 1.
func qLinearConcat(n *op.Node) (*op.Plan, error) {
	if (len(n.In)-2)%3 != 0 {
		return nil, n.Errorf("there are %d inputs, expected 2 and 3 for each tensor", len(n.In))
	}
	var order []int
	for i := 2; i < len(n.In); i += 3 {
		if err := wantBytes(n, 1, i); err != nil {
			return nil, err
		}
		if err := (levels{i + 1, i + 2}).check(n, n.In[1].Type); err != nil {
			return nil, err
		}
		order = append(order, i)
	}
	t := n.In[1].Type
	to := levels{0, 1}
	if err := to.check(n, t); err != nil {
		return nil, err
	}
	p, err := picked(another(n, "", 13), concat, order...)
	if err != nil || p.Run == nil {
		return p, err
	}
	run := p.Run
	p.InPlace = nil
	p.Run = func(r *op.Run, in, out []*tensor.Tensor) error {
		again := slices.Clone(in)
		scaleY, zeroY := to.read(in)
		for _, i := range order {
			scale, zero := (levels{i + 1, i + 2}).read(in)
			if scale == scaleY && zero == zeroY {
				continue
			}
			s, err := relevelled(r, t, in[i], scale, zero, scaleY, zeroY)
			if err != nil {
				return err
			}
			again[i] = s
		}
		return run(r, again, out)
	}
	return p, nil
}
