package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/gemm"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// blockQuantizers are the operators on weights of few bits, with a scale for each block of
// them.
func blockQuantizers() []op.Spec {
	return []op.Spec{
		{Domain: microsoft, Name: "MatMulNBits", Since: 1, MinIn: 3, MaxIn: 6, Compile: op.Widen(matMulNBits)},
		{Domain: microsoft, Name: "MatMulBnb4", Since: 1, MinIn: 3, MaxIn: 3, Compile: op.Widen(matMulBnb4)},
		{Domain: microsoft, Name: "GatherBlockQuantized", Since: 1, MinIn: 3, MaxIn: 4, Compile: op.Widen(gatherBlockQuantized)},
	}
}

// rowWeights are a matrix of n rows of k weights, which are widened row by row: what is
// kept are the few bits of the model.
type rowWeights struct {
	n, k int
	// row widens row i; in are the node's inputs.
	row func(in []*tensor.Tensor, dst []float32, i int)
}

// rowBytes is about how many bytes of widened rows a thread has at once.
const rowBytes = 1 << 18

// multiply is y = a * transpose of the weights + bias, for m rows of a.
func (w *rowWeights) multiply(r *op.Run, in []*tensor.Tensor, y, a, bias []float32, m int) {
	at := max(1, min(32, rowBytes/4/max(1, w.k)))
	r.For((w.n+at-1)/at, 1, func(lo, hi int) {
		rows := make([]float32, at*w.k)
		for block := lo; block < hi && !r.Stopped(); block++ {
			first := block * at
			count := min(at, w.n-first)
			for i := range count {
				w.row(in, rows[i*w.k:][:w.k], first+i)
			}
			if m <= 4 {
				w.dots(y, a, rows, m, first, count)
			} else {
				gemm.Gemm(nil, y[first:], w.n, m, count, w.k, gemm.A{Data: a, LD: w.k}, gemm.B{Data: rows, LD: w.k, Trans: true}, gemm.Epilogue{})
			}
		}
	})
	if bias == nil {
		return
	}
	r.For(m, grainOf(w.n), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			vec.Add(y[i*w.n:][:w.n], y[i*w.n:][:w.n], bias)
		}
	})
}

// dots multiplies few rows.
func (w *rowWeights) dots(y, a, rows []float32, m, first, count int) {
	for i := range m {
		for j := range count {
			y[i*w.n+first+j] = vec.Dot(a[i*w.k:][:w.k], rows[j*w.k:][:w.k])
		}
	}
}

// rowsOfA checks that input 0 has rows of k, and says how many, and the product's shape.
func (w *rowWeights) rowsOfA(n *op.Node) (int, []int, error) {
	shape := n.In[0].Shape
	if len(shape) == 0 || shape[len(shape)-1] != w.k {
		return 0, nil, n.Errorf("an input of shape %v, expected rows of %d", shape, w.k)
	}
	out := slices.Clone(shape)
	out[len(out)-1] = w.n
	return tensor.Size(shape[:len(shape)-1]), out, nil
}

// newRowWeights reads the attributes that all of these have.
func newRowWeights(n *op.Node) (*rowWeights, int, error) {
	rows, cols, block := n.Int("N", 0), n.Int("K", 0), n.Int("block_size", 0)
	if rows < 1 || cols < 1 || rows > math.MaxInt32 || cols > math.MaxInt32 || block < 16 || block > 1<<20 || block&(block-1) != 0 {
		return nil, 0, n.Errorf("N is %d, K %d and block_size %d, expected sizes, and a power of 2 from 16 on", rows, cols, block)
	}
	return &rowWeights{n: int(rows), k: int(cols)}, int(block), nil
}

// packedBits are whole numbers of few bits, the lowest bits first in each byte.
type packedBits struct {
	bits  int
	pairs [][8]float32 // the numbers in a byte, for bits less than 8
	both  *[256]uint64 // the two float32 in a byte, for 4 bits
}

