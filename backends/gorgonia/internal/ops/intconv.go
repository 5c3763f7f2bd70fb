package ops

import (
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/gemm"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// intConvolutions are the convolutions of bytes.
func intConvolutions() []op.Spec {
	return []op.Spec{
		{Name: "ConvInteger", Since: 10, MinIn: 2, MaxIn: 4, Compile: convInteger},
		{Name: "QLinearConv", Since: 10, MinIn: 8, MaxIn: 9, Compile: qLinearConv},
	}
}

// grid is how a window goes over an input of up to three dimensions; missing ones are
// put before the others.
type grid struct {
	in, out, kernel, stride, dilation, pad [3]int
}

func newGrid(n *op.Node, kernel, in []int) (*grid, []int, error) {
	w, err := windowOf(n, kernel, in)
	if err != nil {
		return nil, nil, err
	}
	out, err := w.OutputShape(in, false)
	if err != nil {
		return nil, nil, n.Errorf("%v", err)
	}
	fill := func(values []int, missing int) (full [3]int) {
		full = [3]int{missing, missing, missing}
		copy(full[3-min(len(values), 3):], values)
		return full
	}
	return &grid{
		in: fill(in, 1), out: fill(out, 1), kernel: fill(kernel, 1),
		stride: fill(w.Strides, 1), dilation: fill(w.Dilations, 1), pad: fill(w.PadsBegin, 0),
	}, out, nil
}

func (g *grid) taps() int   { return g.kernel[0] * g.kernel[1] * g.kernel[2] }
func (g *grid) lines() int  { return g.out[0] * g.out[1] }
func (g *grid) pixels() int { return g.in[0] * g.in[1] * g.in[2] }

// row writes what one tap of the kernel sees, for the lines of the output from lo to
// before hi: elements of one channel, or zero where there are none.
func (g *grid) row(dst, channel []byte, tap, lo, hi int, zero byte) {
	kx, ky, kz := tap%g.kernel[2], tap/g.kernel[2]%g.kernel[1], tap/g.kernel[2]/g.kernel[1]
	width := g.out[2]
	x0 := kx*g.dilation[2] - g.pad[2]
	for line := lo; line < hi; line++ {
		to := dst[(line-lo)*width:][:width]
		y := line%g.out[1]*g.stride[1] - g.pad[1] + ky*g.dilation[1]
		z := line/g.out[1]*g.stride[0] - g.pad[0] + kz*g.dilation[0]
		if y < 0 || y >= g.in[1] || z < 0 || z >= g.in[0] {
			repeat(to, zero)
			continue
		}
		from := channel[(z*g.in[1]+y)*g.in[2]:][:g.in[2]]
		if g.stride[2] == 1 {
			first := min(max(0, -x0), width)
			end := max(first, min(width, g.in[2]-x0))
			repeat(to[:first], zero)
			if end > first {
				copy(to[first:end], from[first+x0:])
			}
			repeat(to[end:], zero)
			continue
		}
		for i := range to {
			if x := i*g.stride[2] + x0; x >= 0 && x < g.in[2] {
				to[i] = from[x]
			} else {
				to[i] = zero
			}
		}
	}
}

// intConv is a convolution of bytes.
type intConv struct {
	*grid
	x, w, zeroX, zeroW int // inputs, zero points -1 for none
	batch, groups      int
	inC, outC          int // channels of a group
	shape              []int
	signedX, signedW   bool
}

func newIntConv(n *op.Node, x, w, zeroX, zeroW int) (*intConv, error) {
	for _, i := range []int{x, w} {
		if err := n.Want(i, tensor.U8, tensor.I8); err != nil {
			return nil, err
		}
	}
	xs, ws := n.In[x].Shape, n.In[w].Shape
	if len(xs) < 3 || len(ws) != len(xs) {
		return nil, n.Errorf("X and W of shapes %v and %v, expected equal numbers of dimensions, from 3", xs, ws)
	}
	if k := n.Ints("kernel_shape"); k != nil && !slices.Equal(sizes(k), ws[2:]) {
		return nil, n.Errorf("kernel_shape is %v, and W of shape %v", k, ws)
	}
	groups := n.Int("group", 1)
	if groups < 1 || groups > int64(ws[0]) || int64(ws[1])*groups != int64(xs[1]) || int64(ws[0])%groups != 0 {
		return nil, n.Errorf("X and W of shapes %v and %v do not make %d groups", xs, ws, groups)
	}
	g, out, err := newGrid(n, ws[2:], xs[2:])
	if err != nil {
		return nil, err
	}
	c := &intConv{grid: g, x: x, w: w, zeroX: -1, zeroW: -1, batch: xs[0], groups: int(groups), inC: ws[1], outC: ws[0] / int(groups)}
	c.shape = append([]int{xs[0], ws[0]}, out...)
	c.signedX, c.signedW = n.In[x].Type == tensor.I8, n.In[w].Type == tensor.I8
	if n.Has(zeroX) {
		c.zeroX = zeroX
		if err := n.SameType(x, zeroX); err != nil || tensor.Size(n.In[zeroX].Shape) != 1 {
			return nil, n.Errorf("the zero point of X is %s%v, expected one %s", n.In[zeroX].Type, n.In[zeroX].Shape, n.In[x].Type)
		}
	}
	if n.Has(zeroW) {
		c.zeroW = zeroW
		if err := n.SameType(w, zeroW); err != nil || !contains([]int{1, ws[0]}, tensor.Size(n.In[zeroW].Shape)) {
			return nil, n.Errorf("the zero points of W are %s%v, expected one, or %d, of %s", n.In[zeroW].Type, n.In[zeroW].Shape, ws[0], n.In[w].Type)
		}
	}
	return c, nil
}

// columnBytes is about how much memory columns of a product may take.
const columnBytes = 1 << 21

// run convolves, and calls done with sums of one output channel of the whole output,
// from an element on: c counts channels through the batch.
func (c *intConv) run(r *op.Run, in []*tensor.Tensor, done func(sums []int32, channel, at int)) error {
	steps, width := c.inC*c.taps(), c.out[2]
	if tensor.Size(c.shape) == 0 {
		return nil
	}
	lines := min(c.lines(), max(1, columnBytes/max(1, steps*width)))
	if err := spare(r, lines*width*(steps+4*c.outC)); err != nil {
		return err
	}
	columns, sums := r.Scratch(steps*lines*width), tensor.View[int32](r.Scratch(4*c.outC*lines*width))
	zeroX, zeroW, err := c.zeros(in)
	if err != nil {
		return err
	}
	var pad byte
	if len(zeroX) > 0 {
		pad = byte(zeroX[0])
	}
	x, w := in[c.x].Data, in[c.w].Data
	for g := range c.batch * c.groups {
		first := g % c.groups * c.outC
		channels := x[g*c.inC*c.pixels():][:c.inC*c.pixels()]
		left := gemm.IntA{Data: w[first*steps:], Signed: c.signedW, LD: steps, Zero: zeroW}
		if len(zeroW) > 1 {
			left.Zero = zeroW[first:][:c.outC]
		}
		for lo := 0; lo < c.lines(); lo += lines {
			if r.Stopped() {
				return op.ErrStopped
			}
			hi := min(lo+lines, c.lines())
			n := (hi - lo) * width
			r.For(steps, grainOf(n), func(k0, k1 int) {
				for k := k0; k < k1; k++ {
					c.row(columns[k*n:][:n], channels[k/c.taps()*c.pixels():][:c.pixels()], k%c.taps(), lo, hi, pad)
				}
			})
			right := gemm.IntB{Data: columns[:steps*n], Signed: c.signedX, LD: n, Zero: zeroX}
			gemm.GemmInt8(r.Threads, sums[:c.outC*n], n, c.outC, n, steps, left, right, func(row []int32, i, j int) {
				done(row, g*c.outC+i, lo*width+j)
			})
		}
	}
	return r.Err()
}

func (c *intConv) zeros(in []*tensor.Tensor) (x, w []int32, err error) {
	if c.zeroX >= 0 {
		if x, err = int32sOf(in[c.zeroX]); err != nil {
			return nil, nil, err
		}
	}
	if c.zeroW >= 0 {
		w, err = int32sOf(in[c.zeroW])
	}
	return x, w, err
}

// convInteger convolves bytes, less their zero points, in int32.
//
// See https://onnx.ai/onnx/operators/onnx__ConvInteger.html
func convInteger(n *op.Node) (*op.Plan, error) {
	c, err := newIntConv(n, 0, 1, 2, 3)
	if err != nil {
		return nil, err
	}
	size := c.lines() * c.out[2]
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		dst := tensor.As[int32](out[0])
		return c.run(r, in, func(sums []int32, channel, at int) { copy(dst[channel*size+at:], sums) })
	}, op.Out(tensor.I32, c.shape...))
}

