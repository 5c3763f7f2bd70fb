package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/gemm"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/passes"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// matmuls are the products of matrices.
func matmuls() []op.Spec {
	return []op.Spec{
		{Name: "MatMul", Since: 1, MinIn: 2, MaxIn: 2, Compile: op.Widen(matMul)},
		{Name: "Gemm", Since: 1, MinIn: 2, MaxIn: 3, Compile: op.Widen(gemmCompile)},
	}
}

// product is a product of matrices, or of many alike: batch times m by k times k by n.
type product struct {
	m, n, k int
	// at has, for each product, where its operands begin, in matrices.
	a, b           []int
	transA, transB bool
	epilogue       gemm.Epilogue // without what comes from tensors
	c              operand       // input 2 of Gemm
	packed         *gemm.PackedB // when B is constant
}

// operand is how Gemm's C is added: not, as one row, as one column, as a matrix, or
// as one element.
type operand int

const (
	absent operand = iota
	byColumn
	byRow
	byElement
	single
)

// matMul multiplies as numpy's matmul does: the last two dimensions are matrices, a
// single dimension is a row or a column, the others broadcast.
//
// See https://onnx.ai/onnx/operators/onnx__MatMul.html
func matMul(n *op.Node) (*op.Plan, error) {
	if err := n.SameType(0, 1); err != nil {
		return nil, err
	}
	p, shape, err := matMulShapes(n, n.In[0].Shape, n.In[1].Shape)
	if err != nil {
		return nil, err
	}
	return p.plan(n, shape)
}

func matMulShapes(n *op.Node, a, b []int) (*product, []int, error) {
	if len(a) == 0 || len(b) == 0 {
		return nil, nil, n.Errorf("shapes %v and %v: a scalar is no matrix", a, b)
	}
	row, column := len(a) == 1, len(b) == 1
	if row {
		a = []int{1, a[0]}
	}
	if column {
		b = []int{b[0], 1}
	}
	batchA, batchB := a[:len(a)-2], b[:len(b)-2]
	p := &product{m: a[len(a)-2], k: a[len(a)-1], n: b[len(b)-1]}
	if b[len(b)-2] != p.k {
		return nil, nil, n.Errorf("shapes %v and %v: %d columns do not meet %d rows", n.In[0].Shape, n.In[1].Shape, p.k, b[len(b)-2])
	}
	batch, err := op.Broadcast(batchA, batchB)
	if err != nil {
		return nil, nil, err
	}
	shape := append([]int{}, batch...)
	if !row {
		shape = append(shape, p.m)
	}
	if !column {
		shape = append(shape, p.n)
	}
	if _, err := tensor.Bytes(tensor.C128, shape); err != nil {
		return nil, nil, err
	}
	if tensor.Size(batchB) == 1 { // one product of taller matrices
		p.m *= tensor.Size(batchA)
		p.a, p.b = []int{0}, []int{0}
		return p, shape, nil
	}
	if err := batchLimit(n, batch); err != nil {
		return nil, nil, err
	}
	p.a, p.b = broadcastIndex(batchA, batch), broadcastIndex(batchB, batch)
	return p, shape, nil
}

// maxBatch bounds the products of one operator.
const maxBatch = 1 << 22

func batchLimit(n *op.Node, batch []int) error {
	if tensor.Size(batch) > maxBatch {
		return n.Unsupportedf("%v products are more than %d", batch, maxBatch)
	}
	return nil
}

// broadcastIndex has, for each element of a shape, the index of the element of from,
// which broadcasts to it.
func broadcastIndex(from, to []int) []int {
	index := make([]int, tensor.Size(to))
	stride, rest := 1, 1 // of from, and of to
	for i := len(to) - 1; i >= 0; i-- {
		k := i - (len(to) - len(from))
		if k >= 0 {
			if from[k] != 1 {
				for j := range index {
					index[j] += j / rest % to[i] * stride
				}
			}
			stride *= from[k]
		}
		rest *= to[i]
	}
	return index
}

