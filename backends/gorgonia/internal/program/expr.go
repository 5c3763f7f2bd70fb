package program

import (
	"fmt"
	"hash"
	"hash/fnv"
	"reflect"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// Go types that stand for element types which Go has not, so that Gorgonia's type
// system tells them apart.
type (
	float16    uint16
	bfloat16   uint16
	float8     uint8 // of all four kinds and the scale type, by number in dtypes
	float8uz   uint8
	float8wide uint8
	float8wuz  uint8
	float8exp  uint8
	float4     uint8
	uint4      uint8
	int4       int8
	uint2      uint8
	int2       int8
)

// dtypes are Gorgonia's types of elements.
var dtypes = map[tensor.Type]gt.Dtype{
	tensor.FP32: gt.Float32, tensor.FP64: gt.Float64, tensor.U8: gt.Uint8, tensor.I8: gt.Int8, tensor.U16: gt.Uint16, tensor.I16: gt.Int16,
	tensor.I32: gt.Int32, tensor.I64: gt.Int64, tensor.U32: gt.Uint32, tensor.U64: gt.Uint64, tensor.Bool: gt.Bool, tensor.String: gt.String,
	tensor.C64: gt.Complex64, tensor.C128: gt.Complex128,
	tensor.FP16: dtype[float16](), tensor.BF16: dtype[bfloat16](),
	tensor.F8E4M3FN: dtype[float8](), tensor.F8E4M3FNUZ: dtype[float8uz](), tensor.F8E5M2: dtype[float8wide](), tensor.F8E5M2FNUZ: dtype[float8wuz](),
	tensor.F8E8M0: dtype[float8exp](), tensor.F4E2M1: dtype[float4](), tensor.U4: dtype[uint4](), tensor.I4: dtype[int4](),
	tensor.U2: dtype[uint2](), tensor.I2: dtype[int2](),
}

func dtype[T any]() gt.Dtype { return gt.Dtype{Type: reflect.TypeFor[T]()} }

// gorgonian is a tensor as Gorgonia passes it between operators.
type gorgonian struct {
	*tensor.Tensor
	more []*tensor.Tensor // outputs behind the first
}

var _ G.Value = gorgonian{}

func (v gorgonian) Shape() gt.Shape            { return gt.Shape(v.Tensor.Shape) }
func (v gorgonian) Size() int                  { return v.Len() }
func (v gorgonian) Data() any                  { return v.Tensor.Data }
func (v gorgonian) Dtype() gt.Dtype            { return dtypes[v.Type] }
func (v gorgonian) Uintptr() uintptr           { return 0 } // memory is Go's, and no engine of Gorgonia's may use it
func (v gorgonian) MemSize() uintptr           { return uintptr(len(v.Tensor.Data)) }
func (v gorgonian) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%s%v", v.Type, v.Tensor.Shape) }

// operator is a step, or one output of a step, as Gorgonia sees it.
type operator struct {
	id   uint32
	name string
	in   []hm.Type
	out  *value
	do   func(in []G.Value) (G.Value, error)
}

var _ G.Op = (*operator)(nil)

// Arity is how many inputs there are.
func (o *operator) Arity() int { return len(o.in) }

// Type is a function's, of the inputs' types to the output's.
func (o *operator) Type() hm.Type {
	return hm.NewFnType(append(append([]hm.Type{}, o.in...), typeOf(o.out))...)
}

// InferShape is known from compiling the node.
func (o *operator) InferShape(...G.DimSizer) (gt.Shape, error) { return shapeOf(o.out), nil }

// Do computes the step, in reference mode.
func (o *operator) Do(in ...G.Value) (G.Value, error) { return o.do(in) }

// ReturnsPtr says that values are not copied.
func (o *operator) ReturnsPtr() bool { return true }

// CallsExtern says that there is no cgo.
func (o *operator) CallsExtern() bool { return false }

// OverwritesInput says that no input is overwritten: memory is planned by layOut.
func (o *operator) OverwritesInput() int { return -1 }

// WriteHash makes every operator different from all others: what can be merged has
// been before.
func (o *operator) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%d", o.id) }

// Hashcode is of WriteHash.
func (o *operator) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// String names the operator.
func (o *operator) String() string { return o.name }

func typeOf(v *value) hm.Type {
	d := dtypes[v.info.Type]
	if len(v.info.Shape) == 0 {
		return d
	}
	return G.TensorType{Dims: len(v.info.Shape), Of: d}
}

func shapeOf(v *value) gt.Shape {
	if len(v.info.Shape) == 0 {
		return gt.ScalarShape()
	}
	return gt.Shape(v.info.Shape)
}

// expression is a stage as a Gorgonia graph.
type expression struct {
	graph *G.ExprGraph
	nodes map[*value]*G.Node
	leafs []*value        // inputs and constants
	steps map[*G.Node]int // by the node of a step
}

// express builds the Gorgonia graph of a stage. do computes a step in reference mode;
// it may be nil.
func (s *stage) express(do func(step int, in []G.Value) (G.Value, error)) (e *expression, err error) {
	defer func() {
		if p := recover(); p != nil { // Gorgonia's way of refusing
			e, err = nil, fmt.Errorf("gorgonia: %v", p)
		}
	}()
	e = &expression{graph: G.NewGraph(), nodes: map[*value]*G.Node{}, steps: map[*G.Node]int{}}
	start := &value{name: "start", info: *startInfo}
	e.leaf(start)
	for i, st := range s.steps {
		if err := e.step(i, st, start, do); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// leaf makes a node of an input or a constant.
func (e *expression) leaf(v *value) *G.Node {
	if n := e.nodes[v]; n != nil {
		return n
	}
	name := fmt.Sprintf("%d:%s", len(e.leafs), v.name)
	var n *G.Node
	if len(v.info.Shape) == 0 {
		n = G.NewScalar(e.graph, dtypes[v.info.Type], G.WithName(name))
	} else {
		n = G.NewTensor(e.graph, dtypes[v.info.Type], len(v.info.Shape), G.WithShape(v.info.Shape...), G.WithName(name))
	}
	e.nodes[v] = n
	e.leafs = append(e.leafs, v)
	return n
}

// step makes the node of a step, and those that pick its further outputs.
func (e *expression) step(i int, st *step, start *value, do func(int, []G.Value) (G.Value, error)) error {
	var in []*G.Node
	var types []hm.Type
	for _, v := range st.in {
		if v != nil {
			in = append(in, e.leaf(v))
			types = append(types, typeOf(v))
		}
	}
	if len(in) == 0 { // Gorgonia's operators hang from something
		in, types = append(in, e.leaf(start)), append(types, typeOf(start))
	}
	var main *G.Node
	for k, v := range st.out {
		if v == nil || v.known() {
			continue
		}
		o := &operator{id: uint32(len(e.nodes)), name: st.node.Op, in: types, out: v}
		from := in
		if main == nil {
			o.do = func(in []G.Value) (G.Value, error) { return do(i, in) }
		} else {
			first := e.firstOf(st)
			o.name, o.in, from = fmt.Sprintf("%s.%d", st.node.Op, k), []hm.Type{typeOf(first)}, []*G.Node{main}
			o.do = func(in []G.Value) (G.Value, error) { return pick(in[0], k), nil }
		}
		n, err := G.ApplyOp(o, from...)
		if err != nil {
			return fmt.Errorf("%s: gorgonia: %w", st.node.label(), err)
		}
		if main == nil {
			main = n
			e.steps[n] = i
		}
		e.nodes[v] = n
	}
	return nil
}

// firstOf is the output that stands for a step.
func (e *expression) firstOf(st *step) *value {
	for _, v := range st.out {
		if v != nil && !v.known() {
			return v
		}
	}
	return nil
}

// pick is output k of a step's value.
func pick(v G.Value, k int) G.Value { return gorgonian{Tensor: v.(gorgonian).more[k]} }

// order checks the stage with Gorgonia and puts its steps into the order that Gorgonia
// sorts them in.
func (s *stage) order() error {
	if len(s.steps) == 0 {
		return nil
	}
	e, err := s.express(nil)
	if err != nil {
		return err
	}
	sorted, err := G.Sort(e.graph)
	if err != nil {
		return fmt.Errorf("gorgonia: %w", err)
	}
	steps := make([]*step, 0, len(s.steps))
	for i := len(sorted) - 1; i >= 0; i-- { // Gorgonia sorts from the outputs
		if k, ok := e.steps[sorted[i]]; ok {
			steps = append(steps, s.steps[k])
		}
	}
	if len(steps) != len(s.steps) {
		return fmt.Errorf("gorgonia: %d of %d steps are left after sorting", len(steps), len(s.steps))
	}
	s.steps = steps
	return nil
}
