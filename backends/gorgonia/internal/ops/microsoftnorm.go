package ops

import (
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// skipNormalizations are the normalizations of sums. ONNX Runtime has some of them in
// ai.onnx, where no version of that set does.
func skipNormalizations() []op.Spec {
	return []op.Spec{
		{Name: "SimplifiedLayerNormalization", Since: 1, MinIn: 2, MaxIn: 2, MaxOut: 2, Compile: op.Widen(rmsNormalization, 1)},
		{Domain: microsoft, Name: "SkipLayerNormalization", Since: 1, MinIn: 3, MaxIn: 5, MaxOut: 4, Compile: op.Widen(skipLayerNormalization, 1, 2)},
		{Domain: microsoft, Name: "SkipSimplifiedLayerNormalization", Since: 1, MinIn: 3, MaxIn: 4, MaxOut: 4, Compile: op.Widen(skipRMSNormalization, 1, 2)},
		{Domain: microsoft, Name: "EmbedLayerNormalization", Since: 1, MinIn: 1, MaxIn: 9, MaxOut: 3, Compile: op.Widen(embedLayerNormalization)},
		{Domain: microsoft, Name: "GroupNorm", Since: 1, MinIn: 3, MaxIn: 3, Compile: op.Widen(groupNorm)},
		{Domain: microsoft, Name: "GatedAdd", Since: 1, MinIn: 3, MaxIn: 3, Compile: op.Widen(gatedAdd)},
		{Domain: microsoft, Name: "GatedRMSNorm", Since: 1, MinIn: 3, MaxIn: 3, Compile: op.Widen(gatedRMSNorm)},
	}
}

// normalizeRow normalizes a row; shift may be nil.
type normalizeRow func(dst, x, scale, shift []float32, epsilon float32) (first, second float32)

func rmsRow(dst, x, scale, _ []float32, epsilon float32) (float32, float32) {
	inv := vec.RMSNorm(dst, x, scale, epsilon)
	return 0, inv
}

// skipLayerNormalization normalizes the rows of input + skip + bias.
func skipLayerNormalization(n *op.Node) (*op.Plan, error) {
	return skipNormalization(n, vec.LayerNorm, 3, 4)
}

func skipRMSNormalization(n *op.Node) (*op.Plan, error) {
	return skipNormalization(n, rmsRow, -1, 3)
}

// skipNormalization has a shift and a bias in the inputs named, -1 for none.
func skipNormalization(n *op.Node, f normalizeRow, shift, bias int) (*op.Plan, error) {
	switch n.In[0].Type {
	case tensor.FP64:
		return throughSingles(n, func(m *op.Node) (*op.Plan, error) { return skipNormalization(m, f, shift, bias) })
	}
	if err := wantSingles(n, 0, 1, 2, 3, 4); err != nil {
		return nil, err
	}
	width := 0
	for _, i := range []int{2, shift, bias} {
		var err error
		if i >= 0 {
			if width, err = lastIs(n, i); err != nil {
				return nil, err
			}
		}
	}
	shape, skip := n.In[0].Shape, n.In[1].Shape
	if len(skip) > len(shape) || !slices.Equal(trimmed(shape, 2), trimmed(skip, 2)) ||
		len(skip) == len(shape) && len(shape) > 2 && skip[0] != 1 && skip[0] != shape[0] || len(shape) > 3 || len(shape) < 2 {
		return nil, n.Errorf("a skip of shape %v for an input of shape %v, expected the same, or one for the whole batch", skip, shape)
	}
	rows, skips := tensor.Size(shape[:len(shape)-1]), tensor.Size(skip[:len(skip)-1])
	saved := append(slices.Clone(shape[:len(shape)-1]), 1)
	outs := []op.Info{op.Out(tensor.FP32, shape...), op.Out(tensor.FP32, saved...), op.Out(tensor.FP32, saved...), op.Out(tensor.FP32, shape...)}
	outs = outs[:max(1, min(4, len(n.Outs)))]
	for i := 1; i < len(outs); i++ {
		if !n.Wants(i) {
			outs[i] = op.Info{}
		}
	}
	epsilon := n.Float("epsilon", 1e-12)
	p, err := op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, s, scale, y := tensor.As[float32](in[0]), tensor.As[float32](in[1]), tensor.As[float32](in[2]), tensor.As[float32](out[0])
		sum := y
		if len(out) > 3 && out[3] != nil {
			sum = tensor.As[float32](out[3])
		}
		var down, add []float32
		if shift >= 0 {
			down = optional(in, shift)
		}
		add = optional(in, bias)
		means, invs := optional(out, 1), optional(out, 2)
		r.For(rows, grainOf(width), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				row := sum[i*width:][:width]
				vec.Add(row, x[i*width:][:width], s[i%skips*width:][:width])
				if add != nil {
					vec.Add(row, row, add)
				}
				mean, inv := f(y[i*width:][:width], row, scale, down, epsilon)
				if means != nil {
					means[i] = mean
				}
				if invs != nil {
					invs[i] = inv
				}
			}
		})
		return nil
	}, outs...)
	if err == nil {
		p.InPlaceOf(0)
		if rows == skips {
			p.InPlaceOf(0, 1)
		}
	}
	return p, err
}

