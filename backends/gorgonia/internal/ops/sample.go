package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// samplings are the operators that read images between their pixels.
func samplings() []op.Spec {
	return []op.Spec{
		{Name: "AffineGrid", Since: 20, MinIn: 2, MaxIn: 2, Compile: op.Widen(affineGrid)},
		{Name: "GridSample", Since: 16, MinIn: 2, MaxIn: 2, Compile: op.Widen(gridSample)},
		{Name: "MaxRoiPool", Since: 1, MinIn: 2, MaxIn: 2, Compile: op.Widen(maxRoiPool)},
		{Name: "RoiAlign", Since: 10, MinIn: 3, MaxIn: 3, Compile: op.Widen(roiAlign)},
	}
}

// affineGrid makes the grid by which GridSample applies affine maps.
//
// See https://onnx.ai/onnx/operators/onnx__AffineGrid.html
func affineGrid(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32, tensor.FP64); err != nil {
		return nil, err
	}
	dims, err := n.IntsOf(1)
	if err != nil {
		return nil, err
	}
	rank := len(dims) - 2
	theta := n.In[0].Shape
	if rank != 2 && rank != 3 || len(theta) != 3 || theta[1] != rank || theta[2] != rank+1 || int64(theta[0]) != dims[0] {
		return nil, n.Errorf("a size %v and maps of shape %v, expected [N, C, H, W] and [N, 2, 3], or one dimension more", dims, theta)
	}
	space := sizes(dims[2:])
	corners := n.Flag("align_corners", false)
	shape := append(append([]int{theta[0]}, space...), rank)
	count, err := tensor.Count(space)
	if err != nil {
		return nil, n.Errorf("%v", err)
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		maps, err := in[0].Float64s()
		if err != nil {
			return err
		}
		r.For(theta[0]*count, leastPiece, func(lo, hi int) {
			point := make([]float64, rank+1)
			for i := lo; i < hi; i++ {
				point[rank] = 1
				for d, rest := rank-1, i%count; d >= 0; d-- {
					point[rank-1-d] = unit(rest%space[d], space[d], corners)
					rest /= space[d]
				}
				for k := range rank {
					row, sum := maps[(i/count*rank+k)*(rank+1):], 0.0
					for j, v := range point {
						sum += row[j] * v
					}
					if out[0].Type == tensor.FP64 {
						tensor.As[float64](out[0])[i*rank+k] = sum
					} else {
						tensor.As[float32](out[0])[i*rank+k] = float32(sum)
					}
				}
			}
		})
		return nil
	}, op.Out(n.In[0].Type, shape...))
}

// unit is where pixel i of a dimension is, between -1 and 1.
func unit(i, size int, corners bool) float64 {
	if !corners {
		return (2*float64(i)+1)/float64(size) - 1
	}
	if size == 1 {
		return -1
	}
	return 2*float64(i)/float64(size-1) - 1
}

// sampler reads images at the points of a grid.
type sampler struct {
	mode, padding string
	corners       bool
	in, out       []int // spatial
	batch, planes int
}

