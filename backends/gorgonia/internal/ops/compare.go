package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// comparisons are the operators whose output is truth values, and Where.
func comparisons() []op.Spec {
	var specs []op.Spec
	for name, q := range map[string]question{"Equal": equal, "Less": less, "LessOrEqual": lessOrEqual, "Greater": greater, "GreaterOrEqual": greaterOrEqual} {
		specs = append(specs, op.Spec{Name: name, Since: 1, MinIn: 2, MaxIn: 2, Compile: op.Widen(compare(q))})
	}
	for name, f := range map[string]func(a, b bool) bool{
		"And": func(a, b bool) bool { return a && b },
		"Or":  func(a, b bool) bool { return a || b },
		"Xor": func(a, b bool) bool { return a != b },
	} {
		specs = append(specs, op.Spec{Name: name, Since: 1, MinIn: 2, MaxIn: 2, Compile: logical(f)})
	}
	return append(specs, op.Spec{Name: "Where", Since: 9, MinIn: 3, MaxIn: 3, Compile: where})
}

// question names a comparison.
type question int

const (
	equal question = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// ask compares a row. Comparisons with NaN are false.
func ask[T integer | float32 | float64](q question) binaryRow[T, bool] {
	return func(dst []bool, a, b []T) {
		sa, sb := step(a), step(b)
		switch q {
		case equal:
			for i := range dst {
				dst[i] = a[i*sa] == b[i*sb]
			}
		case less:
			for i := range dst {
				dst[i] = a[i*sa] < b[i*sb]
			}
		case lessOrEqual:
			for i := range dst {
				dst[i] = a[i*sa] <= b[i*sb]
			}
		case greater:
			for i := range dst {
				dst[i] = a[i*sa] > b[i*sb]
			}
		case greaterOrEqual:
			for i := range dst {
				dst[i] = a[i*sa] >= b[i*sb]
			}
		}
	}
}

func compare(q question) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		if err := n.SameType(0, 1); err != nil {
			return nil, err
		}
		switch n.In[0].Type {
		case tensor.FP32:
			return binary(n, tensor.Bool, ask[float32](q))
		case tensor.FP64:
			return binary(n, tensor.Bool, ask[float64](q))
		case tensor.I8:
			return binary(n, tensor.Bool, ask[int8](q))
		case tensor.I16:
			return binary(n, tensor.Bool, ask[int16](q))
		case tensor.I32:
			return binary(n, tensor.Bool, ask[int32](q))
		case tensor.I64:
			return binary(n, tensor.Bool, ask[int64](q))
		case tensor.U8, tensor.Bool:
			return binary(n, tensor.Bool, ask[uint8](q))
		case tensor.U16:
			return binary(n, tensor.Bool, ask[uint16](q))
		case tensor.U32:
			return binary(n, tensor.Bool, ask[uint32](q))
		case tensor.U64:
			return binary(n, tensor.Bool, ask[uint64](q))
		case tensor.String:
			if q == equal {
				return equalStrings(n)
			}
		}
		return nil, n.Unsupportedf("tensors of %s are not compared so", n.In[0].Type)
	}
}

func equalStrings(n *op.Node) (*op.Plan, error) {
	a, b := operandShapes(n)
	shape, err := op.Broadcast(a, b)
	if err != nil {
		return nil, err
	}
	w := pair(shape, a, b)
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		dst := tensor.As[bool](out[0])
		w.each(r, func(to, n, fromA, fromB int) {
			for i := range n {
				dst[to+i] = in[0].Strings[fromA+i*w.moveA] == in[1].Strings[fromB+i*w.moveB]
			}
		})
		return nil
	}, op.Out(tensor.Bool, shape...))
}

func logical(f func(a, b bool) bool) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		for i := range 2 {
			if err := n.Want(i, tensor.Bool); err != nil {
				return nil, err
			}
		}
		return binary(n, tensor.Bool, func(dst, a, b []bool) {
			sa, sb := step(a), step(b)
			for i := range dst {
				dst[i] = f(a[i*sa], b[i*sb])
			}
		})
	}
}

// where takes elements of one tensor or another, of any type.
func where(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.Bool); err != nil {
		return nil, err
	}
	if err := n.SameType(1, 2); err != nil {
		return nil, err
	}
	c, x, y := n.In[0].Shape, n.In[1].Shape, n.In[2].Shape
	shape, err := op.Broadcast(c, x, y)
	if err != nil {
		return nil, err
	}
	t := n.In[1].Type
	w := &chooser{values: pair(shape, x, y), conditions: pair(shape, c, shape)}
	var run func(r *op.Run, in, out []*tensor.Tensor)
	switch tensor.ItemSize(t) {
	case 0:
		run = func(r *op.Run, in, out []*tensor.Tensor) {
			choose(r, w, tensor.As[bool](in[0]), out[0].Strings, in[1].Strings, in[2].Strings)
		}
	case 1:
		run = chooseAs[uint8](w)
	case 2:
		run = chooseAs[uint16](w)
	case 4:
		run = chooseAs[uint32](w)
	case 8:
		run = chooseAs[uint64](w)
	default:
		return nil, n.Unsupportedf("tensors of %s", t)
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		run(r, in, out)
		return nil
	}, op.Out(t, shape...))
}

// chooser walks two tensors of values and one of conditions.
type chooser struct{ values, conditions *pairing }

func chooseAs[T uint8 | uint16 | uint32 | uint64](w *chooser) func(r *op.Run, in, out []*tensor.Tensor) {
	return func(r *op.Run, in, out []*tensor.Tensor) {
		choose(r, w, tensor.As[bool](in[0]), tensor.View[T](out[0].Data), tensor.View[T](in[1].Data), tensor.View[T](in[2].Data))
	}
}

func choose[T any](r *op.Run, w *chooser, cond []bool, dst, x, y []T) {
	v, c := w.values, w.conditions
	v.each(r, func(to, n, fromX, fromY int) {
		for i := 0; i < n; {
			// A row of conditions may end within a row of values.
			row, at := (to+i)/c.width, (to+i)%c.width
			from, _ := c.offsets(row)
			m := min(n-i, c.width-at)
			for k := range m {
				if cond[from+(at+k)*c.moveA] {
					dst[to+i+k] = x[fromX+(i+k)*v.moveA]
				} else {
					dst[to+i+k] = y[fromY+(i+k)*v.moveB]
				}
			}
			i += m
		}
	})
}
