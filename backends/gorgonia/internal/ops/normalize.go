package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// normalizations are the operators that shift and scale by a mean and a deviation.
func normalizations() []op.Spec {
	return []op.Spec{
		{Name: "BatchNormalization", Since: 1, MinIn: 5, MaxIn: 5, MaxOut: 5, Compile: batchNormalization},
		{Name: "GroupNormalization", Since: 18, MinIn: 3, MaxIn: 3, Compile: op.Widen(groupNormalization)},
		{Name: "InstanceNormalization", Since: 1, MinIn: 3, MaxIn: 3, Compile: op.Widen(instanceNormalization)},
		{Name: "LayerNormalization", Since: 1, MinIn: 2, MaxIn: 3, MaxOut: 3, Compile: op.Widen(layerNormalization, 1, 2)},
		{Name: "LpNormalization", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(lpNormalization)},
		{Name: "LRN", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(localResponse)},
		{Name: "MeanVarianceNormalization", Since: 9, MinIn: 1, MaxIn: 1, Compile: op.Widen(meanVariance)},
		{Name: "RMSNormalization", Since: 23, MinIn: 2, MaxIn: 2, Compile: op.Widen(rmsNormalization)},
	}
}

// float are the Go types that operators on real numbers compute with.
type float interface{ float32 | float64 }

// byFloat picks what computes with the type of input 0.
func byFloat(n *op.Node, single, double func() (*op.Plan, error)) (*op.Plan, error) {
	switch n.In[0].Type {
	case tensor.FP32:
		return single()
	case tensor.FP64:
		return double()
	}
	return nil, n.Unsupportedf("a tensor of %s, expected floating-point numbers", n.In[0].Type)
}

// moments are the mean and the variance of a row.
func moments[T float](x []T) (mean, variance float64) {
	if s, ok := any(x).([]float32); ok {
		m := vec.Mean(s)
		return float64(m), float64(vec.Variance(s, m))
	}
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		d := float64(v) - mean
		variance += d * d
	}
	return mean, variance / float64(len(x))
}

// scaleShift is dst = x*scale + shift.
func scaleShift[T float](dst, x []T, scale, shift float64) {
	if d, ok := any(dst).([]float32); ok {
		vec.ScaleShift(d, any(x).([]float32), float32(scale), float32(shift))
		return
	}
	for i, v := range x {
		dst[i] = T(float64(v)*scale + shift)
	}
}

// tail are the parameters of a normalization of rows: one for each element of a row, or,
// when it is full, for each element of the tensor.
type tail struct {
	input int
	shape []int // that they are broadcast to
	same  bool  // whether they have that shape already
	full  bool
}

// tailOf checks that input i broadcasts to a tensor of a shape, whose rows begin at axis.
func tailOf(n *op.Node, i int, shape []int, axis int) (*tail, error) {
	if err := n.Want(i, n.In[0].Type); err != nil {
		return nil, err
	}
	s := n.In[i].Shape
	if out, err := op.Broadcast(shape, s); err != nil || !slices.Equal(out, shape) {
		return nil, n.Errorf("input %d has shape %v, which does not broadcast to %v", i, s, shape)
	}
	t := &tail{input: i, shape: shape[axis:]}
	if outer := len(s) - len(t.shape); outer > 0 && tensor.Size(s[:outer]) != 1 {
		t.full, t.shape = true, shape
	}
	t.same = tensor.Size(s) == tensor.Size(t.shape)
	return t, nil
}

// values are the parameters, spread where they broadcast.
func (t *tail) values(r *op.Run, in []*tensor.Tensor) *tensor.Tensor {
	if t == nil {
		return nil
	}
	from := in[t.input]
	if t.same {
		return from
	}
	size := tensor.Size(t.shape) * tensor.ItemSize(from.Type)
	to := &tensor.Tensor{Type: from.Type, Shape: t.shape, Data: r.Scratch(size)}
	spread(r, to, &tensor.Tensor{Type: from.Type, Shape: trimmed(from.Shape, len(t.shape)), Data: from.Data})
	return to
}

// trimmed is a shape without the leading ones beyond a rank.
func trimmed(shape []int, rank int) []int { return shape[max(0, len(shape)-rank):] }

