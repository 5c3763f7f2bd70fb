package ops

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/gemm"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// recurrents are the layers with a state.
func recurrents() []op.Spec {
	return []op.Spec{
		{Name: "RNN", Since: 1, MinIn: 3, MaxIn: 6, MaxOut: 2, Compile: op.Widen(recurrent(rnnCell))},
		{Name: "GRU", Since: 1, MinIn: 3, MaxIn: 6, MaxOut: 2, Compile: op.Widen(recurrent(gruCell))},
		{Name: "LSTM", Since: 1, MinIn: 3, MaxIn: 8, MaxOut: 3, Compile: op.Widen(recurrent(lstmCell))},
	}
}

// cell is what RNN, GRU and LSTM differ in.
type cell struct {
	gates       int
	activations []string // the defaults, of one direction
	// separate is how many gates at the end have recurrent weights of their own product.
	separate func(l *layer) int
	step     func(s *direction, b int, x, h []float32)
}

// The cells. Gates are in the order of ONNX's weights: RNN i; GRU z r h; LSTM i o f c.
var (
	rnnCell  = &cell{gates: 1, activations: []string{"Tanh"}, step: rnnStep}
	gruCell  = &cell{gates: 3, activations: []string{"Sigmoid", "Tanh"}, separate: func(*layer) int { return 1 }, step: gruStep}
	lstmCell = &cell{gates: 4, activations: []string{"Sigmoid", "Tanh", "Tanh"}, step: lstmStep}
)

// layer is a compiled recurrent layer.
type layer struct {
	*cell
	seq, batch, input, hidden int
	directions                []bool // whether each runs backwards
	batchFirst                bool   // layout 1
	clip                      float32
	inputForget, linearFirst  bool
	functions                 [][]activation // by direction

	weights   *op.Weights
	constantW *tensor.Tensor
	constantR *tensor.Tensor
	bytes     *byteWeights // where W and R are bytes
}

type activation func(dst, x []float32)

// recurrent compiles a layer.
//
// See https://onnx.ai/onnx/operators/onnx__LSTM.html
func recurrent(c *cell) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		return (&layer{cell: c, weights: n.Weights}).compile(n)
	}
}

func (l *layer) compile(n *op.Node) (*op.Plan, error) {
	if err := l.configure(n); err != nil {
		return nil, err
	}
	if err := l.checkShapes(n); err != nil {
		return nil, err
	}
	dirs := len(l.directions)
	y := []int{l.seq, dirs, l.batch, l.hidden}
	last := []int{dirs, l.batch, l.hidden}
	if l.batchFirst {
		y = []int{l.batch, l.seq, dirs, l.hidden}
		last = []int{l.batch, dirs, l.hidden}
	}
	out := []op.Info{op.Out(tensor.FP32, y...), op.Out(tensor.FP32, last...), op.Out(tensor.FP32, slices.Clone(last)...)}
	for _, x := range [][]int{{l.seq, l.batch, l.gates, l.hidden, dirs}, {l.seq, l.batch, l.input}} {
		if _, err := tensor.Bytes(tensor.FP32, x); err != nil {
			return nil, err
		}
	}
	l.constantW, l.constantR = n.In[1].Tensor(), n.In[2].Tensor()
	return op.Static(l.run, out[:len(n.Outs)]...)
}

// configure reads the attributes.
func (l *layer) configure(n *op.Node) error {
	if err := n.Want(0, tensor.FP32); err != nil {
		return err
	}
	switch d := n.Str("direction", "forward"); d {
	case "forward":
		l.directions = []bool{false}
	case "reverse":
		l.directions = []bool{true}
	case "bidirectional":
		l.directions = []bool{false, true}
	default:
		return n.Errorf("direction %q, expected forward, reverse or bidirectional", d)
	}
	l.batchFirst = n.Int("layout", 0) == 1
	l.clip = n.Float("clip", float32(math.Inf(1)))
	l.inputForget = n.Flag("input_forget", false)
	l.linearFirst = n.Flag("linear_before_reset", false)
	if l.clip <= 0 {
		l.clip = float32(math.Inf(1))
	}
	return l.chooseActivations(n)
}

func (l *layer) chooseActivations(n *op.Node) error {
	names := n.Strs("activations")
	if len(names) == 0 {
		for range l.directions {
			names = append(names, l.activations...)
		}
	}
	per := len(l.activations)
	if len(names) != per*len(l.directions) {
		return n.Errorf("there are %d activations, expected %d", len(names), per*len(l.directions))
	}
	alphas, betas := n.Floats("activation_alpha"), n.Floats("activation_beta")
	var all []activation
	for _, name := range names {
		f, err := newActivation(name, &alphas, &betas)
		if err != nil {
			return n.Unsupportedf("%v", err)
		}
		all = append(all, f)
	}
	for i := range l.directions {
		l.functions = append(l.functions, all[i*per:(i+1)*per])
	}
	return nil
}

