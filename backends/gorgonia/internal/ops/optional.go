package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// optionals are the operators on values that may be absent.
func optionals() []op.Spec {
	return []op.Spec{
		{Name: "Optional", Since: 15, MinIn: 0, MaxIn: 1, Compile: optionalOf},
		{Name: "OptionalGetElement", Since: 15, MinIn: 1, MaxIn: 1, Compile: optionalGetElement},
		{Name: "OptionalHasElement", Since: 15, MinIn: 0, MaxIn: 1, Compile: optionalHasElement},
	}
}

// optionalOf wraps its input, or stands for none.
//
// See https://onnx.ai/onnx/operators/onnx__Optional.html
func optionalOf(n *op.Node) (*op.Plan, error) {
	if !n.Has(0) && !n.Attr("type") {
		return nil, n.Errorf("there is neither an input nor the attribute \"type\"")
	}
	return op.Dynamic(func(_ *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		o := &tensor.Optional{}
		if len(in) > 0 && in[0] != nil {
			o.Value = in[0]
		}
		return []tensor.Value{o}, nil
	})
}

// optionalGetElement gives what is in an optional, and any other value as it is.
func optionalGetElement(n *op.Node) (*op.Plan, error) {
	return op.Dynamic(func(_ *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		o, ok := in[0].(*tensor.Optional)
		if !ok {
			return in[:1], nil
		}
		if o.Value == nil {
			return nil, n.Errorf("the optional has no value")
		}
		return []tensor.Value{o.Value}, nil
	})
}

// optionalHasElement says whether there is a value.
func optionalHasElement(*op.Node) (*op.Plan, error) {
	return op.Dynamic(func(_ *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		has := len(in) > 0 && in[0] != nil
		if o, ok := valueAt(in, 0).(*tensor.Optional); ok {
			has = o.Value != nil
		}
		return []tensor.Value{tensor.Scalar(tensor.Bool, has)}, nil
	})
}

func valueAt(in []tensor.Value, i int) tensor.Value {
	if i < len(in) {
		return in[i]
	}
	return nil
}