// rowAt is row i of parameters.
func rowAt[T float](p *tensor.Tensor, full bool, i, width int) []T {
	if p == nil {
		return nil
	}
	if !full {
		i = 0
	}
	return tensor.As[T](p)[i*width:][:width]
}

// layerNormalization normalizes all dimensions from an axis on as one row, and gives the
// mean and the reciprocal of the deviation of each, too.
//
// See https://onnx.ai/onnx/operators/onnx__LayerNormalization.html
func layerNormalization(n *op.Node) (*op.Plan, error) {
	return byFloat(n,
		func() (*op.Plan, error) {
			return overRows(n, func(dst, x, scale, shift []float32, epsilon float32) (float64, float64) {
				mean, inv := vec.LayerNorm(dst, x, scale, shift, epsilon)
				return float64(mean), float64(inv)
			})
		},
		func() (*op.Plan, error) { return overRows(n, layerNormRow) })
}

func layerNormRow(dst, x, scale, shift []float64, epsilon float32) (mean, inv float64) {
	mean, variance := moments(x)
	inv = 1 / math.Sqrt(variance+float64(epsilon))
	for i, v := range x {
		dst[i] = (v - mean) * inv * scale[i]
		if shift != nil {
			dst[i] += shift[i]
		}
	}
	return mean, inv
}

// rmsNormalization divides all dimensions from an axis on by the root of the mean of
// their squares.
//
// See https://onnx.ai/onnx/operators/onnx__RMSNormalization.html
func rmsNormalization(n *op.Node) (*op.Plan, error) {
	return byFloat(n,
		func() (*op.Plan, error) {
			return overRows(n, func(dst, x, scale, _ []float32, epsilon float32) (float64, float64) {
				inv := float64(vec.RMSNorm(dst, x, scale, epsilon))
				return inv, inv
			})
		},
		func() (*op.Plan, error) {
			return overRows(n, func(dst, x, scale, _ []float64, epsilon float32) (float64, float64) {
				square := 0.0
				for _, v := range x {
					square += v * v
				}
				inv := 1 / math.Sqrt(square/float64(len(x))+float64(epsilon))
				for i, v := range x {
					dst[i] = v * inv * scale[i]
				}
				return inv, inv
			})
		})
}

// overRows is the plan of a normalization of rows that has parameters for each element.
func overRows[T float](n *op.Node, f func(dst, x, scale, shift []T, epsilon float32) (first, second float64)) (*op.Plan, error) {
	shape := n.In[0].Shape
	axis, err := n.Axis(n.Int("axis", -1), len(shape))
	if err != nil {
		return nil, err
	}
	scale, err := tailOf(n, 1, shape, axis)
	if err != nil {
		return nil, err
	}
	var shift *tail
	if n.Has(2) {
		if shift, err = tailOf(n, 2, shape, axis); err != nil {
			return nil, err
		}
	}
	stash := tensor.Type(n.Int("stash_type", int64(tensor.FP32)) & 0xff)
	if stash != tensor.FP32 && stash != tensor.FP64 && stash != tensor.FP16 && stash != tensor.BF16 {
		return nil, n.Errorf("stash_type is %d, expected a floating-point type", stash)
	}
	outer, width := tensor.Size(shape[:axis]), tensor.Size(shape[axis:])
	outs := []op.Info{op.Out(n.In[0].Type, shape...)}
	for i := 1; i < len(n.Outs); i++ {
		outs = append(outs, op.Out(stash, append(slices.Clone(shape[:axis]), ones(len(shape)-axis)...)...))
		if !n.Wants(i) {
			outs[i] = op.Info{}
		}
	}
	epsilon := n.Float("epsilon", 1e-5)
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, y := tensor.As[T](in[0]), tensor.As[T](out[0])
		s, b := scale.values(r, in), shift.values(r, in)
		var saved [2][]float64
		for i := 1; i < len(out); i++ {
			if out[i] != nil {
				saved[i-1] = tensor.View[float64](r.Scratch(8 * outer))
			}
		}
		r.For(outer, max(1, grain/max(1, width)), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				at := i * width
				first, second := f(y[at:at+width], x[at:at+width], rowAt[T](s, scale.full, i, width), rowAt[T](b, shift != nil && shift.full, i, width), epsilon)
				if saved[0] != nil {
					saved[0][i] = first
				}
				if saved[1] != nil {
					saved[1][i] = second
				}
			}
		})
		for i := 1; i < len(out); i++ {
			if out[i] == nil {
				continue
			}
			if err := putFloats(out[i], saved[i-1]); err != nil {
				return err
			}
		}
		return nil
	}, outs...)
	if err == nil && scale.same && !scale.full && (shift == nil || !shift.full) {
		p.InPlaceOf(0)
	}
	return p, err
}

