package onnxload

import (
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/backends"
)

// Inputs are what computations of a graph take, in the model's order: first those that
// must be given, then those with a default in the model. It does not change once made.
type Inputs struct {
	infos    []backends.TensorInfo
	required int
	byName   map[string]int
}

// NewInputs makes the table. It keeps infos.
func NewInputs(infos []backends.TensorInfo, required int) *Inputs {
	t := &Inputs{infos: infos, required: required, byName: make(map[string]int, len(infos))}
	for i, info := range infos {
		t.byName[info.Name] = i
	}
	return t
}

// Len is the number of inputs, those with a default included.
func (t *Inputs) Len() int { return len(t.infos) }

// Match finds which of the inputs each tensor is, and checks it: seen has a mark for
// every input, and those found get turn. It calls feed for each tensor, with the
// input's index and the dimensions the engine is to see. The error is *backends.Error.
func (t *Inputs) Match(given []backends.NamedTensor, seen []uint64, turn uint64, feed func(slot, input int, dims []uint32)) error {
	required := 0
	for slot := range given {
		in := &given[slot]
		i, ok := t.index(slot, in.Name)
		switch {
		case !ok:
			return backends.Errorf(backends.InvalidArgument, "there is no input %q, %s", in.Name, t.names())
		case seen[i] == turn:
			return backends.Errorf(backends.InvalidArgument, "input %q is given twice", in.Name)
		case in.Tensor == nil:
			return backends.Errorf(backends.InvalidArgument, "input %q is given without a tensor", in.Name)
		}
		seen[i] = turn
		if i < t.required {
			required++
		}
		dims, ok := fit(&t.infos[i], in.Tensor)
		if !ok {
			return backends.Errorf(backends.InvalidArgument, "input %q takes a tensor %s, found %s%v", in.Name, Text(&t.infos[i]), in.Tensor.Type(), in.Tensor.Dims())
		}
		feed(slot, i, dims)
	}
	if required < t.required {
		return t.missing(seen, turn)
	}
	return nil
}

// index finds the input of a name, which most callers give in order.
func (t *Inputs) index(slot int, name string) (int, bool) {
	if slot < len(t.infos) && t.infos[slot].Name == name {
		return slot, true
	}
	i, ok := t.byName[name]
	return i, ok
}

func (t *Inputs) missing(seen []uint64, turn uint64) *backends.Error {
	var names []string
	for i := range t.infos[:t.required] {
		if seen[i] != turn {
			names = append(names, fmt.Sprintf("%q", t.infos[i].Name))
		}
	}
	return backends.Errorf(backends.InvalidArgument, "missing input %s, %s", listed(names), t.names())
}

// fit tells whether a tensor is what the input takes, and with which dimensions the
// engine is to see it.
func fit(a *backends.TensorInfo, t *backends.Tensor) ([]uint32, bool) {
	dims := t.Dims()
	if t.Type() != a.Type {
		return nil, false
	}
	if a.Unranked {
		return dims, true
	}
	if len(a.Dims) == 0 && len(dims) == 1 && dims[0] == 1 {
		return nil, true // wasi-nn has no other way to write a scalar
	}
	if len(dims) != len(a.Dims) {
		return nil, false
	}
	for i, d := range a.Dims {
		if d >= 0 && d != int64(dims[i]) {
			return nil, false
		}
	}
	return dims, true
}

// Text writes what an input takes as in FP32[1 3 ? ?].
func Text(a *backends.TensorInfo) string {
	if a.Unranked {
		return a.Type.String() + " of any shape"
	}
	sizes := make([]string, len(a.Dims))
	for i, d := range a.Dims {
		sizes[i] = "?"
		if d >= 0 {
			sizes[i] = fmt.Sprint(d)
		}
	}
	return a.Type.String() + "[" + strings.Join(sizes, " ") + "]"
}

// names lists the model's inputs for an error's reader.
func (t *Inputs) names() string {
	if len(t.infos) == 0 {
		return "the model has no inputs"
	}
	names := make([]string, len(t.infos))
	for i, in := range t.infos {
		names[i] = fmt.Sprintf("%q", in.Name)
	}
	return "the model has " + listed(names)
}

// listed joins names, but not hundreds.
func listed(names []string) string {
	const most = 16
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
