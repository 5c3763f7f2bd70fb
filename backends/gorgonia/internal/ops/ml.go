package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// learners are the other operators of classical machine learning.
func learners() []op.Spec {
	specs := []op.Spec{
		{Name: "ArrayFeatureExtractor", Since: 1, MinIn: 2, MaxIn: 2, Compile: arrayFeatureExtractor},
		{Name: "Binarizer", Since: 1, MinIn: 1, MaxIn: 1, Compile: binarizer},
		{Name: "Imputer", Since: 1, MinIn: 1, MaxIn: 1, Compile: imputer},
		{Name: "LabelEncoder", Since: 1, MinIn: 1, MaxIn: 1, Compile: labelEncoder},
		{Name: "LinearClassifier", Since: 1, MinIn: 1, MaxIn: 1, MaxOut: 2, Compile: linearClassifier},
		{Name: "LinearRegressor", Since: 1, MinIn: 1, MaxIn: 1, Compile: linearRegressor},
		{Name: "Normalizer", Since: 1, MinIn: 1, MaxIn: 1, Compile: normalizer},
		{Name: "Scaler", Since: 1, MinIn: 1, MaxIn: 1, Compile: scaler},
		{Name: "ZipMap", Since: 1, MinIn: 1, MaxIn: 1, Compile: zipMap},
	}
	for i := range specs {
		specs[i].Domain = mlDomain
	}
	return specs
}

// arrayFeatureExtractor takes elements of the last dimension.
func arrayFeatureExtractor(n *op.Node) (*op.Plan, error) {
	if err := n.Want(1, tensor.I64); err != nil {
		return nil, err
	}
	shape := n.In[0].Shape
	if len(shape) == 0 {
		return nil, n.Errorf("the input is a scalar")
	}
	last := len(shape) - 1
	rows, size, count := tensor.Size(shape[:last]), shape[last], tensor.Size(n.In[1].Shape)
	out := append(append([]int{}, shape[:last]...), count)
	if last == 0 {
		out = []int{1, count}
	}
	t := n.In[0].Type
	put := pickItem(t, copyRows[uint8], copyRows[uint16], copyRows[uint32], copyRows[uint64], copyRows[complex128], copyRows[string])
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		given := tensor.As[int64](in[1])
		for _, v := range given {
			if v < 0 || v >= int64(size) {
				return n.Errorf("index %d is outside of %d features", v, size)
			}
		}
		put(r, out[0], in[0], given, 1, rows, size)
		return nil
	}, op.Out(t, out...))
}

// eachFloat is an operator on the elements of one tensor of numbers, which gives t.
func eachFloat(n *op.Node, t tensor.Type, f func(i int, v float64) float64) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32, tensor.FP64, tensor.I64, tensor.I32); err != nil {
		return nil, err
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		if err := spare(r, 8*in[0].Len()); err != nil {
			return err
		}
		x, err := in[0].Float64s()
		if err != nil {
			return err
		}
		r.For(len(x), leastPiece, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				x[i] = f(i, x[i])
			}
		})
		fromFloats(out[0], x)
		return nil
	}, op.Out(t, n.In[0].Shape...))
}

// binarizer gives 1 above a threshold, else 0.
func binarizer(n *op.Node) (*op.Plan, error) {
	limit := float64(n.Float("threshold", 0))
	return eachFloat(n, n.In[0].Type, func(_ int, v float64) float64 {
		if v > limit {
			return 1
		}
		return 0
	})
}

// columns checks that an attribute has one number, or one for each column.
func columns(n *op.Node, name string, v []float64, width int) error {
	if len(v) != 1 && len(v) != width {
		return n.Errorf("attribute %q has %d numbers, expected 1 or %d", name, len(v), width)
	}
	return nil
}

