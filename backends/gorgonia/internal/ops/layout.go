package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// layouts are operators that put elements into places which they compute.
func layouts() []op.Spec {
	return []op.Spec{
		{Name: "Col2Im", Since: 18, MinIn: 3, MaxIn: 3, Compile: op.Widen(col2Im)},
		{Name: "Det", Since: 11, MinIn: 1, MaxIn: 1, Compile: op.Widen(det)},
		{Name: "MaxUnpool", Since: 9, MinIn: 2, MaxIn: 3, Compile: op.Widen(maxUnpool)},
		{Name: "NonMaxSuppression", Since: 10, MinIn: 2, MaxIn: 5, Compile: nonMaxSuppression},
		{Name: "ReverseSequence", Since: 10, MinIn: 2, MaxIn: 2, Compile: reverseSequence},
	}
}

// reverseSequence turns the first elements along the time axis around, as many as each
// element of the batch says.
//
// See https://onnx.ai/onnx/operators/onnx__ReverseSequence.html
func reverseSequence(n *op.Node) (*op.Plan, error) {
	shape := n.In[0].Shape
	if len(shape) < 2 {
		return nil, n.Errorf("the input has %d dimensions, expected at least 2", len(shape))
	}
	batch, time := n.Int("batch_axis", 1), n.Int("time_axis", 0)
	if batch+time != 1 || batch*time != 0 {
		return nil, n.Errorf("batch_axis is %d and time_axis %d: expected 0 and 1", batch, time)
	}
	if err := n.Want(1, tensor.I64); err != nil {
		return nil, err
	}
	if tensor.Size(n.In[1].Shape) != shape[batch] {
		return nil, n.Errorf("there are %d lengths for a batch of %d", tensor.Size(n.In[1].Shape), shape[batch])
	}
	t := n.In[0].Type
	inner := tensor.Size(shape[2:])
	put := pickItem(t, replace[uint8], replace[uint16], replace[uint32], replace[uint64], replace[complex128], replace[string])
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		lengths := tensor.As[int64](in[1])
		for _, v := range lengths {
			if v < 0 || v > int64(shape[time]) {
				return n.Errorf("a length is %d, of %d", v, shape[time])
			}
		}
		write := put(out[0], in[0])
		r.For(shape[0]*shape[1], grainOf(inner), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				at := [2]int{i / shape[1], i % shape[1]}
				if k := int(lengths[at[batch]]); at[time] < k {
					at[time] = k - 1 - at[time]
				}
				write(i*inner, (at[0]*shape[1]+at[1])*inner, inner)
			}
		})
		return nil
	}, op.Out(t, shape...))
}

// det is the determinants of square matrices.
//
// See https://onnx.ai/onnx/operators/onnx__Det.html
func det(n *op.Node) (*op.Plan, error) {
	shape := n.In[0].Shape
	if len(shape) < 2 || shape[len(shape)-1] != shape[len(shape)-2] {
		return nil, n.Errorf("the input has the shape %v, expected square matrices", shape)
	}
	if err := n.Want(0, tensor.FP32, tensor.FP64); err != nil {
		return nil, err
	}
	size := shape[len(shape)-1]
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		if err := spare(r, 8*in[0].Len()); err != nil {
			return err
		}
		v, err := in[0].Float64s()
		if err != nil {
			return err
		}
		made := make([]float64, out[0].Len())
		r.For(len(made), grainOf(size*size*size), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				made[i] = determinant(r, v[i*size*size:][:size*size], size)
			}
		})
		fromFloats(out[0], made)
		return r.Err()
	}, op.Out(n.In[0].Type, shape[:len(shape)-2]...))
}

