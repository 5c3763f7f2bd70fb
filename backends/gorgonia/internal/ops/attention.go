package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/gemm"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// attentions are the operators that weigh values by queries and keys.
func attentions() []op.Spec {
	return []op.Spec{
		{Name: "Attention", Since: 23, MinIn: 3, MaxIn: 7, MaxOut: 4, Compile: attention},
		{Domain: "ai.onnx.preview", Name: "FlexAttention", Since: 1, MinIn: 3, MaxIn: 3, Body: true, Compile: flexAttention},
	}
}

// heads is how the matrices of heads lie in memory: batch times heads matrices of rows of
// size elements. A step is how many elements are between neighbours.
type heads struct {
	batch, heads, rows, size     int
	batchStep, headStep, rowStep int
	packed                       bool // as (batch, rows, heads by size)
}

// apartHeads are those of a tensor (batch, heads, rows, size).
func apartHeads(batch, count, rows, size int) heads {
	return heads{batch, count, rows, size, count * rows * size, rows * size, size, false}
}

// packedHeads are those of a tensor (batch, rows, heads by size), whose rows are a part of
// rows of width elements.
func packedHeads(batch, rows, count, size, width int) heads {
	return heads{batch, count, rows, size, rows * width, size, width, true}
}

// headsOf are those of an input of four dimensions (batch, heads, rows, size), or of three,
// (batch, rows, heads by size).
func headsOf(n *op.Node, i int, count int64) (heads, error) {
	s := n.In[i].Shape
	switch {
	case len(s) == 4:
		return apartHeads(s[0], s[1], s[2], s[3]), nil
	case len(s) != 3:
		return heads{}, n.Errorf("input %d has shape %v, expected three or four dimensions", i, s)
	case count < 1 || int64(s[2])%count != 0:
		return heads{}, n.Errorf("input %d has shape %v, whose rows are not those of %d heads", i, s, count)
	}
	return packedHeads(s[0], s[1], int(count), s[2]/int(count), s[2]), nil
}

// at is where a head's matrix begins.
func (h heads) at(batch, head int) int { return batch*h.batchStep + head*h.headStep }

// attended is a compiled Attention.
type attended struct {
	q, k, v, y heads
	past       int // keys that past_key has
	total      int
	scale      float64
	softcap    float64
	causal     bool
	mode       int64 // what the fourth output is
	// mask has for each of (batch, head, query, key) the elements between neighbours, 0
	// where it broadcasts, and how many keys it knows.
	maskStep [3]int
	maskKeys int
}

// attention is the attention of scaled dot products.
//
// See https://onnx.ai/onnx/operators/onnx__Attention.html
func attention(n *op.Node) (*op.Plan, error) {
	if err := n.SameType(0, 1, 2, 4, 5); err != nil {
		return nil, err
	}
	if n.Has(3) && n.In[3].Type != tensor.Bool && n.In[3].Type != n.In[0].Type {
		return nil, n.Unsupportedf("a mask of %s for queries of %s, expected the same or bool", n.In[3].Type, n.In[0].Type)
	}
	return op.Widen(attentionWide)(n)
}

func attentionWide(n *op.Node) (*op.Plan, error) {
	a, err := attentionShapes(n)
	if err != nil {
		return nil, err
	}
	if err := a.maskShape(n); err != nil {
		return nil, err
	}
	t := n.In[0].Type
	y := []int{a.q.batch, a.q.heads, a.q.rows, a.v.size}
	if a.q.packed {
		y = []int{a.q.batch, a.q.rows, a.q.heads * a.v.size}
	}
	outs := []op.Info{
		op.Out(t, y...),
		op.Out(t, a.k.batch, a.k.heads, a.total, a.k.size),
		op.Out(t, a.v.batch, a.v.heads, a.total, a.v.size),
		op.Out(t, a.q.batch, a.q.heads, a.q.rows, a.total),
	}[:max(1, min(4, len(n.Outs)))]
	for i := range outs {
		if i > 0 && !n.Wants(i) {
			outs[i] = op.Info{}
		}
	}
	return byFloat(n,
		func() (*op.Plan, error) {
			return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error { return attend[float32](r, a, in, out) }, outs...)
		},
		func() (*op.Plan, error) {
			return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error { return attend[float64](r, a, in, out) }, outs...)
		})
}