// newActivation finds a function by its name, and takes the values it uses of the
// lists, or its defaults.
func newActivation(name string, alphas, betas *[]float32) (activation, error) {
	next := func(list *[]float32, def float32) float32 {
		if len(*list) == 0 {
			return def
		}
		v := (*list)[0]
		*list = (*list)[1:]
		return v
	}
	switch strings.ToLower(name) {
	case "relu":
		return vec.Relu, nil
	case "tanh":
		return vec.Tanh, nil
	case "sigmoid":
		return vec.Sigmoid, nil
	case "softsign":
		return vec.Softsign, nil
	case "softplus":
		return vec.Softplus, nil
	case "affine":
		a, b := next(alphas, 1), next(betas, 0)
		return func(dst, x []float32) { vec.ScaleShift(dst, x, a, b) }, nil
	case "leakyrelu":
		a := next(alphas, 0.01)
		return func(dst, x []float32) { vec.LeakyRelu(dst, x, a) }, nil
	case "elu":
		a := next(alphas, 1)
		return func(dst, x []float32) { vec.Elu(dst, x, a) }, nil
	case "hardsigmoid":
		a, b := next(alphas, 0.2), next(betas, 0.5)
		return func(dst, x []float32) { vec.HardSigmoid(dst, x, a, b) }, nil
	case "scaledtanh":
		a, b := next(alphas, 1), next(betas, 1)
		return func(dst, x []float32) {
			vec.MulScalar(dst, x, b)
			vec.Tanh(dst, dst)
			vec.MulScalar(dst, dst, a)
		}, nil
	case "thresholdedrelu":
		a := next(alphas, 1)
		return func(dst, x []float32) {
			for i, v := range x {
				if v <= a {
					v = 0
				}
				dst[i] = v
			}
		}, nil
	}
	return nil, fmt.Errorf("there is no activation %q", name)
}

// checkShapes checks the inputs against each other.
func (l *layer) checkShapes(n *op.Node) error {
	x, w, r := n.In[0].Shape, n.In[1].Shape, n.In[2].Shape
	if len(x) != 3 || len(w) != 3 || len(r) != 3 {
		return n.Errorf("X, W and R of shapes %v, %v and %v, expected three dimensions", x, w, r)
	}
	l.seq, l.batch, l.input, l.hidden = x[0], x[1], x[2], r[2]
	if l.batchFirst {
		l.seq, l.batch = l.batch, l.seq
	}
	dirs := len(l.directions)
	if h := n.Int("hidden_size", int64(l.hidden)); h != int64(l.hidden) {
		return n.Errorf("hidden_size is %d, and R of shape %v", h, r)
	}
	want := map[int][]int{
		1: {dirs, l.gates * l.hidden, l.input}, 2: {dirs, l.gates * l.hidden, l.hidden}, 3: {dirs, 2 * l.gates * l.hidden},
		4: {l.batch}, 5: l.stateShape(), 6: l.stateShape(), 7: {dirs, 3 * l.hidden},
	}
	for i := 1; i < len(n.In); i++ {
		t := tensor.FP32
		if i == 4 {
			t = tensor.I32
		}
		if n.Has(i) && (n.In[i].Type != t || !slices.Equal(n.In[i].Shape, want[i])) {
			return n.Errorf("input %d is %s%v, expected %s%v", i, n.In[i].Type, n.In[i].Shape, t, want[i])
		}
	}
	return nil
}

func (l *layer) stateShape() []int {
	if l.batchFirst {
		return []int{l.batch, len(l.directions), l.hidden}
	}
	return []int{len(l.directions), l.batch, l.hidden}
}

// direction is one direction of a layer while it runs.
type direction struct {
	*layer
	functions []activation
	x         []float32 // products of inputs and weights, seq by batch by gates*hidden
	h, c      []float32 // the state, batch by hidden
	peep      []float32 // peepholes i o f, or nil
	recBias   []float32 // bias of the separate gate, where it is added before reset
	rows      []float32 // batch by gates*hidden
	reset     []float32 // batch by hidden: reset states, or the products of the separate gate
	t1        []float32 // hidden

	recurrent *byteProduct // by R of bytes
}

func optional(in []*tensor.Tensor, i int) []float32 {
	if i >= len(in) || in[i] == nil {
		return nil
	}
	return tensor.As[float32](in[i])
}

