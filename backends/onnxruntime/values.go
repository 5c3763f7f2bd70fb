//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
	"github.com/wasinn/wasinn/backends/onnxruntime/internal/ortshim"
)

var _ backends.ValueComputer = (*execution)(nil)

// elementType is the type of a number that ONNX Runtime answers with. It numbers
// the newest types in the order that it got them, and takes ONNX's numbers.
func elementType(ort int) backends.ElementType {
	switch {
	case ort == 24:
		return backends.U2
	case ort == 25:
		return backends.I2
	case ort == 26:
		return backends.FP8E8M0
	case ort < 0 || ort > math.MaxUint8:
		return 0
	}
	return backends.ElementType(ort)
}

// valueInfo describes an input or output. The error is *backends.Error.
func valueInfo(side string, info ortshim.Info) (backends.ValueInfo, error) {
	if err := checkRank(side, info); err != nil {
		return backends.ValueInfo{}, err
	}
	ty, ok := valueType(info, info.Kinds, info.Keys)
	if !ok {
		inner := info.Kinds[len(info.Kinds)-1]
		return backends.ValueInfo{}, backends.Errorf(backends.UnsupportedOperation, "%s %q of the model is, or has in it, %s of element type %d, which this engine has no values of",
			side, info.Name, kindName(inner), info.Type)
	}
	return backends.ValueInfo{Name: info.Name, ValueType: ty}, nil
}

// valueType is the type that begins with the first of kinds.
func valueType(info ortshim.Info, kinds []ortshim.Kind, keys []int) (ty backends.ValueType, ok bool) {
	if len(kinds) == 0 {
		return ty, false
	}
	if kinds[0] == ortshim.TensorKind {
		ty = backends.ValueType{Kind: backends.TensorKind, Type: elementType(info.Type), Unranked: !info.HasShape}
		if info.HasShape {
			ty.Dims = slices.Clone(info.Dims)
		}
		return ty, ty.Type == backends.String || ty.Type.Bits() > 0
	}
	elem, ok := valueType(info, kinds[1:], keys[1:])
	if !ok {
		return ty, false
	}
	switch kinds[0] {
	case ortshim.SequenceKind:
		return backends.SequenceType(elem), true
	case ortshim.OptionalKind:
		return backends.OptionalType(elem), true
	case ortshim.MapKind:
		key := elementType(keys[0])
		return backends.MapType(key, elem), key == backends.I64 || key == backends.String
	}
	return ty, false
}

// InputValues returns what a computation must be given, in the model's order.
func (g *graph) InputValues() []backends.ValueInfo {
	if !g.values {
		return nil
	}
	return slices.Clone(g.inputValues[:len(g.inputs)])
}

// OutputValues returns what a computation gives, in the model's order.
func (g *graph) OutputValues() []backends.ValueInfo { return slices.Clone(g.outputValues) }

// ComputeValues runs the model once. Unlike Compute it copies inputs and
// outputs, and makes several calls of ONNX Runtime.
func (e *execution) ComputeValues(ctx context.Context, inputs []backends.NamedValue) ([]backends.NamedValue, error) {
	switch {
	case e.run == nil:
		return nil, backends.Errorf(backends.InvalidArgument, "the execution context is closed")
	case !e.g.values:
		return nil, backends.Errorf(backends.InvalidArgument, "the graph was loaded for tensors only")
	case ctx.Err() != nil:
		return nil, onnxload.Stopped(ctx, "computing")
	}
	given, err := onnxload.MatchValues(e.g.inputValues, len(e.g.inputs), inputs)
	if err != nil {
		return nil, err
	}
	fed, indices, err := e.feedValues(given)
	defer ortshim.ReleaseAll(fed)
	if err != nil {
		return nil, err
	}
	out, err := e.run.ComputeValues(fed, indices, e.watch.follow(ctx))
	if err != nil {
		return nil, runError(ctx, err)
	}
	defer ortshim.ReleaseAll(out)
	return e.collectValues(out)
}

// feedValues makes ONNX Runtime's values of those that are given, and says of
// which inputs they are. The error is *backends.Error; the values made until
// then are the caller's all the same.
func (e *execution) feedValues(given []backends.Value) (fed []*ortshim.Value, indices []int, err error) {
	for i, v := range given {
		if v == nil {
			continue
		}
		info := e.g.inputValues[i]
		made, err := e.g.toORT(v, info.ValueType)
		if err != nil {
			return fed, indices, inputError(info.Name, err)
		}
		fed, indices = append(fed, made), append(indices, i)
	}
	return fed, indices, nil
}

func inputError(name string, err error) *backends.Error {
	var coded *backends.Error
	if errors.As(err, &coded) {
		return backends.Annotate(coded, "input %q", name)
	}
	text := cleanMessage(err.Error())
	code := backends.InvalidArgument
	if isNoMemory(text) {
		code = backends.TooLarge
	}
	return onnxload.HostError(code, err, "input %q: %s", name, text)
}

// toORT makes ONNX Runtime's value of v, for an input or element of type ty.
func (g *graph) toORT(v backends.Value, ty backends.ValueType) (*ortshim.Value, error) {
	lib := g.session.Library()
	switch v := v.(type) {
	case *backends.Tensor:
		if v.Type() == backends.String {
			return lib.NewStrings(v.Dims(), v.Strings())
		}
		return lib.NewTensor(int(v.Type()), v.Dims(), v.Data())
	case *backends.Sequence:
		if len(v.Values()) == 0 {
			return g.emptySequence(v.ValueType())
		}
		return g.collectionToORT(ortshim.SequenceKind, v.ValueType(), v.Values()...)
	case *backends.Map:
		return g.collectionToORT(ortshim.MapKind, v.ValueType(), v.Keys(), v.Values())
	}
	// Others than empty optionals are replaced by what they hold. An operator
	// would give one, but a run that takes it dereferences its null pointer.
	return nil, backends.Errorf(backends.UnsupportedOperation, "%s is empty, which ONNX Runtime has no way to hand over", ty)
}

