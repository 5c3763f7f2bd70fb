package ops

import (
	"fmt"
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/gemm"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// intMatMuls are the products of matrices of bytes.
func intMatMuls() []op.Spec {
	return []op.Spec{
		{Name: "MatMulInteger", Since: 10, MinIn: 2, MaxIn: 4, Compile: matMulInteger},
		{Name: "QLinearMatMul", Since: 10, MinIn: 8, MaxIn: 8, Compile: qLinearMatMul},
	}
}

// intProduct is a product of matrices of bytes, or of many alike.
type intProduct struct {
	*product
	rows             int // of each matrix of A, before many became one
	a, b             int // inputs
	zeroA, zeroB     int // inputs, -1 for none
	signedA, signedB bool
	packed           *gemm.PackedIntB
}

func newIntProduct(n *op.Node, a, b, zeroA, zeroB int) (*intProduct, []int, error) {
	for _, i := range []int{a, b} {
		if err := n.Want(i, tensor.U8, tensor.I8); err != nil {
			return nil, nil, err
		}
	}
	p, shape, err := matMulShapes(n, n.In[a].Shape, n.In[b].Shape)
	if err != nil {
		return nil, nil, err
	}
	q := &intProduct{product: p, rows: 1, a: a, b: b, zeroA: zeroA, zeroB: zeroB}
	if s := n.In[a].Shape; len(s) > 1 {
		q.rows = s[len(s)-2]
	}
	q.signedA, q.signedB = n.In[a].Type == tensor.I8, n.In[b].Type == tensor.I8
	for _, z := range []struct {
		input *int
		of    int
		many  []int // how many there may be
	}{{&q.zeroA, a, []int{1, q.rows, p.m * len(p.a)}}, {&q.zeroB, b, []int{1, p.n, p.n * len(p.b)}}} {
		if !n.Has(*z.input) {
			*z.input = -1
			continue
		}
		if err := n.SameType(z.of, *z.input); err != nil {
			return nil, nil, err
		}
		if count := tensor.Size(n.In[*z.input].Shape); !contains(z.many, count) {
			return nil, nil, n.Errorf("input %d has %d zero points, expected one of %v", *z.input, count, z.many)
		}
	}
	if err := q.pack(n); err != nil {
		return nil, nil, err
	}
	return q, shape, nil
}

// pack packs B when it and its zero points are constant.
func (q *intProduct) pack(n *op.Node) error {
	t := n.In[q.b].Tensor()
	if t == nil || len(q.product.b) > 1 || q.n == 0 || q.k == 0 {
		return nil
	}
	var zeros []int32
	if q.zeroB >= 0 {
		z := n.In[q.zeroB].Tensor()
		if z == nil {
			return nil
		}
		var err error
		if zeros, err = int32sOf(z); err != nil {
			return err
		}
	}
	q.packed = n.Weights.Get(t, fmt.Sprintf("gemm.IntB %d %v", q.k, zeros), func() (any, int) {
		p := gemm.PackIntB(q.k, q.n, gemm.IntB{Data: t.Data, Signed: q.signedB, LD: q.n, Zero: zeros})
		return p, p.Bytes()
	}).(*gemm.PackedIntB)
	return nil
}

func int32sOf(t *tensor.Tensor) ([]int32, error) {
	v, err := t.Int64s()
	if err != nil {
		return nil, err
	}
	out := make([]int32, len(v))
	for i, x := range v {
		out[i] = int32(x)
	}
	return out, nil
}

// zeros are the zero points of matrix i of many, count of them; one stands for all.
func zeros(all []int32, i, each, count int) []int32 {
	switch {
	case len(all) <= 1:
		return all
	case len(all) > each && len(all) != count: // those of all matrices
		return all[i*count%len(all):][:count]
	case len(all) == count:
		return all
	}
	out := make([]int32, count)
	for k := range out {
		out[k] = all[k%each]
	}
	return out
}

// multiply computes the products into dst. post is called as gemm.GemmInt8 says, with
// rows counted through all products.
func (q *intProduct) multiply(r *op.Run, in []*tensor.Tensor, dst []int32, post func(row []int32, i, j int)) error {
	var zeroA, zeroB []int32
	var err error
	if q.zeroA >= 0 {
		if zeroA, err = int32sOf(in[q.zeroA]); err != nil {
			return err
		}
	}
	if q.zeroB >= 0 {
		if zeroB, err = int32sOf(in[q.zeroB]); err != nil {
			return err
		}
	}
	a, b := in[q.a].Data, in[q.b].Data
	for i := range q.product.a {
		if r.Stopped() {
			return op.ErrStopped
		}
		left := gemm.IntA{Data: a[q.product.a[i]*q.m*q.k:], Signed: q.signedA, LD: q.k, Zero: zeros(zeroA, i, q.rows, q.m)}
		right := gemm.IntB{Packed: q.packed}
		if q.packed == nil {
			right = gemm.IntB{Data: b[q.product.b[i]*q.k*q.n:], Signed: q.signedB, LD: q.n, Zero: zeros(zeroB, i, q.n, q.n)}
		}
		each := post
		if post != nil && i > 0 {
			each = func(row []int32, k, j int) { post(row, i*q.m+k, j) }
		}
		gemm.GemmInt8(r.Threads, dst[i*q.m*q.n:][:q.m*q.n], q.n, q.m, q.n, q.k, left, right, each)
	}
	return r.Err()
}

// toFloat computes the products as numbers: by scales of A's rows and of B's columns, one
// for all or one for each, and with a row added where there is one. in has the operands
// where the product was made to find them.
func (q *intProduct) toFloat(r *op.Run, in []*tensor.Tensor, y, scaleA, scaleB, bias []float32) error {
	if len(y) == 0 {
		return nil
	}
	if err := spare(r, 4*len(y)); err != nil {
		return err
	}
	sums := tensor.View[int32](r.Scratch(4 * len(y)))
	return q.multiply(r, in, sums, func(row []int32, i, j int) {
		dst := y[i*q.n+j:][:len(row)]
		a := scaleA[i%len(scaleA)]
		vec.Int32ToFloat32(dst, row)
		if len(scaleB) == 1 {
			vec.MulScalar(dst, dst, a*scaleB[0])
		} else {
			vec.MulScalar(dst, dst, a)
			vec.Mul(dst, dst, scaleB[j:][:len(dst)])
		}
		if bias != nil {
			vec.Add(dst, dst, bias[j:][:len(dst)])
		}
	})
}

// matMulInteger multiplies bytes, less their zero points, in int32.
//
// See https://onnx.ai/onnx/operators/onnx__MatMulInteger.html
func matMulInteger(n *op.Node) (*op.Plan, error) {
	q, shape, err := newIntProduct(n, 0, 1, 2, 3)
	if err != nil {
		return nil, err
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		return q.multiply(r, in, tensor.As[int32](out[0]), nil)
	}, op.Out(tensor.I32, shape...))
}

