package ops

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// encoders are the operators of ai.onnx.ml that make features of categories and maps.
func encoders() []op.Spec {
	specs := []op.Spec{
		{Name: "CastMap", MinIn: 1, MaxIn: 1, Compile: castMap},
		{Name: "CategoryMapper", MinIn: 1, MaxIn: 1, Compile: categoryMapper},
		{Name: "DictVectorizer", MinIn: 1, MaxIn: 1, Compile: dictVectorizer},
		{Name: "FeatureVectorizer", MinIn: 1, MaxIn: -1, Compile: featureVectorizer},
		{Name: "OneHotEncoder", MinIn: 1, MaxIn: 1, Compile: oneHotEncoder},
	}
	for i := range specs {
		specs[i].Domain, specs[i].Since = mlDomain, 1
	}
	return specs
}

// categoryMapper maps strings to integers, or integers to strings.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_CategoryMapper.html
func categoryMapper(n *op.Node) (*op.Plan, error) {
	text, numbers := n.Strs("cats_strings"), n.Ints("cats_int64s")
	if len(text) != len(numbers) {
		return nil, n.Errorf("there are %d strings and %d integers of categories, expected as many", len(text), len(numbers))
	}
	if err := n.Want(0, tensor.String, tensor.I64); err != nil {
		return nil, err
	}
	if n.In[0].Type == tensor.String {
		at, other := map[string]int64{}, n.Int("default_int64", -1)
		for i, s := range text {
			at[s] = numbers[i]
		}
		return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
			dst := tensor.As[int64](out[0])
			for i, s := range in[0].Strings {
				v, ok := at[s]
				if dst[i] = v; !ok {
					dst[i] = other
				}
			}
			return r.Err()
		}, op.Out(tensor.I64, n.In[0].Shape...))
	}
	at, other := map[int64]string{}, n.Str("default_string", "_Unused")
	for i, v := range numbers {
		at[v] = text[i]
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		for i, v := range tensor.As[int64](in[0]) {
			s, ok := at[v]
			if out[0].Strings[i] = s; !ok {
				out[0].Strings[i] = other
			}
		}
		return r.Err()
	}, op.Out(tensor.String, n.In[0].Shape...))
}

// featureVectorizer puts the columns of tensors beside each other, as many of each as the
// node says; missing ones are 0.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_FeatureVectorizer.html
func featureVectorizer(n *op.Node) (*op.Plan, error) {
	given := n.Ints("inputdimensions")
	if given != nil && len(given) != len(n.In) {
		return nil, n.Errorf("inputdimensions are %v, for %d inputs", given, len(n.In))
	}
	rows, total := 0, 0
	var widths []int
	for i := range n.In {
		if err := n.Want(i, tensor.FP32, tensor.FP64, tensor.I64, tensor.I32); err != nil {
			return nil, err
		}
		count, width := matrixOf(n.In[i].Shape)
		if i == 0 {
			rows = count
		}
		if count != rows {
			return nil, n.Errorf("inputs have %d and %d rows, expected as many", rows, count)
		}
		if given != nil {
			if given[i] < 0 || given[i] > tensor.MaxBytes {
				return nil, n.Errorf("inputdimensions are %v", given)
			}
			width = int(given[i])
		}
		widths = append(widths, width)
		if total += width; total > tensor.MaxBytes {
			return nil, n.Errorf("inputdimensions are %v", given)
		}
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		dst := tensor.As[float32](out[0])
		clear(dst)
		at := 0
		for i, t := range in {
			if err := spare(r, 8*t.Len()); err != nil {
				return err
			}
			v, err := t.Float64s()
			if err != nil {
				return err
			}
			_, width := matrixOf(t.Shape)
			for row := range rows {
				convertFloats(dst[row*total+at:], v[row*width:][:min(width, widths[i])])
			}
			at += widths[i]
		}
		return r.Err()
	}, op.Out(tensor.FP32, rows, total))
}

// oneHotEncoder has one more dimension, with a 1 at the category of an element.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_OneHotEncoder.html
func oneHotEncoder(n *op.Node) (*op.Plan, error) {
	text, numbers := n.Strs("cats_strings"), n.Ints("cats_int64s")
	if (len(text) == 0) == (len(numbers) == 0) {
		return nil, n.Errorf("expected categories of strings or of integers")
	}
	at, count := map[any]int{}, len(text)+len(numbers)
	if len(text) > 0 {
		if err := n.Want(0, tensor.String); err != nil {
			return nil, err
		}
		for i, s := range text {
			at[s] = i
		}
	} else {
		if err := n.Want(0, tensor.I64, tensor.I32, tensor.FP32, tensor.FP64); err != nil {
			return nil, err
		}
		for i, v := range numbers {
			at[v] = i
		}
	}
	zeros := n.Flag("zeros", true)
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		if err := spare(r, 32*in[0].Len()); err != nil {
			return err
		}
		given, err := categories(in[0])
		if err != nil {
			return err
		}
		dst := tensor.As[float32](out[0])
		clear(dst)
		for i, c := range given {
			k, ok := at[c]
			if !ok && !zeros {
				return n.Errorf("%v is no category", c)
			}
			if ok {
				dst[i*count+k] = 1
			}
		}
		return r.Err()
	}, op.Out(tensor.FP32, append(slices.Clone(n.In[0].Shape), count)...))
}