func (g *graph) collectionToORT(kind ortshim.Kind, ty backends.ValueType, values ...backends.Value) (*ortshim.Value, error) {
	var elements []*ortshim.Value
	defer func() { ortshim.ReleaseAll(elements) }()
	for _, v := range values {
		made, err := g.toORT(v, v.ValueType())
		if err != nil {
			return nil, err
		}
		elements = append(elements, made)
	}
	return g.session.Library().NewCollection(kind, elements)
}

// collectValues makes values of a run's outputs. The error is *backends.Error.
func (e *execution) collectValues(out []*ortshim.Value) ([]backends.NamedValue, error) {
	results := make([]backends.NamedValue, len(out))
	for i, o := range out {
		info := e.g.outputValues[i]
		v, err := fromORT(o, info.ValueType)
		if err != nil {
			return nil, backends.Errorf(outputCode(err), "output %q: %w", info.Name, err)
		}
		results[i] = backends.NamedValue{Name: info.Name, Value: v}
	}
	return results, nil
}

// outputCode is the code of what is wrong with an output.
func outputCode(err error) backends.Code {
	if code := codeOf(err); code != backends.Unknown {
		return code
	}
	return backends.RuntimeError
}

// fromORT copies a value of type ty.
func fromORT(v *ortshim.Value, ty backends.ValueType) (backends.Value, error) {
	kind, err := v.Kind()
	if err != nil {
		return nil, err
	}
	if ty.Kind == backends.OptionalKind {
		return optionalFromORT(v, kind, onnxload.OpenShapes(*ty.Elem))
	}
	switch {
	case kind == ortshim.TensorKind && ty.Kind == backends.TensorKind:
		return tensorFromORT(v)
	case kind == ortshim.SequenceKind && ty.Kind == backends.SequenceKind:
		return sequenceFromORT(v, onnxload.OpenShapes(*ty.Elem))
	case kind == ortshim.MapKind && ty.Kind == backends.MapKind:
		return mapFromORT(v)
	}
	return nil, backends.Errorf(backends.RuntimeError, "it is %s, expected %s", kindName(kind), ty)
}

func optionalFromORT(v *ortshim.Value, kind ortshim.Kind, elem backends.ValueType) (backends.Value, error) {
	if kind == ortshim.UnknownKind {
		return value(backends.NewOptional(elem, nil))
	}
	held, err := fromORT(v, elem)
	if err != nil {
		return nil, err
	}
	return value(backends.NewOptional(elem, held))
}

// value makes a Value of what a constructor returns, and nil of its nil.
func value[V backends.Value](v V, err error) (backends.Value, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

func tensorFromORT(v *ortshim.Value) (backends.Value, error) {
	t, err := v.Tensor()
	if err != nil {
		return nil, err
	}
	dims, ok := unsigned(t.Dims)
	switch {
	case !ok:
		return nil, backends.Errorf(backends.TooLarge, "a dimension of %v is more than 32 bits can say", t.Dims)
	case elementType(t.Type) == backends.String:
		return value(backends.NewStringTensor(dims, t.Strings))
	}
	return value(backends.NewTensor(dims, elementType(t.Type), t.Data))
}

func sequenceFromORT(v *ortshim.Value, elem backends.ValueType) (backends.Value, error) {
	elements, err := v.Elements()
	if err != nil {
		return nil, err
	}
	defer ortshim.ReleaseAll(elements)
	values := make([]backends.Value, len(elements))
	for i, e := range elements {
		if values[i], err = fromORT(e, elem); err != nil {
			return nil, err
		}
	}
	return value(backends.NewSequence(elem, values))
}

func mapFromORT(v *ortshim.Value) (backends.Value, error) {
	elements, err := v.Elements()
	if err != nil {
		return nil, err
	}
	defer ortshim.ReleaseAll(elements)
	if len(elements) != 2 {
		return nil, backends.Errorf(backends.RuntimeError, "a map of %d parts, expected keys and values", len(elements))
	}
	keys, err := tensorFromORT(elements[0])
	if err != nil {
		return nil, err
	}
	values, err := tensorFromORT(elements[1])
	if err != nil {
		return nil, err
	}
	return value(backends.NewMap(keys.(*backends.Tensor), values.(*backends.Tensor)))
}

// computeTensors is Compute for a graph with inputs or outputs that are more
// than tensors of basic types.
func (e *execution) computeTensors(ctx context.Context, inputs []backends.NamedTensor) ([]backends.NamedTensor, error) {
	values := make([]backends.NamedValue, len(inputs))
	for i, in := range inputs {
		values[i].Name = in.Name
		if in.Tensor != nil {
			values[i].Value = in.Tensor
		}
	}
	out, err := e.ComputeValues(ctx, values)
	if err != nil {
		return nil, err
	}
	tensors := make([]backends.NamedTensor, len(out))
	for i, o := range out {
		t, ok := o.Value.(*backends.Tensor)
		if !ok {
			return nil, backends.Errorf(backends.UnsupportedOperation, "output %q is %s: ComputeValues gives it", o.Name, o.Value.ValueType())
		}
		tensors[i] = backends.NamedTensor{Name: o.Name, Tensor: t}
	}
	return tensors, nil
}
