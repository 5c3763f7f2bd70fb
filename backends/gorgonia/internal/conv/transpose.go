package conv

import (
	"fmt"
	"slices"
	"sync"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// TransposeSpec is a transposed convolution without its weights: ONNX's
// ConvTranspose with explicit pads, which here take elements off the output.
type TransposeSpec struct {
	Spec
	// OutputPadding is added to the end of each spatial dimension of the output; nil
	// is none.
	OutputPadding []int
}

// ConvTranspose is a transposed convolution with its weights. It does not change,
// and may be run by several goroutines at once.
//
// It multiplies all channels of each element of the input with all taps at once, as
// a convolution of 1x1, and adds what comes out to the output where it belongs.
type ConvTranspose struct {
	spec       TransposeSpec
	win        window
	extra      [3]int
	outC, taps int // channels of output of one group; elements of the window
	products   *Conv
	bias       []float32
}

// PrepareTranspose copies the weights, which are in ONNX's order: input channels,
// output channels of one group, kernel. bias has a value for each output channel, or
// is nil.
//
// It returns an error when the spec is not valid or the slices do not fit it.
func PrepareTranspose(spec TransposeSpec, weights, bias []float32) (*ConvTranspose, error) {
	win, err := spec.Window.normalise()
	if err != nil {
		return nil, err
	}
	if err := spec.Activation.check(); err != nil {
		return nil, err
	}
	c := &ConvTranspose{spec: spec, win: win}
	if c.taps, err = win.volume(); err != nil {
		return nil, fmt.Errorf("the kernel: %w", err)
	}
	if spec.OutputPadding != nil {
		if c.extra, err = spatial(spec.OutputPadding, spec.rank()); err != nil {
			return nil, fmt.Errorf("the output padding: %w", err)
		}
		for d := range 3 - spec.rank() {
			c.extra[d] = 0
		}
	}
	groups := max(spec.Group, 1)
	if spec.Group < 0 || spec.InChannels < 1 || spec.OutChannels < 1 || spec.InChannels%groups != 0 || spec.OutChannels%groups != 0 {
		return nil, fmt.Errorf("%d input and %d output channels in %d groups: the channels must be positive multiples of the groups",
			spec.InChannels, spec.OutChannels, spec.Group)
	}
	c.outC = spec.OutChannels / groups
	if err := checkLength("the weights", len(weights), spec.InChannels, c.outC, c.taps); err != nil {
		return nil, err
	}
	c.bias = make([]float32, spec.OutChannels)
	if bias != nil {
		if err := checkLength("the bias", len(bias), spec.OutChannels); err != nil {
			return nil, err
		}
		c.bias = slices.Clone(bias)
	}
	inC, rows := spec.InChannels/groups, c.outC*c.taps
	turned := make([]float32, len(weights))
	for g := range groups {
		vec.Transpose(turned[g*inC*rows:], inC, weights[g*inC*rows:], rows, inC, rows)
	}
	c.products, err = Prepare(Spec{Window: Window{Kernel: []int{1}}, InChannels: spec.InChannels, OutChannels: groups * rows, Group: groups}, turned, nil)
	return c, err
}

// Bytes says how much memory c keeps between runs.
func (c *ConvTranspose) Bytes() int { return c.products.Bytes() + 4*len(c.bias) }

// output is the size of the output, which must not be empty.
func (c *ConvTranspose) output(in [3]int) ([3]int, error) {
	var out [3]int
	w := &c.win
	for d := range out {
		if in[d] < 1 {
			return out, fmt.Errorf("the input's spatial sizes are %v: a transposed convolution needs at least 1", in[3-c.spec.rank():])
		}
		if w.stride[d] > sizeLimit/in[d] {
			return out, fmt.Errorf("%d elements with a stride of %d make more than 2^31", in[d], w.stride[d])
		}
		out[d] = (in[d]-1)*w.stride[d] + w.extent(d) + c.extra[d] - w.begin[d] - w.end[d]
		if out[d] < 1 {
			return out, fmt.Errorf("pads of %d and %d leave nothing of the output", w.begin[d], w.end[d])
		}
	}
	_, err := product(out[:]...)
	return out, err
}

// OutputShape is the spatial shape of the output for an input of spatial shape in.
func (c *ConvTranspose) OutputShape(in []int) ([]int, error) {
	s, err := spatial(in, c.spec.rank())
	if err != nil {
		return nil, err
	}
	out, err := c.output(s)
	if err != nil {
		return nil, err
	}
	return out[3-c.spec.rank():], nil
}

// productLimit is how many products, of all elements of one input of the batch with
// all taps, may be held at once.
const productLimit = 256 << 20

// Workspace says how many bytes of scratch memory a run takes for an input of spatial
// shape in, besides those of each thread.
func (c *ConvTranspose) Workspace(in []int) (int, error) {
	s, err := spatial(in, c.spec.rank())
	if err != nil {
		return 0, err
	}
	n, err := c.productsOf(s)
	return 4 * n, err
}

func (c *ConvTranspose) productsOf(in [3]int) (int, error) {
	n, err := product(c.products.spec.OutChannels, in[0], in[1], in[2])
	if err == nil && n > productLimit {
		err = fmt.Errorf("%d products of the input with the weights: at most %d are held at once", n, productLimit)
	}
	return n, err
}

// Run writes the transposed convolution of src, which is batch times InChannels
// times the spatial shape in, to dst, on the threads of p. dst and src must not
// overlap.
//
// It returns an error when the slices do not have the lengths of their shapes, when
// nothing is left of the output, or when scratch memory would pass 1 GiB.
func (c *ConvTranspose) Run(p *pool.Pool, dst, src []float32, batch int, in []int) error {
	inSize, err := spatial(in, c.spec.rank())
	if err != nil {
		return err
	}
	out, err := c.output(inSize)
	if err != nil {
		return err
	}
	if err := checkLength("the input", len(src), batch, c.spec.InChannels, inSize[0], inSize[1], inSize[2]); err != nil {
		return err
	}
	if err := checkLength("the output", len(dst), batch, c.spec.OutChannels, out[0], out[1], out[2]); err != nil {
		return err
	}
	n, err := c.productsOf(inSize)
	if err != nil {
		return err
	}
	s := scratches.Get().(*scratch)
	a := scatters.Get().(*scatter)
	*a = scatter{conv: c, in: inSize, out: out, products: s.grow(n), flat: a.flat}
	elements := inSize[0] * inSize[1] * inSize[2]
	a.flat[0] = elements
	for b := range batch {
		if err = c.products.Run(p, a.products, src[b*c.spec.InChannels*elements:][:c.spec.InChannels*elements], nil, 1, a.flat[:]); err != nil {
			break
		}
		size := c.spec.OutChannels * out[0] * out[1] * out[2]
		a.dst = dst[b*size:][:size]
		p.Run(c.spec.OutChannels, grainOps/16/(elements*c.taps), a)
	}
	*a = scatter{}
	scatters.Put(a)
	scratches.Put(s)
	return err
}

var scatters = sync.Pool{New: func() any { return new(scatter) }}

// scatter adds products to the output.
type scatter struct {
	conv     *ConvTranspose
	in, out  [3]int
	dst      []float32
	products []float32
	flat     [1]int // the shape of the input as one dimension
}

// Do makes channels lo to hi of the output.
func (a *scatter) Do(lo, hi int) {
	c := a.conv
	size, elements := a.out[0]*a.out[1]*a.out[2], a.in[0]*a.in[1]*a.in[2]
	low, high := c.spec.Activation.limits()
	for channel := lo; channel < hi; channel++ {
		dst := a.dst[channel*size:][:size]
		fill(dst, c.bias[channel])
		for tap := range c.taps {
			a.addTap(dst, a.products[(channel*c.taps+tap)*elements:][:elements], tap)
		}
		switch {
		case c.spec.Activation.Kind == None:
		case c.spec.Activation.isLimits():
			vec.Clip(dst, dst, low, high)
		default:
			c.spec.Activation.apply(dst)
		}
	}
}

// addTap adds the products of one tap: those of input element i go to the output at
// i*stride + k*dilation - begin.
func (a *scatter) addTap(dst, products []float32, tap int) {
	w := &a.conv.win
	k := [3]int{tap / (w.kernel[1] * w.kernel[2]), tap / w.kernel[2] % w.kernel[1], tap % w.kernel[2]}
	// Which elements of the input stay within the output is the question that a
	// convolution asks the other way round.
	var lo, hi, shift [3]int
	for d := range k {
		lo[d], hi[d] = w.overlap(d, k[d], a.out[d], a.in[d])
		shift[d] = k[d]*w.dilation[d] - w.begin[d]
	}
	if lo[2] == hi[2] {
		return
	}
	for id := lo[0]; id < hi[0]; id++ {
		for ih := lo[1]; ih < hi[1]; ih++ {
			from := products[(id*a.in[1]+ih)*a.in[2]:][lo[2]:hi[2]]
			to := dst[((id*w.stride[0]+shift[0])*a.out[1]+ih*w.stride[1]+shift[1])*a.out[2]:][:a.out[2]]
			addStrided(to[lo[2]*w.stride[2]+shift[2]:], from, w.stride[2])
		}
	}
}

// addStrided is dst[i*stride] += x[i].
func addStrided(dst, x []float32, stride int) {
	if stride == 1 {
		vec.Add(dst[:len(x)], dst, x)
		return
	}
	at := 0
	for _, v := range x {
		dst[at] += v
		at += stride
	}
}
