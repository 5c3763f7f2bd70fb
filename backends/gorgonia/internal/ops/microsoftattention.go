package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/gemm"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// fusedAttentions are the operators of attention that ONNX Runtime's optimizer makes of a
// model's nodes.
func fusedAttentions() []op.Spec {
	return []op.Spec{
		{Domain: microsoft, Name: "Attention", Since: 1, MinIn: 2, MaxIn: 7, MaxOut: 2, Compile: op.Widen(projectedAttention)},
		{Domain: microsoft, Name: "QAttention", Since: 1, MinIn: 5, MaxIn: 9, MaxOut: 2, Compile: quantizedAttention},
		{Domain: microsoft, Name: "MultiHeadAttention", Since: 1, MinIn: 1, MaxIn: 10, MaxOut: 4, Compile: op.Widen(multiHeadAttention)},
		{Domain: microsoft, Name: "GroupQueryAttention", Since: 1, MinIn: 1, MaxIn: 16, MaxOut: 4, Compile: op.Widen(groupQueryAttention)},
		{Domain: microsoft, Name: "RotaryEmbedding", Since: 1, MinIn: 4, MaxIn: 4, Compile: op.Widen(positionedRotary)},
	}
}

// projected is a compiled Attention or QAttention of com.microsoft: queries, keys and
// values are products of one input with one matrix of weights.
type projected struct {
	*attended
	inner, width int // columns of the input, and of the weights
	kv           int // where keys begin in a row, and values
	values       int
	padding      padding1
	bias         *addedShape
}

// scaleOf is the factor of the scores.
func scaleOf(n *op.Node, size int) float64 {
	if s := n.Float("scale", 0); s != 0 {
		return float64(s)
	}
	return 1 / math.Sqrt(float64(size))
}

// refuseShared refuses what an engine needs that changes its inputs.
func refuseShared(n *op.Node) error {
	if n.Flag("past_present_share_buffer", false) {
		return n.Unsupportedf("past and present are one buffer (past_present_share_buffer), which this engine does not have")
	}
	if n.Flag("do_rotary", false) {
		return n.Unsupportedf("do_rotary of Attention, which this engine does not have")
	}
	return nil
}

// newProjected reads shapes and attributes; mask, past and addend are inputs.
func newProjected(n *op.Node, mask, past, addend int) (*projected, error) {
	if err := refuseShared(n); err != nil {
		return nil, err
	}
	x, w, count := n.In[0].Shape, n.In[1].Shape, n.Int("num_heads", 0)
	if len(x) != 3 || len(w) != 2 || w[0] != x[2] || count < 1 {
		return nil, n.Errorf("an input of shape %v, weights of shape %v and %d heads, expected (batch, length, size) and (size, queries + keys + values)", x, w, count)
	}
	sizes3 := []int64{int64(w[1] / 3), int64(w[1] / 3), int64(w[1] / 3)}
	if given := n.Ints("qkv_hidden_sizes"); len(given) > 0 {
		sizes3 = given
	}
	if len(sizes3) != 3 || sizes3[0] != sizes3[1] || slices.Min(sizes3) < 0 || slices.Max(sizes3) > int64(w[1]) ||
		sizes3[0]+sizes3[1]+sizes3[2] != int64(w[1]) || sizes3[0]%count != 0 || sizes3[2]%count != 0 {
		return nil, n.Errorf("%d columns of weights are no queries, keys and values of sizes %v in %d heads", w[1], sizes3, count)
	}
	heads, width := int(count), w[1]
	p := &projected{attended: &attended{causal: n.Flag("unidirectional", false)}, inner: w[0], width: width, kv: int(sizes3[0]), values: int(2 * sizes3[0])}
	p.q = packedHeads(x[0], x[1], heads, int(sizes3[0])/heads, width)
	p.k = p.q
	p.v = packedHeads(x[0], x[1], heads, int(sizes3[2])/heads, width)
	p.y = packedHeads(x[0], x[1], heads, p.v.size, heads*p.v.size)
	p.scale = scaleOf(n, p.q.size)
	if n.Has(past) {
		s := n.In[past].Shape
		if len(s) != 5 || p.v.size != p.k.size || !slices.Equal([]int{s[0], s[1], s[2], s[4]}, []int{2, x[0], heads, p.k.size}) || n.In[past].Type != tensor.FP32 {
			return nil, n.Errorf("the past is %s%v, expected keys and values of %d heads of %d", n.In[past].Type, s, heads, p.k.size)
		}
		p.past = s[3]
	}
	p.total = p.past + x[1]
	var err error
	if p.padding, err = paddingOf(n, mask, p.attended); err != nil {
		return nil, err
	}
	p.bias, err = addedOf(n, addend, p.attended)
	return p, err
}

