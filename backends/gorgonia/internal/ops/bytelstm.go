package ops

import (
	"fmt"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/gemm"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// byteRecurrents are the recurrent layers whose weights are bytes.
func byteRecurrents() []op.Spec {
	return []op.Spec{{Domain: microsoft, Name: "DynamicQuantizeLSTM", Since: 1, MinIn: 3, MaxIn: 12, MaxOut: 3, Compile: dynamicQuantizeLSTM}}
}

// byteWeights are W and R of DynamicQuantizeLSTM, each (directions, size, gates by hidden),
// whose levels are in further inputs.
type byteWeights struct {
	node   *op.Node
	levels [2]levels // of W and of R
	each   [2]bool   // whether each column has its own
}

// dynamicQuantizeLSTM is LSTM whose weights are bytes, and whose inputs and states are made
// bytes before they are multiplied.
func dynamicQuantizeLSTM(n *op.Node) (*op.Plan, error) {
	m := *n
	m.In = make([]*op.Info, 8)
	copy(m.In, n.In)
	b := &byteWeights{node: n, levels: [2]levels{{8, 9}, {10, 11}}}
	for i, l := range b.levels {
		if err := b.check(n, i, l); err != nil {
			return nil, err
		}
		s := n.In[i+1].Shape
		m.In[i+1] = &op.Info{Kind: onnx.TensorKind, Type: tensor.FP32, Shape: []int{s[0], s[2], s[1]}}
	}
	return compiled(&m, (&layer{cell: lstmCell, weights: n.Weights, bytes: b}).compile)
}

// check checks weights, 0 or 1, and their levels.
func (b *byteWeights) check(n *op.Node, i int, l levels) error {
	if err := n.Want(i+1, tensor.U8, tensor.I8); err != nil {
		return err
	}
	s := n.In[i+1].Shape
	if len(s) != 3 {
		return n.Errorf("weights of shape %v, expected three dimensions", s)
	}
	if err := n.Want(l.scale, tensor.FP32); err != nil {
		return err
	}
	if err := n.Want(l.zero, n.In[i+1].Type); err != nil {
		return err
	}
	count := tensor.Size(n.In[l.scale].Shape)
	if count != tensor.Size(n.In[l.zero].Shape) || count != s[0] && count != s[0]*s[2] {
		return n.Errorf("weights of shape %v with scales %v and zero points %v", s, n.In[l.scale].Shape, n.In[l.zero].Shape)
	}
	b.each[i] = count != s[0]
	return nil
}

// byteProduct is a product of numbers, which are made bytes, with bytes.
type byteProduct struct {
	m, n, k int
	right   gemm.IntB
	scales  []float32 // one, or one for each column
	bytes   []byte    // of the left operand
	sums    []int32
	scaled  []float32 // scales by that of the left operand
}

// product is that of m rows with weights i of direction d.
func (b *byteWeights) product(r *op.Run, in []*tensor.Tensor, i, d, m int) (*byteProduct, error) {
	w := in[i+1]
	k, n := w.Shape[1], w.Shape[2]
	l, at, count := b.levels[i], d, 1
	if b.each[i] {
		at, count = d*n, n
	}
	zeros, err := int32sOf(&tensor.Tensor{Type: w.Type, Shape: []int{count}, Data: in[l.zero].Data[at:][:count]})
	if err != nil {
		return nil, err
	}
	if err := spare(r, m*k+4*m*n+4*count); err != nil {
		return nil, err
	}
	p := &byteProduct{m: m, n: n, k: k, scales: tensor.As[float32](in[l.scale])[at:][:count]}
	p.bytes, p.sums, p.scaled = r.Scratch(m*k), tensor.View[int32](r.Scratch(4*m*n)), r.Floats(count)
	p.right = gemm.IntB{Data: w.Data[d*k*n:][:k*n], Signed: w.Type == tensor.I8, LD: n, Zero: zeros}
	if b.node.In[i+1].Tensor() != nil && n > 0 && k > 0 {
		right := p.right
		p.right = gemm.IntB{Packed: b.node.Weights.Get(b.node.In[i+1].Tensor(), fmt.Sprintf("lstm %d %v", d, zeros), func() (any, int) {
			packed := gemm.PackIntB(k, n, right)
			return packed, packed.Bytes()
		}).(*gemm.PackedIntB)}
	}
	return p, nil
}

// addTo adds the product with x to y.
func (p *byteProduct) addTo(r *op.Run, y, x []float32) {
	scale, zero := quantizeToUint8(r, p.bytes, x)
	vec.MulScalar(p.scaled, p.scales, scale)
	left := gemm.IntA{Data: p.bytes, LD: p.k, Zero: []int32{int32(zero)}}
	gemm.GemmInt8(r.Threads, p.sums, p.n, p.m, p.n, p.k, left, p.right, func(row []int32, i, j int) {
		dst := y[i*p.n+j:][:len(row)]
		for k, v := range row {
			s := p.scaled[0]
			if len(p.scaled) > 1 {
				s = p.scaled[j+k]
			}
			dst[k] += float32(v) * s
		}
	})
}

// inBytes multiplies a direction's inputs, and readies its states' product.
func (s *direction) inBytes(r *op.Run, d int, x, bias []float32, in []*tensor.Tensor) error {
	rows, g := s.seq*s.batch, s.gates*s.hidden
	for i := range rows {
		copy(s.x[i*g:][:g], bias)
	}
	p, err := s.bytes.product(r, in, 0, d, rows)
	if err != nil {
		return err
	}
	p.addTo(r, s.x, x)
	s.recurrent, err = s.bytes.product(r, in, 1, d, s.batch)
	return err
}