// gemmCompile is alpha*A'*B' + beta*C, where A' and B' may be transposed and C
// broadcasts.
//
// See https://onnx.ai/onnx/operators/onnx__Gemm.html
func gemmCompile(n *op.Node) (*op.Plan, error) {
	if err := n.SameType(0, 1, 2); err != nil {
		return nil, err
	}
	if n.Rank(0) != 2 || n.Rank(1) != 2 {
		return nil, n.Errorf("shapes %v and %v, expected two matrices", n.In[0].Shape, n.In[1].Shape)
	}
	p := &product{transA: n.Flag("transA", false), transB: n.Flag("transB", false), a: []int{0}, b: []int{0}}
	a, b := n.In[0].Shape, n.In[1].Shape
	p.m, p.k = a[0], a[1]
	if p.transA {
		p.m, p.k = p.k, p.m
	}
	rows := b[0]
	p.n = b[1]
	if p.transB {
		rows, p.n = p.n, rows
	}
	if rows != p.k {
		return nil, n.Errorf("shapes %v and %v: %d columns do not meet %d rows", a, b, p.k, rows)
	}
	alpha, beta := n.Float("alpha", 1), n.Float("beta", 1)
	p.epilogue.Scale, p.epilogue.Alpha, p.epilogue.Beta = alpha != 1, alpha, beta
	if n.Has(2) && beta != 0 {
		if err := p.addend(n, n.In[2].Shape); err != nil {
			return nil, err
		}
	}
	return p.plan(n, []int{p.m, p.n})
}

// addend finds how C is added.
func (p *product) addend(n *op.Node, c []int) error {
	full, err := op.Broadcast(c, []int{p.m, p.n})
	if err != nil || len(full) != 2 || full[0] != p.m || full[1] != p.n {
		return n.Errorf("C of shape %v does not broadcast to [%d %d]", c, p.m, p.n)
	}
	rows, columns := 1, 1
	if len(c) > 0 {
		columns = c[len(c)-1]
	}
	if len(c) > 1 {
		rows = c[0]
	}
	switch {
	case rows == p.m && columns == p.n:
		p.c = byElement
	case rows == 1 && columns == p.n:
		p.c = byColumn
	case rows == p.m && columns == 1:
		p.c = byRow
	default:
		p.c = single
	}
	return nil
}

// plan is how the product is computed in the element type of the inputs.
func (p *product) plan(n *op.Node, shape []int) (*op.Plan, error) {
	t := n.In[0].Type
	out := op.Out(t, shape...)
	switch t {
	case tensor.FP32:
		if n.Domain == passes.Domain {
			if err := follow(n, &p.epilogue); err != nil {
				return nil, err
			}
		}
		if b := n.In[1].Tensor(); b != nil && len(p.b) == 1 {
			p.packed = packWeights(n, b, p.k, p.n, p.transB)
		}
		return op.Static(p.run, out)
	case tensor.FP64:
		return op.Static(plainProduct[float64](p), out)
	case tensor.I32:
		return op.Static(plainProduct[int32](p), out)
	case tensor.I64:
		return op.Static(plainProduct[int64](p), out)
	case tensor.U32:
		return op.Static(plainProduct[uint32](p), out)
	case tensor.U64:
		return op.Static(plainProduct[uint64](p), out)
	}
	return nil, n.Unsupportedf("matrices of %s are not multiplied", t)
}

// packWeights packs a constant right operand, once for all programs.
func packWeights(n *op.Node, b *tensor.Tensor, k, cols int, trans bool) *gemm.PackedB {
	kind := "gemm.B"
	ld := cols
	if trans {
		kind, ld = "gemm.Bt", k
	}
	return n.Weights.Get(b, kind, func() (any, int) {
		packed := gemm.PackB(k, cols, tensor.As[float32](b), ld, trans)
		return packed, packed.Bytes()
	}).(*gemm.PackedB)
}

