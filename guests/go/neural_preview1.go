//go:build !component

package main

import (
	"unsafe"
)

// wasi-nn by way of wasi_ephemeral_nn, for preview 1 modules. Each function
// returns an errno and stores its result through the last pointer on success.
// The interface has no function that drops a handle and none that names or
// describes outputs.

//go:wasmimport wasi_ephemeral_nn load
func nnLoad(builders unsafe.Pointer, count, encoding, target uint32, graph unsafe.Pointer) uint32

//go:wasmimport wasi_ephemeral_nn load_by_name
func nnLoadByName(name unsafe.Pointer, length uint32, graph unsafe.Pointer) uint32

//go:wasmimport wasi_ephemeral_nn init_execution_context
func nnInitExecutionContext(graph uint32, context unsafe.Pointer) uint32

//go:wasmimport wasi_ephemeral_nn set_input
func nnSetInput(context, index uint32, tensor unsafe.Pointer) uint32

//go:wasmimport wasi_ephemeral_nn compute
func nnCompute(context uint32) uint32

//go:wasmimport wasi_ephemeral_nn get_output
func nnGetOutput(context, index uint32, buffer unsafe.Pointer, size uint32, written unsafe.Pointer) uint32

const (
	onnx     = 1
	cpu      = 0
	f32      = 1
	tooLarge = 7
	maxSize  = 1 << 30
)

// errnoCodes are WIT's names of the errnos, where WIT has one.
var errnoCodes = [...]string{
	"success", "invalid-argument", "invalid-encoding", "missing-memory", "busy",
	"runtime-error", "unsupported-operation", "too-large", "not-found",
}

func check(errno uint32) error {
	switch {
	case errno == 0:
		return nil
	case errno < uint32(len(errnoCodes)):
		return &nnError{code: errnoCodes[errno]}
	default:
		return &nnError{code: "unknown"}
	}
}

// address returns where p points as WebAssembly sees it. What is passed inside
// of structs goes as such a number: Go's own pointers have 64 bits. p is pinned,
// since the garbage collector does not see it there.
func address[T any](pin *pinner, p *T) uint32 {
	if p != nil {
		pin.Pin(p)
	}
	return uint32(uintptr(unsafe.Pointer(p)))
}

// graph is a loaded model.
type graph struct{ handle uint32 }

func loadByName(name string) (g graph, err error) {
	err = check(nnLoadByName(unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), unsafe.Pointer(&g.handle)))
	return g, err
}

func loadONNX(content []byte) (g graph, err error) {
	var p pinner
	defer p.Unpin()
	builder := [2]uint32{address(&p, unsafe.SliceData(content)), uint32(len(content))}
	err = check(nnLoad(unsafe.Pointer(&builder), 1, onnx, cpu, unsafe.Pointer(&g.handle)))
	return g, err
}

func (g graph) initExecutionContext() (c context, err error) {
	err = check(nnInitExecutionContext(g.handle, unsafe.Pointer(&c.handle)))
	return c, err
}

func (g graph) drop() {}

// context is an execution context of a graph.
type context struct{ handle uint32 }

// compute computes with one FP32 input and returns the first output, since the
// interface cannot tell how many there are.
func (c context) compute(_ string, dims []uint32, values []float32) ([]output, error) {
	var p pinner
	defer p.Unpin()
	tensor := struct {
		dims, rank  uint32
		elementType uint8
		data, size  uint32
	}{
		address(&p, unsafe.SliceData(dims)), uint32(len(dims)),
		f32,
		address(&p, unsafe.SliceData(values)), uint32(4 * len(values)),
	}
	if err := check(nnSetInput(c.handle, 0, unsafe.Pointer(&tensor))); err != nil {
		return nil, err
	}
	if err := check(nnCompute(c.handle)); err != nil {
		return nil, err
	}
	data, err := c.output(0)
	return []output{{data: data}}, err
}

// output fetches an output into a buffer that grows until the host finds it
// large enough.
func (c context) output(index uint32) ([]byte, error) {
	size := uint32(4096)
	for {
		buffer := make([]byte, size)
		var written uint32
		errno := nnGetOutput(c.handle, index, unsafe.Pointer(unsafe.SliceData(buffer)), size, unsafe.Pointer(&written))
		switch {
		case errno == 0 && written <= size:
			return buffer[:written], nil
		case errno != tooLarge || size >= maxSize:
			return nil, check(max(errno, 1))
		case written > size && written <= maxSize:
			size = written // some hosts tell the size that is needed
		default:
			size *= 2
		}
	}
}

func (c context) drop() {}