// run computes all directions.
func (l *layer) run(r *op.Run, in, out []*tensor.Tensor) error {
	lengths := make([]int, l.batch)
	for i := range lengths {
		lengths[i] = l.seq
	}
	if len(in) > 4 && in[4] != nil {
		for i, v := range tensor.As[int32](in[4]) {
			if v < 0 || int(v) > l.seq {
				return &op.Invalid{Reason: fmt.Sprintf("sequence length %d is not within %d", v, l.seq)}
			}
			lengths[i] = int(v)
		}
	}
	x := tensor.As[float32](in[0])
	if l.batchFirst {
		swapped := r.Floats(len(x))
		swapLeading(swapped, x, l.batch, l.seq, l.input)
		x = swapped
	}
	if out[0] != nil {
		clear(out[0].Data)
	}
	for d := range l.directions {
		if err := l.runDirection(r, d, x, lengths, in, out); err != nil {
			return err
		}
	}
	return nil
}

// swapLeading transposes the first two of three dimensions.
func swapLeading(dst, src []float32, a, b, c int) {
	for i := range a {
		for j := range b {
			copy(dst[(j*a+i)*c:][:c], src[(i*b+j)*c:])
		}
	}
}

// weight is a product's right operand: rows from to to of the transpose of direction
// d's part of W or R.
func (l *layer) weight(t *tensor.Tensor, constant bool, d, from, to, cols int) gemm.B {
	all := tensor.As[float32](t)[d*l.gates*l.hidden*cols:]
	part := all[from*l.hidden*cols:]
	n := (to - from) * l.hidden
	if !constant || n == 0 {
		return gemm.B{Data: part, LD: cols, Trans: true}
	}
	packed := l.weights.Get(t, fmt.Sprintf("rnn %d %d %d", d, from, to), func() (any, int) {
		p := gemm.PackB(cols, n, part, cols, true)
		return p, p.Bytes()
	})
	return gemm.B{Packed: packed.(*gemm.PackedB)}
}

func (l *layer) runDirection(r *op.Run, d int, x []float32, lengths []int, in, out []*tensor.Tensor) error {
	g, h := l.gates*l.hidden, l.hidden
	s := &direction{layer: l, functions: l.functions[d], x: r.Floats(l.seq * l.batch * g), h: r.Floats(l.batch * h), c: r.Floats(l.batch * h),
		rows: r.Floats(l.batch * g), reset: r.Floats(l.batch * h), t1: r.Floats(h)}
	bias := r.Floats(g)
	clear(bias)
	separate := 0
	if l.separate != nil {
		separate = l.separate(l)
	}
	if b := optional(in, 3); b != nil {
		b = b[d*2*g:]
		vec.Add(bias, b[:g], b[g:2*g])
		if separate > 0 && l.linearFirst { // the recurrent bias is reset, too
			copy(bias[g-h:], b[g-h:g])
			s.recBias = b[2*g-h : 2*g]
		}
	}
	if p := optional(in, 7); p != nil {
		s.peep = p[d*3*h:][:3*h]
	}
	s.loadState(s.h, optional(in, 5), d)
	s.loadState(s.c, optional(in, 6), d)
	var joint, own gemm.B
	if l.bytes != nil {
		if err := s.inBytes(r, d, x, bias, in); err != nil {
			return err
		}
	} else {
		w := l.weight(in[1], l.constantW != nil, d, 0, l.gates, l.input)
		gemm.Gemm(r.Threads, s.x, g, l.seq*l.batch, g, l.input, gemm.A{Data: x, LD: l.input}, w, gemm.Epilogue{BiasCol: bias})
		joint = l.weight(in[2], l.constantR != nil, d, 0, l.gates-separate, h)
		own = l.weight(in[2], l.constantR != nil, d, l.gates-separate, l.gates, h)
	}
	for t := range l.seq {
		if err := r.Err(); err != nil {
			return err
		}
		s.oneStep(r, t, d, lengths, joint, own, separate, out)
	}
	s.storeState(out, 1, s.h, d)
	s.storeState(out, 2, s.c, d)
	return nil
}

// oneStep moves the states of all sequences that are not over by one element.
func (s *direction) oneStep(r *op.Run, t, d int, lengths []int, joint, own gemm.B, separate int, out []*tensor.Tensor) {
	l, g, h := s.layer, s.gates*s.hidden, s.hidden
	at := func(b int) int { // the element of the sequence
		if l.directions[d] {
			return lengths[b] - 1 - t
		}
		return t
	}
	for b := range l.batch {
		if t < lengths[b] {
			copy(s.rows[b*g:][:g], s.x[(at(b)*l.batch+b)*g:])
		}
	}
	n := g - separate*h
	if s.recurrent != nil {
		s.recurrent.addTo(r, s.rows, s.h)
	} else {
		gemm.Gemm(r.Threads, s.rows, g, l.batch, n, h, gemm.A{Data: s.h, LD: h}, joint, gemm.Epilogue{C: s.rows, LDC: g, Beta: 1})
	}
	if separate > 0 {
		s.separateGate(r, own)
	}
	for b := range l.batch {
		if t >= lengths[b] {
			continue
		}
		s.step(s, b, s.rows[b*g:][:g], s.h[b*h:][:h])
		if out[0] != nil {
			copy(l.outputAt(tensor.As[float32](out[0]), at(b), d, b), s.h[b*h:][:h])
		}
	}
}