// run computes the product in float32, on the packed kernels.
func (p *product) run(r *op.Run, in, out []*tensor.Tensor) error {
	a, b, dst := tensor.As[float32](in[0]), tensor.As[float32](in[1]), tensor.As[float32](out[0])
	e := p.epilogue
	if p.c != absent {
		p.attach(r, &e, tensor.As[float32](in[2]))
	}
	lda, ldb := p.k, p.n
	if p.transA {
		lda = p.m
	}
	if p.transB {
		ldb = p.k
	}
	if len(p.a) == 1 {
		right := gemm.B{Packed: p.packed, Data: b, LD: ldb, Trans: p.transB}
		gemm.Gemm(r.Threads, dst, p.n, p.m, p.n, p.k, gemm.A{Data: a, LD: lda, Trans: p.transA}, right, e)
		return nil
	}
	one := func(i int, threads bool) {
		t := r.Threads
		if !threads {
			t = nil
		}
		gemm.Gemm(t, dst[i*p.m*p.n:], p.n, p.m, p.n, p.k,
			gemm.A{Data: a[p.a[i]*p.m*p.k:], LD: lda, Trans: p.transA}, gemm.B{Data: b[p.b[i]*p.k*p.n:], LD: ldb, Trans: p.transB}, e)
	}
	if work := p.m * p.n * p.k; len(p.a) < r.Threads.Threads() || work > 1<<24 {
		for i := range p.a {
			if r.Stopped() {
				break
			}
			one(i, true)
		}
		return nil
	}
	r.For(len(p.a), max(1, (1<<17)/max(1, p.m*p.n*p.k)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			one(i, false)
		}
	})
	return nil
}

// attach makes C part of what follows the product.
func (p *product) attach(r *op.Run, e *gemm.Epilogue, c []float32) {
	switch p.c {
	case byElement:
		e.C, e.LDC = c, p.n
	case byColumn:
		e.C, e.LDC = c, 0
	default: // a column, or one element
		column := r.Floats(p.m)
		for i := range column {
			v := c[0]
			if p.c == byRow {
				v = c[i]
			}
			column[i] = v * e.Beta
		}
		e.BiasRow, e.Beta = column, 0
	}
}

// plainProduct computes the product in any number type, a row after the other.
func plainProduct[T float64 | int32 | int64 | uint32 | uint64](p *product) func(r *op.Run, in, out []*tensor.Tensor) error {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		a, b, dst := tensor.As[T](in[0]), tensor.As[T](in[1]), tensor.As[T](out[0])
		var c []T
		if p.c != absent {
			c = tensor.As[T](in[2])
		}
		r.For(len(p.a)*p.m, max(1, (1<<14)/max(1, p.n*p.k)), func(lo, hi int) {
			for row := lo; row < hi; row++ {
				if r.Stopped() {
					return
				}
				i := row % max(p.m, 1)
				plainRow(p, dst[row*p.n:][:p.n], a[p.a[row/p.m]*p.m*p.k:], b[p.b[row/p.m]*p.k*p.n:], c, i)
			}
		})
		return nil
	}
}

// plainRow computes row i of one product.
func plainRow[T float64 | int32 | int64 | uint32 | uint64](p *product, dst, a, b, c []T, i int) {
	clear(dst)
	for k := range p.k {
		var v T
		if p.transA {
			v = a[k*p.m+i]
		} else {
			v = a[i*p.k+k]
		}
		if p.transB {
			for j := range dst {
				dst[j] += v * b[j*p.k+k]
			}
			continue
		}
		for j, w := range b[k*p.n:][:p.n] {
			dst[j] += v * w
		}
	}
	if p.epilogue.Scale {
		for j := range dst {
			dst[j] = T(float64(p.epilogue.Alpha) * float64(dst[j]))
		}
	}
	if c == nil {
		return
	}
	for j := range dst {
		v := c[addendIndex(p, i, j)]
		if p.epilogue.Beta != 1 {
			v = T(float64(p.epilogue.Beta) * float64(v))
		}
		dst[j] += v
	}
}

func addendIndex(p *product, i, j int) int {
	switch p.c {
	case byElement:
		return i*p.n + j
	case byColumn:
		return j
	case byRow:
		return i
	}
	return 0
}
