package nnwit

import (
	"context"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/gen/wasi/nn/rc20241028/errors"
	graphwit "github.com/wasinn/wasinn/gen/wasi/nn/rc20241028/graph"
	"github.com/wasinn/wasinn/gen/wasi/nn/rc20241028/inference"
	tensorwit "github.com/wasinn/wasinn/gen/wasi/nn/rc20241028/tensor"
)

// The version's words, mapped by name.
var (
	codes20241028     = errorCodes[errors.ErrorCode]()
	types20241028     = tensorTypes[tensorwit.TensorType]()
	encodings20241028 = graphEncodings[graphwit.GraphEncoding]()
	targets20241028   = executionTargets[graphwit.ExecutionTarget]()
)

func fail20241028(err error) errors.Error { return newFailure(&codes20241028, err) }

type graphs20241028 = graphs[graphwit.Graph, inference.GraphExecutionContext, errors.Error, graphwit.GraphEncoding, graphwit.ExecutionTarget]

// tensors20241028 is the version's tensor interface for one guest.
type tensors20241028 struct{ tensors[tensorwit.TensorType] }

// NewTensor is the constructor.
func (ts *tensors20241028) NewTensor(_ context.Context, dims []uint32, ty tensorwit.TensorType, data []byte) (tensorwit.Tensor, error) {
	t, err := ts.make(dims, ty, data)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func addRC20241028(l *component.Linker, slot component.Slot[*guest]) error {
	if err := errors.AddToLinker(l); err != nil {
		return err
	}
	if err := inference.AddToLinker(l); err != nil {
		return err
	}
	err := tensorwit.AddToLinker(l, func(st *component.Store) (tensorwit.Host, error) {
		ts := &slot.In(st).tensors20241028
		ts.g, ts.types = slot.In(st), &types20241028
		return ts, nil
	})
	if err != nil {
		return err
	}
	return graphwit.AddToLinker(l, func(st *component.Store) (graphwit.Host, error) {
		g := slot.In(st)
		return &graphs20241028{
			g: g, encodings: &encodings20241028, targets: &targets20241028, fail: fail20241028,
			context: func(ec wasinn.ExecutionContext, infos []backends.TensorInfo) inference.GraphExecutionContext {
				return &execution20241028{g: g, ts: &g.tensors20241028.tensors, ctx: ec}
			},
		}, nil
	})
}

// execution20241028 is an execution context of the version, whose compute
// takes all inputs and gives all outputs at once.
type execution20241028 struct {
	g      *guest
	ts     *tensors[tensorwit.TensorType]
	ctx    wasinn.ExecutionContext
	named  []backends.NamedTensor  // scratch for compute
	result []inference.NamedTensor // of the last compute, for the ABI to lower before the next
}

// Compute runs the model on the inputs, which it consumes, and returns all
// outputs in the order of the model.
func (x *execution20241028) Compute(ctx context.Context, inputs []inference.NamedTensor) (r abi.Result[[]inference.NamedTensor, errors.Error], _ error) {
	err := x.compute(ctx, inputs)
	for _, in := range inputs {
		in.F1.(*tensor[tensorwit.TensorType]).release()
	}
	if err != nil {
		r.Err, r.IsErr = fail20241028(err), true
		return r, nil
	}
	r.OK = x.result
	return r, nil
}

func (x *execution20241028) compute(ctx context.Context, inputs []inference.NamedTensor) error {
	x.named = x.named[:0]
	for _, in := range inputs {
		v, err := in.F1.(*tensor[tensorwit.TensorType]).value()
		if err != nil {
			return backends.Annotate(err, "input %q", in.F0)
		}
		x.named = append(x.named, backends.NamedTensor{Name: in.F0, Tensor: v})
	}
	outs, err := x.ctx.Compute(ctx, x.named)
	clear(x.named) // the names are views of guest memory
	if err != nil {
		return err
	}
	x.result = x.result[:0]
	for i, nt := range outs {
		t, err := x.ts.of(x.g.newOutput(nt))
		if err != nil {
			x.g.session.Release(outs[i+1:]...)
			x.dropResult()
			return err
		}
		x.result = append(x.result, inference.NamedTensor{F0: nt.Name, F1: t})
	}
	return nil
}

// dropResult gives back outputs that the guest will not get.
func (x *execution20241028) dropResult() {
	for _, nt := range x.result {
		nt.F1.(*tensor[tensorwit.TensorType]).release()
	}
	x.result = x.result[:0]
}

// Drop gives the context up.
func (x *execution20241028) Drop(context.Context) error {
	x.ctx.Close()
	return nil
}
