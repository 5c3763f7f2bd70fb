package ops

import (
	"math"
	"math/rand/v2"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// randoms are the operators that draw numbers. With a seed they draw the same in every
// run.
func randoms() []op.Spec {
	return []op.Spec{
		{Name: "Bernoulli", Since: 15, MinIn: 1, MaxIn: 1, Random: true, Compile: bernoulli},
		{Name: "Dropout", Since: 1, MinIn: 1, MaxIn: 1, MaxOut: 2, Random: true, Compile: dropoutAttributes},
		{Name: "Dropout", Since: 12, MinIn: 1, MaxIn: 3, MaxOut: 2, Random: true, Compile: dropout},
		{Name: "Multinomial", Since: 7, MinIn: 1, MaxIn: 1, Random: true, Compile: multinomial},
		{Name: "RandomNormal", Since: 1, MinIn: 0, MaxIn: 0, Random: true, Compile: randomOf(normalDraw)},
		{Name: "RandomNormalLike", Since: 1, MinIn: 1, MaxIn: 1, Random: true, Compile: randomLike(normalDraw)},
		{Name: "RandomUniform", Since: 1, MinIn: 0, MaxIn: 0, Random: true, Compile: randomOf(uniformDraw)},
		{Name: "RandomUniformLike", Since: 1, MinIn: 1, MaxIn: 1, Random: true, Compile: randomLike(uniformDraw)},
	}
}

// source draws numbers in [0, 1).
type source interface{ Float64() float64 }

// sourceOf makes the source of one run.
func sourceOf(seeded bool, seed uint32) source {
	if seeded {
		return newTwister(seed)
	}
	return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
}

// floatSeed is the attribute of the operators whose seed is a float.
func floatSeed(n *op.Node) (seeded bool, seed uint32) {
	f := float64(n.Float("seed", 0))
	if !(math.Abs(f) < math.MaxInt64) {
		f = 0
	}
	return n.Attr("seed"), uint32(int64(f))
}

// twister is the Mersenne Twister MT19937, as numpy.random.seed starts it, for ONNX's
// reference draws with it.
type twister struct {
	state [624]uint32
	next  int
}

func newTwister(seed uint32) *twister {
	t := &twister{next: 624}
	for i := range t.state {
		t.state[i] = seed
		seed = 1812433253*(seed^seed>>30) + uint32(i) + 1
	}
	return t
}

func (t *twister) uint32() uint32 {
	if t.next == len(t.state) {
		for i := range t.state {
			y := t.state[i]&0x80000000 | t.state[(i+1)%624]&0x7fffffff
			t.state[i] = t.state[(i+397)%624] ^ y>>1 ^ y&1*0x9908b0df
		}
		t.next = 0
	}
	y := t.state[t.next]
	t.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// Float64 is a number in [0, 1) of 53 bits.
func (t *twister) Float64() float64 {
	a, b := t.uint32()>>5, t.uint32()>>6
	return (float64(a)*(1<<26) + float64(b)) / (1 << 53)
}

// draw makes numbers of a distribution from those of a source.
type draw func(n *op.Node) func(s source) float64

func uniformDraw(n *op.Node) func(s source) float64 {
	low, high := float64(n.Float("low", 0)), float64(n.Float("high", 1))
	return func(s source) float64 { return low + (high-low)*s.Float64() }
}

func normalDraw(n *op.Node) func(s source) float64 {
	mean, scale := float64(n.Float("mean", 0)), float64(n.Float("scale", 1))
	return func(s source) float64 { return mean + scale*gauss(s) }
}

// gauss draws from the normal distribution by the method of Box and Muller.
func gauss(s source) float64 {
	return math.Sqrt(-2*math.Log(1-s.Float64())) * math.Cos(2*math.Pi*s.Float64())
}

// randomOf draws numbers of a type and a shape that attributes have.
func randomOf(d draw) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		return drawn(n, d, tensor.Type(n.Int("dtype", int64(tensor.FP32))&0xff), sizes(n.Ints("shape")))
	}
}

