package onnxdata

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wasinn/wasinn/backends"
)

// Edit says what a model is to have instead of its own.
type Edit struct {
	// Inputs are types for inputs that the graph has. Others stay as they are.
	Inputs []backends.ValueInfo
	// Outputs are all outputs of the graph. A Kind of 0 is one whose type is left for an
	// engine to find.
	Outputs []backends.ValueInfo
}

// Apply returns the model with other inputs and outputs; weights and nodes are as they
// were.
func (e Edit) Apply(model []byte) ([]byte, error) {
	graph, err := graphOf(model)
	if err != nil {
		return nil, err
	}
	types := map[string]backends.ValueInfo{}
	for _, in := range e.Inputs {
		types[in.Name] = in
	}
	edited := make([]byte, 0, len(graph)+1<<12)
	err = raw(graph, func(f field, whole []byte) error {
		switch f.num {
		case 12:
			return nil
		case 11:
			name, err := nameOf(f)
			if in, ok := types[name]; ok && err == nil {
				edited = appendMessage(edited, 11, infoProto(in))
				return nil
			}
		}
		edited = append(edited, whole...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return withGraph(model, appendInfos(edited, 12, e.Outputs))
}

// Alone returns a model of one node of another, with the weights that it takes. inputs
// are the types of the other values that it takes.
func Alone(model []byte, n Node, inputs, outputs []backends.ValueInfo) ([]byte, error) {
	graph, err := graphOf(model)
	if err != nil {
		return nil, err
	}
	takes := slices.Concat(n.Inputs, n.Captured)
	given := func(name string) bool {
		return slices.ContainsFunc(inputs, func(in backends.ValueInfo) bool { return in.Name == name })
	}
	edited := appendMessage(appendMessage(nil, 1, n.body), 2, []byte("alone"))
	err = raw(graph, func(f field, whole []byte) error {
		switch f.num {
		case 5, 11:
			name, err := nameOf(f)
			if err == nil && slices.Contains(takes, name) && !given(name) {
				edited = append(edited, whole...)
			}
			return err
		case 15:
			edited = append(edited, whole...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return withGraph(model, appendInfos(appendInfos(edited, 11, inputs), 12, outputs))
}

// raw calls visit for every field of a message, with the bytes that it is written in.
func raw(message []byte, visit func(f field, whole []byte) error) error {
	for len(message) > 0 {
		f, rest, err := next(message)
		if err != nil {
			return err
		}
		if err := visit(f, message[:len(message)-len(rest)]); err != nil {
			return err
		}
		message = rest
	}
	return nil
}

// withGraph puts another graph in a model.
func withGraph(model, graph []byte) ([]byte, error) {
	edited := make([]byte, 0, len(graph)+1<<12)
	err := raw(model, func(f field, whole []byte) error {
		if f.num == 7 {
			whole = appendMessage(nil, 7, graph)
		}
		edited = append(edited, whole...)
		return nil
	})
	return edited, err
}

func appendMessage(b []byte, num protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, bytes), body)
}

func appendNumber(b []byte, num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, varint), v)
}

// appendInfos writes ValueInfoProtos as field num.
func appendInfos(b []byte, num protowire.Number, infos []backends.ValueInfo) []byte {
	for _, info := range infos {
		b = appendMessage(b, num, infoProto(info))
	}
	return b
}

// infoProto writes a ValueInfoProto.
func infoProto(info backends.ValueInfo) []byte {
	b := appendMessage(nil, 1, []byte(info.Name))
	if info.Kind == 0 {
		return b
	}
	return appendMessage(b, 2, writeType(info.ValueType))
}

// writeType writes a TypeProto.
func writeType(t backends.ValueType) []byte {
	var b []byte
	switch t.Kind {
	case backends.TensorKind:
		b = appendNumber(nil, 1, uint64(t.Type))
		if !t.Unranked {
			b = appendMessage(b, 2, writeShape(t.Dims))
		}
	case backends.MapKind:
		b = appendMessage(appendNumber(nil, 1, uint64(t.Key)), 2, writeType(*t.Elem))
	default:
		b = appendMessage(nil, 1, writeType(*t.Elem))
	}
	for num, kind := range typeKinds {
		if kind == t.Kind {
			return appendMessage(nil, protowire.Number(num), b)
		}
	}
	return nil
}

// writeShape writes a TensorShapeProto.
func writeShape(dims []int64) []byte {
	var b []byte
	for _, d := range dims {
		var dim []byte
		if d >= 0 {
			dim = appendNumber(nil, 1, uint64(d))
		}
		b = appendMessage(b, 1, dim)
	}
	return b
}
