package gorgonia

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
)

// fromBackend fills in the elements of an input. They are copied only where kernels
// could not read them as they are: at an odd address, packed, or booleans other than
// 0 and 1.
func fromBackend(head *tensor.Tensor, t *backends.Tensor) error {
	head.Type = t.Type()
	head.Strings = t.Strings()
	head.Data = t.Data()
	switch {
	case head.Type == tensor.String:
		head.Data = nil
	case tensor.BitSize(head.Type) < 8:
		u, err := onnx.Unpack(head.Type, head.Shape, t.Data())
		if err != nil {
			return backends.Errorf(backends.InvalidArgument, "%w", err)
		}
		head.Data = u.Data
	case head.Type == tensor.Bool && slices.ContainsFunc(head.Data, func(b byte) bool { return b > 1 }):
		head.Data = slices.Clone(head.Data)
		for i, b := range head.Data {
			head.Data[i] = min(b, 1)
		}
	case misaligned(head.Data, tensor.ItemSize(head.Type)):
		data := tensor.Aligned(len(head.Data))
		copy(data, head.Data)
		head.Data = data
	}
	return nil
}

// misaligned says whether bytes start where no element of a size may.
func misaligned(b []byte, size int) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))%uintptr(min(size, 8)) != 0
}

// ComputeValues runs the model once, on values of every kind.
func (e *execution) ComputeValues(ctx context.Context, inputs []backends.NamedValue) ([]backends.NamedValue, error) {
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	for _, in := range inputs {
		if err := e.feedValue(in); err != nil {
			return nil, err
		}
	}
	for i := range e.g.inValues[:e.g.required] {
		if e.ins[i] != nil {
			continue
		}
		if e.g.inValues[i].Kind != backends.OptionalKind {
			return nil, backends.Errorf(backends.InvalidArgument, "missing input %q", e.g.inValues[i].Name)
		}
		e.give(i, &tensor.Optional{})
	}
	out, err := e.compute(ctx)
	if err != nil {
		return nil, err
	}
	results := make([]backends.NamedValue, len(out))
	for i, v := range out {
		info := e.g.outValues[i]
		r, err := toValue(v, info.ValueType)
		if err != nil {
			return nil, backends.Annotate(err, "output %q", info.Name)
		}
		results[i] = backends.NamedValue{Name: info.Name, Value: r}
	}
	return results, nil
}

func (e *execution) feedValue(in backends.NamedValue) error {
	i := slices.IndexFunc(e.g.inValues, func(v backends.ValueInfo) bool { return v.Name == in.Name })
	switch {
	case i < 0:
		return backends.Errorf(backends.InvalidArgument, "there is no input %q", in.Name)
	case e.seen[i] == e.turn:
		return backends.Errorf(backends.InvalidArgument, "input %q is given twice", in.Name)
	case in.Value == nil:
		return backends.Errorf(backends.InvalidArgument, "input %q is given without a value", in.Name)
	}
	e.seen[i] = e.turn
	want := e.g.inValues[i].ValueType
	if want.Kind == backends.OptionalKind && in.Value.ValueType().Kind != backends.OptionalKind {
		want = *want.Elem
	}
	if found := in.Value.ValueType(); !want.Accepts(found) {
		return backends.Errorf(backends.InvalidArgument, "input %q takes %s, found %s", in.Name, want, found)
	}
	v, err := fromValue(in.Value)
	if err != nil {
		return backends.Annotate(err, "input %q", in.Name)
	}
	if o := e.g.inValues[i]; o.Kind == backends.OptionalKind && in.Value.ValueType().Kind != backends.OptionalKind {
		v = &tensor.Optional{Value: v}
	}
	e.give(i, v)
	return nil
}