// outs are the outputs.
func (p *projected) outs(n *op.Node) ([]op.Info, error) {
	outs := []op.Info{op.Out(tensor.FP32, p.q.batch, p.q.rows, p.q.heads*p.v.size)}
	if n.Wants(1) {
		if p.v.size != p.k.size {
			return nil, n.Errorf("the present of keys of %d and values of %d, expected the same sizes", p.k.size, p.v.size)
		}
		outs = append(outs, op.Out(tensor.FP32, 2, p.q.batch, p.q.heads, p.total, p.k.size))
	}
	return outs, nil
}

// attend computes from the products.
func (p *projected) attend(r *op.Run, qkv []float32, mask, past, bias *tensor.Tensor, out []*tensor.Tensor) error {
	var was, is [2][]float32
	if past != nil {
		all := tensor.As[float32](past)
		was = [2][]float32{all[:len(all)/2], all[len(all)/2:]}
	}
	if now := optional(out, 1); now != nil {
		is = [2][]float32{now[:len(now)/2], now[len(now)/2:]}
	}
	k, kh := present(r, p.attended, p.k, tail1(qkv, p.kv), was[0], is[0])
	v, vh := present(r, p.attended, p.v, tail1(qkv, p.values), was[1], is[1])
	m := &masking[float32]{a: p.attended}
	p.padding.apply(r, m, mask)
	p.bias.apply(m, bias)
	weigh(r, m, qkv, k, kh, v, vh, tensor.As[float32](out[0]), nil)
	return r.Err()
}

// tail1 is what is behind an element, nothing when there are not as many.
func tail1(x []float32, from int) []float32 { return x[min(from, len(x)):] }

// projectedAttention is Attention of com.microsoft.
func projectedAttention(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 1, 2, 4, 5); err != nil {
		return nil, err
	}
	p, err := newProjected(n, 3, 4, 5)
	if err != nil {
		return nil, err
	}
	if n.Has(2) && tensor.Size(n.In[2].Shape) != p.width {
		return nil, n.Errorf("the bias has shape %v, expected %d elements", n.In[2].Shape, p.width)
	}
	outs, err := p.outs(n)
	if err != nil {
		return nil, err
	}
	var packed *gemm.PackedB
	if w := n.In[1].Tensor(); w != nil {
		packed = packWeights(n, w, p.inner, p.width, false)
	}
	rows := p.q.batch * p.q.rows
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		qkv, err := scratchTensor(r, tensor.FP32, []int{rows, p.width})
		if err != nil {
			return err
		}
		right := gemm.B{Packed: packed, Data: tensor.As[float32](in[1]), LD: p.width}
		gemm.Gemm(r.Threads, tensor.As[float32](qkv), p.width, rows, p.width, p.inner, gemm.A{Data: tensor.As[float32](in[0]), LD: p.inner}, right,
			gemm.Epilogue{BiasCol: optional(in, 2)})
		return p.attend(r, tensor.As[float32](qkv), at(in, 3), at(in, 4), at(in, 5), out)
	}, outs...)
}

// quantizedAttention is Attention whose input and weights are bytes.
func quantizedAttention(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 2, 3, 4, 8); err != nil {
		return nil, err
	}
	p, err := newProjected(n, 5, 8, -1)
	if err != nil {
		return nil, err
	}
	q, _, err := newIntProduct(n, 0, 1, 6, 7)
	if err != nil {
		return nil, err
	}
	if !n.Has(2) || !n.Has(3) || !n.Has(4) || tensor.Size(n.In[2].Shape) != p.width || tensor.Size(n.In[3].Shape) != 1 || !contains([]int{1, p.width}, tensor.Size(n.In[4].Shape)) {
		return nil, n.Errorf("bias and scales do not fit %d columns of weights", p.width)
	}
	outs, err := p.outs(n)
	if err != nil {
		return nil, err
	}
	rows := p.q.batch * p.q.rows
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		qkv, err := scratchTensor(r, tensor.FP32, []int{rows, p.width})
		if err != nil {
			return err
		}
		y := tensor.As[float32](qkv)
		if err := q.toFloat(r, in, y, tensor.As[float32](in[3]), tensor.As[float32](in[4]), tensor.As[float32](in[2])); err != nil {
			return err
		}
		return p.attend(r, y, at(in, 5), at(in, 8), nil, out)
	}, outs...)
}

// padding1 is how a mask of com.microsoft says which keys count.
type padding1 struct {
	a      *attended
	filter float32 // what is added to the scores of others
	kind   paddingKind
}