// randomLike draws numbers in the shape of the input, and of its type unless an attribute
// says another.
func randomLike(d draw) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		return drawn(n, d, tensor.Type(n.Int("dtype", int64(n.In[0].Type))&0xff), n.In[0].Shape)
	}
}

func drawn(n *op.Node, d draw, t tensor.Type, shape []int) (*op.Plan, error) {
	if !isReal(t) {
		return nil, n.Errorf("random numbers of %s, expected a floating-point type", t)
	}
	f := d(n)
	seeded, seed := floatSeed(n)
	return op.Static(func(r *op.Run, _, out []*tensor.Tensor) error {
		s := sourceOf(seeded, seed)
		return fillReals(r, out[0], func(row []float64, _ int) {
			for i := range row {
				row[i] = f(s)
			}
		})
	}, op.Out(t, shape...))
}

// fillReals writes a tensor from its first element to its last.
func fillReals(r *op.Run, t *tensor.Tensor, f func(row []float64, at int)) error {
	var row [1024]float64
	for at, n := 0, t.Len(); at < n; at += len(row) {
		if err := r.Err(); err != nil {
			return err
		}
		k := min(len(row), n-at)
		f(row[:k], at)
		storeReals(t, at, row[:k])
	}
	return nil
}

// bernoulli draws 1 with the probabilities that the input has, else 0.
func bernoulli(n *op.Node) (*op.Plan, error) {
	if !isReal(n.In[0].Type) {
		return nil, n.Unsupportedf("probabilities of %s, expected floating-point numbers", n.In[0].Type)
	}
	to := n.Int("dtype", int64(n.In[0].Type))
	if to < 1 || to > 255 || !tensor.Known(tensor.Type(to)) || tensor.Type(to) == tensor.String {
		return nil, n.Errorf("dtype is %d, which is no type of numbers", to)
	}
	seeded, seed := floatSeed(n)
	c := &converter{to: tensor.Type(to), saturate: true}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		p, err := in[0].Float64s()
		if err != nil {
			return err
		}
		s := sourceOf(seeded, seed)
		for i, v := range p {
			if i%grain == 0 && r.Stopped() {
				return op.ErrStopped
			}
			p[i] = 0
			if s.Float64() < v {
				p[i] = 1
			}
		}
		return c.putFloats(out[0], p)
	}, op.Out(tensor.Type(to), n.In[0].Shape...))
}

// multinomial draws classes for each row of logarithms of probabilities, which need not
// sum to one.
func multinomial(n *op.Node) (*op.Plan, error) {
	if n.Rank(0) != 2 || !isReal(n.In[0].Type) {
		return nil, n.Errorf("input 0 is %s%v, expected a matrix of real numbers", n.In[0].Type, n.In[0].Shape)
	}
	rows, classes := n.In[0].Shape[0], n.In[0].Shape[1]
	samples := n.Int("sample_size", 1)
	to := tensor.Type(n.Int("dtype", int64(tensor.I32)) & 0xff)
	if to != tensor.I32 && to != tensor.I64 {
		return nil, n.Errorf("dtype is %s, expected int32 or int64", to)
	}
	if samples < 1 || samples > tensor.MaxBytes || classes == 0 {
		return nil, n.Errorf("%d samples of %d classes", samples, classes)
	}
	seeded, seed := floatSeed(n)
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, err := in[0].Float64s()
		if err != nil {
			return err
		}
		s := sourceOf(seeded, seed)
		for i := range rows {
			row := x[i*classes:][:classes]
			softmaxRow(row, row)
			for k := 1; k < classes; k++ {
				row[k] += row[k-1]
			}
			for k := range int(samples) {
				if k%1024 == 0 && r.Stopped() {
					return op.ErrStopped
				}
				class := firstAbove(row, s.Float64()*row[classes-1])
				if to == tensor.I32 {
					tensor.As[int32](out[0])[i*int(samples)+k] = int32(class)
				} else {
					tensor.As[int64](out[0])[i*int(samples)+k] = int64(class)
				}
			}
		}
		return nil
	}, op.Out(to, rows, int(samples)))
}