// perChannel checks that inputs are one parameter for each of count channels.
func perChannel(n *op.Node, count int, inputs ...int) error {
	for _, i := range inputs {
		if !n.Has(i) || tensor.Size(n.In[i].Shape) != count {
			return n.Errorf("input %d has not one element for each of %d", i, count)
		}
	}
	return nil
}

// groupNormalization normalizes groups of channels. Its parameters are one for each
// group before version 21, and for each channel from then on.
//
// See https://onnx.ai/onnx/operators/onnx__GroupNormalization.html
func groupNormalization(n *op.Node) (*op.Plan, error) {
	if n.Rank(0) < 2 {
		return nil, n.Errorf("shape %v has no channels", n.In[0].Shape)
	}
	channels := n.In[0].Shape[1]
	groups := n.Int("num_groups", 0)
	if groups < 1 || int64(channels)%groups != 0 {
		return nil, n.Errorf("%d channels do not make %d groups", channels, groups)
	}
	parameters := channels
	if n.Version < 21 && tensor.Size(n.In[1].Shape) == int(groups) {
		parameters = int(groups)
	}
	return inGroups(n, int(groups), parameters)
}

// instanceNormalization normalizes each channel of each sample.
//
// See https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html
func instanceNormalization(n *op.Node) (*op.Plan, error) {
	if n.Rank(0) < 2 {
		return nil, n.Errorf("shape %v has no channels", n.In[0].Shape)
	}
	return inGroups(n, n.In[0].Shape[1], n.In[0].Shape[1])
}

func inGroups(n *op.Node, groups, parameters int) (*op.Plan, error) {
	if err := n.SameType(0, 1, 2); err != nil {
		return nil, err
	}
	if err := perChannel(n, parameters, 1, 2); err != nil {
		return nil, err
	}
	return byFloat(n,
		func() (*op.Plan, error) { return grouped[float32](n, groups, parameters) },
		func() (*op.Plan, error) { return grouped[float64](n, groups, parameters) })
}

func grouped[T float](n *op.Node, groups, parameters int) (*op.Plan, error) {
	shape := n.In[0].Shape
	channels, area := shape[1], tensor.Size(shape[2:])
	epsilon := float64(n.Float("epsilon", 1e-5))
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, y := tensor.As[T](in[0]), tensor.As[T](out[0])
		if len(y) == 0 {
			return nil
		}
		scale, shift := tensor.As[T](in[1]), tensor.As[T](in[2])
		per := channels / groups
		width := per * area
		r.For(shape[0]*groups, max(1, grain/width), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				mean, variance := moments(x[i*width:][:width])
				inv := 1 / math.Sqrt(variance+epsilon)
				for c := range per {
					k := (i%groups*per + c) * parameters / channels
					a := inv * float64(scale[k])
					at := i*width + c*area
					scaleShift(y[at:at+area], x[at:at+area], a, float64(shift[k])-mean*a)
				}
			}
		})
		return nil
	}, op.Out(n.In[0].Type, shape...))
	if err != nil {
		return nil, err
	}
	return p.InPlaceOf(0), nil
}

