//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"encoding/binary"
	"errors"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime/internal/ortshim"
)

// emptySequence makes an empty sequence of type ty. ONNX Runtime has no call for
// that, but an operator that gives one: a model of one such is run.
func (g *graph) emptySequence(ty backends.ValueType) (*ortshim.Value, error) {
	if ty.Elem.Kind != backends.TensorKind {
		return nil, backends.Errorf(backends.UnsupportedOperation, "%s is empty, which ONNX Runtime has no way to hand over", ty)
	}
	opts, err := newOptions()
	if err != nil {
		return nil, err
	}
	defer opts.Destroy()
	if err := opts.SetIntraOpNumThreads(1); err != nil {
		return nil, err
	}
	session, err := g.session.Library().NewSession(emptyModel(ty), opts.pointer)
	if err != nil {
		return nil, err
	}
	defer session.Release()
	run, err := session.NewRun()
	if err != nil {
		return nil, err
	}
	defer run.Release()
	out, err := run.ComputeValues(nil, nil, false)
	if err != nil {
		return nil, err
	}
	if len(out) != 1 {
		ortshim.ReleaseAll(out)
		return nil, errors.New("a model of one output gave another number of them")
	}
	return out[0], nil
}

// message is a protobuf message under construction.
type message []byte

func (m message) int(num, v uint64) message {
	return binary.AppendUvarint(binary.AppendUvarint(m, num<<3), v)
}

func (m message) bytes(num uint64, b []byte) message {
	return append(binary.AppendUvarint(binary.AppendUvarint(m, num<<3|2), uint64(len(b))), b...)
}

// emptyModel is a model whose one output is an empty sequence of type ty, which
// is a sequence of tensors.
//
// See https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
func emptyModel(ty backends.ValueType) []byte {
	const attributeInt = 2 // of AttributeProto.AttributeType
	name := []byte("empty")
	dtype := message{}.bytes(1, []byte("dtype")).int(3, uint64(ty.Elem.Type)).int(20, attributeInt)
	node := message{}.bytes(2, name).bytes(4, []byte("SequenceEmpty")).bytes(5, dtype)
	tensor := message{}.bytes(1, message{}.int(1, uint64(ty.Elem.Type)))
	sequence := message{}.bytes(4, message{}.bytes(1, tensor))
	output := message{}.bytes(1, name).bytes(2, sequence)
	graph := message{}.bytes(1, node).bytes(2, name).bytes(12, output)
	return message{}.int(1, 8).bytes(7, graph).bytes(8, message{}.int(2, 15))
}