// gridSample reads images at points, between their pixels.
//
// See https://onnx.ai/onnx/operators/onnx__GridSample.html
func gridSample(n *op.Node) (*op.Plan, error) {
	x, g := n.In[0].Shape, n.In[1].Shape
	if len(x) < 3 || len(x) > 5 || len(g) != len(x) || g[0] != x[0] || g[len(g)-1] != len(x)-2 {
		return nil, n.Errorf("an image of shape %v and a grid of shape %v", x, g)
	}
	s := &sampler{padding: n.Str("padding_mode", "zeros"), corners: n.Flag("align_corners", false), in: x[2:], out: g[1 : len(g)-1], batch: x[0], planes: x[1]}
	switch mode := n.Str("mode", "linear"); mode {
	case "linear", "bilinear":
		s.mode = "linear"
	case "cubic", "bicubic":
		s.mode = "cubic"
	case "nearest":
		s.mode = mode
	default:
		return nil, n.Errorf("mode is %q, expected linear, nearest or cubic", mode)
	}
	if s.padding != "zeros" && s.padding != "border" && s.padding != "reflection" {
		return nil, n.Errorf("padding_mode is %q, expected zeros, border or reflection", s.padding)
	}
	if err := n.Want(1, tensor.FP32, tensor.FP64); err != nil {
		return nil, err
	}
	shape := append([]int{x[0], x[1]}, s.out...)
	if tensor.Size(shape) > 0 && tensor.Size(s.in) == 0 {
		return nil, n.Errorf("an image of shape %v has no pixels", x)
	}
	switch t := n.In[0].Type; t {
	case tensor.FP32:
		return op.Static(sampleRun[float32](s), op.Out(t, shape...))
	case tensor.FP64:
		return op.Static(sampleRun[float64](s), op.Out(t, shape...))
	default:
		return nil, n.Unsupportedf("GridSample of %s", t)
	}
}

func sampleRun[T float32 | float64](s *sampler) runFunc {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		if err := spare(r, 8*in[1].Len()); err != nil {
			return err
		}
		points, err := in[1].Float64s()
		if err != nil {
			return err
		}
		src, dst := tensor.As[T](in[0]), tensor.As[T](out[0])
		rank, pixels, count := len(s.in), tensor.Size(s.in), tensor.Size(s.out)
		r.For(s.batch*count, grainOf(16*s.planes), func(lo, hi int) {
			w := &neighbours{}
			for i := lo; i < hi; i++ {
				s.window(w, points[i*rank:][:rank])
				b, k := i/count, i%count
				for c := range s.planes {
					plane := b*s.planes + c
					dst[plane*count+k] = weighted(w, src[plane*pixels:][:pixels])
				}
			}
		})
		return nil
	}
}

// neighbours is pixels around a point, and their weights.
type neighbours struct {
	at, next           []int
	weights, nextAlong []float64
}

func weighted[T float32 | float64](w *neighbours, pixels []T) T {
	sum := 0.0
	for i, at := range w.at {
		sum += w.weights[i] * float64(pixels[at])
	}
	return T(sum)
}

// window finds the pixels that a point is made of; the grid has its last dimension first.
func (s *sampler) window(w *neighbours, point []float64) {
	w.at, w.weights = append(w.at[:0], 0), append(w.weights[:0], 1)
	rank := len(s.in)
	for d, size := range s.in {
		first, coefficients := s.along(point[rank-1-d], size)
		w.next, w.nextAlong = w.next[:0], w.nextAlong[:0]
		for i, at := range w.at {
			for k := range coefficients.n {
				x := s.inside(first+k, size)
				if x < 0 {
					continue
				}
				w.next = append(w.next, at*size+x)
				w.nextAlong = append(w.nextAlong, w.weights[i]*coefficients.v[k])
			}
		}
		w.at, w.next = w.next, w.at
		w.weights, w.nextAlong = w.nextAlong, w.weights
	}
}

// four are up to four weights.
type four struct {
	v [4]float64
	n int
}

// along is the first pixel along a dimension, and the weights from there on.
func (s *sampler) along(v float64, size int) (int, four) {
	x := ((v+1)*float64(size) - 1) / 2
	if s.corners {
		x = (v + 1) / 2 * float64(size-1)
	}
	x = float64(float32(x))
	if s.mode == "nearest" {
		x = math.RoundToEven(x)
	}
	low, high := s.border(size)
	if !(x >= low && x <= high) {
		switch {
		case x != x:
			x = -2
		case s.padding == "border":
			x = min(max(x, 0), float64(size-1))
		case s.padding == "reflection":
			x = reflect(x, low, high)
		default:
			x = min(max(x, -4), float64(size)+4)
		}
	}
	base := math.Floor(x)
	t := x - base
	switch s.mode {
	case "nearest":
		return int(base), four{[4]float64{1}, 1}
	case "linear":
		return int(base), four{[4]float64{1 - t, t}, 2}
	}
	const a = -0.75
	outer := func(x float64) float64 { return ((a*x-5*a)*x+8*a)*x - 4*a }
	near := func(x float64) float64 { return ((a+2)*x-(a+3))*x*x + 1 }
	return int(base) - 1, four{[4]float64{outer(t + 1), near(t), near(1 - t), outer(2 - t)}, 4}
}