type paddingKind int

const (
	noPadding   paddingKind = iota
	ends                    // where keys end, by batch
	endsStarts              // where they end, and then where they start
	eachKey                 // 1 for keys that count, 0 for others, by batch
	eachKeyPair             // the same by batch and query
)

// paddingOf reads the shape of a mask.
func paddingOf(n *op.Node, i int, a *attended) (padding1, error) {
	p := padding1{a: a, filter: n.Float("mask_filter_value", -10000)}
	if i < 0 || !n.Has(i) {
		return p, nil
	}
	if err := n.Want(i, tensor.I32); err != nil {
		return p, err
	}
	s := n.In[i].Shape
	switch {
	case slices.Equal(s, []int{a.q.batch}):
		p.kind = ends
	case slices.Equal(s, []int{2 * a.q.batch}):
		p.kind = endsStarts
	case slices.Equal(s, []int{a.q.batch, a.total}):
		p.kind = eachKey
	case slices.Equal(s, []int{a.q.batch, a.q.rows, a.total}):
		p.kind = eachKeyPair
	default:
		return p, n.Unsupportedf("a mask of shape %v, expected [%d], [%d], [%d %d] or [%d %d %d]", s, a.q.batch, 2*a.q.batch, a.q.batch, a.total, a.q.batch, a.q.rows, a.total)
	}
	return p, nil
}

// apply adds the filter's value where keys do not count.
func (p *padding1) apply(r *op.Run, m *masking[float32], mask *tensor.Tensor) {
	if p.kind == noPadding {
		return
	}
	given, total := tensor.As[int32](mask), p.a.total
	rows := p.a.q.batch
	step := [3]int{total, 0, 0}
	if p.kind == eachKeyPair {
		rows *= p.a.q.rows
		step = [3]int{p.a.q.rows * total, 0, total}
	}
	v := r.Floats(rows * total)
	clear(v)
	for b := range rows {
		row := v[b*total:][:total]
		if p.kind == eachKey || p.kind == eachKeyPair {
			for i, keep := range given[b*total:][:total] {
				if keep <= 0 {
					row[i] = p.filter
				}
			}
			continue
		}
		start, end := 0, int(given[b])
		if p.kind == endsStarts {
			start = int(given[p.a.q.batch+b])
		}
		for i := range row {
			if i < start || i >= end {
				row[i] = p.filter
			}
		}
	}
	m.add(v, step, total)
}

// addedShape is how an addend of the scores broadcasts.
type addedShape struct {
	step [3]int
	keys int
}

// addedOf reads the shape of input i, (1 or batch, 1 or heads, queries, keys); nil where
// it is left out.
func addedOf(n *op.Node, i int, a *attended) (*addedShape, error) {
	if i < 0 || !n.Has(i) {
		return nil, nil
	}
	if err := n.Want(i, tensor.FP32); err != nil {
		return nil, err
	}
	s := n.In[i].Shape
	if len(s) != 4 || s[0] != 1 && s[0] != a.q.batch || s[1] != 1 && s[1] != a.q.heads || s[2] != a.q.rows || s[3] != a.total {
		return nil, n.Errorf("the attention's bias has shape %v, expected [1 or %d, 1 or %d, %d, %d]", s, a.q.batch, a.q.heads, a.q.rows, a.total)
	}
	d := &addedShape{keys: s[3]}
	d.step[2] = s[3]
	if s[1] > 1 {
		d.step[1] = s[2] * s[3]
	}
	if s[0] > 1 {
		d.step[0] = s[1] * s[2] * s[3]
	}
	return d, nil
}

func (d *addedShape) apply(m *masking[float32], t *tensor.Tensor) {
	if d != nil && t != nil {
		m.add(tensor.As[float32](t), d.step, d.keys)
	}
}

// multiHead is a compiled MultiHeadAttention.
type multiHead struct {
	*attended
	from    [3]int // the inputs that queries, keys and values are in
	begin   [3]int // where they begin there
	biased  [3]bool
	biasAt  [3]int
	padding padding1
	bias    *addedShape
}