// determinant eliminates by rows, with the largest pivot, in place.
func determinant(r *op.Run, m []float64, n int) float64 {
	d := 1.0
	for k := range n {
		if r.Stopped() {
			return 0
		}
		p := k
		for i := k + 1; i < n; i++ {
			if math.Abs(m[i*n+k]) > math.Abs(m[p*n+k]) {
				p = i
			}
		}
		if m[p*n+k] == 0 {
			return 0
		}
		if p != k {
			d = -d
			for j := range n {
				m[p*n+j], m[k*n+j] = m[k*n+j], m[p*n+j]
			}
		}
		d *= m[k*n+k]
		for i := k + 1; i < n; i++ {
			f := m[i*n+k] / m[k*n+k]
			for j := k; j < n; j++ {
				m[i*n+j] -= f * m[k*n+j]
			}
		}
	}
	return d
}

// col2Im adds up blocks of an image, where they overlap.
//
// See https://onnx.ai/onnx/operators/onnx__Col2Im.html
func col2Im(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32, tensor.FP64); err != nil {
		return nil, err
	}
	image, err := n.IntsOf(1)
	if err != nil {
		return nil, err
	}
	block, err := n.IntsOf(2)
	if err != nil {
		return nil, err
	}
	in, rank := n.In[0].Shape, len(image)
	if len(in) != 3 || rank == 0 || len(block) != rank {
		return nil, n.Errorf("an input of shape %v, an image of %d dimensions and a block of %d", in, rank, len(block))
	}
	p := &imageBlocks{image: sizes(image), block: sizes(block)}
	if err := p.read(n); err != nil {
		return nil, err
	}
	volume, err := tensor.Count(p.block)
	if err != nil || volume == 0 || in[1]%volume != 0 {
		return nil, n.Errorf("%d rows do not divide into blocks %v", in[1], block)
	}
	if count, err := tensor.Count(p.steps); err != nil || count != in[2] {
		return nil, n.Errorf("there are %d blocks, expected %v of them", in[2], p.steps)
	}
	p.planes, p.volume, p.count = in[0]*(in[1]/volume), volume, in[2]
	shape := append([]int{in[0], in[1] / volume}, p.image...)
	if n.In[0].Type == tensor.FP64 {
		return op.Static(addBlocks[float64](p), op.Out(tensor.FP64, shape...))
	}
	return op.Static(addBlocks[float32](p), op.Out(tensor.FP32, shape...))
}

// imageBlocks is how blocks lie in an image.
type imageBlocks struct {
	image, block, steps      []int
	pads, strides, dilations []int
	planes, volume, count    int
}

func (p *imageBlocks) read(n *op.Node) error {
	rank := len(p.image)
	for _, f := range []struct {
		name    string
		to      *[]int
		count   int
		missing int
	}{{"pads", &p.pads, 2 * rank, 0}, {"strides", &p.strides, rank, 1}, {"dilations", &p.dilations, rank, 1}} {
		*f.to = slices.Repeat([]int{f.missing}, f.count)
		v := n.Ints(f.name)
		if v == nil {
			continue
		}
		if len(v) != f.count {
			return n.Errorf("%s are %v, expected %d", f.name, v, f.count)
		}
		for i, x := range v {
			if x < int64(f.missing) || x > 1<<31 {
				return n.Errorf("%s are %v, which is out of range", f.name, v)
			}
			(*f.to)[i] = int(x)
		}
	}
	for i := range p.image {
		if p.image[i] < 0 || p.image[i] > 1<<31 || p.block[i] < 1 || p.block[i] > 1<<31 {
			return n.Errorf("an image %v of blocks %v is out of range", p.image, p.block)
		}
		free := p.image[i] + p.pads[i] + p.pads[i+rank] - p.dilations[i]*(p.block[i]-1) - 1
		if free < 0 {
			return n.Errorf("a block %v does not fit an image %v", p.block, p.image)
		}
		p.steps = append(p.steps, free/p.strides[i]+1)
	}
	return nil
}

func addBlocks[T float32 | float64](p *imageBlocks) runFunc {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		src, dst := tensor.As[T](in[0]), tensor.As[T](out[0])
		pixels := tensor.Size(p.image)
		if pixels == 0 {
			return nil
		}
		r.For(p.planes, grainOf(p.volume*p.count), func(lo, hi int) {
			for plane := lo; plane < hi; plane++ {
				to := dst[plane*pixels:][:pixels]
				clear(to)
				for tap := range p.volume {
					if r.Stopped() {
						return
					}
					p.add(tap, func(pixel, k int) { to[pixel] += src[(plane*p.volume+tap)*p.count+k] })
				}
			}
		})
		return r.Err()
	}
}

