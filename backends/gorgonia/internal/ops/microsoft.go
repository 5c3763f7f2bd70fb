package ops

import (
	"maps"
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/passes"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// microsoft is the domain of the operators that ONNX Runtime's optimizer and quantizer
// put into models.
//
// See https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
const microsoft = "com.microsoft"

// microsofts are the operators of that domain that are those of ai.onnx, or such with
// something before or behind. Others stand beside their families.
func microsofts() []op.Spec {
	specs := []op.Spec{
		{Name: "BiasAdd", MinIn: 3, MaxIn: 3, Compile: op.Widen(biasAdd)},
		{Name: "BiasGelu", MinIn: 2, MaxIn: 2, Compile: op.Widen(biased(vec.Gelu))},
		{Name: "BiasSplitGelu", MinIn: 2, MaxIn: 2, Compile: op.Widen(biasSplitGelu)},
		{Name: "CausalConvWithState", MinIn: 2, MaxIn: 4, MaxOut: 2, Compile: plainly(op.Widen(causalConv), map[string]int64{"state_window": 0, "channels_last": 0, "dilation": 1, "ndim": 1})},
		{Name: "ConvTransposeWithDynamicPads", MinIn: 2, MaxIn: 4, Compile: dynamicPads},
		{Name: "ExpandDims", MinIn: 2, MaxIn: 2, Compile: expandDims},
		{Name: "FastGelu", MinIn: 1, MaxIn: 2, Compile: op.Widen(biased(vec.GeluTanh))},
		{Name: "FusedConv", MinIn: 2, MaxIn: 4, Compile: fusedConv},
		{Name: "FusedGemm", MinIn: 2, MaxIn: 3, Compile: fusedGemm},
		{Name: "FusedMatMul", MinIn: 2, MaxIn: 2, Compile: op.Widen(fusedMatMul)},
		{Name: "GatherND", MinIn: 2, MaxIn: 2, Compile: like(11, gatherND)},
		{Name: "Gelu", MinIn: 1, MaxIn: 1, Compile: op.Widen(real(function{vec.Gelu, func(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }}))},
		{Name: "GridSample", MinIn: 2, MaxIn: 2, Compile: like(16, op.Widen(gridSample))},
		{Name: "LinearAttention", MinIn: 3, MaxIn: 6, MaxOut: 2, Compile: plainly(linearAttention, map[string]int64{"state_window": 0})},
		{Name: "MatMulInteger16", MinIn: 2, MaxIn: 2, Compile: matMulInteger16},
		{Name: "NhwcConv", MinIn: 2, MaxIn: 3, Compile: channelsLast(op.Widen(convolution), 0)},
		{Name: "NhwcFusedConv", MinIn: 2, MaxIn: 4, Compile: channelsLast(fusedConv, 0, 3)},
		{Name: "NhwcMaxPool", MinIn: 1, MaxIn: 1, Compile: channelsLast(maxPool, 0)},
		{Name: "Pad", MinIn: 2, MaxIn: 3, Compile: like(11, pad)},
		{Name: "QuickGelu", MinIn: 1, MaxIn: 1, Compile: op.Widen(quickGelu)},
		{Name: "Range", MinIn: 2, MaxIn: 3, Compile: rangeByOne},
		{Name: "SampleOp", MinIn: 1, MaxIn: 1, Compile: like(13, identity)},
		{Name: "TransposeMatMul", MinIn: 2, MaxIn: 2, Compile: op.Widen(fusedMatMul)},
		{Name: "Trilu", MinIn: 1, MaxIn: 2, Compile: like(14, trilu)},
		{Name: "Unique", MinIn: 1, MaxIn: 1, MaxOut: 3, Compile: uniqueInOrder},
	}
	for i := range specs {
		specs[i].Domain, specs[i].Since = microsoft, 1
	}
	return specs
}

// another is a node as one of another set of operators, with some attributes set.
func another(n *op.Node, domain string, version int, attrs ...*onnx.Attribute) *op.Node {
	m := *n
	m.Domain, m.Version = domain, version
	if len(attrs) > 0 {
		m.Attributes = maps.Clone(n.Attributes)
		if m.Attributes == nil {
			m.Attributes = map[string]*onnx.Attribute{}
		}
		for _, a := range attrs {
			m.Attributes[a.Name] = a
		}
	}
	return &m
}

func intAttr(name string, v int64) *onnx.Attribute {
	return &onnx.Attribute{Name: name, Type: onnx.Int, Int: v}
}

func intsAttr(name string, v ...int64) *onnx.Attribute {
	return &onnx.Attribute{Name: name, Type: onnx.Ints, Ints: v}
}

func floatsAttrOf(name string, v ...float32) *onnx.Attribute {
	return &onnx.Attribute{Name: name, Type: onnx.Floats, Floats: v}
}

// compiled compiles a node that another has made, whose attributes nobody else checks.
func compiled(m *op.Node, compile func(*op.Node) (*op.Plan, error)) (*op.Plan, error) {
	p, err := compile(m)
	if err == nil {
		err = m.Err()
	}
	return p, err
}

// like is an operator that is one of ai.onnx in all but its name.
func like(version int, compile func(*op.Node) (*op.Plan, error)) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) { return compiled(another(n, "", version), compile) }
}