// multiHeadAttention has queries, keys and values of their own, or in one tensor.
func multiHeadAttention(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 1, 2, 3, 5, 6, 7); err != nil {
		return nil, err
	}
	if n.Has(8) || n.Has(9) {
		return nil, n.Unsupportedf("past_sequence_length and cache_indirection: past and present are one buffer, which this engine does not have")
	}
	m := &multiHead{attended: &attended{causal: n.Flag("unidirectional", false), mode: 2}}
	if err := m.shapes(n); err != nil {
		return nil, err
	}
	if err := m.history(n); err != nil {
		return nil, err
	}
	var err error
	if m.padding, err = paddingOf(n, 4, m.attended); err != nil {
		return nil, err
	}
	if m.bias, err = addedOf(n, 5, m.attended); err != nil {
		return nil, err
	}
	a := m.attended
	a.scale = scaleOf(n, a.q.size)
	outs := []op.Info{
		op.Out(tensor.FP32, a.q.batch, a.q.rows, a.q.heads*a.v.size),
		op.Out(tensor.FP32, a.k.batch, a.k.heads, a.total, a.k.size),
		op.Out(tensor.FP32, a.v.batch, a.v.heads, a.total, a.v.size),
		op.Out(tensor.FP32, a.q.batch, a.q.heads, a.q.rows, a.total),
	}[:max(1, min(4, len(n.Outs)))]
	for i := 1; i < len(outs); i++ {
		if !n.Wants(i) {
			outs[i] = op.Info{}
		}
	}
	return op.Static(m.run, outs...)
}

// shapes finds where queries, keys and values lie.
func (m *multiHead) shapes(n *op.Node) error {
	x, count := n.In[0].Shape, n.Int("num_heads", 0)
	if len(x) != 3 && len(x) != 5 || count < 1 || count > tensor.MaxBytes {
		return n.Errorf("queries of shape %v and %d heads, expected (batch, length, size), or (batch, length, heads, 3, size)", x, count)
	}
	heads := int(count)
	if len(x) == 5 {
		if x[2] != heads || x[3] != 3 || n.Has(1) || n.Has(2) {
			return n.Errorf("queries, keys and values of shape %v for %d heads", x, heads)
		}
		for i := range m.from {
			m.begin[i] = i * x[4]
		}
		m.q = interleaved(x, 3)
		m.k, m.v = m.q, m.q
	} else {
		if x[2]%heads != 0 {
			return n.Errorf("queries of shape %v are not those of %d heads", x, heads)
		}
		m.q = packedHeads(x[0], x[1], heads, x[2]/heads, x[2])
		if err := m.keys(n, heads); err != nil {
			return err
		}
	}
	if m.k.batch != m.q.batch || m.v.batch != m.q.batch || m.k.rows != m.v.rows || m.k.size != m.q.size || m.k.heads != m.q.heads || m.v.heads != m.q.heads {
		return n.Errorf("queries of shape %v, and keys and values of other shapes", x)
	}
	m.y = packedHeads(m.q.batch, m.q.rows, heads, m.v.size, heads*m.v.size)
	if !n.Has(3) {
		return nil
	}
	sizes := [3]int{heads * m.q.size, heads * m.k.size, heads * m.v.size}
	if want := sizes[0] + sizes[1] + sizes[2]; tensor.Size(n.In[3].Shape) != want {
		return n.Errorf("the bias has shape %v, expected %d elements", n.In[3].Shape, want)
	}
	m.biasAt = [3]int{0, sizes[0], sizes[0] + sizes[1]}
	m.biased = [3]bool{true, m.k.packed, m.v.packed}
	return nil
}

// interleaved are heads of a tensor (batch, rows, heads, parts, size).
func interleaved(s []int, parts int) heads {
	size := s[4]
	return heads{s[0], s[2], s[1], size, s[1] * s[2] * parts * size, parts * size, s[2] * parts * size, true}
}

// keys finds keys and values.
func (m *multiHead) keys(n *op.Node, count int) error {
	if !n.Has(1) {
		return n.Unsupportedf("queries alone, expected keys")
	}
	k := n.In[1].Shape
	m.from = [3]int{0, 1, 2}
	switch {
	case len(k) == 5 && k[2] == count && k[3] == 2 && !n.Has(2):
		m.from[2], m.begin[2] = 1, k[4]
		m.k = interleaved(k, 2)
		m.v = m.k
		return nil
	case !n.Has(2):
		return n.Errorf("keys of shape %v without values", k)
	}
	for i, h := range map[int]*heads{1: &m.k, 2: &m.v} {
		var err error
		if *h, err = headsOf(n, i, int64(count)); err != nil {
			return err
		}
	}
	return nil
}

// history is the past.
func (m *multiHead) history(n *op.Node) error {
	if n.Has(6) != n.Has(7) {
		return n.Errorf("past_key and past_value go together")
	}
	if n.Has(6) {
		pk, pv := n.In[6].Shape, n.In[7].Shape
		if len(pk) != 4 || len(pv) != 4 || pk[2] != pv[2] || !slices.Equal([]int{pk[0], pk[1], pk[3]}, []int{m.k.batch, m.k.heads, m.k.size}) ||
			!slices.Equal([]int{pv[0], pv[1], pv[3]}, []int{m.v.batch, m.v.heads, m.v.size}) {
			return n.Errorf("past keys %v and values %v do not fit %d heads", pk, pv, m.k.heads)
		}
		m.past = pk[2]
	}
	m.total = m.past + m.k.rows
	return nil
}

