package ops

import (
	"math"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// microsoftOthers are the operators of com.microsoft that have no likes in ai.onnx.
func microsoftOthers() []op.Spec {
	specs := []op.Spec{
		{Name: "CDist", MinIn: 2, MaxIn: 2, Compile: distances},
		{Name: "CropAndResize", MinIn: 4, MaxIn: 4, Compile: cropAndResize},
		{Name: "Inverse", MinIn: 1, MaxIn: 1, Compile: op.Widen(inverse)},
		{Name: "NGramRepeatBlock", MinIn: 2, MaxIn: 2, Compile: nGramRepeatBlock},
		{Name: "Tokenizer", MinIn: 1, MaxIn: 1, Compile: tokenizer},
		{Name: "UnfoldTensor", MinIn: 1, MaxIn: 1, Compile: unfold},
	}
	for i := range specs {
		specs[i].Domain, specs[i].Since = microsoft, 1
	}
	return specs
}

// distances are those between each two rows of two matrices.
func distances(n *op.Node) (*op.Plan, error) {
	if err := n.SameType(0, 1); err != nil {
		return nil, err
	}
	a, b := n.In[0].Shape, n.In[1].Shape
	if len(a) != 2 || len(b) != 2 || a[1] != b[1] {
		return nil, n.Errorf("shapes %v and %v, expected two matrices with rows as long", a, b)
	}
	metric := n.Str("metric", "sqeuclidean")
	if metric != "sqeuclidean" && metric != "euclidean" {
		return nil, n.Unsupportedf("metric is %q, expected sqeuclidean or euclidean", metric)
	}
	root := metric == "euclidean"
	return byFloat(n,
		func() (*op.Plan, error) {
			return eachTwoRows(n, root, func(scratch, x, y []float32) float32 {
				vec.Sub(scratch, x, y)
				return vec.SumSquares(scratch)
			})
		},
		func() (*op.Plan, error) {
			return eachTwoRows(n, root, func(_, x, y []float64) float64 {
				sum := 0.0
				for i, v := range x {
					sum += (v - y[i]) * (v - y[i])
				}
				return sum
			})
		})
}

func eachTwoRows[T float](n *op.Node, root bool, f func(scratch, x, y []T) T) (*op.Plan, error) {
	rows, others, width := n.In[0].Shape[0], n.In[1].Shape[0], n.In[0].Shape[1]
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		x, y, dst := tensor.As[T](in[0]), tensor.As[T](in[1]), tensor.As[T](out[0])
		r.For(rows, grainOf(others*(width+1)), func(lo, hi int) {
			scratch := make([]T, width)
			for i := lo; i < hi && !r.Stopped(); i++ {
				for k := range others {
					d := f(scratch, x[i*width:][:width], y[k*width:][:width])
					if root {
						d = T(math.Sqrt(float64(d)))
					}
					dst[i*others+k] = d
				}
			}
		})
		return r.Err()
	}, op.Out(n.In[0].Type, rows, others))
}

// inverse are the inverses of square matrices.
func inverse(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32, tensor.FP64); err != nil {
		return nil, err
	}
	shape := n.In[0].Shape
	if len(shape) < 2 || shape[len(shape)-1] != shape[len(shape)-2] {
		return nil, n.Errorf("the input has the shape %v, expected square matrices", shape)
	}
	size := shape[len(shape)-1]
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		if err := spare(r, 16*in[0].Len()); err != nil {
			return err
		}
		v, err := in[0].Float64s()
		if err != nil {
			return err
		}
		made := make([]float64, len(v))
		var failed failure
		r.For(tensor.Size(shape[:len(shape)-2]), grainOf(size*size*size), func(lo, hi int) {
			for i := lo; i < hi && !failed.failed(); i++ {
				if !invert(r, made[i*size*size:][:size*size], v[i*size*size:][:size*size], size) {
					failed.set(&op.Invalid{Reason: "a matrix has no inverse"})
				}
			}
		})
		fromFloats(out[0], made)
		if err := r.Err(); err != nil {
			return err
		}
		return failed.err()
	}, op.Out(n.In[0].Type, shape...))
}

// invert writes the inverse of m, which it changes, by Gauss and Jordan's elimination with
// the largest pivot. It is false where there is none.
func invert(r *op.Run, dst, m []float64, n int) bool {
	clear(dst)
	for i := range n {
		dst[i*n+i] = 1
	}
	for k := range n {
		if r.Stopped() {
			return true
		}
		p := k
		for i := k + 1; i < n; i++ {
			if math.Abs(m[i*n+k]) > math.Abs(m[p*n+k]) {
				p = i
			}
		}
		pivot := m[p*n+k]
		if pivot == 0 {
			return false
		}
		for j := range n {
			m[p*n+j], m[k*n+j] = m[k*n+j], m[p*n+j]/pivot
			dst[p*n+j], dst[k*n+j] = dst[k*n+j], dst[p*n+j]/pivot
		}
		for i := range n {
			f := m[i*n+k]
			if i == k || f == 0 {
				continue
			}
			for j := range n {
				m[i*n+j] -= f * m[k*n+j]
				dst[i*n+j] -= f * dst[k*n+j]
			}
		}
	}
	return true
}

