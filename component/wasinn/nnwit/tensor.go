package nnwit

import (
	"context"
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
)

// tensor is a tensor resource of any version: T is the version's tensor-type.
// It has the guest's bytes, an engine's, or a reason why it has none that a
// graph can take. Its [tensors] use it again when the guest has given it up.
type tensor[T enum] struct {
	owner *tensors[T]
	ty    T

	input  *wasinn.Input   // of a tensor that the guest made
	output *output         // of one that an engine made
	view   backends.Tensor // of output in a type that wasi-nn has
	// invalid is why the tensor cannot be used: constructors cannot fail, so
	// it is said where the tensor is given to a graph.
	invalid *wasinn.Error
	dims    []uint32 // as the guest gave them, when invalid
}

// tensors makes the tensor resources of one version for one guest. It is the
// version's tensor interface.
type tensors[T enum] struct {
	g     *guest
	types *names[T, backends.ElementType]
	spare []*tensor[T]
}

func (ts *tensors[T]) take(ty T) *tensor[T] {
	if n := len(ts.spare); n > 0 {
		t := ts.spare[n-1]
		ts.spare = ts.spare[:n-1]
		t.ty = ty
		return t
	}
	return &tensor[T]{owner: ts, ty: ty}
}

// make is the constructor. data is a view of the guest's memory, and this is
// where it is copied. The error is a trap: the guest holds as many tensors as
// it may.
func (ts *tensors[T]) make(dims []uint32, ty T, data []byte) (*tensor[T], error) {
	in, err := ts.g.session.NewInput()
	if err != nil {
		return nil, beyondLimit("a tensor", err)
	}
	t := ts.take(ty)
	t.input = in
	if err := in.Set(dims, ts.types.word(ty), data); err != nil {
		t.keepInvalid(dims, data, backends.AsError(err))
	}
	return t, nil
}

// keepInvalid keeps what the guest gave, as far as its limits allow, so that
// it can read it back.
func (t *tensor[T]) keepInvalid(dims []uint32, data []byte, why *wasinn.Error) {
	t.invalid = why
	if len(dims) <= backends.MaxRank {
		t.dims = slices.Clone(dims)
	}
	if uint64(len(data)) > math.MaxUint32 || t.input.Set([]uint32{uint32(len(data))}, backends.U8, data) != nil {
		t.input.Release()
		t.input = nil
	}
}

// of makes the tensor of an engine's output, and takes over one reference to
// it, on an error too. The error is UnsupportedOperation for elements of a type
// that wasi-nn has none for.
func (ts *tensors[T]) of(o *output) (*tensor[T], error) {
	ty, ok := wasinn.Carrier(o.Tensor.Type())
	if !ok {
		err := backends.Errorf(backends.UnsupportedOperation,
			"output %q has elements of %s, which wasi-nn has no tensor type for", o.Name, o.Tensor.Type())
		ts.g.releaseOutput(o)
		return nil, err
	}
	t := ts.take(ts.types.toEnum[ty])
	t.output = o
	if ty == o.Tensor.Type() {
		return t, nil
	}
	if err := t.view.Reset(o.Tensor.Dims(), ty, o.Tensor.Data()); err != nil {
		t.release()
		return nil, err
	}
	return t, nil
}

// value is the tensor as the service takes it, or why it cannot.
func (t *tensor[T]) value() (*backends.Tensor, error) {
	switch {
	case t.invalid != nil:
		return nil, t.invalid
	case t.input != nil:
		return t.input.Tensor(), nil
	case t.owner.types.word(t.ty) != t.output.Tensor.Type():
		return &t.view, nil
	}
	return t.output.Tensor, nil
}

// Dimensions returns the size of each dimension.
func (t *tensor[T]) Dimensions(context.Context) ([]uint32, error) {
	v, err := t.value()
	if err != nil {
		return t.dims, nil
	}
	return v.Dims(), nil
}

// Ty returns the type of the elements.
func (t *tensor[T]) Ty(context.Context) (T, error) { return t.ty, nil }

// Data returns the elements' bytes where they lie; the ABI copies them to the
// guest.
func (t *tensor[T]) Data(context.Context) ([]byte, error) {
	switch {
	case t.input != nil:
		return t.input.Tensor().Data(), nil
	case t.output != nil:
		return t.output.Tensor.Data(), nil
	}
	return nil, nil
}

// Drop gives the tensor's bytes back.
func (t *tensor[T]) Drop(context.Context) error {
	t.release()
	return nil
}

func (t *tensor[T]) release() {
	ts := t.owner
	if t.input != nil {
		t.input.Release()
	}
	if t.output != nil {
		ts.g.releaseOutput(t.output)
	}
	t.input, t.output, t.invalid, t.dims = nil, nil, nil, nil
	if len(ts.spare) < maxSpare {
		ts.spare = append(ts.spare, t)
	}
}
