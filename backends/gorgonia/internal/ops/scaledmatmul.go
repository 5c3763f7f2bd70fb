package ops

import (
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// scaledMatMuls are the products of bytes whose results are numbers.
func scaledMatMuls() []op.Spec {
	return []op.Spec{
		{Domain: microsoft, Name: "DynamicQuantizeMatMul", Since: 1, MinIn: 3, MaxIn: 5, Compile: dynamicQuantizeMatMul},
		{Domain: microsoft, Name: "MatMulIntegerToFloat", Since: 1, MinIn: 4, MaxIn: 7, Compile: matMulIntegerToFloat},
		{Domain: microsoft, Name: "QGemm", Since: 1, MinIn: 6, MaxIn: 9, Compile: qGemm},
	}
}

// columnScales checks that an input has one scale, or one for each column of a product.
func columnScales(n *op.Node, i, columns int) error {
	if err := n.Want(i, tensor.FP32); err != nil {
		return err
	}
	if !contains([]int{1, columns}, tensor.Size(n.In[i].Shape)) {
		return n.Errorf("input %d has shape %v, expected 1 or %d scales", i, n.In[i].Shape, columns)
	}
	return nil
}

// wantBias checks that an input, if it is there, is one number for each column.
func wantBias(n *op.Node, i, columns int) error {
	if n.Has(i) && (n.In[i].Type != tensor.FP32 || tensor.Size(n.In[i].Shape) != columns) {
		return n.Errorf("the bias is %s%v, expected %d FP32", n.In[i].Type, n.In[i].Shape, columns)
	}
	return nil
}

// matMulIntegerToFloat multiplies bytes by scales.
func matMulIntegerToFloat(n *op.Node) (*op.Plan, error) {
	q, shape, err := newIntProduct(n, 0, 1, 4, 5)
	if err != nil {
		return nil, err
	}
	if err := n.Want(2, tensor.FP32); err != nil {
		return nil, err
	}
	if tensor.Size(n.In[2].Shape) != 1 {
		return nil, n.Unsupportedf("%d scales of A, expected 1", tensor.Size(n.In[2].Shape))
	}
	if err := columnScales(n, 3, q.n); err != nil {
		return nil, err
	}
	if err := wantBias(n, 6, q.n); err != nil {
		return nil, err
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		return q.toFloat(r, in, tensor.As[float32](out[0]), tensor.As[float32](in[2]), tensor.As[float32](in[3]), optional(in, 6))
	}, op.Out(tensor.FP32, shape...))
}

// dynamicQuantizeMatMul makes bytes of A, and multiplies them with B's.
func dynamicQuantizeMatMul(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32); err != nil {
		return nil, err
	}
	m := *n
	bytes := &op.Info{Kind: onnx.TensorKind, Type: tensor.U8, Shape: n.In[0].Shape}
	m.In = []*op.Info{bytes, n.In[1], {Kind: onnx.TensorKind, Type: tensor.U8}, nil}
	if n.Has(3) {
		m.In[3] = n.In[3]
	}
	q, shape, err := newIntProduct(&m, 0, 1, 2, 3)
	if err != nil {
		return nil, err
	}
	if err := columnScales(n, 2, q.n); err != nil {
		return nil, err
	}
	if err := wantBias(n, 4, q.n); err != nil {
		return nil, err
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		a, err := scratchTensor(r, tensor.U8, in[0].Shape)
		if err != nil {
			return err
		}
		scale, zero := quantizeToUint8(r, a.Data, tensor.As[float32](in[0]))
		given := []*tensor.Tensor{a, in[1], tensor.Scalar(tensor.U8, zero), at(in, 3)}
		return q.toFloat(r, given, tensor.As[float32](out[0]), []float32{scale}, tensor.As[float32](in[2]), optional(in, 4))
	}, op.Out(tensor.FP32, shape...))
}