func attentionShapes(n *op.Node) (*attended, error) {
	a := &attended{softcap: float64(n.Float("softcap", 0)), causal: n.Flag("is_causal", false), mode: n.Int("qk_matmul_output_mode", 0)}
	var err error
	if a.q, err = headsOf(n, 0, n.Int("q_num_heads", 0)); err != nil {
		return nil, err
	}
	for i, h := range []*heads{&a.k, &a.v} {
		if *h, err = headsOf(n, i+1, n.Int("kv_num_heads", 0)); err != nil {
			return nil, err
		}
	}
	if a.k.batch != a.q.batch || a.v.batch != a.q.batch || a.k.rows != a.v.rows || a.k.heads != a.v.heads || a.k.size != a.q.size ||
		a.k.heads == 0 || a.q.heads%a.k.heads != 0 || a.q.packed != a.k.packed || a.q.packed != a.v.packed {
		return nil, n.Errorf("queries %v, keys %v and values %v do not fit", n.In[0].Shape, n.In[1].Shape, n.In[2].Shape)
	}
	a.y = apartHeads(a.q.batch, a.q.heads, a.q.rows, a.v.size)
	if a.q.packed {
		a.y = packedHeads(a.q.batch, a.q.rows, a.q.heads, a.v.size, a.q.heads*a.v.size)
	}
	if n.Has(4) != n.Has(5) {
		return nil, n.Errorf("past_key and past_value go together")
	}
	if n.Has(4) {
		pk, pv := n.In[4].Shape, n.In[5].Shape
		if len(pk) != 4 || len(pv) != 4 || pk[2] != pv[2] || pk[0] != a.k.batch || pk[1] != a.k.heads || pk[3] != a.k.size ||
			pv[0] != a.v.batch || pv[1] != a.v.heads || pv[3] != a.v.size {
			return nil, n.Errorf("past keys %v and values %v do not fit keys %v and values %v", pk, pv, n.In[1].Shape, n.In[2].Shape)
		}
		a.past = pk[2]
	}
	if n.Has(6) && (n.In[6].Type != tensor.I64 || tensor.Size(n.In[6].Shape) != a.q.batch) {
		return nil, n.Errorf("nonpad_kv_seqlen is %s%v, expected %d int64", n.In[6].Type, n.In[6].Shape, a.q.batch)
	}
	a.total = a.past + a.k.rows
	a.scale = 1 / math.Sqrt(float64(a.q.size))
	if n.Attr("scale") {
		a.scale = float64(n.Float("scale", 1))
	}
	return a, nil
}

// maskShape finds how the mask broadcasts; keys beyond its last are masked.
func (a *attended) maskShape(n *op.Node) error {
	if !n.Has(3) {
		return nil
	}
	s := n.In[3].Shape
	if len(s) == 0 || len(s) > 4 || s[len(s)-1] > a.total {
		return n.Errorf("a mask of shape %v does not broadcast to %v", s, []int{a.q.batch, a.q.heads, a.q.rows, a.total})
	}
	a.maskKeys = s[len(s)-1]
	full, step := []int{a.q.batch, a.q.heads, a.q.rows}, a.maskKeys
	for i := len(s) - 2; i >= 0; i-- {
		k := i + 4 - len(s)
		if s[i] != 1 && s[i] != full[k] {
			return n.Errorf("a mask of shape %v does not broadcast to %v", s, []int{a.q.batch, a.q.heads, a.q.rows, a.total})
		}
		if s[i] != 1 {
			a.maskStep[k] = step
		}
		step *= s[i]
	}
	return nil
}

// scoreBlock is about how many scores are computed at once by a thread.
const scoreBlock = 1 << 15

// attend computes blocks of rows of queries, so that scores stay in the cache and take
// little memory.
func attend[T float](r *op.Run, a *attended, in, out []*tensor.Tensor) error {
	input := func(i int) []T {
		if i >= len(in) || in[i] == nil {
			return nil
		}
		return tensor.As[T](in[i])
	}
	output := func(i int) []T {
		if i >= len(out) || out[i] == nil {
			return nil
		}
		return tensor.As[T](out[i])
	}
	k, kh := present(r, a, a.k, input(1), input(4), output(1))
	v, vh := present(r, a, a.v, input(2), input(5), output(2))
	m := &masking[T]{a: a}
	if len(in) > 3 && in[3] != nil {
		if in[3].Type == tensor.Bool {
			m.flags = tensor.As[bool](in[3])
		} else {
			m.add(tensor.As[T](in[3]), a.maskStep, a.maskKeys)
		}
	}
	if len(in) > 6 && in[6] != nil {
		m.lengths = tensor.As[int64](in[6])
	}
	if output(0) == nil && out[0] == nil {
		return nil
	}
	weigh(r, m, input(0), k, kh, v, vh, output(0), output(3))
	return nil
}