// plainly is an operator that is one of ai.onnx where the attributes that this has not are
// as if they were not there.
func plainly(compile func(*op.Node) (*op.Plan, error), idle map[string]int64) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		for name, v := range idle {
			if given := n.Int(name, v); given != v {
				return nil, n.Unsupportedf("%s is %d, this engine has %d alone", name, given, v)
			}
		}
		return compile(n)
	}
}

// picked compiles a node on some of its inputs, in an order; -1 is one left out.
func picked(m *op.Node, compile func(*op.Node) (*op.Plan, error), inputs ...int) (*op.Plan, error) {
	own := m.In
	m.In = make([]*op.Info, len(inputs))
	for i, k := range inputs {
		if k >= 0 && k < len(own) {
			m.In[i] = own[k]
		}
	}
	p, err := compiled(m, compile)
	if err != nil {
		return nil, err
	}
	for i, k := range p.InPlace {
		p.InPlace[i] = inputs[k]
	}
	switch {
	case p.ViewOf > 0:
		p.ViewOf = inputs[p.ViewOf-1] + 1
	case p.Run != nil:
		run := p.Run
		p.Run = func(r *op.Run, in, out []*tensor.Tensor) error {
			some := make([]*tensor.Tensor, len(inputs))
			for i, k := range inputs {
				if k >= 0 {
					some[i] = at(in, k)
				}
			}
			return run(r, some, out)
		}
	}
	return p, nil
}

// scratchTensor is a tensor in scratch.
func scratchTensor(r *op.Run, t tensor.Type, shape []int) (*tensor.Tensor, error) {
	size := tensor.Size(shape) * tensor.ItemSize(t)
	if err := spare(r, size); err != nil {
		return nil, err
	}
	return &tensor.Tensor{Type: t, Shape: shape, Data: r.Scratch(size)}, nil
}

// turned is a permutation of dimensions as a move to a dense array.
func turned(shape, perm []int) (move, []int) {
	to := make([]int, len(perm))
	from := make([]int, len(perm))
	own := strides(shape)
	for i, k := range perm {
		to[i], from[i] = shape[k], own[k]
	}
	return move{shape: to, to: strides(to), from: from}, to
}

// channelsPerm are the permutations that bring the last dimension behind the first, and
// back.
func channelsPerm(rank int) (forth, back []int) {
	for i := range rank {
		forth, back = append(forth, i-1), append(back, i+1)
	}
	forth[0], back[0] = 0, 0
	if rank > 1 {
		forth[1], back[rank-1] = rank-1, 1
	}
	return forth, back
}