// qGemm is Gemm of bytes, in bytes, or in numbers where their levels are left out.
func qGemm(n *op.Node) (*op.Plan, error) {
	g := &intGemm{alpha: n.Float("alpha", 1), y: levels{7, 8}}
	m := *n
	m.In = slices.Clone(n.In)
	for i, name := range map[int]string{0: "transA", 3: "transB"} {
		if err := n.Want(i, tensor.U8, tensor.I8); err != nil {
			return nil, err
		}
		if n.Rank(i) != 2 {
			return nil, n.Errorf("input %d has shape %v, expected a matrix", i, n.In[i].Shape)
		}
		if n.Flag(name, false) {
			m.In[i] = g.transpose(n, i)
		}
	}
	var err error
	var shape []int
	if g.intProduct, shape, err = newIntProduct(&m, 0, 3, 2, 5); err != nil {
		return nil, err
	}
	if err := columnScales(n, 1, 1); err != nil {
		return nil, err
	}
	if err := columnScales(n, 4, g.n); err != nil {
		return nil, err
	}
	if n.Has(6) {
		if err := n.Want(6, tensor.I32); err != nil {
			return nil, err
		}
		if err := g.addend(n, n.In[6].Shape); err != nil {
			return nil, err
		}
	}
	g.to = tensor.FP32
	if n.Has(7) {
		if g.to = n.In[0].Type; n.Has(8) {
			g.to = n.In[8].Type
		}
		if err := g.y.check(n, g.to); err != nil {
			return nil, err
		}
	}
	return op.Static(g.run, op.Out(g.to, shape...))
}

// intGemm is a compiled QGemm.
type intGemm struct {
	*intProduct
	alpha float32
	turns map[int]bool // operands that are transposed when it runs
	y     levels
	to    tensor.Type
}

// transpose is a matrix as its transpose: a constant at once, others when they are there.
func (g *intGemm) transpose(n *op.Node, i int) *op.Info {
	s := n.In[i].Shape
	info := &op.Info{Kind: onnx.TensorKind, Type: n.In[i].Type, Shape: []int{s[1], s[0]}}
	if g.turns == nil {
		g.turns = map[int]bool{}
	}
	g.turns[i] = true
	return info
}

func (g *intGemm) run(r *op.Run, in, out []*tensor.Tensor) error {
	given := slices.Clone(in)
	for i := range g.turns {
		s := in[i].Shape
		t, err := scratchTensor(r, in[i].Type, []int{s[1], s[0]})
		if err != nil {
			return err
		}
		vec.Transpose(t.Data, s[0], in[i].Data, s[1], s[0], s[1])
		given[i] = t
	}
	scaleA, scaleB := tensor.As[float32](in[1])[0]*g.alpha, tensor.As[float32](in[4])
	var c []int32
	if t := at(in, 6); t != nil {
		c = tensor.As[int32](t)
	}
	y, err := scratchTensor(r, tensor.I32, []int{g.m, g.n})
	if err != nil {
		return err
	}
	var scale float32
	var zero uint8
	if g.to != tensor.FP32 {
		scale, zero = g.y.read(in)
	}
	return g.multiply(r, given, tensor.As[int32](y), func(row []int32, i, j int) {
		var part [bytesAtOnce]float32
		for lo := 0; lo < len(row); lo += len(part) {
			sums := row[lo:min(lo+len(part), len(row))]
			at := j + lo
			if c != nil {
				for k := range sums {
					sums[k] += c[addendIndex(g.product, i, at+k)]
				}
			}
			v := part[:len(sums)]
			if g.to == tensor.FP32 {
				v = tensor.As[float32](out[0])[i*g.n+at:][:len(sums)]
			}
			vec.Int32ToFloat32(v, sums)
			if len(scaleB) == 1 {
				vec.MulScalar(v, v, scaleA*scaleB[0])
			} else {
				vec.MulScalar(v, v, scaleA)
				vec.Mul(v, v, scaleB[at:][:len(v)])
			}
			if g.to != tensor.FP32 {
				toBytes(out[0].Data[i*g.n+at:][:len(v)], v, g.to, scale, zero)
			}
		}
	})
}
