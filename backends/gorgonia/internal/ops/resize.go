package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// resizes are the operators that give a tensor another size by interpolation.
func resizes() []op.Spec {
	return []op.Spec{
		{Name: "Upsample", Since: 1, MinIn: 1, MaxIn: 1, Compile: op.Widen(upsample1)},
		{Name: "Upsample", Since: 7, MinIn: 1, MaxIn: 1, Compile: op.Widen(upsample7)},
		{Name: "Upsample", Since: 9, MinIn: 2, MaxIn: 2, Compile: late(op.Widen(resize10), 1)},
		{Name: "Resize", Since: 10, MinIn: 2, MaxIn: 2, Compile: late(op.Widen(resize10), 1)},
		{Name: "Resize", Since: 11, MinIn: 1, MaxIn: 4, Compile: late(op.Widen(resize), 1, 2, 3)},
	}
}

// resizing is how a tensor is resized.
//
// See https://onnx.ai/onnx/operators/onnx__Resize.html
type resizing struct {
	in, out    []int
	scale      []float64
	start, end []float64 // the region of interest, as parts of a dimension

	mode, coordinates, nearest string
	cubicA, extrapolation      float64
	excludeOutside, antialias  bool
}

func newResizing(n *op.Node) *resizing {
	in := n.In[0].Shape
	return &resizing{
		in: in, out: slices.Clone(in), scale: slices.Repeat([]float64{1}, len(in)),
		start: make([]float64, len(in)), end: slices.Repeat([]float64{1}, len(in)),
		mode: n.Str("mode", "nearest"), coordinates: "asymmetric", nearest: "floor",
	}
}

func upsample1(n *op.Node) (*op.Plan, error) {
	if n.Rank(0) != 4 {
		return nil, n.Errorf("the input has %d dimensions, expected 4", n.Rank(0))
	}
	return upsampled(n, []float64{1, 1, float64(n.Float("height_scale", 1)), float64(n.Float("width_scale", 1))})
}

func upsample7(n *op.Node) (*op.Plan, error) {
	var scales []float64
	for _, v := range n.Floats("scales") {
		scales = append(scales, float64(v))
	}
	return upsampled(n, scales)
}

func resize10(n *op.Node) (*op.Plan, error) {
	scales, err := numbersAt(n, 1)
	if err != nil {
		return nil, err
	}
	return upsampled(n, scales)
}

// numbersAt is the value of input i, a tensor of numbers.
func numbersAt(n *op.Node, i int) ([]float64, error) {
	t, err := n.Value(i)
	if err != nil {
		return nil, err
	}
	v, err := t.Float64s()
	if err != nil {
		return nil, n.Errorf("input %d is %v", i, err)
	}
	return v, nil
}

// upsampled resizes as before version 11: the first elements of both sizes meet, and a
// nearest element is that before, or behind where the size gets smaller.
func upsampled(n *op.Node, scales []float64) (*op.Plan, error) {
	p := newResizing(n)
	switch p.mode {
	case "bilinear", "trilinear":
		p.mode = "linear"
	case "nearest":
		p.nearest = "simple"
	}
	if err := p.byScales(n, scales, allAxes(len(p.in))); err != nil {
		return nil, err
	}
	return p.plan(n)
}

func allAxes(rank int) []int {
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	return axes
}

func resize(n *op.Node) (*op.Plan, error) {
	p := newResizing(n)
	p.coordinates = n.Str("coordinate_transformation_mode", "half_pixel")
	if p.coordinates == "tf_half_pixel_for_nn" && n.Version < 13 {
		p.coordinates = "half_pixel_for_nn"
	}
	p.nearest = n.Str("nearest_mode", "round_prefer_floor")
	p.cubicA, p.extrapolation = float64(n.Float("cubic_coeff_a", -0.75)), float64(n.Float("extrapolation_value", 0))
	p.excludeOutside, p.antialias = n.Flag("exclude_outside", false), n.Flag("antialias", false)
	axes := allAxes(len(p.in))
	if given := n.Ints("axes"); n.Attr("axes") {
		var err error
		if axes, err = n.Axes(given, len(p.in)); err != nil {
			return nil, err
		}
	}
	if p.coordinates == "tf_crop_and_resize" {
		if err := p.region(n, axes); err != nil {
			return nil, err
		}
	}
	if err := p.target(n, axes); err != nil {
		return nil, err
	}
	return p.plan(n)
}

