//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"testing"

	ort "github.com/yalue/onnxruntime_go"
)

// TestDefectsOfTheBinding holds what the Go binding refuses and internal/ortshim
// therefore does itself. A case that fails after an update tells that the
// binding could be used for it.
func TestDefectsOfTheBinding(t *testing.T) {
	b, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	needLibrary(t, b)
	for _, c := range []struct {
		what string
		make func() (interface{ Destroy() error }, error)
	}{
		{"a tensor of rank 0", func() (interface{ Destroy() error }, error) {
			return ort.NewTensor(ort.NewShape(), []float32{1})
		}},
		{"a float16 tensor without elements", func() (interface{ Destroy() error }, error) {
			return ort.NewCustomDataTensor(ort.NewShape(0), nil, ort.TensorElementDataTypeFloat16)
		}},
	} {
		v, err := c.make()
		if err == nil {
			v.Destroy()
			t.Errorf("the binding makes %s now", c.what)
		}
	}
}
