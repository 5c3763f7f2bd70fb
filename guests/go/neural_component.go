//go:build component

package main

import (
	"unsafe"
)

// wasi-nn by way of wasi:nn, for components: the imports as the canonical ABI
// lowers them. A string or list is an address and a length, a handle is a
// uint32, and a result that does not fit one value is stored through the last
// pointer. What the host returns it places in memory from cabi_realloc, and
// gives away.

//go:wasmimport wasi:nn/tensor@0.2.0-rc-2024-10-28 [constructor]tensor
func tensorNew(dims unsafe.Pointer, rank, elementType uint32, data unsafe.Pointer, size uint32) uint32

//go:wasmimport wasi:nn/tensor@0.2.0-rc-2024-10-28 [method]tensor.dimensions
func tensorDimensions(tensor uint32, result unsafe.Pointer)

//go:wasmimport wasi:nn/tensor@0.2.0-rc-2024-10-28 [method]tensor.ty
func tensorTy(tensor uint32) uint32

//go:wasmimport wasi:nn/tensor@0.2.0-rc-2024-10-28 [method]tensor.data
func tensorData(tensor uint32, result unsafe.Pointer)

//go:wasmimport wasi:nn/tensor@0.2.0-rc-2024-10-28 [resource-drop]tensor
func tensorDrop(tensor uint32)

//go:wasmimport wasi:nn/graph@0.2.0-rc-2024-10-28 load
func graphLoad(builders unsafe.Pointer, count, encoding, target uint32, result unsafe.Pointer)

//go:wasmimport wasi:nn/graph@0.2.0-rc-2024-10-28 load-by-name
func graphLoadByName(name unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport wasi:nn/graph@0.2.0-rc-2024-10-28 [method]graph.init-execution-context
func graphInitExecutionContext(graph uint32, result unsafe.Pointer)

//go:wasmimport wasi:nn/graph@0.2.0-rc-2024-10-28 [resource-drop]graph
func graphDrop(graph uint32)

//go:wasmimport wasi:nn/inference@0.2.0-rc-2024-10-28 [method]graph-execution-context.compute
func contextCompute(context uint32, inputs unsafe.Pointer, count uint32, result unsafe.Pointer)

//go:wasmimport wasi:nn/inference@0.2.0-rc-2024-10-28 [resource-drop]graph-execution-context
func contextDrop(context uint32)

//go:wasmimport wasi:nn/errors@0.2.0-rc-2024-10-28 [method]error.code
func errorCode(err uint32) uint32

//go:wasmimport wasi:nn/errors@0.2.0-rc-2024-10-28 [method]error.data
func errorData(err uint32, result unsafe.Pointer)

//go:wasmimport wasi:nn/errors@0.2.0-rc-2024-10-28 [resource-drop]error
func errorDrop(err uint32)

const (
	onnx = 1
	cpu  = 0
	fp32 = 1
)

var elementTypes = [...]string{"FP16", "FP32", "FP64", "BF16", "U8", "I32", "I64"}

var errorCodes = [...]string{
	"invalid-argument", "invalid-encoding", "timeout", "runtime-error", "unsupported-operation",
	"too-large", "not-found", "security", "unknown",
}

// list is a list<T> or a string in memory. The type address is a pointer as
// WebAssembly sees it, which each compiler spells in its own way.
type list[T any] struct {
	items  address
	length uint32
}

// listOf passes a slice or a string's bytes inside of a struct.
func listOf[T any](pin *pinner, items *T, length int) list[T] {
	if length > 0 {
		pin.Pin(items)
	}
	return list[T]{addressOf(unsafe.Pointer(items)), uint32(length)}
}

// take copies a list that the host placed, and frees it.
func (l list[T]) take() []T {
	if l.length == 0 {
		return []T{}
	}
	items := append([]T(nil), unsafe.Slice((*T)(l.items.pointer()), l.length)...)
	free(l.items)
	return items
}

// namedTensor is a tuple<string, tensor>.
type namedTensor struct {
	name   list[byte]
	tensor uint32
}

// handleResult is a result<own, own<error>>.
type handleResult struct {
	isErr  uint8
	handle uint32
}

// get returns the handle, or the error.
func (r handleResult) get() (uint32, error) {
	if r.isErr == 0 {
		return r.handle, nil
	}
	var data list[byte]
	errorData(r.handle, unsafe.Pointer(&data))
	e := &nnError{code: errorCodes[errorCode(r.handle)], data: string(data.take())}
	errorDrop(r.handle)
	return 0, e
}

// computeResult is a result<list<named-tensor>, own<error>>. The handle of an
// error is where the address of the list would be.
type computeResult struct {
	isErr   uint8
	outputs list[namedTensor]
}

// graph is a loaded model.
type graph struct{ handle uint32 }

func loadByName(name string) (graph, error) {
	var r handleResult
	graphLoadByName(unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), unsafe.Pointer(&r))
	handle, err := r.get()
	return graph{handle}, err
}

func loadONNX(content []byte) (graph, error) {
	var p pinner
	defer p.Unpin()
	builder := listOf(&p, unsafe.SliceData(content), len(content))
	var r handleResult
	graphLoad(unsafe.Pointer(&builder), 1, onnx, cpu, unsafe.Pointer(&r))
	handle, err := r.get()
	return graph{handle}, err
}

func (g graph) initExecutionContext() (context, error) {
	var r handleResult
	graphInitExecutionContext(g.handle, unsafe.Pointer(&r))
	handle, err := r.get()
	return context{handle}, err
}

func (g graph) drop() { graphDrop(g.handle) }

// context is an execution context of a graph.
type context struct{ handle uint32 }

// compute computes with one FP32 input and returns all of the model's outputs.
// The tensor is handed over to the host.
func (c context) compute(name string, dims []uint32, values []float32) ([]output, error) {
	var p pinner
	defer p.Unpin()
	input := namedTensor{
		listOf(&p, unsafe.StringData(name), len(name)),
		tensorNew(unsafe.Pointer(unsafe.SliceData(dims)), uint32(len(dims)), fp32,
			unsafe.Pointer(unsafe.SliceData(values)), uint32(4*len(values))),
	}
	var r computeResult
	contextCompute(c.handle, unsafe.Pointer(&input), 1, unsafe.Pointer(&r))
	if r.isErr != 0 {
		_, err := handleResult{r.isErr, uint32(uintptr(r.outputs.items.pointer()))}.get()
		return nil, err
	}
	var outputs []output
	for _, t := range r.outputs.take() {
		outputs = append(outputs, takeOutput(t))
	}
	return outputs, nil
}

func (c context) drop() { contextDrop(c.handle) }

func takeOutput(t namedTensor) output {
	var dims list[uint32]
	var data list[byte]
	tensorDimensions(t.tensor, unsafe.Pointer(&dims))
	tensorData(t.tensor, unsafe.Pointer(&data))
	o := output{string(t.name.take()), elementTypes[tensorTy(t.tensor)], dims.take(), data.take()}
	tensorDrop(t.tensor)
	return o
}
