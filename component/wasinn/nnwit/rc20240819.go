package nnwit

import (
	"context"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/gen/wasi/nn/rc20240819/errors"
	graphwit "github.com/wasinn/wasinn/gen/wasi/nn/rc20240819/graph"
	"github.com/wasinn/wasinn/gen/wasi/nn/rc20240819/inference"
	tensorwit "github.com/wasinn/wasinn/gen/wasi/nn/rc20240819/tensor"
)

// The version's words, mapped by name.
var (
	codes20240819     = errorCodes[errors.ErrorCode]()
	types20240819     = tensorTypes[tensorwit.TensorType]()
	encodings20240819 = graphEncodings[graphwit.GraphEncoding]()
	targets20240819   = executionTargets[graphwit.ExecutionTarget]()
)

func fail20240819(err error) errors.Error { return newFailure(&codes20240819, err) }

type graphs20240819 = graphs[graphwit.Graph, inference.GraphExecutionContext, errors.Error, graphwit.GraphEncoding, graphwit.ExecutionTarget]

// tensors20240819 is the version's tensor interface for one guest.
type tensors20240819 struct{ tensors[tensorwit.TensorType] }

// NewTensor is the constructor.
func (ts *tensors20240819) NewTensor(_ context.Context, dims []uint32, ty tensorwit.TensorType, data []byte) (tensorwit.Tensor, error) {
	t, err := ts.make(dims, ty, data)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func addRC20240819(l *component.Linker, slot component.Slot[*guest]) error {
	if err := errors.AddToLinker(l); err != nil {
		return err
	}
	if err := inference.AddToLinker(l); err != nil {
		return err
	}
	err := tensorwit.AddToLinker(l, func(st *component.Store) (tensorwit.Host, error) {
		ts := &slot.In(st).tensors20240819
		ts.g, ts.types = slot.In(st), &types20240819
		return ts, nil
	})
	if err != nil {
		return err
	}
	return graphwit.AddToLinker(l, func(st *component.Store) (graphwit.Host, error) {
		g := slot.In(st)
		return &graphs20240819{
			g: g, encodings: &encodings20240819, targets: &targets20240819, fail: fail20240819,
			context: func(ec wasinn.ExecutionContext, infos []backends.TensorInfo) inference.GraphExecutionContext {
				return &byName[tensorwit.Tensor, errors.Error, tensorwit.TensorType]{g: g, ts: &g.tensors20240819.tensors, fail: fail20240819, ctx: ec, infos: infos}
			},
		}, nil
	})
}
