package ops_test

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// same compares a value with what it should be, with ONNX's tolerances.
func same(got, want tensor.Value) error {
	switch want := want.(type) {
	case *tensor.Tensor:
		g, ok := got.(*tensor.Tensor)
		if !ok {
			return fmt.Errorf("is %T, expected a tensor", got)
		}
		return sameTensor(g, want)
	case *tensor.Sequence:
		g, ok := got.(*tensor.Sequence)
		if !ok || len(g.Items) != len(want.Items) {
			return fmt.Errorf("is %T %v, expected a sequence of %d", got, got, len(want.Items))
		}
		for i := range want.Items {
			if err := same(g.Items[i], want.Items[i]); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
	case *tensor.Optional:
		g, ok := got.(*tensor.Optional)
		if !ok {
			return fmt.Errorf("is %T, expected an optional", got)
		}
		if (g.Value == nil) != (want.Value == nil) {
			return fmt.Errorf("has a value: %v, expected %v", g.Value != nil, want.Value != nil)
		}
		if want.Value != nil {
			return same(g.Value, want.Value)
		}
	}
	return nil
}

func sameTensor(got, want *tensor.Tensor) error {
	if got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("is %s%v, expected %s%v", got.Type, got.Shape, want.Type, want.Shape)
	}
	if got.Type == tensor.String {
		if !slices.Equal(got.Strings, want.Strings) {
			return fmt.Errorf("is %q, expected %q", got.Strings, want.Strings)
		}
		return nil
	}
	switch got.Type {
	case tensor.FP32, tensor.FP64, tensor.FP16, tensor.BF16:
	default:
		if string(got.Data) != string(want.Data) {
			return fmt.Errorf("is %s, expected %s", brief(got), brief(want))
		}
		return nil
	}
	g, _ := got.Float64s()
	w, _ := want.Float64s()
	for i := range w {
		if g[i] == w[i] || math.IsNaN(g[i]) && math.IsNaN(w[i]) || math.Abs(g[i]-w[i]) <= 1e-7+1e-3*math.Abs(w[i]) {
			continue
		}
		return fmt.Errorf("element %d is %v, expected %v", i, g[i], w[i])
	}
	return nil
}

func brief(t *tensor.Tensor) string {
	s := fmt.Sprintf("%x", t.Data)
	if v, err := t.Int64s(); err == nil {
		s = fmt.Sprint(v)
	}
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return strings.TrimSpace(s)
}