// throughSingles computes an operator on float64 in float32.
func throughSingles(n *op.Node, compile func(*op.Node) (*op.Plan, error)) (*op.Plan, error) {
	m := *n
	m.In = slices.Clone(n.In)
	for i, info := range n.In {
		if info != nil && info.Type == tensor.FP64 {
			m.In[i] = &op.Info{Kind: info.Kind, Type: tensor.FP32, Shape: info.Shape}
		}
	}
	p, err := compiled(&m, compile)
	if err != nil || p.Run == nil {
		return p, err
	}
	inner, run := p.Out, p.Run
	outs := slices.Clone(inner)
	for i := range outs {
		if outs[i].Type == tensor.FP32 {
			outs[i].Type = tensor.FP64
		}
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		ins, made := slices.Clone(in), slices.Clone(out)
		for i, t := range in {
			if t == nil || t.Type != tensor.FP64 {
				continue
			}
			s, err := scratchTensor(r, tensor.FP32, t.Shape)
			if err != nil {
				return err
			}
			convertFloats(tensor.As[float32](s), tensor.As[float64](t))
			ins[i] = s
		}
		for i, t := range out {
			if t == nil || inner[i].Type != tensor.FP32 {
				continue
			}
			var err error
			if made[i], err = scratchTensor(r, tensor.FP32, t.Shape); err != nil {
				return err
			}
		}
		if err := run(r, ins, made); err != nil {
			return err
		}
		for i, t := range out {
			if t != nil && inner[i].Type == tensor.FP32 {
				loadAs(tensor.As[float64](t), tensor.As[float32](made[i]))
			}
		}
		return nil
	}, outs...)
}

// embedLayerNormalization normalizes the sums of the embeddings of words, of positions
// and of segments, and counts the words that a mask keeps.
func embedLayerNormalization(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 2, 3, 4, 5, 6); err != nil {
		return nil, err
	}
	for _, i := range []int{0, 1, 7, 8} {
		if n.Has(i) && n.In[i].Type != tensor.I32 {
			return nil, n.Errorf("input %d is %s, expected INT32", i, n.In[i].Type)
		}
	}
	ids := n.In[0].Shape
	if len(ids) != 2 || !n.Has(2) || !n.Has(3) || n.Rank(2) != 2 || !n.Has(5) || !n.Has(6) {
		return nil, n.Errorf("words of shape %v, expected (batch, length), and tables, scale and shift", ids)
	}
	width := n.In[2].Shape[1]
	for i, want := range map[int][]int{1: ids, 3: {-1, width}, 4: {-1, width}, 5: {width}, 6: {width}, 7: ids, 8: {-1, ids[1]}} {
		if !n.Has(i) {
			continue
		}
		s := n.In[i].Shape
		if len(s) != len(want) || want[0] >= 0 && s[0] != want[0] || s[len(s)-1] != want[len(want)-1] {
			return nil, n.Errorf("input %d has shape %v, expected %v", i, s, want)
		}
	}
	if n.Has(1) != n.Has(4) {
		return nil, n.Errorf("segments and their embeddings go together")
	}
	if n.Has(8) && n.In[8].Shape[0] != 1 && n.In[8].Shape[0] != ids[0] || !n.Has(8) && n.In[3].Shape[0] < ids[1] {
		return nil, n.Errorf("there are not as many positions as words")
	}
	shape := []int{ids[0], ids[1], width}
	outs := []op.Info{op.Out(tensor.FP32, shape...), op.Out(tensor.I32, ids[0]), op.Out(tensor.FP32, shape...)}[:max(1, min(3, len(n.Outs)))]
	for i := 1; i < len(outs); i++ {
		if !n.Wants(i) {
			outs[i] = op.Info{}
		}
	}
	e := &embedding{rows: ids[0] * ids[1], length: ids[1], width: width, epsilon: n.Float("epsilon", 1e-12)}
	return op.Static(e.run, outs...)
}

// embedding is a compiled EmbedLayerNormalization.
type embedding struct {
	rows, length, width int
	epsilon             float32
}

