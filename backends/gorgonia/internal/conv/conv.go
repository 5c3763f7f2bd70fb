package conv

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
)

// Spec is a convolution without its weights: ONNX's Conv with explicit pads.
type Spec struct {
	Window
	// InChannels and OutChannels are multiples of Group, which 0 makes 1.
	InChannels, OutChannels, Group int
	Activation                     Activation
}

// Conv is a convolution with its weights, in the order in which they are read. It
// does not change, and may be run by several goroutines at once.
type Conv struct {
	spec   Spec
	win    window
	kern   *kernel
	groups int
	inC    int // channels of input of one group
	outC   int // channels of output of one group
	taps   int // elements of the window
	steps  int // products in one sum: inC * taps
	// weights are, for each group and each tile of rows, the steps one after the
	// other; of a depthwise convolution with kernels of its own, what those read.
	weights   []float32
	depthwise *[depthwiseRows]depthwiseFunc
	// across are the weights once more, for plans that go across channels.
	across func() []float32
	bias   []float32
	low    float32
	high   float32
	// last is the plan of the shape that was run last.
	last atomic.Pointer[plan]
}

// Prepare copies the weights, which are in ONNX's order: output channels, input
// channels of one group, kernel. bias has a value for each output channel, or is
// nil.
//
// It returns an error when the spec is not valid or the slices do not fit it.
func Prepare(spec Spec, weights, bias []float32) (*Conv, error) {
	return prepare(best, spec, weights, bias)
}

func prepare(kern *kernel, spec Spec, weights, bias []float32) (*Conv, error) {
	win, err := spec.Window.normalise()
	if err != nil {
		return nil, err
	}
	if err := spec.Activation.check(); err != nil {
		return nil, err
	}
	c := &Conv{spec: spec, win: win, kern: kern, groups: max(spec.Group, 1)}
	if spec.Group < 0 || spec.InChannels < 1 || spec.OutChannels < 1 || spec.InChannels%c.groups != 0 || spec.OutChannels%c.groups != 0 {
		return nil, fmt.Errorf("%d input and %d output channels in %d groups: the channels must be positive multiples of the groups",
			spec.InChannels, spec.OutChannels, spec.Group)
	}
	c.inC, c.outC = spec.InChannels/c.groups, spec.OutChannels/c.groups
	if c.taps, err = win.volume(); err != nil {
		return nil, fmt.Errorf("the kernel: %w", err)
	}
	if err := checkLength("the weights", len(weights), spec.OutChannels, c.inC, c.taps); err != nil {
		return nil, err
	}
	if bias != nil {
		if err := checkLength("the bias", len(bias), spec.OutChannels); err != nil {
			return nil, err
		}
		c.bias = slices.Clone(bias)
	} else {
		c.bias = make([]float32, spec.OutChannels)
	}
	c.steps = c.inC * c.taps
	c.low, c.high = spec.Activation.limits()
	if c.inC == 1 && c.groups > 1 {
		c.depthwise = forWindow(kern.depthwise, &win)
	}
	if c.depthwise != nil {
		c.packDepthwise(weights)
	} else {
		c.pack(weights)
		c.across = sync.OnceValue(c.packAcross)
	}
	return c, nil
}

// tiles is the number of tiles of rows that a group's weights are cut in: even, where
// that leaves them high enough, so that two threads have as much to do.
func (c *Conv) tiles() int {
	n := (c.outC + c.kern.rows - 1) / c.kern.rows
	if n > 1 && n%2 == 1 && c.outC/(n+1) > c.kern.rows/2 {
		n++
	}
	return n
}

// tile returns the first channel, within its group, and the height of tile t.
// Heights differ by one at most.
func (c *Conv) tile(t int) (first, rows int) {
	n := c.tiles()
	first = t*(c.outC/n) + min(t, c.outC%n)
	rows = c.outC / n
	if t < c.outC%n {
		rows++
	}
	return first, rows
}

// tileWeights are the packed weights of tile t of group g.
func (c *Conv) tileWeights(g, t int) []float32 {
	first, rows := c.tile(t)
	return c.weights[(g*c.outC+first)*c.steps:][:rows*c.steps]
}

func (c *Conv) pack(weights []float32) {
	c.weights = make([]float32, len(weights))
	for g := range c.groups {
		for t := range c.tiles() {
			first, rows := c.tile(t)
			to := c.tileWeights(g, t)
			for r := range rows {
				for s, v := range weights[(g*c.outC+first+r)*c.steps:][:c.steps] {
					to[s*rows+r] = v
				}
			}
		}
	}
}

// Bytes says how much memory c keeps between runs. Where an input of few columns is
// run, it keeps the weights once more.
func (c *Conv) Bytes() int { return 4 * (len(c.weights) + len(c.bias)) }

// OutputShape is the spatial shape of the output for an input of spatial shape in.
func (c *Conv) OutputShape(in []int) ([]int, error) { return c.spec.OutputShape(in, false) }

// Workspace says how many bytes of scratch memory each thread takes for an input of
// spatial shape in. It is taken from a pool, and allocated when that has none.
func (c *Conv) Workspace(in []int) (int, error) {
	p, known, err := c.plan(in)
	if err != nil {
		return 0, err
	}
	if !known {
		c.lay(p)
	}
	return 4 * p.scratch, nil
}

// Run writes the convolution of src, which is batch times InChannels times the
// spatial shape in, to dst, on the threads of p. residual, where it is not nil, has
// the shape of dst and is added before the activation; it may be dst itself. dst
// overlaps src in no way.
//
// It returns an error when in is too small for the window, or when the slices do
// not have the lengths of their shapes.
func (c *Conv) Run(p *pool.Pool, dst, src, residual []float32, batch int, in []int) error {
	pl, known, err := c.plan(in)
	if err != nil {
		return err
	}
	if err := checkLength("the input", len(src), batch, c.spec.InChannels, pl.in[0], pl.in[1], pl.in[2]); err != nil {
		return err
	}
	if err := checkLength("the output", len(dst), batch, c.spec.OutChannels, pl.out[0], pl.out[1], pl.out[2]); err != nil {
		return err
	}
	if residual != nil && len(residual) != len(dst) {
		return fmt.Errorf("the tensor to add has %d elements, the output has %d", len(residual), len(dst))
	}
	if len(dst) == 0 {
		return nil
	}
	if !known {
		c.lay(pl) // now that the shapes are known to be those of memory that there is
	}
	r := runs.Get().(*run)
	*r = run{conv: c, plan: pl, dst: dst, src: src, res: residual}
	r.start(p, batch)
	*r = run{}
	runs.Put(r)
	return nil
}
