package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// streams are the operators of language models that go from token to token, with a state
// or a position.
func streams() []op.Spec {
	return []op.Spec{
		{Name: "CausalConvWithState", Since: 27, MinIn: 2, MaxIn: 4, MaxOut: 2, Compile: op.Widen(causalConv)},
		{Name: "LinearAttention", Since: 27, MinIn: 3, MaxIn: 6, MaxOut: 2, Compile: linearAttention},
		{Name: "RotaryEmbedding", Since: 23, MinIn: 3, MaxIn: 4, Compile: op.Widen(rotaryEmbedding)},
	}
}

// wantSingles checks that all inputs that there are, of those given, are float32, after
// widening.
func wantSingles(n *op.Node, inputs ...int) error {
	for _, i := range inputs {
		if n.Has(i) {
			if err := n.Want(i, tensor.FP32); err != nil {
				return err
			}
		}
	}
	return nil
}

// causalConv convolves each channel with its own kernel, over the current element and
// those before it, which the state has.
//
// See https://onnx.ai/onnx/operators/onnx__CausalConvWithState.html
func causalConv(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 1, 2, 3); err != nil {
		return nil, err
	}
	x, w := n.In[0].Shape, n.In[1].Shape
	if len(x) != 3 || len(w) != 3 || w[0] != x[1] || w[1] != 1 || w[2] < 1 {
		return nil, n.Errorf("a kernel of shape %v for an input of shape %v, expected (channels, 1, k) and (batch, channels, length)", w, x)
	}
	channels, length, k := x[1], x[2], w[2]
	state := []int{x[0], channels, k - 1}
	if n.Has(2) && tensor.Size(n.In[2].Shape) != channels {
		return nil, n.Errorf("a bias of shape %v for %d channels", n.In[2].Shape, channels)
	}
	if n.Has(3) && (n.Rank(3) != 3 || tensor.Size(n.In[3].Shape) != tensor.Size(state)) {
		return nil, n.Errorf("a state of shape %v, expected %v", n.In[3].Shape, state)
	}
	silu := false
	switch a := n.Str("activation", "none"); a {
	case "none":
	case "silu", "swish":
		silu = true
	default:
		return nil, n.Errorf("activation is %q, expected silu, swish or none", a)
	}
	outs := []op.Info{op.Out(tensor.FP32, x...), op.Out(tensor.FP32, state...)}[:max(1, min(2, len(n.Outs)))]
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		src, kernel := tensor.As[float32](in[0]), tensor.As[float32](in[1])
		r.For(x[0]*channels, max(1, grain/max(1, length*k)), func(lo, hi int) {
			line := make([]float32, length+k-1)
			for i := lo; i < hi; i++ {
				if r.Stopped() {
					return
				}
				c := i % channels
				clear(line[:k-1])
				if len(in) > 3 && in[3] != nil {
					copy(line, tensor.As[float32](in[3])[i*(k-1):][:k-1])
				}
				copy(line[k-1:], src[i*length:][:length])
				if out[0] != nil {
					bias := float32(0)
					if len(in) > 2 && in[2] != nil {
						bias = tensor.As[float32](in[2])[c]
					}
					convolve(tensor.As[float32](out[0])[i*length:][:length], line, kernel[c*k:][:k], bias, silu)
				}
				if len(out) > 1 && out[1] != nil {
					copy(tensor.As[float32](out[1])[i*(k-1):][:k-1], line[length:])
				}
			}
		})
		return nil
	}, outs...)
}

// convolve is one channel: line has len(kernel)-1 elements before the first.
func convolve(dst, line, kernel []float32, bias float32, silu bool) {
	for i := range dst {
		dst[i] = bias
	}
	for k, w := range kernel {
		vec.ScaleAdd(dst, w, line[k:][:len(dst)], dst)
	}
	if silu {
		vec.Swish(dst, dst, 1)
	}
}

// linearAttention keeps a matrix for each head, that keys and values are written to and
// queries read from, token by token.
//
// See https://onnx.ai/onnx/operators/onnx__LinearAttention.html
func linearAttention(n *op.Node) (*op.Plan, error) {
	narrow := func(i int) bool { return n.In[i].Type == tensor.FP16 || n.In[i].Type == tensor.BF16 }
	var keep []int
	if !narrow(0) {
		keep = append(keep, 0)
	}
	if n.Has(3) && !narrow(3) || !n.Has(3) && !narrow(0) {
		keep = append(keep, 1)
	}
	return op.Widen(linearAttentionWide, keep...)(n)
}

// linear is a compiled LinearAttention.
type linear struct {
	q, k, v      heads
	gated, delta bool
	decaySize    int // decays of a token, of all heads
	betaSize     int
	scale        float32
}