// fromValue makes a value of the engine's own of one from outside.
func fromValue(v backends.Value) (tensor.Value, error) {
	switch v := v.(type) {
	case *backends.Tensor:
		t := &tensor.Tensor{Shape: make([]int, len(v.Dims()))}
		for i, d := range v.Dims() {
			t.Shape[i] = int(d)
		}
		return t, fromBackend(t, v)
	case *backends.Sequence:
		s := &tensor.Sequence{Type: v.ValueType().Elem.Type}
		for _, item := range v.Values() {
			t, err := fromValue(item)
			if err != nil {
				return nil, err
			}
			s.Items = append(s.Items, t)
		}
		return s, nil
	case *backends.Optional:
		o := &tensor.Optional{}
		if v.Value() == nil {
			return o, nil
		}
		var err error
		o.Value, err = fromValue(v.Value())
		return o, err
	}
	return mapFrom(v.(*backends.Map))
}

// mapFrom makes a map of the engine's own of one from outside.
func mapFrom(v *backends.Map) (tensor.Value, error) {
	m := &tensor.Map{Strings: v.Keys().Strings()}
	values, err := fromValue(v.Values())
	if err != nil {
		return nil, err
	}
	m.Values = values.(*tensor.Tensor)
	if v.Keys().Type() == backends.String {
		if m.Strings == nil {
			m.Strings = []string{}
		}
		return m, nil
	}
	keys, err := fromValue(v.Keys())
	if err != nil {
		return nil, err
	}
	m.Ints = tensor.As[int64](keys.(*tensor.Tensor))
	return m, nil
}

// toValue hands a value out as one of a type.
func toValue(v tensor.Value, t backends.ValueType) (backends.Value, error) {
	switch v := v.(type) {
	case *tensor.Tensor:
		return toBackend(v)
	case *tensor.Sequence:
		if t.Kind != backends.SequenceKind {
			break
		}
		items := make([]backends.Value, len(v.Items))
		for i, item := range v.Items {
			var err error
			if items[i], err = toValue(item, *t.Elem); err != nil {
				return nil, err
			}
		}
		return backends.NewSequence(*t.Elem, items)
	case *tensor.Optional:
		if t.Kind != backends.OptionalKind {
			break
		}
		if v.Value == nil {
			return backends.NewOptional(*t.Elem, nil)
		}
		held, err := toValue(v.Value, *t.Elem)
		if err != nil {
			return nil, err
		}
		return backends.NewOptional(*t.Elem, held)
	case *tensor.Map:
		keys := tensor.Ints(v.Ints...)
		if v.Strings != nil {
			keys = tensor.Text([]int{len(v.Strings)}, v.Strings...)
		}
		k, err := toBackend(keys)
		if err != nil {
			return nil, err
		}
		values, err := toBackend(v.Values)
		if err != nil {
			return nil, err
		}
		return backends.NewMap(k, values)
	}
	return nil, backends.Errorf(backends.RuntimeError, "the value is %T, the model says %s", v, t)
}

// runError is what goes wrong in a computation.
func runError(ctx context.Context, err error) *backends.Error {
	var limit *op.LimitError
	var lacks *op.Unsupported
	switch {
	case ctx.Err() != nil || errors.Is(err, op.ErrStopped):
		return onnxload.Stopped(ctx, "computing")
	case errors.As(err, &limit):
		return backends.Errorf(backends.TooLarge, "the computation: %w", err)
	case errors.As(err, &lacks):
		return backends.Errorf(backends.UnsupportedOperation, "%w", err)
	case op.IsInvalid(err):
		return backends.Errorf(backends.InvalidArgument, "%w", err)
	}
	return backends.Errorf(backends.RuntimeError, "%w", err)
}

// watch stops computations when their context ends. It stays with a context from one
// computation to the next, so that only the first pays for it.
type watch struct {
	done <-chan struct{}
	stop func() bool

	mu   sync.Mutex
	turn int
}

// follow makes the end of ctx set flag, and clears it.
func (w *watch) follow(ctx context.Context, flag *atomic.Bool) {
	done := ctx.Done()
	if done == w.done && done != nil {
		return
	}
	w.end()
	w.mu.Lock()
	w.turn++
	turn := w.turn
	flag.Store(false)
	w.mu.Unlock()
	if done == nil {
		return
	}
	w.done = done
	w.stop = context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.turn == turn {
			flag.Store(true)
		}
	})
}

// end follows nothing any more.
func (w *watch) end() {
	if w.stop != nil {
		w.stop()
	}
	w.done, w.stop = nil, nil
}