func (s *sampler) border(size int) (low, high float64) {
	if s.corners {
		return 0, float64(size - 1)
	}
	return -0.5, float64(size) - 0.5
}

// reflect mirrors a coordinate at borders until it is between them.
func reflect(x, low, high float64) float64 {
	length := high - low
	if length <= 0 || math.IsInf(x, 0) {
		return low
	}
	away := low - x
	if x > high {
		away = x - high
	}
	away = math.Mod(away, 2*length)
	if away > length {
		away = 2*length - away
	}
	if x > high {
		return high - away
	}
	return low + away
}

// inside is the pixel that stands for one which may be outside, or -1 for none.
func (s *sampler) inside(i, size int) int {
	switch {
	case i >= 0 && i < size:
		return i
	case s.padding == "zeros":
		return -1
	case s.padding == "border":
		return min(max(i, 0), size-1)
	}
	low, high := s.border(size)
	return min(max(int(reflect(float64(i), low, high)), 0), size-1)
}

// roiShape checks an image, regions of so many numbers, and the size of the output.
func roiShape(n *op.Node, columns int, height, width int64) ([]int, error) {
	x, rois := n.In[0].Shape, n.In[1].Shape
	if len(x) != 4 || len(rois) != 2 || rois[1] != columns {
		return nil, n.Errorf("an image of shape %v and regions of shape %v, expected [N, C, H, W] and [regions, %d]", x, rois, columns)
	}
	if err := n.Want(0, tensor.FP32, tensor.FP64); err != nil {
		return nil, err
	}
	if err := n.SameType(0, 1); err != nil {
		return nil, err
	}
	if height < 1 || width < 1 || height > 1<<20 || width > 1<<20 {
		return nil, n.Errorf("an output of %d by %d is out of range", height, width)
	}
	shape := []int{rois[0], x[1], int(height), int(width)}
	if _, err := tensor.Bytes(tensor.FP64, shape); err != nil {
		return nil, n.Errorf("%v", err)
	}
	if tensor.Size(shape) > 0 && tensor.Size(x) == 0 {
		return nil, n.Errorf("an image of shape %v has no pixels", x)
	}
	return shape, nil
}

// maxRoiPool gives the greatest elements of the cells of regions.
//
// See https://onnx.ai/onnx/operators/onnx__MaxRoiPool.html
func maxRoiPool(n *op.Node) (*op.Plan, error) {
	pooled := n.Ints("pooled_shape")
	if len(pooled) != 2 {
		return nil, n.Errorf("pooled_shape is %v, expected two sizes", pooled)
	}
	shape, err := roiShape(n, 5, pooled[0], pooled[1])
	if err != nil {
		return nil, err
	}
	scale := float64(n.Float("spatial_scale", 1))
	x := n.In[0].Shape
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		src, rois, err := twoFloats(r, in[0], in[1])
		if err != nil {
			return err
		}
		for i := range shape[0] {
			if b := rois[5*i]; !(b >= 0 && b < float64(x[0])) {
				return n.Errorf("region %d is of image %v, of %d", i, b, x[0])
			}
		}
		made := make([]float64, out[0].Len())
		r.For(shape[0]*shape[1], 1, func(lo, hi int) {
			for i := lo; i < hi && !r.Stopped(); i++ {
				roi := rois[i/shape[1]*5:][:5]
				plane := int(roi[0])*x[1] + i%shape[1]
				poolRegion(made[i*shape[2]*shape[3]:], src[plane*x[2]*x[3]:], roi[1:], scale, shape, x)
			}
		})
		fromFloats(out[0], made)
		return r.Err()
	}, op.Out(n.In[0].Type, shape...))
}

