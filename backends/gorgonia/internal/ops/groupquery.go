package ops

import (
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// groupQuery is a compiled GroupQueryAttention: keys and values of fewer heads than
// queries, a cache of those of all steps, whose sequences are as long as seqlens_k says,
// and angles by position.
type groupQuery struct {
	*attended
	begin    [3]int // where queries, keys and values begin in their inputs
	from     [3]int // the inputs
	capacity int    // rows of the present
	prompt   bool   // there is no past
	window   int
	smooth   bool
	bias     *addedShape
	turn     *rotary // nil without angles
	epsilon  float32 // of the norms of queries and keys
}

// Inputs of GroupQueryAttention.
const (
	gqaPastKey = iota + 3
	gqaPastValue
	gqaLengths
	gqaTotal
	gqaCos
	gqaSin
	gqaPositions
	gqaBias
	gqaSink
	gqaKeyScale
	gqaValueScale
	gqaQueryNorm
	gqaKeyNorm
)

// groupQueryAttention is what exported language models attend with.
func groupQueryAttention(n *op.Node) (*op.Plan, error) {
	if n.Has(gqaKeyScale) || n.Has(gqaValueScale) || n.Flag("sliding_window_cache", false) || n.Wants(3) {
		return nil, n.Unsupportedf("a cache of quantized or of the last keys, or the scores as an output, which this engine does not have")
	}
	if err := wantSingles(n, 0, 1, 2, gqaPastKey, gqaPastValue, gqaCos, gqaSin, gqaBias, gqaSink, gqaQueryNorm, gqaKeyNorm); err != nil {
		return nil, err
	}
	g := &groupQuery{attended: &attended{causal: n.Flag("causal", true), softcap: float64(n.Float("softcap", 0)), mode: -1}, epsilon: n.Float("qk_norm_epsilon", 1e-6)}
	for _, read := range []func(*op.Node) error{g.shapes, g.cache, g.options, g.angles} {
		if err := read(n); err != nil {
			return nil, err
		}
	}
	a := g.attended
	kept := []int{a.k.batch, a.k.heads, g.capacity, a.k.size}
	outs := []op.Info{op.Out(tensor.FP32, a.q.batch, a.q.rows, a.q.heads*a.v.size), op.Out(tensor.FP32, kept...), op.Out(tensor.FP32, kept...)}
	outs = outs[:max(1, min(3, len(n.Outs)))]
	for i := 1; i < len(outs); i++ {
		if !n.Wants(i) {
			outs[i] = op.Info{}
		}
	}
	return op.Static(g.run, outs...)
}

// shapes finds queries, keys and values.
func (g *groupQuery) shapes(n *op.Node) error {
	x, count, groups := n.In[0].Shape, n.Int("num_heads", 0), n.Int("kv_num_heads", 0)
	if len(x) != 3 || count < 1 || groups < 1 || count > 1<<20 || count%groups != 0 || n.Has(1) != n.Has(2) {
		return n.Errorf("queries of shape %v in %d heads, and keys in %d", x, count, groups)
	}
	heads, kv := int(count), int(groups)
	if !n.Has(1) {
		all := heads + 2*kv
		if x[2]%all != 0 {
			return n.Errorf("queries, keys and values of shape %v are no %d + 2 times %d heads", x, heads, kv)
		}
		size := x[2] / all
		g.begin = [3]int{0, heads * size, (heads + kv) * size}
		g.q = packedHeads(x[0], x[1], heads, size, x[2])
		g.k = packedHeads(x[0], x[1], kv, size, x[2])
		g.v = g.k
	} else {
		g.from = [3]int{0, 1, 2}
		k, v := n.In[1].Shape, n.In[2].Shape
		if x[2]%heads != 0 || len(k) != 3 || !slices.Equal(k, v) || k[0] != x[0] || k[1] != x[1] || k[2] != x[2]/heads*kv {
			return n.Errorf("queries of shape %v, keys of %v and values of %v, in %d and %d heads", x, k, v, heads, kv)
		}
		g.q = packedHeads(x[0], x[1], heads, x[2]/heads, x[2])
		g.k = packedHeads(k[0], k[1], kv, k[2]/kv, k[2])
		g.v = g.k
	}
	g.y = packedHeads(g.q.batch, g.q.rows, heads, g.v.size, heads*g.v.size)
	g.scale = scaleOf(n, g.q.size)
	return nil
}

// cache finds how long past and present are.
func (g *groupQuery) cache(n *op.Node) error {
	if err := n.Want(gqaLengths, tensor.I32); err != nil {
		return err
	}
	if tensor.Size(n.In[gqaLengths].Shape) != g.q.batch {
		return n.Errorf("seqlens_k has shape %v, expected %d lengths", n.In[gqaLengths].Shape, g.q.batch)
	}
	total, err := n.IntOf(gqaTotal)
	if err != nil {
		return err
	}
	if total < 0 || total > tensor.MaxBytes {
		return n.Errorf("total_sequence_length is %d", total)
	}
	if n.Has(gqaPastKey) != n.Has(gqaPastValue) {
		return n.Errorf("past_key and past_value go together")
	}
	if n.Has(gqaPastKey) {
		k, v := n.In[gqaPastKey].Shape, n.In[gqaPastValue].Shape
		if len(k) != 4 || !slices.Equal(k, v) || k[0] != g.k.batch || k[1] != g.k.heads || k[3] != g.k.size {
			return n.Errorf("past keys %v and values %v do not fit %d heads of %d", k, v, g.k.heads, g.k.size)
		}
		g.past = k[2]
	}
	g.prompt = int(total) == g.q.rows
	g.capacity = max(g.past, int(total))
	g.total = int(total)
	return nil
}

// options reads what changes scores and weights.
func (g *groupQuery) options(n *op.Node) error {
	if w := n.Int("local_window_size", -1); w >= 0 {
		if !g.causal || w == 0 {
			return n.Errorf("local_window_size is %d, expected -1, or more than 0 and causal attention", w)
		}
		g.window = int(min(w, tensor.MaxBytes))
	}
	g.smooth = n.Int("smooth_softmax", 0) == 1
	if n.Has(gqaSink) && tensor.Size(n.In[gqaSink].Shape) != g.q.heads {
		return n.Errorf("head_sink has shape %v, expected %d heads", n.In[gqaSink].Shape, g.q.heads)
	}
	for _, i := range []int{gqaQueryNorm, gqaKeyNorm} {
		if n.Has(i) && tensor.Size(n.In[i].Shape) != g.q.size || n.Has(i) != n.Has(gqaQueryNorm) {
			return n.Errorf("the norms of queries and keys go together, with %d elements each", g.q.size)
		}
	}
	var err error
	g.bias, err = addedOf(n, gqaBias, g.attended)
	return err
}

// angles reads the tables of RotaryEmbedding.
func (g *groupQuery) angles(n *op.Node) error {
	if !n.Flag("do_rotary", false) {
		return nil
	}
	if !n.Has(gqaCos) || !n.Has(gqaSin) {
		return n.Errorf("do_rotary without tables of angles")
	}
	c := n.In[gqaCos].Shape
	if len(c) != 2 || !slices.Equal(c, n.In[gqaSin].Shape) || 2*c[1] > g.q.size {
		return n.Errorf("tables of angles of shapes %v and %v for heads of %d", c, n.In[gqaSin].Shape, g.q.size)
	}
	if n.Has(gqaPositions) {
		if err := n.Want(gqaPositions, tensor.I64); err != nil {
			return err
		}
		if tensor.Size(n.In[gqaPositions].Shape) != g.q.batch*g.q.rows {
			return n.Errorf("positions of shape %v, expected %d by %d", n.In[gqaPositions].Shape, g.q.batch, g.q.rows)
		}
	}
	g.turn = &rotary{half: c[1], positions: c[0], interleaved: n.Flag("rotary_interleaved", false)}
	return nil
}

// lengths are how many keys each sequence has, and how many of them were there before.
func (g *groupQuery) lengths(t *tensor.Tensor) (all []int64, before []int, err error) {
	for _, v := range tensor.As[int32](t) {
		total := int64(v) + 1
		was := 0
		if !g.prompt {
			was = int(total) - g.q.rows
		}
		if total < 0 || was < 0 || was > g.past || was+g.q.rows > g.capacity || total > int64(g.capacity) {
			return nil, nil, &op.Invalid{Reason: "seqlens_k does not fit the past, and total_sequence_length"}
		}
		all, before = append(all, total), append(before, was)
	}
	return all, before, nil
}

func (g *groupQuery) run(r *op.Run, in, out []*tensor.Tensor) error {
	lengths, before, err := g.lengths(in[gqaLengths])
	if err != nil {
		return err
	}
	var parts [3][]float32
	laid := [3]heads{g.q, g.k, g.v}
	for i := range parts {
		parts[i] = tail1(tensor.As[float32](in[g.from[i]]), g.begin[i])
	}
	for i, norm := range []int{gqaQueryNorm, gqaKeyNorm} {
		if parts[i], laid[i], err = g.prepared(r, in, parts[i], laid[i], optional(in, norm), before); err != nil {
			return err
		}
	}
	a := *g.attended
	a.q, a.total = laid[0], 0
	for _, n := range lengths {
		a.total = max(a.total, int(n))
	}
	k, kh, err := g.present(r, laid[1], parts[1], optional(in, gqaPastKey), optional(out, 1), before)
	if err != nil {
		return err
	}
	v, vh, err := g.present(r, laid[2], parts[2], optional(in, gqaPastValue), optional(out, 2), before)
	if err != nil {
		return err
	}
	m := &masking[float32]{a: &a, lengths: lengths, before: before, window: g.window, sinks: optional(in, gqaSink)}
	if m.sinks == nil && g.smooth {
		m.sinks = make([]float32, a.q.heads)
	}
	if g.bias != nil {
		m.add(tensor.As[float32](in[gqaBias]), g.bias.step, min(g.bias.keys, a.total))
	}
	weigh(r, m, parts[0], k, kh, v, vh, tensor.As[float32](out[0]), nil)
	return r.Err()
}

// prepared are queries or keys, normalized and turned.
func (g *groupQuery) prepared(r *op.Run, in []*tensor.Tensor, x []float32, h heads, norm []float32, before []int) ([]float32, heads, error) {
	if norm == nil && g.turn == nil {
		return x, h, nil
	}
	to := packedHeads(h.batch, h.rows, h.heads, h.size, h.heads*h.size)
	t, err := scratchTensor(r, tensor.FP32, []int{h.batch, h.rows, h.heads * h.size})
	if err != nil {
		return nil, h, err
	}
	y := tensor.As[float32](t)
	for b := range h.batch {
		for head := range h.heads {
			for i := range h.rows {
				dst, src := y[to.at(b, head)+i*to.rowStep:][:h.size], x[h.at(b, head)+i*h.rowStep:][:h.size]
				if norm != nil {
					vec.RMSNorm(dst, src, norm, g.epsilon)
				} else {
					copy(dst, src)
				}
			}
		}
	}
	if g.turn == nil {
		return y, to, nil
	}
	positions := make([]int64, h.batch*h.rows)
	for i := range positions {
		b, row := i/h.rows, i%h.rows
		positions[i] = int64(before[b] + row)
		switch given := at(in, gqaPositions); {
		case given == nil:
		case g.prompt:
			positions[i] = tensor.As[int64](given)[0] + int64(row)
		default:
			positions[i] = tensor.As[int64](given)[i]
		}
	}
	turn := *g.turn
	turn.x = to
	return y, to, turn.inPlace(r, y, tensor.As[float32](in[gqaCos]), tensor.As[float32](in[gqaSin]), positions)
}

// inPlace turns rows where they are.
func (e *rotary) inPlace(r *op.Run, x, cos, sin []float32, positions []int64) error {
	y := r.Floats(len(x))
	if err := e.turnAll(r, y, x, cos, sin, positions); err != nil {
		return err
	}
	copy(x, y)
	return nil
}

// present are the keys or values of all steps, for each sequence behind its own past.
func (g *groupQuery) present(r *op.Run, h heads, now, past, out []float32, before []int) ([]float32, heads, error) {
	all := apartHeads(h.batch, h.heads, g.capacity, h.size)
	if out == nil {
		t, err := scratchTensor(r, tensor.FP32, []int{h.batch, h.heads, g.capacity, h.size})
		if err != nil {
			return nil, all, err
		}
		out = tensor.As[float32](t)
	}
	r.For(h.batch*h.heads, grainOf(g.capacity*h.size), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			b, head := i/h.heads, i%h.heads
			to, was := out[all.at(b, head):][:all.headStep], before[b]
			if was > 0 {
				copy(to[:was*h.size], past[i*g.past*h.size:])
			}
			for k := range h.rows {
				copy(to[(was+k)*h.size:][:h.size], now[h.at(b, head)+k*h.rowStep:])
			}
			clear(to[(was+h.rows)*h.size:])
		}
	})
	return out, all, nil
}