// region reads the region of interest: all starts, then all ends.
func (p *resizing) region(n *op.Node, axes []int) error {
	roi, err := numbersAt(n, 1)
	if err != nil {
		return err
	}
	if len(roi) != 2*len(axes) {
		return n.Errorf("roi has %d elements, expected two for each of %d axes", len(roi), len(axes))
	}
	for i, axis := range axes {
		p.start[axis], p.end[axis] = roi[i], roi[i+len(axes)]
	}
	return nil
}

// target finds the size from scales or sizes, of which one is given.
func (p *resizing) target(n *op.Node, axes []int) error {
	if n.Has(2) && tensor.Size(n.In[2].Shape) > 0 {
		scales, err := numbersAt(n, 2)
		if err != nil {
			return err
		}
		return p.byScales(n, scales, axes)
	}
	if !n.Has(3) {
		return n.Errorf("there are neither scales nor sizes")
	}
	sizes, err := n.IntsOf(3)
	if err != nil {
		return err
	}
	if len(sizes) != len(axes) {
		return n.Errorf("there are %d sizes for %d axes", len(sizes), len(axes))
	}
	return p.bySizes(n, sizes, axes)
}

func (p *resizing) byScales(n *op.Node, scales []float64, axes []int) error {
	if len(scales) != len(axes) {
		return n.Errorf("there are %d scales for %d axes", len(scales), len(axes))
	}
	for i, axis := range axes {
		size := math.Floor(float64(p.in[axis]) * scales[i])
		if !(scales[i] > 0) || !(size <= tensor.MaxBytes) {
			return n.Errorf("a scale of %v is out of range", scales[i])
		}
		p.scale[axis], p.out[axis] = scales[i], int(size)
	}
	return nil
}

func (p *resizing) bySizes(n *op.Node, sizes []int64, axes []int) error {
	for i, axis := range axes {
		if sizes[i] < 0 || sizes[i] > tensor.MaxBytes || p.in[axis] == 0 && sizes[i] > 0 {
			return n.Errorf("a size of %d for a dimension of %d", sizes[i], p.in[axis])
		}
		p.out[axis] = int(sizes[i])
		if p.in[axis] > 0 {
			p.scale[axis] = float64(sizes[i]) / float64(p.in[axis])
		}
	}
	policy := n.Str("keep_aspect_ratio_policy", "stretch")
	if policy == "stretch" || len(axes) == 0 {
		return nil
	}
	scale := p.scale[axes[0]]
	for _, axis := range axes {
		switch policy {
		case "not_larger":
			scale = min(scale, p.scale[axis])
		case "not_smaller":
			scale = max(scale, p.scale[axis])
		default:
			return n.Errorf("keep_aspect_ratio_policy is %q, expected stretch, not_larger or not_smaller", policy)
		}
	}
	for _, axis := range axes {
		size := math.Floor(scale*float64(p.in[axis]) + 0.5)
		if size > tensor.MaxBytes {
			return n.Errorf("a size of %v is out of range", size)
		}
		p.scale[axis], p.out[axis] = scale, int(size)
	}
	return nil
}

// plan is how the tensor is resized in the type it has.
func (p *resizing) plan(n *op.Node) (*op.Plan, error) {
	t := n.In[0].Type
	if _, err := tensor.Bytes(t, p.out); err != nil {
		return nil, err
	}
	for i, d := range p.in {
		if d == 0 && p.out[i] > 0 {
			return nil, n.Errorf("dimension %d is empty and cannot become %d", i, p.out[i])
		}
	}
	if err := p.check(n); err != nil {
		return nil, err
	}
	if p.identity() {
		return op.View(0, op.Out(t, p.out...))
	}
	if p.mode == "nearest" {
		return p.nearestPlan(n)
	}
	switch t {
	case tensor.FP32:
		return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
			return interpolate(r, p, tensor.As[float32](out[0]), tensor.As[float32](in[0]))
		}, op.Out(t, p.out...))
	case tensor.FP64:
		return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
			return interpolate(r, p, tensor.As[float64](out[0]), tensor.As[float64](in[0]))
		}, op.Out(t, p.out...))
	case tensor.I8, tensor.I16, tensor.I32, tensor.I64, tensor.U8, tensor.U16, tensor.U32, tensor.U64:
		return op.Static(p.integers, op.Out(t, p.out...))
	}
	return nil, n.Unsupportedf("%s interpolation of %s", p.mode, t)
}

func (p *resizing) check(n *op.Node) error {
	if !slices.Contains([]string{"nearest", "linear", "cubic"}, p.mode) {
		return n.Errorf("mode is %q, expected nearest, linear or cubic", p.mode)
	}
	known := []string{"align_corners", "asymmetric", "half_pixel", "half_pixel_for_nn", "half_pixel_symmetric", "pytorch_half_pixel", "tf_crop_and_resize"}
	if !slices.Contains(known, p.coordinates) {
		return n.Errorf("coordinate_transformation_mode is %q, expected one of %v", p.coordinates, known)
	}
	if ways := []string{"simple", "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}; !slices.Contains(ways, p.nearest) {
		return n.Errorf("nearest_mode is %q, expected one of %v", p.nearest, ways[1:])
	}
	return nil
}