// qLinearConv convolves bytes that stand for numbers by scales and zero points, and gives
// bytes.
//
// See https://onnx.ai/onnx/operators/onnx__QLinearConv.html
func qLinearConv(n *op.Node) (*op.Plan, error) {
	c, err := newIntConv(n, 0, 3, 2, 5)
	if err != nil {
		return nil, err
	}
	if err := n.Want(7, tensor.U8, tensor.I8); err != nil {
		return nil, err
	}
	channels := c.groups * c.outC
	for _, s := range []struct {
		input int
		many  []int
	}{{1, []int{1}}, {4, []int{1, channels}}, {6, []int{1}}, {7, []int{1}}} {
		if count := tensor.Size(n.In[s.input].Shape); !contains(s.many, count) {
			return nil, n.Errorf("input %d has %d elements, expected one of %v", s.input, count, s.many)
		}
	}
	if n.Has(8) && (n.In[8].Type != tensor.I32 || tensor.Size(n.In[8].Shape) != channels) {
		return nil, n.Errorf("the bias is %s%v, expected %d INT32", n.In[8].Type, n.In[8].Shape, channels)
	}
	size, t := c.lines()*c.out[2], n.In[7].Type
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		scaleW, scaleX, zero, err := scalesOf(in[4], in[1], in[6], in[7])
		if err != nil {
			return err
		}
		var bias []int32
		if len(in) > 8 && in[8] != nil {
			bias = tensor.As[int32](in[8])
		}
		return c.run(r, in, func(sums []int32, channel, at int) {
			dst := out[0].Data[channel*size+at:][:len(sums)]
			k := channel % channels
			scale := float64(scaleW[k%len(scaleW)] * scaleX[0])
			add := int32(0)
			if bias != nil {
				add = bias[k]
			}
			for i, v := range sums {
				dst[i] = quantised(float64(v+add)*scale+zero, t)
			}
		})
	}, op.Out(t, c.shape...))
}
