package ops

import (
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// losses are the operators that say how far scores are from classes.
func losses() []op.Spec {
	return []op.Spec{
		{Name: "NegativeLogLikelihoodLoss", Since: 12, MinIn: 2, MaxIn: 3, Compile: op.Widen(lossOf(false))},
		{Name: "SoftmaxCrossEntropyLoss", Since: 12, MinIn: 2, MaxIn: 3, MaxOut: 2, Compile: op.Widen(lossOf(true))},
	}
}

// loss is a compiled loss: batch samples, of area places each, that have a score for
// each class.
type loss struct {
	batch, classes, area int
	softmax              bool // whether scores are not logarithms of probabilities yet
	reduction            string
	ignores              bool
	ignore               int64
}

// lossOf is the loss of logarithms of probabilities, or, with softmax, of scores that
// these are made of first.
//
// See https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html
func lossOf(softmax bool) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		if err := n.SameType(0, 2); err != nil {
			return nil, err
		}
		if err := n.Want(1, tensor.I64, tensor.I32); err != nil {
			return nil, err
		}
		s := n.In[0].Shape
		if len(s) < 2 {
			return nil, n.Errorf("scores of shape %v have no classes", s)
		}
		l := &loss{batch: s[0], classes: s[1], area: tensor.Size(s[2:]), softmax: softmax, reduction: n.Str("reduction", "mean"), ignores: n.Attr("ignore_index"), ignore: n.Int("ignore_index", 0)}
		places := append([]int{s[0]}, s[2:]...)
		if !slices.Equal(n.In[1].Shape, places) {
			return nil, n.Errorf("labels have shape %v, expected %v", n.In[1].Shape, places)
		}
		if n.Has(2) && tensor.Size(n.In[2].Shape) != l.classes {
			return nil, n.Errorf("there are weights of shape %v for %d classes", n.In[2].Shape, l.classes)
		}
		out := op.Out(n.In[0].Type)
		switch l.reduction {
		case "none":
			out.Shape = places
		case "sum", "mean":
		default:
			return nil, n.Errorf("reduction is %q, expected none, sum or mean", l.reduction)
		}
		outs := []op.Info{out}
		if len(n.Outs) > 1 {
			outs = append(outs, op.Info{})
			if n.Wants(1) {
				outs[1] = op.Out(n.In[0].Type, s...)
			}
		}
		return byFloat(n,
			func() (*op.Plan, error) { return op.Static(lossRun[float32](l), outs...) },
			func() (*op.Plan, error) { return op.Static(lossRun[float64](l), outs...) })
	}
}

func lossRun[T float](l *loss) func(r *op.Run, in, out []*tensor.Tensor) error {
	return func(r *op.Run, in, out []*tensor.Tensor) error {
		labels, err := in[1].Int64s()
		if err != nil {
			return err
		}
		for i, c := range labels {
			if (c < 0 || c >= int64(l.classes)) && !(l.ignores && c == l.ignore) {
				return &op.Invalid{Reason: "a label is no class"}
			}
			if i%grain == 0 && r.Stopped() {
				return op.ErrStopped
			}
		}
		x := tensor.As[T](in[0])
		var logs, weights []T
		if len(out) > 1 && out[1] != nil {
			logs = tensor.As[T](out[1])
		}
		if len(in) > 2 && in[2] != nil {
			weights = tensor.As[T](in[2])
		}
		each, applied := make([]float64, len(labels)), make([]float64, len(labels))
		r.For(len(labels), max(1, grain/4/max(1, l.classes)), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				at := i/l.area*l.classes*l.area + i%l.area
				shift := 0.0
				if l.softmax {
					shift = l.normalizer(func(k int) float64 { return float64(x[at+k*l.area]) })
				}
				if logs != nil {
					for k := range l.classes {
						logs[at+k*l.area] = T(float64(x[at+k*l.area]) - shift)
					}
				}
				if l.ignores && labels[i] == l.ignore {
					continue
				}
				applied[i] = 1
				if weights != nil {
					applied[i] = float64(weights[labels[i]])
				}
				each[i] = (shift - float64(x[at+int(labels[i])*l.area])) * applied[i]
			}
		})
		if out[0] != nil {
			l.reduce(out[0], each, applied)
		}
		return r.Err()
	}
}

// normalizer is the logarithm of the sum of the exponentials of a place's scores.
func (l *loss) normalizer(score func(k int) float64) float64 {
	top, sum := math.Inf(-1), 0.0
	for k := range l.classes {
		top = max(top, score(k))
	}
	for k := range l.classes {
		sum += math.Exp(score(k) - top)
	}
	return top + math.Log(sum)
}

// reduce writes the losses, their sum, or it by the sum of the weights.
func (l *loss) reduce(out *tensor.Tensor, each, applied []float64) {
	if l.reduction == "none" {
		storeReals(out, 0, each)
		return
	}
	sum, weight := 0.0, 0.0
	for i, v := range each {
		sum += v
		weight += applied[i]
	}
	if l.reduction == "mean" {
		sum /= weight
	}
	storeReals(out, 0, []float64{sum})
}
