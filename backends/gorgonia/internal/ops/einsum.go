package ops

import (
	"slices"
	"strings"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// einsums is the sum of products by an equation.
func einsums() []op.Spec {
	return []op.Spec{{Name: "Einsum", Since: 12, MinIn: 1, MaxIn: -1, Compile: op.Widen(einsum)}}
}

// equation is an Einsum equation: labels of the dimensions of inputs and output. Those of
// an ellipsis are negative.
type equation struct {
	in  [][]int
	out []int
	// size of each label, and the labels in the order they are summed over.
	size map[int]int
	sum  []int
}

// einsum multiplies elements of all inputs that meet by an equation, and sums over what
// the output does not have.
//
// See https://onnx.ai/onnx/operators/onnx__Einsum.html
func einsum(n *op.Node) (*op.Plan, error) {
	e, err := parseEquation(n, n.Str("equation", ""))
	if err != nil {
		return nil, err
	}
	if err := n.SameType(allAxes(len(n.In))...); err != nil {
		return nil, err
	}
	shape := make([]int, len(e.out))
	for i, l := range e.out {
		shape[i] = e.size[l]
	}
	t := n.In[0].Type
	switch t {
	case tensor.FP32:
		return op.Static(sumProducts[float32](e), op.Out(t, shape...))
	case tensor.FP64:
		return op.Static(sumProducts[float64](e), op.Out(t, shape...))
	case tensor.I32:
		return op.Static(sumProducts[int32](e), op.Out(t, shape...))
	case tensor.I64:
		return op.Static(sumProducts[int64](e), op.Out(t, shape...))
	case tensor.U32:
		return op.Static(sumProducts[uint32](e), op.Out(t, shape...))
	case tensor.U64:
		return op.Static(sumProducts[uint64](e), op.Out(t, shape...))
	}
	return nil, n.Unsupportedf("Einsum of %s", t)
}

func parseEquation(n *op.Node, text string) (*equation, error) {
	text = strings.ReplaceAll(text, " ", "")
	left, right, explicit := strings.Cut(text, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(n.In) {
		return nil, n.Errorf("equation %q has %d terms, expected one for each of the %d inputs", text, len(terms), len(n.In))
	}
	e := &equation{size: map[int]int{}}
	dots := 0
	var order []int
	for i, term := range terms {
		if err := n.Want(i, n.In[i].Type); err != nil {
			return nil, err
		}
		labels, err := e.term(n, term, n.In[i].Shape)
		if err != nil {
			return nil, err
		}
		e.in = append(e.in, labels)
		for _, l := range labels {
			dots = max(dots, -l)
			order = append(order, l)
		}
	}
	if !explicit {
		e.out = implied(order, dots)
	} else if err := e.result(n, right, dots); err != nil {
		return nil, err
	}
	slices.Sort(order)
	for _, l := range slices.Compact(order) {
		if !contains(e.out, l) {
			e.sum = append(e.sum, l)
		}
	}
	return e, nil
}

// letters are the labels of a term, and where its ellipsis is, or -1.
func letters(n *op.Node, term string) (labels []int, dots int, err error) {
	dots = -1
	for i := 0; i < len(term); i++ {
		c := term[i]
		switch {
		case strings.HasPrefix(term[i:], "...") && dots < 0:
			dots = len(labels)
			i += 2
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			labels = append(labels, int(c))
		default:
			return nil, 0, n.Errorf("a term %q has letters and at most one ellipsis", term)
		}
	}
	return labels, dots, nil
}

// ellipsis puts labels of so many dimensions at a place; the last one is -1.
func ellipsis(labels []int, at, count int) []int {
	var more []int
	for i := range count {
		more = append(more, i-count)
	}
	return slices.Insert(labels, at, more...)
}

func (e *equation) term(n *op.Node, term string, shape []int) ([]int, error) {
	labels, dots, err := letters(n, term)
	if err != nil {
		return nil, err
	}
	rest := len(shape) - len(labels)
	if rest < 0 || dots < 0 && rest > 0 {
		return nil, n.Errorf("a term %q does not fit a shape %v", term, shape)
	}
	if dots >= 0 {
		labels = ellipsis(labels, dots, rest)
	}
	for i, l := range labels {
		was, ok := e.size[l]
		switch {
		case !ok || was == 1:
			e.size[l] = shape[i]
		case shape[i] != was && shape[i] != 1:
			return nil, n.Errorf("a dimension of term %q has the sizes %d and %d", term, was, shape[i])
		}
	}
	return labels, nil
}

// implied is the output of an equation that has none: what the ellipses have, and the
// labels that come once, in the order of the alphabet.
func implied(order []int, dots int) []int {
	out := ellipsis(nil, 0, dots)
	for l := range 128 {
		count := 0
		for _, k := range order {
			if k == l && l > 0 {
				count++
			}
		}
		if count == 1 {
			out = append(out, l)
		}
	}
	return out
}

func (e *equation) result(n *op.Node, term string, dots int) error {
	labels, at, err := letters(n, term)
	if err != nil {
		return err
	}
	for i, l := range labels {
		if _, ok := e.size[l]; !ok || contains(labels[:i], l) {
			return n.Errorf("the output %q has a label twice, or one that no input has", term)
		}
	}
	if at >= 0 {
		labels = ellipsis(labels, at, dots)
	}
	e.out = labels
	return nil
}

// steps are how far apart elements of an input are along labels.
func (e *equation) steps(i int, shape, labels []int) []int {
	own := strides(shape)
	s := make([]int, len(labels))
	for k, l := range labels {
		for d, in := range e.in[i] {
			if in == l && shape[d] != 1 {
				s[k] += own[d]
			}
		}
	}
	return s
}

// sumProducts goes through all elements of the output, and for each through all that is
// summed over.
func sumProducts[T float32 | float64 | int32 | int64 | uint32 | uint64](e *equation) runFunc {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		var data [][]T
		var outer, inner [][]int
		for i, t := range in {
			data = append(data, tensor.As[T](t))
			outer, inner = append(outer, e.steps(i, t.Shape, e.out)), append(inner, e.steps(i, t.Shape, e.sum))
		}
		dst := tensor.As[T](out[0])
		sizes := make([]int, len(e.sum))
		for i, l := range e.sum {
			sizes[i] = e.size[l]
		}
		count, err := tensor.Count(sizes)
		if err != nil {
			return err
		}
		r.For(len(dst), grainOf(count), func(lo, hi int) {
			at, base := make([]int, len(sizes)), make([]int, len(data))
			for i := lo; i < hi; i++ {
				for k := range base {
					base[k] = 0
				}
				for d, rest := len(out[0].Shape)-1, i; d >= 0; d-- {
					x := rest % out[0].Shape[d]
					rest /= out[0].Shape[d]
					for k := range base {
						base[k] += x * outer[k][d]
					}
				}
				dst[i] = sumOf(r, data, base, inner, sizes, at, count)
			}
		})
		return r.Err()
	}
}

func sumOf[T float32 | float64 | int32 | int64 | uint32 | uint64](r *op.Run, data [][]T, base []int, step [][]int, sizes, at []int, count int) T {
	var sum T
	clear(at)
	for n := range count {
		if n&0xffff == 0xffff && r.Stopped() {
			break
		}
		v := data[0][base[0]]
		for k := 1; k < len(data); k++ {
			v *= data[k][base[k]]
		}
		sum += v
		for d := len(sizes) - 1; d >= 0; d-- {
			at[d]++
			for k := range base {
				base[k] += step[k][d]
			}
			if at[d] < sizes[d] {
				break
			}
			for k := range base {
				base[k] -= at[d] * step[k][d]
			}
			at[d] = 0
		}
	}
	return sum
}