// scaler subtracts an offset and multiplies by a scale, by column.
func scaler(n *op.Node) (*op.Plan, error) {
	_, width := matrixOf(n.In[0].Shape)
	offset, err := eitherFloats(n, "offset")
	if err != nil {
		return nil, err
	}
	scale, err := eitherFloats(n, "scale")
	if err != nil {
		return nil, err
	}
	if err := columns(n, "offset", offset, width); err != nil {
		return nil, err
	}
	if err := columns(n, "scale", scale, width); err != nil {
		return nil, err
	}
	return eachFloat(n, tensor.FP32, func(i int, v float64) float64 {
		c := i % width
		return (v - offset[c%len(offset)]) * scale[c%len(scale)]
	})
}

// imputer replaces one value, by column.
func imputer(n *op.Node) (*op.Plan, error) {
	_, width := matrixOf(n.In[0].Shape)
	t := n.In[0].Type
	if t == tensor.FP32 || t == tensor.FP64 {
		values, err := eitherFloats(n, "imputed_value_floats")
		if err != nil {
			return nil, err
		}
		if err := columns(n, "imputed_value_floats", values, width); err != nil {
			return nil, err
		}
		old := float64(n.Float("replaced_value_float", 0))
		return eachFloat(n, t, func(i int, v float64) float64 {
			if v == old || v != v && old != old {
				return values[i%width%len(values)]
			}
			return v
		})
	}
	if err := n.Want(0, tensor.I64); err != nil {
		return nil, err
	}
	values, old := n.Ints("imputed_value_int64s"), n.Int("replaced_value_int64", 0)
	if len(values) != 1 && len(values) != width {
		return nil, n.Errorf("attribute \"imputed_value_int64s\" has %d numbers, expected 1 or %d", len(values), width)
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		dst := tensor.As[int64](out[0])
		for i, v := range tensor.As[int64](in[0]) {
			if dst[i] = v; v == old {
				dst[i] = values[i%width%len(values)]
			}
		}
		return nil
	}, op.Out(t, n.In[0].Shape...))
}

// eachRow is an operator on rows of numbers, which gives float32.
func eachRow(n *op.Node, to int, f func(dst, row []float64)) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32, tensor.FP64, tensor.I64, tensor.I32); err != nil {
		return nil, err
	}
	rows, width := matrixOf(n.In[0].Shape)
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		return featureRows(r, in[0], rows, width, to, f, func(i int, row []float64) {
			convertFloats(tensor.As[float32](out[0])[i*to:], row)
		})
	}, op.Out(tensor.FP32, rows, to))
}

func featureRows(r *op.Run, t *tensor.Tensor, rows, width, to int, f func(dst, row []float64), done func(i int, row []float64)) error {
	if err := spare(r, 8*t.Len()); err != nil {
		return err
	}
	x, err := t.Float64s()
	if err != nil {
		return err
	}
	if width+to == 0 { // of which there may be any number
		return nil
	}
	r.For(rows, grainOf(width+to), func(lo, hi int) {
		dst := make([]float64, to)
		for i := lo; i < hi && !r.Stopped(); i++ {
			f(dst, x[i*width:][:width])
			done(i, dst)
		}
	})
	return r.Err()
}

// normalizer divides rows by their greatest element, or their L1 or L2 norm.
func normalizer(n *op.Node) (*op.Plan, error) {
	norm := n.Str("norm", "MAX")
	if norm != "MAX" && norm != "L1" && norm != "L2" {
		return nil, n.Errorf("norm is %q, expected MAX, L1 or L2", norm)
	}
	_, width := matrixOf(n.In[0].Shape)
	p, err := eachRow(n, width, func(dst, row []float64) {
		by := 0.0
		for i, v := range row {
			switch {
			case norm == "L1":
				by += math.Abs(v)
			case norm == "L2":
				by += v * v
			case i == 0 || v > by:
				by = v
			}
		}
		if norm == "L2" {
			by = math.Sqrt(by)
		}
		for i, v := range row {
			if dst[i] = v; by != 0 {
				dst[i] = v / by
			}
		}
	})
	if err == nil {
		p.Out[0].Shape = n.In[0].Shape
	}
	return p, err
}

