package nnwit

import (
	"context"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/gen/wasi/nn/rc20240625/errors"
	graphwit "github.com/wasinn/wasinn/gen/wasi/nn/rc20240625/graph"
	"github.com/wasinn/wasinn/gen/wasi/nn/rc20240625/inference"
	tensorwit "github.com/wasinn/wasinn/gen/wasi/nn/rc20240625/tensor"
)

// The version's words, mapped by name.
var (
	codes20240625     = errorCodes[errors.ErrorCode]()
	types20240625     = tensorTypes[tensorwit.TensorType]()
	encodings20240625 = graphEncodings[graphwit.GraphEncoding]()
	targets20240625   = executionTargets[graphwit.ExecutionTarget]()
)

func fail20240625(err error) errors.Error { return newFailure(&codes20240625, err) }

type graphs20240625 = graphs[graphwit.Graph, inference.GraphExecutionContext, errors.Error, graphwit.GraphEncoding, graphwit.ExecutionTarget]

// tensors20240625 is the version's tensor interface for one guest.
type tensors20240625 struct{ tensors[tensorwit.TensorType] }

// NewTensor is the constructor.
func (ts *tensors20240625) NewTensor(_ context.Context, dims []uint32, ty tensorwit.TensorType, data []byte) (tensorwit.Tensor, error) {
	t, err := ts.make(dims, ty, data)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// failures20240625 is the version's errors interface for one guest: the only
// one in which guests make errors.
type failures20240625 struct{ g *guest }

// NewError is the constructor.
func (f failures20240625) NewError(_ context.Context, code errors.ErrorCode, data string) (errors.Error, error) {
	e, err := newGuestFailure(f.g.session, code, data)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func addRC20240625(l *component.Linker, slot component.Slot[*guest]) error {
	err := errors.AddToLinker(l, func(st *component.Store) (errors.Host, error) {
		return failures20240625{slot.In(st)}, nil
	})
	if err != nil {
		return err
	}
	if err := inference.AddToLinker(l); err != nil {
		return err
	}
	err = tensorwit.AddToLinker(l, func(st *component.Store) (tensorwit.Host, error) {
		ts := &slot.In(st).tensors20240625
		ts.g, ts.types = slot.In(st), &types20240625
		return ts, nil
	})
	if err != nil {
		return err
	}
	return graphwit.AddToLinker(l, func(st *component.Store) (graphwit.Host, error) {
		g := slot.In(st)
		return &graphs20240625{
			g: g, encodings: &encodings20240625, targets: &targets20240625, fail: fail20240625,
			context: func(ec wasinn.ExecutionContext, infos []backends.TensorInfo) inference.GraphExecutionContext {
				return &byName[tensorwit.Tensor, errors.Error, tensorwit.TensorType]{g: g, ts: &g.tensors20240625.tensors, fail: fail20240625, ctx: ec, infos: infos}
			},
		}, nil
	})
}