// weigh writes the sums of values, weighed, to y, and what the fourth output is to scores,
// where there are any.
func weigh[T float](r *op.Run, m *masking[T], q, k []T, kh heads, v []T, vh heads, y, scores []T) {
	a := m.a
	switch {
	case a.q.rows == 0 || a.q.heads == 0:
		return
	case a.total == 0: // nothing to weigh
		clear(y)
		return
	}
	block := min(a.q.rows, max(1, scoreBlock/max(1, a.total)))
	blocks := (a.q.rows + block - 1) / block
	group := a.q.heads / a.k.heads
	r.For(a.q.batch*a.q.heads*blocks, 1, func(lo, hi int) {
		s := make([]T, block*a.total)
		for i := lo; i < hi; i++ {
			if r.Stopped() {
				return
			}
			head, from := i/blocks, i%blocks*block
			b, h := head/a.q.heads, head%a.q.heads
			rows := min(block, a.q.rows-from)
			part := s[:rows*a.total]
			multiply(part, a.total, rows, a.total, a.q.size, q[a.q.at(b, h)+from*a.q.rowStep:], a.q.rowStep, k[kh.at(b, h/group):], kh.rowStep, true, T(a.scale))
			m.softmax(part, rows, b, h, from, func(stage int64) {
				if scores != nil && stage == a.mode {
					copy(scores[(head*a.q.rows+from)*a.total:], part)
				}
			})
			multiply(y[a.y.at(b, h)+from*a.y.rowStep:], a.y.rowStep, rows, a.v.size, a.total, part, a.total, v[vh.at(b, h/group):], vh.rowStep, false, 1)
		}
	})
}

// multiply is dst = alpha * a * b, or b transposed, on one thread.
func multiply[T float](dst []T, ldd, m, n, k int, a []T, lda int, b []T, ldb int, trans bool, alpha T) {
	if d, ok := any(dst).([]float32); ok {
		gemm.Gemm(nil, d, ldd, m, n, k, gemm.A{Data: any(a).([]float32), LD: lda}, gemm.B{Data: any(b).([]float32), LD: ldb, Trans: trans},
			gemm.Epilogue{Scale: alpha != 1, Alpha: float32(alpha)})
		return
	}
	gemm.GemmOf(nil, any(dst).([]float64), ldd, m, n, k, float64(alpha), gemm.Matrix[float64]{Data: any(a).([]float64), LD: lda},
		gemm.Matrix[float64]{Data: any(b).([]float64), LD: ldb, Trans: trans}, 0, nil, 0)
}

// present are the keys or values of all steps: those of the past, if there are any, and
// then the new ones. They are left where they are when nothing else is asked for.
func present[T float](r *op.Run, a *attended, h heads, now, past, out []T) ([]T, heads) {
	if past == nil && a.past == 0 && out == nil {
		return now, h
	}
	all := apartHeads(h.batch, h.heads, a.total, h.size)
	if out == nil {
		var zero T
		out = tensor.View[T](r.Scratch(h.batch * h.heads * a.total * h.size * sizeOf(zero)))
	}
	for i := range h.batch * h.heads {
		b, head := i/h.heads, i%h.heads
		to := out[all.at(b, head):]
		copy(to, past[min(len(past), i*a.past*h.size):min(len(past), (i+1)*a.past*h.size)])
		from := now[min(len(now), h.at(b, head)):]
		for k := range h.rows {
			copy(to[(a.past+k)*h.size:][:h.size], from[k*h.rowStep:])
		}
	}
	return out, all
}

func sizeOf[T float](v T) int {
	if _, ok := any(v).(float32); ok {
		return 4
	}
	return 8
}