// cropped is a compiled CropAndResize.
type cropped struct {
	x             []int // of the images
	height, width int
	outside       float32
	nearest       bool
}

// cropAndResize takes regions of images in one size. Their corners are parts of the
// distance between the first and the last pixel.
func cropAndResize(n *op.Node) (*op.Plan, error) {
	if err := wantSingles(n, 0, 1); err != nil {
		return nil, err
	}
	for _, i := range []int{2, 3} {
		if err := n.Want(i, tensor.I32); err != nil {
			return nil, err
		}
	}
	size, err := n.IntsOf(3)
	if err != nil {
		return nil, err
	}
	x, rois := n.In[0].Shape, n.In[1].Shape
	if len(x) != 4 || len(rois) != 2 || rois[1] != 4 || tensor.Size(n.In[2].Shape) != rois[0] || len(size) != 2 || size[0] < 1 || size[1] < 1 || x[2] < 1 || x[3] < 1 {
		return nil, n.Errorf("images of shape %v, regions of %v with %v of images, in size %v", x, rois, n.In[2].Shape, size)
	}
	c := &cropped{x: x, height: int(size[0]), width: int(size[1]), outside: n.Float("extrapolation_value", 0)}
	switch mode := n.Str("mode", "bilinear"); mode {
	case "bilinear":
	case "nearest":
		c.nearest = true
	default:
		return nil, n.Errorf("mode is %q, expected bilinear or nearest", mode)
	}
	return op.Static(c.run, op.Out(tensor.FP32, rois[0], x[1], c.height, c.width))
}

func (c *cropped) run(r *op.Run, in, out []*tensor.Tensor) error {
	src, rois, image, dst := tensor.As[float32](in[0]), tensor.As[float32](in[1]), tensor.As[int32](in[2]), tensor.As[float32](out[0])
	for _, i := range image {
		if i < 0 || int(i) >= c.x[0] {
			return (&op.Node{}).Errorf("a region is of image %d, of %d", i, c.x[0])
		}
	}
	plane, cells := c.x[2]*c.x[3], c.height*c.width
	r.For(len(image)*c.x[1], grainOf(cells), func(lo, hi int) {
		for i := lo; i < hi && !r.Stopped(); i++ {
			region, channel := i/c.x[1], i%c.x[1]
			c.crop(dst[i*cells:][:cells], src[(int(image[region])*c.x[1]+channel)*plane:][:plane], rois[region*4:][:4])
		}
	})
	return r.Err()
}

// cellAt is where cell i of count is on size pixels.
func cellAt(low, high float32, i, count, size int) float32 {
	if count == 1 {
		return 0.5 * (low + high) * float32(size-1)
	}
	return low*float32(size-1) + float32(i)*(high-low)*float32(size-1)/float32(count-1)
}

func (c *cropped) crop(dst, src, roi []float32) {
	for i := range dst {
		y := cellAt(roi[0], roi[2], i/c.width, c.height, c.x[2])
		x := cellAt(roi[1], roi[3], i%c.width, c.width, c.x[3])
		if !(y >= 0 && y <= float32(c.x[2]-1) && x >= 0 && x <= float32(c.x[3]-1)) {
			dst[i] = c.outside
			continue
		}
		at := func(y, x float64) float32 { return src[int(y)*c.x[3]+int(x)] }
		if c.nearest {
			dst[i] = at(math.Round(float64(y)), math.Round(float64(x)))
			continue
		}
		top, left := math.Floor(float64(y)), math.Floor(float64(x))
		bottom, right := math.Ceil(float64(y)), math.Ceil(float64(x))
		down, along := y-float32(top), x-float32(left)
		above := at(top, left) + (at(top, right)-at(top, left))*along
		below := at(bottom, left) + (at(bottom, right)-at(bottom, left))*along
		dst[i] = above + (below-above)*down
	}
}