// add calls do for the pixel of one element in each of the blocks, if it is inside.
func (p *imageBlocks) add(tap int, do func(pixel, k int)) {
	rank := len(p.image)
	offset, at := make([]int, rank), make([]int, rank)
	for i := rank - 1; i >= 0; i-- {
		offset[i] = tap%p.block[i]*p.dilations[i] - p.pads[i]
		tap /= p.block[i]
	}
	for k := range p.count {
		pixel, inside := 0, true
		for i := range rank {
			x := at[i]*p.strides[i] + offset[i]
			inside = inside && x >= 0 && x < p.image[i]
			pixel = pixel*p.image[i] + x
		}
		if inside {
			do(pixel, k)
		}
		for i := rank - 1; i >= 0; i-- {
			if at[i]++; at[i] < p.steps[i] {
				break
			}
			at[i] = 0
		}
	}
}

// maxUnpool puts elements back to where MaxPool took them from, among zeros.
//
// See https://onnx.ai/onnx/operators/onnx__MaxUnpool.html
func maxUnpool(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32, tensor.FP64); err != nil {
		return nil, err
	}
	if err := n.Want(1, tensor.I64); err != nil {
		return nil, err
	}
	in := n.In[0].Shape
	kernel := n.Ints("kernel_shape")
	if len(in) < 3 || len(kernel) != len(in)-2 || !sameShape(in, n.In[1].Shape) {
		return nil, n.Errorf("an input of shape %v, indices of shape %v and a kernel %v", in, n.In[1].Shape, kernel)
	}
	steps, pads := n.Ints("strides"), n.Ints("pads")
	if steps == nil {
		steps = slices.Repeat([]int64{1}, len(kernel))
	}
	if pads == nil {
		pads = make([]int64, 2*len(kernel))
	}
	if len(steps) != len(kernel) || len(pads) != 2*len(kernel) {
		return nil, n.Errorf("strides are %v and pads %v, for a kernel %v", steps, pads, kernel)
	}
	natural := slices.Clone(in)
	for i := range kernel {
		for _, v := range []int64{kernel[i], steps[i], pads[i], pads[i+len(kernel)]} {
			if v < 0 || v > 1<<31 {
				return nil, n.Errorf("a kernel %v with strides %v and pads %v is out of range", kernel, steps, pads)
			}
		}
		if in[i+2] > 1<<31 {
			return nil, n.Errorf("a dimension of %d is out of range", in[i+2])
		}
		natural[i+2] = (in[i+2]-1)*int(steps[i]) - int(pads[i]+pads[i+len(kernel)]) + int(kernel[i])
	}
	if _, err := tensor.Bytes(n.In[0].Type, natural); err != nil {
		return nil, n.Errorf("%v", err)
	}
	shape := natural
	if n.Has(2) {
		dims, err := n.IntsOf(2)
		if err != nil {
			return nil, err
		}
		if shape = sizes(dims); len(shape) != len(in) {
			return nil, n.Errorf("output_shape is %v, expected %d sizes", dims, len(in))
		}
		for i, d := range shape {
			if d < natural[i] {
				return nil, n.Errorf("output_shape is %v, smaller than %v", dims, natural)
			}
		}
	}
	put := pickItem(n.In[0].Type, replace[uint8], replace[uint16], replace[uint32], replace[uint64], replace[complex128], replace[string])
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		clear(out[0].Data)
		write, whole := put(out[0], in[0]), tensor.Size(natural)
		step, own := strides(shape), strides(natural)
		for i, v := range tensor.As[int64](in[1]) {
			if i%leastPiece == 0 && r.Stopped() {
				return op.ErrStopped
			}
			k, err := element(v, whole)
			if err != nil {
				return err
			}
			to := 0
			for d := range own {
				to += k / own[d] % natural[d] * step[d]
			}
			write(to, i, 1)
		}
		return nil
	}, op.Out(n.In[0].Type, shape...))
}