func newPackedBits(bits int) *packedBits {
	p := &packedBits{bits: bits}
	if bits < 8 {
		p.pairs = make([][8]float32, 256)
		for b := range p.pairs {
			for i := range 8 / bits {
				p.pairs[b][i] = float32(b >> (i * bits) & (1<<bits - 1))
			}
		}
	}
	if bits == 4 {
		p.both = new([256]uint64)
		for b, v := range p.pairs {
			p.both[b] = uint64(math.Float32bits(v[1]))<<32 | uint64(math.Float32bits(v[0]))
		}
	}
	return p
}

// one is number i.
func (p *packedBits) one(src []byte, i int) float32 {
	if p.bits == 8 {
		return float32(src[i])
	}
	at := i * p.bits
	return p.pairs[src[at/8]][at%8/p.bits]
}

// all are the first len(dst) numbers.
func (p *packedBits) all(dst []float32, src []byte) {
	switch p.bits {
	case 8:
		vec.DequantizeUint8(dst, src[:len(dst)], 1, 0)
	case 4:
		src := src[:len(dst)/2]
		for i, b := range src {
			v := p.both[b]
			two := dst[2*i : 2*i+2 : 2*i+2]
			two[0], two[1] = math.Float32frombits(uint32(v)), math.Float32frombits(uint32(v>>32))
		}
		if len(dst)%2 == 1 {
			dst[len(dst)-1] = p.one(src[:cap(src)], len(dst)-1)
		}
	default:
		per := 8 / p.bits
		for i := range dst {
			dst[i] = p.pairs[src[i/per]][i%per]
		}
	}
}

// matMulNBits multiplies by weights of 2, 4 or 8 bits.
//
// See https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
func matMulNBits(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 2, 5); err != nil {
		return nil, err
	}
	w, block, err := newRowWeights(n)
	if err != nil {
		return nil, err
	}
	bits := int(n.Int("bits", 4))
	if bits != 2 && bits != 4 && bits != 8 || n.Int("weight_prepacked", 0) != 0 {
		return nil, n.Unsupportedf("weights of %d bits, or packed for a processor, expected plain ones of 2, 4 or 8", bits)
	}
	if err := n.Want(1, tensor.U8); err != nil {
		return nil, err
	}
	blocks := (w.k + block - 1) / block
	blob := block * bits / 8
	zeroBytes := (blocks*bits + 7) / 8
	if size := tensor.Size(n.In[1].Shape); size != w.n*blocks*blob {
		return nil, n.Errorf("B has shape %v, expected [%d %d %d]", n.In[1].Shape, w.n, blocks, blob)
	}
	if tensor.Size(n.In[2].Shape) != w.n*blocks {
		return nil, n.Errorf("scales have shape %v, expected %d for each of %d rows", n.In[2].Shape, blocks, w.n)
	}
	if n.Has(5) && tensor.Size(n.In[5].Shape) != w.n {
		return nil, n.Errorf("the bias has shape %v, expected %d elements", n.In[5].Shape, w.n)
	}
	z := zeroPoints{bits: newPackedBits(bits), blocks: blocks, stride: zeroBytes, middle: float32(int(1) << (bits - 1))}
	if n.Has(3) {
		want := w.n * blocks
		if z.packed = n.In[3].Type == tensor.U8; z.packed {
			want = w.n * zeroBytes
		} else if err := n.Want(3, tensor.FP32); err != nil {
			return nil, err
		}
		if tensor.Size(n.In[3].Shape) != want {
			return nil, n.Errorf("zero points are %s%v, expected %d", n.In[3].Type, n.In[3].Shape, want)
		}
	}
	if n.Has(4) && (n.In[4].Type != tensor.I32 || tensor.Size(n.In[4].Shape) != w.k && tensor.Size(n.In[4].Shape) != blocks*block) {
		return nil, n.Errorf("g_idx is %s%v, expected %d INT32", n.In[4].Type, n.In[4].Shape, w.k)
	}
	unpack := z.bits
	w.row = func(in []*tensor.Tensor, dst []float32, i int) {
		src, scale := in[1].Data[i*blocks*blob:][:blocks*blob], tensor.As[float32](in[2])[i*blocks:][:blocks]
		unpack.all(dst, src)
		if g := at(in, 4); g != nil {
			for k, v := range tensor.As[int32](g)[:w.k] {
				b := min(max(int(v), 0), blocks-1)
				dst[k] = (dst[k] - z.of(at(in, 3), i, b)) * scale[b]
			}
			return
		}
		for b := range blocks {
			part := dst[b*block : min((b+1)*block, len(dst))]
			vec.ScaleShift(part, part, scale[b], -scale[b]*z.of(at(in, 3), i, b))
		}
	}
	m, shape, err := w.rowsOfA(n)
	if err != nil {
		return nil, err
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		w.multiply(r, in, tensor.As[float32](out[0]), tensor.As[float32](in[0]), optional(in, 5), m)
		return r.Err()
	}, op.Out(tensor.FP32, shape...))
}