func linearAttentionWide(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 1, 2, 3, 4, 5); err != nil {
		return nil, err
	}
	l, err := linearShapes(n)
	if err != nil {
		return nil, err
	}
	state := []int{l.k.batch, l.k.heads, l.k.size, l.v.size}
	if n.Has(3) && (n.Rank(3) != 4 || tensor.Size(n.In[3].Shape) != tensor.Size(state)) {
		return nil, n.Errorf("a state of shape %v, expected %v", n.In[3].Shape, state)
	}
	outs := []op.Info{op.Out(tensor.FP32, l.q.batch, l.q.rows, l.q.heads*l.v.size), op.Out(tensor.FP32, state...)}[:max(1, min(2, len(n.Outs)))]
	return op.Static(l.run, outs...)
}

func linearShapes(n *op.Node) (*linear, error) {
	l := &linear{}
	switch rule := n.Str("update_rule", "gated_delta"); rule {
	case "linear":
	case "gated":
		l.gated = true
	case "delta":
		l.delta = true
	case "gated_delta":
		l.gated, l.delta = true, true
	default:
		return nil, n.Errorf("update_rule is %q, expected linear, gated, delta or gated_delta", rule)
	}
	var err error
	for i, h := range []*heads{&l.q, &l.k, &l.v} {
		count := n.Int("kv_num_heads", 0)
		if i == 0 {
			count = n.Int("q_num_heads", 0)
		}
		if n.Rank(i) != 3 {
			return nil, n.Errorf("input %d has shape %v, expected three dimensions", i, n.In[i].Shape)
		}
		if *h, err = headsOf(n, i, count); err != nil {
			return nil, err
		}
	}
	if l.k.batch != l.q.batch || l.v.batch != l.q.batch || l.k.rows != l.q.rows || l.v.rows != l.q.rows || l.k.size != l.q.size || l.q.heads%l.k.heads != 0 {
		return nil, n.Errorf("queries %v, keys %v and values %v do not fit", n.In[0].Shape, n.In[1].Shape, n.In[2].Shape)
	}
	if l.gated != n.Has(4) || l.delta != n.Has(5) {
		return nil, n.Errorf("decay goes with gated rules, and beta with delta rules")
	}
	if l.gated {
		if l.decaySize, err = l.perToken(n, 4, l.k.heads, l.k.heads*l.k.size); err != nil {
			return nil, err
		}
	}
	if l.delta {
		if l.betaSize, err = l.perToken(n, 5, l.k.heads, 1); err != nil {
			return nil, err
		}
	}
	l.scale = n.Float("scale", 0)
	if l.scale == 0 {
		l.scale = float32(1 / math.Sqrt(float64(l.q.size)))
	}
	return l, nil
}

// perToken checks an input of one or another number of elements for each token.
func (l *linear) perToken(n *op.Node, i, one, other int) (int, error) {
	s := n.In[i].Shape
	if len(s) != 3 || s[0] != l.q.batch || s[1] != l.q.rows || s[2] != one && s[2] != other {
		return 0, n.Errorf("input %d has shape %v, expected %d or %d elements for each of %d by %d tokens", i, s, one, other, l.q.batch, l.q.rows)
	}
	return s[2], nil
}

func (l *linear) run(r *op.Run, in, out []*tensor.Tensor) error {
	matrix := l.k.size * l.v.size
	var states []float32
	if len(out) > 1 && out[1] != nil {
		states = tensor.As[float32](out[1])
	} else {
		states = r.Floats(l.k.batch * l.k.heads * matrix)
	}
	clear(states)
	if len(in) > 3 && in[3] != nil {
		copy(states, tensor.As[float32](in[3]))
	}
	var y []float32
	if out[0] != nil {
		y = tensor.As[float32](out[0])
	}
	r.For(l.k.batch*l.k.heads, 1, func(lo, hi int) {
		value := make([]float32, l.v.size)
		for i := lo; i < hi; i++ {
			b, h := i/l.k.heads, i%l.k.heads
			state := states[i*matrix:][:matrix]
			for t := range l.q.rows {
				if r.Stopped() {
					return
				}
				l.token(in, y, state, value, b, h, t)
			}
		}
	})
	return nil
}