// identity says whether the output is the input.
func (p *resizing) identity() bool {
	for i := range p.in {
		if !p.same(i) {
			return false
		}
	}
	return true
}

// same says whether nothing happens along an axis.
func (p *resizing) same(axis int) bool {
	return p.in[axis] == p.out[axis] && p.scale[axis] == 1 && p.start[axis] == 0 && p.end[axis] == 1
}

// source is where in the input, along an axis, element i of the output is.
func (p *resizing) source(axis, i int) float64 {
	size, x, scale := float64(p.in[axis]), float64(i), p.scale[axis]
	length := scale * size
	switch p.coordinates {
	case "align_corners":
		if length == 1 {
			return 0
		}
		return x * (size - 1) / (length - 1)
	case "asymmetric":
		return x / scale
	case "half_pixel_for_nn":
		return (x + 0.5) / scale
	case "pytorch_half_pixel":
		if p.out[axis] <= 1 {
			return 0
		}
	case "half_pixel_symmetric":
		return size/2*(1-float64(p.out[axis])/length) + (x+0.5)/scale - 0.5
	case "tf_crop_and_resize":
		if p.out[axis] <= 1 {
			return (p.start[axis] + p.end[axis]) * (size - 1) / 2
		}
		return x*(p.end[axis]-p.start[axis])*(size-1)/(length-1) + p.start[axis]*(size-1)
	}
	return (x+0.5)/scale - 0.5
}

// nearby is source, kept near enough to the input that arithmetic on it is safe.
func (p *resizing) nearby(axis, i int) float64 {
	x, size := p.source(axis, i), float64(p.in[axis])
	if x != x {
		return 0
	}
	return min(max(x, -size-8), 2*size+8)
}

// outside says that the output has the extrapolation value at index i along an axis.
func (p *resizing) outside(axis, i int) bool {
	if p.coordinates != "tf_crop_and_resize" || p.same(axis) {
		return false
	}
	x := p.source(axis, i)
	return !(x >= 0 && x <= float64(p.in[axis]-1))
}

// nearestIndex is the element of the input nearest to element i of the output.
func (p *resizing) nearestIndex(axis, i int) int {
	x := p.nearby(axis, i)
	switch p.nearest {
	case "simple":
		if p.scale[axis] < 1 {
			x = math.Ceil(x)
		}
	case "ceil":
		x = math.Ceil(x)
	case "round_prefer_floor":
		x = math.Ceil(x - 0.5)
	case "round_prefer_ceil":
		x = math.Floor(x + 0.5)
	}
	return min(max(int(math.Floor(x)), 0), p.in[axis]-1)
}

// nearestPlan takes elements as they are, of any type.
func (p *resizing) nearestPlan(n *op.Node) (*op.Plan, error) {
	t := n.In[0].Type
	run := pickItem(t, lookupItems[uint8], lookupItems[uint16], lookupItems[uint32], lookupItems[uint64], lookupItems[complex128], lookupItems[string])(p.nearestIndex)
	if p.coordinates != "tf_crop_and_resize" {
		return op.Static(run, op.Out(t, p.out...))
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		if err := run(r, in, out); err != nil {
			return err
		}
		switch t {
		case tensor.FP32:
			return extrapolate(r, p, tensor.As[float32](out[0]), float32(p.extrapolation))
		case tensor.FP64:
			return extrapolate(r, p, tensor.As[float64](out[0]), p.extrapolation)
		}
		value := tensor.New(t)
		put := pickItem(t, extrapolateItems[uint8], extrapolateItems[uint16], extrapolateItems[uint32], extrapolateItems[uint64], extrapolateItems[complex128], extrapolateItems[string])
		if t != tensor.String && t != tensor.Bool && t != tensor.C64 && t != tensor.C128 {
			fromFloats(value, []float64{p.extrapolation})
		}
		return put(r, p, out[0], value)
	}, op.Out(t, p.out...))
}

func extrapolateItems[T item](r *op.Run, p *resizing, out, value *tensor.Tensor) error {
	return extrapolate(r, p, items[T](out), items[T](value)[0])
}