// zeroPoints are what stands for 0 in blocks of rows.
type zeroPoints struct {
	bits           *packedBits
	packed         bool // as the weights are
	blocks, stride int  // of a row
	middle         float32
}

// of is that of a block of row i.
func (z *zeroPoints) of(t *tensor.Tensor, i, block int) float32 {
	switch {
	case t == nil:
		return z.middle
	case z.packed:
		return z.bits.one(t.Data[i*z.stride:], block)
	}
	return tensor.As[float32](t)[i*z.blocks+block]
}

// The numbers that four bits stand for in bitsandbytes' types.
var (
	fp4 = [16]float32{0, 5.208333333e-03, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25,
		0, -5.208333333e-03, -0.66666667, -1, -0.33333333, -0.5, -0.16666667, -0.25}
	nf4 = [16]float32{-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
		-0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
		0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1}
)

// matMulBnb4 multiplies by weights of four bits, of which blocks have their largest number.
//
// See https://arxiv.org/abs/2305.14314
func matMulBnb4(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 2); err != nil {
		return nil, err
	}
	w, block, err := newRowWeights(n)
	if err != nil {
		return nil, err
	}
	if err := n.Want(1, tensor.U8); err != nil {
		return nil, err
	}
	if !n.Flag("transB", true) {
		return nil, n.Unsupportedf("weights that are not transposed")
	}
	all := w.n * w.k
	if tensor.Size(n.In[1].Shape) != (all+1)/2 || tensor.Size(n.In[2].Shape) != (all+block-1)/block {
		return nil, n.Errorf("B and absmax have shapes %v and %v, expected %d bytes and %d numbers", n.In[1].Shape, n.In[2].Shape, (all+1)/2, (all+block-1)/block)
	}
	table := &fp4
	if n.Int("quant_type", 0) == 1 {
		table = &nf4
	}
	w.row = func(in []*tensor.Tensor, dst []float32, i int) {
		src, largest := in[1].Data, tensor.As[float32](in[2])
		for k := range dst {
			flat := i*w.k + k
			dst[k] = table[src[flat/2]>>(4-flat%2*4)&15] * largest[flat/block]
		}
	}
	m, shape, err := w.rowsOfA(n)
	if err != nil {
		return nil, err
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		w.multiply(r, in, tensor.As[float32](out[0]), tensor.As[float32](in[0]), nil, m)
		return r.Err()
	}, op.Out(tensor.FP32, shape...))
}

// blockGather is a compiled GatherBlockQuantized: output (outer, index, inner) is read of
// data (outer, size, inner).
type blockGather struct {
	outer, size, inner int
	bits               *packedBits // of the data; nil where each number has a byte
	signed             bool
	middle             float32
	last               int // numbers of the last dimension
	axisSize, axisIn   int // of the quantized dimension, and what is behind it
	block, blocks      int
}

