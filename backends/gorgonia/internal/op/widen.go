package op

import (
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// Widen makes an operator on float32 one on float16 and bfloat16, too: inputs of these
// types are widened, the operator computes in float32, and outputs that it then makes
// in float32 are rounded, unless keep names them.
func Widen(compile func(*Node) (*Plan, error), keep ...int) func(*Node) (*Plan, error) {
	return func(n *Node) (*Plan, error) {
		narrow := narrowType(n)
		if narrow == 0 {
			return compile(n)
		}
		return widened(n, narrow, compile, keep)
	}
}

// narrowType is FP16 or BF16 when an input has that type, else 0.
func narrowType(n *Node) tensor.Type {
	for _, in := range n.In {
		if in != nil && (in.Type == tensor.FP16 || in.Type == tensor.BF16) {
			return in.Type
		}
	}
	return 0
}

func isNarrow(t tensor.Type) bool { return t == tensor.FP16 || t == tensor.BF16 }

func widened(n *Node, narrow tensor.Type, compile func(*Node) (*Plan, error), keep []int) (*Plan, error) {
	wide := *n
	wide.In = make([]*Info, len(n.In))
	was := make([]bool, len(n.In))
	for i, in := range n.In {
		wide.In[i] = in
		if in == nil || !isNarrow(in.Type) {
			continue
		}
		was[i] = true
		w := *in
		w.Type = tensor.FP32
		if t := in.Tensor(); t != nil {
			w.Const = ToFloat32(t)
		}
		wide.In[i] = &w
	}
	p, err := compile(&wide)
	if wide.err != nil && n.err == nil {
		n.err = wide.err
	}
	if err != nil {
		return nil, err
	}
	return p.narrowed(narrow, was, keep)
}

// narrowed wraps a plan on float32.
func (p *Plan) narrowed(narrow tensor.Type, was []bool, keep []int) (*Plan, error) {
	w := &Plan{Out: append([]Info{}, p.Out...)}
	back := make([]bool, len(p.Out))
	for k := range w.Out {
		o := &w.Out[k]
		if o.Type != tensor.FP32 || contains(keep, k) {
			continue
		}
		back[k] = true
		o.Type = narrow
		if t := o.Tensor(); t != nil {
			o.Const = FromFloat32(t, narrow)
		}
	}
	if p.ViewOf > 0 {
		w.ViewOf = p.ViewOf
		return w, nil
	}
	if p.Eval != nil {
		return nil, &Unsupported{"an operator whose shapes depend on elements does not compute in " + narrow.String()}
	}
	w.Run = func(r *Run, in, out []*tensor.Tensor) error {
		ins, outs := make([]*tensor.Tensor, len(in)), make([]*tensor.Tensor, len(out))
		for i, t := range in {
			ins[i] = t
			if t != nil && was[i] {
				ins[i] = &tensor.Tensor{Type: tensor.FP32, Shape: t.Shape, Data: r.Scratch(4 * t.Len())}
				widenOn(r, tensor.As[float32](ins[i]), t)
			}
		}
		for k, t := range out {
			outs[k] = t
			if t != nil && back[k] {
				outs[k] = &tensor.Tensor{Type: tensor.FP32, Shape: t.Shape, Data: r.Scratch(4 * t.Len())}
			}
		}
		if err := p.Run(r, ins, outs); err != nil {
			return err
		}
		for k, t := range out {
			if t != nil && back[k] {
				narrowOn(r, t, tensor.As[float32](outs[k]))
			}
		}
		return nil
	}
	return w, nil
}

func contains(list []int, k int) bool {
	for _, v := range list {
		if v == k {
			return true
		}
	}
	return false
}

// ToFloat32 is a copy of a float16 or bfloat16 tensor in float32.
func ToFloat32(t *tensor.Tensor) *tensor.Tensor {
	w := tensor.New(tensor.FP32, t.Shape...)
	WidenTo(tensor.As[float32](w), t)
	return w
}

// FromFloat32 is a copy of a float32 tensor, rounded.
func FromFloat32(t *tensor.Tensor, narrow tensor.Type) *tensor.Tensor {
	w := tensor.New(narrow, t.Shape...)
	NarrowTo(w, tensor.As[float32](t))
	return w
}

// convertGrain is how many elements are worth a thread.
const convertGrain = 1 << 14

// widenOn is WidenTo on the threads of a run.
func widenOn(r *Run, dst []float32, t *tensor.Tensor) {
	src, f := tensor.As[uint16](t), widenRow(t.Type)
	r.For(len(src), convertGrain, func(lo, hi int) { f(dst[lo:hi], src[lo:hi]) })
}

// narrowOn is NarrowTo on the threads of a run.
func narrowOn(r *Run, t *tensor.Tensor, src []float32) {
	dst, f := tensor.As[uint16](t), narrowRow(t.Type)
	r.For(len(dst), convertGrain, func(lo, hi int) { f(dst[lo:hi], src[lo:hi]) })
}

func widenRow(t tensor.Type) func(dst []float32, src []uint16) {
	if t == tensor.FP16 {
		return vec.Float16ToFloat32
	}
	return vec.Bfloat16ToFloat32
}

func narrowRow(t tensor.Type) func(dst []uint16, src []float32) {
	if t == tensor.FP16 {
		return vec.Float32ToFloat16
	}
	return vec.Float32ToBfloat16
}

// WidenTo writes the elements of a float16 or bfloat16 tensor as float32.
func WidenTo(dst []float32, t *tensor.Tensor) {
	src := tensor.As[uint16](t)
	widenRow(t.Type)(dst[:len(src)], src)
}

// NarrowTo rounds float32 elements into a float16 or bfloat16 tensor.
func NarrowTo(t *tensor.Tensor, src []float32) {
	dst := tensor.As[uint16](t)
	narrowRow(t.Type)(dst, src[:len(dst)])
}

// String lists what the node is, for tests and traces.
func (n *Node) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s-%d(", n.Op, n.Version)
	for i, in := range n.In {
		if i > 0 {
			b.WriteString(", ")
		}
		if in != nil {
			fmt.Fprintf(&b, "%s%v", in.Type, in.Shape)
		}
	}
	return b.String() + ")"
}