// channelsLast makes an operator on (batch, channels, ...) one on (batch, ..., channels):
// the inputs named, and output 0, are turned around.
func channelsLast(compile func(*op.Node) (*op.Plan, error), inputs ...int) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		m := *n
		m.In = slices.Clone(n.In)
		moves := map[int]*move{}
		for _, i := range inputs {
			if !n.Has(i) {
				continue
			}
			s := n.In[i].Shape
			if len(s) < 2 {
				return nil, n.Errorf("input %d has shape %v: it has no channels", i, s)
			}
			forth, _ := channelsPerm(len(s))
			mv, shape := turned(s, forth)
			moves[i] = mv.simple()
			m.In[i] = &op.Info{Kind: n.In[i].Kind, Type: n.In[i].Type, Shape: shape}
		}
		p, err := compiled(&m, compile)
		if err != nil {
			return nil, err
		}
		if len(p.Out) != 1 || p.Run == nil {
			return nil, n.Unsupportedf("it has one output with the channels last")
		}
		inner := p.Out[0]
		_, back := channelsPerm(len(inner.Shape))
		mv, shape := turned(inner.Shape, back)
		end := mv.simple()
		return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
			first := slices.Clone(in)
			for i, mv := range moves {
				t, err := scratchTensor(r, in[i].Type, m.In[i].Shape)
				if err != nil {
					return err
				}
				mv.do(r, t, in[i])
				first[i] = t
			}
			y, err := scratchTensor(r, inner.Type, inner.Shape)
			if err != nil {
				return err
			}
			if err := p.Run(r, first, []*tensor.Tensor{y}); err != nil {
				return err
			}
			end.do(r, out[0], y)
			return r.Err()
		}, op.Out(inner.Type, shape...))
	}
}

// fusedConv is Conv with a residual and an activation.
func fusedConv(n *op.Node) (*op.Plan, error) {
	return compiled(another(n, passes.Domain, passes.Version), convolution)
}

// fusedGemm is Gemm with an activation, whose parameters are attributes of their own.
func fusedGemm(n *op.Node) (*op.Plan, error) {
	name := n.Str("activation", "")
	given := []float32{n.Float("activation_alpha", 0), n.Float("activation_beta", 0)}
	if defaults := map[string][]float32{"LeakyRelu": {0.01, 0}, "HardSigmoid": {0.2, 0.5}, "Elu": {1, 0}}[name]; defaults != nil {
		if !n.Attr("activation_alpha") {
			given[0] = defaults[0]
		}
		if !n.Attr("activation_beta") {
			given[1] = defaults[1]
		}
	}
	if name == "LeakyRelu" {
		given = given[:1]
	}
	m := another(n, passes.Domain, passes.Version, floatsAttrOf("activation_params", given...))
	return compiled(m, gemmCompile)
}

// fusedMatMul is MatMul of matrices that may be transposed, by a factor.
func fusedMatMul(n *op.Node) (*op.Plan, error) {
	if err := n.SameType(0, 1); err != nil {
		return nil, err
	}
	m := *n
	m.In = slices.Clone(n.In)
	var moves [2]*move
	for i, name := range []string{"transBatchA", "transBatchB"} {
		s := n.In[i].Shape
		if !n.Flag(name, false) || len(s) < 3 {
			continue
		}
		perm := make([]int, len(s)) // the first dimension goes before the last
		for k := range perm {
			perm[k] = k + 1
		}
		perm[len(s)-2], perm[len(s)-1] = 0, len(s)-1
		mv, shape := turned(s, perm)
		moves[i] = mv.simple()
		m.In[i] = &op.Info{Kind: n.In[i].Kind, Type: n.In[i].Type, Shape: shape}
	}
	p, shape, err := transMatMulShapes(&m)
	if err != nil {
		return nil, err
	}
	alpha := n.Float("alpha", 1)
	p.epilogue.Scale, p.epilogue.Alpha = alpha != 1, alpha
	plan, err := p.plan(&m, shape)
	if err != nil || moves[0] == nil && moves[1] == nil {
		return plan, err
	}
	run := plan.Run
	plan.Run = func(r *op.Run, in, out []*tensor.Tensor) error {
		first := slices.Clone(in)
		for i, mv := range moves {
			if mv == nil {
				continue
			}
			t, err := scratchTensor(r, in[i].Type, m.In[i].Shape)
			if err != nil {
				return err
			}
			mv.do(r, t, in[i])
			first[i] = t
		}
		return run(r, first, out)
	}
	return plan, nil
}