// gatherBlockQuantized is Gather of weights of few bits, which it widens.
func gatherBlockQuantized(n *op.Node) (*op.Plan, error) {
	if err := wantIndices(n, 1); err != nil {
		return nil, err
	}
	if err := wantSingles(n, 2); err != nil {
		return nil, err
	}
	if err := n.Want(0, tensor.U8, tensor.U4, tensor.I4); err != nil {
		return nil, err
	}
	bits, block := int(n.Int("bits", 4)), n.Int("block_size", 128)
	if bits != 2 && bits != 4 && bits != 8 || block < 1 || block > 1<<30 {
		return nil, n.Errorf("bits is %d and block_size %d", bits, block)
	}
	g := &blockGather{block: int(block), signed: n.In[0].Type == tensor.I4}
	shape := slices.Clone(n.In[0].Shape)
	if len(shape) == 0 {
		return nil, n.Errorf("the data are a scalar")
	}
	if n.In[0].Type == tensor.U8 {
		g.middle = float32(int(1) << (bits - 1))
		if bits < 8 {
			g.bits = newPackedBits(bits)
			shape[len(shape)-1] *= 8 / bits
		}
	}
	if _, err := tensor.Bytes(tensor.FP32, shape); err != nil {
		return nil, err
	}
	g.last = shape[len(shape)-1]
	axis, err := n.Axis(n.Int("gather_axis", 0), len(shape))
	if err != nil {
		return nil, err
	}
	quantized, err := n.Axis(n.Int("quantize_axis", 1), len(shape))
	if err != nil {
		return nil, err
	}
	g.outer, g.size, g.inner = splitAt(shape, axis)
	_, g.axisSize, g.axisIn = splitAt(shape, quantized)
	g.blocks = (g.axisSize + g.block - 1) / g.block
	scales := slices.Clone(shape)
	scales[quantized] = g.blocks
	if !slices.Equal(n.In[2].Shape, scales) {
		return nil, n.Errorf("scales have shape %v, expected %v", n.In[2].Shape, scales)
	}
	if n.Has(3) {
		if g.bits != nil {
			per := 8 / bits
			scales[len(scales)-1] = (scales[len(scales)-1] + per - 1) / per
		}
		if n.In[3].Type != n.In[0].Type || !slices.Equal(n.In[3].Shape, scales) {
			return nil, n.Errorf("zero points are %s%v, expected %s%v", n.In[3].Type, n.In[3].Shape, n.In[0].Type, scales)
		}
	}
	out := slices.Concat(shape[:axis], n.In[1].Shape, shape[axis+1:])
	return op.Static(g.run, op.Out(tensor.FP32, out...))
}

func (g *blockGather) run(r *op.Run, in, out []*tensor.Tensor) error {
	indices, err := indicesOf(r, in[1])
	if err != nil {
		return err
	}
	for _, v := range indices {
		if _, err := element(v, g.size); err != nil {
			return err
		}
	}
	y := tensor.As[float32](out[0])
	r.For(g.outer*len(indices), grainOf(g.inner), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			at, _ := element(indices[i%len(indices)], g.size)
			first := (i/len(indices)*g.size + at) * g.inner
			g.widen(in, y[i*g.inner:][:g.inner], first)
		}
	})
	return r.Err()
}

// number is element i of data or zero points, whose rows have last elements.
func (g *blockGather) number(t *tensor.Tensor, i, last int) float32 {
	switch {
	case g.bits != nil:
		per := 8 / g.bits.bits
		bytes := (last + per - 1) / per
		return g.bits.one(t.Data[i/last*bytes:], i%last)
	case g.signed:
		return float32(int8(t.Data[i]))
	}
	return float32(t.Data[i])
}

// widen writes the elements from one on.
func (g *blockGather) widen(in []*tensor.Tensor, dst []float32, first int) {
	scales := tensor.As[float32](in[2])
	zeros := at(in, 3)
	lastScale := in[2].Shape[len(in[2].Shape)-1]
	for k := range dst {
		i := first + k
		along, behind := i/g.axisIn, i%g.axisIn
		block := (along/g.axisSize*g.blocks+along%g.axisSize/g.block)*g.axisIn + behind
		zero := g.middle
		if zeros != nil {
			zero = g.number(zeros, block, lastScale)
		}
		dst[k] = (g.number(in[0], i, g.last) - zero) * scales[block]
	}
}