// nonMaxSuppression picks boxes by their scores, and drops those that overlap a better
// one of their class too much.
//
// See https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html
func nonMaxSuppression(n *op.Node) (*op.Plan, error) {
	for i := range 2 {
		if err := n.Want(i, tensor.FP32); err != nil {
			return nil, err
		}
	}
	b, s := n.In[0].Shape, n.In[1].Shape
	if len(b) != 3 || len(s) != 3 || b[2] != 4 || b[0] != s[0] || b[1] != s[2] {
		return nil, n.Errorf("boxes of shape %v and scores of shape %v, expected [batches, boxes, 4] and [batches, classes, boxes]", b, s)
	}
	center := n.Flag("center_point_box", false)
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		p := &suppression{boxes: tensor.As[float32](in[0].(*tensor.Tensor)), center: center, least: float32(math.Inf(-1))}
		scores := tensor.As[float32](in[1].(*tensor.Tensor))
		if err := p.limits(in); err != nil {
			return nil, err
		}
		var picked []int64
		for i := range s[0] * s[1] {
			kept, err := p.pick(r, scores[i*b[1]:][:b[1]], i/s[1]*b[1])
			if err != nil {
				return nil, err
			}
			for _, k := range kept {
				picked = append(picked, int64(i/s[1]), int64(i%s[1]), int64(k))
			}
			if err := spare(r, 8*len(picked)); err != nil {
				return nil, err
			}
		}
		out, err := r.New(tensor.I64, len(picked)/3, 3)
		if err != nil {
			return nil, err
		}
		copy(tensor.As[int64](out), picked)
		return []tensor.Value{out}, nil
	})
}

type suppression struct {
	boxes          []float32
	center         bool
	most           int
	overlap, least float32
}

func (p *suppression) limits(in []tensor.Value) error {
	if v := valueAt(in, 2); v != nil {
		most, err := integerOf(in, 2)
		if err != nil {
			return err
		}
		p.most = int(max(most, 0))
	}
	for i, to := range map[int]*float32{3: &p.overlap, 4: &p.least} {
		if t, ok := valueAt(in, i).(*tensor.Tensor); ok && t.Len() > 0 {
			if t.Type != tensor.FP32 {
				return (&op.Node{}).Errorf("input %d is %s, expected FP32", i, t.Type)
			}
			*to = tensor.As[float32](t)[0]
		}
	}
	return nil
}

// pick chooses among boxes from first on, by their scores.
func (p *suppression) pick(r *op.Run, scores []float32, first int) ([]int, error) {
	var order []int
	for i, v := range scores {
		if v > p.least {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	var kept []int
	for _, i := range order {
		if len(kept) >= p.most {
			break
		}
		if r.Stopped() {
			return nil, op.ErrStopped
		}
		if !slices.ContainsFunc(kept, func(k int) bool { return p.overlaps(first+i, first+k) }) {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// overlaps says whether two boxes have too much of their union in common.
func (p *suppression) overlaps(i, k int) bool {
	a, b := p.corners(i), p.corners(k)
	area := func(c [4]float32) float32 { return (c[2] - c[0]) * (c[3] - c[1]) }
	width, height := min(a[2], b[2])-max(a[0], b[0]), min(a[3], b[3])-max(a[1], b[1])
	if width <= 0 || height <= 0 || area(a) <= 0 || area(b) <= 0 {
		return false
	}
	common := width * height
	return common/(area(a)+area(b)-common) > p.overlap
}

// corners are a box's least coordinates, then its greatest.
func (p *suppression) corners(i int) [4]float32 {
	c := p.boxes[4*i : 4*i+4]
	if p.center {
		return [4]float32{c[0] - c[2]/2, c[1] - c[3]/2, c[0] + c[2]/2, c[1] + c[3]/2}
	}
	return [4]float32{min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])}
}