// twoFloats are the elements of two tensors as float64.
func twoFloats(r *op.Run, a, b *tensor.Tensor) (x, y []float64, err error) {
	if err := spare(r, 8*(a.Len()+b.Len())); err != nil {
		return nil, nil, err
	}
	if x, err = a.Float64s(); err == nil {
		y, err = b.Float64s()
	}
	return x, y, err
}

func poolRegion(dst, src, roi []float64, scale float64, shape, x []int) {
	pixel := func(v float64) float64 {
		v = math.Round(v * scale)
		return min(max(v, -1<<30), 1<<30)
	}
	x0, y0, x1, y1 := pixel(roi[0]), pixel(roi[1]), pixel(roi[2]), pixel(roi[3])
	high, wide := max(y1-y0+1, 1)/float64(shape[2]), max(x1-x0+1, 1)/float64(shape[3])
	bound := func(v float64, size int) int {
		if v != v {
			return 0
		}
		return int(min(max(v, 0), float64(size)))
	}
	for p := range shape[2] {
		top, bottom := bound(math.Floor(float64(p)*high)+y0, x[2]), bound(math.Ceil(float64(p+1)*high)+y0, x[2])
		for q := range shape[3] {
			left, right := bound(math.Floor(float64(q)*wide)+x0, x[3]), bound(math.Ceil(float64(q+1)*wide)+x0, x[3])
			best := 0.0
			if bottom > top && right > left {
				best = math.Inf(-1)
			}
			for y := top; y < bottom; y++ {
				for _, v := range src[y*x[3]:][left:max(left, right)] {
					best = max(best, v)
				}
			}
			dst[p*shape[3]+q] = best
		}
	}
}

// aligned is how RoiAlign samples regions.
type aligned struct {
	scale      float64
	ratio      int
	half, most bool
	shape, x   []int
}

// roiAlign gives averages, or maxima, of points in the cells of regions.
//
// See https://onnx.ai/onnx/operators/onnx__RoiAlign.html
func roiAlign(n *op.Node) (*op.Plan, error) {
	shape, err := roiShape(n, 4, n.Int("output_height", 1), n.Int("output_width", 1))
	if err != nil {
		return nil, err
	}
	if err := wantIndices(n, 2); err != nil {
		return nil, err
	}
	if tensor.Size(n.In[2].Shape) != shape[0] {
		return nil, n.Errorf("there are %d batch indices for %d regions", tensor.Size(n.In[2].Shape), shape[0])
	}
	ratio := n.Int("sampling_ratio", 0)
	if ratio < 0 || ratio > 1<<12 {
		return nil, n.Errorf("sampling_ratio is %d, which is out of range", ratio)
	}
	a := &aligned{scale: float64(n.Float("spatial_scale", 1)), ratio: int(ratio), shape: shape, x: n.In[0].Shape}
	missing := "half_pixel"
	if n.Version < 16 {
		missing = "output_half_pixel"
	}
	switch way := n.Str("coordinate_transformation_mode", missing); way {
	case "half_pixel":
		a.half = true
	case "output_half_pixel":
	default:
		return nil, n.Errorf("coordinate_transformation_mode is %q, expected half_pixel or output_half_pixel", way)
	}
	switch mode := n.Str("mode", "avg"); mode {
	case "avg":
	case "max":
		a.most = true
	default:
		return nil, n.Errorf("mode is %q, expected avg or max", mode)
	}
	return op.Static(a.run, op.Out(n.In[0].Type, shape...))
}

