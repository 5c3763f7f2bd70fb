package nnwit

import (
	"context"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasinn"
)

// byName is an execution context of the versions that set inputs and get
// outputs one by one: it keeps them between the calls. Ten and Err are the
// version's interfaces tensor and error, T its tensor-type.
type byName[Ten, Err any, T enum] struct {
	g     *guest
	ts    *tensors[T]
	fail  func(error) Err
	ctx   wasinn.ExecutionContext
	infos []backends.TensorInfo

	names    []string // of the inputs that are set, each once
	inputs   []*tensor[T]
	named    []backends.NamedTensor // scratch for compute
	computed bool
	outs     []backends.NamedTensor
	outputs  []*output // outs, shared with the tensors that the guest has got
}

// SetInput sets an input, in place of one set before, and consumes the tensor.
func (x *byName[Ten, Err, T]) SetInput(_ context.Context, name string, t Ten) (abi.Result[abi.Unit, Err], error) {
	return x.unit(x.setInput(name, any(t).(*tensor[T]))), nil
}

func (x *byName[Ten, Err, T]) unit(err error) (r abi.Result[abi.Unit, Err]) {
	if err != nil {
		r.Err, r.IsErr = x.fail(err), true
	}
	return r
}

func (x *byName[Ten, Err, T]) setInput(name string, t *tensor[T]) error {
	name, err := x.inputName(name)
	if err == nil && t.invalid != nil {
		err = backends.Annotate(t.invalid, "input %q", name)
	}
	if err != nil {
		t.release()
		return err
	}
	if i := slices.Index(x.names, name); i >= 0 {
		x.inputs[i].release()
		x.inputs[i] = t
		return nil
	}
	x.names, x.inputs = append(x.names, strings.Clone(name)), append(x.inputs, t)
	return nil
}

// maxOpenInputs bounds the inputs of a model that does not say which it has.
const maxOpenInputs = 256

// inputName is the model's own name for an input, as far as it is known.
func (x *byName[Ten, Err, T]) inputName(name string) (string, error) {
	if len(x.infos) == 0 {
		if len(x.names) >= maxOpenInputs {
			return "", backends.Errorf(backends.TooLarge, "%d inputs are set, as many as may be", len(x.names))
		}
		return name, nil
	}
	i, ok := wasinn.Resolve(x.infos, name)
	if !ok {
		return "", backends.Errorf(backends.InvalidArgument, "the model has no input %q", strings.Clone(name))
	}
	return x.infos[i].Name, nil
}

// Compute runs the model on the inputs that are set, which stay. The outputs
// of an earlier run that the guest has not got go first.
func (x *byName[Ten, Err, T]) Compute(ctx context.Context) (abi.Result[abi.Unit, Err], error) {
	return x.unit(x.compute(ctx)), nil
}

func (x *byName[Ten, Err, T]) compute(ctx context.Context) error {
	x.dropOutputs()
	x.named = x.named[:0]
	for i, t := range x.inputs {
		v, err := t.value()
		if err != nil {
			return backends.Annotate(err, "input %q", x.names[i])
		}
		x.named = append(x.named, backends.NamedTensor{Name: x.names[i], Tensor: v})
	}
	outs, err := x.ctx.Compute(ctx, x.named)
	if err != nil {
		return err
	}
	x.computed = true
	x.outs = append(x.outs[:0], outs...)
	for _, nt := range outs {
		x.outputs = append(x.outputs, x.g.newOutput(nt))
	}
	return nil
}

func (x *byName[Ten, Err, T]) dropOutputs() {
	for _, o := range x.outputs {
		x.g.releaseOutput(o)
	}
	x.outputs, x.outs, x.computed = x.outputs[:0], x.outs[:0], false
}

// GetOutput makes a tensor of an output of the last run. It shares the
// engine's bytes: asking again copies nothing.
func (x *byName[Ten, Err, T]) GetOutput(_ context.Context, name string) (r abi.Result[Ten, Err], _ error) {
	t, err := x.output(name)
	if err != nil {
		r.Err, r.IsErr = x.fail(err), true
		return r, nil
	}
	r.OK = any(t).(Ten)
	return r, nil
}

func (x *byName[Ten, Err, T]) output(name string) (*tensor[T], error) {
	if !x.computed {
		return nil, backends.Errorf(backends.RuntimeError, "there are no outputs: compute first")
	}
	i, ok := wasinn.ResolveOutput(x.outs, name)
	if !ok {
		return nil, backends.Errorf(backends.InvalidArgument, "the model has no output %q", strings.Clone(name))
	}
	o := x.outputs[i]
	o.refs++
	return x.ts.of(o)
}

// Drop gives the context up, with the inputs and outputs that it keeps.
func (x *byName[Ten, Err, T]) Drop(context.Context) error {
	for _, t := range x.inputs {
		t.release()
	}
	x.inputs = nil
	x.dropOutputs()
	x.ctx.Close()
	return nil
}