// token takes a head's state one token on, and reads it by all queries of the head.
func (l *linear) token(in []*tensor.Tensor, y, state, value []float32, b, h, t int) {
	at, dk, dv := b*l.q.rows+t, l.k.size, l.v.size
	key := tensor.As[float32](in[1])[(at*l.k.heads+h)*dk:][:dk]
	copy(value, tensor.As[float32](in[2])[(at*l.v.heads+h)*dv:][:dv])
	row := func(d int) []float32 { return state[d*dv:][:dv] }
	if l.gated {
		decay := tensor.As[float32](in[4])[at*l.decaySize:][:l.decaySize]
		for d := range dk {
			g := decay[h*l.decaySize/l.k.heads]
			if l.decaySize != l.k.heads {
				g = decay[h*dk+d]
			}
			vec.MulScalar(row(d), row(d), float32(math.Exp(float64(g))))
		}
	}
	if l.delta {
		for d, k := range key {
			vec.ScaleAdd(value, -k, row(d), value)
		}
		beta := tensor.As[float32](in[5])[at*l.betaSize:][:l.betaSize]
		vec.MulScalar(value, value, beta[h%l.betaSize])
	}
	for d, k := range key {
		vec.ScaleAdd(row(d), k, value, row(d))
	}
	if y == nil {
		return
	}
	group := l.q.heads / l.k.heads
	for q := h * group; q < (h+1)*group; q++ {
		query := tensor.As[float32](in[0])[(at*l.q.heads+q)*dk:][:dk]
		dst := y[(at*l.q.heads+q)*dv:][:dv]
		clear(dst)
		for d, v := range query {
			vec.ScaleAdd(dst, l.scale*v, row(d), dst)
		}
	}
}

// rotaryEmbedding turns pairs of elements by angles that depend on the position.
//
// See https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html
func rotaryEmbedding(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 1, 2); err != nil {
		return nil, err
	}
	x, err := headsOf(n, 0, n.Int("num_heads", 0))
	if err != nil {
		return nil, err
	}
	e := &rotary{x: x, interleaved: n.Flag("interleaved", false)}
	turned := n.Int("rotary_embedding_dim", 0)
	if turned == 0 {
		turned = int64(x.size)
	}
	if turned < 0 || turned > int64(x.size) || turned%2 != 0 {
		return nil, n.Errorf("%d of %d elements of a head are turned, expected an even number", turned, x.size)
	}
	e.half = int(turned) / 2
	for i := 1; i < 3; i++ {
		s := n.In[i].Shape
		switch {
		case n.Has(3) && len(s) == 2 && s[1] == e.half:
			e.positions = s[0]
		case !n.Has(3) && len(s) == 3 && s[0] == x.batch && s[1] == x.rows && s[2] == e.half:
		default:
			return nil, n.Errorf("input %d has shape %v, expected %d angles for each position", i, s, e.half)
		}
	}
	if n.Has(3) {
		if err := n.Want(3, tensor.I64); err != nil {
			return nil, err
		}
		if n.In[1].Shape[0] != n.In[2].Shape[0] || tensor.Size(n.In[3].Shape) != x.batch*x.rows {
			return nil, n.Errorf("positions %v and angles %v, %v do not fit", n.In[3].Shape, n.In[1].Shape, n.In[2].Shape)
		}
	}
	return op.Static(e.run, op.Out(tensor.FP32, n.In[0].Shape...))
}

// rotary is a compiled RotaryEmbedding.
type rotary struct {
	x           heads
	half        int // pairs that are turned
	interleaved bool
	positions   int // rows of angles, where positions are given
}

func (e *rotary) run(r *op.Run, in, out []*tensor.Tensor) error {
	var at []int64
	if len(in) > 3 && in[3] != nil {
		at = tensor.As[int64](in[3])
	}
	return e.turnAll(r, tensor.As[float32](out[0]), tensor.As[float32](in[0]), tensor.As[float32](in[1]), tensor.As[float32](in[2]), at)
}

// turnAll turns all rows, each by the angles of its position, or else by its own.
func (e *rotary) turnAll(r *op.Run, y, x, cos, sin []float32, positions []int64) error {
	for _, p := range positions {
		if p < 0 || p >= int64(e.positions) {
			return &op.Invalid{Reason: "a position is beyond the angles"}
		}
	}
	h := e.x
	r.For(h.batch*h.heads*h.rows, max(1, grain/max(1, h.size)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			b, head, row := i/(h.heads*h.rows), i/h.rows%h.heads, i%h.rows
			p := b*h.rows + row
			if positions != nil {
				p = int(positions[p])
			}
			from := h.at(b, head) + row*h.rowStep
			e.turn(y[from:][:h.size], x[from:][:h.size], cos[p*e.half:][:e.half], sin[p*e.half:][:e.half])
		}
	})
	return nil
}

func (e *rotary) turn(dst, x, cos, sin []float32) {
	copy(dst[2*e.half:], x[2*e.half:])
	step, gap := 1, e.half
	if e.interleaved {
		step, gap = 2, 1
	}
	for i, c := range cos {
		a, b := x[i*step], x[i*step+gap]
		dst[i*step] = c*a - sin[i]*b
		dst[i*step+gap] = sin[i]*a + c*b
	}
}