func (m *multiHead) run(r *op.Run, in, out []*tensor.Tensor) error {
	var parts [3][]float32
	laid := [3]heads{m.q, m.k, m.v}
	for i := range parts {
		parts[i] = tail1(tensor.As[float32](in[m.from[i]]), m.begin[i])
		if !m.biased[i] {
			continue
		}
		t, err := scratchTensor(r, tensor.FP32, []int{laid[i].batch, laid[i].rows, laid[i].heads * laid[i].size})
		if err != nil {
			return err
		}
		laid[i] = withBias(tensor.As[float32](t), parts[i], tensor.As[float32](in[3])[m.biasAt[i]:], laid[i])
		parts[i] = tensor.As[float32](t)
	}
	a := *m.attended
	a.q = laid[0]
	k, kh := present(r, &a, laid[1], parts[1], optional(in, 6), optional(out, 1))
	v, vh := present(r, &a, laid[2], parts[2], optional(in, 7), optional(out, 2))
	w := &masking[float32]{a: &a}
	m.padding.apply(r, w, at(in, 4))
	m.bias.apply(w, at(in, 5))
	weigh(r, w, parts[0], k, kh, v, vh, tensor.As[float32](out[0]), optional(out, 3))
	return r.Err()
}

// withBias adds a row to heads, and says how they then lie.
func withBias(dst, x, bias []float32, h heads) heads {
	to := packedHeads(h.batch, h.rows, h.heads, h.size, h.heads*h.size)
	for b := range h.batch {
		for head := range h.heads {
			for i := range h.rows {
				vec.Add(dst[to.at(b, head)+i*to.rowStep:][:h.size], x[h.at(b, head)+i*h.rowStep:][:h.size], bias[head*h.size:][:h.size])
			}
		}
	}
	return to
}

// positionedRotary is RotaryEmbedding of com.microsoft: positions come first, or where
// they begin.
func positionedRotary(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 2, 3); err != nil {
		return nil, err
	}
	if n.Flag("is_packed_batching", false) {
		return nil, n.Unsupportedf("is_packed_batching, which this engine does not have")
	}
	if scale := n.Float("scale", 1); scale != 1 {
		return nil, n.Unsupportedf("scale is %v, this engine has 1 alone", scale)
	}
	e, err := newRotary(n, 0, 2, 3)
	if err != nil {
		return nil, err
	}
	if err := n.Want(1, tensor.I64); err != nil {
		return nil, err
	}
	count := tensor.Size(n.In[1].Shape)
	if count != 1 && count != e.x.batch*e.x.rows {
		return nil, n.Errorf("positions of shape %v, expected one, or %d by %d", n.In[1].Shape, e.x.batch, e.x.rows)
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		given := tensor.As[int64](in[1])
		positions, err := scratchInts(r, e.x.batch*e.x.rows)
		if err != nil {
			return err
		}
		for i := range positions {
			if positions[i] = given[i%count]; count == 1 && n.Rank(1) < 2 {
				positions[i] = given[0] + int64(i%e.x.rows)
			}
		}
		return e.turnAll(r, tensor.As[float32](out[0]), tensor.As[float32](in[0]), tensor.As[float32](in[2]), tensor.As[float32](in[3]), positions)
	}, op.Out(tensor.FP32, n.In[0].Shape...))
}

// newRotary reads RotaryEmbedding's attributes, and its tables of angles by position.
func newRotary(n *op.Node, input, cos, sin int) (*rotary, error) {
	c, s := n.In[cos].Shape, n.In[sin].Shape
	if len(c) != 2 || !slices.Equal(c, s) {
		return nil, n.Errorf("tables of angles of shapes %v and %v, expected two alike", c, s)
	}
	e := &rotary{half: c[1], positions: c[0], interleaved: n.Flag("interleaved", false)}
	count := n.Int("num_heads", 0)
	if shape := n.In[input].Shape; len(shape) == 3 && count == 0 && c[1] > 0 {
		count = int64(shape[2] / (2 * c[1]))
	}
	var err error
	if e.x, err = headsOf(n, input, count); err != nil {
		return nil, err
	}
	if 2*e.half > e.x.size {
		return nil, n.Errorf("%d angles for heads of %d elements", e.half, e.x.size)
	}
	return e, nil
}