// extrapolate writes a value where the output is outside of the input.
func extrapolate[T any](r *op.Run, p *resizing, dst []T, value T) error {
	if len(dst) == 0 {
		return nil
	}
	tables, err := axisTables(r, p.out, func(axis, i int) int {
		if p.outside(axis, i) {
			return 1
		}
		return 0
	})
	if err != nil {
		return err
	}
	step := strides(p.out)
	r.For(len(dst), leastPiece, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			for axis, table := range tables {
				if table[i/step[axis]%p.out[axis]] != 0 {
					dst[i] = value
					break
				}
			}
		}
	})
	return nil
}

// taps is, for each element of an output along an axis, a window of elements of the input
// and their weights.
type taps struct {
	width   int
	first   []int
	weights []float64
}

// taps finds the windows along an axis.
func (p *resizing) taps(r *op.Run, axis int) (*taps, error) {
	scale := 1.0
	if p.antialias {
		scale = min(p.scale[axis], 1)
	}
	reach := 1.0
	if p.mode == "cubic" {
		reach = 2
	}
	begin := int(math.Floor(-reach/scale)) + 1
	count := 2 - 2*begin
	t := &taps{width: min(count, p.in[axis])}
	if err := spare(r, p.out[axis]*(t.width+1)*8+count*8); err != nil {
		return nil, err
	}
	t.first, t.weights = make([]int, p.out[axis]), make([]float64, p.out[axis]*t.width)
	w := make([]float64, count)
	for i := range t.first {
		x := p.nearby(axis, i)
		base := math.Ceil(x) - 1 // the element before, though x is an element
		p.weigh(w, begin, x-base, scale)
		at := int(base) + begin
		if p.excludeOutside {
			exclude(w, at, p.in[axis])
		}
		first := min(max(at, 0), p.in[axis]-t.width)
		t.first[i] = first
		for k, v := range w {
			t.weights[i*t.width+min(max(at+k, 0), p.in[axis]-1)-first] += v
		}
		if i&1023 == 0 && r.Stopped() {
			return nil, op.ErrStopped
		}
	}
	return t, nil
}

// weigh sets the weights of elements from begin on, around a point that is ratio behind
// element 0. They add up to 1.
func (p *resizing) weigh(w []float64, begin int, ratio, scale float64) {
	sum := 0.0
	for k := range w {
		x := math.Abs(float64(begin+k)-ratio) * scale
		switch {
		case p.mode == "linear":
			w[k] = max(1-x, 0)
		case x <= 1:
			w[k] = ((p.cubicA+2)*x-(p.cubicA+3))*x*x + 1
		case x < 2:
			w[k] = ((p.cubicA*x-5*p.cubicA)*x+8*p.cubicA)*x - 4*p.cubicA
		default:
			w[k] = 0
		}
		sum += w[k]
	}
	normalise(w, sum)
}

func normalise(w []float64, sum float64) {
	if sum == 0 {
		return
	}
	for k := range w {
		w[k] /= sum
	}
}

// exclude gives elements outside of the input no weight.
func exclude(w []float64, at, size int) {
	sum := 0.0
	for k := range w {
		if at+k < 0 || at+k >= size {
			w[k] = 0
		}
		sum += w[k]
	}
	normalise(w, sum)
}