// nGramRepeatBlock makes impossible the words that would repeat a run of words.
func nGramRepeatBlock(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.I64); err != nil {
		return nil, err
	}
	if err := n.Want(1, tensor.FP32); err != nil {
		return nil, err
	}
	ids, scores, size := n.In[0].Shape, n.In[1].Shape, n.Int("ngram_size", 0)
	if len(ids) != 2 || len(scores) != 2 || ids[0] != scores[0] || size < 1 {
		return nil, n.Errorf("words of shape %v, scores of %v, and runs of %d", ids, scores, size)
	}
	length, words := ids[1], scores[1]
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		dst := tensor.As[float32](out[0])
		copy(dst, tensor.As[float32](in[1]))
		if size > int64(length) {
			return nil
		}
		run := int(size) - 1
		for b := range ids[0] {
			if r.Stopped() {
				break
			}
			line := tensor.As[int64](in[0])[b*length:][:length]
			end := line[length-run:]
			for i := 0; i+run < length; i++ {
				if !slices.Equal(line[i:i+run], end) {
					continue
				}
				next := line[i+run]
				if next < 0 || next >= int64(words) {
					return (&op.Node{}).Errorf("word %d is not one of %d", next, words)
				}
				dst[b*words+int(next)] = float32(math.Inf(-1))
			}
		}
		return r.Err()
	}, op.Out(tensor.FP32, scores...))
}

// unfold has all slices of a size along a dimension, in one more dimension.
func unfold(n *op.Node) (*op.Plan, error) {
	shape := n.In[0].Shape
	dim, err := n.Axis(n.Int("dim", -1), len(shape))
	if err != nil {
		return nil, err
	}
	size, every := n.Int("size", 0), n.Int("step", 1)
	if size < 1 || size > int64(shape[dim]) || every < 1 {
		return nil, n.Errorf("slices of %d, %d apart, of a dimension of %d", size, every, shape[dim])
	}
	to := slices.Clone(shape)
	to[dim] = (shape[dim]-int(size))/int(min(every, tensor.MaxBytes)) + 1
	to = append(to, int(size))
	from := strides(shape)
	from = append(from, from[dim])
	if to[dim] > 1 {
		from[dim] *= int(every)
	}
	if _, err := tensor.Bytes(n.In[0].Type, to); err != nil {
		return nil, err
	}
	return op.Static(moveRun(move{shape: to, to: strides(to), from: from}), op.Out(n.In[0].Type, to...))
}

// tokens are how Tokenizer cuts a string.
type tokens struct {
	separators []*regexp.Regexp
	expression *regexp.Regexp
	letters    bool
	least      int // letters of a token
}

// tokenizer cuts strings into pieces, in one more dimension.
func tokenizer(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.String); err != nil {
		return nil, err
	}
	if n.Rank(0) < 1 || n.Rank(0) > 2 {
		return nil, n.Errorf("strings of shape %v, expected one or two dimensions", n.In[0].Shape)
	}
	t := &tokens{least: int(min(max(n.Int("mincharnum", 1), 0), 1<<20))}
	given, expression := n.Strs("separators"), n.Str("tokenexp", "")
	if (len(given) > 0) == (expression != "") {
		return nil, n.Errorf("expected separators or tokenexp, and not both")
	}
	var err error
	switch {
	case expression == ".", len(given) == 1 && given[0] == "":
		t.letters = true
	case expression != "":
		if t.expression, err = regexp.Compile(expression); err != nil {
			return nil, n.Errorf("tokenexp %q: %v", expression, err)
		}
		t.expression.Longest()
	default:
		for _, s := range given {
			re, err := regexp.Compile(s)
			if err != nil {
				return nil, n.Errorf("separator %q: %v", s, err)
			}
			t.separators = append(t.separators, re)
		}
	}
	mark, fill := n.Flag("mark", false), n.Str("pad_value", "")
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		x := in[0].(*tensor.Tensor)
		cut := make([][]string, len(x.Strings))
		most := 0
		for i, s := range x.Strings {
			if err := r.Err(); err != nil {
				return nil, err
			}
			if err := spare(r, 32*len(s)); err != nil {
				return nil, err
			}
			cut[i] = t.cut(s)
			most = max(most, len(cut[i]))
		}
		shape := slices.Clone(x.Shape)
		if len(x.Strings) == 0 {
			return []tensor.Value{tensor.New(tensor.String, shape...)}, nil
		}
		if mark && most > 0 {
			most += 2
		}
		y, err := r.New(tensor.String, append(shape, most)...)
		if err != nil {
			return nil, err
		}
		for i, list := range cut {
			if mark && most > 0 {
				list = slices.Concat([]string{"\x02"}, list, []string{"\x03"})
			}
			to := y.Strings[i*most:][:most]
			for k := range to {
				if to[k] = fill; k < len(list) {
					to[k] = list[k]
				}
			}
		}
		return []tensor.Value{y}, nil
	})
}

// cut are the tokens of a string.
func (t *tokens) cut(s string) []string {
	var all []string
	switch {
	case t.letters:
		for _, c := range s {
			all = append(all, string(c))
		}
		return all
	case t.expression != nil:
		all = t.expression.FindAllString(s, -1)
	default:
		all = []string{s}
		for _, re := range t.separators {
			var next []string
			for _, part := range all {
				next = append(next, re.Split(part, -1)...)
			}
			all = next
		}
	}
	return slices.DeleteFunc(all, func(token string) bool {
		return token == "" || utf8.RuneCountInString(token) < t.least
	})
}
