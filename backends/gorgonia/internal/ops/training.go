package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// trainers are the operators that improve parameters by their gradients.
func trainers() []op.Spec {
	const domain = "ai.onnx.preview.training"
	return []op.Spec{
		{Domain: domain, Name: "Adagrad", Since: 1, MinIn: 3, MaxIn: -1, MaxOut: -1, Compile: improve(1, adagrad)},
		{Domain: domain, Name: "Adam", Since: 1, MinIn: 3, MaxIn: -1, MaxOut: -1, Compile: improve(2, adam)},
		{Domain: domain, Name: "Momentum", Since: 1, MinIn: 3, MaxIn: -1, MaxOut: -1, Compile: improve(1, momentum)},
	}
}

// improvement takes an element x with gradient g and its states a step on, of rate at
// the count-th update.
type improvement func(rate float64, count int64, x, g float64, state *[2]float64) float64

// improve is the plan of an operator whose inputs are a rate, a count, and then the
// parameters, their gradients, and the states of each; its outputs are the parameters
// and the states, changed.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxpreviewtraining_Adam.html
func improve(states int, of func(n *op.Node) (improvement, error)) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		f, err := of(n)
		if err != nil {
			return nil, err
		}
		count := (len(n.In) - 2) / (2 + states)
		if len(n.In) != 2+count*(2+states) || len(n.Outs) > count*(1+states) {
			return nil, n.Errorf("%d inputs and %d outputs are not %d for each parameter", len(n.In), len(n.Outs), 2+states)
		}
		var outs []op.Info
		for i := range n.Outs {
			x := n.In[2+i%count]
			outs = append(outs, op.Out(x.Type, x.Shape...))
		}
		for i := range n.In {
			if !n.Has(i) {
				return nil, n.Errorf("input %d is missing", i)
			}
			if i < 2 && tensor.Size(n.In[i].Shape) != 1 {
				return nil, n.Errorf("input %d has shape %v, expected one element", i, n.In[i].Shape)
			}
			if i >= 2 && (!isReal(n.In[i].Type) || tensor.Size(n.In[i].Shape) != tensor.Size(n.In[2+(i-2)%count].Shape)) {
				return nil, n.Errorf("input %d is %s%v, which does not fit its parameter %v", i, n.In[i].Type, n.In[i].Shape, n.In[2+(i-2)%count].Shape)
			}
		}
		if err := n.Want(1, tensor.I64); err != nil {
			return nil, err
		}
		return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
			rate, err := in[0].Float64s()
			if err != nil {
				return err
			}
			at := tensor.As[int64](in[1])[0]
			for p := range count {
				r.For(in[2+p].Len(), grain, func(lo, hi int) {
					improver{f, rate[0], at, states, count, p}.run(in, out, lo, hi)
				})
			}
			return nil
		}, outs...)
	}
}

// improver is one parameter's update.
type improver struct {
	f             improvement
	rate          float64
	at            int64
	states, count int
	parameter     int
}

// run updates the elements from lo to hi.
func (u improver) run(in, out []*tensor.Tensor, lo, hi int) {
	var x, g [256]float64
	var s [2][256]float64
	for at := lo; at < hi; at += len(x) {
		k := min(len(x), hi-at)
		loadReals(x[:k], in[2+u.parameter], at)
		loadReals(g[:k], in[2+u.count+u.parameter], at)
		for j := range u.states {
			loadReals(s[j][:k], in[2+(2+j)*u.count+u.parameter], at)
		}
		for i := range k {
			state := [2]float64{s[0][i], s[1][i]}
			x[i] = u.f(u.rate, u.at, x[i], g[i], &state)
			s[0][i], s[1][i] = state[0], state[1]
		}
		for j := range 1 + u.states {
			o := j*u.count + u.parameter
			if o >= len(out) || out[o] == nil {
				continue
			}
			if j == 0 {
				storeReals(out[o], at, x[:k])
			} else {
				storeReals(out[o], at, s[j-1][:k])
			}
		}
	}
}

func adagrad(n *op.Node) (improvement, error) {
	norm, epsilon, decay := float64(n.Float("norm_coefficient", 0)), float64(n.Float("epsilon", 1e-6)), float64(n.Float("decay_factor", 0))
	return func(rate float64, count int64, x, g float64, state *[2]float64) float64 {
		g += norm * x
		state[0] += g * g
		return x - rate/(1+float64(count)*decay)*g/(math.Sqrt(state[0])+epsilon)
	}, nil
}

func adam(n *op.Node) (improvement, error) {
	alpha, beta := float64(n.Float("alpha", 0.9)), float64(n.Float("beta", 0.999))
	norm, post, epsilon := float64(n.Float("norm_coefficient", 0)), float64(n.Float("norm_coefficient_post", 0)), float64(n.Float("epsilon", 1e-6))
	return func(rate float64, count int64, x, g float64, state *[2]float64) float64 {
		g += norm * x
		state[0] = alpha*state[0] + (1-alpha)*g
		state[1] = beta*state[1] + (1-beta)*g*g
		if count > 0 {
			rate *= math.Sqrt(1-math.Pow(beta, float64(count))) / (1 - math.Pow(alpha, float64(count)))
		}
		return (1 - post) * (x - rate*state[0]/(math.Sqrt(state[1])+epsilon))
	}, nil
}

func momentum(n *op.Node) (improvement, error) {
	alpha, beta, norm := float64(n.Float("alpha", 0)), float64(n.Float("beta", 0)), float64(n.Float("norm_coefficient", 0))
	mode := n.Str("mode", "")
	if mode != "standard" && mode != "nesterov" {
		return nil, n.Errorf("mode is %q, expected standard or nesterov", mode)
	}
	return func(rate float64, count int64, x, g float64, state *[2]float64) float64 {
		g += norm * x
		b := beta
		if count <= 0 {
			b = 1
		}
		state[0] = alpha*state[0] + b*g
		if mode == "nesterov" {
			return x - rate*(g+alpha*state[0])
		}
		return x - rate*state[0]
	}, nil
}
