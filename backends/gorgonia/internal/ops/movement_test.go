package ops_test

import (
	"slices"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/ops"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// attributesOf makes attributes of int64, []int64, string and *tensor.Tensor values.
func attributesOf(pairs ...any) map[string]*onnx.Attribute {
	m := map[string]*onnx.Attribute{}
	for i := 0; i < len(pairs); i += 2 {
		a := &onnx.Attribute{Name: pairs[i].(string)}
		switch v := pairs[i+1].(type) {
		case int:
			a.Type, a.Int = onnx.Int, int64(v)
		case []int64:
			a.Type, a.Ints = onnx.Ints, v
		case string:
			a.Type, a.String = onnx.String, []byte(v)
		case *tensor.Tensor:
			a.Type, a.Tensor = onnx.TensorAttr, v
		}
		m[a.Name] = a
	}
	return m
}

// evaluate runs one operator of ai.onnx, whose inputs are all known.
func evaluate(name string, version, outs int, a map[string]*onnx.Attribute, limit int64, in ...*tensor.Tensor) ([]tensor.Value, error) {
	n := &op.Node{Op: name, Version: version, Attributes: a, Outs: slices.Repeat([]bool{true}, outs)}
	values := make([]tensor.Value, len(in))
	for i, t := range in {
		if t == nil {
			n.In = append(n.In, nil)
			continue
		}
		n.In, values[i] = append(n.In, op.InfoOf(t)), t
	}
	p, err := ops.New().Lookup("", name, version).Compile(n)
	if err == nil {
		err = n.Err()
	}
	if err != nil {
		return nil, err
	}
	r := op.NewRun(nil, op.NewBudget(limit, nil), nil)
	if p.Eval != nil {
		return p.Eval(r, values)
	}
	if p.ViewOf > 0 {
		return []tensor.Value{in[p.ViewOf-1].Reshaped(p.Out[0].Shape...)}, nil
	}
	made, out := make([]tensor.Value, len(p.Out)), make([]*tensor.Tensor, len(p.Out))
	for i := range p.Out {
		if out[i], err = r.New(p.Out[i].Type, p.Out[i].Shape...); err != nil {
			return nil, err
		}
		for k := range out[i].Data { // memory is not cleared
			out[i].Data[k] = 0x5a
		}
		made[i] = out[i]
	}
	return made, p.Run(r, in, out)
}

func int64s(shape []int, v ...int64) *tensor.Tensor { return tensor.Of(tensor.I64, shape, v) }

func bytesTensor(shape []int, v ...uint8) *tensor.Tensor { return tensor.Of(tensor.U8, shape, v) }

func texts(shape []int, v ...string) *tensor.Tensor { return tensor.Text(shape, v...) }

func TestElementsMove(t *testing.T) {
	m := bytesTensor([]int{2, 3}, 1, 2, 3, 4, 5, 6)
	text := texts([]int{2, 2}, "a", "b", "c", "d")
	empty := bytesTensor([]int{0, 3})
	for _, c := range []struct {
		name, op string
		version  int
		attrs    map[string]*onnx.Attribute
		in       []*tensor.Tensor
		want     *tensor.Tensor
	}{
		{"strings are transposed", "Transpose", 13, nil, []*tensor.Tensor{text}, texts([]int{2, 2}, "a", "c", "b", "d")},
		{"an empty tensor is transposed", "Transpose", 13, nil, []*tensor.Tensor{empty}, bytesTensor([]int{3, 0})},
		{"a scalar is transposed", "Transpose", 13, nil, []*tensor.Tensor{bytesTensor(nil, 7)}, bytesTensor(nil, 7)},
		{"a negative step goes back to the first element", "Slice", 13, nil, []*tensor.Tensor{m, int64s([]int{1}, -1), int64s([]int{1}, -1<<63), int64s([]int{1}, 1), int64s([]int{1}, -2)}, bytesTensor([]int{2, 2}, 3, 1, 6, 4)},
		{"the least step there is takes one element", "Slice", 13, nil, []*tensor.Tensor{m, int64s([]int{1}, 1<<63-1), int64s([]int{1}, -1<<63), int64s([]int{1}, -1), int64s([]int{1}, -1<<63)}, bytesTensor([]int{2, 1}, 3, 6)},
		{"an empty dimension is sliced backward", "Slice", 13, nil, []*tensor.Tensor{empty, int64s([]int{1}, -1), int64s([]int{1}, -1<<63), int64s([]int{1}, 0), int64s([]int{1}, -1)}, empty},
		{"strings are put together", "Concat", 13, attributesOf("axis", -1), []*tensor.Tensor{text, text}, texts([]int{2, 4}, "a", "b", "a", "b", "c", "d", "c", "d")},
		{"an empty piece is put before another", "Concat", 13, attributesOf("axis", 0), []*tensor.Tensor{empty, m}, m},
		{"indices count from the end", "Gather", 13, attributesOf("axis", 1), []*tensor.Tensor{m, int64s([]int{2}, -1, 0)}, bytesTensor([]int{2, 2}, 3, 1, 6, 4)},
		{"no index gives nothing of an empty dimension", "Gather", 13, attributesOf("axis", 0), []*tensor.Tensor{empty, int64s([]int{0})}, empty},
		{"strings are tiled", "Tile", 13, nil, []*tensor.Tensor{texts([]int{2}, "a", "b"), int64s([]int{1}, 2)}, texts([]int{4}, "a", "b", "a", "b")},
		{"no repeats give nothing", "Tile", 13, nil, []*tensor.Tensor{m, int64s([]int{2}, 0, 1)}, bytesTensor([]int{0, 3})},
		{"a negative pad cuts off", "Pad", 21, nil, []*tensor.Tensor{m, int64s([]int{4}, 0, -1, 1, 0)}, bytesTensor([]int{3, 2}, 2, 3, 5, 6, 0, 0)},
		{"a reflection goes around more than once", "Pad", 21, attributesOf("mode", "reflect"), []*tensor.Tensor{bytesTensor([]int{2}, 1, 2), int64s([]int{2}, 3, 2)}, bytesTensor([]int{7}, 2, 1, 2, 1, 2, 1, 2)},
		{"a tensor is wrapped around", "Pad", 21, attributesOf("mode", "wrap"), []*tensor.Tensor{bytesTensor([]int{3}, 1, 2, 3), int64s([]int{2}, 1, 4)}, bytesTensor([]int{8}, 3, 1, 2, 3, 1, 2, 3, 1)},
		{"a shape broadcasts to a larger rank", "Expand", 13, nil, []*tensor.Tensor{bytesTensor([]int{2, 1}, 1, 2), int64s([]int{3}, 2, 1, 2)}, bytesTensor([]int{2, 2, 2}, 1, 1, 2, 2, 1, 1, 2, 2)},
		{"a diagonal far outside clears all", "Trilu", 14, nil, []*tensor.Tensor{m, int64s(nil, 1<<62)}, bytesTensor([]int{2, 3}, 0, 0, 0, 0, 0, 0)},
		{"updates of one element add up", "ScatterElements", 18, attributesOf("axis", 0, "reduction", "add"), []*tensor.Tensor{bytesTensor([]int{3}, 1, 2, 3), int64s([]int{2}, -1, 2), bytesTensor([]int{2}, 4, 5)}, bytesTensor([]int{3}, 1, 2, 12)},
		{"an index out of the depth is all off", "OneHot", 11, nil, []*tensor.Tensor{int64s([]int{2}, 5, -1), int64s(nil, 2), bytesTensor([]int{2}, 3, 9)}, bytesTensor([]int{2, 2}, 3, 3, 3, 9)},
		{"nothing is counted to the wrong side", "Range", 11, nil, []*tensor.Tensor{int64s(nil, 3), int64s(nil, 1), int64s(nil, 1)}, int64s([]int{0})},
		{"the least integers are counted", "Range", 11, nil, []*tensor.Tensor{int64s(nil, -1<<63), int64s(nil, 1<<63-1), int64s(nil, 1<<63-1)}, int64s([]int{3}, -1<<63, -1, 1<<63-2)},
		{"eight dimensions are reversed", "Transpose", 13, nil, []*tensor.Tensor{bytesTensor([]int{1, 2, 1, 2, 1, 1, 1, 2}, 1, 2, 3, 4, 5, 6, 7, 8)}, bytesTensor([]int{2, 1, 1, 1, 2, 1, 2, 1}, 1, 5, 3, 7, 2, 6, 4, 8)},
		{"the nearest string is taken", "Resize", 19, attributesOf("coordinate_transformation_mode", "asymmetric", "nearest_mode", "floor"), []*tensor.Tensor{texts([]int{2}, "a", "b"), nil, tensor.Of(tensor.FP32, []int{1}, []float32{2})}, texts([]int{4}, "a", "a", "b", "b")},
		{"the dimension of an axis is kept when flattened at the end", "Flatten", 13, attributesOf("axis", 2), []*tensor.Tensor{m}, bytesTensor([]int{6, 1}, 1, 2, 3, 4, 5, 6)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := evaluate(c.op, c.version, 1, c.attrs, 1<<20, c.in...)
			if err != nil {
				t.Fatal(err)
			}
			if err := same(got[0], c.want); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestWhatIsOutOfRangeIsAnError(t *testing.T) {
	m := bytesTensor([]int{2, 3}, 1, 2, 3, 4, 5, 6)
	huge := int64(1) << 45
	for _, c := range []struct {
		name, op string
		version  int
		attrs    map[string]*onnx.Attribute
		in       []*tensor.Tensor
	}{
		{"an index behind the end", "Gather", 13, nil, []*tensor.Tensor{m, int64s([]int{1}, 2)}},
		{"an index before the beginning", "Gather", 13, nil, []*tensor.Tensor{m, int64s([]int{1}, -3)}},
		{"an element index behind the end", "GatherElements", 13, nil, []*tensor.Tensor{m, int64s([]int{1, 1}, 1<<62)}},
		{"indices larger than the data", "GatherElements", 13, nil, []*tensor.Tensor{m, int64s([]int{1, 4}, 0, 0, 0, 0)}},
		{"a tuple out of range", "GatherND", 13, nil, []*tensor.Tensor{m, int64s([]int{1, 2}, 1, 3)}},
		{"a tuple longer than the rank", "GatherND", 13, nil, []*tensor.Tensor{m, int64s([]int{1, 3}, 0, 0, 0)}},
		{"a scatter out of range", "ScatterElements", 18, nil, []*tensor.Tensor{m, int64s([]int{1, 1}, 9), bytesTensor([]int{1, 1}, 1)}},
		{"a scatter of a slice out of range", "ScatterND", 18, nil, []*tensor.Tensor{m, int64s([]int{1, 1}, -3), bytesTensor([]int{1, 3}, 1, 2, 3)}},
		{"an axis given twice", "Slice", 13, nil, []*tensor.Tensor{m, int64s([]int{2}, 0, 0), int64s([]int{2}, 1, 1), int64s([]int{2}, 1, -1)}},
		{"a step of nothing", "Slice", 13, nil, []*tensor.Tensor{m, int64s([]int{1}, 0), int64s([]int{1}, 1), int64s([]int{1}, 0), int64s([]int{1}, 0)}},
		{"an axis outside", "Concat", 13, attributesOf("axis", 2), []*tensor.Tensor{m, m}},
		{"a permutation with an axis twice", "Transpose", 13, attributesOf("perm", []int64{0, 0}), []*tensor.Tensor{m}},
		{"a permutation that is short", "Transpose", 13, attributesOf("perm", []int64{0}), []*tensor.Tensor{m}},
		{"a squeezed dimension of two", "Squeeze", 13, nil, []*tensor.Tensor{m, int64s([]int{1}, 0)}},
		{"lengths that do not add up", "Split", 13, nil, []*tensor.Tensor{m, int64s([]int{1}, 1)}},
		{"a negative length", "Split", 13, nil, []*tensor.Tensor{m, int64s([]int{1}, -1)}},
		{"an expansion beyond the limit", "Expand", 13, nil, []*tensor.Tensor{m, int64s([]int{3}, huge, 1, 1)}},
		{"an expansion that overflows", "Expand", 13, nil, []*tensor.Tensor{m, int64s([]int{4}, huge, huge, 1, 1)}},
		{"a negative size", "Expand", 13, nil, []*tensor.Tensor{m, int64s([]int{2}, -1, 3)}},
		{"repeats that overflow", "Tile", 13, nil, []*tensor.Tensor{m, int64s([]int{2}, 1<<62, 1<<62)}},
		{"negative repeats", "Tile", 13, nil, []*tensor.Tensor{m, int64s([]int{2}, -1, 1)}},
		{"pads that overflow", "Pad", 21, nil, []*tensor.Tensor{m, int64s([]int{4}, 1<<63-1, 0, 1<<63-1, 0)}},
		{"pads beyond the limit", "Pad", 21, nil, []*tensor.Tensor{m, int64s([]int{4}, huge, 0, 0, 0)}},
		{"a reflection of nothing", "Pad", 21, attributesOf("mode", "reflect"), []*tensor.Tensor{bytesTensor([]int{0}), int64s([]int{2}, 1, 1)}},
		{"pads that cut more than there is", "Pad", 21, nil, []*tensor.Tensor{m, int64s([]int{4}, -2, 0, -1, 0)}},
		{"a range of nothing by nothing", "Range", 11, nil, []*tensor.Tensor{int64s(nil, 0), int64s(nil, 1), int64s(nil, 0)}},
		{"a range beyond the limit", "Range", 11, nil, []*tensor.Tensor{int64s(nil, -1<<63), int64s(nil, 1<<63-1), int64s(nil, 1)}},
		{"a depth beyond the limit", "OneHot", 11, nil, []*tensor.Tensor{int64s([]int{1}, 0), int64s(nil, huge), bytesTensor([]int{2}, 0, 1)}},
		{"a size beyond the limit", "Resize", 19, nil, []*tensor.Tensor{m, nil, nil, int64s([]int{2}, huge, 1)}},
		{"a scale that is no number", "Resize", 19, nil, []*tensor.Tensor{m, nil, tensor.Of(tensor.FP32, []int{2}, []float32{-1, 1})}},
		{"more of the largest than there are", "TopK", 11, nil, []*tensor.Tensor{m, int64s([]int{1}, 4)}},
		{"an equation with another letter", "Einsum", 12, attributesOf("equation", "ij->ik"), []*tensor.Tensor{tensor.New(tensor.FP32, 2, 3)}},
		{"a pattern that is none", "RegexFullMatch", 20, attributesOf("pattern", "("), []*tensor.Tensor{texts(nil, "a")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := evaluate(c.op, c.version, 1, c.attrs, 1<<20, c.in...); err == nil {
				t.Fatalf("gave %v, expected an error", got)
			}
		})
	}
}

func TestNaNIsTheLargest(t *testing.T) {
	nan := tensor.Of(tensor.FP32, []int{4}, []float32{1, 0, 2, 1})
	tensor.As[uint32](nan)[1] = 0x7fc00000
	got, err := evaluate("TopK", 11, 2, nil, 1<<20, nan, int64s([]int{1}, 3))
	if err != nil {
		t.Fatal(err)
	}
	if err := same(got[1], int64s([]int{3}, 1, 2, 0)); err != nil {
		t.Fatal(err)
	}
}