// transMatMulShapes is matMulShapes with transA and transB, which mean nothing to single
// rows and columns.
func transMatMulShapes(n *op.Node) (*product, []int, error) {
	a, b := n.In[0].Shape, n.In[1].Shape
	transA, transB := n.Flag("transA", false) && len(a) > 1, n.Flag("transB", false) && len(b) > 1
	if !transA && !transB {
		return matMulShapes(n, a, b)
	}
	swapped := func(s []int, swap bool) []int {
		if swap {
			s = slices.Clone(s)
			s[len(s)-2], s[len(s)-1] = s[len(s)-1], s[len(s)-2]
		}
		return s
	}
	p, shape, err := matMulShapes(n, swapped(a, transA), swapped(b, transB))
	if err != nil {
		return nil, nil, err
	}
	p.transA, p.transB = transA, transB
	if many := tensor.Size(a[:max(0, len(a)-2)]); transA && len(p.b) == 1 && many != 1 { // transposed ones are not one taller matrix
		if err := batchLimit(n, a[:len(a)-2]); err != nil {
			return nil, nil, err
		}
		p.m = a[len(a)-1]
		p.a, p.b = make([]int, many), make([]int, many)
		for i := range p.a {
			p.a[i] = i
		}
	}
	return p, shape, nil
}

// matMulInteger16 multiplies matrices of int16 in int32.
func matMulInteger16(n *op.Node) (*op.Plan, error) {
	m := *n
	m.In = slices.Clone(n.In)
	for i := range 2 {
		if err := n.Want(i, tensor.I16); err != nil {
			return nil, err
		}
		m.In[i] = &op.Info{Kind: n.In[i].Kind, Type: tensor.I32, Shape: n.In[i].Shape}
	}
	p, err := compiled(&m, matMul)
	if err != nil {
		return nil, err
	}
	run := p.Run
	p.Run = func(r *op.Run, in, out []*tensor.Tensor) error {
		var wide [2]*tensor.Tensor
		for i := range wide {
			var err error
			if wide[i], err = scratchTensor(r, tensor.I32, in[i].Shape); err != nil {
				return err
			}
			dst := tensor.As[int32](wide[i])
			for k, v := range tensor.As[int16](in[i]) {
				dst[k] = int32(v)
			}
		}
		return run(r, wide[:], out)
	}
	return p, nil
}

// lastIs checks that an input is one number for each element of the last dimension of
// input 0, and returns how many those are.
func lastIs(n *op.Node, i int) (int, error) {
	x := n.In[0].Shape
	if len(x) == 0 {
		return 0, n.Errorf("input 0 is a scalar")
	}
	last := x[len(x)-1]
	if n.Has(i) && (n.In[i].Type != n.In[0].Type || len(n.In[i].Shape) != 1 || n.In[i].Shape[0] != last) {
		return 0, n.Errorf("input %d is %s%v, expected %s[%d]", i, n.In[i].Type, n.In[i].Shape, n.In[0].Type, last)
	}
	return last, nil
}

// biased is a function of the sum of a tensor and a row, where there is one.
func biased(f func(dst, x []float32)) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		if !n.Has(1) {
			if err := n.Want(0, tensor.FP32); err != nil {
				return nil, err
			}
			return oneToOne(n, tensor.FP32, f)
		}
		return rowsWith(n, 1, 1, func(dst, x, bias []float32) {
			vec.Add(dst, x, bias)
			f(dst, dst)
		})
	}
}

// rowsWith computes rows of the last dimension of input 0 with one row of another input;
// those of the output are shorter by a part.
func rowsWith(n *op.Node, i, part int, f func(dst, x, row []float32)) (*op.Plan, error) {
	if err := wantSingles(n, 0, i); err != nil {
		return nil, err
	}
	width, err := lastIs(n, i)
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(n.In[0].Shape)
	shape[len(shape)-1] = width / part
	rows, made := tensor.Size(shape[:len(shape)-1]), width/part
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, row, y := tensor.As[float32](in[0]), tensor.As[float32](in[i]), tensor.As[float32](out[0])
		r.For(rows, grainOf(width), func(lo, hi int) {
			for k := lo; k < hi; k++ {
				f(y[k*made:][:made], x[k*width:][:width], row)
			}
		})
		return nil
	}, op.Out(tensor.FP32, shape...))
	if err == nil && part == 1 {
		p.InPlaceOf(0)
	}
	return p, err
}