// linearModel is weights and biases by target.
type linearModel struct {
	weights, biases []float64
	width, targets  int
}

func newLinear(n *op.Node, targets int) (*linearModel, error) {
	_, width := matrixOf(n.In[0].Shape)
	l := &linearModel{width: width, targets: targets}
	var err error
	if l.weights, err = eitherFloats(n, "coefficients"); err != nil {
		return nil, err
	}
	if l.biases, err = eitherFloats(n, "intercepts"); err != nil {
		return nil, err
	}
	if targets < 1 || len(l.weights)/targets != width || len(l.weights)%targets != 0 || len(l.biases) != 0 && len(l.biases) != targets {
		return nil, n.Errorf("there are %d coefficients and %d intercepts for %d features and %d targets", len(l.weights), len(l.biases), width, targets)
	}
	return l, nil
}

func (l *linearModel) scores(dst, row []float64) {
	for t := range l.targets {
		sum := 0.0
		if len(l.biases) > 0 {
			sum = l.biases[t]
		}
		for i, w := range l.weights[t*l.width:][:l.width] {
			sum += w * row[i]
		}
		dst[t] = sum
	}
}

// linearRegressor gives sums of weighted features.
func linearRegressor(n *op.Node) (*op.Plan, error) {
	l, err := newLinear(n, int(min(max(n.Int("targets", 1), 0), maxTargets)))
	if err != nil {
		return nil, err
	}
	post := n.Str("post_transform", "NONE")
	if err := knownTransform(n, post); err != nil {
		return nil, err
	}
	return eachRow(n, l.targets, func(dst, row []float64) {
		l.scores(dst, row)
		transform(post, dst)
	})
}

// linearClassifier gives the class of the greatest sum of weighted features.
func linearClassifier(n *op.Node) (*op.Plan, error) {
	names := newLabels(n, "classlabels_ints", "classlabels_strings")
	count := names.count()
	if biases := len(n.Floats("intercepts")); count == 0 || count == 2 && biases == 1 {
		count = biases
	}
	l, err := newLinear(n, count)
	if err != nil {
		return nil, err
	}
	post := n.Str("post_transform", "NONE")
	if err := knownTransform(n, post); err != nil {
		return nil, err
	}
	rows, width := matrixOf(n.In[0].Shape)
	made := count
	if count == 1 && names.count() == 2 {
		made = 2
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		return featureRows(r, in[0], rows, width, made, l.scores, func(i int, row []float64) {
			class := best(row)
			if made > count {
				class = 0
				if row[0] > 0 {
					class = 1
				}
				row[0], row[1] = -row[0], row[0]
			}
			transform(post, row)
			names.put(out[0], i, class)
			if len(out) > 1 && out[1] != nil {
				convertFloats(tensor.As[float32](out[1])[i*made:], row)
			}
		})
	}, op.Out(names.elem(), rows), op.Out(tensor.FP32, rows, made))
}

// keysOf are the elements of a tensor as keys of a map.
func keysOf(t *tensor.Tensor) ([]any, error) {
	keys := make([]any, t.Len())
	switch t.Type {
	case tensor.String:
		for i, s := range t.Strings {
			keys[i] = s
		}
	case tensor.FP32, tensor.FP64:
		v, err := t.Float64s()
		for i, x := range v {
			if keys[i] = x; x != x {
				keys[i] = "NaN" // which no number is equal to
			}
		}
		return keys, err
	default:
		v, err := t.Int64s()
		for i, x := range v {
			keys[i] = x
		}
		return keys, err
	}
	return keys, nil
}

