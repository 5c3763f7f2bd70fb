package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// deformables is the convolution whose kernel moves.
func deformables() []op.Spec {
	return []op.Spec{{Name: "DeformConv", Since: 19, MinIn: 3, MaxIn: 5, Compile: op.Widen(deformConv)}}
}

// deformed is a DeformConv.
type deformed struct {
	*grid
	shape                []int
	channels             int // of the input
	groups, offsetGroups int
}

// deformConv convolves with elements of the input that are moved by offsets, one for each
// element of the kernel and of the output.
//
// See https://onnx.ai/onnx/operators/onnx__DeformConv.html
func deformConv(n *op.Node) (*op.Plan, error) {
	for i := range n.In {
		if !n.Has(i) {
			continue
		}
		if err := n.Want(i, tensor.FP32); err != nil {
			return nil, err
		}
	}
	x, w := n.In[0].Shape, n.In[1].Shape
	if len(x) != 4 || len(w) != 4 {
		return nil, n.Unsupportedf("X and W of shapes %v and %v: images of two dimensions are supported", x, w)
	}
	groups, offsets := n.Int("group", 1), n.Int("offset_group", 1)
	if groups < 1 || offsets < 1 || int64(w[1])*groups != int64(x[1]) || int64(w[0])%groups != 0 || int64(x[1])%offsets != 0 {
		return nil, n.Errorf("X and W of shapes %v and %v do not make %d groups, and %d of offsets", x, w, groups, offsets)
	}
	g, out, err := newGrid(n, w[2:], x[2:])
	if err != nil {
		return nil, err
	}
	d := &deformed{grid: g, shape: []int{x[0], w[0], out[0], out[1]}, channels: x[1], groups: int(groups), offsetGroups: int(offsets)}
	if want := []int{x[0], d.offsetGroups * d.taps() * 2, out[0], out[1]}; !sameShape(n.In[2].Shape, want) {
		return nil, n.Errorf("offsets have the shape %v, expected %v", n.In[2].Shape, want)
	}
	if n.Has(3) && tensor.Size(n.In[3].Shape) != w[0] {
		return nil, n.Errorf("the bias has the shape %v, expected [%d]", n.In[3].Shape, w[0])
	}
	if want := []int{x[0], d.offsetGroups * d.taps(), out[0], out[1]}; n.Has(4) && !sameShape(n.In[4].Shape, want) {
		return nil, n.Errorf("the mask has the shape %v, expected %v", n.In[4].Shape, want)
	}
	return op.Static(d.run, op.Out(tensor.FP32, d.shape...))
}

func (d *deformed) run(r *op.Run, in, out []*tensor.Tensor) error {
	w, dst := tensor.As[float32](in[1]), tensor.As[float32](out[0])
	var bias []float32
	if len(in) > 3 && in[3] != nil {
		bias = tensor.As[float32](in[3])
	}
	pixels, steps := d.shape[2]*d.shape[3], d.channels/d.groups*d.taps()
	if err := spare(r, 4*d.channels*d.taps()*r.Threads.Threads()); err != nil {
		return err
	}
	r.For(d.shape[0]*pixels, grainOf(steps*d.shape[1]), func(lo, hi int) {
		column := make([]float32, d.channels*d.taps())
		for i := lo; i < hi && !r.Stopped(); i++ {
			d.column(column, in, i/pixels, i%pixels)
			for c := range d.shape[1] {
				group := c / (d.shape[1] / d.groups)
				v := vec.Dot(w[c*steps:][:steps], column[group*steps:][:steps])
				if bias != nil {
					v += bias[c]
				}
				dst[(i/pixels*d.shape[1]+c)*pixels+i%pixels] = v
			}
		}
	})
	return r.Err()
}

// column is what the kernel sees for one pixel of the output.
func (d *deformed) column(column []float32, in []*tensor.Tensor, image, pixel int) {
	x, offsets := tensor.As[float32](in[0]), tensor.As[float32](in[2])
	count, taps := d.shape[2]*d.shape[3], d.taps()
	for g := range d.offsetGroups {
		for tap := range taps {
			at := (image*d.offsetGroups+g)*taps + tap
			y := float64(pixel/d.shape[3]*d.stride[1]-d.pad[1]+tap/d.kernel[2]*d.dilation[1]) + float64(offsets[2*at*count+pixel])
			z := float64(pixel%d.shape[3]*d.stride[2]-d.pad[2]+tap%d.kernel[2]*d.dilation[2]) + float64(offsets[(2*at+1)*count+pixel])
			mask := float32(1)
			if len(in) > 4 && in[4] != nil {
				mask = tensor.As[float32](in[4])[at*count+pixel]
			}
			per := d.channels / d.offsetGroups
			for c := g * per; c < (g+1)*per; c++ {
				plane := x[(image*d.channels+c)*d.pixels():][:d.pixels()]
				column[c*taps+tap] = mask * between(plane, d.in[1], d.in[2], y, z)
			}
		}
	}
}

// between reads an image between its pixels; there are zeros around it.
func between(plane []float32, rows, cols int, y, x float64) float32 {
	if !(y > -1 && y < float64(rows) && x > -1 && x < float64(cols)) {
		return 0
	}
	y0, x0 := int(math.Floor(y)), int(math.Floor(x))
	ty, tx := float32(y-float64(y0)), float32(x-float64(x0))
	pixel := func(y, x int) float32 {
		if y < 0 || y >= rows || x < 0 || x >= cols {
			return 0
		}
		return plane[y*cols+x]
	}
	return (1-ty)*((1-tx)*pixel(y0, x0)+tx*pixel(y0, x0+1)) + ty*((1-tx)*pixel(y0+1, x0)+tx*pixel(y0+1, x0+1))
}