// categories are elements as strings, or as integers that real numbers are cut to.
func categories(t *tensor.Tensor) ([]any, error) {
	if t.Type != tensor.FP32 && t.Type != tensor.FP64 {
		return keysOf(t)
	}
	v, err := t.Float64s()
	out := make([]any, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out, err
}

// wantMap checks that input 0 is a map, or that it may be one.
func wantMap(n *op.Node) error {
	if k := n.In[0].Kind; k != onnx.MapKind {
		return n.Errorf("input 0 is no map")
	}
	return nil
}

// dictVectorizer puts the values of a map where its keys are in a vocabulary, and 0
// elsewhere.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_DictVectorizer.html
func dictVectorizer(n *op.Node) (*op.Plan, error) {
	if err := wantMap(n); err != nil {
		return nil, err
	}
	text, numbers := n.Strs("string_vocabulary"), n.Ints("int64_vocabulary")
	if (len(text) == 0) == (len(numbers) == 0) {
		return nil, n.Errorf("expected a vocabulary of strings or of integers")
	}
	at := map[any]int{}
	for i, s := range text {
		at[s] = i
	}
	for i, v := range numbers {
		at[v] = i
	}
	count := len(text) + len(numbers)
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		m, ok := in[0].(*tensor.Map)
		if !ok {
			return nil, n.Errorf("input 0 is no map")
		}
		y, err := r.New(m.Values.Type, 1, count)
		if err != nil {
			return nil, err
		}
		copyOne := pickItem(m.Values.Type, copyItem[uint8], copyItem[uint16], copyItem[uint32], copyItem[uint64], copyItem[complex128], copyItem[string])
		for i := range m.Values.Len() {
			var key any
			if i < len(m.Strings) {
				key = m.Strings[i]
			} else if i < len(m.Ints) {
				key = m.Ints[i]
			}
			if k, ok := at[key]; ok {
				copyOne(y, k, m.Values, i)
			}
		}
		return []tensor.Value{y}, nil
	})
}

func copyItem[T item](to *tensor.Tensor, k int, from *tensor.Tensor, i int) {
	items[T](to)[k] = items[T](from)[i]
}

// castMap gives the values of a map by their keys, in order: all there are, or, when it is
// sparse, each at its key.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_CastMap.html
func castMap(n *op.Node) (*op.Plan, error) {
	if err := wantMap(n); err != nil {
		return nil, err
	}
	to, ok := map[string]tensor.Type{"TO_FLOAT": tensor.FP32, "TO_STRING": tensor.String, "TO_INT64": tensor.I64}[n.Str("cast_to", "TO_FLOAT")]
	if !ok {
		return nil, n.Errorf("cast_to is %q, expected TO_FLOAT, TO_STRING or TO_INT64", n.Str("cast_to", ""))
	}
	form, most := n.Str("map_form", "DENSE"), n.Int("max_map", 1)
	if form != "DENSE" && form != "SPARSE" || form == "SPARSE" && (most < 1 || most > tensor.MaxBytes) {
		return nil, n.Errorf("map_form is %q and max_map %d, expected DENSE, or SPARSE and a size", form, most)
	}
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		m, ok := in[0].(*tensor.Map)
		if !ok || m.Strings != nil {
			return nil, n.Errorf("input 0 is no map of integers")
		}
		count := len(m.Ints)
		if form == "SPARSE" {
			count = int(most)
		}
		y, err := r.New(to, 1, count)
		if err != nil {
			return nil, err
		}
		if to == tensor.String && form == "SPARSE" {
			for i := range y.Strings {
				y.Strings[i] = ""
			}
		}
		order := make([]int, len(m.Ints))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(m.Ints[a], m.Ints[b]) })
		for place, i := range order {
			if form == "SPARSE" {
				if m.Ints[i] < 0 || m.Ints[i] >= most {
					return nil, n.Errorf("key %d is not within max_map %d", m.Ints[i], most)
				}
				place = int(m.Ints[i])
			}
			if err := putCast(y, place, m.Values, i); err != nil {
				return nil, err
			}
		}
		return []tensor.Value{y}, nil
	})
}

// putCast writes element i of float32 or of strings as an element of y.
func putCast(y *tensor.Tensor, k int, from *tensor.Tensor, i int) error {
	text, number := "", 0.0
	switch from.Type {
	case tensor.String:
		text = from.Strings[i]
		if y.Type != tensor.String {
			var err error
			if number, err = strconv.ParseFloat(text, 64); err != nil {
				return &op.Invalid{Reason: fmt.Sprintf("%q is no number", text)}
			}
		}
	case tensor.FP32:
		number = float64(tensor.As[float32](from)[i])
		text = strconv.FormatFloat(number, 'f', 6, 64)
	default:
		return &op.Unsupported{Reason: "a map to " + from.Type.String() + ", expected FP32 or STRING"}
	}
	switch y.Type {
	case tensor.String:
		y.Strings[k] = text
	case tensor.I64:
		tensor.As[int64](y)[k] = int64(math.Trunc(number))
	default:
		tensor.As[float32](y)[k] = float32(number)
	}
	return nil
}