// order is the axes to interpolate along, those first that leave the fewest elements.
func (p *resizing) order() []int {
	var axes []int
	for i := len(p.in) - 1; i >= 0; i-- {
		if !p.same(i) {
			axes = append(axes, i)
		}
	}
	slices.SortStableFunc(axes, func(a, b int) int {
		switch x, y := float64(p.out[a])/float64(p.in[a]), float64(p.out[b])/float64(p.in[b]); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return axes
}

// interpolate resizes along one axis after the other.
func interpolate[T float32 | float64](r *op.Run, p *resizing, dst, src []T) error {
	if len(dst) == 0 {
		return nil
	}
	shape, axes := slices.Clone(p.in), p.order()
	for i, axis := range axes {
		t, err := p.taps(r, axis)
		if err != nil {
			return err
		}
		outer, _, inner := splitAt(shape, axis)
		to := dst
		if i < len(axes)-1 {
			if to, err = scratchOf[T](r, outer*p.out[axis]*inner); err != nil {
				return err
			}
		}
		along(r, t, to, src, outer, p.in[axis], p.out[axis], inner)
		shape[axis], src = p.out[axis], to
	}
	if p.coordinates == "tf_crop_and_resize" {
		return extrapolate(r, p, dst, T(p.extrapolation))
	}
	return r.Err()
}

// scratchOf is scratch of n numbers, which the limit has room for.
func scratchOf[T float32 | float64](r *op.Run, n int) ([]T, error) {
	if err := spare(r, 8*n); err != nil {
		return nil, err
	}
	var s []T
	switch p := any(&s).(type) {
	case *[]float32:
		*p = r.Floats(n)
	case *[]float64:
		*p = tensor.View[float64](r.Scratch(8 * n))
	}
	return s, nil
}

// along interpolates along the middle one of three dimensions.
func along[T float32 | float64](r *op.Run, t *taps, dst, src []T, outer, in, out, inner int) {
	if inner == 1 {
		weights := make([]T, len(t.weights))
		for i, w := range t.weights {
			weights[i] = T(w)
		}
		r.For(outer, grainOf(out*t.width), func(lo, hi int) {
			for row := lo; row < hi; row++ {
				gatherTaps(dst[row*out:][:out], src[row*in:][:in], t.first, weights, t.width)
			}
		})
		return
	}
	r.For(outer*out, grainOf(inner*t.width), func(lo, hi int) {
		for row := lo; row < hi; row++ {
			i := row % out
			from := src[(row/out*in+t.first[i])*inner:]
			mixRows(dst[row*inner:][:inner], from, t.weights[i*t.width:][:t.width], inner)
		}
	})
}

// gatherTaps sums a window of src for each element of dst.
func gatherTaps[T float32 | float64](dst, src []T, first []int, weights []T, width int) {
	if width == 2 {
		for i, at := range first {
			w := weights[2*i : 2*i+2]
			s := src[at : at+2]
			dst[i] = s[0]*w[0] + s[1]*w[1]
		}
		return
	}
	for i, at := range first {
		var sum T
		s := src[at : at+width]
		for k, w := range weights[i*width:][:width] {
			sum += w * s[k]
		}
		dst[i] = sum
	}
}

// mixRows sums rows of n elements by their weights.
func mixRows[T float32 | float64](dst, src []T, weights []float64, n int) {
	if d, ok := any(dst).([]float32); ok {
		s := any(src).([]float32)
		vec.MulScalar(d, s[:n], float32(weights[0]))
		for k, w := range weights[1:] {
			if w != 0 {
				vec.ScaleAdd(d, float32(w), s[(k+1)*n:][:n], d)
			}
		}
		return
	}
	clear(dst)
	for k, w := range weights {
		if w == 0 {
			continue
		}
		for i, v := range src[k*n:][:n] {
			dst[i] += T(w) * v
		}
	}
}

// integers interpolates in float64, and drops what is behind the point.
func (p *resizing) integers(r *op.Run, in, out []*tensor.Tensor) error {
	if err := spare(r, 8*in[0].Len()); err != nil {
		return err
	}
	src, err := in[0].Float64s()
	if err != nil {
		return err
	}
	dst, err := scratchOf[float64](r, out[0].Len())
	if err != nil {
		return err
	}
	if err := interpolate(r, p, dst, src); err != nil {
		return err
	}
	fromFloats(out[0], dst)
	return nil
}

// fromFloats writes numbers to a tensor of a type of numbers: integers lose what is
// behind the point, and stay in their range.
func fromFloats(t *tensor.Tensor, src []float64) {
	switch t.Type {
	case tensor.FP32:
		convertFloats(tensor.As[float32](t), src)
	case tensor.FP64:
		copy(tensor.As[float64](t), src)
	case tensor.FP16, tensor.BF16:
		wide := make([]float32, len(src))
		convertFloats(wide, src)
		op.NarrowTo(t, wide)
	case tensor.I8:
		clampFloats(tensor.As[int8](t), src, math.MinInt8, math.MaxInt8)
	case tensor.I16:
		clampFloats(tensor.As[int16](t), src, math.MinInt16, math.MaxInt16)
	case tensor.I32:
		clampFloats(tensor.As[int32](t), src, math.MinInt32, math.MaxInt32)
	case tensor.I64:
		clampFloats(tensor.As[int64](t), src, math.MinInt64, math.MaxInt64-1023)
	case tensor.U8:
		clampFloats(tensor.As[uint8](t), src, 0, math.MaxUint8)
	case tensor.U16:
		clampFloats(tensor.As[uint16](t), src, 0, math.MaxUint16)
	case tensor.U32:
		clampFloats(tensor.As[uint32](t), src, 0, math.MaxUint32)
	case tensor.U64:
		clampFloats(tensor.As[uint64](t), src, 0, math.MaxUint64-2047)
	}
}

func convertFloats[T float32 | float64](dst []T, src []float64) {
	for i, v := range src {
		dst[i] = T(v)
	}
}

func clampFloats[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](dst []T, src []float64, low, high float64) {
	for i, v := range src {
		if v != v {
			v = 0
		}
		dst[i] = T(min(max(v, low), high))
	}
}