func (e *embedding) run(r *op.Run, in, out []*tensor.Tensor) error {
	numbers := func(i int) []int32 {
		if t := at(in, i); t != nil {
			return tensor.As[int32](t)
		}
		return nil
	}
	words, segments, mask, positions := numbers(0), numbers(1), numbers(7), numbers(8)
	tables := [3][]float32{tensor.As[float32](in[2]), tensor.As[float32](in[3]), optional(in, 4)}
	scale, shift, y, sums := tensor.As[float32](in[5]), tensor.As[float32](in[6]), tensor.As[float32](out[0]), optional(out, 2)
	var failed failure
	r.For(e.rows, grainOf(e.width), func(lo, hi int) {
		for i := lo; i < hi && !failed.failed(); i++ {
			at := [3]int32{words[i], int32(i % e.length), -1}
			if len(positions) > 0 {
				at[1] = positions[i%len(positions)]
			}
			if segments != nil {
				at[2] = segments[i]
			}
			row := y[i*e.width:][:e.width]
			clear(row)
			for k, table := range tables {
				if table == nil {
					continue
				}
				if at[k] < 0 || int(at[k]) >= len(table)/max(1, e.width) {
					failed.set(&op.Invalid{Reason: "a word, position or segment has no embedding"})
					return
				}
				vec.Add(row, row, table[int(at[k])*e.width:][:e.width])
			}
			if sums != nil {
				copy(sums[i*e.width:], row)
			}
			vec.LayerNorm(row, row, scale, shift, e.epsilon)
		}
	})
	if len(out) > 1 && out[1] != nil {
		counts := tensor.As[int32](out[1])
		clear(counts)
		for i, v := range mask {
			if v == 1 {
				counts[i/e.length]++
			}
		}
	}
	return failed.err()
}

// groupNorm is GroupNormalization, by default of channels that come last, with an
// activation.
func groupNorm(n *op.Node) (*op.Plan, error) {
	m := another(n, "", 21, intAttr("num_groups", n.Int("groups", 0)))
	last := n.Flag("channels_last", true)
	compile := groupNormalization
	if last {
		compile = channelsLast(groupNormalization, 0)
	}
	p, err := compiled(m, compile)
	if err != nil || n.Int("activation", 0) == 0 {
		return p, err
	}
	run := p.Run
	p.Run = func(r *op.Run, in, out []*tensor.Tensor) error {
		if err := run(r, in, out); err != nil {
			return err
		}
		y := tensor.As[float32](out[0])
		r.For(len(y), grain, func(lo, hi int) { vec.Swish(y[lo:hi], y[lo:hi], 1) })
		return nil
	}
	return p, nil
}

// gatedAdd adds rows by a factor for each.
func gatedAdd(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 1, 2); err != nil {
		return nil, err
	}
	shape := n.In[0].Shape
	want := slices.Clone(shape)
	if len(want) > 0 {
		want[len(want)-1] = 1
	}
	if len(shape) == 0 || !slices.Equal(n.In[1].Shape, shape) || !slices.Equal(n.In[2].Shape, want) {
		return nil, n.Errorf("shapes %v, %v and %v, expected two that are the same, and %v", shape, n.In[1].Shape, n.In[2].Shape, want)
	}
	width := shape[len(shape)-1]
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, y, gate, dst := tensor.As[float32](in[0]), tensor.As[float32](in[1]), tensor.As[float32](in[2]), tensor.As[float32](out[0])
		r.For(len(gate), grainOf(width), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				vec.ScaleAdd(dst[i*width:][:width], gate[i], y[i*width:][:width], x[i*width:][:width])
			}
		})
		return nil
	}, op.Out(tensor.FP32, shape...))
}

// gatedRMSNorm normalizes pieces of rows, and multiplies by the Swish of a gate.
func gatedRMSNorm(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 1, 2); err != nil {
		return nil, err
	}
	shape := n.In[0].Shape
	width := tensor.Size(n.In[1].Shape)
	if len(shape) == 0 || n.Rank(1) != 1 || width == 0 || shape[len(shape)-1]%width != 0 || !slices.Equal(n.In[2].Shape, shape) {
		return nil, n.Errorf("shapes %v, %v and %v: rows are no pieces of the scale's size, or the gate is not as large", shape, n.In[1].Shape, n.In[2].Shape)
	}
	epsilon := n.Float("epsilon", 1e-5)
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, scale, gate, y := tensor.As[float32](in[0]), tensor.As[float32](in[1]), tensor.As[float32](in[2]), tensor.As[float32](out[0])
		r.For(len(x)/width, grainOf(width), func(lo, hi int) {
			g := make([]float32, width)
			for i := lo; i < hi; i++ {
				row := y[i*width:][:width]
				vec.Swish(g, gate[i*width:][:width], 1)
				vec.RMSNorm(row, x[i*width:][:width], scale, epsilon)
				vec.Mul(row, row, g)
			}
		})
		return nil
	}, op.Out(tensor.FP32, shape...))
}