// firstAbove is the first index of an ascending row whose element is larger than v, or
// the last.
func firstAbove(row []float64, v float64) int {
	lo, hi := 0, len(row)-1
	for lo < hi {
		if mid := (lo + hi) / 2; row[mid] > v {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// dropoutAttributes is Dropout before version 12, which drops nothing here: it did only
// while a model was trained.
func dropoutAttributes(n *op.Node) (*op.Plan, error) {
	mask := n.In[0].Type
	if n.Version >= 10 {
		mask = tensor.Bool
	}
	return keepAll(n, mask)
}

// keepAll gives the input, and a mask of ones.
func keepAll(n *op.Node, mask tensor.Type) (*op.Plan, error) {
	x := op.Out(n.In[0].Type, n.In[0].Shape...)
	if !n.Wants(1) {
		return op.View(0, x)
	}
	p, err := op.Static(func(_ *op.Run, in, out []*tensor.Tensor) error {
		if out[0] != nil && len(out[0].Data) > 0 && &out[0].Data[0] != &in[0].Data[0] {
			copy(out[0].Data, in[0].Data)
		}
		return (&converter{to: mask}).putFloats(out[1], constants64(out[1].Len(), 1))
	}, x, op.Out(mask, n.In[0].Shape...))
	if err != nil {
		return nil, err
	}
	return p.InPlaceOf(0), nil
}

func constants64(n int, v float64) []float64 {
	row := make([]float64, n)
	for i := range row {
		row[i] = v
	}
	return row
}

// dropout drops elements when a model is trained, and scales the others up.
//
// See https://onnx.ai/onnx/operators/onnx__Dropout.html
func dropout(n *op.Node) (*op.Plan, error) {
	if !isReal(n.In[0].Type) {
		return nil, n.Unsupportedf("a tensor of %s, expected floating-point numbers", n.In[0].Type)
	}
	for i := 1; i < 3; i++ {
		if n.Has(i) && tensor.Size(n.In[i].Shape) != 1 {
			return nil, n.Errorf("input %d has shape %v, expected one element", i, n.In[i].Shape)
		}
	}
	if !n.Has(2) {
		return keepAll(n, tensor.Bool)
	}
	if err := n.Want(2, tensor.Bool); err != nil {
		return nil, err
	}
	if t := n.In[2].Tensor(); t != nil && t.Data[0] == 0 {
		return keepAll(n, tensor.Bool)
	}
	seed := n.Int("seed", 0)
	seeded := n.Attr("seed")
	outs := []op.Info{op.Out(n.In[0].Type, n.In[0].Shape...)}
	if n.Wants(1) {
		outs = append(outs, op.Out(tensor.Bool, n.In[0].Shape...))
	} else if len(n.Outs) > 1 {
		outs = append(outs, op.Info{})
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		ratio := 0.5
		if in[1] != nil {
			v, err := in[1].Float64s()
			if err != nil {
				return err
			}
			ratio = v[0]
		}
		if in[2].Data[0] == 0 {
			ratio = 0
		}
		if !(ratio >= 0 && ratio < 1) {
			return &op.Invalid{Reason: "the ratio of what is dropped is not in [0, 1)"}
		}
		s := sourceOf(seeded, uint32(seed))
		return fillReals(r, out[0], func(row []float64, at int) {
			loadReals(row, in[0], at)
			for i := range row {
				keep := ratio == 0 || s.Float64() >= ratio
				if keep {
					row[i] /= 1 - ratio
				} else {
					row[i] = 0
				}
				if len(out) > 1 && out[1] != nil {
					out[1].Data[at+i] = truth(keep)
				}
			}
		})
	}, outs...)
}