// batchNormalization normalizes each channel by statistics that are given, or, when
// training, by those of the batch.
//
// See https://onnx.ai/onnx/operators/onnx__BatchNormalization.html
func batchNormalization(n *op.Node) (*op.Plan, error) {
	wide := func(i int) bool { return n.In[i].Type != tensor.FP16 && n.In[i].Type != tensor.BF16 }
	for i := range 5 {
		if !n.Has(i) {
			return nil, n.Errorf("input %d is missing", i)
		}
	}
	var keep []int
	if wide(0) {
		keep = append(keep, 0)
	}
	if wide(3) {
		keep = append(keep, 1, 2, 3, 4)
	}
	return op.Widen(batchNormalizationWide, keep...)(n)
}

func batchNormalizationWide(n *op.Node) (*op.Plan, error) {
	b := &batch{count: 1, channels: 1, area: 1, epsilon: float64(n.Float("epsilon", 1e-5)), momentum: float64(n.Float("momentum", 0.9))}
	shape := n.In[0].Shape
	switch {
	case len(shape) == 1:
		b.count = shape[0]
	case len(shape) > 1:
		b.count, b.channels, b.area = shape[0], shape[1], tensor.Size(shape[2:])
	}
	if n.Version < 9 && !n.Flag("spatial", true) {
		b.channels, b.area = b.channels*b.area, 1
	}
	if err := perChannel(n, b.channels, 1, 2, 3, 4); err != nil {
		return nil, err
	}
	switch {
	case n.Version >= 14:
		b.training = n.Flag("training_mode", false)
	case n.Version < 7:
		b.training = !n.Flag("is_test", false) && n.Wants(1)
	default:
		b.training = n.Wants(1) || n.Wants(2)
	}
	outs := []op.Info{op.Out(n.In[0].Type, shape...)}
	for i := 1; i < len(n.Outs); i++ {
		outs = append(outs, op.Out(n.In[3].Type, b.channels))
		if !n.Wants(i) {
			outs[i] = op.Info{}
		}
	}
	return byFloat(n,
		func() (*op.Plan, error) {
			p, err := batchPlan[float32](b, outs)
			if err == nil && !b.training && len(outs) == 1 && b.area >= shortRow {
				p.Each = b.each(n)
			}
			return p, err
		},
		func() (*op.Plan, error) { return batchPlan[float64](b, outs) })
}

// batch is how BatchNormalization walks its input: count samples of channels of area
// elements.
type batch struct {
	count, channels, area int
	epsilon, momentum     float64
	training              bool
}

func batchPlan[T float](b *batch, outs []op.Info) (*op.Plan, error) {
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		var given [4][]float64 // scale, shift, mean, variance
		for i := range given {
			var err error
			if given[i], err = in[i+1].Float64s(); err != nil {
				return err
			}
		}
		mean, variance := given[2], given[3]
		x, y := tensor.As[T](in[0]), tensor.As[T](out[0])
		if b.training {
			mean, variance = batchStatistics(r, b, x)
		}
		if err := b.save(out, given[2], given[3], mean, variance); err != nil {
			return err
		}
		scale, shift := affine[T](b, given, mean, variance)
		applyBatch(r, b, y, x, scale, shift)
		return nil
	}, outs...)
	if err != nil {
		return nil, err
	}
	return p.InPlaceOf(0), nil
}

// affine is what a normalization does to each channel: it scales, then shifts.
func affine[T float](b *batch, given [4][]float64, mean, variance []float64) (scale, shift []T) {
	scale, shift = make([]T, b.channels), make([]T, b.channels)
	for c := range scale {
		a := given[0][c] / math.Sqrt(variance[c]+b.epsilon)
		scale[c], shift[c] = T(a), T(given[1][c]-mean[c]*a)
	}
	return scale, shift
}

// each goes along the input, when the statistics and parameters are constant.
func (b *batch) each(n *op.Node) []op.Each {
	var given [4][]float64
	for i := range given {
		t := n.In[i+1].Tensor()
		if t == nil {
			return nil
		}
		v, err := t.Float64s()
		if err != nil {
			return nil
		}
		given[i] = v
	}
	scale, shift := affine[float32](b, given, given[2], given[3])
	return []op.Each{func(_ []*tensor.Tensor, dst, src []float32, at int) {
		for done := 0; done < len(dst); {
			c, within := (at+done)/b.area%b.channels, (at+done)%b.area
			size := min(b.area-within, len(dst)-done)
			vec.ScaleShift(dst[done:][:size], src[done:][:size], scale[c], shift[c])
			done += size
		}
	}}
}