// masking is what comes between the scores and their weights.
type masking[T float] struct {
	a       *attended
	flags   []bool // by a.maskStep
	adds    []added[T]
	lengths []int64
	before  []int // positions before the first query, by batch; past ones where it is nil
	window  int   // how many keys up to its own a query sees; 0 for all
	sinks   []T   // by head, a score more that has no value
}

// added are numbers that are added to scores: step is how many are between neighbours of
// batch, head and query, 0 where they broadcast; keys beyond are masked.
type added[T float] struct {
	values []T
	step   [3]int
	keys   int
}

func (m *masking[T]) add(values []T, step [3]int, keys int) {
	m.adds = append(m.adds, added[T]{values, step, keys})
}

// softmax makes weights of scores. report is called with the stages that the node's
// fourth output may be.
func (m *masking[T]) softmax(s []T, rows, batch, head, from int, report func(stage int64)) {
	a := m.a
	report(0)
	if a.softcap > 0 {
		for i, v := range s {
			s[i] = T(math.Tanh(float64(v)/a.softcap) * a.softcap)
		}
	}
	report(1)
	for i := range rows {
		m.mask(s[i*a.total:][:a.total], batch, head, from+i)
	}
	report(2)
	for i := range rows {
		m.weights(s[i*a.total:][:a.total], head)
	}
	report(3)
}

// weights is a softmax of a row, with the sink as one score more.
func (m *masking[T]) weights(row []T, head int) {
	if m.sinks == nil || len(row) == 0 {
		softmaxOf(row)
		return
	}
	top := slices.Max(row)
	softmaxOf(row)
	part := 1 / (1 + T(math.Exp(float64(m.sinks[head]-top)))*slices.Max(row))
	for i := range row {
		row[i] *= part
	}
}

func softmaxOf[T float](row []T) {
	if s, ok := any(row).([]float32); ok {
		vec.Softmax(s, s)
		return
	}
	d := any(row).([]float64)
	softmaxRow(d, d)
}

// mask takes keys out of a row of scores, or adds to them.
func (m *masking[T]) mask(row []T, batch, head, query int) {
	a := m.a
	none := T(math.Inf(-1))
	end := a.total // of the keys that may count
	if m.flags != nil {
		at := batch*a.maskStep[0] + head*a.maskStep[1] + query*a.maskStep[2]
		for j, keep := range m.flags[at:][:a.maskKeys] {
			if !keep {
				row[j] = none
			}
		}
		end = a.maskKeys
	}
	for _, d := range m.adds {
		at := batch*d.step[0] + head*d.step[1] + query*d.step[2]
		for j, v := range d.values[at:][:d.keys] {
			row[j] += v
		}
		end = min(end, d.keys)
	}
	if a.causal {
		own := a.past + query + 1
		if m.before != nil {
			own = m.before[batch] + query + 1
		}
		end = min(end, own)
		if m.window > 0 {
			for j := range min(max(own-m.window, 0), len(row)) {
				row[j] = none
			}
		}
	}
	if m.lengths != nil {
		end = int(min(int64(end), max(0, m.lengths[batch])))
	}
	for j := end; j < len(row); j++ {
		row[j] = none
	}
}

// flexAttention is attention whose scores and weights pass through graphs of the model's.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxpreview_FlexAttention.html
func flexAttention(n *op.Node) (*op.Plan, error) {
	if err := n.SameType(0, 1, 2); err != nil {
		return nil, err
	}
	if !isReal(n.In[0].Type) || n.Rank(0) != 4 || n.Rank(1) != 4 || n.Rank(2) != 4 {
		return nil, n.Errorf("queries, keys and values are %s%v, %v and %v, expected real numbers in four dimensions", n.In[0].Type, n.In[0].Shape, n.In[1].Shape, n.In[2].Shape)
	}
	a, err := attentionShapes(n)
	if err != nil {
		return nil, err
	}
	precision := tensor.FP32
	if n.In[0].Type == tensor.FP64 {
		precision = tensor.FP64
	}
	if p := n.Int("softmax_precision", 0); p != 0 {
		precision = tensor.Type(p & 0xff)
	}
	if !isReal(precision) {
		return nil, n.Errorf("softmax_precision is %s, expected a floating-point type", precision)
	}
	f := &flexible{node: n, a: a, precision: precision, scores: n.Graph("score_mod") != nil, weights: n.Graph("prob_mod") != nil}
	if n.In[0].Type == tensor.FP64 {
		return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
			return flex[float64](r, f, tensor.FP64, in)
		})
	}
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		return flex[float32](r, f, tensor.FP32, in)
	})
}