func (a *aligned) run(r *op.Run, in, out []*tensor.Tensor) error {
	src, rois, err := twoFloats(r, in[0], in[1])
	if err != nil {
		return err
	}
	index, err := indicesOf(r, in[2])
	if err != nil {
		return err
	}
	for _, k := range index {
		if k < 0 || k >= int64(a.x[0]) {
			return (&op.Node{}).Errorf("a region is of image %d, of %d", k, a.x[0])
		}
	}
	made := make([]float64, out[0].Len())
	cells := a.shape[2] * a.shape[3]
	pixels := a.x[2] * a.x[3]
	var fail failure
	r.For(a.shape[0], 1, func(lo, hi int) {
		for i := lo; i < hi && !r.Stopped(); i++ {
			if err := a.region(r, rois[4*i:][:4], func(cell int, w *neighbours) {
				for c := range a.x[1] {
					plane := src[(int(index[i])*a.x[1]+c)*pixels:][:pixels]
					made[(i*a.x[1]+c)*cells+cell] = a.value(w, plane)
				}
			}); err != nil {
				fail.set(err)
			}
		}
	})
	if fail.failed() {
		return fail.err()
	}
	fromFloats(out[0], made)
	return r.Err()
}

// value is what the points of a cell make, four pixels each.
func (a *aligned) value(w *neighbours, plane []float64) float64 {
	if len(w.at) == 0 {
		return 0
	}
	if !a.most {
		return weighted(w, plane) / float64(len(w.at)/4)
	}
	best := math.Inf(-1)
	for i, at := range w.at {
		best = max(best, w.weights[i]*plane[at])
	}
	return best
}

// region calls do for each cell, with the pixels that its points are made of.
func (a *aligned) region(r *op.Run, roi []float64, do func(cell int, w *neighbours)) error {
	offset := 0.0
	if a.half {
		offset = 0.5
	}
	x0, y0 := roi[0]*a.scale-offset, roi[1]*a.scale-offset
	width, height := roi[2]*a.scale-offset-x0, roi[3]*a.scale-offset-y0
	if !a.half {
		width, height = max(width, 1), max(height, 1)
	}
	high, wide := height/float64(a.shape[2]), width/float64(a.shape[3])
	down, across := a.points(high), a.points(wide)
	if down < 0 || across < 0 || down*across > 1<<22 {
		return (&op.Node{}).Errorf("a region %v is out of range", roi)
	}
	w := &neighbours{}
	for cell := range a.shape[2] * a.shape[3] {
		if r.Stopped() {
			return op.ErrStopped
		}
		w.at, w.weights = w.at[:0], w.weights[:0]
		for i := range down {
			y := y0 + float64(cell/a.shape[3])*high + (float64(i)+0.5)*high/float64(down)
			for j := range across {
				a.point(w, y, x0+float64(cell%a.shape[3])*wide+(float64(j)+0.5)*wide/float64(across))
			}
		}
		do(cell, w)
	}
	return nil
}

// points is how many points a cell has along one side, -1 when they are too many.
func (a *aligned) points(length float64) int {
	if a.ratio > 0 {
		return a.ratio
	}
	n := math.Ceil(length)
	if !(n < 1<<20) {
		return -1
	}
	return int(max(n, 0))
}

// point adds the four pixels around a point; one far outside adds none of weight.
func (a *aligned) point(w *neighbours, y, x float64) {
	rows, cols := a.x[2], a.x[3]
	if !(y >= -1 && y <= float64(rows) && x >= -1 && x <= float64(cols)) {
		w.at, w.weights = append(w.at, 0, 0, 0, 0), append(w.weights, 0, 0, 0, 0)
		return
	}
	side := func(v float64, size int) (low, high int, t float64) {
		v = max(v, 0)
		if low = int(v); low >= size-1 {
			return size - 1, size - 1, 0
		}
		return low, low + 1, v - float64(low)
	}
	y0, y1, ty := side(y, rows)
	x0, x1, tx := side(x, cols)
	w.at = append(w.at, y0*cols+x0, y0*cols+x1, y1*cols+x0, y1*cols+x1)
	w.weights = append(w.weights, (1-ty)*(1-tx), (1-ty)*tx, ty*(1-tx), ty*tx)
}
