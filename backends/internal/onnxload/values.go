package onnxload

import (
	"fmt"

	"github.com/wasinn/wasinn/backends"
)

// MatchValues finds the value of each input, in the order of infos, of which the
// first required must be given: nil for one that is left out and has a default.
// An optional is replaced by what it holds; one that is empty is a
// *backends.Optional, as is an input of an optional type that is left out. The
// error is *backends.Error.
func MatchValues(infos []backends.ValueInfo, required int, given []backends.NamedValue) ([]backends.Value, error) {
	at := make(map[string]int, len(infos))
	for i, info := range infos {
		at[info.Name] = i
	}
	values := make([]backends.Value, len(infos))
	for _, in := range given {
		i, ok := at[in.Name]
		switch {
		case !ok:
			return nil, backends.Errorf(backends.InvalidArgument, "there is no input %q, %s", in.Name, valueNames(infos))
		case values[i] != nil:
			return nil, backends.Errorf(backends.InvalidArgument, "input %q is given twice", in.Name)
		case in.Value == nil:
			return nil, backends.Errorf(backends.InvalidArgument, "input %q is given without a value", in.Name)
		}
		v, ok := fitValue(infos[i].ValueType, in.Value)
		if !ok {
			return nil, backends.Errorf(backends.InvalidArgument, "input %q takes %s, found %s", in.Name, infos[i], in.Value.ValueType())
		}
		values[i] = v
	}
	for i, info := range infos[:required] {
		switch {
		case values[i] != nil:
		case info.Kind != backends.OptionalKind:
			return nil, backends.Errorf(backends.InvalidArgument, "missing input %q, %s", info.Name, valueNames(infos))
		default:
			values[i] = nothing
		}
	}
	return values, nil
}

// nothing is an optional that is empty, of whatever type.
var nothing = new(backends.Optional)

// fitValue returns v as an input of type want takes it, if it does.
func fitValue(want backends.ValueType, v backends.Value) (backends.Value, bool) {
	if o, ok := v.(*backends.Optional); ok {
		if v = o.Value(); v == nil {
			return o, want.Kind == backends.OptionalKind
		}
	}
	if want.Kind == backends.OptionalKind {
		want = *want.Elem
	}
	if want.Kind != backends.TensorKind {
		want = OpenShapes(want)
	}
	return v, want.Accepts(v.ValueType())
}

// OpenShapes is ty with all shapes left open: a value that holds tensors may
// have been made with a type that says less of their shapes than they do.
func OpenShapes(ty backends.ValueType) backends.ValueType {
	if ty.Kind == backends.TensorKind {
		return backends.TensorType(ty.Type)
	}
	if ty.Elem != nil {
		elem := OpenShapes(*ty.Elem)
		ty.Elem = &elem
	}
	return ty
}

// valueNames lists the model's inputs for an error's reader.
func valueNames(infos []backends.ValueInfo) string {
	if len(infos) == 0 {
		return "the model has no inputs"
	}
	names := make([]string, len(infos))
	for i, in := range infos {
		names[i] = fmt.Sprintf("%q", in.Name)
	}
	return "the model has " + listed(names)
}