// listAttr is the first of the attributes that a list may be in, as a tensor.
func listAttr(n *op.Node, name string) *tensor.Tensor {
	switch {
	case n.Attr(name + "_tensor"):
		return n.Tensor(name + "_tensor")
	case n.Attr(name + "_strings"):
		v := n.Strs(name + "_strings")
		return tensor.Text([]int{len(v)}, v...)
	case n.Attr(name + "_int64s"):
		return tensor.Ints(n.Ints(name + "_int64s")...)
	case n.Attr(name + "_floats"):
		v := n.Floats(name + "_floats")
		return tensor.Of(tensor.FP32, []int{len(v)}, v)
	}
	return nil
}

// missing is what LabelEncoder gives for other keys, of the type of its values.
func missing(n *op.Node, t tensor.Type) *tensor.Tensor {
	if d := n.Tensor("default_tensor"); d != nil {
		return d
	}
	switch t {
	case tensor.String:
		return tensor.Text(nil, n.Str("default_string", "_Unused"))
	case tensor.I64:
		return tensor.Scalar(t, n.Int("default_int64", -1))
	case tensor.FP32:
		return tensor.Scalar(t, n.Float("default_float", float32(math.Copysign(0, -1))))
	}
	return tensor.New(t)
}

// labelEncoder maps keys to values.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_LabelEncoder.html
func labelEncoder(n *op.Node) (*op.Plan, error) {
	keys, values := listAttr(n, "keys"), listAttr(n, "values")
	if n.Version < 2 {
		classes := n.Strs("classes_strings")
		keys = tensor.Text([]int{len(classes)}, classes...)
		values = tensor.New(tensor.I64, len(classes))
		for i := range classes {
			tensor.As[int64](values)[i] = int64(i)
		}
		if n.In[0].Type == tensor.I64 {
			keys, values = values, keys
		}
	}
	if keys == nil || values == nil || keys.Len() != values.Len() || keys.Type != n.In[0].Type {
		return nil, n.Errorf("keys and values are missing, not as many, or not of the input's type %s", n.In[0].Type)
	}
	list, err := keysOf(keys)
	if err != nil {
		return nil, n.Errorf("keys are %v", err)
	}
	other := missing(n, values.Type)
	if other.Type != values.Type || other.Len() != 1 {
		return nil, n.Errorf("the default is %s%v, expected one %s", other.Type, other.Shape, values.Type)
	}
	at := map[any]int{}
	for i, k := range list {
		if _, again := at[k]; !again {
			at[k] = i
		}
	}
	into := pickItem(values.Type, replace[uint8], replace[uint16], replace[uint32], replace[uint64], replace[complex128], replace[string])
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		if err := spare(r, 32*in[0].Len()); err != nil {
			return err
		}
		given, err := keysOf(in[0])
		if err != nil {
			return err
		}
		found, not := into(out[0], values), into(out[0], other)
		for i, k := range given {
			if v, ok := at[k]; ok {
				found(i, v, 1)
			} else {
				not(i, 0, 1)
			}
		}
		return r.Err()
	}, op.Out(values.Type, n.In[0].Shape...))
}

// zipMap makes a map of each row, with the classes as keys.
func zipMap(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32); err != nil {
		return nil, err
	}
	l := newLabels(n, "classlabels_int64s", "classlabels_strings")
	rows, width := matrixOf(n.In[0].Shape)
	if l.count() != width || n.In[0].Kind != onnx.TensorKind {
		return nil, n.Errorf("there are %d class labels for %d columns", l.count(), width)
	}
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		t := in[0].(*tensor.Tensor)
		if err := r.Take(int64(4*t.Len() + 96*rows)); err != nil {
			return nil, err
		}
		s := &tensor.Sequence{Type: tensor.FP32}
		for i := range rows {
			values := tensor.Of(tensor.FP32, []int{width}, tensor.As[float32](t)[i*width:][:width])
			s.Items = append(s.Items, &tensor.Map{Ints: l.ints, Strings: l.text, Values: values})
		}
		return []tensor.Value{s}, r.Err()
	})
}