// save writes the running statistics, and, before version 14, those of the batch.
func (b *batch) save(out []*tensor.Tensor, oldMean, oldVariance, mean, variance []float64) error {
	for i := 1; i < len(out); i++ {
		if out[i] == nil {
			continue
		}
		now, old := mean, oldMean
		if i%2 == 0 {
			now, old = variance, oldVariance
		}
		values := slices.Clone(now)
		if i < 3 && b.training {
			for c := range values {
				values[c] = old[c]*b.momentum + now[c]*(1-b.momentum)
			}
		}
		if err := putFloats(out[i], values); err != nil {
			return err
		}
	}
	return nil
}

func batchStatistics[T float](r *op.Run, b *batch, x []T) (mean, variance []float64) {
	mean, variance = make([]float64, b.channels), make([]float64, b.channels)
	n := float64(b.count * b.area)
	r.For(b.channels, max(1, grain/max(1, b.count*b.area)), func(lo, hi int) {
		for c := lo; c < hi; c++ {
			sum, squares := 0.0, 0.0
			for pass := range 2 {
				for i := range b.count {
					for _, v := range x[(i*b.channels+c)*b.area:][:b.area] {
						if pass == 0 {
							sum += float64(v)
						} else {
							squares += (float64(v) - sum/n) * (float64(v) - sum/n)
						}
					}
				}
			}
			mean[c], variance[c] = sum/n, squares/n
		}
	})
	return mean, variance
}

func applyBatch[T float](r *op.Run, b *batch, y, x, scale, shift []T) {
	if b.area == 1 { // rows of channels
		r.For(b.count, max(1, grain/max(1, b.channels)), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				at := i * b.channels
				mulAdd(y[at:at+b.channels], x[at:at+b.channels], scale, shift)
			}
		})
		return
	}
	r.For(b.count*b.channels, max(1, grain/max(1, b.area)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			at, c := i*b.area, i%b.channels
			scaleShift(y[at:at+b.area], x[at:at+b.area], float64(scale[c]), float64(shift[c]))
		}
	})
}

func mulAdd[T float](dst, x, scale, shift []T) {
	if d, ok := any(dst).([]float32); ok {
		vec.MulAdd(d, any(x).([]float32), any(scale).([]float32), any(shift).([]float32))
		return
	}
	for i, v := range x {
		dst[i] = v*scale[i] + shift[i]
	}
}

// lpNormalization divides by the sum of magnitudes, or the root of the sum of squares,
// along an axis; where that is 0 everything is, and stays so.
func lpNormalization(n *op.Node) (*op.Plan, error) {
	p := n.Int("p", 2)
	if p != 1 && p != 2 {
		return nil, n.Errorf("p is %d, expected 1 or 2", p)
	}
	axis, err := n.Axis(n.Int("axis", -1), n.Rank(0))
	if err != nil {
		return nil, err
	}
	shape := n.In[0].Shape
	f := rowFunction{lpRow[float32](p), lpRow[float64](p)}
	return rowsOf(n, f, tensor.Size(shape[:axis]), shape[axis], tensor.Size(shape[axis+1:]))
}

func lpRow[T float](p int64) func(dst, x []T) {
	return func(dst, x []T) {
		norm := 0.0
		for _, v := range x {
			if p == 1 {
				norm += math.Abs(float64(v))
			} else {
				norm += float64(v) * float64(v)
			}
		}
		if p == 2 {
			norm = math.Sqrt(norm)
		}
		if norm == 0 {
			norm = 1
		}
		for i, v := range x {
			dst[i] = T(float64(v) / norm)
		}
	}
}