// flexible is a compiled FlexAttention.
type flexible struct {
	node            *op.Node
	a               *attended
	precision       tensor.Type
	scores, weights bool // whether there are graphs for them
}

// flex computes in T, whose type is t.
func flex[T float](r *op.Run, f *flexible, t tensor.Type, in []tensor.Value) ([]tensor.Value, error) {
	a, around := f.a, in[3:]
	var qkv [3][]T
	for i := range qkv {
		given, ok := in[i].(*tensor.Tensor)
		if !ok {
			return nil, f.node.Errorf("input %d is no tensor", i)
		}
		wide, err := converted(r, given, t)
		if err != nil {
			return nil, err
		}
		qkv[i] = tensor.As[T](wide)
	}
	s, err := r.New(t, a.q.batch, a.q.heads, a.q.rows, a.total)
	if err != nil {
		return nil, err
	}
	group, matrix := a.q.heads/a.k.heads, a.q.rows*a.total
	x := tensor.As[T](s)
	r.For(a.q.batch*a.q.heads, 1, func(lo, hi int) {
		for i := lo; i < hi && !r.Stopped(); i++ {
			b, h := i/a.q.heads, i%a.q.heads
			multiply(x[i*matrix:][:matrix], a.total, a.q.rows, a.total, a.q.size, qkv[0][a.q.at(b, h):], a.q.size, qkv[1][a.k.at(b, h/group):], a.k.size, true, T(a.scale))
		}
	})
	if f.scores {
		if s, err = f.modify(r, "score_mod", s, t, around); err != nil {
			return nil, err
		}
	}
	w, err := r.New(t, s.Shape...)
	if err != nil {
		return nil, err
	}
	x = tensor.As[T](w)
	copy(x, tensor.As[T](s))
	r.For(len(x)/max(1, a.total), max(1, grain/max(1, a.total)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			softmaxOf(x[i*a.total:][:a.total])
		}
	})
	if f.weights {
		if w, err = f.modify(r, "prob_mod", w, t, around); err != nil {
			return nil, err
		}
		x = tensor.As[T](w)
	}
	y, err := r.New(t, a.q.batch, a.q.heads, a.q.rows, a.v.size)
	if err != nil {
		return nil, err
	}
	dst := tensor.As[T](y)
	r.For(a.q.batch*a.q.heads, 1, func(lo, hi int) {
		for i := lo; i < hi && !r.Stopped(); i++ {
			b, h := i/a.q.heads, i%a.q.heads
			multiply(dst[a.y.at(b, h):], a.v.size, a.q.rows, a.v.size, a.total, x[i*matrix:][:matrix], a.total, qkv[2][a.v.at(b, h/group):], a.v.size, false, 1)
		}
	})
	result, err := converted(r, y, f.node.In[0].Type)
	return []tensor.Value{result}, err
}

// modify passes a tensor through a graph, in the precision of the softmax.
func (f *flexible) modify(r *op.Run, attribute string, x *tensor.Tensor, t tensor.Type, around []tensor.Value) (*tensor.Tensor, error) {
	given, err := converted(r, x, f.precision)
	if err != nil {
		return nil, err
	}
	made, err := f.node.Subgraph.Call(r, attribute, []tensor.Value{given}, around)
	if err != nil {
		return nil, err
	}
	if len(made) != 1 {
		return nil, f.node.Errorf("the graph in %q has %d outputs, expected 1", attribute, len(made))
	}
	y, ok := made[0].(*tensor.Tensor)
	if !ok || y.Type != f.precision || tensor.Size(y.Shape) != tensor.Size(x.Shape) {
		return nil, f.node.Errorf("the graph in %q does not keep the type %s and the shape %v", attribute, f.precision, x.Shape)
	}
	return converted(r, y.Reshaped(x.Shape...), t)
}

// converted is a tensor in another type, itself when it has it.
func converted(r *op.Run, x *tensor.Tensor, t tensor.Type) (*tensor.Tensor, error) {
	if x.Type == t {
		return x, nil
	}
	y, err := r.New(t, x.Shape...)
	if err != nil {
		return nil, err
	}
	return y, (&converter{to: t, saturate: true}).convert(r, y, x)
}
