//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"context"
	"math"
	"unsafe"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
	"github.com/wasinn/wasinn/backends/onnxruntime/internal/ortshim"
)

// execution is a context for computations.
type execution struct {
	g     *graph
	run   *ortshim.Run // nil once closed
	watch watch
	seen  []uint64 // per accepted input, the turn it was last given in
	turn  uint64
}

var _ backends.ExecutionContext = (*execution)(nil)

func newExecution(g *graph, run *ortshim.Run) *execution {
	return &execution{g: g, run: run, watch: watch{run: run}, seen: make([]uint64, g.accepts.Len())}
}

// Close releases the context. Calls after the first do nothing.
func (e *execution) Close() error {
	if e.run == nil {
		return nil
	}
	e.watch.close()
	e.run.Release()
	e.run = nil
	e.g.release()
	return nil
}

// Compute runs the model once.
func (e *execution) Compute(ctx context.Context, inputs []backends.NamedTensor) ([]backends.NamedTensor, error) {
	if e.run == nil {
		return nil, backends.Errorf(backends.InvalidArgument, "the execution context is closed")
	}
	if ctx.Err() != nil {
		return nil, onnxload.Stopped(ctx, "computing")
	}
	if e.g.beyond {
		return e.computeTensors(ctx, inputs)
	}
	if err := e.feed(inputs); err != nil {
		return nil, err
	}
	if err := e.run.Compute(len(inputs), e.watch.follow(ctx)); err != nil {
		return nil, runError(ctx, err)
	}
	return e.collect()
}

// feed checks the inputs and hands them to the run. The error is *backends.Error.
func (e *execution) feed(inputs []backends.NamedTensor) error {
	e.turn++
	err := e.g.accepts.Match(inputs, e.seen, e.turn, func(slot, i int, dims []uint32) {
		t := inputs[slot].Tensor
		e.run.Feed(slot, i, int(t.Type()), dims, aligned(t))
	})
	if err != nil { // there will be no run of what has been handed over
		e.run.Discard()
	}
	return err
}

// aligned are a tensor's bytes at an address that fits its elements. A view into
// a larger buffer may start anywhere, and C++ may not read a float there.
func aligned(t *backends.Tensor) []byte {
	data := t.Data()
	size := uintptr(max(t.Type().Size(), 1))
	if uintptr(unsafe.Pointer(unsafe.SliceData(data)))%size == 0 {
		return data
	}
	buffer := make([]uint64, (len(data)+7)/8)
	copied := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(buffer))), len(data))
	copy(copied, data)
	return copied
}

// collect makes tensors of the run's outputs.
func (e *execution) collect() ([]backends.NamedTensor, error) {
	results := make([]backends.NamedTensor, len(e.g.outputs))
	for i := range results {
		t, err := e.tensor(i)
		if err != nil {
			e.dropFrom(i+1, results[:i])
			return nil, err
		}
		results[i] = backends.NamedTensor{Name: e.g.outputs[i].Name, Tensor: t}
	}
	return results, nil
}

// dropFrom releases the outputs that were made and those from the given index on.
func (e *execution) dropFrom(index int, made []backends.NamedTensor) {
	for _, m := range made {
		m.Tensor.Release()
	}
	for i := index; i < len(e.g.outputs); i++ {
		if out := e.run.Output(i); out.Owner != nil {
			out.Owner.Free()
		}
	}
}

// tensor makes a tensor of one output. The error is *backends.Error.
func (e *execution) tensor(i int) (*backends.Tensor, error) {
	out := e.run.Output(i)
	dims, ok := e.dims(i, out.Dims)
	var t *backends.Tensor
	var err error
	switch {
	case !ok:
		err = backends.Errorf(backends.TooLarge, "a dimension of %v is more than wasi-nn can say", out.Dims)
	case out.Owner == nil:
		data := make([]byte, len(out.Data))
		copy(data, out.Data)
		t, err = backends.NewTensor(dims, elementType(out.Type), data)
	default:
		t, err = backends.NewOwnedTensor(dims, elementType(out.Type), out.Data, out.Owner.Free)
	}
	if err == nil {
		return t, nil
	}
	if out.Owner != nil {
		out.Owner.Free()
	}
	return nil, backends.Errorf(codeOf(err), "output %q: %w", e.g.outputs[i].Name, err)
}

// dims are the dimensions of an output: the graph's own when they are fixed.
func (e *execution) dims(i int, found []int64) ([]uint32, bool) {
	if dims := e.g.fixedDims[i]; equalDims(dims, found) {
		return dims, true
	}
	return unsigned(found)
}

// unsigned are dimensions as tensors have them.
func unsigned(found []int64) ([]uint32, bool) {
	dims := make([]uint32, len(found))
	for k, d := range found {
		if d < 0 || d > math.MaxUint32 {
			return nil, false
		}
		dims[k] = uint32(d)
	}
	return dims, true
}

func equalDims(dims []uint32, found []int64) bool {
	if dims == nil || len(dims) != len(found) {
		return false
	}
	for i, d := range found {
		if int64(dims[i]) != d {
			return false
		}
	}
	return true
}