// localResponse divides by a power of the sum of squares of neighbouring channels.
//
// See https://onnx.ai/onnx/operators/onnx__LRN.html
func localResponse(n *op.Node) (*op.Plan, error) {
	if n.Rank(0) < 2 {
		return nil, n.Errorf("shape %v has no channels", n.In[0].Shape)
	}
	size := n.Int("size", 0)
	if size < 1 {
		return nil, n.Errorf("size is %d, expected at least 1", size)
	}
	l := &response{
		channels: n.In[0].Shape[1], area: tensor.Size(n.In[0].Shape[2:]),
		alpha: float64(n.Float("alpha", 1e-4)) / float64(size), beta: float64(n.Float("beta", 0.75)), bias: float64(n.Float("bias", 1)),
	}
	l.before = int(min((size-1)/2, int64(l.channels)))
	l.after = int(min(size-1-(size-1)/2, int64(l.channels)))
	return byFloat(n,
		func() (*op.Plan, error) { return responsePlan[float32](n, l) },
		func() (*op.Plan, error) { return responsePlan[float64](n, l) })
}

// response is LRN's walk: before and after are how many neighbours count.
type response struct {
	channels, area    int
	before, after     int
	alpha, beta, bias float64
}

func responsePlan[T float](n *op.Node, l *response) (*op.Plan, error) {
	shape := n.In[0].Shape
	const piece = 256 // columns at a time
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, y := tensor.As[T](in[0]), tensor.As[T](out[0])
		if len(y) == 0 {
			return nil
		}
		pieces := (l.area + piece - 1) / piece
		r.For(shape[0]*pieces, 1, func(lo, hi int) {
			var sums [piece]float64
			for i := lo; i < hi; i++ {
				from := i % pieces * piece
				width := min(piece, l.area-from)
				at := i/pieces*l.channels*l.area + from
				for c := range l.channels {
					if r.Stopped() {
						return
					}
					clear(sums[:width])
					for k := max(0, c-l.before); k <= min(l.channels-1, c+l.after); k++ {
						for j, v := range x[at+k*l.area:][:width] {
							sums[j] += float64(v) * float64(v)
						}
					}
					row := y[at+c*l.area:][:width]
					for j, v := range x[at+c*l.area:][:width] {
						row[j] = T(float64(v) / l.power(l.bias+l.alpha*sums[j]))
					}
				}
			}
		})
		return nil
	}, op.Out(n.In[0].Type, shape...))
}

// power raises to beta, whose usual value needs roots only.
func (l *response) power(v float64) float64 {
	if l.beta == 0.75 {
		root := math.Sqrt(v)
		return root * math.Sqrt(root)
	}
	return math.Pow(v, l.beta)
}

// meanVariance takes the mean off and divides by the deviation.
//
// See https://onnx.ai/onnx/operators/onnx__MeanVarianceNormalization.html
func meanVariance(n *op.Node) (*op.Plan, error) {
	given := n.Ints("axes")
	if !n.Attr("axes") {
		given = []int64{0, 2, 3}
	}
	axes, err := n.Axes(given, n.Rank(0))
	if err != nil {
		return nil, err
	}
	w := newReduction(n.In[0].Shape, axes)
	return byFloat(n,
		func() (*op.Plan, error) { return meanVariancePlan[float32](n, w) },
		func() (*op.Plan, error) { return meanVariancePlan[float64](n, w) })
}

func meanVariancePlan[T float](n *op.Node, w *reduction) (*op.Plan, error) {
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, y := tensor.As[T](in[0]), tensor.As[T](out[0])
		if len(y) == 0 {
			return nil
		}
		r.For(w.outputs, max(1, grain/w.count), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				if w.count > 1024 && r.Stopped() {
					return
				}
				base, mean, variance := w.base(i), 0.0, 0.0
				w.each(base, func(at, n, step int) {
					for k := range n {
						mean += float64(x[at+k*step])
					}
				})
				mean /= float64(w.count)
				w.each(base, func(at, n, step int) {
					for k := range n {
						d := float64(x[at+k*step]) - mean
						variance += d * d
					}
				})
				inv := 1 / (math.Sqrt(variance/float64(w.count)) + 1e-9)
				w.each(base, func(at, n, step int) {
					for k := range n {
						y[at+k*step] = T((float64(x[at+k*step]) - mean) * inv)
					}
				})
			}
		})
		return nil
	}, op.Out(n.In[0].Type, n.In[0].Shape...))
	if err != nil {
		return nil, err
	}
	return p.InPlaceOf(0), nil
}
