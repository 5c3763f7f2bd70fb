package onnxcases

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/valuediff"
)

// Loader makes of a case's model something that computes.
type Loader interface {
	Load(ctx context.Context, l *Loaded) (Computer, error)
}

// Computer computes as [backends.ValueComputer] does.
type Computer interface {
	Compute(ctx context.Context, inputs []backends.NamedValue) ([]backends.NamedValue, error)
	Close() error
}

// Skip is the error of a case that cannot be run in the way that was asked for.
type Skip struct{ Reason string }

// Error returns the reason.
func (s *Skip) Error() string { return s.Reason }

// Run computes every data set of a case and compares what comes out. The error
// is a *[Skip], or says which step failed.
func (l *Loaded) Run(ctx context.Context, by Loader) (err error) {
	c, err := by.Load(ctx, l)
	if err != nil {
		return step("load", err)
	}
	defer func() {
		if closing := c.Close(); err == nil && closing != nil {
			err = step("close", closing)
		}
	}()
	for _, s := range l.Sets {
		if err := l.runSet(ctx, c, s); err != nil {
			if len(l.Sets) > 1 {
				return step(s.Name, err)
			}
			return err
		}
	}
	return nil
}

func step(name string, err error) error {
	var skip *Skip
	if errors.As(err, &skip) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (l *Loaded) runSet(ctx context.Context, c Computer, s Set) error {
	out, err := c.Compute(ctx, s.Inputs)
	if err != nil {
		return step("compute", err)
	}
	defer func() {
		for _, o := range out {
			o.Value.Release()
		}
	}()
	if len(out) != len(s.Outputs) {
		return fmt.Errorf("%d outputs, expected %d", len(out), len(s.Outputs))
	}
	tolerance := valuediff.Tolerance{RTol: l.RTol, ATol: l.ATol}
	for i := range out {
		if err := tolerance.Compare(out[i].Value, s.Outputs[i].Value).Err(); err != nil {
			return fmt.Errorf("output %q: %w", s.Outputs[i].Name, err)
		}
	}
	return nil
}

// Host has an engine compute in this process.
func Host(engine backends.Backend) Loader { return host{backends.NewSet(engine), engine.Name()} }

type host struct {
	set  *backends.Set
	name string
}

// Load asks for more than tensors of basic types only where the model has more,
// so that the others go the way that a guest's go.
func (h host) Load(ctx context.Context, l *Loaded) (Computer, error) {
	opts := backends.LoadOptions{Encoding: backends.ONNX, Path: l.Path, Values: !l.Plain()}
	g, _, err := h.set.Load(ctx, h.name, [][]byte{l.Bytes}, opts)
	if err != nil {
		return nil, err
	}
	c, err := g.NewContext(ctx)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return &hosted{g, c, opts.Values}, nil
}

// Plain tells whether all inputs and outputs are tensors of basic types.
func (l *Loaded) Plain() bool {
	for _, infos := range [][]backends.ValueInfo{l.Model.Inputs, l.Model.Outputs} {
		for _, info := range infos {
			if info.Kind != backends.TensorKind || !info.Type.Basic() {
				return false
			}
		}
	}
	return true
}

// hosted is a graph and its one context.
type hosted struct {
	graph   backends.Graph
	context backends.ExecutionContext
	values  bool
}

func (h *hosted) Close() error { return errors.Join(h.context.Close(), h.graph.Close()) }

func (h *hosted) Compute(ctx context.Context, inputs []backends.NamedValue) ([]backends.NamedValue, error) {
	if h.values {
		return h.context.(backends.ValueComputer).ComputeValues(ctx, inputs)
	}
	tensors := make([]backends.NamedTensor, len(inputs))
	for i, in := range inputs {
		tensors[i] = backends.NamedTensor{Name: in.Name, Tensor: in.Value.(*backends.Tensor)}
	}
	out, err := h.context.Compute(ctx, tensors)
	if err != nil {
		return nil, err
	}
	values := make([]backends.NamedValue, len(out))
	for i, o := range out {
		values[i] = backends.NamedValue{Name: o.Name, Value: o.Tensor}
	}
	return values, nil
}