// biasSplitGelu adds a row to each row, and multiplies the left half by the Gelu of the right.
func biasSplitGelu(n *op.Node) (*op.Plan, error) {
	if s := n.In[0].Shape; len(s) == 0 || s[len(s)-1]%2 != 0 {
		return nil, n.Errorf("an input of shape %v has no halves", s)
	}
	return rowsWith(n, 1, 2, func(dst, x, bias []float32) {
		half := len(dst)
		vec.Add(dst, x[half:], bias[half:])
		vec.Gelu(dst, dst)
		for i, v := range x[:half] {
			dst[i] *= v + bias[i]
		}
	})
}

// biasAdd adds a row to each row, and a residual.
func biasAdd(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 1, 2); err != nil {
		return nil, err
	}
	width, err := lastIs(n, 1)
	if err != nil {
		return nil, err
	}
	shape := n.In[0].Shape
	if !slices.Equal(n.In[2].Shape, shape) {
		return nil, n.Errorf("the residual has shape %v, expected %v", n.In[2].Shape, shape)
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, bias, skip, y := tensor.As[float32](in[0]), tensor.As[float32](in[1]), tensor.As[float32](in[2]), tensor.As[float32](out[0])
		r.For(tensor.Size(shape[:len(shape)-1]), grainOf(width), func(lo, hi int) {
			for k := lo; k < hi; k++ {
				row := y[k*width:][:width]
				vec.Add(row, x[k*width:][:width], bias)
				vec.Add(row, row, skip[k*width:][:width])
			}
		})
		return nil
	}, op.Out(tensor.FP32, shape...))
}

// quickGelu is x times the logistic function of alpha times x.
func quickGelu(n *op.Node) (*op.Plan, error) {
	a := n.Float("alpha", 1.702)
	return real(function{func(dst, x []float32) { vec.Swish(dst, x, a) }, func(x float64) float64 { return x * sigmoid(float64(a)*x) }})(n)
}

// expandDims puts in one dimension of size 1.
func expandDims(n *op.Node) (*op.Plan, error) {
	if err := n.Want(1, tensor.I32); err != nil {
		return nil, err
	}
	axis, err := n.IntOf(1)
	if err != nil {
		return nil, err
	}
	k, err := n.Axis(axis, n.Rank(0)+1)
	if err != nil {
		return nil, err
	}
	return op.View(0, op.Out(n.In[0].Type, slices.Insert(slices.Clone(n.In[0].Shape), k, 1)...))
}

// rangeByOne is Range whose step is 1 when it is left out.
func rangeByOne(n *op.Node) (*op.Plan, error) {
	m := another(n, "", 11)
	if !n.Has(2) {
		step := one(n.In[0].Type)
		if step == nil {
			return nil, n.Unsupportedf("a range of %s", n.In[0].Type)
		}
		m.In = []*op.Info{n.In[0], n.In[1], op.InfoOf(step)}
	}
	return compiled(m, rangeOf)
}

// dynamicPads is ConvTranspose whose pads are input 2.
func dynamicPads(n *op.Node) (*op.Plan, error) {
	m := another(n, "", 11)
	if n.Has(2) {
		pads, err := n.IntsOf(2)
		if err != nil {
			return nil, err
		}
		m = another(n, "", 11, intsAttr("pads", pads...))
	}
	return picked(m, op.Widen(convTranspose), 0, 1, 3)
}

// uniqueInOrder is Unique of one dimension, in the order of first places; it does not
// give these.
func uniqueInOrder(n *op.Node) (*op.Plan, error) {
	if n.Rank(0) != 1 {
		return nil, n.Errorf("an input of shape %v, expected one dimension", n.In[0].Shape)
	}
	m := another(n, "", 11, intAttr("sorted", 0))
	delete(m.Attributes, "axis")
	p, err := compiled(m, unique)
	if err != nil {
		return nil, err
	}
	eval := p.Eval
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		v, err := eval(r, in)
		if err != nil {
			return nil, err
		}
		return []tensor.Value{v[0], v[2], v[3]}, nil
	})
}