// qLinearMatMul multiplies bytes that stand for numbers by scales and zero points, and
// gives the product in bytes.
//
// See https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html
func qLinearMatMul(n *op.Node) (*op.Plan, error) {
	q, shape, err := newIntProduct(n, 0, 3, 2, 5)
	if err != nil {
		return nil, err
	}
	if err := n.Want(7, tensor.U8, tensor.I8); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		input int
		many  []int
	}{{1, []int{1, q.rows, q.m * len(q.product.a)}}, {4, []int{1, q.n}}, {6, []int{1}}, {7, []int{1}}} {
		if count := tensor.Size(n.In[s.input].Shape); !contains(s.many, count) {
			return nil, n.Errorf("input %d has %d elements, expected one of %v", s.input, count, s.many)
		}
	}
	t := n.In[7].Type
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		scaleA, scaleB, zero, err := scalesOf(in[1], in[4], in[6], in[7])
		if err != nil {
			return err
		}
		if err := spare(r, 4*out[0].Len()); err != nil {
			return err
		}
		sums := tensor.View[int32](r.Scratch(4 * out[0].Len()))
		return q.multiply(r, in, sums, func(row []int32, i, j int) {
			dst := out[0].Data[i*q.n+j:][:len(row)]
			a := scaleA[i%len(scaleA)]
			for k, v := range row {
				dst[k] = quantised(float64(v)*float64(a*scaleB[(j+k)%len(scaleB)])+zero, t)
			}
		})
	}, op.Out(t, shape...))
}

// scalesOf are the scales of a product by rows and by columns, whose product takes sums
// to bytes, and the zero point of these.
func scalesOf(a, b, y, zero *tensor.Tensor) (rows, cols []float32, point float64, err error) {
	var v [4][]float64
	for i, t := range []*tensor.Tensor{a, b, y, zero} {
		if v[i], err = t.Float64s(); err != nil {
			return nil, nil, 0, (&op.Node{}).Errorf("a scale or zero point is %v", err)
		}
	}
	for _, s := range v[0] {
		rows = append(rows, float32(s)/float32(v[2][0]))
	}
	for _, s := range v[1] {
		cols = append(cols, float32(s))
	}
	return rows, cols, v[3][0], nil
}

// quantised rounds to the nearest byte, to even between two, within the range of the
// type.
func quantised(v float64, t tensor.Type) uint8 {
	v = math.RoundToEven(v)
	if t == tensor.I8 {
		if !(v > -128) {
			return 0x80
		}
		return uint8(int8(min(v, 127)))
	}
	if !(v > 0) {
		return 0
	}
	return uint8(min(v, 255))
}