// separateGate multiplies the states of GRU's last gate: before they are reset, or
// after.
func (s *direction) separateGate(r *op.Run, own gemm.B) {
	l, g, h := s.layer, s.gates*s.hidden, s.hidden
	if l.linearFirst {
		gemm.Gemm(r.Threads, s.reset, h, l.batch, h, h, gemm.A{Data: s.h, LD: h}, own, gemm.Epilogue{BiasCol: s.recBias})
		return
	}
	for b := range l.batch {
		gate := s.rows[b*g+h:][:h]
		s.activate(0, gate)
		vec.Mul(s.reset[b*h:][:h], gate, s.h[b*h:][:h])
	}
	last := s.rows[2*h:]
	gemm.Gemm(r.Threads, last, g, l.batch, h, h, gemm.A{Data: s.reset, LD: h}, own, gemm.Epilogue{C: last, LDC: g, Beta: 1})
}

// outputAt is the place of a state in Y.
func (l *layer) outputAt(y []float32, t, d, b int) []float32 {
	dirs := len(l.directions)
	i := (t*dirs+d)*l.batch + b
	if l.batchFirst {
		i = (b*l.seq+t)*dirs + d
	}
	return y[i*l.hidden:][:l.hidden]
}

func (l *layer) stateAt(d, b int) int {
	if l.batchFirst {
		return (b*len(l.directions) + d) * l.hidden
	}
	return (d*l.batch + b) * l.hidden
}

func (s *direction) loadState(dst, src []float32, d int) {
	if src == nil {
		clear(dst)
		return
	}
	for b := range s.batch {
		copy(dst[b*s.hidden:][:s.hidden], src[s.stateAt(d, b):])
	}
}

func (s *direction) storeState(out []*tensor.Tensor, i int, src []float32, d int) {
	if i >= len(out) || out[i] == nil {
		return
	}
	dst := tensor.As[float32](out[i])
	for b := range s.batch {
		copy(dst[s.stateAt(d, b):][:s.hidden], src[b*s.hidden:])
	}
}

// activate clips and applies the function in place.
func (s *direction) activate(f int, x []float32) {
	if !math.IsInf(float64(s.clip), 1) {
		vec.Clip(x, x, -s.clip, s.clip)
	}
	s.functions[f](x, x)
}

// rnnStep is H = f(x).
func rnnStep(s *direction, _ int, x, h []float32) {
	s.activate(0, x)
	copy(h, x)
}

// gruStep is H = (1-z)*n + z*H.
func gruStep(s *direction, b int, x, h []float32) {
	size := s.hidden
	z, r, n := x[:size], x[size:2*size], x[2*size:]
	s.activate(0, z)
	if s.linearFirst {
		s.activate(0, r)
		vec.MulAdd(n, r, s.reset[b*size:][:size], n)
	}
	s.activate(1, n)
	vec.Sub(s.t1, h, n)
	vec.MulAdd(h, z, s.t1, n)
}

// lstmStep is C = f*C + i*c, H = o*h(C).
func lstmStep(s *direction, b int, x, h []float32) {
	size := s.hidden
	i, o, f, g := x[:size], x[size:2*size], x[2*size:3*size], x[3*size:]
	c := s.c[b*size:][:size]
	if s.peep != nil {
		vec.MulAdd(i, s.peep[:size], c, i)
		vec.MulAdd(f, s.peep[2*size:], c, f)
	}
	s.activate(0, i)
	if s.inputForget {
		vec.ScalarSub(f, 1, i)
	} else {
		s.activate(0, f)
	}
	s.activate(1, g)
	vec.Mul(c, c, f)
	vec.MulAdd(c, i, g, c)
	if s.peep != nil {
		vec.MulAdd(o, s.peep[size:2*size], c, o)
	}
	s.activate(0, o)
	copy(s.t1, c)
	if !math.IsInf(float64(s.clip), 1) {
		vec.Clip(s.t1, s.t1, -s.clip, s.clip)
	}
	s.functions[2](s.t1, s.t1)
	vec.Mul(h, o, s.t1)
}
