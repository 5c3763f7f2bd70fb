package onnx

import (
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// Value reads a TensorProto, SequenceProto or OptionalProto, as a type says, such as
// those that ONNX's test cases hold.
//
// See https://github.com/onnx/onnx/blob/main/onnx/onnx-data.proto
func Value(b []byte, t *Type) (tensor.Value, error) { return valueOf(b, t, 0) }

func valueOf(b []byte, t *Type, depth int) (tensor.Value, error) {
	switch {
	case t == nil || depth > maxDepth:
		return nil, errors.New("a value without a type")
	case t.Kind == TensorKind:
		return Tensor(b)
	case t.Kind == SequenceKind && t.Of != nil:
		s := &tensor.Sequence{Type: t.Of.Elem}
		return s, fields(b, func(f field) error {
			if f.num != 3 && f.num != 5 {
				return nil
			}
			v, err := valueOf(f.body, t.Of, depth+1)
			s.Items = append(s.Items, v)
			return err
		})
	case t.Kind == OptionalKind && t.Of != nil:
		o := &tensor.Optional{}
		return o, fields(b, func(f field) error {
			if f.num != 3 && f.num != 5 {
				return nil
			}
			var err error
			o.Value, err = valueOf(f.body, t.Of, depth+1)
			return err
		})
	}
	return nil, fmt.Errorf("values of kind %d are not read", t.Kind)
}
